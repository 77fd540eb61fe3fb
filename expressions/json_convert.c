/* expressions/json_convert.c: tokens of a record -> rows of columns; the rules for objects, arrays and maps.
 */
#include "base/json.h"
#include "expressions/append.h"
#include "expressions/json_internal.h"

#define HASHED_FIELDS 16 /* with more fields than this, names are looked up in a map */

static int convert(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t index,
                   struct mr_column *column, struct mr_error *error);

/* ---- plans ---- */
static int add_names(struct mr_json_plan *plan, bool case_sensitive, struct mr_error *error)
{
    mr_map_init(&plan->names);
    plan->hashed = true;
    struct mr_text name;
    mr_text_init(&name);
    bool failed = false;
    for (int i = 0; i < plan->type->field_count; i++) {
        bool created;
        mr_text_clear(&name);
        mr_text_append_str(&name, plan->type->fields[i].name);
        for (size_t k = 0; !case_sensitive && k < name.size; k++)
            if (name.data[k] >= 'A' && name.data[k] <= 'Z')
                name.data[k] |= 0x20;
        struct mr_map_entry *entry = mr_map_put(&plan->names, mr_text_str(&name), &created);
        if (entry && created)
            entry->number = i;
        failed |= !entry;
    }
    failed |= name.failed;
    mr_text_release(&name);
    return failed ? mr_error_memory(error, 0) : MR_OK;
}

static int build_plan(struct mr_json_converter *c, struct mr_json_plan *plan, const struct mr_type *type,
                      struct mr_error *error)
{
    plan->type = type;
    plan->children = MR_ARENA_ARRAY(&c->arena, struct mr_json_plan, type->field_count + 1);
    if (!plan->children)
        return mr_error_memory(error, sizeof *plan);
    for (int i = 0; i < type->field_count; i++)
        MR_TRY(build_plan(c, &plan->children[i], type->fields[i].type, error));
    if (type->id == MR_STRUCT && type->field_count > HASHED_FIELDS)
        MR_TRY(add_names(plan, c->options.case_sensitive, error));
    return MR_OK;
}

static void release_plan(struct mr_json_plan *plan)
{
    for (int i = 0; plan->children && plan->type && i < plan->type->field_count; i++)
        release_plan(&plan->children[i]);
    if (plan->hashed)
        mr_map_release(&plan->names);
}

int mr_json_converter_open(struct mr_json_converter **out, const struct mr_type *type,
                           const struct mr_json_options *options, struct mr_error *error)
{
    int status = MR_OK;
    struct mr_json_converter *c = mr_allocate_zeroed(sizeof *c);
    *out = NULL;
    if (!c)
        return mr_error_memory(error, sizeof *c);
    c->options = *options;
    mr_arena_init(&c->arena);
    mr_text_init(&c->scratch);
    mr_text_init(&c->other_scratch);
    mr_text_init(&c->rescued);
    c->plan = MR_ARENA_NEW(&c->arena, struct mr_json_plan);
    if (!c->plan)
        MR_ERR(mr_error_memory(error, sizeof *c->plan));
    MR_ERR(build_plan(c, c->plan, type, error));
    *out = c;
    return MR_OK;
err:
    mr_json_converter_close(c);
    return status;
}

void mr_json_converter_close(struct mr_json_converter *c)
{
    if (!c)
        return;
    if (c->plan)
        release_plan(c->plan);
    mr_json_tokens_release(&c->tokens);
    mr_text_release(&c->scratch);
    mr_text_release(&c->other_scratch);
    mr_text_release(&c->rescued);
    mr_arena_release(&c->arena);
    mr_free(c);
}

const struct mr_error *mr_json_converter_cause(struct mr_json_converter *c)
{
    if (!c->has_cause)
        mr_error_clear(&c->cause);
    return &c->cause;
}

struct mr_str mr_json_converter_rescued(const struct mr_json_converter *c)
{
    return mr_text_str(&c->rescued);
}

bool mr_json_converter_left_out(const struct mr_json_converter *c)
{
    return c->options.collect_rescued && (c->rescued.size > 0 || c->passed_over);
}

int mr_json_converter_keep(struct mr_column *column, struct mr_buffer *buffer, struct mr_error *error)
{
    if (column->type->id == MR_STRING)
        return mr_column_keep(column, buffer, error);
    for (int i = 0; i < column->child_count; i++)
        MR_TRY(mr_json_converter_keep(column->children[i], buffer, error));
    return MR_OK;
}

