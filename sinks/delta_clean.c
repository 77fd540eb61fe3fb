/* sinks/delta_clean.c: removes files that no commit will ever name (invariant 4).
 *
 * A file's name carries query, sink, micro-batch and attempt. Its decision is dead when the register is at or
 * past the micro-batch and neither the table's files nor its tombstones name it: every decision up to the
 * register has been published before the register was read, so the log read afterwards knows all their files.
 */
#include "sinks/data_file.h"
#include "sinks/delta.h"

#define ABANDONED_US (INT64_C(3600) * 1000000)

struct sweep {
    struct mr_delta_sink *s;
    struct mr_arena arena;
    const char **candidates;
    size_t count, capacity;
    int64_t published;
    const char **directories; /* still to be listed */
    size_t directory_count, directory_capacity;
    bool failed;
};

static bool push(struct sweep *sweep, const char ***items, size_t *count, size_t *capacity, const char *path)
{
    if (*count == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 64;
        const char **more = MR_ARENA_ARRAY(&sweep->arena, const char *, wanted);
        sweep->failed = sweep->failed || !more;
        if (!more)
            return false;
        if (*count > 0)
            memcpy(more, *items, *count * sizeof(*more));
        *items = more;
        *capacity = wanted;
    }
    char *copy = mr_arena_copy_text(&sweep->arena, path, strlen(path));
    sweep->failed = sweep->failed || !copy;
    if (copy)
        (*items)[(*count)++] = copy;
    return copy != NULL;
}

static int visit(void *ctx, const struct mr_storage_entry *entry)
{
    struct sweep *sweep = ctx;
    const char *name = mr_path_name(entry->path);
    int64_t batch = 0;
    if (entry->is_directory) {
        bool hidden = (name[0] == '_' || name[0] == '.') && !strchr(name, '=');
        return hidden || push(sweep, &sweep->directories, &sweep->directory_count, &sweep->directory_capacity,
                              entry->path)
                   ? 0
                   : 1;
    }
    if (!mr_data_file_parse(sweep->s->sink, name, MR_DELTA_FILE_SUFFIX, &batch))
        return 0;
#ifndef MR_PLANT_CLEAN_AHEAD
    if (batch > sweep->published)
        return 0;
#endif
    return push(sweep, &sweep->candidates, &sweep->count, &sweep->capacity, entry->path) ? 0 : 1;
}

/* What a killed process left of a log checkpoint or entry it was writing; an hour is longer than any takes.
 */
static int visit_log(void *ctx, const struct mr_storage_entry *entry)
{
    struct sweep *sweep = ctx;
    size_t size = strlen(entry->path);
    bool temporary = !entry->is_directory && size > 4 && strcmp(entry->path + size - 4, ".tmp") == 0;
    if (!temporary || mr_env()->now_us() - entry->modified_us < ABANDONED_US)
        return 0;
    return push(sweep, &sweep->candidates, &sweep->count, &sweep->capacity, entry->path) ? 0 : 1;
}

static int clean_log(struct mr_delta_sink *s, struct mr_error *error)
{
    struct sweep sweep = {.s = s};
    struct mr_storage *storage = &s->table.storage;
    mr_arena_init(&sweep.arena);
    int status = storage->type->list(storage, MR_DELTA_LOG, NULL, visit_log, &sweep, error);
    for (size_t i = 0; status == MR_OK && i < sweep.count; i++)
        status = storage->type->remove(storage, sweep.candidates[i], error);
    mr_arena_release(&sweep.arena);
    if (status == MR_OK)
        status =
            storage->type->remove_abandoned(storage, MR_DELTA_LOG, mr_env()->now_us() - ABANDONED_US, error);
    return status;
}

static int find_candidates(struct sweep *sweep, struct mr_error *error)
{
    struct mr_storage *storage = &sweep->s->table.storage;
    if (!push(sweep, &sweep->directories, &sweep->directory_count, &sweep->directory_capacity, ""))
        return mr_error_memory(error, 0);
    while (sweep->directory_count > 0) {
        const char *directory = sweep->directories[--sweep->directory_count];
        MR_TRY(storage->type->list(storage, directory, NULL, visit, sweep, error));
        if (sweep->failed)
            return mr_error_memory(error, 0);
    }
    return MR_OK;
}

/* Removes the candidates that the log does not name. */
static int remove_orphans(struct sweep *sweep, struct mr_error *error)
{
    struct mr_delta_table table;
    struct mr_text path;
    int64_t removed = 0;
    mr_text_init(&path);
    MR_TRY(mr_delta_open(&table, mr_delta_path(&sweep->s->table),
                         MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_TOMBSTONES, error));
    int status = mr_delta_load(&table, -1, error);
    for (size_t i = 0; status == MR_OK && i < sweep->count; i++) {
        mr_text_clear(&path);
        mr_delta_path_encode(&path, mr_str_of(sweep->candidates[i]));
        struct mr_delta_file file = {.path = mr_text_str(&path)};
        if (path.failed || mr_delta_set_get(&table.snapshot.files, &file) ||
            mr_delta_set_get(&table.snapshot.tombstones, &file))
            continue;
        status = table.storage.type->remove(&table.storage, sweep->candidates[i], error);
        removed++;
    }
    if (removed > 0)
        mr_log(MR_LOG_INFO, "delta.cleaned", "%s: removed %lld files of batches that were never decided",
               mr_delta_path(&table), (long long)removed);
    mr_text_release(&path);
    mr_delta_close(&table);
    return status == MR_END ? MR_OK : status;
}

int mr_delta_sink_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error)
{
    struct sweep sweep = {.s = sink->ctx, .published = published->batch};
    if (!published->present || published->batch < 0)
        return MR_OK;
    mr_arena_init(&sweep.arena);
    int status = find_candidates(&sweep, error);
    if (status == MR_OK && sweep.count > 0)
        status = remove_orphans(&sweep, error);
    mr_arena_release(&sweep.arena);
    return status == MR_OK ? clean_log(sink->ctx, error) : status;
}
