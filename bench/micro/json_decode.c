/* bench/micro/json_decode.c: how long one thread takes to decode JSON lines into columns.
 * usage: json_decode SCHEMA USED FILE...     e.g. json_decode "auction BIGINT, price BIGINT, dateTime
 * TIMESTAMP" 111 bid/part-*.json USED: one digit per column, 1 where it is read. Prints rows, bytes, CPU
 * seconds, and a checksum that keeps the work honest. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "formats/format.h"

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t sum_of(const struct mr_batch *batch)
{
    uint64_t sum = 0;
    for (int c = 0; c < batch->schema->field_count; c++) {
        const struct mr_column *column = batch->columns[c];
        if (batch->length > 0 && !mr_column_is_null(column, batch->length - 1))
            sum += mr_type_width(column->type) == 8 ? (uint64_t)column->i64[batch->length - 1] : 1;
    }
    return sum;
}

static void die(const struct mr_error *error)
{
    char text[2048];
    mr_error_format(error, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

int main(int argc, char **argv)
{
    struct mr_error error = {0};
    struct mr_arena arena;
    struct mr_storage storage = {0};
    struct mr_format format = {0};
    bool used[256] = {0};
    int64_t rows = 0, bytes = 0, bad = 0;
    uint64_t sum = 0;
    if (argc < 4)
        return 2;
    mr_arena_init(&arena);
    if (mr_schema_parse(&arena, mr_str_of(argv[1]), &format.schema, &error) < 0 ||
        mr_storage_open(&storage, "/", &error) < 0)
        die(&error);
    for (int i = 0; argv[2][i]; i++)
        used[i] = argv[2][i] == '1';
    format.used = used;
    format.case_sensitive = true;
    format.zone = mr_zone_utc();
    if (mr_format_open(&format, mr_format_type_find(MR_STR("json")), NULL, 0, &error) < 0)
        die(&error);
    double start = cpu_s();
    for (int i = 3; i < argc; i++) {
        struct mr_format_range range = {.path = argv[i], .end = -1};
        struct mr_format_reader *reader;
        struct mr_batch batch = {0};
        int status = 0;
        if (storage.type->input(&storage, argv[i] + 1, &range.input, &error) < 0)
            die(&error);
        bytes += range.input->size_bytes;
        if (mr_format_reader_open(&format, &range, &reader, &error) < 0)
            die(&error);
        while (status == MR_OK) {
            status = mr_format_read(reader, &batch, &error);
            if (status == MR_OK) {
                rows += batch.length;
                sum += sum_of(&batch);
                mr_batch_release(&batch);
            }
        }
        if (status < 0)
            die(&error);
        bad += reader->bad_rows;
        mr_format_reader_close(reader);
    }
    double took = cpu_s() - start;
    printf("rows %lld (bad %lld) bytes %lld cpu %.3f s  %.1f ns/row  %.2f GB/s  sum %llx\n", (long long)rows,
           (long long)bad, (long long)bytes, took, took * 1e9 / (double)(rows ? rows : 1),
           (double)bytes / took / 1e9, (unsigned long long)sum);
    mr_format_close(&format);
    mr_storage_close(&storage);
    mr_arena_release(&arena);
    return 0;
}
