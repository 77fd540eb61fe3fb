/* sql/build_expression.c: names, lists and the leaves and operators of expressions, for the grammar's
 * actions. */
#include "sql/build.h"

/* ---- arena ---- */
void *mr_sql_parser_new(struct mr_sql_parser *p, size_t size)
{
    /* A node to write into when memory is gone: the parse goes on to its end, its result is thrown away. */
    static _Thread_local union {
        struct mr_sql_expression expression;
        struct mr_sql_relation relation;
        struct mr_sql_body body;
        struct mr_sql_query query;
        char bytes[1024];
    } spare;
    void *memory = mr_arena_allocate_zeroed(p->arena, size);
    if (memory)
        return memory;
    if (p->status == MR_OK)
        p->status = mr_error_memory(p->error, size);
    memset(&spare, 0, sizeof spare);
    return size <= sizeof spare ? (void *)&spare : NULL;
}

struct mr_sql_list *mr_sql_list_add(struct mr_sql_parser *p, struct mr_sql_list *list, void *item)
{
    if (!list)
        list = mr_sql_parser_new(p, sizeof *list);
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 4;
        void **items = mr_arena_allocate(p->arena, sizeof *items * (size_t)capacity);
        if (!items) {
            if (p->status == MR_OK)
                p->status = mr_error_memory(p->error, sizeof *items * (size_t)capacity);
            return list;
        }
        if (list->count > 0)
            memcpy(items, list->items, sizeof *items * (size_t)list->count);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return list;
}

/* ---- text and names ---- */
struct mr_str mr_sql_token_text(struct mr_sql_parser *p, const struct mr_sql_token *t)
{
    return (struct mr_str){p->text + t->start, t->stop - t->start};
}

struct mr_str mr_sql_token_identifier(struct mr_sql_parser *p, const struct mr_sql_token *t)
{
    struct mr_str text = mr_sql_token_text(p, t);
    if (text.size < 2 || text.data[0] != '`')
        return text;
    struct mr_str inner = {text.data + 1, text.size - 2};
    if (!memchr(inner.data, '`', inner.size))
        return inner;
    char *out = mr_arena_allocate(p->arena, inner.size);
    if (!out) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, inner.size) : p->status;
        return inner;
    }
    size_t n = 0;
    for (size_t i = 0; i < inner.size; i++) {
        out[n++] = inner.data[i];
        if (inner.data[i] == '`')
            i++; /* doubled */
    }
    return (struct mr_str){out, n};
}

struct mr_sql_list *mr_sql_names_add(struct mr_sql_parser *p, struct mr_sql_list *list,
                                     const struct mr_sql_token *t)
{
    return mr_sql_list_add(p, list, mr_sql_make_name(p, t));
}

const struct mr_str *mr_sql_names_of(struct mr_sql_parser *p, const struct mr_sql_list *list, int *count)
{
    *count = 0;
    if (!list || list->count == 0)
        return NULL;
    struct mr_str *names = mr_arena_allocate(p->arena, sizeof *names * (size_t)list->count);
    if (!names) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, sizeof *names) : p->status;
        return NULL;
    }
    for (int i = 0; i < list->count; i++)
        names[i] = ((const struct mr_sql_name *)list->items[i])->parts[0];
    *count = list->count;
    return names;
}

static struct mr_str *new_str(struct mr_sql_parser *p, struct mr_str value)
{
    struct mr_str *s = mr_sql_parser_new(p, sizeof *s);
    *s = value;
    return s;
}

struct mr_sql_name *mr_sql_make_name(struct mr_sql_parser *p, const struct mr_sql_token *t)
{
    struct mr_sql_name *name = mr_sql_parser_new(p, sizeof *name);
    *name = (struct mr_sql_name){new_str(p, mr_sql_token_identifier(p, t)), 1, t->start, t->stop};
    return name;
}

struct mr_sql_name *mr_sql_name_add(struct mr_sql_parser *p, struct mr_sql_name *name,
                                    const struct mr_sql_token *t)
{
    struct mr_str *parts = mr_arena_allocate(p->arena, sizeof *parts * (size_t)(name->count + 1));
    if (!parts) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, sizeof *parts) : p->status;
        return name;
    }
    memcpy(parts, name->parts, sizeof *parts * (size_t)name->count);
    parts[name->count] = mr_sql_token_identifier(p, t);
    struct mr_sql_name *longer = mr_sql_parser_new(p, sizeof *longer);
    *longer = (struct mr_sql_name){parts, name->count + 1, name->start, t->stop};
    if (longer->count > 64)
        mr_sql_parser_too_complex(p);
    return longer;
}

