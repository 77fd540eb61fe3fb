/* checkpoints/replay.c: a retained copy becomes the checkpoint of a new query.
 *
 *   <target>/replay/rocksdb/   the copy: tables by hard links, the rest by content; a new query id,
 *                              nothing pending
 *   <target>/replay/ready      the copy is complete and durable: the table may be committed to under
 *                              its id
 *
 * Until `ready` is there the copy is nothing, and is made anew. From then on the checkpoint at <target> is
 * not opened for a query any more, because the table may have moved on without it: finish puts the copy in
 * its place, by renames that may be repeated; `ready` becomes <target>/replayed. The lock of <target> is held
 * all the time. */
#include "checkpoints/replay.h"

#include <errno.h>
#include <stdio.h>

#include "checkpoints/rocks.h"

struct mr_replay {
    struct mr_arena arena;
    struct mr_checkpoint *holder; /* of the lock; its database is not opened */
    char *target, *folder, *database, *ready;
    struct mr_query_id before, now;
    struct mr_replayed_sink sink; /* sizes 0 until known */
    int64_t batch;
};

bool mr_replay_is_unfinished(const char *path)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    char *ready = mr_arena_format(&arena, "%s/replay/ready", path);
    bool unfinished = ready && mr_file_exists(ready);
    mr_arena_release(&arena);
    return unfinished;
}

/* ---- the copy ---- */
struct copying {
    struct mr_replay *replay;
    const char *from;
    struct mr_error *error;
};

static int copy_one(void *ctx, const char *name, bool is_directory)
{
    struct copying *copying = ctx;
    struct mr_arena *arena = &copying->replay->arena;
    struct mr_error *error = copying->error;
    char *from = mr_path_join(arena, copying->from, name);
    char *to = mr_path_join(arena, copying->replay->database, name);
    if (!from || !to)
        return mr_error_memory(error, strlen(name));
    if (is_directory)
        return 0;
    if (mr_str_ends_with(mr_str_of(name), MR_STR(".sst"))) { /* never changed: shared */
        if (mr_env()->link(from, to) >= 0)
            return 0;
        if (errno != EXDEV)
            return mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                                   "Cannot link %s to %s", from, to);
    }
    struct mr_text content;
    mr_text_init(&content);
    int status = mr_file_read_all(from, &content, error);
    if (status >= 0)
        status = mr_file_replace(to, content.data, content.size, error);
    mr_text_release(&content);
    return status < 0 ? status : 0;
}

static int copy_database(struct mr_replay *replay, const char *from, struct mr_error *error)
{
    struct copying copying = {replay, from, error};
    MR_TRY(mr_directory_remove(replay->folder, error));
    MR_TRY(mr_directory_create(replay->database, error));
    int status = mr_env()->list(from, copy_one, &copying);
    if (status == -1 && error->code == 0)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "Cannot list %s", from);
    MR_TRY(status);
    return mr_directory_fsync(replay->database, error);
}

/* The copy, opened like a checkpoint of its own but without a lock: the target's is held. */
static int open_copy(struct mr_replay *replay, char *database, struct mr_checkpoint *copy, bool read_only,
                     struct mr_error *error)
{
    *copy = (struct mr_checkpoint){.lock_file = -1,
                                   .path = replay->folder,
                                   .database = database,
                                   .last_batch = -1,
                                   .read_only = read_only};
    MR_TRY(mr_rocks_open(copy, &(struct mr_checkpoint_options){.read_only = read_only}, error));
    return mr_rocks_load(copy, error);
}

static void close_copy(struct mr_checkpoint *copy)
{
    mr_rocks_close(copy);
    mr_known_sinks_release(copy);
}

static void put_register(struct mr_checkpoint *copy, rocksdb_writebatch_t *writes, struct mr_str sink,
                         const struct mr_register *value, struct mr_text *key)
{
    char bytes[MR_ROCKS_HEADER + 16] = {MR_ROCKS_REGISTER, MR_ROCKS_VERSION};
    mr_text_clear(key);
    mr_text_append_str(key, MR_ROCKS_KEY_REGISTER);
    mr_text_append(key, sink.data, sink.size);
    if (value) {
        mr_register_encode(bytes + MR_ROCKS_HEADER, value);
        rocksdb_writebatch_put_cf(writes, copy->families[MR_FAMILY_META], key->data, key->size, bytes,
                                  sizeof bytes);
    } else {
        rocksdb_writebatch_delete_cf(writes, copy->families[MR_FAMILY_META], key->data, key->size);
    }
}

