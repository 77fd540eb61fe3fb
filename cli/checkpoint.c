/* cli/checkpoint.c: millrace checkpoint list | show | set-aside | compact. */
#include "checkpoints/checkpoint.h"
#include "cli/open.h"

#include <stdlib.h>

struct opened_checkpoint {
    struct mr_arena arena;
    struct mr_checkpoint *checkpoint;
    struct mr_decided last;
    struct mr_pending *pending, *aside;
    size_t pending_count, aside_count;
};

static int open_checkpoint(struct opened_checkpoint *opened, const struct mr_pipeline *pipeline,
                           const struct mr_flow *flow, bool read_only, struct mr_error *error)
{
    *opened = (struct opened_checkpoint){0};
    mr_arena_init(&opened->arena);
    struct mr_checkpoint_options options = {.path = mr_flow_checkpoint_path(pipeline, flow, &opened->arena),
                                            .read_only = read_only,
                                            .force = true}; /* it is there: a run was let to make it */
    if (!options.path)
        return mr_error_memory(error, 1024);
    if (!mr_file_exists(options.path))
        return MR_END;
    MR_TRY(mr_checkpoint_open(&opened->checkpoint, &options, error));
    MR_TRY(mr_checkpoint_last(opened->checkpoint, &opened->arena, &opened->last, error));
    MR_TRY(mr_checkpoint_pending(opened->checkpoint, &opened->arena, &opened->pending, &opened->pending_count,
                                 error));
    return mr_checkpoint_aside(opened->checkpoint, &opened->arena, &opened->aside, &opened->aside_count,
                               error);
}

static void close_checkpoint(struct opened_checkpoint *opened)
{
    mr_checkpoint_close(opened->checkpoint);
    mr_arena_release(&opened->arena);
}

static int list(struct mr_opened *project, struct mr_error *error)
{
    int width = 4;
    for (int f = 0; f < project->pipeline.flow_count; f++) {
        int size = (int)strlen(project->pipeline.flows[f]->full_name);
        width = size > width ? size : width;
    }
    printf("%-*s %8s %12s %10s  %s\n", width, "flow", "batch", "unpublished", "set aside", "checkpoint");
    for (int f = 0; f < project->pipeline.flow_count; f++) {
        const struct mr_flow *flow = project->pipeline.flows[f];
        struct opened_checkpoint opened;
        if (flow->target->kind == MR_MATERIALIZED_VIEW)
            continue; /* has none: it is recomputed */
        int status = open_checkpoint(&opened, &project->pipeline, flow, true, error);
        const char *path = mr_flow_checkpoint_path(&project->pipeline, flow, &opened.arena);
        if (status == MR_END)
            printf("%-*s %8s %12s %10s  none yet\n", width, flow->full_name, "-", "-", "-");
        else if (status >= 0)
            printf("%-*s %8lld %12zu %10zu  %s\n", width, flow->full_name, (long long)opened.last.batch,
                   opened.pending_count, opened.aside_count, path ? path : "");
        close_checkpoint(&opened);
        MR_TRY(status);
    }
    return MR_OK;
}

static void print_manifests(const char *title, const struct mr_pending *items, size_t count)
{
    printf("%s: %zu\n", title, count);
    for (size_t i = 0; i < count; i++)
        printf("  batch %lld for %.*s: decision %016llx, %zu bytes\n", (long long)items[i].batch,
               (int)items[i].sink.size, items[i].sink.data, (unsigned long long)items[i].decision_id,
               items[i].manifest.size);
}

static int print_retained(struct opened_checkpoint *opened, struct mr_error *error)
{
    int64_t *batches;
    int count;
    MR_TRY(mr_checkpoint_retained(opened->checkpoint, &opened->arena, &batches, &count, error));
    printf("copies retained of batches:%s", count == 0 ? " none" : "");
    for (int i = 0; i < count; i++)
        printf(" %lld", (long long)batches[i]);
    putchar('\n');
    return MR_OK;
}

static int show(struct mr_opened *project, const char *name, struct mr_error *error)
{
    struct mr_flow *flow = mr_find_flow(project, name, error);
    struct opened_checkpoint opened;
    if (!flow)
        return error->code;
    int status = open_checkpoint(&opened, &project->pipeline, flow, true, error);
    if (status == MR_END)
        printf("%s has no checkpoint yet: it has not run.\n", flow->full_name);
    if (status == MR_OK) {
        printf("checkpoint: %s\nquery id:   %s\nlast batch: %lld (decision %016llx)\n",
               mr_checkpoint_path(opened.checkpoint), mr_checkpoint_query_id(opened.checkpoint)->text,
               (long long)opened.last.batch, (unsigned long long)opened.last.decision_id);
        printf("record:     %.*s\n", (int)opened.last.record.size,
               opened.last.record.size ? opened.last.record.data : "");
        print_manifests("decided and not known to be published", opened.pending, opened.pending_count);
        print_manifests("set aside", opened.aside, opened.aside_count);
        status = print_retained(&opened, error);
    }
    close_checkpoint(&opened);
    return status;
}

