/*
 * The priority string: what GnuTLS makes of a choice is that choice, no more and no less.
 */
#include "test.h"
#include "priority.h"
#include "session.h"
#include <gnutls/gnutls.h>

/* Microsoft, "TLS Cipher Suites in Windows 11": enabled by default, without NULL and PSK. */
static const USHORT windows_suites[] = { 0x1302, 0x1301, 0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024,
                                         0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
                                         0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f };

static BOOL string_of(DWORD protocols, enum renegotiation renegotiation, char text[PRIORITY_SIZE])
{
    struct choice choice;

    choice_init(&choice, protocols);
    choice_finish(&choice);
    return priority_string(&choice, ~0u, renegotiation, text);
}

/* The suites GnuTLS has left of a choice, in its order. */
static unsigned suites_left(const struct choice *choice, USHORT *left, unsigned room)
{
    char text[PRIORITY_SIZE];
    gnutls_priority_t priority;
    unsigned i, index, count = 0;
    BYTE ids[SUITES_MAX][2];
    const char *error = NULL;

    ok(priority_string(choice, ~0u, RENEGOTIATION_SECURE, text), "no string\n");
    if (gnutls_priority_init2(&priority, text, &error, 0) < 0)
    {
        ok(0, "GnuTLS does not take the string at: %s\n", error);
        return 0;
    }
    count = priority_suites(choice, ids);
    gnutls_priority_order_suites(priority, (const unsigned char(*)[2])ids, count);
    count = 0;
    for (i = 0;
         gnutls_priority_get_cipher_suite_index(priority, i, &index) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
         i++)
    {
        unsigned char id[2];

        if (gnutls_cipher_suite_info(index, id, NULL, NULL, NULL, NULL) && count < room)
            left[count++] = (USHORT)(id[0] << 8 | id[1]);
    }
    gnutls_priority_deinit(priority);
    return count;
}

static unsigned suites_of(DWORD protocols, USHORT *ids, unsigned room)
{
    struct choice choice;

    choice_init(&choice, protocols);
    ok(choice_finish(&choice), "nothing for %#lx\n", protocols);
    return suites_left(&choice, ids, room);
}

static void test_the_suites_are_those_of_windows_11(void)
{
    USHORT ids[64];
    unsigned i, count = suites_of(SP_PROT_TLS1_2 | SP_PROT_TLS1_3, ids, ARRAY_SIZE(ids));

    ok(count == ARRAY_SIZE(windows_suites), "%u suites\n", count);
    for (i = 0; i < ARRAY_SIZE(windows_suites) && i < count; i++)
        ok(ids[i] == windows_suites[i], "%u: %#x, not %#x\n", i, ids[i], windows_suites[i]);
}

/* Every row that GnuTLS should know, alone and in reverse. */
static void test_every_suite_in_any_order(void)
{
    unsigned i, j, count, left;
    const struct suite *rows = suite_rows(&count), *reversed[SUITES_MAX];
    struct choice choice;
    USHORT ids[64];

    for (i = j = 0; i < count; i++)
        if (rows[count - 1 - i].cipher->bits && rows[count - 1 - i].offer != SUITE_WITH_PSK)
            reversed[j++] = &rows[count - 1 - i];
    choice_init(&choice, SP_PROT_TLS1_2 | SP_PROT_TLS1_3);
    choice_order_suites(&choice, reversed, j);
    ok(choice_finish(&choice), "nothing\n");
    left = suites_left(&choice, ids, ARRAY_SIZE(ids));
    ok(left == j, "%u of %u\n", left, j);
    for (i = 0; i < left && i < j; i++)
        ok(ids[i] == reversed[i]->id, "%#x, not %s\n", ids[i], reversed[i]->name);

    for (i = 0; i < count; i++)
    {
        const struct suite *one = &rows[i];

        choice_init(&choice, SP_PROT_TLS1_2 | SP_PROT_TLS1_3);
        choice_order_suites(&choice, &one, 1);
        choice.psk = one->offer == SUITE_WITH_PSK;
        ok(choice_finish(&choice), "%s: nothing\n", one->name);
        left = suites_left(&choice, ids, ARRAY_SIZE(ids));
        ok(left == 1 && ids[0] == one->id, "%s: %u suites\n", one->name, left);
    }
}

static void test_only_tls13_suites_for_tls13_alone(void)
{
    USHORT ids[64];
    unsigned count = suites_of(SP_PROT_TLS1_3_CLIENT, ids, ARRAY_SIZE(ids));

    ok(count == 2, "%u suites\n", count);
    ok(ids[0] == 0x1302 && ids[1] == 0x1301, "%#x %#x\n", ids[0], ids[1]);
}

static void test_sha1_signatures_come_with_old_versions_only(void)
{
    char text[PRIORITY_SIZE];

    string_of(SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_3_CLIENT, RENEGOTIATION_SECURE, text);
    ok(!strstr(text, "SHA1:") || !strstr(text, "SIGN-RSA-SHA1"), "SHA-1 in %s\n", text);
    string_of(SP_PROT_TLS1_0_CLIENT, RENEGOTIATION_SECURE, text);
    ok(strstr(text, "SIGN-RSA-SHA1") != NULL, "no SHA-1 in %s\n", text);
}

static void test_no_known_protocol_is_no_string(void)
{
    char text[PRIORITY_SIZE];

    ok(!string_of(0, RENEGOTIATION_SECURE, text), "a string for nothing\n");
    ok(!string_of(SP_PROT_SSL2_SERVER, RENEGOTIATION_SECURE, text), "a string for SSL 2.0\n");
}

static void test_renegotiation_is_secure_unless_it_is_said(void)
{
    char text[PRIORITY_SIZE];

    string_of(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_SECURE, text);
    ok(strstr(text, "%PARTIAL_RENEGOTIATION") != NULL, "%s\n", text);
    string_of(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_STRICT, text);
    ok(strstr(text, "%SAFE_RENEGOTIATION") != NULL, "%s\n", text);
    string_of(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_INSECURE, text);
    ok(strstr(text, "%UNSAFE_RENEGOTIATION") != NULL, "%s\n", text);
}

START_TEST(priority)
{
    profile_library_open();
    RUN(test_the_suites_are_those_of_windows_11);
    RUN(test_every_suite_in_any_order);
    RUN(test_only_tls13_suites_for_tls13_alone);
    RUN(test_sha1_signatures_come_with_old_versions_only);
    RUN(test_no_known_protocol_is_no_string);
    RUN(test_renegotiation_is_secure_unless_it_is_said);
}
