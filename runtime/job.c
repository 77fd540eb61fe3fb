/* runtime/job.c: building a job. */
#include "runtime/job.h"

#include "runtime/static_side.h"

void mr_job_init(struct mr_job *job)
{
    *job = (struct mr_job){.mode = MR_MODE_APPEND, .no_data_batches = true};
    mr_arena_init(&job->arena);
    job->session = (struct mr_session){.zone = mr_zone_utc(), .ansi = true};
}

void mr_job_release(struct mr_job *job)
{
    for (int i = 0; i < job->side_count; i++)
        mr_static_side_release(job->sides[i]);
    for (int i = 0; i < job->source_count; i++) {
        struct mr_source *source = job->sources[i];
        source->type->close(source);
        mr_arena_release(&source->arena);
    }
    for (int i = 0; i < job->sink_count; i++) {
        if (job->sinks[i]->opened)
            job->sinks[i]->type->close(job->sinks[i]);
    }
    mr_arena_release(&job->arena);
    *job = (struct mr_job){0};
}

/* Room for one more pointer; old arrays stay in the arena. */
static void *grow(struct mr_arena *arena, void *old, int count, int *capacity)
{
    if (count < *capacity)
        return old;
    int wanted = *capacity ? *capacity * 2 : 8;
    void **grown = MR_ARENA_ARRAY(arena, void *, wanted);
    if (!grown)
        return NULL;
    if (count > 0)
        memcpy(grown, old, sizeof *grown * (size_t)count);
    *capacity = wanted;
    return grown;
}

/* ---- sources ---- */

struct mr_source *mr_job_new_source(struct mr_job *job, const struct mr_source_type *type, const char *name,
                                    struct mr_error *error)
{
    struct mr_source *source = MR_ARENA_NEW(&job->arena, struct mr_source);
    char *copy = mr_arena_copy_text(&job->arena, name, strlen(name));
    if (!source || !copy) {
        mr_error_memory(error, sizeof *source);
        return NULL;
    }
    source->type = type;
    source->name = copy;
    source->index = -1;
    source->zone = job->session.zone;
    source->metrics.backlog_files = source->metrics.backlog_bytes = -1;
    mr_arena_init(&source->arena);
    return source;
}

static bool owns(struct mr_job *job, struct mr_source *source)
{
    if (source->index >= 0 && source->index < job->source_count && job->sources[source->index] == source)
        return true;
    struct mr_source **sources = grow(&job->arena, job->sources, job->source_count, &job->source_capacity);
    if (!sources)
        return false;
    job->sources = sources;
    source->index = job->source_count;
    sources[job->source_count++] = source;
    return true;
}

int mr_job_open_source(struct mr_job *job, struct mr_source *source, struct mr_error *error)
{
    for (int i = 0; i < job->source_count; i++) {
        if (strcmp(job->sources[i]->name, source->name) != 0)
            continue;
        mr_arena_release(&source->arena);
        return mr_error_set(error, MR_E_USAGE, "STREAMING_QUERY_EVOLUTION_ERROR.DUPLICATE_SOURCE_NAMES",
                            "Two sources of one query are called '%s'.", source->name);
    }
    int status = source->type->open(source, error);
    if (status >= 0 && !owns(job, source)) {
        source->type->close(source);
        status = mr_error_memory(error, sizeof source);
    }
    if (status < 0)
        mr_arena_release(&source->arena);
    return status;
}

int mr_job_move_source(struct mr_job *from, struct mr_job *to, struct mr_source *source,
                       struct mr_error *error)
{
    int at = source->index;
    source->index = -1;
    if (!owns(to, source)) {
        source->index = at;
        return mr_error_memory(error, sizeof source);
    }
    from->source_count--;
    for (int i = at; i < from->source_count; i++) {
        from->sources[i] = from->sources[i + 1];
        from->sources[i]->index = i;
    }
    for (int i = 0; i < from->node_count; i++)
        if (from->nodes[i]->source > at)
            from->nodes[i]->source--;
    return MR_OK;
}

int mr_job_add_static_side(struct mr_job *job, const char *name, struct mr_static_side **out,
                           struct mr_error *error)
{
    struct mr_static_side **sides = grow(&job->arena, job->sides, job->side_count, &job->side_capacity);
    struct mr_static_side *side = MR_ARENA_NEW(&job->arena, struct mr_static_side);
    if (!sides || !side)
        return mr_error_memory(error, sizeof *side);
    mr_static_side_init(side, job, name);
    job->sides = sides;
    sides[job->side_count++] = side;
    *out = side;
    return MR_OK;
}

/* ---- nodes ---- */

static struct mr_node *add(struct mr_job *job, const struct mr_operator_type *type)
{
    struct mr_node **nodes = grow(&job->arena, job->nodes, job->node_count, &job->node_capacity);
    struct mr_node *node = MR_ARENA_NEW(&job->arena, struct mr_node);
    if (!nodes || !node)
        return NULL;
    job->nodes = nodes;
    node->type = type;
    node->source = node->sink = -1;
    bool stateful = type && (type->flags & MR_OP_STATEFUL);
    node->id = stateful ? job->stateful_count++ : 0x8000 + job->node_count - job->stateful_count;
    nodes[job->node_count++] = node;
    return node;
}

