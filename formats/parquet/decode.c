/* formats/parquet/decode.c */
#include "formats/parquet/decode.h"

#include "formats/parquet/bits.h"

static size_t plain_width(enum mr_parquet_physical physical, int32_t type_length)
{
    switch (physical) {
    case MR_PARQUET_INT32:
    case MR_PARQUET_FLOAT:
        return 4;
    case MR_PARQUET_INT64:
    case MR_PARQUET_DOUBLE:
        return 8;
    case MR_PARQUET_INT96:
        return 12;
    case MR_PARQUET_FIXED:
        return (size_t)type_length;
    default:
        return 0;
    }
}

const char *mr_encoding_name(int32_t encoding)
{
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return encoding >= 0 && encoding <= 9 ? names[encoding] : "of a later version";
}

static int corrupt(struct mr_error *error, int32_t encoding)
{
    return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                        "The values of a page are no %s encoding.", mr_encoding_name(encoding));
}

static int unsupported(struct mr_error *error, int32_t encoding, enum mr_parquet_physical physical)
{
    return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.NO_HINT",
                        "Parquet encoding %s (%d) is not supported for this physical type (%d).",
                        mr_encoding_name(encoding), encoding, physical);
}

/* ---- opening ---- */

static int open_dictionary(struct mr_values_reader *v, struct mr_error *error)
{
    if (!v->dictionary)
        return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                            "A page refers to a dictionary, but its column chunk has none.");
    if (v->at == v->end) { /* a page of NULLs only */
        mr_rle_reader_init(&v->rle, v->at, 0, 0);
        return MR_OK;
    }
    int width = *v->at;
    if (width > 32)
        return corrupt(error, v->encoding);
    mr_rle_reader_init(&v->rle, v->at + 1, (size_t)(v->end - v->at - 1), width);
    return MR_OK;
}

/* Booleans: their length comes first, in 4 bytes. */
static int open_rle(struct mr_values_reader *v, struct mr_error *error)
{
    uint32_t size = 0;
    if (v->end - v->at >= 4)
        memcpy(&size, v->at, 4);
    if (v->at != v->end && (v->end - v->at < 4 || size > (size_t)(v->end - v->at - 4)))
        return corrupt(error, v->encoding);
    mr_rle_reader_init(&v->rle, v->at == v->end ? v->at : v->at + 4, size, 1);
    return MR_OK;
}

/* A page of NULLs only may be empty, without the header of a delta encoding. */
static bool open_delta(struct mr_delta_reader *r, const uint8_t *at, const uint8_t *end)
{
    static const uint8_t empty[5] = {128, 1, 4, 0, 0};
    return at == end ? mr_delta_reader_init(r, empty, sizeof(empty))
                     : mr_delta_reader_init(r, at, (size_t)(end - at));
}

static int open_lengths(struct mr_values_reader *v, struct mr_delta_reader *lengths, struct mr_error *error)
{
    bool empty = v->at == v->end;
    if (!open_delta(lengths, v->at, v->end))
        return corrupt(error, v->encoding);
    const uint8_t *end = empty ? v->end : mr_delta_end(lengths);
    if (!end)
        return corrupt(error, v->encoding);
    v->at = end;
    return MR_OK;
}

int mr_values_open(struct mr_values_reader *v, enum mr_parquet_physical physical, int32_t type_length,
                   int32_t encoding, const void *data, size_t size,
                   const struct mr_parquet_dictionary *dictionary, struct mr_error *error)
{
    v->physical = physical;
    v->form = mr_value_form(physical);
    v->width = plain_width(physical, type_length);
    v->encoding = encoding;
    v->at = data;
    v->end = v->at + size;
    v->index = 0;
    v->last.size = 0;
    v->dictionary = dictionary;
    bool bytes = physical == MR_PARQUET_BYTE_ARRAY;
    switch (encoding) {
    case MR_PARQUET_PLAIN:
        return MR_OK;
    case MR_PARQUET_PLAIN_DICTIONARY:
    case MR_PARQUET_RLE_DICTIONARY:
        v->encoding = MR_PARQUET_RLE_DICTIONARY;
        return open_dictionary(v, error);
    case MR_PARQUET_RLE:
        return physical == MR_PARQUET_BOOLEAN ? open_rle(v, error) : unsupported(error, encoding, physical);
    case MR_PARQUET_DELTA_BINARY_PACKED:
        if (physical != MR_PARQUET_INT32 && physical != MR_PARQUET_INT64)
            return unsupported(error, encoding, physical);
        return open_delta(&v->delta, v->at, v->end) ? MR_OK : corrupt(error, encoding);
    case MR_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return bytes ? open_lengths(v, &v->delta, error) : unsupported(error, encoding, physical);
    case MR_PARQUET_DELTA_BYTE_ARRAY:
        if (!bytes && physical != MR_PARQUET_FIXED)
            return unsupported(error, encoding, physical);
        MR_TRY(open_lengths(v, &v->delta, error));
        return open_lengths(v, &v->suffixes, error);
    case MR_PARQUET_BYTE_STREAM_SPLIT:
        if (v->width == 0 || physical == MR_PARQUET_INT96)
            return unsupported(error, encoding, physical);
        v->stream_length = size / v->width;
        return size % v->width == 0 ? MR_OK : corrupt(error, encoding);
    default:
        return unsupported(error, encoding, physical);
    }
}

