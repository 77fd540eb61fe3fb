/* expressions/message_call.c: see message_call.h. */
#include "expressions/message_call.h"

#include "expressions/json_convert.h"

int mr_message_argument_error(struct mr_resolve *r, const char *what, struct mr_error *error)
{
    return mr_resolve_error(r, error, "DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT",
                            "An argument of `%s` is not what it must be: %s.", r->name, what);
}

int mr_message_binary(struct mr_resolve *r, int i, struct mr_error *error)
{
    enum mr_type_id id = r->arguments[i]->type->id;
    if (id != MR_BINARY && id != MR_VOID)
        return mr_resolve_unexpected_type(r, i, "\"BINARY\"", error);
    return mr_resolve_cast(r, i, mr_type_of(MR_BINARY), error);
}

int mr_message_constant(struct mr_resolve *r, int i, const char *what, struct mr_str *out,
                        struct mr_error *error)
{
    const struct mr_column *value = NULL;
    *out = (struct mr_str){NULL, 0};
    if (r->arguments[i]->type->id == MR_VOID)
        return MR_OK;
    if (r->arguments[i]->type->id == MR_STRING)
        MR_TRY(mr_resolve_constant(r, i, &value, error));
    if (!value)
        return mr_message_argument_error(r, what, error);
    if (!mr_column_is_null(value, 0))
        *out = mr_view_str(&value->views[0]);
    return MR_OK;
}

int mr_message_mode(struct mr_resolve *r, const char *mode, bool *fail_fast, struct mr_error *error)
{
    *fail_fast = mr_str_equal_nocase(mr_str_of(mode), MR_STR("FAILFAST"));
    if (!mr_str_equal_nocase(mr_str_of(mode), MR_STR("DROPMALFORMED")))
        return MR_OK;
    mr_resolve_error(r, error, "PARSE_MODE_UNSUPPORTED", "`%s` knows the modes PERMISSIVE and FAILFAST.",
                     r->name);
    mr_error_parameter(error, "funcName", "`%s`", r->name);
    mr_error_parameter(error, "mode", "DROPMALFORMED");
    return error->code;
}

int mr_message_options(struct mr_resolve *r, int i, const struct mr_option_spec *table, void *into,
                       struct mr_error *error)
{
    const struct mr_column *map = NULL;
    const struct mr_option *options = NULL;
    int count = 0;
    const struct mr_type *type = i < r->count ? r->arguments[i]->type : mr_type_of(MR_VOID);
    bool empty = type->id == MR_MAP && type->fields[0].type->id == MR_VOID;
    if (type->id == MR_MAP &&
        (empty || (type->fields[0].type->id == MR_STRING && type->fields[1].type->id == MR_STRING)))
        MR_TRY(mr_resolve_constant(r, i, &map, error));
    if (!map && type->id != MR_VOID)
        return mr_message_argument_error(r, "options are a constant map of strings to strings", error);
    if (map && !empty)
        MR_TRY(mr_resolve_options(r, map, &options, &count, error));
    if (mr_options_read(table, r->name, options, count, into, error) < 0)
        return mr_builder_error_at(r->builder, error);
    return MR_OK;
}

/* A struct that is there, all its members NULL; any other type: NULL. */
static int append_nothing(struct mr_column *out, struct mr_error *error)
{
    int64_t row;
    if (out->type->id != MR_STRUCT)
        return mr_column_append_null(out, error);
    for (int i = 0; i < out->child_count; i++)
        MR_TRY(mr_column_append_null(out->children[i], error));
    return mr_append_row(out, &row, error);
}

int mr_message_kernel(struct mr_call *call, const struct mr_column *messages, const struct mr_selection *rows,
                      int64_t length, bool fail_fast, mr_message_read read, struct mr_error *error)
{
    struct mr_column *out = mr_column_new(call->expression->type, length);
    int64_t next = 0;
    struct mr_error cause;
    if (!out)
        return mr_row_memory(error);
    call->result = out;
    for (int i = 0; i < messages->kept_count; i++) /* what is read are views into the messages */
        MR_TRY(mr_json_converter_keep(out, messages->kept[i], error));
    MR_FOR_ROWS (i, rows, length) {
        for (; next < i; next++)
            MR_TRY(mr_column_append_null(out, error));
        next = i + 1;
        if (mr_column_is_null(messages, i)) {
            MR_TRY(mr_column_append_null(out, error));
            continue;
        }
        mr_error_clear(&cause);
        int status = read(call, mr_string_at(messages, i), out, &cause);
        if (status == MR_E_DATA && !fail_fast) {
            MR_TRY(append_nothing(out, error));
        } else if (status < 0) {
            *error = cause;
            return status;
        }
    }
    for (; next < length; next++)
        MR_TRY(mr_column_append_null(out, error));
    return MR_OK;
}

/* ---- maps ---- */
static bool has_doubles(const struct mr_column *keys, int64_t first)
{
    for (int64_t i = first; i < keys->length; i++)
        for (int64_t k = first; k < i; k++)
            if (mr_column_compare(keys, i, keys, k) == 0)
                return true;
    return false;
}

int mr_message_last_keys(struct mr_column *map, int64_t first, struct mr_error *error)
{
    struct mr_column *keys = map->children[0], *kept[2] = {NULL, NULL};
    int64_t count = keys->length - first, left = 0;
    struct mr_map seen;
    struct mr_text key;
    if (count < 2 || (count <= 8 && !has_doubles(keys, first)))
        return MR_OK;
    int32_t *rows = mr_allocate(sizeof *rows * (size_t)count);
    if (!rows)
        return mr_error_memory(error, sizeof *rows * (size_t)count);
    mr_map_init(&seen);
    mr_text_init(&key);
    int status = MR_OK;
    for (int64_t i = first; i < keys->length; i++) {
        bool created;
        mr_text_clear(&key);
        mr_key_append(&key, keys, i);
        struct mr_map_entry *entry = key.failed ? NULL : mr_map_put(&seen, mr_text_str(&key), &created);
        if (!entry)
            MR_ERR(mr_error_memory(error, key.size));
        if (created)
            entry->number = left++;
        rows[entry->number] = (int32_t)i;
    }
    for (int c = 0; c < 2 && left < count; c++)
        MR_ERR(mr_column_take(map->children[c], rows, left, &kept[c], error));
    for (int c = 0; c < 2 && left < count; c++) {
        mr_append_undo(map->children[c], first);
        MR_ERR(mr_column_append_range(map->children[c], kept[c], 0, left, error));
    }
err:
    mr_map_release(&seen);
    mr_text_release(&key);
    mr_free(rows);
    mr_column_unref(kept[0]);
    mr_column_unref(kept[1]);
    return status;
}
