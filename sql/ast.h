/* sql/ast.h: what the parser makes of SQL text; nothing is resolved yet.
 *
 * Everything lives in the script's arena and points into the script's text. Ranges are bytes [start, stop) of
 * that text, so an error in the tenth statement of a file still shows the file's line. Identifiers are
 * without quotes. */
#ifndef MR_SQL_AST_H
#define MR_SQL_AST_H

#include "base/memory.h"

struct mr_sql_query;
struct mr_sql_expression;
struct mr_sql_relation;

struct mr_sql_name { /* a, a.b, a.b.c */
    const struct mr_str *parts;
    int count;
    uint32_t start, stop;
};

/* ---- expressions ---- */
enum mr_sql_expression_kind {
    MR_SQL_COLUMN, /* name, as far as it is dotted identifiers; may turn out to be a field access */
    MR_SQL_STAR,   /* name: what stands before the star, count 0: nothing; names: EXCEPT (…) */
    MR_SQL_NULL,
    MR_SQL_BOOLEAN,  /* flag */
    MR_SQL_NUMBER,   /* text: as written, sign and suffix included */
    MR_SQL_STRING,   /* text: unescaped */
    MR_SQL_TYPED,    /* DATE '…', X'…', INTERVAL '…': word, text */
    MR_SQL_INTERVAL, /* INTERVAL 1 DAY 2 HOURS: units; INTERVAL '…' DAY TO SECOND: units[0], to */
    MR_SQL_CALL,     /* name, arguments, distinct, filter, over */
    MR_SQL_OPERATOR, /* word: the function that does it ("+", "and", "not", "between", …), arguments; a chain
                      * of AND or OR is one node */
    MR_SQL_LIKE_LIST, /* arguments[0] LIKE ANY (the others); word: like, ilike; flag: ALL; distinct: NOT LIKE
                       */
    MR_SQL_CASE,      /* flag: arguments[0] is the operand; then pairs; an odd one out is ELSE */
    MR_SQL_CAST,      /* arguments[0], type; flag: TRY_CAST */
    MR_SQL_FIELD,     /* arguments[0] . word */
    MR_SQL_SUBSCRIPT, /* arguments[0] [ arguments[1] ] */
    MR_SQL_LAMBDA,    /* names -> arguments[0] */
    MR_SQL_NAMED,     /* word => arguments[0] */
    MR_SQL_ALIASED,   /* arguments[0] AS word, inside struct(…) */
    MR_SQL_ROW,       /* (a, b) */
    MR_SQL_EXTRACT,   /* EXTRACT(word FROM arguments[0]) */
    MR_SQL_TRIM,      /* word: both, leading, trailing; arguments[0] from, [1] what (may be absent) */
    MR_SQL_QUERY_VALUE,  /* (SELECT …) */
    MR_SQL_QUERY_EXISTS, /* EXISTS (SELECT …) */
    MR_SQL_QUERY_IN,     /* arguments[0] IN (SELECT …) */
    MR_SQL_TABLE, /* TABLE t, TABLE (t), TABLE (SELECT …) as an argument of a table function: relation */
    MR_SQL_PARAMETER, /* :name or ? */
};
struct mr_sql_interval_unit {
    struct mr_str value; /* "1", "-1.5", or the text between quotes, sign outside the quotes put in front */
    struct mr_str unit;  /* as written */
    bool quoted;
    uint32_t start, stop;
};
struct mr_sql_order {
    struct mr_sql_expression *expression;
    bool descending, nulls_first; /* Spark's default filled in */
};
enum mr_sql_bound_kind {
    MR_SQL_UNBOUNDED_PRECEDING,
    MR_SQL_PRECEDING, /* offset */
    MR_SQL_CURRENT_ROW,
    MR_SQL_FOLLOWING, /* offset */
    MR_SQL_UNBOUNDED_FOLLOWING,
};
struct mr_sql_bound {
    enum mr_sql_bound_kind kind;
    struct mr_sql_expression *offset;
};
struct mr_sql_window {       /* OVER (…), and WINDOW name AS (…) */
    struct mr_str name;      /* of a definition */
    struct mr_str reference; /* OVER name, or the name a window starts from */
    struct mr_sql_expression *const *partition;
    int partition_count;
    const struct mr_sql_order *order;
    int order_count;
    bool has_frame, rows; /* ROWS, else RANGE */
    struct mr_sql_bound from, to;
    uint32_t start, stop;
};
struct mr_sql_expression {
    enum mr_sql_expression_kind kind;
    uint32_t start, stop;             /* of the piece itself */
    uint32_t outer_start, outer_stop; /* with the parentheses around it */
    int depth;                        /* 1 + the deepest argument's */
    bool flag, distinct, parenthesised;
    struct mr_str word, text;
    const struct mr_sql_name *name;
    struct mr_sql_expression **arguments;
    int argument_count;
    const struct mr_str *names;
    int name_count;
    struct mr_str type; /* CAST: the type's text */
    uint32_t type_start;
    const struct mr_sql_interval_unit *units;
    int unit_count;
    struct mr_str to;
    struct mr_sql_expression *filter;
    const struct mr_sql_window *over;
    bool ignore_nulls;
    const struct mr_sql_order *within; /* WITHIN GROUP (ORDER BY …) */
    int within_count;
    struct mr_sql_query *query;
    struct mr_sql_relation *relation;
};