struct mr_node *mr_job_add_source_node(struct mr_job *job, struct mr_source *source)
{
    if (!owns(job, source))
        return NULL;
    struct mr_node *node = add(job, NULL);
    if (!node)
        return NULL;
    node->source = source->index;
    node->output = source->schema;
    return node;
}

struct mr_node *mr_job_add_node(struct mr_job *job, const struct mr_operator_type *type, const void *config,
                                const struct mr_node *const *inputs, int input_count,
                                const struct mr_type *output)
{
    const struct mr_node **copy = MR_ARENA_ARRAY(&job->arena, const struct mr_node *, input_count);
    const int **keys = MR_ARENA_ARRAY(&job->arena, const int *, input_count);
    int *counts = MR_ARENA_ARRAY(&job->arena, int, input_count);
    struct mr_node *node = copy && keys && counts ? add(job, type) : NULL;
    if (!node)
        return NULL;
    memcpy(copy, inputs, sizeof *copy * (size_t)input_count);
    node->config = config;
    node->inputs = copy;
    node->input_count = input_count;
    node->output = output;
    node->exchange_keys = keys;
    node->exchange_key_counts = counts;
    return node;
}

int mr_job_set_exchange(struct mr_job *job, struct mr_node *node, int input, const int *columns, int count,
                        struct mr_error *error)
{
    int *copy = MR_ARENA_ARRAY(&job->arena, int, count + 1);
    if (!copy)
        return mr_error_memory(error, sizeof *copy * (size_t)count);
    if (count > 0)
        memcpy(copy, columns, sizeof *copy * (size_t)count);
    ((const int **)node->exchange_keys)[input] = copy; /* the arrays of mr_job_add_node */
    ((int *)node->exchange_key_counts)[input] = count;
    return MR_OK;
}

static const char *mode_name(enum mr_output_mode mode)
{
    return mode == MR_MODE_APPEND ? "append" : mode == MR_MODE_UPDATE ? "update" : "complete";
}

int mr_job_check_row_key(const struct mr_node *node, const char *name, struct mr_error *error)
{
    if (!node->row_key || !node->row_key->missing)
        return MR_OK;
    mr_error_set(
        error, MR_E_SQL, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
        "In output mode update the rows of '%s' replace each other by their grouping columns, and the "
        "query does not put out '%s'. Add it to the SELECT list.",
        name, node->row_key->missing);
    mr_error_parameter(error, "outputMode", "update");
    mr_error_parameter(error, "operation", "results without the grouping column %s", node->row_key->missing);
    return error->code;
}

int mr_job_add_sink(struct mr_job *job, const struct mr_node *input, const struct mr_sink_type *type,
                    const char *name, const struct mr_option *options, int option_count,
                    struct mr_error *error)
{
    if (!(type->modes & 1U << job->mode)) {
        mr_error_set(error, MR_E_USAGE, "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
                     "The sink '%s' does not take output mode %s.", type->name, mode_name(job->mode));
        mr_error_parameter(error, "outputMode", "%s", mode_name(job->mode));
        return error->code;
    }
    if (type->flags & MR_SINK_BY_KEY)
        MR_TRY(mr_job_check_row_key(input, name, error));
    for (int i = 0; i < job->sink_count; i++) {
        if (strcmp(job->sinks[i]->name, name) == 0)
            return mr_error_set(error, MR_E_SQL, "STREAMING_QUERY_EVOLUTION_ERROR.INVALID_SINK_NAME",
                                "Two sinks of one query are called '%s'.", name);
    }
    struct mr_sink **sinks = grow(&job->arena, job->sinks, job->sink_count, &job->sink_capacity);
    struct mr_sink *sink = MR_ARENA_NEW(&job->arena, struct mr_sink);
    char *copy = mr_arena_copy_text(&job->arena, name, strlen(name));
    struct mr_option *own = MR_ARENA_ARRAY(&job->arena, struct mr_option, option_count + 1);
    struct mr_sink_config *config = MR_ARENA_NEW(&job->arena, struct mr_sink_config);
    if (!sinks || !sink || !copy || !own || !config)
        return mr_error_memory(error, sizeof *sink);
    struct mr_node *node = mr_job_add_node(job, &mr_sink_operator, config, &input, 1, input->output);
    if (!node)
        return mr_error_memory(error, sizeof *node);
    if (option_count > 0)
        memcpy(own, options, sizeof *own * (size_t)option_count);
    sink->type = type;
    sink->name = copy;
    sink->schema = input->output;
    sink->options = own;
    sink->option_count = option_count;
    sink->mode = job->mode;
    sink->row_key = input->row_key;
    sink->zone = job->session.zone;
    config->sink = node->sink = job->sink_count;
    job->sinks = sinks;
    sinks[job->sink_count++] = sink;
    return MR_OK;
}
