/* sources/file_clean.c: cleanSource: files that were taken and published go after their retention, or move
 * away (invariant 13). */
#include <errno.h>

#include "sources/file_watch.h"

int mr_file_used_add(struct file_source *s, const char *path, int64_t number, int64_t taken_us,
                     struct mr_error *error)
{
    if (s->used_up_count == s->used_up_capacity) {
        size_t capacity = s->used_up_capacity ? s->used_up_capacity * 2 : 64;
        struct file_used *grown = mr_reallocate(s->used_up, sizeof *grown * capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * capacity);
        s->used_up = grown;
        s->used_up_capacity = capacity;
    }
    size_t size = strlen(path) + 1;
    char *copy = mr_allocate(size);
    if (!copy)
        return mr_error_memory(error, size);
    memcpy(copy, path, size);
    s->used_up[s->used_up_count++] = (struct file_used){copy, number, taken_us};
    return MR_OK;
}

static int move_away(struct file_source *s, const char *path, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const char *base = s->source->base_directory ? s->source->base_directory : ".";
    char *to = mr_path_from_uri(&arena, mr_str_of(s->options.clean_destination));
    if (to && to[0] != '/')
        to = mr_path_join(&arena, base, to);
    if (to) /* the folders below the root are kept, so that equal names in them stay apart */
        to = mr_path_join(&arena, to,
                          strlen(path) > strlen(s->root) ? path + strlen(s->root) + 1 : mr_path_name(path));
    char *directory = to ? mr_path_directory(&arena, to) : NULL;
    int status = directory ? mr_directory_create(directory, error) : mr_error_memory(error, strlen(path));
    if (status >= 0 && mr_env()->rename(path, to) < 0 && errno != ENOENT)
        status =
            mr_error_system(error, errno, "FAILED_RENAME_PATH", "%s: cannot move the file to %s", path, to);
    mr_arena_release(&arena);
    return status;
}

/* A file that cannot be cleaned up is reported and left alone: its rows are safe. */
static void clean_one(struct file_source *s, const char *path)
{
    struct mr_error error = {0};
    if (s->options.clean == FILE_CLEAN_MOVE) {
        if (move_away(s, path, &error) < 0)
            mr_log(MR_LOG_WARN, "files.clean", "%s", error.message);
    } else if (mr_env()->unlink(path) < 0 && errno != ENOENT) {
        mr_log(MR_LOG_WARN, "files.clean", "%s: cannot delete the file (errno %d)", path, errno);
    }
}

int mr_file_clean(struct file_source *s, int64_t published, struct mr_error *error)
{
    int64_t now = mr_env()->now_us();
    size_t kept = 0;
    (void)error;
    for (size_t i = 0; i < s->used_up_count; i++) {
        struct file_used *used = &s->used_up[i];
        if (used->number <= published && now - used->taken_us >= s->options.clean_retention_us) {
            clean_one(s, used->path);
            mr_free(used->path);
        } else {
            s->used_up[kept++] = *used;
        }
    }
    s->used_up_count = kept;
    return MR_OK;
}
