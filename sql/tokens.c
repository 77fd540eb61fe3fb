/* sql/tokens.c: which words stand as keywords.
 *
 * In Spark almost every keyword is also a name: SELECT date, interval FROM t; SELECT end FROM limit. A word
 * that no rule of the grammar takes where it stands falls back to a name by itself (grammar.y, %fallback).
 * What remains are places where both readings begin a correct sentence; there the words around decide, here,
 * from right to left so that what follows is decided already. */
#include <strings.h>

#include "sql/parser.h"

#include "grammar.h"

struct look {
    const char *text;
    struct mr_sql_token *tokens;
    size_t count;
};
#define KIND(l, i) ((i) < (l)->count ? (l)->tokens[i].kind : 0)
#define BEFORE(l, i) ((i) > 0 ? (l)->tokens[(i)-1].kind : 0)

static bool is_keyword(const struct look *l, size_t i)
{
    if (i >= l->count)
        return false;
    const struct mr_sql_token *t = &l->tokens[i];
    char c = l->text[t->start];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter && t->kind != MR_TOKEN_ID && t->kind != MR_TOKEN_STRING;
}

/* Keywords and signs no operand begins with. Keywords not listed may turn out to be names. */
static bool begins_operand(int kind)
{
    switch (kind) {
    case 0:
    case MR_TOKEN_COMMA:
    case MR_TOKEN_RP:
    case MR_TOKEN_RB:
    case MR_TOKEN_LB:
    case MR_TOKEN_DOT:
    case MR_TOKEN_EQ:
    case MR_TOKEN_NSEQ:
    case MR_TOKEN_NE:
    case MR_TOKEN_LT:
    case MR_TOKEN_LE:
    case MR_TOKEN_GT:
    case MR_TOKEN_GE:
    case MR_TOKEN_STAR:
    case MR_TOKEN_SLASH:
    case MR_TOKEN_PERCENT:
    case MR_TOKEN_CONCAT:
    case MR_TOKEN_PIPE:
    case MR_TOKEN_HAT:
    case MR_TOKEN_AMPERSAND:
    case MR_TOKEN_SHIFT_LEFT:
    case MR_TOKEN_SHIFT_RIGHT:
    case MR_TOKEN_SHIFT_RIGHT_UNSIGNED:
    case MR_TOKEN_ARROW:
    case MR_TOKEN_FAT_ARROW:
    case MR_TOKEN_DOUBLE_COLON:
    case MR_TOKEN_FROM:
    case MR_TOKEN_WHERE:
    case MR_TOKEN_GROUP:
    case MR_TOKEN_HAVING:
    case MR_TOKEN_QUALIFY:
    case MR_TOKEN_ORDER:
    case MR_TOKEN_SORT:
    case MR_TOKEN_CLUSTER:
    case MR_TOKEN_DISTRIBUTE:
    case MR_TOKEN_LIMIT:
    case MR_TOKEN_OFFSET:
    case MR_TOKEN_UNION:
    case MR_TOKEN_EXCEPT:
    case MR_TOKEN_MINUS_SET:
    case MR_TOKEN_INTERSECT:
    case MR_TOKEN_AS:
    case MR_TOKEN_AND:
    case MR_TOKEN_OR:
    case MR_TOKEN_WHEN:
    case MR_TOKEN_THEN:
    case MR_TOKEN_ELSE:
    case MR_TOKEN_END:
    case MR_TOKEN_IN:
    case MR_TOKEN_BETWEEN:
    case MR_TOKEN_LIKE:
    case MR_TOKEN_ILIKE:
    case MR_TOKEN_RLIKE:
    case MR_TOKEN_IS:
    case MR_TOKEN_DIV:
    case MR_TOKEN_JOIN:
    case MR_TOKEN_INNER:
    case MR_TOKEN_CROSS:
    case MR_TOKEN_LEFT:
    case MR_TOKEN_RIGHT:
    case MR_TOKEN_FULL:
    case MR_TOKEN_SEMI:
    case MR_TOKEN_ANTI:
    case MR_TOKEN_NATURAL:
    case MR_TOKEN_ON:
    case MR_TOKEN_USING:
    case MR_TOKEN_WINDOW:
    case MR_TOKEN_ASC:
    case MR_TOKEN_DESC:
    case MR_TOKEN_NULLS:
    case MR_TOKEN_ESCAPE:
        return false;
    default:
        return true;
    }
}

static bool begins_query(int kind)
{
    return kind == MR_TOKEN_SELECT || kind == MR_TOKEN_WITH || kind == MR_TOKEN_VALUES ||
           kind == MR_TOKEN_FROM || kind == MR_TOKEN_TABLE;
}

