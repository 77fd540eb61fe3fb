/* sources/file_partition.c: columns that the names of folders give: "year=2024/month=3". */
#include <stdlib.h>

#include "formats/infer.h"
#include "sources/file_watch.h"

struct gathering {
    struct file_source *s;
    struct mr_infer infer;
    int64_t files;
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* "%3A" -> ":" */
static struct mr_str unescape(const char *text, size_t size, struct mr_text *out)
{
    mr_text_clear(out);
    for (size_t i = 0; i < size; i++) {
        int high = text[i] == '%' && i + 2 < size ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        mr_text_append_char(out, low >= 0 ? (char)(high * 16 + low) : text[i]);
        i += low >= 0 ? 2 : 0;
    }
    return mr_text_str(out);
}

/* Calls each for every key=value folder of the path below root. */
static int each_key(const struct file_source *s, const char *path,
                    int (*each)(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error),
                    void *ctx, struct mr_error *error)
{
    struct mr_text key, value;
    int status = MR_OK;
    mr_text_init(&key);
    mr_text_init(&value);
    const char *p = path + (strncmp(path, s->root, strlen(s->root)) == 0 ? strlen(s->root) : 0);
    while (status >= 0) {
        p += *p == '/';
        size_t size = strcspn(p, "/");
        if (p[size] == '\0')
            break; /* the file itself */
        const char *equals = memchr(p, '=', size);
        if (equals && equals > p)
            status = each(ctx, unescape(p, (size_t)(equals - p), &key),
                          unescape(equals + 1, size - (size_t)(equals + 1 - p), &value), error);
        p += size;
    }
    if (key.failed || value.failed)
        status = mr_error_memory(error, strlen(path));
    mr_text_release(&key);
    mr_text_release(&value);
    return status;
}

static bool is_default(struct mr_str value)
{
    return mr_str_equal(value, MR_STR("__HIVE_DEFAULT_PARTITION__"));
}

/* The type a folder's value has by itself, as Spark finds it. */
static void kind_of(const struct mr_zone *zone, struct mr_str value, enum mr_infer_kind *kind, int *precision)
{
    char text[64];
    int64_t number;
    int32_t days;
    double real;
    *kind = MR_INFER_STRING;
    *precision = 0;
    if (value.size == 0 || value.size >= sizeof text)
        return;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    bool digits = strspn(text, "+-0123456789") == value.size;
    if (digits && mr_option_parse_integer(text, &number)) {
        *kind = number == (int32_t)number ? MR_INFER_INT : MR_INFER_LONG;
    } else if (digits && value.size <= 39 && strspn(text + (text[0] == '-'), "0123456789") >= 19) {
        *kind = MR_INFER_DECIMAL;
        *precision = (int)value.size - (text[0] == '-');
    } else if (mr_double_parse(value, &real)) {
        *kind = MR_INFER_DOUBLE;
    } else if (value.size == 10 && text[4] == '-' && mr_date_parse(value, &days)) {
        *kind = MR_INFER_DATE;
    } else if (value.size > 10 && text[4] == '-' && text[10] == ' ' &&
               mr_timestamp_parse(value, zone, &number)) {
        *kind = MR_INFER_TIMESTAMP;
    }
}

static int gather_key(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct gathering *g = ctx;
    enum mr_infer_kind kind;
    int precision;
    struct mr_infer_node *node = mr_infer_member(&g->infer, g->infer.root, key);
    if (!node)
        return mr_error_memory(error, key.size);
    if (is_default(value))
        return MR_OK;
    kind_of(g->s->source->zone ? g->s->source->zone : mr_zone_utc(), value, &kind, &precision);
    mr_infer_scalar(node, g->s->options.infer_types ? kind : MR_INFER_STRING, precision, 0);
    return MR_OK;
}

static int gather_file(void *ctx, const char *path, const struct mr_file_info *info, struct mr_error *error)
{
    struct gathering *g = ctx;
    (void)info;
    MR_TRY(each_key(g->s, path, gather_key, g, error));
    return ++g->files >= 1000;
}

/* The keys that partitionColumns names; all when it is not given. */
static bool is_wanted(const struct file_source *s, const char *name)
{
    const char *list = s->options.partition_columns;
    if (!list)
        return true;
    while (*list) {
        list += strspn(list, ", ");
        size_t size = strcspn(list, ", ");
        if (size > 0 && mr_str_equal_nocase((struct mr_str){list, size}, mr_str_of(name)))
            return true;
        list += size;
    }
    return false;
}

int mr_file_partition_schema(struct file_source *s, const struct mr_type *declared, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    struct gathering g = {.s = s};
    const struct mr_type *found = NULL;
    int status = MR_OK, count = 0;
    mr_infer_init(&g.infer);
    g.infer.fold_case = true;
    g.infer.root = mr_infer_node_new(&g.infer, MR_INFER_STRUCT);
    const char *list = s->options.partition_columns;
    while (g.infer.root && list && *list) { /* named ones exist even while no folder shows them */
        list += strspn(list, ", ");
        size_t size = strcspn(list, ", ");
        if (size > 0)
            mr_infer_member(&g.infer, g.infer.root, (struct mr_str){list, size});
        list += size;
    }
    if (!g.infer.root)
        status = mr_error_memory(error, sizeof *g.infer.root);
    if (status >= 0 && !(s->options.partition_columns && !*s->options.partition_columns))
        status = mr_file_walk(s, false, gather_file, &g, error);
    if (status >= 0)
        status = mr_infer_schema(&g.infer, arena, &found, error);
    mr_infer_release(&g.infer);
    MR_TRY(status);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, found->field_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < found->field_count; i++) {
        int same = declared ? mr_type_field(declared, mr_str_of(found->fields[i].name), false, NULL) : -1;
        if (is_wanted(s, found->fields[i].name)) {
            fields[count] = found->fields[i];
            if (same >= 0)
                fields[count] = declared->fields[same];
            fields[count++].nullable = true;
        }
    }
    s->partition_schema = mr_type_struct(arena, fields, count);
    return s->partition_schema ? MR_OK : mr_error_memory(error, sizeof *fields);
}

