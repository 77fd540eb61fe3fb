/* formats/parquet/reader.c: opening a file, and what its footer says. */
#include "formats/parquet/reader.h"

#define TAIL_BYTES (64 << 10) /* read at once: footers are rarely longer */
#define SPARK_SCHEMA "org.apache.spark.sql.parquet.row.metadata"

static int not_parquet(const struct mr_parquet_reader *r, const char *why, struct mr_error *error)
{
    mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                 "%s is no complete Parquet file: %s. Remove it, or write it again.", r->input->name, why);
    return mr_error_at(error, r->input->name, 0, 0, r->input->size_bytes > 8 ? r->input->size_bytes - 8 : 0);
}

static int in_footer(const struct mr_parquet_reader *r, struct mr_error *error)
{
    char what[600];
    char condition[sizeof(error->condition)];
    int code = error->code;
    if (code != MR_E_CORRUPT && code != MR_E_UNSUPPORTED)
        return code;
    memcpy(what, error->message, sizeof(what));
    what[sizeof(what) - 1] = '\0';
    memcpy(condition, error->condition, sizeof(condition));
    mr_error_set(error, code, condition, "%s: %s", r->input->name, what);
    return mr_error_at(error, r->input->name, 0, 0, r->footer_at);
}

/* Reads the footer into memory of its own: names and metadata are views into it. */
static int read_footer(struct mr_parquet_reader *r, struct mr_error *error)
{
    int64_t file_size = r->input->size_bytes;
    if (file_size < 12)
        return not_parquet(r, "it is too short", error);
    size_t tail = file_size < TAIL_BYTES ? (size_t)file_size : TAIL_BYTES;
    char *bytes = mr_allocate(tail);
    r->footer_bytes = bytes;
    if (!bytes)
        return mr_error_memory(error, tail);
    MR_TRY(r->input->read_at(r->input, file_size - (int64_t)tail, bytes, tail, error));
    uint32_t size;
    memcpy(&size, bytes + tail - 8, 4);
    if (memcmp(bytes + tail - 4, "PARE", 4) == 0)
        return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                            "%s: encrypted Parquet files are not supported.", r->input->name);
    if (memcmp(bytes + tail - 4, "PAR1", 4) != 0)
        return not_parquet(r, "it does not end with PAR1", error);
    if (size > file_size - 12)
        return not_parquet(r, "its footer would be longer than the file", error);
    r->footer_at = file_size - 8 - (int64_t)size;
    const char *footer = bytes + tail - 8 - size;
    if (size + 8 > tail) {
        char *longer = mr_reallocate(bytes, size);
        if (!longer)
            return mr_error_memory(error, size);
        r->footer_bytes = longer;
        MR_TRY(r->input->read_at(r->input, r->footer_at, longer, size, error));
        footer = longer;
    }
    int status = mr_parquet_footer_parse(&r->arena, footer, size, &r->footer, error);
    return status < 0 ? in_footer(r, error) : MR_OK;
}

static int check_row_groups(struct mr_parquet_reader *r, struct mr_error *error)
{
    int64_t rows = 0;
    for (size_t i = 0; i < r->footer.row_group_count; i++) {
        const struct mr_parquet_row_group *group = &r->footer.row_groups[i];
        if (group->row_count < 0 || group->chunk_count != (size_t)r->schema.leaf_count)
            return not_parquet(r, "a row group in its footer is not of its schema", error);
        if (__builtin_add_overflow(rows, group->row_count, &rows))
            return not_parquet(r, "its row groups have too many rows", error);
    }
    r->footer.row_count = rows; /* old writers leave the total at 0 */
    return r->footer.row_group_count > INT32_MAX ? not_parquet(r, "it has too many row groups", error)
                                                 : MR_OK;
}

static const struct mr_type *nullable_throughout(struct mr_arena *arena, const struct mr_type *type)
{
    if (!mr_type_is_nested(type))
        return type;
    struct mr_field *fields = MR_ARENA_ARRAY(arena, struct mr_field, type->field_count + 1);
    struct mr_type *copy = MR_ARENA_NEW(arena, struct mr_type);
    if (!fields || !copy)
        return NULL;
    *copy = *type;
    copy->fields = fields;
    for (int i = 0; i < type->field_count; i++) {
        fields[i] = type->fields[i];
        fields[i].nullable = !(type->id == MR_MAP && i == 0);
        fields[i].type = nullable_throughout(arena, fields[i].type);
        if (!fields[i].type)
            return NULL;
    }
    return copy;
}