static bool is_set_operator(int kind)
{
    return kind == MR_TOKEN_UNION || kind == MR_TOKEN_EXCEPT || kind == MR_TOKEN_MINUS_SET ||
           kind == MR_TOKEN_INTERSECT;
}

static bool is_unit(const struct look *l, size_t i)
{
    static const char *const units[] = {"year",        "quarter",     "month",     "week",
                                        "day",         "hour",        "minute",    "second",
                                        "millisecond", "microsecond", "nanosecond"};
    if (KIND(l, i) != MR_TOKEN_ID && KIND(l, i) != MR_TOKEN_UNIT)
        return false;
    const char *word = l->text + l->tokens[i].start;
    size_t size = l->tokens[i].stop - l->tokens[i].start;
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        size_t length = strlen(units[k]);
        bool plural = size == length + 1 && (word[length] == 's' || word[length] == 'S');
        if ((size == length || plural) && strncasecmp(word, units[k], length) == 0)
            return true;
    }
    return false;
}

/* A value with its unit at i, sign included: how many tokens, or 0. */
static size_t interval_value(const struct look *l, size_t i)
{
    size_t at = i;
    if (KIND(l, at) == MR_TOKEN_MINUS || KIND(l, at) == MR_TOKEN_PLUS)
        at++;
    if (KIND(l, at) != MR_TOKEN_NUMBER && KIND(l, at) != MR_TOKEN_STRING)
        return 0;
    return is_unit(l, at + 1) ? at + 2 - i : 0;
}

/* Does `kind` stand inside the brackets that open at i, not deeper? Commas end the search when asked. */
static bool inside(const struct look *l, size_t i, int kind, bool until_comma)
{
    int depth = 0;
    for (; i < l->count; i++) {
        int k = l->tokens[i].kind;
        if (k == MR_TOKEN_LP || k == MR_TOKEN_LB)
            depth++;
        else if (k == MR_TOKEN_RP || k == MR_TOKEN_RB)
            depth--;
        if (depth == 0 || depth > MR_SQL_MAX_DEPTH)
            return false;
        if (depth == 1 && k == kind)
            return true;
        if (depth == 1 && until_comma && k == MR_TOKEN_COMMA)
            return false;
    }
    return false;
}

/* WATERMARK … DELAY OF, on this level of brackets? */
static bool is_watermark(const struct look *l, size_t i)
{
    int depth = 0;
    size_t end = i + 2000 < l->count ? i + 2000 : l->count;
    for (i++; i < end && depth >= 0; i++) {
        int k = l->tokens[i].kind;
        if (k == MR_TOKEN_LP)
            depth++;
        else if (k == MR_TOKEN_RP)
            depth--;
        else if (depth == 0 && k == MR_TOKEN_DELAY && KIND(l, i + 1) == MR_TOKEN_OF)
            return true;
        else if (depth == 0 && (k == MR_TOKEN_WATERMARK || k == MR_TOKEN_SELECT))
            return false;
    }
    return false;
}

static bool is_interval(const struct look *l, size_t i)
{
    int before = BEFORE(l, i), after = KIND(l, i + 2);
    if (KIND(l, i + 1) == MR_TOKEN_STRING || interval_value(l, i + 1) > 0)
        return true;
    if (!is_unit(l, i + 1))
        return false;
    /* the type INTERVAL DAY TO SECOND */
    return before == MR_TOKEN_AS || before == MR_TOKEN_DOUBLE_COLON || before == MR_TOKEN_COLON ||
           before == MR_TOKEN_LT || before == MR_TOKEN_ID || after == MR_TOKEN_TO || after == MR_TOKEN_GT;
}

static bool is_type_word(const struct look *l, size_t i)
{
    int before = BEFORE(l, i), next = KIND(l, i + 1);
    if (next != MR_TOKEN_LT && !(next == MR_TOKEN_NE && KIND(l, i) == MR_TOKEN_STRUCT))
        return false;
    return before == MR_TOKEN_AS || before == MR_TOKEN_DOUBLE_COLON || before == MR_TOKEN_COLON ||
           before == MR_TOKEN_LT || before == MR_TOKEN_COMMA || before == MR_TOKEN_ID;
}

static bool starts_query_in_brackets(const struct look *l, size_t i)
{
    for (int depth = 0; KIND(l, i) == MR_TOKEN_LP && depth < MR_SQL_MAX_DEPTH; depth++)
        i++;
    return begins_query(KIND(l, i));
}

