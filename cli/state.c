/* cli/state.c: millrace state. */
#include "cli/open.h"
#include "operators/custom_show.h"
#include "runtime/inspect.h"

struct asked {
    enum mr_output_format format;
    bool metadata, timers;
    const char *variable;
    int64_t batch; /* 0: the last */
    int operator_id;
    enum mr_inspect_side side;
    struct mr_row_printer *printer;
    const struct mr_zone *zone;
};

static int print_rows(void *ctx, const struct mr_batch *rows, struct mr_error *error)
{
    struct asked *asked = ctx;
    if (!asked->printer)
        MR_TRY(mr_row_printer_open(&asked->printer, stdout, asked->format, rows->schema, asked->zone, error));
    return mr_row_printer_add(asked->printer, rows, error);
}

/* What Spark's state-metadata source tells, and the number of keys. */
static int fill_metadata(struct mr_batch *out, const struct mr_inspected *operators, int count,
                         int64_t oldest, int64_t newest, struct mr_error *error)
{
    for (int i = 0; i < count; i++) {
        out->columns[0]->i64[i] = operators[i].id;
        MR_TRY(mr_column_set_bytes(out->columns[1], i, operators[i].name, (uint32_t)strlen(operators[i].name),
                                   error));
        out->columns[2]->i64[i] = operators[i].rows;
        out->columns[3]->i64[i] = oldest;
        out->columns[4]->i64[i] = newest;
    }
    for (int c = 0; c < 5; c++)
        out->columns[c]->length = count;
    out->length = count;
    return MR_OK;
}

static int print_metadata(struct asked *asked, struct mr_flow_state_view *view, struct mr_error *error)
{
    const struct mr_field fields[] = {{.name = "operatorId", .type = mr_type_of(MR_BIGINT)},
                                      {.name = "operatorName", .type = mr_type_of(MR_STRING)},
                                      {.name = "numKeys", .type = mr_type_of(MR_BIGINT)},
                                      {.name = "minBatchId", .type = mr_type_of(MR_BIGINT)},
                                      {.name = "maxBatchId", .type = mr_type_of(MR_BIGINT)}};
    const struct mr_type *type = mr_type_struct(&view->arena, fields, 5);
    struct mr_inspected *operators;
    struct mr_batch rows;
    int64_t *retained;
    int count, retained_count = 0;
    MR_TRY(mr_inspect_operators(&view->job, view->checkpoint, &view->arena, &operators, &count, error));
    if (asked->batch == 0)
        MR_TRY(mr_checkpoint_retained(view->checkpoint, &view->arena, &retained, &retained_count, error));
    if (!type)
        return mr_error_memory(error, sizeof fields);
    MR_TRY(mr_batch_init(&rows, type, count + 1, error));
    int64_t oldest = retained_count > 0 ? retained[0] : view->last.batch;
    int status = fill_metadata(&rows, operators, count, oldest, view->last.batch, error);
    if (status >= 0)
        status = print_rows(asked, &rows, error);
    mr_batch_release(&rows);
    return status;
}

static int show(struct mr_opened *project, const char *name, struct asked *asked, struct mr_error *error)
{
    struct mr_flow *flow = mr_find_flow(project, name, error);
    struct mr_flow_state_view view;
    if (!flow)
        return error->code;
    int status = mr_flow_state_open(&view, &project->pipeline, flow, asked->batch, error);
    if (status == MR_END) {
        fprintf(stderr, "%s has no checkpoint yet: it has not run.\n", flow->full_name);
        return MR_OK;
    }
    MR_TRY(status);
    asked->zone = view.job.session.zone;
    status = asked->metadata ? print_metadata(asked, &view, error)
                             : mr_inspect_state(&view.job, view.checkpoint, asked->operator_id, asked->side,
                                                print_rows, asked, error);
    status = mr_row_printer_close(asked->printer, status, error);
    mr_flow_state_close(&view);
    return status;
}

/* Of a program that embeds the library: what its processors keep says itself what it is. */
static int show_processor(const char *path, struct asked *asked, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = NULL;
    const struct mr_checkpoint_options options = {.path = path, .read_only = true, .retained = asked->batch};
    enum mr_custom_shown what = asked->timers     ? MR_CUSTOM_TIMERS_SET
                                : asked->variable ? MR_CUSTOM_ENTRIES
                                                  : MR_CUSTOM_VARIABLES;
    asked->zone = mr_zone_host();
    MR_TRY(mr_checkpoint_open(&checkpoint, &options, error));
    int status =
        mr_custom_show(checkpoint, asked->operator_id, what, asked->variable, print_rows, asked, error);
    mr_checkpoint_close(checkpoint);
    return mr_row_printer_close(asked->printer, status, error);
}

