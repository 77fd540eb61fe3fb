/* sources/delta.c: the verbs of the Delta source, and planning a micro-batch; following the log is in
 * delta_follow.c. */
#include "sources/delta.h"

#define POLL_US                                                                                              \
    (INT64_C(1) * 1000000) /* how soon a foreign commit is seen where the kernel does not tell               \
                            */
#define WATCHED_US (INT64_C(30) * 1000000) /* how soon at the latest where it should have told */

#define TO(member) MR_OPTION_HOME(mr_delta_source, member)

const struct mr_option_spec mr_delta_source_options[] = {
    {"path", MR_OPTION_TEXT, NULL, .help = "directory of the table"},
    {"maxFilesPerTrigger", MR_OPTION_INTEGER, "1000", "files in a micro-batch at most", TO(max_files),
     MR_OPTION_AT_LEAST(1)},
    {"maxBytesPerTrigger", MR_OPTION_BYTES, NULL, "bytes in a micro-batch, about; one file at least",
     TO(max_bytes)},
    {"startingVersion", MR_OPTION_TEXT, NULL,
     "first version to read, or 'latest'; without it the whole table", TO(starting_version)},
    {"startingTimestamp", MR_OPTION_TIME, NULL, .help = "read versions committed at this time or later"},
    {"versionAsOf", MR_OPTION_INTEGER, "-1", "read the table as it was at this version, and nothing after it",
     TO(as_of)},
    {"timestampAsOf", MR_OPTION_TIME, NULL, .help = "read the table as it was at this time"},
    {"ignoreDeletes", MR_OPTION_BOOLEAN, "false", "pass over versions that only delete", TO(ignore_deletes)},
    {"ignoreChanges", MR_OPTION_BOOLEAN, "false", "read rewritten files again; rows may come twice",
     TO(ignore_changes)},
    {"skipChangeCommits", MR_OPTION_BOOLEAN, "false", "pass over versions that delete or change rows",
     TO(skip_change_commits)},
    {"readChangeFeed", MR_OPTION_REFUSED, NULL, .help = "change data feed"},
    {"withEventTimeOrder", MR_OPTION_REFUSED, NULL, .help = "initial snapshot in event time order"},
    {"schemaTrackingLocation", MR_OPTION_REFUSED, NULL, .help = "non-additive schema changes"},
    {"excludeRegex", MR_OPTION_REFUSED, NULL, .help = "files to leave out"},
    {0},
};

static const char *option(const struct mr_source *source, const char *name)
{
    return mr_option_text(source->options, source->option_count, name);
}

static int read_options(struct mr_delta_source *s, struct mr_error *error)
{
    const struct mr_source *source = s->source;
    MR_TRY(mr_options_read(mr_delta_source_options, MR_DELTA_SOURCE_OWNER, source->options,
                           source->option_count, s, error));
    bool at = option(source, "timestampAsOf") != NULL, from = option(source, "startingTimestamp") != NULL;
    if ((at && s->as_of >= 0) || (from && s->starting_version))
        return mr_error_set(error, MR_E_USAGE,
                            from ? "DELTA_STARTING_VERSION_AND_TIMESTAMP_BOTH_SET"
                                 : "DELTA_UNSUPPORTED_TIME_TRAVEL_MULTIPLE_FORMATS",
                            "Give a version or a time, not both.");
    return MR_OK;
}

/* Versions for the options that are times. Needs the table. */
static int resolve_times(struct mr_delta_source *s, struct mr_error *error)
{
    static const char *const names[] = {"timestampAsOf", "startingTimestamp"};
    const struct mr_zone *zone = s->source->zone ? s->source->zone : mr_zone_utc();
    for (int i = 0; i < 2; i++) {
        const char *text = option(s->source, names[i]);
        int64_t time_us = 0, version = -1;
        if (!text)
            continue;
        if (!mr_timestamp_parse(mr_str_of(text), zone, &time_us))
            return mr_error_set(error, MR_E_USAGE, "DELTA_TIMESTAMP_INVALID", "%s is '%s', which is no time.",
                                names[i], text);
        int status = mr_delta_version_at(&s->table, i == 0 ? time_us : time_us - 1, &version, error);
        if (status < 0)
            return status;
        if (i == 0 && status == MR_END)
            return mr_error_set(error, MR_E_USAGE, "DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION",
                                "%s: no version that is still in the log was committed by %s.",
                                mr_delta_path(&s->table), text);
        if (i == 0)
            s->as_of = version;
        else
            s->starting_at = version + 1;
    }
    return MR_OK;
}

