/* api/call.c: calls of a processor's functions, and what these may call meanwhile. */
#include <stdio.h>

#include "api/processor.h"
#include "columns/value.h"

struct millrace_row {
    struct millrace_call *call;
    struct mr_batch batch; /* one row; its columns are the row's alone */
};
struct variable {                    /* of a call */
    struct millrace_rows key, value; /* given out; they own nothing */
    struct millrace_row key_row, row;
};
struct millrace_call { /* of a partition; its functions get it with one key after the other */
    struct mr_api_processor *processor;
    void *object; /* the program's */
    struct mr_custom_call *custom;
    struct mr_error error; /* sticky, of the call under way */
    struct millrace_rows key;
    struct variable *variables;
    struct millrace_row output;
};

/* ---- errors ---- */
static int fail(struct millrace_call *call, const struct mr_error *error)
{
    if (call->error.code == 0)
        call->error = *error;
    return call->error.code;
}

static int misuse(struct millrace_call *call, const char *format, const char *name)
{
    struct mr_error error = {0};
    mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE", format, name);
    return fail(call, &error);
}

int millrace_call_fail(struct millrace_call *call, const char *format, ...)
{
    struct mr_error error = {0};
    char why[sizeof error.message / 2];
    va_list arguments;
    if (!call)
        return MILLRACE_USAGE;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    mr_error_set(&error, MR_E_IO, "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR", "%s", why);
    mr_error_parameter(&error, "reason", "%s", why);
    return fail(call, &error);
}

/* The function has returned: its error, with the key and who it was. */
static int settle(struct millrace_call *call, int result, const char *function, struct mr_error *error)
{
    struct mr_text key;
    char message[sizeof error->message];
    if (call->error.code == 0 && result == 0)
        return MR_OK;
    if (call->error.code == 0)
        millrace_call_fail(call, "it returned %d", result);
    *error = call->error;
    mr_text_init(&key);
    mr_custom_key_text(call->custom, &key);
    snprintf(message, sizeof message, "The processor's function for %s failed for the key (%s): %s", function,
             key.failed ? "" : key.data, call->error.message);
    memcpy(error->message, message, sizeof message);
    mr_error_parameter(error, "function", "%s", function);
    mr_text_release(&key);
    return error->code;
}

/* ---- the operator's side ---- */
static struct millrace_rows view(const struct mr_custom_call *custom, const struct mr_batch *batch,
                                 int64_t first, int64_t count)
{
    const struct mr_operator *op = mr_custom_call_operator(custom);
    struct millrace_rows rows = {
        .batch = *batch, .is_part = true, .first = first, .zone = op->session->zone, .number = op->batch};
    rows.batch.length = count;
    if (op->checkpoint)
        memcpy(rows.query_id, mr_checkpoint_query_id(op->checkpoint)->text, sizeof rows.query_id);
    return rows;
}

static struct millrace_call *begin(struct mr_custom_call *custom)
{
    struct millrace_call *call = mr_custom_instance(custom);
    call->custom = custom;
    mr_error_clear(&call->error);
    call->key = view(custom, mr_custom_key(custom), 0, 1);
    return call;
}

static int call_rows(struct mr_custom_call *custom, const struct mr_batch *batch, int64_t first,
                     int64_t count, struct mr_error *error)
{
    struct millrace_call *call = begin(custom);
    struct millrace_rows rows = view(custom, batch, first, count);
    return settle(call, call->processor->given.rows(call, &rows), "rows", error);
}

static int call_timer(struct mr_custom_call *custom, int64_t at_us, struct mr_error *error)
{
    struct millrace_call *call = begin(custom);
    return settle(call, call->processor->given.timer(call, at_us), "timers", error);
}

static void close_call(void *ctx, void *instance)
{
    struct mr_api_processor *processor = ctx;
    struct millrace_call *call = instance;
    if (processor->given.close && call->object)
        processor->given.close(call->object);
    for (int i = 0; call->variables && i < processor->config.variable_count; i++) {
        mr_batch_release(&call->variables[i].row.batch);
        mr_batch_release(&call->variables[i].key_row.batch);
    }
    mr_batch_release(&call->output.batch);
    mr_free(call->variables);
    mr_free(call);
}

static int open_row(struct millrace_call *call, struct millrace_row *row, const struct mr_type *type,
                    struct mr_error *error)
{
    row->call = call;
    return type ? mr_batch_init(&row->batch, type, 1, error) : MR_OK;
}

