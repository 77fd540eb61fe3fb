/* tests/api/random_state_test.c: random changes of lists, maps and values over several runs, beside a model
 * of them in plain arrays. */
#include "tests/api/support.h"

#define KEYS 4
#define PARTS 1500  /* keys of a map: more than a walk gets at a time */
#define LENGTH 8000 /* of a list at most */
#define FILES 5     /* of a run */
#define ORDERS 120  /* of a file */
#define BULK 300
#define PUTS 50

enum order {
    APPEND,
    APPEND_MANY,
    CLEAR_LIST,
    PUT,
    REMOVE,
    CLEAR_MAP,
    WEED,
    SET,
    UNSET,
    TELL,
    MIRROR,
    ORDER_COUNT
};
struct model {
    int64_t list[LENGTH], map[PARTS], value;
    int64_t length;
    bool there[PARTS], has_value;
};
static struct model models[KEYS];
static struct lines told, wanted;

/* ---- what is told of a key's state ---- */
static int64_t mix(int64_t digest, int64_t value)
{
    return (digest * 31 + value + 7) % 1000000007;
}

static int64_t model_digest(const struct model *m)
{
    int64_t digest = m->has_value ? m->value : -1;
    for (int64_t i = 0; i < m->length; i++)
        digest = mix(digest, m->list[i]);
    for (int part = 0; part < PARTS; part++)
        if (m->there[part])
            digest = mix(mix(digest, part), m->map[part]);
    return digest;
}

static int64_t state_digest(struct millrace_call *call)
{
    const struct millrace_rows *value = millrace_value_get(call, "value"), *elements = NULL, *keys = NULL,
                               *values;
    int64_t digest = value ? millrace_rows_int(value, 0, 0) : -1;
    while (millrace_list_next(call, "list", &elements))
        for (int64_t i = 0; i < millrace_rows_count(elements); i++)
            digest = mix(digest, millrace_rows_int(elements, i, 0));
    while (millrace_map_next(call, "map", &keys, &values))
        for (int64_t i = 0; i < millrace_rows_count(keys); i++)
            digest = mix(mix(digest, millrace_rows_int(keys, i, 0)), millrace_rows_int(values, i, 0));
    return digest;
}

/* ---- the same orders for both ---- */
static void change_model(struct model *m, enum order order, int64_t n)
{
    int part = (int)(n % PARTS);
    for (int64_t i = 0; (order == APPEND && i == 0) || (order == APPEND_MANY && i < BULK); i++)
        m->list[m->length++] = n + i;
    if (order == CLEAR_LIST)
        m->length = 0;
    for (int i = 0; order == PUT && i < PUTS; i++) {
        m->map[(part + 37 * i) % PARTS] = n + i;
        m->there[(part + 37 * i) % PARTS] = true;
    }
    if (order == REMOVE)
        m->there[part] = false;
    for (int k = 0; k < PARTS; k++)
        if (order == CLEAR_MAP || (order == WEED && k % 3 == part % 3))
            m->there[k] = false;
    for (int k = 0; order == MIRROR && k < PARTS; k++)
        if (m->there[k] && m->there[PARTS - 1 - k])
            m->map[PARTS - 1 - k] = n;
    if (order == SET)
        m->value = n;
    if (order == SET || order == UNSET)
        m->has_value = order == SET;
}

static struct millrace_row *filled(struct millrace_row *row, int64_t n)
{
    millrace_row_int(row, 0, n);
    return row;
}

/* Removes entries while it walks them, also such as come later. */
static void weed(struct millrace_call *call, int part)
{
    const struct millrace_rows *keys = NULL, *values;
    while (millrace_map_next(call, "map", &keys, &values))
        for (int64_t i = 0; i < millrace_rows_count(keys); i++) {
            int64_t key = millrace_rows_int(keys, i, 0);
            if (key % 3 == part % 3)
                millrace_map_remove(call, "map", filled(millrace_map_key_row(call, "map"), key));
        }
}

/* Changes entries while it walks them; none may be passed over for that. */
static void mirror(struct millrace_call *call, int64_t n)
{
    const struct millrace_rows *keys = NULL, *values;
    int64_t there[PARTS];
    while (millrace_map_next(call, "map", &keys, &values)) {
        int64_t count = millrace_rows_count(keys);
        for (int64_t i = 0; i < count; i++) /* they are gone with the next read */
            there[i] = millrace_rows_int(keys, i, 0);
        for (int64_t i = 0; i < count; i++) {
            struct millrace_row *key = filled(millrace_map_key_row(call, "map"), PARTS - 1 - there[i]);
            if (millrace_map_get(call, "map", key))
                millrace_map_put(call, "map", key, filled(millrace_variable_row(call, "map"), n));
        }
    }
}

