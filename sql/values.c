/* sql/values.c: VALUES, range() and the one row of a SELECT without FROM. */
#include <stdio.h>

#include "sql/analysis.h"
#include "sql/local_source.h"

static int local_plan(struct mr_analysis *a, struct mr_local_rows *local, const char *name, uint32_t start,
                      uint32_t stop, struct mr_plan **out)
{
    const char *unique = mr_arena_format(a->arena, "%s#%d", name, a->job->source_count);
    if (!unique)
        return mr_error_memory(a->error, 32);
    struct mr_source *source = mr_job_new_source(a->job, &mr_local_source, unique, a->error);
    if (!source) {
        mr_batch_release(&local->rows);
        return a->error->code;
    }
    source->ctx = local;
    if (mr_job_open_source(a->job, source, a->error) < 0) {
        mr_batch_release(&local->rows);
        return a->error->code;
    }
    return mr_sql_scan_plan(a, source, local->schema, 0, false, name, start, stop, out);
}

int mr_sql_one_row_plan(struct mr_analysis *a, uint32_t start, uint32_t stop, struct mr_plan **out)
{
    struct mr_local_rows *local = MR_ARENA_NEW(a->arena, struct mr_local_rows);
    const struct mr_type *schema = mr_type_struct(a->arena, NULL, 0);
    if (!local || !schema)
        return mr_error_memory(a->error, sizeof *local);
    *local = (struct mr_local_rows){.schema = schema, .count = 1};
    return local_plan(a, local, "OneRow", start, stop, out);
}

/* ---- range(end), range(start, end[, step[, partitions]]) ---- */
int mr_sql_range_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                      struct mr_relation_plan *out)
{
    int64_t values[4] = {0, 0, 1, 0};
    int count = relation->argument_count;
    struct mr_relation_plan nothing = {0};
    struct mr_time_window window = {0};
    if (count < 1 || count > 4) {
        mr_error_set(a->error, MR_E_SQL, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
                     "range() takes 1 to 4 arguments, not %d.", count);
        mr_error_parameter(a->error, "functionName", "`range`");
        mr_error_parameter(a->error, "expectedNum", "[1, 2, 3, 4]");
        mr_error_parameter(a->error, "actualNum", "%d", count);
        return mr_sql_error_at(a, relation->start, relation->stop);
    }
    struct mr_plan empty = {.schema = mr_type_struct(a->arena, NULL, 0)};
    nothing.plan = &empty;
    struct mr_resolution r = {.analysis = a, .input = &nothing, .place = MR_PLACE_OTHER, .window = &window};
    for (int i = 0; i < count; i++) {
        const struct mr_expression *e = NULL;
        struct mr_expression_builder b;
        MR_TRY(mr_sql_resolve(&r, relation->arguments[i], &e));
        mr_sql_builder(a, relation->arguments[i], &b);
        MR_TRY(mr_expression_cast(&b, e, mr_type_of(MR_BIGINT), false, &e, a->error));
        MR_TRY(mr_expression_fold(&b, e, &e, a->error));
        if (e->kind != MR_EXPR_LITERAL || mr_column_is_null(e->literal, 0))
            return mr_sql_error(a, relation->arguments[i]->start, relation->arguments[i]->stop,
                                "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                                "The arguments of range() are constants.");
        values[count == 1 ? 1 : i] = e->literal->i64[0];
    }
    if (values[2] == 0)
        return mr_sql_error(a, relation->start, relation->stop, "INVALID_PARAMETER_VALUE",
                            "The step of range() cannot be 0.");
    struct mr_local_rows *local = MR_ARENA_NEW(a->arena, struct mr_local_rows);
    const struct mr_field id = {.name = "id", .type = mr_type_of(MR_BIGINT)};
    const struct mr_type *schema = mr_type_struct(a->arena, &id, 1);
    if (!local || !schema)
        return mr_error_memory(a->error, sizeof *local);
    __int128 distance = (__int128)values[1] - values[0], step = values[2];
    __int128 rows =
        (distance > 0) == (step > 0) && distance != 0 ? (distance + step - (step > 0 ? 1 : -1)) / step : 0;
    if (rows > INT64_MAX)
        rows = INT64_MAX;
    *local = (struct mr_local_rows){
        .schema = schema, .is_range = true, .start = values[0], .step = values[2], .count = (int64_t)rows};
    MR_TRY(local_plan(a, local, "Range", relation->start, relation->stop, &out->plan));
    return mr_scope_of_plan(a, out->plan, NULL, 0, 0, &out->scope);
}

/* ---- VALUES ---- */
struct rows {
    const struct mr_sql_relation *relation;
    const struct mr_expression ***cells; /* [row][column] */
    int row_count, column_count;
    const struct mr_type **types;
    bool *nullable;
};

/* (1, 'a') is a row of two, 1 and (1) a row of one. */
static struct mr_sql_expression *const *row_of(struct mr_sql_expression *const *row, int *count)
{
    if ((*row)->kind != MR_SQL_ROW) {
        *count = 1;
        return row;
    }
    *count = (*row)->argument_count;
    return (*row)->arguments;
}

static int check_width(struct mr_analysis *a, const struct mr_sql_relation *relation, int expected,
                       int actual, int row)
{
    if (expected == actual)
        return MR_OK;
    mr_error_set(a->error, MR_E_SQL, "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
                 "Row %d of VALUES has %d columns, %d are expected.", row + 1, actual, expected);
    mr_error_parameter(a->error, "expectedNumCols", "%d", expected);
    mr_error_parameter(a->error, "actualNumCols", "%d", actual);
    mr_error_parameter(a->error, "rowIndex", "%d", row);
    return mr_sql_error_at(a, relation->start, relation->stop);
}

static int resolve_rows(struct mr_analysis *a, struct rows *rows)
{
    const struct mr_sql_relation *relation = rows->relation;
    struct mr_relation_plan nothing = {0};
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = &nothing, .place = MR_PLACE_OTHER, .window = &window};
    struct mr_plan empty = {.schema = mr_type_struct(a->arena, NULL, 0)};
    nothing.plan = &empty;
    rows->row_count = relation->argument_count;
    rows->cells = MR_ARENA_ARRAY(a->arena, const struct mr_expression **, rows->row_count);
    if (!rows->cells)
        return mr_error_memory(a->error, sizeof *rows->cells);
    for (int i = 0; i < rows->row_count; i++) {
        int count;
        struct mr_sql_expression *const *cells = row_of(&relation->arguments[i], &count);
        if (i == 0)
            rows->column_count = relation->column_count > 0 ? relation->column_count : count;
        MR_TRY(check_width(a, relation, rows->column_count, count, i));
        rows->cells[i] = MR_ARENA_ARRAY(a->arena, const struct mr_expression *, count);
        if (!rows->cells[i])
            return mr_error_memory(a->error, sizeof *cells);
        for (int c = 0; c < count; c++)
            MR_TRY(mr_sql_resolve(&r, cells[c], &rows->cells[i][c]));
    }
    return MR_OK;
}

