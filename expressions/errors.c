/* expressions/errors.c: errors of rows, and appending to lists. */
#include <stdio.h>

#include "expressions/kernel.h"

#define ANSI_CONFIG "\"spark.sql.ansi.enabled\""

int mr_row_error(struct mr_error *error, const char *condition, const char *format, ...)
{
    char message[sizeof error->message];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    return mr_error_set(error, MR_E_DATA, condition, "%s", message);
}

int mr_row_memory(struct mr_error *error)
{
    return mr_error_memory(error, 0);
}

int mr_row_overflow(struct mr_error *error, const char *what, const char *alternative)
{
    if (alternative)
        mr_error_set(error, MR_E_DATA, "ARITHMETIC_OVERFLOW",
                     "The result does not fit its type (%s). `%s` gives NULL instead.", what, alternative);
    else
        mr_error_set(error, MR_E_DATA, "ARITHMETIC_OVERFLOW", "The result does not fit its type (%s).", what);
    mr_error_parameter(error, "message", "%s", what);
    if (alternative)
        mr_error_parameter(error, "alternative", " Use '%s' to tolerate overflow and return NULL instead.",
                           alternative);
    else
        mr_error_parameter(error, "alternative", "%s", "");
    mr_error_parameter(error, "config", "%s", ANSI_CONFIG);
    return error->code;
}

int mr_row_divide_by_zero(struct mr_error *error)
{
    mr_error_set(error, MR_E_DATA, "DIVIDE_BY_ZERO", "The divisor is 0. `try_divide` gives NULL instead.");
    mr_error_parameter(error, "config", "%s", ANSI_CONFIG);
    return error->code;
}

static void add_type(struct mr_error *error, const char *parameter, const struct mr_type *type)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, type);
    mr_error_parameter(error, parameter, "\"%s\"", text.data);
    mr_text_release(&text);
}

static void add_types(struct mr_error *error, const struct mr_type *from, const struct mr_type *to)
{
    add_type(error, "sourceType", from);
    add_type(error, "targetType", to);
    mr_error_parameter(error, "ansiConfig", "%s", ANSI_CONFIG);
}

int mr_row_cast_invalid(struct mr_error *error, struct mr_str value, const struct mr_type *from,
                        const struct mr_type *to)
{
    struct mr_text target;
    const char *quote = mr_type_is_bytes(from) ? "'" : "";
    int size = value.size > 200 ? 200 : (int)value.size;
    mr_text_init(&target);
    mr_type_text(&target, to);
    mr_error_set(error, MR_E_DATA, "CAST_INVALID_INPUT",
                 "%s%.*s%s is no %s. Correct the value, or use `try_cast` to get NULL instead.", quote, size,
                 value.data, quote, target.data);
    mr_text_release(&target);
    mr_error_parameter(error, "expression", "%s%.*s%s", quote, size, value.data, quote);
    add_types(error, from, to);
    return error->code;
}

int mr_row_cast_overflow(struct mr_error *error, const char *value, const struct mr_type *from,
                         const struct mr_type *to)
{
    struct mr_text target;
    mr_text_init(&target);
    mr_type_text(&target, to);
    mr_error_set(error, MR_E_DATA, "CAST_OVERFLOW", "%s does not fit %s. `try_cast` gives NULL instead.",
                 value, target.data);
    mr_text_release(&target);
    mr_error_parameter(error, "value", "%s", value);
    add_types(error, from, to);
    return error->code;
}

int mr_row_decimal_overflow(struct mr_error *error, const char *value, const struct mr_type *to)
{
    mr_error_set(error, MR_E_DATA, "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
                 "%s does not fit DECIMAL(%d,%d). `try_cast` or a wider type helps.", value, to->precision,
                 to->scale);
    mr_error_parameter(error, "value", "%s", value);
    mr_error_parameter(error, "precision", "%d", to->precision);
    mr_error_parameter(error, "scale", "%d", to->scale);
    mr_error_parameter(error, "config", "%s", ANSI_CONFIG);
    return error->code;
}

/* ---- lists ---- */
static int room_for_one(struct mr_column *child, struct mr_error *error)
{
    if (child->length < child->capacity)
        return MR_OK;
    return mr_column_reserve(child, child->capacity < 32 ? 64 : child->capacity * 2, error);
}

int mr_list_append_i64(struct mr_column *child, int64_t value, struct mr_error *error)
{
    MR_TRY(room_for_one(child, error));
    int64_t row = child->length++;
    switch (mr_type_width(child->type)) {
    case 1:
        child->i8[row] = (int8_t)value;
        break;
    case 2:
        child->i16[row] = (int16_t)value;
        break;
    case 4:
        child->i32[row] = (int32_t)value;
        break;
    case 8:
        child->i64[row] = value;
        break;
    default:
        child->i128[row] = value;
        break;
    }
    return MR_OK;
}

int mr_list_append_f64(struct mr_column *child, double value, struct mr_error *error)
{
    MR_TRY(room_for_one(child, error));
    int64_t row = child->length++;
    if (child->type->id == MR_FLOAT)
        child->f32[row] = (float)value;
    else
        child->f64[row] = value;
    return MR_OK;
}

int mr_list_append_bytes(struct mr_column *child, const char *data, size_t size, struct mr_error *error)
{
    MR_TRY(room_for_one(child, error));
    MR_TRY(mr_column_set_bytes(child, child->length, data, size, error));
    child->length++;
    return MR_OK;
}
