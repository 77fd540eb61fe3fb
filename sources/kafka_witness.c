/* sources/kafka_witness.c: is a topic still the one that was read? One that was deleted and made anew may
 * have grown past the offsets of the old one: offsets alone do not tell. So the last message read of every
 * partition is remembered, as a witness, and wherever fetching begins it begins with that one: another
 * message in its place is another topic. Where the witness is gone (retention, compaction) nothing is known.
 *
 * While fetching goes on, librdkafka does not tell that a topic went away and came back within seconds. So a
 * witness's time is pinned, with the offset of the first message at or after it: later messages are appended,
 * retention takes the first ones away, so that in the same log this offset never falls. It is asked for with
 * every look at the partitions, once a second.
 *
 * Remembered in the decision: MR_FAMILY_SOURCES, key = source index (2 bytes) 'k' partition (4 bytes, big-
 * endian) topic; value = version (1), offset, time stamp in milliseconds, hash of key and value (8 bytes
 * each).
 */
#include <xxhash.h>

#include "sources/kafka.h"

#define VERSION 1
#define VALUE_BYTES 25
#define KEY_BYTES 7
#define PATIENCE_US 3000000 /* for the first message */
#define WAIT_US 50000
#define PIN_EVERY_US 10000000

static uint64_t hash_of(const rd_kafka_message_t *message)
{
    uint64_t key =
        XXH3_64bits_withSeed(message->key ? message->key : "", message->key_len, message->key ? 1 : 2);
    return XXH3_64bits_withSeed(message->payload ? message->payload : "", message->len,
                                key + (message->payload ? 1 : 0));
}

void mr_kafka_witness_see(struct mr_kafka_partition *partition, const rd_kafka_message_t *message)
{
    partition->witness = (struct mr_kafka_witness){
        .known = true,
        .fresh = true,
        .offset = message->offset,
        .time_ms = rd_kafka_message_timestamp(message, NULL),
        .hash = hash_of(message),
    };
}

int64_t mr_kafka_witness_begin(struct mr_kafka_partition *partition, int64_t position)
{
    partition->checking = partition->witness.known && partition->witness.offset < position;
    return partition->checking ? partition->witness.offset : position;
}

bool mr_kafka_witness_differs(struct mr_kafka_partition *partition, const rd_kafka_message_t *message)
{
    const struct mr_kafka_witness *witness = &partition->witness;
    bool checking = partition->checking;
    partition->checking = false;
    return checking && message->offset == witness->offset &&
           (rd_kafka_message_timestamp(message, NULL) != witness->time_ms ||
            hash_of(message) != witness->hash);
}

int mr_kafka_replaced(const struct mr_kafka_source *self, const struct mr_kafka_partition *partition,
                      struct mr_error *error)
{
    return mr_kafka_data_loss(self, error, "PARTITION_OFFSET_CHANGED",
                              "Partition %d of %s, where offset %lld was read, holds other messages now: "
                              "the topic was deleted and made anew",
                              (int)partition->id, partition->topic->name, (long long)partition->position - 1);
}

