/* expressions/functions_window.c: window, session_window, window_time as functions of a row. Grouping by them
 * is the planner's. */
#include "columns/value.h"
#include "expressions/coercion.h"
#include "expressions/datetime_kernels.h"
#include "expressions/kernel.h"
#include "expressions/registry.h"
#include "expressions/window.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

static const struct mr_type *window_type(struct mr_arena *arena, const struct mr_type *time)
{
    const struct mr_field fields[2] = {{.name = "start", .type = time, .nullable = true},
                                       {.name = "end", .type = time, .nullable = true}};
    return mr_type_struct(arena, fields, 2);
}

/* ---- window ---- */
KERNEL(window)
{
    const struct mr_window *window = call->expression->bound;
    const int64_t duration = window->duration_us, slide = window->slide_us, start = window->start_us;
    const int64_t *restrict time = arguments[0]->i64;
    int64_t *restrict starts = out->children[0]->i64, *restrict ends = out->children[1]->i64;
    (void)error;
    MR_ROWS(i, rows, out->length, {
        int64_t since = (int64_t)((uint64_t)time[i] - (uint64_t)start) % slide;
        int64_t first = (int64_t)((uint64_t)time[i] - (uint64_t)(since < 0 ? since + slide : since));
        starts[i] = first;
        ends[i] = (int64_t)((uint64_t)first + (uint64_t)duration);
    });
    return MR_OK;
}

static int bad_interval(struct mr_resolve *r, struct mr_str text, struct mr_error *error)
{
    mr_resolve_error(r, error, "CANNOT_PARSE_INTERVAL",
                     "'%.*s' is no interval; write for instance '10 seconds'.", (int)text.size, text.data);
    mr_error_parameter(error, "intervalString", "'%.*s'", (int)text.size, text.data);
    return error->code;
}

/* Constant argument i as microseconds: text, a number of microseconds, or a day-time interval. */
static int duration_argument(struct mr_resolve *r, int i, int64_t *out, struct mr_error *error)
{
    struct mr_str text;
    int64_t months = 0;
    bool is_null = false;
    const struct mr_type *type = r->arguments[i]->type;
    if (type->id == MR_BIGINT || type->id == MR_INT || type->id == MR_INTERVAL_DAY_TIME)
        return mr_resolve_constant_i64(r, i, out, &is_null, error);
    MR_TRY(mr_resolve_constant_string(r, i, &text, error));
    if (!text.data || !mr_duration_parse(text, &months, out))
        return bad_interval(r, text, error);
    if (months != 0) {
        mr_resolve_error(
            r, error, "INVALID_INTERVAL_FORMAT.INVALID_UNIT",
            "Windows are made of weeks, days, hours, minutes or seconds; a month has no fixed length.");
        mr_error_parameter(error, "input", "'%.*s'", (int)text.size, text.data);
        mr_error_parameter(error, "unit", "'month'");
        return error->code;
    }
    return MR_OK;
}

static int out_of_range(struct mr_resolve *r, const char *what, int64_t value, struct mr_error *error)
{
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "The %s of a window must be positive.",
                     what);
    mr_error_parameter(error, "exprName", "`%s`", what);
    mr_error_parameter(error, "valueRange", "(0, 9223372036854775807]");
    mr_error_parameter(error, "currentValue", "%lldL", (long long)value);
    return error->code;
}

static int violated(struct mr_resolve *r, const char *left, int64_t left_value, const char *constraint,
                    const char *right, int64_t right_value, struct mr_error *error)
{
    mr_resolve_error(r, error, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
                     "%s (%lld us) must be %s %s (%lld us).", left, (long long)left_value, constraint, right,
                     (long long)right_value);
    mr_error_parameter(error, "leftExprName", "`%s`", left);
    mr_error_parameter(error, "leftExprValue", "%lldL", (long long)left_value);
    mr_error_parameter(error, "constraint", "%s", constraint);
    mr_error_parameter(error, "rightExprName", "`%s`", right);
    mr_error_parameter(error, "rightExprValue", "%lldL", (long long)right_value);
    return error->code;
}

