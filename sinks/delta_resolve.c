/* sinks/delta_resolve.c: output mode update, the publishing half: which files of the table hold rows that a
 * decided batch replaces, and those files written anew without them (copy on write).
 *
 * Resolved against the snapshot each attempt follows, so another writer's commit in between costs the work
 * again and nothing else (invariant 5). The manifest names the key columns; the keys themselves are read back
 * from the batch's own files. What is written here carries the batch in its name, so that files of an attempt
 * that lost are cleaned like those of a batch that was never decided. */
#include "sinks/delta_resolve.h"

#include <stdlib.h>

#define LEAVES 8 /* numbers among the key columns by which files are skipped */

struct leaf { /* an integer, date or time among the keys, or one side of a window */
    const char *path[2];
    int column, field; /* field of a STRUCT column; -1: the column itself */
    const struct mr_type *type;
    int64_t minimum, maximum; /* over the batch's rows */
    bool useless;             /* some row has NULL there */
};
struct mr_delta_resolution {
    struct mr_delta_sink *s;
    const struct mr_delta_manifest *manifest;
    struct mr_arena arena; /* of this attempt */
    struct mr_map keys;    /* of the batch's rows; read once */
    bool read;
    bool found;                    /* one of them, in the file being read */
    const struct mr_type *columns; /* the key columns, as the table has them now */
    struct leaf leaves[LEAVES];
    int leaf_count;
    struct mr_text key;
    struct mr_delta_written written; /* by this attempt */
    int64_t removed;
};

int mr_delta_resolution_new(struct mr_delta_resolution **out, struct mr_delta_sink *s,
                            const struct mr_delta_manifest *manifest, struct mr_error *error)
{
    struct mr_delta_resolution *r = mr_allocate_zeroed(sizeof(*r));
    *out = r;
    if (!r)
        return mr_error_memory(error, sizeof(*r));
    r->s = s;
    r->manifest = manifest;
    mr_arena_init(&r->arena);
    mr_map_init(&r->keys);
    mr_text_init(&r->key);
    mr_delta_written_init(&r->written);
    return MR_OK;
}

void mr_delta_resolution_free(struct mr_delta_resolution *r)
{
    if (!r)
        return;
    mr_delta_written_release(&r->written);
    mr_text_release(&r->key);
    mr_map_release(&r->keys);
    mr_arena_release(&r->arena);
    mr_free(r);
}

/* ---- the batch's keys ---- */
static void add_leaf(struct mr_delta_resolution *r, int column, int field, const struct mr_field *of)
{
    bool fits = mr_type_is_integral(of->type) || of->type->id == MR_DATE || of->type->id == MR_TIMESTAMP;
    if (!fits || r->leaf_count == LEAVES)
        return;
    r->leaves[r->leaf_count++] = (struct leaf){
        .path = {r->columns->fields[column].name, field >= 0 ? of->name : NULL},
        .column = column,
        .field = field,
        .type = of->type,
        .minimum = INT64_MAX,
        .maximum = INT64_MIN,
    };
}

static int find_columns(struct mr_delta_resolution *r, const struct mr_delta_snapshot *snapshot,
                        struct mr_error *error)
{
    const struct mr_delta_manifest *m = r->manifest;
    struct mr_field *fields = MR_ARENA_ARRAY(&r->arena, struct mr_field, m->key_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof(*fields) * (size_t)m->key_count);
    for (int i = 0; i < m->key_count; i++) {
        int at = mr_type_field(snapshot->schema, m->keys[i], false, NULL);
        if (at < 0) /* the schema was checked: it holds what the batch was written with */
            return mr_error_set(error, MR_E_PROTOCOL, "DELTA_METADATA_CHANGED",
                                "The table %s has lost the key column %.*s.", mr_delta_path(&r->s->table),
                                (int)m->keys[i].size, m->keys[i].data);
        fields[i] = snapshot->schema->fields[at];
    }
    r->columns = mr_type_struct(&r->arena, fields, m->key_count);
    if (!r->columns)
        return mr_error_memory(error, sizeof(*fields));
    if (r->read)
        return MR_OK;
    for (int i = 0; i < m->key_count; i++) {
        const struct mr_type *type = fields[i].type;
        add_leaf(r, i, -1, &fields[i]);
        for (int f = 0; type->id == MR_STRUCT && f < type->field_count; f++)
            add_leaf(r, i, f, &type->fields[f]);
    }
    return MR_OK;
}

static const struct mr_column *leaf_column(const struct leaf *leaf, const struct mr_batch *batch)
{
    const struct mr_column *column = batch->columns[leaf->column];
    return leaf->field >= 0 ? column->children[leaf->field] : column;
}

