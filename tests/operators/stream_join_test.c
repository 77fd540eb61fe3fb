/* tests/operators/stream_join_test.c: the join of two streams against a model that compares all with all:
 * random rows in random micro-batches, decisions, restarts with other numbers of partitions, memory for
 * everything or for nothing. Every micro-batch must emit exactly the model's rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "operators/aggregate_input.h"
#include "operators/stream_join.h"

#define MAX_ROWS 20000
#define MAX_PARTITIONS 4
#define SECOND 1000000

static struct mr_error error;
#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            fail_msg("%s: %s", #call, error.message);                                                        \
    } while (0)

static uint64_t seed;
static uint64_t dice(uint64_t sides)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % sides;
}

/* ---- the model ---- */
struct row {
    int64_t key, time_us, value; /* key, time: INT64_MAX is NULL */
    bool matched, gone;
};
struct line {
    int64_t left, right; /* values; 0: NULLs */
};
struct world {
    enum mr_join_kind kind;
    enum mr_stream_join_expiry expiry;
    bool one_side; /* rows of the left side with value % 5 == 0 find no partner */
    int64_t range_us;
    struct row rows[2][MAX_ROWS];
    int count[2];
    struct line expected[MAX_ROWS * 8], got[MAX_ROWS * 8];
    int expected_count, got_count;
    int64_t late_us, evict_us, next_value;
    /* the operator's */
    struct mr_arena arena;
    struct mr_stream_join_config config;
    struct mr_node node, inputs[2];
    const struct mr_node *input_list[2];
    struct mr_operator ops[MAX_PARTITIONS];
    int partitions;
    size_t memory_bytes;
    struct mr_checkpoint *checkpoint;
    char path[64];
    int64_t batch;
};
static struct world *w;
static const struct mr_session session = {.ansi = true};

static void expect(int64_t left, int64_t right)
{
    assert_true(w->expected_count < MAX_ROWS * 8);
    w->expected[w->expected_count++] = (struct line){left, right};
}

static bool is_outer(int side)
{
    return w->kind == MR_JOIN_FULL || w->kind == (side == 0 ? MR_JOIN_LEFT : MR_JOIN_RIGHT);
}

static bool pass(const struct row *left, const struct row *right)
{
    if (left->key != right->key) /* NULL equals NULL here */
        return false;
    if (w->expiry == MR_EXPIRE_BY_KEY)
        return left->time_us == right->time_us;
    if (left->time_us == INT64_MAX || right->time_us == INT64_MAX)
        return false;
    return right->time_us >= left->time_us && right->time_us <= left->time_us + w->range_us;
}

static int64_t shift_of(int side)
{
    return side == 0 ? w->range_us + 1000 : 1000;
}

static bool expired(const struct row *row, int side, int64_t watermark_us)
{
    if (w->expiry == MR_EXPIRE_NEVER || row->time_us == INT64_MAX)
        return false;
    if (w->expiry == MR_EXPIRE_BY_KEY)
        return row->time_us <= watermark_us;
    return (row->time_us + 999) / 1000 * 1000 + shift_of(side) <= watermark_us;
}

static void model_push(int side, struct row row)
{
    if (row.time_us <= w->late_us)
        return;
    if (side == 0 && w->one_side && row.value % 5 == 0) {
        if (is_outer(0))
            expect(row.value, 0);
        return;
    }
    for (int i = 0; i < w->count[!side]; i++) {
        struct row *other = &w->rows[!side][i];
        struct row *left = side == 0 ? &row : other, *right = side == 0 ? other : &row;
        if (other->gone || !pass(left, right))
            continue;
        if (w->kind != MR_JOIN_SEMI)
            expect(left->value, right->value);
        else if (!left->matched)
            expect(left->value, 0);
        row.matched = other->matched = true;
    }
    w->rows[side][w->count[side]++] = row;
}

