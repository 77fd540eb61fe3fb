/* expressions/cast.c: plans casts, runs them through nested types, and reports what cannot be cast. */
#include "expressions/cast.h"

#include "expressions/coercion.h"
#include "expressions/evaluator.h"
#include "expressions/registry.h"

static int convert_column(const struct mr_cast *cast, const struct mr_session *session,
                          const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                          struct mr_error *error);

/* ---- rows that do not fit ---- */
int mr_cast_overflow(const struct mr_cast *cast, struct mr_column *out, int64_t row, const char *value,
                     struct mr_error *error)
{
    if (cast->try_cast)
        return mr_column_set_null(out, row, error);
    if (!cast->insert_column)
        return mr_row_cast_overflow(error, value, cast->from, cast->to);
    struct mr_text from, to;
    mr_text_init(&from);
    mr_text_init(&to);
    mr_type_text(&from, cast->from);
    mr_type_text(&to, cast->to);
    mr_row_error(error, "CAST_OVERFLOW_IN_TABLE_INSERT",
                 "%s does not fit column `%s`, which is %s. `try_cast` gives NULL instead.", value,
                 cast->insert_column, to.data);
    mr_error_parameter(error, "sourceType", "\"%s\"", from.data);
    mr_error_parameter(error, "targetType", "\"%s\"", to.data);
    mr_error_parameter(error, "columnName", "`%s`", cast->insert_column);
    mr_text_release(&from);
    mr_text_release(&to);
    return error->code;
}

int mr_cast_invalid(const struct mr_cast *cast, struct mr_column *out, int64_t row, struct mr_str value,
                    struct mr_error *error)
{
    if (cast->try_cast)
        return mr_column_set_null(out, row, error);
    return mr_row_cast_invalid(error, value, cast->from, cast->to);
}

int mr_cast_decimal_overflow(const struct mr_cast *cast, struct mr_column *out, int64_t row,
                             const char *value, struct mr_error *error)
{
    if (cast->try_cast)
        return mr_column_set_null(out, row, error);
    if (cast->insert_column)
        return mr_cast_overflow(cast, out, row, value, error);
    return mr_row_decimal_overflow(error, value, cast->to);
}

/* ---- nested ---- */
/* Rows of a child that count: within `rows` (of a struct) or given; not NULL. */
static int valid_rows(const struct mr_column *column, const struct mr_selection *rows, int32_t **list,
                      struct mr_selection *valid, struct mr_error *error)
{
    int64_t count = rows ? rows->count : column->length, kept = 0;
    *list = mr_allocate(sizeof(int32_t) * (size_t)(count + 1));
    if (!*list)
        return mr_error_memory(error, sizeof(int32_t) * (size_t)count);
    for (int64_t k = 0; k < count; k++) {
        int64_t i = rows ? rows->rows[k] : k;
        if (!mr_column_is_null(column, i))
            (*list)[kept++] = (int32_t)i;
    }
    *valid = (struct mr_selection){*list, kept};
    return MR_OK;
}

/* A child column: its NULLs stay NULL, the rest of the given rows is converted. */
static int convert_child(const struct mr_cast *cast, const struct mr_session *session,
                         const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                         struct mr_error *error)
{
    int32_t *list = NULL;
    struct mr_selection valid;
    MR_TRY(mr_column_reserve(out, in->length, error));
    out->length = in->length;
    if (in->validity) {
        MR_TRY(mr_column_make_validity(out, error));
        memcpy(out->validity, in->validity, sizeof(uint64_t) * (size_t)((in->length + 63) / 64));
    }
    MR_TRY(valid_rows(in, rows, &list, &valid, error));
    int status = convert_column(cast, session, in, &valid, out, error);
    mr_free(list);
    return status;
}

static int convert_list(const struct mr_cast *cast, const struct mr_session *session,
                        const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                        struct mr_error *error)
{
    int64_t entries = in->children[0]->length, count = 0;
    int32_t *list = mr_allocate(sizeof(int32_t) * (size_t)(entries + 1));
    if (!list)
        return mr_error_memory(error, sizeof(int32_t) * (size_t)entries);
    memcpy(out->offsets, in->offsets, sizeof(int32_t) * (size_t)(in->length + 1));
    MR_FOR_ROWS (i, rows, in->length)
        for (int32_t k = in->offsets[i]; k < in->offsets[i + 1]; k++)
            list[count++] = k;
    struct mr_selection inner = {list, count};
    int status = MR_OK;
    for (int c = 0; c < in->child_count && status >= 0; c++)
        status = convert_child(cast->children[c], session, in->children[c], &inner, out->children[c], error);
    mr_free(list);
    return status;
}

