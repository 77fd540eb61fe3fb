/* sinks/file_write.c: batches -> data files nobody refers to yet. Text is made by each worker for itself; the
 * files, one per partition value, are shared. */
#include "delta/delta.h"
#include "sinks/data_file.h"
#include "sinks/file.h"

#define OPEN_FILES 64 /* over all partitions; then the one unused longest is closed */

/* ---- one file ---- */
static void free_out(struct mr_file_out *out)
{
    mr_parquet_writer_close(out->parquet);
    if (out->output)
        out->output->abandon(out->output);
    mr_free(out->path);
    mr_free(out);
}

static int write_header(struct mr_file_sink *s, struct mr_output *output, struct mr_error *error)
{
    struct mr_text line;
    mr_text_init(&line);
    for (int i = 0; i < s->file_schema->field_count; i++) {
        if (i > 0)
            mr_text_append(&line, s->options.csv.separator.data, s->options.csv.separator.size);
        mr_csv_append(&s->options.csv, mr_str_of(s->file_schema->fields[i].name), i == 0, &line);
    }
    mr_text_append(&line, s->options.line_end.data, s->options.line_end.size);
    int status =
        line.failed ? mr_error_memory(error, line.size) : output->write(output, line.data, line.size, error);
    mr_text_release(&line);
    return status;
}

static int open_out(struct mr_file_sink *s, struct mr_file_part *part, struct mr_error *error)
{
    char name[MR_DATA_FILE_NAME];
    struct mr_file_out *out = mr_allocate_zeroed(sizeof *out);
    if (!out)
        return mr_error_memory(error, sizeof *out);
    mr_data_file_name(s->sink, s->next_number++, s->batch, s->suffix, name);
    size_t size = part->directory.size + strlen(name) + 1;
    out->path = mr_allocate(size);
    int status = out->path ? MR_OK : mr_error_memory(error, size);
    if (status == MR_OK) {
        memcpy(out->path, part->directory.data, part->directory.size);
        memcpy(out->path + part->directory.size, name, strlen(name) + 1);
        status = s->storage.type->output(&s->storage, out->path, &out->output, error);
    }
    struct mr_parquet_options options = {.codec = s->codec};
    if (status == MR_OK && mr_file_sink_is(s, &mr_parquet_sink))
        status = mr_parquet_writer_open(&out->parquet, out->output, s->file_schema, &options, error);
    if (status == MR_OK && s->options.header)
        status = write_header(s, out->output, error);
    if (status < 0) {
        free_out(out);
        return status;
    }
    part->out = out;
    s->open_files++;
    return MR_OK;
}

/* The line of the log that names the file, but for its end. */
static void note_line(struct mr_file_sink *s, const struct mr_file_out *out, int64_t size)
{
    struct mr_json_writer w = {.out = &s->lines};
    struct mr_text path, uri;
    mr_text_init(&path);
    mr_text_init(&uri);
    mr_text_format(&path, "%s/%s", s->storage.root, out->path);
    mr_text_append_str(&uri, "file://");
    mr_delta_path_encode(&uri, mr_text_str(&path));
    mr_text_append_str(&s->lines, "{\"path\":");
    mr_json_str(&w, mr_text_str(&uri));
    mr_text_format(
        &s->lines,
        ",\"size\":%lld,\"isDir\":false,\"modificationTime\":%lld,\"blockReplication\":1,\"blockSize\":"
        "33554432,\"action\":\"add\"\n",
        (long long)size, (long long)(mr_env()->now_us() / 1000));
    s->lines.failed |= path.failed || uri.failed;
    mr_text_release(&path);
    mr_text_release(&uri);
}

/* Ends the file and makes it durable. The part has none afterwards, whatever happens. */
static int finish_out(struct mr_file_sink *s, struct mr_file_part *part, struct mr_error *error)
{
    struct mr_file_out *out = part->out;
    struct mr_str directory = part->directory;
    int status = MR_OK;
    part->out = NULL;
    s->open_files--;
    if (out->parquet)
        MR_ERR(mr_parquet_writer_finish(out->parquet, error));
    int64_t size = out->output->written_bytes;
    struct mr_output *output = out->output;
    out->output = NULL; /* finish frees it, whatever it says */
    MR_ERR(output->finish(output, error));
    note_line(s, out, size);
    s->written.bytes += size;
    s->written.files++;
    directory.size -= directory.size > 0;
    if (s->lines.failed || !mr_map_put(&s->directories, directory, NULL))
        status = mr_error_memory(error, s->lines.size);
err:
    free_out(out);
    return status;
}

