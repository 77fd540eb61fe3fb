/* cli/display.c: see the header. */
#include "cli/display.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/env.h"

#define REDRAW_US 200000

struct line { /* one flow */
    const struct mr_flow *flow;
    enum mr_flow_state state;
    int64_t batch, rows, late, violations;
    double rows_per_second;
    int64_t backlog_files, backlog_bytes; /* -1 unknown */
    bool has_watermark;
    int64_t watermark_us;
    int64_t version; /* of the table; -1: none seen */
};
struct mr_display {
    bool terminal, continuous, quiet;
    const char *project;
    struct line *lines;
    int count;
    int64_t started_us;
    int drawn; /* lines on the screen */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, ending;
};

static const char *const state_words[MR_FLOW_STATES] = {"queued",  "planning",  "starting",
                                                        "running", "completed", "failed",
                                                        "skipped", "excluded",  "stopped"};
static const char *const state_colours[MR_FLOW_STATES] = {"2",    "36", "36", "36", "32",
                                                          "1;31", "33", "2",  "32"};

/* ---- numbers ---- */
static const char *grouped(int64_t value, char out[32])
{
    char digits[32];
    int size = snprintf(digits, sizeof(digits), "%lld", (long long)value), at = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static const char *backlog_text(const struct line *line, char out[32])
{
    if (line->backlog_files < 0 && line->backlog_bytes < 0)
        snprintf(out, 32, "–");
    else if (line->backlog_files >= 0)
        snprintf(out, 32, "%lld file%s", (long long)line->backlog_files, line->backlog_files == 1 ? "" : "s");
    else
        snprintf(out, 32, "%.1f MB", (double)line->backlog_bytes / 1e6);
    return out;
}

static const char *watermark_text(const struct line *line, char out[48])
{
    if (!line->has_watermark || line->watermark_us <= 0) {
        snprintf(out, 48, "–");
        return out;
    }
    char text[48];
    size_t size = mr_timestamp_text(line->watermark_us / 1000000 * 1000000, text);
    snprintf(out, 48, "%.*s", (int)size, text);
    return out;
}

static void follow_version(struct line *line)
{
    char path[4096];
    const char *table = line->flow->target->path;
    while (table) {
        snprintf(path, sizeof(path), "%.4000s/_delta_log/%020lld.json", table, (long long)line->version + 1);
        if (!mr_file_exists(path))
            break;
        line->version++;
    }
}

/* ---- the live table ---- */
/* One cell, as far as the line has room: a line that wraps would put the next drawing in the wrong place. */
static void pad(int *room, const char *text, int width, bool right)
{
    int size = (int)mr_text_cut(mr_str_of(text), width < *room ? width : *room);
    int columns = mr_text_columns((struct mr_str){text, (size_t)size});
    int blanks = (width < *room ? width : *room) - columns;
    *room -= columns + blanks;
    int gap = *room < 2 ? *room : 2;
    *room -= gap;
    printf("%*s%.*s%*s", right ? blanks : 0, "", size, text, (right ? 0 : blanks) + gap, "");
}

static void draw_line(struct line *line, int name_width, int room)
{
    char number[32], text[48];
    follow_version(line);
    pad(&room, "", 0, false);
    pad(&room, line->flow->name, name_width, false);
    printf("\033[%sm", state_colours[line->state]);
    pad(&room, state_words[line->state], 9, false);
    printf("\033[0m");
    if (line->batch >= 0)
        snprintf(text, sizeof(text), "%lld", (long long)line->batch);
    else
        snprintf(text, sizeof(text), "–");
    pad(&room, text, 5, true);
    pad(&room, grouped(line->rows, number), 11, true);
    pad(&room, grouped((int64_t)line->rows_per_second, number), 9, true);
    pad(&room, backlog_text(line, number), 9, true);
    pad(&room, watermark_text(line, text), 19, false);
    if (line->version >= 0)
        snprintf(text, sizeof(text), "v%lld", (long long)line->version);
    else
        snprintf(text, sizeof(text), "–");
    pad(&room, text, 7, true);
    pad(&room, line->late ? grouped(line->late, number) : "–", 6, true);
    pad(&room, line->violations ? grouped(line->violations, number) : "–", 8, true);
    printf("\033[K\n");
}

static void draw(struct mr_display *display)
{
    /* The last column stays free: some terminals wrap behind it. */
    int name_width = 5, columns = mr_terminal_columns(stdout) - 1, room = columns;
    char title[160];
    int64_t seconds = (mr_env()->monotonic_us() - display->started_us) / 1000000;
    for (int i = 0; i < display->count; i++) {
        int width = mr_text_columns(mr_str_of(display->lines[i].flow->name));
        name_width = width > name_width ? width : name_width;
    }
    if (name_width > columns - 13) /* the state is seen in any case */
        name_width = columns > 18 ? columns - 13 : 5;
    if (display->drawn > 0)
        printf("\033[%dA", display->drawn);
    snprintf(title, sizeof title, " · %s · %02lld:%02lld%s",
             display->continuous ? "continuous" : "all that is available", (long long)seconds / 60,
             (long long)seconds % 60, display->continuous ? " · Ctrl-C finishes the batch in hand" : "");
    struct mr_str name = mr_str_of(display->project), rest = mr_str_of(title);
    name.size = mr_text_cut(name, columns);
    rest.size = mr_text_cut(rest, columns - mr_text_columns(name));
    printf("\033[1m%.*s\033[0m%.*s\033[K\n", (int)name.size, name.data, (int)rest.size, rest.data);
    printf("\033[2m");
    pad(&room, "", 0, false);
    pad(&room, "table", name_width, false);
    pad(&room, "state", 9, false);
    pad(&room, "batch", 5, true);
    pad(&room, "rows", 11, true);
    pad(&room, "rows/s", 9, true);
    pad(&room, "backlog", 9, true);
    pad(&room, "watermark", 19, false);
    pad(&room, "version", 7, true);
    pad(&room, "late", 6, true);
    pad(&room, "violated", 8, true);
    printf("\033[0m\033[K\n");
    for (int i = 0; i < display->count; i++)
        draw_line(&display->lines[i], name_width, columns);
    display->drawn = display->count + 2;
    fflush(stdout);
}

static void *redraw(void *ctx)
{
    struct mr_display *display = ctx;
    pthread_mutex_lock(&display->lock);
    while (!display->ending) {
        draw(display);
        int64_t at = mr_env()->now_us() + REDRAW_US;
        struct timespec until = {.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
        pthread_cond_timedwait(&display->wake, &display->lock, &until);
    }
    draw(display);
    pthread_mutex_unlock(&display->lock);
    return NULL;
}

/* ---- lines for logs, as spark-pipelines writes them ---- */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char stamp[48];
    va_list arguments;
    size_t size = mr_timestamp_text(mr_env()->now_us() / 1000000 * 1000000, stamp);
    printf("%.*s: ", (int)size, stamp);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fputc('\n', stdout);
    fflush(stdout);
}

static void say_state(const struct mr_flow *flow)
{
    static const char *const phrases[MR_FLOW_STATES] = {"is QUEUED.",
                                                        "is PLANNING.",
                                                        "is STARTING.",
                                                        "is RUNNING.",
                                                        "has COMPLETED.",
                                                        "has FAILED.",
                                                        "is SKIPPED due to upstream failure(s).",
                                                        "is EXCLUDED.",
                                                        "has STOPPED."};
    say("Flow %s %s", flow->full_name, phrases[flow->state]);
}

/* ---- callbacks ---- */
static struct line *line_of(struct mr_display *display, const struct mr_flow *flow)
{
    for (int i = 0; i < display->count; i++)
        if (display->lines[i].flow == flow)
            return &display->lines[i];
    return NULL;
}

void mr_display_state(void *ctx, const struct mr_flow *flow)
{
    struct mr_display *display = ctx;
    pthread_mutex_lock(&display->lock);
    struct line *line = line_of(display, flow);
    if (line)
        line->state = flow->state;
    if (!display->terminal && !display->quiet)
        say_state(flow);
    if (!display->quiet && flow->state == MR_FLOW_FAILED && !display->terminal) {
        char text[3072];
        mr_error_format(&flow->error, text, sizeof(text));
        say("Flow '%s' has FAILED: %s", flow->full_name, text);
    }
    pthread_mutex_unlock(&display->lock);
}

void mr_display_progress(void *ctx, const struct mr_flow *flow, const struct mr_progress *progress)
{
    struct mr_display *display = ctx;
    pthread_mutex_lock(&display->lock);
    struct line *line = line_of(display, flow);
    if (line) {
        line->batch = progress->batch;
        line->rows += progress->rows;
        line->rows_per_second =
            progress->duration_us > 0 ? (double)progress->rows * 1e6 / (double)progress->duration_us : 0;
        line->backlog_files = line->backlog_bytes = -1;
        for (int i = 0; i < progress->source_count; i++) {
            if (progress->sources[i].backlog_files >= 0)
                line->backlog_files =
                    (line->backlog_files < 0 ? 0 : line->backlog_files) + progress->sources[i].backlog_files;
            if (progress->sources[i].backlog_bytes >= 0)
                line->backlog_bytes =
                    (line->backlog_bytes < 0 ? 0 : line->backlog_bytes) + progress->sources[i].backlog_bytes;
        }
        line->has_watermark = progress->has_watermark;
        line->watermark_us = progress->watermark_us;
        for (int i = 0; i < progress->operator_count; i++)
            line->late += progress->operators[i].metrics.rows_dropped_by_watermark;
        for (int i = 0; i < progress->expectation_count; i++)
            line->violations += progress->expectations[i].failed;
    }
    if (!display->terminal && !display->quiet && progress->rows > 0)
        say("Flow %s: batch %lld, %lld rows in %.1f ms.", flow->full_name, (long long)progress->batch,
            (long long)progress->rows, (double)progress->duration_us / 1e3);
    pthread_mutex_unlock(&display->lock);
}

void mr_display_published(void *ctx, const struct mr_flow *flow, int64_t batch)
{
    (void)ctx;
    (void)flow;
    (void)batch; /* the table's version is looked up when drawing */
}

int mr_display_open(struct mr_display **out, const struct mr_pipeline *pipeline, bool continuous, bool quiet,
                    struct mr_error *error)
{
    struct mr_display *display = mr_allocate_zeroed(sizeof(*display));
    *out = display;
    if (!display)
        return mr_error_memory(error, sizeof(*display));
    /* What the screen cannot hold cannot be drawn over: lines, as for a log. */
    bool fits = pipeline->flow_count + 3 <= mr_terminal_lines(stdout);
    *display = (struct mr_display){.terminal = !quiet && fits && mr_terminal(stdout),
                                   .continuous = continuous,
                                   .quiet = quiet,
                                   .project = pipeline->project->name,
                                   .count = pipeline->flow_count,
                                   .started_us = mr_env()->monotonic_us()};
    display->lines = mr_allocate_zeroed(sizeof(struct line) * (size_t)(pipeline->flow_count + 1));
    if (!display->lines)
        return mr_error_memory(error, sizeof(struct line));
    for (int i = 0; i < pipeline->flow_count; i++)
        display->lines[i] = (struct line){
            .flow = pipeline->flows[i], .batch = -1, .backlog_files = -1, .backlog_bytes = -1, .version = -1};
    pthread_mutex_init(&display->lock, NULL);
    pthread_cond_init(&display->wake, NULL);
    if (display->terminal)
        display->running = pthread_create(&display->thread, NULL, redraw, display) == 0;
    return MR_OK;
}

void mr_display_close(struct mr_display *display, bool failed)
{
    if (!display)
        return;
    pthread_mutex_lock(&display->lock);
    display->ending = true;
    pthread_cond_broadcast(&display->wake);
    pthread_mutex_unlock(&display->lock);
    if (display->running)
        pthread_join(display->thread, NULL);
    bool stopped = false;
    for (int i = 0; i < display->count; i++) {
        failed = failed || display->lines[i].state == MR_FLOW_FAILED;
        stopped = stopped || display->lines[i].state == MR_FLOW_STOPPED;
    }
    if (!display->quiet && !display->terminal)
        say("Run is %s.", failed ? "FAILED" : stopped ? "STOPPED" : "COMPLETED");
    pthread_mutex_destroy(&display->lock);
    pthread_cond_destroy(&display->wake);
    mr_free(display->lines);
    mr_free(display);
}
