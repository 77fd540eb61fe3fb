/* expressions/string_encoding.c: character sets (encode, decode, to_binary) and validity of UTF-8. */
#include <strings.h>

#include "base/json.h"
#include "expressions/encoding.h"
#include "expressions/string_kernels.h"

enum charset { ASCII, LATIN1, UTF8, UTF16, UTF16BE, UTF16LE, UTF32, NO_CHARSET };
static const char *const charset_names[] = {"US-ASCII", "ISO-8859-1", "UTF-8", "UTF-16",
                                            "UTF-16BE", "UTF-16LE",   "UTF-32"};

static int find_charset(struct mr_str name, const char *function, enum charset *out, struct mr_error *error)
{
    for (int i = 0; i < NO_CHARSET; i++) {
        if (mr_str_equal_nocase(name, mr_str_of(charset_names[i]))) {
            *out = (enum charset)i;
            return MR_OK;
        }
    }
    mr_row_error(error, "INVALID_PARAMETER_VALUE.CHARSET",
                 "`%s` knows no character set '%.*s': use one of iso-8859-1, us-ascii, utf-16, utf-16be, "
                 "utf-16le, utf-32, "
                 "utf-8.",
                 function, (int)name.size, name.data);
    mr_error_parameter(error, "functionName", "`%s`", function);
    mr_error_parameter(error, "parameter", "`charset`");
    mr_error_parameter(error, "charset", "%.*s", (int)name.size, name.data);
    return error->code;
}

static int malformed(const char *function, enum charset charset, struct mr_error *error)
{
    mr_row_error(error, "MALFORMED_CHARACTER_CODING", "`%s` met a character that %s does not have.", function,
                 charset_names[charset]);
    mr_error_parameter(error, "function", "`%s`", function);
    mr_error_parameter(error, "charset", "%s", charset_names[charset]);
    return error->code;
}

static void append_unit(struct mr_text *out, uint32_t unit, bool little)
{
    mr_text_append_char(out, (char)(little ? unit : unit >> 8));
    mr_text_append_char(out, (char)(little ? unit >> 8 : unit));
}

static bool encode_point(struct mr_text *out, uint32_t c, enum charset charset)
{
    switch (charset) {
    case ASCII:
    case LATIN1:
        if (c >= (charset == ASCII ? 0x80u : 0x100u))
            return false;
        mr_text_append_char(out, (char)c);
        return true;
    case UTF32:
        append_unit(out, c >> 16, false);
        append_unit(out, c & 0xFFFF, false);
        return true;
    default:
        if (c >= 0x10000) {
            append_unit(out, 0xD800 + ((c - 0x10000) >> 10), charset == UTF16LE);
            append_unit(out, 0xDC00 + ((c - 0x10000) & 0x3FF), charset == UTF16LE);
        } else {
            append_unit(out, c, charset == UTF16LE);
        }
        return true;
    }
}

static bool encode_text(struct mr_text *out, struct mr_str text, enum charset charset)
{
    size_t step;
    if (charset == UTF8) {
        mr_text_append(out, text.data, text.size);
        return true;
    }
    if (charset == UTF16 && text.size > 0)
        append_unit(out, 0xFEFF, false);
    for (size_t i = 0; i < text.size; i += step)
        if (!encode_point(out, mr_utf8_decode(text.data + i, text.size - i, &step), charset))
            return false;
    return true;
}

static uint32_t unit_at(struct mr_str bytes, size_t at, bool little)
{
    unsigned char a = (unsigned char)bytes.data[at], b = (unsigned char)bytes.data[at + 1];
    return little ? (uint32_t)(b << 8 | a) : (uint32_t)(a << 8 | b);
}

static bool decode_utf16(struct mr_text *out, struct mr_str bytes, bool marked, bool little)
{
    char utf8[4];
    size_t i = 0;
    if (marked && bytes.size >= 2) {
        uint32_t mark = unit_at(bytes, 0, false);
        little = mark == 0xFFFE;
        i = mark == 0xFEFF || mark == 0xFFFE ? 2 : 0;
    }
    for (; i + 2 <= bytes.size; i += 2) {
        uint32_t c = unit_at(bytes, i, little);
        if (c >= 0xD800 && c < 0xE000) {
            if (c >= 0xDC00 || i + 4 > bytes.size)
                return false;
            uint32_t low = unit_at(bytes, i + 2, little);
            if (low < 0xDC00 || low >= 0xE000)
                return false;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            i += 2;
        }
        mr_text_append(out, utf8, mr_utf8_encode(c, utf8));
    }
    return i == bytes.size;
}

static bool decode_text(struct mr_text *out, struct mr_str bytes, enum charset charset)
{
    char utf8[4];
    switch (charset) {
    case ASCII:
    case LATIN1:
        for (size_t i = 0; i < bytes.size; i++) {
            unsigned char c = (unsigned char)bytes.data[i];
            if (charset == ASCII && c >= 0x80)
                return false;
            mr_text_append(out, utf8, mr_utf8_encode(c, utf8));
        }
        return true;
    case UTF8:
        mr_text_append(out, bytes.data, bytes.size);
        return mr_utf8_valid_prefix(bytes) == bytes.size;
    case UTF32:
        for (size_t i = 0; i + 4 <= bytes.size; i += 4) {
            uint32_t c = unit_at(bytes, i, false) << 16 | unit_at(bytes, i + 2, false);
            if (c > 0x10FFFF)
                return false;
            mr_text_append(out, utf8, mr_utf8_encode(c, utf8));
        }
        return bytes.size % 4 == 0;
    default:
        return decode_utf16(out, bytes, charset == UTF16, charset == UTF16LE);
    }
}

