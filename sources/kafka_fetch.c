/* sources/kafka_fetch.c: the queues that librdkafka fills, one per partition. */
#include <stdio.h>

#include "sources/kafka.h"

#define AT_ONCE 1024 /* messages taken from a queue in one go */

static void drop_held(struct mr_kafka_partition *partition)
{
    while (partition->held_first < partition->held_count)
        rd_kafka_message_destroy(partition->held[partition->held_first++]);
    partition->held_first = partition->held_count = 0;
}

void mr_kafka_fetch_stop(struct mr_kafka_source *self, struct mr_kafka_partition *partition)
{
    (void)self;
    if (!partition->queue)
        return;
    rd_kafka_consume_stop(partition->topic->handle, partition->id);
    drop_held(partition);
    rd_kafka_queue_destroy(partition->queue);
    partition->queue = NULL;
}

int mr_kafka_fetch(struct mr_kafka_source *self, struct mr_kafka_partition *partition, int64_t position,
                   struct mr_error *error)
{
    static const uint64_t ring = 1; /* what librdkafka writes to the eventfd */
    if (partition->queue && partition->position == position)
        return MR_OK;
    mr_kafka_fetch_stop(self, partition);
    if (!partition->held) {
        partition->held = mr_allocate(sizeof(rd_kafka_message_t *) * AT_ONCE);
        if (!partition->held)
            return mr_error_memory(error, sizeof(rd_kafka_message_t *) * AT_ONCE);
    }
    partition->queue = rd_kafka_queue_new(self->client.handle);
    rd_kafka_queue_io_event_enable(partition->queue, self->bell, &ring, sizeof ring);
    partition->position = position;
    int64_t begin = mr_kafka_witness_begin(partition, position);
    if (rd_kafka_consume_start_queue(partition->topic->handle, partition->id, begin, partition->queue) == 0)
        return MR_OK;
    rd_kafka_queue_destroy(partition->queue);
    partition->queue = NULL;
    return mr_kafka_error(&self->client, rd_kafka_last_error(), error, "Partition %d of %s cannot be read",
                          (int)partition->id, partition->topic->name);
}

/* What has to be known before rows are planned is known while they are read: the query plans anew. */
static int changed_meanwhile(struct mr_kafka_source *self, const struct mr_kafka_partition *partition,
                             struct mr_error *error)
{
    if (self->options.fail_on_data_loss)
        return error->code;
    mr_error_set(error, MR_E_IO, "KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED",
                 "Partition %d of %s was made anew while it was read; the query starts again.",
                 (int)partition->id, partition->topic->name);
    error->flags |= MR_RETRIABLE;
    return error->code;
}

#define IN_RANGE_US 50000 /* pause before a broker is asked again that denied an offset it has */

static int fetch_again(struct mr_kafka_source *self, struct mr_kafka_partition *partition,
                       struct mr_error *error)
{
    int64_t position = partition->position;
    mr_kafka_fetch_stop(self, partition);
    return mr_kafka_fetch(self, partition, position, error);
}

/* The log begins behind the position now, or ends before the range does: what is not there is lost, the rest
 * is read. A broker that has just become the leader may deny what it holds all the same: it is asked again,
 * until kafkaConsumer.pollTimeoutMs. */
static int out_of_range(struct mr_kafka_source *self, struct mr_kafka_partition *partition,
                        struct mr_error *error)
{
    int64_t low = 0, high = 0;
    rd_kafka_resp_err_t why = rd_kafka_query_watermark_offsets(self->asker.handle, partition->topic->name,
                                                               partition->id, &low, &high, 3000);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return mr_kafka_error(&self->asker, why, error, "Where partition %d of %s begins is not known",
                              (int)partition->id, partition->topic->name);
    if (partition->checking && low <= partition->position && partition->position <= high) {
        partition->witness.known = false; /* it alone is gone */
        return fetch_again(self, partition, error);
    }
    if (low <= partition->position && partition->end <= high) {
        mr_env()->sleep_us(IN_RANGE_US);
        return fetch_again(self, partition, error);
    }
    MR_TRY(
        mr_kafka_data_loss(self, error, "COULD_NOT_READ_OFFSET_RANGE",
                           "Partition %d of %s holds the offsets %lld to %lld; %lld to %lld were to be read",
                           (int)partition->id, partition->topic->name, (long long)low, (long long)high,
                           (long long)partition->position, (long long)partition->end));
    int64_t next = low > partition->position && low < partition->end ? low : partition->end;
    partition->witness.known = false;
    return mr_kafka_fetch(self, partition, next, error);
}

