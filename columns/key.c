/* columns/key.c: keys whose bytes sort as the values do. Part of the on-disk format of state.
 *
 *   value     := 00 (NULL) | 01 content
 *   BOOLEAN   content: one byte
 *   integers, DATE, TIMESTAMP, intervals: big endian, sign bit flipped, in the type's width
 *   DECIMAL   likewise, 8 bytes up to precision 18, else 16
 *   FLOAT, DOUBLE: the IEEE bits, big endian; sign bit flipped when positive, all bits when negative; -0.0 as
 * 0.0, one NaN STRING, BINARY: the bytes with 00 written as 00 FF, then 00 00 STRUCT    the value of every
 * field ARRAY     (01 value)* 00 MAP       (01 key value)* 00, entries sorted by the bytes of their keys:
 * equal maps have equal encodings */
#include <math.h>
#include <stdlib.h>

#include "columns/column_parts.h"
#include "columns/value.h"

static void append_big(struct mr_text *out, uint64_t bits, int width)
{
    char *at = mr_text_reserve(out, 8);
    if (!at)
        return;
    bits = __builtin_bswap64(bits << (64 - 8 * width));
    memcpy(at, &bits, 8); /* what is too much is overwritten */
    out->size += (size_t)width;
    out->data[out->size] = 0;
}

static void append_signed(struct mr_text *out, int64_t value, int width)
{
    append_big(out, (uint64_t)value ^ 1ULL << (8 * width - 1), width);
}

static void append_double(struct mr_text *out, double value)
{
    uint64_t bits;
    value = value == 0 ? 0 : isnan(value) ? (double)NAN : value;
    memcpy(&bits, &value, 8);
    append_big(out, bits >> 63 ? ~bits : bits ^ 1ULL << 63, 8);
}

static void append_float(struct mr_text *out, float value)
{
    uint32_t bits;
    value = value == 0 ? 0 : isnan(value) ? NAN : value;
    memcpy(&bits, &value, 4);
    append_big(out, bits >> 31 ? (uint32_t)~bits : bits ^ 1U << 31, 4);
}

static void append_bytes(struct mr_text *out, const struct mr_view *view)
{
    char *to = mr_text_reserve(out, (size_t)view->size * 2 + 2); /* the most it can become */
    if (!to)
        return;
    const char *at = mr_view_data(view), *end = at + view->size;
    const char *zero = view->size > 0 ? memchr(at, 0, view->size) : NULL;
    while (zero) {
        memcpy(to, at, (size_t)(zero - at));
        to += zero - at;
        *to++ = 0;
        *to++ = (char)0xFF;
        at = zero + 1;
        zero = memchr(at, 0, (size_t)(end - at));
    }
    memcpy(to, at, (size_t)(end - at));
    to += end - at;
    *to++ = 0;
    *to++ = 0;
    *to = 0;
    out->size = (size_t)(to - out->data);
}

struct entry {
    size_t start, key_stop, stop; /* in the scratch text */
};

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct entry *a = left, *b = right;
    const char *data = context;
    return mr_str_compare((struct mr_str){data + a->start, a->key_stop - a->start},
                          (struct mr_str){data + b->start, b->key_stop - b->start});
}

static void append_map(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    int64_t from = column->offsets[row], count = column->offsets[row + 1] - from;
    struct mr_text scratch;
    mr_text_init(&scratch);
    struct entry *entries = mr_allocate(sizeof *entries * (size_t)count);
    if (!entries) {
        out->failed = true;
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        entries[i].start = scratch.size;
        mr_key_append(&scratch, column->children[0], from + i);
        entries[i].key_stop = scratch.size;
        mr_key_append(&scratch, column->children[1], from + i);
        entries[i].stop = scratch.size;
    }
    out->failed = out->failed || scratch.failed;
    qsort_r(entries, (size_t)count, sizeof *entries, compare_entries, scratch.data);
    for (int64_t i = 0; i < count && !out->failed; i++) {
        mr_text_append_char(out, 1);
        mr_text_append(out, scratch.data + entries[i].start, entries[i].stop - entries[i].start);
    }
    mr_text_append_char(out, 0);
    mr_free(entries);
    mr_text_release(&scratch);
}

static void append_nested(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (column->type->id == MR_MAP) {
        append_map(out, column, row);
        return;
    }
    if (column->type->id == MR_STRUCT) {
        for (int i = 0; i < column->child_count; i++)
            mr_key_append(out, column->children[i], row);
        return;
    }
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
        mr_text_append_char(out, 1);
        mr_key_append(out, column->children[0], k);
    }
    mr_text_append_char(out, 0);
}

void mr_key_append(struct mr_text *out, const struct mr_column *column, int64_t row)
{
    if (column->type->id == MR_VOID || mr_column_is_null(column, row)) {
        mr_text_append_char(out, 0);
        return;
    }
    mr_text_append_char(out, 1);
    switch (column->type->id) {
    case MR_BOOLEAN:
        mr_text_append_char(out, (char)column->booleans[row]);
        break;
    case MR_TINYINT:
        append_signed(out, column->i8[row], 1);
        break;
    case MR_SMALLINT:
        append_signed(out, column->i16[row], 2);
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        append_signed(out, column->i32[row], 4);
        break;
    case MR_FLOAT:
        append_float(out, column->f32[row]);
        break;
    case MR_DOUBLE:
        append_double(out, column->f64[row]);
        break;
    case MR_STRING:
    case MR_BINARY:
        append_bytes(out, &column->views[row]);
        break;
    case MR_ARRAY:
    case MR_MAP:
    case MR_STRUCT:
        append_nested(out, column, row);
        break;
    default:
        if (mr_type_is_long_decimal(column->type)) {
            append_signed(out, (int64_t)(column->i128[row] >> 64), 8);
            append_big(out, (uint64_t)column->i128[row], 8);
        } else {
            append_signed(out, column->i64[row], 8);
        }
    }
}

