/* expressions/functions_misc.c: typeof, assertions, who and where we are, uuid, URLs. */
#include "base/env.h"
#include "expressions/function_tools.h"
#include "expressions/random.h"
#include "expressions/registry.h"
#include "expressions/url.h"

#define N MR_FN_NULL_IF_ANY
#define SPARK_VERSION "4.2.0" /* whose semantics these are */

/* ---- constants ---- */
static int give_text(struct mr_resolve *r, const char *text, struct mr_error *error)
{
    return mr_expression_string(r->builder, mr_str_of(text), &r->rewritten, error);
}

static int resolve_typeof(struct mr_resolve *r, struct mr_error *error)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_simple_text(&text, r->arguments[0]->type);
    int status = text.failed ? mr_error_memory(error, 0) : give_text(r, text.data, error);
    mr_text_release(&text);
    return status;
}

static int resolve_who(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_session *s = r->builder->session;
    const char *what = r->function->data;
    switch (*what) {
    case 'u':
        return give_text(r, s->user ? s->user : "", error);
    case 'c':
        return give_text(r, s->catalog ? s->catalog : "spark_catalog", error);
    case 'd':
        return give_text(r, s->database ? s->database : "default", error);
    default:
        return give_text(r, SPARK_VERSION, error);
    }
}

static int resolve_refused(struct mr_resolve *r, struct mr_error *error)
{
    mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                 "`%s` is not supported: its result depends on how the work is split. Use a column of the "
                 "data, or uuid().",
                 r->name);
    return mr_builder_error_at(r->builder, error);
}

/* ---- assertions ---- */
static int raised(struct mr_str message, struct mr_error *error)
{
    int size = message.size > 900 ? 900 : (int)message.size;
    mr_row_error(error, "USER_RAISED_EXCEPTION", "%.*s", size, message.data);
    mr_error_parameter(error, "errorMessage", "%.*s", size, message.data);
    return error->code;
}

MR_KERNEL(kernel_raise_error)
{
    MR_FOR_ROWS (i, rows, out->length) {
        bool is_null = mr_column_is_null(arguments[0], i);
        return raised(is_null ? MR_STR("null") : mr_string_at(arguments[0], i), error);
    }
    return MR_OK;
}

MR_KERNEL(kernel_assert_true)
{
    MR_FOR_ROWS (i, rows, out->length) {
        if (mr_column_is_null(arguments[0], i) || !arguments[0]->booleans[i])
            return raised(mr_column_is_null(arguments[1], i) ? MR_STR("null") : mr_string_at(arguments[1], i),
                          error);
    }
    return MR_OK;
}

static int resolve_assert_true(struct mr_resolve *r, struct mr_error *error)
{
    if (r->count == 1) {
        struct mr_text text;
        mr_text_init(&text);
        mr_text_append_char(&text, '\'');
        mr_expression_name(&text, r->arguments[0], NULL);
        mr_text_append_str(&text, "' is not true!");
        int status = text.failed ? mr_error_memory(error, 0) : mr_resolve_add_string(r, text.data, error);
        mr_text_release(&text);
        MR_TRY(status);
    }
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_BOOLEAN), error));
    MR_TRY(mr_resolve_cast(r, 1, mr_type_of(MR_STRING), error));
    r->type = mr_type_of(MR_VOID);
    r->nullable = true;
    return MR_OK;
}

static int resolve_raise_error(struct mr_resolve *r, struct mr_error *error)
{
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_STRING), error));
    r->type = mr_type_of(MR_VOID);
    r->nullable = true;
    return MR_OK;
}

/* ---- places in a bitmap of 32,768 bits; numbers begin with 1 in bucket 1 ---- */
#define BITMAP_BITS 32768

MR_KERNEL(kernel_bitmap_bit_position)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t value = arguments[0]->i64[i];
        out->i64[i] = value > 0 ? (value - 1) % BITMAP_BITS : (int64_t)((0 - (uint64_t)value) % BITMAP_BITS);
    }
    return MR_OK;
}

MR_KERNEL(kernel_bitmap_bucket_number)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t value = arguments[0]->i64[i];
        out->i64[i] = value > 0 ? 1 + (value - 1) / BITMAP_BITS : value / BITMAP_BITS;
    }
    return MR_OK;
}

MR_KERNEL(kernel_bitmap_count)
{
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str bytes = mr_string_at(arguments[0], i);
        int64_t count = 0;
        for (size_t k = 0; k < bytes.size; k++)
            count += __builtin_popcount((unsigned char)bytes.data[k]);
        out->i64[i] = count;
    }
    return MR_OK;
}

/* ---- uuid: random, but for the version's bits ---- */
static int open_uuid(struct mr_call *call, struct mr_error *error)
{
    struct mr_random *random = mr_allocate(sizeof *random);
    if (!random)
        return mr_error_memory(error, sizeof *random);
    mr_random_init(random, (int64_t)mr_env()->random());
    call->state = random;
    return MR_OK;
}

static void close_uuid(struct mr_call *call)
{
    mr_free(call->state);
}

