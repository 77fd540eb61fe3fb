/* tests/runtime/keyed_state_test.c: deduplication, sessions and sliding windows against a model of Spark's
 * rules, over random data with late rows and rows without a time: restarted with other numbers of partitions,
 * with caches far too small, several micro-batches per decision, and killed. */
#include "tests/runtime/support.h"

#include "sql/sql.h"

#define UNITS 24
#define ROWS 300
#define KEYS 160
#define SECOND 1000000LL
#define DELAY (10 * SECOND)
#define GAP (7 * SECOND)
#define BASE (1700000000LL * SECOND)
#define NO_TIME INT64_MIN
#define TOTAL (UNITS * ROWS)
#define LINES (3 * TOTAL)

struct row {
    int64_t k, v, t;
};
static struct row rows[UNITS][ROWS];
static const struct mr_type *row_schema;

static void make_rows(uint64_t seed)
{
    for (int u = 0; u < UNITS; u++)
        for (int i = 0; i < ROWS; i++) {
            uint64_t dice = mr_hash_u64(seed * 1000003 + (uint64_t)(u * ROWS + i));
            int64_t behind = (int64_t)(dice >> 8) % (dice % 16 == 0 ? 40000 : 12000);
            int64_t t = BASE + u * 6 * SECOND - behind * 1000 + (int64_t)(dice >> 40) % 1000;
            rows[u][i] = (struct row){(int64_t)(dice >> 20) % (KEYS + u * 4), (int64_t)(dice >> 50) % 100,
                                      dice % 97 == 0 ? NO_TIME : t};
            if (i > 10 && dice % 13 == 0) /* the same again */
                rows[u][i] = rows[u][i - 1 - (int)((dice >> 30) % 10)];
        }
}

static void add_unit(int unit)
{
    struct mr_batch batch;
    OK(mr_batch_init(&batch, row_schema, ROWS, &error));
    batch.length = ROWS;
    for (int c = 0; c < 3; c++)
        batch.columns[c]->length = ROWS;
    for (int i = 0; i < ROWS; i++) {
        batch.columns[0]->i64[i] = rows[unit][i].k;
        batch.columns[1]->i64[i] = rows[unit][i].v;
        batch.columns[2]->i64[i] = rows[unit][i].t;
        if (rows[unit][i].t == NO_TIME)
            OK(mr_column_set_null(batch.columns[2], i, &error));
    }
    OK(mr_memory_stream_add(stream, &batch, &error));
    mr_batch_release(&batch);
}

/* ---- the queries ---- */
enum kind { WITHIN, EVENT_TIME, FOR_EVER, THEN_WINDOW, SESSION, SESSION_IN_ORDER, SLIDING };
static const char *const queries[] = {
    [WITHIN] = "SELECT * FROM drop_duplicates_within_watermark(TABLE(s), 'k')",
    [EVENT_TIME] = "SELECT * FROM drop_duplicates(TABLE(s), 'k', 't')",
    [FOR_EVER] = "SELECT * FROM drop_duplicates(TABLE(s), 'k')",
    [THEN_WINDOW] = "SELECT unix_micros(window.start), count(*) FROM "
                    "drop_duplicates_within_watermark(TABLE(s), 'k') GROUP BY window(t, '5 seconds')",
    [SESSION] =
        "SELECT k, unix_micros(session_window.start), unix_micros(session_window.end), count(*), sum(v) "
        "FROM s GROUP BY session_window(t, '7 seconds'), k",
    [SESSION_IN_ORDER] =
        "SELECT k, unix_micros(session_window.start), unix_micros(session_window.end), count(*), "
        "first(v) * 0 + sum(v) FROM s GROUP BY k, session_window(t, '7 seconds')",
    [SLIDING] = "SELECT k, unix_micros(window.start), unix_micros(window.end), count(*), sum(v) "
                "FROM s GROUP BY window(t, '6 seconds', '2 seconds'), k",
};

