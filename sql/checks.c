/* sql/checks.c: what a stream may do in an output mode (reference: Structured Streaming 1.3, 1.5, 1.6). Spark
 * finds some of these when the query starts or runs; here all are found when it is planned. */
#include "sql/checks.h"

#include "operators/custom_state.h"

int mr_sql_refuse(const struct mr_plan *plan, const char *condition, const char *message,
                  struct mr_error *error)
{
    mr_error_set(error, MR_E_SQL, condition, "%s", message);
    if (!plan->origin)
        return error->code;
    return mr_error_in_sql(error, plan->origin->file, plan->origin->text, plan->start, plan->stop);
}

static int refuse_mode(const struct mr_plan *plan, enum mr_output_mode mode, const char *operation,
                       const char *remedy, struct mr_error *error)
{
    static const char *const names[] = {"append", "update", "complete"};
    mr_error_set(error, MR_E_SQL, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
                 "Output mode %s is not possible for %s.%s", names[mode], operation, remedy);
    mr_error_parameter(error, "outputMode", "%s", names[mode]);
    mr_error_parameter(error, "operation", "%s", operation);
    if (!plan->origin)
        return error->code;
    return mr_error_in_sql(error, plan->origin->file, plan->origin->text, plan->start, plan->stop);
}

int mr_sql_event_time_group(const struct mr_plan *aggregate)
{
    for (int i = 0; i < aggregate->group_count; i++)
        if (aggregate->delays[i] >= 0)
            return i;
    return -1;
}

struct checks {
    enum mr_output_mode mode;
    int aggregates, watermarks;
    const struct mr_plan *second; /* a stateful operator above another */
};

/* Modes that an aggregation does not have. */
static int check_aggregate_mode(const struct mr_plan *plan, enum mr_output_mode mode, struct mr_error *error)
{
    if (plan->session_group >= 0 && mode == MR_MODE_UPDATE)
        return refuse_mode(plan, mode, "session window streaming aggregations", " Use append, or complete.",
                           error);
    if (mode == MR_MODE_APPEND && mr_sql_event_time_group(plan) < 0)
        return refuse_mode(
            plan, mode, "streaming aggregations without watermark",
            " Group by an event time or a window of it, and put WATERMARK … DELAY OF … on the relation.",
            error);
    return MR_OK;
}

/* The one that comes first from the top; NULL: none. */
static const struct mr_plan *first_aggregate(const struct mr_plan *plan)
{
    if (plan->kind == MR_PLAN_AGGREGATE && plan->streaming)
        return plan;
    const struct mr_plan *found = NULL;
    for (int i = 0; !found && i < plan->input_count; i++)
        found = first_aggregate(plan->inputs[i]);
    return found;
}

bool mr_sql_aggregates_stream(const struct mr_plan *plan)
{
    return first_aggregate(plan) != NULL;
}

static int check_aggregate(struct checks *c, const struct mr_plan *plan, struct mr_error *error)
{
    for (int i = 0; i < plan->aggregate_count; i++)
        if (plan->aggregates[i]->distinct)
            return mr_sql_refuse(
                plan, "_LEGACY_ERROR_TEMP_3102",
                "Distinct aggregations are not supported on a stream; approx_count_distinct() is.", error);
    if (plan->session_group >= 0 && plan->group_count == 1)
        return mr_sql_refuse(plan, "STREAM_FAILED",
                             "Sessions of a stream need another key to group by beside the session window.",
                             error);
    int event_times = 0;
    for (int i = 0; i < plan->group_count; i++)
        event_times += plan->delays[i] >= 0;
    if (c->mode != MR_MODE_COMPLETE && event_times > 1)
        return mr_sql_refuse(
            plan, "_LEGACY_ERROR_TEMP_3077",
            "The groups have more than one event time; group by one of them, and take the others as "
            "plain values (ts + INTERVAL 0 SECONDS).",
            error);
    c->aggregates++;
    return check_aggregate_mode(plan, c->mode, error);
}

static int check_join(const struct checks *c, struct mr_plan *plan, struct mr_error *error)
{
    bool left = plan->inputs[0]->streaming, right = plan->inputs[1]->streaming;
    if (left && right)
        return mr_sql_check_stream_join(plan, c->mode, error);
    bool keeps_static =
        (!left && (plan->written_join == MR_SQL_JOIN_LEFT || plan->written_join == MR_SQL_JOIN_SEMI ||
                   plan->written_join == MR_SQL_JOIN_ANTI)) ||
        (!right && plan->written_join == MR_SQL_JOIN_RIGHT);
    if (left != right && plan->written_join == MR_SQL_JOIN_FULL)
        return mr_sql_refuse(
            plan, "_LEGACY_ERROR_TEMP_3102",
            "FullOuter joins with streaming DataFrames/Datasets on one side are not supported.", error);
    if (left != right && keeps_static)
        return mr_sql_refuse(
            plan, "_LEGACY_ERROR_TEMP_3102",
            "This join would keep rows of the batch side that find no partner in a stream, which has no "
            "end; put the stream on the other side.",
            error);
    return MR_OK;
}

