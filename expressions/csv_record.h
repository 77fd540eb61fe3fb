/* expressions/csv_record.h: one record of CSV: split, converted, written. */
#ifndef MR_EXPRESSIONS_CSV_RECORD_H
#define MR_EXPRESSIONS_CSV_RECORD_H

#include "expressions/function_tools.h"
#include "expressions/json_convert.h"

struct mr_csv_rules {
    struct mr_str separator, null_value, empty_value;
    int quote, escape; /* 0: none */
    bool quote_all, trim_leading, trim_trailing;
};
/* What from_csv, to_csv and CSV files that are written are told: how values are quoted, and how times look.
 */
struct mr_csv_format {
    struct mr_csv_rules rules;
    struct mr_json_options times; /* formats and zone: JSON and CSV write times alike */
};
/* Of struct mr_csv_format. */
extern const struct mr_option_spec mr_csv_write_table[];
/* Spark's defaults, which differ for reading, and what a function is given. What CSV does not know is passed
 * over; texts are the options' own, patterns go into the arena. */
int mr_csv_format_read(struct mr_csv_format *format, bool writing, struct mr_arena *arena,
                       const struct mr_zone *zone, const struct mr_option *options, int count,
                       struct mr_error *error);
/* Checks and compiles what mr_options_read has filled in. */
int mr_csv_format_compile(struct mr_csv_format *format, struct mr_arena *arena, const struct mr_zone *zone,
                          struct mr_error *error);
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
