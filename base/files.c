/* base/files.c: the usual compositions of the environment's calls. What must survive is fsynced before
 * anything names it (invariant 7). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"

/* The condition that says what kind of "no" it was. */
static const char *condition_of(int why)
{
    return why == ENOENT || why == ENOTDIR ? "PATH_NOT_FOUND" : "TASK_WRITE_FAILED";
}

int mr_file_read_all(const char *path, struct mr_text *out, struct mr_error *error)
{
    const struct mr_env *env = mr_env();
    int file = env->open(path, MR_OPEN_READ);
    if (file < 0)
        return mr_error_system(error, errno, condition_of(errno), "Cannot open the file %s", path);
    struct mr_file_info info;
    int64_t expected = env->stat(path, &info) == 0 ? info.size_bytes : 0;
    int status = MR_OK;
    /* One byte more than the size, so that a file of that size ends with the second read. */
    size_t piece = expected > 0 && expected < (int64_t)1 << 40 ? (size_t)expected + 1 : 64 * 1024;
    for (;;) {
        size_t before = out->size;
        if (out->capacity - out->size < piece + 1) {
            size_t capacity = out->size + piece + 1;
            char *data = mr_reallocate(out->capacity ? out->data : NULL, capacity);
            if (!data) {
                status = mr_error_memory(error, capacity);
                break;
            }
            out->data = data;
            out->capacity = capacity;
        }
        int64_t got = env->read(file, out->data + before, out->capacity - before - 1);
        if (got < 0) {
            out->data[before] = 0;
            status =
                mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "Cannot read the file %s", path);
            mr_error_at(error, path, 0, 0, (int64_t)before);
            break;
        }
        out->size += (size_t)got;
        out->data[out->size] = 0;
        if (got == 0)
            break;
        piece = 64 * 1024;
        if (piece < out->size / 2)
            piece = out->size / 2;
        if (out->capacity - out->size > 1)
            piece = out->capacity - out->size - 1; /* use the room there is before growing */
    }
    env->close(file);
    return status;
}

int mr_file_write_all(int file, const char *path, const void *data, size_t size, struct mr_error *error)
{
    const char *at = data;
    size_t left = size;
    while (left > 0) {
        int64_t wrote = mr_env()->write(file, at, left);
        if (wrote < 0)
            return mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot write to the file %s", path);
        if (wrote == 0) /* POSIX allows it and nothing says it would ever end */
            return mr_error_system(error, EIO, "TASK_WRITE_FAILED", "Cannot write to the file %s", path);
        at += wrote;
        left -= (size_t)wrote;
    }
    return MR_OK;
}

/* Writes and fsyncs a new file; on failure nothing is left behind. */
static int write_new(const char *path, const void *data, size_t size, struct mr_error *error)
{
    const struct mr_env *env = mr_env();
    int file = env->open(path, MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_EXCLUSIVE);
    if (file < 0)
        return mr_error_system(error, errno, condition_of(errno), "Cannot create the file %s", path);
    int status = mr_file_write_all(file, path, data, size, error);
    if (status >= 0 && env->fsync(file) < 0) {
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot fsync the file %s", path);
        error->flags |= MR_FATAL;
    }
    if (env->close(file) < 0 && status >= 0)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot close the file %s", path);
    if (status < 0)
        env->unlink(path);
    return status;
}

int mr_file_replace(const char *path, const void *data, size_t size, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_error ignored;
    if (!error)
        error = &ignored;
    const struct mr_env *env = mr_env();
    int status = MR_OK;
    char *temporary = mr_arena_format(&arena, "%s.%016llx.tmp", path, (unsigned long long)env->random());
    char *directory = mr_path_directory(&arena, path);
    if (!temporary || !directory)
        MR_ERR(mr_error_memory(error, strlen(path) * 2));
    MR_ERR(write_new(temporary, data, size, error));
    if (env->rename(temporary, path) < 0) {
        status =
            mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot rename %s over %s", temporary, path);
        env->unlink(temporary);
        goto err;
    }
    status = mr_directory_fsync(directory, error);
    if (status < 0)
        error->flags |= MR_AMBIGUOUS; /* readers see the new file; a power cut may bring the old one back */
err:
    mr_arena_release(&arena);
    return status;
}

int mr_directory_fsync(const char *path, struct mr_error *error)
{
    if (mr_env()->fsync_directory(path) >= 0)
        return MR_OK;
    int code = mr_error_system(error, errno, condition_of(errno), "Cannot fsync the directory %s", path);
    if (error)
        error->flags |= MR_FATAL;
    return code;
}

/* Directories whose name is known to be durable, by the hash of their path; a few may push each other out. */
static _Atomic uint64_t settled[1024];

static bool is_settled(const char *path)
{
    uint64_t hash = mr_hash(path, strlen(path)) | 1;
    return atomic_load(&settled[hash >> 54]) == hash;
}