/* What readers of our schema need not know of a column: how the table stores and checks it. */
static const char *plain_metadata(struct mr_arena *arena, const char *metadata)
{
    struct mr_json *root = NULL;
    struct mr_error ignored;
    struct mr_text text;
    if (!metadata || mr_json_parse(arena, mr_str_of(metadata), &root, &ignored) != MR_OK ||
        root->type != MR_JSON_OBJECT)
        return NULL;
    mr_text_init(&text);
    struct mr_json_writer w = {.out = &text};
    mr_json_begin_object(&w);
    for (const struct mr_json *member = root->first; member; member = member->next) {
        if (mr_str_starts_with(member->key, MR_STR("delta.")) ||
            mr_str_equal(member->key, MR_STR("CURRENT_DEFAULT")))
            continue;
        mr_json_key_str(&w, member->key);
        mr_json_raw(&w, member->raw);
    }
    mr_json_end_object(&w);
    char *copy = text.failed || text.size <= 2 ? NULL : mr_arena_copy_text(arena, text.data, text.size);
    mr_text_release(&text);
    return copy;
}

static const struct mr_type *plain_type(struct mr_arena *arena, const struct mr_type *type)
{
    if (type->id != MR_STRUCT)
        return mr_type_copy(arena, type);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, type->field_count + 1);
    for (int i = 0; fields && i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].metadata = plain_metadata(arena, type->fields[i].metadata);
        fields[i].type = plain_type(arena, type->fields[i].type);
        if (!fields[i].type)
            return NULL;
    }
    const struct mr_type *built = fields ? mr_type_struct(arena, fields, type->field_count) : NULL;
    return built ? mr_type_copy(arena, built) : NULL; /* names and comments too: the table's arena goes */
}

static int set_schema(struct mr_delta_source *s, struct mr_error *error)
{
    struct mr_source *source = s->source;
    const struct mr_type *from = source->declared_schema ? source->declared_schema : s->table.snapshot.schema;
    if (!source->declared_schema && !s->exists) {
        mr_error_set(error, MR_E_USAGE, "DELTA_PATH_DOES_NOT_EXIST",
                     "%s does not exist, or is no Delta table.", mr_delta_path(&s->table));
        mr_error_parameter(error, "path", "%s", mr_delta_path(&s->table));
        return error->code;
    }
    if (!source->declared_schema && from->field_count == 0)
        return mr_error_set(error, MR_E_USAGE, "DELTA_SCHEMA_NOT_SET", "%s has no columns.",
                            mr_delta_path(&s->table));
    source->schema = plain_type(&source->arena, from);
    return source->schema ? MR_OK : mr_error_memory(error, sizeof(*from));
}

/* Of a declared column the table must have the type; one it lacks reads as NULL. */
static int check_declared(const struct mr_delta_source *s, struct mr_error *error)
{
    const struct mr_type *declared = s->source->declared_schema, *schema = s->table.snapshot.schema;
    for (int i = 0; declared && s->exists && i < declared->field_count; i++) {
        int at = mr_type_field(schema, mr_str_of(declared->fields[i].name), false, NULL);
        if (at < 0 || mr_type_equal(schema->fields[at].type, declared->fields[i].type))
            continue;
        struct mr_text have, want;
        mr_text_init(&have);
        mr_text_init(&want);
        mr_type_text(&have, schema->fields[at].type);
        mr_type_text(&want, declared->fields[i].type);
        mr_error_set(error, MR_E_SQL, "DELTA_STREAMING_SCHEMA_MISMATCH_ON_RESTART",
                     "The column %s of %s is %s; %s was expected.", schema->fields[at].name,
                     mr_delta_path(&s->table), have.data, want.data);
        mr_text_release(&have);
        mr_text_release(&want);
        return error->code;
    }
    return MR_OK;
}

static void delta_close(struct mr_source *source)
{
    struct mr_delta_source *s = source->ctx;
    if (!s)
        return;
    mr_delta_follow_release(s);
    mr_delta_scan_free(s->scan);
    mr_delta_close(&s->table);
    mr_notify_close(s->notify);
    mr_free(s);
    source->ctx = NULL;
}

