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
 *   MILLRACE_FAULT_AT=N         trouble at the N-th call (1-based); MILLRACE_FAULT_KIND says which:
 *     kill          SIGKILL before the call happens
 *     kill-after    SIGKILL right after it
 *     power         everything not yet fsynced is taken back, then SIGKILL (see below)
 *     power-N       the same, but the earliest N percent of what was not fsynced survives
 *     eio enospc eintr   the call fails with that errno, once; with MILLRACE_FAULT_AGAIN=1 all later calls
 *                   of its name too
 *     short         the call, or the first write after it, writes half of its bytes
 *     stop          SIGSTOP, once; somebody wakes us with SIGCONT
 *
 * power: the strict reading of POSIX. Content written since the file's last fsync is undone, and so is every
 * creation, rename, link and removal since the last fsync of its directory. To be able to, the library keeps
 * an undo log: old bytes before each write, a second link to each file before its name goes away. */
#include <dirent.h>
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

enum trouble { NONE, KILL, KILL_AFTER, POWER, FAIL, SHORT, STOP };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char roots[4][PATH_MAX];
static int root_count;
static long counter, fault_at;
static enum trouble kind;
static int fault_errno;
static int surviving_percent; /* of a power cut */
static const char *fault_path;
static bool again;
static char again_name[32];
static int trace_file = -1;
static char count_path[PATH_MAX];
static char stash[PATH_MAX]; /* hidden folder for second links */
static long stash_number;

/* ---- undo log ---- */
enum undo_kind {
    UNDO_BYTES,
    UNDO_SIZE,
    UNDO_CREATED,
    UNDO_REMOVED,
    UNDO_RENAMED,
    UNDO_MADE_DIRECTORY,
    UNDO_REMOVED_DIRECTORY
};
struct undo {
    enum undo_kind kind;
    dev_t device; /* content: of the file; names: of the directory */
    ino_t inode;
    dev_t device2; /* renames: of the other directory; both must be synced, the second counts */
    ino_t inode2;
    int64_t offset, size;
    char *bytes;
    char *path, *kept; /* kept: second link in the stash, or NULL */
    bool gone;
};
static struct undo *undos;
static size_t undo_count, undo_capacity;

static struct undo *undo_add(enum undo_kind what)
{
    if (undo_count == undo_capacity) {
        undo_capacity = undo_capacity ? undo_capacity * 2 : 1024;
        undos = realloc(undos, undo_capacity * sizeof(*undos));
        if (!undos)
            abort();
    }
    undos[undo_count] = (struct undo){.kind = what};
    return &undos[undo_count++];
}

static void undo_compact(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < undo_count; i++) {
        if (!undos[i].gone) {
            undos[kept++] = undos[i];
            continue;
        }
        if (undos[i].kept)
            syscall(SYS_unlink, undos[i].kept);
        free(undos[i].bytes);
        free(undos[i].path);
        free(undos[i].kept);
    }
    undo_count = kept;
}

static void undo_synced(dev_t device, ino_t inode, bool directory)
{
    for (size_t i = 0; i < undo_count; i++) {
        bool content = undos[i].kind == UNDO_BYTES || undos[i].kind == UNDO_SIZE;
        if (content == directory)
            continue;
        if (undos[i].device == device && undos[i].inode == inode) {
            if (undos[i].inode2 != 0 && (undos[i].inode2 != inode || undos[i].device2 != device)) {
                undos[i].device =
                    undos[i].device2; /* a rename between folders: the other one is still to come */
                undos[i].inode = undos[i].inode2;
                undos[i].inode2 = 0;
            } else {
                undos[i].gone = true;
            }
        } else if (undos[i].inode2 == inode && undos[i].device2 == device) {
            undos[i].inode2 = 0;
        }
    }
    undo_compact();
}

