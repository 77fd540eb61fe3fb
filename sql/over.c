/* sql/over.c: window functions. Each becomes a WINDOW over the plan of its SELECT, behind its groups where it
 * has any; what it is computed from becomes columns below it. */
#include "sql/over.h"

#include <stdio.h>

#include "expressions/function.h"
#include "expressions/resolve.h"
#include "operators/window.h"

#define MAX_PARTS 64

struct mr_window_call { /* resolved; expressions over the input, or over groups and aggregates */
    const struct mr_sql_expression *ast;
    const struct mr_sql_window *spec;
    enum mr_window_kind kind;
    const struct mr_aggregate *aggregate;
    const struct mr_type *type;
    bool nullable, ignore_nulls, rows;
    int64_t offset;
    struct mr_frame_end from, to;
    const struct mr_expression *parts[MAX_PARTS]; /* partition, order, arguments, filter, bounds */
    int partition_count, order_count, argument_count;
    bool has_filter, has_bound[2];
    int part_count;
    const char *shown;
};

/* ---- which functions ---- */
static const struct {
    const char *name;
    enum mr_window_kind kind;
    bool framed; /* by itself: rank and kin see rows up to theirs, whatever the frame */
} functions[] = {
    {"row_number", MR_WINDOW_ROW_NUMBER, true},
    {"rank", MR_WINDOW_RANK, true},
    {"dense_rank", MR_WINDOW_DENSE_RANK, true},
    {"percent_rank", MR_WINDOW_PERCENT_RANK, true},
    {"cume_dist", MR_WINDOW_CUME_DIST, true},
    {"ntile", MR_WINDOW_NTILE, true},
    {"lag", MR_WINDOW_LAG, true},
    {"lead", MR_WINDOW_LAG, true},
    {"nth_value", MR_WINDOW_NTH_VALUE, false},
};

static int find_function(struct mr_str name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (mr_str_equal_nocase(name, mr_str_of(functions[i].name)))
            return (int)i;
    return -1;
}

static struct mr_str name_of(const struct mr_sql_expression *ast)
{
    return ast->name->parts[ast->name->count - 1];
}

/* ---- parts ---- */
static int add_part(struct mr_analysis *a, struct mr_window_call *c, const struct mr_expression *e)
{
    if (c->part_count == MAX_PARTS)
        return mr_sql_unsupported(a, c->ast->start, c->ast->stop,
                                  "A window function takes %d expressions at most.", MAX_PARTS);
    c->parts[c->part_count++] = e;
    return MR_OK;
}

static int find_spec(struct mr_resolution *r, struct mr_window_call *c)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_window *w = c->ast->over;
    c->spec = w;
    if (w->reference.size == 0)
        return MR_OK;
    if (w->partition_count > 0 || w->order_count > 0 || w->has_frame)
        return mr_sql_error(a, c->ast->start, c->ast->stop, "PARSE_SYNTAX_ERROR",
                            "OVER takes the name of a window or its definition, not both.");
    for (int i = 0; i < r->window_count; i++)
        if (mr_sql_same_name(a, r->windows[i].name, w->reference)) {
            c->spec = &r->windows[i];
            return MR_OK;
        }
    mr_error_set(a->error, MR_E_SQL, "MISSING_WINDOW_SPECIFICATION",
                 "There is no WINDOW %.*s AS (…) in the query.", (int)w->reference.size, w->reference.data);
    mr_error_parameter(a->error, "windowName", "%.*s", (int)w->reference.size, w->reference.data);
    return mr_sql_error_at(a, c->ast->start, c->ast->stop);
}

