/* expressions/expression.c: constructors of expression trees. */
#include "expressions/expression.h"

#include <ctype.h>
#include <stdio.h>

#include "expressions/coercion.h"
#include "expressions/registry.h"

static int new_node(struct mr_expression_builder *b, enum mr_expression_kind kind, const struct mr_type *type,
                    struct mr_expression **out, struct mr_error *error)
{
    struct mr_expression *e = MR_ARENA_NEW(b->arena, struct mr_expression);
    if (!e || !type)
        return mr_error_memory(error, sizeof *e);
    e->kind = kind;
    e->type = type;
    e->deterministic = true;
    e->origin = b->origin;
    e->sql_start = b->sql_start;
    e->sql_stop = b->sql_stop;
    *out = e;
    return MR_OK;
}

int mr_expression_column(struct mr_expression_builder *b, const struct mr_type *schema, int column,
                         const struct mr_expression **out, struct mr_error *error)
{
    struct mr_expression *e = NULL;
    const struct mr_field *field = &schema->fields[column];
    MR_TRY(new_node(b, MR_EXPR_COLUMN, field->type, &e, error));
    e->column = column;
    e->name = field->name;
    e->nullable = field->nullable;
    *out = e;
    return MR_OK;
}

/* ---- literals: copied into the arena, so that a plan's memory is its arena's and nothing else's ---- */
static bool copy_validity(struct mr_arena *arena, const struct mr_column *from, struct mr_column *to)
{
    size_t words = (size_t)(from->length + 63) / 64;
    if (!from->validity)
        return true;
    to->validity = MR_ARENA_ARRAY(arena, uint64_t, words + 1);
    if (to->validity)
        memcpy(to->validity, from->validity, words * sizeof(uint64_t));
    return to->validity;
}

static bool copy_values(struct mr_arena *arena, const struct mr_column *from, struct mr_column *to)
{
    size_t width = mr_type_width(from->type), size = width * (size_t)from->length;
    if (width == 0)
        return true;
    to->values = mr_arena_allocate_zeroed(arena, size + MR_BUFFER_PADDING);
    if (!to->values)
        return false;
    if (size > 0)
        memcpy(to->values, from->values, size);
    if (!mr_type_is_bytes(from->type))
        return true;
    for (int64_t i = 0; i < from->length; i++) {
        struct mr_view *view = &to->views[i];
        if (mr_column_is_null(from, i)) {
            memset(view, 0, sizeof *view);
        } else if (view->size > MR_VIEW_INLINE) {
            view->data = mr_arena_copy_text(arena, view->data, view->size);
            if (!view->data)
                return false;
        }
    }
    return true;
}

static struct mr_column *copy_column(struct mr_arena *arena, const struct mr_column *from)
{
    struct mr_column *to = MR_ARENA_NEW(arena, struct mr_column);
    if (!to)
        return NULL;
    to->references = 1; /* the arena's, never given back */
    to->type = mr_type_copy(arena, from->type);
    to->length = to->capacity = from->length;
    if (!to->type || !copy_validity(arena, from, to) || !copy_values(arena, from, to))
        return NULL;
    if (from->offsets) {
        to->offsets = MR_ARENA_ARRAY(arena, int32_t, from->length + 1);
        if (!to->offsets)
            return NULL;
        memcpy(to->offsets, from->offsets, sizeof(int32_t) * (size_t)(from->length + 1));
    }
    to->child_count = from->child_count;
    to->children = MR_ARENA_ARRAY(arena, struct mr_column *, from->child_count + 1);
    for (int i = 0; to->children && i < from->child_count; i++) {
        to->children[i] = copy_column(arena, from->children[i]);
        if (!to->children[i])
            return NULL;
    }
    return to->children ? to : NULL;
}

/* A TIMESTAMP is shown on the session's clock, which names do not know any more. */
static int name_timestamp(struct mr_expression_builder *b, const struct mr_column *value, const char **out,
                          struct mr_error *error)
{
    bool shown = value->type->id == MR_TIMESTAMP && !mr_column_is_null(value, 0) && b->session;
    if (!shown)
        return MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    mr_text_append_str(&text, "TIMESTAMP '");
    mr_value_text(&text, value, 0, b->session->zone);
    mr_text_append_char(&text, '\'');
    *out = mr_arena_copy_text(b->arena, text.data, text.size);
    mr_text_release(&text);
    return *out ? MR_OK : mr_error_memory(error, 0);
}

