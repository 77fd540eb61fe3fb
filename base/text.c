/* base/text.c: growable text, and the map from bytes to something. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* Shared by all texts that hold nothing yet; never written, for their capacity is 0. */
static char empty_text[1] = "";

void mr_text_init(struct mr_text *text)
{
    *text = (struct mr_text){.data = empty_text};
}

/* Room for `more` bytes and the closing NUL. */
static bool text_grow(struct mr_text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t need = text->size + more + 1;
    if (need <= text->capacity)
        return true;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity * 2;
    if (capacity < need)
        capacity = need;
    char *data = need > text->size ? mr_reallocate(text->capacity ? text->data : NULL, capacity) : NULL;
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

char *mr_text_reserve(struct mr_text *text, size_t more)
{
    return text_grow(text, more) ? text->data + text->size : NULL;
}

void mr_text_append(struct mr_text *text, const void *data, size_t size)
{
    if (!text_grow(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void mr_text_append_str(struct mr_text *text, const char *cstring)
{
    mr_text_append(text, cstring, strlen(cstring));
}

void mr_text_append_char(struct mr_text *text, char c)
{
    if (text->size + 1 >= text->capacity && !text_grow(text, 1))
        return;
    text->data[text->size++] = c;
    text->data[text->size] = 0;
}

void mr_text_format(struct mr_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = text->capacity - text->size;
    int size = vsnprintf(text->capacity ? text->data + text->size : NULL, text->capacity ? room : 0, format,
                         arguments);
    va_end(arguments);
    if (size < 0) {
        text->failed = true;
    } else if ((size_t)size < room) {
        text->size += (size_t)size;
    } else if (text_grow(text, (size_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    } else if (text->capacity) {
        text->data[text->size] = 0;
    }
    va_end(again);
}

void mr_text_clear(struct mr_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->capacity)
        text->data[0] = 0;
    else
        text->data = empty_text;
}

void mr_text_release(struct mr_text *text)
{
    if (text->capacity)
        mr_free(text->data);
    mr_text_init(text);
}

/* ---- map: open addressing; a slot holds the number of its entry plus one ---- */

void mr_map_init(struct mr_map *map)
{
    *map = (struct mr_map){0};
    mr_arena_init(&map->keys);
}

static uint32_t *find_slot(const struct mr_map *map, struct mr_str key)
{
    size_t mask = map->slot_count - 1;
    size_t at = mr_hash(key.data, key.size) & mask;
    while (map->slots[at] != 0 && !mr_str_equal(map->entries[map->slots[at] - 1].key, key))
        at = (at + 1) & mask;
    return &map->slots[at];
}

static bool map_grow_slots(struct mr_map *map)
{
    size_t count = map->slot_count ? map->slot_count * 2 : 16;
    uint32_t *slots = mr_allocate_zeroed(count * sizeof *slots);
    if (!slots)
        return false;
    mr_free(map->slots);
    map->slots = slots;
    map->slot_count = count;
    for (size_t i = 0; i < map->count; i++)
        *find_slot(map, map->entries[i].key) = (uint32_t)i + 1;
    return true;
}

static bool map_grow_entries(struct mr_map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : 8;
    if (capacity > UINT32_MAX)
        return false;
    struct mr_map_entry *entries = mr_reallocate(map->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

struct mr_map_entry *mr_map_put(struct mr_map *map, struct mr_str key, bool *created)
{
    struct mr_map_entry *entry = mr_map_get(map, key);
    if (created)
        *created = !entry;
    if (entry)
        return entry;
    if (created)
        *created = false; /* until it is true */
    if ((map->count + 1) * 4 > map->slot_count * 3 && !map_grow_slots(map))
        return NULL;
    if (map->count == map->capacity && !map_grow_entries(map))
        return NULL;
    char *copy = mr_arena_copy_text(&map->keys, key.data, key.size);
    if (!copy)
        return NULL;
    entry = &map->entries[map->count];
    memset(entry, 0, sizeof *entry);
    entry->key = (struct mr_str){copy, key.size};
    *find_slot(map, entry->key) = (uint32_t)++map->count;
    if (created)
        *created = true;
    return entry;
}

struct mr_map_entry *mr_map_get(const struct mr_map *map, struct mr_str key)
{
    if (map->count == 0)
        return NULL;
    uint32_t number = *find_slot(map, key);
    return number ? &map->entries[number - 1] : NULL;
}

void mr_map_release(struct mr_map *map)
{
    mr_free(map->entries);
    mr_free(map->slots);
    mr_arena_release(&map->keys);
    mr_map_init(map);
}
