/* sinks/delta.h: inside the Delta sink.
 *
 * Life: open looks at the table and plans (what files hold, what a new table would be); enrol makes table and
 * register; write fills Parquet files; prepare closes them and describes them in a manifest; publish turns a
 * manifest into a commit. write and prepare run on the driver's side, publish, published and clean on the
 * publisher's: what both touch is under `guard`. */
#ifndef MR_SINKS_DELTA_H
#define MR_SINKS_DELTA_H

#include "delta/delta.h"
#include "sinks/sink.h"

#define MR_DELTA_ROLL_BYTES (INT64_C(128) << 20) /* a file is closed at this size */
#define MR_DELTA_SHARE_BYTES                                                                                 \
    (INT64_C(4) << 20)         /* below this a second worker waits for the first one's file */
#define MR_DELTA_OPEN_FILES 64 /* over all partitions; then the one unused longest is closed */

struct mr_delta_out;
struct mr_delta_part {       /* one partition value of the decision in hand */
    struct mr_str directory; /* "a=1/b=2/", or "" */
    struct mr_delta_pairs values;
    struct mr_delta_out *outs; /* open files */
    int open;                  /* files open or being opened */
};
struct mr_delta_out { /* a file being written */
    struct mr_delta_out *next;
    const struct mr_type *schema; /* of its columns */
    struct mr_delta_part *part;
    struct mr_output *output;
    struct mr_parquet_writer *parquet;
    char *path; /* relative to the table */
    int64_t bytes;
    uint64_t last_used;
    bool busy; /* some worker has it */
};

struct mr_delta_written { /* files that are closed and fsynced; from any thread */
    pthread_mutex_t lock;
    struct mr_map directories; /* of the files: to be fsynced */
    struct mr_text adds;       /* their actions, as lines */
    int64_t rows, bytes, files;
};

struct mr_delta_writers { /* files of the decision in hand */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* some file is not busy any more */
    struct mr_arena arena;
    struct mr_map parts; /* directory -> struct mr_delta_part */
    struct mr_delta_written written;
    int open_files;
    uint64_t clock;      /* of uses, for the file unused longest */
    int64_t next_number; /* of files, in their names */
    int64_t batch;       /* micro-batch in hand: in the names of files opened now */
};

struct mr_delta_upsert; /* rows of the decision in hand that replace others; delta_upsert.c */

struct mr_delta_keeper { /* writes log checkpoints beside the commits */
    pthread_mutex_t lock;
    pthread_t thread;
    bool started, running, finished;
    char *path;
    int64_t version; /* asked for */
    int64_t written; /* actions in it; -1: failed or left to others */
};

struct mr_delta_sink {
    struct mr_sink *sink;
    struct mr_arena arena;                 /* life of the sink */
    struct mr_str app_id, decision_id_app; /* names of the register's two txn actions */
    struct mr_delta_sink_given {           /* options; texts NULL: not given */
        const char *path, *partition_columns, *not_null_columns, *comment, *user_metadata;
        bool merge_schema, overwrite_schema, one_shot;
    } options;
    /* What the table is to be. */
    const struct mr_type *schema;     /* of a new table, or the table's with what merges into it */
    struct mr_str *partition_columns; /* names as the table spells them */
    int partition_count;
    struct mr_delta_pairs properties;
    bool create;           /* there is no table yet */
    bool merge;            /* enrol commits the wider schema */
    bool overwrite_schema; /* the first commit of rows replaces the schema */
    /* What files hold: columns of the sink's schema in the table's spelling. */
    const struct mr_type *file_schema;
    int *file_columns;                 /* index in the sink's schema */
    const struct mr_type *data_schema; /* file_schema and partition columns: what manifests name as written */
    int *partition_sources;            /* index in the sink's schema */
    bool *not_null;                    /* per column of the sink's schema */
    bool any_not_null;
    int stats_columns;  /* delta.dataSkippingNumIndexedCols */
    int64_t roll_bytes; /* delta.targetFileSize */
    struct mr_delta_writers writers;
    struct mr_delta_upsert *upsert; /* output mode update by a row key; else NULL */
    struct mr_pool *closers;        /* fsync in parallel; started when first needed */
    /* Shared with the publisher. */
    pthread_mutex_t guard;
    struct mr_delta_table table;
    uint64_t checked_schema; /* hash of the table's schema that fits what we write; 0: not checked */
    char table_id[80];
    bool append_only;
    struct mr_delta_keeper keeper;
};

extern const struct mr_sink_type mr_delta_sink_type;

/* Its output mode takes rows out of the table again. */
static inline bool mr_delta_replaces(const struct mr_sink *sink)
{
    return sink->mode == MR_MODE_COMPLETE || (sink->mode == MR_MODE_UPDATE && sink->row_key);
}

