/* cli/cli.h: the commands of `millrace`, and what they share. */
#ifndef MR_CLI_CLI_H
#define MR_CLI_CLI_H

#include <stdio.h>

#include "columns/value.h"

enum mr_exit { MR_EXIT_OK = 0, MR_EXIT_FAILED = 1, MR_EXIT_USAGE = 2 };

struct mr_command {
    const char *name;
    const char *summary;               /* one line, for `millrace --help` */
    const char *help;                  /* all of `millrace NAME --help`, with an example */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};
extern const struct mr_command mr_command_init, mr_command_run, mr_command_dry_run, mr_command_sql,
    mr_command_graph, mr_command_checkpoint, mr_command_state, mr_command_replay;

enum mr_output_format { MR_OUTPUT_TABLE, MR_OUTPUT_JSON, MR_OUTPUT_CSV };

/* ---- options: --name VALUE or --name=VALUE, or a flag ---- */
struct mr_argument {
    const char *name;   /* "--spec"; NULL ends the table */
    const char **value; /* takes a value; NULL: a flag */
    bool *flag;
    const char ***values; /* may be given several times: collected here (with *count); or NULL */
    int *count;
};
/* Fills options and leaves the others in positional[0 .. *positional_count). Returns MR_EXIT_OK, or prints
 * what is wrong (and how to get help) and returns MR_EXIT_USAGE; -1 when --help was asked for and printed. */
int mr_arguments(const struct mr_command *command, int argc, char **argv, const struct mr_argument *known,
                 const char **positional, int max_positional, int *positional_count);
/* All of text is a number, not negative. */
bool mr_number(const char *text, int64_t *out);
/* "table", "json" or "csv"; false, and the usage is printed. */
bool mr_output_format_of(const struct mr_command *command, const char *text, enum mr_output_format *out);
int mr_usage(const struct mr_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "error: [CONDITION] …" and its excerpt on stderr, in colour on a terminal. Returns MR_EXIT_FAILED, or
 * MR_EXIT_USAGE for MR_E_USAGE of options. */
int mr_report(const struct mr_error *error);

/* ---- terminal ---- */
bool mr_terminal(
    FILE *stream); /* a terminal that may get colours and redrawing; NO_COLOR and TERM=dumb are honoured */
int mr_terminal_columns(FILE *stream);   /* 80 when unknown */
int mr_terminal_lines(FILE *stream);     /* 24 when unknown */
int mr_text_columns(struct mr_str text); /* display width of UTF-8 text */
/* The longest beginning of text that is at most `columns` wide, in bytes. */
size_t mr_text_cut(struct mr_str text, int columns);

/* ---- rows ---- */
struct mr_row_printer;
/* TABLE keeps rows to align columns (the first 10,000 decide the widths, later rows are printed as they
 * come); the others stream. */
int mr_row_printer_open(struct mr_row_printer **out, FILE *stream, enum mr_output_format format,
                        const struct mr_type *schema, const struct mr_zone *zone, struct mr_error *error);
int mr_row_printer_add(struct mr_row_printer *printer, const struct mr_batch *batch, struct mr_error *error);
/* Ends the output ("(3 rows)" under a table) and frees the printer, which may be NULL. status: how it went,
 * with the error when it is negative; returned, or what the end met. After a failure a table says so under
 * the rows that came, and of none it prints nothing. */
int mr_row_printer_close(struct mr_row_printer *printer, int status, struct mr_error *error);

#endif