/* MR_OK: nothing speaks against the partition; MR_END: it is another one; MR_BLOCKED: no answer yet. */
static int look(struct mr_kafka_source *self, struct mr_kafka_partition *partition, int64_t wait_us)
{
    const rd_kafka_message_t *first = mr_kafka_first(partition, wait_us);
    if (!first)
        return MR_BLOCKED;
    if (first->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return mr_kafka_witness_differs(partition, first) ? MR_END : MR_OK;
    if (first->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        partition->checking = false;
        return MR_OK;
    }
    partition->witness.known = false; /* most likely it is out of the log's range now */
    mr_kafka_fetch_stop(self, partition);
    partition->checking = false;
    return MR_OK;
}

int mr_kafka_verify(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                    const struct mr_kafka_offsets *end, struct mr_error *error)
{
    int64_t until_us = mr_env()->monotonic_us() + PATIENCE_US;
    for (int pass = 0; pass < 2; pass++) { /* all are asked before the first is waited for */
        for (size_t i = 0; i < begin->count; i++) {
            struct mr_kafka_partition *partition = self->partitions[i];
            bool rows = end->at[i] > begin->at[i];
            if (begin->at[i] == MR_KAFKA_ABSENT || partition->anew ||
                (partition->queue ? !partition->checking : !rows))
                continue;
            if (pass == 0) {
                MR_TRY(rows ? mr_kafka_fetch(self, partition, begin->at[i], error) : MR_OK);
                continue;
            }
            int status = look(self, partition, rows ? WAIT_US : 0);
            while (rows && partition->checking && status == MR_BLOCKED && mr_env()->monotonic_us() < until_us)
                status = look(self, partition, WAIT_US);
            if (status != MR_END)
                continue;
            MR_TRY(mr_kafka_replaced(self, partition, error));
            mr_kafka_fetch_stop(self, partition);
            mr_kafka_anew(partition);
        }
    }
    return MR_OK;
}

/* ---- while the query runs ---- */

bool mr_kafka_never_pinned(const struct mr_kafka_source *self)
{
    bool any = false;
    for (size_t i = 0; i < self->partition_count; i++)
        any = any || self->partitions[i]->witness.known;
    return any && self->pinned_us == 0;
}

/* The offset of the first message at or after the pinned times. */
static int ask_pins(struct mr_kafka_source *self, struct mr_kafka_offsets *answers, struct mr_error *error)
{
    *answers = mr_kafka_offsets_new(self, &self->arena);
    if (!answers->at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    for (size_t i = 0; i < answers->count; i++) {
        const struct mr_kafka_partition *partition = self->partitions[i];
        if (partition->exists && partition->pinned)
            answers->at[i] = partition->pin_ms;
    }
    return mr_kafka_ask(self, answers, error);
}

/* Where nothing stands before a witness that could be pinned (all is of one time, or gone; or it is another
 * log already) fetching begins again, with the witness. */
static int pin(struct mr_kafka_source *self, struct mr_error *error)
{
    struct mr_kafka_offsets found;
    for (size_t i = 0; i < self->partition_count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        partition->pinned = partition->witness.known && partition->witness.time_ms > 0;
        partition->pin_ms = partition->witness.time_ms;
    }
    int status = ask_pins(self, &found, error);
    for (size_t i = 0; i < self->partition_count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        partition->pin_offset = status == MR_OK ? found.at[i] : 0;
        bool fails = partition->pinned && partition->pin_offset <= 0;
        if (status == MR_OK && fails && partition->exists && partition->pin_of != partition->witness.offset)
            mr_kafka_fetch_stop(self, partition);
        partition->pinned = partition->pinned && !fails;
        if (status == MR_OK)
            partition->pin_of = partition->witness.offset;
    }
    if (status == MR_OK)
        self->pinned_us = mr_env()->monotonic_us();
    return status;
}

int mr_kafka_check_pins(struct mr_kafka_source *self, struct mr_error *error)
{
    struct mr_kafka_offsets found;
    bool due = mr_env()->monotonic_us() - self->pinned_us >= PIN_EVERY_US;
    int status = ask_pins(self, &found, error);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < found.count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        if (found.at[i] != MR_KAFKA_ABSENT) {
            partition->replaced = found.at[i] >= 0 && found.at[i] < partition->pin_offset;
            partition->pinned = found.at[i] >= partition->pin_offset;
            if (found.at[i] < 0) /* all of it is gone, or in another log nothing has come yet */
                mr_kafka_fetch_stop(self, partition);
        }
        due = due || (!partition->pinned && partition->witness.known &&
                      partition->pin_of != partition->witness.offset);
    }
    return due ? pin(self, error) : MR_OK;
}

void mr_kafka_anew(struct mr_kafka_partition *partition)
{
    partition->anew = true;
    partition->replaced = partition->pinned = false;
    partition->witness = (struct mr_kafka_witness){0};
}

/* ---- in the decision ---- */

static void put_number(char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (char)(value >> 8 * i);
}

static uint64_t get_number(const char *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)(unsigned char)from[i] << 8 * i;
    return value;
}

int mr_kafka_remember(struct mr_source *source, struct mr_str from, struct mr_str to,
                      struct mr_decision *decision, struct mr_error *error)
{
    (void)from;
    (void)to;
    struct mr_kafka_source *self = source->ctx;
    struct mr_text key;
    mr_text_init(&key);
    for (size_t i = 0; i < self->partition_count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        struct mr_kafka_witness *witness = &partition->witness;
        if (!witness->fresh)
            continue;
        char value[VALUE_BYTES] = {VERSION};
        char head[KEY_BYTES] = {
            (char)(source->index >> 8),  (char)source->index,         'k',
            (char)(partition->id >> 24), (char)(partition->id >> 16), (char)(partition->id >> 8),
            (char)partition->id};
        mr_text_clear(&key);
        mr_text_append(&key, head, sizeof head);
        mr_text_append_str(&key, partition->topic->name);
        put_number(value + 1, (uint64_t)witness->offset);
        put_number(value + 9, (uint64_t)witness->time_ms);
        put_number(value + 17, witness->hash);
        if (key.failed)
            break;
        mr_decision_put(decision, MR_FAMILY_SOURCES, mr_text_str(&key), (struct mr_str){value, sizeof value});
        witness->fresh = false;
    }
    int status = key.failed ? mr_error_memory(error, key.size) : MR_OK;
    mr_text_release(&key);
    return status;
}

static int load_one(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct mr_kafka_source *self = ctx;
    size_t index;
    if (key.size <= KEY_BYTES || value.size != VALUE_BYTES || value.data[0] != VERSION)
        return mr_error_set(
            error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
            "The checkpoint's record of a Kafka partition is damaged, or of a newer version.");
    const unsigned char *id = (const unsigned char *)key.data + 3;
    struct mr_kafka_partition *partition = mr_kafka_partition_of(
        self, (struct mr_str){key.data + KEY_BYTES, key.size - KEY_BYTES},
        (int32_t)((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]), &index);
    if (!partition)
        return mr_error_memory(error, sizeof *partition);
    partition->witness = (struct mr_kafka_witness){.known = true,
                                                   .offset = (int64_t)get_number(value.data + 1),
                                                   .time_ms = (int64_t)get_number(value.data + 9),
                                                   .hash = get_number(value.data + 17)};
    return MR_OK;
}

int mr_kafka_witnesses_load(struct mr_source *source, struct mr_error *error)
{
    char first[3] = {(char)(source->index >> 8), (char)source->index, 'k'};
    char behind[3] = {first[0], first[1], 'l'};
    if (!source->checkpoint)
        return MR_OK;
    return mr_checkpoint_scan(source->checkpoint, MR_FAMILY_SOURCES, (struct mr_str){first, sizeof first},
                              (struct mr_str){behind, sizeof behind}, load_one, source->ctx, error);
}
