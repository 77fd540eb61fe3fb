/* formats/parquet/writer_schema.h: the tree of a schema as Parquet stores it, and the way of rows down that
 * tree. */
#ifndef MR_PARQUET_WRITER_SCHEMA_H
#define MR_PARQUET_WRITER_SCHEMA_H

#include "formats/parquet/column_writer.h"

struct mr_parquet_node {
    const struct mr_type *type;
    const char *name;
    bool optional;
    int definition, repetition; /* levels of a value that is present here */
    struct mr_parquet_node *children;
    int child_count;
    int leaf; /* number of the column, or -1 */
    int32_t field_id;
};

struct mr_parquet_writer_leaf { /* what the schema says of one column */
    const struct mr_parquet_node *node;
    const char *const *names; /* Spark's: field names from the root, down to the outermost array or map */
    int name_count;
    bool in_repeated;
    const char *const *path; /* Parquet's: names of all groups and the leaf */
    int path_count;
};

struct mr_parquet_writer_schema {
    struct mr_parquet_node root;
    struct mr_parquet_writer_leaf *leaves;
    int leaf_count;
    struct mr_parquet_element *elements; /* depth first, the root first */
    int element_count;
};

/* All memory from the arena. MR_E_UNSUPPORTED for a type that Parquet, as Spark reads it, cannot hold. */
int mr_parquet_writer_schema_init(struct mr_parquet_writer_schema *out, struct mr_arena *arena,
                                  const struct mr_type *schema, const int32_t *field_ids,
                                  struct mr_error *error);
/* Physical type of a leaf's values, and its bytes in PLAIN encoding: 0 for BYTE_ARRAY, 1 for BOOLEAN. */
enum mr_parquet_physical mr_parquet_physical_of(const struct mr_type *type, size_t *width);

/* Writes all rows of a batch into the columns (one per leaf). Scratch is cleared by the caller afterwards. */
int mr_parquet_shred(const struct mr_parquet_writer_schema *schema, struct mr_parquet_column_writer *columns,
                     const struct mr_batch *batch, struct mr_arena *scratch, struct mr_error *error);

#endif
