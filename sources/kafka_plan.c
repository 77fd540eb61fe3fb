/* sources/kafka_plan.c: micro-batches: which offsets, within which limits, in which shares. */
#include "sources/kafka.h"

#define LOOK_EVERY_US 1000000 /* for new partitions */
#define SHARE_BYTES (8LL << 20)
#define SHARE_OFFSETS 32768
#define SHARES 256 /* of one partition at most */

/* ---- one plan ---- */

/* A text of offsets; "" stands for where a new query begins. */
static int begin_of(struct mr_kafka_source *self, struct mr_str from, struct mr_kafka_offsets *out,
                    struct mr_error *error)
{
    struct mr_str text = from.size > 0 ? from : mr_text_str(&self->initial);
    return mr_kafka_offsets_parse(self, &self->arena, text, out, error);
}

/* Arrays that were made before partitions were found are too short. */
static int widen(struct mr_kafka_source *self, struct mr_kafka_offsets *offsets, struct mr_error *error)
{
    struct mr_kafka_offsets wide = mr_kafka_offsets_new(self, &self->arena);
    if (!wide.at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    memcpy(wide.at, offsets->at, sizeof(int64_t) * offsets->count);
    *offsets = wide;
    return MR_OK;
}

static int copy_offsets(struct mr_kafka_source *self, const struct mr_kafka_offsets *from,
                        struct mr_kafka_offsets *to, struct mr_error *error)
{
    *to = *from;
    return widen(self, to, error);
}

static int remember_bounds(struct mr_kafka_source *self, bool ending, struct mr_text *out,
                           struct mr_error *error)
{
    struct mr_kafka_offsets bounds;
    int status = mr_kafka_bounds(self, &self->arena, ending, &bounds, error);
    if (status != MR_OK)
        return status;
    mr_kafka_offsets_write(self, &bounds, out);
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

/* Partitions that are gone, and those that have come since: these begin at their beginning. */
static int reconcile(struct mr_kafka_source *self, struct mr_kafka_offsets *begin, struct mr_error *error)
{
    struct mr_kafka_offsets added = mr_kafka_offsets_new(self, &self->arena);
    bool any = false;
    if (!added.at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    for (size_t i = 0; i < begin->count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        bool known = begin->at[i] != MR_KAFKA_ABSENT;
        if (known && !partition->exists) {
            MR_TRY(mr_kafka_data_loss(self, error, "PARTITIONS_DELETED",
                                      "Partition %d of %s, read up to offset %lld, is not there any more (or "
                                      "not read by this query any more)",
                                      (int)partition->id, partition->topic->name, (long long)begin->at[i]));
            mr_kafka_fetch_stop(self, partition);
            partition->witness.known = false;
            begin->at[i] = MR_KAFKA_ABSENT;
        }
        if (!known && partition->exists) {
            added.at[i] = MR_KAFKA_EARLIEST;
            any = true;
        }
    }
    int status = any ? mr_kafka_ask(self, &added, error) : MR_OK;
    for (size_t i = 0; status == MR_OK && any && i < begin->count; i++) {
        if (added.at[i] == MR_KAFKA_ABSENT)
            continue;
        begin->at[i] = added.at[i];
        if (added.at[i] > 0)
            status = mr_kafka_data_loss(self, error, "ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
                                        "The new partition %d of %s begins with offset %lld, not with 0",
                                        (int)self->partitions[i]->id, self->partitions[i]->topic->name,
                                        (long long)added.at[i]);
    }
    return status;
}

/* Where a log ends before what was read of it, another one has taken its place, or where its messages are
 * others than were read; that one is read from its beginning. */
static int check_replaced(struct mr_kafka_source *self, struct mr_kafka_offsets *begin,
                          const struct mr_kafka_offsets *end, struct mr_error *error)
{
    struct mr_kafka_offsets again = mr_kafka_offsets_new(self, &self->arena);
    bool any = false;
    if (!again.at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    MR_TRY(mr_kafka_verify(self, begin, end, error));
    for (size_t i = 0; i < begin->count; i++) {
        bool shorter = begin->at[i] != MR_KAFKA_ABSENT && end->at[i] < begin->at[i];
        if (self->partitions[i]->replaced && !shorter) {
            MR_TRY(mr_kafka_replaced(self, self->partitions[i], error));
            mr_kafka_fetch_stop(self, self->partitions[i]);
            mr_kafka_anew(self->partitions[i]);
        }
        if (self->partitions[i]->anew) {
            again.at[i] = MR_KAFKA_EARLIEST;
            any = true;
        }
        if (!shorter || self->partitions[i]->anew)
            continue;
        MR_TRY(mr_kafka_data_loss(self, error, "PARTITION_OFFSET_CHANGED",
                                  "Partition %d of %s has been read up to offset %lld and now ends at %lld: "
                                  "the topic was deleted and made anew, or cut",
                                  (int)self->partitions[i]->id, self->partitions[i]->topic->name,
                                  (long long)begin->at[i], (long long)end->at[i]));
        mr_kafka_anew(self->partitions[i]);
        again.at[i] = MR_KAFKA_EARLIEST;
        any = true;
    }
    int status = any ? mr_kafka_ask(self, &again, error) : MR_OK;
    for (size_t i = 0; status == MR_OK && any && i < begin->count; i++) {
        if (again.at[i] != MR_KAFKA_ABSENT)
            begin->at[i] = again.at[i];
    }
    return status;
}

/* maxOffsetsPerTrigger, shared out by what waits; none is starved. */
static void limit(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                  struct mr_kafka_offsets *end, int64_t total)
{
    int64_t most = self->options.max_offsets;
    if (most <= 0 || total <= most || self->options.batch)
        return;
    for (size_t i = 0; i < end->count; i++) {
        if (end->at[i] == MR_KAFKA_ABSENT || end->at[i] <= begin->at[i])
            continue;
        int64_t waiting = end->at[i] - begin->at[i];
        double share = (double)most * ((double)waiting / (double)total);
        int64_t taken = share < 1 ? 1 : (int64_t)share;
        if (taken < waiting)
            end->at[i] = begin->at[i] + taken;
    }
}

/* minOffsetsPerTrigger: true when the batch has to wait. */
static bool too_little(struct mr_source *source, int64_t total)
{
    struct mr_kafka_source *self = source->ctx;
    int64_t now_us = mr_env()->monotonic_us();
    self->waits_for_more = self->options.min_offsets > 0 && !self->options.batch && !source->available_now &&
                           total > 0 && total < self->options.min_offsets && self->triggered_us > 0 &&
                           now_us - self->triggered_us < self->options.max_delay_us;
    if (total > 0 && !self->waits_for_more)
        self->triggered_us = now_us;
    return self->waits_for_more;
}

static int learn(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    int status = MR_OK;
    bool looks = self->looked_us == 0 || mr_env()->monotonic_us() - self->looked_us >= LOOK_EVERY_US;
    if (looks)
        status = mr_kafka_look(self, error);
    if (status == MR_OK && self->reached && (looks || mr_kafka_never_pinned(self)))
        status = mr_kafka_check_pins(self, error);
    if (status == MR_OK && from.size == 0 && self->initial.size == 0) {
        bool any = false;
        for (size_t i = 0; i < self->partition_count; i++)
            any = any || self->partitions[i]->exists;
        if (!any && self->options.select != MR_KAFKA_PATTERN)
            return mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND",
                                "Kafka (%s) has no topic %s to read. Create it, or correct the name.",
                                self->servers, self->options.topics);
        status = remember_bounds(self, false, &self->initial, error);
    }
    if (status == MR_OK && self->stop_at.size == 0 && (self->options.batch || source->available_now))
        status = remember_bounds(self, true, &self->stop_at, error);
    return status;
}

/* The ends: what the brokers say, but not behind where a bounded run stops. */
static int find_ends(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                     struct mr_kafka_offsets *end, struct mr_error *error)
{
    *end = mr_kafka_offsets_new(self, &self->arena);
    if (!end->at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    for (size_t i = 0; i < end->count; i++)
        end->at[i] = begin->at[i] == MR_KAFKA_ABSENT ? MR_KAFKA_ABSENT : MR_KAFKA_LATEST;
    return mr_kafka_ask(self, end, error);
}

static int stop_early(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                      struct mr_kafka_offsets *end, struct mr_error *error)
{
    struct mr_kafka_offsets stop;
    if (self->stop_at.size == 0)
        return MR_OK;
    MR_TRY(mr_kafka_offsets_parse(self, &self->arena, mr_text_str(&self->stop_at), &stop, error));
    for (size_t i = 0; i < end->count; i++) {
        int64_t at = i < stop.count && stop.at[i] != MR_KAFKA_ABSENT ? stop.at[i] : begin->at[i];
        if (end->at[i] > at)
            end->at[i] = at > begin->at[i] ? at : begin->at[i];
    }
    return MR_OK;
}

/* A topic that was made anew may end just where the one before was read to. A batch that ends where it begins
 * is none, so one message is left for the next. */
static void leave_one(struct mr_kafka_source *self, const struct mr_kafka_offsets *begin,
                      struct mr_kafka_offsets *end)
{
    for (size_t i = 0; i < end->count; i++) {
        if (end->at[i] == MR_KAFKA_ABSENT || !self->partitions[i]->anew || end->at[i] <= begin->at[i])
            continue;
        end->at[i]--;
        return;
    }
}

static int write_plan(struct mr_source *source, struct mr_str from, const struct mr_kafka_offsets *begin,
                      struct mr_kafka_offsets *end, const struct mr_kafka_offsets *latest, struct mr_text *to,
                      struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    int64_t total = 0;
    for (size_t i = 0; i < end->count; i++)
        total += end->at[i] == MR_KAFKA_ABSENT ? 0 : end->at[i] - begin->at[i];
    if (too_little(source, total)) {
        mr_text_append(to, from.data ? from.data : "", from.size);
        return MR_OK;
    }
    limit(self, begin, end, total);
    mr_kafka_offsets_write(self, end, to);
    if (total > 0 && mr_str_equal(mr_text_str(to), from)) {
        leave_one(self, begin, end);
        mr_text_clear(to);
        mr_kafka_offsets_write(self, end, to);
    }
    mr_kafka_measure_lag(source, end, latest);
    return to->failed ? mr_error_memory(error, to->size) : MR_OK;
}

/* A continuous query fetches ahead, so that it hears of what comes. */
static int fetch_ahead(struct mr_source *source, const struct mr_kafka_offsets *begin, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    for (size_t i = 0; i < begin->count && !self->options.batch && !source->available_now; i++) {
        if (begin->at[i] != MR_KAFKA_ABSENT)
            MR_TRY(mr_kafka_fetch(self, self->partitions[i], begin->at[i], error));
    }
    return MR_OK;
}

static int plan(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    struct mr_kafka_offsets begin, end, latest;
    int status = learn(source, from, error);
    if (status != MR_OK)
        return status;
    MR_TRY(begin_of(self, from, &begin, error));
    MR_TRY(widen(self, &begin, error));
    status = reconcile(self, &begin, error);
    if (status == MR_OK)
        status = find_ends(self, &begin, &end, error);
    if (status == MR_OK)
        status = check_replaced(self, &begin, &end, error);
    if (status == MR_OK)
        status = copy_offsets(self, &end, &latest, error);
    if (status == MR_OK)
        status = stop_early(self, &begin, &end, error);
    if (status == MR_OK)
        status = fetch_ahead(source, &begin, error);
    return status == MR_OK ? write_plan(source, from, &begin, &end, &latest, to, error) : status;
}

/* The brokers may be away when a query starts, too, but not for long: somebody waits for an answer. */
int mr_kafka_latest(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    mr_kafka_serve(&self->client);
    mr_kafka_serve(&self->asker);
    for (int64_t left = self->options.retries;; left--) {
        mr_arena_clear(&self->arena);
        mr_text_clear(to);
        int status = plan(source, from, to, error);
        if (status != MR_BLOCKED)
            return status;
        bool patient = self->reached && !self->options.batch && !source->available_now;
        if (!patient && left <= 0)
            return error->code < 0 ? error->code
                                   : mr_error_set(error, MR_E_IO, "KAFKA_REQUEST_FAILED",
                                                  "Kafka's brokers do not know the partitions of %s.",
                                                  self->options.topics);
        if (patient) { /* wait is called next, and comes back soon */
            mr_text_clear(to);
            mr_text_append(to, from.data ? from.data : "", from.size);
            return MR_OK;
        }
        mr_env()->sleep_us(self->options.retry_us);
    }
}

/* ---- shares ---- */

static int64_t share_of(const struct mr_kafka_source *self, const struct mr_kafka_partition *partition,
                        int64_t range, int64_t total)
{
    const struct mr_kafka_options *o = &self->options;
    int64_t share =
        partition->row_bytes > 0 ? (int64_t)((double)SHARE_BYTES / partition->row_bytes) + 1 : SHARE_OFFSETS;
    if (share > SHARE_OFFSETS)
        share = SHARE_OFFSETS;
    if (o->min_partitions > 0) {
        int64_t parts = (int64_t)((double)o->min_partitions * (double)range / (double)total + 0.5);
        share = range / (parts > 0 ? parts : 1) + 1;
    }
    if (o->max_records > 0 && share > o->max_records)
        share = o->max_records;
    return share < range / SHARES ? range / SHARES + 1 : share;
}

struct range {
    struct mr_kafka_partition *partition;
    int64_t left, share;
    int lane;
};

/* Round and round, so that workers find partitions that nobody reads. Shares of one partition are read one
 * after the other, in its order, unless the user wants it otherwise. */
static int deal(struct mr_kafka_source *self, struct range *ranges, size_t count,
                struct mr_split_list *splits, struct mr_error *error)
{
    size_t shares = 0;
    for (size_t i = 0; i < count; i++)
        shares += (size_t)((ranges[i].left + ranges[i].share - 1) / ranges[i].share);
    splits->splits = MR_ARENA_ARRAY(splits->arena, struct mr_split, shares + 1);
    struct mr_kafka_split *contents = MR_ARENA_ARRAY(splits->arena, struct mr_kafka_split, shares + 1);
    if (!splits->splits || !contents)
        return mr_error_memory(error, sizeof *contents * shares);
    bool parallel = self->options.min_partitions > 0 || self->options.max_records > 0;
    while (splits->count < shares) {
        for (size_t i = 0; i < count; i++) {
            struct range *range = &ranges[i];
            int64_t offsets = range->left < range->share ? range->left : range->share;
            if (offsets == 0)
                continue;
            double row_bytes = range->partition->row_bytes > 0 ? range->partition->row_bytes : 100;
            contents[splits->count] = (struct mr_kafka_split){range->partition, offsets};
            splits->splits[splits->count] =
                (struct mr_split){.size_bytes = (int64_t)((double)offsets * row_bytes),
                                  .lane = parallel ? 0 : range->lane,
                                  .ctx = &contents[splits->count]};
            splits->count++;
            range->left -= offsets;
        }
    }
    return MR_OK;
}

/* The first offsets, once more with those that `from` does not mention, and where a log was made anew. */
static int begin_again(struct mr_kafka_source *self, struct mr_str from, const struct mr_kafka_offsets *end,
                       struct mr_kafka_offsets *begin, struct mr_error *error)
{
    struct mr_kafka_offsets added;
    bool any = false;
    MR_TRY(begin_of(self, from, begin, error));
    MR_TRY(widen(self, begin, error));
    added = mr_kafka_offsets_new(self, &self->arena);
    if (!added.at)
        return mr_error_memory(error, sizeof(int64_t) * self->partition_count);
    for (size_t i = 0; i < end->count; i++) {
        if (end->at[i] != MR_KAFKA_ABSENT &&
            (begin->at[i] == MR_KAFKA_ABSENT || begin->at[i] > end->at[i] || self->partitions[i]->anew)) {
            added.at[i] = MR_KAFKA_EARLIEST;
            any = true;
        }
    }
    int status = any ? mr_kafka_ask(self, &added, error) : MR_OK;
    if (status == MR_BLOCKED)
        return mr_error_set(error, MR_E_IO, "KAFKA_REQUEST_FAILED",
                            "Kafka's brokers do not say where new partitions begin.");
    for (size_t i = 0; status == MR_OK && i < added.count; i++) {
        if (added.at[i] != MR_KAFKA_ABSENT)
            begin->at[i] = added.at[i];
    }
    return status;
}

int mr_kafka_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                   struct mr_split_list *splits, struct mr_error *error)
{
    struct mr_kafka_source *self = source->ctx;
    struct mr_kafka_offsets begin, end;
    int64_t total = 0;
    size_t count = 0;
    mr_arena_clear(&self->arena);
    MR_TRY(mr_kafka_offsets_parse(self, &self->arena, to, &end, error));
    MR_TRY(begin_again(self, from, &end, &begin, error));
    struct range *ranges = MR_ARENA_ARRAY(&self->arena, struct range, end.count + 1);
    if (!ranges)
        return mr_error_memory(error, sizeof *ranges * end.count);
    for (size_t i = 0; i < end.count; i++) {
        struct mr_kafka_partition *partition = self->partitions[i];
        partition->anew = false;
        if (end.at[i] == MR_KAFKA_ABSENT || end.at[i] <= begin.at[i])
            continue;
        MR_TRY(mr_kafka_fetch(self, partition, begin.at[i], error));
        partition->end = end.at[i];
        total += end.at[i] - begin.at[i];
        ranges[count++] = (struct range){partition, end.at[i] - begin.at[i], 0, (int)i + 1};
    }
    for (size_t i = 0; i < count; i++)
        ranges[i].share = share_of(self, ranges[i].partition, ranges[i].left, total);
    self->reached = true;
    return deal(self, ranges, count, splits, error);
}

/* What was read says where the range ended. */
int mr_kafka_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                 const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                 struct mr_error *error)
{
    (void)from;
    (void)splits;
    (void)taken;
    struct mr_kafka_source *self = source->ctx;
    struct mr_kafka_offsets end;
    MR_TRY(mr_kafka_offsets_parse(self, &self->arena, to, &end, error));
    for (size_t i = 0; i < end.count; i++) {
        const struct mr_kafka_partition *partition = self->partitions[i];
        if (end.at[i] != MR_KAFKA_ABSENT && partition->queue && partition->end == end.at[i])
            end.at[i] = partition->position;
    }
    mr_kafka_offsets_write(self, &end, out);
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}
