/* delta/log.c: names in _delta_log.
 *
 *   00000000000000000010.json                                     commit
 *   00000000000000000010.checkpoint.parquet                       checkpoint, classic
 *   00000000000000000010.checkpoint.0000000001.0000000002.parquet checkpoint, classic, part 1 of 2
 *   00000000000000000010.checkpoint.<uuid>.json|parquet           checkpoint, V2, its sidecars in _sidecars/
 *   _last_checkpoint                                              hint
 * Everything else (checksums, compacted logs, staged commits, temporaries) is passed over. */
#include "delta/log.h"

#include <stdio.h>
#include <stdlib.h>

void mr_delta_commit_name(int64_t version, char out[64])
{
    snprintf(out, 64, MR_DELTA_LOG "/%020lld.json", (long long)version);
}

static bool digits(const char *text, size_t count, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text[i] - '0', &value))
            return false;
    }
    *out = value;
    return true;
}

static bool is_uuid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
                   (text[i] >= 'A' && text[i] <= 'F');
        if (text[i] == '\0' || (dash ? text[i] != '-' : !hex))
            return false;
    }
    return true;
}

/* rest: what follows "<version>.checkpoint." */
static bool parse_checkpoint(const char *rest, struct mr_delta_checkpoint_name *out)
{
    int64_t part = 1, parts = 1;
    out->part = out->parts = 1;
    if (strcmp(rest, "parquet") == 0)
        return true;
    size_t size = strlen(rest);
    if (size == 29 && digits(rest, 10, &part) && rest[10] == '.' && digits(rest + 11, 10, &parts) &&
        strcmp(rest + 21, ".parquet") == 0) {
        out->part = (int)part;
        out->parts = (int)parts;
        return part >= 1 && part <= parts && parts < 1000000;
    }
    out->is_v2 = size > 37 && is_uuid(rest) && rest[36] == '.';
    out->is_json = out->is_v2 && strcmp(rest + 37, "json") == 0;
    return out->is_v2 && (out->is_json || strcmp(rest + 37, "parquet") == 0);
}

/* Room for one more item of an array in the listing's arena; NULL without memory. */
static void *grow(struct mr_delta_listing *listing, void *items, size_t count, size_t *capacity,
                  size_t item_size)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity ? *capacity * 2 : 32;
    void *more = mr_arena_allocate(listing->arena, wanted * item_size);
    listing->failed = listing->failed || !more;
    if (!more)
        return NULL;
    if (count > 0)
        memcpy(more, items, count * item_size);
    *capacity = wanted;
    return more;
}

static int add_commit(struct mr_delta_listing *listing, int64_t version, int64_t modified_us)
{
    size_t capacity = listing->commit_capacity;
    int64_t *times =
        grow(listing, listing->commit_times_us, listing->commit_count, &capacity, sizeof(*times));
    capacity = listing->commit_capacity;
    int64_t *commits = grow(listing, listing->commits, listing->commit_count, &capacity, sizeof(*commits));
    if (!times || !commits)
        return 1;
    listing->commit_capacity = capacity;
    listing->commits = commits;
    listing->commit_times_us = times;
    times[listing->commit_count] = modified_us;
    commits[listing->commit_count++] = version;
    return 0;
}

static int list_entry(void *ctx, const struct mr_storage_entry *entry)
{
    struct mr_delta_listing *listing = ctx;
    const char *name = mr_path_name(entry->path);
    int64_t version = 0;
    if (entry->is_directory || strlen(name) < 25 || !digits(name, 20, &version) || name[20] != '.')
        return 0;
    if (strcmp(name + 21, "json") == 0)
        return add_commit(listing, version, entry->modified_us);
    if (strncmp(name + 21, "checkpoint.", 11) != 0)
        return 0;
    struct mr_delta_checkpoint_name checkpoint = {.version = version, .size_bytes = entry->size_bytes};
    if (!parse_checkpoint(name + 32, &checkpoint))
        return 0;
    checkpoint.path = mr_arena_copy_text(listing->arena, entry->path, strlen(entry->path));
    struct mr_delta_checkpoint_name *checkpoints =
        grow(listing, listing->checkpoints, listing->checkpoint_count, &listing->checkpoint_capacity,
             sizeof(*checkpoints));
    listing->failed = listing->failed || !checkpoint.path;
    if (listing->failed)
        return 1;
    listing->checkpoints = checkpoints;
    checkpoints[listing->checkpoint_count++] = checkpoint;
    return 0;
}

int mr_delta_list(struct mr_storage *storage, int64_t from, struct mr_arena *arena,
                  struct mr_delta_listing *out, struct mr_error *error)
{
    char after[32];
    memset(out, 0, sizeof(*out));
    out->arena = arena;
    snprintf(after, sizeof(after), "%020lld",
             (long long)from); /* without a suffix: sorts before all names of that version */
    MR_TRY(storage->type->list(storage, MR_DELTA_LOG, after, list_entry, out, error));
    return out->failed ? mr_error_memory(error, 0) : MR_OK;
}

int64_t mr_delta_hint(struct mr_storage *storage)
{
    struct mr_arena arena;
    struct mr_text text;
    struct mr_error ignored;
    struct mr_json *root = NULL;
    int64_t version = -1;
    mr_arena_init(&arena);
    mr_text_init(&text);
    int status = storage->type->get(storage, MR_DELTA_LOG "/_last_checkpoint", &text, &ignored);
    if (status == MR_OK && text.size > 0 &&
        mr_json_parse(&arena, mr_text_str(&text), &root, &ignored) == MR_OK)
        mr_json_get_i64(root, "version", &version);
    mr_text_release(&text);
    mr_arena_release(&arena);
    return version;
}

/* Counts the files of one checkpoint beginning at `first`; 0 when it is not complete. */
static size_t complete_at(const struct mr_delta_listing *listing, size_t first)
{
    const struct mr_delta_checkpoint_name *names = listing->checkpoints;
    if (names[first].is_v2 || names[first].parts == 1)
        return 1;
    size_t count = 0;
    while (first + count < listing->checkpoint_count &&
           names[first + count].version == names[first].version && !names[first + count].is_v2 &&
           names[first + count].parts == names[first].parts && names[first + count].part == (int)count + 1)
        count++;
    return (int)count == names[first].parts ? count : 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct mr_delta_checkpoint_name *left = a, *right = b;
    if (left->version != right->version)
        return left->version < right->version ? -1 : 1;
    if (left->parts != right->parts)
        return left->parts < right->parts ? -1 : 1;
    if (left->part != right->part)
        return left->part < right->part ? -1 : 1;
    return strcmp(left->path, right->path);
}

bool mr_delta_newest_checkpoint(const struct mr_delta_listing *listing, int64_t at_most, size_t *first,
                                size_t *count)
{
    bool found = false;
    if (listing->checkpoint_count > 0) /* parts of equal number side by side */
        qsort(listing->checkpoints, listing->checkpoint_count, sizeof(*listing->checkpoints), compare_names);
    for (size_t i = 0; i < listing->checkpoint_count; i++) {
        size_t files = listing->checkpoints[i].version <= at_most ? complete_at(listing, i) : 0;
        if (files > 0) {
            *first = i;
            *count = files;
            found = true;
            i += files - 1;
        }
    }
    return found;
}
