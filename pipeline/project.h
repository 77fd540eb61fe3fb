/* pipeline/project.h: the project file, spark-pipeline.yml, as open-source Spark takes it. */
#ifndef MR_PIPELINE_PROJECT_H
#define MR_PIPELINE_PROJECT_H

#include "base/env.h"

struct mr_project {
    struct mr_arena arena;
    const char *spec;      /* path of the project file */
    const char *directory; /* its folder, absolute; relative paths of the project are relative to it */
    const char *name;
    const char *storage;            /* absolute path: checkpoints and progress */
    const char *warehouse;          /* absolute path: tables; <directory>/spark-warehouse unless
                                       spark.sql.warehouse.dir says otherwise */
    const char *catalog, *database; /* "spark_catalog", "default" where not given */
    struct mr_map configuration;    /* pointer: const char * */
    const char **files;             /* SQL files in the order of their paths; after them those that
                                       `millrace.catalog.tables` names: CREATE TABLE statements */
    int file_count;
};
/* Looks for spark-pipeline.yml or .yaml in directory and its parents; the path goes into the arena.
 * PIPELINE_SPEC_FILE_DOES_NOT_EXIST / PIPELINE_SPEC_MULTIPLE_FILES_FOUND. */
int mr_project_find(struct mr_arena *arena, const char *directory, const char **spec, struct mr_error *error);
/* Reads and checks the file and resolves its globs. Errors carry Spark's PIPELINE_SPEC_… conditions and the
 * line. */
int mr_project_load(struct mr_project *project, const char *spec, struct mr_error *error);
void mr_project_release(struct mr_project *project);

#endif
