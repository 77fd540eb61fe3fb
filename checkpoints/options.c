/* checkpoints/options.c: RocksDB opened so that its synced write is a commit point.
 *
 * What the options below must give: the write-ahead log is always on and synced by the decision's write; it
 * is replayed to the first hole (a torn tail is ordinary; decisions lost behind a hole are noticed by the
 * targets' registers); what was replayed is flushed before open returns, so that nobody acts on what is only
 * in the page cache; after an error nothing is resumed (invariant 9). */
#include <stdio.h>

#include "checkpoints/rocks.h"

static const char durability[] =
    "wal_recovery_mode=kPointInTimeRecovery;"
    "avoid_flush_during_recovery=" /* 1: neither log nor table would be synced at open */
#ifdef MR_PLANT_PAGE_CACHE
    "1;"
#else
    "0;"
#endif
    "manual_wal_flush=0;unordered_write=0;two_write_queues=0;enable_pipelined_write=0;"
    "paranoid_checks=1;max_bgerror_resume_count=0;"
    "recycle_log_file_num=0;allow_mmap_writes=0;best_efforts_recovery=0;wal_compression=kNoCompression;"
    "track_and_verify_wals_in_manifest=1;"
    "max_total_wal_size=33554432;"; /* bounds replay */

/* A small process that starts fast: no statistics threads, no pile of info logs. The info log says next to
 * nothing: RocksDB as Debian builds it aborts the process when it logs a line after one that could not be
 * written, so on a full disk there would be no typed error; what matters comes to us as a status. */
static const char economy[] =
    "stats_dump_period_sec=0;stats_persist_period_sec=0;skip_stats_update_on_db_open=1;"
    "max_background_jobs=2;max_file_opening_threads=1;keep_log_file_num=2;"
    "max_manifest_file_size=4194304;info_log_level=FATAL_LEVEL;bytes_per_sync=1048576;"
    "compression=kLZ4Compression;report_bg_io_stats=0;";

/* What a key costs that is not in an operator's cache, with ten million live ones. Reading: a memtable is
 * asked by its bloom filter first; runs that are not merged yet are asked one by one, so a writer waits
 * before there are many. (Insertion with a hint would halve the cost of sorted keys, but RocksDB 7.8 fails an
 * assertion of its own when it replays the log with it.) Writing: keys that change are spread over all that
 * live, so merging into one base level would rewrite all of the state for every few memtables; runs of
 * similar size are merged instead, and the whole only when it has tripled. */
static const char lookups[] =
    "memtable_prefix_bloom_size_ratio=0.05;memtable_whole_key_filtering=1;"
    "compaction_style=kCompactionStyleUniversal;"
    "level0_file_num_compaction_trigger=5;level0_slowdown_writes_trigger=10;level0_stop_writes_trigger=20;"
    "compaction_options_universal={max_size_amplification_percent=200;size_ratio=20;};";

#define MOST_BUFFERS ((size_t)32 << 20)
#define CACHE_SHARD_BITS 2
#define WORTH_FLUSHING ((uint64_t)4 << 20)
#define WORTH_SETTLING ((uint64_t)16 << 20)
#define SETTLE_POLL_US 5000
#define SETTLE_POLLS 600
#define QUIET_POLLS 4

/* A key's way into a table leads through its filter and its index, a sixth of what the table takes, a third
 * at worst. State of which memory holds them all has them whole, as part of the open table, and no cache of
 * blocks: among many keys a block is hardly met again before it would drop out, and looking for it
 * there costs half a microsecond even if it passes by. (Operators keep what they use again.) Of more state
 * only pieces of filters and indexes are read at a time, into a cache: dearer per key, but what is not cached
 * costs 32 KiB instead of one MiB. Every file says itself which it has. */
#define WHOLE_SHARE 3
#define WHOLE_FILE_BYTES ((size_t)4 << 20)
#define LEAST_OPEN_FILES 32
#define PIECES_FILE_BYTES ((size_t)16 << 20)
#define PIECES_OPEN_FILES 512

static pthread_mutex_t cache_mutex = PTHREAD_MUTEX_INITIALIZER;
static rocksdb_cache_t *cache; /* of all checkpoints of the process; stays */
static size_t cache_capacity;
static rocksdb_env_t *first_env; /* RocksDB's process-wide state, made by one thread; stays */