/* Words that need a certain word behind them, or a certain word before. */
static bool stands_by_neighbour(const struct look *l, size_t i, bool *decided)
{
    int before = BEFORE(l, i), next = KIND(l, i + 1), after = KIND(l, i + 2);
    *decided = true;
    switch (l->tokens[i].kind) {
    case MR_TOKEN_GROUP:
        return next == MR_TOKEN_BY || (before == MR_TOKEN_WITHIN && next == MR_TOKEN_LP);
    case MR_TOKEN_ORDER:
    case MR_TOKEN_SORT:
    case MR_TOKEN_CLUSTER:
    case MR_TOKEN_DISTRIBUTE:
    case MR_TOKEN_PARTITION:
    case MR_TOKEN_PARTITIONED:
        return next == MR_TOKEN_BY;
    case MR_TOKEN_INNER:
    case MR_TOKEN_CROSS:
    case MR_TOKEN_SEMI:
    case MR_TOKEN_ANTI:
        return next == MR_TOKEN_JOIN;
    case MR_TOKEN_LEFT:
    case MR_TOKEN_RIGHT:
    case MR_TOKEN_FULL:
        return next == MR_TOKEN_JOIN || next == MR_TOKEN_SEMI || next == MR_TOKEN_ANTI ||
               (next == MR_TOKEN_OUTER && after == MR_TOKEN_JOIN);
    case MR_TOKEN_NATURAL:
        return next == MR_TOKEN_JOIN || next == MR_TOKEN_INNER || next == MR_TOKEN_LEFT ||
               next == MR_TOKEN_RIGHT || next == MR_TOKEN_FULL || next == MR_TOKEN_CROSS;
    case MR_TOKEN_CAST:
    case MR_TOKEN_TRY_CAST:
    case MR_TOKEN_SETS:
    case MR_TOKEN_TABLESAMPLE:
        return next == MR_TOKEN_LP;
    case MR_TOKEN_ROLLUP:
    case MR_TOKEN_CUBE:
        return next == MR_TOKEN_LP || before == MR_TOKEN_WITH;
    case MR_TOKEN_GROUPING:
        return next == MR_TOKEN_SETS;
    case MR_TOKEN_FILTER:
        return next == MR_TOKEN_LP && after == MR_TOKEN_WHERE;
    case MR_TOKEN_WITHIN:
        return next == MR_TOKEN_GROUP;
    case MR_TOKEN_OVER:
        return (before == MR_TOKEN_RP || before == MR_TOKEN_NULLS) &&
               (next == MR_TOKEN_LP || next == MR_TOKEN_ID);
    case MR_TOKEN_WINDOW:
        return next == MR_TOKEN_ID && after == MR_TOKEN_AS && KIND(l, i + 3) == MR_TOKEN_LP;
    case MR_TOKEN_IGNORE:
    case MR_TOKEN_RESPECT:
        return next == MR_TOKEN_NULLS;
    case MR_TOKEN_NULLS:
        return before == MR_TOKEN_IGNORE || before == MR_TOKEN_RESPECT || next == MR_TOKEN_FIRST ||
               next == MR_TOKEN_LAST;
    case MR_TOKEN_FIRST:
    case MR_TOKEN_LAST:
        return before == MR_TOKEN_NULLS;
    case MR_TOKEN_ANY:
        return (before == MR_TOKEN_LIKE || before == MR_TOKEN_ILIKE) && next == MR_TOKEN_LP;
    case MR_TOKEN_UNKNOWN:
        return before == MR_TOKEN_IS || before == MR_TOKEN_NOT;
    case MR_TOKEN_IS:
        return next == MR_TOKEN_NULL || next == MR_TOKEN_NOT || next == MR_TOKEN_TRUE ||
               next == MR_TOKEN_FALSE || next == MR_TOKEN_UNKNOWN || next == MR_TOKEN_DISTINCT;
    case MR_TOKEN_ESCAPE:
        return next == MR_TOKEN_STRING;
    case MR_TOKEN_DELAY:
        return next == MR_TOKEN_OF;
    case MR_TOKEN_OF:
        return before == MR_TOKEN_DELAY;
    case MR_TOKEN_TO:
        return is_unit(l, i - (i > 0)) && is_unit(l, i + 1);
    case MR_TOKEN_RECURSIVE:
        return before == MR_TOKEN_WITH && next == MR_TOKEN_ID;
    case MR_TOKEN_IF:
        return next == MR_TOKEN_NOT && after == MR_TOKEN_EXISTS;
    case MR_TOKEN_CONSTRAINT:
        return next == MR_TOKEN_ID && after == MR_TOKEN_EXPECT;
    default:
        *decided = false;
        return false;
    }
}

