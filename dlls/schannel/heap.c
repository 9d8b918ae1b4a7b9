/*
 * The DLL's own memory.
 *
 * Blocks lie one behind the other in chunks of the system's, with one word between them: the size of the
 * block behind it, and three bits. A free block says at its end how large it is, so that neighbours become
 * one when both are free. Free blocks are in lists by size, of which two levels of bits say where one is:
 * taking and giving cost the same, however much there is (TLSF: Masmano, Ripoll, Crespo, Real, 2004).
 *
 * There are several arenas, so that threads do not wait for each other: a thread takes from the one its
 * number says, or from another if that one is busy; a block goes back to where it is from.
 */
#include "heap.h"

#define ALIGNMENT   (2 * sizeof(void *))
#define WORD        sizeof(size_t)
#define BLOCK_MIN   (4 * WORD) /* word, two links, and the size at the end */
#define ARENAS      8u
#define ARENA_SHIFT (8 * WORD - 3)
#define TAKE_MAX    0x10000000u /* of anything */

#ifndef FAST_FAIL_HEAP_METADATA_CORRUPTION
#define FAST_FAIL_HEAP_METADATA_CORRUPTION 50
#endif

#define CHUNK_MIN  0x40000u
#define CHUNK_MAX  0x400000u
#define CHUNK_STEP 0x10000u

/* Of a block's word. The arena's number is at the top. */
#define FREE        ((size_t)1)
#define BEFORE_FREE ((size_t)2) /* the block before this one is free */
#define FOREMOST    ((size_t)4) /* of its chunk */
#define SIZE_BITS   ((((size_t)1 << ARENA_SHIFT) - 1) & ~(ALIGNMENT - 1))

/* Lists: of each power of two SECOND, evenly spaced; sizes below SMALL are one apart. */
#define SECOND_LOG 4
#define SECOND     (1u << SECOND_LOG)
#define SMALL      (SECOND * ALIGNMENT)
#define FIRST      24u /* powers of two from SMALL on, up to TAKE_MAX and a chunk's own, and one row below */

struct block
{
    size_t word;
    struct block *next, *last; /* in its list, while it is free; else the owner's bytes begin here */
};

struct chunk
{
    struct chunk *next, *last;
    size_t size;
};

/* A chunk's blocks begin so that what follows a block's word is aligned; the last is a word alone. */
#define CHUNK_HEAD ((sizeof(struct chunk) + WORD + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - WORD)

struct arena
{
    volatile LONG busy;
    unsigned rows;         /* a bit for each row that has a list that is not empty */
    unsigned lists[FIRST]; /* a bit for each list of a row that is not empty */
    struct block *free[FIRST][SECOND];
    struct chunk *chunks;
    size_t held, used, blocks;
    struct chunk *spare; /* one of which nothing is in use */
};

static struct arena arenas[ARENAS];

BOOLEAN NTAPI RtlDllShutdownInProgress(void); /* ntdll; mingw's headers have it for drivers alone */

/* --- blocks --------------------------------------------------------------------------------------------- */

static size_t size_of(const struct block *block)
{
    return block->word & SIZE_BITS;
}

static struct block *after(struct block *block)
{
    return (struct block *)((char *)block + size_of(block));
}

/* Only where the block before is free. */
static struct block *before(struct block *block)
{
    return (struct block *)((char *)block - ((size_t *)block)[-1]);
}

/* The heap is not what it was, and nothing that follows could be trusted: Windows' __fastfail, which asks no
 * handler. */
static DECLSPEC_NORETURN void broken(void)
{
    __asm__ volatile("int $0x29" : : "c"(FAST_FAIL_HEAP_METADATA_CORRUPTION) : "memory");
    __builtin_unreachable();
}

static unsigned highest_bit(size_t size)
{
    return (unsigned)(8 * sizeof(unsigned long long)) - 1 - (unsigned)__builtin_clzll(size);
}

/* The list a block of this size belongs in. */
static void find_list(size_t size, unsigned *row, unsigned *list)
{
    unsigned high;

    if (size < SMALL)
    {
        *row = 0;
        *list = (unsigned)(size / ALIGNMENT);
        return;
    }
    high = highest_bit(size);
    *row = high - highest_bit(SMALL) + 1;
    *list = (unsigned)(size >> (high - SECOND_LOG)) & (SECOND - 1);
}

static void list_add(struct arena *arena, struct block *block)
{
    unsigned row, list;

    find_list(size_of(block), &row, &list);
    block->last = NULL;
    block->next = arena->free[row][list];
    if (block->next) block->next->last = block;
    arena->free[row][list] = block;
    arena->lists[row] |= 1u << list;
    arena->rows |= 1u << row;
}

static void list_remove(struct arena *arena, struct block *block)
{
    unsigned row, list;

    find_list(size_of(block), &row, &list);
    if (block->next)
    {
        if (block->next->last != block) broken();
        block->next->last = block->last;
    }
    if (block->last)
    {
        if (block->last->next != block) broken();
        block->last->next = block->next;
        return;
    }
    if (arena->free[row][list] != block) broken();
    if ((arena->free[row][list] = block->next)) return;
    if (!(arena->lists[row] &= ~(1u << list))) arena->rows &= ~(1u << row);
}

