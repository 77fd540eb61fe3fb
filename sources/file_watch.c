/* sources/file_watch.c: the "files" source: files landing in a folder, each read once. */
#include "sources/file_watch.h"

static void file_close(struct mr_source *source)
{
    struct file_source *s = source->ctx;
    if (!s)
        return;
    source->ctx = NULL;
    if (s->format_open)
        mr_format_close(&s->format);
    if (s->storage.type)
        mr_storage_close(&s->storage);
    mr_notify_close(s->notify);
    mr_file_plans_drop(s, INT64_MAX);
    mr_free(s->plans);
    mr_file_list_release(&s->pending);
    mr_file_list_release(&s->doubtful);
    mr_file_list_release(&s->existing);
    mr_file_seen_forget(s);
    for (size_t i = 0; i < s->used_up_count; i++)
        mr_free(s->used_up[i].path);
    mr_free(s->used_up);
    pthread_mutex_destroy(&s->lock);
    mr_free(s);
}

/* Columns as the source gives them: data, then those of the folders, then the hidden _metadata. */
static int set_schema(struct file_source *s, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    int data = s->data_schema->field_count, partitions = s->partition_schema->field_count, count = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, data + partitions + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < data; i++)
        fields[count++] = s->data_schema->fields[i];
    for (int i = 0; i < partitions; i++)
        fields[count++] = s->partition_schema->fields[i];
    s->source->hidden_columns = 0;
    const struct mr_type *visible = mr_type_struct(arena, fields, count);
    if (visible &&
        mr_type_field(visible, MR_STR("_metadata"), false, NULL) < 0) { /* a column of that name wins */
        const struct mr_type *metadata = mr_file_metadata_type(arena);
        if (!metadata)
            return mr_error_memory(error, sizeof *fields);
        fields[count++] = (struct mr_field){.name = "_metadata", .type = metadata};
        s->source->hidden_columns = 1;
    }
    s->source->schema = mr_type_struct(arena, fields, count);
    return s->source->schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

static int file_open(struct mr_source *source, struct mr_error *error)
{
    struct file_source *s = mr_allocate_zeroed(sizeof *s);
    if (!s)
        return mr_error_memory(error, sizeof *s);
    source->ctx = s;
    s->source = source;
    s->schema_version = -1;
    s->published = -1;
    pthread_mutex_init(&s->lock, NULL);
    int status;
    MR_ERR(mr_file_options_read(s, error));
    MR_ERR(mr_file_root(s, error));
    MR_ERR(mr_storage_open(&s->storage, "/", error));
    MR_ERR(mr_file_schema_open(s, error));
    MR_ERR(set_schema(s, error));
    MR_ERR(mr_notify_open(&s->notify, error));
    return MR_OK;
err:
    file_close(source);
    return status;
}

static int file_restore(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    int64_t decided;
    MR_TRY(mr_file_offset(from, &decided, error));
    return mr_file_seen_load(mr_file_source_of(source), decided, error);
}

static int file_remember(struct mr_source *source, struct mr_str from, struct mr_str to,
                         struct mr_decision *decision, struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    int64_t first, last, now = mr_env()->now_us();
    int status = MR_OK;
    MR_TRY(mr_file_offset(from, &first, error));
    MR_TRY(mr_file_offset(to, &last, error));
    pthread_mutex_lock(&s->lock);
    for (size_t p = 0; p < s->plan_count && status >= 0; p++) {
        struct file_plan *plan = &s->plans[p];
        if (plan->number <= first || plan->number > last)
            continue;
        for (size_t i = 0; i < plan->files.count && status >= 0; i++) {
            mr_file_seen_put(s, decision, plan, i, now);
            if (s->options.clean != FILE_CLEAN_OFF && !plan->marks && plan->cut_file != (int64_t)i)
                status = mr_file_used_add(s, plan->files.items[i].path, plan->number, now, error);
        }
        if (plan->marks)
            mr_file_marking_put(s, decision, plan->last_marks);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

static int file_published(struct mr_source *source, struct mr_str upto, struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    int64_t number;
    MR_TRY(mr_file_offset(upto, &number, error));
    pthread_mutex_lock(&s->lock);
    mr_file_plans_drop(s, number);
    s->published = number;
    int status = s->options.clean == FILE_CLEAN_OFF ? MR_OK : mr_file_clean(s, number, error);
    pthread_mutex_unlock(&s->lock);
    return status;
}

static void file_wait(struct mr_source *source, int64_t deadline_us)
{
    struct file_source *s = mr_file_source_of(source);
    int64_t listing = s->must_list || !s->listed_once ? 0 : s->next_listing_us;
    mr_notify_wait(s->notify, listing < deadline_us ? listing : deadline_us);
}

static void file_wake(struct mr_source *source)
{
    mr_notify_wake(mr_file_source_of(source)->notify);
}

struct listing {
    uint64_t hash;
    int64_t files;
};

/* Order does not count: folders are listed as they come. */
static int add_to_listing(void *ctx, const char *path, const struct mr_file_info *info,
                          struct mr_error *error)
{
    struct listing *listing = ctx;
    (void)error;
    listing->hash += mr_hash_u64(mr_hash(path, strlen(path)) ^ mr_hash_u64((uint64_t)info->modified_us) ^
                                 (uint64_t)info->size_bytes * 0x9e3779b97f4a7c15u);
    listing->files++;
    return MR_OK;
}

static int file_snapshot(struct mr_source *source, struct mr_text *out, struct mr_error *error)
{
    struct listing listing = {0};
    MR_TRY(mr_file_walk(mr_file_source_of(source), false, add_to_listing, &listing, error));
    mr_text_format(out, "{\"files\":%lld,\"listing\":\"%016llx\"}", (long long)listing.files,
                   (unsigned long long)listing.hash);
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

static void file_describe(struct mr_source *source, struct mr_text *out)
{
    struct file_source *s = mr_file_source_of(source);
    mr_text_format(out, "FileStreamSource[file:%s", s->root);
    if (s->pattern_count > 0 && s->patterns[0][0])
        mr_text_format(out, "/%s%s", s->patterns[0], s->pattern_count > 1 ? ",…" : "");
    mr_text_append_char(out, ']');
}

const struct mr_source_type mr_file_source = {
    .name = "files",
    .open = file_open,
    .restore = file_restore,
    .latest = mr_file_latest,
    .split = mr_file_split,
    .reader_open = mr_file_reader_open,
    .read = mr_file_read,
    .reader_close = mr_file_reader_close,
    .cut = mr_file_cut,
    .remember = file_remember,
    .published = file_published,
    .wait = file_wait,
    .wake = file_wake,
    .snapshot = file_snapshot,
    .describe = file_describe,
    .close = file_close,
};
