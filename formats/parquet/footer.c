/* formats/parquet/footer.c: footer and page headers from and to Thrift. */
#include "formats/parquet/format.h"

/* ---- schema elements ---- */

static enum mr_parquet_unit read_unit(struct mr_thrift_reader *r, enum mr_thrift_type type)
{
    struct mr_thrift_field field = {0};
    enum mr_parquet_unit unit = 0;
    if (!mr_thrift_enter(r, type))
        return unit;
    while (mr_thrift_next(r, &field)) {
        if (field.id >= MR_PARQUET_MILLIS && field.id <= MR_PARQUET_NANOS)
            unit = (enum mr_parquet_unit)field.id;
        mr_thrift_skip(r, field.type);
    }
    mr_thrift_leave(r);
    return unit;
}

/* The parameters of DECIMAL, TIME, TIMESTAMP and INTEGER; the other logical types have none we use. */
static void read_logical_parameters(struct mr_thrift_reader *r, enum mr_thrift_type type,
                                    struct mr_parquet_element *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, type))
        return;
    while (mr_thrift_next(r, &field)) {
        bool is_time =
            out->logical == MR_PARQUET_LOGICAL_TIME || out->logical == MR_PARQUET_LOGICAL_TIMESTAMP;
        if (out->logical == MR_PARQUET_LOGICAL_DECIMAL && field.id == 1)
            out->scale = mr_thrift_read_i32(r, field.type);
        else if (out->logical == MR_PARQUET_LOGICAL_DECIMAL && field.id == 2)
            out->precision = mr_thrift_read_i32(r, field.type);
        else if (is_time && field.id == 1)
            out->utc = mr_thrift_read_bool(r, field.type);
        else if (is_time && field.id == 2)
            out->unit = read_unit(r, field.type);
        else if (out->logical == MR_PARQUET_LOGICAL_INTEGER && field.id == 1)
            out->bits = mr_thrift_read_i32(r, field.type);
        else if (out->logical == MR_PARQUET_LOGICAL_INTEGER && field.id == 2)
            out->is_signed = mr_thrift_read_bool(r, field.type);
        else
            mr_thrift_skip(r, field.type);
    }
    mr_thrift_leave(r);
}

static void read_logical(struct mr_thrift_reader *r, enum mr_thrift_type type, struct mr_parquet_element *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, type))
        return;
    while (mr_thrift_next(r, &field)) {
        out->logical = (enum mr_parquet_logical)field.id;
        read_logical_parameters(r, field.type, out);
    }
    mr_thrift_leave(r);
}

static void read_element(struct mr_thrift_reader *r, struct mr_parquet_element *out)
{
    struct mr_thrift_field field = {0};
    *out = (struct mr_parquet_element){.physical = MR_PARQUET_GROUP,
                                       .converted = MR_PARQUET_CONVERTED_NONE,
                                       .field_id = -1};
    if (!mr_thrift_enter(r, MR_THRIFT_STRUCT))
        return;
    while (mr_thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            out->physical = (enum mr_parquet_physical)mr_thrift_read_i32(r, field.type);
            break;
        case 2:
            out->type_length = mr_thrift_read_i32(r, field.type);
            break;
        case 3:
            out->repetition = (enum mr_parquet_repetition)mr_thrift_read_i32(r, field.type);
            break;
        case 4:
            out->name = mr_thrift_read_binary(r, field.type);
            break;
        case 5:
            out->child_count = mr_thrift_read_i32(r, field.type);
            break;
        case 6:
            out->converted = (enum mr_parquet_converted)mr_thrift_read_i32(r, field.type);
            break;
        case 7:
            out->scale = mr_thrift_read_i32(r, field.type);
            break;
        case 8:
            out->precision = mr_thrift_read_i32(r, field.type);
            break;
        case 9:
            out->field_id = mr_thrift_read_i32(r, field.type);
            break;
        case 10:
            read_logical(r, field.type, out);
            break;
        default:
            mr_thrift_skip(r, field.type);
        }
    }
    mr_thrift_leave(r);
}

/* ---- row groups ---- */

