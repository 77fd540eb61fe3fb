/* operators/stream_join_pairs.c: see the header. */
#include "operators/stream_join_pairs.h"

#include "columns/value.h"
#include "operators/common.h"

static const struct mr_stream_join_config *config_of(const struct mr_join_pairs *pairs)
{
    return pairs->op->node->config;
}

static int first_column(const struct mr_join_pairs *pairs, int side)
{
    return side == 0 ? 0 : config_of(pairs)->sides[0].width;
}

/* Strings point into the blocks of the rows, which the columns keep. */
static int keep_blocks(struct mr_join_pairs *pairs, struct mr_join_row *const *rows, int64_t count,
                       struct mr_column **columns, int width, struct mr_error *error)
{
    struct mr_join_rows *all = &pairs->state->rows;
    pairs->outputs++;
    for (int64_t i = 0; i < count; i++) {
        struct mr_join_block *block = mr_join_block_of(all, rows[i]);
        if (block->taken == pairs->outputs)
            continue;
        block->taken = pairs->outputs;
        for (int c = 0; c < width; c++)
            if (mr_type_is_bytes(columns[c]->type))
                MR_TRY(mr_column_keep(columns[c], block->buffer, error));
    }
    return MR_OK;
}

/* New columns of kept rows. */
static int decode(struct mr_join_pairs *pairs, struct mr_join_row *const *rows, int64_t count, int side,
                  struct mr_column **columns, struct mr_error *error)
{
    int width = config_of(pairs)->sides[side].width;
    const struct mr_type *schema = mr_operator_input(pairs->op, side);
    bool strings = false;
    for (int64_t i = 0; i < count; i++) {
        pairs->at[i] = mr_join_row_bytes(rows[i]);
        pairs->ends[i] = pairs->at[i] + rows[i]->size;
    }
    for (int c = 0; c < width; c++) {
        columns[c] = mr_column_new(schema->fields[c].type, count);
        if (!columns[c])
            return mr_error_memory(error, (size_t)count * 16);
        strings |= mr_type_is_bytes(columns[c]->type);
        MR_TRY(mr_rows_decode(pairs->at, pairs->ends, count, true, columns[c], error));
    }
    return strings ? keep_blocks(pairs, rows, count, columns, width, error) : MR_OK;
}

static int nulls(const struct mr_type *type, int64_t count, struct mr_column **out, struct mr_error *error)
{
    *out = mr_column_new(type, count);
    return *out ? mr_column_append_nulls(*out, count, error) : mr_error_memory(error, (size_t)count * 16);
}

static int emit(struct mr_join_pairs *pairs, struct mr_batch *out, int status, struct mr_error *error)
{
    if (status == MR_OK)
        status = mr_operator_emit(pairs->op, out, error);
    mr_batch_release(out);
    return status;
}

static int null_side(struct mr_join_pairs *pairs, int side, struct mr_batch *out, struct mr_error *error)
{
    int first = first_column(pairs, side), width = config_of(pairs)->sides[side].width;
    for (int c = 0; c < width; c++)
        MR_TRY(nulls(out->schema->fields[first + c].type, out->length, &out->columns[first + c], error));
    return MR_OK;
}

int mr_join_emit_alone(struct mr_join_pairs *pairs, const struct mr_batch *batch, const int32_t *rows,
                       int64_t count, int side, struct mr_error *error)
{
    struct mr_batch out;
    bool one_side = config_of(pairs)->kind == MR_JOIN_SEMI;
    int first = one_side ? 0 : first_column(pairs, side), status = MR_OK;
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, pairs->op->node->output, 0, error));
    out.length = count;
    for (int c = 0; c < config_of(pairs)->sides[side].width && status == MR_OK; c++)
        status = mr_column_take(batch->columns[c], rows, count, &out.columns[first + c], error);
    if (status == MR_OK && !one_side)
        status = null_side(pairs, !side, &out, error);
    return emit(pairs, &out, status, error);
}

