/* operators/custom_variables.c: what the checkpoint knows of the variables of custom state: their numbers,
 * kinds and types. A variable may come and go; what it holds stays until it is asked to be removed. */
#include "operators/custom_call.h"

const char *mr_custom_kind_name(enum mr_custom_kind kind)
{
    static const char *const names[] = {"ValueState", "ListState", "MapState", "removed"};
    return names[kind];
}

static int put_name(const struct mr_operator *op, struct mr_text *out, const char *name)
{
    mr_state_put_prefix(out, op, MR_STATE_VARIABLES);
    mr_text_append_str(out, name);
    return out->failed ? MR_E_MEMORY : MR_OK;
}

static int parse(const struct mr_operator *op, struct mr_str key, struct mr_str value,
                 struct mr_custom_known *out, struct mr_error *error)
{
    const char *at = value.data + MR_CUSTOM_HEAD, *end = value.data + value.size;
    if (key.size < 3 || value.size < MR_CUSTOM_HEAD + 5 || value.data[0] != MR_CUSTOM_FORMAT ||
        end[-1] != 0 || (uint8_t)at[2] > MR_CUSTOM_MAP)
        return mr_state_corrupt(op, "a state variable's record", error);
    *out = (struct mr_custom_known){.name = {key.data + 3, key.size - 3},
                                    .number = mr_state_get_u16(at),
                                    .kind = (enum mr_custom_kind)at[2],
                                    .key = at + 3};
    out->value = out->key + strlen(out->key) + 1;
    return out->value < end ? MR_OK : mr_state_corrupt(op, "a state variable's record", error);
}

/* ---- what may not change ---- */
static int refuse_type(const struct mr_custom_call *call, const struct mr_custom_variable *variable,
                       const char *part, const char *before, const char *now, bool key,
                       struct mr_error *error)
{
    return mr_error_set(
        error, MR_E_UNSUPPORTED,
        key ? "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE" : "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE",
        "Stateful operator %d (%s): the %s of the state variable '%s' changed from [%s] to [%s]. The "
        "checkpoint holds it otherwise: undo the change, give the variable a new name, or start anew.",
        call->op->node->id, call->op->type->name, part, variable->name, before, now);
}

static int check_type(const struct mr_custom_call *call, const struct mr_custom_variable *variable,
                      const struct mr_type *type, const char *before, bool key, struct mr_error *error)
{
    struct mr_text now;
    mr_text_init(&now);
    mr_text_append_str(&now, "");
    if (type)
        mr_type_text(&now, type);
    int status = now.failed ? mr_error_memory(error, now.capacity) : MR_OK;
    if (status >= 0 && strcmp(now.data, before) != 0)
        status = refuse_type(call, variable, key ? "map key" : "type", before, now.data, key, error);
    mr_text_release(&now);
    return status;
}

static int check_known(const struct mr_custom_call *call, const struct mr_custom_variable *variable,
                       const struct mr_custom_known *known, struct mr_error *error)
{
    if (variable->kind == MR_CUSTOM_REMOVED)
        return MR_OK;
    if (variable->kind != known->kind) {
        mr_error_set(error, MR_E_UNSUPPORTED, "STATE_STORE_INVALID_VARIABLE_TYPE_CHANGE",
                     "Stateful operator %d (%s): the state variable '%s' was a %s and is a %s. Undo the "
                     "change, give the variable a new name, or start anew.",
                     call->op->node->id, call->op->type->name, variable->name,
                     mr_custom_kind_name(known->kind), mr_custom_kind_name(variable->kind));
        mr_error_parameter(error, "stateVarName", "%s", variable->name);
        mr_error_parameter(error, "oldType", "%s", mr_custom_kind_name(known->kind));
        mr_error_parameter(error, "newType", "%s", mr_custom_kind_name(variable->kind));
        return error->code;
    }
    MR_TRY(check_type(call, variable, variable->key, known->key, true, error));
    return check_type(call, variable, variable->value, known->value, false, error);
}

