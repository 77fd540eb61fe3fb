/* formats/infer.h: finding out columns and types from data, as Spark does it: every value has a type, and two
 * types have a common one.
 *
 * A node is what has been seen of one field so far. Rules of merging are Spark's JsonInferSchema's; CSV has
 * its own order of types (csv/infer.c) and uses the nodes only to hand columns over. */
#ifndef MR_FORMATS_INFER_H
#define MR_FORMATS_INFER_H

#include "columns/value.h"

enum mr_infer_kind {
    MR_INFER_NULL,
    MR_INFER_BOOLEAN,
    MR_INFER_INT, /* CSV only */
    MR_INFER_LONG,
    MR_INFER_DECIMAL,
    MR_INFER_DOUBLE,
    MR_INFER_DATE,
    MR_INFER_TIMESTAMP,
    MR_INFER_TIMESTAMP_NTZ,
    MR_INFER_STRING,
    MR_INFER_ARRAY,
    MR_INFER_STRUCT,
};
struct mr_infer_node;
struct mr_infer_member {
    const char *name;
    size_t name_size;
    struct mr_infer_node *node;
};
struct mr_infer_node {
    uint8_t kind;
    uint8_t precision, scale;
    bool pinned;                     /* of a schema there is: values do not change its kind */
    struct mr_infer_node *element;   /* ARRAY */
    struct mr_infer_member *members; /* STRUCT, in order of appearance */
    int count, capacity;
    struct mr_map *names; /* index + 1 by name, when there are many */
};
struct mr_infer {
    struct mr_arena arena;
    struct mr_infer_node *root; /* a STRUCT, or NULL: nothing seen */
    int64_t bytes_left;         /* of the sample; inference of a file stops when it is used up */
    bool sorted;                /* members by name, as Spark has them in JSON; else in order of appearance */
    bool corrupt_seen;          /* some record was malformed … */
    const char *corrupt_column; /* … and Spark would give the schema this column for it; NULL: none */
    bool drop_all_null;         /* fields that are always null are left out */
    bool fold_case;             /* names that differ by case only are one member, spelled as seen first */
};
void mr_infer_init(struct mr_infer *infer);
void mr_infer_release(struct mr_infer *infer);

struct mr_infer_node *mr_infer_node_new(struct mr_infer *infer,
                                        enum mr_infer_kind kind); /* NULL without memory */
/* The member of that name, made as NULL kind when missing. NULL without memory. The name is copied. */
struct mr_infer_node *mr_infer_member(struct mr_infer *infer, struct mr_infer_node *node, struct mr_str name);
/* Widens node so that it holds a value of this kind too. ARRAY and STRUCT: the caller goes on with element or
 * members. */
void mr_infer_scalar(struct mr_infer_node *node, enum mr_infer_kind kind, int precision, int scale);
/* node becomes a container of this kind if it can; false: it is STRING now, and stays so. */
bool mr_infer_container(struct mr_infer *infer, struct mr_infer_node *node, enum mr_infer_kind kind);
/* What is seen is to be added to a schema there is, whose types stay. */
int mr_infer_seed(struct mr_infer *infer, const struct mr_type *schema, struct mr_error *error);
/* Adds corrupt_column as STRING when a malformed record was seen. */
int mr_infer_corrupt_column(struct mr_infer *infer, struct mr_error *error);
/* What was seen, as a schema in the arena. Fields never other than null are STRING; structs without fields
 * are left out. */
int mr_infer_schema(struct mr_infer *infer, struct mr_arena *arena, const struct mr_type **out,
                    struct mr_error *error);

/* ---- schemas ---- */
/* 'a DATE, s.f INT, list.element.x STRING, m.key INT': replaces types; a column that is not there is added at
 * the end. */
int mr_schema_hint(struct mr_arena *arena, const struct mr_type *schema, const char *hints,
                   const struct mr_type **out, struct mr_error *error);
/* base with the fields that only `other` has at the end (names without regard to case), in nested structs
 * too; types of fields both have are base's. *grown: are there any? */
int mr_schema_merge(struct mr_arena *arena, const struct mr_type *base, const struct mr_type *other,
                    const struct mr_type **out, bool *grown, struct mr_error *error);

#endif
