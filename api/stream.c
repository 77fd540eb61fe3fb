/* api/stream.c: chaining. Every step but a source is a small SQL query over the streams before it, so that a
 * chain and SQL mean the same, fail with the same errors and are planned as one.
 *
 * What the program gives is a piece of such a query: it stands on lines of its own, which an error shows, and
 * the query is looked at after parsing, so that the piece is what it is meant to be and nothing more ("a > 0
 * GROUP BY b" is no condition). */
#include "api/job.h"

/* ---- making streams ---- */
static struct millrace_stream *add_stream(struct millrace_job *job, struct mr_error *error)
{
    struct millrace_stream *stream = MR_ARENA_NEW(&job->arena, struct millrace_stream);
    if (stream)
        stream->name = mr_arena_format(&job->arena, "stream %d", ++job->stream_count);
    if (!stream || !stream->name) {
        mr_error_memory(error, sizeof *stream);
        return NULL;
    }
    stream->job = job;
    *job->streams_end = stream;
    job->streams_end = &stream->next;
    return stream;
}

static int parse(struct millrace_stream *stream, const char *file, const char *text, struct mr_error *error)
{
    MR_TRY(mr_sql_parse(&stream->script, file, mr_str_of(text), error));
    stream->origin = (struct mr_sql_text){stream->script.file, stream->script.text};
    const struct mr_sql_statement *first = stream->script.statements;
    if (stream->script.count == 1 && first->kind == MR_SQL_STATEMENT_QUERY) {
        stream->query = first->query;
        return MR_OK;
    }
    mr_error_set(error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "%s takes one query, and nothing beside it.", file);
    if (stream->script.count == 0)
        return error->code;
    const struct mr_sql_statement *wrong = stream->script.count > 1 ? first + 1 : first;
    return mr_error_in_sql(error, file, stream->origin.text, wrong->start, wrong->stop);
}

/* A stream that is the query in text; text is released. NULL: the job has the error. */
static struct millrace_stream *query_stream(struct millrace_job *job, const char *file, struct mr_text *text)
{
    struct mr_error error = {0};
    struct millrace_stream *stream = text->failed ? NULL : add_stream(job, &error);
    int status = stream ? parse(stream, file, text->data, &error) : MR_E_MEMORY;
    if (text->failed)
        mr_error_memory(&error, text->size);
    mr_text_release(text);
    if (status < 0)
        mr_api_fail(job, &error, true);
    return status < 0 ? NULL : stream;
}

struct millrace_stream *mr_api_query_stream(struct millrace_job *job, const char *file, const char *sql)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_text_append_str(&text, sql);
    return query_stream(job, file, &text);
}

static struct millrace_stream *fail(struct millrace_job *job, const struct mr_error *error)
{
    mr_api_fail(job, error, true);
    return NULL;
}

/* Is there something to build on? An argument that must be given and is not is the job's error. */
static struct millrace_job *job_of(struct millrace_stream *stream, const char *call, const char *argument,
                                   bool needed)
{
    struct mr_error error = {0};
    if (!stream || mr_api_failed(stream->job) < 0)
        return NULL;
    if (argument || !needed)
        return stream->job;
    mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE", "%s needs text; it was given NULL.", call);
    fail(stream->job, &error);
    return NULL;
}

/* ---- is a piece what it is meant to be? ---- */
enum piece { PIECE_CONDITION, PIECE_COLUMNS, PIECE_KEYS, PIECE_GROUP, PIECE_WATERMARK };

static bool is_plain_select(const struct mr_sql_query *query)
{
    const struct mr_sql_body *body = query->body;
    return body->kind == MR_SQL_BODY_SELECT && query->cte_count == 0 && query->order_count == 0 &&
           !query->order_all && !query->limit && !query->offset && !body->having && !body->qualify &&
           body->window_count == 0;
}

