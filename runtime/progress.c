/* runtime/progress.c: progress as the JSON text that Spark prints. */
#include "runtime/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "columns/value.h"

static int64_t floor_ms(int64_t us)
{
    int64_t ms = us / 1000;
    return us % 1000 < 0 ? ms - 1 : ms;
}

/* "2024-01-01T00:00:02.066Z" */
static void write_time(struct mr_json_writer *w, int64_t ms)
{
    struct mr_civil civil;
    mr_civil_from_micros(ms * 1000, &civil);
    char text[80];
    snprintf(text, sizeof text, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)civil.year, civil.month,
             civil.day, civil.hour, civil.minute, civil.second, civil.microsecond / 1000);
    mr_json_cstr(w, text);
}

/* Rows a second, one digit, half up; nothing is written when there is no time to divide by. */
static void write_rate(struct mr_json_writer *w, const char *key, int64_t rows, int64_t us)
{
    if (us <= 0)
        return;
    double rate = floor((double)rows / ((double)us / 1e6) * 10.0 + 0.5) / 10.0;
    char text[64];
    snprintf(text, sizeof text, "%.1f", rate);
    mr_json_key(w, key);
    mr_json_raw(w, mr_str_of(text));
}

static void write_rates(struct mr_json_writer *w, const struct mr_progress *progress, int64_t rows)
{
    mr_json_key(w, "numInputRows");
    mr_json_i64(w, rows);
    if (progress->since_previous_us < 0) { /* as Spark: no batch before, no rate */
        mr_json_key(w, "inputRowsPerSecond");
        mr_json_raw(w, MR_STR("0.0"));
    } else {
        write_rate(w, "inputRowsPerSecond", rows, progress->since_previous_us);
    }
    write_rate(w, "processedRowsPerSecond", rows, progress->duration_us);
}

static void write_i64(struct mr_json_writer *w, const char *key, int64_t value)
{
    mr_json_key(w, key);
    mr_json_i64(w, value);
}

static void write_event_time(struct mr_json_writer *w, const struct mr_progress *progress)
{
    if (!progress->has_event_time && !progress->has_watermark)
        return;
    mr_json_key(w, "eventTime");
    mr_json_begin_object(w);
    if (progress->has_event_time) {
        const struct mr_event_time *seen = &progress->event_time;
        mr_json_key(w, "avg");
        write_time(w, (int64_t)trunc(seen->sum_us / (double)seen->count / 1000.0));
        mr_json_key(w, "max");
        write_time(w, floor_ms(seen->max_us));
        mr_json_key(w, "min");
        write_time(w, floor_ms(seen->min_us));
    }
    if (progress->has_watermark) {
        mr_json_key(w, "watermark");
        write_time(w, floor_ms(progress->watermark_us));
    }
    mr_json_end_object(w);
}

static void write_operators(struct mr_json_writer *w, const struct mr_progress *progress)
{
    mr_json_key(w, "stateOperators");
    mr_json_begin_array(w);
    for (int i = 0; i < progress->operator_count; i++) {
        const struct mr_operator_progress *one = &progress->operators[i];
        mr_json_begin_object(w);
        mr_json_key(w, "operatorName");
        mr_json_cstr(w, one->name);
        write_i64(w, "numRowsTotal", one->metrics.rows_total);
        write_i64(w, "numRowsUpdated", one->metrics.rows_updated);
        write_i64(w, "numRowsRemoved", one->metrics.rows_removed);
        write_i64(w, "memoryUsedBytes", one->metrics.state_bytes);
        write_i64(w, "numRowsDroppedByWatermark", one->metrics.rows_dropped_by_watermark);
        write_i64(w, "numShufflePartitions", one->partitions);
        write_i64(w, "numStateStoreInstances", one->partitions);
        mr_json_end_object(w);
    }
    mr_json_end_array(w);
}

static void write_offset(struct mr_json_writer *w, const char *key, struct mr_str offset)
{
    mr_json_key(w, key);
    if (offset.size > 0)
        mr_json_raw(w, offset);
    else
        mr_json_null(w);
}

/* Spark's metrics are strings. */
static void write_metric(struct mr_json_writer *w, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    mr_json_key(w, key);
    mr_json_cstr(w, text);
}

static void write_lag(struct mr_json_writer *w, const struct mr_source_progress *one)
{
    char average[33];
    average[mr_double_text(one->lag.average, average)] = 0;
    mr_json_key(w, "avgOffsetsBehindLatest");
    mr_json_cstr(w, average);
    if (one->backlog_bytes >= 0)
        write_metric(w, "estimatedTotalBytesBehindLatest", one->backlog_bytes);
    write_metric(w, "maxOffsetsBehindLatest", one->lag.most);
    write_metric(w, "minOffsetsBehindLatest", one->lag.least);
}

