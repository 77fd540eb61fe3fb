/* tests/spark/case_query.c: runs one recorded streaming case on Millrace and prints what it did;
 * tests/spark/cases compares.
 *
 * usage: spark_case_query CASE.json WORK [--partitions N]
 *
 * WORK/<source> holds the files a run may see (placed there by the caller), WORK/checkpoint the state between
 * runs. Output: one JSON object a line:
 *   {"error": {condition, sqlState, message}}          the query was refused, or failed
 *   {"schema": "struct<…>"}                            what it puts out
 *   {"progress": {…}}                                  per micro-batch, as the progress file has it
 *   {"batch": N, "rows": […]}                          its rows, time stamps as the recordings have them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/progress.h"
#include "runtime/query.h"
#include "sinks/memory.h"
#include "sql/sql.h"

struct source_view { /* sources.X: a stream's view with its watermark, over X_files */
    const char *name;
    const struct mr_type *schema;
    const char *files;
    const char *limit;
    bool stream;
    struct mr_sql_script script; /* SELECT * FROM X_files WATERMARK … */
    struct mr_sql_text origin;
    bool has_view;
};
struct run {
    struct mr_arena arena;
    const struct mr_json *json;
    const char *work;
    struct source_view sources[16];
    int source_count;
    struct mr_text progress; /* lines, printed at the end */
};

static int fail_with(const struct mr_error *error)
{
    struct mr_text line;
    struct mr_json_writer w = {.out = &line};
    mr_text_init(&line);
    mr_json_begin_object(&w);
    mr_json_key(&w, "error");
    mr_json_begin_object(&w);
    mr_json_key(&w, "condition");
    mr_json_cstr(&w, error->condition);
    mr_json_key(&w, "sqlState");
    mr_json_cstr(&w, error->sqlstate);
    mr_json_key(&w, "message");
    mr_json_cstr(&w, error->message);
    mr_json_end_object(&w);
    mr_json_end_object(&w);
    puts(line.data);
    mr_text_release(&line);
    return 0;
}

static const char *text_of(struct run *run, struct mr_str text)
{
    return mr_arena_copy_text(&run->arena, text.data, text.size);
}

/* ---- relations ---- */
static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *error)
{
    struct run *run = ctx;
    char name[256];
    snprintf(name, sizeof(name), "%.*s", (int)request->name->parts[0].size, request->name->parts[0].data);
    for (int i = 0; i < run->source_count; i++) {
        struct source_view *view = &run->sources[i];
        if (strcmp(view->name, name) == 0 && view->has_view) {
            out->view = view->script.statements[0].query;
            out->origin = &view->origin;
            return MR_OK;
        }
        char raw[300];
        snprintf(raw, sizeof(raw), "%s_files", view->name);
        if (strcmp(view->name, name) != 0 && strcmp(raw, name) != 0)
            continue;
        struct mr_source *source = mr_job_new_source(request->job, mr_source_type_find(MR_STR("files")),
                                                     request->source_name, error);
        if (!source)
            return error->code;
        struct mr_option *options = MR_ARENA_ARRAY(&request->job->arena, struct mr_option, 8);
        int count = 0;
        options[count++] = (struct mr_option){"path", view->files};
        options[count++] = (struct mr_option){"format", "json"};
        options[count++] = (struct mr_option){"dialect", "spark"};
        if (view->stream)
            options[count++] = (struct mr_option){"maxFilesPerTrigger", view->limit};
        source->options = options;
        source->option_count = count;
        source->declared_schema = view->schema;
        MR_TRY(mr_job_open_source(request->job, source, error));
        out->source = source;
        out->hidden_columns = source->hidden_columns;
        out->streaming = view->stream;
        return MR_OK;
    }
    return MR_END;
}

