/* sources/file_notify.c: inotify, eventfd, leases. */
#include "sources/file_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* ---- the kernel's ---- */

static int system_start(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static int system_watch(int notify, const char *path)
{
    return inotify_add_watch(notify, path,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF |
                                 IN_ONLYDIR);
}

static int64_t system_read(int notify, void *out, size_t size)
{
    ssize_t got;
    do {
        got = read(notify, out, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* A read lease is granted only while nobody has the file open for writing; it is given back at once. */
static enum mr_lease_result system_lease(const char *path)
{
    int file = mr_env()->open(path, MR_OPEN_READ);
    if (file < 0)
        return MR_LEASE_UNKNOWN;
    enum mr_lease_result result = MR_LEASE_FREE;
    if (fcntl(file, F_SETLEASE, F_RDLCK) < 0)
        result = errno == EAGAIN ? MR_LEASE_BUSY : MR_LEASE_UNKNOWN;
    else
        fcntl(file, F_SETLEASE, F_UNLCK);
    mr_env()->close(file);
    return result;
}

static const struct mr_notify_system kernel = {system_start, system_watch, system_read, system_lease};
static const struct mr_notify_system *_Atomic in_force = &kernel;

const struct mr_notify_system *mr_notify_system(void)
{
    return atomic_load(&in_force);
}

void mr_notify_system_replace(const struct mr_notify_system *system)
{
    atomic_store(&in_force, system ? system : &kernel);
}

/* ---- one source's ---- */

struct mr_notify {
    int events;      /* inotify; -1: none */
    int bell;        /* eventfd */
    char **by_watch; /* watch number -> path, owned */
    int by_watch_count;
};

int mr_notify_open(struct mr_notify **out, struct mr_error *error)
{
    *out = NULL;
    struct mr_notify *n = mr_allocate_zeroed(sizeof *n);
    if (!n)
        return mr_error_memory(error, sizeof *n);
    n->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    n->events = mr_notify_system()->start();
    if (n->bell < 0) {
        int why = errno;
        mr_notify_close(n);
        return mr_error_system(error, why, "FAILED_READ_FILE.NO_HINT", "cannot make an event descriptor");
    }
    *out = n;
    return MR_OK;
}

void mr_notify_close(struct mr_notify *notify)
{
    if (!notify)
        return;
    if (notify->events >= 0)
        close(notify->events);
    if (notify->bell >= 0)
        close(notify->bell);
    for (int i = 0; i < notify->by_watch_count; i++)
        mr_free(notify->by_watch[i]);
    mr_free(notify->by_watch);
    mr_free(notify);
}

bool mr_notify_watching(const struct mr_notify *notify)
{
    return notify->events >= 0;
}

bool mr_notify_watch(struct mr_notify *notify, const char *path)
{
    if (notify->events < 0)
        return false;
    int watch = mr_notify_system()->watch(notify->events, path);
    if (watch < 0)
        return false;
    if (watch >= notify->by_watch_count) {
        int count = watch + 64;
        char **grown = mr_reallocate(notify->by_watch, sizeof(char *) * (size_t)count);
        if (!grown)
            return false;
        memset(grown + notify->by_watch_count, 0, sizeof(char *) * (size_t)(count - notify->by_watch_count));
        notify->by_watch = grown;
        notify->by_watch_count = count;
    }
    if (notify->by_watch[watch] && strcmp(notify->by_watch[watch], path) == 0)
        return true;
    size_t size = strlen(path) + 1;
    char *copy = mr_allocate(size);
    if (!copy)
        return false;
    memcpy(copy, path, size);
    mr_free(notify->by_watch[watch]);
    notify->by_watch[watch] = copy;
    return true;
}

static void report(struct mr_notify *notify, const struct inotify_event *event,
                   void (*each)(void *ctx, enum mr_notice_kind kind, const char *path), void *ctx)
{
    char path[4096 + 256];
    if (event->mask & IN_Q_OVERFLOW) {
        each(ctx, MR_NOTICE_OVERFLOW, "");
        return;
    }
    const char *directory =
        event->wd >= 0 && event->wd < notify->by_watch_count ? notify->by_watch[event->wd] : NULL;
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        if (directory && event->mask & IN_IGNORED) { /* the number may be given to another folder */
            mr_free(notify->by_watch[event->wd]);
            notify->by_watch[event->wd] = NULL;
        }
        each(ctx, MR_NOTICE_DIRECTORY, "");
        return;
    }
    if (!directory || event->len == 0)
        return;
    size_t size = strlen(directory), name = strlen(event->name);
    if (size + name + 2 > sizeof path) {
        each(ctx, MR_NOTICE_OVERFLOW, "");
        return;
    }
    memcpy(path, directory, size);
    path[size] = '/';
    memcpy(path + size + 1, event->name, name + 1);
    each(ctx,
         event->mask & IN_ISDIR                         ? MR_NOTICE_DIRECTORY
         : event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO) ? MR_NOTICE_COMPLETE
                                                        : MR_NOTICE_CREATED,
         path);
}

void mr_notify_drain(struct mr_notify *notify,
                     void (*each)(void *ctx, enum mr_notice_kind kind, const char *path), void *ctx)
{
    char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (notify->events >= 0) {
        int64_t got = mr_notify_system()->read(notify->events, events, sizeof events);
        if (got <= 0)
            break;
        for (int64_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);
            report(notify, event, each, ctx);
            at += (int64_t)(sizeof *event + event->len);
        }
    }
}

void mr_notify_wait(struct mr_notify *notify, int64_t deadline_us)
{
    struct pollfd polls[2] = {{notify->bell, POLLIN, 0}, {notify->events, POLLIN, 0}};
    int64_t left = deadline_us == INT64_MAX ? INT64_MAX : deadline_us - mr_env()->monotonic_us();
    if (left < 0)
        left = 0;
    struct timespec limit = {left / 1000000, left % 1000000 * 1000};
    ppoll(polls, 2, left > 86400000000LL ? NULL : &limit, NULL); /* a spurious return is fine */
    uint64_t rings;
    if (read(notify->bell, &rings, sizeof rings) < 0) /* only here, so that no wake is lost to a drain */
        return;
}

void mr_notify_wake(struct mr_notify *notify)
{
    uint64_t one = 1;
    if (write(notify->bell, &one, sizeof one) < 0)
        return; /* full: it rings already */
}
