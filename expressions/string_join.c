/* expressions/string_join.c: concat of strings and binaries, concat_ws, elt. */
#include "expressions/string_kernels.h"

MR_KERNEL(mr_string_concat)
{
    int count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        size_t size = 0;
        for (int k = 0; k < count; k++)
            size += arguments[k]->views[i].size;
        char *to = size > INT32_MAX ? NULL : mr_out_begin(out, size), *at = to;
        if (!to)
            return mr_error_memory(error, size);
        for (int k = 0; k < count; k++) {
            struct mr_str value = mr_string_at(arguments[k], i);
            if (value.size > 0)
                memcpy(at, value.data, value.size);
            at += value.size;
        }
        mr_out_end(out, i, to, size, size);
    }
    return MR_OK;
}

static void append_joined(struct mr_text *text, struct mr_str separator, struct mr_str value, bool *first)
{
    if (!*first)
        mr_text_append(text, separator.data, separator.size);
    mr_text_append(text, value.data, value.size);
    *first = false;
}

/* concat_ws(separator, string or array of strings, …): NULLs are left out; a NULL separator gives NULL. */
MR_KERNEL(mr_string_concat_ws)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK, count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i)) {
            MR_ERR(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_str separator = mr_string_at(arguments[0], i);
        bool first = true;
        mr_text_clear(&text);
        for (int k = 1; k < count; k++) {
            const struct mr_column *argument = arguments[k];
            if (mr_column_is_null(argument, i))
                continue;
            if (argument->type->id != MR_ARRAY) {
                append_joined(&text, separator, mr_string_at(argument, i), &first);
                continue;
            }
            const struct mr_column *elements = argument->children[0];
            for (int32_t e = argument->offsets[i]; e < argument->offsets[i + 1]; e++)
                if (!mr_column_is_null(elements, e))
                    append_joined(&text, separator, mr_string_at(elements, e), &first);
        }
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* elt(n, a, b, …): the n-th of what follows. */
MR_KERNEL(mr_string_elt)
{
    int count = call->expression->argument_count - 1;
    for (int k = 1; k <= count; k++)
        MR_TRY(mr_column_keep_all_of(out, arguments[k], error));
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        int32_t n = arguments[0]->i32[i];
        if (n < 1 || n > count) {
            mr_row_error(error, "INVALID_ARRAY_INDEX", "The index %d is out of bounds: there are %d values.",
                         n, count);
            mr_error_parameter(error, "indexValue", "%d", n);
            mr_error_parameter(error, "arraySize", "%d", count);
            mr_error_parameter(error, "ansiConfig", "%s", "\"spark.sql.ansi.enabled\"");
            return error->code;
        }
        if (mr_column_is_null(arguments[n], i))
            MR_TRY(mr_column_set_null(out, i, error));
        else
            out->views[i] = arguments[n]->views[i];
    }
    return MR_OK;
}
