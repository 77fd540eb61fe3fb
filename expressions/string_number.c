/* expressions/string_number.c: to_char and to_number: numbers by a format such as 'S$99,999.99' or
 * '000D00PR'.
 *
 * A format is [S | MI] [$] digits with separators [. digits] [S | MI | PR]. 0 and 9 stand for a digit; a
 * group of them that begins with 0 has exactly so many digits, one with 9 at most so many. G is a comma, D a
 * point. */
#include "expressions/string_kernels.h"

#define GROUPS_MAX 40
#define DIGITS_MAX 38

enum sign { NO_SIGN, SIGN_S, SIGN_MI, SIGN_PR };
struct number_format {
    enum sign lead, trail;
    bool dollar, point;
    int groups;
    struct {
        int size;
        bool exact;
    } group[GROUPS_MAX]; /* left of the point, from the left */
    int whole, fraction; /* digits */
};

/* ---- the format ---- */
enum token { DIGITS, POINT, DOLLAR, S, MI, PR, OTHER, TOKENS };

static int bad_format(struct mr_resolve *r, const char *condition, const char *why, struct mr_str format,
                      struct mr_error *error)
{
    mr_resolve_error(r, error, condition, "'%.*s' is no format of a number: %s.", (int)format.size,
                     format.data, why);
    mr_error_parameter(error, "format", "'%.*s'", (int)format.size, format.data);
    return error->code;
}

static enum token next_token(struct mr_str text, size_t *at)
{
    char c = text.data[*at], next = *at + 1 < text.size ? text.data[*at + 1] : 0;
    ++*at;
    if ((c >= '0' && c <= '9' && (c == '0' || c == '9')) || c == ',' || c == 'G' || c == 'g') {
        while (*at < text.size && text.data[*at] != '\0' && strchr("09,Gg", text.data[*at]))
            ++*at;
        return DIGITS;
    }
    if (c == '.' || c == 'D' || c == 'd')
        return POINT;
    if (c == '$')
        return DOLLAR;
    if (c == 'S' || c == 's')
        return S;
    bool two = ((c | 0x20) == 'm' && (next | 0x20) == 'i') || ((c | 0x20) == 'p' && (next | 0x20) == 'r');
    *at += two;
    return !two ? OTHER : (c | 0x20) == 'm' ? MI : PR;
}

/* Separators need digits on both sides, and stand before the point. */
static bool read_groups(struct mr_str text, bool fraction, struct number_format *f)
{
    int size = 0;
    bool exact = false;
    for (size_t i = 0; i <= text.size; i++) {
        bool digit = i < text.size && (text.data[i] == '0' || text.data[i] == '9');
        if (digit) {
            exact = size == 0 ? text.data[i] == '0' : exact;
            size++;
            continue;
        }
        if (size == 0 || f->groups == GROUPS_MAX || (fraction && i < text.size))
            return false;
        if (fraction) {
            f->fraction = size;
        } else {
            f->group[f->groups].size = size;
            f->group[f->groups++].exact = exact;
            f->whole += size;
        }
        size = 0;
    }
    return true;
}

static int check_order(struct mr_resolve *r, const enum token *tokens, int count, struct mr_str text,
                       struct mr_error *error)
{
    /* where each token may stand: sign, dollar, digits, point, digits, sign */
    int place = 0;
    for (int i = 0; i < count; i++) {
        int least = tokens[i] == DIGITS   ? (place <= 2 ? 2 : 4)
                    : tokens[i] == POINT  ? 3
                    : tokens[i] == DOLLAR ? 1
                    : tokens[i] == PR     ? 5
                    : tokens[i] == OTHER  ? -1
                                          : (i == 0 ? 0 : 5);
        if (least < place || (least == 4 && place != 4))
            return bad_format(r, "INVALID_FORMAT.UNEXPECTED_TOKEN", "its parts are in a wrong order", text,
                              error);
        place = least + 1;
    }
    return MR_OK;
}

