/*
 * A choice: what an administrator and a program make of Windows' defaults, suite by suite.
 */
#include "test.h"
#include "choice.h"

#define ALL     (SP_PROT_TLS1_3 | SP_PROT_TLS1_2 | SP_PROT_TLS1_1 | SP_PROT_TLS1_0)
#define DEFAULT (SP_PROT_TLS1_3 | SP_PROT_TLS1_2)

static BOOL has(const struct choice *choice, USHORT id)
{
    unsigned i;

    for (i = 0; i < choice->suite_count; i++)
        if (choice->suites[i]->id == id) return TRUE;
    return FALSE;
}

/* The suites' numbers, in order, as text. */
static const char *list_of(const struct choice *choice)
{
    static char text[5 * SUITES_MAX + 1];
    unsigned i;

    text[0] = 0;
    for (i = 0; i < choice->suite_count; i++) sprintf(text + 5 * i, "%04x ", choice->suites[i]->id);
    return text;
}

static void test_algorithms_by_number(void)
{
    static const struct
    {
        ALG_ID algorithms[6];
        const char *expected;
    } rows[] = {
        { { CALG_AES_256 }, "1302 c02c c030 c024 c028 c00a c014 009d 003d 0035 " },
        { { CALG_AES_128, CALG_SHA_256 }, "1301 c02b c02f c023 c027 009c 003c " },
        { { CALG_AES, CALG_SHA1 }, "c00a c009 c014 c013 0035 002f " },
        { { CALG_RSA_KEYX, CALG_AES_256 }, "009d 003d 0035 " },
        { { CALG_ECDSA, CALG_AES_256, CALG_SHA_384 }, "c02c c024 " },
        { { CALG_3DES }, "000a " },
        { { CALG_RC4, CALG_SHA1 }, "0005 " },
        { { CALG_RC4, CALG_SHA1, CALG_MD5 }, "0005 0004 " },
        { { CALG_DH_EPHEM }, "009f 009e 0039 0033 " },
        { { CALG_ECDH, CALG_AES_128, CALG_RSA_SIGN, CALG_SHA1 }, "c013 " },
        { { CALG_AES_128, CALG_3DES, CALG_RSA_KEYX, CALG_SHA1 }, "002f 000a " },
        { { CALG_HMAC, CALG_SHA_512 },
          "1302 1301 c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 009d 009c 003d 003c 0035 "
          "002f " },
        { { CALG_RC2 }, "" },
    };
    unsigned i, count;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct choice choice;

        choice_init(&choice, SP_PROT_TLS1_2);
        choice.protocols = SP_PROT_TLS1_2;
        for (count = 0; count < 6 && rows[i].algorithms[count]; count++) continue;
        choice_limit_algorithms(&choice, rows[i].algorithms, count);
        ok(!strcmp(list_of(&choice), rows[i].expected), "row %u: %s\n", i, list_of(&choice));
        ok(choice_finish(&choice) == (rows[i].expected[0] != 0), "row %u: the end\n", i);
    }
}

static void test_the_administrators_no_is_the_last_word(void)
{
    static const ALG_ID named[] = { CALG_RC4, CALG_3DES, CALG_SHA1 };
    const struct suite *order[] = { suite_of_name("TLS_RSA_WITH_RC4_128_SHA"),
                                    suite_of_name("TLS_AES_128_GCM_SHA256"),
                                    suite_of_name("TLS_RSA_WITH_RC4_128_SHA") };
    struct choice choice;

    choice_init(&choice, SP_PROT_TLS1_2);
    choice_forbid(&choice, CALG_RC4);
    choice_limit_algorithms(&choice, named, ARRAY_SIZE(named));
    ok(!strcmp(list_of(&choice), "000a "), "%s\n", list_of(&choice));

    choice_init(&choice, DEFAULT);
    choice_order_suites(&choice, order, ARRAY_SIZE(order));
    ok(!strcmp(list_of(&choice), "0005 1301 "), "%s\n", list_of(&choice));
    choice_limit_algorithms(&choice, named, ARRAY_SIZE(named));
    choice_allow_null(&choice);
    ok(!strcmp(list_of(&choice), "0005 "), "added to the administrator's list: %s\n", list_of(&choice));

    choice_init(&choice, DEFAULT);
    choice_order_suites(&choice, order, ARRAY_SIZE(order));
    choice_forbid(&choice, CALG_RC4);
    ok(!strcmp(list_of(&choice), "1301 "), "%s\n", list_of(&choice));
    ok(choice_finish(&choice) && choice.protocols == SP_PROT_TLS1_3, "protocols %#lx\n", choice.protocols);
}

