/* operators/join.h: joins that hold one side in memory: of two batches, and of a stream with a static side.
 * (Joins of two streams keep state and are operators of their own.) */
#ifndef MR_OPERATORS_JOIN_H
#define MR_OPERATORS_JOIN_H

#include "operators/operator.h"

enum mr_join_kind {
    MR_JOIN_INNER, /* without keys and condition: the cross product */
    MR_JOIN_LEFT,
    MR_JOIN_RIGHT,
    MR_JOIN_FULL,
    MR_JOIN_SEMI, /* left rows that have a partner */
    MR_JOIN_ANTI, /* left rows that have none */
    MR_JOIN_MARK, /* left rows, and behind their columns a BOOLEAN: has it a partner? */
};
struct mr_join_config {
    enum mr_join_kind kind;
    /* Columns of the inputs that are equal, pairwise of one type; the node's exchange keys. */
    const int *left_keys, *right_keys;
    const bool *null_safe; /* per key: NULL equals NULL (<=>) */
    int key_count;
    /* How many of each input's columns, from the first, are output and seen by the condition; what follows
     * are keys. */
    int left_width, right_width;
    const struct mr_expression *condition; /* over left_width + right_width columns; NULL: none */
    bool single; /* LEFT: a second partner of a row is an error, SCALAR_SUBQUERY_TOO_MANY_ROWS */
};
/* KEYED, two inputs. Output: left columns, right columns (SEMI, ANTI, MARK: left ones only). Holds both
 * inputs in memory until they end. */
extern const struct mr_operator_type mr_batch_join_operator;

struct mr_join_table { /* rows of a right side, found by key */
    struct mr_batch rows;
    bool has_rows;
    uint64_t *hashes;      /* of the rows' keys */
    int32_t *heads, *next; /* chains of rows; -1 ends */
    uint64_t mask;
};

/* The static side of a join with a stream: read before the micro-batches by a job of its own, whose last node
 * is a staticTable; then looked into by all workers at once. */
struct mr_static_rows {
    struct mr_join_table table;
    const char *name;   /* of what is read, for messages */
    size_t limit_bytes; /* 0: none. Set by the runtime */
};
void mr_static_rows_release(struct mr_static_rows *rows);
struct mr_static_table_config {
    struct mr_static_rows *rows;       /* filled anew by every run of the job */
    const struct mr_join_config *join; /* its right keys */
};
struct mr_static_join_config {
    struct mr_join_config join;        /* the stream is left: not RIGHT, not FULL */
    const struct mr_static_rows *rows; /* loaded before every micro-batch */
    const struct mr_type *right;       /* schema of the static side's last node but one */
};
extern const struct mr_operator_type mr_static_table_operator; /* SINGLE, TERMINAL */
extern const struct mr_operator_type mr_static_join_operator;  /* stateless; one input, the stream */

#endif
