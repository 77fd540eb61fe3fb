/* tests/fuzz/json_fuzz.c: any bytes as JSON lines: the scan (AVX2 and SSE) and the converter give the same
 * rows, whole and in ranges. */
#include "tests/fuzz/rows_fuzz.h"

static const char *const schemas[] = {
    "a BIGINT, b STRING, c DOUBLE, t TIMESTAMP, _corrupt_record STRING",
    "a INT, b TINYINT, c SMALLINT, d DATE, n DECIMAL(10,2), z TIMESTAMP_NTZ, f FLOAT, k BOOLEAN",
    "o STRUCT<p: INT, q: STRING>, l ARRAY<STRING>, m MAP<STRING, INT>, b STRING, a BIGINT, _corrupt_record "
    "STRING",
    "a BIGINT, b STRING, _rescued STRING",
};
static const struct mr_option modes[] = {{"mode", "PERMISSIVE"}, {"mode", "DROPMALFORMED"},
                                         {"mode", "FAILFAST"},   {"lineSep", "|"},
                                         {"lineSep", "#\n"},     {"allowComments", "true"}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_way ways[] = {{MR_WAY_BASELINE, "AVX2 and SSE differ"},
                                           {MR_WAY_SLOW, "scan and converter differ"}};
    struct read_request q = {.format = "json", .name = "data", .option_count = 1};
    if (size < 2)
        return 0;
    int schema = data[0] % FUZZ_SCHEMAS;
    q.options = &modes[data[0] / FUZZ_SCHEMAS % (sizeof modes / sizeof *modes)];
    every_way(&q, schemas[schema], schema == 3, data, size, ways, 2, false);
    return 0;
}