static bool is_piece(const struct millrace_stream *stream, enum piece piece)
{
    const struct mr_sql_body *body = stream->query->body;
    if (!is_plain_select(stream->query))
        return false;
    bool grouped = body->group != MR_SQL_GROUP_NONE;
    if (piece == PIECE_KEYS)
        return !body->from && !body->where && !grouped && !body->distinct;
    if (!body->from || body->from->kind != MR_SQL_RELATION_NAME || body->from->alias.size > 0)
        return false;
    return (body->where != NULL) == (piece == PIECE_CONDITION) &&
           (body->from->watermark != NULL) == (piece == PIECE_WATERMARK) &&
           (!body->distinct || piece == PIECE_COLUMNS) && (!grouped || piece == PIECE_GROUP);
}

static struct millrace_stream *check_piece(struct millrace_stream *stream, enum piece piece)
{
    static const char *const takes[] = {[PIECE_CONDITION] = "one condition, as after WHERE",
                                        [PIECE_COLUMNS] = "columns, as after SELECT",
                                        [PIECE_KEYS] = "keys, as after GROUP BY, each with a name if need be",
                                        [PIECE_GROUP] = "keys and aggregates, each with a name if need be",
                                        [PIECE_WATERMARK] = "a column, or an expression AS name"};
    struct mr_error error = {0};
    if (!stream || is_piece(stream, piece))
        return stream;
    const char *call = stream->script.file;
    mr_error_set(&error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "%s takes %s, and nothing else.", call,
                 takes[piece]);
    mr_error_in_sql(&error, call, stream->origin.text, stream->query->start, stream->query->stop);
    return fail(stream->job, &error);
}

/* ---- sources ---- */
/* A memory stream is there from here on, so that rows can be added before the job runs. */
static int hold_memory_stream(struct millrace_job *job, const struct mr_option *options, int count,
                              struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_memory_stream *memory = NULL;
    const struct mr_type *schema = NULL;
    const char *name = mr_option_text(options, count, "stream");
    const char *text = mr_option_text(options, count, "schema");
    if (!name)
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                            "A source in memory needs the option stream, its name.");
    mr_arena_init(&arena);
    int status = text ? mr_schema_parse(&arena, mr_str_of(text), &schema, error) : MR_OK;
    if (status >= 0 && schema)
        status = mr_arrow_nullable(&arena, schema, &schema, error);
    if (status >= 0)
        status = mr_memory_stream_open(&memory, name, schema, error);
    if (status >= 0)
        status = mr_api_hold(job, memory, NULL, error);
    mr_arena_release(&arena);
    return status;
}

static int set_source(struct millrace_job *job, struct millrace_stream *stream, const char *kind,
                      const char *const *pairs, struct mr_error *error)
{
    MR_TRY(mr_api_options(job, pairs, &stream->options, &stream->option_count, error));
    stream->type = kind ? mr_source_type_find(mr_str_of(kind)) : NULL;
    if (!stream->type) {
        mr_error_set(error, MR_E_USAGE, "DATA_SOURCE_NOT_FOUND",
                     "There is no source '%s': there are files, kafka, delta and memory.",
                     kind ? kind : "NULL");
        mr_error_parameter(error, "provider", "%s", kind ? kind : "");
        return error->code;
    }
    stream->source_name = mr_arena_format(&job->arena, "%s#%d", stream->type->name, job->source_count++);
    if (!stream->source_name)
        return mr_error_memory(error, 64);
    if (stream->type != &mr_memory_source)
        return MR_OK;
    return hold_memory_stream(job, stream->options, stream->option_count, error);
}

struct millrace_stream *millrace_read_options(struct millrace_job *job, const char *kind,
                                              const char *const *options)
{
    struct mr_error error = {0};
    if (mr_api_failed(job) < 0)
        return NULL;
    struct millrace_stream *stream = add_stream(job, &error);
    if (!stream || set_source(job, stream, kind, options, &error) < 0)
        return fail(job, &error);
    return stream;
}

const char **mr_api_pairs(va_list arguments)
{
    const char **pairs = NULL, *next;
    size_t count = 0;
    do {
        next = va_arg(arguments, const char *);
        if ((count & (count + 1)) == 0) { /* full at 0, 1, 3, 7, … */
            const char **longer = mr_reallocate(pairs, sizeof *pairs * (2 * count + 2));
            if (!longer) {
                mr_free(pairs);
                return NULL;
            }
            pairs = longer;
        }
        pairs[count++] = next;
    } while (next);
    return pairs;
}

