/* storage/local.h: the storage of scheme "file", in two files: local.c (objects) and local_stream.c (input,
 * output). */
#ifndef MR_STORAGE_LOCAL_H
#define MR_STORAGE_LOCAL_H

#include "storage/storage.h"

#define MR_LOCAL_PATH_BYTES 4096 /* Linux's PATH_MAX, the final NUL included */

extern const struct mr_storage_type mr_storage_local;

/* root/path into out; MR_E_USAGE when it is too long for the system. path "" is the root itself. */
int mr_local_path(const struct mr_storage *storage, const char *path, char out[MR_LOCAL_PATH_BYTES],
                  struct mr_error *error);
/* Creates path for writing, exclusively; missing directories above it are made and fsynced. *file is the
 * descriptor. */
int mr_local_create(const char *path, int *file, struct mr_error *error);

int mr_local_input(struct mr_storage *storage, const char *path, struct mr_input **out,
                   struct mr_error *error);
int mr_local_output(struct mr_storage *storage, const char *path, struct mr_output **out,
                    struct mr_error *error);

#endif
