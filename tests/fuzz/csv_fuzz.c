/* tests/fuzz/csv_fuzz.c: any bytes as CSV: quoted values read at once and character by character are the
 * same, whole files and ranges too. */
#include "tests/fuzz/rows_fuzz.h"

static const char *const schemas[] = {
    "a INT, b STRING, c DOUBLE, _corrupt_record STRING",
    "a STRING, b STRING, c STRING",
    "a DATE, t TIMESTAMP, n DECIMAL(10,2), x BINARY, k BOOLEAN, z TIMESTAMP_NTZ, f FLOAT",
    "a BIGINT, b STRING, _rescued STRING",
};
static const struct mr_option modes[][2] = {
    {{"mode", "PERMISSIVE"}, {"header", "false"}},
    {{"mode", "DROPMALFORMED"}, {"header", "true"}},
    {{"ignoreLeadingWhiteSpace", "true"}, {"ignoreTrailingWhiteSpace", "true"}},
    {{"escape", "\""}, {"comment", "#"}},
    {{"sep", "||"}, {"lineSep", ";"}},
    {{"multiLine", "true"}, {"nullValue", "x"}},
    {{"unescapedQuoteHandling", "STOP_AT_CLOSING_QUOTE"}, {"quote", "'"}},
    {{"charToEscapeQuoteEscaping", "^"}, {"unescapedQuoteHandling", "SKIP_VALUE"}},
    {{"unescapedQuoteHandling", "BACK_TO_DELIMITER"}, {"lineSep", "|"}}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_way ways[] = {{MR_WAY_SLOW, "at once and by character differ"}};
    struct read_request q = {.format = "csv", .name = "data", .option_count = 2};
    if (size < 2)
        return 0;
    int schema = data[0] % FUZZ_SCHEMAS, mode = data[0] / FUZZ_SCHEMAS % (sizeof modes / sizeof *modes);
    q.options = modes[mode];
    /* multiLine files have one range; a header is in the first one */
    every_way(&q, schemas[schema], schema == 3, data, size, ways, 1, mode == 1 || mode == 5);
    return 0;
}
