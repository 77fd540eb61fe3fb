/* sources/kafka_cluster.c: what the brokers know: topics, partitions, offsets. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "base/json.h"
#include "sources/kafka.h"

#define ANSWER_MS 3000        /* brokers that need longer are away */
#define SAY_EVERY_US 60000000 /* that they are */
#define REFUSED_US 60000000

/* Brokers that are away are waited for; those that refuse a running query's password or certificate, too, for
 * a while: somebody may be changing it. */
static int away(struct mr_kafka_source *self, rd_kafka_resp_err_t why, const char *what,
                struct mr_error *error)
{
    int64_t now_us = mr_env()->monotonic_us();
    bool refused, first = self->away_since_us == 0;
    mr_kafka_error(&self->asker, why, error, "%s", what);
    mr_kafka_condition(&self->asker, &refused);
    if (first)
        self->away_since_us = now_us;
    bool waits = error->flags & MR_RETRIABLE;
    if (refused && self->reached && now_us - self->away_since_us < REFUSED_US)
        waits = true;
    if (!waits)
        return error->code;
    if (first || now_us - self->away_said_us >= SAY_EVERY_US) {
        mr_log(MR_LOG_WARN, "kafka.away", "%s (%s, for %lld s now.) The query waits for them.",
               error->message, self->servers, (long long)((now_us - self->away_since_us) / 1000000));
        self->away_said_us = now_us;
    }
    return MR_BLOCKED;
}

static void back(struct mr_kafka_source *self)
{
    if (!self->away_since_us)
        return;
    mr_log(MR_LOG_WARN, "kafka.back", "Kafka's brokers (%s) answer again, after %lld s.", self->servers,
           (long long)((mr_env()->monotonic_us() - self->away_since_us) / 1000000));
    self->away_since_us = 0;
    for (size_t i = 0; i < self->partition_count; i++) /* a topic may have been made anew meanwhile */
        mr_kafka_fetch_stop(self, self->partitions[i]);
}

/* ---- which partitions ---- */

static bool is_internal(const char *topic)
{
    return strcmp(topic, "__consumer_offsets") == 0 || strcmp(topic, "__transaction_state") == 0 ||
           strcmp(topic, "__share_group_state") == 0;
}

static int compile_pattern(struct mr_kafka_source *self, struct mr_error *error)
{
    int code;
    size_t at;
    self->pattern = pcre2_compile((PCRE2_SPTR)self->options.topics, PCRE2_ZERO_TERMINATED,
                                  PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code, &at, NULL);
    if (self->pattern)
        return MR_OK;
    char why[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                        "subscribePattern is no regular expression, see character %zu: %s.", at + 1, why);
}

static bool matches(struct mr_kafka_source *self, const char *topic)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    int found = match ? pcre2_match(self->pattern, (PCRE2_SPTR)topic, strlen(topic), 0, 0, match, NULL) : -1;
    pcre2_match_data_free(match);
    return found >= 0 && !is_internal(topic);
}

/* The topics that are asked for by name get handles: the brokers are asked about topics that have one. */
static int name_topics(struct mr_kafka_source *self, struct mr_error *error)
{
    struct mr_str rest = mr_str_of(self->options.topics);
    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        struct mr_str name = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
        rest.data += name.size + (comma ? 1 : 0);
        rest.size -= name.size + (comma ? 1 : 0);
        while (name.size > 0 && *name.data == ' ') {
            name.data++;
            name.size--;
        }
        while (name.size > 0 && name.data[name.size - 1] == ' ')
            name.size--;
        struct mr_kafka_topic *topic = name.size > 0 ? mr_kafka_topic_of(self, name) : NULL;
        if (name.size > 0 && !topic)
            return mr_error_memory(error, sizeof *topic);
        if (topic)
            topic->wanted = true;
    }
    return MR_OK;
}

/* {"topic":[0,1]} */
static int name_partitions(struct mr_kafka_source *self, struct mr_error *error)
{
    struct mr_json *root;
    size_t index;
    bool fine = mr_json_parse(&self->arena, mr_str_of(self->options.topics), &root, error) >= 0 &&
                root->type == MR_JSON_OBJECT && root->first;
    for (const struct mr_json *topic = fine ? root->first : NULL; topic; topic = topic->next) {
        fine = fine && topic->type == MR_JSON_ARRAY;
        for (const struct mr_json *id = fine ? topic->first : NULL; id; id = id->next) {
            int64_t number;
            fine = fine && mr_json_to_i64(id, &number) && number >= 0 && number <= INT32_MAX;
            if (!fine)
                break;
            struct mr_kafka_partition *partition =
                mr_kafka_partition_of(self, topic->key, (int32_t)number, &index);
            if (!partition)
                return mr_error_memory(error, sizeof(struct mr_kafka_partition));
            partition->assigned = partition->topic->wanted = true;
        }
    }
    return fine ? MR_OK
                : mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                               "assign lists partitions: {\"topic\":[0,1]}, not %s.", self->options.topics);
}

