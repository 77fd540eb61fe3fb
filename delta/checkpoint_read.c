/* delta/checkpoint_read.c: rows of a checkpoint -> actions. Only the columns that the snapshot keeps are read
 * from the file: opening a table for appending reads neither adds nor statistics. */
#include "delta/log.h"

#include <stdio.h>

#define STRINGS "MAP<STRING, STRING>"
#define VECTOR                                                                                               \
    "STRUCT<storageType: STRING, pathOrInlineDv: STRING, offset: INT, sizeInBytes: INT, cardinality: "       \
    "BIGINT>"
static const char metadata_ddl[] =
    "metaData STRUCT<id: STRING, name: STRING, description: STRING, schemaString: STRING, partitionColumns: "
    "ARRAY<STRING>, "
    "configuration: " STRINGS ", createdTime: BIGINT, format: STRUCT<provider: STRING>>, "
    "protocol STRUCT<minReaderVersion: INT, minWriterVersion: INT, readerFeatures: ARRAY<STRING>, "
    "writerFeatures: ARRAY<STRING>>, "
    "txn STRUCT<appId: STRING, version: BIGINT, lastUpdated: BIGINT>, "
    "domainMetadata STRUCT<domain: STRING, configuration: STRING, removed: BOOLEAN>, "
    "sidecar STRUCT<path: STRING>";
static const char file_members[] =
    "path: STRING, size: BIGINT, dataChange: BOOLEAN, partitionValues: " STRINGS ", "
    "deletionVector: " VECTOR ", baseRowId: BIGINT, defaultRowCommitVersion: BIGINT";
static const char add_members[] = ", modificationTime: BIGINT";
static const char remove_members[] = ", deletionTimestamp: BIGINT, extendedFileMetadata: BOOLEAN";
static const char stats_members[] = ", stats: STRING, tags: " STRINGS;

static const struct mr_column *child(const struct mr_column *column, const char *name)
{
    int index = column ? mr_type_field(column->type, mr_str_of(name), true, NULL) : -1;
    return index < 0 ? NULL : column->children[index];
}

static struct mr_str get_str(const struct mr_column *column, const char *name, int64_t row)
{
    const struct mr_column *c = child(column, name);
    return c && !mr_column_is_null(c, row) ? mr_view_str(&c->views[row]) : (struct mr_str){0};
}

static int64_t get_number(const struct mr_column *column, const char *name, int64_t row, int64_t fallback)
{
    const struct mr_column *c = child(column, name);
    if (!c || mr_column_is_null(c, row))
        return fallback;
    if (c->type->id == MR_BOOLEAN)
        return c->booleans[row];
    return c->type->id == MR_INT ? c->i32[row] : c->i64[row];
}

/* Views of short strings point into the column itself, which outlives the action. */
static int get_pairs(struct mr_arena *arena, const struct mr_column *column, const char *name, int64_t row,
                     struct mr_delta_pairs *out, struct mr_error *error)
{
    *out = (struct mr_delta_pairs){0};
    const struct mr_column *c = child(column, name);
    if (!c || mr_column_is_null(c, row))
        return MR_OK;
    int32_t first = c->offsets[row], count = c->offsets[row + 1] - first;
    if (count == 0)
        return MR_OK;
    out->items = MR_ARENA_ARRAY(arena, struct mr_delta_pair, count);
    if (!out->items)
        return mr_error_memory(error, (size_t)count * sizeof(*out->items));
    out->count = count;
    for (int32_t i = 0; i < count; i++) {
        const struct mr_column *values = c->children[1];
        out->items[i].key = mr_view_str(&c->children[0]->views[first + i]);
        out->items[i].is_null = mr_column_is_null(values, first + i);
        if (!out->items[i].is_null)
            out->items[i].value = mr_view_str(&values->views[first + i]);
    }
    return MR_OK;
}

static int get_strings(struct mr_arena *arena, const struct mr_column *column, const char *name, int64_t row,
                       struct mr_str **out, int *count, bool *present, struct mr_error *error)
{
    const struct mr_column *c = child(column, name);
    *present = c && !mr_column_is_null(c, row);
    *count = 0;
    *out = NULL;
    if (!*present)
        return MR_OK;
    int32_t first = c->offsets[row], size = c->offsets[row + 1] - first;
    *out = MR_ARENA_ARRAY(arena, struct mr_str, size + 1);
    if (!*out)
        return mr_error_memory(error, (size_t)size * sizeof(**out));
    for (int32_t i = 0; i < size; i++)
        if (!mr_column_is_null(c->children[0], first + i))
            (*out)[(*count)++] = mr_view_str(&c->children[0]->views[first + i]);
    return MR_OK;
}