static int literal_of(struct mr_expression_builder *b, const struct mr_column *value,
                      const struct mr_type *type, struct mr_expression **out, struct mr_error *error)
{
    struct mr_column *row = NULL, *copy = NULL;
    MR_TRY(mr_column_slice(value, 0, 1, &row, error));
    copy = copy_column(b->arena, row);
    mr_column_unref(row);
    if (!copy)
        return mr_error_memory(error, sizeof *copy);
    MR_TRY(new_node(b, MR_EXPR_LITERAL, type, out, error));
    MR_TRY(name_timestamp(b, value, &(*out)->name, error));
    copy->type = type;
    (*out)->literal = copy;
    (*out)->foldable = true;
    (*out)->nullable = type->id == MR_VOID || mr_column_is_null(copy, 0);
    return MR_OK;
}

int mr_expression_literal(struct mr_expression_builder *b, struct mr_column *value,
                          const struct mr_expression **out, struct mr_error *error)
{
    struct mr_expression *e = NULL;
    const struct mr_type *type = mr_type_copy(b->arena, value->type);
    if (!type)
        return mr_error_memory(error, sizeof *type);
    MR_TRY(literal_of(b, value, type, &e, error));
    *out = e;
    return MR_OK;
}

/* A one-row column that the caller fills and hands to finish_literal. */
static int start_literal(const struct mr_type *type, struct mr_column **out, struct mr_error *error)
{
    *out = mr_column_new(type, 1);
    if (!*out)
        return mr_error_memory(error, sizeof **out);
    (*out)->length = 1;
    return MR_OK;
}

static int finish_literal(struct mr_expression_builder *b, struct mr_column *value,
                          const struct mr_expression **out, struct mr_error *error)
{
    int status = mr_expression_literal(b, value, out, error);
    mr_column_unref(value);
    return status;
}

int mr_expression_null(struct mr_expression_builder *b, const struct mr_expression **out,
                       struct mr_error *error)
{
    struct mr_column *value = NULL;
    MR_TRY(start_literal(mr_type_of(MR_VOID), &value, error));
    int status = mr_column_set_null(value, 0, error);
    if (status < 0) {
        mr_column_unref(value);
        return status;
    }
    return finish_literal(b, value, out, error);
}

int mr_expression_bool(struct mr_expression_builder *b, bool value, const struct mr_expression **out,
                       struct mr_error *error)
{
    struct mr_column *column = NULL;
    MR_TRY(start_literal(mr_type_of(MR_BOOLEAN), &column, error));
    column->booleans[0] = value;
    return finish_literal(b, column, out, error);
}

int mr_expression_i64(struct mr_expression_builder *b, const struct mr_type *type, int64_t value,
                      const struct mr_expression **out, struct mr_error *error)
{
    struct mr_column *column = NULL;
    MR_TRY(start_literal(type, &column, error));
    switch (mr_type_width(type)) {
    case 1:
        column->i8[0] = (int8_t)value;
        break;
    case 2:
        column->i16[0] = (int16_t)value;
        break;
    case 4:
        column->i32[0] = (int32_t)value;
        break;
    case 8:
        column->i64[0] = value;
        break;
    default:
        column->i128[0] = value;
        break;
    }
    return finish_literal(b, column, out, error);
}

int mr_expression_string(struct mr_expression_builder *b, struct mr_str value,
                         const struct mr_expression **out, struct mr_error *error)
{
    struct mr_column *column = NULL;
    MR_TRY(start_literal(mr_type_of(MR_STRING), &column, error));
    int status = mr_column_set_bytes(column, 0, value.data, value.size, error);
    if (status < 0) {
        mr_column_unref(column);
        return status;
    }
    return finish_literal(b, column, out, error);
}

/* ---- calls ---- */
int mr_call_build(struct mr_expression_builder *b, const struct mr_function *function, const char *name,
                  const struct mr_expression **arguments, int count, const struct mr_type *type,
                  bool nullable, const void *bound, const struct mr_expression **out, struct mr_error *error)
{
    struct mr_expression *e = NULL;
    MR_TRY(new_node(b, MR_EXPR_CALL, type, &e, error));
    e->function = function;
    e->name = name;
    e->arguments = arguments;
    e->argument_count = count;
    e->nullable = nullable;
    e->bound = bound;
    e->deterministic = !(function->flags & MR_FN_NONDETERMINISTIC);
    e->foldable = !(function->flags & (MR_FN_BATCH_CONSTANT | MR_FN_GENERATOR));
    for (int i = 0; i < count; i++) {
        e->deterministic = e->deterministic && arguments[i]->deterministic;
        e->foldable = e->foldable && arguments[i]->foldable;
    }
    e->foldable = e->foldable && e->deterministic;
    *out = e;
    return MR_OK;
}