static int open_call(void *ctx, void **instance, struct mr_error *error)
{
    struct mr_api_processor *processor = ctx;
    const struct mr_custom_config *config = &processor->config;
    struct millrace_call *call = mr_allocate_zeroed(sizeof *call);
    if (!call)
        return mr_error_memory(error, sizeof *call);
    *instance = call; /* closed by the operator, however far we come */
    call->processor = processor;
    call->variables = mr_allocate_zeroed(sizeof *call->variables * (size_t)(config->variable_count + 1));
    if (!call->variables)
        return mr_error_memory(error, sizeof *call->variables);
    for (int i = 0; i < config->variable_count; i++) {
        MR_TRY(open_row(call, &call->variables[i].row, config->variables[i].value, error));
        MR_TRY(open_row(call, &call->variables[i].key_row, config->variables[i].key, error));
    }
    MR_TRY(open_row(call, &call->output, config->output, error));
    if (!processor->given.open)
        return MR_OK;
    call->object = processor->given.open(processor->given.ctx);
    if (call->object)
        return MR_OK;
    mr_error_set(error, MR_E_IO, "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR",
                 "The processor's function open returned NULL.");
    mr_error_parameter(error, "function", "open");
    return error->code;
}

void mr_api_processor_connect(struct mr_api_processor *processor)
{
    processor->config.processor =
        (struct mr_custom_processor){.ctx = processor,
                                     .open = open_call,
                                     .close = close_call,
                                     .rows = call_rows,
                                     .timer = processor->given.timer ? call_timer : NULL};
}

/* ---- about the call ---- */
static bool is_good(const struct millrace_call *call)
{
    return call && call->error.code == 0;
}

const struct millrace_rows *millrace_call_key(struct millrace_call *call)
{
    return call ? &call->key : NULL;
}

void *millrace_call_context(struct millrace_call *call)
{
    if (!call)
        return NULL;
    return call->object ? call->object : call->processor->given.ctx;
}

int64_t millrace_call_time_us(struct millrace_call *call)
{
    return call ? mr_custom_now_us(call->custom) : 0;
}

int64_t millrace_call_watermark_us(struct millrace_call *call)
{
    return call ? mr_custom_call_operator(call->custom)->evict_us : INT64_MIN;
}

/* ---- rows to be filled in ---- */
static struct millrace_row *empty(struct millrace_row *row)
{
    struct mr_error error = {0};
    for (int c = 0; c < row->batch.schema->field_count; c++) {
        mr_column_clear(row->batch.columns[c]);
        if (mr_column_append_null(row->batch.columns[c], &error) < 0) {
            fail(row->call, &error);
            return NULL;
        }
    }
    row->batch.length = 1;
    return row;
}

/* Its number; negative: the call has an error. */
static int find(struct millrace_call *call, const char *name)
{
    if (!is_good(call))
        return -1;
    const struct mr_custom_config *config = &call->processor->config;
    for (int i = 0; name && i < config->variable_count; i++)
        if (strcmp(config->variables[i].name, name) == 0)
            return i;
    misuse(call, "There is no state variable '%s'.", name ? name : "NULL");
    return -1;
}

struct millrace_row *millrace_output_row(struct millrace_call *call)
{
    return is_good(call) ? empty(&call->output) : NULL;
}

struct millrace_row *millrace_variable_row(struct millrace_call *call, const char *variable)
{
    int i = find(call, variable);
    if (i < 0)
        return NULL;
    if (call->variables[i].row.batch.schema)
        return empty(&call->variables[i].row);
    misuse(call, "The state variable '%s' is removed: it has no rows.", variable);
    return NULL;
}

struct millrace_row *millrace_map_key_row(struct millrace_call *call, const char *variable)
{
    int i = find(call, variable);
    if (i < 0)
        return NULL;
    if (call->variables[i].key_row.batch.schema)
        return empty(&call->variables[i].key_row);
    misuse(call, "The state variable '%s' is no map: it has no keys.", variable);
    return NULL;
}

/* The column to be set; NULL: the call has an error. */
static struct mr_column *column_of(struct millrace_row *row, int column)
{
    char number[24];
    if (!row || !is_good(row->call))
        return NULL;
    if (column >= 0 && column < row->batch.schema->field_count)
        return row->batch.columns[column];
    snprintf(number, sizeof number, "%d", column);
    misuse(row->call, "A row has no column %s.", number);
    return NULL;
}

static void refuse_value(struct millrace_row *row, int column, const char *given, bool overflow)
{
    struct mr_error error = {0};
    struct mr_text type;
    mr_text_init(&type);
    mr_type_text(&type, row->batch.schema->fields[column].type);
    mr_error_set(&error, overflow ? MR_E_DATA : MR_E_USAGE,
                 overflow ? "ARITHMETIC_OVERFLOW" : "INVALID_PARAMETER_VALUE",
                 overflow ? "%s does not fit column %d, '%s', a %s."
                          : "%s is given for column %d, '%s', a %s.",
                 given, column, row->batch.schema->fields[column].name, type.failed ? "" : type.data);
    mr_text_release(&type);
    fail(row->call, &error);
}

