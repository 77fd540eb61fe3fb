/* expressions/lists.c: what functions on arrays and maps are built with. */
#include "expressions/lists.h"

struct mr_column *mr_shell_new(const struct mr_type *type, int64_t length, struct mr_error *error)
{
    struct mr_column *shell = mr_column_new(type, length);
    if (!shell) {
        mr_error_memory(error, (size_t)length);
        return NULL;
    }
    shell->length = length;
    for (int i = 0; i < shell->child_count; i++) {
        mr_column_unref(shell->children[i]);
        shell->children[i] = NULL;
    }
    return shell;
}

int mr_shell_validity(struct mr_column *shell, const struct mr_column *out, struct mr_error *error)
{
    if (!out->validity)
        return MR_OK;
    MR_TRY(mr_column_make_validity(shell, error));
    int64_t words = (out->length + 63) / 64;
    if (words > 0)
        memcpy(shell->validity, out->validity, (size_t)words * sizeof *out->validity);
    for (int64_t row = out->length; row < words * 64 && row < shell->capacity; row++)
        mr_column_set_valid(shell, row);
    return MR_OK;
}

/* ---- picks ---- */
static void skip_to(struct mr_picks *picks, int64_t row)
{
    for (; picks->next_row <= row; picks->next_row++)
        picks->out->offsets[picks->next_row] = (int32_t)picks->count;
}

void mr_picks_begin(struct mr_picks *picks, int64_t row)
{
    skip_to(picks, row);
}

int mr_picks_add(struct mr_picks *picks, int32_t element, struct mr_error *error)
{
    if (picks->count == picks->capacity) {
        int64_t capacity = picks->capacity ? picks->capacity * 2 : 256;
        int32_t *rows =
            capacity > INT32_MAX ? NULL : mr_reallocate(picks->rows, sizeof *rows * (size_t)capacity);
        if (!rows)
            return mr_error_memory(error, sizeof *rows * (size_t)capacity);
        picks->rows = rows;
        picks->capacity = capacity;
    }
    picks->rows[picks->count++] = element;
    return MR_OK;
}

int mr_picks_finish(struct mr_picks *picks, int child, const struct mr_column *from, struct mr_error *error)
{
    struct mr_column *taken = NULL;
    skip_to(picks, picks->out->length);
    int status = mr_column_take(from, picks->rows, picks->count, &taken, error);
    if (status >= 0) {
        mr_column_unref(picks->out->children[child]);
        picks->out->children[child] = taken;
    }
    return status < 0 ? status : MR_OK;
}

void mr_picks_release(struct mr_picks *picks)
{
    mr_free(picks->rows);
    picks->rows = NULL;
    picks->count = picks->capacity = 0;
}

int32_t mr_range_find(const struct mr_column *child, struct mr_range range, const struct mr_column *value,
                      int64_t row)
{
    for (int32_t i = range.first; i < range.last; i++)
        if (mr_column_same(child, i, value, row))
            return i;
    return -1;
}

/* ---- sets ---- */
void mr_element_set_clear(struct mr_element_set *set)
{
    if (set->slots && set->count > 0)
        memset(set->slots, 0, sizeof *set->slots * (size_t)set->slot_count);
    set->count = 0;
}

void mr_element_set_release(struct mr_element_set *set)
{
    mr_free(set->elements);
    mr_free(set->slots);
    *set = (struct mr_element_set){0};
}

static int find_slot(const struct mr_element_set *set, const struct mr_column *column, int32_t row,
                     uint64_t hash)
{
    uint64_t mask = (uint64_t)set->slot_count - 1, slot = mr_hash_u64(hash) & mask;
    for (; set->slots[slot]; slot = (slot + 1) & mask) {
        const struct mr_element *e = &set->elements[set->slots[slot] - 1];
        if (e->hash == hash && mr_column_same(e->column, e->row, column, row))
            break;
    }
    return (int)slot;
}

