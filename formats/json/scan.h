/* formats/json/scan.h: the fast way from a line to a row. One scan per reader.
 *
 * scan_line is compiled twice, for SSE (x86-64-v2) and AVX2, from scan_body.h; mr_json_scan_open picks one.
 */
#ifndef MR_FORMATS_JSON_SCAN_H
#define MR_FORMATS_JSON_SCAN_H

#include "formats/json/json.h"

#define JSON_SEGMENT_BYTES 48
#define JSON_SEGMENTS 256 /* members of a template; further ones are looked up */
#define JSON_SKIP_DEPTH 64

struct json_segment { /* the bytes expected between a comma and a value: `"name":` with the blanks as they
                         were */
    char text[JSON_SEGMENT_BYTES];
    uint32_t mask; /* of the first 16 bytes; sizes below 16 need no more */
    uint16_t size;
    int16_t target; /* index into targets */
};
#define JSON_KNOWN 64 /* a power of two */
struct json_known {   /* a name met before, of at most 15 bytes, zeros behind it */
    char name[16];
    uint8_t size; /* 255: none yet */
    int16_t target;
};
struct json_target { /* where a member's value goes */
    uint8_t kind;
    uint8_t precision, scale;
    uint16_t bit; /* of present */
    void *values;
    struct mr_column *column;
};
struct json_time_cache { /* the last minute or day seen, as text and as what it means */
    char text[16];
    int64_t micros;     /* as written */
    int64_t utc_micros; /* as written in the session's zone; valid with has_utc */
    bool has_utc;
    int32_t days;
};
struct json_scan {
    const struct json_plan *plan;
    struct json_target *targets; /* one per record field, and a last one that skips */
    int target_count;
    uint64_t *present; /* bit per record field: seen in this line */
    uint64_t *all;     /* the pattern of a line with every field */
    int words;
    struct mr_column **columns; /* of the batch in hand, in order of the record */
    int64_t row;
    int segment_count;
    bool learning;           /* this line's members become the template */
    int surprises, patience; /* lines since learning that did not match; learn again at patience */
    struct json_time_cache minute, date;
    struct mr_text scratch;
    struct mr_json_tokens tokens;
    struct mr_json_converter **converters; /* per record field of kind OTHER */
    struct mr_error *error;                /* of the call in hand; failed is set with it: out of memory */
    bool failed;
    const char *(*line)(struct json_scan *scan, const char *line);
    struct json_known known[JSON_KNOWN]; /* by hash; one each */
    struct json_segment segments[JSON_SEGMENTS];
};

int mr_json_scan_open(struct json_scan **out, const struct json_plan *plan, struct mr_error *error);
void mr_json_scan_close(struct json_scan *scan); /* NULL allowed */
/* The columns (record order) that the next lines fill, rows from `row` on. To be called again when they grew.
 */
void mr_json_scan_columns(struct json_scan *scan, struct mr_column **columns, int64_t row);
/* One record at line (which ends with a control character), into row scan->row. Returns the byte behind its
 * closing brace, with the row complete and scan->row advanced; NULL: not a record this can do, and nothing
 * was written. */
static inline const char *mr_json_scan_line(struct json_scan *scan, const char *line)
{
    return scan->line(scan, line);
}
const char *mr_json_scan_line_sse(struct json_scan *scan, const char *line);
const char *mr_json_scan_line_avx2(struct json_scan *scan, const char *line);

/* ---- cold helpers of scan_body.h ---- */
/* Index of the target of a name (the last one when it has none), or -1: unknown and wanted. */
int mr_json_scan_lookup(const struct json_scan *scan, const char *name, size_t size);
/* The text between quotes, whose end is found by stops other than `"`: non-ASCII, escapes. text: first byte,
 * at: where the scan stopped. Returns the closing quote; NULL: invalid. *escaped tells of escapes. */
const char *mr_json_scan_string_rest(const char *text, const char *at, bool *escaped);
bool mr_json_scan_put_escaped(struct json_scan *scan, struct json_target *target, const char *text,
                              const char *end);
/* Converts the text of a string to a time; false: it is none. */
bool mr_json_scan_time(struct json_scan *scan, struct json_target *target, const char *text, size_t size);
/* A value of kind OTHER at [text, end). */
bool mr_json_scan_other(struct json_scan *scan, struct json_target *target, const char *text,
                        const char *end);
/* Forgets what was written into row scan->row. */
void mr_json_scan_undo(struct json_scan *scan);
/* Shortens a column of any type. */
void mr_json_cut_column(struct mr_column *column, int64_t length);
bool mr_json_scan_missing(struct json_scan *scan); /* sets the absent fields NULL; false: out of memory */
/* Reads a minute ("2026-01-02T03:04") or a day into the cache; false: not of that form, or no such time. */
bool mr_json_scan_minute(struct json_time_cache *cache, const char *text);
bool mr_json_scan_day(struct json_time_cache *cache, const char *text);
int64_t mr_json_scan_minute_utc(struct json_time_cache *cache, const struct mr_zone *zone);

#endif
