/* expressions/schema_registry.c: see schema_registry.h. */
#include "expressions/schema_registry.h"

#include <ctype.h>
#include <stdio.h>

#include "base/env.h"
#include "base/http.h"
#include "base/json.h"

#define FAILED "SCHEMA_REGISTRY_REQUEST_FAILED"
#define ATTEMPTS 3

struct mr_schema_registry {
    struct mr_arena arena;
    char *address, *user, *bearer, *ca_file; /* NULL: none; the address without a slash at its end */
    struct mr_map by_id;                     /* 4 bytes -> struct mr_str * */
    struct mr_schema_registry *next;
};
static struct mr_schema_registry *registries;
/* Held while a request is made: those who wait mostly want the same. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- clients ---- */
static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static char *copy(struct mr_arena *arena, const char *text)
{
    return text ? mr_arena_copy_text(arena, text, strlen(text)) : NULL;
}

static struct mr_schema_registry *new_registry(const char *address, const char *user, const char *bearer,
                                               const char *ca_file)
{
    struct mr_schema_registry *r = mr_allocate_zeroed(sizeof *r);
    if (!r)
        return NULL;
    mr_arena_init(&r->arena);
    mr_map_init(&r->by_id);
    r->address = copy(&r->arena, address);
    r->user = copy(&r->arena, user);
    r->bearer = copy(&r->arena, bearer);
    r->ca_file = copy(&r->arena, ca_file);
    r->next = registries;
    registries = r;
    return r;
}

#define TO(member) MR_OPTION_HOME(mr_registry_options, member)

const struct mr_option_spec mr_registry_option_table[] = {
    {"confluent.schema.registry.url", MR_OPTION_TEXT, NULL, "the same as schemaRegistryAddress", TO(address)},
    {"schemaRegistryAddress", MR_OPTION_TEXT, NULL,
     "messages carry the id of a schema that the registry there keeps: http://host:port", TO(address)},
    {"confluent.schema.registry.basic.auth.user.info", MR_OPTION_TEXT, NULL, "name:password for the registry",
     TO(user)},
    {"confluent.schema.registry.bearer.auth.token", MR_OPTION_TEXT, NULL, "a token for the registry",
     TO(bearer_token)},
    {"confluent.schema.registry.ssl.ca.location", MR_OPTION_TEXT, NULL,
     "file of certificates (PEM) to trust for https", TO(ca_file)},
    {0},
};

int mr_schema_registry_find(const struct mr_registry_options *options, struct mr_schema_registry **out,
                            struct mr_error *error)
{
    char clean[512];
    const char *address = options->address;
    size_t size = strlen(address);
    while (size > 0 && address[size - 1] == '/')
        size--;
    if (size >= sizeof clean || (strncmp(address, "http://", 7) != 0 && strncmp(address, "https://", 8) != 0))
        return mr_error_set(
            error, MR_E_SQL, "INVALID_OPTION_VALUE",
            "The address of a schema registry is http://host:port or https://host:port, not '%.200s'.",
            address);
    snprintf(clean, sizeof clean, "%.*s", (int)size, address);
    pthread_mutex_lock(&mutex);
    struct mr_schema_registry *r = registries;
    while (r && !(same_text(r->address, clean) && same_text(r->user, options->user) &&
                  same_text(r->bearer, options->bearer_token) && same_text(r->ca_file, options->ca_file)))
        r = r->next;
    if (!r)
        r = new_registry(clean, options->user, options->bearer_token, options->ca_file);
    pthread_mutex_unlock(&mutex);
    *out = r;
    return r ? MR_OK : mr_error_memory(error, sizeof *r);
}

/* ---- requests ---- */
static int refused(const struct mr_http_request *request, const struct mr_http_response *response,
                   struct mr_error *error)
{
    int size = response->body.size > 300 ? 300 : (int)response->body.size;
    mr_error_set(error, MR_E_IO, FAILED, "The schema registry refused %s %s with status %ld: %.*s",
                 request->method, request->url, response->status, size,
                 response->body.size ? response->body.data : "");
    mr_error_parameter(error, "url", "%s", request->url);
    return error->code;
}