static int close_stale(struct mr_file_sink *s, struct mr_error *error)
{
    struct mr_file_part *stale = NULL;
    for (size_t i = 0; i < s->parts.count; i++) {
        struct mr_file_part *part = s->parts.entries[i].pointer;
        if (part && part->out && (!stale || part->out->last_used < stale->out->last_used))
            stale = part;
    }
    return stale ? finish_out(s, stale, error) : MR_OK;
}

/* ---- rows of one partition ---- */
static int find_part(struct mr_file_sink *s, struct mr_str directory, struct mr_file_part **out,
                     struct mr_error *error)
{
    struct mr_map_entry *entry = mr_map_put(&s->parts, directory, NULL);
    if (entry && !entry->pointer) {
        struct mr_file_part *part = MR_ARENA_NEW(&s->decision, struct mr_file_part);
        if (part)
            part->directory = entry->key;
        entry->pointer = part;
    }
    *out = entry ? entry->pointer : NULL;
    return *out ? MR_OK : mr_error_memory(error, directory.size);
}

static int text_of(struct mr_file_sink *s, const struct mr_batch *batch, const int32_t *rows, int64_t count,
                   struct mr_text *out, struct mr_error *error)
{
    struct mr_text piece;
    struct mr_column record = {.type = s->file_schema,
                               .length = batch->length,
                               .children = batch->columns,
                               .child_count = s->file_schema->field_count};
    const struct mr_zone *zone =
        s->options.csv.times.record.zone_name ? s->options.csv.times.record.zone : s->sink->zone;
    int status = MR_OK;
    mr_text_init(&piece);
    for (int64_t k = 0; status == MR_OK && k < count; k++) {
        int64_t row = rows ? rows[k] : k;
        status = mr_file_sink_is(s, &mr_csv_sink) ? mr_csv_write(&s->options.csv, zone, batch->columns,
                                                                 record.child_count, row, &piece, out, error)
                                                  : mr_json_write(out, &record, row, &s->options.json, error);
        mr_text_append(out, s->options.line_end.data, s->options.line_end.size);
    }
    mr_text_release(&piece);
    return status == MR_OK && out->failed ? mr_error_memory(error, out->size) : status;
}

/* batch: the columns of files. rows: which of them; NULL: all. */
static int write_part(struct mr_file_sink *s, struct mr_str directory, const struct mr_batch *batch,
                      const int32_t *rows, int64_t count, struct mr_error *error)
{
    bool parquet = mr_file_sink_is(s, &mr_parquet_sink);
    struct mr_file_part *part;
    struct mr_batch picked = {0};
    struct mr_text text;
    int status = MR_OK;
    mr_text_init(&text);
    if (parquet && rows)
        status = mr_batch_take(batch, rows, count, &picked, error);
    else if (!parquet)
        status = text_of(s, batch, rows, count, &text, error);
    pthread_mutex_lock(&s->lock);
    if (status == MR_OK)
        status = find_part(s, directory, &part, error);
    if (status == MR_OK && !part->out && s->open_files >= OPEN_FILES)
        status = close_stale(s, error);
    if (status == MR_OK && !part->out)
        status = open_out(s, part, error);
    if (status == MR_OK)
        status = parquet ? mr_parquet_writer_write(part->out->parquet, rows ? &picked : batch, error)
                         : part->out->output->write(part->out->output, text.data, text.size, error);
    if (status == MR_OK) {
        part->out->last_used = s->clock++;
        s->written.rows += count;
        int64_t bytes =
            parquet ? mr_parquet_writer_bytes(part->out->parquet) : part->out->output->written_bytes;
        if (bytes >= s->roll_bytes)
            status = finish_out(s, part, error);
    }
    pthread_mutex_unlock(&s->lock);
    mr_batch_release(&picked);
    mr_text_release(&text);
    return status;
}