static int check_counts(struct mr_resolve *r, const enum token *tokens, int count, struct mr_str text,
                        struct mr_error *error)
{
    int seen[TOKENS] = {0}, first_digits = -1, first_dollar = -1, first_point = -1;
    for (int i = 0; i < count; i++) {
        seen[tokens[i]]++;
        first_digits = first_digits < 0 && tokens[i] == DIGITS ? i : first_digits;
        first_dollar = first_dollar < 0 && tokens[i] == DOLLAR ? i : first_dollar;
        first_point = first_point < 0 && tokens[i] == POINT ? i : first_point;
    }
    if (seen[DIGITS] == 0)
        return bad_format(r, "INVALID_FORMAT.WRONG_NUM_DIGIT", "it has no digit", text, error);
    if (first_dollar > first_digits)
        return bad_format(r, "INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT", "$ stands before the digits", text,
                          error);
    if (first_dollar >= 0 && first_point >= 0 && first_dollar > first_point)
        return bad_format(r, "INVALID_FORMAT.CUR_MUST_BEFORE_DEC", "$ stands before the point", text, error);
    if (seen[POINT] > 1 || seen[DOLLAR] > 1 || seen[S] > 1 || seen[MI] > 1 || seen[PR] > 1)
        return bad_format(r, "INVALID_FORMAT.WRONG_NUM_TOKEN", "a part of it occurs twice", text, error);
    return MR_OK;
}

static int parse_format(struct mr_resolve *r, struct mr_str text, struct number_format *f,
                        struct mr_error *error)
{
    enum token tokens[64];
    struct mr_str digits[2] = {{NULL, 0}, {NULL, 0}};
    int count = 0;
    bool after_point = false;
    *f = (struct number_format){0};
    if (text.size == 0)
        return bad_format(r, "INVALID_FORMAT.EMPTY", "it is empty", text, error);
    for (size_t at = 0; at < text.size && count < 64; count++) {
        size_t start = at;
        tokens[count] = next_token(text, &at);
        after_point |= tokens[count] == POINT;
        if (tokens[count] == DIGITS)
            digits[after_point] = (struct mr_str){text.data + start, at - start};
    }
    MR_TRY(check_counts(r, tokens, count, text, error));
    if ((digits[0].data && !read_groups(digits[0], false, f)) ||
        (digits[1].data && !read_groups(digits[1], true, f)))
        return bad_format(r, "INVALID_FORMAT.CONT_THOUSANDS_SEPS",
                          "separators stand between digits, before the point", text, error);
    MR_TRY(check_order(r, tokens, count, text, error));
    enum token first = tokens[0], last = tokens[count - 1];
    f->lead = first == S ? SIGN_S : first == MI ? SIGN_MI : NO_SIGN;
    f->trail = count > 1 ? (last == S    ? SIGN_S
                            : last == MI ? SIGN_MI
                            : last == PR ? SIGN_PR
                                         : NO_SIGN)
                         : NO_SIGN;
    f->point = after_point;
    for (int i = 0; i < count; i++)
        f->dollar |= tokens[i] == DOLLAR;
    if (f->whole + f->fraction > DIGITS_MAX)
        return bad_format(r, "INVALID_FORMAT.WRONG_NUM_DIGIT", "it has more than 38 digits", text, error);
    return MR_OK;
}

static int bind_format(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str text;
    struct number_format *f = MR_ARENA_NEW(r->builder->arena, struct number_format);
    if (!f)
        return mr_error_memory(error, sizeof *f);
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_STRING), error));
    MR_TRY(mr_resolve_constant_string(r, 1, &text, error));
    r->bound = f;
    return text.data ? parse_format(r, text, f, error) : MR_OK;
}

/* ---- to_char ---- */
int mr_string_resolve_to_char(struct mr_resolve *r, struct mr_error *error)
{
    enum mr_type_id id = r->arguments[0]->type->id;
    struct mr_str format;
    r->type = mr_type_of(MR_STRING);
    if (id == MR_DATE || id == MR_TIMESTAMP || id == MR_TIMESTAMP_NTZ)
        return mr_resolve_rewrite(r, "date_format", r->arguments, 2, error);
    if (id == MR_BINARY) {
        MR_TRY(mr_resolve_constant_string(r, 1, &format, error));
        if (mr_str_equal_nocase(format, MR_STR("base64")))
            return mr_resolve_rewrite(r, "base64", r->arguments, 1, error);
        if (mr_str_equal_nocase(format, MR_STR("hex")))
            return mr_resolve_rewrite(r, "hex", r->arguments, 1, error);
        if (mr_str_equal_nocase(format, MR_STR("utf-8")))
            return mr_resolve_rewrite(r, "decode", r->arguments, 2, error);
        mr_resolve_error(r, error, "INVALID_PARAMETER_VALUE.BINARY_FORMAT",
                         "The format of a BINARY is 'base64', 'hex' or 'utf-8', not '%.*s'.",
                         (int)format.size, format.data);
        mr_error_parameter(error, "functionName", "`%s`", r->name);
        mr_error_parameter(error, "parameter", "`format`");
        mr_error_parameter(error, "invalidFormat", "'%.*s'", (int)format.size, format.data);
        return error->code;
    }
    const struct mr_type *type = r->arguments[0]->type;
    if (mr_type_is_numeric(type) && id != MR_DECIMAL)
        type = mr_type_as_decimal(r->builder->arena, type);
    else if (id != MR_DECIMAL)
        type = mr_type_decimal(r->builder->arena, 38, 18);
    if (!type)
        return mr_error_memory(error, sizeof *type);
    MR_TRY(mr_resolve_cast(r, 0, type, error));
    return bind_format(r, error);
}

