/* expressions/compare.c: kernels of = <> < <= > >= <=>, one per type and operator. */
#include "expressions/compare.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)
#define UNUSED ((void)call, (void)error)

#define ORDER_LT(a, b) ((a) < (b))
#define ORDER_LE(a, b) ((a) <= (b))
#define ORDER_GT(a, b) ((a) > (b))
#define ORDER_GE(a, b) ((a) >= (b))
#define ORDER_EQ(a, b) ((a) == (b))
#define ORDER_NE(a, b) ((a) != (b))
/* NaN is the greatest value and equal to itself. */
#define FLOAT_LT(a, b) (((a) < (b)) | (((b) != (b)) & ((a) == (a))))
#define FLOAT_LE(a, b) (((a) <= (b)) | ((b) != (b)))
#define FLOAT_GT(a, b) FLOAT_LT(b, a)
#define FLOAT_GE(a, b) FLOAT_LE(b, a)
#define FLOAT_EQ(a, b) (((a) == (b)) | (((a) != (a)) & ((b) != (b))))
#define FLOAT_NE(a, b) (!FLOAT_EQ(a, b))

#define COMPARE(name, field, type, test)                                                                     \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        UNUSED;                                                                                              \
        const type *restrict left = arguments[0]->field, *restrict right = arguments[1]->field;              \
        uint8_t *restrict to = out->booleans;                                                                \
        MR_ROWS(i, rows, out->length, { to[i] = test(left[i], right[i]); });                                 \
        return MR_OK;                                                                                        \
    }
#define COMPARE_ALL(suffix, field, type, family)                                                             \
    COMPARE(eq_##suffix, field, type, family##_EQ)                                                           \
    COMPARE(ne_##suffix, field, type, family##_NE)                                                           \
    COMPARE(lt_##suffix, field, type, family##_LT)                                                           \
    COMPARE(le_##suffix, field, type, family##_LE)                                                           \
    COMPARE(gt_##suffix, field, type, family##_GT)                                                           \
    COMPARE(ge_##suffix, field, type, family##_GE)
COMPARE_ALL(u8, booleans, uint8_t, ORDER)
COMPARE_ALL(i8, i8, int8_t, ORDER)
COMPARE_ALL(i16, i16, int16_t, ORDER)
COMPARE_ALL(i32, i32, int32_t, ORDER)
COMPARE_ALL(i64, i64, int64_t, ORDER)
COMPARE_ALL(i128, i128, mr_i128, ORDER)
COMPARE_ALL(f32, f32, float, FLOAT)
COMPARE_ALL(f64, f64, double, FLOAT)

/* ---- text ---- */
/* Size and first four bytes at once tell most unequal strings apart. */
static inline bool view_equal(const struct mr_view *a, const struct mr_view *b)
{
    uint64_t head_a, head_b;
    memcpy(&head_a, a, 8);
    memcpy(&head_b, b, 8);
    if (head_a != head_b)
        return false;
    if (a->size <= MR_VIEW_INLINE) {
        memcpy(&head_a, (const char *)a + 8, 8);
        memcpy(&head_b, (const char *)b + 8, 8);
        return head_a == head_b;
    }
    return a->data == b->data || memcmp(a->data, b->data, a->size) == 0;
}

KERNEL(eq_view)
{
    UNUSED;
    const struct mr_view *left = arguments[0]->views, *right = arguments[1]->views;
    MR_ROWS(i, rows, out->length, { out->booleans[i] = view_equal(&left[i], &right[i]); });
    return MR_OK;
}
KERNEL(ne_view)
{
    UNUSED;
    const struct mr_view *left = arguments[0]->views, *right = arguments[1]->views;
    MR_ROWS(i, rows, out->length, { out->booleans[i] = !view_equal(&left[i], &right[i]); });
    return MR_OK;
}
#define COMPARE_VIEW(name, test)                                                                             \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        UNUSED;                                                                                              \
        const struct mr_view *left = arguments[0]->views, *right = arguments[1]->views;                      \
        MR_ROWS(i, rows, out->length, { out->booleans[i] = mr_view_compare(&left[i], &right[i]) test 0; });  \
        return MR_OK;                                                                                        \
    }
COMPARE_VIEW(lt_view, <)
COMPARE_VIEW(le_view, <=)
COMPARE_VIEW(gt_view, >)
COMPARE_VIEW(ge_view, >=)

/* ---- nested ---- */
#define COMPARE_NESTED(name, test)                                                                           \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length,                                                                        \
                { out->booleans[i] = mr_column_compare(arguments[0], i, arguments[1], i) test 0; });         \
        return MR_OK;                                                                                        \
    }
COMPARE_NESTED(eq_nested, ==)
COMPARE_NESTED(ne_nested, !=)
COMPARE_NESTED(lt_nested, <)
COMPARE_NESTED(le_nested, <=)
COMPARE_NESTED(gt_nested, >)
COMPARE_NESTED(ge_nested, >=)

KERNEL(all_null)
{
    (void)call;
    (void)arguments;
    MR_FOR_ROWS (i, rows, out->length)
        MR_TRY(mr_column_set_null(out, i, error));
    return MR_OK;
}

mr_kernel mr_compare_kernel(enum mr_comparison comparison, const struct mr_type *type)
{
#define ROW(suffix)                                                                                          \
    {                                                                                                        \
        eq_##suffix, ne_##suffix, lt_##suffix, le_##suffix, gt_##suffix, ge_##suffix                         \
    }
    static const mr_kernel kernels[][6] = {ROW(u8),   ROW(i8),  ROW(i16), ROW(i32),  ROW(i64),
                                           ROW(i128), ROW(f32), ROW(f64), ROW(view), ROW(nested)};
#undef ROW
    int row = 9;
    switch (type->id) {
    case MR_VOID:
        return all_null;
    case MR_BOOLEAN:
        row = 0;
        break;
    case MR_TINYINT:
        row = 1;
        break;
    case MR_SMALLINT:
        row = 2;
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        row = 3;
        break;
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
        row = 4;
        break;
    case MR_DECIMAL:
        row = mr_type_is_long_decimal(type) ? 5 : 4;
        break;
    case MR_FLOAT:
        row = 6;
        break;
    case MR_DOUBLE:
        row = 7;
        break;
    case MR_STRING:
    case MR_BINARY:
        row = 8;
        break;
    default:
        break;
    }
    return kernels[row][comparison];
}
