/* operators/custom_show.c: see the header. Columns are named as those of Spark's state data source. */
#include "operators/custom_show.h"

#include "columns/value.h"
#include "operators/custom_call.h"

#define ROWS_AT_ONCE 1024

struct showing {
    struct mr_operator op; /* of no job: for keys of state and messages */
    struct mr_node node;
    struct mr_arena arena;
    int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error);
    void *ctx;
    struct mr_custom_description described;
    const struct mr_type *key;
    const char *wanted; /* a variable */
    struct mr_custom_known known;
    bool found;
    struct mr_batch out;
};

static int send(struct showing *s, struct mr_error *error)
{
    MR_TRY(s->each(s->ctx, &s->out, error));
    const struct mr_type *type = s->out.schema;
    mr_batch_release(&s->out);
    return mr_batch_init(&s->out, type, ROWS_AT_ONCE, error);
}

static int row_done(struct showing *s, struct mr_error *error)
{
    s->out.length++;
    return s->out.length == ROWS_AT_ONCE ? send(s, error) : MR_OK;
}

static int begin(struct showing *s, const struct mr_field *fields, int count, struct mr_error *error)
{
    const struct mr_type *type = mr_type_struct(&s->arena, fields, count);
    if (!type)
        return mr_error_memory(error, sizeof *fields);
    MR_TRY(mr_batch_init(&s->out, type, ROWS_AT_ONCE, error));
    return s->each(s->ctx, &s->out, error);
}

/* ---- variables ---- */
static int put_text(struct showing *s, int column, const char *text, struct mr_error *error)
{
    struct mr_column *c = s->out.columns[column];
    int64_t row = c->length++;
    return *text ? mr_column_set_bytes(c, row, text, strlen(text), error) : mr_column_set_null(c, row, error);
}

static int show_variable(void *ctx, const struct mr_custom_known *known, struct mr_error *error)
{
    struct showing *s = ctx;
    char *name = mr_arena_copy_text(&s->arena, known->name.data, known->name.size);
    if (!name)
        return mr_error_memory(error, known->name.size);
    MR_TRY(put_text(s, 0, name, error));
    MR_TRY(put_text(s, 1, mr_custom_kind_name(known->kind), error));
    MR_TRY(put_text(s, 2, known->key, error));
    MR_TRY(put_text(s, 3, known->value, error));
    return row_done(s, error);
}

static int show_variables(struct showing *s, struct mr_error *error)
{
    const struct mr_field fields[] = {{.name = "stateVarName", .type = mr_type_of(MR_STRING)},
                                      {.name = "kind", .type = mr_type_of(MR_STRING)},
                                      {.name = "keys", .type = mr_type_of(MR_STRING), .nullable = true},
                                      {.name = "columns", .type = mr_type_of(MR_STRING)}};
    struct mr_custom_description about;
    MR_TRY(begin(s, fields, 4, error));
    return mr_custom_variables_scan(&s->op, NULL, &about, show_variable, s, error);
}

/* ---- entries and timers ---- */
/* Columns one behind the other, as a row of a STRUCT. */
static int put_struct(struct mr_column *c, const char **at, const char *end, bool as_key,
                      struct mr_error *error)
{
    for (int i = 0; i < c->child_count; i++)
        MR_TRY((as_key ? mr_key_decode : mr_row_decode)(at, end, c->children[i], error));
    c->length++;
    return MR_OK;
}

static int show_entry(void *ctx, struct mr_str key, struct mr_str value, struct mr_error *error)
{
    struct showing *s = ctx;
    const char *at = key.data + 7, *end = key.data + key.size; /* id, kind, variable, key group */
    int64_t expiry_us;
    if (key.size < 7 || value.size < MR_CUSTOM_HEAD || value.data[0] != MR_CUSTOM_FORMAT)
        return mr_state_corrupt(&s->op, "an entry of a variable", error);
    memcpy(&expiry_us, value.data + 1, 8);
    if (expiry_us <= s->described.now_us)
        return MR_OK;
    struct mr_column **columns = s->out.columns;
    int64_t rows = s->out.length;
    MR_TRY(put_struct(columns[0], &at, end, true, error));
    bool timer = s->known.number == MR_CUSTOM_TIMERS;
    if (s->known.kind == MR_CUSTOM_LIST && !timer && at == end) { /* the list's head */
        for (int i = 0; i < columns[0]->child_count; i++)
            columns[0]->children[i]->length = rows;
        columns[0]->length = rows;
        return MR_OK;
    }
    if (timer) {
        columns[1]->i64[columns[1]->length++] = mr_state_get_time(at) / 1000;
        return row_done(s, error);
    }
    if (s->known.kind == MR_CUSTOM_MAP)
        MR_TRY(put_struct(columns[1], &at, end, true, error));
    at = value.data + MR_CUSTOM_HEAD;
    MR_TRY(put_struct(columns[s->known.kind == MR_CUSTOM_MAP ? 2 : 1], &at, value.data + value.size, false,
                      error));
    return row_done(s, error);
}

