/* expressions/functions_json.c: get_json_object, from_json, to_json and kin. */
#include "base/json.h"
#include "expressions/function_tools.h"
#include "expressions/json_convert.h"
#include "expressions/json_path.h"
#include "expressions/json_schema.h"
#include "expressions/registry.h"

/* ---- state of a call: tokens and scratch texts, and what from_json converts with ---- */
struct json_state {
    struct mr_json_options options;
    struct mr_json_tokens tokens;
    struct mr_text scratch, result;
    struct mr_arena arena;
    struct mr_json_converter *converter;
    struct mr_json_path path;
    struct mr_text path_text;
};

/* What a from_json, to_json or schema_of_json was resolved to. */
struct json_bound {
    struct mr_json_options options; /* but for the zone, which is the session's unless given */
    int corrupt_field;              /* of the result; -1: none */
    const struct mr_type *record;   /* the result without it */
};

static int open_plain(struct mr_call *call, struct mr_error *error)
{
    struct json_state *state = mr_allocate_zeroed(sizeof *state);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    mr_json_options_init(&state->options, call->session->zone);
    state->options.replace_invalid_utf8 = true;
    state->options.exact_text = false;
    mr_text_init(&state->scratch);
    mr_text_init(&state->result);
    mr_text_init(&state->path_text);
    mr_arena_init(&state->arena);
    call->state = state;
    return MR_OK;
}

static void close_state(struct mr_call *call)
{
    struct json_state *state = call->state;
    if (!state)
        return;
    mr_json_converter_close(state->converter);
    mr_json_tokens_release(&state->tokens);
    mr_text_release(&state->scratch);
    mr_text_release(&state->result);
    mr_text_release(&state->path_text);
    mr_arena_release(&state->arena);
    mr_free(state);
}

static int open_bound(struct mr_call *call, struct mr_error *error)
{
    const struct json_bound *bound = call->expression->bound;
    MR_TRY(open_plain(call, error));
    struct json_state *state = call->state;
    state->options = bound->options;
    if (!bound->options.record.zone_name)
        state->options.record.zone = call->session->zone;
    int status = MR_OK;
    if (bound->record)
        status = mr_json_converter_open(&state->converter, bound->record, &state->options, error);
    if (status < 0) {
        close_state(call);
        call->state = NULL;
    }
    return status;
}

/* Tokens of a row's text; false: malformed or blank. */
static bool tokenize(struct json_state *state, struct mr_str text)
{
    return mr_json_tokenize(&state->tokens, text, &state->options, NULL) == MR_OK;
}

/* ---- get_json_object ---- */
MR_KERNEL(kernel_get_json_object)
{
    struct json_state *state = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str path = mr_string_at(arguments[1], i);
        bool found = false;
        if (!state->path_text.size || !mr_str_equal(path, mr_text_str(&state->path_text))) {
            mr_arena_clear(&state->arena);
            mr_text_clear(&state->path_text);
            mr_text_append(&state->path_text, path.data, path.size);
            MR_TRY(mr_json_path_parse(&state->arena, path, &state->path, error));
        }
        if (state->path.valid && tokenize(state, mr_string_at(arguments[0], i)))
            found = mr_json_path_evaluate(&state->path, &state->tokens, &state->scratch, &state->result);
        if (found)
            MR_TRY(mr_out_text(out, i, &state->result, error));
        else
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

/* ---- json_array_length, json_object_keys ---- */
MR_KERNEL(kernel_json_array_length)
{
    struct json_state *state = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = 0;
        if (!tokenize(state, mr_string_at(arguments[0], i)) ||
            state->tokens.tokens[0].kind != MR_JSON_T_ARRAY) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        for (uint32_t k = 1; k < state->tokens.tokens[0].next; k = state->tokens.tokens[k].next)
            out->i32[i]++;
    }
    return MR_OK;
}

