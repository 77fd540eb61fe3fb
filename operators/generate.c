/* operators/generate.c: explode and kin. The generator's value is an ARRAY of STRUCTs; each of them makes a
 * row: the input's columns, then the struct's fields. A row whose array is NULL or empty makes no row, or
 * with outer one whose new columns are NULL. */
#include "operators/common.h"

struct generate {
    struct mr_evaluator *evaluator;
    int32_t *rows, *elements; /* per output row: input row, and element (-1: NULL) */
    int64_t capacity;
};

static int generate_open(struct mr_operator *op, struct mr_error *error)
{
    const struct mr_generate_config *config = op->node->config;
    MR_TRY(mr_operator_context(op, sizeof(struct generate), error));
    struct generate *generate = op->ctx;
    return mr_evaluator_open(&generate->evaluator, &config->generator, 1, op->session, error);
}

static int reserve(struct generate *generate, int64_t capacity, struct mr_error *error)
{
    if (capacity <= generate->capacity)
        return MR_OK;
    mr_free(generate->rows);
    mr_free(generate->elements);
    generate->capacity = 0;
    generate->rows = mr_allocate(sizeof(int32_t) * (size_t)capacity);
    generate->elements = mr_allocate(sizeof(int32_t) * (size_t)capacity);
    if (!generate->rows || !generate->elements)
        return mr_error_memory(error, sizeof(int32_t) * (size_t)capacity);
    generate->capacity = capacity;
    return MR_OK;
}

/* Which input row and which element every output row is made of. */
static int64_t unfold(struct generate *generate, const struct mr_column *lists, bool outer)
{
    int64_t count = 0;
    for (int64_t row = 0; row < lists->length; row++) {
        int32_t first = lists->offsets[row], last = lists->offsets[row + 1];
        if (mr_column_is_null(lists, row) || first == last) {
            if (outer) {
                generate->rows[count] = (int32_t)row;
                generate->elements[count++] = -1;
            }
            continue;
        }
        for (int32_t element = first; element < last; element++) {
            generate->rows[count] = (int32_t)row;
            generate->elements[count++] = element;
        }
    }
    return count;
}

/* A field of the struct is NULL where the struct is. */
static int take_field(const struct mr_column *structs, int field, const int32_t *elements, int64_t count,
                      struct mr_column **out, struct mr_error *error)
{
    MR_TRY(mr_column_take(structs->children[field], elements, count, out, error));
    for (int64_t k = 0; structs->validity && k < count; k++)
        if (elements[k] >= 0 && mr_column_is_null(structs, elements[k]))
            MR_TRY(mr_column_set_null(*out, k, error));
    return MR_OK;
}

static int emit_rows(struct mr_operator *op, const struct mr_batch *batch, const struct mr_column *structs,
                     int64_t first, int64_t count, struct mr_error *error)
{
    struct generate *generate = op->ctx;
    struct mr_batch out;
    int inputs = batch->schema->field_count, status = MR_OK;
    MR_TRY(mr_batch_init(&out, op->node->output, 0, error));
    out.length = count;
    for (int c = 0; status >= 0 && c < op->node->output->field_count; c++)
        status =
            c < inputs
                ? mr_column_take(batch->columns[c], generate->rows + first, count, &out.columns[c], error)
                : take_field(structs, c - inputs, generate->elements + first, count, &out.columns[c], error);
    if (status >= 0)
        status = mr_operator_emit(op, &out, error);
    mr_batch_release(&out);
    return status;
}

static int generate_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                         struct mr_error *error)
{
    const struct mr_generate_config *config = op->node->config;
    struct generate *generate = op->ctx;
    struct mr_column *lists = NULL;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (batch->length == 0)
        return MR_OK;
    MR_TRY(mr_evaluator_run(generate->evaluator, batch, NULL, &lists, error));
    int status = reserve(generate, batch->length + lists->offsets[batch->length], error);
    if (status >= 0) {
        int64_t count = unfold(generate, lists, config->outer);
        for (int64_t at = 0; status >= 0 && at < count; at += MR_BATCH_ROWS)
            status = emit_rows(op, batch, lists->children[0], at,
                               count - at < MR_BATCH_ROWS ? count - at : MR_BATCH_ROWS, error);
    }
    mr_column_unref(lists);
    return status;
}

static void generate_close(struct mr_operator *op)
{
    struct generate *generate = op->ctx;
    if (!generate)
        return;
    mr_evaluator_close(generate->evaluator);
    mr_free(generate->rows);
    mr_free(generate->elements);
    mr_free(generate);
    op->ctx = NULL;
}

const struct mr_operator_type mr_generate_operator = {.name = "generate",
                                                      .open = generate_open,
                                                      .push = generate_push,
                                                      .close = generate_close};
