/*
 * What administrators and programs choose, as it is seen on the wire: the ClientHello, and what servers that
 * can do one thing only make of it.
 */
#include "test.h"
#include "sides.h"
#include <stdio.h>

/* A credential that validates nothing, and the ClientHello made from it. The acquiring status. */
static SECURITY_STATUS hello_with(void *auth_data, struct hello *hello)
{
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &out };
    SECURITY_STATUS status;
    CredHandle credential;
    CtxtHandle context;
    ULONG attributes;

    memset(hello, 0, sizeof(*hello));
    status = sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                             auth_data, NULL, NULL, &credential, NULL);
    if (status) return status;
    ok_status(sspi->InitializeSecurityContextW(&credential, NULL, (WCHAR *)L"localhost", CLIENT_FLAGS, 0, 0,
                                               NULL, 0, &context, &desc, &attributes, NULL),
              SEC_I_CONTINUE_NEEDED);
    hello_parse(out.pvBuffer, out.cbBuffer, hello);
    ok(hello->sound, "no sound ClientHello\n");
    sspi->FreeContextBuffer(out.pvBuffer);
    sspi->DeleteSecurityContext(&context);
    sspi->FreeCredentialsHandle(&credential);
    return SEC_E_OK;
}

/* The suites of a hello as text, without the signalling value of RFC 5746. */
static const char *suites_of(const struct hello *hello)
{
    static char text[5 * 64 + 1];
    unsigned i, at = 0;

    text[0] = 0;
    for (i = 0; i < hello->suite_count; i++)
        if (hello->suites[i] != 0x00ff) at += (unsigned)sprintf(text + at, "%04x ", hello->suites[i]);
    return text;
}

static const char *groups_of(const struct hello *hello)
{
    static char text[5 * 16 + 1];
    unsigned i;

    text[0] = 0;
    for (i = 0; i < hello->group_count; i++) sprintf(text + 5 * i, "%04x ", hello->groups[i]);
    return text;
}

#define NEWEST "1302 1301 "
#define AES256 "c02c c030 c024 c028 c00a c014 009d 003d 0035 "
#define ALL12  "c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 009d 009c 003d 003c 0035 002f "

static void test_what_the_older_struct_chooses(void)
{
    static const struct
    {
        const char *name;
        ALG_ID algorithms[4];
        DWORD minimum, maximum, flags;
        SECURITY_STATUS status;
        const char *suites;
    } rows[] = {
        { "nothing", { 0 }, 0, 0, 0, SEC_E_OK, ALL12 },
        { "AES-256", { CALG_AES_256 }, 0, 0, 0, SEC_E_OK, AES256 },
        { "3DES", { CALG_3DES }, 0, 0, 0, SEC_E_OK, "000a " },
        { "3DES, strong", { CALG_3DES }, 0, 0, SCH_USE_STRONG_CRYPTO, SEC_E_ALGORITHM_MISMATCH, "" },
        { "RC4", { CALG_RC4, CALG_MD5 }, 0, 0, 0, SEC_E_OK, "0004 " },
        { "DHE with GCM", { CALG_DH_EPHEM, CALG_SHA_384 }, 0, 0, 0, SEC_E_OK, "009f " },
        { "RC2, which nobody has", { CALG_RC2 }, 0, 0, 0, SEC_E_ALGORITHM_MISMATCH, "" },
        { "from 256 bits", { 0 }, 256, 0, 0, SEC_E_OK, AES256 },
        { "from 257 bits", { 0 }, 257, 0, 0, SEC_E_ALGORITHM_MISMATCH, "" },
        { "no encryption, too", { 0 }, ~0u, 0, 0, SEC_E_OK, ALL12 "003b 0002 " },
        { "no encryption alone", { 0 }, ~0u, ~0u, 0, SEC_E_OK, "003b 0002 " },
        { "no encryption, strong", { 0 }, ~0u, ~0u, SCH_USE_STRONG_CRYPTO, SEC_E_ALGORITHM_MISMATCH, "" },
        { "no encryption by flag", { 0 }, 0, 0, SCH_ALLOW_NULL_ENCRYPTION, SEC_E_OK, ALL12 "003b 0002 " },
    };
    struct hello hello;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        ALG_ID algorithms[4];
        SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                               .palgSupportedAlgs = algorithms,
                               .dwMinimumCipherStrength = rows[i].minimum,
                               .dwMaximumCipherStrength = rows[i].maximum,
                               .dwFlags = rows[i].flags | SCH_CRED_MANUAL_CRED_VALIDATION };
        SECURITY_STATUS status;

        memcpy(algorithms, rows[i].algorithms, sizeof(algorithms));
        while (cred.cSupportedAlgs < 4 && algorithms[cred.cSupportedAlgs]) cred.cSupportedAlgs++;
        status = hello_with(&cred, &hello);
        ok(status == rows[i].status, "%s: status %#lx\n", rows[i].name, status);
        ok(!strcmp(suites_of(&hello), rows[i].suites), "%s: %s\n", rows[i].name, suites_of(&hello));
        ok(!hello.version_count, "%s: TLS 1.3\n", rows[i].name);
    }
}

