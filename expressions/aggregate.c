/* expressions/aggregate.c: resolves aggregate calls, and names them. */
#include "expressions/aggregates.h"

#include <stdio.h>

#include "expressions/names.h"

/* ---- errors: those of a function call, shown as one ---- */
static void borrow(struct mr_resolve *r, struct mr_function *function, struct mr_expression_builder *b,
                   const struct mr_aggregate *a, const struct mr_expression **arguments)
{
    *function = (struct mr_function){.name = a->type->name};
    *r = (struct mr_resolve){.builder = b,
                             .name = a->type->name,
                             .function = function,
                             .arguments = arguments,
                             .count = a->argument_count};
}

int mr_aggregate_cast(struct mr_expression_builder *b, const struct mr_aggregate *a,
                      const struct mr_expression **arguments, int i, const struct mr_type *type,
                      struct mr_error *error)
{
    struct mr_function function;
    struct mr_resolve r;
    borrow(&r, &function, b, a, arguments);
    return mr_resolve_cast(&r, i, type, error);
}

int mr_aggregate_unexpected(struct mr_expression_builder *b, const struct mr_aggregate *a,
                            const struct mr_expression **arguments, int i, const char *required,
                            struct mr_error *error)
{
    struct mr_function function;
    struct mr_resolve r;
    borrow(&r, &function, b, a, arguments);
    return mr_resolve_unexpected_type(&r, i, required, error);
}

int mr_aggregate_orderable(struct mr_expression_builder *b, const struct mr_aggregate *a,
                           const struct mr_expression **arguments, int i, struct mr_error *error)
{
    struct mr_function function;
    struct mr_resolve r;
    if (mr_type_is_orderable(arguments[i]->type))
        return MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, arguments[i]->type);
    borrow(&r, &function, b, a, arguments);
    mr_resolve_error(&r, error, "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
                     "`%s` compares values, and %s has no order.", a->type->name, text.data);
    mr_error_parameter(error, "functionName", "`%s`", a->type->name);
    mr_error_parameter(error, "dataType", "\"%s\"", text.data);
    mr_text_release(&text);
    return error->code;
}

static int check_count(struct mr_expression_builder *b, const struct mr_aggregate *a,
                       const struct mr_expression **arguments, struct mr_error *error)
{
    char expected[48];
    struct mr_function function;
    struct mr_resolve r;
    int least = a->type->min_arguments, most = a->type->max_arguments;
    if (a->argument_count >= least && (most < 0 || a->argument_count <= most))
        return MR_OK;
    if (most < 0)
        snprintf(expected, sizeof expected, "> %d", least - 1);
    else if (least == most)
        snprintf(expected, sizeof expected, "%d", least);
    else
        snprintf(expected, sizeof expected, most == least + 1 ? "[%d, %d]" : "[%d-%d]", least, most);
    borrow(&r, &function, b, a, arguments);
    return mr_resolve_wrong_count(&r, expected, error);
}

/* ---- calls ---- */
static int check_filter(struct mr_expression_builder *b, const struct mr_expression *filter,
                        struct mr_error *error)
{
    if (!filter || filter->type->id == MR_BOOLEAN || filter->type->id == MR_VOID)
        return MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, filter->type);
    mr_error_set(error, MR_E_SQL, "INVALID_AGGREGATE_FILTER.NOT_BOOLEAN",
                 "A FILTER condition is a BOOLEAN, not a %s.", text.data);
    mr_text_release(&text);
    return mr_builder_error_at(b, error);
}

