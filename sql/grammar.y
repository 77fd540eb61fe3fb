/* sql/grammar.y: Spark's SQL grammar for lemon (LALR(1)); lemon makes C of it at build time.
 *
 * Keywords are not reserved: tokens.c has decided by look-ahead which words stand as keywords, and a keyword that no
 * rule takes where it stands falls back to an identifier. For that the tables must not hold default reductions
 * (lemon -c), or the fallback would be tried too early. Actions only call the constructors of parser.h. */
%name mr_sql_grammar
%token_prefix MR_TOKEN_
%token_type {struct mr_sql_token}
%extra_argument {struct mr_sql_parser *p}
%stack_size 4000
%start_symbol input

%include {
#include "sql/parser.h"
}
%syntax_error { mr_sql_parser_unexpected(p, &yyminor); }
%stack_overflow { mr_sql_parser_too_complex(p); }

%fallback ID
  ALL AND ANTI ANY ARRAY AS ASC AUTO BETWEEN BOTH BY CASE CAST CATALOG CLUSTER COMMENT CONSTRAINT CREATE CROSS CUBE
  CURRENT DELAY DESC DISTINCT DISTRIBUTE DIV DROP ELSE END ESCAPE EXCEPT EXISTS EXPECT EXTERNAL EXTRACT FAIL FALSE
  FILTER FIRST FLOW FOLLOWING FOR FROM FULL GROUP GROUPING HAVING IF IGNORE ILIKE IN INNER INSERT INTERSECT INTERVAL
  INTO IS JOIN LAST LATERAL LEADING LEFT LIKE LIMIT LIVE LOCATION MAP MATERIALIZED MINUS_SET NAME NATURAL NOT NULL NULLS
  OF OFFSET ON ONCE OPTIONS OR ORDER OUTER OVER OVERLAY OVERWRITE PARTITION PARTITIONED PLACING POSITION PRECEDING
  PRIVATE QUALIFY RANGE RECURSIVE REFRESH REPLACE RESPECT RIGHT RLIKE ROLLUP ROW ROWS SCHEMA SELECT SEMI SETS SINK SORT
  STREAM STREAMING STRUCT SUBSTRING TABLE TABLESAMPLE TBLPROPERTIES TEMPORARY THEN TO TRAILING TRIM TRUE TRY_CAST
  UNBOUNDED UNION UNKNOWN UPDATE USE USING VALUES VIEW VIOLATION WATERMARK WHEN WHERE WINDOW WITH WITHIN
  STAR_EXCEPT UNIT.
%fallback MINUS MINUS_NUMBER UNIT_MINUS.
%fallback PLUS UNIT_PLUS.

%token SEMICOLON.
%nonassoc LOW.
%nonassoc HIGH WINDOW COMMA LP IGNORE RESPECT.
%left OR.
%left AND.
%right NOT BANG.
%left EQ NSEQ NE LT LE GT GE.
%left PIPE.
%left HAT.
%left AMPERSAND.
%left SHIFT_LEFT SHIFT_RIGHT SHIFT_RIGHT_UNSIGNED.
%left PLUS MINUS CONCAT.
%left STAR SLASH PERCENT DIV.
%right UNARY TILDE.

%left UNION EXCEPT MINUS_SET.
%left INTERSECT.

%type query {struct mr_sql_query *}
%type paren_query {struct mr_sql_query *}
%type ctes {struct mr_sql_list *}
%type cte {struct mr_sql_cte *}
%type term {struct mr_sql_body *}
%type query_primary {struct mr_sql_body *}
%type select {struct mr_sql_body *}
%type values {struct mr_sql_relation *}
%type set_all {int}
%type distinct {int}
%type items {struct mr_sql_list *}
%type item {struct mr_sql_item *}
%type from {struct mr_sql_relation *}
%type from_clause {struct mr_sql_relation *}
%type relations {struct mr_sql_relation *}
%type relation {struct mr_sql_relation *}
%type relation_primary {struct mr_sql_relation *}
%type join_right {struct mr_sql_relation *}
%type join_kind {int}
%type table_function {struct mr_sql_relation *}
%type stream_relation {struct mr_sql_relation *}
%type sample {int}
%type watermark {struct mr_sql_watermark *}
%type alias {struct mr_sql_alias}
%type expr {struct mr_sql_expression *}
%type expr_optional {struct mr_sql_expression *}
%type predicate {struct mr_sql_expression *}
%type value {struct mr_sql_expression *}
%type primary {struct mr_sql_expression *}
%type postfix {struct mr_sql_expression *}
%type call {struct mr_sql_expression *}
%type number {struct mr_sql_expression *}
%type interval {struct mr_sql_expression *}
%type argument {struct mr_sql_expression *}
%type arguments {struct mr_sql_list *}
%type arguments_optional {struct mr_sql_list *}
%type exprs {struct mr_sql_list *}
%type exprs_optional {struct mr_sql_list *}
%type whens {struct mr_sql_list *}
%type star {struct mr_sql_expression *}
%type strings {struct mr_sql_token}
%type qname {struct mr_sql_name *}
%type names {struct mr_sql_list *}
%type names_optional {struct mr_sql_list *}
%type not {int}
%type window {struct mr_sql_window *}
%type window_partition {struct mr_sql_list *}
%type window_definition {struct mr_sql_window *}
%type window_definitions {struct mr_sql_list *}
%type window_clause {struct mr_sql_list *}
%type frame_bound {struct mr_sql_bound}
%type frame_unit {int}
%type order {struct mr_sql_order *}
%type orders {struct mr_sql_list *}
%type orders_optional {struct mr_sql_list *}
%type direction {int}
%type nulls {int}
%type grouping {struct mr_sql_grouping *}
%type groupings {struct mr_sql_list *}
%type grouping_units {struct mr_sql_list *}
%type grouping_sets {struct mr_sql_list *}
%type grouping_set {struct mr_sql_grouping_set *}
%type units {struct mr_sql_list *}
%type unit {struct mr_sql_interval_unit *}
%type option {struct mr_sql_option *}
%type options {struct mr_sql_list *}
%type options_optional {struct mr_sql_list *}
%type option_key {struct mr_sql_option *}
%type option_value {struct mr_str}
%type type {struct mr_sql_token}
%type yes {int}

input ::= statement.

