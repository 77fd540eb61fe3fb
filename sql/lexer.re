/* sql/lexer.re: SQL text to raw tokens; re2c makes C of it at build time. Whether a word is a keyword where it stands
 * is decided later, in tokens.c, which sees the whole statement. */
#include "sql/parser.h"

#include "grammar.h"

/* Skips a bracketed comment, which may hold others; *at is behind its opening. false: it is not closed. */
static bool skip_comment(const char **at, const char *end)
{
    int depth = 1;
    const char *p = *at;
    while (p < end && depth > 0) {
        bool two = p + 1 < end;
        if (two && p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (two && p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else {
            p++;
        }
    }
    *at = p;
    return depth == 0;
}

int mr_sql_lex(const char *text, size_t size, size_t *position, struct mr_sql_token *token)
{
    const unsigned char *YYCURSOR = (const unsigned char *)text + *position, *YYMARKER;
    const unsigned char *const YYLIMIT = (const unsigned char *)text + size;
    const unsigned char *start;
    int kind;

again:
    start = YYCURSOR;
    /*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    digit = [0-9];
    letter = [a-zA-Z_] | [\x80-\xff];
    exponent = [eE] [+-]? digit+;
    decimal = digit+ "." digit* | "." digit+;
    suffix = 'l' | 's' | 'y' | 'f' | 'd' | 'bd';

    "--" ("\\" "\r"? "\n" | [^\r\n\x00])* { goto again; }
    "/*" {
        const char *at = (const char *)YYCURSOR;
        if (!skip_comment(&at, (const char *)YYLIMIT)) {
            kind = MR_LEX_UNCLOSED_COMMENT;
            goto done;
        }
        YYCURSOR = (const unsigned char *)at;
        goto again;
    }
    [ \t\r\n\f\v]+ { goto again; }
    "\x00" { kind = MR_LEX_BAD; goto done; }
    $ { kind = 0; goto done; }

    "'" ([^'\\\x00] | "\\" [^\x00] | "''" | "\x00")* "'" { kind = MR_TOKEN_STRING; goto done; }
    "\"" ([^"\\\x00] | "\\" [^\x00] | "\"\"" | "\x00")* "\"" { kind = MR_TOKEN_STRING; goto done; }
    [rR] "'" [^'\x00]* "'" { kind = MR_TOKEN_STRING; goto done; }
    [rR] "\"" [^"\x00]* "\"" { kind = MR_TOKEN_STRING; goto done; }
    "`" ([^`\x00] | "``")* "`" { kind = MR_TOKEN_ID; goto done; }

    digit+ | decimal | digit+ exponent | decimal exponent { kind = MR_TOKEN_NUMBER; goto done; }
    (digit+ | decimal | digit+ exponent | decimal exponent) suffix { kind = MR_TOKEN_NUMBER; goto done; }

    "||" { kind = MR_TOKEN_CONCAT; goto done; }
    "<=>" { kind = MR_TOKEN_NSEQ; goto done; }
    "=" | "==" { kind = MR_TOKEN_EQ; goto done; }
    "<>" | "!=" { kind = MR_TOKEN_NE; goto done; }
    "<=" | "!>" { kind = MR_TOKEN_LE; goto done; }
    ">=" | "!<" { kind = MR_TOKEN_GE; goto done; }
    "<" { kind = MR_TOKEN_LT; goto done; }
    ">" { kind = MR_TOKEN_GT; goto done; }
    "<<" { kind = MR_TOKEN_SHIFT_LEFT; goto done; }
    ">>" { kind = MR_TOKEN_SHIFT_RIGHT; goto done; }
    ">>>" { kind = MR_TOKEN_SHIFT_RIGHT_UNSIGNED; goto done; }
    "->" { kind = MR_TOKEN_ARROW; goto done; }
    "=>" { kind = MR_TOKEN_FAT_ARROW; goto done; }
    "::" { kind = MR_TOKEN_DOUBLE_COLON; goto done; }
    ":" { kind = MR_TOKEN_COLON; goto done; }
    "+" { kind = MR_TOKEN_PLUS; goto done; }
    "-" { kind = MR_TOKEN_MINUS; goto done; }
    "*" { kind = MR_TOKEN_STAR; goto done; }
    "/" { kind = MR_TOKEN_SLASH; goto done; }
    "%" { kind = MR_TOKEN_PERCENT; goto done; }
    "~" { kind = MR_TOKEN_TILDE; goto done; }
    "&" { kind = MR_TOKEN_AMPERSAND; goto done; }
    "|" { kind = MR_TOKEN_PIPE; goto done; }
    "^" { kind = MR_TOKEN_HAT; goto done; }
    "!" { kind = MR_TOKEN_BANG; goto done; }
    "?" { kind = MR_TOKEN_QUESTION; goto done; }
    "." { kind = MR_TOKEN_DOT; goto done; }
    "," { kind = MR_TOKEN_COMMA; goto done; }
    "(" { kind = MR_TOKEN_LP; goto done; }
    ")" { kind = MR_TOKEN_RP; goto done; }
    "[" { kind = MR_TOKEN_LB; goto done; }
    "]" { kind = MR_TOKEN_RB; goto done; }
    ";" { kind = MR_TOKEN_SEMICOLON; goto done; }

    (letter | digit)+ { kind = MR_TOKEN_ID; goto done; }
    * { kind = MR_LEX_BAD; goto done; }
    */
done:
    token->kind = kind;
    token->start = (uint32_t)((const char *)start - text);
    token->stop = (uint32_t)((const char *)YYCURSOR - text);
    *position = token->stop;
    return kind;
}

/* The keyword a bare word may be, or MR_TOKEN_ID. */
int mr_sql_keyword(const char *word, size_t size)
{
    const unsigned char *YYCURSOR = (const unsigned char *)word, *YYMARKER;
    const unsigned char *const YYLIMIT = YYCURSOR + size;
    int kind;
    /*!re2c
    re2c:define:YYCTYPE = "unsigned char";
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    'select' { kind = MR_TOKEN_SELECT; goto whole; }
    'from' { kind = MR_TOKEN_FROM; goto whole; }
    'where' { kind = MR_TOKEN_WHERE; goto whole; }
    'group' { kind = MR_TOKEN_GROUP; goto whole; }
    'by' { kind = MR_TOKEN_BY; goto whole; }
    'having' { kind = MR_TOKEN_HAVING; goto whole; }
    'qualify' { kind = MR_TOKEN_QUALIFY; goto whole; }
    'order' { kind = MR_TOKEN_ORDER; goto whole; }
    'sort' { kind = MR_TOKEN_SORT; goto whole; }
    'cluster' { kind = MR_TOKEN_CLUSTER; goto whole; }
    'distribute' { kind = MR_TOKEN_DISTRIBUTE; goto whole; }
    'limit' { kind = MR_TOKEN_LIMIT; goto whole; }
    'offset' { kind = MR_TOKEN_OFFSET; goto whole; }
    'union' { kind = MR_TOKEN_UNION; goto whole; }
    'except' { kind = MR_TOKEN_EXCEPT; goto whole; }
    'minus' { kind = MR_TOKEN_MINUS_SET; goto whole; }
    'setminus' { kind = MR_TOKEN_MINUS_SET; goto whole; }
    'intersect' { kind = MR_TOKEN_INTERSECT; goto whole; }
    'all' { kind = MR_TOKEN_ALL; goto whole; }
    'distinct' { kind = MR_TOKEN_DISTINCT; goto whole; }
    'as' { kind = MR_TOKEN_AS; goto whole; }
    'and' { kind = MR_TOKEN_AND; goto whole; }
    'or' { kind = MR_TOKEN_OR; goto whole; }
    'not' { kind = MR_TOKEN_NOT; goto whole; }
    'case' { kind = MR_TOKEN_CASE; goto whole; }
    'when' { kind = MR_TOKEN_WHEN; goto whole; }
    'then' { kind = MR_TOKEN_THEN; goto whole; }
    'else' { kind = MR_TOKEN_ELSE; goto whole; }
    'end' { kind = MR_TOKEN_END; goto whole; }
    'cast' { kind = MR_TOKEN_CAST; goto whole; }
    'try_cast' { kind = MR_TOKEN_TRY_CAST; goto whole; }
    'in' { kind = MR_TOKEN_IN; goto whole; }
    'exists' { kind = MR_TOKEN_EXISTS; goto whole; }
    'between' { kind = MR_TOKEN_BETWEEN; goto whole; }
    'like' { kind = MR_TOKEN_LIKE; goto whole; }
    'ilike' { kind = MR_TOKEN_ILIKE; goto whole; }
    'rlike' { kind = MR_TOKEN_RLIKE; goto whole; }
    'regexp' { kind = MR_TOKEN_RLIKE; goto whole; }
    'escape' { kind = MR_TOKEN_ESCAPE; goto whole; }
    'any' { kind = MR_TOKEN_ANY; goto whole; }
    'some' { kind = MR_TOKEN_ANY; goto whole; }
    'is' { kind = MR_TOKEN_IS; goto whole; }
    'null' { kind = MR_TOKEN_NULL; goto whole; }
    'true' { kind = MR_TOKEN_TRUE; goto whole; }
    'false' { kind = MR_TOKEN_FALSE; goto whole; }
    'unknown' { kind = MR_TOKEN_UNKNOWN; goto whole; }
    'div' { kind = MR_TOKEN_DIV; goto whole; }
    'interval' { kind = MR_TOKEN_INTERVAL; goto whole; }
    'extract' { kind = MR_TOKEN_EXTRACT; goto whole; }
    'substring' { kind = MR_TOKEN_SUBSTRING; goto whole; }
    'substr' { kind = MR_TOKEN_SUBSTRING; goto whole; }
    'position' { kind = MR_TOKEN_POSITION; goto whole; }
    'trim' { kind = MR_TOKEN_TRIM; goto whole; }
    'both' { kind = MR_TOKEN_BOTH; goto whole; }
    'leading' { kind = MR_TOKEN_LEADING; goto whole; }
    'trailing' { kind = MR_TOKEN_TRAILING; goto whole; }
    'overlay' { kind = MR_TOKEN_OVERLAY; goto whole; }
    'placing' { kind = MR_TOKEN_PLACING; goto whole; }
    'for' { kind = MR_TOKEN_FOR; goto whole; }
    'rollup' { kind = MR_TOKEN_ROLLUP; goto whole; }
    'cube' { kind = MR_TOKEN_CUBE; goto whole; }
    'grouping' { kind = MR_TOKEN_GROUPING; goto whole; }
    'sets' { kind = MR_TOKEN_SETS; goto whole; }
    'with' { kind = MR_TOKEN_WITH; goto whole; }
    'recursive' { kind = MR_TOKEN_RECURSIVE; goto whole; }
    'values' { kind = MR_TOKEN_VALUES; goto whole; }
    'table' { kind = MR_TOKEN_TABLE; goto whole; }
    'join' { kind = MR_TOKEN_JOIN; goto whole; }
    'inner' { kind = MR_TOKEN_INNER; goto whole; }
    'cross' { kind = MR_TOKEN_CROSS; goto whole; }
    'left' { kind = MR_TOKEN_LEFT; goto whole; }
    'right' { kind = MR_TOKEN_RIGHT; goto whole; }
    'full' { kind = MR_TOKEN_FULL; goto whole; }
    'outer' { kind = MR_TOKEN_OUTER; goto whole; }
    'semi' { kind = MR_TOKEN_SEMI; goto whole; }
    'anti' { kind = MR_TOKEN_ANTI; goto whole; }
    'natural' { kind = MR_TOKEN_NATURAL; goto whole; }
    'lateral' { kind = MR_TOKEN_LATERAL; goto whole; }
    'view' { kind = MR_TOKEN_VIEW; goto whole; }
    'using' { kind = MR_TOKEN_USING; goto whole; }
    'on' { kind = MR_TOKEN_ON; goto whole; }
    'filter' { kind = MR_TOKEN_FILTER; goto whole; }
    'within' { kind = MR_TOKEN_WITHIN; goto whole; }
    'over' { kind = MR_TOKEN_OVER; goto whole; }
    'partition' { kind = MR_TOKEN_PARTITION; goto whole; }
    'rows' { kind = MR_TOKEN_ROWS; goto whole; }
    'range' { kind = MR_TOKEN_RANGE; goto whole; }
    'unbounded' { kind = MR_TOKEN_UNBOUNDED; goto whole; }
    'preceding' { kind = MR_TOKEN_PRECEDING; goto whole; }
    'following' { kind = MR_TOKEN_FOLLOWING; goto whole; }
    'current' { kind = MR_TOKEN_CURRENT; goto whole; }
    'row' { kind = MR_TOKEN_ROW; goto whole; }
    'window' { kind = MR_TOKEN_WINDOW; goto whole; }
    'ignore' { kind = MR_TOKEN_IGNORE; goto whole; }
    'respect' { kind = MR_TOKEN_RESPECT; goto whole; }
    'nulls' { kind = MR_TOKEN_NULLS; goto whole; }
    'first' { kind = MR_TOKEN_FIRST; goto whole; }
    'last' { kind = MR_TOKEN_LAST; goto whole; }
    'asc' { kind = MR_TOKEN_ASC; goto whole; }
    'desc' { kind = MR_TOKEN_DESC; goto whole; }
    'stream' { kind = MR_TOKEN_STREAM; goto whole; }
    'watermark' { kind = MR_TOKEN_WATERMARK; goto whole; }
    'delay' { kind = MR_TOKEN_DELAY; goto whole; }
    'of' { kind = MR_TOKEN_OF; goto whole; }
    'to' { kind = MR_TOKEN_TO; goto whole; }
    'array' { kind = MR_TOKEN_ARRAY; goto whole; }
    'map' { kind = MR_TOKEN_MAP; goto whole; }
    'struct' { kind = MR_TOKEN_STRUCT; goto whole; }
    'tablesample' { kind = MR_TOKEN_TABLESAMPLE; goto whole; }
    'create' { kind = MR_TOKEN_CREATE; goto whole; }
    'replace' { kind = MR_TOKEN_REPLACE; goto whole; }
    'refresh' { kind = MR_TOKEN_REFRESH; goto whole; }
    'private' { kind = MR_TOKEN_PRIVATE; goto whole; }
    'streaming' { kind = MR_TOKEN_STREAMING; goto whole; }
    'materialized' { kind = MR_TOKEN_MATERIALIZED; goto whole; }
    'temporary' { kind = MR_TOKEN_TEMPORARY; goto whole; }
    'temp' { kind = MR_TOKEN_TEMPORARY; goto whole; }
    'live' { kind = MR_TOKEN_LIVE; goto whole; }
    'if' { kind = MR_TOKEN_IF; goto whole; }
    'flow' { kind = MR_TOKEN_FLOW; goto whole; }
    'sink' { kind = MR_TOKEN_SINK; goto whole; }
    'insert' { kind = MR_TOKEN_INSERT; goto whole; }
    'into' { kind = MR_TOKEN_INTO; goto whole; }
    'once' { kind = MR_TOKEN_ONCE; goto whole; }
    'name' { kind = MR_TOKEN_NAME; goto whole; }
    'constraint' { kind = MR_TOKEN_CONSTRAINT; goto whole; }
    'expect' { kind = MR_TOKEN_EXPECT; goto whole; }
    'violation' { kind = MR_TOKEN_VIOLATION; goto whole; }
    'drop' { kind = MR_TOKEN_DROP; goto whole; }
    'fail' { kind = MR_TOKEN_FAIL; goto whole; }
    'update' { kind = MR_TOKEN_UPDATE; goto whole; }
    'comment' { kind = MR_TOKEN_COMMENT; goto whole; }
    'partitioned' { kind = MR_TOKEN_PARTITIONED; goto whole; }
    'tblproperties' { kind = MR_TOKEN_TBLPROPERTIES; goto whole; }
    'options' { kind = MR_TOKEN_OPTIONS; goto whole; }
    'location' { kind = MR_TOKEN_LOCATION; goto whole; }
    'external' { kind = MR_TOKEN_EXTERNAL; goto whole; }
    'use' { kind = MR_TOKEN_USE; goto whole; }
    'catalog' { kind = MR_TOKEN_CATALOG; goto whole; }
    'schema' { kind = MR_TOKEN_SCHEMA; goto whole; }
    'database' { kind = MR_TOKEN_SCHEMA; goto whole; }
    'namespace' { kind = MR_TOKEN_SCHEMA; goto whole; }
    'auto' { kind = MR_TOKEN_AUTO; goto whole; }
    'overwrite' { kind = MR_TOKEN_OVERWRITE; goto whole; }
    [^\x00] { return MR_TOKEN_ID; }
    $ { return MR_TOKEN_ID; }
    * { return MR_TOKEN_ID; }
    */
whole:
    return YYCURSOR == YYLIMIT ? kind : MR_TOKEN_ID;
}
