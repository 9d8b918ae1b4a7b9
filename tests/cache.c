/*
 * The cache: what is kept, for how long, and what goes first.
 */
#include "test.h"
#include "cache.h"

#define SECOND 10000000ull

static struct span key_of(unsigned *number)
{
    struct span span = { (const uint8_t *)number, sizeof(*number) };

    return span;
}

static BOOL has(struct cache *cache, unsigned number)
{
    size_t size = 0;
    uint8_t *data = cache_get(cache, key_of(&number), &size);
    BOOL good = data && size == sizeof(number) && !memcmp(data, &number, sizeof(number));

    cache_free(data, size);
    return good;
}

static void put(struct cache *cache, unsigned number, ULONG64 expires)
{
    cache_put(cache, key_of(&number), key_of(&number), expires);
}

static void test_the_longest_unused_goes_first(void)
{
    static struct cache cache = { .limit = 3 };
    ULONG64 later = cache_now() + 60 * SECOND;

    put(&cache, 1, later);
    put(&cache, 2, later);
    put(&cache, 3, later);
    ok(has(&cache, 1), "the first is gone\n"); /* and so it is the newest */
    put(&cache, 4, later);
    ok(!has(&cache, 2), "the second is still there\n");
    ok(has(&cache, 1) && has(&cache, 3) && has(&cache, 4), "one too many is gone\n");
    put(&cache, 4, later); /* in its own place */
    ok(cache.count == 3, "%u entries\n", cache.count);
    cache_set_limit(&cache, 1);
    ok(cache.count == 1 && has(&cache, 4), "not the newest is left\n");
    cache_set_limit(&cache, 0);
    put(&cache, 5, later);
    ok(!cache.count && !cache.newest && !cache.oldest, "%u entries\n", cache.count);
}

static void test_what_is_over_is_not_given(void)
{
    static struct cache cache = { .limit = 10 };

    put(&cache, 1, cache_now() - SECOND);
    ok(!cache.count, "kept though it was over\n");
    put(&cache, 2, cache_now() + SECOND / 20);
    ok(has(&cache, 2), "gone too early\n");
    Sleep(100);
    ok(!has(&cache, 2) && !cache.count, "given though it is over\n");
    cache_set_limit(&cache, 0);
}

static void test_what_is_too_large(void)
{
    static struct cache cache = { .limit = 10 };
    static uint8_t large[CACHE_DATA_MAX + 1];
    struct span data = { large, sizeof(large) }, key = { large, CACHE_KEY_MAX + 1 }, small = { large, 1 };

    cache_put(&cache, small, data, cache_now() + SECOND);
    cache_put(&cache, key, small, cache_now() + SECOND);
    ok(!cache.count, "%u entries\n", cache.count);
}

static void test_removing(void)
{
    static struct cache cache = { .limit = 10 };
    ULONG64 later = cache_now() + 60 * SECOND;
    struct span a = { (const uint8_t *)"a1", 2 }, b = { (const uint8_t *)"a2", 2 },
                c = { (const uint8_t *)"b1", 2 }, prefix = { (const uint8_t *)"a", 1 }, all = { NULL, 0 };
    size_t size;
    uint8_t *data;

    cache_put(&cache, a, a, later);
    cache_put(&cache, b, b, later);
    cache_put(&cache, c, c, later);
    cache_remove_all(&cache, prefix);
    ok(cache.count == 1, "%u entries\n", cache.count);
    data = cache_get(&cache, c, &size);
    ok(data != NULL, "the wrong one is gone\n");
    cache_free(data, size);
    cache_remove(&cache, c);
    cache_remove(&cache, c);
    ok(!cache.count, "%u entries\n", cache.count);
    cache_put(&cache, a, a, later);
    ok(!cache_is_empty(&cache), "nothing is left\n");
    cache_remove_all(&cache, all);
    ok(cache_is_empty(&cache), "something is left\n");
    ok(!cache.count, "%u entries\n", cache.count);
}

/* A hundred thousand clients: the bound holds, and so does every list. */
static void test_a_hundred_thousand_entries(void)
{
    static struct cache cache = { .limit = 20000 };
    ULONG64 later = cache_now() + 600 * SECOND;
    unsigned i, there = 0;

    for (i = 0; i < 100000; i++)
    {
        put(&cache, i, later);
        if (cache.count > 20000) break;
    }
    ok(i == 100000 && cache.count == 20000, "%u entries\n", cache.count);
    for (i = 0; i < 100000; i++) there += has(&cache, i);
    ok(there == 20000, "%u of them are found\n", there);
    cache_set_limit(&cache, 0);
    ok(!cache.newest && !cache.oldest, "something is left\n");
}

static struct cache shared = { .limit = 100 };

static DWORD WINAPI use_it(void *argument)
{
    unsigned seed = (unsigned)(ULONG_PTR)argument, i;

    for (i = 0; i < 20000; i++)
    {
        unsigned number = (i * 7 + seed) % 150;

        put(&shared, number, cache_now() + 60 * SECOND);
        has(&shared, (number + 3) % 150);
        if (!(i % 10)) cache_remove(&shared, key_of(&number));
    }
    return 0;
}

static void test_several_threads(void)
{
    HANDLE threads[4];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(threads); i++)
        threads[i] = CreateThread(NULL, 0, use_it, (void *)(ULONG_PTR)(i * 31), 0, NULL);
    ok(WaitForMultipleObjects(ARRAY_SIZE(threads), threads, TRUE, 60000) == WAIT_OBJECT_0, "they hang\n");
    ok(shared.count <= 100, "%u entries\n", shared.count);
    cache_set_limit(&shared, 0);
}

START_TEST(cache)
{
    RUN(test_the_longest_unused_goes_first);
    RUN(test_what_is_over_is_not_given);
    RUN(test_what_is_too_large);
    RUN(test_removing);
    RUN(test_a_hundred_thousand_entries);
    RUN(test_several_threads);
}
