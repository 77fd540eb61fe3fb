/* delta/checkpoint_write.c: the classic checkpoint of a version.
 *
 * The adds of the checkpoint before are streamed through: those that the tail (the commits since) touched are
 * left out, the tail's own follow. So the memory it takes is the tail's, plus the compressed bytes of the new
 * file, which must appear in one piece. */
#include "base/option.h"
#include "delta/log.h"

#include <stdio.h>

#define STRINGS "MAP<STRING, STRING>"
#define VECTOR                                                                                               \
    "STRUCT<storageType: STRING, pathOrInlineDv: STRING, offset: INT, sizeInBytes: INT, cardinality: "       \
    "BIGINT>"
#define DAY_MS (INT64_C(86400) * 1000)

enum columns { TXN, ADD, REMOVE, METADATA, PROTOCOL, DOMAIN };
static const char checkpoint_ddl[] =
    "txn STRUCT<appId: STRING, version: BIGINT, lastUpdated: BIGINT>, "
    "add STRUCT<path: STRING, partitionValues: " STRINGS
    ", size: BIGINT, modificationTime: BIGINT, dataChange: BOOLEAN, "
    "tags: " STRINGS ", deletionVector: " VECTOR
    ", baseRowId: BIGINT, defaultRowCommitVersion: BIGINT, stats: STRING>, "
    "remove STRUCT<path: STRING, deletionTimestamp: BIGINT, dataChange: BOOLEAN, extendedFileMetadata: "
    "BOOLEAN, "
    "partitionValues: " STRINGS ", size: BIGINT, tags: " STRINGS ", deletionVector: " VECTOR
    ", baseRowId: BIGINT, defaultRowCommitVersion: BIGINT>, "
    "metaData STRUCT<id: STRING, name: STRING, description: STRING, format: STRUCT<provider: STRING, "
    "options: " STRINGS ">, schemaString: STRING, partitionColumns: ARRAY<STRING>, configuration: " STRINGS
    ", createdTime: BIGINT>, "
    "protocol STRUCT<minReaderVersion: INT, minWriterVersion: INT, readerFeatures: ARRAY<STRING>, "
    "writerFeatures: ARRAY<STRING>>, "
    "domainMetadata STRUCT<domain: STRING, configuration: STRING, removed: BOOLEAN>";

/* ---- appending to columns; the first failure is kept, later calls do nothing ---- */
struct put {
    int status;
    struct mr_error *error;
};

static bool room(struct put *put, struct mr_column *c)
{
    if (put->status == MR_OK && c->length == c->capacity)
        put->status = mr_column_reserve(c, c->capacity * 2 + 16, put->error);
    return put->status == MR_OK;
}

static void put_null(struct put *put, struct mr_column *c)
{
    if (put->status == MR_OK)
        put->status = mr_column_append_null(c, put->error);
}

static void put_str(struct put *put, struct mr_column *c, struct mr_str value)
{
    if (!value.data) {
        put_null(put, c);
        return;
    }
    if (!room(put, c))
        return;
    put->status = mr_column_set_bytes(c, c->length, value.data, value.size, put->error);
    c->length++;
}

static void put_number(struct put *put, struct mr_column *c, bool present, int64_t value)
{
    if (!present) {
        put_null(put, c);
        return;
    }
    if (!room(put, c))
        return;
    mr_column_set_valid(c, c->length);
    if (c->type->id == MR_BOOLEAN)
        c->booleans[c->length] = value != 0;
    else if (c->type->id == MR_INT)
        c->i32[c->length] = (int32_t)value;
    else
        c->i64[c->length] = value;
    c->length++;
}

/* Starts a value of a STRUCT column; its children must each get one value then. */
static bool put_struct(struct put *put, struct mr_column *c)
{
    if (!room(put, c))
        return false;
    mr_column_set_valid(c, c->length++);
    return true;
}

/* Ends a value of an ARRAY or MAP column whose children have got their items. */
static void put_list_end(struct put *put, struct mr_column *c)
{
    if (!room(put, c))
        return;
    mr_column_set_valid(c, c->length);
    c->offsets[++c->length] = (int32_t)c->children[0]->length;
}

