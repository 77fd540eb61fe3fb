/* sinks/kafka.h: topics of Kafka as a target, exactly once. Private to the kafka*.c files, but for the types.
 *
 * A manifest holds the encoded records (an outbox; a large one is a file it names). Publishing is one
 * transaction per decision: the records, and the register: in a group of the sink's own, for one partition,
 * the committed offset is the batch number + 1 and the offset's metadata names the decision. The
 * transactional id is the sink's id (<query id>/<name>), so whoever starts last fences all others out. A
 * producer is never used again after an error: a new one with the same id settles what the old one left (it
 * commits or aborts it), and only then the register is read, seeing settled offsets only. Before a batch is
 * sent that may have been sent before, its transaction is settled once more, partition by partition: a broker
 * that was killed in the middle of it may have forgotten to.
 *
 * Manifest, version 1, little-endian: "MRK1", i64 batch, u64 decision, i64 and u64 of the predecessor, u16
 * size and text of the file's name (0: none), u64 bytes of records in the file, then records. A record: u32
 * size of the key (all ones: NULL), u32 size of the value (likewise), i32 partition (-1: any), u16 size of
 * the topic (0: the option's), u16 headers, then topic, key, value, and per header u16 and u32 sizes (value
 * all ones: NULL) with name and value. */
#ifndef MR_SINKS_KAFKA_H
#define MR_SINKS_KAFKA_H

#include "sinks/kafka_client.h"
#include "sinks/sink.h"

extern const struct mr_sink_type mr_kafka_sink;               /* "kafka" */
extern const struct mr_sink_type mr_kafka_at_least_once_sink; /* delivery => 'at-least-once' */
extern const struct mr_option_spec mr_kafka_sink_options[];

struct mr_kafka_columns { /* positions in the sink's schema; -1: not there */
    int key, value, headers, topic, partition;
};
struct mr_kafka_sink {
    struct mr_sink *sink;
    bool at_least_once, with_headers;
    const char *topic; /* option; NULL: the column says it */
    const char *register_topic;
    char id[128]; /* transactional id and group: <query id>/<name> */
    struct mr_kafka_columns columns;
    int64_t largest_bytes; /* message.max.bytes */

    /* The decision in hand; under the lock, workers add to it. */
    pthread_mutex_t lock;
    struct mr_text outbox;   /* records not yet in the file */
    struct mr_text *scratch; /* per worker */
    int file;                /* -1: none */
    char *file_path;
    int64_t file_bytes, rows;
    uint64_t file_number;
    struct mr_map topics; /* names seen in rows: number = partitions, 0: not looked at */
    struct mr_map asked;  /* the same names: number = the largest partition that a row named, plus 1 */

    /* Publishing: of the publisher's thread. */
    struct mr_kafka_client producer; /* not open: nothing is known */
    struct mr_register current;      /* the target's, while the producer is open */
    struct mr_map handles;           /* topics of the producer: pointer = rd_kafka_topic_t */
    rd_kafka_topic_t *last_handle;
    struct mr_map *touched;         /* while transactions are settled: topics that have been seen to */
    int64_t attempted;              /* the last batch that was begun to be sent */
    _Atomic int64_t first_prepared; /* by this process; INT64_MAX: none yet */
    char trouble[256];              /* the first message that could not be delivered, and why */
    rd_kafka_resp_err_t refusal;
    int64_t renewed_us; /* the register was written then */
    int64_t renew_every_us;
    struct mr_kafka_client asker; /* about topics; of the driver's thread */
};

/* kafka_outbox.c */
int mr_kafka_outbox_add(struct mr_kafka_sink *self, int worker, const struct mr_batch *batch,
                        struct mr_error *error);
/* Closes the decision's outbox into a manifest. */
int mr_kafka_outbox_manifest(struct mr_kafka_sink *self, int64_t batch, uint64_t decision_id,
                             const struct mr_register *predecessor, struct mr_text *manifest,
                             struct mr_error *error);
void mr_kafka_outbox_drop(struct mr_kafka_sink *self); /* the decision in hand, its file, too */

struct mr_kafka_manifest {
    int64_t batch;
    uint64_t decision_id;
    struct mr_register predecessor;
    struct mr_str file; /* name in the sink's folder; size 0: none */
    int64_t file_bytes;
    struct mr_str records;
};
int mr_kafka_manifest_read(struct mr_str manifest, struct mr_kafka_manifest *out, struct mr_error *error);
struct mr_kafka_record {
    struct mr_str topic;
    int32_t partition;
    struct mr_str key, value; /* data NULL: NULL */
    int header_count;
    const char *headers; /* encoded, header_count of them */
};
/* Takes the record at the start of rest. false: what is there is no whole record. */
bool mr_kafka_record_next(struct mr_str *rest, struct mr_kafka_record *out);
bool mr_kafka_header_next(const char **at, struct mr_str *name, struct mr_str *value);
/* "<checkpoint>/outbox/<name>", in a text of the caller's; "" when there is no checkpoint. */
void mr_kafka_outbox_path(const struct mr_kafka_sink *self, struct mr_str name, struct mr_text *out);
/* Removes files that no manifest names (invariant 4). */
int mr_kafka_outbox_clean(struct mr_kafka_sink *self, struct mr_error *error);

/* kafka_publish.c */
int mr_kafka_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error);
/* Opens the producer when it is not, which settles what was left, and reads the register. */
int mr_kafka_register(struct mr_kafka_sink *self, struct mr_register *out, struct mr_error *error);
/* Writes the register alone. */
int mr_kafka_enrol(struct mr_kafka_sink *self, struct mr_register *out, struct mr_error *error);
/* Writes the register again when that is due: offsets of a group without members expire (after 7 days). */
int mr_kafka_renew(struct mr_sink *sink, int64_t *next_us, struct mr_error *error);
void mr_kafka_producer_drop(struct mr_kafka_sink *self);
/* What librdkafka is told; check_only: nothing is opened. */
int mr_kafka_producer_open(struct mr_kafka_sink *self, bool check_only, struct mr_error *error);

#endif