static int open_table(struct mr_delta_source *s, struct mr_error *error)
{
    const struct mr_source *source = s->source;
    struct mr_arena arena;
    const char *path = option(source, "path");
    if (!path || !*path)
        return mr_error_set(error, MR_E_USAGE, "DELTA_ILLEGAL_OPTION",
                            "The Delta source '%s' needs the option 'path'.", source->name);
    mr_arena_init(&arena);
    bool relative = path[0] != '/' && !strstr(path, ":/") && source->base_directory;
    const char *full = relative ? mr_path_join(&arena, source->base_directory, path) : path;
    int status = full ? mr_delta_open(&s->table, full, 0, error) : mr_error_memory(error, strlen(path));
    mr_arena_release(&arena);
    return status;
}

static int delta_open(struct mr_source *source, struct mr_error *error)
{
    struct mr_delta_source *s = mr_allocate_zeroed(sizeof(*s));
    if (!s)
        return mr_error_memory(error, sizeof(*s));
    source->ctx = s;
    s->source = source;
    s->as_of = s->starting_at = s->empty_initial = -1;
    s->bound = INT64_MAX;
    mr_arena_init(&s->initial_arena);
    s->gap_checked_us =
        mr_env()->monotonic_us() - INT64_C(3600) * 1000000; /* the first time it looks at once */
    int status = MR_OK;
    MR_ERR(read_options(s, error));
    MR_ERR(open_table(s, error));
    MR_ERR(mr_notify_open(&s->notify, error));
    MR_ERR(mr_delta_source_look(s, error));
    MR_ERR(set_schema(s, error));
    MR_ERR(check_declared(s, error));
    if (s->exists)
        MR_ERR(resolve_times(s, error));
    if (s->as_of >= 0)
        s->bound = s->as_of;
    return MR_OK;
err:
    delta_close(source);
    return status;
}

static int delta_restore(struct mr_source *source, struct mr_str from, struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    struct mr_delta_offset offset;
    if (from.size > 0 && !s->exists)
        return mr_error_set(error, MR_E_PROTOCOL, "DELTA_PATH_DOES_NOT_EXIST",
                            "%s is gone; the query has read it before. Put it back, or start a full refresh.",
                            mr_delta_path(&s->table));
    return mr_delta_offset_parse(from, s->table.snapshot.metadata.id, &offset, error);
}

/* Takes items into the micro-batch as long as the limits allow; the first always. Returns how many; sets the
 * backlog. */
static size_t admit(struct mr_delta_source *s)
{
    int64_t bytes = 0, left_bytes = 0;
    size_t taken = 0, all = s->count - s->head;
    bool full = false, limited = s->source->checkpoint; /* a batch query takes everything at once */
    for (size_t i = 0; i < all; i++) {
        int64_t size = s->items[s->head + i].file->size_bytes;
        size = size > 0 ? size : 0;
        full = full || (limited && ((int64_t)taken >= s->max_files ||
                                    (taken > 0 && s->max_bytes > 0 && bytes + size > s->max_bytes)));
        if (full) {
            left_bytes += size;
            continue;
        }
        bytes += size;
        taken++;
    }
    s->source->metrics =
        (struct mr_source_metrics){.backlog_files = (int64_t)(all - taken), .backlog_bytes = left_bytes};
    return taken;
}

static int delta_latest(struct mr_source *source, struct mr_str from_text, struct mr_text *to,
                        struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    struct mr_delta_offset from, begin;
    bool knew = s->exists;
    if (!source->checkpoint && from_text.size > 0) { /* a batch query has it all already */
        mr_text_append(to, from_text.data, from_text.size);
        return to->failed ? mr_error_memory(error, from_text.size) : MR_OK;
    }
    if (!s->started)
        MR_TRY(mr_delta_source_look(s, error));
    if (!s->exists) {
        source->metrics = (struct mr_source_metrics){0};
        mr_text_append(to, from_text.data, from_text.size);
        return MR_OK;
    }
    if (!knew) { /* it came while we waited */
        MR_TRY(check_declared(s, error));
        MR_TRY(resolve_times(s, error));
    }
    struct mr_str id = s->table.snapshot.metadata.id;
    MR_TRY(mr_delta_offset_parse(from_text, id, &from, error));
    MR_TRY(mr_delta_follow(s, &from, &begin, error));
    size_t taken = admit(s);
    bool pinned =
        begin.present && (!from.present ? s->starting_version && taken == 0 : begin.version != from.version);
    if (taken > 0) {
        struct mr_delta_offset offset = mr_delta_offset_behind(&s->items[s->head + taken - 1], 0);
        mr_delta_offset_print(to, id, &offset);
    } else if (pinned) { /* "latest" means now, not when rows come; or many versions without rows went by */
        mr_delta_offset_print(to, id, &begin);
    } else {
        mr_text_append(to, from_text.data, from_text.size);
    }
    return to->failed ? mr_error_memory(error, to->size) : MR_OK;
}

