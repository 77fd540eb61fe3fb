/* base/option.h: named options, as SQL, project files and the C API pass them: text, checked against one
 * typed table and put where the table says.
 *
 * Every source, sink and format has such a table: an option's name, type, default, bounds and member are one
 * row. Names are compared without regard to ASCII case. */
#ifndef MR_BASE_OPTION_H
#define MR_BASE_OPTION_H

#include <stddef.h>

#include "base/memory.h"

struct mr_option { /* as SQL or the C API passed it */
    const char *name, *value;
};

/* And the member that it goes into. */
enum mr_option_type {
    MR_OPTION_BOOLEAN,   /* bool: true | false */
    MR_OPTION_INTEGER,   /* int64_t or int */
    MR_OPTION_BYTES,     /* int64_t: 1000, 64k, 10mb, 1g */
    MR_OPTION_DURATION,  /* int64_t, microseconds: "30 days", "1 hour", "500ms" */
    MR_OPTION_CHARACTER, /* int, -1 for "": one ASCII character; also \t, \n, \\, \u0001 */
    MR_OPTION_CHOICE,    /* an enum, or bool for two: one of choices, without regard to case */
    MR_OPTION_TIME,      /* const char *: a time stamp; whoever knows the zone reads it */
    MR_OPTION_TEXT,      /* const char * or struct mr_str: the option's own text */
    MR_OPTION_IGNORED,   /* known elsewhere, without effect here; accepted, so that a project runs on both */
    MR_OPTION_REFUSED,   /* known elsewhere, would change the result, not supported: named in the error */
};
struct mr_option_spec { /* a table ends with a row without name and include */
    const char *name;   /* "prefix.*": all that begin so, in the same case; handed on by whoever reads them */
    enum mr_option_type type;
    const char *default_value; /* as text; "(in words)": the code decides; NULL: none */
    const char *help;          /* one line */
    struct mr_option_home {    /* where the value goes, in the struct that is read into … */
        uint32_t offset, size; /* … size 0: nowhere */
    } home;
    const char *choices;                  /* CHOICE: "OFF|DELETE|MOVE", in the order of the enum; else NULL */
    int64_t least, most;                  /* INTEGER, BYTES; both 0: any */
    const struct mr_option_spec *include; /* instead of an option: those of another table, whose homes are in
                                             a member of the struct: home.offset */
};
#define MR_OPTION_HOME(type, member)                                                                         \
    .home = {offsetof(struct type, member), sizeof(((struct type *)0)->member)}
#define MR_OPTION_AT_LEAST(n) .least = (n), .most = INT64_MAX

/* Checks the options against the table and puts their values where it says. First come the defaults (a member
 * without one keeps what it has), then what is given, in the order of the table: of two names for one member
 * the one further down counts, of one name given twice the last. Texts are the options' own. owner, for
 * errors: whose options they are; NULL: what is unknown is passed over, names and choices. Errors: those
 * below. */
int mr_options_read(const struct mr_option_spec *table, const char *owner, const struct mr_option *options,
                    int count, void *into, struct mr_error *error);
/* The same checks, and nothing is put anywhere. */
int mr_options_check(const struct mr_option_spec *table, const char *owner, const struct mr_option *options,
                     int count, struct mr_error *error);
/* NULL: the table (or one that it includes) has no such option. */
const struct mr_option_spec *mr_option_spec_find(const struct mr_option_spec *table, const char *name);
/* Is the value one of the spec's type, within its bounds? Error: INVALID_OPTION_VALUE, naming option, value
 * and what would be right. */
int mr_option_check(const struct mr_option_spec *spec, const char *value, struct mr_error *error);
/* UNKNOWN_OPTION, naming the nearest known name of the tables (count of them). */
int mr_option_unknown(const char *name, const char *owner, const struct mr_option_spec *const *tables,
                      int count, struct mr_error *error);

/* The value of the last option of that name; NULL when it is not given. */
const char *mr_option_text(const struct mr_option *options, int count, const char *name);
/* Values of single options. false: not of the type. */
bool mr_option_parse_boolean(const char *text, bool *out);
bool mr_option_parse_integer(const char *text, int64_t *out);
bool mr_option_parse_bytes(const char *text, int64_t *out);
bool mr_option_parse_duration(const char *text, int64_t *out_us);
/* The bytes a CHARACTER option stands for: one character of UTF-8, escapes resolved; out has room for 8. 0:
 * none. */
size_t mr_option_parse_character(const char *text, char out[8]);

#endif
