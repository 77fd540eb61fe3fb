/* formats/parquet/compression.h: the codecs of pages. */
#ifndef MR_PARQUET_COMPRESSION_H
#define MR_PARQUET_COMPRESSION_H

#include "formats/parquet/bytes.h"
#include "formats/parquet/format.h"

/* Contexts are made on first use and reused: making one costs more than compressing a small page. One thread
 * at a time. */
struct mr_compressor {
    enum mr_parquet_compression codec;
    int level;
    void *context; /* zstd's */
};
void mr_compressor_init(struct mr_compressor *c, enum mr_parquet_compression codec, int level);
void mr_compressor_release(struct mr_compressor *c);
/* Replaces the content of out. */
int mr_compress(struct mr_compressor *c, const void *data, size_t size, struct mr_bytes *out,
                struct mr_error *error);

struct mr_decompressor {
    void *context;
};
void mr_decompressor_release(struct mr_decompressor *d);
/* Whether size bytes can come out of compressed_size bytes at all: checked before so much memory is asked
 * for. */
bool mr_decompress_possible(int32_t codec, size_t compressed_size, size_t size);
/* Exactly size bytes into out. MR_E_CORRUPT, or MR_E_UNSUPPORTED naming the codec. */
int mr_decompress(struct mr_decompressor *d, int32_t codec, const void *data, size_t compressed_size,
                  void *out, size_t size, struct mr_error *error);
const char *mr_codec_name(int32_t codec); /* "LZO"; "codec" for an unknown number */

#endif