void mr_values_release(struct mr_values_reader *v)
{
    mr_bytes_release(&v->last);
}

/* ---- reading ---- */

static bool read_plain_views(struct mr_values_reader *v, struct mr_view *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t size = (uint32_t)v->width;
        if (v->physical == MR_PARQUET_BYTE_ARRAY) {
            if (v->end - v->at < 4)
                return false;
            memcpy(&size, v->at, 4);
            v->at += 4;
        }
        if (size > (size_t)(v->end - v->at))
            return false;
        out[i] = mr_view_of((const char *)v->at, size);
        v->at += size;
    }
    return true;
}

static bool read_plain(struct mr_values_reader *v, void *out, size_t n)
{
    if (v->form == MR_FORM_VIEW)
        return read_plain_views(v, out, n);
    if (v->form == MR_FORM_BOOLEAN) {
        if (v->index + n > (uint64_t)(v->end - v->at) * 8)
            return false;
        uint8_t *booleans = out;
        for (size_t i = 0; i < n; i++, v->index++)
            booleans[i] = v->at[v->index >> 3] >> (v->index & 7) & 1;
        return true;
    }
    size_t bytes = n * v->width;
    if (bytes > (size_t)(v->end - v->at))
        return false;
    memcpy(out, v->at, bytes);
    v->at += bytes;
    return true;
}

static bool read_dictionary(struct mr_values_reader *v, void *out, size_t n)
{
    uint32_t numbers[MR_VALUES_PIECE];
    if (!mr_rle_read_u32(&v->rle, numbers, n))
        return false;
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = numbers[i] > largest ? numbers[i] : largest;
    if (n > 0 && largest >= v->dictionary->count)
        return false;
    const void *values = v->dictionary->values.data;
    if (v->form == MR_FORM_4) {
        for (size_t i = 0; i < n; i++)
            ((uint32_t *)out)[i] = ((const uint32_t *)values)[numbers[i]];
    } else if (v->form == MR_FORM_8) {
        for (size_t i = 0; i < n; i++)
            ((uint64_t *)out)[i] = ((const uint64_t *)values)[numbers[i]];
    } else if (v->form == MR_FORM_VIEW) {
        for (size_t i = 0; i < n; i++)
            ((struct mr_view *)out)[i] = ((const struct mr_view *)values)[numbers[i]];
    } else {
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)out)[i] = ((const uint8_t *)values)[numbers[i]];
    }
    return true;
}

static bool read_delta_numbers(struct mr_values_reader *v, void *out, size_t n)
{
    if (v->form == MR_FORM_8)
        return mr_delta_read(&v->delta, out, n);
    int64_t wide[MR_VALUES_PIECE];
    if (!mr_delta_read(&v->delta, wide, n))
        return false;
    for (size_t i = 0; i < n; i++)
        ((int32_t *)out)[i] = (int32_t)(uint32_t)wide[i];
    return true;
}

static bool read_delta_lengths(struct mr_values_reader *v, struct mr_view *out, size_t n)
{
    int64_t lengths[MR_VALUES_PIECE];
    if (!mr_delta_read(&v->delta, lengths, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] < 0 || lengths[i] > v->end - v->at)
            return false;
        out[i] = mr_view_of((const char *)v->at, (uint32_t)lengths[i]);
        v->at += lengths[i];
    }
    return true;
}

