/* sources/kafka_lag.c: how far a query is behind: in progress reports, and as the offsets of a group, which
 * tools that watch lag read. The group decides nothing (offsets are the checkpoint's), so that a commit that
 * fails, fails in silence. */
#include <stdio.h>

#include "sources/kafka.h"

#define COMMIT_EVERY_US 1000000
#define LAST_COMMIT_MS 2000
#define ASK_AGAIN_US 50000

void mr_kafka_measure_lag(struct mr_source *source, const struct mr_kafka_offsets *end,
                          const struct mr_kafka_offsets *latest)
{
    struct mr_kafka_source *self = source->ctx;
    struct mr_source_lag lag = {.known = true};
    int64_t total = 0, count = 0;
    for (size_t i = 0; i < end->count; i++) {
        if (end->at[i] == MR_KAFKA_ABSENT)
            continue;
        int64_t behind = latest->at[i] - end->at[i];
        lag.least = count == 0 || behind < lag.least ? behind : lag.least;
        lag.most = behind > lag.most ? behind : lag.most;
        total += behind;
        count++;
    }
    lag.average = count > 0 ? (double)total / (double)count : 0;
    mr_text_clear(&self->latest);
    mr_kafka_offsets_write(self, latest, &self->latest);
    source->metrics = (struct mr_source_metrics){
        .backlog_files = -1,
        .backlog_bytes = total == 0             ? 0
                         : self->mean_bytes > 0 ? (int64_t)((double)total * self->mean_bytes)
                                                : -1,
        .lag = lag,
        .latest = self->latest.failed ? (struct mr_str){0} : mr_text_str(&self->latest),
    };
}

bool mr_kafka_group(const struct mr_source *source, char *out, size_t size)
{
    const char *name = mr_option_value(source->options, source->option_count, "kafka.group.id");
    const char *prefix = mr_option_value(source->options, source->option_count, "groupIdPrefix");
    if ((!name && !prefix) || !source->checkpoint || source->batch)
        return false;
    if (name)
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "%s-%s-%d", prefix, mr_checkpoint_query_id(source->checkpoint)->text,
                 source->index);
    return true;
}

/* A group that is new has no coordinator at first: while there is time, it is asked again. */
static void commit_list(struct mr_kafka_source *self, const rd_kafka_topic_partition_list_t *list,
                        int wait_ms)
{
    int64_t until_us = mr_env()->monotonic_us() + (int64_t)wait_ms * 1000;
    rd_kafka_queue_t *answers = rd_kafka_queue_new(self->asker.handle);
    bool again = true;
    while (again) {
        again = false;
        if (rd_kafka_commit_queue(self->asker.handle, list, answers, NULL, NULL) != 0)
            break;
        int64_t left_us = until_us - mr_env()->monotonic_us();
        rd_kafka_event_t *answer = left_us > 0 ? rd_kafka_queue_poll(answers, (int)(left_us / 1000)) : NULL;
        if (!answer)
            break;
        again = rd_kafka_event_error(answer) != RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_event_destroy(answer);
        if (again)
            mr_env()->sleep_us(ASK_AGAIN_US);
    }
    rd_kafka_queue_destroy(answers);
}

static void commit(struct mr_source *source, int wait_ms)
{
    struct mr_kafka_source *self = source->ctx;
    struct mr_kafka_offsets upto;
    struct mr_arena arena;
    struct mr_error ignored;
    mr_arena_init(&arena);
    if (mr_kafka_offsets_parse(self, &arena, mr_text_str(&self->published), &upto, &ignored) >= 0) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)upto.count);
        for (size_t i = 0; i < upto.count; i++) {
            if (upto.at[i] >= 0)
                rd_kafka_topic_partition_list_add(list, self->partitions[i]->topic->name,
                                                  self->partitions[i]->id)
                    ->offset = upto.at[i];
        }
        commit_list(self, list, wait_ms);
        rd_kafka_topic_partition_list_destroy(list);
    }
    self->committed_us = mr_env()->monotonic_us();
    mr_arena_release(&arena);
}

int mr_kafka_published(struct mr_source *source, struct mr_str upto, struct mr_error *error)
{
    (void)error;
    struct mr_kafka_source *self = source->ctx;
    if (!self->has_group || upto.size == 0)
        return MR_OK;
    mr_text_clear(&self->published);
    mr_text_append(&self->published, upto.data, upto.size);
    if (mr_env()->monotonic_us() - self->committed_us >= COMMIT_EVERY_US)
        commit(source, 0);
    return MR_OK;
}

/* Once more: whether what was sent before has arrived is not known. */
void mr_kafka_commit_last(struct mr_source *source)
{
    struct mr_kafka_source *self = source->ctx;
    if (self->has_group && self->published.size > 0 && self->asker.handle && !self->away_since_us)
        commit(source, LAST_COMMIT_MS);
}
