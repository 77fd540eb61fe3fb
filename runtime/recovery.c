/* runtime/recovery.c: the start of every query (invariant 6): what the checkpoint remembers, what the targets
 * hold, and publishing what lies between. It may itself be killed at any point: it decides nothing. */
#include "runtime/driver.h"

#include <stdio.h>

static bool same(const struct mr_register *found, int64_t batch, uint64_t decision_id)
{
    return found->present && found->batch == batch && found->decision_id == decision_id;
}

/* Why a register is none that this checkpoint can go on from (invariant 3). */
static int refuse_register(const struct mr_query *query, const struct mr_sink *sink,
                           const struct mr_register *found, const struct mr_register *expected,
                           struct mr_error *error)
{
    const char *why, *condition, *help = found->present ? NULL : sink->type->absent_help;
    if (!found->present) {
        condition = "SINK_REGISTER_MISMATCH.ABSENT";
        why = "holds no trace of this query any more: it was created anew, or its memory of queries has "
              "expired";
    } else if (found->batch > expected->batch) {
        condition = "SINK_REGISTER_MISMATCH.AHEAD";
        why = "is ahead of the checkpoint: an older copy of the checkpoint was put back, or a copy of it ran "
              "elsewhere";
    } else if (found->batch < expected->batch) {
        condition = "SINK_REGISTER_MISMATCH.BEHIND";
        why = "is behind the checkpoint: it was put back to an earlier version";
    } else {
        condition = "SINK_REGISTER_MISMATCH.FOREIGN";
        why = "holds a batch of the same number that this checkpoint has not decided: a copy of the "
              "checkpoint ran "
              "elsewhere";
    }
    char there[80] = "nothing";
    if (found->present)
        snprintf(there, sizeof there, "batch %lld of decision %llx", (long long)found->batch,
                 (unsigned long long)found->decision_id);
    mr_error_set(error, MR_E_PROTOCOL, condition,
                 "The target of the sink '%s' %s. Found %s, expected batch %lld of decision %llx (checkpoint "
                 "%s). Nothing was written. %s%sPut the two together again, or start anew with a full "
                 "refresh.",
                 sink->name, why, there, (long long)expected->batch,
                 (unsigned long long)expected->decision_id, mr_checkpoint_path(query->checkpoint),
                 help ? help : "", help ? " " : "");
    mr_error_parameter(error, "sink", "%s", sink->name);
    return error->code;
}

/* A sink the checkpoint knows: its register is that of the last decision, or of one of those not known to be
 * published, or the one before these. *done: how many of the sink's pending manifests are visible already. */
static int check_register(struct mr_query *query, struct mr_sink *sink, const struct mr_register *expected,
                          const struct mr_pending *const *pending, size_t count, size_t *done,
                          struct mr_error *error)
{
    struct mr_register found = {0};
    MR_TRY(sink->type->published(sink, &found, error));
    mr_killpoint("recover.register");
#ifdef MR_PLANT_RECOVERY_SKIPS_PUBLISH
    *done = count;
    return MR_OK;
#endif
#ifdef MR_PLANT_ACCEPT_BATCH_ONLY
    for (*done = count; *done > 0 && pending[*done - 1]->batch > found.batch;)
        --*done;
    return MR_OK;
#endif
    for (size_t i = count; i > 0; i--) {
        if (!same(&found, pending[i - 1]->batch, pending[i - 1]->decision_id))
            continue;
        *done = i;
        return MR_OK;
    }
    *done = 0;
    const struct mr_register *before = count > 0 ? &pending[0]->predecessor : expected;
    if (same(&found, before->batch, before->decision_id))
        return MR_OK;
    return refuse_register(query, sink, &found, expected, error);
}

