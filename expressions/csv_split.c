/* expressions/csv_split.c: one record's text split into values.
 *
 * Well-formed values are found with a search for one or two characters and stay where they are; anything odd
 * about quotes goes through `quoted_slowly`, character by character, into the record's scratch text. */
#include <emmintrin.h>

#include "expressions/csv.h"

struct scanner {
    struct mr_csv_record *record;
    const struct mr_csv_options *options;
    const char *p, *end;
    const char *line_end; /* NULL: the record ends at end */
    size_t line_end_size;
    char delimiter; /* the first character of it */
    struct mr_error *error;
};

void mr_csv_record_release(struct mr_csv_record *record)
{
    mr_free(record->tokens);
    mr_text_release(&record->scratch);
    *record = (struct mr_csv_record){0};
}

static int add_token(struct scanner *s, struct mr_csv_token token)
{
    struct mr_csv_record *r = s->record;
    if (r->count >= s->options->max_columns) {
        mr_error_set(s->error, MR_E_DATA, "MALFORMED_CSV_RECORD",
                     "A line has more than %lld values (option maxColumns).",
                     (long long)s->options->max_columns);
        return s->error->code;
    }
    if (s->options->max_characters >= 0 && token.size > s->options->max_characters) {
        mr_error_set(s->error, MR_E_DATA, "MALFORMED_CSV_RECORD",
                     "A value has more than %lld characters (option maxCharsPerColumn).",
                     (long long)s->options->max_characters);
        return s->error->code;
    }
    if (r->count == r->capacity) {
        int capacity = r->capacity ? r->capacity * 2 : 32;
        struct mr_csv_token *grown = mr_reallocate(r->tokens, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(s->error, sizeof *grown * (size_t)capacity);
        r->tokens = grown;
        r->capacity = capacity;
    }
    r->tokens[r->count++] = token;
    return MR_OK;
}

static inline bool at_line_end(const struct scanner *s, const char *p)
{
    if (p >= s->end)
        return true;
    return s->line_end && *p == s->line_end[0] && (size_t)(s->end - p) >= s->line_end_size &&
           memcmp(p, s->line_end, s->line_end_size) == 0;
}

static inline bool at_delimiter(const struct scanner *s, const char *p)
{
    size_t size = s->options->delimiter_size;
    return p < s->end && *p == s->delimiter &&
           (size == 1 || ((size_t)(s->end - p) >= size && memcmp(p, s->options->delimiter, size) == 0));
}

static inline bool is_blank(const struct scanner *s, const char *p)
{
    return p < s->end && (unsigned char)*p <= ' ' && !at_delimiter(s, p) && !at_line_end(s, p);
}

/* The first of two characters at or behind p, or end. MR_BUFFER_PADDING bytes behind end may be read. */
static const char *find_either(const char *p, const char *end, char a, char b)
{
    const __m128i wanted_a = _mm_set1_epi8(a), wanted_b = _mm_set1_epi8(b);
    for (; p < end; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, wanted_a), _mm_cmpeq_epi8(v, wanted_b)));
        if (mask) {
            p += __builtin_ctz((unsigned)mask);
            return p < end ? p : end;
        }
    }
    return end;
}

/* The next delimiter or line end. */
static const char *value_end(const struct scanner *s, const char *p)
{
    char line_end = s->line_end ? s->line_end[0] : s->delimiter;
    for (;;) {
        p = find_either(p, s->end, s->delimiter, line_end);
        if (p == s->end || at_delimiter(s, p) || at_line_end(s, p))
            return p;
        p++;
    }
}

static const char *trim_right(const char *from, const char *to)
{
    while (to > from && (unsigned char)to[-1] <= ' ')
        to--;
    return to;
}

static int unquoted(struct scanner *s)
{
    const char *from = s->p, *to = value_end(s, from);
    s->p = to;
    if (s->options->trim_right)
        to = trim_right(from, to);
    if (to == from)
        return add_token(s, (struct mr_csv_token){0});
    return add_token(s, (struct mr_csv_token){from, (uint32_t)(to - from), false});
}

