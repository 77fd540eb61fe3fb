/* cli/replay.c: millrace replay. */
#include "cli/display.h"
#include "cli/open.h"

struct asked {
    const char *table, *into;
    int64_t batch;
    bool quiet;
};

static int run_on(struct mr_opened *opened, const struct asked *asked, struct mr_error *error)
{
    struct mr_display *display = NULL;
    struct mr_pipeline_options options = {.refresh = &asked->into, .refresh_count = 1};
    MR_TRY(mr_display_open(&display, &opened->pipeline, false, asked->quiet, error));
    options.on_state = mr_display_state;
    options.on_progress = mr_display_progress;
    options.on_published = mr_display_published;
    options.ctx = display;
    int status = mr_pipeline_run(&opened->pipeline, &options, error);
    mr_display_close(display, status < 0);
    return status;
}

static int replay(struct mr_opened *opened, const struct asked *asked, struct mr_error *error)
{
    struct mr_flow *flow = mr_find_flow(opened, asked->table, error);
    struct mr_replayed replayed;
    if (!flow)
        return error->code;
    MR_TRY(mr_flow_replay(&opened->pipeline, flow, asked->batch, asked->into, &replayed, error));
    if (replayed.version >= 0)
        printf("%s is as it was behind batch %lld (version %lld of the table); the query is %s now.\n",
               flow->target->full_name, (long long)asked->batch, (long long)replayed.version,
               replayed.query_id);
    else
        printf("%s has been made from batch %lld before; it goes on from where it is.\n",
               flow->target->full_name, (long long)asked->batch);
    fflush(stdout);
    if (asked->into)
        return run_on(opened, asked, error);
    printf("`millrace run` goes on from there.\n");
    return MR_OK;
}

static int run_replay(int argc, char **argv)
{
    const char *spec = NULL, *batch = NULL;
    struct asked asked = {0};
    int count = 0;
    const struct mr_argument known[] = {{.name = "--spec", .value = &spec},
                                        {.name = "--from-checkpoint", .value = &batch},
                                        {.name = "--into", .value = &asked.into},
                                        {.name = "--quiet", .flag = &asked.quiet},
                                        {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    int status = mr_arguments(&mr_command_replay, argc, argv, known, &asked.table, 1, &count);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    if (!asked.table)
        return mr_usage(&mr_command_replay, "which table?");
    if (!batch || !mr_number(batch, &asked.batch) || asked.batch < 1)
        return mr_usage(&mr_command_replay, "--from-checkpoint takes the number of a retained batch.");
    mr_log_level_set(MR_LOG_WARN);
    status = mr_open_project(&opened, spec, true, &error);
    if (status >= 0)
        status = replay(&opened, &asked, &error);
    status = status < 0 ? mr_report(&error) : MR_EXIT_OK;
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_replay = {
    .name = "replay",
    .summary = "go back to a retained checkpoint, and on from there",
    .help =
        "usage: millrace replay TABLE --from-checkpoint N [--spec FILE]\n"
        "       millrace replay TABLE --from-checkpoint N --into NAME [--spec FILE]\n"
        "\n"
        "Goes back to the checkpoint that the query of TABLE retained of batch N\n"
        "(millrace.checkpoint.retainEvery; `millrace checkpoint show` tells which there are).\n"
        "\n"
        "Without --into, one commit makes the table what it was behind that batch (what others wrote\n"
        "since is undone too), the checkpoint is put back under a new query id, and the next `millrace\n"
        "run` reads again what came after. With --into, a new table of that name begins as the old one\n"
        "was then, and the query runs into it with all that is available; the old table and its\n"
        "checkpoint stay as they are. To keep the new table going, define a streaming table of that name\n"
        "with the same query.\n"
        "\n"
        "A replay that was killed is finished by giving the same command again; until then the query does\n"
        "not run.\n"
        "\n"
        "options:\n"
        "  --from-checkpoint N   the batch to go back to\n"
        "  --into NAME           a new table in the same schema\n"
        "  --quiet               no progress\n"
        "  --spec FILE           the project file; else spark-pipeline.yml here or in a folder above\n"
        "\n"
        "example:\n"
        "  millrace replay gold --from-checkpoint 120 --into gold_again\n",
    .run = run_replay,
};
