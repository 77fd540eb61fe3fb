/* delta/print.c: actions -> lines of a commit, members in the order Spark writes them; and deep copies. */
#include "delta/delta.h"

/* An absent text is an empty one. */
static void text_of(struct mr_json_writer *w, struct mr_str value)
{
    mr_json_str(w, value.data ? value : MR_STR(""));
}

static void print_str(struct mr_json_writer *w, const char *key, struct mr_str value)
{
    mr_json_key(w, key);
    text_of(w, value);
}

static void print_i64(struct mr_json_writer *w, const char *key, int64_t value)
{
    mr_json_key(w, key);
    mr_json_i64(w, value);
}

static void print_bool(struct mr_json_writer *w, const char *key, bool value)
{
    mr_json_key(w, key);
    mr_json_bool(w, value);
}

static void print_pairs(struct mr_json_writer *w, const char *key, const struct mr_delta_pairs *pairs)
{
    mr_json_key(w, key);
    mr_json_begin_object(w);
    for (int i = 0; i < pairs->count; i++) {
        mr_json_key_str(w, pairs->items[i].key);
        if (pairs->items[i].is_null)
            mr_json_null(w);
        else
            text_of(w, pairs->items[i].value);
    }
    mr_json_end_object(w);
}

static void print_strings(struct mr_json_writer *w, const char *key, const struct mr_str *items, int count)
{
    mr_json_key(w, key);
    mr_json_begin_array(w);
    for (int i = 0; i < count; i++)
        text_of(w, items[i]);
    mr_json_end_array(w);
}

static void print_vector(struct mr_json_writer *w, const struct mr_delta_vector *vector)
{
    if (vector->storage == 0)
        return;
    mr_json_key(w, "deletionVector");
    mr_json_begin_object(w);
    print_str(w, "storageType", (struct mr_str){&vector->storage, 1});
    print_str(w, "pathOrInlineDv", vector->content);
    if (vector->offset >= 0)
        print_i64(w, "offset", vector->offset);
    print_i64(w, "sizeInBytes", vector->size_bytes);
    print_i64(w, "cardinality", vector->cardinality);
    mr_json_end_object(w);
}

static void begin(struct mr_json_writer *w, struct mr_text *out, const char *kind)
{
    *w = (struct mr_json_writer){.out = out};
    mr_json_begin_object(w);
    mr_json_key(w, kind);
    mr_json_begin_object(w);
}

static void end(struct mr_json_writer *w)
{
    mr_json_end_object(w);
    mr_json_end_object(w);
    mr_text_append_char(w->out, '\n');
}

static void print_row_ids(struct mr_json_writer *w, const struct mr_delta_file *file)
{
    if (file->base_row_id >= 0)
        print_i64(w, "baseRowId", file->base_row_id);
    if (file->row_commit_version >= 0)
        print_i64(w, "defaultRowCommitVersion", file->row_commit_version);
}

void mr_delta_add_print(struct mr_text *out, const struct mr_delta_file *file)
{
    struct mr_json_writer w;
    begin(&w, out, "add");
    print_str(&w, "path", file->path);
    print_pairs(&w, "partitionValues", &file->partition_values);
    print_i64(&w, "size", file->size_bytes);
    print_i64(&w, "modificationTime", file->modified_ms);
    print_bool(&w, "dataChange", file->data_change);
    if (file->stats.size > 0)
        print_str(&w, "stats", file->stats);
    if (file->tags.count > 0)
        print_pairs(&w, "tags", &file->tags);
    print_vector(&w, &file->vector);
    print_row_ids(&w, file);
    end(&w);
}

void mr_delta_remove_print(struct mr_text *out, const struct mr_delta_file *file, int64_t deleted_ms,
                           bool data_change)
{
    struct mr_json_writer w;
    begin(&w, out, "remove");
    print_str(&w, "path", file->path);
    print_i64(&w, "deletionTimestamp", deleted_ms);
    print_bool(&w, "dataChange", data_change);
    print_bool(&w, "extendedFileMetadata", true);
    print_pairs(&w, "partitionValues", &file->partition_values);
    if (file->size_bytes >= 0)
        print_i64(&w, "size", file->size_bytes);
    if (file->tags.count > 0)
        print_pairs(&w, "tags", &file->tags);
    print_vector(&w, &file->vector);
    print_row_ids(&w, file);
    end(&w);
}

