/* pipeline/replay.c: a flow goes back to a retained checkpoint, with its table. */
#include <stdio.h>

#include "checkpoints/replay.h"
#include "pipeline/pipeline.h"
#include "sinks/delta_restore.h"

static int refuse(const struct mr_pipeline *pipeline, const struct mr_flow *flow, const char *into,
                  struct mr_error *error)
{
    if (flow->target->flow_count != 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "%s is written by %d flows: going back with one of them would undo the others'.",
                            flow->target->full_name, flow->target->flow_count);
    for (int d = 0; into && d < pipeline->dataset_count; d++) {
        const struct mr_dataset *other = pipeline->datasets[d];
        if (mr_str_equal_nocase(mr_str_of(other->name), mr_str_of(into)) &&
            mr_str_equal_nocase(mr_str_of(other->database), mr_str_of(flow->target->database)))
            return mr_error_set(error, MR_E_USAGE, "TABLE_OR_VIEW_ALREADY_EXISTS",
                                "%s is a dataset of this project: replay into another name.",
                                other->full_name);
    }
    return MR_OK;
}

/* The flow writes to the new table from now on. */
static int retarget(struct mr_pipeline *pipeline, struct mr_flow *flow, const char *into,
                    struct mr_error *error)
{
    struct mr_dataset *target = flow->target;
    struct mr_arena *arena = &pipeline->arena;
    const char *name = mr_arena_format(arena, "%s", into);
    const char *full_name = mr_arena_format(arena, "%s.%s.%s", target->catalog, target->database, into);
    const char *path = mr_project_table_path(pipeline->project, arena, target->database, into);
    if (!name || !full_name || !path)
        return mr_error_memory(error, strlen(into));
    if (strcmp(flow->name, target->name) == 0) /* the default flow: as that of a table of the new name */
        flow->name = name;
    target->name = name;
    target->full_name = full_name;
    target->path = path;
    return MR_OK;
}

int mr_flow_replay(struct mr_pipeline *pipeline, struct mr_flow *flow, int64_t batch, const char *into,
                   struct mr_replayed *out, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_replay *replay = NULL;
    int status = MR_OK;
    mr_arena_init(&arena);
    MR_ERR(refuse(pipeline, flow, into, error));
    const char *from = mr_flow_checkpoint_path(pipeline, flow, &arena), *table = flow->target->path;
    if (into)
        MR_ERR(retarget(pipeline, flow, into, error));
    const char *to = mr_flow_checkpoint_path(pipeline, flow, &arena);
    if (!from || !to)
        MR_ERR(mr_error_memory(error, 1024));
    *out = (struct mr_replayed){.version = -1};
    MR_ERR(mr_replay_open(&replay, from, batch, into ? to : NULL,
                          into ? mr_str_of(flow->target->name) : (struct mr_str){0}, error));
    if (status == MR_END)
        goto err;
    const struct mr_replayed_sink *sink = mr_replay_sink(replay);
    memcpy(out->query_id, mr_replay_query_id(replay, false)->text, sizeof out->query_id);
    struct mr_delta_restore restore = {.table = table,
                                       .into = into ? flow->target->path : NULL,
                                       .before = mr_replay_query_id(replay, true)->text,
                                       .now = out->query_id,
                                       .sink_before = sink->name_before,
                                       .sink = sink->name,
                                       .register_of = sink->expected};
    MR_ERR(mr_delta_sink_restore(&restore, &out->version, error));
    MR_ERR(mr_replay_finish(replay, error));
err:
    mr_replay_close(replay);
    mr_arena_release(&arena);
    return status < 0 ? status : MR_OK;
}
