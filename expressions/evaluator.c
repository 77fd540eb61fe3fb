/* expressions/evaluator.c: compiles expressions to a graph of calls and runs it over batches.
 *
 * Every deterministic subexpression is one node, however often it occurs. A node's result is kept for the
 * rest of the run together with the scope it was computed in. Scopes nest: the run's own rows are the
 * outermost; a LAZY function that evaluates an argument on fewer rows opens an inner one. A result is good
 * for the scope it was computed in and all scopes inside it.
 *
 * A node's column is used again in the next run unless somebody else still holds it, so that a steady stream
 * of batches allocates little but what leaves the evaluator. */
#include "expressions/evaluator.h"

#include "expressions/function.h"

#define SCOPES_MAX 64

struct node {
    const struct mr_expression *expression;
    int *arguments;             /* node numbers */
    struct mr_column **columns; /* the arguments of the run in hand */
    struct mr_call call;
    mr_kernel kernel;
    uint32_t flags;
    uint64_t hash;
    int next;   /* node with a hash in the same bucket; -1: none */
    bool cheap; /* see mr_evaluator_is_cheap */
    bool opened;
    struct mr_column *constant; /* one row; NULL: not constant */
    struct mr_column *expanded; /* the constant, as long as the batch */
    struct mr_column *out;      /* result of the last evaluation */
    struct mr_column *spare;    /* unused column of ours, when the kernel passed another one through */
    uint64_t run, scope;        /* when and where it was computed */
};
struct mr_evaluator {
    const struct mr_session *session;
    struct node *nodes;
    int node_count, node_capacity;
    int *buckets; /* node_capacity many (a power of two): the last node with a hash there; -1: none */
    int *roots;
    int root_count;
    struct mr_arena plan;    /* argument lists */
    struct mr_arena scratch; /* one run's */
    const struct mr_batch *batch;
    const struct mr_selection *rows[SCOPES_MAX]; /* the scopes open now, outermost first */
    uint64_t scopes[SCOPES_MAX];
    int depth;
    uint64_t runs, scope_count;
    struct mr_column **retired; /* results replaced within this run */
    int retired_count, retired_capacity;
};

/* ---- compiling ---- */
static uint64_t hash_expression(const struct mr_expression *e)
{
    uint64_t hash = mr_hash_u64((uint64_t)e->kind * 31 + e->type->id);
    if (e->kind == MR_EXPR_COLUMN || e->kind == MR_EXPR_VARIABLE)
        hash = mr_hash_u64(hash + (uint64_t)e->column + 1);
    if (e->kind == MR_EXPR_CALL)
        hash = mr_hash_u64(hash ^ (uint64_t)(uintptr_t)e->function);
    if (e->kind == MR_EXPR_LITERAL)
        mr_column_hash(e->literal, &hash, true);
    for (int i = 0; i < e->argument_count; i++)
        hash = mr_hash_u64(hash * 31 + hash_expression(e->arguments[i]));
    return hash;
}

static int find_node(const struct mr_evaluator *v, const struct mr_expression *e, uint64_t hash)
{
    size_t bucket = hash & (uint64_t)(v->node_capacity - 1);
    for (int i = v->node_count > 0 ? v->buckets[bucket] : -1; i >= 0; i = v->nodes[i].next)
        if (v->nodes[i].hash == hash && mr_expression_equal(v->nodes[i].expression, e))
            return i;
    return -1;
}

static void put_in_bucket(struct mr_evaluator *v, int number)
{
    size_t bucket = v->nodes[number].hash & (uint64_t)(v->node_capacity - 1);
    v->nodes[number].next = v->buckets[bucket];
    v->buckets[bucket] = number;
}

static int add_node(struct mr_evaluator *v, const struct mr_expression *e, uint64_t hash, int *out,
                    struct mr_error *error)
{
    if (v->node_count == v->node_capacity) {
        int capacity = v->node_capacity ? v->node_capacity * 2 : 16;
        struct node *nodes = mr_reallocate(v->nodes, sizeof *nodes * (size_t)capacity);
        if (!nodes)
            return mr_error_memory(error, sizeof *nodes * (size_t)capacity);
        v->nodes = nodes;
        int *buckets = mr_reallocate(v->buckets, sizeof *buckets * (size_t)capacity);
        if (!buckets)
            return mr_error_memory(error, sizeof *buckets * (size_t)capacity);
        memset(buckets, 0xFF, sizeof *buckets * (size_t)capacity);
        v->buckets = buckets;
        v->node_capacity = capacity;
        for (int i = 0; i < v->node_count; i++)
            put_in_bucket(v, i);
    }
    *out = v->node_count++;
    struct node *node = &v->nodes[*out];
    memset(node, 0, sizeof *node);
    node->expression = e;
    node->hash = hash;
    node->cheap = true;
    put_in_bucket(v, *out);
    return MR_OK;
}