/* Not strict: a strict cache makes reads fail when it is full. */
static rocksdb_cache_t *cache_take(size_t bytes)
{
    pthread_mutex_lock(&cache_mutex);
    cache_capacity += bytes;
    if (!cache) { /* few shards: what does not fit into one is thrown out at once */
        rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
        rocksdb_lru_cache_options_set_capacity(options, cache_capacity);
        rocksdb_lru_cache_options_set_num_shard_bits(options, CACHE_SHARD_BITS);
        cache = rocksdb_cache_create_lru_opts(options);
        rocksdb_lru_cache_options_destroy(options);
    } else {
        rocksdb_cache_set_capacity(cache, cache_capacity);
    }
    pthread_mutex_unlock(&cache_mutex);
    return cache;
}

static void cache_give(size_t bytes)
{
    if (bytes == 0)
        return;
    pthread_mutex_lock(&cache_mutex);
    cache_capacity -= bytes;
    rocksdb_cache_set_capacity(cache, cache_capacity);
    pthread_mutex_unlock(&cache_mutex);
}

struct tables { /* of a checkpoint about to be opened */
    const char *database;
    struct mr_arena arena;
    uint64_t bytes, largest_bytes;
};

static int add_table(void *ctx, const char *name, bool is_directory)
{
    struct tables *tables = ctx;
    struct mr_file_info info;
    if (is_directory || !mr_str_ends_with(mr_str_of(name), MR_STR(".sst")))
        return 0;
    const char *path = mr_path_join(&tables->arena, tables->database, name);
    if (path && mr_env()->stat(path, &info) == 0) {
        tables->bytes += (uint64_t)info.size_bytes;
        if ((uint64_t)info.size_bytes > tables->largest_bytes)
            tables->largest_bytes = (uint64_t)info.size_bytes;
    }
    return 0;
}

/* May the tables have whole filters and indexes? Not where there are large files: those have pieces, which
 * nobody would find again without a cache. */
static bool may_be_whole(const char *database, size_t lookup_bytes)
{
    struct tables tables = {.database = database};
    mr_arena_init(&tables.arena);
    mr_env()->list(database, add_table, &tables); /* fails where there is none yet */
    mr_arena_release(&tables.arena);
    return tables.bytes / WHOLE_SHARE <= lookup_bytes && tables.largest_bytes <= 2 * WHOLE_FILE_BYTES;
}

static void set_tables(rocksdb_options_t *options, rocksdb_cache_t *pieces)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10));
    /* Small blocks: a key read is a block read and decompressed. Keys are asked for in ascending order, and
     * those that need the same filter, index or piece of one share the way to it. */
    rocksdb_block_based_options_set_block_size(table, 2 * 1024);
    rocksdb_block_based_options_set_index_block_restart_interval(table, 4); /* keys begin alike */
    if (pieces) {
        rocksdb_block_based_options_set_block_cache(table, pieces);
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1); /* inside the limit */
        rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
        rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
        rocksdb_block_based_options_set_index_type(
            table, rocksdb_block_based_table_index_type_two_level_index_search);
        rocksdb_block_based_options_set_partition_filters(table, 1);
        rocksdb_block_based_options_set_metadata_block_size(table, 32 * 1024);
    } else {
        rocksdb_block_based_options_set_no_block_cache(table, 1);
    }
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

/* pieces: the cache of pieces of filters and indexes; NULL: tables have whole ones. */
static rocksdb_options_t *make_options(size_t buffer_bytes, rocksdb_cache_t *pieces, size_t open_files,
                                       struct mr_error *error)
{
    pthread_mutex_lock(&cache_mutex); /* RocksDB makes its tables of options when they are first asked for */
    if (!first_env)
        first_env = rocksdb_create_default_env();
    rocksdb_options_t *base = rocksdb_options_create(), *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(base, 1);
    rocksdb_options_set_create_missing_column_families(base, 1);
    char text[sizeof durability + sizeof economy + sizeof lookups + 240], *message = NULL;
    snprintf(text, sizeof text,
             "%s%s%sdb_write_buffer_size=%zu;write_buffer_size=%zu;max_write_buffer_number=3;"
             "target_file_size_base=%zu;max_open_files=%zu;table_cache_numshardbits=0;",
             durability, economy, lookups, buffer_bytes, buffer_bytes,
             pieces ? PIECES_FILE_BYTES : WHOLE_FILE_BYTES, open_files);
    rocksdb_get_options_from_string(base, text, options, &message);
    rocksdb_options_destroy(base);
    pthread_mutex_unlock(&cache_mutex);
    if (message) {
        rocksdb_options_destroy(options);
        mr_rocks_error(error, message, "INTERNAL_ERROR", "RocksDB refuses our options");
        return NULL;
    }
    set_tables(options, pieces);
    return options;
}

