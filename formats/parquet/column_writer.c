/* formats/parquet/column_writer.c: from a column of a batch to the page in progress.
 *
 * A chunk starts with a dictionary. It is judged after 4,096 values and each time these have grown fourfold:
 * when numbers and dictionary together take more than 4/5 of what the values alone would, the page is turned
 * back into values and the rest of the chunk goes without. A dictionary that has grown too large ends in the
 * same way, but finished pages keep it. */
#include "formats/parquet/column_writer.h"

#include <assert.h>

#include "formats/parquet/bits.h"
#include "formats/parquet/delta_packed.h"

#define FIRST_CHECK 4096
#define FIXED_SEGMENT 4096 /* rows handled at once; a page may exceed its size by one segment */
#define STRING_SEGMENT 512
#define FIRST_HEADROOM 64 /* small, for there may be thousands of columns */
#define HOPEFUL_PERCENT                                                                                      \
    95 /* what a dictionary may take at a check: values repeat more the more there are                       \
        */
#define DICTIONARY_BYTES (1 << 20)

int mr_parquet_column_writer_init(struct mr_parquet_column_writer *c, struct mr_error *error)
{
    size_t width = c->physical == MR_PARQUET_BOOLEAN ? 0 : c->width;
    mr_dictionary_init(&c->dictionary, width, DICTIONARY_BYTES);
    c->headroom = FIRST_HEADROOM;
    if (!mr_bytes_reserve(&c->values, c->headroom))
        return mr_error_memory(error, c->headroom);
    c->values.size = c->headroom;
    mr_parquet_column_reset_chunk(c);
    return MR_OK;
}

static void free_pages(struct mr_parquet_column_writer *c)
{
    while (c->first) {
        struct mr_parquet_page *next = c->first->next;
        mr_free(c->first);
        c->first = next;
    }
    c->last = NULL;
    c->pages_bytes = 0;
}

static void free_buffers(struct mr_parquet_column_writer *c)
{
    mr_bytes_release(&c->lengths);
    mr_bytes_release(&c->numbers);
    mr_bytes_release(&c->definitions);
    mr_bytes_release(&c->repetitions);
}

void mr_parquet_column_writer_release(struct mr_parquet_column_writer *c)
{
    free_pages(c);
    free_buffers(c);
    mr_bytes_release(&c->values);
    mr_dictionary_release(&c->dictionary);
}

void mr_parquet_column_trim(struct mr_parquet_column_writer *c)
{
    assert(c->levels == 0);
    free_buffers(c);
    if (!c->dictionary_on && c->dictionary_pages == 0)
        mr_dictionary_release(&c->dictionary);
    uint8_t *smaller = mr_reallocate(c->values.data, c->headroom);
    if (smaller) {
        c->values.data = smaller;
        c->values.capacity = c->headroom;
    }
}

void mr_parquet_column_reset_chunk(struct mr_parquet_column_writer *c)
{
    free_pages(c);
    mr_statistics_merge(&c->file_statistics, &c->statistics, c->type);
    memset(&c->statistics, 0, sizeof(c->statistics));
    mr_dictionary_clear(&c->dictionary);
    c->dictionary_on = c->physical != MR_PARQUET_BOOLEAN;
    c->next_check = FIRST_CHECK;
    c->dictionary_pages = c->value_pages = 0;
    c->plain_pages = false;
    c->uncompressed_bytes = c->chunk_levels = c->input_bytes = 0;
}

int64_t mr_parquet_column_pending_bytes(const struct mr_parquet_column_writer *c)
{
    size_t values = c->values.size - c->headroom + c->lengths.size;
    return (int64_t)(values + c->numbers.size / 2 + c->dictionary.values.size);
}

bool mr_parquet_is_integer(const struct mr_parquet_column_writer *c)
{
    return c->physical == MR_PARQUET_INT32 || c->physical == MR_PARQUET_INT64;
}

/* ---- values ---- */

