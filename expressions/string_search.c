/* expressions/string_search.c: finding, replacing and splitting by plain text. */
#include "expressions/string_kernels.h"

int64_t mr_text_find(struct mr_str text, struct mr_str part, size_t from)
{
    if (from > text.size)
        return -1;
    if (part.size == 0)
        return (int64_t)from;
    const char *at = memmem(text.data + from, text.size - from, part.data, part.size);
    return at ? at - text.data : -1;
}

static int32_t character_position(struct mr_str text, int64_t offset)
{
    return offset < 0 ? 0 : (int32_t)mr_utf8_count(text.data, (size_t)offset) + 1;
}

MR_KERNEL(mr_string_instr)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i);
        out->i32[i] = character_position(text, mr_text_find(text, mr_string_at(arguments[1], i), 0));
    }
    return MR_OK;
}

/* A NULL position counts as 0: not found. That is why NULLs are looked at here. */
MR_KERNEL(mr_string_locate)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = 0;
        if (mr_column_is_null(arguments[2], i))
            continue;
        if (mr_column_is_null(arguments[0], i) || mr_column_is_null(arguments[1], i)) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_str part = mr_string_at(arguments[0], i), text = mr_string_at(arguments[1], i);
        int32_t from = arguments[2]->i32[i];
        if (from <= 0)
            continue;
        if (part.size == 0) {
            out->i32[i] = 1;
            continue;
        }
        out->i32[i] = character_position(text, mr_text_find(text, part,
                                                            mr_utf8_offset(text.data, text.size, from - 1)));
    }
    return MR_OK;
}

MR_KERNEL(mr_string_startswith)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->booleans[i] = mr_str_starts_with(mr_string_at(arguments[0], i), mr_string_at(arguments[1], i));
    }
    return MR_OK;
}

MR_KERNEL(mr_string_endswith)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->booleans[i] = mr_str_ends_with(mr_string_at(arguments[0], i), mr_string_at(arguments[1], i));
    }
    return MR_OK;
}

MR_KERNEL(mr_string_contains)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->booleans[i] = mr_text_find(mr_string_at(arguments[0], i), mr_string_at(arguments[1], i), 0) >= 0;
    }
    return MR_OK;
}

MR_KERNEL(mr_string_replace)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_ERR(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i), search = mr_string_at(arguments[1], i);
        struct mr_str other = mr_string_at(arguments[2], i);
        int64_t at = search.size ? mr_text_find(value, search, 0) : -1;
        if (at < 0) { /* the value itself, not a copy */
            out->views[i] = arguments[0]->views[i];
            continue;
        }
        size_t from = 0;
        mr_text_clear(&text);
        for (; at >= 0; at = mr_text_find(value, search, from)) {
            mr_text_append(&text, value.data + from, (size_t)at - from);
            mr_text_append(&text, other.data, other.size);
            from = (size_t)at + search.size;
        }
        mr_text_append(&text, value.data + from, value.size - from);
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- translate ---- */
/* What becomes of a character: *to is its replacement, size 0 to drop it. false: it stays. The first of equal
 * ones in `from` counts. */
static bool translation(struct mr_str from, struct mr_str to, const char *character, size_t size,
                        struct mr_str *result)
{
    size_t at = 0;
    for (size_t i = 0; i < from.size;) {
        size_t step = mr_utf8_step(from.data + i, from.size - i);
        size_t width = at < to.size ? mr_utf8_step(to.data + at, to.size - at) : 0;
        if (step == size && memcmp(from.data + i, character, size) == 0) {
            *result = (struct mr_str){to.data + at, width};
            return true;
        }
        i += step;
        at += width;
    }
    return false;
}

/* What every byte becomes, when all characters that are replaced, and what replaces them, are ASCII: itself,
 * another, or -1 to drop it. */
static bool byte_table(struct mr_str from, struct mr_str to, int16_t table[256])
{
    if (!mr_is_ascii(from.data, from.size) || !mr_is_ascii(to.data, to.size))
        return false;
    for (int c = 0; c < 256; c++)
        table[c] = (int16_t)c;
    for (size_t k = from.size; k > 0; k--)
        table[(unsigned char)from.data[k - 1]] =
            k <= to.size && to.data[k - 1] != '\0' ? (int16_t)(unsigned char)to.data[k - 1] : -1;
    return true;
}

static int translate_bytes(struct mr_column *out, int64_t row, struct mr_str value, const int16_t table[256],
                           struct mr_error *error)
{
    char *to = mr_out_begin(out, value.size);
    size_t size = 0;
    if (!to)
        return mr_error_memory(error, value.size);
    for (size_t k = 0; k < value.size; k++) {
        int16_t c = table[(unsigned char)value.data[k]];
        to[size] = (char)c;
        size += c >= 0;
    }
    mr_out_end(out, row, to, size, value.size);
    return MR_OK;
}

