/* expressions/coercion.c: Spark's ANSI type rules: common types, decimal precision, what is cast without
 * being asked. */
#include "expressions/coercion.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}
static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* ---- decimals ---- */
const struct mr_type *mr_type_as_decimal(struct mr_arena *arena, const struct mr_type *type)
{
    switch (type->id) {
    case MR_TINYINT:
        return mr_type_decimal(arena, 3, 0);
    case MR_SMALLINT:
        return mr_type_decimal(arena, 5, 0);
    case MR_INT:
        return mr_type_decimal(arena, 10, 0);
    case MR_BIGINT:
        return mr_type_decimal(arena, 20, 0);
    case MR_FLOAT:
        return mr_type_decimal(arena, 14, 7);
    case MR_DOUBLE:
        return mr_type_decimal(arena, 30, 15);
    case MR_DECIMAL:
        return type;
    default:
        return NULL;
    }
}

const struct mr_type *mr_type_decimal_adjusted(struct mr_arena *arena, int precision, int scale)
{
    if (precision > 38) {
        int whole = precision - scale;
        scale = larger(38 - whole, smaller(scale, 6));
        precision = 38;
    }
    return mr_type_decimal(arena, precision, scale);
}

const struct mr_type *mr_type_decimal_of_literal(struct mr_arena *arena, const struct mr_expression *e)
{
    int64_t value = 0;
    if (e->kind != MR_EXPR_LITERAL || !mr_type_is_integral(e->type) || mr_column_is_null(e->literal, 0))
        return NULL;
    switch (e->type->id) {
    case MR_TINYINT:
        value = e->literal->i8[0];
        break;
    case MR_SMALLINT:
        value = e->literal->i16[0];
        break;
    case MR_INT:
        value = e->literal->i32[0];
        break;
    default:
        value = e->literal->i64[0];
        break;
    }
    int digits = 1;
    for (value /= 10; value != 0; value /= 10)
        digits++;
    return mr_type_decimal(arena, digits, 0);
}

const struct mr_type *mr_type_decimal_result(struct mr_arena *arena, char operator, const struct mr_type * a,
                                             const struct mr_type *b)
{
    int p1 = a->precision, s1 = a->scale, p2 = b->precision, s2 = b->scale, scale = larger(s1, s2);
    switch (operator) {
    case '+':
    case '-':
        return mr_type_decimal_adjusted(arena, larger(p1 - s1, p2 - s2) + scale + 1, scale);
    case '*':
        return mr_type_decimal_adjusted(arena, p1 + p2 + 1, s1 + s2);
    case '/':
        scale = larger(6, s1 + p2 + 1);
        return mr_type_decimal_adjusted(arena, p1 - s1 + s2 + scale, scale);
    default:
        return mr_type_decimal_adjusted(arena, smaller(p1 - s1, p2 - s2) + scale, scale);
    }
}

/* Whole digits are kept before digits of the fraction when both do not fit. */
static const struct mr_type *wider_decimal(struct mr_arena *arena, const struct mr_type *a,
                                           const struct mr_type *b)
{
    int scale = larger(a->scale, b->scale);
    int whole = larger(a->precision - a->scale, b->precision - b->scale);
    if (whole + scale > 38)
        scale = 38 - whole;
    return mr_type_decimal(arena, whole + scale, scale);
}

const struct mr_type *mr_type_wider_number(struct mr_arena *arena, const struct mr_type *a,
                                           const struct mr_type *b)
{
    if (!mr_type_is_numeric(a) || !mr_type_is_numeric(b))
        return NULL;
    if (a->id == MR_DECIMAL || b->id == MR_DECIMAL) {
        const struct mr_type *other = a->id == MR_DECIMAL ? b : a;
        if (other->id == MR_FLOAT || other->id == MR_DOUBLE)
            return mr_type_of(MR_DOUBLE);
        return wider_decimal(arena, mr_type_as_decimal(arena, a), mr_type_as_decimal(arena, b));
    }
    if (a->id == b->id)
        return a;
    if (a->id == MR_FLOAT || b->id == MR_FLOAT)
        return mr_type_of(MR_DOUBLE);
    return a->id > b->id ? a : b;
}

/* ---- common types ---- */
static const struct mr_type *common_with_string(const struct mr_type *other)
{
    if (mr_type_is_integral(other))
        return mr_type_of(MR_BIGINT);
    if (mr_type_is_numeric(other))
        return mr_type_of(MR_DOUBLE);
    if (other->id == MR_BOOLEAN || (other->id >= MR_BINARY && other->id <= MR_TIMESTAMP_NTZ))
        return other;
    return NULL;
}

