/* base/option.h: named options, as SQL, project files and the C API pass them: text, checked against one
 * typed table.
 *
 * Every source, sink and format has such a table; it serves validation, --help and the docs, so an option
 * exists for all of them or for none. Names are compared without regard to ASCII case. */
#ifndef MR_BASE_OPTION_H
#define MR_BASE_OPTION_H

#include "base/memory.h"

struct mr_option { /* as SQL or the C API passed it */
    const char *name, *value;
};

enum mr_option_type {
    MR_OPTION_BOOLEAN,   /* true | false */
    MR_OPTION_INTEGER,   /* 64-bit */
    MR_OPTION_BYTES,     /* 1000, 64k, 10mb, 1g */
    MR_OPTION_DURATION,  /* "30 days", "1 hour", "500ms" */
    MR_OPTION_CHARACTER, /* one character; also \t, \n, \\, \u0001 */
    MR_OPTION_CHOICE,    /* one of choices, without regard to case */
    MR_OPTION_TIME,      /* a time stamp */
    MR_OPTION_TEXT,
    MR_OPTION_IGNORED, /* known elsewhere, without effect here; accepted so that a project runs on both */
    MR_OPTION_REFUSED, /* known elsewhere, would change the result, not supported here: named in the error */
};
struct mr_option_spec { /* a table ends with a NULL name */
    const char *name;
    enum mr_option_type type;
    const char *default_value; /* as text; NULL: none */
    const char *scope;         /* what it belongs to: "files", "json", "csv"; for the docs */
    const char *choices;       /* CHOICE: "OFF|DELETE|MOVE"; else NULL */
    const char *help;          /* one line */
};

/* NULL: the table has no such option. */
const struct mr_option_spec *mr_option_spec_find(const struct mr_option_spec *table, const char *name);
/* Is the value one of the spec's type? Error: INVALID_OPTION_VALUE, naming option, value and what would be
 * right. */
int mr_option_check(const struct mr_option_spec *spec, const char *value, struct mr_error *error);
/* UNKNOWN_OPTION, naming the nearest known name of the tables (count of them). */
int mr_option_unknown(const char *name, const char *owner, const struct mr_option_spec *const *tables,
                      int count, struct mr_error *error);

/* The value of the last option of that name; NULL when it is not given. */
const char *mr_option_text(const struct mr_option *options, int count, const char *name);
/* Typed values; fallback when the option is not given (or is not of the type: check first). */
bool mr_option_boolean(const struct mr_option *options, int count, const char *name, bool fallback);
int64_t mr_option_integer(const struct mr_option *options, int count, const char *name, int64_t fallback);
/* Values of single options. false: not of the type. */
bool mr_option_parse_boolean(const char *text, bool *out);
bool mr_option_parse_integer(const char *text, int64_t *out);
bool mr_option_parse_bytes(const char *text, int64_t *out);
bool mr_option_parse_duration(const char *text, int64_t *out_us);
/* The bytes a CHARACTER option stands for: one character of UTF-8, escapes resolved; out has room for 8. 0:
 * none. */
size_t mr_option_parse_character(const char *text, char out[8]);

/* One line per option: "  name  TYPE  default  help", for --help and docs. */
void mr_option_describe(struct mr_text *out, const struct mr_option_spec *table);

#endif
