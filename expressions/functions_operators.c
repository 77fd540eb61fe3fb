/* expressions/functions_operators.c: + - * / % div, their try_ forms, unary minus, and bits: which kernel for
 * which operands. */
#include <math.h>

#include "expressions/arithmetic.h"
#include "expressions/registry.h"

#define KERNEL(name)                                                                                         \
    static int name(struct mr_call *call, struct mr_column *const *arguments,                                \
                    const struct mr_selection *rows, struct mr_column *out, struct mr_error *error)

static const char numeric_or_interval[] =
    "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")";
static const char numeric[] = "\"NUMERIC\"";
static const char integral[] = "\"INTEGRAL\"";

/* Operands that coercion brings to one type, and the operator does not take it; or it brings them to none.
 * sides: as written. */
static int refuse_operands(struct mr_resolve *r, const struct mr_type *const sides[2], const char *required,
                           struct mr_error *error)
{
    if (mr_types_alike(sides[0], sides[1]))
        return mr_resolve_binary_wrong_type(r, required, error);
    return mr_resolve_binary_diff_types(r, error);
}

/* STRING beside a number becomes BIGINT or DOUBLE; NULL becomes what the other is. false: not both numbers
 * then. */
static int coerce_to_numbers(struct mr_resolve *r, const struct mr_type *alone, bool try_it, bool *numbers,
                             struct mr_error *error)
{
    struct mr_expression_builder *b = r->builder;
    /* NULL / x is a DOUBLE, x / NULL need not be. */
    if (*r->function->name == '/' && r->arguments[0]->type->id == MR_VOID &&
        r->arguments[1]->type->id != MR_STRING)
        MR_TRY(mr_resolve_force(r, 0, alone, error));
    for (int i = 0; i < 2; i++) {
        const struct mr_type *own = r->arguments[i]->type, *other = r->arguments[1 - i]->type;
        if (own->id == MR_VOID && other->id == MR_VOID)
            MR_TRY(mr_resolve_force(r, i, alone, error));
        else if (own->id == MR_VOID && mr_type_is_numeric(other))
            MR_TRY(mr_resolve_force(r, i, other, error));
        else if (own->id == MR_STRING && mr_type_is_integral(other) && b->session->ansi)
            MR_TRY(mr_cast_build(b, r->arguments[i], mr_type_of(MR_BIGINT), try_it, true, &r->arguments[i],
                                 error));
        else if (own->id == MR_STRING && mr_type_is_numeric(other))
            MR_TRY(mr_cast_build(b, r->arguments[i], mr_type_of(MR_DOUBLE), try_it, true, &r->arguments[i],
                                 error));
    }
    *numbers = mr_type_is_numeric(r->arguments[0]->type) && mr_type_is_numeric(r->arguments[1]->type);
    return MR_OK;
}

/* A DECIMAL beside an integral: that becomes a DECIMAL too, as small as a literal allows. Beside a float both
 * become DOUBLE. */
static int coerce_decimals(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    for (int i = 0; i < 2; i++) {
        const struct mr_type *own = r->arguments[i]->type, *other = r->arguments[1 - i]->type;
        if (own->id == MR_DECIMAL || other->id != MR_DECIMAL)
            continue;
        if (mr_type_is_integral(own)) {
            const struct mr_type *exact = mr_type_decimal_of_literal(arena, r->arguments[i]);
            return mr_resolve_force(r, i, exact ? exact : mr_type_as_decimal(arena, own), error);
        }
        MR_TRY(mr_resolve_force(r, i, mr_type_of(MR_DOUBLE), error));
        return mr_resolve_force(r, 1 - i, mr_type_of(MR_DOUBLE), error);
    }
    return MR_OK;
}

