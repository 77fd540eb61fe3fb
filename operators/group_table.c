/* operators/group_table.c: see the header. */
#include "operators/group_table.h"

#include <math.h>

#include "columns/value.h"

#define CHUNK_RECORDS 1024u
#define MAX_NODES 60
#define AHEAD 8      /* rows */
#define AHEAD_NEAR 4 /* their slots are here by then */

/* One node of the flattened key: a leaf, or a STRUCT (which has only its null bit). */
struct mr_key_node {
    const struct mr_type *type;
    int parent;    /* node, or -1 for a key column */
    int column;    /* key column, or index of the field in the parent */
    size_t offset; /* of the value in the key row; structs: 0 */
    size_t width;  /* 8 or 16; structs: 0 */
    uint64_t null_bit;
};

int mr_group_list_add(struct mr_group_list *list, struct mr_group *group, struct mr_error *error)
{
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 4;
        struct mr_group **groups = mr_reallocate(list->groups, sizeof(void *) * (size_t)capacity);
        if (!groups)
            return mr_error_memory(error, sizeof(void *) * (size_t)capacity);
        list->groups = groups;
        list->capacity = capacity;
    }
    list->groups[list->count++] = group;
    return MR_OK;
}

static int count_nodes(const struct mr_type *type)
{
    if (type->id == MR_ARRAY || type->id == MR_MAP)
        return MAX_NODES + 1;
    int count = 1;
    if (type->id == MR_STRUCT)
        for (int i = 0; i < type->field_count; i++)
            count += count_nodes(type->fields[i].type);
    return count;
}

static void add_nodes(struct mr_group_table *table, const struct mr_type *type, int parent, int column)
{
    int self = table->node_count++;
    struct mr_key_node *node = &table->nodes[self];
    *node = (struct mr_key_node){.type = type, .parent = parent, .column = column, .null_bit = 1ULL << self};
    if (type->id == MR_STRUCT) {
        for (int i = 0; i < type->field_count; i++)
            add_nodes(table, type->fields[i].type, self, i);
        return;
    }
    node->width = mr_type_width(type) == 16 ? 16 : mr_type_width(type) == 0 ? 0 : 8;
    node->offset = table->key_bytes;
    table->key_bytes += node->width;
    if (mr_type_is_bytes(type))
        table->has_strings = true;
}

static int layout_keys(struct mr_group_table *table, struct mr_error *error)
{
    int nodes = 0;
    for (int i = 0; i < table->key_count; i++)
        nodes += count_nodes(table->key_types[i]);
    table->encoded = nodes > MAX_NODES;
    table->nodes = MR_ARENA_ARRAY(&table->layout, struct mr_key_node, table->encoded ? 1 : nodes + 1);
    if (!table->nodes)
        return mr_error_memory(error, sizeof(struct mr_key_node) * (size_t)nodes);
    table->key_bytes = 8;
    if (table->encoded)
        add_nodes(table, mr_type_of(MR_BINARY), -1, 0);
    else
        for (int i = 0; i < table->key_count; i++)
            add_nodes(table, table->key_types[i], -1, i);
    return MR_OK;
}

int mr_group_table_init(struct mr_group_table *table, const struct mr_type *const *key_types, int key_count,
                        const struct mr_aggregate *const *aggregates, int aggregate_count,
                        struct mr_error *error)
{
    *table = (struct mr_group_table){.key_count = key_count,
                                     .aggregates = aggregates,
                                     .aggregate_count = aggregate_count,
                                     .flat = true};
    mr_arena_init(&table->arena);
    mr_arena_init(&table->layout);
    mr_text_init(&table->scratch);
    table->key_types = MR_ARENA_ARRAY(&table->layout, const struct mr_type *, key_count + 1);
    table->offsets = MR_ARENA_ARRAY(&table->layout, size_t, aggregate_count + 1);
    if (!table->key_types || !table->offsets)
        return mr_error_memory(error, sizeof(size_t) * (size_t)(key_count + aggregate_count));
    for (int i = 0; i < key_count; i++)
        table->key_types[i] = key_types[i];
    MR_TRY(layout_keys(table, error));
    size_t at = (sizeof(struct mr_group) + table->key_bytes + 15) & ~(size_t)15;
    table->states_offset = at;
    for (int i = 0; i < aggregate_count; i++) {
        size_t align = aggregates[i]->align_bytes > 8 ? aggregates[i]->align_bytes : 8;
        at = (at + align - 1) / align * align;
        table->offsets[i] = at;
        at += aggregates[i]->state_bytes;
        table->flat = table->flat && aggregates[i]->flat;
    }
    table->states_bytes = at - table->states_offset;
    table->record_bytes = (at + 15) & ~(size_t)15;
    return MR_OK;
}