static int evaluate(struct mr_evaluator *v, int number, struct mr_column **out, struct mr_error *error);
static void end_run(struct mr_evaluator *v);

/* The value of a call whose arguments are all constant. What fails stays a call: the error is one of the rows
 * that reach it. */
static void fold_node(struct mr_evaluator *v, int number)
{
    struct mr_error ignored;
    struct mr_column *value = NULL;
    const struct mr_type empty = {.id = MR_STRUCT};
    const struct mr_batch batch = {.schema = &empty, .length = 1};
    mr_error_clear(&ignored);
    v->batch = &batch;
    v->depth = 1;
    v->rows[0] = NULL;
    v->scopes[0] = ++v->scope_count;
    v->runs++;
    if (evaluate(v, number, &value, &ignored) >= 0)
        mr_column_slice(value, 0, 1, &v->nodes[number].constant, &ignored);
    end_run(v);
}

static int compile(struct mr_evaluator *v, const struct mr_expression *e, int *out, struct mr_error *error);

static int compile_call(struct mr_evaluator *v, const struct mr_expression *e, int number,
                        struct mr_error *error)
{
    size_t count = (size_t)e->argument_count;
    int *arguments = MR_ARENA_ARRAY(&v->plan, int, count + 1);
    struct mr_column **columns = MR_ARENA_ARRAY(&v->plan, struct mr_column *, count + 1);
    bool constant = e->foldable, cheap = true;
    if (!arguments || !columns)
        return mr_error_memory(error, sizeof *arguments * count);
    for (int i = 0; i < e->argument_count; i++) {
        if (e->arguments[i]->kind == MR_EXPR_LAMBDA) {
            arguments[i] = -1;
            constant = cheap = false;
            continue;
        }
        MR_TRY(compile(v, e->arguments[i], &arguments[i], error));
        constant = constant && v->nodes[arguments[i]].constant;
        cheap = cheap && v->nodes[arguments[i]].cheap;
    }
    struct node *node = &v->nodes[number];
    const struct mr_bound_kernel *bound = e->bound;
    node->arguments = arguments;
    node->columns = columns;
    node->kernel = e->function->kernel;
    node->flags = e->function->flags;
    if (!node->kernel && bound) {
        node->kernel = bound->kernel;
        node->flags = bound->flags | (e->function->flags & MR_FN_NONDETERMINISTIC);
    }
    if (!node->kernel)
        return mr_error_set(error, MR_E_SQL, "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT",
                            "`%s` gives rows, not a value; it cannot stand here.", e->function->name);
    node->cheap = cheap && (node->flags & MR_FN_SPECULATIVE);
    node->call = (struct mr_call){.expression = e, .session = v->session, .evaluator = v, .node = number};
    if (e->function->open)
        MR_TRY(e->function->open(&node->call, error));
    node->opened = true;
    if (constant)
        fold_node(v, number);
    return MR_OK;
}

static int compile(struct mr_evaluator *v, const struct mr_expression *e, int *out, struct mr_error *error)
{
    uint64_t hash = hash_expression(e);
    int number = e->deterministic ? find_node(v, e, hash) : -1;
    if (number >= 0) {
        *out = number;
        return MR_OK;
    }
    MR_TRY(add_node(v, e, hash, &number, error));
    *out = number;
    switch (e->kind) {
    case MR_EXPR_COLUMN:
        return MR_OK;
    case MR_EXPR_VARIABLE:
        return MR_OK;
    case MR_EXPR_LITERAL:
        return mr_column_slice(e->literal, 0, 1, &v->nodes[number].constant, error);
    case MR_EXPR_CALL:
        return compile_call(v, e, number, error);
    default:
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR", "a lambda outside a function");
    }
}

