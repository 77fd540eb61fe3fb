/* sources/file_glob.h: Hadoop's globs, as Spark's file sources take them: ? * [abc] [a-b] [^a] {ab,cd} \x. */
#ifndef MR_SOURCES_FILE_GLOB_H
#define MR_SOURCES_FILE_GLOB_H

#include "base/memory.h"

bool mr_glob_has(const char *text); /* any character that means something in a glob? */
/* Does the name (one path component, or a whole text) match a pattern without braces? */
bool mr_glob_match(const char *pattern, const char *name);
/* All patterns that the braces stand for ("a{b,c/d}" -> "ab", "ac/d"), in the arena; at most 1,000. */
int mr_glob_expand(struct mr_arena *arena, const char *pattern, const char ***out, int *count,
                   struct mr_error *error);

#endif
