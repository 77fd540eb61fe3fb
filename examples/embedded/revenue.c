/* revenue: orders that land in a folder as JSON lines become revenue per minute and product in a Delta table,
 * exactly once.
 *
 *   revenue LANDING TABLE CHECKPOINT
 *
 * Takes what is there and ends; run it again, with the same checkpoint, for what has come since. */
#include <millrace/millrace.h>
#include <stdio.h>

/* Closed minutes, as they are decided. */
static int print_rows(void *ctx, const struct millrace_rows *rows)
{
    char line[512];
    for (int64_t row = 0; row < millrace_rows_count(rows); row++)
        if (millrace_rows_json(rows, row, line, sizeof line) < sizeof line)
            fprintf(ctx, "batch %lld: %s\n", (long long)millrace_rows_batch(rows), line);
    return 0;
}

static void print_progress(void *ctx, const char *json, size_t size)
{
    fprintf(ctx, "%.*s\n", (int)size, json);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: revenue LANDING TABLE CHECKPOINT\n"), 2;
    struct millrace_job *job = millrace_job_new("revenue");
    millrace_job_set(job, "spark.sql.session.timeZone", "UTC");
    millrace_job_on_progress(job, print_progress, stderr);

    struct millrace_stream *orders =
        millrace_read(job, "files", "path", argv[1], "format", "json", "schema",
                      "product STRING, amount DECIMAL(10,2), ordered_at TIMESTAMP", NULL);
    orders = millrace_watermark(millrace_filter(orders, "amount > 0"), "ordered_at", "30 seconds");
    struct millrace_stream *revenue =
        millrace_select(millrace_group(orders, "window(ordered_at, '1 minute'), product",
                                       "count(*) AS orders, sum(amount) AS revenue"),
                        "window.start AS minute, product, orders, revenue");
    millrace_write(revenue, "delta", "path", argv[2], NULL);
    millrace_write_callback(revenue, print_rows, stdout);

    int result = millrace_job_run(job, MILLRACE_AVAILABLE_NOW, argv[3]);
    if (result < 0)
        fprintf(stderr, "%s\n", millrace_error_text(job));
    millrace_job_free(job);
    return result < 0 ? 1 : 0;
}