static bool has_event_time(const struct mr_plan *plan)
{
    for (int i = 0; i < plan->schema->field_count; i++)
        if (plan->delays[i] >= 0)
            return true;
    return false;
}

static int check_node(struct checks *c, struct mr_plan *plan, struct mr_error *error)
{
    if (!plan->streaming)
        return MR_OK;
    int aggregates = c->aggregates, watermarks = c->watermarks;
    for (int i = 0; i < plan->input_count; i++)
        MR_TRY(check_node(c, plan->inputs[i], error));
    bool aggregated = c->aggregates > aggregates;
    bool stateful = false;
    switch (plan->kind) {
    case MR_PLAN_AGGREGATE:
        MR_TRY(check_aggregate(c, plan, error));
        stateful = true;
        break;
    case MR_PLAN_WATERMARK:
        if (c->watermarks > watermarks)
            return mr_sql_refuse(plan, "_LEGACY_ERROR_TEMP_3076",
                                 "There is a watermark below this one; a stream's watermark is defined once.",
                                 error);
        c->watermarks++;
        break;
    case MR_PLAN_DEDUPLICATE:
        if (plan->within_watermark && !has_event_time(plan))
            return mr_sql_refuse(
                plan, "_LEGACY_ERROR_TEMP_3102",
                "drop_duplicates_within_watermark needs an event time among the rows of the stream: "
                "put WATERMARK … DELAY OF … on the relation, and keep its column.",
                error);
        stateful = true;
        break;
    case MR_PLAN_CUSTOM:
        if (plan->custom->mode == MR_TIME_EVENT && !has_event_time(plan->inputs[0]))
            return mr_sql_refuse(plan, "_LEGACY_ERROR_TEMP_3102",
                                 "A processor with event time needs an event time among the rows of the "
                                 "stream: give the stream a watermark, and keep its column.",
                                 error);
        stateful = true;
        break;
    case MR_PLAN_JOIN:
        MR_TRY(check_join(c, plan, error));
        stateful = plan->inputs[0]->streaming && plan->inputs[1]->streaming;
        break;
    case MR_PLAN_SORT:
        if (c->mode != MR_MODE_COMPLETE || !aggregated)
            return mr_sql_refuse(
                plan, "_LEGACY_ERROR_TEMP_3102",
                "Sorting is not supported on a stream, unless it is on aggregated rows in output mode "
                "complete.",
                error);
        break;
    case MR_PLAN_LIMIT:
        if (c->mode == MR_MODE_UPDATE)
            return mr_sql_refuse(plan, "_LEGACY_ERROR_TEMP_3102",
                                 "Limits are not supported on a stream in output mode update.", error);
        if (plan->offset > 0)
            return mr_sql_refuse(plan, "_LEGACY_ERROR_TEMP_3102", "Offset is not supported on a stream.",
                                 error);
        break;
    default:
        break;
    }
    if (stateful) {
        if (aggregated && !c->second) /* what joins and deduplication emit is final */
            c->second = plan;
    }
    return MR_OK;
}

int mr_sql_check_stream(struct mr_plan *plan, enum mr_output_mode mode, bool allow_late_loss,
                        struct mr_error *error)
{
    struct checks c = {.mode = mode};
    /* Before all else, as Spark says it. */
    const struct mr_plan *aggregate = first_aggregate(plan);
    if (mode == MR_MODE_COMPLETE && !aggregate)
        return refuse_mode(plan, mode, "no streaming aggregations", " Use append, or aggregate.", error);
    if (aggregate)
        MR_TRY(check_aggregate_mode(aggregate, mode, error));
    MR_TRY(check_node(&c, plan, error));
    if (c.second && mode != MR_MODE_APPEND && !allow_late_loss)
        return mr_sql_refuse(
            c.second, "_LEGACY_ERROR_TEMP_3102",
            "Several stateful operators one above the other are not supported on a stream in output modes "
            "update and complete: rows that the lower one gives may be late for the upper one. To run it all "
            "the "
            "same, set spark.sql.streaming.statefulOperator.checkCorrectness.enabled to false.",
            error);
    return MR_OK;
}
