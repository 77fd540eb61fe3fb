/* sql/scope.c: names in sight, and how a dotted name finds its column. */
#include <stdio.h>

#include "sql/analysis.h"

bool mr_sql_same_name(const struct mr_analysis *a, struct mr_str x, struct mr_str y)
{
    return a->job->session.case_sensitive ? mr_str_equal(x, y) : mr_names_equal(x, y);
}

char *mr_sql_text(struct mr_analysis *a, struct mr_str s)
{
    char *copy = mr_arena_copy_text(a->arena, s.data, s.size);
    if (!copy)
        mr_error_memory(a->error, s.size);
    return copy;
}

/* ---- errors ---- */
int mr_sql_error_at(struct mr_analysis *a, uint32_t start, uint32_t stop)
{
    return mr_error_in_sql(a->error, a->origin->file, a->origin->text, start, stop);
}

static int set_error(struct mr_analysis *a, int code, uint32_t start, uint32_t stop, const char *condition,
                     const char *format, va_list arguments)
{
    char buffer[1000];
    vsnprintf(buffer, sizeof buffer, format, arguments);
    mr_error_set(a->error, code, condition, "%s", buffer);
    return mr_sql_error_at(a, start, stop);
}

int mr_sql_error(struct mr_analysis *a, uint32_t start, uint32_t stop, const char *condition,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int code = set_error(a, MR_E_SQL, start, stop, condition, format, arguments);
    va_end(arguments);
    return code;
}

int mr_sql_unsupported(struct mr_analysis *a, uint32_t start, uint32_t stop, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int code = set_error(a, MR_E_UNSUPPORTED, start, stop, "UNSUPPORTED_FEATURE", format, arguments);
    va_end(arguments);
    return code;
}

/* ---- building ---- */
int mr_scope_add(struct mr_analysis *a, struct mr_scope *scope, struct mr_scope_column column)
{
    /* Full at powers of two. */
    if ((scope->count & (scope->count - 1)) == 0) {
        size_t size = sizeof column * (size_t)(scope->count ? 2 * scope->count : 1);
        struct mr_scope_column *longer = mr_arena_allocate(a->arena, size);
        if (!longer)
            return mr_error_memory(a->error, size);
        if (scope->count > 0)
            memcpy(longer, scope->columns, sizeof column * (size_t)scope->count);
        scope->columns = longer;
    }
    scope->columns[scope->count++] = column;
    return MR_OK;
}

int mr_scope_of_plan(struct mr_analysis *a, const struct mr_plan *plan, const struct mr_str *qualifier,
                     int qualifier_count, int hidden, struct mr_scope *out)
{
    *out = (struct mr_scope){0};
    int count = plan->schema->field_count;
    for (int i = 0; i < count; i++) {
        struct mr_scope_column column = {.qualifier = qualifier,
                                         .qualifier_count = qualifier_count,
                                         .name = mr_str_of(plan->schema->fields[i].name),
                                         .column = i,
                                         .hidden = i >= count - hidden};
        MR_TRY(mr_scope_add(a, out, column));
    }
    return MR_OK;
}

/* ---- finding ---- */
bool mr_scope_matches(const struct mr_analysis *a, const struct mr_scope_column *c,
                      const struct mr_str *qualifier, int count)
{
    if (count > c->qualifier_count)
        return false;
    for (int i = 0, first = c->qualifier_count - count; i < count; i++)
        if (!mr_sql_same_name(a, qualifier[i], c->qualifier[first + i]))
            return false;
    return true;
}

/* "`a`.`b`" of a column with its qualifier. */
static const char *full_name(struct mr_analysis *a, const struct mr_scope_column *c)
{
    struct mr_str parts[8];
    int count = 0;
    for (int i = 0; i < c->qualifier_count && i < 7; i++)
        parts[count++] = c->qualifier[i];
    parts[count++] = c->name;
    return mr_sql_quoted(a, parts, count);
}

const char *mr_sql_quoted(struct mr_analysis *a, const struct mr_str *parts, int count)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int i = 0; i < count; i++) {
        mr_text_append_str(&text, i > 0 ? ".`" : "`");
        for (size_t k = 0; k < parts[i].size; k++) {
            if (parts[i].data[k] == '`')
                mr_text_append_char(&text, '`');
            mr_text_append_char(&text, parts[i].data[k]);
        }
        mr_text_append_char(&text, '`');
    }
    const char *copy = text.failed ? NULL : mr_arena_copy_text(a->arena, text.data, text.size);
    mr_text_release(&text);
    return copy ? copy : "";
}

