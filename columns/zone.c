/* columns/zone.c: time zones from the system's TZif files (RFC 8536).
 *
 * A zone is a sorted table of transitions. A file ends with a rule for all later years (a POSIX TZ text); it
 * is unrolled once for 400 years, after which the calendar repeats itself to the day of the week: later
 * instants are moved back by whole periods of 400 years. So every look-up is one binary search. */
#include "columns/value.h"

#include <stdio.h>

#include "base/env.h"
#include "columns/zone_rule.h"

static const int64_t period_seconds = INT64_C(146097) * 86400; /* 400 years */
static const int64_t us = 1000000;

struct mr_zone {
    char *id;
    int32_t first_offset; /* before the first transition */
    int64_t count;
    int64_t *at;         /* transitions: seconds since 1970 UTC */
    int64_t *local;      /* the local time from which on the new offset certainly holds */
    int32_t *offset;     /* from this transition on, seconds east */
    int64_t repeat_from; /* from here on the last period repeats; INT64_MAX: nothing repeats */
};

static const struct mr_zone utc_zone = {.id = (char *)"UTC", .repeat_from = INT64_MAX};

const struct mr_zone *mr_zone_utc(void)
{
    return &utc_zone;
}

const char *mr_zone_id(const struct mr_zone *zone)
{
    return zone->id;
}