static int set_aside(struct mr_opened *project, const char *name, const char *batch, struct mr_error *error)
{
    struct mr_flow *flow = mr_find_flow(project, name, error);
    struct opened_checkpoint opened;
    if (!flow)
        return error->code;
    int status = open_checkpoint(&opened, &project->pipeline, flow, false, error);
    if (status == MR_OK && opened.pending_count == 0)
        printf("%s has nothing to set aside: all that is decided is published.\n", flow->full_name);
    else if (status == MR_OK) {
        int64_t number = batch ? strtoll(batch, NULL, 10) : opened.pending[0].batch;
        struct mr_str sink = opened.pending[0].sink;
        status = mr_checkpoint_set_aside(opened.checkpoint, sink, number, error);
        if (status >= 0)
            printf("Set aside what batch %lld (and later ones that were decided) would have written to %s. "
                   "It is kept in the "
                   "checkpoint and will never be published.\n",
                   (long long)number, flow->target->full_name);
    } else if (status == MR_END) {
        printf("%s has no checkpoint yet: it has not run.\n", flow->full_name);
    }
    close_checkpoint(&opened);
    return status;
}

static int compact(struct mr_opened *project, const char *name, struct mr_error *error)
{
    struct mr_flow *flow = mr_find_flow(project, name, error);
    struct opened_checkpoint opened;
    if (!flow)
        return error->code;
    int status = open_checkpoint(&opened, &project->pipeline, flow, false, error);
    if (status == MR_END)
        printf("%s has no checkpoint yet: it has not run.\n", flow->full_name);
    else if (status >= 0)
        status = mr_checkpoint_compact(opened.checkpoint, error);
    close_checkpoint(&opened);
    return status;
}

static int run_checkpoint(int argc, char **argv)
{
    const char *spec = NULL, *batch = NULL, *words[2];
    int count = 0;
    const struct mr_argument known[] = {{.name = "--spec", .value = &spec},
                                        {.name = "--batch", .value = &batch},
                                        {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    int status = mr_arguments(&mr_command_checkpoint, argc, argv, known, words, 2, &count);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    const char *verb = count > 0 ? words[0] : "";
    bool lists = strcmp(verb, "list") == 0, compacts = strcmp(verb, "compact") == 0;
    if (!lists && !compacts && strcmp(verb, "show") != 0 && strcmp(verb, "set-aside") != 0)
        return mr_usage(&mr_command_checkpoint, "say list, show FLOW, set-aside FLOW or compact FLOW.");
    if (count != (lists ? 1 : 2))
        return mr_usage(&mr_command_checkpoint, lists ? "list takes no argument." : "which flow?");
    char *end = NULL;
    if (batch && (strtoll(batch, &end, 10) < 0 || end == batch || *end))
        return mr_usage(&mr_command_checkpoint, "--batch takes a number.");
    status = mr_open_project(&opened, spec, true, &error);
    if (status >= 0)
        status = lists                       ? list(&opened, &error)
                 : compacts                  ? compact(&opened, words[1], &error)
                 : strcmp(verb, "show") == 0 ? show(&opened, words[1], &error)
                                             : set_aside(&opened, words[1], batch, &error);
    status = status < 0 ? mr_report(&error) : MR_EXIT_OK;
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_checkpoint = {
    .name = "checkpoint",
    .summary = "list, show or compact checkpoints, or set aside what cannot be published",
    .help = "usage: millrace checkpoint list [--spec FILE]\n"
            "       millrace checkpoint show FLOW [--spec FILE]\n"
            "       millrace checkpoint set-aside FLOW [--batch N] [--spec FILE]\n"
            "       millrace checkpoint compact FLOW [--spec FILE]\n"
            "\n"
            "list shows every streaming flow's last decided batch and what is not yet\n"
            "published; show adds offsets, watermarks and query id. Both may be used while\n"
            "the pipeline runs.\n"
            "\n"
            "set-aside is the way out when a decided batch can never be published (its table\n"
            "was replaced, say): it keeps the batch's manifest in the checkpoint and lets the\n"
            "query go on without it. The rows of that batch will be missing in the table. A\n"
            "full refresh is the other way out.\n"
            "\n"
            "compact merges all files of a checkpoint that is not in use, which drops for good\n"
            "what has expired; the query does the same bit by bit.\n"
            "\n"
            "options:\n"
            "  --spec FILE   the project file; else spark-pipeline.yml here or in a folder above\n"
            "  --batch N     set aside from batch N on; else from the first that is unpublished\n"
            "\n"
            "example:\n"
            "  millrace checkpoint show gold\n",
    .run = run_checkpoint};
