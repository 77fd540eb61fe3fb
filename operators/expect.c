/* operators/expect.c: expectations on rows. A row meets one when its condition is TRUE; FALSE and NULL
 * violate it. Violations are counted, and by the expectation's action the row is kept, dropped, or ends the
 * query. */
#include "operators/common.h"

struct expect {
    struct mr_evaluator *evaluator;
    struct mr_column **results;
    int32_t *rows;
    int64_t capacity;
};

static int expect_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_expect_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct expect), error));
    struct expect *expect = op->ctx;
    expect->results = mr_allocate_zeroed(sizeof(struct mr_column *) * (size_t)(config->count + 1));
    if (!expect->results)
        return mr_error_memory(error, sizeof(struct mr_column *) * (size_t)config->count);
    return mr_evaluator_open(&expect->evaluator, config->conditions, config->count, op->session, error);
}

static int violated(const struct mr_expect_config *config, int index, const struct mr_batch *batch,
                    int64_t row, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int c = 0; c < batch->schema->field_count && text.size < 400; c++) {
        mr_text_format(&text, "%s%s: ", c > 0 ? ", " : "", batch->schema->fields[c].name);
        mr_value_text(&text, batch->columns[c], row, mr_zone_utc());
    }
    int code = mr_error_set(
        error, MR_E_DATA, "CHECK_CONSTRAINT_VIOLATION",
        "Expectation %s with ON VIOLATION FAIL UPDATE is violated by the row {%.400s}. Nothing of "
        "this batch was committed. Mend the data or the condition, or choose DROP ROW.",
        config->names[index], text.data ? text.data : "");
    mr_error_parameter(error, "constraintName", "%s", config->names[index]);
    mr_text_release(&text);
    return code;
}

/* Marks in keep[] and counts; keep holds 1 for rows still in. */
static int judge(struct mr_operator *op, int index, const struct mr_batch *batch,
                 const struct mr_column *result, uint8_t *keep, struct mr_error *error)
{
    const struct mr_expect_config *config = op->node->config;
    for (int64_t row = 0; row < batch->length; row++) {
        if (!mr_column_is_null(result, row) && result->booleans[row]) {
            op->metrics.passed[index]++;
            continue;
        }
        op->metrics.failed[index]++;
        if (config->actions[index] == MR_EXPECT_FAIL)
            return violated(config, index, batch, row, error);
        if (config->actions[index] == MR_EXPECT_DROP)
            keep[row] = 0;
    }
    return MR_OK;
}

static int emit_kept(struct mr_operator *op, const struct mr_batch *batch, const uint8_t *keep, int32_t *rows,
                     struct mr_error *error)
{
    int64_t kept = 0;
    for (int64_t row = 0; row < batch->length; row++) {
        rows[kept] = (int32_t)row;
        kept += keep[row];
    }
    if (kept == batch->length)
        return mr_operator_emit(op, batch, error);
    struct mr_batch out;
    MR_TRY(mr_batch_take(batch, rows, kept, &out, error));
    int status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int expect_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                       struct mr_error *error)
{
    const struct mr_expect_config *config = op->node->config;
    struct expect *expect = op->ctx;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (batch->length > expect->capacity) { /* row numbers, and behind them a byte a row */
        mr_free(expect->rows);
        expect->rows = mr_allocate((size_t)batch->length * 5);
        expect->capacity = expect->rows ? batch->length : 0;
        if (!expect->rows)
            return mr_error_memory(error, (size_t)batch->length * 5);
    }
    uint8_t *keep = (uint8_t *)(expect->rows + expect->capacity);
    memset(keep, 1, (size_t)batch->length);
    int status = mr_evaluator_run(expect->evaluator, batch, NULL, expect->results, error);
    if (status < 0)
        return status;
    for (int i = 0; i < config->count; i++) {
        if (status >= 0)
            status = judge(op, i, batch, expect->results[i], keep, error);
        mr_column_unref(expect->results[i]);
        expect->results[i] = NULL;
    }
    return status < 0 ? status : emit_kept(op, batch, keep, expect->rows, error);
}

static void expect_close(struct mr_operator *op)
{
    struct expect *expect = op->ctx;
    if (!expect)
        return;
    mr_evaluator_close(expect->evaluator);
    mr_free(expect->results);
    mr_free(expect->rows);
    mr_free(expect);
    op->ctx = NULL;
}

const struct mr_operator_type mr_expect_operator = {.name = "expect",
                                                    .open = expect_open,
                                                    .push = expect_push,
                                                    .close = expect_close};
