/* operators/join.h: joins of batches. (Joins of streams keep state and are operators of their own.) */
#ifndef MR_OPERATORS_JOIN_H
#define MR_OPERATORS_JOIN_H

#include "operators/operator.h"

enum mr_join_kind {
    MR_JOIN_INNER, /* without keys and condition: the cross product */
    MR_JOIN_LEFT,
    MR_JOIN_RIGHT,
    MR_JOIN_FULL,
    MR_JOIN_SEMI, /* left rows that have a partner */
    MR_JOIN_ANTI  /* left rows that have none */
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
};
/* KEYED, two inputs. Output: left columns, right columns (SEMI, ANTI: left ones only). Holds both inputs in
 * memory until they end. */
extern const struct mr_operator_type mr_batch_join_operator;

#endif
