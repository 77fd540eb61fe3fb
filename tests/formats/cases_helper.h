/* tests/formats/cases_helper.h: the code of cases.h, for the one test program that includes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/infer.h"
#include "tests/formats/cases.h"

struct memory {
    struct mr_input input;
    const char *data;
};

static int memory_read(struct mr_input *input, int64_t offset, void *out, size_t size, struct mr_error *error)
{
    (void)error;
    memcpy(out, ((struct memory *)input)->data + offset, size);
    return MR_OK;
}

static void memory_close(struct mr_input *input)
{
    free(input);
}

struct mr_input *memory_input(const char *name, const void *data, size_t size)
{
    struct memory *m = calloc(1, sizeof *m);
    m->input = (struct mr_input){name, (int64_t)size, memory_read, memory_close};
    m->data = data;
    return &m->input;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Entries of a map in an order of their own, so that theirs does not matter. */
static void put_sorted(struct mr_text *out, struct mr_text *parts, int count)
{
    char **texts = calloc((size_t)count + 1, sizeof *texts);
    for (int i = 0; i < count; i++)
        texts[i] = parts[i].data ? parts[i].data : "";
    qsort(texts, (size_t)count, sizeof *texts, compare_texts);
    mr_text_append_char(out, '[');
    for (int i = 0; i < count; i++)
        mr_text_format(out, "%s%s", i ? "," : "", texts[i]);
    mr_text_append_char(out, ']');
    for (int i = 0; i < count; i++)
        mr_text_release(&parts[i]);
    free(texts);
    free(parts);
}

static void render_nested(struct mr_text *out, const struct mr_column *c, int64_t row)
{
    if (c->type->id == MR_MAP) {
        int first = c->offsets[row], count = c->offsets[row + 1] - first;
        struct mr_text *parts = calloc((size_t)count + 1, sizeof *parts);
        for (int i = 0; i < count; i++) {
            mr_text_append_char(&parts[i], '[');
            render_value(&parts[i], c->children[0], first + i);
            mr_text_append_char(&parts[i], ',');
            render_value(&parts[i], c->children[1], first + i);
            mr_text_append_char(&parts[i], ']');
        }
        put_sorted(out, parts, count);
        return;
    }
    mr_text_append_char(out, '[');
    if (c->type->id == MR_ARRAY) {
        for (int i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
            if (i > c->offsets[row])
                mr_text_append_char(out, ',');
            render_value(out, c->children[0], i);
        }
    } else {
        for (int i = 0; i < c->child_count; i++) {
            if (i > 0)
                mr_text_append_char(out, ',');
            render_value(out, c->children[i], row);
        }
    }
    mr_text_append_char(out, ']');
}

void render_value(struct mr_text *out, const struct mr_column *c, int64_t row)
{
    struct mr_json_writer writer = {out, false};
    uint64_t bits;
    double real;
    char text[64];
    if (mr_column_is_null(c, row) || c->type->id == MR_VOID) {
        mr_text_append_str(out, "null");
        return;
    }
    switch (c->type->id) {
    case MR_BOOLEAN:
        mr_text_append_str(out, c->booleans[row] ? "true" : "false");
        break;
    case MR_TINYINT:
        mr_text_format(out, "%d", c->i8[row]);
        break;
    case MR_SMALLINT:
        mr_text_format(out, "%d", c->i16[row]);
        break;
    case MR_INT:
    case MR_DATE:
        mr_text_format(out, "%d", c->i32[row]);
        break;
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        mr_text_format(out, "%lld", (long long)c->i64[row]);
        break;
    case MR_FLOAT:
    case MR_DOUBLE:
        real = c->type->id == MR_FLOAT ? (double)c->f32[row] : c->f64[row];
        memcpy(&bits, &real, 8);
        mr_text_format(out, "\"f64:%016llx\"", (unsigned long long)bits);
        break;
    case MR_DECIMAL:
        text[mr_decimal_text(mr_decimal_at(c, row), c->type->scale, text)] = '\0';
        mr_text_format(out, "\"%s\"", text);
        break;
    case MR_STRING:
        mr_json_str(&writer, mr_view_str(&c->views[row]));
        break;
    case MR_BINARY:
        mr_text_append_str(out, "\"hex:");
        for (uint32_t i = 0; i < c->views[row].size; i++)
            mr_text_format(out, "%02x", (unsigned char)mr_view_data(&c->views[row])[i]);
        mr_text_append_char(out, '"');
        break;
    default:
        render_nested(out, c, row);
    }
}

