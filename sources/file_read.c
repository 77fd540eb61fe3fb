/* sources/file_read.c: splits, and reading them: columns of the file, of its folders, and _metadata. */
#include <errno.h>

#include "base/json.h"
#include "formats/stream.h"
#include "sources/file_watch.h"

struct file_split { /* in the micro-batch's arena */
    const char *path;
    int64_t size_bytes, modified_us, start, end;
    int64_t plan;
    size_t index; /* of the file in the plan */
};
struct file_reader {
    struct file_split split;
    struct mr_format_reader *reader; /* NULL: nothing to read (the file is gone, and that is fine) */
    struct mr_column **same;         /* what all rows share, one row each: partition values, then _metadata */
    struct mr_column **repeated;     /* the same for the last batch: the next is mostly as long */
    int same_count;
    char *uri;
};

/* ---- splits ---- */

static int add_split(struct mr_split_list *splits, const struct file_split *split, struct mr_error *error)
{
    if (splits->count == splits->capacity) {
        size_t capacity = splits->capacity ? splits->capacity * 2 : 64;
        struct mr_split *grown = MR_ARENA_ARRAY(splits->arena, struct mr_split, capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * capacity);
        if (splits->count > 0)
            memcpy(grown, splits->splits, sizeof *grown * splits->count);
        splits->splits = grown;
        splits->capacity = capacity;
    }
    struct file_split *copy = mr_arena_allocate(splits->arena, sizeof *copy);
    if (!copy)
        return mr_error_memory(error, sizeof *copy);
    *copy = *split;
    splits->splits[splits->count++] = (struct mr_split){split->end - split->start, copy, 0};
    return MR_OK;
}

static int split_file(struct file_source *s, const struct file_plan *plan, size_t index,
                      struct mr_split_list *splits, struct mr_error *error)
{
    const struct file_item *item = &plan->files.items[index];
    struct file_split split = {.path = mr_arena_copy_text(splits->arena, item->path, strlen(item->path)),
                               .size_bytes = item->size_bytes,
                               .modified_us = item->modified_us,
                               .plan = plan->number,
                               .index = index};
    bool whole = mr_compression_of(item->path) != MR_PLAIN || !s->format.type->splittable(&s->format);
    int64_t limit = plan->cut_file == (int64_t)index ? plan->cut_byte : item->size_bytes;
    int64_t step = s->options.split_bytes, wanted = (int64_t)s->source->split_bytes, left;
    step = wanted > 0 && wanted < step ? wanted : step;
    if (!split.path)
        return mr_error_memory(error, strlen(item->path));
    split.start = item->start;
    do { /* a piece that would be followed by a crumb takes the crumb too */
        left = limit - split.start;
        split.end = whole || left < step + step / 4 ? limit : split.start + step;
        MR_TRY(add_split(splits, &split, error));
        split.start = split.end;
    } while (split.start < limit);
    return MR_OK;
}

static int open_format(struct file_source *s, struct mr_error *error)
{
    if (s->format_open)
        return MR_OK;
    s->format = (struct mr_format){.schema = s->data_schema,
                                   .used = s->source->used,
                                   .zone = s->source->zone,
                                   .rescued_column = s->options.rescued_column,
                                   .report_new_fields = s->options.evolution == FILE_EVOLVE_ADD ||
                                                        s->options.evolution == FILE_EVOLVE_FAIL,
                                   .case_sensitive = s->options.case_sensitive};
    s->format_open = true;
    return mr_format_open(&s->format, s->options.format, s->options.format_options,
                          s->options.format_option_count, error);
}

