/* api/job.c: a job's life, its settings and its first error. */
#include "api/job.h"

#include <stdio.h>

#define SAME(name)                                                                                           \
    _Static_assert((int)MILLRACE_##name == (int)MR_E_##name, "public and internal codes are one")
SAME(USAGE);
SAME(SQL);
SAME(DATA);
SAME(IO);
SAME(MEMORY);
SAME(PROTOCOL);
SAME(CONFLICT);
SAME(UNSUPPORTED);
SAME(CANCELLED);
_Static_assert((int)MILLRACE_SCHEMA == (int)MR_E_SCHEMA_CHANGED, "public and internal codes are one");
SAME(CORRUPT);
SAME(INTERNAL);
_Static_assert((int)MILLRACE_APPEND == (int)MR_MODE_APPEND && (int)MILLRACE_UPDATE == (int)MR_MODE_UPDATE &&
                   (int)MILLRACE_COMPLETE == (int)MR_MODE_COMPLETE,
               "public and internal modes are one");

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
const char *millrace_version(void)
{
    return TEXT_OF(MILLRACE_VERSION_MAJOR) "." TEXT_OF(MILLRACE_VERSION_MINOR) "." TEXT_OF(
        MILLRACE_VERSION_PATCH);
}

#define MOST (1 << 20)
static const struct mr_option_spec settings[] = {
    {.include = mr_setting_table},
    {"millrace.workers", MR_OPTION_INTEGER, "(one per core)", "threads that do the work", .most = MOST},
    {"millrace.base.directory", MR_OPTION_TEXT, "(the working directory)",
     .help = "what relative paths are relative to"},
    {"millrace.refresh", MR_OPTION_BOOLEAN, "false",
     .help = "forget the checkpoint, and empty the targets with the first batch"},
    {0},
};

/* ---- life ---- */
struct millrace_job *millrace_job_new(const char *name)
{
    struct millrace_job *job = mr_allocate_zeroed(sizeof *job);
    if (!job)
        return NULL;
    mr_arena_init(&job->arena);
    mr_map_init(&job->conf);
    mr_text_init(&job->progress);
    job->streams_end = &job->streams;
    job->outputs_end = &job->outputs;
    mr_error_clear(&job->error);
    if (name)
        job->name = mr_arena_copy_text(&job->arena, name, strlen(name));
    if ((name && !job->name) || pthread_mutex_init(&job->lock, NULL) != 0) {
        mr_arena_release(&job->arena);
        mr_free(job);
        return NULL;
    }
    return job;
}

void millrace_job_free(struct millrace_job *job)
{
    if (!job)
        return;
    for (struct millrace_stream *stream = job->streams; stream; stream = stream->next)
        mr_sql_script_release(&stream->script);
    for (struct mr_api_held *held = job->held, *next; held; held = next) {
        next = held->next;
        mr_memory_stream_close(held->stream);
        mr_memory_table_close(held->table);
        mr_free(held);
    }
    mr_text_release(&job->progress);
    mr_map_release(&job->conf);
    mr_arena_release(&job->arena);
    pthread_mutex_destroy(&job->lock);
    mr_free(job);
}

int mr_api_hold(struct millrace_job *job, struct mr_memory_stream *stream, struct mr_memory_table *table,
                struct mr_error *error)
{
    struct mr_api_held *held = mr_allocate(sizeof *held);
    if (!held) {
        mr_memory_stream_close(stream);
        mr_memory_table_close(table);
        return mr_error_memory(error, sizeof *held);
    }
    pthread_mutex_lock(&job->lock);
    *held = (struct mr_api_held){job->held, stream, table};
    job->held = held;
    pthread_mutex_unlock(&job->lock);
    return MR_OK;
}

/* ---- the first error ---- */
int mr_api_failed(struct millrace_job *job)
{
    if (!job)
        return MR_E_MEMORY;
    pthread_mutex_lock(&job->lock);
    int code = job->failed ? job->error.code : MR_OK;
    pthread_mutex_unlock(&job->lock);
    return code;
}

int mr_api_fail(struct millrace_job *job, const struct mr_error *error, bool building)
{
    pthread_mutex_lock(&job->lock);
    if (!job->failed) {
        job->error = *error;
        mr_error_format(&job->error, job->error_text, sizeof job->error_text);
        job->failed = true;
        job->failed_building = building;
    }
    pthread_mutex_unlock(&job->lock);
    return error->code;
}

int mr_api_fail_memory(struct millrace_job *job, bool building)
{
    struct mr_error error;
    mr_error_memory(&error, sizeof(struct millrace_stream));
    return mr_api_fail(job, &error, building);
}

int millrace_job_clear_error(struct millrace_job *job)
{
    if (!job)
        return MILLRACE_MEMORY;
    pthread_mutex_lock(&job->lock);
    int code = job->failed && job->failed_building ? job->error.code : MILLRACE_OK;
    if (code == MILLRACE_OK) {
        job->failed = false;
        job->error_text[0] = 0;
        mr_error_clear(&job->error);
    }
    pthread_mutex_unlock(&job->lock);
    return code;
}

int millrace_error_code(const struct millrace_job *job)
{
    return mr_api_failed((struct millrace_job *)job);
}

/* The texts are written once, before failed is set. */
static const char *error_text(const struct millrace_job *job, const char *text)
{
    return mr_api_failed((struct millrace_job *)job) < 0 ? text : "";
}

const char *millrace_error_condition(const struct millrace_job *job)
{
    return job ? error_text(job, job->error.condition) : "UNABLE_TO_ACQUIRE_MEMORY";
}

const char *millrace_error_sqlstate(const struct millrace_job *job)
{
    return job ? error_text(job, job->error.sqlstate) : "53200";
}

const char *millrace_error_message(const struct millrace_job *job)
{
    return job ? error_text(job, job->error.message) : "There was no memory for the job.";
}

const char *millrace_error_text(const struct millrace_job *job)
{
    return job ? error_text(job, job->error_text)
               : "[UNABLE_TO_ACQUIRE_MEMORY] There was no memory for the job. SQLSTATE: 53200";
}

const char *millrace_error_parameter(const struct millrace_job *job, const char *name)
{
    if (!job || !name || mr_api_failed((struct millrace_job *)job) == MR_OK)
        return NULL;
    return mr_error_parameter_find(&job->error, name);
}

int millrace_error_is_retriable(const struct millrace_job *job)
{
    if (mr_api_failed((struct millrace_job *)job) == MR_OK)
        return 0;
    return !job || (job->error.flags & MR_RETRIABLE) != 0;
}

/* ---- settings and options ---- */
static int set(struct millrace_job *job, const char *key, const char *value, struct mr_error *error)
{
    if (!key || !value)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "A setting needs a key and a value; one of them is NULL.");
    MR_TRY(mr_setting_check(settings, "A job", &key, value, error));
    char *copy = mr_arena_copy_text(&job->arena, value, strlen(value));
    struct mr_map_entry *entry = copy ? mr_map_put(&job->conf, mr_str_of(key), NULL) : NULL;
    if (!entry)
        return mr_error_memory(error, strlen(value));
    entry->pointer = copy;
    return MR_OK;
}

