/* operators/custom_store.c: see the header. */
#include "operators/custom_store.h"

#define CUT_ONE_BY_ONE 256 /* entries of the checkpoint; beyond, they go as a range */
#define READ_AT_ONCE MR_BATCH_ROWS

int mr_custom_store_open(struct mr_custom_store *store, struct mr_operator *op, struct mr_error *error)
{
    *store = (struct mr_custom_store){.op = op, .now_us = INT64_MIN};
    mr_text_init(&store->cut);
    mr_text_init(&store->value);
    mr_arena_init(&store->scratch);
    MR_TRY(mr_state_cache_init(&store->cache, error));
    return mr_expiry_counts_open(&store->counts, op, error);
}

void mr_custom_store_close(struct mr_custom_store *store)
{
    if (!store->op)
        return;
    mr_state_cache_release(&store->cache);
    mr_expiry_counts_close(&store->counts);
    mr_text_release(&store->cut);
    mr_text_release(&store->value);
    mr_arena_release(&store->scratch);
    store->op = NULL;
}

/* ---- keys and values ---- */
void mr_custom_put_base(const struct mr_custom_store *store, struct mr_text *out, unsigned variable,
                        struct mr_str group)
{
    mr_state_put_prefix(out, store->op, MR_STATE_ENTRIES);
    mr_state_put_u16(out, variable);
    mr_text_append(out, group.data, group.size);
}

void mr_custom_put_timer(const struct mr_custom_store *store, struct mr_text *out, int64_t at_us,
                         struct mr_str group)
{
    mr_state_put_prefix(out, store->op, MR_STATE_TIMES);
    mr_state_put_time(out, at_us);
    mr_text_append(out, group.data, group.size);
}

void mr_custom_put_behind(struct mr_text *out, struct mr_str prefix)
{
    size_t size = prefix.size;
    while (size > 0 && (uint8_t)prefix.data[size - 1] == 0xff)
        size--;
    mr_text_append(out, prefix.data, size);
    if (size > 0 && !out->failed)
        out->data[out->size - 1]++;
}

static int64_t expiry_of(const char *value)
{
    int64_t expiry_us;
    memcpy(&expiry_us, value + 1, 8);
    return expiry_us;
}

static bool is_there(const struct mr_custom_store *store, const char *value)
{
    return value && expiry_of(value) > store->now_us;
}

static int check_value(const struct mr_custom_store *store, struct mr_str value, struct mr_error *error)
{
    if (value.size >= MR_CUSTOM_HEAD && value.data[0] == MR_CUSTOM_FORMAT)
        return MR_OK;
    return mr_state_corrupt(store->op, "a value begins with an unknown format", error);
}

/* ---- one entry ---- */
static int read_many(struct mr_custom_store *store, const struct mr_str *keys, int64_t count,
                     struct mr_error *error)
{
    struct mr_cached *entry = NULL;
    mr_arena_clear(&store->scratch);
    struct mr_str *values = MR_ARENA_ARRAY(&store->scratch, struct mr_str, count);
    if (!values)
        return mr_error_memory(error, sizeof *values * (size_t)count);
    if (store->op->checkpoint)
        MR_TRY(mr_checkpoint_get_many(store->op->checkpoint, MR_FAMILY_STATE, keys, (size_t)count,
                                      &store->scratch, values, error));
    for (int64_t i = 0; i < count; i++) {
        if (values[i].data)
            MR_TRY(check_value(store, values[i], error));
        MR_TRY(mr_state_cache_put(&store->cache, keys[i], values[i], MR_CACHE_READ, &entry, error));
    }
    return MR_OK;
}

int mr_custom_prefetch(struct mr_custom_store *store, const struct mr_str *keys, int64_t count,
                       struct mr_error *error)
{
    struct mr_str missing[READ_AT_ONCE];
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        if (mr_state_cache_find(&store->cache, keys[i]))
            continue;
        missing[found++] = keys[i];
        if (found < READ_AT_ONCE)
            continue;
        MR_TRY(read_many(store, missing, found, error));
        found = 0;
    }
    return found > 0 ? read_many(store, missing, found, error) : MR_OK;
}

int mr_custom_get(struct mr_custom_store *store, struct mr_str key, struct mr_str base, struct mr_str *value,
                  struct mr_error *error)
{
    struct mr_cached *entry = mr_state_cache_find(&store->cache, key);
    const struct mr_cached *whole = base.size > 0 ? mr_state_cache_find(&store->cache, base) : NULL;
    *value = (struct mr_str){0};
    if (!entry && whole && whole->cut)
        MR_TRY(mr_state_cache_put(&store->cache, key, *value, MR_CACHE_NEW, &entry, error));
    if (!entry) {
        MR_TRY(read_many(store, &key, 1, error));
        entry = mr_state_cache_find(&store->cache, key);
    }
    if (is_there(store, entry->value))
        *value = (struct mr_str){entry->value + MR_CUSTOM_HEAD, entry->value_size - MR_CUSTOM_HEAD};
    return MR_OK;
}