void mr_group_table_add_payload(struct mr_group_table *table, size_t payload_bytes)
{
    table->payload_offset = table->record_bytes;
    table->payload_bytes = payload_bytes;
    table->record_bytes = (table->record_bytes + payload_bytes + 15) & ~(size_t)15;
}

void mr_group_table_release(struct mr_group_table *table)
{
    for (uint32_t i = 0; i < table->chunk_count; i++)
        mr_free(table->chunks[i]);
    mr_free(table->chunks);
    mr_free(table->slots);
    mr_free(table->key_rows);
    mr_arena_release(&table->arena);
    mr_arena_release(&table->layout);
    mr_text_release(&table->scratch);
    *table = (struct mr_group_table){0};
}

void mr_group_table_clear(struct mr_group_table *table)
{
    for (uint32_t i = 1; i < table->chunk_count; i++)
        mr_free(table->chunks[i]);
    if (table->chunk_count > 1)
        table->chunk_count = 1;
    if (table->slot_mask > 65535) {
        mr_free(table->slots);
        table->slots = NULL;
        table->slot_mask = 0;
    } else if (table->slots) {
        memset(table->slots, 0, sizeof(*table->slots) * ((size_t)table->slot_mask + 1));
    }
    table->used_slots = table->count = table->live = 0;
    table->unused = NULL;
    mr_arena_clear(&table->arena);
}

struct mr_group *mr_group_table_at(const struct mr_group_table *table, uint32_t number)
{
    return (struct mr_group *)(table->chunks[number / CHUNK_RECORDS] +
                               (size_t)(number % CHUNK_RECORDS) * table->record_bytes);
}

static inline char *key_row_of(const struct mr_group *group)
{
    return (char *)(group + 1);
}

/* ---- key rows ---- */
static uint64_t double_bits(double value)
{
    uint64_t bits;
    if (isnan(value))
        value = (double)NAN;
    if (value == 0)
        value = 0; /* -0.0 groups with 0.0 */
    memcpy(&bits, &value, 8);
    return bits;
}

#define FILL(expression)                                                                                     \
    MR_FOR_ROWS (i, rows, length) {                                                                          \
        uint64_t value_ = column->validity && mr_column_is_null(column, i) ? 0 : (uint64_t)(expression);     \
        memcpy(at, &value_, 8);                                                                              \
        at += stride;                                                                                        \
    }

static void fill_leaf(const struct mr_key_node *node, const struct mr_column *column,
                      const struct mr_selection *rows, int64_t length, char *key_rows, size_t stride)
{
    char *at = key_rows + node->offset;
    switch (node->type->id) {
    case MR_BOOLEAN:
        FILL(column->booleans[i]) break;
    case MR_TINYINT:
        FILL((int64_t)column->i8[i]) break;
    case MR_SMALLINT:
        FILL((int64_t)column->i16[i]) break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        FILL((int64_t)column->i32[i]) break;
    case MR_FLOAT:
        FILL(double_bits((double)column->f32[i])) break;
    case MR_DOUBLE:
        FILL(double_bits(column->f64[i])) break;
    default:
        if (node->width == 8) {
            FILL(column->i64[i])
        } else if (node->width == 16) {
            MR_FOR_ROWS (i, rows, length) {
                if (mr_column_is_null(column, i))
                    memset(at, 0, 16);
                else
                    memcpy(at, (const char *)column->values + i * 16, 16);
                at += stride;
            }
        }
    }
}

static void fill_nulls(const struct mr_key_node *node, const struct mr_column *column,
                       const struct mr_selection *rows, int64_t length, char *key_rows, size_t stride)
{
    if (!column->validity)
        return;
    char *at = key_rows;
    MR_FOR_ROWS (i, rows, length) {
        if (mr_column_is_null(column, i))
            *(uint64_t *)(void *)at |= node->null_bit;
        at += stride;
    }
}

/* A NULL struct: its members count as NULL whatever they hold. */
static void clear_under_null(const struct mr_group_table *table, int node, char *key_rows, size_t stride,
                             int64_t count)
{
    uint64_t above = table->nodes[table->nodes[node].parent].null_bit, own = table->nodes[node].null_bit;
    for (int64_t k = 0; k < count; k++) {
        char *row = key_rows + (size_t)k * stride;
        if (*(uint64_t *)(void *)row & above) {
            *(uint64_t *)(void *)row |= own;
            memset(row + table->nodes[node].offset, 0, table->nodes[node].width);
        }
    }
}

