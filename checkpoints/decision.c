/* checkpoints/decision.c: everything a batch changes, gathered into one WriteBatch and written once
 * (invariant 2). */
#include "checkpoints/checkpoint.h"
#include "checkpoints/rocks.h"

struct staged_sink { /* what a sink's register will be once this is decided */
    struct staged_sink *next;
    struct mr_str sink;
    struct mr_register expected;
};
struct staged_expiry {
    struct staged_expiry *next;
    uint16_t state_id;
    int64_t expired_us;
};
struct mr_decision {
    struct mr_checkpoint *checkpoint;
    int64_t batch;
    uint64_t id;
    rocksdb_writebatch_t *batch_of_writes;
    size_t bytes;
    struct staged_sink *staged;
    struct staged_expiry *expiries; /* one per state id */
    struct mr_arena arena;
    struct mr_text value; /* scratch */
    int failed;           /* the first error of calls that return nothing */
    struct mr_error error;
};

int mr_decision_begin(struct mr_checkpoint *checkpoint, int64_t batch, struct mr_decision **out,
                      struct mr_error *error)
{
    *out = NULL;
    MR_TRY(mr_rocks_writable(checkpoint, error));
    if (checkpoint->open || batch <= checkpoint->last_batch)
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "Batch %lld cannot be decided: %s.",
                            (long long)batch,
                            checkpoint->open ? "another decision is open" : "a later one is decided already");
    struct mr_decision *decision = mr_allocate_zeroed(sizeof *decision);
    if (!decision)
        return mr_error_memory(error, sizeof *decision);
    decision->checkpoint = checkpoint;
    decision->batch = batch;
    do { /* 63 bits, so that it fits a version of the Delta log; never 0 */
        decision->id = mr_env()->random() >> 1;
    } while (decision->id == 0);
    decision->batch_of_writes = rocksdb_writebatch_create();
    mr_arena_init(&decision->arena);
    mr_text_init(&decision->value);
    checkpoint->open = decision;
    *out = decision;
    return MR_OK;
}

uint64_t mr_decision_id(const struct mr_decision *decision)
{
    return decision->id;
}

size_t mr_decision_bytes(const struct mr_decision *decision)
{
    return decision->bytes;
}

static void fail(struct mr_decision *decision, int status)
{
    if (decision->failed >= 0)
        decision->failed = status;
}

static void put(struct mr_decision *decision, enum mr_family family, enum mr_rocks_kind kind,
                struct mr_str key, const struct mr_str *parts, int count)
{
    struct mr_text *value = &decision->value;
    mr_text_clear(value);
    mr_text_append(value, (char[MR_ROCKS_HEADER]){(char)kind, MR_ROCKS_VERSION}, MR_ROCKS_HEADER);
    for (int i = 0; i < count; i++)
        mr_text_append(value, parts[i].data, parts[i].size);
    if (value->failed) {
        fail(decision, mr_error_memory(&decision->error, value->capacity));
        return;
    }
    decision->bytes += key.size + value->size;
    rocksdb_writebatch_put_cf(decision->batch_of_writes, decision->checkpoint->families[family], key.data,
                              key.size, value->data, value->size);
}

void mr_decision_put(struct mr_decision *decision, enum mr_family family, struct mr_str key,
                     struct mr_str value)
{
    put(decision, family, mr_rocks_kind_of(family), key, &value, 1);
}

void mr_decision_delete(struct mr_decision *decision, enum mr_family family, struct mr_str key)
{
    rocksdb_writebatch_delete_cf(decision->batch_of_writes, decision->checkpoint->families[family], key.data,
                                 key.size);
    decision->bytes += key.size;
}

void mr_decision_delete_range(struct mr_decision *decision, enum mr_family family, struct mr_str begin,
                              struct mr_str end)
{
    if (mr_str_compare(begin, end) >= 0) /* RocksDB would refuse the whole write */
        return;
    rocksdb_writebatch_delete_range_cf(decision->batch_of_writes, decision->checkpoint->families[family],
                                       begin.data, begin.size, end.data, end.size);
    decision->bytes += begin.size + end.size;
}

/* What the sink's register will be after all that is decided, this decision's part included. */
static struct mr_register expected(const struct mr_decision *decision, struct mr_str sink)
{
    for (const struct staged_sink *s = decision->staged; s; s = s->next) {
        if (mr_str_equal(s->sink, sink))
            return s->expected;
    }
    struct mr_register known;
    mr_checkpoint_register(decision->checkpoint, sink, &known);
    return known;
}

void mr_decision_enrol(struct mr_decision *decision, struct mr_str sink, const struct mr_register *enrolled)
{
    struct staged_sink *staged = MR_ARENA_NEW(&decision->arena, struct staged_sink);
    char *name = mr_arena_copy_text(&decision->arena, sink.data, sink.size);
    struct mr_text key;
    mr_text_init(&key);
    mr_text_append_str(&key, MR_ROCKS_KEY_REGISTER);
    mr_text_append(&key, sink.data, sink.size);
    if (!staged || !name || key.failed) {
        fail(decision, mr_error_memory(&decision->error, sink.size));
    } else {
        *staged = (struct staged_sink){decision->staged, {name, sink.size}, *enrolled};
        decision->staged = staged; /* the newest is found first */
        char value[16];
        mr_register_encode(value, enrolled);
        put(decision, MR_FAMILY_META, MR_ROCKS_REGISTER, mr_text_str(&key), &(struct mr_str){value, 16}, 1);
    }
    mr_text_release(&key);
}