int millrace_job_set(struct millrace_job *job, const char *key, const char *value)
{
    struct mr_error error = {0};
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    status = set(job, key, value, &error);
    return status < 0 ? mr_api_fail(job, &error, true) : MILLRACE_OK;
}

int millrace_output_mode(struct millrace_job *job, enum millrace_mode mode)
{
    struct mr_error error = {0};
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    if ((int)mode < (int)MILLRACE_APPEND || (int)mode > (int)MILLRACE_COMPLETE) {
        mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE", "There is no output mode %d.", (int)mode);
        return mr_api_fail(job, &error, true);
    }
    job->mode = (enum mr_output_mode)mode;
    return MILLRACE_OK;
}

int mr_api_options(struct millrace_job *job, const char *const *pairs, const struct mr_option **out,
                   int *count, struct mr_error *error)
{
    int pieces = 0;
    while (pairs && pairs[pieces])
        pieces++;
    if (pieces % 2)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "The option %s has no value: options are name, value, …, and NULL at the end.",
                            pairs[pieces - 1]);
    struct mr_option *options = MR_ARENA_ARRAY(&job->arena, struct mr_option, pieces / 2 + 1);
    if (!options)
        return mr_error_memory(error, sizeof *options * (size_t)(pieces / 2 + 1));
    for (int i = 0; i < pieces / 2; i++) {
        options[i].name = mr_arena_copy_text(&job->arena, pairs[2 * i], strlen(pairs[2 * i]));
        options[i].value = mr_arena_copy_text(&job->arena, pairs[2 * i + 1], strlen(pairs[2 * i + 1]));
        if (!options[i].name || !options[i].value)
            return mr_error_memory(error, strlen(pairs[2 * i + 1]));
    }
    *out = options;
    *count = pieces / 2;
    return MR_OK;
}

size_t mr_api_put(char *out, size_t size, struct mr_str text)
{
    size_t fits = text.size < size ? text.size : size ? size - 1 : 0;
    if (out && fits > 0)
        memcpy(out, text.data, fits);
    if (out && size > 0)
        out[fits] = 0;
    return text.size;
}
