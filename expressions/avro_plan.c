/* expressions/avro_plan.c: writer's schema x reader's schema x SQL type -> steps. */
#include "columns/value.h"
#include "expressions/append.h"
#include "expressions/avro_decode.h"

#define MOST_STEPS 1000000

struct planner {
    struct mr_arena *arena;
    struct mr_avro_plan *plan;
    struct mr_error *error;
    int steps, constant_capacity;
};

static int make(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                const struct mr_type *type, const struct mr_avro_step **out);

static int no_memory(struct planner *p)
{
    return mr_error_memory(p->error, sizeof(struct mr_avro_step));
}

static int new_step(struct planner *p, enum mr_avro_action action, const struct mr_avro_schema *w,
                    struct mr_avro_step **out)
{
    if (++p->steps > MOST_STEPS)
        return mr_error_set(
            p->error, MR_E_SQL, "AVRO_SCHEMA_INCOMPATIBLE",
            "The Avro schemas of writer and reader take more than %d steps to bring together.", MOST_STEPS);
    *out = MR_ARENA_NEW(p->arena, struct mr_avro_step);
    if (!*out)
        return no_memory(p);
    (*out)->action = action;
    (*out)->wire = w->kind;
    (*out)->writer = w;
    return MR_OK;
}

static int fail(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_step **out,
                const char *format, const char *a, const char *b)
{
    struct mr_avro_step *step;
    MR_TRY(new_step(p, MR_AVRO_FAIL, w, &step));
    step->why = mr_arena_format(p->arena, "%s%s%s", a, format, b);
    *out = step;
    return step->why ? MR_OK : no_memory(p);
}

static int skip(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    MR_TRY(new_step(p, MR_AVRO_SKIP, w, &step));
    *out = step;
    return MR_OK;
}

static const struct mr_avro_step **new_children(struct planner *p, int count)
{
    return MR_ARENA_ARRAY(p->arena, const struct mr_avro_step *, count + 1);
}

/* ---- names ---- */
static bool is_named(const struct mr_avro_schema *s)
{
    return s->kind == MR_AVRO_RECORD || s->kind == MR_AVRO_ENUM || s->kind == MR_AVRO_FIXED;
}

static bool same_name(const struct mr_avro_schema *w, const struct mr_avro_schema *r)
{
    for (int i = 0; i < r->alias_count; i++)
        if (mr_str_equal(r->aliases[i], mr_str_of(w->full_name)))
            return true;
    return strcmp(w->full_name, r->full_name) == 0;
}

static bool promotes(enum mr_avro_kind w, enum mr_avro_kind r)
{
    switch (r) {
    case MR_AVRO_LONG:
        return w == MR_AVRO_INT;
    case MR_AVRO_FLOAT:
        return w == MR_AVRO_INT || w == MR_AVRO_LONG;
    case MR_AVRO_DOUBLE:
        return w == MR_AVRO_INT || w == MR_AVRO_LONG || w == MR_AVRO_FLOAT;
    case MR_AVRO_BYTES:
        return w == MR_AVRO_STRING;
    case MR_AVRO_STRING:
        return w == MR_AVRO_BYTES;
    default:
        return false;
    }
}

/* The reader's branch for what the writer wrote; -1: none. The same type comes before a promotion, the same
 * name before the same structure. */
static int find_branch(const struct mr_avro_schema *w, const struct mr_avro_schema *r)
{
    int like = -1;
    for (int i = 0; i < r->count; i++) {
        const struct mr_avro_schema *branch = r->fields[i].schema;
        if (branch->kind != w->kind)
            continue;
        if (!is_named(w) || same_name(w, branch))
            return i;
        if (w->kind == MR_AVRO_RECORD && (like < 0 || strcmp(w->name, branch->name) == 0))
            like = i;
    }
    for (int i = 0; like < 0 && i < r->count; i++)
        if (promotes(w->kind, r->fields[i].schema->kind))
            like = i;
    return like;
}

/* ---- defaults: JSON -> one row ---- */
static int default_row(struct planner *p, const struct mr_json *json, const struct mr_avro_schema *r,
                       const struct mr_type *type, struct mr_column *column, bool *good);

