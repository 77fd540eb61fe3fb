/* expressions/interval_text.h: intervals from text. */
#ifndef MR_EXPRESSIONS_INTERVAL_TEXT_H
#define MR_EXPRESSIONS_INTERVAL_TEXT_H

#include "columns/type.h"

/* "1 02:03:04.5", "-1-2", "12:30", or the literal "INTERVAL '1 02:03' DAY TO MINUTE", as the fields of the
 * INTERVAL type ask for it: microseconds, or months. Blanks around are allowed. false: not such a text, or
 * out of range. */
bool mr_interval_parse(struct mr_str text, const struct mr_type *type, int64_t *value);

#endif
