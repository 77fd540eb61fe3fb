/* storage/local.h: the storage of scheme "file". */
#ifndef MR_STORAGE_LOCAL_H
#define MR_STORAGE_LOCAL_H

#include "storage/storage.h"

extern const struct mr_storage_type mr_storage_local;

#endif
