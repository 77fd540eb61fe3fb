/* expressions/window.h: time windows, for those who plan and run them. */
#ifndef MR_EXPRESSIONS_WINDOW_H
#define MR_EXPRESSIONS_WINDOW_H

#include "expressions/function.h"

/* What a call of window(ts, duration[, slide[, start]]) was resolved to. Microseconds. */
struct mr_window {
    struct mr_bound_kernel kernel;
    int64_t duration_us, slide_us, start_us;
};
/* The window of e, a call of `window`; NULL when it is something else. As a value the call gives the latest
 * window that holds ts; where slide is shorter than duration, the others are those that start slide_us, 2 *
 * slide_us, … before it and still hold ts. */
const struct mr_window *mr_window_of(const struct mr_expression *e);
/* The gap of a call of session_window(ts, gap) when it is the same for all rows. As a value the call gives
 * [ts, ts + gap). */
bool mr_session_window_gap(const struct mr_expression *e, int64_t *gap_us);

/* "10 seconds", "1 hour 30 minutes", "interval 2 days", "-1.5 second": months, and microseconds of the rest
 * (days have 24 hours). false: none. */
bool mr_duration_parse(struct mr_str text, int64_t *months, int64_t *micros);

#endif
