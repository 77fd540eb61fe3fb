/* expressions/regex.c: compiling and matching with PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "expressions/regex.h"

struct mr_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    const PCRE2_SIZE *groups;
    int found; /* groups set by the last match */
};

static int refuse(struct mr_str pattern, const char *function, const char *why, struct mr_error *error)
{
    int size = pattern.size > 200 ? 200 : (int)pattern.size;
    mr_error_set(error, MR_E_DATA, "INVALID_PARAMETER_VALUE.PATTERN",
                 "`%s` was given a regular expression that is none: '%.*s'%s%s.", function, size,
                 pattern.data, *why ? ": " : "", why);
    mr_error_parameter(error, "functionName", "`%s`", function);
    mr_error_parameter(error, "parameter", "`regexp`");
    mr_error_parameter(error, "value", "'%.*s'", size, pattern.data);
    return error->code;
}

static int compile(struct mr_regex *regex, struct mr_str pattern, const struct mr_text *translated,
                   bool unicode_classes, const char *function, struct mr_error *error)
{
    /* Java's '.' and '$' know line ends besides \n; ANYCRLF is the nearest. */
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return mr_error_memory(error, 0);
    pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    uint32_t options =
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | (unicode_classes ? PCRE2_UCP : 0);
    int code = 0;
    PCRE2_SIZE offset = 0;
    regex->code =
        pcre2_compile((PCRE2_SPTR)translated->data, translated->size, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!regex->code) {
        char message[160];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
        return refuse(pattern, function, message, error);
    }
    pcre2_jit_compile(regex->code,
                      PCRE2_JIT_COMPLETE); /* without it matching is interpreted: slower, the same */
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    regex->context = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->context)
        return mr_error_memory(error, 0);
    pcre2_set_match_limit(regex->context, 50000000);
    regex->groups = pcre2_get_ovector_pointer(regex->match);
    return MR_OK;
}

int mr_regex_compile(struct mr_regex **out, struct mr_str pattern, const char *function,
                     struct mr_error *error)
{
    struct mr_text translated;
    bool unicode_classes = false;
    *out = NULL;
    mr_text_init(&translated);
    struct mr_regex *regex = mr_allocate_zeroed(sizeof *regex);
    int status;
    if (!regex || translated.failed)
        status = mr_error_memory(error, sizeof *regex);
    else if (!mr_regex_translate(pattern, &translated, &unicode_classes))
        status = refuse(pattern, function, "", error);
    else
        status = compile(regex, pattern, &translated, unicode_classes, function, error);
    mr_text_release(&translated);
    if (status < 0)
        mr_regex_free(regex);
    else
        *out = regex;
    return status;
}

void mr_regex_free(struct mr_regex *regex)
{
    if (!regex)
        return;
    pcre2_match_context_free(regex->context);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    mr_free(regex);
}

int mr_regex_groups(const struct mr_regex *regex)
{
    uint32_t count = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &count);
    return (int)count;
}

int mr_regex_group_number(const struct mr_regex *regex, struct mr_str name)
{
    char text[64];
    if (name.size >= sizeof text)
        return -1;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)text);
    return number > 0 ? number : -1;
}

int mr_regex_match(struct mr_regex *regex, struct mr_str text, size_t from, struct mr_error *error)
{
    if (from > text.size)
        return 0;
    int found = pcre2_match(regex->code, (PCRE2_SPTR)(text.data ? text.data : ""), text.size, from, 0,
                            regex->match, regex->context);
    regex->found = found;
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0) {
        char message[160];
        pcre2_get_error_message(found, (PCRE2_UCHAR *)message, sizeof message);
        return mr_error_set(error, MR_E_DATA, "INVALID_PARAMETER_VALUE.PATTERN",
                            "A regular expression could not be matched with a value: %s.", message);
    }
    return 1;
}

bool mr_regex_group(const struct mr_regex *regex, int group, size_t *start, size_t *end)
{
    if (group >= regex->found || regex->groups[2 * group] == PCRE2_UNSET)
        return false;
    *start = regex->groups[2 * group];
    *end = regex->groups[2 * group + 1];
    return true;
}