static int convert_column(const struct mr_cast *cast, const struct mr_session *session,
                          const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                          struct mr_error *error)
{
    if (cast->convert)
        return cast->convert(cast, session, in, rows, out, error);
    if (cast->from->id == MR_ARRAY || cast->from->id == MR_MAP)
        return convert_list(cast, session, in, rows, out, error);
    if (cast->from->id == MR_STRUCT) {
        for (int c = 0; c < out->child_count; c++) {
            int from = cast->sources ? cast->sources[c] : c;
            if (from < 0)
                mr_column_clear(out->children[c]);
            MR_TRY(from < 0 ? mr_column_append_nulls(out->children[c], in->length, error)
                            : convert_child(cast->children[c], session, in->children[from], rows,
                                            out->children[c], error));
        }
        return MR_OK;
    }
    if (out->offsets) /* all NULL */
        memset(out->offsets, 0, sizeof(int32_t) * (size_t)(out->length + 1));
    MR_TRY(mr_column_make_validity(out, error));
    memset(out->validity, 0, sizeof(uint64_t) * (size_t)((out->length + 63) / 64));
    return MR_OK;
}

static int cast_kernel(struct mr_call *call, struct mr_column *const *arguments,
                       const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)
{
    const struct mr_cast *cast = call->expression->bound;
    if (mr_type_equal(cast->from, cast->to) && cast->from->id != MR_INTERVAL_DAY_TIME &&
        cast->from->id != MR_INTERVAL_YEAR_MONTH) {
        call->result = mr_column_ref(arguments[0]);
        return MR_OK;
    }
    return convert_column(cast, call->session, arguments[0], rows, out, error);
}

/* One and the same type inside a nested one. */
static int convert_same(const struct mr_cast *cast, const struct mr_session *session,
                        const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                        struct mr_error *error)
{
    (void)cast;
    (void)session;
    return mr_rows_copy(out, in, rows, in->length, error);
}

/* ---- planning ---- */
static const struct mr_cast *plan_cast(struct mr_arena *arena, const struct mr_type *from,
                                       const struct mr_type *to, bool try_cast, bool wraps,
                                       const char *insert_column)
{
    struct mr_cast *cast = MR_ARENA_NEW(arena, struct mr_cast);
    if (!cast)
        return NULL;
    cast->from = from;
    cast->to = to;
    cast->try_cast = try_cast || wraps;
    cast->wraps = wraps;
    cast->insert_column = insert_column;
    cast->nullable =
        from->id == MR_VOID || ((from->id == MR_FLOAT || from->id == MR_DOUBLE) && to->id == MR_DECIMAL);
    if (from->id != MR_VOID) {
        cast->convert = mr_cast_choose_number(from, to, &cast->total);
        if (!cast->convert)
            cast->convert = mr_cast_choose_text(from, to, &cast->total);
        if (!cast->convert && !mr_type_is_nested(from) && !mr_type_is_nested(to))
            cast->convert = mr_cast_choose_time(from, to, &cast->total);
        if (!cast->convert && !mr_type_is_nested(from))
            cast->convert = convert_same;
    }
    cast->kernel.kernel = cast_kernel;
    cast->kernel.flags = MR_FN_NULL_IF_ANY | (cast->total ? MR_FN_SPECULATIVE : 0);
    if (cast->convert || from->id == MR_VOID)
        return cast;
    cast->children = MR_ARENA_ARRAY(arena, const struct mr_cast *, to->field_count + 1);
    int *sources =
        insert_column && to->id == MR_STRUCT ? MR_ARENA_ARRAY(arena, int, to->field_count + 1) : NULL;
    cast->sources = sources;
    for (int i = 0; cast->children && i < to->field_count; i++) {
        int source = sources ? mr_type_field(from, mr_str_of(to->fields[i].name), false, NULL) : i;
        if (sources)
            sources[i] = source;
        if (source < 0)
            continue;
        cast->children[i] =
            plan_cast(arena, from->fields[source].type, to->fields[i].type, try_cast, wraps, insert_column);
        if (!cast->children[i])
            return NULL;
    }
    return cast->children ? cast : NULL;
}

