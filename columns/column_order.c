/* columns/column_order.c: Spark's ordering and equality of values. */
#include <math.h>

#include "columns/column.h"

bool mr_view_equal(const struct mr_view *a, const struct mr_view *b)
{
    uint64_t head[2], tail[2];
    memcpy(&head[0], a, 8);
    memcpy(&head[1], b, 8);
    if (head[0] != head[1]) /* sizes and first four bytes */
        return false;
    if (a->size > MR_VIEW_INLINE)
        return memcmp(a->data + 4, b->data + 4, a->size - 4) == 0;
    memcpy(&tail[0], (const char *)a + 8, 8);
    memcpy(&tail[1], (const char *)b + 8, 8);
    return tail[0] == tail[1];
}

int mr_view_compare(const struct mr_view *a, const struct mr_view *b)
{
    uint32_t left, right;
    memcpy(&left, a->prefix, 4);
    memcpy(&right, b->prefix, 4);
    if (left != right) /* bytes beyond a short string are zero, so a shorter one comes first here too */
        return __builtin_bswap32(left) < __builtin_bswap32(right) ? -1 : 1;
    return mr_str_compare(mr_view_str(a), mr_view_str(b));
}

static inline int three_way(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_doubles(double a, double b)
{
    if (a < b)
        return -1;
    if (a > b)
        return 1;
    return a == b ? 0 : (int)!!isnan(a) - (int)!!isnan(b);
}

static int compare_nullable(const struct mr_column *a, int64_t row_a, const struct mr_column *b,
                            int64_t row_b)
{
    bool null_a = mr_column_is_null(a, row_a), null_b = mr_column_is_null(b, row_b);
    if (null_a || null_b)
        return (int)null_b - (int)null_a;
    return mr_column_compare(a, row_a, b, row_b);
}

static int compare_arrays(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b)
{
    int64_t at_a = a->offsets[row_a], at_b = b->offsets[row_b];
    int64_t size_a = a->offsets[row_a + 1] - at_a, size_b = b->offsets[row_b + 1] - at_b;
    int64_t common = size_a < size_b ? size_a : size_b;
    for (int64_t i = 0; i < common; i++) {
        int order = compare_nullable(a->children[0], at_a + i, b->children[0], at_b + i);
        if (order != 0)
            return order;
    }
    return three_way(size_a, size_b);
}

int mr_column_compare(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b)
{
    switch (a->type->id) {
    case MR_BOOLEAN:
        return three_way(a->booleans[row_a], b->booleans[row_b]);
    case MR_TINYINT:
        return three_way(a->i8[row_a], b->i8[row_b]);
    case MR_SMALLINT:
        return three_way(a->i16[row_a], b->i16[row_b]);
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        return three_way(a->i32[row_a], b->i32[row_b]);
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
        return three_way(a->i64[row_a], b->i64[row_b]);
    case MR_FLOAT:
        return compare_doubles((double)a->f32[row_a], (double)b->f32[row_b]);
    case MR_DOUBLE:
        return compare_doubles(a->f64[row_a], b->f64[row_b]);
    case MR_DECIMAL:
        if (!mr_type_is_long_decimal(a->type))
            return three_way(a->i64[row_a], b->i64[row_b]);
        return a->i128[row_a] < b->i128[row_b] ? -1 : a->i128[row_a] > b->i128[row_b];
    case MR_STRING:
    case MR_BINARY:
        return mr_view_compare(&a->views[row_a], &b->views[row_b]);
    case MR_ARRAY:
        return compare_arrays(a, row_a, b, row_b);
    case MR_STRUCT:
        for (int i = 0; i < a->child_count; i++) {
            int order = compare_nullable(a->children[i], row_a, b->children[i], row_b);
            if (order != 0)
                return order;
        }
        return 0;
    default: /* VOID has no values; MAP is not ordered, and analysis lets no query ask */
        return 0;
    }
}

/* Maps are small; keys within one are distinct, so every entry must have its like on the other side. */
static bool same_maps(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b)
{
    int64_t start_a = a->offsets[row_a], stop_a = a->offsets[row_a + 1];
    int64_t start_b = b->offsets[row_b], stop_b = b->offsets[row_b + 1];
    if (stop_a - start_a != stop_b - start_b)
        return false;
    for (int64_t i = start_a; i < stop_a; i++) {
        bool found = false;
        for (int64_t k = start_b; k < stop_b && !found; k++)
            found = mr_column_same(a->children[0], i, b->children[0], k) &&
                    mr_column_same(a->children[1], i, b->children[1], k);
        if (!found)
            return false;
    }
    return true;
}

static bool same_arrays(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b)
{
    int64_t at_a = a->offsets[row_a], at_b = b->offsets[row_b], size = a->offsets[row_a + 1] - at_a;
    if (size != b->offsets[row_b + 1] - at_b)
        return false;
    for (int64_t i = 0; i < size; i++)
        if (!mr_column_same(a->children[0], at_a + i, b->children[0], at_b + i))
            return false;
    return true;
}

bool mr_column_same(const struct mr_column *a, int64_t row_a, const struct mr_column *b, int64_t row_b)
{
    bool null_a = mr_column_is_null(a, row_a), null_b = mr_column_is_null(b, row_b);
    if (null_a || null_b)
        return null_a && null_b;
    switch (a->type->id) {
    case MR_STRING:
    case MR_BINARY:
        return mr_view_equal(&a->views[row_a], &b->views[row_b]);
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        return a->i64[row_a] == b->i64[row_b];
    case MR_MAP:
        return same_maps(a, row_a, b, row_b);
    case MR_ARRAY:
        return same_arrays(a, row_a, b, row_b);
    case MR_STRUCT:
        for (int i = 0; i < a->child_count; i++)
            if (!mr_column_same(a->children[i], row_a, b->children[i], row_b))
                return false;
        return true;
    default:
        return mr_column_compare(a, row_a, b, row_b) == 0;
    }
}