static int encode_rows(struct mr_group_table *table, struct mr_column *const *keys,
                       const struct mr_selection *rows, int64_t length, char *key_rows,
                       struct mr_error *error)
{
    char *at = key_rows;
    MR_FOR_ROWS (i, rows, length) {
        mr_text_clear(&table->scratch);
        for (int c = 0; c < table->key_count; c++)
            mr_key_append(&table->scratch, keys[c], i);
        if (table->scratch.failed)
            return mr_error_memory(error, table->scratch.capacity);
        char *copy = mr_arena_copy_text(&table->arena, table->scratch.data, table->scratch.size);
        if (!copy)
            return mr_error_memory(error, table->scratch.size);
        struct mr_view view = mr_view_of(copy, (uint32_t)table->scratch.size);
        memcpy(at + 8, &view, 16);
        at += table->key_bytes;
    }
    return MR_OK;
}

static int fill_key_rows(struct mr_group_table *table, struct mr_column *const *keys,
                         const struct mr_selection *rows, int64_t length, struct mr_error *error)
{
    int64_t count = rows ? rows->count : length;
    size_t need = (size_t)count * table->key_bytes;
    if (need > table->key_rows_bytes) {
        mr_free(table->key_rows);
        table->key_rows = mr_allocate(need);
        table->key_rows_bytes = table->key_rows ? need : 0;
        if (!table->key_rows)
            return mr_error_memory(error, need);
    }
    if (count == 0)
        return MR_OK;
    for (size_t at = 0; at < need; at += table->key_bytes)
        *(uint64_t *)(void *)(table->key_rows + at) = 0; /* no NULLs yet */
    if (table->encoded)
        return encode_rows(table, keys, rows, length, table->key_rows, error);
    const struct mr_column *columns[MAX_NODES + 1];
    for (int n = 0; n < table->node_count; n++) {
        const struct mr_key_node *node = &table->nodes[n];
        columns[n] = node->parent < 0 ? keys[node->column] : columns[node->parent]->children[node->column];
        fill_nulls(node, columns[n], rows, length, table->key_rows, table->key_bytes);
        if (node->width > 0)
            fill_leaf(node, columns[n], rows, length, table->key_rows, table->key_bytes);
        if (node->parent >= 0 && columns[node->parent]->validity)
            clear_under_null(table, n, table->key_rows, table->key_bytes, count);
    }
    return MR_OK;
}

/* Key rows are whole words: cheaper than a call of memcmp for the few there are. */
static inline bool same_words(const char *a, const char *b, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t left, right;
        memcpy(&left, a + at, 8);
        memcpy(&right, b + at, 8);
        if (left != right)
            return false;
    }
    return true;
}

