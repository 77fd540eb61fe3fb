/* columns/type_parse.c: types and column lists in Spark's DDL text. */
#include <stdlib.h>

#include "columns/type_text.h"

enum { DEEPEST = 200 }; /* nesting of types; more is an attack or an accident */

struct parser {
    struct mr_arena *arena;
    struct mr_str text;
    size_t at;
    int depth;
    struct mr_error *error;
};

struct word { /* an identifier or the content of a back-quoted name */
    struct mr_str text;
    size_t start;
    bool quoted;
};

/* Blanks and comments. */
static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.size) {
        struct mr_str rest = {p->text.data + p->at, p->text.size - p->at};
        if (strchr(" \t\r\n", rest.data[0]) && rest.data[0]) {
            p->at++;
        } else if (mr_str_starts_with(rest, MR_STR("--"))) {
            const char *line_end = memchr(rest.data, '\n', rest.size);
            p->at = line_end ? (size_t)(line_end - p->text.data) : p->text.size;
        } else if (mr_str_starts_with(rest, MR_STR("/*"))) {
            const char *comment_end = memmem(rest.data + 2, rest.size - 2, "*/", 2);
            if (!comment_end)
                break;
            p->at = (size_t)(comment_end + 2 - p->text.data);
        } else {
            break;
        }
    }
}

static int peek(struct parser *p)
{
    skip_blanks(p);
    return p->at < p->text.size ? (unsigned char)p->text.data[p->at] : -1;
}

static bool word_character(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c >= 0x80;
}

/* Length of the piece an error message quotes: a word, else one character. */
static size_t piece_size(const struct parser *p, size_t start)
{
    size_t end = start;
    while (end < p->text.size && word_character((unsigned char)p->text.data[end]))
        end++;
    return end > start ? end - start : start < p->text.size;
}

static int syntax_error(struct parser *p, size_t start)
{
    size_t size = piece_size(p, start);
    const char *piece = size > 0 ? p->text.data + start : "end of input";
    int shown = size > 0 ? (int)size : 12;
    mr_error_set(p->error, MR_E_SQL, "PARSE_SYNTAX_ERROR",
                 "The type text '%.*s' cannot be read at '%.*s' (column %zu). Expected is a type such as "
                 "DECIMAL(10,2), or a "
                 "list such as a BIGINT, b STRING.",
                 (int)p->text.size, p->text.data, shown, piece, start + 1);
    mr_error_parameter(p->error, "error", "'%.*s'", shown, piece);
    mr_error_parameter(p->error, "hint", "%s", "");
    return p->error ? mr_error_at(p->error, NULL, 0, (int64_t)start + 1, -1) : MR_E_SQL;
}

static int piece_error(struct parser *p, const char *condition, const char *parameter, size_t start,
                       size_t stop, const char *remedy)
{
    int size = (int)(stop - start);
    const char *name = p->text.data + start;
    mr_error_set(p->error, MR_E_SQL, condition, "'%.*s' (column %zu) %s", size, name, start + 1, remedy);
    mr_error_parameter(p->error, parameter, "\"%.*s\"", size, name);
    return p->error ? mr_error_at(p->error, NULL, 0, (int64_t)start + 1, -1) : MR_E_SQL;
}

static int unsupported(struct parser *p, size_t start, size_t stop)
{
    struct mr_str name = {p->text.data + start, piece_size(p, start)};
    if (mr_str_equal_nocase(name, MR_STR("CHAR")) || mr_str_equal_nocase(name, MR_STR("VARCHAR")))
        return piece_error(p, "UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING", "typeName", start, stop,
                           "limits a length that nothing would check here. Use STRING.");
    return piece_error(p, "UNSUPPORTED_DATATYPE", "typeName", start, stop, "is no data type known here.");
}