int mr_file_split(struct mr_source *source, struct mr_str from, struct mr_str to,
                  struct mr_split_list *splits, struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    int64_t first, last;
    int status = MR_OK;
    MR_TRY(mr_file_offset(from, &first, error));
    MR_TRY(mr_file_offset(to, &last, error));
    pthread_mutex_lock(&s->lock);
    status = open_format(s, error);
    for (int64_t number = first + 1; number <= last && status >= 0; number++) {
        struct file_plan *plan = mr_file_plan_find(s, number);
        if (!plan) {
            status = mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR",
                                  "Batch %lld of the files source was never planned.", (long long)number);
            break;
        }
        plan->split = true;
        for (size_t i = 0; i < plan->files.count && !plan->marks && status >= 0; i++)
            status = split_file(s, plan, i, splits, error);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* The batch ends behind the first `taken` splits: what is left of its last file, and the files after it, wait
 * again. */
static int cut_plan(struct file_source *s, struct file_plan *plan, size_t index, int64_t byte,
                    struct mr_error *error)
{
    struct file_list *files = &plan->files;
    struct file_item *item = &files->items[index];
    if (byte < item->size_bytes) {
        struct mr_file_info info = {.size_bytes = item->size_bytes, .modified_us = item->modified_us};
        plan->cut_file = (int64_t)index;
        plan->cut_byte = byte;
        MR_TRY(mr_file_pending_push(s, item->path, &info, byte, true, error));
    }
    for (size_t i = index + 1; i < files->count; i++) {
        struct mr_file_info info = {.size_bytes = files->items[i].size_bytes,
                                    .modified_us = files->items[i].modified_us};
        MR_TRY(mr_file_pending_push(s, files->items[i].path, &info, files->items[i].start, true, error));
        mr_free(files->items[i].path);
    }
    files->count = index + 1;
    return MR_OK;
}

int mr_file_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                const struct mr_split_list *splits, size_t taken, struct mr_text *out, struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    if (taken == 0) {
        mr_text_append(out, from.data, from.size);
        return MR_OK;
    }
    if (taken >= splits->count) {
        mr_text_append(out, to.data, to.size);
        return MR_OK;
    }
    const struct file_split *last = splits->splits[taken - 1].ctx;
    pthread_mutex_lock(&s->lock);
    struct file_plan *plan = mr_file_plan_find(s, last->plan);
    int status = plan ? cut_plan(s, plan, last->index, last->end, error)
                      : mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR",
                                     "A batch was cut that was never planned.");
    int64_t number = last->plan;
    for (size_t i = 0; i < s->plan_count && status >= 0;
         i++) { /* later batches of the range are planned anew */
        struct file_plan *later = &s->plans[i];
        for (size_t f = 0; later->number > number && f < later->files.count && status >= 0; f++) {
            const struct file_item *item = &later->files.items[f];
            struct mr_file_info info = {.size_bytes = item->size_bytes, .modified_us = item->modified_us};
            status = mr_file_pending_push(s, item->path, &info, item->start, true, error);
        }
        if (later->number > number)
            mr_file_list_release(&later->files);
    }
    while (s->plan_count > 0 && s->plans[s->plan_count - 1].number > number)
        s->plan_count--;
    pthread_mutex_unlock(&s->lock);
    mr_file_offset_write(out, number);
    return status;
}

/* ---- _metadata ---- */

const struct mr_type *mr_file_metadata_type(struct mr_arena *arena)
{
    const struct mr_type *text = mr_type_of(MR_STRING), *number = mr_type_of(MR_BIGINT);
    const struct mr_field fields[] = {{.name = "file_path", .type = text},
                                      {.name = "file_name", .type = text},
                                      {.name = "file_size", .type = number},
                                      {.name = "file_block_start", .type = number},
                                      {.name = "file_block_length", .type = number},
                                      {.name = "file_modification_time", .type = mr_type_of(MR_TIMESTAMP)}};
    return mr_type_struct(arena, fields, 6);
}

/* "file:/a%20b", as Spark shows paths. A name that is no UTF-8 becomes a STRING all the same, and is found by
 * it. */
static void append_uri(struct mr_text *out, const char *path)
{
    mr_text_append_str(out, "file:");
    for (const char *p = path; *p; p++) {
        size_t size = (unsigned char)*p < 0x80 ? 1 : mr_utf8_character_size(p, strlen(p));
        if (size > 1) {
            mr_text_append(out, p, size);
            p += size - 1;
            continue;
        }
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     strchr("/-_.!~*'():@&=+$,;", *p);
        if (plain)
            mr_text_append_char(out, *p);
        else
            mr_text_format(out, "%%%02X", (unsigned char)*p);
    }
}