static int check_window(struct mr_resolve *r, const struct mr_window *w, struct mr_error *error)
{
    int64_t shift = w->start_us < 0 ? -w->start_us : w->start_us;
    if (w->duration_us <= 0)
        return out_of_range(r, "window_duration", w->duration_us, error);
    if (w->slide_us <= 0)
        return out_of_range(r, "slide_duration", w->slide_us, error);
    if (w->slide_us > w->duration_us)
        return violated(r, "slide_duration", w->slide_us, "<=", "window_duration", w->duration_us, error);
    if (shift >= w->slide_us)
        return violated(r, "abs(start_time)", shift, "<", "slide_duration", w->slide_us, error);
    return MR_OK;
}

/* TIMESTAMP_NTZ stays; what else can be one becomes a TIMESTAMP. */
static int time_argument(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id == MR_TIMESTAMP_NTZ)
        return MR_OK;
    if (mr_resolve_castable(type, mr_type_of(MR_TIMESTAMP)))
        return mr_resolve_force(r, 0, mr_type_of(MR_TIMESTAMP), error);
    return mr_resolve_unexpected_type(
        r, 0,
        "(\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\" or \"STRUCT<start: TIMESTAMP, "
        "end: TIMESTAMP>\" or \"STRUCT<start: TIMESTAMP_NTZ, end: TIMESTAMP_NTZ>\")",
        error);
}

/* The durations become literals, as Spark shows them. */
static int show_durations(struct mr_resolve *r, const struct mr_window *w, struct mr_error *error)
{
    const struct mr_expression **arguments =
        MR_ARENA_ARRAY(r->builder->arena, const struct mr_expression *, 4);
    const int64_t values[] = {w->duration_us, w->slide_us, w->start_us};
    if (!arguments)
        return mr_error_memory(error, sizeof *arguments);
    arguments[0] = r->arguments[0];
    for (int i = 0; i < 3; i++)
        MR_TRY(mr_expression_i64(r->builder, mr_type_of(MR_BIGINT), values[i], &arguments[i + 1], error));
    r->arguments = arguments;
    r->count = 4;
    return MR_OK;
}

/* A window of a window's result is one of its event time, its end less a microsecond. */
static int through_window(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    bool nested = type->id == MR_STRUCT && type->field_count == 2 &&
                  strcmp(type->fields[0].name, "start") == 0 && strcmp(type->fields[1].name, "end") == 0;
    if (!nested)
        return MR_OK;
    return mr_expression_call(r->builder, MR_STR("window_time"), &r->arguments[0], 1, &r->arguments[0],
                              error);
}

static int resolve_window(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_window *w = MR_ARENA_NEW(r->builder->arena, struct mr_window);
    if (!w)
        return mr_error_memory(error, sizeof *w);
    MR_TRY(duration_argument(r, 1, &w->duration_us, error));
    w->slide_us = w->duration_us;
    if (r->count > 2)
        MR_TRY(duration_argument(r, 2, &w->slide_us, error));
    if (r->count > 3)
        MR_TRY(duration_argument(r, 3, &w->start_us, error));
    MR_TRY(show_durations(r, w, error));
    MR_TRY(through_window(r, error));
    MR_TRY(time_argument(r, error));
    MR_TRY(check_window(r, w, error));
    w->kernel.kernel = window;
    w->kernel.flags = MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE;
    r->bound = w;
    r->type = window_type(r->builder->arena, r->arguments[0]->type);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

const struct mr_window *mr_window_of(const struct mr_expression *e)
{
    bool is = e->kind == MR_EXPR_CALL && strcmp(e->function->name, "window") == 0;
    return is ? e->bound : NULL;
}

/* ---- session_window ---- */
KERNEL(session_window)
{
    (void)call;
    MR_ROWS(i, rows, out->length, {
        int64_t time = arguments[0]->i64[i];
        out->children[0]->i64[i] = time;
        if (__builtin_add_overflow(time, arguments[1]->i64[i], &out->children[1]->i64[i]))
            return mr_row_overflow(error, "overflow", NULL);
    });
    return MR_OK;
}

/* The gap is text, row by row; what is no interval gives no session. */
KERNEL(session_window_of_text)
{
    const struct mr_zone *zone = arguments[0]->type->id == MR_TIMESTAMP ? call->session->zone : mr_zone_utc();
    struct mr_view last = {0};
    int64_t months = 0, gap = 0, end;
    bool known = false;
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t time = arguments[0]->i64[i];
        const struct mr_view *text = &arguments[1]->views[i];
        if (mr_column_is_null(out, i))
            continue;
        if (last.size == 0 || !mr_view_equal(&last, text))
            known = mr_duration_parse(mr_view_str(text), &months, &gap);
        last = *text;
        out->children[0]->i64[i] = time;
        out->children[1]->i64[i] = time;
        if (!known) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        if (months != 0)
            time = mr_zone_to_utc(zone, mr_local_add_months(mr_zone_to_local(zone, time), months));
        if (__builtin_add_overflow(time, gap, &end))
            return mr_row_overflow(error, "overflow", NULL);
        out->children[1]->i64[i] = end;
    }
    return MR_OK;
}

