/* formats/json/scan.c: the scan's set-up and its cold parts. */
#include "formats/json/scan.h"

#include <emmintrin.h>

/* ---- set-up ---- */

static uint8_t kind_of(const struct mr_type *type)
{
    switch (type->id) {
    case MR_BOOLEAN:
        return JSON_BOOLEAN;
    case MR_TINYINT:
        return JSON_I8;
    case MR_SMALLINT:
        return JSON_I16;
    case MR_INT:
        return JSON_I32;
    case MR_BIGINT:
        return JSON_I64;
    case MR_FLOAT:
        return JSON_F32;
    case MR_DOUBLE:
        return JSON_F64;
    case MR_DECIMAL:
        return type->precision <= 18 ? JSON_DECIMAL : JSON_OTHER;
    case MR_STRING:
        return JSON_STRING;
    case MR_DATE:
        return JSON_DATE;
    case MR_TIMESTAMP:
        return JSON_TIMESTAMP;
    case MR_TIMESTAMP_NTZ:
        return JSON_TIMESTAMP_NTZ;
    default:
        return JSON_OTHER;
    }
}

static int open_parts(struct json_scan *scan, struct mr_error *error)
{
    const struct mr_type *record = scan->plan->record;
    int count = record->field_count;
    scan->words = count / 64 + 1;
    scan->target_count = count + 1;
    scan->targets = mr_allocate_zeroed(sizeof *scan->targets * (size_t)scan->target_count);
    scan->present = mr_allocate_zeroed(sizeof *scan->present * (size_t)scan->words);
    scan->all = mr_allocate_zeroed(sizeof *scan->all * (size_t)scan->words);
    scan->converters = mr_allocate_zeroed(sizeof(struct mr_json_converter *) * (size_t)scan->target_count);
    if (!scan->targets || !scan->present || !scan->all || !scan->converters)
        return mr_error_memory(error, sizeof *scan->targets * (size_t)scan->target_count);
    for (int i = 0; i < count; i++) {
        const struct mr_type *type = record->fields[i].type;
        scan->targets[i] = (struct json_target){.kind = kind_of(type),
                                                .precision = type->precision,
                                                .scale = type->scale,
                                                .bit = (uint16_t)i};
        scan->all[i >> 6] |= 1ULL << (i & 63);
        if (scan->targets[i].kind == JSON_OTHER)
            MR_TRY(mr_json_converter_open(&scan->converters[i], type, &scan->plan->options, error));
    }
    scan->targets[count] = (struct json_target){.kind = JSON_SKIP};
    return MR_OK;
}

int mr_json_scan_open(struct json_scan **out, const struct json_plan *plan, struct mr_error *error)
{
    *out = NULL;
    struct json_scan *scan = mr_allocate_zeroed(sizeof *scan);
    if (!scan)
        return mr_error_memory(error, sizeof *scan);
    scan->plan = plan;
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && !plan->baseline;
    scan->line = avx2 ? mr_json_scan_line_avx2 : mr_json_scan_line_sse;
    scan->learning = true;
    scan->patience = 16;
    scan->segments[0].mask = 1;
    memset(scan->minute.text, '?', sizeof scan->minute.text);
    memset(scan->date.text, '?', sizeof scan->date.text);
    for (int i = 0; i < JSON_KNOWN; i++)
        scan->known[i].size = 255;
    mr_text_init(&scan->scratch);
    int status = open_parts(scan, error);
    if (status < 0) {
        mr_json_scan_close(scan);
        return status;
    }
    *out = scan;
    return MR_OK;
}

void mr_json_scan_close(struct json_scan *scan)
{
    if (!scan)
        return;
    for (int i = 0; scan->converters && i < scan->target_count; i++)
        mr_json_converter_close(scan->converters[i]);
    mr_free(scan->targets);
    mr_free(scan->present);
    mr_free(scan->all);
    mr_free(scan->converters);
    mr_text_release(&scan->scratch);
    mr_json_tokens_release(&scan->tokens);
    mr_free(scan);
}

void mr_json_scan_columns(struct json_scan *scan, struct mr_column **columns, int64_t row)
{
    scan->columns = columns;
    scan->row = row;
    for (int i = 0; i + 1 < scan->target_count; i++) {
        scan->targets[i].column = columns[i];
        scan->targets[i].values = columns[i]->values;
    }
}

/* ---- names ---- */

/* Both may be read up to 16 bytes behind their end. */
static inline bool same_name(const char *a, const char *b, size_t size)
{
    __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a), _mm_loadu_si128((const __m128i *)b));
    unsigned mask = (unsigned)_mm_movemask_epi8(equal), wanted = size < 16 ? (1U << size) - 1 : 0xFFFF;
    return (mask & wanted) == wanted && (size <= 16 || memcmp(a + 16, b + 16, size - 16) == 0);
}