static int scan_variable(struct showing *s, struct mr_error *error)
{
    struct mr_text range;
    mr_text_init(&range);
    mr_state_put_prefix(&range, &s->op, MR_STATE_ENTRIES);
    mr_state_put_u16(&range, s->known.number);
    size_t size = range.size;
    mr_state_put_prefix(&range, &s->op, MR_STATE_ENTRIES);
    mr_state_put_u16(&range, s->known.number + 1);
    int status =
        range.failed
            ? mr_error_memory(error, range.capacity)
            : mr_checkpoint_scan(s->op.checkpoint, MR_FAMILY_STATE, (struct mr_str){range.data, size},
                                 (struct mr_str){range.data + size, range.size - size}, show_entry, s, error);
    mr_text_release(&range);
    return status;
}

static int find_variable(void *ctx, const struct mr_custom_known *known, struct mr_error *error)
{
    struct showing *s = ctx;
    (void)error;
    if (s->wanted && mr_str_equal(known->name, mr_str_of(s->wanted))) {
        s->known = *known;
        s->known.key = mr_arena_copy_text(&s->arena, known->key, strlen(known->key));
        s->known.value = mr_arena_copy_text(&s->arena, known->value, strlen(known->value));
        s->found = s->known.key && s->known.value;
    }
    return MR_OK;
}

static int show_entries(struct showing *s, struct mr_error *error)
{
    const struct mr_type *value = NULL, *map_key = NULL;
    struct mr_custom_description about;
    MR_TRY(mr_custom_variables_scan(&s->op, NULL, &about, find_variable, s, error));
    if (!s->found)
        return mr_error_set(error, MR_E_USAGE, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
                            "Stateful operator %d has no state variable '%s'.", s->node.id, s->wanted);
    MR_TRY(mr_schema_parse(&s->arena, mr_str_of(s->known.value), &value, error));
    bool map = s->known.kind == MR_CUSTOM_MAP;
    if (map)
        MR_TRY(mr_schema_parse(&s->arena, mr_str_of(s->known.key), &map_key, error));
    struct mr_field fields[3] = {{.name = "key", .type = s->key}};
    if (map)
        fields[1] = (struct mr_field){.name = "user_map_key", .type = map_key};
    fields[map ? 2 : 1] = (struct mr_field){.name = map                               ? "user_map_value"
                                                    : s->known.kind == MR_CUSTOM_LIST ? "list_element"
                                                                                      : "value",
                                            .type = value};
    MR_TRY(begin(s, fields, map ? 3 : 2, error));
    return scan_variable(s, error);
}

static int show_timers(struct showing *s, struct mr_error *error)
{
    const struct mr_field fields[] = {{.name = "key", .type = s->key},
                                      {.name = "expiration_timestamp_ms", .type = mr_type_of(MR_BIGINT)}};
    s->known = (struct mr_custom_known){.number = MR_CUSTOM_TIMERS};
    MR_TRY(begin(s, fields, 2, error));
    return scan_variable(s, error);
}

int mr_custom_show(struct mr_checkpoint *checkpoint, int id, enum mr_custom_shown what, const char *variable,
                   int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error), void *ctx,
                   struct mr_error *error)
{
    struct showing s = {.node = {.id = id, .type = &mr_custom_operator},
                        .each = each,
                        .ctx = ctx,
                        .wanted = variable};
    int status = MR_OK;
    s.op = (struct mr_operator){.type = &mr_custom_operator, .node = &s.node, .checkpoint = checkpoint};
    mr_arena_init(&s.arena);
    MR_ERR(mr_custom_variables_scan(&s.op, &s.arena, &s.described, NULL, NULL, error));
    if (!s.described.key)
        MR_ERR(mr_error_set(error, MR_E_USAGE, "STDS_INVALID_OPTION_VALUE.WITH_MESSAGE",
                            "The checkpoint has no stateful operator %d that is a processor.", id));
    MR_ERR(mr_schema_parse(&s.arena, mr_str_of(s.described.key), &s.key, error));
    status = what == MR_CUSTOM_VARIABLES ? show_variables(&s, error)
             : what == MR_CUSTOM_ENTRIES ? show_entries(&s, error)
                                         : show_timers(&s, error);
    if (status >= 0 && s.out.length > 0)
        status = send(&s, error);
err:
    mr_batch_release(&s.out);
    mr_arena_release(&s.arena);
    return status;
}
