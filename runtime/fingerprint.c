/* runtime/fingerprint.c: what of a job may not change against one checkpoint.
 *
 * {"version":1,"sources":[{"name":…,"type":…}],"states":[{"operator":…,"plan":…}]}: sources in their order
 * (what they remember is kept by index), stateful nodes in the order of their ids (state is kept by id).
 * Filters, projections and sinks may come and go. */
#include "base/json.h"
#include "runtime/job.h"

static void write_states(const struct mr_job *job, struct mr_json_writer *w)
{
    struct mr_text plan;
    mr_text_init(&plan);
    for (int i = 0; i < job->node_count; i++) { /* ids of stateful nodes ascend with their positions */
        const struct mr_node *node = job->nodes[i];
        if (!node->type || !(node->type->flags & MR_OP_STATEFUL))
            continue;
        mr_text_clear(&plan);
        if (node->type->fingerprint)
            node->type->fingerprint(node, &plan);
        w->out->failed |= plan.failed;
        mr_json_begin_object(w);
        mr_json_key(w, "operator");
        mr_json_cstr(w, node->type->name);
        mr_json_key(w, "plan");
        mr_json_str(w, mr_text_str(&plan));
        mr_json_end_object(w);
    }
    mr_text_release(&plan);
}

void mr_job_fingerprint(const struct mr_job *job, struct mr_text *out)
{
    struct mr_json_writer w = {out, false};
    mr_json_begin_object(&w);
    mr_json_key(&w, "version");
    mr_json_i64(&w, 1);
    mr_json_key(&w, "sources");
    mr_json_begin_array(&w);
    for (int i = 0; i < job->source_count; i++) {
        mr_json_begin_object(&w);
        mr_json_key(&w, "name");
        mr_json_cstr(&w, job->sources[i]->name);
        mr_json_key(&w, "type");
        mr_json_cstr(&w, job->sources[i]->type->name);
        mr_json_end_object(&w);
    }
    mr_json_end_array(&w);
    mr_json_key(&w, "states");
    mr_json_begin_array(&w);
    write_states(job, &w);
    mr_json_end_array(&w);
    mr_json_end_object(&w);
}

#define REMEDY                                                                                               \
    "The state in the checkpoint was built otherwise: undo the change, or start anew with a full refresh."

static struct mr_str text_of(const struct mr_json *object, const char *name)
{
    struct mr_str text = {"", 0};
    mr_json_get_str(object, name, &text);
    return text;
}

static int check_sources(const struct mr_json *before, const struct mr_json *now, struct mr_error *error)
{
    const struct mr_json *a = before ? before->first : NULL, *b = now->first;
    for (; a && b; a = a->next, b = b->next) {
        struct mr_str old_name = text_of(a, "name"), new_name = text_of(b, "name");
        struct mr_str old_type = text_of(a, "type"), new_type = text_of(b, "type");
        if (mr_str_equal(old_name, new_name) && mr_str_equal(old_type, new_type))
            continue;
        return mr_error_set(
            error, MR_E_UNSUPPORTED, "STREAMING_QUERY_EVOLUTION_ERROR.INVALID_SOURCE_NAME",
            "The checkpoint knows the source '%.*s' (%.*s) where the query has '%.*s' (%.*s). " REMEDY,
            (int)old_name.size, old_name.data, (int)old_type.size, old_type.data, (int)new_name.size,
            new_name.data, (int)new_type.size, new_type.data);
    }
    if (a || b)
        return mr_error_set(error, MR_E_UNSUPPORTED, "STREAMING_QUERY_EVOLUTION_ERROR.INVALID_SOURCE_NAME",
                            "The query has %zu sources, the checkpoint knows %zu. " REMEDY, now->count,
                            before ? before->count : 0);
    return MR_OK;
}

/* Next part of a plan's text ("label: value; …"), cut off its front. */
static struct mr_str next_part(struct mr_str *rest)
{
    struct mr_str part = *rest;
    for (size_t i = 0; i + 1 < rest->size; i++) {
        if (rest->data[i] != ';' || rest->data[i + 1] != ' ')
            continue;
        part.size = i;
        *rest = (struct mr_str){rest->data + i + 2, rest->size - i - 2};
        return part;
    }
    rest->size = 0;
    return part;
}

