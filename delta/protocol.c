/* delta/protocol.c: which tables may be read and written, by the names of their features.
 *
 * A feature that a table's protocol lists but does not use asks nothing of a writer: "supported" is not
 * "active". So each feature we do not implement has a test for use, and only a used one is refused. Unknown
 * names are always refused. */
#include <stdio.h>

#include "delta/delta.h"

enum use {           /* of a feature by a table */
           ALWAYS,   /* listed means used */
           PROPERTY, /* a table property of that name is true */
           PREFIX,   /* some property begins so */
           FIELD,    /* a field's metadata has that key */
           MODE,     /* the property has a value other than "none" */
           OURS,     /* we do what it asks */
};
struct feature {
    const char *name;
    bool reads;    /* also a reader feature */
    bool readable; /* we read tables that use it */
    enum use use;  /* of what a writer must not meet */
    const char *key;
    int legacy_reader, legacy_writer; /* versions that imply it without naming it; 0: none */
};
static const struct feature features[] = {
    {"appendOnly", false, true, OURS, NULL, 0, 2},
    {"invariants", false, true, FIELD, "delta.invariants", 0, 2},
    {"checkConstraints", false, true, PREFIX, "delta.constraints.", 0, 3},
    {"changeDataFeed", false, true, OURS, NULL, 0,
     4}, /* whole files added and removed need no change files */
    {"generatedColumns", false, true, FIELD, "delta.generationExpression", 0, 4},
    {"columnMapping", true, true, MODE, "delta.columnMapping.mode", 2, 5},
    {"identityColumns", false, true, FIELD, "delta.identity.start", 0, 6},
    {"allowColumnDefaults", false, true, FIELD, "CURRENT_DEFAULT", 0, 0},
    {"deletionVectors", true, true, OURS, NULL, 0, 0}, /* appends have none, removals carry the old one */
    {"timestampNtz", true, true, OURS, NULL, 0, 0},
    {"domainMetadata", false, true, OURS, NULL, 0, 0},
    {"v2Checkpoint", true, true, OURS, NULL, 0, 0}, /* classic checkpoints of one part stay allowed */
    {"vacuumProtocolCheck", true, true, OURS, NULL, 0, 0},
    {"checkpointProtection", false, true, OURS, NULL, 0, 0}, /* no log entry is cleaned up */
    {"clustering", false, true, OURS, NULL, 0, 0},
    {"inCommitTimestamp", false, true, PROPERTY, "delta.enableInCommitTimestamps", 0, 0},
    {"inCommitTimestamp-preview", false, true, PROPERTY, "delta.enableInCommitTimestamps", 0, 0},
    {"typeWidening", true, true, PROPERTY, "delta.enableTypeWidening", 0, 0},
    {"typeWidening-preview", true, true, PROPERTY, "delta.enableTypeWidening", 0, 0},
    {"icebergCompatV1", false, true, PROPERTY, "delta.enableIcebergCompatV1", 0, 0},
    {"icebergCompatV2", false, true, PROPERTY, "delta.enableIcebergCompatV2", 0, 0},
    {"rowTracking", false, true, ALWAYS, NULL, 0, 0},
};
#define FEATURE_COUNT ((int)(sizeof(features) / sizeof(features[0])))

static const struct feature *find(struct mr_str name)
{
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (mr_str_equal(mr_str_of(features[i].name), name))
            return &features[i];
    return NULL;
}

/* A comma-separated list of names in a fixed buffer; what does not fit is cut, as messages are. */
struct names {
    char text[600];
    size_t size;
    int count;
};
static void add_name(struct names *names, struct mr_str name)
{
    int room = (int)(sizeof(names->text) - names->size);
    int size = snprintf(names->text + names->size, (size_t)room, "%s%.*s", names->count ? ", " : "",
                        (int)name.size, name.data);
    names->size += size < room ? (size_t)size : (size_t)room - 1;
    names->count++;
}

static int refuse(const char *condition, const char *table, const struct names *names, const char *what,
                  struct mr_error *error)
{
    mr_error_set(error, MR_E_UNSUPPORTED, condition,
                 "The table %s uses features that this version of Millrace cannot %s: %s. Use a newer "
                 "version, or have the "
                 "features dropped from the table.",
                 table, what, names->text);
    mr_error_parameter(error, "tableNameOrPath", "%s", table);
    mr_error_parameter(error, "deltaVersion", "%s", MR_DELTA_ENGINE);
    mr_error_parameter(error, "unsupported", "%s", names->text);
    return error->code;
}

static int refuse_version(const char *table, const struct mr_delta_protocol *protocol, struct mr_error *error)
{
    mr_error_set(error, MR_E_UNSUPPORTED, "DELTA_INVALID_PROTOCOL_VERSION",
                 "The table %s requires reader version %d and writer version %d of the Delta protocol; this "
                 "version of "
                 "Millrace knows reader versions to 3 and writer versions to 7.",
                 table, protocol->min_reader, protocol->min_writer);
    mr_error_parameter(error, "tableNameOrPath", "%s", table);
    mr_error_parameter(error, "readerRequired", "%d", protocol->min_reader);
    mr_error_parameter(error, "writerRequired", "%d", protocol->min_writer);
    return error->code;
}

