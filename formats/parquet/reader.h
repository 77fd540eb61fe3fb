/* formats/parquet/reader.h: an open file, and the plan of a scan over it. */
#ifndef MR_PARQUET_READER_H
#define MR_PARQUET_READER_H

#include "formats/parquet/column_reader.h"
#include "formats/parquet/parquet.h"

struct mr_parquet_reader { /* does not change once it is open, so that several scans may use it at once */
    struct mr_input *input;
    struct mr_arena arena;
    void *footer_bytes;
    struct mr_parquet_footer footer;
    int64_t footer_at; /* where it begins: the end of the data */
    struct mr_parquet_schema schema;
    const struct mr_type *type;
    bool old_calendar, old_calendar_int96; /* ancient times may be of the Julian calendar */
};

/* One wanted field, and what it is read from. */
struct mr_scan_node {
    const struct mr_type *type;             /* wanted */
    const struct mr_parquet_source *source; /* NULL: the file lacks it */
    struct mr_scan_node *children;
    int child_count;
    int row_definition,
        row_repetition; /* levels from which, and up to which, an entry is a row of this column */
    struct mr_column_reader *levels; /* whose levels tell the rows: of the leaf itself, or of one below */
    bool flat;                       /* a leaf at the top level */
    struct mr_column *column;        /* of the batch being made */
    int64_t values;                  /* in a leaf's column, before they are spread */
};
struct mr_scan_readers { /* of all leaves that are read, levels only or values too */
    struct mr_column_reader **items;
    struct mr_scan_node **leaves; /* NULL: levels only */
    int count, capacity;
    struct mr_arena *arena;
};

/* Matches wanted with the file. out->type is wanted. */
int mr_scan_plan(const struct mr_parquet_reader *reader, const struct mr_type *wanted,
                 const int32_t *field_ids, struct mr_scan_node *out, struct mr_scan_readers *readers,
                 struct mr_error *error);
/* Makes the column of a node from what its readers have read: rows of them. MR_E_CORRUPT when they disagree.
 */
int mr_scan_assemble(struct mr_scan_node *node, int64_t rows, struct mr_error *error);
/* Whether the file can be read as this type: Spark writes what it meant into the metadata. */
bool mr_scan_readable_as(const struct mr_parquet_source *source, const struct mr_type *type);

#endif
