/*
 * A cache of secrets: bounded in number, each with an end, the longest unused goes first.
 *
 * Entries hang in a table by the hash of their key and in a list by their last use. What leaves is
 * overwritten.
 */
#include "cache.h"

struct cache_entry
{
    struct cache_entry *next;          /* in the bucket */
    struct cache_entry *newer, *older; /* by their last use */
    ULONG64 expires;
    size_t key_size, data_size;
    uint8_t bytes[]; /* the key, then the data */
};

ULONG64 cache_now(void)
{
    FILETIME now;

    GetSystemTimeAsFileTime(&now);
    return (ULONG64)now.dwHighDateTime << 32 | now.dwLowDateTime;
}

void cache_free(uint8_t *data, size_t size)
{
    if (!data) return;
    SecureZeroMemory(data, size);
    free(data);
}

/* FNV-1a: keys are random, or names of servers the program chose. */
static struct cache_entry **bucket_of(struct cache *cache, struct span key)
{
    uint32_t hash = 2166136261u;
    size_t i;

    for (i = 0; i < key.size; i++) hash = (hash ^ key.data[i]) * 16777619u;
    return &cache->buckets[hash % CACHE_BUCKETS];
}

/* The place that points to the entry, or the end of its bucket. */
static struct cache_entry **find(struct cache *cache, struct span key)
{
    struct cache_entry **at = bucket_of(cache, key);

    while (*at && ((*at)->key_size != key.size || memcmp((*at)->bytes, key.data, key.size)))
        at = &(*at)->next;
    return at;
}

static void list_remove(struct cache *cache, struct cache_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void list_add(struct cache *cache, struct cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

/* `at` is what find gave: at the end of a bucket there is nothing to drop. */
static void drop(struct cache *cache, struct cache_entry **at)
{
    struct cache_entry *entry = *at;

    if (!entry) return;
    *at = entry->next;
    list_remove(cache, entry);
    cache->count--;
    cache_free((uint8_t *)entry, sizeof(*entry) + entry->key_size + entry->data_size);
}

static void drop_entry(struct cache *cache, struct cache_entry *entry)
{
    struct span key = { entry->bytes, entry->key_size };

    drop(cache, find(cache, key));
}

static void shrink_to(struct cache *cache, unsigned count)
{
    while (cache->count > count) drop_entry(cache, cache->oldest);
}

static struct cache_entry *make_entry(struct span key, struct span data, ULONG64 expires)
{
    struct cache_entry *entry = malloc(sizeof(*entry) + key.size + data.size);

    if (!entry) return NULL;
    memset(entry, 0, sizeof(*entry));
    entry->expires = expires;
    entry->key_size = key.size;
    entry->data_size = data.size;
    if (key.size) memcpy(entry->bytes, key.data, key.size);
    if (data.size) memcpy(entry->bytes + key.size, data.data, data.size);
    return entry;
}

void cache_put(struct cache *cache, struct span key, struct span data, ULONG64 expires)
{
    struct cache_entry *entry, **at;

    if (key.size > CACHE_KEY_MAX || data.size > CACHE_DATA_MAX || expires <= cache_now()) return;
    if (!(entry = make_entry(key, data, expires))) return;
    AcquireSRWLockExclusive(&cache->lock);
    drop(cache, find(cache, key));
    if (cache->limit)
    {
        shrink_to(cache, cache->limit - 1);
        at = bucket_of(cache, key);
        entry->next = *at;
        *at = entry;
        list_add(cache, entry);
        cache->count++;
        entry = NULL;
    }
    ReleaseSRWLockExclusive(&cache->lock);
    cache_free((uint8_t *)entry, entry ? sizeof(*entry) + key.size + data.size : 0);
}

static uint8_t *get(struct cache *cache, struct span key, size_t *size, BOOL take)
{
    struct cache_entry *entry, **at;
    uint8_t *copy = NULL;

    AcquireSRWLockExclusive(&cache->lock);
    at = find(cache, key);
    if ((entry = *at) && entry->expires <= cache_now())
        drop(cache, at);
    else if (entry && (copy = malloc(entry->data_size ? entry->data_size : 1)))
    {
        memcpy(copy, entry->bytes + entry->key_size, entry->data_size);
        *size = entry->data_size;
        list_remove(cache, entry);
        list_add(cache, entry);
        if (take) drop(cache, at);
    }
    ReleaseSRWLockExclusive(&cache->lock);
    return copy;
}

uint8_t *cache_get(struct cache *cache, struct span key, size_t *size)
{
    return get(cache, key, size, FALSE);
}

uint8_t *cache_take(struct cache *cache, struct span key, size_t *size)
{
    return get(cache, key, size, TRUE);
}

BOOL cache_has(struct cache *cache, struct span key)
{
    struct cache_entry *entry;
    BOOL has;

    AcquireSRWLockExclusive(&cache->lock);
    entry = *find(cache, key);
    has = entry && entry->expires > cache_now();
    ReleaseSRWLockExclusive(&cache->lock);
    return has;
}

void cache_remove(struct cache *cache, struct span key)
{
    AcquireSRWLockExclusive(&cache->lock);
    drop(cache, find(cache, key));
    ReleaseSRWLockExclusive(&cache->lock);
}

void cache_remove_all(struct cache *cache, struct span prefix)
{
    struct cache_entry *entry, *older;

    AcquireSRWLockExclusive(&cache->lock);
    for (entry = cache->newest; entry; entry = older)
    {
        older = entry->older;
        if (entry->key_size >= prefix.size &&
            (!prefix.size || !memcmp(entry->bytes, prefix.data, prefix.size)))
            drop_entry(cache, entry);
    }
    ReleaseSRWLockExclusive(&cache->lock);
}

BOOL cache_is_empty(struct cache *cache)
{
    BOOL empty;

    AcquireSRWLockShared(&cache->lock);
    empty = !cache->count;
    ReleaseSRWLockShared(&cache->lock);
    return empty;
}

void cache_set_limit(struct cache *cache, unsigned limit)
{
    AcquireSRWLockExclusive(&cache->lock);
    cache->limit = limit;
    shrink_to(cache, limit);
    ReleaseSRWLockExclusive(&cache->lock);
}