/* Index of the last entry <= value, -1: none. */
static int64_t last_at_or_before(const int64_t *values, int64_t count, int64_t value)
{
    int64_t low = 0, high = count; /* all before low are <= value, all from high on are > value */
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (values[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static inline int64_t floor_seconds(int64_t micros)
{
    return micros / us - (micros % us < 0);
}

/* Neighbouring rows have neighbouring times: what the last look-up on this thread found usually holds again.
 */
struct found {
    const int64_t *table;
    int64_t from, to; /* seconds, [from, to) */
    int32_t offset;
};

static int32_t offset_at(const struct mr_zone *zone, const int64_t *table, int64_t seconds)
{
    static _Thread_local struct found last;
    if (zone->count == 0)
        return zone->first_offset;
    if (last.table == table && seconds >= last.from && seconds < last.to)
        return last.offset;
    if (seconds >= zone->repeat_from)
        seconds -= ((seconds - zone->repeat_from) / period_seconds + 1) * period_seconds;
    int64_t i = last_at_or_before(table, zone->count, seconds);
    last = (struct found){
        .table = table,
        .from = i < 0 ? INT64_MIN : table[i],
        .to = i + 1 < zone->count ? table[i + 1] : zone->repeat_from,
        .offset = i < 0 ? zone->first_offset : zone->offset[i],
    };
    return last.offset;
}

int32_t mr_zone_offset_seconds(const struct mr_zone *zone, int64_t utc_us)
{
    return offset_at(zone, zone->at, floor_seconds(utc_us));
}

/* Within a day of the ends of 64 bits the local time may not fit: the nearest that does is taken. */
static int64_t add_seconds(int64_t micros, int64_t seconds)
{
    int64_t result = 0;
    if (__builtin_add_overflow(micros, seconds * us, &result))
        return micros < 0 ? INT64_MIN : INT64_MAX;
    return result;
}

int64_t mr_zone_to_local(const struct mr_zone *zone, int64_t utc_us)
{
    return add_seconds(utc_us, mr_zone_offset_seconds(zone, utc_us));
}

int32_t mr_zone_local_offset(const struct mr_zone *zone, int64_t local_seconds)
{
    /* Within a gap or an overlap the offset before the transition counts: that moves a time in a gap forward
     * by its length, and takes the earlier of two instants in an overlap. `local` holds where each of them
     * ends. */
    return offset_at(zone, zone->local, local_seconds);
}

int64_t mr_zone_to_utc(const struct mr_zone *zone, int64_t local_us)
{
    return add_seconds(local_us, -mr_zone_local_offset(zone, floor_seconds(local_us)));
}

/* ---- reading files ---- */

struct tzif {
    const unsigned char *at, *end;
    uint32_t leaps, transitions, types, characters, standard, universal;
    int time_size;
};

static uint32_t big_32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t big_signed(const unsigned char *at, int size)
{
    if (size == 4)
        return (int32_t)big_32(at);
    return (int64_t)((uint64_t)big_32(at) << 32 | big_32(at + 4));
}

static bool read_header(struct tzif *f, int time_size)
{
    if (f->end - f->at < 44 || memcmp(f->at, "TZif", 4) != 0)
        return false;
    const unsigned char *counts = f->at + 20;
    f->universal = big_32(counts);
    f->standard = big_32(counts + 4);
    f->leaps = big_32(counts + 8);
    f->transitions = big_32(counts + 12);
    f->types = big_32(counts + 16);
    f->characters = big_32(counts + 20);
    f->time_size = time_size;
    f->at += 44;
    return f->types > 0 && f->transitions < 100000 && f->types < 256;
}

static int64_t data_size(const struct tzif *f)
{
    return (int64_t)f->transitions * (f->time_size + 1) + (int64_t)f->types * 6 + f->characters +
           (int64_t)f->leaps * (f->time_size + 4) + f->standard + f->universal;
}

static bool push(struct mr_zone *zone, int64_t *capacity, int64_t at, int32_t offset)
{
    int32_t before = zone->count ? zone->offset[zone->count - 1] : zone->first_offset;
    if (offset == before) /* only names or the summer flag change */
        return true;
    if (zone->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 256;
        int64_t *times = mr_reallocate(zone->at, sizeof *times * (size_t)*capacity);
        if (!times)
            return false;
        zone->at = times;
        int64_t *locals = mr_reallocate(zone->local, sizeof *locals * (size_t)*capacity);
        if (!locals)
            return false;
        zone->local = locals;
        int32_t *offsets = mr_reallocate(zone->offset, sizeof *offsets * (size_t)*capacity);
        if (!offsets)
            return false;
        zone->offset = offsets;
    }
    zone->at[zone->count] = at;
    zone->local[zone->count] = at + (offset > before ? offset : before);
    zone->offset[zone->count] = offset;
    zone->count++;
    return true;
}

/* The transitions of the file, then those of the rule for the years after them. */
static bool build(struct mr_zone *zone, const struct tzif *f, const struct mr_zone_rule *rule)
{
    const unsigned char *times = f->at, *indexes = times + (size_t)f->transitions * (size_t)f->time_size;
    const unsigned char *types = indexes + f->transitions;
    int64_t capacity = 0, last = INT64_MIN;
    zone->first_offset = (int32_t)big_32(types);
    for (uint32_t i = 0; i < f->transitions; i++) {
        if (indexes[i] >= f->types)
            return false;
        last = big_signed(times + (size_t)i * (size_t)f->time_size, f->time_size);
        if (!push(zone, &capacity, last, (int32_t)big_32(types + indexes[i] * 6)))
            return false;
    }
    zone->repeat_from = INT64_MAX;
    if (!rule)
        return true;
    struct mr_civil from;
    int64_t start = last < -period_seconds * 4 ? 0 : last; /* none, or only the dummy at the Big Bang */
    mr_civil_from_days(start / 86400, &from);
    if (!rule->has_summer)
        return f->transitions == 0 || push(zone, &capacity, last + 1, rule->standard_offset);
    for (int64_t year = from.year; year <= from.year + 401; year++) {
        int64_t change[2];
        int32_t offset[2];
        mr_zone_rule_year(rule, year, change, offset);
        for (int i = 0; i < 2; i++)
            if (change[i] > last && !push(zone, &capacity, change[i], offset[i]))
                return false;
    }
    zone->repeat_from = mr_days_from_civil(from.year + 401, 1, 1) * 86400;
    return true;
}

static bool parse_file(struct mr_zone *zone, struct mr_str content)
{
    struct tzif f = {(const unsigned char *)content.data,
                     (const unsigned char *)content.data + content.size,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0};
    int version = content.size > 4 ? content.data[4] : 0;
    if (!read_header(&f, 4) || data_size(&f) > f.end - f.at)
        return false;
    if (version < '2')
        return f.leaps == 0 && build(zone, &f, NULL);
    f.at += data_size(&f); /* the same in 64 bits follows, and the rule */
    if (!read_header(&f, 8) || data_size(&f) > f.end - f.at || f.leaps > 0)
        return false;
    const char *footer = (const char *)f.at + data_size(&f);
    struct mr_zone_rule rule;
    struct mr_str text = {footer, (size_t)((const char *)f.end - footer)};
    if (text.size < 2 || text.data[0] != '\n' || !memchr(text.data + 1, '\n', text.size - 1))
        return false;
    text.data++;
    text.size = (size_t)((const char *)memchr(text.data, '\n', text.size - 1) - text.data);
    if (text.size == 0)
        return build(zone, &f, NULL);
    return mr_zone_rule_parse(text, &rule) && build(zone, &f, &rule);
}

static void zone_free(struct mr_zone *zone)
{
    mr_free(zone->id);
    mr_free(zone->at);
    mr_free(zone->local);
    mr_free(zone->offset);
    mr_free(zone);
}

static struct mr_zone *zone_new(struct mr_str id)
{
    struct mr_zone *zone = mr_allocate_zeroed(sizeof *zone);
    char *copy = zone ? mr_allocate(id.size + 1) : NULL;
    if (!copy) {
        mr_free(zone);
        return NULL;
    }
    memcpy(copy, id.data, id.size);
    copy[id.size] = 0;
    zone->id = copy;
    zone->repeat_from = INT64_MAX;
    return zone;
}

/* MR_END: there is no such file, or it is no zone. */
static int load_file(struct mr_str id, const char *path, struct mr_zone **out, struct mr_error *error)
{
    struct mr_text content;
    struct mr_error ignored;
    mr_text_init(&content);
    int status = mr_file_read_all(path, &content, &ignored);
    if (status < 0 && status != MR_E_MEMORY) {
        mr_text_release(&content);
        return MR_END;
    }
    struct mr_zone *zone = status < 0 ? NULL : zone_new(id);
    if (!zone)
        status = mr_error_memory(error, content.size);
    else if (!parse_file(zone, mr_text_str(&content)))
        status = MR_END;
    mr_text_release(&content);
    if (status != MR_OK && zone)
        zone_free(zone);
    else if (zone)
        *out = zone;
    return status;
}

/* ---- names ---- */

static bool region_name(struct mr_str id)
{
    /* Letters first, then what java.time allows; the directories of files with leap seconds are none of its
     * regions. */
    for (size_t i = 0; i < id.size; i++) {
        char c = id.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || strchr("~/_+-", c))))
            return false;
    }
    return id.size >= 2 && id.size < 200 && !mr_str_starts_with(id, MR_STR("right/")) &&
           !mr_str_starts_with(id, MR_STR("posix/")) && !mr_str_equal(id, MR_STR("posixrules")) &&
           !mr_str_equal(id, MR_STR("localtime")) && !mr_str_equal(id, MR_STR("Factory")) &&
           !mr_str_equal(id, MR_STR("ROC"));
}

