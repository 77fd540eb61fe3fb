/* operators/custom_call.c: variables, timers and emitted rows of one key (custom_state.h). */
#include "operators/custom_call.h"

#include "columns/value.h"
#include "operators/common.h"

#define ELEMENTS_AT_ONCE 1024
#define BASE_HEAD 5 /* id, kind, variable: before key group and key */

/* ---- opening ---- */
int mr_custom_call_open(struct mr_custom_call *call, struct mr_operator *op, struct mr_error *error)
{
    const struct mr_custom_config *config = op->node->config;
    call->op = op;
    call->next_due_us = INT64_MIN;
    mr_text_init(&call->group);
    mr_text_init(&call->base);
    mr_text_init(&call->entry);
    mr_text_init(&call->row);
    MR_TRY(mr_custom_store_open(&call->store, op, error));
    call->slots = mr_allocate_zeroed(sizeof *call->slots * (size_t)(config->variable_count + 1));
    if (!call->slots)
        return mr_error_memory(error, sizeof *call->slots);
    for (int i = 0; i < config->variable_count; i++) {
        const struct mr_custom_variable *variable = &config->variables[i];
        if (variable->value)
            MR_TRY(mr_batch_init(&call->slots[i].value, variable->value, 1, error));
        if (variable->key)
            MR_TRY(mr_batch_init(&call->slots[i].key, variable->key, 1, error));
    }
    MR_TRY(mr_batch_init(&call->key, config->key, 1, error));
    return mr_batch_init(&call->out, op->node->output, MR_BATCH_ROWS, error);
}

void mr_custom_call_close(struct mr_custom_call *call)
{
    if (!call->op)
        return;
    const struct mr_custom_config *config = call->op->node->config;
    mr_custom_call_end(call);
    for (int i = 0; call->slots && i < config->variable_count; i++) {
        mr_batch_release(&call->slots[i].value);
        mr_batch_release(&call->slots[i].key);
    }
    mr_free(call->slots);
    mr_batch_release(&call->key);
    mr_batch_release(&call->out);
    mr_text_release(&call->group);
    mr_text_release(&call->base);
    mr_text_release(&call->entry);
    mr_text_release(&call->row);
    mr_custom_store_close(&call->store);
    call->op = NULL;
}

static void clear_batch(struct mr_batch *batch)
{
    for (int c = 0; c < batch->schema->field_count; c++)
        mr_column_clear(batch->columns[c]);
    batch->length = 0;
}

/* ---- one call ---- */
int mr_custom_call_begin(struct mr_custom_call *call, struct mr_str group, struct mr_error *error)
{
    const char *at = group.data + 2, *end = group.data + group.size;
    mr_text_clear(&call->group);
    mr_text_append(&call->group, group.data, group.size);
    if (call->group.failed)
        return mr_error_memory(error, group.size);
    clear_batch(&call->key);
    for (int c = 0; c < call->key.schema->field_count; c++)
        MR_TRY(mr_key_decode(&at, end, call->key.columns[c], error));
    call->key.length = 1;
    return MR_OK;
}

void mr_custom_call_end(struct mr_custom_call *call)
{
    const struct mr_custom_config *config = call->op->node->config;
    for (int i = 0; call->slots && i < config->variable_count; i++)
        mr_custom_scan_close(&call->slots[i].scan);
    mr_custom_scan_close(&call->timers);
}

const struct mr_batch *mr_custom_key(const struct mr_custom_call *call)
{
    return &call->key;
}

void *mr_custom_instance(const struct mr_custom_call *call)
{
    return call->instance;
}

const struct mr_operator *mr_custom_call_operator(const struct mr_custom_call *call)
{
    return call->op;
}

int64_t mr_custom_now_us(const struct mr_custom_call *call)
{
    return call->op->session->batch_time_us;
}

void mr_custom_key_text(const struct mr_custom_call *call, struct mr_text *out)
{
    const struct mr_type *type = call->key.schema;
    for (int c = 0; c < type->field_count; c++) {
        mr_text_format(out, "%s%s = ", c > 0 ? ", " : "", type->fields[c].name);
        if (mr_column_is_null(call->key.columns[c], 0))
            mr_text_append_str(out, "NULL");
        else
            mr_value_text(out, call->key.columns[c], 0, call->op->session->zone);
    }
}

