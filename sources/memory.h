/* sources/memory.h: a stream that the program feeds: for tests, the C API and the runner of recorded cases.
 *
 * A stream is a growing list of units; a unit is a batch of rows that is taken whole, as a file is. The
 * source "memory" reads the stream its option "stream" names; several queries may read one stream, and start
 * again from any unit, as long as somebody holds it. Offset: the number of units taken. Options: stream,
 * maxFilesPerTrigger (units per micro-batch), maxBytesPerTrigger. */
#ifndef MR_SOURCES_MEMORY_H
#define MR_SOURCES_MEMORY_H

#include "sources/source.h"

struct mr_memory_stream;
/* The stream of that name, made with this schema (copied) when there is none; every open is paired with a
 * close. */
int mr_memory_stream_open(struct mr_memory_stream **out, const char *name, const struct mr_type *schema,
                          struct mr_error *error);
void mr_memory_stream_close(struct mr_memory_stream *stream); /* the last one forgets it; NULL is fine */
const struct mr_type *mr_memory_stream_schema(const struct mr_memory_stream *stream);
/* Adds a unit; the columns are shared. Wakes readers. From any thread. */
int mr_memory_stream_add(struct mr_memory_stream *stream, const struct mr_batch *rows,
                         struct mr_error *error);
int64_t mr_memory_stream_units(struct mr_memory_stream *stream);
/* Units of which some query has said that they are published (invariant 13). */
int64_t mr_memory_stream_published(struct mr_memory_stream *stream);

extern const struct mr_source_type mr_memory_source;

#endif
