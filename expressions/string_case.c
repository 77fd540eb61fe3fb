/* expressions/string_case.c: upper, lower and title case: ASCII fast, else by Unicode's full mappings. */
#include <utf8proc.h>

#include "expressions/string_kernels.h"

/* Characters whose upper or title case is more than one character (Unicode's SpecialCasing, without
 * conditions). */
static const struct special {
    uint32_t c;
    const char *upper, *title;
} specials[] = {
    {0x00DF, "\x53\x53", "\x53\x73"},
    {0x0149, "\xca\xbc\x4e", "\xca\xbc\x4e"},
    {0x01F0, "\x4a\xcc\x8c", "\x4a\xcc\x8c"},
    {0x0390, "\xce\x99\xcc\x88\xcc\x81", "\xce\x99\xcc\x88\xcc\x81"},
    {0x03B0, "\xce\xa5\xcc\x88\xcc\x81", "\xce\xa5\xcc\x88\xcc\x81"},
    {0x0587, "\xd4\xb5\xd5\x92", "\xd4\xb5\xd6\x82"},
    {0x1E96, "\x48\xcc\xb1", "\x48\xcc\xb1"},
    {0x1E97, "\x54\xcc\x88", "\x54\xcc\x88"},
    {0x1E98, "\x57\xcc\x8a", "\x57\xcc\x8a"},
    {0x1E99, "\x59\xcc\x8a", "\x59\xcc\x8a"},
    {0x1E9A, "\x41\xca\xbe", "\x41\xca\xbe"},
    {0x1F50, "\xce\xa5\xcc\x93", "\xce\xa5\xcc\x93"},
    {0x1F52, "\xce\xa5\xcc\x93\xcc\x80", "\xce\xa5\xcc\x93\xcc\x80"},
    {0x1F54, "\xce\xa5\xcc\x93\xcc\x81", "\xce\xa5\xcc\x93\xcc\x81"},
    {0x1F56, "\xce\xa5\xcc\x93\xcd\x82", "\xce\xa5\xcc\x93\xcd\x82"},
    {0x1F80, "\xe1\xbc\x88\xce\x99", "\xe1\xbe\x88"},
    {0x1F81, "\xe1\xbc\x89\xce\x99", "\xe1\xbe\x89"},
    {0x1F82, "\xe1\xbc\x8a\xce\x99", "\xe1\xbe\x8a"},
    {0x1F83, "\xe1\xbc\x8b\xce\x99", "\xe1\xbe\x8b"},
    {0x1F84, "\xe1\xbc\x8c\xce\x99", "\xe1\xbe\x8c"},
    {0x1F85, "\xe1\xbc\x8d\xce\x99", "\xe1\xbe\x8d"},
    {0x1F86, "\xe1\xbc\x8e\xce\x99", "\xe1\xbe\x8e"},
    {0x1F87, "\xe1\xbc\x8f\xce\x99", "\xe1\xbe\x8f"},
    {0x1F88, "\xe1\xbc\x88\xce\x99", "\xe1\xbe\x88"},
    {0x1F89, "\xe1\xbc\x89\xce\x99", "\xe1\xbe\x89"},
    {0x1F8A, "\xe1\xbc\x8a\xce\x99", "\xe1\xbe\x8a"},
    {0x1F8B, "\xe1\xbc\x8b\xce\x99", "\xe1\xbe\x8b"},
    {0x1F8C, "\xe1\xbc\x8c\xce\x99", "\xe1\xbe\x8c"},
    {0x1F8D, "\xe1\xbc\x8d\xce\x99", "\xe1\xbe\x8d"},
    {0x1F8E, "\xe1\xbc\x8e\xce\x99", "\xe1\xbe\x8e"},
    {0x1F8F, "\xe1\xbc\x8f\xce\x99", "\xe1\xbe\x8f"},
    {0x1F90, "\xe1\xbc\xa8\xce\x99", "\xe1\xbe\x98"},
    {0x1F91, "\xe1\xbc\xa9\xce\x99", "\xe1\xbe\x99"},
    {0x1F92, "\xe1\xbc\xaa\xce\x99", "\xe1\xbe\x9a"},
    {0x1F93, "\xe1\xbc\xab\xce\x99", "\xe1\xbe\x9b"},
    {0x1F94, "\xe1\xbc\xac\xce\x99", "\xe1\xbe\x9c"},
    {0x1F95, "\xe1\xbc\xad\xce\x99", "\xe1\xbe\x9d"},
    {0x1F96, "\xe1\xbc\xae\xce\x99", "\xe1\xbe\x9e"},
    {0x1F97, "\xe1\xbc\xaf\xce\x99", "\xe1\xbe\x9f"},
    {0x1F98, "\xe1\xbc\xa8\xce\x99", "\xe1\xbe\x98"},
    {0x1F99, "\xe1\xbc\xa9\xce\x99", "\xe1\xbe\x99"},
    {0x1F9A, "\xe1\xbc\xaa\xce\x99", "\xe1\xbe\x9a"},
    {0x1F9B, "\xe1\xbc\xab\xce\x99", "\xe1\xbe\x9b"},
    {0x1F9C, "\xe1\xbc\xac\xce\x99", "\xe1\xbe\x9c"},
    {0x1F9D, "\xe1\xbc\xad\xce\x99", "\xe1\xbe\x9d"},
    {0x1F9E, "\xe1\xbc\xae\xce\x99", "\xe1\xbe\x9e"},
    {0x1F9F, "\xe1\xbc\xaf\xce\x99", "\xe1\xbe\x9f"},
    {0x1FA0, "\xe1\xbd\xa8\xce\x99", "\xe1\xbe\xa8"},
    {0x1FA1, "\xe1\xbd\xa9\xce\x99", "\xe1\xbe\xa9"},
    {0x1FA2, "\xe1\xbd\xaa\xce\x99", "\xe1\xbe\xaa"},
    {0x1FA3, "\xe1\xbd\xab\xce\x99", "\xe1\xbe\xab"},
    {0x1FA4, "\xe1\xbd\xac\xce\x99", "\xe1\xbe\xac"},
    {0x1FA5, "\xe1\xbd\xad\xce\x99", "\xe1\xbe\xad"},
    {0x1FA6, "\xe1\xbd\xae\xce\x99", "\xe1\xbe\xae"},
    {0x1FA7, "\xe1\xbd\xaf\xce\x99", "\xe1\xbe\xaf"},
    {0x1FA8, "\xe1\xbd\xa8\xce\x99", "\xe1\xbe\xa8"},
    {0x1FA9, "\xe1\xbd\xa9\xce\x99", "\xe1\xbe\xa9"},
    {0x1FAA, "\xe1\xbd\xaa\xce\x99", "\xe1\xbe\xaa"},
    {0x1FAB, "\xe1\xbd\xab\xce\x99", "\xe1\xbe\xab"},
    {0x1FAC, "\xe1\xbd\xac\xce\x99", "\xe1\xbe\xac"},
    {0x1FAD, "\xe1\xbd\xad\xce\x99", "\xe1\xbe\xad"},
    {0x1FAE, "\xe1\xbd\xae\xce\x99", "\xe1\xbe\xae"},
    {0x1FAF, "\xe1\xbd\xaf\xce\x99", "\xe1\xbe\xaf"},
    {0x1FB2, "\xe1\xbe\xba\xce\x99", "\xe1\xbe\xba\xcd\x85"},
    {0x1FB3, "\xce\x91\xce\x99", "\xe1\xbe\xbc"},
    {0x1FB4, "\xce\x86\xce\x99", "\xce\x86\xcd\x85"},
    {0x1FB6, "\xce\x91\xcd\x82", "\xce\x91\xcd\x82"},
    {0x1FB7, "\xce\x91\xcd\x82\xce\x99", "\xce\x91\xcd\x82\xcd\x85"},
    {0x1FBC, "\xce\x91\xce\x99", "\xe1\xbe\xbc"},
    {0x1FC2, "\xe1\xbf\x8a\xce\x99", "\xe1\xbf\x8a\xcd\x85"},
    {0x1FC3, "\xce\x97\xce\x99", "\xe1\xbf\x8c"},
    {0x1FC4, "\xce\x89\xce\x99", "\xce\x89\xcd\x85"},
    {0x1FC6, "\xce\x97\xcd\x82", "\xce\x97\xcd\x82"},
    {0x1FC7, "\xce\x97\xcd\x82\xce\x99", "\xce\x97\xcd\x82\xcd\x85"},
    {0x1FCC, "\xce\x97\xce\x99", "\xe1\xbf\x8c"},
    {0x1FD2, "\xce\x99\xcc\x88\xcc\x80", "\xce\x99\xcc\x88\xcc\x80"},
    {0x1FD3, "\xce\x99\xcc\x88\xcc\x81", "\xce\x99\xcc\x88\xcc\x81"},
    {0x1FD6, "\xce\x99\xcd\x82", "\xce\x99\xcd\x82"},
    {0x1FD7, "\xce\x99\xcc\x88\xcd\x82", "\xce\x99\xcc\x88\xcd\x82"},
    {0x1FE2, "\xce\xa5\xcc\x88\xcc\x80", "\xce\xa5\xcc\x88\xcc\x80"},
    {0x1FE3, "\xce\xa5\xcc\x88\xcc\x81", "\xce\xa5\xcc\x88\xcc\x81"},
    {0x1FE4, "\xce\xa1\xcc\x93", "\xce\xa1\xcc\x93"},
    {0x1FE6, "\xce\xa5\xcd\x82", "\xce\xa5\xcd\x82"},
    {0x1FE7, "\xce\xa5\xcc\x88\xcd\x82", "\xce\xa5\xcc\x88\xcd\x82"},
    {0x1FF2, "\xe1\xbf\xba\xce\x99", "\xe1\xbf\xba\xcd\x85"},
    {0x1FF3, "\xce\xa9\xce\x99", "\xe1\xbf\xbc"},
    {0x1FF4, "\xce\x8f\xce\x99", "\xce\x8f\xcd\x85"},
    {0x1FF6, "\xce\xa9\xcd\x82", "\xce\xa9\xcd\x82"},
    {0x1FF7, "\xce\xa9\xcd\x82\xce\x99", "\xce\xa9\xcd\x82\xcd\x85"},
    {0x1FFC, "\xce\xa9\xce\x99", "\xe1\xbf\xbc"},
    {0xFB00, "\x46\x46", "\x46\x66"},
    {0xFB01, "\x46\x49", "\x46\x69"},
    {0xFB02, "\x46\x4c", "\x46\x6c"},
    {0xFB03, "\x46\x46\x49", "\x46\x66\x69"},
    {0xFB04, "\x46\x46\x4c", "\x46\x66\x6c"},
    {0xFB05, "\x53\x54", "\x53\x74"},
    {0xFB06, "\x53\x54", "\x53\x74"},
    {0xFB13, "\xd5\x84\xd5\x86", "\xd5\x84\xd5\xb6"},
    {0xFB14, "\xd5\x84\xd4\xb5", "\xd5\x84\xd5\xa5"},
    {0xFB15, "\xd5\x84\xd4\xbb", "\xd5\x84\xd5\xab"},
    {0xFB16, "\xd5\x8e\xd5\x86", "\xd5\x8e\xd5\xb6"},
    {0xFB17, "\xd5\x84\xd4\xbd", "\xd5\x84\xd5\xad"},
};

