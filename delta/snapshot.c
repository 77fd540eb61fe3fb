/* delta/snapshot.c: the state of a table at a version, and applying actions to it. */
#include "delta/log.h"

void mr_delta_snapshot_init(struct mr_delta_snapshot *snapshot, uint32_t keep)
{
    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->version = snapshot->checkpoint_version = snapshot->first_commit = -1;
    snapshot->keep = keep;
    mr_arena_init(&snapshot->protocol_arena);
    mr_arena_init(&snapshot->metadata_arena);
    mr_arena_init(&snapshot->arena);
    mr_delta_set_init(&snapshot->files);
    mr_delta_set_init(&snapshot->tombstones);
    mr_map_init(&snapshot->txns);
    mr_map_init(&snapshot->domains);
}

void mr_delta_snapshot_release(struct mr_delta_snapshot *snapshot)
{
    mr_arena_release(&snapshot->protocol_arena);
    mr_arena_release(&snapshot->metadata_arena);
    mr_arena_release(&snapshot->arena);
    mr_delta_set_release(&snapshot->files);
    mr_delta_set_release(&snapshot->tombstones);
    mr_map_release(&snapshot->txns);
    mr_map_release(&snapshot->domains);
    memset(snapshot, 0, sizeof(*snapshot));
}

static uint64_t schema_hash(const struct mr_delta_metadata *metadata)
{
    uint64_t hash = mr_hash(metadata->schema_json.data, metadata->schema_json.size);
    for (int i = 0; i < metadata->partition_column_count; i++)
        hash = mr_hash_seeded(metadata->partition_columns[i].data, metadata->partition_columns[i].size, hash);
    return hash;
}

static int apply_metadata(struct mr_delta_snapshot *snapshot, const struct mr_delta_metadata *metadata,
                          struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_delta_metadata copy;
    const struct mr_type *schema = NULL;
    mr_arena_init(&arena);
    int status = mr_delta_metadata_copy(&arena, metadata, &copy, error);
    if (status == MR_OK && copy.schema_json.size > 0)
        status = mr_schema_from_json(&arena, copy.schema_json, &schema, error);
    if (status < 0) {
        mr_arena_release(&arena);
        return status;
    }
    mr_arena_release(&snapshot->metadata_arena);
    snapshot->metadata_arena = arena;
    snapshot->metadata = copy;
    snapshot->schema = schema ? schema : mr_type_struct(&snapshot->metadata_arena, NULL, 0);
    snapshot->schema_hash = schema_hash(&copy);
    snapshot->has_metadata = true;
    return snapshot->schema ? MR_OK : mr_error_memory(error, sizeof(*schema));
}

static int apply_protocol(struct mr_delta_snapshot *snapshot, const struct mr_delta_protocol *protocol,
                          struct mr_error *error)
{
    struct mr_delta_protocol copy;
    struct mr_arena arena;
    mr_arena_init(&arena);
    int status = mr_delta_protocol_copy(&arena, protocol, &copy, error);
    if (status < 0) {
        mr_arena_release(&arena);
        return status;
    }
    mr_arena_release(&snapshot->protocol_arena);
    snapshot->protocol_arena = arena;
    snapshot->protocol = copy;
    snapshot->has_protocol = true;
    return MR_OK;
}

static int apply_txn(struct mr_delta_snapshot *snapshot, const struct mr_delta_txn *txn,
                     struct mr_error *error)
{
    bool created = false;
    struct mr_map_entry *entry = mr_map_put(&snapshot->txns, txn->app_id, &created);
    if (!entry)
        return mr_error_memory(error, txn->app_id.size);
    if (!entry->pointer)
        entry->pointer = MR_ARENA_NEW(&snapshot->arena, struct mr_delta_txn);
    struct mr_delta_txn *kept = entry->pointer;
    if (!kept)
        return mr_error_memory(error, sizeof(*kept));
    *kept = *txn;
    kept->app_id = entry->key;
    return MR_OK;
}

static int apply_domain(struct mr_delta_snapshot *snapshot, const struct mr_delta_domain *domain,
                        struct mr_error *error)
{
    struct mr_map_entry *entry = mr_map_put(&snapshot->domains, domain->name, NULL);
    if (!entry)
        return mr_error_memory(error, domain->name.size);
    if (!entry->pointer)
        entry->pointer = MR_ARENA_NEW(&snapshot->arena, struct mr_delta_domain);
    struct mr_delta_domain *kept = entry->pointer;
    char *configuration =
        mr_arena_copy_text(&snapshot->arena, domain->configuration.data, domain->configuration.size);
    if (!kept || !configuration)
        return mr_error_memory(error, sizeof(*kept) + domain->configuration.size);
    *kept =
        (struct mr_delta_domain){entry->key, {configuration, domain->configuration.size}, domain->removed};
    return MR_OK;
}