static int default_bytes(struct planner *p, struct mr_str text, const struct mr_type *type,
                         struct mr_column *column, bool *good)
{
    /* code points 0 .. 255 stand for bytes */
    char *bytes = mr_arena_allocate(p->arena, text.size + 1);
    size_t size = 0;
    if (!bytes)
        return no_memory(p);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0xC0 && i + 1 < text.size)
            c = (unsigned char)((c & 3) << 6 | ((unsigned char)text.data[++i] & 0x3F));
        bytes[size++] = (char)c;
    }
    if (type->id != MR_DECIMAL)
        return mr_append_text(column, (struct mr_str){bytes, size}, p->error);
    int64_t row;
    mr_i128 value = size > 0 && (bytes[0] & 0x80) ? -1 : 0;
    for (size_t i = 0; i < size; i++)
        value = (mr_i128)((mr_u128)value << 8 | (unsigned char)bytes[i]);
    *good &= size <= 16 && mr_decimal_fits(value, type->precision);
    MR_TRY(mr_append_row(column, &row, p->error));
    mr_decimal_put(column, row, value);
    return MR_OK;
}

static int default_scalar(struct planner *p, const struct mr_json *json, const struct mr_avro_schema *r,
                          const struct mr_type *type, struct mr_column *column, bool *good)
{
    int64_t row, integer = 0;
    double number = 0;
    bool is_number = json->type == MR_JSON_NUMBER;
    if (r->kind == MR_AVRO_BYTES || r->kind == MR_AVRO_FIXED || r->kind == MR_AVRO_STRING ||
        r->kind == MR_AVRO_ENUM) {
        *good &= json->type == MR_JSON_STRING;
        if (r->kind == MR_AVRO_BYTES || r->kind == MR_AVRO_FIXED)
            return default_bytes(p, json->text, type, column, good);
        return mr_append_text(column, json->text, p->error);
    }
    MR_TRY(mr_append_row(column, &row, p->error));
    switch (r->kind) {
    case MR_AVRO_BOOLEAN:
        *good &= json->type == MR_JSON_BOOLEAN;
        column->booleans[row] = json->boolean;
        return MR_OK;
    case MR_AVRO_FLOAT:
    case MR_AVRO_DOUBLE:
        *good &= is_number && mr_double_parse(json->text, &number);
        if (type->id == MR_FLOAT)
            column->f32[row] = (float)number;
        else
            column->f64[row] = number;
        return MR_OK;
    default: /* INT, LONG */
        *good &= is_number && mr_json_to_i64(json, &integer) &&
                 (r->kind == MR_AVRO_LONG || (integer >= INT32_MIN && integer <= INT32_MAX));
        if (r->logical == MR_AVRO_TIMESTAMP_MILLIS || r->logical == MR_AVRO_LOCAL_MILLIS)
            *good &= !__builtin_mul_overflow(integer, 1000, &integer);
        if (mr_type_width(type) == 4)
            column->i32[row] = (int32_t)integer;
        else
            column->i64[row] = integer;
        return MR_OK;
    }
}

static int default_record(struct planner *p, const struct mr_json *json, const struct mr_avro_schema *r,
                          const struct mr_type *type, struct mr_column *column, bool *good)
{
    int64_t row;
    int k = 0;
    *good &= json->type == MR_JSON_OBJECT;
    for (int i = 0; i < r->count && k < type->field_count; i++) {
        if (strcmp(r->fields[i].name, type->fields[k].name) != 0)
            continue;
        const struct mr_json *member = mr_json_member(json, r->fields[i].name);
        member = member ? member : r->fields[i].fallback;
        *good &= member != NULL;
        MR_TRY(member ? default_row(p, member, r->fields[i].schema, type->fields[k].type, column->children[k],
                                    good)
                      : mr_column_append_null(column->children[k], p->error));
        k++;
    }
    return mr_append_row(column, &row, p->error);
}