/* ---------------------------------------------------------------- names */
qname(R) ::= ID(A). { R = mr_sql_make_name(p, &A); }
qname(R) ::= qname(L) DOT ID(A). { R = mr_sql_name_add(p, L, &A); }
names(R) ::= ID(A). { R = mr_sql_names_add(p, NULL, &A); }
names(R) ::= names(L) COMMA ID(A). { R = mr_sql_names_add(p, L, &A); }
names_optional(R) ::= . [LOW] { R = NULL; }
names_optional(R) ::= LP names(L) RP. { R = L; }

/* ---------------------------------------------------------------- queries */
statement ::= query(Q). { mr_sql_statement_query(p, Q); }

query(R) ::= term(B) query_end. { R = mr_sql_make_query(p, NULL, 0, NULL, B); }
query(R) ::= WITH(W) ctes(C) term(B) query_end. { R = mr_sql_make_query(p, &W, 0, C, B); }
query(R) ::= WITH(W) RECURSIVE ctes(C) term(B) query_end. { R = mr_sql_make_query(p, &W, 1, C, B); }
ctes(R) ::= cte(C). { R = mr_sql_list_add(p, NULL, C); }
ctes(R) ::= ctes(L) COMMA cte(C). { R = mr_sql_list_add(p, L, C); }
cte(R) ::= ID(N) names_optional(C) AS LP query(Q) RP(E). { R = mr_sql_make_cte(p, &N, C, Q, &E); }

/* What stands behind a query goes to p->tail, which make_query takes. */
query_end ::= query_order query_windows query_limit query_offset.
query_order ::= . { mr_sql_tail_begin(p); }
query_order ::= ORDER BY orders(L). { mr_sql_tail_begin(p); mr_sql_tail_order(p, L); }
query_order ::= ORDER BY ALL direction(D) nulls(N). {
    mr_sql_tail_begin(p); mr_sql_tail_order_all(p, D, N); }
query_order ::= SORT BY orders(L). { mr_sql_tail_begin(p); mr_sql_tail_order(p, L); }
query_order ::= CLUSTER BY exprs. { mr_sql_tail_begin(p); }
query_order ::= DISTRIBUTE BY exprs. { mr_sql_tail_begin(p); }
query_order ::= DISTRIBUTE BY exprs SORT BY orders(L). { mr_sql_tail_begin(p); mr_sql_tail_order(p, L); }
query_windows ::= .
query_windows ::= window_clause.
query_limit ::= .
query_limit ::= LIMIT ALL.
query_limit ::= LIMIT expr(E). { mr_sql_tail_limit(p, E); }
query_offset ::= .
query_offset ::= OFFSET expr(E). { mr_sql_tail_offset(p, E); }

term(R) ::= query_primary(B). { R = B; }
term(R) ::= term(A) UNION set_all(S) term(B). { R = mr_sql_make_set(p, MR_SQL_BODY_UNION, A, S, B); }
term(R) ::= term(A) EXCEPT set_all(S) term(B). { R = mr_sql_make_set(p, MR_SQL_BODY_EXCEPT, A, S, B); }
term(R) ::= term(A) MINUS_SET set_all(S) term(B). { R = mr_sql_make_set(p, MR_SQL_BODY_EXCEPT, A, S, B); }
term(R) ::= term(A) INTERSECT set_all(S) term(B). { R = mr_sql_make_set(p, MR_SQL_BODY_INTERSECT, A, S, B); }
set_all(R) ::= . { R = 0; }
set_all(R) ::= ALL. { R = 1; }
set_all(R) ::= DISTINCT. { R = 0; }

query_primary(R) ::= select(B). { R = B; }
query_primary(R) ::= values(V). [HIGH] { R = mr_sql_make_from_body(p, MR_SQL_BODY_VALUES, V); }
query_primary(R) ::= TABLE(T) qname(N). {
    R = mr_sql_make_from_body(p, MR_SQL_BODY_TABLE, mr_sql_make_table(p, &T, N, NULL)); }
query_primary(R) ::= paren_query(Q). [HIGH] { R = mr_sql_make_query_body(p, Q); }
paren_query(R) ::= LP(A) query(Q) RP(B). { R = mr_sql_query_parens(p, &A, Q, &B); }

select(R) ::= SELECT(S) distinct(D) items(I) from(F) where group having qualify window_optional. {
    R = mr_sql_make_select(p, &S, D, I, F); }
select(R) ::= from_clause(F) SELECT(S) distinct(D) items(I) where group having qualify window_optional. {
    R = mr_sql_make_select(p, &S, D, I, F); }
distinct(R) ::= . { R = 0; mr_sql_select_begin(p); }
distinct(R) ::= ALL. { R = 0; mr_sql_select_begin(p); }
distinct(R) ::= DISTINCT. { R = 1; mr_sql_select_begin(p); }
items(R) ::= item(I). { R = mr_sql_list_add(p, NULL, I); }
items(R) ::= items(L) COMMA item(I). { R = mr_sql_list_add(p, L, I); }
item(R) ::= expr(E). { R = mr_sql_make_item(p, E, NULL); }
item(R) ::= star(E). { R = mr_sql_make_item(p, E, NULL); }
item(R) ::= expr(E) ID(A). { R = mr_sql_make_item(p, E, mr_sql_names_add(p, NULL, &A)); }
item(R) ::= expr(E) AS ID(A). { R = mr_sql_make_item(p, E, mr_sql_names_add(p, NULL, &A)); }
item(R) ::= expr(E) AS LP names(N) RP. { R = mr_sql_make_item(p, E, N); }
star(R) ::= STAR(A). { R = mr_sql_make_star(p, NULL, &A, NULL); }
star(R) ::= STAR(A) STAR_EXCEPT LP names(N) RP. { R = mr_sql_make_star(p, NULL, &A, N); }
star(R) ::= qname(N) DOT STAR(A). { R = mr_sql_make_star(p, N, &A, NULL); }
star(R) ::= qname(N) DOT STAR(A) STAR_EXCEPT LP names(E) RP. { R = mr_sql_make_star(p, N, &A, E); }

