/* tests/expressions/avro_test.c: Avro messages that are random, cut and changed: never a crash, never half a
 * row, and what is accepted is written again and read back the same. (What values come out is asked of Spark:
 * tests/spark/avro_questions.) */
#include "tests/expressions/messages.h"

#include "expressions/avro_decode.h"
#include "expressions/avro_encode.h"

#define RECORD(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define FIELD(name, type) "{'name':'" name "','type':" type "}"
#define LIST(items) "{'type':'array','items':" items "}"
#define MAP(values) "{'type':'map','values':" values "}"
#define DECIMAL "{'type':'bytes','logicalType':'decimal','precision':20,'scale':2}"
#define ENUM(symbols) "{'type':'enum','name':'e','symbols':[" symbols "]}"
#define NUMBERS FIELD("i", "'int'") "," FIELD("o", "['null','long']") "," FIELD("d", DECIMAL)
#define TEXTS FIELD("s", "'string'") "," FIELD("f", "{'type':'fixed','name':'f','size':3}")
#define LISTS FIELD("l", LIST("['null','string']")) "," FIELD("m", MAP("'double'"))
#define OTHERS                                                                                               \
    FIELD("e", ENUM("'A','B'"))                                                                              \
    "," FIELD("u", "['int','string','null','boolean']") "," FIELD("n", RECORD("n", FIELD("x", "'float'")))
#define EVERYTHING RECORD("r", NUMBERS "," TEXTS "," LISTS "," OTHERS)
#define NODE RECORD("N", FIELD("v", "'int'") "," FIELD("n", "['null','N']"))

static const struct { /* ' stands for " */
    const char *writer, *reader;
} pairs[] = {
    {EVERYTHING, NULL},
    {EVERYTHING, RECORD("r", FIELD("o", "'long'") "," FIELD("e", "['null'," ENUM("'B'") "]"))},
    {EVERYTHING, RECORD("r", "{'name':'new','type':" LIST("'int'") ",'default':[1,2]}")},
    {NODE, NULL},
    {LIST("'null'"), NULL},
    {LIST(LIST(RECORD("z", ""))), NULL},
    {RECORD("r", FIELD("l", LIST("'null'")) "," FIELD("i", "'int'")), RECORD("r", FIELD("i", "'long'"))},
    {MAP(MAP("'bytes'")), NULL},
    {"['string','int']", "'bytes'"},
};

static const struct mr_avro_schema *parsed(struct mr_arena *arena, const char *text)
{
    struct mr_error error = {0};
    const struct mr_avro_schema *schema;
    char *json = mr_arena_copy_text(arena, text, strlen(text));
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_int_equal(mr_avro_schema_parse(arena, mr_str_of(json), &schema, &error), MR_OK);
    return schema;
}

struct setup {
    struct mr_arena arena;
    struct mr_avro_plan plan;
    const struct mr_avro_encoder *encoder;
};

static void set_up(struct setup *s, const char *writer, const char *reader)
{
    struct mr_error error = {0};
    const struct mr_type *type;
    bool nullable;
    struct mr_avro_type_options options = {.recursion_limit = 3, .stable_prefix = MR_STR("member_")};
    *s = (struct setup){0};
    mr_arena_init(&s->arena);
    const struct mr_avro_schema *w = parsed(&s->arena, writer),
                                *r = parsed(&s->arena, reader ? reader : writer);
    assert_int_equal(mr_avro_sql_type(&s->arena, r, &options, &type, &nullable, &error), MR_OK);
    assert_int_equal(mr_avro_plan_make(&s->arena, w, r, type, &s->plan, &error), MR_OK);
    if (mr_avro_encoder_make(&s->arena, type, r, false, &s->encoder, &error) < 0)
        s->encoder = NULL; /* a record cut off at the limit of recursion has no way back */
}

static void tear_down(struct setup *s)
{
    mr_avro_plan_release(&s->plan);
    mr_arena_release(&s->arena);
}

/* Accepted: written and read again it is the same. */
static void same_again(struct setup *s, struct mr_column *column, struct mr_text *bytes)
{
    struct mr_error error = {0};
    struct mr_column *again = mr_column_new(s->plan.type, 1);
    mr_text_clear(bytes);
    assert_int_equal(mr_avro_encode(s->encoder, column, 0, bytes, &error), MR_OK);
    assert_int_equal(mr_avro_decode(&s->plan, mr_text_str(bytes), 0, again, &error), MR_OK);
    check_same(column, 0, again, 0);
    mr_column_unref(again);
}

static size_t random_message(char *out)
{
    size_t size = dice(40);
    int style = (int)dice(3);
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(style == 0 ? dice(256) : style == 1 ? dice(8) : dice(4) ? dice(6) : 0xFF - dice(3));
    return size;
}