static int gap_type(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_text type;
    mr_text_init(&type);
    mr_type_text(&type, r->arguments[1]->type);
    mr_resolve_error(r, error, "_LEGACY_ERROR_TEMP_1040",
                     "The gap of a session window is text that names an interval, as '10 seconds'; %s is not "
                     "taken, here as in Spark.",
                     type.data);
    mr_text_release(&type);
    return error->code;
}

/* A constant gap without months becomes an interval, so that it need not be read row by row. */
static int constant_gap(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str text;
    int64_t months = 0, gap_us = 0;
    if (r->arguments[1]->kind != MR_EXPR_LITERAL)
        return MR_OK;
    MR_TRY(mr_resolve_constant_string(r, 1, &text, error));
    if (!text.data || !mr_duration_parse(text, &months, &gap_us) || months != 0)
        return MR_OK;
    return mr_expression_i64(r->builder, mr_type_of(MR_INTERVAL_DAY_TIME), gap_us, &r->arguments[1], error);
}

static int resolve_session_window(struct mr_resolve *r, struct mr_error *error)
{
    static const struct mr_bound_kernel of_interval = {.kernel = session_window, .flags = MR_FN_NULL_IF_ANY};
    static const struct mr_bound_kernel of_text = {.kernel = session_window_of_text,
                                                   .flags = MR_FN_NULL_IF_ANY};
    const struct mr_type *type = r->arguments[1]->type;
    if (type->id == MR_VOID)
        MR_TRY(mr_resolve_force(r, 1, mr_type_of(MR_STRING), error));
    else if (type->id != MR_STRING)
        return gap_type(r, error);
    MR_TRY(constant_gap(r, error));
    MR_TRY(time_argument(r, error));
    bool text = r->arguments[1]->type->id == MR_STRING;
    r->bound = text ? &of_text : &of_interval;
    r->nullable = r->nullable || text;
    r->type = window_type(r->builder->arena, r->arguments[0]->type);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

bool mr_session_window_gap(const struct mr_expression *e, int64_t *gap_us)
{
    if (e->kind != MR_EXPR_CALL || strcmp(e->function->name, "session_window") != 0 ||
        e->arguments[1]->kind != MR_EXPR_LITERAL || e->arguments[1]->type->id == MR_STRING)
        return false;
    *gap_us = e->arguments[1]->literal->i64[0];
    return true;
}

/* ---- window_time ---- */
KERNEL(window_time)
{
    const struct mr_column *ends = arguments[0]->children[1];
    (void)call;
    MR_FOR_ROWS (i, rows, out->length) {
        out->i64[i] = (int64_t)((uint64_t)ends->i64[i] - 1);
        if (mr_column_is_null(ends, i))
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

static int resolve_window_time(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    bool window = type->id == MR_STRUCT && type->field_count == 2 &&
                  strcmp(type->fields[1].name, "end") == 0 &&
                  (type->fields[1].type->id == MR_TIMESTAMP || type->fields[1].type->id == MR_TIMESTAMP_NTZ);
    if (!window)
        return mr_resolve_unexpected_type(r, 0, "\"STRUCT<start: TIMESTAMP, end: TIMESTAMP>\"", error);
    r->nullable = r->nullable || type->fields[1].nullable;
    return mr_resolve_fixed(r, type->fields[1].type);
}

const struct mr_function mr_functions_window[] = {
    {"window", 2, 4, 0, .resolve = resolve_window},
    {"session_window", 2, 2, 0, .resolve = resolve_session_window},
    {"window_time", 1, 1, MR_FN_NULL_IF_ANY, .resolve = resolve_window_time, .kernel = window_time},
    {0},
};