static void make_handles(struct mr_checkpoint *checkpoint)
{
    checkpoint->synced = rocksdb_writeoptions_create();
#ifndef MR_PLANT_DECIDE_UNSYNCED
    rocksdb_writeoptions_set_sync(checkpoint->synced, 1);
#endif
    checkpoint->lazy = rocksdb_writeoptions_create();
    rocksdb_writeoptions_t *both[] = {checkpoint->synced, checkpoint->lazy};
    for (int i = 0; i < 2; i++) {
        rocksdb_writeoptions_disable_WAL(both[i], 0);
        rocksdb_writeoptions_set_ignore_missing_column_families(both[i], 0); /* else half a decision */
        rocksdb_writeoptions_set_no_slowdown(both[i], 0); /* else Incomplete under a stall */
    }
    checkpoint->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(checkpoint->reading, 1);
    checkpoint->passing = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(checkpoint->passing, 1);
    rocksdb_readoptions_set_fill_cache(checkpoint->passing, 0);
}

static uint64_t state_property(const struct mr_checkpoint *checkpoint, const char *name)
{
    uint64_t value = 0;
    rocksdb_property_int_cf(checkpoint->db, checkpoint->families[MR_FAMILY_STATE], name, &value);
    return value;
}

int mr_rocks_flush(struct mr_checkpoint *checkpoint, struct mr_error *error)
{
    char *message = NULL;
    MR_TRY(mr_rocks_writable(checkpoint, error));
    rocksdb_flushoptions_t *how = rocksdb_flushoptions_create();
    for (int i = 0; i < MR_FAMILY_COUNT && !message; i++)
        rocksdb_flush_cf(checkpoint->db, how, checkpoint->families[i], &message);
    rocksdb_flushoptions_destroy(how);
    if (!message)
        return MR_OK;
    /* RocksDB 7.8 has marked the write buffer as closed before it fails to make the next log, and aborts the
     * process when it comes to the same buffer again. */
    checkpoint->failed = true;
    return mr_rocks_error(error, message, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                          "Cannot write to the checkpoint %s", checkpoint->path);
}

/* So that opening again has little to replay. Only to save time: the log has it all. */
static void flush_to_close(struct mr_checkpoint *checkpoint)
{
    uint64_t buffered_bytes = 0, errors = 0;
    struct mr_error ignored;
    for (int i = 0; i < MR_FAMILY_COUNT; i++) {
        uint64_t bytes = 0;
        rocksdb_property_int_cf(checkpoint->db, checkpoint->families[i], "rocksdb.cur-size-all-mem-tables",
                                &bytes);
        buffered_bytes += bytes;
    }
    rocksdb_property_int(checkpoint->db, "rocksdb.background-errors", &errors);
    if (!checkpoint->read_only && !checkpoint->failed && errors == 0 && buffered_bytes >= WORTH_FLUSHING)
        mr_rocks_flush(checkpoint, &ignored);
}

/* Merges of much state that have begun are brought to their end, for some seconds: closing would throw away
 * what they have done, so the next process would begin again, and meanwhile look for its keys in all of these
 * runs. (What RocksDB calls pending may stay so; only what soon begins is waited for.) */
