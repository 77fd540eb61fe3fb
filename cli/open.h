/* cli/open.h: finding and opening the project a command is about. */
#ifndef MR_CLI_OPEN_H
#define MR_CLI_OPEN_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

struct mr_opened {
    struct mr_arena arena;
    struct mr_project project;
    struct mr_pipeline pipeline;
    bool has_project, has_pipeline;
};
/* spec NULL: looked for in the working directory and above. check: resolve and plan everything too. */
int mr_open_project(struct mr_opened *opened, const char *spec, bool check, struct mr_error *error);
void mr_close_project(struct mr_opened *opened);
/* The streaming flow of that name, or that fills the table of that name. NULL, and an error of usage. */
struct mr_flow *mr_find_flow(struct mr_opened *project, const char *name, struct mr_error *error);

#endif