static int append_bytes(struct mr_bytes *to, const void *data, size_t size, struct mr_error *error)
{
    if (!mr_bytes_reserve(to, size))
        return mr_error_memory(error, size);
    if (size > 0)
        memcpy(to->data + to->size, data, size);
    to->size += size;
    return MR_OK;
}

static int append_views(struct mr_parquet_column_writer *c, const struct mr_view *views, size_t count,
                        struct mr_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += views[i].size;
    /* 16 bytes more, so that a short string can be copied whole */
    if (!mr_bytes_reserve(&c->values, total + 16) || !mr_bytes_reserve(&c->lengths, count * 4))
        return mr_error_memory(error, total);
    uint8_t *to = c->values.data + c->values.size;
    int32_t *lengths = (int32_t *)(c->lengths.data + c->lengths.size);
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (int32_t)views[i].size;
        if (views[i].size <= MR_VIEW_INLINE)
            memcpy(to, views[i].inlined, MR_VIEW_INLINE);
        else
            memcpy(to, views[i].data, views[i].size);
        to += views[i].size;
    }
    c->values.size += total;
    c->lengths.size += count * 4;
    return MR_OK;
}

/* Turns the numbers of the page in progress back into values. */
static int expand_numbers(struct mr_parquet_column_writer *c, struct mr_error *error)
{
    const uint32_t *numbers = (const uint32_t *)c->numbers.data;
    size_t count = c->numbers.size / 4;
    if (c->width > 0 && !mr_bytes_reserve(&c->values, count * c->width))
        return mr_error_memory(error, count * c->width);
    for (size_t i = 0; i < count; i++) {
        struct mr_str entry = mr_dictionary_entry(&c->dictionary, numbers[i]);
        MR_TRY(append_bytes(&c->values, entry.data, entry.size, error));
        int32_t length = (int32_t)entry.size;
        if (c->width == 0)
            MR_TRY(append_bytes(&c->lengths, &length, 4, error));
    }
    c->numbers.size = 0;
    return MR_OK;
}

int mr_parquet_column_leave_dictionary(struct mr_parquet_column_writer *c, struct mr_error *error)
{
    c->dictionary_on = false;
    MR_TRY(expand_numbers(c, error));
    if (c->dictionary_pages == 0)
        mr_dictionary_clear(&c->dictionary);
    return MR_OK;
}

/* What the values behind the numbers would take without a dictionary; integers are judged by a sample. */
static int64_t bytes_without_dictionary(struct mr_parquet_column_writer *c, int64_t count)
{
    if (!mr_parquet_is_integer(c))
        return c->width > 0 ? c->plain_bytes : c->plain_bytes - 3 * count; /* lengths take about a byte */
    int64_t sample[FIRST_CHECK];
    int64_t n = count < FIRST_CHECK ? count : FIRST_CHECK;
    const uint32_t *numbers = (const uint32_t *)c->numbers.data;
    for (int64_t i = 0; i < n; i++) {
        const char *entry = mr_dictionary_entry(&c->dictionary, numbers[i]).data;
        int32_t narrow = 0;
        memcpy(c->width == 4 ? (void *)&narrow : (void *)&sample[i], entry, c->width);
        if (c->width == 4)
            sample[i] = narrow;
    }
    return n == 0 ? 0 : (int64_t)mr_delta_estimate(sample, (size_t)n) * count / n;
}

bool mr_parquet_column_dictionary_pays(struct mr_parquet_column_writer *c, int percent)
{
    if (c->dictionary_pages > 0)
        return true; /* it is paid for */
    int64_t count = (int64_t)(c->numbers.size / 4);
    int width = mr_bit_width(c->dictionary.count);
    int64_t page_bytes = 64; /* what one page more costs */
    int64_t with = (int64_t)c->dictionary.values.size + count * width / 8 + page_bytes;
    return with * 100 <= bytes_without_dictionary(c, count) * percent;
}