static const struct special *find_special(uint32_t c)
{
    int low = 0, high = MR_COUNT(specials) - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        if (specials[middle].c == c)
            return &specials[middle];
        if (specials[middle].c < c)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return NULL;
}

/* Bit 0x20 of every byte in first..last is flipped, eight bytes at a time; all bytes are ASCII. */
static void flip_ascii(char *to, const char *from, size_t size, char first, char last)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t below = ones * (uint64_t)(0x80 - first), above = ones * (uint64_t)(0x7F - last);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, from + i, 8);
        uint64_t inside = ((eight + below) ^ (eight + above)) & (ones << 7);
        eight ^= inside >> 2;
        memcpy(to + i, &eight, 8);
    }
    for (; i < size; i++)
        to[i] = (char)(from[i] ^ (from[i] >= first && from[i] <= last ? 0x20 : 0));
}

enum mapping { UPPER, LOWER, TITLE };

static bool is_cased(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT;
}

static bool is_case_ignorable(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
           category == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' || c == ':' || c == 0xB7 ||
           c == 0x2019 || c == 0x2018 || c == 0x2024 || c == 0x2027;
}

/* Is the letter at `at` the last of a word? Then a sigma takes its final form. */
static bool ends_word(const char *data, size_t size, size_t at, size_t step)
{
    bool before = false;
    size_t i = at, width;
    while (i > 0 && !before) {
        do
            i--;
        while (i > 0 && (data[i] & 0xC0) == 0x80);
        uint32_t c = mr_utf8_decode(data + i, size - i, &width);
        before = is_cased(c);
        if (!before && !is_case_ignorable(c))
            return false;
    }
    for (i = at + step; i < size; i += width) {
        uint32_t c = mr_utf8_decode(data + i, size - i, &width);
        if (is_cased(c))
            return false;
        if (!is_case_ignorable(c))
            break;
    }
    return before;
}

