/* formats/parquet/column_reader.c */
#include "formats/parquet/column_reader.h"

void mr_column_reader_release(struct mr_column_reader *r)
{
    mr_page_reader_release(&r->pages);
    mr_bytes_release(&r->definition);
    mr_bytes_release(&r->repetition);
}

/* ---- values ---- */

/* What views point into must live as long as the column; views that hold their bytes themselves need nothing.
 */
static int keep_bytes(struct mr_column_reader *r, struct mr_column *column, int64_t at, size_t n,
                      struct mr_buffer *heap, struct mr_error *error)
{
    bool outside = false;
    for (size_t i = 0; i < n; i++)
        outside |= column->views[at + (int64_t)i].size > MR_VIEW_INLINE;
    if (!outside)
        return MR_OK;
    struct mr_buffer *buffer = heap ? heap : r->pages.page;
    if (r->pages.values.encoding == MR_PARQUET_RLE_DICTIONARY)
        buffer = r->pages.dictionary_page;
    return mr_column_keep(column, buffer, error);
}

/* Days and microseconds of 1582-10-15, the first day of the Gregorian calendar, and of 1900, from where on
 * time zones agree. */
#define GREGORIAN_DAY (-141427)
#define MODERN_US (-INT64_C(2208988800000000))

static int refuse_ancient(const struct mr_column_reader *r, const struct mr_column *column, int64_t at,
                          size_t n, struct mr_error *error)
{
    bool ancient = false;
    for (int64_t row = at; row < at + (int64_t)n; row++)
        ancient |=
            column->type->id == MR_DATE ? column->i32[row] < GREGORIAN_DAY : column->i64[row] < MODERN_US;
    if (!ancient)
        return MR_OK;
    mr_error_set(error, MR_E_UNSUPPORTED, "INCONSISTENT_BEHAVIOR_CROSS_VERSION.READ_ANCIENT_DATETIME",
                 "%s: column %s holds dates before 1582-10-15 or times before 1900 that an old Spark wrote "
                 "in the Julian "
                 "calendar; read the file with Spark and write it again.",
                 r->pages.input->name, r->pages.leaf->path);
    return mr_error_at(error, r->pages.input->name, 0, 0, r->pages.page_at);
}

/* n <= MR_VALUES_PIECE values of the page in hand into rows [at, at + n). */
static int read_piece(struct mr_column_reader *r, struct mr_column *column, int64_t at, size_t n,
                      struct mr_error *error)
{
    struct mr_buffer *heap = NULL;
    bool no_memory = false, direct = r->conversion.kind == MR_CONVERT_NONE;
    size_t width = mr_type_width(column->type);
    void *out = direct ? (char *)column->values + (size_t)at * width : (void *)r->scratch;
    int status = MR_OK;
    if (!mr_values_read(&r->pages.values, out, n, &heap, &no_memory))
        status = no_memory ? mr_error_memory(error, n)
                           : mr_page_reader_corrupt(&r->pages,
                                                    "its values end too early, or are no values of its type",
                                                    error);
    else if (direct && mr_type_is_bytes(column->type))
        status = keep_bytes(r, column, at, n, heap, error);
    if (status == MR_OK && !direct) {
        const char *wrong = mr_parquet_convert(&r->conversion, r->scratch, n, column, at);
        if (wrong)
            status = mr_page_reader_corrupt(&r->pages, wrong, error);
    }
    mr_buffer_unref(heap);
    if (status == MR_OK && r->old_calendar)
        status = refuse_ancient(r, column, at, n, error);
    return status;
}

#define SPREAD(type, values)                                                                                 \
    do {                                                                                                     \
        type *v_ = (values);                                                                                 \
        for (int64_t i = count - 1; i >= 0; i--) {                                                           \
            if (present[i])                                                                                  \
                v_[i] = v_[--left];                                                                          \
            else                                                                                             \
                memset(&v_[i], 0, sizeof(v_[i]));                                                            \
        }                                                                                                    \
    } while (0)

int mr_column_spread(struct mr_column *column, int64_t at, const uint8_t *present, int64_t count,
                     int64_t values, struct mr_error *error)
{
    if (values == count)
        return MR_OK;
    MR_TRY(mr_column_make_validity(column, error));
    int64_t left = values;
    switch (mr_type_width(column->type)) {
    case 1:
        SPREAD(uint8_t, column->booleans + at);
        break;
    case 2:
        SPREAD(int16_t, column->i16 + at);
        break;
    case 4:
        SPREAD(int32_t, column->i32 + at);
        break;
    case 8:
        SPREAD(int64_t, column->i64 + at);
        break;
    default:
        if (mr_type_is_bytes(column->type))
            SPREAD(struct mr_view, column->views + at);
        else
            SPREAD(mr_i128, column->i128 + at);
    }
    for (int64_t i = 0; i < count; i++)
        if (!present[i])
            column->validity[(at + i) >> 6] &= ~(1ULL << ((at + i) & 63));
    return MR_OK;
}

/* ---- levels ---- */

/* The next n <= MR_VALUES_PIECE definition levels; how many are the largest one in *present. */
static int read_definitions(struct mr_column_reader *r, uint8_t *out, size_t n, size_t *present,
                            struct mr_error *error)
{
    int largest = r->pages.leaf->definition;
    *present = 0;
    if (largest == 0) {
        memset(out, 0, n);
        *present = n;
        return MR_OK;
    }
    if (!mr_rle_read_u8(&r->pages.definitions, out, n))
        return mr_page_reader_corrupt(&r->pages, "its definition levels end too early", error);
    bool sound = true;
    for (size_t i = 0; i < n; i++) {
        sound &= out[i] <= largest;
        *present += out[i] == largest;
    }
    return sound ? MR_OK : mr_page_reader_corrupt(&r->pages, "a definition level is too large", error);
}

