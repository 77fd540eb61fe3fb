/* sources/registry.c: sources by name. To add one: its file, and a line in the table. */
#include "sources/source.h"

#include "sources/delta.h"
#include "sources/file_source.h"
#include "sources/kafka.h"
#include "sources/memory.h"

static const struct mr_source_type *const types[] = {
    &mr_delta_source_type,
    &mr_file_source,
    &mr_kafka_source,
    &mr_memory_source,
};

const struct mr_source_type *mr_source_type_find(struct mr_str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (mr_str_equal_nocase(mr_str_of(types[i]->name), name))
            return types[i];
    }
    return NULL;
}