/* ---- values ---- */

/* Text to row 0 of a column; false: it does not fit the type. */
static bool put_value(struct mr_column *column, struct mr_str text, const struct mr_zone *zone,
                      struct mr_error *error)
{
    char copy[64] = "";
    int64_t number;
    mr_i128 decimal;
    bool overflow = false;
    if (text.size < sizeof copy)
        memcpy(copy, text.data, text.size);
    switch (column->type->id) {
    case MR_STRING:
        return mr_column_set_bytes(column, 0, text.data, text.size, error) >= 0;
    case MR_BOOLEAN:
        return mr_option_parse_boolean(copy, (bool *)&column->booleans[0]);
    case MR_TINYINT:
    case MR_SMALLINT:
    case MR_INT:
    case MR_BIGINT:
        if (!mr_option_parse_integer(copy, &number))
            return false;
        memcpy(column->values, &number,
               mr_type_width(column->type)); /* little-endian: the low bytes come first */
        return mr_type_width(column->type) == 8 ||
               number >> (mr_type_width(column->type) * 8 - 1) == (number < 0 ? -1 : 0);
    case MR_DOUBLE:
        return mr_double_parse(text, &column->f64[0]);
    case MR_FLOAT: {
        double value;
        bool good = mr_double_parse(text, &value);
        column->f32[0] = good ? (float)value : 0;
        return good;
    }
    case MR_DECIMAL:
        if (!mr_decimal_parse(text, column->type->precision, column->type->scale, &decimal, &overflow) ||
            overflow)
            return false;
        mr_decimal_put(column, 0, decimal);
        return true;
    case MR_DATE:
        return mr_date_parse(text, &column->i32[0]);
    case MR_TIMESTAMP:
        return mr_timestamp_parse(text, zone, &column->i64[0]);
    case MR_TIMESTAMP_NTZ:
        return mr_timestamp_ntz_parse(text, &column->i64[0]);
    default:
        return false;
    }
}

struct filling {
    struct file_source *s;
    struct mr_column **out;
    const char *path;
};

static int fill_key(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct filling *f = ctx;
    int index = mr_type_field(f->s->partition_schema, key, false, NULL);
    if (index < 0 || is_default(value))
        return MR_OK;
    struct mr_column *column = f->out[index];
    mr_column_set_valid(column, 0);
    if (put_value(column, value, f->s->source->zone ? f->s->source->zone : mr_zone_utc(), error))
        return MR_OK;
    struct mr_text type;
    mr_text_init(&type);
    mr_type_text(&type, column->type);
    mr_error_set(error, MR_E_DATA, "CAST_INVALID_INPUT",
                 "The folder %.*s=%.*s of %s gives a value that is no %s. Give the column %.*s another type "
                 "in the schema.",
                 (int)key.size, key.data, (int)value.size, value.data, f->path, type.data, (int)key.size,
                 key.data);
    mr_text_release(&type);
    return mr_error_at(error, f->path, 0, 0, -1);
}

int mr_file_partition_values(struct file_source *s, const char *path, struct mr_column **out,
                             struct mr_error *error)
{
    struct filling f = {s, out, path};
    for (int i = 0; i < s->partition_schema->field_count; i++) {
        out[i] = mr_column_new(s->partition_schema->fields[i].type, 1);
        if (!out[i])
            return mr_error_memory(error, 64);
        MR_TRY(mr_column_append_null(out[i], error));
    }
    return s->partition_schema->field_count > 0 ? each_key(s, path, fill_key, &f, error) : MR_OK;
}
