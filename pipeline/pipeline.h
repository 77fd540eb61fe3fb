/* pipeline/pipeline.h: a project's datasets and flows, checked and run.
 *
 * A dataset is a streaming table, a materialized view, a (temporary) view, or a table of the outside world. A
 * flow is one query that fills a streaming table; each runs as one streaming query with a checkpoint of its
 * own. A materialized view is recomputed whole, in one commit, from what its inputs hold, and not at all
 * while they are unchanged. Names, places and messages are those of spark-pipelines. */
#ifndef MR_PIPELINE_PIPELINE_H
#define MR_PIPELINE_PIPELINE_H

#include "pipeline/project.h"
#include "runtime/progress.h"
#include "runtime/query.h"
#include "sql/sql.h"
#include "expressions/expression.h"

enum mr_dataset_kind {
    MR_STREAMING_TABLE,
    MR_MATERIALIZED_VIEW,
    MR_VIEW,           /* a name for a query; nothing is stored */
    MR_EXTERNAL_TABLE, /* CREATE TABLE … USING json LOCATION …: read, never written */
    MR_SINK            /* CREATE SINK … USING kafka OPTIONS (…): written by flows, never read */
};
struct mr_flow;
struct mr_dataset {
    enum mr_dataset_kind kind;
    const char *catalog, *database, *name;
    const char *full_name; /* "spark_catalog.default.orders" */
    const char *path;      /* folder of the table; NULL for views */
    const struct mr_sql_statement *statement;
    const struct mr_sql_text *origin;
    const struct mr_type *schema; /* of its rows; known once checked */
    struct mr_flow **flows; /* that write it: of a streaming table any number, of a materialized view one */
    int flow_count;
    bool private_; /* stored, but of no interest to others */
    /* while checking */
    bool checking, checked;
};
enum mr_flow_state {
    MR_FLOW_QUEUED,
    MR_FLOW_PLANNING,
    MR_FLOW_STARTING,
    MR_FLOW_RUNNING,
    MR_FLOW_COMPLETED,
    MR_FLOW_FAILED,
    MR_FLOW_SKIPPED,  /* an upstream flow failed */
    MR_FLOW_EXCLUDED, /* not selected by --refresh */
    MR_FLOW_STOPPED,
    MR_FLOW_STATES
};
struct mr_flow {
    const char *name; /* of the default flow: the table's */
    const char *full_name;
    struct mr_dataset *target;
    const struct mr_sql_query *query;
    const struct mr_sql_text *origin;
    uint32_t start, stop;           /* its statement in origin->text */
    const char *catalog, *database; /* in force where it was written */
    struct mr_map
        conf; /* configuration and SET values in force where it was written; pointer: const char * */
    bool once;
    struct mr_dataset **inputs; /* datasets it reads; known once checked */
    int input_count, input_capacity;
    const struct mr_type *schema; /* of its query */
    bool ordered;
    bool infer_anew; /* while it is checked: not by the columns remembered */
    /* while running */
    enum mr_flow_state state;
    int attempts;
    struct mr_query *running;
    bool input_changed; /* something it reads was published since it was last looked at */
    struct mr_error error;
};
struct mr_pipeline {
    struct mr_project *project;
    struct mr_arena arena;
    struct mr_dataset **datasets;
    int dataset_count, dataset_capacity;
    struct mr_flow **flows; /* upstream before downstream once checked */
    int flow_count, flow_capacity;
    struct mr_map names; /* full name -> dataset */
    struct mr_sql_script **scripts;
    int script_count;
    pthread_mutex_t lock; /* states of flows, while running */
    pthread_cond_t changed;
    bool stopping;
};