int read_rows(const struct read_request *q, struct mr_text *out, int64_t *rows, struct mr_error *error)
{
    struct mr_format format = {.schema = q->schema,
                               .used = q->used,
                               .rescued_column = q->rescued_column,
                               .zone = mr_zone_utc(),
                               .way = q->way,
                               .case_sensitive = !q->case_insensitive};
    struct mr_format_reader *reader = NULL;
    struct mr_batch batch = {0};
    struct mr_format_range range = {.input = memory_input(q->name, q->data, q->size),
                                    .path = "file:/data",
                                    .start = q->start,
                                    .end = q->end ? q->end : -1};
    int status = mr_format_open(&format, mr_format_type_find(mr_str_of(q->format)), q->options,
                                q->option_count, error);
    if (status < 0)
        range.input->close(range.input);
    else
        status = mr_format_reader_open(&format, &range, &reader, error);
    while (status == MR_OK) {
        status = mr_format_read(reader, &batch, error);
        for (int64_t row = 0; status == MR_OK && row < batch.length; row++) {
            mr_text_append_str(out, *rows ? ",[" : "[");
            for (int i = 0, shown = 0; i < q->schema->field_count; i++) {
                if (q->used && !q->used[i])
                    continue;
                if (shown++)
                    mr_text_append_char(out, ',');
                if (q->as_length && q->as_length[i] && !mr_column_is_null(batch.columns[i], row))
                    mr_text_format(out, "%u", batch.columns[i]->views[row].size);
                else
                    render_value(out, batch.columns[i], row);
            }
            mr_text_append_char(out, ']');
            ++*rows;
        }
        mr_batch_release(&batch);
    }
    mr_format_reader_close(reader);
    mr_format_close(&format);
    return status < 0 ? status : MR_OK;
}

/* Spark's answer in the form that render_value gives. */
static void render_expected(struct mr_text *out, const struct mr_json *value, const struct mr_type *type)
{
    struct mr_json_writer writer = {out, false};
    if (value->type == MR_JSON_STRING) {
        mr_json_str(&writer, value->text);
    } else if (value->type != MR_JSON_ARRAY) {
        mr_text_append(out, value->raw.data, value->raw.size);
    } else if (type->id == MR_MAP) {
        struct mr_text *parts = calloc(value->count + 1, sizeof *parts);
        int count = 0;
        for (const struct mr_json *pair = value->first; pair; pair = pair->next, count++) {
            mr_text_append_char(&parts[count], '[');
            render_expected(&parts[count], pair->first, type->fields[0].type);
            mr_text_append_char(&parts[count], ',');
            render_expected(&parts[count], pair->first->next, type->fields[1].type);
            mr_text_append_char(&parts[count], ']');
        }
        put_sorted(out, parts, count);
    } else {
        int i = 0;
        mr_text_append_char(out, '[');
        for (const struct mr_json *item = value->first; item; item = item->next, i++) {
            if (i > 0)
                mr_text_append_char(out, ',');
            const struct mr_type *inner = type->id == MR_ARRAY    ? type->fields[0].type
                                          : type->id == MR_STRUCT ? type->fields[i].type
                                                                  : type;
            render_expected(out, item, inner);
        }
        mr_text_append_char(out, ']');
    }
}

/* select: column names, unix_micros(c), unix_date(c), length(c), count(*). The function is applied to the
 * rows by schema here. */
static struct mr_str selected_column(struct mr_str item)
{
    const char *open = memchr(item.data, '(', item.size);
    if (open)
        return (struct mr_str){open + 1, item.size - (size_t)(open + 1 - item.data) - 1};
    return item;
}

static char *unhex(struct mr_str hex)
{
    char *out = malloc(hex.size / 2 + 1);
    for (size_t i = 0; i + 1 < hex.size; i += 2) {
        char two[3] = {hex.data[i], hex.data[i + 1], 0};
        out[i / 2] = (char)strtol(two, NULL, 16);
    }
    return out;
}

static void compare_rows(const struct mr_json *c, struct mr_text *got, int64_t rows,
                         const struct mr_type *shown, struct mr_text *wanted)
{
    const struct mr_json *expected = mr_json_member(mr_json_member(c, "expected"), "rows");
    const struct mr_json *select = mr_json_member(c, "select");
    if (select && select->first && mr_str_equal(select->first->text, MR_STR("count(*)"))) {
        mr_text_clear(got);
        mr_text_format(got, "[%lld]", (long long)rows);
    }
    int i = 0;
    for (const struct mr_json *row = expected->first; row; row = row->next, i++) {
        if (i > 0)
            mr_text_append_char(wanted, ',');
        render_expected(wanted, row, shown);
    }
}

