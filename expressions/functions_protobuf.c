/* expressions/functions_protobuf.c: from_protobuf, to_protobuf (data, message, descriptor [, options]). The
 * descriptor is a file's name, read once, when the query is planned, or the bytes of a FileDescriptorSet
 * themselves. */
#include <stdio.h>

#include "base/env.h"
#include "expressions/message_call.h"
#include "expressions/protobuf_decode.h"
#include "expressions/protobuf_encode.h"
#include "expressions/registry.h"

struct protobuf_given {
    const char *mode;
    bool any_as_json;
    struct mr_proto_options options;
};
#define TO(member) MR_OPTION_HOME(protobuf_given, member)

static const struct mr_option_spec protobuf_options[] = {
    {"mode", MR_OPTION_TEXT, "FAILFAST", "PERMISSIVE: NULL for what is malformed; FAILFAST: an error",
     TO(mode)},
    {"recursive.fields.max.depth", MR_OPTION_INTEGER, "-1",
     "how often a message that holds itself is followed, 1 .. 10", TO(options.recursion_limit)},
    {"enums.as.ints", MR_OPTION_BOOLEAN, "false", "numbers of enums instead of names",
     TO(options.enums_as_ints)},
    {"emit.default.values", MR_OPTION_BOOLEAN, "false",
     "zero instead of NULL for fields of proto3 that are not optional", TO(options.emit_defaults)},
    {"upcast.unsigned.ints", MR_OPTION_BOOLEAN, "false", "BIGINT for uint32, DECIMAL(20,0) for uint64",
     TO(options.upcast_unsigned)},
    {"unwrap.primitive.wrapper.types", MR_OPTION_BOOLEAN, "false",
     "the value of google.protobuf.Int32Value and kin, not a struct", TO(options.unwrap)},
    {"retain.empty.message.types", MR_OPTION_BOOLEAN, "false",
     "messages without fields become a struct of one that is always NULL", TO(options.retain_empty)},
    {"convert.any.fields.to.json", MR_OPTION_BOOLEAN, "false",
     "google.protobuf.Any as a STRING of JSON, not a struct of type_url and value", TO(any_as_json)},
    {0},
};

struct protobuf_bound {
    bool fail_fast;
    const struct mr_proto_plan *plan;       /* from_protobuf */
    const struct mr_proto_encoder *encoder; /* to_protobuf */
};

/* ---- resolving ---- */
static int read_descriptor(struct mr_resolve *r, int i, struct mr_proto_set *set, struct mr_error *error)
{
    const struct mr_column *bytes = NULL;
    struct mr_text content;
    struct mr_str path;
    if (r->arguments[i]->type->id == MR_BINARY) {
        MR_TRY(mr_resolve_constant(r, i, &bytes, error));
        if (bytes && !mr_column_is_null(bytes, 0)) {
            int status = mr_proto_set_parse(r->builder->arena, mr_view_str(&bytes->views[0]), set, error);
            return status < 0 ? mr_builder_error_at(r->builder, error) : MR_OK;
        }
    }
    MR_TRY(mr_message_constant(r, i, "the descriptor is the constant name of a file, or its bytes", &path,
                               error));
    if (!path.data)
        return mr_message_argument_error(
            r, "without a descriptor there are Java's classes only, which are not here", error);
    char *name = mr_arena_copy_text(r->builder->arena, path.data, path.size);
    if (!name)
        return mr_error_memory(error, path.size);
    mr_text_init(&content);
    int status = mr_file_read_all(name, &content, error);
    if (status == MR_E_IO) {
        char cause[300];
        snprintf(cause, sizeof cause, "%s", error->message);
        mr_error_clear(error);
        status = mr_resolve_error(r, error, "PROTOBUF_DESCRIPTOR_FILE_NOT_FOUND",
                                  "The descriptor file cannot be read: %s", cause);
        mr_error_parameter(error, "filePath", "%s", name);
    } else if (status == MR_OK &&
               mr_proto_set_parse(r->builder->arena, mr_text_str(&content), set, error) < 0) {
        status = mr_builder_error_at(r->builder, error);
    }
    mr_text_release(&content);
    return status;
}

static int find_message(struct mr_resolve *r, const struct mr_proto_message **out,
                        const struct mr_proto_set **types, struct mr_error *error)
{
    struct mr_proto_set *set = MR_ARENA_NEW(r->builder->arena, struct mr_proto_set);
    struct mr_str name;
    *types = set;
    if (!set)
        return mr_error_memory(error, sizeof *set);
    MR_TRY(mr_message_constant(r, 1, "the message's name is a constant string", &name, error));
    MR_TRY(read_descriptor(r, 2, set, error));
    *out = name.data ? mr_proto_find(set, name) : NULL;
    if (*out)
        return MR_OK;
    mr_resolve_error(r, error, "PROTOBUF_MESSAGE_NOT_FOUND", "The descriptor has no message `%.*s`.",
                     (int)(name.size > 200 ? 200 : name.size), name.data ? name.data : "");
    mr_error_parameter(error, "messageName", "%.*s", (int)(name.size > 200 ? 200 : name.size),
                       name.data ? name.data : "");
    return error->code;
}

