/* base/error.c: filling, placing and printing errors. Nothing here allocates. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct condition {
    const char *name;
    const char *sqlstate;
};
static const struct condition conditions[] = {
#define MR_CONDITION(name, sqlstate) {name, sqlstate},
#include "base/conditions.def"
#undef MR_CONDITION
};

/* Cuts text at the last character boundary at or before size, so that a truncated message stays valid UTF-8.
 */
static void cut_at_character(char *text, size_t size)
{
    while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
        size--;
    text[size] = 0;
}

static void copy_cut(char *out, size_t out_size, const char *text)
{
    size_t size = strlen(text);
    if (size < out_size) {
        memcpy(out, text, size + 1);
        return;
    }
    memcpy(out, text, out_size);
    cut_at_character(out, out_size - 1);
}

static void format_cut(char *out, size_t out_size, const char *format, va_list arguments)
{
    int size = vsnprintf(out, out_size, format, arguments);
    if (size < 0) {
        out[0] = 0;
        return;
    }
    if ((size_t)size < out_size)
        return;
    /* vsnprintf wrote out_size-1 bytes and may have split a character: find where the last one starts. */
    size_t end = out_size - 1, start = end;
    while (start > 0 && ((unsigned char)out[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)out[start - 1] >= 0xC0) {
        unsigned char lead = (unsigned char)out[start - 1];
        size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (end - (start - 1) < need)
            end = start - 1;
    }
    out[end] = 0;
}

void mr_error_clear(struct mr_error *error)
{
    error->code = 0;
    error->flags = 0;
    error->sys_errno = 0;
    error->condition[0] = error->sqlstate[0] = error->message[0] = error->file[0] = error->excerpt[0] = 0;
    error->parameters[0] = 0;
    error->parameters_size = 0;
    error->line = error->column = 0;
    error->offset = -1;
    error->sql_start = error->sql_stop = 0;
}

static const char *find_condition(const char *name, size_t size)
{
    size_t low = 0, high = sizeof conditions / sizeof conditions[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(name, conditions[middle].name, size);
        if (order == 0 && conditions[middle].name[size] != 0)
            order = -1; /* name is a proper prefix, hence smaller */
        if (order == 0)
            return conditions[middle].sqlstate;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *mr_condition_sqlstate(const char *condition)
{
    if (!condition)
        return NULL;
    size_t size = strlen(condition);
    const char *found = find_condition(condition, size);
    if (found)
        return found;
    /* A subclass without an entry of its own has its class's state. */
    const char *dot = memchr(condition, '.', size);
    return dot ? find_condition(condition, (size_t)(dot - condition)) : NULL;
}

static void set_head(struct mr_error *error, int code, const char *condition)
{
    mr_error_clear(error);
    error->code = code;
    copy_cut(error->condition, sizeof error->condition,
             condition && *condition ? condition : "INTERNAL_ERROR");
    const char *state = mr_condition_sqlstate(error->condition);
    copy_cut(error->sqlstate, sizeof error->sqlstate, state ? state : "XXKM0");
}

int mr_error_set(struct mr_error *error, int code, const char *condition, const char *format, ...)
{
    if (!error)
        return code;
    va_list arguments;
    /* The arguments may point into *error (a message wrapped by an outer one), so format before clearing. */
    char message[sizeof error->message];
    va_start(arguments, format);
    format_cut(message, sizeof message, format, arguments);
    va_end(arguments);
    set_head(error, code, condition);
    copy_cut(error->message, sizeof error->message, message);
    return code;
}

const char *mr_error_remedy(int sys_errno)
{
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
        return ". Make room there and run again.";
    case EROFS:
        return ". Mount it writable, or put the project elsewhere.";
    case EACCES:
    case EPERM:
        return ". Give the user who runs this access to it.";
    case EFBIG:
        return ". Raise the limit of file sizes (ulimit -f), or write to another file system.";
    case EMFILE:
    case ENFILE:
        return ". Raise the limit of open files (ulimit -n).";
    default:
        return "";
    }
}

int mr_error_system(struct mr_error *error, int sys_errno, const char *condition, const char *format, ...)
{
    if (!error)
        return MR_E_IO;
    va_list arguments;
    char what[sizeof error->message], why_buffer[128];
    va_start(arguments, format);
    format_cut(what, sizeof what, format, arguments);
    va_end(arguments);
    set_head(error, MR_E_IO, condition);
    const char *why = strerror_r(sys_errno, why_buffer, sizeof why_buffer);
    const char *remedy = mr_error_remedy(sys_errno);
    size_t why_size = strlen(why) + strlen(remedy), room = sizeof error->message - 3 - why_size;
    if (strlen(what) > room)
        cut_at_character(what, room); /* the reason is worth more than the end of a long path */
    snprintf(error->message, sizeof error->message, "%.*s: %s%s", (int)room, what, why, remedy);
    error->sys_errno = sys_errno;
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
        error->flags |= MR_RETRIABLE;
        break;
    default:
        break;
    }
    return MR_E_IO;
}

int mr_error_memory(struct mr_error *error, size_t size_bytes)
{
    int code =
        mr_error_set(error, MR_E_MEMORY, "UNABLE_TO_ACQUIRE_MEMORY",
                     "No memory for another %zu bytes. Give the process more memory, or lower the limits on "
                     "what one batch may read.",
                     size_bytes);
    if (error)
        error->flags |= MR_RETRIABLE;
    return code;
}

void mr_error_parameter(struct mr_error *error, const char *name, const char *format, ...)
{
    if (!error)
        return;
    size_t room = sizeof error->parameters - error->parameters_size, name_size = strlen(name) + 1;
    if (room < name_size + 2) /* an empty value and the closing NUL must fit, else leave the parameter out */
        return;
    char *at = error->parameters + error->parameters_size;
    memcpy(at, name, name_size);
    va_list arguments;
    va_start(arguments, format);
    format_cut(at + name_size, room - name_size - 1, format, arguments);
    va_end(arguments);
    error->parameters_size += name_size + strlen(at + name_size) + 1;
    error->parameters[error->parameters_size] = 0;
}

int mr_error_at(struct mr_error *error, const char *file, int64_t line, int64_t column, int64_t offset)
{
    if (!error->file[0] && file)
        copy_cut(error->file, sizeof error->file, file);
    if (error->line == 0)
        error->line = line;
    if (error->column == 0)
        error->column = column;
    if (error->offset < 0)
        error->offset = offset;
    return error->code;
}

static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Secrets of the statement are not shown in what is said of it. line: the window that the excerpt shows. */
static void blot_secrets(struct mr_error *error, const char *text, const char *line, size_t size)
{
    struct mr_secret_scan scan = {.text = text};
    struct mr_str literal;
    while (mr_secret_next(&scan, &literal)) {
        mr_secret_blot(error->message, strlen(error->message), literal);
        mr_secret_blot(error->parameters, error->parameters_size, literal);
        const char *from = literal.data > line ? literal.data : line, *to = literal.data + literal.size;
        if (to > line + size)
            to = line + size;
        if (from < to)
            memset(error->excerpt + (from - line), '*', (size_t)(to - from));
    }
}

/* The line and, below it, carets under [start, stop). A long line is cut to a window around the start. */
static void fill_excerpt(struct mr_error *error, const char *text, const char *line, size_t size,
                         size_t start, size_t stop)
{
    enum { WINDOW = 160, BEFORE = 60 };
    if (size > WINDOW && start > BEFORE) {
        size_t skip = start - BEFORE;
        while (skip < start && ((unsigned char)line[skip] & 0xC0) == 0x80)
            skip++;
        line += skip, size -= skip, start -= skip, stop -= skip;
    }
    if (size > WINDOW) {
        size = WINDOW;
        while (size > 0 && ((unsigned char)line[size] & 0xC0) == 0x80)
            size--;
    }
    if (start > size)
        start = size;
    if (stop > size)
        stop = size;
    size_t at = 0;
    memcpy(error->excerpt, line, size);
    blot_secrets(error, text, line, size);
    line = error->excerpt;
    at = size;
    error->excerpt[at++] = '\n';
    for (size_t i = 0; i < start && at < sizeof error->excerpt - 1; i++)
        if (((unsigned char)line[i] & 0xC0) != 0x80)
            error->excerpt[at++] = line[i] == '\t' ? '\t' : ' ';
    size_t carets = stop > start ? characters(line + start, stop - start) : 1;
    for (size_t i = 0; i < carets && at < sizeof error->excerpt - 1; i++)
        error->excerpt[at++] = '^';
    error->excerpt[at] = 0;
}

const char *mr_error_parameter_find(const struct mr_error *error, const char *name)
{
    for (const char *at = error->parameters; *at;) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

int mr_error_in_sql(struct mr_error *error, const char *file, const char *text, size_t start, size_t stop)
{
    if (error->excerpt[0])
        return error->code; /* an inner call knew better */
    size_t size = strlen(text);
    if (start > size)
        start = size;
    if (stop < start)
        stop = start;
    size_t line_start = 0;
    int64_t line = 1;
    for (size_t i = 0; i < start; i++)
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    size_t line_size = strcspn(text + line_start, "\r\n");
    if (file && !error->file[0])
        copy_cut(error->file, sizeof error->file, file);
    error->line = line;
    error->column = (int64_t)characters(text + line_start, start - line_start) + 1;
    error->sql_start = (uint32_t)start;
    error->sql_stop = (uint32_t)stop;
    fill_excerpt(error, text, text + line_start, line_size, start - line_start, stop - line_start);
    return error->code;
}

struct printer {
    char *out;
    size_t room, length;
};

static void print(struct printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct printer *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t left = p->length < p->room ? p->room - p->length : 0;
    int size = vsnprintf(left ? p->out + p->length : NULL, left, format, arguments);
    va_end(arguments);
    if (size > 0)
        p->length += (size_t)size;
}

size_t mr_error_format(const struct mr_error *error, char *out, size_t out_size)
{
    struct printer p = {out, out_size, 0};
    if (out_size > 0)
        out[0] = 0;
    print(&p, "[%s] %s SQLSTATE: %s", error->condition, error->message, error->sqlstate);
    if (error->file[0] || error->line > 0 || error->offset >= 0) {
        const char *separator = "";
        print(&p, "\n  at ");
        if (error->file[0]) {
            print(&p, "%s", error->file);
            separator = ", ";
        }
        if (error->line > 0) {
            print(&p, "%sline %lld", separator, (long long)error->line);
            separator = ", ";
        }
        if (error->column > 0) {
            print(&p, "%scolumn %lld", separator, (long long)error->column);
            separator = ", ";
        }
        if (error->offset >= 0)
            print(&p, "%sbyte offset %lld", separator, (long long)error->offset);
    }
    if (error->excerpt[0])
        print(&p, "\n%s", error->excerpt);
    return p.length;
}
