/*
 * Handles: the numbers callers keep, and the way back from a number to its object.
 *
 * dwLower is ours: slot number + 1 in the low bits, the slot's generation above. dwUpper is not: secur32
 * keeps its package pointer there. A generation grows each time its slot is emptied, so a handle that
 * outlived its object names nothing, even after the slot is used again.
 *
 * All that a lookup decides by is one 64-bit word of the slot, changed by compare-and-swap alone: its
 * generation, whether it is open, and how many use its object. So a lookup takes no lock (an uncontended pair
 * of SRW lock calls costs 26 ns under Wine, as much as protecting a small record), and an object cannot go
 * away between being found and being counted. Slots are never freed, only used again, the longest unused
 * first.
 */
#include "handles.h"

#define SLOT_BITS       (sizeof(ULONG_PTR) == 8 ? 32 : 20)
#define GENERATION_MASK (sizeof(ULONG_PTR) == 8 ? 0xffffffffu : 0xfffu)

#define CHUNK_SLOTS     256u
#define CHUNKS          4096u
#define SLOTS_MAX       (CHUNK_SLOTS * CHUNKS - 1) /* slot + 1 fits 20 bits */

/* The word of a slot: generation, one bit "open", and the references. */
#define WORD(generation, open, references)                                                                   \
    ((ULONG64)(generation) << 32 | (ULONG64)(open) << 31 | (references))
#define WORD_GENERATION(word) ((ULONG)((word) >> 32) & GENERATION_MASK)
#define WORD_OPEN             0x80000000u
#define WORD_REFERENCES(word) ((ULONG)(word)&0x7fffffffu)

struct slot
{
    volatile LONG64 word;
    struct object *object; /* valid while the word says it has references */
    ULONG next_free;       /* slot number of the next empty slot, 0 at the end */
};

static struct slot *chunks[CHUNKS]; /* each is written once */

static SRWLOCK table_lock = SRWLOCK_INIT; /* guards what follows, and writing chunks[] */
static ULONG slots_used;                  /* slots ever handed out */
static ULONG first_free, last_free;       /* the queue of empty slots, by number; 0: none */

/* Slot numbers start at 1: 0 in a handle means "no handle". */
static struct slot *slot_find(ULONG number)
{
    struct slot *chunk;

    if (!number || number > SLOTS_MAX) return NULL;
    if (!(chunk = __atomic_load_n(&chunks[number / CHUNK_SLOTS], __ATOMIC_ACQUIRE))) return NULL;
    return &chunk[number % CHUNK_SLOTS];
}

static BOOL word_replace(struct slot *slot, ULONG64 old, ULONG64 new)
{
    return InterlockedCompareExchange64(&slot->word, (LONG64) new, (LONG64)old) == (LONG64)old;
}

/* A 64-bit load that is whole in 32-bit code too. */
static ULONG64 word_read(struct slot *slot)
{
    if (sizeof(ULONG_PTR) == 8) return (ULONG64)__atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
    return (ULONG64)InterlockedCompareExchange64(&slot->word, 0, 0);
}

/* Called with table_lock held. */
static ULONG slot_take(void)
{
    ULONG number = first_free;

    if (number)
    {
        struct slot *slot = slot_find(number);
        if (!(first_free = slot->next_free)) last_free = 0;
        return number;
    }
    if (slots_used >= SLOTS_MAX) return 0;
    number = slots_used + 1;
    if (!chunks[number / CHUNK_SLOTS])
    {
        struct slot *chunk = calloc(CHUNK_SLOTS, sizeof(*chunk));
        if (!chunk) return 0;
        __atomic_store_n(&chunks[number / CHUNK_SLOTS], chunk, __ATOMIC_RELEASE);
    }
    slots_used = number;
    return number;
}

static void slot_give_back(ULONG number, struct slot *slot)
{
    AcquireSRWLockExclusive(&table_lock);
    slot->next_free = 0;
    if (last_free)
        slot_find(last_free)->next_free = number;
    else
        first_free = number;
    last_free = number;
    ReleaseSRWLockExclusive(&table_lock);
}

/* The slot a handle names and its word, or NULL when the handle is stale. */
static struct slot *handle_slot(const SecHandle *handle, ULONG64 *word)
{
    struct slot *slot;
    ULONG generation;

    if (!handle || !(slot = slot_find((ULONG)(handle->dwLower & (((ULONG64)1 << SLOT_BITS) - 1)))))
        return NULL;
    generation = (ULONG)((ULONG64)handle->dwLower >> SLOT_BITS) & GENERATION_MASK;
    *word = word_read(slot);
    return *word & WORD_OPEN && WORD_GENERATION(*word) == generation ? slot : NULL;
}

SECURITY_STATUS handle_open(struct object *object, SecHandle *handle)
{
    struct slot *slot;
    ULONG number, generation;

    AcquireSRWLockExclusive(&table_lock);
    number = slot_take();
    ReleaseSRWLockExclusive(&table_lock);
    if (!number) return SEC_E_INSUFFICIENT_MEMORY;

    slot = slot_find(number);
    generation = WORD_GENERATION(word_read(slot));
    object->slot = number;
    slot->object = object;
    InterlockedExchange64(&slot->word, (LONG64)WORD(generation, 1, 1));
    handle->dwLower = (ULONG_PTR)((ULONG64)generation << SLOT_BITS | number);
    return SEC_E_OK;
}

struct object *handle_acquire(const SecHandle *handle, enum object_kind kind)
{
    struct slot *slot;
    ULONG64 word;

    while ((slot = handle_slot(handle, &word)))
    {
        struct object *object;

        if (!word_replace(slot, word, word + 1)) continue; /* it changed since: look again */
        object = slot->object;                             /* stays: we are counted */
        if (object->kind == kind) return object;
        object_release(object);
        return NULL;
    }
    return NULL;
}

struct object *handle_close(const SecHandle *handle, enum object_kind kind)
{
    struct object *object = handle_acquire(handle, kind);
    struct slot *slot;
    ULONG64 word;

    if (!object) return NULL;
    slot = slot_find(object->slot);
    for (;;)
    {
        word = word_read(slot);
        if (!(word & WORD_OPEN)) /* another thread was first */
        {
            object_release(object);
            return NULL;
        }
        /* The handle's reference goes to the caller, the one just acquired is given back: one less in all. */
        if (word_replace(slot, word, (word & ~(ULONG64)WORD_OPEN) - 1)) return object;
    }
}

void object_acquire(struct object *object)
{
    InterlockedIncrement64(&slot_find(object->slot)->word);
}

void object_release(struct object *object)
{
    struct slot *slot;
    ULONG64 word, left;
    ULONG number;

    if (!object) return;
    if (!(number = object->slot))
    {
        object->destroy(object);
        return;
    }
    slot = slot_find(number);
    do
    {
        word = word_read(slot);
        left = word - 1;
    } while (!word_replace(slot, word, left));
    if (WORD_REFERENCES(left) || left & WORD_OPEN) return;

    object->destroy(object);
    slot->object = NULL;
    InterlockedExchange64(&slot->word, (LONG64)WORD((WORD_GENERATION(left) + 1) & GENERATION_MASK, 0, 0));
    slot_give_back(number, slot);
}