static int bind_numbers(struct mr_resolve *r, struct mr_arithmetic *a, struct mr_error *error)
{
    struct mr_arena *arena = r->builder->arena;
    const struct mr_type *left = r->arguments[0]->type, *right = r->arguments[1]->type;
    if (left->id == MR_DECIMAL && right->id == MR_DECIMAL) {
        r->type = a->operator== 'd' ? mr_type_of(MR_BIGINT)
                                    : mr_type_decimal_result(arena, a->operator, left, right);
        a->kernel.kernel = mr_arithmetic_decimal_kernel(a->operator);
        a->kernel.flags = MR_FN_NULL_IF_ANY;
        if (a->operator== '+' || a->operator== '-')
            a->kernel.flags |= MR_FN_SPECULATIVE;
        return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
    }
    const struct mr_type *common = mr_type_wider_number(arena, left, right);
    if (a->operator== '/')
        common = mr_type_of(MR_DOUBLE);
    if (a->operator== 'd')
        common = mr_type_is_integral(common) ? mr_type_of(MR_BIGINT) : NULL;
    if (!common)
        return mr_resolve_binary_diff_types(r, error);
    MR_TRY(mr_resolve_force(r, 0, common, error));
    MR_TRY(mr_resolve_force(r, 1, common, error));
    r->type = common;
    a->kernel.kernel = mr_arithmetic_kernel(a->operator, common->id);
    a->kernel.flags = MR_FN_NULL_IF_ANY;
    /* Divisions by what stands in NULL rows are not worth trying. */
    if (a->operator== '+' || a->operator== '-' || a->operator== '*')
        a->kernel.flags |= MR_FN_SPECULATIVE;
    return MR_OK;
}

static bool has_float(const struct mr_resolve *r)
{
    enum mr_type_id a = r->arguments[0]->type->id, b = r->arguments[1]->type->id;
    return a == MR_FLOAT || a == MR_DOUBLE || b == MR_FLOAT || b == MR_DOUBLE;
}

static int resolve_unary(struct mr_resolve *r, struct mr_error *error);

static int resolve_arithmetic(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_arithmetic_kind *kind = r->function->data;
    struct mr_arithmetic *a = MR_ARENA_NEW(r->builder->arena, struct mr_arithmetic);
    bool done = false, numbers = false;
    if (!a)
        return mr_error_memory(error, sizeof *a);
    if (r->count == 1)
        return resolve_unary(r, error);
    const struct mr_type *const sides[2] = {r->arguments[0]->type, r->arguments[1]->type};
    a->operator= kind->operator;
    a->wraps = !kind->try_it && !r->builder->session->ansi;
    a->try_it = kind->try_it || a->wraps;
    r->bound = a;
    MR_TRY(mr_resolve_time_arithmetic(r, a, &done, error));
    if (!done) {
        bool plus = a->operator== '+' || a->operator== '-';
        const char *required = plus || a->operator== '*' ? numeric_or_interval : numeric;
        MR_TRY(coerce_to_numbers(r, mr_type_of(a->operator== 'd' ? MR_BIGINT : MR_DOUBLE), a->try_it,
                                 &numbers, error));
        if (!numbers || (a->operator== 'd' && has_float(r)))
            return refuse_operands(r, sides, required, error);
        MR_TRY(coerce_decimals(r, error));
        MR_TRY(bind_numbers(r, a, error));
    }
    bool divides = strchr("/%dp", a->operator) != NULL;
    r->nullable =
        r->arguments[0]->nullable || r->arguments[1]->nullable || a->try_it || (divides && a->try_it);
    if (a->try_it && a->kernel.kernel)
        a->kernel.flags &= ~(uint32_t)MR_FN_SPECULATIVE; /* it marks NULLs, on rows that count only */
    return MR_OK;
}

/* ---- unary minus and plus, abs ---- */
#define NEGATE(name, field, type)                                                                            \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        MR_ROWS(i, rows, out->length, {                                                                      \
            type value;                                                                                      \
            if (__builtin_sub_overflow((type)0, arguments[0]->field[i], &value))                             \
                return mr_row_overflow(error, "overflow", NULL);                                             \
            out->field[i] = value;                                                                           \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