static int ambiguous(struct mr_analysis *a, const struct mr_scope *scope, const struct mr_sql_name *name,
                     int qualifiers)
{
    struct mr_text list;
    const char *names[16];
    int count = 0;
    for (int i = 0; i < scope->count && count < 16; i++) {
        const struct mr_scope_column *c = &scope->columns[i];
        if (mr_sql_same_name(a, c->name, name->parts[qualifiers]) &&
            mr_scope_matches(a, c, name->parts, qualifiers) && (qualifiers > 0 || !c->qualified_only))
            names[count++] = full_name(a, c);
    }
    for (int i = 0; i < count; i++) /* in alphabetical order */
        for (int k = i + 1; k < count; k++)
            if (strcmp(names[i], names[k]) > 0) {
                const char *swap = names[i];
                names[i] = names[k];
                names[k] = swap;
            }
    mr_text_init(&list);
    for (int i = 0; i < count; i++)
        mr_text_format(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *shown = mr_sql_quoted(a, name->parts, qualifiers + 1);
    mr_error_set(a->error, MR_E_SQL, "AMBIGUOUS_REFERENCE", "%s may be any of [%s]; qualify it.", shown,
                 list.data ? list.data : "");
    mr_error_parameter(a->error, "name", "%s", shown);
    mr_error_parameter(a->error, "referenceNames", "[%s]", list.data ? list.data : "");
    mr_text_release(&list);
    return mr_sql_error_at(a, name->start, name->stop);
}

int mr_scope_find(struct mr_analysis *a, const struct mr_scope *scope, const struct mr_sql_name *name,
                  int *column, int *used)
{
    int most = name->count - 1 < 3 ? name->count - 1 : 3;
    for (int qualifiers = most; qualifiers >= 0; qualifiers--) {
        int found = -1;
        for (int i = 0; i < scope->count; i++) {
            const struct mr_scope_column *c = &scope->columns[i];
            if (!mr_sql_same_name(a, c->name, name->parts[qualifiers]) ||
                !mr_scope_matches(a, c, name->parts, qualifiers) || (qualifiers == 0 && c->qualified_only))
                continue;
            bool hides = found >= 0 && scope->columns[found].hidden && !c->hidden; /* a data column wins */
            if (found >= 0 && !hides && !(c->hidden && !scope->columns[found].hidden) &&
                scope->columns[found].column != c->column)
                return ambiguous(a, scope, name, qualifiers);
            if (found < 0 || hides)
                found = i;
        }
        if (found >= 0) {
            *column = scope->columns[found].column;
            *used = qualifiers + 1;
            return MR_OK;
        }
    }
    return MR_END;
}

/* ---- suggestions ---- */
static int distance(const char *x, const char *y)
{
    int row[128], n = (int)strlen(x), m = (int)strlen(y);
    if (n > 120 || m > 120)
        return 1000;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int above = row[j], best = diagonal + (x[i - 1] != y[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[m];
}

struct suggestion {
    const char *text;
    int distance;
};

/* Qualifiers that all candidates share are left out, as far as the name has none itself. */
static int qualifiers_shown(struct mr_analysis *a, const struct mr_scope *scope, int parts)
{
    bool same = true, same_but_table = true;
    const struct mr_scope_column *first = NULL;
    for (int i = 0; i < scope->count; i++) {
        const struct mr_scope_column *c = &scope->columns[i];
        if (c->hidden)
            continue;
        if (!first)
            first = c;
        bool equal = c->qualifier_count == first->qualifier_count;
        for (int q = 0; q < c->qualifier_count && equal; q++) {
            bool equal_part = mr_sql_same_name(a, c->qualifier[q], first->qualifier[q]);
            same = same && equal_part;
            same_but_table = same_but_table && (equal_part || q == c->qualifier_count - 1);
        }
        same = same && equal;
        same_but_table = same_but_table && equal;
    }
    if (parts == 1 && same)
        return 0;
    return parts <= 2 && same_but_table ? 1 : 8;
}

static int better(const struct suggestion *x, const struct suggestion *y)
{
    return x->distance != y->distance ? x->distance - y->distance : strcmp(x->text, y->text);
}

int mr_scope_unresolved(struct mr_analysis *a, const struct mr_scope *scope, const struct mr_sql_name *name)
{
    struct suggestion best[5];
    int count = 0, shown = qualifiers_shown(a, scope, name->count);
    struct mr_text base, list;
    mr_text_init(&base);
    mr_text_init(&list);
    for (int i = 0; i < name->count; i++) {
        mr_text_append_str(&base, i > 0 ? "." : "");
        mr_text_append(&base, name->parts[i].data, name->parts[i].size);
    }
    for (int i = 0; i < scope->count; i++) {
        struct mr_scope_column c = scope->columns[i];
        if (c.hidden || c.qualified_only)
            continue;
        if (c.qualifier_count > shown) {
            c.qualifier += c.qualifier_count - shown;
            c.qualifier_count = shown;
        }
        struct suggestion s = {full_name(a, &c), 0};
        s.distance = distance(base.data ? base.data : "", s.text);
        int at = count < 5 ? count++ : 5;
        for (; at > 0 && (at == 5 ? better(&s, &best[4]) < 0 : better(&s, &best[at - 1]) < 0); at--)
            if (at < 5)
                best[at] = best[at - 1];
        if (at < 5)
            best[at] = s;
    }
    for (int i = 0; i < count; i++)
        mr_text_format(&list, "%s%s", i > 0 ? ", " : "", best[i].text);
    const char *quoted = mr_sql_quoted(a, name->parts, name->count);
    if (count > 0)
        mr_error_set(a->error, MR_E_SQL, "UNRESOLVED_COLUMN.WITH_SUGGESTION",
                     "There is no column %s here. Similar names: [%s].", quoted, list.data);
    else
        mr_error_set(a->error, MR_E_SQL, "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
                     "There is no column %s here.", quoted);
    mr_error_parameter(a->error, "objectName", "%s", quoted);
    if (count > 0)
        mr_error_parameter(a->error, "proposal", "%s", list.data);
    mr_text_release(&base);
    mr_text_release(&list);
    return mr_sql_error_at(a, name->start, name->stop);
}
