/*
 * The DLL's own memory: what is taken is one's own, what is given comes back, and who breaks it does not go
 * on.
 */
#include "test.h"
#include "heap.h"
#include <stdint.h>

#define BLOCKS 500

static char **arguments;

static struct heap_sizes sizes(void)
{
    struct heap_sizes sizes;

    heap_measure(&sizes);
    return sizes;
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Small ones mostly, as in life. */
static size_t random_size(unsigned *state)
{
    unsigned kind = next_random(state) % 16, size = next_random(state);

    return kind ? size % (kind < 12 ? 200 : 4000) : size % 100000;
}

struct owned
{
    uint8_t *bytes;
    size_t size;
    uint8_t mark;
};

static BOOL is_whole(const struct owned *owned)
{
    size_t i;

    for (i = 0; i < owned->size; i++)
        if (owned->bytes[i] != owned->mark) return FALSE;
    return !((ULONG_PTR)owned->bytes % (2 * sizeof(void *)));
}

static BOOL take(struct owned *owned, size_t size, uint8_t mark)
{
    if (!(owned->bytes = heap_take(size))) return FALSE;
    memset(owned->bytes, mark, owned->size = size);
    owned->mark = mark;
    return TRUE;
}

static BOOL resize(struct owned *owned, size_t size)
{
    size_t kept = min(size, owned->size);
    uint8_t *bytes = heap_resize(owned->bytes, size);

    if (!bytes) return FALSE;
    owned->bytes = bytes;
    owned->size = kept;
    if (!is_whole(owned)) return FALSE;
    memset(bytes, owned->mark, owned->size = size);
    return TRUE;
}

static BOOL use(struct owned blocks[BLOCKS], unsigned rounds, unsigned *state)
{
    while (rounds--)
    {
        struct owned *owned = &blocks[next_random(state) % BLOCKS];

        if (!owned->bytes)
        {
            if (!take(owned, random_size(state), (uint8_t)rounds)) return FALSE;
        }
        else if (!is_whole(owned))
            return FALSE;
        else if (next_random(state) % 4)
        {
            heap_give(owned->bytes);
            owned->bytes = NULL;
        }
        else if (!resize(owned, random_size(state)))
            return FALSE;
    }
    return TRUE;
}

static void give_all(struct owned blocks[BLOCKS])
{
    unsigned i;

    for (i = 0; i < BLOCKS; i++) heap_give(blocks[i].bytes);
}

static void test_blocks_are_ones_own(void)
{
    static struct owned blocks[BLOCKS];
    struct heap_sizes before = sizes(), after;
    unsigned state = 1;

    ok(use(blocks, 300000, &state), "a block was changed, or there was none\n");
    give_all(blocks);
    after = sizes();
    ok(after.used == before.used, "%u bytes are in use, before %u\n", (unsigned)after.used,
       (unsigned)before.used);
}

static void test_it_goes_back_to_the_system(void)
{
    static void *blocks[4000];
    struct heap_sizes full, after;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(blocks); i++) blocks[i] = heap_take(5000);
    full = sizes();
    ok(full.used >= 5000 * ARRAY_SIZE(blocks), "%u in use\n", (unsigned)full.used);
    ok(full.held < full.used + full.used / 3, "%u held for %u\n", (unsigned)full.held, (unsigned)full.used);
    for (i = 0; i < ARRAY_SIZE(blocks); i += 2) heap_give(blocks[i]);
    for (i = 1; i < ARRAY_SIZE(blocks); i += 2) heap_give(blocks[i]);
    after = sizes();
    ok(after.held <= 0x600000, "%u held for %u\n", (unsigned)after.held, (unsigned)after.used);
    heap_close();
    ok(sizes().held <= after.held, "closing holds more\n");
}

static void test_edges(void)
{
    void *none = heap_take(0), *other = heap_take(0), *bytes;

    ok(none && other && none != other, "nothing is the same twice\n");
    heap_give(none);
    heap_give(other);
    heap_give(NULL);
    ok(!heap_take(~(size_t)0), "all there is\n");
    ok(!heap_take(~(size_t)0 / 2), "half of it\n");
    ok(!heap_take(0x10000001), "more than anybody may have\n");
    bytes = heap_take(0x1000000);
    ok(bytes != NULL, "no 16 MiB\n");
    ok(!heap_resize(bytes, ~(size_t)0), "all there is\n");
    ok(heap_resize(bytes, 1) == bytes, "moved when it became smaller\n");
    heap_give(bytes);
}

