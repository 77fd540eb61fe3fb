/* base/paths.c: path texts. */
#include <ctype.h>
#include <stdlib.h>

#include "base/env.h"

/* Appends the components of piece, without "." and empty ones, behind out[at]. */
static size_t append_components(char *out, size_t at, const char *piece)
{
    while (*piece) {
        size_t size = strcspn(piece, "/");
        bool skip = size == 0 || (size == 1 && piece[0] == '.');
        if (!skip) {
            if (at > 0 && out[at - 1] != '/')
                out[at++] = '/';
            memcpy(out + at, piece, size);
            at += size;
        }
        piece += size + (piece[size] == '/');
    }
    return at;
}

char *mr_path_join(struct mr_arena *arena, const char *directory, const char *name)
{
    if (name[0] == '/')
        directory = "";
    char *out = mr_arena_allocate(arena, strlen(directory) + strlen(name) + 3);
    if (!out)
        return NULL;
    size_t at = 0;
    if (directory[0] == '/' || name[0] == '/')
        out[at++] = '/';
    at = append_components(out, at, directory);
    at = append_components(out, at, name);
    if (at == 0)
        out[at++] = '.';
    out[at] = 0;
    return out;
}

const char *mr_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *mr_path_directory(struct mr_arena *arena, const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') /* "a/b/" lies in "a" */
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    if (size == 0)
        return mr_arena_copy_text(arena, ".", 1);
    while (size > 1 && path[size - 1] == '/')
        size--;
    return mr_arena_copy_text(arena, path, size);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static char *percent_decode(struct mr_arena *arena, const char *text, size_t size)
{
    char *out = mr_arena_allocate(arena, size + 1);
    if (!out)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        int high = text[i] == '%' && i + 2 < size ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out[at++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[at++] = text[i];
        }
    }
    out[at] = 0;
    return out;
}

/* Length of "scheme" in "scheme:/..."; 0 when the text does not begin so. */
static size_t scheme_size(struct mr_str uri)
{
    size_t i = 0;
    while (i < uri.size &&
           (isalnum((unsigned char)uri.data[i]) || (i > 0 && strchr("+-.", uri.data[i]) && uri.data[i])))
        i++;
    bool letter = uri.size > 0 && isalpha((unsigned char)uri.data[0]);
    return letter && i + 1 < uri.size && uri.data[i] == ':' && uri.data[i + 1] == '/' ? i : 0;
}

char *mr_path_from_uri(struct mr_arena *arena, struct mr_str uri)
{
    size_t scheme = scheme_size(uri);
    if (scheme == 0)
        return mr_arena_copy_text(arena, uri.data, uri.size);
    if (!mr_str_equal_nocase((struct mr_str){uri.data, scheme}, MR_STR("file")))
        return NULL;
    struct mr_str rest = {uri.data + scheme + 1, uri.size - scheme - 1};
    if (mr_str_starts_with(rest, MR_STR("//"))) { /* an authority: empty or this host */
        rest.data += 2, rest.size -= 2;
        if (mr_str_starts_with(rest, MR_STR("localhost/")))
            rest.data += 9, rest.size -= 9;
        if (rest.size == 0 || rest.data[0] != '/')
            return NULL;
    }
    return percent_decode(arena, rest.data, rest.size);
}