static int recode(struct mr_column *const *arguments, const struct mr_selection *rows, struct mr_column *out,
                  bool encoding, struct mr_error *error)
{
    const char *function = encoding ? "encode" : "decode";
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        enum charset charset = UTF8;
        MR_ERR(find_charset(mr_string_at(arguments[1], i), function, &charset, error));
        mr_text_clear(&text);
        struct mr_str value = mr_string_at(arguments[0], i);
        if (!(encoding ? encode_text : decode_text)(&text, value, charset))
            MR_ERR(malformed(function, charset, error));
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

MR_KERNEL(mr_string_encode)
{
    return recode(arguments, rows, out, true, error);
}
MR_KERNEL(mr_string_decode)
{
    return recode(arguments, rows, out, false, error);
}

/* ---- UTF-8 ---- */
MR_KERNEL(mr_string_is_valid_utf8)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        out->booleans[i] = mr_utf8_valid_prefix(value) == value.size;
    }
    return MR_OK;
}

/* How many bytes at data are one malformed piece: as many as could have begun a character. */
static size_t malformed_size(const char *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t need = p[0] >= 0xF0 && p[0] < 0xF5   ? 4
                  : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
                  : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
                                                : 1;
    if (need == 1 || size < 2)
        return 1;
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 1;
    size_t n = 2;
    while (n < need - 1 && n < size && (p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

MR_KERNEL(mr_string_make_valid_utf8)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_ERR(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        if (mr_utf8_valid_prefix(value) == value.size) {
            out->views[i] = arguments[0]->views[i];
            continue;
        }
        mr_text_clear(&text);
        for (size_t k = 0; k < value.size;) {
            size_t good = mr_utf8_valid_prefix((struct mr_str){value.data + k, value.size - k});
            mr_text_append(&text, value.data + k, good);
            k += good;
            if (k < value.size) {
                mr_text_append_str(&text, "\xEF\xBF\xBD");
                k += malformed_size(value.data + k, value.size - k);
            }
        }
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

static int validate(struct mr_column *const *arguments, const struct mr_selection *rows,
                    struct mr_column *out, bool tolerate, struct mr_error *error)
{
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        out->views[i] = arguments[0]->views[i];
        if (mr_utf8_valid_prefix(value) == value.size)
            continue;
        if (!tolerate)
            return mr_row_error(
                error, "INVALID_UTF8_STRING",
                "A string holds bytes that are not UTF-8, the first at %zu. `try_validate_utf8` gives "
                "NULL instead.",
                mr_utf8_valid_prefix(value));
        MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

MR_KERNEL(mr_string_validate_utf8)
{
    return validate(arguments, rows, out, false, error);
}
MR_KERNEL(mr_string_try_validate_utf8)
{
    return validate(arguments, rows, out, true, error);
}

/* ---- to_binary ---- */
static bool hex_bytes(struct mr_text *out, struct mr_str text)
{
    size_t i = 0;
    if (text.size % 2 == 1) {
        int digit = mr_hex_digit(text.data[0]);
        if (digit < 0)
            return false;
        mr_text_append_char(out, (char)digit);
        i = 1;
    }
    for (; i < text.size; i += 2) {
        int high = mr_hex_digit(text.data[i]), low = mr_hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        mr_text_append_char(out, (char)(high << 4 | low));
    }
    return true;
}

static bool base64_bytes(struct mr_text *out, struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr("+/= \t\r\n", c)))
            return false;
    }
    char *bytes = mr_allocate(text.size + 4);
    size_t size = 0;
    bool good = bytes && mr_base64_decode(text.data, text.size, MR_BASE64_MIME, bytes, &size);
    if (good)
        mr_text_append(out, bytes, size);
    mr_free(bytes);
    return good;
}

/* to_binary(text, format): format is 'hex', 'utf-8' or 'base64' (checked when the call was resolved). */
MR_KERNEL(mr_string_to_binary)
{
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    struct mr_text bytes;
    mr_text_init(&bytes);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i), format = MR_STR("hex");
        if (call->expression->argument_count > 1)
            format = mr_string_at(arguments[1], i);
        bool hex = mr_str_equal_nocase(format, MR_STR("hex")),
             base64 = mr_str_equal_nocase(format, MR_STR("base64"));
        bool utf8 =
                 mr_str_equal_nocase(format, MR_STR("utf-8")) || mr_str_equal_nocase(format, MR_STR("utf8")),
             good = utf8;
        mr_text_clear(&bytes);
        if (utf8)
            mr_text_append(&bytes, text.data, text.size);
        else if (hex)
            good = hex_bytes(&bytes, text);
        else if (base64)
            good = base64_bytes(&bytes, text);
        if (good) {
            MR_ERR(mr_out_text(out, i, &bytes, error));
        } else if (tolerate) {
            MR_ERR(mr_column_set_null(out, i, error));
        } else {
            int size = text.size > 100 ? 100 : (int)text.size;
            MR_ERR(mr_row_error(error, "CONVERSION_INVALID_INPUT",
                                "'%.*s' is no text in the format '%.*s'. `try_to_binary` gives NULL instead.",
                                size, text.data, (int)format.size, format.data));
        }
    }
err:
    mr_text_release(&bytes);
    return status;
}
