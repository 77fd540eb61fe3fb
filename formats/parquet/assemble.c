/* formats/parquet/assemble.c: from levels and values to columns.
 *
 * An entry (one definition and one repetition level) is a row of a node when its repetition level is at most
 * that of the innermost list around the node, and its definition level says that an element of that list is
 * there. */
#include "formats/parquet/reader.h"

struct entries {
    const uint8_t *definition, *repetition;
    size_t count;
};

static struct entries entries_of(const struct mr_scan_node *node)
{
    const struct mr_column_reader *r = node->levels;
    return (struct entries){r->definition.data, r->repetition.data, r->definition.size};
}

static int disagree(const struct mr_scan_node *node, struct mr_error *error)
{
    return mr_page_reader_corrupt(&node->levels->pages, "its rows are not those of the columns beside it",
                                  error);
}

/* All rows NULL; what lies below has no rows, or NULLs too. */
static int fill_nulls(struct mr_column *column, int64_t rows, struct mr_error *error)
{
    MR_TRY(mr_column_reserve(column, rows, error));
    MR_TRY(mr_column_make_validity(column, error));
    memset(column->validity, 0, (size_t)((rows + 63) / 64) * sizeof(*column->validity));
    if (column->offsets)
        memset(column->offsets, 0, (size_t)(rows + 1) * sizeof(*column->offsets));
    size_t width = mr_type_width(column->type);
    if (width > 0)
        memset(column->values, 0, (size_t)rows * width);
    for (int i = 0; !column->offsets && i < column->child_count; i++)
        MR_TRY(fill_nulls(column->children[i], rows, error));
    column->length = rows;
    return MR_OK;
}

/* Values were read without gaps: gives each its row. */
static int spread_leaf(struct mr_scan_node *node, int64_t rows, struct mr_error *error)
{
    struct entries e = entries_of(node);
    struct mr_column *column = node->column;
    int largest = node->levels->pages.leaf->definition;
    if ((int64_t)e.count < rows)
        return disagree(node, error);
    uint8_t *present = mr_allocate(e.count + 1);
    if (!present)
        return mr_error_memory(error, e.count);
    int64_t found = 0;
    for (size_t i = 0; i < e.count; i++) {
        present[found] = e.definition[i] == largest;
        found += e.definition[i] >= node->row_definition;
    }
    int status = found == rows ? mr_column_reserve(column, rows, error) : disagree(node, error);
    if (status == MR_OK)
        status = mr_column_spread(column, 0, present, rows, node->values, error);
    mr_free(present);
    column->length = rows;
    return status;
}

/* Whether each row of a STRUCT, ARRAY or MAP is there; checks that there are that many. */
static int find_validity(struct mr_scan_node *node, int64_t rows, struct mr_error *error)
{
    struct entries e = entries_of(node);
    struct mr_column *column = node->column;
    int64_t found = 0;
    MR_TRY(mr_column_reserve(column, rows, error));
    for (size_t i = 0; i < e.count; i++) {
        if (e.repetition[i] > node->row_repetition || e.definition[i] < node->row_definition)
            continue;
        if (found == rows)
            return disagree(node, error);
        if (e.definition[i] < node->source->present)
            MR_TRY(mr_column_set_null(column, found, error));
        found++;
    }
    column->length = rows;
    return found == rows ? MR_OK : disagree(node, error);
}

/* Offsets of an ARRAY or MAP; the number of elements in *elements. */
static int find_offsets(struct mr_scan_node *node, int64_t rows, int64_t *elements, struct mr_error *error)
{
    struct entries e = entries_of(node);
    const struct mr_parquet_source *source = node->source;
    int32_t *offsets = node->column->offsets;
    int64_t row = 0, count = 0;
    offsets[0] = 0;
    for (size_t i = 0; i < e.count; i++) {
        bool starts = e.repetition[i] <= node->row_repetition;
        if (e.repetition[i] > source->repetition || (starts && e.definition[i] < node->row_definition))
            continue;
        row += starts;
        if (row == 0)
            return disagree(node, error);
        count += e.definition[i] >= source->slot;
        if (!starts && e.definition[i] < source->slot)
            return disagree(node, error); /* a further element that is not there */
        if (count > INT32_MAX)
            return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.NO_HINT",
                                "%s: more than %d elements in one batch; read fewer rows at once.",
                                node->levels->pages.input->name, INT32_MAX);
        offsets[row] = (int32_t)count;
    }
    *elements = count;
    return row == rows ? MR_OK : disagree(node, error);
}

int mr_scan_assemble(struct mr_scan_node *node, int64_t rows, struct mr_error *error)
{
    if (!node->source)
        return fill_nulls(node->column, rows, error);
    if (node->flat)
        return MR_OK;
    if (!mr_type_is_nested(node->type))
        return spread_leaf(node, rows, error);
    MR_TRY(find_validity(node, rows, error));
    int64_t child_rows = rows;
    if (node->type->id != MR_STRUCT)
        MR_TRY(find_offsets(node, rows, &child_rows, error));
    for (int i = 0; i < node->child_count; i++)
        MR_TRY(mr_scan_assemble(&node->children[i], child_rows, error));
    return MR_OK;
}
