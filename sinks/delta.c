/* sinks/delta.c: the verbs of the Delta sink; what each does in detail is in the files named in delta.h. */
#include <stdio.h>

#include "sinks/delta.h"

/* The names of the register's txn actions: "<query id>/<sink>" and "<query id>/<sink>#decision". A one-shot
 * write has one register for the table, whatever the query, so that refreshing a view every minute does not
 * fill the log with names. */
static int name_register(struct mr_delta_sink *s, struct mr_error *error)
{
    const struct mr_sink *sink = s->sink;
    char *app = s->options.one_shot ? mr_arena_format(&s->arena, "millrace/%s", sink->name)
                                    : mr_arena_format(&s->arena, "%s/%s", sink->query_id->text, sink->name);
    char *decision = app ? mr_arena_format(&s->arena, "%s#decision", app) : NULL;
    if (!decision)
        return mr_error_memory(error, strlen(sink->name));
    s->app_id = mr_str_of(app);
    s->decision_id_app = mr_str_of(decision);
    return MR_OK;
}

static void delta_close(struct mr_sink *sink)
{
    struct mr_delta_sink *s = sink->ctx;
    if (!s)
        return;
    mr_delta_keeper_release(&s->keeper);
    mr_delta_upsert_release(s);
    mr_delta_writers_release(s);
    mr_delta_close(&s->table);
    pthread_mutex_destroy(&s->guard);
    mr_arena_release(&s->arena);
    mr_free(s);
    sink->ctx = NULL;
}

static int delta_open(struct mr_sink *sink, struct mr_error *error)
{
    const char *path = mr_option_text(sink->options, sink->option_count, "path");
    if (!path || !*path)
        return mr_error_set(error, MR_E_USAGE, "DELTA_ILLEGAL_OPTION",
                            "The Delta sink '%s' needs the option 'path'.", sink->name);
    struct mr_delta_sink *s = mr_allocate_zeroed(sizeof(*s));
    if (!s)
        return mr_error_memory(error, sizeof(*s));
    s->sink = sink;
    sink->ctx = s;
    mr_arena_init(&s->arena);
    pthread_mutex_init(&s->guard, NULL);
    mr_delta_keeper_init(&s->keeper);
    int status = mr_delta_writers_init(s, error);
    /* Only a commit that replaces rows needs to know which files there are. */
    bool replaces = mr_delta_replaces(sink) || sink->truncate_first;
    uint32_t keep = replaces ? MR_DELTA_KEEP_FILES : 0;
    if (replaces && sink->mode == MR_MODE_UPDATE)
        keep |= MR_DELTA_KEEP_STATS;
    if (status == MR_OK)
        status = mr_delta_open(&s->table, path, keep, error);
    if (status == MR_OK)
        status = mr_delta_load(&s->table, -1, error);
    if (status >= 0)
        status = mr_delta_target_plan(s, error);
    if (status == MR_OK)
        status = name_register(s, error);
    if (status == MR_OK)
        status = mr_delta_upsert_plan(s, error);
    if (status < 0)
        delta_close(sink);
    return status < 0 ? status : MR_OK;
}

static int delta_enrol(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    pthread_mutex_lock(&s->guard);
    int status = mr_delta_target_enrol(s, out, error);
    pthread_mutex_unlock(&s->guard);
    return status;
}

static int delta_published(struct mr_sink *sink, struct mr_register *out, struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    pthread_mutex_lock(&s->guard);
    int status = mr_delta_refresh(&s->table, error);
    if (status == MR_OK)
        status = s->table.storage.type->sync_directory(&s->table.storage, MR_DELTA_LOG, error);
    if (status >= 0)
        mr_delta_register(s, &s->table.snapshot, out);
    if (status >= 0 && s->options.one_shot && !out->present)
        *out = (struct mr_register){true, -1, 1}; /* as enrolled */
    pthread_mutex_unlock(&s->guard);
    return status < 0 ? status : MR_OK;
}

static int delta_begin(struct mr_sink *sink, int64_t batch, struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    (void)error;
    if (sink->mode == MR_MODE_COMPLETE)
        mr_delta_writers_reset(s);
    s->writers.batch = batch;
    return MR_OK;
}

