/* checkpoints/expiry.c: state that is logically absent, dropped for good when RocksDB compacts.
 *
 * A decision raises the threshold of a state id (META, expired/<state id>); entries of that state at or below
 * it are absent for the operator from then on. Compaction drops them by a filter, which knows durable
 * thresholds only: those read at open, and those of decisions whose synced write has returned. So whatever
 * compaction has dropped, a later start knows to be absent. RocksDB turns a dropped entry into a deletion
 * wherever an older version of the key may lie below, so that none comes back. Retained copies have their own
 * links to the files, and their own thresholds; a read-only open does not compact.
 *
 * The filter runs on RocksDB's threads. It reads a list that only grows, and numbers that only rise. */
#include <stdio.h>

#include "checkpoints/rocks.h"

#define STATE_ID_BYTES 2
#define VALUE_BYTES (MR_ROCKS_HEADER + 1 + 8) /* our header, the operator's version byte, the expiry */

static struct mr_expiry *find(const struct mr_expiry *first, uint16_t state_id)
{
    const struct mr_expiry *expiry = first;
    while (expiry && expiry->state_id != state_id)
        expiry = expiry->next;
    return (struct mr_expiry *)expiry;
}

int64_t mr_expired_until(const struct mr_checkpoint *checkpoint, uint16_t state_id)
{
    const struct mr_expiry *expiry = find(atomic_load(&checkpoint->expiries), state_id);
    return expiry ? atomic_load(&expiry->expired_us) : INT64_MIN;
}

int mr_expired_raise(struct mr_checkpoint *checkpoint, uint16_t state_id, int64_t expired_us,
                     struct mr_error *error)
{
    struct mr_expiry *expiry = find(atomic_load(&checkpoint->expiries), state_id);
    if (!expiry) {
        expiry = mr_allocate(sizeof *expiry);
        if (!expiry)
            return mr_error_memory(error, sizeof *expiry);
        expiry->state_id = state_id;
        expiry->next = atomic_load(&checkpoint->expiries);
        atomic_init(&expiry->expired_us, expired_us);
        atomic_store(&checkpoint->expiries, expiry); /* only the driver adds: nobody else stores here */
    } else if (expired_us > atomic_load(&expiry->expired_us)) {
        atomic_store(&expiry->expired_us, expired_us);
    }
    return MR_OK;
}

void mr_expired_key(char out[MR_EXPIRED_KEY_BYTES], uint16_t state_id)
{
    memcpy(out, MR_ROCKS_KEY_EXPIRED, MR_EXPIRED_KEY_BYTES - STATE_ID_BYTES);
    out[MR_EXPIRED_KEY_BYTES - 2] = (char)(state_id >> 8);
    out[MR_EXPIRED_KEY_BYTES - 1] = (char)state_id;
}

static int load(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = ctx;
    MR_TRY(mr_rocks_unwrap(checkpoint, MR_ROCKS_EXPIRED, &value, error));
    if (key.size != STATE_ID_BYTES || value.size != 8)
        return mr_error_set(error, MR_E_CORRUPT,
                            "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                            "An expiry threshold in the checkpoint %s is cut short: it is damaged.",
                            checkpoint->path);
    uint16_t state_id = (uint16_t)((uint8_t)key.data[0] << 8 | (uint8_t)key.data[1]);
    return mr_expired_raise(checkpoint, state_id, (int64_t)mr_get_u64(value.data), error);
}

int mr_expired_load(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    return mr_rocks_scan_meta(checkpoint, MR_ROCKS_KEY_EXPIRED, load, checkpoint, error);
}

/* Nonzero drops the entry. What is not of the form this file knows is kept. */
static unsigned char filter(void *ctx, int level, const char *key, size_t key_size, const char *value,
                            size_t value_size, char **new_value, size_t *new_value_size,
                            unsigned char *value_changed)
{
    const struct mr_checkpoint *checkpoint = ctx;
    (void)level, (void)new_value, (void)new_value_size;
    *value_changed = 0;
    const struct mr_expiry *expiry = atomic_load_explicit(&checkpoint->expiries, memory_order_acquire);
    if (!expiry || key_size < STATE_ID_BYTES || value_size < VALUE_BYTES || value[0] != MR_ROCKS_STATE ||
        value[1] != MR_ROCKS_VERSION)
        return 0;
    expiry = find(expiry, (uint16_t)((uint8_t)key[0] << 8 | (uint8_t)key[1]));
    int64_t expiry_us;
    memcpy(&expiry_us, value + MR_ROCKS_HEADER + 1, 8);
    int64_t expired_us = expiry ? atomic_load_explicit(&expiry->expired_us, memory_order_relaxed) : INT64_MIN;
    return expired_us != INT64_MIN && expiry_us <= expired_us; /* INT64_MIN: nothing decided yet */
}

static const char *filter_name(void *ctx)
{
    (void)ctx;
    return "millrace.expiry";
}

static void keep(void *ctx)
{
    (void)ctx; /* the checkpoint owns the list, and outlives the filter */
}

void mr_expired_filter(struct mr_checkpoint *checkpoint, rocksdb_options_t *state_options)
{
    checkpoint->filter = rocksdb_compactionfilter_create(checkpoint, keep, filter, filter_name);
    rocksdb_options_set_compaction_filter(state_options, checkpoint->filter);
}

void mr_expired_release(struct mr_checkpoint *checkpoint)
{
    struct mr_expiry *expiry = atomic_load(&checkpoint->expiries);
    while (expiry) {
        struct mr_expiry *next = expiry->next;
        mr_free(expiry);
        expiry = next;
    }
    atomic_store(&checkpoint->expiries, NULL);
    if (checkpoint->filter)
        rocksdb_compactionfilter_destroy(checkpoint->filter);
    checkpoint->filter = NULL;
}

int mr_checkpoint_compact(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    MR_TRY(mr_rocks_writable(checkpoint, error));
    for (int family = 0; family < MR_FAMILY_COUNT; family++)
        rocksdb_compact_range_cf(checkpoint->db, checkpoint->families[family], NULL, 0, NULL, 0);
    return MR_OK;
}