static void put_pairs(struct put *put, struct mr_column *c, const struct mr_delta_pairs *pairs,
                      bool null_when_empty)
{
    if (null_when_empty && pairs->count == 0) {
        put_null(put, c);
        return;
    }
    for (int i = 0; i < pairs->count; i++) {
        put_str(put, c->children[0], pairs->items[i].key);
        put_str(put, c->children[1], pairs->items[i].is_null ? (struct mr_str){0} : pairs->items[i].value);
    }
    put_list_end(put, c);
}

static void put_strings(struct put *put, struct mr_column *c, const struct mr_str *items, int count,
                        bool present)
{
    if (!present) {
        put_null(put, c);
        return;
    }
    for (int i = 0; i < count; i++)
        put_str(put, c->children[0], items[i]);
    put_list_end(put, c);
}

static void put_vector(struct put *put, struct mr_column *c, const struct mr_delta_vector *vector)
{
    if (vector->storage == 0) {
        put_null(put, c);
        return;
    }
    if (!put_struct(put, c))
        return;
    put_str(put, c->children[0], (struct mr_str){&vector->storage, 1});
    put_str(put, c->children[1], vector->content);
    put_number(put, c->children[2], vector->offset >= 0, vector->offset);
    put_number(put, c->children[3], true, vector->size_bytes);
    put_number(put, c->children[4], true, vector->cardinality);
}

static void put_add(struct put *put, struct mr_column *c, const struct mr_delta_file *file)
{
    put_str(put, c->children[0], file->path);
    put_pairs(put, c->children[1], &file->partition_values, false);
    put_number(put, c->children[2], true, file->size_bytes);
    put_number(put, c->children[3], true, file->modified_ms);
    put_number(put, c->children[4], true, false);
    put_pairs(put, c->children[5], &file->tags, true);
    put_vector(put, c->children[6], &file->vector);
    put_number(put, c->children[7], file->base_row_id >= 0, file->base_row_id);
    put_number(put, c->children[8], file->row_commit_version >= 0, file->row_commit_version);
    put_str(put, c->children[9], file->stats.size > 0 ? file->stats : (struct mr_str){0});
}

static void put_remove(struct put *put, struct mr_column *c, const struct mr_delta_file *file)
{
    put_str(put, c->children[0], file->path);
    put_number(put, c->children[1], file->deleted_ms >= 0, file->deleted_ms);
    put_number(put, c->children[2], true, false);
    put_number(put, c->children[3], true, file->size_bytes >= 0);
    put_pairs(put, c->children[4], &file->partition_values, file->size_bytes < 0);
    put_number(put, c->children[5], file->size_bytes >= 0, file->size_bytes);
    put_pairs(put, c->children[6], &file->tags, true);
    put_vector(put, c->children[7], &file->vector);
    put_number(put, c->children[8], file->base_row_id >= 0, file->base_row_id);
    put_number(put, c->children[9], file->row_commit_version >= 0, file->row_commit_version);
}

static void put_metadata(struct put *put, struct mr_column *c, const struct mr_delta_metadata *metadata)
{
    static const struct mr_delta_pairs none;
    put_str(put, c->children[0], metadata->id);
    put_str(put, c->children[1], metadata->name);
    put_str(put, c->children[2], metadata->description);
    if (put_struct(put, c->children[3])) {
        put_str(put, c->children[3]->children[0], MR_STR("parquet"));
        put_pairs(put, c->children[3]->children[1], &none, false);
    }
    put_str(put, c->children[4], metadata->schema_json);
    put_strings(put, c->children[5], metadata->partition_columns, metadata->partition_column_count, true);
    put_pairs(put, c->children[6], &metadata->configuration, false);
    put_number(put, c->children[7], metadata->created_ms >= 0, metadata->created_ms);
}

static void put_protocol(struct put *put, struct mr_column *c, const struct mr_delta_protocol *protocol)
{
    put_number(put, c->children[0], true, protocol->min_reader);
    put_number(put, c->children[1], true, protocol->min_writer);
    put_strings(put, c->children[2], protocol->reader_features, protocol->reader_feature_count,
                protocol->has_reader_features);
    put_strings(put, c->children[3], protocol->writer_features, protocol->writer_feature_count,
                protocol->has_writer_features);
}

