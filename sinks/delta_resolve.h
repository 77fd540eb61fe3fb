/* sinks/delta_resolve.h: the rows that a batch in output mode update replaces, taken out of the table. */
#ifndef MR_SINKS_DELTA_RESOLVE_H
#define MR_SINKS_DELTA_RESOLVE_H

#include "sinks/delta.h"

struct mr_delta_resolution; /* of one manifest; several attempts */
/* s and manifest must outlive it. Free *out also after an error. */
int mr_delta_resolution_new(struct mr_delta_resolution **out, struct mr_delta_sink *s,
                            const struct mr_delta_manifest *manifest, struct mr_error *error);
void mr_delta_resolution_free(struct mr_delta_resolution *resolution); /* NULL is fine */
/* Appends the removes of the files that hold rows with keys of the batch, and the adds of what takes their
 * place: the other rows of those files, written and fsynced now. The batch's own adds are the caller's. */
int mr_delta_resolution_print(struct mr_delta_resolution *resolution,
                              const struct mr_delta_snapshot *snapshot, struct mr_text *actions,
                              struct mr_error *error);
/* Files the last print removed and added. */
void mr_delta_resolution_counts(const struct mr_delta_resolution *resolution, int64_t *removed,
                                int64_t *added);

#endif
