/* expressions/regex.h: Java's regular expressions on PCRE2.
 *
 * The pattern is translated (classes with unions and intersections, POSIX and Java names of character
 * properties, flags that mean something else) and compiled just in time. What Java has and PCRE2 cannot do,
 * and what is no pattern to Java, is refused. Differences that remain: (?i) folds case by Unicode, Java only
 * ASCII unless (?u). */
#ifndef MR_EXPRESSIONS_REGEX_H
#define MR_EXPRESSIONS_REGEX_H

#include "base/memory.h"

struct mr_regex;
/* Error INVALID_PARAMETER_VALUE.PATTERN naming the function and the pattern; code MR_E_DATA. */
int mr_regex_compile(struct mr_regex **out, struct mr_str pattern, const char *function,
                     struct mr_error *error);
void mr_regex_free(struct mr_regex *regex); /* NULL allowed */
int mr_regex_groups(const struct mr_regex *regex);
/* Number of the named group; -1: none. */
int mr_regex_group_number(const struct mr_regex *regex, struct mr_str name);
/* The first match in text at or after from: 1, or 0 when there is none; negative: an error (the match took
 * too long). */
int mr_regex_match(struct mr_regex *regex, struct mr_str text, size_t from, struct mr_error *error);
/* Of the last match: where group `group` (0: all) begins and ends; false: it took no part. */
bool mr_regex_group(const struct mr_regex *regex, int group, size_t *start, size_t *end);

/* Java's syntax -> PCRE2's, appended to out; *unicode_classes: (?U) was given at the start. false: not a
 * pattern. */
bool mr_regex_translate(struct mr_str pattern, struct mr_text *out, bool *unicode_classes);

#endif