/* ---- the file ---- */
struct memory_output {
    struct mr_output output;
    struct mr_text bytes;
};

static int memory_write(struct mr_output *output, const void *data, size_t size, struct mr_error *error)
{
    struct memory_output *memory = (struct memory_output *)output;
    mr_text_append(&memory->bytes, data, size);
    output->written_bytes += (int64_t)size;
    return memory->bytes.failed ? mr_error_memory(error, size) : MR_OK;
}

struct writing {
    struct mr_storage storage;
    struct mr_arena arena;
    struct mr_delta_snapshot tail; /* all that is no file, and the files the tail touched */
    struct memory_output out;
    const struct mr_type *schema;
    struct mr_parquet_writer *writer;
    struct mr_batch batch;
    int64_t rows, adds;
    int64_t expired_ms, txn_expired_ms; /* older removes and txns are left out */
};

static int flush(struct writing *writing, struct mr_error *error)
{
    if (writing->batch.length == 0)
        return MR_OK;
    int status = mr_parquet_writer_write(writing->writer, &writing->batch, error);
    writing->rows += writing->batch.length;
    mr_batch_release(&writing->batch);
    return status == MR_OK ? mr_batch_init(&writing->batch, writing->schema, MR_BATCH_ROWS, error) : status;
}

static int put_action(struct writing *writing, const struct mr_delta_action *action, struct mr_error *error)
{
    static const int column_of[] = {
        [MR_DELTA_ADD] = ADD,           [MR_DELTA_REMOVE] = REMOVE, [MR_DELTA_METADATA] = METADATA,
        [MR_DELTA_PROTOCOL] = PROTOCOL, [MR_DELTA_TXN] = TXN,       [MR_DELTA_DOMAIN] = DOMAIN};
    struct put put = {MR_OK, error};
    int mine = column_of[action->kind];
    for (int i = 0; i < writing->schema->field_count; i++)
        if (i != mine)
            put_null(&put, writing->batch.columns[i]);
    struct mr_column *c = writing->batch.columns[mine];
    if (!put_struct(&put, c))
        return put.status;
    switch (mine) {
    case ADD:
        put_add(&put, c, &action->file);
        writing->adds++;
        break;
    case REMOVE:
        put_remove(&put, c, &action->file);
        break;
    case METADATA:
        put_metadata(&put, c, &action->metadata);
        break;
    case PROTOCOL:
        put_protocol(&put, c, &action->protocol);
        break;
    case TXN:
        put_str(&put, c->children[0], action->txn.app_id);
        put_number(&put, c->children[1], true, action->txn.version);
        put_number(&put, c->children[2], action->txn.updated_ms >= 0, action->txn.updated_ms);
        break;
    default:
        put_str(&put, c->children[0], action->domain.name);
        put_str(&put, c->children[1], action->domain.configuration);
        put_number(&put, c->children[2], true, action->domain.removed);
    }
    writing->batch.length++;
    if (put.status == MR_OK && writing->batch.length >= MR_BATCH_ROWS)
        return flush(writing, error);
    return put.status;
}

/* A file action of the checkpoint before: passes unless the tail says otherwise. */
static int carry_over(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct writing *writing = ctx;
    if (action->kind != MR_DELTA_ADD && action->kind != MR_DELTA_REMOVE)
        return MR_OK;
    bool expired = action->kind == MR_DELTA_REMOVE && action->file.deleted_ms < writing->expired_ms;
    bool touched = mr_delta_set_get(&writing->tail.files, &action->file) ||
                   mr_delta_set_get(&writing->tail.tombstones, &action->file);
    return expired || touched ? MR_OK : put_action(writing, action, error);
}

static int apply_each(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    return mr_delta_snapshot_apply(ctx, action, error);
}

static int put_set(struct writing *writing, const struct mr_delta_set *set, enum mr_delta_action_kind kind,
                   struct mr_error *error)
{
    size_t at = 0;
    for (const struct mr_delta_entry *entry = mr_delta_set_next(set, &at); entry;
         entry = mr_delta_set_next(set, &at)) {
        struct mr_delta_action action = {.kind = kind, .file = entry->file};
        if (kind == MR_DELTA_REMOVE && entry->file.deleted_ms < writing->expired_ms)
            continue;
        MR_TRY(put_action(writing, &action, error));
    }
    return MR_OK;
}

