/* operators/join_probe.c: a hash table over the right side's rows by key; left rows look for partners in it,
 * some thousand pairs at a time: the condition is evaluated on the pairs whose keys are equal, and on no
 * others. */
#include "operators/join_probe.h"

#include "operators/common.h"

/* ---- the right side ---- */
int mr_join_table_gather(struct mr_join_table *table, const struct mr_type *schema, struct mr_batch *batches,
                         int64_t count, struct mr_error *error)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < count; i++)
        rows += batches[i].length;
    if (rows > INT32_MAX - 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "The right side of a join has %lld rows; one partition holds 2^31 at most.",
                            (long long)rows);
    MR_TRY(mr_batch_init(&table->rows, schema, rows > 0 ? rows : 1, error)); /* columns, always */
    table->has_rows = true;
    for (int64_t i = 0; i < count; i++) {
        MR_TRY(mr_batch_append(&table->rows, &batches[i], error));
        mr_batch_release(&batches[i]);
    }
    return MR_OK;
}

static void hash_keys(const struct mr_batch *batch, const int *keys, int count, uint64_t *hashes)
{
    if (count == 0)
        memset(hashes, 0, sizeof *hashes * (size_t)batch->length);
    for (int k = 0; k < count; k++)
        mr_column_hash(batch->columns[keys[k]], hashes, k > 0);
}

static bool has_null_key(const struct mr_join_config *config, const struct mr_batch *batch, const int *keys,
                         int64_t row)
{
    for (int k = 0; k < config->key_count; k++)
        if (!config->null_safe[k] && mr_column_is_null(batch->columns[keys[k]], row))
            return true;
    return false;
}

int mr_join_table_index(struct mr_join_table *table, const struct mr_join_config *config,
                        struct mr_error *error)
{
    int64_t rows = table->rows.length;
    uint64_t slots = 16;
    while (slots < (uint64_t)rows * 2)
        slots *= 2;
    table->mask = slots - 1;
    table->hashes = mr_allocate(sizeof *table->hashes * (size_t)(rows + 1));
    table->heads = mr_allocate(sizeof *table->heads * (size_t)slots);
    table->next = mr_allocate(sizeof *table->next * (size_t)(rows + 1));
    if (!table->hashes || !table->heads || !table->next)
        return mr_error_memory(error, sizeof *table->next * (size_t)rows);
    memset(table->heads, 0xff, sizeof *table->heads * (size_t)slots);
    hash_keys(&table->rows, config->right_keys, config->key_count, table->hashes);
    for (int64_t i = rows - 1; i >= 0; i--) { /* from the end: chains then are in order */
        if (has_null_key(config, &table->rows, config->right_keys, i))
            continue;
        int32_t *head = &table->heads[mr_hash_u64(table->hashes[i]) & table->mask];
        table->next[i] = *head;
        *head = (int32_t)i;
    }
    return MR_OK;
}

void mr_join_table_release(struct mr_join_table *table)
{
    if (table->has_rows)
        mr_batch_release(&table->rows);
    mr_free(table->hashes);
    mr_free(table->heads);
    mr_free(table->next);
    *table = (struct mr_join_table){0};
}

