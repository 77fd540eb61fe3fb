/* formats/parquet/statistics_out.c */
#include "formats/parquet/statistics_out.h"

struct bound { /* in the form of a footer: PLAIN without a length */
    char bytes[MR_BOUND_BYTES];
    size_t size;
    bool exact;
};

static void integer_bound(struct bound *out, int64_t value, size_t width)
{
    memcpy(out->bytes, &value, width);
    out->size = width;
}

static void float_bound(struct bound *out, double value, enum mr_parquet_physical physical, bool is_maximum)
{
    if (value == 0)
        value = is_maximum ? 0.0 : -0.0; /* readers must find either zero */
    float narrow = (float)value;
    out->size = physical == MR_PARQUET_FLOAT ? 4 : 8;
    memcpy(out->bytes, physical == MR_PARQUET_FLOAT ? (void *)&narrow : (void *)&value, out->size);
}

static void decimal_bound(struct bound *out, mr_i128 value, size_t width)
{
    out->size = width;
    for (size_t k = width; k > 0; k--) {
        out->bytes[k - 1] = (char)value;
        value >>= 8;
    }
}

/* false: there is no bound. Binary values are raised by bytes, text by characters. */
static bool bytes_bound(struct bound *out, const struct mr_bound_bytes *value, enum mr_type_id type,
                        bool is_maximum)
{
    struct mr_bound_bytes copy = *value;
    if (copy.cut && type == MR_STRING && !mr_statistics_whole_characters(&copy))
        return false;
    if (copy.cut && is_maximum && type == MR_STRING && !mr_statistics_raise(&copy))
        return false;
    if (copy.cut && is_maximum && type == MR_BINARY) {
        while (copy.size > 0 && (unsigned char)copy.data[copy.size - 1] == 0xff)
            copy.size--;
        if (copy.size == 0)
            return false;
        copy.data[copy.size - 1]++;
    }
    memcpy(out->bytes, copy.data, copy.size);
    out->size = copy.size;
    out->exact = !value->cut;
    return true;
}

static bool make_bound(struct bound *out, const struct mr_parquet_statistics *s, bool is_maximum,
                       const struct mr_parquet_column_writer *column)
{
    *out = (struct bound){.exact = true};
    if (!s->any || s->nan)
        return false;
    switch (column->physical) {
    case MR_PARQUET_BOOLEAN:
    case MR_PARQUET_INT32:
    case MR_PARQUET_INT64:
        integer_bound(out, is_maximum ? s->maximum.i64 : s->minimum.i64, column->width);
        return true;
    case MR_PARQUET_FLOAT:
    case MR_PARQUET_DOUBLE:
        float_bound(out, is_maximum ? s->maximum.f64 : s->minimum.f64, column->physical, is_maximum);
        return true;
    case MR_PARQUET_FIXED:
        decimal_bound(out, is_maximum ? s->maximum.i128 : s->minimum.i128, column->width);
        return true;
    default:
        return bytes_bound(out, is_maximum ? &s->maximum.bytes : &s->minimum.bytes, column->type->id,
                           is_maximum);
    }
}

void mr_parquet_statistics_write(struct mr_thrift_writer *t, int16_t id,
                                 const struct mr_parquet_statistics *statistics,
                                 const struct mr_parquet_column_writer *column)
{
    struct bound minimum, maximum;
    bool bounds =
        make_bound(&minimum, statistics, false, column) && make_bound(&maximum, statistics, true, column);
    mr_thrift_struct(t, id);
    mr_thrift_i64(t, 3, statistics->null_count);
    if (bounds) {
        mr_thrift_binary(t, 5, maximum.bytes, maximum.size);
        mr_thrift_binary(t, 6, minimum.bytes, minimum.size);
        mr_thrift_bool(t, 7, maximum.exact);
        mr_thrift_bool(t, 8, minimum.exact);
    }
    mr_thrift_end(t);
}

/* ---- for Delta ---- */

static bool is_utf8(const struct mr_bound_bytes *value)
{
    struct mr_bound_bytes copy = *value;
    return mr_statistics_whole_characters(&copy);
}

/* Delta keeps bounds as JSON text, so those of BINARY, and of text that is no UTF-8, cannot be kept. */
static bool has_bounds(const struct mr_parquet_statistics *s, const struct mr_type *type)
{
    if (!s->any || s->nan || type->id == MR_BINARY)
        return false;
    return type->id != MR_STRING || (is_utf8(&s->minimum.bytes) && is_utf8(&s->maximum.bytes));
}

static int put_bound(struct mr_column *out, int64_t row, const struct mr_parquet_statistics *s,
                     const struct mr_parquet_column_writer *column, struct mr_error *error)
{
    struct bound text;
    int64_t i64 = row == 1 ? s->maximum.i64 : s->minimum.i64;
    double f64 = row == 1 ? s->maximum.f64 : s->minimum.f64;
    out->length = row + 1;
    switch (out->type->id) {
    case MR_BOOLEAN:
        out->booleans[row] = (uint8_t)i64;
        break;
    case MR_TINYINT:
        out->i8[row] = (int8_t)i64;
        break;
    case MR_SMALLINT:
        out->i16[row] = (int16_t)i64;
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        out->i32[row] = (int32_t)i64;
        break;
    case MR_FLOAT:
        out->f32[row] = (float)f64;
        break;
    case MR_DOUBLE:
        out->f64[row] = f64;
        break;
    case MR_STRING:
        if (!make_bound(&text, s, row == 1, column))
            return MR_END;
        return mr_column_set_bytes(out, row, text.bytes, text.size, error);
    default:
        if (mr_type_is_long_decimal(out->type))
            out->i128[row] = row == 1 ? s->maximum.i128 : s->minimum.i128;
        else
            out->i64[row] = i64;
    }
    return MR_OK;
}

int mr_parquet_leaf_statistics_make(const struct mr_parquet_writer_schema *schema,
                                    const struct mr_parquet_column_writer *columns, struct mr_arena *arena,
                                    struct mr_leaf_statistics **out, struct mr_error *error)
{
    *out = MR_ARENA_ARRAY(arena, struct mr_leaf_statistics, schema->leaf_count);
    if (!*out)
        return mr_error_memory(error, sizeof(**out) * (size_t)schema->leaf_count);
    for (int i = 0; i < schema->leaf_count; i++) {
        const struct mr_parquet_writer_leaf *leaf = &schema->leaves[i];
        const struct mr_parquet_statistics *s = &columns[i].file_statistics;
        struct mr_leaf_statistics *to = &(*out)[i];
        *to = (struct mr_leaf_statistics){
            .type = leaf->node->type,
            .path = leaf->names,
            .depth = leaf->name_count,
            .in_repeated = leaf->in_repeated,
            .null_count = s->null_count,
        };
        if (leaf->in_repeated || !has_bounds(s, to->type))
            continue;
        to->bounds = mr_column_new(to->type, 2);
        if (!to->bounds)
            return mr_error_memory(error, 64);
        int status = put_bound(to->bounds, 0, s, &columns[i], error);
        if (status == MR_OK)
            status = put_bound(to->bounds, 1, s, &columns[i], error);
        if (status < 0)
            return status;
        to->has_bounds = status == MR_OK;
    }
    return MR_OK;
}
