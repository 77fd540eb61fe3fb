/* sources/delta_follow.c: from an offset to the files behind it.
 *
 * The log is read one version at a time. A version that is missing is the end of the log, or it has vanished;
 * which of the two is settled by looking for later versions: at once for the next one, by a listing now and
 * then for the others. A vanished version is an error, never a skip. */
#include "sources/delta.h"

#define GAP_CHECK_US (INT64_C(60) * 1000000)
#define LOOK_AHEAD 256 /* items beyond a micro-batch's worth, for the backlog */
#define EMPTY_VERSIONS_MAX                                                                                   \
    100 /* versions without rows before the offset moves on all the same: logs are cleaned up */

static int schema_changed(const struct mr_delta_source *s, int64_t version, struct mr_error *error)
{
    mr_error_set(error, MR_E_SCHEMA_CHANGED, "DELTA_SCHEMA_CHANGED_WITH_VERSION",
                 "The schema of %s changed in version %lld. Start the query again to read with the new one.",
                 mr_delta_path(&s->table), (long long)version);
    error->flags |= MR_RETRIABLE;
    mr_error_parameter(error, "version", "%lld", (long long)version);
    return error->code;
}

int mr_delta_source_look(struct mr_delta_source *s, struct mr_error *error)
{
    if (s->exists && s->scan)
        return MR_OK; /* the scan points into the metadata */
    uint64_t known = s->table.snapshot.schema_hash;
    int status = mr_delta_refresh(&s->table, error);
    s->exists = status == MR_OK;
    if (status == MR_OK)
        status = mr_delta_check_readable(mr_delta_path(&s->table), &s->table.snapshot.protocol, error);
    if (status == MR_OK && known != 0 && known != s->table.snapshot.schema_hash)
        status = schema_changed(s, s->table.snapshot.version,
                                error); /* between opening and the first micro-batch */
    return status < 0 ? status : MR_OK;
}

void mr_delta_follow_release(struct mr_delta_source *s)
{
    for (size_t i = s->head; i < s->count; i++)
        mr_free(s->items[i].owned);
    mr_free(s->items);
    s->items = NULL;
    s->head = s->count = s->capacity = 0;
    mr_delta_close(&s->initial);
    mr_arena_release(&s->initial_arena);
}

static int push(struct mr_delta_source *s, const struct mr_delta_item *item, struct mr_error *error)
{
    if (s->count == s->capacity && s->head > s->capacity / 2) {
        memmove(s->items, s->items + s->head, (s->count - s->head) * sizeof(*s->items));
        s->count -= s->head;
        s->head = 0;
    }
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 256;
        struct mr_delta_item *items = mr_reallocate(s->items, capacity * sizeof(*items));
        if (!items)
            return mr_error_memory(error, capacity * sizeof(*items));
        s->items = items;
        s->capacity = capacity;
    }
    s->items[s->count++] = *item;
    return MR_OK;
}

/* Forgets what the query has read. */
static void drop_behind(struct mr_delta_source *s, const struct mr_delta_offset *from)
{
    while (s->head < s->count && !mr_delta_offset_before(from, &s->items[s->head])) {
        mr_free(s->items[s->head].owned);
        s->head++;
    }
    if (s->initial.storage.type && (s->head == s->count || !s->items[s->head].starting)) {
        mr_delta_close(&s->initial);
        mr_arena_clear(&s->initial_arena);
    }
}

/* ---- one version ---- */
struct version_scan {
    struct mr_delta_source *s;
    int64_t version;
    size_t first_item; /* its items begin here */
    int64_t next_index;
    bool removes, adds, skipped;
    char removed[256], added[256];
};

static int refuse_changes(const struct version_scan *scan, struct mr_error *error)
{
    const char *path = mr_delta_path(&scan->s->table);
    if (!scan->adds) {
        mr_error_set(error, MR_E_PROTOCOL, "DELTA_SOURCE_IGNORE_DELETE",
                     "Version %lld of %s deletes rows (file %s); a stream cannot take rows back. Set "
                     "ignoreDeletes to true to pass "
                     "over deletes, or start a full refresh.",
                     (long long)scan->version, path, scan->removed);
        mr_error_parameter(error, "removedFile", "%s", scan->removed);
    } else {
        mr_error_set(error, MR_E_PROTOCOL, "DELTA_SOURCE_TABLE_IGNORE_CHANGES",
                     "Version %lld of %s changes rows (file %s); a stream cannot take rows back. Set "
                     "skipChangeCommits to true to pass "
                     "over such versions, or start a full refresh.",
                     (long long)scan->version, path, scan->removed);
        mr_error_parameter(error, "changeInfo", "%s", scan->removed);
    }
    mr_error_parameter(error, "version", "%lld", (long long)scan->version);
    mr_error_parameter(error, "dataPath", "%s", path);
    return error->code;
}

