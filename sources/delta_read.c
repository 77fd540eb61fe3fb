/* sources/delta_read.c: a range of offsets -> splits -> batches. A file is a split; a large one is several,
 * by row groups. */
#include "sources/delta.h"

#define SPLIT_BYTES (INT64_C(32) << 20)

struct split { /* what a split's ctx is */
    struct mr_delta_item item;
    int first_group, group_count; /* -1: all from the first on */
    bool ends_file;
};

static int add_split(struct mr_split_list *list, const struct split *split, int64_t size_bytes,
                     struct mr_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct mr_split *splits = MR_ARENA_ARRAY(list->arena, struct mr_split, capacity);
        if (!splits)
            return mr_error_memory(error, capacity * sizeof(*splits));
        if (list->count > 0)
            memcpy(splits, list->splits, list->count * sizeof(*splits));
        list->splits = splits;
        list->capacity = capacity;
    }
    struct split *copy = MR_ARENA_NEW(list->arena, struct split);
    if (!copy)
        return mr_error_memory(error, sizeof(*copy));
    *copy = *split;
    list->splits[list->count++] = (struct mr_split){size_bytes, copy, 0};
    return MR_OK;
}

/* Row groups [first, end) of the item, end -1: all; in pieces when that is much. */
static int split_item(struct mr_delta_source *s, const struct mr_delta_item *item, int first, int end,
                      struct mr_split_list *list, struct mr_error *error)
{
    int64_t size = item->file->size_bytes > 0 ? item->file->size_bytes : 0;
    struct split split = {*item, first, end < 0 ? -1 : end - first, end < 0};
    if (size <= SPLIT_BYTES * 2)
        return add_split(list, &split, size, error);
    int groups = 0;
    MR_TRY(mr_delta_row_groups(&s->table, item->file, &groups, error));
    int stop = end < 0 ? groups : end;
    int64_t each = groups > 0 ? SPLIT_BYTES * groups / size : 1;
    each = each < 1 ? 1 : each;
    if (stop <= first) /* a file without rows */
        return add_split(list, &split, 0, error);
    for (int at = first; at < stop; at += (int)each) {
        int count = stop - at < each ? stop - at : (int)each;
        split.first_group = at;
        split.group_count = count;
        split.ends_file = at + count >= groups;
        MR_TRY(add_split(list, &split, size / groups * count, error));
    }
    return MR_OK;
}

static int make_scan(struct mr_delta_source *s, struct mr_error *error)
{
    const struct mr_delta_snapshot *snapshot = &s->table.snapshot;
    if (s->scan)
        return MR_OK;
    return mr_delta_scan_new(&s->scan, s->source->schema, &snapshot->metadata, snapshot->schema,
                             s->source->used, s->source->zone, error);
}

int mr_delta_source_split(struct mr_source *source, struct mr_str from_text, struct mr_str to_text,
                          struct mr_split_list *splits, struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    struct mr_delta_offset from, to, begin;
    struct mr_str id = s->table.snapshot.metadata.id;
    MR_TRY(mr_delta_offset_parse(from_text, id, &from, error));
    MR_TRY(mr_delta_offset_parse(to_text, id, &to, error));
    MR_TRY(make_scan(s, error));
    MR_TRY(mr_delta_follow(s, &from, &begin, error)); /* the range was planned from this queue: it is there */
    bool complete = !to.starting && to.index < 0 && to.row_groups == 0 && s->next_version >= to.version;
    for (size_t i = s->head; i < s->count; i++) {
        const struct mr_delta_item *item = &s->items[i];
        bool in_hand = from.row_groups > 0 && i == s->head;
        int first = in_hand ? (int)from.row_groups : 0;
        bool behind = mr_delta_offset_before(&to, item);
        complete = complete || (!behind && item->version == to.version && item->index == to.index);
        if (!behind) {
            MR_TRY(split_item(s, item, first, -1, splits, error));
            continue;
        }
        if (to.row_groups > first) {
            MR_TRY(split_item(s, item, first, (int)to.row_groups, splits, error));
            complete = true;
        }
        break;
    }
    if (!complete)
        return mr_error_set(
            error, MR_E_PROTOCOL, "DELTA_STREAMING_TRAILING_COMMIT_MISSING",
            "%s: the micro-batch was planned to version %lld, and the log does not reach that far any more.",
            mr_delta_path(&s->table), (long long)to.version);
    return MR_OK;
}

int mr_delta_source_cut(struct mr_source *source, struct mr_str from, struct mr_str to,
                        const struct mr_split_list *splits, size_t taken, struct mr_text *out,
                        struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    if (taken == 0 || taken >= splits->count) {
        mr_text_append(out, taken == 0 ? from.data : to.data, taken == 0 ? from.size : to.size);
    } else {
        const struct split *last = splits->splits[taken - 1].ctx;
        struct mr_delta_offset offset =
            mr_delta_offset_behind(&last->item, last->ends_file ? 0 : last->first_group + last->group_count);
        mr_delta_offset_print(out, s->table.snapshot.metadata.id, &offset);
    }
    return out->failed ? mr_error_memory(error, out->size) : MR_OK;
}

int mr_delta_source_reader_open(struct mr_source *source, const struct mr_split *split,
                                struct mr_reader *reader, struct mr_error *error)
{
    struct mr_delta_source *s = source->ctx;
    const struct split *piece = split->ctx;
    struct mr_delta_reader *opened = NULL;
    MR_TRY(mr_delta_reader_open(&opened, &s->table, s->scan, piece->item.file, piece->first_group,
                                piece->group_count, error));
    reader->ctx = opened;
    return MR_OK;
}

int mr_delta_source_read(struct mr_source *source, struct mr_reader *reader, struct mr_batch *batch,
                         struct mr_error *error)
{
    (void)source;
    return mr_delta_reader_next(reader->ctx, batch, error);
}

void mr_delta_source_reader_close(struct mr_source *source, struct mr_reader *reader)
{
    (void)source;
    mr_delta_reader_close(reader->ctx);
    reader->ctx = NULL;
}
