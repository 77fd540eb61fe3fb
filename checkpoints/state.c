/* checkpoints/state.c: reading what operators and sources have stored. */
#include "checkpoints/checkpoint.h"
#include "checkpoints/rocks.h"

/* Keys asked for together. RocksDB takes 32 at a time; the memory it needs for so few is used again while it
 * is near. */
#define CHUNK 64
#define FILLING 61 /* of so many chunks one; prime, so that in time all keys are among them */

static int read_error(struct mr_checkpoint *checkpoint, char *message, struct mr_error *error)
{
    return mr_rocks_error(error, message, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                          "Cannot read state from the checkpoint %s", checkpoint->path);
}

/* Copies the found values; frees all slices and messages whatever happens. */
static int collect(struct mr_checkpoint *checkpoint, enum mr_family family, rocksdb_pinnableslice_t **slices,
                   char **messages, size_t count, struct mr_arena *arena, struct mr_str *values,
                   struct mr_error *error)
{
    int status = MR_OK;
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct mr_str){0};
        if (messages[i] && status >= 0)
            status = read_error(checkpoint, messages[i], error);
        else if (messages[i])
            rocksdb_free(messages[i]);
        if (slices[i] && status >= 0) {
            struct mr_str value;
            value.data = rocksdb_pinnableslice_value(slices[i], &value.size);
            status = mr_rocks_unwrap(checkpoint, mr_rocks_kind_of(family), &value, error);
            char *copy = status >= 0 ? mr_arena_copy_text(arena, value.data, value.size) : NULL;
            if (status >= 0 && !copy)
                status = mr_error_memory(error, value.size);
            values[i] = (struct mr_str){copy, value.size};
        }
        if (slices[i])
            rocksdb_pinnableslice_destroy(slices[i]);
    }
    return status;
}

/* Where there is a cache, it is for filters and indexes; blocks pass by it. But whoever leaves nothing in the
 * cache does not leave an index there either that has dropped out of it: some chunks bring those back. */
static const rocksdb_readoptions_t *reading_of(struct mr_checkpoint *checkpoint, enum mr_family family)
{
    if (family != MR_FAMILY_STATE || checkpoint->cache_bytes == 0)
        return checkpoint->reading;
    return atomic_fetch_add_explicit(&checkpoint->chunks, 1, memory_order_relaxed) % FILLING == 0
               ? checkpoint->reading
               : checkpoint->passing;
}

int mr_checkpoint_get_many(struct mr_checkpoint *checkpoint, enum mr_family family, const struct mr_str *keys,
                           size_t count, struct mr_arena *arena, struct mr_str *values,
                           struct mr_error *error)
{
    const char *data[CHUNK];
    size_t sizes[CHUNK];
    rocksdb_pinnableslice_t *slices[CHUNK];
    char *messages[CHUNK];
    mr_rocks_count_nothing();
    for (size_t at = 0; at < count; at += CHUNK) {
        const rocksdb_readoptions_t *how = reading_of(checkpoint, family);
        size_t n = count - at < CHUNK ? count - at : CHUNK;
        bool sorted = true;
        for (size_t i = 0; i < n; i++) {
            data[i] = keys[at + i].data;
            sizes[i] = keys[at + i].size;
            slices[i] = NULL;
            messages[i] = NULL;
            sorted = sorted && (i == 0 || mr_str_compare(keys[at + i - 1], keys[at + i]) <= 0);
        }
        rocksdb_batched_multi_get_cf(checkpoint->db, how, checkpoint->families[family], n, data, sizes,
                                     slices, messages, sorted);
        MR_TRY(collect(checkpoint, family, slices, messages, n, arena, values + at, error));
    }
    return MR_OK;
}

struct mr_state_cursor {
    struct mr_checkpoint *checkpoint;
    enum mr_family family;
    rocksdb_readoptions_t *reading;
    rocksdb_iterator_t *iterator;
    bool started;
    int status; /* a value that is not ours */
    struct mr_error error;
    size_t end_size;
    char end[]; /* must live as long as the iterator */
};