/* ---- quotes ---- */

static int empty_quoted(struct scanner *s)
{
    struct mr_str empty = s->options->empty_value;
    return add_token(s, (struct mr_csv_token){empty.data, (uint32_t)empty.size, false});
}

static int put_scratch(struct scanner *s, size_t from)
{
    struct mr_text *text = &s->record->scratch;
    if (text->failed)
        return mr_error_memory(s->error, text->size);
    if (text->size == from)
        return empty_quoted(s);
    return add_token(s, (struct mr_csv_token){(const char *)from, (uint32_t)(text->size - from), true});
}

/* A quoted value read character by character, in the steps of univocity's parser, whose answers for odd
 * quotes are Spark's. */
struct quoted_value {
    size_t from;    /* of the scratch text */
    int prev;       /* the character before, where it may mean something together with the next; else 0 */
    int plain;      /* levels of plain text begun by an escape behind a quote; each swallows its delimiter */
    bool unescaped; /* a stray quote was met */
    bool skipped;   /* what was gathered was dropped: nothing is NULL, not empty */
};

static int put_quoted(struct scanner *s, const struct quoted_value *v)
{
    if (v->skipped && s->record->scratch.size == v->from)
        return add_token(s, (struct mr_csv_token){0});
    return put_scratch(s, v->from);
}

/* It was no quoted value after all: it is plain text, opening quote included, and so is the rest up to the
 * delimiter. */
static int plain_after_all(struct scanner *s, const struct quoted_value *v)
{
    struct mr_text *text = &s->record->scratch;
    char quote = (char)s->options->quote;
    const char *to = value_end(s, s->p);
    mr_text_append(text, s->p, (size_t)(to - s->p));
    if (to == s->end && !v->unescaped && to - s->p > 1 && s->p[0] != quote && s->p[1] == quote)
        mr_text_append_char(text, quote); /* for the parser it was this quote that the input ended with */
    s->p = to;
    mr_text_append_char(text, quote);
    if (text->failed)
        return mr_error_memory(s->error, text->size);
    memmove(text->data + v->from + 1, text->data + v->from, text->size - v->from - 1);
    text->data[v->from] = quote;
    if (s->options->trim_right)
        text->size = (size_t)(trim_right(text->data + v->from, text->data + text->size) - text->data);
    return put_scratch(s, v->from);
}

static void skip_value(struct scanner *s, struct quoted_value *v)
{
    s->p = value_end(s, s->p);
    s->record->scratch.size = v->from;
    v->skipped = true;
}

static int refuse_quote(struct scanner *s)
{
    return mr_error_set(
        s->error, MR_E_DATA, "FAILED_READ_FILE.NO_HINT",
        "A quoted value has an unescaped quote (option unescapedQuoteHandling is RAISE_ERROR).");
}

/* One character of the value, or a line end, which counts as one; -> it. */
static int take_character(struct scanner *s)
{
    int c = at_line_end(s, s->p) ? '\n' : (unsigned char)*s->p;
    s->p += at_line_end(s, s->p) ? s->line_end_size : 1;
    mr_text_append_char(&s->record->scratch, (char)c);
    return c;
}

/* The delimiters within what has been gathered count after all: what they end are values. */
static int back_to_delimiter(struct scanner *s, struct quoted_value *v)
{
    struct mr_text *text = &s->record->scratch;
    size_t size = s->options->delimiter_size, at = v->from;
    while (at + size <= text->size) {
        if (memcmp(text->data + at, s->options->delimiter, size) != 0) {
            at++;
            continue;
        }
        MR_TRY(add_token(s, (struct mr_csv_token){(const char *)v->from, (uint32_t)(at - v->from), true}));
        v->from = at += size;
    }
    return MR_OK;
}