/* Decides, before a segment of at most so many PLAIN bytes, whether the dictionary goes on. */
static int judge_dictionary(struct mr_parquet_column_writer *c, size_t segment_bytes, struct mr_error *error)
{
    bool full = c->dictionary.values.size + segment_bytes > c->dictionary.limit_bytes;
    bool due = (int64_t)(c->numbers.size / 4) >= c->next_check;
    if (!full && !due)
        return MR_OK;
    if (due)
        c->next_check *= 4;
    bool pays = mr_parquet_column_dictionary_pays(c, full ? MR_DICTIONARY_PERCENT : HOPEFUL_PERCENT);
    if (pays && full) {
        MR_TRY(mr_parquet_column_finish_page(c, error));
        return mr_parquet_column_leave_dictionary(c, error);
    }
    return pays ? MR_OK : mr_parquet_column_leave_dictionary(c, error);
}

/* Room for the numbers of a segment at the end of the page's. */
static uint32_t *numbers_room(struct mr_parquet_column_writer *c, size_t count)
{
    return mr_bytes_reserve(&c->numbers, count * 4) ? (uint32_t *)(c->numbers.data + c->numbers.size) : NULL;
}

static int write_fixed(struct mr_parquet_column_writer *c, const void *values, size_t count,
                       struct mr_error *error)
{
    size_t bytes = count * c->width;
    if (!c->dictionary_on)
        return append_bytes(&c->values, values, bytes, error);
    uint32_t *numbers = numbers_room(c, count);
    if (!numbers || mr_dictionary_add_fixed(&c->dictionary, values, count, numbers) < (int64_t)count)
        return mr_error_memory(error, bytes);
    c->numbers.size += count * 4;
    return MR_OK;
}

static int write_views(struct mr_parquet_column_writer *c, const struct mr_view *views, size_t count,
                       struct mr_error *error)
{
    if (!c->dictionary_on) {
        for (size_t i = 0; i < count; i++)
            mr_statistics_add_view(&c->statistics, &views[i]);
        return append_views(c, views, count, error);
    }
    uint32_t known = c->dictionary.count;
    uint32_t *numbers = numbers_room(c, count);
    if (!numbers || mr_dictionary_add_views(&c->dictionary, views, count, numbers) < (int64_t)count)
        return mr_error_memory(error, count * 4);
    c->numbers.size += count * 4;
    for (uint32_t i = known; i < c->dictionary.count; i++) {
        struct mr_str entry = mr_dictionary_entry(&c->dictionary, i);
        mr_statistics_add_bytes(&c->statistics, entry.data, entry.size);
    }
    return MR_OK;
}

/* ---- from the column's type to the physical one ---- */

struct segment {
    const struct mr_column *column;
    const int32_t *rows; /* NULL: the rows from start on */
    int64_t start;
    size_t count;
};

#define ROW(s, i) ((s)->rows ? (s)->rows[i] : (s)->start + (int64_t)(i))
#define CONVERT(s, to, from)                                                                                 \
    do {                                                                                                     \
        for (size_t i = 0; i < (s)->count; i++)                                                              \
            (to)[i] = (__typeof__(*(to)))(from)[ROW(s, i)];                                                  \
    } while (0)

/* The segment's values in their physical type: in the column itself where they lie together, else in memory.
 */
static const void *dense_values(const struct segment *s, const struct mr_parquet_column_writer *c,
                                void *memory)
{
    const struct mr_column *column = s->column;
    int32_t *i32 = memory;
    int64_t *i64 = memory;
    switch (column->type->id) {
    case MR_BOOLEAN:
        CONVERT(s, (uint8_t *)memory, column->booleans);
        return memory;
    case MR_TINYINT:
        CONVERT(s, i32, column->i8);
        return memory;
    case MR_SMALLINT:
        CONVERT(s, i32, column->i16);
        return memory;
    case MR_DECIMAL:
        if (c->physical != MR_PARQUET_INT32)
            break;
        CONVERT(s, i32, column->i64);
        return memory;
    default:
        break;
    }
    if (!s->rows)
        return (const char *)column->values + (size_t)s->start * c->width;
    if (c->width == 4)
        CONVERT(s, i32, column->i32);
    else
        CONVERT(s, i64, column->i64);
    return memory;
}

