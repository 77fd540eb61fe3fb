/* formats/parquet/reader_schema.c: the tree of a footer, by the rules that Spark reads lists and maps with.
 *
 * LIST: a group with one repeated child. That child is the element itself when it is a primitive, has several
 * fields or one that repeats, or is called "array" or "<list>_tuple" (2-level forms of old writers);
 * otherwise its only child is. MAP: a group with one repeated group of key and value. A repeated field
 * outside of both is an array that is never NULL. */
#include "formats/parquet/reader_schema.h"

#include "formats/parquet/reader_types.h"

#define MAX_DEPTH 100
#define MAX_LEVEL 250

struct builder {
    struct mr_arena *arena;
    const struct mr_parquet_element *elements;
    size_t count, next;
    struct mr_parquet_schema *schema;
    const char *path[MAX_DEPTH];
    int depth;
    const char *parent; /* path of the source whose children are being made; NULL: the root */
    struct mr_error *error;
};
struct levels {
    int definition, repetition;
};

/* A node of the raw tree: an element and its children. */
struct node {
    const struct mr_parquet_element *element;
    struct node *children;
    const char *name;
    int leaf; /* number of the first column in it */
};

static int corrupt(struct builder *b, const char *what)
{
    const char *column = b->depth > 0 ? b->path[b->depth - 1] : "";
    return mr_error_set(b->error, MR_E_CORRUPT, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                        "The schema in the footer is damaged: %s%s%.100s.", what, *column ? ", at " : "",
                        column);
}

static int out_of_memory(struct builder *b)
{
    return mr_error_memory(b->error, 256);
}

/* ---- raw tree ---- */

static int check_element(struct builder *b, const struct mr_parquet_element *e)
{
    if (e->repetition > MR_PARQUET_REPEATED || (int)e->repetition < 0)
        return corrupt(b, "an unknown repetition");
    if (e->child_count < 0 || (e->physical != MR_PARQUET_GROUP && e->child_count > 0))
        return corrupt(b, "a column with children");
    if (e->physical != MR_PARQUET_GROUP && ((int)e->physical < 0 || e->physical > MR_PARQUET_FIXED))
        return corrupt(b, "an unknown physical type");
    if (e->physical == MR_PARQUET_FIXED && e->type_length < 0)
        return corrupt(b, "a negative length");
    return MR_OK;
}

static int add_leaf(struct builder *b, const struct mr_parquet_element *e, struct levels levels)
{
    struct mr_parquet_leaf *leaf = &b->schema->leaves[b->schema->leaf_count++];
    struct mr_text path;
    mr_text_init(&path);
    for (int i = 0; i < b->depth; i++)
        mr_text_format(&path, "%s%s", i > 0 ? "." : "", b->path[i]);
    leaf->element = e;
    leaf->definition = levels.definition;
    leaf->repetition = levels.repetition;
    leaf->path = path.failed ? NULL : mr_arena_copy_text(b->arena, path.data, path.size);
    mr_text_release(&path);
    return leaf->path ? MR_OK : out_of_memory(b);
}

static int read_node(struct builder *b, struct node *out, struct levels levels)
{
    if (b->next >= b->count)
        return corrupt(b, "it ends too early");
    const struct mr_parquet_element *e = &b->elements[b->next++];
    bool is_root = b->next == 1;
    MR_TRY(check_element(b, e));
    if (b->depth >= MAX_DEPTH)
        return mr_error_set(b->error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                            "The schema nests more than %d levels deep.", MAX_DEPTH);
    out->element = e;
    out->leaf = b->schema->leaf_count;
    out->name = mr_arena_copy_text(b->arena, e->name.data ? e->name.data : "", e->name.size);
    if (!out->name)
        return out_of_memory(b);
    if (!is_root) {
        b->path[b->depth++] = out->name;
        levels.definition += e->repetition != MR_PARQUET_REQUIRED;
        levels.repetition += e->repetition == MR_PARQUET_REPEATED;
    }
    if (e->physical != MR_PARQUET_GROUP) {
        MR_TRY(add_leaf(b, e, levels));
    } else {
        if ((size_t)e->child_count > b->count - b->next)
            return corrupt(b, "it ends too early");
        out->children = MR_ARENA_ARRAY(b->arena, struct node, e->child_count + 1);
        if (!out->children)
            return out_of_memory(b);
        for (int i = 0; i < e->child_count; i++)
            MR_TRY(read_node(b, &out->children[i], levels));
    }
    b->depth -= !is_root;
    return MR_OK;
}