/* ---- relations ---- */
struct mr_sql_option { /* key and value as text; value {NULL,0}: none given */
    struct mr_str key, value;
    uint32_t start, stop;
};
struct mr_sql_watermark {
    struct mr_sql_expression *expression;
    const struct mr_str *aliases;
    int alias_count;
    struct mr_sql_expression *delay; /* INTERVAL or TYPED */
    uint32_t start, stop;
};
enum mr_sql_relation_kind {
    MR_SQL_RELATION_NAME,     /* name; stream: STREAM t; options */
    MR_SQL_RELATION_QUERY,    /* (query) */
    MR_SQL_RELATION_GROUP,    /* (relation): left */
    MR_SQL_RELATION_VALUES,   /* VALUES rows */
    MR_SQL_RELATION_FUNCTION, /* name(arguments); stream: STREAM f(…) */
    MR_SQL_RELATION_JOIN,     /* left, right */
    MR_SQL_RELATION_VIEW,     /* left LATERAL VIEW function alias AS columns */
};
enum mr_sql_join_kind {
    MR_SQL_JOIN_INNER,
    MR_SQL_JOIN_CROSS,
    MR_SQL_JOIN_LEFT,
    MR_SQL_JOIN_RIGHT,
    MR_SQL_JOIN_FULL,
    MR_SQL_JOIN_SEMI,
    MR_SQL_JOIN_ANTI,
    MR_SQL_JOIN_MARK, /* of plans only: left columns, and whether there is a partner */
};
struct mr_sql_relation {
    enum mr_sql_relation_kind kind;
    uint32_t start, stop;
    int depth;
    bool stream, lateral, outer, natural, has_sample, has_version;
    const struct mr_sql_name *name;
    struct mr_sql_query *query;
    struct mr_sql_relation *left, *right;
    enum mr_sql_join_kind join;
    struct mr_sql_expression *on;
    const struct mr_str *using_names;
    int using_count;
    struct mr_sql_expression **arguments; /* FUNCTION and VIEW; VALUES: the rows */
    int argument_count;
    const struct mr_sql_option *options;
    int option_count;
    struct mr_sql_watermark *watermark;
    struct mr_str alias;
    const struct mr_str *columns;
    int column_count;
};