static void model_finish(void)
{
    for (int side = 0; side < 2; side++) {
        int kept = 0;
        for (int i = 0; i < w->count[side]; i++) {
            struct row *row = &w->rows[side][i];
            if (!expired(row, side, w->evict_us)) {
                w->rows[side][kept++] = *row;
                continue;
            }
            if (!row->matched && is_outer(side))
                expect(side == 0 ? row->value : 0, side == 1 ? row->value : 0);
        }
        w->count[side] = kept;
    }
}

/* ---- the operator ---- */
static const char *text_of(int64_t value, char out[64])
{
    snprintf(out, 64, value % 3 ? "%lld" : "a text that does not fit inline, of %lld", (long long)value);
    return out;
}

static int64_t value_at(const struct mr_batch *batch, int first, int64_t row)
{
    char text[64];
    if (mr_column_is_null(batch->columns[first + 2], row)) {
        assert_true(mr_column_is_null(batch->columns[first + 3], row));
        return 0;
    }
    int64_t value = batch->columns[first + 2]->i64[row];
    struct mr_str s = mr_view_str(&batch->columns[first + 3]->views[row]);
    assert_true(mr_str_equal(s, mr_str_of(text_of(value, text))));
    return value;
}

static int take_output(struct mr_operator *op, const struct mr_batch *batch, struct mr_error *e)
{
    (void)op;
    (void)e;
    for (int64_t row = 0; row < batch->length; row++) {
        assert_true(w->got_count < MAX_ROWS * 8);
        w->got[w->got_count++] =
            (struct line){value_at(batch, 0, row), w->kind == MR_JOIN_SEMI ? 0 : value_at(batch, 4, row)};
    }
    return MR_OK;
}

static const struct mr_expression *call(const char *name, const struct mr_expression *a,
                                        const struct mr_expression *b)
{
    struct mr_expression_builder builder = {.arena = &w->arena, .session = &session};
    const struct mr_expression *both[2] = {a, b}, *out = NULL;
    OK(mr_expression_call(&builder, mr_str_of(name), both, 2, &out, &error));
    return out;
}

static void plan(void)
{
    static const char *const names[] = {"k", "t", "v", "s"};
    static const enum mr_type_id ids[] = {MR_BIGINT, MR_TIMESTAMP, MR_BIGINT, MR_STRING};
    static const int by_key[] = {0}, by_both[] = {0, 1};
    struct mr_expression_builder b = {.arena = &w->arena, .session = &session};
    struct mr_field *fields = MR_ARENA_ARRAY(&w->arena, struct mr_field, 8);
    const struct mr_expression *left = NULL, *right = NULL, *number = NULL, *rest = NULL;
    for (int i = 0; i < 8; i++)
        fields[i] = (struct mr_field){.name = names[i % 4], .type = mr_type_of(ids[i % 4]), .nullable = true};
    const struct mr_type *both = mr_type_struct(&w->arena, fields, 8);
    bool with_time = w->expiry == MR_EXPIRE_BY_KEY;
    w->config = (struct mr_stream_join_config){.kind = w->kind, .key_count = with_time ? 2 : 1};
    for (int side = 0; side < 2; side++) {
        w->inputs[side].output = mr_type_struct(&w->arena, fields, 4);
        w->input_list[side] = &w->inputs[side];
        w->config.sides[side] = (struct mr_stream_join_side){.keys = with_time ? by_both : by_key,
                                                             .width = 4,
                                                             .time_column = 1,
                                                             .expiry = w->expiry,
                                                             .expiry_column = 1,
                                                             .shift_us = shift_of(side),
                                                             .latest_us = INT64_MAX};
    }
    OK(mr_expression_column(&b, both, 1, &left, &error));
    OK(mr_expression_column(&b, both, 5, &right, &error));
    OK(mr_expression_i64(&b, mr_type_interval(false, 0, 3), w->range_us, &number, &error));
    if (!with_time)
        w->config.condition =
            call("and", call(">=", right, left), call("<=", right, call("+", left, number)));
    if (w->one_side) {
        OK(mr_expression_column(&b, w->inputs[0].output, 2, &left, &error));
        OK(mr_expression_i64(&b, mr_type_of(MR_BIGINT), 5, &number, &error));
        OK(mr_expression_i64(&b, mr_type_of(MR_BIGINT), 0, &rest, &error));
        w->config.sides[0].filter = call("<>", call("%", left, number), rest);
    }
    w->node = (struct mr_node){.id = 3,
                               .type = &mr_stream_join_operator,
                               .config = &w->config,
                               .inputs = w->input_list,
                               .input_count = 2,
                               .output = w->kind == MR_JOIN_SEMI ? w->inputs[0].output : both};
}