/* ---- meaning ---- */

static int make_source(struct builder *b, const struct node *node, struct levels levels, bool repeats_here,
                       struct mr_parquet_source *out);

static int new_children(struct builder *b, struct mr_parquet_source *out, int count)
{
    out->child_count = count;
    out->children = MR_ARENA_ARRAY(b->arena, struct mr_parquet_source, count + 1);
    return out->children ? MR_OK : out_of_memory(b);
}

static int unsupported(struct mr_parquet_source *out, const char *what)
{
    out->kind = MR_VOID;
    out->type = mr_type_of(MR_VOID);
    out->unsupported = what;
    return MR_OK;
}

static bool is_element_itself(const struct node *repeated, const char *list_name)
{
    const struct mr_parquet_element *e = repeated->element;
    if (e->physical != MR_PARQUET_GROUP || e->child_count != 1)
        return true;
    if (repeated->children[0].element->repetition == MR_PARQUET_REPEATED)
        return true;
    size_t size = strlen(list_name);
    bool tuple =
        strncmp(repeated->name, list_name, size) == 0 && strcmp(repeated->name + size, "_tuple") == 0;
    return tuple || strcmp(repeated->name, "array") == 0;
}

/* levels are those of the group. */
static int make_list(struct builder *b, const struct node *group, struct levels levels,
                     struct mr_parquet_source *out)
{
    const struct node *repeated = &group->children[0];
    if (group->element->child_count != 1 || repeated->element->repetition != MR_PARQUET_REPEATED)
        return unsupported(out, "a LIST without one repeated field");
    MR_TRY(new_children(b, out, 1));
    out->kind = MR_ARRAY;
    out->slot = levels.definition + 1;
    out->repetition = levels.repetition + 1;
    struct levels inner = {out->slot, out->repetition};
    struct mr_parquet_source *element = &out->children[0];
    if (is_element_itself(repeated, group->name))
        MR_TRY(make_source(b, repeated, inner, true, element));
    else
        MR_TRY(make_source(b, &repeated->children[0], inner, false, element));
    out->type = mr_type_array(b->arena, element->type, true);
    return out->type ? MR_OK : out_of_memory(b);
}

static int make_map(struct builder *b, const struct node *group, struct levels levels,
                    struct mr_parquet_source *out)
{
    const struct node *entry = &group->children[0];
    if (group->element->child_count != 1 || entry->element->repetition != MR_PARQUET_REPEATED ||
        entry->element->physical != MR_PARQUET_GROUP || entry->element->child_count != 2)
        return unsupported(out, "a MAP without one repeated group of key and value");
    MR_TRY(new_children(b, out, 2));
    out->kind = MR_MAP;
    out->slot = levels.definition + 1;
    out->repetition = levels.repetition + 1;
    struct levels inner = {out->slot, out->repetition};
    for (int i = 0; i < 2; i++)
        MR_TRY(make_source(b, &entry->children[i], inner, false, &out->children[i]));
    out->type = mr_type_map(b->arena, out->children[0].type, out->children[1].type, true);
    return out->type ? MR_OK : out_of_memory(b);
}

static int make_struct(struct builder *b, const struct node *group, struct levels levels,
                       struct mr_parquet_source *out)
{
    int count = group->element->child_count;
    MR_TRY(new_children(b, out, count));
    struct mr_field *fields = MR_ARENA_ARRAY(b->arena, struct mr_field, count + 1);
    if (!fields)
        return out_of_memory(b);
    out->kind = MR_STRUCT;
    for (int i = 0; i < count; i++) {
        MR_TRY(make_source(b, &group->children[i], levels, false, &out->children[i]));
        const struct mr_parquet_source *child = &out->children[i];
        fields[i] = (struct mr_field){.name = child->name, .type = child->type, .nullable = true};
    }
    out->type = mr_type_struct(b->arena, fields, count);
    return out->type ? MR_OK : out_of_memory(b);
}

