/* tests/expressions/messages.h: for tests of what decodes messages of bytes (Avro, Protobuf): dice of a seed,
 * and what has to hold whatever came in. Included once by each test. */
#ifndef MR_TESTS_EXPRESSIONS_MESSAGES_H
#define MR_TESTS_EXPRESSIONS_MESSAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "columns/column.h"
#include "columns/value.h"

static uint64_t dice_state = 88172645463325252ULL;
static uint32_t dice(uint32_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* Never half a row: parents and children are of one length. */
static void check_lengths(const struct mr_column *c)
{
    int64_t inner = c->offsets ? c->offsets[c->length] : c->length;
    for (int i = 0; i < c->child_count; i++) {
        assert_int_equal(c->children[i]->length, inner);
        check_lengths(c->children[i]);
    }
}

static void check_same(const struct mr_column *a, int64_t row, const struct mr_column *b, int64_t other)
{
    struct mr_text before, after;
    mr_text_init(&before);
    mr_text_init(&after);
    mr_value_text(&before, a, row, mr_zone_utc());
    mr_value_text(&after, b, other, mr_zone_utc());
    assert_string_equal(before.data, after.data);
    mr_text_release(&before);
    mr_text_release(&after);
}

/* A refusal is the data's fault, and says where in them. */
static void check_refusal(int status, const struct mr_error *error, size_t size)
{
    assert_int_equal(status, MR_E_DATA);
    assert_true(error->offset >= 0 && (size_t)error->offset <= size);
    assert_non_null(strstr(error->message, "at byte"));
}

/* A copy without a byte to spare, so that ASan sees one too many; to be freed. */
static char *exact_copy(const void *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    return copy;
}

#endif