static void widen(struct leaf *leaf, const struct mr_batch *batch)
{
    const struct mr_column *whole = batch->columns[leaf->column], *column = leaf_column(leaf, batch);
    for (int64_t row = 0; row < batch->length && !leaf->useless; row++) {
        leaf->useless = mr_column_is_null(whole, row) || mr_column_is_null(column, row);
        int64_t value = leaf->useless ? 0 : mr_integer_at(column, row);
        leaf->minimum = value < leaf->minimum ? value : leaf->minimum;
        leaf->maximum = value > leaf->maximum ? value : leaf->maximum;
    }
}

static int row_key(struct mr_delta_resolution *r, const struct mr_batch *batch, int64_t row,
                   struct mr_error *error)
{
    mr_text_clear(&r->key);
    for (int i = 0; i < batch->schema->field_count; i++)
        mr_key_append(&r->key, batch->columns[i], row);
    return r->key.failed ? mr_error_memory(error, r->key.size) : MR_OK;
}

static int note_keys(void *ctx, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_delta_resolution *r = ctx;
    for (int i = 0; i < r->leaf_count; i++)
        widen(&r->leaves[i], batch);
    for (int64_t row = 0; row < batch->length; row++) {
        MR_TRY(row_key(r, batch, row, error));
        if (!mr_map_put(&r->keys, mr_text_str(&r->key), NULL))
            return mr_error_memory(error, r->key.size);
    }
    return MR_OK;
}

/* ---- reading files ---- */
typedef int (*each_batch)(void *ctx, const struct mr_batch *batch, struct mr_error *error);

/* Calls each with the file's rows, to the end or until it says MR_END. */
static int read_file(struct mr_delta_resolution *r, const struct mr_delta_scan *scan,
                     const struct mr_delta_file *file, each_batch each, void *ctx, struct mr_error *error)
{
    struct mr_delta_reader *reader = NULL;
    int status = mr_delta_reader_open(&reader, &r->s->table, scan, file, 0, -1, error);
    while (status == MR_OK) {
        struct mr_batch batch = {0};
        status = mr_delta_reader_next(reader, &batch, error);
        if (status == MR_OK)
            status = each(ctx, &batch, error);
        mr_batch_release(&batch);
    }
    mr_delta_reader_close(reader);
    return status == MR_END ? MR_OK : status;
}

struct own_files {
    struct mr_delta_resolution *r;
    const struct mr_delta_scan *scan;
};

static int read_own_file(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct own_files *own = ctx;
    return action->kind == MR_DELTA_ADD
               ? read_file(own->r, own->scan, &action->file, note_keys, own->r, error)
               : MR_OK;
}

static int read_keys(struct mr_delta_resolution *r, const struct mr_delta_scan *scan, struct mr_error *error)
{
    struct own_files own = {r, scan};
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status =
        mr_delta_commit_parse(&arena, "manifest", r->manifest->adds, true, read_own_file, &own, error);
    mr_arena_release(&arena);
    r->read = status == MR_OK;
    return status;
}

/* ---- which files hold them ---- */
static int find_key(void *ctx, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_delta_resolution *r = ctx;
    for (int64_t row = 0; row < batch->length && !r->found; row++) {
        MR_TRY(row_key(r, batch, row, error));
        r->found = mr_map_get(&r->keys, mr_text_str(&r->key)) != NULL;
    }
    return r->found ? MR_END : MR_OK;
}

/* By the file's statistics alone: may it hold a key? */
static bool may_hold(const struct mr_delta_resolution *r, struct mr_arena *scratch,
                     const struct mr_delta_file *file)
{
    for (int i = 0; i < r->leaf_count; i++) {
        const struct leaf *leaf = &r->leaves[i];
        int64_t minimum, maximum;
        if (leaf->useless ||
            !mr_delta_stats_bounds(scratch, file->stats, leaf->path, leaf->type, &minimum, &maximum))
            continue;
        if (leaf->maximum < minimum || leaf->minimum > maximum)
            return false;
    }
    return true;
}

static int holds_key(struct mr_delta_resolution *r, const struct mr_delta_scan *scan,
                     const struct mr_delta_file *file, struct mr_error *error)
{
    r->found = r->columns->field_count == 0; /* then there is only one row */
    if (r->found)
        return MR_OK;
    struct mr_arena scratch;
    mr_arena_init(&scratch);
    bool maybe = may_hold(r, &scratch, file);
    mr_arena_release(&scratch);
    return maybe ? read_file(r, scan, file, find_key, r, error) : MR_OK;
}

/* ---- files written anew ---- */
struct rewrite {
    struct mr_delta_resolution *r;
    const struct mr_type *file_schema; /* the table's columns but those it is partitioned by */
    int *file_columns, *key_columns;   /* in the table's schema */
    struct mr_delta_part part;         /* of the file being written */
    struct mr_delta_out *out;
};

