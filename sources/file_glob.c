/* sources/file_glob.c: globs: braces expanded beforehand, the rest matched with one point of return. */
#include "sources/file_glob.h"

#define GLOB_LIMIT 1000

bool mr_glob_has(const char *text)
{
    return strpbrk(text, "*?[{\\") != NULL;
}

/* One character against a set "[...]"; *rest is behind it. false in *rest: not closed, so '[' stands for
 * itself. */
static bool match_set(const char *set, char c, const char **rest)
{
    const char *p = set + 1;
    bool negated = *p == '^' || *p == '!', found = false;
    p += negated;
    for (bool first = true; *p && (*p != ']' || first); first = false) {
        char low = *p == '\\' && p[1] ? *++p : *p;
        char high = low;
        p++;
        if (*p == '-' && p[1] && p[1] != ']') {
            high = p[1] == '\\' && p[2] ? p[2] : p[1];
            p += p[1] == '\\' && p[2] ? 3 : 2;
        }
        found |= (unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high;
    }
    *rest = *p == ']' ? p + 1 : NULL;
    return found != negated;
}

/* Does one character match the head of the pattern? *rest: the pattern behind it. */
static bool match_one(const char *pattern, char c, const char **rest)
{
    *rest = pattern + 1;
    if (*pattern == '?')
        return true;
    if (*pattern == '[') {
        bool good = match_set(pattern, c, rest);
        if (*rest)
            return good;
        *rest = pattern + 1;
    }
    if (*pattern == '\\' && pattern[1]) {
        *rest = pattern + 2;
        return pattern[1] == c;
    }
    return *pattern == c;
}

bool mr_glob_match(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL, *rest;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern && match_one(pattern, *name, &rest)) {
            pattern = rest;
            name++;
        } else if (star) { /* the star takes one more */
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

struct expansion {
    struct mr_arena *arena;
    const char **patterns;
    int count;
};

/* The first brace group that is not escaped; false: none. */
static bool find_group(const char *text, const char **open, const char **close)
{
    int depth = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
        } else if (*p == '{') {
            if (depth++ == 0)
                *open = p;
        } else if (*p == '}' && depth > 0 && --depth == 0) {
            *close = p;
            return true;
        }
    }
    return false;
}

static int expand(struct expansion *e, const char *text, struct mr_error *error)
{
    const char *open = text, *close = text;
    if (!find_group(text, &open, &close)) {
        if (e->count == GLOB_LIMIT)
            return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                                "The path's braces stand for more than %d patterns.", GLOB_LIMIT);
        e->patterns[e->count++] = text;
        return MR_OK;
    }
    int depth = 0;
    const char *from = open + 1;
    for (const char *p = open + 1; p <= close; p++) {
        if (*p == '\\' && p < close) {
            p++;
            continue;
        }
        if ((*p == ',' && depth == 0) || p == close) {
            char *one = mr_arena_format(e->arena, "%.*s%.*s%s", (int)(open - text), text, (int)(p - from),
                                        from, close + 1);
            if (!one)
                return mr_error_memory(error, strlen(text));
            MR_TRY(expand(e, one, error));
            from = p + 1;
        }
        depth += (*p == '{') - (*p == '}');
    }
    return MR_OK;
}

int mr_glob_expand(struct mr_arena *arena, const char *pattern, const char ***out, int *count,
                   struct mr_error *error)
{
    struct expansion e = {arena, MR_ARENA_ARRAY(arena, const char *, GLOB_LIMIT), 0};
    if (!e.patterns)
        return mr_error_memory(error, sizeof(char *) * GLOB_LIMIT);
    MR_TRY(expand(&e, pattern, error));
    *out = e.patterns;
    *count = e.count;
    return MR_OK;
}
