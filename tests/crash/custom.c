/* tests/crash/custom.c: a job with a processor of its own, for the crash tests: crash_custom LANDING WORKERS,
 * in the folder of a trial. All kinds of state and timers; every row is told apart by its id, and says what
 * state was when it came, so that a change of state that was lost or made twice shows in the table. */
#include <stdio.h>
#include <stdlib.h>

#include "millrace/millrace.h"

enum { ID, K, V, T }; /* columns of the input */
#define KEPT 12       /* elements of a list, before a timer empties it */
#define DELAY_US INT64_C(45000000)

struct told { /* what a row says */
    int64_t id, count, total, listed, mapped;
};

static int tell(struct millrace_call *call, const struct told *told)
{
    struct millrace_row *row = millrace_output_row(call);
    millrace_row_int(row, 0, told->id);
    millrace_row_copy(row, 1, millrace_call_key(call), 0, 0);
    millrace_row_int(row, 2, told->count);
    millrace_row_int(row, 3, told->total);
    millrace_row_int(row, 4, told->listed);
    millrace_row_int(row, 5, told->mapped);
    return millrace_emit(call, row);
}

/* What the value and the list hold now. */
static void look(struct millrace_call *call, struct told *told)
{
    const struct millrace_rows *value = millrace_value_get(call, "value"), *elements = NULL;
    told->count = millrace_rows_int(value, 0, 0);
    told->total = millrace_rows_int(value, 0, 1);
    told->listed = 0;
    while (millrace_list_next(call, "list", &elements))
        for (int64_t i = 0; i < millrace_rows_count(elements); i++)
            told->listed = told->listed * 31 % 1000003 + millrace_rows_int(elements, i, 0);
}

static int take_rows(struct millrace_call *call, const struct millrace_rows *rows)
{
    for (int64_t i = 0; i < millrace_rows_count(rows); i++) {
        struct told told = {.id = millrace_rows_int(rows, i, ID)};
        int64_t v = millrace_rows_int(rows, i, V);
        struct millrace_row *row = millrace_variable_row(call, "list");
        millrace_row_int(row, 0, told.id);
        millrace_list_append(call, "list", row);
        struct millrace_row *key = millrace_map_key_row(call, "map");
        millrace_row_int(key, 0, v % 8);
        told.mapped = millrace_rows_int(millrace_map_get(call, "map", key), 0, 0) + 1;
        row = millrace_variable_row(call, "map");
        millrace_row_int(row, 0, told.mapped);
        if (told.mapped == 5)
            millrace_map_remove(call, "map", key);
        else
            millrace_map_put(call, "map", key, row);
        look(call, &told);
        row = millrace_variable_row(call, "value");
        millrace_row_int(row, 0, told.count + 1);
        millrace_row_int(row, 1, told.total + v);
        millrace_value_set(call, "value", row);
        millrace_timer_set(call, millrace_rows_int(rows, i, T) + DELAY_US);
        tell(call, &told);
    }
    return 0;
}

static int take_time(struct millrace_call *call, int64_t at_us)
{
    const struct millrace_rows *key = millrace_call_key(call), *elements = NULL;
    size_t size;
    struct told told = {.id = -(at_us / 1000000 * 100 + millrace_rows_bytes(key, 0, 0, &size)[0])};
    int64_t length = 0;
    look(call, &told);
    while (millrace_list_next(call, "list", &elements))
        length += millrace_rows_count(elements);
    if (length >= KEPT)
        millrace_variable_clear(call, "list");
    for (int64_t next = INT64_MIN; millrace_timer_next(call, &next);)
        told.mapped++;
    return tell(call, &told);
}

int main(int argc, char **argv)
{
    static const struct millrace_variable variables[] = {{"value", MILLRACE_VALUE,
                                                          "count BIGINT, total BIGINT", NULL, 0},
                                                         {"list", MILLRACE_LIST, "id BIGINT", NULL, 0},
                                                         {"map", MILLRACE_MAP, "times BIGINT", "part BIGINT",
                                                          0},
                                                         {NULL, 0, NULL, NULL, 0}};
    if (argc != 3)
        return 2;
    struct millrace_job *job = millrace_job_new("custom");
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_set(job, "millrace.decision.microBatches", "1");
    millrace_job_set(job, "millrace.workers", argv[2]);
    struct millrace_stream *s =
        millrace_read(job, "files", "path", argv[1], "format", "json", "schema",
                      "id BIGINT, k STRING, v INT, t TIMESTAMP", "maxFilesPerTrigger", "1", NULL);
    s = millrace_process(millrace_watermark(s, "t", "30 seconds"),
                         &(struct millrace_processor){.keys = "k",
                                                      .output =
                                                          "id BIGINT, k STRING, count BIGINT, total BIGINT, "
                                                          "listed BIGINT, mapped BIGINT",
                                                      .time_mode = MILLRACE_EVENT_TIME,
                                                      .variables = variables,
                                                      .rows = take_rows,
                                                      .timer = take_time});
    millrace_write(s, "delta", "path", "spark-warehouse/processed", NULL);
    int status = millrace_job_run(job, MILLRACE_AVAILABLE_NOW, "storage/checkpoint");
    if (status < 0)
        fprintf(stderr, "%s\n", millrace_error_text(job));
    millrace_job_free(job);
    return status < 0 ? 1 : 0;
}