/* The clauses of a SELECT go to p->select, pushed by `distinct` and taken by make_select. */
where ::= .
where ::= WHERE expr(E). { p->select->where = E; }
having ::= .
having ::= HAVING expr(E). { p->select->having = E; }
qualify ::= .
qualify ::= QUALIFY expr(E). { p->select->qualify = E; }
window_optional ::= . [LOW]
window_optional ::= window_clause(L). [HIGH] { p->select->windows = L; }
window_clause(R) ::= WINDOW window_definitions(L). { R = L; }
window_definitions(R) ::= window_definition(W). { R = mr_sql_list_add(p, NULL, W); }
window_definitions(R) ::= window_definitions(L) COMMA window_definition(W). { R = mr_sql_list_add(p, L, W); }
window_definition(R) ::= ID(N) AS LP window_body(W) RP. { R = W; W->name = mr_sql_token_identifier(p, &N); }
group ::= .
group ::= GROUP BY groupings(L). { mr_sql_select_group(p, L, 0); }
group ::= GROUP BY groupings(L) WITH ROLLUP. { mr_sql_select_group(p, L, 'r'); }
group ::= GROUP BY groupings(L) WITH CUBE. { mr_sql_select_group(p, L, 'c'); }
group ::= GROUP BY ALL. { p->select->group = MR_SQL_GROUP_ALL; }
groupings(R) ::= grouping(G). { R = mr_sql_list_add(p, NULL, G); }
groupings(R) ::= groupings(L) COMMA grouping(G). { R = mr_sql_list_add(p, L, G); }
grouping(R) ::= expr(E). { R = mr_sql_make_grouping(p, MR_SQL_GROUPING_EXPRESSION, E, NULL); }
grouping(R) ::= ROLLUP LP grouping_units(L) RP. { R = mr_sql_make_grouping(p, MR_SQL_GROUPING_ROLLUP, NULL, L); }
grouping(R) ::= CUBE LP grouping_units(L) RP. { R = mr_sql_make_grouping(p, MR_SQL_GROUPING_CUBE, NULL, L); }
grouping(R) ::= GROUPING SETS LP grouping_sets(L) RP. {
    R = mr_sql_make_grouping(p, MR_SQL_GROUPING_SETS, NULL, L); }
grouping_units(R) ::= expr(E). { R = mr_sql_list_add(p, NULL, mr_sql_make_grouping_set(p, E, NULL)); }
grouping_units(R) ::= grouping_units(L) COMMA expr(E). {
    R = mr_sql_list_add(p, L, mr_sql_make_grouping_set(p, E, NULL)); }
grouping_sets(R) ::= grouping_set(S). { R = mr_sql_list_add(p, NULL, S); }
grouping_sets(R) ::= grouping_sets(L) COMMA grouping_set(S). { R = mr_sql_list_add(p, L, S); }
grouping_set(R) ::= expr(E). { R = mr_sql_make_grouping_set(p, E, NULL); }
grouping_set(R) ::= LP RP. { R = mr_sql_make_grouping_set(p, NULL, NULL); }
grouping_set(R) ::= ROLLUP LP grouping_units(L) RP. { R = mr_sql_make_grouping_set(p, NULL,
    mr_sql_make_grouping(p, MR_SQL_GROUPING_ROLLUP, NULL, L)); }
grouping_set(R) ::= CUBE LP grouping_units(L) RP. { R = mr_sql_make_grouping_set(p, NULL,
    mr_sql_make_grouping(p, MR_SQL_GROUPING_CUBE, NULL, L)); }

orders_optional(R) ::= . { R = NULL; }
orders_optional(R) ::= ORDER BY orders(L). { R = L; }
orders(R) ::= order(O). { R = mr_sql_list_add(p, NULL, O); }
orders(R) ::= orders(L) COMMA order(O). { R = mr_sql_list_add(p, L, O); }
order(R) ::= expr(E) direction(D) nulls(N). { R = mr_sql_make_order(p, E, D, N); }
direction(R) ::= . { R = 0; }
direction(R) ::= ASC. { R = 0; }
direction(R) ::= DESC. { R = 1; }
nulls(R) ::= . { R = 0; }
nulls(R) ::= NULLS FIRST. { R = 'f'; }
nulls(R) ::= NULLS LAST. { R = 'l'; }

/* ---------------------------------------------------------------- relations */
from(R) ::= . { R = NULL; }
from(R) ::= from_clause(F). { R = F; }
from_clause(R) ::= FROM relations(L). { R = L; }
from_clause(R) ::= from_clause(L) LATERAL VIEW yes(O) qname(F) LP exprs_optional(A) RP view_alias(N). {
    R = mr_sql_make_view(p, L, O, F, A, N); }
%type view_alias {struct mr_sql_alias}
view_alias(R) ::= . { R = (struct mr_sql_alias){0}; }
view_alias(R) ::= ID(A). { R = mr_sql_make_alias(p, &A, NULL); }
view_alias(R) ::= ID(A) names(N). { R = mr_sql_make_alias(p, &A, N); }
view_alias(R) ::= ID(A) AS names(N). { R = mr_sql_make_alias(p, &A, N); }
view_alias(R) ::= AS names(N). { R = mr_sql_make_alias(p, NULL, N); }
yes(R) ::= . { R = 0; }
yes(R) ::= OUTER. { R = 1; }

relations(R) ::= relation(A). { R = A; }
relations(R) ::= relations(L) COMMA relation(B). { R = mr_sql_make_join(p, L, MR_SQL_JOIN_CROSS, B); }
relation(R) ::= relation_primary(A). { R = A; }
relation(R) ::= LATERAL relation_primary(A). { R = A; R->lateral = true; }
relation(R) ::= relation(L) join_kind(K) JOIN join_right(B). { R = mr_sql_make_join(p, L, K, B); }
relation(R) ::= relation(L) join_kind(K) JOIN join_right(B) ON expr(E). {
    R = mr_sql_make_join(p, L, K, B); R->on = E; mr_sql_relation_stop(p, R); }
relation(R) ::= relation(L) join_kind(K) JOIN join_right(B) USING LP names(N) RP. {
    R = mr_sql_make_join(p, L, K, B); mr_sql_join_using(p, R, N); }
relation(R) ::= relation(L) NATURAL join_kind(K) JOIN join_right(B). {
    R = mr_sql_make_join(p, L, K, B); R->natural = true; }
