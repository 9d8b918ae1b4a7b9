/*
 * Handles: what a number means, and what it no longer means.
 */
#include "test.h"
#include "handles.h"

struct thing
{
    struct object object;
    LONG *destroyed;
};

static LONG destroyed;

static void thing_destroy(struct object *object)
{
    InterlockedIncrement(&destroyed);
    free(CONTAINING_RECORD(object, struct thing, object));
}

static struct object *thing_create(enum object_kind kind)
{
    struct thing *thing = calloc(1, sizeof(*thing));

    thing->object.kind = kind;
    thing->object.destroy = thing_destroy;
    return &thing->object;
}

static struct object *thing_open(enum object_kind kind, SecHandle *handle)
{
    struct object *object = thing_create(kind);

    ok_status(handle_open(object, handle), SEC_E_OK);
    return object;
}

static void test_a_handle_leads_to_its_object(void)
{
    SecHandle handle = { 0, 0 };
    struct object *object = thing_open(OBJECT_CONTEXT, &handle);

    ok(handle.dwLower != 0, "dwLower is 0\n");
    ok(handle_acquire(&handle, OBJECT_CONTEXT) == object, "another object\n");
    object_release(object);
    object_release(handle_close(&handle, OBJECT_CONTEXT));
}

static void test_dwUpper_is_neither_written_nor_read(void)
{
    SecHandle handle = { 0, 0xdead };
    struct object *object = thing_open(OBJECT_CONTEXT, &handle);

    ok(handle.dwUpper == 0xdead, "dwUpper was written\n");
    handle.dwUpper = 0xbeef;
    ok(handle_acquire(&handle, OBJECT_CONTEXT) == object, "dwUpper was read\n");
    object_release(object);
    object_release(handle_close(&handle, OBJECT_CONTEXT));
}

static void test_a_handle_of_another_kind_names_nothing(void)
{
    SecHandle handle;

    thing_open(OBJECT_CREDENTIALS, &handle);
    ok(!handle_acquire(&handle, OBJECT_CONTEXT), "a credential as a context\n");
    ok(!handle_close(&handle, OBJECT_CONTEXT), "closed as a context\n");
    object_release(handle_close(&handle, OBJECT_CREDENTIALS));
}

static void test_a_closed_handle_names_nothing(void)
{
    SecHandle handle;

    thing_open(OBJECT_CONTEXT, &handle);
    object_release(handle_close(&handle, OBJECT_CONTEXT));
    ok(!handle_acquire(&handle, OBJECT_CONTEXT), "it is still there\n");
    ok(!handle_close(&handle, OBJECT_CONTEXT), "closed twice\n");
}

static void test_close_while_in_use_keeps_the_object(void)
{
    SecHandle handle;
    struct object *object;

    thing_open(OBJECT_CONTEXT, &handle);
    object = handle_acquire(&handle, OBJECT_CONTEXT);
    destroyed = 0;
    object_release(handle_close(&handle, OBJECT_CONTEXT));
    ok(!destroyed, "the object went away under its user\n");
    object_release(object);
    ok(destroyed == 1, "destroyed %ld times\n", destroyed);
}

static void test_a_stale_handle_stays_stale_when_its_slot_is_used_again(void)
{
    SecHandle stale, handle;
    unsigned i;

    thing_open(OBJECT_CONTEXT, &stale);
    object_release(handle_close(&stale, OBJECT_CONTEXT));
    for (i = 0; i < 3000; i++)
    {
        thing_open(OBJECT_CONTEXT, &handle);
        ok(handle.dwLower != stale.dwLower, "the same number again after %u\n", i);
        if (handle_acquire(&stale, OBJECT_CONTEXT)) break;
        object_release(handle_close(&handle, OBJECT_CONTEXT));
    }
    ok(i == 3000, "the stale handle came alive after %u\n", i);
}

static void test_numbers_nobody_gave_name_nothing(void)
{
    static const ULONG_PTR numbers[] = { 0,          1,          0xffff,        0xfffff,
                                         0x7fffffff, 0xffffffff, (ULONG_PTR)-1, (ULONG_PTR)-2 };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(numbers); i++)
    {
        SecHandle handle = { numbers[i], 0 };
        ok(!handle_acquire(&handle, OBJECT_CONTEXT), "%p names something\n", (void *)numbers[i]);
        ok(!handle_close(&handle, OBJECT_CONTEXT), "%p was closed\n", (void *)numbers[i]);
    }
    ok(!handle_acquire(NULL, OBJECT_CONTEXT), "NULL names something\n");
    ok(!handle_close(NULL, OBJECT_CONTEXT), "NULL was closed\n");
}

static void test_ten_thousand_handles_are_all_different(void)
{
    enum
    {
        COUNT = 10000
    };
    SecHandle *handles = calloc(COUNT, sizeof(*handles));
    unsigned i;

    destroyed = 0;
    for (i = 0; i < COUNT; i++) thing_open(OBJECT_CONTEXT, &handles[i]);
    for (i = 0; i < COUNT; i++)
    {
        struct object *object = handle_close(&handles[i], OBJECT_CONTEXT);
        ok(object != NULL, "handle %u is lost\n", i);
        object_release(object);
    }
    ok(destroyed == COUNT, "%ld destroyed\n", destroyed);
    free(handles);
}

static void test_an_object_without_a_handle_can_be_released(void)
{
    destroyed = 0;
    object_release(thing_create(OBJECT_CONTEXT));
    ok(destroyed == 1, "destroyed %ld times\n", destroyed);
    object_release(NULL);
}

static SecHandle shared;
static LONG acquired;

static DWORD WINAPI hammer(void *argument)
{
    unsigned i;

    (void)argument;
    for (i = 0; i < 20000; i++)
    {
        struct object *object = handle_acquire(&shared, OBJECT_CONTEXT);

        if (!object) continue;
        InterlockedIncrement(&acquired);
        object_release(object);
    }
    return 0;
}

static DWORD WINAPI churn(void *argument)
{
    unsigned i;

    (void)argument;
    for (i = 0; i < 2000; i++)
    {
        SecHandle handle;

        thing_open(OBJECT_CONTEXT, &handle);
        shared = handle; /* torn writes included: any number must be safe to look up */
        object_release(handle_close(&handle, OBJECT_CONTEXT));
    }
    return 0;
}

static void test_threads_may_look_up_what_others_close(void)
{
    HANDLE threads[4];
    unsigned i;

    destroyed = 0;
    for (i = 0; i < 4; i++) threads[i] = CreateThread(NULL, 0, i < 2 ? hammer : churn, NULL, 0, NULL);
    WaitForMultipleObjects(4, threads, TRUE, INFINITE);
    for (i = 0; i < 4; i++) CloseHandle(threads[i]);
    ok(destroyed == 4000, "%ld destroyed\n", destroyed);
}

START_TEST(handles)
{
    RUN(test_a_handle_leads_to_its_object);
    RUN(test_dwUpper_is_neither_written_nor_read);
    RUN(test_a_handle_of_another_kind_names_nothing);
    RUN(test_a_closed_handle_names_nothing);
    RUN(test_close_while_in_use_keeps_the_object);
    RUN(test_a_stale_handle_stays_stale_when_its_slot_is_used_again);
    RUN(test_numbers_nobody_gave_name_nothing);
    RUN(test_ten_thousand_handles_are_all_different);
    RUN(test_an_object_without_a_handle_can_be_released);
    RUN(test_threads_may_look_up_what_others_close);
}