int mr_join_emit_kept(struct mr_join_pairs *pairs, struct mr_join_row *const *rows, int64_t count, int side,
                      struct mr_error *error)
{
    struct mr_batch out;
    bool one_side = config_of(pairs)->kind == MR_JOIN_SEMI;
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, pairs->op->node->output, 0, error));
    out.length = count;
    int status =
        decode(pairs, rows, count, side, out.columns + (one_side ? 0 : first_column(pairs, side)), error);
    if (status == MR_OK && !one_side)
        status = null_side(pairs, !side, &out, error);
    return emit(pairs, &out, status, error);
}

/* ---- pairs ---- */
static int make_pairs(struct mr_join_pairs *pairs, struct mr_batch *both, struct mr_error *error)
{
    int coming = first_column(pairs, pairs->side), width = config_of(pairs)->sides[pairs->side].width;
    both->length = pairs->count;
    for (int c = 0; c < width; c++)
        MR_TRY(mr_column_take(pairs->batch->columns[c], pairs->coming, pairs->count,
                              &both->columns[coming + c], error));
    return decode(pairs, pairs->kept, pairs->count, !pairs->side,
                  both->columns + first_column(pairs, !pairs->side), error);
}

/* Which pairs pass: their numbers in passed. */
static int test_pairs(struct mr_join_pairs *pairs, const struct mr_batch *both, int64_t *count,
                      struct mr_error *error)
{
    *count = pairs->count;
    if (pairs->condition)
        return mr_evaluator_filter(pairs->condition, both, NULL, pairs->passed, count, error);
    for (int64_t i = 0; i < pairs->count; i++)
        pairs->passed[i] = (int32_t)i;
    return MR_OK;
}

/* Marks the rows of the pairs that pass. Of a SEMI join, leaves in passed the pairs whose left row is kept
 * and has found its first partner. */
static int mark(struct mr_join_pairs *pairs, int64_t *passed, struct mr_error *error)
{
    struct mr_join_rows *rows = &pairs->state->rows;
    int64_t fresh = 0;
    for (int64_t i = 0; i < *passed; i++) {
        int32_t pair = pairs->passed[i];
        if (pairs->marks_coming)
            pairs->has_partner[pairs->coming[pair]] = 1;
        if (!pairs->marks_kept || !mr_join_rows_match(rows, pairs->kept[pair]))
            continue;
        if (pairs->kept[pair]->changed)
            MR_TRY(mr_stream_join_state_touch(pairs->state,
                                              mr_group_table_at(&rows->keys, pairs->kept[pair]->key), error));
        if (config_of(pairs)->kind == MR_JOIN_SEMI)
            pairs->passed[fresh++] = pair;
    }
    if (config_of(pairs)->kind == MR_JOIN_SEMI)
        *passed = fresh;
    return MR_OK;
}

static int emit_pairs(struct mr_join_pairs *pairs, const struct mr_batch *both, int64_t passed,
                      struct mr_error *error)
{
    struct mr_batch out;
    if (passed == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, pairs->op->node->output, 0, error));
    out.length = passed;
    int status = MR_OK;
    for (int c = 0; c < out.schema->field_count && status == MR_OK; c++) {
        if (passed == both->length)
            out.columns[c] = mr_column_ref(both->columns[c]);
        else
            status = mr_column_take(both->columns[c], pairs->passed, passed, &out.columns[c], error);
    }
    return emit(pairs, &out, status, error);
}

int mr_join_pairs_take(struct mr_join_pairs *pairs, struct mr_error *error)
{
    struct mr_batch both;
    int64_t passed = 0;
    if (pairs->count == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&both, pairs->schema, 0, error));
    int status = make_pairs(pairs, &both, error);
    if (status >= 0)
        status = test_pairs(pairs, &both, &passed, error);
    if (status >= 0)
        status = mark(pairs, &passed, error);
    if (status >= 0)
        status = emit_pairs(pairs, &both, passed, error);
    mr_batch_release(&both);
    pairs->count = 0;
    return status < 0 ? status : MR_OK;
}
