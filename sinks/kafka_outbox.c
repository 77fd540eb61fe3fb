/* sinks/kafka_outbox.c: rows to records, and what a decision keeps of them; the format is in kafka.h. */
#include <errno.h>
#include <stdio.h>

#include "sinks/kafka.h"

#define MAGIC "MRK1"
#define NONE UINT32_MAX
#define SPILL_BYTES                                                                                          \
    (1 << 20) /* a larger outbox goes into a file: RocksDB keeps what is decided in memory                   \
               */

/* ---- small numbers ---- */

static void put(struct mr_text *out, uint64_t value, int bytes)
{
    char raw[8];
    for (int i = 0; i < bytes; i++)
        raw[i] = (char)(value >> (8 * i));
    mr_text_append(out, raw, (size_t)bytes);
}

static bool take(struct mr_str *rest, int bytes, uint64_t *out)
{
    *out = 0;
    if (rest->size < (size_t)bytes)
        return false;
    for (int i = 0; i < bytes; i++)
        *out |= (uint64_t)(unsigned char)rest->data[i] << (8 * i);
    rest->data += bytes;
    rest->size -= (size_t)bytes;
    return true;
}

static bool take_bytes(struct mr_str *rest, uint64_t size, struct mr_str *out)
{
    if (rest->size < size)
        return false;
    *out = (struct mr_str){rest->data, (size_t)size};
    rest->data += size;
    rest->size -= (size_t)size;
    return true;
}

/* ---- rows ---- */

static const struct mr_column *column(const struct mr_batch *batch, int at)
{
    return at < 0 ? NULL : batch->columns[at];
}

static struct mr_str bytes_at(const struct mr_column *column, int64_t row)
{
    if (!column || mr_column_is_null(column, row))
        return (struct mr_str){NULL, 0};
    struct mr_str bytes = mr_view_str(&column->views[row]);
    return bytes.data ? bytes : MR_STR("");
}

static void put_headers(struct mr_text *out, const struct mr_column *headers, int64_t row)
{
    const struct mr_column *entry = headers->children[0];
    for (int64_t i = headers->offsets[row]; i < headers->offsets[row + 1]; i++) {
        struct mr_str name = bytes_at(entry->children[0], i), value = bytes_at(entry->children[1], i);
        put(out, name.size, 2);
        put(out, value.data ? value.size : NONE, 4);
        mr_text_append(out, name.size ? name.data : "", name.size);
        mr_text_append(out, value.size ? value.data : "", value.size);
    }
}

#define RECORD_OVERHEAD 64 /* of a record on the wire, beside what is in it; librdkafka reckons with 36 */
#define HEADER_OVERHEAD 10 /* of a header: two sizes */

static size_t size_of_headers(const struct mr_column *headers, int64_t row)
{
    const struct mr_column *entry = headers->children[0];
    size_t total = 0;
    for (int64_t i = headers->offsets[row]; i < headers->offsets[row + 1]; i++)
        total +=
            bytes_at(entry->children[0], i).size + bytes_at(entry->children[1], i).size + HEADER_OVERHEAD;
    return total;
}

/* As the outbox writes them: numbers of two bytes. */
static bool headers_fit(const struct mr_column *headers, int64_t row)
{
    int64_t first = headers->offsets[row], end = headers->offsets[row + 1];
    bool fit = end - first <= UINT16_MAX;
    for (int64_t i = first; fit && i < end; i++)
        fit = bytes_at(headers->children[0]->children[0], i).size <= UINT16_MAX;
    return fit;
}

static int refuse_row(struct mr_error *error, const char *message)
{
    return mr_error_set(error, MR_E_DATA, "KAFKA_RECORD_REFUSED", "%s", message);
}

