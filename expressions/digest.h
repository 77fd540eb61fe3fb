/* expressions/digest.h: MD5, SHA-1 and SHA-2 of bytes. */
#ifndef MR_EXPRESSIONS_DIGEST_H
#define MR_EXPRESSIONS_DIGEST_H

#include <stddef.h>
#include <stdint.h>

void mr_md5(const void *data, size_t size, uint8_t out[16]);
void mr_sha1(const void *data, size_t size, uint8_t out[20]);
/* bits: 224, 256, 384 or 512; returns the digest's bytes. */
size_t mr_sha2(const void *data, size_t size, int bits, uint8_t out[64]);

#endif
