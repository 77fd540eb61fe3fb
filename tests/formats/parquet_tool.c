/* tests/formats/parquet_tool.c: Parquet from the command line, for the interoperability tests.
 *
 *   parquet_tool schema FILE            the type a file reads as
 *   parquet_tool rows FILE [ROWS]       its rows as JSON, one a line, read so many at a time
 *   parquet_tool write DIRECTORY        the files of parquet_samples.h, what they hold as NAME.json, and
 * NAME.schema
 */
#include <stdio.h>
#include <stdlib.h>

#include "columns/value.h"
#include "formats/parquet/parquet.h"
#include "tests/formats/parquet_samples.h"

static int fail(const struct mr_error *error)
{
    char text[4096];
    mr_error_format(error, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
    return 1;
}

static int open_file(const char *path, struct mr_storage *storage, struct mr_parquet_reader **reader,
                     struct mr_error *error)
{
    struct mr_input *input;
    MR_TRY(mr_storage_open(storage, "/", error));
    MR_TRY(storage->type->input(storage, path[0] == '/' ? path + 1 : path, &input, error));
    return mr_parquet_reader_open(reader, input, error);
}

static int print_rows(struct mr_parquet_reader *reader, int64_t rows_at_once, struct mr_error *error)
{
    const struct mr_type *schema = mr_parquet_reader_schema(reader);
    struct mr_parquet_scan *scan;
    struct mr_batch batch = {0};
    struct mr_text text;
    mr_text_init(&text);
    int status =
        mr_parquet_scan_open(&scan, reader, schema, NULL, 0, mr_parquet_reader_row_groups(reader), error);
    while (status == MR_OK) {
        status = mr_parquet_scan_next(scan, rows_at_once, &batch, error);
        for (int64_t row = 0; status == MR_OK && row < batch.length; row++) {
            sample_row_json(&text, &batch, row);
            mr_text_append_char(&text, '\n');
        }
        fwrite(text.data, 1, text.size, stdout);
        mr_text_clear(&text);
        mr_batch_release(&batch);
    }
    mr_parquet_scan_close(scan);
    mr_text_release(&text);
    return status == MR_END ? MR_OK : status;
}

int main(int argc, char **argv)
{
    struct mr_error error;
    mr_error_clear(&error);
    if (argc < 3) {
        fprintf(stderr, "usage: parquet_tool schema FILE | rows FILE [ROWS] | write DIRECTORY\n");
        return 2;
    }
    if (strcmp(argv[1], "write") == 0)
        return samples_write(argv[2], &error) < 0 ? fail(&error) : 0;
    struct mr_storage storage = {0};
    struct mr_parquet_reader *reader = NULL;
    int status = open_file(argv[2], &storage, &reader, &error);
    if (status == MR_OK && strcmp(argv[1], "schema") == 0) {
        struct mr_text text;
        mr_text_init(&text);
        mr_type_simple_text(&text, mr_parquet_reader_schema(reader));
        printf("%s\n", text.data);
        mr_text_release(&text);
    } else if (status == MR_OK) {
        status = print_rows(reader, argc > 3 ? atoll(argv[3]) : 1000, &error);
    }
    mr_parquet_reader_close(reader);
    mr_storage_close(&storage);
    return status < 0 ? fail(&error) : 0;
}
