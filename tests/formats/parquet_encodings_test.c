/* The encodings by themselves: what is appended is read back, in pieces of any size, and nothing odd is
 * believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "formats/parquet/bits.h"
#include "formats/parquet/checksum.h"
#include "formats/parquet/compression.h"
#include "formats/parquet/decode.h"
#include "formats/parquet/delta_packed.h"
#include "formats/parquet/rle.h"
#include "formats/parquet/thrift.h"

static uint64_t state = 1;
static uint64_t dice(void)
{
    return mr_hash_u64(state += 0x9e3779b97f4a7c15ULL);
}

/* ---- thrift ---- */

static void thrift_fields_come_back(void **unused)
{
    (void)unused;
    struct mr_text text;
    struct mr_thrift_writer writer, *w = &writer;
    mr_text_init(&text);
    mr_thrift_writer_init(w, &text);
    mr_thrift_i32(w, 1, -5);
    mr_thrift_struct(w, 2);
    mr_thrift_i64(w, 100, INT64_MIN); /* a field id far ahead, and back to small ones behind the struct */
    mr_thrift_end(w);
    mr_thrift_bool(w, 3, true);
    mr_thrift_binary(w, 4, "abc", 3);
    mr_thrift_list(w, 5, MR_THRIFT_I32, 20);
    for (int32_t i = 0; i < 20; i++)
        mr_thrift_element_i32(w, i - 10);
    mr_thrift_end(w);
    for (size_t size = 0; size <= text.size; size++) {
        char *copy = malloc(size + 1);
        memcpy(copy, text.data, size);
        struct mr_thrift_reader reader, *r = &reader;
        struct mr_thrift_field field = {0};
        int64_t sum = 0, fields = 0;
        mr_thrift_reader_init(r, copy, size);
        while (mr_thrift_next(r, &field)) {
            fields++;
            if (field.id == 1)
                assert_true(mr_thrift_read_i32(r, field.type) == -5 || r->failed);
            else if (field.id == 5)
                for (size_t n = mr_thrift_read_list(r, field.type, MR_THRIFT_I32); n > 0; n--)
                    sum += mr_thrift_read_i32(r, MR_THRIFT_I32);
            else
                mr_thrift_skip(r, field.type);
        }
        assert_int_equal(r->failed, size < text.size);
        assert_int_equal(r->short_input, size < text.size);
        if (size == text.size)
            assert_true(fields == 5 && sum == -10 && r->at == r->end);
        free(copy);
    }
    mr_text_release(&text);
}

static void thrift_nesting_is_bounded(void **unused)
{
    (void)unused;
    char deep[100000];
    struct mr_thrift_reader reader;
    struct mr_thrift_field field = {0};
    memset(deep, 0x1c, sizeof(deep)); /* struct in struct in struct */
    mr_thrift_reader_init(&reader, deep, sizeof(deep));
    while (mr_thrift_next(&reader, &field))
        mr_thrift_skip(&reader, field.type);
    assert_true(reader.failed);
    memset(deep, 0x19, sizeof(deep)); /* a list of a list of a list */
    field = (struct mr_thrift_field){0};
    mr_thrift_reader_init(&reader, deep, sizeof(deep));
    while (mr_thrift_next(&reader, &field))
        mr_thrift_skip(&reader, field.type);
    assert_true(reader.failed);
}

/* ---- run lengths ---- */

static void runs_come_back(void **unused)
{
    (void)unused;
    for (int width = 0; width <= 32; width++) {
        for (int kind = 0; kind < 4; kind++) {
            enum { N = 5000 };
            static uint32_t values[N], got[N];
            uint64_t limit = width == 0 ? 1 : 1ULL << width;
            for (size_t i = 0; i < N; i++) {
                bool repeat = i > 0 && (kind == 1 ? dice() % 50 > 0 : kind == 2 ? dice() % 8 > 0 : kind == 3);
                values[i] = repeat ? values[i - 1] : (uint32_t)(dice() % limit);
            }
            struct mr_text text;
            mr_text_init(&text);
            size_t count = N - dice() % 20;
            mr_rle_append_u32(&text, values, count, width);
            struct mr_rle_reader reader;
            mr_rle_reader_init(&reader, text.data, text.size, width);
            for (size_t done = 0; done < count && width > 0;) {
                size_t n = 1 + dice() % 300;
                n = n > count - done ? count - done : n;
                uint32_t run_value = 0;
                uint64_t run = mr_rle_peek_run(&reader, &run_value);
                if (run >= n && dice() % 2) {
                    for (size_t i = 0; i < n; i++)
                        got[done + i] = run_value;
                    assert_true(mr_rle_skip(&reader, n));
                } else {
                    assert_true(mr_rle_read_u32(&reader, got + done, n));
                }
                done += n;
            }
            if (width > 0)
                assert_memory_equal(values, got, count * sizeof(*values));
            mr_text_release(&text);
        }
    }
}