static int load(struct mr_str id, struct mr_zone **out, struct mr_error *error)
{
    int32_t offset = 0;
    if (mr_zone_offset_parse(id, &offset)) {
        *out = zone_new(id);
        if (!*out)
            return mr_error_memory(error, sizeof **out);
        (*out)->first_offset = offset;
        return MR_OK;
    }
    struct mr_str region = mr_zone_short_id(id);
    if (!region_name(region))
        return MR_END;
    char path[256];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", (int)region.size, region.data);
    return load_file(id, path, out, error);
}

static pthread_mutex_t zones_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mr_map zones; /* id -> struct mr_zone; kept to the end of the process */

int mr_zone_find(struct mr_str id, const struct mr_zone **out, struct mr_error *error)
{
    if (mr_str_equal(id, MR_STR("UTC"))) {
        *out = &utc_zone;
        return MR_OK;
    }
    pthread_mutex_lock(&zones_lock);
    struct mr_map_entry *entry = mr_map_get(&zones, id);
    struct mr_zone *zone = entry ? entry->pointer : NULL;
    int status = zone ? MR_OK : load(id, &zone, error);
    if (status == MR_OK && !entry) {
        entry = mr_map_put(&zones, id, NULL);
        if (entry) {
            entry->pointer = zone;
        } else {
            zone_free(zone);
            status = mr_error_memory(error, id.size);
        }
    }
    pthread_mutex_unlock(&zones_lock);
    if (status == MR_OK) {
        *out = zone;
    } else if (status == MR_END) {
        int shown = id.size > 100 ? 100 : (int)id.size;
        status = mr_error_set(
            error, MR_E_SQL, "INVALID_TIMEZONE",
            "There is no time zone '%.*s'. Use a region such as 'Europe/Zurich' (the package tzdata has "
            "them), or an offset such as '+02:00'.",
            shown, id.data);
        mr_error_parameter(error, "timeZone", "%.*s", shown, id.data);
    }
    return status;
}

/* ---- the host's zone ---- */

static pthread_once_t host_once = PTHREAD_ONCE_INIT;
static const struct mr_zone *host_zone = &utc_zone;

static void find_host(void)
{
    struct mr_text name;
    struct mr_error ignored;
    mr_text_init(&name);
    if (mr_file_read_all("/etc/timezone", &name, &ignored) >= 0) {
        size_t size = strcspn(name.data, " \t\r\n");
        if (size > 0 && mr_zone_find((struct mr_str){name.data, size}, &host_zone, &ignored) >= 0) {
            mr_text_release(&name);
            return;
        }
    }
    mr_text_release(&name);
    struct mr_zone *zone = NULL;
    if (load_file(MR_STR("localtime"), "/etc/localtime", &zone, &ignored) == MR_OK)
        host_zone = zone;
}

const struct mr_zone *mr_zone_host(void)
{
    pthread_once(&host_once, find_host);
    return host_zone;
}
