/* expressions/string_words.c: soundex, levenshtein, luhn_check, mask, quote, sentences, randstr. */
#include <utf8proc.h>

#include "expressions/random.h"
#include "expressions/string_kernels.h"

/* ---- soundex ---- */
static char soundex_code(char c)
{
    static const char codes[] =
        "01230127022455012623017202"; /* A..Z; 7: H and W, which do not separate equal codes */
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 32);
    return c >= 'A' && c <= 'Z' ? codes[c - 'A'] : 0;
}

/* A text that does not begin with an ASCII letter is its own soundex. */
static struct mr_str soundex(struct mr_str text, char out[4])
{
    if (text.size == 0 || !soundex_code(text.data[0]))
        return text;
    char last = soundex_code(text.data[0]);
    size_t size = 1;
    out[0] = (char)(text.data[0] & ~0x20);
    for (size_t i = 1; i < text.size && size < 4; i++) {
        char code = soundex_code(text.data[i]);
        if (!code) {
            last = '0';
            continue;
        }
        if (code == '7')
            continue;
        if (code != '0' && code != last)
            out[size++] = code;
        last = code;
    }
    while (size < 4)
        out[size++] = '0';
    return (struct mr_str){out, 4};
}

MR_KERNEL(mr_string_soundex)
{
    MR_FOR_ROWS (i, rows, out->length) {
        char code[4];
        struct mr_str result = soundex(mr_string_at(arguments[0], i), code);
        MR_TRY(mr_column_set_bytes(out, i, result.data, result.size, error));
    }
    return MR_OK;
}

/* ---- levenshtein ---- */
static uint32_t *code_points(struct mr_call *call, struct mr_str text, int64_t *count)
{
    uint32_t *points = mr_call_scratch(call, sizeof *points * (text.size + 1));
    size_t step;
    *count = 0;
    for (size_t i = 0; points && i < text.size; i += step)
        points[(*count)++] = mr_utf8_decode(text.data + i, text.size - i, &step);
    return points;
}

