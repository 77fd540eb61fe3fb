/* expressions/message_call.h: what from_avro, to_avro, from_protobuf and to_protobuf share: constant options,
 * and a column that is built message by message. */
#ifndef MR_EXPRESSIONS_MESSAGE_CALL_H
#define MR_EXPRESSIONS_MESSAGE_CALL_H

#include "base/option.h"
#include "expressions/function_tools.h"

/* Argument i (there or not): a constant map of strings, or NULL: read into the caller's struct by the table,
 * as mr_options_read does. */
int mr_message_options(struct mr_resolve *r, int i, const struct mr_option_spec *table, void *into,
                       struct mr_error *error);
/* The option mode: FAILFAST or not. */
int mr_message_mode(struct mr_resolve *r, const char *mode, bool *fail_fast, struct mr_error *error);
/* Argument i is a constant STRING; what names it ("the Avro schema"). out->data is NULL when it is NULL. */
int mr_message_constant(struct mr_resolve *r, int i, const char *what, struct mr_str *out,
                        struct mr_error *error);
/* DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT */
int mr_message_argument_error(struct mr_resolve *r, const char *what, struct mr_error *error);
/* Argument i must be BINARY (or a bare NULL). */
int mr_message_binary(struct mr_resolve *r, int i, struct mr_error *error);

/* Appends one message to out: MR_OK, or MR_E_DATA with nothing appended. */
typedef int (*mr_message_read)(struct mr_call *call, struct mr_str message, struct mr_column *out,
                               struct mr_error *error);
/* The kernel of from_…: a NULL message is NULL; a malformed one is an error when fail_fast, else NULL, or a
 * struct of NULLs. */
int mr_message_kernel(struct mr_call *call, const struct mr_column *messages, const struct mr_selection *rows,
                      int64_t length, bool fail_fast, mr_message_read read, struct mr_error *error);

/* Of the entries that a map has gathered from `first` on (its row is not closed yet), the last with the same
 * key counts; it stands where the first did. */
int mr_message_last_keys(struct mr_column *map, int64_t first, struct mr_error *error);

#endif