static void test_limits_of_the_older_struct(void)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION, .cSupportedAlgs = 257 };
    ALG_ID algorithms[257] = { CALG_AES_128 };
    struct hello hello;

    cred.palgSupportedAlgs = algorithms;
    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cSupportedAlgs = 256;
    ok_status(hello_with(&cred, &hello), SEC_E_OK);
    cred.palgSupportedAlgs = NULL; /* a number without a list is none */
    ok_status(hello_with(&cred, &hello), SEC_E_OK);
    ok(!strcmp(suites_of(&hello), ALL12), "%s\n", suites_of(&hello));
}

/* As the programs named here fill them in. */
static void test_what_crypto_settings_choose(void)
{
    static const struct
    {
        const char *name;
        eTlsAlgorithmUsage usage;
        const WCHAR *algorithm;
        USHORT length; /* in bytes, with the end or without */
        DWORD minimum, maximum;
        const char *suites, *groups;
    } rows[] = {
        { "msquic, without AES-256", TlsParametersCngAlgUsageCipher, L"AES", 8, 128, 128,
          "1301 c02b c02f c023 c027 c009 c013 009c 003c 002f ", "001d 0017 0018 " },
        { "Qt, without AES-128", TlsParametersCngAlgUsageCipher, L"AES", 6, 256, 0, "1302 " AES256,
          "001d 0017 0018 " },
        { "without SHA-1", TlsParametersCngAlgUsageDigest, L"SHA1", 8, 0, 0,
          NEWEST "c02c c02b c030 c02f c024 c023 c028 c027 009d 009c 003d 003c ", "001d 0017 0018 " },
        { "without RSA exchange", TlsParametersCngAlgUsageKeyExchange, L"RSA", 6, 0, 0,
          NEWEST "c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 ", "001d 0017 0018 " },
        { "curves of 256 bits", TlsParametersCngAlgUsageKeyExchange, L"ECDH", 8, 256, 256, NEWEST ALL12,
          "0017 " },
        { "without curves", TlsParametersCngAlgUsageKeyExchange, L"ECDH", 8, 0, 0,
          "009d 009c 003d 003c 0035 002f ", "" },
    };
    struct hello hello;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        UNICODE_STRING name = { rows[i].length, rows[i].length, (WCHAR *)rows[i].algorithm };
        CRYPTO_SETTINGS settings = { .eAlgorithmUsage = rows[i].usage,
                                     .strCngAlgId = name,
                                     .dwMinBitLength = rows[i].minimum,
                                     .dwMaxBitLength = rows[i].maximum };
        TLS_PARAMETERS parameters = { .cDisabledCrypto = 1, .pDisabledCrypto = &settings };
        SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                                 .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION,
                                 .cTlsParameters = 1,
                                 .pTlsParameters = &parameters };

        ok_status(hello_with(&cred, &hello), SEC_E_OK);
        ok(!strcmp(suites_of(&hello), rows[i].suites), "%s: %s\n", rows[i].name, suites_of(&hello));
        ok(!strcmp(groups_of(&hello), rows[i].groups), "%s: %s\n", rows[i].name, groups_of(&hello));
    }
}

