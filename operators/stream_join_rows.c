/* operators/stream_join_rows.c: see the header. */
#include "operators/stream_join_rows.h"

#define FIRST_SPAN_BITS 14 /* 16 ms */
#define MAX_BUCKETS 2048   /* more: spans are doubled */
#define MIN_BLOCK_BYTES ((size_t)1 << 10)
#define NO_KEY UINT32_MAX
#define PREFETCH_BYTES 2048

int mr_join_rows_init(struct mr_join_rows *rows, const struct mr_type *const *key_types, int key_count,
                      struct mr_error *error)
{
    *rows = (struct mr_join_rows){.free_block = MR_NO_BLOCK, .highest_us = INT64_MIN};
    rows->shelves[0].span_bits = rows->shelves[1].span_bits = FIRST_SPAN_BITS;
    MR_TRY(mr_group_table_init(&rows->keys, key_types, key_count, NULL, 0, error));
    mr_group_table_add_payload(&rows->keys, sizeof(struct mr_join_key));
    return MR_OK;
}

void mr_join_rows_trim(struct mr_join_rows *rows, bool all)
{
    size_t surplus = all ? SIZE_MAX : rows->least_pool_bytes;
    for (int size = MR_JOIN_BLOCK_SIZES - 1; size >= 0; size--)
        while (rows->pool[size] && MIN_BLOCK_BYTES << size <= surplus) {
            struct mr_buffer *buffer = rows->pool[size];
            memcpy(&rows->pool[size], buffer->data, sizeof buffer);
            rows->pool_bytes -= buffer->capacity;
            surplus -= buffer->capacity;
            mr_buffer_unref(buffer);
        }
    rows->least_pool_bytes = rows->pool_bytes;
}

void mr_join_rows_release(struct mr_join_rows *rows)
{
    mr_join_rows_trim(rows, true);
    for (uint32_t b = 0; b < rows->block_count; b++)
        mr_buffer_unref(rows->blocks[b].buffer);
    mr_free(rows->blocks);
    mr_free(rows->shelves[0].buckets);
    mr_free(rows->shelves[1].buckets);
    mr_group_table_release(&rows->keys);
    *rows = (struct mr_join_rows){0};
}

void mr_join_rows_clear(struct mr_join_rows *rows)
{
    mr_join_rows_trim(rows, true);
    for (uint32_t b = 0; b < rows->block_count; b++)
        mr_buffer_unref(rows->blocks[b].buffer);
    rows->block_count = 0;
    rows->free_block = MR_NO_BLOCK;
    for (int side = 0; side < 2; side++) {
        struct mr_join_shelf *shelf = &rows->shelves[side];
        shelf->bucket_count = shelf->last_used = 0;
        shelf->span_bits = FIRST_SPAN_BITS;
    }
    rows->bytes = 0;
    rows->live = rows->unwritten_bytes = 0;
    mr_group_table_clear(&rows->keys);
}

size_t mr_join_rows_bytes(const struct mr_join_rows *rows)
{
    int64_t buckets = rows->shelves[0].bucket_capacity + rows->shelves[1].bucket_capacity;
    return rows->bytes + rows->pool_bytes + mr_group_table_bytes(&rows->keys) +
           sizeof(struct mr_join_bucket) * (size_t)buckets +
           sizeof *rows->blocks * (size_t)rows->block_capacity;
}

/* ---- buckets ---- */
static int64_t span_of(const struct mr_join_shelf *shelf, int64_t expiry_us)
{
    return expiry_us == MR_NEVER_EXPIRES ? INT64_MAX : expiry_us >> shelf->span_bits;
}

