/* operators/custom_show.h: custom state for people, out of the checkpoint alone: its records say what it is
 * of. */
#ifndef MR_OPERATORS_CUSTOM_SHOW_H
#define MR_OPERATORS_CUSTOM_SHOW_H

#include "operators/operator.h"

enum mr_custom_shown {
    MR_CUSTOM_VARIABLES, /* the variables: name, kind, columns */
    MR_CUSTOM_ENTRIES,   /* what a variable holds: key, and value; list_element; or user_map_key and
                            user_map_value */
    MR_CUSTOM_TIMERS_SET /* timers: key, expiration_timestamp_ms */
};
/* Of stateful operator `id`; variable: a name, for ENTRIES. First comes an empty batch, which tells the type;
 * batches stay ours. The checkpoint may be read-only. MR_E_USAGE: the operator is no processor, or has no
 * such variable. */
int mr_custom_show(struct mr_checkpoint *checkpoint, int id, enum mr_custom_shown what, const char *variable,
                   int (*each)(void *ctx, const struct mr_batch *rows, struct mr_error *error), void *ctx,
                   struct mr_error *error);

#endif