static void settle(const char *path)
{
    uint64_t hash = mr_hash(path, strlen(path)) | 1;
    atomic_store(&settled[hash >> 54], hash);
}

/* Makes one directory; its parent is there. */
static int make_one(struct mr_arena *arena, const char *path, struct mr_error *error)
{
    if (mr_env()->mkdir(path) < 0) {
        int why = errno;
        struct mr_file_info info;
        if (why == EEXIST && mr_env()->stat(path, &info) == 0 && info.is_directory)
            return MR_OK;
        return mr_error_system(error, why, condition_of(why), "Cannot make the directory %s", path);
    }
    char *parent = mr_path_directory(arena, path);
    if (!parent)
        return mr_error_memory(error, strlen(path));
#ifndef MR_PLANT_PARENT_UNSYNCED
    MR_TRY(mr_directory_fsync(parent, error));
#endif
    settle(path);
    return MR_OK;
}

/* A directory that is there may have been made by a process that died before it could fsync the parent. So
 * the parent is fsynced once per process all the same. Parents that are not ours to open were not made by us.
 */
static int settle_existing(struct mr_arena *arena, const char *path, struct mr_error *error)
{
#ifdef MR_PLANT_PARENT_UNSYNCED
    return MR_OK;
#endif
    if (is_settled(path))
        return MR_OK;
    char *parent = mr_path_directory(arena, path);
    if (!parent)
        return mr_error_memory(error, strlen(path));
    if (mr_env()->fsync_directory(parent) < 0 && errno != EACCES && errno != EPERM && errno != EINVAL &&
        errno != EROFS) {
        int code =
            mr_error_system(error, errno, condition_of(errno), "Cannot fsync the directory %s", parent);
        if (error)
            error->flags |= MR_FATAL;
        return code;
    }
    settle(path);
    return MR_OK;
}

/* Length of the longest prefix of path that is a directory, 0: none. */
static size_t existing_prefix(char *path)
{
    struct mr_file_info info;
    for (size_t size = strlen(path); size > 0; size--) {
        bool ends = (path[size] == 0 || path[size] == '/') && path[size - 1] != '/';
        if (!ends)
            continue;
        char kept = path[size];
        path[size] = 0;
        bool found = mr_env()->stat(path, &info) == 0 && info.is_directory;
        path[size] = kept;
        if (found)
            return size;
    }
    return 0;
}

int mr_directory_create(const char *path, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status = MR_OK;
    char *prefix = mr_path_join(&arena, path, "");
    if (!prefix)
        MR_ERR(mr_error_memory(error, strlen(path)));
    size_t size = existing_prefix(prefix), end = strlen(prefix);
    if (size > 0) {
        char kept = prefix[size];
        prefix[size] = 0;
        MR_ERR(settle_existing(&arena, prefix, error));
        prefix[size] = kept;
    }
    /* From the top down, each name durable before the next is made: after a crash only the deepest can be in
     * doubt. */
    while (size < end) {
        size += 1 + strcspn(prefix + size + 1, "/");
        char kept = prefix[size];
        prefix[size] = 0;
        MR_ERR(make_one(&arena, prefix, error));
        prefix[size] = kept;
    }
err:
    mr_arena_release(&arena);
    return status;
}

struct name_list {
    struct mr_arena *arena;
    struct name {
        struct name *next;
        char *text;
    } * first;
};

static int collect_name(void *ctx, const char *name, bool is_directory)
{
    (void)is_directory;
    struct name_list *list = ctx;
    struct name *entry = MR_ARENA_NEW(list->arena, struct name);
    char *copy = entry ? mr_arena_copy_text(list->arena, name, strlen(name)) : NULL;
    if (!copy)
        return MR_E_MEMORY;
    entry->text = copy;
    entry->next = list->first;
    list->first = entry;
    return 0;
}

int mr_directory_remove(const char *path, struct mr_error *error)
{
    const struct mr_env *env = mr_env();
    /* unlink first: it removes a symbolic link itself and never what it points to. */
    if (env->unlink(path) == 0 || errno == ENOENT)
        return MR_OK;
    if (errno != EISDIR && errno != EPERM)
        return mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot remove %s", path);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct name_list list = {.arena = &arena};
    int status = env->list(path, collect_name, &list);
    if (status == MR_E_MEMORY)
        MR_ERR(mr_error_memory(error, 256));
    if (status < 0 && errno != ENOENT)
        MR_ERR(mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot list the directory %s", path));
    for (struct name *n = list.first; n; n = n->next) {
        char *inner = mr_path_join(&arena, path, n->text);
        if (!inner)
            MR_ERR(mr_error_memory(error, 256));
        MR_ERR(mr_directory_remove(inner, error));
    }
    status = MR_OK;
    if (env->rmdir(path) < 0 && errno != ENOENT)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot remove the directory %s", path);
err:
    mr_arena_release(&arena);
    return status;
}

bool mr_file_exists(const char *path)
{
    struct mr_file_info info;
    return mr_env()->stat(path, &info) == 0;
}
