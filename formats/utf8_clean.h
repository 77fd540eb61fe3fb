/* formats/utf8_clean.h: bytes that may be anything, made the UTF-8 that a STRING is. */
#ifndef MR_FORMATS_UTF8_CLEAN_H
#define MR_FORMATS_UTF8_CLEAN_H

#include "base/json.h"

/* The text with whatever is not UTF-8 replaced by U+FFFD, as many as Java's decoder would put there. A view
 * of text when there is nothing to replace, else written to scratch (cleared first). */
struct mr_str mr_utf8_clean(struct mr_str text, struct mr_text *scratch);

#endif