/* Under a new id, with nothing left to publish: the table is about to be given what the copy expects. */
static int become_new(struct mr_replay *replay, struct mr_checkpoint *copy, struct mr_error *error)
{
    struct mr_pending *items[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    struct mr_text key;
    mr_text_init(&key);
    MR_TRY(mr_checkpoint_pending(copy, &replay->arena, &items[0], &counts[0], error));
    MR_TRY(mr_checkpoint_aside(copy, &replay->arena, &items[1], &counts[1], error));
    rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < counts[side]; i++) {
            mr_text_clear(&key);
            mr_manifest_key(&key, side == 0 ? MR_ROCKS_KEY_PENDING : MR_ROCKS_KEY_ASIDE, items[side][i].sink,
                            items[side][i].batch);
            rocksdb_writebatch_delete_cf(writes, copy->families[MR_FAMILY_META], key.data, key.size);
        }
    }
    mr_rocks_put_query_id(copy, writes);
    put_register(copy, writes, replay->sink.name_before, NULL, &key);
    put_register(copy, writes, replay->sink.name, &replay->sink.expected, &key);
    int status =
        key.failed ? mr_error_memory(error, key.capacity) : mr_rocks_write(copy, writes, true, error);
    rocksdb_writebatch_destroy(writes);
    mr_text_release(&key);
    return status;
}

/* "replay <batch> of <query id> <sink>": what the copy was made of. */
static int read_note(struct mr_replay *replay, const char *path, int64_t *batch, struct mr_error *error)
{
    struct mr_text text;
    char id[37] = "";
    long long number = -1;
    int at = 0;
    mr_text_init(&text);
    int status = mr_file_read_all(path, &text, error);
    if (status >= 0 && (text.size == 0 || sscanf(text.data, "replay %lld of %36s %n", &number, id, &at) != 2))
        status = mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "%s does not say what is being replayed: it is damaged.", path);
    if (status >= 0) {
        char *name = mr_arena_copy_text(&replay->arena, text.data + at, text.size - (size_t)at);
        replay->sink.name_before = (struct mr_str){name, name ? text.size - (size_t)at : 0};
        memcpy(replay->before.text, id, sizeof id);
        *batch = number;
        status = name ? MR_OK : mr_error_memory(error, text.size);
    }
    mr_text_release(&text);
    return status;
}

static int take_sink(struct mr_replay *replay, const struct mr_checkpoint *copy, struct mr_error *error)
{
    const struct mr_known_sink *only = copy->sinks;
    if (!only || only->next)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "The query of the checkpoint %s has not one sink: it cannot be replayed.",
                            replay->target);
    char *name = mr_arena_copy_text(&replay->arena, only->name, only->name_size);
    if (!name)
        return mr_error_memory(error, only->name_size);
    replay->sink.expected = only->expected;
    if (replay->sink.name_before.size == 0)
        replay->sink.name_before = (struct mr_str){name, only->name_size};
    if (replay->sink.name.size == 0)
        replay->sink.name = (struct mr_str){name, only->name_size};
    return MR_OK;
}

static int make_copy(struct mr_replay *replay, const char *from, struct mr_error *error)
{
    struct mr_checkpoint copy;
    struct mr_text text;
    MR_TRY(copy_database(replay, from, error));
    mr_killpoint("replay.copied");
    int status = open_copy(replay, replay->database, &copy, false, error);
    replay->before = copy.query_id;
    if (status >= 0 && copy.last_batch != replay->batch)
        status = mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "%s holds batch %lld: it is not the copy its name says.", from,
                              (long long)copy.last_batch);
    if (status >= 0)
        status = take_sink(replay, &copy, error);
    if (status >= 0)
        status = become_new(replay, &copy, error);
    close_copy(&copy);
    MR_TRY(status);
    mr_text_init(&text);
    mr_text_format(&text, "replay %lld of %s %.*s", (long long)replay->batch, replay->before.text,
                   (int)replay->sink.name_before.size, replay->sink.name_before.data);
    status = text.failed ? mr_error_memory(error, text.capacity)
                         : mr_file_replace(replay->ready, text.data, text.size, error);
    mr_text_release(&text);
    MR_TRY(status);
    mr_killpoint("replay.ready");
    return MR_OK;
}

/* MR_END: the checkpoint at the target came there by this very replay. */
static int done_before(struct mr_replay *replay, struct mr_error *error)
{
    int64_t batch = -1;
    char *note = mr_path_join(&replay->arena, replay->target, "replayed");
    if (!note)
        return mr_error_memory(error, strlen(replay->target));
    if (mr_file_exists(note))
        MR_TRY(read_note(replay, note, &batch, error));
    if (batch == replay->batch)
        return MR_END;
    return mr_error_set(error, MR_E_USAGE, "TABLE_OR_VIEW_ALREADY_EXISTS",
                        "There is a checkpoint at %s already: replay into another table.", replay->target);
}

static int prepare(struct mr_replay *replay, const char *path, struct mr_error *error)
{
    bool in_place = strcmp(path, replay->target) == 0;
    char *from = mr_arena_format(&replay->arena, "%s/retained/%lld", path, (long long)replay->batch);
    char *there = mr_path_join(&replay->arena, replay->target, "rocksdb");
    if (!from || !there)
        return mr_error_memory(error, strlen(path));
    if (mr_file_exists(replay->ready)) {
        int64_t batch;
        MR_TRY(read_note(replay, replay->ready, &batch, error));
        if (batch != replay->batch)
            return mr_error_set(
                error, MR_E_USAGE, "CHECKPOINT_REPLAY_UNFINISHED",
                "A replay from batch %lld into %s was begun and not finished. Finish that one "
                "first: repeat it.",
                (long long)batch, replay->target);
    } else {
        if (!in_place && mr_file_exists(there))
            return done_before(replay, error);
        if (!mr_file_exists(from))
            return mr_error_set(
                error, MR_E_USAGE, "STDS_COMMITTED_BATCH_UNAVAILABLE",
                "The checkpoint %s has not retained batch %lld. `millrace checkpoint show` lists those "
                "it has; millrace.checkpoint.retainEvery keeps them.",
                path, (long long)replay->batch);
        MR_TRY(make_copy(replay, from, error));
    }
    struct mr_checkpoint copy;
    char *where = mr_file_exists(replay->database) ? replay->database : there; /* it may be in its place */
    int status = open_copy(replay, where, &copy, true, error);
    replay->now = copy.query_id;
    if (status >= 0)
        status = take_sink(replay, &copy, error);
    close_copy(&copy);
    return status;
}

