/* expressions/json_internal.h: what the parts of the JSON converter share; private to json_*.c. */
#ifndef MR_EXPRESSIONS_JSON_INTERNAL_H
#define MR_EXPRESSIONS_JSON_INTERNAL_H

#include "expressions/json_convert.h"

enum mr_json_outcome { MR_JSON_FIT, MR_JSON_FIT_IN_PART, MR_JSON_MISFIT };

struct mr_json_plan { /* one type of the tree */
    const struct mr_type *type;
    struct mr_json_plan *children; /* as type->fields */
    struct mr_map names;           /* field number by name, when there are many */
    bool hashed;
};
struct mr_json_converter {
    struct mr_json_options options;
    struct mr_arena arena;
    struct mr_json_plan *plan;
    struct mr_json_tokens tokens;      /* of the record in hand */
    const struct mr_json_tokens *from; /* those or the caller's */
    struct mr_text scratch, other_scratch, rescued;
    struct mr_error cause;
    bool has_cause, text_stays, rescuing;
    bool passed_over; /* a member without a field inside a list: the whole list is rescued */
};

/* Appends the token's value to a column of a type that is neither STRUCT, ARRAY nor MAP: FIT, or MISFIT and
 * nothing is appended. Negative: out of memory. */
int mr_json_convert_scalar(struct mr_json_converter *c, uint32_t index, struct mr_column *column,
                           struct mr_error *error);

#endif