struct mr_str mr_sql_name_text(struct mr_sql_parser *p, const struct mr_sql_name *name)
{
    size_t size = 0;
    for (int i = 0; i < name->count; i++)
        size += name->parts[i].size + 1;
    char *out = mr_sql_parser_new(p, size + 1), *at = out;
    if (!out)
        return (struct mr_str){"", 0};
    for (int i = 0; i < name->count; i++) {
        if (i > 0)
            *at++ = '.';
        memcpy(at, name->parts[i].data, name->parts[i].size);
        at += name->parts[i].size;
    }
    return (struct mr_str){out, (size_t)(at - out)};
}

/* ---- nodes ---- */
struct mr_sql_expression *mr_sql_new_expression(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                                uint32_t start, uint32_t stop)
{
    struct mr_sql_expression *e = mr_sql_parser_new(p, sizeof *e);
    e->kind = kind;
    e->start = e->outer_start = start;
    e->stop = e->outer_stop = stop;
    e->depth = 1;
    return e;
}

void mr_sql_set_arguments(struct mr_sql_parser *p, struct mr_sql_expression *e,
                          struct mr_sql_expression *const *list, int count)
{
    e->arguments = mr_arena_allocate(p->arena, sizeof *e->arguments * (size_t)(count ? count : 1));
    if (!e->arguments) {
        p->status = p->status == MR_OK ? mr_error_memory(p->error, sizeof *list) : p->status;
        return;
    }
    for (int i = 0; i < count; i++) {
        if (!list[i])
            continue;
        e->arguments[e->argument_count++] = list[i];
        if (list[i]->depth >= e->depth)
            e->depth = list[i]->depth + 1;
    }
    if (e->depth > MR_SQL_MAX_DEPTH)
        mr_sql_parser_too_complex(p);
}

static struct mr_sql_expression *over(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                      struct mr_str word, uint32_t start, uint32_t stop,
                                      struct mr_sql_expression *a, struct mr_sql_expression *b,
                                      struct mr_sql_expression *c)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, kind, start, stop);
    struct mr_sql_expression *list[] = {a, b, c};
    e->word = word;
    mr_sql_set_arguments(p, e, list, 3);
    return e;
}

struct mr_sql_expression *mr_sql_make_column(struct mr_sql_parser *p, struct mr_sql_name *name)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_COLUMN, name->start, name->stop);
    e->name = name;
    return e;
}

struct mr_sql_expression *mr_sql_make_star(struct mr_sql_parser *p, struct mr_sql_name *qualifier,
                                           const struct mr_sql_token *star, struct mr_sql_list *except)
{
    struct mr_sql_expression *e =
        mr_sql_new_expression(p, MR_SQL_STAR, qualifier ? qualifier->start : star->start, p->last_stop);
    e->name = qualifier;
    e->names = mr_sql_names_of(p, except, &e->name_count);
    return e;
}

struct mr_sql_expression *mr_sql_make_operator(struct mr_sql_parser *p, struct mr_str word,
                                               struct mr_sql_expression *a, struct mr_sql_expression *b,
                                               struct mr_sql_expression *c)
{
    return over(p, MR_SQL_OPERATOR, word, a->outer_start, p->last_stop, a, b, c);
}

struct mr_sql_expression *mr_sql_make_prefix(struct mr_sql_parser *p, const struct mr_sql_token *t,
                                             struct mr_str word, struct mr_sql_expression *a)
{
    return over(p, MR_SQL_OPERATOR, word, t->start, p->last_stop, a, NULL, NULL);
}

struct mr_sql_expression *mr_sql_make_junction(struct mr_sql_parser *p, struct mr_str word,
                                               struct mr_sql_expression *a, struct mr_sql_expression *b)
{
    bool chain = a->kind == MR_SQL_OPERATOR && !a->parenthesised && mr_str_equal(a->word, word);
    if (!chain)
        return over(p, MR_SQL_OPERATOR, word, a->outer_start, p->last_stop, a, b, NULL);
    /* Room grows by doubling: counts that are powers of two are full. */
    if ((a->argument_count & (a->argument_count - 1)) == 0) {
        size_t size = sizeof *a->arguments * (size_t)(a->argument_count + 1) * 2;
        struct mr_sql_expression **longer = mr_arena_allocate(p->arena, size);
        if (!longer) {
            p->status = p->status == MR_OK ? mr_error_memory(p->error, size) : p->status;
            return a;
        }
        memcpy(longer, a->arguments, sizeof *longer * (size_t)a->argument_count);
        a->arguments = longer;
    }
    a->arguments[a->argument_count++] = b;
    if (b->depth >= a->depth)
        a->depth = b->depth + 1;
    a->stop = a->outer_stop = p->last_stop;
    if (a->depth > MR_SQL_MAX_DEPTH)
        mr_sql_parser_too_complex(p);
    return a;
}

