/* delta/scan.c: data files -> batches with the table's logical columns: partition columns filled in, renamed
 * columns found by their physical names or ids, deleted rows left out. */
#include <stdio.h>

#include "delta/delta.h"

enum place { ABSENT, PARTITION, DATA };

struct mr_delta_scan {
    struct mr_arena arena;
    const struct mr_type *schema; /* logical, the caller's */
    struct wanted_column {
        enum place place;
        int index;               /* PARTITION: among the keys below; DATA: in physical */
        struct mr_str partition; /* its key in partitionValues */
    } * columns;
    const struct mr_type *physical; /* what is asked of the Parquet file */
    const int32_t *ids;             /* column mapping by id; else NULL */
    const struct mr_zone *zone;
    bool renamed; /* column mapping is on: types come back with physical names */
};

struct mr_delta_reader {
    const struct mr_delta_scan *scan;
    const struct mr_delta_file *file;
    struct mr_parquet_reader *parquet;
    struct mr_parquet_scan *rows; /* NULL: no column of the file is wanted */
    int64_t rows_left;            /* then: rows still to be counted out */
    int64_t row;                  /* number in the file of the next row */
    struct mr_delta_deleted deleted;
    size_t run;                   /* first deleted run that may matter */
    struct mr_column **constants; /* per column: one row with the partition value, or NULL */
};

/* ---- column mapping ---- */
static const struct mr_json *field_metadata(struct mr_arena *arena, const struct mr_field *field)
{
    struct mr_json *root = NULL;
    struct mr_error ignored;
    if (!field->metadata || mr_json_parse(arena, mr_str_of(field->metadata), &root, &ignored) != MR_OK)
        return NULL;
    return root->type == MR_JSON_OBJECT ? root : NULL;
}

static const char *physical_name(struct mr_arena *arena, const struct mr_field *field, int64_t *id)
{
    struct mr_str name = {0};
    const struct mr_json *metadata = field_metadata(arena, field);
    *id = -1;
    if (metadata) {
        mr_json_get_str(metadata, "delta.columnMapping.physicalName", &name);
        mr_json_get_i64(metadata, "delta.columnMapping.id", id);
    }
    return name.size > 0 ? mr_arena_copy_text(arena, name.data, name.size) : field->name;
}

struct mapping { /* builds the physical type and its ids, depth first */
    struct mr_arena *arena;
    int32_t *ids;
    int id_count, id_capacity;
    bool failed;
};

static int add_id(struct mapping *mapping, int64_t id)
{
    if (mapping->id_count == mapping->id_capacity) {
        int capacity = mapping->id_capacity ? mapping->id_capacity * 2 : 32;
        int32_t *ids = MR_ARENA_ARRAY(mapping->arena, int32_t, capacity);
        if (!ids) {
            mapping->failed = true;
            return -1;
        }
        if (mapping->id_count > 0)
            memcpy(ids, mapping->ids, sizeof(*ids) * (size_t)mapping->id_count);
        mapping->ids = ids;
        mapping->id_capacity = capacity;
    }
    mapping->ids[mapping->id_count] = (int32_t)id;
    return mapping->id_count++;
}

/* wanted: a logical type; table: the table's type of that column, whose fields say what they are called in
 * files. */
static const struct mr_type *physical_type(struct mapping *mapping, const struct mr_type *wanted,
                                           const struct mr_type *table)
{
    if (wanted->field_count == 0 || wanted->id != table->id)
        return wanted;
    struct mr_field *fields = MR_ARENA_ARRAY(mapping->arena, struct mr_field, wanted->field_count);
    if (!fields)
        return NULL;
    for (int i = 0; i < wanted->field_count; i++) {
        const struct mr_field *field = &wanted->fields[i], *known = &table->fields[i];
        int64_t id = -1;
        fields[i] = *field;
        if (wanted->id == MR_STRUCT) {
            int at = mr_type_field(table, mr_str_of(field->name), false, NULL);
            known = at < 0 ? field : &table->fields[at];
            fields[i].name = physical_name(mapping->arena, known, &id);
        }
        add_id(mapping, id);
        fields[i].type = physical_type(mapping, field->type, known->type);
        if (!fields[i].name || !fields[i].type)
            return NULL;
    }
    if (wanted->id == MR_ARRAY)
        return mr_type_array(mapping->arena, fields[0].type, fields[0].nullable);
    if (wanted->id == MR_MAP)
        return mr_type_map(mapping->arena, fields[0].type, fields[1].type, fields[1].nullable);
    return mr_type_struct(mapping->arena, fields, wanted->field_count);
}