/* ---- reading ---- */
struct reading {
    struct mr_operator *op;
    struct mr_arena *arena;
    struct mr_custom_description *description;
    int (*each)(void *ctx, const struct mr_custom_known *known, struct mr_error *error);
    void *ctx;
};

static int read_record(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct reading *reading = ctx;
    struct mr_custom_known known;
    if (key.size > 3) {
        MR_TRY(parse(reading->op, key, value, &known, error));
        return reading->each ? reading->each(reading->ctx, &known, error) : MR_OK;
    }
    const char *end = value.data + value.size;
    if (value.size < MR_CUSTOM_HEAD + 9 || value.data[0] != MR_CUSTOM_FORMAT || end[-1] != 0)
        return mr_state_corrupt(reading->op, "the record of what state is of", error);
    memcpy(&reading->description->now_us, value.data + MR_CUSTOM_HEAD, 8);
    const char *text = value.data + MR_CUSTOM_HEAD + 8;
    if (!reading->arena)
        return MR_OK;
    reading->description->key = mr_arena_copy_text(reading->arena, text, strlen(text));
    return reading->description->key ? MR_OK : mr_error_memory(error, strlen(text));
}

int mr_custom_variables_scan(struct mr_operator *op, struct mr_arena *arena,
                             struct mr_custom_description *out,
                             int (*each)(void *ctx, const struct mr_custom_known *known,
                                         struct mr_error *error),
                             void *ctx, struct mr_error *error)
{
    struct reading reading = {op, arena, out, each, ctx};
    *out = (struct mr_custom_description){.now_us = INT64_MIN};
    if (!op->checkpoint || mr_checkpoint_is_new(op->checkpoint))
        return MR_OK;
    return mr_state_scan(op, MR_STATE_VARIABLES, read_record, &reading, error);
}

/* ---- opening ---- */
struct opening {
    struct mr_custom_call *call;
    unsigned highest;
};

static int meet(void *ctx, const struct mr_custom_known *known, struct mr_error *error)
{
    struct opening *opening = ctx;
    struct mr_custom_call *call = opening->call;
    const struct mr_custom_config *config = call->op->node->config;
    opening->highest = known->number > opening->highest ? known->number : opening->highest;
    for (int i = 0; i < config->variable_count; i++) {
        if (!mr_str_equal(known->name, mr_str_of(config->variables[i].name)))
            continue;
        MR_TRY(check_known(call, &config->variables[i], known, error));
        call->slots[i].number = known->number;
        call->slots[i].known = true;
    }
    return MR_OK;
}

int mr_custom_variables_open(struct mr_custom_call *call, struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    struct opening opening = {.call = call, .highest = MR_CUSTOM_TIMERS};
    struct mr_custom_description description;
    MR_TRY(mr_custom_variables_scan(call->op, NULL, &description, meet, &opening, error));
    call->store.now_us = description.now_us;
    for (int i = 0; i < config->variable_count; i++)
        if (!call->slots[i].known)
            call->slots[i].number = ++opening.highest;
    if (opening.highest <= UINT16_MAX)
        return MR_OK;
    return mr_error_set(error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                        "The checkpoint has seen more than %d state variables.", UINT16_MAX);
}

/* ---- writing ---- */
static void put_type(struct mr_text *out, const struct mr_type *type)
{
    if (type)
        mr_type_text(out, type);
    mr_text_append_char(out, 0);
}

static void write_record(struct mr_custom_call *call, int i, struct mr_decision *decision)
{
    const struct mr_custom_config *config = call->op->node->config;
    const struct mr_custom_variable *variable = &config->variables[i];
    mr_text_clear(&call->entry);
    mr_text_clear(&call->row);
    put_name(call->op, &call->entry, variable->name);
    mr_keyed_state_put_head(&call->row, MR_CUSTOM_FORMAT, MR_NEVER);
    mr_state_put_u16(&call->row, call->slots[i].number);
    mr_text_append_char(&call->row, (char)variable->kind);
    put_type(&call->row, variable->key);
    put_type(&call->row, variable->value);
    mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(&call->entry), mr_text_str(&call->row));
    call->slots[i].known = true;
}