/* ---- rows as bytes ---- */
static int encode(struct mr_custom_call *call, const struct mr_batch *row, struct mr_error *error)
{
    mr_text_clear(&call->row);
    for (int c = 0; c < row->schema->field_count; c++)
        mr_row_append(&call->row, row->columns[c], 0);
    return call->row.failed ? mr_error_memory(error, call->row.capacity) : MR_OK;
}

/* Columns of a row, one behind the other; appended to those of `into`. */
static int decode(const struct mr_custom_call *call, struct mr_str row, struct mr_batch *into,
                  struct mr_error *error)
{
    const char *at = row.data, *end = row.data + row.size;
    for (int c = 0; c < into->schema->field_count; c++)
        MR_TRY(mr_row_decode(&at, end, into->columns[c], error));
    if (at != end)
        return mr_state_corrupt(call->op, "a row is longer than its type", error);
    into->length++;
    return MR_OK;
}

/* A map's key out of the key of an entry: what stands behind its base. */
static int decode_key(const struct mr_custom_call *call, struct mr_str key, size_t base_bytes,
                      struct mr_batch *into, struct mr_error *error)
{
    const char *at = key.data + base_bytes, *end = key.data + key.size;
    for (int c = 0; c < into->schema->field_count; c++)
        MR_TRY(mr_key_decode(&at, end, into->columns[c], error));
    if (at != end)
        return mr_state_corrupt(call->op, "a key is longer than its type", error);
    into->length++;
    return MR_OK;
}

static int take_row(const struct mr_custom_call *call, struct mr_str row, struct mr_batch *into,
                    struct mr_error *error)
{
    clear_batch(into);
    return decode(call, row, into, error);
}

/* ---- variables ---- */
/* call->base: the variable's key in state. */
static int find(struct mr_custom_call *call, int variable, enum mr_custom_kind kind,
                struct mr_custom_slot **slot, struct mr_error *error)
{
    static const char *const kinds[] = {"a value", "a list", "a map", "removed"};
    const struct mr_custom_config *config = call->op->node->config;
    const struct mr_custom_variable *known = &config->variables[variable];
    if (known->kind != kind)
        return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                            "The state variable '%s' is %s, and is used as %s.", known->name,
                            kinds[known->kind], kinds[kind]);
    *slot = &call->slots[variable];
    mr_text_clear(&call->base);
    mr_custom_put_base(&call->store, &call->base, (*slot)->number, mr_text_str(&call->group));
    return call->base.failed ? mr_error_memory(error, call->base.capacity) : MR_OK;
}

static int64_t expiry_of(const struct mr_custom_call *call, int variable)
{
    const struct mr_custom_config *config = call->op->node->config;
    int64_t ttl_us = config->variables[variable].ttl_us, expiry_us;
    bool never = ttl_us == 0 || __builtin_add_overflow(mr_custom_now_us(call), ttl_us, &expiry_us);
    return never ? MR_NEVER : expiry_us;
}

int mr_custom_value_get(struct mr_custom_call *call, int variable, const struct mr_batch **out,
                        struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str value;
    *out = NULL;
    MR_TRY(find(call, variable, MR_CUSTOM_VALUE, &slot, error));
    MR_TRY(mr_custom_get(&call->store, mr_text_str(&call->base), MR_STR(""), &value, error));
    if (!value.data)
        return MR_OK;
    *out = &slot->value;
    return take_row(call, value, &slot->value, error);
}

int mr_custom_value_set(struct mr_custom_call *call, int variable, const struct mr_batch *row,
                        struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str before;
    MR_TRY(find(call, variable, MR_CUSTOM_VALUE, &slot, error));
    MR_TRY(mr_custom_get(&call->store, mr_text_str(&call->base), MR_STR(""), &before, error));
    MR_TRY(encode(call, row, error));
    return mr_custom_put(&call->store, mr_text_str(&call->base), mr_text_str(&call->row),
                         expiry_of(call, variable), MR_CUSTOM_COUNTED, error);
}