static void test_parameters_that_cannot_be(void)
{
    CRYPTO_SETTINGS settings[17] = { 0 };
    TLS_PARAMETERS parameters[17] = { { .cDisabledCrypto = 1 } };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION,
                             .cTlsParameters = 1,
                             .pTlsParameters = parameters };
    struct hello hello;
    unsigned i;

    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS); /* settings without memory */
    parameters[0].pDisabledCrypto = settings;
    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS); /* without a name */
    for (i = 0; i < 17; i++) settings[i].strCngAlgId = (UNICODE_STRING){ 6, 6, (WCHAR *)L"DSA" };
    ok_status(hello_with(&cred, &hello), SEC_E_OK);
    parameters[0].cDisabledCrypto = 16;
    ok_status(hello_with(&cred, &hello), SEC_E_OK);
    parameters[0].cDisabledCrypto = 17;
    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS);
    parameters[0].cDisabledCrypto = 0;
    cred.cTlsParameters = 17;
    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cTlsParameters = 1;
    cred.pTlsParameters = NULL;
    ok_status(hello_with(&cred, &hello), SEC_E_UNKNOWN_CREDENTIALS);
}

/* --- the registry --------------------------------------------------------------------------------------- */

static void test_what_the_registry_changes_in_a_hello(void)
{
    static const struct
    {
        const WCHAR *key, *name;
        DWORD value;
        const char *suites;
    } rows[] = {
        { L"Ciphers\\AES 128/128", L"Enabled", 0, "1302 " AES256 },
        { L"Hashes\\SHA", L"Enabled", 0,
          NEWEST "c02c c02b c030 c02f c024 c023 c028 c027 009d 009c 003d 003c " },
        { L"Hashes\\SHA384", L"Enabled", 0,
          "1301 c02b c02f c023 c027 c00a c009 c014 c013 009c 003d 003c 0035 002f " },
        { L"KeyExchangeAlgorithms\\PKCS", L"Enabled", 0,
          NEWEST "c02c c02b c030 c02f c024 c023 c028 c027 c00a c009 c014 c013 " },
        { L"KeyExchangeAlgorithms\\ECDH", L"Enabled", 0, NEWEST "009d 009c 003d 003c 0035 002f " },
        { L"Ciphers\\AES 128/128", L"Enabled", 0xffffffff, NEWEST ALL12 },
        { L"Ciphers\\RC4 128/128", L"Enabled", 0xffffffff,
          NEWEST ALL12 }, /* it is not in the list of suites */
        { L"Ciphers\\Triple DES 168", L"Enabled", 1, NEWEST ALL12 },
        { L"Protocols\\TLS 1.3\\Client", L"Enabled", 0, ALL12 },
        { L"Protocols\\TLS 1.2\\Client", L"Enabled", 0, NEWEST },
        { L"Protocols\\TLS 1.2\\Server", L"Enabled", 0, NEWEST ALL12 },
    };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION };
    struct hello hello;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        schannel_set(rows[i].key, rows[i].name, rows[i].value);
        ok_status(hello_with(&cred, &hello), SEC_E_OK);
        ok(!strcmp(suites_of(&hello), rows[i].suites), "%ls, %#lx: %s\n", rows[i].key, rows[i].value,
           suites_of(&hello));
        schannel_clear(NULL);
        ok_status(hello_with(&cred, &hello), SEC_E_OK);
        ok(!strcmp(suites_of(&hello), NEWEST ALL12), "after %ls: %s\n", rows[i].key, suites_of(&hello));
    }
}

static void test_the_administrators_lists(void)
{
    static const struct
    {
        const WCHAR *suites, *curves;
        SECURITY_STATUS status;
        const char *hello_suites, *hello_groups;
    } rows[] = {
        { L"TLS_RSA_WITH_AES_128_CBC_SHA,TLS_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
          NULL, SEC_E_OK, "002f 1303 c030 ", "001d 0017 0018 " },
        { L"TLS_RSA_WITH_RC4_128_SHA", NULL, SEC_E_OK, "0005 ", "" },
        { L"TLS_RSA_WITH_NULL_MD5", NULL, SEC_E_ALGORITHM_MISMATCH, "", "" },
        { NULL, L"NistP384,NistP521,NistP256", SEC_E_OK, NEWEST ALL12, "0018 0019 0017 " },
        { NULL, L"brainpoolP256r1", SEC_E_OK, "009d 009c 003d 003c 0035 002f ", "" },
        { L"TLS_NOTHING", NULL, SEC_E_ALGORITHM_MISMATCH, "", "" },
    };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION };
    struct hello hello;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        schannel_set_list(L"Functions", rows[i].suites);
        schannel_set_list(L"EccCurves", rows[i].curves);
        cred.dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | (rows[i].status ? SCH_USE_STRONG_CRYPTO : 0);
        ok_status(hello_with(&cred, &hello), rows[i].status);
        ok(!strcmp(suites_of(&hello), rows[i].hello_suites), "row %u: %s\n", i, suites_of(&hello));
        ok(!strcmp(groups_of(&hello), rows[i].hello_groups), "row %u: %s\n", i, groups_of(&hello));
    }
    schannel_set_list(L"Functions", NULL);
    schannel_set_list(L"EccCurves", NULL);
}

