/* tests/delta/sink_test_util.h: a Delta sink driven by hand, as the runtime drives it; and reading a table
 * back. */
#ifndef MR_TESTS_DELTA_SINK_TEST_UTIL_H
#define MR_TESTS_DELTA_SINK_TEST_UTIL_H

#include "sinks/delta.h"
#include "tests/delta/delta_test_util.h"

static struct mr_error error;

struct rig { /* one query with one sink */
    struct mr_sink sink;
    struct mr_query_id id;
    struct mr_option options[8];
    struct mr_arena arena;
    struct mr_register at; /* predecessor of the next manifest */
    int64_t batch;
};

static inline void rig_init(struct rig *rig, const char *path, const char *ddl, const char *query_id,
                            uint64_t attempt)
{
    memset(rig, 0, sizeof(*rig));
    mr_arena_init(&rig->arena);
    snprintf(rig->id.text, sizeof(rig->id.text), "%s", query_id);
    const struct mr_type *schema = NULL;
    OK(mr_schema_parse(&rig->arena, mr_str_of(ddl), &schema, &error));
    rig->options[0] = (struct mr_option){"path", path};
    rig->sink = (struct mr_sink){
        .type = &mr_delta_sink_type,
        .name = "out",
        .schema = schema,
        .options = rig->options,
        .option_count = 1,
        .query_id = &rig->id,
        .attempt = attempt,
        .workers = 2,
    };
    rig->at = (struct mr_register){.batch = -1};
}

static inline void rig_option(struct rig *rig, const char *name, const char *value)
{
    rig->options[rig->sink.option_count++] = (struct mr_option){name, value};
}

static inline void rig_start(struct rig *rig)
{
    OK(rig->sink.type->open(&rig->sink, &error));
    OK(rig->sink.type->enrol(&rig->sink, &rig->at, &error));
    assert_true(rig->at.present);
    if (rig->at.batch >= 0)
        rig->batch = rig->at.batch + 1;
}

static inline void rig_stop(struct rig *rig)
{
    if (rig->sink.ctx)
        rig->sink.type->close(&rig->sink);
    mr_arena_release(&rig->arena);
}

/* Rows from first on: BIGINT columns get the number, STRING columns "s<number % 3>" (NULL when % 7 == 6),
 * DOUBLE number / 2. */
static inline void fill(struct mr_batch *batch, const struct mr_type *schema, int64_t first, int64_t rows)
{
    OK(mr_batch_init(batch, schema, rows + 1, &error));
    batch->length = rows;
    for (int i = 0; i < schema->field_count; i++) {
        struct mr_column *c = batch->columns[i];
        c->length = rows;
        for (int64_t row = 0; row < rows; row++) {
            int64_t number = first + row;
            char text[32];
            if (c->type->id == MR_BIGINT) {
                c->i64[row] = number;
            } else if (c->type->id == MR_DOUBLE) {
                c->f64[row] = (double)number / 2;
            } else if (c->type->id == MR_INT) {
                c->i32[row] = (int32_t)number;
            } else if (number % 7 == 6) {
                OK(mr_column_set_null(c, row, &error));
            } else {
                int size = snprintf(text, sizeof(text), "s%lld", (long long)(number % 3));
                OK(mr_column_set_bytes(c, row, text, (size_t)size, &error));
            }
        }
    }
}

static inline int rig_write(struct rig *rig, int64_t first, int64_t rows)
{
    struct mr_batch batch = {0};
    if (rig->sink.type->begin)
        OK(rig->sink.type->begin(&rig->sink, rig->batch, &error));
    fill(&batch, rig->sink.schema, first, rows);
    int status = rig->sink.type->write(&rig->sink, 0, &batch, &error);
    mr_batch_release(&batch);
    return status;
}

/* Writes rows and decides: the manifest is what a checkpoint would keep. decision ids are 1000 + batch. */
static inline void rig_decide(struct rig *rig, int64_t first, int64_t rows, struct mr_text *manifest)
{
    mr_text_init(manifest);
    OK(rig_write(rig, first, rows));
    OK(rig->sink.type->prepare(&rig->sink, rig->batch, 1000 + (uint64_t)rig->batch, &rig->at, manifest,
                               &error));
    if (manifest->size > 0)
        rig->at = (struct mr_register){true, rig->batch, 1000 + (uint64_t)rig->batch};
    rig->batch++;
}

static inline int rig_publish(struct rig *rig, struct mr_text *manifest)
{
    mr_error_clear(&error);
    int status = rig->sink.type->publish(&rig->sink, mr_text_str(manifest), &error);
    mr_text_release(manifest);
    return status;
}

static inline void rig_batch(struct rig *rig, int64_t first, int64_t rows)
{
    struct mr_text manifest;
    rig_decide(rig, first, rows, &manifest);
    OK(rig_publish(rig, &manifest));
}

struct contents {
    int64_t rows, sum; /* of the column id */
    int64_t version;
    size_t files;
    int columns;
};

static inline struct contents read_back(const char *path)
{
    struct mr_delta_table table;
    struct mr_delta_scan *scan = NULL;
    struct contents out = {0};
    OK(mr_delta_open(&table, path, MR_DELTA_KEEP_FILES, &error));
    assert_int_equal(mr_delta_load(&table, -1, &error), MR_OK);
    const struct mr_delta_snapshot *snapshot = &table.snapshot;
    out.version = snapshot->version;
    out.files = snapshot->files.count;
    out.columns = snapshot->schema->field_count;
    int id = mr_type_field(snapshot->schema, MR_STR("id"), false, NULL);
    OK(mr_delta_scan_new(&scan, snapshot->schema, &snapshot->metadata, snapshot->schema, NULL, NULL, &error));
    size_t at = 0;
    for (const struct mr_delta_entry *e = mr_delta_set_next(&snapshot->files, &at); e;
         e = mr_delta_set_next(&snapshot->files, &at)) {
        struct mr_delta_reader *reader = NULL;
        struct mr_batch batch = {0};
        OK(mr_delta_reader_open(&reader, &table, scan, &e->file, 0, -1, &error));
        while (OK(mr_delta_reader_next(reader, &batch, &error)) == MR_OK) {
            out.rows += batch.length;
            for (int64_t row = 0; id >= 0 && row < batch.length; row++)
                out.sum += batch.columns[id]->i64[row];
            mr_batch_release(&batch);
        }
        mr_delta_reader_close(reader);
    }
    mr_delta_scan_free(scan);
    mr_delta_close(&table);
    return out;
}

#define QUERY "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"

#endif
