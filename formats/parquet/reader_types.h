/* formats/parquet/reader_types.h: the type of one leaf as Spark reads it. */
#ifndef MR_PARQUET_READER_TYPES_H
#define MR_PARQUET_READER_TYPES_H

#include "columns/type.h"
#include "formats/parquet/format.h"

/* Logical types are filled in from the older converted ones, so that only they need to be looked at. */
void mr_parquet_element_normalize(struct mr_parquet_element *element);
/* VOID, and the name of the type in *unsupported, where Spark has none. NULL without memory. */
const struct mr_type *mr_parquet_leaf_type(struct mr_arena *arena, const struct mr_parquet_element *element,
                                           const char **unsupported);
const char *mr_parquet_physical_name(enum mr_parquet_physical physical);

#endif
