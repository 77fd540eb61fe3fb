/* expressions/aggregates_distinct.c: f(DISTINCT x, …) for any aggregate: the state is the set of the argument
 * rows seen, without those that have a NULL; at the end the rows go through the aggregate itself, in the
 * order of their encodings. */
#include <stdlib.h>

#include "expressions/aggregates.h"

struct entry {
    const char
        *data; /* the arguments one behind the other, as mr_key_append writes them; in the state's arena */
    uint32_t size;
    uint32_t hash;
};
struct set {
    struct entry *entries;
    uint32_t *slots; /* entry + 1; 0: empty */
    uint32_t count, capacity, slot_count;
};
struct state {
    struct set *set; /* NULL: empty */
};

static void set_init(const struct mr_aggregate *a, void *state)
{
    memset(state, 0, a->state_bytes);
}

static int grow(struct set *set, struct mr_arena *arena, struct mr_error *error)
{
    uint32_t capacity = set->capacity ? set->capacity * 2 : 8;
    struct entry *entries = MR_ARENA_ARRAY(arena, struct entry, capacity);
    uint32_t *slots = MR_ARENA_ARRAY(arena, uint32_t, capacity * 2);
    if (!entries || !slots)
        return mr_error_memory(error, sizeof *entries * capacity);
    if (set->count > 0)
        memcpy(entries, set->entries, sizeof *entries * set->count);
    set->entries = entries;
    set->slots = slots;
    set->capacity = capacity;
    set->slot_count = capacity * 2;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t slot = entries[i].hash & (set->slot_count - 1);
        while (slots[slot])
            slot = (slot + 1) & (set->slot_count - 1);
        slots[slot] = i + 1;
    }
    return MR_OK;
}

static int add(struct state *state, const char *data, size_t size, struct mr_arena *arena,
               struct mr_error *error)
{
    if (!state->set)
        state->set = MR_ARENA_NEW(arena, struct set);
    struct set *set = state->set;
    if (!set)
        return mr_error_memory(error, sizeof *set);
    uint32_t hash = (uint32_t)mr_hash(data, size);
    if (set->count == set->capacity)
        MR_TRY(grow(set, arena, error));
    uint32_t slot = hash & (set->slot_count - 1);
    for (; set->slots[slot]; slot = (slot + 1) & (set->slot_count - 1)) {
        const struct entry *entry = &set->entries[set->slots[slot] - 1];
        if (entry->hash == hash && entry->size == size && memcmp(entry->data, data, size) == 0)
            return MR_OK;
    }
    char *copy = mr_arena_copy_text(arena, data, size);
    if (!copy)
        return mr_error_memory(error, size);
    set->entries[set->count] = (struct entry){copy, (uint32_t)size, hash};
    set->slots[slot] = ++set->count;
    return MR_OK;
}

MR_AGGREGATE_UPDATE(set_update)
{
    int status = MR_OK;
    struct mr_text key;
    mr_text_init(&key);
    MR_AGGREGATE_ROWS(i, k, rows, length, {
        bool null = false;
        mr_text_clear(&key);
        for (int c = 0; c < a->argument_count && !null; c++) {
            null = arguments[c]->type->id == MR_VOID || mr_column_is_null(arguments[c], i);
            if (!null)
                mr_key_append(&key, arguments[c], i);
        }
        if (null)
            continue;
        if (key.failed)
            MR_ERR(mr_error_memory(error, key.size));
        MR_ERR(add(MR_STATE(struct state, states, offset, k), key.data, key.size, arena, error));
    });
err:
    mr_text_release(&key);
    return status;
}

MR_AGGREGATE_MERGE(set_merge)
{
    (void)a;
    const struct set *other = ((const struct state *)from)->set;
    for (uint32_t i = 0; other && i < other->count; i++)
        MR_TRY(add(into, other->entries[i].data, other->entries[i].size, arena, error));
    return MR_OK;
}

static int compare_entries(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    return mr_str_compare((struct mr_str){a->data, a->size}, (struct mr_str){b->data, b->size});
}

/* The set's rows as columns. */
static int decode_rows(const struct mr_aggregate *a, const struct set *set, struct mr_column **columns,
                       struct mr_error *error)
{
    for (int c = 0; c < a->argument_count; c++) {
        columns[c] = mr_column_new(a->arguments[c]->type, set->count);
        if (!columns[c])
            return mr_error_memory(error, set->count);
    }
    for (uint32_t i = 0; i < set->count; i++) {
        const char *at = set->entries[i].data, *end = at + set->entries[i].size;
        for (int c = 0; c < a->argument_count; c++)
            MR_TRY(mr_key_decode(&at, end, columns[c], error));
    }
    return MR_OK;
}

