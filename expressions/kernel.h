/* expressions/kernel.h: what kernels work with.
 *
 * How a kernel fills `out`:
 * - out->length is the batch's, capacity suffices; fixed-width values are written straight into out->i64[row]
 * and so on.
 * - with NULL_IF_ANY the validity is done (rows the kernel finds NULL itself: mr_column_set_null, and the
 * flag MR_FN_MAY_BE_NULL).
 *   Without it every row is valid to begin with.
 * - STRING, BINARY: mr_column_set_bytes(out, row, …) copies; or write into mr_column_heap(out, size) and set
 * the view; or let views
 *   point where an argument's do after mr_column_keep_all_of(out, argument). Views of rows not written are
 *   empty.
 * - ARRAY, MAP: struct mr_list_writer below; rows in ascending order; skipped rows are empty lists. STRUCT:
 * children are as long as out;
 *   write children[f] as if it were an out. Children of lists: append to them (mr_column_append, mr_list_…),
 * they start at length 0. Loops: MR_ROWS_BEGIN/END below gives a dense loop when every row counts. */
#ifndef MR_EXPRESSIONS_KERNEL_H
#define MR_EXPRESSIONS_KERNEL_H

#include "expressions/function.h"

/* Body between BEGIN and END is compiled twice: once for all rows (vectorisable), once through the
 * selection. `continue` and return work. */
#define MR_ROWS(i, selection, length, ...)                                                                   \
    do {                                                                                                     \
        if (!(selection)) {                                                                                  \
            const int64_t i##_end_ = (length);                                                               \
            for (int64_t i = 0; i < i##_end_; i++)                                                           \
                __VA_ARGS__                                                                                  \
        } else {                                                                                             \
            const int64_t i##_end_ = (selection)->count;                                                     \
            const int32_t *const i##_rows_ = (selection)->rows;                                              \
            for (int64_t i##_k_ = 0; i##_k_ < i##_end_; i##_k_++) {                                          \
                const int64_t i = i##_rows_[i##_k_];                                                         \
                __VA_ARGS__                                                                                  \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

/* ---- the call ---- */
/* Row 0 of argument i when it is the same for every row (a literal or folded), else NULL. Usable in open
 * too. */
const struct mr_column *mr_call_constant(const struct mr_call *call, int i);
/* LAZY functions: argument i evaluated on `rows` only (a subset of the kernel's own rows; NULL: all rows).
 * *out is borrowed, valid until the kernel returns. */
int mr_evaluator_argument(struct mr_call *call, int i, const struct mr_selection *rows,
                          struct mr_column **out, struct mr_error *error);
/* Scratch memory that lives until the end of this run of the evaluator; NULL without memory. */
void *mr_call_scratch(struct mr_call *call, size_t size_bytes);
/* The bytes of a STRING or BINARY row. */
static inline struct mr_str mr_string_at(const struct mr_column *c, int64_t row)
{
    return mr_view_str(&c->views[row]);
}

/* ---- errors of rows (code MR_E_DATA; the evaluator adds the SQL position) ---- */
int mr_row_error(struct mr_error *error, const char *condition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ARITHMETIC_OVERFLOW; alternative: the function that gives NULL instead ("try_add"), or NULL. what:
 * "overflow", "integer overflow", … */
int mr_row_overflow(struct mr_error *error, const char *what, const char *alternative);
int mr_row_divide_by_zero(struct mr_error *error);
/* CAST_INVALID_INPUT of a text. */
int mr_row_cast_invalid(struct mr_error *error, struct mr_str value, const struct mr_type *from,
                        const struct mr_type *to);
/* CAST_OVERFLOW; value is written as Spark shows a literal of its type (1L, 1.0D, …). */
int mr_row_cast_overflow(struct mr_error *error, const char *value, const struct mr_type *from,
                         const struct mr_type *to);
/* NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION */
int mr_row_decimal_overflow(struct mr_error *error, const char *value, const struct mr_type *to);
int mr_row_memory(struct mr_error *error);

/* ---- lists ---- */
struct mr_list_writer {
    struct mr_column *out;
    int64_t next_row; /* first row whose offset is not set yet */
};
static inline struct mr_list_writer mr_list_writer(struct mr_column *out)
{
    return (struct mr_list_writer){out, 0};
}
static inline void mr_list_skip_to(struct mr_list_writer *w, int64_t row)
{
    int32_t end = (int32_t)w->out->children[0]->length;
    for (; w->next_row <= row; w->next_row++)
        w->out->offsets[w->next_row] = end;
}
/* The entries of `row` are those appended to out->children from here to the next begin or finish. */
static inline void mr_list_begin(struct mr_list_writer *w, int64_t row)
{
    mr_list_skip_to(w, row);
}
/* After the last row. */
static inline void mr_list_finish(struct mr_list_writer *w)
{
    mr_list_skip_to(w, w->out->length);
}
/* Appends to a list's child. */
/* any 1, 2, 4 or 8 byte integer-like type */
int mr_list_append_i64(struct mr_column *child, int64_t value, struct mr_error *error);
int mr_list_append_f64(struct mr_column *child, double value, struct mr_error *error);
int mr_list_append_bytes(struct mr_column *child, const char *data, size_t size, struct mr_error *error);

#endif