static int prepare(struct mr_resolve *r, struct protobuf_bound **bound,
                   const struct mr_proto_message **message, struct mr_proto_options *options,
                   struct mr_error *error)
{
    struct protobuf_given given = {0};
    const struct mr_proto_set *types;
    *bound = MR_ARENA_NEW(r->builder->arena, struct protobuf_bound);
    if (!*bound)
        return mr_error_memory(error, sizeof **bound);
    r->bound = *bound;
    if (r->count == 3)
        MR_TRY(mr_resolve_add_null(r, error));
    MR_TRY(mr_message_options(r, 3, protobuf_options, &given, error));
    MR_TRY(mr_message_mode(r, given.mode, &(*bound)->fail_fast, error));
    MR_TRY(find_message(r, message, &types, error));
    *options = given.options;
    if (given.any_as_json)
        options->any_types = types;
    return MR_OK;
}

static int resolve_from_protobuf(struct mr_resolve *r, struct mr_error *error)
{
    struct protobuf_bound *bound;
    const struct mr_proto_message *message;
    struct mr_proto_options options;
    MR_TRY(mr_message_binary(r, 0, error));
    MR_TRY(prepare(r, &bound, &message, &options, error));
    if (mr_proto_sql_type(r->builder->arena, message, &options, &r->type, error) < 0 ||
        mr_proto_plan_make(r->builder->arena, message, r->type, &options, &bound->plan, error) < 0)
        return mr_builder_error_at(r->builder, error);
    if (!bound->fail_fast)
        r->type = mr_type_as_nullable(r->builder->arena, r->type);
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

static int resolve_to_protobuf(struct mr_resolve *r, struct mr_error *error)
{
    struct protobuf_bound *bound;
    const struct mr_proto_message *message;
    struct mr_proto_options options;
    const struct mr_expression *value = r->arguments[0];
    if (value->type->id != MR_STRUCT && value->type->id != MR_VOID)
        return mr_resolve_unexpected_type(r, 0, "\"STRUCT\"", error);
    MR_TRY(prepare(r, &bound, &message, &options, error));
    if (value->type->id == MR_STRUCT &&
        mr_proto_encoder_make(r->builder->arena, value->type, message, r->builder->session->case_sensitive,
                              &bound->encoder, error) < 0)
        return mr_builder_error_at(r->builder, error);
    r->type = mr_type_of(MR_BINARY);
    r->nullable = value->nullable;
    return MR_OK;
}

/* ---- running ---- */
static int read_message(struct mr_call *call, struct mr_str message, struct mr_column *out,
                        struct mr_error *error)
{
    const struct protobuf_bound *bound = call->expression->bound;
    return mr_proto_decode(bound->plan, message, out, error);
}

MR_KERNEL(kernel_from_protobuf)
{
    const struct protobuf_bound *bound = call->expression->bound;
    return mr_message_kernel(call, arguments[0], rows, out->length, bound->fail_fast, read_message, error);
}

static int open_text(struct mr_call *call, struct mr_error *error)
{
    struct mr_text *text = mr_allocate(sizeof *text);
    call->state = text;
    if (!text)
        return mr_error_memory(error, sizeof *text);
    mr_text_init(text);
    return MR_OK;
}

static void close_text(struct mr_call *call)
{
    if (call->state)
        mr_text_release(call->state);
    mr_free(call->state);
}

MR_KERNEL(kernel_to_protobuf)
{
    const struct protobuf_bound *bound = call->expression->bound;
    struct mr_text *text = call->state;
    MR_FOR_ROWS (i, rows, out->length) {
        if (!bound->encoder || mr_column_is_null(arguments[0], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        mr_text_clear(text);
        MR_TRY(mr_proto_encode(bound->encoder, arguments[0], i, text, error));
        MR_TRY(mr_out_text(out, i, text, error));
    }
    return MR_OK;
}

const struct mr_function mr_functions_protobuf[] = {
    {"from_protobuf", 3, 4, MR_FN_MAY_BE_NULL, resolve_from_protobuf, kernel_from_protobuf, NULL, NULL, NULL,
     NULL, NULL},
    {"to_protobuf", 3, 4, 0, resolve_to_protobuf, kernel_to_protobuf, open_text, close_text, NULL, NULL,
     NULL},
    {0},
};
