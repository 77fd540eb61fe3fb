/* operators/custom_call.h: a call of a processor, as the files of custom state share it. Not for others. */
#ifndef MR_OPERATORS_CUSTOM_CALL_H
#define MR_OPERATORS_CUSTOM_CALL_H

#include "operators/custom_state.h"
#include "operators/custom_store.h"

struct mr_custom_slot {    /* a variable, during a call */
    unsigned number;       /* in keys of state */
    bool known;            /* the checkpoint has a record of it */
    struct mr_batch value; /* what was read last; columns are kept over calls */
    struct mr_batch key;   /* of a map's entries */
    struct mr_custom_scan scan;
};
struct mr_custom_call {
    struct mr_operator *op;
    struct mr_custom_store store;
    struct mr_custom_slot *slots; /* one per variable */
    struct mr_custom_scan timers;
    struct mr_batch key;        /* one row */
    struct mr_text group;       /* the key as it stands in state: key group and key */
    struct mr_text base, entry; /* scratch: keys of state */
    struct mr_text row;         /* scratch */
    struct mr_batch out;        /* emitted, and not yet sent on */
    /* No timer of this partition is due before; INT64_MIN: not known. */
    int64_t next_due_us;
    bool described;     /* this process has written what the state is of */
    int64_t written_us; /* the time that the checkpoint knows of */
    void *instance;
};
int mr_custom_call_open(struct mr_custom_call *call, struct mr_operator *op, struct mr_error *error);
void mr_custom_call_close(struct mr_custom_call *call); /* zeroed is fine */
/* The key's bytes as they stand in state, group included; the key is decoded from them. */
int mr_custom_call_begin(struct mr_custom_call *call, struct mr_str group, struct mr_error *error);
void mr_custom_call_end(struct mr_custom_call *call);
int mr_custom_send(struct mr_custom_call *call, struct mr_error *error);
/* A timer of this key that was there, perhaps still is. */
int mr_custom_timer_forget(struct mr_custom_call *call, int64_t at_us, struct mr_error *error);

/* custom_variables.c: what the checkpoint says of the state. */
struct mr_custom_known { /* a variable; texts are valid during the call that gives it */
    struct mr_str name;
    unsigned number;
    enum mr_custom_kind kind;
    const char *key, *value; /* types; "" for none */
};
struct mr_custom_description {
    int64_t now_us;  /* what expires at or before is gone; INT64_MIN: nothing is */
    const char *key; /* type of the grouping key, in the arena; NULL: no processor's state */
};
/* arena NULL: without the key. each NULL: the description alone. */
int mr_custom_variables_scan(struct mr_operator *op, struct mr_arena *arena,
                             struct mr_custom_description *out,
                             int (*each)(void *ctx, const struct mr_custom_known *known,
                                         struct mr_error *error),
                             void *ctx, struct mr_error *error);
const char *mr_custom_kind_name(enum mr_custom_kind kind); /* as Spark calls it */

/* Numbers of the variables, by what the checkpoint knows of them; what has changed is
 * refused. */
int mr_custom_variables_open(struct mr_custom_call *call, struct mr_error *error);
/* Writes those that are new, and removes what is to be. By the first partition. */
int mr_custom_variables_flush(struct mr_custom_call *call, struct mr_decision *decision,
                              struct mr_error *error);

#endif