static int put_state(struct writing *writing, struct mr_error *error)
{
    const struct mr_delta_snapshot *tail = &writing->tail;
    struct mr_delta_action protocol = {.kind = MR_DELTA_PROTOCOL, .protocol = tail->protocol};
    struct mr_delta_action metadata = {.kind = MR_DELTA_METADATA, .metadata = tail->metadata};
    MR_TRY(put_action(writing, &protocol, error));
    MR_TRY(put_action(writing, &metadata, error));
    for (size_t i = 0; i < tail->txns.count; i++) {
        struct mr_delta_action action = {.kind = MR_DELTA_TXN,
                                         .txn = *(struct mr_delta_txn *)tail->txns.entries[i].pointer};
        if (action.txn.updated_ms < 0 || action.txn.updated_ms >= writing->txn_expired_ms)
            MR_TRY(put_action(writing, &action, error));
    }
    for (size_t i = 0; i < tail->domains.count; i++) {
        struct mr_delta_action action = {.kind = MR_DELTA_DOMAIN,
                                         .domain =
                                             *(struct mr_delta_domain *)tail->domains.entries[i].pointer};
        if (!action.domain.removed)
            MR_TRY(put_action(writing, &action, error));
    }
    return MR_OK;
}

/* "interval 7 days" as milliseconds before now; fallback where there is no such property. */
static int64_t expiry_ms(const struct mr_delta_metadata *metadata, const char *property, int64_t fallback)
{
    char text[64];
    int64_t duration_us = 0, now_ms = mr_env()->now_us() / 1000;
    struct mr_str value = mr_delta_property(metadata, property);
    if (mr_str_starts_with(value, MR_STR("interval ")))
        value.data += 9, value.size -= 9;
    if (value.size == 0 || value.size >= sizeof(text))
        return fallback;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return mr_option_parse_duration(text, &duration_us) ? now_ms - duration_us / 1000 : fallback;
}

static int write_hint(struct writing *writing, int64_t version, struct mr_error *error)
{
    char text[200];
    if (mr_delta_hint(&writing->storage) > version)
        return MR_OK;
    int size = snprintf(text, sizeof(text),
                        "{\"version\":%lld,\"size\":%lld,\"sizeInBytes\":%lld,\"numOfAddFiles\":%lld}",
                        (long long)version, (long long)writing->rows, (long long)writing->out.bytes.size,
                        (long long)writing->adds);
    return writing->storage.type->replace(&writing->storage, MR_DELTA_LOG "/_last_checkpoint", text,
                                          (size_t)size, error);
}

/* The checkpoint before and the commits since, without the files of the former. */
static int read_tail(struct writing *writing, const struct mr_delta_listing *listing, size_t first,
                     size_t count, int64_t version, struct mr_error *error)
{
    if (count > 0) {
        struct mr_delta_checkpoint_reading state = {.storage = &writing->storage,
                                                    .each = apply_each,
                                                    .ctx = &writing->tail};
        MR_TRY(mr_delta_checkpoint_read(&state, listing->checkpoints + first, count, error));
        writing->tail.version = listing->checkpoints[first].version;
        if (state.lacks_stats_json)
            return MR_END; /* we would lose the statistics */
    }
    MR_TRY(mr_delta_replay(&writing->storage, &writing->tail, version, error));
    if (!writing->tail.has_protocol || !writing->tail.has_metadata)
        return mr_error_set(error, MR_E_CORRUPT, "DELTA_STATE_RECOVER_ERROR",
                            "%s: the log lacks protocol or metaData.", writing->storage.root);
    return MR_OK;
}

