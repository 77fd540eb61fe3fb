/* checkpoints/retain.c: copies of the database by hard links, kept for replay and inspection. */
#include <errno.h>
#include <stdlib.h>

#include "checkpoints/checkpoint.h"
#include "checkpoints/rocks.h"

struct retained_list {
    int64_t batches[64]; /* ascending */
    int count;
};

static int collect(void *ctx, const char *name, bool is_directory)
{
    struct retained_list *list = ctx;
    char *end;
    long long batch = strtoll(name, &end, 10);
    if (!is_directory || *end != 0 || end == name || batch < 0 || list->count == 64)
        return 0;
    int at = list->count++;
    for (; at > 0 && list->batches[at - 1] > batch; at--)
        list->batches[at] = list->batches[at - 1];
    list->batches[at] = batch;
    return 0;
}

static int list_retained(struct mr_checkpoint *checkpoint, struct retained_list *list, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    list->count = 0;
    int status = MR_OK;
    char *directory = mr_path_join(&arena, checkpoint->path, "retained");
    if (!directory)
        MR_ERR(mr_error_memory(error, strlen(checkpoint->path)));
    if (mr_file_exists(directory) && mr_env()->list(directory, collect, list) < 0)
        MR_ERR(mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "Cannot list %s", directory));
err:
    mr_arena_release(&arena);
    return status;
}

int mr_checkpoint_retained(struct mr_checkpoint *checkpoint, struct mr_arena *arena, int64_t **batches,
                           int *count, struct mr_error *error)
{
    struct retained_list list;
    MR_TRY(list_retained(checkpoint, &list, error));
    *count = list.count;
    *batches = MR_ARENA_ARRAY(arena, int64_t, list.count + 1);
    if (!*batches)
        return mr_error_memory(error, sizeof list.batches);
    memcpy(*batches, list.batches, sizeof(int64_t) * (size_t)list.count);
    return MR_OK;
}

int mr_checkpoint_oldest_retained(struct mr_checkpoint *checkpoint, int64_t *out, struct mr_error *error)
{
    struct retained_list list;
    MR_TRY(list_retained(checkpoint, &list, error));
    *out = list.count > 0 ? list.batches[0] : -1;
    return MR_OK;
}

static int create(struct mr_checkpoint *checkpoint, const char *target, struct mr_error *error)
{
    char *message = NULL;
    MR_TRY(mr_rocks_flush(checkpoint, error)); /* so that hardly any log needs copying */
    rocksdb_checkpoint_t *maker = rocksdb_checkpoint_object_create(checkpoint->db, &message);
    if (!message) {
        rocksdb_checkpoint_create(maker, target, UINT64_MAX, &message); /* UINT64_MAX: without a flush */
        rocksdb_checkpoint_object_destroy(maker);
    }
    if (message)
        return mr_rocks_error(error, message, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                              "Cannot keep a copy of the checkpoint as %s", target);
    return MR_OK;
}

int mr_checkpoint_retain(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_error *error)
{
    int every = checkpoint->retain_every;
    if (every <= 0)
        return MR_OK;
    struct mr_arena arena;
    struct retained_list list;
    mr_arena_init(&arena);
    int status = MR_OK;
    if (checkpoint->last_retained < 0) {
        MR_ERR(list_retained(checkpoint, &list, error));
        checkpoint->last_retained = list.count > 0 ? list.batches[list.count - 1] : 0;
    }
    if (batch / every == checkpoint->last_retained / every)
        goto err;
    char *directory = mr_path_join(&arena, checkpoint->path, "retained");
    char *target = mr_arena_format(&arena, "%s/%lld", directory, (long long)batch);
    if (!directory || !target)
        MR_ERR(mr_error_memory(error, strlen(checkpoint->path)));
    MR_ERR(mr_directory_create(directory, error));
    MR_ERR(create(checkpoint, target, error));
    checkpoint->last_retained = batch;
    mr_killpoint("retain.created");
    MR_ERR(list_retained(checkpoint, &list, error));
    for (int i = 0; i < list.count - checkpoint->retain_count; i++) {
        char *old = mr_arena_format(&arena, "%s/%lld", directory, (long long)list.batches[i]);
        if (!old)
            MR_ERR(mr_error_memory(error, strlen(directory)));
        MR_ERR(mr_directory_remove(old, error));
    }
    MR_ERR(mr_directory_fsync(directory, error));
err:
    mr_arena_release(&arena);
    return status;
}
