/* expressions/schema_registry.h: schemas kept by a Confluent schema registry (or one that speaks as it does).
 *
 * A client is shared by all who name the same address and credentials; it lives to the end of the process,
 * and so do the schemas it was given: an id never changes its meaning, so each is fetched once. Every request
 * ends: 3 attempts of at most 5 seconds. */
#ifndef MR_EXPRESSIONS_SCHEMA_REGISTRY_H
#define MR_EXPRESSIONS_SCHEMA_REGISTRY_H

#include "base/option.h"

struct mr_schema_registry;

struct mr_registry_options {
    const char *address;      /* NULL: no registry */
    const char *user;         /* "name:password"; NULL: none */
    const char *bearer_token; /* NULL: none */
    const char *ca_file;      /* NULL: the system's certificates */
};
extern const struct mr_option_spec mr_registry_option_table[]; /* of struct mr_registry_options */
int mr_schema_registry_find(const struct mr_registry_options *options, struct mr_schema_registry **out,
                            struct mr_error *error);
/* The Avro schema with the id, as JSON. MR_END: the registry has none of that id. Errors (MR_E_IO, condition
 * SCHEMA_REGISTRY_REQUEST_FAILED, naming the URL; retriable when nobody answered); MR_E_UNSUPPORTED for
 * schemas that are not Avro's or refer to others. */
int mr_schema_registry_by_id(struct mr_schema_registry *registry, int32_t id, struct mr_str *json,
                             struct mr_error *error);
/* The newest version of the subject. MR_END: there is no such subject. */
int mr_schema_registry_latest(struct mr_schema_registry *registry, struct mr_str subject, int32_t *id,
                              struct mr_str *json, struct mr_error *error);
/* The id of the schema under the subject, which has it from here on. */
int mr_schema_registry_register(struct mr_schema_registry *registry, struct mr_str subject,
                                struct mr_str json, int32_t *id, struct mr_error *error);

#define MR_SCHEMA_ID_BYTES 5 /* before each message: 0, then the id, big-endian */

#endif