/* Do the columns we give still mean the same under that metadata? */
static bool same_shape(const struct mr_delta_source *s, const struct mr_delta_metadata *metadata,
                       const struct mr_type *schema)
{
    const struct mr_delta_metadata *known = &s->table.snapshot.metadata;
    bool same = known->partition_column_count == metadata->partition_column_count;
    for (int i = 0; same && i < known->partition_column_count; i++)
        same = mr_str_equal(known->partition_columns[i], metadata->partition_columns[i]);
    return same && mr_type_equal(s->table.snapshot.schema, schema) &&
           mr_str_equal(mr_delta_property(known, "delta.columnMapping.mode"),
                        mr_delta_property(metadata, "delta.columnMapping.mode"));
}

/* metaData in the log: the schema this source was opened with, or an older one, or a new one. */
static int check_metadata(struct version_scan *scan, const struct mr_delta_metadata *metadata,
                          struct mr_error *error)
{
    struct mr_delta_source *s = scan->s;
    struct mr_arena arena;
    const struct mr_type *schema = NULL;
    if (!mr_str_equal(metadata->id, s->table.snapshot.metadata.id))
        return mr_error_set(error, MR_E_PROTOCOL, "DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE",
                            "%s was re-created while the query read it. Start a full refresh of the query.",
                            mr_delta_path(&s->table));
    if (scan->version <= s->table.snapshot.version)
        return MR_OK; /* known when the query started */
    mr_arena_init(&arena);
    int status = mr_schema_from_json(&arena, metadata->schema_json, &schema, error);
    if (status == MR_OK && !same_shape(s, metadata, schema))
        status = schema_changed(s, scan->version, error);
    mr_arena_release(&arena);
    return status;
}

static void keep_name(char out[256], struct mr_str path)
{
    size_t size = path.size < 255 ? path.size : 255;
    memcpy(out, path.data, size);
    out[size] = '\0';
}

static int visit(void *ctx, const struct mr_delta_action *action, struct mr_error *error)
{
    struct version_scan *scan = ctx;
    struct mr_delta_item item = {.version = scan->version};
    switch (action->kind) {
    case MR_DELTA_METADATA:
        return check_metadata(scan, &action->metadata, error);
    case MR_DELTA_PROTOCOL:
        return mr_delta_check_readable(mr_delta_path(&scan->s->table), &action->protocol, error);
    case MR_DELTA_REMOVE:
        if (action->file.data_change && !scan->removes)
            keep_name(scan->removed, action->file.path);
        scan->removes = scan->removes || action->file.data_change;
        return MR_OK;
    case MR_DELTA_ADD:
        if (!action->file.data_change)
            return MR_OK; /* rows that were there before */
        scan->adds = true;
        item.index = scan->next_index++;
        item.owned = mr_delta_entry_copy(&action->file, false);
        if (!item.owned)
            return mr_error_memory(error, sizeof(*item.owned));
        item.file = &item.owned->file;
        return push(scan->s, &item, error);
    default:
        return MR_OK;
    }
}

static void take_back(struct mr_delta_source *s, size_t keep)
{
    while (s->count > s->head + keep)
        mr_free(s->items[--s->count].owned);
}