static void test_strengths(void)
{
    static const struct
    {
        DWORD minimum, maximum;
        BOOL aes128, aes256, none;
    } rows[] = {
        { 0, 0, TRUE, TRUE, FALSE },      { 128, 0, TRUE, TRUE, FALSE },    { 129, 0, FALSE, TRUE, FALSE },
        { 0, 128, TRUE, FALSE, FALSE },   { 256, 256, FALSE, TRUE, FALSE }, { ~0u, 0, TRUE, TRUE, TRUE },
        { ~0u, ~0u, FALSE, FALSE, TRUE }, { 257, 0, FALSE, FALSE, FALSE },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct choice choice;

        choice_init(&choice, SP_PROT_TLS1_2);
        choice_limit_strengths(&choice, rows[i].minimum, rows[i].maximum);
        ok(has(&choice, 0xc02f) == rows[i].aes128 && has(&choice, 0xc030) == rows[i].aes256 &&
               has(&choice, 0x003b) == rows[i].none,
           "row %u: %s\n", i, list_of(&choice));
        ok(!has(&choice, 0x0001), "row %u: MD5 and no encryption\n", i);
    }
}

static void test_strong_crypto(void)
{
    static const ALG_ID named[] = { CALG_RC4, CALG_3DES, CALG_AES_128, CALG_SHA1 };
    struct choice choice;

    choice_init(&choice, ALL | SP_PROT_SSL3);
    choice_limit_algorithms(&choice, named, ARRAY_SIZE(named));
    choice_allow_null(&choice);
    ok(has(&choice, 0x0005) && has(&choice, 0x000a) && has(&choice, 0x0002), "%s\n", list_of(&choice));
    choice_strong(&choice);
    ok(!strcmp(list_of(&choice), "c009 c013 002f "), "%s\n", list_of(&choice));
    ok(!(choice.protocols & SP_PROT_SSL3) && !(choice.signatures & SIGNATURES_SHA1), "SSL 3.0 or SHA-1\n");
    choice_init(&choice, DEFAULT);
    choice_limit_to_fips(&choice);
    ok(choice.group_count == 2 && choice.groups[0]->id == 0x17, "%u groups\n", choice.group_count);
}

static UNICODE_STRING string(const WCHAR *text, BOOL with_end)
{
    UNICODE_STRING string = { (USHORT)((wcslen(text) + (with_end ? 1 : 0)) * sizeof(WCHAR)), 0,
                              (WCHAR *)text };

    string.MaximumLength = string.Length;
    return string;
}

