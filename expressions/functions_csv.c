/* expressions/functions_csv.c: from_csv, to_csv, schema_of_csv: one record of CSV. (Files are read by
 * formats/csv.) */
#include "expressions/csv.h"
#include "expressions/function_tools.h"
#include "expressions/registry.h"

struct csv_bound {
    struct mr_csv_options reading;
    struct mr_csv_format writing; /* to_csv */
    bool own_zone;
    int corrupt_field; /* -1: none */
};
struct csv_state {
    struct mr_csv_options reading; /* with the zone */
    struct mr_csv_record record;
    struct mr_text text, piece;
    const struct mr_zone *zone;
};

static int open_csv(struct mr_call *call, struct mr_error *error)
{
    const struct csv_bound *bound = call->expression->bound;
    struct csv_state *state = mr_allocate_zeroed(sizeof *state);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    mr_text_init(&state->record.scratch);
    mr_text_init(&state->text);
    mr_text_init(&state->piece);
    state->reading = bound->reading;
    state->zone = call->session->zone;
    if (bound->own_zone) /* one of the two is what was bound */
        state->zone =
            bound->reading.record.zone ? bound->reading.record.zone : bound->writing.times.record.zone;
    state->reading.record.zone = state->zone;
    call->state = state;
    return MR_OK;
}

static void close_csv(struct mr_call *call)
{
    struct csv_state *state = call->state;
    if (!state)
        return;
    mr_csv_record_release(&state->record);
    mr_text_release(&state->text);
    mr_text_release(&state->piece);
    mr_free(state);
}

/* ---- options ---- */
static int bind_options(struct mr_resolve *r, int i, bool writing, struct csv_bound **out,
                        struct mr_error *error)
{
    const struct mr_column *map = NULL;
    const struct mr_option *options = NULL;
    int count = 0;
    struct csv_bound *bound = MR_ARENA_NEW(r->builder->arena, struct csv_bound);
    if (!bound)
        return mr_error_memory(error, sizeof *bound);
    bound->corrupt_field = -1;
    r->bound = *out = bound;
    const struct mr_type *type = r->count > i ? r->arguments[i]->type : NULL;
    if (type && type->id == MR_MAP && type->fields[0].type->id == MR_STRING &&
        type->fields[1].type->id == MR_STRING)
        MR_TRY(mr_resolve_constant(r, i, &map, error));
    if (type && !map)
        return mr_resolve_error(r, error, "INVALID_OPTIONS.NON_MAP_FUNCTION",
                                "Options must be a constant `map(…)` of strings.");
    if (map)
        MR_TRY(mr_resolve_options(r, map, &options, &count, error));
    const struct mr_option_spec *table = writing ? mr_csv_write_table : mr_csv_read_table;
    struct mr_arena *arena = r->builder->arena;
    const struct mr_zone *zone = r->builder->session->zone;
    mr_json_options_init(&bound->writing.times, zone);
    void *into = writing ? (void *)&bound->writing : (void *)&bound->reading;
    int status = mr_options_read(table, NULL, options, count, into, error);
    if (status >= 0)
        status = writing ? mr_csv_format_compile(&bound->writing, arena, zone, error)
                         : mr_csv_options_compile(&bound->reading, arena, zone, false, error);
    bound->own_zone = bound->reading.record.zone_name || bound->writing.times.record.zone_name;
    if (status < 0)
        return mr_builder_error_at(r->builder, error);
    return MR_OK;
}