static void settle(const struct mr_checkpoint *checkpoint)
{
    if (checkpoint->read_only || checkpoint->failed || checkpoint->written_bytes < WORTH_FLUSHING ||
        state_property(checkpoint, "rocksdb.estimate-live-data-size") < WORTH_SETTLING)
        return;
    for (int polls = 0, quiet = 0; polls < SETTLE_POLLS && quiet < QUIET_POLLS; polls++) {
        quiet = state_property(checkpoint, "rocksdb.num-running-compactions") > 0 ? 0 : quiet + 1;
        if (state_property(checkpoint, "rocksdb.background-errors") > 0)
            return;
        mr_env()->sleep_us(SETTLE_POLL_US);
    }
}

/* RocksDB's message, to be freed, or NULL. */
static char *open_database(struct mr_checkpoint *checkpoint, rocksdb_options_t *database,
                           rocksdb_options_t *state, bool read_only)
{
    static const char *const names[MR_FAMILY_COUNT] = {"default", "state", "sources"};
    const rocksdb_options_t *all[MR_FAMILY_COUNT] = {database, state, database};
    char *message = NULL;
    if (read_only)
        checkpoint->db =
            rocksdb_open_for_read_only_column_families(database, checkpoint->database, MR_FAMILY_COUNT, names,
                                                       all, checkpoint->families, 0, &message);
    else
        checkpoint->db = rocksdb_open_column_families(database, checkpoint->database, MR_FAMILY_COUNT, names,
                                                      all, checkpoint->families, &message);
    return message;
}

int mr_rocks_open(struct mr_checkpoint *checkpoint, const struct mr_checkpoint_options *options,
                  struct mr_error *error)
{
    size_t memory = options->memory_bytes ? options->memory_bytes : (size_t)64 << 20;
    if (memory < (size_t)4 << 20)
        memory = (size_t)4 << 20;
    /* Write buffers are filled sooner or later, the cache only by what is read: a quarter, and not more than
     * speeds anything up, for the former. */
    size_t buffers = memory / 4 < MOST_BUFFERS ? memory / 4 : MOST_BUFFERS;
    rocksdb_cache_t *pieces = NULL;
    size_t open_files = PIECES_OPEN_FILES, lookup_bytes = memory - buffers;
    if (may_be_whole(checkpoint->database, lookup_bytes)) {
        /* Twice as many as that: while they are merged there are old and new ones. */
        open_files = lookup_bytes * WHOLE_SHARE * 2 / WHOLE_FILE_BYTES;
        open_files = open_files < LEAST_OPEN_FILES ? LEAST_OPEN_FILES : open_files;
    } else {
        pieces = cache_take(lookup_bytes);
        checkpoint->cache_bytes = lookup_bytes;
    }
    rocksdb_options_t *db_options = make_options(buffers, pieces, open_files, error);
    if (!db_options)
        return error->code;
    rocksdb_options_t *state_options = rocksdb_options_create_copy(db_options);
    mr_expired_filter(checkpoint, state_options);
    char *message = open_database(checkpoint, db_options, state_options, options->read_only);
    struct mr_error unread;
    bool cut = false;
    if (message && !options->read_only)
        mr_rocks_cut_torn_manifest(checkpoint, &cut, &unread);
    if (cut) {
        rocksdb_free(message);
        message = open_database(checkpoint, db_options, state_options, false);
    }
    rocksdb_options_destroy(db_options);
    rocksdb_options_destroy(state_options);
    if (message) {
        checkpoint->db = NULL;
        return mr_rocks_error(error, message, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "Cannot open the checkpoint %s", checkpoint->path);
    }
    make_handles(checkpoint);
    return MR_OK;
}

void mr_rocks_close(struct mr_checkpoint *checkpoint)
{
    if (checkpoint->db) {
        flush_to_close(checkpoint);
        settle(checkpoint);
        for (int i = 0; i < MR_FAMILY_COUNT; i++)
            rocksdb_column_family_handle_destroy(checkpoint->families[i]);
        rocksdb_writeoptions_destroy(checkpoint->synced);
        rocksdb_writeoptions_destroy(checkpoint->lazy);
        rocksdb_readoptions_destroy(checkpoint->reading);
        rocksdb_readoptions_destroy(checkpoint->passing);
        rocksdb_close(checkpoint->db);
        checkpoint->db = NULL;
    }
    mr_expired_release(checkpoint);
    cache_give(checkpoint->cache_bytes);
    checkpoint->cache_bytes = 0;
}
