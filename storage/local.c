/* storage/local.c: objects in a local directory.
 *
 * put_if_absent is the compare-and-swap that every commit rests on. Its steps, and what a crash after each
 * leaves: 1 temporary file in the directory of the object, written and fsynced    a temporary nobody lists 2
 * link(2) to the object's name: atomic, and fails when the name exists  the object, perhaps not durable yet
 *   3 unlink of the temporary, fsync of the directory                       the object, durable
 * link and not rename: rename replaces silently. A failure between 2 and the end of 3 is ambiguous: the
 * object is there, but a power cut may take it back. */
#include "storage/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEMPORARY_PREFIX ".millrace-put-"

int mr_local_path(const struct mr_storage *storage, const char *path, char out[MR_LOCAL_PATH_BYTES],
                  struct mr_error *error)
{
    bool needs_slash = path[0] != '\0' && strcmp(storage->root, "/") != 0;
    const char *slash = needs_slash ? "/" : "";
    int size = snprintf(out, MR_LOCAL_PATH_BYTES, "%s%s%s", storage->root, slash, path);
    if (size < 0 || size >= MR_LOCAL_PATH_BYTES)
        return mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND", "The path %.200s… is longer than %d bytes.",
                            path, MR_LOCAL_PATH_BYTES - 1);
    return MR_OK;
}

/* The directory part of an absolute or relative file path, in out. */
static void directory_of(const char *path, char out[MR_LOCAL_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (!slash) {
        strcpy(out, ".");
        return;
    }
    if (size == 0)
        size = 1; /* the root directory */
    memcpy(out, path, size);
    out[size] = '\0';
}

int mr_local_create(const char *path, int *file, struct mr_error *error)
{
    int flags = MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_EXCLUSIVE;
    *file = mr_env()->open(path, flags);
    if (*file < 0 && errno == ENOENT) { /* looked for only now: nearly always the directory is there */
        char directory[MR_LOCAL_PATH_BYTES];
        directory_of(path, directory);
        MR_TRY(mr_directory_create(directory, error));
        *file = mr_env()->open(path, flags);
    }
    if (*file < 0)
        return mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot create the file", path);
    return MR_OK;
}

static int local_open(struct mr_storage *storage, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    char *path = mr_path_from_uri(&arena, mr_str_of(storage->root));
    size_t size = path ? strlen(path) : 0;
    while (size > 1 && path[size - 1] == '/')
        size--;
    char *root = path ? mr_allocate(size + 1) : NULL;
    if (root) {
        memcpy(root, path, size);
        root[size] = '\0';
        mr_free(storage->root);
        storage->root = root;
    }
    mr_arena_release(&arena);
    return root ? MR_OK : mr_error_memory(error, size + 1);
}

/* Random enough that two processes never meet; the exclusive create would refuse it all the same. */
static int temporary_beside(const char *path, char out[MR_LOCAL_PATH_BYTES], struct mr_error *error)
{
    char directory[MR_LOCAL_PATH_BYTES];
    directory_of(path, directory);
    int size = snprintf(out, MR_LOCAL_PATH_BYTES, "%s/" TEMPORARY_PREFIX "%016llx", directory,
                        (unsigned long long)mr_env()->random());
    if (size >= MR_LOCAL_PATH_BYTES)
        return mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND", "The path %.200s… is too long.", path);
    return MR_OK;
}

/* Step 1: a durable file of that content. On failure nothing is left behind. */
static int write_temporary(const char *temporary, const void *data, size_t size, struct mr_error *error)
{
    int file = -1;
    MR_TRY(mr_local_create(temporary, &file, error));
    int status = mr_file_write_all(file, temporary, data, size, error);
#ifndef MR_PLANT_ENTRY_UNSYNCED
    if (status == MR_OK && mr_env()->fsync(file) < 0)
        status =
            mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot make the file durable", temporary);
#endif
    if (mr_env()->close(file) < 0 && status == MR_OK)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot close the file", temporary);
    if (status != MR_OK)
        mr_env()->unlink(temporary);
    return status;
}

/* Whether a failed link may have made the name all the same: only where the disk failed, not where it was
 * refused. */
static bool link_is_ambiguous(int sys_errno)
{
    return sys_errno == EIO || sys_errno == ETIMEDOUT || sys_errno == ESTALE;
}

static int local_put_if_absent(struct mr_storage *storage, const char *path, const void *data, size_t size,
                               struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES], temporary[MR_LOCAL_PATH_BYTES], directory[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    MR_TRY(temporary_beside(name, temporary, error));
    directory_of(name, directory);
    MR_TRY(write_temporary(temporary, data, size, error));

#ifdef MR_PLANT_CHECK_THEN_WRITE
    int linked = mr_file_exists(name) ? -1 : mr_env()->rename(temporary, name);
    int link_errno = linked < 0 ? EEXIST : 0;
#else
    int linked = mr_env()->link(temporary, name);
    int link_errno = linked < 0 ? errno : 0;
#endif
    mr_env()->unlink(temporary); /* one that stays is only untidy: nobody lists it, and it is removed later */
    if (link_errno == EEXIST)
        return MR_PUT_EXISTS;
    if (link_errno == EPERM || link_errno == EOPNOTSUPP || link_errno == ENOSYS)
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM",
            "%s: this file system has no hard links, which creating a file at most once needs; "
            "use a local one such as ext4, xfs or btrfs.",
            name);
    if (link_errno != 0) {
        int status =
            mr_error_system(error, link_errno, "TASK_WRITE_FAILED", "%s: cannot link the file", name);
        if (link_is_ambiguous(link_errno))
            error->flags |= MR_AMBIGUOUS;
        return status;
    }
#ifdef MR_PLANT_LOG_DIRECTORY_UNSYNCED
    return MR_PUT_DONE;
#endif
    int status = mr_directory_fsync(directory, error);
    if (status < 0)
        error->flags |= MR_AMBIGUOUS;
    return status < 0 ? status : (int)MR_PUT_DONE;
}

