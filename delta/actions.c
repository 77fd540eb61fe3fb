/* delta/actions.c: lines of a commit -> actions. Members this version does not know are passed over, as the
 * protocol asks; members an action cannot do without are asked for. */
#include "delta/delta.h"

static int bad(struct mr_error *error, const char *action, const char *member)
{
    return mr_error_set(
        error, MR_E_CORRUPT, "DELTA_TXN_LOG_FAILED_INTEGRITY",
        "An action '%s' of the table's log has no valid '%s'. The log was damaged, or not written by a Delta "
        "writer; restore the file from a copy.",
        action, member);
}

/* An object of text values; other types of values are kept as their raw text (old writers put numbers there).
 */
static int parse_pairs(struct mr_arena *arena, const struct mr_json *object, struct mr_delta_pairs *out,
                       struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    if (!object || object->type != MR_JSON_OBJECT || object->count == 0)
        return MR_OK;
    out->items = MR_ARENA_ARRAY(arena, struct mr_delta_pair, object->count);
    if (!out->items)
        return mr_error_memory(error, object->count * sizeof(*out->items));
    for (const struct mr_json *member = object->first; member; member = member->next) {
        struct mr_delta_pair *pair = &out->items[out->count++];
        pair->key = member->key;
        pair->is_null = member->type == MR_JSON_NULL;
        if (!pair->is_null)
            pair->value = member->type == MR_JSON_STRING ? member->text : member->raw;
    }
    return MR_OK;
}

static int parse_strings(struct mr_arena *arena, const struct mr_json *array, struct mr_str **out, int *count,
                         struct mr_error *error)
{
    *out = NULL;
    *count = 0;
    if (!array || array->type != MR_JSON_ARRAY || array->count == 0)
        return MR_OK;
    *out = MR_ARENA_ARRAY(arena, struct mr_str, array->count);
    if (!*out)
        return mr_error_memory(error, array->count * sizeof(**out));
    for (const struct mr_json *item = array->first; item; item = item->next)
        if (item->type == MR_JSON_STRING)
            (*out)[(*count)++] = item->text;
    return MR_OK;
}

static int parse_vector(const struct mr_json *object, struct mr_delta_vector *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->offset = -1;
    if (!object || object->type != MR_JSON_OBJECT)
        return MR_OK;
    struct mr_str storage = {0};
    int64_t offset = -1, size = -1;
    mr_json_get_str(object, "storageType", &storage);
    bool whole = mr_json_get_str(object, "pathOrInlineDv", &out->content) &&
                 mr_json_get_i64(object, "sizeInBytes", &size) &&
                 mr_json_get_i64(object, "cardinality", &out->cardinality);
    mr_json_get_i64(object, "offset", &offset);
    if (!whole || storage.size != 1 || !strchr("uip", storage.data[0]) || size < 0 || size > INT32_MAX ||
        offset < -1 || offset > INT32_MAX)
        return bad(error, "add", "deletionVector");
    out->storage = storage.data[0];
    out->offset = (int32_t)offset;
    out->size_bytes = (int32_t)size;
    return MR_OK;
}

static int parse_file(struct mr_arena *arena, const struct mr_json *object, const char *kind,
                      struct mr_delta_file *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->size_bytes = out->deleted_ms = out->base_row_id = out->row_commit_version = -1;
    out->data_change = true;
    if (!mr_json_get_str(object, "path", &out->path) || out->path.size == 0)
        return bad(error, kind, "path");
    mr_json_get_i64(object, "size", &out->size_bytes);
    mr_json_get_i64(object, "modificationTime", &out->modified_ms);
    mr_json_get_i64(object, "deletionTimestamp", &out->deleted_ms);
    mr_json_get_bool(object, "dataChange", &out->data_change);
    mr_json_get_str(object, "stats", &out->stats);
    mr_json_get_i64(object, "baseRowId", &out->base_row_id);
    mr_json_get_i64(object, "defaultRowCommitVersion", &out->row_commit_version);
    MR_TRY(parse_pairs(arena, mr_json_member(object, "partitionValues"), &out->partition_values, error));
    MR_TRY(parse_pairs(arena, mr_json_member(object, "tags"), &out->tags, error));
    return parse_vector(mr_json_member(object, "deletionVector"), &out->vector, error);
}