/* ARRAY, MAP or STRUCT without what it holds. */
static int incomplete(struct parser *p, enum mr_type_id id, size_t start)
{
    static const char *const conditions[] = {"INCOMPLETE_TYPE_DEFINITION.ARRAY",
                                             "INCOMPLETE_TYPE_DEFINITION.MAP",
                                             "INCOMPLETE_TYPE_DEFINITION.STRUCT"};
    static const char *const remedies[] = {"needs the type of its elements, as in ARRAY<INT>.",
                                           "needs its key and value types, as in MAP<STRING, INT>.",
                                           "needs its fields, as in STRUCT<a: INT>."};
    return piece_error(p, conditions[id - MR_ARRAY], "elementType", start, start + piece_size(p, start),
                       remedies[id - MR_ARRAY]);
}

static int read_quoted(struct parser *p, struct word *out)
{
    size_t start = p->at++;
    char *copy = mr_arena_allocate(p->arena, p->text.size - p->at + 1);
    if (!copy)
        return mr_error_memory(p->error, p->text.size);
    size_t size = 0;
    for (; p->at < p->text.size; p->at++) {
        if (p->text.data[p->at] == '`') {
            if (p->at + 1 >= p->text.size || p->text.data[p->at + 1] != '`')
                break;
            p->at++; /* two of them are one */
        }
        copy[size++] = p->text.data[p->at];
    }
    if (p->at >= p->text.size)
        return syntax_error(p, start);
    p->at++;
    copy[size] = 0;
    *out = (struct word){.text = {copy, size}, .start = start, .quoted = true};
    return MR_OK;
}

static int read_word(struct parser *p, struct word *out)
{
    int c = peek(p);
    if (c == '`')
        return read_quoted(p, out);
    size_t start = p->at;
    bool digits_only = true;
    while (p->at < p->text.size && word_character((unsigned char)p->text.data[p->at])) {
        char d = p->text.data[p->at++];
        digits_only = digits_only && d >= '0' && d <= '9';
    }
    if (p->at == start || digits_only) {
        p->at = start;
        return syntax_error(p, start);
    }
    *out = (struct word){.text = {p->text.data + start, p->at - start}, .start = start};
    bool hyphen = p->at < p->text.size && p->text.data[p->at] == '-';
    bool plain =
        !hyphen || (p->at + 1 < p->text.size && p->text.data[p->at + 1] == '-'); /* a comment may follow */
    for (size_t i = start; i < p->at; i++)
        plain = plain && (unsigned char)p->text.data[i] < 0x80;
    if (!plain)
        return piece_error(p, "INVALID_IDENTIFIER", "ident", start, p->at,
                           "is no plain name. Put it in back-quotes.");
    return MR_OK;
}

/* Takes the keyword if it stands here. */
static bool take(struct parser *p, const char *keyword)
{
    skip_blanks(p);
    size_t size = strlen(keyword);
    if (p->text.size - p->at < size || piece_size(p, p->at) != size)
        return false;
    if (!mr_str_equal_nocase((struct mr_str){p->text.data + p->at, size}, (struct mr_str){keyword, size}))
        return false;
    p->at += size;
    return true;
}

static int expect(struct parser *p, char c)
{
    if (peek(p) != c)
        return syntax_error(p, p->at);
    p->at++;
    return MR_OK;
}

static int read_number(struct parser *p, int *out)
{
    peek(p);
    size_t start = p->at;
    int value = 0;
    while (p->at < p->text.size && p->text.data[p->at] >= '0' && p->text.data[p->at] <= '9' &&
           value < 1000000)
        value = value * 10 + (p->text.data[p->at++] - '0');
    if (p->at == start)
        return syntax_error(p, start);
    *out = value;
    return MR_OK;
}