static void read_chunk_metadata(struct mr_thrift_reader *r, enum mr_thrift_type type,
                                struct mr_parquet_chunk *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, type))
        return;
    out->has_metadata = true;
    while (mr_thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            out->physical = (enum mr_parquet_physical)mr_thrift_read_i32(r, field.type);
            break;
        case 4:
            out->codec = mr_thrift_read_i32(r, field.type);
            break;
        case 5:
            out->value_count = mr_thrift_read_int(r, field.type);
            break;
        case 6:
            out->uncompressed_bytes = mr_thrift_read_int(r, field.type);
            break;
        case 7:
            out->compressed_bytes = mr_thrift_read_int(r, field.type);
            break;
        case 9:
            out->data_page_offset = mr_thrift_read_int(r, field.type);
            break;
        case 11:
            out->dictionary_page_offset = mr_thrift_read_int(r, field.type);
            break;
        default:
            mr_thrift_skip(r, field.type);
        }
    }
    mr_thrift_leave(r);
}

static void read_chunk(struct mr_thrift_reader *r, struct mr_parquet_chunk *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, MR_THRIFT_STRUCT))
        return;
    while (mr_thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            out->file_path = mr_thrift_read_binary(r, field.type);
            break;
        case 3:
            read_chunk_metadata(r, field.type, out);
            break;
        case 8:
        case 9:
            out->encrypted = true;
            mr_thrift_skip(r, field.type);
            break;
        default:
            mr_thrift_skip(r, field.type);
        }
    }
    mr_thrift_leave(r);
}

/* An array in the arena for a list that was announced; fails the reader without memory. */
static void *list_memory(struct mr_thrift_reader *r, struct mr_arena *arena, size_t count, size_t width)
{
    void *memory = mr_arena_allocate_zeroed(arena, count * width + 1);
    if (!memory)
        r->failed = r->no_memory = true;
    return memory;
}

static void read_row_group(struct mr_thrift_reader *r, struct mr_arena *arena,
                           struct mr_parquet_row_group *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, MR_THRIFT_STRUCT))
        return;
    while (mr_thrift_next(r, &field)) {
        if (field.id == 1) {
            size_t count = mr_thrift_read_list(r, field.type, MR_THRIFT_STRUCT);
            out->chunks = list_memory(r, arena, count, sizeof(*out->chunks));
            for (size_t i = 0; i < count && !r->failed; i++)
                read_chunk(r, &out->chunks[i]);
            out->chunk_count = r->failed ? 0 : count;
        } else if (field.id == 3) {
            out->row_count = mr_thrift_read_int(r, field.type);
        } else {
            mr_thrift_skip(r, field.type);
        }
    }
    mr_thrift_leave(r);
}

static void read_metadata(struct mr_thrift_reader *r, struct mr_str out[2])
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, MR_THRIFT_STRUCT))
        return;
    while (mr_thrift_next(r, &field)) {
        if (field.id == 1 || field.id == 2)
            out[field.id - 1] = mr_thrift_read_binary(r, field.type);
        else
            mr_thrift_skip(r, field.type);
    }
    mr_thrift_leave(r);
}

static void read_footer_lists(struct mr_thrift_reader *r, struct mr_arena *arena,
                              const struct mr_thrift_field *field, struct mr_parquet_footer *out)
{
    size_t count = mr_thrift_read_list(r, field->type, MR_THRIFT_STRUCT);
    if (field->id == 2) {
        out->elements = list_memory(r, arena, count, sizeof(*out->elements));
        for (size_t i = 0; i < count && !r->failed; i++)
            read_element(r, &out->elements[i]);
        out->element_count = count;
    } else if (field->id == 4) {
        out->row_groups = list_memory(r, arena, count, sizeof(*out->row_groups));
        for (size_t i = 0; i < count && !r->failed; i++)
            read_row_group(r, arena, &out->row_groups[i]);
        out->row_group_count = count;
    } else {
        out->metadata = list_memory(r, arena, count, sizeof(*out->metadata));
        for (size_t i = 0; i < count && !r->failed; i++)
            read_metadata(r, out->metadata[i]);
        out->metadata_count = count;
    }
}