struct millrace_stream *millrace_read(struct millrace_job *job, const char *kind, ...)
{
    va_list arguments;
    if (mr_api_failed(job) < 0)
        return NULL;
    va_start(arguments, kind);
    const char **pairs = mr_api_pairs(arguments);
    va_end(arguments);
    if (!pairs)
        mr_api_fail_memory(job, true);
    struct millrace_stream *stream = millrace_read_options(job, kind, pairs);
    mr_free(pairs);
    return stream;
}

/* ---- names ---- */
struct millrace_stream *millrace_name(struct millrace_stream *stream, const char *name)
{
    struct mr_error error = {0};
    struct millrace_job *job = job_of(stream, "millrace_name", name, true);
    if (!job)
        return NULL;
    for (const struct mr_api_name *other = job->names; other; other = other->next) {
        if (!mr_str_equal_nocase(mr_str_of(other->name), mr_str_of(name)))
            continue;
        mr_error_set(&error, MR_E_USAGE, "TABLE_OR_VIEW_ALREADY_EXISTS",
                     "The name `%s` is another stream's already.", name);
        mr_error_parameter(&error, "relationName", "`%s`", name);
        return fail(job, &error);
    }
    struct mr_api_name *entry = MR_ARENA_NEW(&job->arena, struct mr_api_name);
    char *copy = mr_arena_copy_text(&job->arena, name, strlen(name));
    if (!entry || !copy) {
        mr_api_fail_memory(job, true);
        return NULL;
    }
    *entry = (struct mr_api_name){job->names, copy, stream};
    job->names = entry;
    return stream;
}

/* ---- operators ---- */
struct millrace_stream *millrace_sql(struct millrace_job *job, const char *sql)
{
    struct mr_error error = {0};
    if (mr_api_failed(job) < 0)
        return NULL;
    if (sql)
        return mr_api_query_stream(job, "millrace_sql", sql);
    mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                 "millrace_sql needs text; it was given NULL.");
    return fail(job, &error);
}

struct millrace_stream *millrace_filter(struct millrace_stream *stream, const char *condition)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, "millrace_filter", condition, true);
    if (!job)
        return NULL;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT * FROM `%s` WHERE\n%s\n", stream->name, condition);
    return check_piece(query_stream(job, "millrace_filter", &text), PIECE_CONDITION);
}

struct millrace_stream *millrace_select(struct millrace_stream *stream, const char *columns)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, "millrace_select", columns, true);
    if (!job)
        return NULL;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT\n%s\nFROM `%s`", columns, stream->name);
    return check_piece(query_stream(job, "millrace_select", &text), PIECE_COLUMNS);
}

/* As a literal of SQL. */
static void append_quoted(struct mr_text *text, struct mr_str value)
{
    mr_text_append_char(text, '\'');
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\'' || value.data[i] == '\\')
            mr_text_append_char(text, '\\');
        mr_text_append_char(text, value.data[i]);
    }
    mr_text_append_char(text, '\'');
}

struct millrace_stream *millrace_watermark(struct millrace_stream *stream, const char *event_time,
                                           const char *delay)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, "millrace_watermark", event_time ? delay : NULL, true);
    if (!job)
        return NULL;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT * FROM `%s` WATERMARK\n%s\nDELAY OF INTERVAL ", stream->name, event_time);
    append_quoted(&text, mr_str_of(delay));
    return check_piece(query_stream(job, "millrace_watermark", &text), PIECE_WATERMARK);
}

static bool is_blank(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == 0;
}

/* Number of keys; negative: the job has the error. */
static int count_keys(struct millrace_job *job, const char *call, const char *keys)
{
    struct mr_text text;
    if (is_blank(keys))
        return 0;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT\n%s\n", keys);
    struct millrace_stream *alone = check_piece(query_stream(job, call, &text), PIECE_KEYS);
    return alone ? alone->query->body->item_count : -1;
}

