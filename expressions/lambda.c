/* expressions/lambda.c: rewriting and running the bodies of lambdas. */
#include "expressions/lambda.h"

struct mr_lambda {
    struct mr_arena arena;
    struct mr_evaluator *evaluator;
    struct mr_batch batch; /* parameters, then captured columns */
    int *captured;         /* column of the outer batch, for each captured one */
    int captured_count;
    struct mr_field *fields; /* of the element batch */
    int first;               /* number of the first parameter */
    const struct mr_type *result;
};

/* ---- which outer columns the body reads ---- */
static int count_columns(const struct mr_expression *e)
{
    int count = e->kind == MR_EXPR_COLUMN ? e->column + 1 : 0;
    for (int i = 0; i < e->argument_count; i++) {
        int inner = count_columns(e->arguments[i]);
        count = inner > count ? inner : count;
    }
    return count;
}

static int captured_number(const struct mr_lambda *l, int column)
{
    for (int i = 0; i < l->captured_count; i++)
        if (l->captured[i] == column)
            return i;
    return -1;
}

/* The body with parameters and outer columns as columns of the element batch. limit: variables from here on
 * belong to a lambda inside. */
static int rewrite(struct mr_lambda *l, const struct mr_expression *e, int limit,
                   const struct mr_expression **out, struct mr_error *error)
{
    bool parameter = e->kind == MR_EXPR_VARIABLE && e->column >= l->first && e->column < limit;
    *out = e;
    if (!parameter && e->kind != MR_EXPR_COLUMN && e->argument_count == 0)
        return MR_OK;
    struct mr_expression *copy = MR_ARENA_NEW(&l->arena, struct mr_expression);
    if (!copy)
        return mr_error_memory(error, sizeof *copy);
    *copy = *e;
    *out = copy;
    if (parameter || e->kind == MR_EXPR_COLUMN) {
        copy->kind = MR_EXPR_COLUMN;
        copy->column =
            parameter ? e->column - l->first : MR_LAMBDA_PARAMETERS + captured_number(l, e->column);
        if (parameter && copy->column >= MR_LAMBDA_PARAMETERS)
            return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "a lambda with too many parameters");
        l->fields[copy->column].type = e->type;
        return MR_OK;
    }
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(&l->arena, const struct mr_expression *, e->argument_count);
    if (!arguments)
        return mr_error_memory(error, sizeof *arguments);
    if (e->kind == MR_EXPR_LAMBDA)
        limit = e->column < limit ? e->column : limit;
    for (int i = 0; i < e->argument_count; i++)
        MR_TRY(rewrite(l, e->arguments[i], limit, &arguments[i], error));
    copy->arguments = arguments;
    return MR_OK;
}

static int build(struct mr_lambda *l, const struct mr_call *call, const struct mr_expression *argument,
                 struct mr_error *error)
{
    const struct mr_expression *body = argument->arguments[0], *rewritten;
    int columns = count_columns(body);
    bool *used = MR_ARENA_ARRAY(&l->arena, bool, columns + 1);
    l->captured = MR_ARENA_ARRAY(&l->arena, int, columns + 1);
    l->fields = MR_ARENA_ARRAY(&l->arena, struct mr_field, columns + MR_LAMBDA_PARAMETERS);
    if (!used || !l->captured || !l->fields)
        return mr_error_memory(error, sizeof *l->fields);
    mr_expression_columns_used(body, used);
    for (int c = 0; c < columns; c++)
        if (used[c])
            l->captured[l->captured_count++] = c;
    int count = MR_LAMBDA_PARAMETERS + l->captured_count;
    for (int i = 0; i < count; i++)
        l->fields[i] = (struct mr_field){.name = "", .type = mr_type_of(MR_VOID), .nullable = true};
    l->first = argument->column;
    l->result = body->type;
    MR_TRY(rewrite(l, body, INT32_MAX, &rewritten, error));
    l->batch.schema = mr_type_struct(&l->arena, l->fields, count);
    l->batch.columns = MR_ARENA_ARRAY(&l->arena, struct mr_column *, count);
    if (!l->batch.schema || !l->batch.columns)
        return mr_error_memory(error, sizeof *l->batch.columns);
    return mr_evaluator_open(&l->evaluator, &rewritten, 1, call->session, error);
}

int mr_lambda_open(struct mr_lambda **out, const struct mr_call *call, const struct mr_expression *argument,
                   struct mr_error *error)
{
    struct mr_lambda *l = mr_allocate_zeroed(sizeof *l);
    *out = l;
    if (!l)
        return mr_error_memory(error, sizeof *l);
    mr_arena_init(&l->arena);
    return build(l, call, argument, error);
}

void mr_lambda_close(struct mr_lambda *l)
{
    if (!l)
        return;
    mr_evaluator_close(l->evaluator);
    mr_arena_release(&l->arena);
    mr_free(l);
}

int mr_lambda_run(struct mr_lambda *l, const struct mr_call *call, struct mr_column *const *parameters,
                  const int32_t *row_of, int64_t count, struct mr_column **out, struct mr_error *error)
{
    int status = MR_OK, taken = 0;
    *out = NULL;
    if (count == 0) {
        *out = mr_column_new(l->result, 0);
        return *out ? MR_OK : mr_error_memory(error, sizeof **out);
    }
    l->batch.length = count;
    for (int p = 0; p < MR_LAMBDA_PARAMETERS; p++)
        l->batch.columns[p] = parameters[p];
    for (; taken < l->captured_count && status >= 0; taken++)
        status = mr_column_take(call->batch->columns[l->captured[taken]], row_of, count,
                                &l->batch.columns[MR_LAMBDA_PARAMETERS + taken], error);
    if (status >= 0)
        status = mr_evaluator_run(l->evaluator, &l->batch, NULL, out, error);
    for (int i = 0; i < taken; i++) {
        mr_column_unref(l->batch.columns[MR_LAMBDA_PARAMETERS + i]);
        l->batch.columns[MR_LAMBDA_PARAMETERS + i] = NULL;
    }
    return status;
}
