/* expressions/aggregates.h: what the files of aggregate functions share. */
#ifndef MR_EXPRESSIONS_AGGREGATES_H
#define MR_EXPRESSIONS_AGGREGATES_H

#include "expressions/coercion.h"
#include "expressions/kernel.h"
#include "expressions/registry.h"

#define MR_AGGREGATE_RESOLVE(name)                                                                           \
    static int name(struct mr_expression_builder *b, struct mr_aggregate *a,                                 \
                    const struct mr_expression **arguments, struct mr_error *error)
#define MR_AGGREGATE_UPDATE(name)                                                                            \
    static int name(const struct mr_aggregate *a, void *const *states, size_t offset,                        \
                    struct mr_column *const *arguments, const struct mr_selection *rows, int64_t length,     \
                    struct mr_arena *arena, struct mr_error *error)
#define MR_AGGREGATE_MERGE(name)                                                                             \
    static int name(const struct mr_aggregate *a, void *into, const void *from, struct mr_arena *arena,      \
                    struct mr_error *error)
#define MR_AGGREGATE_FINISH(name)                                                                            \
    static int name(const struct mr_aggregate *a, void *const *records, size_t offset, int64_t count,        \
                    struct mr_column *out, struct mr_error *error)
/* The state of the k-th record. */
#define MR_STATE(type, records, offset, k) ((type *)((char *)(records)[k] + (offset)))
/* For every selected row: `i` is the row, `k` its place among the selected. */
#define MR_AGGREGATE_ROWS(i, k, rows, length, ...)                                                           \
    do {                                                                                                     \
        const int64_t k##_end_ = (rows) ? (rows)->count : (length);                                          \
        for (int64_t k = 0; k < k##_end_; k++) {                                                             \
            const int64_t i = (rows) ? (rows)->rows[k] : k;                                                  \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    } while (0)

/* Sets what most resolves set. */
static inline void mr_aggregate_shape(struct mr_aggregate *a, const struct mr_type *result, bool nullable,
                                      size_t state_bytes)
{
    a->result = result;
    a->nullable = nullable;
    a->state_bytes = state_bytes;
    a->align_bytes = 8;
    a->flat = true;
}
/* Adds a row at the end of out (one more in length), room made; NULL when null. The caller writes the value
 * at the row it gives back. */
int mr_aggregate_append(struct mr_column *out, bool null, int64_t *row, struct mr_error *error);

/* Argument i by Spark's implicit cast. */
int mr_aggregate_cast(struct mr_expression_builder *b, const struct mr_aggregate *a,
                      const struct mr_expression **arguments, int i, const struct mr_type *type,
                      struct mr_error *error);
int mr_aggregate_unexpected(struct mr_expression_builder *b, const struct mr_aggregate *a,
                            const struct mr_expression **arguments, int i, const char *required,
                            struct mr_error *error);
/* MAP inside: DATATYPE_MISMATCH.INVALID_ORDERING_TYPE */
int mr_aggregate_orderable(struct mr_expression_builder *b, const struct mr_aggregate *a,
                           const struct mr_expression **arguments, int i, struct mr_error *error);

/* ---- a value of any type held by a state ---- */
struct mr_slot {
    union {
        int64_t i64; /* every fixed-width type up to 8 bytes, as its bytes */
        mr_i128 i128;
        struct {
            char *data; /* STRING, BINARY: the bytes; nested: an encoding; in the state's arena */
            uint32_t size, capacity;
        };
    };
    uint8_t has, is_null;
};
/* ordered: nested values are held as mr_key_append writes them, which memcmp orders; otherwise as
 * mr_row_append does. */
int mr_slot_put(struct mr_slot *slot, const struct mr_column *value, int64_t row, bool ordered,
                struct mr_arena *arena, struct mr_error *error);
int mr_slot_copy(struct mr_slot *into, const struct mr_slot *from, const struct mr_type *type,
                 struct mr_arena *arena, struct mr_error *error);
/* Appends the value (NULL when there is none) to out. */
int mr_slot_append(const struct mr_slot *slot, struct mr_column *out, bool ordered, struct mr_error *error);
/* < 0, 0, > 0; neither is NULL. For nested types both were put as ordered. */
int mr_slot_compare(const struct mr_slot *a, const struct mr_slot *b, const struct mr_type *type);
int mr_slot_compare_row(const struct mr_slot *a, const struct mr_column *value, int64_t row,
                        struct mr_text *scratch);
void mr_slot_encode(const struct mr_slot *slot, const struct mr_type *type, struct mr_text *out);
int mr_slot_decode(struct mr_slot *slot, const struct mr_type *type, const char **at, const char *end,
                   struct mr_arena *arena, struct mr_error *error);
static inline bool mr_slot_is_flat(const struct mr_type *type)
{
    return !mr_type_is_bytes(type) && !mr_type_is_nested(type);
}

/* DISTINCT of an aggregate that is not idempotent: the state is the set of argument rows, given to the inner
 * aggregate at the end. */
int mr_aggregate_make_distinct(struct mr_expression_builder *b, struct mr_aggregate *a,
                               struct mr_error *error);
const struct mr_aggregate *mr_aggregate_inner(const struct mr_aggregate *a); /* itself when not wrapped */

#endif