static void random_bytes(void **ctx)
{
    (void)ctx;
    struct mr_text bytes;
    int accepted = 0, refused = 0;
    mr_text_init(&bytes);
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        struct setup s;
        set_up(&s, pairs[p].writer, pairs[p].reader);
        for (int round = 0; round < 2500; round++) {
            char text[64];
            struct mr_error error = {0};
            size_t size = random_message(text);
            char *exact = exact_copy(text, size);
            struct mr_column *column = mr_column_new(s.plan.type, 1);
            int status = mr_avro_decode(&s.plan, (struct mr_str){exact, size}, 0, column, &error);
            assert_int_equal(column->length, status == MR_OK);
            check_lengths(column);
            if (status != MR_OK) {
                refused++;
                check_refusal(status, &error, size);
            } else if (s.encoder && !pairs[p].reader) {
                accepted++;
                same_again(&s, column, &bytes);
            }
            mr_column_unref(column);
            free(exact);
        }
        tear_down(&s);
    }
    mr_text_release(&bytes);
    assert_true(accepted > 500 && refused > 1000);
}

/* Every prefix of a good message is refused, and what stood in the column before stays. */
static void cut_messages(void **ctx)
{
    (void)ctx;
    static const unsigned char message[] = {6, 2,   10, 4,   0, 5, 4, 'h', 'i', 1, 2, 3, 4,
                                            0, 2,   2,  'x', 0, 2, 2, 'k', 0,   0, 0, 0, 0,
                                            0, 240, 63, 0,   2, 2, 2, 'y', 0,   0, 0, 64};
    struct setup s;
    struct mr_error error = {0};
    set_up(&s, EVERYTHING, NULL);
    struct mr_column *column = mr_column_new(s.plan.type, 1);
    struct mr_str whole = {(const char *)message, sizeof message};
    assert_int_equal(mr_avro_decode(&s.plan, whole, 0, column, &error), MR_OK);
    for (size_t size = 0; size < sizeof message; size++) {
        char *exact = exact_copy(message, size);
        assert_int_equal(mr_avro_decode(&s.plan, (struct mr_str){exact, size}, 0, column, &error), MR_E_DATA);
        free(exact);
        assert_int_equal(column->length, 1);
        check_lengths(column);
    }
    assert_int_equal(mr_avro_decode(&s.plan, whole, 0, column, &error), MR_OK);
    assert_true(mr_column_same(column, 0, column, 1));
    mr_column_unref(column);
    tear_down(&s);
}

/* A sender must not make much of little: items without bytes, records within records that are skipped. */
static void greedy_messages(void **ctx)
{
    (void)ctx;
    static const unsigned char many[] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0};
    struct setup s;
    struct mr_error error = {0};
    for (size_t p = 4; p <= 6; p++) {
        set_up(&s, pairs[p].writer, pairs[p].reader);
        struct mr_column *column = mr_column_new(s.plan.type, 1);
        assert_int_equal(mr_avro_decode(&s.plan, (struct mr_str){(const char *)many, sizeof many}, 0, column,
                                        &error),
                         MR_E_DATA);
        mr_column_unref(column);
        tear_down(&s);
    }
    char *deep = malloc(2000000);
    for (int i = 0; i < 2000000; i++)
        deep[i] = i % 2 ? 2 : 0;
    set_up(&s, NODE, NULL);
    struct mr_column *column = mr_column_new(s.plan.type, 1);
    assert_int_equal(mr_avro_decode(&s.plan, (struct mr_str){deep, 2000000}, 0, column, &error), MR_E_DATA);
    assert_non_null(strstr(error.message, "deep"));
    mr_column_unref(column);
    tear_down(&s);
    free(deep);
}

/* Any text as a schema. */
static void random_schemas(void **ctx)
{
    (void)ctx;
    for (int round = 0; round < 6000; round++) {
        struct mr_arena arena;
        struct mr_error error = {0};
        const struct mr_avro_schema *schema;
        const struct mr_type *type;
        struct mr_avro_type_options options = {.recursion_limit = (int)dice(4), .stable_prefix = MR_STR("")};
        bool nullable;
        char text[2048];
        size_t size = strlen(EVERYTHING);
        for (size_t i = 0; i < size; i++)
            text[i] = EVERYTHING[i] == '\'' ? '"' : EVERYTHING[i];
        for (uint32_t i = 0, n = dice(6); i < n; i++) {
            size_t at = dice((uint32_t)size - 20), from = dice((uint32_t)size - 20), count = dice(16);
            memmove(text + at, text + from, count);
        }
        mr_arena_init(&arena);
        if (mr_avro_schema_parse(&arena, (struct mr_str){text, size}, &schema, &error) == MR_OK)
            mr_avro_sql_type(&arena, schema, &options, &type, &nullable, &error);
        mr_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(cut_messages),
        cmocka_unit_test(greedy_messages),
        cmocka_unit_test(random_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