/* Into a table: fields of structs go by name, as columns do; those the value lacks are NULL. */
static bool can_store(const struct mr_type *from, const struct mr_type *to)
{
    if (from->id != to->id || !mr_type_is_nested(from))
        return mr_type_can_store_assign(from, to);
    int found = 0;
    for (int i = 0; i < to->field_count; i++) {
        int source =
            from->id == MR_STRUCT ? mr_type_field(from, mr_str_of(to->fields[i].name), false, NULL) : i;
        bool null = source < 0 || from->fields[source].nullable;
        if ((null && !to->fields[i].nullable) ||
            (source >= 0 && !can_store(from->fields[source].type, to->fields[i].type)))
            return false;
        found += source >= 0;
    }
    return found == from->field_count; /* none is left over */
}

enum castable { CASTABLE, NOT_CASTABLE, WITH_FUNCTION, WITH_CONF };

static enum castable is_castable(const struct mr_type *from, const struct mr_type *to, const char **function)
{
    bool unused = false;
    enum mr_type_id f = from->id, t = to->id;
    if (f == MR_VOID || (f == t && !mr_type_is_nested(from)))
        return CASTABLE;
    if (mr_type_is_nested(from) && t != MR_STRING) {
        bool each = f == t && from->field_count == to->field_count;
        for (int i = 0; each && i < from->field_count; i++) {
            bool null_lost = f != MR_STRUCT && from->fields[i].nullable && !to->fields[i].nullable;
            each = !null_lost && is_castable(from->fields[i].type, to->fields[i].type, function) == CASTABLE;
        }
        return each ? CASTABLE : NOT_CASTABLE;
    }
    if (mr_type_is_nested(to))
        return NOT_CASTABLE;
    if (mr_cast_choose_number(from, to, &unused) || mr_cast_choose_text(from, to, &unused) ||
        mr_cast_choose_time(from, to, &unused))
        return CASTABLE;
    if ((f == MR_DATE && mr_type_is_numeric(to)) || (t == MR_DATE && mr_type_is_numeric(from))) {
        *function = f == MR_DATE ? "UNIX_DATE" : "DATE_FROM_UNIX_DATE";
        return WITH_FUNCTION;
    }
    bool conf = (t == MR_BINARY && mr_type_is_integral(from)) || (f == MR_BOOLEAN && t == MR_TIMESTAMP) ||
                (t == MR_BOOLEAN && (f == MR_DATE || f == MR_TIMESTAMP));
    return conf ? WITH_CONF : NOT_CASTABLE;
}

static int refuse(struct mr_expression_builder *b, const struct mr_expression *value,
                  const struct mr_type *to, bool try_cast, enum castable why, const char *function,
                  struct mr_error *error)
{
    static const char *const conditions[] = {
        [NOT_CASTABLE] = "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
        [WITH_FUNCTION] = "DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION",
        [WITH_CONF] = "DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION",
    };
    struct mr_text name, from_text, to_text;
    mr_text_init(&name);
    mr_text_init(&from_text);
    mr_text_init(&to_text);
    mr_expression_name(&name, value, NULL);
    mr_type_text(&from_text, value->type);
    mr_type_text(&to_text, to);
    mr_error_set(error, MR_E_SQL, conditions[why], "A \"%s\" cannot be cast to \"%s\"%s%s.", from_text.data,
                 to_text.data, function ? "; use the function " : "", function ? function : "");
    mr_error_parameter(error, "srcType", "\"%s\"", from_text.data);
    mr_error_parameter(error, "targetType", "\"%s\"", to_text.data);
    if (why == WITH_FUNCTION)
        mr_error_parameter(error, "functionNames", "`%s`", function);
    if (why == WITH_CONF) {
        mr_error_parameter(error, "config", "\"spark.sql.ansi.enabled\"");
        mr_error_parameter(error, "configVal", "'false'");
    }
    if (mr_type_is_nested(to))
        mr_error_parameter(error, "sqlExpr", "\"%s\"", name.data);
    else
        mr_error_parameter(error, "sqlExpr", "\"%sCAST(%s AS %s)\"", try_cast ? "TRY_" : "", name.data,
                           to_text.data);
    mr_text_release(&name);
    mr_text_release(&from_text);
    mr_text_release(&to_text);
    return mr_builder_error_at(b, error);
}

static int no_call(struct mr_resolve *r, struct mr_error *error)
{
    return mr_resolve_error(r, error, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                            "A cast is written CAST(value AS type).");
}
static const struct mr_function cast_function = {"cast", 1, 1, 0, .resolve = no_call};
static const struct mr_function try_cast_function = {"try_cast", 1, 1, MR_FN_MAY_BE_NULL, .resolve = no_call};