int mr_state_cursor_open(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                         struct mr_str end, struct mr_state_cursor **out, struct mr_error *error)
{
    struct mr_state_cursor *cursor = mr_allocate_zeroed(sizeof *cursor + end.size);
    *out = cursor;
    if (!cursor)
        return mr_error_memory(error, sizeof *cursor + end.size);
    cursor->checkpoint = checkpoint;
    cursor->family = family;
    cursor->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(cursor->reading, 1);
    if (end.size > 0) {
        cursor->end_size = end.size;
        memcpy(cursor->end, end.data, end.size);
        rocksdb_readoptions_set_iterate_upper_bound(cursor->reading, cursor->end, end.size);
    }
    cursor->iterator =
        rocksdb_create_iterator_cf(checkpoint->db, cursor->reading, checkpoint->families[family]);
    rocksdb_iter_seek(cursor->iterator, begin.data ? begin.data : "", begin.size);
    return MR_OK;
}

bool mr_state_cursor_next(struct mr_state_cursor *cursor, struct mr_str *key, struct mr_str *value)
{
    if (cursor->started && cursor->status >= 0 && rocksdb_iter_valid(cursor->iterator))
        rocksdb_iter_next(cursor->iterator);
    cursor->started = true;
    if (cursor->status < 0 || !rocksdb_iter_valid(cursor->iterator))
        return false;
    key->data = rocksdb_iter_key(cursor->iterator, &key->size);
    value->data = rocksdb_iter_value(cursor->iterator, &value->size);
    cursor->status =
        mr_rocks_unwrap(cursor->checkpoint, mr_rocks_kind_of(cursor->family), value, &cursor->error);
    return cursor->status >= 0;
}

void mr_state_cursor_seek(struct mr_state_cursor *cursor, struct mr_str key)
{
    rocksdb_iter_seek(cursor->iterator, key.data, key.size);
    cursor->started = false;
}

int mr_state_cursor_close(struct mr_state_cursor *cursor, struct mr_error *error)
{
    if (!cursor)
        return MR_OK;
    char *message = NULL;
    rocksdb_iter_get_error(cursor->iterator, &message);
    rocksdb_iter_destroy(cursor->iterator);
    rocksdb_readoptions_destroy(cursor->reading);
    int status = cursor->status;
    if (status < 0)
        *error = cursor->error;
    if (message && status >= 0)
        status = read_error(cursor->checkpoint, message, error);
    else if (message)
        rocksdb_free(message);
    mr_free(cursor);
    return status;
}

int mr_checkpoint_scan(struct mr_checkpoint *checkpoint, enum mr_family family, struct mr_str begin,
                       struct mr_str end,
                       int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                       void *ctx, struct mr_error *error)
{
    struct mr_state_cursor *cursor;
    MR_TRY(mr_state_cursor_open(checkpoint, family, begin, end, &cursor, error));
    int result = MR_OK;
    struct mr_str key, value;
    while (result == MR_OK && mr_state_cursor_next(cursor, &key, &value))
        result = each(ctx, key, value, error);
    struct mr_error ignored;
    int status = mr_state_cursor_close(cursor, result < 0 ? &ignored : error);
    return result != MR_OK ? result : status;
}

int mr_rocks_scan_meta(struct mr_checkpoint *checkpoint, const char *prefix,
                       int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                       void *ctx, struct mr_error *error)
{
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(checkpoint->db, checkpoint->reading, checkpoint->families[MR_FAMILY_META]);
    size_t size = strlen(prefix);
    int status = MR_OK;
    for (rocksdb_iter_seek(iterator, prefix, size); status == MR_OK && rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        struct mr_str key, value;
        key.data = rocksdb_iter_key(iterator, &key.size);
        value.data = rocksdb_iter_value(iterator, &value.size);
        if (!mr_str_starts_with(key, (struct mr_str){prefix, size}))
            break;
        key.data += size;
        key.size -= size;
        status = each(ctx, key, value, error);
    }
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    rocksdb_iter_destroy(iterator);
    if (message && status >= 0)
        return mr_rocks_error(error, message, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "Cannot read the checkpoint %s", checkpoint->path);
    rocksdb_free(message);
    return status;
}
