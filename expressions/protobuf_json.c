/* expressions/protobuf_json.c: Protobuf's JSON mapping, message by message.
 *
 * A message is read into a list of its fields first, so that the last of doubled scalars counts, messages
 * that come in parts are put together (their bytes one behind the other mean the same), and members stand in
 * the order of their numbers. */
#include "expressions/protobuf_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "columns/value.h"
#include "expressions/encoding.h"
#include "expressions/protobuf_wire.h"

#define MOST_DEPTH 100

struct printer {
    const struct mr_proto_set *set;
    bool enums_as_ints;
    struct mr_arena arena;
    struct mr_text *out;
    const char *problem;
    int depth;
};
struct fields { /* of one message */
    struct mr_wire_field *items;
    size_t count;
};

static bool fail(struct printer *p, const char *problem)
{
    p->problem = problem;
    return false;
}

static bool print_message(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes);

/* ---- reading ---- */
static bool read_fields(struct printer *p, struct mr_str bytes, struct fields *out)
{
    struct mr_wire w = mr_wire_of(bytes);
    size_t capacity = 0;
    *out = (struct fields){NULL, 0};
    while (w.at < w.end) {
        if (out->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            struct mr_wire_field *more = MR_ARENA_ARRAY(&p->arena, struct mr_wire_field, capacity);
            if (!more)
                return fail(p, "there is no memory");
            if (out->count > 0)
                memcpy(more, out->items, sizeof *more * out->count);
            out->items = more;
        }
        struct mr_wire_field *field = &out->items[out->count];
        const uint8_t *start;
        *field = (struct mr_wire_field){0};
        if (!mr_wire_next(&w, field))
            return fail(p, w.problem);
        start = w.at;
        if (field->type == MR_WIRE_END_GROUP)
            return fail(p, "a group ends that did not begin");
        if (field->type ==
            MR_WIRE_START_GROUP) { /* its bytes, and the tag that ends it, which is read over */
            if (!mr_wire_skip_group(&w, field->number, 0))
                return fail(p, w.problem);
            field->bytes = (struct mr_str){(const char *)start, (size_t)(w.at - start)};
            uint64_t tag = (uint64_t)field->number << 3;
            while (tag >= 0x80) {
                tag >>= 7;
                field->bytes.size--;
            }
            field->bytes.size--;
        }
        out->count++;
    }
    return true;
}

static bool is_of(const struct mr_wire_field *value, const struct mr_proto_field *f)
{
    return value->number == f->number && value->type == mr_proto_wire(f->kind);
}

/* The last value of the field; NULL: there is none. Of a oneof only the member that came last is there. */
static const struct mr_wire_field *last_of(const struct fields *all, const struct mr_proto_message *m,
                                           const struct mr_proto_field *f)
{
    for (size_t i = all->count; i > 0; i--) {
        const struct mr_wire_field *value = &all->items[i - 1];
        if (is_of(value, f))
            return value;
        for (int k = 0; f->oneof >= 0 && k < m->count; k++)
            if (m->fields[k].oneof == f->oneof && is_of(value, &m->fields[k]))
                return NULL;
    }
    return NULL;
}

/* The bytes of a message that may have come in parts. */
static bool joined(struct printer *p, const struct fields *all, const struct mr_proto_field *f,
                   struct mr_str *out)
{
    size_t size = 0;
    for (size_t i = 0; i < all->count; i++)
        size += is_of(&all->items[i], f) ? all->items[i].bytes.size : 0;
    char *bytes = mr_arena_allocate(&p->arena, size + 1);
    if (!bytes)
        return fail(p, "there is no memory");
    *out = (struct mr_str){bytes, size};
    for (size_t i = 0; i < all->count; i++)
        if (is_of(&all->items[i], f) && all->items[i].bytes.size > 0) {
            memcpy(bytes, all->items[i].bytes.data, all->items[i].bytes.size);
            bytes += all->items[i].bytes.size;
        }
    return true;
}

