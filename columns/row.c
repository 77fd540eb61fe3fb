/* columns/row.c: compact values, not ordered. Part of the on-disk format of state.
 *
 * - integers, DATE, TIMESTAMP, intervals, DECIMAL: a count of bytes plus one (0: NULL), then that many bytes
 *   of the zigzag number, little endian, without leading zero bytes
 * - BOOLEAN: 00 NULL, 01 false, 02 true
 * - FLOAT, DOUBLE: 00 NULL, or 01 and 4 or 8 bytes, little endian
 * - STRING, BINARY: a varint, size plus one (0: NULL), then the bytes
 * - STRUCT: 00 NULL, or 01 and the value of every field
 * - ARRAY, MAP: a varint, count plus one (0: NULL), then the elements (keys, values) */
#include "base/varint.h"
#include "columns/column_parts.h"
#include "columns/value.h"

static void finish(struct mr_text *out, char *to)
{
    *to = 0;
    out->size = (size_t)(to - out->data);
}

static void append_variable(struct mr_text *out, uint64_t value)
{
    char *to = mr_text_reserve(out, MR_VARINT_BYTES);
    if (to)
        finish(out, mr_varint_put(to, value));
}

static void append_nested(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (!column->offsets) {
        mr_text_append_char(out, 1);
        for (int i = 0; i < column->child_count; i++)
            mr_row_append(out, column->children[i], row);
        return;
    }
    append_variable(out, (uint64_t)(column->offsets[row + 1] - column->offsets[row]) + 1);
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++)
        for (int i = 0; i < column->child_count; i++)
            mr_row_append(out, column->children[i], k);
}

bool mr_row_is_flat(const struct mr_type *type)
{
    return type->id != MR_ARRAY && type->id != MR_MAP && type->id != MR_STRUCT;
}

size_t mr_row_bound(const struct mr_column *column, int64_t row)
{
    if (mr_type_is_bytes(column->type))
        return mr_column_is_null(column, row) ? 1 : (size_t)column->views[row].size + 10;
    return mr_type_is_long_decimal(column->type) ? 17 : 9;
}

static inline char *write_number(char *to, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    int size = bits ? 8 - __builtin_clzll(bits) / 8 : 0;
    *to = (char)(size + 1);
    memcpy(to + 1, &bits, 8); /* what is too much is overwritten */
    return to + 1 + size;
}

char *mr_row_write(char *to, const struct mr_column *column, int64_t row)
{
    const struct mr_type *type = column->type;
    if (type->id == MR_VOID || mr_column_is_null(column, row)) {
        *to = 0;
        return to + 1;
    }
    if (mr_type_is_bytes(type)) {
        const struct mr_view *view = &column->views[row];
        to = mr_varint_put(to, (uint64_t)view->size + 1);
        memcpy(to, mr_view_data(view), view->size);
        return to + view->size;
    }
    if (type->id == MR_FLOAT || type->id == MR_DOUBLE) {
        size_t width = type->id == MR_FLOAT ? 4 : 8;
        *to = 1;
        memcpy(to + 1, (const char *)column->values + width * (size_t)row, width);
        return to + 1 + width;
    }
    if (mr_type_is_long_decimal(type)) {
        mr_u128 bits = (mr_u128)column->i128[row] << 1 ^ (mr_u128)(column->i128[row] >> 127);
        int size = 0;
        for (; bits > 0; bits >>= 8)
            to[++size] = (char)bits;
        *to = (char)(size + 1);
        return to + 1 + size;
    }
    if (type->id == MR_BOOLEAN) {
        *to = column->booleans[row] ? 2 : 1;
        return to + 1;
    }
    return write_number(to, mr_integer_at(column, row));
}

void mr_row_append(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (!mr_row_is_flat(column->type) && !mr_column_is_null(column, row)) {
        append_nested(out, column, row);
        return;
    }
    char *to = mr_text_reserve(out, mr_row_bound(column, row));
    if (to)
        finish(out, mr_row_write(to, column, row));
}

/* ---- back ---- */

static int corrupt(struct mr_error *error)
{
    return mr_error_set(
        error, MR_E_CORRUPT, "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
        "A stored value cannot be decoded: the state is damaged. Restore the checkpoint, or start the "
        "flow with a full refresh.");
}

static bool decode_number(const char **at, const char *end, int size, struct mr_column *out)
{
    int64_t row = out->length;
    int width = (int)mr_type_width(out->type);
    if (size > width || end - *at < size)
        return false;
    mr_u128 bits = 0;
    memcpy(&bits, *at, (size_t)size);
    *at += size;
    mr_i128 value = (mr_i128)(bits >> 1) ^ -(mr_i128)(bits & 1);
    if (width == 1)
        out->i8[row] = (int8_t)value;
    else if (width == 2)
        out->i16[row] = (int16_t)value;
    else if (width == 4)
        out->i32[row] = (int32_t)value;
    else if (width == 8)
        out->i64[row] = (int64_t)value;
    else
        out->i128[row] = value;
    return true;
}

