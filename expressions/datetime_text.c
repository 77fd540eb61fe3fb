/* expressions/datetime_text.c: dates and timestamps printed and parsed by a pattern, which is compiled when
 * it is first met and kept as long as it stays the same. */
#include "expressions/datetime_kernels.h"

struct formats {
    struct mr_arena arena;
    struct mr_text pattern;
    const struct mr_datetime_format *format; /* NULL: none yet */
    struct mr_text text;
};

int mr_datetime_open_formats(struct mr_call *call, struct mr_error *error)
{
    struct formats *formats = mr_allocate_zeroed(sizeof *formats);
    if (!formats)
        return mr_error_memory(error, sizeof *formats);
    mr_arena_init(&formats->arena);
    mr_text_init(&formats->pattern);
    mr_text_init(&formats->text);
    call->state = formats;
    return MR_OK;
}

void mr_datetime_close_formats(struct mr_call *call)
{
    struct formats *formats = call->state;
    if (!formats)
        return;
    mr_arena_release(&formats->arena);
    mr_text_release(&formats->pattern);
    mr_text_release(&formats->text);
    mr_free(formats);
}

static int use_pattern(struct formats *formats, struct mr_str pattern, enum mr_datetime_use use,
                       struct mr_error *error)
{
    if (formats->format && mr_str_equal(pattern, mr_text_str(&formats->pattern)))
        return MR_OK;
    formats->format = NULL;
    mr_arena_clear(&formats->arena);
    mr_text_clear(&formats->pattern);
    mr_text_append(&formats->pattern, pattern.data, pattern.size);
    if (formats->pattern.failed)
        return mr_error_memory(error, pattern.size);
    return mr_datetime_format_compile(&formats->arena, pattern, use, &formats->format, error);
}

static int print(struct mr_call *call, int64_t micros, struct mr_str pattern, struct mr_column *out,
                 int64_t row, struct mr_error *error)
{
    struct formats *formats = call->state;
    MR_TRY(use_pattern(formats, pattern, MR_DATETIME_PRINT, error));
    mr_text_clear(&formats->text);
    if (!mr_datetime_format_print(formats->format, micros, call->session->zone, &formats->text))
        return mr_row_error(error, "INVALID_DATETIME_PATTERN.WITH_SUGGESTION",
                            "The pattern '%.*s' cannot print the value.", (int)pattern.size, pattern.data);
    return mr_out_text(out, row, &formats->text, error);
}

MR_KERNEL(mr_datetime_date_format)
{
    MR_FOR_ROWS (i, rows, out->length) {
        MR_TRY(print(call, arguments[0]->i64[i], mr_string_at(arguments[1], i), out, i, error));
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_from_unixtime)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t micros;
        if (__builtin_mul_overflow(arguments[0]->i64[i], MR_SECOND_US, &micros))
            return mr_row_error(error, "DATETIME_OVERFLOW",
                                "A number of seconds is too large for a timestamp.");
        MR_TRY(print(call, micros, mr_string_at(arguments[1], i), out, i, error));
    }
    return MR_OK;
}

static int cannot_parse(const struct mr_call *call, struct mr_str text, struct mr_error *error)
{
    bool date = strcmp(call->expression->function->name, "to_date") == 0;
    const char *tolerant = date ? "try_to_date" : "try_to_timestamp";
    int size = text.size > 100 ? 100 : (int)text.size;
    mr_row_error(
        error, "CANNOT_PARSE_TIMESTAMP",
        "Text '%.*s' does not fit the pattern, or names a time that does not exist. `%s` gives NULL instead.",
        size, text.data, tolerant);
    mr_error_parameter(error, "func", "`%s`", tolerant);
    return error->code;
}

/* What the text says, as a value of the type of out: TIMESTAMP, TIMESTAMP_NTZ, DATE or BIGINT (seconds since
 * 1970). */
static bool parse(const struct mr_call *call, const struct mr_datetime_format *format, struct mr_str text,
                  enum mr_type_id id, int64_t *value)
{
    const struct mr_zone *zone = call->session->zone;
    if (id == MR_TIMESTAMP_NTZ)
        return mr_datetime_format_parse_ntz(format, text, true, value);
    if (!mr_datetime_format_parse_timestamp(format, text, zone, value))
        return false;
    if (id == MR_DATE)
        *value = mr_floor_div(mr_zone_to_local(zone, *value), MR_DAY_US);
    else if (id == MR_BIGINT)
        *value /= MR_SECOND_US;
    return true;
}

/* Seconds of what is a time already; parts of a second are cut off, towards 1970. */
static int seconds_of_times(struct mr_call *call, const struct mr_column *in, const struct mr_selection *rows,
                            struct mr_column *out)
{
    MR_FOR_ROWS (i, rows, out->length) {
        int64_t micros = in->type->id == MR_DATE ? mr_zone_to_utc(call->session->zone, in->i32[i] * MR_DAY_US)
                                                 : in->i64[i];
        out->i64[i] = micros / MR_SECOND_US;
    }
    return MR_OK;
}

MR_KERNEL(mr_datetime_parse)
{
    struct formats *formats = call->state;
    if (arguments[0]->type->id != MR_STRING)
        return seconds_of_times(call, arguments[0], rows, out);
    enum mr_type_id id = out->type->id;
    bool tolerate = strncmp(call->expression->function->name, "try_", 4) == 0;
    MR_FOR_ROWS (i, rows, out->length) {
        struct mr_str text = mr_string_at(arguments[0], i);
        int64_t value = 0;
        MR_TRY(use_pattern(formats, mr_string_at(arguments[1], i), MR_DATETIME_PARSE, error));
        if (!parse(call, formats->format, text, id, &value)) {
            if (!tolerate)
                return cannot_parse(call, text, error);
            MR_TRY(mr_column_set_null(out, i, error));
        } else if (id == MR_DATE) {
            out->i32[i] = (int32_t)value;
        } else {
            out->i64[i] = value;
        }
    }
    return MR_OK;
}
