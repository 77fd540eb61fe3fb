/* sinks/file_log.c: the log in _spark_metadata: read, compared, appended to (invariants 3, 4, 11). */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "delta/delta.h"
#include "sinks/data_file.h"
#include "sinks/file.h"

#define EVERY 10 /* entries, then a compacted one; Spark's default */

/* ---- names of entries ---- */
static void entry_name(int64_t number, bool compact, char out[80])
{
    snprintf(out, 80, MR_FILE_LOG "/%lld%s", (long long)number, compact ? ".compact" : "");
}

/* How many entries lie between compacted ones, as Spark derives it from the last of them (-1: none). */
static int64_t interval(int64_t last_compact)
{
    int64_t size = last_compact + 1;
    if (last_compact < 0)
        return EVERY;
    if (EVERY < size / 2)
        for (int64_t n = EVERY; n < size; n++)
            if (size % n == 0)
                return n;
    return size;
}

static bool is_compact(const struct mr_file_sink *s, int64_t number)
{
    return (number + 1) % interval(s->last_compact) == 0;
}

struct scan {
    int64_t latest, compact; /* highest numbers; -1: none */
};

static int scan_entry(void *ctx, const struct mr_storage_entry *entry)
{
    struct scan *scan = ctx;
    const char *name = mr_path_name(entry->path);
    char *end;
    int64_t number = strtoll(name, &end, 10);
    bool compact = strcmp(end, ".compact") == 0;
    if (name[0] < '0' || name[0] > '9' || (*end && !compact))
        return 0;
    scan->latest = number > scan->latest ? number : scan->latest;
    if (compact && number > scan->compact)
        scan->compact = number;
    return 0;
}

/* ---- reading ---- */
/* Appends the lines of entries first .. last, without "v1"; the first may be the compacted one. */
static int read_lines(struct mr_file_sink *s, int64_t first, int64_t last, struct mr_text *out,
                      struct mr_error *error)
{
    struct mr_text content;
    int status = MR_OK;
    mr_text_init(&content);
    for (int64_t n = first; status == MR_OK && n <= last; n++) {
        char name[80];
        entry_name(n, n == s->last_compact, name);
        mr_text_clear(&content);
        status = s->storage.type->get(&s->storage, name, &content, error);
        if (status == MR_END)
            status = mr_error_set(error, MR_E_CORRUPT, "BATCH_METADATA_NOT_FOUND",
                                  "%s/%s is missing from the log.", s->storage.root, name);
        bool known = content.size >= 2 && memcmp(content.data, "v1", 2) == 0 &&
                     (content.size == 2 || content.data[2] == '\n');
        if (status == MR_OK && !known)
            status =
                mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                             "%s/%s is no entry of version 1 of a file sink's log.", s->storage.root, name);
        if (status == MR_OK && content.size > 3) {
            mr_text_append(out, content.data + 3, content.size - 3);
            if (out->size > 0 && out->data[out->size - 1] != '\n')
                mr_text_append_char(out, '\n');
        }
    }
    mr_text_release(&content);
    return status == MR_OK && out->failed ? mr_error_memory(error, out->size) : status;
}

static void enrolment_name(const struct mr_file_sink *s, char out[120])
{
    snprintf(out, 120, MR_FILE_LOG "/_millrace-%s-%08x", s->sink->query_id->text,
             (uint32_t)mr_hash(s->sink->name, strlen(s->sink->name)));
}

/* A JSON object with batch and decision; false: it is none. */
static bool parse_register(struct mr_str text, struct mr_register *out)
{
    struct mr_arena arena;
    struct mr_json *root;
    struct mr_error error = {0};
    int64_t decision = 0;
    mr_arena_init(&arena);
    bool good = mr_json_parse(&arena, text, &root, &error) == MR_OK;
    const struct mr_json *inner = good ? mr_json_member(root, "millrace") : NULL;
    good = good && mr_json_get_i64(inner ? inner : root, "batch", &out->batch) &&
           mr_json_get_i64(inner ? inner : root, "decision", &decision);
    out->decision_id = (uint64_t)decision;
    out->present = good;
    mr_arena_release(&arena);
    return good;
}

