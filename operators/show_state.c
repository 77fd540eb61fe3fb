/* operators/show_state.c: see the header. */
#include "operators/show_state.h"

const struct mr_type *mr_shown_type(struct mr_arena *arena, const struct mr_field *keys, int key_count,
                                    const struct mr_field *values, int value_count)
{
    struct mr_field fields[] = {{.name = "key", .type = mr_type_struct(arena, keys, key_count)},
                                {.name = "value", .type = mr_type_struct(arena, values, value_count)}};
    return fields[0].type && fields[1].type ? mr_type_struct(arena, fields, 2) : NULL;
}

const struct mr_type *mr_shown_aggregate_type(const struct mr_node *node, int group_count,
                                              const struct mr_aggregate *const *aggregates,
                                              int aggregate_count, const struct mr_type *input,
                                              struct mr_arena *arena)
{
    struct mr_field *values = MR_ARENA_ARRAY(arena, struct mr_field, aggregate_count + 1);
    struct mr_text name;
    mr_text_init(&name);
    bool failed = !values;
    for (int a = 0; a < aggregate_count && !failed; a++) {
        mr_text_clear(&name);
        mr_aggregate_name(&name, aggregates[a], input);
        values[a] = (struct mr_field){.name = mr_arena_copy_text(arena, name.data, name.size),
                                      .type = aggregates[a]->result,
                                      .nullable = true};
        failed = name.failed || !values[a].name;
    }
    mr_text_release(&name);
    if (failed)
        return NULL;
    return mr_shown_type(arena, node->output->fields, group_count, values, aggregate_count);
}

int mr_shown_batch(struct mr_batch *out, const struct mr_type *type, int64_t count, struct mr_error *error)
{
    MR_TRY(mr_batch_init(out, type, count > 0 ? count : 1, error));
    for (int i = 0; i < 2; i++) {
        struct mr_column *column = out->columns[i];
        for (int c = 0; c < column->child_count; c++) {
            mr_column_unref(column->children[c]);
            column->children[c] = NULL;
        }
        column->length = count;
    }
    out->length = count;
    return MR_OK;
}