static void fixed_decimals(const struct segment *s, struct mr_parquet_column_writer *c, uint8_t *to)
{
    for (size_t i = 0; i < s->count; i++) {
        mr_i128 value = s->column->i128[ROW(s, i)];
        mr_statistics_add_i128(&c->statistics, value);
        for (size_t k = c->width; k > 0; k--) {
            to[k - 1] = (uint8_t)value;
            value >>= 8;
        }
        to += c->width;
    }
}

static void add_statistics(struct mr_parquet_column_writer *c, const void *values, size_t count)
{
    if (c->physical == MR_PARQUET_BOOLEAN)
        mr_statistics_add_boolean(&c->statistics, values, count);
    else if (c->physical == MR_PARQUET_FLOAT)
        mr_statistics_add_f32(&c->statistics, values, count);
    else if (c->physical == MR_PARQUET_DOUBLE)
        mr_statistics_add_f64(&c->statistics, values, count);
    else if (c->physical == MR_PARQUET_INT32)
        mr_statistics_add_i32(&c->statistics, values, count);
    else
        mr_statistics_add_i64(&c->statistics, values, count);
}

static int write_fixed_segment(struct mr_parquet_column_writer *c, const struct segment *s,
                               struct mr_error *error)
{
    size_t bytes = s->count * c->width;
    if (c->dictionary_on)
        MR_TRY(judge_dictionary(c, bytes, error));
    struct mr_bytes *dense = &c->scratch->dense;
    dense->size = 0;
    if (!mr_bytes_reserve(dense, bytes + 16))
        return mr_error_memory(error, bytes);
    const void *values = dense->data;
    if (c->physical == MR_PARQUET_FIXED) {
        fixed_decimals(s, c, dense->data);
    } else {
        values = dense_values(s, c, dense->data);
        add_statistics(c, values, s->count);
    }
    c->plain_bytes += (int64_t)bytes;
    return write_fixed(c, values, s->count, error);
}

static int write_string_segment(struct mr_parquet_column_writer *c, const struct segment *s,
                                struct mr_error *error)
{
    struct mr_bytes *dense = &c->scratch->dense;
    const struct mr_view *views = s->column->views + s->start;
    if (s->rows) {
        dense->size = 0;
        if (!mr_bytes_reserve(dense, s->count * sizeof(*views)))
            return mr_error_memory(error, s->count * sizeof(*views));
        CONVERT(s, (struct mr_view *)dense->data, s->column->views);
        views = (const struct mr_view *)dense->data;
    }
    size_t bytes = 4 * s->count;
    for (size_t i = 0; i < s->count; i++)
        bytes += views[i].size;
    if (c->dictionary_on)
        MR_TRY(judge_dictionary(c, bytes, error));
    c->plain_bytes += (int64_t)bytes;
    return write_views(c, views, s->count, error);
}

static int write_segment(struct mr_parquet_column_writer *c, const struct segment *s, struct mr_error *error)
{
    int64_t before = c->plain_bytes;
    if (s->count == 0)
        return MR_OK;
    if (c->physical == MR_PARQUET_BYTE_ARRAY)
        MR_TRY(write_string_segment(c, s, error));
    else
        MR_TRY(write_fixed_segment(c, s, error));
    c->input_bytes += c->plain_bytes - before;
    return MR_OK;
}

static int finish_full_page(struct mr_parquet_column_writer *c, struct mr_error *error)
{
    int64_t values = (int64_t)(c->values.size - c->headroom + c->lengths.size);
    bool full =
        values >= c->page_bytes || (int64_t)c->numbers.size >= c->page_bytes || c->levels >= c->page_bytes;
    return full ? mr_parquet_column_finish_page(c, error) : MR_OK;
}

/* ---- levels ---- */