static int default_list(struct planner *p, const struct mr_json *json, const struct mr_avro_schema *r,
                        const struct mr_type *type, struct mr_column *column, bool *good)
{
    bool map = r->kind == MR_AVRO_MAP;
    int64_t row, first = column->children[0]->length;
    *good &= json->type == (map ? MR_JSON_OBJECT : MR_JSON_ARRAY);
    for (const struct mr_json *item = json->first; item; item = item->next) {
        if (map)
            MR_TRY(mr_append_text(column->children[0], item->key, p->error));
        MR_TRY(
            default_row(p, item, r->fields[0].schema, type->fields[map].type, column->children[map], good));
    }
    MR_TRY(mr_append_row(column, &row, p->error));
    column->offsets[row] = (int32_t)first;
    column->offsets[row + 1] = (int32_t)column->children[0]->length;
    return MR_OK;
}

/* Could the JSON value be a default of the schema? Only the kind is looked at. */
static bool default_suits(const struct mr_json *json, const struct mr_avro_schema *r)
{
    static const enum mr_json_type forms[] = {MR_JSON_NULL,   MR_JSON_BOOLEAN, MR_JSON_NUMBER, MR_JSON_NUMBER,
                                              MR_JSON_NUMBER, MR_JSON_NUMBER,  MR_JSON_STRING, MR_JSON_STRING,
                                              MR_JSON_OBJECT, MR_JSON_STRING,  MR_JSON_ARRAY,  MR_JSON_OBJECT,
                                              MR_JSON_NULL,   MR_JSON_STRING};
    return json->type == forms[r->kind];
}

static int default_row(struct planner *p, const struct mr_json *json, const struct mr_avro_schema *r,
                       const struct mr_type *type, struct mr_column *column, bool *good)
{
    int64_t row;
    bool nullable;
    if (r->kind == MR_AVRO_UNION) {
        int member = 0;
        bool single = mr_avro_not_null(r, &nullable) != r || type->id != MR_STRUCT;
        for (int i = 0; i < r->count; i++) {
            const struct mr_avro_schema *branch = r->fields[i].schema;
            if (default_suits(json, branch)) {
                if (single || branch->kind == MR_AVRO_NULL)
                    return default_row(p, json, branch, type, column, good);
                for (int f = 0; f < type->field_count; f++)
                    MR_TRY(f == member
                               ? default_row(p, json, branch, type->fields[f].type, column->children[f], good)
                               : mr_column_append_null(column->children[f], p->error));
                return mr_append_row(column, &row, p->error);
            }
            member += branch->kind != MR_AVRO_NULL;
        }
        *good = false;
        return mr_column_append_null(column, p->error);
    }
    if (r->kind == MR_AVRO_NULL || !default_suits(json, r)) {
        *good &= r->kind == MR_AVRO_NULL && json->type == MR_JSON_NULL;
        return mr_column_append_null(column, p->error);
    }
    if (r->kind == MR_AVRO_RECORD)
        return default_record(p, json, r, type, column, good);
    if (r->kind == MR_AVRO_ARRAY || r->kind == MR_AVRO_MAP)
        return default_list(p, json, r, type, column, good);
    return default_scalar(p, json, r, type, column, good);
}

static int make_default(struct planner *p, const struct mr_avro_field *field, const struct mr_type *type,
                        const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    bool good = true;
    MR_TRY(new_step(p, MR_AVRO_DEFAULT, field->schema, &step));
    if (p->plan->constant_count == p->constant_capacity) {
        int capacity = p->constant_capacity ? 2 * p->constant_capacity : 8;
        struct mr_column **more = mr_reallocate(p->plan->constants, sizeof *more * (size_t)capacity);
        if (!more)
            return no_memory(p);
        p->plan->constants = more;
        p->constant_capacity = capacity;
    }
    step->constant = mr_column_new(type, 1);
    if (!step->constant)
        return no_memory(p);
    p->plan->constants[p->plan->constant_count++] = step->constant;
    MR_TRY(default_row(p, field->fallback, field->schema, type, step->constant, &good));
    *out = step;
    return good ? MR_OK : fail(p, field->schema, out, " has a default of another type", field->name, "");
}