/* ---- queries ---- */
struct mr_sql_item { /* of a select list */
    struct mr_sql_expression *expression;
    const struct mr_str *aliases;
    int alias_count;
};
enum mr_sql_group_kind {
    MR_SQL_GROUP_NONE,
    MR_SQL_GROUP_PLAIN, /* GROUP BY a, b, and ROLLUP, CUBE, GROUPING SETS among them */
    MR_SQL_GROUP_ALL,
};
struct mr_sql_grouping {
    enum mr_sql_grouping_kind {
        MR_SQL_GROUPING_EXPRESSION,
        MR_SQL_GROUPING_ROLLUP,
        MR_SQL_GROUPING_CUBE,
        MR_SQL_GROUPING_SETS
    } kind;
    struct mr_sql_expression *expression; /* EXPRESSION */
    /* ROLLUP, CUBE: units, each a list of expressions; SETS: the sets, each a list, or itself ROLLUP or CUBE
     */
    struct mr_sql_grouping_set {
        struct mr_sql_expression **expressions;
        int count;
        const struct mr_sql_grouping *nested;
    } * sets;
    int set_count;
    uint32_t start, stop;
};
enum mr_sql_body_kind {
    MR_SQL_BODY_SELECT,
    MR_SQL_BODY_VALUES, /* from: the VALUES relation */
    MR_SQL_BODY_TABLE,  /* from: TABLE t */
    MR_SQL_BODY_QUERY,  /* (query) */
    MR_SQL_BODY_UNION,
    MR_SQL_BODY_EXCEPT,
    MR_SQL_BODY_INTERSECT,
};
struct mr_sql_body {
    enum mr_sql_body_kind kind;
    uint32_t start, stop;
    int depth;
    /* set operations */
    struct mr_sql_body *left, *right;
    bool all;
    struct mr_sql_query *query;
    /* SELECT */
    bool distinct;
    const struct mr_sql_item *items;
    int item_count;
    struct mr_sql_relation *from; /* NULL: none */
    struct mr_sql_expression *where, *having, *qualify;
    enum mr_sql_group_kind group;
    const struct mr_sql_grouping *groupings;
    int grouping_count;
    const struct mr_sql_window *windows; /* WINDOW name AS (…), … */
    int window_count;
};
struct mr_sql_cte {
    struct mr_str name;
    const struct mr_str *columns;
    int column_count;
    struct mr_sql_query *query;
    uint32_t start, stop;
};
struct mr_sql_query {
    uint32_t start, stop;
    int depth;
    const struct mr_sql_cte *ctes;
    int cte_count;
    bool recursive;
    uint32_t with_start;
    struct mr_sql_body *body;
    const struct mr_sql_order *order;
    int order_count;
    bool order_all; /* ORDER BY ALL; nulls and direction in order[0] with a NULL expression */
    struct mr_sql_expression *limit, *offset;
};

/* ---- statements ---- */
enum mr_sql_statement_kind {
    MR_SQL_STATEMENT_QUERY,
    MR_SQL_CREATE_STREAMING_TABLE, /* query NULL: without AS; flows may fill it */
    MR_SQL_CREATE_MATERIALIZED_VIEW,
    MR_SQL_CREATE_VIEW,
    MR_SQL_CREATE_TEMPORARY_VIEW,
    MR_SQL_CREATE_SINK,  /* USING …, OPTIONS (…); flows fill it */
    MR_SQL_CREATE_FLOW,  /* name, target, query */
    MR_SQL_CREATE_TABLE, /* USING …, LOCATION …; query: CREATE TABLE … AS */
    MR_SQL_SET,          /* key, value; value {NULL,0}: SET k, which asks for the value */
    MR_SQL_USE,          /* name; is_catalog */
    MR_SQL_INSERT,       /* INSERT INTO target query, outside of a flow */
    MR_SQL_OTHER,        /* a statement Spark has and Millrace does not run; word names it */
};
enum mr_sql_violation { MR_SQL_VIOLATION_WARN, MR_SQL_VIOLATION_DROP_ROW, MR_SQL_VIOLATION_FAIL_UPDATE };
struct mr_sql_expectation {
    struct mr_str name;
    struct mr_sql_expression *condition;
    struct mr_str text; /* of the condition, as written */
    enum mr_sql_violation violation;
    uint32_t start, stop;
};
struct mr_sql_column_definition {
    struct mr_str name, type; /* type {NULL,0}: name alone */
    uint32_t type_start;
    bool not_null;
    struct mr_str comment; /* data NULL: none */
    uint32_t start, stop;
};
struct mr_sql_statement {
    enum mr_sql_statement_kind kind;
    uint32_t start, stop;
    struct mr_str word; /* "CREATE STREAMING TABLE", "DROP", … for messages */
    const struct mr_sql_name *name;
    bool or_refresh, or_replace, is_private, if_not_exists, external, by_name, once, live, is_catalog;
    const struct mr_sql_column_definition *columns;
    int column_count;
    bool has_columns;
    const struct mr_sql_expectation *expectations;
    int expectation_count;
    struct mr_str provider; /* USING; size 0: not given */
    const struct mr_str *partition_columns;
    const struct mr_sql_name *partition_names; /* the same with their places */
    int partition_count;
    const struct mr_str *cluster_columns;
    int cluster_count;
    bool cluster_auto;
    struct mr_str comment, location; /* data NULL: none */
    const struct mr_sql_option *properties, *options;
    int property_count, option_count;
    struct mr_sql_query *query;
    const struct mr_sql_name *target;
    struct mr_str key, value; /* SET */
};

#endif
