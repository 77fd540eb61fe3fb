/* runtime/job.h: a planned query: a DAG of nodes between sources and sinks.
 *
 * Made by the planner (sql/) or the C API, read-only while it runs. It owns its opened sources and sinks. */
#ifndef MR_RUNTIME_JOB_H
#define MR_RUNTIME_JOB_H

#include "operators/operator.h"
#include "sinks/sink.h"
#include "sources/source.h"

struct mr_static_side; /* runtime/static_side.h */
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
    struct mr_static_side **sides; /* what streams of the job are joined with, read by jobs of their own */
    int side_count;
    bool varies; /* the rows depend on the time or on chance; of the job of a static side, by the planner */
    enum mr_output_mode mode;
    enum mr_watermark_policy watermark_policy;
    bool no_data_batches;         /* spark.sql.streaming.noDataMicroBatches.enabled */
    bool allow_late_loss;         /* spark.sql.streaming.statefulOperator.checkCorrectness.enabled = false */
    const struct mr_type *output; /* schema of the rows the sinks get */
    int source_capacity, node_capacity, sink_capacity, side_capacity, stateful_count; /* of the builder */
};
void mr_job_init(struct mr_job *job);
void mr_job_release(struct mr_job *job); /* closes sources and sinks */

/* ---- building, used by planner and API. New objects live in job->arena; NULL/negative only without memory,
 * where nothing else is said. ---- */
/* A source of the given type, not opened; the caller fills in options and the rest. name: what checkpoints
 * and messages call it, unique in the job; copied. */
struct mr_source *mr_job_new_source(struct mr_job *job, const struct mr_source_type *type, const char *name,
                                    struct mr_error *error);
/* Calls the type's open; once it has succeeded the job owns the source. */
int mr_job_open_source(struct mr_job *job, struct mr_source *source, struct mr_error *error);
/* A reader of an opened source. Several nodes may read one source: it is read once. */
struct mr_node *mr_job_add_source_node(struct mr_job *job, struct mr_source *source);
/* config, inputs' nodes and output must live as long as the job; the array `inputs` is copied. */
struct mr_node *mr_job_add_node(struct mr_job *job, const struct mr_operator_type *type, const void *config,
                                const struct mr_node *const *inputs, int input_count,
                                const struct mr_type *output);
/* For KEYED nodes: the key columns of one input; copied. */
int mr_job_set_exchange(struct mr_job *job, struct mr_node *node, int input, const int *columns, int count,
                        struct mr_error *error);
/* Refuses rows that lack part of their row key, which a sink with MR_SINK_BY_KEY needs. */
int mr_job_check_row_key(const struct mr_node *node, const char *name, struct mr_error *error);
/* A sink of the given type behind `input`; name unique in the job; options are copied shallowly. Opened by
 * mr_query_open. MR_E_USAGE when the type does not take the job's output mode (set mode before). */
int mr_job_add_sink(struct mr_job *job, const struct mr_node *input, const struct mr_sink_type *type,
                    const char *name, const struct mr_option *options, int option_count,
                    struct mr_error *error);
/* Makes an opened source of `from` one of `to`. */
int mr_job_move_source(struct mr_job *from, struct mr_job *to, struct mr_source *source,
                       struct mr_error *error);
/* A static side, with a job of its own for the caller to fill: its last node is a staticTable, with these
 * rows. name: what is read, for messages; lives as long as the job. */
int mr_job_add_static_side(struct mr_job *job, const char *name, struct mr_static_side **out,
                           struct mr_error *error);
struct mr_job *mr_static_side_job(struct mr_static_side *side);
struct mr_static_rows *mr_static_side_rows(struct mr_static_side *side);
/* What may not change against a checkpoint (restart rules): stateful nodes with their fingerprints, sources
 * by name and type; JSON. */
void mr_job_fingerprint(const struct mr_job *job, struct mr_text *out);
/* Compares what a checkpoint was written with to this job: MR_OK, or which part must not have changed. */
int mr_job_check_fingerprint(const struct mr_job *job, struct mr_str recorded, struct mr_error *error);

#endif