static int build(struct mr_expression_builder *b, const struct mr_expression *value, const struct mr_type *to,
                 bool try_cast, bool implicit, const char *insert_column, const struct mr_expression **out,
                 struct mr_error *error)
{
    const char *function = NULL;
    enum castable why = is_castable(value->type, to, &function);
    if (why == WITH_CONF && try_cast)
        why = NOT_CASTABLE; /* no setting changes what TRY_CAST does */
    if (why != CASTABLE && !insert_column)
        return refuse(b, value, to, try_cast, why, function, error);
    to = mr_type_copy(b->arena, to);
    bool lenient = !try_cast && !insert_column && !b->session->ansi;
    const struct mr_cast *cast =
        to ? plan_cast(b->arena, value->type, to, try_cast, lenient, insert_column) : NULL;
    const struct mr_expression **arguments = MR_ARENA_ARRAY(b->arena, const struct mr_expression *, 1);
    if (!cast || !arguments)
        return mr_error_memory(error, sizeof *cast);
    arguments[0] = value;
    const struct mr_expression *e = NULL;
    bool nullable = value->nullable || try_cast || lenient || cast->nullable;
    MR_TRY(mr_call_build(b, try_cast ? &try_cast_function : &cast_function, NULL, arguments, 1, to, nullable,
                         cast, &e, error));
    ((struct mr_expression *)e)->implicit = implicit;
    *out = e;
    return MR_OK;
}

int mr_cast_build(struct mr_expression_builder *b, const struct mr_expression *value,
                  const struct mr_type *to, bool try_cast, bool implicit, const struct mr_expression **out,
                  struct mr_error *error)
{
    if (implicit && mr_type_equal(value->type, to)) {
        *out = value;
        return MR_OK;
    }
    return build(b, value, to, try_cast, implicit, NULL, out, error);
}

int mr_expression_cast(struct mr_expression_builder *b, const struct mr_expression *value,
                       const struct mr_type *to, bool try_cast, const struct mr_expression **out,
                       struct mr_error *error)
{
    return build(b, value, to, try_cast, false, NULL, out, error);
}

int mr_expression_store_assign(struct mr_expression_builder *b, const struct mr_expression *value,
                               const struct mr_type *to, const char *column_name,
                               const struct mr_expression **out, struct mr_error *error)
{
    if (mr_type_equal(value->type, to)) {
        *out = value;
        return MR_OK;
    }
    if (can_store(value->type, to))
        return build(b, value, to, false, true, column_name, out, error);
    struct mr_text from_text, to_text;
    mr_text_init(&from_text);
    mr_text_init(&to_text);
    mr_type_text(&from_text, value->type);
    mr_type_text(&to_text, to);
    mr_error_set(error, MR_E_SQL, "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
                 "The query gives \"%s\" for the column `%s`, which is \"%s\". Cast it in the query.",
                 from_text.data, column_name, to_text.data);
    mr_error_parameter(error, "colName", "`%s`", column_name);
    mr_error_parameter(error, "srcType", "\"%s\"", from_text.data);
    mr_error_parameter(error, "targetType", "\"%s\"", to_text.data);
    mr_text_release(&from_text);
    mr_text_release(&to_text);
    return mr_builder_error_at(b, error);
}

/* ---- int(x), string(x), … ---- */
static int resolve_type_function(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *to = mr_type_of((enum mr_type_id)(intptr_t)r->function->data);
    if ((enum mr_type_id)(intptr_t)r->function->data == MR_DECIMAL)
        to = mr_type_decimal(r->builder->arena, 10, 0);
    return build(r->builder, r->arguments[0], to, false, true, NULL, &r->rewritten, error); /* not shown */
}
#define TYPE_FUNCTION(name, id)                                                                              \
    {                                                                                                        \
        name, 1, 1, 0, .resolve = resolve_type_function, .data = (const void *)(intptr_t)(id)                \
    }
const struct mr_function mr_functions_casts[] = {
    TYPE_FUNCTION("boolean", MR_BOOLEAN),
    TYPE_FUNCTION("tinyint", MR_TINYINT),
    TYPE_FUNCTION("smallint", MR_SMALLINT),
    TYPE_FUNCTION("int", MR_INT),
    TYPE_FUNCTION("bigint", MR_BIGINT),
    TYPE_FUNCTION("float", MR_FLOAT),
    TYPE_FUNCTION("double", MR_DOUBLE),
    TYPE_FUNCTION("decimal", MR_DECIMAL),
    TYPE_FUNCTION("string", MR_STRING),
    TYPE_FUNCTION("binary", MR_BINARY),
    TYPE_FUNCTION("date", MR_DATE),
    TYPE_FUNCTION("timestamp", MR_TIMESTAMP),
    {0},
};
