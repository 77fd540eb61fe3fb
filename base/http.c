/* base/http.c: see http.h. */
#include "base/http.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

/* The functions that are used, by name. */
#define CURL_FUNCTIONS(X)                                                                                    \
    X(curl_global_init)                                                                                      \
    X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_perform) X(curl_easy_getinfo) X(curl_easy_cleanup)     \
        X(curl_slist_append) X(curl_slist_free_all) X(curl_easy_strerror)
static struct {
#define X(name) __typeof__(name) *name;
    CURL_FUNCTIONS(X)
#undef X
} curl;
static bool loaded;
static char load_problem[200];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    const char *problem = library ? NULL : dlerror();
    snprintf(load_problem, sizeof load_problem, "%s",
             problem ? problem : "a function is missing in libcurl.so.4");
    if (!library)
        return;
    loaded = true;
#define X(name)                                                                                              \
    *(void **)&curl.name = dlsym(library, #name);                                                            \
    loaded &= curl.name != NULL;
    CURL_FUNCTIONS(X)
#undef X
    loaded = loaded && curl.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct answer {
    struct mr_text *body;
    size_t most_bytes;
};

static size_t take(char *data, size_t one, size_t count, void *ctx)
{
    struct answer *answer = ctx;
    if (answer->body->size + one * count > answer->most_bytes)
        return 0;
    mr_text_append(answer->body, data, one * count);
    return answer->body->failed ? 0 : one * count;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[300];
    if (!value)
        return list;
    snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *more = curl.curl_slist_append(list, line);
    return more ? more : list;
}

static void set_up(CURL *handle, const struct mr_http_request *r, struct curl_slist *headers,
                   struct answer *answer, char *problem)
{
    __typeof__(curl_easy_setopt) *set = curl.curl_easy_setopt;
    set(handle, CURLOPT_URL, r->url);
    set(handle, CURLOPT_CUSTOMREQUEST, r->method);
    set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_NOSIGNAL, 1L);
    set(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_timeout_ms);
    set(handle, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    set(handle, CURLOPT_FOLLOWLOCATION, 1L);
    set(handle, CURLOPT_MAXREDIRS, 3L);
    set(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_HTTPHEADER, headers);
    set(handle, CURLOPT_WRITEFUNCTION, take);
    set(handle, CURLOPT_WRITEDATA, answer);
    set(handle, CURLOPT_ERRORBUFFER, problem);
    if (r->body.size > 0) {
        set(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
        set(handle, CURLOPT_POSTFIELDS, r->body.data);
    }
    if (r->user) {
        set(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        set(handle, CURLOPT_USERPWD, r->user);
    }
    if (r->bearer) {
        set(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        set(handle, CURLOPT_XOAUTH2_BEARER, r->bearer);
    }
    if (r->ca_file)
        set(handle, CURLOPT_CAINFO, r->ca_file);
}

static bool worth_another(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return true;
    default:
        return false;
    }
}

int mr_http(const struct mr_http_request *request, struct mr_http_response *response, const char *condition,
            struct mr_error *error)
{
    char problem[CURL_ERROR_SIZE] = "";
    struct answer answer = {&response->body, request->most_bytes};
    pthread_once(&once, load);
    if (!loaded)
        return mr_error_set(error, MR_E_IO, condition, "%s %s needs libcurl (package libcurl4): %s.",
                            request->method, request->url, load_problem);
    CURL *handle = curl.curl_easy_init();
    if (!handle)
        return mr_error_memory(error, 0);
    struct curl_slist *headers = add_header(NULL, "Expect", ""); /* no waiting for 100 */
    headers = add_header(headers, "Content-Type", request->content_type);
    headers = add_header(headers, "Accept", request->accept);
    mr_text_clear(&response->body);
    set_up(handle, request, headers, &answer, problem);
    CURLcode code = curl.curl_easy_perform(handle);
    response->status = 0;
    curl.curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response->status);
    curl.curl_slist_free_all(headers);
    curl.curl_easy_cleanup(handle);
    if (response->body.failed)
        return mr_error_memory(error, response->body.size);
    if (code == CURLE_OK)
        return MR_OK;
    mr_error_set(error, MR_E_IO, condition, "%s %s failed: %s.", request->method, request->url,
                 *problem ? problem : curl.curl_easy_strerror(code));
    if (worth_another(code))
        error->flags |= MR_RETRIABLE;
    return error->code;
}