join_right(R) ::= relation_primary(A). { R = A; }
join_right(R) ::= LATERAL relation_primary(A). { R = A; R->lateral = true; }
join_kind(R) ::= . { R = MR_SQL_JOIN_INNER; }
join_kind(R) ::= INNER. { R = MR_SQL_JOIN_INNER; }
join_kind(R) ::= CROSS. { R = MR_SQL_JOIN_CROSS; }
join_kind(R) ::= LEFT yes. { R = MR_SQL_JOIN_LEFT; }
join_kind(R) ::= RIGHT yes. { R = MR_SQL_JOIN_RIGHT; }
join_kind(R) ::= FULL yes. { R = MR_SQL_JOIN_FULL; }
join_kind(R) ::= LEFT SEMI. { R = MR_SQL_JOIN_SEMI; }
join_kind(R) ::= SEMI. { R = MR_SQL_JOIN_SEMI; }
join_kind(R) ::= LEFT ANTI. { R = MR_SQL_JOIN_ANTI; }
join_kind(R) ::= ANTI. { R = MR_SQL_JOIN_ANTI; }

relation_primary(R) ::= qname(N) options_optional(O) sample(S) watermark(W) alias(A). {
    R = mr_sql_relation_finish(p, mr_sql_make_table(p, NULL, N, O), S, W, A); }
relation_primary(R) ::= paren_query(Q) sample(S) watermark(W) alias(A). {
    R = mr_sql_relation_finish(p, mr_sql_make_subquery(p, Q), S, W, A); }
relation_primary(R) ::= LP(B) relations(L) RP(E) sample(S) watermark(W) alias(A). {
    R = mr_sql_relation_finish(p, mr_sql_make_group(p, &B, L, &E), S, W, A); }
relation_primary(R) ::= values(V). [LOW] { R = V; }
relation_primary(R) ::= table_function(F) watermark(W) alias(A). { R = mr_sql_relation_finish(p, F, 0, W, A); }
relation_primary(R) ::= stream_relation(S) watermark(W) alias(A). { R = mr_sql_relation_finish(p, S, 0, W, A); }
table_function(R) ::= qname(N) LP arguments_optional(L) RP(E). { R = mr_sql_make_table_function(p, N, L, &E); }
stream_relation(R) ::= STREAM(S) qname(N) options_optional(O). {
    R = mr_sql_make_table(p, &S, N, O); R->stream = true; }
stream_relation(R) ::= STREAM(S) LP qname(N) RP options_optional(O). {
    R = mr_sql_make_table(p, &S, N, O); R->stream = true; }
stream_relation(R) ::= STREAM(S) table_function(F). { R = F; R->start = S.start; R->stream = true; }
stream_relation(R) ::= STREAM(S) LP table_function(F) RP. { R = F; R->start = S.start; R->stream = true; }

values(R) ::= VALUES(V) exprs(L) watermark(W) alias(A). {
    R = mr_sql_relation_finish(p, mr_sql_make_values(p, &V, L), 0, W, A); }
sample(R) ::= . [LOW] { R = 0; }
sample(R) ::= TABLESAMPLE LP sample_body RP. { R = 1; }
sample_body ::= NUMBER ID.
sample_body ::= NUMBER ROWS.
watermark(R) ::= . [LOW] { R = NULL; }
watermark(R) ::= WATERMARK(W) item(I) DELAY OF interval(D). { R = mr_sql_make_watermark(p, &W, I, D); }
alias(R) ::= . [LOW] { R = (struct mr_sql_alias){0}; }
alias(R) ::= ID(A) names_optional(C). { R = mr_sql_make_alias(p, &A, C); }
alias(R) ::= AS ID(A) names_optional(C). { R = mr_sql_make_alias(p, &A, C); }

options_optional(R) ::= . { R = NULL; }
options_optional(R) ::= WITH LP options(L) RP. { R = L; }
options(R) ::= option(O). { R = mr_sql_list_add(p, NULL, O); }
options(R) ::= options(L) COMMA option(O). { R = mr_sql_list_add(p, L, O); }
option(R) ::= option_key(K). { R = K; }
option(R) ::= option_key(K) EQ option_value(V). { R = mr_sql_set_option(p, K, V); }
option(R) ::= option_key(K) option_value(V). { R = mr_sql_set_option(p, K, V); }
option_key(R) ::= qname(N). { R = mr_sql_make_option(p, mr_sql_name_text(p, N), N->start, N->stop); }
option_key(R) ::= STRING(S). { R = mr_sql_make_option(p, mr_sql_unescape(p, &S), S.start, S.stop); }
option_value(R) ::= STRING(S). { R = mr_sql_unescape(p, &S); }
option_value(R) ::= NUMBER(N). { R = mr_sql_token_text(p, &N); }
option_value(R) ::= TRUE. { R = MR_STR("true"); }
option_value(R) ::= FALSE. { R = MR_STR("false"); }

%include {
#define OPERATOR(word, a, b) mr_sql_make_operator(p, MR_STR(word), a, b, NULL)
}

/* ---------------------------------------------------------------- expressions */
expr(R) ::= predicate(A). { R = A; }
expr(R) ::= NOT(T) expr(A). { R = mr_sql_make_prefix(p, &T, MR_STR("not"), A); }
expr(R) ::= BANG(T) expr(A). { R = mr_sql_make_prefix(p, &T, MR_STR("not"), A); }
expr(R) ::= expr(A) AND expr(B). { R = mr_sql_make_junction(p, MR_STR("and"), A, B); }
expr(R) ::= expr(A) OR expr(B). { R = mr_sql_make_junction(p, MR_STR("or"), A, B); }
expr(R) ::= EXISTS(T) LP query(Q) RP(E). { R = mr_sql_make_query_value(p, MR_SQL_QUERY_EXISTS, &T, NULL, Q, &E); }
expr_optional(R) ::= . { R = NULL; }
expr_optional(R) ::= ELSE expr(E). { R = E; }
exprs(R) ::= expr(E). { R = mr_sql_list_add(p, NULL, E); }
exprs(R) ::= exprs(L) COMMA expr(E). { R = mr_sql_list_add(p, L, E); }
exprs_optional(R) ::= . { R = NULL; }
exprs_optional(R) ::= exprs(L). { R = L; }