/* A change is for the next credential, not for this one. */
static void test_a_credential_keeps_what_it_has(void)
{
    SecPkgCred_SupportedProtocols protocols = { 0 };
    struct client client = { .target = L"localhost" };

    ok_status(client_acquire(&client, 0, TRUE), SEC_E_OK);
    schannel_set(L"Protocols\\TLS 1.3\\Client", L"Enabled", 0);
    ok_status(
        sspi->QueryCredentialsAttributesW(&client.credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &protocols),
        SEC_E_OK);
    ok(protocols.grbitProtocol == (SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_3_CLIENT), "%#lx\n",
       protocols.grbitProtocol);
    client_close(&client);
    ok_status(client_acquire(&client, 0, TRUE), SEC_E_OK);
    ok_status(
        sspi->QueryCredentialsAttributesW(&client.credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &protocols),
        SEC_E_OK);
    ok(protocols.grbitProtocol == SP_PROT_TLS1_2_CLIENT, "%#lx\n", protocols.grbitProtocol);
    client_close(&client);
    schannel_clear(NULL);
}

static void test_what_a_credential_says_of_its_algorithms(void)
{
    static const ALG_ID expected[] = { CALG_AES_256, CALG_SHA_384,  CALG_SHA_256,
                                       CALG_SHA1,    CALG_RSA_KEYX, CALG_RSA_SIGN };
    ALG_ID named[] = { CALG_AES_256, CALG_RSA_KEYX };
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                           .cSupportedAlgs = ARRAY_SIZE(named),
                           .palgSupportedAlgs = named };
    SecPkgCred_CipherStrengths strengths = { 0, 0 };
    SecPkgCred_SupportedAlgs algorithms = { 0 };
    CredHandle handle;

    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, &cred,
                                              NULL, NULL, &handle, NULL),
              SEC_E_OK);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_SUPPORTED_ALGS, &algorithms), SEC_E_OK);
    ok(algorithms.cSupportedAlgs == ARRAY_SIZE(expected) &&
           !memcmp(algorithms.palgSupportedAlgs, expected, sizeof(expected)),
       "%lu algorithms\n", algorithms.cSupportedAlgs);
    sspi->FreeContextBuffer(algorithms.palgSupportedAlgs);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_CIPHER_STRENGTHS, &strengths), SEC_E_OK);
    ok(strengths.dwMinimumCipherStrength == 256 && strengths.dwMaximumCipherStrength == 256, "%lu to %lu\n",
       strengths.dwMinimumCipherStrength, strengths.dwMaximumCipherStrength);
    sspi->FreeCredentialsHandle(&handle);
}

/* --- old servers ---------------------------------------------------------------------------------------- */

/* Opens a connection with a SCHANNEL_CRED of these algorithms; its status. */
static SECURITY_STATUS open_with(struct client *client, const char *peer, ALG_ID *algorithms, DWORD count,
                                 DWORD strength)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                           .cSupportedAlgs = count,
                           .palgSupportedAlgs = algorithms,
                           .dwMinimumCipherStrength = strength,
                           .dwMaximumCipherStrength = strength,
                           .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS };
    SECURITY_STATUS status;

    memset(client, 0, sizeof(*client));
    client->socket = INVALID_SOCKET;
    client->target = L"localhost";
    client->requirements = CLIENT_FLAGS;
    status = sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, &cred,
                                             NULL, NULL, &client->credential, NULL);
    if (status) return status;
    client->has_credential = TRUE;
    ok(client_connect(client, peer_port(peer)), "%s does not listen\n", peer);
    return client_handshake(client);
}

