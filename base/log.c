/* base/log.c: one JSON line per event on stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/json.h"

static _Atomic int lowest_level = MR_LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void mr_log_level_set(enum mr_log_level lowest)
{
    atomic_store_explicit(&lowest_level, lowest, memory_order_relaxed);
}

static void append_time(struct mr_json_writer *w, int64_t now_us)
{
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char text[64];
    gmtime_r(&seconds, &utc);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(now_us % 1000000));
    mr_json_cstr(w, text);
}

void mr_log(enum mr_log_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&lowest_level, memory_order_relaxed))
        return;
    struct mr_text line;
    mr_text_init(&line);
    va_list arguments;
    char text[2048];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct mr_json_writer w = {.out = &line};
    mr_json_begin_object(&w);
    mr_json_key(&w, "time");
    append_time(&w, mr_env()->now_us());
    mr_json_key(&w, "level");
    mr_json_cstr(&w, level_names[level]);
    mr_json_key(&w, "event");
    mr_json_cstr(&w, event);
    mr_json_key(&w, "message");
    mr_json_cstr(&w, text);
    mr_json_end_object(&w);
    mr_text_append_char(&line, '\n');
    /* One write, so that lines of several threads do not mix; the system's table, so that a test that makes
     * writes fail or counts them does not meet the log. */
    if (!line.failed)
        (void)mr_env_system()->write(STDERR_FILENO, line.data, line.size);
    mr_text_release(&line);
}
