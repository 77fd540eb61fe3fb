/* base/arena.c: memory that is dropped in one step. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct mr_arena_block {
    struct mr_arena_block *next; /* older */
    size_t size_bytes;           /* of the whole block */
};

enum { FIRST_BLOCK = 4 * 1024, LARGEST_BLOCK = 1024 * 1024 };
_Static_assert(sizeof(struct mr_arena_block) % 16 == 0,
               "what follows the block header must be 16-byte aligned");

void mr_arena_init(struct mr_arena *arena)
{
    *arena = (struct mr_arena){.block_bytes = FIRST_BLOCK};
}

/* A piece too large for the usual block gets a block of its own, behind the newest, whose free part stays in
 * use. */
static void *allocate_alone(struct mr_arena *arena, size_t size)
{
    struct mr_arena_block *block = mr_allocate(sizeof *block + size);
    if (!block)
        return NULL;
    block->size_bytes = sizeof *block + size;
    if (arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = NULL;
        arena->blocks = block;
        arena->next = arena->end = (char *)block + block->size_bytes;
    }
    arena->used_bytes += size;
    return block + 1;
}

static void *allocate_in_new_block(struct mr_arena *arena, size_t size)
{
    if (arena->block_bytes < FIRST_BLOCK)
        arena->block_bytes = FIRST_BLOCK; /* an arena that was only zeroed */
    if (size > arena->block_bytes / 2)
        return allocate_alone(arena, size);
    struct mr_arena_block *block = mr_allocate(arena->block_bytes);
    if (!block)
        return NULL;
    block->size_bytes = arena->block_bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->next = (char *)(block + 1) + size;
    arena->end = (char *)block + block->size_bytes;
    arena->used_bytes += size;
    if (arena->block_bytes < LARGEST_BLOCK)
        arena->block_bytes *= 2;
    return block + 1;
}

void *mr_arena_allocate(struct mr_arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t size = (size_bytes + 15) & ~(size_t)15;
    if (size == 0)
        size = 16; /* distinct pieces have distinct addresses */
    if ((size_t)(arena->end - arena->next) < size)
        return allocate_in_new_block(arena, size);
    void *piece = arena->next;
    arena->next += size;
    arena->used_bytes += size;
    return piece;
}

void *mr_arena_allocate_zeroed(struct mr_arena *arena, size_t size_bytes)
{
    void *piece = mr_arena_allocate(arena, size_bytes);
    if (piece)
        memset(piece, 0, size_bytes);
    return piece;
}

char *mr_arena_copy_text(struct mr_arena *arena, const char *data, size_t size)
{
    char *copy = mr_arena_allocate(arena, size + 1);
    if (!copy)
        return NULL;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = 0;
    return copy;
}

char *mr_arena_format(struct mr_arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = size < 0 ? NULL : mr_arena_allocate(arena, (size_t)size + 1);
    if (text)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

void mr_arena_clear(struct mr_arena *arena)
{
    struct mr_arena_block *keep = arena->blocks;
    if (!keep)
        return;
    /* The largest block up to the usual size serves the next round best; huge ones go back. */
    for (struct mr_arena_block *b = keep->next; b; b = b->next)
        if (b->size_bytes <= LARGEST_BLOCK &&
            (b->size_bytes > keep->size_bytes || keep->size_bytes > LARGEST_BLOCK))
            keep = b;
    struct mr_arena_block *next = NULL;
    for (struct mr_arena_block *b = arena->blocks; b; b = next) {
        next = b->next;
        if (b != keep)
            mr_free(b);
    }
    keep->next = NULL;
    arena->blocks = keep;
    arena->next = (char *)(keep + 1);
    arena->end = (char *)keep + keep->size_bytes;
    arena->used_bytes = 0;
}

void mr_arena_release(struct mr_arena *arena)
{
    struct mr_arena_block *next = NULL;
    for (struct mr_arena_block *b = arena->blocks; b; b = next) {
        next = b->next;
        mr_free(b);
    }
    mr_arena_init(arena);
}
