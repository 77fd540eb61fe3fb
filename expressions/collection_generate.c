/* expressions/collection_generate.c: generators: explode, posexplode, inline, stack. A call's value is the
 * ARRAY of STRUCTs of the rows it gives; the operator spreads them. */
#include "expressions/collection_kernels.h"

/* The rows share the columns they are made of: nothing is copied. */
MR_KERNEL(mr_collection_explode)
{
    const struct mr_column *list = arguments[0];
    const struct mr_type *row_type = out->type->fields[0].type;
    bool numbered = strncmp(call->expression->function->name, "pos", 3) == 0;
    bool inlined = strncmp(call->expression->function->name, "inline", 6) == 0;
    if (inlined) {
        call->result = mr_column_ref(arguments[0]);
        return MR_OK;
    }
    struct mr_column *shell = mr_shell_new(out->type, out->length, error);
    if (!shell)
        return error->code;
    call->result = shell;
    memcpy(shell->offsets, list->offsets, sizeof *list->offsets * (size_t)(out->length + 1));
    MR_TRY(mr_shell_validity(shell, out, error));
    struct mr_column *entries = mr_shell_new(row_type, list->children[0]->length, error);
    if (!entries)
        return error->code;
    shell->children[0] = entries;
    for (int f = 0; f < list->child_count; f++)
        entries->children[f + numbered] = mr_column_ref(list->children[f]);
    if (!numbered)
        return MR_OK;
    struct mr_column *position = mr_column_new(mr_type_of(MR_INT), entries->length);
    if (!position)
        return mr_row_memory(error);
    entries->children[0] = position;
    position->length = entries->length;
    for (int64_t i = 0; i < out->length; i++)
        for (int32_t k = list->offsets[i]; k < list->offsets[i + 1]; k++)
            position->i32[k] = k - list->offsets[i];
    return MR_OK;
}

static int array_of_rows(struct mr_resolve *r, const struct mr_field *fields, int count,
                         struct mr_error *error)
{
    const struct mr_type *row = mr_type_struct(r->builder->arena, fields, count);
    r->type = row ? mr_type_array(r->builder->arena, row, false) : NULL;
    r->nullable = true;
    return r->type ? MR_OK : mr_error_memory(error, sizeof *row);
}

int mr_collection_resolve_explode(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    struct mr_field fields[3] = {{.name = "pos", .type = mr_type_of(MR_INT)}};
    int count = strncmp(r->function->name, "pos", 3) == 0;
    if (type->id != MR_ARRAY && type->id != MR_MAP)
        return mr_resolve_unexpected_type(r, 0, "(\"ARRAY\" or \"MAP\")", error);
    for (int i = 0; i < type->field_count; i++) {
        fields[count] = type->fields[i];
        fields[count++].name = type->id == MR_ARRAY ? "col" : i == 0 ? "key" : "value";
    }
    return array_of_rows(r, fields, count, error);
}

int mr_collection_resolve_inline(struct mr_resolve *r, struct mr_error *error)
{
    const struct mr_type *type = r->arguments[0]->type;
    if (type->id != MR_ARRAY || type->fields[0].type->id != MR_STRUCT)
        return mr_resolve_unexpected_type(r, 0, "\"ARRAY<STRUCT>\"", error);
    r->type = type;
    r->nullable = true;
    return MR_OK;
}

/* stack(n, values…): n rows. */
int mr_collection_resolve_stack(struct mr_resolve *r, struct mr_error *error)
{
    int64_t count;
    bool is_null;
    MR_TRY(mr_resolve_cast(r, 0, mr_type_of(MR_INT), error));
    MR_TRY(mr_resolve_constant_i64(r, 0, &count, &is_null, error));
    if (is_null || count <= 0)
        return mr_resolve_error(r, error, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                                "`stack` needs a number of rows above 0.");
    int values = r->count - 1, columns = (int)((values + count - 1) / count);
    struct mr_field *fields = MR_ARENA_ARRAY(r->builder->arena, struct mr_field, columns + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int c = 0; c < columns; c++) {
        const struct mr_type *type = mr_type_of(MR_VOID);
        for (int v = c; v < values; v += columns) {
            const struct mr_type *other = r->arguments[v + 1]->type;
            if (other->id != MR_VOID && type->id != MR_VOID && !mr_type_equal(other, type))
                return mr_resolve_data_diff_types(r, 1, -1, error);
            type = other->id != MR_VOID ? other : type;
        }
        fields[c] = (struct mr_field){.name = mr_arena_format(r->builder->arena, "col%d", c),
                                      .type = type,
                                      .nullable = true};
        for (int v = c; v < values; v += columns)
            MR_TRY(mr_resolve_force(r, v + 1, type, error));
    }
    return array_of_rows(r, fields, columns, error);
}

MR_KERNEL(mr_collection_stack)
{
    struct mr_list_writer writer = mr_list_writer(out);
    struct mr_column *entries = out->children[0];
    int columns = entries->child_count, values = call->expression->argument_count - 1;
    int count = columns > 0 ? arguments[0]->i32[0] : 0;
    for (int v = 0; v < values; v++)
        MR_TRY(mr_column_keep_all_of(entries->children[v % columns], arguments[v + 1], error));
    MR_FOR_ROWS (i, rows, out->length) {
        mr_list_begin(&writer, i);
        for (int row = 0; row < count; row++) {
            int64_t ignored;
            for (int c = 0; c < columns; c++) {
                int v = row * columns + c;
                MR_TRY(v < values ? mr_column_append(entries->children[c], arguments[v + 1], i, true, error)
                                  : mr_column_append_null(entries->children[c], error));
            }
            MR_TRY(mr_append_row(entries, &ignored, error));
        }
    }
    mr_list_finish(&writer);
    return MR_OK;
}
