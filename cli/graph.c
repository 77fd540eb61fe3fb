/* cli/graph.c: millrace graph. */
#include "cli/open.h"

static const char *const kinds[] = {"streaming table", "materialized view", "view", "external table", "sink"};

static void print_dataset(const struct mr_dataset *dataset)
{
    struct mr_text text;
    mr_text_init(&text);
    printf("%s  (%s)\n", dataset->full_name, kinds[dataset->kind]);
    for (int c = 0; dataset->schema && c < dataset->schema->field_count; c++) {
        mr_text_clear(&text);
        mr_type_simple_text(&text, dataset->schema->fields[c].type);
        printf("    %-24s %s\n", dataset->schema->fields[c].name, text.data);
    }
    for (int f = 0; f < dataset->flow_count; f++) {
        const struct mr_flow *flow = dataset->flows[f];
        for (int i = 0; i < flow->input_count; i++)
            printf("    <- %s%s%s%s\n", flow->inputs[i]->full_name, dataset->flow_count > 1 ? "  (flow " : "",
                   dataset->flow_count > 1 ? flow->name : "", dataset->flow_count > 1 ? ")" : "");
    }
    mr_text_release(&text);
}

static void print_dot(const struct mr_pipeline *pipeline)
{
    printf("digraph pipeline {\n    rankdir=LR;\n    node [shape=box];\n");
    for (int d = 0; d < pipeline->dataset_count; d++) {
        const struct mr_dataset *dataset = pipeline->datasets[d];
        printf("    \"%s\" [label=\"%s\\n%s\"];\n", dataset->full_name, dataset->name, kinds[dataset->kind]);
        for (int f = 0; f < dataset->flow_count; f++)
            for (int i = 0; i < dataset->flows[f]->input_count; i++)
                printf("    \"%s\" -> \"%s\";\n", dataset->flows[f]->inputs[i]->full_name,
                       dataset->full_name);
    }
    printf("}\n");
}

static int run_graph(int argc, char **argv)
{
    const char *spec = NULL, *format = "text", *unused;
    int positional = 0;
    const struct mr_argument known[] = {{.name = "--spec", .value = &spec},
                                        {.name = "--format", .value = &format},
                                        {0}};
    struct mr_error error = {0};
    struct mr_opened opened;
    int status = mr_arguments(&mr_command_graph, argc, argv, known, &unused, 0, &positional);
    if (status != MR_EXIT_OK)
        return status < 0 ? MR_EXIT_OK : status;
    if (strcmp(format, "text") != 0 && strcmp(format, "dot") != 0)
        return mr_usage(&mr_command_graph, "--format is text or dot, not `%s`.", format);
    status = mr_open_project(&opened, spec, true, &error);
    if (status < 0) {
        status = mr_report(&error);
    } else {
        status = MR_EXIT_OK;
        if (strcmp(format, "dot") == 0)
            print_dot(&opened.pipeline);
        for (int d = 0; strcmp(format, "text") == 0 && d < opened.pipeline.dataset_count; d++)
            print_dataset(opened.pipeline.datasets[d]);
    }
    mr_close_project(&opened);
    return status;
}

const struct mr_command mr_command_graph = {
    .name = "graph",
    .summary = "show a project's tables, their columns and what they read",
    .help = "usage: millrace graph [--spec FILE] [--format text|dot]\n"
            "\n"
            "Lists every table and view with its columns and inputs, or prints the graph for Graphviz.\n"
            "\n"
            "options:\n"
            "  --spec FILE     the project file; else spark-pipeline.yml here or in a folder above\n"
            "  --format FORM   text (default) or dot\n"
            "\n"
            "examples:\n"
            "  millrace graph\n"
            "  millrace graph --format dot | dot -Tsvg > graph.svg\n",
    .run = run_graph};