int mr_custom_put(struct mr_custom_store *store, struct mr_str key, struct mr_str rest, int64_t expiry_us,
                  enum mr_custom_put how, struct mr_error *error)
{
    struct mr_cached *entry = how == MR_CUSTOM_NEW ? NULL : mr_state_cache_find(&store->cache, key);
    if (how != MR_CUSTOM_EXTRA) {
        if (entry && is_there(store, entry->value))
            MR_TRY(mr_expiry_counts_remove(&store->counts, expiry_of(entry->value), error));
        MR_TRY(mr_expiry_counts_add(&store->counts, expiry_us, error));
        store->op->metrics.rows_updated++;
    }
    mr_text_clear(&store->value);
    mr_keyed_state_put_head(&store->value, MR_CUSTOM_FORMAT, expiry_us);
    mr_text_append(&store->value, rest.data, rest.size);
    if (store->value.failed)
        return mr_error_memory(error, rest.size);
    return mr_state_cache_put(&store->cache, key, mr_text_str(&store->value),
                              how == MR_CUSTOM_NEW ? MR_CACHE_NEW : MR_CACHE_CHANGE, &entry, error);
}

int mr_custom_delete(struct mr_custom_store *store, struct mr_str key, bool counted, struct mr_error *error)
{
    struct mr_cached *entry = mr_state_cache_find(&store->cache, key);
    if (!entry || !entry->value)
        return MR_OK;
    if (counted && is_there(store, entry->value)) {
        MR_TRY(mr_expiry_counts_remove(&store->counts, expiry_of(entry->value), error));
        store->op->metrics.rows_removed++;
    }
    return mr_state_cache_put(&store->cache, key, (struct mr_str){0}, MR_CACHE_CHANGE, &entry, error);
}

int mr_custom_drop(struct mr_custom_store *store, struct mr_str key, struct mr_error *error)
{
    struct mr_cached *entry = NULL;
    return mr_state_cache_put(&store->cache, key, (struct mr_str){0}, MR_CACHE_CHANGE, &entry, error);
}

/* ---- scans ---- */
static bool is_before_end(const struct mr_custom_scan *scan, struct mr_str key)
{
    return mr_str_compare(key, mr_text_str(&scan->end)) < 0;
}

static int next_stored(struct mr_custom_scan *scan, struct mr_error *error)
{
    if (!scan->cursor)
        return MR_OK;
    if (mr_state_cursor_next(scan->cursor, &scan->stored_key, &scan->stored_value))
        return check_value(scan->store, scan->stored_value, error);
    struct mr_state_cursor *ended = scan->cursor;
    scan->cursor = NULL;
    return mr_state_cursor_close(ended, error);
}

int mr_custom_scan_open(struct mr_custom_scan *scan, struct mr_custom_store *store, struct mr_str begin,
                        struct mr_str end, bool settled, struct mr_error *error)
{
    *scan = (struct mr_custom_scan){.store = store, .settled = settled, .stamp = store->cache.stamp++};
    mr_text_init(&scan->end);
    mr_text_append(&scan->end, end.data, end.size);
    if (scan->end.failed)
        return mr_error_memory(error, end.size);
    scan->cached = mr_state_cache_seek(&store->cache, begin);
    if (!store->op->checkpoint)
        return MR_OK;
    MR_TRY(mr_state_cursor_open(store->op->checkpoint, MR_FAMILY_STATE, begin, mr_text_str(&scan->end),
                                &scan->cursor, error));
    return next_stored(scan, error);
}

int mr_custom_scan_base(struct mr_custom_scan *scan, struct mr_custom_store *store, struct mr_str base,
                        bool settled, struct mr_error *error)
{
    struct mr_text range;
    struct mr_error ignored;
    mr_text_init(&range);
    mr_text_append(&range, base.data, base.size);
    mr_text_append_char(&range, 0); /* the least key behind base */
    mr_custom_put_behind(&range, base);
    size_t begin = base.size + 1;
    *scan = (struct mr_custom_scan){0};
    int status = range.failed ? mr_error_memory(error, range.capacity)
                              : mr_custom_scan_open(scan, store, (struct mr_str){range.data, begin},
                                                    (struct mr_str){range.data + begin, range.size - begin},
                                                    settled, error);
    mr_text_release(&range);
    const struct mr_cached *whole = mr_state_cache_find(&store->cache, base);
    if (status >= 0 && whole && whole->cut && scan->cursor) {
        mr_state_cursor_close(scan->cursor, &ignored);
        scan->cursor = NULL;
    }
    return status;
}

/* The next entry in memory, when it comes before what is stored, or at it; NULL: what is stored comes first.
 */
static struct mr_cached *next_cached(struct mr_custom_scan *scan, bool *same)
{
    struct mr_cached *entry = scan->cached;
    *same = false;
    if (entry && !is_before_end(scan, entry->key))
        entry = scan->cached = NULL;
    if (!entry || !scan->cursor)
        return entry;
    int order = mr_str_compare(entry->key, scan->stored_key);
    *same = order == 0;
    return order <= 0 ? entry : NULL;
}

