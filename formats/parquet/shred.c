/* formats/parquet/shred.c: from the columns of a batch to the levels of each leaf.
 *
 * A set of entries goes down the tree: one entry per row at the root; at an ARRAY or MAP one per element,
 * with its repetition level, or one for a list that is empty or NULL. An entry that has met a NULL or an
 * empty list carries row -1 and the definition level reached so far. */
#include "formats/parquet/writer_schema.h"

struct shredder {
    struct mr_parquet_column_writer *columns;
    const struct mr_parquet_writer_schema *schema;
    struct mr_arena *scratch;
    struct mr_error *error;
};

static int levels_new(struct shredder *s, int64_t count, struct mr_parquet_levels *out)
{
    out->count = count;
    out->definition = mr_arena_allocate(s->scratch, (size_t)count + 1);
    out->repetition = mr_arena_allocate(s->scratch, (size_t)count + 1);
    out->rows = mr_arena_allocate(s->scratch, ((size_t)count + 1) * sizeof(*out->rows));
    if (!out->definition || !out->repetition || !out->rows)
        return mr_error_memory(s->error, (size_t)count * 6);
    return MR_OK;
}

static int null_in_required(struct shredder *s, const struct mr_parquet_node *node)
{
    while (node->leaf < 0)
        node = &node->children[0];
    const char *column = s->columns[node->leaf].name;
    return mr_error_set(s->error, MR_E_DATA, "NOT_NULL_ASSERT_VIOLATION",
                        "NULL in the column %s, or in a part of it, which is declared NOT NULL.", column);
}

/* Entries whose value is NULL here end; the others rise by one definition level where the node may be NULL.
 */
static int apply_validity(struct shredder *s, const struct mr_parquet_node *node,
                          const struct mr_column *column, struct mr_parquet_levels *levels)
{
    for (int64_t i = 0; i < levels->count; i++) {
        if (levels->rows[i] < 0)
            continue;
        if (!mr_column_is_null(column, levels->rows[i]))
            levels->definition[i] = (uint8_t)(levels->definition[i] + node->optional);
        else if (node->optional)
            levels->rows[i] = -1;
        else
            return null_in_required(s, node);
    }
    return MR_OK;
}

/* One entry per element. */
static int expand(struct shredder *s, const struct mr_parquet_node *node, const struct mr_column *column,
                  const struct mr_parquet_levels *from, struct mr_parquet_levels *to)
{
    int64_t count = 0;
    for (int64_t i = 0; i < from->count; i++) {
        int32_t row = from->rows[i];
        int64_t size = row < 0 ? 0 : column->offsets[row + 1] - column->offsets[row];
        count += size > 0 ? size : 1;
    }
    MR_TRY(levels_new(s, count, to));
    int64_t at = 0;
    for (int64_t i = 0; i < from->count; i++) {
        int32_t row = from->rows[i];
        int32_t start = row < 0 ? 0 : column->offsets[row], end = row < 0 ? 0 : column->offsets[row + 1];
        to->definition[at] = from->definition[i];
        to->repetition[at] = from->repetition[i];
        to->rows[at++] = -1;
        if (start == end)
            continue;
        to->definition[at - 1]++;
        to->rows[at - 1] = start;
        for (int32_t k = start + 1; k < end; k++) {
            to->definition[at] = (uint8_t)(from->definition[i] + 1);
            to->repetition[at] = (uint8_t)(node->repetition + 1);
            to->rows[at++] = k;
        }
    }
    return MR_OK;
}

static int copy_levels(struct shredder *s, const struct mr_parquet_levels *from, struct mr_parquet_levels *to)
{
    MR_TRY(levels_new(s, from->count, to));
    memcpy(to->definition, from->definition, (size_t)from->count);
    memcpy(to->repetition, from->repetition, (size_t)from->count);
    memcpy(to->rows, from->rows, (size_t)from->count * sizeof(*to->rows));
    return MR_OK;
}

/* levels is the node's own to change. */
static int shred_node(struct shredder *s, const struct mr_parquet_node *node, const struct mr_column *column,
                      struct mr_parquet_levels *levels)
{
    MR_TRY(apply_validity(s, node, column, levels));
    if (node->leaf >= 0)
        return mr_parquet_column_write_levels(&s->columns[node->leaf], column, levels, s->error);
    struct mr_parquet_levels elements = *levels;
    if (node->type->id != MR_STRUCT)
        MR_TRY(expand(s, node, column, levels, &elements));
    for (int i = 0; i < node->child_count; i++) {
        struct mr_parquet_levels own = elements;
        if (i + 1 < node->child_count)
            MR_TRY(copy_levels(s, &elements, &own));
        MR_TRY(shred_node(s, &node->children[i], column->children[i], &own));
    }
    return MR_OK;
}

int mr_parquet_shred(const struct mr_parquet_writer_schema *schema, struct mr_parquet_column_writer *columns,
                     const struct mr_batch *batch, struct mr_arena *scratch, struct mr_error *error)
{
    struct shredder s = {columns, schema, scratch, error};
    for (int i = 0; i < schema->root.child_count; i++) {
        const struct mr_parquet_node *node = &schema->root.children[i];
        const struct mr_column *column = batch->columns[i];
        if (node->leaf >= 0) {
            MR_TRY(mr_parquet_column_write_flat(&columns[node->leaf], column, 0, batch->length, error));
            continue;
        }
        struct mr_parquet_levels levels;
        MR_TRY(levels_new(&s, batch->length, &levels));
        memset(levels.definition, 0, (size_t)batch->length);
        memset(levels.repetition, 0, (size_t)batch->length);
        for (int64_t row = 0; row < batch->length; row++)
            levels.rows[row] = (int32_t)row;
        MR_TRY(shred_node(&s, node, column, &levels));
        mr_arena_clear(scratch);
    }
    return MR_OK;
}
