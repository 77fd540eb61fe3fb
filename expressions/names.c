/* expressions/names.c: how expressions are written: Spark's automatic column names (also used in its
 * messages), and fingerprints. */
#include "expressions/names.h"

#include <inttypes.h>
#include <stdio.h>

#include "expressions/function.h"

static const char *call_name(const struct mr_expression *e)
{
    const char *plain = e->function->name;
    if (e->argument_count == 1 && strcmp(plain, "ceil") == 0)
        return "CEIL";
    if (e->argument_count == 1 && strcmp(plain, "floor") == 0)
        return "FLOOR";
    if (e->name)
        return e->name;
    return e->function->shown ? e->function->shown : e->function->name;
}

void mr_literal_name(struct mr_text *out, const struct mr_column *value)
{
    const char *before = NULL;
    if (value->type->id == MR_VOID || mr_column_is_null(value, 0)) {
        mr_text_append_str(out, "NULL");
        return;
    }
    switch (value->type->id) {
    case MR_DATE:
        before = "DATE '";
        break;
    case MR_TIMESTAMP:
        before = "TIMESTAMP '";
        break;
    case MR_TIMESTAMP_NTZ:
        before = "TIMESTAMP_NTZ '";
        break;
    case MR_BINARY: {
        struct mr_str bytes = mr_view_str(&value->views[0]);
        mr_text_append_str(out, "X'");
        for (size_t i = 0; i < bytes.size; i++)
            mr_text_format(out, "%02X", (unsigned char)bytes.data[i]);
        mr_text_append_str(out, "'");
        return;
    }
    default:
        break;
    }
    if (before)
        mr_text_append_str(out, before);
    mr_value_text(out, value, 0, mr_zone_utc());
    if (before)
        mr_text_append_str(out, "'");
}

