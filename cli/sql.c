/* cli/sql.c: millrace sql: one batch query over tables, files and the project's datasets. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/open.h"
#include "pipeline/catalog.h"
#include "sql/run.h"

struct output {
    enum mr_output_format format;
    const struct mr_zone *zone;
    struct mr_row_printer *printer;
};

static int on_schema(void *ctx, const struct mr_type *schema, struct mr_error *error)
{
    struct output *output = ctx;
    return mr_row_printer_open(&output->printer, stdout, output->format, schema, output->zone, error);
}

static int on_rows(void *ctx, const struct mr_batch *rows, struct mr_error *error)
{
    struct output *output = ctx;
    return mr_row_printer_add(output->printer, rows, error);
}

static int run_text(struct mr_opened *opened, struct mr_str text, struct output *output,
                    struct mr_error *error)
{
    struct mr_pool *pool = NULL;
    struct mr_session session = {0};
    struct mr_table_catalog tables = {0};
    MR_TRY(mr_table_catalog_open(&tables, opened->has_pipeline ? &opened->pipeline : NULL, &session, error));
    output->zone = session.zone;
    MR_TRY(mr_pool_start(&pool, (int)sysconf(_SC_NPROCESSORS_ONLN), error));
    struct mr_sql_environment environment = {.catalog = &tables.catalog};
    struct mr_sql_run_options options = {.environment = &environment,
                                         .session = &session,
                                         .pool = pool,
                                         .on_schema = on_schema,
                                         .on_rows = on_rows,
                                         .ctx = output};
    int status = mr_sql_run(text, &options, error);
    mr_pool_stop(pool);
    return mr_row_printer_close(output->printer, status, error);
}

/* Outside of a project there are still paths and files to ask. */
static int open_optional(struct mr_opened *opened, const char *spec, struct mr_error *error)
{
    int status = mr_open_project(opened, spec, false, error);
    if (status == MR_E_USAGE && !spec && strcmp(error->condition, "PIPELINE_SPEC_FILE_NOT_FOUND") == 0) {
        mr_error_clear(error);
        return MR_OK;
    }
    return status;
}

static int run_sql(int argc, char **argv)
{
    const char *spec = NULL, *format = "table", *file = NULL, *text = NULL;
    int count = 0;
    const struct mr_argument known[] = {{.name = "--spec", .value = &spec},
                                        {.name = "--format", .value = &format},
                                        {.name = "--file", .value = &file},
                                        {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    struct output output = {0};
    struct mr_text from_file;
    int status = mr_arguments(&mr_command_sql, argc, argv, known, &text, 1, &count);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    if (!mr_output_format_of(&mr_command_sql, format, &output.format))
        return MR_EXIT_USAGE;
    if ((text != NULL) == (file != NULL))
        return mr_usage(&mr_command_sql, "give one query, or --file.");
    mr_log_level_set(MR_LOG_WARN);
    mr_text_init(&from_file);
    status = open_optional(&opened, spec, &error);
    if (status >= 0 && file)
        status = mr_file_read_all(file, &from_file, &error);
    if (status >= 0)
        status = run_text(&opened, file ? mr_text_str(&from_file) : mr_str_of(text), &output, &error);
    status = status < 0 ? mr_report(&error) : MR_EXIT_OK;
    mr_text_release(&from_file);
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_sql = {
    .name = "sql",
    .summary = "ask a question of tables and files",
    .help =
        "usage: millrace sql [OPTION…] \"SELECT …\"\n"
        "\n"
        "Runs one query and prints its rows. FROM may name tables and views of the\n"
        "project (if there is one here or above), delta.`path`, json.`path`, csv.`path`,\n"
        "or read_files('path', format => 'json', …).\n"
        "\n"
        "options:\n"
        "  --format FORM   table (default), json (a line per row) or csv\n"
        "  --file FILE     the query is in a file\n"
        "  --spec FILE     the project file; else spark-pipeline.yml here or in a folder above\n"
        "\n"
        "examples:\n"
        "  millrace sql \"SELECT product, sum(revenue) FROM gold GROUP BY product ORDER BY 2 DESC LIMIT 3\"\n"
        "  millrace sql --format csv 'SELECT * FROM delta.`spark-warehouse/gold`' > gold.csv\n",
    .run = run_sql};
