/*
 * The priority string: what GnuTLS makes of it is what Windows 11 enables, no more and no less.
 */
#include "test.h"
#include "priority.h"
#include "session.h"
#include <gnutls/gnutls.h>

/* Microsoft, "TLS Cipher Suites in Windows 11": enabled by default, without NULL and PSK. */
static const USHORT windows_suites[] = { 0x1302, 0x1301, 0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024,
                                         0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
                                         0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f };

static unsigned suites_of(DWORD protocols, USHORT *ids, unsigned room)
{
    char text[PRIORITY_SIZE];
    gnutls_priority_t priority;
    unsigned i, index, count = 0;
    const char *error = NULL;

    ok(priority_string(protocols, RENEGOTIATION_SECURE, text), "no string for %#lx\n", protocols);
    if (gnutls_priority_init2(&priority, text, &error, 0) < 0)
    {
        ok(0, "GnuTLS does not take the string at: %s\n", error);
        return 0;
    }
    for (i = 0;
         gnutls_priority_get_cipher_suite_index(priority, i, &index) != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
         i++)
    {
        unsigned char id[2];

        if (gnutls_cipher_suite_info(index, id, NULL, NULL, NULL, NULL) && count < room)
            ids[count++] = (USHORT)(id[0] << 8 | id[1]);
    }
    gnutls_priority_deinit(priority);
    return count;
}

static void test_the_suites_are_those_of_windows_11(void)
{
    USHORT ids[64];
    unsigned i, j, count = suites_of(SP_PROT_TLS1_2 | SP_PROT_TLS1_3, ids, ARRAY_SIZE(ids));

    ok(count == ARRAY_SIZE(windows_suites), "%u suites\n", count);
    for (i = 0; i < ARRAY_SIZE(windows_suites); i++)
    {
        for (j = 0; j < count && ids[j] != windows_suites[i]; j++)
        {
        }
        ok(j < count, "suite %#x is missing\n", windows_suites[i]);
    }
    for (j = 0; j < count; j++)
    {
        for (i = 0; i < ARRAY_SIZE(windows_suites) && ids[j] != windows_suites[i]; i++)
        {
        }
        ok(i < ARRAY_SIZE(windows_suites), "suite %#x is not Windows'\n", ids[j]);
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

    priority_string(SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_3_CLIENT, RENEGOTIATION_SECURE, text);
    ok(!strstr(text, "SHA1:") || !strstr(text, "SIGN-RSA-SHA1"), "SHA-1 in %s\n", text);
    priority_string(SP_PROT_TLS1_0_CLIENT, RENEGOTIATION_SECURE, text);
    ok(strstr(text, "SIGN-RSA-SHA1") != NULL, "no SHA-1 in %s\n", text);
}

static void test_no_known_protocol_is_no_string(void)
{
    char text[PRIORITY_SIZE];

    ok(!priority_string(0, RENEGOTIATION_SECURE, text), "a string for nothing\n");
    ok(!priority_string(SP_PROT_SSL2_CLIENT | SP_PROT_DTLS1_2_CLIENT, RENEGOTIATION_SECURE, text),
       "a string for SSL 2.0 and DTLS\n");
}

static void test_renegotiation_is_secure_unless_it_is_said(void)
{
    char text[PRIORITY_SIZE];

    priority_string(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_SECURE, text);
    ok(strstr(text, "%PARTIAL_RENEGOTIATION") != NULL, "%s\n", text);
    priority_string(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_STRICT, text);
    ok(strstr(text, "%SAFE_RENEGOTIATION") != NULL, "%s\n", text);
    priority_string(SP_PROT_TLS1_2_CLIENT, RENEGOTIATION_INSECURE, text);
    ok(strstr(text, "%UNSAFE_RENEGOTIATION") != NULL, "%s\n", text);
}

START_TEST(priority)
{
    profile_library_open();
    RUN(test_the_suites_are_those_of_windows_11);
    RUN(test_only_tls13_suites_for_tls13_alone);
    RUN(test_sha1_signatures_come_with_old_versions_only);
    RUN(test_no_known_protocol_is_no_string);
    RUN(test_renegotiation_is_secure_unless_it_is_said);
}
