/* sinks/memory.h: tables in this process's memory that a query writes and the program reads: for tests, the C
 * API and small interactive use.
 *
 * The sink "memory" writes to the table its option "table" names. A table outlives the query and is found
 * again by name as long as somebody holds it, so a query that is stopped and started again goes on exactly
 * once; in a new process the table is empty, and what was published before is not there. */
#ifndef MR_SINKS_MEMORY_H
#define MR_SINKS_MEMORY_H

#include "sinks/sink.h"

struct mr_memory_table;
/* The table of that name, made when there is none; every open is paired with a close. NULL without memory. */
struct mr_memory_table *mr_memory_table_open(const char *name);
void mr_memory_table_close(struct mr_memory_table *table); /* the last one forgets it; NULL is fine */
int64_t mr_memory_table_rows(struct mr_memory_table *table);
/* Rows of one micro-batch (batch < 0: of all, in order), as a batch of the caller's; its schema is the
 * table's and lives as long as the table. MR_END when the table has had no schema yet. */
int mr_memory_table_read(struct mr_memory_table *table, int64_t batch, struct mr_batch *out,
                         struct mr_error *error);
/* Number of the last micro-batch that was published; -1: none. */
int64_t mr_memory_table_last_batch(struct mr_memory_table *table);

extern const struct mr_sink_type mr_memory_sink;

#endif
