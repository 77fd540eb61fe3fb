/* operators/expiry_counts.c: see the header. */
#include "operators/expiry_counts.h"

#include "base/varint.h"

#define FORMAT 1
#define SECOND 1000 /* in milliseconds */
#define SPARSE 64   /* entries of a second kept as a list; with more, as an array of all its milliseconds */
#define NEVER_SECOND INT64_MAX

struct sparse_entry {
    uint32_t ms;
    int32_t count; /* may be negative: only the sum over partitions means something */
};
struct mr_expiry_second {
    int64_t second; /* entries expire after second * 1000 ms, at most a second later; or NEVER_SECOND */
    int64_t live;
    bool dirty;
    uint32_t sparse_count, sparse_capacity;
    struct sparse_entry *sparse; /* ascending; NULL once dense */
    int32_t *dense;
};

/* ---- where an expiry is counted ---- */
static int64_t ceil_ms(int64_t us)
{
    return us / 1000 + (us % 1000 > 0);
}

static int64_t floor_ms(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

/* Milliseconds (1 .. 1000] of second 0, and so on: a second ends on its whole number. */
static int64_t second_of(int64_t ms)
{
    int64_t before = ms - 1;
    return before / SECOND - (before % SECOND < 0);
}

static int64_t end_us(int64_t second)
{
    return second == NEVER_SECOND ? MR_NEVER : (second + 1) * SECOND * 1000;
}

/* ---- one second ---- */
static void free_second(struct mr_expiry_counts *counts, struct mr_expiry_second *s)
{
    counts->bytes -= sizeof *s + s->sparse_capacity * sizeof *s->sparse + (s->dense ? SECOND * 4 : 0);
    mr_free(s->sparse);
    mr_free(s->dense);
    mr_free(s);
}

static int make_dense(struct mr_expiry_counts *counts, struct mr_expiry_second *s, struct mr_error *error)
{
    s->dense = mr_allocate_zeroed(SECOND * sizeof *s->dense);
    if (!s->dense)
        return mr_error_memory(error, SECOND * sizeof *s->dense);
    for (uint32_t i = 0; i < s->sparse_count; i++)
        s->dense[s->sparse[i].ms] = s->sparse[i].count;
    counts->bytes += SECOND * sizeof *s->dense - s->sparse_capacity * sizeof *s->sparse;
    mr_free(s->sparse);
    s->sparse = NULL;
    s->sparse_count = s->sparse_capacity = 0;
    return MR_OK;
}

static int grow_sparse(struct mr_expiry_counts *counts, struct mr_expiry_second *s, struct mr_error *error)
{
    uint32_t capacity = s->sparse_capacity ? s->sparse_capacity * 2 : 2;
    struct sparse_entry *grown = mr_reallocate(s->sparse, capacity * sizeof *grown);
    if (!grown)
        return mr_error_memory(error, capacity * sizeof *grown);
    counts->bytes += (capacity - s->sparse_capacity) * sizeof *grown;
    s->sparse = grown;
    s->sparse_capacity = capacity;
    return MR_OK;
}

/* ms counts from the start of the second, 0 .. 999. */
static int count_ms(struct mr_expiry_counts *counts, struct mr_expiry_second *s, uint32_t ms, int32_t more,
                    struct mr_error *error)
{
    s->live += more;
    counts->live += more;
    s->dirty = true;
    if (!s->dense) {
        uint32_t at = s->sparse_count;
        while (at > 0 && s->sparse[at - 1].ms > ms)
            at--;
        if (at > 0 && s->sparse[at - 1].ms == ms) {
            s->sparse[at - 1].count += more;
            return MR_OK;
        }
        if (s->sparse_count < SPARSE) {
            if (s->sparse_count == s->sparse_capacity)
                MR_TRY(grow_sparse(counts, s, error));
            memmove(s->sparse + at + 1, s->sparse + at, (s->sparse_count - at) * sizeof *s->sparse);
            s->sparse[at] = (struct sparse_entry){ms, more};
            s->sparse_count++;
            return MR_OK;
        }
        MR_TRY(make_dense(counts, s, error));
    }
    s->dense[ms] += more;
    return MR_OK;
}

/* Drops the milliseconds [0, upto]; how many entries. */
static int64_t drop_ms(struct mr_expiry_second *s, uint32_t upto)
{
    int64_t dropped = 0;
    uint32_t kept = 0;
    for (uint32_t ms = 0; s->dense && ms <= upto; ms++) {
        dropped += s->dense[ms];
        s->dense[ms] = 0;
    }
    for (uint32_t i = 0; i < s->sparse_count; i++) {
        if (s->sparse[i].ms <= upto)
            dropped += s->sparse[i].count;
        else
            s->sparse[kept++] = s->sparse[i];
    }
    s->sparse_count = kept;
    s->live -= dropped;
    s->dirty = s->dirty || dropped > 0;
    return dropped;
}

/* ---- all seconds ---- */
/* Index of the first second at or behind this one. */
static size_t position_of(const struct mr_expiry_counts *counts, int64_t second)
{
    size_t low = counts->first, high = counts->first + counts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (counts->seconds[middle]->second < second)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int make_room(struct mr_expiry_counts *counts, struct mr_error *error)
{
    size_t end = counts->first + counts->count;
    if (end < counts->capacity)
        return MR_OK;
    if (counts->first > counts->capacity / 2) {
        memmove(counts->seconds, counts->seconds + counts->first, counts->count * sizeof(void *));
        counts->first = 0;
        return MR_OK;
    }
    size_t capacity = counts->capacity ? counts->capacity * 2 : 64;
    struct mr_expiry_second **grown = mr_reallocate(counts->seconds, capacity * sizeof(void *));
    if (!grown)
        return mr_error_memory(error, capacity * sizeof(void *));
    counts->bytes += (capacity - counts->capacity) * sizeof(void *);
    counts->seconds = grown;
    counts->capacity = capacity;
    return MR_OK;
}

static int find_second(struct mr_expiry_counts *counts, int64_t second, struct mr_expiry_second **out,
                       struct mr_error *error)
{
    size_t at = counts->last_used;
    if (at >= counts->first && at < counts->first + counts->count && counts->seconds[at]->second == second) {
        *out = counts->seconds[at];
        return MR_OK;
    }
    MR_TRY(make_room(counts, error));
    at = position_of(counts, second);
    size_t end = counts->first + counts->count;
    if (at == end || counts->seconds[at]->second != second) {
        struct mr_expiry_second *made = mr_allocate_zeroed(sizeof *made);
        if (!made)
            return mr_error_memory(error, sizeof *made);
        made->second = second;
        counts->bytes += sizeof *made;
        memmove(counts->seconds + at + 1, counts->seconds + at, (end - at) * sizeof(void *));
        counts->seconds[at] = made;
        counts->count++;
    }
    counts->last_used = at;
    *out = counts->seconds[at];
    return MR_OK;
}

static int count(struct mr_expiry_counts *counts, int64_t expiry_us, int32_t more, struct mr_error *error)
{
    struct mr_expiry_second *s = NULL;
    int64_t ms = ceil_ms(expiry_us), second = expiry_us == MR_NEVER ? NEVER_SECOND : second_of(ms);
    MR_TRY(find_second(counts, second, &s, error));
    if (second != NEVER_SECOND)
        return count_ms(counts, s, (uint32_t)(ms - 1 - second * SECOND), more, error);
    s->live += more; /* of this one only the sum counts */
    counts->live += more;
    s->dirty = true;
    return MR_OK;
}

int mr_expiry_counts_add(struct mr_expiry_counts *counts, int64_t expiry_us, struct mr_error *error)
{
    return count(counts, expiry_us, 1, error);
}

int mr_expiry_counts_remove(struct mr_expiry_counts *counts, int64_t expiry_us, struct mr_error *error)
{
    return count(counts, expiry_us, -1, error);
}

int64_t mr_expiry_counts_expire(struct mr_expiry_counts *counts, int64_t upto_us)
{
    int64_t ms = floor_ms(upto_us), second = second_of(ms), dropped = 0;
    while (counts->count > 0 && counts->seconds[counts->first]->second < second) {
        struct mr_expiry_second *s = counts->seconds[counts->first];
        dropped += s->live;
        free_second(counts, s);
        counts->first++;
        counts->count--;
    }
    if (counts->count > 0 && counts->seconds[counts->first]->second == second)
        dropped += drop_ms(counts->seconds[counts->first], (uint32_t)(ms - 1 - second * SECOND));
    counts->live -= dropped;
    return dropped;
}

/* ---- the checkpoint ---- */
static void put_second(struct mr_text *out, const struct mr_expiry_counts *counts,
                       const struct mr_expiry_second *s)
{
    uint32_t last = 0, entries = s->sparse_count;
    mr_keyed_state_put_head(out, FORMAT, end_us(s->second));
    mr_state_put_u16(out, (unsigned)counts->op->partitions);
    for (uint32_t ms = 0; s->dense && ms < SECOND; ms++)
        entries += s->dense[ms] != 0;
    mr_varint_append(out, entries);
    mr_varint_append(out, (uint64_t)s->live);
    for (uint32_t i = 0; i < s->sparse_count; i++) {
        mr_varint_append(out, s->sparse[i].ms - last);
        mr_varint_append(out, (uint64_t)s->sparse[i].count);
        last = s->sparse[i].ms;
    }
    for (uint32_t ms = 0; s->dense && ms < SECOND; ms++) {
        if (s->dense[ms] == 0)
            continue;
        mr_varint_append(out, ms - last);
        mr_varint_append(out, (uint64_t)s->dense[ms]);
        last = ms;
    }
}

static void delete_all(const struct mr_expiry_counts *counts, struct mr_decision *decision,
                       struct mr_text *key)
{
    mr_text_clear(key);
    mr_state_put_prefix(key, counts->op, MR_STATE_COUNTS);
    size_t begin = key->size;
    mr_state_put_prefix(key, counts->op, MR_STATE_ENTRIES);
    mr_decision_delete_range(decision, MR_FAMILY_STATE, (struct mr_str){key->data, begin},
                             (struct mr_str){key->data + begin, key->size - begin});
}

int mr_expiry_counts_write(struct mr_expiry_counts *counts, struct mr_decision *decision,
                           struct mr_error *error)
{
    struct mr_text key, value;
    mr_text_init(&key);
    mr_text_init(&value);
    if (counts->stale && counts->op->partition == 0) /* the others' flush comes after this one */
        delete_all(counts, decision, &key);
    for (size_t i = counts->first; i < counts->first + counts->count; i++) {
        struct mr_expiry_second *s = counts->seconds[i];
        if (!s->dirty && !counts->stale)
            continue;
        mr_text_clear(&key);
        mr_text_clear(&value);
        mr_state_put_prefix(&key, counts->op, MR_STATE_COUNTS);
        mr_state_put_u16(&key, (unsigned)counts->op->partition);
        mr_state_put_time(&key, s->second);
        put_second(&value, counts, s);
        mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(&key), mr_text_str(&value));
        s->dirty = false;
    }
    counts->stale = false;
    int status = key.failed || value.failed ? mr_error_memory(error, value.capacity) : MR_OK;
    mr_text_release(&key);
    mr_text_release(&value);
    return status;
}

struct reading {
    struct mr_expiry_counts *counts;
    bool same_layout;
    bool only_look;
};

static int read_second(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct reading *reading = ctx;
    struct mr_expiry_counts *counts = reading->counts;
    struct mr_expiry_second *s = NULL;
    const char *at = value.data + 11, *end = value.data + value.size;
    uint64_t entries, live, step, number, ms = 0;
    if (key.size != 13 || value.size < 13 || value.data[0] != FORMAT)
        return mr_state_corrupt(counts->op, "counts of expiry", error);
    int partition = (int)mr_state_get_u16(key.data + 3);
    if (reading->only_look) {
        reading->same_layout = (int)mr_state_get_u16(value.data + 9) == counts->op->partitions;
        return reading->same_layout ? MR_OK : MR_END;
    }
    int64_t second = mr_state_get_time(key.data + 5);
    if (end_us(second) > counts->latest_us)
        counts->latest_us = end_us(second);
    if (counts->op->partition != (reading->same_layout ? partition : 0))
        return MR_OK;
    MR_TRY(find_second(counts, second, &s, error));
    if (!mr_varint_get(&at, end, &entries) || !mr_varint_get(&at, end, &live))
        return mr_state_corrupt(counts->op, "counts of expiry", error);
    if (entries == 0) {
        s->live += (int64_t)live;
        counts->live += (int64_t)live;
    }
    for (uint64_t i = 0; i < entries; i++) {
        if (!mr_varint_get(&at, end, &step) || !mr_varint_get(&at, end, &number) || step >= SECOND - ms)
            return mr_state_corrupt(counts->op, "counts of expiry", error);
        ms += step;
        MR_TRY(count_ms(counts, s, (uint32_t)ms, (int32_t)number, error));
    }
    s->dirty = false;
    return MR_OK;
}

int mr_expiry_counts_open(struct mr_expiry_counts *counts, struct mr_operator *op, struct mr_error *error)
{
    struct reading reading = {.counts = counts, .same_layout = true, .only_look = true};
    int status = MR_OK;
    *counts = (struct mr_expiry_counts){.op = op, .latest_us = MR_NO_WATERMARK};
    for (int pass = 0; status >= 0 && pass < 2; pass++) {
        reading.only_look = pass == 0;
        status = mr_state_scan(op, MR_STATE_COUNTS, read_second, &reading, error);
    }
    counts->stale = !reading.same_layout;
    return status < 0 ? status : MR_OK;
}

void mr_expiry_counts_close(struct mr_expiry_counts *counts)
{
    for (size_t i = counts->first; i < counts->first + counts->count; i++)
        free_second(counts, counts->seconds[i]);
    mr_free(counts->seconds);
    *counts = (struct mr_expiry_counts){0};
}