static int parse_metadata(struct mr_arena *arena, const struct mr_json *object, struct mr_delta_metadata *out,
                          struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->created_ms = -1;
    if (!mr_json_get_str(object, "id", &out->id))
        return bad(error, "metaData", "id");
    struct mr_str provider = MR_STR("parquet");
    const struct mr_json *format = mr_json_member(object, "format");
    if (format && format->type == MR_JSON_OBJECT)
        mr_json_get_str(format, "provider", &provider);
    if (!mr_str_equal(provider, MR_STR("parquet")))
        return mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_UNSUPPORTED_FEATURES_FOR_READ",
                            "The table's data files have the format '%.*s'; only parquet is supported.",
                            (int)provider.size, provider.data);
    mr_json_get_str(object, "name", &out->name);
    mr_json_get_str(object, "description", &out->description);
    mr_json_get_str(object, "schemaString", &out->schema_json);
    mr_json_get_i64(object, "createdTime", &out->created_ms);
    MR_TRY(parse_pairs(arena, mr_json_member(object, "configuration"), &out->configuration, error));
    return parse_strings(arena, mr_json_member(object, "partitionColumns"), &out->partition_columns,
                         &out->partition_column_count, error);
}

static int parse_protocol(struct mr_arena *arena, const struct mr_json *object, struct mr_delta_protocol *out,
                          struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    int64_t reader = 0, writer = 0;
    mr_json_get_i64(object, "minReaderVersion", &reader);
    mr_json_get_i64(object, "minWriterVersion", &writer);
    if (reader < 1 || reader > INT32_MAX)
        return bad(error, "protocol", "minReaderVersion");
    if (writer < 0 || writer > INT32_MAX)
        return bad(error, "protocol", "minWriterVersion");
    out->min_reader = (int)reader;
    out->min_writer = (int)writer;
    const struct mr_json *readers = mr_json_member(object, "readerFeatures");
    const struct mr_json *writers = mr_json_member(object, "writerFeatures");
    out->has_reader_features = readers && readers->type == MR_JSON_ARRAY;
    out->has_writer_features = writers && writers->type == MR_JSON_ARRAY;
    MR_TRY(parse_strings(arena, readers, &out->reader_features, &out->reader_feature_count, error));
    return parse_strings(arena, writers, &out->writer_features, &out->writer_feature_count, error);
}

static int parse_txn(const struct mr_json *object, struct mr_delta_txn *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->updated_ms = -1;
    if (!mr_json_get_str(object, "appId", &out->app_id))
        return bad(error, "txn", "appId");
    if (!mr_json_get_i64(object, "version", &out->version))
        return bad(error, "txn", "version");
    mr_json_get_i64(object, "lastUpdated", &out->updated_ms);
    return MR_OK;
}

static int parse_domain(const struct mr_json *object, struct mr_delta_domain *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    if (!mr_json_get_str(object, "domain", &out->name))
        return bad(error, "domainMetadata", "domain");
    mr_json_get_str(object, "configuration", &out->configuration);
    mr_json_get_bool(object, "removed", &out->removed);
    return MR_OK;
}

static int parse_member(struct mr_arena *arena, const struct mr_json *member, struct mr_delta_action *out,
                        struct mr_error *error)
{
    struct mr_str key = member->key;
    if (mr_str_equal(key, MR_STR("add"))) {
        out->kind = MR_DELTA_ADD;
        return parse_file(arena, member, "add", &out->file, error);
    }
    if (mr_str_equal(key, MR_STR("remove"))) {
        out->kind = MR_DELTA_REMOVE;
        return parse_file(arena, member, "remove", &out->file, error);
    }
    if (mr_str_equal(key, MR_STR("txn"))) {
        out->kind = MR_DELTA_TXN;
        return parse_txn(member, &out->txn, error);
    }
    if (mr_str_equal(key, MR_STR("commitInfo"))) {
        out->kind = MR_DELTA_COMMIT_INFO;
        out->info = member;
        return MR_OK;
    }
    if (mr_str_equal(key, MR_STR("metaData"))) {
        out->kind = MR_DELTA_METADATA;
        return parse_metadata(arena, member, &out->metadata, error);
    }
    if (mr_str_equal(key, MR_STR("protocol"))) {
        out->kind = MR_DELTA_PROTOCOL;
        return parse_protocol(arena, member, &out->protocol, error);
    }
    if (mr_str_equal(key, MR_STR("domainMetadata"))) {
        out->kind = MR_DELTA_DOMAIN;
        return parse_domain(member, &out->domain, error);
    }
    if (mr_str_equal(key, MR_STR("sidecar"))) {
        out->kind = MR_DELTA_SIDECAR;
        return mr_json_get_str(member, "path", &out->sidecar) ? MR_OK : bad(error, "sidecar", "path");
    }
    return MR_OK;
}

