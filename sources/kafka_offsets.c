/* sources/kafka_offsets.c: offsets per partition, as JSON and back; where a new query begins. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "sources/kafka.h"

/* ---- partitions by name ---- */

static struct mr_kafka_topic *topic_of(struct mr_kafka_source *self, struct mr_str name)
{
    for (size_t i = 0; i < self->topic_count; i++) {
        if (mr_str_equal(mr_str_of(self->topics[i]->name), name))
            return self->topics[i];
    }
    struct mr_kafka_topic **grown =
        mr_reallocate(self->topics, sizeof(struct mr_kafka_topic *) * (self->topic_count + 1));
    if (!grown)
        return NULL;
    self->topics = grown;
    struct mr_kafka_topic *topic = mr_allocate_zeroed(sizeof *topic);
    if (!topic)
        return NULL;
    topic->name = mr_allocate(name.size + 1);
    topic->label = mr_buffer_new(name.size);
    if (!topic->name || !topic->label) {
        mr_free(topic->name);
        mr_buffer_unref(topic->label);
        mr_free(topic);
        return NULL;
    }
    memcpy(topic->name, name.data, name.size);
    topic->name[name.size] = 0;
    memcpy(topic->label->data, name.data, name.size);
    topic->label->size = name.size;
    self->topics[self->topic_count++] = topic;
    return topic;
}

struct mr_kafka_topic *mr_kafka_topic_of(struct mr_kafka_source *self, struct mr_str name)
{
    struct mr_kafka_topic *topic = topic_of(self, name);
    if (!topic || !self->client.handle)
        return topic;
    if (!topic->handle)
        topic->handle = rd_kafka_topic_new(self->client.handle, topic->name, NULL);
    if (!topic->asked)
        topic->asked = rd_kafka_topic_new(self->asker.handle, topic->name, NULL);
    return topic->handle && topic->asked ? topic : NULL;
}

struct mr_kafka_partition *mr_kafka_partition_of(struct mr_kafka_source *self, struct mr_str topic,
                                                 int32_t id, size_t *index)
{
    for (size_t i = 0; i < self->partition_count; i++) {
        struct mr_kafka_partition *known = self->partitions[i];
        if (known->id == id && mr_str_equal(mr_str_of(known->topic->name), topic)) {
            *index = i;
            return known;
        }
    }
    struct mr_kafka_topic *of = mr_kafka_topic_of(self, topic);
    if (!of)
        return NULL;
    if (self->partition_count == self->partition_capacity) {
        size_t capacity = self->partition_capacity ? self->partition_capacity * 2 : 16;
        struct mr_kafka_partition **grown =
            mr_reallocate(self->partitions, sizeof(struct mr_kafka_partition *) * capacity);
        if (!grown)
            return NULL;
        self->partitions = grown;
        self->partition_capacity = capacity;
    }
    struct mr_kafka_partition *made = mr_allocate_zeroed(sizeof *made);
    if (!made)
        return NULL;
    made->topic = of;
    made->id = id;
    pthread_mutex_init(&made->lock, NULL);
    *index = self->partition_count;
    self->partitions[self->partition_count++] = made;
    return made;
}

/* ---- JSON ---- */

struct mr_kafka_offsets mr_kafka_offsets_new(struct mr_kafka_source *self, struct mr_arena *arena)
{
    struct mr_kafka_offsets offsets = {MR_ARENA_ARRAY(arena, int64_t, self->partition_count + 1),
                                       self->partition_count};
    for (size_t i = 0; offsets.at && i < offsets.count; i++)
        offsets.at[i] = MR_KAFKA_ABSENT;
    return offsets;
}

static int malformed(struct mr_str json, struct mr_error *error)
{
    return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                        "Offsets are given as {\"topic\":{\"0\":23,\"1\":-1}}, not as %.*s.",
                        (int)(json.size < 200 ? json.size : 200), json.data);
}

