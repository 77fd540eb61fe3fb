/* api/memory.c: feeding streams in memory, and reading tables in memory. */
#include "api/job.h"
#include "formats/format.h"

/* ---- rows from Arrow ---- */
static int append_batch(struct mr_memory_stream *stream, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, struct mr_error *error)
{
    struct mr_batch rows = {0};
    MR_TRY(mr_arrow_import(schema, array, mr_memory_stream_schema(stream), &rows, error));
    int status = rows.length > 0 ? mr_memory_stream_add(stream, &rows, error) : MR_OK;
    mr_batch_release(&rows);
    return status;
}

/* The stream of that name; one that is not there yet takes the columns of the array, and the job holds it. */
static int open_stream(struct millrace_job *job, const char *name, const struct ArrowSchema *schema,
                       struct mr_memory_stream **out, struct mr_error *error)
{
    struct mr_arena arena;
    const struct mr_type *type = NULL;
    if (mr_memory_stream_open(out, name, NULL, error) >= 0)
        return MR_OK;
    if (!schema || strcmp(error->condition, "PATH_NOT_FOUND") != 0)
        return error->code;
    mr_arena_init(&arena);
    int status = mr_arrow_type(&arena, schema, &type, error);
    if (status >= 0)
        status = mr_memory_stream_open(out, name, type, error);
    mr_arena_release(&arena);
    MR_TRY(status);
    status = mr_api_hold(job, *out, NULL, error);
    return status < 0 ? status : mr_memory_stream_open(out, name, NULL, error); /* the caller's reference */
}

static int append_arrow(struct millrace_job *job, const char *name, const struct ArrowSchema *schema,
                        const struct ArrowArray *array, struct mr_error *error)
{
    struct mr_memory_stream *stream = NULL;
    if (!name || !schema || !array || !schema->release || !array->release)
        return mr_error_set(
            error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
            "millrace_memory_append needs a name, a schema and an array that are not released.");
    MR_TRY(open_stream(job, name, schema, &stream, error));
    int status = append_batch(stream, schema, array, error);
    mr_memory_stream_close(stream);
    return status;
}

int millrace_memory_append(struct millrace_job *job, const char *stream, struct ArrowSchema *schema,
                           struct ArrowArray *array)
{
    struct mr_error error = {0};
    int status = mr_api_failed(job);
    if (status >= 0) {
        status = append_arrow(job, stream, schema, array, &error);
        if (status < 0)
            mr_api_fail(job, &error, false);
    }
    if (schema && schema->release)
        schema->release(schema);
    if (array && array->release)
        array->release(array);
    return status < 0 ? status : MILLRACE_OK;
}

/* ---- rows from JSON lines ---- */
struct text_input { /* the caller's text as a file */
    struct mr_input input;
    const char *text;
};

static int text_read_at(struct mr_input *input, int64_t offset, void *out, size_t size,
                        struct mr_error *error)
{
    if (offset < 0 || offset + (int64_t)size > input->size_bytes)
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "Reading behind the end of a text.");
    memcpy(out, ((struct text_input *)input)->text + offset, size);
    return MR_OK;
}

static void text_close(struct mr_input *input)
{
    mr_free(input);
}

static int read_all(struct mr_format *format, const char *name, const char *text, size_t size,
                    struct mr_batch *out, struct mr_error *error)
{
    struct mr_format_reader *reader = NULL;
    struct text_input *input = mr_allocate_zeroed(sizeof *input);
    if (!input)
        return mr_error_memory(error, sizeof *input);
    input->input = (struct mr_input){.name = name,
                                     .size_bytes = (int64_t)size,
                                     .read_at = text_read_at,
                                     .close = text_close};
    input->text = text;
    struct mr_format_range range = {.input = &input->input, .path = name, .end = -1};
    MR_TRY(mr_format_reader_open(format, &range, &reader, error));
    int status = MR_OK;
    while (status == MR_OK) {
        struct mr_batch piece = {0};
        status = mr_format_read(reader, &piece, error);
        if (status == MR_OK)
            status = mr_batch_append(out, &piece, error);
        mr_batch_release(&piece);
    }
    mr_format_reader_close(reader);
    return status < 0 ? status : MR_OK;
}

static int append_json(struct mr_memory_stream *stream, const struct mr_zone *zone, const char *name,
                       const char *text, size_t size, struct mr_error *error)
{
    static const struct mr_option options[] = {{"mode", "FAILFAST"}};
    struct mr_format format = {.schema = mr_memory_stream_schema(stream),
                               .zone = zone,
                               .case_sensitive = true};
    struct mr_batch rows = {0};
    int status = mr_format_open(&format, mr_format_type_find(MR_STR("json")), options, 1, error);
    if (status >= 0)
        status = mr_batch_init(&rows, format.schema, 16, error);
    if (status >= 0)
        status = read_all(&format, name, text, size, &rows, error);
    if (status >= 0 && rows.length > 0)
        status = mr_memory_stream_add(stream, &rows, error);
    mr_batch_release(&rows);
    mr_format_close(&format);
    return status;
}

int millrace_memory_append_json(struct millrace_job *job, const char *stream, const char *lines, size_t size)
{
    struct mr_error error = {0};
    struct mr_memory_stream *memory = NULL;
    const struct mr_zone *zone = mr_zone_host();
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    const char *given = mr_setting_text(&job->conf, "spark.sql.session.timeZone");
    if (given)
        status = mr_zone_find(mr_str_of(given), &zone, &error);
    if (!stream || (!lines && size > 0))
        status = mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                              "millrace_memory_append_json needs the name of a stream, and text.");
    if (status >= 0)
        status = mr_memory_stream_open(&memory, stream, NULL, &error);
    if (status >= 0 && size > 0)
        status = append_json(memory, zone, stream, lines, size, &error);
    mr_memory_stream_close(memory);
    return status < 0 ? mr_api_fail(job, &error, false) : MILLRACE_OK;
}

/* ---- tables ---- */
static int read_table(struct millrace_job *job, const char *name, int64_t batch, struct millrace_rows **out,
                      struct mr_error *error)
{
    const char *zone = mr_setting_text(&job->conf, "spark.sql.session.timeZone");
    struct millrace_rows *rows = mr_allocate_zeroed(sizeof *rows);
    if (!rows)
        return mr_error_memory(error, sizeof *rows);
    rows->zone = mr_zone_host();
    rows->number = batch < 0 ? -1 : batch;
    rows->table = mr_memory_table_open(name);
    int status = rows->table ? MR_OK : mr_error_memory(error, sizeof *rows);
    if (status >= 0 && zone)
        status = mr_zone_find(mr_str_of(zone), &rows->zone, error);
    if (status >= 0)
        status = mr_memory_table_read(rows->table, batch, &rows->batch, error);
    if (status != MR_OK)
        millrace_rows_free(rows);
    else
        *out = rows;
    return status < 0 ? status : MR_OK;
}

int millrace_memory_read(struct millrace_job *job, const char *table, int64_t batch,
                         struct millrace_rows **out)
{
    struct mr_error error = {0};
    if (out)
        *out = NULL;
    int status = mr_api_failed(job);
    if (status < 0)
        return status;
    if (!table || !out)
        status = mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                              "millrace_memory_read needs the name of a table, and a place for its rows.");
    else
        status = read_table(job, table, batch, out, &error);
    return status < 0 ? mr_api_fail(job, &error, false) : MILLRACE_OK;
}
