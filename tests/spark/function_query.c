/* tests/spark/function_query.c: runs queries and prints their rows as Spark's SQL shell writes them;
 * tests/spark/functions compares.
 *
 * usage: spark_function_query < QUERIES
 *
 * A line of input is a JSON object {"sql": "SELECT …"} or {"zone": "Europe/Zurich"}; each gives a line of
 * output:
 *   {"schema": "struct<…>", "rows": ["a\tb", …]}
 *   {"error": "CONDITION", "sqlState": "…", "message": "…"} */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "columns/value.h"
#include "sql/run.h"

struct run {
    struct mr_text schema, rows;
    struct mr_json_writer writer;
    const struct mr_zone *zone;
};

/* ---- values as Hive prints them: nested ones in JSON's manner, but with bare keys and numbers ---- */
static void append_value(struct mr_text *out, const struct mr_column *column, int64_t row,
                         const struct mr_zone *zone, bool nested);

static void append_list(struct mr_text *out, const struct mr_column *column, int64_t row,
                        const struct mr_zone *zone)
{
    bool map = column->type->id == MR_MAP;
    mr_text_append_char(out, map ? '{' : '[');
    for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        if (i > column->offsets[row])
            mr_text_append_char(out, ',');
        append_value(out, column->children[0], i, zone, true);
        if (map) {
            mr_text_append_char(out, ':');
            append_value(out, column->children[1], i, zone, true);
        }
    }
    mr_text_append_char(out, map ? '}' : ']');
}

static void append_struct(struct mr_text *out, const struct mr_column *column, int64_t row,
                          const struct mr_zone *zone)
{
    mr_text_append_char(out, '{');
    for (int i = 0; i < column->child_count; i++) {
        mr_text_format(out, "%s\"%s\":", i > 0 ? "," : "", column->type->fields[i].name);
        append_value(out, column->children[i], row, zone, true);
    }
    mr_text_append_char(out, '}');
}

static void append_interval(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (column->type->id == MR_INTERVAL_YEAR_MONTH) {
        int32_t months = column->i32[row];
        mr_text_format(out, "%s%d-%d", months < 0 ? "-" : "", abs(months / 12), abs(months % 12));
        return;
    }
    int64_t micros = column->i64[row];
    uint64_t rest = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    mr_text_format(out, "%s%llu %02llu:%02llu:%02llu.%09llu", micros < 0 ? "-" : "",
                   (unsigned long long)(rest / 86400000000), (unsigned long long)(rest / 3600000000 % 24),
                   (unsigned long long)(rest / 60000000 % 60), (unsigned long long)(rest / 1000000 % 60),
                   (unsigned long long)(rest % 1000000 * 1000));
}

static void append_value(struct mr_text *out, const struct mr_column *column, int64_t row,
                         const struct mr_zone *zone, bool nested)
{
    if (column->type->id == MR_VOID || mr_column_is_null(column, row)) {
        mr_text_append_str(out, nested ? "null" : "NULL");
        return;
    }
    switch (column->type->id) {
    case MR_STRING:
    case MR_BINARY: {
        struct mr_str text = mr_view_str(&column->views[row]);
        bool quoted = nested && column->type->id == MR_STRING;
        if (quoted)
            mr_text_append_char(out, '"');
        mr_text_append(out, text.data, text.size);
        if (quoted)
            mr_text_append_char(out, '"');
        break;
    }
    case MR_ARRAY:
    case MR_MAP:
        append_list(out, column, row, zone);
        break;
    case MR_STRUCT:
        append_struct(out, column, row, zone);
        break;
    case MR_INTERVAL_DAY_TIME:
    case MR_INTERVAL_YEAR_MONTH:
        append_interval(out, column, row);
        break;
    default:
        mr_value_text(out, column, row, zone);
    }
}

static int on_schema(void *ctx, const struct mr_type *schema, struct mr_error *error)
{
    (void)error;
    mr_type_simple_text(&((struct run *)ctx)->schema, schema);
    return MR_OK;
}

static int on_rows(void *ctx, const struct mr_batch *batch, struct mr_error *error)
{
    (void)error;
    struct run *run = ctx;
    struct mr_text line;
    mr_text_init(&line);
    for (int64_t row = 0; row < batch->length; row++) {
        mr_text_clear(&line);
        for (int c = 0; c < batch->schema->field_count; c++) {
            if (c > 0)
                mr_text_append_char(&line, '\t');
            append_value(&line, batch->columns[c], row, run->zone, false);
        }
        mr_json_str(&run->writer, mr_text_str(&line));
    }
    mr_text_release(&line);
    return MR_OK;
}

static void print_error(const struct mr_error *error)
{
    struct mr_text line;
    struct mr_json_writer w = {.out = &line};
    mr_text_init(&line);
    mr_json_begin_object(&w);
    mr_json_key(&w, "error");
    mr_json_cstr(&w, error->condition);
    mr_json_key(&w, "sqlState");
    mr_json_cstr(&w, error->sqlstate);
    mr_json_key(&w, "message");
    mr_json_cstr(&w, error->message);
    mr_json_end_object(&w);
    puts(line.data);
    mr_text_release(&line);
}

static void run_query(struct mr_str sql, struct mr_session *session)
{
    struct run run = {.zone = session->zone};
    struct mr_error error;
    mr_error_clear(&error);
    mr_text_init(&run.schema);
    mr_text_init(&run.rows);
    run.writer.out = &run.rows;
    struct mr_sql_run_options options = {.session = session,
                                         .on_schema = on_schema,
                                         .on_rows = on_rows,
                                         .ctx = &run};
    mr_json_begin_array(&run.writer);
    if (mr_sql_run(sql, &options, &error) < 0) {
        print_error(&error);
    } else {
        struct mr_text line;
        struct mr_json_writer w = {.out = &line};
        mr_text_init(&line);
        mr_json_end_array(&run.writer);
        mr_json_begin_object(&w);
        mr_json_key(&w, "schema");
        mr_json_str(&w, mr_text_str(&run.schema));
        mr_json_key(&w, "rows");
        mr_json_raw(&w, mr_text_str(&run.rows));
        mr_json_end_object(&w);
        puts(line.data);
        mr_text_release(&line);
    }
    mr_text_release(&run.schema);
    mr_text_release(&run.rows);
}

int main(void)
{
    static struct mr_session session = {.ansi = true,
                                        .user = "nobody",
                                        .catalog = "spark_catalog",
                                        .database = "default"};
    struct mr_error error;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    mr_error_clear(&error);
    session.zone = mr_zone_utc();
    session.batch_time_us = 1700000000000000;
    session.batch_seed = 42;
    for (size = getline(&line, &capacity, stdin); size >= 0; size = getline(&line, &capacity, stdin)) {
        struct mr_arena arena;
        struct mr_json *request = NULL;
        struct mr_str text;
        mr_arena_init(&arena);
        mr_error_clear(&error);
        if (mr_json_parse(&arena, (struct mr_str){line, (size_t)size}, &request, &error) < 0)
            print_error(&error);
        else if (mr_json_get_str(request, "sql", &text))
            run_query(text, &session);
        else if (mr_json_get_str(request, "zone", &text))
            puts(mr_zone_find(text, &session.zone, &error) < 0 ? "{\"error\": \"zone\"}" : "{}");
        else
            puts("{\"error\": \"request\"}");
        fflush(stdout);
        mr_arena_release(&arena);
    }
    free(line);
    return 0;
}