struct mr_sql_expression *mr_sql_make_not(struct mr_sql_parser *p, int negate, struct mr_sql_expression *a)
{
    if (!negate)
        return a;
    return over(p, MR_SQL_OPERATOR, MR_STR("not"), a->start, a->stop, a, NULL, NULL);
}

struct mr_sql_expression *mr_sql_make_in(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                         struct mr_sql_list *values, const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_OPERATOR, a->outer_start, end->stop);
    struct mr_sql_list *all = mr_sql_list_add(p, NULL, a);
    for (int i = 0; i < values->count; i++)
        all = mr_sql_list_add(p, all, values->items[i]);
    e->word = MR_STR("in");
    mr_sql_set_arguments(p, e, (struct mr_sql_expression *const *)all->items, all->count);
    return e;
}

struct mr_sql_expression *mr_sql_make_like_list(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                                struct mr_str word, int all, int negate,
                                                struct mr_sql_list *patterns, const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_make_in(p, a, patterns, end);
    e->kind = MR_SQL_LIKE_LIST;
    e->word = word;
    e->flag = all;
    e->distinct = negate;
    return e;
}

struct mr_sql_expression *mr_sql_make_is(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                         const char *word, const char *literal, int negate,
                                         const struct mr_sql_token *end)
{
    struct mr_sql_expression *value = NULL;
    if (literal)
        value = mr_sql_make_constant(p, MR_SQL_BOOLEAN, end, strcmp(literal, "true") == 0);
    return mr_sql_make_not(p, negate,
                           over(p, MR_SQL_OPERATOR, mr_str_of(word), a->outer_start, end->stop, a, value,
                                NULL));
}

struct mr_sql_expression *mr_sql_make_query_value(struct mr_sql_parser *p, enum mr_sql_expression_kind kind,
                                                  const struct mr_sql_token *begin,
                                                  struct mr_sql_expression *a, struct mr_sql_query *query,
                                                  const struct mr_sql_token *end)
{
    uint32_t start = begin ? begin->start : a ? a->outer_start : query->start;
    struct mr_sql_expression *e =
        over(p, kind, (struct mr_str){"", 0}, start, end ? end->stop : query->stop, a, NULL, NULL);
    e->query = query;
    if (query->depth >= e->depth)
        e->depth = query->depth + 1;
    return e;
}

struct mr_sql_expression *mr_sql_make_field(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                            const struct mr_sql_token *field)
{
    return over(p, MR_SQL_FIELD, mr_sql_token_identifier(p, field), a->outer_start, field->stop, a, NULL,
                NULL);
}

struct mr_sql_expression *mr_sql_make_subscript(struct mr_sql_parser *p, struct mr_sql_expression *a,
                                                struct mr_sql_expression *b, const struct mr_sql_token *end)
{
    return over(p, MR_SQL_SUBSCRIPT, (struct mr_str){"", 0}, a->outer_start, end->stop, a, b, NULL);
}

struct mr_sql_expression *mr_sql_make_cast(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                           struct mr_sql_expression *a, const struct mr_sql_token *type,
                                           const struct mr_sql_token *end, int try_cast)
{
    uint32_t start = begin ? begin->start : a->outer_start, stop = end ? end->stop : type->stop;
    struct mr_sql_expression *e = over(p, MR_SQL_CAST, (struct mr_str){"", 0}, start, stop, a, NULL, NULL);
    e->type = mr_sql_token_text(p, type);
    e->type_start = type->start;
    e->flag = try_cast;
    return e;
}

struct mr_sql_expression *mr_sql_make_parens(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                             struct mr_sql_expression *a, const struct mr_sql_token *end)
{
    (void)p;
    a->outer_start = begin->start;
    a->outer_stop = end->stop;
    a->parenthesised = true;
    return a;
}

struct mr_sql_expression *mr_sql_make_row(struct mr_sql_parser *p, const struct mr_sql_token *begin,
                                          struct mr_sql_expression *first, struct mr_sql_list *rest,
                                          const struct mr_sql_token *end)
{
    struct mr_sql_expression *e = mr_sql_new_expression(p, MR_SQL_ROW, begin->start, end->stop);
    struct mr_sql_list *all = mr_sql_list_add(p, NULL, first);
    for (int i = 0; i < rest->count; i++)
        all = mr_sql_list_add(p, all, rest->items[i]);
    mr_sql_set_arguments(p, e, (struct mr_sql_expression *const *)all->items, all->count);
    return e;
}