/* A free block of at least this size: the first of a list whose blocks all are. */
static struct block *list_find(const struct arena *arena, size_t size)
{
    unsigned row, list, bits;

    if (size >= SMALL) size += ((size_t)1 << (highest_bit(size) - SECOND_LOG)) - 1;
    find_list(size, &row, &list);
    if (row >= FIRST) return NULL;
    bits = arena->lists[row] & ~0u << list;
    if (!bits)
    {
        bits = row + 1 < FIRST ? arena->rows & ~0u << (row + 1) : 0;
        if (!bits) return NULL;
        row = (unsigned)__builtin_ctz(bits);
        bits = arena->lists[row];
    }
    return arena->free[row][__builtin_ctz(bits)];
}

/* --- chunks --------------------------------------------------------------------------------------------- */

/* One block, free, then the last word. */
static void chunk_lay_out(struct arena *arena, struct chunk *chunk)
{
    size_t number = (size_t)(arena - arenas) << ARENA_SHIFT;
    size_t size = (chunk->size - CHUNK_HEAD - WORD) & ~(ALIGNMENT - 1);
    struct block *block = (struct block *)((char *)chunk + CHUNK_HEAD);

    block->word = number | size | FREE | FOREMOST;
    ((size_t *)after(block))[-1] = size;
    after(block)->word = number | BEFORE_FREE;
    list_add(arena, block);
}

/* The more there is, the more is taken at once. */
static BOOL chunk_add(struct arena *arena, size_t size)
{
    size_t wanted = size + CHUNK_HEAD + WORD + ALIGNMENT;
    size_t usual = min(max(arena->held / 4, CHUNK_MIN), CHUNK_MAX);
    struct chunk *chunk;

    /* What is found is of a list above its size. */
    wanted = max(wanted + wanted / SECOND, usual);
    wanted = (wanted + CHUNK_STEP - 1) & ~(size_t)(CHUNK_STEP - 1);
    if (!(chunk = VirtualAlloc(NULL, wanted, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))) return FALSE;
    chunk->size = wanted;
    chunk->last = NULL;
    chunk->next = arena->chunks;
    if (chunk->next) chunk->next->last = chunk;
    arena->chunks = chunk;
    arena->held += wanted;
    chunk_lay_out(arena, chunk);
    return TRUE;
}

static void chunk_remove(struct arena *arena, struct chunk *chunk)
{
    if (chunk->next) chunk->next->last = chunk->last;
    if (chunk->last)
        chunk->last->next = chunk->next;
    else
        arena->chunks = chunk->next;
    arena->held -= chunk->size;
    VirtualFree(chunk, 0, MEM_RELEASE);
}

/* A block that is all of a chunk: its chunk. */
static struct chunk *whole_chunk(struct block *block)
{
    if (!(block->word & FOREMOST) || size_of(after(block))) return NULL;
    return (struct chunk *)((char *)block - CHUNK_HEAD);
}

/* One chunk is kept, so that a connection that comes and goes does not have it fetched each time. */
static void block_freed(struct arena *arena, struct block *block)
{
    struct chunk *chunk = whole_chunk(block);

    if (chunk && arena->spare)
    {
        chunk_remove(arena, chunk);
        return;
    }
    if (chunk) arena->spare = chunk;
    list_add(arena, block);
}

/* --- taking and giving ---------------------------------------------------------------------------------- */

/* Makes a block smaller; what is left over becomes free. */
static void split(struct arena *arena, struct block *block, size_t size)
{
    size_t left = size_of(block) - size, number = block->word >> ARENA_SHIFT << ARENA_SHIFT;
    struct block *rest, *behind;

    if (left < BLOCK_MIN) return;
    block->word -= left;
    rest = after(block);
    rest->word = number | left | FREE;
    behind = after(rest);
    if (behind->word & FREE)
    {
        list_remove(arena, behind);
        rest->word += size_of(behind);
        behind = after(rest);
    }
    ((size_t *)behind)[-1] = size_of(rest);
    behind->word |= BEFORE_FREE;
    list_add(arena, rest);
}

static struct block *take(struct arena *arena, size_t size)
{
    struct block *block = list_find(arena, size);

    if (!block)
    {
        if (!chunk_add(arena, size)) return NULL;
        block = list_find(arena, size);
        if (!block) return NULL;
    }
    list_remove(arena, block);
    if (arena->spare && (char *)block == (char *)arena->spare + CHUNK_HEAD) arena->spare = NULL;
    block->word &= ~FREE;
    after(block)->word &= ~BEFORE_FREE;
    split(arena, block, size);
    arena->used += size_of(block);
    arena->blocks++;
    return block;
}

