/* api/arrow_import.c: Arrow arrays as columns, copied. What the structures say about themselves is checked as
 * far as they say it; sizes of buffers they do not. */
#include "api/arrow.h"
#include "base/json.h"

/* One array while it is read. Rows are numbered from the array's own offset. */
struct incoming {
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    struct mr_arrow_kind kind;
};

static int append(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t start,
                  int64_t count, struct mr_column *out, struct mr_error *error);

static int damaged(const struct incoming *in, const char *what, struct mr_error *error)
{
    return mr_error_set(error, MR_E_USAGE, "ARROW_TYPE_MISMATCH", "The Arrow array of `%s` is damaged: %s.",
                        in->schema->name ? in->schema->name : "", what);
}

static int refused(const struct incoming *in, const char *condition, const char *what, struct mr_error *error)
{
    return mr_error_set(error, MR_E_DATA, condition, "The Arrow array of `%s` holds %s.",
                        in->schema->name ? in->schema->name : "", what);
}

static bool is_null(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *bits = array->n_buffers > 0 ? array->buffers[0] : NULL;
    row += array->offset;
    return bits && !((bits[row >> 3] >> (row & 7)) & 1);
}

/* Buffer `index` at the value of that row; values may stand unaligned, so they are copied out. */
static const char *at(const struct incoming *in, int index, int64_t row)
{
    return (const char *)in->array->buffers[index] + (in->array->offset + row) * in->kind.width;
}

static int64_t read_integer(const char *from, int width)
{
    int64_t wide = 0;
    int32_t narrow = 0;
    if (width == 8)
        memcpy(&wide, from, 8);
    else
        memcpy(&narrow, from, 4);
    return width == 8 ? wide : narrow;
}

/* ---- what must be there ---- */
static int buffers_of(enum mr_arrow_layout layout)
{
    switch (layout) {
    case MR_ARROW_NULL:
        return 0;
    case MR_ARROW_STRUCT:
    case MR_ARROW_FIXED_LIST:
        return 1;
    case MR_ARROW_BYTES:
    case MR_ARROW_VIEWS:
    case MR_ARROW_LIST_VIEW:
        return 3;
    default:
        return 2;
    }
}

static int check(const struct incoming *in, int64_t start, int64_t count, struct mr_error *error)
{
    const struct ArrowArray *array = in->array;
    int buffers = buffers_of(in->kind.layout);
    bool bytes = in->kind.layout == MR_ARROW_BYTES;
    if (!array->release)
        return damaged(in, "it is released", error);
    if (array->length < 0 || array->offset < 0 || start < 0 || count < 0 || start > array->length ||
        count > array->length - start)
        return damaged(in, "it is shorter than its parent needs", error);
    if (array->n_buffers < buffers || (buffers > 0 && !array->buffers))
        return damaged(in, "buffers are missing", error);
    for (int i = 1; count > 0 && i < buffers - bytes; i++)
        if (!array->buffers[i] && !(in->kind.layout == MR_ARROW_VIEWS && i == 2))
            return damaged(in, "a buffer is missing", error);
    if (array->n_children != in->schema->n_children || (array->n_children > 0 && !array->children))
        return damaged(in, "it has not as many children as its type", error);
    for (int64_t i = 0; i < array->n_children; i++)
        if (!array->children[i])
            return damaged(in, "a child is missing", error);
    return MR_OK;
}

static int make_room(struct mr_column *out, int64_t count, struct mr_error *error)
{
    int64_t need = out->length + count;
    int64_t doubled = out->capacity * 2 > 16 ? out->capacity * 2 : 16;
    return need <= out->capacity ? MR_OK : mr_column_reserve(out, need > doubled ? need : doubled, error);
}

static int append_validity(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                           struct mr_error *error)
{
    for (int64_t i = 0; i < count; i++)
        if (is_null(in->array, start + i))
            MR_TRY(mr_column_set_null(out, out->length + i, error));
    return MR_OK;
}

