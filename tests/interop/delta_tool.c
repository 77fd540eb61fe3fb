/* tests/interop/delta_tool.c: Delta tables from the command line, for the interoperability tests.
 *
 *   delta_tool write DIRECTORY QUERY FIRST ROWS BATCHES [option=value ...]   appends rows FIRST .. in
 * batches, through the sink delta_tool rows DIRECTORY [VERSION]                                      rows as
 * JSON, one a line delta_tool stream DIRECTORY [option=value ...]                           rows as the
 * source gives them in one run delta_tool info DIRECTORY version, files, features delta_tool checkpoint
 * DIRECTORY                                          writes a log checkpoint of the newest version Options of
 * write beyond the sink's: schema=types|plain|plain_date|ntz|keys, mode=append|complete. What row n holds:
 * see value(). */
#include <stdio.h>
#include <stdlib.h>

#include "sinks/delta.h"
#include "sources/delta.h"

static struct mr_error error;

static int fail(void)
{
    char text[4096];
    mr_error_format(&error, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
    return 1;
}

static const char *schema_of(const char *name)
{
    if (strcmp(name, "plain") == 0)
        return "id BIGINT, st STRING, p STRING";
    if (strcmp(name, "plain_date") == 0)
        return "id BIGINT, st STRING, p DATE";
    if (strcmp(name, "ntz") == 0)
        return "id BIGINT, nt TIMESTAMP_NTZ, p TIMESTAMP_NTZ";
    if (strcmp(name, "keys") == 0) /* every type a table may be partitioned by */
        return "id BIGINT, p STRING, b BOOLEAN, t TINYINT, i INT, d DOUBLE, dec DECIMAL(12,2), da DATE, ts "
               "TIMESTAMP";
    return "id BIGINT, b BOOLEAN, t TINYINT, s SMALLINT, i INT, f FLOAT, d DOUBLE, dec DECIMAL(10,2), big "
           "DECIMAL(30,5), st STRING, "
           "bin BINARY, da DATE, ts TIMESTAMP, arr ARRAY<INT>, m MAP<STRING, BIGINT>, n STRUCT<x: INT, y: "
           "STRUCT<z: STRING>>, p STRING";
}

static const char *const texts[] = {
    "plain",
    "a b/c%d=e",
    "\xc3\xa9\xf0\x9f\x98\x80 \"q\"",
    "",
    "x'y:z?&+#",
    "a rather long text that is longer than the thirty-two characters Spark keeps \xf0\x9f\x98\x80"};

static int put(struct mr_column *c, const char *name, int64_t n);

static int put_nested(struct mr_column *c, int64_t n)
{
    int64_t row = c->length;
    if (c->type->id == MR_STRUCT) {
        mr_column_set_valid(c, row);
        c->length++;
        for (int i = 0; i < c->child_count; i++)
            MR_TRY(put(c->children[i], c->type->fields[i].name, n));
        return MR_OK;
    }
    int64_t count = n % 4;
    for (int64_t i = 0; i < count; i++)
        for (int child = 0; child < c->child_count; child++) {
            struct mr_column *inner = c->children[child];
            char key[32];
            snprintf(key, sizeof(key), "k%lld", (long long)i);
            MR_TRY(mr_column_reserve(inner, inner->length + 1, &error));
            if (inner->type->id == MR_STRING)
                MR_TRY(mr_column_set_bytes(inner, inner->length, key, strlen(key), &error));
            else if (inner->type->id == MR_BIGINT)
                inner->i64[inner->length] = n * 10 + i;
            else
                inner->i32[inner->length] = (int32_t)(n + i);
            inner->length++;
        }
    mr_column_set_valid(c, row);
    c->offsets[++c->length] = (int32_t)c->children[0]->length;
    return MR_OK;
}

/* The value of row n: NULL for every fifth row, shifted by the column, except id. */
static int put(struct mr_column *c, const char *name, int64_t n)
{
    MR_TRY(mr_column_reserve(c, c->length + 1, &error));
    if (strcmp(name, "id") != 0 && (n + name[0]) % 5 == 0)
        return mr_column_append_null(c, &error);
    if (mr_type_is_nested(c->type))
        return put_nested(c, n);
    int64_t row = c->length;
    mr_column_set_valid(c, row);
    switch (c->type->id) {
    case MR_BOOLEAN:
        c->booleans[row] = n % 2 == 0;
        break;
    case MR_TINYINT:
        c->i8[row] = (int8_t)(n % 256 - 128);
        break;
    case MR_SMALLINT:
        c->i16[row] = (int16_t)(n * 7 % 65536 - 32768);
        break;
    case MR_INT:
        c->i32[row] = (int32_t)(n * 1000003 % 4294967296LL - 2147483648LL);
        break;
    case MR_BIGINT:
        c->i64[row] = n;
        break;
    case MR_FLOAT:
        c->f32[row] = (float)n / 4 - 10;
        break;
    case MR_DOUBLE:
        c->f64[row] = (double)n / 8 - 100;
        break;
    case MR_DECIMAL:
        mr_decimal_put(c, row,
                       c->type->precision > 18 ? (mr_i128)n * 100000000000000000LL - 5
                                               : n * 101 - (c->type->precision == 12 ? 0 : 5000));
        break;
    case MR_DATE:
        c->i32[row] = (int32_t)(n * 37 - 20000);
        break;
    case MR_TIMESTAMP:
    case MR_TIMESTAMP_NTZ:
        c->i64[row] = n * 1000000000123LL - 500000000000000LL;
        break;
    case MR_BINARY:
        MR_TRY(mr_column_set_bytes(c, row, (const char *)&n, (size_t)(n % 8), &error));
        break;
    default:
        MR_TRY(mr_column_set_bytes(c, row, texts[n % 6], strlen(texts[n % 6]), &error));
        break;
    }
    c->length++;
    return MR_OK;
}

static int make_batch(struct mr_batch *batch, const struct mr_type *schema, int64_t first, int64_t rows)
{
    MR_TRY(mr_batch_init(batch, schema, rows + 1, &error));
    for (int64_t n = first; n < first + rows; n++)
        for (int i = 0; i < schema->field_count; i++)
            MR_TRY(put(batch->columns[i], schema->fields[i].name, n));
    batch->length = rows;
    return MR_OK;
}

static int run_sink(struct mr_sink *sink, int64_t first, int64_t rows, int64_t batches)
{
    struct mr_register at = {0};
    MR_TRY(sink->type->enrol(sink, &at, &error));
    for (int64_t i = 0; i < batches; i++) {
        struct mr_batch batch = {0};
        struct mr_text manifest;
        uint64_t decision = mr_env()->random() >> 1;
        int64_t number = at.batch + 1;
        mr_text_init(&manifest);
        MR_TRY(sink->type->begin(sink, number, &error));
        MR_TRY(make_batch(&batch, sink->schema, first + i * rows, rows));
        MR_TRY(sink->type->write(sink, 0, &batch, &error));
        MR_TRY(sink->type->prepare(sink, number, decision, &at, &manifest, &error));
        MR_TRY(sink->type->publish(sink, mr_text_str(&manifest), &error));
        at = (struct mr_register){true, number, decision};
        mr_batch_release(&batch);
        mr_text_release(&manifest);
    }
    return MR_OK;
}

static int write_table(int argc, char **argv)
{
    struct mr_arena arena;
    struct mr_query_id id = {0};
    struct mr_option options[16] = {{"path", argv[2]}};
    const char *schema_name = "types";
    struct mr_sink sink = {.type = &mr_delta_sink_type, .name = "out", .options = options, .option_count = 1};
    mr_arena_init(&arena);
    snprintf(id.text, sizeof(id.text), "%s", argv[3]);
    sink.query_id = &id;
    sink.attempt = mr_env()->random();
    sink.workers = 2;
    for (int i = 7; i < argc && i < 20; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            continue;
        *equals = '\0';
        if (strcmp(argv[i], "schema") == 0)
            schema_name = equals + 1;
        else if (strcmp(argv[i], "mode") == 0)
            sink.mode = strcmp(equals + 1, "complete") == 0 ? MR_MODE_COMPLETE : MR_MODE_APPEND;
        else
            options[sink.option_count++] = (struct mr_option){argv[i], equals + 1};
    }
    int status = mr_schema_parse(&arena, mr_str_of(schema_of(schema_name)), &sink.schema, &error);
    if (status == MR_OK)
        status = sink.type->open(&sink, &error);
    if (status == MR_OK)
        status = run_sink(&sink, atoll(argv[4]), atoll(argv[5]), atoll(argv[6]));
    if (sink.ctx)
        sink.type->close(&sink);
    mr_arena_release(&arena);
    return status < 0 ? fail() : 0;
}

static void print_batch(const struct mr_batch *batch)
{
    struct mr_text text;
    mr_text_init(&text);
    for (int64_t row = 0; row < batch->length; row++) {
        struct mr_json_writer w = {.out = &text};
        mr_text_clear(&text);
        mr_json_begin_object(&w);
        for (int i = 0; i < batch->schema->field_count; i++) {
            struct mr_text value;
            mr_text_init(&value);
            const struct mr_column *c = batch->columns[i];
            bool time = (c->type->id == MR_TIMESTAMP || c->type->id == MR_TIMESTAMP_NTZ) &&
                        !mr_column_is_null(c, row);
            mr_json_key(&w, batch->schema->fields[i].name);
            if (time) { /* JSON would cut it to milliseconds */
                mr_value_text(&value, c, row, mr_zone_utc());
                mr_json_str(&w, mr_text_str(&value));
            } else {
                mr_value_json(&value, c, row, mr_zone_utc(), false);
                mr_json_raw(&w, mr_text_str(&value));
            }
            mr_text_release(&value);
        }
        mr_json_end_object(&w);
        puts(text.data);
    }
    mr_text_release(&text);
}

static int print_files(struct mr_delta_table *table, const struct mr_delta_scan *scan)
{
    size_t at = 0;
    const struct mr_delta_entry *entry = mr_delta_set_next(&table->snapshot.files, &at);
    for (; entry; entry = mr_delta_set_next(&table->snapshot.files, &at)) {
        struct mr_delta_reader *reader = NULL;
        struct mr_batch batch = {0};
        MR_TRY(mr_delta_reader_open(&reader, table, scan, &entry->file, 0, -1, &error));
        int status = mr_delta_reader_next(reader, &batch, &error);
        for (; status == MR_OK; status = mr_delta_reader_next(reader, &batch, &error)) {
            print_batch(&batch);
            mr_batch_release(&batch);
        }
        mr_delta_reader_close(reader);
        if (status < 0)
            return status;
    }
    return MR_OK;
}

static int print_rows(const char *path, int64_t version)
{
    struct mr_delta_table table;
    struct mr_delta_scan *scan = NULL;
    int status = mr_delta_open(&table, path, MR_DELTA_KEEP_FILES, &error);
    if (status == MR_OK)
        status = mr_delta_load(&table, version, &error);
    if (status == MR_END)
        status = mr_error_set(&error, MR_E_USAGE, "DELTA_PATH_DOES_NOT_EXIST", "%s is no Delta table.", path);
    if (status == MR_OK)
        status = mr_delta_check_readable(path, &table.snapshot.protocol, &error);
    if (status == MR_OK)
        status = mr_delta_scan_new(&scan, table.snapshot.schema, &table.snapshot.metadata,
                                   table.snapshot.schema, NULL, NULL, &error);
    if (status == MR_OK)
        status = print_files(&table, scan);
    mr_delta_scan_free(scan);
    mr_delta_close(&table);
    return status < 0 ? fail() : 0;
}

static int stream_all(struct mr_source *source)
{
    struct mr_text from, to;
    struct mr_arena arena;
    mr_text_init(&from);
    mr_text_init(&to);
    mr_arena_init(&arena);
    MR_TRY(source->type->restore(source, mr_text_str(&from), &error));
    for (;;) {
        struct mr_split_list splits = {.arena = &arena};
        mr_text_clear(&to);
        MR_TRY(source->type->latest(source, mr_text_str(&from), &to, &error));
        if (mr_str_equal(mr_text_str(&from), mr_text_str(&to)))
            break;
        MR_TRY(source->type->split(source, mr_text_str(&from), mr_text_str(&to), &splits, &error));
        for (size_t i = 0; i < splits.count; i++) {
            struct mr_reader reader = {0};
            struct mr_batch batch = {0};
            MR_TRY(source->type->reader_open(source, &splits.splits[i], &reader, &error));
            int status = source->type->read(source, &reader, &batch, &error);
            for (; status == MR_OK; status = source->type->read(source, &reader, &batch, &error)) {
                print_batch(&batch);
                mr_batch_release(&batch);
            }
            source->type->reader_close(source, &reader);
            MR_TRY(status);
        }
        mr_text_clear(&from);
        mr_text_append(&from, to.data, to.size);
        mr_arena_clear(&arena);
    }
    mr_text_release(&from);
    mr_text_release(&to);
    mr_arena_release(&arena);
    return MR_OK;
}

static int stream_table(int argc, char **argv)
{
    struct mr_option options[16] = {{"path", argv[2]}};
    struct mr_source source = {.name = "in", .options = options, .option_count = 1, .available_now = true};
    source.type = &mr_delta_source_type;
    source.checkpoint =
        (struct mr_checkpoint *)&source; /* there is one, so this is a stream; never looked into */
    mr_arena_init(&source.arena);
    for (int i = 3; i < argc && i < 18; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            continue;
        *equals = '\0';
        options[source.option_count++] = (struct mr_option){argv[i], equals + 1};
    }
    int status = source.type->open(&source, &error);
    if (status == MR_OK)
        status = stream_all(&source);
    if (source.ctx)
        source.type->close(&source);
    mr_arena_release(&source.arena);
    return status < 0 ? fail() : 0;
}

static int print_info(const char *path)
{
    struct mr_delta_table table;
    int status = mr_delta_open(&table, path, MR_DELTA_KEEP_FILES, &error);
    if (status == MR_OK)
        status = mr_delta_load(&table, -1, &error);
    if (status == MR_OK)
        printf("{\"version\":%lld,\"files\":%zu,\"checkpoint\":%lld,\"txns\":%zu}\n",
               (long long)table.snapshot.version, table.snapshot.files.count,
               (long long)table.snapshot.checkpoint_version, table.snapshot.txns.count);
    mr_delta_close(&table);
    return status < 0 ? fail() : 0;
}

static int write_checkpoint(const char *path)
{
    struct mr_delta_table table;
    int64_t actions = 0;
    int status = mr_delta_open(&table, path, 0, &error);
    if (status == MR_OK)
        status = mr_delta_load(&table, -1, &error);
    if (status == MR_OK)
        status = mr_delta_checkpoint_write(path, table.snapshot.version, &actions, &error);
    mr_delta_close(&table);
    return status < 0 ? fail() : 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[1] : "";
    mr_log_level_set(MR_LOG_ERROR);
    if (strcmp(command, "write") == 0 && argc >= 7)
        return write_table(argc, argv);
    if (strcmp(command, "rows") == 0)
        return print_rows(argv[2], argc > 3 ? atoll(argv[3]) : -1);
    if (strcmp(command, "stream") == 0)
        return stream_table(argc, argv);
    if (strcmp(command, "info") == 0)
        return print_info(argv[2]);
    if (strcmp(command, "checkpoint") == 0)
        return write_checkpoint(argv[2]);
    fprintf(stderr, "usage: delta_tool write|rows|stream|info|checkpoint DIRECTORY …\n");
    return 2;
}
