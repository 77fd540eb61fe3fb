/* columns/column.h: a column of values, and a batch of columns.
 *
 * Layout: a typed buffer plus a validity bitmap, as Arrow's, with two deviations that make kernels simpler:
 * BOOLEAN is a byte per value (0 or 1), and a string is a 16-byte view that points straight at its bytes
 * instead of naming buffer and offset. The public API exports Arrow's own layout.
 *
 * Ownership: a column is reference-counted and immutable once it has been shared (references > 1); its
 * values, children and the buffers its views point into go with it. Batches share columns: projecting or
 * renaming copies nothing. */
#ifndef MR_COLUMNS_COLUMN_H
#define MR_COLUMNS_COLUMN_H

#include "columns/type.h"

#define MR_BATCH_ROWS 4096 /* usual rows of a batch; a batch may have fewer or, rarely, more (explode) */

typedef __int128 mr_i128;
typedef unsigned __int128 mr_u128;

/* 16 bytes. size <= 12: the bytes are in `inlined` (rest zero); otherwise prefix repeats the first 4 bytes at
 * data. So two views are unequal if their first 8 bytes are, and inlined views are equal if all 16 are. */
struct mr_view {
    uint32_t size;
    union {
        char inlined[12];
        struct __attribute__((packed)) { /* else the pointer's alignment would make it 24 bytes */
            char prefix[4];
            const char *data;
        };
    };
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct mr_view) == 16, "a view takes 16 bytes");
#define MR_VIEW_INLINE 12
static inline const char *mr_view_data(const struct mr_view *v)
{
    return v->size <= MR_VIEW_INLINE ? v->inlined : v->data;
}
static inline struct mr_str mr_view_str(const struct mr_view *v)
{
    return (struct mr_str){mr_view_data(v), v->size};
}
/* The view of bytes that stay where they are (copied when they fit inline). */
static inline struct mr_view mr_view_of(const char *data, uint32_t size)
{
    struct mr_view v = {.size = size};
    if (size <= MR_VIEW_INLINE) {
        if (size > 0)
            memcpy(v.inlined, data, size);
    } else {
        memcpy(v.prefix, data, 4);
        v.data = data;
    }
    return v;
}
bool mr_view_equal(const struct mr_view *a, const struct mr_view *b);
int mr_view_compare(const struct mr_view *a, const struct mr_view *b); /* bytewise, shorter first */

struct mr_column {
    atomic_int references;
    const struct mr_type *type; /* must outlive the column */
    int64_t length;             /* rows */
    int64_t capacity;           /* rows that values, validity and offsets have room for */
    uint64_t *validity; /* bit i%64 of word i/64 set: row i is not NULL; NULL pointer: no row is NULL */
    union {             /* undefined where the row is NULL (but initialised) */
        void *values;
        uint8_t *booleans;
        int8_t *i8;
        int16_t *i16;
        int32_t *i32;
        int64_t *i64;
        float *f32;
        double *f64;
        mr_i128 *i128; /* DECIMAL with precision > 18, unscaled; up to 18 it is in i64 */
        struct mr_view *views;
    };
    int32_t *offsets; /* ARRAY, MAP: row i is children rows [offsets[i], offsets[i+1]); length+1 of them */
    struct mr_column **children; /* STRUCT: one per field; ARRAY: element; MAP: key, value, equally long */
    int child_count;
    struct mr_buffer **kept; /* buffers the views point into */
    int kept_count, kept_capacity;
    struct mr_buffer *heap; /* the last of kept that set_bytes fills, or NULL */
};

/* New column with room for capacity rows, length 0, one reference; children likewise. NULL without memory. */
struct mr_column *mr_column_new(const struct mr_type *type, int64_t capacity);
struct mr_column *mr_column_ref(struct mr_column *column);
void mr_column_unref(struct mr_column *column); /* NULL allowed */
/* Room for at least capacity rows (all fixed-width buffers; children are grown by those who append).
 * MR_E_MEMORY */
int mr_column_reserve(struct mr_column *column, int64_t capacity, struct mr_error *error);
/* Empties the column for reuse; keeps its memory, drops kept buffers. Only with one reference. */
void mr_column_clear(struct mr_column *column);
size_t mr_column_bytes(const struct mr_column *column); /* memory held, shared buffers counted in full */

static inline bool mr_column_is_null(const struct mr_column *c, int64_t row)
{
    return c->validity && !((c->validity[row >> 6] >> (row & 63)) & 1);
}
/* The value of a type kept as an integer of 1, 2, 4 or 8 bytes: BOOLEAN (0, 1), TINYINT … BIGINT, DATE, time
 * stamps, intervals, DECIMAL up to 18 digits (unscaled). The row is not NULL. */
