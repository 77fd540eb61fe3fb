/* formats/schema_edit.c: schemas changed by hints, and merged. */
#include "formats/infer.h"

/* ---- merging ---- */

static int merge_types(struct mr_arena *arena, const struct mr_type *base, const struct mr_type *other,
                       const struct mr_type **out, bool *grown, struct mr_error *error)
{
    *out = base;
    if (base->id == MR_ARRAY && other->id == MR_ARRAY) {
        const struct mr_type *element;
        bool inside = false;
        MR_TRY(merge_types(arena, base->fields[0].type, other->fields[0].type, &element, &inside, error));
        if (inside)
            *out = mr_type_array(arena, element, base->fields[0].nullable);
        *grown |= inside;
        return *out ? MR_OK : mr_error_memory(error, sizeof **out);
    }
    if (base->id != MR_STRUCT || other->id != MR_STRUCT)
        return MR_OK;
    int count = base->field_count;
    bool changed = false;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, count + other->field_count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    for (int i = 0; i < count; i++) {
        fields[i] = base->fields[i];
        int same = mr_type_field(other, mr_str_of(base->fields[i].name), false, NULL);
        if (same >= 0)
            MR_TRY(merge_types(arena, fields[i].type, other->fields[same].type, &fields[i].type, &changed,
                               error));
    }
    for (int i = 0; i < other->field_count; i++) {
        if (mr_type_field(base, mr_str_of(other->fields[i].name), false, NULL) < 0) {
            fields[count++] = other->fields[i];
            changed = true;
        }
    }
    if (changed)
        *out = mr_type_struct(arena, fields, count);
    *grown |= changed;
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

int mr_schema_merge(struct mr_arena *arena, const struct mr_type *base, const struct mr_type *other,
                    const struct mr_type **out, bool *grown, struct mr_error *error)
{
    *grown = false;
    return merge_types(arena, base, other, out, grown, error);
}

/* ---- hints ---- */

static int replace_type(struct mr_arena *arena, const struct mr_type *type, char **path, int depth,
                        const struct mr_type *wanted, const struct mr_type **out, struct mr_error *error)
{
    if (depth == 0) {
        *out = wanted;
        return MR_OK;
    }
    int index = -1, count = type->field_count;
    for (int i = 0; i < count && mr_type_is_nested(type); i++)
        if (mr_str_equal_nocase(mr_str_of(type->fields[i].name), mr_str_of(path[0])))
            index = i;
    if (!mr_type_is_nested(type) || (index < 0 && type->id != MR_STRUCT))
        return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                            "schemaHints names '%s', but there is nothing of that name inside its column.",
                            path[0]);
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, count + 1);
    if (!fields)
        return mr_error_memory(error, sizeof *fields);
    memcpy(fields, type->fields, sizeof *fields * (size_t)count);
    if (index < 0) {
        index = count++;
        fields[index] =
            (struct mr_field){.name = path[0], .type = mr_type_struct(arena, NULL, 0), .nullable = true};
        if (!fields[index].type)
            return mr_error_memory(error, sizeof *fields);
    }
    MR_TRY(replace_type(arena, fields[index].type, path + 1, depth - 1, wanted, &fields[index].type, error));
    struct mr_type *copy = MR_ARENA_NEW(arena, struct mr_type);
    if (!copy)
        return mr_error_memory(error, sizeof *copy);
    *copy = *type;
    copy->fields = fields;
    copy->field_count = count;
    *out = copy;
    return MR_OK;
}

/* One hint, "a.b TYPE", in place: the path's parts end in NUL. Returns the type's text; NULL: not of that
 * form. */
static char *split_hint(char *hint, char **path, int *depth)
{
    char *p = hint;
    *depth = 0;
    for (;;) {
        while (*p == ' ' || *p == '\n' || *p == '\t')
            p++;
        char quote = *p == '`' ? '`' : 0, *start = quote ? p + 1 : p;
        p = start + (quote ? strcspn(start, "`") : strcspn(start, ". \t\n:"));
        if (p == start || *depth == 32 || !*p)
            return NULL;
        char end = *p;
        *p++ = '\0';
        path[(*depth)++] = start;
        if (quote)
            end = *p ? *p++ : '\0';
        if (end != '.')
            return end ? p : NULL;
    }
}

int mr_schema_hint(struct mr_arena *arena, const struct mr_type *schema, const char *hints,
                   const struct mr_type **out, struct mr_error *error)
{
    char *text = mr_arena_copy_text(arena, hints, strlen(hints)), *path[32];
    if (!text)
        return mr_error_memory(error, strlen(hints));
    *out = schema;
    for (char *from = text; *from;) {
        char *p = from;
        int nesting = 0, depth;
        for (bool quoted = false; *p && (*p != ',' || nesting > 0 || quoted); p++) {
            quoted ^= *p == '`';
            nesting += (*p == '<' || *p == '(') - (*p == '>' || *p == ')');
        }
        bool last = *p == '\0';
        *p = '\0';
        const struct mr_type *type;
        char *type_text = split_hint(from, path, &depth);
        if (!type_text)
            return mr_error_set(error, MR_E_USAGE, "INVALID_OPTION_VALUE",
                                "schemaHints takes names and types, e.g. 'a DATE, s.f INT'; it is '%s'.",
                                hints);
        MR_TRY(mr_type_parse(arena, mr_str_of(type_text), &type, error));
        MR_TRY(replace_type(arena, *out, path, depth, type, out, error));
        from = last ? p : p + 1;
    }
    return MR_OK;
}