/* The row of _metadata; a NULL when nobody wants it. */
static int make_metadata(struct file_source *s, struct file_reader *r, struct mr_column **out,
                         struct mr_error *error)
{
    const struct mr_source *source = s->source;
    int field = source->schema->field_count - 1;
    if (source->hidden_columns == 0)
        return MR_OK;
    const char *name = strrchr(r->uri, '/');
    struct mr_column *metadata = mr_column_new(source->schema->fields[field].type, 1);
    *out = metadata;
    if (!metadata)
        return mr_error_memory(error, sizeof *metadata);
    if (source->used && !source->used[field])
        return mr_column_append_null(metadata, error);
    struct mr_column **parts = metadata->children;
    MR_TRY(mr_column_set_bytes(parts[0], 0, r->uri, strlen(r->uri), error));
    MR_TRY(mr_column_set_bytes(parts[1], 0, name + 1, strlen(name + 1), error));
    parts[2]->i64[0] = r->split.size_bytes;
    parts[3]->i64[0] = r->split.start;
    parts[4]->i64[0] = r->split.end - r->split.start;
    parts[5]->i64[0] = r->split.modified_us / 1000 * 1000; /* milliseconds, as Spark has it */
    for (int i = 0; i < metadata->child_count; i++)
        parts[i]->length = 1;
    metadata->length = 1;
    return MR_OK;
}

/* ---- readers ---- */

/* ignoreCorruptFiles: what could not be read is passed over. */
static bool pass_over(const struct file_source *s, const struct file_reader *r, const struct mr_error *error)
{
    if (!s->options.ignore_corrupt || error->code == MR_E_UNSUPPORTED || (error->flags & MR_RETRIABLE) ||
        strncmp(error->condition, "FAILED_READ_FILE", 16) != 0)
        return false;
    mr_log(MR_LOG_WARN, "files.corrupt", "%s: the rest is passed over: %s", r->split.path, error->message);
    return true;
}

/* The file must be what was planned, before it is read and after. */
static int check_unchanged(struct file_source *s, const struct file_split *split, bool *missing,
                           struct mr_error *error)
{
    struct mr_file_info info;
    *missing = false;
    if (mr_env()->stat(split->path, &info) < 0) {
        *missing = errno == ENOENT;
        if (*missing && s->options.ignore_missing)
            return MR_OK;
        mr_error_system(error, errno,
                        *missing ? "FAILED_READ_FILE.FILE_NOT_EXIST" : "FAILED_READ_FILE.NO_HINT",
                        "%s was found, and is gone before it was read%s", split->path,
                        *missing ? " (option ignoreMissingFiles passes over such files)" : "");
        mr_error_parameter(error, "path", "%s", split->path);
        return mr_error_at(error, split->path, 0, 0, -1);
    }
    if (info.size_bytes == split->size_bytes && info.modified_us == split->modified_us)
        return MR_OK;
    mr_error_set(error, MR_E_IO, "FAILED_READ_FILE.NO_HINT",
                 "%s changed while it was read (%lld bytes, now %lld). Move files in when they are complete.",
                 split->path, (long long)split->size_bytes, (long long)info.size_bytes);
    mr_error_parameter(error, "path", "%s", split->path);
    error->flags |= MR_RETRIABLE;
    return mr_error_at(error, split->path, 0, 0, -1);
}

static int open_input(struct file_source *s, struct file_reader *r, struct mr_error *error)
{
    bool missing;
    struct mr_format_range range = {.path = r->uri,
                                    .start = r->split.start,
                                    .end = r->split.end,
                                    .modified_us = r->split.modified_us};
    MR_TRY(check_unchanged(s, &r->split, &missing, error));
    if (missing)
        return MR_OK;
    int status = s->storage.type->input(&s->storage, r->split.path + 1, &range.input, error);
    if (status < 0 && s->options.ignore_missing && error->sys_errno == ENOENT)
        return MR_OK;
    if (status < 0 && pass_over(s, r, error))
        return MR_OK;
    MR_TRY(status);
    if (range.end >= range.input->size_bytes || mr_compression_of(r->split.path) != MR_PLAIN)
        range.end = -1;
    status = mr_format_reader_open(&s->format, &range, &r->reader, error);
    return status < 0 && pass_over(s, r, error) ? MR_OK : status;
}

