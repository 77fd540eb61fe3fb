/* expressions/functions_hash.c: digests, hash (Spark's Murmur3), xxhash64, base64, hex. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>
#include <zlib.h>

#include "expressions/digest.h"
#include "expressions/encoding.h"
#include "expressions/function_tools.h"
#include "expressions/registry.h"

/* ---- digests as hexadecimal text ---- */
static int put_hex(struct mr_column *out, int64_t row, const uint8_t *digest, size_t size,
                   struct mr_error *error)
{
    char *text = mr_out_begin(out, 2 * size);
    if (!text)
        return mr_error_memory(error, 2 * size);
    mr_hex_encode_lower(digest, size, text);
    mr_out_end(out, row, text, 2 * size, 2 * size);
    return MR_OK;
}

MR_KERNEL(kernel_md5)
{
    MR_FOR_ROWS (i, rows, out->length) {
        uint8_t digest[16];
        struct mr_str value = mr_string_at(arguments[0], i);
        mr_md5(value.data, value.size, digest);
        MR_TRY(put_hex(out, i, digest, sizeof digest, error));
    }
    return MR_OK;
}

MR_KERNEL(kernel_sha1)
{
    MR_FOR_ROWS (i, rows, out->length) {
        uint8_t digest[20];
        struct mr_str value = mr_string_at(arguments[0], i);
        mr_sha1(value.data, value.size, digest);
        MR_TRY(put_hex(out, i, digest, sizeof digest, error));
    }
    return MR_OK;
}

/* sha2(bytes, bits): 0 means 256; NULL for bits that are none of SHA-2's. */
MR_KERNEL(kernel_sha2)
{
    MR_FOR_ROWS (i, rows, out->length) {
        uint8_t digest[64];
        int bits = arguments[1]->i32[i] == 0 ? 256 : arguments[1]->i32[i];
        if (bits != 224 && bits != 256 && bits != 384 && bits != 512) {
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_str value = mr_string_at(arguments[0], i);
        size_t size = mr_sha2(value.data, value.size, bits, digest);
        MR_TRY(put_hex(out, i, digest, size, error));
    }
    return MR_OK;
}

MR_KERNEL(kernel_crc32)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        out->i64[i] = (int64_t)crc32_z(0, (const Bytef *)value.data, value.size);
    }
    return MR_OK;
}

/* ---- hash and xxhash64: values are folded one after the other, each with the hash so far as its seed ----
 */
struct family {
    uint64_t (*hash_i32)(int32_t value, uint64_t seed);
    uint64_t (*hash_i64)(int64_t value, uint64_t seed);
    uint64_t (*hash_bytes)(const char *data, size_t size, uint64_t seed);
};

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}
static uint32_t mix_in(uint32_t hash, uint32_t k)
{
    k = rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    return rotate(hash ^ k, 13) * 5 + 0xe6546b64u;
}
static uint64_t finish(uint32_t hash, uint32_t size)
{
    hash ^= size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}
static uint64_t murmur_i32(int32_t value, uint64_t seed)
{
    return finish(mix_in((uint32_t)seed, (uint32_t)value), 4);
}
static uint64_t murmur_i64(int64_t value, uint64_t seed)
{
    return finish(mix_in(mix_in((uint32_t)seed, (uint32_t)value), (uint32_t)((uint64_t)value >> 32)), 8);
}
/* Not the usual Murmur3: every byte of the tail is mixed in like a block of its own, with its sign. */
static uint64_t murmur_bytes(const char *data, size_t size, uint64_t seed)
{
    uint32_t hash = (uint32_t)seed, block;
    size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        memcpy(&block, data + i, 4);
        hash = mix_in(hash, block);
    }
    for (; i < size; i++)
        hash = mix_in(hash, (uint32_t)(int32_t)(signed char)data[i]);
    return finish(hash, (uint32_t)size);
}
static const struct family murmur = {murmur_i32, murmur_i64, murmur_bytes};

static uint64_t xx_i32(int32_t value, uint64_t seed)
{
    return XXH64(&value, sizeof value, seed);
}
static uint64_t xx_i64(int64_t value, uint64_t seed)
{
    return XXH64(&value, sizeof value, seed);
}
static uint64_t xx_bytes(const char *data, size_t size, uint64_t seed)
{
    return XXH64(data, size, seed);
}
static const struct family xx = {xx_i32, xx_i64, xx_bytes};

/* The shortest two's complement, most significant byte first, as Java's BigInteger gives it. */
static size_t big_integer_bytes(mr_i128 value, char out[16])
{
    size_t size = 1;
    while (size < 16 && (value >> (8 * size - 1)) != 0 && (value >> (8 * size - 1)) != -1)
        size++;
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(value >> (8 * (size - 1 - i)));
    return size;
}

