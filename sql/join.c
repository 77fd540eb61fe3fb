/* sql/join.c: joins: the columns of both sides, USING and NATURAL, the condition. */
#include "sql/analysis.h"

static bool keeps_right(enum mr_sql_join_kind kind)
{
    return kind != MR_SQL_JOIN_SEMI && kind != MR_SQL_JOIN_ANTI && kind != MR_SQL_JOIN_MARK;
}

int mr_plan_join(struct mr_analysis *a, enum mr_sql_join_kind kind, struct mr_plan *left,
                 struct mr_plan *right, uint32_t start, uint32_t stop, struct mr_plan **out)
{
    int width = left->schema->field_count, total = width + right->schema->field_count;
    struct mr_plan *plan = mr_plan_new(a, MR_PLAN_JOIN, left, start, stop);
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, total + 1);
    int64_t *delays = MR_ARENA_ARRAY(a->arena, int64_t, total + 1);
    struct mr_plan **inputs = MR_ARENA_ARRAY(a->arena, struct mr_plan *, 2);
    if (!plan || !fields || !delays || !inputs)
        return mr_error_memory(a->error, sizeof *fields);
    bool left_null = kind == MR_SQL_JOIN_RIGHT || kind == MR_SQL_JOIN_FULL;
    bool right_null = kind == MR_SQL_JOIN_LEFT || kind == MR_SQL_JOIN_FULL;
    for (int i = 0; i < total; i++) {
        bool is_left = i < left->schema->field_count;
        int k = is_left ? i : i - left->schema->field_count;
        fields[i] = is_left ? left->schema->fields[k] : right->schema->fields[k];
        fields[i].nullable |= is_left ? left_null : right_null;
        delays[i] = is_left ? left->delays[k] : right->delays[k];
    }
    inputs[0] = left;
    inputs[1] = right;
    plan->inputs = inputs;
    plan->input_count = 2;
    plan->streaming = left->streaming || right->streaming;
    plan->join = plan->written_join = kind;
    if (kind == MR_SQL_JOIN_MARK) {
        fields[width] = (struct mr_field){.name = "exists", .type = mr_type_of(MR_BOOLEAN)};
        delays[width] = -1;
        total = ++width;
    }
    plan->schema = mr_type_struct(a->arena, fields, keeps_right(kind) ? total : width);
    plan->delays = delays;
    *out = plan;
    return plan->schema ? MR_OK : mr_error_memory(a->error, sizeof *fields);
}

/* The names in sight of the condition: both sides. */
static int both_sides(struct mr_analysis *a, const struct mr_scope *left, const struct mr_scope *right,
                      int shift, struct mr_scope *out)
{
    *out = (struct mr_scope){0};
    for (int i = 0; i < left->count; i++)
        MR_TRY(mr_scope_add(a, out, left->columns[i]));
    for (int i = 0; i < right->count; i++) {
        struct mr_scope_column c = right->columns[i];
        c.column += shift;
        MR_TRY(mr_scope_add(a, out, c));
    }
    return MR_OK;
}

static int side_column(struct mr_analysis *a, const struct mr_sql_relation *relation,
                       const struct mr_scope *scope, struct mr_str name, const char *side, int *out)
{
    const struct mr_sql_name column = {&name, 1, relation->start, relation->stop};
    int used = 0;
    int status = mr_scope_find(a, scope, &column, out, &used);
    if (status != MR_END)
        return status;
    mr_error_set(a->error, MR_E_SQL, "UNRESOLVED_USING_COLUMN_FOR_JOIN",
                 "The %s side of the join has no column `%.*s`.", side, (int)name.size, name.data);
    mr_error_parameter(a->error, "colName", "`%.*s`", (int)name.size, name.data);
    mr_error_parameter(a->error, "side", "%s", side);
    const char *names[64];
    int count = 0;
    for (int k = 0; k < scope->count && count < 64; k++)
        if (!scope->columns[k].hidden && !scope->columns[k].qualified_only)
            names[count++] = mr_sql_quoted(a, &scope->columns[k].name, 1);
    struct mr_text list;
    mr_text_init(&list);
    for (int shown = 0; shown < count; shown++) { /* in alphabetical order */
        for (int k = shown + 1; k < count; k++)
            if (strcmp(names[k], names[shown]) < 0) {
                const char *swap = names[k];
                names[k] = names[shown];
                names[shown] = swap;
            }
        mr_text_format(&list, "%s%s", shown > 0 ? ", " : "", names[shown]);
    }
    mr_error_parameter(a->error, "suggestion", "%s", list.data ? list.data : "");
    mr_text_release(&list);
    return mr_sql_error_at(a, relation->start, relation->stop);
}