int mr_file_reader_open(struct mr_source *source, const struct mr_split *split, struct mr_reader *reader,
                        struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    struct file_reader *r = mr_allocate_zeroed(sizeof *r);
    struct mr_text uri;
    int status = MR_OK;
    reader->ctx = r;
    if (!r)
        return mr_error_memory(error, sizeof *r);
    r->split = *(const struct file_split *)split->ctx;
    mr_text_init(&uri);
    append_uri(&uri, r->split.path);
    r->uri = uri.failed ? NULL : uri.data;
    int partitions = s->partition_schema->field_count;
    r->same_count = partitions + s->source->hidden_columns;
    r->same = mr_allocate_zeroed(sizeof(struct mr_column *) * (size_t)(r->same_count + 1));
    r->repeated = mr_allocate_zeroed(sizeof(struct mr_column *) * (size_t)(r->same_count + 1));
    if (!r->uri || !r->same || !r->repeated)
        status = mr_error_memory(error, sizeof *r);
    if (status >= 0)
        status = mr_file_partition_values(s, r->split.path, r->same, error);
    if (status >= 0)
        status = make_metadata(s, r, &r->same[partitions], error);
    if (status >= 0)
        status = open_input(s, r, error);
    if (status < 0)
        mr_file_reader_close(source, reader);
    return status;
}

void mr_file_reader_close(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    struct file_reader *r = reader->ctx;
    reader->ctx = NULL;
    if (!r)
        return;
    mr_format_reader_close(r->reader);
    for (int i = 0; r->same && r->repeated && i < r->same_count; i++) {
        mr_column_unref(r->same[i]);
        mr_column_unref(r->repeated[i]);
    }
    mr_free(r->same);
    mr_free(r->repeated);
    mr_free(r->uri);
    mr_free(r);
}

/* The batch of the source: the file's columns moved over, the others repeated. */
static int widen(struct file_source *s, struct file_reader *r, struct mr_batch *data, struct mr_batch *batch,
                 struct mr_error *error)
{
    int count = s->data_schema->field_count;
    int status;
    MR_TRY(mr_batch_init(batch, s->source->schema, 0, error));
    batch->length = data->length;
    for (int i = 0; i < count; i++) {
        batch->columns[i] = data->columns[i];
        data->columns[i] = NULL;
    }
    for (int i = 0; i < r->same_count; i++) {
        if (!r->repeated[i] || r->repeated[i]->length != batch->length) {
            mr_column_unref(r->repeated[i]);
            r->repeated[i] = NULL;
            MR_ERR(mr_column_repeat(r->same[i], 0, batch->length, &r->repeated[i], error));
        }
        batch->columns[count + i] = mr_column_ref(r->repeated[i]);
    }
    return MR_OK;
err:
    mr_batch_release(batch);
    return status;
}

int mr_file_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                 struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    struct file_reader *r = reader->ctx;
    struct mr_batch data = {0};
    bool missing;
    if (!r->reader)
        return MR_END;
    int status = mr_format_read(r->reader, &data, error);
    if (status == MR_E_SCHEMA_CHANGED) {
        pthread_mutex_lock(&s->lock);
        status = mr_file_schema_grow(s, r->split.path, error);
        pthread_mutex_unlock(&s->lock);
        return status;
    }
    if (status < 0 && pass_over(s, r, error))
        return MR_END;
    MR_TRY(status);
    if (status == MR_END) {
        MR_TRY(check_unchanged(s, &r->split, &missing, error));
        return MR_END;
    }
    status = widen(s, r, &data, batch, error);
    mr_batch_release(&data);
    return status;
}
