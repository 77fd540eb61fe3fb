/* operators/stream_join_show.c: the rows that a join of streams keeps of one side, for people. */
#include "columns/value.h"
#include "operators/common.h"
#include "operators/show_state.h"
#include "operators/stream_join_pack.h"

#define CHUNK MR_BATCH_ROWS

struct showing {
    struct mr_operator *op;
    const struct mr_type *type;
    int side;
    int64_t count;
    struct mr_text rows; /* their bytes, one behind the other */
    size_t ends[CHUNK];
    struct mr_batch batch;
};

const struct mr_type *mr_stream_join_state_type(const struct mr_node *node, int side, struct mr_arena *arena)
{
    const struct mr_stream_join_config *config = node->config;
    const struct mr_type *input = node->inputs[side]->output;
    struct mr_field *keys = MR_ARENA_ARRAY(arena, struct mr_field, config->key_count + 1);
    for (int k = 0; keys && k < config->key_count; k++) {
        struct mr_text name;
        mr_text_init(&name);
        mr_text_format(&name, "field%d", k); /* as Spark calls them: the sides may call them differently */
        keys[k] = input->fields[config->sides[side].keys[k]];
        keys[k].name = name.failed ? NULL : mr_arena_copy_text(arena, name.data, name.size);
        mr_text_release(&name);
        if (!keys[k].name)
            return NULL;
    }
    return keys ? mr_shown_type(arena, keys, config->key_count, input->fields, config->sides[side].width)
                : NULL;
}

static int begin(struct showing *s, struct mr_error *error)
{
    const struct mr_stream_join_config *config = s->op->node->config;
    MR_TRY(mr_shown_batch(&s->batch, s->type, 0, error));
    for (int k = 0; k < config->key_count; k++) {
        s->batch.columns[0]->children[k] = mr_column_new(s->type->fields[0].type->fields[k].type, CHUNK);
        if (!s->batch.columns[0]->children[k])
            return mr_error_memory(error, CHUNK * 16);
    }
    return MR_OK;
}

static int give(struct showing *s, struct mr_error *error)
{
    const struct mr_type *values = s->type->fields[1].type;
    const char *at[CHUNK], *ends[CHUNK];
    int64_t count = s->count;
    if (count == 0)
        return MR_OK;
    for (int64_t i = 0; i < count; i++) {
        at[i] = s->rows.data + (i > 0 ? s->ends[i - 1] : 0);
        ends[i] = s->rows.data + s->ends[i];
    }
    for (int c = 0; c < values->field_count; c++) {
        struct mr_column *column = mr_column_new(values->fields[c].type, count);
        s->batch.columns[1]->children[c] = column;
        if (!column)
            return mr_error_memory(error, (size_t)count * 16);
        MR_TRY(mr_rows_decode(at, ends, count, false, column, error));
    }
    s->batch.columns[0]->length = s->batch.columns[1]->length = s->batch.length = count;
    MR_TRY(s->op->emit(s->op, &s->batch, error));
    mr_batch_release(&s->batch);
    s->count = 0;
    mr_text_clear(&s->rows);
    return begin(s, error);
}

static int add(struct showing *s, const char *data, size_t size, struct mr_error *error)
{
    mr_text_append(&s->rows, data, size);
    if (s->rows.failed)
        return mr_error_memory(error, s->rows.capacity);
    s->ends[s->count++] = s->rows.size;
    return s->count == CHUNK ? give(s, error) : MR_OK;
}

static int show_pack(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct showing *s = ctx;
    const struct mr_stream_join_config *config = s->op->node->config;
    struct mr_join_packed row;
    int64_t expiry_us;
    if (key.size < 9 || value.size < 9 || value.data[0] != MR_STREAM_JOIN_FORMAT)
        return mr_state_corrupt(s->op, "a pack of rows begins with an unknown format", error);
    memcpy(&expiry_us, value.data + 1, 8);
    const char *at = value.data + 9, *end = value.data + value.size;
    while (at < end) {
        if (!mr_join_pack_next(&at, end, expiry_us, &row))
            return mr_state_corrupt(s->op, "a pack of rows ends too early", error);
        if (row.expiry_us <= s->op->late_us)
            continue;
        const char *name = key.data + 5, *name_end = key.data + key.size - 4;
        for (int k = 0; k < config->key_count; k++)
            MR_TRY(mr_key_decode(&name, name_end, s->batch.columns[0]->children[k], error));
        MR_TRY(add(s, row.data, row.size, error));
    }
    return MR_OK;
}

/* Rows that opening has brought into memory: those that pass. */
static int show_rows(struct showing *s, struct mr_stream_join_state *state, struct mr_error *error)
{
    struct mr_group_cursor cursor = {0};
    struct mr_group *group;
    struct mr_column *keys[64];
    int status = MR_OK;
    while (status >= 0 && mr_group_table_next(&state->rows.keys, &cursor, &group, 1) == 1) {
        const struct mr_join_row *row = mr_join_key_of(&state->rows, group)->first[s->side];
        if (!row)
            continue;
        MR_TRY(mr_group_table_keys(&state->rows.keys, &group, 1, keys, error));
        for (; row && status >= 0; row = row->next) {
            for (int k = 0; k < state->config->key_count && status >= 0; k++)
                status = mr_column_append(s->batch.columns[0]->children[k], keys[k], 0, false, error);
            if (status >= 0)
                status = add(s, mr_join_row_bytes(row), row->size, error);
        }
        for (int k = 0; k < state->config->key_count; k++)
            mr_column_unref(keys[k]);
    }
    return status;
}

int mr_stream_join_state_show(struct mr_stream_join_state *state, int side, const struct mr_type *type,
                              struct mr_error *error)
{
    struct showing *s = mr_allocate_zeroed(sizeof *s);
    if (!s)
        return mr_error_memory(error, sizeof *s);
    s->op = state->op;
    s->type = type;
    s->side = side;
    mr_text_init(&s->rows);
    int status = begin(s, error);
    if (status >= 0)
        status = show_rows(s, state, error);
    if (status >= 0)
        status = mr_state_scan(state->op, MR_JOIN_LEFT_ROWS + side, show_pack, s, error);
    if (status >= 0)
        status = give(s, error);
    mr_batch_release(&s->batch);
    mr_text_release(&s->rows);
    mr_free(s);
    return status;
}