struct digits { /* of a number, without leading zeros before and trailing ones behind the point */
    char text[96];
    int whole, fraction;
    bool negative;
};

static void split_digits(mr_i128 value, int scale, struct digits *d)
{
    char text[48];
    size_t size = mr_decimal_text(value < 0 ? -value : value, scale, text), from = 0;
    const char *point = memchr(text, '.', size);
    size_t whole = point ? (size_t)(point - text) : size;
    while (from < whole && text[from] == '0')
        from++;
    d->whole = (int)(whole - from);
    memcpy(d->text, text + from, (size_t)d->whole);
    d->fraction = point ? (int)(size - whole - 1) : 0;
    while (d->fraction > 0 && text[whole + (size_t)d->fraction] == '0')
        d->fraction--;
    if (d->fraction > 0)
        memcpy(d->text + d->whole, point + 1, (size_t)d->fraction);
    d->negative = value < 0;
}

/* The digits before the point, aligned right; what is missing is filled with blanks, or zeros in exact
 * groups. */
static void put_whole(struct mr_text *out, const struct number_format *f, const struct digits *d,
                      bool overflow)
{
    int missing = f->whole - d->whole, position = 0;
    for (int g = 0; g < f->groups; g++) {
        if (g > 0) {
            char last = out->size ? out->data[out->size - 1] : ' ';
            mr_text_append_char(out, last >= '0' && last <= '9' ? ',' : ' ');
        }
        for (int k = 0; k < f->group[g].size; k++, position++) {
            char c = position >= missing ? d->text[position - missing] : f->group[g].exact ? '0' : ' ';
            mr_text_append_char(out, overflow ? '#' : c);
        }
    }
}

/* Blanks at the beginning of the number stand before its sign. */
static void put_before_digits(struct mr_text *body, char c)
{
    size_t blanks = 0;
    while (blanks < body->size && body->data[blanks] == ' ')
        blanks++;
    mr_text_append_char(body, ' ');
    memmove(body->data + blanks + 1, body->data + blanks, body->size - 1 - blanks);
    body->data[blanks] = c;
}

static void put_number(struct mr_text *out, const struct number_format *f, const struct digits *d)
{
    bool overflow = d->whole > f->whole || d->fraction > f->fraction;
    mr_text_clear(out);
    put_whole(out, f, d, overflow);
    if (f->point) {
        if (out->size > 0 && out->data[out->size - 1] == ' ')
            out->data[out->size - 1] = '0';
        mr_text_append_char(out, f->fraction > 0 ? '.' : ' ');
        for (int k = 0; k < f->fraction; k++)
            mr_text_append_char(out, overflow ? '#' : k < d->fraction ? d->text[d->whole + k] : '0');
    }
    if (f->trail == SIGN_PR && d->negative)
        put_before_digits(out, '<');
    char lead = f->lead == SIGN_S    ? (d->negative ? '-' : '+')
                : f->lead == SIGN_MI ? (d->negative ? '-' : ' ')
                                     : 0;
    struct mr_text body = *out;
    if (lead && !f->dollar)
        put_before_digits(&body, lead);
    *out = body;
    if (f->dollar) {
        char prefix[2] = {lead, '$'};
        size_t size = lead ? 2 : 1;
        mr_text_append(out, "  ", size);
        memmove(out->data + size, out->data, out->size - size);
        memcpy(out->data, prefix + (lead ? 0 : 1), size);
    }
    if (f->trail == SIGN_S)
        mr_text_append_char(out, d->negative ? '-' : '+');
    if (f->trail == SIGN_MI)
        mr_text_append_char(out, d->negative ? '-' : ' ');
    if (f->trail == SIGN_PR)
        mr_text_append_str(out, d->negative ? ">" : "  ");
}

