/* sources/file_seen.c: the files that were taken, in memory and in the checkpoint.
 *
 * Value of an entry: version (1), flags (1: DONE, 0: read up to `resume` only), then varints: batch number,
 * modification time (zigzag), size, time taken (zigzag), resume. */
#include "base/varint.h"
#include "sources/file_watch.h"

#define ENTRY_VERSION 1
#define ENTRY_DONE 1

/* ---- hashes ---- */

static struct file_seen hash_of(const char *path)
{
    size_t size = strlen(path);
    struct file_seen key = {mr_hash_seeded(path, size, 1), mr_hash_seeded(path, size, 2), 0};
    if (key.low == 0 && key.high == 0)
        key.low = 1; /* zero means free */
    return key;
}

static struct file_seen *find(const struct file_source *s, struct file_seen key)
{
    size_t slot = key.low & (s->seen_capacity - 1);
    while ((s->seen[slot].low || s->seen[slot].high) &&
           (s->seen[slot].low != key.low || s->seen[slot].high != key.high))
        slot = (slot + 1) & (s->seen_capacity - 1);
    return &s->seen[slot];
}

bool mr_file_seen_path(const struct file_source *s, const char *path)
{
    if (s->seen_count == 0)
        return false;
    struct file_seen *found = find(s, hash_of(path));
    return found->low || found->high;
}

bool mr_file_seen_has(const struct file_source *s, const char *path, int64_t modified_us)
{
    if (s->seen_count == 0)
        return false;
    struct file_seen *found = find(s, hash_of(path));
    return (found->low || found->high) && (!s->options.allow_overwrites || found->modified_us == modified_us);
}

static int grow(struct file_source *s, struct mr_error *error)
{
    size_t capacity = s->seen_capacity ? s->seen_capacity * 2 : 1024, had = s->seen_capacity;
    struct file_seen *old = s->seen, *fresh = mr_allocate_zeroed(sizeof *fresh * capacity);
    if (!fresh)
        return mr_error_memory(error, sizeof *fresh * capacity);
    s->seen = fresh;
    s->seen_capacity = capacity;
    for (size_t i = 0; i < had; i++)
        if (old[i].low || old[i].high)
            *find(s, old[i]) = old[i];
    mr_free(old);
    return MR_OK;
}

int mr_file_seen_add(struct file_source *s, const char *path, int64_t modified_us, struct mr_error *error)
{
    if ((s->seen_count + 1) * 4 > s->seen_capacity * 3)
        MR_TRY(grow(s, error));
    struct file_seen key = hash_of(path), *slot = find(s, key);
    s->seen_count += !slot->low && !slot->high;
    *slot = (struct file_seen){key.low, key.high, modified_us};
    return MR_OK;
}

void mr_file_seen_forget(struct file_source *s)
{
    mr_free(s->seen);
    s->seen = NULL;
    s->seen_count = s->seen_capacity = 0;
}

/* ---- entries ---- */

static void key_of(const struct file_source *s, const char *path, struct mr_text *key)
{
    char head[3] = {(char)(s->source->index >> 8), (char)s->source->index, 'f'};
    mr_text_append(key, head, sizeof head);
    mr_text_append_str(key, path);
}

void mr_file_seen_put(struct file_source *s, struct mr_decision *decision, const struct file_plan *plan,
                      size_t index, int64_t now_us)
{
    const struct file_item *item = &plan->files.items[index];
    bool cut = plan->cut_file == (int64_t)index;
    struct mr_text key, value;
    mr_text_init(&key);
    mr_text_init(&value);
    key_of(s, item->path, &key);
    mr_text_append_char(&value, ENTRY_VERSION);
    mr_text_append_char(&value, cut ? 0 : ENTRY_DONE);
    mr_varint_append(&value, (uint64_t)plan->number);
    mr_varint_append(&value, mr_zigzag(item->modified_us));
    mr_varint_append(&value, (uint64_t)item->size_bytes);
    mr_varint_append(&value, mr_zigzag(now_us));
    mr_varint_append(&value, (uint64_t)(cut ? plan->cut_byte : 0));
    mr_decision_put(decision, MR_FAMILY_SOURCES, mr_text_str(&key), mr_text_str(&value));
    mr_text_release(&key);
    mr_text_release(&value);
}

static int load_one(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct file_source *s = ctx;
    const char *at = value.data + 2, *end = value.data + value.size;
    uint64_t number, modified, size, taken, resume;
    char path[4096];
    bool good = value.size > 2 && value.data[0] == ENTRY_VERSION && key.size - 3 < sizeof path &&
                mr_varint_get(&at, end, &number) && mr_varint_get(&at, end, &modified) &&
                mr_varint_get(&at, end, &size) && mr_varint_get(&at, end, &taken) &&
                mr_varint_get(&at, end, &resume);
    if (!good)
        return mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                            "The checkpoint's record of the file %.*s is damaged, or of a newer version.",
                            (int)key.size - 3, key.data + 3);
    memcpy(path, key.data + 3, key.size - 3);
    path[key.size - 3] = '\0';
    MR_TRY(mr_file_seen_add(s, path, mr_unzigzag(modified), error));
    if (!(value.data[1] & ENTRY_DONE)) {
        struct mr_file_info info = {.size_bytes = (int64_t)size, .modified_us = mr_unzigzag(modified)};
        MR_TRY(mr_file_pending_push(s, path, &info, (int64_t)resume, true, error));
    } else if (s->options.clean != FILE_CLEAN_OFF) {
        MR_TRY(mr_file_used_add(s, path, (int64_t)number, mr_unzigzag(taken), error));
    }
    return MR_OK;
}

/* ---- includeExistingFiles false: is all that was there at the first start recorded? value: version, done,
 * since when ---- */

static int load_marking(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct file_source *s = ctx;
    (void)key;
    (void)error;
    if (value.size == 10 && value.data[0] == ENTRY_VERSION) {
        s->marking = value.data[1] == 0;
        memcpy(&s->marking_us, value.data + 2, 8);
    }
    return MR_OK;
}

void mr_file_marking_put(struct file_source *s, struct mr_decision *decision, bool done)
{
    char key[3] = {(char)(s->source->index >> 8), (char)s->source->index, 'm'};
    char value[10] = {ENTRY_VERSION, done};
    memcpy(value + 2, &s->marking_us, 8);
    mr_decision_put(decision, MR_FAMILY_SOURCES, (struct mr_str){key, 3}, (struct mr_str){value, 10});
}

int mr_file_seen_load(struct file_source *s, int64_t decided, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = s->source->checkpoint;
    char files[3] = {(char)(s->source->index >> 8), (char)s->source->index, 'f'};
    char after_files[3] = {files[0], files[1], 'g'};
    char marking[3] = {files[0], files[1], 'm'}, after_marking[3] = {files[0], files[1], 'n'};
    s->marking = decided < 0 && !s->options.include_existing;
    s->marking_us = INT64_MAX;
    if (!checkpoint)
        return MR_OK;
    MR_TRY(mr_checkpoint_scan(checkpoint, MR_FAMILY_SOURCES, (struct mr_str){files, 3},
                              (struct mr_str){after_files, 3}, load_one, s, error));
    return mr_checkpoint_scan(checkpoint, MR_FAMILY_SOURCES, (struct mr_str){marking, 3},
                              (struct mr_str){after_marking, 3}, load_marking, s, error);
}