/* The first bucket whose span is not before. */
static int64_t lower_bound(const struct mr_join_shelf *shelf, int64_t span)
{
    int64_t low = 0, high = shelf->bucket_count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (shelf->buckets[middle].span < span)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void merge_into(struct mr_join_rows *rows, struct mr_join_bucket *to,
                       const struct mr_join_bucket *from)
{
    uint32_t last = from->blocks;
    while (last != MR_NO_BLOCK && rows->blocks[last].next != MR_NO_BLOCK)
        last = rows->blocks[last].next;
    if (last != MR_NO_BLOCK) {
        rows->blocks[last].next = to->blocks;
        to->blocks = from->blocks;
    }
    to->bytes += from->bytes;
    to->rows += from->rows;
    to->unwritten_bytes += from->unwritten_bytes;
}

static void double_spans(struct mr_join_rows *rows, struct mr_join_shelf *shelf)
{
    int64_t kept = 0;
    shelf->span_bits++;
    for (int64_t i = 0; i < shelf->bucket_count; i++) {
        struct mr_join_bucket bucket = shelf->buckets[i];
        if (bucket.span != INT64_MAX)
            bucket.span >>= 1;
        if (kept > 0 && shelf->buckets[kept - 1].span == bucket.span)
            merge_into(rows, &shelf->buckets[kept - 1], &bucket);
        else
            shelf->buckets[kept++] = bucket;
    }
    shelf->bucket_count = kept;
    shelf->last_used = 0;
}

static int find_bucket(struct mr_join_rows *rows, struct mr_join_shelf *shelf, int64_t expiry_us,
                       struct mr_join_bucket **out, struct mr_error *error)
{
    int64_t span = span_of(shelf, expiry_us), at = shelf->last_used;
    if (at >= shelf->bucket_count || shelf->buckets[at].span != span)
        at = lower_bound(shelf, span);
    if (at == shelf->bucket_count || shelf->buckets[at].span != span) {
        while (shelf->bucket_count >= MAX_BUCKETS && shelf->span_bits < 62)
            double_spans(rows, shelf);
        span = span_of(shelf, expiry_us);
        at = lower_bound(shelf, span);
    }
    if (at == shelf->bucket_count || shelf->buckets[at].span != span) {
        if (shelf->bucket_count == shelf->bucket_capacity) {
            int64_t capacity = shelf->bucket_capacity ? shelf->bucket_capacity * 2 : 16;
            struct mr_join_bucket *grown = mr_reallocate(shelf->buckets, sizeof *grown * (size_t)capacity);
            if (!grown)
                return mr_error_memory(error, sizeof *grown * (size_t)capacity);
            shelf->buckets = grown;
            shelf->bucket_capacity = capacity;
        }
        memmove(&shelf->buckets[at + 1], &shelf->buckets[at],
                sizeof *shelf->buckets * (size_t)(shelf->bucket_count - at));
        shelf->buckets[at] = (struct mr_join_bucket){.span = span, .blocks = MR_NO_BLOCK};
        shelf->bucket_count++;
    }
    shelf->last_used = at;
    *out = &shelf->buckets[at];
    return MR_OK;
}

/* ---- blocks ---- */
/* A buffer of the pool of this size, or one that serves as well: smaller ones that hold what must go in, then
 * larger ones, for what lies in the pool is memory too. MR_JOIN_BLOCK_SIZES: none. */
static int pooled_size(const struct mr_join_rows *rows, int size, size_t least_bytes)
{
    for (int smaller = size; smaller >= 0 && MIN_BLOCK_BYTES << smaller >= least_bytes; smaller--)
        if (rows->pool[smaller])
            return smaller;
    for (int larger = size + 1; larger < MR_JOIN_BLOCK_SIZES && larger <= size + 2; larger++)
        if (rows->pool[larger])
            return larger;
    return MR_JOIN_BLOCK_SIZES;
}

/* What one bucket gives back the next one takes: new memory costs a page fault every 4 KiB. */
static struct mr_buffer *take_buffer(struct mr_join_rows *rows, size_t wanted_bytes, size_t least_bytes)
{
    int size = 0;
    while (size + 1 < MR_JOIN_BLOCK_SIZES && MIN_BLOCK_BYTES << size < wanted_bytes)
        size++;
    if (MIN_BLOCK_BYTES << size < least_bytes)
        return mr_buffer_new(least_bytes);
    int pooled = pooled_size(rows, size, least_bytes);
    if (pooled == MR_JOIN_BLOCK_SIZES)
        return mr_buffer_new(MIN_BLOCK_BYTES << size);
    struct mr_buffer *buffer = rows->pool[pooled];
    memcpy(&rows->pool[pooled], buffer->data, sizeof buffer);
    rows->pool_bytes -= buffer->capacity;
    if (rows->pool_bytes < rows->least_pool_bytes)
        rows->least_pool_bytes = rows->pool_bytes;
    return buffer;
}

/* Output may still point into it; then it is given up. */
static void give_buffer(struct mr_join_rows *rows, struct mr_buffer *buffer)
{
    int size = 0;
    while (size < MR_JOIN_BLOCK_SIZES && MIN_BLOCK_BYTES << size != buffer->capacity)
        size++;
    if (size == MR_JOIN_BLOCK_SIZES || atomic_load(&buffer->references) != 1) {
        mr_buffer_unref(buffer);
        return;
    }
    memcpy(buffer->data, &rows->pool[size], sizeof buffer);
    rows->pool[size] = buffer;
    rows->pool_bytes += buffer->capacity;
}

static int new_block(struct mr_join_rows *rows, struct mr_join_bucket *bucket, size_t bytes,
                     struct mr_error *error)
{
    size_t part = bucket->bytes / 8; /* so that little is left empty */
    struct mr_buffer *buffer = take_buffer(rows, part > bytes ? part : bytes, bytes);
    if (!buffer)
        return mr_error_memory(error, bytes);
    buffer->size = 0;
    uint32_t number = rows->free_block;
    if (number != MR_NO_BLOCK) {
        rows->free_block = rows->blocks[number].next;
    } else {
        if (rows->block_count == rows->block_capacity) {
            uint32_t capacity = rows->block_capacity ? rows->block_capacity * 2 : 64;
            struct mr_join_block *grown = mr_reallocate(rows->blocks, sizeof *grown * capacity);
            if (!grown) {
                mr_buffer_unref(buffer);
                return mr_error_memory(error, sizeof *grown * capacity);
            }
            rows->blocks = grown;
            rows->block_capacity = capacity;
        }
        number = rows->block_count++;
    }
    rows->blocks[number] = (struct mr_join_block){.buffer = buffer, .next = bucket->blocks};
    bucket->blocks = number;
    bucket->bytes += buffer->capacity;
    rows->bytes += buffer->capacity;
    return MR_OK;
}

static void free_block(struct mr_join_rows *rows, uint32_t number)
{
    struct mr_join_block *block = &rows->blocks[number];
    rows->bytes -= block->buffer->capacity;
    give_buffer(rows, block->buffer);
    *block = (struct mr_join_block){.next = rows->free_block};
    rows->free_block = number;
}

static size_t row_bytes(size_t size)
{
    return (sizeof(struct mr_join_row) + size + 7) & ~(size_t)7;
}

int mr_join_rows_place(struct mr_join_rows *rows, int side, int64_t expiry_us, size_t bound_bytes,
                       struct mr_join_row **out, struct mr_error *error)
{
    struct mr_join_bucket *bucket = NULL;
    if (bound_bytes > MR_JOIN_ROW_BYTES_MAX)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "A row of %zu bytes is too large to be kept by a join; the limit is %u.",
                            bound_bytes, MR_JOIN_ROW_BYTES_MAX);
    MR_TRY(find_bucket(rows, &rows->shelves[side], expiry_us, &bucket, error));
    size_t need = row_bytes(bound_bytes) + 8;
    if (bucket->blocks == MR_NO_BLOCK ||
        rows->blocks[bucket->blocks].buffer->capacity - rows->blocks[bucket->blocks].buffer->size < need)
        MR_TRY(new_block(rows, bucket, need, error));
    struct mr_buffer *buffer = rows->blocks[bucket->blocks].buffer;
    struct mr_join_row *row = (struct mr_join_row *)(void *)(buffer->data + buffer->size);
    *row = (struct mr_join_row){.expiry_us = expiry_us, .block = bucket->blocks, .side = side & 1};
    *out = row;
    return MR_OK;
}

