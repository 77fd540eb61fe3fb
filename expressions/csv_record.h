/* expressions/csv_record.h: one record of CSV: split, converted, written. */
#ifndef MR_EXPRESSIONS_CSV_RECORD_H
#define MR_EXPRESSIONS_CSV_RECORD_H

#include "expressions/function_tools.h"
#include "expressions/json_convert.h"

struct mr_csv_rules {
    struct mr_str separator, null_value, empty_value;
    char quote, escape;
    bool quote_all, trim_leading, trim_trailing;
};
/* Spark's defaults; values are trimmed when they are written, not when they are read. */
void mr_csv_rules_init(struct mr_csv_rules *rules, bool writing);

/* What from_csv, to_csv and CSV files that are written are told: how values are quoted, and how times look.
 */
struct mr_csv_format {
    struct mr_csv_rules rules;
    struct mr_json_options times; /* formats and zone: JSON and CSV write times alike */
    bool own_zone;                /* the zone was given */
};
void mr_csv_format_init(struct mr_csv_format *format, bool writing, const struct mr_zone *zone);
/* Sets one option by Spark's name. MR_END: CSV knows no such option. Texts and formats go into the arena. */
int mr_csv_format_set(struct mr_csv_format *format, struct mr_arena *arena, struct mr_str name,
                      struct mr_str value, struct mr_error *error);
/* Appends the record of a row, without an end of line. piece is scratch. */
int mr_csv_write(const struct mr_csv_format *format, const struct mr_zone *zone,
                 struct mr_column *const *columns, int count, int64_t row, struct mr_text *piece,
                 struct mr_text *out, struct mr_error *error);

struct mr_csv_tokens {   /* zeroed to begin with, text initialised */
    struct mr_text text; /* of all values, one behind the other */
    size_t *ends;
    int count, capacity;
};
/* A quoted value that goes on behind its closing quote is taken as it stands, quotes and all, up to the
 * separator. */
int mr_csv_split(const struct mr_csv_rules *rules, struct mr_str record, struct mr_csv_tokens *tokens,
                 struct mr_error *error);
struct mr_str mr_csv_token(const struct mr_csv_tokens *tokens, int i);
void mr_csv_tokens_release(struct mr_csv_tokens *tokens);

/* A value into a row of an atomic column. MR_END: it is none of that type. times: formats of dates and
 * timestamps. */
int mr_csv_convert(struct mr_str value, const struct mr_json_options *times, const struct mr_zone *zone,
                   struct mr_column *column, int64_t row, struct mr_error *error);
/* Appends the value, quoted where it must be. first: of its record. */
void mr_csv_append(const struct mr_csv_rules *rules, struct mr_str value, bool first, struct mr_text *out);
/* "INT", "DECIMAL(20,0)", …: what schema_of_csv takes the value for. */
void mr_csv_type_text(struct mr_str value, const struct mr_json_options *times, struct mr_text *out);

#endif
