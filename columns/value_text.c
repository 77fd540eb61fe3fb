/* columns/value_text.c: any value as Spark's cast to string writes it. */
#include <stdlib.h>

#include "columns/value.h"

static const char *const day_time_fields[] = {"DAY", "HOUR", "MINUTE", "SECOND"};

/* The fields from the first to the last, two digits each but for days: INTERVAL '1 02:03' DAY TO MINUTE */
static void day_time_text(struct mr_text *out, int64_t micros, const struct mr_type *type)
{
    static const uint64_t units[] = {86400, 3600, 60, 1};
    int first = mr_type_interval_first(type), last = mr_type_interval_last(type);
    uint64_t left = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    uint64_t seconds = left / 1000000, fraction = left % 1000000;
    mr_text_append_str(out, micros < 0 ? "INTERVAL '-" : "INTERVAL '");
    for (int field = first; field <= last; field++) {
        if (field > first)
            mr_text_append_char(out, field == 1 ? ' ' : ':');
        mr_text_format(out, field == 0 ? "%llu" : "%02llu", (unsigned long long)(seconds / units[field]));
        seconds %= units[field];
    }
    if (fraction > 0 && last == 3) {
        mr_text_format(out, ".%06llu", (unsigned long long)fraction);
        while (out->size > 0 && out->data[out->size - 1] == '0' && !out->failed)
            out->data[--out->size] = 0;
    }
    mr_text_format(out, "' %s", day_time_fields[first]);
    if (last > first)
        mr_text_format(out, " TO %s", day_time_fields[last]);
}

static void year_month_text(struct mr_text *out, int32_t months, const struct mr_type *type)
{
    int64_t positive = months < 0 ? -(int64_t)months : months;
    int first = mr_type_interval_first(type), last = mr_type_interval_last(type);
    mr_text_append_str(out, months < 0 ? "INTERVAL '-" : "INTERVAL '");
    if (first == 1)
        mr_text_format(out, "%d' MONTH", (int)positive);
    else if (last == 0)
        mr_text_format(out, "%d' YEAR", (int)(positive / 12));
    else
        mr_text_format(out, "%d-%d' YEAR TO MONTH", (int)(positive / 12), (int)(positive % 12));
}

static void append_list(struct mr_text *out, const struct mr_column *column, int64_t row,
                        const struct mr_zone *zone)
{
    mr_text_append_char(out, '[');
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
        if (k > column->offsets[row])
            mr_text_append_str(out, ", ");
        mr_value_text(out, column->children[0], k, zone);
    }
    mr_text_append_char(out, ']');
}

static void append_map(struct mr_text *out, const struct mr_column *column, int64_t row,
                       const struct mr_zone *zone)
{
    mr_text_append_char(out, '{');
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
        if (k > column->offsets[row])
            mr_text_append_str(out, ", ");
        mr_value_text(out, column->children[0], k, zone);
        mr_text_append_str(out, " -> ");
        mr_value_text(out, column->children[1], k, zone);
    }
    mr_text_append_char(out, '}');
}

static void append_struct(struct mr_text *out, const struct mr_column *column, int64_t row,
                          const struct mr_zone *zone)
{
    mr_text_append_char(out, '{');
    for (int i = 0; i < column->child_count; i++) {
        if (i > 0)
            mr_text_append_str(out, ", ");
        mr_value_text(out, column->children[i], row, zone);
    }
    mr_text_append_char(out, '}');
}

static void append_nested(struct mr_text *out, const struct mr_column *column, int64_t row,
                          const struct mr_zone *zone)
{
    if (column->type->id == MR_ARRAY)
        append_list(out, column, row, zone);
    else if (column->type->id == MR_MAP)
        append_map(out, column, row, zone);
    else
        append_struct(out, column, row, zone);
}

void mr_value_text(struct mr_text *out, const struct mr_column *column, int64_t row,
                   const struct mr_zone *zone)
{
    char text[64];
    size_t size = 0;
    if (column->type->id == MR_VOID || mr_column_is_null(column, row)) {
        mr_text_append_str(out, "null");
        return;
    }
    switch (column->type->id) {
    case MR_BOOLEAN:
        mr_text_append_str(out, column->booleans[row] ? "true" : "false");
        return;
    case MR_TINYINT:
        size = mr_i64_text(column->i8[row], text);
        break;
    case MR_SMALLINT:
        size = mr_i64_text(column->i16[row], text);
        break;
    case MR_INT:
        size = mr_i64_text(column->i32[row], text);
        break;
    case MR_BIGINT:
        size = mr_i64_text(column->i64[row], text);
        break;
    case MR_FLOAT:
        size = mr_float_text(column->f32[row], text);
        break;
    case MR_DOUBLE:
        size = mr_double_text(column->f64[row], text);
        break;
    case MR_DECIMAL:
        size = mr_decimal_text(mr_decimal_at(column, row), column->type->scale, text);
        break;
    case MR_STRING:
    case MR_BINARY:
        mr_text_append(out, mr_view_data(&column->views[row]), column->views[row].size);
        return;
    case MR_DATE:
        size = mr_date_text(column->i32[row], text);
        break;
    case MR_TIMESTAMP:
        size = mr_timestamp_text(mr_zone_to_local(zone, column->i64[row]), text);
        break;
    case MR_TIMESTAMP_NTZ:
        size = mr_timestamp_text(column->i64[row], text);
        break;
    case MR_INTERVAL_DAY_TIME:
        day_time_text(out, column->i64[row], column->type);
        return;
    case MR_INTERVAL_YEAR_MONTH:
        year_month_text(out, column->i32[row], column->type);
        return;
    default:
        append_nested(out, column, row, zone);
        return;
    }
    mr_text_append(out, text, size);
}
