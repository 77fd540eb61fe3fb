#include "expressions/aggregates.h"

const struct mr_aggregate_type mr_aggregates_statistics[] = {
    {0},
};