MR_KERNEL(kernel_json_object_keys)
{
    struct json_state *state = call->state;
    struct mr_list_writer writer = mr_list_writer(out);
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (!tokenize(state, mr_string_at(arguments[0], i)) ||
            state->tokens.tokens[0].kind != MR_JSON_T_OBJECT) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        const struct mr_json_token *tokens = state->tokens.tokens;
        for (uint32_t k = 1; k < tokens[0].next; k = tokens[k + 1].next)
            MR_TRY(mr_append_text(out->children[0],
                                  mr_json_unescape(&state->tokens, &tokens[k], &state->scratch), error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* ---- json_tuple(text, name, …): a generator of one row ---- */
static int tuple_member(struct json_state *state, struct mr_str name, struct mr_column *column,
                        struct mr_error *error)
{
    const struct mr_json_token *tokens = state->tokens.tokens;
    uint32_t found = 0;
    for (uint32_t k = 1; state->tokens.count && tokens[0].kind == MR_JSON_T_OBJECT && k < tokens[0].next;
         k = tokens[k + 1].next)
        if (mr_str_equal(mr_json_unescape(&state->tokens, &tokens[k], &state->scratch), name)) {
            found = k + 1;
            break;
        }
    if (!found || tokens[found].kind == MR_JSON_T_NULL)
        return mr_column_append_null(column, error);
    if (tokens[found].kind == MR_JSON_T_STRING)
        return mr_append_text(column, mr_json_unescape(&state->tokens, &tokens[found], &state->scratch),
                              error);
    mr_text_clear(&state->result);
    mr_json_normalize(&state->tokens, found, &state->scratch, &state->result);
    return mr_append_text(column, mr_text_str(&state->result), error);
}

MR_KERNEL(kernel_json_tuple)
{
    struct json_state *state = call->state;
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *entries = out->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t row;
        mr_list_begin(&writer, i);
        bool good = !mr_column_is_null(arguments[0], i) && tokenize(state, mr_string_at(arguments[0], i));
        if (!good)
            state->tokens.count = 0;
        for (int k = 0; k < entries->child_count; k++) {
            bool is_null = mr_column_is_null(arguments[k + 1], i);
            MR_TRY(is_null
                       ? mr_column_append_null(entries->children[k], error)
                       : tuple_member(state, mr_string_at(arguments[k + 1], i), entries->children[k], error));
        }
        MR_TRY(mr_append_row(entries, &row, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

static int resolve_json_tuple(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, r->count);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    MR_TRY(mr_resolve_all_strings(r, error));
    for (int i = 0; i + 1 < r->count; i++)
        fields[i] = (struct mr_field){.name = mr_arena_format(arena, "c%d", i),
                                      .type = mr_type_of(MR_STRING),
                                      .nullable = true};
    const struct mr_type *row = mr_type_struct(arena, fields, r->count - 1);
    r->type = row ? mr_type_array(arena, row, false) : NULL;
    r->nullable = false;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *row);
}

/* ---- options: a constant map of strings ---- */
static void as_function(struct mr_json_options *options)
{
    options->exact_text = false;
    options->array_as_rows = false;
    options->replace_invalid_utf8 = true;
}

static int read_options(struct mr_resolve *r, int i, struct json_bound *bound, struct mr_error *error)
{
    const struct mr_column *map = NULL;
    const struct mr_type *type = r->arguments[i]->type;
    if (type->id != MR_MAP || type->fields[0].type->id != MR_STRING ||
        type->fields[1].type->id != MR_STRING) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_text(&text, type);
        mr_resolve_error(r, error, "INVALID_OPTIONS.NON_STRING_TYPE",
                         "Options must be a MAP of STRINGs, not %s.", text.data);
        mr_error_parameter(error, "mapType", "\"%s\"", text.data);
        mr_text_release(&text);
        return error->code;
    }
    MR_TRY(mr_resolve_constant(r, i, &map, error));
    if (!map)
        return mr_resolve_error(r, error, "INVALID_OPTIONS.NON_MAP_FUNCTION",
                                "Options must be a constant `map(…)`.");
    const struct mr_option *options;
    int count;
    MR_TRY(mr_resolve_options(r, map, &options, &count, error));
    if (mr_json_options_read(&bound->options, r->builder->arena, r->builder->session->zone, options, count,
                             error) < 0)
        return mr_builder_error_at(r->builder, error);
    as_function(&bound->options);
    return MR_OK;
}

static struct json_bound *new_bound(struct mr_resolve *r, struct mr_error *error)
{
    struct json_bound *bound = MR_ARENA_NEW(r->builder->arena, struct json_bound);
    if (!bound) {
        mr_error_memory(error, sizeof *bound);
        return NULL;
    }
    mr_json_options_init(&bound->options, r->builder->session->zone);
    as_function(&bound->options);
    bound->corrupt_field = -1;
    r->bound = bound;
    return bound;
}

/* ---- from_json(text, schema [, options]) ---- */
static int parse_schema(struct mr_resolve *r, struct mr_str text, const struct mr_type **out,
                        struct mr_error *error)
{
    /* "a INT, b STRING" is a struct; "ARRAY<INT>" a type. A type comes first, as in Spark. */
    struct mr_error ignored;
    mr_error_clear(&ignored);
    if (mr_type_parse(r->builder->arena, text, out, &ignored) >= 0)
        return MR_OK;
    if (mr_schema_parse(r->builder->arena, text, out, error) < 0)
        return mr_builder_error_at(r->builder, error);
    return MR_OK;
}

static bool string_keys(const struct mr_type *type)
{
    if (type->id == MR_MAP && type->fields[0].type->id != MR_STRING)
        return false;
    for (int i = 0; i < type->field_count; i++)
        if (!string_keys(type->fields[i].type))
            return false;
    return true;
}

/* Splits the corrupt-record field off the record. */
static int without_corrupt_field(struct mr_resolve *r, struct json_bound *bound, struct mr_error *error)
{
    const struct mr_type *type = r->type;
    bound->record = type;
    if (type->id != MR_STRUCT)
        return MR_OK;
    struct mr_field *fields = MR_ARENA_ARRAY(r->builder->arena, struct mr_field, type->field_count + 1);
    int count = 0;
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < type->field_count; i++) {
        if (mr_str_equal(mr_str_of(type->fields[i].name), bound->options.record.corrupt_name)) {
            bound->corrupt_field = i;
            if (type->fields[i].type->id != MR_STRING)
                return mr_resolve_error(r, error, "INVALID_CORRUPT_RECORD_TYPE",
                                        "The column of corrupt records must be a STRING.");
        } else {
            fields[count++] = type->fields[i];
        }
    }
    bound->record = mr_type_struct(r->builder->arena, fields, count);
    return bound->record ? MR_OK : mr_error_memory(error, sizeof *bound->record);
}

static int check_schema(struct mr_resolve *r, const struct mr_type *type, struct mr_error *error)
{
    struct mr_text text;
    bool nested = mr_type_is_nested(type);
    if (nested && string_keys(type))
        return MR_OK;
    mr_text_init(&text);
    mr_type_text(&text, type);
    if (nested)
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_JSON_MAP_KEY_TYPE",
                         "The keys of maps read from JSON must be STRINGs; the schema is %s.", text.data);
    else
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA",
                         "The schema must be a struct, an array or a map, not %s.", text.data);
    mr_error_parameter(error, "schema", "\"%s\"", text.data);
    mr_text_release(&text);
    return error->code;
}

