/* expressions/functions_avro.c: from_avro, to_avro, schema_of_avro.
 *
 * With a schema registry (the option schemaRegistryAddress, or the address in place of the options) a message
 * begins with 0 and the id of its schema: each id gets a plan of its own, by which it is read as the reader's
 * schema says, which is the given one or the newest of the given subject. */
#include "expressions/avro_decode.h"
#include "expressions/avro_encode.h"
#include "expressions/message_call.h"
#include "expressions/registry.h"
#include "expressions/schema_registry.h"

struct avro_given {
    const char *mode, *schema; /* schema: avroSchema */
    struct mr_avro_type_options typing;
    struct mr_registry_options registry;
};
#define TO(member) MR_OPTION_HOME(avro_given, member)

static const struct mr_option_spec avro_options[] = {
    {"mode", MR_OPTION_TEXT, "FAILFAST", "PERMISSIVE: NULL for what is malformed; FAILFAST: an error",
     TO(mode)},
    {"avroSchema", MR_OPTION_TEXT, NULL,
     "from_avro: the reader's schema, when it is another than the writer's", TO(schema)},
    {"recursiveFieldMaxDepth", MR_OPTION_INTEGER, "-1",
     "how often a record that holds itself is followed, 1 .. 15", TO(typing.recursion_limit)},
    {"enableStableIdentifiersForUnionType", MR_OPTION_BOOLEAN, "false",
     "members of unions are named by type, not member0, member1", TO(typing.stable_names)},
    {"stableIdentifierPrefixForUnionType", MR_OPTION_TEXT, "member_", "what those names begin with",
     TO(typing.stable_prefix)},
    {"datetimeRebaseMode", MR_OPTION_CHOICE, "CORRECTED", "dates are proleptic Gregorian",
     .choices = "CORRECTED"},
    {.include = mr_registry_option_table, TO(registry)},
    {0},
};

struct avro_bound {
    bool fail_fast;
    const struct mr_avro_schema *writer, *reader; /* to_avro: writer */
    const struct mr_type *type;                   /* from_avro: of the reader's schema */
    const struct mr_avro_encoder *encoder;        /* to_avro */
    const char *ddl;                              /* schema_of_avro */
    struct mr_schema_registry *registry;          /* NULL: none; then writer is NULL for from_avro */
    struct mr_str subject, text; /* to_avro with a registry: text is registered under subject */
};
struct id_plan { /* how messages of one schema of the registry are read */
    int32_t id;
    struct mr_avro_plan plan;
    struct id_plan *next;
};
struct avro_state {
    struct mr_arena arena;
    struct mr_avro_plan plan;
    struct mr_text text;
    struct id_plan *plans; /* the one used last comes first */
    int32_t id;            /* to_avro */
};

/* ---- resolving ---- */
static int no_type(struct mr_resolve *r, struct mr_error *error)
{
    return mr_resolve_error(r, error, "AVRO_SCHEMA_INCOMPATIBLE",
                            "Nothing is left of the Avro schema at the limit of recursion.");
}

static int read_schema(struct mr_resolve *r, struct mr_str text, const struct mr_avro_schema **out,
                       struct mr_error *error)
{
    if (!text.data)
        text = MR_STR("");
    if (mr_avro_schema_parse(r->builder->arena, text, out, error) < 0)
        return mr_builder_error_at(r->builder, error);
    return MR_OK;
}

static int check_options(struct mr_resolve *r, struct avro_given *given, bool *fail_fast,
                         struct mr_error *error)
{
    given->typing.any_names = r->builder->session->case_sensitive;
    MR_TRY(mr_message_mode(r, given->mode, fail_fast, error));
    if (given->typing.recursion_limit <= 15)
        return MR_OK;
    mr_resolve_error(r, error, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
                     "The option recursiveFieldMaxDepth is at most 15.");
    mr_error_parameter(error, "optionName", "recursiveFieldMaxDepth");
    mr_error_parameter(error, "message", "at most 15");
    return error->code;
}

/* ---- the registry ---- */
/* A schema, and no subject's name. */
static bool is_schema(struct mr_str text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0])) {
        text.data++;
        text.size--;
    }
    return text.size > 0 && strchr("{[\"", text.data[0]);
}