static bool is_time(const struct mr_type *t)
{
    return t->id >= MR_DATE && t->id <= MR_TIMESTAMP_NTZ;
}
static bool is_interval(const struct mr_type *t)
{
    return t->id == MR_INTERVAL_DAY_TIME || t->id == MR_INTERVAL_YEAR_MONTH;
}

static const struct mr_type *common_nested(struct mr_arena *arena, const struct mr_type *a,
                                           const struct mr_type *b)
{
    if (a->field_count != b->field_count)
        return NULL;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, a->field_count + 1);
    if (!fields)
        return NULL;
    for (int i = 0; i < a->field_count; i++) {
        const struct mr_field *x = &a->fields[i], *y = &b->fields[i];
        if (a->id == MR_STRUCT && !mr_str_equal_nocase(mr_str_of(x->name), mr_str_of(y->name)))
            return NULL;
        fields[i] = *x;
        fields[i].type = mr_type_common(arena, x->type, y->type);
        fields[i].nullable = x->nullable || y->nullable;
        if (!fields[i].type)
            return NULL;
    }
    if (a->id == MR_ARRAY)
        return mr_type_array(arena, fields[0].type, fields[0].nullable);
    if (a->id == MR_MAP)
        return mr_type_map(arena, fields[0].type, fields[1].type, fields[1].nullable);
    return mr_type_struct(arena, fields, a->field_count);
}

const struct mr_type *mr_type_common(struct mr_arena *arena, const struct mr_type *a, const struct mr_type *b)
{
    if (a->id == MR_VOID)
        return b;
    if (b->id == MR_VOID)
        return a;
    if (mr_type_is_nested(a) || mr_type_is_nested(b))
        return a->id == b->id ? common_nested(arena, a, b) : NULL;
    if (is_interval(a) && a->id == b->id)
        return mr_type_interval(a->id == MR_INTERVAL_YEAR_MONTH,
                                smaller(mr_type_interval_first(a), mr_type_interval_first(b)),
                                larger(mr_type_interval_last(a), mr_type_interval_last(b)));
    if (mr_type_equal(a, b))
        return a;
    if (a->id == MR_STRING)
        return common_with_string(b);
    if (b->id == MR_STRING)
        return common_with_string(a);
    if (is_time(a) && is_time(b)) {
        if (a->id == MR_TIMESTAMP || b->id == MR_TIMESTAMP)
            return mr_type_of(MR_TIMESTAMP);
        return mr_type_of(MR_TIMESTAMP_NTZ); /* DATE and TIMESTAMP_NTZ */
    }
    return mr_type_wider_number(arena, a, b);
}

bool mr_types_alike(const struct mr_type *a, const struct mr_type *b)
{
    if (mr_type_equal(a, b))
        return true;
    bool decimal = (a->id == MR_DOUBLE && b->id == MR_DECIMAL) || (a->id == MR_DECIMAL && b->id == MR_DOUBLE);
    const struct mr_type *other = a->id == MR_STRING ? b : a;
    bool text =
        (a->id == MR_STRING || b->id == MR_STRING) && !mr_type_is_nested(other) && !is_interval(other);
    return decimal || text;
}

bool mr_type_is_orderable(const struct mr_type *type)
{
    if (type->id == MR_MAP)
        return false;
    for (int i = 0; i < type->field_count; i++)
        if (!mr_type_is_orderable(type->fields[i].type))
            return false;
    return true;
}

/* ---- casts nobody wrote ---- */
/* ANSI store assignment: no cast between kinds that may fail for any reason but overflow. */
bool mr_type_can_store_assign(const struct mr_type *from, const struct mr_type *to)
{
    if (from->id == MR_VOID)
        return true;
    if (from->id == to->id && !mr_type_is_nested(from))
        return true;
    if (mr_type_is_numeric(from) && mr_type_is_numeric(to))
        return true;
    if (to->id == MR_STRING && !mr_type_is_nested(from))
        return true;
    if (is_time(from) && is_time(to))
        return true;
    if (from->id != to->id || from->field_count != to->field_count)
        return false;
    for (int i = 0; i < from->field_count; i++) {
        if (from->fields[i].nullable && !to->fields[i].nullable)
            return false;
        if (!mr_type_can_store_assign(from->fields[i].type, to->fields[i].type))
            return false;
    }
    return true;
}

bool mr_resolve_castable(const struct mr_type *from, const struct mr_type *to)
{
    if (mr_type_equal(from, to))
        return true;
    if (from->id == MR_STRING && !mr_type_is_nested(to))
        return to->id != MR_VOID && !is_interval(to);
    return mr_type_can_store_assign(from, to);
}
