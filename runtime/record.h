/* runtime/record.h: what a decision records about the run (the checkpoint keeps it as text). Private to this
 * room.
 *
 * {"version":1,"batch":7,"time":…,"seed":…,"offsets":[{"source":"s","end":<the source's JSON, or null>}],
 *  "static":[{"source":"t","read":<JSON>}],
 *  "watermark":{"policy":"min","previous":…,"next":…,"operators":[…,null]},"fingerprint":{…}}
 * batch, time (microseconds) and seed are those of the last micro-batch the decision covers (invariant 10);
 * static, where there is any: what the static sides of joins were read up to for that micro-batch;
 * previous is the watermark that micro-batch ran with, next the one the next will run with; operators: per
 * watermark operator, null where it has not had a turn. Milliseconds. */
#ifndef MR_RUNTIME_RECORD_H
#define MR_RUNTIME_RECORD_H

#include "runtime/watermark.h"

struct mr_record {
    int64_t batch; /* -1: nothing decided yet */
    int64_t time_us;
    uint64_t seed;
    struct mr_str *offsets; /* per source of the job; size 0: none yet. In the arena given to parse */
    struct mr_str fingerprint;
};
/* offsets: one per source of the job. */
void mr_record_write(struct mr_text *out, const struct mr_record *record, const struct mr_job *job,
                     const struct mr_watermark *watermark);
/* Reads a record back into record and watermark, after checking that the job may go on from it. */
int mr_record_parse(struct mr_record *record, struct mr_watermark *watermark, const struct mr_job *job,
                    struct mr_str text, struct mr_arena *arena, struct mr_error *error);

#endif
