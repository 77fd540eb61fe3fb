/* expressions/aggregate.h: aggregate functions.
 *
 * An aggregate keeps one fixed-size state per group, laid out side by side in the group's record: the
 * operator gives a base address per row (states[i]) and each function works at its own offset. States are
 * flat bytes unless the function says it holds memory (percentile, collect_list): then those bytes hold
 * pointers into an arena that the operator gives, and encode/decode move them in and out of RocksDB. partial
 * -> merge -> finish: partial states of several tasks and of earlier batches are merged. */
#ifndef MR_EXPRESSIONS_AGGREGATE_H
#define MR_EXPRESSIONS_AGGREGATE_H

#include "expressions/expression.h"

struct mr_aggregate_type;
struct mr_aggregate { /* a resolved call, immutable, in an arena */
    const struct mr_aggregate_type *type;
    const struct mr_expression *const *arguments; /* coerced; evaluated by the operator */
    int argument_count;
    const struct mr_expression *filter; /* FILTER (WHERE …); NULL */
    bool distinct;
    const struct mr_type *result;
    bool nullable;
    size_t state_bytes; /* multiple of 8 (16 where 16-byte values are inside; then align_bytes is 16) */
    size_t align_bytes;
    bool flat; /* the state's bytes may be copied and stored as they are */
    const void *bound;
    const struct mr_sql_text *origin;
    uint32_t sql_start, sql_stop;
};
struct mr_aggregate_type {
    const char *name;
    int min_arguments, max_arguments;
    /* Coerces arguments, sets result, nullable, state_bytes, bound. */
    int (*resolve)(struct mr_expression_builder *b, struct mr_aggregate *a,
                   const struct mr_expression **arguments, struct mr_error *error);
    void (*init)(const struct mr_aggregate *a, void *state);
    /* states[k] is the record of row rows[k] (k-th selected row) plus nothing: the function's own offset
     * is added by the caller. */
    int (*update)(const struct mr_aggregate *a, void *const *states, size_t offset,
                  struct mr_column *const *arguments, const struct mr_selection *rows, int64_t length,
                  struct mr_arena *arena, struct mr_error *error);
    int (*merge)(const struct mr_aggregate *a, void *into, const void *from, struct mr_arena *arena,
                 struct mr_error *error);
    /* Appends one result per record to out (out->length grows). ANSI errors (overflow of a sum) arise here
     * or in update, as in Spark. */
    int (*finish)(const struct mr_aggregate *a, void *const *records, size_t offset, int64_t count,
                  struct mr_column *out, struct mr_error *error);
    /* Not flat only: state <-> bytes. */
    void (*encode)(const struct mr_aggregate *a, const void *state, struct mr_text *out);
    int (*decode)(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                  struct mr_arena *arena, struct mr_error *error);
};
const struct mr_aggregate_type *mr_aggregate_find(struct mr_str name); /* NULL: not an aggregate */
int mr_aggregate_call(struct mr_expression_builder *b, struct mr_str name,
                      const struct mr_expression *const *arguments, int count, bool distinct,
                      const struct mr_expression *filter, const struct mr_aggregate **out,
                      struct mr_error *error);
/* May the result depend on the order in which rows come? */
bool mr_aggregate_tells_order(const struct mr_aggregate *a);
/* "count(1)", "sum(v)", … as Spark names the column. */
void mr_aggregate_name(struct mr_text *out, const struct mr_aggregate *a, const struct mr_type *input);
void mr_aggregate_fingerprint(struct mr_text *out, const struct mr_aggregate *a);

#endif