/* ---- values of fixed width ---- */
static float half(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 15) << 31, exponent = bits >> 10 & 31, fraction = bits & 1023, wide;
    float value;
    if (exponent == 0) { /* zero, or subnormal: fraction / 2^24 */
        value = (float)fraction / 16777216.0f;
        return sign ? -value : value;
    }
    wide = sign | (exponent == 31 ? 255U : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static void put_unsigned(struct mr_column *out, int64_t row, const char *from, int width)
{
    uint64_t value = 0;
    memcpy(&value, from, (size_t)width); /* little-endian */
    if (width == 1)
        out->i16[row] = (int16_t)value;
    else if (width == 2)
        out->i32[row] = (int32_t)value;
    else if (width == 4)
        out->i64[row] = (int64_t)value;
    else
        out->i128[row] = (mr_i128)value;
}

static int put_decimal(const struct incoming *in, struct mr_column *out, int64_t row, const char *from,
                       struct mr_error *error)
{
    mr_i128 value = 0;
    int width = in->kind.width;
    if (width < 16)
        value = read_integer(from, width);
    else
        memcpy(&value, from, 16);
    mr_i128 sign = value < 0 ? -1 : 0, high = sign; /* what 256 bits have above */
    if (width == 32)
        memcpy(&high, from + 16, 16);
    if (high != sign || !mr_decimal_fits(value, in->kind.precision))
        return refused(in, "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
                       "a decimal with more digits than its type has", error);
    mr_decimal_put(out, row, value);
    return MR_OK;
}

static int put_time(const struct incoming *in, struct mr_column *out, int64_t row, const char *from,
                    struct mr_error *error)
{
    int64_t value = read_integer(from, 8), result = 0;
    bool fits = true;
    switch (in->kind.layout) {
    case MR_ARROW_SECONDS:
        fits = !__builtin_mul_overflow(value, 1000000, &result);
        break;
    case MR_ARROW_MILLIS:
        fits = !__builtin_mul_overflow(value, 1000, &result);
        break;
    case MR_ARROW_NANOS:
        result = value / 1000 - (value % 1000 < 0);
        break;
    default: /* a date in milliseconds */
        result = value / 86400000 - (value % 86400000 < 0);
        fits = result >= INT32_MIN && result <= INT32_MAX;
        break;
    }
    if (!fits)
        return refused(in, "DATETIME_OVERFLOW", "a time too far away for microseconds in 64 bits", error);
    if (out->type->id == MR_DATE)
        out->i32[row] = (int32_t)result;
    else
        out->i64[row] = result;
    return MR_OK;
}

static int put_value(const struct incoming *in, struct mr_column *out, int64_t row, int64_t from,
                     struct mr_error *error)
{
    const char *place = at(in, 1, from);
    uint16_t bits;
    switch (in->kind.layout) {
    case MR_ARROW_UNSIGNED:
        put_unsigned(out, row, place, in->kind.width);
        return MR_OK;
    case MR_ARROW_HALF:
        memcpy(&bits, place, sizeof bits);
        out->f32[row] = half(bits);
        return MR_OK;
    case MR_ARROW_DECIMAL:
        return put_decimal(in, out, row, place, error);
    default:
        return put_time(in, out, row, place, error);
    }
}

static int append_fixed(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                        struct mr_error *error)
{
    int64_t base = out->length;
    if (count == 0 || in->kind.layout == MR_ARROW_NULL)
        return MR_OK;
    if (in->kind.layout == MR_ARROW_SAME) {
        size_t width = (size_t)in->kind.width;
        memcpy((char *)out->values + (size_t)base * width, at(in, 1, start), width * (size_t)count);
        return MR_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t bit = in->array->offset + start + i;
        if (in->kind.layout == MR_ARROW_BITS)
            out->booleans[base + i] = ((const uint8_t *)in->array->buffers[1])[bit >> 3] >> (bit & 7) & 1;
        else if (!is_null(in->array, start + i))
            MR_TRY(put_value(in, out, base + i, start + i, error));
    }
    return MR_OK;
}

/* ---- bytes ---- */
static int put_bytes(const struct incoming *in, struct mr_column *out, int64_t row, const char *data,
                     int64_t size, struct mr_error *error)
{
    if (size < 0 || size > UINT32_MAX || (size > 0 && !data))
        return damaged(in, "an offset is out of range", error);
    if (in->kind.type == MR_STRING &&
        mr_utf8_valid_prefix((struct mr_str){data, (size_t)size}) != (size_t)size)
        return refused(in, "INVALID_UTF8_STRING", "text that is not UTF-8", error);
    return mr_column_set_bytes(out, row, data, (size_t)size, error);
}

static int put_view(const struct incoming *in, struct mr_column *out, int64_t row, const char *view,
                    struct mr_error *error)
{
    const struct ArrowArray *array = in->array;
    int32_t size, buffer, offset;
    memcpy(&size, view, 4);
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    if (size <= MR_VIEW_INLINE)
        return put_bytes(in, out, row, view + 4, size, error);
    const char *sizes = array->buffers[array->n_buffers - 1];
    if (buffer < 0 || buffer >= array->n_buffers - 3 || offset < 0 || !sizes ||
        (int64_t)offset + size > read_integer(sizes + 8 * (int64_t)buffer, 8))
        return damaged(in, "a view points beyond its buffer", error);
    return put_bytes(in, out, row, (const char *)array->buffers[2 + buffer] + offset, size, error);
}

static int append_bytes(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                        struct mr_error *error)
{
    const char *bytes = in->kind.layout == MR_ARROW_BYTES ? in->array->buffers[2] : NULL;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = out->length + i;
        if (is_null(in->array, start + i))
            continue;
        const char *place = at(in, 1, start + i);
        if (in->kind.layout == MR_ARROW_VIEWS) {
            MR_TRY(put_view(in, out, row, place, error));
        } else if (in->kind.layout == MR_ARROW_FIXED_BYTES) {
            MR_TRY(put_bytes(in, out, row, place, in->kind.width, error));
        } else {
            int64_t from = read_integer(place, in->kind.width);
            int64_t size = read_integer(place + in->kind.width, in->kind.width) - from;
            if (from < 0)
                return damaged(in, "an offset is out of range", error);
            MR_TRY(put_bytes(in, out, row, bytes ? bytes + from : NULL, size, error));
        }
    }
    return MR_OK;
}