static bool parse_id(struct mr_str text, int32_t *out)
{
    char digits[12], *end;
    if (text.size == 0 || text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = 0;
    long id = strtol(digits, &end, 10);
    *out = (int32_t)id;
    return *end == 0 && id >= 0 && id <= INT32_MAX;
}

int mr_kafka_offsets_parse(struct mr_kafka_source *self, struct mr_arena *arena, struct mr_str json,
                           struct mr_kafka_offsets *out, struct mr_error *error)
{
    struct mr_json *root;
    size_t index;
    struct mr_error why;
    *out = (struct mr_kafka_offsets){0};
    if (mr_json_parse(arena, json, &root, &why) < 0 || root->type != MR_JSON_OBJECT)
        return malformed(json, error);
    for (int pass = 0; pass < 2; pass++) { /* partitions first: they say how many there are */
        for (const struct mr_json *topic = root->first; topic; topic = topic->next) {
            if (topic->type != MR_JSON_OBJECT)
                return malformed(json, error);
            for (const struct mr_json *member = topic->first; member; member = member->next) {
                int32_t id;
                int64_t offset;
                if (!parse_id(member->key, &id) || !mr_json_to_i64(member, &offset))
                    return malformed(json, error);
                if (!mr_kafka_partition_of(self, topic->key, id, &index))
                    return mr_error_memory(error, sizeof(struct mr_kafka_partition));
                if (pass == 1)
                    out->at[index] = offset;
            }
        }
        if (pass == 0)
            *out = mr_kafka_offsets_new(self, arena);
        if (!out->at)
            return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    }
    return MR_OK;
}

struct order {
    const struct mr_kafka_partition *partition;
    int64_t offset;
};

static int compare(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    int topics = strcmp(x->partition->topic->name, y->partition->topic->name);
    return topics ? topics : x->partition->id < y->partition->id ? -1 : x->partition->id > y->partition->id;
}

void mr_kafka_offsets_write(struct mr_kafka_source *self, const struct mr_kafka_offsets *offsets,
                            struct mr_text *out)
{
    struct order *sorted = mr_allocate(sizeof *sorted * (offsets->count + 1));
    size_t count = 0;
    if (!sorted) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < offsets->count; i++) {
        if (offsets->at[i] != MR_KAFKA_ABSENT)
            sorted[count++] = (struct order){self->partitions[i], offsets->at[i]};
    }
    qsort(sorted, count, sizeof *sorted, compare);
    struct mr_json_writer w = {.out = out};
    mr_json_begin_object(&w);
    for (size_t i = 0; i < count; i++) {
        char id[12];
        bool first = i == 0 || sorted[i].partition->topic != sorted[i - 1].partition->topic;
        if (first && i > 0)
            mr_json_end_object(&w);
        if (first) {
            mr_json_key(&w, sorted[i].partition->topic->name);
            mr_json_begin_object(&w);
        }
        snprintf(id, sizeof id, "%d", (int)sorted[i].partition->id);
        mr_json_key(&w, id);
        mr_json_i64(&w, sorted[i].offset);
    }
    if (count > 0)
        mr_json_end_object(&w);
    mr_json_end_object(&w);
    mr_free(sorted);
}

/* ---- where a new query begins, and where a batch ends ---- */

/* All partitions there are, with the same question. */
static int all(struct mr_kafka_source *self, struct mr_arena *arena, int64_t question,
               struct mr_kafka_offsets *out, struct mr_error *error)
{
    *out = mr_kafka_offsets_new(self, arena);
    if (!out->at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    for (size_t i = 0; i < out->count; i++)
        out->at[i] = self->partitions[i]->exists ? question : MR_KAFKA_ABSENT;
    return MR_OK;
}

/* An option that lists partitions lists them all. */
static int listed(struct mr_kafka_source *self, struct mr_arena *arena, const char *name, const char *json,
                  struct mr_kafka_offsets *out, struct mr_error *error)
{
    MR_TRY(mr_kafka_offsets_parse(self, arena, mr_str_of(json), out, error));
    for (size_t i = 0; i < out->count; i++) {
        const struct mr_kafka_partition *partition = self->partitions[i];
        if (partition->exists == (out->at[i] != MR_KAFKA_ABSENT))
            continue;
        mr_error_parameter(error, "specifiedPartitions", "%s", json);
        return mr_error_set(error, MR_E_USAGE, "KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED",
                            "%s must name all partitions that are read (-1 latest, -2 earliest) and no "
                            "others: see partition %d of %s.",
                            name, (int)partition->id, partition->topic->name);
    }
    return MR_OK;
}

/* Asks for the first message at those times; what has none ends, or is an error. */
static int by_time(struct mr_kafka_source *self, bool latest, struct mr_kafka_offsets *times,
                   struct mr_arena *arena, struct mr_error *error)
{
    struct mr_kafka_offsets ends;
    bool none = false;
    MR_TRY(all(self, arena, MR_KAFKA_LATEST, &ends, error));
    for (size_t i = 0; i < times->count; i++) {
        if (times->at[i] != MR_KAFKA_ABSENT && times->at[i] < 0)
            return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                                "A time stamp is milliseconds since 1970, not %lld.",
                                (long long)times->at[i]);
    }
    int status = mr_kafka_ask(self, times, error);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < times->count; i++) {
        if (times->at[i] != MR_KAFKA_LATEST)
            continue;
        none = true;
        if (!latest)
            return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                                "Partition %d of %s has no message that late; "
                                "startingOffsetsByTimestampStrategy => 'latest' would start at its end.",
                                (int)self->partitions[i]->id, self->partitions[i]->topic->name);
    }
    if (!none)
        return MR_OK;
    status = mr_kafka_ask(self, &ends, error);
    for (size_t i = 0; status == MR_OK && i < times->count; i++) {
        if (times->at[i] == MR_KAFKA_LATEST)
            times->at[i] = ends.at[i];
    }
    return status;
}