/* The last line that is ours. */
static void find_register(const struct mr_file_sink *s, struct mr_str lines, struct mr_register *out)
{
    struct mr_text mark;
    mr_text_init(&mark);
    mr_text_append_str(&mark, "\"millrace\":{\"sink\":");
    mr_json_cstr(&(struct mr_json_writer){.out = &mark}, s->id);
    for (size_t end = lines.size; end > 0;) {
        size_t start = end - 1; /* the newline */
        while (start > 0 && lines.data[start - 1] != '\n')
            start--;
        struct mr_str line = {lines.data + start, end - 1 - start};
        if (mark.data && memmem(line.data, line.size, mark.data, mark.size) && parse_register(line, out))
            break;
        end = start;
    }
    mr_text_release(&mark);
}

/* Reads the log as it is: next_entry, last_compact, found. */
static int read_log(struct mr_file_sink *s, struct mr_error *error)
{
    struct scan scan = {-1, -1};
    struct mr_text text;
    struct mr_register enrolled = {.batch = -1};
    char name[120];
    MR_TRY(s->storage.type->list(&s->storage, MR_FILE_LOG, NULL, scan_entry, &scan, error));
    s->last_compact = scan.compact;
    s->found = (struct mr_register){.batch = -1};
    mr_text_init(&text);
    int status = read_lines(s, scan.compact < 0 ? 0 : scan.compact, scan.latest, &text, error);
    if (status == MR_OK)
        find_register(s, mr_text_str(&text), &s->found);
    mr_text_clear(&text);
    enrolment_name(s, name);
    if (status == MR_OK)
        status = s->storage.type->get(&s->storage, name, &text, error);
    if (status == MR_OK && !parse_register(mr_text_str(&text), &enrolled))
        status = mr_error_set(error, MR_E_CORRUPT, "BATCH_METADATA_NOT_FOUND", "%s/%s is damaged.",
                              s->storage.root, name);
    if (status == MR_OK && (!s->found.present || enrolled.batch > s->found.batch))
        s->found = enrolled;
    mr_text_release(&text);
    if (status < 0)
        return status;
    if (status == MR_END) /* never enrolled: what a log says of us means nothing */
        s->found = (struct mr_register){.batch = -1};
    s->next_entry = scan.latest + 1;
    /* what is relied on stays */
    return s->storage.type->sync_directory(&s->storage, MR_FILE_LOG, error);
}

static int register_text(const struct mr_file_sink *s, const struct mr_register *r, struct mr_text *out,
                         struct mr_error *error)
{
    mr_text_append_str(out, "{\"sink\":");
    mr_json_cstr(&(struct mr_json_writer){.out = out}, s->id);
    mr_text_format(out, ",\"batch\":%lld,\"decision\":%lld}\n", (long long)r->batch,
                   (long long)r->decision_id);
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

int mr_file_sink_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    struct mr_file_sink *s = sink->ctx;
    const struct mr_register enrolment = {true, -1, mr_env()->random() >> 1 | 1};
    struct mr_text text;
    char name[120];
    enrolment_name(s, name);
    mr_text_init(&text);
    pthread_mutex_lock(&s->guard);
    int status = register_text(s, &enrolment, &text, error);
    if (status == MR_OK) /* there already: as it was enrolled */
        status = s->storage.type->put_if_absent(&s->storage, name, text.data, text.size, error);
    if (status >= 0)
        status = read_log(s, error);
    *out = s->found;
    pthread_mutex_unlock(&s->guard);
    mr_text_release(&text);
    return status < 0 ? status : MR_OK;
}

int mr_file_sink_published(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    struct mr_file_sink *s = sink->ctx;
    pthread_mutex_lock(&s->guard);
    int status = read_log(s, error);
    *out = s->found;
    pthread_mutex_unlock(&s->guard);
    return status < 0 ? status : MR_OK;
}

/* ---- publishing ---- */
struct publication {
    int64_t batch;
    uint64_t decision_id;
    struct mr_register predecessor;
    struct mr_str attempt, lines;
    bool truncate;
};

