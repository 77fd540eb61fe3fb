/* expressions/json_convert.h: JSON text -> columns of any Spark type, and back, as Spark's JSON functions and
 * JSON files do it.
 *
 * Three layers, each usable alone:
 *   tokens     one JSON value, leniently or strictly, as a flat list of tokens with jumps over nested values;
 *   converter  tokens -> appended rows of a struct's columns, by Spark's rules per type (PERMISSIVE with
 * partial results); writer     a column's value -> JSON text with options (json_write.c).
 *
 * What is particular to Spark:
 * - Only the first value of a record counts; what follows it on the line is not looked at.
 * - A syntax error makes the whole record malformed (all NULL). A value of the wrong type makes only its
 * member NULL: of the record, or of the nested struct it stands in. An array or map with one bad element is
 * NULL as a whole. Either way the record is marked, so that _corrupt_record and FAILFAST can act.
 * - Of members with the same name the last good one counts. Names are matched by bytes, with regard to case,
 * unless case_sensitive is false.
 * - A STRING takes any value: strings unescaped, anything else its text. Numbers are never read from strings,
 * but for DECIMAL and the names of NaN and the infinities. */
#ifndef MR_EXPRESSIONS_JSON_CONVERT_H
#define MR_EXPRESSIONS_JSON_CONVERT_H

#include "expressions/record_options.h"

/* ---- options ---- */
struct mr_json_options {
    struct mr_record_options record;
    bool allow_single_quotes;       /* true */
    bool allow_non_numeric_numbers; /* true: NaN, Infinity, -INF, … unquoted, and as strings for FLOAT and
                                       DOUBLE */
    bool allow_unquoted_field_names;
    bool allow_comments; /* slash-slash and slash-star */
    bool allow_numeric_leading_zeros;
    bool allow_backslash_escaping_any_character;
    bool allow_unquoted_control_chars;
    int max_nesting_depth;   /* 1000 */
    int64_t max_number_size; /* 1000 bytes */
    int64_t max_string_size; /* no limit: INT64_MAX */
    bool primitives_as_string, prefers_decimal, infer_timestamp,
        drop_field_if_all_null; /* inference only; false */
    bool case_sensitive;        /* true */
    bool exact_text;    /* true: objects and numbers read as STRING keep their bytes; false: written anew, as
                           from_json does */
    bool array_as_rows; /* true: a top-level array of objects is one row per element (files); false: malformed
                           (from_json) */
    bool replace_invalid_utf8;       /* false: invalid UTF-8 in a string is malformed; true: becomes U+FFFD */
    bool collect_rescued;            /* false; see mr_json_converter_rescued */
    bool ignore_null_fields;         /* writing; true */
    bool pretty;                     /* writing; false */
    bool write_non_ascii_as_escapes; /* writing; false */
};
/* Of struct mr_json_options: what files are read with, and written. */
extern const struct mr_option_spec mr_json_read_table[], mr_json_write_table[];
/* Spark's defaults for files. */
void mr_json_options_init(struct mr_json_options *options, const struct mr_zone *zone);
/* Defaults, and what a function is given; what JSON does not know is passed over. zone: where none is given.
 * Patterns are compiled into the arena; texts are the options' own. */
int mr_json_options_read(struct mr_json_options *options, struct mr_arena *arena, const struct mr_zone *zone,
                         const struct mr_option *given, int count, struct mr_error *error);

/* ---- tokens ---- */
enum mr_json_token_kind {
    MR_JSON_T_OBJECT, /* then name, value, name, value, …; `next` jumps behind the last */
    MR_JSON_T_ARRAY,
    MR_JSON_T_NAME, /* of a member; its value is the next token */
    MR_JSON_T_STRING,
    MR_JSON_T_INTEGER,
    MR_JSON_T_FLOAT,      /* a number with a fraction or an exponent */
    MR_JSON_T_NON_NUMBER, /* NaN, Infinity, -INF, … */
    MR_JSON_T_TRUE,
    MR_JSON_T_FALSE,
    MR_JSON_T_NULL,
};
struct mr_json_token {
    uint8_t kind;
    bool escaped;   /* NAME, STRING: holds backslashes (or invalid UTF-8 to replace): use mr_json_unescape */
    uint32_t start; /* byte offset; NAME, STRING: of the first byte inside the quotes */
    uint32_t size;  /* bytes; OBJECT, ARRAY: with the brackets; NAME, STRING: without the quotes */
    uint32_t next;  /* index of the token behind this value */
};
struct mr_json_tokens { /* zeroed to begin with; reusable */
    const char *text;
    struct mr_json_token *tokens; /* tokens[0] is the value */
    uint32_t count, capacity;
    uint32_t end;    /* offset behind the value */
    uint32_t *stack; /* open containers */
    uint32_t stack_capacity;
};
/* The first value in text. MR_END: nothing but blanks. MR_E_DATA with the byte offset when malformed; error
 * may be NULL, when nobody wants to know why (fast). Texts over 4 GiB are refused. */
