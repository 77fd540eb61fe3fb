/* runtime/progress.h: what a micro-batch did, as Spark's StreamingQueryProgress. */
#ifndef MR_RUNTIME_PROGRESS_H
#define MR_RUNTIME_PROGRESS_H

#include "operators/operator.h"
#include "sources/source.h"

struct mr_source_progress {
    const char *description;
    struct mr_str start_offset, end_offset, latest_offset; /* JSON; size 0: null */
    int64_t rows;
    int64_t backlog_files, backlog_bytes; /* -1 unknown */
    struct mr_source_lag lag;
};
struct mr_operator_progress {
    const char *name;
    struct mr_operator_metrics metrics; /* summed over instances */
    int partitions;
};
struct mr_expectation_progress {
    const char *name;
    int64_t passed, failed;
};
struct mr_progress {
    const char *id, *run_id, *name; /* UUIDs */
    int64_t timestamp_us;           /* start of the micro-batch, wall clock */
    int64_t batch;
    int64_t duration_us;
    int64_t
        since_previous_us; /* between the starts of this micro-batch and the one before; -1: there is none */
    int64_t rows;
    bool has_event_time; /* some row had one */
    bool has_watermark;  /* the query has a watermark at all */
    struct mr_event_time event_time;
    int64_t watermark_us; /* the watermark the batch ran with; 0 (1970) in the first */
    const struct mr_source_progress *sources;
    int source_count;
    const struct mr_operator_progress *operators; /* stateful ones, downstream first */
    int operator_count;
    const struct mr_expectation_progress *expectations;
    int expectation_count;
    const char *sink_description;
    int64_t sink_rows; /* -1 unknown */
    /* Where the time went, microseconds. */
    int64_t plan_us, execute_us, prepare_us, decide_us;
    bool decided_here; /* last micro-batch of its decision */
};
/* One line of JSON, without newline, as Spark prints it (maps sorted, empty maps left out, rates rounded to
 * one digit half up); expectations under "observedMetrics". */
void mr_progress_json(const struct mr_progress *progress, struct mr_text *out);

#endif