int mr_delta_action_parse(struct mr_arena *arena, struct mr_str line, struct mr_delta_action *out,
                          struct mr_error *error)
{
    struct mr_json *root = NULL;
    memset(out, 0, sizeof(*out));
    MR_TRY(mr_json_parse(arena, line, &root, error));
    if (root->type != MR_JSON_OBJECT)
        return mr_error_set(error, MR_E_CORRUPT, "DELTA_TXN_LOG_FAILED_INTEGRITY",
                            "A line of the table's log is not a JSON object.");
    for (const struct mr_json *member = root->first; member; member = member->next)
        if (out->kind == MR_DELTA_NONE && member->type == MR_JSON_OBJECT)
            MR_TRY(parse_member(arena, member, out, error));
    return MR_OK;
}

/* A whole line with an add or a remove, as every writer begins it; torn ones are left to the parser. */
static bool is_file_action(struct mr_str line)
{
    return (mr_str_starts_with(line, MR_STR("{\"add\":{")) ||
            mr_str_starts_with(line, MR_STR("{\"remove\":{"))) &&
           mr_str_ends_with(line, MR_STR("}}"));
}

int mr_delta_commit_parse(struct mr_arena *arena, const char *name, struct mr_str text, bool files,
                          int (*each)(void *ctx, const struct mr_delta_action *action,
                                      struct mr_error *error),
                          void *ctx, struct mr_error *error)
{
    int64_t number = 0, actions = 0;
    size_t at = 0;
    while (at < text.size) {
        const char *newline = memchr(text.data + at, '\n', text.size - at);
        size_t size = newline ? (size_t)(newline - text.data) - at : text.size - at;
        struct mr_str line = {text.data + at, size};
        number++;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (line.size > 0) {
            struct mr_delta_action action;
            mr_arena_clear(arena);
            int status = MR_OK;
            if (!files && is_file_action(line))
                action = (struct mr_delta_action){.kind = MR_DELTA_NONE};
            else
                status = mr_delta_action_parse(arena, line, &action, error);
            if (status >= 0) {
                actions++;
                status = each(ctx, &action, error);
            } else if (status == MR_E_CORRUPT) {
                error->offset = -1; /* was relative to the line */
                mr_error_at(error, name, number, 0, (int64_t)at);
            }
            if (status != MR_OK)
                return status;
        }
        at += size + 1;
    }
    if (actions > 0)
        return MR_OK;
    mr_error_set(error, MR_E_CORRUPT, "DELTA_TXN_LOG_FAILED_INTEGRITY",
                 "The commit file holds no action: its writer was interrupted before the file was on disk, "
                 "and what it was to "
                 "commit is unknown. Remove the file if its writer reported a failure, else restore it.");
    return mr_error_at(error, name, 0, 0, 0);
}

struct mr_str mr_delta_property(const struct mr_delta_metadata *metadata, const char *key)
{
    for (int i = 0; i < metadata->configuration.count; i++)
        if (mr_str_equal(metadata->configuration.items[i].key, mr_str_of(key)))
            return metadata->configuration.items[i].value;
    return (struct mr_str){0};
}

bool mr_delta_property_is(const struct mr_delta_metadata *metadata, const char *key, bool fallback)
{
    struct mr_str value = mr_delta_property(metadata, key);
    if (value.size == 0)
        return fallback;
    return mr_str_equal_nocase(value, MR_STR("true"));
}
