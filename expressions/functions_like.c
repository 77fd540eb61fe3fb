/* expressions/functions_like.c: LIKE and ILIKE.
 *
 * A pattern is cut at its %s into pieces; a piece is text in which _ (kept as a mark) stands for any one
 * character. The first piece is anchored at the start, the last at the end, those between are searched from
 * left to right, which finds a match if there is one. */
#include "expressions/kernel.h"
#include "expressions/registry.h"
#include "expressions/resolve.h"

struct piece {
    char *text;        /* bytes of the piece */
    uint8_t *wildcard; /* same length: 1 where text has a _ that stands for any character */
    size_t size;
    bool plain; /* no wildcard in it */
};
struct pattern {
    struct piece *pieces;
    int count; /* number of % + 1 */
    char *text;
    uint8_t *wildcard;
};

static void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    mr_free(p->pieces);
    mr_free(p->text);
    mr_free(p->wildcard);
    mr_free(p);
}

static size_t step(const char *at, size_t left)
{
    unsigned char lead = (unsigned char)*at;
    size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return size < left ? size : left;
}

static void add_shown(struct mr_error *error, const char *parameter, struct mr_str text)
{
    struct mr_text shown;
    mr_text_init(&shown);
    mr_text_append_char(&shown, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\\' || text.data[i] == '\'')
            mr_text_append_char(&shown, '\\');
        mr_text_append_char(&shown, text.data[i]);
    }
    mr_text_append_char(&shown, '\'');
    mr_error_parameter(error, parameter, "%s", shown.data);
    mr_text_release(&shown);
}

static int bad_escape(struct mr_str text, size_t at, struct mr_error *error)
{
    if (at >= text.size) {
        mr_row_error(error, "INVALID_FORMAT.ESC_AT_THE_END",
                     "The pattern '%.*s' ends with the escape character, which escapes nothing there.",
                     (int)text.size, text.data);
        add_shown(error, "format", text);
        return error->code;
    }
    size_t size = step(text.data + at, text.size - at);
    mr_row_error(
        error, "INVALID_FORMAT.ESC_IN_THE_MIDDLE",
        "In the pattern '%.*s' the escape character stands before '%.*s'; it may escape %%, _ and itself.",
        (int)text.size, text.data, (int)size, text.data + at);
    add_shown(error, "format", text);
    add_shown(error, "char", (struct mr_str){text.data + at, size});
    return error->code;
}

static void end_piece(struct pattern *p, size_t start, size_t stop)
{
    struct piece *piece = &p->pieces[p->count++];
    *piece = (struct piece){p->text + start, p->wildcard + start, stop - start, true};
    for (size_t i = 0; i < piece->size; i++)
        piece->plain = piece->plain && !piece->wildcard[i];
}

static int compile_pattern(struct mr_str text, struct mr_str escape, struct pattern **out,
                           struct mr_error *error)
{
    struct pattern *p = mr_allocate_zeroed(sizeof *p);
    size_t pieces = 1, size = 0, start = 0;
    int status = MR_OK;
    for (size_t i = 0; i < text.size; i++)
        pieces += text.data[i] == '%';
    if (!p)
        return mr_error_memory(error, sizeof *p);
    p->text = mr_allocate(text.size + 1);
    p->wildcard = mr_allocate_zeroed(text.size + 1);
    p->pieces = mr_allocate(sizeof *p->pieces * pieces);
    if (!p->text || !p->wildcard || !p->pieces)
        MR_ERR(mr_error_memory(error, text.size));
    for (size_t i = 0; i < text.size;) {
        bool escaped = escape.size > 0 && text.size - i >= escape.size &&
                       memcmp(text.data + i, escape.data, escape.size) == 0;
        if (escaped) {
            i += escape.size;
            bool itself =
                text.size - i >= escape.size && memcmp(text.data + i, escape.data, escape.size) == 0;
            if (i >= text.size || (!itself && text.data[i] != '%' && text.data[i] != '_'))
                MR_ERR(bad_escape(text, i, error));
            p->text[size++] = text.data[i++];
        } else if (text.data[i] == '%') {
            end_piece(p, start, size);
            start = size;
            i++;
        } else {
            p->wildcard[size] = text.data[i] == '_';
            p->text[size++] = text.data[i++];
        }
    }
    end_piece(p, start, size);
    *out = p;
    return MR_OK;
err:
    pattern_free(p);
    return status;
}

/* Bytes of text that the piece covers when it begins at text; SIZE_MAX: it does not match there. */
static size_t match_here(const struct piece *piece, const char *text, size_t size)
{
    size_t at = 0;
    if (piece->plain) {
        bool same = size >= piece->size && memcmp(text, piece->text, piece->size) == 0;
        return same ? piece->size : SIZE_MAX;
    }
    for (size_t i = 0; i < piece->size; i++) {
        if (at >= size)
            return SIZE_MAX;
        if (piece->wildcard[i])
            at += step(text + at, size - at);
        else if (text[at] == piece->text[i])
            at++;
        else
            return SIZE_MAX;
    }
    return at;
}