static void translate_text(struct mr_text *out, struct mr_str value, struct mr_str from, struct mr_str to)
{
    struct mr_str result;
    mr_text_clear(out);
    for (size_t k = 0; k < value.size;) {
        size_t step = mr_utf8_step(value.data + k, value.size - k);
        if (!translation(from, to, value.data + k, step, &result))
            result = (struct mr_str){value.data + k, step};
        if (!(result.size == 1 && result.data[0] == '\0')) /* translating to NUL drops the character, too */
            mr_text_append(out, result.data, result.size);
        k += step;
    }
}

MR_KERNEL(mr_string_translate)
{
    struct mr_text text;
    struct mr_str last_from = {NULL, 0}, last_to = {NULL, 0};
    int16_t table[256];
    bool by_bytes = false;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str from = mr_string_at(arguments[1], i), to = mr_string_at(arguments[2], i);
        if (!last_from.data || !mr_str_equal(from, last_from) || !mr_str_equal(to, last_to))
            by_bytes = byte_table(from, to, table);
        last_from = from;
        last_to = to;
        if (by_bytes) {
            MR_ERR(translate_bytes(out, i, mr_string_at(arguments[0], i), table, error));
        } else {
            translate_text(&text, mr_string_at(arguments[0], i), from, to);
            MR_ERR(mr_out_text(out, i, &text, error));
        }
    }
err:
    mr_text_release(&text);
    return status;
}

/* ---- parts ---- */
static int64_t count_parts(struct mr_str text, struct mr_str delimiter)
{
    int64_t count = 1;
    for (int64_t at = mr_text_find(text, delimiter, 0); at >= 0;
         at = mr_text_find(text, delimiter, (size_t)at + delimiter.size))
        count++;
    return count;
}

/* Part number n (from 0) of what the delimiter separates. */
static struct mr_str part_number(struct mr_str text, struct mr_str delimiter, int64_t n)
{
    size_t from = 0;
    for (int64_t k = 0;; k++) {
        int64_t at = mr_text_find(text, delimiter, from);
        if (k == n)
            return (struct mr_str){text.data + from, (at < 0 ? text.size : (size_t)at) - from};
        from = (size_t)at + delimiter.size;
    }
}

MR_KERNEL(mr_string_split_part)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i), delimiter = mr_string_at(arguments[1], i),
                      part = {text.data, 0};
        int64_t wanted = arguments[2]->i32[i];
        if (wanted == 0)
            return mr_row_error(error, "INVALID_INDEX_OF_ZERO",
                                "Parts are counted from 1, or from the end from -1.");
        int64_t count = delimiter.size ? count_parts(text, delimiter) : 1;
        int64_t index = wanted > 0 ? wanted - 1 : count + wanted;
        if (index >= 0 && index < count)
            part = delimiter.size ? part_number(text, delimiter, index) : text;
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

/* All before the count-th delimiter, or behind the count-th from the end. Occurrences may overlap when
 * counted from the end. */
static struct mr_str before_delimiter(struct mr_str text, struct mr_str delimiter, int64_t count)
{
    size_t from = 0;
    for (; count > 0; count--) {
        int64_t at = mr_text_find(text, delimiter, from);
        if (at < 0)
            return text;
        if (count == 1)
            return (struct mr_str){text.data, (size_t)at};
        from = (size_t)at + 1;
    }
    return (struct mr_str){text.data, 0};
}

static struct mr_str after_delimiter(struct mr_str text, struct mr_str delimiter, int64_t count)
{
    if (delimiter.size > text.size)
        return text;
    for (int64_t at = (int64_t)(text.size - delimiter.size); at >= 0; at--) {
        if (memcmp(text.data + at, delimiter.data, delimiter.size) != 0)
            continue;
        if (--count == 0) {
            size_t start = (size_t)at + delimiter.size;
            return (struct mr_str){text.data + start, text.size - start};
        }
    }
    return text;
}

MR_KERNEL(mr_string_substring_index)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i), delimiter = mr_string_at(arguments[1], i),
                      part = {text.data, 0};
        int64_t count = arguments[2]->i32[i];
        if (delimiter.size > 0 && count != 0)
            part = count > 0 ? before_delimiter(text, delimiter, count)
                             : after_delimiter(text, delimiter, -count);
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

/* find_in_set(word, list): the word's place among those that commas separate; 0 when it has a comma itself.
 */
MR_KERNEL(mr_string_find_in_set)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str word = mr_string_at(arguments[0], i), list = mr_string_at(arguments[1], i);
        int32_t place = 0;
        out->i32[i] = 0;
        if (word.size > 0 && memchr(word.data, ',', word.size))
            continue;
        for (size_t from = 0; from <= list.size;) {
            const char *comma = from < list.size ? memchr(list.data + from, ',', list.size - from) : NULL;
            size_t end = comma ? (size_t)(comma - list.data) : list.size;
            place++;
            if (mr_str_equal(word, (struct mr_str){list.data + from, end - from})) {
                out->i32[i] = place;
                break;
            }
            from = end + 1;
        }
    }
    return MR_OK;
}