static int parse_manifest(struct mr_arena *arena, struct mr_str text, struct publication *out,
                          struct mr_error *error)
{
    const char *newline = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    struct mr_json *root = NULL;
    struct mr_str kind = {NULL, 0};
    struct mr_error ignored = {0};
    int64_t version = 0, decision = 0, before = 0;
    bool good = newline && mr_json_parse(arena, (struct mr_str){text.data, (size_t)(newline - text.data)},
                                         &root, &ignored) == MR_OK;
    const struct mr_json *predecessor = good ? mr_json_member(root, "predecessor") : NULL;
    *out = (struct publication){.batch = -1};
    good = good && mr_json_get_str(root, "manifest", &kind) && mr_str_equal(kind, MR_STR("files")) &&
           mr_json_get_i64(root, "version", &version) && version == 1 &&
           mr_json_get_i64(root, "batch", &out->batch) && mr_json_get_i64(root, "decision", &decision) &&
           mr_json_get_str(root, "attempt", &out->attempt) &&
           mr_json_get_bool(root, "truncate", &out->truncate) && predecessor &&
           mr_json_get_i64(predecessor, "batch", &out->predecessor.batch) &&
           mr_json_get_i64(predecessor, "decision", &before);
    if (!good)
        return mr_error_set(
            error, version > 1 ? MR_E_UNSUPPORTED : MR_E_CORRUPT, "INTERNAL_ERROR",
            "A manifest of a file sink in the checkpoint is %s. The batch cannot be published; keep it "
            "aside with `millrace checkpoint set-aside`.",
            version > 1 ? "of a newer Millrace" : "damaged");
    out->decision_id = (uint64_t)decision;
    out->predecessor.decision_id = (uint64_t)before;
    out->lines = (struct mr_str){newline + 1, text.size - (size_t)(newline + 1 - text.data)};
    return MR_OK;
}

/* MR_END: it is published already. */
static int compare_register(const struct mr_file_sink *s, const struct publication *p, struct mr_error *error)
{
    const struct mr_register *found = &s->found;
    if (found->present && found->batch == p->batch && found->decision_id == p->decision_id)
        return MR_END;
    if (found->present && found->batch == p->predecessor.batch &&
        found->decision_id == p->predecessor.decision_id)
        return MR_OK;
    return mr_error_set(
        error, MR_E_PROTOCOL,
        found->present ? "SINK_REGISTER_MISMATCH.FOREIGN" : "SINK_REGISTER_MISMATCH.ABSENT",
        "The log of %s says that this query's last batch there is %lld (decision %llx%s); batch %lld must "
        "follow batch %lld (decision %llx). The checkpoint was copied and run twice, an older copy was put "
        "back, or the folder was emptied. Nothing was written. Start a full refresh, or keep the batch "
        "aside with `millrace checkpoint set-aside`.",
        s->storage.root, (long long)found->batch, (unsigned long long)found->decision_id,
        found->present ? "" : ", absent", (long long)p->batch, (long long)p->predecessor.batch,
        (unsigned long long)p->predecessor.decision_id);
}

/* Where a line's file lies, relative to the folder; NULL: somewhere else. */
static const char *file_of(const struct mr_file_sink *s, struct mr_arena *arena, struct mr_str line)
{
    struct mr_json *root;
    struct mr_error ignored = {0};
    struct mr_str uri;
    size_t folder = strlen(s->storage.root);
    if (mr_json_parse(arena, line, &root, &ignored) < 0 || !mr_json_get_str(root, "path", &uri))
        return NULL;
    const char *path = mr_path_from_uri(arena, uri);
    bool inside = path && strncmp(path, s->storage.root, folder) == 0 && path[folder] == '/';
    return inside ? path + folder + 1 : NULL;
}

/* Files of an earlier process: this one has not seen them, so it looks (invariant 11). */
static int check_files(const struct mr_file_sink *s, const struct publication *p, struct mr_arena *arena,
                       struct mr_error *error)
{
    char mine[24];
    struct mr_storage_entry entry;
    int size = snprintf(mine, sizeof mine, "%016llx", (unsigned long long)s->sink->attempt);
    if (mr_str_equal(p->attempt, (struct mr_str){mine, (size_t)size}))
        return MR_OK;
    for (const char *at = p->lines.data, *end = at + p->lines.size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *path = newline ? file_of(s, arena, (struct mr_str){at, (size_t)(newline - at)}) : NULL;
        int status =
            path ? s->storage.type->stat((struct mr_storage *)&s->storage, path, &entry, error) : MR_END;
        MR_TRY(status);
        if (status == MR_END)
            return mr_error_set(
                error, MR_E_PROTOCOL, "FAILED_READ_FILE.FILE_NOT_EXIST",
                "%s/%s: the file of a decided batch is gone. Something removed files the log did not "
                "name yet. Nothing is published; restore the file, or keep the batch aside with "
                "`millrace checkpoint set-aside`.",
                s->storage.root, path ? path : "?");
        at = newline + 1;
    }
    return MR_OK;
}