int mr_parquet_footer_parse(struct mr_arena *arena, const void *data, size_t size,
                            struct mr_parquet_footer *out, struct mr_error *error)
{
    struct mr_thrift_reader reader, *r = &reader;
    mr_thrift_reader_init(r, data, size);
    memset(out, 0, sizeof(*out));
    struct mr_thrift_field field = {0};
    while (mr_thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            out->version = mr_thrift_read_i32(r, field.type);
            break;
        case 2:
        case 4:
        case 5:
            read_footer_lists(r, arena, &field, out);
            break;
        case 3:
            out->row_count = mr_thrift_read_int(r, field.type);
            break;
        case 6:
            out->created_by = mr_thrift_read_binary(r, field.type);
            break;
        case 8:
            out->encrypted = true;
            mr_thrift_skip(r, field.type);
            break;
        default:
            mr_thrift_skip(r, field.type);
        }
    }
    if (r->no_memory)
        return mr_error_memory(error, size);
    if (r->failed)
        return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
                            "The footer of the Parquet file is damaged.");
    return MR_OK;
}

/* ---- page headers ---- */

static void read_page_details(struct mr_thrift_reader *r, const struct mr_thrift_field *page,
                              struct mr_parquet_page_header *out)
{
    struct mr_thrift_field field = {0};
    if (!mr_thrift_enter(r, page->type))
        return;
    bool v2 = page->id == 8;
    out->has_details = true;
    while (mr_thrift_next(r, &field)) {
        switch (field.id) {
        case 1:
            out->value_count = mr_thrift_read_i32(r, field.type);
            break;
        case 2:
            if (v2)
                mr_thrift_skip(r, field.type); /* number of NULLs */
            else
                out->encoding = mr_thrift_read_i32(r, field.type);
            break;
        case 3:
            if (page->id == 5)
                out->definition_encoding = mr_thrift_read_i32(r, field.type);
            else
                mr_thrift_skip(r, field.type); /* number of rows; dictionary: is sorted */
            break;
        case 4:
            if (v2)
                out->encoding = mr_thrift_read_i32(r, field.type);
            else
                out->repetition_encoding = mr_thrift_read_i32(r, field.type);
            break;
        case 5:
            if (v2)
                out->definition_bytes = mr_thrift_read_i32(r, field.type);
            else
                mr_thrift_skip(r, field.type); /* statistics */
            break;
        case 6:
            out->repetition_bytes = mr_thrift_read_i32(r, field.type);
            break;
        case 7:
            out->is_compressed = mr_thrift_read_bool(r, field.type);
            break;
        default:
            mr_thrift_skip(r, field.type);
        }
    }
    mr_thrift_leave(r);
}

/* Which field holds the details of a page of that type. */
static int16_t details_field(enum mr_parquet_page_type type)
{
    switch (type) {
    case MR_PARQUET_DATA_PAGE:
        return 5;
    case MR_PARQUET_DICTIONARY_PAGE:
        return 7;
    case MR_PARQUET_DATA_PAGE_V2:
        return 8;
    default:
        return -1;
    }
}

int mr_parquet_page_header_parse(const void *data, size_t size, struct mr_parquet_page_header *out,
                                 size_t *used, struct mr_error *error)
{
    struct mr_thrift_reader reader, *r = &reader;
    mr_thrift_reader_init(r, data, size);
    *out = (struct mr_parquet_page_header){.type = (enum mr_parquet_page_type) - 1, .is_compressed = true};
    struct mr_thrift_field field = {0};
    while (mr_thrift_next(r, &field)) {
        if (field.id == 1) {
            out->type = (enum mr_parquet_page_type)mr_thrift_read_i32(r, field.type);
        } else if (field.id == 2) {
            out->uncompressed_bytes = mr_thrift_read_i32(r, field.type);
        } else if (field.id == 3) {
            out->compressed_bytes = mr_thrift_read_i32(r, field.type);
        } else if (field.id == 4) {
            out->crc = (uint32_t)mr_thrift_read_i32(r, field.type);
            out->has_crc = true;
        } else if (field.id == details_field(out->type)) {
            read_page_details(r, &field, out);
        } else {
            mr_thrift_skip(r, field.type);
        }
    }
    if (r->failed && r->short_input)
        return MR_BLOCKED;
    bool data_page = out->type == MR_PARQUET_DATA_PAGE || out->type == MR_PARQUET_DATA_PAGE_V2;
    bool known = data_page || out->type == MR_PARQUET_DICTIONARY_PAGE || out->type == MR_PARQUET_INDEX_PAGE;
    bool sane = out->uncompressed_bytes >= 0 && out->compressed_bytes >= 0 && out->value_count >= 0 &&
                out->definition_bytes >= 0 && out->repetition_bytes >= 0;
    if (r->failed || !known || !sane || (out->type != MR_PARQUET_INDEX_PAGE && !out->has_details))
        return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT",
                            "A Parquet page header is damaged.");
    *used = (size_t)(r->at - r->start);
    return MR_OK;
}