static void test_weak_suites_for_who_names_them(void)
{
    static const struct
    {
        ALG_ID algorithms[2];
        DWORD strength, suite;
        ALG_ID cipher, hash;
    } rows[] = {
        { { CALG_RC4, CALG_SHA1 }, 0, 0x0005, CALG_RC4, CALG_SHA1 },
        { { CALG_RC4, CALG_MD5 }, 0, 0x0004, CALG_RC4, CALG_MD5 },
        { { CALG_3DES, 0 }, 0, 0x000a, CALG_3DES, CALG_SHA1 },
        { { 0 }, ~0u, 0x003b, 0, CALG_SHA_256 },
    };
    struct client client;
    unsigned i;

    ok(client_open(&client, "PEER_GNUTLS_WEAK", 0, FALSE) != SEC_E_OK, "a weak suite for nobody\n");
    client_close(&client);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
        SecPkgContext_ConnectionInfo info = { 0 };
        ALG_ID algorithms[2];
        DWORD count = 0;
        char text[100];
        size_t size = 0;

        memcpy(algorithms, rows[i].algorithms, sizeof(algorithms));
        while (count < 2 && algorithms[count]) count++;
        ok_status(open_with(&client, "PEER_GNUTLS_WEAK", algorithms, count, rows[i].strength), SEC_E_OK);
        sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CIPHER_INFO, &cipher);
        sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info);
        ok(cipher.dwCipherSuite == rows[i].suite, "row %u: suite %#lx\n", i, cipher.dwCipherSuite);
        ok(info.aiCipher == rows[i].cipher && info.aiHash == rows[i].hash, "row %u: %#x %#x\n", i,
           info.aiCipher, info.aiHash);
        ok_status(client_send(&client, "say it again\n", 13), SEC_E_OK);
        ok_status(client_receive(&client, text, sizeof(text), &size), SEC_E_OK);
        ok(size == 13 && !memcmp(text, "say it again\n", 13), "row %u: %u bytes\n", i, (unsigned)size);
        client_close(&client);
    }
}

/* SHA-1 signs nothing in TLS 1.2, unless the administrator says so or the program names it. */
static void test_signatures_with_sha1(void)
{
    ALG_ID algorithms[] = { CALG_SHA1, CALG_SHA_256, CALG_SHA_384 };
    struct client client;

    ok(client_open(&client, "PEER_SHA1_SIGNATURES", 0, FALSE) != SEC_E_OK, "SHA-1\n");
    client_close(&client);
    schannel_set(L"Hashes\\SHA", L"Enabled", 1);
    ok_status(client_open(&client, "PEER_SHA1_SIGNATURES", 0, FALSE), SEC_E_OK);
    client_close(&client);
    schannel_clear(NULL);
    ok_status(open_with(&client, "PEER_SHA1_SIGNATURES", algorithms, ARRAY_SIZE(algorithms), 0), SEC_E_OK);
    client_close(&client);
    schannel_set(L"Hashes\\SHA", L"Enabled", 0);
    ok(open_with(&client, "PEER_SHA1_SIGNATURES", algorithms, ARRAY_SIZE(algorithms), 0) != SEC_E_OK,
       "SHA-1\n");
    client_close(&client);
    schannel_clear(NULL);
}

