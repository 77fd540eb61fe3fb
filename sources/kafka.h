/* sources/kafka.h: topics of Kafka, as a stream or as a batch. Private to the kafka_*.c files, but for the
 * type.
 *
 * Offsets are Spark's: {"topic":{"0":23,"1":45}}, the next one to read per partition. They are planned from
 * what the brokers say (under read_committed: the last stable offset) and live in the decision, never in a
 * group. Every partition has a queue of librdkafka's that is filled in the background from where the last
 * range ended; a range is read until the position has passed its end, so that markers of transactions and
 * holes left by compaction are no rows and no obstacle.
 *
 * Threads: the verbs run one at a time; readers share a partition under its lock. */
#ifndef MR_SOURCES_KAFKA_H
#define MR_SOURCES_KAFKA_H

#include "sinks/kafka_client.h"
#include "sources/source.h"

extern const struct mr_source_type mr_kafka_source; /* "kafka" */
extern const struct mr_option_spec mr_kafka_source_options[];

#define MR_KAFKA_LATEST (-1)   /* as in Spark's JSON */
#define MR_KAFKA_EARLIEST (-2) /* likewise */
#define MR_KAFKA_ABSENT (-1000)

struct mr_kafka_topic {
    char *name;
    bool wanted;              /* named by an option */
    rd_kafka_topic_t *handle; /* of the client that fetches */
    rd_kafka_topic_t *asked;  /* of the one that asks: it is asked about the topics it has a handle of */
    struct mr_buffer *label;  /* the name, for views of the column topic */
};
struct mr_kafka_witness { /* the last message read of a partition, see kafka_witness.c */
    bool known, fresh;    /* fresh: not in a decision yet */
    int64_t offset, time_ms;
    uint64_t hash;
};
struct mr_kafka_partition {
    struct mr_kafka_topic *topic;
    int32_t id;
    bool exists;   /* according to the last look */
    bool assigned; /* option assign */
    bool seen;     /* while looking */
    /* Fetching: under the lock while readers run. */
    pthread_mutex_t lock;
    rd_kafka_queue_t *queue; /* NULL: nothing is fetched */
    int64_t position;        /* all before it has been handed out, or is no row */
    int64_t end;             /* of the range in hand */
    rd_kafka_message_t **held;
    size_t held_first, held_count, held_capacity; /* taken from the queue, not handed out */
    double row_bytes;                             /* mean of what was read; 0: unknown */
    struct mr_kafka_witness witness;
    bool checking; /* fetching began with the witness, which has not come yet */
    bool anew;     /* it is another one than was read: it begins at its beginning */
    bool pinned, replaced;
    int64_t pin_ms, pin_offset, pin_of; /* time, offset found for it; of the witness at that offset */
};
/* Per partition, by index in the source's array; MR_KAFKA_ABSENT: not mentioned. */
struct mr_kafka_offsets {
    int64_t *at;
    size_t count;
};
enum mr_kafka_select { MR_KAFKA_ASSIGN, MR_KAFKA_SUBSCRIBE, MR_KAFKA_PATTERN };
struct mr_kafka_options { /* checked; texts are the source's options' */
    enum mr_kafka_select select;
    const char *topics; /* JSON, a list with commas, or a pattern */
    const char *starting, *starting_by_timestamp, *ending, *ending_by_timestamp; /* NULL: not given */
    int64_t starting_ms, ending_ms;                                              /* -1: not given */
    bool timestamp_latest; /* startingOffsetsByTimestampStrategy: nothing so late means the end */
    bool batch;            /* a bounded read: not STREAM */
    bool fail_on_data_loss, headers;
    int64_t max_offsets, min_offsets; /* 0: none */
    int64_t max_delay_us;             /* of min_offsets */
    int64_t min_partitions, max_records;
    int64_t poll_timeout_us, retries, retry_us;
};
struct mr_kafka_source {
    struct mr_kafka_options options;
    const char *servers; /* as the user names them */
    /* Two connections: a broker answers what comes on one in order, and a fetch waits for data. */
    struct mr_kafka_client client;  /* fetches */
    struct mr_kafka_client asker;   /* topics, partitions, offsets */
    void *pattern;                  /* pcre2_code; NULL: none */
    struct mr_kafka_topic **topics; /* pointers stay; sorted in partitions only */
    size_t topic_count;
    struct mr_kafka_partition **partitions; /* in order of being found: indexes stay */
    size_t partition_count, partition_capacity;
    struct mr_arena arena;  /* of one plan */
    struct mr_text initial; /* where a new query starts; "" not known yet */
    struct mr_text latest;  /* of the last plan, for progress */
    char group[256];        /* its offsets follow, for those who watch lag, see kafka_lag.c; "": none */
    struct mr_text published;
    int64_t committed_us;
    struct mr_text stop_at; /* available_now, batch: where it ends; "" not known yet */
    int64_t pinned_us;      /* see kafka_witness.c */
    int64_t looked_us;      /* when topics and partitions were asked for */
    int64_t triggered_us;   /* of minOffsetsPerTrigger: the last batch */
    bool waits_for_more;    /* there is something, but not minOffsetsPerTrigger of it */
    bool reached;           /* a micro-batch has been planned: brokers may go and come */
    double mean_bytes;      /* of a row, roughly; 0: unknown */
    int64_t away_since_us;  /* the brokers do not answer; 0: they do */
    int64_t away_said_us;   /* when the log was told so last */
    int bell;               /* eventfd: wake, and librdkafka when a queue fills; -1 */
    _Atomic bool woken;
};

