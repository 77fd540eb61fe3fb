/* delta/statistics.c: what a written file holds, as add.stats: bounds by which readers skip files.
 *
 * A bound may be wide and never narrow: time stamps are cut to milliseconds downwards for the minimum and
 * upwards for the maximum (readers differ in whether they allow for the cut); what cannot be written as JSON,
 * or would not come back the same, is left out. */
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "delta/delta.h"

enum member { MINIMUM, MAXIMUM, NULLS };

struct walk {
    struct mr_json_writer w;
    const struct mr_leaf_statistics *leaves;
    int count, at;
    int indexed, limit; /* columns counted so far; how many there may be, -1: all */
    enum member member;
};

static void timestamp_bound(struct mr_json_writer *w, const char *key, int64_t us, bool is_max, bool utc)
{
    char text[64];
    struct mr_civil c;
    int64_t ms = us / 1000 - (us % 1000 < 0);
    if (is_max && us % 1000 != 0)
        ms++;
    mr_civil_from_micros(ms * 1000, &c);
    if (c.year < 0 || c.year > 9999)
        return;
    int size = snprintf(text, sizeof(text), "%04lld-%02d-%02dT%02d:%02d:%02d.%03d%s", (long long)c.year,
                        c.month, c.day, c.hour, c.minute, c.second, c.microsecond / 1000, utc ? "Z" : "");
    mr_json_key(w, key);
    mr_json_str(w, (struct mr_str){text, (size_t)size});
}

static void raw_bound(struct mr_json_writer *w, const char *key, const char *text, size_t size)
{
    mr_json_key(w, key);
    mr_json_raw(w, (struct mr_str){text, size});
}

static void real_bound(struct mr_json_writer *w, const char *key, const struct mr_column *c, int64_t row)
{
    char text[48];
    bool single = c->type->id == MR_FLOAT;
    double value = single ? c->f32[row] : c->f64[row];
    if (!__builtin_isfinite(value))
        return;
    raw_bound(w, key, text, single ? mr_number_text_float(c->f32[row], text) : mr_number_text(value, text));
}

static void integer_bound(struct mr_json_writer *w, const char *key, const struct mr_column *c, int64_t row)
{
    int64_t value = c->type->id == MR_TINYINT    ? c->i8[row]
                    : c->type->id == MR_SMALLINT ? c->i16[row]
                    : c->type->id == MR_INT      ? c->i32[row]
                                                 : c->i64[row];
    mr_json_key(w, key);
    mr_json_i64(w, value);
}

static void date_bound(struct mr_json_writer *w, const char *key, int32_t days)
{
    struct mr_civil c;
    char text[32];
    mr_civil_from_days(days, &c);
    if (c.year < 0 || c.year > 9999)
        return;
    mr_json_key(w, key);
    mr_json_str(w, (struct mr_str){text, mr_date_text(days, text)});
}

static void bound(struct mr_json_writer *w, const char *key, const struct mr_column *c, bool is_max)
{
    char text[48];
    int64_t row = is_max;
    switch (c->type->id) {
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT:
        integer_bound(w, key, c, row);
        break;
    case MR_FLOAT:
    case MR_DOUBLE:
        real_bound(w, key, c, row);
        break;
    case MR_DECIMAL:
        raw_bound(w, key, text, mr_decimal_text(mr_decimal_at(c, row), c->type->scale, text));
        break;
    case MR_STRING: {
        struct mr_str value = mr_view_str(&c->views[row]);
        if (mr_utf8_valid_prefix(value) != value.size)
            break;
        mr_json_key(w, key);
        mr_json_str(w, value);
        break;
    }
    case MR_DATE:
        date_bound(w, key, c->i32[row]);
        break;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        timestamp_bound(w, key, c->i64[row], is_max, c->type->id == MR_TIMESTAMP);
        break;
    default: /* BOOLEAN, BINARY: no bounds, as Spark */
        break;
    }
}

static bool inside(const struct mr_leaf_statistics *leaf, int depth, const char *name)
{
    return leaf->depth > depth && strcmp(leaf->path[depth], name) == 0;
}

