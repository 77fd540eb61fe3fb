/* formats/infer.c: common types of what was seen; the schema made of it. */
#include "formats/infer.h"

#include <stdlib.h>

#define MANY_MEMBERS 16

void mr_infer_init(struct mr_infer *infer)
{
    *infer = (struct mr_infer){.bytes_left = INT64_MAX};
    mr_arena_init(&infer->arena);
}

static void release_maps(struct mr_infer_node *node)
{
    if (!node)
        return;
    release_maps(node->element);
    for (int i = 0; i < node->count; i++)
        release_maps(node->members[i].node);
    if (node->names)
        mr_map_release(node->names);
}

void mr_infer_release(struct mr_infer *infer)
{
    release_maps(infer->root);
    mr_arena_release(&infer->arena);
    *infer = (struct mr_infer){0};
}

struct mr_infer_node *mr_infer_node_new(struct mr_infer *infer, enum mr_infer_kind kind)
{
    struct mr_infer_node *node = MR_ARENA_NEW(&infer->arena, struct mr_infer_node);
    if (node)
        node->kind = (uint8_t)kind;
    return node;
}

/* ---- members ---- */

/* The name as members are found by it; in scratch where it is not the name itself. */
static struct mr_str key_of(const struct mr_infer *infer, struct mr_str name, struct mr_text *scratch)
{
    if (!infer->fold_case)
        return name;
    mr_name_fold(scratch, name);
    return mr_text_str(scratch);
}

/* false: out of memory */
static bool index_member(struct mr_infer *infer, struct mr_infer_node *node, int index)
{
    struct mr_text scratch;
    mr_text_init(&scratch);
    struct mr_str name = {node->members[index].name, node->members[index].name_size};
    struct mr_map_entry *entry = mr_map_put(node->names, key_of(infer, name, &scratch), NULL);
    if (entry)
        entry->number = index + 1;
    bool failed = !entry || scratch.failed;
    mr_text_release(&scratch);
    return !failed;
}

static bool index_members(struct mr_infer *infer, struct mr_infer_node *node)
{
    node->names = MR_ARENA_NEW(&infer->arena, struct mr_map);
    if (!node->names)
        return false;
    mr_map_init(node->names);
    for (int i = 0; i < node->count; i++)
        if (!index_member(infer, node, i))
            return false;
    return true;
}

static struct mr_infer_node *find_member(const struct mr_infer *infer, const struct mr_infer_node *node,
                                         struct mr_str name)
{
    if (node->names) {
        struct mr_text scratch;
        mr_text_init(&scratch);
        const struct mr_map_entry *entry = mr_map_get(node->names, key_of(infer, name, &scratch));
        mr_text_release(&scratch);
        return entry ? node->members[entry->number - 1].node : NULL;
    }
    for (int i = 0; i < node->count; i++) {
        struct mr_str member = {node->members[i].name, node->members[i].name_size};
        if (infer->fold_case ? mr_names_equal(member, name) : mr_str_equal(member, name))
            return node->members[i].node;
    }
    return NULL;
}

struct mr_infer_node *mr_infer_member(struct mr_infer *infer, struct mr_infer_node *node, struct mr_str name)
{
    struct mr_infer_node *found = find_member(infer, node, name);
    if (found)
        return found;
    if (node->count == node->capacity) {
        int capacity = node->capacity ? node->capacity * 2 : 8;
        struct mr_infer_member *grown = MR_ARENA_ARRAY(&infer->arena, struct mr_infer_member, capacity);
        if (!grown)
            return NULL;
        if (node->count > 0)
            memcpy(grown, node->members, sizeof *grown * (size_t)node->count);
        node->members = grown;
        node->capacity = capacity;
    }
    struct mr_infer_member *member = &node->members[node->count];
    member->name = mr_arena_copy_text(&infer->arena, name.data, name.size);
    member->name_size = name.size;
    member->node = mr_infer_node_new(infer, MR_INFER_NULL);
    if (!member->name || !member->node)
        return NULL;
    node->count++;
    if (node->names) {
        if (!index_member(infer, node, node->count - 1))
            return NULL;
    } else if (node->count > MANY_MEMBERS && !index_members(infer, node)) {
        return NULL;
    }
    return member->node;
}