static int finish_one(const struct mr_aggregate *inner, struct set *set, struct mr_column *out,
                      struct mr_error *error)
{
    int status = MR_OK;
    struct mr_arena arena;
    mr_arena_init(&arena);
    void *record = mr_arena_allocate_zeroed(&arena, inner->state_bytes);
    struct mr_column **columns = MR_ARENA_ARRAY(&arena, struct mr_column *, inner->argument_count + 1);
    void **states = MR_ARENA_ARRAY(&arena, void *, (set ? set->count : 0) + 1);
    if (!record || !columns || !states)
        MR_ERR(mr_error_memory(error, inner->state_bytes));
    inner->type->init(inner, record);
    if (set) {
        qsort(set->entries, set->count, sizeof *set->entries, compare_entries);
        memset(set->slots, 0,
               sizeof *set->slots *
                   set->slot_count); /* their places have changed; filled at the next growth */
        MR_ERR(decode_rows(inner, set, columns, error));
        for (uint32_t i = 0; i < set->count; i++)
            states[i] = record;
        MR_ERR(inner->type->update(inner, states, 0, columns, NULL, set->count, &arena, error));
        for (uint32_t i = 0; i < set->count;
             i++) { /* the set stays usable: update mode emits a group again and again */
            uint32_t slot = set->entries[i].hash & (set->slot_count - 1);
            while (set->slots[slot])
                slot = (slot + 1) & (set->slot_count - 1);
            set->slots[slot] = i + 1;
        }
    }
    MR_ERR(inner->type->finish(inner, &record, 0, 1, out, error));
err:
    for (int c = 0; columns && c < inner->argument_count; c++)
        mr_column_unref(columns[c]);
    mr_arena_release(&arena);
    return status;
}

MR_AGGREGATE_FINISH(set_finish)
{
    const struct mr_aggregate *inner = a->bound;
    for (int64_t k = 0; k < count; k++)
        MR_TRY(finish_one(inner, MR_STATE(struct state, records, offset, k)->set, out, error));
    return MR_OK;
}

static void set_encode(const struct mr_aggregate *a, const void *state, struct mr_text *out)
{
    (void)a;
    const struct set *set = ((const struct state *)state)->set;
    uint32_t count = set ? set->count : 0;
    mr_text_append(out, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        mr_text_append(out, &set->entries[i].size, sizeof set->entries[i].size);
        mr_text_append(out, set->entries[i].data, set->entries[i].size);
    }
}

static int read_u32(const char **at, const char *end, uint32_t *out, struct mr_error *error)
{
    if (end - *at < (ptrdiff_t)sizeof *out)
        return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR",
                            "a stored set of DISTINCT values is damaged");
    memcpy(out, *at, sizeof *out);
    *at += sizeof *out;
    return MR_OK;
}

static int set_decode(const struct mr_aggregate *a, const char **at, const char *end, void *state,
                      struct mr_arena *arena, struct mr_error *error)
{
    (void)a;
    uint32_t count = 0, size = 0;
    memset(state, 0, sizeof(struct state));
    MR_TRY(read_u32(at, end, &count, error));
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(read_u32(at, end, &size, error));
        if (end - *at < (ptrdiff_t)size)
            return mr_error_set(error, MR_E_CORRUPT, "INTERNAL_ERROR",
                                "a stored set of DISTINCT values is damaged");
        MR_TRY(add(state, *at, size, arena, error));
        *at += size;
    }
    return MR_OK;
}

MR_AGGREGATE_RESOLVE(set_resolve) /* never called: made from a resolved aggregate */
{
    (void)b;
    (void)a;
    (void)arguments;
    return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "DISTINCT is no function");
}

static const struct mr_aggregate_type distinct_type = {"distinct", 0,          -1,        set_resolve,
                                                       set_init,   set_update, set_merge, set_finish,
                                                       set_encode, set_decode};

int mr_aggregate_make_distinct(struct mr_expression_builder *b, struct mr_aggregate *a,
                               struct mr_error *error)
{
    struct mr_aggregate *inner = MR_ARENA_NEW(b->arena, struct mr_aggregate);
    if (!inner)
        return mr_error_memory(error, sizeof *inner);
    *inner = *a;
    a->type = &distinct_type;
    a->bound = inner;
    a->state_bytes = sizeof(struct state);
    a->align_bytes = 8;
    a->flat = false;
    return MR_OK;
}

const struct mr_aggregate *mr_aggregate_inner(const struct mr_aggregate *a)
{
    return a->type == &distinct_type ? a->bound : a;
}
