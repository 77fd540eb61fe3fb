/* operators/common.h: what the operators of this folder share. */
#ifndef MR_OPERATORS_COMMON_H
#define MR_OPERATORS_COMMON_H

#include "operators/operator.h"

/* ctx of at least size bytes, zeroed, in op->ctx; freed by close with mr_free. */
static inline int mr_operator_context(struct mr_operator *op, size_t size_bytes, struct mr_error *error)
{
    op->ctx = mr_allocate_zeroed(size_bytes);
    return op->ctx ? MR_OK : mr_error_memory(error, size_bytes);
}
static inline int mr_operator_emit(struct mr_operator *op, const struct mr_batch *batch,
                                   struct mr_error *error)
{
    if (batch->length == 0)
        return MR_OK;
    op->metrics.rows_out += batch->length;
    return op->emit(op, batch, error);
}
static inline const struct mr_type *mr_operator_input(const struct mr_operator *op, int input)
{
    return op->node->inputs[input]->output;
}

/* The column of a group's event times: a TIMESTAMP itself, or the `end` of a window. */
static inline const struct mr_column *mr_event_times(const struct mr_column *group)
{
    if (group->type->id != MR_STRUCT)
        return group;
    int end = mr_type_field(group->type, MR_STR("end"), true, NULL);
    return group->children[end < 0 ? group->child_count - 1 : end];
}
/* One of them; INT64_MAX when the group column or its end is NULL. */
static inline int64_t mr_event_time_of(const struct mr_column *group, const struct mr_column *times,
                                       int64_t row)
{
    return mr_column_is_null(group, row) || mr_column_is_null(times, row) ? INT64_MAX : times->i64[row];
}
/* Numbers of the rows whose event time, in this column, is past the watermark of late rows, into rows (room
 * for the batch); the others are counted as dropped. column -1: none is late. */
static inline int64_t mr_operator_drop_late(struct mr_operator *op, const struct mr_batch *batch, int column,
                                            int32_t *rows)
{
    bool can_be_late = column >= 0 && op->late_us != MR_NO_WATERMARK;
    const struct mr_column *group = can_be_late ? batch->columns[column] : NULL;
    const struct mr_column *times = can_be_late ? mr_event_times(group) : NULL;
    int64_t kept = 0;
    for (int64_t row = 0; row < batch->length; row++) {
        rows[kept] = (int32_t)row;
        kept += !can_be_late || mr_event_time_of(group, times, row) > op->late_us;
    }
    op->metrics.rows_dropped_by_watermark += batch->length - kept;
    return kept;
}

#endif