static int local_replace(struct mr_storage *storage, const char *path, const void *data, size_t size,
                         struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES], directory[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    directory_of(name, directory);
    if (!mr_file_exists(directory))
        MR_TRY(mr_directory_create(directory, error));
    return mr_file_replace(name, data, size, error);
}

static int local_get(struct mr_storage *storage, const char *path, struct mr_text *out,
                     struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    int file = mr_env()->open(name, MR_OPEN_READ);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return MR_END;
    if (file < 0)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot open the file", name);
    int status = MR_OK;
    char chunk[16384];
    int64_t got = 0;
    do {
        got = mr_env()->read(file, chunk, sizeof(chunk));
        if (got > 0)
            mr_text_append(out, chunk, (size_t)got);
        if (got < 0)
            status =
                mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot read the file", name);
    } while (got > 0 && !out->failed);
    mr_env()->close(file);
    if (status == MR_OK && out->failed)
        status = mr_error_memory(error, out->size + sizeof(chunk));
    return status;
}

static int stat_entry(const char *name, const char *path, struct mr_storage_entry *out,
                      struct mr_error *error)
{
    struct mr_file_info info;
    if (mr_env()->stat(name, &info) < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return MR_END;
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot look at the file", name);
    }
    *out = (struct mr_storage_entry){path, info.size_bytes, info.modified_us, info.is_directory};
    return MR_OK;
}

static int local_stat(struct mr_storage *storage, const char *path, struct mr_storage_entry *out,
                      struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    return stat_entry(name, path, out, error);
}

struct listing {
    struct mr_arena arena;
    const char *after;
    const char **names;
    size_t count, capacity;
    bool temporaries; /* these instead of all others */
    bool failed;
};

static int collect_name(void *ctx, const char *name, bool is_directory)
{
    struct listing *listing = ctx;
    (void)is_directory;
    if (listing->after && strcmp(name, listing->after) <= 0)
        return 0;
    bool temporary = strncmp(name, TEMPORARY_PREFIX, sizeof(TEMPORARY_PREFIX) - 1) == 0;
    if (temporary != listing->temporaries)
        return 0;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 64;
        const char **names = mr_reallocate(listing->names, capacity * sizeof(*names));
        listing->failed = !names;
        if (!names)
            return 1;
        listing->names = names;
        listing->capacity = capacity;
    }
    char *copy = mr_arena_copy_text(&listing->arena, name, strlen(name));
    listing->failed = !copy;
    if (!copy)
        return 1;
    listing->names[listing->count++] = copy;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The directory's names, ascending; none where there is no directory. */
