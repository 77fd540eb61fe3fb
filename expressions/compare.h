/* expressions/compare.h: comparison kernels by type. */
#ifndef MR_EXPRESSIONS_COMPARE_H
#define MR_EXPRESSIONS_COMPARE_H

#include "expressions/kernel.h"

enum mr_comparison { MR_EQ, MR_NE, MR_LT, MR_LE, MR_GT, MR_GE };
/* Both arguments of that type; NULL_IF_ANY and SPECULATIVE (not for nested types, whose rows outside the
 * selection may be odd). */
mr_kernel mr_compare_kernel(enum mr_comparison comparison, const struct mr_type *type);

#endif
