/* runtime/record.c: the decision's record as text, and back. */
#include "runtime/record.h"

#include "base/json.h"
#include "runtime/static_side.h"

static void write_watermark(struct mr_json_writer *w, const struct mr_watermark *watermark)
{
    mr_json_begin_object(w);
    mr_json_key(w, "policy");
    mr_json_cstr(w, watermark->policy == MR_WATERMARK_MAX ? "max" : "min");
    mr_json_key(w, "previous");
    mr_json_i64(w, watermark->previous_ms);
    mr_json_key(w, "next");
    mr_json_i64(w, watermark->current_ms);
    mr_json_end_object(w);
}

static void write_sides(struct mr_json_writer *w, const struct mr_job *job)
{
    mr_json_key(w, "static");
    mr_json_begin_array(w);
    for (int i = 0; i < job->side_count; i++) {
        const struct mr_static_side *side = job->sides[i];
        for (int s = 0; s < side->text_count; s++) {
            mr_json_begin_object(w);
            mr_json_key(w, "source");
            mr_json_cstr(w, side->planned[s]->name);
            mr_json_key(w, "read");
            if (side->read[s].size > 0)
                mr_json_raw(w, mr_text_str(&side->read[s]));
            else
                mr_json_null(w);
            mr_json_end_object(w);
        }
    }
    mr_json_end_array(w);
}

void mr_record_write(struct mr_text *out, const struct mr_record *record, const struct mr_job *job,
                     const struct mr_watermark *watermark)
{
    struct mr_json_writer w = {out, false};
    mr_json_begin_object(&w);
    mr_json_key(&w, "version");
    mr_json_i64(&w, 1);
    mr_json_key(&w, "batch");
    mr_json_i64(&w, record->batch);
    mr_json_key(&w, "time");
    mr_json_i64(&w, record->time_us);
    mr_json_key(&w, "seed");
    mr_json_i64(&w, (int64_t)record->seed);
    mr_json_key(&w, "offsets");
    mr_json_begin_array(&w);
    for (int i = 0; i < job->source_count; i++) {
        mr_json_begin_object(&w);
        mr_json_key(&w, "source");
        mr_json_cstr(&w, job->sources[i]->name);
        mr_json_key(&w, "end");
        if (record->offsets[i].size > 0)
            mr_json_raw(&w, record->offsets[i]);
        else
            mr_json_null(&w);
        mr_json_end_object(&w);
    }
    mr_json_end_array(&w);
    if (job->side_count > 0)
        write_sides(&w, job);
    mr_json_key(&w, "watermark");
    write_watermark(&w, watermark);
    mr_json_key(&w, "fingerprint");
    mr_json_raw(&w, record->fingerprint);
    mr_json_end_object(&w);
}

static int damaged(const char *what, struct mr_error *error)
{
    return mr_error_set(error, MR_E_CORRUPT, "CANNOT_LOAD_STATE_STORE.VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                        "The record of the last decision has no proper '%s': the checkpoint is damaged.",
                        what);
}

static int parse_watermark(struct mr_watermark *watermark, const struct mr_json *object,
                           struct mr_error *error)
{
    struct mr_str policy;
    if (!object || !mr_json_get_str(object, "policy", &policy) ||
        !mr_json_get_i64(object, "previous", &watermark->previous_ms) ||
        !mr_json_get_i64(object, "next", &watermark->current_ms))
        return damaged("watermark", error);
    /* As in Spark, the policy a query began with stays. */
    watermark->policy = mr_str_equal(policy, MR_STR("max")) ? MR_WATERMARK_MAX : MR_WATERMARK_MIN;
    watermark->first = false;
    return MR_OK;
}

static int parse_offsets(struct mr_record *record, const struct mr_job *job, const struct mr_json *array,
                         struct mr_error *error)
{
    const struct mr_json *one = array ? array->first : NULL;
    for (int i = 0; i < job->source_count; i++) {
        const struct mr_json *end = one ? mr_json_member(one, "end") : NULL;
        if (!end)
            return damaged("offsets", error);
        if (end->type != MR_JSON_NULL)
            record->offsets[i] = end->raw;
        one = one->next;
    }
    return MR_OK;
}

int mr_record_parse(struct mr_record *record, struct mr_watermark *watermark, const struct mr_job *job,
                    struct mr_str text, struct mr_arena *arena, struct mr_error *error)
{
    *record = (struct mr_record){.batch = -1};
    record->offsets = MR_ARENA_ARRAY(arena, struct mr_str, job->source_count + 1);
    if (!record->offsets)
        return mr_error_memory(error, sizeof *record->offsets);
    if (text.size == 0)
        return MR_OK;
    struct mr_json *root;
    MR_TRY(mr_json_parse(arena, text, &root, error));
    int64_t version = 0, seed = 0;
    if (!mr_json_get_i64(root, "version", &version))
        return damaged("version", error);
    if (version != 1)
        return mr_error_set(error, MR_E_UNSUPPORTED, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_VERSION",
                            "The record of the last decision has version %lld; this Millrace knows 1.",
                            (long long)version);
    const struct mr_json *fingerprint = mr_json_member(root, "fingerprint");
    if (!fingerprint || !mr_json_get_i64(root, "batch", &record->batch) ||
        !mr_json_get_i64(root, "time", &record->time_us) || !mr_json_get_i64(root, "seed", &seed))
        return damaged("batch", error);
    record->seed = (uint64_t)seed;
    record->fingerprint = fingerprint->raw;
    MR_TRY(mr_job_check_fingerprint(job, record->fingerprint, error));
    MR_TRY(parse_watermark(watermark, mr_json_member(root, "watermark"), error));
    return parse_offsets(record, job, mr_json_member(root, "offsets"), error);
}
