/* sql/literal.c: numbers, typed literals and intervals, as Spark's parser types them. */
#include <stdio.h>
#include <strings.h>

#include "base/number.h"
#include "columns/value.h"
#include "expressions/coercion.h"
#include "expressions/interval_text.h"
#include "expressions/window.h"
#include "sql/analysis.h"

/* ---- numbers ---- */
struct number {
    struct mr_str text;   /* as written, sign included, suffix cut */
    struct mr_str digits; /* significant digits without sign and point: in `room` */
    int scale;            /* digits behind the point, the exponent counted in; may be negative */
    bool negative, has_point, has_exponent;
    char suffix[3];
    char room[128];
};

static bool ends_with(struct mr_str text, const char *suffix)
{
    size_t size = strlen(suffix);
    return text.size > size && strncasecmp(text.data + text.size - size, suffix, size) == 0;
}

/* Splits "-12.5e3BD"; false when it has more digits than any type holds. */
static bool split_number(struct mr_str text, struct number *n)
{
    static const char *const suffixes[] = {"bd", "l", "s", "y", "f", "d"};
    *n = (struct number){0};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_with(text, suffixes[i])) {
            snprintf(n->suffix, sizeof n->suffix, "%s", suffixes[i]);
            text.size -= strlen(suffixes[i]);
            break;
        }
    n->text = text;
    size_t i = 0, count = 0;
    n->negative = text.data[0] == '-';
    i += n->negative;
    for (; i < text.size && text.data[i] != 'e' && text.data[i] != 'E'; i++) {
        if (text.data[i] == '.') {
            n->has_point = true;
            continue;
        }
        n->scale += n->has_point;
        if (count == 0 && text.data[i] == '0')
            continue;
        if (count == sizeof n->room)
            return false;
        n->room[count++] = text.data[i];
    }
    if (i < text.size) {
        int64_t exponent = 0;
        bool minus = text.data[i + 1] == '-';
        n->has_exponent = true;
        for (i += 1; i < text.size; i++)
            if (text.data[i] >= '0' && text.data[i] <= '9' && exponent < 100000)
                exponent = exponent * 10 + (text.data[i] - '0');
        n->scale -= (int)(minus ? -exponent : exponent);
    }
    n->digits = (struct mr_str){n->room, count};
    return true;
}

static int out_of_range(struct mr_analysis *a, const struct mr_sql_expression *ast, const struct number *n,
                        const char *least, const char *most, const char *type)
{
    mr_error_set(a->error, MR_E_SQL, "INVALID_NUMERIC_LITERAL_RANGE",
                 "%.*s is not between %s and %s, as a %s must be.", (int)n->text.size, n->text.data, least,
                 most, type);
    mr_error_parameter(a->error, "rawStrippedQualifier", "%.*s", (int)n->text.size, n->text.data);
    mr_error_parameter(a->error, "minValue", "%s", least);
    mr_error_parameter(a->error, "maxValue", "%s", most);
    mr_error_parameter(a->error, "typeName", "%s", type);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

static int too_precise(struct mr_analysis *a, const struct mr_sql_expression *ast, long precision)
{
    mr_error_set(a->error, MR_E_SQL, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                 "The literal has %ld digits; a DECIMAL has at most 38.", precision);
    mr_error_parameter(a->error, "precision", "%ld", precision);
    mr_error_parameter(a->error, "maxPrecision", "38");
    return mr_sql_error_at(a, ast->start, ast->stop);
}

static int decimal_literal(struct mr_analysis *a, const struct mr_sql_expression *ast, const struct number *n,
                           const struct mr_expression **out)
{
    struct mr_expression_builder b;
    long digits = n->digits.size ? (long)n->digits.size : 1, zeros = n->scale < 0 ? -n->scale : 0;
    long scale = n->scale < 0 ? 0 : n->scale, precision = digits + zeros;
    if (n->digits.size == 0)
        precision = 1;
    if (precision < scale)
        precision = scale;
    if (precision > 38)
        return too_precise(a, ast, precision);
    mr_i128 value = 0;
    for (size_t i = 0; i < n->digits.size; i++)
        value = value * 10 + (n->digits.data[i] - '0');
    if (n->digits.size > 0)
        value *= mr_decimal_power((int)zeros);
    value = n->negative ? -value : value;
    const struct mr_type *type = mr_type_decimal(a->arena, (int)precision, (int)scale);
    struct mr_column *column = type ? mr_column_new(type, 1) : NULL;
    if (!column)
        return mr_error_memory(a->error, sizeof *column);
    column->length = 1;
    mr_decimal_put(column, 0, value);
    mr_sql_builder(a, ast, &b);
    int status = mr_expression_literal(&b, column, out, a->error);
    mr_column_unref(column);
    return status;
}

static int floating_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                            const struct number *n, bool single, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    double value = 0;
    float narrow = 0;
    bool minus = n->negative;
    struct mr_str text = {n->text.data + minus, n->text.size - minus};
    if (single)
        mr_number_parse_float(text.data, text.size, &narrow);
    else
        mr_number_parse_double(text.data, text.size, &value);
    if (single && narrow > 3.4028234663852886e38f)
        return out_of_range(a, ast, n, "-3.4028235E+38", "3.4028235E+38", "float");
    if (!single && value > 1.7976931348623157e308)
        return out_of_range(a, ast, n, "-1.7976931348623157E+308", "1.7976931348623157E+308", "double");
    struct mr_column *column = mr_column_new(mr_type_of(single ? MR_FLOAT : MR_DOUBLE), 1);
    if (!column)
        return mr_error_memory(a->error, sizeof *column);
    column->length = 1;
    if (single)
        column->f32[0] = minus ? -narrow : narrow;
    else
        column->f64[0] = minus ? -value : value;
    mr_sql_builder(a, ast, &b);
    int status = mr_expression_literal(&b, column, out, a->error);
    mr_column_unref(column);
    return status;
}

