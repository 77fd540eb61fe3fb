/* sources/kafka.c: the verbs of the source; see kafka.h. */
#include "sources/kafka.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define IDLE_US 1000000 /* then the brokers are asked for new partitions */
#define GATHER_US 50000 /* minOffsetsPerTrigger: how often it is looked whether there are enough */
#define AWAY_US 200000

int mr_kafka_data_loss(const struct mr_kafka_source *self, struct mr_error *error, const char *subclass,
                       const char *format, ...)
{
    char what[512], condition[112];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (!self->options.fail_on_data_loss) {
        mr_log(MR_LOG_WARN, "kafka.data_loss", "%s. It is skipped: failOnDataLoss is false.", what);
        return MR_OK;
    }
    snprintf(condition, sizeof condition, "KAFKA_DATA_LOSS.%s", subclass);
    return mr_error_set(error, MR_E_PROTOCOL, condition,
                        "%s. Some data may be lost; failOnDataLoss => false goes on with what there is.",
                        what);
}

static void stop_fetching(struct mr_kafka_source *self)
{
    for (size_t i = 0; i < self->partition_count; i++)
        mr_kafka_fetch_stop(self, self->partitions[i]);
    for (size_t i = 0; i < self->topic_count; i++) {
        struct mr_kafka_topic *topic = self->topics[i];
        if (topic->handle)
            rd_kafka_topic_destroy(topic->handle);
        if (topic->asked)
            rd_kafka_topic_destroy(topic->asked);
        topic->handle = topic->asked = NULL;
    }
    mr_kafka_client_close(&self->client);
    mr_kafka_client_close(&self->asker);
}

static void kafka_close(struct mr_source *source)
{
    struct mr_kafka_source *self = source->ctx;
    if (!self)
        return;
    mr_kafka_commit_last(source);
    stop_fetching(self);
    for (size_t i = 0; i < self->partition_count; i++) {
        pthread_mutex_destroy(&self->partitions[i]->lock);
        mr_free(self->partitions[i]->held);
        mr_free(self->partitions[i]);
    }
    for (size_t i = 0; i < self->topic_count; i++) {
        mr_buffer_unref(self->topics[i]->label);
        mr_free(self->topics[i]->name);
        mr_free(self->topics[i]);
    }
    mr_free(self->partitions);
    mr_free(self->topics);
    pcre2_code_free(self->pattern);
    mr_text_release(&self->initial);
    mr_text_release(&self->stop_at);
    mr_text_release(&self->latest);
    mr_text_release(&self->published);
    mr_arena_release(&self->arena);
    if (self->bell >= 0)
        close(self->bell);
    mr_free(self);
    source->ctx = NULL;
}

/* Connects to nobody: a query can be checked without brokers. */
static int kafka_open(struct mr_source *source, struct mr_error *error)
{
    struct mr_kafka_source *self = mr_allocate_zeroed(sizeof *self);
    source->ctx = self;
    if (!self)
        return mr_error_memory(error, sizeof *self);
    mr_arena_init(&self->arena);
    mr_text_init(&self->initial);
    mr_text_init(&self->stop_at);
    mr_text_init(&self->latest);
    mr_text_init(&self->published);
    self->bell = -1;
    self->servers = mr_kafka_servers(source->options, source->option_count);
    int status = mr_kafka_options_read(source, &self->options, error);
    if (status >= 0)
        status = mr_kafka_source_client(source, true, error);
    if (status >= 0) {
        source->schema = mr_kafka_row_type(&source->arena, self->options.headers);
        status = source->schema ? MR_OK : mr_error_memory(error, 64);
    }
    if (status < 0)
        kafka_close(source);
    return status;
}

static int reopen(struct mr_source *source, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    stop_fetching(self);
    MR_TRY(mr_kafka_source_client(source, false, error));
    for (size_t i = 0; i < self->topic_count; i++) {
        if (!mr_kafka_topic_of(self, mr_str_of(self->topics[i]->name)))
            return mr_error_memory(error, sizeof(struct mr_kafka_topic));
    }
    return MR_OK;
}

static int kafka_restore(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    struct mr_kafka_offsets ignored;
    self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->bell < 0)
        return mr_error_set(error, MR_E_IO, "INTERNAL_ERROR", "There are no descriptors left.");
    MR_TRY(mr_kafka_source_client(source, false, error));
    if (from.size > 0)
        MR_TRY(mr_kafka_offsets_parse(self, &self->arena, from, &ignored, error));
    MR_TRY(mr_kafka_witnesses_load(source, error));
    int status = mr_kafka_look(self, error); /* brokers that are away are waited for later */
    if (status == MR_OK && !mr_kafka_limits_fit((int64_t)self->partition_count))
        status = reopen(source, error);
    return status < 0 ? status : MR_OK;
}

static bool something_is_there(struct mr_kafka_source *self)
{
    bool there = false;
    for (size_t i = 0; i < self->partition_count; i++)
        there = mr_kafka_has_more(self, self->partitions[i]) || there;
    return there;
}

static void kafka_wait(struct mr_source *source, int64_t deadline_us)
{
    struct mr_kafka_source *self = source->ctx;
    int64_t now_us = mr_env()->monotonic_us();
    int64_t until_us = now_us + (self->away_since_us ? AWAY_US : self->waits_for_more ? GATHER_US : IDLE_US);
    if (until_us > deadline_us)
        until_us = deadline_us;
    mr_kafka_serve(&self->client);
    mr_kafka_serve(&self->asker);
    for (;;) {
        uint64_t rings;
        if (read(self->bell, &rings, sizeof rings) < 0)
            rings = 0;
        if (self->woken || (!self->away_since_us && !self->waits_for_more && something_is_there(self)))
            break;
        int64_t left_us = until_us - mr_env()->monotonic_us();
        if (left_us <= 0)
            break;
        struct pollfd bell = {self->bell, POLLIN, 0};
        struct timespec limit = {left_us / 1000000, left_us % 1000000 * 1000};
        ppoll(&bell, 1, &limit, NULL);
    }
    self->woken = false;
}

static void kafka_wake(struct mr_source *source)
{
    struct mr_kafka_source *self = source->ctx;
    uint64_t one = 1;
    self->woken = true;
    if (write(self->bell, &one, sizeof one) < 0)
        return; /* full: it rings already */
}

static void kafka_describe(struct mr_source *source, struct mr_text *out)
{
    static const char *const kinds[] = {"Assign", "Subscribe", "SubscribePattern"};
    struct mr_kafka_source *self = source->ctx;
    mr_text_format(out, "KafkaV2[%s[%s]]", kinds[self->options.select], self->options.topics);
}

const struct mr_source_type mr_kafka_source = {
    .name = "kafka",
    .open = kafka_open,
    .restore = kafka_restore,
    .latest = mr_kafka_latest,
    .split = mr_kafka_split,
    .reader_open = mr_kafka_reader_open,
    .read = mr_kafka_read,
    .reader_close = mr_kafka_reader_close,
    .cut = mr_kafka_cut,
    .remember = mr_kafka_remember,
    .published = mr_kafka_published,
    .wait = kafka_wait,
    .wake = kafka_wake,
    .describe = kafka_describe,
    .close = kafka_close,
};
