/* expressions/string_basic.c: lengths, parts, padding and trimming of strings (in characters) and binaries
 * (in bytes). */
#include "expressions/string_kernels.h"

MR_KERNEL(mr_string_length)
{
    const struct mr_column *in = arguments[0];
    if (in->type->id == MR_BINARY) {
        MR_FOR_ROWS (i, rows, out->length) {
            out->i32[i] = (int32_t)in->views[i].size;
        }
        return MR_OK;
    }
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(in, i);
        out->i32[i] = mr_is_ascii(value.data, value.size) ? (int32_t)value.size
                                                          : (int32_t)mr_utf8_count(value.data, value.size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_octet_length)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)arguments[0]->views[i].size;
    }
    return MR_OK;
}

MR_KERNEL(mr_string_bit_length)
{
    MR_FOR_ROWS (i, rows, out->length) {
        out->i32[i] = (int32_t)(arguments[0]->views[i].size * 8);
    }
    return MR_OK;
}

/* Characters [start, stop) of value; start may lie before the text. */
static struct mr_str part_of(struct mr_str value, int64_t start, int64_t stop, bool bytes)
{
    if (stop <= start || start >= (int64_t)value.size || stop <= 0)
        return (struct mr_str){value.data, 0};
    start = start < 0 ? 0 : start;
    if (bytes || mr_is_ascii(value.data, value.size < (size_t)stop ? value.size : (size_t)stop)) {
        stop = stop > (int64_t)value.size ? (int64_t)value.size : stop;
        return (struct mr_str){value.data + start, (size_t)(stop - start)};
    }
    size_t from = mr_utf8_offset(value.data, value.size, start);
    size_t size = mr_utf8_offset(value.data + from, value.size - from, stop - start);
    return (struct mr_str){value.data + from, size};
}

/* SQL's positions count from 1, or from the end when negative; 0 is as good as 1. */
static struct mr_str substring(struct mr_str value, int32_t position, int64_t length, bool bytes)
{
    int64_t start = position > 0 ? position - 1 : position;
    if (position < 0)
        start += bytes ? (int64_t)value.size : mr_utf8_count(value.data, value.size);
    return part_of(value, start, start + length, bytes);
}

