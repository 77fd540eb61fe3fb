/* sources/file_plan.c: finding files, and putting them together to micro-batches. */
#include <errno.h>

#include "base/json.h"
#include "sources/file_watch.h"

#define MARKS_PER_BATCH 10000
#define DOUBT_US 1000000 /* how soon a file in doubt is looked at again */
#define DOUBT_TRIES 30

/* ---- offsets ---- */

int mr_file_offset(struct mr_str text, int64_t *number, struct mr_error *error)
{
    struct mr_arena arena;
    struct mr_json *offset;
    *number = -1;
    if (text.size == 0)
        return MR_OK;
    mr_arena_init(&arena);
    int status = mr_json_parse(&arena, text, &offset, error);
    if (status >= 0 && !mr_json_get_i64(offset, "logOffset", number))
        status = mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                              "%.*s is no offset of a files source; the checkpoint is of another query.",
                              (int)text.size, text.data);
    mr_arena_release(&arena);
    return status;
}

void mr_file_offset_write(struct mr_text *out, int64_t number)
{
    if (number >= 0)
        mr_text_format(out, "{\"logOffset\":%lld}", (long long)number);
}

/* ---- plans ---- */

struct file_plan *mr_file_plan_find(struct file_source *s, int64_t number)
{
    for (size_t i = 0; i < s->plan_count; i++)
        if (s->plans[i].number == number)
            return &s->plans[i];
    return NULL;
}

void mr_file_plans_drop(struct file_source *s, int64_t upto)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->plan_count; i++) {
        if (s->plans[i].number > upto)
            s->plans[kept++] = s->plans[i];
        else
            mr_file_list_release(&s->plans[i].files);
    }
    s->plan_count = kept;
}

static int add_plan(struct file_source *s, int64_t number, struct file_plan **out, struct mr_error *error)
{
    if (s->plan_count == s->plan_capacity) {
        size_t capacity = s->plan_capacity ? s->plan_capacity * 2 : 8;
        struct file_plan *grown = mr_reallocate(s->plans, sizeof *grown * capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * capacity);
        s->plans = grown;
        s->plan_capacity = capacity;
    }
    *out = &s->plans[s->plan_count++];
    **out = (struct file_plan){.number = number, .cut_file = -1};
    return MR_OK;
}

/* ---- finding ---- */

static int found(void *ctx, const char *path, const struct mr_file_info *info, struct mr_error *error)
{
    struct file_source *s = ctx;
    MR_TRY(mr_file_seen_add(s, path, info->modified_us, error));
    if (!s->listed_once && s->marking && info->modified_us <= s->marking_us) {
        size_t size = strlen(path) + 1;
        struct file_item item = {mr_allocate(size), info->size_bytes, info->modified_us, 0, true};
        if (!item.path)
            return mr_error_memory(error, size);
        memcpy(item.path, path, size);
        return mr_file_list_add(&s->existing, &item, error);
    }
    return mr_file_pending_push(s, path, info, 0, false, error);
}

struct hearing {
    struct file_source *s;
    struct mr_error *error;
    int status;
};

/* A file in doubt that was closed now: no doubt any more. */
static bool settle_doubt(struct file_source *s, const char *path, int64_t size_bytes, int64_t modified_us)
{
    for (size_t i = 0; i < s->doubtful.count; i++) {
        struct file_item *item = &s->doubtful.items[i];
        if (strcmp(item->path, path) == 0) {
            item->whole = true;
            item->size_bytes = size_bytes;
            item->modified_us = modified_us;
            return true;
        }
    }
    return false;
}

static void hear(void *ctx, enum mr_notice_kind kind, const char *path)
{
    struct hearing *h = ctx;
    struct file_source *s = h->s;
    struct mr_file_info info;
    if (kind == MR_NOTICE_DIRECTORY || kind == MR_NOTICE_OVERFLOW)
        s->must_list = true;
    else if (h->status >= 0 && mr_file_matches(s, path) && mr_env()->stat(path, &info) == 0 &&
             info.is_regular && mr_file_wanted_time(s, info.modified_us)) {
        bool whole = kind == MR_NOTICE_COMPLETE;
        if (whole && settle_doubt(s, path, info.size_bytes, info.modified_us))
            return;
        if (mr_file_seen_has(s, path, info.modified_us))
            return;
        h->status = mr_file_seen_add(s, path, info.modified_us, h->error);
        if (h->status >= 0)
            h->status = mr_file_pending_push(s, path, &info, 0, whole, h->error);
    }
}