MR_KERNEL(mr_string_to_char)
{
    const struct number_format *f = call->expression->bound;
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct digits d;
        split_digits(mr_decimal_at(arguments[0], i), arguments[0]->type->scale, &d);
        put_number(&text, f, &d);
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- to_number ---- */
int mr_string_resolve_to_number(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    MR_TRY(bind_format(r, error));
    const struct number_format *f = r->bound;
    int precision = f->whole + f->fraction;
    r->type = mr_type_decimal(r->builder->arena, precision > 0 ? precision : 38, f->fraction);
    r->nullable = r->nullable || strncmp(r->function->name, "try_", 4) == 0;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *r->type);
}

struct scanner {
    struct mr_str text;
    size_t at;
    mr_i128 value;
};

static bool take(struct scanner *s, char c)
{
    if (s->at >= s->text.size || s->text.data[s->at] != c)
        return false;
    s->at++;
    return true;
}

/* A sign that may be there: is it a minus? */
static bool take_sign(struct scanner *s, enum sign sign)
{
    if (take(s, '-'))
        return true;
    if (sign == SIGN_S)
        take(s, '+');
    return false;
}

/* Digits (and separators) in a row: sizes of the groups that separators part; their number. Blanks are
 * skipped. */
static int scan_groups(struct scanner *s, bool separators, int sizes[GROUPS_MAX])
{
    int count = 0, size = 0;
    bool any = false;
    for (; s->at < s->text.size && count < GROUPS_MAX - 1; s->at++) {
        char c = s->text.data[s->at];
        if (c >= '0' && c <= '9') {
            if (s->value < mr_decimal_power(37))
                s->value = s->value * 10 + (c - '0');
            size++;
            any = true;
        } else if (separators && c == ',') {
            sizes[count++] = size;
            size = 0;
            any = true;
        } else if (c != ' ' && c != '\t' && c != '\n') {
            break;
        }
    }
    sizes[count] = size;
    return any ? count + 1 : 0;
}

/* Compared from the right: all groups but the leftmost are full; the leftmost may be shorter unless it is
 * exact. */
static bool groups_match(const struct number_format *f, const int *sizes, int count)
{
    if (count > f->groups)
        return false;
    for (int k = 0; k < f->groups; k++) {
        int expected = f->group[f->groups - 1 - k].size;
        bool exact = f->group[f->groups - 1 - k].exact;
        if (k >= count) {
            if (exact)
                return false;
            continue;
        }
        int have = sizes[count - 1 - k];
        if (have > expected || ((exact || k < count - 1) && have != expected))
            return false;
    }
    return true;
}

static bool parse_number(const struct number_format *f, struct mr_str text, mr_i128 *out)
{
    struct scanner s = {text, 0, 0};
    int sizes[GROUPS_MAX], fraction = 0;
    bool negative = false, bracket = false;
    if (f->lead != NO_SIGN)
        negative = take_sign(&s, f->lead);
    if (f->trail == SIGN_PR)
        bracket = take(&s, '<');
    if (f->dollar && !take(&s, '$'))
        return false;
    int count = f->groups > 0 ? scan_groups(&s, true, sizes) : 0;
    bool any = count > 0;
    if (f->groups > 0 && !groups_match(f, sizes, count))
        return false;
    if (f->point && take(&s, '.') && scan_groups(&s, false, sizes) > 0) {
        fraction = sizes[0];
        any = true;
    }
    if (fraction > f->fraction || !any)
        return false;
    if (f->trail == SIGN_S || f->trail == SIGN_MI)
        negative ^= take_sign(&s, f->trail);
    if (f->trail == SIGN_PR && take(&s, '>') && bracket)
        negative = true;
    if (s.at != text.size)
        return false;
    *out = s.value * mr_decimal_power(f->fraction - fraction);
    *out = negative ? -*out : *out;
    return true;
}

MR_KERNEL(mr_string_to_number)
{
    const struct number_format *f = call->expression->bound;
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i), format = mr_string_at(arguments[1], i);
        mr_i128 value = 0;
        if (parse_number(f, text, &value)) {
            mr_decimal_put(out, i, value);
        } else if (tolerate) {
            MR_TRY(mr_column_set_null(out, i, error));
        } else {
            int size = text.size > 100 ? 100 : (int)text.size;
            mr_row_error(error, "INVALID_FORMAT.MISMATCH_INPUT", "'%.*s' does not fit the format '%.*s'.",
                         size, text.data, (int)format.size, format.data);
            mr_error_parameter(error, "input", "%.*s", size, text.data);
            mr_error_parameter(error, "format", "'%.*s'", (int)format.size, format.data);
            return error->code;
        }
    }
    return MR_OK;
}