/* MR_END: status 404. */
static int ask(const struct mr_schema_registry *r, const char *method, const char *path, struct mr_str body,
               struct mr_text *answer, struct mr_error *error)
{
    static const int64_t pause_us[ATTEMPTS] = {200000, 1000000, 0};
    char url[1400];
    struct mr_http_request request = {.method = method,
                                      .url = url,
                                      .body = body,
                                      .content_type =
                                          body.size ? "application/vnd.schemaregistry.v1+json" : NULL,
                                      .accept = "application/vnd.schemaregistry.v1+json, application/json",
                                      .user = r->user,
                                      .bearer = r->bearer,
                                      .ca_file = r->ca_file,
                                      .connect_timeout_ms = 3000,
                                      .timeout_ms = 5000,
                                      .most_bytes = 16 << 20};
    struct mr_http_response response = {.body = *answer};
    if (snprintf(url, sizeof url, "%s%s", r->address, path) >= (int)sizeof url)
        return mr_error_set(error, MR_E_SQL, "INVALID_OPTION_VALUE", "The name of the subject is too long.");
    int status = MR_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        mr_error_clear(error);
        status = mr_http(&request, &response, FAILED, error);
        bool overloaded = status == MR_OK && (response.status >= 500 || response.status == 429);
        if (overloaded) {
            status = refused(&request, &response, error);
            error->flags |= MR_RETRIABLE;
        }
        if (status >= 0 || !(error->flags & MR_RETRIABLE))
            break;
        mr_env()->sleep_us(pause_us[attempt]);
    }
    *answer = response.body;
    if (status < 0) {
        char cause[600];
        uint32_t flags = error->flags;
        snprintf(cause, sizeof cause, "%s", error->message);
        if (status == MR_E_MEMORY)
            return status;
        mr_error_set(error, MR_E_IO, FAILED, "%s%s", cause,
                     flags & MR_RETRIABLE
                         ? " That was attempt 3 of 3; is the schema registry up, and its address right?"
                         : "");
        mr_error_parameter(error, "url", "%s", url);
        error->flags = flags;
        return error->code;
    }
    if (response.status == 404)
        return MR_END;
    return response.status == 200 ? MR_OK : refused(&request, &response, error);
}

static void append_escaped(struct mr_text *out, struct mr_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~')
            mr_text_append_char(out, (char)c);
        else
            mr_text_format(out, "%%%02X", c);
    }
}

static int strange(const struct mr_schema_registry *r, const char *path, struct mr_error *error)
{
    return mr_error_set(error, MR_E_IO, FAILED, "The answer to %s%s is not a schema registry's.", r->address,
                        path);
}

/* The schema in an answer, kept with the registry. */
static int keep_schema(struct mr_schema_registry *r, const char *path, const struct mr_json *answer,
                       int32_t id, struct mr_str *json, struct mr_error *error)
{
    struct mr_str text, kind;
    if (!mr_json_get_str(answer, "schema", &text))
        return strange(r, path, error);
    const struct mr_json *references = mr_json_member(answer, "references");
    if ((mr_json_get_str(answer, "schemaType", &kind) && !mr_str_equal(kind, MR_STR("AVRO"))) ||
        (references && references->count > 0))
        return mr_error_set(error, MR_E_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "The schema with id %d at %s is not Avro's, or refers to other schemas.", id,
                            r->address);
    uint32_t key = (uint32_t)id;
    struct mr_map_entry *entry = mr_map_put(&r->by_id, (struct mr_str){(const char *)&key, sizeof key}, NULL);
    if (!entry)
        return mr_error_memory(error, text.size);
    if (!entry->pointer) {
        struct mr_str *kept = MR_ARENA_NEW(&r->arena, struct mr_str);
        if (kept)
            *kept = (struct mr_str){mr_arena_copy_text(&r->arena, text.data, text.size), text.size};
        if (!kept || !kept->data)
            return mr_error_memory(error, text.size);
        entry->pointer = kept;
    }
    *json = *(struct mr_str *)entry->pointer;
    return MR_OK;
}