not(R) ::= . { R = 0; }
not(R) ::= NOT. { R = 1; }
predicate(R) ::= value(A). { R = A; }
predicate(R) ::= value(A) not(N) BETWEEN value(B) AND value(C). {
    R = mr_sql_make_not(p, N, mr_sql_make_operator(p, MR_STR("between"), A, B, C)); }
predicate(R) ::= value(A) not(N) IN LP exprs(L) RP(E). { R = mr_sql_make_not(p, N, mr_sql_make_in(p, A, L, &E)); }
predicate(R) ::= value(A) not(N) IN LP query(Q) RP(E). {
    R = mr_sql_make_not(p, N, mr_sql_make_query_value(p, MR_SQL_QUERY_IN, NULL, A, Q, &E)); }
predicate(R) ::= value(A) not(N) RLIKE value(B). { R = mr_sql_make_not(p, N, OPERATOR("rlike", A, B)); }
predicate(R) ::= value(A) not(N) LIKE value(B). { R = mr_sql_make_not(p, N, OPERATOR("like", A, B)); }
predicate(R) ::= value(A) not(N) LIKE value(B) ESCAPE STRING(E). {
    R = mr_sql_make_not(p, N, mr_sql_make_operator(p, MR_STR("like"), A, B, mr_sql_make_string(p, &E))); }
predicate(R) ::= value(A) not(N) ILIKE value(B). { R = mr_sql_make_not(p, N, OPERATOR("ilike", A, B)); }
predicate(R) ::= value(A) not(N) ILIKE value(B) ESCAPE STRING(E). {
    R = mr_sql_make_not(p, N, mr_sql_make_operator(p, MR_STR("ilike"), A, B, mr_sql_make_string(p, &E))); }
predicate(R) ::= value(A) not(N) LIKE ANY LP exprs(L) RP(E). {
    R = mr_sql_make_like_list(p, A, MR_STR("like"), 0, N, L, &E); }
predicate(R) ::= value(A) not(N) LIKE ALL LP exprs(L) RP(E). {
    R = mr_sql_make_like_list(p, A, MR_STR("like"), 1, N, L, &E); }
predicate(R) ::= value(A) not(N) ILIKE ANY LP exprs(L) RP(E). {
    R = mr_sql_make_like_list(p, A, MR_STR("ilike"), 0, N, L, &E); }
predicate(R) ::= value(A) not(N) ILIKE ALL LP exprs(L) RP(E). {
    R = mr_sql_make_like_list(p, A, MR_STR("ilike"), 1, N, L, &E); }
predicate(R) ::= value(A) IS not(N) NULL(T). { R = mr_sql_make_is(p, A, N ? "isnotnull" : "isnull", NULL, 0, &T); }
predicate(R) ::= value(A) IS not(N) TRUE(T). { R = mr_sql_make_is(p, A, "<=>", "true", N, &T); }
predicate(R) ::= value(A) IS not(N) FALSE(T). { R = mr_sql_make_is(p, A, "<=>", "false", N, &T); }
predicate(R) ::= value(A) IS not(N) UNKNOWN(T). {
    R = mr_sql_make_is(p, A, N ? "isnotnull" : "isnull", NULL, 0, &T); }
predicate(R) ::= value(A) IS not(N) DISTINCT FROM value(B). { R = mr_sql_make_not(p, !N, OPERATOR("<=>", A, B)); }

value(R) ::= primary(A). { R = A; }
value(R) ::= MINUS(T) value(A). [UNARY] { R = mr_sql_make_prefix(p, &T, MR_STR("-"), A); }
value(R) ::= PLUS(T) value(A). [UNARY] { R = mr_sql_make_prefix(p, &T, MR_STR("+"), A); }
value(R) ::= TILDE(T) value(A). { R = mr_sql_make_prefix(p, &T, MR_STR("~"), A); }
value(R) ::= value(A) STAR value(B). { R = OPERATOR("*", A, B); }
value(R) ::= value(A) SLASH value(B). { R = OPERATOR("/", A, B); }
value(R) ::= value(A) PERCENT value(B). { R = OPERATOR("%", A, B); }
value(R) ::= value(A) DIV value(B). { R = OPERATOR("div", A, B); }
value(R) ::= value(A) PLUS value(B). { R = OPERATOR("+", A, B); }
value(R) ::= value(A) MINUS value(B). { R = OPERATOR("-", A, B); }
value(R) ::= value(A) CONCAT value(B). { R = OPERATOR("||", A, B); }
value(R) ::= value(A) SHIFT_LEFT value(B). { R = OPERATOR("<<", A, B); }
value(R) ::= value(A) SHIFT_RIGHT value(B). { R = OPERATOR(">>", A, B); }
value(R) ::= value(A) SHIFT_RIGHT_UNSIGNED value(B). { R = OPERATOR(">>>", A, B); }
value(R) ::= value(A) AMPERSAND value(B). { R = OPERATOR("&", A, B); }
value(R) ::= value(A) HAT value(B). { R = OPERATOR("^", A, B); }
value(R) ::= value(A) PIPE value(B). { R = OPERATOR("|", A, B); }
value(R) ::= value(A) EQ value(B). { R = OPERATOR("=", A, B); }
value(R) ::= value(A) NSEQ value(B). { R = OPERATOR("<=>", A, B); }
value(R) ::= value(A) NE value(B). { R = mr_sql_make_not(p, 1, OPERATOR("=", A, B)); }
value(R) ::= value(A) LT value(B). { R = OPERATOR("<", A, B); }
value(R) ::= value(A) LE value(B). { R = OPERATOR("<=", A, B); }
value(R) ::= value(A) GT value(B). { R = OPERATOR(">", A, B); }
value(R) ::= value(A) GE value(B). { R = OPERATOR(">=", A, B); }