/* Files in doubt whose size and time are still the same, or that were closed, wait with the others again. */
static int look_again(struct file_source *s, bool listing, struct mr_error *error)
{
    struct file_list again = s->doubtful;
    int status = MR_OK;
    s->doubtful = (struct file_list){0};
    for (size_t i = 0; i < again.count; i++) {
        struct file_item *item = &again.items[i];
        struct mr_file_info info;
        bool there = mr_env()->stat(item->path, &info) == 0;
        bool still = there && info.size_bytes == item->size_bytes && info.modified_us == item->modified_us;
        if (status >= 0 && there && (item->whole || (listing && still))) {
            status = mr_file_pending_push(s, item->path, &info, item->start, true, error);
        } else if (status >= 0 && there) {
            if (listing) {
                item->size_bytes = info.size_bytes;
                item->modified_us = info.modified_us;
            }
            status = mr_file_list_add(&s->doubtful, item, error);
            if (status >= 0)
                item->path = NULL; /* it has moved on */
        }
    }
    mr_file_list_release(&again);
    return status;
}

static int list_now(struct file_source *s, struct mr_error *error)
{
    int64_t now = mr_env()->monotonic_us(), interval = s->options.list_interval_us;
    s->must_list = false;
    MR_TRY(look_again(s, true, error));
    MR_TRY(mr_file_walk(s, true, found, s, error));
    s->listed_once = true;
    if (s->marking && s->marking_us == INT64_MAX)
        s->marking_us = mr_env()->now_us();
    if (s->unwatched && interval > DOUBT_US)
        interval = DOUBT_US;
    s->next_listing_us = now + interval;
    return s->options.clean == FILE_CLEAN_OFF ? MR_OK : mr_file_clean(s, s->published, error);
}

int mr_file_find(struct file_source *s, struct mr_error *error)
{
    struct hearing h = {s, error, MR_OK};
    if (s->source->available_now)
        return s->listed_once ? MR_OK : list_now(s, error);
    mr_notify_drain(s->notify, hear, &h);
    MR_TRY(h.status);
    if (s->must_list || !s->listed_once || mr_env()->monotonic_us() >= s->next_listing_us)
        return list_now(s, error);
    return s->doubtful.count > 0 ? look_again(s, false, error) : MR_OK;
}

/* ---- planning ---- */

static int rest_is_gone(const struct file_item *item, struct mr_error *error)
{
    mr_error_set(error, MR_E_IO, "FAILED_READ_FILE.FILE_NOT_EXIST",
                 "%s was read up to byte %lld and is gone since. Put it back; the option ignoreMissingFiles "
                 "does without its rest.",
                 item->path, (long long)item->start);
    mr_error_parameter(error, "path", "%s", item->path);
    return mr_error_at(error, item->path, 0, 0, item->start);
}

/* May the file be taken as it is now? Sets size and time to what they are. MR_END: it is gone. MR_BLOCKED: in
 * doubt. */
static int check_item(struct file_source *s, struct file_item *item, struct mr_error *error)
{
    struct mr_file_info info = {0};
    if (mr_env()->stat(item->path, &info) < 0 && !mr_file_gone(errno))
        return mr_error_system(error, errno, "FAILED_READ_FILE.NO_HINT", "%s: cannot look at the file",
                               item->path);
    if (!info.is_regular) /* or a pipe has its name: to open that would wait for a writer */
        return item->start > 0 && !s->options.ignore_missing ? rest_is_gone(item, error) : MR_END;
    bool changed = info.size_bytes != item->size_bytes || info.modified_us != item->modified_us;
    if (changed && item->start > 0) {
        mr_error_set(
            error, MR_E_PROTOCOL, "FAILED_READ_FILE.NO_HINT",
            "%s was read up to byte %lld and has changed since. Put the old file back, or start afresh.",
            item->path, (long long)item->start);
        return mr_error_at(error, item->path, 0, 0, item->start);
    }
    item->whole = item->whole && !changed;
    item->size_bytes = info.size_bytes;
    item->modified_us = info.modified_us;
    if (s->options.allow_overwrites)
        MR_TRY(mr_file_seen_add(s, item->path, info.modified_us, error));
    return item->whole || mr_notify_system()->lease(item->path) == MR_LEASE_FREE ? MR_OK : MR_BLOCKED;
}