static inline int64_t mr_integer_at(const struct mr_column *c, int64_t row)
{
    switch (c->type->id) {
    case MR_BOOLEAN:
    case MR_TINYINT:
        return c->i8[row];
    case MR_SMALLINT:
        return c->i16[row];
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        return c->i32[row];
    default:
        return c->i64[row];
    }
}
/* Makes the bitmap exist (all valid). set_null does it by itself. */
int mr_column_make_validity(struct mr_column *column, struct mr_error *error);
int mr_column_set_null(struct mr_column *column, int64_t row, struct mr_error *error);
static inline void mr_column_set_valid(struct mr_column *c, int64_t row)
{
    if (c->validity)
        c->validity[row >> 6] |= 1ULL << (row & 63);
}
int64_t mr_column_null_count(const struct mr_column *column);
/* Copies bytes into the column's own heap and sets the view; row < capacity. The row is made valid. */
int mr_column_set_bytes(struct mr_column *column, int64_t row, const char *data, size_t size,
                        struct mr_error *error);
/* Space in the column's heap to write bytes into, to be set as a view by the caller. NULL without memory. */
char *mr_column_heap(struct mr_column *column, size_t size);
/* The views point into buffer: keep it as long as the column lives (once per buffer). */
int mr_column_keep(struct mr_column *column, struct mr_buffer *buffer, struct mr_error *error);
int mr_column_keep_all_of(struct mr_column *column, const struct mr_column *other, struct mr_error *error);

/* Appends row `row` of other (same type), or a NULL, growing as needed. Strings are copied into the heap
 * unless kept is true, when the caller has called mr_column_keep_all_of. Nested values are appended
 * recursively. */
int mr_column_append(struct mr_column *column, const struct mr_column *other, int64_t row, bool kept,
                     struct mr_error *error);
int mr_column_append_null(struct mr_column *column, struct mr_error *error);
int mr_column_append_nulls(struct mr_column *column, int64_t count, struct mr_error *error);
/* Appends rows [start, start+count) of other (same type); shares string buffers. */
int mr_column_append_range(struct mr_column *column, const struct mr_column *other, int64_t start,
                           int64_t count, struct mr_error *error);
/* New column with rows[0 .. count) of column, in that order; a row of -1 gives NULL. Shares buffers. */
int mr_column_take(const struct mr_column *column, const int32_t *rows, int64_t count, struct mr_column **out,
                   struct mr_error *error);
/* New column [start, start+count) (a copy of fixed parts, shared string buffers). */
int mr_column_slice(const struct mr_column *column, int64_t start, int64_t count, struct mr_column **out,
                    struct mr_error *error);
/* New column: row `row` of column, count times. */
int mr_column_repeat(const struct mr_column *column, int64_t row, int64_t count, struct mr_column **out,
                     struct mr_error *error);
/* Copies every string into a heap of the new column, so that nothing of its batch is kept alive. */
int mr_column_detach(const struct mr_column *column, struct mr_column **out, struct mr_error *error);

/* Spark's ordering of two non-NULL values of one type: NaN is greatest and equal to itself, -0.0 = 0.0,
 * strings bytewise, arrays and structs element by element with NULL first. MAP is not ordered. */
int mr_column_compare(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b);
/* Grouping equality: as compare, NULL equals NULL, maps as sets of entries. */
bool mr_column_same(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b);
/* out[i] = hash of row i mixed into out[i] when mix, else fresh. Equal (mr_column_same) values hash equally.
 * The hashes are the same in every process and version: key groups of stored state rest on them. */
void mr_column_hash(const struct mr_column *column, uint64_t *out, bool mix);

/* ---- rows that count ---- */
struct mr_selection { /* ascending row numbers; a NULL struct mr_selection * means all rows */
    const int32_t *rows;
    int64_t count;
};
#define MR_FOR_ROWS(i, selection, length)                                                                    \
    for (int64_t i##_n_ = (selection) ? (selection)->count : (length), i##_k_ = 0, i = 0;                    \
         i##_k_ < i##_n_ && ((i = (selection) ? (selection)->rows[i##_k_] : i##_k_), 1); i##_k_++)

/* ---- batch ---- */
struct mr_batch {
    const struct mr_type *schema; /* STRUCT; must outlive the batch */
    int64_t length;               /* rows of every column */
    struct mr_column **columns;   /* schema->field_count, one reference each */
};
/* Columns are allocated when capacity > 0, else all NULL to be filled by the caller. */
int mr_batch_init(struct mr_batch *batch, const struct mr_type *schema, int64_t capacity,
                  struct mr_error *error);
void mr_batch_release(struct mr_batch *batch); /* leaves it zeroed; zeroed is fine */
void mr_batch_move(struct mr_batch *to, struct mr_batch *from);
/* Shares the columns. */
int mr_batch_copy(struct mr_batch *to, const struct mr_batch *from, struct mr_error *error);
int mr_batch_take(const struct mr_batch *batch, const int32_t *rows, int64_t count, struct mr_batch *out,
                  struct mr_error *error);
int mr_batch_slice(const struct mr_batch *batch, int64_t start, int64_t count, struct mr_batch *out,
                   struct mr_error *error);
/* Appends all rows of `from` (same types) behind those of `to`, which must own its columns alone. */
int mr_batch_append(struct mr_batch *to, const struct mr_batch *from, struct mr_error *error);
size_t mr_batch_bytes(const struct mr_batch *batch);

#endif
