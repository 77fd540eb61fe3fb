/* sinks/delta_file.c: one Parquet file of a Delta table, from its name to its add action. */
#include "sinks/data_file.h"
#include "sinks/delta.h"

void mr_delta_written_init(struct mr_delta_written *written)
{
    *written = (struct mr_delta_written){0};
    pthread_mutex_init(&written->lock, NULL);
    mr_map_init(&written->directories);
    mr_text_init(&written->adds);
}

void mr_delta_written_release(struct mr_delta_written *written)
{
    mr_map_release(&written->directories);
    mr_text_release(&written->adds);
    pthread_mutex_destroy(&written->lock);
}

int mr_delta_written_sync(struct mr_delta_sink *s, const struct mr_delta_written *written,
                          struct mr_error *error)
{
    struct mr_text path;
    int status = MR_OK;
    mr_text_init(&path);
    for (size_t i = 0; status >= 0 && i < written->directories.count; i++) {
        mr_text_clear(&path);
        mr_text_append(&path, written->directories.entries[i].key.data,
                       written->directories.entries[i].key.size);
        if (path.failed)
            status = mr_error_memory(error, path.size);
#ifndef MR_PLANT_DATA_DIRECTORY_UNSYNCED
        else
            status = s->table.storage.type->sync_directory(&s->table.storage, path.size > 0 ? path.data : "",
                                                           error);
#endif
    }
    mr_text_release(&path);
    return status < 0 ? status : MR_OK;
}

int mr_delta_out_open(struct mr_delta_sink *s, const struct mr_type *schema, struct mr_delta_part *part,
                      int64_t number, int64_t batch, struct mr_delta_out **result, struct mr_error *error)
{
    char name[MR_DATA_FILE_NAME];
    struct mr_delta_out *out = mr_allocate_zeroed(sizeof(*out));
    *result = NULL;
    if (!out)
        return mr_error_memory(error, sizeof(*out));
    mr_data_file_name(s->sink, number, batch, MR_DELTA_FILE_SUFFIX, name);
    out->schema = schema;
    out->part = part;
    out->busy = true;
    size_t size = part->directory.size + strlen(name);
    out->path = mr_allocate(size + 1);
    int status = out->path ? MR_OK : mr_error_memory(error, size);
    if (status == MR_OK) {
        memcpy(out->path, part->directory.data, part->directory.size);
        strcpy(out->path + part->directory.size, name);
        status = s->table.storage.type->output(&s->table.storage, out->path, &out->output, error);
    }
    struct mr_parquet_options options = {.codec = MR_PARQUET_ZSTD};
    if (status == MR_OK)
        status = mr_parquet_writer_open(&out->parquet, out->output, schema, &options, error);
    if (status < 0) {
        if (out->output)
            out->output->abandon(out->output);
        mr_free(out->path);
        mr_free(out);
        return status;
    }
    *result = out;
    return MR_OK;
}

void mr_delta_out_free(struct mr_delta_out *out)
{
    mr_parquet_writer_close(out->parquet);
    if (out->output)
        out->output->abandon(out->output);
    mr_free(out->path);
    mr_free(out);
}

/* Directory of a file's path, without the slash at its end; "" at the top. */
static struct mr_str directory_of(const struct mr_delta_part *part)
{
    struct mr_str directory = part->directory;
    if (directory.size > 0)
        directory.size--;
    return directory;
}

int mr_delta_out_finish(struct mr_delta_sink *s, struct mr_delta_out *out, struct mr_delta_written *written,
                        struct mr_error *error)
{
    struct mr_text stats, path;
    const struct mr_leaf_statistics *leaves = NULL;
    int leaf_count = 0;
    mr_text_init(&stats);
    mr_text_init(&path);
    int status = MR_OK;
    MR_ERR(mr_parquet_writer_finish(out->parquet, error));
    int64_t rows = mr_parquet_writer_rows(out->parquet);
    MR_ERR(mr_parquet_writer_statistics(out->parquet, &leaves, &leaf_count));
    mr_delta_stats(&stats, out->schema, rows, leaves, leaf_count, s->stats_columns);
    mr_delta_path_encode(&path, mr_str_of(out->path));
    if (stats.failed || path.failed)
        MR_ERR(mr_error_memory(error, stats.size));
    struct mr_delta_file file = {
        .path = mr_text_str(&path),
        .partition_values = out->part->values,
        .size_bytes = out->output->written_bytes,
        .modified_ms = mr_env()->now_us() / 1000,
        .data_change = true,
        .stats = mr_text_str(&stats),
        .base_row_id = -1,
        .row_commit_version = -1,
    };
    struct mr_output *output = out->output;
    out->output = NULL; /* finish frees it, whatever it says */
    MR_ERR(output->finish(output, error));
    pthread_mutex_lock(&written->lock);
    mr_delta_add_print(&written->adds, &file);
    written->rows += rows;
    written->bytes += file.size_bytes;
    written->files++;
    bool noted = mr_map_put(&written->directories, directory_of(out->part), NULL) && !written->adds.failed;
    pthread_mutex_unlock(&written->lock);
    if (!noted)
        status = mr_error_memory(error, stats.size);
err:
    mr_text_release(&stats);
    mr_text_release(&path);
    mr_delta_out_free(out);
    return status;
}
