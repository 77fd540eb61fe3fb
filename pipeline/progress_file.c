/* pipeline/progress_file.c: see the header. */
#include "pipeline/progress_file.h"

#include <errno.h>
#include <string.h>

#define LIMIT_BYTES (16 << 20)

struct mr_progress_file {
    char *path, *old_path;
    int file;
    int64_t size_bytes;
    struct mr_text line;
    struct mr_arena arena;
    bool failed;
};

static int open_file(struct mr_progress_file *file, struct mr_error *error)
{
    struct mr_file_info info = {0};
    file->file = mr_env()->open(file->path, MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_APPEND);
    if (file->file < 0)
        return mr_error_system(error, errno, "FAILED_WRITE_PROGRESS", "Cannot write progress to %s",
                               file->path);
    file->size_bytes = mr_env()->stat(file->path, &info) == 0 ? info.size_bytes : 0;
    return MR_OK;
}

int mr_progress_file_open(struct mr_progress_file **out, const char *storage, const char *table,
                          const char *flow, struct mr_error *error)
{
    struct mr_progress_file *file = mr_allocate_zeroed(sizeof(*file));
    *out = file;
    if (!file)
        return mr_error_memory(error, sizeof(*file));
    file->file = -1;
    mr_text_init(&file->line);
    mr_arena_init(&file->arena);
    char *directory = mr_arena_format(&file->arena, "%s/_progress/%s", storage, table);
    file->path = mr_arena_format(&file->arena, "%s/%s.jsonl", directory ? directory : "", flow);
    file->old_path = mr_arena_format(&file->arena, "%s/%s.1.jsonl", directory ? directory : "", flow);
    if (!directory || !file->path || !file->old_path)
        return mr_error_memory(error, 1024);
    MR_TRY(mr_directory_create(directory, error));
    return open_file(file, error);
}

void mr_progress_file_write(struct mr_progress_file *file, const struct mr_progress *progress)
{
    struct mr_error error = {0};
    mr_text_clear(&file->line);
    mr_progress_json(progress, &file->line);
    mr_text_append_char(&file->line, '\n');
    if (file->line.failed || file->file < 0)
        return;
    if (file->size_bytes > LIMIT_BYTES) {
        mr_env()->close(file->file);
        mr_env()->rename(file->path, file->old_path);
        if (open_file(file, &error) < 0)
            return;
    }
    int status = mr_file_write_all(file->file, file->path, file->line.data, file->line.size, &error);
    if (status < 0 && !file->failed)
        mr_log(MR_LOG_WARN, "progress.unwritten", "%s", error.message);
    file->failed = status < 0;
    file->size_bytes += (int64_t)file->line.size;
}

void mr_progress_file_close(struct mr_progress_file *file)
{
    if (!file)
        return;
    if (file->file >= 0)
        mr_env()->close(file->file);
    mr_text_release(&file->line);
    mr_arena_release(&file->arena);
    mr_free(file);
}