primary(R) ::= qname(N). { R = mr_sql_make_column(p, N); }
primary(R) ::= postfix(A). { R = A; }
postfix(R) ::= postfix(A) DOT ID(F). { R = mr_sql_make_field(p, A, &F); }
postfix(R) ::= primary(A) LB expr(B) RB(E). { R = mr_sql_make_subscript(p, A, B, &E); }
postfix(R) ::= primary(A) DOUBLE_COLON type(T). { R = mr_sql_make_cast(p, NULL, A, &T, NULL, 0); }
postfix(R) ::= LP(B) expr(A) RP(E). { R = mr_sql_make_parens(p, &B, A, &E); }
postfix(R) ::= LP(B) expr(A) COMMA exprs(L) RP(E). { R = mr_sql_make_row(p, &B, A, L, &E); }
postfix(R) ::= paren_query(Q). [LOW] { R = mr_sql_make_query_value(p, MR_SQL_QUERY_VALUE, NULL, NULL, Q, NULL); }
postfix(R) ::= NULL(T). { R = mr_sql_make_constant(p, MR_SQL_NULL, &T, 0); }
postfix(R) ::= TRUE(T). { R = mr_sql_make_constant(p, MR_SQL_BOOLEAN, &T, 1); }
postfix(R) ::= FALSE(T). { R = mr_sql_make_constant(p, MR_SQL_BOOLEAN, &T, 0); }
postfix(R) ::= number(N). { R = N; }
number(R) ::= NUMBER(T). { R = mr_sql_make_number(p, NULL, &T); }
number(R) ::= MINUS_NUMBER(S) NUMBER(T). { R = mr_sql_make_number(p, &S, &T); }
postfix(R) ::= strings(S). { R = mr_sql_make_strings(p, &S); }
strings(R) ::= STRING(S). { R = S; }
strings(R) ::= strings(L) STRING(S). { R = L; R.stop = S.stop; }
postfix(R) ::= ID(T) STRING(S). { R = mr_sql_make_typed(p, &T, &S); }
postfix(R) ::= interval(I). { R = I; }
postfix(R) ::= COLON(T) ID(N). { R = mr_sql_make_parameter(p, &T, &N); }
postfix(R) ::= QUESTION(T). { R = mr_sql_make_parameter(p, &T, NULL); }
interval(R) ::= INTERVAL(T) STRING(S). { R = mr_sql_make_typed(p, &T, &S); }
interval(R) ::= INTERVAL(T) units(L). { R = mr_sql_make_interval(p, &T, L, NULL); }
interval(R) ::= INTERVAL(T) unit(U) TO UNIT(E). {
    R = mr_sql_make_interval(p, &T, mr_sql_list_add(p, NULL, U), &E); }
units(R) ::= unit(U). { R = mr_sql_list_add(p, NULL, U); }
units(R) ::= units(L) unit(U). { R = mr_sql_list_add(p, L, U); }
unit(R) ::= NUMBER(V) UNIT(U). { R = mr_sql_make_unit(p, NULL, &V, &U); }
unit(R) ::= STRING(V) UNIT(U). { R = mr_sql_make_unit(p, NULL, &V, &U); }
unit(R) ::= UNIT_MINUS(S) NUMBER(V) UNIT(U). { R = mr_sql_make_unit(p, &S, &V, &U); }
unit(R) ::= UNIT_MINUS(S) STRING(V) UNIT(U). { R = mr_sql_make_unit(p, &S, &V, &U); }
unit(R) ::= UNIT_PLUS NUMBER(V) UNIT(U). { R = mr_sql_make_unit(p, NULL, &V, &U); }
unit(R) ::= UNIT_PLUS STRING(V) UNIT(U). { R = mr_sql_make_unit(p, NULL, &V, &U); }

postfix(R) ::= CASE(T) whens(W) expr_optional(E) END(Z). { R = mr_sql_make_case(p, &T, NULL, W, E, &Z); }
postfix(R) ::= CASE(T) expr(O) whens(W) expr_optional(E) END(Z). { R = mr_sql_make_case(p, &T, O, W, E, &Z); }
whens(R) ::= WHEN expr(C) THEN expr(V). { R = mr_sql_list_add(p, mr_sql_list_add(p, NULL, C), V); }
whens(R) ::= whens(L) WHEN expr(C) THEN expr(V). { R = mr_sql_list_add(p, mr_sql_list_add(p, L, C), V); }
postfix(R) ::= CAST(T) LP expr(A) AS type(Y) RP(E). { R = mr_sql_make_cast(p, &T, A, &Y, &E, 0); }
postfix(R) ::= TRY_CAST(T) LP expr(A) AS type(Y) RP(E). { R = mr_sql_make_cast(p, &T, A, &Y, &E, 1); }
postfix(R) ::= EXTRACT(T) LP ID(F) FROM value(A) RP(E). { R = mr_sql_make_extract(p, &T, &F, A, &E); }
postfix(R) ::= SUBSTRING(T) LP value(A) FROM value(B) RP(E). { R = mr_sql_make_words(p, &T, "substring", A, B, NULL, NULL, &E); }
postfix(R) ::= SUBSTRING(T) LP value(A) FROM value(B) FOR value(C) RP(E). {
    R = mr_sql_make_words(p, &T, "substring", A, B, C, NULL, &E); }
postfix(R) ::= POSITION(T) LP value(A) IN value(B) RP(E). { R = mr_sql_make_words(p, &T, "locate", A, B, NULL, NULL, &E); }
postfix(R) ::= OVERLAY(T) LP value(A) PLACING value(B) FROM value(C) RP(E). {
    R = mr_sql_make_words(p, &T, "overlay", A, B, C, NULL, &E); }
postfix(R) ::= OVERLAY(T) LP value(A) PLACING value(B) FROM value(C) FOR value(D) RP(E). {
    R = mr_sql_make_words(p, &T, "overlay", A, B, C, D, &E); }
postfix(R) ::= TRIM(T) LP trim_side(S) FROM value(A) RP(E). { R = mr_sql_make_trim(p, &T, &S, NULL, A, &E); }
postfix(R) ::= TRIM(T) LP trim_side(S) value(B) FROM value(A) RP(E). { R = mr_sql_make_trim(p, &T, &S, B, A, &E); }
postfix(R) ::= TRIM(T) LP value(B) FROM value(A) RP(E). { R = mr_sql_make_trim(p, &T, NULL, B, A, &E); }
%type trim_side {struct mr_sql_token}
trim_side(R) ::= BOTH(T). { R = T; }
trim_side(R) ::= LEADING(T). { R = T; }
trim_side(R) ::= TRAILING(T). { R = T; }