static void give(struct arena *arena, struct block *block)
{
    struct block *neighbour;

    if (block->word & FREE) broken();
    arena->used -= size_of(block);
    arena->blocks--;
    neighbour = after(block);
    if (neighbour->word & FREE)
    {
        list_remove(arena, neighbour);
        block->word += size_of(neighbour);
    }
    if (block->word & BEFORE_FREE)
    {
        neighbour = before(block);
        if (!(neighbour->word & FREE) || after(neighbour) != block) broken();
        list_remove(arena, neighbour);
        neighbour->word += size_of(block);
        block = neighbour;
    }
    block->word |= FREE;
    ((size_t *)after(block))[-1] = size_of(block);
    after(block)->word |= BEFORE_FREE;
    block_freed(arena, block);
}

/* The size of a block that has room for this many bytes; 0: there is none so large. */
static size_t block_size(size_t size)
{
    if (size > TAKE_MAX) return 0;
    size = (size + WORD + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    return max(size, BLOCK_MIN);
}

/* --- arenas --------------------------------------------------------------------------------------------- */

/*
 * An arena is busy for some tens of nanoseconds, and has its own lock for that: one that is given back by a
 * plain write. A handshake takes and gives a thousand blocks, and each instruction that locks the bus costs
 * it.
 */
static BOOL arena_try(struct arena *arena)
{
    return !arena->busy && !InterlockedExchange(&arena->busy, TRUE);
}

/* FALSE: the process is ending, and a thread that is no more was in the middle of this arena. */
static BOOL arena_lock(struct arena *arena)
{
    unsigned tries;

    for (tries = 0; !arena_try(arena); tries++)
    {
        if (tries < 100)
            YieldProcessor();
        else if (RtlDllShutdownInProgress())
            return FALSE;
        else if (tries < 1000)
            SwitchToThread();
        else
            Sleep(1); /* whoever has it may not be as important */
    }
    return TRUE;
}

static void arena_unlock(struct arena *arena)
{
    __atomic_store_n(&arena->busy, FALSE, __ATOMIC_RELEASE);
}

/* This thread's, or the next that is not busy. */
static struct arena *arena_enter(void)
{
    unsigned number = GetCurrentThreadId() / 4, i;

    for (i = 0; i < ARENAS; i++)
        if (arena_try(&arenas[(number + i) % ARENAS])) return &arenas[(number + i) % ARENAS];
    return arena_lock(&arenas[number % ARENAS]) ? &arenas[number % ARENAS] : NULL;
}

static struct arena *arena_of(const struct block *block)
{
    return &arenas[block->word >> ARENA_SHIFT];
}

static struct block *block_of(void *bytes)
{
    return (struct block *)((char *)bytes - WORD);
}

void *heap_take(size_t size)
{
    struct arena *arena;
    struct block *block;

    if (!(size = block_size(size))) return NULL;
    if (!(arena = arena_enter())) return NULL;
    block = take(arena, size);
    arena_unlock(arena);
    return block ? &block->next : NULL;
}

/* Into the block behind, if that is free and large enough. */
static BOOL grow(struct arena *arena, struct block *block, size_t size)
{
    struct block *behind = after(block);

    if (!(behind->word & FREE) || size_of(block) + size_of(behind) < size) return FALSE;
    list_remove(arena, behind);
    arena->used -= size_of(block);
    block->word += size_of(behind);
    after(block)->word &= ~BEFORE_FREE;
    split(arena, block, size);
    arena->used += size_of(block);
    return TRUE;
}

void *heap_resize(void *bytes, size_t size)
{
    struct block *block = block_of(bytes);
    struct arena *arena = arena_of(block);
    size_t wanted = block_size(size), had = size_of(block);
    BOOL fits;
    void *more;

    if (!wanted || !arena_lock(arena)) return NULL;
    if (block->word & FREE) broken();
    if ((fits = wanted <= had))
    {
        split(arena, block, wanted);
        arena->used -= had - size_of(block);
    }
    else
        fits = grow(arena, block, wanted);
    arena_unlock(arena);
    if (fits) return bytes;
    if (!(more = heap_take(size))) return NULL;
    memcpy(more, bytes, had - WORD);
    heap_give(bytes);
    return more;
}

void heap_give(void *bytes)
{
    struct block *block;
    struct arena *arena;

    if (!bytes) return;
    block = block_of(bytes);
    arena = arena_of(block);
    if (!arena_lock(arena)) return;
    give(arena, block);
    arena_unlock(arena);
}

void heap_measure(struct heap_sizes *sizes)
{
    unsigned i;

    memset(sizes, 0, sizeof(*sizes));
    for (i = 0; i < ARENAS; i++)
    {
        if (!arena_lock(&arenas[i])) continue;
        sizes->held += arenas[i].held;
        sizes->used += arenas[i].used;
        sizes->blocks += arenas[i].blocks;
        arena_unlock(&arenas[i]);
    }
}

static const struct heap_notice notice __attribute__((used)) = { HEAP_NOTICE, heap_measure };

void heap_close(void)
{
    unsigned i;

    for (i = 0; i < ARENAS; i++)
    {
        struct arena *arena = &arenas[i];

        if (!arena_lock(arena)) continue;
        if (arena->spare)
        {
            list_remove(arena, (struct block *)((char *)arena->spare + CHUNK_HEAD));
            chunk_remove(arena, arena->spare);
            arena->spare = NULL;
        }
        arena_unlock(arena);
    }
}