/* Parses all files and builds the graph. Nothing is resolved yet. */
int mr_pipeline_open(struct mr_pipeline *pipeline, struct mr_project *project, struct mr_error *error);
void mr_pipeline_close(struct mr_pipeline *pipeline);
/* Resolves, type-checks and plans every flow, touching no table; orders the flows. */
int mr_pipeline_check(struct mr_pipeline *pipeline, struct mr_error *error);
/* The dataset a name stands for, its missing parts filled in; NULL: none of this project. */
struct mr_dataset *mr_pipeline_dataset(struct mr_pipeline *pipeline, const struct mr_sql_name *name,
                                       const char *catalog, const char *database);
/* The name of a dataset to read that differs from this one by a letter or two; NULL: none. */
const char *mr_pipeline_nearest(const struct mr_pipeline *pipeline, struct mr_str name);
/* Where Spark puts a managed table: <warehouse>/name, or <warehouse>/database.db/name. In the arena. */
const char *mr_project_table_path(const struct mr_project *project, struct mr_arena *arena,
                                  const char *database, const char *name);

/* Session settings of SET and of the project's configuration: time zone, ANSI, case, watermark policy. */
int mr_session_from_conf(struct mr_job *job, const struct mr_map *conf, const char *catalog,
                         const char *database, struct mr_error *error);

/* <storage>/_checkpoints/<catalog>/<database>/<table>/<flow>/0, where Spark would put it. In the arena. */
const char *mr_flow_checkpoint_path(const struct mr_pipeline *pipeline, const struct mr_flow *flow,
                                    struct mr_arena *arena);

/* ---- looking at state ---- */
struct mr_flow_state_view { /* of one flow, while it is open */
    struct mr_job job;
    struct mr_checkpoint *checkpoint;
    struct mr_decided last;
    struct mr_arena arena;
};
/* Plans the flow as for a dry run and opens its checkpoint for reading, also while it runs: as it is, or as
 * retained of a batch (0: as it is). MR_END: it has none yet, and nothing is open. */
int mr_flow_state_open(struct mr_flow_state_view *view, struct mr_pipeline *pipeline, struct mr_flow *flow,
                       int64_t batch, struct mr_error *error);
void mr_flow_state_close(struct mr_flow_state_view *view);

/* ---- replay ---- */
struct mr_replayed {
    int64_t version; /* of the table: the commit that made it what it was; -1: it was before this call */
    char query_id[37];
};
/* Goes back to what the flow's checkpoint retained of `batch`: its table becomes what it was then, in one
 * commit, and the copy its checkpoint, under a new query id. into: a new table of that name beside it; the
 * flow's target is that table from then on (in this process), so that running the flow goes on there. Killed
 * anywhere, the same call finishes it. */
int mr_flow_replay(struct mr_pipeline *pipeline, struct mr_flow *flow, int64_t batch, const char *into,
                   struct mr_replayed *out, struct mr_error *error);

/* ---- running ---- */
struct mr_pipeline_options {
    bool continuous;
    const char *const *refresh; /* dataset names; none of both: all */
    int refresh_count;
    const char *const *full_refresh;
    int full_refresh_count;
    bool full_refresh_all;
    int workers; /* 0: one per core */
    /* Called with a lock held: one at a time, from any thread. */
    void (*on_state)(void *ctx, const struct mr_flow *flow);
    void (*on_progress)(void *ctx, const struct mr_flow *flow, const struct mr_progress *progress);
    void (*on_published)(void *ctx, const struct mr_flow *flow, int64_t batch);
    void *ctx;
};
/* Before mr_pipeline_check: what will be refreshed in full is checked with the columns its files have now.
 * Those remembered are given up by mr_pipeline_run. */
void mr_pipeline_infer_anew(struct mr_pipeline *pipeline, const struct mr_pipeline_options *options);
/* After mr_pipeline_check. MR_OK when every selected flow completed (or was stopped on request); else the
 * first failure, in error. */
int mr_pipeline_run(struct mr_pipeline *pipeline, const struct mr_pipeline_options *options,
                    struct mr_error *error);
/* From any thread: the flows finish the batch in hand, then run returns. */
void mr_pipeline_stop(struct mr_pipeline *pipeline);

#endif