static void put_variable(const struct mr_custom_call *call, struct mr_text *out, unsigned number)
{
    mr_state_put_prefix(out, call->op, MR_STATE_ENTRIES);
    mr_state_put_u16(out, number);
}

static int count_removed(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct mr_custom_call *call = ctx;
    int64_t expiry_us;
    if (key.size < 7 || value.size < MR_CUSTOM_HEAD)
        return mr_state_corrupt(call->op, "an entry of a variable", error);
    int partition = mr_key_group_partition((int)mr_state_get_u16(key.data + 5), call->op->partitions);
    memcpy(&expiry_us, value.data + 1, 8);
    if (partition != call->op->partition || expiry_us <= call->store.now_us)
        return MR_OK;
    call->op->metrics.rows_removed++;
    return mr_expiry_counts_remove(&call->store.counts, expiry_us, error);
}

/* Every partition takes its part out of the counts, the first one deletes. */
static int remove_variable(struct mr_custom_call *call, int i, struct mr_decision *decision,
                           struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    struct mr_text range;
    mr_text_init(&range);
    put_variable(call, &range, call->slots[i].number);
    size_t size = range.size;
    put_variable(call, &range, call->slots[i].number + 1);
    struct mr_str begin = {range.data, size}, end = {range.data + size, range.size - size};
    int status = range.failed ? mr_error_memory(error, range.capacity)
                              : mr_checkpoint_scan(call->op->checkpoint, MR_FAMILY_STATE, begin, end,
                                                   count_removed, call, error);
    if (status >= 0 && call->op->partition == 0) {
        mr_decision_delete_range(decision, MR_FAMILY_STATE, begin, end);
        mr_text_clear(&call->entry);
        put_name(call->op, &call->entry, config->variables[i].name);
        mr_decision_delete(decision, MR_FAMILY_STATE, mr_text_str(&call->entry));
    }
    mr_text_release(&range);
    call->slots[i].known = false;
    return status;
}

static void write_time(struct mr_custom_call *call, struct mr_decision *decision)
{
    const struct mr_custom_config *config = call->op->node->config;
    mr_text_clear(&call->entry);
    mr_text_clear(&call->row);
    put_name(call->op, &call->entry, "");
    mr_keyed_state_put_head(&call->row, MR_CUSTOM_FORMAT, MR_NEVER);
    mr_text_append(&call->row, &call->store.now_us, 8);
    put_type(&call->row, config->key);
    mr_decision_put(decision, MR_FAMILY_STATE, mr_text_str(&call->entry), mr_text_str(&call->row));
    call->written_us = call->store.now_us;
    if (call->store.now_us != INT64_MIN)
        mr_decision_expire(decision, (uint16_t)call->op->node->id, call->store.now_us);
}

int mr_custom_variables_flush(struct mr_custom_call *call, struct mr_decision *decision,
                              struct mr_error *error)
{
    const struct mr_custom_config *config = call->op->node->config;
    bool first = call->op->partition == 0;
    for (int i = 0; i < config->variable_count; i++) {
        bool removed = config->variables[i].kind == MR_CUSTOM_REMOVED;
        if (removed && call->slots[i].known)
            MR_TRY(remove_variable(call, i, decision, error));
        if (!removed && first && !call->slots[i].known)
            write_record(call, i, decision);
    }
    if (first && (!call->described || call->store.now_us != call->written_us))
        write_time(call, decision);
    call->described = true;
    return call->entry.failed || call->row.failed ? mr_error_memory(error, 64) : MR_OK;
}