/* ---- writing ---- */

static void write_unit(struct mr_thrift_writer *w, const struct mr_parquet_element *e)
{
    mr_thrift_bool(w, 1, e->utc);
    mr_thrift_struct(w, 2);
    mr_thrift_struct(w, (int16_t)e->unit);
    mr_thrift_end(w);
    mr_thrift_end(w);
}

static void write_logical(struct mr_thrift_writer *w, const struct mr_parquet_element *e)
{
    mr_thrift_struct(w, 10);
    mr_thrift_struct(w, (int16_t)e->logical);
    if (e->logical == MR_PARQUET_LOGICAL_DECIMAL) {
        mr_thrift_i32(w, 1, e->scale);
        mr_thrift_i32(w, 2, e->precision);
    } else if (e->logical == MR_PARQUET_LOGICAL_TIMESTAMP) {
        write_unit(w, e);
    } else if (e->logical == MR_PARQUET_LOGICAL_INTEGER) {
        mr_thrift_byte(w, 1, (int8_t)e->bits);
        mr_thrift_bool(w, 2, e->is_signed);
    }
    mr_thrift_end(w);
    mr_thrift_end(w);
}

void mr_parquet_element_write(struct mr_thrift_writer *w, const struct mr_parquet_element *e)
{
    mr_thrift_element_struct(w);
    if (e->physical != MR_PARQUET_GROUP)
        mr_thrift_i32(w, 1, e->physical);
    if (e->physical == MR_PARQUET_FIXED)
        mr_thrift_i32(w, 2, e->type_length);
    mr_thrift_i32(w, 3, e->repetition);
    mr_thrift_binary(w, 4, e->name.data, e->name.size);
    if (e->physical == MR_PARQUET_GROUP)
        mr_thrift_i32(w, 5, e->child_count);
    if (e->converted != MR_PARQUET_CONVERTED_NONE)
        mr_thrift_i32(w, 6, e->converted);
    if (e->converted == MR_PARQUET_CONVERTED_DECIMAL) {
        mr_thrift_i32(w, 7, e->scale);
        mr_thrift_i32(w, 8, e->precision);
    }
    if (e->field_id > 0)
        mr_thrift_i32(w, 9, e->field_id);
    if (e->logical != MR_PARQUET_LOGICAL_NONE)
        write_logical(w, e);
    mr_thrift_end(w);
}

void mr_parquet_page_header_write(struct mr_text *out, const struct mr_parquet_page_header *header)
{
    struct mr_thrift_writer writer, *w = &writer;
    mr_thrift_writer_init(w, out);
    mr_thrift_i32(w, 1, header->type);
    mr_thrift_i32(w, 2, header->uncompressed_bytes);
    mr_thrift_i32(w, 3, header->compressed_bytes);
    if (header->has_crc)
        mr_thrift_i32(w, 4, (int32_t)header->crc);
    mr_thrift_struct(w, header->type == MR_PARQUET_DATA_PAGE ? 5 : 7);
    mr_thrift_i32(w, 1, header->value_count);
    mr_thrift_i32(w, 2, header->encoding);
    if (header->type == MR_PARQUET_DATA_PAGE) {
        mr_thrift_i32(w, 3, header->definition_encoding);
        mr_thrift_i32(w, 4, header->repetition_encoding);
    }
    mr_thrift_end(w);
    mr_thrift_end(w);
}
