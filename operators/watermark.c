/* operators/watermark.c: watches event times go by. The runtime turns what all instances saw into the query's
 * watermark. */
#include "operators/common.h"

static void observe(struct mr_event_time *seen, const struct mr_column *times,
                    const struct mr_column *validity)
{
    int64_t min = seen->min_us, max = seen->max_us, count = 0;
    double sum = 0;
    for (int64_t i = 0; i < times->length; i++) {
        /* A NULL counts as 1970: Spark reads the long behind it without a look at the null bit. */
        int64_t time = mr_column_is_null(validity, i) || mr_column_is_null(times, i) ? 0 : times->i64[i];
        min = time < min || (seen->count + count == 0) ? time : min;
        max = time > max || (seen->count + count == 0) ? time : max;
        sum += (double)time;
        count++;
    }
    seen->min_us = min;
    seen->max_us = max;
    seen->count += count;
    seen->sum_us += sum;
}

static int watermark_push(struct mr_operator *op, int input, const struct mr_batch *batch,
                          struct mr_error *error)
{
    const struct mr_watermark_config *config = op->node->config;
    const struct mr_column *times = batch->columns[config->column], *outer = times;
    (void)input;
    op->metrics.rows_in += batch->length;
    if (times->type->id == MR_STRUCT) {
        int end = mr_type_field(times->type, MR_STR("end"), false, NULL);
        times = times->children[end < 0 ? times->child_count - 1 : end];
    }
    observe(&op->metrics.event_time, times, outer);
    return mr_operator_emit(op, batch, error);
}

const struct mr_operator_type mr_watermark_operator = {.name = "eventTimeWatermark", .push = watermark_push};
