/* expressions/csv_value.c: text to values, by Java's rules where Spark uses Java's parsers. */
#include "base/number.h"
#include "expressions/csv.h"

static struct mr_str trim(struct mr_str text)
{
    while (text.size > 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

/* Sign and decimal digits, nothing else. */
static bool parse_integer(struct mr_str text, int64_t *out)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    bool negative = i == 1 && text.data[0] == '-';
    uint64_t value = 0;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* digits [. digits] [e digits], with at least one digit before the exponent; a sign before. */
static bool is_number(struct mr_str text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'), digits = 0;
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        digits++;
    if (i < text.size && text.data[i] == '.')
        for (i++; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return false;
    if (i < text.size && (text.data[i] | 32) == 'e') {
        i += 1 + (i + 1 < text.size && (text.data[i + 1] == '-' || text.data[i + 1] == '+'));
        size_t from = i;
        while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9')
            i++;
        if (i == from)
            return false;
    }
    return i == text.size;
}

/* "+.5" and "5." are not what everybody reads: the plainest form of the same number. */
static struct mr_str plain_form(struct mr_str text, char *buffer, size_t room)
{
    struct mr_str out = text;
    if (out.data[0] == '+') {
        out.data++;
        out.size--;
    }
    const char *point = memchr(out.data, '.', out.size);
    size_t sign = out.data[0] == '-';
    bool bare =
        point && (point == out.data + sign || point + 1 == out.data + out.size || (point[1] | 32) == 'e');
    if (!bare || out.size + 2 > room)
        return out;
    size_t before = (size_t)(point - out.data), size = 0;
    memcpy(buffer, out.data, before);
    size = before;
    if (before == sign)
        buffer[size++] = '0';
    if (!(point + 1 == out.data + out.size || (point[1] | 32) == 'e'))
        buffer[size++] = '.';
    size_t rest = out.size - before - 1;
    memcpy(buffer + size, point + 1, rest);
    return (struct mr_str){buffer, size + rest};
}

static bool parse_double(struct mr_str text, double *out)
{
    char buffer[128];
    text = trim(text);
    if (text.size == 0)
        return false;
    struct mr_str word = text;
    bool negative = word.data[0] == '-';
    if (negative || word.data[0] == '+') {
        word.data++;
        word.size--;
    }
    if (mr_str_equal(word, MR_STR("NaN")) || mr_str_equal(word, MR_STR("Infinity"))) {
        *out = word.data[0] == 'N' ? __builtin_nan("") : negative ? -__builtin_inf() : __builtin_inf();
        return true;
    }
    char last = (char)(text.data[text.size - 1] | 32);
    if (last == 'd' || last == 'f') /* Java's suffixes of literals */
        text.size--;
    if (!is_number(text))
        return false;
    text = plain_form(text, buffer, sizeof buffer);
    return mr_number_parse_double(text.data, text.size, out) == text.size;
}

static int put_float(const struct mr_csv_options *o, struct mr_column *column, int64_t row,
                     struct mr_str text)
{
    double value;
    if (mr_str_equal(text, o->nan_value))
        value = __builtin_nan("");
    else if (mr_str_equal(text, o->positive_infinity))
        value = __builtin_inf();
    else if (mr_str_equal(text, o->negative_infinity))
        value = -__builtin_inf();
    else if (!parse_double(text, &value))
        return MR_END;
    if (column->type->id == MR_DOUBLE) {
        column->f64[row] = value;
        return MR_OK;
    }
    char buffer[128];
    struct mr_str number = trim(text);
    column->f32[row] = (float)value;
    if (number.size > 0 && is_number(number)) { /* rounded once, not twice */
        number = plain_form(number, buffer, sizeof buffer);
        mr_number_parse_float(number.data, number.size, &column->f32[row]);
    }
    return MR_OK;
}

static int put_decimal(struct mr_column *column, int64_t row, struct mr_str text)
{
    char buffer[256], plain[260];
    mr_i128 value;
    bool overflow = false;
    if (memchr(text.data, ',', text.size) &&
        text.size < sizeof buffer) { /* separators of thousands, wherever they stand */
        size_t size = 0;
        for (size_t i = 0; i < text.size; i++)
            if (text.data[i] != ',')
                buffer[size++] = text.data[i];
        text = (struct mr_str){buffer, size};
    }
    if (!is_number(text))
        return MR_END;
    text = plain_form(text, plain, sizeof plain);
    if (!mr_decimal_parse(text, column->type->precision, column->type->scale, &value, &overflow) || overflow)
        return MR_END;
    mr_decimal_put(column, row, value);
    return MR_OK;
}

static int put_time(const struct mr_csv_options *o, struct mr_column *column, int64_t row, struct mr_str text)
{
    bool good;
    switch (column->type->id) {
    case MR_DATE:
        good = o->record.date_format &&
               mr_datetime_format_parse_date(o->record.date_format, text, &column->i32[row]);
        if (!good && (!o->record.date_format || o->record.date_time_fallback))
            good = mr_date_parse(text, &column->i32[row]);
        break;
    case MR_TIMESTAMP:
        good = o->record.timestamp_format
                   ? mr_datetime_format_parse_timestamp(o->record.timestamp_format, text, o->record.zone,
                                                        &column->i64[row])
                   : mr_timestamp_parse_iso(text.data, text.size, &column->i64[row]);
        if (!good && (!o->record.timestamp_format || o->record.date_time_fallback))
            good = mr_timestamp_parse(text, o->record.zone, &column->i64[row]);
        break;
    default:
        if (o->record.timestamp_ntz_format) {
            good =
                mr_datetime_format_parse_ntz(o->record.timestamp_ntz_format, text, false, &column->i64[row]);
        } else { /* a zone is refused: the text must mean the same in any */
            int64_t east, west;
            const struct mr_zone *zone = NULL;
            struct mr_error error;
            good = mr_timestamp_parse(text, mr_zone_utc(), &east) &&
                   mr_zone_find(MR_STR("+01:00"), &zone, &error) >= 0 &&
                   mr_timestamp_parse(text, zone, &west) && east != west &&
                   mr_timestamp_ntz_parse(text, &column->i64[row]);
        }
    }
    return good ? MR_OK : MR_END;
}

int mr_csv_put(const struct mr_csv_options *o, struct mr_column *column, int64_t row, struct mr_str text,
               bool stays, struct mr_error *error)
{
    int64_t number;
    switch (column->type->id) {
    case MR_STRING:
    case MR_BINARY:
        if (!stays)
            return mr_column_set_bytes(column, row, text.data, text.size, error);
        column->views[row] = mr_view_of(text.data, (uint32_t)text.size);
        return MR_OK;
    case MR_BOOLEAN:
        column->booleans[row] = mr_str_equal_nocase(text, MR_STR("true"));
        return column->booleans[row] || mr_str_equal_nocase(text, MR_STR("false")) ? MR_OK : MR_END;
    case MR_BIGINT:
        return parse_integer(text, &column->i64[row]) ? MR_OK : MR_END;
    case MR_INT:
        if (!parse_integer(text, &number) || number != (int32_t)number)
            return MR_END;
        column->i32[row] = (int32_t)number;
        return MR_OK;
    case MR_SMALLINT:
        if (!parse_integer(text, &number) || number != (int16_t)number)
            return MR_END;
        column->i16[row] = (int16_t)number;
        return MR_OK;
    case MR_TINYINT:
        if (!parse_integer(text, &number) || number != (int8_t)number)
            return MR_END;
        column->i8[row] = (int8_t)number;
        return MR_OK;
    case MR_FLOAT:
    case MR_DOUBLE:
        return put_float(o, column, row, text);
    case MR_DECIMAL:
        return put_decimal(column, row, text);
    case MR_DATE:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        return put_time(o, column, row, text);
    default:
        return MR_END;
    }
}

/* ---- inference ---- */
/* A number without places: its digits; 0: none such, or more than 38. */
static int whole_digits(struct mr_str text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    while (i < text.size && text.data[i] == '0')
        i++;
    size_t digits = text.size - i;
    for (; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
    return digits <= 38 ? (int)(digits ? digits : 1) : 0;
}

static bool is_date(const struct mr_csv_options *o, struct mr_str text)
{
    int32_t days;
    if (o->record.date_format)
        return mr_datetime_format_parse_date(o->record.date_format, text, &days);
    return text.size == 10 && text.data[4] == '-' && text.data[7] == '-' && mr_date_parse(text, &days);
}

static bool is_timestamp(const struct mr_csv_options *o, struct mr_str text)
{
    int64_t micros;
    return o->record.timestamp_format
               ? mr_datetime_format_parse_timestamp(o->record.timestamp_format, text, o->record.zone, &micros)
               : mr_timestamp_parse(text, o->record.zone, &micros);
}

enum mr_csv_kind mr_csv_kind_of(const struct mr_csv_options *o, struct mr_str text, enum mr_csv_kind from,
                                int *precision)
{
    int64_t number;
    double real;
    *precision = 0;
    if (from <= MR_CSV_LONG && parse_integer(text, &number))
        return from <= MR_CSV_INT && number == (int32_t)number ? MR_CSV_INT : MR_CSV_LONG;
    if (from <= MR_CSV_DECIMAL) {
        *precision = whole_digits(text);
        if (*precision > 0)
            return MR_CSV_DECIMAL;
    }
    bool named = mr_str_equal(text, o->nan_value) || mr_str_equal(text, o->positive_infinity) ||
                 mr_str_equal(text, o->negative_infinity);
    if (from <= MR_CSV_DOUBLE && (named || parse_double(text, &real)))
        return MR_CSV_DOUBLE;
    if (from <= MR_CSV_DATE && o->prefer_date && is_date(o, text))
        return MR_CSV_DATE;
    if (from <= MR_CSV_TIMESTAMP && is_timestamp(o, text))
        return MR_CSV_TIMESTAMP;
    if (mr_str_equal_nocase(text, MR_STR("true")) || mr_str_equal_nocase(text, MR_STR("false")))
        return MR_CSV_BOOLEAN;
    return MR_CSV_STRING;
}
