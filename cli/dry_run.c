/* cli/dry_run.c: millrace dry-run. */
#include "cli/open.h"

static int run_dry_run(int argc, char **argv)
{
    const char *spec = NULL, *unused;
    int positional = 0;
    const struct mr_argument known[] = {{.name = "--spec", .value = &spec}, {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    int status = mr_arguments(&mr_command_dry_run, argc, argv, known, &unused, 0, &positional);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    status = mr_open_project(&opened, spec, true, &error);
    if (status < 0) {
        status = mr_report(&error);
    } else {
        status = MR_EXIT_OK;
        printf("%s: %d flow%s into %d dataset%s, all well.\n", opened.project.name,
               opened.pipeline.flow_count, opened.pipeline.flow_count == 1 ? "" : "s",
               opened.pipeline.dataset_count, opened.pipeline.dataset_count == 1 ? "" : "s");
    }
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_dry_run = {
    .name = "dry-run",
    .summary = "check a project: parse, resolve and type-check everything, touch no table",
    .help = "usage: millrace dry-run [--spec FILE]\n"
            "\n"
            "Parses, resolves and type-checks the whole project. No table, checkpoint or file is written.\n"
            "\n"
            "options:\n"
            "  --spec FILE   the project file; else spark-pipeline.yml here or in a folder above\n"
            "\n"
            "example:\n"
            "  millrace dry-run --spec shop/spark-pipeline.yml\n",
    .run = run_dry_run};
