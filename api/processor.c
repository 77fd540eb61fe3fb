/* api/processor.c: millrace_process: what the program gave, checked, as the config of an operator. */
#include "api/processor.h"

static int refuse(struct mr_error *error, const char *condition, const char *name, const char *why)
{
    mr_error_set(error, MR_E_USAGE, condition, "millrace_process: the state variable '%s' %s.", name, why);
    mr_error_parameter(error, "stateName", "%s", name);
    mr_error_parameter(error, "stateVarName", "%s", name);
    return error->code;
}

static int check_ttl(const struct millrace_processor *given, const struct millrace_variable *variable,
                     struct mr_error *error)
{
    if (variable->ttl_us < 0)
        return refuse(error, "STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE", variable->name,
                      "has a ttl_us below 0");
    if (variable->ttl_us > 0 && given->time_mode != MILLRACE_PROCESSING_TIME)
        return refuse(error, "STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL", variable->name,
                      "has a ttl_us, which needs the time mode MILLRACE_PROCESSING_TIME");
    return MR_OK;
}

static int parse_columns(struct mr_arena *arena, const char *text, const char *what, const char *name,
                         const struct mr_type **out, struct mr_error *error)
{
    if (!text || !*text)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "millrace_process: %s%s%s needs columns, such as \"n BIGINT\".", what,
                            *name ? " " : "", name);
    MR_TRY(mr_schema_parse(arena, mr_str_of(text), out, error));
    return mr_arrow_nullable(arena, *out, out, error);
}

static int add_variable(struct millrace_job *job, const struct millrace_processor *given,
                        const struct millrace_variable *from, struct mr_custom_config *config,
                        struct mr_error *error)
{
    static const enum mr_custom_kind kinds[] = {[MILLRACE_VALUE] = MR_CUSTOM_VALUE,
                                                [MILLRACE_LIST] = MR_CUSTOM_LIST,
                                                [MILLRACE_MAP] = MR_CUSTOM_MAP,
                                                [MILLRACE_REMOVED] = MR_CUSTOM_REMOVED};
    struct mr_custom_variable *to = (struct mr_custom_variable *)&config->variables[config->variable_count];
    for (int i = 0; i < config->variable_count; i++)
        if (strcmp(config->variables[i].name, from->name) == 0)
            return refuse(error, "STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED", from->name,
                          "is declared twice");
    if ((unsigned)from->kind >= sizeof kinds / sizeof kinds[0] || !*from->name)
        return refuse(error, "INVALID_PARAMETER_VALUE", from->name, "has no such kind, or no name");
    MR_TRY(check_ttl(given, from, error));
    *to = (struct mr_custom_variable){.name = mr_arena_copy_text(&job->arena, from->name, strlen(from->name)),
                                      .kind = kinds[from->kind],
                                      .ttl_us = from->ttl_us - from->ttl_us % 1000};
    if (!to->name)
        return mr_error_memory(error, strlen(from->name));
    if (from->ttl_us > 0 && to->ttl_us == 0)
        to->ttl_us = 1000; /* micro-batches have times of whole milliseconds */
    config->variable_count++;
    if (from->kind == MILLRACE_MAP)
        MR_TRY(parse_columns(&job->arena, from->key_columns, "the map", to->name, &to->key, error));
    if (from->kind == MILLRACE_REMOVED)
        return MR_OK;
    return parse_columns(&job->arena, from->columns, "the state variable", to->name, &to->value, error);
}

static int find_event_time(const struct millrace_processor *given, struct mr_custom_config *config,
                           struct mr_error *error)
{
    config->event_time_output = -1;
    if (!given->event_time)
        return MR_OK;
    int column = mr_type_field(config->output, mr_str_of(given->event_time), false, NULL);
    if (column < 0 || config->output->fields[column].type->id != MR_TIMESTAMP ||
        config->mode != MR_TIME_EVENT)
        return mr_error_set(
            error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
            "millrace_process: the event time '%s' must be a TIMESTAMP of the output, with the time "
            "mode MILLRACE_EVENT_TIME.",
            given->event_time);
    config->event_time_output = column;
    return MR_OK;
}

static int make_config(struct millrace_job *job, struct mr_api_processor *processor, int key_count,
                       struct mr_error *error)
{
    const struct millrace_processor *given = &processor->given;
    static const enum mr_time_mode modes[] = {[MILLRACE_TIME_NONE] = MR_TIME_NONE,
                                              [MILLRACE_EVENT_TIME] = MR_TIME_EVENT,
                                              [MILLRACE_PROCESSING_TIME] = MR_TIME_PROCESSING};
    int count = 0;
    if (!given->rows)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "millrace_process needs a function for rows.");
    if ((unsigned)given->time_mode >= sizeof modes / sizeof modes[0]) {
        mr_error_set(error, MR_E_USAGE, "STATEFUL_PROCESSOR_UNKNOWN_TIME_MODE",
                     "millrace_process: there is no time mode %d.", (int)given->time_mode);
        mr_error_parameter(error, "timeMode", "%d", (int)given->time_mode);
        return error->code;
    }
    while (given->variables && given->variables[count].name)
        count++;
    struct mr_custom_config *config = &processor->config;
    config->mode = modes[given->time_mode];
    config->key_count = key_count;
    config->variables = MR_ARENA_ARRAY(&job->arena, struct mr_custom_variable, count + 1);
    if (!config->variables)
        return mr_error_memory(error, sizeof *config->variables * (size_t)count);
    for (int i = 0; i < count; i++)
        MR_TRY(add_variable(job, given, &given->variables[i], config, error));
    MR_TRY(parse_columns(&job->arena, given->output, "the output", "", &config->output, error));
    return find_event_time(given, config, error);
}

struct millrace_stream *millrace_process(struct millrace_stream *stream,
                                         const struct millrace_processor *given)
{
    struct mr_error error = {0};
    struct millrace_stream *keyed;
    int key_count = mr_api_keyed_stream(stream, "millrace_process", given ? given->keys : NULL, &keyed);
    if (key_count < 0)
        return NULL;
    struct millrace_job *job = stream->job;
    struct mr_api_processor *processor = MR_ARENA_NEW(&job->arena, struct mr_api_processor);
    if (!processor) {
        mr_api_fail_memory(job, true);
        return NULL;
    }
    processor->given = *given;
    if (make_config(job, processor, key_count, &error) < 0) {
        mr_api_fail(job, &error, true);
        return NULL;
    }
    processor->given.variables = NULL; /* copied */
    processor->given.keys = processor->given.output = processor->given.event_time = NULL;
    mr_api_processor_connect(processor);
    keyed->custom = &processor->config;
    return keyed;
}