static int resolve_from_json(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str text = {NULL, 0};
    const struct mr_type *schema;
    const struct mr_column *constant = NULL;
    if (r->arguments[0]->type->id != MR_STRING && r->arguments[0]->type->id != MR_VOID)
        return mr_resolve_unexpected_type(r, 0, "\"STRING\"", error);
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    if (r->arguments[1]->type->id == MR_STRING)
        MR_TRY(mr_resolve_constant(r, 1, &constant, error));
    if (!constant || mr_column_is_null(constant, 0)) {
        struct mr_text shown;
        mr_text_init(&shown);
        mr_expression_name(&shown, r->arguments[1], NULL);
        mr_resolve_error(r, error,
                         r->arguments[1]->foldable ? "INVALID_SCHEMA.NON_STRING_LITERAL"
                                                   : "INVALID_SCHEMA.NON_STRUCT_TYPE",
                         "The schema \"%s\" is no constant string.", shown.data);
        mr_error_parameter(error, "inputSchema", "\"%s\"", shown.data);
        mr_text_release(&shown);
        return error->code;
    }
    text = mr_view_str(&constant->views[0]);
    MR_TRY(parse_schema(r, text, &schema, error));
    MR_TRY(check_schema(r, schema, error));
    struct json_bound *bound = new_bound(r, error);
    if (!bound)
        return error->code;
    if (r->count > 2)
        MR_TRY(read_options(r, 2, bound, error));
    if (bound->options.record.mode == MR_RECORD_DROP_MALFORMED) {
        mr_resolve_error(r, error, "PARSE_MODE_UNSUPPORTED",
                         "`from_json` knows the modes PERMISSIVE and FAILFAST.");
        mr_error_parameter(error, "funcName", "`from_json`");
        mr_error_parameter(error, "mode", "DROPMALFORMED");
        return error->code;
    }
    r->type = mr_type_as_nullable(r->builder->arena, schema);
    r->nullable = true;
    if (!r->type)
        return mr_error_memory(error, sizeof *r->type);
    MR_TRY(without_corrupt_field(r, bound, error));
    return MR_OK;
}

