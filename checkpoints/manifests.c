/* checkpoints/manifests.c: what is decided and not known to be published, and the registers that are
 * expected. */
#include "checkpoints/checkpoint.h"
#include "checkpoints/rocks.h"

void mr_register_encode(char out[16], const struct mr_register *value)
{
    mr_put_u64(out, (uint64_t)value->batch);
    mr_put_u64(out + 8, value->decision_id);
}

static struct mr_register decode(const char from[16])
{
    return (struct mr_register){true, (int64_t)mr_get_u64(from), mr_get_u64(from + 8)};
}

void mr_manifest_key(struct mr_text *out, const char *prefix, struct mr_str sink, int64_t batch)
{
    char number[9] = {0};
    mr_put_u64(number + 1, (uint64_t)batch);
    mr_text_append_str(out, prefix);
    mr_text_append(out, sink.data, sink.size);
    mr_text_append(out, number, sizeof number);
}

/* ---- registers, in memory ---- */

static struct mr_known_sink *find(const struct mr_checkpoint *checkpoint, struct mr_str sink)
{
    for (struct mr_known_sink *s = checkpoint->sinks; s; s = s->next) {
        if (mr_str_equal((struct mr_str){s->name, s->name_size}, sink))
            return s;
    }
    return NULL;
}

void mr_checkpoint_register(const struct mr_checkpoint *checkpoint, struct mr_str sink,
                            struct mr_register *out)
{
    const struct mr_known_sink *known = find(checkpoint, sink);
    *out = known ? known->expected : (struct mr_register){.batch = -1};
}

int mr_known_sink_set(struct mr_checkpoint *checkpoint, struct mr_str sink,
                      const struct mr_register *expected, struct mr_error *error)
{
    struct mr_known_sink *known = find(checkpoint, sink);
    if (!known) {
        known = mr_allocate(sizeof *known + sink.size);
        if (!known)
            return mr_error_memory(error, sizeof *known + sink.size);
        known->next = checkpoint->sinks;
        known->name_size = sink.size;
        memcpy(known->name, sink.data, sink.size);
        checkpoint->sinks = known;
    }
    known->expected = *expected;
    return MR_OK;
}

static int cut_short(const struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                        "An entry of a sink in the checkpoint %s is cut short: it is damaged.",
                        checkpoint->path);
}

static int load_register(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = ctx;
    MR_TRY(mr_rocks_unwrap(checkpoint, MR_ROCKS_REGISTER, &value, error));
    if (value.size != 16)
        return cut_short(checkpoint, error);
    struct mr_register expected = decode(value.data);
    return mr_known_sink_set(checkpoint, key, &expected, error);
}

void mr_known_sinks_release(struct mr_checkpoint *checkpoint)
{
    while (checkpoint->sinks) {
        struct mr_known_sink *next = checkpoint->sinks->next;
        mr_free(checkpoint->sinks);
        checkpoint->sinks = next;
    }
}

int mr_known_sinks_load(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    return mr_rocks_scan_meta(checkpoint, MR_ROCKS_KEY_REGISTER, load_register, checkpoint, error);
}

/* ---- manifests ---- */

struct pending_list {
    struct mr_checkpoint *checkpoint;
    struct mr_arena *arena;
    struct mr_pending *items;
    size_t count, capacity;
};

static int load_pending(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct pending_list *list = ctx;
    MR_TRY(mr_rocks_unwrap(list->checkpoint, MR_ROCKS_PENDING, &value, error));
    if (value.size < 24 || key.size < 9)
        return cut_short(list->checkpoint, error);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct mr_pending *grown = MR_ARENA_ARRAY(list->arena, struct mr_pending, capacity);
        if (!grown)
            return mr_error_memory(error, capacity * sizeof *grown);
        if (list->count > 0)
            memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    char *sink = mr_arena_copy_text(list->arena, key.data, key.size - 9);
    char *manifest = mr_arena_copy_text(list->arena, value.data + 24, value.size - 24);
    if (!sink || !manifest)
        return mr_error_memory(error, value.size);
    list->items[list->count++] = (struct mr_pending){
        .batch = (int64_t)mr_get_u64(key.data + key.size - 8),
        .decision_id = mr_get_u64(value.data),
        .sink = {sink, key.size - 9},
        .predecessor = decode(value.data + 8),
        .manifest = {manifest, value.size - 24},
    };
    return MR_OK;
}