/* DISTINCT changes nothing for these. */
static bool is_idempotent(const char *name)
{
    static const char *const names[] = {"min",         "max",        "bool_and",
                                        "bool_or",     "every",      "some",
                                        "any",         "bit_and",    "bit_or",
                                        "collect_set", "any_value",  "min_by",
                                        "max_by",      "first",      "last",
                                        "first_value", "last_value", "approx_count_distinct"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool mr_aggregate_tells_order(const struct mr_aggregate *a)
{
    static const char *const names[] = {"count",   "count_if", "sum",     "avg",
                                        "mean",    "min",      "max",     "bool_and",
                                        "every",   "bool_or",  "some",    "any",
                                        "bit_and", "bit_or",   "bit_xor", "approx_count_distinct"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], a->type->name) == 0)
            return false;
    return true;
}

int mr_aggregate_call(struct mr_expression_builder *b, struct mr_str name,
                      const struct mr_expression *const *arguments, int count, bool distinct,
                      const struct mr_expression *filter, const struct mr_aggregate **out,
                      struct mr_error *error)
{
    const struct mr_aggregate_type *type = mr_aggregate_find(name);
    struct mr_aggregate *a = MR_ARENA_NEW(b->arena, struct mr_aggregate);
    const struct mr_expression **own = MR_ARENA_ARRAY(b->arena, const struct mr_expression *, count + 4);
    if (!type)
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "%.*s is no aggregate function",
                            (int)name.size, name.data);
    if (!a || !own)
        return mr_error_memory(error, sizeof *a);
    for (int i = 0; i < count; i++)
        own[i] = arguments[i];
    a->type = type;
    a->arguments = own;
    a->argument_count = count;
    a->filter = filter;
    a->distinct = distinct;
    a->origin = b->origin;
    a->sql_start = b->sql_start;
    a->sql_stop = b->sql_stop;
    a->align_bytes = 8;
    MR_TRY(check_count(b, a, own, error));
    MR_TRY(check_filter(b, filter, error));
    MR_TRY(type->resolve(b, a, own, error));
    if (distinct && !is_idempotent(type->name))
        MR_TRY(mr_aggregate_make_distinct(b, a, error));
    *out = a;
    return MR_OK;
}

/* ---- names ---- */
void mr_aggregate_name(struct mr_text *out, const struct mr_aggregate *a, const struct mr_type *input)
{
    const char *name = mr_aggregate_inner(a)->type->name;
    int count = a->argument_count;
    if (strcmp(name, "array_agg") == 0)
        name = "collect_list";
    bool first =
        strncmp(name, "first", 5) == 0 || strncmp(name, "last", 4) == 0 || strcmp(name, "any_value") == 0;
    bool hidden = strcmp(name, "approx_count_distinct") == 0 || strcmp(name, "mode") == 0;
    if ((first || hidden) && count == 2)
        count = 1; /* whether it skips NULLs, and how exact it is, are not shown */
    mr_text_append_str(out, name);
    mr_text_append_str(out, a->distinct ? "(DISTINCT " : "(");
    for (int i = 0; i < count; i++) {
        if (i > 0)
            mr_text_append_str(out, ", ");
        mr_expression_name(out, a->arguments[i], input);
    }
    if (count == 1 && (strcmp(name, "listagg") == 0 || strcmp(name, "string_agg") == 0))
        mr_text_append_str(out, ", NULL"); /* the delimiter it was not given */
    mr_text_append_char(out, ')');
    if (!a->filter)
        return;
    mr_text_append_str(out, " FILTER (WHERE ");
    mr_expression_name(out, a->filter, input);
    mr_text_append_char(out, ')');
}

void mr_aggregate_fingerprint(struct mr_text *out, const struct mr_aggregate *a)
{
    mr_text_format(out, "(%s%s", mr_aggregate_inner(a)->type->name, a->distinct ? " distinct" : "");
    for (int i = 0; i < a->argument_count; i++) {
        mr_text_append_char(out, ' ');
        mr_expression_fingerprint(out, a->arguments[i]);
    }
    if (a->filter) {
        mr_text_append_str(out, " filter ");
        mr_expression_fingerprint(out, a->filter);
    }
    mr_text_append_str(out, "):");
    mr_type_text(out, a->result);
}