static int plan_rewrite(struct mr_delta_resolution *r, const struct mr_delta_snapshot *snapshot,
                        struct rewrite *rewrite, struct mr_error *error)
{
    const struct mr_type *schema = snapshot->schema;
    int count = 0;
    struct mr_field *fields = MR_ARENA_ARRAY(&r->arena, struct mr_field, schema->field_count + 1);
    *rewrite = (struct rewrite){
        .r = r,
        .part = {.directory = MR_STR("")},
        .file_columns = MR_ARENA_ARRAY(&r->arena, int, schema->field_count + 1),
        .key_columns = MR_ARENA_ARRAY(&r->arena, int, r->manifest->key_count + 1),
    };
    if (!fields || !rewrite->file_columns || !rewrite->key_columns)
        return mr_error_memory(error, sizeof(*fields) * (size_t)schema->field_count);
    for (int i = 0; i < schema->field_count; i++) {
        if (mr_delta_partition_index(&snapshot->metadata, mr_str_of(schema->fields[i].name)) >= 0)
            continue;
        rewrite->file_columns[count] = i;
        fields[count] = schema->fields[i];
        fields[count++].nullable = true;
    }
    for (int i = 0; i < r->manifest->key_count; i++)
        rewrite->key_columns[i] = mr_type_field(schema, r->manifest->keys[i], false, NULL);
    rewrite->file_schema = mr_type_struct(&r->arena, fields, count);
    return rewrite->file_schema ? MR_OK : mr_error_memory(error, sizeof(*fields) * (size_t)count);
}

static int end_file(struct rewrite *rewrite, struct mr_error *error)
{
    struct mr_delta_out *out = rewrite->out;
    rewrite->out = NULL;
    return out ? mr_delta_out_finish(rewrite->r->s, out, &rewrite->r->written, error) : MR_OK;
}

static int write_rows(struct rewrite *rewrite, const struct mr_batch *batch, const int32_t *rows,
                      int64_t count, struct mr_error *error)
{
    struct mr_delta_sink *s = rewrite->r->s;
    struct mr_batch projected = {0};
    if (!rewrite->out) {
        pthread_mutex_lock(&s->writers.lock);
        int64_t number = s->writers.next_number++;
        pthread_mutex_unlock(&s->writers.lock);
        MR_TRY(mr_delta_out_open(s, rewrite->file_schema, &rewrite->part, number, rewrite->r->manifest->batch,
                                 &rewrite->out, error));
    }
    int status = mr_batch_init(&projected, rewrite->file_schema, 0, error);
    projected.length = count;
    for (int i = 0; status >= 0 && i < rewrite->file_schema->field_count; i++)
        status = mr_column_take(batch->columns[rewrite->file_columns[i]], rows, count, &projected.columns[i],
                                error);
    if (status >= 0)
        status = mr_parquet_writer_write(rewrite->out->parquet, &projected, error);
    mr_batch_release(&projected);
    if (status >= 0 && mr_parquet_writer_bytes(rewrite->out->parquet) >= s->roll_bytes)
        return end_file(rewrite, error);
    return status < 0 ? status : MR_OK;
}

/* Writes the rows whose key is not ours. */
static int keep_others(void *ctx, const struct mr_batch *batch, struct mr_error *error)
{
    struct rewrite *rewrite = ctx;
    struct mr_delta_resolution *r = rewrite->r;
    int32_t *rows = mr_allocate(sizeof(*rows) * (size_t)(batch->length + 1));
    int64_t count = 0;
    int status = rows ? MR_OK : mr_error_memory(error, sizeof(*rows) * (size_t)batch->length);
    for (int64_t row = 0; status == MR_OK && row < batch->length; row++) {
        mr_text_clear(&r->key);
        for (int i = 0; i < r->manifest->key_count; i++)
            mr_key_append(&r->key, batch->columns[rewrite->key_columns[i]], row);
        rows[count] = (int32_t)row;
        count += mr_map_get(&r->keys, mr_text_str(&r->key)) == NULL;
        if (r->key.failed)
            status = mr_error_memory(error, r->key.size);
    }
    if (status == MR_OK && count > 0)
        status = write_rows(rewrite, batch, rows, count, error);
    mr_free(rows);
    return status;
}