/* ---- back ---- */

static int corrupt(struct mr_error *error)
{
    return mr_error_set(
        error, MR_E_CORRUPT, "STATE_STORE_KEY_ROW_FORMAT_VALIDATION_FAILURE",
        "A stored key cannot be decoded: the state is damaged. Restore the checkpoint, or start the "
        "flow with a full refresh.");
}

static bool read_big(const char **at, const char *end, int width, uint64_t *out)
{
    if (end - *at < width)
        return false;
    uint64_t bits = 0;
    memcpy(&bits, *at, (size_t)width);
    *out = __builtin_bswap64(bits) >> (64 - 8 * width);
    *at += width;
    return true;
}

static bool decode_fixed(const char **at, const char *end, struct mr_column *out)
{
    int64_t row = out->length;
    int width = (int)mr_type_width(out->type);
    uint64_t bits = 0, low = 0;
    if (!read_big(at, end, width > 8 ? 8 : width, &bits) || (width > 8 && !read_big(at, end, 8, &low)))
        return false;
    uint64_t sign = 1ULL << (8 * (width > 8 ? 8 : width) - 1);
    if (out->type->id == MR_BOOLEAN) {
        out->booleans[row] = bits != 0;
    } else if (out->type->id == MR_DOUBLE) {
        bits = bits & sign ? bits ^ sign : ~bits;
        memcpy(&out->f64[row], &bits, 8);
    } else if (out->type->id == MR_FLOAT) {
        uint32_t narrow = (uint32_t)(bits & sign ? bits ^ sign : ~bits);
        memcpy(&out->f32[row], &narrow, 4);
    } else if (width == 1) {
        out->i8[row] = (int8_t)(bits ^ sign);
    } else if (width == 2) {
        out->i16[row] = (int16_t)(bits ^ sign);
    } else if (width == 4) {
        out->i32[row] = (int32_t)(bits ^ sign);
    } else if (width == 8) {
        out->i64[row] = (int64_t)(bits ^ sign);
    } else {
        out->i128[row] = (mr_i128)((mr_u128)(bits ^ sign) << 64 | low);
    }
    return true;
}

static int decode_bytes(const char **at, const char *end, struct mr_column *out, struct mr_error *error)
{
    size_t size = 0, zeros = 0;
    const char *stop = *at;
    for (;; stop += 2, zeros++) { /* to the 00 00 */
        stop = stop < end ? memchr(stop, 0, (size_t)(end - stop)) : NULL;
        if (!stop || stop + 1 >= end)
            return corrupt(error);
        if (stop[1] == 0)
            break;
        if ((unsigned char)stop[1] != 0xFF)
            return corrupt(error);
    }
    size = (size_t)(stop - *at) - zeros;
    char inlined[MR_VIEW_INLINE];
    char *to = size > MR_VIEW_INLINE ? mr_column_heap(out, size) : inlined;
    if (!to)
        return mr_error_memory(error, size);
    size_t done = 0;
    for (const char *from = *at; from < stop; from++) {
        to[done++] = *from;
        from += *from == 0;
    }
    out->views[out->length] = mr_view_of(to, (uint32_t)size);
    *at = stop + 2;
    return MR_OK;
}

static int decode_nested(const char **at, const char *end, struct mr_column *out, struct mr_error *error)
{
    if (!out->offsets) {
        for (int i = 0; i < out->child_count; i++)
            MR_TRY(mr_key_decode(at, end, out->children[i], error));
        return MR_OK;
    }
    for (;;) {
        if (*at == end || (unsigned char)**at > 1)
            return corrupt(error);
        bool more = *(*at)++ == 1;
        if (!more)
            break;
        for (int i = 0; i < out->child_count; i++)
            MR_TRY(mr_key_decode(at, end, out->children[i], error));
    }
    if (out->children[0]->length > INT32_MAX)
        return mr_error_memory(error, (size_t)out->children[0]->length);
    out->offsets[out->length + 1] = (int32_t)out->children[0]->length;
    return MR_OK;
}

int mr_key_decode(const char **at, const char *end, struct mr_column *out, struct mr_error *error)
{
    if (*at == end || (unsigned char)**at > 1)
        return corrupt(error);
    bool null = *(*at)++ == 0;
    if (null)
        return mr_column_append_null(out, error);
    if (out->type->id == MR_VOID)
        return corrupt(error);
    MR_TRY(mr_column_room(out, 1, error));
    if (mr_type_is_bytes(out->type))
        MR_TRY(decode_bytes(at, end, out, error));
    else if (mr_type_is_nested(out->type))
        MR_TRY(decode_nested(at, end, out, error));
    else if (!decode_fixed(at, end, out))
        return corrupt(error);
    mr_column_set_valid(out, out->length);
    out->length++;
    return MR_OK;
}
