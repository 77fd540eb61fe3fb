/* expressions/collection_kernels.h: kernels of the functions on arrays, maps and structs; the table is in
 * functions_collection.c. */
#ifndef MR_EXPRESSIONS_COLLECTION_KERNELS_H
#define MR_EXPRESSIONS_COLLECTION_KERNELS_H

#include "expressions/lists.h"

/* collection_access.c */
MR_KERNEL(mr_collection_element_at); /* array or map; try_element_at tolerates */
MR_KERNEL(mr_collection_get);
MR_KERNEL(mr_collection_size);
MR_KERNEL(mr_collection_contains);
MR_KERNEL(mr_collection_position);
MR_KERNEL(mr_collection_contains_key);
MR_KERNEL(mr_collection_extreme); /* array_min, array_max */

/* collection_build.c */
MR_KERNEL(mr_collection_array);
MR_KERNEL(mr_collection_struct);       /* (value, value, …) */
MR_KERNEL(mr_collection_named_struct); /* (name, value, name, value, …) */
MR_KERNEL(mr_collection_map);
MR_KERNEL(mr_collection_map_from_arrays);
MR_KERNEL(mr_collection_map_from_entries);
MR_KERNEL(mr_collection_str_to_map);
MR_KERNEL(mr_collection_map_part); /* map_keys, map_values, map_entries */
MR_KERNEL(mr_collection_map_concat);
MR_KERNEL(mr_collection_repeat);
MR_KERNEL(mr_collection_sequence);
int mr_collection_resolve_sequence(struct mr_resolve *r, struct mr_error *error);

/* collection_arrays.c */
MR_KERNEL(mr_collection_slice);
MR_KERNEL(mr_collection_flatten);
MR_KERNEL(mr_collection_reverse);
MR_KERNEL(mr_collection_concat);
MR_KERNEL(mr_collection_append);
MR_KERNEL(mr_collection_prepend);
MR_KERNEL(mr_collection_insert);
MR_KERNEL(mr_collection_compact);
MR_KERNEL(mr_collection_remove);
MR_KERNEL(mr_collection_join);
MR_KERNEL(mr_collection_zip);
MR_KERNEL(mr_collection_shuffle);

/* collection_sets.c */
MR_KERNEL(mr_collection_distinct);
MR_KERNEL(mr_collection_union);
MR_KERNEL(mr_collection_intersect);
MR_KERNEL(mr_collection_except);
MR_KERNEL(mr_collection_overlap);

/* collection_sort.c */
MR_KERNEL(mr_collection_sort_array);
MR_KERNEL(mr_collection_array_sort); /* by a lambda, or ascending with NULL last */

/* collection_lambda.c */
int mr_collection_open_lambdas(struct mr_call *call, struct mr_error *error);
void mr_collection_close_lambdas(struct mr_call *call);
/* The lambda that is the call's argument i. */
struct mr_lambda *mr_collection_lambda(const struct mr_call *call, int i);
MR_KERNEL(mr_collection_transform);
MR_KERNEL(mr_collection_filter);
MR_KERNEL(mr_collection_exists); /* exists, forall */
MR_KERNEL(mr_collection_aggregate);
MR_KERNEL(mr_collection_zip_with);
MR_KERNEL(mr_collection_map_filter);
MR_KERNEL(mr_collection_transform_keys);
MR_KERNEL(mr_collection_transform_values);
MR_KERNEL(mr_collection_map_zip_with);
int mr_collection_resolve_lambda(struct mr_resolve *r, struct mr_error *error);

/* collection_vector.c: ARRAY<FLOAT> */
MR_KERNEL(mr_collection_vector_pair); /* inner product, L2 distance, cosine: the function's letter */
MR_KERNEL(mr_collection_vector_norm);
MR_KERNEL(mr_collection_vector_normalize);
int mr_collection_resolve_vector(struct mr_resolve *r, struct mr_error *error);

/* collection_generate.c: the rows a generator gives, as an ARRAY of STRUCTs */
MR_KERNEL(mr_collection_explode);
MR_KERNEL(mr_collection_stack);
int mr_collection_resolve_explode(struct mr_resolve *r, struct mr_error *error);
int mr_collection_resolve_inline(struct mr_resolve *r, struct mr_error *error);
int mr_collection_resolve_stack(struct mr_resolve *r, struct mr_error *error);

#endif