int mr_json_tokenize(struct mr_json_tokens *tokens, struct mr_str text, const struct mr_json_options *options,
                     struct mr_error *error);
void mr_json_tokens_release(struct mr_json_tokens *tokens);
/* The text of a NAME or STRING: a view into the document when nothing is escaped, else written to scratch
 * (cleared first). A lone surrogate becomes '?'. */
struct mr_str mr_json_unescape(const struct mr_json_tokens *tokens, const struct mr_json_token *token,
                               struct mr_text *scratch);
static inline struct mr_str mr_json_token_text(const struct mr_json_tokens *t,
                                               const struct mr_json_token *token)
{
    return (struct mr_str){t->text + token->start, token->size};
}
/* A value written anew, without blanks: strings escaped as JSON needs it, numbers in their shortest form. */
void mr_json_normalize(const struct mr_json_tokens *tokens, uint32_t index, struct mr_text *scratch,
                       struct mr_text *out);

/* ---- converter ---- */
struct mr_json_converter; /* for one type; one per task */
/* type: STRUCT (a record), or ARRAY or MAP (from_json). options is copied; type and formats must outlive the
 * converter. */
int mr_json_converter_open(struct mr_json_converter **out, const struct mr_type *type,
                           const struct mr_json_options *options, struct mr_error *error);
void mr_json_converter_close(struct mr_json_converter *converter); /* NULL allowed */

enum mr_json_verdict {
    MR_JSON_EMPTY,   /* blank text: no row */
    MR_JSON_GOOD,    /* converted; rows >= 0 (an empty top-level array gives none) */
    MR_JSON_PARTIAL, /* converted; members that did not fit are NULL */
    MR_JSON_BAD,     /* malformed, or not a value of the type: nothing appended */
};
/* Converts the record in text and appends to columns: for a STRUCT one column per field, which may be longer
 * than one another by nothing; else columns[0]. *rows: how many were appended to each. text_stays: strings
 * without escapes become views into text, which must live as long as the columns (the caller makes them keep
 * it: mr_json_converter_keep). Negative: out of memory only; a bad record is a verdict. */
int mr_json_convert(struct mr_json_converter *converter, struct mr_str text, bool text_stays,
                    struct mr_column *const *columns, enum mr_json_verdict *verdict, int64_t *rows,
                    struct mr_error *error);
/* The same for a value that has been tokenized: the value at index of tokens becomes one more row of column,
 * of any type. GOOD or PARTIAL: appended; BAD: not appended. */
int mr_json_convert_value(struct mr_json_converter *converter, const struct mr_json_tokens *tokens,
                          uint32_t index, bool text_stays, struct mr_column *column,
                          enum mr_json_verdict *verdict, struct mr_error *error);
/* Every column of strings in the tree keeps the buffer. */
int mr_json_converter_keep(struct mr_column *column, struct mr_buffer *buffer, struct mr_error *error);
/* Why the last record was PARTIAL or BAD: the first thing that went wrong (MALFORMED_RECORD_IN_PARSING.…,
 * CANNOT_PARSE_JSON_FIELD, …), with the byte offset in the record. */
const struct mr_error *mr_json_converter_cause(struct mr_json_converter *converter);
/* With collect_rescued: the members of the last record that have no field or did not fit, as "name":value,…
 * without braces; empty when there are none. Valid until the next record. */
struct mr_str mr_json_converter_rescued(const struct mr_json_converter *converter);
/* With collect_rescued: did the last value or record have such members, those inside lists included? */
bool mr_json_converter_left_out(const struct mr_json_converter *converter);

/* ---- writer ---- */
/* Appends the value as to_json and JSON files write it. NULL members are left out when ignore_null_fields. */
int mr_json_write(struct mr_text *out, const struct mr_column *column, int64_t row,
                  const struct mr_json_options *options, struct mr_error *error);

#endif