/* The digits as an integer; false when they do not fit in 64 bits. */
static bool integer_value(const struct number *n, int64_t *out)
{
    int64_t value = 0;
    for (size_t i = 0; i < n->digits.size; i++) {
        int digit = n->digits.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* negative: there is one more of them */
            return false;
    }
    if (!n->negative && value == INT64_MIN)
        return false;
    *out = n->negative ? value : -value;
    return true;
}

static int integer_literal(struct mr_analysis *a, const struct mr_sql_expression *ast, const struct number *n,
                           const struct mr_expression **out)
{
    static const struct {
        char suffix;
        enum mr_type_id id;
        int64_t least, most;
        const char *name, *shown_least, *shown_most;
    } kinds[] = {
        {'y', MR_TINYINT, INT8_MIN, INT8_MAX, "tinyint", "-128", "127"},
        {'s', MR_SMALLINT, INT16_MIN, INT16_MAX, "smallint", "-32768", "32767"},
        {'l', MR_BIGINT, INT64_MIN, INT64_MAX, "bigint", "-9223372036854775808", "9223372036854775807"},
    };
    struct mr_expression_builder b;
    int64_t value = 0;
    bool fits = integer_value(n, &value);
    mr_sql_builder(a, ast, &b);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (n->suffix[0] != kinds[i].suffix)
            continue;
        if (!fits || value < kinds[i].least || value > kinds[i].most)
            return out_of_range(a, ast, n, kinds[i].shown_least, kinds[i].shown_most, kinds[i].name);
        return mr_expression_i64(&b, mr_type_of(kinds[i].id), value, out, a->error);
    }
    if (!fits)
        return decimal_literal(a, ast, n, out);
    bool is_int = value >= INT32_MIN && value <= INT32_MAX;
    return mr_expression_i64(&b, mr_type_of(is_int ? MR_INT : MR_BIGINT), value, out, a->error);
}

static int number_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                          const struct mr_expression **out)
{
    struct number n;
    if (!split_number(ast->text, &n))
        return too_precise(a, ast, (long)ast->text.size);
    if (strcmp(n.suffix, "bd") == 0)
        return decimal_literal(a, ast, &n, out);
    if (n.suffix[0] == 'f' || n.suffix[0] == 'd' || (n.has_exponent && !n.suffix[0]))
        return floating_literal(a, ast, &n, n.suffix[0] == 'f', out);
    if (n.has_point)
        return decimal_literal(a, ast, &n, out);
    return integer_literal(a, ast, &n, out);
}

