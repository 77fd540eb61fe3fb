/* expressions/registry.c: finds functions by name. */
#include "expressions/registry.h"

#include <ctype.h>
#include <pthread.h>

static const struct mr_function *const tables[] = {
    mr_functions_operators, mr_functions_predicates, mr_functions_conditional, mr_functions_access,
    mr_functions_math,      mr_functions_casts,      mr_functions_window,      mr_functions_like,
    mr_functions_bases,     mr_functions_string,     mr_functions_regexp,      mr_functions_datetime,
    mr_functions_hash,      mr_functions_collection, mr_functions_json,        mr_functions_misc,
    mr_functions_csv,       mr_functions_avro,       mr_functions_protobuf,
};
static const struct mr_aggregate_type *const aggregate_tables[] = {
    mr_aggregates_basic,  mr_aggregates_values,     mr_aggregates_statistics,
    mr_aggregates_sketch, mr_aggregates_percentile, mr_aggregates_collect,
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Open addressing over names that never change; filled once. */
#define SLOTS 4096
static const struct mr_function *function_slots[SLOTS];
static const struct mr_aggregate_type *aggregate_slots[SLOTS / 4];
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static void fill_functions(void)
{
    for (size_t t = 0; t < COUNT(tables); t++)
        for (const struct mr_function *f = tables[t]; f->name; f++) {
            size_t slot = mr_hash(f->name, strlen(f->name)) % SLOTS;
            while (function_slots[slot])
                slot = (slot + 1) % SLOTS;
            function_slots[slot] = f;
        }
}

static void fill(void)
{
    fill_functions();
    for (size_t t = 0; t < COUNT(aggregate_tables); t++)
        for (const struct mr_aggregate_type *a = aggregate_tables[t]; a->name; a++) {
            size_t slot = mr_hash(a->name, strlen(a->name)) % COUNT(aggregate_slots);
            while (aggregate_slots[slot])
                slot = (slot + 1) % COUNT(aggregate_slots);
            aggregate_slots[slot] = a;
        }
}

/* false: longer than any name. */
static bool lower(struct mr_str name, char out[64])
{
    if (name.size >= 64)
        return false;
    for (size_t i = 0; i < name.size; i++)
        out[i] = (char)tolower((unsigned char)name.data[i]);
    out[name.size] = 0;
    return true;
}

const struct mr_function *mr_function_find(struct mr_str name)
{
    char text[64];
    pthread_once(&filled, fill);
    if (!lower(name, text))
        return NULL;
    for (size_t slot = mr_hash(text, name.size) % SLOTS; function_slots[slot]; slot = (slot + 1) % SLOTS)
        if (strcmp(function_slots[slot]->name, text) == 0)
            return function_slots[slot];
    return NULL;
}

void mr_function_each(void (*each)(void *ctx, const struct mr_function *function), void *ctx)
{
    for (size_t t = 0; t < COUNT(tables); t++)
        for (const struct mr_function *f = tables[t]; f->name; f++)
            each(ctx, f);
}

const struct mr_aggregate_type *mr_aggregate_find(struct mr_str name)
{
    char text[64];
    pthread_once(&filled, fill);
    if (!lower(name, text))
        return NULL;
    for (size_t slot = mr_hash(text, name.size) % COUNT(aggregate_slots); aggregate_slots[slot];
         slot = (slot + 1) % COUNT(aggregate_slots))
        if (strcmp(aggregate_slots[slot]->name, text) == 0)
            return aggregate_slots[slot];
    return NULL;
}

static void nearer(const char *name, const char *known, int *best, const char **nearest)
{
    int edits = mr_edit_distance(name, known);
    if (edits >= *best)
        return;
    *best = edits;
    *nearest = known;
}

const char *mr_function_nearest(struct mr_str name)
{
    char text[64];
    const char *nearest = NULL;
    int best = name.size < 6 ? 2 : 3;
    if (name.size < 3 || !lower(name, text))
        return NULL;
    for (size_t t = 0; t < COUNT(tables); t++)
        for (const struct mr_function *f = tables[t]; f->name; f++)
            nearer(text, f->name, &best, &nearest);
    for (size_t t = 0; t < COUNT(aggregate_tables); t++)
        for (const struct mr_aggregate_type *a = aggregate_tables[t]; a->name; a++)
            nearer(text, a->name, &best, &nearest);
    return nearest;
}