/* One request under the mutex; with_id: the answer names the id. */
static int fetch(struct mr_schema_registry *r, const char *path, bool with_id, int32_t *id,
                 struct mr_str *json, struct mr_error *error)
{
    struct mr_text answer;
    struct mr_arena arena;
    struct mr_json *tree;
    struct mr_error parse_error;
    int64_t number = *id;
    mr_text_init(&answer);
    mr_arena_init(&arena);
    mr_error_clear(&parse_error);
    pthread_mutex_lock(&mutex);
    int status = ask(r, "GET", path, (struct mr_str){NULL, 0}, &answer, error);
    if (status == MR_OK && mr_json_parse(&arena, mr_text_str(&answer), &tree, &parse_error) < 0)
        status = strange(r, path, error);
    if (status == MR_OK && with_id && (!mr_json_get_i64(tree, "id", &number) || number != (int32_t)number))
        status = strange(r, path, error);
    if (status == MR_OK)
        status = keep_schema(r, path, tree, (int32_t)number, json, error);
    pthread_mutex_unlock(&mutex);
    *id = (int32_t)number;
    mr_arena_release(&arena);
    mr_text_release(&answer);
    return status;
}

int mr_schema_registry_by_id(struct mr_schema_registry *registry, int32_t id, struct mr_str *json,
                             struct mr_error *error)
{
    char path[64];
    uint32_t key = (uint32_t)id;
    pthread_mutex_lock(&mutex);
    const struct mr_map_entry *entry =
        mr_map_get(&registry->by_id, (struct mr_str){(const char *)&key, sizeof key});
    bool known = entry && entry->pointer;
    if (known)
        *json = *(struct mr_str *)entry->pointer;
    pthread_mutex_unlock(&mutex);
    if (known)
        return MR_OK;
    snprintf(path, sizeof path, "/schemas/ids/%d", id);
    return fetch(registry, path, false, &id, json, error);
}

int mr_schema_registry_latest(struct mr_schema_registry *registry, struct mr_str subject, int32_t *id,
                              struct mr_str *json, struct mr_error *error)
{
    struct mr_text path;
    mr_text_init(&path);
    mr_text_append_str(&path, "/subjects/");
    append_escaped(&path, subject);
    mr_text_append_str(&path, "/versions/latest");
    *id = 0;
    int status =
        path.failed ? mr_error_memory(error, path.size) : fetch(registry, path.data, true, id, json, error);
    mr_text_release(&path);
    return status;
}

int mr_schema_registry_register(struct mr_schema_registry *registry, struct mr_str subject,
                                struct mr_str json, int32_t *id, struct mr_error *error)
{
    struct mr_text path, body, answer;
    struct mr_json_writer writer = {.out = &body};
    struct mr_arena arena;
    struct mr_json *tree;
    struct mr_error parse_error;
    int64_t number = 0;
    mr_text_init(&path);
    mr_text_init(&body);
    mr_text_init(&answer);
    mr_arena_init(&arena);
    mr_error_clear(&parse_error);
    mr_text_append_str(&path, "/subjects/");
    append_escaped(&path, subject);
    mr_text_append_str(&path, "/versions");
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "schema");
    mr_json_str(&writer, json);
    mr_json_end_object(&writer);
    int status = path.failed || body.failed ? mr_error_memory(error, body.size) : MR_OK;
    if (status == MR_OK)
        status = ask(registry, "POST", path.data, mr_text_str(&body), &answer, error);
    if (status == MR_END)
        status = strange(registry, path.data, error);
    if (status == MR_OK && (mr_json_parse(&arena, mr_text_str(&answer), &tree, &parse_error) < 0 ||
                            !mr_json_get_i64(tree, "id", &number) || number != (int32_t)number))
        status = strange(registry, path.data, error);
    *id = (int32_t)number;
    mr_arena_release(&arena);
    mr_text_release(&answer);
    mr_text_release(&body);
    mr_text_release(&path);
    return status;
}