/* ---- the left side ---- */
static int pair_type(struct mr_join_probe *probe, const struct mr_type *left, const struct mr_type *right,
                     struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    int total = config->left_width + config->right_width;
    struct mr_field *fields = MR_ARENA_ARRAY(&probe->arena, struct mr_field, total + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < total; i++) {
        bool first = i < config->left_width;
        fields[i] = first ? left->fields[i] : right->fields[i - config->left_width];
        fields[i].nullable = true;
    }
    probe->pair_schema = mr_type_struct(&probe->arena, fields, total);
    return probe->pair_schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

int mr_join_probe_open(struct mr_join_probe *probe, const struct mr_join_config *config,
                       const struct mr_type *left, const struct mr_type *right,
                       const struct mr_session *session, struct mr_error *error)
{
    *probe = (struct mr_join_probe){.config = config};
    mr_arena_init(&probe->arena);
    probe->pairs = mr_allocate(sizeof *probe->pairs);
    if (!probe->pairs)
        return mr_error_memory(error, sizeof *probe->pairs);
    probe->pairs->count = 0;
    MR_TRY(pair_type(probe, left, right, error));
    return config->condition ? mr_evaluator_open(&probe->evaluator, &config->condition, 1, session, error)
                             : MR_OK;
}

void mr_join_probe_close(struct mr_join_probe *probe)
{
    if (!probe->config)
        return;
    if (probe->evaluator)
        mr_evaluator_close(probe->evaluator);
    mr_free(probe->hashes);
    mr_free(probe->left_matched);
    mr_free(probe->pairs);
    mr_arena_release(&probe->arena);
    *probe = (struct mr_join_probe){0};
}

/* ---- output ---- */
/* Rows of both sides beside each other; a row of -1 is all NULL. Without right rows: the left columns alone.
 */
static int emit_rows(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                     const int32_t *left_rows, const int32_t *right_rows, int64_t count,
                     struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    struct mr_batch out;
    int status = MR_OK;
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    for (int c = 0; c < config->left_width && status == MR_OK; c++)
        status = mr_column_take(left->columns[c], left_rows, count, &out.columns[c], error);
    for (int c = 0; right_rows && c < config->right_width && status == MR_OK; c++)
        status = mr_column_take(probe->table->rows.columns[c], right_rows, count,
                                &out.columns[config->left_width + c], error);
    if (status == MR_OK)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

/* Leaves in pairs those that satisfy the condition. */
static int test_pairs(struct mr_join_probe *probe, const struct mr_batch *left, struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    struct mr_join_pairs *p = probe->pairs;
    struct mr_batch both;
    int64_t passed = 0;
    int status = MR_OK;
    if (!probe->evaluator)
        return MR_OK;
    MR_TRY(mr_batch_init(&both, probe->pair_schema, 0, error));
    both.length = p->count;
    for (int c = 0; c < config->left_width && status == MR_OK; c++)
        status = mr_column_take(left->columns[c], p->left, p->count, &both.columns[c], error);
    for (int c = 0; c < config->right_width && status == MR_OK; c++)
        status = mr_column_take(probe->table->rows.columns[c], p->right, p->count,
                                &both.columns[config->left_width + c], error);
    if (status == MR_OK)
        status = mr_evaluator_filter(probe->evaluator, &both, NULL, p->passed, &passed, error);
    mr_batch_release(&both);
    for (int64_t i = 0; i < passed; i++) {
        p->left[i] = p->left[p->passed[i]];
        p->right[i] = p->right[p->passed[i]];
    }
    p->count = passed;
    return status;
}

static int take_pairs(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                      struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    struct mr_join_pairs *p = probe->pairs;
    if (p->count > 0)
        MR_TRY(test_pairs(probe, left, error));
    for (int64_t i = 0; i < p->count; i++) {
        if (config->single && probe->left_matched[p->left[i]])
            return mr_error_set(error, MR_E_SQL, "SCALAR_SUBQUERY_TOO_MANY_ROWS",
                                "A subquery used as a value gave more than one row.");
        probe->left_matched[p->left[i]] = true;
    }
    for (int64_t i = 0; probe->right_matched && i < p->count; i++)
        probe->right_matched[p->right[i]] = true;
    if (config->kind != MR_JOIN_SEMI && config->kind != MR_JOIN_ANTI && config->kind != MR_JOIN_MARK)
        MR_TRY(emit_rows(op, probe, left, p->left, p->right, p->count, error));
    p->count = 0;
    return MR_OK;
}

static bool same_keys(const struct mr_join_config *config, const struct mr_batch *left, int64_t l,
                      const struct mr_batch *right, int64_t r)
{
    for (int k = 0; k < config->key_count; k++)
        if (!mr_column_same(left->columns[config->left_keys[k]], l, right->columns[config->right_keys[k]], r))
            return false;
    return true;
}

/* Left rows without a partner (LEFT, FULL, ANTI), or with one (SEMI). */
static int emit_left(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                     bool matched, struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    struct mr_join_pairs *p = probe->pairs;
    bool one_side = config->kind == MR_JOIN_SEMI || config->kind == MR_JOIN_ANTI;
    int64_t count = 0;
    for (int64_t i = 0; i < left->length; i++) {
        if (probe->left_matched[i] == matched) {
            p->left[count] = (int32_t)i;
            p->right[count++] = -1;
        }
        if (count == MR_BATCH_ROWS || (i == left->length - 1 && count > 0)) {
            MR_TRY(emit_rows(op, probe, left, p->left, one_side ? NULL : p->right, count, error));
            count = 0;
        }
    }
    return MR_OK;
}

/* All left rows, and whether they have a partner. */
static int emit_marks(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                      struct mr_error *error)
{
    int width = probe->config->left_width, status = MR_OK;
    struct mr_batch out;
    if (left->length == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, op->node->output, left->length, error));
    for (int c = 0; c < width; c++) {
        mr_column_unref(out.columns[c]);
        out.columns[c] = mr_column_ref(left->columns[c]);
    }
    for (int64_t i = 0; i < left->length; i++)
        out.columns[width]->booleans[i] = probe->left_matched[i];
    out.columns[width]->length = out.length = left->length;
    status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

int mr_join_probe_left(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_batch *left,
                       struct mr_error *error)
{
    const struct mr_join_config *config = probe->config;
    const struct mr_join_table *table = probe->table;
    struct mr_join_pairs *p = probe->pairs;
    if (left->length > probe->left_capacity) {
        mr_free(probe->hashes);
        mr_free(probe->left_matched);
        probe->hashes = mr_allocate(sizeof *probe->hashes * (size_t)left->length);
        probe->left_matched = mr_allocate((size_t)left->length);
        probe->left_capacity = probe->hashes && probe->left_matched ? left->length : 0;
        if (probe->left_capacity == 0)
            return mr_error_memory(error, sizeof *probe->hashes * (size_t)left->length);
    }
    memset(probe->left_matched, 0, (size_t)left->length);
    hash_keys(left, config->left_keys, config->key_count, probe->hashes);
    for (int64_t i = 0; i < left->length; i++) {
        if (has_null_key(config, left, config->left_keys, i))
            continue;
        for (int32_t r = table->heads[mr_hash_u64(probe->hashes[i]) & table->mask]; r >= 0;
             r = table->next[r]) {
            if (table->hashes[r] != probe->hashes[i] || !same_keys(config, left, i, &probe->table->rows, r))
                continue;
            p->left[p->count] = (int32_t)i;
            p->right[p->count++] = r;
            if (p->count == MR_BATCH_ROWS)
                MR_TRY(take_pairs(op, probe, left, error));
        }
    }
    MR_TRY(take_pairs(op, probe, left, error));
    if (config->kind == MR_JOIN_MARK)
        return emit_marks(op, probe, left, error);
    if (config->kind == MR_JOIN_LEFT || config->kind == MR_JOIN_FULL || config->kind == MR_JOIN_ANTI)
        return emit_left(op, probe, left, false, error);
    return config->kind == MR_JOIN_SEMI ? emit_left(op, probe, left, true, error) : MR_OK;
}

/* Right rows without a partner. */
int mr_join_probe_right(struct mr_operator *op, struct mr_join_probe *probe, const struct mr_type *left,
                        struct mr_error *error)
{
    struct mr_join_pairs *p = probe->pairs;
    struct mr_batch none;
    int64_t count = 0;
    MR_TRY(mr_batch_init(&none, left, 1, error));
    int status = MR_OK;
    for (int64_t i = 0; i < probe->table->rows.length && status == MR_OK; i++) {
        if (!probe->right_matched[i]) {
            p->left[count] = -1;
            p->right[count++] = (int32_t)i;
        }
        if (count == MR_BATCH_ROWS || (i == probe->table->rows.length - 1 && count > 0)) {
            status = emit_rows(op, probe, &none, p->left, p->right, count, error);
            count = 0;
        }
    }
    mr_batch_release(&none);
    return status;
}