/* Argument i may be the registry's address instead of options, which then come behind it. */
static int read_options(struct mr_resolve *r, int i, struct avro_given *given, struct mr_error *error)
{
    struct mr_str text = {NULL, 0};
    bool direct = i < r->count && r->arguments[i]->type->id == MR_STRING;
    *given = (struct avro_given){0};
    if (direct)
        MR_TRY(mr_message_constant(r, i, "the address of the schema registry is constant", &text, error));
    if (!direct && i + 1 < r->count)
        return mr_message_argument_error(r, "before the options comes the address of a schema registry",
                                         error);
    MR_TRY(mr_message_options(r, i + direct, avro_options, given, error));
    if (!text.data)
        return MR_OK;
    given->registry.address = mr_arena_copy_text(r->builder->arena, text.data, text.size);
    return given->registry.address ? MR_OK : mr_error_memory(error, text.size);
}

static int find_registry(struct mr_resolve *r, const struct avro_given *given, struct avro_bound *bound,
                         struct mr_error *error)
{
    if (mr_schema_registry_find(&given->registry, &bound->registry, error) < 0)
        return mr_builder_error_at(r->builder, error);
    return MR_OK;
}

/* The newest schema of the subject. */
static int subject_schema(struct mr_resolve *r, struct avro_bound *bound, struct mr_str subject,
                          struct mr_str *json, struct mr_error *error)
{
    int32_t id;
    int status = mr_schema_registry_latest(bound->registry, subject, &id, json, error);
    return status < 0 ? mr_builder_error_at(r->builder, error) : status;
}

static int no_subject(struct mr_resolve *r, struct mr_str subject, struct mr_error *error)
{
    return mr_resolve_error(r, error, "SCHEMA_REGISTRY_REQUEST_FAILED",
                            "The schema registry has no subject '%.*s'. Give the reader's schema itself.",
                            (int)(subject.size > 200 ? 200 : subject.size), subject.data);
}

/* The schemas of writer and reader, and the reader's SQL type. */
static int read_schemas(struct mr_resolve *r, int schema, int options, struct avro_bound *bound,
                        bool *nullable, struct mr_error *error)
{
    struct avro_given given;
    struct mr_str text;
    MR_TRY(mr_message_constant(r, schema, "the schema is a constant string of JSON", &text, error));
    MR_TRY(read_options(r, options, &given, error));
    MR_TRY(check_options(r, &given, &bound->fail_fast, error));
    if (given.schema)
        MR_TRY(read_schema(r, mr_str_of(given.schema), &bound->reader, error));
    if (given.registry.address) {
        MR_TRY(find_registry(r, &given, bound, error));
        int status = MR_OK;
        if (!given.schema && !is_schema(text))
            status = subject_schema(r, bound, text, &text, error);
        MR_TRY(status);
        if (status == MR_END)
            return no_subject(r, text, error);
    }
    if (!given.registry.address || !given.schema)
        MR_TRY(read_schema(r, text, &bound->writer, error));
    if (!given.schema)
        bound->reader = bound->writer;
    if (mr_avro_sql_type(r->builder->arena, bound->reader, &given.typing, &bound->type, nullable, error) < 0)
        return mr_builder_error_at(r->builder, error);
    return bound->type ? MR_OK : no_type(r, error);
}