/* ---- lists ---- */
static int put_entry_key(struct mr_custom_call *call, int64_t number, struct mr_error *error)
{
    mr_text_clear(&call->entry);
    mr_text_append(&call->entry, call->base.data, call->base.size);
    mr_state_put_time(&call->entry, number);
    return call->entry.failed ? mr_error_memory(error, call->entry.capacity) : MR_OK;
}

int mr_custom_list_append(struct mr_custom_call *call, int variable, const struct mr_batch *row,
                          struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str head;
    int64_t number = 0, expiry_us = expiry_of(call, variable), head_us = expiry_us, before_us;
    MR_TRY(find(call, variable, MR_CUSTOM_LIST, &slot, error));
    MR_TRY(mr_custom_get(&call->store, mr_text_str(&call->base), MR_STR(""), &head, error));
    if (head.data && head.size != 8)
        return mr_state_corrupt(call->op, "the head of a list", error);
    if (head.data) { /* it expires when all elements have, whatever their time to live was */
        memcpy(&number, head.data, 8);
        memcpy(&before_us, head.data - MR_CUSTOM_HEAD + 1, 8);
        head_us = before_us > head_us ? before_us : head_us;
    }
    MR_TRY(put_entry_key(call, number, error));
    MR_TRY(encode(call, row, error));
    MR_TRY(mr_custom_put(&call->store, mr_text_str(&call->entry), mr_text_str(&call->row), expiry_us,
                         MR_CUSTOM_NEW, error));
    number++;
    return mr_custom_put(&call->store, mr_text_str(&call->base), (struct mr_str){(char *)&number, 8}, head_us,
                         MR_CUSTOM_EXTRA, error);
}

/* Opens the slot's scan when it is not, or anew. */
static int begin_scan(struct mr_custom_call *call, struct mr_custom_slot *slot, bool again, bool settled,
                      struct mr_error *error)
{
    if (again)
        mr_custom_scan_close(&slot->scan);
    if (slot->scan.store)
        return MR_OK;
    return mr_custom_scan_base(&slot->scan, &call->store, mr_text_str(&call->base), settled, error);
}

int mr_custom_list_next(struct mr_custom_call *call, int variable, bool again, const struct mr_batch **out,
                        struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str key, value;
    int status = MR_OK;
    MR_TRY(find(call, variable, MR_CUSTOM_LIST, &slot, error));
    MR_TRY(begin_scan(call, slot, again, true, error));
    clear_batch(&slot->value);
    while (status == MR_OK && slot->value.length < ELEMENTS_AT_ONCE) {
        status = mr_custom_scan_next(&slot->scan, &key, &value, error);
        if (status == MR_OK)
            status = decode(call, value, &slot->value, error);
    }
    MR_TRY(status);
    *out = slot->value.length > 0 ? &slot->value : NULL;
    return *out ? MR_OK : MR_END;
}

/* ---- maps ---- */
static int find_entry(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                      struct mr_custom_slot **slot, struct mr_str *value, struct mr_error *error)
{
    MR_TRY(find(call, variable, MR_CUSTOM_MAP, slot, error));
    mr_text_clear(&call->entry);
    mr_text_append(&call->entry, call->base.data, call->base.size);
    for (int c = 0; c < key->schema->field_count; c++)
        mr_key_append(&call->entry, key->columns[c], 0);
    if (call->entry.failed)
        return mr_error_memory(error, call->entry.capacity);
    return mr_custom_get(&call->store, mr_text_str(&call->entry), mr_text_str(&call->base), value, error);
}

int mr_custom_map_get(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                      const struct mr_batch **out, struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str value;
    *out = NULL;
    MR_TRY(find_entry(call, variable, key, &slot, &value, error));
    if (!value.data)
        return MR_OK;
    *out = &slot->value;
    return take_row(call, value, &slot->value, error);
}

