/* storage/local_stream.c: reading and writing one local file. */
#include <errno.h>

#include "storage/local.h"

/* Small writes are gathered up to this many bytes; larger ones go straight to the file. */
#define GATHER_BYTES 65536

struct local_input {
    struct mr_input input;
    int file;
    char name[]; /* full path */
};

static int input_read_at(struct mr_input *input, int64_t offset, void *out, size_t size,
                         struct mr_error *error)
{
    struct local_input *local = (struct local_input *)input;
    size_t done = 0;
    while (done < size) {
        int64_t got = mr_env()->pread(local->file, (char *)out + done, size - done, offset + (int64_t)done);
        if (got < 0) {
            mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot read", input->name);
            return mr_error_at(error, input->name, 0, 0, offset + (int64_t)done);
        }
        if (got == 0) {
            mr_error_set(
                error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                "%s ends after %lld bytes; %lld were expected. It was cut or is still being written.",
                input->name, (long long)offset + (long long)done, (long long)offset + (long long)size);
            return mr_error_at(error, input->name, 0, 0, offset + (int64_t)done);
        }
        done += (size_t)got;
    }
    return MR_OK;
}

static void input_close(struct mr_input *input)
{
    struct local_input *local = (struct local_input *)input;
    mr_env()->close(local->file);
    mr_free(local);
}

int mr_local_input(struct mr_storage *storage, const char *path, struct mr_input **out,
                   struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    *out = NULL;
    MR_TRY(mr_local_path(storage, path, name, error));
    struct mr_file_info info;
    int file = mr_env()->open(name, MR_OPEN_READ);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return mr_error_system(error, errno, "FAILED_READ_FILE.FILE_NOT_EXIST",
                               "%s: the file is gone; it was removed by somebody else", name);
    if (file < 0)
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot open the file", name);
    struct local_input *local = mr_allocate_zeroed(sizeof(*local) + strlen(name) + 1);
    int status = MR_OK;
    if (!local)
        status = mr_error_memory(error, sizeof(*local) + strlen(name) + 1);
    else if (mr_env()->stat(name, &info) < 0)
        status =
            mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot look at the file", name);
    else if (info.is_directory)
        status = mr_error_system(error, EISDIR, "FAILED_READ_FILE.NO_HINT", "%s: cannot read", name);
    if (status < 0) {
        mr_env()->close(file);
        mr_free(local);
        return status;
    }
    strcpy(local->name, name);
    local->file = file;
    local->input = (struct mr_input){local->name, info.size_bytes, input_read_at, input_close};
    *out = &local->input;
    return MR_OK;
}

struct local_output {
    struct mr_output output;
    int file;
    char *gathered; /* allocated with the first small write */
    size_t gathered_size;
    bool failed; /* a write failed: the file has a hole nobody may rely on */
    char name[];
};

static int output_flush(struct local_output *local, struct mr_error *error)
{
    size_t size = local->gathered_size;
    local->gathered_size = 0;
    if (size == 0)
        return MR_OK;
    int status = mr_file_write_all(local->file, local->name, local->gathered, size, error);
    local->failed = local->failed || status < 0;
    return status;
}

static int output_write(struct mr_output *output, const void *data, size_t size, struct mr_error *error)
{
    struct local_output *local = (struct local_output *)output;
    if (local->failed)
        return mr_error_set(error, MR_E_IO, "TASK_WRITE_FAILED", "%s: an earlier write failed.", local->name);
    if (local->gathered_size + size > GATHER_BYTES)
        MR_TRY(output_flush(local, error));
    int status = MR_OK;
    if (size >= GATHER_BYTES) {
        status = mr_file_write_all(local->file, local->name, data, size, error);
        local->failed = status < 0;
    } else if (size > 0) {
        if (!local->gathered)
            local->gathered = mr_allocate(GATHER_BYTES);
        if (!local->gathered)
            return mr_error_memory(error, GATHER_BYTES);
        memcpy(local->gathered + local->gathered_size, data, size);
        local->gathered_size += size;
    }
    if (status == MR_OK)
        output->written_bytes += (int64_t)size;
    return status;
}

static int output_free(struct local_output *local)
{
    int result = mr_env()->close(local->file);
    mr_free(local->gathered);
    mr_free(local);
    return result;
}

/* A file that could not be made durable is left in place: deleting because of an error could delete what
 * somebody names. */
static int output_finish(struct mr_output *output, struct mr_error *error)
{
    struct local_output *local = (struct local_output *)output;
    int status = MR_OK;
    if (local->failed)
        status =
            mr_error_set(error, MR_E_IO, "TASK_WRITE_FAILED", "%s: an earlier write failed.", local->name);
    else
        status = output_flush(local, error);
#ifndef MR_PLANT_FILE_UNSYNCED
    if (status == MR_OK && mr_env()->fsync(local->file) < 0)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot make the file durable",
                                 local->name);
#endif
    char name[MR_LOCAL_PATH_BYTES];
    strcpy(name, local->name);
    if (output_free(local) < 0 && status == MR_OK)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "%s: cannot close the file", name);
    return status;
}

static void output_abandon(struct mr_output *output)
{
    struct local_output *local = (struct local_output *)output;
    mr_env()->unlink(local->name);
    output_free(local);
}

int mr_local_output(struct mr_storage *storage, const char *path, struct mr_output **out,
                    struct mr_error *error)
{
    char name[MR_LOCAL_PATH_BYTES];
    *out = NULL;
    MR_TRY(mr_local_path(storage, path, name, error));
    struct local_output *local = mr_allocate_zeroed(sizeof(*local) + strlen(name) + 1);
    if (!local)
        return mr_error_memory(error, sizeof(*local) + strlen(name) + 1);
    int status = mr_local_create(name, &local->file, error);
    if (status < 0) {
        mr_free(local);
        return status;
    }
    strcpy(local->name, name);
    local->output = (struct mr_output){local->name, 0, output_write, output_finish, output_abandon};
    *out = &local->output;
    return MR_OK;
}
