/* formats/parquet/checksum.h: CRC-32 of pages, as in gzip. */
#ifndef MR_PARQUET_CHECKSUM_H
#define MR_PARQUET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t mr_crc32(const void *data, size_t size);

#endif
