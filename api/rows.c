/* api/rows.c: reading rows. */
#include "api/job.h"
#include "base/json.h"

static const struct mr_column *column_at(const struct millrace_rows *rows, int column)
{
    bool there = rows && column >= 0 && rows->batch.schema && column < rows->batch.schema->field_count;
    return there ? rows->batch.columns[column] : NULL;
}

/* The column, when there is a value that is not NULL, and the value's row in it. */
static const struct mr_column *value_at(const struct millrace_rows *rows, int64_t *row, int column)
{
    const struct mr_column *c = column_at(rows, column);
    bool there = c && *row >= 0 && *row < rows->batch.length && c->type->id != MR_VOID;
    if (!there)
        return NULL;
    *row += rows->first;
    return mr_column_is_null(c, *row) ? NULL : c;
}

int64_t millrace_rows_count(const struct millrace_rows *rows)
{
    return rows ? rows->batch.length : 0;
}

int millrace_rows_columns(const struct millrace_rows *rows)
{
    return rows && rows->batch.schema ? rows->batch.schema->field_count : 0;
}

const char *millrace_rows_name(const struct millrace_rows *rows, int column)
{
    return column_at(rows, column) ? rows->batch.schema->fields[column].name : NULL;
}

int millrace_rows_column(const struct millrace_rows *rows, const char *name)
{
    for (int i = 0; name && i < millrace_rows_columns(rows); i++)
        if (mr_str_equal_nocase(mr_str_of(rows->batch.schema->fields[i].name), mr_str_of(name)))
            return i;
    return -1;
}

static size_t put_and_release(char *out, size_t size, struct mr_text *text)
{
    struct mr_str whole = {text->data ? text->data : "", text->failed ? 0 : text->size};
    size_t length = mr_api_put(out, size, whole);
    mr_text_release(text);
    return length;
}

size_t millrace_rows_type(const struct millrace_rows *rows, int column, char *out, size_t size)
{
    struct mr_text text;
    mr_text_init(&text);
    if (column_at(rows, column))
        mr_type_text(&text, rows->batch.schema->fields[column].type);
    return put_and_release(out, size, &text);
}

int millrace_rows_is_null(const struct millrace_rows *rows, int64_t row, int column)
{
    return value_at(rows, &row, column) == NULL;
}

static bool integer_of(const struct mr_column *c, int64_t row, int64_t *out)
{
    switch (c->type->id) {
    case MR_BOOLEAN:
        *out = c->booleans[row] != 0;
        return true;
    case MR_TINYINT:
        *out = c->i8[row];
        return true;
    case MR_SMALLINT:
        *out = c->i16[row];
        return true;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        *out = c->i32[row];
        return true;
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
        *out = c->i64[row];
        return true;
    default:
        return false;
    }
}

int64_t millrace_rows_int(const struct millrace_rows *rows, int64_t row, int column)
{
    const struct mr_column *c = value_at(rows, &row, column);
    int64_t value = 0;
    return c && integer_of(c, row, &value) ? value : 0;
}

double millrace_rows_double(const struct millrace_rows *rows, int64_t row, int column)
{
    const struct mr_column *c = value_at(rows, &row, column);
    int64_t value = 0;
    if (!c || !mr_type_is_numeric(c->type))
        return 0;
    if (c->type->id == MR_FLOAT)
        return (double)c->f32[row];
    if (c->type->id == MR_DOUBLE)
        return c->f64[row];
    if (c->type->id == MR_DECIMAL)
        return mr_decimal_to_double(mr_decimal_at(c, row), c->type->scale);
    integer_of(c, row, &value);
    return (double)value;
}

const char *millrace_rows_bytes(const struct millrace_rows *rows, int64_t row, int column, size_t *size_bytes)
{
    const struct mr_column *c = value_at(rows, &row, column);
    bool bytes = c && mr_type_is_bytes(c->type);
    if (size_bytes)
        *size_bytes = bytes ? c->views[row].size : 0;
    return bytes ? mr_view_data(&c->views[row]) : NULL;
}

size_t millrace_rows_text(const struct millrace_rows *rows, int64_t row, int column, char *out, size_t size)
{
    struct mr_text text;
    const struct mr_column *c = value_at(rows, &row, column);
    mr_text_init(&text);
    if (c)
        mr_value_text(&text, c, row, rows->zone);
    else
        mr_text_append_str(&text, "NULL");
    return put_and_release(out, size, &text);
}

size_t millrace_rows_json(const struct millrace_rows *rows, int64_t row, char *out, size_t size)
{
    struct mr_text text;
    struct mr_json_writer writer = {.out = &text};
    mr_text_init(&text);
    mr_json_begin_object(&writer);
    for (int i = 0; i < millrace_rows_columns(rows); i++) {
        int64_t at = row;
        const struct mr_column *c = value_at(rows, &at, i);
        mr_json_key(&writer, rows->batch.schema->fields[i].name);
        if (!c) {
            mr_json_null(&writer);
            continue;
        }
        mr_value_json(&text, c, at, rows->zone, false);
        writer.comma = true;
    }
    mr_json_end_object(&writer);
    return put_and_release(out, size, &text);
}

int64_t millrace_rows_batch(const struct millrace_rows *rows)
{
    return rows ? rows->number : -1;
}

const char *millrace_rows_query_id(const struct millrace_rows *rows)
{
    return rows ? rows->query_id : "";
}

int millrace_rows_arrow(const struct millrace_rows *rows, struct ArrowSchema *schema,
                        struct ArrowArray *array)
{
    struct mr_error error = {0};
    struct mr_batch own;
    if (!rows || !rows->batch.schema || !schema || !array)
        return MILLRACE_USAGE;
    int status = rows->is_part ? mr_batch_slice(&rows->batch, rows->first, rows->batch.length, &own, &error)
                               : mr_batch_copy(&own, &rows->batch, &error);
    if (status < 0)
        return status;
    status = mr_arrow_export_schema(&own, rows->zone, schema, &error);
    if (status >= 0) {
        status = mr_arrow_export(&own, array, &error);
        if (status < 0)
            schema->release(schema);
    }
    mr_batch_release(&own);
    return status;
}

void millrace_rows_free(struct millrace_rows *rows)
{
    if (!rows)
        return;
    mr_batch_release(&rows->batch);
    mr_memory_table_close(rows->table);
    mr_free(rows);
}