static int read_repetitions(struct mr_column_reader *r, uint8_t *out, size_t n, struct mr_error *error)
{
    int largest = r->pages.leaf->repetition;
    if (!mr_rle_read_u8(&r->pages.repetitions, out, n))
        return mr_page_reader_corrupt(&r->pages, "its repetition levels end too early", error);
    bool sound = true;
    for (size_t i = 0; i < n; i++)
        sound &= out[i] <= largest;
    return sound ? MR_OK : mr_page_reader_corrupt(&r->pages, "a repetition level is too large", error);
}

static void took_levels(struct mr_column_reader *r, size_t n)
{
    r->pages.page_levels_left -= (int64_t)n;
    r->pages.levels_left -= (int64_t)n;
}

static int next_page(struct mr_column_reader *r, struct mr_error *error)
{
    if (r->pages.page_levels_left > 0)
        return MR_OK;
    if (r->pages.levels_left == 0)
        return mr_page_reader_corrupt(&r->pages, "the column chunk has fewer rows than its row group", error);
    return mr_page_reader_next(&r->pages, error);
}

int mr_column_reader_flat(struct mr_column_reader *r, int64_t n, struct mr_column *column,
                          struct mr_error *error)
{
    int largest = r->pages.leaf->definition;
    uint8_t levels[MR_VALUES_PIECE];
    for (int64_t done = 0; done < n;) {
        MR_TRY(next_page(r, error));
        size_t take = n - done < MR_VALUES_PIECE ? (size_t)(n - done) : MR_VALUES_PIECE, present = 0;
        if (r->pages.page_levels_left < (int64_t)take)
            take = (size_t)r->pages.page_levels_left;
        uint32_t level = 0;
        if (largest > 0 && mr_rle_peek_run(&r->pages.definitions, &level) >= take && (int)level == largest) {
            mr_rle_skip(&r->pages.definitions, take);
            present = take;
        } else {
            MR_TRY(read_definitions(r, levels, take, &present, error));
        }
        if (present > 0)
            MR_TRY(read_piece(r, column, done, present, error));
        if (present < take) { /* levels are 0 and 1 at the top level */
            MR_TRY(mr_column_spread(column, done, levels, (int64_t)take, (int64_t)present, error));
        }
        took_levels(r, take);
        done += (int64_t)take;
    }
    column->length = n;
    return MR_OK;
}

/* Decodes levels ahead, from the page in hand or the next. MR_END: the chunk has no more. */
static int decode_ahead(struct mr_column_reader *r, struct mr_error *error)
{
    if (r->pages.levels_left == 0)
        return MR_END;
    MR_TRY(next_page(r, error));
    size_t n =
        r->pages.page_levels_left < MR_VALUES_PIECE ? (size_t)r->pages.page_levels_left : MR_VALUES_PIECE;
    size_t present;
    MR_TRY(read_definitions(r, r->ahead_definition, n, &present, error));
    if (r->pages.leaf->repetition > 0)
        MR_TRY(read_repetitions(r, r->ahead_repetition, n, error));
    r->ahead_at = 0;
    r->ahead = n;
    return MR_OK;
}

/* Takes n levels of those decoded ahead, and the values that belong to them. */
static int take_ahead(struct mr_column_reader *r, size_t n, struct mr_column *column, int64_t *values,
                      struct mr_error *error)
{
    if (!mr_bytes_reserve(&r->definition, n) || !mr_bytes_reserve(&r->repetition, n))
        return mr_error_memory(error, n);
    size_t present = 0;
    for (size_t i = 0; i < n; i++)
        present += r->ahead_definition[r->ahead_at + i] == r->pages.leaf->definition;
    memcpy(r->definition.data + r->definition.size, r->ahead_definition + r->ahead_at, n);
    memcpy(r->repetition.data + r->repetition.size, r->ahead_repetition + r->ahead_at, n);
    r->definition.size += n;
    r->repetition.size += n;
    r->ahead_at += n;
    r->ahead -= n;
    if (column && present > 0) {
        int64_t need = *values + (int64_t)present;
        if (need > column->capacity)
            MR_TRY(
                mr_column_reserve(column, need > 2 * column->capacity ? need : 2 * column->capacity, error));
        MR_TRY(read_piece(r, column, *values, present, error));
        *values = need;
    }
    took_levels(r, n);
    return MR_OK;
}

int mr_column_reader_levels(struct mr_column_reader *r, int64_t n, struct mr_column *column, int64_t *values,
                            struct mr_error *error)
{
    bool repeats = r->pages.leaf->repetition > 0;
    int64_t rows = 0;
    r->definition.size = r->repetition.size = 0;
    *values = 0;
    while (true) {
        if (r->ahead == 0) {
            int status = decode_ahead(r, error);
            if (status < 0)
                return status;
            if (status == MR_END && rows == n)
                return MR_OK;
            if (status == MR_END)
                return mr_page_reader_corrupt(&r->pages, "the column chunk has fewer rows than its row group",
                                              error);
        }
        size_t take = 0;
        while (take < r->ahead) {
            bool starts = !repeats || r->ahead_repetition[r->ahead_at + take] == 0;
            if (starts && rows == n)
                break;
            if (!starts && rows == 0)
                return mr_page_reader_corrupt(&r->pages, "a row begins in the middle", error);
            rows += starts;
            take++;
        }
        bool complete = take < r->ahead;
        if (take > 0)
            MR_TRY(take_ahead(r, take, column, values, error));
        if (complete || (!repeats && rows == n))
            return MR_OK;
    }
}