static int collect(struct listing *listing, const char *full, struct mr_error *error)
{
    mr_arena_init(&listing->arena);
    int status = mr_env()->list(full, collect_name, listing);
    int list_errno = errno;
    if (listing->failed)
        return mr_error_memory(error, listing->count * sizeof(*listing->names));
    if (status < 0 && list_errno != ENOENT)
        return mr_error_system(error, list_errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot list the directory",
                               full);
    if (listing->count > 0)
        qsort(listing->names, listing->count, sizeof(*listing->names), compare_names);
    return MR_OK;
}

static void listing_release(struct listing *listing)
{
    mr_free(listing->names);
    mr_arena_release(&listing->arena);
}

static int local_list(struct mr_storage *storage, const char *directory, const char *after,
                      int (*each)(void *ctx, const struct mr_storage_entry *entry), void *ctx,
                      struct mr_error *error)
{
    char full[MR_LOCAL_PATH_BYTES], name[MR_LOCAL_PATH_BYTES], path[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, directory, full, error));
    struct listing listing = {.after = after};
    int status = collect(&listing, full, error);
    for (size_t i = 0; status == MR_OK && i < listing.count; i++) {
        struct mr_storage_entry entry;
        const char *slash = directory[0] != '\0' ? "/" : "";
        int size = snprintf(path, sizeof(path), "%s%s%s", directory, slash, listing.names[i]);
        if (size >= (int)sizeof(path))
            status = mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND", "%s: a name in it is too long.", full);
        else
            status = mr_local_path(storage, path, name, error);
        if (status == MR_OK)
            status = stat_entry(name, path, &entry, error);
        if (status == MR_OK)
            status = each(ctx, &entry);
        else if (status == MR_END)
            status = MR_OK; /* removed since it was listed */
    }
    listing_release(&listing);
    return status;
}

static int local_remove_abandoned(struct mr_storage *storage, const char *directory, int64_t before_us,
                                  struct mr_error *error)
{
    char full[MR_LOCAL_PATH_BYTES], name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, directory, full, error));
    struct listing listing = {.temporaries = true};
    int status = collect(&listing, full, error);
    for (size_t i = 0; status == MR_OK && i < listing.count; i++) {
        struct mr_storage_entry entry;
        int size = snprintf(name, sizeof(name), "%s/%s", full, listing.names[i]);
        if (size >= (int)sizeof(name) || stat_entry(name, listing.names[i], &entry, error) != MR_OK ||
            entry.modified_us >= before_us)
            continue;
        if (mr_env()->unlink(name) < 0 && errno != ENOENT)
            status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot remove the file", name);
    }
    listing_release(&listing);
    return status;
}

static int local_remove(struct mr_storage *storage, const char *path, struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    int result = mr_env()->unlink(name);
    if (result < 0 && errno == EISDIR)
        result = mr_env()->rmdir(name);
    if (result < 0 && errno != ENOENT && errno != ENOTDIR)
        return mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot remove the file", name);
    return MR_OK;
}

static int local_sync(struct mr_storage *storage, const char *path, struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, path, name, error));
    int file = mr_env()->open(name, MR_OPEN_READ);
    if (file < 0)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot open the file", name);
    int status = MR_OK;
    if (mr_env()->fsync(file) < 0) {
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot make the file durable", name);
        error->flags |= MR_FATAL;
    }
    mr_env()->close(file);
    return status;
}

static int local_sync_directory(struct mr_storage *storage, const char *directory, struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    MR_TRY(mr_local_path(storage, directory, name, error));
    return mr_directory_fsync(name, error);
}

static void local_close(struct mr_storage *storage)
{
    (void)storage; /* root is freed by mr_storage_close; there is nothing else */
}

const struct mr_storage_type mr_storage_local = {
    .scheme = "file",
    .open = local_open,
    .input = mr_local_input,
    .output = mr_local_output,
    .put_if_absent = local_put_if_absent,
    .replace = local_replace,
    .get = local_get,
    .stat = local_stat,
    .list = local_list,
    .remove = local_remove,
    .remove_abandoned = local_remove_abandoned,
    .sync = local_sync,
    .sync_directory = local_sync_directory,
    .close = local_close,
};
