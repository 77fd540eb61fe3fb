/* operators/session_table.c: see the header. */
#include "operators/session_table.h"

int mr_session_table_init(struct mr_session_table *table, const struct mr_session_config *config,
                          const struct mr_type *const *types, struct mr_error *error)
{
    const struct mr_aggregate_config *aggregate = &config->aggregate;
    int keys = 0;
    *table = (struct mr_session_table){.config = config};
    const struct mr_type **key_types = mr_allocate(sizeof(void *) * (size_t)(aggregate->group_count + 1));
    table->key_columns = mr_allocate_zeroed(sizeof(void *) * (size_t)(aggregate->group_count + 1));
    if (!key_types || !table->key_columns) {
        mr_free(key_types);
        return mr_error_memory(error, sizeof(void *) * (size_t)aggregate->group_count);
    }
    for (int g = 0; g < aggregate->group_count; g++)
        if (g != config->session_group)
            key_types[keys++] = types[g];
    int status = mr_group_table_init(&table->keys, key_types, keys, NULL, 0, error);
    mr_free(key_types);
    if (status >= 0)
        status = mr_group_table_init(&table->states, &types[config->session_group], 1, aggregate->aggregates,
                                     aggregate->aggregate_count, error);
    return status;
}

void mr_session_table_release(struct mr_session_table *table)
{
    mr_group_table_release(&table->keys);
    mr_group_table_release(&table->states);
    mr_free(table->key_columns);
    mr_free(table->due);
    *table = (struct mr_session_table){0};
}

void mr_session_table_clear(struct mr_session_table *table)
{
    mr_group_table_clear(&table->keys);
    mr_group_table_clear(&table->states);
    table->unused = NULL;
    table->due_count = 0;
}

size_t mr_session_table_bytes(const struct mr_session_table *table)
{
    return mr_group_table_bytes(&table->keys) + mr_group_table_bytes(&table->states) +
           (size_t)table->due_capacity * sizeof *table->due;
}

int mr_session_table_find(struct mr_session_table *table, const struct mr_batch *batch,
                          const int *column_of_group, const struct mr_selection *rows, uint64_t *hashes,
                          struct mr_group **keys, struct mr_error *error)
{
    int count = 0;
    for (int g = 0; g < table->config->aggregate.group_count; g++)
        if (g != table->config->session_group)
            table->key_columns[count++] = batch->columns[column_of_group ? column_of_group[g] : g];
    if (hashes)
        mr_hash_keys(table->key_columns, count, batch->length, hashes);
    return mr_group_table_find(&table->keys, table->key_columns, hashes, rows, batch->length, true, keys,
                               error);
}

int mr_session_table_new(struct mr_session_table *table, struct mr_group *key, int64_t start_us,
                         int64_t end_us, struct mr_group **out, struct mr_error *error)
{
    struct mr_group *session = table->unused;
    if (session) {
        table->unused = session->next;
        table->states.live++;
        for (int a = 0; a < table->states.aggregate_count; a++)
            table->states.aggregates[a]->type->init(table->states.aggregates[a],
                                                    (char *)session + table->states.offsets[a]);
    } else {
        MR_TRY(mr_group_table_add(&table->states, &session, error));
    }
    session->flags = 0;
    session->next = NULL;
    session->owner = key;
    mr_session_times(session)[0] = start_us;
    mr_session_times(session)[1] = end_us;
    *out = session;
    return MR_OK;
}

void mr_session_table_discard(struct mr_session_table *table, struct mr_group *session)
{
    session->flags = MR_GROUP_REMOVED;
    session->next = table->unused;
    table->unused = session;
    table->states.live--;
}

int mr_session_table_columns(struct mr_session_table *table, struct mr_group *const *sessions, int64_t count,
                             struct mr_column **out, struct mr_error *error)
{
    int groups = table->config->aggregate.group_count, session_group = table->config->session_group;
    struct mr_group **keys = mr_allocate(sizeof(void *) * (size_t)(count + 1));
    if (!keys)
        return mr_error_memory(error, sizeof(void *) * (size_t)count);
    for (int64_t i = 0; i < count; i++)
        keys[i] = sessions[i]->owner;
    int status = mr_group_table_keys(&table->states, sessions, count, &out[session_group], error);
    if (status >= 0)
        status = mr_group_table_keys(&table->keys, keys, count, table->key_columns, error);
    for (int g = 0, k = 0; status >= 0 && g < groups; g++)
        if (g != session_group)
            out[g] = table->key_columns[k++];
    mr_free(keys);
    return status;
}

/* ---- what is due: a binary heap ---- */
static void sift_down(struct mr_session_due *heap, int64_t count, struct mr_session_due item)
{
    int64_t at = 0;
    for (int64_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1].due_us < heap[child].due_us)
            child++;
        if (heap[child].due_us >= item.due_us)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

int mr_session_due_add(struct mr_session_table *table, struct mr_group *session, struct mr_error *error)
{
    if (table->due_count == table->due_capacity) {
        int64_t capacity = table->due_capacity ? table->due_capacity * 2 : 256;
        struct mr_session_due *grown = mr_reallocate(table->due, sizeof *grown * (size_t)capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * (size_t)capacity);
        table->due = grown;
        table->due_capacity = capacity;
    }
    struct mr_session_due item = {mr_session_times(session)[1], session};
    int64_t at = table->due_count++;
    for (int64_t parent = (at - 1) / 2; at > 0 && table->due[parent].due_us > item.due_us;
         parent = (at - 1) / 2) {
        table->due[at] = table->due[parent];
        at = parent;
    }
    table->due[at] = item;
    return MR_OK;
}

/* Below an item of the heap nothing is due earlier. */
static int64_t count_due(const struct mr_session_table *table, int64_t at, int64_t upto_us)
{
    if (at >= table->due_count || table->due[at].due_us > upto_us)
        return 0;
    const struct mr_group *session = table->due[at].session;
    bool counts = !(session->flags & MR_GROUP_REMOVED) && session->owner->flags & MR_GROUP_DIRTY &&
                  mr_session_times(table->due[at].session)[1] <= upto_us;
    return counts + count_due(table, 2 * at + 1, upto_us) + count_due(table, 2 * at + 2, upto_us);
}

int64_t mr_session_due_count(const struct mr_session_table *table, int64_t upto_us)
{
    return count_due(table, 0, upto_us);
}

struct mr_group *mr_session_due_take(struct mr_session_table *table, int64_t upto_us)
{
    if (table->due_count == 0 || table->due[0].due_us > upto_us)
        return NULL;
    struct mr_group *first = table->due[0].session;
    table->due_count--;
    if (table->due_count > 0)
        sift_down(table->due, table->due_count, table->due[table->due_count]);
    return first;
}