static DWORD WINAPI use_it(void *seed)
{
    struct owned *blocks = calloc(BLOCKS, sizeof(*blocks));
    unsigned state = (unsigned)(ULONG_PTR)seed;
    BOOL good = use(blocks, 100000, &state);

    give_all(blocks);
    free(blocks);
    return good ? 0 : 1;
}

/* What one takes another gives back. */
static void *volatile handed[64];

static DWORD WINAPI hand_over(void *seed)
{
    unsigned state = (unsigned)(ULONG_PTR)seed, i;

    for (i = 0; i < 100000; i++)
        heap_give(InterlockedExchangePointer((void **)&handed[next_random(&state) % ARRAY_SIZE(handed)],
                                             heap_take(next_random(&state) % 500)));
    return 0;
}

static void run_threads(LPTHREAD_START_ROUTINE routine)
{
    HANDLE threads[12];
    DWORD code;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(threads); i++)
        threads[i] = CreateThread(NULL, 0, routine, (void *)(ULONG_PTR)(i * 31 + 7), 0, NULL);
    ok(WaitForMultipleObjects(ARRAY_SIZE(threads), threads, TRUE, 120000) == WAIT_OBJECT_0, "they hang\n");
    for (i = 0; i < ARRAY_SIZE(threads); i++)
    {
        ok(GetExitCodeThread(threads[i], &code) && !code, "thread %u: %lu\n", i, code);
        CloseHandle(threads[i]);
    }
}

static void test_many_threads(void)
{
    struct heap_sizes before = sizes();
    unsigned i;

    run_threads(use_it);
    run_threads(hand_over);
    for (i = 0; i < ARRAY_SIZE(handed); i++) heap_give(handed[i]);
    ok(sizes().used == before.used, "%u bytes are lost\n", (unsigned)(sizes().used - before.used));
}

/* In a process of its own, which has to end by it. */
static void break_it(const char *how)
{
    char *first = heap_take(100), *second = heap_take(100), *third = heap_take(100);

    heap_give(second);
    if (!strcmp(how, "twice"))
        heap_give(second);
    else if (!strcmp(how, "links"))
    {
        memset(second, 'x', 16);
        heap_give(first);
    }
    else
    {
        memset(third - 2 * sizeof(size_t), 8, sizeof(size_t)); /* the size of the free one */
        heap_give(third);
    }
}

static void test_who_breaks_it_does_not_go_on(void)
{
    static const char *const ways[] = { "twice", "links", "size", "" };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(ways); i++)
    {
        STARTUPINFOA start = { .cb = sizeof(start) };
        PROCESS_INFORMATION process;
        char command[MAX_PATH + 32];
        DWORD code = 0;

        sprintf(command, "\"%s\" heap break %s", arguments[0], *ways[i] ? ways[i] : "not");
        if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process))
        {
            ok(FALSE, "no process: %lu\n", GetLastError());
            return;
        }
        ok(WaitForSingleObject(process.hProcess, 60000) == WAIT_OBJECT_0, "%s: it hangs\n", ways[i]);
        GetExitCodeProcess(process.hProcess, &code);
        /* 7: it went on. */
        ok(*ways[i] ? code != 7 && code : code == 7, "%s: ended with %#lx\n", ways[i], code);
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
}

START_TEST(heap)
{
    int count = winetest_get_mainargs(&arguments);

    if (count >= 4 && !strcmp(arguments[2], "break"))
    {
        if (strcmp(arguments[3], "not")) break_it(arguments[3]);
        ExitProcess(7);
    }
    RUN(test_blocks_are_ones_own);
    RUN(test_it_goes_back_to_the_system);
    RUN(test_edges);
    RUN(test_many_threads);
    RUN(test_who_breaks_it_does_not_go_on);
}