static int plan_column(struct mr_delta_scan *scan, struct mapping *mapping,
                       const struct mr_delta_metadata *metadata, const struct mr_type *table_schema,
                       int column, struct mr_field *fields, int *data_columns)
{
    const struct mr_field *wanted = &scan->schema->fields[column];
    struct wanted_column *out = &scan->columns[column];
    int at = mr_type_field(table_schema, mr_str_of(wanted->name), false, NULL);
    int64_t id = -1;
    if (at < 0)
        return MR_OK; /* ABSENT */
    const struct mr_field *known = &table_schema->fields[at];
    const char *name = scan->renamed ? physical_name(&scan->arena, known, &id) : known->name;
    if (!name)
        return MR_E_MEMORY;
    if (mr_delta_partition_index(metadata, mr_str_of(wanted->name)) >= 0) {
        out->place = PARTITION;
        out->partition = mr_str_of(name);
        return MR_OK;
    }
    out->place = DATA;
    out->index = *data_columns;
    struct mr_field *field = &fields[(*data_columns)++];
    *field = *wanted;
    field->name = name;
    if (!scan->renamed)
        return MR_OK;
    add_id(mapping, id);
    field->type = physical_type(mapping, wanted->type, known->type);
    return field->type && !mapping->failed ? MR_OK : MR_E_MEMORY;
}

int mr_delta_scan_new(struct mr_delta_scan **out, const struct mr_type *schema,
                      const struct mr_delta_metadata *metadata, const struct mr_type *table_schema,
                      const bool *used, const struct mr_zone *zone, struct mr_error *error)
{
    struct mr_delta_scan *scan = mr_allocate_zeroed(sizeof(*scan));
    *out = NULL;
    if (!scan)
        return mr_error_memory(error, sizeof(*scan));
    mr_arena_init(&scan->arena);
    scan->schema = schema;
    scan->zone = zone ? zone : mr_zone_utc();
    struct mr_str mode = mr_delta_property(metadata, "delta.columnMapping.mode");
    scan->renamed = mode.size > 0 && !mr_str_equal_nocase(mode, MR_STR("none"));
    struct mapping mapping = {.arena = &scan->arena};
    int count = schema->field_count, data_columns = 0, status = MR_OK;
    scan->columns = MR_ARENA_ARRAY(&scan->arena, struct wanted_column, count + 1);
    struct mr_field *fields = MR_ARENA_ARRAY(&scan->arena, struct mr_field, count + 1);
    if (!scan->columns || !fields)
        status = MR_E_MEMORY;
    for (int i = 0; status == MR_OK && i < count; i++)
        if (!used || used[i])
            status = plan_column(scan, &mapping, metadata, table_schema, i, fields, &data_columns);
    scan->physical = status == MR_OK ? mr_type_struct(&scan->arena, fields, data_columns) : NULL;
    scan->ids = mr_str_equal_nocase(mode, MR_STR("id")) ? mapping.ids : NULL;
    if (!scan->physical) {
        mr_delta_scan_free(scan);
        return mr_error_memory(error, sizeof(*fields) * (size_t)count);
    }
    *out = scan;
    return MR_OK;
}

void mr_delta_scan_free(struct mr_delta_scan *scan)
{
    if (!scan)
        return;
    mr_arena_release(&scan->arena);
    mr_free(scan);
}