static int malformed_record(struct json_state *state, struct mr_str text, struct mr_error *error)
{
    const struct mr_error *cause = mr_json_converter_cause(state->converter);
    int size = text.size > 200 ? 200 : (int)text.size;
    mr_row_error(error, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                 "A record is malformed and the mode is FAILFAST: '%.*s'. %s", size, text.data,
                 cause->message);
    mr_error_parameter(error, "badRecord", "%.*s", size, text.data);
    mr_error_parameter(error, "failFastMode", "FAILFAST");
    return mr_error_at(error, NULL, 0, 0, cause->offset);
}

struct from_json { /* one run */
    struct json_state *state;
    const struct json_bound *bound;
    struct mr_column *out;      /* built row by row */
    struct mr_column **columns; /* of the record */
    int column_count;
};

static int append_nulls(const struct from_json *f, struct mr_error *error)
{
    for (int k = 0; k < f->column_count; k++)
        MR_TRY(mr_column_append_null(f->columns[k], error));
    return MR_OK;
}

/* A struct's row: the record, or all NULL when it is malformed; the text in the corrupt-record field when
 * anything was wrong. */
static int struct_row(struct from_json *f, struct mr_str text, struct mr_error *error)
{
    enum mr_json_verdict verdict;
    int64_t rows, row;
    MR_TRY(mr_json_convert(f->state->converter, text, true, f->columns, &verdict, &rows, error));
    bool wrong = verdict == MR_JSON_BAD || verdict == MR_JSON_PARTIAL;
    if (wrong && f->bound->options.record.mode == MR_RECORD_FAIL_FAST)
        return malformed_record(f->state, text, error);
    if (rows == 0)
        MR_TRY(append_nulls(f, error));
    if (f->bound->corrupt_field >= 0) {
        struct mr_column *corrupt = f->out->children[f->bound->corrupt_field];
        MR_TRY(wrong ? mr_append_text(corrupt, text, error) : mr_column_append_null(corrupt, error));
    }
    MR_TRY(mr_append_row(f->out, &row, error));
    return verdict == MR_JSON_EMPTY ? mr_column_set_null(f->out, row, error) : MR_OK;
}

static int list_row(struct from_json *f, struct mr_str text, struct mr_error *error)
{
    enum mr_json_verdict verdict;
    int64_t rows;
    MR_TRY(mr_json_convert(f->state->converter, text, true, &f->out, &verdict, &rows, error));
    if ((verdict == MR_JSON_BAD || verdict == MR_JSON_PARTIAL) &&
        f->bound->options.record.mode == MR_RECORD_FAIL_FAST)
        return malformed_record(f->state, text, error);
    return rows == 0 ? mr_column_append_null(f->out, error) : MR_OK;
}

/* The texts' buffers are kept, because strings without escapes are views into them. Short texts lie in the
 * column itself, but then so do the pieces. */
static int keep_texts(struct mr_column *column, const struct mr_column *texts, struct mr_error *error)
{
    for (int i = 0; i < texts->kept_count; i++)
        MR_TRY(mr_json_converter_keep(column, texts->kept[i], error));
    return MR_OK;
}

