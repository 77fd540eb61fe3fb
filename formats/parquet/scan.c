/* formats/parquet/scan.c: batches out of the row groups of a file. */
#include "formats/parquet/reader.h"

#define LARGEST_BATCH 65536 /* rows; what a damaged footer claims is not allocated at once */

struct mr_parquet_scan {
    const struct mr_parquet_reader *reader;
    const struct mr_type *wanted;
    struct mr_arena arena;
    struct mr_scan_node root;
    struct mr_scan_readers readers;
    struct mr_decompressor decompressor;
    int next_row_group, end_row_group;
    int64_t rows_left; /* of the row group in hand */
};

int mr_parquet_scan_open(struct mr_parquet_scan **out, struct mr_parquet_reader *reader,
                         const struct mr_type *wanted, const int32_t *field_ids, int first_row_group,
                         int row_group_count, struct mr_error *error)
{
    int status = MR_OK;
    int64_t end = (int64_t)first_row_group + row_group_count;
    *out = NULL;
    if (first_row_group < 0 || row_group_count < 0 || end > mr_parquet_reader_row_groups(reader))
        return mr_error_set(error, MR_E_INTERNAL, "FAILED_READ_FILE.NO_HINT",
                            "%s has no row groups [%d, %lld).", reader->input->name, first_row_group,
                            (long long)end);
    struct mr_parquet_scan *scan = mr_allocate_zeroed(sizeof(*scan));
    if (!scan)
        return mr_error_memory(error, sizeof(*scan));
    scan->reader = reader;
    scan->wanted = wanted;
    scan->next_row_group = first_row_group;
    scan->end_row_group = (int)end;
    mr_arena_init(&scan->arena);
    scan->readers.arena = &scan->arena;
    MR_ERR(mr_scan_plan(reader, wanted, field_ids, &scan->root, &scan->readers, error));
    for (int i = 0; i < scan->readers.count; i++)
        scan->readers.items[i]->pages.decompressor = &scan->decompressor;
    *out = scan;
    return MR_OK;
err:
    mr_parquet_scan_close(scan);
    return status;
}

void mr_parquet_scan_close(struct mr_parquet_scan *scan)
{
    if (!scan)
        return;
    for (int i = 0; i < scan->readers.count; i++)
        mr_column_reader_release(scan->readers.items[i]);
    mr_decompressor_release(&scan->decompressor);
    mr_arena_release(&scan->arena);
    mr_free(scan);
}

static int check_chunk(const struct mr_column_reader *r, const struct mr_parquet_chunk *chunk,
                       struct mr_error *error)
{
    const char *why = NULL;
    if (chunk->encrypted)
        why = "it is encrypted";
    else if (chunk->file_path.size > 0)
        why = "its data lie in another file";
    else if (!chunk->has_metadata)
        why = "the footer does not say where its data lie";
    if (!why)
        return MR_OK;
    return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.NO_HINT",
                        "%s: column %s: %s, which is not supported.", r->pages.input->name,
                        r->pages.leaf->path, why);
}

static int start_row_group(struct mr_parquet_scan *scan, struct mr_error *error)
{
    const struct mr_parquet_row_group *group = &scan->reader->footer.row_groups[scan->next_row_group];
    for (int i = 0; i < scan->readers.count; i++) {
        struct mr_column_reader *r = scan->readers.items[i];
        const struct mr_parquet_chunk *chunk = &group->chunks[r->pages.leaf - scan->reader->schema.leaves];
        MR_TRY(check_chunk(r, chunk, error));
        r->ahead = 0;
        r->pages.levels_left = 0;
        if (group->row_count == 0 && chunk->value_count == 0)
            continue; /* where such a chunk lies need not make sense */
        MR_TRY(mr_page_reader_start(&r->pages, chunk, scan->reader->footer_at, error));
    }
    scan->rows_left = group->row_count;
    scan->next_row_group++;
    return MR_OK;
}

/* Nothing may be left over: a file that holds more than its footer says is not the one that was written. */
static int check_end(struct mr_parquet_scan *scan, struct mr_error *error)
{
    for (int i = 0; i < scan->readers.count; i++) {
        const struct mr_column_reader *r = scan->readers.items[i];
        if (r->pages.levels_left > 0)
            return mr_page_reader_corrupt(&r->pages, "the column chunk has more rows than its row group",
                                          error);
    }
    return MR_OK;
}

static void bind(struct mr_scan_node *node, struct mr_column *column)
{
    node->column = column;
    for (int i = 0; i < node->child_count; i++)
        bind(&node->children[i], column->children[i]);
}

static int read_rows(struct mr_parquet_scan *scan, int64_t rows, struct mr_batch *batch,
                     struct mr_error *error)
{
    for (int i = 0; i < scan->root.child_count; i++)
        bind(&scan->root.children[i], batch->columns[i]);
    for (int i = 0; i < scan->readers.count; i++) {
        struct mr_column_reader *r = scan->readers.items[i];
        struct mr_scan_node *leaf = scan->readers.leaves[i];
        int64_t ignored;
        if (leaf && leaf->flat)
            MR_TRY(mr_column_reader_flat(r, rows, leaf->column, error));
        else
            MR_TRY(mr_column_reader_levels(r, rows, leaf ? leaf->column : NULL,
                                           leaf ? &leaf->values : &ignored, error));
    }
    for (int i = 0; i < scan->root.child_count; i++)
        MR_TRY(mr_scan_assemble(&scan->root.children[i], rows, error));
    batch->length = rows;
    return MR_OK;
}

int mr_parquet_scan_next(struct mr_parquet_scan *scan, int64_t max_rows, struct mr_batch *batch,
                         struct mr_error *error)
{
    memset(batch, 0, sizeof(*batch));
    while (scan->rows_left == 0) {
        if (scan->next_row_group == scan->end_row_group)
            return MR_END;
        MR_TRY(start_row_group(scan, error));
        if (scan->rows_left == 0)
            MR_TRY(check_end(scan, error));
    }
    int64_t rows = scan->rows_left < max_rows ? scan->rows_left : max_rows;
    rows = rows < LARGEST_BATCH ? rows : LARGEST_BATCH;
    MR_TRY(mr_batch_init(batch, scan->wanted, rows, error));
    int status = read_rows(scan, rows, batch, error);
    scan->rows_left -= rows;
    if (status == MR_OK && scan->rows_left == 0)
        status = check_end(scan, error);
    if (status < 0)
        mr_batch_release(batch);
    return status;
}