/* ---- lists and maps: ranges of the child, as few as there are gaps ---- */
static int append_range(const struct incoming *in, int64_t from, int64_t count, struct mr_column *out,
                        struct mr_error *error)
{
    const struct ArrowArray *child = in->array->children[0];
    const struct ArrowSchema *type = in->schema->children[0];
    if (count == 0)
        return MR_OK;
    if (in->kind.layout != MR_ARROW_MAP)
        return append(type, child, from, count, out->children[0], error);
    if (child->n_children != 2 || !child->children || !child->children[0] || !child->children[1] ||
        from > child->length || count > child->length - from)
        return damaged(in, "its entries are not pairs", error);
    MR_TRY(
        append(type->children[0], child->children[0], child->offset + from, count, out->children[0], error));
    MR_TRY(
        append(type->children[1], child->children[1], child->offset + from, count, out->children[1], error));
    if (mr_column_null_count(out->children[0]) > 0)
        return refused(in, "NULL_MAP_KEY", "a map with a NULL key", error);
    return MR_OK;
}

static void range_of(const struct incoming *in, int64_t row, int64_t *from, int64_t *count)
{
    int width = in->kind.width;
    if (in->kind.layout == MR_ARROW_FIXED_LIST) {
        *from = (in->array->offset + row) * width;
        *count = width;
        return;
    }
    *from = read_integer(at(in, 1, row), width);
    if (in->kind.layout == MR_ARROW_LIST_VIEW)
        *count = read_integer(at(in, 2, row), width);
    else
        *count = read_integer(at(in, 1, row) + width, width) - *from;
}

