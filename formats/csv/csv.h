/* formats/csv/csv.h: what the parts of the CSV format share.
 *
 * A line becomes tokens (record.c), tokens become values of columns (value.c). Quotes and escapes are
 * univocity's, which Spark uses: a quoted value that goes on behind its closing quote is no error but plain
 * text up to the next delimiter, quotes and all. */
#ifndef MR_FORMATS_CSV_H
#define MR_FORMATS_CSV_H

#include "expressions/json_convert.h" /* modes; datetime patterns */
#include "formats/format.h"
#include "formats/stream.h"

enum csv_odd_quotes {
    CSV_STOP_AT_DELIMITER,
    CSV_STOP_AT_CLOSING_QUOTE,
    CSV_SKIP_VALUE,
    CSV_RAISE_ERROR,
    CSV_BACK_TO_DELIMITER
};

struct csv_options {
    struct mr_record_options record;
    struct mr_record_lines text;
    const char *separator; /* as given */
    char delimiter[16];
    size_t delimiter_size;
    int quote, escape, escape_escape, comment; /* -1: none */
    bool header, enforce_schema, trim_left, trim_right, infer_schema, prefer_date;
    bool slow; /* tests; every quoted value character by character */
    struct mr_str null_value, empty_value, nan_value, positive_infinity, negative_infinity;
    enum csv_odd_quotes odd_quotes;
    int64_t max_columns, max_characters, skip_rows;
};
struct csv_column { /* a column of the data, in order of the schema */
    const char *name;
    const struct mr_type *type;
    int batch_column; /* -1: nobody uses it */
};
struct csv_plan {
    struct csv_options options;
    struct csv_column *columns;
    int column_count;
    bool pruned;  /* not all columns are used: the number of values in a line is not looked at */
    bool nothing; /* no column is used: lines are counted */
    bool by_name; /* the header says which value is which column */
    int corrupt_column, rescued_column; /* of the batch; -1 */
};

struct csv_token {
    const char *data; /* NULL: no value */
    uint32_t size;
    bool moved; /* data is an offset into the scratch text, whose memory may still move */
};
struct csv_record {
    struct csv_token *tokens;
    int count, capacity;
    struct mr_text scratch;
};
void csv_record_release(struct csv_record *record);
/* Splits the record that begins at text; *next: behind it. With multi_line a record ends with its line end
 * outside quotes (separator), else at end. Error: MALFORMED_CSV_RECORD, FAILED_READ_FILE.NO_HINT
 * (RAISE_ERROR). */
int csv_record_read(struct csv_record *record, const struct csv_options *options, const char *text,
                    const char *end, const char *line_end, const char **next, struct mr_error *error);
static inline struct mr_str csv_token_text(const struct csv_record *record, const struct csv_token *token)
{
    return (struct mr_str){token->moved ? record->scratch.data + (size_t)token->data : token->data,
                           token->size};
}

/* Puts the value into row of a column. MR_OK; MR_END: it does not fit the type (nothing was put). */
int csv_value_put(const struct csv_options *options, struct mr_column *column, int64_t row,
                  struct mr_str text, bool stays, struct mr_error *error);
/* Java's Double.parseDouble. */
bool csv_double_parse(struct mr_str text, double *out);

int mr_csv_plan_open(struct mr_format *format, struct mr_error *error);
/* Blank lines and comments, which are no records. */
bool csv_is_nothing(const struct csv_options *options, struct mr_str line);
int mr_csv_infer(struct mr_format *format, const struct mr_format_range *range, struct mr_infer *infer,
                 struct mr_error *error);
/* multi_line: what ends lines in this file, by its first line: "\n", "\r\n" or "\r". */
const char *csv_detect_line_end(const struct csv_options *options, const char *text, size_t size);
/* All of a stream in a new buffer. */
int csv_read_whole(struct mr_stream *stream, struct mr_buffer **out, struct mr_error *error);
extern const struct mr_option_spec mr_csv_option_table[];

#endif
