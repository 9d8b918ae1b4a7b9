/*
 * A cache of secrets: bounded in number, each with an end, the longest unused goes first. Thread-safe.
 */
#ifndef SCHANNEL_CACHE_H
#define SCHANNEL_CACHE_H

#include "windows_sspi.h"
#include "span.h"

#define CACHE_KEY_MAX  64    /* bytes */
#define CACHE_DATA_MAX 65536 /* bytes of one entry */
#define CACHE_BUCKETS  1024

struct cache_entry;

/* Zeroed but for the limit, it is empty and ready. */
struct cache
{
    SRWLOCK lock;
    unsigned limit, count; /* entries */
    struct cache_entry *buckets[CACHE_BUCKETS];
    struct cache_entry *newest, *oldest; /* by their last use */
};

/* Now, in the unit of what follows: 100 ns since 1601. */
ULONG64 cache_now(void);

/* Copies an entry in, in the place of one with the same key. It is not kept when it, or its key, is larger
 * than the maximum, when it is over already, or when there is no memory: a cache may forget. */
void cache_put(struct cache *cache, struct span key, struct span data, ULONG64 expires);

/* A copy of an entry's data, which the caller frees with cache_free; NULL when there is none (any more). */
uint8_t *cache_get(struct cache *cache, struct span key, size_t *size);
void cache_free(uint8_t *data, size_t size);

/* The same, and the entry is no more: of several who ask, one gets it. */
uint8_t *cache_take(struct cache *cache, struct span key, size_t *size);

/* Whether there is one. */
BOOL cache_has(struct cache *cache, struct span key);

void cache_remove(struct cache *cache, struct span key);

/* Removes all entries whose key begins with `prefix`. */
void cache_remove_all(struct cache *cache, struct span prefix);

BOOL cache_is_empty(struct cache *cache);

/* Another limit; 0 keeps nothing. */
void cache_set_limit(struct cache *cache, unsigned limit);

#endif
