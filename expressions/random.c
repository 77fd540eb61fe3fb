/* expressions/random.c: hashing of seeds. */
#include "expressions/random.h"

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* Murmur3 (32 bits) of eight bytes. */
static uint32_t murmur3(const uint8_t bytes[8], uint32_t seed)
{
    uint32_t hash = seed;
    for (int i = 0; i < 8; i += 4) {
        uint32_t k = (uint32_t)bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16 |
                     (uint32_t)bytes[i + 3] << 24;
        k = rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
        hash = rotate(hash ^ k, 13) * 5 + 0xe6546b64u;
    }
    hash ^= 8;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

void mr_random_init(struct mr_random *random, int64_t seed)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)seed >> (56 - 8 * i));
    uint32_t low = murmur3(bytes, 0x3c074a61u);
    uint32_t high = murmur3(bytes, low);
    random->state = (uint64_t)high << 32 | low;
}
