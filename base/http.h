/* base/http.h: one HTTP request, answered or failed within a time limit.
 *
 * libcurl does the work. It is loaded when the first request is made: loading it costs milliseconds that no
 * start of the program should pay. */
#ifndef MR_BASE_HTTP_H
#define MR_BASE_HTTP_H

#include "base/memory.h"

struct mr_http_request {
    const char *method, *url; /* http or https */
    struct mr_str body;       /* empty: none */
    const char *content_type, *accept;
    const char *user;                   /* "name:password" for basic authentication; NULL: none */
    const char *bearer;                 /* token; NULL: none */
    const char *ca_file;                /* certificates to trust, PEM; NULL: the system's */
    int connect_timeout_ms, timeout_ms; /* of the whole request */
    size_t most_bytes;                  /* of the answer */
};
struct mr_http_response {
    long status; /* 200, 404, … */
    struct mr_text body;
};
/* response->body was initialised by the caller, who releases it. MR_E_IO with condition (the caller's),
 * naming method, URL and cause when there is no answer; retriable when another attempt may do better. */
int mr_http(const struct mr_http_request *request, struct mr_http_response *response, const char *condition,
            struct mr_error *error);

#endif