static int levenshtein(struct mr_call *call, struct mr_str a, struct mr_str b, int32_t *distance,
                       struct mr_error *error)
{
    int64_t n, m;
    uint32_t *left = code_points(call, a, &n), *right = code_points(call, b, &m);
    int32_t *row = mr_call_scratch(call, sizeof *row * (size_t)(b.size + 1));
    if (!left || !right || !row)
        return mr_error_memory(error, a.size + b.size);
    for (int64_t j = 0; j <= m; j++)
        row[j] = (int32_t)j;
    for (int64_t i = 1; i <= n; i++) {
        int32_t diagonal = row[0];
        row[0] = (int32_t)i;
        for (int64_t j = 1; j <= m; j++) {
            int32_t above = row[j], best = diagonal + (left[i - 1] != right[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    *distance = row[m];
    return MR_OK;
}

/* levenshtein(a, b [, threshold]): -1 when the distance is greater than the threshold. */
MR_KERNEL(mr_string_levenshtein)
{
    bool limited = call->expression->argument_count > 2;
    MR_FOR_ROWS (i, rows, out->length) {
        int32_t distance = 0;
        MR_TRY(levenshtein(call, mr_string_at(arguments[0], i), mr_string_at(arguments[1], i), &distance,
                           error));
        out->i32[i] = limited && distance > arguments[2]->i32[i] ? -1 : distance;
    }
    return MR_OK;
}

/* ---- luhn_check ---- */
static bool luhn(struct mr_str digits)
{
    int sum = 0;
    for (size_t k = 0; k < digits.size; k++) {
        int digit = digits.data[digits.size - 1 - k] - '0';
        if (digit < 0 || digit > 9)
            return false;
        digit <<= k & 1;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return digits.size > 0 && sum % 10 == 0;
}

MR_KERNEL(mr_string_luhn_check)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->booleans[i] = luhn(mr_string_at(arguments[0], i));
    }
    return MR_OK;
}

/* ---- mask ---- */
/* Which of mask's replacements a character takes: 1 upper, 2 lower, 3 digit, 4 other. */
static int mask_kind(const char *data, size_t step)
{
    size_t width;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)mr_utf8_decode(data, step, &width));
    return category == UTF8PROC_CATEGORY_LU   ? 1
           : category == UTF8PROC_CATEGORY_LL ? 2
           : category == UTF8PROC_CATEGORY_ND ? 3
                                              : 4;
}

/* mask(text, upper, lower, digit, other): NULL leaves that kind alone. */
MR_KERNEL(mr_string_mask)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i)) {
            MR_ERR(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_str value = mr_string_at(arguments[0], i);
        size_t step;
        mr_text_clear(&text);
        for (size_t k = 0; k < value.size; k += step) {
            step = mr_utf8_step(value.data + k, value.size - k);
            const struct mr_column *with = arguments[mask_kind(value.data + k, step)];
            bool keep = with->type->id == MR_VOID || mr_column_is_null(with, i);
            struct mr_str piece = keep ? (struct mr_str){value.data + k, step} : mr_string_at(with, i);
            mr_text_append(&text, piece.data, piece.size);
        }
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- quote ---- */
MR_KERNEL(mr_string_quote)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        mr_text_clear(&text);
        mr_text_append_char(&text, '\'');
        for (size_t k = 0; k < value.size; k++) {
            if (value.data[k] == '\'')
                mr_text_append_char(&text, '\\');
            mr_text_append_char(&text, value.data[k]);
        }
        mr_text_append_char(&text, '\'');
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- sentences ---- */
static bool is_word_character(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category <= UTF8PROC_CATEGORY_NO && category != UTF8PROC_CATEGORY_CN;
}

static bool joins_words(char c, struct mr_str text, size_t at)
{
    if (c != '\'' && c != '.' && c != ',' && c != '_' && c != ':')
        return false;
    size_t step;
    if (at == 0 || at + 1 >= text.size)
        return false;
    uint32_t next = mr_utf8_decode(text.data + at + 1, text.size - at - 1, &step);
    size_t back = at - 1;
    while (back > 0 && (text.data[back] & 0xC0) == 0x80)
        back--;
    uint32_t previous = mr_utf8_decode(text.data + back, text.size - back, &step);
    if (c == ',') /* only within numbers */
        return previous >= '0' && previous <= '9' && next >= '0' && next <= '9';
    return is_word_character(previous) && is_word_character(next);
}

/* Does a sentence end at the stop? A full stop ends one when a blank and then no lower-case letter follows.
 */
static bool ends_sentence(struct mr_str text, size_t at)
{
    char c = text.data[at];
    if (c == '!' || c == '?')
        return true;
    if (c != '.')
        return c == '\n' && at + 1 < text.size && text.data[at + 1] == '\n';
    size_t next = at + 1;
    while (next < text.size && strchr(".\"')", text.data[next]) && text.data[next] != '\0')
        next++;
    if (next < text.size && text.data[next] != ' ' && text.data[next] != '\n' && text.data[next] != '\t')
        return false;
    while (next < text.size && (unsigned char)text.data[next] <= ' ')
        next++;
    if (next >= text.size)
        return true;
    size_t step;
    uint32_t c_next = mr_utf8_decode(text.data + next, text.size - next, &step);
    return utf8proc_category((utf8proc_int32_t)c_next) != UTF8PROC_CATEGORY_LL;
}

static int end_sentence(struct mr_column *sentences, struct mr_error *error)
{
    struct mr_column *words = sentences->children[0];
    int64_t row;
    int32_t begin = sentences->offsets[sentences->length];
    if (words->length == begin)
        return MR_OK;
    MR_TRY(mr_append_row(sentences, &row, error));
    sentences->offsets[row + 1] = (int32_t)words->length;
    return MR_OK;
}

static int split_sentences(struct mr_column *sentences, struct mr_str text, struct mr_error *error)
{
    size_t start = 0, step;
    bool in_word = false;
    for (size_t i = 0; i < text.size; i += step) {
        uint32_t c = mr_utf8_decode(text.data + i, text.size - i, &step);
        bool word = is_word_character(c) || (in_word && joins_words(text.data[i], text, i));
        if (word && !in_word)
            start = i;
        if (!word && in_word)
            MR_TRY(
                mr_append_text(sentences->children[0], (struct mr_str){text.data + start, i - start}, error));
        in_word = word;
        if (!word && ends_sentence(text, i))
            MR_TRY(end_sentence(sentences, error));
    }
    if (in_word)
        MR_TRY(mr_append_text(sentences->children[0], (struct mr_str){text.data + start, text.size - start},
                              error));
    return end_sentence(sentences, error);
}

/* sentences(text [, language [, country]]): arrays of words; the rules of English serve for all. */
MR_KERNEL(mr_string_sentences)
{
    struct mr_list_writer writer = mr_list_writer(out);
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        if (mr_column_is_null(arguments[0], i))
            MR_TRY(mr_column_set_null(out, i, error));
        else
            MR_TRY(split_sentences(out->children[0], mr_string_at(arguments[0], i), error));
    }
    mr_list_finish(&writer);
    return MR_OK;
}

/* randstr(length, seed): letters and digits from Spark's random sequence. */
MR_KERNEL(mr_string_randstr)
{
    static const char pool[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct mr_random random;
    mr_random_init(&random, (int64_t)call->session->batch_seed);
    const struct mr_column *seed = call->expression->argument_count > 1 ? mr_call_constant(call, 1) : NULL;
    if (seed)
        mr_random_init(&random, seed->type->id == MR_BIGINT ? seed->i64[0] : seed->i32[0]);
    MR_FOR_ROWS (i, rows, out->length) {
        size_t size = (size_t)arguments[0]->i32[i];
        char *to = mr_out_begin(out, size);
        if (!to)
            return mr_error_memory(error, size);
        for (size_t k = 0; k < size; k++) {
            int32_t value = (int32_t)mr_random_next(&random, 32) % 62;
            to[k] = pool[value < 0 ? -value : value];
        }
        mr_out_end(out, i, to, size, size);
    }
    return MR_OK;
}
