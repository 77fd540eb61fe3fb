/* sources/kafka_read.c: messages to columns. */
#include "sources/kafka.h"

#define ROWS_BYTES (4LL << 20) /* of one batch */
#define NUDGE_US 40000         /* a fetch that is under way answers sooner */
#define WAIT_US 5000           /* for a message; a worker that waits does nothing else */

enum column { KEY, VALUE, TOPIC, PARTITION, OFFSET, TIMESTAMP, TIMESTAMP_TYPE, HEADERS };

struct reader {
    struct mr_kafka_partition *partition;
    int64_t left; /* offsets of this share */
    int64_t heard_us, nudged_us;
    rd_kafka_message_t *messages[MR_BATCH_ROWS];
};

const struct mr_type *mr_kafka_row_type(struct mr_arena *arena, bool headers)
{
    struct mr_field fields[8] = {
        {.name = "key", .type = mr_type_of(MR_BINARY), .nullable = true},
        {.name = "value", .type = mr_type_of(MR_BINARY), .nullable = true},
        {.name = "topic", .type = mr_type_of(MR_STRING), .nullable = true},
        {.name = "partition", .type = mr_type_of(MR_INT), .nullable = true},
        {.name = "offset", .type = mr_type_of(MR_BIGINT), .nullable = true},
        {.name = "timestamp", .type = mr_type_of(MR_TIMESTAMP), .nullable = true},
        {.name = "timestampType", .type = mr_type_of(MR_INT), .nullable = true},
    };
    if (headers) {
        const struct mr_field header[] = {
            {.name = "key", .type = mr_type_of(MR_STRING), .nullable = true},
            {.name = "value", .type = mr_type_of(MR_BINARY), .nullable = true},
        };
        const struct mr_type *entry = mr_type_struct(arena, header, 2);
        const struct mr_type *list = entry ? mr_type_array(arena, entry, true) : NULL;
        if (!list)
            return NULL;
        fields[HEADERS] = (struct mr_field){.name = "headers", .type = list, .nullable = true};
    }
    return mr_type_struct(arena, fields, headers ? 8 : 7);
}

int mr_kafka_reader_open(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                         struct mr_error *error)
{
    (void)source;
    const struct mr_kafka_split *share = split->ctx;
    struct reader *state = mr_allocate(sizeof *state);
    if (!state)
        return mr_error_memory(error, sizeof *state);
    state->partition = share->partition;
    state->left = share->offsets;
    state->heard_us = state->nudged_us = mr_env()->monotonic_us();
    reader->ctx = state;
    return MR_OK;
}

void mr_kafka_reader_close(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    mr_free(reader->ctx);
    reader->ctx = NULL;
}

/* ---- columns ---- */

/* Keys or values, copied behind one another: librdkafka's own memory is its queue's. */
static int fill_bytes(struct mr_column *column, rd_kafka_message_t *const *messages, size_t count, bool key,
                      struct mr_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += key ? messages[i]->key_len : messages[i]->len;
    struct mr_buffer *buffer = mr_buffer_new(total);
    if (!buffer)
        return mr_error_memory(error, total);
    char *to = buffer->data;
    int status = MR_OK;
    for (size_t i = 0; i < count && status >= 0; i++) {
        const void *data = key ? messages[i]->key : messages[i]->payload;
        size_t size = key ? messages[i]->key_len : messages[i]->len;
        if (!data) {
            column->views[i] = (struct mr_view){0};
            status = mr_column_set_null(column, (int64_t)i, error);
            continue;
        }
        memcpy(to, data, size);
        column->views[i] = mr_view_of(to, (uint32_t)size);
        mr_column_set_valid(column, (int64_t)i);
        to += size;
    }
    buffer->size = total;
    if (status >= 0)
        status = mr_column_keep(column, buffer, error);
    mr_buffer_unref(buffer);
    return status;
}

static int fill_topic(struct mr_column *column, const struct mr_kafka_topic *topic, size_t count,
                      struct mr_error *error)
{
    struct mr_view view = mr_view_of(topic->label->data, (uint32_t)topic->label->size);
    for (size_t i = 0; i < count; i++)
        column->views[i] = view;
    return view.size > MR_VIEW_INLINE ? mr_column_keep(column, topic->label, error) : MR_OK;
}

static int add_header(struct mr_column *entry, const char *name, const void *value, size_t size,
                      struct mr_error *error)
{
    int64_t row = entry->length;
    struct mr_column *names = entry->children[0], *values = entry->children[1];
    MR_TRY(mr_column_reserve(entry, row + 1, error));
    MR_TRY(mr_column_reserve(names, row + 1, error));
    MR_TRY(mr_column_reserve(values, row + 1, error));
    MR_TRY(mr_column_set_bytes(names, row, name, strlen(name), error));
    MR_TRY(value ? mr_column_set_bytes(values, row, value, size, error)
                 : mr_column_set_null(values, row, error));
    mr_column_set_valid(entry, row);
    names->length = values->length = entry->length = row + 1;
    return MR_OK;
}