/* Same bytes but for long strings, which are compared by content. */
static bool same_key(const struct mr_group_table *table, const char *a, const char *b)
{
    if (same_words(a, b, table->key_bytes))
        return true;
    if (!table->has_strings || memcmp(a, b, 8) != 0)
        return false;
    for (int n = 0; n < table->node_count; n++) {
        const struct mr_key_node *node = &table->nodes[n];
        if (mr_type_is_bytes(node->type)) {
            struct mr_view left, right;
            memcpy(&left, a + node->offset, 16);
            memcpy(&right, b + node->offset, 16);
            if (!mr_view_equal(&left, &right))
                return false;
        } else if (memcmp(a + node->offset, b + node->offset, node->width) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- the table ---- */
static int grow_slots(struct mr_group_table *table, struct mr_error *error)
{
    uint32_t capacity = 256;
    while (capacity < table->live * 3)
        capacity *= 2;
    void *slots = mr_allocate_zeroed(sizeof(*table->slots) * capacity);
    if (!slots)
        return mr_error_memory(error, sizeof(*table->slots) * capacity);
    mr_free(table->slots);
    table->slots = slots;
    table->slot_mask = capacity - 1;
    table->used_slots = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        struct mr_group *group = mr_group_table_at(table, i);
        if (group->flags & MR_GROUP_REMOVED)
            continue;
        uint32_t at = (uint32_t)group->hash & table->slot_mask;
        while (table->slots[at].number != 0)
            at = (at + 1) & table->slot_mask;
        table->slots[at].tag = (uint32_t)group->hash;
        table->slots[at].number = i + 1;
        table->used_slots++;
    }
    return MR_OK;
}

/* Long strings of the group's key, wherever they lie, are copied into the table's arena. */
static int own_strings(struct mr_group_table *table, struct mr_group *group, struct mr_error *error)
{
    for (int n = 0; table->has_strings && n < table->node_count; n++) {
        char *at = key_row_of(group) + table->nodes[n].offset;
        struct mr_view view = {0};
        if (!mr_type_is_bytes(table->nodes[n].type))
            continue;
        memcpy(&view, at, 16);
        if (view.size <= MR_VIEW_INLINE)
            continue;
        char *copy = mr_arena_copy_text(&table->arena, view.data, view.size);
        if (!copy)
            return mr_error_memory(error, view.size);
        view.data = copy;
        memcpy(at, &view, 16);
    }
    return MR_OK;
}

static int new_group(struct mr_group_table *table, const char *key_row, uint64_t hash, struct mr_group **out,
                     struct mr_error *error)
{
    uint32_t chunk = table->count / CHUNK_RECORDS;
    struct mr_group *group = table->unused;
    if (!group && chunk >= table->chunk_count) {
        if (chunk >= table->chunk_capacity) {
            uint32_t capacity = table->chunk_capacity ? table->chunk_capacity * 2 : 8;
            char **chunks = mr_reallocate(table->chunks, sizeof(*chunks) * capacity);
            if (!chunks)
                return mr_error_memory(error, sizeof(*chunks) * capacity);
            table->chunks = chunks;
            table->chunk_capacity = capacity;
        }
        table->chunks[chunk] = mr_allocate(CHUNK_RECORDS * table->record_bytes);
        if (!table->chunks[chunk])
            return mr_error_memory(error, CHUNK_RECORDS * table->record_bytes);
        table->chunk_count++;
    }
    uint32_t number = group ? group->number : table->count;
    struct mr_group *next_unused = group ? group->next : NULL;
    if (next_unused)
        __builtin_prefetch(next_unused, 1);
    group = mr_group_table_at(table, number);
    *group = (struct mr_group){.hash = hash, .number = number};
    memcpy(key_row_of(group), key_row, table->key_bytes);
    int status = own_strings(table, group, error);
    for (int a = 0; a < table->aggregate_count; a++)
        table->aggregates[a]->type->init(table->aggregates[a], (char *)group + table->offsets[a]);
    if (table->payload_bytes > 0)
        memset(mr_group_payload(table, group), 0, table->payload_bytes);
    if (status < 0)
        return status;
    table->unused = next_unused;
    table->count += number == table->count;
    table->live++;
    *out = group;
    return MR_OK;
}

int mr_group_table_add(struct mr_group_table *table, struct mr_group **out, struct mr_error *error)
{
    if (table->key_rows_bytes < table->key_bytes) {
        mr_free(table->key_rows);
        table->key_rows = mr_allocate(table->key_bytes);
        table->key_rows_bytes = table->key_rows ? table->key_bytes : 0;
        if (!table->key_rows)
            return mr_error_memory(error, table->key_bytes);
    }
    memset(table->key_rows, 0, table->key_bytes);
    return new_group(table, table->key_rows, 0, out, error);
}

static int find_one(struct mr_group_table *table, const char *key_row, uint64_t hash, bool insert,
                    struct mr_group **out, struct mr_error *error)
{
    uint32_t at = (uint32_t)hash & table->slot_mask, tag = (uint32_t)hash;
    for (; table->slots[at].number != 0; at = (at + 1) & table->slot_mask) {
        if (table->slots[at].tag != tag)
            continue;
        struct mr_group *group = mr_group_table_at(table, table->slots[at].number - 1);
        if (group->hash == hash && same_key(table, key_row_of(group), key_row)) {
            *out = group;
            return MR_OK;
        }
    }
    *out = NULL;
    if (!insert)
        return MR_OK;
    MR_TRY(new_group(table, key_row, hash, out, error));
    table->slots[at].tag = tag;
    table->slots[at].number = (*out)->number + 1;
    table->used_slots++;
    return MR_OK;
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 32;
}

static uint64_t hash_strings(const struct mr_group_table *table, const char *key_row)
{
    uint64_t hash = 0, word;
    memcpy(&word, key_row, 8);
    hash = mix(hash, word);
    for (int n = 0; n < table->node_count; n++) {
        const struct mr_key_node *node = &table->nodes[n];
        struct mr_view view;
        memcpy(&view, key_row + node->offset, node->width);
        if (mr_type_is_bytes(node->type) && view.size > MR_VIEW_INLINE) {
            hash = mix(hash, mr_hash(view.data, view.size));
            continue;
        }
        for (size_t at = 0; at < node->width; at += 8) {
            memcpy(&word, key_row + node->offset + at, 8);
            hash = mix(hash, word);
        }
    }
    return mr_hash_u64(hash);
}

/* The table's own hash of a key row. */
static inline uint64_t hash_row(const struct mr_group_table *table, const char *key_row)
{
    uint64_t hash = 0;
    if (table->has_strings)
        return hash_strings(table, key_row);
    for (size_t at = 0; at < table->key_bytes; at += 8) {
        uint64_t word;
        memcpy(&word, key_row + at, 8);
        hash = mix(hash, word);
    }
    return mr_hash_u64(hash);
}

/* Brings near the group that is likely meant, by way of its slot, which is near already. */
static inline void expect_group(const struct mr_group_table *table, uint64_t hash)
{
    uint32_t number = table->slots ? table->slots[(uint32_t)hash & table->slot_mask].number : 0;
    if (number != 0)
        __builtin_prefetch(mr_group_table_at(table, number - 1), 1);
}

int mr_group_table_find(struct mr_group_table *table, struct mr_column *const *keys, const uint64_t *hashes,
                        const struct mr_selection *rows, int64_t length, bool insert,
                        struct mr_group **records, struct mr_error *error)
{
    int64_t count = rows ? rows->count : length;
    MR_TRY(fill_key_rows(table, keys, rows, length, error));
    const char *key_row = table->key_rows;
    struct mr_group *last = NULL;
    uint64_t ahead[AHEAD]; /* hashes of this row and those after it */
    for (int64_t k = 0; !hashes && k < AHEAD && k < count; k++)
        ahead[k] = hash_row(table, key_row + (size_t)k * table->key_bytes);
    for (int64_t k = 0; k < count; k++, key_row += table->key_bytes) {
        uint64_t hash = hashes ? hashes[rows ? rows->rows[k] : k] : ahead[k % AHEAD];
        if (k + AHEAD < count) {
            uint64_t next;
            if (hashes)
                next = hashes[rows ? rows->rows[k + AHEAD] : k + AHEAD];
            else
                next = ahead[k % AHEAD] = hash_row(table, key_row + AHEAD * table->key_bytes);
            mr_group_table_expect(table, next);
        }
        if (k + AHEAD_NEAR < count)
            expect_group(table, hashes ? hashes[rows ? rows->rows[k + AHEAD_NEAR] : k + AHEAD_NEAR]
                                       : ahead[(k + AHEAD_NEAR) % AHEAD]);
        if (last && last->hash == hash && same_words(key_row, key_row_of(last), table->key_bytes)) {
            records[k] = last;
            continue;
        }
        if (((uint64_t)table->used_slots + 1) * 3 > (uint64_t)table->slot_mask * 2)
            MR_TRY(grow_slots(table, error));
        MR_TRY(find_one(table, key_row, hash, insert, &records[k], error));
        last = records[k];
    }
    return MR_OK;
}

int64_t mr_group_table_next(const struct mr_group_table *table, struct mr_group_cursor *cursor,
                            struct mr_group **records, int64_t max)
{
    int64_t count = 0;
    while (count < max && cursor->next < table->count) {
        struct mr_group *group = mr_group_table_at(table, cursor->next++);
        if (!(group->flags & MR_GROUP_REMOVED))
            records[count++] = group;
    }
    return count;
}

/* Those behind it that belong before it move up, so that no hole parts them from where they are looked for.
 */
static void free_slot(struct mr_group_table *table, uint32_t hole)
{
    uint32_t mask = table->slot_mask;
    for (uint32_t at = (hole + 1) & mask; table->slots[at].number != 0; at = (at + 1) & mask) {
        if (((at - table->slots[at].tag) & mask) < ((at - hole) & mask))
            continue;
        table->slots[hole] = table->slots[at];
        hole = at;
    }
    table->slots[hole].number = 0;
    table->used_slots--;
}

void mr_group_table_remove(struct mr_group_table *table, struct mr_group *group)
{
    uint32_t at = (uint32_t)group->hash & table->slot_mask;
    for (; table->slots[at].number != 0; at = (at + 1) & table->slot_mask)
        if (table->slots[at].number == group->number + 1) {
            group->next = table->unused;
            table->unused = group;
            free_slot(table, at);
            break;
        }
    group->flags = MR_GROUP_REMOVED;
    table->live--;
}

/* ---- records as bytes: hash, key row, states ---- */

size_t mr_group_table_raw_bytes(const struct mr_group_table *table)
{
    return table->flat && !table->encoded ? 8 + table->key_bytes + table->states_bytes : 0;
}

bool mr_group_table_is_raw(const struct mr_group_table *table, const struct mr_group *group)
{
    for (int n = 0; table->has_strings && n < table->node_count; n++) {
        struct mr_view view;
        if (!mr_type_is_bytes(table->nodes[n].type))
            continue;
        memcpy(&view, key_row_of(group) + table->nodes[n].offset, 16);
        if (view.size > MR_VIEW_INLINE)
            return false;
    }
    return true;
}

void mr_group_table_raw_append(const struct mr_group_table *table, const struct mr_group *group,
                               struct mr_text *out)
{
    mr_text_append(out, &group->hash, 8);
    mr_text_append(out, key_row_of(group), table->key_bytes);
    mr_text_append(out, (const char *)group + table->states_offset, table->states_bytes);
}

int mr_group_table_raw_add(struct mr_group_table *table, const char *raw, struct mr_group **out,
                           struct mr_error *error)
{
    uint64_t hash;
    memcpy(&hash, raw, 8);
    if (((uint64_t)table->used_slots + 1) * 3 > (uint64_t)table->slot_mask * 2)
        MR_TRY(grow_slots(table, error));
    MR_TRY(find_one(table, raw + 8, hash, true, out, error));
    memcpy((char *)*out + table->states_offset, raw + 8 + table->key_bytes, table->states_bytes);
    return MR_OK;
}

int mr_group_table_retain(struct mr_group_table *table, bool (*keep)(void *ctx, struct mr_group *group),
                          void *ctx, struct mr_error *error)
{
    struct mr_arena strings = table->arena; /* of those that stay, copied to a new one */
    uint32_t before = table->count, kept = 0;
    int status = MR_OK;
    mr_arena_init(&table->arena);
    for (uint32_t i = 0; status >= 0 && i < before; i++) {
        struct mr_group *group = mr_group_table_at(table, i), *to = mr_group_table_at(table, kept);
        if ((group->flags & MR_GROUP_REMOVED) || !keep(ctx, group))
            continue;
        if (to != group)
            memcpy(to, group, table->record_bytes);
        to->number = kept;
        status = own_strings(table, to, error);
        kept++;
    }
    mr_arena_release(&strings);
    table->unused = NULL;
    table->count = table->live = status < 0 ? 0 : kept;
    for (uint32_t used = (kept + CHUNK_RECORDS - 1) / CHUNK_RECORDS; table->chunk_count > used + 1;)
        mr_free(table->chunks[--table->chunk_count]);
    int grown = grow_slots(table, status < 0 ? &(struct mr_error){0} : error);
    return status < 0 ? status : grown;
}

/* ---- windows ---- */

/* Offsets of start and end of the window that is key column `column`. */
static void window_offsets(const struct mr_group_table *table, int column, size_t offsets[2])
{
    int window = 0;
    while (table->nodes[window].parent >= 0 || table->nodes[window].column != column)
        window++;
    offsets[0] = table->nodes[window + 1].offset;
    offsets[1] = table->nodes[window + 2].offset;
}

int64_t mr_group_window_start(const struct mr_group_table *table, const struct mr_group *group, int column)
{
    size_t offsets[2];
    int64_t start;
    window_offsets(table, column, offsets);
    memcpy(&start, key_row_of(group) + offsets[0], 8);
    return start;
}

int mr_group_table_add_pane(struct mr_group_table *table, const struct mr_group *pane, int column,
                            int64_t shift_us, struct mr_error *error)
{
    size_t offsets[2];
    struct mr_group *group;
    window_offsets(table, column, offsets);
    if (table->key_rows_bytes < table->key_bytes) {
        mr_free(table->key_rows);
        table->key_rows = mr_allocate(table->key_bytes);
        table->key_rows_bytes = table->key_rows ? table->key_bytes : 0;
        if (!table->key_rows)
            return mr_error_memory(error, table->key_bytes);
    }
    memcpy(table->key_rows, key_row_of(pane), table->key_bytes);
    for (int side = 0; side < 2; side++) {
        int64_t time;
        memcpy(&time, table->key_rows + offsets[side], 8);
        time -= shift_us;
        memcpy(table->key_rows + offsets[side], &time, 8);
    }
    if (((uint64_t)table->used_slots + 1) * 3 > (uint64_t)table->slot_mask * 2)
        MR_TRY(grow_slots(table, error));
    MR_TRY(find_one(table, table->key_rows, hash_row(table, table->key_rows), true, &group, error));
    for (int a = 0; a < table->aggregate_count; a++) {
        const struct mr_aggregate *aggregate = table->aggregates[a];
        MR_TRY(aggregate->type->merge(aggregate, (char *)group + table->offsets[a],
                                      (const char *)pane + table->offsets[a], &table->arena, error));
    }
    return MR_OK;
}

/* ---- keys back into columns ---- */
static void put_leaf(struct mr_column *column, const struct mr_key_node *node, int64_t row,
                     const char *key_row)
{
    int64_t value = 0;
    if (node->width == 8)
        memcpy(&value, key_row + node->offset, 8);
    switch (node->type->id) {
    case MR_BOOLEAN:
        column->booleans[row] = (uint8_t)value;
        break;
    case MR_TINYINT:
        column->i8[row] = (int8_t)value;
        break;
    case MR_SMALLINT:
        column->i16[row] = (int16_t)value;
        break;
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        column->i32[row] = (int32_t)value;
        break;
    case MR_FLOAT: {
        double wide;
        memcpy(&wide, &value, 8);
        column->f32[row] = (float)wide;
        break;
    }
    default:
        if (node->width == 8)
            column->i64[row] = value;
    }
}

static int node_column(struct mr_group_table *table, int node_index, struct mr_group *const *records,
                       int64_t count, struct mr_column *column, struct mr_error *error)
{
    const struct mr_key_node *node = &table->nodes[node_index];
    MR_TRY(mr_column_reserve(column, count, error));
    column->length = count;
    for (int64_t k = 0; k < count; k++) {
        const char *key_row = key_row_of(records[k]);
        if (*(const uint64_t *)(const void *)key_row & node->null_bit) {
            if (node->width == 16)
                memset((char *)column->values + k * 16, 0, 16);
            else if (node->width == 8)
                put_leaf(column, node, k, key_row);
            MR_TRY(mr_column_set_null(column, k, error));
        } else if (mr_type_is_bytes(node->type)) {
            struct mr_view view;
            memcpy(&view, key_row + node->offset, 16);
            MR_TRY(mr_column_set_bytes(column, k, mr_view_data(&view), view.size, error));
        } else if (node->width == 16) {
            memcpy((char *)column->values + k * 16, key_row + node->offset, 16);
        } else if (node->width == 8) {
            put_leaf(column, node, k, key_row);
        }
    }
    for (int n = node_index + 1; n < table->node_count; n++)
        if (table->nodes[n].parent == node_index)
            MR_TRY(node_column(table, n, records, count, column->children[table->nodes[n].column], error));
    return MR_OK;
}

static int decode_keys(struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                       struct mr_column **out, struct mr_error *error)
{
    for (int64_t k = 0; k < count; k++) {
        struct mr_view view;
        memcpy(&view, key_row_of(records[k]) + 8, 16);
        const char *at = mr_view_data(&view), *end = at + view.size;
        for (int c = 0; c < table->key_count; c++)
            MR_TRY(mr_key_decode(&at, end, out[c], error));
    }
    return MR_OK;
}

int mr_group_table_keys(struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                        struct mr_column **out, struct mr_error *error)
{
    int status = MR_OK, made = 0;
    for (; made < table->key_count; made++) {
        out[made] = mr_column_new(table->key_types[made], count > 0 ? count : 1);
        if (!out[made])
            MR_ERR(mr_error_memory(error, (size_t)count * 16));
    }
    if (table->encoded)
        MR_ERR(decode_keys(table, records, count, out, error));
    for (int n = 0; !table->encoded && n < table->node_count; n++)
        if (table->nodes[n].parent < 0)
            MR_ERR(node_column(table, n, records, count, out[table->nodes[n].column], error));
    return MR_OK;
err:
    for (int i = 0; i < made; i++) {
        mr_column_unref(out[i]);
        out[i] = NULL;
    }
    return status;
}

/* ---- states ---- */
int mr_group_table_encode(const struct mr_group_table *table, const struct mr_group *group,
                          struct mr_text *out, struct mr_error *error)
{
    if (table->flat) {
        mr_text_append(out, (const char *)group + table->states_offset, table->states_bytes);
    } else {
        for (int a = 0; a < table->aggregate_count; a++) {
            const struct mr_aggregate *aggregate = table->aggregates[a];
            const char *state = (const char *)group + table->offsets[a];
            if (aggregate->flat)
                mr_text_append(out, state, aggregate->state_bytes);
            else
                aggregate->type->encode(aggregate, state, out);
        }
    }
    return out->failed ? mr_error_memory(error, out->capacity) : MR_OK;
}

int mr_group_table_merge(struct mr_group_table *table, struct mr_group *group, struct mr_str states,
                         bool before, struct mr_error *error)
{
    const char *at = states.data, *end = at + states.size;
    _Alignas(16) char aligned[512];
    for (int a = 0; a < table->aggregate_count; a++) {
        const struct mr_aggregate *aggregate = table->aggregates[a];
        void *from = aligned;
        if (aggregate->state_bytes > sizeof(aligned)) {
            from = mr_arena_allocate(&table->arena, aggregate->state_bytes);
            if (!from)
                return mr_error_memory(error, aggregate->state_bytes);
        }
        if (aggregate->flat) {
            if (table->flat) /* copied as one piece, padding between states included */
                at = states.data + (table->offsets[a] - table->states_offset);
            if ((size_t)(end - at) < aggregate->state_bytes || at > end)
                return mr_error_set(error, MR_E_CORRUPT, "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                                    "A state of %zu bytes is too short for the query's aggregates.",
                                    states.size);
            memcpy(from, at, aggregate->state_bytes);
            at += aggregate->state_bytes;
        } else {
            aggregate->type->init(aggregate, from);
            MR_TRY(aggregate->type->decode(aggregate, &at, end, from, &table->arena, error));
        }
        void *own = (char *)group + table->offsets[a];
        MR_TRY(aggregate->type->merge(aggregate, before ? from : own, before ? own : from, &table->arena,
                                      error));
        if (before)
            memcpy(own, from, aggregate->state_bytes);
    }
    return MR_OK;
}

int mr_group_table_merge_group(struct mr_group_table *table, struct mr_group *into,
                               const struct mr_group *from, struct mr_error *error)
{
    for (int a = 0; a < table->aggregate_count; a++)
        MR_TRY(table->aggregates[a]->type->merge(table->aggregates[a], (char *)into + table->offsets[a],
                                                 (const char *)from + table->offsets[a], &table->arena,
                                                 error));
    return MR_OK;
}

int mr_group_table_states(const struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                          struct mr_column **out, struct mr_error *error)
{
    struct mr_text bytes;
    struct mr_column *column = mr_column_new(mr_type_of(MR_BINARY), count);
    struct mr_buffer *buffer = NULL;
    int status = MR_OK;
    mr_text_init(&bytes);
    if (!column)
        MR_ERR(mr_error_memory(error, (size_t)count * 16));
    for (int64_t k = 0; k < count; k++) { /* for now only how long they are */
        size_t before = bytes.size;
        MR_ERR(mr_group_table_encode(table, records[k], &bytes, error));
        column->views[k].size = (uint32_t)(bytes.size - before);
    }
    buffer = mr_buffer_new(bytes.size);
    if (!buffer)
        MR_ERR(mr_error_memory(error, bytes.size));
    if (bytes.size > 0)
        memcpy(buffer->data, bytes.data, bytes.size);
    buffer->size = bytes.size;
    const char *at = buffer->data;
    for (int64_t k = 0; k < count; k++) {
        uint32_t size = column->views[k].size;
        column->views[k] = mr_view_of(at, size);
        at += size;
    }
    column->length = count;
    MR_ERR(mr_column_keep(column, buffer, error));
    *out = column;
    column = NULL;
err:
    mr_column_unref(column);
    mr_buffer_unref(buffer);
    mr_text_release(&bytes);
    return status;
}

int mr_group_table_results(struct mr_group_table *table, struct mr_group *const *records, int64_t count,
                           struct mr_column **out, struct mr_error *error)
{
    int status = MR_OK, made = 0;
    for (; made < table->aggregate_count; made++) {
        const struct mr_aggregate *aggregate = table->aggregates[made];
        out[made] = mr_column_new(aggregate->result, count > 0 ? count : 1);
        if (!out[made])
            MR_ERR(mr_error_memory(error, (size_t)count * 16));
        int finished = aggregate->type->finish(aggregate, (void *const *)records, table->offsets[made], count,
                                               out[made], error);
        if (finished < 0) {
            made++;
            MR_ERR(finished);
        }
    }
    return MR_OK;
err:
    for (int i = 0; i < made; i++) {
        mr_column_unref(out[i]);
        out[i] = NULL;
    }
    return status;
}

size_t mr_group_table_bytes(const struct mr_group_table *table)
{
    return (size_t)table->chunk_count * CHUNK_RECORDS * table->record_bytes +
           (table->slots ? sizeof(*table->slots) * ((size_t)table->slot_mask + 1) : 0) +
           table->arena.used_bytes;
}
