/* sinks/delta_manifest.c: what a decision keeps of a batch for this sink.
 *
 * Format, version 1: a line of JSON, then the adds as the log will have them, one line each.
 *   {"manifest":"delta","version":1,"tableId":…,"batch":…,"decision":…,
 *    "predecessor":{"batch":…,"decision":…},"attempt":"<hex>",
 *    "mode":"Append"|"Update"|"Complete","queryId":…,"userMetadata":…,"replace":…,"keys":[…]|absent,
 *    "create":…,"schema":"<schema JSON>",
 *    "partitionColumns":[…],"metadata":{<metaData action>}|absent,"rows":…,"bytes":…,"files":…}
 * A newer version is refused. Members may be added without a new version when leaving them out changes
 * nothing. */
#include "sinks/delta.h"

#define VERSION 1

static void number(struct mr_json_writer *w, const char *key, int64_t value)
{
    mr_json_key(w, key);
    mr_json_i64(w, value);
}

static void text(struct mr_json_writer *w, const char *key, struct mr_str value)
{
    mr_json_key(w, key);
    mr_json_str(w, value);
}

static void flag(struct mr_json_writer *w, const char *key, bool value)
{
    mr_json_key(w, key);
    mr_json_bool(w, value);
}

/* The metaData action of a schema that is replaced, without what surrounds it in a log line. */
static int print_metadata(struct mr_delta_sink *s, struct mr_json_writer *w, struct mr_error *error)
{
    struct mr_text line;
    struct mr_delta_metadata metadata;
    static const char before[] = "{\"metaData\":", after[] = "}\n";
    mr_text_init(&line);
    pthread_mutex_lock(&s->guard);
    int status = mr_delta_target_metadata(s, &s->table.snapshot.metadata, &metadata, error);
    if (status == MR_OK)
        mr_delta_metadata_print(&line, &metadata);
    pthread_mutex_unlock(&s->guard);
    if (status == MR_OK && line.failed)
        status = mr_error_memory(error, line.size);
    if (status == MR_OK) {
        size_t around = sizeof(before) - 1 + sizeof(after) - 1;
        mr_json_key(w, "metadata");
        mr_json_raw(w, (struct mr_str){line.data + sizeof(before) - 1, line.size - around});
    }
    mr_text_release(&line);
    return status;
}

/* The columns that name a row, as the table spells them. */
static void print_keys(struct mr_json_writer *w, const struct mr_delta_sink *s)
{
    const struct mr_row_key *key = s->sink->row_key;
    mr_json_key(w, "keys");
    mr_json_begin_array(w);
    for (int i = 0; i < key->count; i++)
        mr_json_cstr(w, s->data_schema->fields[key->columns[i]].name);
    mr_json_end_array(w);
}

int mr_delta_manifest_print(struct mr_delta_sink *s, const struct mr_delta_manifest *m, struct mr_text *out,
                            struct mr_error *error)
{
    struct mr_json_writer w = {.out = out};
    struct mr_text schema;
    mr_text_init(&schema);
    mr_schema_to_json(&schema, s->data_schema);
    mr_json_begin_object(&w);
    text(&w, "manifest", MR_STR("delta"));
    number(&w, "version", VERSION);
    text(&w, "tableId", m->table_id);
    number(&w, "batch", m->batch);
    number(&w, "decision", (int64_t)m->decision_id);
    mr_json_key(&w, "predecessor");
    mr_json_begin_object(&w);
    number(&w, "batch", m->predecessor.batch);
    number(&w, "decision", (int64_t)m->predecessor.decision_id);
    mr_json_end_object(&w);
    text(&w, "attempt", m->attempt);
    text(&w, "mode", m->mode);
    text(&w, "queryId", m->query_id);
    if (m->user_metadata.size > 0)
        text(&w, "userMetadata", m->user_metadata);
    flag(&w, "replace", m->replace);
    if (m->upsert)
        print_keys(&w, s);
    flag(&w, "create", m->create);
    text(&w, "schema", mr_text_str(&schema));
    mr_json_key(&w, "partitionColumns");
    mr_json_begin_array(&w);
    for (int i = 0; i < m->partition_count; i++)
        mr_json_str(&w, m->partition_columns[i]);
    mr_json_end_array(&w);
    int status = m->replace && s->overwrite_schema ? print_metadata(s, &w, error) : MR_OK;
    number(&w, "rows", m->rows);
    number(&w, "bytes", m->bytes);
    number(&w, "files", m->files);
    mr_json_end_object(&w);
    mr_text_append_char(out, '\n');
    mr_text_append(out, m->adds.data, m->adds.size);
    if (status == MR_OK && (out->failed || schema.failed))
        status = mr_error_memory(error, out->size);
    mr_text_release(&schema);
    return status;
}