static int bad(struct mr_error *error, const char *what)
{
    return mr_error_set(error, MR_E_CORRUPT, "DELTA_TXN_LOG_FAILED_INTEGRITY",
                        "A row of the checkpoint has no valid %s.", what);
}

static int read_file(struct mr_arena *arena, const struct mr_column *column, int64_t row,
                     struct mr_delta_file *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->path = get_str(column, "path", row);
    if (out->path.size == 0)
        return bad(error, "path");
    out->size_bytes = get_number(column, "size", row, -1);
    out->modified_ms = get_number(column, "modificationTime", row, 0);
    out->deleted_ms = get_number(column, "deletionTimestamp", row, -1);
    out->data_change = get_number(column, "dataChange", row, 1) != 0;
    out->stats = get_str(column, "stats", row);
    out->base_row_id = get_number(column, "baseRowId", row, -1);
    out->row_commit_version = get_number(column, "defaultRowCommitVersion", row, -1);
    out->vector.offset = -1;
    const struct mr_column *vector = child(column, "deletionVector");
    if (vector && !mr_column_is_null(vector, row)) {
        struct mr_str storage = get_str(vector, "storageType", row);
        int64_t size = get_number(vector, "sizeInBytes", row, -1);
        if (storage.size > 1 || size < -1)
            return bad(error, "deletionVector");
        out->vector.storage =
            storage.size == 1 ? storage.data[0] : 0; /* an empty struct is how some writers say none */
        out->vector.content = get_str(vector, "pathOrInlineDv", row);
        out->vector.offset = (int32_t)get_number(vector, "offset", row, -1);
        out->vector.size_bytes = (int32_t)size;
        out->vector.cardinality = get_number(vector, "cardinality", row, 0);
    }
    MR_TRY(get_pairs(arena, column, "partitionValues", row, &out->partition_values, error));
    return get_pairs(arena, column, "tags", row, &out->tags, error);
}

static int read_metadata(struct mr_arena *arena, const struct mr_column *column, int64_t row,
                         struct mr_delta_metadata *out, struct mr_error *error)
{
    bool present = false;
    memset(out, 0, sizeof(*out));
    out->id = get_str(column, "id", row);
    if (out->id.size == 0)
        return bad(error, "metaData.id");
    out->name = get_str(column, "name", row);
    out->description = get_str(column, "description", row);
    out->schema_json = get_str(column, "schemaString", row);
    out->created_ms = get_number(column, "createdTime", row, -1);
    MR_TRY(get_strings(arena, column, "partitionColumns", row, &out->partition_columns,
                       &out->partition_column_count, &present, error));
    return get_pairs(arena, column, "configuration", row, &out->configuration, error);
}

static int read_protocol(struct mr_arena *arena, const struct mr_column *column, int64_t row,
                         struct mr_delta_protocol *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->min_reader = (int)get_number(column, "minReaderVersion", row, 0);
    out->min_writer = (int)get_number(column, "minWriterVersion", row, 0);
    if (out->min_reader < 1)
        return bad(error, "protocol");
    MR_TRY(get_strings(arena, column, "readerFeatures", row, &out->reader_features,
                       &out->reader_feature_count, &out->has_reader_features, error));
    return get_strings(arena, column, "writerFeatures", row, &out->writer_features,
                       &out->writer_feature_count, &out->has_writer_features, error);
}

static int read_row(struct mr_arena *arena, enum mr_delta_action_kind kind, const struct mr_column *column,
                    int64_t row, struct mr_delta_action *out, struct mr_error *error)
{
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    switch (kind) {
    case MR_DELTA_ADD:
    case MR_DELTA_REMOVE:
        return read_file(arena, column, row, &out->file, error);
    case MR_DELTA_METADATA:
        return read_metadata(arena, column, row, &out->metadata, error);
    case MR_DELTA_PROTOCOL:
        return read_protocol(arena, column, row, &out->protocol, error);
    case MR_DELTA_TXN:
        out->txn =
            (struct mr_delta_txn){get_str(column, "appId", row), get_number(column, "version", row, -1),
                                  get_number(column, "lastUpdated", row, -1)};
        return out->txn.app_id.data ? MR_OK : bad(error, "txn.appId");
    case MR_DELTA_DOMAIN:
        out->domain =
            (struct mr_delta_domain){get_str(column, "domain", row), get_str(column, "configuration", row),
                                     get_number(column, "removed", row, 0) != 0};
        return MR_OK;
    case MR_DELTA_SIDECAR:
        out->sidecar = get_str(column, "path", row);
        return out->sidecar.size > 0 ? MR_OK : bad(error, "sidecar.path");
    default:
        return MR_OK;
    }
}

