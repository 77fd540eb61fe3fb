/* storage/storage.h: where bytes live. Local files now, S3-compatible object stores behind the same
 * interface.
 *
 * Paths given to a storage are relative to its root and use '/'. The one operation everything rests on is
 * put_if_absent. */
#ifndef MR_STORAGE_STORAGE_H
#define MR_STORAGE_STORAGE_H

#include "base/env.h"

/* ---- byte streams, so that formats need not know what they read from or write to ---- */
struct mr_input {     /* random access, may be read by several threads at once */
    const char *name; /* for error messages */
    int64_t size_bytes;
    int (*read_at)(struct mr_input *input, int64_t offset, void *out, size_t size,
                   struct mr_error *error); /* all or error */
    void (*close)(struct mr_input *input);  /* frees it */
};
struct mr_output {
    const char *name;
    int64_t written_bytes;
    int (*write)(struct mr_output *output, const void *data, size_t size, struct mr_error *error);
    /* Makes the bytes durable (fsync; the directory is fsynced by the caller, once for all files, with
     * mr_storage_type.sync_directory) and frees it. */
    int (*finish)(struct mr_output *output, struct mr_error *error);
    void (*abandon)(struct mr_output *output); /* frees it and removes what was written */
};

struct mr_storage_entry {
    const char *path; /* relative to the root */
    int64_t size_bytes, modified_us;
    bool is_directory;
};

enum mr_put_result {
    MR_PUT_DONE = 0,
    MR_PUT_EXISTS = 4
}; /* or a negative code; AMBIGUOUS flag: it may have landed */

struct mr_storage;
struct mr_storage_type {
    const char *scheme; /* "file", "s3" */
    int (*open)(struct mr_storage *storage, struct mr_error *error);
    int (*input)(struct mr_storage *storage, const char *path, struct mr_input **out, struct mr_error *error);
    /* New object; missing directories are created and fsynced. */
    int (*output)(struct mr_storage *storage, const char *path, struct mr_output **out,
                  struct mr_error *error);
    /* Durable when it returns (content and name). MR_PUT_EXISTS: somebody else's is there and nothing was
     * done. */
    int (*put_if_absent)(struct mr_storage *storage, const char *path, const void *data, size_t size,
                         struct mr_error *error);
    int (*replace)(struct mr_storage *storage, const char *path, const void *data, size_t size,
                   struct mr_error *error);
    /* Whole object into out (appended). MR_END when there is none. */
    int (*get)(struct mr_storage *storage, const char *path, struct mr_text *out, struct mr_error *error);
    int (*stat)(struct mr_storage *storage, const char *path, struct mr_storage_entry *out,
                struct mr_error *error); /* MR_END */
    /* Entries of a directory whose name is > after (NULL: all), ascending by name, not recursive. A missing
     * directory is empty. */
    int (*list)(struct mr_storage *storage, const char *directory, const char *after,
                int (*each)(void *ctx, const struct mr_storage_entry *entry), void *ctx,
                struct mr_error *error);
    int (*remove)(struct mr_storage *storage, const char *path, struct mr_error *error); /* absent is fine */
    /* Removes what writes cut short left in the directory (list does not show it) before that time. */
    int (*remove_abandoned)(struct mr_storage *storage, const char *directory, int64_t before_us,
                            struct mr_error *error);
    /* Makes the content of an object that somebody else wrote durable; its name: sync_directory. */
    int (*sync)(struct mr_storage *storage, const char *path, struct mr_error *error);
    int (*sync_directory)(struct mr_storage *storage, const char *directory, struct mr_error *error);
    void (*close)(struct mr_storage *storage);
};
struct mr_storage {
    const struct mr_storage_type *type;
    char *root;
    void *ctx;
};
/* root: a path, or a URI ("file:///…"). Unknown scheme: MR_E_UNSUPPORTED by name. The directory need not
 * exist. */
int mr_storage_open(struct mr_storage *storage, const char *root, struct mr_error *error);
void mr_storage_close(struct mr_storage *storage);

#endif