int mr_evaluator_open(struct mr_evaluator **out, const struct mr_expression *const *expressions, int count,
                      const struct mr_session *session, struct mr_error *error)
{
    int status = MR_OK;
    struct mr_evaluator *v = mr_allocate_zeroed(sizeof *v);
    *out = NULL;
    if (!v)
        return mr_error_memory(error, sizeof *v);
    mr_arena_init(&v->plan);
    mr_arena_init(&v->scratch);
    v->session = session;
    v->roots = MR_ARENA_ARRAY(&v->plan, int, count + 1);
    if (!v->roots)
        MR_ERR(mr_error_memory(error, sizeof(int)));
    for (; v->root_count < count; v->root_count++)
        MR_ERR(compile(v, expressions[v->root_count], &v->roots[v->root_count], error));
    *out = v;
    return MR_OK;
err:
    mr_evaluator_close(v);
    return status;
}

void mr_evaluator_close(struct mr_evaluator *v)
{
    if (!v)
        return;
    end_run(v);
    for (int i = 0; i < v->node_count; i++) {
        struct node *node = &v->nodes[i];
        if (node->opened && node->expression->function->close)
            node->expression->function->close(&node->call);
        mr_column_unref(node->constant);
        mr_column_unref(node->expanded);
        mr_column_unref(node->out);
        mr_column_unref(node->spare);
    }
    mr_free(v->nodes);
    mr_free(v->buckets);
    mr_free(v->retired);
    mr_arena_release(&v->plan);
    mr_arena_release(&v->scratch);
    mr_free(v);
}

/* ---- results ---- */
static int retire(struct mr_evaluator *v, struct mr_column *column, struct mr_error *error)
{
    if (v->retired_count == v->retired_capacity) {
        int capacity = v->retired_capacity ? v->retired_capacity * 2 : 8;
        struct mr_column **retired = mr_reallocate(v->retired, sizeof *retired * (size_t)capacity);
        if (!retired)
            return mr_error_memory(error, sizeof *retired * (size_t)capacity);
        v->retired = retired;
        v->retired_capacity = capacity;
    }
    v->retired[v->retired_count++] = column;
    return MR_OK;
}

static void end_run(struct mr_evaluator *v)
{
    for (int i = 0; i < v->retired_count; i++)
        mr_column_unref(v->retired[i]);
    v->retired_count = 0;
    v->batch = NULL;
    v->depth = 0;
    mr_arena_clear(&v->scratch);
}

static int set_length(struct mr_column *column, int64_t length, bool clear_views, struct mr_error *error)
{
    MR_TRY(mr_column_reserve(column, length, error));
    column->length = length;
    if (clear_views && mr_type_is_bytes(column->type))
        memset(column->views, 0, sizeof(struct mr_view) * (size_t)length);
    if (column->type->id == MR_STRUCT)
        for (int i = 0; i < column->child_count; i++)
            MR_TRY(set_length(column->children[i], length, true, error));
    if (column->offsets)
        column->offsets[0] = 0;
    return MR_OK;
}

/* node->out becomes an empty column of the batch's length that nobody else holds. */
static int prepare_out(struct mr_evaluator *v, struct node *node, struct mr_error *error)
{
    int64_t length = v->batch->length;
    if (node->out && node->run == v->runs) { /* an earlier result of this run may still be looked at */
        MR_TRY(retire(v, node->out, error));
        node->out = NULL;
    }
    if (node->spare) {
        mr_column_unref(node->out);
        node->out = node->spare;
        node->spare = NULL;
    }
    if (node->out && atomic_load(&node->out->references) == 1) {
        mr_column_clear(node->out);
    } else {
        mr_column_unref(node->out);
        node->out = mr_column_new(node->expression->type, length);
        if (!node->out)
            return mr_error_memory(error, (size_t)length);
    }
    return set_length(node->out, length, true, error);
}

static int expand_constant(struct mr_evaluator *v, struct node *node, struct mr_column **out,
                           struct mr_error *error)
{
    int64_t length = v->batch->length;
    *out = node->expanded;
    if (node->expanded && node->expanded->length == length)
        return MR_OK;
    if (node->expanded && node->run == v->runs) /* cannot happen: a run has one length */
        return mr_error_set(error, MR_E_INTERNAL, "INTERNAL_ERROR",
                            "a constant changed its length within a run");
    mr_column_unref(node->expanded);
    node->expanded = NULL;
    MR_TRY(mr_column_repeat(node->constant, 0, length, &node->expanded, error));
    *out = node->expanded;
    return MR_OK;
}