static void damaged_runs_are_noticed(void **unused)
{
    (void)unused;
    static const uint8_t huge_run[] = {0xfe, 0xff, 0xff, 0xff, 0x0f, 3}, no_value[] = {0x10},
                         too_wide[] = {0x10, 0x08};
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint32_t out[100];
    struct mr_rle_reader reader;
    mr_rle_reader_init(&reader, huge_run, sizeof(huge_run), 2);
    assert_true(mr_rle_read_u32(&reader, out, 100)); /* long, but sound */
    mr_rle_reader_init(&reader, no_value, sizeof(no_value), 3);
    assert_false(mr_rle_read_u32(&reader, out, 1));
    mr_rle_reader_init(&reader, too_wide, sizeof(too_wide), 3);
    assert_false(mr_rle_read_u32(&reader, out, 1));
    mr_rle_reader_init(&reader, endless, sizeof(endless), 3);
    assert_false(mr_rle_read_u32(&reader, out, 1));
    mr_rle_reader_init(&reader, out, 0, 3);
    assert_false(mr_rle_read_u32(&reader, out, 1));
}

/* ---- deltas ---- */

static int64_t shaped(int kind, size_t i)
{
    switch (kind) {
    case 0:
        return (int64_t)dice();
    case 1:
        return (int64_t)i * 1000;
    case 2:
        return (int64_t)(dice() >> (dice() % 64));
    case 3:
        return dice() % 2 ? INT64_MAX : INT64_MIN;
    default:
        return 7;
    }
}

static void deltas_come_back(void **unused)
{
    (void)unused;
    static int64_t values[2000], got[2000];
    static int32_t narrow[2000];
    for (int kind = 0; kind < 5; kind++) {
        for (size_t count = 0; count < 700; count += 1 + dice() % 40) {
            for (size_t i = 0; i < count; i++) {
                values[i] = shaped(kind, i);
                narrow[i] = (int32_t)values[i];
            }
            for (int wide = 0; wide < 2; wide++) {
                struct mr_text text;
                struct mr_delta_reader reader;
                mr_text_init(&text);
                if (wide)
                    mr_delta_append_i64(&text, values, count);
                else
                    mr_delta_append_i32(&text, narrow, count);
                if (wide && count > 0) {
                    size_t estimate = mr_delta_estimate(values, count);
                    assert_true(estimate + 700 > text.size && estimate < text.size + 700);
                }
                mr_text_append_str(&text, "tail"); /* what follows is not taken for deltas */
                assert_true(mr_delta_reader_init(&reader, text.data, text.size));
                assert_ptr_equal(mr_delta_end(&reader), text.data + text.size - 4);
                for (size_t done = 0; done < count;) {
                    size_t n = 1 + dice() % 100;
                    n = n > count - done ? count - done : n;
                    assert_true(mr_delta_read(&reader, got + done, n));
                    done += n;
                }
                assert_false(mr_delta_read(&reader, got, 1));
                for (size_t i = 0; i < count; i++)
                    assert_true(wide ? got[i] == values[i] : (int32_t)got[i] == narrow[i]);
                mr_text_release(&text);
            }
        }
    }
}

static void damaged_deltas_are_noticed(void **unused)
{
    (void)unused;
    struct mr_text text;
    int64_t values[300], got[300];
    for (size_t i = 0; i < 300; i++)
        values[i] = (int64_t)dice();
    mr_text_init(&text);
    mr_delta_append_i64(&text, values, 300);
    for (size_t size = 0; size < text.size; size++) {
        char *copy = malloc(size + 1);
        memcpy(copy, text.data, size);
        struct mr_delta_reader reader;
        if (mr_delta_reader_init(&reader, copy, size)) {
            bool whole = mr_delta_end(&reader) != NULL; /* cut behind the last value: some writers do that */
            assert_int_equal(mr_delta_read(&reader, got, 300), whole);
            assert_true(!whole || (memcmp(got, values, sizeof(got)) == 0 && size + 256 > text.size));
        }
        free(copy);
    }
    mr_text_release(&text);
    static const char *const headers[] = {"\x00\x04\x01\x00", "\x80\x01\x00\x01", "\x80\x01\x03\x01",
                                          "\xff\xff\xff\xff"};
    for (int i = 0; i < 4; i++) {
        struct mr_delta_reader reader;
        assert_false(mr_delta_reader_init(&reader, headers[i], 4));
    }
}

