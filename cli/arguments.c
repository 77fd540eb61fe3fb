/* cli/arguments.c: command-line options, errors and help. */
#include "cli/cli.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utf8proc.h>

int mr_usage(const struct mr_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "millrace %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry `millrace %s --help`.\n", command->name);
    va_end(arguments);
    return MR_EXIT_USAGE;
}

static const struct mr_argument *find(const struct mr_argument *known, const char *text, size_t size)
{
    for (; known->name; known++)
        if (strlen(known->name) == size && strncmp(known->name, text, size) == 0)
            return known;
    return NULL;
}

static int unknown(const struct mr_command *command, const struct mr_argument *known, const char *text)
{
    const char *nearest = NULL;
    int best = 3;
    for (; known->name; known++) {
        int edits = mr_edit_distance(text, known->name);
        nearest = edits < best ? known->name : nearest;
        best = edits < best ? edits : best;
    }
    return nearest ? mr_usage(command, "unknown option `%s`. Did you mean `%s`?", text, nearest)
                   : mr_usage(command, "unknown option `%s`.", text);
}

int mr_arguments(const struct mr_command *command, int argc, char **argv, const struct mr_argument *known,
                 const char **positional, int max_positional, int *positional_count)
{
    bool only_positional = false;
    *positional_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (!only_positional && strcmp(text, "--") == 0) {
            only_positional = true;
            continue;
        }
        bool comment = text[0] == '-' && text[1] == '-' && strchr(" \t\n", text[2]); /* of a query */
        if (only_positional || text[0] != '-' || text[1] == '\0' || comment) {
            if (*positional_count == max_positional)
                return max_positional == 0 ? mr_usage(command, "what is `%s`? It takes options only.", text)
                                           : mr_usage(command, "what is `%s`? It takes %d argument%s.", text,
                                                      max_positional, max_positional == 1 ? "" : "s");
            positional[(*positional_count)++] = text;
            continue;
        }
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            fputs(command->help, stdout);
            return -1;
        }
        const char *equals = strchr(text, '=');
        const struct mr_argument *argument =
            find(known, text, equals ? (size_t)(equals - text) : strlen(text));
        if (!argument)
            return unknown(command, known, text);
        if (argument->flag) {
            if (equals)
                return mr_usage(command, "`%s` takes no value.", argument->name);
            *argument->flag = true;
            continue;
        }
        const char *value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return mr_usage(command, "`%s` needs a value.", argument->name);
        if (argument->values) {
            const char **values =
                realloc(*argument->values, sizeof(*values) * (size_t)(*argument->count + 1));
            if (!values)
                abort();
            values[(*argument->count)++] = value;
            *argument->values = values;
        } else {
            *argument->value = value;
        }
    }
    return MR_EXIT_OK;
}

int mr_report(const struct mr_error *error)
{
    char text[4096];
    bool colour = mr_terminal(stderr);
    mr_error_format(error, text, sizeof(text));
    fprintf(stderr, "%serror:%s %s\n", colour ? "\033[1;31m" : "", colour ? "\033[0m" : "", text);
    /* Wrong use of the command; what is wrong inside a project's files has a place there. */
    return error->code == MR_E_USAGE && !error->file[0] && !error->excerpt[0] ? MR_EXIT_USAGE
                                                                              : MR_EXIT_FAILED;
}

bool mr_terminal(FILE *stream)
{
    const char *term = getenv("TERM");
    return isatty(fileno(stream)) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

int mr_terminal_columns(FILE *stream)
{
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

int mr_terminal_lines(FILE *stream)
{
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        return size.ws_row;
    return 24;
}

int mr_text_columns(struct mr_str text)
{
    int columns = 0;
    for (size_t at = 0; at < text.size;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text.data + at,
                                                 (utf8proc_ssize_t)(text.size - at), &point);
        if (size <= 0) {
            columns++;
            at++;
            continue;
        }
        columns += utf8proc_charwidth(point);
        at += (size_t)size;
    }
    return columns;
}

size_t mr_text_cut(struct mr_str text, int columns)
{
    size_t size = 0;
    while (size < text.size) {
        size_t next = size + 1;
        while (next < text.size && ((unsigned char)text.data[next] & 0xC0) == 0x80)
            next++;
        if (mr_text_columns((struct mr_str){text.data, next}) > columns)
            break;
        size = next;
    }
    return size;
}

bool mr_output_format_of(const struct mr_command *command, const char *text, enum mr_output_format *out)
{
    static const char *const names[] = {"table", "json", "csv"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum mr_output_format)i; /* in their order */
            return true;
        }
    }
    mr_usage(command, "--format is table, json or csv, not `%s`.", text);
    return false;
}

bool mr_number(const char *text, int64_t *out)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return end != text && *end == 0 && value >= 0;
}