static int run_state(int argc, char **argv)
{
    const char *spec = NULL, *format = "table", *batch = "0", *operator_id = "0", *side = "", *name = NULL,
               *path = NULL;
    struct asked asked = {0};
    int64_t id;
    int count = 0;
    const struct mr_argument known[] = {
        {.name = "--spec", .value = &spec},          {.name = "--format", .value = &format},
        {.name = "--batch", .value = &batch},        {.name = "--operator", .value = &operator_id},
        {.name = "--join-side", .value = &side},     {.name = "--metadata", .flag = &asked.metadata},
        {.name = "--checkpoint", .value = &path},    {.name = "--variable", .value = &asked.variable},
        {.name = "--timers", .flag = &asked.timers}, {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    int status = mr_arguments(&mr_command_state, argc, argv, known, &name, 1, &count);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    if (!mr_output_format_of(&mr_command_state, format, &asked.format))
        return MR_EXIT_USAGE;
    if (!name == !path)
        return mr_usage(&mr_command_state, "which table (or which checkpoint of a program's)?");
    if (!path && (asked.variable || asked.timers))
        return mr_usage(&mr_command_state, "--variable and --timers go with --checkpoint.");
    if (!mr_number(batch, &asked.batch) || !mr_number(operator_id, &id) || id > UINT16_MAX)
        return mr_usage(&mr_command_state, "--batch and --operator take a number.");
    asked.operator_id = (int)id;
    asked.side = strcmp(side, "left") == 0    ? MR_INSPECT_LEFT
                 : strcmp(side, "right") == 0 ? MR_INSPECT_RIGHT
                                              : MR_INSPECT_ALL;
    if (side[0] && asked.side == MR_INSPECT_ALL)
        return mr_usage(&mr_command_state, "--join-side is left or right.");
    mr_log_level_set(MR_LOG_WARN);
    if (path)
        return show_processor(path, &asked, &error) < 0 ? mr_report(&error) : MR_EXIT_OK;
    status = mr_open_project(&opened, spec, true, &error);
    if (status >= 0)
        status = show(&opened, name, &asked, &error);
    status = status < 0 ? mr_report(&error) : MR_EXIT_OK;
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_state = {
    .name = "state",
    .summary = "show what a streaming query remembers",
    .help =
        "usage: millrace state TABLE [--operator N] [--join-side SIDE] [--batch N] [--format FORM] [--spec "
        "FILE]\n"
        "       millrace state TABLE --metadata [--batch N] [--format FORM] [--spec FILE]\n"
        "       millrace state --checkpoint DIR [--variable NAME | --timers] [--operator N] [--batch N] "
        "[--format FORM]\n"
        "\n"
        "Prints the keys and values that a stateful operator of the query that fills TABLE (or of the "
        "flow of\n"
        "that name) keeps, in columns `key` and `value`; with --metadata its operators and how many keys "
        "each has.\n"
        "May be used while the query runs: it sees the last decided batch.\n"
        "With --checkpoint: what a processor of a program that embeds Millrace keeps: the names of its "
        "variables, the\n"
        "entries of one, or its timers.\n"
        "\n"
        "options:\n"
        "  --operator N      which operator; else 0, the first\n"
        "  --join-side SIDE  of a join of streams: the rows kept of its left or its right side\n"
        "  --batch N         the state retained of batch N (millrace.checkpoint.retainEvery), not the last\n"
        "  --checkpoint DIR  the checkpoint of a program's job\n"
        "  --variable NAME   the entries of this state variable\n"
        "  --timers          the timers that are set\n"
        "  --format FORM     table (default), json (a line per row) or csv\n"
        "  --spec FILE       the project file; else spark-pipeline.yml here or in a folder above\n"
        "\n"
        "examples:\n"
        "  millrace state gold\n"
        "  millrace state gold --metadata\n"
        "  millrace state gold --batch 120 --format json | wc -l\n"
        "  millrace state --checkpoint checkpoints/alerts --variable unpaid\n",
    .run = run_state,
};