int mr_replay_open(struct mr_replay **out, const char *path, int64_t batch, const char *target,
                   struct mr_str sink, struct mr_error *error)
{
    *out = NULL;
    struct mr_replay *replay = mr_allocate_zeroed(sizeof *replay);
    if (!replay)
        return mr_error_memory(error, sizeof *replay);
    mr_arena_init(&replay->arena);
    int status = MR_OK;
    replay->batch = batch;
    replay->sink.name = sink;
    replay->target = mr_arena_format(&replay->arena, "%s", target ? target : path);
    replay->folder = mr_arena_format(&replay->arena, "%s/replay", replay->target);
    replay->database = mr_arena_format(&replay->arena, "%s/replay/rocksdb", replay->target);
    replay->ready = mr_arena_format(&replay->arena, "%s/replay/ready", replay->target);
    replay->holder = mr_allocate_zeroed(sizeof *replay->holder);
    if (!replay->target || !replay->folder || !replay->database || !replay->ready || !replay->holder)
        MR_ERR(mr_error_memory(error, strlen(path)));
    replay->holder->lock_file = -1;
    replay->holder->path = replay->target;
    /* The checkpoint is there: a run was let to make it. */
    MR_ERR(mr_rocks_lock(replay->holder, &(struct mr_checkpoint_options){.force = true}, error));
    MR_ERR(prepare(replay, path, error));
err:
    if (status == MR_OK)
        *out = replay;
    else
        mr_replay_close(replay);
    return status;
}

const struct mr_query_id *mr_replay_query_id(const struct mr_replay *replay, bool before)
{
    return before ? &replay->before : &replay->now;
}

const struct mr_replayed_sink *mr_replay_sink(const struct mr_replay *replay)
{
    return &replay->sink;
}

/* ---- the swap ---- */
struct later {
    struct mr_replay *replay;
    struct mr_error *error;
};

/* Copies of batches that will be decided again, otherwise. */
static int remove_later(void *ctx, const char *name, bool is_directory)
{
    struct later *later = ctx;
    long long batch = -1;
    if (!is_directory || sscanf(name, "%lld", &batch) != 1 || batch <= later->replay->batch)
        return 0;
    char *path = mr_arena_format(&later->replay->arena, "%s/retained/%s", later->replay->target, name);
    return path ? mr_directory_remove(path, later->error) : mr_error_memory(later->error, 256);
}

int mr_replay_finish(struct mr_replay *replay, struct mr_error *error)
{
    struct later later = {replay, error};
    char *there = mr_path_join(&replay->arena, replay->target, "rocksdb");
    char *old = mr_arena_format(&replay->arena, "%s/replay/before", replay->target);
    char *retained = mr_path_join(&replay->arena, replay->target, "retained");
    char *note = mr_path_join(&replay->arena, replay->target, "replayed");
    if (!there || !old || !retained || !note)
        return mr_error_memory(error, strlen(replay->target));
    if (mr_file_exists(retained)) {
        int status = mr_env()->list(retained, remove_later, &later);
        if (status < 0)
            return error->code ? status
                               : mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "Cannot list %s",
                                                 retained);
        MR_TRY(mr_directory_fsync(retained, error));
    }
    if (mr_file_exists(replay->database)) { /* else a crash came after the second rename */
        if (mr_file_exists(there) && !mr_file_exists(old) && mr_env()->rename(there, old) < 0)
            return mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT", "Cannot rename %s",
                                   there);
        mr_killpoint("replay.between");
        if (mr_env()->rename(replay->database, there) < 0)
            return mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT", "Cannot rename %s",
                                   replay->database);
    }
    MR_TRY(mr_directory_fsync(replay->target, error));
    mr_killpoint("replay.swapped");
    if (mr_env()->rename(replay->ready, note) < 0)
        return mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT", "Cannot rename %s",
                               replay->ready);
    MR_TRY(mr_directory_fsync(replay->target, error));
    MR_TRY(mr_directory_fsync(replay->folder, error));
    return mr_directory_remove(replay->folder, error);
}

void mr_replay_close(struct mr_replay *replay)
{
    if (!replay)
        return;
    if (replay->holder && replay->holder->lock_file >= 0)
        mr_env()->close(replay->holder->lock_file);
    mr_free(replay->holder);
    mr_arena_release(&replay->arena);
    mr_free(replay);
}
