/* formats/format.h: the contract of a row format: bytes of one file, or of a range of one, -> column batches.
 *
 * Three objects. A format *type* is a static table (one per name). A *format* is a type with its options
 * checked and its columns known: immutable once open, shared by any number of threads. A *reader* decodes one
 * range of one file; one thread.
 *
 * Columns are matched by name. Two of them are special when the options name them: the corrupt record column
 * (text of a record that did not fit) and the rescued data column (what did not fit, as JSON). To add a
 * format is to add one file and one line in formats/format.c. */
#ifndef MR_FORMATS_FORMAT_H
#define MR_FORMATS_FORMAT_H

#include "base/option.h"
#include "columns/value.h"
#include "storage/storage.h"

#define MR_FORMAT_BATCH_ROWS MR_BATCH_ROWS

struct mr_format;
struct mr_format_reader;

/* What a reader is to read. Lines (records) that begin in [start, end) of the uncompressed file belong to it.
 */
struct mr_format_range {
    struct mr_input *input; /* the reader closes it, also when opening fails */
    const char
        *path; /* as _metadata.file_path has it, for rescued data; and for errors when input has no name */
    int64_t start, end; /* end -1: the end of the file; a compressed file has one range only */
    int64_t modified_us;
};

struct mr_infer; /* what inference gathers; formats/infer.h */

struct mr_format_type {
    const char *name;
    const struct mr_option_spec *options; /* of the struct at format->ctx, … */
    size_t plan_bytes;                    /* … which is so large, begins as zeros and lives in the arena */
    /* The options have been read; compiles them with the schema. May use format->arena. */
    int (*open)(struct mr_format *format, struct mr_error *error);
    /* May the uncompressed file be read in ranges? */
    bool (*splittable)(const struct mr_format *format);
    int (*reader_open)(struct mr_format_reader *reader, struct mr_error *error);
    /* Up to MR_FORMAT_BATCH_ROWS rows, or a few more. The columns of batch are new and empty, or NULL where
     * unused. OK with no rows is fine. MR_END: no more. */
    int (*read)(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error);
    void (*reader_close)(struct mr_format_reader *reader);
    /* Adds what this file shows to the schema being inferred; closes range->input. NULL: the schema is fixed
     * (text). format is opened without a schema. */
    int (*infer)(struct mr_format *format, const struct mr_format_range *range, struct mr_infer *infer,
                 struct mr_error *error);
    const struct mr_type *(*fixed_schema)(void); /* NULL: none */
    /* The schema a file itself names (instead of infer), in the arena; closes range->input. NULL: files name
     * none. */
    int (*file_schema)(struct mr_format *format, const struct mr_format_range *range, struct mr_arena *arena,
                       const struct mr_type **out, struct mr_error *error);
};

enum mr_format_way { /* for tests: all ways give the same rows */
                     MR_WAY_BEST,
                     MR_WAY_BASELINE, /* without instructions that not every x86-64-v2 machine has */
                     MR_WAY_SLOW,     /* without shortcuts for what is usual */
};

struct mr_format {
    const struct mr_format_type *type;
    const struct mr_type *schema; /* of the batches; NULL when opened for inference only */
    const bool *used;             /* one per field; NULL: all. Unused columns are given all NULL */
    const struct mr_zone *zone;   /* of times without one (option timeZone overrides) */
    const char *rescued_column;   /* name of the rescued data column in schema; NULL: none */
    bool report_new_fields;       /* a field that the schema lacks ends the read with MR_E_SCHEMA_CHANGED */
    bool case_sensitive;          /* names in data against names in schema */
    enum mr_format_way way;
    struct mr_arena arena;       /* life of the format */
    struct mr_buffer_pool *pool; /* read buffers, shared by all readers */
    void *ctx;
};

struct mr_format_reader {
    struct mr_format *format;
    struct mr_format_range range;
    int64_t rows;     /* given so far */
    int64_t bad_rows; /* records that were malformed or held values that did not fit */
    void *ctx;
};

const struct mr_format_type *mr_format_type_find(struct mr_str name); /* NULL: unknown */
const struct mr_format_type *const *mr_format_types(void);            /* NULL at the end */

/* Opens type with options. The fields above it in struct mr_format (schema, used, …) are set by the caller
 * beforehand; what they point to must live as long. Options not in the type's table are an error. */
int mr_format_open(struct mr_format *format, const struct mr_format_type *type,
                   const struct mr_option *options, int option_count, struct mr_error *error);
void mr_format_close(struct mr_format *format); /* zeroed is fine */

int mr_format_reader_open(struct mr_format *format, const struct mr_format_range *range,
                          struct mr_format_reader **out, struct mr_error *error);
/* One batch with format->schema, zeroed or released by the caller. MR_END at the end. Errors name file and
 * offset. */
int mr_format_read(struct mr_format_reader *reader, struct mr_batch *batch, struct mr_error *error);
void mr_format_reader_close(struct mr_format_reader *reader); /* NULL allowed */

#endif