/* kafka_options.c */
int mr_kafka_options_read(struct mr_source *source, struct mr_kafka_options *out, struct mr_error *error);
/* Opens the handles, or only checks what librdkafka would be told. */
int mr_kafka_source_client(struct mr_source *source, bool check_only, struct mr_error *error);
/* Are the queues' limits, made for few partitions, right for so many? Else the handle is made anew. */
bool mr_kafka_limits_fit(int64_t partitions);

/* kafka_offsets.c */
struct mr_kafka_offsets mr_kafka_offsets_new(struct mr_kafka_source *self, struct mr_arena *arena);
/* Find or make; NULL without memory. */
struct mr_kafka_topic *mr_kafka_topic_of(struct mr_kafka_source *self, struct mr_str name);
struct mr_kafka_partition *mr_kafka_partition_of(struct mr_kafka_source *self, struct mr_str topic,
                                                 int32_t id, size_t *index);
/* Parses {"topic":{"0":23}}; partitions the source does not know yet are made (not existing). */
int mr_kafka_offsets_parse(struct mr_kafka_source *self, struct mr_arena *arena, struct mr_str json,
                           struct mr_kafka_offsets *out, struct mr_error *error);
/* Topics and partitions in ascending order. */
void mr_kafka_offsets_write(struct mr_kafka_source *self, const struct mr_kafka_offsets *offsets,
                            struct mr_text *out);
/* Where a new query (or, ending, a batch) begins (ends), according to the options. */
int mr_kafka_bounds(struct mr_kafka_source *self, struct mr_arena *arena, bool ending,
                    struct mr_kafka_offsets *out, struct mr_error *error);

/* kafka_cluster.c */
/* Which partitions there are now. MR_BLOCKED: the brokers do not answer. */
int mr_kafka_look(struct mr_kafka_source *self, struct mr_error *error);
/* Asks for offsets of all partitions that offsets mentions: -1 latest, -2 earliest, else of the first message
 * at or after that many milliseconds; the answers replace the questions. MR_BLOCKED as above. */
int mr_kafka_ask(struct mr_kafka_source *self, struct mr_kafka_offsets *offsets, struct mr_error *error);

/* kafka_plan.c */
int mr_kafka_latest(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error);
int mr_kafka_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                   struct mr_split_list *splits, struct mr_error *error);
int mr_kafka_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                 const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                 struct mr_error *error);