static int add_source(struct run *run, const struct mr_json *json, struct mr_error *error)
{
    struct source_view *view = &run->sources[run->source_count++];
    struct mr_str text, column, delay;
    int64_t limit = 1;
    view->name = text_of(run, json->key);
    view->files = mr_arena_format(&run->arena, "%s/%s", run->work, view->name);
    view->stream = !(mr_json_get_str(json, "kind", &text) && mr_str_equal(text, MR_STR("static")));
    mr_json_get_i64(json, "maxFilesPerTrigger", &limit);
    view->limit = mr_arena_format(&run->arena, "%lld", (long long)limit);
    if (!mr_json_get_str(json, "schema", &text))
        return mr_error_set(error, MR_E_USAGE, "BAD_CASE", "source without schema");
    MR_TRY(mr_schema_parse(&run->arena, text, &view->schema, error));
    const struct mr_json *watermark = mr_json_member(json, "watermark");
    if (!view->stream || !watermark || watermark->type != MR_JSON_OBJECT)
        return MR_OK;
    mr_json_get_str(watermark, "column", &column);
    mr_json_get_str(watermark, "delay", &delay);
    char *sql = mr_arena_format(&run->arena, "SELECT * FROM %s_files WATERMARK %.*s DELAY OF INTERVAL %.*s",
                                view->name, (int)column.size, column.data, (int)delay.size, delay.data);
    MR_TRY(mr_sql_parse(&view->script, "", mr_str_of(sql), error));
    view->origin = (struct mr_sql_text){view->script.file, view->script.text};
    view->has_view = true;
    return MR_OK;
}

/* ---- then: operators SQL has no syntax for, as SQL of ours around the query ---- */
static const char *wrap(struct run *run, const char *sql, const struct mr_json *op)
{
    struct mr_str name = {0}, column = {0}, delay = {0};
    struct mr_text text;
    mr_text_init(&text);
    mr_json_get_str(op, "op", &name);
    if (mr_str_equal(name, MR_STR("withWatermark"))) {
        mr_json_get_str(op, "column", &column);
        mr_json_get_str(op, "delay", &delay);
        mr_text_format(&text, "SELECT * FROM (%s) WATERMARK %.*s DELAY OF INTERVAL %.*s", sql,
                       (int)column.size, column.data, (int)delay.size, delay.data);
    } else {
        const struct mr_json *columns = mr_json_member(op, "columns");
        mr_text_format(&text, "SELECT * FROM %s(TABLE(%s)",
                       mr_str_equal(name, MR_STR("dropDuplicates")) ? "drop_duplicates"
                                                                    : "drop_duplicates_within_watermark",
                       sql);
        for (const struct mr_json *c = columns ? columns->first : NULL; c; c = c->next)
            mr_text_format(&text, ", '%.*s'", (int)c->text.size, c->text.data);
        mr_text_append_char(&text, ')');
    }
    char *copy = mr_arena_copy_text(&run->arena, text.data, text.size);
    mr_text_release(&text);
    return copy;
}

/* ---- rows as the recordings have them ---- */
static void put_value(struct mr_json_writer *w, const struct mr_column *column, int64_t row);

static void put_time(struct mr_json_writer *w, int64_t time_us)
{
    struct mr_civil civil;
    char text[64];
    mr_civil_from_micros(time_us, &civil);
    snprintf(text, sizeof(text), "%04lld-%02d-%02dT%02d:%02d:%02d.%06dZ", (long long)civil.year, civil.month,
             civil.day, civil.hour, civil.minute, civil.second, civil.microsecond);
    mr_json_cstr(w, text);
}

static void put_struct(struct mr_json_writer *w, const struct mr_type *type, struct mr_column *const *columns,
                       int64_t row)
{
    mr_json_begin_object(w);
    for (int f = 0; f < type->field_count; f++) {
        mr_json_key(w, type->fields[f].name);
        put_value(w, columns[f], row);
    }
    mr_json_end_object(w);
}

static void put_text(struct mr_json_writer *w, const struct mr_column *column, int64_t row)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_value_text(&text, column, row, mr_zone_utc());
    mr_json_str(w, mr_text_str(&text));
    mr_text_release(&text);
}

