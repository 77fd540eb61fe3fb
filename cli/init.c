/* cli/init.c: millrace init: a project that runs at once. */
#include "cli/cli.h"

#include <errno.h>

#include "base/env.h"

struct new_file {
    const char *path, *text;
};

static const struct new_file new_files[] = {
    {"transformations/events.sql", "-- Every event as it arrives. Drop more .json files into landing/ while "
                                   "`millrace run --continuous` runs.\n"
                                   "CREATE OR REFRESH STREAMING TABLE events (\n"
                                   "  CONSTRAINT has_user EXPECT (user IS NOT NULL) ON VIOLATION DROP ROW)\n"
                                   "AS SELECT * FROM STREAM read_files(\n"
                                   "  'landing',\n"
                                   "  format => 'json',\n"
                                   "  schema => 'user STRING, action STRING, at TIMESTAMP');\n"},
    {"transformations/actions_per_minute.sql",
     "-- How often each action happened in each minute; a minute is final 10 seconds of event time after its "
     "end.\n"
     "CREATE OR REFRESH STREAMING TABLE actions_per_minute AS\n"
     "SELECT window.start AS minute, action, count(*) AS actions\n"
     "FROM STREAM events WATERMARK at DELAY OF INTERVAL 10 SECONDS\n"
     "GROUP BY window(at, '1 minute'), action;\n"},
    {"transformations/users.sql",
     "-- Recomputed by every run.\n"
     "CREATE OR REFRESH MATERIALIZED VIEW users AS\n"
     "SELECT user, count(*) AS events, max(at) AS last_seen FROM events GROUP BY user;\n"},
    {"landing/first.json", "{\"user\": \"ada\", \"action\": \"open\", \"at\": \"2026-01-01T12:00:05Z\"}\n"
                           "{\"user\": \"ada\", \"action\": \"edit\", \"at\": \"2026-01-01T12:00:40Z\"}\n"
                           "{\"user\": \"grace\", \"action\": \"open\", \"at\": \"2026-01-01T12:00:59Z\"}\n"
                           "{\"action\": \"open\", \"at\": \"2026-01-01T12:01:00Z\"}\n"},
    {"landing/second.json", "{\"user\": \"grace\", \"action\": \"edit\", \"at\": \"2026-01-01T12:01:20Z\"}\n"
                            "{\"user\": \"ada\", \"action\": \"close\", \"at\": \"2026-01-01T12:02:30Z\"}\n"},
    {".gitignore", "pipeline-storage/\nspark-warehouse/\n"},
};

static int put_file(struct mr_arena *arena, const char *directory, const char *name, const char *text,
                    struct mr_error *error)
{
    char *path = mr_path_join(arena, directory, name);
    if (!path)
        return mr_error_memory(error, strlen(name));
    MR_TRY(mr_directory_create(mr_path_directory(arena, path), error));
    return mr_file_replace(path, text, strlen(text), error);
}

static bool good_name(const char *name)
{
    if (!name[0])
        return false;
    for (; *name; name++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *name))
            return false;
    return true;
}

static int make_project(struct mr_arena *arena, const char *name, struct mr_error *error)
{
    char *spec =
        mr_arena_format(arena,
                        "# Millrace (and spark-pipelines) project. Paths are relative to this folder.\n"
                        "name: %s\n"
                        "storage: pipeline-storage\n"
                        "libraries:\n"
                        "  - glob:\n"
                        "      include: transformations/**\n",
                        name);
    if (!spec)
        return mr_error_memory(error, 256);
    if (mr_file_exists(name))
        return mr_error_set(error, MR_E_USAGE, "PATH_ALREADY_EXISTS",
                            "%s exists already. Choose another name, or remove it first.", name);
    MR_TRY(put_file(arena, name, "spark-pipeline.yml", spec, error));
    for (size_t i = 0; i < sizeof(new_files) / sizeof(new_files[0]); i++)
        MR_TRY(put_file(arena, name, new_files[i].path, new_files[i].text, error));
    return mr_directory_create(mr_path_join(arena, name, "pipeline-storage"), error);
}

static int run_init(int argc, char **argv)
{
    const char *name = NULL, *option = NULL;
    int count = 0;
    const struct mr_argument known[] = {{.name = "--name", .value = &option}, {0}};
    struct mr_error error = {0};
    struct mr_arena arena;
    int status = mr_arguments(&mr_command_init, argc, argv, known, &name, 1, &count);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    name = option ? option : name;
    if (!name)
        return mr_usage(&mr_command_init, "it needs a NAME.");
    if (!good_name(name))
        return mr_usage(&mr_command_init, "`%s` is no good name: use letters, digits, _ and -.", name);
    mr_arena_init(&arena);
    status = make_project(&arena, name, &error);
    mr_arena_release(&arena);
    if (status < 0)
        return mr_report(&error);
    printf("Made the project %s.\n\n  cd %s && millrace run\n\n"
           "Its tables will be in %s/spark-warehouse. Look at one with: millrace sql \"SELECT * FROM "
           "actions_per_minute\"\n",
           name, name, name);
    return MR_EXIT_OK;
}

const struct mr_command mr_command_init = {
    .name = "init",
    .summary = "make a new project that runs at once",
    .help = "usage: millrace init NAME\n"
            "\n"
            "Makes the folder NAME with spark-pipeline.yml, three example tables in transformations/, and\n"
            "a few events in landing/.\n"
            "\n"
            "options:\n"
            "  --name NAME   the same as NAME alone, as spark-pipelines spells it\n"
            "\n"
            "example:\n"
            "  millrace init shop && cd shop && millrace run\n",
    .run = run_init};