int mr_delta_snapshot_apply(struct mr_delta_snapshot *snapshot, const struct mr_delta_action *action,
                            struct mr_error *error)
{
    bool found = false, with_stats = (snapshot->keep & MR_DELTA_KEEP_STATS) != 0;
    switch (action->kind) {
    case MR_DELTA_ADD:
        if (snapshot->keep & MR_DELTA_KEEP_TOMBSTONES)
            MR_TRY(mr_delta_set_remove(&snapshot->tombstones, &action->file, &found, error));
        if (snapshot->keep & MR_DELTA_KEEP_FILES)
            return mr_delta_set_put(&snapshot->files, &action->file, with_stats, error);
        return MR_OK;
    case MR_DELTA_REMOVE:
        if (snapshot->keep & MR_DELTA_KEEP_FILES)
            MR_TRY(mr_delta_set_remove(&snapshot->files, &action->file, &found, error));
        if (snapshot->keep & MR_DELTA_KEEP_TOMBSTONES)
            return mr_delta_set_put(&snapshot->tombstones, &action->file, with_stats, error);
        return MR_OK;
    case MR_DELTA_METADATA:
        return apply_metadata(snapshot, &action->metadata, error);
    case MR_DELTA_PROTOCOL:
        return apply_protocol(snapshot, &action->protocol, error);
    case MR_DELTA_TXN:
        return apply_txn(snapshot, &action->txn, error);
    case MR_DELTA_DOMAIN:
        return apply_domain(snapshot, &action->domain, error);
    case MR_DELTA_NONE:
    case MR_DELTA_COMMIT_INFO:
    case MR_DELTA_SIDECAR:
        break;
    }
    return MR_OK;
}

const struct mr_delta_txn *mr_delta_snapshot_txn(const struct mr_delta_snapshot *snapshot,
                                                 struct mr_str app_id)
{
    const struct mr_map_entry *entry = mr_map_get(&snapshot->txns, app_id);
    return entry ? entry->pointer : NULL;
}

int mr_delta_partition_index(const struct mr_delta_metadata *metadata, struct mr_str column)
{
    for (int i = 0; i < metadata->partition_column_count; i++)
        if (mr_str_equal_nocase(metadata->partition_columns[i], column))
            return i;
    return -1;
}

/* ---- loading ---- */
static int apply_each(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct mr_delta_snapshot *snapshot = ctx;
    return mr_delta_snapshot_apply(snapshot, action, error);
}

static int replay_each(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct mr_delta_snapshot *snapshot = ctx;
    snapshot->tail_actions++;
    return mr_delta_snapshot_apply(snapshot, action, error);
}

int mr_delta_replay_text(struct mr_delta_snapshot *snapshot, const char *name, struct mr_str text,
                         struct mr_error *error)
{
    struct mr_arena arena;
    bool files = (snapshot->keep & (MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_TOMBSTONES)) != 0;
    mr_arena_init(&arena);
    int status = mr_delta_commit_parse(&arena, name, text, files, replay_each, snapshot, error);
    mr_arena_release(&arena);
    if (status == MR_OK)
        snapshot->version++;
    return status;
}

int mr_delta_replay(struct mr_storage *storage, struct mr_delta_snapshot *snapshot, int64_t to,
                    struct mr_error *error)
{
    struct mr_text text;
    char name[64];
    int status = MR_OK;
    mr_text_init(&text);
    while (status == MR_OK && snapshot->version < to) {
        mr_text_clear(&text);
        mr_delta_commit_name(snapshot->version + 1, name);
        status = storage->type->get(storage, name, &text, error);
        if (status == MR_END)
            status =
                mr_error_set(error, MR_E_CORRUPT, "DELTA_VERSIONS_NOT_CONTIGUOUS",
                             "%s: the log has a version %lld and lacks version %lld. Restore the file %s.",
                             storage->root, (long long)to, (long long)snapshot->version + 1, name);
        if (status == MR_OK)
            status = mr_delta_replay_text(snapshot, name, mr_text_str(&text), error);
    }
    mr_text_release(&text);
    return status;
}

static int check_contiguous(const struct mr_storage *storage, const struct mr_delta_listing *listing,
                            int64_t after, int64_t to, struct mr_error *error)
{
    int64_t expected = after + 1;
    for (size_t i = 0; i < listing->commit_count && expected <= to; i++) {
        int64_t version = listing->commits[i];
        if (version < expected)
            continue;
        if (version > expected && expected == after + 1 && after < 0)
            return mr_error_set(
                error, MR_E_CORRUPT, "DELTA_TRUNCATED_TRANSACTION_LOG",
                "%s: the state at version %lld cannot be rebuilt: the log begins at version %lld and no "
                "checkpoint covers what came before.",
                storage->root, (long long)to, (long long)version);
        if (version > expected)
            return mr_error_set(error, MR_E_CORRUPT, "DELTA_VERSIONS_NOT_CONTIGUOUS",
                                "%s: the log has a version %lld and lacks version %lld.", storage->root,
                                (long long)version, (long long)expected);
        expected++;
    }
    if (expected <= to)
        return mr_error_set(
            error, MR_E_CORRUPT, "DELTA_TRUNCATED_TRANSACTION_LOG",
            "%s: the state at version %lld cannot be rebuilt: version %lld is missing from the log.",
            storage->root, (long long)to, (long long)expected);
    return MR_OK;
}