static void test_crypto_settings(void)
{
    static const struct
    {
        eTlsAlgorithmUsage usage;
        const WCHAR *name, *mode;
        DWORD minimum, maximum;
        USHORT gone, stays;
    } rows[] = {
        { TlsParametersCngAlgUsageCipher, L"AES", NULL, 128, 128, 0x1302, 0x1301 }, /* msquic: no AES-256 */
        { TlsParametersCngAlgUsageCipher, L"AES", NULL, 256, 256, 0x1301, 0x1302 },
        { TlsParametersCngAlgUsageCipher, L"AES", NULL, 256, 0, 0x1301, 0x1302 }, /* Qt */
        { TlsParametersCngAlgUsageCipher, L"AES", L"ChainingModeCBC", 0, 0, 0xc028, 0xc030 },
        { TlsParametersCngAlgUsageCipher, L"aes", L"ChainingModeGCM", 0, 0, 0xc030, 0xc028 },
        { TlsParametersCngAlgUsageCipher, L"AES", L"ChainingModeCCM", 0, 0, 0, 0x1302 },
        { TlsParametersCngAlgUsageCipher, L"ROT13", NULL, 0, 0, 0, 0x1302 },
        { TlsParametersCngAlgUsageDigest, L"SHA384", NULL, 0, 0, 0x1302, 0x1301 },
        { TlsParametersCngAlgUsageDigest, L"SHA1", NULL, 0, 0, 0xc014, 0xc030 },
        { TlsParametersCngAlgUsageKeyExchange, L"RSA", NULL, 0, 0, 0x009d, 0xc030 },
        { TlsParametersCngAlgUsageKeyExchange, L"ECDH", NULL, 0, 0, 0xc030, 0x009d },
        { TlsParametersCngAlgUsageSignature, L"ECDSA", NULL, 0, 0, 0xc02c, 0xc030 },
        { TlsParametersCngAlgUsageSignature, L"RSA", NULL, 0, 0, 0xc030, 0xc02c },
    };
    unsigned i, with_end;

    for (i = 0; i < 2 * ARRAY_SIZE(rows); i++)
    {
        const WCHAR *name = rows[i / 2].name, *mode = rows[i / 2].mode;
        UNICODE_STRING modes[1];
        CRYPTO_SETTINGS settings = { 0 };
        struct choice choice;

        with_end = i % 2;
        settings.eAlgorithmUsage = rows[i / 2].usage;
        settings.strCngAlgId = string(name, with_end);
        if (mode)
        {
            modes[0] = string(mode, with_end);
            settings.rgstrChainingModes = modes;
            settings.cChainingModes = 1;
        }
        settings.dwMinBitLength = rows[i / 2].minimum;
        settings.dwMaxBitLength = rows[i / 2].maximum;
        choice_init(&choice, DEFAULT);
        ok(choice_disable(&choice, &settings), "row %u is refused\n", i / 2);
        choice_finish(&choice);
        ok(!rows[i / 2].gone || !has(&choice, rows[i / 2].gone), "row %u: %#x is there\n", i / 2,
           rows[i / 2].gone);
        ok(has(&choice, rows[i / 2].stays), "row %u: %#x is gone\n", i / 2, rows[i / 2].stays);
    }
}

static void test_crypto_settings_of_groups_and_signatures(void)
{
    CRYPTO_SETTINGS settings = { .eAlgorithmUsage = TlsParametersCngAlgUsageKeyExchange,
                                 .dwMinBitLength = 256,
                                 .dwMaxBitLength = 256 };
    struct choice choice;

    choice_init(&choice, DEFAULT);
    settings.strCngAlgId = string(L"ECDH", FALSE);
    ok(choice_disable(&choice, &settings), "refused\n");
    ok(choice.group_count == 1 && choice.groups[0]->id == 0x17, "%u groups\n", choice.group_count);

    settings.strCngAlgId = string(L"RSA", FALSE);
    settings.dwMinBitLength = 3072;
    settings.dwMaxBitLength = 0;
    ok(choice_disable(&choice, &settings), "refused\n");
    ok(choice.limits.rsa_min == 3072 && !choice.limits.rsa_max && has(&choice, 0x009d), "RSA from %lu\n",
       choice.limits.rsa_min);

    settings.eAlgorithmUsage = TlsParametersCngAlgUsageCertSig;
    settings.strCngAlgId = string(L"SCH_RSA_PSS_PAD", FALSE);
    ok(choice_disable(&choice, &settings), "refused\n");
    ok(choice.signatures == (SIGNATURES_RSA_PKCS1 | SIGNATURES_ECDSA), "%#x\n", choice.signatures);
}