/* ---- delta_target.c ---- */
extern const struct mr_option_spec mr_delta_sink_options[];
/* Options and schemas, against the table as loaded (or absent). */
int mr_delta_target_plan(struct mr_delta_sink *s, struct mr_error *error);
/* Commits what enrolment needs: the table, the wider schema, the register. */
int mr_delta_target_enrol(struct mr_delta_sink *s, struct mr_register *out, struct mr_error *error);
/* metaData of a new table (id drawn) or of `existing` with our schema. Arena: s->arena. */
int mr_delta_target_metadata(struct mr_delta_sink *s, const struct mr_delta_metadata *existing,
                             struct mr_delta_metadata *out, struct mr_error *error);
/* The lines that create the table, into actions. */
int mr_delta_target_create(struct mr_delta_sink *s, struct mr_text *actions, struct mr_error *error);
/* Reads what prepare needs to know from the snapshot. Under guard. */
void mr_delta_target_note(struct mr_delta_sink *s);

/* ---- delta_write.c ---- */
int mr_delta_writers_init(struct mr_delta_sink *s, struct mr_error *error);
void mr_delta_writers_release(struct mr_delta_sink *s);
int mr_delta_writers_write(struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error);
/* Closes and fsyncs all files and their directories. */
int mr_delta_writers_finish(struct mr_delta_sink *s, struct mr_error *error);
/* Forgets the decision in hand: open files are dropped, closed ones stay for clean. */
void mr_delta_writers_reset(struct mr_delta_sink *s);

/* ---- delta_file.c ---- */
#define MR_DELTA_FILE_SUFFIX ".zstd.parquet" /* of names: data_file.h */
void mr_delta_written_init(struct mr_delta_written *written);
void mr_delta_written_release(struct mr_delta_written *written);
/* fsyncs the directories. */
int mr_delta_written_sync(struct mr_delta_sink *s, const struct mr_delta_written *written,
                          struct mr_error *error);
/* schema: of the file's columns; it and the part must outlive the file. */
int mr_delta_out_open(struct mr_delta_sink *s, const struct mr_type *schema, struct mr_delta_part *part,
                      int64_t number, int64_t batch, struct mr_delta_out **result, struct mr_error *error);
/* Ends the file, makes it durable and notes its add. Frees out, also on failure. */
int mr_delta_out_finish(struct mr_delta_sink *s, struct mr_delta_out *out, struct mr_delta_written *written,
                        struct mr_error *error);
void mr_delta_out_free(struct mr_delta_out *out); /* drops it; what is on disk stays for clean */

/* ---- delta_upsert.c ---- */
/* Makes s->upsert when the mode and the query's row key ask for it. */
int mr_delta_upsert_plan(struct mr_delta_sink *s, struct mr_error *error);
/* Rows of a micro-batch: each replaces what has its key. From any worker. */
int mr_delta_upsert_write(struct mr_delta_sink *s, const struct mr_batch *batch, struct mr_error *error);
/* The last row of every key goes to the writers. */
int mr_delta_upsert_finish(struct mr_delta_sink *s, struct mr_error *error);
void mr_delta_upsert_reset(struct mr_delta_sink *s); /* forgets the decision in hand */
void mr_delta_upsert_release(struct mr_delta_sink *s);

/* ---- delta_manifest.c ---- */
struct mr_delta_manifest { /* what is decided; texts are views into the manifest or the arena */
    struct mr_str table_id;
    int64_t batch;
    uint64_t decision_id;
    struct mr_register predecessor;
    struct mr_str attempt; /* hexadecimal */
    struct mr_str mode, query_id, user_metadata;
    bool replace;        /* remove all that is there */
    bool upsert;         /* remove the rows that have a key of ours */
    struct mr_str *keys; /* then: names of the columns that make it, perhaps none */
    int key_count;
    bool create;               /* one shot: there may be no table yet */
    struct mr_str schema_json; /* what the files hold, partition columns included */
    struct mr_str *partition_columns;
    int partition_count;
    const struct mr_json *metadata; /* a metaData action to commit too; NULL: none */
    int64_t rows, bytes, files;
    struct mr_str adds; /* lines */
};
int mr_delta_manifest_print(struct mr_delta_sink *s, const struct mr_delta_manifest *manifest,
                            struct mr_text *out, struct mr_error *error);
int mr_delta_manifest_parse(struct mr_arena *arena, struct mr_str text, struct mr_delta_manifest *out,
                            struct mr_error *error);

/* ---- delta_publish.c ---- */
int mr_delta_sink_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error);
/* The register as the snapshot has it. */
void mr_delta_register(const struct mr_delta_sink *s, const struct mr_delta_snapshot *snapshot,
                       struct mr_register *out);

/* ---- delta_clean.c ---- */
int mr_delta_sink_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error);

/* ---- delta_keeper.c ---- */
void mr_delta_keeper_init(struct mr_delta_keeper *keeper);
/* Under the sink's guard: starts a log checkpoint when one is due and none is being written. */
void mr_delta_keeper_poke(struct mr_delta_sink *s);
void mr_delta_keeper_release(struct mr_delta_keeper *keeper); /* waits for what is running */

#endif