static void test_sizes_of_servers_keys(void)
{
    static const struct
    {
        const char *peer;
        const WCHAR *key, *name;
        DWORD value;
        BOOL good;
    } rows[] = {
        { "PEER_RSA1024", NULL, NULL, 0, TRUE },
        { "PEER_RSA512", NULL, NULL, 0, FALSE },
        { "PEER_RSA512", L"KeyExchangeAlgorithms\\PKCS", L"ClientMinKeyBitLength", 512, TRUE },
        { "PEER_RSA1024", L"KeyExchangeAlgorithms\\PKCS", L"ClientMinKeyBitLength", 2048, FALSE },
        { "PEER_OPENSSL_RSA", L"KeyExchangeAlgorithms\\PKCS", L"ClientMaxKeyBitLength", 1024, FALSE },
        { "PEER_OPENSSL_RSA", L"KeyExchangeAlgorithms\\PKCS", L"ClientMaxKeyBitLength", 2048, TRUE },
        { "PEER_DH1024", NULL, NULL, 0, TRUE },
        { "PEER_DH1024", L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ClientMinKeyBitLength", 2048, FALSE },
        { "PEER_DH2048", L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ClientMinKeyBitLength", 2048, TRUE },
        { "PEER_DH2048", L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ClientMaxKeyBitLength", 1024, FALSE },
        { "PEER_DH2048", L"KeyExchangeAlgorithms\\Diffie-Hellman", L"Enabled", 0, FALSE },
    };
    ALG_ID algorithms[] = { CALG_DH_EPHEM, CALG_RSA_KEYX };
    struct client client;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_ConnectionInfo info = { 0 };
        SECURITY_STATUS status;

        if (rows[i].key) schannel_set(rows[i].key, rows[i].name, rows[i].value);
        status = open_with(&client, rows[i].peer, algorithms, ARRAY_SIZE(algorithms), 0);
        ok(rows[i].good ? !status : FAILED(status), "row %u, %s: %#lx\n", i, rows[i].peer, status);
        if (!status)
        {
            sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info);
            ok(strstr(rows[i].peer, "512")    ? info.dwExchStrength == 512
               : strstr(rows[i].peer, "1024") ? info.dwExchStrength == 1024
                                              : info.dwExchStrength == 2048,
               "row %u: exchange strength %lu\n", i, info.dwExchStrength);
        }
        client_close(&client);
        schannel_clear(NULL);
    }
}

/* KeyExchangeAlgorithms\\PKCS is the exchange by RSA. A key that only signs may be shorter: Wine's secur32
 * test has a server with 512 bits, TLS 1.0 and a client with no limits set, and Windows goes through with it.
 */
static void test_a_short_key_that_only_signs(void)
{
    static const char *const peers[] = { "PEER_RSA512_SIGNS", "PEER_RSA512_SIGNS_TLS10" };
    struct client client;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        ok_status(client_open(&client, peers[i], i ? SP_PROT_TLS1_0_CLIENT : 0, FALSE), SEC_E_OK);
        client_close(&client);
    }
}

/* The first byte of each message has a record of its own: what BEAST needs to know is hidden. */
static void test_an_auxiliary_record(void)
{
    unsigned split;

    for (split = 0; split < 2; split++)
    {
        SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                               .grbitEnabledProtocols = SP_PROT_TLS1_0_CLIENT,
                               .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS |
                                          (split ? SCH_SEND_AUX_RECORD : 0) };
        struct client client = { .socket = INVALID_SOCKET,
                                 .target = L"localhost",
                                 .requirements = CLIENT_FLAGS };
        SecPkgContext_StreamSizes sizes = { 0 };
        BYTE memory[1024];
        SecBuffer buffers[4];
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        ULONG size, first;
        char text[100];
        size_t got = 0;

        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                                  &cred, NULL, NULL, &client.credential, NULL),
                  SEC_E_OK);
        client.has_credential = TRUE;
        ok(client_connect(&client, peer_port("PEER_ECHO_OLD")), "nobody listens\n");
        ok_status(client_handshake(&client), SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_STREAM_SIZES, &sizes), SEC_E_OK);
        memcpy(memory + sizes.cbHeader, "twenty bytes of text", 20);
        buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory };
        buffers[1] = (SecBuffer){ 20, SECBUFFER_DATA, memory + sizes.cbHeader };
        buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + 20 };
        buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        ok_status(sspi->EncryptMessage(&client.context, 0, &desc, 0), SEC_E_OK);
        size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
        first = 5 + (memory[3] << 8 | memory[4]);
        if (split)
            ok(first < size && memory[first] == 23 &&
                   first + 5 + (memory[first + 3] << 8 | memory[first + 4]) == size,
               "no two records in %lu bytes\n", size);
        else
            ok(first == size, "a record of %lu in %lu bytes\n", first, size);
        ok(send(client.socket, (char *)memory, (int)size, 0) == (int)size, "not sent\n");
        while (got < 20)
        {
            size_t more = 0;

            if (client_receive(&client, text + got, sizeof(text) - got, &more)) break;
            got += more;
        }
        ok(got == 20 && !memcmp(text, "twenty bytes of text", 20), "%u bytes came back\n", (unsigned)got);
        client_close(&client);
    }
}