static bool stands(const struct look *l, size_t i)
{
    int before = BEFORE(l, i), next = KIND(l, i + 1);
    bool decided, result = stands_by_neighbour(l, i, &decided);
    if (decided)
        return result;
    switch (l->tokens[i].kind) {
    case MR_TOKEN_SELECT:
        return before == 0 || begins_operand(next) || next == MR_TOKEN_STAR;
    case MR_TOKEN_DISTINCT:
        return is_set_operator(before) || before == MR_TOKEN_IS || before == MR_TOKEN_NOT ||
               ((before == MR_TOKEN_SELECT || before == MR_TOKEN_LP) &&
                (begins_operand(next) || next == MR_TOKEN_STAR));
    case MR_TOKEN_ALL:
        return is_set_operator(before) || before == MR_TOKEN_BY || before == MR_TOKEN_LIMIT ||
               before == MR_TOKEN_LIKE || before == MR_TOKEN_ILIKE ||
               ((before == MR_TOKEN_SELECT || before == MR_TOKEN_LP) &&
                (begins_operand(next) || next == MR_TOKEN_STAR));
    case MR_TOKEN_UNION:
    case MR_TOKEN_INTERSECT:
    case MR_TOKEN_EXCEPT:
    case MR_TOKEN_MINUS_SET:
        return next == MR_TOKEN_ALL || next == MR_TOKEN_DISTINCT ||
               (begins_query(next) && next != MR_TOKEN_FROM) ||
               (next == MR_TOKEN_LP && starts_query_in_brackets(l, i + 1));
    case MR_TOKEN_NOT:
        return begins_operand(next) || next == MR_TOKEN_IN || next == MR_TOKEN_BETWEEN ||
               next == MR_TOKEN_LIKE || next == MR_TOKEN_ILIKE || next == MR_TOKEN_RLIKE;
    case MR_TOKEN_CASE:
        return begins_operand(next) || next == MR_TOKEN_WHEN;
    case MR_TOKEN_EXISTS:
        return starts_query_in_brackets(l, i + 1) ||
               (before == MR_TOKEN_NOT && i > 1 && l->tokens[i - 2].kind == MR_TOKEN_IF);
    case MR_TOKEN_AS:
        return begins_operand(next) || is_keyword(l, i + 1);
    case MR_TOKEN_INTERVAL:
        return is_interval(l, i);
    case MR_TOKEN_EXTRACT:
    case MR_TOKEN_SUBSTRING:
    case MR_TOKEN_TRIM:
        return next == MR_TOKEN_LP && inside(l, i + 1, MR_TOKEN_FROM, true);
    case MR_TOKEN_OVERLAY:
        return next == MR_TOKEN_LP && inside(l, i + 1, MR_TOKEN_PLACING, true);
    case MR_TOKEN_POSITION:
        return next == MR_TOKEN_LP && inside(l, i + 1, MR_TOKEN_IN, true);
    case MR_TOKEN_WATERMARK:
        return is_watermark(l, i);
    case MR_TOKEN_ARRAY:
    case MR_TOKEN_MAP:
    case MR_TOKEN_STRUCT:
        return is_type_word(l, i);
    case MR_TOKEN_FROM:
    case MR_TOKEN_JOIN:
        return begins_operand(next) || next == MR_TOKEN_LATERAL;
    case MR_TOKEN_WHERE:
    case MR_TOKEN_HAVING:
    case MR_TOKEN_QUALIFY:
    case MR_TOKEN_ON:
    case MR_TOKEN_AND:
    case MR_TOKEN_OR:
    case MR_TOKEN_OFFSET:
    case MR_TOKEN_IN:
    case MR_TOKEN_BETWEEN:
    case MR_TOKEN_LIKE:
    case MR_TOKEN_ILIKE:
    case MR_TOKEN_RLIKE:
    case MR_TOKEN_DIV:
    case MR_TOKEN_WITH:
    case MR_TOKEN_VALUES:
    case MR_TOKEN_TABLE:
    case MR_TOKEN_LATERAL:
    case MR_TOKEN_USING:
    case MR_TOKEN_STREAM:
    case MR_TOKEN_LIMIT:
        return begins_operand(next);
    default:
        return true; /* the grammar takes it, or it falls back */
    }
}

/* Behind AS any word is a name, but for what begins a query or a type. */
static bool stands_behind_as(const struct look *l, size_t i)
{
    int kind = l->tokens[i].kind, next = KIND(l, i + 1);
    if (begins_query(kind))
        return begins_operand(next) || next == MR_TOKEN_STAR;
    if (kind == MR_TOKEN_INSERT)
        return next == MR_TOKEN_INTO || next == MR_TOKEN_ONCE;
    return (kind == MR_TOKEN_INTERVAL && is_interval(l, i)) || is_type_word(l, i);
}

