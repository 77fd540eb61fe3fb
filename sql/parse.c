/* sql/parse.c: from text to statements: cuts the text at semicolons and feeds each piece's tokens to the
 * grammar. */
#include <stdio.h>
#include <strings.h>

#include "sql/build.h"
#include "sql/sql.h"

#include "grammar.h"

void *mr_sql_grammarAlloc(void *(*allocate)(size_t));
void mr_sql_grammarFree(void *grammar, void (*release)(void *));
void mr_sql_grammar(void *grammar, int kind, struct mr_sql_token token, struct mr_sql_parser *p);

#define MAX_TEXT ((size_t)64 << 20)

/* ---- errors ---- */
static void report(struct mr_sql_parser *p, uint32_t start, uint32_t stop)
{
    mr_error_in_sql(p->error, p->file, p->text, start, stop);
    p->status = p->error->code;
}

void mr_sql_parser_error(struct mr_sql_parser *p, uint32_t start, uint32_t stop, const char *condition,
                         const char *format, ...)
{
    if (p->status != MR_OK)
        return;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    mr_error_set(p->error, MR_E_SQL, condition, "%s.", message);
    report(p, start, stop);
}

static void syntax_error(struct mr_sql_parser *p, uint32_t start, uint32_t stop)
{
    int size = (int)(stop - start < 100 ? stop - start : 100);
    if (size == 0) {
        mr_error_set(p->error, MR_E_SQL, "PARSE_SYNTAX_ERROR",
                     "Syntax error at end of input: something is missing here.");
        mr_error_parameter(p->error, "error", "end of input");
    } else {
        mr_error_set(p->error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "Syntax error at or near '%.*s'.", size,
                     p->text + start);
        mr_error_parameter(p->error, "error", "'%.*s'", size, p->text + start);
    }
    mr_error_parameter(p->error, "hint", "%s", "");
    report(p, start, stop);
}

void mr_sql_parser_unexpected(struct mr_sql_parser *p, const struct mr_sql_token *token)
{
    if (p->status == MR_OK)
        syntax_error(p, token->start, token->stop);
}

void mr_sql_parser_too_complex(struct mr_sql_parser *p)
{
    mr_sql_parser_error(p, p->current.start, p->current.stop, "FAILED_TO_PARSE_TOO_COMPLEX",
                        "The statement is nested more than %d levels deep; split it into smaller ones",
                        MR_SQL_MAX_DEPTH);
}

static void bad_token(struct mr_sql_parser *p, const struct mr_sql_token *t)
{
    if (t->kind == MR_LEX_UNCLOSED_COMMENT) {
        mr_error_set(p->error, MR_E_SQL, "UNCLOSED_BRACKETED_COMMENT",
                     "A comment opens here and is not closed; add */ at its end.");
        report(p, t->start, t->start + 2);
        return;
    }
    char c = p->text[t->start];
    if (c == '\'' || c == '"' || c == '`') {
        mr_error_set(p->error, MR_E_SQL, "PARSE_SYNTAX_ERROR",
                     "Syntax error at or near '%c': the quote is not closed.", c);
        mr_error_parameter(p->error, "error", "'%c'", c);
        mr_error_parameter(p->error, "hint", "%s", "");
        report(p, t->start, t->start + 1);
        return;
    }
    syntax_error(p, t->start, t->stop);
}

/* ---- tokens of one statement ---- */
struct tokens {
    struct mr_sql_token *items;
    size_t count, capacity;
};

