/* pipeline/state.c: a flow's job and its checkpoint, side by side, for people to look at. */
#include "pipeline/graph.h"

int mr_flow_state_open(struct mr_flow_state_view *view, struct mr_pipeline *pipeline, struct mr_flow *flow,
                       int64_t batch, struct mr_error *error)
{
    *view = (struct mr_flow_state_view){0};
    mr_arena_init(&view->arena);
    bool unchanged = false;
    int status = MR_OK;
    const char *path = mr_flow_checkpoint_path(pipeline, flow, &view->arena);
    struct mr_checkpoint_options options = {.path = path, .read_only = true, .retained = batch};
    if (!path)
        MR_ERR(mr_error_memory(error, 1024));
    status =
        mr_file_exists(path) ? mr_flow_plan(pipeline, flow, &view->job, false, &unchanged, error) : MR_END;
    if (status != MR_OK)
        goto err;
    status = mr_checkpoint_open(&view->checkpoint, &options, error);
    if (status >= 0)
        status = mr_checkpoint_last(view->checkpoint, &view->arena, &view->last, error);
    if (status >= 0)
        return MR_OK;
    mr_checkpoint_close(view->checkpoint);
    mr_job_release(&view->job);
err:
    mr_arena_release(&view->arena);
    return status;
}

void mr_flow_state_close(struct mr_flow_state_view *view)
{
    mr_checkpoint_close(view->checkpoint);
    mr_job_release(&view->job);
    mr_arena_release(&view->arena);
}