/* ---- one file ---- */
static int make_constants(struct mr_delta_reader *reader, struct mr_error *error)
{
    const struct mr_delta_scan *scan = reader->scan;
    reader->constants =
        mr_allocate_zeroed(sizeof(*reader->constants) * (size_t)(scan->schema->field_count + 1));
    if (!reader->constants)
        return mr_error_memory(error, sizeof(*reader->constants));
    for (int i = 0; i < scan->schema->field_count; i++) {
        const struct mr_field *field = &scan->schema->fields[i];
        if (scan->columns[i].place == DATA)
            continue;
        struct mr_column *constant = reader->constants[i] = mr_column_new(field->type, 1);
        if (!constant)
            return mr_error_memory(error, sizeof(*constant));
        if (scan->columns[i].place == ABSENT) {
            MR_TRY(mr_column_append_null(constant, error));
            continue;
        }
        const struct mr_delta_pairs *values = &reader->file->partition_values;
        const struct mr_delta_pair *value = NULL;
        for (int j = 0; j < values->count; j++)
            if (mr_str_equal(values->items[j].key, scan->columns[i].partition))
                value = &values->items[j];
        constant->length = 1;
        MR_TRY(mr_delta_partition_parse(value, field->name, scan->zone, constant, 0, error));
    }
    return MR_OK;
}

static int seek(struct mr_delta_reader *reader, int first, int count, struct mr_error *error)
{
    const struct mr_delta_scan *scan = reader->scan;
    int groups = mr_parquet_reader_row_groups(reader->parquet);
    if (count < 0 || first + count > groups)
        count = first < groups ? groups - first : 0;
    for (int i = 0; i < first && i < groups; i++)
        reader->row += mr_parquet_reader_row_group_rows(reader->parquet, i);
    for (int i = 0; i < count; i++)
        reader->rows_left += mr_parquet_reader_row_group_rows(reader->parquet, first + i);
    if (scan->physical->field_count == 0 || count == 0)
        return MR_OK;
    return mr_parquet_scan_open(&reader->rows, reader->parquet, scan->physical, scan->ids, first, count,
                                error);
}

int mr_delta_reader_open(struct mr_delta_reader **out, struct mr_delta_table *table,
                         const struct mr_delta_scan *scan, const struct mr_delta_file *file,
                         int first_row_group, int row_group_count, struct mr_error *error)
{
    struct mr_input *input = NULL;
    struct mr_delta_reader *reader = mr_allocate_zeroed(sizeof(*reader));
    *out = NULL;
    if (!reader)
        return mr_error_memory(error, sizeof(*reader));
    reader->scan = scan;
    reader->file = file;
    int status = MR_OK;
    MR_ERR(make_constants(reader, error));
    if (file->vector.storage != 0)
        MR_ERR(mr_delta_deleted_load(table, &file->vector, &reader->deleted, error));
    MR_ERR(mr_delta_input(table, file->path, &input, error));
    status = mr_parquet_reader_open(&reader->parquet, input, error);
    if (status < 0) {
        reader->parquet = NULL;
        goto err;
    }
    MR_ERR(seek(reader, first_row_group, row_group_count, error));
    *out = reader;
    return MR_OK;
err:
    mr_delta_reader_close(reader);
    return status;
}

void mr_delta_reader_close(struct mr_delta_reader *reader)
{
    if (!reader)
        return;
    if (reader->rows)
        mr_parquet_scan_close(reader->rows);
    if (reader->parquet)
        mr_parquet_reader_close(reader->parquet);
    for (int i = 0; reader->constants && i < reader->scan->schema->field_count; i++)
        mr_column_unref(reader->constants[i]);
    mr_free(reader->constants);
    mr_delta_deleted_release(&reader->deleted);
    mr_free(reader);
}