void mr_delta_metadata_print(struct mr_text *out, const struct mr_delta_metadata *metadata)
{
    struct mr_json_writer w;
    begin(&w, out, "metaData");
    print_str(&w, "id", metadata->id);
    if (metadata->name.size > 0)
        print_str(&w, "name", metadata->name);
    if (metadata->description.size > 0)
        print_str(&w, "description", metadata->description);
    mr_json_key(&w, "format");
    mr_json_raw(&w, MR_STR("{\"provider\":\"parquet\",\"options\":{}}"));
    print_str(&w, "schemaString", metadata->schema_json);
    print_strings(&w, "partitionColumns", metadata->partition_columns, metadata->partition_column_count);
    print_pairs(&w, "configuration", &metadata->configuration);
    if (metadata->created_ms >= 0)
        print_i64(&w, "createdTime", metadata->created_ms);
    end(&w);
}

void mr_delta_protocol_print(struct mr_text *out, const struct mr_delta_protocol *protocol)
{
    struct mr_json_writer w;
    begin(&w, out, "protocol");
    print_i64(&w, "minReaderVersion", protocol->min_reader);
    print_i64(&w, "minWriterVersion", protocol->min_writer);
    if (protocol->has_reader_features)
        print_strings(&w, "readerFeatures", protocol->reader_features, protocol->reader_feature_count);
    if (protocol->has_writer_features)
        print_strings(&w, "writerFeatures", protocol->writer_features, protocol->writer_feature_count);
    end(&w);
}

void mr_delta_txn_print(struct mr_text *out, struct mr_str app_id, int64_t version, int64_t updated_ms)
{
    struct mr_json_writer w;
    begin(&w, out, "txn");
    print_str(&w, "appId", app_id);
    print_i64(&w, "version", version);
    if (updated_ms >= 0)
        print_i64(&w, "lastUpdated", updated_ms);
    end(&w);
}

void mr_delta_domain_print(struct mr_text *out, const struct mr_delta_domain *domain)
{
    struct mr_json_writer w;
    begin(&w, out, "domainMetadata");
    print_str(&w, "domain", domain->name);
    print_str(&w, "configuration", domain->configuration);
    print_bool(&w, "removed", domain->removed);
    end(&w);
}

/* ---- deep copies ---- */
static bool copy_str(struct mr_arena *arena, struct mr_str from, struct mr_str *to)
{
    *to = (struct mr_str){0};
    if (!from.data)
        return true;
    to->data = mr_arena_copy_text(arena, from.data, from.size);
    to->size = from.size;
    return to->data != NULL;
}

static bool copy_strings(struct mr_arena *arena, const struct mr_str *from, int count, struct mr_str **to)
{
    *to = NULL;
    if (count == 0)
        return true;
    *to = MR_ARENA_ARRAY(arena, struct mr_str, count);
    bool whole = *to != NULL;
    for (int i = 0; whole && i < count; i++)
        whole = copy_str(arena, from[i], &(*to)[i]);
    return whole;
}

static bool copy_pairs(struct mr_arena *arena, const struct mr_delta_pairs *from, struct mr_delta_pairs *to)
{
    *to = (struct mr_delta_pairs){0};
    if (from->count == 0)
        return true;
    to->items = MR_ARENA_ARRAY(arena, struct mr_delta_pair, from->count);
    to->count = from->count;
    bool whole = to->items != NULL;
    for (int i = 0; whole && i < from->count; i++) {
        to->items[i].is_null = from->items[i].is_null;
        whole = copy_str(arena, from->items[i].key, &to->items[i].key) &&
                copy_str(arena, from->items[i].value, &to->items[i].value);
    }
    return whole;
}

int mr_delta_metadata_copy(struct mr_arena *arena, const struct mr_delta_metadata *from,
                           struct mr_delta_metadata *to, struct mr_error *error)
{
    *to = *from;
    bool whole =
        copy_str(arena, from->id, &to->id) && copy_str(arena, from->name, &to->name) &&
        copy_str(arena, from->description, &to->description) &&
        copy_str(arena, from->schema_json, &to->schema_json) &&
        copy_strings(arena, from->partition_columns, from->partition_column_count, &to->partition_columns) &&
        copy_pairs(arena, &from->configuration, &to->configuration);
    return whole ? MR_OK : mr_error_memory(error, from->schema_json.size);
}

int mr_delta_protocol_copy(struct mr_arena *arena, const struct mr_delta_protocol *from,
                           struct mr_delta_protocol *to, struct mr_error *error)
{
    *to = *from;
    bool whole =
        copy_strings(arena, from->reader_features, from->reader_feature_count, &to->reader_features) &&
        copy_strings(arena, from->writer_features, from->writer_feature_count, &to->writer_features);
    return whole ? MR_OK : mr_error_memory(error, 0);
}
