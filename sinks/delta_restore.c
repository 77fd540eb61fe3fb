/* sinks/delta_restore.c: see the header. */
#include "sinks/delta_restore.h"

#include <errno.h>
#include <stdio.h>

#include "delta/delta.h"

struct restoring {
    const struct mr_delta_restore *restore;
    struct mr_arena arena;
    struct mr_delta_table then; /* the snapshot to go back to */
    struct mr_delta_table table;
    struct mr_str app, decision_app;         /* the new register */
    struct mr_str old_app, old_decision_app; /* the old one */
    struct mr_text metrics, parameters;
    bool published, enrolled; /* of the commit being looked at */
    int64_t removed, restored;
};

static int name_registers(struct restoring *r, struct mr_error *error)
{
    const struct mr_delta_restore *restore = r->restore;
    const char *ids[] = {restore->now, restore->before};
    const struct mr_str *sinks[] = {&restore->sink, &restore->sink_before};
    struct mr_str *apps[] = {&r->app, &r->old_app}, *decisions[] = {&r->decision_app, &r->old_decision_app};
    for (int i = 0; i < 2; i++) {
        char *app = mr_arena_format(&r->arena, "%s/%.*s", ids[i], (int)sinks[i]->size, sinks[i]->data);
        char *decision = app ? mr_arena_format(&r->arena, "%s#decision", app) : NULL;
        if (!decision)
            return mr_error_memory(error, restore->sink.size);
        *apps[i] = mr_str_of(app);
        *decisions[i] = mr_str_of(decision);
    }
    return MR_OK;
}

/* ---- which version it was ---- */
static int look(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct restoring *r = ctx;
    const struct mr_register *wanted = &r->restore->register_of;
    (void)error;
    if (action->kind != MR_DELTA_TXN)
        return MR_OK;
    if (mr_str_equal(action->txn.app_id, r->old_app) && action->txn.version == wanted->batch)
        r->published = true;
    if (mr_str_equal(action->txn.app_id, r->old_decision_app) &&
        action->txn.version == (int64_t)wanted->decision_id)
        r->enrolled = true;
    return MR_OK;
}

static int find_version(struct restoring *r, int64_t *version, struct mr_error *error)
{
    struct mr_text text;
    struct mr_arena lines;
    mr_text_init(&text);
    mr_arena_init(&lines);
    int status = MR_OK;
    for (*version = r->table.snapshot.version; *version >= 0; --*version) {
        char name[64];
        mr_text_clear(&text);
        r->published = r->enrolled = false;
        status = mr_delta_read_commit(&r->table, *version, &text, error);
        if (status != MR_OK)
            break;
        mr_delta_commit_name(*version, name);
        MR_ERR(mr_delta_commit_parse(&lines, name, mr_text_str(&text), false, look, r, error));
        if (r->enrolled && (r->published || r->restore->register_of.batch < 0))
            break;
    }
    if (status == MR_END || *version < 0)
        status = mr_error_set(error, MR_E_USAGE, "DELTA_VERSION_NOT_FOUND",
                              "The log of %s does not reach back to the commit of batch %lld of this query: "
                              "older commits have been cleaned up.",
                              r->restore->table, (long long)r->restore->register_of.batch);
err:
    mr_text_release(&text);
    mr_arena_release(&lines);
    return status;
}

/* ---- files ---- */
static bool is_elsewhere(struct mr_str path) /* absolute, or with a scheme */
{
    size_t at = 0;
    while (at < path.size && path.data[at] != '/' && path.data[at] != ':')
        at++;
    return at < path.size && (path.data[at] == ':' || at == 0);
}

static int local_name(struct restoring *r, const char *table, struct mr_str path, char **out,
                      struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_delta_path_decode(&text, path);
    *out = text.failed ? NULL : mr_arena_format(&r->arena, "%s/%.*s", table, (int)text.size, text.data);
    mr_text_release(&text);
    return *out ? MR_OK : mr_error_memory(error, path.size);
}

static int gone(const char *file, struct mr_error *error)
{
    return mr_error_set(error, MR_E_USAGE, "DELTA_FILE_NOT_FOUND",
                        "The file %s, which the table had then, is gone: it has been vacuumed. Replay from a "
                        "later batch.",
                        file);
}

static int copy_file(const char *from, const char *to, struct mr_error *error)
{
    if (mr_env()->link(from, to) >= 0 || errno == EEXIST)
        return MR_OK;
    if (errno == ENOENT)
        return gone(from, error);
    struct mr_text content; /* another file system */
    mr_text_init(&content);
    int status = mr_file_read_all(from, &content, error);
    if (status >= 0)
        status = mr_file_replace(to, content.data, content.size, error);
    mr_text_release(&content);
    return status;
}

/* Links the files of then into the new table's folder, and makes that durable (invariant 7). */
static int bring_files(struct restoring *r, struct mr_error *error)
{
    const struct mr_delta_entry *entry;
    MR_TRY(mr_directory_create(r->restore->into, error));
    for (size_t i = 0; (entry = mr_delta_set_next(&r->then.snapshot.files, &i)) != NULL;) {
        char *from, *to;
        if (entry->file.vector.storage)
            return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                                "The table %s has deletion vectors: replay into the table itself.",
                                r->restore->table);
        if (is_elsewhere(entry->file.path))
            continue; /* named in full: the new table names it too */
        MR_TRY(local_name(r, r->restore->table, entry->file.path, &from, error));
        MR_TRY(local_name(r, r->restore->into, entry->file.path, &to, error));
        char *slash = strrchr(to, '/');
        *slash = 0;
        MR_TRY(mr_directory_create(to, error));
        *slash = '/';
        MR_TRY(copy_file(from, to, error));
        *slash = 0;
        MR_TRY(mr_directory_fsync(to, error));
    }
    return MR_OK;
}