/* kafka_fetch.c: the queues */
/* Fetches from position on; nothing happens when it does already. */
int mr_kafka_fetch(struct mr_kafka_source *self, struct mr_kafka_partition *partition, int64_t position,
                   struct mr_error *error);
void mr_kafka_fetch_stop(struct mr_kafka_source *self, struct mr_kafka_partition *partition);
/* Under the lock: messages below partition->end that are there now, or come within wait_us: messages[0 ..
 * *count), to be destroyed by the caller, at most `most` of them and about `bytes`. The position moves behind
 * them. MR_END: the range is read. */
int mr_kafka_take(struct mr_kafka_source *self, struct mr_kafka_partition *partition, int64_t wait_us,
                  rd_kafka_message_t **messages, size_t most, int64_t bytes, size_t *count,
                  struct mr_error *error);
/* A queue that was full has been emptied, and nobody has told librdkafka's thread, which looks once a second:
 * any request makes it look. The answer is of no interest. */
void mr_kafka_nudge(struct mr_kafka_source *self, const struct mr_kafka_partition *partition);
/* Is something there that was not handed out? Takes end-of-partition notes out of the queue's way. */
bool mr_kafka_has_more(struct mr_kafka_source *self, struct mr_kafka_partition *partition);

/* The first event of the queue that was not handed out, NULL: none within the time. It stays there. */
const rd_kafka_message_t *mr_kafka_first(struct mr_kafka_partition *partition, int64_t wait_us);

/* kafka_witness.c */
void mr_kafka_witness_see(struct mr_kafka_partition *partition, const rd_kafka_message_t *message);
/* Where fetching begins so that rows come from position on. */
int64_t mr_kafka_witness_begin(struct mr_kafka_partition *partition, int64_t position);
/* Of the first message that comes: does it stand where the witness stood? */
bool mr_kafka_witness_differs(struct mr_kafka_partition *partition, const rd_kafka_message_t *message);
/* Says that the topic is another one, as data loss. */
int mr_kafka_replaced(const struct mr_kafka_source *self, const struct mr_kafka_partition *partition,
                      struct mr_error *error);
/* Starts fetching what there is, and looks at the first messages. Partitions that are others than were read
 * are data loss, and `anew` where that is skipped. */
int mr_kafka_verify(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                    const struct mr_kafka_offsets *end, struct mr_error *error);
bool mr_kafka_never_pinned(const struct mr_kafka_source *self); /* though there is a witness */
/* Partitions that were made anew while they are fetched are `replaced` from here on. MR_BLOCKED as ask. */
int mr_kafka_check_pins(struct mr_kafka_source *self, struct mr_error *error);
void mr_kafka_anew(struct mr_kafka_partition *partition);
int mr_kafka_remember(struct mr_source *source, struct mr_str from, struct mr_str to,
                      struct mr_decision *decision, struct mr_error *error);
int mr_kafka_witnesses_load(struct mr_source *source, struct mr_error *error);

/* kafka_lag.c */
void mr_kafka_measure_lag(struct mr_source *source, const struct mr_kafka_offsets *end,
                          const struct mr_kafka_offsets *latest);
/* Fills in the group whose offsets follow. */
void mr_kafka_name_group(struct mr_source *source);
int mr_kafka_published(struct mr_source *source, struct mr_str upto, struct mr_error *error);
void mr_kafka_commit_last(struct mr_source *source);

/* kafka_read.c */
const struct mr_type *mr_kafka_row_type(struct mr_arena *arena, bool headers);
int mr_kafka_reader_open(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                         struct mr_error *error);
int mr_kafka_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                  struct mr_error *error);
void mr_kafka_reader_close(struct mr_source *source, struct mr_reader *reader);
struct mr_kafka_split { /* a share of a partition's range */
    struct mr_kafka_partition *partition;
    int64_t offsets; /* about so many of them */
};

/* Says the data loss, as an error or, with failOnDataLoss => false, in the log (MR_OK). */
int mr_kafka_data_loss(const struct mr_kafka_source *self, struct mr_error *error, const char *subclass,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
