/* pipeline/inputs.c: what a materialized view was last made of, kept in its table's own log, so that a
 * refresh of unchanged inputs can be left out.
 *
 * The note is the commit's userMetadata: {"query": hash of the statement, "inputs": {path: version}}.
 * Versions are looked up before the rows are read, so a note never claims more than what was read. */
#include "pipeline/graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

static int keep_highest(void *ctx, const char *name, bool is_directory)
{
    int64_t *highest = ctx;
    char *end = NULL;
    int64_t version = is_directory ? -1 : (int64_t)strtoll(name, &end, 10);
    if (end && end - name == 20 && strcmp(end, ".json") == 0 && version > *highest)
        *highest = version;
    return 0;
}

/* Newest version in a table's log; -1: there is none. */
static int64_t newest_version(struct mr_arena *arena, const char *table)
{
    int64_t version = -1;
    char *log = mr_path_join(arena, table, "_delta_log");
    if (log)
        mr_env()->list(log, keep_highest, &version);
    return version;
}

const char *mr_view_inputs(const struct mr_flow *flow, struct mr_job *job)
{
    struct mr_text text;
    struct mr_json_writer writer = {.out = &text};
    char hash[32];
    const char *sql = flow->origin->text + flow->start;
    snprintf(hash, sizeof(hash), "%016" PRIx64, mr_hash(sql, flow->stop - flow->start));
    mr_text_init(&text);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "query");
    mr_json_cstr(&writer, hash);
    mr_json_key(&writer, "inputs");
    mr_json_begin_object(&writer);
    bool known = true;
    for (int s = 0; known && s < job->source_count; s++) {
        const struct mr_source *source = job->sources[s];
        const char *path = mr_option_text(source->options, source->option_count, "path");
        int64_t version =
            path && strcmp(source->type->name, "delta") == 0 ? newest_version(&job->arena, path) : -1;
        known = version >= 0; /* files, or a table that is not there: always look anew */
        mr_json_key(&writer, path ? path : "");
        mr_json_i64(&writer, version);
    }
    mr_json_end_object(&writer);
    mr_json_end_object(&writer);
    char *note = known && !text.failed ? mr_arena_copy_text(&job->arena, text.data, text.size) : NULL;
    mr_text_release(&text);
    return note;
}

bool mr_view_is_unchanged(const struct mr_flow *flow, const char *inputs)
{
    struct mr_arena arena;
    struct mr_text text;
    struct mr_error error = {0};
    struct mr_str note = {0};
    bool same = false;
    mr_arena_init(&arena);
    mr_text_init(&text);
    int64_t version = newest_version(&arena, flow->target->path);
    char *path = version >= 0 ? mr_arena_format(&arena, "%s/_delta_log/%020" PRId64 ".json",
                                                flow->target->path, version)
                              : NULL;
    if (path && mr_file_read_all(path, &text, &error) >= 0) {
        const char *end = memchr(text.data, '\n', text.size); /* commitInfo comes first */
        struct mr_json *line = NULL;
        if (mr_json_parse(&arena, (struct mr_str){text.data, end ? (size_t)(end - text.data) : text.size},
                          &line, &error) >= 0) {
            const struct mr_json *info = mr_json_member(line, "commitInfo");
            same =
                info && mr_json_get_str(info, "userMetadata", &note) && mr_str_equal(note, mr_str_of(inputs));
        }
    }
    mr_text_release(&text);
    mr_arena_release(&arena);
    return same;
}