/* ---- from_csv ---- */
static int resolve_schema(struct mr_resolve *r, const struct mr_type **out, struct mr_error *error)
{
    struct mr_str text;
    struct mr_error ignored;
    MR_TRY(mr_resolve_constant_string(r, 1, &text, error));
    mr_error_clear(&ignored);
    if (!text.data || (mr_type_parse(r->builder->arena, text, out, &ignored) < 0 &&
                       mr_schema_parse(r->builder->arena, text, out, error) < 0))
        return error->code
                   ? mr_builder_error_at(r->builder, error)
                   : mr_resolve_error(r, error, "INVALID_SCHEMA.NON_STRING_LITERAL", "The schema is NULL.");
    if ((*out)->id != MR_STRUCT) {
        struct mr_text shown;
        mr_text_init(&shown);
        mr_type_text(&shown, *out);
        mr_resolve_error(r, error, "INVALID_SCHEMA.NON_STRUCT_TYPE", "The schema must be a struct, not %s.",
                         shown.data);
        mr_error_parameter(error, "inputSchema", "\"%.*s\"", (int)text.size, text.data);
        mr_error_parameter(error, "dataType", "\"%s\"", shown.data);
        mr_text_release(&shown);
        return error->code;
    }
    for (int f = 0; f < (*out)->field_count; f++)
        if (mr_type_is_nested((*out)->fields[f].type))
            return mr_resolve_error(r, error, "UNSUPPORTED_DATATYPE",
                                    "CSV holds no arrays, maps and structs.");
    return MR_OK;
}

static int resolve_from_csv(struct mr_resolve *r, struct mr_error *error)
{
    struct csv_bound *bound;
    const struct mr_type *schema = NULL;
    if (r->arguments[0]->type->id != MR_STRING && r->arguments[0]->type->id != MR_VOID)
        return mr_resolve_unexpected_type(r, 0, "\"STRING\"", error);
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    MR_TRY(resolve_schema(r, &schema, error));
    MR_TRY(bind_options(r, 2, false, &bound, error));
    struct mr_field *fields = MR_ARENA_ARRAY(r->builder->arena, struct mr_field, schema->field_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int f = 0; f < schema->field_count; f++) {
        fields[f] = schema->fields[f];
        fields[f].nullable = true;
        if (mr_str_equal(mr_str_of(fields[f].name), bound->reading.record.corrupt_name))
            bound->corrupt_field = f;
    }
    r->type = mr_type_struct(r->builder->arena, fields, schema->field_count);
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* The splitter reads beyond the end, so it gets a copy. */
static int split(struct csv_state *state, struct mr_str text, struct mr_error *error)
{
    static const char padding[MR_BUFFER_PADDING];
    const char *behind;
    mr_text_clear(&state->text);
    mr_text_append(&state->text, text.data, text.size);
    mr_text_append(&state->text, padding, sizeof padding);
    if (state->text.failed)
        return mr_error_memory(error, text.size);
    return mr_csv_split(&state->record, &state->reading, state->text.data, state->text.data + text.size, NULL,
                        &behind, error);
}

/* One record into row `row` of the struct's fields; *good: everything fitted. */
static int convert_record(struct mr_call *call, struct mr_str text, struct mr_column *out, int64_t row,
                          bool *good, struct mr_error *error)
{
    const struct csv_bound *bound = call->expression->bound;
    struct csv_state *state = call->state;
    int fields = out->child_count - (bound->corrupt_field >= 0), token = 0;
    MR_TRY(split(state, text, error));
    *good = state->record.count == fields;
    for (int f = 0; f < out->child_count; f++) {
        if (f == bound->corrupt_field)
            continue;
        const struct mr_csv_token *given = token < state->record.count ? &state->record.tokens[token] : NULL;
        bool is_null = !given || mr_csv_token_is_null(given);
        struct mr_str value = is_null ? MR_STR("") : mr_csv_token_text(&state->record, given);
        is_null = is_null || mr_str_equal(value, state->reading.null_value);
        if (!is_null) {
            int fits = mr_csv_put(&state->reading, out->children[f], row, value, false, error);
            MR_TRY(fits);
            *good &= fits == MR_OK;
            is_null = fits != MR_OK;
        }
        if (is_null)
            MR_TRY(mr_column_set_null(out->children[f], row, error));
        token++;
    }
    return MR_OK;
}

MR_KERNEL(kernel_from_csv)
{
    const struct csv_bound *bound = call->expression->bound;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i);
        bool good = true;
        MR_TRY(convert_record(call, text, out, i, &good, error));
        if (!good && bound->reading.record.mode == MR_RECORD_FAIL_FAST)
            return mr_row_error(error, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                                "A record is malformed and the mode is FAILFAST: '%.*s'.",
                                (int)(text.size > 200 ? 200 : text.size), text.data);
        if (bound->corrupt_field >= 0 && good)
            MR_TRY(mr_column_set_null(out->children[bound->corrupt_field], i, error));
        else if (bound->corrupt_field >= 0)
            MR_TRY(mr_column_set_bytes(out->children[bound->corrupt_field], i, text.data, text.size, error));
    }
    return MR_OK;
}