struct millrace_stream *millrace_group(struct millrace_stream *stream, const char *keys,
                                       const char *aggregates)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, "millrace_group", aggregates, true);
    int count = job ? count_keys(job, "millrace_group", keys) : -1;
    if (count < 0)
        return NULL;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT\n%s%s%s\nFROM `%s`", count > 0 ? keys : "", count > 0 ? "\n,\n" : "",
                   aggregates, stream->name);
    for (int i = 0; i < count; i++)
        mr_text_format(&text, "%s%d", i > 0 ? ", " : " GROUP BY ", i + 1);
    return check_piece(query_stream(job, "millrace_group", &text), PIECE_GROUP);
}

int mr_api_keyed_stream(struct millrace_stream *stream, const char *call, const char *keys,
                        struct millrace_stream **out)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, call, is_blank(keys) ? NULL : keys, true);
    int count = job ? count_keys(job, call, keys) : -1;
    if (count < 0)
        return -1;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT\n%s\n, * FROM `%s`", keys, stream->name);
    *out = check_piece(query_stream(job, call, &text), PIECE_COLUMNS);
    return *out ? count : -1;
}

struct millrace_stream *millrace_union(struct millrace_stream *a, struct millrace_stream *b)
{
    struct mr_error error = {0};
    struct mr_text text;
    struct millrace_job *job = job_of(a, "millrace_union", NULL, false);
    if (!job || !b)
        return NULL;
    if (b->job != job) {
        mr_error_set(&error, MR_E_USAGE, "INVALID_PARAMETER_VALUE",
                     "millrace_union takes two streams of one job.");
        return fail(job, &error);
    }
    mr_text_init(&text);
    mr_text_format(&text, "SELECT * FROM `%s` UNION ALL SELECT * FROM `%s`", a->name, b->name);
    return query_stream(job, "millrace_union", &text);
}

/* "a, `b c`" as arguments of the table function: , 'a', 'b c'. */
static bool append_columns(struct millrace_job *job, const char *call, const char *columns,
                           struct mr_text *text)
{
    struct mr_text list;
    if (is_blank(columns))
        return true;
    mr_text_init(&list);
    mr_text_format(&list, "SELECT\n%s\n", columns);
    struct millrace_stream *alone = check_piece(query_stream(job, call, &list), PIECE_KEYS);
    for (int i = 0; alone && i < alone->query->body->item_count; i++) {
        const struct mr_sql_item *item = &alone->query->body->items[i];
        const struct mr_sql_expression *e = item->expression;
        if (e->kind != MR_SQL_COLUMN || e->name->count != 1 || item->alias_count > 0) {
            struct mr_error error = {0};
            mr_error_set(&error, MR_E_SQL, "PARSE_SYNTAX_ERROR", "%s takes names of columns.", call);
            mr_error_in_sql(&error, call, alone->origin.text, e->start, e->stop);
            fail(job, &error);
            return false;
        }
        mr_text_append_str(text, ", ");
        append_quoted(text, e->name->parts[0]);
    }
    return alone != NULL;
}

static struct millrace_stream *drop_duplicates(struct millrace_stream *stream, const char *columns,
                                               const char *call, const char *function)
{
    struct mr_text text;
    struct millrace_job *job = job_of(stream, call, NULL, false);
    if (!job)
        return NULL;
    mr_text_init(&text);
    mr_text_format(&text, "SELECT * FROM %s(TABLE(`%s`)", function, stream->name);
    bool good = append_columns(job, call, columns, &text);
    mr_text_append_char(&text, ')');
    if (good)
        return query_stream(job, call, &text);
    mr_text_release(&text);
    return NULL;
}

struct millrace_stream *millrace_drop_duplicates(struct millrace_stream *stream, const char *columns)
{
    return drop_duplicates(stream, columns, "millrace_drop_duplicates", "drop_duplicates");
}

struct millrace_stream *millrace_drop_duplicates_within_watermark(struct millrace_stream *stream,
                                                                  const char *columns)
{
    return drop_duplicates(stream, columns, "millrace_drop_duplicates_within_watermark",
                           "drop_duplicates_within_watermark");
}