/* The piece at the very end of text, not before `from`. */
static bool match_end(const struct piece *piece, const char *text, size_t size)
{
    if (piece->plain)
        return size >= piece->size && memcmp(text + size - piece->size, piece->text, piece->size) == 0;
    for (size_t at = 0; at <= size; at += at < size ? step(text + at, size - at) : 1)
        if (match_here(piece, text + at, size - at) == size - at)
            return true;
    return false;
}

/* First place at which the piece matches; *covered bytes of text. NULL: nowhere. */
static const char *find_piece(const struct piece *piece, const char *text, size_t size, size_t *covered)
{
    if (piece->plain) {
        *covered = piece->size;
        return piece->size == 0 ? text : memmem(text, size, piece->text, piece->size);
    }
    for (size_t at = 0; at < size; at += step(text + at, size - at)) {
        *covered = match_here(piece, text + at, size - at);
        if (*covered != SIZE_MAX)
            return text + at;
    }
    return NULL;
}

static bool matches(const struct pattern *p, struct mr_str text)
{
    size_t covered = match_here(&p->pieces[0], text.data, text.size);
    if (covered == SIZE_MAX)
        return false;
    if (p->count == 1)
        return covered == text.size;
    const char *at = text.data + covered, *end = text.data + text.size;
    for (int i = 1; i + 1 < p->count; i++) {
        at = find_piece(&p->pieces[i], at, (size_t)(end - at), &covered);
        if (!at)
            return false;
        at += covered;
    }
    return match_end(&p->pieces[p->count - 1], at, (size_t)(end - at));
}

static struct mr_str escape_of(const struct mr_call *call)
{
    if (call->expression->argument_count < 3)
        return MR_STR("\\");
    const struct mr_column *value = mr_call_constant(call, 2);
    return value && !mr_column_is_null(value, 0) ? mr_view_str(&value->views[0]) : MR_STR("\\");
}

/* A wrong pattern is an error of the rows that meet it, so it is no error here. */
static int like_open(struct mr_call *call, struct mr_error *error)
{
    struct mr_error ignored;
    const struct mr_column *value = mr_call_constant(call, 1);
    struct pattern *p = NULL;
    (void)error;
    mr_error_clear(&ignored);
    if (value && !mr_column_is_null(value, 0) &&
        compile_pattern(mr_view_str(&value->views[0]), escape_of(call), &p, &ignored) >= 0)
        call->state = p;
    return MR_OK;
}

static void like_close(struct mr_call *call)
{
    pattern_free(call->state);
}

static int like(struct mr_call *call, struct mr_column *const *arguments, const struct mr_selection *rows,
                struct mr_column *out, struct mr_error *error)
{
    const struct pattern *fixed = call->state;
    if (fixed) {
        MR_ROWS(i, rows, out->length, { out->booleans[i] = matches(fixed, mr_string_at(arguments[0], i)); });
        return MR_OK;
    }
    MR_ROWS(i, rows, out->length, {
        struct pattern *p = NULL;
        MR_TRY(compile_pattern(mr_string_at(arguments[1], i), escape_of(call), &p, error));
        out->booleans[i] = matches(p, mr_string_at(arguments[0], i));
        pattern_free(p);
    });
    return MR_OK;
}

static int resolve_like(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_str escape = {NULL, 0};
    MR_TRY(mr_resolve_all_strings(r, error));
    if (r->count == 3) {
        MR_TRY(mr_resolve_constant_string(r, 2, &escape, error));
        if (!escape.data || escape.size == 0 || step(escape.data, escape.size) != escape.size) {
            mr_resolve_error(r, error, "INVALID_ESCAPE_CHAR", "An escape is one character, not '%.*s'.",
                             (int)escape.size, escape.data ? escape.data : "");
            mr_error_parameter(error, "sqlExpr", "\"%.*s\"", (int)escape.size,
                               escape.data ? escape.data : "");
            return error->code;
        }
    }
    return mr_resolve_fixed(r, mr_type_of(MR_BOOLEAN));
}

static int resolve_ilike(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_expression *lowered[3] = {NULL, NULL, r->count == 3 ? r->arguments[2] : NULL};
    for (int i = 0; i < 2; i++)
        MR_TRY(mr_expression_call(r->builder, MR_STR("lower"), &r->arguments[i], 1, &lowered[i], error));
    return mr_resolve_rewrite(r, "like", lowered, r->count, error);
}

const struct mr_function mr_functions_like[] = {
    {"like", 2, 3, MR_FN_NULL_IF_ANY, .resolve = resolve_like, .kernel = like, .open = like_open,
     .close = like_close},
    {"ilike", 2, 3, 0, .resolve = resolve_ilike},
    {0},
};