NEGATE(negate_i8, i8, int8_t)
NEGATE(negate_i16, i16, int16_t)
NEGATE(negate_i32, i32, int32_t)
NEGATE(negate_i64, i64, int64_t)
#define NEGATE_PLAIN(name, field)                                                                            \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        MR_ROWS(i, rows, out->length, { out->field[i] = -arguments[0]->field[i]; });                         \
        return MR_OK;                                                                                        \
    }
NEGATE_PLAIN(negate_f32, f32)
NEGATE_PLAIN(negate_f64, f64)
NEGATE_PLAIN(negate_i128, i128)

#define ABSOLUTE(name, field, type)                                                                          \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        MR_ROWS(i, rows, out->length, {                                                                      \
            type value = arguments[0]->field[i];                                                             \
            if (value < 0 && __builtin_sub_overflow((type)0, value, &value))                                 \
                return mr_row_overflow(error, "overflow", NULL);                                             \
            out->field[i] = value;                                                                           \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
ABSOLUTE(absolute_i8, i8, int8_t)
ABSOLUTE(absolute_i16, i16, int16_t)
ABSOLUTE(absolute_i32, i32, int32_t)
ABSOLUTE(absolute_i64, i64, int64_t)
ABSOLUTE(absolute_i128, i128, mr_i128)
#define ABSOLUTE_FLOAT(name, field, function)                                                                \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        MR_ROWS(i, rows, out->length, { out->field[i] = function(arguments[0]->field[i]); });                \
        return MR_OK;                                                                                        \
    }
ABSOLUTE_FLOAT(absolute_f32, f32, fabsf)
ABSOLUTE_FLOAT(absolute_f64, f64, fabs)

KERNEL(same_value)
{
    (void)rows;
    (void)out;
    (void)error;
    call->result = mr_column_ref(arguments[0]);
    return MR_OK;
}

static mr_kernel by_width(const struct mr_type *type, const mr_kernel kernels[7])
{
    if (type->id == MR_FLOAT)
        return kernels[5];
    if (type->id == MR_DOUBLE)
        return kernels[6];
    switch (mr_type_width(type)) {
    case 1:
        return kernels[0];
    case 2:
        return kernels[1];
    case 4:
        return kernels[2];
    case 8:
        return kernels[3];
    default:
        return kernels[4];
    }
}

static int bind_unary(struct mr_resolve *r, mr_kernel kernel, struct mr_error *error)
{
    struct mr_arithmetic *a = MR_ARENA_NEW(r->builder->arena, struct mr_arithmetic);
    if (!a)
        return mr_error_memory(error, sizeof *a);
    a->kernel.kernel = kernel;
    a->kernel.flags = MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE;
    r->bound = a;
    r->type = r->arguments[0]->type;
    return MR_OK;
}

static int number_or_interval(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id == MR_VOID || type->id == MR_STRING)
        return mr_resolve_force(r, 0, mr_type_of(MR_DOUBLE), error);
    if (mr_type_is_numeric(type) || type->id == MR_INTERVAL_DAY_TIME || type->id == MR_INTERVAL_YEAR_MONTH)
        return MR_OK;
    return mr_resolve_unexpected_type(r, 0, numeric_or_interval, error);
}

static int resolve_unary(struct mr_resolve *r, struct mr_error *error)
{
    static const mr_kernel negate[] = {negate_i8,   negate_i16, negate_i32, negate_i64,
                                       negate_i128, negate_f32, negate_f64};
    MR_TRY(number_or_interval(r, error));
    bool minus = *r->name == '-' || *r->name == 'n';
    return bind_unary(r, minus ? by_width(r->arguments[0]->type, negate) : same_value, error);
}

static int resolve_abs(struct mr_resolve *r, struct mr_error *error)
{
    static const mr_kernel absolute[] = {absolute_i8,   absolute_i16, absolute_i32, absolute_i64,
                                         absolute_i128, absolute_f32, absolute_f64};
    MR_TRY(number_or_interval(r, error));
    return bind_unary(r, by_width(r->arguments[0]->type, absolute), error);
}

