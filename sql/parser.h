/* sql/parser.h: what lexer, look-ahead, grammar and constructors share. Not for other folders. */
#ifndef MR_SQL_PARSER_H
#define MR_SQL_PARSER_H

#include "sql/ast.h"

/* Deepest nesting of expressions, relations and queries taken; also of open brackets. Everything that walks
 * the tree recurses, so this bounds the stack. */
#define MR_SQL_MAX_DEPTH 400

enum { MR_LEX_BAD = -1, MR_LEX_UNCLOSED_COMMENT = -2 }; /* token kinds that are errors */

struct mr_sql_token {
    int kind; /* MR_TOKEN_…, 0: end */
    uint32_t start, stop;
};
/* The next raw token at *position (moved behind it); its kind. Words are MR_TOKEN_ID. */
int mr_sql_lex(const char *text, size_t size, size_t *position, struct mr_sql_token *token);
int mr_sql_keyword(const char *word, size_t size);

/* Decides for each of tokens[0 .. count) (one statement) whether it stands as a keyword, and splits or
 * renames tokens that need it (MINUS_NUMBER, UNIT, >> in types). The result is written behind them, at tokens
 * + count, where there is room for three times as many; its count is returned. */
size_t mr_sql_look_ahead(const char *text, struct mr_sql_token *tokens, size_t count);

/* ---- the parser's state, one per statement ---- */
struct mr_sql_list { /* grows by doubling in the arena */
    void **items;
    int count, capacity;
};
struct mr_sql_alias {
    struct mr_str name;
    struct mr_sql_list *columns;
    uint32_t stop; /* 0: no alias */
};
struct mr_sql_create {
    enum mr_sql_statement_kind kind;
    const char *word;
};
struct mr_sql_tail { /* what stands behind a query being parsed */
    struct mr_sql_list *order;
    bool order_all;
    int all_descending, all_nulls;
    struct mr_sql_expression *limit, *offset;
    struct mr_sql_tail *outer;
};
struct mr_sql_frame {
    bool given, rows;
    struct mr_sql_bound from, to;
};
struct mr_sql_select_state { /* the clauses of a SELECT being parsed */
    struct mr_sql_expression *where, *having, *qualify;
    enum mr_sql_group_kind group;
    struct mr_sql_list *groupings;
    struct mr_sql_list *windows;
    struct mr_sql_select_state *outer;
};
enum mr_sql_clause {
    MR_SQL_CLAUSE_USING,
    MR_SQL_CLAUSE_COMMENT,
    MR_SQL_CLAUSE_LOCATION,
    MR_SQL_CLAUSE_PARTITIONED,
    MR_SQL_CLAUSE_CLUSTER,
    MR_SQL_CLAUSE_PROPERTIES,
    MR_SQL_CLAUSE_OPTIONS,
};
struct mr_sql_parser {
    struct mr_arena *arena;
    const char *file, *text;
    struct mr_error *error;
    int status;         /* first error's code, or MR_OK */
    uint32_t last_stop; /* where the token behind the current reduction began: end of what was read */
    struct mr_sql_token current; /* being fed to the grammar: the look-ahead of a reduction */
    struct mr_sql_tail *tail;
    struct mr_sql_select_state *select;
    struct mr_sql_statement *statement;
    struct mr_sql_list *columns, *expectations;
    bool column_not_null;
    struct mr_str column_comment;
    uint32_t clauses_seen;
};

