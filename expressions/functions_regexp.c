/* expressions/functions_regexp.c: functions on regular expressions: rlike, regexp_replace, regexp_extract,
 * split, … */
#include "expressions/function_tools.h"
#include "expressions/regex.h"
#include "expressions/registry.h"
#include "expressions/string_kernels.h"

/* ---- the pattern of a call: compiled when it is first needed, kept as long as it stays the same ---- */
struct regexp_state {
    struct mr_regex *regex;
    struct mr_text pattern;
    struct mr_text result;
};

static int open_state(struct mr_call *call, struct mr_error *error)
{
    struct regexp_state *state = mr_allocate_zeroed(sizeof *state);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    mr_text_init(&state->pattern);
    mr_text_init(&state->result);
    call->state = state;
    return MR_OK;
}

static void close_state(struct mr_call *call)
{
    struct regexp_state *state = call->state;
    if (!state)
        return;
    mr_regex_free(state->regex);
    mr_text_release(&state->pattern);
    mr_text_release(&state->result);
    mr_free(state);
}

static int use_pattern(struct mr_call *call, struct mr_str pattern, struct mr_regex **out,
                       struct mr_error *error)
{
    struct regexp_state *state = call->state;
    if (!state->regex || !mr_str_equal(pattern, mr_text_str(&state->pattern))) {
        mr_regex_free(state->regex);
        state->regex = NULL;
        mr_text_clear(&state->pattern);
        mr_text_append(&state->pattern, pattern.data, pattern.size);
        if (state->pattern.failed)
            return mr_error_memory(error, pattern.size);
        MR_TRY(mr_regex_compile(&state->regex, pattern, call->expression->function->name, error));
    }
    *out = state->regex;
    return MR_OK;
}

/* Where the search goes on behind a match: an empty one steps over a character. */
static size_t next_start(struct mr_str text, size_t start, size_t end)
{
    if (end > start)
        return end;
    return end < text.size ? end + mr_utf8_step(text.data + end, text.size - end) : text.size + 1;
}

MR_KERNEL(kernel_rlike)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        int found = mr_regex_match(regex, mr_string_at(arguments[0], i), 0, error);
        MR_TRY(found);
        out->booleans[i] = (uint8_t)found;
    }
    return MR_OK;
}

/* ---- regexp_replace ---- */
static int bad_replacement(struct mr_str replacement, struct mr_error *error)
{
    int size = replacement.size > 200 ? 200 : (int)replacement.size;
    mr_row_error(error, "INVALID_REGEXP_REPLACE",
                 "The replacement '%.*s' names a group that the regular expression does not have.", size,
                 replacement.data);
    mr_error_parameter(error, "replacement", "%.*s", size, replacement.data);
    return error->code;
}

/* $1, ${name}: *at is behind the '$'. Digits are taken as long as there is such a group. */
static int read_group(const struct mr_regex *regex, struct mr_str text, size_t *at)
{
    if (*at < text.size && text.data[*at] == '{') {
        const char *begin = text.data + *at + 1, *end = memchr(begin, '}', text.size - *at - 1);
        if (!end)
            return -1;
        *at = (size_t)(end - text.data) + 1;
        return mr_regex_group_number(regex, (struct mr_str){begin, (size_t)(end - begin)});
    }
    int groups = mr_regex_groups(regex), group = -1;
    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
        int longer = (group < 0 ? 0 : group * 10) + (text.data[*at] - '0');
        if (group >= 0 && longer > groups)
            break;
        group = longer;
    }
    return group > groups ? -1 : group;
}

static int append_replacement(struct mr_text *out, const struct mr_regex *regex, struct mr_str text,
                              struct mr_str replacement, struct mr_error *error)
{
    for (size_t i = 0; i < replacement.size;) {
        char c = replacement.data[i++];
        if (c == '\\') {
            if (i == replacement.size)
                return bad_replacement(replacement, error);
            mr_text_append_char(out, replacement.data[i++]);
        } else if (c == '$') {
            size_t start, end;
            int group = read_group(regex, replacement, &i);
            if (group < 0)
                return bad_replacement(replacement, error);
            if (mr_regex_group(regex, group, &start, &end))
                mr_text_append(out, text.data + start, end - start);
        } else {
            mr_text_append_char(out, c);
        }
    }
    return MR_OK;
}