postfix(R) ::= call(C). [LOW] { R = C; }
call(R) ::= qname(N) LP arguments_optional(L) RP(E). { R = mr_sql_make_call(p, N, 0, L, &E); }
call(R) ::= qname(N) LP DISTINCT arguments(L) RP(E). { R = mr_sql_make_call(p, N, 1, L, &E); }
call(R) ::= qname(N) LP ALL arguments(L) RP(E). { R = mr_sql_make_call(p, N, 0, L, &E); }
call(R) ::= qname(N) LP arguments(L) IGNORE NULLS RP(E). { R = mr_sql_make_call(p, N, 0, L, &E); R->ignore_nulls = true; }
call(R) ::= qname(N) LP arguments(L) RESPECT NULLS RP(E). { R = mr_sql_make_call(p, N, 0, L, &E); }
call(R) ::= call(C) WITHIN GROUP LP ORDER BY orders(L) RP(E). { R = mr_sql_call_within(p, C, L); mr_sql_call_stop(R, &E); }
call(R) ::= call(C) FILTER LP WHERE expr(F) RP(E). { R = C; R->filter = F; mr_sql_call_stop(R, &E); }
call(R) ::= call(C) IGNORE NULLS(E). { R = C; R->ignore_nulls = true; mr_sql_call_stop(R, &E); }
call(R) ::= call(C) RESPECT NULLS(E). { R = C; mr_sql_call_stop(R, &E); }
call(R) ::= call(C) OVER ID(W). { R = mr_sql_call_over(p, C, mr_sql_make_window(p, &W, NULL, NULL, &W)); }
call(R) ::= call(C) OVER LP window_body(W) RP(E). { R = mr_sql_call_over(p, C, W); mr_sql_call_stop(R, &E); }
%type window_body {struct mr_sql_window *}
window_body(R) ::= window(W). { R = W; }
window_body(R) ::= ID(N) window(W). { R = W; W->reference = mr_sql_token_identifier(p, &N); }
window(R) ::= window_partition(L) orders_optional(O) window_frame(F). {
    R = mr_sql_make_window(p, NULL, L, O, NULL);
    R->has_frame = F.given; R->rows = F.rows; R->from = F.from; R->to = F.to; }
window_partition(R) ::= . { R = NULL; }
window_partition(R) ::= PARTITION BY exprs(L). { R = L; }
%type window_frame {struct mr_sql_frame}
window_frame(R) ::= . { R = (struct mr_sql_frame){0}; }
window_frame(R) ::= frame_unit(U) frame_bound(A). {
    R = (struct mr_sql_frame){true, U, A, {MR_SQL_CURRENT_ROW, NULL}}; }
window_frame(R) ::= frame_unit(U) BETWEEN frame_bound(A) AND frame_bound(B). {
    R = (struct mr_sql_frame){true, U, A, B}; }
frame_unit(R) ::= ROWS. { R = 1; }
frame_unit(R) ::= RANGE. { R = 0; }
frame_bound(R) ::= UNBOUNDED PRECEDING. { R = (struct mr_sql_bound){MR_SQL_UNBOUNDED_PRECEDING, NULL}; }
frame_bound(R) ::= UNBOUNDED FOLLOWING. { R = (struct mr_sql_bound){MR_SQL_UNBOUNDED_FOLLOWING, NULL}; }
frame_bound(R) ::= CURRENT ROW. { R = (struct mr_sql_bound){MR_SQL_CURRENT_ROW, NULL}; }
frame_bound(R) ::= value(E) PRECEDING. { R = (struct mr_sql_bound){MR_SQL_PRECEDING, E}; }
frame_bound(R) ::= value(E) FOLLOWING. { R = (struct mr_sql_bound){MR_SQL_FOLLOWING, E}; }

arguments_optional(R) ::= . { R = NULL; }
arguments_optional(R) ::= arguments(L). { R = L; }
arguments(R) ::= argument(A). { R = mr_sql_list_add(p, NULL, A); }
arguments(R) ::= arguments(L) COMMA argument(A). { R = mr_sql_list_add(p, L, A); }
argument(R) ::= expr(E). { R = E; }
argument(R) ::= star(E). { R = E; }
argument(R) ::= expr(E) AS ID(A). { R = mr_sql_make_aliased(p, E, &A); }
argument(R) ::= expr(E) ID(A). { R = mr_sql_make_aliased(p, E, &A); }
argument(R) ::= ID(N) FAT_ARROW expr(E). { R = mr_sql_make_named(p, &N, E); }
argument(R) ::= ID(N) ARROW expr(E). { R = mr_sql_make_lambda(p, mr_sql_names_add(p, NULL, &N), E, &N); }
argument(R) ::= LP(B) expr(A) RP ARROW expr(E). { R = mr_sql_make_lambda_of(p, &B, A, NULL, E); }
argument(R) ::= LP(B) expr(A) COMMA exprs(L) RP ARROW expr(E). { R = mr_sql_make_lambda_of(p, &B, A, L, E); }
argument(R) ::= TABLE(T) qname(N). { R = mr_sql_make_table_argument(p, &T, mr_sql_make_table(p, NULL, N, NULL), NULL); }
argument(R) ::= TABLE(T) LP argument_relation(A) RP(E). { R = mr_sql_make_table_argument(p, &T, A, &E); }
%type argument_relation {struct mr_sql_relation *}
argument_relation(R) ::= qname(N). { R = mr_sql_make_table(p, NULL, N, NULL); }
argument_relation(R) ::= stream_relation(S). { R = S; }
argument_relation(R) ::= table_function(F). { R = F; }
argument_relation(R) ::= query(Q). { R = mr_sql_make_subquery(p, Q); }

/* ---------------------------------------------------------------- types: only their range; columns/ parses the text */
type(R) ::= ID(A). { R = A; }
type(R) ::= ID(A) LP NUMBER RP(E). { R = A; R.stop = E.stop; }
type(R) ::= ID(A) LP NUMBER COMMA NUMBER RP(E). { R = A; R.stop = E.stop; }
type(R) ::= ARRAY(A) LT type GT(E). { R = A; R.stop = E.stop; }
type(R) ::= MAP(A) LT type COMMA type GT(E). { R = A; R.stop = E.stop; }
type(R) ::= STRUCT(A) LT type_fields GT(E). { R = A; R.stop = E.stop; }
type(R) ::= STRUCT(A) LT GT(E). { R = A; R.stop = E.stop; }
type(R) ::= INTERVAL(A) UNIT(E). { R = A; R.stop = E.stop; }
type(R) ::= INTERVAL(A) UNIT TO UNIT(E). { R = A; R.stop = E.stop; }
type_fields ::= type_field.
type_fields ::= type_fields COMMA type_field.
type_field ::= ID type type_field_options.
type_field ::= ID COLON type type_field_options.
type_field_options ::= .
type_field_options ::= type_field_options NOT NULL.
type_field_options ::= type_field_options COMMENT STRING.