/* ---- to_csv ---- */
static int resolve_to_csv(struct mr_resolve *r, struct mr_error *error)
{
    struct csv_bound *bound;
    if (r->arguments[0]->type->id != MR_STRUCT && r->arguments[0]->type->id != MR_VOID) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_text(&text, r->arguments[0]->type);
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE",
                         "`to_csv` takes a struct, not %s.", text.data);
        mr_error_parameter(error, "functionName", "`to_csv`");
        mr_error_parameter(error, "dataType", "\"%s\"", text.data);
        mr_text_release(&text);
        return error->code;
    }
    r->type = mr_type_of(MR_STRING);
    return bind_options(r, 1, true, &bound, error);
}

MR_KERNEL(kernel_to_csv)
{
    const struct csv_bound *bound = call->expression->bound;
    struct csv_state *state = call->state;
    const struct mr_column *in = arguments[0];
    MR_FOR_ROWS (i, rows, out->length) {
        mr_text_clear(&state->text);
        MR_TRY(mr_csv_write(&bound->writing, state->zone, in->children, in->child_count, i, &state->piece,
                            &state->text, error));
        if (state->text.size == 0) /* nothing at all is no record, to Spark */
            MR_TRY(mr_column_set_null(out, i, error));
        else
            MR_TRY(mr_out_text(out, i, &state->text, error));
    }
    return MR_OK;
}

/* ---- schema_of_csv ---- */
static int resolve_schema_of_csv(struct mr_resolve *r, struct mr_error *error)
{
    struct csv_bound *bound;
    struct mr_str text;
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    MR_TRY(mr_resolve_constant_string(r, 0, &text, error));
    if (!text.data) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.UNEXPECTED_NULL",
                         "The text of schema_of_csv must not be NULL.");
        mr_error_parameter(error, "exprName", "csv");
        return error->code;
    }
    r->type = mr_type_of(MR_STRING);
    return bind_options(r, 1, false, &bound, error);
}

static void append_type(struct csv_state *state, const struct mr_csv_token *token)
{
    static const char *const names[] = {"INT",  "BIGINT",    "DECIMAL", "DOUBLE",
                                        "DATE", "TIMESTAMP", "BOOLEAN", "STRING"};
    struct mr_str text = mr_csv_token_is_null(token) ? MR_STR("") : mr_csv_token_text(&state->record, token);
    int digits = 0;
    enum mr_csv_kind kind =
        text.size > 0 ? mr_csv_kind_of(&state->reading, text, MR_CSV_INT, &digits) : MR_CSV_STRING;
    mr_text_append_str(&state->piece, names[kind]);
    if (kind == MR_CSV_DECIMAL)
        mr_text_format(&state->piece, "(%d,0)", digits);
}

MR_KERNEL(kernel_schema_of_csv)
{
    struct csv_state *state = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(split(state, mr_string_at(arguments[0], i), error));
        mr_text_clear(&state->piece);
        mr_text_append_str(&state->piece, "STRUCT<");
        for (int k = 0; k < state->record.count; k++) {
            mr_text_format(&state->piece, "%s_c%d: ", k > 0 ? ", " : "", k);
            append_type(state, &state->record.tokens[k]);
        }
        mr_text_append_char(&state->piece, '>');
        MR_TRY(mr_out_text(out, i, &state->piece, error));
    }
    return MR_OK;
}

#define CSV(name, most, flags, resolve, kernel)                                                              \
    {                                                                                                        \
        name, 1, most, flags, resolve, kernel, open_csv, close_csv, NULL, NULL, NULL                         \
    }

const struct mr_function mr_functions_csv[] = {
    CSV("from_csv", 3, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, resolve_from_csv, kernel_from_csv),
    CSV("to_csv", 2, MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL, resolve_to_csv, kernel_to_csv),
    CSV("schema_of_csv", 2, MR_FN_NULL_IF_ANY, resolve_schema_of_csv, kernel_schema_of_csv),
    {0},
};
