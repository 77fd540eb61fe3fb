/* sinks/kafka_publish.c: the transaction that makes a decision's records visible together with the register.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sinks/kafka.h"

#define PARTING_MS 1000 /* for what is on its way when a producer is dropped */
#define ANSWER_MS 20000 /* for each step of a transaction */
#define COMMIT_TRIES 3
#define STABLE_MS 3000 /* for a register that no transaction holds */
#define SETTLE_TRIES 3
#define READ_BYTES (4 << 20) /* of a large outbox at a time */
#define VERSION_MARK "millrace 1 "
#define GONE_US 10000000 /* brokers that say for so long that a topic is not there are believed */
#define ASK_AGAIN_US 250000

/* What is still on its way comes to an end: delivery reports say why, and librdkafka aborts the process when
 * a handle is destroyed in the moment in which it announces the first record of a partition to the
 * coordinator (seen with 2.0.2). */
static void part(struct mr_kafka_sink *self)
{
    if (self->producer.handle && rd_kafka_outq_len(self->producer.handle) > 0)
        rd_kafka_flush(self->producer.handle, PARTING_MS);
}

void mr_kafka_producer_drop(struct mr_kafka_sink *self)
{
    part(self);
    if (self->producer.handle) /* what is on its way is settled by the next init_transactions */
        rd_kafka_purge(self->producer.handle,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    for (size_t i = 0; i < self->handles.count; i++) {
        if (self->handles.entries[i].pointer)
            rd_kafka_topic_destroy(self->handles.entries[i].pointer);
    }
    mr_map_release(&self->handles);
    mr_map_init(&self->handles);
    self->last_handle = NULL;
    mr_kafka_client_close(&self->producer);
}

/* The brokers' answer is to be destroyed by the caller, unless there is an error. */
static rd_kafka_resp_err_t ask_for_partitions(struct mr_kafka_sink *self, rd_kafka_topic_t *topic,
                                              const struct rd_kafka_metadata **metadata)
{
    for (int64_t until_us = mr_env()->monotonic_us() + GONE_US;;) {
        rd_kafka_resp_err_t why = rd_kafka_metadata(self->producer.handle, 0, topic, metadata, ANSWER_MS);
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR || (*metadata)->topic_cnt != 1 ||
            (*metadata)->topics[0].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return why;
        rd_kafka_metadata_destroy(*metadata);
        if (mr_env()->monotonic_us() >= until_us)
            return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        mr_env()->sleep_us(ASK_AGAIN_US);
    }
}

/* The producer's handle of a topic. Its partitions are asked for here: left to itself librdkafka looks once a
 * second. */
static rd_kafka_resp_err_t topic_handle(struct mr_kafka_sink *self, struct mr_str name,
                                        rd_kafka_topic_t **out)
{
    *out = self->last_handle;
    if (*out && mr_str_equal(mr_str_of(rd_kafka_topic_name(*out)), name))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    struct mr_map_entry *entry = mr_map_put(&self->handles, name, NULL);
    if (!entry)
        return RD_KAFKA_RESP_ERR__FAIL;
    bool made = !entry->pointer;
    if (made) {
        char text[256];
        snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
        entry->pointer = rd_kafka_topic_new(self->producer.handle, text, NULL);
        if (!entry->pointer)
            return RD_KAFKA_RESP_ERR__FAIL;
    }
    *out = self->last_handle = entry->pointer;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t why = made ? ask_for_partitions(self, *out, &metadata) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (made && why == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    return why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ? why : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Is the record itself what is not taken? The topic was checked before the decision, as far as it tells. */
static bool is_of_the_record(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || why == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           why == RD_KAFKA_RESP_ERR_INVALID_RECORD || why == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
           why == RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
}

static bool is_fenced(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR__FENCED || why == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           why == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* librdkafka says so when brokers have answered so for topic.metadata.propagation.max.ms. */
static bool is_gone(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || why == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* Will brokers say so again, until somebody has changed something there? */
static bool is_refusal(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
           why == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           why == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           why == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT;
}

/* A call during which the transaction fails may say no more than that it came at the wrong time; the next one
 * is told what has failed. A producer that has failed begins nothing. */
static rd_kafka_error_t *first_cause(struct mr_kafka_sink *self, rd_kafka_error_t *why)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);
    bool says_little = code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL ||
                       code == RD_KAFKA_RESP_ERR__FAIL;
    if (!says_little || self->at_least_once || !self->producer.handle)
        return why;
    rd_kafka_error_t *first = rd_kafka_begin_transaction(self->producer.handle);
    if (!first || rd_kafka_error_code(first) == RD_KAFKA_RESP_ERR__STATE) {
        if (first)
            rd_kafka_error_destroy(first);
        return why;
    }
    rd_kafka_error_destroy(why);
    return first;
}

/* A producer's error, as what the publisher does next. The producer is dropped: it is never used again. */
static int failed(struct mr_kafka_sink *self, rd_kafka_error_t *why, uint32_t flags, const char *what,
                  struct mr_error *error)
{
    part(self); /* an error of the transaction comes before that of the record, its cause */
    why = first_cause(self, why);
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);
    bool fenced = is_fenced(code);
    if (!fenced && rd_kafka_error_is_fatal(why) && self->producer.handle) {
        char text[256];
        fenced = is_fenced(rd_kafka_fatal_error(self->producer.handle, text, sizeof text));
    }
    mr_kafka_serve(&self->producer);
    if (fenced) {
        mr_error_set(
            error, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH.FOREIGN",
            "The sink '%s' is fenced: another process publishes with this query's identity (%s). A copy "
            "of the checkpoint runs elsewhere; stop one of the two. (%s)",
            self->sink->name, self->id, rd_kafka_error_string(why));
    } else if (is_of_the_record(code) || is_of_the_record(self->refusal)) {
        mr_error_set(error, MR_E_DATA, "KAFKA_RECORD_REFUSED",
                     "Brokers do not take a record of the sink '%s': %s%s%s. Let the topic take it (its "
                     "max.message.bytes; a compacted topic wants keys), or put the batch aside: millrace "
                     "checkpoint set-aside.",
                     self->sink->name, rd_kafka_error_string(why), self->trouble[0] ? "; " : "",
                     self->trouble);
    } else if (is_gone(code) || is_gone(self->refusal)) {
        mr_error_set(error, MR_E_DATA, "KAFKA_RECORD_REFUSED",
                     "A topic or partition that a decided batch of the sink '%s' is for is not there any "
                     "more: %s%s%s. Create it again, or put the batch aside: millrace checkpoint set-aside.",
                     self->sink->name, rd_kafka_error_string(why), self->trouble[0] ? "; " : "",
                     self->trouble);
    } else {
        bool refused;
        mr_error_set(error, MR_E_IO, mr_kafka_condition(&self->producer, &refused),
                     "%s failed at the sink '%s': %s (%s)%s%s%s%s.", what, self->sink->name,
                     rd_kafka_error_string(why), rd_kafka_err2name(code),
                     self->trouble[0] ? "; a record: " : "", self->trouble,
                     self->producer.trouble[0] ? "; the client says: " : "", self->producer.trouble);
        error->flags |= is_refusal(code) || is_refusal(self->refusal) ? 0 : flags;
    }
    rd_kafka_error_destroy(why);
    mr_kafka_producer_drop(self);
    return error->code;
}

static void forget_trouble(struct mr_kafka_sink *self)
{
    self->trouble[0] = 0;
    self->refusal = RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- the register ---- */

static int refuse(struct mr_kafka_sink *self, const char *text, struct mr_error *error)
{
    return mr_error_set(error, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH.FOREIGN",
                        "The group %s holds '%s', which no sink of Millrace has written.", self->id, text);
}

static int parse_register(struct mr_kafka_sink *self, const rd_kafka_topic_partition_t *committed,
                          struct mr_register *out, struct mr_error *error)
{
    char text[128];
    *out = (struct mr_register){0};
    if (committed->offset < 0)
        return MR_OK;
    size_t size = committed->metadata_size < sizeof text ? committed->metadata_size : sizeof text - 1;
    if (size > 0)
        memcpy(text, committed->metadata, size);
    text[size] = 0;
    if (strncmp(text, VERSION_MARK, sizeof VERSION_MARK - 1) != 0)
        return refuse(self, text, error);
    char *end;
    uint64_t decision = strtoull(text + sizeof VERSION_MARK - 1, &end, 16);
    if (*end != 0 || decision == 0)
        return refuse(self, text, error);
    *out = (struct mr_register){true, committed->offset - 1, decision};
    return MR_OK;
}

/* By a consumer of the group. */
static int read_register_at(struct mr_kafka_sink *self, const char *isolation, int wait_ms,
                            struct mr_register *out, struct mr_error *error)
{
    static const struct mr_kafka_setting defaults[] = {{"reconnect.backoff.ms", "20"}, {0}};
    const struct mr_kafka_setting fixed[] = {{"group.id", self->id},
                                             {"isolation.level", isolation},
                                             {"enable.auto.commit", "false"},
                                             {0}};
    struct mr_kafka_client_options options = {.type = RD_KAFKA_CONSUMER,
                                              .options = self->sink->options,
                                              .option_count = self->sink->option_count,
                                              .defaults = defaults,
                                              .fixed = fixed};
    struct mr_kafka_client reader = {0};
    MR_TRY(mr_kafka_client_open(&reader, &options, error));
    rd_kafka_topic_partition_list_t *found = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(found, self->register_topic, 0);
    rd_kafka_resp_err_t why = rd_kafka_committed(reader.handle, found, wait_ms);
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
        why = found->elems[0].err;
    int status =
        why == RD_KAFKA_RESP_ERR_NO_ERROR
            ? parse_register(self, &found->elems[0], out, error)
            : mr_kafka_error(&reader, why, error, "The register of the sink '%s' (group %s) cannot be read",
                             self->sink->name, self->id);
    if (status < 0 && why == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        error->flags |= MR_RETRIABLE;
    rd_kafka_topic_partition_list_destroy(found);
    mr_kafka_client_close(&reader);
    return status;
}

/* ---- a transaction ---- */

static rd_kafka_error_t *send_register(struct mr_kafka_sink *self, const struct mr_register *value)
{
    char text[64];
    snprintf(text, sizeof text, VERSION_MARK "%llx", (unsigned long long)value->decision_id);
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(offsets, self->register_topic, 0);
    at->offset = value->batch + 1; /* librdkafka sends nothing, and says nothing, when all are negative */
    at->metadata = strdup(text);
    at->metadata_size = strlen(text);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(self->id);
    rd_kafka_error_t *why = NULL;
    for (int i = 0; i < COMMIT_TRIES; i++) {
        if (why)
            rd_kafka_error_destroy(why);
        why = rd_kafka_send_offsets_to_transaction(self->producer.handle, offsets, group, ANSWER_MS);
        if (!why || !rd_kafka_error_is_retriable(why))
            break;
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    return why;
}

#ifdef MR_PLANT_KAFKA_MARKER_OUTSIDE
/* The register in a transaction of its own, behind that of the records. */
static rd_kafka_error_t *commit_records_first(struct mr_kafka_sink *self)
{
    rd_kafka_error_t *why = rd_kafka_commit_transaction(self->producer.handle, ANSWER_MS);
    mr_killpoint("kafka.after_commit");
    return why ? why : rd_kafka_begin_transaction(self->producer.handle);
}
#endif

/* Records that do not arrive, though the brokers answer, may be for a topic that went after it was asked for:
 * librdkafka tries these until they are too old. */
static bool records_have_no_topic(struct mr_kafka_sink *self)
{
    const struct rd_kafka_metadata *metadata;
    for (size_t i = 0; rd_kafka_outq_len(self->producer.handle) > 0 && i < self->handles.count; i++) {
        rd_kafka_topic_t *topic = self->handles.entries[i].pointer;
        rd_kafka_resp_err_t why = ask_for_partitions(self, topic, &metadata);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(metadata);
        if (why != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            continue;
        self->refusal = why;
        snprintf(self->trouble, sizeof self->trouble, "the topic %s", rd_kafka_topic_name(topic));
        return true;
    }
    return false;
}

/* Behind it the register holds `value`, or the outcome is unknown (AMBIGUOUS) and the producer dropped. */
static int commit(struct mr_kafka_sink *self, const struct mr_register *value, struct mr_error *error)
{
    rd_kafka_error_t *why = NULL;
#ifdef MR_PLANT_KAFKA_MARKER_OUTSIDE
    why = commit_records_first(self);
#endif
    why = why ? why : send_register(self, value);
    if (why)
        return failed(self, why, MR_RETRIABLE, "Writing the register", error);
    mr_killpoint("kafka.before_commit");
    for (int i = 0; i < COMMIT_TRIES; i++) {
        why = rd_kafka_commit_transaction(self->producer.handle, ANSWER_MS);
        if (!why || rd_kafka_error_is_fatal(why) || rd_kafka_error_txn_requires_abort(why) ||
            !rd_kafka_error_is_retriable(why) || records_have_no_topic(self))
            break;
        if (i + 1 < COMMIT_TRIES)
            rd_kafka_error_destroy(why); /* repeated on the same producer until it answers */
    }
    if (why) {
        bool known = rd_kafka_error_txn_requires_abort(why);
        return failed(self, why, known ? MR_RETRIABLE : MR_RETRIABLE | MR_AMBIGUOUS, "Committing", error);
    }
    mr_killpoint("kafka.after_commit");
    self->current = *value;
    self->renewed_us = mr_env()->monotonic_us();
    return MR_OK;
}

static rd_kafka_error_t *begin(struct mr_kafka_sink *self)
{
    forget_trouble(self);
    return rd_kafka_begin_transaction(self->producer.handle);
}

int mr_kafka_enrol(struct mr_kafka_sink *self, struct mr_register *out, struct mr_error *error)
{
    struct mr_register enrolled = {true, -1, mr_env()->random() >> 1 | 1};
    MR_TRY(mr_kafka_register(self, out, error));
    bool renew = out->present;
    if (renew)
        enrolled = *out; /* groups expire: say it again */
    rd_kafka_error_t *why = begin(self);
    if (why)
        return failed(self, why, MR_RETRIABLE, "Beginning a transaction", error);
    MR_TRY(commit(self, &enrolled, error));
    *out = enrolled;
    return MR_OK;
}

/* Where the producer was dropped by an error a new one is made, as nothing may come to be published for long;
 * a register that is lost is told of by the next publication. */
int mr_kafka_renew(struct mr_sink *sink, int64_t *next_us, struct mr_error *error)
{
    struct mr_kafka_sink *self = sink->ctx;
    struct mr_register held;
    int64_t now_us = mr_env()->monotonic_us(), said_us = self->renewed_us ? self->renewed_us : now_us;
    *next_us = said_us + self->renew_every_us;
    if (now_us < *next_us)
        return MR_OK;
    MR_TRY(mr_kafka_register(self, &held, error));
    if (held.present)
        MR_TRY(mr_kafka_enrol(self, &held, error));
    *next_us = mr_env()->monotonic_us() + self->renew_every_us;
    return MR_OK;
}

/* ---- records ---- */

static rd_kafka_headers_t *make_headers(const struct mr_kafka_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t)record->header_count);
    const char *at = record->headers;
    for (int i = 0; i < record->header_count; i++) {
        struct mr_str name, value;
        mr_kafka_header_next(&at, &name, &value);
        rd_kafka_header_add(headers, name.data, (ssize_t)name.size, value.data, (ssize_t)value.size);
    }
    return headers;
}

static rd_kafka_resp_err_t produce_to(struct mr_kafka_sink *self, rd_kafka_topic_t *topic, int32_t partition,
                                      const struct mr_kafka_record *record)
{
    rd_kafka_headers_t *headers = record->header_count > 0 ? make_headers(record) : NULL;
    for (;;) {
        rd_kafka_resp_err_t why =
            rd_kafka_producev(self->producer.handle, RD_KAFKA_V_RKT(topic),
                              RD_KAFKA_V_PARTITION(partition < 0 ? RD_KAFKA_PARTITION_UA : partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE((void *)record->value.data, record->value.size),
                              RD_KAFKA_V_KEY(record->key.data, record->key.size), RD_KAFKA_V_HEADERS(headers),
                              RD_KAFKA_V_END);
        if (why == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(self->producer.handle, 20);
            continue;
        }
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR && headers)
            rd_kafka_headers_destroy(headers);
        return why;
    }
}

/* The first record of a topic goes to all of its partitions, the others nowhere. */
static rd_kafka_resp_err_t touch(struct mr_kafka_sink *self, rd_kafka_topic_t *topic,
                                 const struct mr_kafka_record *record)
{
    const struct rd_kafka_metadata *metadata;
    bool created = false;
    if (!mr_map_put(self->touched, mr_str_of(rd_kafka_topic_name(topic)), &created))
        return RD_KAFKA_RESP_ERR__FAIL;
    if (!created)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t why = ask_for_partitions(self, topic, &metadata);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return why;
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (count == 0) /* not known now: what is left open in it would not be found */
        why = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    for (int p = 0; p < count && why == RD_KAFKA_RESP_ERR_NO_ERROR; p++)
        why = produce_to(self, topic, metadata->topics[0].partitions[p].id, record);
    rd_kafka_metadata_destroy(metadata);
    return why;
}

static rd_kafka_resp_err_t produce(struct mr_kafka_sink *self, const struct mr_kafka_record *record)
{
    rd_kafka_topic_t *topic;
    rd_kafka_resp_err_t why =
        topic_handle(self, record->topic.size > 0 ? record->topic : mr_str_of(self->topic), &topic);
    if (why == RD_KAFKA_RESP_ERR__FAIL)
        return why;
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
        why = self->touched ? touch(self, topic, record) : produce_to(self, topic, record->partition, record);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR && !self->trouble[0])
        snprintf(self->trouble, sizeof self->trouble, "for the topic %s (is it there?)",
                 rd_kafka_topic_name(topic));
    return why;
}

/* Records of a text; *rest: what is no whole record yet. */
static int send_text(struct mr_kafka_sink *self, struct mr_str *rest, struct mr_error *error)
{
    for (int64_t count = 1; rest->size > 0; count++) {
        struct mr_kafka_record record;
        struct mr_str before = *rest;
        if (!mr_kafka_record_next(rest, &record)) {
            *rest = before;
            return MR_OK;
        }
        rd_kafka_resp_err_t why = produce(self, &record);
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
            return failed(self, rd_kafka_error_new(why, "%s", rd_kafka_err2str(why)), MR_RETRIABLE,
                          "Sending a record", error);
        if (count % 512 == 0)
            rd_kafka_poll(self->producer.handle, 0);
    }
    return MR_OK;
}

static int damaged(const char *path, struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                        "The outbox %s is shorter than what was decided, or damaged.", path);
}

static int send_file_from(struct mr_kafka_sink *self, int file, const char *path, int64_t size,
                          struct mr_text *buffer, struct mr_error *error)
{
    int64_t at = 0;
    while (at < size) {
        size_t wanted = (size_t)(size - at < READ_BYTES ? size - at : READ_BYTES);
        char *to = mr_text_reserve(buffer, wanted);
        int64_t got = to ? mr_env()->pread(file, to, wanted, at) : -1;
        if (!to)
            return mr_error_memory(error, wanted);
        if (got <= 0)
            return damaged(path, error);
        at += got;
        buffer->size += (size_t)got;
        struct mr_str rest = mr_text_str(buffer);
        MR_TRY(send_text(self, &rest, error));
        memmove(buffer->data, rest.data, rest.size); /* a record's beginning: the rest of it comes next */
        buffer->size = rest.size;
    }
    return buffer->size == 0 ? MR_OK : damaged(path, error);
}

static int send_file(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                     struct mr_error *error)
{
    struct mr_text path, buffer;
    if (manifest->file.size == 0)
        return MR_OK;
    mr_text_init(&path);
    mr_text_init(&buffer);
    mr_kafka_outbox_path(self, manifest->file, &path);
    int file = path.failed ? -1 : mr_env()->open(path.data, MR_OPEN_READ);
    int status = file < 0 ? mr_error_set(error, MR_E_PROTOCOL, "FAILED_READ_FILE.FILE_NOT_EXIST",
                                         "The outbox %s, which was decided, cannot be opened.", path.data)
                          : send_file_from(self, file, path.data, manifest->file_bytes, &buffer, error);
    if (file >= 0)
        mr_env()->close(file);
    mr_text_release(&buffer);
    mr_text_release(&path);
    return status;
}

/* After a failure the producer is dropped: the next one of this id aborts what was begun. */
static int send_all(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                    struct mr_error *error)
{
    struct mr_str rest = manifest->records;
    int status = send_file(self, manifest, error);
    if (status == MR_OK)
        status = send_text(self, &rest, error);
    if (status == MR_OK && rest.size > 0)
        status = damaged("of a manifest", error);
    if (status < 0)
        mr_kafka_producer_drop(self);
    return status;
}

static void forget_file(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest)
{
    struct mr_text path;
    if (manifest->file.size == 0)
        return;
    mr_text_init(&path);
    mr_kafka_outbox_path(self, manifest->file, &path);
    if (!path.failed)
        mr_env()->unlink(path.data);
    mr_text_release(&path);
}

/* ---- transactions that a broker left open ---- */

/* init_transactions has settled all transactions of this id, says the broker. Yet one that is killed at the
 * wrong moment may come back with the transaction complete in its log of transactions and without the markers
 * that end it in the partitions (seen with 4.3.1). Its records and its register are then open, and the next
 * commit of this producer would make them visible. A transaction that touches the same partitions and is
 * aborted ends them: the register's partition, and all that the manifest's records may have gone to (NULL:
 * the register's only). */
static int settle(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                  const struct mr_register *held, struct mr_error *error)
{
    struct mr_map touched;
    int status = MR_OK;
    rd_kafka_error_t *why = begin(self);
    if (why)
        return failed(self, why, MR_RETRIABLE, "Beginning a transaction", error);
    if (manifest) {
        mr_map_init(&touched);
        self->touched = &touched;
        status = send_all(self, manifest, error);
        self->touched = NULL;
        mr_map_release(&touched);
        if (status < 0)
            return status;
        rd_kafka_resp_err_t sent = rd_kafka_flush(self->producer.handle, ANSWER_MS);
        if (sent != RD_KAFKA_RESP_ERR_NO_ERROR || self->trouble[0])
            return failed(self, rd_kafka_error_new(sent ? sent : RD_KAFKA_RESP_ERR__FAIL, "not all arrived"),
                          MR_RETRIABLE, "Settling a transaction", error);
    }
    why = send_register(self, held);
    if (!why)
        why = rd_kafka_abort_transaction(self->producer.handle, ANSWER_MS);
    return why ? failed(self, why, MR_RETRIABLE, "Settling a transaction", error) : MR_OK;
}

/* An offset that stays pending, though transactions have been settled, is one that was left open. */
static int read_settled_register(struct mr_kafka_sink *self, struct mr_error *error)
{
    struct mr_register held;
    int status = read_register_at(self, "read_committed", STABLE_MS, &self->current, error);
    for (int i = 0; i < SETTLE_TRIES && status < 0 && (error->flags & MR_RETRIABLE); i++) {
        MR_TRY(read_register_at(self, "read_uncommitted", ANSWER_MS, &held, error));
        if (!held.present)
            held = (struct mr_register){true, -1, 1};
        MR_TRY(settle(self, NULL, &held, error));
        status = read_register_at(self, "read_committed", ANSWER_MS, &self->current, error);
    }
    return status;
}

int mr_kafka_register(struct mr_kafka_sink *self, struct mr_register *out, struct mr_error *error)
{
    if (!self->producer.handle) {
        forget_trouble(self);
        MR_TRY(mr_kafka_producer_open(self, false, error));
#ifdef MR_PLANT_KAFKA_READ_BEFORE_INIT
        MR_TRY(read_register_at(self, "read_uncommitted", ANSWER_MS, &self->current, error));
        mr_env()->sleep_us(15000000);
#endif
        rd_kafka_error_t *why = rd_kafka_init_transactions(self->producer.handle, ANSWER_MS);
        if (why)
            return failed(self, why, MR_RETRIABLE, "Starting transactions", error);
#ifdef MR_PLANT_KAFKA_READ_BEFORE_INIT
        int status = MR_OK;
#else
        int status = read_settled_register(self, error);
#endif
        if (status < 0) {
            mr_kafka_producer_drop(self);
            return status;
        }
    }
    *out = self->current;
    return MR_OK;
}

/* The register tells whether it has been done: it is not pending any more. */
static int settle_batch(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                        const struct mr_register *held, struct mr_error *error)
{
    MR_TRY(settle(self, manifest, held, error));
    mr_killpoint("kafka.settled");
    int status = read_register_at(self, "read_committed", ANSWER_MS, &self->current, error);
    if (status == MR_OK &&
        (self->current.batch != held->batch || self->current.decision_id != held->decision_id))
        status =
            mr_error_set(error, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH.FOREIGN",
                         "The register of the sink '%s' (group %s) has changed while this process holds it.",
                         self->sink->name, self->id);
    if (status < 0)
        mr_kafka_producer_drop(self);
    return status;
}

/* Whether records of it may be in the topics: sent by this process, or by one before it. */
static bool may_have_been_sent(const struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest)
{
#ifdef MR_PLANT_KAFKA_READ_BEFORE_INIT /* the register is not read again */
    return false;
#endif
    return manifest->batch < self->first_prepared || manifest->batch <= self->attempted;
}

static int publish_once(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                        struct mr_error *error)
{
    struct mr_register found, mine = {true, manifest->batch, manifest->decision_id};
    MR_TRY(mr_kafka_register(self, &found, error));
#ifdef MR_PLANT_ACCEPT_BATCH_ONLY
    found.decision_id = found.batch == mine.batch ? mine.decision_id : manifest->predecessor.decision_id;
#endif
    if (found.present && found.batch == mine.batch && found.decision_id == mine.decision_id)
        return MR_OK;
    if (!found.present || found.batch != manifest->predecessor.batch ||
        found.decision_id != manifest->predecessor.decision_id)
        return mr_error_set(
            error, MR_E_PROTOCOL, "SINK_REGISTER_MISMATCH",
            "Batch %lld cannot be published to the sink '%s': its register (group %s) holds batch %lld of "
            "decision %llx where batch %lld of decision %llx must come before.",
            (long long)mine.batch, self->sink->name, self->id, (long long)(found.present ? found.batch : -2),
            (unsigned long long)found.decision_id, (long long)manifest->predecessor.batch,
            (unsigned long long)manifest->predecessor.decision_id);
    if (may_have_been_sent(self, manifest))
        MR_TRY(settle_batch(self, manifest, &found, error));
    self->attempted = manifest->batch;
    rd_kafka_error_t *why = begin(self);
    if (why)
        return failed(self, why, MR_RETRIABLE, "Beginning a transaction", error);
    MR_TRY(send_all(self, manifest, error));
    return commit(self, &mine, error);
}

static int publish_again(struct mr_kafka_sink *self, const struct mr_kafka_manifest *manifest,
                         struct mr_error *error)
{
    forget_trouble(self);
    if (!self->producer.handle)
        MR_TRY(mr_kafka_producer_open(self, false, error));
    MR_TRY(send_all(self, manifest, error));
    rd_kafka_resp_err_t why = rd_kafka_flush(self->producer.handle, ANSWER_MS);
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR && !self->trouble[0])
        return MR_OK;
    return failed(self, rd_kafka_error_new(why ? why : RD_KAFKA_RESP_ERR__FAIL, "not all records arrived"),
                  MR_RETRIABLE, "Publishing", error);
}

int mr_kafka_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    struct mr_kafka_sink *self = sink->ctx;
    struct mr_kafka_manifest content;
    MR_TRY(mr_kafka_manifest_read(manifest, &content, error));
    MR_TRY(self->at_least_once ? publish_again(self, &content, error) : publish_once(self, &content, error));
    forget_file(self, &content);
    return MR_OK;
}