/* The items of version next_version behind the others. MR_END: no such version yet. */
static int scan_version(struct mr_delta_source *s, struct mr_error *error)
{
    struct mr_text text;
    struct mr_arena arena;
    char name[64];
    size_t before = s->count - s->head;
    struct version_scan scan = {.s = s, .version = s->next_version};
    mr_text_init(&text);
    mr_arena_init(&arena);
    int status = mr_delta_read_commit(&s->table, scan.version, &text, error);
    if (status == MR_OK && s->source->checkpoint) /* before it counts as read (invariant 7) */
        status = mr_delta_sync_commit(&s->table, scan.version, error);
    mr_delta_commit_name(scan.version, name);
    if (status == MR_OK)
        status = mr_delta_commit_parse(&arena, name, mr_text_str(&text), true, visit, &scan, error);
    mr_text_release(&text);
    mr_arena_release(&arena);
    if (status == MR_OK && scan.removes) {
        bool pass = s->skip_change_commits || s->ignore_changes || (s->ignore_deletes && !scan.adds);
        if (!pass)
            status = refuse_changes(&scan, error);
        if (s->skip_change_commits)
            take_back(s, before);
    }
    if (status < 0)
        take_back(s, before);
    if (status != MR_OK)
        return status;
    if (s->count - s->head > before)
        s->items[s->count - 1].last = true;
    s->next_version++;
    return MR_OK;
}

static int lost_versions(const struct mr_delta_source *s, int64_t wanted, int64_t last,
                         struct mr_error *error)
{
    return mr_error_set(error, MR_E_PROTOCOL, "DELTA_STREAMING_TRAILING_COMMIT_MISSING",
                        "%s: the query has read to version %lld and the log ends at version %lld: versions "
                        "were lost, or the table was "
                        "put back to an older copy. Start a full refresh.",
                        mr_delta_path(&s->table), (long long)wanted - 1, (long long)last);
}

/* The version to come is not there: is it because nothing came yet? */
static int check_gap(struct mr_delta_source *s, struct mr_error *error)
{
    int64_t first = -1, last = -1, wanted = s->next_version;
    int later = mr_delta_has_commit(&s->table, wanted + 1, error);
    if (later < 0)
        return later;
    int64_t now = mr_env()->monotonic_us();
    if (!later && now - s->gap_checked_us < GAP_CHECK_US)
        return MR_OK;
    s->gap_checked_us = now;
    int before = wanted > 0 ? mr_delta_has_commit(&s->table, wanted - 1, error) : 1;
    if (before < 0)
        return before;
    if (before && !later) { /* the usual case, told apart without stating the whole log */
        int any = mr_delta_any_after(&s->table, wanted, error);
        if (any <= 0)
            return any;
    }
    MR_TRY(mr_delta_commit_range(&s->table, &first, &last, error));
    if (wanted <= last && mr_delta_has_commit(&s->table, wanted, error) == 1)
        return MR_OK; /* it came a moment ago */
    if (wanted > last + 1)
        return lost_versions(s, wanted, last, error);
    if (wanted <= last) {
        mr_error_set(
            error, MR_E_PROTOCOL, "DELTA_MISSING_FILES_UNEXPECTED_VERSION",
            "%s: version %lld is gone from the log, which now begins at version %lld (cleaned up after "
            "delta.logRetentionDuration?). Rows would be missing; start a full refresh.",
            mr_delta_path(&s->table), (long long)wanted, (long long)first);
        mr_error_parameter(error, "startVersion", "%lld", (long long)wanted);
        mr_error_parameter(error, "earliestVersion", "%lld", (long long)first);
        return error->code;
    }
    return MR_OK;
}

/* ---- the beginning ---- */
/* Foreign commits that the snapshot rests on, newer than its checkpoint, must be durable before their rows
 * count as read. */
static int sync_tail(struct mr_delta_source *s, struct mr_error *error)
{
    const struct mr_delta_snapshot *snapshot = &s->initial.snapshot;
    int64_t first = snapshot->checkpoint_version + 1;
    for (int64_t version = first; s->source->checkpoint && version <= snapshot->version; version++)
        MR_TRY(mr_delta_sync_commit(&s->initial, version, error));
    return MR_OK;
}

/* The files of the snapshot at `version` (-1: the newest) that are behind the offset. */
static int load_initial(struct mr_delta_source *s, int64_t version, const struct mr_delta_offset *from,
                        struct mr_error *error)
{
    const struct mr_delta_entry **entries = NULL;
    size_t count = 0;
    mr_delta_close(&s->initial);
    mr_arena_clear(&s->initial_arena);
    MR_TRY(mr_delta_open(&s->initial, mr_delta_path(&s->table), MR_DELTA_KEEP_FILES, error));
    int status = mr_delta_load(&s->initial, version, error);
    if (status != MR_OK)
        return status;
    MR_TRY(sync_tail(s, error));
    MR_TRY(mr_delta_set_sorted(&s->initial.snapshot.files, &s->initial_arena, &entries, &count, error));
    version = s->initial.snapshot.version;
    for (size_t i = 0; i < count; i++) {
        struct mr_delta_item item = {version, (int64_t)i, true, i + 1 == count, &entries[i]->file, NULL};
        if (mr_delta_offset_before(from, &item))
            MR_TRY(push(s, &item, error));
    }
    s->next_version = version + 1;
    if (count == 0)
        s->empty_initial = version;
    return MR_OK;
}