static void append_arguments(struct mr_text *out, const struct mr_expression *e, int first,
                             const struct mr_type *input)
{
    mr_text_append_char(out, '(');
    for (int i = first; i < e->argument_count; i++) {
        if (i > first)
            mr_text_append_str(out, ", ");
        mr_expression_name(out, e->arguments[i], input);
    }
    mr_text_append_char(out, ')');
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

static void append_case(struct mr_text *out, const struct mr_expression *e, const struct mr_type *input)
{
    mr_text_append_str(out, "CASE");
    int i = 0;
    for (; i + 1 < e->argument_count; i += 2) {
        mr_text_append_str(out, " WHEN ");
        mr_expression_name(out, e->arguments[i], input);
        mr_text_append_str(out, " THEN ");
        mr_expression_name(out, e->arguments[i + 1], input);
    }
    if (i < e->argument_count) {
        mr_text_append_str(out, " ELSE ");
        mr_expression_name(out, e->arguments[i], input);
    }
    mr_text_append_str(out, " END");
}

static void append_binary(struct mr_text *out, const struct mr_expression *e, const char *operator,
                          bool parentheses, const struct mr_type *input)
{
    if (parentheses)
        mr_text_append_char(out, '(');
    mr_expression_name(out, e->arguments[0], input);
    mr_text_format(out, " %s ", operator);
    mr_expression_name(out, e->arguments[1], input);
    if (parentheses)
        mr_text_append_char(out, ')');
}

static void append_around(struct mr_text *out, const char *before, const struct mr_expression *e,
                          const char *after, const struct mr_type *input)
{
    mr_text_append_str(out, before);
    mr_expression_name(out, e->arguments[0], input);
    mr_text_append_str(out, after);
}

/* The operators and special forms; false: an ordinary function. */
static bool append_special(struct mr_text *out, const struct mr_expression *e, const char *name,
                           const struct mr_type *input)
{
    static const char *const infix[] = {"+",  "-", "*",  "/",   "%", "div", "=", "<",
                                        "<=", ">", ">=", "<=>", "&", "|",   "^", NULL};
    static const char *const shifts[] = {"<<", ">>", ">>>", NULL};
    int count = e->argument_count;
    if (count == 2 && is_one_of(name, infix)) {
        /* A date or timestamp and an interval stand without parentheses. */
        bool time =
            (*name == '+' || *name == '-') && e->type->id >= MR_DATE && e->type->id <= MR_TIMESTAMP_NTZ;
        append_binary(out, e, name, !time, input);
    } else if (count == 2 && is_one_of(name, shifts)) {
        append_binary(out, e, name, true, input);
    } else if (count == 2 && strcmp(name, "==") == 0) {
        append_binary(out, e, "=", true, input);
    } else if (count == 2 && (strcmp(name, "!=") == 0 || strcmp(name, "<>") == 0)) {
        mr_text_append_str(out, "(NOT ");
        append_binary(out, e, "=", true, input);
        mr_text_append_char(out, ')');
    } else if (count == 2 && strcmp(name, "and") == 0) {
        append_binary(out, e, "AND", true, input);
    } else if (count == 2 && strcmp(name, "or") == 0) {
        append_binary(out, e, "OR", true, input);
    } else if (count == 1 && (strcmp(name, "not") == 0 || strcmp(name, "!") == 0)) {
        append_around(out, "(NOT ", e, ")", input);
    } else if (count == 1 && (*name == '-' || *name == '+') && !name[1]) {
        append_around(out, *name == '-' ? "(- " : "(+ ", e, ")", input);
    } else if (strcmp(name, "~") == 0) {
        append_around(out, "~", e, "", input);
    } else if (strcmp(name, "isnull") == 0) {
        append_around(out, "(", e, " IS NULL)", input);
    } else if (strcmp(name, "isnotnull") == 0) {
        append_around(out, "(", e, " IS NOT NULL)", input);
    } else if (strcmp(name, "in") == 0) {
        append_around(out, "(", e, " IN ", input);
        append_arguments(out, e, 1, input);
        mr_text_append_char(out, ')');
    } else if (strcmp(name, "like") == 0) {
        append_binary(out, e, "LIKE", false, input);
        if (count == 3) {
            mr_text_append_str(out, " ESCAPE '");
            mr_expression_name(out, e->arguments[2], input);
            mr_text_append_char(out, '\'');
        }
    } else if (strcmp(name, "case") == 0 || strcmp(name, "when") == 0) {
        append_case(out, e, input);
    } else if (strcmp(name, "if") == 0) {
        mr_text_append_str(out, "(IF");
        append_arguments(out, e, 0, input);
        mr_text_append_char(out, ')');
    } else if (strcmp(name, "||") == 0) {
        mr_text_append_str(out, "concat");
        append_arguments(out, e, 0, input);
    } else {
        return false;
    }
    return true;
}

static void append_cast(struct mr_text *out, const struct mr_expression *e, const char *name,
                        const struct mr_type *input)
{
    /* Casts to nested types are not shown, as in Spark. */
    if (e->implicit || mr_type_is_nested(e->type)) {
        mr_expression_name(out, e->arguments[0], input);
        return;
    }
    mr_text_append_str(out, strcmp(name, "cast") == 0 ? "CAST(" : "TRY_CAST(");
    mr_expression_name(out, e->arguments[0], input);
    mr_text_append_str(out, " AS ");
    mr_type_text(out, e->type);
    mr_text_append_char(out, ')');
}

/* Functions that are written with key words between their arguments. */
static bool append_keywords(struct mr_text *out, const struct mr_expression *e, const char *name,
                            const struct mr_type *input)
{
    bool trim = strcmp(name, "trim") == 0;
    if (e->argument_count != 2)
        return false;
    if (strcmp(name, "extract") == 0 || strcmp(name, "datepart") == 0) {
        mr_text_format(out, "%s(", name);
        append_binary(out, e, "FROM", false, input);
    } else if (trim || strcmp(name, "ltrim") == 0 || strcmp(name, "rtrim") == 0) {
        mr_text_append_str(out, trim ? "TRIM(BOTH " : *name == 'l' ? "TRIM(LEADING " : "TRIM(TRAILING ");
        mr_expression_name(out, e->arguments[1], input);
        mr_text_append_str(out, " FROM ");
        mr_expression_name(out, e->arguments[0], input);
    } else {
        return false;
    }
    mr_text_append_char(out, ')');
    return true;
}

static const char *const first_only[] = {"from_json",     "to_json", "schema_of_json", "from_csv", "to_csv",
                                         "schema_of_csv", NULL};

void mr_expression_name(struct mr_text *out, const struct mr_expression *e, const struct mr_type *input)
{
    if (e->shown)
        e = e->shown;
    switch (e->kind) {
    case MR_EXPR_COLUMN:
        mr_text_append_str(out, input ? input->fields[e->column].name : e->name);
        return;
    case MR_EXPR_LITERAL:
        if (e->name)
            mr_text_append_str(out, e->name);
        else
            mr_literal_name(out, e->literal);
        return;
    case MR_EXPR_VARIABLE:
        mr_text_append_str(out, e->name ? e->name : "x");
        return;
    case MR_EXPR_LAMBDA:
        mr_text_append_str(out, "lambdafunction(");
        mr_expression_name(out, e->arguments[0], input);
        mr_text_append_char(out, ')');
        return;
    case MR_EXPR_CALL:
        break;
    }
    const char *name = call_name(e);
    if (strcmp(name, "cast") == 0 || strcmp(name, "try_cast") == 0) {
        append_cast(out, e, name, input);
        return;
    }
    if (strcmp(name, "[]") == 0) {
        append_around(out, "", e, "[", input);
        mr_expression_name(out, e->arguments[1], input);
        mr_text_append_char(out, ']');
        return;
    }
    if (strcmp(name, ".") == 0) { /* no blanks around the dot */
        append_around(out, "", e, ".", input);
        mr_expression_name(out, e->arguments[1], input);
        return;
    }
    if (append_special(out, e, name, input) || append_keywords(out, e, name, input))
        return;
    if (strcmp(name, "from_json") == 0 && e->type->id == MR_MAP) {
        mr_text_append_str(out, "entries");
        return;
    }
    mr_text_append_str(out, name);
    if (is_one_of(name, first_only)) { /* schemas and options are not shown */
        append_around(out, "(", e, ")", input);
        return;
    }
    append_arguments(out, e, 0, input);
}

/* ---- fingerprints ---- */
void mr_expression_fingerprint(struct mr_text *out, const struct mr_expression *e)
{
    switch (e->kind) {
    case MR_EXPR_COLUMN:
        mr_text_format(out, "#%d:", e->column);
        mr_type_text(out, e->type);
        return;
    case MR_EXPR_VARIABLE:
        mr_text_format(out, "$%d:", e->column);
        mr_type_text(out, e->type);
        return;
    case MR_EXPR_LITERAL:
        mr_text_append_char(out, '\'');
        if (e->type->id == MR_VOID)
            mr_text_append_str(out, "NULL");
        else
            mr_row_append(out, e->literal, 0);
        mr_text_append_str(out, "':");
        mr_type_text(out, e->type);
        return;
    case MR_EXPR_LAMBDA:
        mr_text_append_str(out, "(lambda ");
        mr_expression_fingerprint(out, e->arguments[0]);
        mr_text_append_char(out, ')');
        return;
    case MR_EXPR_CALL:
        break;
    }
    mr_text_format(out, "(%s", e->function->name);
    for (int i = 0; i < e->argument_count; i++) {
        mr_text_append_char(out, ' ');
        mr_expression_fingerprint(out, e->arguments[i]);
    }
    mr_text_append_str(out, "):");
    mr_type_text(out, e->type);
}