static int put_row(struct mr_kafka_sink *self, const struct mr_batch *batch, int64_t row, struct mr_text *out,
                   struct mr_error *error)
{
    const struct mr_kafka_columns *c = &self->columns;
    struct mr_str key = bytes_at(column(batch, c->key), row), value = bytes_at(column(batch, c->value), row);
    struct mr_str topic = self->topic ? MR_STR("") : bytes_at(column(batch, c->topic), row);
    const struct mr_column *headers = column(batch, c->headers), *ids = column(batch, c->partition);
    bool some = headers && !mr_column_is_null(headers, row);
    int64_t count = some ? headers->offsets[row + 1] - headers->offsets[row] : 0;
    int32_t partition = ids && !mr_column_is_null(ids, row) ? ids->i32[row] : -1;
    if (!self->topic && topic.size == 0)
        return refuse_row(error,
                          "A row has no topic: the column topic is NULL, and there is no option topic.");
    if (topic.size > 249 || partition < -1 || (some && !headers_fit(headers, row)))
        return refuse_row(error, "A row names a topic or partition that cannot be, or has too many headers, "
                                 "or one with too long a name (65,535).");
    size_t wire = key.size + value.size + (some ? size_of_headers(headers, row) : 0) + RECORD_OVERHEAD;
    if ((int64_t)wire > self->largest_bytes) {
        char message[160];
        snprintf(message, sizeof message,
                 "A row of %zu bytes, as it is sent, is larger than kafka.message.max.bytes, %lld. Set it to "
                 "what the topic takes.",
                 wire, (long long)self->largest_bytes);
        return refuse_row(error, message);
    }
    put(out, key.data ? key.size : NONE, 4);
    put(out, value.data ? value.size : NONE, 4);
    put(out, (uint32_t)partition, 4);
    put(out, topic.size, 2);
    put(out, (uint64_t)count, 2);
    mr_text_append(out, topic.size ? topic.data : "", topic.size);
    mr_text_append(out, key.size ? key.data : "", key.size);
    mr_text_append(out, value.size ? value.data : "", value.size);
    if (some)
        put_headers(out, headers, row);
    return MR_OK;
}

/* The file of a large outbox; named by nobody until the decision, so its name is this attempt's alone. */
static int open_file(struct mr_kafka_sink *self, struct mr_error *error)
{
    struct mr_text path;
    char name[96];
    snprintf(name, sizeof name, "%016llx-%llu", (unsigned long long)self->sink->attempt,
             (unsigned long long)self->file_number++);
    mr_text_init(&path);
    mr_kafka_outbox_path(self, MR_STR(""), &path);
    int status = path.failed ? mr_error_memory(error, 64) : mr_directory_create(path.data, error);
    mr_text_clear(&path);
    mr_kafka_outbox_path(self, mr_str_of(name), &path);
    if (status >= 0)
        self->file = mr_env()->open(path.data, MR_OPEN_WRITE | MR_OPEN_CREATE | MR_OPEN_TRUNCATE);
    if (status >= 0 && self->file < 0)
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot write %s", path.data);
    if (status >= 0) {
        self->file_path = path.data;
        path.data = NULL;
    }
    mr_text_release(&path);
    return status;
}

static int spill(struct mr_kafka_sink *self, struct mr_error *error)
{
    if (self->file < 0)
        MR_TRY(open_file(self, error));
    MR_TRY(mr_file_write_all(self->file, self->file_path, self->outbox.data, self->outbox.size, error));
    self->file_bytes += (int64_t)self->outbox.size;
    mr_text_clear(&self->outbox);
    return MR_OK;
}

/* Topics and partitions that rows name; whether these are there is asked before the decision. */
static int note_topics(struct mr_kafka_sink *self, const struct mr_batch *batch, struct mr_error *error)
{
    const struct mr_column *names = column(batch, self->columns.topic),
                           *ids = column(batch, self->columns.partition);
    struct mr_str last = {NULL, 0};
    int32_t largest = -1; /* that the topic `last` was noted with */
    for (int64_t row = 0; (!self->topic || ids) && row < batch->length; row++) {
        struct mr_str name = self->topic ? mr_str_of(self->topic) : bytes_at(names, row);
        int32_t id = ids && !mr_column_is_null(ids, row) ? ids->i32[row] : -1;
        bool same = last.data && mr_str_equal(name, last);
        if (name.size == 0 || (same && id <= largest))
            continue;
        struct mr_map_entry *asked = mr_map_put(&self->asked, name, NULL);
        if (!asked || !mr_map_put(&self->topics, name, NULL))
            return mr_error_memory(error, name.size);
        largest = same && largest > id ? largest : id;
        asked->number = asked->number > largest ? asked->number : largest + 1;
        last = name;
    }
    return MR_OK;
}