/* ---- what went wrong first ---- */
static void note_misfit(struct mr_json_converter *c, uint32_t index, const struct mr_type *type)
{
    if (c->has_cause)
        return;
    c->has_cause = true;
    const struct mr_json_token *token = &c->from->tokens[index];
    struct mr_text name;
    mr_text_init(&name);
    mr_type_text(&name, type);
    bool empty = token->kind == MR_JSON_T_STRING && token->size == 0;
    int size = token->size > 64 ? 64 : (int)token->size;
    mr_error_clear(&c->cause);
    if (empty)
        mr_error_set(&c->cause, MR_E_DATA, "EMPTY_JSON_FIELD_VALUE",
                     "An empty text is no value of the type %s.", name.data);
    else
        mr_error_set(&c->cause, MR_E_DATA, "CANNOT_PARSE_JSON_FIELD",
                     "The JSON value %.*s at byte %u is no value of the type %s.", size,
                     c->from->text + token->start, token->start, name.data);
    mr_error_parameter(&c->cause, "dataType", "\"%s\"", name.data);
    mr_error_at(&c->cause, NULL, 0, 0, token->start);
    mr_text_release(&name);
}

/* ---- rescued members ---- */
static void rescue(struct mr_json_converter *c, const struct mr_json_token *name, uint32_t index)
{
    if (!c->rescuing)
        return;
    struct mr_json_writer writer = {.out = &c->rescued,
                                    .comma =
                                        c->rescued.size > 0 && c->rescued.data[c->rescued.size - 1] != '{'};
    mr_json_key_str(&writer, mr_json_unescape(c->from, name, &c->scratch));
    const struct mr_json_token *value = &c->from->tokens[index];
    size_t quotes = value->kind == MR_JSON_T_STRING;
    mr_text_append(&c->rescued, c->from->text + value->start - quotes, value->size + 2 * quotes);
}

/* A struct's members are rescued within an object of its own; which goes away when there are none. */
static size_t rescue_begin(struct mr_json_converter *c, const struct mr_json_token *name)
{
    size_t before = c->rescued.size;
    if (c->rescuing) {
        struct mr_json_writer writer = {.out = &c->rescued,
                                        .comma = before > 0 && c->rescued.data[before - 1] != '{'};
        mr_json_key_str(&writer, mr_json_unescape(c->from, name, &c->scratch));
        mr_text_append_char(&c->rescued, '{');
    }
    return before;
}

static void rescue_end(struct mr_json_converter *c, size_t before, bool keep)
{
    if (!c->rescuing)
        return;
    if (keep && c->rescued.data[c->rescued.size - 1] != '{') {
        mr_text_append_char(&c->rescued, '}');
        return;
    }
    c->rescued.size = before;
    c->rescued.data[before] = '\0';
}

/* ---- objects ---- */
static int find_field(struct mr_json_converter *c, const struct mr_json_plan *plan, struct mr_str name,
                      int hint)
{
    const struct mr_type *type = plan->type;
    bool exact = c->options.case_sensitive;
    for (int k = 0; !plan->hashed && k < type->field_count; k++) {
        int i = hint + k < type->field_count ? hint + k : hint + k - type->field_count;
        struct mr_str field = mr_str_of(type->fields[i].name);
        if (exact ? mr_str_equal(field, name) : mr_str_equal_nocase(field, name))
            return i;
    }
    if (!plan->hashed)
        return -1;
    if (!exact) {
        mr_text_clear(&c->other_scratch);
        for (size_t i = 0; i < name.size; i++) {
            bool upper = name.data[i] >= 'A' && name.data[i] <= 'Z';
            mr_text_append_char(&c->other_scratch, (char)(upper ? name.data[i] | 0x20 : name.data[i]));
        }
        name = mr_text_str(&c->other_scratch);
    }
    const struct mr_map_entry *entry = mr_map_get(&plan->names, name);
    return entry ? (int)entry->number : -1;
}

/* One member into its column, which has `before` rows plus perhaps one from an earlier member of the same
 * name: the last that fits counts. */
static int convert_member(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t name,
                          struct mr_column *column, int64_t before, struct mr_error *error)
{
    uint32_t index = name + 1;
    const struct mr_json_token *value = &c->from->tokens[index];
    bool nested = plan->type->id == MR_STRUCT && value->kind == MR_JSON_T_OBJECT;
    bool rescuing = c->rescuing, passed_over = c->passed_over;
    size_t mark = nested ? rescue_begin(c, &c->from->tokens[name]) : 0;
    c->rescuing = rescuing && nested;
    c->passed_over = false;
    bool again = column->length > before;
    int outcome = convert(c, plan, index, column, error);
    if (outcome >= 0 && outcome != MR_JSON_MISFIT && again) {
        mr_append_undo(column, before);
        if (nested && rescuing) {
            rescue_end(c, mark, false);
            mark = rescue_begin(c, &c->from->tokens[name]);
        }
        outcome = convert(c, plan, index, column, error);
    }
    c->rescuing = rescuing;
    if (nested)
        rescue_end(c, mark, outcome != MR_JSON_MISFIT);
    if (outcome == MR_JSON_MISFIT || (!nested && (outcome == MR_JSON_FIT_IN_PART || c->passed_over)))
        rescue(c, &c->from->tokens[name], index);
    c->passed_over = passed_over || (c->passed_over && !rescuing);
    return outcome;
}

