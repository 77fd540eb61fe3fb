/* formats/parquet/reader_schema.h: what the list of elements in a footer means: Spark's types, and levels. */
#ifndef MR_PARQUET_READER_SCHEMA_H
#define MR_PARQUET_READER_SCHEMA_H

#include "columns/type.h"
#include "formats/parquet/format.h"

/* A column, or a part of one, as it is in the file; the groups that only carry lists and maps are gone. */
struct mr_parquet_source {
    enum mr_type_id kind; /* MR_STRUCT, MR_ARRAY, MR_MAP; anything else: a leaf */
    const char *name;
    const char *path;           /* names from the root, dotted, for errors */
    int32_t field_id;           /* -1: none */
    const struct mr_type *type; /* Spark's, all of it nullable; VOID where Spark has none */
    const char *unsupported;    /* then: what it is */
    int present;                /* definition level from which the value is there and not NULL */
    int slot;                   /* ARRAY, MAP: definition level from which an element is there */
    int repetition;             /* ARRAY, MAP: repetition level of further elements */
    struct mr_parquet_source *children;
    int child_count;
    int leaf; /* number of the column chunk of the leaf, or of the first one below */
    const struct mr_parquet_element *element;
};
struct mr_parquet_leaf { /* by number of the column chunk */
    const struct mr_parquet_element *element;
    int definition, repetition; /* largest levels */
    const char *path;           /* dotted, for errors */
};
struct mr_parquet_schema {
    struct mr_parquet_source root; /* STRUCT */
    struct mr_parquet_leaf *leaves;
    int leaf_count;
};

/* All memory from the arena; elements must live as long. MR_E_CORRUPT: the list makes no tree. */
int mr_parquet_schema_read(struct mr_arena *arena, const struct mr_parquet_element *elements, size_t count,
                           struct mr_parquet_schema *out, struct mr_error *error);

#endif