/* ---- scalars ---- */
static void print_text(struct printer *p, struct mr_str text)
{
    mr_text_append_char(p->out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *at = c ? strchr(plain, c) : NULL;
        if (at)
            mr_text_format(p->out, "\\%c", letters[at - plain]);
        else if (c < 0x20 || strchr("<>&='", c))
            mr_text_format(p->out, "\\u%04x", c);
        else
            mr_text_append_char(p->out, (char)c);
    }
    mr_text_append_char(p->out, '"');
}

static bool print_bytes(struct printer *p, struct mr_str bytes)
{
    size_t size = mr_base64_encoded_size(bytes.size);
    mr_text_append_char(p->out, '"');
    char *to = mr_text_reserve(p->out, size + 1);
    if (!to)
        return fail(p, "there is no memory");
    mr_base64_encode(bytes.data, bytes.size, to);
    p->out->size += size;
    p->out->data[p->out->size] = 0;
    mr_text_append_char(p->out, '"');
    return true;
}

static bool print_real(struct printer *p, const char *text, size_t size)
{
    bool name = text[size - 1] == 'N' || text[size - 1] == 'y'; /* NaN, Infinity */
    mr_text_format(p->out, name ? "\"%.*s\"" : "%.*s", (int)size, text);
    return true;
}

static bool print_symbol(struct printer *p, const struct mr_proto_enum *e, int32_t number)
{
    if (mr_str_equal(e->full_name, MR_STR("google.protobuf.NullValue"))) {
        mr_text_append_str(p->out, "null");
        return true;
    }
    for (int i = 0; i < e->count && !p->enums_as_ints; i++)
        if (e->values[i].number == number) {
            print_text(p, e->values[i].name);
            return true;
        }
    mr_text_format(p->out, "%d", number);
    return true;
}

static bool print_scalar(struct printer *p, const struct mr_proto_field *f, uint64_t raw, struct mr_str bytes)
{
    uint32_t low = (uint32_t)raw;
    char text[32];
    float single;
    double number;
    switch (f->kind) {
    case MR_PROTO_STRING:
        print_text(p, bytes);
        return true;
    case MR_PROTO_BYTES:
        return print_bytes(p, bytes);
    case MR_PROTO_BOOL:
        mr_text_append_str(p->out, raw ? "true" : "false");
        return true;
    case MR_PROTO_ENUM:
        return print_symbol(p, f->symbols, (int32_t)low);
    case MR_PROTO_FLOAT:
        memcpy(&single, &low, 4);
        return print_real(p, text, mr_float_text(single, text));
    case MR_PROTO_DOUBLE:
        memcpy(&number, &raw, 8);
        return print_real(p, text, mr_double_text(number, text));
    case MR_PROTO_UINT32:
    case MR_PROTO_FIXED32:
        mr_text_format(p->out, "%u", low);
        return true;
    case MR_PROTO_SINT32:
        mr_text_format(p->out, "%d", (int32_t)(low >> 1) ^ -(int32_t)(low & 1));
        return true;
    case MR_PROTO_UINT64:
    case MR_PROTO_FIXED64:
        mr_text_format(p->out, "\"%llu\"", (unsigned long long)raw);
        return true;
    case MR_PROTO_SINT64:
        mr_text_format(p->out, "\"%lld\"", (long long)((int64_t)(raw >> 1) ^ -(int64_t)(raw & 1)));
        return true;
    case MR_PROTO_INT64:
    case MR_PROTO_SFIXED64:
        mr_text_format(p->out, "\"%lld\"", (long long)raw);
        return true;
    default:
        mr_text_format(p->out, "%d", (int32_t)low);
        return true;
    }
}

static bool is_zero(const struct mr_proto_field *f, const struct mr_wire_field *value)
{
    return value->type == MR_WIRE_BYTES ? value->bytes.size == 0
           : value->type == MR_WIRE_FIXED64 || f->kind == MR_PROTO_INT64 || f->kind == MR_PROTO_UINT64 ||
                   f->kind == MR_PROTO_SINT64 || f->kind == MR_PROTO_BOOL
               ? value->value == 0
               : (uint32_t)value->value == 0;
}

