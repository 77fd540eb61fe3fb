/* delta/commit.c: compare-and-swap on the log.
 *
 * An attempt at version v+1 rests on the snapshot at v: build looks at it and writes the actions,
 * put_if_absent decides. Whoever comes second reads the winner's commit into the snapshot and asks build
 * again, so every check is a check of state, not of action against action: what build accepted at v is what
 * the commit follows. */
#include "delta/log.h"

#include <stdio.h>

#define ATTEMPTS_MAX 1000
#define ATTEMPTS_AT_ONCE                                                                                     \
    5 /* then it waits a random while, longer each time, so that many writers do not march in step */

void mr_delta_uuid(char out[37])
{
    uint64_t high = mr_env()->random(), low = mr_env()->random();
    high = (high & ~0xf000ULL) | 0x4000ULL;
    low = (low & ~(3ULL << 62)) | (2ULL << 62);
    snprintf(out, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16) & 0xffff,
             (unsigned)high & 0xffff, (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffffULL));
}

/* The first line, members in Spark's order. */
static void print_info(struct mr_text *out, const struct mr_delta_commit_info *info, int64_t read_version)
{
    char id[37];
    struct mr_json_writer w = {.out = out};
    mr_delta_uuid(id);
    mr_json_begin_object(&w);
    mr_json_key(&w, "commitInfo");
    mr_json_begin_object(&w);
    mr_json_key(&w, "timestamp");
    mr_json_i64(&w, mr_env()->now_us() / 1000);
    mr_json_key(&w, "operation");
    mr_json_cstr(&w, info->operation);
    mr_json_key(&w, "operationParameters");
    mr_json_raw(&w, info->parameters.size > 0 ? info->parameters : MR_STR("{}"));
    if (read_version >= 0) {
        mr_json_key(&w, "readVersion");
        mr_json_i64(&w, read_version);
    }
    mr_json_key(&w, "isolationLevel");
    mr_json_cstr(&w, "Serializable");
    mr_json_key(&w, "isBlindAppend");
    mr_json_bool(&w, info->blind_append);
    mr_json_key(&w, "operationMetrics");
    mr_json_raw(&w, info->metrics.size > 0 ? info->metrics : MR_STR("{}"));
    if (info->user_metadata.size > 0) {
        mr_json_key(&w, "userMetadata");
        mr_json_str(&w, info->user_metadata);
    }
    mr_json_key(&w, "engineInfo");
    mr_json_cstr(&w, MR_DELTA_ENGINE);
    mr_json_key(&w, "txnId");
    mr_json_cstr(&w, id);
    mr_json_end_object(&w);
    mr_json_end_object(&w);
    mr_text_append_char(out, '\n');
}

/* Exponential to about 100 ms, with full jitter. */
static void back_off(int attempt)
{
    if (attempt < ATTEMPTS_AT_ONCE)
        return;
    int shift = attempt - ATTEMPTS_AT_ONCE < 6 ? attempt - ATTEMPTS_AT_ONCE : 6;
    int64_t limit_us = INT64_C(1500) << shift;
    mr_env()->sleep_us((int64_t)(mr_env()->random() % (uint64_t)limit_us));
}

static int try_once(struct mr_delta_table *table, const struct mr_delta_commit_info *asked,
                    mr_delta_build build, void *ctx, struct mr_text *actions, struct mr_text *text,
                    struct mr_error *error)
{
    struct mr_delta_snapshot *snapshot = &table->snapshot;
    struct mr_delta_commit_info info = *asked;
    char name[64];
    mr_text_clear(actions);
    mr_text_clear(text);
    if (snapshot->version >= 0)
        MR_TRY(mr_delta_check_writable(table->storage.root, &snapshot->protocol, &snapshot->metadata, error));
    int status = build(ctx, snapshot, &info, actions, error);
    if (status != MR_OK)
        return status;
    print_info(text, &info, snapshot->version);
    mr_text_append(text, actions->data, actions->size);
    if (text->failed || actions->failed)
        return mr_error_memory(error, actions->size);
    mr_delta_commit_name(snapshot->version + 1, name);
    mr_killpoint("delta.before_commit");
    status = table->storage.type->put_if_absent(&table->storage, name, text->data, text->size, error);
    if (status == MR_PUT_EXISTS)
        return MR_PUT_EXISTS;
    if (status < 0)
        return status;
    mr_killpoint("delta.after_commit");
    if (snapshot->version < 0)
        table->loaded = true;
    mr_delta_durable_add(table->storage.root, snapshot->version + 1);
    /* What was committed is committed: should our own copy fail to follow, it is read again before the next
     * use. */
    struct mr_error ignored;
    int64_t version = snapshot->version + 1;
    if (mr_delta_replay_text(snapshot, name, mr_text_str(text), &ignored) < 0) {
        table->loaded = false;
        snapshot->version = version;
    }
    return MR_OK;
}

int mr_delta_commit(struct mr_delta_table *table, const struct mr_delta_commit_info *info,
                    mr_delta_build build, void *ctx, int64_t *version, struct mr_error *error)
{
    struct mr_text actions, text;
    mr_text_init(&actions);
    mr_text_init(&text);
    int status = MR_OK;
    if (!table->loaded)
        MR_ERR(mr_delta_load(table, -1, error));
    for (int attempt = 0;; attempt++) {
        status = try_once(table, info, build, ctx, &actions, &text, error);
        if (status != MR_PUT_EXISTS)
            break;
        if (attempt >= ATTEMPTS_MAX) {
            status = mr_error_set(
                error, MR_E_CONFLICT, "DELTA_CONCURRENT_WRITE",
                "%s: other writers were faster %d times in a row; nothing was committed. Have fewer of them "
                "write at once, or try again.",
                table->storage.root, attempt + 1);
            error->flags |= MR_RETRIABLE;
            break;
        }
        back_off(attempt);
        int64_t before = table->snapshot.version;
        MR_ERR(mr_delta_refresh(table, error));
        if (table->snapshot.version == before) /* exists and is not there: a storage that lies */
            back_off(ATTEMPTS_AT_ONCE + 6);
    }
    *version = table->snapshot.version;
    if (status < 0 && (error->flags & MR_AMBIGUOUS))
        table->loaded = false; /* whoever asks again must look first */
err:
    mr_text_release(&actions);
    mr_text_release(&text);
    return status;
}

/* ---- when to write a log checkpoint ---- */
#define CHECKPOINT_COMMITS 10

bool mr_delta_checkpoint_due(const struct mr_delta_snapshot *snapshot)
{
    int64_t interval = CHECKPOINT_COMMITS, asked = 0;
    struct mr_str property = mr_delta_property(&snapshot->metadata, "delta.checkpointInterval");
    struct mr_json number = {.type = MR_JSON_NUMBER, .text = property, .raw = property};
    if (property.size > 0 && mr_json_to_i64(&number, &asked) && asked > 0)
        interval = asked;
    int64_t covered = snapshot->checkpoint_version > 0 ? snapshot->checkpoint_version : 0;
    return snapshot->version - covered >= interval &&
           snapshot->tail_actions * 10 >= snapshot->checkpoint_actions;
}
