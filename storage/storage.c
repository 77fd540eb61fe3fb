/* storage/storage.c: from a root to the storage that serves it. */
#include "storage/storage.h"

#include "storage/local.h"

static const struct mr_storage_type *const storage_types[] = {&mr_storage_local};

/* The scheme of "scheme:rest", lower case only as in every URI in use; size 0 when root is a plain path. A
 * colon after a slash, or a name that is not a scheme, belongs to the path. */
static struct mr_str scheme_of(const char *root)
{
    size_t n = 0;
    while ((root[n] >= 'a' && root[n] <= 'z') ||
           (n > 0 && ((root[n] >= '0' && root[n] <= '9') || root[n] == '+')))
        n++;
    bool is_uri = n > 1 && root[n] == ':' && root[n + 1] == '/';
    return (struct mr_str){root, is_uri ? n : 0};
}

int mr_storage_open(struct mr_storage *storage, const char *root, struct mr_error *error)
{
    memset(storage, 0, sizeof(*storage));
    if (root[0] == '\0')
        return mr_error_set(error, MR_E_USAGE, "PATH_NOT_FOUND",
                            "An empty path cannot be the root of a storage.");
    struct mr_str scheme = scheme_of(root);
    if (scheme.size == 0)
        scheme = MR_STR("file");
    const struct mr_storage_type *type = NULL;
    for (size_t i = 0; i < sizeof(storage_types) / sizeof(storage_types[0]); i++)
        if (mr_str_equal(mr_str_of(storage_types[i]->scheme), scheme))
            type = storage_types[i];
    if (!type)
        return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM",
                            "%s: no storage for the scheme '%.*s'; use a local path or a file: URI.", root,
                            (int)scheme.size, scheme.data);
    storage->type = type;
    storage->root = mr_allocate(strlen(root) + 1);
    if (!storage->root)
        return mr_error_memory(error, strlen(root) + 1);
    memcpy(storage->root, root, strlen(root) + 1);
    int status = type->open(storage, error);
    if (status < 0)
        mr_storage_close(storage);
    return status;
}

void mr_storage_close(struct mr_storage *storage)
{
    if (storage->type && storage->ctx)
        storage->type->close(storage);
    mr_free(storage->root);
    memset(storage, 0, sizeof(*storage));
}
