/*
 * C's names for the DLL's own memory (heap.c): they are linked in place of msvcrt's, so that GnuTLS, GMP,
 * libgcrypt and our rooms all have theirs from there. In the DLL alone; tests have msvcrt's.
 */
#include "heap.h"
#include <errno.h>
#include <stdlib.h>

void *malloc(size_t size)
{
    void *block = heap_take(size);

    if (!block) errno = ENOMEM;
    return block;
}

void *calloc(size_t count, size_t size)
{
    size_t all;
    void *block;

    if (__builtin_mul_overflow(count, size, &all))
    {
        errno = ENOMEM;
        return NULL;
    }
    if ((block = malloc(all))) memset(block, 0, all);
    return block;
}

/* As msvcrt's: no block is malloc, no size is free. */
void *realloc(void *block, size_t size)
{
    void *more;

    if (!block) return malloc(size);
    if (!size)
    {
        free(block);
        return NULL;
    }
    if (!(more = heap_resize(block, size))) errno = ENOMEM;
    return more;
}

void free(void *block)
{
    heap_give(block);
}

/* gnulib's own, by which GnuTLS calls these: they look after errno, as is done here, and that is a call of
 * msvcrt's each time. */
void *rpl_malloc(size_t size);
void *rpl_calloc(size_t count, size_t size);
void rpl_free(void *block);

void *rpl_malloc(size_t size)
{
    return malloc(size);
}

void *rpl_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void rpl_free(void *block)
{
    heap_give(block);
}