/* What Spark wrote into the metadata tells more than Parquet's types (intervals, comments), if it is of this
 * file. */
static int choose_type(struct mr_parquet_reader *r, struct mr_error *error)
{
    r->type = r->schema.root.type;
    struct mr_str json = mr_parquet_reader_metadata(r, SPARK_SCHEMA);
    const struct mr_type *spark = NULL;
    struct mr_error ignored;
    mr_error_clear(&ignored);
    int status = json.size == 0 ? MR_END : mr_schema_from_json(&r->arena, json, &spark, &ignored);
    if (status == MR_E_MEMORY)
        return mr_error_memory(error, json.size);
    if (status != MR_OK) /* types of a Spark that we do not know: those of the file itself then */
        return MR_OK;
    if (!mr_scan_readable_as(&r->schema.root, spark))
        return MR_OK;
    r->type = nullable_throughout(&r->arena, spark);
    return r->type ? MR_OK : mr_error_memory(error, 256);
}

/* Spark before 3.0 (INT96: 3.1) wrote dates before 1582-10-15 in the Julian calendar; later ones say so when
 * they do. */
static bool written_in_old_calendar(const struct mr_parquet_reader *r, const char *key,
                                    struct mr_str first_version)
{
    struct mr_str version = mr_parquet_reader_metadata(r, "org.apache.spark.version");
    for (size_t i = 0; i < r->footer.metadata_count; i++)
        if (mr_str_equal(r->footer.metadata[i][0], mr_str_of(key)))
            return true;
    return version.size > 0 && mr_str_compare(version, first_version) < 0;
}

int mr_parquet_reader_open(struct mr_parquet_reader **out, struct mr_input *input, struct mr_error *error)
{
    int status = MR_OK;
    *out = NULL;
    struct mr_parquet_reader *r = mr_allocate_zeroed(sizeof(*r));
    if (!r) {
        input->close(input);
        return mr_error_memory(error, sizeof(*r));
    }
    r->input = input;
    mr_arena_init(&r->arena);
    MR_ERR(read_footer(r, error));
    if (r->footer.encrypted) {
        status = mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                              "%s: encrypted Parquet files are not supported.", input->name);
        goto err;
    }
    status =
        mr_parquet_schema_read(&r->arena, r->footer.elements, r->footer.element_count, &r->schema, error);
    if (status < 0) {
        status = in_footer(r, error);
        goto err;
    }
    MR_ERR(check_row_groups(r, error));
    MR_ERR(choose_type(r, error));
    r->old_calendar = written_in_old_calendar(r, "org.apache.spark.legacyDateTime", MR_STR("3.0.0"));
    r->old_calendar_int96 = written_in_old_calendar(r, "org.apache.spark.legacyINT96", MR_STR("3.1.0"));
    *out = r;
    return MR_OK;
err:
    mr_parquet_reader_close(r);
    return status;
}

void mr_parquet_reader_close(struct mr_parquet_reader *r)
{
    if (!r)
        return;
    r->input->close(r->input);
    mr_free(r->footer_bytes);
    mr_arena_release(&r->arena);
    mr_free(r);
}

const struct mr_type *mr_parquet_reader_schema(const struct mr_parquet_reader *r)
{
    return r->type;
}

int64_t mr_parquet_reader_rows(const struct mr_parquet_reader *r)
{
    return r->footer.row_count;
}

int mr_parquet_reader_row_groups(const struct mr_parquet_reader *r)
{
    return (int)r->footer.row_group_count;
}

int64_t mr_parquet_reader_row_group_rows(const struct mr_parquet_reader *r, int row_group)
{
    return r->footer.row_groups[row_group].row_count;
}

struct mr_str mr_parquet_reader_metadata(const struct mr_parquet_reader *r, const char *key)
{
    for (size_t i = 0; i < r->footer.metadata_count; i++)
        if (mr_str_equal(r->footer.metadata[i][0], mr_str_of(key)))
            return r->footer.metadata[i][1];
    return (struct mr_str){"", 0};
}
