/* operators/custom_state.h: state and code of the user's own: rows are grouped by key, and a processor gets
 * each key's rows of a micro-batch, then its timers that are due, with named variables, timers and a place to
 * emit rows. The shape and the rules are those of Spark's transformWithState.
 *
 * A processor is called for one key at a time, by whichever worker has the key's partition. */
#ifndef MR_OPERATORS_CUSTOM_STATE_H
#define MR_OPERATORS_CUSTOM_STATE_H

#include "operators/operator.h"

enum mr_time_mode {
    MR_TIME_NONE,      /* no timers */
    MR_TIME_EVENT,     /* timers by the watermark; late rows are dropped */
    MR_TIME_PROCESSING /* timers and expiry by the time of the micro-batch */
};
enum mr_custom_kind { MR_CUSTOM_VALUE, MR_CUSTOM_LIST, MR_CUSTOM_MAP, MR_CUSTOM_REMOVED };
struct mr_custom_variable {
    const char *name;
    enum mr_custom_kind kind;          /* REMOVED: what the checkpoint holds of that name is dropped */
    const struct mr_type *key, *value; /* STRUCTs; key: of a map's entries */
    int64_t ttl_us;                    /* of a value, an element, an entry since it was put; 0: for ever */
};

struct mr_custom_call; /* what a processor works on: one key, during one call */
struct mr_custom_processor {
    void *ctx;
    /* An object of a partition's own, given to all its calls; NULL: none. */
    int (*open)(void *ctx, void **instance, struct mr_error *error);
    void (*close)(void *ctx, void *instance);
    /* Rows [first, first + count) of the batch are the key's, in the order they came; those of one key and
     * micro-batch in one call, unless they are too many for the operator's memory. */
    int (*rows)(struct mr_custom_call *call, const struct mr_batch *rows, int64_t first, int64_t count,
                struct mr_error *error);
    int (*timer)(struct mr_custom_call *call, int64_t at_us, struct mr_error *error); /* NULL: none are set */
};
struct mr_custom_config {
    int key_count; /* the input's first columns; the others are the processor's */
    const struct mr_type *output;
    int event_time_output; /* which of the output's columns is its event time; -1: none */
    /* The planner's: the input's columns in two, and the one by which rows are late (-1: none). */
    const struct mr_type *key, *rows;
    int event_time_column;
    enum mr_time_mode mode;
    const struct mr_custom_variable *variables;
    int variable_count;
    struct mr_custom_processor processor;
};
/* KEYED by the input's first columns. State: custom_store.h. */
extern const struct mr_operator_type mr_custom_operator;

/* ---- for processors, during a call ---- */
/* Batches that are given out have one row unless said otherwise, and are valid until the next call that
 * reads the same variable. Variables are numbered as in the config. Errors: MR_E_USAGE when a variable is not
 * of the kind, or the mode has no timers. */
const struct mr_batch *mr_custom_key(const struct mr_custom_call *call);
void *mr_custom_instance(const struct mr_custom_call *call);
const struct mr_operator *mr_custom_call_operator(const struct mr_custom_call *call);
int64_t mr_custom_now_us(const struct mr_custom_call *call); /* the micro-batch's time */

int mr_custom_value_get(struct mr_custom_call *call, int variable, const struct mr_batch **out,
                        struct mr_error *error); /* *out NULL: there is none */
int mr_custom_value_set(struct mr_custom_call *call, int variable, const struct mr_batch *row,
                        struct mr_error *error);
int mr_custom_list_append(struct mr_custom_call *call, int variable, const struct mr_batch *row,
                          struct mr_error *error);
/* The next elements of the list, some at a time, from its start when `again`; MR_END behind the last.
 * Elements appended since the start are not among them. */
int mr_custom_list_next(struct mr_custom_call *call, int variable, bool again, const struct mr_batch **out,
                        struct mr_error *error);
int mr_custom_map_get(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                      const struct mr_batch **out, struct mr_error *error);
int mr_custom_map_put(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                      const struct mr_batch *row, struct mr_error *error);
int mr_custom_map_remove(struct mr_custom_call *call, int variable, const struct mr_batch *key,
                         struct mr_error *error);
/* As list_next, ordered by key; entries put since the start may be among them. */
int mr_custom_map_next(struct mr_custom_call *call, int variable, bool again, const struct mr_batch **keys,
                       const struct mr_batch **values, struct mr_error *error);
/* Forgets the variable's value, elements or entries of this key. */
int mr_custom_clear(struct mr_custom_call *call, int variable, struct mr_error *error);
/* A timer that is there already stays as it is; one that is due fires in the next micro-batch. */
int mr_custom_timer_set(struct mr_custom_call *call, int64_t at_us, struct mr_error *error);
int mr_custom_timer_delete(struct mr_custom_call *call, int64_t at_us, struct mr_error *error);
int mr_custom_timer_next(struct mr_custom_call *call, bool again, int64_t *at_us, struct mr_error *error);
/* The row is of the operator's output; copied. */
int mr_custom_emit(struct mr_custom_call *call, const struct mr_batch *row, struct mr_error *error);
/* The key for people: "user = a, product = 1". */
void mr_custom_key_text(const struct mr_custom_call *call, struct mr_text *out);

#endif