static int damaged(struct mr_error *error, const char *what)
{
    return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR",
                        "A manifest of the Delta sink in the checkpoint is damaged: %s. The batch cannot be "
                        "published; keep it "
                        "aside with `millrace checkpoint set-aside`.",
                        what);
}

static int parse_names(struct mr_arena *arena, const struct mr_json *list, struct mr_str **out, int *count,
                       struct mr_error *error)
{
    *count = 0;
    *out = MR_ARENA_ARRAY(arena, struct mr_str, list->count + 1);
    if (!*out)
        return mr_error_memory(error, list->count * sizeof(struct mr_str));
    for (const struct mr_json *item = list->first; item; item = item->next)
        (*out)[(*count)++] = item->text;
    return MR_OK;
}

int mr_delta_manifest_parse(struct mr_arena *arena, struct mr_str text, struct mr_delta_manifest *out,
                            struct mr_error *error)
{
    const char *newline = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    struct mr_json *root = NULL;
    struct mr_str kind = {0};
    int64_t version = 0, decision = 0, before = 0;
    memset(out, 0, sizeof(*out));
    if (!newline)
        return damaged(error, "it has no first line");
    struct mr_str head = {text.data, (size_t)(newline - text.data)};
    if (mr_json_parse(arena, head, &root, error) < 0)
        return damaged(error, "its first line is no JSON");
    mr_json_get_str(root, "manifest", &kind);
    mr_json_get_i64(root, "version", &version);
    if (!mr_str_equal(kind, MR_STR("delta")))
        return damaged(error, "it belongs to another kind of sink");
    if (version != VERSION)
        return mr_error_set(error, MR_E_UNSUPPORTED, "INTERNAL_ERROR",
                            "A manifest of the Delta sink has format version %lld; this Millrace knows "
                            "version %d. Use the newer "
                            "Millrace that wrote it.",
                            (long long)version, VERSION);
    const struct mr_json *predecessor = mr_json_member(root, "predecessor"),
                         *columns = mr_json_member(root, "partitionColumns");
    bool whole =
        mr_json_get_str(root, "tableId", &out->table_id) && mr_json_get_i64(root, "batch", &out->batch) &&
        mr_json_get_i64(root, "decision", &decision) && mr_json_get_str(root, "attempt", &out->attempt) &&
        mr_json_get_str(root, "mode", &out->mode) && mr_json_get_str(root, "queryId", &out->query_id) &&
        mr_json_get_bool(root, "replace", &out->replace) && mr_json_get_bool(root, "create", &out->create) &&
        mr_json_get_str(root, "schema", &out->schema_json) && mr_json_get_i64(root, "rows", &out->rows) &&
        mr_json_get_i64(root, "bytes", &out->bytes) && mr_json_get_i64(root, "files", &out->files) &&
        predecessor && mr_json_get_i64(predecessor, "batch", &out->predecessor.batch) &&
        mr_json_get_i64(predecessor, "decision", &before) && columns && columns->type == MR_JSON_ARRAY;
    if (!whole)
        return damaged(error, "a member is missing");
    mr_json_get_str(root, "userMetadata", &out->user_metadata);
    out->metadata = mr_json_member(root, "metadata");
    out->decision_id = (uint64_t)decision;
    out->predecessor.decision_id = (uint64_t)before;
    out->predecessor.present = true;
    MR_TRY(parse_names(arena, columns, &out->partition_columns, &out->partition_count, error));
    const struct mr_json *keys = mr_json_member(root, "keys");
    out->upsert = keys && keys->type == MR_JSON_ARRAY;
    if (out->upsert)
        MR_TRY(parse_names(arena, keys, &out->keys, &out->key_count, error));
    out->adds = (struct mr_str){newline + 1, text.size - head.size - 1};
    return MR_OK;
}
