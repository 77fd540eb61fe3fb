/* tests/fuzz/parquet_fuzz.c: any bytes as a Parquet file: footer, schema, every column of every row group.
 *
 * By libFuzzer, or with replay.c a program that runs the files it is given. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/parquet/parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes_input {
    struct mr_input input;
    const uint8_t *data;
};

static int bytes_read_at(struct mr_input *input, int64_t offset, void *out, size_t size,
                         struct mr_error *error)
{
    struct bytes_input *bytes = (struct bytes_input *)input;
    if (offset < 0 || offset > input->size_bytes || (int64_t)size > input->size_bytes - offset)
        return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT", "Read behind the end.");
    memcpy(out, bytes->data + offset, size);
    return MR_OK;
}

static void bytes_close(struct mr_input *input)
{
    mr_free(input);
}

/* Every string is looked at, so that the sanitizer sees a view into nowhere. */
static uint64_t look_at(const struct mr_column *column)
{
    uint64_t sum = 0;
    for (int64_t row = 0; row < column->length; row++)
        if (mr_type_is_bytes(column->type) && !mr_column_is_null(column, row))
            sum ^= mr_hash(mr_view_data(&column->views[row]), column->views[row].size);
    for (int64_t row = 0; column->offsets && row < column->length; row++)
        if (column->offsets[row] > column->offsets[row + 1])
            abort();
    for (int i = 0; i < column->child_count; i++) {
        int64_t rows = column->offsets ? column->offsets[column->length] : column->length;
        if (column->children[i]->length != rows)
            abort();
        sum ^= look_at(column->children[i]);
    }
    return sum;
}

static void read_all(struct mr_parquet_reader *reader, struct mr_error *error)
{
    struct mr_parquet_scan *scan;
    struct mr_batch batch = {0};
    uint64_t sum = 0;
    int groups = mr_parquet_reader_row_groups(reader);
    int status =
        mr_parquet_scan_open(&scan, reader, mr_parquet_reader_schema(reader), NULL, 0, groups, error);
    for (int batches = 0; status == MR_OK && batches < 100; batches++) {
        status = mr_parquet_scan_next(scan, 64, &batch, error);
        for (int i = 0; status == MR_OK && i < batch.schema->field_count; i++)
            sum ^= look_at(batch.columns[i]);
        mr_batch_release(&batch);
    }
    mr_parquet_scan_close(scan);
    if (sum == 0x5eed) /* keeps the reads from being optimised away */
        fprintf(stderr, "%llx\n", (unsigned long long)sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_error error;
    struct mr_parquet_reader *reader;
    struct bytes_input *bytes = mr_allocate_zeroed(sizeof(*bytes));
    if (!bytes)
        return 0;
    bytes->input = (struct mr_input){"fuzz.parquet", (int64_t)size, bytes_read_at, bytes_close};
    bytes->data = data;
    mr_error_clear(&error);
    if (mr_parquet_reader_open(&reader, &bytes->input, &error) == MR_OK)
        read_all(reader, &error);
    else
        reader = NULL;
    if (error.code != 0 && error.message[0] == '\0')
        abort();
    mr_parquet_reader_close(reader);
    return 0;
}
