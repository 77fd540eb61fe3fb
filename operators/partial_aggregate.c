/* operators/partial_aggregate.c: aggregation before the exchange: one record per group and worker instead of
 * one per row.
 *
 * Emits the group columns and one BINARY column with the states, as mr_group_table_encode writes them. The
 * table is emptied at the end of every micro-batch, and earlier when it has grown large. With sliding windows
 * its groups are panes: when it is emptied, each is merged into all windows that hold it. */
#include <stdlib.h>

#include "operators/aggregate_input.h"

struct pane { /* groups of the table with one latest window */
    int64_t start_us;
    struct mr_group *first;
};
struct partial {
    struct mr_group_table table;
    struct mr_group_table window; /* groups of one window, made of panes */
    struct mr_aggregate_input input;
    struct mr_group **records;
};

static int partial_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct partial), error));
    struct partial *partial = op->ctx;
    const struct mr_type **types = mr_allocate(sizeof(void *) * (size_t)(config->group_count + 1));
    if (!types)
        return mr_error_memory(error, sizeof(void *) * (size_t)config->group_count);
    for (int g = 0; g < config->group_count; g++)
        types[g] = mr_operator_input(op, 0)->fields[config->group_columns[g]].type;
    int status = mr_group_table_init(&partial->table, types, config->group_count, config->aggregates,
                                     config->aggregate_count, error);
    if (status >= 0 && config->window_count > 0)
        status = mr_group_table_init(&partial->window, types, config->group_count, config->aggregates,
                                     config->aggregate_count, error);
    mr_free(types);
    if (status < 0)
        return status;
    partial->records = mr_allocate(sizeof(void *) * MR_BATCH_ROWS);
    if (!partial->records)
        return mr_error_memory(error, sizeof(void *) * MR_BATCH_ROWS);
    return mr_aggregate_input_open(&partial->input, config, op->session, error);
}

static int emit_records(struct mr_operator *op, struct mr_group_table *table, int64_t count,
                        struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct partial *partial = op->ctx;
    struct mr_batch out;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    int status = mr_group_table_keys(table, partial->records, count, out.columns, error);
    if (status >= 0)
        status =
            mr_group_table_states(table, partial->records, count, &out.columns[config->group_count], error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int emit_table(struct mr_operator *op, struct mr_group_table *table, struct mr_error *error)
{
    struct partial *partial = op->ctx;
    struct mr_group_cursor cursor = {0};
    int64_t count;
    do {
        count = mr_group_table_next(table, &cursor, partial->records, MR_BATCH_ROWS);
        if (count > 0)
            MR_TRY(emit_records(op, table, count, error));
    } while (count > 0);
    mr_group_table_clear(table);
    return MR_OK;
}

/* ---- panes ---- */

static int compare_panes(const void *left, const void *right)
{
    int64_t a = ((const struct pane *)left)->start_us, b = ((const struct pane *)right)->start_us;
    return a < b ? -1 : a > b;
}

/* The table's groups by pane, earliest first; in the map's arena. */
static int list_panes(struct mr_operator *op, struct mr_map *map, struct pane **out, size_t *count,
                      struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct partial *partial = op->ctx;
    struct mr_group_cursor cursor = {0};
    struct pane *pane = NULL;
    for (;;) {
        int64_t some = mr_group_table_next(&partial->table, &cursor, partial->records, MR_BATCH_ROWS);
        if (some == 0)
            break;
        for (int64_t k = 0; k < some; k++) {
            struct mr_group *group = partial->records[k];
            int64_t start_us = mr_group_window_start(&partial->table, group, config->pane_group);
            if (!pane || pane->start_us != start_us) {
                struct mr_map_entry *entry =
                    mr_map_put(map, (struct mr_str){(const char *)&start_us, 8}, NULL);
                if (entry && !entry->pointer)
                    entry->pointer = MR_ARENA_NEW(&map->keys, struct pane);
                if (!entry || !entry->pointer)
                    return mr_error_memory(error, sizeof *pane);
                pane = entry->pointer;
                pane->start_us = start_us;
            }
            group->next = pane->first;
            pane->first = group;
        }
    }
    *count = map->count;
    *out = mr_arena_allocate(&map->keys, sizeof **out * (map->count + 1));
    if (!*out)
        return mr_error_memory(error, sizeof **out * map->count);
    for (size_t i = 0; i < map->count; i++)
        (*out)[i] = *(struct pane *)map->entries[i].pointer;
    qsort(*out, *count, sizeof **out, compare_panes);
    return MR_OK;
}

static int add_pane(struct mr_operator *op, const struct pane *pane, int64_t shift_us, struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct partial *partial = op->ctx;
    for (const struct mr_group *group = pane->first; group; group = group->next)
        MR_TRY(mr_group_table_add_pane(&partial->window, group, config->pane_group, shift_us, error));
    return MR_OK;
}

/* Window by window, so that the groups of one at a time are in memory. */
static int emit_windows(struct mr_operator *op, const struct pane *panes, size_t count,
                        struct mr_error *error)
{
    const struct mr_aggregate_config *config = op->node->config;
    struct partial *partial = op->ctx;
    int64_t slide_us = config->slide_us, reach_us = (config->window_count - 1) * slide_us;
    int64_t start_us = INT64_MIN;
    for (size_t first = 0; first < count;) {
        int64_t earliest_us;
        if (__builtin_sub_overflow(panes[first].start_us, reach_us, &earliest_us))
            return mr_error_set(error, MR_E_DATA, "DATETIME_OVERFLOW",
                                "A window around %lld microseconds begins before the first time there is.",
                                (long long)panes[first].start_us);
        start_us = start_us < earliest_us ? earliest_us : start_us;
        for (size_t i = first; i < count && panes[i].start_us - reach_us <= start_us; i++)
            MR_TRY(add_pane(op, &panes[i], panes[i].start_us - start_us, error));
        MR_TRY(emit_table(op, &partial->window, error));
        while (first < count && panes[first].start_us <= start_us)
            first++;
        start_us += slide_us;
    }
    return MR_OK;
}

static int empty_table(struct mr_operator *op, struct mr_error *error)
{
    struct partial *partial = op->ctx;
    if (((const struct mr_aggregate_config *)op->node->config)->window_count == 0)
        return emit_table(op, &partial->table, error);
    struct mr_map map;
    struct pane *panes = NULL;
    size_t count = 0;
    mr_map_init(&map);
    int status = list_panes(op, &map, &panes, &count, error);
    if (status >= 0)
        status = emit_windows(op, panes, count, error);
    mr_map_release(&map);
    mr_group_table_clear(&partial->table);
    return status;
}

static int partial_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                        struct mr_error *error)
{
    struct partial *partial = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    MR_TRY(mr_aggregate_input_add(&partial->input, &partial->table, batch, error));
    if (mr_group_table_bytes(&partial->table) > mr_partial_table_bytes(op))
        return empty_table(op, error);
    return MR_OK;
}

static void partial_close(struct mr_operator *op)
{
    struct partial *partial = op->ctx;
    if (!partial)
        return;
    mr_aggregate_input_close(&partial->input);
    mr_group_table_release(&partial->table);
    mr_group_table_release(&partial->window);
    mr_free(partial->records);
    mr_free(partial);
    op->ctx = NULL;
}

const struct mr_operator_type mr_partial_aggregate_operator = {.name = "partialAggregate",
                                                               .open = partial_open,
                                                               .push = partial_push,
                                                               .finish = empty_table,
                                                               .close = partial_close};
