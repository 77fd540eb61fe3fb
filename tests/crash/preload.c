/* tests/crash/preload.c: a library to preload, which counts the durable calls of a whole process (RocksDB's
 * too) and makes trouble at one of them.
 *
 * Durable calls: write, writev, pwrite, fsync, fdatasync, sync_file_range, rename*, link*, unlink*, rmdir,
 * mkdir*, ftruncate, and open with O_CREAT or O_TRUNC; on regular files and directories below
 * MILLRACE_FAULT_ROOT only (pipes, terminals and eventfds do not count). One counter for the process.
 *
 *   MILLRACE_FAULT_ROOT=DIR     what counts; several with ':'
 *   MILLRACE_FAULT_COUNT=FILE   writes "N\n" there when the process exits
 *   MILLRACE_FAULT_TRACE=FILE   appends one line per call: number, name, path
 *   MILLRACE_FAULT_PATH=TEXT    N counts only the calls on a path that holds this text
 *   MILLRACE_FAULT_MET=FILE     made when the trouble strikes
 *   MILLRACE_FAULT_AFTER_POINT=1  N counts from the named kill point on (MILLRACE_KILLPOINT), which kills
 * nobody MILLRACE_FAULT_AT=N         trouble at the N-th call (1-based); MILLRACE_FAULT_KIND says which: kill
 * SIGKILL before the call happens kill-after    SIGKILL right after it kill-half     SIGKILL after half of a
 * write's bytes; before any other call eio enospc eintr   the call fails with that errno, once; with
 * MILLRACE_FAULT_AGAIN=1 all later calls of its name too short         the call, or the first write after it,
 * writes half of its bytes stop          SIGSTOP, once; somebody wakes us with SIGCONT
 *
 *   MILLRACE_FAULT_JOURNAL=FILE appends a record per call that changed a file or a name, and per fsync, bytes
 *                 included. It outlives the process: power.py replays it over what was there before and
 * leaves out what was not synced. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum trouble { NONE, KILL, KILL_AFTER, KILL_HALF, FAIL, SHORT, STOP };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char roots[4][PATH_MAX];
static int root_count;
static long counter, fault_at;
static enum trouble kind;
static int fault_errno;
static const char *fault_path;
static bool again;
static char again_name[32];
static int trace_file = -1;
static char count_path[PATH_MAX];
static const char *met_path;
static bool after_point; /* counting towards fault_at begins at the named kill point */
static int journal_file = -1;

/* ---- journal ---- */
enum note { NOTE_WRITE = 1, NOTE_SIZE, NOTE_SYNC, NOTE_NAME, NOTE_REMOVE, NOTE_RENAME };
/* One record, little-endian: this head, then two names (no terminating zeros), then the bytes of a write. */
struct note_head {
    uint32_t kind;
    uint16_t name_size, name2_size;
    uint64_t inode;                 /* the file; NOTE_NAME: what gets the name; NOTE_RENAME: what moves */
    uint64_t directory, directory2; /* of the names; NOTE_RENAME: from, to */
    int64_t offset, size; /* NOTE_NAME: offset is 1 for a new file, 2 for a new directory, 0 for a link */
};

/* Appends a record; called with the lock held, after the call it tells of. */
static void note(struct note_head head, const char *name, const char *name2, const void *bytes)
{
    head.name_size = (uint16_t)(name ? strlen(name) : 0);
    head.name2_size = (uint16_t)(name2 ? strlen(name2) : 0);
    struct iovec pieces[4] = {{&head, sizeof(head)},
                              {(void *)name, head.name_size},
                              {(void *)name2, head.name2_size},
                              {(void *)bytes, bytes ? (size_t)head.size : 0}};
    size_t size = sizeof(head) + pieces[1].iov_len + pieces[2].iov_len + pieces[3].iov_len;
    if (syscall(SYS_writev, journal_file, pieces, 4) != (long)size)
        abort(); /* a test whose journal has a gap shows nothing */
}

static uint64_t inode_of(const char *path)
{
    struct stat info;
    return syscall(SYS_lstat, path, &info) == 0 ? info.st_ino : 0;
}

/* The directory's inode; *name: the last part of the path. */
static uint64_t directory_of(const char *path, const char **name)
{
    char folder[PATH_MAX];
    struct stat info;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash && slash > path ? (int)(slash - path) : 1,
             slash ? path : ".");
    *name = slash ? slash + 1 : path;
    return syscall(SYS_stat, folder, &info) == 0 ? info.st_ino : 0;
}