/* Maps one character; text around it decides about sigma. */
static void map_character(struct mr_text *out, enum mapping mapping, const char *data, size_t size, size_t at,
                          size_t *step)
{
    uint32_t c = mr_utf8_decode(data + at, size - at, step);
    char bytes[4];
    if (*step == 1 && c >= 0x80) { /* malformed: as it is */
        mr_text_append_char(out, data[at]);
        return;
    }
    const struct special *special = mapping == LOWER ? NULL : find_special(c);
    if (special) {
        mr_text_append_str(out, mapping == UPPER ? special->upper : special->title);
        return;
    }
    if (mapping == LOWER && c == 0x130) {
        mr_text_append_str(out, "i\xcc\x87");
        return;
    }
    if (mapping == LOWER && c == 0x3A3)
        c = ends_word(data, size, at, *step) ? 0x3C2 : 0x3C3;
    else if (mapping == LOWER)
        c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    else
        c = (uint32_t)(mapping == UPPER ? utf8proc_toupper((utf8proc_int32_t)c)
                                        : utf8proc_totitle((utf8proc_int32_t)c));
    mr_text_append(out, bytes, mr_utf8_encode(c, bytes));
}

static void map_text(struct mr_text *out, enum mapping mapping, const char *data, size_t size)
{
    char first = mapping == UPPER ? 'a' : 'A', last = mapping == UPPER ? 'z' : 'Z';
    size_t step;
    mr_text_clear(out);
    for (size_t i = 0; i < size; i += step) {
        step = 0;
        while (i + step < size && (unsigned char)data[i + step] < 0x80)
            step++;
        if (step > 0) {
            mr_text_append(out, data + i, step);
            if (!out->failed)
                flip_ascii(out->data + out->size - step, data + i, step, first, last);
        } else {
            map_character(out, mapping, data, size, i, &step);
        }
    }
}

