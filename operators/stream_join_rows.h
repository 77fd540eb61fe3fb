/* operators/stream_join_rows.h: rows of both sides of a join of streams in memory: by key, to be joined, and
 * by expiry, to be forgotten.
 *
 * A row is a header and its columns as columns/row.c encodes them. Rows lie in blocks of a bucket: all rows
 * of a side whose expiry falls into one span of time, whatever their key, so that forgetting them gives whole
 * blocks back. Expiry is counted on the watermark of the join's input: a row is gone when it is at or before
 * it. */
#ifndef MR_OPERATORS_STREAM_JOIN_ROWS_H
#define MR_OPERATORS_STREAM_JOIN_ROWS_H

#include "operators/group_table.h"

#define MR_NEVER_EXPIRES INT64_MAX
#define MR_JOIN_ROW_BYTES_MAX ((uint32_t)1 << 27)

struct mr_join_row {
    struct mr_join_row *next; /* of this key and side, an older one */
    int64_t expiry_us;
    uint32_t key;       /* number of its group */
    uint32_t block;     /* number of its block */
    uint32_t size : 28; /* bytes behind the header */
    uint32_t side : 1;
    uint32_t matched : 1; /* has had a partner; counts where the side's rows come out once more */
    uint32_t changed : 1; /* matched since the checkpoint got it */
    uint32_t pack;        /* where it is in the checkpoint (stream_join_state.h); 0: not there */
};
#define MR_JOIN_PASSING UINT32_MAX /* pack of rows that are there together with other keys' */
static inline const char *mr_join_row_bytes(const struct mr_join_row *row)
{
    return (const char *)(row + 1);
}
#define MR_NO_BLOCK UINT32_MAX
#define MR_JOIN_BLOCK_SIZES 9 /* 1 KiB, 2 KiB, … 256 KiB; a row that is larger has a block of its own */
struct mr_join_block {        /* of rows, one behind the other at multiples of 8 */
    struct mr_buffer *buffer;
    uint32_t next;  /* of its bucket, or of the free ones; MR_NO_BLOCK ends */
    uint64_t taken; /* the output batch that was last given the buffer to keep */
};
struct mr_join_bucket {
    int64_t span;    /* expiry_us >> span_bits of the shelf */
    uint32_t blocks; /* the newest */
    size_t bytes;
    int64_t rows; /* live ones */
    int64_t unwritten_bytes;
};
struct mr_join_shelf {              /* rows of one side, by expiry */
    struct mr_join_bucket *buckets; /* ascending; the last may be that of rows that never expire */
    int64_t bucket_count, bucket_capacity, last_used;
    int span_bits;
};
/* Payload of a key in the table. */
struct mr_join_key {
    struct mr_join_row
        *first[2];        /* rows of each side, newest first, those without a pack before all others */
    int64_t latest_us[2]; /* no row of the side expires later */
    uint64_t swept;       /* the removal that last went over its lists */
    bool loaded[2];       /* what the checkpoint holds of this side is in memory */
    bool dirty;           /* in the state's list of keys to write */
    bool changed;         /* has a row that was matched since the checkpoint got it */
};
struct mr_join_rows {
    struct mr_group_table keys;
    struct mr_join_shelf shelves[2];
    struct mr_join_block *blocks;
    uint32_t block_count, block_capacity, free_block;
    struct mr_buffer *pool[MR_JOIN_BLOCK_SIZES]; /* of freed blocks, by size; chained by their first bytes */
    size_t pool_bytes, least_pool_bytes;         /* least: since it was last trimmed */
    size_t bytes;                                /* of blocks */
    int64_t live;                                /* rows */
    int64_t unwritten_bytes; /* of rows that the checkpoint does not have, and of changed ones */
    int64_t highest_us;      /* largest expiry ever seen here */
    uint64_t removals;
};
int mr_join_rows_init(struct mr_join_rows *rows, const struct mr_type *const *key_types, int key_count,
                      struct mr_error *error);
void mr_join_rows_release(struct mr_join_rows *rows);
/* Forgets everything, keeps little memory. */
void mr_join_rows_clear(struct mr_join_rows *rows);
static inline struct mr_join_key *mr_join_key_of(const struct mr_join_rows *rows,
                                                 const struct mr_group *group)
{
    return mr_group_payload(&rows->keys, group);
}
/* Room for a row of the side, of up to bound bytes, that expires then. The caller fills it in and calls add.
 */
int mr_join_rows_place(struct mr_join_rows *rows, int side, int64_t expiry_us, size_t bound_bytes,
                       struct mr_join_row **out, struct mr_error *error);
/* The row placed last, of this key and with size and pack set, takes its place. */
void mr_join_rows_add(struct mr_join_rows *rows, struct mr_join_row *row, struct mr_group *key);
static inline struct mr_join_block *mr_join_block_of(const struct mr_join_rows *rows,
                                                     const struct mr_join_row *row)
{
    return &rows->blocks[row->block];
}
/* The row has found a partner: false when it had one before. */
bool mr_join_rows_match(struct mr_join_rows *rows, struct mr_join_row *row);
struct mr_join_removal {
    int64_t evict_us; /* rows that expire at or before go */
    int sides;        /* of these (bit 0 left) */
    int told;         /* each is called for rows of these */
    int (*each)(void *ctx, struct mr_join_row *row, struct mr_error *error); /* NULL: nobody */
    void *ctx;
};
/* Takes rows out of the lists of their keys, and keys without rows out of the table. The rows stay readable
 * until they are freed. */
int mr_join_rows_remove(struct mr_join_rows *rows, const struct mr_join_removal *removal, int64_t *removed,
                        struct mr_error *error);
void mr_join_rows_free_removed(struct mr_join_rows *rows);
/* The checkpoint has all rows now, as they are. */
void mr_join_rows_written(struct mr_join_rows *rows);
/* When removed keys have left more holes than there are keys: moves them together. Nobody may hold a group.
 */
int mr_join_rows_compact(struct mr_join_rows *rows, struct mr_error *error);
/* Gives back what is kept for reuse: all, or what has not been needed since the last call. */
void mr_join_rows_trim(struct mr_join_rows *rows, bool all);
size_t mr_join_rows_bytes(const struct mr_join_rows *rows);

#endif