/* A closing quote was met, and something else than blanks or the delimiter follows. MR_BLOCKED: go on. */
static int unescaped_quote(struct scanner *s, struct quoted_value *v)
{
    v->unescaped = true;
    switch (s->options->odd_quotes) {
    case MR_CSV_STOP_AT_DELIMITER:
        mr_text_append_char(&s->record->scratch, (char)s->options->quote);
        return plain_after_all(s, v);
    case MR_CSV_STOP_AT_CLOSING_QUOTE:
        mr_text_append_char(&s->record->scratch, (char)s->options->quote);
        v->prev = take_character(s);
        return MR_BLOCKED;
    case MR_CSV_BACK_TO_DELIMITER:
        MR_TRY(back_to_delimiter(s, v));
        take_character(s);
        v->prev = 0;
        return MR_BLOCKED;
    case MR_CSV_SKIP_VALUE:
        skip_value(s, v);
        return put_quoted(s, v);
    default:
        return refuse_quote(s);
    }
}

/* Behind the closing quote come blanks: they do not count, unless something else follows. MR_BLOCKED: go on.
 */
static int blanks_behind(struct scanner *s, struct quoted_value *v)
{
    const struct mr_csv_options *o = s->options;
    const char *blanks = s->p;
    while (is_blank(s, s->p))
        s->p++;
    if (at_line_end(s, s->p) || at_delimiter(s, s->p))
        return put_quoted(s, v);
    if (o->odd_quotes == MR_CSV_RAISE_ERROR)
        return refuse_quote(s);
    if (o->odd_quotes == MR_CSV_SKIP_VALUE) {
        skip_value(s, v);
        return put_quoted(s, v);
    }
    mr_text_append_char(&s->record->scratch, (char)o->quote);
    mr_text_append(&s->record->scratch, blanks, (size_t)(s->p - blanks));
    if (o->odd_quotes != MR_CSV_STOP_AT_CLOSING_QUOTE)
        return plain_after_all(s, v);
    v->prev = (unsigned char)*s->p;
    if (v->prev == o->quote || v->prev == o->escape)
        s->p++;
    else
        take_character(s);
    return MR_BLOCKED;
}

/* The delimiter that ends a level of plain text does not end the value. */
static void swallow_delimiter(struct scanner *s, struct quoted_value *v)
{
    if (s->p >= s->end)
        return;
    v->prev = at_line_end(s, s->p) ? '\n' : (unsigned char)*s->p;
    s->p += at_line_end(s, s->p) ? s->line_end_size : s->options->delimiter_size;
}

/* A quote or an escape. */
static int quote_or_escape(struct scanner *s, struct quoted_value *v, int c)
{
    const struct mr_csv_options *o = s->options;
    struct mr_text *text = &s->record->scratch;
    if (c == o->escape && v->prev == o->escape_escape) {
        mr_text_append_char(text, (char)c);
        c = 0;
    } else if (v->prev > 0 && v->prev == o->escape_escape && v->prev != o->escape) {
        mr_text_append_char(text, (char)v->prev); /* escapes nothing: it stands for itself */
    } else if (v->prev > 0 && v->prev == o->escape) {
        mr_text_append_char(text, (char)(c == o->quote ? c : v->prev));
        c = c == o->quote ? 0 : c;
    } else if (c == o->quote && v->prev == o->quote) {
        mr_text_append_char(text, (char)c);
    } else if (v->prev == o->quote) { /* an escape behind a quote */
        if (o->odd_quotes == MR_CSV_RAISE_ERROR)
            return refuse_quote(s);
        if (o->odd_quotes == MR_CSV_SKIP_VALUE) {
            skip_value(s, v);
            swallow_delimiter(s, v);
            return MR_BLOCKED;
        }
        mr_text_append_char(text, (char)o->quote);
        v->prev = c;
        v->plain++;
        return MR_BLOCKED;
    }
    v->prev = c;
    s->p++;
    bool over = v->unescaped && v->plain == 0 && (at_delimiter(s, s->p) || at_line_end(s, s->p));
    return over ? put_quoted(s, v) : MR_BLOCKED;
}

