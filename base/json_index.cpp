/* base/json_index.cpp: what C++ libraries do better than code of our own would. This is the project's only
 * C++ file.
 *
 * 1. simdjson's first stage: structural positions and UTF-8 check of a whole buffer, 64 bytes at a time.
 * 2. The standard library's shortest and exact conversions between doubles and text, free of any locale.
 */
#include <atomic>
#include <charconv>
#include <memory>
#include <new>

#include <simdjson.h>

extern "C" {
#include "base/json.h"
#include "base/number.h"
}

struct mr_json_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
    size_t capacity = 0;
};

extern "C" struct mr_json_index *mr_json_index_new(void)
{
    return new (std::nothrow) mr_json_index;
}

extern "C" void mr_json_index_free(struct mr_json_index *index)
{
    delete index;
}

/* The index of a buffer takes 4 bytes per byte of text, so it grows only as far as the texts given do. */
static bool reserve(struct mr_json_index *index, size_t size)
{
    if (index->parser && index->capacity >= size)
        return true;
    size_t capacity = index->capacity * 3 / 2;
    if (capacity < size)
        capacity = size;
    if (capacity < 4096)
        capacity = 4096;
    simdjson::error_code error;
    if (index->parser)
        error = index->parser->set_capacity(capacity);
    else
        error = simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1,
                                                                                        index->parser);
    if (error != simdjson::SUCCESS) {
        index->parser.reset();
        index->capacity = 0;
        return false;
    }
    index->capacity = capacity;
    return true;
}

extern "C" int mr_json_index_build(struct mr_json_index *index, const char *text, size_t size,
                                   const uint32_t **positions, size_t *count)
{
    static const uint32_t nothing[1] = {0};
    *positions = nothing;
    *count = 0;
    if (size == 0)
        return MR_JSON_INDEXED;
    if (size > UINT32_MAX - 64 || !reserve(index, size))
        return MR_JSON_NO_MEMORY;
    auto *bytes = reinterpret_cast<const uint8_t *>(text);
    simdjson::error_code error = index->parser->stage1(bytes, size, simdjson::stage1_mode::regular);
    uint32_t *found = index->parser->structural_indexes.get();
    switch (error) {
    case simdjson::SUCCESS:
        *count = index->parser->n_structural_indexes;
        break;
    case simdjson::EMPTY: /* blanks only, which is no error here; but it is found before the UTF-8 is looked
                             at */
        if (!simdjson::validate_utf8(text, size))
            return MR_JSON_BAD_UTF8;
        break;
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
        return MR_JSON_UNCLOSED_STRING;
    case simdjson::UTF8_ERROR:
        return MR_JSON_BAD_UTF8;
    default:
        return MR_JSON_NO_MEMORY;
    }
    found[*count] = static_cast<uint32_t>(size); /* the sentinel; simdjson allocates room for it */
    *positions = found;
    return MR_JSON_INDEXED;
}

/* "d.ddde±xx" -> digits and exponent. */
static int split_scientific(const char *text, const char *end, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    int count = 0;
    const char *at = text;
    for (; at < end && *at != 'e'; at++)
        if (*at != '.')
            digits[count++] = *at;
    at++; /* the e */
    bool negative = *at == '-';
    int value = 0;
    for (at++; at < end; at++)
        value = value * 10 + (*at - '0');
    *exponent = negative ? -value : value;
    return count;
}

extern "C" int mr_number_shortest(double value, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    char text[40];
    auto done = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
    return split_scientific(text, done.ptr, digits, exponent);
}

extern "C" int mr_number_shortest_float(float value, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    char text[40];
    auto done = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
    return split_scientific(text, done.ptr, digits, exponent);
}

extern "C" int mr_number_rounded(double value, int count, char digits[MR_NUMBER_DIGITS], int *exponent)
{
    char text[40];
    auto done = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, count - 1);
    return split_scientific(text, done.ptr, digits, exponent);
}

extern "C" size_t mr_number_fixed(double value, int digits_after_point, char *out, size_t out_size)
{
    auto done = std::to_chars(out, out + out_size, value, std::chars_format::fixed, digits_after_point);
    return done.ec == std::errc() ? static_cast<size_t>(done.ptr - out) : 0;
}

template <typename T> static size_t parse_number(const char *text, size_t size, T *out)
{
    T value = 0;
    auto done = std::from_chars(text, text + size, value, std::chars_format::general);
    if (done.ec == std::errc::invalid_argument)
        return 0;
    if (done.ec == std::errc::result_out_of_range) {
        /* The library leaves the value alone: it is infinite or rounds to zero, and the caller wants to know
         * which. */
        value = mr_number_is_huge(text, static_cast<size_t>(done.ptr - text))
                    ? std::numeric_limits<T>::infinity()
                    : 0;
        if (text[0] == '-')
            value = -value;
    }
    *out = value;
    return static_cast<size_t>(done.ptr - text);
}

extern "C" size_t mr_number_parse_double(const char *text, size_t size, double *out)
{
    return parse_number(text, size, out);
}

extern "C" size_t mr_number_parse_float(const char *text, size_t size, float *out)
{
    return parse_number(text, size, out);
}