static bool print_value(struct printer *p, const struct mr_proto_field *f, const struct mr_wire_field *value)
{
    return f->message ? print_message(p, f->message, value->bytes)
                      : print_scalar(p, f, value->value, value->bytes);
}

/* ---- repeated fields and maps ---- */
static bool print_packed(struct printer *p, const struct mr_proto_field *f, struct mr_str bytes, bool *comma)
{
    struct mr_wire w = mr_wire_of(bytes);
    size_t width = mr_proto_wire(f->kind) == MR_WIRE_FIXED64   ? 8
                   : mr_proto_wire(f->kind) == MR_WIRE_FIXED32 ? 4
                                                               : 0;
    while (w.at < w.end) {
        uint64_t raw = 0;
        if (width == 0 ? !mr_wire_varint(&w, &raw) : (size_t)(w.end - w.at) < width)
            return fail(p, "it ends within a number");
        if (width > 0)
            memcpy(&raw, w.at, width);
        w.at += width;
        mr_text_append_str(p->out, *comma ? "," : "");
        *comma = true;
        print_scalar(p, f, raw, (struct mr_str){NULL, 0});
    }
    return true;
}

static bool print_list(struct printer *p, const struct fields *all, const struct mr_proto_field *f)
{
    bool comma = false;
    mr_text_append_char(p->out, '[');
    for (size_t i = 0; i < all->count; i++) {
        const struct mr_wire_field *value = &all->items[i];
        bool packed = value->number == f->number && value->type == MR_WIRE_BYTES &&
                      mr_proto_wire(f->kind) != MR_WIRE_BYTES &&
                      mr_proto_wire(f->kind) != MR_WIRE_START_GROUP;
        if (packed && !print_packed(p, f, value->bytes, &comma))
            return false;
        if (!is_of(value, f))
            continue;
        mr_text_append_str(p->out, comma ? "," : "");
        comma = true;
        if (!print_value(p, f, value))
            return false;
    }
    mr_text_append_char(p->out, ']');
    return true;
}

/* A key or value that is absent from its entry is zero. */
static bool print_part(struct printer *p, const struct mr_proto_message *entry, const struct fields *all,
                       int part, bool quote)
{
    const struct mr_proto_field *f = &entry->fields[part];
    const struct mr_wire_field zero = {.type = mr_proto_wire(f->kind), .bytes = MR_STR("")};
    const struct mr_wire_field *value = last_of(all, entry, f);
    size_t start = p->out->size;
    if (!print_value(p, f, value ? value : &zero))
        return false;
    if (quote && p->out->data && p->out->data[start] != '"') {
        char text[32];
        snprintf(text, sizeof text, "%s", p->out->data + start);
        p->out->size = start;
        mr_text_format(p->out, "\"%s\"", text);
    }
    return true;
}

static bool print_map(struct printer *p, const struct fields *all, const struct mr_proto_field *f)
{
    bool comma = false;
    mr_text_append_char(p->out, '{');
    for (size_t i = 0; i < all->count; i++) {
        struct fields entry;
        if (!is_of(&all->items[i], f))
            continue;
        if (!read_fields(p, all->items[i].bytes, &entry))
            return false;
        mr_text_append_str(p->out, comma ? "," : "");
        comma = true;
        if (!print_part(p, f->message, &entry, 0, true))
            return false;
        mr_text_append_char(p->out, ':');
        if (!print_part(p, f->message, &entry, 1, false))
            return false;
    }
    mr_text_append_char(p->out, '}');
    return true;
}

