/* expressions/random.h: the random sequence behind rand(seed), randstr(n, seed), …: Spark's, so that seeded
 * results agree. */
#ifndef MR_EXPRESSIONS_RANDOM_H
#define MR_EXPRESSIONS_RANDOM_H

#include <stdint.h>

struct mr_random {
    uint64_t state;
};
/* The seed is hashed first: neighbouring seeds give unrelated sequences. */
void mr_random_init(struct mr_random *random, int64_t seed);
/* The next value's low bits (1 .. 32 of them). */
static inline uint32_t mr_random_next(struct mr_random *random, int bits)
{
    uint64_t x = random->state;
    x ^= x << 21;
    x ^= x >> 35;
    x ^= x << 4;
    random->state = x;
    return (uint32_t)(x & ((1ULL << bits) - 1));
}
/* In [0, 1), 53 bits. */
static inline double mr_random_double(struct mr_random *random)
{
    uint64_t high = mr_random_next(random, 26);
    return (double)((high << 27) + mr_random_next(random, 27)) * 0x1.0p-53;
}

#endif
