/* sources/delta_offset.c: offsets as text, and what is behind them. */
#include "sources/delta.h"

static int bad(struct mr_str text, struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "DELTA_INVALID_SOURCE_OFFSET_FORMAT",
                        "'%.*s' is no offset of a Delta source.", (int)(text.size < 300 ? text.size : 300),
                        text.data);
}

static int parse(struct mr_arena *arena, struct mr_str text, struct mr_str table_id,
                 struct mr_delta_offset *out, struct mr_error *error)
{
    struct mr_json *root = NULL;
    struct mr_str id = {0};
    int64_t source_version = 0;
    if (mr_json_parse(arena, text, &root, error) < 0 || root->type != MR_JSON_OBJECT)
        return bad(text, error);
    bool whole = mr_json_get_i64(root, "sourceVersion", &source_version) &&
                 mr_json_get_str(root, "reservoirId", &id) &&
                 mr_json_get_i64(root, "reservoirVersion", &out->version) &&
                 mr_json_get_i64(root, "index", &out->index) &&
                 mr_json_get_bool(root, "isStartingVersion", &out->starting);
    if (!whole || out->version < 0 || out->index < -1)
        return bad(text, error);
    mr_json_get_i64(root, "rowGroups", &out->row_groups);
    if (source_version != 1 && source_version != 3)
        return mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_INVALID_SOURCE_VERSION",
                            "The offset has sourceVersion %lld; versions 1 and 3 are known.",
                            (long long)source_version);
    if (table_id.size > 0 && !mr_str_equal(id, table_id)) {
        mr_error_set(error, MR_E_PROTOCOL, "DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE",
                     "The query has read the table with id %.*s, and the table there now has id %.*s: it was "
                     "re-created. Start a full "
                     "refresh of the query.",
                     (int)id.size, id.data, (int)table_id.size, table_id.data);
        mr_error_parameter(error, "oldTableId", "%.*s", (int)id.size, id.data);
        mr_error_parameter(error, "newTableId", "%.*s", (int)table_id.size, table_id.data);
        return error->code;
    }
    out->present = true;
    return MR_OK;
}

int mr_delta_offset_parse(struct mr_str text, struct mr_str table_id, struct mr_delta_offset *out,
                          struct mr_error *error)
{
    struct mr_arena arena;
    *out = (struct mr_delta_offset){.index = -1};
    if (text.size == 0)
        return MR_OK;
    mr_arena_init(&arena);
    int status = parse(&arena, text, table_id, out, error);
    mr_arena_release(&arena);
    return status;
}

void mr_delta_offset_print(struct mr_text *out, struct mr_str table_id, const struct mr_delta_offset *offset)
{
    struct mr_json_writer w = {.out = out};
    mr_json_begin_object(&w);
    mr_json_key(&w, "sourceVersion");
    mr_json_i64(&w, 1);
    mr_json_key(&w, "reservoirId");
    mr_json_str(&w, table_id);
    mr_json_key(&w, "reservoirVersion");
    mr_json_i64(&w, offset->version);
    mr_json_key(&w, "index");
    mr_json_i64(&w, offset->index);
    mr_json_key(&w, "isStartingVersion");
    mr_json_bool(&w, offset->starting);
    if (offset->row_groups > 0) {
        mr_json_key(&w, "rowGroups");
        mr_json_i64(&w, offset->row_groups);
    }
    mr_json_end_object(&w);
}

bool mr_delta_offset_before(const struct mr_delta_offset *offset, const struct mr_delta_item *item)
{
    if (!offset->present)
        return true;
    if (offset->starting != item->starting)
        return offset->starting; /* the snapshot comes first */
    return item->version > offset->version ||
           (item->version == offset->version && item->index > offset->index);
}

struct mr_delta_offset mr_delta_offset_behind(const struct mr_delta_item *item, int64_t groups)
{
    struct mr_delta_offset offset = {.present = true, .starting = item->starting, .version = item->version};
    offset.index = groups > 0 ? item->index - 1 : item->index;
    offset.row_groups = groups;
    if (groups == 0 && item->last)
        offset = (struct mr_delta_offset){.present = true, .version = item->version + 1, .index = -1};
    return offset;
}