/* Entries that no reader needs any more: all before the compacted one before this. */
static int drop_old(struct mr_file_sink *s, int64_t before, struct mr_error *error)
{
    char name[80];
    for (int64_t n = before - 1; n >= 0; n--) {
        struct mr_storage_entry entry;
        entry_name(n, false, name);
        if (s->storage.type->stat(&s->storage, name, &entry, error) == MR_END) {
            entry_name(n, true, name);
            if (s->storage.type->stat(&s->storage, name, &entry, error) == MR_END)
                return MR_OK; /* those before went earlier */
        }
        MR_TRY(s->storage.type->remove(&s->storage, name, error));
    }
    return MR_OK;
}

/* One attempt at entry next_entry: MR_PUT_EXISTS when somebody else has it. */
static int put_entry(struct mr_file_sink *s, struct mr_str lines, bool alone, struct mr_error *error)
{
    int64_t number = s->next_entry;
    bool compact = is_compact(s, number);
    struct mr_text text;
    char name[80];
    mr_text_init(&text);
    mr_text_append_str(&text, "v1\n");
    int status = MR_OK;
    if (compact && !alone)
        status = read_lines(s, s->last_compact < 0 ? 0 : s->last_compact, number - 1, &text, error);
    mr_text_append(&text, lines.data, lines.size);
    if (text.size > 0 && !text.failed)
        text.data[--text.size] = 0; /* Spark has no newline at the end */
    entry_name(number, compact, name);
    mr_killpoint("files.before_entry");
    if (status == MR_OK)
        status = text.failed ? mr_error_memory(error, text.size)
                             : s->storage.type->put_if_absent(&s->storage, name, text.data, text.size, error);
    mr_text_release(&text);
    mr_killpoint("files.after_entry");
    if (status != MR_OK)
        return status;
    int64_t before = s->last_compact;
    s->next_entry++;
    if (!compact)
        return MR_OK;
    s->last_compact = number;
    return drop_old(s, before, error);
}

/* Empty entries up to a compacted one, which holds nothing but our lines: from then on the folder is empty
 * but for them. */
static int put_alone(struct mr_file_sink *s, struct mr_str lines, struct mr_error *error)
{
    while (!is_compact(s, s->next_entry)) {
        int status = put_entry(s, (struct mr_str){"", 0}, false, error);
        if (status != MR_OK)
            return status;
    }
    return put_entry(s, lines, true, error);
}

/* A batch that emptied the folder and left no file has no line to say so. */
static int note_register(struct mr_file_sink *s, const struct publication *p, struct mr_error *error)
{
    const struct mr_register now = {true, p->batch, p->decision_id};
    struct mr_text text;
    char name[120];
    enrolment_name(s, name);
    mr_text_init(&text);
    int status = register_text(s, &now, &text, error);
    if (status == MR_OK)
        status = s->storage.type->replace(&s->storage, name, text.data, text.size, error);
    mr_text_release(&text);
    return status;
}

static int publish(struct mr_file_sink *s, const struct publication *p, struct mr_error *error)
{
    if (s->next_entry < 0)
        MR_TRY(read_log(s, error));
    for (;;) {
        int status = compare_register(s, p, error);
        if (status != MR_OK)
            return status < 0 ? status : MR_OK;
        status = p->truncate ? put_alone(s, p->lines, error) : put_entry(s, p->lines, false, error);
        if (status == MR_OK)
            break;
        s->next_entry = -1; /* whatever happened, the log is looked at again */
        MR_TRY(status);
        MR_TRY(read_log(s, error));
    }
    if (p->truncate && p->lines.size == 0)
        MR_TRY(note_register(s, p, error));
    s->found = (struct mr_register){true, p->batch, p->decision_id};
    return MR_OK;
}

