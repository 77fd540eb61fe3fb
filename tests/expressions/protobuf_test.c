/* tests/expressions/protobuf_test.c: Protobuf messages and descriptors that are random, cut and changed:
 * never a crash, never half a row; what is accepted is written and read again and stays the same. (Values are
 * compared with Google's implementation in tests/interop/messages.py.) */
#include "tests/expressions/messages.h"

#include "expressions/protobuf_decode.h"
#include "expressions/protobuf_encode.h"
#include "tests/expressions/protobuf_sample.h"

static char descriptor[sizeof sample_descriptor / 2];

static int read_descriptor(void **ctx)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof descriptor; i++) {
        char two[3] = {sample_descriptor[2 * i], sample_descriptor[2 * i + 1], 0};
        descriptor[i] = (char)strtol(two, NULL, 16);
    }
    return 0;
}

struct setup {
    struct mr_arena arena;
    struct mr_proto_set set;
    const struct mr_type *type;
    const struct mr_proto_plan *plan;
    const struct mr_proto_encoder *encoder;
};

static void set_up(struct setup *s, const char *name, const struct mr_proto_options *options)
{
    struct mr_error error = {0};
    bool any = strcmp(name, "Wrapped") == 0;
    struct mr_proto_options with_types = *options;
    *s = (struct setup){0};
    with_types.any_types = any ? &s->set : NULL;
    options = &with_types;
    mr_arena_init(&s->arena);
    assert_int_equal(mr_proto_set_parse(&s->arena, (struct mr_str){descriptor, sizeof descriptor}, &s->set,
                                        &error),
                     MR_OK);
    const struct mr_proto_message *message = mr_proto_find(&s->set, mr_str_of(name));
    assert_non_null(message);
    assert_int_equal(mr_proto_sql_type(&s->arena, message, options, &s->type, &error), MR_OK);
    assert_int_equal(mr_proto_plan_make(&s->arena, message, s->type, options, &s->plan, &error), MR_OK);
    if (!options->retain_empty && !any)
        assert_int_equal(mr_proto_encoder_make(&s->arena, s->type, message, false, &s->encoder, &error),
                         MR_OK);
}

static void same_again(struct setup *s, struct mr_column *column, int64_t row)
{
    struct mr_error error = {0};
    struct mr_text bytes;
    struct mr_column *again = mr_column_new(s->type, 1);
    mr_text_init(&bytes);
    int status = mr_proto_encode(s->encoder, column, row, &bytes, &error);
    if (status == MR_OK) {
        assert_int_equal(mr_proto_decode(s->plan, mr_text_str(&bytes), again, &error), MR_OK);
        check_same(column, row, again, 0);
    } else { /* a number that an enum does not name can be read, not written */
        assert_string_equal(error.condition, "CANNOT_CONVERT_SQL_VALUE_TO_PROTOBUF_ENUM_TYPE");
    }
    mr_text_release(&bytes);
    mr_column_unref(again);
}

/* Mostly well-formed fields of likely numbers, so that the deeper code is reached. */
static size_t random_message(unsigned char *out, size_t most, int depth)
{
    size_t size = 0;
    for (uint32_t n = dice(6); n > 0 && size + 26 < most; n--) {
        uint32_t number = 1 + dice(36), type = dice(12) ? (dice(2) ? 2 : dice(2) ? 0 : 5) : dice(8);
        if (number << 3 >= 128)
            out[size++] = (unsigned char)(0x80 | (number << 3 & 0x78) | type),
            out[size++] = (unsigned char)(number >> 4);
        else
            out[size++] = (unsigned char)(number << 3 | type);
        if (type == 2) {
            static const char *const urls[] = {"a/sample.All", "/sample.Node", "x/sample.Free", "/old.Old",
                                               "/google.protobuf.Value"};
            const char *url = urls[dice(5)];
            unsigned char inner[160];
            if (number == 1 && depth > 0 && dice(2) && size + 40 < most) {
                out[size++] = (unsigned char)strlen(url);
                memcpy(out + size, url, strlen(url));
                size += strlen(url);
                continue;
            }
            size_t limit = most - size - 24 < 110 ? most - size - 24 : 110; /* a size of one byte */
            size_t inside = depth < 3 && dice(3) ? random_message(inner, limit, depth + 1) : dice(3);
            if (inside < 4)
                for (size_t i = 0; i < inside; i++)
                    inner[i] = (unsigned char)dice(256);
            out[size++] = (unsigned char)(dice(30) ? inside : dice(256));
            memcpy(out + size, inner, inside);
            size += inside;
        } else {
            for (size_t i = type == 1 ? 8 : type == 5 ? 4 : 1 + dice(2); i > 0; i--)
                out[size++] = (unsigned char)(dice(3) ? dice(128) : dice(256));
        }
    }
    return size;
}

static void random_messages(void **ctx)
{
    (void)ctx;
    static const struct mr_proto_options options[] = {
        {.recursion_limit = 3},
        {.recursion_limit = 2,
         .enums_as_ints = true,
         .upcast_unsigned = true,
         .unwrap = true,
         .emit_defaults = true},
        {.recursion_limit = 1, .retain_empty = true},
    };
    static const char *const names[] = {"All", "Old", "Node", "sample.Holder", "Wrapped"};
    int accepted = 0, refused = 0;
    for (int k = 0; k < 15; k++) {
        struct setup s;
        set_up(&s, names[k % 5], &options[k / 5]);
        struct mr_column *column = mr_column_new(s.type, 1);
        for (int round = 0; round < 2500; round++) {
            unsigned char text[1024];
            struct mr_error error = {0};
            size_t size = random_message(text, sizeof text - 200, 0);
            int64_t before = column->length;
            char *exact = exact_copy(text, size);
            int status = mr_proto_decode(s.plan, (struct mr_str){exact, size}, column, &error);
            assert_int_equal(column->length, before + (status == MR_OK));
            check_lengths(column);
            if (status != MR_OK) {
                refused++;
                check_refusal(status, &error, size);
            } else {
                accepted++;
                if (s.encoder)
                    same_again(&s, column, before);
                mr_column_unref(column); /* its strings are views of what goes now */
                column = mr_column_new(s.type, 1);
            }
            free(exact);
        }
        mr_column_unref(column);
        mr_arena_release(&s.arena);
    }
    assert_true(accepted > 2000 && refused > 2000);
}

static void random_descriptors(void **ctx)
{
    (void)ctx;
    char changed[sizeof descriptor];
    for (int round = 0; round < 3000; round++) {
        struct mr_arena arena;
        struct mr_error error = {0};
        struct mr_proto_set set;
        const struct mr_proto_options options = {.recursion_limit = 2};
        const struct mr_type *type;
        const struct mr_proto_plan *plan;
        size_t size = dice(4) ? sizeof descriptor : dice(sizeof descriptor);
        memcpy(changed, descriptor, size);
        for (uint32_t n = dice(4); n > 0 && size > 0; n--)
            changed[dice((uint32_t)size)] = (char)dice(256);
        mr_arena_init(&arena);
        if (mr_proto_set_parse(&arena, (struct mr_str){changed, size}, &set, &error) == MR_OK)
            for (int i = 0; i < set.message_count; i++)
                if (mr_proto_sql_type(&arena, &set.messages[i], &options, &type, &error) == MR_OK)
                    mr_proto_plan_make(&arena, &set.messages[i], type, &options, &plan, &error);
        mr_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_messages),
        cmocka_unit_test(random_descriptors),
    };
    return cmocka_run_group_tests(tests, read_descriptor, NULL);
}