static int enrol(struct mr_query *query, int index, const struct mr_register *known, struct mr_error *error)
{
    struct mr_sink *sink = query->job->sinks[index];
    struct mr_register *expected = &query->expected[index];
    *expected = *known;
    if (sink->type->flags & MR_SINK_NO_REGISTER) {
        if (!known->present)
            *expected = query->enrolled[index] = (struct mr_register){true, -1, 1};
        return MR_OK;
    }
    struct mr_register found = {0};
    MR_TRY(sink->type->enrol(sink, &found, error));
    mr_killpoint("recover.enrolled");
    if (known->present)
        return MR_OK; /* checked before, by a read that creates nothing */
    struct mr_register none = {.batch = -1};
    if (query->checkpoint && (!found.present || found.batch >= 0))
        return refuse_register(query, sink, &found, &none, error);
    *expected = query->enrolled[index] = found;
    return MR_OK;
}

struct sink_pending { /* of one sink */
    const struct mr_pending **items;
    size_t count;
};

static int sort_pending(struct mr_query *query, struct mr_arena *arena, struct sink_pending *by_sink,
                        struct mr_error *error)
{
    struct mr_pending *all;
    size_t count;
    MR_TRY(mr_checkpoint_pending(query->checkpoint, arena, &all, &count, error));
    for (size_t i = 0; i < count; i++) {
        int s = 0;
        while (s < query->job->sink_count &&
               !mr_str_equal(mr_str_of(query->job->sinks[s]->name), all[i].sink))
            s++;
        if (s == query->job->sink_count)
            return mr_error_set(
                error, MR_E_UNSUPPORTED, "STREAMING_QUERY_EVOLUTION_ERROR.INVALID_SINK_NAME",
                "Batch %lld is decided and not yet published to the sink '%.*s', which the query has no "
                "more. Run the query once as it was, or keep the batch aside with `millrace checkpoint "
                "set-aside`.",
                (long long)all[i].batch, (int)all[i].sink.size, all[i].sink.data);
        if (!by_sink[s].items)
            by_sink[s].items = MR_ARENA_ARRAY(arena, const struct mr_pending *, count);
        if (!by_sink[s].items)
            return mr_error_memory(error, count * sizeof(void *));
        by_sink[s].items[by_sink[s].count++] = &all[i];
    }
    return MR_OK;
}

static int open_sink(struct mr_query *query, int index, struct mr_error *error)
{
    struct mr_sink *sink = query->job->sinks[index];
    sink->checkpoint = query->checkpoint;
    sink->query_id = query->checkpoint ? mr_checkpoint_query_id(query->checkpoint) : &query->batch_id;
    sink->attempt = query->checkpoint ? mr_checkpoint_attempt(query->checkpoint) : mr_env()->random();
    sink->workers = mr_pool_workers(query->pool);
    sink->truncate_first = query->refreshing && !query->options.keep_table;
    MR_TRY(sink->type->open(sink, error));
    sink->opened = true;
    if (sink->type->flags & MR_SINK_NO_REGISTER)
        return MR_OK;
    struct mr_text mine, other; /* two sinks on one target would fight over it (invariant 14) */
    mr_text_init(&mine);
    mr_text_init(&other);
    sink->type->describe(sink, &mine);
    int status = MR_OK;
    for (int i = 0; i < index && status >= 0; i++) {
        mr_text_clear(&other);
        query->job->sinks[i]->type->describe(query->job->sinks[i], &other);
        if (mr_str_equal(mr_text_str(&mine), mr_text_str(&other)))
            status = mr_error_set(error, MR_E_USAGE, "STREAMING_QUERY_EVOLUTION_ERROR.INVALID_SINK_NAME",
                                  "The sinks '%s' and '%s' of one query write to the same target, %s.",
                                  query->job->sinks[i]->name, sink->name, mine.data);
    }
    mr_text_release(&mine);
    mr_text_release(&other);
    return status;
}

