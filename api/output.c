/* api/output.c: where a job's streams go. */
#include "api/job.h"

static int add_output(struct millrace_stream *stream, const struct mr_api_output *like,
                      struct mr_error *error)
{
    struct millrace_job *job = stream->job;
    struct mr_api_output *output = MR_ARENA_NEW(&job->arena, struct mr_api_output);
    if (!output)
        return mr_error_memory(error, sizeof *output);
    *output = *like;
    output->name = mr_arena_format(&job->arena, "%s#%d", like->type->name, job->output_count++);
    output->stream = stream;
    output->rows = millrace_select(stream, "*");
    if (!output->name)
        return mr_error_memory(error, 64);
    if (!output->rows) { /* the job has the error */
        *error = job->error;
        return error->code;
    }
    *job->outputs_end = output;
    job->outputs_end = &output->next;
    return MR_OK;
}

/* A memory table is there from here on, and stays with the job. */
static int hold_table(struct millrace_job *job, const struct mr_api_output *output, struct mr_error *error)
{
    const char *name = mr_option_text(output->options, output->option_count, "table");
    if (!name)
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                            "A sink in memory needs the option table, the name it is read by.");
    struct mr_memory_table *table = mr_memory_table_open(name);
    return table ? mr_api_hold(job, NULL, table, error) : mr_error_memory(error, 64);
}

static int write_to(struct millrace_stream *stream, const char *kind, const char *const *pairs,
                    struct mr_error *error)
{
    struct mr_api_output output = {.type = kind ? mr_sink_type_find(mr_str_of(kind)) : NULL};
    if (!output.type) {
        mr_error_set(error, MR_E_USAGE, "DATA_SOURCE_NOT_FOUND",
                     "There is no sink '%s': there are delta, kafka, memory and console.",
                     kind ? kind : "NULL");
        mr_error_parameter(error, "provider", "%s", kind ? kind : "");
        return error->code;
    }
    MR_TRY(mr_api_options(stream->job, pairs, &output.options, &output.option_count, error));
    output.type = mr_sink_type_for(mr_str_of(kind), output.options, output.option_count);
    if (output.type == &mr_memory_sink)
        MR_TRY(hold_table(stream->job, &output, error));
    return add_output(stream, &output, error);
}

int millrace_write_options(struct millrace_stream *stream, const char *kind, const char *const *options)
{
    struct mr_error error = {0};
    if (!stream)
        return MILLRACE_USAGE;
    int status = mr_api_failed(stream->job);
    if (status < 0)
        return status;
    status = write_to(stream, kind, options, &error);
    return status < 0 ? mr_api_fail(stream->job, &error, true) : MILLRACE_OK;
}

int millrace_write(struct millrace_stream *stream, const char *kind, ...)
{
    va_list arguments;
    if (!stream)
        return MILLRACE_USAGE;
    va_start(arguments, kind);
    const char **pairs = mr_api_pairs(arguments);
    va_end(arguments);
    if (!pairs)
        return mr_api_fail_memory(stream->job, true);
    int status = millrace_write_options(stream, kind, pairs);
    mr_free(pairs);
    return status;
}

int millrace_write_callback(struct millrace_stream *stream, millrace_rows_function function, void *ctx)
{
    struct mr_error error = {0};
    struct mr_api_output output = {.type = &mr_api_callback_sink, .function = function, .function_ctx = ctx};
    if (!stream)
        return MILLRACE_USAGE;
    int status = mr_api_failed(stream->job);
    if (status < 0)
        return status;
    if (!function)
        status = mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                              "millrace_write_callback needs a function; it was given NULL.");
    else
        status = add_output(stream, &output, &error);
    return status < 0 ? mr_api_fail(stream->job, &error, true) : MILLRACE_OK;
}
