/* checkpoints/lock.c: the checkpoint's directory: what may be opened, and by whom (invariants 7, 8, 14).
 *
 *   <path>/millrace.lock     "millrace checkpoint 1\n": the layout's version; the file the lock is on
 *   <path>/rocksdb/          the database
 *   <path>/retained/<batch>/ copies by hard links, never opened in place
 *   <path>/refresh           "asked": forget the database; "begun": what is in rocksdb/ is the new one
 *   <path>/discarded-<hex>/  what a refresh left, on its way out
 *
 * The lock is an OFD lock: it belongs to the open file, so no close of another descriptor drops it (RocksDB's
 * own is a POSIX record lock, which any close in this process drops). It ends with the process, however that
 * ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statfs.h>

#include "checkpoints/rocks.h"

#define LAYOUT_VERSION 1
#define LAYOUT_PREFIX "millrace checkpoint "

static const struct {
    unsigned long magic; /* f_type of statfs(2) */
    const char *name;
} network_systems[] = {
    {0x6969, "NFS"},        {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB2"},     {0x517B, "SMB"},
    {0x5346414F, "AFS"},    {0x6B414653, "AFS"},  {0x73757245, "Coda"},     {0x00C36400, "Ceph"},
    {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"}, {0x65735546, "FUSE"},     {0x01021997, "9P"},
    {0x7461636F, "OCFS2"},  {0x01161970, "GFS2"}, {0x20030528, "OrangeFS"}, {0x013111A8, "IBRIX"},
};

/* Locks and write-ahead logs need what network file systems only seem to give. */
static int refuse_network(const char *path, struct mr_error *error)
{
    struct statfs info;
    if (statfs(path, &info) < 0)
        return mr_error_system(error, errno, "PATH_NOT_FOUND", "Cannot look at the checkpoint directory %s",
                               path);
    for (size_t i = 0; i < sizeof network_systems / sizeof *network_systems; i++) {
        if (((unsigned long)info.f_type & 0xFFFFFFFFUL) != network_systems[i].magic)
            continue;
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "CHECKPOINT_ON_NETWORK_FILE_SYSTEM",
            "The checkpoint %s lies on a network file system (%s), where neither locks nor fsync can "
            "be relied on. Put it on a local disk, or set millrace.checkpoint.force to true if you know "
            "this one keeps its word.",
            path, network_systems[i].name);
    }
    return MR_OK;
}

static bool has(const char *path, const char *name)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    char *joined = mr_path_join(&arena, path, name);
    bool exists = joined && mr_file_exists(joined);
    mr_arena_release(&arena);
    return exists;
}

static int refuse_foreign(const char *path, struct mr_error *error)
{
    if (has(path, "offsets") || has(path, "commits"))
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
            "%s is a checkpoint of Apache Spark (it holds offsets/ or commits/), which Millrace does "
            "not continue. Name another directory.",
            path);
    if (has(path, "CURRENT"))
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
            "%s is a retained copy, which is never opened in place: the target has moved on. Use "
            "`millrace replay`, which copies it.",
            path);
    return MR_OK;
}

/* Whether a power cut, or a death in the middle of the write, may have left this of the text: nothing, a
 * beginning, or the size without the bytes. It is not fsynced: to lose it is harmless, to wait for it is not.
 */
static bool is_unwritten(const char *found, size_t size, const char *text)
{
    if (size < strlen(text) && memcmp(found, text, size) == 0)
        return true;
    for (size_t i = 0; i < size; i++)
        if (found[i] != '\0')
            return false;
    return true;
}

/* The lock file names the layout, so that a newer one is told apart before RocksDB looks. */
static int check_layout(struct mr_checkpoint *checkpoint, const char *path, struct mr_error *error)
{
    char text[64];
    int64_t got = mr_env()->pread(checkpoint->lock_file, text, sizeof text - 1, 0);
    if (got < 0)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "Cannot read %s", path);
    text[got] = 0;
    char ours[sizeof text];
    int size = snprintf(ours, sizeof ours, LAYOUT_PREFIX "%d\n", LAYOUT_VERSION);
    if (!checkpoint->read_only && is_unwritten(text, (size_t)got, ours))
        return mr_file_write_all(checkpoint->lock_file, path, ours, (size_t)size, error);
    int version = 0;
    if (sscanf(text, LAYOUT_PREFIX "%d", &version) != 1 || version < 1)
        return mr_error_set(
            error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
            "%s does not say what layout the checkpoint has: it is not ours, or damaged. Put a copy of "
            "the checkpoint back that goes with the target, or name another directory.",
            path);
    if (version > LAYOUT_VERSION)
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION",
            "The checkpoint %s has layout %d; this Millrace knows %d and before. Use the newer one.",
            checkpoint->path, version, LAYOUT_VERSION);
    return MR_OK;
}