static int unresolved_routine(struct mr_expression_builder *b, struct mr_str name, struct mr_error *error)
{
    const char *catalog = b->session && b->session->catalog ? b->session->catalog : "spark_catalog";
    const char *database = b->session && b->session->database ? b->session->database : "default";
    mr_error_set(error, MR_E_SQL, "UNRESOLVED_ROUTINE", "There is no function `%.*s`.", (int)name.size,
                 name.data);
    mr_error_parameter(error, "routineName", "`%.*s`", (int)name.size, name.data);
    mr_error_parameter(error, "searchPath", "[`system`.`builtin`, `system`.`session`, `%s`.`%s`]", catalog,
                       database);
    return mr_builder_error_at(b, error);
}

static int check_count(struct mr_resolve *r, struct mr_error *error)
{
    char expected[64];
    int least = r->function->min_arguments, most = r->function->max_arguments;
    if (r->count >= least && (most < 0 || r->count <= most))
        return MR_OK;
    if (most < 0)
        snprintf(expected, sizeof expected, "> %d", least - 1);
    else if (least == most)
        snprintf(expected, sizeof expected, "%d", least);
    else if (most == least + 1)
        snprintf(expected, sizeof expected, "[%d, %d]", least, most);
    else
        snprintf(expected, sizeof expected, "[%d-%d]", least, most);
    return mr_resolve_wrong_count(r, expected, error);
}

/* The rewritten expression, shown as the call it stands for. */
static int finish_rewritten(struct mr_resolve *r, const struct mr_expression **original,
                            const struct mr_expression **out, struct mr_error *error)
{
    const struct mr_expression *shown = NULL;
    struct mr_expression *e = MR_ARENA_NEW(r->builder->arena, struct mr_expression);
    if (!e)
        return mr_error_memory(error, sizeof *e);
    if (r->rewritten->implicit) { /* bigint(x) is shown as x */
        *out = r->rewritten;
        return MR_OK;
    }
    const char *name = r->function->shown ? NULL : r->name;
    MR_TRY(mr_call_build(r->builder, r->function, name, original, r->count, r->rewritten->type,
                         r->rewritten->nullable, NULL, &shown, error));
    *e = *r->rewritten;
    e->shown = shown;
    *out = e;
    return MR_OK;
}

static int resolve_call(struct mr_resolve *r, const struct mr_expression *const *arguments,
                        const struct mr_expression **out, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const struct mr_function *function = r->function;
    const struct mr_expression **original = MR_ARENA_ARRAY(arena, const struct mr_expression *, r->count + 1);
    r->arguments = MR_ARENA_ARRAY(arena, const struct mr_expression *, r->count + 1);
    if (!original || !r->arguments)
        return mr_error_memory(error, sizeof *original * (size_t)r->count);
    for (int i = 0; i < r->count; i++) {
        original[i] = r->arguments[i] = arguments[i];
        r->nullable = r->nullable || arguments[i]->nullable;
    }
    MR_TRY(check_count(r, error));
    if (function->resolve)
        MR_TRY(function->resolve(r, error));
    else if (function->signature)
        MR_TRY(mr_resolve_signature(r, function->signature, error));
    if (r->rewritten)
        return finish_rewritten(r, original, out, error);
    if (!r->type)
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "%s: resolution left no type", r->name);
    if (function->flags & MR_FN_MAY_BE_NULL)
        r->nullable = true;
    if (function->flags & MR_FN_NEVER_NULL)
        r->nullable = false;
    return mr_call_build(r->builder, function, function->shown ? NULL : r->name, r->arguments, r->count,
                         r->type, r->nullable, r->bound, out, error);
}

int mr_expression_call(struct mr_expression_builder *b, struct mr_str name,
                       const struct mr_expression *const *arguments, int count,
                       const struct mr_expression **out, struct mr_error *error)
{
    const struct mr_function *function = mr_function_find(name);
    if (!function)
        return unresolved_routine(b, name, error);
    struct mr_resolve r = {.builder = b, .function = function, .name = function->name, .count = count};
    return resolve_call(&r, arguments, out, error);
}