static void note_content(enum note what, int file, int64_t offset, int64_t size, const void *bytes)
{
    struct stat info;
    if (journal_file >= 0 && syscall(SYS_fstat, file, &info) == 0)
        note((struct note_head){.kind = what, .inode = info.st_ino, .offset = offset, .size = size}, NULL,
             NULL, bytes);
}

static void note_name(enum note what, const char *path, int made)
{
    const char *name;
    if (journal_file < 0)
        return;
    uint64_t directory = directory_of(path, &name);
    note((struct note_head){.kind = what,
                            .inode = made >= 0 ? inode_of(path) : 0,
                            .directory = directory,
                            .offset = made},
         name, NULL, NULL);
}

static void note_rename(const char *from, const char *to)
{
    const char *name, *name2;
    if (journal_file < 0)
        return;
    uint64_t directory = directory_of(from, &name), directory2 = directory_of(to, &name2);
    note((struct note_head){.kind = NOTE_RENAME,
                            .inode = inode_of(to),
                            .directory = directory,
                            .directory2 = directory2},
         name, name2, NULL);
}

/* ---- set-up ---- */
static void start(void)
{
    const char *list = getenv("MILLRACE_FAULT_ROOT"), *at = getenv("MILLRACE_FAULT_AT"),
               *name = getenv("MILLRACE_FAULT_KIND");
    const char *count = getenv("MILLRACE_FAULT_COUNT"), *trace = getenv("MILLRACE_FAULT_TRACE"),
               *journal = getenv("MILLRACE_FAULT_JOURNAL");
    while (list && *list && root_count < 4) {
        size_t size = strcspn(list, ":");
        snprintf(roots[root_count++], PATH_MAX, "%.*s", (int)size, list);
        list += size + (list[size] == ':');
    }
    fault_at = at ? atol(at) : 0;
    again = getenv("MILLRACE_FAULT_AGAIN") != NULL;
    after_point = getenv("MILLRACE_FAULT_AFTER_POINT") != NULL;
    met_path = getenv("MILLRACE_FAULT_MET");
    fault_path = getenv("MILLRACE_FAULT_PATH");
    if (name) {
        kind = !strcmp(name, "kill")         ? KILL
               : !strcmp(name, "kill-after") ? KILL_AFTER
               : !strcmp(name, "kill-half")  ? KILL_HALF
               : !strcmp(name, "short")      ? SHORT
               : !strcmp(name, "stop")       ? STOP
                                             : FAIL;
        fault_errno = !strcmp(name, "enospc") ? ENOSPC : !strcmp(name, "eintr") ? EINTR : EIO;
    }
    if (count)
        snprintf(count_path, sizeof(count_path), "%s", count);
    if (trace)
        trace_file =
            (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (journal)
        journal_file =
            (int)syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

__attribute__((destructor)) static void finish(void)
{
    if (count_path[0]) {
        char text[32];
        int size = snprintf(text, sizeof(text), "%ld\n", counter);
        int file = (int)syscall(SYS_openat, AT_FDCWD, count_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        syscall(SYS_write, file, text, size);
        syscall(SYS_close, file);
    }
}

static bool below_roots(const char *path)
{
    char whole[PATH_MAX * 2];
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof(here)))
            return false;
        snprintf(whole, sizeof(whole), "%s/%s", here, path);
        path = whole;
    }
    for (int i = 0; i < root_count; i++) {
        size_t size = strlen(roots[i]);
        if (strncmp(path, roots[i], size) == 0 && (path[size] == '/' || path[size] == '\0'))
            return true;
    }
    return false;
}

static bool path_of(int file, char *out)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    ssize_t size = syscall(SYS_readlink, link, out, PATH_MAX - 1);
    if (size <= 0)
        return false;
    out[size] = 0;
    char *deleted = strstr(out, " (deleted)");
    if (deleted)
        *deleted = 0;
    return out[0] == '/';
}

static bool counts(int file, char *path)
{
    struct stat info;
    pthread_once(&once, start);
    if (root_count == 0 || syscall(SYS_fstat, file, &info) != 0 ||
        !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)))
        return false;
    return path_of(file, path) && below_roots(path);
}

static bool counts_path(const char *path)
{
    pthread_once(&once, start);
    return root_count > 0 && path && below_roots(path);
}