static int resolve(void *ctx, const struct mr_relation_request *request, struct mr_relation *out,
                   struct mr_error *e)
{
    (void)ctx;
    if (!mr_str_equal(request->name->parts[0], MR_STR("raw")))
        return MR_END;
    struct mr_source *source = mr_job_new_source(request->job, &mr_memory_source, request->source_name, e);
    struct mr_option *options = MR_ARENA_ARRAY(&request->job->arena, struct mr_option, 2);
    options[0] = (struct mr_option){"stream", "in"};
    options[1] = (struct mr_option){"maxFilesPerTrigger", "1"};
    source->options = options;
    source->option_count = 2;
    MR_TRY(mr_job_open_source(request->job, source, e));
    out->source = source;
    out->streaming = true;
    return MR_OK;
}

static void plan_job(struct mr_job *job, enum kind kind, struct mr_sql_script *script)
{
    static struct mr_sql_text origin;
    struct mr_catalog catalog = {.ctx = NULL, .resolve = resolve};
    struct mr_sql_environment environment = {.catalog = &catalog};
    const struct mr_node *node = NULL;
    struct mr_plan *plan = NULL;
    char sql[1024];
    snprintf(sql, sizeof sql,
             "WITH s AS (SELECT * FROM STREAM raw WATERMARK t DELAY OF INTERVAL 10 SECONDS) %s",
             queries[kind]);
    OK(mr_sql_parse(script, "", mr_str_of(sql), &error));
    origin = (struct mr_sql_text){script->file, script->text};
    mr_job_init(job);
    OK(mr_sql_analyse(job, &environment, &origin, script->statements[0].query, &plan, &error));
    OK(mr_sql_plan_job(job, plan, &node, &error));
    add_target(job, node, "out", table_path);
}

/* ---- what is seen of a run ---- */
struct seen {
    int64_t total, updated, removed;
    bool late;
};
static struct seen seen[2 * UNITS + 8];

static void on_progress(void *ctx, const struct mr_progress *progress)
{
    (void)ctx;
    const struct mr_operator_metrics *m =
        &progress->operators[progress->operator_count - 1].metrics; /* the first that rows come to */
    seen[progress->batch] =
        (struct seen){m->rows_total, m->rows_updated, m->rows_removed, m->rows_dropped_by_watermark > 0};
}

static int run_kind(enum kind kind, const struct mr_query_options *options)
{
    struct mr_job job;
    struct mr_sql_script script = {0};
    plan_job(&job, kind, &script);
    int status = run_job(&job, options);
    mr_sql_script_release(&script);
    return status;
}

/* ---- the model ---- */
struct model_session {
    int64_t k, start, end, count, sum;
    bool touched;
};
struct model {
    enum kind kind;
    int64_t late, evict, newest; /* microseconds; newest: watermark reached so far */
    int64_t expiry[4 * KEYS];    /* by key; NO_TIME: absent */
    struct model_session sessions[TOTAL];
    int session_count;
    struct model_session windows[TOTAL]; /* of THEN_WINDOW */
    int window_count;
    char (*lines)[96];
    int line_count;
    struct seen expected[2 * UNITS + 8];
    int batches;
};

static void model_line(struct model *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->lines[m->line_count++], sizeof m->lines[0], format, arguments);
    va_end(arguments);
}

static void model_window(struct model *m, const struct row *row)
{
    int64_t start = row->t / (5 * SECOND) * (5 * SECOND);
    int i = 0;
    if (row->t == NO_TIME)
        return;
    while (i < m->window_count && m->windows[i].start != start)
        i++;
    if (i == m->window_count)
        m->windows[m->window_count++] = (struct model_session){.start = start, .end = start + 5 * SECOND};
    m->windows[i].count++;
}

static void model_output(struct model *m, const struct row *row)
{
    if (m->kind == THEN_WINDOW)
        model_window(m, row);
    else if (row->t == NO_TIME)
        model_line(m, "%lld,%lld,null", (long long)row->k, (long long)row->v);
    else
        model_line(m, "%lld,%lld,%lld", (long long)row->k, (long long)row->v, (long long)row->t);
}