/* The object at index: one row more in each of the columns, which are all `before` long. */
static int convert_object(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t index,
                          struct mr_column *const *columns, int64_t before, struct mr_error *error)
{
    const struct mr_json_token *tokens = c->from->tokens;
    int outcome = MR_JSON_FIT, hint = 0;
    uint32_t end = tokens[index].next;
    for (uint32_t i = index + 1; i < end; i = tokens[i + 1].next) {
        int field = find_field(c, plan, mr_json_unescape(c->from, &tokens[i], &c->scratch), hint);
        if (field < 0) {
            c->passed_over |= !c->rescuing;
            rescue(c, &tokens[i], i + 1);
            continue;
        }
        hint = field + 1 < plan->type->field_count ? field + 1 : 0;
        int member = convert_member(c, &plan->children[field], i, columns[field], before, error);
        MR_TRY(member);
        if (member != MR_JSON_FIT)
            outcome = MR_JSON_FIT_IN_PART;
    }
    for (int f = 0; f < plan->type->field_count; f++)
        if (columns[f]->length == before)
            MR_TRY(mr_column_append_null(columns[f], error));
    return outcome;
}

static int convert_struct(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t index,
                          struct mr_column *column, struct mr_error *error)
{
    int64_t row = column->length;
    if (c->from->tokens[index].kind != MR_JSON_T_OBJECT) {
        note_misfit(c, index, plan->type);
        return MR_JSON_MISFIT;
    }
    int outcome = convert_object(c, plan, index, column->children, row, error);
    MR_TRY(outcome);
    MR_TRY(mr_append_row(column, &row, error));
    return outcome;
}

/* ---- arrays and maps: one element that does not fit spoils the whole ---- */
static int convert_list(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t index,
                        struct mr_column *column, struct mr_error *error)
{
    const struct mr_json_token *tokens = c->from->tokens;
    bool map = plan->type->id == MR_MAP;
    if (tokens[index].kind != (map ? MR_JSON_T_OBJECT : MR_JSON_T_ARRAY)) {
        note_misfit(c, index, plan->type);
        return MR_JSON_MISFIT;
    }
    struct mr_column *values = column->children[map];
    int64_t first = values->length, row;
    int outcome = MR_JSON_FIT;
    for (uint32_t i = index + 1; i < tokens[index].next; i = tokens[i].next) {
        if (map) {
            struct mr_str key = mr_json_unescape(c->from, &tokens[i], &c->scratch);
            bool stays = c->text_stays && !tokens[i].escaped;
            MR_TRY(stays ? mr_append_view(column->children[0], key, error)
                         : mr_append_text(column->children[0], key, error));
            i++;
        }
        int element = convert(c, &plan->children[map], i, values, error);
        MR_TRY(element);
        if (element == MR_JSON_MISFIT) {
            mr_append_undo(values, first);
            if (map)
                mr_append_undo(column->children[0], first);
            return MR_JSON_MISFIT;
        }
        if (element == MR_JSON_FIT_IN_PART)
            outcome = MR_JSON_FIT_IN_PART;
    }
    if (values->length > INT32_MAX)
        return mr_error_memory(error, (size_t)values->length);
    MR_TRY(mr_append_row(column, &row, error));
    column->offsets[row] = (int32_t)first;
    column->offsets[row + 1] = (int32_t)values->length;
    return outcome;
}

static int convert(struct mr_json_converter *c, const struct mr_json_plan *plan, uint32_t index,
                   struct mr_column *column, struct mr_error *error)
{
    if (c->from->tokens[index].kind == MR_JSON_T_NULL) {
        MR_TRY(mr_column_append_null(column, error));
        return MR_JSON_FIT;
    }
    switch (plan->type->id) {
    case MR_STRUCT:
        return convert_struct(c, plan, index, column, error);
    case MR_ARRAY:
    case MR_MAP:
        return convert_list(c, plan, index, column, error);
    default:
        break;
    }
    int outcome = mr_json_convert_scalar(c, index, column, error);
    if (outcome == MR_JSON_MISFIT)
        note_misfit(c, index, plan->type);
    return outcome;
}

