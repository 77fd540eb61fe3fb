/* delta/table.c: a table opened at a path: loading, refreshing, looking at its log. */
#include "delta/log.h"

#include <stdio.h>

/* A log entry may be cleaned up only after days; a writer that slept longer must not take "no next version"
 * for "I am at the end". */
#define RELIST_US (INT64_C(600) * 1000000)

int mr_delta_open(struct mr_delta_table *table, const char *path, uint32_t keep, struct mr_error *error)
{
    memset(table, 0, sizeof(*table));
    MR_TRY(mr_storage_open(&table->storage, path, error));
    mr_delta_snapshot_init(&table->snapshot, keep);
    return MR_OK;
}

void mr_delta_close(struct mr_delta_table *table)
{
    if (!table->storage.type)
        return;
    mr_delta_snapshot_release(&table->snapshot);
    mr_storage_close(&table->storage);
    memset(table, 0, sizeof(*table));
}

const char *mr_delta_path(const struct mr_delta_table *table)
{
    return table->storage.root;
}

/* An empty snapshot of the same kind. */
static void forget(struct mr_delta_table *table)
{
    uint32_t keep = table->snapshot.keep;
    mr_delta_snapshot_release(&table->snapshot);
    mr_delta_snapshot_init(&table->snapshot, keep);
    table->loaded = false;
}

int mr_delta_load(struct mr_delta_table *table, int64_t version, struct mr_error *error)
{
    table->listed_us = mr_env()->monotonic_us();
    int status = mr_delta_snapshot_load(&table->storage, &table->snapshot, version, error);
    if (status < 0 || status == MR_END)
        forget(table);
    table->loaded = status >= 0; /* MR_END: known not to exist */
    return status;
}

/* After a long pause: are there versions beyond a gap behind ours? Then the log was cleaned up under us. */
static int check_gap(struct mr_delta_table *table, bool *gap, struct mr_error *error)
{
    *gap = false;
    if (mr_env()->monotonic_us() - table->listed_us < RELIST_US)
        return MR_OK;
    int any = mr_delta_any_after(table, table->snapshot.version, error);
    if (any < 0)
        return any;
    *gap = any > 0;
    table->listed_us = mr_env()->monotonic_us();
    return MR_OK;
}

int mr_delta_refresh(struct mr_delta_table *table, struct mr_error *error)
{
    if (!table->loaded || table->snapshot.version < 0)
        return mr_delta_load(table, -1, error);
    struct mr_text text;
    char name[64];
    int status = MR_OK;
    mr_text_init(&text);
    while (status == MR_OK) {
        mr_text_clear(&text);
        mr_delta_commit_name(table->snapshot.version + 1, name);
        status = table->storage.type->get(&table->storage, name, &text, error);
        if (status == MR_OK)
            status = mr_delta_replay_text(&table->snapshot, name, mr_text_str(&text), error);
    }
    mr_text_release(&text);
    bool gap = false;
    if (status == MR_END)
        status = check_gap(table, &gap, error);
    if (status < 0)
        forget(table);
    return gap ? mr_delta_load(table, -1, error) : status;
}

int mr_delta_read_commit(struct mr_delta_table *table, int64_t version, struct mr_text *out,
                         struct mr_error *error)
{
    char name[64];
    mr_delta_commit_name(version, name);
    return table->storage.type->get(&table->storage, name, out, error);
}

int mr_delta_has_commit(struct mr_delta_table *table, int64_t version, struct mr_error *error)
{
    char name[64];
    struct mr_storage_entry entry;
    mr_delta_commit_name(version, name);
    int status = table->storage.type->stat(&table->storage, name, &entry, error);
    return status < 0 ? status : status == MR_OK;
}

int mr_delta_commit_range(struct mr_delta_table *table, int64_t *first, int64_t *last, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_delta_listing listing;
    mr_arena_init(&arena);
    int status = mr_delta_list(&table->storage, 0, &arena, &listing, error);
    bool any = status == MR_OK && listing.commit_count > 0;
    *first = any ? listing.commits[0] : -1;
    *last = any ? listing.commits[listing.commit_count - 1] : -1;
    for (size_t i = 0; status == MR_OK && i < listing.checkpoint_count; i++)
        if (listing.checkpoints[i].version > *last)
            *last = listing.checkpoints[i].version;
    mr_arena_release(&arena);
    return status;
}

int mr_delta_any_after(struct mr_delta_table *table, int64_t version, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_delta_listing listing;
    mr_arena_init(&arena);
    int status = mr_delta_list(&table->storage, version + 1, &arena, &listing, error);
    if (status == MR_OK)
        status = listing.commit_count > 0 || listing.checkpoint_count > 0;
    mr_arena_release(&arena);
    return status;
}

int mr_delta_version_at(struct mr_delta_table *table, int64_t time_us, int64_t *version,
                        struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_delta_listing listing;
    *version = -1;
    mr_arena_init(&arena);
    int status = mr_delta_list(&table->storage, 0, &arena, &listing, error);
    int64_t latest_us = INT64_MIN; /* times of files may go backwards; versions do not */
    for (size_t i = 0; status == MR_OK && i < listing.commit_count; i++) {
        if (listing.commit_times_us[i] > latest_us)
            latest_us = listing.commit_times_us[i];
        if (latest_us <= time_us)
            *version = listing.commits[i];
    }
    mr_arena_release(&arena);
    return status == MR_OK && *version < 0 ? (int)MR_END : status;
}

int mr_delta_sync_commit(struct mr_delta_table *table, int64_t version, struct mr_error *error)
{
    char name[64];
    if (mr_delta_durable(table->storage.root, version))
        return MR_OK;
    mr_delta_commit_name(version, name);
    MR_TRY(table->storage.type->sync(&table->storage, name, error));
    MR_TRY(table->storage.type->sync_directory(&table->storage, MR_DELTA_LOG, error));
    mr_delta_durable_add(table->storage.root, version);
    return MR_OK;
}
