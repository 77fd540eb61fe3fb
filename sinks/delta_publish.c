/* sinks/delta_publish.c: a manifest -> a commit, by compare-and-swap on the register (invariants 3, 5, 11,
 * 12).
 *
 * The register is two txn actions, (app, batch) and (app#decision, decision id). A put_if_absent that lands
 * at v+1 proves that what build saw at v is what the commit follows, so looking at the snapshot is the
 * comparison. */
#include <stdio.h>

#include "sinks/delta_resolve.h"

void mr_delta_register(const struct mr_delta_sink *s, const struct mr_delta_snapshot *snapshot,
                       struct mr_register *out)
{
    const struct mr_delta_txn *decision = mr_delta_snapshot_txn(snapshot, s->decision_id_app);
    const struct mr_delta_txn *batch = mr_delta_snapshot_txn(snapshot, s->app_id);
    *out = (struct mr_register){.batch = -1};
    if (!decision)
        return;
    out->present = true;
    out->decision_id = (uint64_t)decision->version;
    if (batch)
        out->batch = batch->version;
}

struct publication {
    struct mr_delta_sink *s;
    const struct mr_delta_manifest *manifest;
    struct mr_arena *arena;
    const struct mr_type *schema;           /* of the manifest; parsed when needed */
    struct mr_delta_resolution *resolution; /* of an upsert; else NULL */
    struct mr_text metrics, parameters;
};

static int refuse_register(const struct publication *p, const struct mr_register *found,
                           struct mr_error *error)
{
    const struct mr_delta_manifest *m = p->manifest;
    if (!found->present)
        return mr_error_set(error, MR_E_PROTOCOL, "DELTA_CONCURRENT_TRANSACTION",
                            "The table %s holds no trace of this query: it was re-created, or its "
                            "transaction identifiers have "
                            "expired (delta.setTransactionRetentionDuration). Batch %lld is not published. "
                            "Start a full refresh, "
                            "or keep the batch aside with `millrace checkpoint set-aside`.",
                            mr_delta_path(&p->s->table), (long long)m->batch);
    return mr_error_set(error, MR_E_PROTOCOL, "DELTA_CONCURRENT_TRANSACTION",
                        "The table %s says that this query's last batch there is %lld (decision %llx); batch "
                        "%lld (decision %llx) "
                        "must follow batch %lld (decision %llx). The checkpoint was copied and run twice, or "
                        "an older copy was put "
                        "back. Nothing was written.",
                        mr_delta_path(&p->s->table), (long long)found->batch,
                        (unsigned long long)found->decision_id, (long long)m->batch,
                        (unsigned long long)m->decision_id, (long long)m->predecessor.batch,
                        (unsigned long long)m->predecessor.decision_id);
}

/* MR_END: it is published already. */
static int compare_register(const struct publication *p, const struct mr_delta_snapshot *snapshot,
                            struct mr_error *error)
{
    const struct mr_delta_manifest *m = p->manifest;
    struct mr_register found;
    mr_delta_register(p->s, snapshot, &found);
#ifdef MR_PLANT_NO_TXN_CHECK
    return MR_OK;
#endif
    if (found.present && found.batch == m->batch && found.decision_id == m->decision_id)
        return MR_END;
    if (p->s->options.one_shot) /* whoever comes last wins; nothing follows anything */
        return MR_OK;
    bool follows = found.present && found.batch == m->predecessor.batch &&
                   found.decision_id == m->predecessor.decision_id;
    return follows ? MR_OK : refuse_register(p, &found, error);
}

