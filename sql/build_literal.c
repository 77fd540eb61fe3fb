/* sql/build_literal.c: literals, calls and the forms with words in them, for the grammar's actions. */
#include "sql/build.h"

#include "grammar.h"

/* ---- strings ---- */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* `count` digits of the base at *at; -1 when there are fewer, or the number is no character. */
static int64_t code_point(const char *at, const char *end, int count, int base)
{
    int64_t value = 0;
    if (end - at < count)
        return -1;
    for (int i = 0; i < count; i++) {
        int digit = digit_of(at[i]);
        if (digit >= base)
            return -1;
        value = value * base + digit;
    }
    return value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF) ? value : -1;
}

/* What stands behind a backslash at *at, moved behind it; writes at most 4 bytes. */
static size_t escape(const char **at, const char *end, char *out)
{
    const char *p = *at;
    int64_t code = -1;
    int size = 0;
    if (*p == 'u')
        size = 4, code = code_point(p + 1, end, size, 16), size++;
    else if (*p == 'U')
        size = 8, code = code_point(p + 1, end, size, 16), size++;
    else if (*p == '0' || *p == '1')
        size = 3, code = code_point(p, end, size, 8);
    if (code >= 0) {
        *at = p + size;
        return put_utf8(out, (uint32_t)code);
    }
    *at = p + 1;
    switch (*p) {
    case '0':
        out[0] = 0;
        return 1;
    case 'b':
        out[0] = '\b';
        return 1;
    case 'n':
        out[0] = '\n';
        return 1;
    case 'r':
        out[0] = '\r';
        return 1;
    case 't':
        out[0] = '\t';
        return 1;
    case 'Z':
        out[0] = 26;
        return 1;
    case '%':
    case '_': /* kept for LIKE */
        out[0] = '\\';
        out[1] = *p;
        return 2;
    default:
        out[0] = *p;
        return 1;
    }
}

struct mr_str mr_sql_unescape(struct mr_sql_parser *p, const struct mr_sql_token *string)
{
    struct mr_str text = mr_sql_token_text(p, string);
    bool raw = text.size > 0 && (text.data[0] == 'r' || text.data[0] == 'R');
    if (text.size < 2)
        return (struct mr_str){"", 0};
    const char *at = text.data + (raw ? 2 : 1), *end = text.data + text.size - 1;
    char quote = text.data[raw ? 1 : 0];
    char *out = mr_arena_allocate(p->arena, (size_t)(end - at) + 8), *to = out;
    if (!out) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, text.size) : p->status;
        return (struct mr_str){"", 0};
    }
    while (at < end) {
        if (!raw && *at == '\\' && at + 1 < end) {
            at++;
            to += escape(&at, end, to);
        } else {
            bool doubled = !raw && *at == quote;
            *to++ = *at++;
            at += doubled;
        }
    }
    *to = 0;
    return (struct mr_str){out, (size_t)(to - out)};
}

struct mr_sql_expression *mr_sql_make_string(struct mr_sql_parser *p, const struct mr_sql_token *t)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_STRING, t->start, t->stop);
    e->text = mr_sql_unescape(p, t);
    return e;
}

/* 'a' 'b': one string, read again piece by piece. */
struct mr_sql_expression *mr_sql_make_strings(struct mr_sql_parser *p, const struct mr_sql_token *range)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_STRING, range->start, range->stop);
    char *out = mr_arena_allocate(p->arena, range->stop - range->start + 8);
    if (!out) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, range->stop - range->start) : p->status;
        return e;
    }
    size_t position = range->start, size = 0;
    while (position < range->stop) {
        struct mr_sql_token t;
        if (mr_sql_lex(p->text, range->stop, &position, &t) != MR_TOKEN_STRING)
            break;
        struct mr_str piece = mr_sql_unescape(p, &t);
        memcpy(out + size, piece.data, piece.size);
        size += piece.size;
    }
    e->text = (struct mr_str){out, size};
    return e;
}

/* ---- other literals ---- */
struct mr_sql_expression *mr_sql_make_constant(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                               const struct mr_sql_token *t, int value)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, kind, t->start, t->stop);
    e->flag = value;
    return e;
}

static struct mr_str signed_text(struct mr_sql_parser *p, bool minus, struct mr_str text)
{
    if (!minus)
        return text;
    char *copy = mr_arena_format(p->arena, "-%.*s", (int)text.size, text.data);
    if (!copy) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, text.size) : p->status;
        return text;
    }
    return (struct mr_str){copy, text.size + 1};
}

struct mr_sql_expression *mr_sql_make_number(struct mr_sql_parser *p, const struct mr_sql_token *sign,
                                             const struct mr_sql_token *t)
{
    struct mr_sql_expression *e =
        mr_sql_new_expression(p, MR_SQL_NUMBER, sign ? sign->start : t->start, t->stop);
    e->text = signed_text(p, sign != NULL, mr_sql_token_text(p, t));
    return e;
}