static int delta_write(struct mr_sink *sink, int worker, const struct mr_batch *batch, struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    (void)worker;
    return s->upsert ? mr_delta_upsert_write(s, batch, error) : mr_delta_writers_write(s, batch, error);
}

static int delta_prepare(struct mr_sink *sink, int64_t batch, uint64_t decision_id,
                         const struct mr_register *predecessor, struct mr_text *manifest,
                         struct mr_error *error)
{
    struct mr_delta_sink *s = sink->ctx;
    struct mr_delta_writers *w = &s->writers;
    char attempt[24], table_id[sizeof(s->table_id)];
    if (s->upsert)
        MR_TRY(mr_delta_upsert_finish(s, error));
    MR_TRY(mr_delta_writers_finish(s, error));
    /* The first publication of a refreshed query is the one that follows the enrolment. */
    bool truncate = sink->truncate_first && predecessor->batch < 0;
    bool replace = sink->mode == MR_MODE_COMPLETE || truncate;
    sink->metrics = (struct mr_sink_metrics){w->written.rows, w->written.bytes, w->written.files};
    if (w->written.files == 0 && !replace)
        return MR_OK;
    pthread_mutex_lock(&s->guard);
    memcpy(table_id, s->table_id, sizeof(table_id));
    bool append_only = s->append_only;
    pthread_mutex_unlock(&s->guard);
    if ((replace || s->upsert) && append_only)
        return mr_error_set(error, MR_E_USAGE, "DELTA_CANNOT_MODIFY_APPEND_ONLY",
                            "The table %s has delta.appendOnly set; its rows cannot be replaced.",
                            mr_delta_path(&s->table));
    int size = snprintf(attempt, sizeof(attempt), "%016llx", (unsigned long long)sink->attempt);
    struct mr_delta_manifest m = {
        .table_id = mr_str_of(table_id),
        .batch = batch,
        .decision_id = decision_id,
        .predecessor = *predecessor,
        .attempt = {attempt, (size_t)size},
        .mode = sink->mode == MR_MODE_COMPLETE ? MR_STR("Complete")
                : sink->mode == MR_MODE_UPDATE ? MR_STR("Update")
                                               : MR_STR("Append"),
        .query_id = mr_str_of(sink->query_id->text),
        .user_metadata = mr_str_of(s->options.user_metadata),
        .replace = replace,
        .upsert = s->upsert && !replace,
        .create = s->options.one_shot && s->create,
        .partition_columns = s->partition_columns,
        .partition_count = s->partition_count,
        .rows = w->written.rows,
        .bytes = w->written.bytes,
        .files = w->written.files,
        .adds = mr_text_str(&w->written.adds),
    };
    MR_TRY(mr_delta_manifest_print(s, &m, manifest, error));
    mr_delta_writers_reset(s);
    return MR_OK;
}

static void delta_abandon(struct mr_sink *sink)
{
    mr_delta_upsert_reset(sink->ctx);
    mr_delta_writers_reset(sink->ctx);
}

static void delta_describe(struct mr_sink *sink, struct mr_text *out)
{
    const struct mr_delta_sink *s = sink->ctx;
    const char *path =
        s ? mr_delta_path(&s->table) : mr_option_text(sink->options, sink->option_count, "path");
    mr_text_format(out, "DeltaSink[%s]", path ? path : "");
}

const struct mr_sink_type mr_delta_sink_type = {
    .name = "delta",
    .flags = MR_SINK_BY_KEY,
    .modes = 1u << MR_MODE_APPEND | 1u << MR_MODE_UPDATE | 1u << MR_MODE_COMPLETE,
    .open = delta_open,
    .enrol = delta_enrol,
    .begin = delta_begin,
    .write = delta_write,
    .prepare = delta_prepare,
    .publish = mr_delta_sink_publish,
    .published = delta_published,
    .clean = mr_delta_sink_clean,
    .abandon = delta_abandon,
    .describe = delta_describe,
    .close = delta_close,
};