/* An event that is no message. */
static int note(struct mr_kafka_source *self, struct mr_kafka_partition *partition, rd_kafka_resp_err_t why,
                int64_t offset, struct mr_error *error)
{
    if (why == RD_KAFKA_RESP_ERR__PARTITION_EOF) { /* what is left of the range are markers and holes */
        partition->checking = false;
        if (offset >= partition->end)
            partition->position = partition->end;
        return MR_OK;
    }
    if (why == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || why == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        return out_of_range(self, partition, error);
    if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || why == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
        why == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        MR_TRY(mr_kafka_data_loss(self, error, "PARTITIONS_DELETED",
                                  "Partition %d of %s was deleted while offsets %lld to %lld were read",
                                  (int)partition->id, partition->topic->name, (long long)partition->position,
                                  (long long)partition->end));
        partition->position = partition->end;
        return MR_OK;
    }
    if (mr_kafka_is_temporary(why))
        return MR_OK;
    return mr_kafka_error(&self->client, why, error, "Partition %d of %s cannot be read from offset %lld",
                          (int)partition->id, partition->topic->name, (long long)partition->position);
}

/* Takes from the queue what is there, or what comes first within the time. */
static void refill(struct mr_kafka_partition *partition, int64_t wait_us)
{
    partition->held_first = partition->held_count = 0;
    ssize_t got = rd_kafka_consume_batch_queue(partition->queue, 0, partition->held, AT_ONCE);
    if (got == 0 && wait_us > 0) /* librdkafka waits for as many as are asked for: ask for one */
        got = rd_kafka_consume_batch_queue(partition->queue, (int)(wait_us / 1000), partition->held, 1);
    partition->held_count = got > 0 ? (size_t)got : 0;
}

const rd_kafka_message_t *mr_kafka_first(struct mr_kafka_partition *partition, int64_t wait_us)
{
    if (partition->held_first == partition->held_count && partition->queue)
        refill(partition, wait_us);
    return partition->held_first < partition->held_count ? partition->held[partition->held_first] : NULL;
}

int mr_kafka_take(struct mr_kafka_source *self, struct mr_kafka_partition *partition, int64_t wait_us,
                  rd_kafka_message_t **messages, size_t most, int64_t bytes, size_t *count,
                  struct mr_error *error)
{
    *count = 0;
    if (partition->position >= partition->end)
        return MR_END;
    if (partition->held_first == partition->held_count)
        refill(partition, wait_us);
    while (partition->held_first < partition->held_count && partition->position < partition->end &&
           *count < most && bytes > 0) {
        rd_kafka_message_t *message = partition->held[partition->held_first];
        bool row = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (row && partition->checking && mr_kafka_witness_differs(partition, message)) {
            (void)mr_kafka_replaced(self, partition, error);
            return changed_meanwhile(self, partition, error);
        }
        if (row && message->offset >= partition->end) {
            partition->position = partition->end; /* it is of the next range */
            break;
        }
        partition->held_first++;
        if (row && message->offset >= partition->position) {
            messages[(*count)++] = message;
            partition->position = message->offset + 1;
            bytes -= (int64_t)(message->len + message->key_len);
            continue;
        }
        rd_kafka_resp_err_t why = message->err;
        int64_t offset = message->offset;
        rd_kafka_message_destroy(message);
        if (!row)
            MR_TRY(note(self, partition, why, offset, error));
    }
    if (*count > 0)
        mr_kafka_witness_see(partition, messages[*count - 1]);
    return *count == 0 && partition->position >= partition->end ? MR_END : MR_OK;
}

bool mr_kafka_has_more(struct mr_kafka_source *self, struct mr_kafka_partition *partition)
{
    while (mr_kafka_first(partition, 0)) {
        rd_kafka_message_t *message = partition->held[partition->held_first];
        bool row = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (row && (partition->checking || message->offset >= partition->position))
            return true; /* a witness is looked at where rows are planned */
        bool passing =
            row || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || mr_kafka_is_temporary(message->err);
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            partition->checking = false;
        if (!passing && partition->checking)
            partition->witness.known = false; /* it is gone, or all is */
        partition->held_first++;
        rd_kafka_message_destroy(message);
        if (!passing) { /* the next look at the brokers tells what has happened; fetching starts anew */
            mr_kafka_fetch_stop(self, partition);
            self->looked_us = 0;
            return true;
        }
    }
    return false;
}

void mr_kafka_nudge(struct mr_kafka_source *self, const struct mr_kafka_partition *partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->id)->offset =
        MR_KAFKA_EARLIEST;
    rd_kafka_offsets_for_times(self->client.handle, list, 10);
    rd_kafka_topic_partition_list_destroy(list);
}