struct mr_sql_expression *mr_sql_make_typed(struct mr_sql_parser *p, const struct mr_sql_token *word,
                                            const struct mr_sql_token *string)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_TYPED, word->start, string->stop);
    e->word = mr_sql_token_identifier(p, word);
    e->text = mr_sql_unescape(p, string);
    return e;
}

struct mr_sql_expression *mr_sql_make_parameter(struct mr_sql_parser *p, const struct mr_sql_token *mark,
                                                const struct mr_sql_token *name)
{
    struct mr_sql_expression *e =
        mr_sql_new_expression(p, MR_SQL_PARAMETER, mark->start, name ? name->stop : mark->stop);
    e->word = name ? mr_sql_token_identifier(p, name) : MR_STR("?");
    return e;
}

struct mr_sql_interval_unit *mr_sql_make_unit(struct mr_sql_parser *p, const struct mr_sql_token *sign,
                                              const struct mr_sql_token *value,
                                              const struct mr_sql_token *unit)
{
    struct mr_sql_interval_unit *u = mr_sql_parser_new(p, sizeof *u);
    bool quoted = value->kind == MR_TOKEN_STRING;
    struct mr_str text = quoted ? mr_sql_unescape(p, value) : mr_sql_token_text(p, value);
    *u = (struct mr_sql_interval_unit){signed_text(p, sign != NULL, text), mr_sql_token_text(p, unit), quoted,
                                       sign ? sign->start : value->start, unit->stop};
    return u;
}

struct mr_sql_expression *mr_sql_make_interval(struct mr_sql_parser *p, const struct mr_sql_token *word,
                                               struct mr_sql_list *units, const struct mr_sql_token *to)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_INTERVAL, word->start, p->last_stop);
    struct mr_sql_interval_unit *list = mr_sql_parser_new(p, sizeof *list * (size_t)units->count);
    if (!list)
        return e;
    for (int i = 0; i < units->count; i++)
        list[i] = *(struct mr_sql_interval_unit *)units->items[i];
    e->units = list;
    e->unit_count = units->count;
    if (to)
        e->to = mr_sql_token_text(p, to);
    return e;
}

/* ---- forms with words ---- */
struct mr_sql_expression *mr_sql_make_case(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_expression *operand, struct mr_sql_list *whens,
                                           struct mr_sql_expression *otherwise,
                                           const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_CASE, begin->start, end->stop);
    struct mr_sql_list *all = operand ? mr_sql_list_add(p, NULL, operand) : NULL;
    for (int i = 0; i < whens->count; i++)
        all = mr_sql_list_add(p, all, whens->items[i]);
    if (otherwise)
        all = mr_sql_list_add(p, all, otherwise);
    e->flag = operand != NULL;
    mr_sql_set_arguments(p, e, (struct mr_sql_expression *const *)all->items, all->count);
    return e;
}

struct mr_sql_expression *mr_sql_make_extract(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                              const struct mr_sql_token *field, struct mr_sql_expression *a,
                                              const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_EXTRACT, begin->start, end->stop);
    e->word = mr_sql_token_identifier(p, field);
    mr_sql_set_arguments(p, e, &a, 1);
    return e;
}

static struct mr_sql_name *function_name(struct mr_sql_parser *p, const char *function,
                                         const struct mr_sql_token *at)
{
    struct mr_sql_name *name = mr_sql_parser_new(p, sizeof *name);
    struct mr_str *part = mr_sql_parser_new(p, sizeof *part);
    *part = mr_str_of(function);
    *name = (struct mr_sql_name){part, 1, at->start, at->stop};
    return name;
}

struct mr_sql_expression *mr_sql_make_words(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                            const char *function, struct mr_sql_expression *a,
                                            struct mr_sql_expression *b, struct mr_sql_expression *c,
                                            struct mr_sql_expression *d, const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_CALL, begin->start, end->stop);
    struct mr_sql_expression *list[] = {a, b, c, d};
    e->name = function_name(p, function, begin);
    mr_sql_set_arguments(p, e, list, 4);
    return e;
}

struct mr_sql_expression *mr_sql_make_trim(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           const struct mr_sql_token *side, struct mr_sql_expression *what,
                                           struct mr_sql_expression *from, const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_TRIM, begin->start, end->stop);
    struct mr_sql_expression *list[] = {from, what};
    int kind = side ? side->kind : MR_TOKEN_BOTH;
    e->word = kind == MR_TOKEN_LEADING    ? MR_STR("leading")
              : kind == MR_TOKEN_TRAILING ? MR_STR("trailing")
                                          : MR_STR("both");
    mr_sql_set_arguments(p, e, list, 2);
    return e;
}

