/* sinks/console.h: rows as a table of text on standard output, as Spark prints them. */
#ifndef MR_SINKS_CONSOLE_H
#define MR_SINKS_CONSOLE_H

#include "sinks/sink.h"

/* Options: numRows (20), truncate (true: 20 characters; false; or a number). Printed when published: after a
 * crash between printing and remembering it, a batch is printed again. */
extern const struct mr_sink_type mr_console_sink;

/* The table Spark's show() makes of the rows: truncate 0 leaves values whole and flush left. more: rows
 * beyond these. */
void mr_console_table(struct mr_text *out, const struct mr_batch *rows, int64_t more, int truncate,
                      const struct mr_zone *zone);

#endif
