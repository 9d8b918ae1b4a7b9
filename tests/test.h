/*
 * One test program: Wine's test framework, and a line for each test that the runner counts.
 *
 * wine/test.h comes from Wine's source package at set-up (deps/lock). A program is
 *
 *     static void test_that_it_does_so(void) { ok(...); }
 *     START_TEST(room) { RUN(test_that_it_does_so); }
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include "windows_sspi.h"

#ifndef DECLSPEC_EXPORT
#define DECLSPEC_EXPORT /* Wine's own headers have it */
#endif
#define STANDALONE
#include <wine/test.h>

#undef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Says that Wine has started the program, before anything of the DLL under test is loaded: who prints less
 * than this has not been a test of it. */
static void __attribute__((constructor)) test_program_begins(void)
{
    printf("BEGIN\n");
    fflush(stdout);
}

/* PASS, FAIL or SKIP, and the test's name: what tests/run.py counts. A test that is skipped says why in
 * test_skipped. */
static const char *test_skipped;

#define SKIP_TEST(reason)                                                                                    \
    do                                                                                                       \
    {                                                                                                        \
        test_skipped = (reason);                                                                             \
        return;                                                                                              \
    } while (0)

static inline void test_run(const char *name, void (*test)(void))
{
    LONG failures = winetest_failures + winetest_todo_failures;

    test_skipped = NULL;
    test();
    if (winetest_failures + winetest_todo_failures != failures)
        printf("FAIL %s\n", name);
    else if (test_skipped)
        printf("SKIP %s: %s\n", name, test_skipped);
    else
        printf("PASS %s\n", name);
    fflush(stdout);
}

#define RUN(test) test_run(#test, test)

/* Statuses compared as what they are. */
#define ok_status(got, expected)                                                                             \
    do                                                                                                       \
    {                                                                                                        \
        SECURITY_STATUS got_ = (got), expected_ = (expected);                                                \
        ok(got_ == expected_, "got status %#lx, expected %#lx (%s)\n", (unsigned long)got_,                  \
           (unsigned long)expected_, #expected);                                                             \
    } while (0)

#endif
