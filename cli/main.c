/* cli/main.c: millrace COMMAND … */
#include "cli/cli.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/env.h"

#define VERSION "0.1.0"
#define LARGE_BYTES (4 << 20)
#define STACK_BYTES (8 << 20)

static const struct mr_command *const commands[] = {&mr_command_init,    &mr_command_run,
                                                    &mr_command_dry_run, &mr_command_sql,
                                                    &mr_command_graph,   &mr_command_checkpoint,
                                                    &mr_command_state,   &mr_command_replay};
#define COMMAND_COUNT ((int)(sizeof(commands) / sizeof(commands[0])))

static void print_help(FILE *stream)
{
    fputs("millrace: Spark Structured Streaming and declarative pipelines in one small program.\n"
          "\n"
          "usage: millrace COMMAND [OPTION…]\n"
          "\n"
          "commands:\n",
          stream);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "`millrace COMMAND --help` says more, with examples. `millrace --version` tells the version.\n"
          "\n"
          "example:\n"
          "  millrace init shop && cd shop && millrace run\n"
          "\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
          stream);
}

/* Who was started with its standard files closed would get their numbers for files of a checkpoint or table,
 * and print into them. Read-only, so that a write still says that the output is closed. */
static void hold_standard_files(void)
{
    int file = 0;
    while (file >= 0 && file <= 2)
        file = mr_env()->open("/dev/null", O_RDONLY);
    if (file > 2)
        mr_env()->close(file);
}

/* Output that did not arrive is a failure, but for a run: its tables are what was asked for. */
static int close_output(int status)
{
    struct mr_error error = {0};
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status != MR_EXIT_OK)
        return status;
    mr_error_set(&error, MR_E_IO, "FAILED_WRITE_OUTPUT",
                 "Cannot write all that was asked for: the output is closed or full.");
    return mr_report(&error);
}

/* ---- the stack: the limits on nesting are made for so much, in every thread ---- */
struct call {
    const struct mr_command *command;
    int argc;
    char **argv;
    sigset_t mask;
    int status;
};

static void *call_in_thread(void *ctx)
{
    struct call *call = ctx;
    pthread_sigmask(SIG_SETMASK, &call->mask, NULL);
    call->status = call->command->run(call->argc, call->argv);
    return NULL;
}

static int call_command(const struct mr_command *command, int argc, char **argv)
{
    struct call call = {.command = command, .argc = argc, .argv = argv};
    struct rlimit limit;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
    if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= STACK_BYTES)
        return command->run(argc, argv);
    /* The first thread's is too small: it waits, and leaves signals to the second. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &call.mask);
    if (pthread_create(&thread, NULL, call_in_thread, &call) == 0) {
        pthread_join(thread, NULL);
        return call.status;
    }
    pthread_sigmask(SIG_SETMASK, &call.mask, NULL);
    return command->run(argc, argv);
}

int main(int argc, char **argv)
{
    /* A closed output and a file at its size limit are errors of the write, not the end of a batch. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    hold_standard_files();
    /* What is freed of large pieces is given back: glibc would raise these limits to 32 and 64 MiB by itself.
     */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    if (argc < 2) {
        print_help(stderr);
        return MR_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return close_output(MR_EXIT_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("millrace " VERSION);
        return close_output(MR_EXIT_OK);
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, argv[1]) == 0) {
            int status = call_command(commands[i], argc - 1, argv + 1);
            return commands[i] == &mr_command_run ? status : close_output(status);
        }
    fprintf(stderr, "millrace: there is no command `%s`. Try `millrace --help`.\n", argv[1]);
    return MR_EXIT_USAGE;
}
