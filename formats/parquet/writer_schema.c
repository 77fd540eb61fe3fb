/* formats/parquet/writer_schema.c: from a schema to Parquet's list of elements.
 *
 *   ARRAY   optional group NAME (LIST) { repeated group list { element } }
 *   MAP     optional group NAME (MAP) { repeated group key_value { required key; value } }
 *   STRUCT  optional group NAME { fields } */
#include "formats/parquet/writer_schema.h"

#define MAX_DEPTH 100 /* of names in a path; levels stay far below 255 */

struct builder {
    struct mr_arena *arena;
    struct mr_parquet_writer_schema *schema;
    int leaf_capacity, element_capacity;
    const int32_t *field_ids;
    int field_index;
    const char *names[MAX_DEPTH];
    int name_count;
    bool in_repeated;
    const char *path[2 * MAX_DEPTH];
    int path_count;
    struct mr_error *error;
};

static int count_nodes(const struct mr_type *type, int *leaves, int *elements)
{
    int deepest = 0;
    *elements += type->id == MR_STRUCT ? 1 : type->id == MR_ARRAY || type->id == MR_MAP ? 2 : 1;
    *leaves += !mr_type_is_nested(type);
    for (int i = 0; i < type->field_count; i++) {
        int depth = count_nodes(type->fields[i].type, leaves, elements);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static int decimal_bytes(int precision)
{
    mr_i128 largest = 1;
    for (int i = 0; i < precision; i++)
        largest *= 10;
    int bytes = 1;
    while (bytes < 16 && ((mr_i128)1 << (8 * bytes - 1)) < largest)
        bytes++;
    return bytes;
}

enum mr_parquet_physical mr_parquet_physical_of(const struct mr_type *type, size_t *width)
{
    *width = 4;
    switch (type->id) {
    case MR_BOOLEAN:
        *width = 1;
        return MR_PARQUET_BOOLEAN;
    case MR_FLOAT:
        return MR_PARQUET_FLOAT;
    case MR_DOUBLE:
        *width = 8;
        return MR_PARQUET_DOUBLE;
    case MR_STRING:
    case MR_BINARY:
        *width = 0;
        return MR_PARQUET_BYTE_ARRAY;
    case MR_BIGINT:
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
    case MR_INTERVAL_DAY_TIME:
        *width = 8;
        return MR_PARQUET_INT64;
    case MR_DECIMAL:
        *width = type->precision <= 9    ? 4
                 : type->precision <= 18 ? 8
                                         : (size_t)decimal_bytes(type->precision);
        return type->precision <= 9    ? MR_PARQUET_INT32
               : type->precision <= 18 ? MR_PARQUET_INT64
                                       : MR_PARQUET_FIXED;
    default: /* TINYINT, SMALLINT, INT, DATE, INTERVAL_YEAR_MONTH */
        return MR_PARQUET_INT32;
    }
}

static void annotate(struct mr_parquet_element *e, const struct mr_type *type)
{
    switch (type->id) {
    case MR_TINYINT:
    case MR_SMALLINT:
        e->bits = type->id == MR_TINYINT ? 8 : 16;
        e->is_signed = true;
        e->converted = type->id == MR_TINYINT ? MR_PARQUET_INT_8 : MR_PARQUET_INT_16;
        e->logical = MR_PARQUET_LOGICAL_INTEGER;
        break;
    case MR_STRING:
        e->converted = MR_PARQUET_UTF8;
        e->logical = MR_PARQUET_LOGICAL_STRING;
        break;
    case MR_DATE:
        e->converted = MR_PARQUET_CONVERTED_DATE;
        e->logical = MR_PARQUET_LOGICAL_DATE;
        break;
    case MR_DECIMAL:
        e->converted = MR_PARQUET_CONVERTED_DECIMAL;
        e->logical = MR_PARQUET_LOGICAL_DECIMAL;
        e->precision = type->precision;
        e->scale = type->scale;
        break;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        e->logical = MR_PARQUET_LOGICAL_TIMESTAMP;
        e->utc = type->id == MR_TIMESTAMP;
        e->unit = MR_PARQUET_MICROS;
        if (e->utc) /* the older annotation means UTC-adjusted times only */
            e->converted = MR_PARQUET_TIMESTAMP_MICROS;
        break;
    default:
        break;
    }
}

static struct mr_parquet_element *new_element(struct builder *b, const char *name,
                                              enum mr_parquet_repetition repetition, int child_count,
                                              int32_t field_id)
{
    struct mr_parquet_element *e = &b->schema->elements[b->schema->element_count++];
    *e = (struct mr_parquet_element){
        .name = mr_str_of(name),
        .physical = MR_PARQUET_GROUP,
        .repetition = repetition,
        .child_count = child_count,
        .converted = MR_PARQUET_CONVERTED_NONE,
        .field_id = field_id,
    };
    return e;
}

static const char *const *copy_names(struct builder *b, const char *const *names, int count)
{
    const char **copy = MR_ARENA_ARRAY(b->arena, const char *, count + 1);
    if (copy)
        memcpy(copy, names, (size_t)count * sizeof(*copy));
    return copy;
}

static int build_leaf(struct builder *b, struct mr_parquet_node *node, struct mr_parquet_element *e)
{
    size_t width;
    e->physical = mr_parquet_physical_of(node->type, &width);
    e->type_length = (int32_t)width;
    annotate(e, node->type);
    node->leaf = b->schema->leaf_count++;
    struct mr_parquet_writer_leaf *leaf = &b->schema->leaves[node->leaf];
    leaf->node = node;
    leaf->names = copy_names(b, b->names, b->name_count);
    leaf->name_count = b->name_count;
    leaf->in_repeated = b->in_repeated;
    leaf->path = copy_names(b, b->path, b->path_count);
    leaf->path_count = b->path_count;
    return leaf->names && leaf->path ? MR_OK
                                     : mr_error_memory(b->error, sizeof(char *) * (size_t)b->path_count);
}

static int refuse(struct builder *b, const struct mr_type *type, const char *why)
{
    struct mr_text text;
    mr_text_init(&text);
    mr_type_text(&text, type);
    int status = mr_error_set(b->error, MR_E_UNSUPPORTED, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                              "Parquet files cannot hold the column %s of type %.200s: %s.",
                              b->name_count > 0 ? b->names[b->name_count - 1] : "", text.data, why);
    mr_text_release(&text);
    return status;
}

/* node's name, optional and the levels of its parent are set; its own levels are added here. */
static int build_node(struct builder *b, struct mr_parquet_node *node);

static int build_children(struct builder *b, struct mr_parquet_node *node, const char *const *names)
{
    const struct mr_type *type = node->type;
    bool repeats = type->id != MR_STRUCT;
    bool was_in_repeated = b->in_repeated;
    b->in_repeated = was_in_repeated || repeats;
    node->child_count = type->field_count;
    node->children = MR_ARENA_ARRAY(b->arena, struct mr_parquet_node, type->field_count);
    if (!node->children)
        return mr_error_memory(b->error, sizeof(*node) * (size_t)type->field_count);
    for (int i = 0; i < type->field_count; i++) {
        const struct mr_field *field = &type->fields[i];
        node->children[i] = (struct mr_parquet_node){
            .type = field->type,
            .name = names ? names[i] : field->name,
            .optional = field->nullable && !(type->id == MR_MAP && i == 0),
            .definition = node->definition + repeats,
            .repetition = node->repetition + repeats,
        };
        b->path[b->path_count++] = node->children[i].name;
        if (!b->in_repeated)
            b->names[b->name_count++] = field->name;
        MR_TRY(build_node(b, &node->children[i]));
        b->name_count -= !b->in_repeated;
        b->path_count--;
    }
    b->in_repeated = was_in_repeated;
    return MR_OK;
}

static int build_node(struct builder *b, struct mr_parquet_node *node)
{
    static const char *const array_names[] = {"element"}, *const map_names[] = {"key", "value"};
    const struct mr_type *type = node->type;
    node->leaf = -1;
    node->definition += node->optional;
    int32_t id = b->field_ids ? b->field_ids[b->field_index] : 0;
    b->field_index++;
    struct mr_parquet_element *e =
        new_element(b, node->name, node->optional ? MR_PARQUET_OPTIONAL : MR_PARQUET_REQUIRED, 1, id);
    switch (type->id) {
    case MR_VOID:
        return refuse(b, type, "it has no type yet, for it holds nothing but NULL; cast it");
    case MR_STRUCT:
        if (type->field_count == 0)
            return refuse(b, type, "a struct needs a field at least");
        e->child_count = type->field_count;
        return build_children(b, node, NULL);
    case MR_ARRAY:
    case MR_MAP:
        e->converted = type->id == MR_ARRAY ? MR_PARQUET_LIST : MR_PARQUET_MAP;
        e->logical = type->id == MR_ARRAY ? MR_PARQUET_LOGICAL_LIST : MR_PARQUET_LOGICAL_MAP;
        const char *group = type->id == MR_ARRAY ? "list" : "key_value";
        new_element(b, group, MR_PARQUET_REPEATED, type->field_count, 0);
        b->path[b->path_count++] = group;
        MR_TRY(build_children(b, node, type->id == MR_ARRAY ? array_names : map_names));
        b->path_count--;
        return MR_OK;
    default:
        return build_leaf(b, node, e);
    }
}

int mr_parquet_writer_schema_init(struct mr_parquet_writer_schema *out, struct mr_arena *arena,
                                  const struct mr_type *schema, const int32_t *field_ids,
                                  struct mr_error *error)
{
    int leaves = 0, elements = 0;
    memset(out, 0, sizeof(*out));
    int depth = count_nodes(schema, &leaves, &elements);
    if (depth >= MAX_DEPTH)
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                            "The schema nests %d levels deep; Parquet files are written to a depth of %d.",
                            depth, MAX_DEPTH - 1);
    if (leaves == 0)
        return mr_error_set(error, MR_E_UNSUPPORTED, "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE",
                            "A Parquet file needs a column at least.");
    out->leaves = MR_ARENA_ARRAY(arena, struct mr_parquet_writer_leaf, leaves);
    out->elements = MR_ARENA_ARRAY(arena, struct mr_parquet_element, elements);
    if (!out->leaves || !out->elements)
        return mr_error_memory(error, sizeof(*out->elements) * (size_t)elements);
    struct builder builder = {.arena = arena, .schema = out, .field_ids = field_ids, .error = error};
    out->root = (struct mr_parquet_node){.type = schema, .name = "spark_schema", .leaf = -1};
    new_element(&builder, out->root.name, MR_PARQUET_REQUIRED, schema->field_count, 0);
    return build_children(&builder, &out->root, NULL);
}
