/* cli/open.c: see the header. */
#include "cli/open.h"

#include <unistd.h>

int mr_open_project(struct mr_opened *opened, const char *spec, bool check, struct mr_error *error)
{
    char here[4096];
    *opened = (struct mr_opened){0};
    mr_arena_init(&opened->arena);
    if (!spec) {
        if (!getcwd(here, sizeof(here)))
            return mr_error_system(error, 2, "PATH_NOT_FOUND", "The working directory is gone");
        MR_TRY(mr_project_find(&opened->arena, here, &spec, error));
    }
    opened->has_project = true;
    MR_TRY(mr_project_load(&opened->project, spec, error));
    opened->has_pipeline = true;
    MR_TRY(mr_pipeline_open(&opened->pipeline, &opened->project, error));
    return check ? mr_pipeline_check(&opened->pipeline, error) : MR_OK;
}

void mr_close_project(struct mr_opened *opened)
{
    if (opened->has_pipeline)
        mr_pipeline_close(&opened->pipeline);
    if (opened->has_project)
        mr_project_release(&opened->project);
    mr_arena_release(&opened->arena);
}

struct mr_flow *mr_find_flow(struct mr_opened *project, const char *name, struct mr_error *error)
{
    for (int f = 0; f < project->pipeline.flow_count; f++) {
        struct mr_flow *flow = project->pipeline.flows[f];
        if (flow->target->kind != MR_MATERIALIZED_VIEW &&
            (strcmp(flow->name, name) == 0 || strcmp(flow->full_name, name) == 0))
            return flow;
    }
    mr_error_set(error, MR_E_USAGE, "FLOW_NOT_FOUND",
                 "The project has no streaming flow `%s`. `millrace checkpoint list` shows them.", name);
    return NULL;
}
