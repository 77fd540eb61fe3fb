/* sinks/registry.c: sinks by name. To add one: its file, and a line in the table. */
#include "sinks/sink.h"

#include "sinks/console.h"
#include "sinks/delta.h"
#include "sinks/file.h"
#include "sinks/kafka.h"
#include "sinks/memory.h"

static const struct mr_sink_type *const types[] = {
    &mr_console_sink, &mr_csv_sink,    &mr_delta_sink_type, &mr_json_sink,
    &mr_kafka_sink,   &mr_memory_sink, &mr_parquet_sink,
};

const struct mr_sink_type *mr_sink_type_find(struct mr_str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (mr_str_equal_nocase(mr_str_of(types[i]->name), name))
            return types[i];
    }
    return NULL;
}

const struct mr_sink_type *mr_sink_type_for(struct mr_str name, const struct mr_option *options, int count)
{
    const struct mr_sink_type *type = mr_sink_type_find(name);
    const char *delivery = type == &mr_kafka_sink ? mr_option_text(options, count, "delivery") : NULL;
    return delivery && mr_str_equal_nocase(mr_str_of(delivery), MR_STR("at-least-once"))
               ? &mr_kafka_at_least_once_sink
               : type;
}
