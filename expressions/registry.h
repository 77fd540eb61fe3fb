/* expressions/registry.h: the list of function tables. A table ends with a zeroed entry; names are lower
 * case; an alias is an entry of its own with the same kernel, so that a call keeps the name it was written
 * with. */
#ifndef MR_EXPRESSIONS_REGISTRY_H
#define MR_EXPRESSIONS_REGISTRY_H

#include "expressions/aggregate.h"
#include "expressions/function.h"

/* The core's. */
extern const struct mr_function mr_functions_operators[];
extern const struct mr_function mr_functions_predicates[];
extern const struct mr_function mr_functions_conditional[];
extern const struct mr_function mr_functions_access[];
extern const struct mr_function mr_functions_math[];
extern const struct mr_function mr_functions_bases[]; /* bin, conv */
extern const struct mr_function mr_functions_like[];
extern const struct mr_function mr_functions_casts[]; /* int(x), string(x), … */
extern const struct mr_function mr_functions_window[];

/* By group. */
extern const struct mr_function mr_functions_string[];
extern const struct mr_function mr_functions_regexp[];
extern const struct mr_function mr_functions_datetime[];
extern const struct mr_function mr_functions_hash[];
extern const struct mr_function mr_functions_collection[];
extern const struct mr_function mr_functions_json[];
extern const struct mr_function mr_functions_csv[];
extern const struct mr_function mr_functions_misc[];
extern const struct mr_function mr_functions_avro[];
extern const struct mr_function mr_functions_protobuf[];

/* count, sum, avg, min, max, first, last, … */
extern const struct mr_aggregate_type mr_aggregates_basic[];  /* count, sum, avg, bool_and, bit_and, … */
extern const struct mr_aggregate_type mr_aggregates_values[]; /* min, max, first, last, min_by, … */
extern const struct mr_aggregate_type mr_aggregates_statistics[]; /* stddev, variance, corr, … */
extern const struct mr_aggregate_type mr_aggregates_sketch[];     /* approx_count_distinct */
extern const struct mr_aggregate_type mr_aggregates_percentile[]; /* percentile_approx */
extern const struct mr_aggregate_type mr_aggregates_collect[]; /* collect_list, collect_set, percentile, … */

#endif
