/* expressions/cast_text.c: casts from and to STRING and BINARY. */
#include <math.h>

#include "expressions/cast.h"
#include "expressions/interval_text.h"

#define CONVERT(name)                                                                                        \
    static int name(const struct mr_cast *cast, const struct mr_session *session,                            \
                    const struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,      \
                    struct mr_error *error)
#define UNUSED ((void)cast, (void)session, (void)error)

struct mr_str mr_cast_trim(struct mr_str text)
{
    while (text.size > 0 && ((unsigned char)text.data[0] <= ' ' || text.data[0] == 127)) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 &&
           ((unsigned char)text.data[text.size - 1] <= ' ' || text.data[text.size - 1] == 127))
        text.size--;
    return text;
}

/* ---- from text ---- */
/* Sign and digits, nothing else; without ANSI also digits behind a point, which do not count. */
static bool parse_integer(const struct mr_cast *cast, struct mr_str text, int64_t least, int64_t most,
                          int64_t *out)
{
    text = mr_cast_trim(text);
    const char *point = cast->wraps && text.size > 1 ? memchr(text.data, '.', text.size) : NULL;
    for (const char *at = point ? point + 1 : NULL; at && at < text.data + text.size; at++)
        if (*at < '0' || *at > '9')
            return false;
    if (point)
        text.size = (size_t)(point - text.data);
    bool negative = text.size > 0 && text.data[0] == '-';
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        text.data++;
        text.size--;
    }
    if (text.size == 0)
        return false;
    int64_t value = 0; /* kept negative: its range is the larger */
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, (int64_t)digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    value = negative ? value : -value;
    *out = value;
    return value >= least && value <= most;
}

#define TEXT_TO_INTEGER(name, field, type, least, most)                                                      \
    CONVERT(name)                                                                                            \
    {                                                                                                        \
        UNUSED;                                                                                              \
        MR_ROWS(i, rows, out->length, {                                                                      \
            int64_t value = 0;                                                                               \
            if (parse_integer(cast, mr_string_at(in, i), least, most, &value))                               \
                out->field[i] = (type)value;                                                                 \
            else                                                                                             \
                MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));                           \
        });                                                                                                  \
        return MR_OK;                                                                                        \
    }
TEXT_TO_INTEGER(text_to_i8, i8, int8_t, INT8_MIN, INT8_MAX)
TEXT_TO_INTEGER(text_to_i16, i16, int16_t, INT16_MIN, INT16_MAX)
TEXT_TO_INTEGER(text_to_i32, i32, int32_t, INT32_MIN, INT32_MAX)
TEXT_TO_INTEGER(text_to_i64, i64, int64_t, INT64_MIN, INT64_MAX)

static bool is_word(struct mr_str text, const char *word)
{
    return mr_str_equal_nocase(text, mr_str_of(word));
}

/* Java's parseDouble, with the words Spark adds. */
static bool parse_double(struct mr_str text, double *out)
{
    text = mr_cast_trim(text);
    struct mr_str word = text;
    double sign = 1;
    if (word.size > 0 && (word.data[0] == '-' || word.data[0] == '+')) {
        sign = word.data[0] == '-' ? -1 : 1;
        word.data++;
        word.size--;
    }
    if (is_word(word, "inf") || is_word(word, "infinity")) {
        *out = sign * INFINITY;
        return true;
    }
    if (is_word(text, "nan") || mr_str_equal(word, MR_STR("NaN"))) {
        *out = NAN;
        return true;
    }
    if (text.size > 1 && strchr("dDfF", text.data[text.size - 1]))
        text.size--;
    return mr_double_parse(text, out);
}

CONVERT(text_to_float)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        double value = 0;
        if (!parse_double(mr_string_at(in, i), &value))
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
        else if (out->type->id == MR_FLOAT)
            out->f32[i] = (float)value;
        else
            out->f64[i] = value;
    });
    return MR_OK;
}

CONVERT(text_to_decimal)
{
    UNUSED;
    int precision = cast->to->precision, scale = cast->to->scale;
    MR_ROWS(i, rows, out->length, {
        struct mr_str text = mr_cast_trim(mr_string_at(in, i));
        mr_i128 value = 0;
        bool overflow = false;
        if (mr_decimal_parse(text, precision, scale, &value, &overflow) && !overflow) {
            mr_decimal_put(out, i, value);
        } else if (overflow) {
            char copy[96];
            size_t size = text.size < sizeof copy ? text.size : sizeof copy - 1;
            memcpy(copy, text.data, size);
            copy[size] = 0;
            MR_TRY(mr_cast_decimal_overflow(cast, out, i, copy, error));
        } else {
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
        }
    });
    return MR_OK;
}

