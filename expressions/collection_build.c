/* expressions/collection_build.c: making arrays, structs and maps. */
#include "expressions/collection_kernels.h"
#include "expressions/datetime_kernels.h"
#include "expressions/regex.h"

/* ---- arrays and structs of values ---- */
MR_KERNEL(mr_collection_array)
{
    struct mr_list_writer writer = mr_list_writer(out);
    int count = call->expression->argument_count;
    struct mr_column *child = out->children[0];
    for (int k = 0; k < count; k++)
        MR_TRY(mr_column_keep_all_of(child, arguments[k], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        for (int k = 0; k < count; k++)
            MR_TRY(mr_column_append(child, arguments[k], i, true, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

static int struct_of(struct mr_call *call, struct mr_column *const *arguments, int first, int step,
                     const struct mr_column *out, struct mr_error *error)
{
    struct mr_column *shell = mr_shell_new(out->type, out->length, error);
    if (!shell)
        return error->code;
    for (int f = 0; f < shell->child_count; f++)
        shell->children[f] = mr_column_ref(arguments[first + f * step]);
    call->result = shell;
    return MR_OK;
}

MR_KERNEL(mr_collection_struct)
{
    return struct_of(call, arguments, 0, 1, out, error);
}
MR_KERNEL(mr_collection_named_struct)
{
    return struct_of(call, arguments, 1, 2, out, error);
}

/* ---- maps ---- */
static struct mr_range added_since(const struct mr_column *child, int64_t before)
{
    return (struct mr_range){(int32_t)before, (int32_t)child->length};
}

MR_KERNEL(mr_collection_map)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *keys = out->children[0], *values = out->children[1];
    int count = call->expression->argument_count;
    for (int k = 0; k < count; k++)
        MR_TRY(mr_column_keep_all_of(out->children[k % 2], arguments[k], error));
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t before = keys->length;
        mr_list_begin(&writer, i);
        for (int k = 0; k < count; k += 2) {
            MR_TRY(mr_column_append(keys, arguments[k], i, true, error));
            MR_TRY(mr_column_append(values, arguments[k + 1], i, true, error));
        }
        MR_TRY(mr_map_keys_check(keys, added_since(keys, before), error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

MR_KERNEL(mr_collection_map_from_arrays)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *const *children = out->children;
    const struct mr_column *keys = arguments[0], *values = arguments[1];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range k = mr_range_of(keys, i), v = mr_range_of(values, i);
        mr_list_begin(&writer, i);
        if (k.last - k.first != v.last - v.first)
            return mr_row_error(error, "INVALID_PARAMETER_VALUE.LENGTH",
                                "map_from_arrays was given %d keys and %d values.", k.last - k.first,
                                v.last - v.first);
        MR_TRY(mr_map_keys_check(keys->children[0], k, error));
        MR_TRY(mr_column_append_range(children[0], keys->children[0], k.first, k.last - k.first, error));
        MR_TRY(mr_column_append_range(children[1], values->children[0], v.first, v.last - v.first, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* (ARRAY<STRUCT<key, value>>): NULL when an entry is. */
MR_KERNEL(mr_collection_map_from_entries)
{
    struct mr_list_writer writer = mr_list_writer(out);
    const struct mr_column *entries = arguments[0]->children[0];
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_range range = mr_range_of(arguments[0], i);
        int32_t count = range.last - range.first;
        bool has_null = false;
        mr_list_begin(&writer, i);
        for (int32_t k = range.first; entries->validity && k < range.last; k++)
            has_null |= mr_column_is_null(entries, k);
        if (has_null) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        MR_TRY(mr_map_keys_check(entries->children[0], range, error));
        MR_TRY(mr_column_append_range(out->children[0], entries->children[0], range.first, count, error));
        MR_TRY(mr_column_append_range(out->children[1], entries->children[1], range.first, count, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* map_keys, map_values: the same lists of one child; map_entries: of both, side by side. */
MR_KERNEL(mr_collection_map_part)
{
    const char *part = call->expression->function->data;
    const struct mr_column *map = arguments[0];
    struct mr_column *shell = mr_shell_new(out->type, out->length, error);
    if (!shell)
        return error->code;
    call->result = shell;
    memcpy(shell->offsets, map->offsets, sizeof *map->offsets * (size_t)(out->length + 1));
    MR_TRY(mr_shell_validity(shell, out, error));
    if (*part != 'e') {
        shell->children[0] = mr_column_ref(map->children[*part == 'v']);
        return MR_OK;
    }
    struct mr_column *entries = mr_shell_new(out->type->fields[0].type, map->children[0]->length, error);
    if (!entries)
        return error->code;
    shell->children[0] = entries;
    entries->children[0] = mr_column_ref(map->children[0]);
    entries->children[1] = mr_column_ref(map->children[1]);
    return MR_OK;
}

MR_KERNEL(mr_collection_map_concat)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *keys = out->children[0];
    int count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t before = keys->length;
        mr_list_begin(&writer, i);
        for (int k = 0; k < count; k++) {
            struct mr_range range = mr_range_of(arguments[k], i);
            int32_t size = range.last - range.first;
            MR_TRY(mr_column_append_range(keys, arguments[k]->children[0], range.first, size, error));
            MR_TRY(mr_column_append_range(out->children[1], arguments[k]->children[1], range.first, size,
                                          error));
        }
        MR_TRY(mr_map_keys_check(keys, added_since(keys, before), error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* ---- array_repeat ---- */
MR_KERNEL(mr_collection_repeat)
{
    struct mr_list_writer writer = mr_list_writer(out);
    MR_TRY(mr_column_keep_all_of(out->children[0], arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (mr_column_is_null(arguments[1], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        for (int32_t k = 0; k < arguments[1]->i32[i]; k++)
            MR_TRY(mr_column_append(out->children[0], arguments[0], i, true, error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* ---- sequence(start, stop [, step]) ---- */
static int illegal_bounds(struct mr_error *error)
{
    return mr_row_error(
        error, "INVALID_PARAMETER_VALUE.START",
        "The step of a sequence leads away from its end, or is 0, or the sequence is too long.");
}

static int integer_sequence(struct mr_column *child, int64_t start, int64_t stop, int64_t step,
                            struct mr_error *error)
{
    if (start != stop && (step == 0 || (step > 0) != (stop > start)))
        return illegal_bounds(error);
    if (start == stop)
        return mr_list_append_i64(child, start, error);
    mr_i128 count = ((mr_i128)stop - start) / step + 1;
    if (count > INT32_MAX - 15)
        return illegal_bounds(error);
    for (int64_t k = 0; k < (int64_t)count; k++)
        MR_TRY(mr_list_append_i64(child, (int64_t)((mr_i128)start + (mr_i128)step * k), error));
    return MR_OK;
}

struct time_step { /* one of them */
    int64_t months, days, micros;
};

/* Dates and timestamps: each element is so many steps from the start, in local time for days and months. */
static int time_sequence(struct mr_column *child, const struct mr_zone *zone, int64_t start, int64_t stop,
                         struct time_step step, struct mr_error *error)
{
    bool up = stop >= start;
    int64_t sign = step.months > 0 || step.days > 0 || step.micros > 0   ? 1
                   : step.months < 0 || step.days < 0 || step.micros < 0 ? -1
                                                                         : 0;
    bool date = child->type->id == MR_DATE;
    if (start != stop && (sign == 0 || (sign > 0) != up))
        return illegal_bounds(error);
    int64_t local = mr_local_us(zone, start);
    for (int64_t k = 0;; k++) {
        int64_t at = start;
        if (k > 0) {
            at = mr_local_add_months(local, step.months * k) + step.days * k * MR_DAY_US;
            at = step.micros != 0 ? start + step.micros * k : mr_instant_us(zone, at);
        }
        if (k > 0 && (sign == 0 || (sign > 0 ? at > stop : at < stop)))
            return MR_OK;
        if (k > INT32_MAX - 15)
            return illegal_bounds(error);
        MR_TRY(mr_list_append_i64(child, date ? mr_floor_div(at, MR_DAY_US) : at, error));
    }
}

static int time_row(struct mr_call *call, struct mr_column *const *arguments, int64_t i,
                    struct mr_column *child, struct mr_error *error)
{
    bool date = child->type->id == MR_DATE;
    int64_t unit = date ? MR_DAY_US : 1, start = mr_integer_at(arguments[0], i) * unit,
            stop = mr_integer_at(arguments[1], i) * unit;
    const struct mr_zone *zone = date ? NULL : mr_zone_of(call, child);
    struct time_step step = {.days = stop >= start ? 1 : -1};
    if (call->expression->argument_count > 2) {
        const struct mr_column *by = arguments[2];
        step = (struct time_step){0};
        if (by->type->id == MR_INTERVAL_YEAR_MONTH)
            step.months = by->i32[i];
        else if (by->i64[i] % MR_DAY_US == 0)
            step.days = by->i64[i] / MR_DAY_US;
        else
            step.micros = by->i64[i];
        if (date && step.micros != 0)
            return mr_row_error(error, "INVALID_PARAMETER_VALUE.START",
                                "The step of a sequence of dates must be whole days or months.");
    }
    return time_sequence(child, zone, start, stop, step, error);
}

MR_KERNEL(mr_collection_sequence)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *child = out->children[0];
    bool integral = mr_type_is_integral(child->type), stepped = call->expression->argument_count > 2;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (!integral) {
            MR_TRY(time_row(call, arguments, i, child, error));
            continue;
        }
        int64_t start = mr_integer_at(arguments[0], i), stop = mr_integer_at(arguments[1], i);
        MR_TRY(integer_sequence(child, start, stop,
                                stepped         ? mr_integer_at(arguments[2], i)
                                : stop >= start ? 1
                                                : -1,
                                error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

int mr_collection_resolve_sequence(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type;
    MR_TRY(mr_resolve_common(r, 0, 1, &type, error));
    bool time = type->id == MR_DATE || type->id == MR_TIMESTAMP || type->id == MR_TIMESTAMP_NTZ;
    if (type->id == MR_VOID)
        type = mr_type_of(MR_INT);
    if (!time && mr_type_is_integral(type)) {
        MR_TRY(mr_resolve_common(r, 0, -1, &type, error));
    } else if (!time || (r->count > 2 && r->arguments[2]->type->id != MR_INTERVAL_DAY_TIME &&
                         r->arguments[2]->type->id != MR_INTERVAL_YEAR_MONTH)) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES",
                         "`sequence` takes integers, or dates or timestamps and an interval.");
        mr_error_parameter(error, "functionName", "`sequence`");
        mr_error_parameter(error, "startType", "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"DATE\")");
        mr_error_parameter(error, "stepType",
                           "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")");
        mr_error_parameter(error, "otherStartType", "\"INTEGRAL\"");
        return error->code;
    }
    r->type = mr_type_array(r->builder->arena, type, false);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

/* ---- str_to_map(text, between pairs, between key and value): the delimiters are regular expressions ---- */
struct delimiter {
    struct mr_str text;
    struct mr_regex *regex; /* NULL: plain text */
};

static int set_delimiter(struct delimiter *d, struct mr_str text, struct mr_error *error)
{
    if (d->text.data && mr_str_equal(d->text, text))
        return MR_OK;
    mr_regex_free(d->regex);
    d->regex = NULL;
    d->text = text;
    for (size_t i = 0; i < text.size; i++)
        if (strchr(".$|()[{^?*+\\", text.data[i]) && text.data[i] != '\0')
            return mr_regex_compile(&d->regex, text, "str_to_map", error);
    return MR_OK;
}

/* The next delimiter in text[from, to): 1 and where it is, or 0. */
static int find_delimiter(struct delimiter *d, struct mr_str text, size_t from, size_t to, size_t *start,
                          size_t *end, struct mr_error *error)
{
    if (d->regex) {
        int found = mr_regex_match(d->regex, (struct mr_str){text.data, to}, from, error);
        return found > 0 && mr_regex_group(d->regex, 0, start, end) && *end > *start ? 1
               : found < 0                                                           ? found
                                                                                     : 0;
    }
    const char *at = d->text.size ? memmem(text.data + from, to - from, d->text.data, d->text.size) : NULL;
    if (!at)
        return 0;
    *start = (size_t)(at - text.data);
    *end = *start + d->text.size;
    return 1;
}

static int split_pairs(struct mr_column *keys, struct mr_column *values, struct mr_str text,
                       struct delimiter *between, struct delimiter *inside, struct mr_error *error)
{
    for (size_t at = 0;;) {
        size_t stop = text.size, next = 0, key_end, value = 0;
        int more = find_delimiter(between, text, at, text.size, &stop, &next, error);
        MR_TRY(more);
        stop = more ? stop : text.size;
        int pair = find_delimiter(inside, text, at, stop, &key_end, &value, error);
        MR_TRY(pair);
        key_end = pair ? key_end : stop;
        MR_TRY(mr_append_view(keys, (struct mr_str){text.data + at, key_end - at}, error));
        if (pair)
            MR_TRY(mr_append_view(values, (struct mr_str){text.data + value, stop - value}, error));
        else
            MR_TRY(mr_column_append_null(values, error));
        if (!more)
            return MR_OK;
        at = next;
    }
}

MR_KERNEL(mr_collection_str_to_map)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *keys = out->children[0], *values = out->children[1];
    struct delimiter between = {0}, inside = {0};
    int status = MR_OK;
    MR_ERR(mr_column_keep_all_of(keys, arguments[0], error));
    MR_ERR(mr_column_keep_all_of(values, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t before = keys->length;
        mr_list_begin(&writer, i);
        MR_ERR(set_delimiter(&between, mr_string_at(arguments[1], i), error));
        MR_ERR(set_delimiter(&inside, mr_string_at(arguments[2], i), error));
        MR_ERR(split_pairs(keys, values, mr_string_at(arguments[0], i), &between, &inside, error));
        MR_ERR(mr_map_keys_check(keys, added_since(keys, before), error));
    }
    mr_list_finish(&writer);
err:
    mr_regex_free(between.regex);
    mr_regex_free(inside.regex);
    return status;
}