int mr_custom_map_put(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                      const struct mr_batch *row, struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str before;
    MR_TRY(find_entry(call, variable, key, &slot, &before, error));
    MR_TRY(encode(call, row, error));
    return mr_custom_put(&call->store, mr_text_str(&call->entry), mr_text_str(&call->row),
                         expiry_of(call, variable), MR_CUSTOM_COUNTED, error);
}

int mr_custom_map_remove(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                         struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str before;
    MR_TRY(find_entry(call, variable, key, &slot, &before, error));
    return mr_custom_delete(&call->store, mr_text_str(&call->entry), true, error);
}

int mr_custom_map_next(struct mr_custom_call *call, int variable, bool again, const struct mr_batch **keys,
                       const struct mr_batch **values, struct mr_error *error)
{
    struct mr_custom_slot *slot;
    struct mr_str key, value;
    int status = MR_OK;
    MR_TRY(find(call, variable, MR_CUSTOM_MAP, &slot, error));
    MR_TRY(begin_scan(call, slot, again, false, error));
    clear_batch(&slot->key);
    clear_batch(&slot->value);
    while (status == MR_OK && slot->value.length < ELEMENTS_AT_ONCE) {
        status = mr_custom_scan_next(&slot->scan, &key, &value, error);
        if (status != MR_OK)
            break;
        MR_TRY(decode_key(call, key, call->base.size, &slot->key, error));
        MR_TRY(decode(call, value, &slot->value, error));
    }
    MR_TRY(status);
    *keys = &slot->key;
    *values = &slot->value;
    return slot->value.length > 0 ? MR_OK : MR_END;
}

int mr_custom_clear(struct mr_custom_call *call, int variable, struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    enum mr_custom_kind kind = config->variables[variable].kind;
    struct mr_custom_slot *slot;
    struct mr_str before;
    MR_TRY(find(call, variable, kind == MR_CUSTOM_REMOVED ? MR_CUSTOM_VALUE : kind, &slot, error));
    mr_custom_scan_close(&slot->scan);
    if (kind != MR_CUSTOM_VALUE)
        MR_TRY(mr_custom_cut(&call->store, mr_text_str(&call->base), error));
    if (kind == MR_CUSTOM_MAP)
        return MR_OK;
    MR_TRY(mr_custom_get(&call->store, mr_text_str(&call->base), MR_STR(""), &before, error));
    return mr_custom_delete(&call->store, mr_text_str(&call->base), kind == MR_CUSTOM_VALUE, error);
}

/* ---- timers ---- */
/* call->entry: the timer among those of the key; call->base: the timer by time. */
static int put_timer_keys(struct mr_custom_call *call, int64_t at_us, struct mr_error *error)
{
    mr_text_clear(&call->base);
    mr_custom_put_base(&call->store, &call->base, MR_CUSTOM_TIMERS, mr_text_str(&call->group));
    MR_TRY(put_entry_key(call, at_us, error));
    mr_text_clear(&call->base);
    mr_custom_put_timer(&call->store, &call->base, at_us, mr_text_str(&call->group));
    return call->base.failed ? mr_error_memory(error, call->base.capacity) : MR_OK;
}

static int find_timer(struct mr_custom_call *call, int64_t at_us, bool *there, struct mr_error *error)
{
    struct mr_str value;
    MR_TRY(put_timer_keys(call, at_us, error));
    MR_TRY(mr_custom_get(&call->store, mr_text_str(&call->entry), MR_STR(""), &value, error));
    *there = value.data != NULL;
    return MR_OK;
}

static int check_mode(const struct mr_custom_call *call, const char *operation, struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    if (config->mode != MR_TIME_NONE)
        return MR_OK;
    mr_error_set(error, MR_E_USAGE, "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE",
                 "Timers need a time mode: event time or processing time. The processor has none, and cannot "
                 "%s.",
                 operation);
    mr_error_parameter(error, "operationType", "%s", operation);
    mr_error_parameter(error, "timeMode", "NoTime");
    return error->code;
}

