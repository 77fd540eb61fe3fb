/* formats/json/json.h: what the parts of the JSON format share. Two ways lead from a line to a row:
 *
 * - the scan (scan.h, one pass, SIMD): every well-formed record whose values fit their columns. It predicts
 * the order of members from the lines before, so a member costs one comparison and its value's own parsing.
 * It validates all it passes, skipped values too.
 * - the converter of expressions/json_convert.h: everything else. The scan gives up a line without trace as
 * soon as it sees anything it does not know to be right; so it may be narrow, and must never accept what the
 * converter refuses. */
#ifndef MR_FORMATS_JSON_H
#define MR_FORMATS_JSON_H

#include "expressions/json_convert.h"
#include "formats/format.h"
#include "formats/stream.h"

enum json_kind {
    JSON_SKIP,
    JSON_BOOLEAN,
    JSON_I8,
    JSON_I16,
    JSON_I32,
    JSON_I64,
    JSON_F32,
    JSON_F64,
    JSON_DECIMAL, /* precision <= 18 */
    JSON_STRING,
    JSON_DATE,
    JSON_TIMESTAMP,
    JSON_TIMESTAMP_NTZ,
    JSON_OTHER, /* through the converter's value function: nested, binary, long decimals */
};

struct json_field {     /* of the schema, special columns excluded */
    struct mr_str name; /* followed by 16 readable bytes */
    uint64_t hash;
    int record; /* index among the record's fields, -1: it is skipped */
};
struct json_plan { /* of an open format; immutable */
    struct mr_json_options options;
    struct json_field *fields;
    int field_count;
    uint16_t *slots; /* hash table: index into fields + 1; 0: free */
    uint32_t slot_mask;
    /* The record that the converter makes: in order of the schema the used fields, and those that are looked
     * into though nobody uses them: all when values that do not fit are rescued, nested ones when new members
     * are reported. */
    const struct mr_type *record;
    int *columns;       /* column of the batch of each record field */
    int corrupt_column; /* of the batch; -1: none, or unused */
    int rescued_column;
    bool scan_allowed; /* false when an option narrows the syntax */
    bool baseline;     /* the scan without AVX2 */
    struct mr_record_lines text;
};
/* FNV-like over the first and last eight bytes; the name must be followed by 8 readable bytes. */
static inline uint64_t json_name_hash(const char *name, size_t size)
{
    uint64_t a, b = 0;
    memcpy(&a, name, 8);
    if (size < 8)
        a &= (1ULL << (8 * size)) - 1;
    else
        memcpy(&b, name + size - 8, 8);
    uint64_t h = (a ^ (b << 21 | b >> 43)) * 0x9E3779B97F4A7C15ULL + size;
    return h ^ h >> 29;
}

int mr_json_plan_open(struct mr_format *format, struct mr_error *error);

extern const struct mr_format_type mr_json_format;
extern const struct mr_option_spec mr_json_option_table[];

/* Inference from one file; formats/infer.h gathers. */
int mr_json_infer(struct mr_format *format, const struct mr_format_range *range, struct mr_infer *infer,
                  struct mr_error *error);

#endif