/* Gives a column the logical names of its type. Only we hold the column: it was read a moment ago. */
static void rename_types(struct mr_column *column, const struct mr_type *type)
{
    column->type = type;
    for (int i = 0; i < column->child_count && i < type->field_count; i++)
        rename_types(column->children[i], type->fields[i].type);
}

/* Puts file columns and constants together as the logical batch; takes the columns of `physical`. */
static int assemble(struct mr_delta_reader *reader, struct mr_batch *physical, int64_t rows,
                    struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_delta_scan *scan = reader->scan;
    MR_TRY(mr_batch_init(batch, scan->schema, 0, error));
    batch->length = rows;
    for (int i = 0; i < scan->schema->field_count; i++) {
        if (scan->columns[i].place != DATA) {
            MR_TRY(mr_column_repeat(reader->constants[i], 0, rows, &batch->columns[i], error));
            continue;
        }
        batch->columns[i] = mr_column_ref(physical->columns[scan->columns[i].index]);
        if (scan->renamed)
            rename_types(batch->columns[i], scan->schema->fields[i].type);
    }
    return MR_OK;
}

/* Leaves deleted rows out of the batch that begins at row `first` of the file. */
static int drop_deleted(struct mr_delta_reader *reader, int64_t first, struct mr_batch *batch,
                        struct mr_error *error)
{
    const struct mr_delta_deleted *deleted = &reader->deleted;
    uint64_t begin = (uint64_t)first, end = begin + (uint64_t)batch->length;
    while (reader->run < deleted->count && deleted->ends[reader->run] <= begin)
        reader->run++;
    if (reader->run == deleted->count || deleted->starts[reader->run] >= end)
        return MR_OK;
    int32_t *kept = mr_allocate(sizeof(*kept) * (size_t)batch->length);
    if (!kept)
        return mr_error_memory(error, sizeof(*kept) * (size_t)batch->length);
    int64_t count = 0;
    size_t run = reader->run;
    for (uint64_t row = begin; row < end; row++) {
        while (run < deleted->count && deleted->ends[run] <= row)
            run++;
        if (run == deleted->count || row < deleted->starts[run])
            kept[count++] = (int32_t)(row - begin);
    }
    struct mr_batch rest = {0};
    int status = mr_batch_take(batch, kept, count, &rest, error);
    mr_free(kept);
    if (status == MR_OK) {
        mr_batch_release(batch);
        mr_batch_move(batch, &rest);
    }
    return status;
}

int mr_delta_reader_next(struct mr_delta_reader *reader, struct mr_batch *batch, struct mr_error *error)
{
    while (reader->rows_left > 0) {
        struct mr_batch physical = {0};
        int64_t rows = reader->rows_left < MR_BATCH_ROWS ? reader->rows_left : MR_BATCH_ROWS,
                first = reader->row;
        if (reader->rows) {
            int status = mr_parquet_scan_next(reader->rows, MR_BATCH_ROWS, &physical, error);
            if (status != MR_OK)
                return status;
            rows = physical.length;
        }
        int status = assemble(reader, &physical, rows, batch, error);
        mr_batch_release(&physical);
        reader->row += rows;
        reader->rows_left -= rows;
        if (status == MR_OK && reader->deleted.count > 0)
            status = drop_deleted(reader, first, batch, error);
        if (status < 0) {
            mr_batch_release(batch);
            return status;
        }
        if (batch->length > 0)
            return MR_OK;
        mr_batch_release(batch);
    }
    return MR_END;
}

int mr_delta_row_groups(struct mr_delta_table *table, const struct mr_delta_file *file, int *count,
                        struct mr_error *error)
{
    struct mr_input *input = NULL;
    struct mr_parquet_reader *reader = NULL;
    MR_TRY(mr_delta_input(table, file->path, &input, error));
    MR_TRY(mr_parquet_reader_open(&reader, input, error));
    *count = mr_parquet_reader_row_groups(reader);
    mr_parquet_reader_close(reader);
    return MR_OK;
}