static uint64_t hash_decimal(const struct family *f, const struct mr_column *c, int64_t row, uint64_t seed)
{
    char bytes[16];
    if (!mr_type_is_long_decimal(c->type))
        return f->hash_i64(c->i64[row], seed);
    return f->hash_bytes(bytes, big_integer_bytes(c->i128[row], bytes), seed);
}

static uint64_t hash_value(const struct family *f, const struct mr_column *c, int64_t row, uint64_t seed)
{
    if (c->type->id == MR_VOID || mr_column_is_null(c, row))
        return seed;
    switch (c->type->id) {
    case MR_BOOLEAN:
    case MR_TINYINT:
        return f->hash_i32(c->i8[row], seed);
    case MR_SMALLINT:
        return f->hash_i32(c->i16[row], seed);
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        return f->hash_i32(c->i32[row], seed);
    case MR_FLOAT: { /* -0.0 as 0.0 */
        int32_t bits = 0;
        float value = c->f32[row] != c->f32[row] ? __builtin_nanf("") : c->f32[row];
        if (value != 0)
            memcpy(&bits, &value, sizeof bits);
        return f->hash_i32(bits, seed);
    }
    case MR_DOUBLE: {
        int64_t bits = 0;
        double value = c->f64[row] != c->f64[row] ? __builtin_nan("") : c->f64[row];
        if (value != 0)
            memcpy(&bits, &value, sizeof bits);
        return f->hash_i64(bits, seed);
    }
    case MR_DECIMAL:
        return hash_decimal(f, c, row, seed);
    case MR_STRING:
    case MR_BINARY:
        return f->hash_bytes(mr_view_data(&c->views[row]), c->views[row].size, seed);
    case MR_ARRAY:
        for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++)
            seed = hash_value(f, c->children[0], i, seed);
        return seed;
    case MR_STRUCT:
        for (int i = 0; i < c->child_count; i++)
            seed = hash_value(f, c->children[i], row, seed);
        return seed;
    default:
        return f->hash_i64(c->i64[row], seed);
    }
}

MR_KERNEL(kernel_hash)
{
    int count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        uint64_t hash = 42;
        for (int k = 0; k < count; k++)
            hash = hash_value(&murmur, arguments[k], i, hash);
        out->i32[i] = (int32_t)(uint32_t)hash;
    }
    return MR_OK;
}

MR_KERNEL(kernel_xxhash64)
{
    int count = call->expression->argument_count;
    MR_FOR_ROWS (i, rows, out->length) {
        uint64_t hash = 42;
        for (int k = 0; k < count; k++)
            hash = hash_value(&xx, arguments[k], i, hash);
        out->i64[i] = (int64_t)hash;
    }
    return MR_OK;
}

static bool holds_map(const struct mr_type *type)
{
    if (type->id == MR_MAP)
        return true;
    for (int i = 0; i < type->field_count; i++)
        if (holds_map(type->fields[i].type))
            return true;
    return false;
}

static int resolve_hash(struct mr_resolve *r, struct mr_error *error)
{
    for (int i = 0; i < r->count; i++) {
        if (holds_map(r->arguments[i]->type)) {
            mr_resolve_error(r, error, "DATATYPE_MISMATCH.HASH_MAP_TYPE",
                             "`%s` takes no MAP: equal maps may be kept in different orders.", r->name);
            mr_error_parameter(error, "functionName", "`%s`", r->name);
            return error->code;
        }
    }
    r->type = mr_type_of(strcmp(r->function->name, "hash") == 0 ? MR_INT : MR_BIGINT);
    r->nullable = false;
    return MR_OK;
}

/* ---- base64, hex ---- */
#define LINE_LETTERS 76

/* In lines of 76 letters, as Spark writes it. */
MR_KERNEL(kernel_base64)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        size_t letters = mr_base64_encoded_size(value.size);
        size_t breaks = letters > 0 ? (letters - 1) / LINE_LETTERS : 0, size = letters + 2 * breaks;
        char *text = mr_out_begin(out, size);
        if (!text || size > INT32_MAX)
            return mr_error_memory(error, size);
        char *to = text;
        for (size_t done = 0; done < value.size; done += LINE_LETTERS / 4 * 3) {
            size_t piece =
                value.size - done < LINE_LETTERS / 4 * 3 ? value.size - done : LINE_LETTERS / 4 * 3;
            if (done > 0) {
                *to++ = '\r';
                *to++ = '\n';
            }
            mr_base64_encode(value.data + done, piece, to);
            to += mr_base64_encoded_size(piece);
        }
        mr_out_end(out, i, text, size, size);
    }
    return MR_OK;
}

