/* pipeline/columns.c: may a dataset's table have the columns that its flows and its statement give it? */
#include "delta/delta.h"
#include "pipeline/graph.h"

/* The item of the query's select list that makes its column `index`; NULL: a star does, or no list. */
static const struct mr_sql_expression *item_of(const struct mr_sql_query *query, int index)
{
    const struct mr_sql_body *body = query->body;
    while (body && body->kind == MR_SQL_BODY_UNION)
        body = body->left;
    if (!body || body->kind != MR_SQL_BODY_SELECT || index < 0 || index >= body->item_count)
        return NULL;
    for (int i = 0; i <= index; i++)
        if (body->items[i].expression->kind == MR_SQL_STAR || body->items[i].alias_count > 1)
            return NULL;
    return body->items[index].expression;
}

/* Where the column comes from: its definition, or the first flow that has it. */
static int place(const struct mr_dataset *dataset, int column, struct mr_error *error)
{
    const struct mr_sql_statement *statement = dataset->statement;
    const char *name = column >= 0 ? dataset->schema->fields[column].name : "";
    for (int i = 0; i < statement->column_count; i++)
        if (column >= 0 && mr_names_equal(statement->columns[i].name, mr_str_of(name)))
            return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text,
                                   statement->columns[i].start, statement->columns[i].stop);
    for (int f = 0; f < dataset->flow_count && column >= 0; f++) {
        const struct mr_flow *flow = dataset->flows[f];
        int at = -1;
        for (int i = 0; flow->schema && i < flow->schema->field_count; i++) /* of two, the second */
            if (mr_names_equal(mr_str_of(flow->schema->fields[i].name), mr_str_of(name)))
                at = i;
        if (at < 0)
            continue;
        const struct mr_sql_expression *item = item_of(flow->query, at);
        return mr_error_in_sql(error, flow->origin->file, flow->origin->text,
                               item ? item->outer_start : flow->query->start,
                               item ? item->outer_stop : flow->query->stop);
    }
    return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text, statement->start,
                           statement->stop);
}

int mr_dataset_check_columns(const struct mr_dataset *dataset, struct mr_error *error)
{
    const struct mr_sql_statement *statement = dataset->statement;
    int column = -1, partition = -1;
    if (dataset->kind != MR_STREAMING_TABLE && dataset->kind != MR_MATERIALIZED_VIEW)
        return MR_OK;
    int status = mr_delta_schema_validate(dataset->full_name, dataset->schema, statement->partition_columns,
                                          statement->partition_count, &column, &partition, error);
    if (status < 0 && partition >= 0)
        return mr_error_in_sql(error, dataset->origin->file, dataset->origin->text,
                               statement->partition_names[partition].start,
                               statement->partition_names[partition].stop);
    return status < 0 ? place(dataset, column, error) : MR_OK;
}
