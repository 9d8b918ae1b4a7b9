/*
 * The suites' table: what programs read of it.
 */
#include "test.h"
#include "suites.h"

static const struct
{
    const char *name;
    USHORT id;
    DWORD protocol;
    ULONG header, trailer;
} rows[] = {
    { "TLS_AES_256_GCM_SHA384", 0x1302, SP_PROT_TLS1_3_CLIENT, 5, 44 },
    { "TLS_AES_128_GCM_SHA256", 0x1301, SP_PROT_TLS1_3_SERVER, 5, 44 },
    { "TLS_CHACHA20_POLY1305_SHA256", 0x1303, SP_PROT_TLS1_3_CLIENT, 5, 44 },
    { "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c, SP_PROT_TLS1_2_CLIENT, 13, 16 },
    { "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c, SP_PROT_TLS1_2_SERVER, 13, 16 },
    { "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xc028, SP_PROT_TLS1_2_CLIENT, 21, 64 },
    { "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc027, SP_PROT_TLS1_2_CLIENT, 21, 48 },
    { "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f, SP_PROT_TLS1_1_CLIENT, 21, 36 },
    { "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f, SP_PROT_TLS1_0_CLIENT, 5, 36 },
    { "TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035, SP_PROT_SSL3_CLIENT, 5, 36 },
    { "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a, SP_PROT_TLS1_2_CLIENT, 13, 28 },
    { "TLS_RSA_WITH_RC4_128_SHA", 0x0005, SP_PROT_TLS1_2_CLIENT, 5, 20 },
    { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030, SP_PROT_DTLS1_2_CLIENT, 21, 16 },
    { "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f, SP_PROT_DTLS1_0_SERVER, 29, 36 },
    { "TLS_PSK_WITH_AES_128_GCM_SHA256", 0x00a8, SP_PROT_TLS1_2_CLIENT, 13, 16 },
    { "TLS_RSA_WITH_NULL_SHA256", 0x003b, SP_PROT_TLS1_2_CLIENT, 5, 32 },
};

static void test_ids_and_record_sizes(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        const struct suite *suite = suite_of_name(rows[i].name);
        struct record_sizes sizes;

        ok(suite != NULL, "%s has no row\n", rows[i].name);
        if (!suite) continue;
        sizes = suite_record_sizes(suite, rows[i].protocol);
        ok(suite->id == rows[i].id, "%s is %#x\n", rows[i].name, suite->id);
        ok(sizes.header == rows[i].header && sizes.trailer == rows[i].trailer,
           "%s, protocol %#lx: %lu and %lu\n", rows[i].name, rows[i].protocol, sizes.header, sizes.trailer);
    }
}

static void test_names_fit_what_windows_gives_them(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        ok(strlen(rows[i].name) < SZ_ALG_MAX_SIZE, "%s is too long for SecPkgContext_CipherInfo\n",
           rows[i].name);
}

static void test_a_name_nobody_has_is_no_suite(void)
{
    ok(!suite_of_name("TLS_ROT13_WITH_LUCK"), "found\n");
    ok(!suite_of_name(""), "found\n");
}

START_TEST(suites)
{
    RUN(test_ids_and_record_sizes);
    RUN(test_names_fit_what_windows_gives_them);
    RUN(test_a_name_nobody_has_is_no_suite);
}