static int parse_decimal(struct parser *p, const struct mr_type **out)
{
    int precision = 10, scale = 0;
    if (peek(p) == '(') {
        p->at++;
        MR_TRY(read_number(p, &precision));
        if (peek(p) == ',') {
            p->at++;
            MR_TRY(read_number(p, &scale));
        }
        MR_TRY(expect(p, ')'));
    }
    if (precision > 38) {
        mr_error_set(p->error, MR_E_SQL, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                     "DECIMAL(%d,%d) asks for more digits than the 38 there are.", precision, scale);
        mr_error_parameter(p->error, "precision", "%d", precision);
        mr_error_parameter(p->error, "maxPrecision", "38");
        return MR_E_SQL;
    }
    if (scale > precision || precision < 1)
        return mr_error_set(p->error, MR_E_SQL, "PARSE_SYNTAX_ERROR",
                            "DECIMAL(%d,%d) is impossible: 1 <= precision and scale <= precision are needed.",
                            precision, scale);
    *out = mr_type_decimal(p->arena, precision, scale);
    return *out ? MR_OK : mr_error_memory(p->error, sizeof **out);
}

/* INTERVAL YEAR [TO MONTH], MONTH, DAY [TO ...], HOUR, MINUTE, SECOND: the two families. */
static int parse_interval(struct parser *p, const struct mr_type **out)
{
    static const char *const units[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
    int from = -1, to = -1;
    size_t start = p->at;
    for (int i = 0; i < 6 && from < 0; i++)
        if (take(p, units[i]))
            from = to = i;
    if (from >= 0 && take(p, "TO")) {
        to = -1;
        for (int i = 0; i < 6 && to < 0; i++)
            if (take(p, units[i]))
                to = i;
        if (to <= from)
            return syntax_error(p, p->at);
    }
    if (from < 0 || (from <= 1) != (to <= 1))
        return syntax_error(p, from < 0 ? p->at : start);
    *out = from <= 1 ? mr_type_interval(true, from, to) : mr_type_interval(false, from - 2, to - 2);
    return MR_OK;
}

static int parse_type(struct parser *p, const struct mr_type **out);
static int parse_fields(struct parser *p, char close, const struct mr_type **out);

static int parse_nested(struct parser *p, enum mr_type_id id, size_t start, const struct mr_type **out)
{
    if (peek(p) != '<')
        return incomplete(p, id, start);
    p->at++;
    const struct mr_type *first = NULL, *second = NULL;
    if (id == MR_STRUCT) {
        MR_TRY(parse_fields(p, '>', out));
        return expect(p, '>');
    }
    MR_TRY(parse_type(p, &first));
    if (id == MR_MAP) {
        MR_TRY(expect(p, ','));
        MR_TRY(parse_type(p, &second));
    }
    MR_TRY(expect(p, '>'));
    *out = id == MR_MAP ? mr_type_map(p->arena, first, second, true) : mr_type_array(p->arena, first, true);
    return *out ? MR_OK : mr_error_memory(p->error, sizeof **out);
}

/* Strings compare by their bytes here: the one collation that does is accepted. */
static int parse_collation(struct parser *p)
{
    struct word name;
    MR_TRY(read_word(p, &name));
    if (mr_str_equal_nocase(name.text, MR_STR("UTF8_BINARY")))
        return MR_OK;
    return piece_error(p, "UNSUPPORTED_DATATYPE", "typeName", name.start, p->at,
                       "is a collation that is not supported. Use UTF8_BINARY.");
}

static int parse_type(struct parser *p, const struct mr_type **out)
{
    struct word name;
    if (++p->depth > DEEPEST)
        return syntax_error(p, p->at);
    MR_TRY(read_word(p, &name));
    int status = MR_OK;
    const struct mr_type *simple = name.quoted ? NULL : mr_type_by_name(name.text);
    if (simple && simple->id == MR_DECIMAL) {
        status = parse_decimal(p, out);
    } else if (simple) {
        *out = simple;
        if (peek(p) == '(')
            status = unsupported(p, name.start, p->at + 1);
        else if (simple->id == MR_STRING && take(p, "COLLATE"))
            status = parse_collation(p);
    } else if (mr_str_equal_nocase(name.text, MR_STR("ARRAY"))) {
        status = parse_nested(p, MR_ARRAY, name.start, out);
    } else if (mr_str_equal_nocase(name.text, MR_STR("MAP"))) {
        status = parse_nested(p, MR_MAP, name.start, out);
    } else if (mr_str_equal_nocase(name.text, MR_STR("STRUCT"))) {
        status = parse_nested(p, MR_STRUCT, name.start, out);
    } else if (mr_str_equal_nocase(name.text, MR_STR("INTERVAL"))) {
        status = parse_interval(p, out);
    } else {
        status = unsupported(p, name.start, p->at);
    }
    p->depth--;
    return status;
}

static int parse_comment(struct parser *p, struct mr_field *field)
{
    int quote = peek(p);
    size_t start = p->at;
    if (quote != '\'' && quote != '"')
        return syntax_error(p, start);
    char *text = mr_arena_allocate(p->arena, p->text.size - start + 1);
    if (!text)
        return mr_error_memory(p->error, p->text.size);
    size_t size = 0;
    for (p->at++; p->at < p->text.size && p->text.data[p->at] != quote; p->at++) {
        if (p->text.data[p->at] == '\\' && p->at + 1 < p->text.size) {
            char c = p->text.data[++p->at];
            text[size++] = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        } else {
            text[size++] = p->text.data[p->at];
        }
    }
    if (p->at >= p->text.size)
        return syntax_error(p, start);
    p->at++;
    text[size] = 0;
    field->comment = text;
    field->metadata = mr_comment_metadata(p->arena, text);
    return field->metadata ? MR_OK : mr_error_memory(p->error, size);
}

static int parse_field(struct parser *p, struct mr_field *field)
{
    struct word name;
    MR_TRY(read_word(p, &name));
    *field = (struct mr_field){.nullable = true};
    field->name = mr_arena_copy_text(p->arena, name.text.data, name.text.size);
    if (!field->name)
        return mr_error_memory(p->error, name.text.size);
    if (peek(p) == ':')
        p->at++;
    MR_TRY(parse_type(p, &field->type));
    if (take(p, "NOT")) {
        if (!take(p, "NULL"))
            return syntax_error(p, p->at);
        field->nullable = false;
    }
    return take(p, "COMMENT") ? parse_comment(p, field) : MR_OK;
}

/* Fields up to `close` (0: the end of the text), which is left unread. */
static int parse_fields(struct parser *p, char close, const struct mr_type **out)
{
    struct mr_field *fields = NULL;
    int count = 0, capacity = 0, status = MR_OK;
    while (close ? peek(p) != close || count > 0 : true) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            struct mr_field *more = mr_reallocate(fields, sizeof *fields * (size_t)capacity);
            if (!more)
                MR_ERR(mr_error_memory(p->error, sizeof *fields * (size_t)capacity));
            fields = more;
        }
        MR_ERR(parse_field(p, &fields[count]));
        count++;
        if (peek(p) != ',')
            break;
        p->at++;
    }
    *out = mr_type_struct(p->arena, fields, count);
    if (!*out)
        status = mr_error_memory(p->error, sizeof *fields * (size_t)count);
err:
    mr_free(fields);
    return status;
}

int mr_type_parse(struct mr_arena *arena, struct mr_str text, const struct mr_type **out,
                  struct mr_error *error)
{
    struct parser p = {.arena = arena, .text = text, .error = error};
    MR_TRY(parse_type(&p, out));
    return peek(&p) < 0 ? MR_OK : syntax_error(&p, p.at);
}

/* A STRUCT<...> type, not a column that is named struct. */
static bool is_struct_type(struct mr_str text)
{
    struct parser p = {.text = text};
    return take(&p, "STRUCT") && peek(&p) == '<';
}

int mr_schema_parse(struct mr_arena *arena, struct mr_str text, const struct mr_type **out,
                    struct mr_error *error)
{
    if (is_struct_type(text))
        return mr_type_parse(arena, text, out, error);
    struct parser p = {.arena = arena, .text = text, .error = error};
    MR_TRY(parse_fields(&p, 0, out));
    return peek(&p) < 0 ? MR_OK : syntax_error(&p, p.at);
}
