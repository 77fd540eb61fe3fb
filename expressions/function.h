/* expressions/function.h: the contract of a scalar function; for those who add one.
 *
 * Functions live in tables by group (functions_math.c, functions_string.c, functions_datetime.c, …), one line
 * each; expressions/registry.c lists the tables. To add a function is to add a kernel, a resolve (or one of
 * the shared ones) and a line. */
#ifndef MR_EXPRESSIONS_FUNCTION_H
#define MR_EXPRESSIONS_FUNCTION_H

#include "expressions/expression.h"

enum mr_function_flag {
    MR_FN_NULL_IF_ANY = 1, /* NULL when any argument is; the kernel sees only rows where none is */
    MR_FN_NONDETERMINISTIC = 2,
    MR_FN_BATCH_CONSTANT = 4, /* current_timestamp: foldable per batch, not at planning */
    /* evaluates its arguments itself, each on the rows that need it (and, or, case, if, coalesce) */
    MR_FN_LAZY = 8,
    /* explode and kin: planned as an operator, refused elsewhere. The call's value is an ARRAY<STRUCT<…>>:
     * the rows it gives, their columns the struct's fields. Functions whose names end in _outer give one row
     * of NULLs where there is none (NULL or empty array). */
    MR_FN_GENERATOR = 16,
    /* The kernel is cheap and does no harm on any initialised value: the evaluator may run it over all rows,
     * the NULL and unselected ones too, to keep its loop dense. If it then reports an error, it is run again
     * on exactly the rows that count, and that run decides. */
    MR_FN_SPECULATIVE = 32,
    MR_FN_NEVER_NULL = 64, /* the result is never NULL, whatever the arguments are */
    /* the result may be NULL although no argument is (try_add, element_at, malformed JSON, …) */
    MR_FN_MAY_BE_NULL = 128,
};

/* One call being resolved: may replace arguments by coerced ones (mr_resolve_cast), sets type, nullable
 * (default: any argument is), bound. */
struct mr_resolve {
    struct mr_expression_builder *builder;
    const char *name; /* as written, lower case */
    const struct mr_function *function;
    const struct mr_expression **arguments; /* writable copy in the arena */
    int count;
    const struct mr_type *type;
    bool nullable;
    const void *bound;
    /* Set instead of type by a resolve that turns the call into something else (nvl into coalesce, date +
     * interval into timestamp + interval): this expression is the result, shown under the call's own name. */
    const struct mr_expression *rewritten;
};
struct mr_call { /* one call in one evaluator; helpers for kernels are in expressions/kernel.h */
    const struct mr_expression *expression;
    const struct mr_session *session;
    void *state; /* what open made, NULL without open */
    struct mr_evaluator *evaluator;
    const struct mr_batch *batch; /* its length is the length of every column of this run */
    /* a kernel may put a new reference here instead of filling out (pass-through, field access) */
    struct mr_column *result;
    int node; /* the evaluator's own */
};
/* Fills out (length rows long, values initialised or to be written for each of `rows`; see kernel.h) from the
 * arguments, which are all batch->length rows long, constants expanded. With NULL_IF_ANY out's validity is
 * already set and `rows` has no NULL row. */
typedef int (*mr_kernel)(struct mr_call *call, struct mr_column *const *arguments,
                         const struct mr_selection *rows, struct mr_column *out, struct mr_error *error);
struct mr_function {
    const char *name;
    int min_arguments, max_arguments; /* -1: any number */
    uint32_t flags;
    int (*resolve)(struct mr_resolve *resolve, struct mr_error *error);
    mr_kernel kernel; /* NULL: resolve put one in bound, whose first member is a struct mr_bound_kernel */
    int (*open)(struct mr_call *call, struct mr_error *error); /* NULL: no state */
    void (*close)(struct mr_call *call);
    const char *signature; /* with resolve == NULL: see mr_resolve_signature in expressions/resolve.h */
    const void *data;      /* whatever the function's own code wants to tell family members apart */
    const char *shown;     /* how Spark writes it in column names ("POWER"); NULL: name */
};
struct mr_bound_kernel { /* chosen by resolve for the types at hand */
    mr_kernel kernel;
    uint32_t flags; /* replaces function->flags for evaluation (NULL_IF_ANY, SPECULATIVE, LAZY) */
};
const struct mr_function *mr_function_find(struct mr_str name); /* without regard to case; NULL */
/* A scalar or aggregate function whose name differs by a letter or two; NULL. */
const char *mr_function_nearest(struct mr_str name);
/* Every registered scalar function, for documentation and tests. */
void mr_function_each(void (*each)(void *ctx, const struct mr_function *function), void *ctx);

#endif