static int prepare(struct mr_kafka_source *self, struct mr_error *error)
{
    if (self->options.select == MR_KAFKA_PATTERN)
        return self->pattern ? MR_OK : compile_pattern(self, error);
    return self->options.select == MR_KAFKA_SUBSCRIBE ? name_topics(self, error)
                                                      : name_partitions(self, error);
}

static bool wanted(struct mr_kafka_source *self, const char *topic)
{
    if (self->options.select == MR_KAFKA_PATTERN)
        return matches(self, topic);
    for (size_t i = 0; i < self->topic_count; i++) {
        if (strcmp(self->topics[i]->name, topic) == 0)
            return self->topics[i]->wanted;
    }
    return false;
}

static int note_topic(struct mr_kafka_source *self, const struct rd_kafka_metadata_topic *topic,
                      struct mr_error *error)
{
    size_t index;
    if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        topic->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || !wanted(self, topic->topic))
        return MR_OK;
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR && !mr_kafka_is_temporary(topic->err))
        return mr_kafka_error(&self->asker, topic->err, error, "The topic %s cannot be read", topic->topic);
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return MR_BLOCKED;
    for (int p = 0; p < topic->partition_cnt; p++) {
        struct mr_kafka_partition *partition =
            mr_kafka_partition_of(self, mr_str_of(topic->topic), topic->partitions[p].id, &index);
        if (!partition)
            return mr_error_memory(error, sizeof *partition);
        partition->seen = self->options.select != MR_KAFKA_ASSIGN || partition->assigned;
    }
    return MR_OK;
}

int mr_kafka_look(struct mr_kafka_source *self, struct mr_error *error)
{
    const struct rd_kafka_metadata *metadata;
    MR_TRY(prepare(self, error));
    rd_kafka_resp_err_t why =
        mr_kafka_metadata(&self->asker, self->options.select == MR_KAFKA_PATTERN, NULL, &metadata, ANSWER_MS);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return away(self, why, "Kafka's brokers do not say which topics there are", error);
    int status = MR_OK;
    for (size_t i = 0; i < self->partition_count; i++)
        self->partitions[i]->seen = false;
    for (int t = 0; status == MR_OK && t < metadata->topic_cnt; t++)
        status = note_topic(self, &metadata->topics[t], error);
    rd_kafka_metadata_destroy(metadata);
    if (status == MR_BLOCKED)
        return away(self, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, "A topic is not ready", error);
    for (size_t i = 0; status >= 0 && i < self->partition_count; i++)
        self->partitions[i]->exists = self->partitions[i]->seen;
    self->looked_us = mr_env()->monotonic_us();
    if (status >= 0)
        back(self);
    return status;
}

/* ---- which offsets ---- */

static int fill_in(struct mr_kafka_source *self, const rd_kafka_topic_partition_list_t *list,
                   struct mr_kafka_offsets *offsets, struct mr_error *error)
{
    size_t index;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *answer = &list->elems[i];
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            char what[320];
            snprintf(what, sizeof what, "No offset of partition %d of %s is known", (int)answer->partition,
                     answer->topic);
            self->looked_us = 0; /* perhaps it is gone */
            if (answer->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
                mr_kafka_fetch_stop(self, mr_kafka_partition_of(self, mr_str_of(answer->topic),
                                                                answer->partition, &index));
                return MR_BLOCKED; /* it may come back as another one */
            }
            return away(self, answer->err, what, error);
        }
        mr_kafka_partition_of(self, mr_str_of(answer->topic), answer->partition, &index);
        offsets->at[index] = answer->offset;
    }
    return MR_OK;
}

int mr_kafka_ask(struct mr_kafka_source *self, struct mr_kafka_offsets *offsets, struct mr_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)offsets->count);
    for (size_t i = 0; i < offsets->count; i++) {
        if (offsets->at[i] != MR_KAFKA_ABSENT)
            rd_kafka_topic_partition_list_add(list, self->partitions[i]->topic->name, self->partitions[i]->id)
                ->offset = offsets->at[i];
    }
    int status = MR_OK;
    if (list->cnt > 0) {
        rd_kafka_resp_err_t why = rd_kafka_offsets_for_times(self->asker.handle, list, ANSWER_MS);
        if (why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || why == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
            self->looked_us = 0;
            status = MR_BLOCKED;
        } else if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = away(self, why, "Kafka's brokers do not say what offsets there are", error);
        }
    }
    if (status == MR_OK)
        status = fill_in(self, list, offsets, error);
    rd_kafka_topic_partition_list_destroy(list);
    if (status == MR_OK)
        back(self);
    return status;
}
