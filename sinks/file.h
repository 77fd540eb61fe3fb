/* sinks/file.h: inside the file sinks (json, csv, parquet).
 *
 * A folder of data files and, in _spark_metadata, the log that Spark's file sink keeps: readers that know it
 * (Spark) see each row exactly once; others see, between a crash and the next start, files of batches that
 * never were. One entry of the log a publication, named by numbers without a gap:
 *
 *   _spark_metadata/<n>            "v1", then a line of JSON per file:
 *     {"path":"file:///…","size":…,"isDir":false,"modificationTime":<ms>,"blockReplication":1,
 *      "blockSize":33554432,"action":"add","millrace":{"sink":"<query id>/<sink>","batch":…,"decision":…}}
 *   _spark_metadata/<n>.compact    in the place of every tenth or so: all the lines so far
 *   _spark_metadata/_millrace-<query id>-<sink>   the register as enrolled, or of a batch that left no file:
 *     {"sink":…,"batch":…,"decision":…}
 *
 * The register (invariant 3) is the last line of this sink, which Spark reads over: it ignores members it
 * does not know, and names that are no numbers. put_if_absent of entry n proves that nothing came after n-1,
 * where the register was read. */
#ifndef MR_SINKS_FILE_H
#define MR_SINKS_FILE_H

#include "expressions/csv.h"
#include "formats/parquet/parquet.h"
#include "sinks/sink.h"
#include "storage/storage.h"

#define MR_FILE_LOG "_spark_metadata"

struct mr_file_out { /* a file being written */
    struct mr_output *output;
    struct mr_parquet_writer *parquet; /* parquet only */
    char *path;                        /* relative to the folder */
    uint64_t last_used;
};
struct mr_file_part {        /* one partition value of the decision in hand */
    struct mr_str directory; /* "a=1/b=2/", or "" */
    struct mr_file_out *out; /* NULL: none open */
};
struct mr_file_sink {
    struct mr_sink *sink;
    struct mr_arena arena; /* life of the sink */
    struct mr_storage storage;
    const char *id;     /* "<query id>/<sink>" */
    const char *suffix; /* ".json", … */
    /* What is written. */
    int *partition_columns, partition_count; /* of the sink's schema */
    int *file_columns;
    const struct mr_type *file_schema; /* without the partition columns */
    struct mr_file_options {
        const char *path, *partition_by;
        struct mr_csv_format csv;
        struct mr_json_options json;
        bool header;
        struct mr_str line_end;
        int codec; /* place in the choices */
    } options;
    enum mr_parquet_codec codec;
    int64_t roll_bytes;
    /* The decision in hand, under lock: workers write at once. */
    pthread_mutex_t lock;
    struct mr_arena decision;
    struct mr_map parts;       /* directory -> struct mr_file_part */
    struct mr_map directories; /* of closed files: to be fsynced */
    struct mr_text lines;      /* closed and fsynced files: lines of the log but for their end */
    struct mr_sink_metrics written;
    int64_t next_number, batch;
    int open_files;
    uint64_t clock;
    /* The log, under guard: publisher and driver. */
    pthread_mutex_t guard;
    int64_t next_entry, last_compact; /* -1: no log read yet; no compacted entry */
    struct mr_register found;         /* as of next_entry - 1 */
};

extern const struct mr_sink_type mr_json_sink, mr_csv_sink, mr_parquet_sink;
static inline bool mr_file_sink_is(const struct mr_file_sink *s, const struct mr_sink_type *type)
{
    return s->sink->type == type;
}

/* ---- file_write.c ---- */
int mr_file_sink_write(struct mr_file_sink *s, const struct mr_batch *batch, struct mr_error *error);
/* Closes and fsyncs all files and their directories. */
int mr_file_sink_finish(struct mr_file_sink *s, struct mr_error *error);
void mr_file_sink_reset(struct mr_file_sink *s); /* forgets the decision in hand; files stay for clean */

/* ---- file_log.c ---- */
int mr_file_sink_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *error);
int mr_file_sink_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error);
int mr_file_sink_published(struct mr_sink *sink, struct mr_register *out, struct mr_error *error);
int mr_file_sink_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error);

#endif
