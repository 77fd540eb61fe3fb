/* cli/main.c: millrace COMMAND … */
#include "cli/cli.h"

#include <malloc.h>
#include <signal.h>

#define VERSION "0.1.0"
#define LARGE_BYTES (4 << 20)

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

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed output is an error of the write, not the end of a batch */
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
        return MR_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("millrace " VERSION);
        return MR_EXIT_OK;
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, argv[1]) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    fprintf(stderr, "millrace: there is no command `%s`. Try `millrace --help`.\n", argv[1]);
    return MR_EXIT_USAGE;
}