static void put_value(struct mr_json_writer *w, const struct mr_column *column, int64_t row)
{
    if (mr_column_is_null(column, row)) {
        mr_json_null(w);
        return;
    }
    double wide = column->type->id == MR_FLOAT    ? (double)column->f32[row]
                  : column->type->id == MR_DOUBLE ? column->f64[row]
                                                  : 0;
    switch (column->type->id) {
    case MR_BOOLEAN:
        mr_json_bool(w, column->booleans[row] != 0);
        break;
    case MR_TINYINT:
        mr_json_i64(w, column->i8[row]);
        break;
    case MR_SMALLINT:
        mr_json_i64(w, column->i16[row]);
        break;
    case MR_INT:
        mr_json_i64(w, column->i32[row]);
        break;
    case MR_BIGINT:
        mr_json_i64(w, column->i64[row]);
        break;
    case MR_FLOAT:
    case MR_DOUBLE:
        if (wide != wide)
            mr_json_cstr(w, "nan");
        else if (wide - wide != 0)
            mr_json_cstr(w, wide > 0 ? "inf" : "-inf");
        else
            mr_json_double(w, wide);
        break;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        put_time(w, column->i64[row]);
        break;
    case MR_STRUCT:
        put_struct(w, column->type, column->children, row);
        break;
    case MR_MAP:
        mr_json_begin_object(w);
        for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
            struct mr_text key;
            mr_text_init(&key);
            mr_value_text(&key, column->children[0], i, mr_zone_utc());
            mr_json_key_str(w, mr_text_str(&key));
            mr_text_release(&key);
            put_value(w, column->children[1], i);
        }
        mr_json_end_object(w);
        break;
    case MR_ARRAY:
        mr_json_begin_array(w);
        for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++)
            put_value(w, column->children[0], i);
        mr_json_end_array(w);
        break;
    default:
        put_text(w, column, row);
    }
}

static int print_rows(struct mr_memory_table *table, int64_t batch, struct mr_error *error)
{
    struct mr_batch rows = {0};
    struct mr_text line;
    struct mr_json_writer w = {.out = &line};
    mr_text_init(&line);
    int status = mr_memory_table_read(table, batch, &rows, error);
    mr_json_begin_object(&w);
    mr_json_key(&w, "batch");
    mr_json_i64(&w, batch);
    mr_json_key(&w, "rows");
    mr_json_begin_array(&w);
    for (int64_t row = 0; status == MR_OK && row < rows.length; row++)
        put_struct(&w, rows.schema, rows.columns, row);
    mr_json_end_array(&w);
    mr_json_end_object(&w);
    if (status >= 0)
        puts(line.data);
    mr_batch_release(&rows);
    mr_text_release(&line);
    return status;
}

static void on_progress(void *ctx, const struct mr_progress *progress)
{
    struct run *run = ctx;
    mr_text_append_str(&run->progress, "{\"progress\":");
    mr_progress_json(progress, &run->progress);
    mr_text_append_str(&run->progress, "}\n");
}

/* ---- the query ---- */
static int plan(struct run *run, struct mr_job *job, struct mr_sql_script *script, struct mr_error *error)
{
    struct mr_str text, mode = {0};
    const struct mr_node *node = NULL;
    struct mr_plan *plan = NULL;
    struct mr_catalog catalog = {.ctx = run, .resolve = resolve};
    struct mr_sql_environment environment = {.catalog = &catalog};
    const struct mr_json *conf = mr_json_member(run->json, "conf"), *then = mr_json_member(run->json, "then");
    const struct mr_json *watermarks =
        conf ? mr_json_member(conf, "spark.sql.streaming.multipleWatermarkPolicy") : NULL;
    const struct mr_json *checked =
        conf ? mr_json_member(conf, "spark.sql.streaming.statefulOperator.checkCorrectness.enabled") : NULL;
    const struct mr_json *no_data =
        conf ? mr_json_member(conf, "spark.sql.streaming.noDataMicroBatches.enabled") : NULL;
    job->session.zone = mr_zone_utc();
    job->session.ansi = true;
    job->session.catalog = "spark_catalog";
    job->session.database = "default";
    job->no_data_batches = !(no_data && mr_str_equal(no_data->text, MR_STR("false")));
    job->allow_late_loss = checked && mr_str_equal(checked->text, MR_STR("false"));
    job->watermark_policy =
        watermarks && mr_str_equal(watermarks->text, MR_STR("max")) ? MR_WATERMARK_MAX : MR_WATERMARK_MIN;
    mr_json_get_str(run->json, "outputMode", &mode);
    job->mode = mr_str_equal(mode, MR_STR("complete")) ? MR_MODE_COMPLETE
                : mr_str_equal(mode, MR_STR("update")) ? MR_MODE_UPDATE
                                                       : MR_MODE_APPEND;
    mr_json_get_str(run->json, "sql", &text);
    const char *sql = text_of(run, text);
    for (const struct mr_json *op = then ? then->first : NULL; op; op = op->next)
        sql = wrap(run, sql, op);
    MR_TRY(mr_sql_parse(script, "", mr_str_of(sql), error));
    struct mr_sql_text *origin = MR_ARENA_NEW(&run->arena, struct mr_sql_text);
    *origin = (struct mr_sql_text){script->file, script->text};
    MR_TRY(mr_sql_analyse(job, &environment, origin, script->statements[0].query, &plan, error));
    MR_TRY(mr_sql_plan_job(job, plan, &node, error));
    struct mr_text schema;
    mr_text_init(&schema);
    mr_type_simple_text(&schema, job->output);
    printf("{\"schema\": \"%s\"}\n", schema.data);
    mr_text_release(&schema);
    const struct mr_option options[] = {{"table", "case"}, {"history", "true"}};
    struct mr_option *kept = MR_ARENA_ARRAY(&job->arena, struct mr_option, 2);
    kept[0] = options[0];
    kept[1] = options[1];
    return mr_job_add_sink(job, node, mr_sink_type_find(MR_STR("memory")), "out", kept, 2, error);
}