static bool has_condition(const struct mr_json *conditions, const char *condition)
{
    for (const struct mr_json *one = conditions->first; one; one = one->next)
        if (mr_str_equal(one->text, mr_str_of(condition)))
            return true;
    return false;
}

/* A case without a schema: which one is inferred? */
static bool run_inference(const struct mr_json *c, const struct read_request *q, struct mr_text *report)
{
    struct mr_format format = {.zone = mr_zone_utc(), .case_sensitive = true};
    struct mr_infer infer;
    struct mr_error error = {0};
    struct mr_arena arena;
    struct mr_text got;
    struct mr_str wanted = {0};
    const struct mr_type *schema;
    struct mr_format_range range = {.input = memory_input(q->name, q->data, q->size),
                                    .path = "file:/data",
                                    .end = -1};
    mr_arena_init(&arena);
    mr_text_init(&got);
    mr_infer_init(&infer);
    int status = mr_format_open(&format, mr_format_type_find(mr_str_of(q->format)), q->options,
                                q->option_count, &error);
    if (status >= 0)
        status = format.type->infer(&format, &range, &infer, &error);
    else
        range.input->close(range.input);
    if (status >= 0)
        status = mr_infer_corrupt_column(&infer, &error);
    if (status >= 0)
        status = mr_infer_schema(&infer, &arena, &schema, &error);
    if (status >= 0)
        mr_type_simple_text(&got, schema);
    mr_json_get_str(mr_json_member(c, "expected"), "schema", &wanted);
    bool same = status >= 0 && mr_str_equal(mr_text_str(&got), wanted);
    if (!same)
        mr_text_format(report, "  ours:  %s %s\n  Spark: %.*s\n", got.data ? got.data : "", error.message,
                       (int)wanted.size, wanted.data);
    mr_infer_release(&infer);
    mr_format_close(&format);
    mr_text_release(&got);
    mr_arena_release(&arena);
    return same;
}

static bool may_be_split(const struct read_request *q)
{
    struct mr_format format = {.schema = q->schema, .used = q->used, .zone = mr_zone_utc()};
    struct mr_error error = {0};
    int status = mr_format_open(&format, mr_format_type_find(mr_str_of(q->format)), q->options,
                                q->option_count, &error);
    bool split = status >= 0 && format.type->splittable && format.type->splittable(&format);
    mr_format_close(&format);
    return split;
}

/* Two ranges, wherever they meet, give what the whole gives. (A header behind blank lines and comments is
 * taken for one in the range that begins the file only, as in Spark.) */
static bool same_in_ranges(const struct read_request *whole, const struct mr_text *wanted,
                           struct mr_text *report)
{
    struct read_request q = *whole;
    const char *data = whole->data, *p = data, *end = data + whole->size;
    bool same = true;
    while (p < end && (*p == '\n' || *p == ' ' || *p == '#')) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        p = line_end ? line_end + 1 : end;
    }
    size_t step = whole->size / 40 + 1;
    for (size_t middle = (size_t)(p - data) + 1; middle < whole->size && same; middle += step) {
        struct mr_error error = {0};
        struct mr_text got;
        int64_t rows = 0;
        mr_text_init(&got);
        q.start = 0, q.end = (int64_t)middle;
        int status = read_rows(&q, &got, &rows, &error);
        q.start = (int64_t)middle, q.end = (int64_t)whole->size;
        if (status >= 0)
            status = read_rows(&q, &got, &rows, &error);
        same = status >= 0 && mr_str_equal(mr_text_str(&got), mr_text_str(wanted));
        if (!same)
            mr_text_format(report, "  in ranges that meet at %zu: [%s] %.*s\n", middle, error.condition,
                           (int)got.size, got.data ? got.data : "");
        mr_text_release(&got);
    }
    return same;
}