static int resolve_spec(struct mr_resolution *r, struct mr_window_call *c)
{
    const struct mr_expression *e = NULL;
    for (int i = 0; i < c->spec->partition_count; i++) {
        MR_TRY(mr_sql_resolve(r, c->spec->partition[i], &e));
        MR_TRY(add_part(r->analysis, c, e));
    }
    for (int i = 0; i < c->spec->order_count; i++) {
        MR_TRY(mr_sql_resolve(r, c->spec->order[i].expression, &e));
        if (!mr_type_is_orderable(e->type))
            return mr_sql_error(r->analysis, c->ast->start, c->ast->stop,
                                "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "A MAP has no order.");
        MR_TRY(add_part(r->analysis, c, e));
    }
    c->partition_count = c->spec->partition_count;
    c->order_count = c->spec->order_count;
    return MR_OK;
}

/* A constant whole number. */
static int whole_number(struct mr_resolution *r, const struct mr_sql_expression *ast, int64_t *out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *e = NULL;
    MR_TRY(mr_sql_resolve(r, ast, &e));
    if (!mr_type_is_integral(e->type) || !e->foldable)
        return mr_sql_error(a, ast->start, ast->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
                            "A constant whole number must stand here.");
    mr_sql_builder(a, ast, &b);
    MR_TRY(mr_expression_cast(&b, e, mr_type_of(MR_BIGINT), false, &e, a->error));
    MR_TRY(mr_expression_fold(&b, e, &e, a->error));
    if (e->kind != MR_EXPR_LITERAL || mr_column_is_null(e->literal, 0))
        return mr_sql_error(a, ast->start, ast->stop, "DATATYPE_MISMATCH.UNEXPECTED_NULL",
                            "A number must stand here, not NULL.");
    *out = e->literal->i64[0];
    return MR_OK;
}

/* ---- the frame ---- */
/* RANGE with an offset: the order key's value at the end of the frame. */
static int range_end(struct mr_resolution *r, struct mr_window_call *c, const struct mr_sql_bound *bound,
                     int side, const struct mr_expression **value)
{
    struct mr_analysis *a = r->analysis;
    struct mr_expression_builder b;
    const struct mr_expression *sides[2] = {c->parts[c->partition_count], NULL};
    bool back = (bound->kind == MR_SQL_PRECEDING) != c->spec->order[0].descending;
    if (c->order_count != 1)
        return mr_sql_error(a, c->ast->start, c->ast->stop,
                            c->order_count == 0 ? "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER"
                                                : "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER",
                            "A RANGE with an offset goes with exactly one ORDER BY expression.");
    mr_sql_builder(a, bound->offset, &b);
    MR_TRY(mr_sql_resolve(r, bound->offset, &sides[1]));
    MR_TRY(mr_expression_call(&b, back ? MR_STR("-") : MR_STR("+"), sides, 2, value, a->error));
    MR_TRY(mr_expression_cast(&b, *value, sides[0]->type, false, value, a->error));
    c->has_bound[side] = true;
    return MR_OK;
}

static int frame_end(struct mr_resolution *r, struct mr_window_call *c, const struct mr_sql_bound *bound,
                     int side, struct mr_frame_end *out, const struct mr_expression **value)
{
    out->column = -1;
    *value = NULL;
    switch (bound->kind) {
    case MR_SQL_UNBOUNDED_PRECEDING:
        out->bound = MR_FRAME_UNBOUNDED_PRECEDING;
        return MR_OK;
    case MR_SQL_UNBOUNDED_FOLLOWING:
        out->bound = MR_FRAME_UNBOUNDED_FOLLOWING;
        return MR_OK;
    case MR_SQL_CURRENT_ROW:
        out->bound = MR_FRAME_CURRENT;
        return MR_OK;
    default:
        break;
    }
    out->bound = MR_FRAME_OFFSET;
    if (!c->rows)
        return range_end(r, c, bound, side, value);
    MR_TRY(whole_number(r, bound->offset, &out->offset));
    if (bound->kind == MR_SQL_PRECEDING)
        out->offset = -out->offset;
    return MR_OK;
}

static int check_frame(struct mr_resolution *r, const struct mr_window_call *c)
{
    int64_t from = c->from.bound == MR_FRAME_OFFSET ? c->from.offset : 0;
    int64_t to = c->to.bound == MR_FRAME_OFFSET ? c->to.offset : 0;
    bool apart = c->from.bound == MR_FRAME_UNBOUNDED_FOLLOWING || c->to.bound == MR_FRAME_UNBOUNDED_PRECEDING;
    bool open = c->from.bound == MR_FRAME_UNBOUNDED_PRECEDING || c->to.bound == MR_FRAME_UNBOUNDED_FOLLOWING;
    if (!apart && (open || !c->rows || from <= to))
        return MR_OK;
    mr_error_set(r->analysis->error, MR_E_SQL, "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
                 "The frame begins behind its end.");
    mr_error_parameter(r->analysis->error, "comparison", "less than or equal");
    return mr_sql_error_at(r->analysis, c->ast->start, c->ast->stop);
}

static int resolve_frame(struct mr_resolution *r, struct mr_window_call *c, bool framed)
{
    const struct mr_sql_bound first = {MR_SQL_UNBOUNDED_PRECEDING, NULL}, row = {MR_SQL_CURRENT_ROW, NULL},
                              last = {MR_SQL_UNBOUNDED_FOLLOWING, NULL};
    const struct mr_sql_window *spec = c->spec;
    const struct mr_expression *values[2];
    bool wanted = spec->has_frame && !framed;
    c->rows = wanted ? spec->rows : framed || c->order_count == 0;
    const struct mr_sql_bound *from = wanted ? &spec->from : &first;
    const struct mr_sql_bound *to = wanted ? &spec->to : framed || c->order_count > 0 ? &row : &last;
    MR_TRY(frame_end(r, c, from, 0, &c->from, &values[0]));
    MR_TRY(frame_end(r, c, to, 1, &c->to, &values[1]));
    for (int i = 0; i < 2; i++)
        if (values[i])
            MR_TRY(add_part(r->analysis, c, values[i]));
    if (framed && spec->has_frame) {
        bool same = spec->rows && spec->from.kind == MR_SQL_UNBOUNDED_PRECEDING &&
                    spec->to.kind == MR_SQL_CURRENT_ROW;
        if (!same)
            return mr_sql_error(r->analysis, c->ast->start, c->ast->stop, "_LEGACY_ERROR_TEMP_1036",
                                "%.*s looks at the rows up to its own; it takes no other frame.",
                                (int)name_of(c->ast).size, name_of(c->ast).data);
    }
    return check_frame(r, c);
}

/* ---- the function ---- */
static int wrong_count(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    return mr_sql_error(r->analysis, ast->start, ast->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                        "%.*s does not take %d arguments.", (int)name_of(ast).size, name_of(ast).data,
                        ast->argument_count);
}

static int not_ordered(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    int paren = (int)(ast->stop - ast->start);
    for (int i = 0; i < paren; i++)
        if (a->origin->text[ast->start + (uint32_t)i] == ')') {
            paren = i + 1;
            break;
        }
    mr_error_set(a->error, MR_E_SQL, "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
                 "%.*s counts in an order: write OVER (ORDER BY …).", (int)name_of(ast).size,
                 name_of(ast).data);
    mr_error_parameter(a->error, "wf_name", "%.*s", (int)name_of(ast).size, name_of(ast).data);
    mr_error_parameter(a->error, "wf_expr", "%.*s", paren, a->origin->text + ast->start);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* lag(value, n, otherwise), lead, nth_value(value, n). */
static int resolve_offset(struct mr_resolution *r, struct mr_window_call *c)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_expression *ast = c->ast;
    bool lag = c->kind == MR_WINDOW_LAG, lead = mr_str_equal_nocase(name_of(ast), MR_STR("lead"));
    const struct mr_expression *value = NULL, *other = NULL;
    struct mr_expression_builder b;
    mr_sql_builder(a, ast, &b);
    if (ast->argument_count < (lag ? 1 : 2) || ast->argument_count > (lag ? 3 : 2))
        return wrong_count(r, ast);
    MR_TRY(mr_sql_resolve(r, ast->arguments[0], &value));
    c->offset = 1;
    if (ast->argument_count > 1)
        MR_TRY(whole_number(r, ast->arguments[1], &c->offset));
    if (!lag && c->offset <= 0)
        return mr_sql_error(a, ast->start, ast->stop, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                            "nth_value counts from 1.");
    c->type = value->type;
    c->nullable = true;
    c->argument_count = lag ? 2 : 1;
    if (!lag)
        return add_part(a, c, value);
    if (ast->argument_count == 3)
        MR_TRY(mr_sql_resolve(r, ast->arguments[2], &other));
    else
        MR_TRY(mr_expression_null(&b, &other, a->error));
    c->type = mr_type_common(a->arena, value->type, other->type);
    if (!c->type)
        return mr_sql_error(a, ast->start, ast->stop, "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
                            "The value and what stands where there is no row are of different types.");
    c->offset = lead ? -c->offset : c->offset;
    MR_TRY(mr_expression_cast(&b, value, c->type, false, &value, a->error));
    MR_TRY(mr_expression_cast(&b, other, c->type, false, &other, a->error));
    MR_TRY(add_part(a, c, value));
    return add_part(a, c, other);
}

static int resolve_aggregate(struct mr_resolution *r, struct mr_window_call *c)
{
    struct mr_analysis *a = r->analysis;
    const struct mr_sql_expression *ast = c->ast;
    struct mr_expression_builder b;
    const struct mr_expression *arguments[9], *filter = NULL;
    int count = 0;
    mr_sql_builder(a, ast, &b);
    if (ast->distinct) {
        mr_error_set(a->error, MR_E_SQL, "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED",
                     "DISTINCT is not possible in a window function.");
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    if (ast->argument_count > 7)
        return wrong_count(r, ast);
    bool star =
        ast->argument_count == 1 && ast->arguments[0]->kind == MR_SQL_STAR && !ast->arguments[0]->name;
    if (star && mr_str_equal_nocase(name_of(ast), MR_STR("count")))
        MR_TRY(mr_expression_i64(&b, mr_type_of(MR_INT), 1, &arguments[count++], a->error));
    else
        for (; count < ast->argument_count; count++)
            MR_TRY(mr_sql_resolve(r, ast->arguments[count], &arguments[count]));
    if (ast->ignore_nulls)
        MR_TRY(mr_expression_bool(&b, true, &arguments[count++], a->error));
    if (ast->filter)
        MR_TRY(mr_sql_resolve_condition(r, ast->filter, &filter));
    MR_TRY(mr_aggregate_call(&b, name_of(ast), arguments, count, false, filter, &c->aggregate, a->error));
    c->type = c->aggregate->result;
    c->nullable = true;
    c->argument_count = c->aggregate->argument_count;
    for (int i = 0; i < c->argument_count; i++)
        MR_TRY(add_part(a, c, c->aggregate->arguments[i]));
    c->has_filter = filter != NULL;
    return filter ? add_part(a, c, filter) : MR_OK;
}

static int resolve_function(struct mr_resolution *r, struct mr_window_call *c, bool *framed)
{
    struct mr_analysis *a = r->analysis;
    int index = find_function(name_of(c->ast));
    *framed = index >= 0 && functions[index].framed;
    c->ignore_nulls = c->ast->ignore_nulls;
    if (index < 0 && !mr_aggregate_find(name_of(c->ast)))
        return mr_sql_error(a, c->ast->start, c->ast->stop, "UNSUPPORTED_EXPR_FOR_WINDOW",
                            "%.*s is no window function and no aggregate function.",
                            (int)name_of(c->ast).size, name_of(c->ast).data);
    if (index < 0) {
        c->kind = MR_WINDOW_AGGREGATE;
        return resolve_aggregate(r, c);
    }
    c->kind = functions[index].kind;
    if (*framed && c->order_count == 0)
        return not_ordered(r, c->ast);
    if (c->kind == MR_WINDOW_LAG || c->kind == MR_WINDOW_NTH_VALUE)
        return resolve_offset(r, c);
    bool real = c->kind == MR_WINDOW_PERCENT_RANK || c->kind == MR_WINDOW_CUME_DIST;
    c->type = mr_type_of(real ? MR_DOUBLE : MR_INT);
    c->offset = 1;
    bool any = c->kind == MR_WINDOW_RANK || c->kind == MR_WINDOW_DENSE_RANK ||
               c->kind == MR_WINDOW_PERCENT_RANK; /* take arguments, which do not count */
    if (!any && c->ast->argument_count > (c->kind == MR_WINDOW_NTILE))
        return wrong_count(r, c->ast);
    if (!any && c->ast->argument_count == 1)
        MR_TRY(whole_number(r, c->ast->arguments[0], &c->offset));
    if (c->offset <= 0)
        return mr_sql_error(a, c->ast->start, c->ast->stop, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                            "ntile takes a number of tiles above 0.");
    return MR_OK;
}

/* ---- the name ---- */
static void show_end(struct mr_text *out, const struct mr_frame_end *end, const struct mr_sql_bound *bound,
                     const struct mr_analysis *a)
{
    if (end->bound == MR_FRAME_UNBOUNDED_PRECEDING)
        mr_text_append_str(out, "UNBOUNDED PRECEDING");
    else if (end->bound == MR_FRAME_UNBOUNDED_FOLLOWING)
        mr_text_append_str(out, "UNBOUNDED FOLLOWING");
    else if (end->bound == MR_FRAME_CURRENT)
        mr_text_append_str(out, "CURRENT ROW");
    else
        mr_text_format(out, "%.*s %s", (int)(bound->offset->stop - bound->offset->start),
                       a->origin->text + bound->offset->start,
                       bound->kind == MR_SQL_PRECEDING ? "PRECEDING" : "FOLLOWING");
}

static int show(struct mr_resolution *r, struct mr_window_call *c)
{
    struct mr_analysis *a = r->analysis;
    struct mr_text text;
    mr_text_init(&text);
    if (c->aggregate) {
        mr_aggregate_name(&text, c->aggregate, NULL);
    } else {
        mr_text_format(&text, "%.*s(", (int)name_of(c->ast).size, name_of(c->ast).data);
        for (int i = 0; i < c->ast->argument_count; i++)
            mr_text_format(&text, "%s%.*s", i > 0 ? ", " : "",
                           (int)(c->ast->arguments[i]->stop - c->ast->arguments[i]->start),
                           a->origin->text + c->ast->arguments[i]->start);
        mr_text_append_char(&text, ')');
    }
    mr_text_append_str(&text, " OVER (");
    for (int i = 0; i < c->partition_count; i++)
        mr_text_format(&text, "%s%s", i > 0 ? ", " : "PARTITION BY ", mr_sql_shown_name(a, c->parts[i]));
    for (int i = 0; i < c->order_count; i++)
        mr_text_format(&text, "%s%s %s NULLS %s",
                       i > 0                    ? ", "
                       : c->partition_count > 0 ? " ORDER BY "
                                                : "ORDER BY ",
                       mr_sql_shown_name(a, c->parts[c->partition_count + i]),
                       c->spec->order[i].descending ? "DESC" : "ASC",
                       c->spec->order[i].nulls_first ? "FIRST" : "LAST");
    mr_text_format(&text, "%s%s BETWEEN ", c->partition_count + c->order_count > 0 ? " " : "",
                   c->rows ? "ROWS" : "RANGE");
    show_end(&text, &c->from, &c->spec->from, a);
    mr_text_append_str(&text, " AND ");
    show_end(&text, &c->to, &c->spec->to, a);
    mr_text_append_char(&text, ')');
    c->shown = text.failed ? NULL : mr_arena_copy_text(a->arena, text.data, text.size);
    mr_text_release(&text);
    return c->shown ? MR_OK : mr_error_memory(a->error, 256);
}

/* ---- the plan ---- */
/* Column numbers of the parts, appended to the plan where they are no columns of it. */
static int columns_of(struct mr_analysis *a, const struct mr_window_call *c, struct mr_plan **plan,
                      int *columns)
{
    for (int i = 0; i < c->part_count; i++) {
        const struct mr_expression *e = c->parts[i];
        columns[i] = e->kind == MR_EXPR_COLUMN ? e->column : (*plan)->schema->field_count;
        if (e->kind != MR_EXPR_COLUMN)
            MR_TRY(mr_plan_append(a, *plan, e, "part", -1, plan));
    }
    return MR_OK;
}

static int make_config(struct mr_analysis *a, const struct mr_window_call *c, int *columns,
                       struct mr_window_config **out)
{
    struct mr_window_config *config = MR_ARENA_NEW(a->arena, struct mr_window_config);
    struct mr_window_order *order = MR_ARENA_ARRAY(a->arena, struct mr_window_order, c->order_count + 1);
    if (!config || !order)
        return mr_error_memory(a->error, sizeof *config);
    int next = c->partition_count;
    for (int i = 0; i < c->order_count; i++)
        order[i] = (struct mr_window_order){columns[next++], c->spec->order[i].descending,
                                            c->spec->order[i].nulls_first};
    *config = (struct mr_window_config){.partition = columns,
                                        .partition_count = c->partition_count,
                                        .order = order,
                                        .order_count = c->order_count,
                                        .kind = c->kind,
                                        .aggregate = c->aggregate,
                                        .arguments = columns + next,
                                        .argument_count = c->argument_count,
                                        .filter = -1,
                                        .offset = c->offset,
                                        .ignore_nulls = c->ignore_nulls,
                                        .rows = c->rows,
                                        .from = c->from,
                                        .to = c->to};
    next += c->argument_count;
    if (c->has_filter)
        config->filter = columns[next++];
    if (c->has_bound[0])
        config->from.column = columns[next++];
    if (c->has_bound[1])
        config->to.column = columns[next++];
    *out = config;
    return MR_OK;
}

static int place(struct mr_analysis *a, const struct mr_window_call *c, struct mr_plan **plan)
{
    int *columns = MR_ARENA_ARRAY(a->arena, int, c->part_count + 1);
    int groups = (*plan)->group_count;
    struct mr_window_config *config = NULL;
    if (!columns)
        return mr_error_memory(a->error, sizeof *columns);
    MR_TRY(columns_of(a, c, plan, columns));
    MR_TRY(make_config(a, c, columns, &config));
    int before = (*plan)->schema->field_count;
    struct mr_plan *window = mr_plan_new(a, MR_PLAN_WINDOW, *plan, c->ast->start, c->ast->stop);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, before + 2);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, before + 2);
    if (!window || !fields || !delays)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < before; i++) {
        fields[i] = (*plan)->schema->fields[i];
        delays[i] = (*plan)->delays[i];
    }
    fields[before] = (struct mr_field){.name = c->shown, .type = c->type, .nullable = c->nullable};
    delays[before] = -1;
    window->schema = mr_type_struct(a->arena, fields, before + 1);
    window->delays = delays;
    window->window = config;
    window->group_count = groups; /* its columns still begin with the groups */
    *plan = window;
    return window->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