static int append_lists(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                        struct mr_error *error)
{
    int64_t from = 0, pending = 0, total = out->offsets[out->length];
    for (int64_t i = 0; i < count; i++) {
        int64_t first = from + pending, size = 0;
        if (!is_null(in->array, start + i))
            range_of(in, start + i, &first, &size);
        if (first < 0 || size < 0 || total + size > INT32_MAX)
            return damaged(in, "an offset is out of range, or there are more than 2^31 elements", error);
        if (first != from + pending) {
            MR_TRY(append_range(in, from, pending, out, error));
            from = first;
            pending = 0;
        }
        pending += size;
        total += size;
        out->offsets[out->length + i + 1] = (int32_t)total;
    }
    return append_range(in, from, pending, out, error);
}

static int append_fields(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                         struct mr_error *error)
{
    for (int i = 0; i < out->child_count; i++)
        MR_TRY(append(in->schema->children[i], in->array->children[i], in->array->offset + start, count,
                      out->children[i], error));
    return MR_OK;
}

/* ---- dictionaries ---- */
static int append_dictionary(const struct incoming *in, int64_t start, int64_t count, struct mr_column *out,
                             struct mr_error *error)
{
    const struct ArrowArray *values = in->array->dictionary;
    bool whole = in->kind.layout == MR_ARROW_SAME || in->kind.layout == MR_ARROW_UNSIGNED;
    if (!whole || !mr_type_is_numeric(mr_type_of(in->kind.type == MR_DECIMAL ? MR_BIGINT : in->kind.type)) ||
        !values)
        return damaged(in, "the indices of its dictionary are no integers", error);
    struct mr_column *column = mr_column_new(out->type, values->length > 0 ? values->length : 1);
    if (!column)
        return mr_error_memory(error, sizeof *column);
    int status = append(in->schema->dictionary, values, 0, values->length, column, error);
    for (int64_t i = 0; status >= 0 && i < count; i++) {
        int64_t index = 0;
        if (!is_null(in->array, start + i)) {
            memcpy(&index, at(in, 1, start + i),
                   (size_t)in->kind.width); /* little-endian; negative ones are huge */
            if (index < 0 || index >= values->length) {
                status = damaged(in, "an index is outside of the dictionary", error);
                continue;
            }
        }
        bool null = is_null(in->array, start + i) || mr_column_is_null(column, index);
        status =
            null ? mr_column_append_null(out, error) : mr_column_append(out, column, index, false, error);
    }
    mr_column_unref(column);
    return status;
}

static int append(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t start,
                  int64_t count, struct mr_column *out, struct mr_error *error)
{
    struct incoming in = {schema, array, {0}};
    if (!schema->format || !mr_arrow_kind_of(schema->format, &in.kind))
        return damaged(&in, "its format is unknown", error);
    MR_TRY(check(&in, start, count, error));
    if (schema->dictionary)
        return append_dictionary(&in, start, count, out, error);
    MR_TRY(make_room(out, count, error));
    if (in.kind.layout == MR_ARROW_NULL) {
        for (int64_t i = 0; i < count; i++)
            MR_TRY(mr_column_set_null(out, out->length + i, error));
    } else {
        MR_TRY(append_validity(&in, start, count, out, error));
    }
    switch (in.kind.layout) {
    case MR_ARROW_BYTES:
    case MR_ARROW_FIXED_BYTES:
    case MR_ARROW_VIEWS:
        MR_TRY(append_bytes(&in, start, count, out, error));
        break;
    case MR_ARROW_LIST:
    case MR_ARROW_LIST_VIEW:
    case MR_ARROW_FIXED_LIST:
    case MR_ARROW_MAP:
        MR_TRY(append_lists(&in, start, count, out, error));
        break;
    case MR_ARROW_STRUCT:
        MR_TRY(append_fields(&in, start, count, out, error));
        break;
    default:
        MR_TRY(append_fixed(&in, start, count, out, error));
    }
    out->length += count;
    return MR_OK;
}