/* One step in plain text that began with an escape behind a quote. */
static int plain_step(struct scanner *s, struct quoted_value *v, int c)
{
    const struct mr_csv_options *o = s->options;
    if (at_delimiter(s, s->p) || at_line_end(s, s->p)) {
        v->plain--;
        swallow_delimiter(s, v);
    } else if (c == o->quote || c == o->escape) {
        return quote_or_escape(s, v, c);
    } else {
        if (v->prev == o->quote)
            mr_text_append_char(&s->record->scratch, (char)o->quote);
        v->prev = take_character(s);
    }
    return MR_BLOCKED;
}

static int quoted_step(struct scanner *s, struct quoted_value *v, int c)
{
    const struct mr_csv_options *o = s->options;
    if (v->prev == o->quote && (at_delimiter(s, s->p) || at_line_end(s, s->p)))
        return put_quoted(s, v);
    if (v->prev == o->quote && c <= ' ')
        return blanks_behind(s, v);
    if (c == o->quote || c == o->escape)
        return quote_or_escape(s, v, c);
    if (v->prev == o->quote)
        return unescaped_quote(s, v);
    if (v->prev > 0 && (v->prev == o->escape || v->prev == o->escape_escape))
        mr_text_append_char(&s->record->scratch, (char)v->prev);
    while (s->p < s->end && c != o->quote && c != o->escape && c != o->escape_escape) {
        take_character(s);
        c = s->p < s->end ? (unsigned char)*s->p : 0;
    }
    v->prev = s->p < s->end ? c : 0;
    s->p += s->p < s->end;
    return MR_BLOCKED;
}

/* s->p is behind the opening quote. */
static int quoted_slowly(struct scanner *s)
{
    const char *begin = s->p;
    struct quoted_value value = {.from = s->record->scratch.size};
    while (s->p < s->end) {
        int c = (unsigned char)*s->p;
        int status = value.plain > 0 ? plain_step(s, &value, c) : quoted_step(s, &value, c);
        if (status != MR_BLOCKED)
            return status;
    }
    if (value.skipped)
        s->record->scratch.size = value.from;
    if (s->p == begin) /* a lone quote at the end */
        mr_text_append_char(&s->record->scratch, (char)s->options->quote);
    return put_quoted(s, &value);
}

static int quoted(struct scanner *s)
{
    const struct mr_csv_options *o = s->options;
    const char *from = ++s->p;
    if (!s->line_end && !o->slow) { /* without line ends in it, which would have to be changed */
        char other = o->escape >= 0 ? (char)o->escape : (char)o->quote;
        const char *to = find_either(from, s->end, (char)o->quote, other);
        if (to < s->end && *to == (char)o->quote && (at_delimiter(s, to + 1) || to + 1 == s->end)) {
            s->p = to + 1;
            return to == from ? empty_quoted(s)
                              : add_token(s, (struct mr_csv_token){from, (uint32_t)(to - from), false});
        }
    }
    return quoted_slowly(s);
}

int mr_csv_split(struct mr_csv_record *record, const struct mr_csv_options *options, const char *text,
                 const char *end, const char *line_end, const char **next, struct mr_error *error)
{
    struct scanner s = {.record = record,
                        .options = options,
                        .p = text,
                        .end = end,
                        .line_end = line_end,
                        .line_end_size = line_end ? strlen(line_end) : 0,
                        .delimiter = options->delimiter[0],
                        .error = error};
    record->count = 0;
    mr_text_clear(&record->scratch);
    for (;;) {
        while (options->trim_left && is_blank(&s, s.p))
            s.p++;
        if (at_line_end(&s, s.p) || at_delimiter(&s, s.p))
            MR_TRY(add_token(&s, (struct mr_csv_token){0}));
        else if ((unsigned char)*s.p == options->quote)
            MR_TRY(quoted(&s));
        else
            MR_TRY(unquoted(&s));
        if (!at_delimiter(&s, s.p))
            break;
        s.p += options->delimiter_size;
    }
    *next = s.p < end ? s.p + s.line_end_size : end;
    return MR_OK;
}