int mr_custom_timer_set(struct mr_custom_call *call, int64_t at_us, struct mr_error *error)
{
    bool there;
    MR_TRY(check_mode(call, "set a timer", error));
    MR_TRY(find_timer(call, at_us, &there, error));
    if (there)
        return MR_OK;
    if (at_us < call->next_due_us)
        call->next_due_us = at_us;
    MR_TRY(
        mr_custom_put(&call->store, mr_text_str(&call->entry), MR_STR(""), MR_NEVER, MR_CUSTOM_EXTRA, error));
    return mr_custom_put(&call->store, mr_text_str(&call->base), MR_STR(""), MR_NEVER, MR_CUSTOM_EXTRA,
                         error);
}

int mr_custom_timer_forget(struct mr_custom_call *call, int64_t at_us, struct mr_error *error)
{
    MR_TRY(put_timer_keys(call, at_us, error));
    MR_TRY(mr_custom_drop(&call->store, mr_text_str(&call->entry), error));
    return mr_custom_drop(&call->store, mr_text_str(&call->base), error);
}

int mr_custom_timer_delete(struct mr_custom_call *call, int64_t at_us, struct mr_error *error)
{
    bool there;
    MR_TRY(check_mode(call, "delete a timer", error));
    MR_TRY(find_timer(call, at_us, &there, error));
    return there ? mr_custom_timer_forget(call, at_us, error) : MR_OK;
}

int mr_custom_timer_next(struct mr_custom_call *call, bool again, int64_t *at_us, struct mr_error *error)
{
    struct mr_str key, value;
    MR_TRY(check_mode(call, "list timers", error));
    if (again)
        mr_custom_scan_close(&call->timers);
    if (!call->timers.store) {
        mr_text_clear(&call->base);
        mr_custom_put_base(&call->store, &call->base, MR_CUSTOM_TIMERS, mr_text_str(&call->group));
        if (call->base.failed)
            return mr_error_memory(error, call->base.capacity);
        MR_TRY(mr_custom_scan_base(&call->timers, &call->store, mr_text_str(&call->base), true, error));
    }
    int status = mr_custom_scan_next(&call->timers, &key, &value, error);
    if (status == MR_OK)
        *at_us = mr_state_get_time(key.data + BASE_HEAD + call->group.size);
    return status;
}

/* ---- emitting ---- */
int mr_custom_send(struct mr_custom_call *call, struct mr_error *error)
{
    if (call->out.length == 0)
        return MR_OK;
    MR_TRY(mr_operator_emit(call->op, &call->out, error));
    mr_batch_release(&call->out); /* others may hold its columns */
    return mr_batch_init(&call->out, call->op->node->output, MR_BATCH_ROWS, error);
}

/* What is above would take it for late. */
static int check_event_time(const struct mr_custom_call *call, const struct mr_batch *row,
                            struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    int64_t watermark_us = call->op->evict_us;
    if (config->event_time_output < 0 || watermark_us == MR_NO_WATERMARK)
        return MR_OK;
    const struct mr_column *times = row->columns[config->event_time_output];
    if (mr_column_is_null(times, 0) || times->i64[0] >= watermark_us)
        return MR_OK;
    mr_error_set(error, MR_E_DATA, "EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED",
                 "The processor emits a row of event time %lld ms, and the watermark is at %lld ms already.",
                 (long long)(times->i64[0] / 1000), (long long)(watermark_us / 1000));
    mr_error_parameter(error, "currentWatermark", "%lld", (long long)(watermark_us / 1000));
    mr_error_parameter(error, "emittedRowEventTime", "%lld", (long long)(times->i64[0] / 1000));
    return error->code;
}

int mr_custom_emit(struct mr_custom_call *call, const struct mr_batch *row, struct mr_error *error)
{
    MR_TRY(check_event_time(call, row, error));
    for (int c = 0; c < row->schema->field_count; c++)
        MR_TRY(mr_column_append(call->out.columns[c], row->columns[c], 0, false, error));
    call->out.length++;
    return call->out.length < MR_BATCH_ROWS ? MR_OK : mr_custom_send(call, error);
}