/* ---- records ---- */
static int column_of(const struct mr_type *type, const char *name)
{
    for (int i = 0; i < type->field_count; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return i;
    return -1;
}

static int reader_field(const struct mr_avro_schema *r, const char *name)
{
    for (int i = 0; i < r->count; i++) {
        if (strcmp(r->fields[i].name, name) == 0)
            return i;
        for (int a = 0; a < r->fields[i].alias_count; a++)
            if (mr_str_equal(r->fields[i].aliases[a], mr_str_of(name)))
                return i;
    }
    return -1;
}

/* A child of a record, which writes to one column of its struct. */
static int to_column(struct planner *p, const struct mr_avro_step **child, int column)
{
    struct mr_avro_step *copy = MR_ARENA_NEW(p->arena, struct mr_avro_step);
    if (!copy)
        return no_memory(p);
    *copy = **child;
    copy->column = column;
    *child = copy;
    return MR_OK;
}

static int make_record(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                       const struct mr_type *type, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    const struct mr_avro_step **children = new_children(p, w->count + r->count);
    bool *found = MR_ARENA_ARRAY(p->arena, bool, r->count + 1);
    if (!children || !found)
        return no_memory(p);
    MR_TRY(new_step(p, MR_AVRO_AS_RECORD, w, &step));
    step->children = children;
    for (int i = 0; i < w->count; i++) {
        int field = reader_field(r, w->fields[i].name);
        int column = field < 0 || found[field] ? -1 : column_of(type, r->fields[field].name);
        const struct mr_avro_step **child = &children[step->count++];
        if (field >= 0)
            found[field] = true;
        if (column < 0)
            MR_TRY(skip(p, w->fields[i].schema, child));
        else
            MR_TRY(make(p, w->fields[i].schema, r->fields[field].schema, type->fields[column].type, child));
        MR_TRY(to_column(p, child, column));
    }
    for (int i = 0; i < r->count; i++) {
        int column = column_of(type, r->fields[i].name);
        if (!found[i] && !r->fields[i].fallback)
            return fail(p, w, out, ", which has no default, was not written", r->fields[i].name, "");
        if (found[i] || column < 0)
            continue;
        MR_TRY(make_default(p, &r->fields[i], type->fields[column].type, &children[step->count]));
        MR_TRY(to_column(p, &children[step->count++], column));
    }
    *out = step;
    return MR_OK;
}

/* ---- unions ---- */
static int make_branches(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                         const struct mr_type *type, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    const struct mr_avro_step **children = new_children(p, w->count);
    if (!children)
        return no_memory(p);
    MR_TRY(new_step(p, MR_AVRO_BRANCH, w, &step));
    for (int i = 0; i < w->count; i++)
        MR_TRY(make(p, w->fields[i].schema, r, type, &children[i]));
    step->count = w->count;
    step->children = children;
    *out = step;
    return MR_OK;
}

/* The writer wrote one type, the reader has a union. */
static int make_member(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                       const struct mr_type *type, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    int branch = find_branch(w, r), member = 0, others = 0;
    bool nullable;
    if (branch < 0)
        return fail(p, w, out, " is no branch of the reader's union", w->full_name, "");
    const struct mr_avro_schema *to = r->fields[branch].schema;
    if (to->kind == MR_AVRO_NULL || mr_avro_not_null(r, &nullable) != r || type->id != MR_STRUCT)
        return make(p, w, to, type, out);
    for (int i = 0; i < r->count; i++) {
        if (r->fields[i].schema->kind == MR_AVRO_NULL)
            continue;
        member = i == branch ? others : member;
        others++;
    }
    if (others != type->field_count)
        return fail(p, w, out, "a union holds a record that the limit of recursion cuts off", "", "");
    MR_TRY(new_step(p, MR_AVRO_MEMBER, w, &step));
    const struct mr_avro_step **child = new_children(p, 1);
    if (!child)
        return no_memory(p);
    MR_TRY(make(p, w, to, type->fields[member].type, child));
    step->children = child;
    step->count = 1;
    step->member = member;
    *out = step;
    return MR_OK;
}

/* ---- the others ---- */
static int make_symbols(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                        const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    struct mr_str *symbols = MR_ARENA_ARRAY(p->arena, struct mr_str, w->symbol_count + 1);
    MR_TRY(new_step(p, MR_AVRO_AS_SYMBOL, w, &step));
    if (!symbols)
        return no_memory(p);
    for (int i = 0; i < w->symbol_count; i++) {
        if (r->symbol_default >= 0)
            symbols[i] = r->symbols[r->symbol_default];
        for (int k = 0; k < r->symbol_count; k++)
            if (mr_str_equal(w->symbols[i], r->symbols[k]))
                symbols[i] = r->symbols[k];
    }
    step->symbols = symbols;
    step->count = w->symbol_count;
    *out = step;
    return MR_OK;
}

static int make_list(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                     const struct mr_type *type, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    const struct mr_avro_step **child = new_children(p, 1);
    if (!child)
        return no_memory(p);
    MR_TRY(new_step(p, MR_AVRO_AS_LIST, w, &step));
    MR_TRY(make(p, w->fields[0].schema, r->fields[0].schema, type->fields[type->id == MR_MAP].type, child));
    step->children = child;
    step->count = 1;
    *out = step;
    return MR_OK;
}

static enum mr_avro_action action_of(const struct mr_avro_schema *w, const struct mr_avro_schema *r)
{
    switch (w->kind) {
    case MR_AVRO_NULL:
        return MR_AVRO_AS_NULL;
    case MR_AVRO_BOOLEAN:
        return MR_AVRO_AS_BOOLEAN;
    case MR_AVRO_INT:
    case MR_AVRO_LONG:
        return r->logical == MR_AVRO_TIMESTAMP_MILLIS || r->logical == MR_AVRO_LOCAL_MILLIS
                   ? MR_AVRO_AS_MILLIS
                   : MR_AVRO_AS_INTEGER;
    case MR_AVRO_FLOAT:
    case MR_AVRO_DOUBLE:
        return MR_AVRO_AS_FLOAT;
    default:
        return r->logical == MR_AVRO_DECIMAL ? MR_AVRO_AS_DECIMAL : MR_AVRO_AS_BYTES;
    }
}

static int make(struct planner *p, const struct mr_avro_schema *w, const struct mr_avro_schema *r,
                const struct mr_type *type, const struct mr_avro_step **out)
{
    struct mr_avro_step *step;
    if (w->kind == MR_AVRO_UNION)
        return make_branches(p, w, r, type, out);
    if (r->kind == MR_AVRO_UNION)
        return make_member(p, w, r, type, out);
    if (w->kind != r->kind && !promotes(w->kind, r->kind))
        return fail(p, w, out, " was written, the reader expects ", mr_avro_kind_name(w->kind),
                    mr_avro_kind_name(r->kind));
    if ((w->kind == MR_AVRO_ENUM || w->kind == MR_AVRO_FIXED) && !same_name(w, r))
        return fail(p, w, out, " was written, the reader expects ", w->full_name, r->full_name);
    if (w->kind == MR_AVRO_FIXED && w->size_bytes != r->size_bytes)
        return fail(p, w, out, " has another size for the reader", w->full_name, "");
    if (w->kind == MR_AVRO_RECORD)
        return make_record(p, w, r, type, out);
    if (w->kind == MR_AVRO_ENUM)
        return make_symbols(p, w, r, out);
    if (w->kind == MR_AVRO_ARRAY || w->kind == MR_AVRO_MAP)
        return make_list(p, w, r, type, out);
    MR_TRY(new_step(p, action_of(w, r), w, &step));
    *out = step;
    return MR_OK;
}

int mr_avro_plan_make(struct mr_arena *arena, const struct mr_avro_schema *writer,
                      const struct mr_avro_schema *reader, const struct mr_type *type,
                      struct mr_avro_plan *out, struct mr_error *error)
{
    struct planner p = {.arena = arena, .plan = out, .error = error};
    *out = (struct mr_avro_plan){.type = type};
    return make(&p, writer, reader, type, &out->root);
}

void mr_avro_plan_release(struct mr_avro_plan *plan)
{
    for (int i = 0; i < plan->constant_count; i++)
        mr_column_unref(plan->constants[i]);
    mr_free(plan->constants);
    *plan = (struct mr_avro_plan){0};
}