/* ---- DATE '…', X'…' and kin ---- */
static int invalid_typed(struct mr_analysis *a, const struct mr_sql_expression *ast, const char *type,
                         struct mr_str value)
{
    mr_error_set(a->error, MR_E_SQL, "INVALID_TYPED_LITERAL", "'%.*s' is no %s.", (int)value.size, value.data,
                 type);
    mr_error_parameter(a->error, "valueType", "\"%s\"", type);
    mr_error_parameter(a->error, "value", "'%.*s'", (int)value.size, value.data);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

static int binary_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                          const struct mr_expression **out)
{
    struct mr_expression_builder b;
    size_t odd = ast->text.size % 2, size = (ast->text.size + odd) / 2;
    unsigned char *bytes = mr_arena_allocate_zeroed(a->arena, size + 1);
    if (!bytes)
        return mr_error_memory(a->error, size);
    for (size_t i = 0; i < ast->text.size; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, ast->text.data[i] | 0x20);
        char c = ast->text.data[i];
        bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!at || !((c >= '0' && c <= '9') || letter))
            return invalid_typed(a, ast, "X", ast->text);
        size_t place = i + odd;
        bytes[place / 2] |= (unsigned char)((at - digits) << (place % 2 ? 0 : 4));
    }
    struct mr_column *column = mr_column_new(mr_type_of(MR_BINARY), 1);
    if (!column)
        return mr_error_memory(a->error, sizeof *column);
    column->length = 1;
    int status = mr_column_set_bytes(column, 0, (const char *)bytes, size, a->error);
    mr_sql_builder(a, ast, &b);
    if (status == MR_OK)
        status = mr_expression_literal(&b, column, out, a->error);
    mr_column_unref(column);
    return status;
}

static int interval_text_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                                 const struct mr_expression **out);

static int typed_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                         const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct mr_zone *zone = a->job->session.zone ? a->job->session.zone : mr_zone_utc();
    int64_t micros = 0;
    int32_t days = 0;
    mr_sql_builder(a, ast, &b);
    if (mr_str_equal_nocase(ast->word, MR_STR("date"))) {
        if (!mr_date_parse(ast->text, &days))
            return invalid_typed(a, ast, "DATE", ast->text);
        return mr_expression_i64(&b, mr_type_of(MR_DATE), days, out, a->error);
    }
    if (mr_str_equal_nocase(ast->word, MR_STR("timestamp")) ||
        mr_str_equal_nocase(ast->word, MR_STR("timestamp_ltz"))) {
        if (!mr_timestamp_parse(ast->text, zone, &micros))
            return invalid_typed(a, ast, ast->word.size == 9 ? "TIMESTAMP" : "TIMESTAMP_LTZ", ast->text);
        return mr_expression_i64(&b, mr_type_of(MR_TIMESTAMP), micros, out, a->error);
    }
    if (mr_str_equal_nocase(ast->word, MR_STR("timestamp_ntz"))) {
        if (!mr_timestamp_ntz_parse(ast->text, &micros))
            return invalid_typed(a, ast, "TIMESTAMP_NTZ", ast->text);
        return mr_expression_i64(&b, mr_type_of(MR_TIMESTAMP_NTZ), micros, out, a->error);
    }
    if (mr_str_equal_nocase(ast->word, MR_STR("x")))
        return binary_literal(a, ast, out);
    if (mr_str_equal_nocase(ast->word, MR_STR("interval")))
        return interval_text_literal(a, ast, out);
    mr_error_set(a->error, MR_E_SQL, "UNSUPPORTED_TYPED_LITERAL",
                 "There are no literals of the type \"%.*s\"; there are DATE, TIMESTAMP, TIMESTAMP_LTZ, "
                 "TIMESTAMP_NTZ, INTERVAL and X.",
                 (int)ast->word.size, ast->word.data);
    char upper[64];
    size_t size = ast->word.size < sizeof upper ? ast->word.size : sizeof upper;
    for (size_t i = 0; i < size; i++)
        upper[i] = ast->word.data[i] >= 'a' && ast->word.data[i] <= 'z' ? (char)(ast->word.data[i] - 32)
                                                                        : ast->word.data[i];
    mr_error_parameter(a->error, "unsupportedType", "\"%.*s\"", (int)size, upper);
    mr_error_parameter(a->error, "supportedTypes",
                       "\"DATE\", \"TIMESTAMP_NTZ\", \"TIMESTAMP_LTZ\", \"TIMESTAMP\", \"INTERVAL\", \"X\"");
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* ---- intervals ---- */
struct unit {
    const char *name;
    int months;     /* of year-month units */
    int64_t micros; /* of day-time units */
    int field;      /* YEAR 0, MONTH 1 / DAY 0 … SECOND 3 */
};
static const struct unit units[] = {
    {"year", 12, 0, 0},
    {"quarter", 3, 0, 1},
    {"month", 1, 0, 1},
    {"week", 0, INT64_C(604800000000), 0},
    {"day", 0, INT64_C(86400000000), 0},
    {"hour", 0, INT64_C(3600000000), 1},
    {"minute", 0, 60000000, 2},
    {"second", 0, 1000000, 3},
    {"millisecond", 0, 1000, 3},
    {"microsecond", 0, 1, 3},
    {"nanosecond", 0, 0, 3},
};