static bool put_integer(struct mr_column *c, int64_t value)
{
    switch (c->type->id) {
    case MR_BOOLEAN:
        c->booleans[0] = value != 0;
        return true;
    case MR_TINYINT:
        c->i8[0] = (int8_t)value;
        return value == c->i8[0];
    case MR_SMALLINT:
        c->i16[0] = (int16_t)value;
        return value == c->i16[0];
    case MR_INT:
    case MR_DATE:
    case MR_INTERVAL_YEAR_MONTH:
        c->i32[0] = (int32_t)value;
        return value == c->i32[0];
    case MR_FLOAT:
        c->f32[0] = (float)value;
        return true;
    case MR_DOUBLE:
        c->f64[0] = (double)value;
        return true;
    case MR_DECIMAL: {
        mr_i128 unscaled;
        bool fits = mr_decimal_rescale(value, 0, c->type->scale, c->type->precision, &unscaled);
        if (fits)
            mr_decimal_put(c, 0, unscaled);
        return fits;
    }
    default:
        c->i64[0] = value;
        return true;
    }
}

static bool takes_integers(const struct mr_type *type)
{
    return type->id != MR_VOID && !mr_type_is_bytes(type) && !mr_type_is_nested(type);
}

void millrace_row_int(struct millrace_row *row, int column, int64_t value)
{
    char text[32];
    struct mr_column *c = column_of(row, column);
    if (!c)
        return;
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (!takes_integers(c->type))
        refuse_value(row, column, text, false);
    else if (!put_integer(c, value))
        refuse_value(row, column, text, true);
    else
        mr_column_set_valid(c, 0);
}

void millrace_row_double(struct millrace_row *row, int column, double value)
{
    char text[48];
    struct mr_column *c = column_of(row, column);
    mr_i128 unscaled;
    if (!c)
        return;
    snprintf(text, sizeof text, "%g", value);
    if (c->type->id == MR_DOUBLE) {
        c->f64[0] = value;
    } else if (c->type->id == MR_FLOAT) {
        c->f32[0] = (float)value;
    } else if (c->type->id != MR_DECIMAL) {
        refuse_value(row, column, text, false);
        return;
    } else if (mr_decimal_from_double(value, c->type->precision, c->type->scale, &unscaled)) {
        mr_decimal_put(c, 0, unscaled);
    } else {
        refuse_value(row, column, text, true);
        return;
    }
    mr_column_set_valid(c, 0);
}

void millrace_row_bytes(struct millrace_row *row, int column, const char *data, size_t size)
{
    struct mr_error error = {0};
    struct mr_column *c = column_of(row, column);
    if (!c || !data)
        return;
    if (!mr_type_is_bytes(c->type))
        refuse_value(row, column, "Text", false);
    else if (mr_column_set_bytes(c, 0, data, size, &error) < 0)
        fail(row->call, &error);
}

void millrace_row_text(struct millrace_row *row, int column, const char *text)
{
    millrace_row_bytes(row, column, text, text ? strlen(text) : 0);
}

void millrace_row_copy(struct millrace_row *row, int column, const struct millrace_rows *from,
                       int64_t from_row, int from_column)
{
    struct mr_error error = {0};
    struct mr_column *c = column_of(row, column);
    if (!c || !from || from_row < 0 || from_row >= from->batch.length || from_column < 0 ||
        from_column >= from->batch.schema->field_count)
        return; /* a place that does not exist reads as NULL */
    const struct mr_column *other = from->batch.columns[from_column];
    if (!mr_type_equal(c->type, other->type)) {
        refuse_value(row, column, "A value of another type", false);
        return;
    }
    mr_column_clear(c);
    if (mr_column_append(c, other, from->first + from_row, false, &error) < 0)
        fail(row->call, &error);
}