static void open_all(void)
{
    struct mr_checkpoint_options options = {.path = w->path, .force = true};
    OK(mr_checkpoint_open(&w->checkpoint, &options, &error));
    for (int p = 0; p < w->partitions; p++) {
        w->ops[p] = (struct mr_operator){.type = &mr_stream_join_operator,
                                         .node = &w->node,
                                         .partition = p,
                                         .partitions = w->partitions,
                                         .session = &session,
                                         .checkpoint = w->checkpoint,
                                         .memory_limit_bytes = w->memory_bytes,
                                         .emit = take_output};
        OK(mr_stream_join_operator.open(&w->ops[p], &error));
    }
}

static void close_all(void)
{
    for (int p = 0; p < w->partitions; p++)
        mr_stream_join_operator.close(&w->ops[p]);
    mr_checkpoint_close(w->checkpoint);
}

static void decide(void)
{
    struct mr_decision *decision = NULL;
    OK(mr_decision_begin(w->checkpoint, w->batch - 1, &decision, &error));
    for (int p = 0; p < w->partitions; p++) {
        w->ops[p].next_evict_us = w->evict_us;
        OK(mr_stream_join_operator.flush(&w->ops[p], decision, &error));
    }
    OK(mr_decision_commit(decision, MR_STR("{}"), &error));
    for (int p = 0; p < w->partitions; p++)
        mr_stream_join_operator.decided(&w->ops[p]);
}

static void add_row(struct mr_batch *batch, const struct row *row)
{
    char text[64];
    int64_t at = batch->length++;
    for (int c = 0; c < 4; c++)
        batch->columns[c]->length = batch->length;
    batch->columns[0]->i64[at] = row->key;
    batch->columns[1]->i64[at] = row->time_us;
    batch->columns[2]->i64[at] = row->value;
    if (row->key == INT64_MAX)
        OK(mr_column_set_null(batch->columns[0], at, &error));
    if (row->time_us == INT64_MAX)
        OK(mr_column_set_null(batch->columns[1], at, &error));
    text_of(row->value, text);
    OK(mr_column_set_bytes(batch->columns[3], at, text, strlen(text), &error));
}

