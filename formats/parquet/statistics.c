/* formats/parquet/statistics.c */
#include "formats/parquet/statistics.h"

#include <math.h>

void mr_statistics_add_i32(struct mr_parquet_statistics *s, const int32_t *values, size_t count)
{
    if (count == 0)
        return;
    int32_t minimum = values[0], maximum = values[0];
    for (size_t i = 1; i < count; i++) {
        minimum = values[i] < minimum ? values[i] : minimum;
        maximum = values[i] > maximum ? values[i] : maximum;
    }
    if (!s->any || minimum < s->minimum.i64)
        s->minimum.i64 = minimum;
    if (!s->any || maximum > s->maximum.i64)
        s->maximum.i64 = maximum;
    s->any = true;
}

void mr_statistics_add_i64(struct mr_parquet_statistics *s, const int64_t *values, size_t count)
{
    if (count == 0)
        return;
    int64_t minimum = values[0], maximum = values[0];
    for (size_t i = 1; i < count; i++) {
        minimum = values[i] < minimum ? values[i] : minimum;
        maximum = values[i] > maximum ? values[i] : maximum;
    }
    if (!s->any || minimum < s->minimum.i64)
        s->minimum.i64 = minimum;
    if (!s->any || maximum > s->maximum.i64)
        s->maximum.i64 = maximum;
    s->any = true;
}

static void add_f64(struct mr_parquet_statistics *s, double value)
{
    if (isnan(value)) {
        s->nan = true;
        return;
    }
    if (!s->any || value < s->minimum.f64)
        s->minimum.f64 = value;
    if (!s->any || value > s->maximum.f64)
        s->maximum.f64 = value;
    s->any = true;
}

void mr_statistics_add_f32(struct mr_parquet_statistics *s, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_f64(s, values[i]);
}

void mr_statistics_add_f64(struct mr_parquet_statistics *s, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_f64(s, values[i]);
}

void mr_statistics_add_i128(struct mr_parquet_statistics *s, mr_i128 value)
{
    if (!s->any || value < s->minimum.i128)
        s->minimum.i128 = value;
    if (!s->any || value > s->maximum.i128)
        s->maximum.i128 = value;
    s->any = true;
}

void mr_statistics_add_boolean(struct mr_parquet_statistics *s, const uint8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!s->any || values[i] < s->minimum.i64)
            s->minimum.i64 = values[i];
        if (!s->any || values[i] > s->maximum.i64)
            s->maximum.i64 = values[i];
        s->any = true;
    }
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common > 0 ? memcmp(a, b, common) : 0;
    if (order != 0)
        return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

static uint64_t set_bound(struct mr_bound_bytes *bound, const char *data, size_t size)
{
    bound->cut = size > MR_BOUND_BYTES;
    bound->size = bound->cut ? MR_BOUND_BYTES : (uint32_t)size;
    memcpy(bound->data, data, bound->size);
    uint64_t prefix = 0;
    memcpy(&prefix, bound->data, bound->size < 8 ? bound->size : 8);
    return __builtin_bswap64(prefix);
}

void mr_statistics_add_bytes(struct mr_parquet_statistics *s, const char *data, size_t size)
{
    /* A bound that was cut compares by its prefix, which is all that is promised of it. */
    if (!s->any || compare_bytes(data, size, s->minimum.bytes.data, s->minimum.bytes.size) < 0)
        s->minimum_prefix = set_bound(&s->minimum.bytes, data, size);
    if (!s->any || compare_bytes(data, size, s->maximum.bytes.data, s->maximum.bytes.size) > 0)
        s->maximum_prefix = set_bound(&s->maximum.bytes, data, size);
    s->any = true;
}

/* A bound of `from` that was cut must stay marked so. */
static void merge_bytes(struct mr_parquet_statistics *s, const struct mr_parquet_statistics *from)
{
    const struct mr_bound_bytes *low = &from->minimum.bytes, *high = &from->maximum.bytes;
    if (!s->any || compare_bytes(low->data, low->size, s->minimum.bytes.data, s->minimum.bytes.size) < 0) {
        s->minimum.bytes = *low;
        s->minimum_prefix = from->minimum_prefix;
    }
    int order =
        s->any ? compare_bytes(high->data, high->size, s->maximum.bytes.data, s->maximum.bytes.size) : 1;
    if (order > 0 || (order == 0 && high->cut)) {
        s->maximum.bytes = *high;
        s->maximum_prefix = from->maximum_prefix;
    }
    s->any = true;
}

void mr_statistics_merge(struct mr_parquet_statistics *s, const struct mr_parquet_statistics *from,
                         const struct mr_type *type)
{
    s->null_count += from->null_count;
    s->nan = s->nan || from->nan;
    if (!from->any)
        return;
    if (type->id == MR_FLOAT || type->id == MR_DOUBLE) {
        add_f64(s, from->minimum.f64);
        add_f64(s, from->maximum.f64);
    } else if (mr_type_is_long_decimal(type)) {
        mr_statistics_add_i128(s, from->minimum.i128);
        mr_statistics_add_i128(s, from->maximum.i128);
    } else if (mr_type_is_bytes(type)) {
        merge_bytes(s, from);
    } else {
        mr_statistics_add_i64(s, &from->minimum.i64, 1);
        mr_statistics_add_i64(s, &from->maximum.i64, 1);
    }
}

/* ---- text bounds ---- */

/* Bytes of the character at p, 0 when it is not well-formed or does not end before end. */
static int character_bytes(const unsigned char *p, const unsigned char *end, uint32_t *code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    int n = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : (*p & 0xf8) == 0xf0 ? 4 : 0;
    if (n == 0 || n > end - p)
        return 0;
    *code = n == 1 ? *p : *p & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < smallest[n] || *code > 0x10ffff || surrogate ? 0 : n;
}

bool mr_statistics_whole_characters(struct mr_bound_bytes *bound)
{
    const unsigned char *p = (const unsigned char *)bound->data, *end = p + bound->size;
    while (p < end) {
        uint32_t code;
        int n = character_bytes(p, end, &code);
        if (n == 0)
            break;
        p += n;
    }
    bool rest_is_cut_character = bound->cut && end - p < 4;
    bool well_formed = p == end || rest_is_cut_character;
    bound->size = (uint32_t)(p - (const unsigned char *)bound->data);
    return well_formed;
}

static uint32_t put_character(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    uint32_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (uint32_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00 >> n & 0xff) | code);
    return n;
}

bool mr_statistics_raise(struct mr_bound_bytes *bound)
{
    while (bound->size > 0) {
        uint32_t start = bound->size - 1;
        while (start > 0 && (bound->data[start] & 0xc0) == 0x80)
            start--;
        uint32_t code = 0;
        const unsigned char *p = (const unsigned char *)bound->data + start;
        if (character_bytes(p, (const unsigned char *)bound->data + bound->size, &code) == 0)
            return false;
        code = code == 0xd7ff ? 0xe000 : code + 1;
        bound->size = start;
        if (code <= 0x10ffff) {
            char bytes[4];
            uint32_t n = put_character(bytes, code);
            if (start + n > MR_BOUND_BYTES)
                continue; /* the raised character is longer and does not fit: raise the one before it */
            memcpy(bound->data + start, bytes, n);
            bound->size = start + n;
            return true;
        }
    }
    return false;
}
