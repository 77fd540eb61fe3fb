/* expressions/function.h: the contract of a scalar function; for those who add one.
 *
 * Functions live in tables by group (functions_math.c, functions_string.c, functions_datetime.c, …), one line each; expressions/registry.c
 * lists the tables. To add a function is to add a kernel, a resolve (or one of the shared ones) and a line. */
#ifndef MR_EXPRESSIONS_FUNCTION_H
#define MR_EXPRESSIONS_FUNCTION_H

#include "expressions/expression.h"

enum mr_function_flag {
    MR_FN_NULL_IF_ANY = 1,        /* NULL when any argument is; the kernel sees only rows where none is */
    MR_FN_NONDETERMINISTIC = 2,
    MR_FN_BATCH_CONSTANT = 4,     /* current_timestamp: foldable per batch, not at planning */
    MR_FN_LAZY = 8,               /* evaluates its arguments itself, each on the rows that need it (and, or, case, if, coalesce) */
    MR_FN_GENERATOR = 16,         /* explode and kin: planned as an operator, refused elsewhere */
};

/* One call being resolved: may replace arguments by coerced ones (mr_resolve_cast), sets type, nullable (default: any argument is),
 * bound. */
struct mr_resolve {
    struct mr_expression_builder *builder;
    const char *name; /* as written, lower case */
    const struct mr_function *function;
    const struct mr_expression **arguments; /* writable copy in the arena */
    int count;
    const struct mr_type *type;
    bool nullable;
    const void *bound;
};
struct mr_call_state; /* one call in one evaluator */
struct mr_call {
    const struct mr_expression *expression;
    const struct mr_session *session;
    void *state; /* what open made, NULL without open */
    struct mr_evaluator *evaluator; /* for LAZY functions: mr_evaluator_argument */
    const struct mr_batch *batch;
};
typedef int (*mr_kernel)(struct mr_call *call, struct mr_column *const *arguments, const struct mr_selection *rows,
                         struct mr_column *out, struct mr_error *error);
struct mr_function {
    const char *name;
    int min_arguments, max_arguments; /* -1: any number */
    uint32_t flags;
    int (*resolve)(struct mr_resolve *resolve, struct mr_error *error);
    mr_kernel kernel; /* NULL: resolve put one in bound as a struct mr_bound_kernel or rewrote the call */
    int (*open)(struct mr_call *call, struct mr_error *error);
    void (*close)(struct mr_call *call);
};
const struct mr_function *mr_function_find(struct mr_str name); /* without regard to case; NULL */
/* Every registered scalar function, for documentation and tests. */
void mr_function_each(void (*each)(void *ctx, const struct mr_function *function), void *ctx);

#endif
