/* cli/display.h: what a run shows: a live table on a terminal, or a line per event elsewhere. */
#ifndef MR_CLI_DISPLAY_H
#define MR_CLI_DISPLAY_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

struct mr_display;
/* quiet: nothing but errors. */
int mr_display_open(struct mr_display **out, const struct mr_pipeline *pipeline, bool continuous, bool quiet,
                    struct mr_error *error);
/* The callbacks of mr_pipeline_options; ctx is the display. */
void mr_display_state(void *ctx, const struct mr_flow *flow);
void mr_display_progress(void *ctx, const struct mr_flow *flow, const struct mr_progress *progress);
void mr_display_published(void *ctx, const struct mr_flow *flow, int64_t batch);
/* The last picture, then a line that sums up: it failed, or what its flows say. */
void mr_display_close(struct mr_display *display, bool failed);

#endif
