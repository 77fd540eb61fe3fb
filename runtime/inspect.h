/* runtime/inspect.h: what a checkpoint holds for a job, for people; also while a query runs on it. */
#ifndef MR_RUNTIME_INSPECT_H
#define MR_RUNTIME_INSPECT_H

#include "runtime/job.h"

struct mr_inspected { /* a stateful operator */
    int id;           /* as in keys of state and in messages */
    const char *name; /* as in progress; the job's */
    int64_t rows;     /* live keys */
    bool shown;       /* mr_inspect_state shows them */
};
/* Refused (like the query itself) when the job is not one that the checkpoint could go on with. The arena
 * holds the list. The checkpoint may be read-only. */
int mr_inspect_operators(struct mr_job *job, struct mr_checkpoint *checkpoint, struct mr_arena *arena,
                         struct mr_inspected **out, int *count, struct mr_error *error);
/* Rows STRUCT<key, value> of one operator's state, first an empty batch that tells the type; the batch stays
 * ours. each returns MR_OK, or what ends it. MR_E_USAGE: no such operator, it shows nothing, or has other
 * sides. */
enum mr_inspect_side { MR_INSPECT_ALL, MR_INSPECT_LEFT, MR_INSPECT_RIGHT }; /* of joins: not ALL */
int mr_inspect_state(struct mr_job *job, struct mr_checkpoint *checkpoint, int id, enum mr_inspect_side side,
                     int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error), void *ctx,
                     struct mr_error *error);

#endif
