/* runtime/watermark.c: how watermarks advance and what each operator sees of them. */
#include "runtime/watermark.h"

static int position_of(const struct mr_job *job, const struct mr_node *node)
{
    for (int i = 0; i < job->node_count; i++) {
        if (job->nodes[i] == node)
            return i;
    }
    return -1;
}

/* The first operator made from the same clause. */
static int clause_of(const struct mr_watermark *watermark, const struct mr_job *job, int at)
{
    const struct mr_watermark_config *config = job->nodes[watermark->operators[at]]->config;
    for (int i = 0; i < at && config->clause; i++) {
        const struct mr_watermark_config *other = job->nodes[watermark->operators[i]]->config;
        if (other->clause == config->clause)
            return i;
    }
    return at;
}

/* Depth first, a node before its inputs: the order in which Spark collects them, which decides whose event
 * times a progress report shows. */
static void collect(struct mr_watermark *watermark, const struct mr_job *job, const struct mr_node *node)
{
    if (node->type == &mr_watermark_operator) {
        int position = position_of(job, node);
        for (int i = 0; i < watermark->operator_count; i++) {
            if (watermark->operators[i] == position)
                return; /* two consumers share it */
        }
        watermark->operators[watermark->operator_count++] = position;
    }
    for (int i = 0; i < node->input_count; i++)
        collect(watermark, job, node->inputs[i]);
}

int mr_watermark_init(struct mr_watermark *watermark, const struct mr_job *job, struct mr_arena *arena,
                      struct mr_error *error)
{
    *watermark = (struct mr_watermark){.policy = job->watermark_policy, .first = true};
    watermark->operators = MR_ARENA_ARRAY(arena, int, job->node_count + 1);
    watermark->clauses = MR_ARENA_ARRAY(arena, int, job->node_count + 1);
    watermark->seen = MR_ARENA_ARRAY(arena, bool, job->node_count + 1);
    watermark->operator_ms = MR_ARENA_ARRAY(arena, int64_t, job->node_count + 1);
    if (!watermark->operators || !watermark->clauses || !watermark->seen || !watermark->operator_ms)
        return mr_error_memory(error, sizeof(int64_t) * (size_t)job->node_count);
    for (int i = job->node_count - 1; i >= 0; i--) {
        if (job->nodes[i]->sink >= 0)
            collect(watermark, job, job->nodes[i]);
    }
    for (int i = 0; i < watermark->operator_count; i++)
        watermark->clauses[i] = clause_of(watermark, job, i);
    return MR_OK;
}

static int64_t floor_ms(int64_t us)
{
    int64_t ms = us / 1000;
    return us % 1000 < 0 ? ms - 1 : ms;
}

void mr_watermark_advance(struct mr_watermark *watermark, const struct mr_job *job,
                          const struct mr_event_time *seen)
{
    int64_t chosen = 0;
    for (int i = 0; i < watermark->operator_count; i++) {
        const struct mr_watermark_config *config = job->nodes[watermark->operators[i]]->config;
        int clause = watermark->clauses[i];
        int64_t reached = floor_ms(seen[i].max_us) - floor_ms(config->delay_us);
        if (seen[i].count > 0 && (!watermark->seen[clause] || reached > watermark->operator_ms[clause]))
            watermark->operator_ms[clause] = reached;
        watermark->seen[clause] = true; /* without rows so far: 0 */
    }
    for (int i = 0; i < watermark->operator_count; i++) {
        int64_t value = watermark->operator_ms[watermark->clauses[i]];
        bool better = watermark->policy == MR_WATERMARK_MIN ? value < chosen : value > chosen;
        if (i == 0 || better)
            chosen = value;
    }
    watermark->previous_ms = watermark->current_ms;
    if (watermark->operator_count > 0 && chosen > watermark->current_ms)
        watermark->current_ms = chosen;
    watermark->first = false;
}

void mr_watermark_inputs(const struct mr_watermark *watermark, const struct mr_job *job, int64_t global_ms,
                         int64_t *out_us)
{
    (void)watermark;
    for (int i = 0; i < job->node_count; i++) {
        const struct mr_node *node = job->nodes[i];
        int64_t lowest = MR_NO_WATERMARK;
        for (int k = 0; k < node->input_count; k++) {
            const struct mr_node *input = node->inputs[k];
            int64_t given = out_us[position_of(job, input)];
            if (input->type == &mr_watermark_operator)
                given = global_ms * 1000;
            else if (given != MR_NO_WATERMARK && input->type && input->type->output_watermark)
                given = input->type->output_watermark(input, given);
            if (given != MR_NO_WATERMARK && (lowest == MR_NO_WATERMARK || given < lowest))
                lowest = given;
        }
        out_us[i] = lowest;
    }
}

void mr_watermark_of_batch(const struct mr_watermark *watermark, const struct mr_job *job, int64_t *late_us,
                           int64_t *evict_us)
{
    mr_watermark_inputs(watermark, job, watermark->previous_ms, late_us);
    mr_watermark_inputs(watermark, job, watermark->current_ms, evict_us);
    for (int i = 0; watermark->first && i < job->node_count; i++) {
        if (late_us[i] != MR_NO_WATERMARK)
            late_us[i] = 0; /* before the first batch every operator's is 1970, whatever stands before it */
    }
}

bool mr_watermark_wants_batch(const struct mr_watermark *watermark, const struct mr_job *job,
                              int64_t *scratch_a, int64_t *scratch_b)
{
    if (watermark->first || watermark->operator_count == 0 || watermark->current_ms == watermark->previous_ms)
        return false;
    mr_watermark_inputs(watermark, job, watermark->previous_ms, scratch_a);
    mr_watermark_inputs(watermark, job, watermark->current_ms, scratch_b);
    for (int i = 0; i < job->node_count; i++) {
        const struct mr_operator_type *type = job->nodes[i]->type;
        if (type && type->wants_batch && scratch_b[i] != MR_NO_WATERMARK &&
            type->wants_batch(job->nodes[i], scratch_a[i], scratch_b[i]))
            return true;
    }
    return false;
}