/* ---- common types ---- */

static void widen_decimal(struct mr_infer_node *node, int precision, int scale)
{
    int whole = node->precision - node->scale;
    int range = whole > precision - scale ? whole : precision - scale;
    int digits = node->scale > scale ? node->scale : scale;
    if (range + digits > 38) {
        node->kind = MR_INFER_DOUBLE;
        return;
    }
    node->kind = MR_INFER_DECIMAL;
    node->precision = (uint8_t)(range + digits);
    node->scale = (uint8_t)digits;
}

void mr_infer_scalar(struct mr_infer_node *node, enum mr_infer_kind kind, int precision, int scale)
{
    enum mr_infer_kind had = node->kind;
    if (kind == MR_INFER_NULL || had == MR_INFER_STRING || node->pinned)
        return;
    if (had == MR_INFER_NULL) {
        node->kind = (uint8_t)kind;
        node->precision = (uint8_t)precision;
        node->scale = (uint8_t)scale;
        return;
    }
    if (had == kind) {
        if (kind == MR_INFER_DECIMAL)
            widen_decimal(node, precision, scale);
        return;
    }
    bool numbers =
        had >= MR_INFER_INT && had <= MR_INFER_DOUBLE && kind >= MR_INFER_INT && kind <= MR_INFER_DOUBLE;
    if (numbers && (had == MR_INFER_DOUBLE || kind == MR_INFER_DOUBLE)) {
        node->kind = MR_INFER_DOUBLE;
    } else if (numbers && had == MR_INFER_DECIMAL) {
        widen_decimal(node, kind == MR_INFER_INT ? 10 : 20, 0);
    } else if (numbers && kind == MR_INFER_DECIMAL) {
        node->precision = had == MR_INFER_INT ? 10 : 20;
        node->scale = 0;
        widen_decimal(node, precision, scale);
    } else if (numbers) {
        node->kind = MR_INFER_LONG;
    } else if (had >= MR_INFER_DATE && had <= MR_INFER_TIMESTAMP_NTZ && kind >= MR_INFER_DATE &&
               kind <= MR_INFER_TIMESTAMP_NTZ) {
        node->kind = had == MR_INFER_TIMESTAMP || kind == MR_INFER_TIMESTAMP ? MR_INFER_TIMESTAMP
                                                                             : MR_INFER_TIMESTAMP_NTZ;
    } else {
        node->kind = MR_INFER_STRING;
    }
}

bool mr_infer_container(struct mr_infer *infer, struct mr_infer_node *node, enum mr_infer_kind kind)
{
    (void)infer;
    if (node->kind == MR_INFER_NULL)
        node->kind = (uint8_t)kind;
    if (node->kind != kind && !node->pinned)
        node->kind = MR_INFER_STRING;
    return node->kind == kind;
}

static bool seed(struct mr_infer *infer, struct mr_infer_node *node, const struct mr_type *type)
{
    node->pinned = true;
    node->kind = type->id == MR_STRUCT  ? MR_INFER_STRUCT
                 : type->id == MR_ARRAY ? MR_INFER_ARRAY
                                        : MR_INFER_STRING; /* the schema knows what it is */
    if (type->id == MR_ARRAY) {
        node->element = mr_infer_node_new(infer, MR_INFER_NULL);
        return node->element && seed(infer, node->element, type->fields[0].type);
    }
    for (int i = 0; type->id == MR_STRUCT && i < type->field_count; i++) {
        struct mr_infer_node *member = mr_infer_member(infer, node, mr_str_of(type->fields[i].name));
        if (!member || !seed(infer, member, type->fields[i].type))
            return false;
    }
    return true;
}