/* ---- trees ---- */
static int substitute_node(struct mr_arena *arena, const struct mr_expression *e,
                           const struct mr_expression *const *replacements, struct mr_expression **out,
                           struct mr_error *error)
{
    struct mr_expression *copy = MR_ARENA_NEW(arena, struct mr_expression);
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(arena, const struct mr_expression *, e->argument_count + 1);
    if (!copy || !arguments)
        return mr_error_memory(error, sizeof *copy);
    *copy = *e;
    copy->arguments = arguments;
    if (e->kind == MR_EXPR_CALL) {
        copy->deterministic = !(e->function->flags & MR_FN_NONDETERMINISTIC);
        copy->foldable = !(e->function->flags & (MR_FN_BATCH_CONSTANT | MR_FN_GENERATOR));
    }
    for (int i = 0; i < e->argument_count; i++) {
        MR_TRY(mr_expression_substitute(arena, e->arguments[i], replacements, &arguments[i], error));
        copy->deterministic = copy->deterministic && arguments[i]->deterministic;
        copy->foldable = copy->foldable && arguments[i]->foldable;
    }
    if (e->kind == MR_EXPR_CALL)
        copy->foldable = copy->foldable && copy->deterministic;
    if (e->shown)
        MR_TRY(mr_expression_substitute(arena, e->shown, replacements, &copy->shown, error));
    *out = copy;
    return MR_OK;
}

int mr_expression_substitute(struct mr_arena *arena, const struct mr_expression *e,
                             const struct mr_expression *const *replacements,
                             const struct mr_expression **out, struct mr_error *error)
{
    struct mr_expression *copy = NULL;
    if (e->kind == MR_EXPR_COLUMN) {
        *out = replacements[e->column];
        return MR_OK;
    }
    if (e->kind == MR_EXPR_LITERAL || e->kind == MR_EXPR_VARIABLE) {
        *out = e;
        return MR_OK;
    }
    MR_TRY(substitute_node(arena, e, replacements, &copy, error));
    *out = copy;
    return MR_OK;
}

void mr_expression_columns_used(const struct mr_expression *e, bool *used)
{
    if (e->kind == MR_EXPR_COLUMN)
        used[e->column] = true;
    for (int i = 0; i < e->argument_count; i++)
        mr_expression_columns_used(e->arguments[i], used);
}

/* Equal in every bit that shows: 0.0 and -0.0 are one value to Spark's comparisons, but two literals. */
static bool same_literal(const struct mr_expression *a, const struct mr_expression *b)
{
    if (a->type->id == MR_VOID)
        return true;
    if (!mr_column_same(a->literal, 0, b->literal, 0))
        return false;
    if (mr_column_is_null(a->literal, 0))
        return true;
    if (a->type->id == MR_DOUBLE)
        return !__builtin_signbit(a->literal->f64[0]) == !__builtin_signbit(b->literal->f64[0]);
    return a->type->id != MR_FLOAT ||
           !__builtin_signbit(a->literal->f32[0]) == !__builtin_signbit(b->literal->f32[0]);
}

bool mr_expression_equal(const struct mr_expression *a, const struct mr_expression *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->argument_count != b->argument_count || !mr_type_equal(a->type, b->type))
        return false;
    switch (a->kind) {
    case MR_EXPR_COLUMN:
    case MR_EXPR_VARIABLE:
        return a->column == b->column;
    case MR_EXPR_LITERAL:
        return same_literal(a, b);
    case MR_EXPR_CALL:
        if (a->function != b->function)
            return false;
        break;
    case MR_EXPR_LAMBDA:
        break;
    }
    for (int i = 0; i < a->argument_count; i++)
        if (!mr_expression_equal(a->arguments[i], b->arguments[i]))
            return false;
    return true;
}

int mr_expression_fold(struct mr_expression_builder *b, const struct mr_expression *e,
                       const struct mr_expression **out, struct mr_error *error)
{
    *out = e;
    if (!e->foldable || e->kind != MR_EXPR_CALL)
        return MR_OK;
    struct mr_evaluator *evaluator = NULL;
    struct mr_column *value = NULL;
    struct mr_expression *literal = NULL;
    const struct mr_type empty = {.id = MR_STRUCT};
    struct mr_batch batch = {.schema = &empty, .length = 1};
    MR_TRY(mr_evaluator_open(&evaluator, &e, 1, b->session, error));
    int status = mr_evaluator_run(evaluator, &batch, NULL, &value, error);
    if (status >= 0)
        status = literal_of(b, value, e->type, &literal, error);
    if (status >= 0) {
        literal->shown = e->shown ? e->shown : e;
        literal->origin = e->origin;
        literal->sql_start = e->sql_start;
        literal->sql_stop = e->sql_stop;
        *out = literal;
    }
    mr_column_unref(value);
    mr_evaluator_close(evaluator);
    return status;
}