/* ---- messages ---- */
static int by_number(const void *a, const void *b)
{
    const struct mr_proto_field *x = *(const struct mr_proto_field *const *)a,
                                *y = *(const struct mr_proto_field *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool print_member(struct printer *p, const struct mr_proto_message *m, const struct fields *all,
                         const struct mr_proto_field *f, bool *comma)
{
    const struct mr_wire_field *value = f->repeated ? NULL : last_of(all, m, f);
    struct mr_wire_field whole;
    bool any = value && (f->presence || !is_zero(f, value));
    for (size_t i = 0; f->repeated && i < all->count; i++)
        any |= all->items[i].number == f->number;
    if (!any)
        return true;
    mr_text_append_str(p->out, *comma ? "," : "");
    *comma = true;
    print_text(p, f->name);
    mr_text_append_char(p->out, ':');
    if (f->repeated)
        return f->message && f->message->map_entry ? print_map(p, all, f) : print_list(p, all, f);
    if (!f->message)
        return print_value(p, f, value);
    whole = *value;
    return joined(p, all, f, &whole.bytes) && print_value(p, f, &whole);
}

static bool print_members(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes,
                          bool comma)
{
    struct fields all;
    const struct mr_proto_field **order =
        MR_ARENA_ARRAY(&p->arena, const struct mr_proto_field *, m->count + 1);
    if (!order)
        return fail(p, "there is no memory");
    if (!read_fields(p, bytes, &all))
        return false;
    for (int i = 0; i < m->count; i++)
        order[i] = &m->fields[i];
    qsort(order, (size_t)m->count, sizeof *order, by_number);
    for (int i = 0; i < m->count; i++)
        if (!print_member(p, m, &all, order[i], &comma))
            return false;
    return true;
}

/* ---- messages with a form of their own ---- */
static bool print_moment(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes,
                         bool duration)
{
    struct fields all;
    int64_t parts[2] = {0, 0};
    char fraction[16] = "";
    if (!read_fields(p, bytes, &all))
        return false;
    for (int i = 0; i < 2; i++) {
        const struct mr_wire_field *value = last_of(&all, m, &m->fields[i]);
        parts[i] = value ? (int64_t)value->value : 0;
    }
    int64_t seconds = parts[0], nanos = (int32_t)parts[1], limit = duration ? 315576000000 : 253402300799;
    bool negative = duration && (seconds < 0 || nanos < 0);
    if (seconds > limit || seconds < (duration ? -limit : -62135596800) || nanos > 999999999 ||
        nanos < (duration ? -999999999 : 0))
        return fail(p, "a time is out of range");
    int64_t size = nanos < 0 ? -nanos : nanos;
    if (size % 1000000 == 0 && size > 0)
        snprintf(fraction, sizeof fraction, ".%03d", (int)(size / 1000000));
    else if (size % 1000 == 0 && size > 0)
        snprintf(fraction, sizeof fraction, ".%06d", (int)(size / 1000));
    else if (size > 0)
        snprintf(fraction, sizeof fraction, ".%09d", (int)size);
    if (duration) {
        mr_text_format(p->out, "\"%s%lld%ss\"", negative ? "-" : "",
                       (long long)(seconds < 0 ? -seconds : seconds), fraction);
        return true;
    }
    struct mr_civil c;
    mr_civil_from_micros(seconds * 1000000, &c);
    mr_text_format(p->out, "\"%04d-%02d-%02dT%02d:%02d:%02d%sZ\"", (int)c.year, c.month, c.day, c.hour,
                   c.minute, c.second, fraction);
    return true;
}

static bool is_google(const struct mr_proto_message *m, const char *name)
{
    struct mr_str prefix = MR_STR("google.protobuf.");
    return m->full_name.size == prefix.size + strlen(name) && mr_str_starts_with(m->full_name, prefix) &&
           memcmp(m->full_name.data + prefix.size, name, strlen(name)) == 0;
}

/* The one value inside: of a wrapper (zero when absent), of a Value (null when absent). */
static bool print_inner(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes,
                        bool wrapper)
{
    struct fields all;
    if (!read_fields(p, bytes, &all))
        return false;
    for (int i = 0; i < m->count; i++) {
        const struct mr_wire_field *value = last_of(&all, m, &m->fields[i]);
        if (value)
            return print_value(p, &m->fields[i], value);
    }
    if (wrapper)
        return print_scalar(p, &m->fields[0], 0, MR_STR(""));
    mr_text_append_str(p->out, "null");
    return true;
}

static bool print_any(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes);

/* Some messages have a form of their own. *done: this one. */
static bool print_special(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes,
                          bool *done)
{
    struct fields all;
    *done = true;
    if (is_google(m, "Timestamp") || is_google(m, "Duration"))
        return m->count == 2 && print_moment(p, m, bytes, is_google(m, "Duration"));
    if (mr_proto_wrapped(m))
        return print_inner(p, m, bytes, true);
    if (is_google(m, "Value"))
        return print_inner(p, m, bytes, false);
    if (is_google(m, "Any"))
        return print_any(p, m, bytes);
    if ((is_google(m, "Struct") || is_google(m, "ListValue")) && m->count == 1) {
        if (!read_fields(p, bytes, &all))
            return false;
        return is_google(m, "Struct") ? print_map(p, &all, &m->fields[0])
                                      : print_list(p, &all, &m->fields[0]);
    }
    *done = false;
    return true;
}

static bool print_any(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes)
{
    struct fields all;
    bool done;
    if (m->count != 2 || !read_fields(p, bytes, &all))
        return fail(p, p->problem ? p->problem : "google.protobuf.Any is declared otherwise");
    const struct mr_wire_field *url = last_of(&all, m, &m->fields[0]),
                               *value = last_of(&all, m, &m->fields[1]);
    struct mr_str inner = value ? value->bytes : MR_STR(""), name = url ? url->bytes : MR_STR("");
    if (name.size == 0) {
        mr_text_append_str(p->out, "{}");
        return true;
    }
    mr_text_append_str(p->out, "{\"@type\":");
    print_text(p, name);
    const char *slash = memrchr(name.data, '/', name.size);
    if (slash)
        name = (struct mr_str){slash + 1, name.size - (size_t)(slash + 1 - name.data)};
    const struct mr_proto_message *type = NULL;
    for (int i = 0; i < p->set->message_count; i++)
        if (mr_str_equal(p->set->messages[i].full_name, name))
            type = &p->set->messages[i];
    if (!type)
        return fail(p, "the descriptor lacks the type of an Any");
    size_t start = p->out->size;
    mr_text_append_str(p->out, ",\"value\":");
    if (!print_special(p, type, inner, &done))
        return false;
    if (!done) {
        p->out->size = start;
        if (!print_members(p, type, inner, true))
            return false;
    }
    mr_text_append_char(p->out, '}');
    return true;
}

static bool print_message(struct printer *p, const struct mr_proto_message *m, struct mr_str bytes)
{
    bool done;
    if (++p->depth > MOST_DEPTH)
        return fail(p, "it is nested too deeply");
    if (!print_special(p, m, bytes, &done))
        return false;
    if (!done) {
        mr_text_append_char(p->out, '{');
        if (!print_members(p, m, bytes, false))
            return false;
        mr_text_append_char(p->out, '}');
    }
    p->depth--;
    return true;
}

bool mr_proto_any_json(const struct mr_proto_set *set, bool enums_as_ints, struct mr_str bytes,
                       struct mr_text *out, const char **problem)
{
    struct printer p = {.set = set, .enums_as_ints = enums_as_ints, .out = out};
    const struct mr_proto_message *any = mr_proto_find(set, MR_STR("google.protobuf.Any"));
    mr_arena_init(&p.arena);
    bool good = any && print_any(&p, any, bytes);
    mr_arena_release(&p.arena);
    if (good && out->failed)
        good = fail(&p, "there is no memory");
    *problem = p.problem ? p.problem : "the descriptor lacks google.protobuf.Any";
    return good;
}