/* --- pre-shared keys ------------------------------------------------------------------------------------ */

static const BYTE psk[] = { 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const BYTE psk_identity[] = { 8, 0, 's', 'o', 'm', 'e', 'b', 'o', 'd', 'y' };

/* A first call with these buffers. */
static SECURITY_STATUS begin_with_psk(CredHandle *credential, CtxtHandle *context, const BYTE *key,
                                      ULONG key_size, const BYTE *identity, ULONG identity_size,
                                      SecBuffer *out)
{
    SecBuffer in[2] = { { key_size, SECBUFFER_PRESHARED_KEY, (void *)key },
                        { identity_size, SECBUFFER_PRESHARED_KEY_IDENTITY, (void *)identity } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, out };
    ULONG attributes;

    if (!key)
    {
        in[0] = in[1];
        in_desc.cBuffers = 1;
    }
    *out = (SecBuffer){ 0, SECBUFFER_TOKEN, NULL };
    return sspi->InitializeSecurityContextW(credential, NULL, (WCHAR *)L"localhost", CLIENT_FLAGS, 0, 0,
                                            &in_desc, 0, context, &out_desc, &attributes, NULL);
}

static void test_a_pre_shared_key_with_openssl(void)
{
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = SCH_USE_PRESHAREDKEY_ONLY };
    struct client client = { .socket = INVALID_SOCKET, .target = L"localhost", .requirements = CLIENT_FLAGS };
    SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    SecBuffer out;
    char text[400];
    size_t size = 0;
    BYTE cut[] = { 16, 0, 1 };

    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, &cred,
                                              NULL, NULL, &client.credential, NULL),
              SEC_E_OK);
    client.has_credential = TRUE;
    ok_status(begin_with_psk(&client.credential, &client.context, NULL, 0, psk_identity, sizeof(psk_identity),
                             &out),
              SEC_E_NO_CREDENTIALS);
    ok_status(begin_with_psk(&client.credential, &client.context, cut, sizeof(cut), psk_identity,
                             sizeof(psk_identity), &out),
              SEC_E_INVALID_TOKEN);
    ok_status(begin_with_psk(&client.credential, &client.context, psk, sizeof(psk), psk_identity,
                             sizeof(psk_identity), &out),
              SEC_I_CONTINUE_NEEDED);
    client.has_context = TRUE;
    ok(client_connect(&client, peer_port("PEER_PSK")), "nobody listens\n");
    send(client.socket, out.pvBuffer, (int)out.cbBuffer, 0);
    sspi->FreeContextBuffer(out.pvBuffer);
    client_fill(&client);
    ok_status(client_handshake(&client), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CIPHER_INFO, &cipher), SEC_E_OK);
    ok(!wcscmp(cipher.szCipherSuite, L"TLS_PSK_WITH_AES_128_GCM_SHA256") &&
           !wcscmp(cipher.szExchange, L"PSK"),
       "%ls\n", cipher.szCipherSuite);
    ok_status(client_send(&client, "GET / HTTP/1.0\r\n\r\n", 18), SEC_E_OK);
    ok_status(client_receive(&client, text, sizeof(text), &size), SEC_E_OK);
    ok(size > 15 && !memcmp(text, "HTTP/1.0 200 ok", 15), "%u bytes\n", (unsigned)size);
    client_close(&client);
}

START_TEST(sspi_choice)
{
    if (!sspi_open()) return;
    schannel_clear(NULL);
    schannel_set_list(L"Functions", NULL);
    schannel_set_list(L"EccCurves", NULL);
    RUN(test_what_the_older_struct_chooses);
    RUN(test_limits_of_the_older_struct);
    RUN(test_what_crypto_settings_choose);
    RUN(test_parameters_that_cannot_be);
    RUN(test_what_the_registry_changes_in_a_hello);
    RUN(test_the_administrators_lists);
    RUN(test_a_credential_keeps_what_it_has);
    RUN(test_what_a_credential_says_of_its_algorithms);
    RUN(test_weak_suites_for_who_names_them);
    RUN(test_signatures_with_sha1);
    RUN(test_sizes_of_servers_keys);
    RUN(test_a_short_key_that_only_signs);
    RUN(test_an_auxiliary_record);
    RUN(test_a_pre_shared_key_with_openssl);
}