/* Each value: so many bytes of the one before, and a suffix. */
static bool read_delta_strings(struct mr_values_reader *v, struct mr_view *out, size_t n,
                               struct mr_buffer **heap, bool *no_memory)
{
    int64_t prefixes[MR_VALUES_PIECE], suffixes[MR_VALUES_PIECE];
    if (!mr_delta_read(&v->delta, prefixes, n) || !mr_delta_read(&v->suffixes, suffixes, n))
        return false;
    int64_t before = (int64_t)v->last.size, suffix_total = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        bool sound = prefixes[i] >= 0 && prefixes[i] <= before && suffixes[i] >= 0;
        if (!sound || suffixes[i] > v->end - v->at - suffix_total)
            return false;
        before = prefixes[i] + suffixes[i];
        if (before > INT32_MAX || (v->physical == MR_PARQUET_FIXED && before != (int64_t)v->width))
            return false;
        suffix_total += suffixes[i];
        total += before;
    }
    *heap = mr_buffer_new((size_t)total + 1);
    *no_memory = !*heap;
    if (!*heap)
        return false;
    char *to = (*heap)->data;
    const char *last = (const char *)v->last.data;
    for (size_t i = 0; i < n; i++) {
        size_t prefix = (size_t)prefixes[i], suffix = (size_t)suffixes[i];
        if (prefix > 0)
            memcpy(to, last, prefix);
        memcpy(to + prefix, v->at, suffix);
        v->at += suffix;
        out[i] = mr_view_of(to, (uint32_t)(prefix + suffix));
        last = to;
        to += prefix + suffix;
    }
    (*heap)->size = (size_t)total;
    v->last.size = 0;
    *no_memory = n > 0 && !mr_bytes_reserve(&v->last, (size_t)before);
    if (*no_memory)
        return false;
    if (before > 0 && n > 0)
        memcpy(v->last.data, last, (size_t)before);
    v->last.size = n > 0 ? (size_t)before : v->last.size;
    return true;
}

/* Byte k of value i is byte i of stream k. */
static bool read_streams(struct mr_values_reader *v, void *out, size_t n, struct mr_buffer **heap,
                         bool *no_memory)
{
    if (n > v->stream_length - v->index)
        return false;
    uint8_t *bytes = out;
    if (v->form == MR_FORM_VIEW) {
        *heap = mr_buffer_new(n * v->width + 1);
        *no_memory = !*heap;
        if (!*heap)
            return false;
        bytes = (uint8_t *)(*heap)->data;
    }
    for (size_t k = 0; k < v->width; k++) {
        const uint8_t *stream = v->at + k * v->stream_length + v->index;
        for (size_t i = 0; i < n; i++)
            bytes[i * v->width + k] = stream[i];
    }
    if (v->form == MR_FORM_VIEW)
        for (size_t i = 0; i < n; i++)
            ((struct mr_view *)out)[i] = mr_view_of((const char *)bytes + i * v->width, (uint32_t)v->width);
    v->index += n;
    return true;
}

bool mr_values_read(struct mr_values_reader *v, void *out, size_t n, struct mr_buffer **heap, bool *no_memory)
{
    *heap = NULL;
    *no_memory = false;
    switch (v->encoding) {
    case MR_PARQUET_PLAIN:
        return read_plain(v, out, n);
    case MR_PARQUET_RLE_DICTIONARY:
        return read_dictionary(v, out, n);
    case MR_PARQUET_RLE:
        return mr_rle_read_u8(&v->rle, out, n);
    case MR_PARQUET_DELTA_BINARY_PACKED:
        return read_delta_numbers(v, out, n);
    case MR_PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        return read_delta_lengths(v, out, n);
    case MR_PARQUET_DELTA_BYTE_ARRAY:
        return read_delta_strings(v, out, n, heap, no_memory);
    default:
        return read_streams(v, out, n, heap, no_memory);
    }
}

int mr_dictionary_decode(struct mr_parquet_dictionary *out, enum mr_parquet_physical physical,
                         int32_t type_length, const void *data, size_t size, uint32_t count,
                         struct mr_error *error)
{
    struct mr_values_reader v = {0};
    size_t bytes = mr_value_form_bytes(mr_value_form(physical));
    MR_TRY(mr_values_open(&v, physical, type_length, MR_PARQUET_PLAIN, data, size, NULL, error));
    size_t least = physical == MR_PARQUET_BOOLEAN ? 0 : v.width > 0 ? v.width : 4;
    if (count > size * 8 || count * least > size)
        return corrupt(error, MR_PARQUET_PLAIN);
    out->values.size = 0;
    out->count = 0;
    if (!mr_bytes_reserve(&out->values, (size_t)count * bytes + 1))
        return mr_error_memory(error, (size_t)count * bytes);
    for (uint32_t done = 0; done < count;) {
        uint32_t n = count - done < MR_VALUES_PIECE ? count - done : MR_VALUES_PIECE;
        if (!read_plain(&v, out->values.data + (size_t)done * bytes, n))
            return corrupt(error, MR_PARQUET_PLAIN);
        done += n;
    }
    out->count = count;
    return MR_OK;
}
