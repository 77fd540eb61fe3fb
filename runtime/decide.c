/* runtime/decide.c: closing a decision: prepare, flush, decide, hand over (invariants 1, 2, 7). */
#include "runtime/driver.h"

/* State changes of all instances, in the order of their nodes and partitions. */
static int flush(struct mr_query *query, struct mr_decision *decision, struct mr_error *error)
{
    for (int i = 0; i < query->execution.stage_count; i++) {
        struct mr_stage *stage = &query->execution.stages[i];
        for (int k = 0; stage->instances && k < stage->instance_count; k++) {
            struct mr_operator *op = &stage->instances[k].op;
            if (op->type->flush)
                MR_TRY(op->type->flush(op, decision, error));
        }
    }
    for (int s = 0; s < query->job->source_count; s++) {
        struct mr_source *source = query->job->sources[s];
        if (source->type->remember)
            MR_TRY(source->type->remember(source, mr_text_str(&query->decided[s]),
                                          mr_text_str(&query->reached[s]), decision, error));
    }
    return MR_OK;
}

static int prepare(struct mr_query *query, int64_t batch, uint64_t decision_id, struct mr_text *manifests,
                   struct mr_error *error)
{
    for (int s = 0; s < query->job->sink_count; s++) {
        struct mr_sink *sink = query->job->sinks[s];
        int status = sink->type->prepare(sink, batch, decision_id, &query->expected[s], &manifests[s], error);
        if (status ==
            MR_BLOCKED) { /* a change of the schema: only when nothing is on its way (invariant 5) */
            MR_TRY(mr_publisher_wait(query->publisher, 1, error));
            mr_text_clear(&manifests[s]);
            status = sink->type->prepare(sink, batch, decision_id, &query->expected[s], &manifests[s], error);
        }
        if (status < 0)
            return status;
        if (status == MR_BLOCKED)
            return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR",
                                "The sink '%s' waits for publications although none is left.", sink->name);
        if (manifests[s].failed)
            return mr_error_memory(error, manifests[s].size);
    }
    return MR_OK;
}

/* Everything about the decision that goes into the checkpoint; the decision is used up either way. */
static int commit(struct mr_query *query, struct mr_decision *decision, int64_t batch,
                  const struct mr_text *manifests, struct mr_error *error)
{
    for (int s = 0; s < query->job->sink_count; s++) {
        struct mr_str name = mr_str_of(query->job->sinks[s]->name);
        if (query->enrolled[s].present)
            mr_decision_enrol(decision, name, &query->enrolled[s]);
        if (manifests[s].size > 0)
            mr_decision_manifest(decision, name, mr_text_str(&manifests[s]));
    }
    struct mr_record record = {
        .batch = batch,
        .time_us = query->batch_time_us,
        .seed = query->batch_seed,
        .offsets = MR_ARENA_ARRAY(&query->decision_arena, struct mr_str, query->job->source_count + 1),
        .fingerprint = mr_text_str(&query->fingerprint),
    };
    for (int s = 0; record.offsets && s < query->job->source_count; s++)
        record.offsets[s] = mr_text_str(&query->reached[s]);
    struct mr_text text;
    mr_text_init(&text);
    if (record.offsets)
        mr_record_write(&text, &record, query->job, &query->watermark);
    int status;
    if (!record.offsets || text.failed) {
        mr_decision_abandon(decision);
        status = mr_error_memory(error, text.size);
    } else {
        status = mr_decision_commit(decision, mr_text_str(&text), error);
    }
    mr_text_release(&text);
    return status;
}

static int hand_over(struct mr_query *query, int64_t batch, uint64_t decision_id,
                     const struct mr_text *manifests, struct mr_error *error)
{
    struct mr_publication *publications =
        MR_ARENA_ARRAY(&query->decision_arena, struct mr_publication, query->job->sink_count + 1);
    if (!publications)
        return mr_error_memory(error, sizeof *publications);
    int count = 0;
    for (int s = 0; s < query->job->sink_count; s++) {
        if (manifests[s].size == 0)
            continue;
        publications[count++] =
            (struct mr_publication){s, batch, decision_id, query->expected[s], mr_text_str(&manifests[s])};
    }
    return mr_publisher_add(query->publisher, batch, publications, count, error);
}

/* Remembers the offsets, so that sources hear of them once everything of the decision is published. */
static int note_ends(struct mr_query *query, int64_t batch, struct mr_error *error)
{
    int sources = query->job->source_count;
    bool any = false;
    for (int s = 0; s < sources; s++) {
        any = any || query->job->sources[s]->type->published;
        MR_TRY(mr_query_set_text(&query->decided[s], mr_text_str(&query->reached[s]), error));
    }
    if (!any)
        return MR_OK;
    struct mr_handed_over *noted = mr_allocate_zeroed(sizeof *noted);
    struct mr_text *ends = mr_allocate_zeroed(sizeof *ends * (size_t)(sources + 1));
    if (!noted || !ends) {
        mr_free(noted);
        mr_free(ends);
        return mr_error_memory(error, sizeof *noted);
    }
    noted->batch = batch;
    noted->ends = ends;
    for (int s = 0; s < sources; s++)
        mr_text_init(&ends[s]);
    *query->handed_over_end = noted;
    query->handed_over_end = &noted->next;
    for (int s = 0; s < sources; s++)
        MR_TRY(mr_query_set_text(&ends[s], mr_text_str(&query->reached[s]), error));
    return MR_OK;
}