int mr_infer_seed(struct mr_infer *infer, const struct mr_type *schema, struct mr_error *error)
{
    infer->root = mr_infer_node_new(infer, MR_INFER_STRUCT);
    return infer->root && seed(infer, infer->root, schema) ? MR_OK
                                                           : mr_error_memory(error, sizeof *infer->root);
}

/* ---- the schema ---- */

static int by_name(const void *a, const void *b)
{
    const struct mr_infer_member *x = a, *y = b;
    return mr_str_compare((struct mr_str){x->name, x->name_size}, (struct mr_str){y->name, y->name_size});
}

/* *out NULL: the node stands for nothing that a column could be. */
static int type_of(struct mr_infer *infer, struct mr_infer_node *node, struct mr_arena *arena,
                   const struct mr_type **out, struct mr_error *error)
{
    static const enum mr_type_id ids[] = {MR_STRING, MR_BOOLEAN, MR_INT,       MR_BIGINT,        MR_DECIMAL,
                                          MR_DOUBLE, MR_DATE,    MR_TIMESTAMP, MR_TIMESTAMP_NTZ, MR_STRING};
    *out = NULL;
    if (node->kind == MR_INFER_NULL && infer->drop_all_null)
        return MR_OK;
    if (node->kind == MR_INFER_ARRAY) {
        const struct mr_type *element;
        MR_TRY(type_of(infer, node->element, arena, &element, error));
        *out = element ? mr_type_array(arena, element, true) : NULL;
        return element && !*out ? mr_error_memory(error, sizeof **out) : MR_OK;
    }
    if (node->kind == MR_INFER_STRUCT) {
        struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, node->count + 1);
        int count = 0;
        if (!fields)
            return mr_error_memory(error, sizeof *fields);
        if (infer->sorted && node->count > 1)
            qsort(node->members, (size_t)node->count, sizeof *node->members, by_name);
        for (int i = 0; i < node->count; i++) {
            struct mr_infer_member *member = &node->members[i];
            struct mr_field field = {.nullable = true};
            MR_TRY(type_of(infer, member->node, arena, &field.type, error));
            field.name = mr_arena_copy_text(arena, member->name, member->name_size);
            if (!field.name)
                return mr_error_memory(error, member->name_size);
            if (field.type && member->name_size > 0)
                fields[count++] = field;
        }
        if (count > 0)
            *out = mr_type_struct(arena, fields, count);
        return count > 0 && !*out ? mr_error_memory(error, sizeof **out) : MR_OK;
    }
    *out = node->kind == MR_INFER_DECIMAL ? mr_type_decimal(arena, node->precision, node->scale)
                                          : mr_type_of(ids[node->kind]);
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}

int mr_infer_corrupt_column(struct mr_infer *infer, struct mr_error *error)
{
    if (!infer->corrupt_seen || !infer->corrupt_column)
        return MR_OK;
    if (!infer->root)
        infer->root = mr_infer_node_new(infer, MR_INFER_STRUCT);
    struct mr_infer_node *node =
        infer->root ? mr_infer_member(infer, infer->root, mr_str_of(infer->corrupt_column)) : NULL;
    if (!node)
        return mr_error_memory(error, sizeof *node);
    mr_infer_scalar(node, MR_INFER_STRING, 0, 0);
    return MR_OK;
}

int mr_infer_schema(struct mr_infer *infer, struct mr_arena *arena, const struct mr_type **out,
                    struct mr_error *error)
{
    const struct mr_type *type = NULL;
    if (infer->root && infer->root->kind == MR_INFER_STRUCT)
        MR_TRY(type_of(infer, infer->root, arena, &type, error));
    if (infer->root && infer->root->names) { /* sorting has moved the members */
        mr_map_release(infer->root->names);
        infer->root->names = NULL;
    }
    *out = type ? type : mr_type_struct(arena, NULL, 0);
    return *out ? MR_OK : mr_error_memory(error, sizeof **out);
}