/* The table must be the one the files were made for, and take them as they are. */
static int check_target(struct publication *p, const struct mr_delta_snapshot *snapshot,
                        struct mr_error *error)
{
    const struct mr_delta_manifest *m = p->manifest;
    const struct mr_delta_metadata *metadata = &snapshot->metadata;
    const char *path = mr_delta_path(&p->s->table);
    if (!mr_str_equal(metadata->id, m->table_id) && m->table_id.size > 0)
        return mr_error_set(error, MR_E_PROTOCOL, "DELTA_METADATA_CHANGED",
                            "The table %s was re-created: its id is %.*s, batch %lld was written for %.*s. "
                            "Start a full refresh, or keep "
                            "the batch aside with `millrace checkpoint set-aside`.",
                            path, (int)metadata->id.size, metadata->id.data, (long long)m->batch,
                            (int)m->table_id.size, m->table_id.data);
    bool replaces = m->replace || m->upsert;
    if (replaces && mr_delta_property_is(metadata, "delta.appendOnly", false))
        return mr_error_set(
            error, MR_E_PROTOCOL, "DELTA_CANNOT_MODIFY_APPEND_ONLY",
            "The table %s has delta.appendOnly set; batch %lld replaces its rows. Unset the property.", path,
            (long long)m->batch);
    if (m->upsert && mr_delta_property_is(metadata, "delta.enableChangeDataFeed", false))
        return mr_error_set(error, MR_E_PROTOCOL, "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE",
                            "The table %s keeps a change data feed; output mode update (batch %lld) cannot "
                            "write one yet. Unset delta.enableChangeDataFeed.",
                            path, (long long)m->batch);
    if (m->metadata || snapshot->schema_hash == p->s->checked_schema)
        return MR_OK;
    if (!p->schema)
        MR_TRY(mr_schema_from_json(p->arena, m->schema_json, &p->schema, error));
    int status = mr_delta_schema_check(path, snapshot->schema, p->schema, error);
    bool same = metadata->partition_column_count == m->partition_count;
    for (int i = 0; same && i < m->partition_count; i++)
        same = mr_str_equal_nocase(metadata->partition_columns[i], m->partition_columns[i]);
    if (status == MR_OK && !same)
        status = mr_error_set(error, MR_E_SQL, "DELTA_METADATA_CHANGED",
                              "The table %s is partitioned in another way now.", path);
    if (status < 0) {
        error->code = MR_E_PROTOCOL; /* the query was right when it wrote the files; the table has changed */
        return MR_E_PROTOCOL;
    }
    p->s->checked_schema = snapshot->schema_hash;
    return MR_OK;
}

static void print_removes(const struct mr_delta_snapshot *snapshot, struct mr_text *actions, int64_t now_ms)
{
    size_t at = 0;
    const struct mr_delta_entry *entry = mr_delta_set_next(&snapshot->files, &at);
    for (; entry; entry = mr_delta_set_next(&snapshot->files, &at))
        mr_delta_remove_print(actions, &entry->file, now_ms, true);
}

static void print_info(struct publication *p, int64_t removed, int64_t rewritten)
{
    const struct mr_delta_manifest *m = p->manifest;
    const char *const names[] = {"numRemovedFiles", "numAddedFiles", "numOutputRows", "numOutputBytes"};
    const int64_t values[] = {removed, m->files + rewritten, m->rows, m->bytes};
    char number[24];
    struct mr_json_writer w = {.out = &p->metrics};
    mr_text_clear(&p->metrics);
    mr_json_begin_object(&w);
    for (int i = 0; i < 4; i++) {
        snprintf(number, sizeof(number), "%lld", (long long)values[i]);
        mr_json_key(&w, names[i]);
        mr_json_cstr(&w, number);
    }
    mr_json_end_object(&w);
    w = (struct mr_json_writer){.out = &p->parameters};
    mr_text_clear(&p->parameters);
    snprintf(number, sizeof(number), "%lld", (long long)m->batch);
    mr_json_begin_object(&w);
    mr_json_key(&w, p->s->options.one_shot ? "mode" : "outputMode");
    mr_json_str(&w, p->s->options.one_shot && m->replace ? MR_STR("Overwrite") : m->mode);
    if (!p->s->options.one_shot) {
        mr_json_key(&w, "queryId");
        mr_json_str(&w, m->query_id);
        mr_json_key(&w, "epochId");
        mr_json_cstr(&w, number);
    }
    mr_json_end_object(&w);
}

static int build(void *ctx, const struct mr_delta_snapshot *snapshot, struct mr_delta_commit_info *info,
                 struct mr_text *actions, struct mr_error *error)
{
    struct publication *p = ctx;
    const struct mr_delta_manifest *m = p->manifest;
    int64_t now_ms = mr_env()->now_us() / 1000, removed = 0, rewritten = 0;
    int status = compare_register(p, snapshot, error);
    if (status != MR_OK)
        return status;
    if (snapshot->version < 0) {
        if (!m->create)
            return refuse_register(p, &(struct mr_register){0}, error);
        MR_TRY(mr_delta_target_create(p->s, actions, error));
    } else {
        MR_TRY(check_target(p, snapshot, error));
        if (m->metadata) {
            mr_text_append_str(actions, "{\"metaData\":");
            mr_text_append(actions, m->metadata->raw.data, m->metadata->raw.size);
            mr_text_append_str(actions, "}\n");
        }
    }
    mr_delta_txn_print(actions, p->s->app_id, m->batch, now_ms);
    mr_delta_txn_print(actions, p->s->decision_id_app, (int64_t)m->decision_id, now_ms);
    mr_text_append(actions, m->adds.data, m->adds.size);
    if (m->replace) {
        print_removes(snapshot, actions, now_ms);
        removed = (int64_t)snapshot->files.count;
    }
    if (p->resolution) {
        MR_TRY(mr_delta_resolution_print(p->resolution, snapshot, actions, error));
        mr_delta_resolution_counts(p->resolution, &removed, &rewritten);
    }
    print_info(p, removed, rewritten);
    info->operation = p->s->options.one_shot ? "WRITE" : "STREAMING UPDATE";
    info->blind_append = !m->replace && !m->upsert;
    info->metrics = mr_text_str(&p->metrics);
    info->parameters = mr_text_str(&p->parameters);
    info->user_metadata = m->user_metadata;
    return p->metrics.failed || p->parameters.failed ? mr_error_memory(error, p->metrics.size) : MR_OK;
}