static enum mr_delta_action_kind kind_of(const char *column)
{
    static const struct {
        const char *name;
        enum mr_delta_action_kind kind;
    } kinds[] = {{"add", MR_DELTA_ADD},           {"remove", MR_DELTA_REMOVE},
                 {"metaData", MR_DELTA_METADATA}, {"protocol", MR_DELTA_PROTOCOL},
                 {"txn", MR_DELTA_TXN},           {"domainMetadata", MR_DELTA_DOMAIN},
                 {"sidecar", MR_DELTA_SIDECAR}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, column) == 0)
            return kinds[i].kind;
    return MR_DELTA_NONE;
}

static int wanted_schema(const struct mr_delta_checkpoint_reading *reading, struct mr_arena *arena,
                         const struct mr_type **out, struct mr_error *error)
{
    const char *stats = reading->keep & MR_DELTA_KEEP_STATS ? stats_members : "";
    bool files = (reading->keep & MR_DELTA_KEEP_FILES) != 0,
         tombstones = (reading->keep & MR_DELTA_KEEP_TOMBSTONES) != 0;
    struct mr_text ddl;
    mr_text_init(&ddl);
    if (files)
        mr_text_format(&ddl, "add STRUCT<%s%s%s>", file_members, add_members, stats);
    if (tombstones)
        mr_text_format(&ddl, "%sremove STRUCT<%s%s%s>", ddl.size ? ", " : "", file_members, remove_members,
                       stats);
    if (!reading->files_only)
        mr_text_format(&ddl, "%s%s", ddl.size ? ", " : "", metadata_ddl);
    int status =
        ddl.failed ? mr_error_memory(error, ddl.size) : mr_schema_parse(arena, mr_text_str(&ddl), out, error);
    mr_text_release(&ddl);
    return status;
}

struct sidecars { /* paths gathered from a V2 checkpoint, in the arena */
    struct mr_arena arena;
    const char *paths[4096];
    int count;
    struct mr_delta_checkpoint_reading *reading;
};

static int pass_on(struct sidecars *sidecars, const struct mr_delta_action *action, struct mr_error *error)
{
    if (action->kind != MR_DELTA_SIDECAR)
        return sidecars->reading->each(sidecars->reading->ctx, action, error);
    char *path = mr_arena_copy_text(&sidecars->arena, action->sidecar.data, action->sidecar.size);
    if (!path)
        return mr_error_memory(error, action->sidecar.size);
    if (sidecars->count == (int)(sizeof(sidecars->paths) / sizeof(sidecars->paths[0])))
        return mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_UNSUPPORTED_FEATURES_FOR_READ",
                            "A checkpoint has over %d sidecars.", sidecars->count);
    sidecars->paths[sidecars->count++] = path;
    return MR_OK;
}

static int read_batch(struct sidecars *sidecars, const struct mr_batch *batch, struct mr_arena *arena,
                      struct mr_error *error)
{
    for (int i = 0; i < batch->schema->field_count; i++) {
        const struct mr_column *column = batch->columns[i];
        enum mr_delta_action_kind kind = kind_of(batch->schema->fields[i].name);
        for (int64_t row = 0; row < batch->length; row++) {
            struct mr_delta_action action;
            if (mr_column_is_null(column, row))
                continue;
            mr_arena_clear(arena);
            MR_TRY(read_row(arena, kind, column, row, &action, error));
            MR_TRY(pass_on(sidecars, &action, error));
        }
    }
    return MR_OK;
}

/* Are statistics there as add.stats_parsed and not as add.stats? */
static bool lacks_stats_json(const struct mr_type *schema)
{
    int add = mr_type_field(schema, MR_STR("add"), true, NULL);
    if (add < 0 || schema->fields[add].type->id != MR_STRUCT)
        return false;
    const struct mr_type *type = schema->fields[add].type;
    return mr_type_field(type, MR_STR("stats"), true, NULL) < 0 &&
           mr_type_field(type, MR_STR("stats_parsed"), true, NULL) >= 0;
}