void mr_decision_manifest(struct mr_decision *decision, struct mr_str sink, struct mr_str manifest)
{
    struct mr_register before = expected(decision, sink);
    if (!before.present) {
        fail(decision,
             mr_error_set(&decision->error, MR_E_INTERNAL, "INTERNAL_ERROR",
                          "The sink %.*s has a manifest before it is enrolled.", (int)sink.size, sink.data));
        return;
    }
    struct mr_text key;
    mr_text_init(&key);
    mr_manifest_key(&key, MR_ROCKS_KEY_PENDING, sink, decision->batch);
    if (key.failed)
        fail(decision, mr_error_memory(&decision->error, sink.size));
    char fixed[24];
    mr_put_u64(fixed, decision->id);
    mr_register_encode(fixed + 8, &before);
    struct mr_str parts[] = {{fixed, sizeof fixed}, manifest};
    put(decision, MR_FAMILY_META, MR_ROCKS_PENDING, mr_text_str(&key), parts, 2);
    mr_text_release(&key);
    mr_decision_enrol(decision, sink, &(struct mr_register){true, decision->batch, decision->id});
}

void mr_decision_expire(struct mr_decision *decision, uint16_t state_id, int64_t expired_us)
{
    struct staged_expiry *staged = decision->expiries;
    while (staged && staged->state_id != state_id)
        staged = staged->next;
    if (expired_us <= (staged ? staged->expired_us : mr_expired_until(decision->checkpoint, state_id)))
        return;
    if (!staged) {
        staged = MR_ARENA_NEW(&decision->arena, struct staged_expiry);
        if (!staged) {
            fail(decision, mr_error_memory(&decision->error, sizeof *staged));
            return;
        }
        *staged = (struct staged_expiry){.next = decision->expiries, .state_id = state_id};
        decision->expiries = staged;
    }
    staged->expired_us = expired_us;
    char key[MR_EXPIRED_KEY_BYTES], value[8];
    mr_expired_key(key, state_id);
    mr_put_u64(value, (uint64_t)expired_us);
    put(decision, MR_FAMILY_META, MR_ROCKS_EXPIRED, (struct mr_str){key, sizeof key},
        &(struct mr_str){value, sizeof value}, 1);
}

static void release(struct mr_decision *decision)
{
    decision->checkpoint->open = NULL;
    rocksdb_writebatch_destroy(decision->batch_of_writes);
    mr_arena_release(&decision->arena);
    mr_text_release(&decision->value);
    mr_free(decision);
}

/* Memory follows what is on disk. Room for a new entry is made before the write. */
static int adopt(struct mr_decision *decision, bool reserve_only, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = decision->checkpoint;
    for (const struct staged_sink *s = decision->staged; s; s = s->next) {
        struct mr_register value = expected(decision, s->sink);
        struct mr_register known;
        mr_checkpoint_register(checkpoint, s->sink, &known);
        if (reserve_only && !known.present)
            value.present = false;
        else if (reserve_only)
            continue;
        MR_TRY(mr_known_sink_set(checkpoint, s->sink, &value, error));
    }
    for (const struct staged_expiry *e = decision->expiries; e; e = e->next)
        MR_TRY(mr_expired_raise(checkpoint, e->state_id, reserve_only ? INT64_MIN : e->expired_us, error));
    return MR_OK;
}

static int failure(const struct mr_decision *decision, struct mr_error *error)
{
    if (decision->failed < 0)
        *error = decision->error;
    return decision->failed;
}

int mr_decision_commit(struct mr_decision *decision, struct mr_str record, struct mr_error *error)
{
    struct mr_checkpoint *checkpoint = decision->checkpoint;
    int status;
    MR_ERR(failure(decision, error));
    MR_ERR(adopt(decision, true, error));
    char fixed[16];
    mr_put_u64(fixed, (uint64_t)decision->batch);
    mr_put_u64(fixed + 8, decision->id);
    struct mr_str parts[] = {{fixed, sizeof fixed}, record};
    mr_killpoint("decide.before");
#ifdef MR_PLANT_TWO_WRITES
    MR_ERR(mr_rocks_write(checkpoint, decision->batch_of_writes, true, error));
    rocksdb_writebatch_clear(decision->batch_of_writes);
    mr_killpoint("decide.between");
#endif
    put(decision, MR_FAMILY_META, MR_ROCKS_LAST, MR_STR(MR_ROCKS_KEY_LAST), parts, 2);
    MR_ERR(failure(decision, error));
    MR_ERR(mr_rocks_write(checkpoint, decision->batch_of_writes, true, error));
    mr_killpoint("decide.after");
    checkpoint->last_batch = decision->batch;
    checkpoint->written_bytes += decision->bytes;
    MR_ERR(adopt(decision, false, error));
    MR_ERR(mr_rocks_refresh_check(checkpoint, error));
err:
    if (status < 0)
        error->flags |= MR_FATAL;
    release(decision);
    return status;
}

void mr_decision_abandon(struct mr_decision *decision)
{
    if (decision)
        release(decision);
}
