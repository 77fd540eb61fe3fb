/* sinks/registry.c: sinks by name. To add one: its file, and a line in the table. */
#include "sinks/sink.h"

#include "sinks/console.h"
#include "sinks/delta.h"
#include "sinks/memory.h"

static const struct mr_sink_type *const types[] = {
    &mr_console_sink,
    &mr_delta_sink_type,
    &mr_memory_sink,
};

const struct mr_sink_type *mr_sink_type_find(struct mr_str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (mr_str_equal_nocase(mr_str_of(types[i]->name), name))
            return types[i];
    }
    return NULL;
}