/* A required field of the file may be read as a nullable one; the schema given is all nullable. */
static int read_parquet(struct sidecars *sidecars, struct mr_input *input, struct mr_error *error)
{
    struct mr_delta_checkpoint_reading *reading = sidecars->reading;
    struct mr_parquet_reader *reader = NULL;
    struct mr_parquet_scan *scan = NULL;
    struct mr_batch batch = {0};
    struct mr_arena types, scratch;
    const struct mr_type *wanted = NULL;
    mr_arena_init(&types);
    mr_arena_init(&scratch);
    int status = MR_OK;
    status = mr_parquet_reader_open(&reader, input, error); /* takes the input over, whatever it says */
    if (status < 0) {
        reader = NULL;
        goto err;
    }
    MR_ERR(wanted_schema(reading, &types, &wanted, error));
    reading->rows += mr_parquet_reader_rows(reader);
    reading->lacks_stats_json =
        reading->lacks_stats_json || lacks_stats_json(mr_parquet_reader_schema(reader));
    MR_ERR(mr_parquet_scan_open(&scan, reader, wanted, NULL, 0, mr_parquet_reader_row_groups(reader), error));
    while (status == MR_OK) {
        status = mr_parquet_scan_next(scan, MR_BATCH_ROWS, &batch, error);
        if (status == MR_OK)
            status = read_batch(sidecars, &batch, &scratch, error);
        mr_batch_release(&batch);
    }
    status = status == MR_END ? MR_OK : status;
err:
    if (scan)
        mr_parquet_scan_close(scan);
    if (reader)
        mr_parquet_reader_close(reader);
    mr_arena_release(&types);
    mr_arena_release(&scratch);
    return status;
}

static int read_json_each(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct sidecars *sidecars = ctx;
    sidecars->reading->rows++;
    return pass_on(sidecars, action, error);
}

static int read_one(struct sidecars *sidecars, const char *path, bool is_json, struct mr_error *error)
{
    struct mr_storage *storage = sidecars->reading->storage;
    int status = MR_OK;
    if (!is_json) {
        struct mr_input *input = NULL;
        MR_TRY(storage->type->input(storage, path, &input, error));
        status = read_parquet(sidecars, input, error);
    } else {
        struct mr_arena arena;
        struct mr_text text;
        mr_arena_init(&arena);
        mr_text_init(&text);
        status = storage->type->get(storage, path, &text, error);
        if (status == MR_END)
            status = mr_error_set(error, MR_E_CORRUPT, "DELTA_MISSING_PART_FILES",
                                  "%s: the checkpoint is gone.", path);
        if (status == MR_OK)
            status = mr_delta_commit_parse(&arena, path, mr_text_str(&text), true, read_json_each, sidecars,
                                           error);
        mr_text_release(&text);
        mr_arena_release(&arena);
    }
    if (status < 0)
        mr_error_at(error, path, 0, 0, -1);
    return status;
}

int mr_delta_checkpoint_read(struct mr_delta_checkpoint_reading *reading,
                             const struct mr_delta_checkpoint_name *names, size_t count,
                             struct mr_error *error)
{
    int status = MR_OK;
    struct sidecars *sidecars = mr_allocate_zeroed(sizeof(*sidecars));
    if (!sidecars)
        return mr_error_memory(error, sizeof(*sidecars));
    mr_arena_init(&sidecars->arena);
    sidecars->reading = reading;
    for (size_t i = 0; status == MR_OK && i < count; i++)
        status = read_one(sidecars, names[i].path, names[i].is_json, error);
    uint32_t files = MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_TOMBSTONES;
    bool files_only = reading->files_only;
    reading->files_only = true; /* sidecars hold nothing else */
    for (int i = 0; status == MR_OK && (reading->keep & files) && i < sidecars->count; i++) {
        const char *path = sidecars->paths[i];
        char *full = strchr(path, '/')
                         ? mr_arena_format(&sidecars->arena, "%s", path)
                         : mr_arena_format(&sidecars->arena, MR_DELTA_LOG "/_sidecars/%s", path);
        status = full ? read_one(sidecars, full, false, error) : mr_error_memory(error, strlen(path));
    }
    reading->files_only = files_only;
    mr_arena_release(&sidecars->arena);
    mr_free(sidecars);
    return status;
}