/* Offsets as given, -1 and -2 resolved, others checked against what there is. */
static int by_offset(struct mr_kafka_source *self, struct mr_arena *arena, bool ending,
                     struct mr_kafka_offsets *given, struct mr_error *error)
{
    struct mr_kafka_offsets low, high;
    MR_TRY(all(self, arena, MR_KAFKA_EARLIEST, &low, error));
    MR_TRY(all(self, arena, MR_KAFKA_LATEST, &high, error));
    int status = mr_kafka_ask(self, &low, error);
    if (status == MR_OK)
        status = mr_kafka_ask(self, &high, error);
    for (size_t i = 0; status == MR_OK && i < given->count; i++) {
        int64_t *at = &given->at[i];
        const struct mr_kafka_partition *partition = self->partitions[i];
        if (*at == MR_KAFKA_ABSENT || low.at[i] == MR_KAFKA_ABSENT)
            continue;
        if ((*at == MR_KAFKA_EARLIEST && ending) || *at < MR_KAFKA_EARLIEST)
            return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                                "The offset %lld of partition %d of %s means nothing here.", (long long)*at,
                                (int)partition->id, partition->topic->name);
        if (*at == MR_KAFKA_EARLIEST || *at == MR_KAFKA_LATEST) {
            *at = *at == MR_KAFKA_LATEST ? high.at[i] : low.at[i];
        } else if (*at < low.at[i] || *at > high.at[i]) {
            MR_TRY(mr_kafka_data_loss(self, error, "START_OFFSET_RESET",
                                      "Partition %d of %s holds the offsets %lld to %lld, not the %lld that "
                                      "was asked for",
                                      (int)partition->id, partition->topic->name, (long long)low.at[i],
                                      (long long)high.at[i], (long long)*at));
            *at = ending ? high.at[i] : low.at[i];
        }
    }
    return status;
}

int mr_kafka_bounds(struct mr_kafka_source *self, struct mr_arena *arena, bool ending,
                    struct mr_kafka_offsets *out, struct mr_error *error)
{
    const struct mr_kafka_options *o = &self->options;
    int64_t time_ms = ending ? o->ending_ms : o->starting_ms;
    const char *times = ending ? o->ending_by_timestamp : o->starting_by_timestamp;
    const char *offsets = ending ? o->ending : o->starting;
    bool latest = ending || o->timestamp_latest;
    if (time_ms >= 0) {
        MR_TRY(all(self, arena, time_ms, out, error));
        return by_time(self, latest, out, arena, error);
    }
    if (times) {
        MR_TRY(listed(self, arena, ending ? "endingOffsetsByTimestamp" : "startingOffsetsByTimestamp", times,
                      out, error));
        return by_time(self, latest, out, arena, error);
    }
    if (!offsets)
        offsets = ending || !o->batch ? "latest" : "earliest";
    if (mr_str_equal_nocase(mr_str_of(offsets), MR_STR("latest")) ||
        mr_str_equal_nocase(mr_str_of(offsets), MR_STR("earliest"))) {
        bool low = mr_str_equal_nocase(mr_str_of(offsets), MR_STR("earliest"));
        MR_TRY(all(self, arena, low ? MR_KAFKA_EARLIEST : MR_KAFKA_LATEST, out, error));
        return mr_kafka_ask(self, out, error);
    }
    MR_TRY(listed(self, arena, ending ? "endingOffsets" : "startingOffsets", offsets, out, error));
    return by_offset(self, arena, ending, out, error);
}