static int map_column(struct mr_column *in, const struct mr_selection *rows, struct mr_column *out,
                      enum mapping mapping, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    char first = mapping == UPPER ? 'a' : 'A', last = mapping == UPPER ? 'z' : 'Z';
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(in, i);
        if (mr_is_ascii(value.data, value.size)) {
            char *to = mr_out_begin(out, value.size);
            if (!to)
                MR_ERR(mr_error_memory(error, value.size));
            flip_ascii(to, value.data, value.size, first, last);
            mr_out_end(out, i, to, value.size, value.size);
        } else {
            map_text(&text, mapping, value.data, value.size);
            MR_ERR(mr_out_text(out, i, &text, error));
        }
    }
err:
    mr_text_release(&text);
    return status;
}

MR_KERNEL(mr_string_upper)
{
    return map_column(arguments[0], rows, out, UPPER, error);
}
MR_KERNEL(mr_string_lower)
{
    return map_column(arguments[0], rows, out, LOWER, error);
}

static int put_words(struct mr_column *out, int64_t row, struct mr_str value, struct mr_error *error)
{
    char *to = mr_out_begin(out, value.size);
    if (!to)
        return mr_error_memory(error, value.size);
    flip_ascii(to, value.data, value.size, 'A', 'Z');
    for (size_t k = 0; k < value.size; k++)
        if ((k == 0 || to[k - 1] == ' ') && to[k] >= 'a' && to[k] <= 'z')
            to[k] = (char)(to[k] - 32);
    mr_out_end(out, row, to, value.size, value.size);
    return MR_OK;
}

/* Words are what blanks separate: the first character in title case, all others in lower case. */
MR_KERNEL(mr_string_initcap)
{
    struct mr_text text, lower;
    mr_text_init(&text);
    mr_text_init(&lower);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        if (mr_is_ascii(value.data, value.size)) {
            MR_ERR(put_words(out, i, value, error));
            continue;
        }
        map_text(&lower, LOWER, value.data, value.size);
        mr_text_clear(&text);
        bool begins = true;
        size_t step;
        for (size_t k = 0; k < lower.size; k += step) {
            step = mr_utf8_step(lower.data + k, lower.size - k);
            if (begins)
                map_character(&text, TITLE, lower.data, lower.size, k, &step);
            else
                mr_text_append(&text, lower.data + k, step);
            begins = lower.data[k] == ' ';
        }
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    mr_text_release(&lower);
    return status;
}