/* ---- NULL arguments ---- */
/* out's validity = that of all arguments; true when any of them has NULLs. */
static int combine_validity(struct node *node, struct mr_column *out, bool *any, struct mr_error *error)
{
    size_t words = (size_t)(out->length + 63) / 64;
    *any = false;
    for (int i = 0; i < node->expression->argument_count; i++) {
        const struct mr_column *column = node->columns[i];
        if (!column)
            continue;
        if (column->type->id == MR_VOID) { /* every row is NULL */
            MR_TRY(mr_column_make_validity(out, error));
            memset(out->validity, 0, words * sizeof(uint64_t));
            *any = true;
            return MR_OK;
        }
        if (!column->validity)
            continue;
        if (!*any)
            MR_TRY(mr_column_make_validity(out, error));
        *any = true;
        for (size_t w = 0; w < words; w++)
            out->validity[w] &= column->validity[w];
    }
    return MR_OK;
}

static int select_valid(struct mr_evaluator *v, const struct mr_column *out, const struct mr_selection *rows,
                        struct mr_selection *valid, struct mr_error *error)
{
    int64_t count = rows ? rows->count : out->length, kept = 0;
    int32_t *list = mr_arena_allocate(&v->scratch, sizeof(int32_t) * (size_t)(count + 1));
    if (!list)
        return mr_error_memory(error, sizeof(int32_t) * (size_t)count);
    for (int64_t k = 0; k < count; k++) {
        int64_t i = rows ? rows->rows[k] : k;
        list[kept] = (int32_t)i;
        kept += (int64_t)((out->validity[i >> 6] >> (i & 63)) & 1);
    }
    *valid = (struct mr_selection){list, kept};
    return MR_OK;
}

/* ---- running ---- */
static int at_position(const struct mr_expression *e, struct mr_error *error)
{
    if (e->origin && error->sql_stop == 0 && e->sql_stop > 0) {
        mr_error_in_sql(error, e->origin->file, e->origin->text, e->sql_start, e->sql_stop);
        error->sql_start = e->sql_start;
        error->sql_stop = e->sql_stop;
    }
    return error->code;
}

static int run_kernel(struct mr_evaluator *v, struct node *node, const struct mr_selection *rows,
                      struct mr_error *error)
{
    struct mr_selection valid;
    const struct mr_selection *exact = rows;
    struct mr_column *out = node->out;
    int64_t length = v->batch->length;
    bool any = false;
    if (node->flags & MR_FN_NULL_IF_ANY)
        MR_TRY(combine_validity(node, out, &any, error));
    /* A dense loop over everything is faster than a selection of more than a few rows out of it. */
    if ((node->flags & MR_FN_SPECULATIVE) && (rows || any) && (!rows || rows->count * 4 >= length)) {
        struct mr_error ignored;
        mr_error_clear(&ignored);
        if (node->kernel(&node->call, node->columns, NULL, out, &ignored) >= 0)
            return MR_OK;
    }
    if (any) {
        MR_TRY(select_valid(v, out, rows, &valid, error));
        exact = &valid;
        if (valid.count == 0 && !mr_type_is_nested(out->type))
            return MR_OK;
        if (valid.count == length)
            exact = NULL;
    }
    int status = node->kernel(&node->call, node->columns, exact, out, error);
    if (status < 0) { /* a result of its own, half made */
        mr_column_unref(node->call.result);
        node->call.result = NULL;
    }
    return status;
}

static bool is_computed(const struct mr_evaluator *v, const struct node *node)
{
    if (node->run != v->runs || !node->out)
        return false;
    for (int i = v->depth - 1; i >= 0; i--)
        if (v->scopes[i] == node->scope)
            return true;
    return false;
}

