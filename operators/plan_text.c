/* operators/plan_text.c: see the header. */
#include "operators/plan_text.h"

void mr_plan_text_columns(struct mr_text *out, const struct mr_type *input, const int *columns, int count)
{
    for (int c = 0; c < count; c++) {
        const struct mr_field *field = &input->fields[columns ? columns[c] : c];
        mr_text_format(out, "%s%s ", c > 0 ? ", " : "", field->name);
        mr_type_simple_text(out, field->type);
    }
}

void mr_plan_text_aggregates(struct mr_text *out, const struct mr_aggregate *const *aggregates, int count,
                             const struct mr_type *input)
{
    for (int a = 0; a < count; a++) {
        mr_text_append_str(out, a > 0 ? ", " : "");
        mr_aggregate_name(out, aggregates[a], input);
        mr_text_append_char(out, ' ');
        mr_type_simple_text(out, aggregates[a]->result);
        if (aggregates[a]->state_bytes > 64)
            mr_text_format(out, " of %zu bytes", aggregates[a]->state_bytes);
    }
}