/* ---- a batch ---- */
static int find_child(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->name && strcmp(schema->children[i]->name, name) == 0)
            return (int)i;
    return -1;
}

static int wrong_columns(const struct mr_type *to, const struct mr_type *from, struct mr_error *error)
{
    struct mr_text wanted, given;
    mr_text_init(&wanted);
    mr_text_init(&given);
    for (int i = 0; i < to->field_count; i++)
        mr_text_format(&wanted, "%s%s", i > 0 ? ", " : "", to->fields[i].name);
    for (int i = 0; i < from->field_count; i++)
        mr_text_format(&given, "%s%s", i > 0 ? ", " : "", from->fields[i].name);
    mr_error_set(error, MR_E_USAGE, "ARROW_SCHEMA_FIELD_NAME_MISMATCH",
                 "The stream has the columns %s; the array has %s.", wanted.data ? wanted.data : "",
                 given.data ? given.data : "");
    mr_text_release(&wanted);
    mr_text_release(&given);
    return error->code;
}

static int wrong_type(const struct mr_field *field, const struct mr_type *from, struct mr_error *error)
{
    struct mr_text wanted, given;
    mr_text_init(&wanted);
    mr_text_init(&given);
    mr_type_text(&wanted, field->type);
    mr_type_text(&given, from);
    mr_error_set(error, MR_E_USAGE, "ARROW_TYPE_MISMATCH",
                 "The stream's column `%s` is %s; the array's is of a type that becomes %s.", field->name,
                 wanted.data ? wanted.data : "", given.data ? given.data : "");
    mr_text_release(&wanted);
    mr_text_release(&given);
    return error->code;
}

static int import_columns(const struct ArrowSchema *schema, const struct ArrowArray *array,
                          const struct mr_type *to, const struct mr_type *from, struct mr_batch *out,
                          struct mr_error *error)
{
    if (from->field_count != to->field_count)
        return wrong_columns(to, from, error);
    for (int i = 0; i < to->field_count; i++) {
        int child = find_child(schema, to->fields[i].name);
        if (child < 0)
            return wrong_columns(to, from, error);
        if (!mr_type_equal(from->fields[child].type, to->fields[i].type))
            return wrong_type(&to->fields[i], from->fields[child].type, error);
        MR_TRY(append(schema->children[child], array->children[child], array->offset, array->length,
                      out->columns[i], error));
    }
    out->length = array->length;
    return MR_OK;
}

int mr_arrow_import(const struct ArrowSchema *schema, const struct ArrowArray *array,
                    const struct mr_type *to, struct mr_batch *out, struct mr_error *error)
{
    struct incoming in = {schema, array, {MR_ARROW_STRUCT, MR_STRUCT, 0, 0, 0}};
    struct mr_arena arena;
    const struct mr_type *from = NULL;
    mr_arena_init(&arena);
    int status = mr_arrow_type(&arena, schema, &from, error);
    if (status >= 0 && from->id != MR_STRUCT)
        status = damaged(&in, "rows are a struct array, and this is none", error);
    if (status >= 0)
        status = check(&in, 0, array->length, error);
    for (int64_t i = 0; status >= 0 && i < array->length && array->null_count != 0; i++)
        if (is_null(array, i))
            status = refused(&in, "ARROW_TYPE_MISMATCH", "a row that is NULL as a whole", error);
    if (status >= 0)
        status = mr_batch_init(out, to, array->length > 0 ? array->length : 1, error);
    if (status >= 0)
        status = import_columns(schema, array, to, from, out, error);
    if (status < 0)
        mr_batch_release(out);
    mr_arena_release(&arena);
    return status;
}
