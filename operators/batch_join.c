/* operators/batch_join.c: joins two batch inputs. What comes is kept; at the end the right side goes into a
 * hash table by its keys and the left side's rows look for partners in it, some thousand pairs at a time: the
 * condition is evaluated on the pairs whose keys are equal, and on no others. */
#include "operators/join.h"

#include "operators/common.h"

struct pairs { /* candidates of one left batch, then those that passed */
    int32_t left[MR_BATCH_ROWS], right[MR_BATCH_ROWS];
    int32_t passed[MR_BATCH_ROWS];
    int64_t count;
};
struct batch_join {
    struct mr_evaluator *evaluator; /* of the condition; NULL: none */
    const struct mr_type *pair_schema;
    struct mr_batch *batches[2];
    int64_t batch_count[2], batch_capacity[2];
    struct mr_batch right; /* all rows of the right side */
    bool has_right;
    uint64_t *hashes; /* of the right rows, or of a left batch's */
    int64_t hash_capacity;
    uint64_t *right_hashes;
    int32_t *heads, *next; /* chains of right rows; -1 ends */
    uint64_t mask;
    bool *left_matched, *right_matched;
    int64_t left_capacity;
    struct pairs *pairs;
    struct mr_arena arena;
};

static int pair_type(struct mr_operator *op, struct batch_join *join, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    int total = config->left_width + config->right_width;
    struct mr_field *fields = MR_ARENA_ARRAY(&join->arena, struct mr_field, total + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < total; i++) {
        bool left = i < config->left_width;
        fields[i] = mr_operator_input(op, !left)->fields[left ? i : i - config->left_width];
        fields[i].nullable = true;
    }
    join->pair_schema = mr_type_struct(&join->arena, fields, total);
    return join->pair_schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

static int join_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct batch_join), error));
    struct batch_join *join = op->ctx;
    mr_arena_init(&join->arena);
    join->pairs = mr_allocate(sizeof *join->pairs);
    if (!join->pairs)
        return mr_error_memory(error, sizeof *join->pairs);
    MR_TRY(pair_type(op, join, error));
    if (config->condition)
        MR_TRY(mr_evaluator_open(&join->evaluator, &config->condition, 1, op->session, error));
    return MR_OK;
}

static int join_push(struct mr_operator *op, int input, const struct mr_batch *batch, struct mr_error *error)
{
    struct batch_join *join = op->ctx;
    op->metrics.rows_in += batch->length;
    if (join->batch_count[input] == join->batch_capacity[input]) {
        int64_t capacity = join->batch_capacity[input] ? 2 * join->batch_capacity[input] : 16;
        struct mr_batch *grown = mr_reallocate(join->batches[input], sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        join->batches[input] = grown;
        join->batch_capacity[input] = capacity;
    }
    MR_TRY(mr_batch_copy(&join->batches[input][join->batch_count[input]], batch, error));
    join->batch_count[input]++;
    return MR_OK;
}

/* ---- the right side ---- */
static int gather_right(struct mr_operator *op, struct batch_join *join, struct mr_error *error)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < join->batch_count[1]; i++)
        rows += join->batches[1][i].length;
    if (rows > INT32_MAX - 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "The right side of a join has %lld rows; one partition holds 2^31 at most.",
                            (long long)rows);
    MR_TRY(mr_batch_init(&join->right, mr_operator_input(op, 1), rows > 0 ? rows : 1,
                         error)); /* columns, always */
    join->has_right = true;
    for (int64_t i = 0; i < join->batch_count[1]; i++) {
        MR_TRY(mr_batch_append(&join->right, &join->batches[1][i], error));
        mr_batch_release(&join->batches[1][i]);
    }
    join->batch_count[1] = 0;
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

