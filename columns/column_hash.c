/* columns/column_hash.c: hashes of whole columns.
 *
 * The values are part of the on-disk format: keyed state is routed to key groups by them. They must never
 * change between versions (tests/columns pins some). */
#include <math.h>

#include "columns/column.h"

static const uint64_t null_hash = 0x9e3779b97f4a7c15ULL;
static const uint64_t list_start = 0xc2b2ae3d27d4eb4fULL;

static inline uint64_t combine(uint64_t before, uint64_t hash)
{
    return mr_hash_u64((before << 27 | before >> 37) * 5 + hash + 0x52dce729);
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    mr_u128 product = (mr_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A short string is hashed as the 16 bytes of its view. */
static inline uint64_t hash_view(const struct mr_view *view)
{
    if (view->size > MR_VIEW_INLINE)
        return mr_hash(view->data, view->size);
    uint64_t head, tail;
    memcpy(&head, view, 8);
    memcpy(&tail, (const char *)view + 8, 8);
    return mr_hash_u64(fold(head ^ 0xa0761d6478bd642fULL, tail ^ 0xe7037ed1a0b428dbULL) ^ head);
}

static inline uint64_t hash_double(double value)
{
    uint64_t bits;
    value = value == 0 ? 0 : isnan(value) ? (double)NAN : value; /* -0.0 = 0.0, and all NaN are one */
    memcpy(&bits, &value, 8);
    return mr_hash_u64(bits);
}

static inline uint64_t hash_i128(mr_i128 value)
{
    return mr_hash_u64((uint64_t)value ^ mr_hash_u64((uint64_t)((mr_u128)value >> 64)));
}

/* One loop per type, each in its four forms: with and without NULLs, fresh and mixed in. */
#define HASH_LOOP(expression)                                                                                \
    do {                                                                                                     \
        if (!column->validity && !mix)                                                                       \
            for (int64_t i = 0; i < length; i++)                                                             \
                out[i] = (expression);                                                                       \
        else if (!column->validity)                                                                          \
            for (int64_t i = 0; i < length; i++)                                                             \
                out[i] = combine(out[i], (expression));                                                      \
        else                                                                                                 \
            for (int64_t i = 0; i < length; i++) {                                                           \
                uint64_t hash = mr_column_is_null(column, i) ? null_hash : (expression);                     \
                out[i] = mix ? combine(out[i], hash) : hash;                                                 \
            }                                                                                                \
    } while (0)

static uint64_t hash_one(const struct mr_column *column, int64_t row);

/* Nested values are hashed row by row: no memory is needed, so it cannot fail. */
static uint64_t hash_nested(const struct mr_column *column, int64_t row)
{
    uint64_t hash = list_start;
    if (!column->offsets) {
        for (int i = 0; i < column->child_count; i++)
            hash = combine(hash, hash_one(column->children[i], row));
        return hash;
    }
    for (int64_t k = column->offsets[row]; k < column->offsets[row + 1]; k++) {
        uint64_t element = hash_one(column->children[0], k);
        if (column->type->id == MR_MAP) /* the order of entries does not count */
            hash += combine(element, hash_one(column->children[1], k));
        else
            hash = combine(hash, element);
    }
    return mr_hash_u64(hash);
}

static uint64_t hash_one(const struct mr_column *column, int64_t row)
{
    if (mr_column_is_null(column, row))
        return null_hash;
    switch (column->type->id) {
    case MR_BOOLEAN:
        return mr_hash_u64(column->booleans[row]);
    case MR_TINYINT:
        return mr_hash_u64((uint64_t)column->i8[row]);
    case MR_SMALLINT:
        return mr_hash_u64((uint64_t)column->i16[row]);
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        return mr_hash_u64((uint64_t)column->i32[row]);
    case MR_FLOAT:
        return hash_double((double)column->f32[row]);
    case MR_DOUBLE:
        return hash_double(column->f64[row]);
    case MR_STRING:
    case MR_BINARY:
        return hash_view(&column->views[row]);
    case MR_ARRAY:
    case MR_MAP:
    case MR_STRUCT:
        return hash_nested(column, row);
    case MR_VOID:
        return null_hash;
    default:
        return mr_type_is_long_decimal(column->type) ? hash_i128(column->i128[row])
                                                     : mr_hash_u64((uint64_t)column->i64[row]);
    }
}

#define BLOCK 256

/* A STRUCT's members column by column: hash_nested of every row, without a call for each value. */
static void hash_struct(const struct mr_column *column, uint64_t *out, bool mix)
{
    uint64_t block[BLOCK];
    for (int64_t start = 0; start < column->length; start += BLOCK) {
        int64_t count = column->length - start < BLOCK ? column->length - start : BLOCK;
        for (int64_t i = 0; i < count; i++)
            block[i] = list_start;
        for (int c = 0; c < column->child_count; c++) {
            const struct mr_column *child = column->children[c];
            bool words = mr_type_width(child->type) == 8 && child->type->id != MR_DOUBLE && !child->validity;
            for (int64_t i = 0; words && i < count; i++)
                block[i] = combine(block[i], mr_hash_u64((uint64_t)child->i64[start + i]));
            for (int64_t i = 0; !words && i < count; i++)
                block[i] = combine(block[i], hash_one(child, start + i));
        }
        for (int64_t i = 0; i < count; i++) {
            bool null = column->validity && mr_column_is_null(column, start + i);
            uint64_t hash = null ? null_hash : mr_hash_u64(block[i]);
            out[start + i] = mix ? combine(out[start + i], hash) : hash;
        }
    }
}

void mr_column_hash(const struct mr_column *column, uint64_t *out, bool mix)
{
    int64_t length = column->length;
    switch (column->type->id) {
    case MR_BOOLEAN:
        HASH_LOOP(mr_hash_u64(column->booleans[i]));
        break;
    case MR_TINYINT:
        HASH_LOOP(mr_hash_u64((uint64_t)column->i8[i]));
        break;
    case MR_SMALLINT:
        HASH_LOOP(mr_hash_u64((uint64_t)column->i16[i]));
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        HASH_LOOP(mr_hash_u64((uint64_t)column->i32[i]));
        break;
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
        HASH_LOOP(mr_hash_u64((uint64_t)column->i64[i]));
        break;
    case MR_FLOAT:
        HASH_LOOP(hash_double((double)column->f32[i]));
        break;
    case MR_DOUBLE:
        HASH_LOOP(hash_double(column->f64[i]));
        break;
    case MR_DECIMAL:
        if (mr_type_is_long_decimal(column->type))
            HASH_LOOP(hash_i128(column->i128[i]));
        else
            HASH_LOOP(mr_hash_u64((uint64_t)column->i64[i]));
        break;
    case MR_STRING:
    case MR_BINARY:
        HASH_LOOP(hash_view(&column->views[i]));
        break;
    case MR_STRUCT:
        hash_struct(column, out, mix);
        break;
    case MR_ARRAY:
    case MR_MAP:
        HASH_LOOP(hash_nested(column, i));
        break;
    default: /* VOID: every row is NULL */
        HASH_LOOP(null_hash);
    }
}