int millrace_emit(struct millrace_call *call, struct millrace_row *row)
{
    struct mr_error error = {0};
    if (!is_good(call) || !row)
        return call ? call->error.code : MILLRACE_USAGE;
    if (row != &call->output)
        return misuse(call, "%s takes a row of the output.", "millrace_emit");
    return mr_custom_emit(call->custom, &row->batch, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

/* ---- state ---- */
/* Is it a row of this variable? */
static bool is_row(struct millrace_call *call, const struct millrace_row *row, const struct millrace_row *own,
                   const char *variable)
{
    if (row != own)
        misuse(call, "A row that was not made for it is given for the state variable '%s'.", variable);
    return row == own;
}

static const struct millrace_rows *give(struct millrace_call *call, struct millrace_rows *rows, int status,
                                        const struct mr_batch *batch, const struct mr_error *error)
{
    if (status < 0)
        fail(call, error);
    if (status != MR_OK || !batch)
        return NULL;
    *rows = view(call->custom, batch, 0, batch->length);
    return rows;
}

const struct millrace_rows *millrace_value_get(struct millrace_call *call, const char *variable)
{
    struct mr_error error = {0};
    const struct mr_batch *row = NULL;
    int i = find(call, variable);
    if (i < 0)
        return NULL;
    int status = mr_custom_value_get(call->custom, i, &row, &error);
    return give(call, &call->variables[i].value, status, row, &error);
}

int millrace_value_set(struct millrace_call *call, const char *variable, struct millrace_row *row)
{
    struct mr_error error = {0};
    int i = find(call, variable);
    if (i < 0 || !is_row(call, row, &call->variables[i].row, variable))
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_value_set(call->custom, i, &row->batch, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_list_append(struct millrace_call *call, const char *variable, struct millrace_row *row)
{
    struct mr_error error = {0};
    int i = find(call, variable);
    if (i < 0 || !is_row(call, row, &call->variables[i].row, variable))
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_list_append(call->custom, i, &row->batch, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_list_next(struct millrace_call *call, const char *variable,
                       const struct millrace_rows **elements)
{
    struct mr_error error = {0};
    const struct mr_batch *rows = NULL;
    bool again = !*elements;
    int i = find(call, variable);
    *elements = NULL;
    if (i < 0)
        return 0;
    int status = mr_custom_list_next(call->custom, i, again, &rows, &error);
    *elements = give(call, &call->variables[i].value, status, rows, &error);
    return *elements != NULL;
}

const struct millrace_rows *millrace_map_get(struct millrace_call *call, const char *variable,
                                             struct millrace_row *key)
{
    struct mr_error error = {0};
    const struct mr_batch *row = NULL;
    int i = find(call, variable);
    if (i < 0 || !is_row(call, key, &call->variables[i].key_row, variable))
        return NULL;
    int status = mr_custom_map_get(call->custom, i, &key->batch, &row, &error);
    return give(call, &call->variables[i].value, status, row, &error);
}

int millrace_map_put(struct millrace_call *call, const char *variable, struct millrace_row *key,
                     struct millrace_row *row)
{
    struct mr_error error = {0};
    int i = find(call, variable);
    if (i < 0 || !is_row(call, key, &call->variables[i].key_row, variable) ||
        !is_row(call, row, &call->variables[i].row, variable))
        return call ? call->error.code : MILLRACE_USAGE;
    int status = mr_custom_map_put(call->custom, i, &key->batch, &row->batch, &error);
    return status < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_map_remove(struct millrace_call *call, const char *variable, struct millrace_row *key)
{
    struct mr_error error = {0};
    int i = find(call, variable);
    if (i < 0 || !is_row(call, key, &call->variables[i].key_row, variable))
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_map_remove(call->custom, i, &key->batch, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_map_next(struct millrace_call *call, const char *variable, const struct millrace_rows **keys,
                      const struct millrace_rows **values)
{
    struct mr_error error = {0};
    const struct mr_batch *key = NULL, *value = NULL;
    bool again = !*keys;
    int i = find(call, variable);
    *keys = *values = NULL;
    if (i < 0)
        return 0;
    int status = mr_custom_map_next(call->custom, i, again, &key, &value, &error);
    *keys = give(call, &call->variables[i].key, status, key, &error);
    *values = give(call, &call->variables[i].value, status, value, &error);
    return *keys != NULL;
}

int millrace_variable_clear(struct millrace_call *call, const char *variable)
{
    struct mr_error error = {0};
    int i = find(call, variable);
    if (i < 0)
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_clear(call->custom, i, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

/* ---- timers ---- */
int millrace_timer_set(struct millrace_call *call, int64_t at_us)
{
    struct mr_error error = {0};
    if (!is_good(call))
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_timer_set(call->custom, at_us, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_timer_delete(struct millrace_call *call, int64_t at_us)
{
    struct mr_error error = {0};
    if (!is_good(call))
        return call ? call->error.code : MILLRACE_USAGE;
    return mr_custom_timer_delete(call->custom, at_us, &error) < 0 ? fail(call, &error) : MILLRACE_OK;
}

int millrace_timer_next(struct millrace_call *call, int64_t *at_us)
{
    struct mr_error error = {0};
    if (!is_good(call))
        return 0;
    int status = mr_custom_timer_next(call->custom, *at_us == INT64_MIN, at_us, &error);
    if (status < 0)
        fail(call, &error);
    return status == MR_OK;
}