static const struct unit *unit_of(struct mr_str word)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t size = strlen(units[i].name);
        bool plural = word.size == size + 1 && (word.data[size] | 0x20) == 's';
        if ((word.size == size || plural) && strncasecmp(word.data, units[i].name, size) == 0)
            return &units[i];
    }
    return NULL;
}

struct interval {
    bool year_month;
    int first, last;
    __int128 value; /* months, or microseconds */
    bool any;
};

static int mixed(struct mr_analysis *a, const struct mr_sql_expression *ast)
{
    mr_error_set(a->error, MR_E_SQL, "_LEGACY_ERROR_TEMP_0029",
                 "An interval has either years and months, or days and times; write two of them.");
    mr_error_parameter(a->error, "literal", "%.*s", (int)(ast->stop - ast->start),
                       a->origin->text + ast->start);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

static int bad_interval_value(struct mr_analysis *a, const struct mr_sql_expression *ast, struct mr_str value)
{
    mr_error_set(a->error, MR_E_SQL, "INVALID_INTERVAL_FORMAT.INVALID_VALUE",
                 "'%.*s' is no number of an interval.", (int)value.size, value.data);
    mr_error_parameter(a->error, "input", "%.*s", (int)value.size, value.data);
    return mr_sql_error_at(a, ast->start, ast->stop);
}

/* "-12", "1.5": whole part and millionths. */
static bool unit_value(struct mr_str text, __int128 *whole, int64_t *millionths, bool *negative)
{
    size_t i = 0;
    int digits = 0, places = -1;
    *whole = 0;
    *millionths = 0;
    *negative = false;
    while (i < text.size && text.data[i] == ' ')
        i++;
    for (; i < text.size && (text.data[i] == '-' || text.data[i] == '+'); i++)
        *negative ^= text.data[i] == '-';
    for (; i < text.size && text.data[i] != ' '; i++) {
        char c = text.data[i];
        if (c == '.' && places < 0) {
            places = 0;
        } else if (c >= '0' && c <= '9') {
            digits++;
            if (places < 0 && *whole < ((__int128)1 << 100))
                *whole = *whole * 10 + (c - '0');
            else if (places >= 0 && places < 6)
                *millionths = *millionths * 10 + (c - '0');
            places += places >= 0;
        } else {
            return false;
        }
    }
    for (; i < text.size; i++)
        if (text.data[i] != ' ')
            return false;
    for (int p = places < 0 ? 0 : places; p < 6; p++)
        *millionths *= 10;
    return digits > 0;
}

static int add_unit(struct mr_analysis *a, const struct mr_sql_expression *ast, struct mr_str value,
                    struct mr_str word, struct interval *out)
{
    const struct unit *unit = unit_of(word);
    __int128 whole;
    int64_t millionths;
    bool negative;
    if (!unit)
        return mr_sql_error(a, ast->start, ast->stop, "INVALID_INTERVAL_FORMAT.INVALID_UNIT",
                            "'%.*s' is no unit of an interval.", (int)word.size, word.data);
    bool nanoseconds = strcmp(unit->name, "nanosecond") == 0, seconds = strcmp(unit->name, "second") == 0;
    if (!unit_value(value, &whole, &millionths, &negative) || (millionths && !seconds))
        return bad_interval_value(a, ast, value);
    if (out->any && out->year_month != (unit->months > 0))
        return mixed(a, ast);
    __int128 amount = unit->months ? whole * unit->months : nanoseconds ? whole / 1000 : whole * unit->micros;
    amount += seconds ? millionths : 0;
    out->value += negative ? -amount : amount;
    out->year_month = unit->months > 0;
    out->first = out->any && out->first < unit->field ? out->first : unit->field;
    out->last = out->any && out->last > unit->field ? out->last : unit->field;
    out->any = true;
    return MR_OK;
}

static int finish_interval(struct mr_analysis *a, const struct mr_sql_expression *ast,
                           const struct interval *i, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    __int128 most = i->year_month ? INT32_MAX : INT64_MAX;
    if (i->value > most || i->value < -most - 1)
        return mr_sql_error(a, ast->start, ast->stop, "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
                            "The interval is longer than its type can hold.");
    mr_sql_builder(a, ast, &b);
    return mr_expression_i64(&b, mr_type_interval(i->year_month, i->first, i->last), (int64_t)i->value, out,
                             a->error);
}

/* INTERVAL '1 day 2 hours', also with the word interval inside the quotes. */
static int interval_text_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                                 const struct mr_expression **out)
{
    struct interval i = {0};
    const char *p = ast->text.data, *end = p + ast->text.size;
    bool first_word = true;
    while (p < end) {
        struct mr_str words[2] = {{0}};
        for (int w = 0; w < 2; w++) {
            while (p < end && *p == ' ')
                p++;
            words[w].data = p;
            for (; p < end && *p != ' '; p++)
                words[w].size++;
            if (first_word && mr_str_equal_nocase(words[0], MR_STR("interval")))
                w--;
            first_word = false;
        }
        if (words[0].size == 0)
            break;
        if (words[1].size == 0 || !unit_of(words[1]))
            return invalid_typed(a, ast, "INTERVAL", ast->text);
        if (add_unit(a, ast, words[0], words[1], &i) < 0) {
            if (strcmp(a->error->condition, "INVALID_INTERVAL_FORMAT.INVALID_VALUE") != 0)
                return a->error->code;
            mr_error_clear(a->error);
            return invalid_typed(a, ast, "INTERVAL", ast->text);
        }
    }
    if (!i.any)
        return invalid_typed(a, ast, "INTERVAL", ast->text);
    return finish_interval(a, ast, &i, out);
}