/* One try: from the checkpoint given (count 0: from nothing) to version `to`. */
static int load_from(struct mr_storage *storage, struct mr_delta_snapshot *snapshot,
                     const struct mr_delta_listing *listing, size_t first, size_t count, int64_t to,
                     struct mr_error *error)
{
    uint32_t keep = snapshot->keep;
    mr_delta_snapshot_release(snapshot);
    mr_delta_snapshot_init(snapshot, keep);
    if (listing->commit_count > 0)
        snapshot->first_commit = listing->commits[0];
    int64_t base = count > 0 ? listing->checkpoints[first].version : -1;
    MR_TRY(check_contiguous(storage, listing, base, to, error));
    if (count > 0) {
        struct mr_delta_checkpoint_reading reading = {.storage = storage,
                                                      .keep = keep,
                                                      .each = apply_each,
                                                      .ctx = snapshot};
        MR_TRY(mr_delta_checkpoint_read(&reading, listing->checkpoints + first, count, error));
        snapshot->version = snapshot->checkpoint_version = base;
        snapshot->checkpoint_actions = reading.rows;
    }
    MR_TRY(mr_delta_replay(storage, snapshot, to, error));
    if (!snapshot->has_protocol || !snapshot->has_metadata)
        return mr_error_set(
            error, MR_E_CORRUPT, "DELTA_STATE_RECOVER_ERROR",
            "%s: the log to version %lld has no %s action. Were files removed from " MR_DELTA_LOG "?",
            storage->root, (long long)to, snapshot->has_protocol ? "metaData" : "protocol");
    return MR_OK;
}

/* Tries checkpoints from the newest to the oldest, then no checkpoint at all. */
static int load_listed(struct mr_storage *storage, struct mr_delta_snapshot *snapshot,
                       const struct mr_delta_listing *listing, int64_t version, struct mr_error *error)
{
    size_t first = 0, count = 0;
    int64_t newest = listing->commit_count > 0 ? listing->commits[listing->commit_count - 1] : -1;
    if (mr_delta_newest_checkpoint(listing, INT64_MAX, &first, &count) &&
        listing->checkpoints[first].version > newest)
        newest = listing->checkpoints[first].version;
    if (version > newest)
        return mr_error_set(error, MR_E_USAGE, "DELTA_VERSION_NOT_FOUND",
                            "%s: there is no version %lld; the newest is %lld.", storage->root,
                            (long long)version, (long long)newest);
    int64_t to = version >= 0 ? version : newest, at_most = to;
    int status = MR_OK;
    do {
        bool found = mr_delta_newest_checkpoint(listing, at_most, &first, &count);
        struct mr_error attempt;
        mr_error_clear(&attempt);
        status = load_from(storage, snapshot, listing, first, found ? count : 0, to, &attempt);
        if (status >= 0)
            return status;
        if (at_most == to || attempt.code != MR_E_CORRUPT || !found) /* the newest one's error tells most */
            *error = attempt;
        /* A checkpoint that reads well and lacks what every state has is no accident of the disk: nothing
         * here can be trusted. */
        bool unreadable =
            (attempt.code == MR_E_CORRUPT && strcmp(attempt.condition, "DELTA_STATE_RECOVER_ERROR") != 0) ||
            attempt.code == MR_E_IO;
        if (!found || !unreadable)
            return error->code;
        mr_log(MR_LOG_WARN, "delta.checkpoint_passed_over",
               "%s: the checkpoint of version %lld cannot be used: %s", storage->root,
               (long long)listing->checkpoints[first].version, attempt.message);
        at_most = listing->checkpoints[first].version - 1;
    } while (true);
}

int mr_delta_snapshot_load(struct mr_storage *storage, struct mr_delta_snapshot *snapshot, int64_t version,
                           struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_delta_listing listing;
    size_t first = 0, count = 0;
    mr_arena_init(&arena);
    int status = MR_E_CORRUPT;
    int64_t hint = mr_delta_hint(storage);
    if (hint > 0 && (version < 0 || hint <= version)) {
        struct mr_error ignored;
        status = mr_delta_list(storage, hint, &arena, &listing, &ignored);
        if (status == MR_OK)
            status = mr_delta_newest_checkpoint(&listing, INT64_MAX, &first, &count)
                         ? load_listed(storage, snapshot, &listing, version, &ignored)
                         : MR_E_CORRUPT;
    }
    if (status < 0) { /* no hint, or one that led nowhere: look at everything */
        status = mr_delta_list(storage, 0, &arena, &listing, error);
        if (status == MR_OK && listing.commit_count == 0 && listing.checkpoint_count == 0)
            status = MR_END;
        if (status == MR_OK)
            status = load_listed(storage, snapshot, &listing, version, error);
    }
    mr_arena_release(&arena);
    return status;
}