static int write_file(struct writing *writing, const struct mr_delta_listing *listing, size_t first,
                      size_t count, struct mr_error *error)
{
    MR_TRY(mr_schema_parse(&writing->arena, MR_STR(checkpoint_ddl), &writing->schema, error));
    MR_TRY(mr_batch_init(&writing->batch, writing->schema, MR_BATCH_ROWS, error));
    struct mr_parquet_options options = {.codec = MR_PARQUET_ZSTD, .row_group_bytes = 16 << 20};
    MR_TRY(mr_parquet_writer_open(&writing->writer, &writing->out.output, writing->schema, &options, error));
    MR_TRY(put_state(writing, error));
    if (count > 0) {
        struct mr_delta_checkpoint_reading files = {
            .storage = &writing->storage,
            .keep = MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_STATS | MR_DELTA_KEEP_TOMBSTONES,
            .each = carry_over,
            .ctx = writing,
        };
        MR_TRY(mr_delta_checkpoint_read(&files, listing->checkpoints + first, count, error));
    }
    MR_TRY(put_set(writing, &writing->tail.files, MR_DELTA_ADD, error));
    MR_TRY(put_set(writing, &writing->tail.tombstones, MR_DELTA_REMOVE, error));
    MR_TRY(flush(writing, error));
    return mr_parquet_writer_finish(writing->writer, error);
}

static int write_checkpoint(struct writing *writing, int64_t version, struct mr_error *error)
{
    struct mr_delta_listing listing;
    size_t first = 0, count = 0;
    char name[96];
    int64_t hint = mr_delta_hint(&writing->storage);
    MR_TRY(mr_delta_list(&writing->storage, hint > 0 && hint <= version ? hint : 0, &writing->arena, &listing,
                         error));
    if (!mr_delta_newest_checkpoint(&listing, INT64_MAX, &first, &count)) {
        if (hint > 0)
            MR_TRY(mr_delta_list(&writing->storage, 0, &writing->arena, &listing, error));
        if (!mr_delta_newest_checkpoint(&listing, INT64_MAX, &first, &count))
            count = 0;
    }
    if (count > 0 && listing.checkpoints[first].version >= version)
        return MR_END;
    int status = read_tail(writing, &listing, first, count, version, error);
    if (status != MR_OK)
        return status;
    const struct mr_delta_metadata *metadata = &writing->tail.metadata;
    MR_TRY(mr_delta_check_writable(writing->storage.root, &writing->tail.protocol, metadata, error));
    if (!mr_delta_property_is(metadata, "delta.checkpoint.writeStatsAsJson", true))
        return MR_END;
    writing->expired_ms =
        expiry_ms(metadata, "delta.deletedFileRetentionDuration", mr_env()->now_us() / 1000 - 7 * DAY_MS);
    writing->txn_expired_ms = expiry_ms(metadata, "delta.setTransactionRetentionDuration", INT64_MIN);
    MR_TRY(write_file(writing, &listing, first, count, error));
    snprintf(name, sizeof(name), MR_DELTA_LOG "/%020lld.checkpoint.parquet", (long long)version);
    mr_killpoint("delta.before_checkpoint");
    MR_TRY(writing->storage.type->replace(&writing->storage, name, writing->out.bytes.data,
                                          writing->out.bytes.size, error));
    mr_killpoint("delta.after_checkpoint");
    return write_hint(writing, version, error);
}

int mr_delta_checkpoint_write(const char *path, int64_t version, int64_t *actions, struct mr_error *error)
{
    struct writing *writing = mr_allocate_zeroed(sizeof(*writing));
    if (!writing)
        return mr_error_memory(error, sizeof(*writing));
    mr_arena_init(&writing->arena);
    mr_text_init(&writing->out.bytes);
    writing->out.output = (struct mr_output){"log checkpoint", 0, memory_write, NULL, NULL};
    mr_delta_snapshot_init(&writing->tail,
                           MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_STATS | MR_DELTA_KEEP_TOMBSTONES);
    int status = mr_storage_open(&writing->storage, path, error);
    if (status == MR_OK)
        status = write_checkpoint(writing, version, error);
    *actions = writing->rows;
    mr_parquet_writer_close(writing->writer);
    mr_batch_release(&writing->batch);
    mr_delta_snapshot_release(&writing->tail);
    mr_text_release(&writing->out.bytes);
    mr_storage_close(&writing->storage);
    mr_arena_release(&writing->arena);
    mr_free(writing);
    return status;
}
