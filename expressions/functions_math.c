#include "expressions/registry.h"

const struct mr_function mr_functions_math[] = {
    {0},
};