/* ---- the ways in ---- */
static int misplaced(struct mr_resolution *r, const struct mr_sql_expression *ast)
{
    struct mr_analysis *a = r->analysis;
    const char *clause = r->place == MR_PLACE_WHERE ? "WHERE" : r->place == MR_PLACE_HAVING ? "HAVING" : NULL;
    if (!clause)
        return mr_sql_error(a, ast->start, ast->stop, "UNSUPPORTED_EXPR_FOR_OPERATOR",
                            "Window functions stand in the select list and in QUALIFY; compute this one in a "
                            "subquery first.");
    mr_error_set(a->error, MR_E_SQL, "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE",
                 "Window functions do not stand in %s; QUALIFY filters by them.", clause);
    mr_error_parameter(a->error, "clauseName", "%s", clause);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

int mr_sql_resolve_over(struct mr_resolution *r, const struct mr_sql_expression *ast,
                        const struct mr_expression **out)
{
    struct mr_analysis *a = r->analysis;
    struct mr_window_call *c = MR_ARENA_NEW(a->arena, struct mr_window_call);
    bool framed;
    if (!c)
        return mr_error_memory(a->error, sizeof *c);
    if ((r->place != MR_PLACE_SELECT && r->place != MR_PLACE_QUALIFY) || r->lambda)
        return misplaced(r, ast);
    c->ast = ast;
    MR_TRY(find_spec(r, c));
    MR_TRY(resolve_spec(r, c));
    MR_TRY(resolve_function(r, c, &framed));
    MR_TRY(resolve_frame(r, c, framed));
    MR_TRY(show(r, c));
    if (!r->aggregates_allowed) {
        MR_TRY(place(a, c, &r->input->plan));
        return mr_sql_plan_column(a, r->input->plan, r->input->plan->schema->field_count - 1, c->shown, ast,
                                  out);
    }
    if (r->over_count == MR_MAX_CORRELATIONS)
        return mr_sql_unsupported(a, ast->start, ast->stop, "There are more than %d window functions.",
                                  MR_MAX_CORRELATIONS);
    r->over[r->over_count] = c;
    return mr_sql_column(a, c->type, c->nullable, MR_LATE_BASE + MR_MAX_CORRELATIONS + r->over_count++,
                         c->shown, ast, out);
}

int mr_sql_place_over(struct mr_resolution *r, const struct mr_grouping_plan *groups, bool has_group_by,
                      struct mr_plan **plan)
{
    for (int i = 0; i < r->over_count; i++) {
        struct mr_window_call *c = r->over[i];
        for (int k = 0; k < c->part_count; k++)
            MR_TRY(mr_sql_regroup(r, groups, *plan, has_group_by, &c->parts[k]));
        MR_TRY(place(r->analysis, c, plan));
        r->late_columns[MR_MAX_CORRELATIONS + i] = (*plan)->schema->field_count - 1;
    }
    return MR_OK;
}
