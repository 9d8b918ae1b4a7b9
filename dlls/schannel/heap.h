/*
 * The DLL's own memory: of GnuTLS and all that is linked in with it, and of our rooms (malloc.c). Wine's heap
 * costs a handshake a twentieth of its time, and takes half as much again as a connection asks for.
 *
 * What a program frees is not from here (caller_alloc), and what a DLL of Windows gives is not freed here.
 * Every thread may call at any time.
 */
#ifndef SCHANNEL_HEAP_H
#define SCHANNEL_HEAP_H

#include "windows_sspi.h"

/* `size` bytes, aligned for anything; 0 bytes are some. NULL: there are none. */
void *heap_take(size_t size);

/* The same block, or its contents in another; NULL: no memory, and the block is as it was. */
void *heap_resize(void *block, size_t size);

/* NULL is fine. Given back twice, or written over at its edges, is the end of the process. */
void heap_give(void *block);

/* How many bytes the system has given, how many of them are in use, and in how many blocks. */
struct heap_sizes
{
    size_t held, used, blocks;
};
void heap_measure(struct heap_sizes *sizes);

/* Windows' heap can be walked from outside; this one says what it has in use to who looks for its name in the
 * DLL's constants (tests/door.c). */
#define HEAP_NOTICE "schannel-gnutls heap_measure"
struct heap_notice
{
    char name[32];
    void (*measure)(struct heap_sizes *sizes);
};

/* When the DLL goes away: what nothing is left of goes back to the system. */
void heap_close(void);

#endif