static int delta_remember(struct mr_source *source, struct mr_str from, struct mr_str to,
                          struct mr_decision *decision, struct mr_error *error)
{
    (void)source, (void)from, (void)to, (void)decision, (void)error; /* the offset says it all */
    return MR_OK;
}

static int delta_published(struct mr_source *source, struct mr_str upto, struct mr_error *error)
{
    (void)source, (void)upto, (void)error;
    return MR_OK;
}

/* ---- waiting ---- */
static void note_commit(void *ctx, enum mr_notice_kind kind, const char *path)
{
    bool *seen = ctx;
    size_t size = strlen(path);
    bool commit = size > 5 && strcmp(path + size - 5, ".json") == 0;
    *seen = *seen || commit || kind == MR_NOTICE_OVERFLOW || kind == MR_NOTICE_DIRECTORY;
}

static void delta_wait(struct mr_source *source, int64_t deadline_us)
{
    struct mr_delta_source *s = source->ctx;
    bool seen = false;
    int64_t now = mr_env()->monotonic_us();
    if (s->exists && !s->watched && mr_notify_watching(s->notify)) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        char *log = mr_path_join(&arena, mr_delta_path(&s->table), MR_DELTA_LOG);
        s->watched = log && mr_notify_watch(s->notify, log);
        mr_arena_release(&arena);
        return; /* a commit may have come before the watch */
    }
    int64_t longest_us = s->watched ? WATCHED_US : POLL_US;
    if (deadline_us > now + longest_us)
        deadline_us = now + longest_us;
    mr_notify_wait(s->notify, deadline_us);
    mr_notify_drain(s->notify, note_commit, &seen);
}

static void delta_wake(struct mr_source *source)
{
    struct mr_delta_source *s = source->ctx;
    mr_notify_wake(s->notify);
}

/* The newest version and when it was committed: a table that was deleted and made anew differs in that. */
static int delta_snapshot(struct mr_source *source, struct mr_text *out, struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    struct mr_storage_entry entry = {0};
    char name[64];
    if (s->as_of < 0)
        MR_TRY(mr_delta_source_look(s, error));
    int64_t version = s->as_of >= 0 ? s->as_of : s->exists ? s->table.snapshot.version : -1;
    if (version >= 0) {
        mr_delta_commit_name(version, name);
        int status = s->table.storage.type->stat(&s->table.storage, name, &entry, error);
        if (status == MR_END && s->as_of < 0) /* another table stands there now: from the beginning */
            status = mr_delta_load(&s->table, -1, error);
        if (status < 0)
            return status;
    }
    mr_text_format(out, "{\"version\":%lld,\"modified\":%lld}", (long long)version,
                   (long long)entry.modified_us);
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

static void delta_describe(struct mr_source *source, struct mr_text *out)
{
    const struct mr_delta_source *s = source->ctx;
    mr_text_format(out, "DeltaSource[file:%s]", mr_delta_path(&s->table));
}

const struct mr_source_type mr_delta_source_type = {
    .name = "delta",
    .open = delta_open,
    .restore = delta_restore,
    .latest = delta_latest,
    .split = mr_delta_source_split,
    .reader_open = mr_delta_source_reader_open,
    .read = mr_delta_source_read,
    .reader_close = mr_delta_source_reader_close,
    .cut = mr_delta_source_cut,
    .remember = delta_remember,
    .published = delta_published,
    .wait = delta_wait,
    .wake = delta_wake,
    .snapshot = delta_snapshot,
    .describe = delta_describe,
    .close = delta_close,
};
