/* formats/json/scan_body.h: the scan itself; included by scan_sse.c and scan_avx2.c, each of which names the
 * function and the instructions.
 *
 * Text ends with a control character, which stops everything, and MR_BUFFER_PADDING bytes behind it may be
 * read. Functions return the byte behind what they passed, or NULL: not something this can do. */
#include <immintrin.h>

#include "base/number.h"
#include "formats/json/scan.h"

#ifdef JSON_SCAN_AVX2
#define STEP 32
/* The bytes that end a plain string or make it a special one: quote, backslash, control characters, non-ASCII
 * (negative as signed). */
static inline uint32_t stops(const char *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v);
    odd = _mm256_or_si256(odd, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
    odd = _mm256_or_si256(odd, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
    return (uint32_t)_mm256_movemask_epi8(odd);
}
#else
#define STEP 16
static inline uint32_t stops(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return (uint32_t)_mm_movemask_epi8(odd);
}
#endif

static inline uint32_t equal16(const char *a, const char *b)
{
    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b)));
}

static inline const char *plain_end(const char *p)
{
    uint32_t mask = stops(p);
    if (mask)
        return p + __builtin_ctz(mask);
    /* Two steps at once: how many it takes is hard to foretell, and most strings end within these. */
    for (p += STEP;; p += 2 * STEP) {
        uint64_t both = stops(p) | (uint64_t)stops(p + STEP) << STEP;
        if (both)
            return p + __builtin_ctzll(both);
    }
}

static inline const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* text: behind the opening quote. Returns the closing one. */
static inline const char *string_end(const char *text, bool *escaped)
{
    const char *at = plain_end(text);
    if (*at == '"')
        return at;
    return mr_json_scan_string_rest(text, at, escaped);
}

/* ---- numbers ---- */

static const int64_t POWERS[19] = {1,
                                   10,
                                   100,
                                   1000,
                                   10000,
                                   100000,
                                   1000000,
                                   10000000,
                                   100000000,
                                   1000000000,
                                   10000000000,
                                   100000000000,
                                   1000000000000,
                                   10000000000000,
                                   100000000000000,
                                   1000000000000000,
                                   10000000000000000,
                                   100000000000000000,
                                   1000000000000000000};

static inline uint64_t load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* How many digits p begins with, at most 8; *digits: their values, one per byte. */
static inline int digits_at(const char *p, uint64_t *digits)
{
    uint64_t word = load8(p) ^ 0x3030303030303030ULL;
    uint64_t odd = ((word + 0x7676767676767676ULL) | word) & 0x8080808080808080ULL;
    *digits = word;
    return odd ? __builtin_ctzll(odd) >> 3 : 8;
}

