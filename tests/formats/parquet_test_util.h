/* tests/formats/parquet_test_util.h: files in memory, so that tests can damage them byte by byte. */
#ifndef MR_TESTS_PARQUET_TEST_UTIL_H
#define MR_TESTS_PARQUET_TEST_UTIL_H

#include "tests/formats/parquet_samples.h"

/* ---- an input over bytes ---- */
struct memory_input {
    struct mr_input input;
    const char *data;
};

SAMPLE int memory_read_at(struct mr_input *input, int64_t offset, void *out, size_t size,
                          struct mr_error *error)
{
    struct memory_input *memory = (struct memory_input *)input;
    if (offset < 0 || offset > input->size_bytes || (int64_t)size > input->size_bytes - offset)
        return mr_error_set(error, MR_E_CORRUPT, "FAILED_READ_FILE.NO_HINT", "Read behind the end.");
    memcpy(out, memory->data + offset, size);
    return MR_OK;
}

SAMPLE void memory_close(struct mr_input *input)
{
    free(input);
}

SAMPLE struct mr_input *memory_open(const char *data, size_t size)
{
    struct memory_input *memory = calloc(1, sizeof(*memory)); /* not one of those that tests let fail */
    memory->input = (struct mr_input){"memory.parquet", (int64_t)size, memory_read_at, memory_close};
    memory->data = data;
    return &memory->input;
}

/* ---- an output into a text ---- */
struct memory_output {
    struct mr_output output;
    struct mr_text text;
};

SAMPLE int memory_write(struct mr_output *output, const void *data, size_t size, struct mr_error *error)
{
    struct memory_output *memory = (struct memory_output *)output;
    mr_text_append(&memory->text, data, size);
    output->written_bytes += (int64_t)size;
    return memory->text.failed ? mr_error_memory(error, size) : MR_OK;
}

SAMPLE void memory_output_init(struct memory_output *memory)
{
    memory->output = (struct mr_output){"memory.parquet", 0, memory_write, NULL, NULL};
    mr_text_init(&memory->text);
}

/* ---- whole files ---- */

/* All rows as JSON lines; the status of what failed, or MR_OK. */
SAMPLE int file_rows(const char *data, size_t size, int64_t at_once, struct mr_text *rows,
                     struct mr_error *error)
{
    struct mr_parquet_reader *reader;
    struct mr_parquet_scan *scan;
    struct mr_batch batch = {0};
    MR_TRY(mr_parquet_reader_open(&reader, memory_open(data, size), error));
    int status = mr_parquet_scan_open(&scan, reader, mr_parquet_reader_schema(reader), NULL, 0,
                                      mr_parquet_reader_row_groups(reader), error);
    while (status == MR_OK) {
        status = mr_parquet_scan_next(scan, at_once, &batch, error);
        for (int64_t row = 0; rows && status == MR_OK && row < batch.length; row++) {
            sample_row_json(rows, &batch, row);
            mr_text_append_char(rows, '\n');
        }
        mr_batch_release(&batch);
    }
    mr_parquet_scan_close(scan);
    mr_parquet_reader_close(reader);
    return status == MR_END ? MR_OK : status;
}

#endif
