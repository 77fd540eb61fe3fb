/* pipeline/catalog.h: names in a batch query: datasets of a project, tables of its warehouse, and paths. For
 * `millrace sql` and the C API. */
#ifndef MR_PIPELINE_CATALOG_H
#define MR_PIPELINE_CATALOG_H

#include "pipeline/pipeline.h"

struct mr_table_catalog {
    struct mr_catalog catalog;
    struct mr_pipeline *pipeline; /* NULL: paths only (relative to the working directory) */
};
/* Also sets the session from the project's configuration. */
int mr_table_catalog_open(struct mr_table_catalog *tables, struct mr_pipeline *pipeline,
                          struct mr_session *session, struct mr_error *error);

#endif