MR_KERNEL(mr_string_substring)
{
    const struct mr_column *in = arguments[0];
    bool bytes = in->type->id == MR_BINARY;
    MR_TRY(mr_column_keep_all_of(out, in, error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str part =
            substring(mr_string_at(in, i), arguments[1]->i32[i], arguments[2]->i32[i], bytes);
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_left)
{
    const struct mr_column *in = arguments[0];
    MR_TRY(mr_column_keep_all_of(out, in, error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str part = part_of(mr_string_at(in, i), 0, arguments[1]->i32[i], in->type->id == MR_BINARY);
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_right)
{
    const struct mr_column *in = arguments[0];
    MR_TRY(mr_column_keep_all_of(out, in, error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(in, i);
        int32_t count = arguments[1]->i32[i];
        struct mr_str part = {value.data, 0};
        if (count > 0 && count <= (int64_t)value.size)
            part = substring(value, -count, count, false);
        else if (count > 0)
            part = value;
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

/* ---- padding ---- */
/* Bytes of `count` characters' worth of pad, repeated. */
static size_t padding_size(struct mr_str pad, int64_t count, int64_t pad_count)
{
    size_t whole = (size_t)(count / pad_count) * pad.size;
    return whole + mr_utf8_offset(pad.data, pad.size, count % pad_count);
}

static char *put_padding(char *to, struct mr_str pad, size_t size)
{
    for (size_t done = 0; done < size; done += pad.size) {
        size_t piece = size - done < pad.size ? size - done : pad.size;
        memcpy(to + done, pad.data, piece);
    }
    return to + size;
}

static int pad_row(struct mr_column *out, int64_t row, struct mr_str value, int32_t length, struct mr_str pad,
                   bool left, struct mr_error *error)
{
    bool bytes = out->type->id == MR_BINARY;
    int64_t have = bytes ? (int64_t)value.size : mr_utf8_count(value.data, value.size);
    if (length <= have || pad.size == 0) {
        struct mr_str part = part_of(value, 0, length, bytes);
        return mr_column_set_bytes(out, row, part.data, part.size, error);
    }
    int64_t pad_count = bytes ? (int64_t)pad.size : mr_utf8_count(pad.data, pad.size),
            missing = length - have;
    size_t fill = bytes ? (size_t)missing : padding_size(pad, missing, pad_count), size = value.size + fill;
    char *to = size > INT32_MAX ? NULL : mr_out_begin(out, size), *start = to;
    if (!to)
        return mr_error_memory(error, size);
    if (left)
        to = put_padding(to, pad, fill);
    memcpy(to, value.data, value.size);
    if (!left)
        put_padding(to + value.size, pad, fill);
    mr_out_end(out, row, start, size, size);
    return MR_OK;
}

MR_KERNEL(mr_string_lpad)
{
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(pad_row(out, i, mr_string_at(arguments[0], i), arguments[1]->i32[i],
                       mr_string_at(arguments[2], i), true, error));
    }
    return MR_OK;
}

MR_KERNEL(mr_string_rpad)
{
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(pad_row(out, i, mr_string_at(arguments[0], i), arguments[1]->i32[i],
                       mr_string_at(arguments[2], i), false, error));
    }
    return MR_OK;
}

/* ---- trimming ---- */
static bool in_set(struct mr_str set, const char *character, size_t size)
{
    if (size == 1)
        return memchr(set.data, *character, set.size) != NULL;
    for (size_t i = 0; i < set.size;) {
        size_t step = mr_utf8_step(set.data + i, set.size - i);
        if (step == size && memcmp(set.data + i, character, size) == 0)
            return true;
        i += step;
    }
    return false;
}

static struct mr_str trim(struct mr_str value, struct mr_str set, bool left, bool right)
{
    while (left && value.size > 0) {
        size_t step = mr_utf8_step(value.data, value.size);
        if (!in_set(set, value.data, step))
            break;
        value.data += step;
        value.size -= step;
    }
    while (right && value.size > 0) {
        size_t step = 1;
        while (step < value.size && step < 4 && (value.data[value.size - step] & 0xC0) == 0x80)
            step++;
        if (!in_set(set, value.data + value.size - step, step))
            break;
        value.size -= step;
    }
    return value;
}

static int trim_column(struct mr_call *call, struct mr_column *const *arguments,
                       const struct mr_selection *rows, struct mr_column *out, bool left, bool right,
                       struct mr_error *error)
{
    const struct mr_column *in = arguments[0],
                           *set = call->expression->argument_count > 1 ? arguments[1] : NULL;
    MR_TRY(mr_column_keep_all_of(out, in, error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str part = trim(mr_string_at(in, i), set ? mr_string_at(set, i) : MR_STR(" "), left, right);
        out->views[i] = mr_view_of(part.data, (uint32_t)part.size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_trim)
{
    return trim_column(call, arguments, rows, out, true, true, error);
}
MR_KERNEL(mr_string_ltrim)
{
    return trim_column(call, arguments, rows, out, true, false, error);
}
MR_KERNEL(mr_string_rtrim)
{
    return trim_column(call, arguments, rows, out, false, true, error);
}

/* ---- making ---- */
MR_KERNEL(mr_string_repeat)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        int64_t count = arguments[1]->i32[i] > 0 ? arguments[1]->i32[i] : 0;
        size_t size = value.size * (size_t)count;
        char *to = size > INT32_MAX ? NULL : mr_out_begin(out, size);
        if (!to)
            return mr_error_memory(error, size);
        if (size > 0)
            put_padding(to, value, size);
        mr_out_end(out, i, to, size, size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_space)
{
    MR_FOR_ROWS (i, rows, out->length) {
        size_t size = arguments[0]->i32[i] > 0 ? (size_t)arguments[0]->i32[i] : 0;
        char *to = mr_out_begin(out, size);
        if (!to)
            return mr_error_memory(error, size);
        memset(to, ' ', size);
        mr_out_end(out, i, to, size, size);
    }
    return MR_OK;
}

MR_KERNEL(mr_string_reverse)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        char *to = mr_out_begin(out, value.size);
        if (!to)
            return mr_error_memory(error, value.size);
        bool single = out->type->id == MR_BINARY || mr_is_ascii(value.data, value.size);
        size_t step = 1;
        for (size_t k = 0; single && k < value.size; k++)
            to[value.size - k - 1] = value.data[k];
        for (size_t k = 0; !single && k < value.size; k += step) {
            step = mr_utf8_step(value.data + k, value.size - k);
            memcpy(to + value.size - k - step, value.data + k, step);
        }
        mr_out_end(out, i, to, value.size, value.size);
    }
    return MR_OK;
}

/* overlay(text, replacement, position, length): length < 0 is the replacement's own. */
MR_KERNEL(mr_string_overlay)
{
    bool bytes = out->type->id == MR_BINARY;
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i), other = mr_string_at(arguments[1], i);
        int32_t position = arguments[2]->i32[i];
        int64_t length = arguments[3]->i32[i];
        if (length < 0)
            length = bytes ? (int64_t)other.size : mr_utf8_count(other.data, other.size);
        struct mr_str before = substring(value, 1, (int64_t)position - 1, bytes);
        int64_t resume = position + length;
        struct mr_str after =
            substring(value, (int32_t)(resume > INT32_MAX ? INT32_MAX : resume), INT32_MAX, bytes);
        mr_text_clear(&text);
        mr_text_append(&text, before.data, before.size);
        mr_text_append(&text, other.data, other.size);
        mr_text_append(&text, after.data, after.size);
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

MR_KERNEL(mr_string_ascii)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        size_t step;
        out->i32[i] = value.size ? (int32_t)mr_utf8_decode(value.data, value.size, &step) : 0;
    }
    return MR_OK;
}

MR_KERNEL(mr_string_char)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t code = arguments[0]->i64[i];
        char bytes[4];
        size_t size = code < 0 ? 0 : mr_utf8_encode((uint32_t)(code & 0xFF), bytes);
        out->views[i] = mr_view_of(bytes, (uint32_t)size);
    }
    return MR_OK;
}