static int fill_headers(struct mr_column *column, rd_kafka_message_t *const *messages, size_t count,
                        struct mr_error *error)
{
    struct mr_column *entry = column->children[0];
    column->offsets[0] = 0;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_headers_t *headers;
        const char *name;
        const void *value;
        size_t size;
        bool some = rd_kafka_message_headers(messages[i], &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;
        for (size_t h = 0;
             some && rd_kafka_header_get_all(headers, h, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
             h++)
            MR_TRY(add_header(entry, name, value, size, error));
        column->offsets[i + 1] = (int32_t)entry->length;
        if (some)
            mr_column_set_valid(column, (int64_t)i);
        else
            MR_TRY(mr_column_set_null(column, (int64_t)i, error));
    }
    return MR_OK;
}

static void fill_numbers(struct mr_batch *batch, rd_kafka_message_t *const *messages, size_t count)
{
    int32_t *partition = batch->columns[PARTITION]->i32, *type = batch->columns[TIMESTAMP_TYPE]->i32;
    int64_t *offset = batch->columns[OFFSET]->i64, *time = batch->columns[TIMESTAMP]->i64;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_timestamp_type_t kind;
        partition[i] = messages[i]->partition;
        offset[i] = messages[i]->offset;
        time[i] = rd_kafka_message_timestamp(messages[i], &kind) * 1000;
        type[i] = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1
                  : kind == RD_KAFKA_TIMESTAMP_CREATE_TIME ? 0
                                                           : 1;
    }
}

static bool is_used(const struct mr_source *source, enum column column)
{
    return !source->used || source->used[column];
}

static int fill(struct mr_source *source, const struct reader *state, size_t count, struct mr_batch *batch,
                struct mr_error *error)
{
    rd_kafka_message_t *const *messages = state->messages;
    MR_TRY(mr_batch_init(batch, source->schema, (int64_t)count, error));
    for (int c = KEY; c <= VALUE; c++)
        MR_TRY(is_used(source, c) ? fill_bytes(batch->columns[c], messages, count, c == KEY, error)
                                  : mr_column_append_nulls(batch->columns[c], (int64_t)count, error));
    MR_TRY(fill_topic(batch->columns[TOPIC], state->partition->topic, count, error));
    fill_numbers(batch, messages, count);
    if (source->schema->field_count > HEADERS)
        MR_TRY(is_used(source, HEADERS)
                   ? fill_headers(batch->columns[HEADERS], messages, count, error)
                   : mr_column_append_nulls(batch->columns[HEADERS], (int64_t)count, error));
    for (int c = 0; c < source->schema->field_count; c++)
        batch->columns[c]->length = (int64_t)count;
    batch->length = (int64_t)count;
    return MR_OK;
}

static void note_size(struct mr_kafka_source *self, struct reader *state, size_t count)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += (int64_t)(state->messages[i]->len + state->messages[i]->key_len);
    double mean = (double)bytes / (double)count + 1;
    struct mr_kafka_partition *partition = state->partition;
    partition->row_bytes = partition->row_bytes > 0 ? 0.9 * partition->row_bytes + 0.1 * mean : mean;
    self->mean_bytes = partition->row_bytes; /* any partition's will do, for a guess at the backlog */
}

int mr_kafka_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                  struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    struct reader *state = reader->ctx;
    struct mr_kafka_partition *partition = state->partition;
    size_t count = 0;
    if (state->left <= 0)
        return MR_END;
    size_t most = state->left < MR_BATCH_ROWS ? (size_t)state->left : MR_BATCH_ROWS;
    pthread_mutex_lock(&partition->lock);
    int64_t before = partition->position;
    int status = mr_kafka_take(self, partition, WAIT_US, state->messages, most, ROWS_BYTES, &count, error);
    state->left -= partition->position - before;
    if (count > 0)
        note_size(self, state, count);
    pthread_mutex_unlock(&partition->lock);
    if (status == MR_OK && count > 0)
        status = fill(source, state, count, batch, error);
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(state->messages[i]);
    int64_t now_us = mr_env()->monotonic_us();
    if (count > 0)
        state->heard_us = state->nudged_us = now_us;
    if (status == MR_OK && count == 0 && now_us - state->nudged_us > NUDGE_US) {
        mr_kafka_nudge(self, partition);
        state->nudged_us = mr_env()->monotonic_us();
    }
    if (status == MR_OK && count == 0 && now_us - state->heard_us > self->options.poll_timeout_us) {
        mr_error_set(error, MR_E_IO, "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE",
                     "Nothing has come of partition %d of %s at offset %lld for %lld s "
                     "(kafkaConsumer.pollTimeoutMs)%s%s.",
                     (int)partition->id, partition->topic->name, (long long)partition->position,
                     (long long)(self->options.poll_timeout_us / 1000000),
                     self->client.trouble[0] ? "; the client says: " : "", self->client.trouble);
        error->flags |= MR_RETRIABLE;
        return error->code;
    }
    return status;
}