int mr_json_scan_lookup(const struct json_scan *scan, const char *name, size_t size)
{
    const struct json_plan *plan = scan->plan;
    uint64_t hash = json_name_hash(name, size);
    for (uint32_t slot = (uint32_t)hash & plan->slot_mask;; slot = (slot + 1) & plan->slot_mask) {
        if (plan->slots[slot] == 0)
            return plan->options.collect_rescued ? -1 : scan->target_count - 1;
        const struct json_field *field = &plan->fields[plan->slots[slot] - 1];
        if (field->hash == hash && field->name.size == size && same_name(field->name.data, name, size))
            return field->record < 0 ? scan->target_count - 1 : field->record;
    }
}

/* ---- strings ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Bytes of the escape at p, which is a backslash; 0: none that JSON knows. */
static size_t escape_size(const char *p)
{
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? 6 : 0;
    default:
        return 0;
    }
}

/* Bytes of the character at p, whose first byte is not ASCII; 0: invalid UTF-8. */
static inline size_t character_size(const unsigned char *p)
{
    if (p[0] < 0xE0)
        return p[0] >= 0xC2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (p[0] < 0xF0) {
        bool good = (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 && !(p[0] == 0xE0 && p[1] < 0xA0) &&
                    !(p[0] == 0xED && p[1] > 0x9F);
        return good ? 3 : 0;
    }
    bool good = p[0] <= 0xF4 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80 &&
                !(p[0] == 0xF0 && p[1] < 0x90) && !(p[0] == 0xF4 && p[1] > 0x8F);
    return good ? 4 : 0;
}

const char *mr_json_scan_string_rest(const char *text, const char *at, bool *escaped)
{
    (void)text;
    *escaped = false;
    for (const char *p = at;;) {
        unsigned char c = (unsigned char)*p;
        size_t size;
        if (c == '"')
            return p;
        if (c < 0x20)
            return NULL;
        if (c < 0x80 && c != '\\') {
            __m128i v = _mm_loadu_si128((const __m128i *)p);
            __m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
            uint32_t mask = (uint32_t)_mm_movemask_epi8(odd);
            p += mask ? __builtin_ctz(mask) : 16;
            continue;
        }
        if (c == '\\') {
            *escaped = true;
            size = escape_size(p);
        } else {
            size = character_size((const unsigned char *)p);
        }
        if (size == 0)
            return NULL;
        p += size;
        while ((unsigned char)*p >= 0x80) { /* they come together */
            size = character_size((const unsigned char *)p);
            if (size == 0)
                return NULL;
            p += size;
        }
    }
}

static unsigned hex4(const char *p)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++)
        value = value * 16 + (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return value;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xF0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

/* The escape at p (valid) written to *out; half a surrogate pair becomes '?', as it does in Java. */
static const char *unescape(const char *p, const char *end, char **out)
{
    static const char meaning[128] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    if (p[1] != 'u') {
        *(*out)++ = meaning[(unsigned char)p[1] & 127];
        return p + 2;
    }
    unsigned code = hex4(p + 2);
    p += 6;
    if (code >= 0xD800 && code < 0xE000) {
        unsigned low = code < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : 0;
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        } else {
            code = '?';
        }
    }
    *out = put_utf8(*out, code);
    return p;
}

bool mr_json_scan_put_escaped(struct json_scan *scan, struct json_target *target, const char *text,
                              const char *end)
{
    /* Unescaping never makes it longer; copying goes by sixteen bytes, so there is room for as many more. */
    char *start = mr_column_heap(target->column, (size_t)(end - text) + 16);
    if (!start) {
        scan->failed = true;
        return false;
    }
    char *out = start;
    const __m128i backslash = _mm_set1_epi8('\\');
    for (const char *p = text; p < end;) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, backslash));
        size_t plain = mask ? (size_t)__builtin_ctz(mask) : 16;
        _mm_storeu_si128((__m128i *)out, v);
        if (plain > (size_t)(end - p))
            plain = (size_t)(end - p);
        out += plain;
        p += plain;
        if (mask && p < end)
            p = unescape(p, end, &out);
    }
    target->column->heap->size = (size_t)(out - target->column->heap->data); /* what was not needed */
    ((struct mr_view *)target->values)[scan->row] = mr_view_of(start, (uint32_t)(out - start));
    return true;
}

/* ---- times ---- */

static int number2(const char *p)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