/* Key and event time are the key: such pairs are kept as sessions that nothing touches. */
static void model_pair(struct model *m, const struct row *row, struct seen *now)
{
    int64_t end = row->t == NO_TIME ? INT64_MAX : row->t;
    for (int i = 0; i < m->session_count; i++)
        if (m->sessions[i].k == row->k && m->sessions[i].end == end)
            return;
    m->sessions[m->session_count++] = (struct model_session){.k = row->k, .end = end};
    now->updated++;
    model_output(m, row);
}

static void model_first(struct model *m, const struct row *row, struct seen *now)
{
    if (row->t != NO_TIME && row->t <= m->late) {
        now->late = true;
        return;
    }
    if (m->kind == EVENT_TIME) {
        model_pair(m, row, now);
        return;
    }
    if (m->expiry[row->k] != NO_TIME)
        return;
    m->expiry[row->k] = m->kind == FOR_EVER ? INT64_MAX : (row->t == NO_TIME ? 0 : row->t) + DELAY;
    now->updated++;
    model_output(m, row);
}

static void model_session(struct model *m, const struct row *row, struct seen *now)
{
    struct model_session made = {row->k, row->t, row->t + GAP, 1, row->v, true};
    int kept = 0;
    int64_t first = INT64_MAX;
    if (row->t == NO_TIME)
        return;
    if (made.end <= m->late) {
        now->late = true;
        return;
    }
    for (int i = 0; i < m->session_count; i++) { /* it takes in all that it touches */
        struct model_session *s = &m->sessions[i];
        if (s->k == row->k)
            s->touched = true;
        if (s->k != row->k || s->start > made.end || s->end < made.start) {
            m->sessions[kept++] = *s;
            continue;
        }
        first = s->start < first ? s->start : first;
        made.start = s->start < made.start ? s->start : made.start;
        made.end = s->end > made.end ? s->end : made.end;
        made.count += s->count;
        made.sum += s->sum;
    }
    m->sessions[kept] = made;
    m->session_count = kept + 1;
}

/* Windows are kept as sessions that never grow. */
static void model_slide(struct model *m, const struct row *row, struct seen *now)
{
    int64_t newest = row->t / (2 * SECOND) * (2 * SECOND);
    for (int64_t start = newest; row->t != NO_TIME && start > newest - 6 * SECOND; start -= 2 * SECOND) {
        int i = 0;
        if (start + 6 * SECOND <= m->late) {
            now->late = true;
            continue;
        }
        while (i < m->session_count && (m->sessions[i].k != row->k || m->sessions[i].start != start))
            i++;
        if (i == m->session_count)
            m->sessions[m->session_count++] =
                (struct model_session){.k = row->k, .start = start, .end = start + 6 * SECOND};
        m->sessions[i].count++;
        m->sessions[i].sum += row->v;
        m->sessions[i].touched = true;
    }
}

static int64_t starts_gone(const struct model *m, const struct model_session *before, int count)
{
    int64_t gone = 0;
    for (int i = 0; i < count; i++) {
        bool there = false;
        for (int j = 0; j < m->session_count && !there; j++)
            there = m->sessions[j].k == before[i].k && m->sessions[j].start == before[i].start;
        gone += !there;
    }
    return gone;
}

static void model_evict(struct model *m, struct seen *now)
{
    int kept = 0;
    for (int k = 0; k < 4 * KEYS; k++) {
        if (m->expiry[k] != NO_TIME && m->expiry[k] <= m->evict) {
            m->expiry[k] = NO_TIME;
            now->removed++;
        }
        now->total += m->expiry[k] != NO_TIME;
    }
    for (int i = 0; i < m->session_count; i++) {
        struct model_session *s = &m->sessions[i];
        now->updated += s->touched;
        s->touched = false;
        if (s->end > m->evict) {
            m->sessions[kept++] = *s;
            continue;
        }
        if (m->kind >= SESSION)
            model_line(m, "%lld,%lld,%lld,%lld,%lld", (long long)s->k, (long long)s->start, (long long)s->end,
                       (long long)s->count, (long long)s->sum);
        now->removed++;
    }
    int open = 0;
    for (int i = 0; i < m->window_count; i++) {
        struct model_session *w = &m->windows[i];
        if (w->end > m->evict)
            m->windows[open++] = *w;
        else
            model_line(m, "%lld,%lld", (long long)w->start, (long long)w->count);
    }
    m->window_count = open;
    m->session_count = kept;
    now->total += kept;
}