void mr_join_rows_add(struct mr_join_rows *rows, struct mr_join_row *row, struct mr_group *key)
{
    struct mr_join_key *lists = mr_join_key_of(rows, key);
    row->key = key->number;
    row->next = lists->first[row->side];
    if (!row->next || row->expiry_us > lists->latest_us[row->side])
        lists->latest_us[row->side] = row->expiry_us;
    lists->first[row->side] = row;
    rows->blocks[row->block].buffer->size += row_bytes(row->size);
    struct mr_join_shelf *shelf = &rows->shelves[row->side];
    struct mr_join_bucket *bucket = &shelf->buckets[shelf->last_used];
    bucket->rows++;
    rows->live++;
    if (row->pack == 0) {
        bucket->unwritten_bytes += row->size;
        rows->unwritten_bytes += row->size;
    }
    if (row->expiry_us > rows->highest_us)
        rows->highest_us = row->expiry_us;
}

bool mr_join_rows_match(struct mr_join_rows *rows, struct mr_join_row *row)
{
    if (row->matched)
        return false;
    row->matched = 1;
    if (row->pack != 0) {
        struct mr_join_shelf *shelf = &rows->shelves[row->side];
        row->changed = 1;
        shelf->buckets[lower_bound(shelf, span_of(shelf, row->expiry_us))].unwritten_bytes += row->size;
        rows->unwritten_bytes += row->size;
        mr_join_key_of(rows, mr_group_table_at(&rows->keys, row->key))->changed = true;
    }
    return true;
}

