/* runtime/report.c: what a micro-batch did, gathered when it has run, told when it is decided (invariant 1).
 */
#include "runtime/driver.h"

static struct mr_str copy(struct mr_arena *arena, const struct mr_text *text)
{
    char *bytes = mr_arena_copy_text(arena, text->data ? text->data : "", text->size);
    return (struct mr_str){bytes, bytes ? text->size : 0};
}

/* "FileStreamSource[…]"; NULL without memory. */
static const char *describe_source(struct mr_arena *arena, struct mr_source *source)
{
    struct mr_text text;
    mr_text_init(&text);
    if (source->type->describe)
        source->type->describe(source, &text);
    else
        mr_text_append_str(&text, source->name);
    const char *out = text.failed ? NULL : mr_arena_copy_text(arena, text.data, text.size);
    mr_text_release(&text);
    return out;
}

static const char *describe_sinks(struct mr_arena *arena, const struct mr_job *job)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int i = 0; i < job->sink_count; i++) {
        if (i > 0)
            mr_text_append_str(&text, ", ");
        if (job->sinks[i]->type->describe)
            job->sinks[i]->type->describe(job->sinks[i], &text);
        else
            mr_text_append_str(&text, job->sinks[i]->name);
    }
    const char *out = text.failed ? NULL : mr_arena_copy_text(arena, text.data ? text.data : "", text.size);
    mr_text_release(&text);
    return out;
}

static int report_sources(struct mr_query *query, struct mr_arena *arena, struct mr_progress *progress,
                          struct mr_error *error)
{
    int count = query->job->source_count;
    struct mr_source_progress *sources = MR_ARENA_ARRAY(arena, struct mr_source_progress, count + 1);
    if (!sources)
        return mr_error_memory(error, sizeof *sources);
    for (int s = 0; s < count; s++) {
        struct mr_source *source = query->job->sources[s];
        sources[s] = (struct mr_source_progress){
            .description = describe_source(arena, source),
            .start_offset = copy(arena, &query->reached[s]),
            .end_offset = copy(arena, &query->planned[s]),
            .rows = query->execution.source_rows[s],
            .backlog_files = source->metrics.backlog_files,
            .backlog_bytes = source->metrics.backlog_bytes,
            .lag = source->metrics.lag,
        };
        if (source->metrics.latest.size > 0) {
            struct mr_str latest = source->metrics.latest;
            const char *text = mr_arena_copy_text(arena, latest.data, latest.size);
            sources[s].latest_offset = (struct mr_str){text, text ? latest.size : 0};
        }
        if (!sources[s].description)
            return mr_error_memory(error, 1);
        progress->rows += sources[s].rows;
    }
    progress->sources = sources;
    progress->source_count = count;
    return MR_OK;
}

static int position_of(const struct mr_job *job, const struct mr_node *node)
{
    for (int i = 0; i < job->node_count; i++) {
        if (job->nodes[i] == node)
            return i;
    }
    return -1;
}

/* Positions of all nodes, a node before its inputs, from the sinks: the order of Spark's reports. */
static void walk(const struct mr_job *job, const struct mr_node *node, int *order, int *count)
{
    int position = position_of(job, node);
    for (int i = 0; i < *count; i++) {
        if (order[i] == position)
            return;
    }
    order[(*count)++] = position;
    for (int i = 0; i < node->input_count; i++)
        walk(job, node->inputs[i], order, count);
}

static void report_expectations(const struct mr_node *node, const struct mr_operator_metrics *metrics,
                                struct mr_expectation_progress *all, int *count)
{
    const struct mr_expect_config *config = node->config;
    for (int i = 0; i < config->count && i < 16; i++) {
        struct mr_expectation_progress *one = &all[(*count)++];
        *one = (struct mr_expectation_progress){config->names[i], metrics->passed[i], metrics->failed[i]};
    }
}

static int report_operators(struct mr_query *query, struct mr_arena *arena, struct mr_progress *progress,
                            struct mr_error *error)
{
    const struct mr_job *job = query->job;
    int *order = MR_ARENA_ARRAY(arena, int, job->node_count + 1), count = 0;
    struct mr_operator_progress *stateful =
        MR_ARENA_ARRAY(arena, struct mr_operator_progress, job->node_count + 1);
    struct mr_expectation_progress *expected =
        MR_ARENA_ARRAY(arena, struct mr_expectation_progress, job->node_count * 16 + 1);
    if (!order || !stateful || !expected)
        return mr_error_memory(error, sizeof *stateful * (size_t)job->node_count);
    for (int i = job->node_count - 1; i >= 0; i--) {
        if (job->nodes[i]->sink >= 0)
            walk(job, job->nodes[i], order, &count);
    }
    for (int i = 0; i < count; i++) {
        const struct mr_node *node = job->nodes[order[i]];
        if (!node->type)
            continue;
        struct mr_operator_metrics metrics;
        mr_execution_metrics(&query->execution, order[i], &metrics);
        if (node->type->flags & MR_OP_STATEFUL)
            stateful[progress->operator_count++] =
                (struct mr_operator_progress){node->type->name, metrics,
                                              query->execution.stages[order[i]].instance_count};
        if (node->type == &mr_expect_operator)
            report_expectations(node, &metrics, expected, &progress->expectation_count);
        if (node->type == &mr_watermark_operator && !progress->has_event_time &&
            metrics.event_time.count > 0) {
            progress->has_event_time = true;
            progress->event_time = metrics.event_time;
        }
        if (node->sink >= 0)
            progress->sink_rows += metrics.rows_in;
    }
    progress->operators = stateful;
    progress->expectations = expected;
    return MR_OK;
}

int mr_query_report(struct mr_query *query, int64_t plan_us, int64_t execute_us, struct mr_error *error)
{
    struct mr_arena *arena = &query->decision_arena;
    struct mr_report *report = MR_ARENA_NEW(arena, struct mr_report);
    if (!report)
        return mr_error_memory(error, sizeof *report);
    bool once = query->options.trigger == MR_TRIGGER_ONCE_BATCH;
    struct mr_progress *progress = &report->progress;
    *progress = (struct mr_progress){
        .id = query->checkpoint ? mr_checkpoint_query_id(query->checkpoint)->text : query->batch_id.text,
        .run_id = query->run_id,
        .name = query->options.name,
        .timestamp_us = query->batch_time_us,
        .batch = query->next_batch,
        .duration_us = plan_us + execute_us,
        .since_previous_us = query->last_started_us < 0 ? -1 : query->batch_time_us - query->last_started_us,
        .has_watermark = query->watermark.operator_count > 0 && !once,
        .watermark_us = query->watermark.current_ms * 1000,
        .plan_us = plan_us,
        .execute_us = execute_us,
        .sink_description = describe_sinks(arena, query->job),
    };
    query->last_started_us = query->batch_time_us;
    if (!progress->sink_description)
        return mr_error_memory(error, 1);
    MR_TRY(report_sources(query, arena, progress, error));
    MR_TRY(report_operators(query, arena, progress, error));
    *query->reports_end = report;
    query->reports_end = &report->next;
    return MR_OK;
}
