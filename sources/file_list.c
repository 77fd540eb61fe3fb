/* sources/file_list.c: which files belong to the source, by name; walking through the folders. */
#include <errno.h>
#include <unistd.h>

#include "sources/file_glob.h"
#include "sources/file_watch.h"

#define PATH_BYTES 4096

/* Names that Spark's file sources pass over. */
static bool is_hidden(const char *name)
{
    return (name[0] == '_' && !strchr(name, '=')) || name[0] == '.' ||
           mr_str_ends_with(mr_str_of(name), MR_STR("._COPYING_"));
}

int mr_file_root(struct file_source *s, struct mr_error *error)
{
    struct mr_arena *arena = &s->source->arena;
    char *path = mr_path_from_uri(arena, mr_str_of(s->options.path));
    if (!path)
        return mr_error_set(error, MR_E_UNSUPPORTED, "FAILED_READ_FILE.UNSUPPORTED_FILE_SYSTEM",
                            "%s: only local paths and file: URIs can be watched.", s->options.path);
    if (path[0] != '/')
        path = mr_path_join(arena, s->source->base_directory ? s->source->base_directory : ".", path);
    if (path && path[0] != '/') { /* the base itself is relative to the working directory */
        char working[PATH_BYTES];
        path = getcwd(working, sizeof working) ? mr_path_join(arena, working, path) : NULL;
    }
    if (!path)
        return mr_error_memory(error, PATH_BYTES);
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
    size_t first = strcspn(path, "*?[{\\"),
           cut = first; /* the first component with a glob begins behind `cut` */
    while (cut > 0 && path[cut] != '/')
        cut--;
    if (!path[first]) {
        s->root = path;
        s->patterns = MR_ARENA_ARRAY(arena, const char *, 1);
        if (!s->patterns)
            return mr_error_memory(error, sizeof(char *));
        s->patterns[0] = "";
        s->pattern_count = 1;
        return MR_OK;
    }
    s->root = cut == 0 ? "/" : mr_arena_copy_text(arena, path, cut);
    return mr_glob_expand(arena, path + cut + 1, &s->patterns, &s->pattern_count, error);
}

/* ---- does a path below root match a pattern? ---- */

enum match { MATCH_NONE, MATCH_FILE, MATCH_BELOW }; /* BELOW: a folder on the way to matches */

/* The pattern's and the path's components side by side. What the pattern has matched whole is a file, or a
 * folder whose contents count. */
static enum match match_pattern(const struct file_source *s, const char *pattern, const char *relative)
{
    char want[PATH_BYTES], have[PATH_BYTES];
    while (*pattern) {
        size_t want_size = strcspn(pattern, "/"), have_size = strcspn(relative, "/");
        if (have_size == 0)
            return MATCH_BELOW;
        if (want_size >= sizeof want || have_size >= sizeof have)
            return MATCH_NONE;
        memcpy(want, pattern, want_size);
        want[want_size] = '\0';
        memcpy(have, relative, have_size);
        have[have_size] = '\0';
        if (!mr_glob_match(want, have) || (is_hidden(have) && want[0] != have[0]))
            return MATCH_NONE;
        pattern += want_size + (pattern[want_size] == '/');
        relative += have_size + (relative[have_size] == '/');
    }
    while (*relative) { /* inside a matched folder */
        size_t size = strcspn(relative, "/");
        bool last = relative[size] == '\0';
        if (size >= sizeof have)
            return MATCH_NONE;
        memcpy(have, relative, size);
        have[size] = '\0';
        if (is_hidden(have) || (!last && !s->options.recursive && !strchr(have, '=')))
            return MATCH_NONE;
        relative += size + !last;
    }
    return MATCH_FILE;
}

static enum match match_any(const struct file_source *s, const char *path)
{
    size_t root = strlen(s->root);
    const char *relative = path + root;
    if (strncmp(path, s->root, root) != 0)
        return MATCH_NONE;
    if (root > 1 && *relative == '/')
        relative++;
    else if (root > 1 && *relative)
        return MATCH_NONE;
    enum match best = MATCH_NONE;
    for (int i = 0; i < s->pattern_count && best != MATCH_FILE; i++) {
        enum match match = match_pattern(s, s->patterns[i], relative);
        best = match > MATCH_NONE ? (best == MATCH_NONE || match == MATCH_FILE ? match : best) : best;
    }
    return best;
}

bool mr_file_matches(const struct file_source *s, const char *path)
{
    if (match_any(s, path) != MATCH_FILE)
        return false;
    return !s->options.name_filter || mr_glob_match(s->options.name_filter, mr_path_name(path));
}

bool mr_file_gone(int sys_errno)
{
    return sys_errno == ENOENT || sys_errno == ENOTDIR || sys_errno == ELOOP;
}

bool mr_file_wanted_time(const struct file_source *s, int64_t modified_us)
{
    return modified_us > s->options.modified_after_us && modified_us < s->options.modified_before_us;
}

/* ---- walking ---- */

struct walk {
    struct file_source *s;
    bool skip_seen;
    int (*each)(void *ctx, const char *path, const struct mr_file_info *info, struct mr_error *error);
    void *ctx;
    struct mr_error *error;
    int status;
    size_t size; /* of path */
    char path[PATH_BYTES];
    const char **names; /* folders of the folder in hand, in an arena */
    size_t name_count, name_capacity;
    struct mr_arena arena;
};