MR_KERNEL(kernel_uuid)
{
    struct mr_random *random = call->state;
    uint64_t seed = mr_hash_u64(call->session->batch_seed);
    MR_FOR_ROWS (i, rows, out->length) {
        uint64_t high = (uint64_t)mr_random_next(random, 32) << 32 | mr_random_next(random, 32);
        uint64_t low = (uint64_t)mr_random_next(random, 32) << 32 | mr_random_next(random, 32);
        char text[48];
        high = (mr_hash_u64(high ^ seed) & ~0xF000ULL) | 0x4000;
        low = (mr_hash_u64(low + seed) & ~(3ULL << 62)) | 1ULL << 63;
        struct mr_text buffer;
        mr_text_init(&buffer);
        mr_text_format(&buffer, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                       (unsigned)(high >> 16 & 0xFFFF), (unsigned)(high & 0xFFFF), (unsigned)(low >> 48),
                       (unsigned long long)(low & 0xFFFFFFFFFFFFULL));
        memcpy(text, buffer.data, buffer.size < 36 ? buffer.size : 36);
        mr_text_release(&buffer);
        MR_TRY(mr_column_set_bytes(out, i, text, 36, error));
    }
    return MR_OK;
}

/* ---- URLs ---- */
static int bad_url(struct mr_str url, struct mr_error *error)
{
    int size = url.size > 200 ? 200 : (int)url.size;
    mr_row_error(error, "INVALID_URL", "'%.*s' is no URL. `try_parse_url` gives NULL instead.", size,
                 url.data);
    mr_error_parameter(error, "url", "%.*s", size, url.data);
    return error->code;
}

MR_KERNEL(kernel_parse_url)
{
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    bool keyed = call->expression->argument_count > 2;
    MR_TRY(mr_column_keep_all_of(out, arguments[0], error));
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str url = mr_string_at(arguments[0], i), part = mr_string_at(arguments[1], i),
                      found = {NULL, 0};
        struct mr_url parsed;
        if (!mr_url_parse(url, &parsed)) {
            if (!tolerate)
                return bad_url(url, error);
            MR_TRY(mr_column_set_null(out, i, error));
            continue;
        }
        struct mr_str key = keyed ? mr_string_at(arguments[2], i) : (struct mr_str){NULL, 0};
        if (mr_url_part(&parsed, part, keyed ? &key : NULL, &found))
            out->views[i] = mr_view_of(found.data, (uint32_t)found.size);
        else
            MR_TRY(mr_column_set_null(out, i, error));
    }
    return MR_OK;
}

MR_KERNEL(kernel_url_encode)
{
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        mr_text_clear(&text);
        mr_url_encode(mr_string_at(arguments[0], i), &text);
        MR_ERR(mr_out_text(out, i, &text, error));
    }
err:
    mr_text_release(&text);
    return status;
}

MR_KERNEL(kernel_url_decode)
{
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    struct mr_text text;
    mr_text_init(&text);
    int status = MR_OK;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str url = mr_string_at(arguments[0], i);
        mr_text_clear(&text);
        if (mr_url_decode(url, &text)) {
            MR_ERR(mr_out_text(out, i, &text, error));
        } else if (tolerate) {
            MR_ERR(mr_column_set_null(out, i, error));
        } else {
            int size = url.size > 200 ? 200 : (int)url.size;
            mr_row_error(error, "CANNOT_DECODE_URL",
                         "'%.*s' cannot be decoded. `try_url_decode` gives NULL instead.", size, url.data);
            mr_error_parameter(error, "url", "%.*s", size, url.data);
            MR_ERR(error->code);
        }
    }
err:
    mr_text_release(&text);
    return status;
}

#define WHO(name, what, shown)                                                                               \
    {                                                                                                        \
        name, 0, 0, 0, resolve_who, NULL, NULL, NULL, NULL, what, shown                                      \
    }
#define PLAIN(name, least, most, flags, resolve, kernel, signature)                                          \
    {                                                                                                        \
        name, least, most, flags, resolve, kernel, NULL, NULL, signature, NULL, NULL                         \
    }

const struct mr_function mr_functions_misc[] = {
    PLAIN("typeof", 1, 1, 0, resolve_typeof, NULL, NULL),
    WHO("current_user", "user", NULL),
    WHO("session_user", "user", NULL),
    WHO("user", "user", NULL),
    WHO("current_catalog", "catalog", NULL),
    WHO("current_database", "database", "current_schema"),
    WHO("current_schema", "database", NULL),
    WHO("version", "version", NULL),
    PLAIN("monotonically_increasing_id", 0, 0, 0, resolve_refused, NULL, NULL),
    PLAIN("spark_partition_id", 0, 0, 0, resolve_refused, NULL, NULL),
    PLAIN("assert_true", 1, 2, MR_FN_NONDETERMINISTIC, resolve_assert_true, kernel_assert_true, NULL),
    PLAIN("raise_error", 1, 1, MR_FN_NONDETERMINISTIC, resolve_raise_error, kernel_raise_error, NULL),
    {"uuid", 0, 0, MR_FN_NONDETERMINISTIC, NULL, kernel_uuid, open_uuid, close_uuid, ">s", NULL, NULL},
    PLAIN("bitmap_bit_position", 1, 1, N, NULL, kernel_bitmap_bit_position, "l>l"),
    PLAIN("bitmap_bucket_number", 1, 1, N, NULL, kernel_bitmap_bucket_number, "l>l"),
    PLAIN("bitmap_count", 1, 1, N, NULL, kernel_bitmap_count, "x>l"),
    PLAIN("parse_url", 2, 3, N | MR_FN_MAY_BE_NULL, NULL, kernel_parse_url, "ss?s>s"),
    PLAIN("try_parse_url", 2, 3, N | MR_FN_MAY_BE_NULL, NULL, kernel_parse_url, "ss?s>s"),
    PLAIN("url_encode", 1, 1, N, NULL, kernel_url_encode, "s>s"),
    PLAIN("url_decode", 1, 1, N, NULL, kernel_url_decode, "s>s"),
    PLAIN("try_url_decode", 1, 1, N | MR_FN_MAY_BE_NULL, NULL, kernel_url_decode, "s>s"),
    {0},
};