static int grow_set(struct mr_element_set *set, struct mr_error *error)
{
    int32_t capacity = set->capacity ? set->capacity * 2 : 32;
    struct mr_element *elements = mr_reallocate(set->elements, sizeof *elements * (size_t)capacity);
    if (!elements)
        return mr_error_memory(error, sizeof *elements * (size_t)capacity);
    set->elements = elements;
    int32_t *slots = mr_allocate_zeroed(sizeof *slots * (size_t)capacity * 2);
    if (!slots)
        return mr_error_memory(error, sizeof *slots * (size_t)capacity * 2);
    mr_free(set->slots);
    set->slots = slots;
    set->slot_count = capacity * 2;
    set->capacity = capacity;
    for (int32_t i = 0; i < set->count; i++)
        slots[find_slot(set, elements[i].column, elements[i].row, elements[i].hash)] = i + 1;
    return MR_OK;
}

int mr_element_set_add(struct mr_element_set *set, const struct mr_column *column, const uint64_t *hashes,
                       int32_t row, bool *added, struct mr_error *error)
{
    if (set->count == set->capacity)
        MR_TRY(grow_set(set, error));
    int slot = find_slot(set, column, row, hashes[row]);
    *added = set->slots[slot] == 0;
    if (*added) {
        set->elements[set->count++] = (struct mr_element){column, row, hashes[row]};
        set->slots[slot] = set->count;
    }
    return MR_OK;
}

bool mr_element_set_has(const struct mr_element_set *set, const struct mr_column *column,
                        const uint64_t *hashes, int32_t row)
{
    return set->count > 0 && set->slots[find_slot(set, column, row, hashes[row])] != 0;
}

uint64_t *mr_element_hashes(struct mr_call *call, const struct mr_column *column)
{
    uint64_t *hashes = mr_call_scratch(call, sizeof *hashes * (size_t)(column->length + 1));
    if (hashes && column->length > 0)
        mr_column_hash(column, hashes, false);
    return hashes;
}

/* ---- map keys ---- */
int mr_map_key_null(struct mr_error *error)
{
    return mr_row_error(error, "NULL_MAP_KEY", "A key of a map cannot be NULL.");
}

int mr_map_key_duplicate(const struct mr_column *keys, int64_t row, struct mr_error *error)
{
    struct mr_text key;
    mr_text_init(&key);
    mr_value_text(&key, keys, row, mr_zone_utc());
    mr_row_error(error, "DUPLICATED_MAP_KEY", "The key %.200s occurs twice in a map.", key.data);
    mr_error_parameter(error, "key", "%.200s", key.data);
    mr_error_parameter(error, "mapKeyDedupPolicy", "%s", "\"spark.sql.mapKeyDedupPolicy\"");
    mr_text_release(&key);
    return error->code;
}

int mr_map_keys_check(const struct mr_column *keys, struct mr_range range, struct mr_error *error)
{
    for (int32_t i = range.first; i < range.last; i++) {
        if (mr_column_is_null(keys, i))
            return mr_map_key_null(error);
        if (range.last - range.first > 16)
            continue;
        for (int32_t k = range.first; k < i; k++)
            if (mr_column_same(keys, k, keys, i))
                return mr_map_key_duplicate(keys, i, error);
    }
    if (range.last - range.first <= 16)
        return MR_OK;
    struct mr_element_set set = {0};
    uint64_t *hashes = mr_allocate(sizeof *hashes * (size_t)keys->length);
    int status = hashes ? MR_OK : mr_error_memory(error, sizeof *hashes);
    if (hashes)
        mr_column_hash(keys, hashes, false);
    for (int32_t i = range.first; i < range.last && status >= 0; i++) {
        bool added = true;
        status = mr_element_set_add(&set, keys, hashes, i, &added, error);
        if (status >= 0 && !added)
            status = mr_map_key_duplicate(keys, i, error);
    }
    mr_element_set_release(&set);
    mr_free(hashes);
    return status;
}
