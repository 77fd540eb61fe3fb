/* millrace/arrow.h: the two structures of the Arrow C data interface, by which rows cross the border between
 * libraries.
 *
 * Their layout is fixed by Apache Arrow (https://arrow.apache.org/docs/format/CDataInterface.html); any
 * header that declares them first wins. What matters here: `release` NULL means "nothing in it"; who has a
 * structure in his hands calls release once, or moves it away by copying the structure and setting the old
 * one's release to NULL. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#include <stdint.h>

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema { /* a type, or the columns of a batch as a struct type */
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray { /* values of such a type */
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif
