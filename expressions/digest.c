/* expressions/digest.c: MD5, SHA-1 and SHA-2 of bytes, by nettle: small, and nothing to set up at start. */
#include "expressions/digest.h"

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>

/* The shape that all of nettle's hashes share. */
#define DIGEST(name, context, digest_size, data, size, out)                                                  \
    do {                                                                                                     \
        struct context state;                                                                                \
        name##_init(&state);                                                                                 \
        name##_update(&state, size, data);                                                                   \
        name##_digest(&state, digest_size, out);                                                             \
    } while (0)

void mr_md5(const void *data, size_t size, uint8_t out[16])
{
    DIGEST(md5, md5_ctx, MD5_DIGEST_SIZE, data, size, out);
}

void mr_sha1(const void *data, size_t size, uint8_t out[20])
{
    DIGEST(sha1, sha1_ctx, SHA1_DIGEST_SIZE, data, size, out);
}

size_t mr_sha2(const void *data, size_t size, int bits, uint8_t out[64])
{
    if (bits == 224)
        DIGEST(sha224, sha256_ctx, SHA224_DIGEST_SIZE, data, size, out);
    else if (bits == 256)
        DIGEST(sha256, sha256_ctx, SHA256_DIGEST_SIZE, data, size, out);
    else if (bits == 384)
        DIGEST(sha384, sha512_ctx, SHA384_DIGEST_SIZE, data, size, out);
    else
        DIGEST(sha512, sha512_ctx, SHA512_DIGEST_SIZE, data, size, out);
    return (size_t)bits / 8;
}