/* ---- bits ---- */
#define BITS(name, field, operator)                                                                          \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        MR_ROWS(i, rows, out->length,                                                                        \
                { out->field[i] = arguments[0]->field[i] operator arguments[1]->field[i]; });                \
        return MR_OK;                                                                                        \
    }
#define BITS_ALL(name, operator)                                                                             \
    BITS(name##_i8, i8, operator)                                                                            \
    BITS(name##_i16, i16, operator) BITS(name##_i32, i32, operator) BITS(name##_i64, i64, operator)
BITS_ALL(bit_and, &)
BITS_ALL(bit_or, |)
BITS_ALL(bit_xor, ^)
#define COMPLEMENT(name, field)                                                                              \
    KERNEL(name)                                                                                             \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)error;                                                                                         \
        MR_ROWS(i, rows, out->length, { out->field[i] = ~arguments[0]->field[i]; });                         \
        return MR_OK;                                                                                        \
    }
COMPLEMENT(complement_i8, i8)
COMPLEMENT(complement_i16, i16)
COMPLEMENT(complement_i32, i32)
COMPLEMENT(complement_i64, i64)

static int resolve_bits(struct mr_resolve *r, struct mr_error *error)
{
    static const mr_kernel kernels[3][7] = {
        {bit_and_i8, bit_and_i16, bit_and_i32, bit_and_i64},
        {bit_or_i8, bit_or_i16, bit_or_i32, bit_or_i64},
        {bit_xor_i8, bit_xor_i16, bit_xor_i32, bit_xor_i64},
    };
    bool numbers = false;
    const struct mr_type *const sides[2] = {r->arguments[0]->type, r->arguments[1]->type};
    MR_TRY(coerce_to_numbers(r, mr_type_of(MR_INT), false, &numbers, error));
    if (!mr_type_is_integral(r->arguments[0]->type) || !mr_type_is_integral(r->arguments[1]->type))
        return refuse_operands(r, sides, integral, error);
    MR_TRY(mr_resolve_common(r, 0, 1, &r->type, error));
    int which = *r->name == '&' ? 0 : *r->name == '|' ? 1 : 2;
    return bind_unary(r, by_width(r->type, kernels[which]), error);
}

static int resolve_complement(struct mr_resolve *r, struct mr_error *error)
{
    static const mr_kernel complement[7] = {complement_i8, complement_i16, complement_i32, complement_i64};
    MR_TRY(mr_resolve_signature(r, "I>1", error));
    return bind_unary(r, by_width(r->type, complement), error);
}

/* Java's shifts: the count is taken modulo the width. */
KERNEL(shift)
{
    char which = *(const char *)call->expression->function->data; /* < left, > right, u unsigned right */
    (void)error;
    const int32_t *by = arguments[1]->i32;
    if (out->type->id == MR_INT) {
        const int32_t *value = arguments[0]->i32;
        MR_ROWS(i, rows, out->length, {
            int count = by[i] & 31;
            uint32_t bits = (uint32_t)value[i];
            out->i32[i] = which == '<'   ? (int32_t)(bits << count)
                          : which == '>' ? value[i] >> count
                                         : (int32_t)(bits >> count);
        });
        return MR_OK;
    }
    const int64_t *value = arguments[0]->i64;
    MR_ROWS(i, rows, out->length, {
        int count = by[i] & 63;
        uint64_t bits = (uint64_t)value[i];
        out->i64[i] = which == '<'   ? (int64_t)(bits << count)
                      : which == '>' ? value[i] >> count
                                     : (int64_t)(bits >> count);
    });
    return MR_OK;
}

static int resolve_shift(struct mr_resolve *r, struct mr_error *error)
{
    bool is_long = r->arguments[0]->type->id == MR_BIGINT;
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(is_long ? MR_BIGINT : MR_INT), error));
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    return mr_resolve_fixed(r, r->arguments[0]->type);
}

