/* base/env.c: the system's files, time and dice, and the table they are reached through; kill points. */
#include "base/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Repeats a system call that a signal interrupted. */
#define RETRY(result, call)                                                                                  \
    do {                                                                                                     \
        result = (call);                                                                                     \
    } while (result < 0 && errno == EINTR)

static int system_open(const char *path, int flags)
{
    int mode = O_CLOEXEC;
    if ((flags & MR_OPEN_READ) && (flags & MR_OPEN_WRITE))
        mode |= O_RDWR;
    else
        mode |= flags & MR_OPEN_WRITE ? O_WRONLY : O_RDONLY;
    mode |= flags & MR_OPEN_CREATE ? O_CREAT : 0;
    mode |= flags & MR_OPEN_EXCLUSIVE ? O_EXCL : 0;
    mode |= flags & MR_OPEN_TRUNCATE ? O_TRUNC : 0;
    mode |= flags & MR_OPEN_APPEND ? O_APPEND : 0;
    int file;
    RETRY(file, open(path, mode, 0666));
    return file;
}

static int system_close(int file)
{
    /* Linux has closed the descriptor even when it answers EINTR; closing it again could hit somebody else's.
     */
    int result = close(file);
    return result < 0 && errno == EINTR ? 0 : result;
}

static int64_t system_read(int file, void *out, size_t size)
{
    int64_t result;
    RETRY(result, read(file, out, size));
    return result;
}

static int64_t system_pread(int file, void *out, size_t size, int64_t offset)
{
    int64_t result;
    RETRY(result, pread(file, out, size, offset));
    return result;
}

static int64_t system_write(int file, const void *data, size_t size)
{
    int64_t result;
    RETRY(result, write(file, data, size));
    return result;
}

static int system_fsync(int file)
{
    int result; /* EINTR comes before anything was tried, so repeating it is no retry of a failed fsync */
    RETRY(result, fsync(file));
    return result;
}

static int system_fsync_directory(const char *path)
{
    int file;
    RETRY(file, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (file < 0)
        return -1;
    int result = system_fsync(file), why = errno;
    system_close(file);
    errno = why;
    return result;
}

static int system_rename(const char *from, const char *to)
{
    int result;
    RETRY(result, rename(from, to));
    return result;
}

static int system_link(const char *from, const char *to)
{
    int result;
    RETRY(result, link(from, to));
    return result;
}

static int system_unlink(const char *path)
{
    int result;
    RETRY(result, unlink(path));
    return result;
}

static int system_mkdir(const char *path)
{
    int result;
    RETRY(result, mkdir(path, 0777));
    return result;
}

static int system_rmdir(const char *path)
{
    int result;
    RETRY(result, rmdir(path));
    return result;
}

static int system_stat(const char *path, struct mr_file_info *out)
{
    struct stat info;
    int result;
    RETRY(result, stat(path, &info));
    if (result < 0)
        return -1;
    *out = (struct mr_file_info){
        .size_bytes = info.st_size,
        .modified_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000,
        .device = info.st_dev,
        .inode = info.st_ino,
        .is_directory = S_ISDIR(info.st_mode),
        .is_regular = S_ISREG(info.st_mode),
    };
    return 0;
}

static bool entry_is_directory(DIR *directory, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    struct stat info;
    return fstatat(dirfd(directory), entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static int system_list(const char *path, int (*each)(void *ctx, const char *name, bool is_directory),
                       void *ctx)
{
    DIR *directory = opendir(path);
    if (!directory)
        return -1;
    int result = 0, why = 0;
    while (result == 0) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            why = errno;
            result = why ? -1 : 0;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = each(ctx, entry->d_name, entry_is_directory(directory, entry));
        why = errno;
    }
    closedir(directory);
    errno = why;
    return result;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static void system_sleep_us(int64_t duration_us)
{
    if (duration_us <= 0)
        return;
    struct timespec left = {.tv_sec = duration_us / 1000000, .tv_nsec = duration_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

static uint64_t system_random(void)
{
    uint64_t bits = 0;
    size_t got = 0;
    while (got < sizeof bits) {
        ssize_t n = getrandom((char *)&bits + got, sizeof bits - got, 0);
        if (n > 0)
            got += (size_t)n;
        else if (errno != EINTR)
            abort(); /* ids that might repeat would break exactly-once; no kernel we run on answers so */
    }
    return bits;
}

static const struct mr_env system_env = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .pread = system_pread,
    .write = system_write,
    .fsync = system_fsync,
    .fsync_directory = system_fsync_directory,
    .rename = system_rename,
    .link = system_link,
    .unlink = system_unlink,
    .mkdir = system_mkdir,
    .rmdir = system_rmdir,
    .stat = system_stat,
    .list = system_list,
    .now_us = system_now_us,
    .monotonic_us = system_monotonic_us,
    .sleep_us = system_sleep_us,
    .random = system_random,
};

static const struct mr_env *_Atomic in_force = &system_env;

const struct mr_env *mr_env(void)
{
    return atomic_load_explicit(&in_force, memory_order_acquire);
}

void mr_env_replace(const struct mr_env *env)
{
    atomic_store_explicit(&in_force, env ? env : &system_env, memory_order_release);
}

const struct mr_env *mr_env_system(void)
{
    return &system_env;
}

/* ---- kill points ---- */

static pthread_once_t killpoint_once = PTHREAD_ONCE_INIT;
static const char *killpoint_name; /* NULL: none armed */
static size_t killpoint_name_size;
static _Atomic int64_t killpoint_left;

static void killpoint_read(void)
{
    const char *armed = getenv("MILLRACE_KILLPOINT");
    if (!armed || !*armed)
        return;
    const char *colon = strrchr(armed, ':');
    killpoint_name_size = colon ? (size_t)(colon - armed) : strlen(armed);
    int64_t count = colon ? strtoll(colon + 1, NULL, 10) : 1;
    atomic_store(&killpoint_left, count > 0 ? count : 1);
    killpoint_name = strdup(armed); /* the environment may change later; the process ends with it anyway */
}

void mr_killpoint(const char *name)
{
    pthread_once(&killpoint_once, killpoint_read);
    if (!killpoint_name)
        return;
    if (strlen(name) != killpoint_name_size || memcmp(name, killpoint_name, killpoint_name_size) != 0)
        return;
    if (atomic_fetch_sub(&killpoint_left, 1) == 1)
        kill(getpid(), getenv("MILLRACE_KILLPOINT_STOPS") ? SIGSTOP : SIGKILL);
}