static int add_token(struct tokens *list, struct mr_sql_token t, struct mr_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        struct mr_sql_token *items = mr_reallocate(list->items, capacity * sizeof *items);
        if (!items)
            return mr_error_memory(error, capacity * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = t;
    return MR_OK;
}

/* Reads tokens up to a semicolon or the end; *end is the terminator. */
static int read_tokens(struct mr_sql_parser *p, size_t size, size_t *position, struct tokens *list,
                       struct mr_sql_token *end)
{
    list->count = 0;
    for (;;) {
        struct mr_sql_token t;
        int kind = mr_sql_lex(p->text, size, position, &t);
        if (kind < 0) {
            bad_token(p, &t);
            return p->status;
        }
        if (kind == 0 || kind == MR_TOKEN_SEMICOLON) {
            *end = t;
            return MR_OK;
        }
        MR_TRY(add_token(list, t, p->error));
    }
}

static bool word_is(const struct mr_sql_parser *p, const struct tokens *list, size_t i, const char *word)
{
    if (i >= list->count || list->items[i].kind != MR_TOKEN_ID)
        return false;
    const struct mr_sql_token *t = &list->items[i];
    return t->stop - t->start == strlen(word) && strncasecmp(p->text + t->start, word, strlen(word)) == 0;
}

/* ---- statements that are not parsed by the grammar ---- */
/* Statements of Spark that Millrace has no use for: known, so that the answer is not "syntax error". */
static bool is_other(const struct mr_sql_parser *p, const struct tokens *list, size_t *words)
{
    static const char *const single[] = {"drop",     "alter",   "delete",  "merge",   "truncate", "show",
                                         "describe", "desc",    "explain", "cache",   "uncache",  "refresh",
                                         "analyze",  "msck",    "load",    "grant",   "revoke",   "reset",
                                         "call",     "execute", "declare", "comment", "add",      "list",
                                         "optimize", "vacuum",  "restore", "begin",   "apply",    "clear",
                                         "repair",   "lock",    "update",  "undrop",  "copy"};
    static const char *const created[] = {"schema", "database", "namespace", "function", "index",
                                          "role",   "catalog",  "variable",  "macro",    "volume"};
    *words = 1;
    for (size_t k = 0; k < sizeof single / sizeof *single; k++)
        if (word_is(p, list, 0, single[k]))
            return true;
    *words = 2;
    for (size_t k = 0; k < sizeof created / sizeof *created; k++)
        if (word_is(p, list, 0, "create") && word_is(p, list, 1, created[k]))
            return true;
    return false;
}

/* A script, cut at its first semicolon: BEGIN, BEGIN ATOMIC, NOT ATOMIC, label: BEGIN. BEGIN TRANSACTION is
 * none. */
static bool is_compound(const struct mr_sql_parser *p, const struct tokens *list)
{
    size_t i = list->count > 2 && list->items[1].kind == MR_TOKEN_COLON ? 2 : 0;
    return word_is(p, list, i, "begin") && !word_is(p, list, i + 1, "transaction") &&
           !word_is(p, list, i + 1, "work");
}

static size_t auto_cdc_at(const struct mr_sql_parser *p, const struct tokens *list)
{
    bool creates = word_is(p, list, 0, "create");
    for (size_t i = 0; creates && i + 1 < list->count; i++)
        if (word_is(p, list, i, "auto") && word_is(p, list, i + 1, "cdc"))
            return i;
    return 0;
}

static struct mr_str trimmed(const char *text, size_t start, size_t stop)
{
    while (start < stop && strchr(" \t\r\n", text[start]))
        start++;
    while (stop > start && strchr(" \t\r\n", text[stop - 1]))
        stop--;
    return (struct mr_str){text + start, stop - start};
}

static struct mr_str without_backquotes(struct mr_str s)
{
    if (s.size >= 2 && s.data[0] == '`' && s.data[s.size - 1] == '`')
        return (struct mr_str){s.data + 1, s.size - 2};
    return s;
}

static bool is_plain_key(struct mr_str key)
{
    for (size_t i = 0; i < key.size; i++) {
        char c = key.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == ':' || c == '-';
        if (!good)
            return false;
    }
    return key.size > 0;
}

/* SET key = any text to the semicolon. */
static int parse_set(struct mr_sql_parser *p, size_t size, size_t *position, struct mr_sql_statement *s)
{
    size_t start = *position, stop = start;
    char quote = 0;
    for (; stop < size && (quote || p->text[stop] != ';'); stop++)
        if (p->text[stop] == '`')
            quote = quote ? 0 : '`';
    *position = stop < size ? stop + 1 : stop;
    s->kind = MR_SQL_SET;
    s->word = MR_STR("SET");
    s->stop = (uint32_t)stop;
    struct mr_str whole = trimmed(p->text, start, stop);
    if (whole.size == 0 || mr_str_equal(whole, MR_STR("-v")))
        return MR_OK;
    if (whole.size > 9 && strncasecmp(whole.data, "time zone", 9) == 0) {
        struct mr_str zone = trimmed(p->text, (size_t)(whole.data - p->text) + 9, stop);
        bool quoted = zone.size >= 2 && zone.data[0] == '\'' && zone.data[zone.size - 1] == '\'';
        s->key = MR_STR("spark.sql.session.timeZone");
        s->value = quoted ? (struct mr_str){zone.data + 1, zone.size - 2} : zone;
        return MR_OK;
    }
    const char *equals = memchr(whole.data, '=', whole.size);
    size_t key_stop = equals ? (size_t)(equals - p->text) : (size_t)(whole.data - p->text) + whole.size;
    struct mr_str key = trimmed(p->text, (size_t)(whole.data - p->text), key_stop);
    s->key = without_backquotes(key);
    if (equals)
        s->value = without_backquotes(trimmed(p->text, key_stop + 1, stop));
    if (s->key.size == key.size && !is_plain_key(key)) {
        mr_sql_parser_error(
            p, s->start, s->stop, "INVALID_SET_SYNTAX",
            "SET is followed by nothing, a key, or key=value; put back-quotes around a key with "
            "special characters or a value with a semicolon");
        return p->status;
    }
    return MR_OK;
}

/* ---- the grammar ---- */
static int feed(struct mr_sql_parser *p, void *grammar, struct tokens *list, const struct mr_sql_token *end)
{
    size_t count = list->count;
    for (size_t i = 0; i < 3 * count; i++)
        MR_TRY(add_token(list, (struct mr_sql_token){0}, p->error));
    size_t total = mr_sql_look_ahead(p->text, list->items, count);
    const struct mr_sql_token *tokens = list->items + count;
    p->last_stop = total > 0 ? tokens[0].start : end->start;
    for (size_t i = 0; i < total && p->status == MR_OK; i++) {
        p->current = tokens[i];
        mr_sql_grammar(grammar, tokens[i].kind, tokens[i], p);
        p->last_stop = tokens[i].stop;
    }
    if (p->status == MR_OK) {
        struct mr_sql_token last = {0, end->start, end->start};
        last.start = last.stop = p->last_stop;
        p->current = last;
        mr_sql_grammar(grammar, 0, last, p);
    }
    return p->status;
}

static int parse_tokens(struct mr_sql_parser *p, struct tokens *list, const struct mr_sql_token *end,
                        struct mr_sql_statement *s)
{
    size_t words = 0, cdc = auto_cdc_at(p, list);
    s->stop = list->items[list->count - 1].stop;
    if (cdc > 0) {
        mr_error_set(p->error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE.CHANGE_DATA_CAPTURE",
                     "AUTO CDC flows are not supported yet.");
        report(p, list->items[cdc].start, list->items[cdc + 1].stop);
        return p->status;
    }
    if (is_compound(p, list)) {
        mr_error_set(
            p->error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE.SQL_SCRIPTING",
            "SQL scripts (BEGIN … END, with variables, conditions and loops) are not supported; write "
            "the statements one after another, each with its semicolon.");
        report(p, list->items[0].start, list->items[0].stop);
        return p->status;
    }
    if (is_other(p, list, &words)) {
        s->kind = MR_SQL_OTHER;
        s->word = (struct mr_str){p->text + s->start, list->items[words - 1].stop - s->start};
        return MR_OK;
    }
    p->statement = s;
    void *grammar = mr_sql_grammarAlloc(mr_allocate);
    if (!grammar)
        return mr_error_memory(p->error, 0);
    int status = feed(p, grammar, list, end);
    mr_sql_grammarFree(grammar, mr_free);
    return status;
}

static int parse_statements(struct mr_sql_script *script, size_t size, struct tokens *list,
                            struct mr_error *error)
{
    size_t position = 0, capacity = 0;
    if (size >= 3 && memcmp(script->text, "\xEF\xBB\xBF", 3) == 0)
        position = 3;
    while (position < size) {
        struct mr_sql_parser p = {.arena = &script->arena,
                                  .file = script->file,
                                  .text = script->text,
                                  .error = error};
        struct mr_sql_statement s = {0};
        struct mr_sql_token first, end;
        size_t start = position;
        int kind = mr_sql_lex(p.text, size, &position, &first);
        list->count = 1;
        s.start = first.start;
        if (kind == MR_TOKEN_ID && first.stop - first.start == 3 &&
            strncasecmp(p.text + first.start, "set", 3) == 0) {
            MR_TRY(parse_set(&p, size, &position, &s));
        } else {
            position = start;
            MR_TRY(read_tokens(&p, size, &position, list, &end));
            if (list->count == 0)
                continue;
            MR_TRY(parse_tokens(&p, list, &end, &s));
        }
        if ((size_t)script->count == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            struct mr_sql_statement *longer = mr_arena_allocate(&script->arena, capacity * sizeof s);
            if (!longer)
                return mr_error_memory(error, capacity * sizeof s);
            if (script->count > 0)
                memcpy(longer, script->statements, (size_t)script->count * sizeof s);
            script->statements = longer;
        }
        script->statements[script->count++] = s;
    }
    return MR_OK;
}

static int begin_script(struct mr_sql_script *script, const char *file, struct mr_str text,
                        struct mr_error *error)
{
    *script = (struct mr_sql_script){0};
    if (text.size > MAX_TEXT)
        return mr_error_set(error, MR_E_SQL, "FAILED_TO_PARSE_TOO_COMPLEX",
                            "The SQL text has %zu bytes; the limit is "
                            "%zu.",
                            text.size, MAX_TEXT);
    mr_arena_init(&script->arena);
    script->file = mr_arena_copy_text(&script->arena, file ? file : "", file ? strlen(file) : 0);
    script->text = mr_arena_copy_text(&script->arena, text.data, text.size);
    if (!script->file || !script->text)
        return mr_error_memory(error, text.size);
    return MR_OK;
}

int mr_sql_parse(struct mr_sql_script *script, const char *file, struct mr_str text, struct mr_error *error)
{
    struct tokens list = {0};
    int status = begin_script(script, file, text, error);
    if (status == MR_OK)
        status = parse_statements(script, text.size, &list, error);
    mr_free(list.items);
    if (status < 0)
        mr_sql_script_release(script);
    return status;
}

/* As the only item of a SELECT, so that there is one grammar. */
int mr_sql_parse_expression(struct mr_sql_script *script, const char *file, struct mr_str text,
                            struct mr_sql_expression **out, struct mr_error *error)
{
    struct mr_text select;
    mr_text_init(&select);
    mr_text_append_str(&select, "SELECT ");
    mr_text_append(&select, text.data, text.size);
    int status = select.failed ? mr_error_memory(error, text.size) : MR_OK;
    if (status == MR_OK)
        status = mr_sql_parse(script, file, mr_text_str(&select), error);
    mr_text_release(&select);
    if (status < 0)
        return status;
    const struct mr_sql_query *query = script->count == 1 ? script->statements[0].query : NULL;
    const struct mr_sql_body *body = query ? query->body : NULL;
    bool plain = body && body->kind == MR_SQL_BODY_SELECT && body->item_count == 1 && !body->from &&
                 !body->where && body->group == MR_SQL_GROUP_NONE && !body->having && !query->order_count &&
                 !query->limit && body->items[0].alias_count == 0 &&
                 body->items[0].expression->kind != MR_SQL_STAR;
    if (!plain) {
        status = mr_error_set(error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "'%.*s' is not an expression.",
                              (int)(text.size < 200 ? text.size : 200), text.data);
        mr_sql_script_release(script);
        return status;
    }
    *out = body->items[0].expression;
    script->count = 0;
    return MR_OK;
}

void mr_sql_script_release(struct mr_sql_script *script)
{
    mr_arena_release(&script->arena);
    *script = (struct mr_sql_script){0};
}