static bool decode_raw(const char **at, const char *end, struct mr_column *out)
{
    size_t width = mr_type_width(out->type);
    if ((size_t)(end - *at) < width)
        return false;
    memcpy((char *)out->values + width * (size_t)out->length, *at, width);
    *at += width;
    return true;
}

static int decode_list(const char **at, const char *end, uint64_t count, struct mr_column *out,
                       struct mr_error *error)
{
    for (uint64_t k = 0; k < count; k++)
        for (int i = 0; i < out->child_count; i++)
            MR_TRY(mr_row_decode(at, end, out->children[i], error));
    if (out->children[0]->length > INT32_MAX)
        return mr_error_memory(error, (size_t)out->children[0]->length);
    out->offsets[out->length + 1] = (int32_t)out->children[0]->length;
    return MR_OK;
}

static int decode_struct(const char **at, const char *end, struct mr_column *out, struct mr_error *error)
{
    for (int i = 0; i < out->child_count; i++)
        MR_TRY(mr_row_decode(at, end, out->children[i], error));
    return MR_OK;
}

static int decode_present(const char **at, const char *end, uint64_t head, struct mr_column *out,
                          struct mr_error *error)
{
    MR_TRY(mr_column_room(out, 1, error));
    switch (out->type->id) {
    case MR_BOOLEAN:
        out->booleans[out->length] = head == 2;
        return head <= 2 ? MR_OK : corrupt(error);
    case MR_FLOAT:
    case MR_DOUBLE:
        return head == 1 && decode_raw(at, end, out) ? MR_OK : corrupt(error);
    case MR_STRING:
    case MR_BINARY:
        if (head - 1 > (uint64_t)(end - *at))
            return corrupt(error);
        *at += head - 1;
        return mr_column_set_bytes(out, out->length, *at - (head - 1), head - 1, error);
    case MR_ARRAY:
    case MR_MAP:
        return head - 1 <= (uint64_t)(end - *at) ? decode_list(at, end, head - 1, out, error)
                                                 : corrupt(error);
    case MR_STRUCT:
        return head == 1 ? decode_struct(at, end, out, error) : corrupt(error);
    case MR_VOID:
        return corrupt(error);
    default:
        return head <= 17 && decode_number(at, end, (int)head - 1, out) ? MR_OK : corrupt(error);
    }
}

int mr_row_decode(const char **at, const char *end, struct mr_column *out, struct mr_error *error)
{
    uint64_t head = 0;
    if (!mr_varint_get(at, end, &head))
        return corrupt(error);
    if (head == 0)
        return mr_column_append_null(out, error);
    MR_TRY(decode_present(at, end, head, out, error));
    mr_column_set_valid(out, out->length);
    out->length++;
    return MR_OK;
}

/* ---- many rows back ---- */

static bool read_integer(const char **at, const char *end, int64_t *value, bool *is_null)
{
    if (*at == end)
        return false;
    int size = (unsigned char)*(*at)++ - 1;
    *is_null = size < 0;
    if (size < 0)
        return true;
    if (size > 8 || end - *at < size)
        return false;
    uint64_t bits = 0;
    memcpy(&bits, *at, (size_t)size);
    *at += size;
    *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
    return true;
}

static int decode_integers(const char **at, const char *const *ends, int64_t count, struct mr_column *out,
                           struct mr_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        bool is_null = false;
        int64_t value = 0;
        if (!read_integer(&at[i], ends[i], &value, &is_null))
            return corrupt(error);
        out->i64[i] = value;
        if (is_null)
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

static int decode_views(const char **at, const char *const *ends, int64_t count, struct mr_column *out,
                        struct mr_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t head = 0;
        if (!mr_varint_get(&at[i], ends[i], &head) || (head > 0 && head - 1 > (uint64_t)(ends[i] - at[i])))
            return corrupt(error);
        out->views[i] = (struct mr_view){0};
        if (head == 0) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        out->views[i] = mr_view_of(at[i], (uint32_t)(head - 1));
        at[i] += head - 1;
    }
    return MR_OK;
}

int mr_rows_decode(const char **at, const char *const *ends, int64_t count, bool in_place,
                   struct mr_column *out, struct mr_error *error)
{
    MR_TRY(mr_column_reserve(out, count > 0 ? count : 1, error));
    enum mr_type_id id = out->type->id;
    bool wide = id == MR_BIGINT || id == MR_TIMESTAMP || id == MR_TIMESTAMP_NTZ;
    if (wide || (in_place && mr_type_is_bytes(out->type))) {
        MR_TRY(wide ? decode_integers(at, ends, count, out, error)
                    : decode_views(at, ends, count, out, error));
        out->length = count;
        return MR_OK;
    }
    for (int64_t i = 0; i < count; i++)
        MR_TRY(mr_row_decode(&at[i], ends[i], out, error));
    return MR_OK;
}