static int run_query(struct run *run, struct mr_job *job, int partitions, struct mr_error *error)
{
    struct mr_query *query = NULL;
    struct mr_pool *pool = NULL;
    MR_TRY(mr_pool_start(&pool, 2, error));
    struct mr_query_options options = {.name = "case",
                                       .checkpoint_path =
                                           mr_arena_format(&run->arena, "%s/checkpoint", run->work),
                                       .trigger = MR_TRIGGER_AVAILABLE_NOW,
                                       .partitions = partitions,
                                       .decision_micro_batches = 1,
                                       .pool = pool,
                                       .on_progress = on_progress,
                                       .ctx = run};
    int status = mr_query_open(&query, job, &options, error);
    if (status >= 0) {
        status = mr_query_run(query, error);
        struct mr_error closing = {0};
        int closed = mr_query_close(query, status < 0 ? &closing : error);
        status = status < 0 ? status : closed;
    }
    mr_pool_stop(pool);
    return status;
}

static int run_case(struct run *run, int partitions, struct mr_error *error)
{
    struct mr_job job;
    struct mr_sql_script script = {0};
    const struct mr_json *sources = mr_json_member(run->json, "sources");
    for (const struct mr_json *source = sources ? sources->first : NULL; source; source = source->next)
        MR_TRY(add_source(run, source, error));
    mr_job_init(&job);
    int status = plan(run, &job, &script, error);
    if (status < 0) {
        mr_job_release(&job);
        mr_sql_script_release(&script);
        return status;
    }
    struct mr_memory_table *table = mr_memory_table_open("case");
    status = run_query(run, &job, partitions, error);
    fputs(run->progress.size ? run->progress.data : "", stdout);
    int64_t last = mr_memory_table_last_batch(table);
    for (int64_t batch = 0; status >= 0 && batch <= last; batch++) {
        int read = print_rows(table, batch, error);
        status = read < 0 ? read : MR_OK;
    }
    mr_memory_table_close(table);
    mr_sql_script_release(&script);
    return status;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    struct mr_text text;
    struct mr_error error = {0};
    struct mr_json *json = NULL;
    if (argc < 3)
        return 2;
    int partitions = argc > 4 && strcmp(argv[3], "--partitions") == 0 ? atoi(argv[4]) : 1;
    mr_log_level_set(MR_LOG_ERROR);
    mr_arena_init(&run.arena);
    mr_text_init(&text);
    mr_text_init(&run.progress);
    run.work = argv[2];
    int status = mr_file_read_all(argv[1], &text, &error);
    if (status >= 0)
        status = mr_json_parse(&run.arena, mr_text_str(&text), &json, &error);
    run.json = json;
    if (status >= 0)
        status = run_case(&run, partitions, &error);
    if (status < 0)
        fail_with(&error);
    for (int i = 0; i < run.source_count; i++)
        if (run.sources[i].has_view)
            mr_sql_script_release(&run.sources[i].script);
    mr_text_release(&run.progress);
    mr_text_release(&text);
    mr_arena_release(&run.arena);
    return 0;
}