int mr_file_sink_publish(struct mr_sink *sink, struct mr_str manifest, struct mr_error *error)
{
    struct mr_file_sink *s = sink->ctx;
    struct mr_arena arena;
    struct publication p;
    mr_arena_init(&arena);
    pthread_mutex_lock(&s->guard);
    int status = parse_manifest(&arena, manifest, &p, error);
    if (status == MR_OK)
        status = check_files(s, &p, &arena, error);
    if (status == MR_OK)
        status = publish(s, &p, error);
    pthread_mutex_unlock(&s->guard);
    mr_arena_release(&arena);
    return status;
}

/* ---- cleaning ---- */
struct sweep {
    struct mr_file_sink *s;
    struct mr_map directories, candidates; /* paths; of candidates by name */
    int64_t published;
    bool failed;
};

static int sweep_entry(void *ctx, const struct mr_storage_entry *entry)
{
    struct sweep *sweep = ctx;
    const char *name = mr_path_name(entry->path);
    int64_t batch = 0;
    if (entry->is_directory) {
        bool hidden = (name[0] == '_' || name[0] == '.') && !strchr(name, '=');
        sweep->failed |= !hidden && !mr_map_put(&sweep->directories, mr_str_of(entry->path), NULL);
    } else if (mr_data_file_parse(sweep->s->sink, name, sweep->s->suffix, &batch) &&
               batch <= sweep->published) {
        sweep->failed |= !mr_map_put(&sweep->candidates, mr_str_of(entry->path), NULL);
    }
    return sweep->failed ? 1 : 0;
}

/* Files of decisions up to the register that the log, read now, does not name. */
static int remove_orphans(struct sweep *sweep, struct mr_error *error)
{
    struct mr_file_sink *s = sweep->s;
    struct mr_text lines;
    struct mr_arena arena;
    struct mr_map named;
    mr_text_init(&lines);
    mr_arena_init(&arena);
    mr_map_init(&named);
    pthread_mutex_lock(&s->guard);
    int status = read_log(s, error);
    if (status == MR_OK)
        status = read_lines(s, s->last_compact < 0 ? 0 : s->last_compact, s->next_entry - 1, &lines, error);
    pthread_mutex_unlock(&s->guard);
    for (const char *at = lines.data, *end = at ? at + lines.size : NULL; status == MR_OK && at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *path = file_of(s, &arena, (struct mr_str){at, (size_t)(newline - at)});
        if (path && !mr_map_put(&named, mr_str_of(path), NULL))
            status = mr_error_memory(error, 0);
        at = newline + 1;
    }
    for (size_t i = 0; status == MR_OK && i < sweep->candidates.count; i++) {
        struct mr_str key = sweep->candidates.entries[i].key;
        const char *path = mr_arena_copy_text(&arena, key.data, key.size);
        if (!path)
            status = mr_error_memory(error, key.size);
        else if (!mr_map_get(&named, key))
            status = s->storage.type->remove(&s->storage, path, error);
    }
    mr_map_release(&named);
    mr_arena_release(&arena);
    mr_text_release(&lines);
    return status;
}

int mr_file_sink_clean(struct mr_sink *sink, const struct mr_register *published, struct mr_error *error)
{
    struct sweep sweep = {.s = sink->ctx, .published = published->batch};
    struct mr_storage *storage = &sweep.s->storage;
    struct mr_arena arena;
    if (!published->present || published->batch < 0)
        return MR_OK;
    mr_arena_init(&arena);
    mr_map_init(&sweep.directories);
    mr_map_init(&sweep.candidates);
    int status = storage->type->list(storage, "", NULL, sweep_entry, &sweep, error);
    for (size_t i = 0; status == MR_OK && i < sweep.directories.count; i++) {
        struct mr_str key = sweep.directories.entries[i].key;
        const char *path = mr_arena_copy_text(&arena, key.data, key.size);
        status = path ? storage->type->list(storage, path, NULL, sweep_entry, &sweep, error)
                      : mr_error_memory(error, key.size);
    }
    if (sweep.failed)
        status = mr_error_memory(error, 0);
    if (status == MR_OK && sweep.candidates.count > 0)
        status = remove_orphans(&sweep, error);
    mr_map_release(&sweep.directories);
    mr_map_release(&sweep.candidates);
    mr_arena_release(&arena);
    return status < 0 ? status : MR_OK;
}
