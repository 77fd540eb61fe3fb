/* expressions/url.h: taking URLs apart, and percent-encoding. */
#ifndef MR_EXPRESSIONS_URL_H
#define MR_EXPRESSIONS_URL_H

#include "base/memory.h"

struct mr_url { /* views into the text; data NULL: not there */
    struct mr_str scheme, authority, user_info, host, path, query, fragment;
    struct mr_str file; /* path and query */
};
/* RFC 3986 as java.net.URI takes it. false: characters that must be encoded, or the parts are out of order.
 */
bool mr_url_parse(struct mr_str text, struct mr_url *out);
/* HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY, USERINFO; with key: the value of that key in the QUERY.
 */
bool mr_url_part(const struct mr_url *url, struct mr_str part, const struct mr_str *key, struct mr_str *out);

/* application/x-www-form-urlencoded, UTF-8. */
void mr_url_encode(struct mr_str text, struct mr_text *out);
bool mr_url_decode(struct mr_str text, struct mr_text *out); /* false: an incomplete %xx */

#endif