static bool day_of(const char *text, int32_t *days)
{
    int high = number2(text), low = number2(text + 2), month = number2(text + 5), day = number2(text + 8);
    if (high < 0 || low < 0 || text[4] != '-' || text[7] != '-' || month < 1 || month > 12 || day < 1 ||
        day > mr_days_in_month(high * 100 + low, month))
        return false;
    *days = (int32_t)mr_days_from_civil(high * 100 + low, month, day);
    return true;
}

bool mr_json_scan_day(struct json_time_cache *cache, const char *text)
{
    int32_t days;
    if (!day_of(text, &days))
        return false;
    memcpy(cache->text, text, 10);
    cache->days = days;
    return true;
}

bool mr_json_scan_minute(struct json_time_cache *cache, const char *text)
{
    int32_t days;
    if (!day_of(text, &days) || (text[10] != 'T' && text[10] != ' ') || text[13] != ':')
        return false;
    int hour = number2(text + 11), minute = number2(text + 14);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    memcpy(cache->text, text, 16);
    cache->micros = (days * 1440LL + hour * 60 + minute) * 60000000LL;
    cache->has_utc = false;
    return true;
}

/* Offsets change at whole minutes since the zones of today exist; before 1900 they had seconds, but were
 * constant for years. */
int64_t mr_json_scan_minute_utc(struct json_time_cache *cache, const struct mr_zone *zone)
{
    if (!cache->has_utc) {
        cache->utc_micros = mr_zone_to_utc(zone, cache->micros);
        cache->has_utc = true;
    }
    return cache->utc_micros;
}

bool mr_json_scan_time(struct json_scan *scan, struct json_target *target, const char *text, size_t size)
{
    const struct mr_json_options *options = &scan->plan->options;
    struct mr_str string = {text, size};
    if (target->kind == JSON_DATE)
        return options->record.date_format &&
               mr_datetime_format_parse_date(options->record.date_format, string,
                                             &((int32_t *)target->values)[scan->row]);
    int64_t *out = &((int64_t *)target->values)[scan->row];
    if (target->kind == JSON_TIMESTAMP_NTZ)
        return options->record.timestamp_ntz_format &&
               mr_datetime_format_parse_ntz(options->record.timestamp_ntz_format, string, false, out);
    if (options->record.timestamp_format)
        return mr_datetime_format_parse_timestamp(options->record.timestamp_format, string,
                                                  options->record.zone, out);
    return mr_timestamp_parse(string, options->record.zone, out);
}

/* ---- rows ---- */

bool mr_json_scan_other(struct json_scan *scan, struct json_target *target, const char *text, const char *end)
{
    enum mr_json_verdict verdict = MR_JSON_BAD;
    struct mr_str value = {text, (size_t)(end - text)};
    if (mr_json_tokenize(&scan->tokens, value, &scan->plan->options, NULL) != MR_OK)
        return false;
    int status = mr_json_convert_value(scan->converters[target->bit], &scan->tokens, 0, true, target->column,
                                       &verdict, scan->error);
    scan->failed |= status < 0;
    return status >= 0 && verdict == MR_JSON_GOOD &&
           !mr_json_converter_left_out(scan->converters[target->bit]);
}

void mr_json_cut_column(struct mr_column *column, int64_t length)
{
    if (column->length <= length)
        return;
    for (int64_t row = length; column->validity && row < column->length; row++)
        mr_column_set_valid(column, row);
    for (int i = 0; i < column->child_count; i++)
        mr_json_cut_column(column->children[i], column->offsets ? column->offsets[length] : length);
    column->length = length;
}

void mr_json_scan_undo(struct json_scan *scan)
{
    for (int i = 0; i < scan->words; i++) {
        for (uint64_t bits = scan->all[i]; bits; bits &= bits - 1) {
            struct json_target *target = &scan->targets[i * 64 + __builtin_ctzll(bits)];
            if (target->kind == JSON_OTHER)
                mr_json_cut_column(target->column, scan->row);
            else
                mr_column_set_valid(target->column, scan->row);
        }
    }
}

bool mr_json_scan_missing(struct json_scan *scan)
{
    int status = MR_OK;
    for (int i = 0; i < scan->words; i++) {
        for (uint64_t bits = scan->all[i] & ~scan->present[i]; bits && status >= 0; bits &= bits - 1) {
            struct json_target *target = &scan->targets[i * 64 + __builtin_ctzll(bits)];
            status = target->kind == JSON_OTHER ? mr_column_append_null(target->column, scan->error)
                                                : mr_column_set_null(target->column, scan->row, scan->error);
        }
    }
    return status >= 0;
}