static int fill_plan(struct file_source *s, struct file_plan *plan, struct mr_error *error)
{
    int64_t bytes = 0;
    struct file_item item;
    plan->marks = s->marking;
    while (plan->marks && s->existing.count > 0 && plan->files.count < MARKS_PER_BATCH) {
        MR_TRY(mr_file_list_add(&plan->files, &s->existing.items[s->existing.count - 1], error));
        s->existing.count--;
    }
    plan->last_marks = plan->marks && s->existing.count == 0;
    s->marking = s->marking && !plan->last_marks;
    while (!plan->marks && (int64_t)plan->files.count < s->options.max_files &&
           bytes < s->options.max_bytes && mr_file_pending_pop(s, &item)) {
        int status = check_item(s, &item, error);
        if (status == MR_OK) {
            bytes += item.size_bytes - item.start;
            status = mr_file_list_add(&plan->files, &item, error);
        } else if (status == MR_BLOCKED) {
            int64_t soon = mr_env()->monotonic_us() + DOUBT_US;
            s->next_listing_us = soon < s->next_listing_us ? soon : s->next_listing_us;
            status = mr_file_list_add(&s->doubtful, &item, error);
        } else {
            mr_free(item.path);
        }
        MR_TRY(status);
    }
    return MR_OK;
}

/* After a failure memory may hold what was never decided: begin again with what the checkpoint says
 * (invariant 9). */
static int reload(struct file_source *s, int64_t decided, struct mr_error *error)
{
    mr_file_plans_drop(s, INT64_MAX);
    mr_file_list_release(&s->pending);
    mr_file_list_release(&s->doubtful);
    mr_file_list_release(&s->existing);
    for (size_t i = 0; i < s->used_up_count; i++)
        mr_free(s->used_up[i].path);
    s->used_up_count = 0;
    s->pending_bytes = 0;
    mr_file_seen_forget(s);
    MR_TRY(mr_file_seen_load(s, decided, error));
    s->listed_once = s->listed_once && !s->marking;
    return list_now(s, error);
}

static int plan_next(struct file_source *s, int64_t from, int64_t *to, struct mr_error *error)
{
    struct file_plan *plan = mr_file_plan_find(s, from + 1);
    *to = from;
    if (plan && !plan->split && plan == &s->plans[s->plan_count - 1]) {
        *to = from + 1;
        return MR_OK;
    }
    if (plan)
        MR_TRY(reload(s, from, error));
    else
        MR_TRY(mr_file_find(s, error));
    MR_TRY(add_plan(s, from + 1, &plan, error));
    MR_TRY(fill_plan(s, plan, error));
    /* Nothing but files in doubt, and nobody will come again: they are looked at until they stand still. */
    for (int i = 0; s->source->available_now && plan->files.count == 0 && !plan->marks &&
                    s->doubtful.count > 0 && i < DOUBT_TRIES;
         i++) {
        mr_env()->sleep_us(DOUBT_US / 5);
        MR_TRY(look_again(s, true, error));
        MR_TRY(fill_plan(s, plan, error));
    }
    if (plan->files.count == 0 && !plan->marks)
        s->plan_count--;
    else
        *to = from + 1;
    return MR_OK;
}

int mr_file_latest(struct mr_source *source, struct mr_str from, struct mr_text *to, struct mr_error *error)
{
    struct file_source *s = mr_file_source_of(source);
    int64_t number, next;
    MR_TRY(mr_file_offset(from, &number, error));
    pthread_mutex_lock(&s->lock);
    int status = plan_next(s, number, &next, error);
    source->metrics.backlog_files = (int64_t)(s->pending.count + s->doubtful.count);
    source->metrics.backlog_bytes = s->pending_bytes;
    pthread_mutex_unlock(&s->lock);
    MR_TRY(status);
    if (next == number)
        mr_text_append(to, from.data, from.size);
    else
        mr_file_offset_write(to, next);
    return MR_OK;
}