CONVERT(text_to_boolean)
{
    static const char *const words[2][5] = {{"f", "false", "n", "no", "0"}, {"t", "true", "y", "yes", "1"}};
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        struct mr_str text = mr_cast_trim(mr_string_at(in, i));
        int found = -1;
        for (int w = 0; w < 10 && found < 0; w++)
            if (is_word(text, words[w / 5][w % 5]))
                found = w / 5;
        if (found < 0)
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
        else
            out->booleans[i] = (uint8_t)found;
    });
    return MR_OK;
}

CONVERT(text_to_date)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        if (!mr_date_parse(mr_string_at(in, i), &out->i32[i]))
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
    });
    return MR_OK;
}

CONVERT(text_to_timestamp)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        struct mr_str text = mr_string_at(in, i);
        if (!mr_timestamp_parse_iso(text.data, text.size, &out->i64[i]) &&
            !mr_timestamp_parse(text, session->zone, &out->i64[i]))
            MR_TRY(mr_cast_invalid(cast, out, i, text, error));
    });
    return MR_OK;
}

CONVERT(text_to_timestamp_ntz)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        if (!mr_timestamp_ntz_parse(mr_string_at(in, i), &out->i64[i]))
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
    });
    return MR_OK;
}

CONVERT(text_to_interval)
{
    UNUSED;
    bool months = cast->to->id == MR_INTERVAL_YEAR_MONTH;
    MR_ROWS(i, rows, out->length, {
        int64_t value = 0;
        if (!mr_interval_parse(mr_string_at(in, i), cast->to, &value))
            MR_TRY(mr_cast_invalid(cast, out, i, mr_string_at(in, i), error));
        else if (months)
            out->i32[i] = (int32_t)value;
        else
            out->i64[i] = value;
    });
    return MR_OK;
}

/* ---- to text ---- */
CONVERT(bytes_to_bytes)
{
    UNUSED;
    MR_TRY(mr_column_keep_all_of(out, in, error));
    MR_ROWS(i, rows, out->length, { out->views[i] = in->views[i]; });
    return MR_OK;
}

CONVERT(integer_to_text)
{
    UNUSED;
    MR_ROWS(i, rows, out->length, {
        char text[24];
        size_t size = mr_i64_text(mr_integer_at(in, i), text);
        if (size <= MR_VIEW_INLINE)
            out->views[i] = mr_view_of(text, (uint32_t)size);
        else
            MR_TRY(mr_column_set_bytes(out, i, text, size, error));
    });
    return MR_OK;
}

CONVERT(any_to_text)
{
    UNUSED;
    int status = MR_OK;
    struct mr_text text;
    mr_text_init(&text);
    MR_FOR_ROWS (i, rows, out->length) {
        mr_text_clear(&text);
        mr_value_text(&text, in, i, session->zone);
        if (text.failed)
            MR_ERR(mr_error_memory(error, text.size));
        MR_ERR(mr_column_set_bytes(out, i, text.data, text.size, error));
    }
err:
    mr_text_release(&text);
    return status;
}

mr_cast_convert mr_cast_choose_text(const struct mr_type *from, const struct mr_type *to, bool *total)
{
    *total = false;
    if (to->id == MR_BINARY)
        return mr_type_is_bytes(from) ? bytes_to_bytes : NULL;
    if (to->id == MR_STRING) {
        if (mr_type_is_bytes(from))
            return bytes_to_bytes;
        return mr_type_is_integral(from) ? integer_to_text : any_to_text;
    }
    if (from->id != MR_STRING)
        return NULL;
    switch (to->id) {
    case MR_BOOLEAN:
        return text_to_boolean;
    case MR_TINYINT:
        return text_to_i8;
    case MR_SMALLINT:
        return text_to_i16;
    case MR_INT:
        return text_to_i32;
    case MR_BIGINT:
        return text_to_i64;
    case MR_FLOAT:
    case MR_DOUBLE:
        return text_to_float;
    case MR_DECIMAL:
        return text_to_decimal;
    case MR_DATE:
        return text_to_date;
    case MR_TIMESTAMP:
        return text_to_timestamp;
    case MR_TIMESTAMP_NTZ:
        return text_to_timestamp_ntz;
    case MR_INTERVAL_DAY_TIME:
    case MR_INTERVAL_YEAR_MONTH:
        return text_to_interval;
    default:
        return NULL;
    }
}