/* ---- calls ---- */
struct mr_sql_expression *mr_sql_make_call(struct mr_sql_parser *p, struct mr_sql_name *name, int distinct,
                                           struct mr_sql_list *arguments, const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_CALL, name->start, end->stop);
    e->name = name;
    e->distinct = distinct;
    if (arguments)
        mr_sql_set_arguments(p, e, (struct mr_sql_expression *const *)arguments->items, arguments->count);
    return e;
}

void mr_sql_call_stop(struct mr_sql_expression *call, const struct mr_sql_token *end)
{
    call->stop = call->outer_stop = end->stop;
}

struct mr_sql_expression *mr_sql_call_over(struct mr_sql_parser *p, struct mr_sql_expression *call,
                                           struct mr_sql_window *window)
{
    call->over = window;
    call->stop = call->outer_stop = p->last_stop;
    return call;
}

static const struct mr_sql_order *orders_of(struct mr_sql_parser *p, const struct mr_sql_list *orders,
                                            int *count)
{
    struct mr_sql_order *list = mr_sql_parser_new(p, sizeof *list * (size_t)orders->count);
    for (int i = 0; list && i < orders->count; i++)
        list[i] = *(struct mr_sql_order *)orders->items[i];
    *count = list ? orders->count : 0;
    return list;
}

struct mr_sql_expression *mr_sql_call_within(struct mr_sql_parser *p, struct mr_sql_expression *call,
                                             struct mr_sql_list *orders)
{
    call->within = orders_of(p, orders, &call->within_count);
    for (int i = 0; i < call->within_count; i++)
        if (call->within[i].expression->depth >= call->depth)
            call->depth = call->within[i].expression->depth + 1;
    return call;
}

struct mr_sql_window *mr_sql_make_window(struct mr_sql_parser *p, const struct mr_sql_token *reference,
                                         struct mr_sql_list *partition, struct mr_sql_list *order,
                                         const struct mr_sql_token *end)
{
    struct mr_sql_window *w = mr_sql_parser_new(p, sizeof *w);
    if (reference)
        w->reference = mr_sql_token_identifier(p, reference);
    if (partition) {
        w->partition = (struct mr_sql_expression *const *)partition->items;
        w->partition_count = partition->count;
    }
    if (order)
        w->order = orders_of(p, order, &w->order_count);
    w->stop = end ? end->stop : p->last_stop;
    return w;
}

struct mr_sql_expression *mr_sql_make_aliased(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                              const struct mr_sql_token *name)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_ALIASED, a->outer_start, name->stop);
    e->word = mr_sql_token_identifier(p, name);
    mr_sql_set_arguments(p, e, &a, 1);
    return e;
}

struct mr_sql_expression *mr_sql_make_named(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                            struct mr_sql_expression *a)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_NAMED, name->start, p->last_stop);
    e->word = mr_sql_token_identifier(p, name);
    mr_sql_set_arguments(p, e, &a, 1);
    return e;
}

struct mr_sql_expression *mr_sql_make_lambda(struct mr_sql_parser *p, struct mr_sql_list *names,
                                             struct mr_sql_expression *body, const struct mr_sql_token *begin)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_LAMBDA, begin->start, p->last_stop);
    e->names = mr_sql_names_of(p, names, &e->name_count);
    mr_sql_set_arguments(p, e, &body, 1);
    return e;
}

struct mr_sql_expression *mr_sql_make_lambda_of(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                                struct mr_sql_expression *first, struct mr_sql_list *rest,
                                                struct mr_sql_expression *body)
{
    struct mr_sql_list *names = NULL;
    for (int i = -1; i < (rest ? rest->count : 0); i++) {
        struct mr_sql_expression *e = i < 0 ? first : rest->items[i];
        if (e->kind != MR_SQL_COLUMN || e->name->count != 1 || e->parenthesised) {
            mr_sql_parser_error(p, e->start, e->stop, "PARSE_SYNTAX_ERROR",
                                "the parameters of a lambda function are plain names");
            break;
        }
        names = mr_sql_list_add(p, names, (void *)e->name);
    }
    return mr_sql_make_lambda(p, names, body, begin);
}

struct mr_sql_expression *mr_sql_make_table_argument(struct mr_sql_parser *p,
                                                     const struct mr_sql_token *begin,
                                                     struct mr_sql_relation *relation,
                                                     const struct mr_sql_token *end)
{
    struct mr_sql_expression *e =
        mr_sql_new_expression(p, MR_SQL_TABLE, begin->start, end ? end->stop : p->last_stop);
    e->relation = relation;
    e->depth = relation->depth + 1;
    return e;
}