/* The number that count (1..8) digits make. */
static inline uint64_t digits_value(uint64_t digits, int count)
{
    digits <<= 64 - 8 * count;
    digits = digits * 10 + (digits >> 8);
    return ((digits & 0x000000FF000000FFULL) * 0x000F424000000064ULL +
            ((digits >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL) >>
           32;
}

/* Digits at p, as a number; *count of them, at most 19: more give 20. */
static inline const char *digits_number(const char *p, uint64_t *out, int *count)
{
    uint64_t digits, value;
    int n = digits_at(p, &digits);
    *count = n;
    *out = 0;
    if (n == 0)
        return p;
    value = digits_value(digits, n);
    p += n;
    while (n == 8 && *count <= 19) {
        n = digits_at(p, &digits);
        *count += n;
        if (n > 0 && *count <= 19)
            value = value * (uint64_t)POWERS[n] + digits_value(digits, n);
        p += n;
    }
    if (*count > 19)
        *count = 20;
    *out = value;
    return p;
}

static inline const char *skip_digits(const char *p)
{
    uint64_t digits;
    int n;
    do {
        n = digits_at(p, &digits);
        p += n;
    } while (n == 8);
    return p;
}

static inline const char *skip_fraction(const char *p)
{
    const char *from = p;
    if (*p == '.') {
        p = skip_digits(from + 1);
        if (p == from + 1)
            return NULL;
    }
    if ((*p | 32) == 'e') {
        from = p + 1 + (p[1] == '+' || p[1] == '-');
        p = skip_digits(from);
        if (p == from)
            return NULL;
    }
    return p;
}

static inline const char *skip_number(const char *p)
{
    const char *start = p, *from = p + (*p == '-');
    p = *from == '0' ? from + 1 : skip_digits(from);
    if (p == from)
        return NULL;
    if (*p == '.' || (*p | 32) == 'e')
        p = skip_fraction(p);
    return p && p - start <= 1000 ? p : NULL;
}

static inline const char *integer(const char *p, int64_t *out)
{
    int count;
    uint64_t value;
    bool negative = *p == '-';
    const char *from = p + negative;
    p = digits_number(from, &value, &count);
    if (count == 0 || count == 20 || (*from == '0' && count > 1) || value > (uint64_t)INT64_MAX + negative)
        return NULL;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return p;
}

static inline const char *floating(const char *p, double *out)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t whole, part = 0;
    int whole_count, part_count = 0;
    bool negative = *p == '-';
    const char *start = p, *from = p + negative;
    p = digits_number(from, &whole, &whole_count);
    if (whole_count == 0 || (*from == '0' && whole_count > 1))
        return NULL;
    if (*p == '.') {
        const char *point = p;
        p = digits_number(point + 1, &part, &part_count);
        if (part_count == 0)
            return NULL;
    }
    int count = whole_count + part_count;
    if (count <= 18 && (*p | 32) != 'e') { /* exact: a mantissa below 2^53 and a power of ten below 10^22 */
        uint64_t mantissa = whole * (uint64_t)POWERS[part_count] + part;
        if (mantissa < 1ULL << 53) {
            double value = (double)mantissa / tens[part_count];
            *out = negative && (mantissa || part_count) ? -value : value; /* -0 is the integer 0 */
            return p;
        }
    }
    p = skip_number(start);
    if (!p || mr_number_parse_double(start, (size_t)(p - start), out) != (size_t)(p - start))
        return NULL;
    return p;
}

static inline const char *decimal(const struct json_target *target, const char *p, int64_t *out)
{
    uint64_t whole, part = 0;
    int whole_count, part_count = 0;
    bool negative = *p == '-';
    const char *from = p + negative;
    p = digits_number(from, &whole, &whole_count);
    if (whole_count == 0 || (*from == '0' && whole_count > 1))
        return NULL;
    if (*p == '.') {
        const char *point = p;
        p = digits_number(point + 1, &part, &part_count);
        if (part_count == 0)
            return NULL;
    }
    if (whole_count > 18 || part_count > target->scale ||
        whole >= (uint64_t)POWERS[target->precision - target->scale])
        return NULL;
    whole = whole * (uint64_t)POWERS[target->scale] + part * (uint64_t)POWERS[target->scale - part_count];
    *out = negative ? -(int64_t)whole : (int64_t)whole;
    return p;
}

/* ---- values nobody wants ---- */

static const char *skip_container(const char *p, int depth);

static inline const char *skip_value(const char *p, int depth)
{
    bool escaped;
    switch (*p) {
    case '"':
        p = string_end(p + 1, &escaped);
        return p ? p + 1 : NULL;
    case '{':
    case '[':
        return depth > 0 ? skip_container(p, depth - 1) : NULL;
    case 't':
        return memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
    case 'f':
        return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
    case 'n':
        return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
    default:
        return skip_number(p);
    }
}

static const char *skip_name(const char *p)
{
    bool escaped;
    if (*p != '"')
        return NULL;
    const char *end = string_end(p + 1, &escaped);
    if (!end || end - p > 50000)
        return NULL;
    p = blanks(end + 1);
    return *p == ':' ? blanks(p + 1) : NULL;
}

static const char *skip_container(const char *p, int depth)
{
    bool object = *p == '{';
    char close = object ? '}' : ']';
    p = blanks(p + 1);
    if (*p == close)
        return p + 1;
    for (;;) {
        if (object) {
            p = skip_name(p);
            if (!p)
                return NULL;
        }
        p = skip_value(p, depth);
        if (!p)
            return NULL;
        p = blanks(p);
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
        p = blanks(p + 1);
    }
}

/* ---- values of a type ---- */

static const char *general_time(struct json_scan *scan, struct json_target *target, const char *text)
{
    const char *end = plain_end(text);
    if (*end != '"' || !mr_json_scan_time(scan, target, text, (size_t)(end - text)))
        return NULL;
    return end + 1;
}

/* A fraction of 1 to 6 digits behind the point, in microseconds. */
static inline const char *fraction(const char *p, int64_t *micros)
{
    uint64_t digits;
    int count = digits_at(p, &digits);
    if (count == 0 || count > 6)
        return NULL;
    *micros = (int64_t)digits_value(digits, count) * POWERS[6 - count];
    return p + count;
}

static inline const char *timestamp(struct json_scan *scan, struct json_target *target, const char *text)
{
    struct json_time_cache *cache = &scan->minute;
    if (scan->plan->options.record.timestamp_format && target->kind == JSON_TIMESTAMP)
        return general_time(scan, target, text);
    if (scan->plan->options.record.timestamp_ntz_format && target->kind == JSON_TIMESTAMP_NTZ)
        return general_time(scan, target, text);
    if (equal16(text, cache->text) != 0xFFFF && !mr_json_scan_minute(cache, text))
        return general_time(scan, target, text);
    const char *p = text + 16;
    if (p[0] != ':' || p[1] < '0' || p[1] > '5' || p[2] < '0' || p[2] > '9')
        return general_time(scan, target, text);
    int64_t micros = ((p[1] - '0') * 10 + (p[2] - '0')) * 1000000LL, part = 0;
    p += 3;
    if (*p == '.') {
        p = fraction(p + 1, &part);
        if (!p)
            return general_time(scan, target, text);
    }
    micros += part;
    int64_t *values = target->values;
    if (p[0] == 'Z' && p[1] == '"' && target->kind == JSON_TIMESTAMP) {
        values[scan->row] = cache->micros + micros;
        return p + 2;
    }
    if (p[0] == '"') {
        bool local = target->kind == JSON_TIMESTAMP_NTZ;
        values[scan->row] =
            micros +
            (local ? cache->micros : mr_json_scan_minute_utc(cache, scan->plan->options.record.zone));
        return p + 1;
    }
    return general_time(scan, target, text);
}

static inline const char *date(struct json_scan *scan, struct json_target *target, const char *text)
{
    if (text[10] != '"' || scan->plan->options.record.date_format)
        return general_time(scan, target, text);
    if ((equal16(text, scan->date.text) & 0x3FF) != 0x3FF && !mr_json_scan_day(&scan->date, text))
        return general_time(scan, target, text);
    ((int32_t *)target->values)[scan->row] = scan->date.days;
    return text + 11;
}

/* Bytes [16 - n, 32 - n) keep n bytes and make the rest zero. */
static const char KEEP[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

static inline const char *string(struct json_scan *scan, struct json_target *target, const char *text)
{
    bool escaped = false;
    const char *end = plain_end(text);
    if (*end != '"') {
        end = mr_json_scan_string_rest(text, end, &escaped);
        if (!end)
            return NULL;
        if (escaped)
            return mr_json_scan_put_escaped(scan, target, text, end) ? end + 1 : NULL;
    }
    struct mr_view *view = &((struct mr_view *)target->values)[scan->row];
    uint32_t size = (uint32_t)(end - text);
    if (size <= MR_VIEW_INLINE) { /* sixteen bytes may be read; those beyond the string are made zero */
        __m128i bytes = _mm_loadu_si128((const __m128i *)text);
        bytes = _mm_and_si128(bytes, _mm_loadu_si128((const __m128i *)(KEEP + 16 - size)));
        bytes = _mm_slli_si128(bytes, 4);
        bytes = _mm_or_si128(bytes, _mm_cvtsi32_si128((int)size));
        _mm_storeu_si128((__m128i *)view, bytes);
    } else {
        view->size = size;
        memcpy(view->prefix, text, 4);
        view->data = text;
    }
    return end + 1;
}

/* Anything but a string as STRING: its text. */
static const char *text_of(struct json_scan *scan, struct json_target *target, const char *p)
{
    const char *end = skip_value(p, JSON_SKIP_DEPTH);
    if (end)
        ((struct mr_view *)target->values)[scan->row] = mr_view_of(p, (uint32_t)(end - p));
    return end;
}

static const char *other(struct json_scan *scan, struct json_target *target, const char *p)
{
    const char *end = skip_value(p, JSON_SKIP_DEPTH);
    return end && mr_json_scan_other(scan, target, p, end) ? end : NULL;
}

static inline const char *boolean(struct json_scan *scan, struct json_target *target, const char *p)
{
    bool yes = *p == 't';
    if (memcmp(p, yes ? "true" : "fals", 4) != 0 || (!yes && p[4] != 'e'))
        return NULL;
    ((uint8_t *)target->values)[scan->row] = yes;
    return p + 5 - yes;
}

static inline const char *small_integer(struct json_scan *scan, struct json_target *target, const char *p)
{
    int64_t value;
    p = integer(p, &value);
    if (!p)
        return NULL;
    switch (target->kind) {
    case JSON_I8:
        ((int8_t *)target->values)[scan->row] = (int8_t)value;
        return value == (int8_t)value ? p : NULL;
    case JSON_I16:
        ((int16_t *)target->values)[scan->row] = (int16_t)value;
        return value == (int16_t)value ? p : NULL;
    default:
        ((int32_t *)target->values)[scan->row] = (int32_t)value;
        return value == (int32_t)value ? p : NULL;
    }
}

static const char *single(struct json_scan *scan, struct json_target *target, const char *p)
{
    const char *end = skip_number(p);
    float *out = &((float *)target->values)[scan->row];
    if (!end || (*p == '-' && p[1] == '0') ||
        mr_number_parse_float(p, (size_t)(end - p), out) != (size_t)(end - p))
        return NULL;
    return end;
}

static inline const char *value(struct json_scan *scan, struct json_target *target, const char *p)
{
    if (target->kind == JSON_SKIP)
        return skip_value(p, JSON_SKIP_DEPTH);
    uint64_t *word = &scan->present[target->bit >> 6], bit = 1ULL << (target->bit & 63);
    if (__builtin_expect((*word & bit) != 0, 0)) { /* again: the last one counts */
        if (target->kind == JSON_OTHER)
            return NULL;
        mr_column_set_valid(target->column, scan->row);
    }
    *word |= bit;
    if (*p == 'n' && target->kind != JSON_OTHER) {
        if (memcmp(p, "null", 4) != 0)
            return NULL;
        scan->failed |= mr_column_set_null(target->column, scan->row, scan->error) < 0;
        return p + 4;
    }
    switch (target->kind) {
    case JSON_I64:
        return integer(p, &((int64_t *)target->values)[scan->row]);
    case JSON_STRING:
        return *p == '"' ? string(scan, target, p + 1) : text_of(scan, target, p);
    case JSON_TIMESTAMP:
    case JSON_TIMESTAMP_NTZ:
        return *p == '"' ? timestamp(scan, target, p + 1) : NULL;
    case JSON_F64:
        return floating(p, &((double *)target->values)[scan->row]);
    case JSON_DECIMAL:
        return decimal(target, p, &((int64_t *)target->values)[scan->row]);
    case JSON_I8:
    case JSON_I16:
    case JSON_I32:
        return small_integer(scan, target, p);
    case JSON_BOOLEAN:
        return boolean(scan, target, p);
    case JSON_DATE:
        return *p == '"' ? date(scan, target, p + 1) : NULL;
    case JSON_F32:
        return single(scan, target, p);
    default:
        return other(scan, target, p);
    }
}

/* ---- members ---- */

static inline bool is_segment(const struct json_segment *segment, const char *p)
{
    if ((equal16(p, segment->text) & segment->mask) != segment->mask)
        return false;
    return segment->size <= 16 || memcmp(p + 16, segment->text + 16, segment->size - 16U) == 0;
}

static void learn(struct json_scan *scan, const char *text, size_t size, int target)
{
    if (scan->segment_count == JSON_SEGMENTS - 1 || size > JSON_SEGMENT_BYTES)
        return;
    struct json_segment *segment = &scan->segments[scan->segment_count++];
    memcpy(segment->text, text, size);
    segment->size = (uint16_t)size;
    segment->mask = size < 16 ? (1U << size) - 1 : 0xFFFF;
    segment->target = (int16_t)target;
    segment[1] =
        (struct json_segment){.mask = 1}; /* the last: what ends a text, and nothing else, looks like it */
}

/* Where a name of these 16 bytes (those behind it zero) is remembered. */
static inline struct json_known *known_place(struct json_scan *scan, __m128i name)
{
    uint64_t low = (uint64_t)_mm_cvtsi128_si64(name), high = (uint64_t)_mm_extract_epi64(name, 1);
    uint64_t hash = (low ^ (high << 29 | high >> 35)) * 0x9E3779B97F4A7C15ULL;
    return &scan->known[hash >> 58 & (JSON_KNOWN - 1)];
}

/* A member whose name (text, behind the quote) has been met before: its value. NULL: not known. What was
 * learned was a valid name, so equal bytes are one, too. */
static inline const char *known_member(struct json_scan *scan, const char *text, struct json_target **target)
{
    __m128i name = _mm_loadu_si128((const __m128i *)text);
    unsigned quotes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(name, _mm_set1_epi8('"')));
    if (!quotes)
        return NULL;
    unsigned size = (unsigned)__builtin_ctz(quotes);
    name = _mm_and_si128(name, _mm_loadu_si128((const __m128i *)(KEEP + 16 - size)));
    const struct json_known *known = known_place(scan, name);
    __m128i same = _mm_cmpeq_epi8(name, _mm_loadu_si128((const __m128i *)known->name));
    if (_mm_movemask_epi8(same) != 0xFFFF || known->size != size || text[size + 1] != ':')
        return NULL;
    *target = &scan->targets[known->target];
    return blanks(text + size + 2);
}

static void remember(struct json_scan *scan, const char *text, size_t size, int target)
{
    if (size > 15)
        return;
    __m128i name = _mm_loadu_si128((const __m128i *)text);
    name = _mm_and_si128(name, _mm_loadu_si128((const __m128i *)(KEEP + 16 - size)));
    struct json_known *known = known_place(scan, name);
    _mm_storeu_si128((__m128i *)known->name, name);
    known->size = (uint8_t)size;
    known->target = (int16_t)target;
}

/* A member that is not the one expected: skipped ones first, then by name. */
static const char *surprise(struct json_scan *scan, struct json_segment **expected, const char *p,
                            struct json_target **target)
{
    struct json_segment *end = scan->segments + scan->segment_count;
    int tries = scan->patience < 1024 ? 3 : 1; /* in data without any order looking ahead is lost */
    for (int ahead = 1; ahead <= tries && *expected + ahead < end; ahead++) {
        struct json_segment *segment = *expected + ahead;
        if (is_segment(segment, p)) {
            *expected = segment + 1;
            *target = &scan->targets[segment->target];
            return p + segment->size;
        }
    }
    const char *start = p;
    bool escaped = false;
    p = blanks(p);
    if (*p != '"')
        return NULL;
    const char *value_at = scan->learning ? NULL : known_member(scan, p + 1, target);
    if (value_at)
        return value_at;
    const char *name = p + 1, *name_end = string_end(name, &escaped);
    if (!name_end || escaped || name_end - name > 50000)
        return NULL;
    int index = mr_json_scan_lookup(scan, name, (size_t)(name_end - name));
    p = blanks(name_end + 1);
    if (index < 0 || *p != ':')
        return NULL;
    remember(scan, name, (size_t)(name_end - name), index);
    p = blanks(p + 1);
    if (scan->learning) {
        learn(scan, start, (size_t)(p - start), index);
        *expected = scan->segments + scan->segment_count;
    }
    *target = &scan->targets[index];
    return p;
}

static const char *give_up(struct json_scan *scan)
{
    mr_json_scan_undo(scan);
    if (scan->learning) {
        scan->segment_count = 0;
        scan->segments[0] = (struct json_segment){.mask = 1};
    }
    return NULL;
}

static const char *members(struct json_scan *scan, const char *p, bool *surprised)
{
    struct json_segment *expected = scan->segments;
    for (;;) {
        struct json_target *target;
        if (__builtin_expect(is_segment(expected, p), 1)) {
            target = &scan->targets[expected->target];
            p += expected->size;
            expected++;
        } else {
            p = surprise(scan, &expected, p, &target);
            *surprised = true;
            if (!p)
                return NULL;
        }
        p = value(scan, target, p);
        if (!p)
            return NULL;
        if (*p != ',' && *p != '}')
            p = blanks(p);
        if (*p == '}')
            return p + 1;
        if (*p != ',')
            return NULL;
        p++;
    }
}

const char *JSON_SCAN_NAME(struct json_scan *scan, const char *line)
{
    bool surprised = false;
    const char *p = line;
    for (int i = 0; i < scan->words; i++)
        scan->present[i] = 0;
    if (*p != '{')
        p = blanks(p);
    if (*p != '{')
        return NULL;
    p++;
    if (blanks(p)[0] == '}') {
        p = blanks(p) + 1;
    } else {
        p = members(scan, p, &surprised);
        if (!p)
            return give_up(scan);
    }
    for (int i = 0; i < scan->words; i++) {
        if (scan->all[i] & ~scan->present[i]) {
            if (!mr_json_scan_missing(scan))
                scan->failed = true;
            break;
        }
    }
    scan->row++;
    if (surprised) {
        scan->surprises++;
        if (scan->learning) {
            scan->learning = false;
            scan->surprises = 0;
        } else if (scan->surprises >= scan->patience) { /* the shape may have changed for good */
            scan->learning = true;
            scan->segment_count = 0;
            scan->segments[0] = (struct json_segment){.mask = 1};
            scan->patience = scan->patience < 4096 ? scan->patience * 2 : scan->patience;
        }
    }
    return p;
}