static void strike(void)
{
    if (met_path)
        syscall(SYS_close, syscall(SYS_openat, AT_FDCWD, met_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

/* What to do with this call: 0 go on, 1 fail with errno set, 2 short write. Called with the lock held. */
static int meet(const char *name, const char *path)
{
    counter++;
    if (trace_file >= 0) {
        char line[PATH_MAX + 64];
        int size = snprintf(line, sizeof(line), "%ld %s %s\n", counter, name, path);
        syscall(SYS_write, trace_file, line, size);
    }
    if (again && again_name[0] && strcmp(again_name, name) == 0) {
        errno = fault_errno;
        return 1;
    }
    if (after_point)
        return 0;
    if (kind == SHORT) {
        bool now = fault_at > 0 && counter >= fault_at && strstr(name, "write");
        fault_at = now ? 0 : fault_at;
        if (now)
            strike();
        return now ? 2 : 0;
    }
    if (fault_path && !strstr(path, fault_path)) { /* not one of those that are meant */
        fault_at++;
        return 0;
    }
    if (counter != fault_at)
        return 0;
    strike();
    switch (kind) {
    case KILL:
        die();
        break;
    case KILL_HALF:
        if (strstr(name, "write"))
            return 2;
        die();
        break;
    case FAIL:
        if (again)
            snprintf(again_name, sizeof(again_name), "%s", name);
        errno = fault_errno;
        return 1;
    case STOP:
        pthread_mutex_unlock(&lock);
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP); /* this thread goes no further */
        pthread_mutex_lock(&lock);
        break;
    default:
        break;
    }
    return 0;
}

static void met(void)
{
    if ((kind == KILL_AFTER || kind == KILL_HALF) && counter == fault_at)
        die();
}

/* ---- the calls ---- */
static ssize_t do_write(const char *name, int file, const void *data, size_t size, int64_t offset,
                        bool positioned)
{
    char path[PATH_MAX];
    if (!counts(file, path))
        return positioned ? syscall(SYS_pwrite64, file, data, size, offset)
                          : syscall(SYS_write, file, data, size);
    pthread_mutex_lock(&lock);
    int64_t at = offset;
    if (!positioned) {
        int flags = (int)syscall(SYS_fcntl, file, F_GETFL);
        struct stat info;
        syscall(SYS_fstat, file, &info);
        at = flags & O_APPEND ? info.st_size : syscall(SYS_lseek, file, 0, SEEK_CUR);
    }
    int what = meet(name, path);
    ssize_t result = -1;
    int kept_errno = errno;
    if (what != 1) {
        size_t some = what == 2 && size > 1 ? size / 2 : size;
        result = positioned ? syscall(SYS_pwrite64, file, data, some, offset)
                            : syscall(SYS_write, file, data, some);
        kept_errno = errno;
        if (result > 0)
            note_content(NOTE_WRITE, file, at, result, data);
        met();
    }
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}

ssize_t write(int file, const void *data, size_t size)
{
    return do_write("write", file, data, size, 0, false);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    return do_write("pwrite", file, data, size, offset, true);
}
ssize_t pwrite64(int file, const void *data, size_t size, off_t offset)
{
    return do_write("pwrite", file, data, size, offset, true);
}

ssize_t writev(int file, const struct iovec *pieces, int count)
{
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len == 0)
            continue;
        ssize_t wrote = do_write("writev", file, pieces[i].iov_base, pieces[i].iov_len, 0, false);
        if (wrote < 0)
            return sum > 0 ? sum : wrote;
        sum += wrote;
        if ((size_t)wrote < pieces[i].iov_len)
            break;
    }
    return sum;
}

static int do_sync(const char *name, int file, long number)
{
    char path[PATH_MAX];
    if (!counts(file, path))
        return (int)syscall(number, file);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet(name, path) == 0) {
        result = (int)syscall(number, file);
        if (result == 0)
            note_content(NOTE_SYNC, file, 0, 0, NULL);
        met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}
int fsync(int file)
{
    return do_sync("fsync", file, SYS_fsync);
}
int fdatasync(int file)
{
    return do_sync("fdatasync", file, SYS_fdatasync);
}

int ftruncate(int file, off_t size)
{
    char path[PATH_MAX];
    if (!counts(file, path))
        return (int)syscall(SYS_ftruncate, file, size);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet("ftruncate", path) == 0) {
        result = (int)syscall(SYS_ftruncate, file, size);
        if (result == 0)
            note_content(NOTE_SIZE, file, 0, size, NULL);
        met();
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate64(int file, off_t size)
{
    return ftruncate(file, size);
}

static const char *absolute(int directory, const char *path, char *out)
{
    char base[PATH_MAX];
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return out;
    }
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof(base)))
            return path;
    } else if (!path_of(directory, base)) {
        return path;
    }
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
    return out;
}

