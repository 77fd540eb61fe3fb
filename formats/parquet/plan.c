/* formats/parquet/plan.c: which part of the file a wanted field is read from.
 *
 * Field ids are counted depth first over all fields of the wanted type, elements, keys and values included.
 */
#include "formats/parquet/reader.h"

#include "formats/parquet/reader_types.h"

struct planner {
    const struct mr_parquet_reader *reader;
    struct mr_scan_readers *readers;
    const int32_t *field_ids;
    struct mr_error *error;
};

static int out_of_memory(struct planner *p)
{
    return mr_error_memory(p->error, 256);
}

/* ---- matching ---- */

static int count_fields(const struct mr_type *type)
{
    int count = type->field_count;
    for (int i = 0; i < type->field_count; i++)
        count += count_fields(type->fields[i].type);
    return count;
}

static bool has_field_ids(const struct mr_parquet_source *source)
{
    for (int i = 0; i < source->child_count; i++)
        if (source->children[i].field_id >= 0)
            return true;
    return false;
}

/* The field of a struct in the file by id, else by exact name, else by the only name that differs in case
 * alone. */
static int find_field(struct planner *p, const struct mr_parquet_source *source, const struct mr_field *field,
                      int32_t id, const struct mr_parquet_source **out)
{
    *out = NULL;
    bool by_id = id > 0 && has_field_ids(source);
    const struct mr_parquet_source *similar = NULL;
    for (int i = 0; i < source->child_count && !*out; i++) {
        const struct mr_parquet_source *child = &source->children[i];
        if (by_id ? child->field_id == id : strcmp(child->name, field->name) == 0)
            *out = child;
    }
    for (int i = 0; i < source->child_count && !*out && !by_id; i++) {
        const struct mr_parquet_source *child = &source->children[i];
        if (!mr_str_equal_nocase(mr_str_of(child->name), mr_str_of(field->name)))
            continue;
        if (similar)
            return mr_error_set(
                p->error, MR_E_DATA, "FAILED_READ_FILE.NO_HINT",
                "%s: the column %s could be %s or %s; names that differ in case alone cannot be told "
                "apart.",
                p->reader->input->name, field->name, similar->name, child->name);
        similar = child;
    }
    if (!*out)
        *out = similar;
    return MR_OK;
}

static int mismatch(struct planner *p, const struct mr_parquet_source *source, const struct mr_type *wanted)
{
    bool group = source->element->physical == MR_PARQUET_GROUP;
    const char *column = source->path;
    struct mr_text expected, actual;
    mr_text_init(&expected);
    mr_text_init(&actual);
    mr_type_simple_text(&expected, wanted);
    mr_type_simple_text(&actual, source->type);
    int status = MR_OK;
    if (source->unsupported)
        status = mr_error_set(p->error, MR_E_UNSUPPORTED, "PARQUET_TYPE_ILLEGAL",
                              "%s: the column %s is %s, which is not supported; leave it out, or write it as "
                              "another type.",
                              p->reader->input->name, column, source->unsupported);
    else
        status = mr_error_set(
            p->error, MR_E_DATA, "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
            "%s: the column %s cannot be read as %.150s: in the file it is %.150s (%s). Name a type that "
            "all files fit (schemaHints), or read such files in a table of their own.",
            p->reader->input->name, column, expected.data, actual.data,
            group ? "a group" : mr_parquet_physical_name(source->element->physical));
    mr_error_parameter(p->error, "path", "%s", p->reader->input->name);
    mr_error_parameter(p->error, "column", "%s", column);
    mr_error_parameter(p->error, "expectedType", "%s", expected.data);
    mr_error_parameter(p->error, "actualType", "%s", actual.data);
    mr_text_release(&expected);
    mr_text_release(&actual);
    mr_error_at(p->error, p->reader->input->name, 0, 0, -1);
    return status;
}

/* ---- readers ---- */

static int add_reader(struct planner *p, int leaf, struct mr_scan_node *node, struct mr_column_reader **out)
{
    struct mr_scan_readers *list = p->readers;
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 16;
        struct mr_column_reader **items = MR_ARENA_ARRAY(list->arena, struct mr_column_reader *, capacity);
        struct mr_scan_node **leaves = MR_ARENA_ARRAY(list->arena, struct mr_scan_node *, capacity);
        if (!items || !leaves)
            return out_of_memory(p);
        if (list->count > 0) {
            memcpy(items, list->items, sizeof(*items) * (size_t)list->count);
            memcpy(leaves, list->leaves, sizeof(*leaves) * (size_t)list->count);
        }
        list->items = items;
        list->leaves = leaves;
        list->capacity = capacity;
    }
    struct mr_column_reader *reader = MR_ARENA_NEW(list->arena, struct mr_column_reader);
    if (!reader)
        return out_of_memory(p);
    reader->pages.input = p->reader->input;
    reader->pages.leaf = &p->reader->schema.leaves[leaf];
    list->items[list->count] = reader;
    list->leaves[list->count++] = node;
    *out = reader;
    return MR_OK;
}

