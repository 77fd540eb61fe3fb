/* tests/fuzz/delta_fuzz.c: any bytes as a Delta commit, deletion vector, partition value, manifest, source
 * offset or path. What is understood must come back the same when it is printed and read again.
 *
 * By libFuzzer, or with replay.c a program that runs the files it is given. The first byte picks the parser.
 */
#include <stdio.h>
#include <stdlib.h>

#include "delta/log.h"
#include "sinks/delta.h"
#include "sources/delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mr_error error;

static void same(const struct mr_text *a, const struct mr_text *b)
{
    if (mr_str_equal(mr_text_str(a), mr_text_str(b)))
        return;
    fprintf(stderr, "%s\n%s\n", a->data ? a->data : "", b->data ? b->data : "");
    abort();
}

static void print(struct mr_text *out, const struct mr_delta_action *action)
{
    switch (action->kind) {
    case MR_DELTA_ADD:
        mr_delta_add_print(out, &action->file);
        break;
    case MR_DELTA_REMOVE:
        mr_delta_remove_print(out, &action->file, action->file.deleted_ms, action->file.data_change);
        break;
    case MR_DELTA_METADATA:
        mr_delta_metadata_print(out, &action->metadata);
        break;
    case MR_DELTA_PROTOCOL:
        mr_delta_protocol_print(out, &action->protocol);
        break;
    case MR_DELTA_TXN:
        mr_delta_txn_print(out, action->txn.app_id, action->txn.version, action->txn.updated_ms);
        break;
    case MR_DELTA_DOMAIN:
        mr_delta_domain_print(out, &action->domain);
        break;
    default:
        break;
    }
}

static int visit(void *ctx, const struct mr_delta_action *action, struct mr_error *failure)
{
    struct mr_text once, twice;
    struct mr_arena arena;
    struct mr_delta_action again;
    mr_text_init(&once);
    mr_text_init(&twice);
    mr_arena_init(&arena);
    print(&once, action);
    if (once.size > 0) {
        if (mr_delta_action_parse(&arena, mr_text_str(&once), &again, &error) < 0)
            abort();
        print(&twice, &again);
        same(&once, &twice);
    }
    mr_text_release(&once);
    mr_text_release(&twice);
    mr_arena_release(&arena);
    return mr_delta_snapshot_apply(ctx, action, failure);
}

static void fuzz_commit(struct mr_str text)
{
    struct mr_delta_snapshot snapshot;
    struct mr_arena arena;
    const struct mr_delta_entry **files = NULL;
    size_t count = 0;
    mr_arena_init(&arena);
    mr_delta_snapshot_init(&snapshot, MR_DELTA_KEEP_FILES | MR_DELTA_KEEP_STATS | MR_DELTA_KEEP_TOMBSTONES);
    if (mr_delta_commit_parse(&arena, "fuzz", text, true, visit, &snapshot, &error) == MR_OK &&
        snapshot.has_protocol) {
        mr_delta_check_readable("t", &snapshot.protocol, &error);
        mr_delta_check_writable("t", &snapshot.protocol, &snapshot.metadata, &error);
        mr_delta_checkpoint_due(&snapshot);
    }
    mr_arena_clear(&arena);
    if (mr_delta_set_sorted(&snapshot.files, &arena, &files, &count, &error) < 0 ||
        count != snapshot.files.count)
        abort();
    for (size_t i = 0; i < count; i++) {
        mr_delta_stats_rows(files[i]->file.stats);
        struct mr_delta_file file = files[i]->file;
        if (mr_delta_set_get(&snapshot.files, &file) != files[i])
            abort();
    }
    mr_delta_snapshot_release(&snapshot);
    mr_arena_release(&arena);
}

static void fuzz_vector(struct mr_str bytes)
{
    struct mr_delta_deleted deleted;
    uint64_t rows = 0, last = 0;
    if (mr_delta_deleted_parse((const uint8_t *)bytes.data, bytes.size, "fuzz", &deleted, &error) == MR_OK)
        for (size_t i = 0; i < deleted.count; i++) {
            if (deleted.starts[i] >= deleted.ends[i] || (i > 0 && deleted.starts[i] <= last))
                abort();
            rows += deleted.ends[i] - deleted.starts[i];
            last = deleted.ends[i];
        }
    mr_delta_deleted_release(&deleted);
    (void)rows;
}

static void fuzz_partition(struct mr_str text)
{
    static const enum mr_type_id types[] = {MR_BOOLEAN, MR_TINYINT,   MR_SMALLINT,     MR_INT,
                                            MR_BIGINT,  MR_FLOAT,     MR_DOUBLE,       MR_STRING,
                                            MR_DATE,    MR_TIMESTAMP, MR_TIMESTAMP_NTZ};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct mr_column *column = mr_column_new(mr_type_of(types[i]), 2);
        struct mr_delta_pair pair = {MR_STR("p"), text, false};
        struct mr_text once, twice;
        mr_text_init(&once);
        mr_text_init(&twice);
        column->length = 1;
        if (mr_delta_partition_parse(&pair, "p", mr_zone_utc(), column, 0, &error) == MR_OK &&
            mr_delta_partition_text(&once, column, 0)) {
            pair.value = mr_text_str(&once);
            column->length = 2;
            if (mr_delta_partition_parse(&pair, "p", mr_zone_utc(), column, 1, &error) < 0)
                abort();
            mr_delta_partition_text(&twice, column, 1);
            same(&once, &twice);
        }
        mr_text_release(&once);
        mr_text_release(&twice);
        mr_column_unref(column);
    }
}

static void fuzz_path(struct mr_str text)
{
    struct mr_text encoded, decoded;
    mr_text_init(&encoded);
    mr_text_init(&decoded);
    mr_delta_path_encode(&encoded, text);
    mr_delta_path_decode(&decoded, mr_text_str(&encoded));
    if (!mr_str_equal(mr_text_str(&decoded), text) && text.size > 0)
        abort();
    mr_text_clear(&decoded);
    mr_delta_path_decode(&decoded, text);
    mr_text_release(&encoded);
    mr_text_release(&decoded);
}

static void fuzz_offset(struct mr_str text)
{
    struct mr_delta_offset offset, again;
    struct mr_text printed;
    mr_text_init(&printed);
    if (mr_delta_offset_parse(text, (struct mr_str){0}, &offset, &error) == MR_OK && offset.present) {
        mr_delta_offset_print(&printed, MR_STR("id"), &offset);
        if (mr_delta_offset_parse(mr_text_str(&printed), MR_STR("id"), &again, &error) < 0 ||
            again.index != offset.index || again.version != offset.version ||
            again.starting != offset.starting)
            abort();
    }
    mr_text_release(&printed);
}

static void fuzz_manifest(struct mr_str text)
{
    struct mr_arena arena;
    struct mr_delta_manifest manifest;
    mr_arena_init(&arena);
    mr_delta_manifest_parse(&arena, text, &manifest, &error);
    mr_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct mr_str) = {fuzz_commit, fuzz_vector, fuzz_partition,
                                                     fuzz_path,   fuzz_offset, fuzz_manifest};
    if (size < 1)
        return 0;
    char *copy = malloc(size); /* exactly as large, so that the sanitizer sees reads beyond it */
    memcpy(copy, data + 1, size - 1);
    mr_error_clear(&error);
    parsers[data[0] % 6]((struct mr_str){copy, size - 1});
    free(copy);
    return 0;
}
