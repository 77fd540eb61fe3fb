#include "expressions/aggregates.h"

const struct mr_aggregate_type mr_aggregates_collect[] = {
    {0},
};