/* ---- bits ---- */

static void bits_are_read_up_to_the_end(void **unused)
{
    (void)unused;
    for (int width = 1; width <= 64; width++) {
        size_t size = (size_t)(40 * width + 7) / 8;
        uint8_t *bytes = malloc(size);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)dice();
        for (uint64_t index = 0; index < 40; index++) {
            uint64_t expected = 0;
            for (uint64_t bit = 0; bit < (uint64_t)width; bit++) {
                uint64_t at = index * (uint64_t)width + bit;
                expected |= (uint64_t)(bytes[at / 8] >> (at % 8) & 1) << bit;
            }
            assert_true(mr_unpack_bits(bytes, bytes + size, index, width) == expected);
        }
        free(bytes);
    }
}

/* ---- codecs ---- */

static void codecs_refuse_what_is_not_theirs(void **unused)
{
    (void)unused;
    static const int32_t codecs[] = {MR_PARQUET_CODEC_SNAPPY, MR_PARQUET_CODEC_GZIP, MR_PARQUET_CODEC_LZ4,
                                     MR_PARQUET_CODEC_ZSTD, MR_PARQUET_CODEC_LZ4_RAW};
    struct mr_error error;
    struct mr_decompressor decompressor = {0};
    char junk[1000], out[1000];
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)dice();
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(mr_decompress(&decompressor, codecs[i], junk, sizeof(junk), out, sizeof(out),
                                       &error),
                         MR_E_CORRUPT);
    assert_int_equal(mr_decompress(&decompressor, MR_PARQUET_CODEC_BROTLI, junk, 10, out, 10, &error),
                     MR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "BROTLI"));
    assert_int_equal(mr_decompress(&decompressor, 77, junk, 10, out, 10, &error), MR_E_UNSUPPORTED);
    assert_false(mr_decompress_possible(MR_PARQUET_CODEC_SNAPPY, 10, 1 << 30));
    mr_decompressor_release(&decompressor);
}

static void what_is_compressed_comes_back(void **unused)
{
    (void)unused;
    static const enum mr_parquet_compression codecs[] = {MR_PARQUET_CODEC_NONE, MR_PARQUET_CODEC_SNAPPY,
                                                         MR_PARQUET_CODEC_GZIP, MR_PARQUET_CODEC_ZSTD};
    struct mr_error error;
    struct mr_decompressor decompressor = {0};
    static char data[300000], back[300000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(dice() % 3 ? 'a' : dice());
    for (size_t c = 0; c < 4; c++) {
        struct mr_compressor compressor;
        struct mr_bytes packed = {0};
        mr_compressor_init(&compressor, codecs[c], 0);
        for (size_t size = 0; size < sizeof(data); size = size * 3 + 1) {
            assert_int_equal(mr_compress(&compressor, data, size, &packed, &error), MR_OK);
            assert_true(mr_decompress_possible((int32_t)codecs[c], packed.size, size));
            assert_int_equal(mr_decompress(&decompressor, (int32_t)codecs[c], packed.data, packed.size, back,
                                           size, &error),
                             MR_OK);
            assert_true(size == 0 || memcmp(data, back, size) == 0);
            if (size > 1 && codecs[c] != MR_PARQUET_CODEC_NONE)
                assert_true(mr_decompress(&decompressor, (int32_t)codecs[c], packed.data, packed.size - 1,
                                          back, size, &error) < 0);
        }
        mr_bytes_release(&packed);
        mr_compressor_release(&compressor);
    }
    mr_decompressor_release(&decompressor);
}

static void checksums_are_those_of_gzip(void **unused)
{
    (void)unused;
    static unsigned char data[5000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)dice();
    for (size_t size = 0; size < 1500; size++)
        assert_int_equal(mr_crc32(data + size % 17, size), crc32(0, data + size % 17, (uInt)size));
    assert_int_equal(mr_crc32(data, sizeof(data)), crc32(0, data, sizeof(data)));
    assert_int_equal(mr_crc32("123456789", 9), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thrift_fields_come_back),
        cmocka_unit_test(thrift_nesting_is_bounded),
        cmocka_unit_test(runs_come_back),
        cmocka_unit_test(damaged_runs_are_noticed),
        cmocka_unit_test(deltas_come_back),
        cmocka_unit_test(damaged_deltas_are_noticed),
        cmocka_unit_test(bits_are_read_up_to_the_end),
        cmocka_unit_test(codecs_refuse_what_is_not_theirs),
        cmocka_unit_test(what_is_compressed_comes_back),
        cmocka_unit_test(checksums_are_those_of_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