static void test_crypto_settings_that_cannot_be(void)
{
    UNICODE_STRING nothing = { 0 };
    CRYPTO_SETTINGS settings = { 0 };
    struct choice choice;

    choice_init(&choice, DEFAULT);
    ok(!choice_disable(&choice, &settings), "no name\n");
    settings.strCngAlgId.Length = 6;
    ok(!choice_disable(&choice, &settings), "a name without memory\n");
    settings.strCngAlgId = string(L"AES", FALSE);
    settings.strCngAlgId.Length = 5;
    ok(!choice_disable(&choice, &settings), "half a character\n");
    settings.strCngAlgId.Length = 6;
    settings.eAlgorithmUsage = 5;
    ok(!choice_disable(&choice, &settings), "a fifth usage\n");
    settings.eAlgorithmUsage = TlsParametersCngAlgUsageCipher;
    settings.cChainingModes = 1;
    ok(!choice_disable(&choice, &settings), "modes without memory\n");
    settings.rgstrChainingModes = &nothing;
    ok(!choice_disable(&choice, &settings), "a mode without a name\n");
    settings.cChainingModes = 17;
    ok(!choice_disable(&choice, &settings), "17 modes\n");
    ok(choice.suite_count == 20, "%u suites\n", choice.suite_count);
}

static void test_protocols_that_have_nothing_left(void)
{
    static const struct
    {
        DWORD protocols, left;
        const char *suite;
    } rows[] = {
        { ALL, SP_PROT_TLS1_3, "TLS_AES_128_GCM_SHA256" },
        { ALL, SP_PROT_TLS1_2, "TLS_RSA_WITH_AES_128_GCM_SHA256" },
        { ALL, SP_PROT_TLS1_2, "TLS_RSA_WITH_AES_128_CBC_SHA256" },
        { ALL, SP_PROT_TLS1_2 | SP_PROT_TLS1_1 | SP_PROT_TLS1_0, "TLS_RSA_WITH_AES_128_CBC_SHA" },
        { SP_PROT_TLS1_1, 0, "TLS_RSA_WITH_AES_128_GCM_SHA256" },
        { SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2, SP_PROT_DTLS1_2, "TLS_RSA_WITH_AES_128_GCM_SHA256" },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        const struct suite *suite = suite_of_name(rows[i].suite);
        struct choice choice;

        choice_init(&choice, rows[i].protocols);
        choice_order_suites(&choice, &suite, 1);
        ok(choice_finish(&choice) == (rows[i].left != 0) && choice.protocols == rows[i].left,
           "row %u: %#lx left\n", i, choice.protocols);
    }
}

static void test_no_gap_between_versions(void)
{
    struct choice choice;

    choice_init(&choice, SP_PROT_TLS1_3 | SP_PROT_TLS1_1 | SP_PROT_TLS1_2_CLIENT);
    ok(choice_finish(&choice), "nothing left\n");
    ok(choice.protocols == (SP_PROT_TLS1_3 | SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_1_CLIENT), "%#lx\n",
       choice.protocols);
}

static void test_pre_shared_keys(void)
{
    struct choice choice;

    choice_init(&choice, DEFAULT);
    choice_use_psk(&choice);
    ok(!strcmp(list_of(&choice), "00a9 00a8 00af 00ae "), "%s\n", list_of(&choice));
    choice_allow_null(&choice);
    ok(choice_finish(&choice) && choice.protocols == SP_PROT_TLS1_2, "%#lx\n", choice.protocols);
    ok(has(&choice, 0x00b0) && !has(&choice, 0x003b), "%s\n", list_of(&choice));
}

START_TEST(choice)
{
    RUN(test_algorithms_by_number);
    RUN(test_the_administrators_no_is_the_last_word);
    RUN(test_strengths);
    RUN(test_strong_crypto);
    RUN(test_crypto_settings);
    RUN(test_crypto_settings_of_groups_and_signatures);
    RUN(test_crypto_settings_that_cannot_be);
    RUN(test_protocols_that_have_nothing_left);
    RUN(test_no_gap_between_versions);
    RUN(test_pre_shared_keys);
}
