/* expressions/csv.h: CSV, in files and in functions: a record is split into tokens, which become values of
 * columns; and values are written.
 *
 * Quotes and escapes are univocity's, which Spark uses: a quoted value that goes on behind its closing quote
 * is no error but plain text up to the next delimiter, quotes and all. */
#ifndef MR_EXPRESSIONS_CSV_H
#define MR_EXPRESSIONS_CSV_H

#include "expressions/json_convert.h"

/* ---- reading ---- */
enum mr_csv_odd_quotes {
    MR_CSV_STOP_AT_DELIMITER,
    MR_CSV_STOP_AT_CLOSING_QUOTE,
    MR_CSV_SKIP_VALUE,
    MR_CSV_RAISE_ERROR,
    MR_CSV_BACK_TO_DELIMITER
};
struct mr_csv_options {
    struct mr_record_options record;
    const char *separator; /* as given */
    char delimiter[16];
    size_t delimiter_size;
    int quote, escape, escape_escape, comment; /* -1: none */
    bool trim_left, trim_right, prefer_date;
    bool slow; /* tests; every quoted value character by character */
    struct mr_str null_value, empty_value, nan_value, positive_infinity, negative_infinity;
    enum mr_csv_odd_quotes odd_quotes;
    int64_t max_columns, max_characters;
};
extern const struct mr_option_spec mr_csv_read_table[]; /* of struct mr_csv_options, zeroed before */
/* Makes ready what mr_options_read has filled in; zone, files: as in mr_record_options_compile. */
int mr_csv_options_compile(struct mr_csv_options *options, struct mr_arena *arena, const struct mr_zone *zone,
                           bool files, struct mr_error *error);

struct mr_csv_token {
    const char *data; /* NULL: no value */
    uint32_t size;
    bool moved; /* data is an offset into the scratch text, whose memory may still move */
};
struct mr_csv_record { /* zeroed to begin with, scratch initialised */
    struct mr_csv_token *tokens;
    int count, capacity;
    struct mr_text scratch;
};
void mr_csv_record_release(struct mr_csv_record *record);
/* Splits the record that begins at text; *next: behind it. With line_end a record ends with its line end
 * outside quotes, else at end; MR_BUFFER_PADDING bytes behind end are readable. Error: MALFORMED_CSV_RECORD,
 * FAILED_READ_FILE.NO_HINT (RAISE_ERROR). */
int mr_csv_split(struct mr_csv_record *record, const struct mr_csv_options *options, const char *text,
                 const char *end, const char *line_end, const char **next, struct mr_error *error);
static inline bool mr_csv_token_is_null(const struct mr_csv_token *token)
{
    return !token->data && !token->moved;
}
static inline struct mr_str mr_csv_token_text(const struct mr_csv_record *record,
                                              const struct mr_csv_token *token)
{
    return (struct mr_str){token->moved ? record->scratch.data + (size_t)token->data : token->data,
                           token->size};
}
/* Puts the value into row of a column of an atomic type. stays: the text lives as long as the column. MR_OK;
 * MR_END: it does not fit the type (nothing was put). */
int mr_csv_put(const struct mr_csv_options *options, struct mr_column *column, int64_t row,
               struct mr_str text, bool stays, struct mr_error *error);

/* What inference takes a value for, in the order in which types are tried. */
enum mr_csv_kind {
    MR_CSV_INT,
    MR_CSV_LONG,
    MR_CSV_DECIMAL, /* whole, of *precision digits */
    MR_CSV_DOUBLE,
    MR_CSV_DATE,
    MR_CSV_TIMESTAMP,
    MR_CSV_BOOLEAN,
    MR_CSV_STRING
};
/* The first kind from `from` on that the text is of; BOOLEAN is always tried. */
enum mr_csv_kind mr_csv_kind_of(const struct mr_csv_options *options, struct mr_str text,
                                enum mr_csv_kind from, int *precision);

/* ---- writing ---- */
struct mr_csv_format {
    struct mr_str separator, null_value, empty_value;
    int quote, escape, escape_escape; /* 0: none */
    bool quote_all, trim_leading, trim_trailing;
    struct mr_json_options times; /* formats and zone: JSON and CSV write times alike */
};
extern const struct mr_option_spec mr_csv_write_table[]; /* of struct mr_csv_format, zeroed before */
/* Makes ready what mr_options_read has filled in. */
int mr_csv_format_compile(struct mr_csv_format *format, struct mr_arena *arena, const struct mr_zone *zone,
                          struct mr_error *error);
/* Appends the record of a row, without an end of line. piece is scratch. */
int mr_csv_write(const struct mr_csv_format *format, const struct mr_zone *zone,
                 struct mr_column *const *columns, int count, int64_t row, struct mr_text *piece,
                 struct mr_text *out, struct mr_error *error);
/* Appends the value, quoted where it must be. first: of its record. */
void mr_csv_append(const struct mr_csv_format *format, struct mr_str value, bool first, struct mr_text *out);

#endif
