/* sinks/delta_restore.h: a Delta table as it was when a query had published a batch, for a replay from there.
 */
#ifndef MR_SINKS_DELTA_RESTORE_H
#define MR_SINKS_DELTA_RESTORE_H

#include "checkpoints/checkpoint.h"

struct mr_delta_restore {
    const char *table;        /* the table the query wrote */
    const char *into;         /* a new table, which gets links to (or copies of) its files; NULL: itself */
    const char *before, *now; /* query ids: whose batch it is, and who goes on from there */
    struct mr_str sink_before, sink; /* its name in the one and in the other */
    struct mr_register register_of;  /* the batch: what the register was, and will be for the new query */
};
/* One commit: the files (and the schema) of the version that published the batch, the register of the new
 * query, and one of the old query that none of its checkpoints knows. Done before: MR_OK all the same. What
 * others wrote since is undone with it. DELTA_VERSION_NOT_FOUND: the log does not reach back so far;
 * DELTA_FILE_NOT_FOUND: files have been vacuumed. */
int mr_delta_sink_restore(const struct mr_delta_restore *restore, int64_t *version, struct mr_error *error);

#endif