MR_KERNEL(kernel_unbase64)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        size_t most = value.size / 4 * 3 + 4, size = 0;
        char *bytes = mr_out_begin(out, most);
        if (!bytes)
            return mr_error_memory(error, most);
        if (!mr_base64_decode(value.data, value.size, MR_BASE64_MIME, bytes, &size))
            return mr_row_error(error, "CONVERSION_INVALID_INPUT",
                                "'%.*s' is no base64 text. `try_to_binary` gives NULL instead.",
                                (int)(value.size > 100 ? 100 : value.size), value.data);
        mr_out_end(out, i, bytes, size, most);
    }
    return MR_OK;
}

MR_KERNEL(kernel_hex_i64)
{
    MR_FOR_ROWS (i, rows, out->length) {
        uint64_t value = (uint64_t)arguments[0]->i64[i];
        char digits[16];
        int n = 16;
        do {
            digits[--n] = "0123456789ABCDEF"[value & 15];
            value >>= 4;
        } while (value > 0);
        MR_TRY(mr_column_set_bytes(out, i, digits + n, (size_t)(16 - n), error));
    }
    return MR_OK;
}

MR_KERNEL(kernel_hex_bytes)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str value = mr_string_at(arguments[0], i);
        char *text = mr_out_begin(out, 2 * value.size);
        if (!text || value.size > INT32_MAX / 2)
            return mr_error_memory(error, 2 * value.size);
        mr_hex_encode(value.data, value.size, text);
        mr_out_end(out, i, text, 2 * value.size, 2 * value.size);
    }
    return MR_OK;
}

static const struct mr_bound_kernel hex_of_i64 = {kernel_hex_i64, MR_FN_NULL_IF_ANY};
static const struct mr_bound_kernel hex_of_bytes = {kernel_hex_bytes, MR_FN_NULL_IF_ANY};

static int resolve_hex(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    r->type = mr_type_of(MR_STRING);
    r->bound = mr_type_is_bytes(type) ? &hex_of_bytes : &hex_of_i64;
    if (mr_type_is_bytes(type))
        return MR_OK;
    if (type->id != MR_VOID && !mr_type_is_numeric(type))
        return mr_resolve_unexpected_type(r, 0, "(\"BIGINT\" or \"BINARY\" or \"STRING\")", error);
    return mr_resolve_force(r, 0, mr_type_of(MR_BIGINT), error);
}

MR_KERNEL(kernel_unhex)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i);
        size_t size = (text.size + 1) / 2, odd = text.size % 2;
        char *bytes = mr_out_begin(out, size);
        bool good = true;
        if (!bytes)
            return mr_error_memory(error, size);
        for (size_t k = 0; k < size; k++) {
            int high = k == 0 && odd ? 0 : mr_hex_digit(text.data[2 * k - odd]);
            int low = mr_hex_digit(text.data[2 * k + 1 - odd]);
            good = good && high >= 0 && low >= 0;
            bytes[k] = (char)((unsigned)high << 4 | (unsigned)low);
        }
        mr_out_end(out, i, bytes, size, size);
        if (!good)
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

/* STRING and BINARY as they are; whatever else Spark would take for a BINARY. */
static int resolve_digest(struct mr_resolve *r, struct mr_error *error)
{
    if (r->arguments[0]->type->id != MR_STRING)
        MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_BINARY), error));
    if (r->count > 1)
        MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_INT), error));
    r->type = mr_type_of(strcmp(r->function->name, "crc32") == 0 ? MR_BIGINT : MR_STRING);
    return MR_OK;
}

#define N MR_FN_NULL_IF_ANY
#define DIGEST(name, count, flags, kernel)                                                                   \
    {                                                                                                        \
        name, count, count, flags, resolve_digest, kernel, NULL, NULL, NULL, NULL, NULL                      \
    }

const struct mr_function mr_functions_hash[] = {
    DIGEST("md5", 1, N, kernel_md5),
    DIGEST("sha", 1, N, kernel_sha1),
    DIGEST("sha1", 1, N, kernel_sha1),
    DIGEST("sha2", 2, N | MR_FN_MAY_BE_NULL, kernel_sha2),
    DIGEST("crc32", 1, N, kernel_crc32),
    {"hash", 1, -1, 0, resolve_hash, kernel_hash, NULL, NULL, NULL, NULL, NULL},
    {"xxhash64", 1, -1, 0, resolve_hash, kernel_xxhash64, NULL, NULL, NULL, NULL, NULL},
    DIGEST("base64", 1, N, kernel_base64),
    {"unbase64", 1, 1, N, NULL, kernel_unbase64, NULL, NULL, "s>x", NULL, NULL},
    {"hex", 1, 1, N, resolve_hex, NULL, NULL, NULL, NULL, NULL, NULL},
    {"unhex", 1, 1, N | MR_FN_MAY_BE_NULL, NULL, kernel_unhex, NULL, NULL, "s>x", NULL, NULL},
    {0},
};