static int make_leaf(struct builder *b, const struct node *node, struct mr_parquet_source *out)
{
    out->type = mr_parquet_leaf_type(b->arena, node->element, &out->unsupported);
    out->kind = out->type ? out->type->id : MR_VOID;
    return out->type ? MR_OK : out_of_memory(b);
}

static int make_group(struct builder *b, const struct node *node, struct levels levels,
                      struct mr_parquet_source *out)
{
    const struct mr_parquet_element *e = node->element;
    if (e->child_count == 0)
        return unsupported(out, "a group without fields");
    switch (e->logical) {
    case MR_PARQUET_LOGICAL_LIST:
        return make_list(b, node, levels, out);
    case MR_PARQUET_LOGICAL_MAP:
        return make_map(b, node, levels, out);
    case MR_PARQUET_LOGICAL_NONE:
        return make_struct(b, node, levels, out);
    case MR_PARQUET_LOGICAL_VARIANT:
        return unsupported(out, "VARIANT");
    default:
        return unsupported(out, "a group of unknown logical type");
    }
}

/* levels are those of the parent; repeats_here: node is an element that the parent has counted already. */
static int make_source(struct builder *b, const struct node *node, struct levels levels, bool repeats_here,
                       struct mr_parquet_source *out)
{
    const struct mr_parquet_element *e = node->element;
    bool is_array = e->repetition == MR_PARQUET_REPEATED && !repeats_here;
    const char *parent = b->parent;
    out->name = node->name;
    out->path = parent ? mr_arena_format(b->arena, "%s.%s", parent, node->name) : node->name;
    out->field_id = e->field_id;
    out->element = e;
    out->leaf = node->leaf;
    if (!out->path)
        return out_of_memory(b);
    if (is_array) {
        MR_TRY(new_children(b, out, 1));
        out->kind = MR_ARRAY;
        out->present = levels.definition;
        out->slot = levels.definition + 1;
        out->repetition = levels.repetition + 1;
        struct levels inner = {out->slot, out->repetition};
        MR_TRY(make_source(b, node, inner, true, &out->children[0]));
        out->type = mr_type_array(b->arena, out->children[0].type, true);
        return out->type ? MR_OK : out_of_memory(b);
    }
    levels.definition += e->repetition == MR_PARQUET_OPTIONAL;
    out->present = levels.definition;
    b->parent = out->path;
    int status = e->physical == MR_PARQUET_GROUP ? make_group(b, node, levels, out) : make_leaf(b, node, out);
    b->parent = parent;
    return status;
}

int mr_parquet_schema_read(struct mr_arena *arena, const struct mr_parquet_element *elements, size_t count,
                           struct mr_parquet_schema *out, struct mr_error *error)
{
    struct builder builder = {.arena = arena, .count = count, .schema = out, .error = error}, *b = &builder;
    memset(out, 0, sizeof(*out));
    if (count == 0)
        return corrupt(b, "there is none");
    struct mr_parquet_element *copies = MR_ARENA_ARRAY(arena, struct mr_parquet_element, count);
    out->leaves = MR_ARENA_ARRAY(arena, struct mr_parquet_leaf, count);
    if (!copies || !out->leaves)
        return out_of_memory(b);
    memcpy(copies, elements, count * sizeof(*copies));
    for (size_t i = 0; i < count; i++)
        mr_parquet_element_normalize(&copies[i]);
    b->elements = copies;
    struct node root = {0};
    MR_TRY(read_node(b, &root, (struct levels){0, 0}));
    if (b->next != count)
        return corrupt(b, "elements are left over");
    for (int i = 0; i < out->leaf_count; i++)
        if (out->leaves[i].definition > MAX_LEVEL)
            return corrupt(b, "it nests too deep");
    if (root.element->physical != MR_PARQUET_GROUP)
        return corrupt(b, "its root is a column");
    out->root.name = "";
    out->root.field_id = -1;
    return make_struct(b, &root, (struct levels){0, 0}, &out->root);
}
