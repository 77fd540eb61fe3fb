/* runtime/job.h: a planned query: a DAG of nodes between sources and sinks.
 *
 * Made by the planner (sql/) or the C API, read-only while it runs. It owns its opened sources and sinks. */
#ifndef MR_RUNTIME_JOB_H
#define MR_RUNTIME_JOB_H

#include "operators/operator.h"
#include "sinks/sink.h"
#include "sources/source.h"

enum mr_watermark_policy { MR_WATERMARK_MIN, MR_WATERMARK_MAX };

struct mr_job {
    struct mr_arena arena; /* nodes, configs, expressions, schemas */
    struct mr_session session;
    struct mr_node **nodes; /* inputs before consumers */
    int node_count;
    struct mr_source **sources; /* opened: their schemas are known */
    int source_count;
    struct mr_sink **sinks;
    int sink_count;
    enum mr_output_mode mode;
    enum mr_watermark_policy watermark_policy;
    bool no_data_batches;         /* spark.sql.streaming.noDataMicroBatches.enabled */
    const struct mr_type *output; /* schema of the rows the sinks get */
};
void mr_job_init(struct mr_job *job);
void mr_job_release(struct mr_job *job); /* closes sources and sinks */

/* ---- building, used by planner and API. New objects live in job->arena; NULL/negative only without memory.
 * ---- */
struct mr_node *mr_job_add_source_node(struct mr_job *job, struct mr_source *source);
struct mr_node *mr_job_add_node(struct mr_job *job, const struct mr_operator_type *type, const void *config,
                                const struct mr_node *const *inputs, int input_count,
                                const struct mr_type *output);
/* For KEYED nodes: the key columns of one input. */
int mr_job_set_exchange(struct mr_job *job, struct mr_node *node, int input, const int *columns, int count,
                        struct mr_error *error);
/* A sink of the given type behind `input`; name unique in the job. Opened by mr_query_open. */
int mr_job_add_sink(struct mr_job *job, const struct mr_node *input, const struct mr_sink_type *type,
                    const char *name, const struct mr_option *options, int option_count,
                    struct mr_error *error);
/* What may not change against a checkpoint (restart rules): stateful nodes with their fingerprints, sources
 * by name; JSON. */
void mr_job_fingerprint(const struct mr_job *job, struct mr_text *out);

#endif