static int new_bound(struct mr_resolve *r, struct avro_bound **out, struct mr_error *error)
{
    *out = MR_ARENA_NEW(r->builder->arena, struct avro_bound);
    r->bound = *out;
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

static int resolve_from_avro(struct mr_resolve *r, struct mr_error *error)
{
    struct avro_bound *bound;
    bool nullable;
    MR_TRY(new_bound(r, &bound, error));
    if (r->count == 2)
        MR_TRY(mr_resolve_add_null(r, error));
    MR_TRY(mr_message_binary(r, 0, error));
    MR_TRY(read_schemas(r, 1, 2, bound, &nullable, error));
    r->type = bound->fail_fast ? bound->type : mr_type_as_nullable(r->builder->arena, bound->type);
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* to_avro's schema when there is a registry: the option avroSchema, or the newest of the subject; text.data
 * is NULL when the value's own is to be registered. */
static int writer_schema(struct mr_resolve *r, struct avro_bound *bound, const char *schema,
                         struct mr_str *text, struct mr_error *error)
{
    if (!text->data || is_schema(*text))
        return mr_message_argument_error(r, "with a schema registry the second argument is a subject", error);
    bound->subject.data = mr_arena_copy_text(r->builder->arena, text->data, text->size);
    bound->subject.size = text->size;
    if (!bound->subject.data)
        return mr_error_memory(error, text->size);
    *text = mr_str_of(schema);
    if (schema)
        return MR_OK;
    int status = subject_schema(r, bound, bound->subject, text, error);
    if (status == MR_END)
        *text = (struct mr_str){NULL, 0};
    return status < 0 ? status : MR_OK;
}

static int resolve_to_avro(struct mr_resolve *r, struct mr_error *error)
{
    struct avro_bound *bound;
    struct mr_text own;
    struct avro_given given;
    struct mr_str text;
    const struct mr_expression *value = r->arguments[0];
    MR_TRY(new_bound(r, &bound, error));
    if (r->count == 1)
        MR_TRY(mr_resolve_add_null(r, error));
    MR_TRY(mr_message_constant(r, 1, "the schema is a constant string of JSON", &text, error));
    MR_TRY(read_options(r, 2, &given, error));
    if (given.registry.address) {
        MR_TRY(find_registry(r, &given, bound, error));
        MR_TRY(writer_schema(r, bound, given.schema, &text, error));
    }
    mr_text_init(&own);
    int status = MR_OK;
    if (!text.data) {
        MR_ERR(mr_avro_schema_of(&own, value->type, value->nullable, error));
        text = mr_text_str(&own);
    }
    MR_ERR(mr_avro_schema_parse(r->builder->arena, text, &bound->writer, error));
    bound->text.data = mr_arena_copy_text(r->builder->arena, text.data, text.size);
    bound->text.size = text.size;
    if (!bound->text.data)
        MR_ERR(mr_error_memory(error, text.size));
    MR_ERR(mr_avro_encoder_make(r->builder->arena, value->type, bound->writer,
                                r->builder->session->case_sensitive, &bound->encoder, error));
    r->type = mr_type_of(MR_BINARY);
    r->nullable = value->nullable;
err:
    mr_text_release(&own);
    return status < 0 ? mr_builder_error_at(r->builder, error) : MR_OK;
}

static int resolve_schema_of_avro(struct mr_resolve *r, struct mr_error *error)
{
    struct avro_bound *bound;
    struct mr_text text;
    bool nullable;
    MR_TRY(new_bound(r, &bound, error));
    if (r->count == 1)
        MR_TRY(mr_resolve_add_null(r, error));
    MR_TRY(read_schemas(r, 0, 1, bound, &nullable, error));
    const struct mr_type *type =
        bound->fail_fast ? bound->type : mr_type_as_nullable(r->builder->arena, bound->type);
    if (!type)
        return mr_error_memory(error, sizeof *type);
    mr_text_init(&text);
    mr_type_text(&text, type);
    bound->ddl = text.failed ? NULL : mr_arena_copy_text(r->builder->arena, text.data, text.size);
    mr_text_release(&text);
    r->type = mr_type_of(MR_STRING);
    r->nullable = false;
    return bound->ddl ? MR_OK : mr_error_memory(error, sizeof *bound);
}

/* ---- running ---- */
static void close_avro(struct mr_call *call)
{
    struct avro_state *state = call->state;
    if (!state)
        return;
    mr_avro_plan_release(&state->plan);
    for (struct id_plan *p = state->plans; p; p = p->next)
        mr_avro_plan_release(&p->plan);
    mr_arena_release(&state->arena);
    mr_text_release(&state->text);
    mr_free(state);
}

static int open_avro(struct mr_call *call, struct mr_error *error)
{
    const struct avro_bound *bound = call->expression->bound;
    struct avro_state *state = mr_allocate_zeroed(sizeof *state);
    int status = MR_OK;
    if (!state)
        return mr_error_memory(error, sizeof *state);
    mr_arena_init(&state->arena);
    mr_text_init(&state->text);
    call->state = state;
    if (bound->registry && bound->encoder)
        status = mr_schema_registry_register(bound->registry, bound->subject, bound->text, &state->id, error);
    else if (bound->reader && !bound->registry)
        status =
            mr_avro_plan_make(&state->arena, bound->writer, bound->reader, bound->type, &state->plan, error);
    if (status < 0) {
        close_avro(call);
        call->state = NULL;
    }
    return status;
}

/* A schema comes to be known: MR_E_DATA when the registry has none of that id. */
static int new_plan(struct mr_call *call, int32_t id, struct mr_error *error)
{
    const struct avro_bound *bound = call->expression->bound;
    struct avro_state *state = call->state;
    const struct mr_avro_schema *writer;
    struct mr_str json;
    int status = mr_schema_registry_by_id(bound->registry, id, &json, error);
    MR_TRY(status);
    if (status == MR_END) {
        mr_row_error(error, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
                     "The Avro message is malformed at byte 1: the schema registry knows no schema %d.", id);
        return mr_error_at(error, NULL, 0, 0, 1);
    }
    MR_TRY(mr_avro_schema_parse(&state->arena, json, &writer, error));
    struct id_plan *p = MR_ARENA_NEW(&state->arena, struct id_plan);
    if (!p)
        return mr_row_memory(error);
    p->id = id;
    p->next = state->plans;
    state->plans = p; /* so that it is released even when what follows fails */
    return mr_avro_plan_make(&state->arena, writer, bound->reader, bound->type, &p->plan, error);
}

static int find_plan(struct mr_call *call, int32_t id, struct mr_error *error)
{
    struct avro_state *state = call->state;
    struct id_plan **at = &state->plans;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct id_plan *found = *at;
    if (!found)
        return new_plan(call, id, error);
    *at = found->next;
    found->next = state->plans;
    state->plans = found;
    return MR_OK;
}

static int read_message(struct mr_call *call, struct mr_str message, struct mr_column *out,
                        struct mr_error *error)
{
    const struct avro_bound *bound = call->expression->bound;
    struct avro_state *state = call->state;
    if (!bound->registry)
        return mr_avro_decode(&state->plan, message, 0, out, error);
    if (message.size < MR_SCHEMA_ID_BYTES || message.data[0] != 0) {
        mr_row_error(
            error, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
            "The Avro message is malformed at byte 0: it does not begin with 0 and the id of a schema.");
        return mr_error_at(error, NULL, 0, 0, 0);
    }
    const unsigned char *b = (const unsigned char *)message.data;
    int32_t id = (int32_t)((uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | b[4]);
    MR_TRY(find_plan(call, id, error));
    return mr_avro_decode(&state->plans->plan, message, MR_SCHEMA_ID_BYTES, out, error);
}

MR_KERNEL(kernel_from_avro)
{
    const struct avro_bound *bound = call->expression->bound;
    return mr_message_kernel(call, arguments[0], rows, out->length, bound->fail_fast, read_message, error);
}

MR_KERNEL(kernel_to_avro)
{
    const struct avro_bound *bound = call->expression->bound;
    struct avro_state *state = call->state;
    char header[MR_SCHEMA_ID_BYTES] = {0, (char)(state->id >> 24), (char)(state->id >> 16),
                                       (char)(state->id >> 8), (char)state->id};
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        mr_text_clear(&state->text);
        if (bound->registry)
            mr_text_append(&state->text, header, sizeof header);
        MR_TRY(mr_avro_encode(bound->encoder, arguments[0], i, &state->text, error));
        MR_TRY(mr_out_text(out, i, &state->text, error));
    }
    return MR_OK;
}

MR_KERNEL(kernel_schema_of_avro)
{
    const struct avro_bound *bound = call->expression->bound;
    MR_FOR_ROWS (i, rows, out->length)
        MR_TRY(mr_column_set_bytes(out, i, bound->ddl, strlen(bound->ddl), error));
    return MR_OK;
}

#define AVRO(name, most, flags, resolve, kernel)                                                             \
    {                                                                                                        \
        name, 1 + (resolve == resolve_from_avro), most, flags, resolve, kernel, open_avro, close_avro, NULL, \
            NULL, NULL                                                                                       \
    }
const struct mr_function mr_functions_avro[] = {
    AVRO("from_avro", 4, MR_FN_MAY_BE_NULL, resolve_from_avro, kernel_from_avro),
    AVRO("to_avro", 4, 0, resolve_to_avro, kernel_to_avro),
    AVRO("schema_of_avro", 2, MR_FN_NEVER_NULL, resolve_schema_of_avro, kernel_schema_of_avro),
    {0},
};