static int do_rename(const char *name, int from_dir, const char *from_path, int to_dir, const char *to_path,
                     unsigned flags)
{
    char from[PATH_MAX], to[PATH_MAX];
    absolute(from_dir, from_path, from);
    absolute(to_dir, to_path, to);
    if (!counts_path(from) && !counts_path(to))
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet(name, to) == 0) {
        result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
        if (result == 0)
            note_rename(from, to);
        met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}
int rename(const char *from, const char *to)
{
    return do_rename("rename", AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int a, const char *from, int b, const char *to)
{
    return do_rename("rename", a, from, b, to, 0);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    return do_rename("rename", a, from, b, to, flags);
}

static int do_link(int from_dir, const char *from_path, int to_dir, const char *to_path, int flags)
{
    char from[PATH_MAX], to[PATH_MAX];
    absolute(from_dir, from_path, from);
    absolute(to_dir, to_path, to);
    if (!counts_path(to))
        return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet("link", to) == 0) {
        result = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, flags);
        int kept_errno = errno;
        if (result == 0)
            note_name(NOTE_NAME, to, 0);
        errno = kept_errno;
        met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}
int link(const char *from, const char *to)
{
    return do_link(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int linkat(int a, const char *from, int b, const char *to, int flags)
{
    return do_link(a, from, b, to, flags);
}

static int do_unlink(const char *name, int directory, const char *given, int flags)
{
    char path[PATH_MAX];
    absolute(directory, given, path);
    if (!counts_path(path))
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet(name, path) == 0) {
        result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
        int kept_errno = errno;
        if (result == 0)
            note_name(NOTE_REMOVE, path, -1);
        errno = kept_errno;
        met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}
int unlink(const char *path)
{
    return do_unlink("unlink", AT_FDCWD, path, 0);
}
int unlinkat(int directory, const char *path, int flags)
{
    return do_unlink("unlink", directory, path, flags);
}
int rmdir(const char *path)
{
    return do_unlink("rmdir", AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char *path)
{
    struct stat info;
    return syscall(SYS_lstat, path, &info) == 0 && S_ISDIR(info.st_mode) ? rmdir(path) : unlink(path);
}

static int do_mkdir(int directory, const char *given, mode_t mode)
{
    char path[PATH_MAX];
    absolute(directory, given, path);
    if (!counts_path(path))
        return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet("mkdir", path) == 0) {
        result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
        int kept_errno = errno;
        if (result == 0)
            note_name(NOTE_NAME, path, 2);
        errno = kept_errno;
        met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}
int mkdir(const char *path, mode_t mode)
{
    return do_mkdir(AT_FDCWD, path, mode);
}
int mkdirat(int directory, const char *path, mode_t mode)
{
    return do_mkdir(directory, path, mode);
}

static int do_open(int directory, const char *given, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat info;
    if (!(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE)
        return (int)syscall(SYS_openat, directory, given, flags, mode);
    absolute(directory, given, path);
    if (!counts_path(path))
        return (int)syscall(SYS_openat, directory, given, flags, mode);
    pthread_mutex_lock(&lock);
    bool there = syscall(SYS_stat, path, &info) == 0;
    int result = -1;
    if ((there && !(flags & O_TRUNC)) || meet("open", path) == 0) {
        result = (int)syscall(SYS_openat, directory, given, flags, mode);
        int kept_errno = errno;
        if (result >= 0 && !there)
            note_name(NOTE_NAME, path, 1);
        else if (result >= 0 && (flags & O_TRUNC))
            note_content(NOTE_SIZE, result, 0, 0, NULL);
        errno = kept_errno;
        if (!there || (flags & O_TRUNC))
            met();
    }
    int kept_errno = errno;
    pthread_mutex_unlock(&lock);
    errno = kept_errno;
    return result;
}

#define MODE_OF(flags, last)                                                                                 \
    mode_t mode = 0;                                                                                         \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                   \
        va_list list;                                                                                        \
        va_start(list, last);                                                                                \
        mode = va_arg(list, mode_t);                                                                         \
        va_end(list);                                                                                        \
    }
int open(const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return do_open(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return do_open(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return do_open(directory, path, flags, mode);
}
int creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A named kill point, where counting begins instead. */
int kill(pid_t process, int signal)
{
    pthread_once(&once, start);
    if (!after_point || process != getpid() || signal != SIGKILL)
        return (int)syscall(SYS_kill, process, signal);
    pthread_mutex_lock(&lock);
    after_point = false;
    fault_at += counter;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* stdio does not go through the calls above: a stream opened for writing below the roots is made of our own
 * descriptor. (RocksDB's CURRENT and OPTIONS go through open; its info log does not matter.) */