/* text from `position` on; what stands before it is not seen by the pattern, and copied. */
static int replace_row(struct mr_call *call, struct mr_str value, struct mr_str pattern,
                       struct mr_str replacement, int32_t position, bool *changed, struct mr_error *error)
{
    struct mr_text *out = &((struct regexp_state *)call->state)->result;
    struct mr_regex *regex;
    size_t skipped = mr_utf8_offset(value.data, value.size, position - 1), from = 0, copied = 0, start = 0,
           end = 0;
    *changed = false;
    if (position > 1 && skipped >= value.size)
        return MR_OK;
    struct mr_str text = {value.data + skipped, value.size - skipped};
    bool plain =
        !memchr(replacement.data, '$', replacement.size) && !memchr(replacement.data, '\\', replacement.size);
    MR_TRY(use_pattern(call, pattern, &regex, error));
    mr_text_clear(out);
    mr_text_append(out, value.data, skipped);
    while (true) {
        int found = mr_regex_match(regex, text, from, error);
        MR_TRY(found);
        if (!found)
            break;
        *changed = true;
        mr_regex_group(regex, 0, &start, &end);
        mr_text_append(out, text.data + copied, start - copied);
        if (plain)
            mr_text_append(out, replacement.data, replacement.size);
        else
            MR_TRY(append_replacement(out, regex, text, replacement, error));
        copied = end;
        from = next_start(text, start, end);
    }
    mr_text_append(out, text.data + copied, text.size - copied);
    return MR_OK;
}

MR_KERNEL(kernel_regexp_replace)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        bool changed;
        MR_TRY(replace_row(call, mr_string_at(arguments[0], i), mr_string_at(arguments[1], i),
                           mr_string_at(arguments[2], i), arguments[3]->i32[i], &changed, error));
        if (changed)
            MR_TRY(mr_out_text(out, i, &((struct regexp_state *)call->state)->result, error));
        else
            out->views[i] = arguments[0]->views[i];
    }
    return MR_OK;
}

/* ---- regexp_extract and kin ---- */
static int check_group(const struct mr_regex *regex, struct mr_call *call, int32_t group,
                       struct mr_error *error)
{
    int groups = mr_regex_groups(regex);
    if (group >= 0 && group <= groups)
        return MR_OK;
    const char *name = call->expression->function->name;
    mr_row_error(error, "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
                 "`%s` was asked for group %d of a regular expression whose groups are 0 to %d.", name, group,
                 groups);
    mr_error_parameter(error, "functionName", "`%s`", name);
    mr_error_parameter(error, "parameter", "`idx`");
    mr_error_parameter(error, "groupCount", "%d", groups);
    mr_error_parameter(error, "groupIndex", "%d", group);
    return error->code;
}

MR_KERNEL(kernel_regexp_extract)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        struct mr_str text = mr_string_at(arguments[0], i);
        size_t start = 0, end = 0;
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        int found = mr_regex_match(regex, text, 0, error);
        MR_TRY(found);
        MR_TRY(check_group(regex, call, arguments[2]->i32[i], error));
        if (!found || !mr_regex_group(regex, arguments[2]->i32[i], &start, &end))
            start = end = 0;
        out->views[i] = mr_view_of(text.data + start, (uint32_t)(end - start));
    }
    return MR_OK;
}

MR_KERNEL(kernel_regexp_extract_all)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *child = out->children[0];
    MR_TRY(mr_column_keep_all_of(child, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        struct mr_str text = mr_string_at(arguments[0], i);
        mr_list_begin(&writer, i);
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        MR_TRY(check_group(regex, call, arguments[2]->i32[i], error));
        for (size_t from = 0;;) {
            size_t start = 0, end = 0, first = 0, last = 0;
            int found = mr_regex_match(regex, text, from, error);
            MR_TRY(found);
            if (!found)
                break;
            mr_regex_group(regex, 0, &start, &end);
            if (!mr_regex_group(regex, arguments[2]->i32[i], &first, &last))
                first = last = 0;
            MR_TRY(mr_append_view(child, (struct mr_str){text.data + first, last - first}, error));
            from = next_start(text, start, end);
        }
    }
    mr_list_finish(&writer);
    return MR_OK;
}