/* One micro-batch; unit -1: without data. */
static void model_batch(struct model *m, int unit)
{
    static struct model_session before[TOTAL];
    struct seen *now = &m->expected[m->batches++];
    int64_t reached = m->newest;
    int count = m->session_count;
    memcpy(before, m->sessions, sizeof *before * (size_t)count);
    *now = (struct seen){0};
    for (int i = 0; unit >= 0 && i < ROWS; i++) {
        const struct row *row = &rows[unit][i];
        if (m->kind < SESSION)
            model_first(m, row, now);
        else if (m->kind == SLIDING)
            model_slide(m, row, now);
        else
            model_session(m, row, now);
        int64_t t = row->t == NO_TIME ? 0 : row->t;
        int64_t watermark = (t / 1000 - DELAY / 1000) * 1000;
        reached = watermark > reached ? watermark : reached;
    }
    if (m->kind >= SESSION)
        now->removed += starts_gone(m, before, count);
    model_evict(m, now);
    m->late = m->evict;
    m->newest = m->evict = reached;
}

/* A run up to this unit, which ends with a batch without data when the watermark has moved. */
static void model_run(struct model *m, int from, int upto)
{
    for (int unit = from; unit < upto; unit++)
        model_batch(m, unit);
    if (m->evict > m->late)
        model_batch(m, -1);
}