/* ---- rows to partitions ---- */
static void directory_of(const struct mr_file_sink *s, const struct mr_batch *batch, int64_t row,
                         struct mr_text *value, struct mr_text *out)
{
    mr_text_clear(out);
    for (int i = 0; i < s->partition_count; i++) {
        mr_text_clear(value);
        int column = s->partition_columns[i];
        bool present = mr_delta_partition_text(value, batch->columns[column], row);
        mr_delta_partition_path(out, mr_str_of(s->sink->schema->fields[column].name), mr_text_str(value),
                                !present);
    }
}

struct group { /* rows with one directory */
    int32_t *rows;
    int64_t count, capacity;
};

static int add_row(struct mr_map *groups, struct mr_str directory, int32_t row, struct mr_error *error)
{
    struct mr_map_entry *entry = mr_map_put(groups, directory, NULL);
    struct group *group = entry ? entry->pointer : NULL;
    if (entry && !group)
        group = entry->pointer = mr_allocate_zeroed(sizeof *group);
    if (!group)
        return mr_error_memory(error, sizeof *group);
    if (group->count == group->capacity) {
        int64_t capacity = group->capacity ? 2 * group->capacity : 64;
        int32_t *more = mr_reallocate(group->rows, sizeof *more * (size_t)capacity);
        if (!more)
            return mr_error_memory(error, sizeof *more * (size_t)capacity);
        group->rows = more;
        group->capacity = capacity;
    }
    group->rows[group->count++] = row;
    return MR_OK;
}

static int write_groups(struct mr_file_sink *s, const struct mr_batch *batch,
                        const struct mr_batch *projected, struct mr_error *error)
{
    struct mr_map groups;
    struct mr_text value, directory;
    int status = MR_OK;
    mr_map_init(&groups);
    mr_text_init(&value);
    mr_text_init(&directory);
    for (int64_t row = 0; status == MR_OK && row < batch->length; row++) {
        directory_of(s, batch, row, &value, &directory);
        status = value.failed || directory.failed
                     ? mr_error_memory(error, directory.size)
                     : add_row(&groups, mr_text_str(&directory), (int32_t)row, error);
    }
    for (size_t i = 0; i < groups.count; i++) {
        struct group *group = groups.entries[i].pointer;
        if (status == MR_OK)
            status = write_part(s, groups.entries[i].key, projected, group->rows, group->count, error);
        mr_free(group ? group->rows : NULL);
        mr_free(group);
    }
    mr_map_release(&groups);
    mr_text_release(&value);
    mr_text_release(&directory);
    return status;
}

int mr_file_sink_write(struct mr_file_sink *s, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_batch projected = {0};
    MR_TRY(mr_batch_init(&projected, s->file_schema, 0, error));
    projected.length = batch->length;
    for (int i = 0; i < s->file_schema->field_count; i++)
        projected.columns[i] = mr_column_ref(batch->columns[s->file_columns[i]]);
    int status = s->partition_count > 0
                     ? write_groups(s, batch, &projected, error)
                     : write_part(s, (struct mr_str){"", 0}, &projected, NULL, batch->length, error);
    mr_batch_release(&projected);
    return status;
}

/* ---- the end of a decision ---- */
int mr_file_sink_finish(struct mr_file_sink *s, struct mr_error *error)
{
    for (size_t i = 0; i < s->parts.count; i++) {
        struct mr_file_part *part = s->parts.entries[i].pointer;
        if (part && part->out)
            MR_TRY(finish_out(s, part, error));
    }
    for (size_t i = 0; i < s->directories.count; i++) {
        struct mr_str key = s->directories.entries[i].key;
        const char *directory = mr_arena_copy_text(&s->decision, key.data, key.size);
        if (!directory)
            return mr_error_memory(error, key.size);
        MR_TRY(s->storage.type->sync_directory(&s->storage, directory, error));
    }
    return MR_OK;
}

void mr_file_sink_reset(struct mr_file_sink *s)
{
    for (size_t i = 0; i < s->parts.count; i++) {
        struct mr_file_part *part = s->parts.entries[i].pointer;
        if (part && part->out)
            free_out(part->out);
    }
    mr_map_release(&s->parts);
    mr_map_init(&s->parts);
    mr_map_release(&s->directories);
    mr_map_init(&s->directories);
    mr_text_clear(&s->lines);
    mr_arena_clear(&s->decision);
    s->written = (struct mr_sink_metrics){0};
    s->open_files = 0;
}