/* ---- records ---- */
static void begin_record(struct mr_json_converter *c, const struct mr_json_tokens *from, bool text_stays)
{
    c->from = from;
    c->has_cause = false;
    c->text_stays = text_stays;
    c->rescuing = c->options.collect_rescued;
    c->passed_over = false;
    mr_text_clear(&c->rescued);
}

static enum mr_json_verdict verdict_of(int outcome)
{
    return outcome == MR_JSON_FIT           ? MR_JSON_GOOD
           : outcome == MR_JSON_FIT_IN_PART ? MR_JSON_PARTIAL
                                            : MR_JSON_BAD;
}

/* A top-level array in a file: every element is a record. One that is no object makes all of them malformed.
 */
static int convert_rows(struct mr_json_converter *c, struct mr_column *const *columns, int64_t before,
                        int64_t *rows, struct mr_error *error)
{
    const struct mr_json_token *tokens = c->from->tokens;
    int outcome = MR_JSON_FIT;
    for (uint32_t i = 1; i < tokens[0].next; i = tokens[i].next) {
        if (tokens[i].kind != MR_JSON_T_OBJECT) {
            note_misfit(c, i, c->plan->type);
            for (int f = 0; f < c->plan->type->field_count; f++)
                mr_append_undo(columns[f], before);
            *rows = 0;
            return MR_JSON_MISFIT;
        }
        int record = convert_object(c, c->plan, i, columns, before + *rows, error);
        MR_TRY(record);
        ++*rows;
        if (record != MR_JSON_FIT)
            outcome = record;
    }
    return outcome;
}

static int convert_record(struct mr_json_converter *c, struct mr_column *const *columns, int64_t *rows,
                          struct mr_error *error)
{
    const struct mr_type *type = c->plan->type;
    uint8_t kind = c->from->tokens[0].kind;
    int64_t before = type->id != MR_STRUCT || type->field_count > 0 ? columns[0]->length : 0;
    if (type->id == MR_STRUCT && kind == MR_JSON_T_ARRAY && c->options.array_as_rows)
        return convert_rows(c, columns, before, rows, error);
    *rows = 1;
    if (type->id == MR_STRUCT && kind == MR_JSON_T_OBJECT)
        return convert_object(c, c->plan, 0, columns, before, error);
    if (type->id == MR_ARRAY && type->fields[0].type->id == MR_STRUCT && kind == MR_JSON_T_OBJECT) {
        struct mr_column *element = columns[0]->children[0];
        int64_t first = element->length, row;
        int outcome = convert(c, &c->plan->children[0], 0, element, error);
        MR_TRY(outcome);
        MR_TRY(mr_append_row(columns[0], &row, error));
        columns[0]->offsets[row] = (int32_t)first;
        columns[0]->offsets[row + 1] = (int32_t)element->length;
        return outcome;
    }
    if (type->id != MR_STRUCT && kind != MR_JSON_T_NULL)
        return convert(c, c->plan, 0, columns[0], error);
    note_misfit(c, 0, type);
    return MR_JSON_MISFIT;
}

int mr_json_convert(struct mr_json_converter *c, struct mr_str text, bool text_stays,
                    struct mr_column *const *columns, enum mr_json_verdict *verdict, int64_t *rows,
                    struct mr_error *error)
{
    *rows = 0;
    begin_record(c, &c->tokens, text_stays);
    mr_error_clear(&c->cause);
    int status = mr_json_tokenize(&c->tokens, text, &c->options, &c->cause);
    if (status == MR_E_MEMORY)
        return mr_error_memory(error, text.size);
    if (status != MR_OK) {
        *verdict = status == MR_END ? MR_JSON_EMPTY : MR_JSON_BAD;
        c->has_cause = status != MR_END;
        return MR_OK;
    }
    int outcome = convert_record(c, columns, rows, error);
    MR_TRY(outcome);
    if (outcome == MR_JSON_MISFIT)
        *rows = 0;
    *verdict = verdict_of(outcome);
    return c->rescued.failed ? mr_error_memory(error, c->rescued.size) : MR_OK;
}

int mr_json_convert_value(struct mr_json_converter *c, const struct mr_json_tokens *tokens, uint32_t index,
                          bool text_stays, struct mr_column *column, enum mr_json_verdict *verdict,
                          struct mr_error *error)
{
    begin_record(c, tokens, text_stays);
    int outcome = convert(c, c->plan, index, column, error);
    MR_TRY(outcome);
    *verdict = verdict_of(outcome);
    return MR_OK;
}
