/* operators/aggregate_input.c: see the header. */
#include "operators/aggregate_input.h"

int mr_aggregate_input_open(struct mr_aggregate_input *input, const struct mr_aggregate_config *config,
                            const struct mr_session *session, struct mr_error *error)
{
    *input = (struct mr_aggregate_input){.config = config};
    for (int a = 0; a < config->aggregate_count; a++)
        input->value_count += config->aggregates[a]->argument_count + (config->aggregates[a]->filter != NULL);
    if (input->value_count == 0)
        return MR_OK;
    input->values = mr_allocate_zeroed(sizeof(void *) * (size_t)input->value_count);
    const struct mr_expression **all = mr_allocate(sizeof(void *) * (size_t)input->value_count);
    if (!input->values || !all) {
        mr_free(all);
        return mr_error_memory(error, sizeof(void *) * (size_t)input->value_count);
    }
    int count = 0;
    for (int a = 0; a < config->aggregate_count; a++) {
        const struct mr_aggregate *aggregate = config->aggregates[a];
        for (int i = 0; i < aggregate->argument_count; i++)
            all[count++] = aggregate->arguments[i];
        if (aggregate->filter)
            all[count++] = aggregate->filter;
    }
    int status = mr_evaluator_open(&input->evaluator, all, count, session, error);
    mr_free(all);
    return status;
}

void mr_aggregate_input_close(struct mr_aggregate_input *input)
{
    mr_evaluator_close(input->evaluator);
    mr_free(input->values);
    mr_free(input->groups);
    mr_free(input->filtered);
    mr_free(input->rows);
    *input = (struct mr_aggregate_input){0};
}

void mr_hash_keys(struct mr_column *const *columns, int count, int64_t length, uint64_t *hashes)
{
    if (count == 0)
        memset(hashes, 0, sizeof(*hashes) * (size_t)length);
    for (int c = 0; c < count; c++)
        mr_column_hash(columns[c], hashes, c > 0);
}

int mr_aggregate_input_reserve(struct mr_aggregate_input *input, int64_t length, struct mr_error *error)
{
    if (length <= input->capacity)
        return MR_OK;
    mr_free(input->groups);
    mr_free(input->filtered);
    mr_free(input->rows);
    input->capacity = 0;
    input->groups = mr_allocate(sizeof(void *) * (size_t)length);
    input->filtered = mr_allocate(sizeof(void *) * (size_t)length);
    input->rows = mr_allocate(sizeof(int32_t) * (size_t)length);
    if (!input->groups || !input->filtered || !input->rows)
        return mr_error_memory(error, 24 * (size_t)length);
    input->capacity = length;
    return MR_OK;
}

static int update_one(struct mr_aggregate_input *input, struct mr_group_table *table, int index,
                      int first_value, int64_t length, struct mr_error *error)
{
    const struct mr_aggregate *aggregate = input->config->aggregates[index];
    struct mr_column *const *arguments = input->values + first_value;
    struct mr_selection selection, *rows = NULL;
    struct mr_group **groups = input->groups;
    if (aggregate->filter) {
        const struct mr_column *keep = arguments[aggregate->argument_count];
        int64_t kept = 0;
        for (int64_t row = 0; row < length; row++) {
            input->rows[kept] = (int32_t)row;
            input->filtered[kept] = input->groups[row];
            kept += !mr_column_is_null(keep, row) && keep->booleans[row];
        }
        selection = (struct mr_selection){input->rows, kept};
        rows = &selection;
        groups = input->filtered;
    }
    return aggregate->type->update(aggregate, (void *const *)groups, table->offsets[index], arguments, rows,
                                   length, &table->arena, error);
}

int mr_aggregate_input_update(struct mr_aggregate_input *input, struct mr_group_table *table,
                              const struct mr_batch *batch, struct mr_error *error)
{
    int status = MR_OK, value = 0;
    if (input->evaluator)
        MR_TRY(mr_evaluator_run(input->evaluator, batch, NULL, input->values, error));
    for (int a = 0; status >= 0 && a < input->config->aggregate_count; a++) {
        status = update_one(input, table, a, value, batch->length, error);
        value +=
            input->config->aggregates[a]->argument_count + (input->config->aggregates[a]->filter != NULL);
    }
    for (int v = 0; v < input->value_count; v++)
        mr_column_unref(input->values[v]);
    return status;
}

int mr_aggregate_input_add(struct mr_aggregate_input *input, struct mr_group_table *table,
                           const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_aggregate_config *config = input->config;
    struct mr_column *keys[64];
    struct mr_column **columns = keys;
    if (batch->length == 0)
        return MR_OK;
    MR_TRY(mr_aggregate_input_reserve(input, batch->length, error));
    if (config->group_count > 64) {
        columns = mr_allocate(sizeof(void *) * (size_t)config->group_count);
        if (!columns)
            return mr_error_memory(error, sizeof(void *) * (size_t)config->group_count);
    }
    for (int g = 0; g < config->group_count; g++)
        columns[g] = batch->columns[config->group_columns[g]];
    int status = mr_group_table_find(table, columns, NULL, NULL, batch->length, true, input->groups, error);
    if (columns != keys)
        mr_free(columns);
    return status < 0 ? status : mr_aggregate_input_update(input, table, batch, error);
}