/* INTERVAL '…' DAY TO SECOND */
static int interval_range(struct mr_analysis *a, const struct mr_sql_expression *ast,
                          const struct mr_expression **out)
{
    struct mr_expression_builder b;
    const struct unit *from = unit_of(ast->units[0].unit), *to = unit_of(ast->to);
    int64_t value;
    if (!from || !to || (from->months > 0) != (to->months > 0) || from->field >= to->field)
        return mr_sql_error(a, ast->start, ast->stop, "_LEGACY_ERROR_TEMP_0028",
                            "There are no intervals from %.*s to %.*s.", (int)ast->units[0].unit.size,
                            ast->units[0].unit.data, (int)ast->to.size, ast->to.data);
    const struct mr_type *type = mr_type_interval(from->months > 0, from->field, to->field);
    if (!ast->units[0].quoted || !mr_interval_parse(ast->units[0].value, type, &value)) {
        mr_error_set(a->error, MR_E_SQL, "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING",
                     "'%.*s' does not have the form of this interval.", (int)ast->units[0].value.size,
                     ast->units[0].value.data);
        mr_error_parameter(a->error, "input", "%.*s", (int)ast->units[0].value.size,
                           ast->units[0].value.data);
        return mr_sql_error_at(a, ast->start, ast->stop);
    }
    mr_sql_builder(a, ast, &b);
    return mr_expression_i64(&b, type, value, out, a->error);
}

static int interval_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                            const struct mr_expression **out)
{
    struct interval i = {0};
    if (ast->to.size > 0)
        return interval_range(a, ast, out);
    for (int k = 0; k < ast->unit_count; k++)
        MR_TRY(add_unit(a, ast, ast->units[k].value, ast->units[k].unit, &i));
    return finish_interval(a, ast, &i, out);
}

int mr_sql_interval_us(struct mr_analysis *a, const struct mr_sql_expression *ast, int64_t *out)
{
    const struct mr_expression *e = NULL;
    MR_TRY(mr_sql_resolve_literal(a, ast, &e));
    if (e->kind == MR_EXPR_LITERAL && e->type->id == MR_INTERVAL_DAY_TIME) {
        *out = e->literal->i64[0];
        return MR_OK;
    }
    if (e->kind == MR_EXPR_LITERAL && e->type->id == MR_INTERVAL_YEAR_MONTH) {
        *out =
            (int64_t)e->literal->i32[0] * 31 * INT64_C(86400000000); /* a month is 31 days to a watermark */
        return MR_OK;
    }
    return mr_sql_error(a, ast->start, ast->stop, "CANNOT_PARSE_INTERVAL", "This is no interval.");
}

int mr_sql_resolve_literal(struct mr_analysis *a, const struct mr_sql_expression *ast,
                           const struct mr_expression **out)
{
    struct mr_expression_builder b;
    mr_sql_builder(a, ast, &b);
    switch (ast->kind) {
    case MR_SQL_NULL:
        return mr_expression_null(&b, out, a->error);
    case MR_SQL_BOOLEAN:
        return mr_expression_bool(&b, ast->flag, out, a->error);
    case MR_SQL_STRING:
        return mr_expression_string(&b, ast->text, out, a->error);
    case MR_SQL_NUMBER:
        return number_literal(a, ast, out);
    case MR_SQL_TYPED:
        return typed_literal(a, ast, out);
    default:
        return interval_literal(a, ast, out);
    }
}