int mr_query_tell_sources(struct mr_query *query, struct mr_error *error)
{
    if (!query->handed_over)
        return MR_OK;
    int64_t published = mr_publisher_published(query->publisher);
    if (query->oldest_retained >= 0 && query->oldest_retained < published)
        published = query->oldest_retained; /* a replay from there needs its input (invariant 13) */
    while (query->handed_over && query->handed_over->batch <= published) {
        struct mr_handed_over *done = query->handed_over;
        int status = MR_OK;
        for (int s = 0; s < query->job->source_count; s++) {
            struct mr_source *source = query->job->sources[s];
            if (status >= 0 && source->type->published)
                status = source->type->published(source, mr_text_str(&done->ends[s]), error);
            mr_text_release(&done->ends[s]);
        }
        query->handed_over = done->next;
        if (!query->handed_over)
            query->handed_over_end = &query->handed_over;
        mr_free(done->ends);
        mr_free(done);
        MR_TRY(status);
    }
    return MR_OK;
}

/* Progress is told now that the batches are decided (invariant 1). */
static void tell(struct mr_query *query, int64_t prepare_us, int64_t decide_us)
{
    for (struct mr_report *report = query->reports; report; report = report->next) {
        if (!report->next) {
            report->progress.decided_here = true;
            report->progress.prepare_us = prepare_us;
            report->progress.decide_us = decide_us;
            report->progress.duration_us += prepare_us + decide_us;
        }
        if (query->options.on_progress)
            query->options.on_progress(query->options.ctx, &report->progress);
    }
}

/* After the commit point: memory follows. */
static int settle(struct mr_query *query, int64_t batch, uint64_t decision_id,
                  const struct mr_text *manifests, struct mr_error *error)
{
#ifndef MR_PLANT_PUBLISH_EARLY
    MR_TRY(hand_over(query, batch, decision_id, manifests, error));
#endif
    for (int s = 0; s < query->job->sink_count; s++) {
        if (manifests[s].size > 0)
            query->expected[s] = (struct mr_register){true, batch, decision_id};
        query->enrolled[s].present = false;
        query->job->sinks[s]->truncate_first = false;
    }
    query->refreshing = false;
    for (int i = 0; i < query->execution.stage_count; i++) {
        struct mr_stage *stage = &query->execution.stages[i];
        for (int k = 0; stage->instances && k < stage->instance_count; k++) {
            if (stage->node->type->decided)
                stage->node->type->decided(&stage->instances[k].op);
        }
    }
    return note_ends(query, batch, error);
}

static int retain(struct mr_query *query, int64_t batch, struct mr_error *error)
{
    MR_TRY(mr_checkpoint_retain(query->checkpoint, batch, error));
    return mr_checkpoint_oldest_retained(query->checkpoint, &query->oldest_retained, error);
}

static int decide_steps(struct mr_query *query, int64_t batch, struct mr_text *manifests,
                        struct mr_error *error)
{
    struct mr_decision *decision = NULL;
    uint64_t decision_id = mr_env()->random() >> 1 | 1; /* ONCE_BATCH */
    int64_t begun_us = mr_env()->monotonic_us();
    int status = MR_OK;
    if (query->checkpoint) {
        MR_ERR(mr_decision_begin(query->checkpoint, batch, &decision, error));
        decision_id = mr_decision_id(decision);
    }
    MR_ERR(prepare(query, batch, decision_id, manifests, error));
    if (decision) /* behind the sinks: what they have let go of makes room for it */
        MR_ERR(flush(query, decision, error));
    mr_killpoint("prepare.after");
    MR_ERR(mr_publisher_wait(query->publisher, query->options.pipelining, error));
#ifdef MR_PLANT_PUBLISH_EARLY
    MR_ERR(hand_over(query, batch, decision_id, manifests, error));
    MR_ERR(mr_publisher_wait(query->publisher, 1, error));
#endif
    int64_t prepared_us = mr_env()->monotonic_us();
    if (query->checkpoint) {
        struct mr_decision *taken = decision;
        decision = NULL;
        MR_ERR(commit(query, taken, batch, manifests, error));
    }
    int64_t decided_us = mr_env()->monotonic_us();
    MR_ERR(settle(query, batch, decision_id, manifests, error));
    tell(query, prepared_us - begun_us, decided_us - prepared_us);
    if (query->checkpoint && query->options.retain_every > 0 && retain(query, batch, error) < 0)
        mr_log(MR_LOG_WARN, "checkpoint.retain", "%s", error->message); /* only a convenience */
err:
    mr_decision_abandon(decision);
    return status;
}

int mr_query_decide(struct mr_query *query, struct mr_error *error)
{
    int64_t batch = query->next_batch - 1;
    int sinks = query->job->sink_count;
    struct mr_text *manifests = MR_ARENA_ARRAY(&query->decision_arena, struct mr_text, sinks + 1);
    if (!manifests)
        return mr_error_memory(error, sizeof *manifests);
    for (int s = 0; s < sinks; s++)
        mr_text_init(&manifests[s]);
    int status = decide_steps(query, batch, manifests, error);
    for (int s = 0; s < sinks; s++)
        mr_text_release(&manifests[s]);
    query->reports = NULL;
    query->reports_end = &query->reports;
    query->micro_batches = 0;
    query->input_bytes = 0;
    mr_arena_clear(&query->decision_arena);
    return status;
}