/* Rows of one side to the model and, by partition, to the operator. */
static void push_some(int side, int count)
{
    struct mr_batch parts[MAX_PARTITIONS], one;
    for (int p = 0; p < w->partitions; p++)
        OK(mr_batch_init(&parts[p], w->inputs[side].output, count, &error));
    for (int i = 0; i < count; i++) {
        struct row row = {.key = dice(20) == 0 ? INT64_MAX : (int64_t)dice(dice(4) ? 12 : 200),
                          .time_us = w->evict_us + (int64_t)dice(30 * SECOND) - 5 * SECOND,
                          .value = ++w->next_value};
        row.time_us -= dice(3) ? row.time_us % (w->expiry == MR_EXPIRE_BY_KEY ? 5 * SECOND : 1000) : 0;
        row.time_us = dice(40) == 0 ? INT64_MAX : row.time_us;
        uint64_t hash;
        OK(mr_batch_init(&one, w->inputs[side].output, 1, &error));
        add_row(&one, &row);
        mr_hash_keys(one.columns, w->config.key_count, 1, &hash);
        mr_batch_release(&one);
        add_row(&parts[mr_key_group_partition(mr_key_group(hash), w->partitions)], &row);
        model_push(side, row);
    }
    for (int p = 0; p < w->partitions; p++) {
        if (parts[p].length > 0)
            OK(mr_stream_join_operator.push(&w->ops[p], side, &parts[p], &error));
        mr_batch_release(&parts[p]);
    }
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

static void micro_batch(void)
{
    w->expected_count = w->got_count = 0;
    for (int p = 0; p < w->partitions; p++) {
        w->ops[p].batch = w->batch;
        w->ops[p].late_us = w->late_us;
        w->ops[p].evict_us = w->evict_us;
        OK(mr_stream_join_operator.begin(&w->ops[p], &error));
    }
    for (int i = (int)dice(5); i > 0; i--)
        push_some((int)dice(2), 1 + (int)dice(60));
    int ended = dice(3) ? (int)dice(2) : -1;
    for (int p = 0; p < w->partitions && ended >= 0; p++)
        OK(mr_stream_join_operator.input_ended(&w->ops[p], ended, &error));
    for (int i = (int)dice(3); i > 0 && ended >= 0; i--)
        push_some(!ended, 1 + (int)dice(60));
    for (int p = 0; p < w->partitions; p++)
        OK(mr_stream_join_operator.finish(&w->ops[p], &error));
    model_finish();
    qsort(w->expected, (size_t)w->expected_count, sizeof *w->expected, compare_lines);
    qsort(w->got, (size_t)w->got_count, sizeof *w->got, compare_lines);
    for (int i = 0; i < w->expected_count && i < w->got_count; i++)
        if (compare_lines(&w->expected[i], &w->got[i]) != 0)
            fail_msg("batch %lld: row (%lld, %lld), not (%lld, %lld)", (long long)w->batch,
                     (long long)w->got[i].left, (long long)w->got[i].right, (long long)w->expected[i].left,
                     (long long)w->expected[i].right);
    assert_int_equal(w->got_count, w->expected_count);
    w->late_us = w->evict_us;
    w->evict_us += (int64_t)dice(6) * SECOND / 2;
    w->batch++;
}

static void run(enum mr_join_kind kind, enum mr_stream_join_expiry expiry, size_t memory_bytes, int batches)
{
    static const int partitions[] = {1, 4, 2, 3};
    int restarts = 0;
    memset(w, 0, sizeof *w);
    mr_arena_init(&w->arena);
    w->kind = kind;
    w->expiry = expiry;
    w->one_side = dice(2);
    w->range_us = 10 * SECOND;
    w->evict_us = 100 * SECOND;
    w->memory_bytes = memory_bytes;
    w->partitions = 1;
    snprintf(w->path, sizeof w->path, "/tmp/stream_join_test.XXXXXX");
    assert_non_null(mkdtemp(w->path));
    plan();
    open_all();
    for (int i = 0; i < batches; i++) {
        micro_batch();
        bool restart = dice(12) == 0;
        if (restart || dice(3) == 0)
            decide();
        if (restart) {
            close_all();
            w->partitions = partitions[++restarts % 4];
            open_all();
        }
    }
    close_all();
    mr_arena_release(&w->arena);
    OK(mr_directory_remove(w->path, &error));
}

static void joins_as_the_model(void **state)
{
    size_t memory_bytes = *(size_t *)*state;
    static const enum mr_join_kind kinds[] = {MR_JOIN_INNER, MR_JOIN_LEFT, MR_JOIN_RIGHT, MR_JOIN_FULL,
                                              MR_JOIN_SEMI};
    for (int kind = 0; kind < 5; kind++)
        for (int expiry = MR_EXPIRE_NEVER; expiry <= MR_EXPIRE_BY_VALUE; expiry++) {
            seed = 11 + (uint64_t)(kind * 3 + expiry);
            run(kinds[kind], (enum mr_stream_join_expiry)expiry, memory_bytes,
                expiry == MR_EXPIRE_NEVER ? 30 : 80);
        }
}

int main(void)
{
    static size_t plenty = (size_t)1 << 30, none = 1, some = 100000;
    const struct CMUnitTest tests[] = {
        {"stream_join_all_in_memory", joins_as_the_model, NULL, NULL, &plenty},
        {"stream_join_state_beyond_memory", joins_as_the_model, NULL, NULL, &none},
        {"stream_join_state_partly_in_memory", joins_as_the_model, NULL, NULL, &some},
    };
    w = malloc(sizeof *w);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(w);
    return failed;
}
