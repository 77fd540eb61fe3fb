/* checkpoints/checkpoint.c: opening, identity, the last decision; the writes everything goes through. */
#include "checkpoints/checkpoint.h"

#include <errno.h>
#include <stdio.h>

#include "checkpoints/replay.h"
#include "checkpoints/rocks.h"

/* RocksDB tells the cause in words only. */
static const char *remedy_of(const char *message, const char *condition)
{
    static const int causes[] = {ENOSPC, EDQUOT, EROFS, EACCES, EMFILE, ENFILE};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (strstr(message, strerror(causes[i])))
            return mr_error_remedy(causes[i]);
    if (strncmp(condition, "CANNOT_LOAD_STATE_STORE", 23) == 0)
        return ". Put a copy back that goes with the target, or start anew with a full refresh.";
    return "";
}

int mr_rocks_error(struct mr_error *error, char *message, const char *condition, const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    int code = strncmp(message, "Corruption", 10) == 0 ? MR_E_CORRUPT : MR_E_IO;
    mr_error_set(error, code, condition, "%s: %s%s", what, message, remedy_of(message, condition));
    if (strstr(message, "No space left") || strstr(message, "Too many open files"))
        error->flags |= MR_RETRIABLE;
    rocksdb_free(message);
    return code;
}

int mr_rocks_unwrap(const struct mr_checkpoint *checkpoint, enum mr_rocks_kind kind, struct mr_str *value,
                    struct mr_error *error)
{
    if (value->size < MR_ROCKS_HEADER || value->data[0] != (char)kind || value->data[1] == 0)
        return mr_error_set(
            error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
            "A value in the checkpoint %s is not of the form it should have ('%c'): it is damaged.",
            checkpoint->path, kind);
    if ((uint8_t)value->data[1] > MR_ROCKS_VERSION)
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION",
            "The checkpoint %s holds values of form '%c' in version %d; this Millrace knows %d and "
            "before. Use the newer one.",
            checkpoint->path, kind, (uint8_t)value->data[1], MR_ROCKS_VERSION);
    value->data += MR_ROCKS_HEADER;
    value->size -= MR_ROCKS_HEADER;
    return MR_OK;
}

int mr_rocks_get(struct mr_checkpoint *checkpoint, const char *key, enum mr_rocks_kind kind,
                 struct mr_arena *arena, struct mr_str *value, struct mr_error *error)
{
    *value = (struct mr_str){0};
    char *message = NULL;
    size_t size;
    char *bytes = rocksdb_get_cf(checkpoint->db, checkpoint->reading, checkpoint->families[MR_FAMILY_META],
                                 key, strlen(key), &size, &message);
    if (message)
        return mr_rocks_error(error, message, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "Cannot read '%s' from the checkpoint %s", key, checkpoint->path);
    if (!bytes)
        return MR_OK;
    char *copy = mr_arena_copy_text(arena, bytes, size);
    rocksdb_free(bytes);
    if (!copy)
        return mr_error_memory(error, size);
    *value = (struct mr_str){copy, size};
    return mr_rocks_unwrap(checkpoint, kind, value, error);
}

int mr_rocks_writable(const struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    if (checkpoint->read_only)
        return mr_error_set(error, MR_E_USAGE, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                            "The checkpoint %s was opened for reading only.", checkpoint->path);
    if (!checkpoint->failed)
        return MR_OK;
    mr_error_set(error, MR_E_IO, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                 "A write to the checkpoint %s has failed before, so that memory and disk may differ: it "
                 "takes no more "
                 "writes until it is opened again.",
                 checkpoint->path);
    error->flags |= MR_FATAL;
    return error->code;
}

int mr_rocks_write(struct mr_checkpoint *checkpoint, rocksdb_writebatch_t *batch, bool sync,
                   struct mr_error *error)
{
    MR_TRY(mr_rocks_writable(checkpoint, error));
    char *message = NULL;
    mr_rocks_count_nothing();
    rocksdb_write(checkpoint->db, sync ? checkpoint->synced : checkpoint->lazy, batch, &message);
    if (!message)
        return MR_OK;
    checkpoint->failed = true; /* it may have landed: only a new start can tell (invariant 9) */
    mr_rocks_error(error, message, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                   "Cannot write to the checkpoint %s", checkpoint->path);
    error->flags = (error->flags & ~(uint32_t)MR_RETRIABLE) | MR_FATAL | MR_AMBIGUOUS;
    return error->code;
}

