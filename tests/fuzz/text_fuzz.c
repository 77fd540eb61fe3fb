/* tests/fuzz/text_fuzz.c: any bytes as a schema (DDL, JSON, Avro's, Protobuf's descriptors), as a pattern of
 * dates and a text for it, as numbers, times and zones, as a message of Avro or Protobuf, as options, and as
 * a record of CSV. What is understood must come back the same when it is printed and read again, and nobody
 * reads a byte too many.
 *
 * By libFuzzer, or with replay.c a program that runs the files it is given. The first byte picks the reader;
 * where two texts are needed, the first zero byte parts them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"
#include "expressions/avro_decode.h"
#include "expressions/csv.h"
#include "expressions/protobuf_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mr_error error;
static struct mr_arena arena;

/* A copy without a byte to spare, so that the sanitizer sees one too many. */
static char *exact(struct mr_str text)
{
    char *copy = malloc(text.size > 0 ? text.size : 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

static struct mr_str part(struct mr_str *text)
{
    const char *zero = text->size > 0 ? memchr(text->data, 0, text->size) : NULL;
    struct mr_str first = {text->data, zero ? (size_t)(zero - text->data) : text->size};
    size_t used = first.size + (zero != NULL);
    *text = (struct mr_str){text->size > used ? text->data + used : "", text->size - used};
    return first;
}

static void wrong(const char *what, struct mr_str a, struct mr_str b)
{
    fprintf(stderr, "%s:\n%.*s\n%.*s\n", what, (int)a.size, a.data, (int)b.size, b.data);
    abort();
}

/* Parents and children are of one length: never half a row. */
static void check_lengths(const struct mr_column *c)
{
    int64_t inner = c->offsets ? c->offsets[c->length] : c->length;
    for (int i = 0; i < c->child_count; i++) {
        if (c->children[i]->length != inner)
            abort();
        check_lengths(c->children[i]);
    }
}

/* ---- schemas ---- */
static void fuzz_schema(struct mr_str text)
{
    const struct mr_type *type = NULL, *again = NULL;
    struct mr_text printed;
    mr_text_init(&printed);
    if (mr_type_parse(&arena, text, &type, &error) == MR_OK) {
        mr_type_text(&printed, type);
        if (mr_type_parse(&arena, mr_text_str(&printed), &again, &error) < 0 || !mr_type_equal(type, again))
            wrong("a type changes when it is printed", text, mr_text_str(&printed));
    }
    mr_error_clear(&error);
    mr_schema_parse(&arena, text, &type, &error);
    mr_text_release(&printed);
}

static void fuzz_json_schema(struct mr_str text)
{
    const struct mr_type *type;
    mr_schema_from_json(&arena, text, &type, &error);
}

/* ---- messages ---- */
static void fuzz_avro(struct mr_str text)
{
    struct mr_str schema = part(&text);
    const struct mr_avro_type_options options = {.recursion_limit = 3, .stable_prefix = MR_STR("member_")};
    const struct mr_avro_schema *writer;
    const struct mr_type *type = NULL;
    struct mr_avro_plan plan = {0};
    bool nullable;
    if (mr_avro_schema_parse(&arena, schema, &writer, &error) < 0 ||
        mr_avro_sql_type(&arena, writer, &options, &type, &nullable, &error) < 0 || !type)
        return;
    char *copy = exact(text);
    struct mr_column *column = mr_column_new(type, 4);
    if (mr_avro_plan_make(&arena, writer, writer, type, &plan, &error) >= 0) {
        int status = mr_avro_decode(&plan, (struct mr_str){copy, text.size}, 0, column, &error);
        if (column->length != (status >= 0))
            abort();
        check_lengths(column);
    }
    mr_column_unref(column);
    mr_avro_plan_release(&plan);
    free(copy);
}

static void decode_protobuf(const struct mr_proto_message *message, struct mr_str text)
{
    const struct mr_proto_options options = {.recursion_limit = 3};
    const struct mr_proto_plan *plan;
    const struct mr_type *type = NULL;
    if (mr_proto_sql_type(&arena, message, &options, &type, &error) < 0 || type->field_count == 0 ||
        mr_proto_plan_make(&arena, message, type, &options, &plan, &error) < 0)
        return;
    char *copy = exact(text);
    struct mr_column *column = mr_column_new(type, 4);
    int status = mr_proto_decode(plan, (struct mr_str){copy, text.size}, column, &error);
    if (column->length != (status >= 0))
        abort();
    check_lengths(column);
    mr_column_unref(column);
    free(copy);
}

/* Two bytes say how long the descriptor is. */
static void fuzz_protobuf(struct mr_str text)
{
    struct mr_proto_set set;
    size_t size =
        text.size < 2 ? 0 : (size_t)((unsigned char)text.data[0] << 8 | (unsigned char)text.data[1]);
    if (text.size < 2 + size || size == 0)
        return;
    struct mr_str rest = {text.data + 2 + size, text.size - 2 - size};
    char *copy = exact((struct mr_str){text.data + 2, size});
    if (mr_proto_set_parse(&arena, (struct mr_str){copy, size}, &set, &error) == MR_OK)
        for (int i = 0; i < set.message_count && i < 4; i++)
            decode_protobuf(&set.messages[i], rest);
    free(copy);
}

/* ---- texts of values ---- */
static void fuzz_pattern(struct mr_str text)
{
    struct mr_str pattern = part(&text);
    const struct mr_datetime_format *parse, *print;
    int64_t micros = 0, again = 0;
    struct mr_text printed;
    if (mr_datetime_format_compile(&arena, pattern, MR_DATETIME_PARSE, &parse, &error) < 0 ||
        mr_datetime_format_compile(&arena, pattern, MR_DATETIME_PRINT, &print, &error) < 0)
        return;
    mr_text_init(&printed);
    if (mr_datetime_format_parse_timestamp(parse, text, mr_zone_utc(), &micros) &&
        mr_datetime_format_print(print, micros, mr_zone_utc(), &printed))
        mr_datetime_format_parse_timestamp(parse, mr_text_str(&printed), mr_zone_utc(), &again);
    mr_text_release(&printed);
}

static void fuzz_value(struct mr_str text)
{
    const struct mr_zone *zone;
    struct mr_str name = part(&text);
    int64_t micros;
    int32_t days;
    bool overflow;
    mr_i128 decimal;
    if (mr_zone_find(name, &zone, &error) < 0)
        zone = mr_zone_utc();
    char *copy = exact(text);
    struct mr_str value = {copy, text.size};
    mr_date_parse(value, &days);
    mr_timestamp_parse(value, zone, &micros);
    mr_timestamp_ntz_parse(value, &micros);
    mr_decimal_parse(value, 38, 18, &decimal, &overflow);
    free(copy);
}

/* ---- options and CSV ---- */
static void fuzz_csv(struct mr_str text)
{
    struct mr_option given[4];
    struct mr_csv_options options = {0};
    struct mr_csv_record record = {0};
    static const char *const names[] = {"sep", "quote", "escape", "unescapedQuoteHandling"};
    const char *next;
    for (int i = 0; i < 4; i++) {
        struct mr_str value = part(&text);
        given[i] = (struct mr_option){names[i], mr_arena_copy_text(&arena, value.data, value.size)};
    }
    if (mr_options_read(mr_csv_read_table, NULL, given, 4, &options, &error) < 0 ||
        mr_csv_options_compile(&options, &arena, mr_zone_utc(), false, &error) < 0)
        return;
    char *copy = calloc(1, text.size + MR_BUFFER_PADDING);
    memcpy(copy, text.data, text.size);
    mr_text_init(&record.scratch);
    static const char *const line_ends[] = {NULL, "\n"};
    for (int way = 0; way < 4; way++) {
        options.slow = way & 1;
        const char *line_end = line_ends[way >> 1], *at = copy, *end = copy + text.size;
        for (int i = 0; i < 100 && at < end; i++, at = next) {
            if (mr_csv_split(&record, &options, at, end, line_end, &next, &error) < 0)
                break;
            if (next <= at || next > end)
                abort();
            for (int k = 0; k < record.count; k++) {
                struct mr_str token = mr_csv_token_text(&record, &record.tokens[k]);
                int digits;
                if (token.size > 0)
                    mr_csv_kind_of(&options, token, MR_CSV_INT, &digits);
            }
        }
    }
    mr_csv_record_release(&record);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct mr_str) = {fuzz_schema,  fuzz_json_schema, fuzz_avro, fuzz_protobuf,
                                                     fuzz_pattern, fuzz_value,       fuzz_csv};
    if (size < 1)
        return 0;
    struct mr_str text = {(const char *)data + 1, size - 1};
    char *copy = exact(text);
    mr_error_clear(&error);
    mr_arena_init(&arena);
    readers[data[0] % (sizeof readers / sizeof *readers)]((struct mr_str){copy, text.size});
    if (error.code != 0 && error.message[0] == '\0')
        abort();
    mr_arena_release(&arena);
    free(copy);
    return 0;
}