static bool run_case(const struct mr_json *c, struct mr_text *report)
{
    struct mr_arena arena;
    struct mr_error error = {0};
    struct mr_text got, wanted;
    struct mr_str ddl = {0}, input = {0}, hex = {0}, format = {0};
    int64_t rows = 0;
    int options = 0;
    struct mr_option option[32];
    bool used[64] = {0}, lengths[64] = {0};
    struct read_request q = {.name = "data"};
    const struct mr_json *select = mr_json_member(c, "select"), *given = mr_json_member(c, "options");
    mr_arena_init(&arena);
    mr_text_init(&got);
    mr_text_init(&wanted);
    mr_json_get_str(c, "schema", &ddl);
    mr_json_get_str(c, "format", &format);
    for (const struct mr_json *o = given ? given->first : NULL; o; o = o->next)
        option[options++] = (struct mr_option){mr_arena_copy_text(&arena, o->key.data, o->key.size),
                                               mr_arena_copy_text(&arena, o->text.data, o->text.size)};
    int status = ddl.size ? mr_schema_parse(&arena, ddl, &q.schema, &error) : MR_OK;
    char *bytes = mr_json_get_str(c, "hex", &hex) ? unhex(hex) : NULL;
    mr_json_get_str(c, "input", &input);
    q.format = mr_arena_copy_text(&arena, format.data, format.size);
    q.options = option;
    q.option_count = options;
    q.data = bytes ? bytes : input.data;
    q.size = bytes ? hex.size / 2 : input.size;
    if (ddl.size == 0) {
        bool same = run_inference(c, &q, report);
        free(bytes);
        mr_arena_release(&arena);
        return same;
    }
    struct mr_field fields[64];
    int shown = 0;
    for (const struct mr_json *s = select ? select->first : NULL; s; s = s->next) {
        int index = mr_type_field(q.schema, selected_column(s->text), false, NULL);
        if (index >= 0) {
            used[index] = true;
            lengths[index] = mr_str_starts_with(s->text, MR_STR("length("));
            fields[shown++] = q.schema->fields[index];
        }
    }
    q.used = select ? used : NULL;
    q.as_length = lengths;
    if (status >= 0)
        status = read_rows(&q, &got, &rows, &error);
    const struct mr_json *expected = mr_json_member(c, "expected"),
                         *failure = mr_json_member(expected, "error");
    bool same;
    if (failure) {
        same = status < 0 && has_condition(failure, error.condition);
        mr_text_append(&wanted, failure->raw.data, failure->raw.size);
    } else {
        compare_rows(c, &got, rows, select ? mr_type_struct(&arena, fields, shown) : q.schema, &wanted);
        same = status >= 0 && mr_str_equal(mr_text_str(&got), mr_text_str(&wanted));
        if (same && (!select || shown > 0) && may_be_split(&q))
            same = same_in_ranges(&q, &got, report);
    }
    if (!same && status < 0)
        mr_text_format(report, "  ours: [%s] %s\n", error.condition, error.message);
    if (!same) {
        size_t at = 0;
        while (at < got.size && at < wanted.size && got.data[at] == wanted.data[at])
            at++;
        size_t from = at > 60 ? at - 60 : 0;
        mr_text_format(report, "  ours:  …%.200s\n  Spark: …%.200s\n", got.size > from ? got.data + from : "",
                       wanted.size > from ? wanted.data + from : "");
    }
    free(bytes);
    mr_text_release(&got);
    mr_text_release(&wanted);
    mr_arena_release(&arena);
    return same;
}

int run_cases(const char *path, const char *const *differs, int *count)
{
    struct mr_text text, report;
    struct mr_error error = {0};
    int failed = 0;
    mr_text_init(&text);
    mr_text_init(&report);
    if (mr_file_read_all(path, &text, &error) < 0) {
        printf("%s: %s\n", path, error.message);
        return 1;
    }
    for (char *line = text.data, *next; *line; line = next) {
        struct mr_arena arena;
        struct mr_json *c;
        struct mr_str name = {0};
        bool on_purpose = false;
        next = strchr(line, '\n') + 1;
        mr_arena_init(&arena);
        if (mr_json_parse(&arena, (struct mr_str){line, (size_t)(next - line - 1)}, &c, &error) < 0) {
            printf("%s: %s\n", path, error.message);
            return 1;
        }
        mr_json_get_str(c, "name", &name);
        mr_text_clear(&report);
        bool same = run_case(c, &report);
        for (int i = 0; differs && differs[i]; i += 2)
            on_purpose |= mr_str_equal(name, mr_str_of(differs[i]));
        if (same == on_purpose) {
            printf("%s: %.*s%s\n%s", path, (int)name.size, name.data,
                   on_purpose ? ": said to differ from Spark, and does not" : "",
                   report.data ? report.data : "");
            failed++;
        }
        ++*count;
        mr_arena_release(&arena);
    }
    mr_text_release(&text);
    mr_text_release(&report);
    return failed;
}