MR_KERNEL(kernel_regexp_count)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        struct mr_str text = mr_string_at(arguments[0], i);
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        out->i32[i] = 0;
        for (size_t from = 0, start = 0, end = 0;; from = next_start(text, start, end)) {
            int found = mr_regex_match(regex, text, from, error);
            MR_TRY(found);
            if (!found)
                break;
            mr_regex_group(regex, 0, &start, &end);
            out->i32[i]++;
        }
    }
    return MR_OK;
}

MR_KERNEL(kernel_regexp_instr)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        struct mr_str text = mr_string_at(arguments[0], i);
        size_t start = 0, end = 0;
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        int found = mr_regex_match(regex, text, 0, error);
        MR_TRY(found);
        if (found)
            mr_regex_group(regex, 0, &start, &end);
        out->i32[i] = found ? (int32_t)mr_utf8_count(text.data, start) + 1 : 0;
    }
    return MR_OK;
}

MR_KERNEL(kernel_regexp_substr)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_regex *regex;
        struct mr_str text = mr_string_at(arguments[0], i);
        size_t start = 0, end = 0;
        MR_TRY(use_pattern(call, mr_string_at(arguments[1], i), &regex, error));
        int found = mr_regex_match(regex, text, 0, error);
        MR_TRY(found);
        if (!found) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        mr_regex_group(regex, 0, &start, &end);
        out->views[i] = mr_view_of(text.data + start, (uint32_t)(end - start));
    }
    return MR_OK;
}

/* ---- split ---- */
static int split_characters(struct mr_column *child, struct mr_str text, int32_t limit,
                            struct mr_error *error)
{
    int64_t count = mr_utf8_count(text.data, text.size), parts = limit > count || limit <= 0 ? count : limit;
    size_t at = 0;
    for (int64_t k = 0; k + 1 < parts; k++) {
        size_t step = mr_utf8_step(text.data + at, text.size - at);
        MR_TRY(mr_append_view(child, (struct mr_str){text.data + at, step}, error));
        at += step;
    }
    return mr_append_view(child, (struct mr_str){text.data + at, text.size - at}, error);
}

/* A pattern that is one plain character, escaped or not: the character, else 0. */
static char single_character(struct mr_str pattern)
{
    if (pattern.size == 1 && (unsigned char)pattern.data[0] < 0x80 &&
        !strchr(".$|()[{^?*+\\", pattern.data[0]))
        return pattern.data[0];
    if (pattern.size == 2 && pattern.data[0] == '\\') {
        char c = pattern.data[1];
        bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        return alphanumeric || (unsigned char)c >= 0x80 ? 0 : c;
    }
    return 0;
}

static int split_by_character(struct mr_column *child, struct mr_str text, char c, int32_t limit,
                              struct mr_error *error)
{
    size_t at = 0;
    for (int32_t parts = 1; limit <= 0 || parts < limit; parts++) {
        const char *end = memchr(text.data + at, c, text.size - at);
        if (!end)
            break;
        MR_TRY(mr_append_view(child, (struct mr_str){text.data + at, (size_t)(end - text.data) - at}, error));
        at = (size_t)(end - text.data) + 1;
    }
    return mr_append_view(child, (struct mr_str){text.data + at, text.size - at}, error);
}