static int evaluate_call(struct mr_evaluator *v, int number, struct mr_error *error)
{
    struct node *node = &v->nodes[number];
    const struct mr_expression *e = node->expression;
    const struct mr_selection *rows = v->rows[v->depth - 1];
    if (!(node->flags & MR_FN_LAZY))
        for (int i = 0; i < e->argument_count; i++) {
            node->columns[i] = NULL;
            if (node->arguments[i] >= 0)
                MR_TRY(evaluate(v, node->arguments[i], &node->columns[i], error));
        }
    MR_TRY(prepare_out(v, node, error));
    node->call.batch = v->batch;
    node->call.result = NULL;
    node->run = 0; /* not valid before it is complete */
    int status = run_kernel(v, node, rows, error);
    node->run = v->runs;
    node->scope = v->scopes[v->depth - 1];
    if (status < 0) {
        mr_column_unref(node->call.result); /* a kernel may have begun it before it failed */
        node->call.result = NULL;
        node->scope = 0; /* no scope has this number */
        return at_position(e, error);
    }
    if (node->call.result) {
        node->spare = node->out;
        node->out = node->call.result;
        node->call.result = NULL;
    }
    return MR_OK;
}

static int evaluate(struct mr_evaluator *v, int number, struct mr_column **out, struct mr_error *error)
{
    struct node *node = &v->nodes[number];
    if (node->constant)
        return expand_constant(v, node, out, error);
    if (node->expression->kind == MR_EXPR_COLUMN) {
        *out = v->batch->columns[node->expression->column];
        return MR_OK;
    }
    if (!is_computed(v, node))
        MR_TRY(evaluate_call(v, number, error));
    *out = node->out;
    return MR_OK;
}

static void start_run(struct mr_evaluator *v, const struct mr_batch *batch, const struct mr_selection *rows)
{
    v->runs++;
    v->batch = batch;
    v->depth = 1;
    v->rows[0] = rows && rows->count == batch->length ? NULL : rows;
    v->scopes[0] = ++v->scope_count;
}

int mr_evaluator_run(struct mr_evaluator *v, const struct mr_batch *batch, const struct mr_selection *rows,
                     struct mr_column **out, struct mr_error *error)
{
    int status = MR_OK, done = 0;
    start_run(v, batch, rows);
    for (; done < v->root_count && status >= 0; done++) {
        struct mr_column *column = NULL;
        status = evaluate(v, v->roots[done], &column, error);
        out[done] = status >= 0 ? mr_column_ref(column) : NULL;
    }
    if (status < 0)
        for (int i = 0; i < done; i++) {
            mr_column_unref(out[i]);
            out[i] = NULL;
        }
    end_run(v);
    return status;
}

int mr_evaluator_filter(struct mr_evaluator *v, const struct mr_batch *batch, const struct mr_selection *rows,
                        int32_t *out_rows, int64_t *out_count, struct mr_error *error)
{
    struct mr_column *condition = NULL;
    start_run(v, batch, rows);
    int status = evaluate(v, v->roots[0], &condition, error);
    if (status >= 0)
        mr_rows_split(condition, v->rows[0], batch->length, out_rows, out_count, NULL, NULL);
    end_run(v);
    return status < 0 ? status : MR_OK;
}

/* ---- what kernels ask ---- */
int mr_evaluator_argument(struct mr_call *call, int i, const struct mr_selection *rows,
                          struct mr_column **out, struct mr_error *error)
{
    struct mr_evaluator *v = call->evaluator;
    int argument = v->nodes[call->node].arguments[i];
    const struct mr_selection *current = v->rows[v->depth - 1];
    bool same =
        rows == current || (rows && current && rows->rows == current->rows && rows->count == current->count);
    if (same || v->nodes[argument].constant)
        return evaluate(v, argument, out, error);
    if (v->depth == SCOPES_MAX)
        return mr_error_set(error, MR_E_SQL, "EXPRESSION_TREE_TOO_DEEP",
                            "Conditional expressions are nested more than %d deep.", SCOPES_MAX);
    v->rows[v->depth] = rows;
    v->scopes[v->depth] = ++v->scope_count;
    v->depth++;
    int status = evaluate(v, argument, out, error);
    v->depth--;
    return status;
}

bool mr_evaluator_is_cheap(const struct mr_call *call, int i)
{
    const struct mr_evaluator *v = call->evaluator;
    return v->nodes[v->nodes[call->node].arguments[i]].cheap;
}

const struct mr_column *mr_call_constant(const struct mr_call *call, int i)
{
    const struct mr_evaluator *v = call->evaluator;
    int argument = v->nodes[call->node].arguments[i];
    return argument < 0 ? NULL : v->nodes[argument].constant;
}

void *mr_call_scratch(struct mr_call *call, size_t size_bytes)
{
    return mr_arena_allocate(&call->evaluator->scratch, size_bytes);
}