/* The part of a file: its values as its add has them, and the directory that goes with them. */
static int set_part(struct rewrite *rewrite, const struct mr_delta_snapshot *snapshot,
                    const struct mr_delta_file *file, struct mr_error *error)
{
    const struct mr_delta_metadata *metadata = &snapshot->metadata;
    struct mr_text directory;
    mr_text_init(&directory);
    for (int i = 0; i < metadata->partition_column_count; i++) {
        for (int k = 0; k < file->partition_values.count; k++) {
            const struct mr_delta_pair *pair = &file->partition_values.items[k];
            if (mr_str_equal_nocase(pair->key, metadata->partition_columns[i]))
                mr_delta_partition_path(&directory, pair->key, pair->value,
                                        pair->is_null || pair->value.size == 0);
        }
    }
    int status = directory.failed ? mr_error_memory(error, directory.size) : MR_OK;
    bool same =
        directory.size == rewrite->part.directory.size &&
        (directory.size == 0 || memcmp(directory.data, rewrite->part.directory.data, directory.size) == 0);
    if (status == MR_OK && !same)
        status = end_file(rewrite, error); /* of the part before */
    if (status == MR_OK && !same) {
        char *copy = mr_arena_copy_text(&rewrite->r->arena, directory.data, directory.size);
        rewrite->part.directory = (struct mr_str){copy, directory.size};
        if (!copy)
            status = mr_error_memory(error, directory.size);
    }
    if (!rewrite->out)
        rewrite->part.values = file->partition_values;
    mr_text_release(&directory);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    const struct mr_delta_entry *x = *(const struct mr_delta_entry *const *)a,
                                *y = *(const struct mr_delta_entry *const *)b;
    return mr_str_compare(x->file.path, y->file.path);
}

/* The files that hold keys, by path: files of one partition follow each other. */
static int find_files(struct mr_delta_resolution *r, const struct mr_delta_snapshot *snapshot,
                      const struct mr_delta_scan *scan, const struct mr_delta_entry ***out, size_t *count,
                      struct mr_error *error)
{
    size_t at = 0, found = 0;
    const struct mr_delta_entry **files =
        MR_ARENA_ARRAY(&r->arena, const struct mr_delta_entry *, snapshot->files.count + 1);
    if (!files)
        return mr_error_memory(error, sizeof(*files) * snapshot->files.count);
    const struct mr_delta_entry *entry = mr_delta_set_next(&snapshot->files, &at);
    for (; entry; entry = mr_delta_set_next(&snapshot->files, &at)) {
        MR_TRY(holds_key(r, scan, &entry->file, error));
        if (r->found)
            files[found++] = entry;
    }
    qsort(files, found, sizeof(*files), compare_paths);
    *out = files;
    *count = found;
    return MR_OK;
}

static int rewrite_files(struct mr_delta_resolution *r, const struct mr_delta_snapshot *snapshot,
                         const struct mr_delta_entry **files, size_t count, struct mr_text *actions,
                         struct mr_error *error)
{
    struct mr_delta_scan *scan = NULL;
    struct rewrite rewrite;
    int64_t now_ms = mr_env()->now_us() / 1000;
    MR_TRY(plan_rewrite(r, snapshot, &rewrite, error));
    MR_TRY(
        mr_delta_scan_new(&scan, snapshot->schema, &snapshot->metadata, snapshot->schema, NULL, NULL, error));
    int status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < count; i++) {
        status = set_part(&rewrite, snapshot, &files[i]->file, error);
        if (status == MR_OK)
            status = read_file(r, scan, &files[i]->file, keep_others, &rewrite, error);
        mr_delta_remove_print(actions, &files[i]->file, now_ms, true);
    }
    if (status == MR_OK)
        status = end_file(&rewrite, error);
    if (rewrite.out)
        mr_delta_out_free(rewrite.out);
    mr_delta_scan_free(scan);
    if (status == MR_OK)
        status = mr_delta_written_sync(r->s, &r->written, error);
    if (status == MR_OK)
        mr_text_append(actions, r->written.adds.data, r->written.adds.size);
    r->removed = (int64_t)count;
    return status;
}

int mr_delta_resolution_print(struct mr_delta_resolution *r, const struct mr_delta_snapshot *snapshot,
                              struct mr_text *actions, struct mr_error *error)
{
    struct mr_delta_scan *scan = NULL;
    const struct mr_delta_entry **files = NULL;
    size_t count = 0;
    mr_delta_written_release(&r->written); /* of an attempt that lost */
    mr_delta_written_init(&r->written);
    MR_TRY(find_columns(r, snapshot, error));
    MR_TRY(mr_delta_scan_new(&scan, r->columns, &snapshot->metadata, snapshot->schema, NULL, NULL, error));
    int status = r->read ? MR_OK : read_keys(r, scan, error);
    if (status == MR_OK)
        status = find_files(r, snapshot, scan, &files, &count, error);
    mr_delta_scan_free(scan);
    if (status == MR_OK && count > 0)
        status = rewrite_files(r, snapshot, files, count, actions, error);
    return status;
}

void mr_delta_resolution_counts(const struct mr_delta_resolution *r, int64_t *removed, int64_t *added)
{
    *removed = r->removed;
    *added = r->written.files;
}