static struct mr_str value_of(struct mr_str part, struct mr_str *label)
{
    const char *colon = memchr(part.data, ':', part.size);
    size_t size = colon ? (size_t)(colon - part.data) : 0;
    *label = (struct mr_str){part.data, size};
    if (size + 2 > part.size)
        return part;
    return (struct mr_str){part.data + size + 2, part.size - size - 2};
}

static int shown(struct mr_str text)
{
    return (int)(text.size < 400 ? text.size : 400);
}

/* Names the first part of the two plans that differs. */
static int refuse_plan(int id, struct mr_str name, struct mr_str before, struct mr_str now,
                       struct mr_error *error)
{
    struct mr_str old_part = before, new_part = now, label, old_label;
    while (before.size > 0 && now.size > 0) {
        old_part = next_part(&before);
        new_part = next_part(&now);
        if (!mr_str_equal(old_part, new_part))
            break;
    }
    struct mr_str new_value = value_of(new_part, &label), old_value = value_of(old_part, &old_label);
    bool values = mr_str_equal(label, MR_STR("aggregates")), mode = mr_str_equal(label, MR_STR("time mode"));
    return mr_error_set(error, MR_E_UNSUPPORTED,
                        values ? "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE"
                        : mode ? "STATE_STORE_INVALID_CONFIG_AFTER_RESTART"
                               : "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE",
                        "Stateful operator %d (%.*s): its %.*s changed from [%.*s] to [%.*s]. " REMEDY, id,
                        shown(name), name.data, shown(label), label.data, shown(old_value), old_value.data,
                        shown(new_value), new_value.data);
}

static int check_states(const struct mr_json *before, const struct mr_json *now, struct mr_error *error)
{
    const struct mr_json *a = before ? before->first : NULL, *b = now->first;
    for (int id = 0; a && b; a = a->next, b = b->next, id++) {
        struct mr_str old_name = text_of(a, "operator"), new_name = text_of(b, "operator");
        if (!mr_str_equal(old_name, new_name))
            return mr_error_set(error, MR_E_UNSUPPORTED,
                                "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
                                "Stateful operator %d was '%.*s' and is '%.*s'. " REMEDY, id,
                                (int)old_name.size, old_name.data, (int)new_name.size, new_name.data);
        struct mr_str old_plan = text_of(a, "plan"), new_plan = text_of(b, "plan");
        if (!mr_str_equal(old_plan, new_plan))
            return refuse_plan(id, new_name, old_plan, new_plan, error);
    }
    if (a || b)
        return mr_error_set(error, MR_E_UNSUPPORTED,
                            "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
                            "The query has %zu stateful operators, the checkpoint knows %zu. " REMEDY,
                            now->count, before ? before->count : 0);
    return MR_OK;
}

int mr_job_check_fingerprint(const struct mr_job *job, struct mr_str recorded, struct mr_error *error)
{
    struct mr_text text;
    struct mr_arena arena;
    struct mr_json *before, *now;
    mr_text_init(&text);
    mr_arena_init(&arena);
    int status = MR_OK;
    mr_job_fingerprint(job, &text);
    if (text.failed)
        MR_ERR(mr_error_memory(error, text.size));
    MR_ERR(mr_json_parse(&arena, mr_text_str(&text), &now, error));
    MR_ERR(mr_json_parse(&arena, recorded, &before, error));
    int64_t version = 0;
    if (!mr_json_get_i64(before, "version", &version) || version != 1)
        MR_ERR(mr_error_set(error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION",
                            "The checkpoint holds a fingerprint of version %lld; this Millrace knows 1.",
                            (long long)version));
    MR_ERR(check_sources(mr_json_member(before, "sources"), mr_json_member(now, "sources"), error));
    MR_ERR(check_states(mr_json_member(before, "states"), mr_json_member(now, "states"), error));
err:
    mr_text_release(&text);
    mr_arena_release(&arena);
    return status;
}