#ifdef MR_PLANT_DELETE_ON_AMBIGUOUS
static bool deleting;
#endif

struct file_check {
    struct mr_delta_sink *s;
    struct mr_text path;
};

static int check_file(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct file_check *check = ctx;
    struct mr_storage *storage = &check->s->table.storage;
    struct mr_storage_entry entry;
    if (action->kind != MR_DELTA_ADD)
        return MR_OK;
    mr_text_clear(&check->path);
    mr_delta_path_decode(&check->path, action->file.path);
    if (check->path.failed)
        return mr_error_memory(error, action->file.path.size);
#ifdef MR_PLANT_DELETE_ON_AMBIGUOUS
    if (deleting)
        return storage->type->remove(storage, check->path.data, error);
#endif
    int status = storage->type->stat(storage, check->path.data, &entry, error);
    if (status == MR_OK && entry.size_bytes == action->file.size_bytes)
        return MR_OK;
    if (status < 0)
        return status;
    return mr_error_set(error, MR_E_PROTOCOL, "FAILED_READ_FILE.FILE_NOT_EXIST",
                        "%s/%s: the file of a decided batch is %s. Something removed files the log did not "
                        "name yet (a VACUUM with "
                        "too short a retention?). Nothing is published; restore the file, or keep the batch "
                        "aside with `millrace "
                        "checkpoint set-aside`.",
                        storage->root, check->path.data, status == MR_END ? "gone" : "of another size");
}

/* Files of an earlier process: this one has not seen them, so it looks (invariant 11). */
static int check_files(struct mr_delta_sink *s, const struct mr_delta_manifest *m, struct mr_error *error)
{
#ifdef MR_PLANT_NO_FILE_CHECK
    return MR_OK;
#endif
    char mine[24];
    int size = snprintf(mine, sizeof(mine), "%016llx", (unsigned long long)s->sink->attempt);
    if (m->adds.size == 0 || mr_str_equal(m->attempt, (struct mr_str){mine, (size_t)size}))
        return MR_OK;
    struct file_check check = {.s = s};
    struct mr_arena arena;
    mr_text_init(&check.path);
    mr_arena_init(&arena);
    int status = mr_delta_commit_parse(&arena, "manifest", m->adds, true, check_file, &check, error);
    mr_arena_release(&arena);
    mr_text_release(&check.path);
    return status;
}

int mr_delta_sink_publish(struct mr_sink *sink, struct mr_str text, struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    struct mr_arena arena;
    struct mr_delta_manifest manifest;
    struct mr_delta_commit_info info = {.operation = "STREAMING UPDATE"};
    struct publication p = {.s = s, .manifest = &manifest, .arena = &arena};
    int64_t version = -1;
    mr_arena_init(&arena);
    mr_text_init(&p.metrics);
    mr_text_init(&p.parameters);
    pthread_mutex_lock(&s->guard);
    int status = mr_delta_manifest_parse(&arena, text, &manifest, error);
    if (status == MR_OK)
        status = check_files(s, &manifest, error);
    if (status == MR_OK && manifest.upsert)
        status = mr_delta_resolution_new(&p.resolution, s, &manifest, error);
    if (status == MR_OK)
        status = mr_delta_commit(&s->table, &info, build, &p, &version, error);
#ifdef MR_PLANT_DELETE_ON_AMBIGUOUS
    if (status < 0) {
        struct mr_error ignored;
        manifest.attempt = MR_STR("another");
        deleting = true;
        check_files(s, &manifest, &ignored);
        deleting = false;
    }
#endif
    if (status == MR_END) /* found done: make sure that it stays so before anybody relies on it */
        status = s->table.storage.type->sync_directory(&s->table.storage, MR_DELTA_LOG, error);
    if (status == MR_OK && s->table.loaded) {
        mr_delta_target_note(s);
        mr_delta_keeper_poke(s);
    }
    pthread_mutex_unlock(&s->guard);
    mr_delta_resolution_free(p.resolution);
    mr_text_release(&p.metrics);
    mr_text_release(&p.parameters);
    mr_arena_release(&arena);
    return status;
}
