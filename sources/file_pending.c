/* sources/file_pending.c: files that wait, in a heap: oldest first, by path where the times are equal. */
#include "sources/file_watch.h"

int mr_file_list_add(struct file_list *list, const struct file_item *item, struct mr_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct file_item *grown = mr_reallocate(list->items, sizeof *grown * capacity);
        if (!grown)
            return mr_error_memory(error, sizeof *grown * capacity);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *item;
    return MR_OK;
}

void mr_file_list_release(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mr_free(list->items[i].path);
    mr_free(list->items);
    *list = (struct file_list){0};
}

/* A file that was begun comes before all others. */
static bool before(const struct file_item *a, const struct file_item *b)
{
    if ((a->start > 0) != (b->start > 0))
        return a->start > 0;
    if (a->modified_us != b->modified_us)
        return a->modified_us < b->modified_us;
    return strcmp(a->path, b->path) < 0;
}

int mr_file_pending_push(struct file_source *s, const char *path, const struct mr_file_info *info,
                         int64_t start, bool whole, struct mr_error *error)
{
    size_t size = strlen(path) + 1;
    struct file_item item = {mr_allocate(size), info->size_bytes, info->modified_us, start, whole};
    if (!item.path)
        return mr_error_memory(error, size);
    memcpy(item.path, path, size);
    int status = mr_file_list_add(&s->pending, &item, error);
    if (status < 0) {
        mr_free(item.path);
        return status;
    }
    struct file_item *heap = s->pending.items;
    size_t at = s->pending.count - 1;
    while (at > 0 && before(&item, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = item;
    s->pending_bytes += item.size_bytes - start;
    return MR_OK;
}

bool mr_file_pending_pop(struct file_source *s, struct file_item *out)
{
    struct file_item *heap = s->pending.items;
    if (s->pending.count == 0)
        return false;
    *out = heap[0];
    size_t count = --s->pending.count, at = 0;
    struct file_item last = heap[count];
    while (2 * at + 1 < count) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    if (count > 0)
        heap[at] = last;
    s->pending_bytes -= out->size_bytes - out->start;
    return true;
}