/* Batches are appended whole, in the order of their coming: the rows of one partition stay in order. */
int mr_kafka_outbox_add(struct mr_kafka_sink *self, int worker, const struct mr_batch *batch,
                        struct mr_error *error)
{
    struct mr_text *mine = &self->scratch[worker];
    mr_text_clear(mine);
    for (int64_t row = 0; row < batch->length; row++)
        MR_TRY(put_row(self, batch, row, mine, error));
    if (mine->failed)
        return mr_error_memory(error, mine->size);
    pthread_mutex_lock(&self->lock);
    int status = note_topics(self, batch, error);
    mr_text_append(&self->outbox, mine->data ? mine->data : "", mine->size);
    self->rows += batch->length;
    if (self->outbox.failed)
        status = mr_error_memory(error, self->outbox.size);
    if (status >= 0 && self->outbox.size >= SPILL_BYTES && self->sink->checkpoint)
        status = spill(self, error);
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* ---- manifests ---- */

static int close_file(struct mr_kafka_sink *self, struct mr_error *error)
{
    if (self->file < 0)
        return MR_OK;
    int status = self->outbox.size > 0 ? spill(self, error) : MR_OK;
    if (status >= 0 && mr_env()->fsync(self->file) < 0) {
        status = mr_error_system(error, errno, "TASK_WRITE_FAILED", "Cannot fsync %s", self->file_path);
        error->flags |= MR_FATAL;
    }
    mr_env()->close(self->file);
    self->file = -1;
    struct mr_text directory;
    mr_text_init(&directory);
    mr_kafka_outbox_path(self, MR_STR(""), &directory);
    if (status >= 0)
        status = mr_directory_fsync(directory.data, error);
    mr_text_release(&directory);
    return status;
}

int mr_kafka_outbox_manifest(struct mr_kafka_sink *self, int64_t batch, uint64_t decision_id,
                             const struct mr_register *predecessor, struct mr_text *manifest,
                             struct mr_error *error)
{
    MR_TRY(close_file(self, error));
    const char *name = self->file_path ? mr_path_name(self->file_path) : "";
    mr_text_append(manifest, MAGIC, sizeof MAGIC - 1);
    put(manifest, (uint64_t)batch, 8);
    put(manifest, decision_id, 8);
    put(manifest, (uint64_t)predecessor->batch, 8);
    put(manifest, predecessor->decision_id, 8);
    put(manifest, strlen(name), 2);
    mr_text_append_str(manifest, name);
    put(manifest, (uint64_t)self->file_bytes, 8);
    if (self->outbox.size > 0)
        mr_text_append(manifest, self->outbox.data, self->outbox.size);
    mr_free(self->file_path);
    self->file_path = NULL;
    self->sink->metrics = (struct mr_sink_metrics){.rows = self->rows,
                                                   .bytes = self->file_bytes + (int64_t)self->outbox.size,
                                                   .files = 0};
    self->rows = self->file_bytes = 0;
    mr_text_clear(&self->outbox);
    return manifest->failed ? mr_error_memory(error, manifest->size) : MR_OK;
}

void mr_kafka_outbox_drop(struct mr_kafka_sink *self)
{
    if (self->file >= 0)
        mr_env()->close(self->file);
    self->file = -1;
    mr_free(self->file_path);
    self->file_path = NULL;
    self->rows = self->file_bytes = 0;
    mr_text_clear(&self->outbox);
}

int mr_kafka_manifest_read(struct mr_str manifest, struct mr_kafka_manifest *out, struct mr_error *error)
{
    uint64_t batch, before, name, bytes;
    struct mr_str rest = manifest, magic;
    bool fine = take_bytes(&rest, sizeof MAGIC - 1, &magic) && mr_str_equal(magic, MR_STR(MAGIC)) &&
                take(&rest, 8, &batch) && take(&rest, 8, &out->decision_id) && take(&rest, 8, &before) &&
                take(&rest, 8, &out->predecessor.decision_id) && take(&rest, 2, &name) &&
                take_bytes(&rest, name, &out->file) && take(&rest, 8, &bytes);
    if (!fine)
        return mr_error_set(error, MR_E_CORRUPT,
                            "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                            "A manifest of a Kafka sink is damaged, or of a newer version.");
    out->batch = (int64_t)batch;
    out->predecessor.batch = (int64_t)before;
    out->predecessor.present = true;
    out->file_bytes = (int64_t)bytes;
    out->records = rest;
    return MR_OK;
}

bool mr_kafka_record_next(struct mr_str *rest, struct mr_kafka_record *out)
{
    uint64_t key, value, partition, topic, headers;
    if (!take(rest, 4, &key) || !take(rest, 4, &value) || !take(rest, 4, &partition) ||
        !take(rest, 2, &topic) || !take(rest, 2, &headers) || !take_bytes(rest, topic, &out->topic) ||
        !take_bytes(rest, key == NONE ? 0 : key, &out->key) ||
        !take_bytes(rest, value == NONE ? 0 : value, &out->value))
        return false;
    if (key == NONE)
        out->key.data = NULL;
    if (value == NONE)
        out->value.data = NULL;
    out->partition = (int32_t)partition;
    out->header_count = (int)headers;
    out->headers = rest->data;
    for (uint64_t i = 0; i < headers; i++) {
        uint64_t name, size;
        struct mr_str skipped;
        if (!take(rest, 2, &name) || !take(rest, 4, &size) ||
            !take_bytes(rest, name + (size == NONE ? 0 : size), &skipped))
            return false;
    }
    return true;
}

bool mr_kafka_header_next(const char **at, struct mr_str *name, struct mr_str *value)
{
    struct mr_str rest = {*at, SIZE_MAX}; /* checked when the record was taken */
    uint64_t name_size, size;
    take(&rest, 2, &name_size);
    take(&rest, 4, &size);
    take_bytes(&rest, name_size, name);
    take_bytes(&rest, size == NONE ? 0 : size, value);
    if (size == NONE)
        value->data = NULL;
    *at = rest.data;
    return value->data != NULL;
}

/* ---- files ---- */

void mr_kafka_outbox_path(const struct mr_kafka_sink *self, struct mr_str name, struct mr_text *out)
{
    mr_text_format(out, "%s/outbox/%s/%.*s", mr_checkpoint_path(self->sink->checkpoint), self->sink->name,
                   (int)name.size, name.size ? name.data : "");
}

struct cleaning {
    struct mr_kafka_sink *self;
    struct mr_map kept; /* names that manifests hold */
    char mine[24];
};

static void keep(struct cleaning *cleaning, const struct mr_pending *items, size_t count)
{
    struct mr_kafka_manifest manifest;
    struct mr_error ignored;
    for (size_t i = 0; i < count; i++) {
        if (mr_str_equal(items[i].sink, mr_str_of(cleaning->self->sink->name)) &&
            mr_kafka_manifest_read(items[i].manifest, &manifest, &ignored) >= 0 && manifest.file.size > 0)
            mr_map_put(&cleaning->kept, manifest.file, NULL);
    }
}

static int remove_orphan(void *ctx, const char *name, bool is_directory)
{
    struct cleaning *cleaning = ctx;
    struct mr_text path;
    if (is_directory || mr_str_starts_with(mr_str_of(name), mr_str_of(cleaning->mine)) ||
        mr_map_get(&cleaning->kept, mr_str_of(name)))
        return 0;
    mr_text_init(&path);
    mr_kafka_outbox_path(cleaning->self, mr_str_of(name), &path);
    if (!path.failed)
        mr_env()->unlink(path.data);
    mr_text_release(&path);
    return 0;
}

int mr_kafka_outbox_clean(struct mr_kafka_sink *self, struct mr_error *error)
{
    struct cleaning cleaning = {.self = self};
    struct mr_arena arena;
    struct mr_pending *items;
    size_t count;
    struct mr_text path;
    snprintf(cleaning.mine, sizeof cleaning.mine, "%016llx-", (unsigned long long)self->sink->attempt);
    mr_map_init(&cleaning.kept);
    mr_arena_init(&arena);
    mr_text_init(&path);
    int status = mr_checkpoint_pending(self->sink->checkpoint, &arena, &items, &count, error);
    if (status >= 0)
        keep(&cleaning, items, count);
    if (status >= 0)
        status = mr_checkpoint_aside(self->sink->checkpoint, &arena, &items, &count, error);
    if (status >= 0) {
        keep(&cleaning, items, count);
        mr_kafka_outbox_path(self, MR_STR(""), &path);
        if (!path.failed && mr_file_exists(path.data))
            mr_env()->list(path.data, remove_orphan, &cleaning);
    }
    mr_text_release(&path);
    mr_arena_release(&arena);
    mr_map_release(&cleaning.kept);
    return status;
}