/* ---- removing ---- */
/* Takes what expires out of the lists of a key. */
static void sweep_key(struct mr_join_rows *rows, struct mr_group *group,
                      const struct mr_join_removal *removal)
{
    int64_t evict_us = removal->evict_us;
    struct mr_join_key *key = mr_join_key_of(rows, group);
    key->swept = rows->removals;
    for (int side = 0; side < 2; side++) {
        if (!(removal->sides >> side & 1))
            continue;
        if (key->latest_us[side] <= evict_us) { /* the usual case: rows of one key go together */
            key->first[side] = NULL;
            continue;
        }
        struct mr_join_row **link = &key->first[side];
        while (*link) {
            if ((*link)->expiry_us <= evict_us)
                *link = (*link)->next;
            else
                link = &(*link)->next;
        }
    }
    if (!key->first[0] && !key->first[1])
        mr_group_table_remove(&rows->keys, group);
}

static inline struct mr_join_row *row_at(const struct mr_buffer *buffer, size_t at)
{
    return (struct mr_join_row *)(void *)(buffer->data + at);
}

static int remove_from(struct mr_join_rows *rows, struct mr_join_bucket *bucket,
                       const struct mr_join_removal *removal, int64_t *removed, struct mr_error *error)
{
    for (uint32_t b = bucket->blocks; b != MR_NO_BLOCK; b = rows->blocks[b].next) {
        const struct mr_buffer *buffer = rows->blocks[b].buffer;
        for (size_t at = 0, ahead = 0; at < buffer->size; at += row_bytes(row_at(buffer, at)->size)) {
            struct mr_join_row *row = row_at(buffer, at);
            for (int i = 0; i < 2 && ahead < buffer->size && ahead < at + PREFETCH_BYTES; i++) {
                const struct mr_join_row *later = row_at(buffer, ahead);
                if (later->key != NO_KEY)
                    __builtin_prefetch(mr_join_key_of(rows, mr_group_table_at(&rows->keys, later->key)));
                ahead += row_bytes(later->size);
            }
            if (row->expiry_us > removal->evict_us || row->key == NO_KEY)
                continue;
            if (removal->each && (removal->told >> row->side & 1))
                MR_TRY(removal->each(removal->ctx, row, error));
            struct mr_group *group = mr_group_table_at(&rows->keys, row->key);
            row->key = NO_KEY; /* the key may go before the row's memory does */
            if (mr_join_key_of(rows, group)->swept != rows->removals)
                sweep_key(rows, group, removal);
            if (row->pack == 0 || row->changed) {
                bucket->unwritten_bytes -= row->size;
                rows->unwritten_bytes -= row->size;
            }
            bucket->rows--;
            rows->live--;
            ++*removed;
        }
    }
    return MR_OK;
}