/* ---- set-up ---- */
static void start(void)
{
    const char *list = getenv("MILLRACE_FAULT_ROOT"), *at = getenv("MILLRACE_FAULT_AT"),
               *name = getenv("MILLRACE_FAULT_KIND");
    const char *count = getenv("MILLRACE_FAULT_COUNT"), *trace = getenv("MILLRACE_FAULT_TRACE");
    while (list && *list && root_count < 4) {
        size_t size = strcspn(list, ":");
        snprintf(roots[root_count++], PATH_MAX, "%.*s", (int)size, list);
        list += size + (list[size] == ':');
    }
    fault_at = at ? atol(at) : 0;
    again = getenv("MILLRACE_FAULT_AGAIN") != NULL;
    fault_path = getenv("MILLRACE_FAULT_PATH");
    if (name && !strncmp(name, "power-", 6))
        surviving_percent = atoi(name + 6);
    if (name) {
        kind = !strcmp(name, "kill")         ? KILL
               : !strcmp(name, "kill-after") ? KILL_AFTER
               : !strncmp(name, "power", 5)  ? POWER
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
    if (kind == POWER && root_count > 0) {
        snprintf(stash, sizeof(stash), "%.4000s/.stash-%ld", roots[0], (long)getpid());
    }
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
            return stash[0] == 0 || strncmp(path, stash, strlen(stash)) != 0;
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

/* ---- power cut ---- */
static void take_back(void)
{
    size_t surviving = undo_count * (size_t)surviving_percent / 100; /* what came first, in its order */
    for (size_t i = undo_count; i-- > surviving;) {
        struct undo *u = &undos[i];
        int file;
        switch (u->kind) {
        case UNDO_BYTES:
        case UNDO_SIZE:
            file = (int)syscall(SYS_openat, AT_FDCWD, u->kept ? u->kept : u->path, O_WRONLY, 0);
            if (file < 0)
                break;
            if (u->kind == UNDO_BYTES && u->bytes)
                syscall(SYS_pwrite64, file, u->bytes, (size_t)u->size, u->offset);
            else if (u->kind == UNDO_SIZE)
                syscall(SYS_ftruncate, file, u->size);
            syscall(SYS_close, file);
            break;
        case UNDO_CREATED:
            syscall(SYS_unlink, u->path);
            break;
        case UNDO_REMOVED:
            if (u->kept)
                syscall(SYS_link, u->kept, u->path);
            break;
        case UNDO_RENAMED: /* path: new name; bytes: old name; kept: what the new name held before */
            syscall(SYS_rename, u->path, u->bytes);
            if (u->kept)
                syscall(SYS_link, u->kept, u->path);
            break;
        case UNDO_MADE_DIRECTORY:
            syscall(SYS_rmdir, u->path);
            break;
        case UNDO_REMOVED_DIRECTORY:
            syscall(SYS_mkdir, u->path, 0755);
            break;
        }
    }
    DIR *list = opendir(stash);
    for (struct dirent *entry; list && (entry = readdir(list)) != NULL;) {
        char path[PATH_MAX * 2];
        snprintf(path, sizeof(path), "%s/%s", stash, entry->d_name);
        syscall(SYS_unlink, path);
    }
    syscall(SYS_rmdir, stash);
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
    if (kind == SHORT) {
        bool now = fault_at > 0 && counter >= fault_at && strstr(name, "write");
        fault_at = now ? 0 : fault_at;
        return now ? 2 : 0;
    }
    if (fault_path && !strstr(path, fault_path)) { /* not one of those that are meant */
        fault_at++;
        return 0;
    }
    if (counter != fault_at)
        return 0;
    switch (kind) {
    case KILL:
        die();
        break;
    case POWER:
        take_back();
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
    if (kind == KILL_AFTER && counter == fault_at)
        die();
}

/* ---- notes for the undo log; only kept when power may be cut ---- */
static void directory_of(const char *path, dev_t *device, ino_t *inode)
{
    char folder[PATH_MAX];
    struct stat info;
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        *(slash == folder ? slash + 1 : slash) = 0;
    else
        strcpy(folder, ".");
    if (syscall(SYS_stat, folder, &info) == 0) {
        *device = info.st_dev;
        *inode = info.st_ino;
    }
}

static char *keep(const char *path)
{
    char kept[PATH_MAX * 2];
    if (stash_number == 0)
        syscall(SYS_mkdir, stash, 0755);
    snprintf(kept, sizeof(kept), "%s/%ld", stash, ++stash_number);
    return syscall(SYS_link, path, kept) == 0 ? strdup(kept) : NULL;
}

static void note_write(int file, const char *path, int64_t offset, int64_t size)
{
    struct stat info;
    if (kind != POWER || syscall(SYS_fstat, file, &info) != 0)
        return;
    if (offset < info.st_size) { /* old bytes */
        int64_t old = info.st_size - offset < size ? info.st_size - offset : size;
        struct undo *u = undo_add(UNDO_BYTES);
        u->device = info.st_dev, u->inode = info.st_ino, u->offset = offset, u->path = strdup(path),
        u->kept = keep(path);
        u->bytes = malloc((size_t)old + 1);
        int again_open = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        u->size = syscall(SYS_pread64, again_open, u->bytes, (size_t)old, offset);
        syscall(SYS_close, again_open);
    }
    if (offset + size > info.st_size) {
        struct undo *u = undo_add(UNDO_SIZE);
        u->device = info.st_dev, u->inode = info.st_ino, u->size = info.st_size, u->path = strdup(path),
        u->kept = keep(path);
    }
}

static void note_name(enum undo_kind what, const char *path)
{
    if (kind != POWER)
        return;
    char *kept = what == UNDO_REMOVED ? keep(path) : NULL;
    struct undo *u = undo_add(what);
    u->path = strdup(path), u->kept = kept;
    directory_of(path, &u->device, &u->inode);
}

static void note_rename(const char *from, const char *to, char *kept)
{
    struct undo *u = undo_add(UNDO_RENAMED);
    u->path = strdup(to), u->bytes = strdup(from), u->kept = kept;
    directory_of(to, &u->device, &u->inode);
    directory_of(from, &u->device2, &u->inode2);
    if (u->device == u->device2 && u->inode == u->inode2)
        u->inode2 = 0;
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
        note_write(file, path, at, (int64_t)some);
        result = positioned ? syscall(SYS_pwrite64, file, data, some, offset)
                            : syscall(SYS_write, file, data, some);
        kept_errno = errno;
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
    struct stat info;
    if (!counts(file, path))
        return (int)syscall(number, file);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet(name, path) == 0) {
        result = (int)syscall(number, file);
        if (result == 0 && kind == POWER && syscall(SYS_fstat, file, &info) == 0)
            undo_synced(info.st_dev, info.st_ino, S_ISDIR(info.st_mode));
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
    struct stat info;
    if (!counts(file, path))
        return (int)syscall(SYS_ftruncate, file, size);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (meet("ftruncate", path) == 0) {
        if (kind == POWER && syscall(SYS_fstat, file, &info) == 0 && size < info.st_size)
            note_write(file, path, size, info.st_size - size);
        if (kind == POWER && size != info.st_size) {
            struct undo *u = undo_add(UNDO_SIZE);
            u->device = info.st_dev, u->inode = info.st_ino, u->size = info.st_size, u->path = strdup(path),
            u->kept = keep(path);
        }
        result = (int)syscall(SYS_ftruncate, file, size);
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
        char *kept = kind == POWER ? keep(to) : NULL;
        result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
        if (result == 0 && kind == POWER)
            note_rename(from, to, kept);
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
            note_name(UNDO_CREATED, to);
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
        struct stat info;
        bool there = syscall(SYS_lstat, path, &info) == 0;
        size_t before = undo_count;
        if (there && !(flags & AT_REMOVEDIR))
            note_name(UNDO_REMOVED, path);
        result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
        int kept_errno = errno;
        if (result == 0 && (flags & AT_REMOVEDIR))
            note_name(UNDO_REMOVED_DIRECTORY, path);
        else if (result != 0 && undo_count > before)
            undos[undo_count - 1].gone = true;
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
            note_name(UNDO_MADE_DIRECTORY, path);
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
        if (there && (flags & O_TRUNC) && kind == POWER && info.st_size > 0) {
            int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
            note_write(file, path, 0, info.st_size);
            struct undo *u = undo_add(UNDO_SIZE);
            u->device = info.st_dev, u->inode = info.st_ino, u->size = info.st_size, u->path = strdup(path),
            u->kept = keep(path);
            syscall(SYS_close, file);
        }
        result = (int)syscall(SYS_openat, directory, given, flags, mode);
        int kept_errno = errno;
        if (result >= 0 && !there)
            note_name(UNDO_CREATED, path);
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

/* stdio does not go through the calls above: a stream opened for writing below the roots is made of our own
 * descriptor. (RocksDB's CURRENT and OPTIONS go through open; its info log does not matter.) */