static void walk_struct(struct walk *walk, const struct mr_type *type, int depth)
{
    mr_json_begin_object(&walk->w);
    for (int i = 0; i < type->field_count; i++) {
        const struct mr_field *field = &type->fields[i];
        if (walk->at >= walk->count || !inside(&walk->leaves[walk->at], depth, field->name))
            continue; /* a partition column: not in the file */
        bool full = walk->limit >= 0 && walk->indexed >= walk->limit;
        if (field->type->id == MR_STRUCT && !full) {
            mr_json_key(&walk->w, field->name);
            walk_struct(walk, field->type, depth + 1);
            continue;
        }
        const struct mr_leaf_statistics *leaf = &walk->leaves[walk->at];
        bool plain = !mr_type_is_nested(field->type) && !leaf->in_repeated;
        if (plain && !full && walk->member == NULLS) {
            mr_json_key(&walk->w, field->name);
            mr_json_i64(&walk->w, leaf->null_count);
        } else if (plain && !full && leaf->has_bounds) {
            bound(&walk->w, field->name, leaf->bounds, walk->member == MAXIMUM);
        }
        walk->indexed++;
        while (walk->at < walk->count && inside(&walk->leaves[walk->at], depth, field->name))
            walk->at++;
    }
    mr_json_end_object(&walk->w);
}

void mr_delta_stats(struct mr_text *out, const struct mr_type *schema, int64_t rows,
                    const struct mr_leaf_statistics *leaves, int count, int leaves_indexed)
{
    static const char *const names[] = {"minValues", "maxValues", "nullCount"};
    struct walk walk = {.w = {.out = out}, .leaves = leaves, .count = count, .limit = leaves_indexed};
    mr_json_begin_object(&walk.w);
    mr_json_key(&walk.w, "numRecords");
    mr_json_i64(&walk.w, rows);
    for (int member = MINIMUM; member <= NULLS; member++) {
        walk.member = (enum member)member;
        walk.at = walk.indexed = 0;
        mr_json_key(&walk.w, names[member]);
        walk_struct(&walk, schema, 0);
    }
    mr_json_end_object(&walk.w);
}

int64_t mr_delta_stats_rows(struct mr_str stats)
{
    struct mr_arena arena;
    struct mr_json *root = NULL;
    struct mr_error ignored;
    int64_t rows = -1;
    mr_arena_init(&arena);
    if (stats.size > 0 && mr_json_parse(&arena, stats, &root, &ignored) == MR_OK)
        mr_json_get_i64(root, "numRecords", &rows);
    mr_arena_release(&arena);
    return rows;
}

/* ---- and back ---- */
static bool bound_value(const struct mr_json *value, const struct mr_type *type, int64_t *out)
{
    int32_t days = 0;
    if (!value)
        return false;
    if (type->id == MR_DATE) {
        bool parsed = value->type == MR_JSON_STRING && mr_date_parse(value->text, &days);
        *out = days;
        return parsed;
    }
    if (type->id == MR_TIMESTAMP)
        return value->type == MR_JSON_STRING && mr_timestamp_parse(value->text, mr_zone_utc(), out);
    char *end = NULL, text[24];
    bool fits = mr_type_is_integral(type) && value->type == MR_JSON_NUMBER;
    if (!fits || value->raw.size >= sizeof(text))
        return false;
    memcpy(text, value->raw.data, value->raw.size);
    text[value->raw.size] = 0;
    *out = strtoll(text, &end, 10);
    return *end == 0;
}

bool mr_delta_stats_bounds(struct mr_arena *arena, struct mr_str stats, const char *const path[2],
                           const struct mr_type *type, int64_t *minimum, int64_t *maximum)
{
    struct mr_json *root = NULL;
    struct mr_error ignored;
    if (stats.size == 0 || mr_json_parse(arena, stats, &root, &ignored) != MR_OK)
        return false;
    static const char *const names[] = {"minValues", "maxValues"};
    int64_t *const out[] = {minimum, maximum};
    for (int i = 0; i < 2; i++) {
        const struct mr_json *at = mr_json_member(root, names[i]);
        for (int k = 0; k < 2 && at && path[k]; k++)
            at = mr_json_member(at, path[k]);
        if (!bound_value(at, type, out[i]))
            return false;
    }
    if (type->id == MR_TIMESTAMP) /* writers cut the maximum to milliseconds downwards */
        *maximum = *maximum <= INT64_MAX - 999 ? *maximum + 999 : INT64_MAX;
    return true;
}