/* * EXCEPT (a, b), but not SELECT * EXCEPT (SELECT …). */
static bool is_star_except(const struct look *l, size_t i)
{
    return l->tokens[i].kind == MR_TOKEN_EXCEPT && BEFORE(l, i) == MR_TOKEN_STAR &&
           KIND(l, i + 1) == MR_TOKEN_LP && !starts_query_in_brackets(l, i + 1);
}

static void decide(struct look *l, size_t i)
{
    struct mr_sql_token *t = &l->tokens[i];
    int before = BEFORE(l, i), next = KIND(l, i + 1);
    bool name = before == MR_TOKEN_DOT || next == MR_TOKEN_DOT || next == MR_TOKEN_FAT_ARROW ||
                next == MR_TOKEN_ARROW;
    if (!name && is_star_except(l, i))
        t->kind = MR_TOKEN_STAR_EXCEPT;
    else if (name || (before == MR_TOKEN_AS ? !stands_behind_as(l, i) : !stands(l, i)))
        t->kind = MR_TOKEN_ID;
}

/* Marks the units of the interval at i, and the signs before its values. */
static void mark_interval(struct look *l, size_t i)
{
    size_t at = i + 1;
    for (size_t n = interval_value(l, at); n > 0; n = interval_value(l, at)) {
        if (n == 3)
            l->tokens[at].kind =
                l->tokens[at].kind == MR_TOKEN_MINUS ? MR_TOKEN_UNIT_MINUS : MR_TOKEN_UNIT_PLUS;
        l->tokens[at + n - 1].kind = MR_TOKEN_UNIT;
        at += n;
    }
    if (at == i + 1 && is_unit(l, at)) /* a type */
        l->tokens[at++].kind = MR_TOKEN_UNIT;
    if (KIND(l, at) == MR_TOKEN_TO && is_unit(l, at + 1))
        l->tokens[at + 1].kind = MR_TOKEN_UNIT;
}

/* Splits >> and >>> that close types, and the <> of STRUCT<>. */
static size_t split_angles(struct look *l, struct mr_sql_token *out)
{
    size_t count = 0;
    int depth = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct mr_sql_token t = l->tokens[i];
        int before = BEFORE(l, i);
        bool after_type = before == MR_TOKEN_ARRAY || before == MR_TOKEN_MAP || before == MR_TOKEN_STRUCT;
        int pieces = 1;
        if (t.kind == MR_TOKEN_LT && after_type)
            depth++;
        else if (t.kind == MR_TOKEN_GT && depth > 0)
            depth--;
        else if (t.kind == MR_TOKEN_NE && before == MR_TOKEN_STRUCT)
            pieces = 2;
        else if (depth > 0 && t.kind == MR_TOKEN_SHIFT_RIGHT)
            pieces = 2;
        else if (depth > 0 && t.kind == MR_TOKEN_SHIFT_RIGHT_UNSIGNED)
            pieces = 3;
        for (int k = 0; k < pieces; k++) {
            struct mr_sql_token piece = t;
            if (pieces > 1) {
                piece.kind = t.kind == MR_TOKEN_NE && k == 0 ? MR_TOKEN_LT : MR_TOKEN_GT;
                piece.start = t.start + (uint32_t)k;
                piece.stop = piece.start + 1;
                if (t.kind != MR_TOKEN_NE && depth > 0)
                    depth--;
            }
            out[count++] = piece;
        }
    }
    return count;
}

size_t mr_sql_look_ahead(const char *text, struct mr_sql_token *tokens, size_t count)
{
    struct look l = {text, tokens, count};
    for (size_t i = 0; i < count; i++)
        if (tokens[i].kind == MR_TOKEN_ID && text[tokens[i].start] != '`')
            tokens[i].kind = mr_sql_keyword(text + tokens[i].start, tokens[i].stop - tokens[i].start);
    for (size_t i = count; i-- > 0;)
        if (is_keyword(&l, i))
            decide(&l, i);
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].kind == MR_TOKEN_INTERVAL)
            mark_interval(&l, i);
        else if (tokens[i].kind == MR_TOKEN_MINUS && KIND(&l, i + 1) == MR_TOKEN_NUMBER)
            tokens[i].kind = MR_TOKEN_MINUS_NUMBER; /* falls back to MINUS behind an operand */
    }
    return split_angles(&l, tokens + count);
}