static int append_definitions(struct mr_parquet_column_writer *c, const uint8_t *levels, int64_t count,
                              struct mr_error *error)
{
    if (!c->definitions_kept) { /* the values before were all present */
        c->definitions.size = 0;
        if (!mr_bytes_reserve(&c->definitions, (size_t)c->levels))
            return mr_error_memory(error, (size_t)c->levels);
        if (c->levels > 0)
            memset(c->definitions.data, c->definition, (size_t)c->levels);
        c->definitions.size = (size_t)c->levels;
        c->definitions_kept = true;
    }
    return append_bytes(&c->definitions, levels, (size_t)count, error);
}

static int null_in_required(const struct mr_parquet_column_writer *c, struct mr_error *error)
{
    return mr_error_set(error, MR_E_DATA, "NOT_NULL_ASSERT_VIOLATION",
                        "NULL in the column %s, which is declared NOT NULL.", c->name);
}

int mr_parquet_column_write_flat(struct mr_parquet_column_writer *c, const struct mr_column *column,
                                 int64_t start, int64_t count, struct mr_error *error)
{
    int32_t rows[FIXED_SEGMENT];
    uint8_t levels[FIXED_SEGMENT];
    int64_t segment_rows = c->physical == MR_PARQUET_BYTE_ARRAY ? STRING_SEGMENT : FIXED_SEGMENT;
    for (int64_t end = start + count; start < end; start += segment_rows) {
        int64_t n = end - start < segment_rows ? end - start : segment_rows;
        struct segment segment = {column, NULL, start, (size_t)n};
        if (column->validity) {
            size_t present = 0;
            for (int64_t i = 0; i < n; i++) {
                bool valid = !mr_column_is_null(column, start + i);
                rows[present] = (int32_t)(start + i);
                levels[i] = valid;
                present += valid;
            }
            if (present < (size_t)n)
                segment = (struct segment){column, rows, 0, present};
        }
        int64_t nulls = n - (int64_t)segment.count;
        if (nulls > 0 && c->definition == 0)
            return null_in_required(c, error);
        MR_TRY(write_segment(c, &segment, error));
        if (!column->validity)
            memset(levels, 1, (size_t)n);
        if (nulls > 0 || c->definitions_kept)
            MR_TRY(append_definitions(c, levels, n, error));
        c->statistics.null_count += nulls;
        c->levels += n;
        MR_TRY(finish_full_page(c, error));
    }
    return MR_OK;
}

int mr_parquet_column_write_levels(struct mr_parquet_column_writer *c, const struct mr_column *column,
                                   const struct mr_parquet_levels *levels, struct mr_error *error)
{
    struct mr_bytes *rows = &c->scratch->rows;
    int64_t segment_levels = c->physical == MR_PARQUET_BYTE_ARRAY ? STRING_SEGMENT : FIXED_SEGMENT;
    for (int64_t start = 0, end = 0; start < levels->count; start = end) {
        end = levels->count - start < segment_levels ? levels->count : start + segment_levels;
        while (end < levels->count && levels->repetition && levels->repetition[end] > 0)
            end++; /* a page begins with a record */
        size_t n = (size_t)(end - start), present = 0;
        rows->size = 0;
        if (!mr_bytes_reserve(rows, n * 4))
            return mr_error_memory(error, n * 4);
        int32_t *present_rows = (int32_t *)rows->data;
        for (int64_t i = start; i < end; i++) {
            present_rows[present] = levels->rows[i];
            present += levels->rows[i] >= 0;
        }
        struct segment segment = {column, present_rows, 0, present};
        MR_TRY(write_segment(c, &segment, error));
        if (c->definition > 0 && (present < n || c->definitions_kept))
            MR_TRY(append_definitions(c, levels->definition + start, (int64_t)n, error));
        if (c->repetition > 0)
            MR_TRY(append_bytes(&c->repetitions, levels->repetition + start, n, error));
        c->statistics.null_count += (int64_t)(n - present);
        c->levels += (int64_t)n;
        MR_TRY(finish_full_page(c, error));
    }
    return MR_OK;
}