int mr_delta_check_readable(const char *table, const struct mr_delta_protocol *protocol,
                            struct mr_error *error)
{
    struct names names = {0};
    if (protocol->min_reader > 3)
        return refuse_version(table, protocol, error);
    if (protocol->min_reader == 3)
        for (int i = 0; i < protocol->reader_feature_count; i++) {
            const struct feature *feature = find(protocol->reader_features[i]);
            if (!feature || !feature->readable || !feature->reads)
                add_name(&names, protocol->reader_features[i]);
        }
    return names.count == 0 ? MR_OK
                            : refuse("DELTA_UNSUPPORTED_FEATURES_FOR_READ", table, &names, "read", error);
}

static bool has_prefix(const struct mr_delta_metadata *metadata, const char *prefix)
{
    for (int i = 0; i < metadata->configuration.count; i++)
        if (mr_str_starts_with(metadata->configuration.items[i].key, mr_str_of(prefix)))
            return true;
    return false;
}

/* A key of some field's metadata. Inside a string (a comment, say) the closing quote would be escaped, so
 * this cannot be fooled. */
static bool has_field_key(const struct mr_delta_metadata *metadata, const char *key)
{
    char wanted[80];
    int size = snprintf(wanted, sizeof(wanted), "\"%s\":", key);
    return metadata->schema_json.size > 0 &&
           memmem(metadata->schema_json.data, metadata->schema_json.size, wanted, (size_t)size) != NULL;
}

static bool uses(const struct feature *feature, const struct mr_delta_metadata *metadata)
{
    struct mr_str value;
    switch (feature->use) {
    case ALWAYS:
        return true;
    case PROPERTY:
        return mr_delta_property_is(metadata, feature->key, false);
    case PREFIX:
        return has_prefix(metadata, feature->key);
    case FIELD:
        return has_field_key(metadata, feature->key);
    case MODE:
        value = mr_delta_property(metadata, feature->key);
        return value.size > 0 && !mr_str_equal_nocase(value, MR_STR("none"));
    case OURS:
        break;
    }
    return false;
}

int mr_delta_check_writable(const char *table, const struct mr_delta_protocol *protocol,
                            const struct mr_delta_metadata *metadata, struct mr_error *error)
{
    struct names names = {0};
    MR_TRY(mr_delta_check_readable(table, protocol, error));
    if (protocol->min_writer > 7)
        return refuse_version(table, protocol, error);
    if (protocol->min_writer < 7) {
        for (int i = 0; i < FEATURE_COUNT; i++)
            if (features[i].legacy_writer > 0 && features[i].legacy_writer <= protocol->min_writer &&
                uses(&features[i], metadata))
                add_name(&names, mr_str_of(features[i].name));
    } else {
        for (int i = 0; i < protocol->writer_feature_count; i++) {
            const struct feature *feature = find(protocol->writer_features[i]);
            if (!feature || uses(feature, metadata))
                add_name(&names, protocol->writer_features[i]);
        }
    }
    return names.count == 0 ? MR_OK
                            : refuse("DELTA_UNSUPPORTED_FEATURES_FOR_WRITE", table, &names, "write", error);
}

bool mr_delta_has_feature(const struct mr_delta_protocol *protocol, const char *name)
{
    struct mr_str wanted = mr_str_of(name);
    for (int i = 0; i < protocol->writer_feature_count; i++)
        if (mr_str_equal(protocol->writer_features[i], wanted))
            return true;
    const struct feature *feature = find(wanted);
    return feature && protocol->min_writer < 7 && feature->legacy_writer > 0 &&
           protocol->min_writer >= feature->legacy_writer;
}

static bool has_ntz(const struct mr_type *type)
{
    if (type->id == MR_TIMESTAMP_NTZ)
        return true;
    for (int i = 0; i < type->field_count; i++)
        if (has_ntz(type->fields[i].type))
            return true;
    return false;
}

int mr_delta_protocol_for(struct mr_arena *arena, const struct mr_type *schema,
                          const struct mr_delta_pairs *properties, struct mr_delta_protocol *out,
                          struct mr_error *error)
{
    static const char *const named[] = {"timestampNtz", "deletionVectors", "changeDataFeed", "appendOnly",
                                        "invariants"};
    bool wanted[5] = {has_ntz(schema)}, any = wanted[0];
    for (int i = 0; i < properties->count; i++) {
        bool on = mr_str_equal_nocase(properties->items[i].value, MR_STR("true"));
        if (on && mr_str_equal(properties->items[i].key, MR_STR("delta.enableDeletionVectors")))
            wanted[1] = any = true;
        if (on && mr_str_equal(properties->items[i].key, MR_STR("delta.enableChangeDataFeed")))
            wanted[2] = any = true;
    }
    *out = (struct mr_delta_protocol){.min_reader = 1, .min_writer = 2};
    if (!any)
        return MR_OK;
    out->min_reader = wanted[0] || wanted[1] ? 3 : 1;
    out->min_writer = 7;
    out->has_writer_features = true;
    out->has_reader_features = out->min_reader == 3;
    wanted[3] = wanted[4] = true; /* what the lower version implied stays */
    out->reader_features = MR_ARENA_ARRAY(arena, struct mr_str, 2);
    out->writer_features = MR_ARENA_ARRAY(arena, struct mr_str, 5);
    if (!out->reader_features || !out->writer_features)
        return mr_error_memory(error, 7 * sizeof(struct mr_str));
    for (int i = 0; i < 5; i++) {
        if (wanted[i])
            out->writer_features[out->writer_feature_count++] = mr_str_of(named[i]);
        if (wanted[i] && i < 2)
            out->reader_features[out->reader_feature_count++] = mr_str_of(named[i]);
    }
    return MR_OK;
}
