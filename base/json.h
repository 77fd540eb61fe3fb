/* base/json.h: JSON text in and out.
 *
 * Reading: simdjson's first stage finds the structural characters of a whole buffer and checks its UTF-8
 * (base/json_index.cpp, the only C++ file of the project); walking them is C.
 * Writing: into an mr_text. */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include "base/memory.h"

/* ---- UTF-8 ---- */
/* Bytes of text that are whole, valid characters; text.size when all are. */
size_t mr_utf8_valid_prefix(struct mr_str text);
/* Size of the valid character at the start of text[0, size), size > 0; 0 when it is none. */
size_t mr_utf8_character_size(const char *text, size_t size);

/* ---- stage 1 ---- */
struct mr_json_index; /* reusable, one per thread */
struct mr_json_index *mr_json_index_new(void);
void mr_json_index_free(struct mr_json_index *index);
enum mr_json_index_result {
    MR_JSON_INDEXED = 0,
    MR_JSON_UNCLOSED_STRING = 1, /* also: a raw control character inside a string */
    MR_JSON_BAD_UTF8 = 2,
    MR_JSON_NO_MEMORY = 3,
};
/* Indexes text[0, size); MR_BUFFER_PADDING bytes behind it must be readable. *positions (owned by the index,
 * valid until the next call) are the offsets of { } [ ] : , of every opening quote, and of the first byte of
 * every number or literal; positions[count] == size is a sentinel. */
int mr_json_index_build(struct mr_json_index *index, const char *text, size_t size,
                        const uint32_t **positions, size_t *count);

/* ---- a small document tree, for logs, options, manifests (not for row data) ---- */
enum mr_json_type {
    MR_JSON_NULL,
    MR_JSON_BOOLEAN,
    MR_JSON_NUMBER,
    MR_JSON_STRING,
    MR_JSON_ARRAY,
    MR_JSON_OBJECT
};
struct mr_json {
    enum mr_json_type type;
    bool boolean;
    struct mr_str text;           /* NUMBER: raw text. STRING: unescaped. Any: also `raw` */
    struct mr_str raw;            /* the value's own text in the input */
    struct mr_str key;            /* name of this member in its object, unescaped */
    struct mr_json *first, *next; /* children in order; siblings */
    size_t count;
};
/* Parses exactly one value (surrounding blanks allowed); nesting up to 1,000. The tree lives in the arena and
 * views text: keep both. Strict RFC 8259. Error: MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION with offset,
 * code CORRUPT. */
int mr_json_parse(struct mr_arena *arena, struct mr_str text, struct mr_json **out, struct mr_error *error);
/* The last of duplicates; NULL: there is none, or it is no object. */
const struct mr_json *mr_json_member(const struct mr_json *object, const char *name);
/* Typed members: false, and *out untouched, when absent, null or of another type. */
bool mr_json_get_i64(const struct mr_json *object, const char *name, int64_t *out);
bool mr_json_get_bool(const struct mr_json *object, const char *name, bool *out);
bool mr_json_get_str(const struct mr_json *object, const char *name, struct mr_str *out);
bool mr_json_to_i64(const struct mr_json *number, int64_t *out); /* exact integers only */

/* ---- writer: commas and quoting done for you ---- */
struct mr_json_writer {
    struct mr_text *out;
    bool comma;
};
void mr_json_begin_object(struct mr_json_writer *w);
void mr_json_end_object(struct mr_json_writer *w);
void mr_json_begin_array(struct mr_json_writer *w);
void mr_json_end_array(struct mr_json_writer *w);
void mr_json_key(struct mr_json_writer *w, const char *name);
void mr_json_key_str(struct mr_json_writer *w, struct mr_str name);
void mr_json_str(struct mr_json_writer *w, struct mr_str value); /* escapes; invalid UTF-8 becomes U+FFFD */
void mr_json_cstr(struct mr_json_writer *w, const char *value);  /* NULL writes null */
void mr_json_i64(struct mr_json_writer *w, int64_t value);
void mr_json_double(struct mr_json_writer *w, double value); /* shortest; NaN and infinities as strings */
void mr_json_bool(struct mr_json_writer *w, bool value);
void mr_json_null(struct mr_json_writer *w);
void mr_json_raw(struct mr_json_writer *w, struct mr_str json); /* text that is JSON already */

#endif