/* Publishes what is decided and not visible, and waits for it: planning begins with nothing outstanding. */
static int publish_pending(struct mr_query *query, struct mr_arena *arena, const struct sink_pending *by_sink,
                           const size_t *done, struct mr_error *error)
{
    (void)arena;
    for (int s = 0; s < query->job->sink_count; s++) {
        struct mr_str name = mr_str_of(query->job->sinks[s]->name);
        for (size_t i = 0; i < by_sink[s].count; i++) {
            const struct mr_pending *item = by_sink[s].items[i];
            if (i < done[s]) {
                MR_TRY(mr_checkpoint_published(query->checkpoint, name, item->batch, error));
                continue;
            }
            struct mr_publication publication = {s, item->batch, item->decision_id, item->predecessor,
                                                 item->manifest};
            MR_TRY(mr_publisher_add(query->publisher, item->batch, &publication, 1, error));
        }
    }
    mr_killpoint("recover.publishing");
    return mr_publisher_wait(query->publisher, 1, error);
}

static int recover_sinks(struct mr_query *query, struct mr_arena *arena, struct mr_error *error)
{
    int sinks = query->job->sink_count;
    struct sink_pending *by_sink = MR_ARENA_ARRAY(arena, struct sink_pending, sinks + 1);
    size_t *done = MR_ARENA_ARRAY(arena, size_t, sinks + 1);
    if (!by_sink || !done)
        return mr_error_memory(error, sizeof *by_sink * (size_t)sinks);
    for (int s = 0; s < sinks; s++)
        MR_TRY(open_sink(query, s, error));
    if (query->checkpoint)
        MR_TRY(sort_pending(query, arena, by_sink, error));
    for (int s = 0; s < sinks; s++) {
        struct mr_sink *sink = query->job->sinks[s];
        struct mr_register known = {.batch = -1};
        if (query->checkpoint)
            mr_checkpoint_register(query->checkpoint, mr_str_of(sink->name), &known);
        if (known.present && !(sink->type->flags & MR_SINK_NO_REGISTER))
            MR_TRY(check_register(query, sink, &known, by_sink[s].items, by_sink[s].count, &done[s], error));
        MR_TRY(enrol(query, s, &known, error));
    }
    return query->checkpoint ? publish_pending(query, arena, by_sink, done, error) : MR_OK;
}

static int recover_sources(struct mr_query *query, const struct mr_record *record, struct mr_error *error)
{
    for (int s = 0; s < query->job->source_count; s++) {
        struct mr_source *source = query->job->sources[s];
        MR_TRY(mr_query_set_text(&query->decided[s], record->offsets[s], error));
        MR_TRY(mr_query_set_text(&query->reached[s], record->offsets[s], error));
        source->checkpoint = query->checkpoint;
        source->available_now = query->options.trigger != MR_TRIGGER_CONTINUOUS;
        if (source->type->restore)
            MR_TRY(source->type->restore(source, record->offsets[s], error));
    }
    return MR_OK;
}

int mr_query_recover(struct mr_query *query, struct mr_error *error)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_decided last = {.batch = -1};
    struct mr_record record;
    int status = MR_OK;
    if (query->checkpoint)
        MR_ERR(mr_checkpoint_last(query->checkpoint, &arena, &last, error));
    MR_ERR(mr_record_parse(&record, &query->watermark, query->job, last.record, &arena, error));
    if (record.batch != last.batch)
        MR_ERR(mr_error_set(error, MR_E_CORRUPT,
                            "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                            "The checkpoint says batch %lld, its record %lld: it is damaged.",
                            (long long)last.batch, (long long)record.batch));
    query->next_batch = last.batch + 1;
    query->oldest_retained = -1;
    if (query->checkpoint)
        MR_ERR(mr_checkpoint_oldest_retained(query->checkpoint, &query->oldest_retained, error));
    MR_ERR(recover_sinks(query, &arena, error));
    MR_ERR(recover_sources(query, &record, error));
    if (last.batch >= 0) {
        mr_log(MR_LOG_INFO, "query.recovered", "%s goes on behind batch %lld",
               query->options.name ? query->options.name : "query", (long long)last.batch);
        mr_publisher_clean(query->publisher);
    }
err:
    mr_arena_release(&arena);
    return status;
}