static void model_init(struct model *m, enum kind kind)
{
    *m = (struct model){.kind = kind, .lines = calloc(LINES, sizeof m->lines[0])};
    assert_non_null(m->lines);
    for (int k = 0; k < 4 * KEYS; k++)
        m->expiry[k] = NO_TIME;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void check_table(struct model *m)
{
    char(*mine)[96] = calloc(LINES, sizeof *mine);
    struct mr_text text;
    int count = 0;
    mr_text_init(&text);
    OK(mr_file_read_all(table_path, &text, &error));
    char *save = NULL;
    for (char *line = strtok_r(strchr(text.data, '\n'), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        snprintf(mine[count++], sizeof *mine, "%s", line);
    qsort(mine, (size_t)count, sizeof *mine, compare_lines);
    qsort(m->lines, (size_t)m->line_count, sizeof *m->lines, compare_lines);
    assert_int_equal(count, m->line_count);
    for (int i = 0; i < count; i++)
        assert_string_equal(mine[i], m->lines[i]);
    mr_text_release(&text);
    free(mine);
    free(m->lines);
}

/* ---- tests ---- */
static int begin(void **state)
{
    setup(state);
    mr_memory_stream_close(stream);
    OK(mr_schema_parse(&schemas, MR_STR("k BIGINT, v BIGINT, t TIMESTAMP"), &row_schema, &error));
    OK(mr_memory_stream_open(&stream, "in", row_schema, &error));
    return 0;
}

struct part {
    int upto, partitions, micro_batches;
    size_t limit; /* bytes of each cache; 0: plenty */
};

static void run_parts(enum kind kind, const struct part *parts, int count)
{
    static struct model m;
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    int from = 0;
    memset(seen, 0, sizeof seen);
    model_init(&m, kind);
    options.on_progress = on_progress;
    for (int i = 0; i < count; i++) {
        for (int unit = from; unit < parts[i].upto; unit++)
            add_unit(unit);
        options.partitions = parts[i].partitions;
        options.decision_micro_batches = parts[i].micro_batches;
        options.memory_limit_bytes = parts[i].limit * 2 * (size_t)parts[i].partitions;
        OK(run_kind(kind, &options));
        model_run(&m, from, parts[i].upto);
        from = parts[i].upto;
    }
    for (int b = 0; b < m.batches; b++) {
        assert_int_equal(seen[b].updated, m.expected[b].updated);
        assert_int_equal(seen[b].removed, m.expected[b].removed);
        assert_int_equal(seen[b].total, m.expected[b].total);
        assert_int_equal(seen[b].late, m.expected[b].late);
    }
    check_table(&m);
}

static const enum kind kinds[] = {WITHIN,  EVENT_TIME,       FOR_EVER, THEN_WINDOW,
                                  SESSION, SESSION_IN_ORDER, SLIDING};

/* One life, plenty of memory, one decision for everything and one per micro-batch. */
static void one_life(void **state)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int decisions = 0; decisions < 2; decisions++) {
            if (i + (size_t)decisions > 0) {
                teardown(state);
                begin(state);
            }
            make_rows(i + 1);
            run_parts(kinds[i], &(struct part){UNITS, 2, decisions, 0}, 1);
        }
}

/* 1 -> 4 -> 2 -> 3 partitions, caches that hold next to nothing. */
static void many_lives(void **state)
{
    static const struct part parts[] = {
        {5, 1, 1, 2000},  {11, 4, 3, 2000},  {12, 4, 1, 2000},
        {17, 2, 1, 2000}, {21, 3, 0, 30000}, {UNITS, 3, 1, 0},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (i > 0) {
            teardown(state);
            begin(state);
        }
        make_rows(i + 11);
        run_parts(kinds[i], parts, sizeof parts / sizeof *parts);
    }
}

/* What is part of the state's plan may not change. */
static void changed_keys(void **state)
{
    (void)state;
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    make_rows(5);
    add_unit(0);
    OK(run_kind(SESSION, &options));
    assert_int_equal(run_kind(SESSION_IN_ORDER, &options), MR_E_UNSUPPORTED);
    assert_int_equal(run_kind(WITHIN, &options), MR_E_UNSUPPORTED);
    assert_string_equal(error.condition, "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA");
}

/* ---- killed ---- */
static int child(const char *kind, const char *checkpoint, const char *table)
{
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s", checkpoint);
    snprintf(table_path, sizeof table_path, "%s", table);
    mr_log_level_set(MR_LOG_ERROR);
    mr_arena_init(&schemas);
    OK(mr_schema_parse(&schemas, MR_STR("k BIGINT, v BIGINT, t TIMESTAMP"), &row_schema, &error));
    OK(mr_memory_stream_open(&stream, "in", row_schema, &error));
    make_rows(21);
    for (int unit = 0; unit < UNITS; unit++)
        add_unit(unit);
    struct mr_query_options options = query_options(MR_TRIGGER_AVAILABLE_NOW);
    options.decision_micro_batches = 2;
    options.partitions = 3;
    options.memory_limit_bytes = 20000;
    int status = run_kind((enum kind)atoi(kind), &options);
    mr_memory_stream_close(stream);
    mr_arena_release(&schemas);
    return status < 0 ? 1 : 0;
}

static bool run_child(enum kind kind, const char *killpoint)
{
    char number[16];
    snprintf(number, sizeof number, "%d", kind);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (killpoint)
            setenv("MILLRACE_KILLPOINT", killpoint, 1);
        execl("/proc/self/exe", "keyed_state_test", number, checkpoint_path, table_path, (char *)NULL);
        _exit(9);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return true;
}

static void killed(void **state)
{
    static const char *const points[] = {"execute.after:3", "decide.before:2", "decide.after:4",
                                         "publish.before:3", "publish.after:5"};
    static struct model m;
    make_rows(21);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (i > 0) {
            teardown(state);
            begin(state);
        }
        for (size_t p = 0; p < sizeof points / sizeof *points; p++)
            assert_false(run_child(kinds[i], points[p]));
        assert_true(run_child(kinds[i], NULL));
        model_init(&m, kinds[i]);
        model_run(&m, 0, UNITS);
        check_table(&m);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return child(argv[1], argv[2], argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_life, begin, teardown),
        cmocka_unit_test_setup_teardown(many_lives, begin, teardown),
        cmocka_unit_test_setup_teardown(changed_keys, begin, teardown),
        cmocka_unit_test_setup_teardown(killed, begin, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