/* ---------------------------------------------------------------- statements; they fill p->statement */
statement ::= create(K) if_not_exists qname(N) elements clauses as_query. { mr_sql_statement_create(p, &K, N); }
%type create {struct mr_sql_create}
create(R) ::= CREATE create_or private STREAMING TABLE. {
    R = (struct mr_sql_create){MR_SQL_CREATE_STREAMING_TABLE, "CREATE STREAMING TABLE"}; }
create(R) ::= CREATE create_or private MATERIALIZED VIEW. {
    R = (struct mr_sql_create){MR_SQL_CREATE_MATERIALIZED_VIEW, "CREATE MATERIALIZED VIEW"}; }
create(R) ::= CREATE create_or VIEW. { R = (struct mr_sql_create){MR_SQL_CREATE_VIEW, "CREATE VIEW"}; }
create(R) ::= CREATE create_or TEMPORARY VIEW. {
    R = (struct mr_sql_create){MR_SQL_CREATE_TEMPORARY_VIEW, "CREATE TEMPORARY VIEW"}; }
create(R) ::= CREATE create_or TEMPORARY LIVE VIEW. {
    p->statement->live = true; R = (struct mr_sql_create){MR_SQL_CREATE_TEMPORARY_VIEW, "CREATE TEMPORARY VIEW"}; }
create(R) ::= CREATE create_or TABLE. { R = (struct mr_sql_create){MR_SQL_CREATE_TABLE, "CREATE TABLE"}; }
create(R) ::= CREATE create_or EXTERNAL TABLE. {
    p->statement->external = true; R = (struct mr_sql_create){MR_SQL_CREATE_TABLE, "CREATE TABLE"}; }
create(R) ::= CREATE SINK. { R = (struct mr_sql_create){MR_SQL_CREATE_SINK, "CREATE SINK"}; }
create_or ::= .
create_or ::= OR REFRESH. { p->statement->or_refresh = true; }
create_or ::= OR REPLACE. { p->statement->or_replace = true; }
private ::= .
private ::= PRIVATE. { p->statement->is_private = true; }
if_not_exists ::= .
if_not_exists ::= IF NOT EXISTS. { p->statement->if_not_exists = true; }
as_query ::= .
as_query ::= AS query(Q). { p->statement->query = Q; }

elements ::= .
elements ::= LP element_list RP. { p->statement->has_columns = true; }
element_list ::= element.
element_list ::= element_list COMMA element.
element ::= ID(N) column_options. { mr_sql_statement_column(p, &N, NULL); }
element ::= ID(N) type(T) column_options. { mr_sql_statement_column(p, &N, &T); }
element ::= CONSTRAINT(C) ID(N) EXPECT LP expr(E) RP(Z) violation(V). { mr_sql_statement_expectation(p, &C, &N, E, &Z, V); }
column_options ::= .
column_options ::= column_options NOT NULL. { p->column_not_null = true; }
column_options ::= column_options COMMENT STRING(S). { p->column_comment = mr_sql_unescape(p, &S); }
%type violation {int}
violation(R) ::= . { R = MR_SQL_VIOLATION_WARN; }
violation(R) ::= ON VIOLATION DROP ROW. { R = MR_SQL_VIOLATION_DROP_ROW; }
violation(R) ::= ON VIOLATION FAIL UPDATE. { R = MR_SQL_VIOLATION_FAIL_UPDATE; }

clauses ::= .
clauses ::= clauses clause.
clause ::= USING(T) qname(N). { mr_sql_clause_text(p, &T, MR_SQL_CLAUSE_USING, mr_sql_name_text(p, N)); }
clause ::= COMMENT(T) STRING(S). { mr_sql_clause_text(p, &T, MR_SQL_CLAUSE_COMMENT, mr_sql_unescape(p, &S)); }
clause ::= LOCATION(T) STRING(S). { mr_sql_clause_text(p, &T, MR_SQL_CLAUSE_LOCATION, mr_sql_unescape(p, &S)); }
clause ::= PARTITIONED(T) BY LP names(L) RP. { mr_sql_clause_list(p, &T, MR_SQL_CLAUSE_PARTITIONED, L); }
clause ::= CLUSTER(T) BY LP names(L) RP. { mr_sql_clause_list(p, &T, MR_SQL_CLAUSE_CLUSTER, L); }
clause ::= CLUSTER(T) BY AUTO. { mr_sql_clause_list(p, &T, MR_SQL_CLAUSE_CLUSTER, NULL); }
clause ::= TBLPROPERTIES(T) LP options(L) RP. { mr_sql_clause_list(p, &T, MR_SQL_CLAUSE_PROPERTIES, L); }
clause ::= OPTIONS(T) LP options(L) RP. { mr_sql_clause_list(p, &T, MR_SQL_CLAUSE_OPTIONS, L); }

statement ::= CREATE FLOW qname(N) flow_comment AS INSERT once INTO qname(T) by_name query(Q). {
    mr_sql_statement_flow(p, N, T, Q); }
flow_comment ::= .
flow_comment ::= COMMENT STRING(S). { p->statement->comment = mr_sql_unescape(p, &S); }
once ::= .
once ::= ONCE. { p->statement->once = true; }
by_name ::= .
by_name ::= BY NAME. { p->statement->by_name = true; }
statement ::= INSERT into table_word qname(T) names_optional by_name query(Q). { mr_sql_statement_insert(p, T, Q); }
into ::= INTO.
into ::= OVERWRITE.
table_word ::= .
table_word ::= TABLE.
statement ::= USE qname(N). { mr_sql_statement_use(p, N, 0); }
statement ::= USE CATALOG ID(N). { mr_sql_statement_use(p, mr_sql_make_name(p, &N), 1); }
statement ::= USE SCHEMA qname(N). { mr_sql_statement_use(p, N, 0); }
