/* expressions/function_tools.h: what the function groups share besides expressions/kernel.h and
 * expressions/resolve.h. */
#ifndef MR_EXPRESSIONS_FUNCTION_TOOLS_H
#define MR_EXPRESSIONS_FUNCTION_TOOLS_H

#include "columns/value.h"
#include "expressions/append.h"
#include "expressions/kernel.h"
#include "expressions/resolve.h"

#define MR_UNUSED __attribute__((unused))
/* The head of a kernel. */
#define MR_KERNEL(name)                                                                                      \
    int name(struct mr_call *call MR_UNUSED, struct mr_column *const *arguments MR_UNUSED,                   \
             const struct mr_selection *rows MR_UNUSED, struct mr_column *out,                               \
             struct mr_error *error MR_UNUSED)

/* ---- UTF-8: positions are counted in characters ---- */
static inline bool mr_is_ascii(const char *data, size_t size)
{
    uint64_t seen = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t eight;
        memcpy(&eight, data + i, 8);
        seen |= eight;
    }
    for (; i < size; i++)
        seen |= (uint64_t)(unsigned char)data[i];
    return (seen & 0x8080808080808080ULL) == 0;
}
/* Characters: bytes that do not continue one. */
static inline int64_t mr_utf8_count(const char *data, size_t size)
{
    int64_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (data[i] & 0xC0) != 0x80;
    return count;
}
/* Bytes of the character that begins at data (size > 0); never more than there are, malformed or not. */
static inline size_t mr_utf8_step(const char *data, size_t size)
{
    unsigned char lead = (unsigned char)data[0];
    size_t step = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return step < size ? step : size;
}
/* Byte offset of character number `count`; size when there are not so many. */
static inline size_t mr_utf8_offset(const char *data, size_t size, int64_t count)
{
    size_t i = 0;
    while (i < size && count > 0) {
        i += mr_utf8_step(data + i, size - i);
        count--;
    }
    return i;
}
/* The code point at data and its size in bytes; a malformed byte stands for itself. */
uint32_t mr_utf8_decode(const char *data, size_t size, size_t *step);
size_t mr_utf8_encode(uint32_t code_point, char out[4]);

/* ---- text results ---- */
/* Space for at most `most` bytes of row's result; mr_out_end tells how many were written. NULL without
 * memory. */
static inline char *mr_out_begin(struct mr_column *out, size_t most)
{
    return mr_column_heap(out, most ? most : 1);
}
static inline void mr_out_end(struct mr_column *out, int64_t row, char *data, size_t size, size_t most)
{
    size_t given = most ? most : 1;
    out->heap->size -= size > MR_VIEW_INLINE ? given - size : given; /* what is not needed goes back */
    out->views[row] = mr_view_of(data, (uint32_t)size);
}
/* Strings are limited to 2 GiB, as in Spark. */
static inline int mr_out_text(struct mr_column *out, int64_t row, const struct mr_text *text,
                              struct mr_error *error)
{
    if (text->failed || text->size > INT32_MAX)
        return mr_error_memory(error, text->size);
    return mr_column_set_bytes(out, row, text->data, text->size, error);
}

/* ---- resolving ---- */
/* One more argument, a literal: Spark shows the defaults of missing arguments in names. */
int mr_resolve_add_string(struct mr_resolve *r, const char *value, struct mr_error *error);
int mr_resolve_add_i64(struct mr_resolve *r, const struct mr_type *type, int64_t value,
                       struct mr_error *error);
int mr_resolve_add_null(struct mr_resolve *r, struct mr_error *error);
int mr_resolve_add(struct mr_resolve *r, const struct mr_expression *value, struct mr_error *error);

/* The mr_function of this table whose calls are the same under another name. */
#define MR_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

#endif
