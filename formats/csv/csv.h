/* formats/csv/csv.h: what the parts of the CSV format share. How a line becomes tokens and tokens values is
 * expressions/csv.h's. */
#ifndef MR_FORMATS_CSV_H
#define MR_FORMATS_CSV_H

#include "expressions/csv.h"
#include "formats/format.h"
#include "formats/stream.h"

struct csv_options {
    struct mr_csv_options csv;
    struct mr_record_lines text;
    bool header, enforce_schema, infer_schema;
    int64_t skip_rows;
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

int mr_csv_plan_open(struct mr_format *format, struct mr_error *error);
/* The name of column i of a header, as Spark makes it: _cN without one; with its number when another has it
 * too (without regard to case). NULL without memory. */
char *csv_header_name(struct mr_arena *arena, const struct mr_csv_record *header, int i);
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
