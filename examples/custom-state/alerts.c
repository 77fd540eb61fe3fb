/* alerts: an operator of the program's own, with state and timers. Events of users come as JSON lines in a
 * folder; a row of the table TABLE tells when three logins of a user failed within ten minutes, and when an
 * order was not paid thirty minutes after it was made.
 *
 *   alerts EVENTS TABLE CHECKPOINT
 *
 *   {"user":"ann","event":"failed","at":"2026-01-01T10:00:00Z"}
 *   {"user":"bob","event":"order","item":"o-1","at":"2026-01-01T10:00:00Z"}       and "paid" */
#include <stdio.h>
#include <string.h>

#include <millrace/millrace.h>

#define MINUTE_US (60 * INT64_C(1000000))
enum { EVENT = 1, ITEM = 2, AT = 3 }; /* columns of the events */

static void alert(struct millrace_call *call, int64_t at_us, const char *what,
                  const struct millrace_rows *items, int64_t i)
{
    struct millrace_row *row = millrace_output_row(call);
    millrace_row_copy(row, 0, millrace_call_key(call), 0, 0);
    millrace_row_int(row, 1, at_us);
    millrace_row_text(row, 2, what);
    millrace_row_copy(row, 3, items, i, 0);
    millrace_emit(call, row);
}

/* The list holds the times of failures; the third within ten minutes empties it. */
static void failed(struct millrace_call *call, int64_t at_us)
{
    int recent = 1;
    const struct millrace_rows *failures = NULL;
    while (millrace_list_next(call, "failures", &failures))
        for (int64_t i = 0; i < millrace_rows_count(failures); i++)
            recent += millrace_rows_int(failures, i, 0) > at_us - 10 * MINUTE_US;
    if (recent >= 3) {
        alert(call, at_us, "three failed logins", NULL, 0);
        millrace_variable_clear(call, "failures");
        return;
    }
    struct millrace_row *row = millrace_variable_row(call, "failures");
    millrace_row_int(row, 0, at_us);
    millrace_list_append(call, "failures", row);
}

static int take_events(struct millrace_call *call, const struct millrace_rows *events)
{
    for (int64_t i = 0; i < millrace_rows_count(events); i++) {
        char event[16];
        int64_t at_us = millrace_rows_int(events, i, AT);
        struct millrace_row *item = millrace_map_key_row(call, "unpaid"), *due;
        millrace_rows_text(events, i, EVENT, event, sizeof event);
        millrace_row_copy(item, 0, events, i, ITEM);
        if (strcmp(event, "failed") == 0)
            failed(call, at_us);
        if (strcmp(event, "paid") == 0)
            millrace_map_remove(call, "unpaid", item);
        if (strcmp(event, "order") != 0)
            continue;
        due = millrace_variable_row(call, "unpaid");
        millrace_row_int(due, 0, at_us + 30 * MINUTE_US);
        millrace_map_put(call, "unpaid", item, due);
        millrace_timer_set(call, at_us + 30 * MINUTE_US);
    }
    return 0;
}

/* Thirty minutes are over for some order: those still in the map, and due by now, were not paid. */
static int take_time(struct millrace_call *call, int64_t at_us)
{
    const struct millrace_rows *items = NULL, *due = NULL;
    while (millrace_map_next(call, "unpaid", &items, &due))
        for (int64_t i = 0; i < millrace_rows_count(items); i++) {
            if (millrace_rows_int(due, i, 0) > at_us)
                continue;
            struct millrace_row *item = millrace_map_key_row(call, "unpaid");
            millrace_row_copy(item, 0, items, i, 0);
            alert(call, at_us, "order not paid", items, i);
            millrace_map_remove(call, "unpaid", item);
        }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct millrace_variable variables[] = {{"failures", MILLRACE_LIST, "at TIMESTAMP", NULL, 0},
                                                         {"unpaid", MILLRACE_MAP, "due TIMESTAMP",
                                                          "item STRING", 0},
                                                         {NULL, 0, NULL, NULL, 0}};
    static const struct millrace_processor processor = {
        .keys = "user",
        .output = "user STRING, at TIMESTAMP, alert STRING, item STRING",
        .time_mode = MILLRACE_EVENT_TIME,
        .variables = variables,
        .rows = take_events,
        .timer = take_time};
    if (argc != 4)
        return fprintf(stderr, "usage: alerts EVENTS TABLE CHECKPOINT\n"), 2;
    struct millrace_job *job = millrace_job_new("alerts");
    struct millrace_stream *events = millrace_read(job, "files", "path", argv[1], "format", "json", "schema",
                                                   "user STRING, event STRING, item STRING, at TIMESTAMP",
                                                   "maxFilesPerTrigger", "1", NULL);
    events = millrace_watermark(events, "at", "1 minute");
    millrace_write(millrace_process(events, &processor), "delta", "path", argv[2], NULL);
    int result = millrace_job_run(job, MILLRACE_AVAILABLE_NOW, argv[3]);
    if (result < 0)
        fprintf(stderr, "%s\n", millrace_error_text(job));
    millrace_job_free(job);
    return result < 0 ? 1 : 0;
}
