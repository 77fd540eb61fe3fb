/* checkpoints/torn.c: what a power cut may leave at the end of RocksDB's MANIFEST.
 *
 * RocksDB writes a change of its set of tables there and fsyncs it before anything relies on it: the logs
 * that hold the same rows stay until then. When the power goes in between, the file may have grown without
 * all of the bytes it has grown by. Of a log RocksDB leaves out such an end, of the MANIFEST it refuses it,
 * and with it all of the state. So the record is cut off here, where it looks torn: last in the file, and
 * with a sector that holds nothing but zeros. Any other damage stays an error.
 *
 * Layout of both: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format */
#include <stdio.h>

#include "checkpoints/rocks.h"

#define BLOCK 32768u
#define HEAD 7u /* masked CRC-32C of type and bytes, size (2 bytes), type */
#define SECTOR 512u
#define LEAST_ZEROS 16u /* fewer may be a record's own */

enum { WHOLE = 1, FIRST, MIDDLE, LAST };

static uint32_t masked_crc32c(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82F63B78u & -(crc & 1));
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Where the record at *at ends, by its own word; 0: none can begin there. Moves *at to the next block where
 * this one has no room. */
static size_t end_of_record(const uint8_t *data, size_t size, size_t *at)
{
    if (BLOCK - *at % BLOCK < HEAD)
        *at += BLOCK - *at % BLOCK;
    if (*at + HEAD > size)
        return 0;
    const uint8_t *head = data + *at;
    size_t end = *at + HEAD + head[4] + ((size_t)head[5] << 8);
    bool possible = head[6] >= WHOLE && head[6] <= LAST && end <= size && (end - 1) / BLOCK == *at / BLOCK;
    return possible ? end : 0;
}

static bool is_intact(const uint8_t *data, size_t at, size_t end)
{
    const uint8_t *head = data + at;
    uint32_t said = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
    return masked_crc32c(head + HEAD - 1, end - at - HEAD + 1) == said;
}

/* Has a piece of data, as sectors divide it, not arrived? */
static bool lacks_a_sector(const uint8_t *data, size_t begin, size_t end)
{
    while (begin < end) {
        size_t next = begin / SECTOR * SECTOR + SECTOR, zeros = 0;
        next = next < end ? next : end;
        while (begin + zeros < next && data[begin + zeros] == 0)
            zeros++;
        if (begin + zeros == next && zeros >= LEAST_ZEROS)
            return true;
        begin = next;
    }
    return false;
}

/* How much of the file holds records that are whole; its size, unless the end is torn. */
static size_t without_torn_end(const uint8_t *data, size_t size)
{
    size_t at = 0, kept = 0, end;
    for (end = end_of_record(data, size, &at); end > 0 && is_intact(data, at, end);
         end = end_of_record(data, size, &at)) {
        kept = data[at + 6] == WHOLE || data[at + 6] == LAST ? end : kept;
        at = end;
    }
    size_t broken = at;
    while (end > 0) { /* what was written later is there: this is no torn write */
        at = end;
        end = end_of_record(data, size, &at);
        if (end > 0 && is_intact(data, at, end))
            return size;
    }
    return kept > 0 && lacks_a_sector(data, broken, size) ? kept : size;
}

int mr_rocks_cut_torn_manifest(const struct mr_checkpoint *checkpoint, bool *cut, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_text name, manifest;
    *cut = false;
    mr_arena_init(&arena);
    mr_text_init(&name);
    mr_text_init(&manifest);
    char *path = mr_path_join(&arena, checkpoint->database, "CURRENT");
    int status = path ? mr_file_read_all(path, &name, error) : mr_error_memory(error, 1);
    while (name.size > 0 && name.data[name.size - 1] == '\n')
        name.data[--name.size] = '\0';
    if (status >= 0) {
        path = mr_path_join(&arena, checkpoint->database, name.data);
        status = path ? mr_file_read_all(path, &manifest, error) : mr_error_memory(error, 1);
    }
    size_t kept = status >= 0 ? without_torn_end((const uint8_t *)manifest.data, manifest.size) : 0;
    if (status >= 0 && kept < manifest.size) {
        status = mr_file_replace(path, manifest.data, kept, error);
        *cut = status >= 0;
        if (*cut)
            mr_log(
                MR_LOG_WARN, "checkpoint.torn_manifest",
                "%s: the last record, at byte %zu, was torn by a power cut before it was synced; it is left "
                "out.",
                path, kept);
    }
    mr_text_release(&name);
    mr_text_release(&manifest);
    mr_arena_release(&arena);
    return status;
}