static void format_query_id(struct mr_query_id *id)
{
    const uint8_t *b = id->bytes;
    snprintf(id->text, sizeof id->text,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void mr_rocks_put_query_id(struct mr_checkpoint *checkpoint, rocksdb_writebatch_t *batch)
{
    char value[MR_ROCKS_HEADER + 16] = {MR_ROCKS_QUERY, MR_ROCKS_VERSION};
    mr_put_u64(value + MR_ROCKS_HEADER, mr_env()->random());
    mr_put_u64(value + MR_ROCKS_HEADER + 8, mr_env()->random());
    value[MR_ROCKS_HEADER + 6] =
        (char)((value[MR_ROCKS_HEADER + 6] & 0x0f) | 0x40); /* a random UUID: version 4 */
    value[MR_ROCKS_HEADER + 8] = (char)((value[MR_ROCKS_HEADER + 8] & 0x3f) | 0x80);
    rocksdb_writebatch_put_cf(batch, checkpoint->families[MR_FAMILY_META], MR_ROCKS_KEY_QUERY,
                              strlen(MR_ROCKS_KEY_QUERY), value, sizeof value);
    memcpy(checkpoint->query_id.bytes, value + MR_ROCKS_HEADER, 16);
}

/* Drawn once, durable before anybody outside hears of it. */
static int draw_query_id(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    mr_rocks_put_query_id(checkpoint, batch);
    int status = mr_rocks_write(checkpoint, batch, true, error);
    rocksdb_writebatch_destroy(batch);
    return status;
}

static int load_identity(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_str value;
    struct mr_decided last;
    int status = MR_OK;
    MR_ERR(mr_checkpoint_last(checkpoint, &arena, &last, error));
    checkpoint->last_batch = last.batch;
    MR_ERR(mr_rocks_get(checkpoint, MR_ROCKS_KEY_QUERY, MR_ROCKS_QUERY, &arena, &value, error));
    if (value.data && value.size == 16)
        memcpy(checkpoint->query_id.bytes, value.data, 16);
    else if (value.data || last.batch >= 0 || checkpoint->read_only)
        MR_ERR(mr_error_set(error, MR_E_CORRUPT, "STREAMING_CHECKPOINT_MISSING_METADATA_FILE",
                            "The checkpoint %s has lost the id of its query: it is damaged.",
                            checkpoint->path));
    else
        MR_ERR(draw_query_id(checkpoint, error));
    format_query_id(&checkpoint->query_id);
err:
    mr_arena_release(&arena);
    return status;
}

int mr_rocks_load(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    MR_TRY(load_identity(checkpoint, error));
    MR_TRY(mr_known_sinks_load(checkpoint, error));
    return mr_expired_load(checkpoint, error);
}

static char *copy_text(const char *prefix, const char *suffix)
{
    size_t a = strlen(prefix), b = strlen(suffix);
    char *copy = mr_allocate(a + b + 1);
    if (copy) {
        memcpy(copy, prefix, a);
        memcpy(copy + a, suffix, b + 1);
    }
    return copy;
}

static int open_steps(struct mr_checkpoint *checkpoint, const struct mr_checkpoint_options *options,
                      struct mr_error *error)
{
    MR_TRY(mr_rocks_lock(checkpoint, options, error));
    mr_killpoint("open.locked");
    if (!options->read_only && mr_replay_is_unfinished(checkpoint->path))
        return mr_error_set(error, MR_E_CONFLICT, "CHECKPOINT_REPLAY_UNFINISHED",
                            "A replay into the checkpoint %s was begun and not finished, so that the table "
                            "may be ahead of it. Repeat the `millrace replay`.",
                            checkpoint->path);
    if (!options->read_only) {
        MR_TRY(mr_rocks_refresh(checkpoint, options->refresh, error));
        /* RocksDB does not fsync its parent. Making the directory does; a crash may have come between the
         * two. */
        bool made = !mr_file_exists(checkpoint->database);
        MR_TRY(mr_directory_create(checkpoint->database, error));
        if (!made)
            MR_TRY(mr_directory_fsync(checkpoint->path, error));
    }
    MR_TRY(mr_rocks_open(checkpoint, options, error));
    mr_killpoint("open.recovered");
    MR_TRY(mr_rocks_load(checkpoint, error));
    return mr_rocks_refresh_check(checkpoint, error);
}

int mr_checkpoint_open(struct mr_checkpoint **out, const struct mr_checkpoint_options *options,
                       struct mr_error *error)
{
    *out = NULL;
    struct mr_checkpoint *checkpoint = mr_allocate_zeroed(sizeof *checkpoint);
    if (!checkpoint)
        return mr_error_memory(error, sizeof *checkpoint);
    checkpoint->lock_file = -1;
    checkpoint->last_batch = checkpoint->last_retained = -1;
    checkpoint->read_only = options->read_only;
    checkpoint->retain_every = options->retain_every;
    checkpoint->retain_count = options->retain_count > 0 ? options->retain_count : 2;
    checkpoint->attempt = mr_env()->random();
    checkpoint->path = copy_text(options->path, "");
    char inner[64] = "/rocksdb";
    if (options->retained > 0)
        snprintf(inner, sizeof inner, "/retained/%lld", (long long)options->retained);
    checkpoint->database = copy_text(options->path, inner);
    int status = MR_OK;
    if (!checkpoint->path || !checkpoint->database)
        MR_ERR(mr_error_memory(error, strlen(options->path)));
    if (options->retained > 0 && (!options->read_only || !mr_file_exists(checkpoint->database)))
        MR_ERR(mr_error_set(
            error, MR_E_USAGE, "STDS_COMMITTED_BATCH_UNAVAILABLE",
            "The checkpoint %s has not retained batch %lld. `millrace checkpoint show` lists those "
            "it has; millrace.checkpoint.retainEvery keeps them.",
            options->path, (long long)options->retained));
    MR_ERR(open_steps(checkpoint, options, error));
    *out = checkpoint;
err:
    if (status < 0)
        mr_checkpoint_close(checkpoint);
    return status;
}

void mr_checkpoint_close(struct mr_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    mr_rocks_close(checkpoint);
    if (checkpoint->lock_file >= 0)
        mr_env()->close(checkpoint->lock_file);
    mr_known_sinks_release(checkpoint);
    mr_free(checkpoint->path);
    mr_free(checkpoint->database);
    mr_free(checkpoint);
}

const struct mr_query_id *mr_checkpoint_query_id(const struct mr_checkpoint *checkpoint)
{
    return &checkpoint->query_id;
}

uint64_t mr_checkpoint_attempt(const struct mr_checkpoint *checkpoint)
{
    return checkpoint->attempt;
}

const char *mr_checkpoint_path(const struct mr_checkpoint *checkpoint)
{
    return checkpoint->path;
}

bool mr_checkpoint_is_new(const struct mr_checkpoint *checkpoint)
{
    return checkpoint->last_batch < 0;
}

bool mr_checkpoint_refreshing(const struct mr_checkpoint *checkpoint)
{
    return checkpoint->refreshing;
}

int mr_checkpoint_last(struct mr_checkpoint *checkpoint, struct mr_arena *arena, struct mr_decided *out,
                       struct mr_error *error)
{
    *out = (struct mr_decided){.batch = -1};
    struct mr_str value;
    MR_TRY(mr_rocks_get(checkpoint, MR_ROCKS_KEY_LAST, MR_ROCKS_LAST, arena, &value, error));
    if (!value.data)
        return MR_OK;
    if (value.size < 16)
        return mr_error_set(error, MR_E_CORRUPT,
                            "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                            "The record of the last decision in the checkpoint %s is cut short.",
                            checkpoint->path);
    out->batch = (int64_t)mr_get_u64(value.data);
    out->decision_id = mr_get_u64(value.data + 8);
    out->record = (struct mr_str){value.data + 16, value.size - 16};
    return MR_OK;
}
