/* sources/kafka_lag.c: how far a query is behind: in progress reports, and as the offsets of a group, which
 * tools that watch lag read. The group decides nothing (offsets are the checkpoint's), so that a commit that
 * fails, fails in silence. */
#include <stdio.h>

#include "sources/kafka.h"

#define COMMIT_EVERY_US 1000000
#define LAST_COMMIT_MS 3500
#define ASK_AGAIN_US 50000
#define ANSWER_MS 1000 /* librdkafka may wait in vain for a coordinator: then it is asked again */

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

void mr_kafka_name_group(struct mr_source *source)
{
    struct mr_kafka_source *self = source->ctx;
    const char *name = mr_option_text(source->options, source->option_count, "kafka.group.id");
    const char *prefix = mr_option_text(source->options, source->option_count, "groupIdPrefix");
    self->group[0] = 0;
    if (!source->checkpoint || source->batch)
        return;
    if (name)
        snprintf(self->group, sizeof self->group, "%s", name);
    else if (prefix)
        snprintf(self->group, sizeof self->group, "%s-%s-%d", prefix,
                 mr_checkpoint_query_id(source->checkpoint)->text, source->index);
}

/* What the coordinator says, of the partitions too. */
static rd_kafka_resp_err_t answer_of(rd_kafka_event_t *answer)
{
    size_t groups = 0;
    rd_kafka_resp_err_t why = rd_kafka_event_error(answer);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return why;
    const rd_kafka_group_result_t **results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(answer), &groups);
    if (groups != 1)
        return RD_KAFKA_RESP_ERR_UNKNOWN;
    const rd_kafka_error_t *refused = rd_kafka_group_result_error(results[0]);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(results[0]);
    why = refused ? rd_kafka_error_code(refused) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; why == RD_KAFKA_RESP_ERR_NO_ERROR && list && i < list->cnt; i++)
        why = list->elems[i].err;
    return why;
}

/* The request of administrators and not that of consumers, for which librdkafka waits without end, even when
 * the handle is destroyed, as long as brokers name no coordinator. A group that is new has none at first:
 * while there is time, it is asked again. */
static void commit_list(struct mr_kafka_source *self, const rd_kafka_topic_partition_list_t *list,
                        int wait_ms)
{
    int64_t until_us = mr_env()->monotonic_us() + (int64_t)wait_ms * 1000;
    rd_kafka_queue_t *answers = rd_kafka_queue_new(self->asker.handle);
    rd_kafka_AlterConsumerGroupOffsets_t *wanted = rd_kafka_AlterConsumerGroupOffsets_new(self->group, list);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(self->asker.handle, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    char why[64];
    rd_kafka_AdminOptions_set_request_timeout(options, ANSWER_MS, why, sizeof why);
    bool again = true;
    while (again) {
        again = false;
        rd_kafka_AlterConsumerGroupOffsets(self->asker.handle, &wanted, 1, options, answers);
        int64_t left_us = until_us - mr_env()->monotonic_us();
        rd_kafka_event_t *answer = left_us > 0 ? rd_kafka_queue_poll(answers, (int)(left_us / 1000)) : NULL;
        if (!answer)
            break;
        again = mr_kafka_is_temporary(answer_of(answer));
        rd_kafka_event_destroy(answer);
        if (again)
            mr_env()->sleep_us(ASK_AGAIN_US);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AlterConsumerGroupOffsets_destroy(wanted);
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
        if (list->cnt > 0)
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
    if (!self->group[0] || upto.size == 0)
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
    if (self->group[0] && self->published.size > 0 && self->asker.handle && !self->away_since_us)
        commit(source, LAST_COMMIT_MS);
}
