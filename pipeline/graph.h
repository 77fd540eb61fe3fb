/* pipeline/graph.h: for the files of this folder. */
#ifndef MR_PIPELINE_GRAPH_H
#define MR_PIPELINE_GRAPH_H

#include "pipeline/pipeline.h"

/* Plans one flow's query with its sink into job; the flow's inputs and schema become known. Without
 * for_running nothing is touched that the query would change. *unchanged: a materialized view whose inputs
 * are as they were when it was last written. */
int mr_flow_plan(struct mr_pipeline *pipeline, struct mr_flow *flow, struct mr_job *job, bool for_running,
                 bool *unchanged, struct mr_error *error);

#endif