/* An empty match at the very beginning separates nothing. */
static int split_by_regex(struct mr_regex *regex, struct mr_column *child, struct mr_str text, int32_t limit,
                          struct mr_error *error)
{
    size_t at = 0, from = 0, start = 0, end = 0;
    for (int32_t parts = 1; limit <= 0 || parts < limit;) {
        int found = mr_regex_match(regex, text, from, error);
        MR_TRY(found);
        if (!found)
            break;
        mr_regex_group(regex, 0, &start, &end);
        from = next_start(text, start, end);
        if (at == 0 && start == 0 && end == 0)
            continue;
        MR_TRY(mr_append_view(child, (struct mr_str){text.data + at, start - at}, error));
        at = end;
        parts++;
    }
    return mr_append_view(child, (struct mr_str){text.data + at, text.size - at}, error);
}

MR_KERNEL(kernel_split)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *child = out->children[0];
    MR_TRY(mr_column_keep_all_of(child, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i), pattern = mr_string_at(arguments[1], i);
        int32_t limit = arguments[2]->i32[i];
        char single = single_character(pattern);
        struct mr_regex *regex;
        mr_list_begin(&writer, i);
        if (text.size > 0 && pattern.size == 0) {
            MR_TRY(split_characters(child, text, limit, error));
        } else if (single) {
            MR_TRY(split_by_character(child, text, single, limit, error));
        } else {
            MR_TRY(use_pattern(call, pattern, &regex, error));
            MR_TRY(split_by_regex(regex, child, text, limit, error));
        }
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* ---- resolving ---- */
static int resolve_replace(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 3)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 1, error));
    MR_TRY(mr_resolve_signature(r, "sssi>s", error));
    int64_t position;
    bool is_null;
    MR_TRY(mr_resolve_constant_i64(r, 3, &position, &is_null, error));
    if (!is_null && position < 1) {
        mr_resolve_error(r, error, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                         "The position of regexp_replace counts from 1; it is %lld.", (long long)position);
        mr_error_parameter(error, "exprName", "position");
        mr_error_parameter(error, "valueRange", "(0, 2147483647]");
        mr_error_parameter(error, "currentValue", "%lld", (long long)position);
        return error->code;
    }
    return MR_OK;
}

static int resolve_extract(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 1, error));
    return mr_resolve_signature(r, r->function->data, error);
}

/* The third argument of regexp_instr is taken and not looked at, as in Spark. */
static int resolve_instr(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), 0, error));
    return mr_resolve_signature(r, "ssi>i", error);
}

static int resolve_split(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 2)
        MR_TRY(mr_resolve_add_i64(r, mr_type_of(MR_INT), -1, error));
    MR_TRY(mr_resolve_signature(r, "ssi>s", error));
    r->type = mr_type_array(r->builder->arena, mr_type_of(MR_STRING), false);
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

#define N MR_FN_NULL_IF_ANY
#define REGEXP(name, least, most, flags, resolve, kernel, signature, shown)                                  \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, open_state, close_state, signature, signature, shown      \
    }

const struct mr_function mr_functions_regexp[] = {
    REGEXP("rlike", 2, 2, N, NULL, kernel_rlike, "ss>b", "RLIKE"),
    REGEXP("regexp", 2, 2, N, NULL, kernel_rlike, "ss>b", "REGEXP"),
    REGEXP("regexp_like", 2, 2, N, NULL, kernel_rlike, "ss>b", "REGEXP_LIKE"),
    REGEXP("regexp_replace", 3, 4, N, resolve_replace, kernel_regexp_replace, NULL, NULL),
    REGEXP("regexp_extract", 2, 3, N, resolve_extract, kernel_regexp_extract, "ssi>s", NULL),
    REGEXP("regexp_extract_all", 2, 3, N, resolve_extract, kernel_regexp_extract_all, "ssi>[s]", NULL),
    REGEXP("regexp_count", 2, 2, N, NULL, kernel_regexp_count, "ss>i", NULL),
    REGEXP("regexp_instr", 2, 3, N, resolve_instr, kernel_regexp_instr, NULL, NULL),
    REGEXP("regexp_substr", 2, 2, N | MR_FN_MAY_BE_NULL, NULL, kernel_regexp_substr, "ss>s", NULL),
    REGEXP("split", 2, 3, N, resolve_split, kernel_split, NULL, NULL),
    {0},
};