/* NATURAL: the names both sides have. */
static int natural_names(struct mr_analysis *a, const struct mr_scope *left, const struct mr_scope *right,
                         const struct mr_str **out, int *count)
{
    struct mr_str *names = MR_ARENA_ARRAY(a->arena, struct mr_str, left->count + 1);
    if (!names)
        return mr_error_memory(a->error, sizeof *names);
    *count = 0;
    for (int i = 0; i < left->count; i++) {
        bool shared = false;
        for (int k = 0; k < right->count && !shared; k++)
            shared = !right->columns[k].hidden && !right->columns[k].qualified_only &&
                     mr_sql_same_name(a, left->columns[i].name, right->columns[k].name);
        if (shared && !left->columns[i].hidden && !left->columns[i].qualified_only)
            names[(*count)++] = left->columns[i].name;
    }
    *out = names;
    return MR_OK;
}

struct using_join {
    const struct mr_sql_relation *relation;
    const struct mr_str *names;
    int count;
    int *left, *right; /* columns of the join's output (of SEMI and ANTI: of both inputs) */
};

static int equal_columns(struct mr_analysis *a, const struct using_join *u, const struct mr_plan *left,
                         const struct mr_plan *right, const struct mr_expression **out)
{
    struct mr_expression_builder b;
    mr_sql_builder(a, NULL, &b);
    *out = NULL;
    for (int i = 0; i < u->count; i++) {
        const struct mr_expression *sides[2], *equal = NULL;
        MR_TRY(mr_sql_plan_column(a, left, u->left[i], NULL, NULL, &sides[0]));
        MR_TRY(mr_sql_plan_column(a, right, u->right[i] - left->schema->field_count, NULL, NULL, &sides[1]));
        ((struct mr_expression *)sides[1])->column = u->right[i];
        MR_TRY(mr_expression_call(&b, MR_STR("="), sides, 2, &equal, a->error));
        if (*out) {
            const struct mr_expression *both[2] = {*out, equal};
            MR_TRY(mr_expression_call(&b, MR_STR("and"), both, 2, &equal, a->error));
        }
        *out = equal;
    }
    return MR_OK;
}

/* The shared columns once, first; the sides' own are found by t.a. */
static int using_scope(struct mr_analysis *a, const struct using_join *u, const struct mr_scope *both,
                       struct mr_relation_plan *out)
{
    struct mr_expression_builder b;
    struct mr_scope scope = {0};
    bool full = u->relation->join == MR_SQL_JOIN_FULL;
    mr_sql_builder(a, NULL, &b);
    for (int i = 0; i < u->count; i++) {
        int column = u->relation->join == MR_SQL_JOIN_RIGHT ? u->right[i] : u->left[i];
        if (full) {
            const struct mr_expression *sides[2], *either = NULL;
            MR_TRY(mr_sql_plan_column(a, out->plan, u->left[i], NULL, NULL, &sides[0]));
            MR_TRY(mr_sql_plan_column(a, out->plan, u->right[i], NULL, NULL, &sides[1]));
            MR_TRY(mr_expression_call(&b, MR_STR("coalesce"), sides, 2, &either, a->error));
            column = out->plan->schema->field_count;
            const char *name = mr_sql_text(a, u->names[i]);
            if (!name)
                return a->error->code;
            MR_TRY(mr_plan_append(a, out->plan, either, name, -1, &out->plan));
        }
        struct mr_scope_column c = {.name = u->names[i], .column = column};
        MR_TRY(mr_scope_add(a, &scope, c));
    }
    for (int i = 0; i < both->count; i++) {
        struct mr_scope_column c = both->columns[i];
        for (int k = 0; k < u->count; k++)
            c.qualified_only |= c.column == u->left[k] || c.column == u->right[k];
        if (c.column < out->plan->schema->field_count)
            MR_TRY(mr_scope_add(a, &scope, c));
    }
    out->scope = scope;
    return MR_OK;
}

