/* pipeline/graph.h: for the files of this folder. */
#ifndef MR_PIPELINE_GRAPH_H
#define MR_PIPELINE_GRAPH_H

#include "pipeline/pipeline.h"

/* Plans one flow's query with its sink into job; the flow's inputs and schema become known. Without
 * for_running nothing is touched that the query would change. *unchanged: a materialized view whose inputs
 * are as they were when it was last written. */
int mr_flow_plan(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_job *job, bool for_running,
                 bool *unchanged, struct mr_error *error);

/* What the flow reads has other columns than it was planned for: its table's schema, and those of all tables
 * made of it, are found anew when the next flow is planned. */
void mr_flow_schema_changed(struct mr_pipeline *pipeline, struct mr_flow *flow);

/* Where a flow keeps the schemas it infers; in the arena, NULL without memory. */
char *mr_flow_schema_directory(const struct mr_pipeline *pipeline, const struct mr_flow *flow,
                               struct mr_arena *arena);

/* ---- columns.c ---- */
/* Delta's rules for names, types and partition columns, on the schema that was found. Errors point at the SQL
 * the column comes from. */
int mr_dataset_check_columns(const struct mr_dataset *dataset, struct mr_error *error);

/* ---- inputs.c ---- */
/* What a materialized view is about to be made of, as a note for its commit; in the job's arena. NULL: it
 * reads something whose changes cannot be told. */
const char *mr_view_inputs(const struct mr_flow *flow, struct mr_job *job);
/* Was its newest commit made of the same? */
bool mr_view_is_unchanged(const struct mr_flow *flow, const char *inputs);

/* ---- relations.c: the source a name stands for. MR_END: there is no such thing. ---- */
int mr_relation_table(const struct mr_relation_request *request, const char *path,
                      const struct mr_type *declared, struct mr_relation *out, struct mr_error *error);
int mr_relation_warehouse(const struct mr_relation_request *request, const struct mr_project *project,
                          const char *database, struct mr_relation *out, struct mr_error *error);
int mr_relation_external(const struct mr_relation_request *request, const struct mr_project *project,
                         const struct mr_dataset *dataset, struct mr_relation *out, struct mr_error *error);

#endif