static int incompatible(struct mr_analysis *a, const struct rows *rows, int column)
{
    char name[32];
    snprintf(name, sizeof name, "col%d", column + 1);
    struct mr_str shown =
        rows->relation->column_count > 0 ? rows->relation->columns[column] : mr_str_of(name);
    mr_error_set(a->error, MR_E_SQL, "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
                 "The column %.*s of VALUES has types without a common one.", (int)shown.size, shown.data);
    mr_error_parameter(a->error, "colName", "`%.*s`", (int)shown.size, shown.data);
    return mr_sql_error_at(a, rows->relation->start, rows->relation->stop);
}

static int common_types(struct mr_analysis *a, struct rows *rows)
{
    rows->types = MR_ARENA_ARRAY(a->arena, const struct mr_type *, rows->column_count + 1);
    rows->nullable = MR_ARENA_ARRAY(a->arena, bool, rows->column_count + 1);
    if (!rows->types || !rows->nullable)
        return mr_error_memory(a->error, sizeof *rows->types);
    for (int c = 0; c < rows->column_count; c++) {
        for (int i = 0; i < rows->row_count; i++) {
            const struct mr_expression *e = rows->cells[i][c];
            bool text = rows->types[c] && rows->types[c]->id != e->type->id &&
                        rows->types[c]->id != MR_VOID && e->type->id != MR_VOID &&
                        (rows->types[c]->id == MR_STRING || e->type->id == MR_STRING);
            rows->nullable[c] |= e->nullable;
            rows->types[c] = rows->types[c] ? mr_type_common(a->arena, rows->types[c], e->type) : e->type;
            if (!rows->types[c] || text) /* text and numbers are not mixed silently */
                return incompatible(a, rows, c);
        }
        for (int i = 0; i < rows->row_count; i++) {
            struct mr_expression_builder b;
            mr_sql_builder(a, rows->relation->arguments[i], &b);
            MR_TRY(mr_expression_cast(&b, rows->cells[i][c], rows->types[c], false, &rows->cells[i][c],
                                      a->error));
        }
    }
    return MR_OK;
}

