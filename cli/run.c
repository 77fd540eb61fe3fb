/* cli/run.c: millrace run. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/display.h"
#include "cli/open.h"

/* ---- SIGINT, SIGTERM and SIGHUP finish the batch in hand; a second one ends the process at once, which
 * loses nothing either ---- */
struct signals {
    pthread_t waiter;
    bool waiting;
    _Atomic(struct mr_pipeline *) running; /* NULL: nothing is in hand yet */
};

static void signals_of_run(sigset_t *set)
{
    struct sigaction hangup;
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup: goes on */
        sigaddset(set, SIGHUP);
}

static void *wait_for_signal(void *ctx)
{
    struct signals *signals = ctx;
    sigset_t set;
    int number;
    signals_of_run(&set);
    for (bool asked = false; sigwait(&set, &number) == 0; asked = true) {
        struct mr_pipeline *pipeline = atomic_load(&signals->running);
        if (number == SIGUSR1) /* the run is over */
            return NULL;
        if (asked)
            _exit(128 + number);
        if (!pipeline)
            _exit(MR_EXIT_OK);
        mr_pipeline_stop(pipeline);
    }
    return NULL;
}

static void begin_signals(struct signals *signals)
{
    sigset_t set;
    signals_of_run(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals->waiting = pthread_create(&signals->waiter, NULL, wait_for_signal, signals) == 0;
    if (!signals->waiting)
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void end_signals(struct signals *signals)
{
    if (!signals->waiting)
        return;
    pthread_kill(signals->waiter, SIGUSR1);
    pthread_join(signals->waiter, NULL);
}

/* "--refresh a,b --refresh c" -> a b c */
static int split_names(struct mr_arena *arena, const char **given, int given_count, const char *const **out)
{
    int count = 0, capacity = 0;
    for (int i = 0; i < given_count; i++)
        for (const char *c = given[i]; *c; c++)
            capacity += *c == ',';
    const char **names = MR_ARENA_ARRAY(arena, const char *, capacity + given_count + 1);
    for (int i = 0; names && i < given_count; i++)
        for (const char *at = given[i]; *at;) {
            size_t size = strcspn(at, ",");
            if (size > 0)
                names[count++] = mr_arena_copy_text(arena, at, size);
            at += size + (at[size] == ',');
        }
    *out = names;
    return count;
}

static int run_pipeline(struct mr_opened *opened, struct mr_pipeline_options *options, bool quiet,
                        struct signals *signals, struct mr_error *error)
{
    struct mr_display *display = NULL;
    MR_TRY(mr_display_open(&display, &opened->pipeline, options->continuous, quiet, error));
    options->on_state = mr_display_state;
    options->on_progress = mr_display_progress;
    options->on_published = mr_display_published;
    options->ctx = display;
    atomic_store(&signals->running, &opened->pipeline);
    int status = mr_pipeline_run(&opened->pipeline, options, error);
    end_signals(signals);
    mr_display_close(display, status < 0);
    return status;
}

struct run_arguments {
    const char *spec, *workers, **refresh, **full;
    int refresh_count, full_count;
    bool continuous, all, quiet;
};

static int check_arguments(const struct run_arguments *given)
{
    if (given->all && (given->refresh_count > 0 || given->full_count > 0))
        return mr_usage(&mr_command_run,
                        "--full-refresh-all cannot be combined with --refresh or --full-refresh.");
    if (given->workers && (atoi(given->workers) < 1 || atoi(given->workers) > 256))
        return mr_usage(&mr_command_run, "--workers is a number from 1 to 256.");
    return MR_EXIT_OK;
}

static int run_given(const struct run_arguments *given)
{
    struct mr_error error = {0};
    struct mr_opened opened;
    struct signals signals = {0};
    begin_signals(&signals);
    mr_log_level_set(MR_LOG_WARN);
    int status = mr_open_project(&opened, given->spec, false, &error);
    if (status >= 0) {
        struct mr_pipeline_options options = {.continuous = given->continuous,
                                              .full_refresh_all = given->all,
                                              .workers = given->workers ? atoi(given->workers) : 0};
        options.refresh_count =
            split_names(&opened.arena, given->refresh, given->refresh_count, &options.refresh);
        options.full_refresh_count =
            split_names(&opened.arena, given->full, given->full_count, &options.full_refresh);
        mr_pipeline_infer_anew(&opened.pipeline, &options);
        status = mr_pipeline_check(&opened.pipeline, &error);
        if (status >= 0)
            status = run_pipeline(&opened, &options, given->quiet, &signals, &error);
    }
    status = status < 0 ? mr_report(&error) : MR_EXIT_OK;
    mr_close_project(&opened);
    return status;
}

static int run_run(int argc, char **argv)
{
    struct run_arguments given = {0};
    const char *unused;
    int positional = 0;
    const struct mr_argument known[] = {
        {.name = "--spec", .value = &given.spec},
        {.name = "--refresh", .values = &given.refresh, .count = &given.refresh_count},
        {.name = "--full-refresh", .values = &given.full, .count = &given.full_count},
        {.name = "--full-refresh-all", .flag = &given.all},
        {.name = "--continuous", .flag = &given.continuous},
        {.name = "--quiet", .flag = &given.quiet},
        {.name = "--workers", .value = &given.workers},
        {0}};
    int status = mr_arguments(&mr_command_run, argc, argv, known, &unused, 0, &positional);
    if (status == MR_EXIT_OK)
        status = check_arguments(&given);
    if (status == MR_EXIT_OK)
        status = run_given(&given);
    free(given.refresh);
    free(given.full);
    return status < 0 ? MR_EXIT_OK : status;
}

const struct mr_command mr_command_run = {
    .name = "run",
    .summary = "run a project's tables on all that is available, or continuously",
    .help = "usage: millrace run [OPTION…]\n"
            "\n"
            "Brings every table of the project up to date with all that is available, then\n"
            "exits, as `spark-pipelines run` does. With --continuous it goes on until SIGINT\n"
            "(Ctrl-C), SIGTERM or SIGHUP, which let it finish the batch in hand and exit 0. It\n"
            "may be killed at any time: the next run goes on where this one was, and no row is\n"
            "lost or doubled.\n"
            "\n"
            "options:\n"
            "  --spec FILE            the project file; else spark-pipeline.yml here or in a folder above\n"
            "  --continuous           keep running\n"
            "  --refresh A,B          only these tables\n"
            "  --full-refresh A,B     only these, emptied first and filled anew from all their input\n"
            "  --full-refresh-all     all tables, emptied first\n"
            "  --workers N            worker threads; else one per core\n"
            "  --quiet                print errors only\n"
            "\n"
            "Progress of each batch is appended to <storage>/_progress/<table>/<flow>.jsonl.\n"
            "\n"
            "examples:\n"
            "  millrace run\n"
            "  millrace run --continuous\n"
            "  millrace run --full-refresh gold\n",
    .run = run_run};