static int using_plan(struct mr_analysis *a, struct using_join *u, const struct mr_relation_plan *left,
                      const struct mr_relation_plan *right, const struct mr_scope *both,
                      struct mr_relation_plan *out)
{
    int shift = left->plan->schema->field_count;
    u->left = MR_ARENA_ARRAY(a->arena, int, u->count + 1);
    u->right = MR_ARENA_ARRAY(a->arena, int, u->count + 1);
    if (!u->left || !u->right)
        return mr_error_memory(a->error, sizeof *u->left);
    for (int i = 0; i < u->count; i++) {
        MR_TRY(side_column(a, u->relation, &left->scope, u->names[i], "left", &u->left[i]));
        MR_TRY(side_column(a, u->relation, &right->scope, u->names[i], "right", &u->right[i]));
        u->right[i] += shift;
    }
    MR_TRY(equal_columns(a, u, left->plan, right->plan, &out->plan->condition));
    return using_scope(a, u, both, out);
}

static int condition_plan(struct mr_analysis *a, const struct mr_sql_relation *relation, struct mr_plan *join,
                          const struct mr_plan *left, const struct mr_plan *right,
                          const struct mr_scope *both)
{
    /* The condition sees both sides, also of joins that give only one. */
    int shift = left->schema->field_count, total = shift + right->schema->field_count;
    struct mr_field *fields = MR_ARENA_ARRAY(a->arena, struct mr_field, total + 1);
    struct mr_plan sides = *join;
    if (!fields)
        return mr_error_memory(a->error, sizeof *fields);
    for (int i = 0; i < total; i++)
        fields[i] = i < shift ? left->schema->fields[i] : right->schema->fields[i - shift];
    sides.schema = mr_type_struct(a->arena, fields, total);
    if (!sides.schema)
        return mr_error_memory(a->error, sizeof *fields);
    struct mr_relation_plan input = {&sides, *both};
    struct mr_time_window window = {0};
    struct mr_resolution r = {.analysis = a, .input = &input, .place = MR_PLACE_JOIN, .window = &window};
    MR_TRY(mr_sql_resolve(&r, relation->on, &join->condition));
    if (join->condition->type->id == MR_BOOLEAN)
        return MR_OK;
    struct mr_text name, type;
    mr_text_init(&name);
    mr_text_init(&type);
    mr_expression_name(&name, join->condition, NULL);
    mr_type_text(&type, join->condition->type);
    mr_error_set(a->error, MR_E_SQL, "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
                 "A join condition must be a BOOLEAN; \"%s\" is a %s.", name.data, type.data);
    mr_error_parameter(a->error, "joinCondition", "\"%s\"", name.data);
    mr_error_parameter(a->error, "conditionType", "\"%s\"", type.data);
    mr_text_release(&name);
    mr_text_release(&type);
    return mr_sql_error_at(a, relation->on->start, relation->on->stop);
}

int mr_sql_join_plan(struct mr_analysis *a, const struct mr_sql_relation *relation,
                     struct mr_relation_plan *out)
{
    struct mr_relation_plan left, right;
    struct mr_scope both = {0};
    struct using_join u = {.relation = relation,
                           .names = relation->using_names,
                           .count = relation->using_count};
    MR_TRY(mr_sql_relation_plan(a, relation->left, &left));
    MR_TRY(mr_sql_relation_plan(a, relation->right, &right));
    MR_TRY(
        mr_plan_join(a, relation->join, left.plan, right.plan, relation->start, relation->stop, &out->plan));
    MR_TRY(both_sides(a, &left.scope, &right.scope, left.plan->schema->field_count, &both));
    if (relation->natural)
        MR_TRY(natural_names(a, &left.scope, &right.scope, &u.names, &u.count));
    if (u.count > 0)
        return using_plan(a, &u, &left, &right, &both, out);
    if (relation->on)
        MR_TRY(condition_plan(a, relation, out->plan, left.plan, right.plan, &both));
    out->scope = keeps_right(relation->join) ? both : left.scope;
    return MR_OK;
}
