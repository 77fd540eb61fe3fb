/* expressions/avro_decode.h: Avro's binary form -> rows of a column, by a compiled plan.
 *
 * A plan is what the writer's schema, the reader's schema and the SQL type come to: a tree of steps that read
 * bytes and append to columns, with promotions, reordered and missing fields, unions and defaults settled
 * beforehand (Avro's schema resolution, as its Java library does it). What can only fail when a certain value
 * comes (a branch of a union without a partner) is a step that fails. Plans are immutable and shared by
 * threads; decoding a message allocates nothing but room in columns. Strings are views into the message. */
#ifndef MR_EXPRESSIONS_AVRO_DECODE_H
#define MR_EXPRESSIONS_AVRO_DECODE_H

#include "columns/column.h"
#include "expressions/avro_schema.h"

enum mr_avro_action {
    MR_AVRO_SKIP, /* by the writer's schema */
    MR_AVRO_FAIL, /* no value is right; why */
    MR_AVRO_AS_NULL,
    MR_AVRO_AS_BOOLEAN,
    MR_AVRO_AS_INTEGER, /* INT or LONG on the wire, the column tells what it becomes */
    MR_AVRO_AS_MILLIS,  /* … and becomes microseconds */
    MR_AVRO_AS_FLOAT,   /* FLOAT or DOUBLE on the wire */
    MR_AVRO_AS_BYTES,   /* STRING, BYTES, FIXED; as is */
    MR_AVRO_AS_DECIMAL, /* BYTES, FIXED: unscaled, big-endian */
    MR_AVRO_AS_SYMBOL,
    MR_AVRO_AS_LIST, /* ARRAY or MAP */
    MR_AVRO_AS_RECORD,
    MR_AVRO_BRANCH,  /* UNION on the wire: children by branch */
    MR_AVRO_MEMBER,  /* no bytes of its own: child goes to one member of a struct, the others are NULL */
    MR_AVRO_DEFAULT, /* no bytes: a constant */
};
struct mr_avro_step {
    enum mr_avro_action action;
    enum mr_avro_kind wire;
    int column; /* of a record's struct, where the step writes; -1: SKIP */
    int member; /* MEMBER: field of the struct */
    int count;
    const struct mr_avro_step *const *children;
    const struct mr_avro_schema *writer;
    struct mr_column *constant;   /* DEFAULT: row 0; the arena of the plan does not own it, see release */
    const struct mr_str *symbols; /* SYMBOL: the reader's, by the writer's number; data NULL: none */
    const char *why;
};
struct mr_avro_plan {
    const struct mr_type *type;
    const struct mr_avro_step *root;
    struct mr_column **constants;
    int constant_count;
};
/* type: what mr_avro_sql_type gave for the reader's schema. Everything lives in the arena and must stay while
 * the plan is used, constants apart. Errors: memory; a plan that grows without end. */
int mr_avro_plan_make(struct mr_arena *arena, const struct mr_avro_schema *writer,
                      const struct mr_avro_schema *reader, const struct mr_type *type,
                      struct mr_avro_plan *out, struct mr_error *error);
void mr_avro_plan_release(struct mr_avro_plan *plan); /* zeroed is fine */

/* Appends one row to column (of plan->type): the value that begins at message[start], start <= its size.
 * MR_E_DATA: the bytes are no such message: nothing was appended, the message names the byte offset. Bytes
 * behind the value are not looked at. The caller makes the column keep the message. */
int mr_avro_decode(const struct mr_avro_plan *plan, struct mr_str message, size_t start,
                   struct mr_column *column, struct mr_error *error);

#endif