/* ---- planning ---- */

/* ids: that of the node's own field first; NULL: none. */
static int plan_node(struct planner *p, struct mr_scan_node *node, const int32_t *ids);

static int plan_children(struct planner *p, struct mr_scan_node *node, const int32_t *ids)
{
    const struct mr_type *type = node->type;
    const struct mr_parquet_source *source = node->source;
    node->child_count = type->field_count;
    node->children = MR_ARENA_ARRAY(p->readers->arena, struct mr_scan_node, type->field_count + 1);
    if (!node->children)
        return out_of_memory(p);
    for (int i = 0; i < type->field_count; i++) {
        struct mr_scan_node *child = &node->children[i];
        child->type = type->fields[i].type;
        child->row_definition = type->id == MR_STRUCT ? node->row_definition : source->slot;
        child->row_repetition = type->id == MR_STRUCT ? node->row_repetition : source->repetition;
        if (type->id == MR_STRUCT)
            MR_TRY(find_field(p, source, &type->fields[i], ids ? ids[0] : 0, &child->source));
        else
            child->source = &source->children[i];
        MR_TRY(plan_node(p, child, ids ? ids + 1 : NULL));
        if (!node->levels)
            node->levels = child->levels;
        if (ids)
            ids += 1 + count_fields(child->type);
    }
    if (!node->levels)
        MR_TRY(add_reader(p, source->leaf, NULL, &node->levels));
    return MR_OK;
}

static int plan_leaf(struct planner *p, struct mr_scan_node *node)
{
    struct mr_parquet_conversion conversion;
    if (!mr_parquet_conversion_choose(node->source, node->type, &conversion))
        return mismatch(p, node->source, node->type);
    MR_TRY(add_reader(p, node->source->leaf, node, &node->levels));
    node->levels->conversion = conversion;
    bool int96 = node->source->element->physical == MR_PARQUET_INT96;
    bool old = int96 ? p->reader->old_calendar_int96 : p->reader->old_calendar;
    node->levels->old_calendar = old && (node->type->id == MR_DATE || node->type->id == MR_TIMESTAMP);
    return MR_OK;
}

static int plan_node(struct planner *p, struct mr_scan_node *node, const int32_t *ids)
{
    const struct mr_parquet_source *source = node->source;
    if (!source)
        return MR_OK;
    bool nested = mr_type_is_nested(node->type);
    bool is_leaf = !mr_type_is_nested(source->type);
    if (source->unsupported || nested == is_leaf || (nested && node->type->id != source->kind))
        return mismatch(p, source, node->type);
    return nested ? plan_children(p, node, ids) : plan_leaf(p, node);
}

int mr_scan_plan(const struct mr_parquet_reader *reader, const struct mr_type *wanted,
                 const int32_t *field_ids, struct mr_scan_node *out, struct mr_scan_readers *readers,
                 struct mr_error *error)
{
    struct planner planner = {reader, readers, field_ids, error}, *p = &planner;
    *out = (struct mr_scan_node){.type = wanted,
                                 .source = &reader->schema.root,
                                 .child_count = wanted->field_count};
    out->children = MR_ARENA_ARRAY(readers->arena, struct mr_scan_node, wanted->field_count + 1);
    if (!out->children)
        return out_of_memory(p);
    const int32_t *ids = field_ids;
    for (int i = 0; i < wanted->field_count; i++) {
        struct mr_scan_node *child = &out->children[i];
        child->type = wanted->fields[i].type;
        MR_TRY(find_field(p, out->source, &wanted->fields[i], ids ? ids[0] : 0, &child->source));
        MR_TRY(plan_node(p, child, ids ? ids + 1 : NULL));
        child->flat = child->source && !mr_type_is_nested(child->type);
        if (ids)
            ids += 1 + count_fields(child->type);
    }
    return MR_OK;
}

bool mr_scan_readable_as(const struct mr_parquet_source *source, const struct mr_type *type)
{
    struct mr_parquet_conversion conversion;
    if (source->unsupported)
        return false;
    if (!mr_type_is_nested(type))
        return !mr_type_is_nested(source->type) && mr_parquet_conversion_choose(source, type, &conversion);
    if (type->id != source->kind || type->field_count != source->child_count)
        return false;
    for (int i = 0; i < type->field_count; i++) {
        bool named = type->id != MR_STRUCT || strcmp(type->fields[i].name, source->children[i].name) == 0;
        if (!named || !mr_scan_readable_as(&source->children[i], type->fields[i].type))
            return false;
    }
    return true;
}