static int take_lock(struct mr_checkpoint *checkpoint, const char *path, struct mr_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result;
    do {
        result = fcntl(checkpoint->lock_file, F_OFD_SETLK, &lock);
    } while (result < 0 && errno == EINTR);
    if (result >= 0)
        return MR_OK;
    int why = errno;
    if (why != EAGAIN && why != EACCES)
        return mr_error_system(error, why, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED", "Cannot lock %s", path);
    mr_error_set(
        error, MR_E_CONFLICT, "CHECKPOINT_LOCKED",
        "The checkpoint %s is in use by a running query, in this process or another. Stop that one first.",
        checkpoint->path);
    error->flags |= MR_RETRIABLE;
    return error->code;
}

int mr_rocks_lock(struct mr_checkpoint *checkpoint, const struct mr_checkpoint_options *options,
                  struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status = MR_OK;
    MR_ERR(refuse_foreign(checkpoint->path, error));
    if (!options->read_only)
        MR_ERR(mr_directory_create(checkpoint->path, error));
    if (!options->read_only && !options->force)
        MR_ERR(refuse_network(checkpoint->path, error));
    char *path = mr_path_join(&arena, checkpoint->path, "millrace.lock");
    if (!path)
        MR_ERR(mr_error_memory(error, strlen(checkpoint->path)));
    int flags = options->read_only ? MR_OPEN_READ : MR_OPEN_READ | MR_OPEN_WRITE | MR_OPEN_CREATE;
    checkpoint->lock_file = mr_env()->open(path, flags);
    if (checkpoint->lock_file < 0 && errno == ENOENT)
        MR_ERR(mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND", "There is no checkpoint at %s.",
                            checkpoint->path));
    if (checkpoint->lock_file < 0)
        MR_ERR(
            mr_error_system(error, errno, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED", "Cannot open %s", path));
    if (!options->read_only)
        MR_ERR(take_lock(checkpoint, path, error));
    MR_ERR(check_layout(checkpoint, path, error));
err:
    mr_arena_release(&arena);
    return status;
}

/* ---- full refresh ---- */

static int discard(struct mr_checkpoint *checkpoint, struct mr_arena *arena, const char *name,
                   struct mr_error *error)
{
    char *from = mr_path_join(arena, checkpoint->path, name);
    char *to = mr_arena_format(arena, "%s/discarded-%016llx", checkpoint->path,
                               (unsigned long long)mr_env()->random());
    if (!from || !to)
        return mr_error_memory(error, strlen(checkpoint->path) * 2);
    if (!mr_file_exists(from))
        return MR_OK;
    if (mr_env()->rename(from, to) < 0)
        return mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT", "Cannot rename %s",
                               from);
    return MR_OK;
}

/* Two states of one file make it restartable: while it says "asked" the database is the old one. */
int mr_rocks_refresh(struct mr_checkpoint *checkpoint, bool asked, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text state;
    mr_arena_init(&arena);
    mr_text_init(&state);
    int status = MR_OK;
    char *marker = mr_path_join(&arena, checkpoint->path, "refresh");
    if (!marker)
        MR_ERR(mr_error_memory(error, strlen(checkpoint->path)));
    if (asked)
        MR_ERR(mr_file_replace(marker, "asked\n", 6, error));
    if (!mr_file_exists(marker))
        goto err;
    MR_ERR(mr_file_read_all(marker, &state, error));
    if (mr_str_equal(mr_text_str(&state), MR_STR("asked\n"))) {
        MR_ERR(discard(checkpoint, &arena, "rocksdb", error));
        MR_ERR(discard(checkpoint, &arena, "retained", error));
        MR_ERR(mr_directory_fsync(checkpoint->path, error));
        mr_killpoint("refresh.discarded");
        MR_ERR(mr_file_replace(marker, "begun\n", 6, error));
    }
    checkpoint->refreshing = true; /* unless something has been decided: see mr_rocks_refresh_check */
err:
    mr_text_release(&state);
    mr_arena_release(&arena);
    return status;
}

struct discarded_list {
    struct mr_checkpoint *checkpoint;
    struct mr_arena arena;
};

static int remove_discarded(void *ctx, const char *name, bool is_directory)
{
    struct discarded_list *list = ctx;
    if (!is_directory || strncmp(name, "discarded-", 10) != 0)
        return 0;
    char *path = mr_path_join(&list->arena, list->checkpoint->path, name);
    struct mr_error ignored; /* it is tried again at the next start */
    if (path)
        (void)mr_directory_remove(path, &ignored);
    return 0;
}

int mr_rocks_refresh_check(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    if (!checkpoint->refreshing)
        return MR_OK;
    struct discarded_list list = {.checkpoint = checkpoint};
    mr_arena_init(&list.arena);
    int status = MR_OK;
    mr_env()->list(checkpoint->path, remove_discarded, &list);
    if (checkpoint->last_batch >= 0) { /* the refresh is decided: done with */
        checkpoint->refreshing = false;
        char *marker = mr_path_join(&list.arena, checkpoint->path, "refresh");
        if (!marker)
            MR_ERR(mr_error_memory(error, strlen(checkpoint->path)));
        if (mr_env()->unlink(marker) < 0 && errno != ENOENT)
            MR_ERR(mr_error_system(error, errno, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT", "Cannot remove %s",
                                   marker));
    }
err:
    mr_arena_release(&list.arena);
    return status;
}