static bool all_foldable(const struct rows *rows)
{
    for (int i = 0; i < rows->row_count; i++)
        for (int c = 0; c < rows->column_count; c++)
            if (!rows->cells[i][c]->foldable)
                return false;
    return true;
}

static int row_schema(struct mr_analysis *a, const struct rows *rows, const struct mr_type **out)
{
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, rows->column_count + 1);
    if (!fields)
        return mr_error_memory(a->error, sizeof *fields);
    for (int c = 0; c < rows->column_count; c++) {
        fields[c] = (struct mr_field){.name = mr_arena_format(a->arena, "col%d", c + 1),
                                      .type = rows->types[c],
                                      .nullable = rows->nullable[c]};
        if (!fields[c].name)
            return mr_error_memory(a->error, 8);
    }
    *out = mr_type_struct(a->arena, fields, rows->column_count);
    return *out ? MR_OK : mr_error_memory(a->error, sizeof **out);
}

/* Constants: computed now. */
static int constant_rows(struct mr_analysis *a, const struct rows *rows, const struct mr_type *schema,
                         struct mr_plan **out)
{
    struct mr_local_rows *local = MR_ARENA_NEW(a->arena, struct mr_local_rows);
    if (!local)
        return mr_error_memory(a->error, sizeof *local);
    *local = (struct mr_local_rows){.schema = schema, .count = rows->row_count};
    int status = mr_batch_init(&local->rows, schema, rows->row_count, a->error);
    for (int i = 0; i < rows->row_count && status == MR_OK; i++)
        for (int c = 0; c < rows->column_count && status == MR_OK; c++) {
            struct mr_expression_builder b;
            const struct mr_expression *e = NULL;
            mr_sql_builder(a, rows->relation->arguments[i], &b);
            status = mr_expression_fold(&b, rows->cells[i][c], &e, a->error);
            if (status == MR_OK)
                status = mr_column_append(local->rows.columns[c], e->literal, 0, false, a->error);
        }
    local->rows.length = rows->row_count;
    if (status < 0) {
        mr_batch_release(&local->rows);
        return status;
    }
    return local_plan(a, local, "Values", rows->relation->start, rows->relation->stop, out);
}

/* What is known per batch only, as current_timestamp(): a union of one-row projections. */
static int computed_rows(struct mr_analysis *a, const struct rows *rows, const struct mr_type *schema,
                         struct mr_plan **out)
{
    struct mr_plan **inputs = MR_ARENA_ARRAY(a->arena, struct mr_plan *, rows->row_count);
    const char **names = MR_ARENA_ARRAY(a->arena, const char *, rows->column_count + 1);
    if (!inputs || !names)
        return mr_error_memory(a->error, sizeof *inputs);
    for (int c = 0; c < rows->column_count; c++)
        names[c] = schema->fields[c].name;
    for (int i = 0; i < rows->row_count; i++) {
        struct mr_plan *row = NULL;
        MR_TRY(mr_sql_one_row_plan(a, rows->relation->start, rows->relation->stop, &row));
        MR_TRY(mr_plan_project(a, row, rows->cells[i], names, rows->column_count, &inputs[i]));
    }
    return mr_sql_union_plan(a, inputs, rows->row_count, rows->relation->start, rows->relation->stop, out);
}

int mr_sql_values_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                       struct mr_relation_plan *out)
{
    struct rows rows = {.relation = relation};
    const struct mr_type *schema = NULL;
    MR_TRY(resolve_rows(a, &rows));
    MR_TRY(common_types(a, &rows));
    MR_TRY(row_schema(a, &rows, &schema));
    if (all_foldable(&rows))
        MR_TRY(constant_rows(a, &rows, schema, &out->plan));
    else
        MR_TRY(computed_rows(a, &rows, schema, &out->plan));
    return mr_scope_of_plan(a, out->plan, NULL, 0, 0, &out->scope);
}
