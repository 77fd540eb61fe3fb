/* base/sort.h: byte strings in ascending order (as mr_str_compare has it), each with what it belongs to. */
#ifndef MR_BASE_SORT_H
#define MR_BASE_SORT_H

#include "base/memory.h"

struct mr_keyed {
    struct mr_str key;
    void *item;
    uint64_t head; /* the sort's own */
};
/* Made for many keys with a common beginning, as those of state are: a radix sort by the eight bytes behind
 * it, then by what follows. scratch: room for as many. */
void mr_sort_keyed(struct mr_keyed *keys, struct mr_keyed *scratch, size_t count);

#endif