static int visit_file(struct walk *w)
{
    struct file_source *s = w->s;
    struct mr_file_info info;
    if (!mr_file_matches(s, w->path))
        return MR_OK;
    if (w->skip_seen && !s->options.allow_overwrites && mr_file_seen_path(s, w->path))
        return MR_OK;
    if (mr_env()->stat(w->path, &info) < 0)
        return mr_file_gone(errno) ? MR_OK
                                   : mr_error_system(w->error, errno, "FAILED_READ_FILE.NO_HINT",
                                                     "%s: cannot look at the file", w->path);
    if (!info.is_regular || !mr_file_wanted_time(s, info.modified_us))
        return MR_OK;
    if (w->skip_seen && mr_file_seen_has(s, w->path, info.modified_us))
        return MR_OK;
    return w->each(w->ctx, w->path, &info, w->error);
}

static int visit(void *ctx, const char *name, bool is_directory)
{
    struct walk *w = ctx;
    size_t size = strlen(name), before = w->size;
    bool slash = w->size > 0 && w->path[w->size - 1] != '/';
    if (w->size + size + 8 > sizeof w->path)
        return 0; /* longer than any path can be opened */
    if (is_directory) {
        if (w->name_count == w->name_capacity) {
            size_t capacity = w->name_capacity ? w->name_capacity * 2 : 16;
            const char **grown = mr_reallocate(w->names, sizeof(char *) * capacity);
            if (!grown)
                w->status = mr_error_memory(w->error, sizeof(char *) * capacity);
            if (!grown)
                return 1;
            w->names = grown;
            w->name_capacity = capacity;
        }
        w->names[w->name_count++] = mr_arena_copy_text(&w->arena, name, size);
        return 0;
    }
    if (slash)
        w->path[w->size++] = '/';
    memcpy(w->path + w->size, name, size + 1);
    w->size += size;
    w->status = visit_file(w);
    w->size = before;
    w->path[before] = '\0';
    return w->status != 0;
}

struct folder { /* on the way to the one in hand */
    const struct folder *above;
    uint64_t device, inode;
};

/* A symbolic link that leads back to a folder above it: what it holds is seen there. */
static bool is_loop(const struct folder *folder)
{
    for (const struct folder *f = folder->above; f; f = f->above)
        if (f->device == folder->device && f->inode == folder->inode)
            return true;
    return false;
}

static int walk_directory(struct walk *w, const struct folder *above)
{
    size_t first = w->name_count, before = w->size;
    struct mr_file_info info;
    if (mr_env()->stat(w->path, &info) < 0)
        return MR_OK; /* gone since it was listed */
    const struct folder folder = {above, info.device, info.inode};
    if (is_loop(&folder))
        return MR_OK;
    /* Watch first, list then: what comes in between is seen twice, never missed. */
    if (w->s->notify && !mr_notify_watch(w->s->notify, w->path))
        w->s->unwatched = true;
    int result = mr_env()->list(w->path, visit, w);
    int why = errno;
    if (w->status != 0)
        return w->status;
    if (result < 0 && why != ENOENT && why != ENOTDIR)
        return mr_error_system(w->error, why, "FAILED_READ_FILE.NO_HINT", "%s: cannot list the folder",
                               w->path);
    for (size_t i = first; i < w->name_count; i++) {
        const char *name = w->names[i];
        size_t size = name ? strlen(name) : 0;
        if (!name)
            return mr_error_memory(w->error, size);
        bool slash = w->path[w->size - 1] != '/';
        if (slash)
            w->path[w->size++] = '/';
        memcpy(w->path + w->size, name, size + 1);
        w->size += size;
        memcpy(w->path + w->size, "/x", 3); /* would anything in it count? */
        bool inside = w->size + 3 < sizeof w->path && match_any(w->s, w->path) != MATCH_NONE;
        w->path[w->size] = '\0';
        if (inside || match_any(w->s, w->path) == MATCH_BELOW)
            w->status = walk_directory(w, &folder);
        if (w->status != 0)
            return w->status;
        w->size = before;
        w->path[before] = '\0';
    }
    w->name_count = first;
    return MR_OK;
}

int mr_file_walk(struct file_source *s, bool skip_seen,
                 int (*each)(void *ctx, const char *path, const struct mr_file_info *info,
                             struct mr_error *error),
                 void *ctx, struct mr_error *error)
{
    struct walk *w = mr_allocate_zeroed(sizeof *w);
    struct mr_file_info info;
    if (!w)
        return mr_error_memory(error, sizeof *w);
    *w = (struct walk){.s = s, .skip_seen = skip_seen, .each = each, .ctx = ctx, .error = error};
    mr_arena_init(&w->arena);
    w->size = strlen(s->root);
    int status = MR_OK;
    if (w->size + 1 < sizeof w->path) {
        memcpy(w->path, s->root, w->size + 1);
        s->unwatched = false;
        bool there = mr_env()->stat(w->path, &info) == 0;
        if (there && info.is_directory)
            status = walk_directory(w, NULL);
        else if (there)
            status = visit_file(w);
        else {
            if (skip_seen && !s->told_missing) { /* a listing for a micro-batch, the first */
                mr_log(MR_LOG_WARN, "files.missing", "%s does not exist: nothing is read until it does.",
                       s->root);
                s->told_missing = true;
            }
            s->unwatched = true; /* it may still appear: look again */
        }
    }
    mr_free(w->names);
    mr_arena_release(&w->arena);
    mr_free(w);
    return status < 0 ? status : MR_OK;
}