/* ---- the commit ---- */
static void print_register(struct restoring *r, struct mr_text *actions)
{
    const struct mr_register *value = &r->restore->register_of;
    int64_t now_ms = mr_env()->now_us() / 1000;
    if (value->batch >= 0)
        mr_delta_txn_print(actions, r->app, value->batch, now_ms);
    mr_delta_txn_print(actions, r->decision_app, (int64_t)value->decision_id, now_ms);
    if (!r->restore->into) /* whoever still has the old checkpoint is stopped by it */
        mr_delta_txn_print(actions, r->old_decision_app, (int64_t)(mr_env()->random() >> 1), now_ms);
}

static int print_changes(struct restoring *r, const struct mr_delta_snapshot *now, struct mr_text *actions,
                         struct mr_error *error)
{
    const struct mr_delta_set *then = &r->then.snapshot.files;
    const struct mr_delta_entry *entry;
    int64_t now_ms = mr_env()->now_us() / 1000;
    r->removed = r->restored = 0;
    for (size_t i = 0; (entry = mr_delta_set_next(&now->files, &i)) != NULL;) {
        if (mr_delta_set_get(then, &entry->file))
            continue;
        mr_delta_remove_print(actions, &entry->file, now_ms, true);
        r->removed++;
    }
    for (size_t i = 0; (entry = mr_delta_set_next(then, &i)) != NULL;) {
        if (now->version >= 0 && mr_delta_set_get(&now->files, &entry->file))
            continue;
        char *name;
        MR_TRY(local_name(r, r->restore->into ? r->restore->into : r->restore->table, entry->file.path, &name,
                          error));
        if (!is_elsewhere(entry->file.path) && !mr_file_exists(name))
            return gone(name, error);
        struct mr_delta_file file = entry->file;
        file.data_change = true;
        mr_delta_add_print(actions, &file);
        r->restored++;
    }
    return MR_OK;
}

static int build(void *ctx, const struct mr_delta_snapshot *now, struct mr_delta_commit_info *info,
                 struct mr_text *actions, struct mr_error *error)
{
    struct restoring *r = ctx;
    const struct mr_delta_snapshot *then = &r->then.snapshot;
    const struct mr_delta_txn *known = mr_delta_snapshot_txn(now, r->decision_app);
    if (known)
        return MR_END; /* ours landed before a crash; nobody else knows the new id */
    if (r->restore->into && now->version >= 0)
        return mr_error_set(error, MR_E_USAGE, "TABLE_OR_VIEW_ALREADY_EXISTS",
                            "There is a table at %s already.", r->restore->into);
    if (now->version < 0)
        mr_delta_protocol_print(actions, &then->protocol);
    struct mr_delta_metadata metadata = then->metadata;
    char id[37];
    if (r->restore->into) {
        mr_delta_uuid(id);
        metadata.id = mr_str_of(id);
    }
    if (now->version < 0 || now->schema_hash != then->schema_hash)
        mr_delta_metadata_print(actions, &metadata);
    print_register(r, actions);
    MR_TRY(print_changes(r, now, actions, error));
    mr_text_clear(&r->parameters);
    mr_text_clear(&r->metrics);
    mr_text_format(&r->parameters, "{\"version\":%lld,\"batch\":%lld}", (long long)then->version,
                   (long long)r->restore->register_of.batch);
    mr_text_format(&r->metrics, "{\"numRemovedFiles\":\"%lld\",\"numRestoredFiles\":\"%lld\"}",
                   (long long)r->removed, (long long)r->restored);
    info->operation = r->restore->into ? "CLONE" : "RESTORE";
    info->parameters = mr_text_str(&r->parameters);
    info->metrics = mr_text_str(&r->metrics);
    info->blind_append = false;
    return actions->failed || r->metrics.failed ? mr_error_memory(error, actions->capacity) : MR_OK;
}

int mr_delta_sink_restore(const struct mr_delta_restore *restore, int64_t *version, struct mr_error *error)
{
    struct restoring r = {.restore = restore};
    const uint32_t keep = MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_STATS;
    struct mr_delta_commit_info info = {0};
    int64_t back;
    mr_arena_init(&r.arena);
    mr_text_init(&r.metrics);
    mr_text_init(&r.parameters);
    int status = MR_OK;
    MR_ERR(name_registers(&r, error));
    MR_ERR(mr_delta_open(&r.table, restore->table, keep, error));
    status = mr_delta_load(&r.table, -1, error);
    if (status == MR_END)
        status = mr_error_set(error, MR_E_USAGE, "TABLE_OR_VIEW_NOT_FOUND", "There is no table at %s.",
                              restore->table);
    MR_ERR(status);
    MR_ERR(find_version(&r, &back, error));
    MR_ERR(mr_delta_open(&r.then, restore->table, keep, error));
    MR_ERR(mr_delta_load(&r.then, back, error));
    if (restore->into) {
        MR_ERR(bring_files(&r, error));
        mr_delta_close(&r.table);
        MR_ERR(mr_delta_open(&r.table, restore->into, keep, error));
    }
    mr_killpoint("replay.commit");
    status = mr_delta_commit(&r.table, &info, build, &r, version, error);
    if (status >= 0)
        mr_killpoint("replay.committed");
err:
    mr_delta_close(&r.table);
    mr_delta_close(&r.then);
    mr_arena_release(&r.arena);
    mr_text_release(&r.metrics);
    mr_text_release(&r.parameters);
    return status < 0 ? status : MR_OK;
}