static void change_state(struct millrace_call *call, enum order order, int64_t n)
{
    int part = (int)(n % PARTS);
    for (int64_t i = 0; (order == APPEND && i == 0) || (order == APPEND_MANY && i < BULK); i++)
        millrace_list_append(call, "list", filled(millrace_variable_row(call, "list"), n + i));
    if (order == CLEAR_LIST)
        millrace_variable_clear(call, "list");
    for (int i = 0; order == PUT && i < PUTS; i++)
        millrace_map_put(call, "map", filled(millrace_map_key_row(call, "map"), (part + 37 * i) % PARTS),
                         filled(millrace_variable_row(call, "map"), n + i));
    if (order == REMOVE)
        millrace_map_remove(call, "map", filled(millrace_map_key_row(call, "map"), part));
    if (order == CLEAR_MAP)
        millrace_variable_clear(call, "map");
    if (order == WEED)
        weed(call, part);
    if (order == MIRROR)
        mirror(call, n);
    if (order == SET)
        millrace_value_set(call, "value", filled(millrace_variable_row(call, "value"), n));
    if (order == UNSET)
        millrace_variable_clear(call, "value");
}

static int take_orders(struct millrace_call *call, const struct millrace_rows *rows)
{
    for (int64_t i = 0; i < millrace_rows_count(rows); i++) {
        enum order order = (enum order)millrace_rows_int(rows, i, 1);
        int64_t n = millrace_rows_int(rows, i, 2);
        change_state(call, order, n);
        if (order != TELL)
            continue;
        struct millrace_row *row = millrace_output_row(call);
        millrace_row_copy(row, 0, millrace_call_key(call), 0, 0);
        millrace_row_int(row, 1, n);
        millrace_row_int(row, 2, state_digest(call));
        millrace_emit(call, row);
    }
    return 0;
}

/* ---- runs ---- */
static enum order draw_order(const struct model *m, int64_t i)
{
    static const int weights[ORDER_COUNT] = {30, 2, 1, 29, 10, 1, 2, 8, 2, 13, 2};
    if (i == ORDERS - 1)
        return TELL;
    int dice = rand() % 100, order = 0;
    while (dice >= weights[order])
        dice -= weights[order++];
    bool full = order <= APPEND_MANY && m->length > LENGTH - 2 * BULK;
    return full ? CLEAR_LIST : (enum order)order;
}

static void put_orders(int run, int file)
{
    char name[32];
    struct mr_text text;
    mr_text_init(&text);
    for (int64_t i = 0; i < ORDERS * KEYS; i++) {
        int key = (int)(i % KEYS);
        int64_t n = rand() % 100000;
        enum order order = draw_order(&models[key], i / KEYS);
        change_model(&models[key], order, n);
        mr_text_format(&text, "{\"k\":%d,\"o\":%d,\"n\":%lld}\n", key, (int)order, (long long)n);
        if (order == TELL)
            sprintf(wanted.text + strlen(wanted.text), "{\"k\":%d,\"n\":%lld,\"d\":%lld}\n", key,
                    (long long)n, (long long)model_digest(&models[key]));
    }
    snprintf(name, sizeof name, "in/%03d-%d.json", run, file);
    put_file(name, text.data);
    mr_text_release(&text);
}

static int take_told(void *ctx, const struct millrace_rows *rows)
{
    (void)ctx;
    for (int64_t row = 0; row < millrace_rows_count(rows); row++) {
        size_t used = strlen(told.text);
        millrace_rows_json(rows, row, told.text + used, sizeof told.text - used);
        strcat(told.text, "\n");
    }
    return 0;
}

static void run_once(int run)
{
    static const struct millrace_variable variables[] = {{"value", MILLRACE_VALUE, "n BIGINT", NULL, 0},
                                                         {"list", MILLRACE_LIST, "n BIGINT", NULL, 0},
                                                         {"map", MILLRACE_MAP, "n BIGINT", "k INT", 0},
                                                         {NULL, 0, NULL, NULL, 0}};
    char partitions[8];
    static char copy[sizeof wanted.text];
    struct millrace_job *job = millrace_job_new(NULL);
    snprintf(partitions, sizeof partitions, "%d", 1 + rand() % 3);
    millrace_job_set(job, "millrace.state.partitions", partitions);
    millrace_job_set(job, "millrace.workers", "2");
    millrace_job_set(job, "millrace.memory.limitMiB",
                     run % 2 ? "1" : "1024"); /* 1: nothing is kept in memory */
    if (run % 3 > 0)
        millrace_job_set(job, "millrace.decision.microBatches", run % 3 == 1 ? "1" : "2");
    struct millrace_stream *s =
        millrace_read(job, "files", "path", in_folder("in"), "format", "json", "schema",
                      "k INT, o INT, n BIGINT", "maxFilesPerTrigger", "1", NULL);
    s = millrace_process(s, &(struct millrace_processor){.keys = "k",
                                                         .output = "k INT, n BIGINT, d BIGINT",
                                                         .variables = variables,
                                                         .rows = take_orders});
    told.text[0] = wanted.text[0] = 0;
    for (int file = 0; file < FILES; file++)
        put_orders(run, file);
    millrace_write_callback(s, take_told, NULL);
    millrace_job_run(job, MILLRACE_AVAILABLE_NOW, in_folder("checkpoint"));
    check(job);
    strcpy(copy, sorted(&wanted));
    assert_string_equal(sorted(&told), copy);
    millrace_job_free(job);
}

static void random_changes(void **state)
{
    (void)state;
    srand(20260101);
    for (int run = 0; run < 8; run++)
        run_once(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(random_changes, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