/* First error wins; later calls change nothing. */
void mr_sql_parser_error(struct mr_sql_parser *p, uint32_t start, uint32_t stop, const char *condition,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
void mr_sql_parser_unexpected(struct mr_sql_parser *p, const struct mr_sql_token *token);
void mr_sql_parser_too_complex(struct mr_sql_parser *p);
void *mr_sql_parser_new(struct mr_sql_parser *p,
                        size_t size); /* zeroed; never NULL: a spare one when memory is gone */

/* ---- constructors for the grammar's actions: build_expression.c ---- */
struct mr_str mr_sql_token_text(struct mr_sql_parser *p, const struct mr_sql_token *t);
struct mr_str mr_sql_token_identifier(struct mr_sql_parser *p, const struct mr_sql_token *t);
struct mr_str mr_sql_unescape(struct mr_sql_parser *p, const struct mr_sql_token *string);
struct mr_sql_list *mr_sql_list_add(struct mr_sql_parser *p, struct mr_sql_list *list, void *item);
struct mr_sql_list *mr_sql_names_add(struct mr_sql_parser *p, struct mr_sql_list *list,
                                     const struct mr_sql_token *t);
const struct mr_str *mr_sql_names_of(struct mr_sql_parser *p, const struct mr_sql_list *list, int *count);
struct mr_sql_name *mr_sql_make_name(struct mr_sql_parser *p, const struct mr_sql_token *t);
struct mr_sql_name *mr_sql_name_add(struct mr_sql_parser *p, struct mr_sql_name *name,
                                    const struct mr_sql_token *t);
struct mr_str mr_sql_name_text(struct mr_sql_parser *p,
                               const struct mr_sql_name *name); /* parts joined by dots */

struct mr_sql_expression *mr_sql_make_column(struct mr_sql_parser *p, struct mr_sql_name *name);
struct mr_sql_expression *mr_sql_make_star(struct mr_sql_parser *p, struct mr_sql_name *qualifier,
                                           const struct mr_sql_token *star, struct mr_sql_list *except);
struct mr_sql_expression *mr_sql_make_operator(struct mr_sql_parser *p, struct mr_str word,
                                               struct mr_sql_expression *a, struct mr_sql_expression *b,
                                               struct mr_sql_expression *c);
struct mr_sql_expression *mr_sql_make_prefix(struct mr_sql_parser *p, const struct mr_sql_token *t,
                                             struct mr_str word, struct mr_sql_expression *a);
/* AND, OR: one node for a whole chain. */
struct mr_sql_expression *mr_sql_make_junction(struct mr_sql_parser *p, struct mr_str word,
                                               struct mr_sql_expression *a, struct mr_sql_expression *b);
struct mr_sql_expression *mr_sql_make_not(struct mr_sql_parser *p, int negate, struct mr_sql_expression *a);
struct mr_sql_expression *mr_sql_make_in(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                         struct mr_sql_list *values, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_like_list(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                                struct mr_str word, int all, int negate,
                                                struct mr_sql_list *patterns, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_is(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                         const char *word, const char *literal, int negate,
                                         const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_query_value(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                                  const struct mr_sql_token *begin,
                                                  struct mr_sql_expression *a, struct mr_sql_query *query,
                                                  const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_field(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                            const struct mr_sql_token *field);
struct mr_sql_expression *mr_sql_make_subscript(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                                struct mr_sql_expression *b, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_cast(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_expression *a, const struct mr_sql_token *type,
                                           const struct mr_sql_token *end, int try_cast);
struct mr_sql_expression *mr_sql_make_parens(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                             struct mr_sql_expression *a, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_row(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_expression *first, struct mr_sql_list *rest,
                                          const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_constant(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                               const struct mr_sql_token *t, int value);
struct mr_sql_expression *mr_sql_make_number(struct mr_sql_parser *p, const struct mr_sql_token *sign,
                                             const struct mr_sql_token *t);
struct mr_sql_expression *mr_sql_make_string(struct mr_sql_parser *p, const struct mr_sql_token *t);
struct mr_sql_expression *mr_sql_make_strings(struct mr_sql_parser *p, const struct mr_sql_token *range);
struct mr_sql_expression *mr_sql_make_typed(struct mr_sql_parser *p, const struct mr_sql_token *word,
                                            const struct mr_sql_token *string);
struct mr_sql_expression *mr_sql_make_parameter(struct mr_sql_parser *p, const struct mr_sql_token *mark,
                                                const struct mr_sql_token *name);
struct mr_sql_interval_unit *mr_sql_make_unit(struct mr_sql_parser *p, const struct mr_sql_token *sign,
                                              const struct mr_sql_token *value,
                                              const struct mr_sql_token *unit);
struct mr_sql_expression *mr_sql_make_interval(struct mr_sql_parser *p, const struct mr_sql_token *word,
                                               struct mr_sql_list *units, const struct mr_sql_token *to);
struct mr_sql_expression *mr_sql_make_case(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_expression *operand, struct mr_sql_list *whens,
                                           struct mr_sql_expression *otherwise,
                                           const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_extract(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                              const struct mr_sql_token *field, struct mr_sql_expression *a,
                                              const struct mr_sql_token *end);
/* SUBSTRING(a FROM b FOR c) and kin, as the function they stand for. */
struct mr_sql_expression *mr_sql_make_words(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                            const char *function, struct mr_sql_expression *a,
                                            struct mr_sql_expression *b, struct mr_sql_expression *c,
                                            struct mr_sql_expression *d, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_trim(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           const struct mr_sql_token *side, struct mr_sql_expression *what,
                                           struct mr_sql_expression *from, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_call(struct mr_sql_parser *p, struct mr_sql_name *name, int distinct,
                                           struct mr_sql_list *arguments, const struct mr_sql_token *end);
void mr_sql_call_stop(struct mr_sql_expression *call, const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_call_over(struct mr_sql_parser *p, struct mr_sql_expression *call,
                                           struct mr_sql_window *window);
/* f(…) WITHIN GROUP (ORDER BY …) */
struct mr_sql_expression *mr_sql_call_within(struct mr_sql_parser *p, struct mr_sql_expression *call,
                                             struct mr_sql_list *orders);
struct mr_sql_window *mr_sql_make_window(struct mr_sql_parser *p, const struct mr_sql_token *reference,
                                         struct mr_sql_list *partition, struct mr_sql_list *order,
                                         const struct mr_sql_token *end);
struct mr_sql_expression *mr_sql_make_aliased(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                              const struct mr_sql_token *name);
struct mr_sql_expression *mr_sql_make_named(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                            struct mr_sql_expression *a);
struct mr_sql_expression *mr_sql_make_lambda(struct mr_sql_parser *p, struct mr_sql_list *names,
                                             struct mr_sql_expression *body,
                                             const struct mr_sql_token *begin);
/* (first, rest…) -> body, where the names were read as expressions. */
struct mr_sql_expression *mr_sql_make_lambda_of(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                                struct mr_sql_expression *first, struct mr_sql_list *rest,
                                                struct mr_sql_expression *body);
struct mr_sql_expression *mr_sql_make_table_argument(struct mr_sql_parser *p,
                                                     const struct mr_sql_token *begin,
                                                     struct mr_sql_relation *relation,
                                                     const struct mr_sql_token *end);

/* ---- build_query.c ---- */
struct mr_sql_query *mr_sql_make_query(struct mr_sql_parser *p, const struct mr_sql_token *with,
                                       int recursive, struct mr_sql_list *ctes, struct mr_sql_body *body);
struct mr_sql_query *mr_sql_query_parens(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                         struct mr_sql_query *query, const struct mr_sql_token *end);
struct mr_sql_cte *mr_sql_make_cte(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                   struct mr_sql_list *columns, struct mr_sql_query *query,
                                   const struct mr_sql_token *end);
void mr_sql_tail_begin(struct mr_sql_parser *p);
void mr_sql_tail_order(struct mr_sql_parser *p, struct mr_sql_list *order);
void mr_sql_tail_order_all(struct mr_sql_parser *p, int descending, int nulls);
void mr_sql_tail_limit(struct mr_sql_parser *p, struct mr_sql_expression *limit);
void mr_sql_tail_offset(struct mr_sql_parser *p, struct mr_sql_expression *offset);
struct mr_sql_body *mr_sql_make_set(struct mr_sql_parser *p, enum mr_sql_body_kind kind,
                                    struct mr_sql_body *left, int all, struct mr_sql_body *right);
struct mr_sql_body *mr_sql_make_from_body(struct mr_sql_parser *p, enum mr_sql_body_kind kind,
                                          struct mr_sql_relation *from);
struct mr_sql_body *mr_sql_make_query_body(struct mr_sql_parser *p, struct mr_sql_query *query);
void mr_sql_select_begin(struct mr_sql_parser *p);
void mr_sql_select_group(struct mr_sql_parser *p, struct mr_sql_list *groupings, int with);
struct mr_sql_body *mr_sql_make_select(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                       int distinct, struct mr_sql_list *items, struct mr_sql_relation *from);
struct mr_sql_item *mr_sql_make_item(struct mr_sql_parser *p, struct mr_sql_expression *expression,
                                     struct mr_sql_list *aliases);
struct mr_sql_grouping *mr_sql_make_grouping(struct mr_sql_parser *p, enum mr_sql_grouping_kind kind,
                                             struct mr_sql_expression *expression, struct mr_sql_list *sets);
struct mr_sql_grouping_set *mr_sql_make_grouping_set(struct mr_sql_parser *p,
                                                     struct mr_sql_expression *expression,
                                                     struct mr_sql_grouping *nested);
struct mr_sql_order *mr_sql_make_order(struct mr_sql_parser *p, struct mr_sql_expression *expression,
                                       int descending, int nulls);
/* relations */
struct mr_sql_alias mr_sql_make_alias(struct mr_sql_parser *p, const struct mr_sql_token *name,
                                      struct mr_sql_list *columns);
struct mr_sql_relation *mr_sql_make_table(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_name *name, struct mr_sql_list *options);
struct mr_sql_relation *mr_sql_make_subquery(struct mr_sql_parser *p, struct mr_sql_query *query);
struct mr_sql_relation *mr_sql_make_group(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_relation *inner, const struct mr_sql_token *end);
struct mr_sql_relation *mr_sql_make_values(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_list *rows);
struct mr_sql_relation *mr_sql_make_table_function(struct mr_sql_parser *p, struct mr_sql_name *name,
                                                   struct mr_sql_list *arguments,
                                                   const struct mr_sql_token *end);
struct mr_sql_relation *mr_sql_make_join(struct mr_sql_parser *p, struct mr_sql_relation *left, int kind,
                                         struct mr_sql_relation *right);
void mr_sql_join_using(struct mr_sql_parser *p, struct mr_sql_relation *join, struct mr_sql_list *names);
void mr_sql_relation_stop(struct mr_sql_parser *p, struct mr_sql_relation *relation);
struct mr_sql_relation *mr_sql_make_view(struct mr_sql_parser *p, struct mr_sql_relation *left, int outer,
                                         struct mr_sql_name *function, struct mr_sql_list *arguments,
                                         struct mr_sql_alias alias);
struct mr_sql_relation *mr_sql_relation_finish(struct mr_sql_parser *p, struct mr_sql_relation *relation,
                                               int sample, struct mr_sql_watermark *watermark,
                                               struct mr_sql_alias alias);
struct mr_sql_watermark *mr_sql_make_watermark(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                               struct mr_sql_item *item, struct mr_sql_expression *delay);
struct mr_sql_option *mr_sql_make_option(struct mr_sql_parser *p, struct mr_str key, uint32_t start,
                                         uint32_t stop);
struct mr_sql_option *mr_sql_set_option(struct mr_sql_parser *p, struct mr_sql_option *option,
                                        struct mr_str value);

/* ---- build_statement.c ---- */
void mr_sql_statement_query(struct mr_sql_parser *p, struct mr_sql_query *query);
void mr_sql_statement_create(struct mr_sql_parser *p, const struct mr_sql_create *create,
                             struct mr_sql_name *name);
void mr_sql_statement_flow(struct mr_sql_parser *p, struct mr_sql_name *name, struct mr_sql_name *target,
                           struct mr_sql_query *query);
void mr_sql_statement_insert(struct mr_sql_parser *p, struct mr_sql_name *target, struct mr_sql_query *query);
void mr_sql_statement_use(struct mr_sql_parser *p, struct mr_sql_name *name, int catalog);
void mr_sql_statement_column(struct mr_sql_parser *p, const struct mr_sql_token *name,
                             const struct mr_sql_token *type);
void mr_sql_statement_expectation(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                  const struct mr_sql_token *name, struct mr_sql_expression *condition,
                                  const struct mr_sql_token *end, int violation);
void mr_sql_clause_text(struct mr_sql_parser *p, const struct mr_sql_token *word, enum mr_sql_clause clause,
                        struct mr_str text);
void mr_sql_clause_list(struct mr_sql_parser *p, const struct mr_sql_token *word, enum mr_sql_clause clause,
                        struct mr_sql_list *list);

#endif