static int resolve_starting_version(struct mr_delta_source *s, struct mr_error *error)
{
    int64_t asked = 0, first = -1, last = -1;
    if (!s->starting_version || s->starting_at >= 0)
        return MR_OK;
    if (mr_str_equal_nocase(mr_str_of(s->starting_version), MR_STR("latest"))) {
        s->starting_at = s->table.snapshot.version + 1;
        return MR_OK;
    }
    if (!mr_option_parse_integer(s->starting_version, &asked) || asked < 0)
        return mr_error_set(error, MR_E_USAGE, "DELTA_ILLEGAL_OPTION",
                            "startingVersion is '%s'; it must be a version number or 'latest'.",
                            s->starting_version);
    MR_TRY(mr_delta_commit_range(&s->table, &first, &last, error));
    if (asked < first || asked > last) {
        mr_error_set(error, MR_E_USAGE, "DELTA_VERSION_NOT_FOUND",
                     "%s has no version %lld; the log has versions %lld to %lld.", mr_delta_path(&s->table),
                     (long long)asked, (long long)first, (long long)last);
        mr_error_parameter(error, "userVersion", "%lld", (long long)asked);
        mr_error_parameter(error, "earliest", "%lld", (long long)first);
        mr_error_parameter(error, "latest", "%lld", (long long)last);
        return error->code;
    }
    s->starting_at = asked;
    return MR_OK;
}

/* Makes the queue begin behind `from`. *start is where that is, for a query that begins at a version. */
static int start(struct mr_delta_source *s, const struct mr_delta_offset *from, struct mr_delta_offset *out,
                 struct mr_error *error)
{
    if (s->bound == INT64_MAX && s->source->available_now)
        s->bound = s->table.snapshot.version;
    *out = *from;
    if (from->present && !from->starting) {
        if (from->version > s->table.snapshot.version + 1)
            return lost_versions(s, from->version, s->table.snapshot.version, error);
        s->next_version = from->version;
        s->started = true;
        return MR_OK;
    }
    if (!from->present && (s->starting_version || s->starting_at >= 0)) {
        MR_TRY(resolve_starting_version(s, error));
        *out = (struct mr_delta_offset){.present = true, .version = s->starting_at, .index = -1};
        s->next_version = s->starting_at;
        s->started = true;
        return MR_OK;
    }
    int64_t version = from->present ? from->version : s->as_of;
    if (version < 0 && s->source->available_now)
        version = s->bound;
    if (!from->present && s->table.snapshot.version == s->empty_initial)
        return MR_OK; /* looked at, and nothing in it */
    int status = load_initial(s, version, from, error);
    if (status != MR_OK)
        return status;
    s->started = s->count > s->head || from->present;
    return MR_OK;
}

static int64_t worth(const struct mr_delta_source *s)
{
    return s->source->checkpoint ? s->max_files + LOOK_AHEAD : INT64_MAX;
}

int mr_delta_follow(struct mr_delta_source *s, const struct mr_delta_offset *from,
                    struct mr_delta_offset *begin, struct mr_error *error)
{
    *begin = *from;
    if (!s->started) {
        int status = start(s, from, begin, error);
        if (status != MR_OK || !s->started)
            return status;
    }
    drop_behind(s, begin);
    int status = MR_OK;
    while (status == MR_OK && (int64_t)(s->count - s->head) < worth(s) && s->next_version <= s->bound) {
        status = scan_version(s, error);
        if (status == MR_OK) /* what the offset says is read of that version */
            drop_behind(s, begin);
    }
    if (status == MR_END)
        status = check_gap(s, error);
    if (status == MR_OK && s->count == s->head && begin->present &&
        s->next_version - begin->version >= EMPTY_VERSIONS_MAX)
        *begin = (struct mr_delta_offset){.present = true, .version = s->next_version, .index = -1};
    return status;
}