static void write_metrics(struct mr_json_writer *w, const struct mr_source_progress *one)
{
    if (!one->lag.known && one->backlog_files < 0 && one->backlog_bytes < 0)
        return;
    mr_json_key(w, "metrics");
    mr_json_begin_object(w);
    if (one->lag.known)
        write_lag(w, one);
    else if (one->backlog_bytes >= 0)
        write_metric(w, "numBytesOutstanding", one->backlog_bytes);
    if (one->backlog_files >= 0)
        write_metric(w, "numFilesOutstanding", one->backlog_files);
    mr_json_end_object(w);
}

static void write_sources(struct mr_json_writer *w, const struct mr_progress *progress)
{
    mr_json_key(w, "sources");
    mr_json_begin_array(w);
    for (int i = 0; i < progress->source_count; i++) {
        const struct mr_source_progress *one = &progress->sources[i];
        mr_json_begin_object(w);
        mr_json_key(w, "description");
        mr_json_cstr(w, one->description);
        write_offset(w, "startOffset", one->start_offset);
        write_offset(w, "endOffset", one->end_offset);
        write_offset(w, "latestOffset", one->latest_offset);
        write_rates(w, progress, one->rows);
        write_metrics(w, one);
        mr_json_end_object(w);
    }
    mr_json_end_array(w);
}

static int by_name(const void *a, const void *b)
{
    const struct mr_expectation_progress *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Maps are sorted by key; two expectations of one name (of two tables in one job) are added up. */
static void write_expectations(struct mr_json_writer *w, const struct mr_progress *progress)
{
    int count = progress->expectation_count;
    const struct mr_expectation_progress **sorted =
        count ? mr_allocate(sizeof *sorted * (size_t)count) : NULL;
    if (!sorted) {
        w->out->failed |= count > 0;
        return;
    }
    for (int i = 0; i < count; i++)
        sorted[i] = &progress->expectations[i];
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    mr_json_key(w, "observedMetrics");
    mr_json_begin_object(w);
    for (int i = 0; i < count;) {
        int64_t passed = 0, failed = 0;
        const char *name = sorted[i]->name;
        for (; i < count && strcmp(sorted[i]->name, name) == 0; i++) {
            passed += sorted[i]->passed;
            failed += sorted[i]->failed;
        }
        mr_json_key(w, name);
        mr_json_begin_object(w);
        write_i64(w, "failed", failed);
        write_i64(w, "passed", passed);
        mr_json_end_object(w);
    }
    mr_json_end_object(w);
    mr_free(sorted);
}

static void write_durations(struct mr_json_writer *w, const struct mr_progress *progress)
{
    mr_json_key(w, "durationMs");
    mr_json_begin_object(w);
    write_i64(w, "addBatch", (progress->execute_us + progress->prepare_us) / 1000);
    write_i64(w, "latestOffset", progress->plan_us / 1000);
    write_i64(w, "triggerExecution", progress->duration_us / 1000);
    if (progress->decided_here)
        write_i64(w, "walCommit", progress->decide_us / 1000);
    mr_json_end_object(w);
}

void mr_progress_json(const struct mr_progress *progress, struct mr_text *out)
{
    struct mr_json_writer w = {out, false};
    mr_json_begin_object(&w);
    mr_json_key(&w, "id");
    mr_json_cstr(&w, progress->id);
    mr_json_key(&w, "runId");
    mr_json_cstr(&w, progress->run_id);
    mr_json_key(&w, "name");
    mr_json_cstr(&w, progress->name);
    mr_json_key(&w, "timestamp");
    write_time(&w, floor_ms(progress->timestamp_us));
    write_i64(&w, "batchId", progress->batch);
    write_i64(&w, "batchDuration", progress->duration_us / 1000);
    write_rates(&w, progress, progress->rows);
    write_durations(&w, progress);
    write_event_time(&w, progress);
    write_operators(&w, progress);
    write_sources(&w, progress);
    mr_json_key(&w, "sink");
    mr_json_begin_object(&w);
    mr_json_key(&w, "description");
    mr_json_cstr(&w, progress->sink_description);
    write_i64(&w, "numOutputRows", progress->sink_rows);
    mr_json_end_object(&w);
    write_expectations(&w, progress);
    mr_json_end_object(&w);
}