static int load_all(struct mr_checkpoint *checkpoint, const char *prefix, struct mr_arena *arena,
                    struct mr_pending **out, size_t *count, struct mr_error *error)
{
    struct pending_list list = {.checkpoint = checkpoint, .arena = arena};
    MR_TRY(mr_rocks_scan_meta(checkpoint, prefix, load_pending, &list, error));
    *out = list.items;
    *count = list.count;
    return MR_OK;
}

int mr_checkpoint_pending(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_pending **out,
                          size_t *count, struct mr_error *error)
{
    return load_all(checkpoint, MR_ROCKS_KEY_PENDING, arena, out, count, error);
}

int mr_checkpoint_aside(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_pending **out,
                        size_t *count, struct mr_error *error)
{
    return load_all(checkpoint, MR_ROCKS_KEY_ASIDE, arena, out, count, error);
}

int mr_checkpoint_published(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error)
{
    struct mr_text key;
    mr_text_init(&key);
    mr_manifest_key(&key, MR_ROCKS_KEY_PENDING, sink, batch);
    if (key.failed)
        return mr_error_memory(error, sink.size);
    rocksdb_writebatch_t *batch_of_writes = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_cf(batch_of_writes, checkpoint->families[MR_FAMILY_META], key.data, key.size);
    int status = mr_rocks_write(checkpoint, batch_of_writes, false, error);
    rocksdb_writebatch_destroy(batch_of_writes);
    mr_text_release(&key);
    return status;
}

/* One entry moves from pending to aside. */
static void move_aside(struct mr_checkpoint *checkpoint, rocksdb_writebatch_t *writes,
                       const struct mr_pending *item, struct mr_text *scratch)
{
    rocksdb_column_family_handle_t *meta = checkpoint->families[MR_FAMILY_META];
    mr_text_clear(scratch);
    mr_manifest_key(scratch, MR_ROCKS_KEY_PENDING, item->sink, item->batch);
    rocksdb_writebatch_delete_cf(writes, meta, scratch->data, scratch->size);
    mr_text_clear(scratch);
    mr_manifest_key(scratch, MR_ROCKS_KEY_ASIDE, item->sink, item->batch);
    char head[MR_ROCKS_HEADER + 24] = {MR_ROCKS_PENDING, MR_ROCKS_VERSION};
    mr_put_u64(head + MR_ROCKS_HEADER, item->decision_id);
    mr_register_encode(head + MR_ROCKS_HEADER + 8, &item->predecessor);
    const char *key = scratch->data, *values[] = {head, item->manifest.data};
    size_t key_size = scratch->size, sizes[] = {sizeof head, item->manifest.size};
    rocksdb_writebatch_putv_cf(writes, meta, 1, &key, &key_size, 2, values, sizes);
}

int mr_checkpoint_set_aside(struct mr_checkpoint *checkpoint, struct mr_str sink, int64_t batch,
                            struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text scratch;
    mr_arena_init(&arena);
    mr_text_init(&scratch);
    rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
    struct mr_pending *items;
    size_t count;
    const struct mr_pending *first = NULL;
    int status = MR_OK;
    MR_ERR(mr_checkpoint_pending(checkpoint, &arena, &items, &count, error));
    for (size_t i = 0; i < count; i++) {
        bool chosen = mr_str_equal(items[i].sink, sink) && items[i].batch >= batch;
        if (!chosen || (!first && items[i].batch != batch))
            continue;
        first = first ? first : &items[i];
        move_aside(checkpoint, writes, &items[i], &scratch);
    }
    if (!first)
        MR_ERR(mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "Batch %lld of the sink '%.*s' is not pending in the checkpoint %s.",
                            (long long)batch, (int)sink.size, sink.data, checkpoint->path));
    char value[MR_ROCKS_HEADER + 16] = {MR_ROCKS_REGISTER, MR_ROCKS_VERSION};
    mr_register_encode(value + MR_ROCKS_HEADER, &first->predecessor);
    mr_text_clear(&scratch);
    mr_text_append_str(&scratch, MR_ROCKS_KEY_REGISTER);
    mr_text_append(&scratch, sink.data, sink.size);
    if (scratch.failed)
        MR_ERR(mr_error_memory(error, sink.size));
    rocksdb_writebatch_put_cf(writes, checkpoint->families[MR_FAMILY_META], scratch.data, scratch.size, value,
                              sizeof value);
    mr_killpoint("set_aside.before");
    MR_ERR(mr_rocks_write(checkpoint, writes, true, error));
    MR_ERR(mr_known_sink_set(checkpoint, sink, &first->predecessor, error));
err:
    rocksdb_writebatch_destroy(writes);
    mr_text_release(&scratch);
    mr_arena_release(&arena);
    return status;
}