MR_KERNEL(kernel_from_json)
{
    struct from_json f = {.state = call->state, .bound = call->expression->bound};
    bool is_struct = out->type->id == MR_STRUCT;
    f.out = mr_column_new(out->type, out->length);
    if (!f.out)
        return mr_row_memory(error);
    call->result = f.out;
    MR_TRY(keep_texts(f.out, arguments[0], error));
    f.columns = mr_call_scratch(call, sizeof *f.columns * (size_t)(f.out->child_count + 1));
    if (!f.columns)
        return mr_row_memory(error);
    for (int k = 0; is_struct && k < f.out->child_count; k++)
        if (k != f.bound->corrupt_field)
            f.columns[f.column_count++] = f.out->children[k];
    int64_t next = 0;
    MR_FOR_ROWS (i, rows, out->length) {
        for (; next < i; next++)
            MR_TRY(mr_column_append_null(f.out, error));
        struct mr_str text = mr_string_at(arguments[0], i);
        MR_TRY(is_struct ? struct_row(&f, text, error) : list_row(&f, text, error));
        next = i + 1;
    }
    for (; next < out->length; next++)
        MR_TRY(mr_column_append_null(f.out, error));
    return MR_OK;
}

/* ---- to_json(value [, options]) ---- */
static int resolve_to_json(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    struct json_bound *bound = new_bound(r, error);
    if (!bound)
        return error->code;
    r->type = mr_type_of(MR_STRING);
    if (type->id != MR_VOID && !mr_type_is_nested(type))
        return check_schema(r, type, error);
    if (r->count > 1)
        MR_TRY(read_options(r, 1, bound, error));
    return MR_OK;
}

MR_KERNEL(kernel_to_json)
{
    struct json_state *state = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_text_clear(&state->result);
        MR_TRY(mr_json_write(&state->result, arguments[0], i, &state->options, error));
        MR_TRY(mr_out_text(out, i, &state->result, error));
    }
    return MR_OK;
}

/* ---- schema_of_json(text [, options]) ---- */
static int resolve_schema_of_json(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str text;
    struct json_bound *bound = new_bound(r, error);
    if (!bound)
        return error->code;
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    MR_TRY(mr_resolve_constant_string(r, 0, &text, error));
    if (!text.data) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.UNEXPECTED_NULL",
                         "The text of schema_of_json must not be NULL.");
        mr_error_parameter(error, "exprName", "json");
        return error->code;
    }
    if (r->count > 1)
        MR_TRY(read_options(r, 1, bound, error));
    r->type = mr_type_of(MR_STRING);
    return MR_OK;
}

MR_KERNEL(kernel_schema_of_json)
{
    struct json_state *state = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_text_clear(&state->result);
        mr_arena_clear(&state->arena);
        int status = mr_json_tokenize(&state->tokens, mr_string_at(arguments[0], i), &state->options, error);
        MR_TRY(status);
        const struct mr_type *type = mr_type_of(MR_STRING);
        if (status == MR_OK)
            MR_TRY(mr_json_schema_of(&state->arena, &state->tokens, 0, &state->options, &type, error));
        mr_type_text(&state->result, type);
        MR_TRY(mr_out_text(out, i, &state->result, error));
    }
    return MR_OK;
}

#define N MR_FN_NULL_IF_ANY
#define SOMETIMES (MR_FN_NULL_IF_ANY | MR_FN_MAY_BE_NULL)

static const struct mr_type *strings_type(struct mr_resolve *r)
{
    return mr_type_array(r->builder->arena, mr_type_of(MR_STRING), false);
}

static int resolve_json_object_keys(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_all_strings(r, error));
    r->type = strings_type(r);
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

const struct mr_function mr_functions_json[] = {
    {"get_json_object", 2, 2, SOMETIMES, NULL, kernel_get_json_object, open_plain, close_state, "ss>s", NULL,
     NULL},
    {"json_array_length", 1, 1, SOMETIMES, NULL, kernel_json_array_length, open_plain, close_state, "s>i",
     NULL, NULL},
    {"json_object_keys", 1, 1, SOMETIMES, resolve_json_object_keys, kernel_json_object_keys, open_plain,
     close_state, NULL, NULL, NULL},
    {"json_tuple", 2, -1, MR_FN_GENERATOR, resolve_json_tuple, kernel_json_tuple, open_plain, close_state,
     NULL, NULL, NULL},
    {"from_json", 2, 3, SOMETIMES, resolve_from_json, kernel_from_json, open_bound, close_state, NULL, NULL,
     NULL},
    {"to_json", 1, 2, N, resolve_to_json, kernel_to_json, open_bound, close_state, NULL, NULL, NULL},
    {"schema_of_json", 1, 2, N, resolve_schema_of_json, kernel_schema_of_json, open_bound, close_state, NULL,
     NULL, NULL},
    {0},
};
