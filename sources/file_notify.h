/* sources/file_notify.h: what the kernel tells about folders (inotify), waking up (eventfd), and whether
 * somebody still writes a file (leases). Behind a table, as base/env.h is for files, so that tests can lose
 * events and refuse leases. */
#ifndef MR_SOURCES_FILE_NOTIFY_H
#define MR_SOURCES_FILE_NOTIFY_H

#include "base/env.h"

enum mr_notice_kind {
    MR_NOTICE_COMPLETE,  /* a file was closed after writing, or moved in: it is whole */
    MR_NOTICE_CREATED,   /* a name appeared (link, or a file being written) */
    MR_NOTICE_DIRECTORY, /* a folder appeared or went: list */
    MR_NOTICE_OVERFLOW,  /* events were lost: list */
};
enum mr_lease_result {
    MR_LEASE_FREE,
    MR_LEASE_BUSY,
    MR_LEASE_UNKNOWN
}; /* UNKNOWN: not ours, or no leases here */

struct mr_notify_system {
    int (*start)(void);                                  /* an inotify descriptor, or -1 with errno */
    int (*watch)(int notify, const char *path);          /* a watch number, or -1 */
    int64_t (*read)(int notify, void *out, size_t size); /* -1 EAGAIN: nothing */
    enum mr_lease_result (*lease)(const char *path);     /* is nobody writing the file right now? */
};
const struct mr_notify_system *mr_notify_system(void);
void mr_notify_system_replace(const struct mr_notify_system *system); /* NULL: the kernel's */

struct mr_notify; /* one per source */
int mr_notify_open(struct mr_notify **out,
                   struct mr_error *error); /* works without inotify too: then watching is false */
void mr_notify_close(struct mr_notify *notify);
bool mr_notify_watching(const struct mr_notify *notify);
/* Watches a folder (once); directory is how events name it. false: it cannot be watched, so it must be
 * listed. */
bool mr_notify_watch(struct mr_notify *notify, const char *path);
/* All events that have come. path: folder + '/' + name, valid during the call. */
void mr_notify_drain(struct mr_notify *notify,
                     void (*each)(void *ctx, enum mr_notice_kind kind, const char *path), void *ctx);
void mr_notify_wait(struct mr_notify *notify, int64_t deadline_us);
void mr_notify_wake(struct mr_notify *notify); /* any thread */

#endif