/* All rows of the bucket go, and nobody wants to see them. */
static bool goes_whole(const struct mr_join_rows *rows, int side, const struct mr_join_bucket *bucket,
                       const struct mr_join_removal *removal)
{
    return bucket->span < span_of(&rows->shelves[side], removal->evict_us) &&
           !(removal->each && (removal->told >> side & 1));
}

/* Many rows of few keys: the keys are gone over once each, the rows not at all. */
static bool sweep_keys(struct mr_join_rows *rows, const struct mr_join_removal *removal)
{
    int64_t whole = 0;
    struct mr_group_cursor cursor = {0};
    struct mr_group *group;
    for (int side = 0; side < 2; side++) {
        const struct mr_join_shelf *shelf = &rows->shelves[side];
        for (int64_t i = 0; i < shelf->bucket_count && (removal->sides >> side & 1); i++)
            whole += goes_whole(rows, side, &shelf->buckets[i], removal) ? shelf->buckets[i].rows : 0;
    }
    if (whole < rows->keys.count)
        return false;
    while (mr_group_table_next(&rows->keys, &cursor, &group, 1) == 1)
        sweep_key(rows, group, removal);
    return true;
}

int mr_join_rows_remove(struct mr_join_rows *rows, const struct mr_join_removal *removal, int64_t *removed,
                        struct mr_error *error)
{
    *removed = 0;
    rows->removals++;
    bool swept = sweep_keys(rows, removal);
    for (int side = 0; side < 2; side++) {
        struct mr_join_shelf *shelf = &rows->shelves[side];
        int64_t last = span_of(shelf, removal->evict_us);
        for (int64_t i = 0; i < shelf->bucket_count && (removal->sides >> side & 1); i++) {
            struct mr_join_bucket *bucket = &shelf->buckets[i];
            if (bucket->span > last)
                break;
            if (!swept || !goes_whole(rows, side, bucket, removal)) {
                MR_TRY(remove_from(rows, bucket, removal, removed, error));
                continue;
            }
            rows->live -= bucket->rows;
            rows->unwritten_bytes -= bucket->unwritten_bytes;
            *removed += bucket->rows;
            bucket->rows = bucket->unwritten_bytes = 0;
        }
    }
    return MR_OK;
}

static void free_emptied(struct mr_join_rows *rows, struct mr_join_shelf *shelf)
{
    int64_t whole = 0;
    for (; whole < shelf->bucket_count && shelf->buckets[whole].rows == 0; whole++)
        for (uint32_t b = shelf->buckets[whole].blocks, next; b != MR_NO_BLOCK; b = next) {
            next = rows->blocks[b].next;
            free_block(rows, b);
        }
    if (whole == 0)
        return;
    memmove(shelf->buckets, shelf->buckets + whole,
            sizeof *shelf->buckets * (size_t)(shelf->bucket_count - whole));
    shelf->bucket_count -= whole;
    shelf->last_used = 0;
}

void mr_join_rows_free_removed(struct mr_join_rows *rows)
{
    free_emptied(rows, &rows->shelves[0]);
    free_emptied(rows, &rows->shelves[1]);
}

void mr_join_rows_written(struct mr_join_rows *rows)
{
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < rows->shelves[side].bucket_count; i++)
            rows->shelves[side].buckets[i].unwritten_bytes = 0;
    rows->unwritten_bytes = 0;
}

/* ---- holes among the keys ---- */
static bool keep_all(void *ctx, struct mr_group *group)
{
    (void)ctx;
    (void)group;
    return true;
}

int mr_join_rows_compact(struct mr_join_rows *rows, struct mr_error *error)
{
    uint32_t holes = rows->keys.count - rows->keys.live;
    struct mr_group_cursor cursor = {0};
    struct mr_group *group;
    if (holes < 8192 || holes < rows->keys.live)
        return MR_OK;
    MR_TRY(mr_group_table_retain(&rows->keys, keep_all, NULL, error));
    while (mr_group_table_next(&rows->keys, &cursor, &group, 1) == 1)
        for (int side = 0; side < 2; side++)
            for (struct mr_join_row *row = mr_join_key_of(rows, group)->first[side]; row; row = row->next)
                row->key = group->number;
    return MR_OK;
}