static int build_table(struct mr_operator *op, struct batch_join *join, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    int64_t rows = join->right.length;
    uint64_t slots = 16;
    while (slots < (uint64_t)rows * 2)
        slots *= 2;
    join->mask = slots - 1;
    join->right_hashes = mr_allocate(sizeof *join->right_hashes * (size_t)(rows + 1));
    join->heads = mr_allocate(sizeof *join->heads * (size_t)slots);
    join->next = mr_allocate(sizeof *join->next * (size_t)(rows + 1));
    join->right_matched = mr_allocate_zeroed((size_t)rows + 1);
    if (!join->right_hashes || !join->heads || !join->next || !join->right_matched)
        return mr_error_memory(error, sizeof *join->next * (size_t)rows);
    memset(join->heads, 0xff, sizeof *join->heads * (size_t)slots);
    hash_keys(&join->right, config->right_keys, config->key_count, join->right_hashes);
    for (int64_t i = rows - 1; i >= 0; i--) { /* from the end: chains then are in order */
        if (has_null_key(config, &join->right, config->right_keys, i))
            continue;
        int32_t *head = &join->heads[mr_hash_u64(join->right_hashes[i]) & join->mask];
        join->next[i] = *head;
        *head = (int32_t)i;
    }
    return MR_OK;
}

/* ---- output ---- */
/* Rows of both sides beside each other; a row of -1 is all NULL. Without right rows: the left columns alone.
 */
static int emit_rows(struct mr_operator *op, const struct mr_batch *left, const int32_t *left_rows,
                     const int32_t *right_rows, int64_t count, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    struct mr_batch out;
    int status = MR_OK;
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    for (int c = 0; c < config->left_width && status == MR_OK; c++)
        status = mr_column_take(left->columns[c], left_rows, count, &out.columns[c], error);
    for (int c = 0; right_rows && c < config->right_width && status == MR_OK; c++)
        status = mr_column_take(join->right.columns[c], right_rows, count,
                                &out.columns[config->left_width + c], error);
    if (status == MR_OK)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

/* Leaves in pairs those that satisfy the condition. */
static int test_pairs(struct mr_operator *op, const struct mr_batch *left, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    struct pairs *p = join->pairs;
    struct mr_batch both;
    int64_t passed = 0;
    int status = MR_OK;
    if (!join->evaluator)
        return MR_OK;
    MR_TRY(mr_batch_init(&both, join->pair_schema, 0, error));
    both.length = p->count;
    for (int c = 0; c < config->left_width && status == MR_OK; c++)
        status = mr_column_take(left->columns[c], p->left, p->count, &both.columns[c], error);
    for (int c = 0; c < config->right_width && status == MR_OK; c++)
        status = mr_column_take(join->right.columns[c], p->right, p->count,
                                &both.columns[config->left_width + c], error);
    if (status == MR_OK)
        status = mr_evaluator_filter(join->evaluator, &both, NULL, p->passed, &passed, error);
    mr_batch_release(&both);
    for (int64_t i = 0; i < passed; i++) {
        p->left[i] = p->left[p->passed[i]];
        p->right[i] = p->right[p->passed[i]];
    }
    p->count = passed;
    return status;
}

static int take_pairs(struct mr_operator *op, const struct mr_batch *left, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    struct pairs *p = join->pairs;
    if (p->count > 0)
        MR_TRY(test_pairs(op, left, error));
    for (int64_t i = 0; i < p->count; i++)
        join->left_matched[p->left[i]] = join->right_matched[p->right[i]] = true;
    if (config->kind != MR_JOIN_SEMI && config->kind != MR_JOIN_ANTI)
        MR_TRY(emit_rows(op, left, p->left, p->right, p->count, error));
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
static int emit_left(struct mr_operator *op, const struct mr_batch *left, bool matched,
                     struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    struct pairs *p = join->pairs;
    bool one_side = config->kind == MR_JOIN_SEMI || config->kind == MR_JOIN_ANTI;
    int64_t count = 0;
    for (int64_t i = 0; i < left->length; i++) {
        if (join->left_matched[i] == matched) {
            p->left[count] = (int32_t)i;
            p->right[count++] = -1;
        }
        if (count == MR_BATCH_ROWS || (i == left->length - 1 && count > 0)) {
            MR_TRY(emit_rows(op, left, p->left, one_side ? NULL : p->right, count, error));
            count = 0;
        }
    }
    return MR_OK;
}

static int join_left(struct mr_operator *op, const struct mr_batch *left, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    struct pairs *p = join->pairs;
    if (left->length > join->left_capacity) {
        mr_free(join->hashes);
        mr_free(join->left_matched);
        join->hashes = mr_allocate(sizeof *join->hashes * (size_t)left->length);
        join->left_matched = mr_allocate((size_t)left->length);
        join->left_capacity = join->hashes && join->left_matched ? left->length : 0;
        if (join->left_capacity == 0)
            return mr_error_memory(error, sizeof *join->hashes * (size_t)left->length);
    }
    memset(join->left_matched, 0, (size_t)left->length);
    hash_keys(left, config->left_keys, config->key_count, join->hashes);
    for (int64_t i = 0; i < left->length; i++) {
        if (has_null_key(config, left, config->left_keys, i))
            continue;
        for (int32_t r = join->heads[mr_hash_u64(join->hashes[i]) & join->mask]; r >= 0; r = join->next[r]) {
            if (join->right_hashes[r] != join->hashes[i] || !same_keys(config, left, i, &join->right, r))
                continue;
            p->left[p->count] = (int32_t)i;
            p->right[p->count++] = r;
            if (p->count == MR_BATCH_ROWS)
                MR_TRY(take_pairs(op, left, error));
        }
    }
    MR_TRY(take_pairs(op, left, error));
    if (config->kind == MR_JOIN_LEFT || config->kind == MR_JOIN_FULL || config->kind == MR_JOIN_ANTI)
        return emit_left(op, left, false, error);
    return config->kind == MR_JOIN_SEMI ? emit_left(op, left, true, error) : MR_OK;
}

/* Right rows without a partner. */
static int emit_right(struct mr_operator *op, struct mr_error *error)
{
    struct batch_join *join = op->ctx;
    struct pairs *p = join->pairs;
    struct mr_batch none;
    int64_t count = 0;
    MR_TRY(mr_batch_init(&none, mr_operator_input(op, 0), 1, error));
    int status = MR_OK;
    for (int64_t i = 0; i < join->right.length && status == MR_OK; i++) {
        if (!join->right_matched[i]) {
            p->left[count] = -1;
            p->right[count++] = (int32_t)i;
        }
        if (count == MR_BATCH_ROWS || (i == join->right.length - 1 && count > 0)) {
            status = emit_rows(op, &none, p->left, p->right, count, error);
            count = 0;
        }
    }
    mr_batch_release(&none);
    return status;
}

/* ---- the end of the inputs ---- */
static void forget(struct batch_join *join)
{
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < join->batch_count[side]; i++)
            mr_batch_release(&join->batches[side][i]);
        join->batch_count[side] = 0;
    }
    if (join->has_right)
        mr_batch_release(&join->right);
    join->has_right = false;
    mr_free(join->right_hashes);
    mr_free(join->heads);
    mr_free(join->next);
    mr_free(join->right_matched);
    join->right_hashes = NULL;
    join->heads = join->next = NULL;
    join->right_matched = NULL;
}

