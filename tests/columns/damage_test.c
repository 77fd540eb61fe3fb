/* Parsers on damaged input: any answer is fine but a crash, a hang or a read beyond the end (run with the
 * sanitizers). */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/json.h"
#include "columns/value.h"

static struct mr_arena arena;
static struct mr_error error;

static uint64_t dice_state = 88172645463325252ULL;
static uint64_t dice(uint64_t below)
{
    dice_state ^= dice_state << 13, dice_state ^= dice_state >> 7, dice_state ^= dice_state << 17;
    return dice_state % below;
}

/* A copy of exactly its size on the heap, with a few bytes changed, dropped or doubled. */
static char *damaged(const char *text, size_t *size)
{
    static const char favourites[] = "{}[]<>(),:`'\"\\-+.0192TZeE \n\x00\xFF\xC3/*";
    char *copy = malloc(*size * 2 + 8);
    memcpy(copy, text, *size);
    for (uint64_t n = 1 + dice(4); n > 0 && *size > 0; n--) {
        size_t at = dice(*size);
        switch (dice(4)) {
        case 0:
            copy[at] = (char)dice(256);
            break;
        case 1:
            copy[at] = favourites[dice(sizeof favourites)];
            break;
        case 2:
            *size = at;
            break;
        default:
            memmove(copy + at + 1, copy + at, *size - at);
            (*size)++;
        }
    }
    char *exact = malloc(*size ? *size : 1);
    memcpy(exact, copy, *size);
    free(copy);
    return exact;
}

static void texts(void **state)
{
    (void)state;
    static const char *const ddl[] = {
        "a BIGINT NOT NULL COMMENT 'it''s', `b``c`: STRUCT<x: DECIMAL(10,2), y: MAP<STRING, ARRAY<INT>>> -- "
        "c",
        "STRUCT<a: INTERVAL DAY TO SECOND, b: TIMESTAMP_NTZ /* x */, c STRING COLLATE UTF8_BINARY>",
    };
    static const char *const json[] = {
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\",\"elementType\":"
        "\"decimal(10,2)\","
        "\"containsNull\":true},\"nullable\":true,\"metadata\":{\"comment\":\"\\u00e9\\ud83d\\ude00\"}}]}",
        "[1, -2.5e+3, true, null, \"x\\n\", {\"a\": {}, \"b\": []}]",
    };
    static const char *const values[] = {"2024-01-02 03:04:05.123456 Europe/Zurich",
                                         "-123456789.123456789e-12",
                                         "2024-01-02T03:04:05Z",
                                         "+10000-1-2",
                                         "12345678901234567890123456789012345678.5",
                                         "1.7976931348623157e308",
                                         "GMT+10:30"};
    for (int round = 0; round < 60000; round++) {
        const char *text = round % 3 == 0 ? ddl[dice(2)] : round % 3 == 1 ? json[dice(2)] : values[dice(7)];
        size_t size = strlen(text);
        char *copy = damaged(text, &size);
        struct mr_str str = {copy, size};
        const struct mr_type *type = NULL;
        struct mr_json *tree = NULL;
        int32_t days = 0;
        int64_t micros = 0;
        double number = 0;
        mr_i128 decimal = 0;
        bool overflow = false;
        if (round % 3 == 0) {
            mr_schema_parse(&arena, str, &type, &error);
        } else if (round % 3 == 1) {
            mr_json_parse(&arena, str, &tree, &error);
            mr_schema_from_json(&arena, str, &type, &error);
        } else {
            mr_date_parse(str, &days);
            mr_timestamp_parse(str, mr_zone_utc(), &micros);
            mr_timestamp_ntz_parse(str, &micros);
            mr_timestamp_parse_iso(copy, size, &micros);
            mr_double_parse(str, &number);
            if (mr_decimal_parse(str, 38, (int)dice(39), &decimal, &overflow) && !overflow)
                assert_true(mr_decimal_fits(decimal, 38));
        }
        free(copy);
        mr_arena_clear(&arena);
    }
}

/* ---- zone files ---- */

static int64_t damaging_read(int file, void *out, size_t size)
{
    int64_t got = mr_env_system()->read(file, out, size);
    for (int64_t n = got > 0 ? (int64_t)dice(6) : 0; n > 0; n--)
        ((unsigned char *)out)[dice(4) ? dice((uint64_t)got) : dice(got < 100 ? (uint64_t)got : 100)] =
            (unsigned char)dice(256);
    return dice(8) == 0 && got > 0 ? (int64_t)dice((uint64_t)got) : got;
}

static int open_anything(const char *path, int flags)
{
    (void)path;
    static const char *const files[] = {"Europe/Zurich", "America/New_York", "Asia/Tokyo",
                                        "Africa/Casablanca"};
    char name[256];
    snprintf(name, sizeof name, "/usr/share/zoneinfo/%s", files[dice(4)]);
    return mr_env_system()->open(name, flags);
}

static void zone_files(void **state)
{
    (void)state;
    struct mr_env env = *mr_env_system();
    env.read = damaging_read;
    env.open = open_anything;
    mr_env_replace(&env);
    int loaded = 0, refused = 0;
    for (int i = 0; i < 3000; i++) {
        char id[32];
        int size = snprintf(id, sizeof id, "Damaged/Zone%d", i);
        const struct mr_zone *zone = NULL;
        if (mr_zone_find((struct mr_str){id, (size_t)size}, &zone, &error) < 0) {
            refused++;
            continue;
        }
        loaded++;
        for (int k = 0; k < 50; k++) {
            int64_t micros = (int64_t)(dice_state + (uint64_t)k * 0x9e3779b97f4a7c15ULL);
            mr_zone_to_utc(zone, mr_zone_to_local(zone, micros));
        }
    }
    mr_env_replace(NULL);
    assert_true(loaded > 100 && refused > 100);
}

static int start(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mr_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(zone_files)};
    return cmocka_run_group_tests(tests, start, stop);
}