/* Does the scan give this entry of the cache? */
static bool gives(const struct mr_custom_scan *scan, const struct mr_cached *entry, struct mr_str *key,
                  struct mr_str *value)
{
    if ((scan->settled && entry->stamp > scan->stamp) || !is_there(scan->store, entry->value))
        return false;
    *key = entry->key;
    *value = (struct mr_str){entry->value + MR_CUSTOM_HEAD, entry->value_size - MR_CUSTOM_HEAD};
    return true;
}

int mr_custom_scan_next(struct mr_custom_scan *scan, struct mr_str *key, struct mr_str *value,
                        struct mr_error *error)
{
    for (bool given = false; !given;) {
        bool same = false;
        if (scan->stored_done)
            MR_TRY(next_stored(scan, error));
        scan->stored_done = false;
        struct mr_cached *entry = next_cached(scan, &same);
        if (!entry && !scan->cursor)
            return MR_END;
        scan->stored_done = !entry || same;
        if (entry)
            scan->cached = entry->next[0];
        else /* put since we went past where it stands? */
            entry = mr_state_cache_find(&scan->store->cache, scan->stored_key);
        if (entry) {
            given = gives(scan, entry, key, value);
            continue;
        }
        *key = scan->stored_key;
        *value = (struct mr_str){scan->stored_value.data + MR_CUSTOM_HEAD,
                                 scan->stored_value.size - MR_CUSTOM_HEAD};
        given = is_there(scan->store, scan->stored_value.data);
    }
    return MR_OK;
}

void mr_custom_scan_close(struct mr_custom_scan *scan)
{
    struct mr_error ignored;
    if (!scan->store)
        return;
    if (scan->cursor)
        mr_state_cursor_close(scan->cursor, &ignored);
    mr_text_release(&scan->end);
    *scan = (struct mr_custom_scan){0};
}

/* ---- many entries at once ---- */
static void note_cut(struct mr_custom_store *store, struct mr_str key)
{
    uint32_t size = (uint32_t)key.size;
    mr_text_append(&store->cut, &size, 4);
    mr_text_append(&store->cut, key.data, key.size);
}

static int cut_range(struct mr_custom_store *store, struct mr_str base, struct mr_error *error)
{
    struct mr_cached *whole = NULL;
    struct mr_text end;
    mr_text_init(&end);
    mr_custom_put_behind(&end, base);
    note_cut(store, base);
    note_cut(store, mr_text_str(&end));
    int status = end.failed || store->cut.failed ? mr_error_memory(error, base.size) : MR_OK;
    mr_text_release(&end);
    if (status >= 0)
        status = mr_state_cache_put(&store->cache, base, (struct mr_str){0}, MR_CACHE_CHANGE, &whole, error);
    if (status >= 0)
        whole->cut = true;
    return status;
}

int mr_custom_cut(struct mr_custom_store *store, struct mr_str base, struct mr_error *error)
{
    struct mr_custom_scan scan;
    struct mr_str key, value;
    struct mr_cached *entry = NULL;
    int64_t stored = 0;
    int status = mr_custom_scan_base(&scan, store, base, true, error);
    while (status == MR_OK) {
        status = mr_custom_scan_next(&scan, &key, &value, error);
        if (status != MR_OK)
            break;
        int64_t expiry_us = expiry_of(value.data - MR_CUSTOM_HEAD);
        entry = mr_state_cache_find(&store->cache, key);
        if (!entry)
            stored++;
        store->op->metrics.rows_removed++;
        status = mr_expiry_counts_remove(&store->counts, expiry_us, error);
        if (status >= 0 && (entry || stored <= CUT_ONE_BY_ONE))
            status =
                mr_state_cache_put(&store->cache, key, (struct mr_str){0}, MR_CACHE_CHANGE, &entry, error);
    }
    mr_custom_scan_close(&scan);
    MR_TRY(status);
    return stored > CUT_ONE_BY_ONE ? cut_range(store, base, error) : MR_OK;
}

/* ---- decisions ---- */
static struct mr_str next_cut(const struct mr_text *cut, size_t *at)
{
    uint32_t size;
    memcpy(&size, cut->data + *at, 4);
    struct mr_str key = {cut->data + *at + 4, size};
    *at += 4 + size;
    return key;
}

int mr_custom_store_flush(struct mr_custom_store *store, struct mr_decision *decision, struct mr_error *error)
{
    MR_TRY(mr_expiry_counts_write(&store->counts, decision, error));
    for (size_t at = 0; at < store->cut.size;) { /* before what was put in their place */
        struct mr_str begin = next_cut(&store->cut, &at), end = next_cut(&store->cut, &at);
        mr_decision_delete_range(decision, MR_FAMILY_STATE, begin, end);
    }
    mr_text_clear(&store->cut);
    mr_state_cache_sort(&store->cache);
    for (int64_t i = 0; i < store->cache.dirty_count; i++) {
        const struct mr_cached *entry = store->cache.dirty[i];
        if (entry->value)
            mr_decision_put(decision, MR_FAMILY_STATE, entry->key,
                            (struct mr_str){entry->value, entry->value_size});
        else if (!entry->unstored)
            mr_decision_delete(decision, MR_FAMILY_STATE, entry->key);
    }
    mr_state_cache_written(&store->cache);
    return MR_OK;
}