static int join_finish(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_join_config *config = op->node->config;
    struct batch_join *join = op->ctx;
    join->pairs->count = 0;
    int status = gather_right(op, join, error);
    if (status == MR_OK)
        status = build_table(op, join, error);
    for (int64_t i = 0; i < join->batch_count[0] && status == MR_OK; i++)
        status = join_left(op, &join->batches[0][i], error);
    if (status == MR_OK && (config->kind == MR_JOIN_RIGHT || config->kind == MR_JOIN_FULL))
        status = emit_right(op, error);
    forget(join);
    return status;
}

static void join_close(struct mr_operator *op)
{
    struct batch_join *join = op->ctx;
    if (!join)
        return;
    forget(join);
    if (join->evaluator)
        mr_evaluator_close(join->evaluator);
    mr_free(join->batches[0]);
    mr_free(join->batches[1]);
    mr_free(join->hashes);
    mr_free(join->left_matched);
    mr_free(join->pairs);
    mr_arena_release(&join->arena);
    mr_free(join);
    op->ctx = NULL;
}

const struct mr_operator_type mr_batch_join_operator = {.name = "batchJoin",
                                                        .flags = MR_OP_KEYED,
                                                        .open = join_open,
                                                        .push = join_push,
                                                        .finish = join_finish,
                                                        .close = join_close};