KERNEL(bit_count)
{
    (void)call;
    (void)error;
    MR_ROWS(i, rows, out->length,
            { out->i32[i] = __builtin_popcountll((unsigned long long)mr_integer_at(arguments[0], i)); });
    return MR_OK;
}

static int resolve_bit_count(struct mr_resolve *r, struct mr_error *error)
{
    if (r->arguments[0]->type->id == MR_BOOLEAN)
        return mr_resolve_fixed(r, mr_type_of(MR_INT));
    return mr_resolve_signature(r, "I>i", error);
}

KERNEL(get_bit)
{
    (void)call;
    int width = (int)mr_type_width(arguments[0]->type) * 8;
    MR_ROWS(i, rows, out->length, {
        int position = arguments[1]->i32[i];
        if (position < 0 || position >= width) {
            mr_row_error(error, "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE",
                         "Bit %d is asked for; there are bits 0 to %d.", position, width - 1);
            mr_error_parameter(error, "functionName", "`getbit`");
            mr_error_parameter(error, "parameter", "`pos`");
            mr_error_parameter(error, "upper", "%d", width);
            mr_error_parameter(error, "invalidValue", "%d", position);
            return error->code;
        }
        out->i8[i] = (int8_t)((mr_integer_at(arguments[0], i) >> position) & 1);
    });
    return MR_OK;
}

static int resolve_get_bit(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_signature(r, "Ii>i", error));
    return mr_resolve_fixed(r, mr_type_of(MR_TINYINT));
}

#define KIND(operator, try_it)                                                                               \
    .resolve = resolve_arithmetic, .data = &(const struct mr_arithmetic_kind)                                \
    {                                                                                                        \
        operator, try_it                                                                                     \
    }
#define PLAIN (MR_FN_NULL_IF_ANY | MR_FN_SPECULATIVE)
const struct mr_function mr_functions_operators[] = {
    {"+", 1, 2, 0, KIND('+', false)},
    {"-", 1, 2, 0, KIND('-', false)},
    {"*", 2, 2, 0, KIND('*', false)},
    {"/", 2, 2, 0, KIND('/', false)},
    {"%", 2, 2, 0, KIND('%', false)},
    {"mod", 2, 2, 0, KIND('%', false)},
    {"div", 2, 2, 0, KIND('d', false)},
    {"pmod", 2, 2, 0, KIND('p', false)},
    {"try_add", 2, 2, 0, KIND('+', true)},
    {"try_subtract", 2, 2, 0, KIND('-', true)},
    {"try_multiply", 2, 2, 0, KIND('*', true)},
    {"try_divide", 2, 2, 0, KIND('/', true)},
    {"try_mod", 2, 2, 0, KIND('%', true)},
    {"negative", 1, 1, 0, .resolve = resolve_unary},
    {"positive", 1, 1, 0, .resolve = resolve_unary, .shown = "+"},
    {"abs", 1, 1, 0, .resolve = resolve_abs},
    {"&", 2, 2, 0, .resolve = resolve_bits},
    {"|", 2, 2, 0, .resolve = resolve_bits},
    {"^", 2, 2, 0, .resolve = resolve_bits},
    {"~", 1, 1, 0, .resolve = resolve_complement},
    {"<<", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = "<"},
    {">>", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = ">"},
    {">>>", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = "u"},
    {"shiftleft", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = "<"},
    {"shiftright", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = ">"},
    {"shiftrightunsigned", 2, 2, PLAIN, .resolve = resolve_shift, .kernel = shift, .data = "u"},
    {"bit_count", 1, 1, PLAIN, .resolve = resolve_bit_count, .kernel = bit_count},
    {"getbit", 2, 2, MR_FN_NULL_IF_ANY, .resolve = resolve_get_bit, .kernel = get_bit},
    {"bit_get", 2, 2, MR_FN_NULL_IF_ANY, .resolve = resolve_get_bit, .kernel = get_bit},
    {0},
};
