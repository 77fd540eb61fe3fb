/* checkpoints/replay.h: a retained copy becomes the checkpoint of a new query.
 *
 * open, then the caller gives the sink's target the register the copy expects, under the new id, then finish.
 * Killed anywhere, the same replay may be asked for again, and goes on; a target that had the register
 * already is recognised by it. */
#ifndef MR_CHECKPOINTS_REPLAY_H
#define MR_CHECKPOINTS_REPLAY_H

#include "checkpoints/checkpoint.h"

struct mr_replay;
struct mr_replayed_sink { /* the only sink of the query */
    struct mr_str name_before, name;
    struct mr_register
        expected; /* what its target must hold under the new id; the decision's id is the old */
};
/* Copies what <path> retained of `batch` to <target> (NULL: path itself, whose checkpoint it will replace),
 * draws a new query id, gives the query's sink this name (size 0: it keeps its own), and holds the lock of
 * the target. MR_END: that replay has been finished before, into another target; *out is NULL. MR_E_USAGE:
 * nothing retained, or the target has a checkpoint. Another replay unfinished there:
 * CHECKPOINT_REPLAY_UNFINISHED. MR_E_UNSUPPORTED: a query of several sinks. */
int mr_replay_open(struct mr_replay **out, const char *path, int64_t batch, const char *target,
                   struct mr_str sink, struct mr_error *error);
/* The id drawn; before: that of the query whose checkpoint was retained (text only). */
const struct mr_query_id *mr_replay_query_id(const struct mr_replay *replay, bool before);
const struct mr_replayed_sink *mr_replay_sink(const struct mr_replay *replay);
/* The copy takes the place of the target's checkpoint; copies retained of later batches go. */
int mr_replay_finish(struct mr_replay *replay, struct mr_error *error);
void mr_replay_close(struct mr_replay *replay); /* NULL is fine */
/* A replay into the checkpoint at path was begun and not finished: no query may run on it. */
bool mr_replay_is_unfinished(const char *path);

#endif
