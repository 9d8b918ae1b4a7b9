/*
 * Everything that can fail fails, in Wine: the calls of CryptoAPI, CNG, crypt32, the registry and the heap
 * among it. The DLL is the product's objects linked with stubs (tests/faults/faults.py); what is the same
 * everywhere is tested natively, and more of it (tests/fuzz/faults.c).
 *
 *     door_faults.exe door_faults [STRIDE]    in SSPI_DLL; 7: every seventh call
 */
#include "test.h"
#include "sides.h"
#include <stdio.h>

static void (*fault_arm)(unsigned nth, int lasting);
static unsigned (*fault_disarm)(void);
static const char *(*fault_name)(void);
static BOOL(WINAPI *empty_cache)(const WCHAR *name, DWORD flags);

static BOOL reached; /* the end of a scenario was what it should be, where nothing failed */

/* --- scenarios ------------------------------------------------------------------------------------------ */

static BOOL is_a_status(SECURITY_STATUS status)
{
    return status == SEC_E_OK || (status >= 0x00090300 && status <= 0x00090370) ||
           ((ULONG)status >= 0x80090300 && (ULONG)status <= 0x80090370) || (ULONG)status >> 16 == 0x8009;
}

static void judge(const struct side *side)
{
    ok(is_a_status(side->status), "%s: %#lx is no status\n", fault_name() ? fault_name() : "", side->status);
}

static SECURITY_STATUS acquire_client(CredHandle *credential, DWORD protocols, DWORD flags,
                                      PCCERT_CONTEXT *certificate)
{
    SECURITY_STATUS status =
        client_credential(protocols, TRUE, flags, certificate, certificate ? 1 : 0, credential);

    ok(is_a_status(status), "AcquireCredentialsHandle: %#lx\n", status);
    return status;
}

/* A connection from nothing, credentials included. */
static void connect_with(DWORD protocols, DWORD client_flags, PCCERT_CONTEXT *certificate,
                         ULONG server_requirements)
{
    struct side *client = calloc(1, sizeof(*client)), *server = calloc(1, sizeof(*server));
    SecPkgContext_StreamSizes sizes;
    PCCERT_CONTEXT peer = NULL;
    BOOL has_server;

    client->requirements = CLIENT_FLAGS;
    server->requirements = SERVER_FLAGS | server_requirements;
    server->server = TRUE;
    has_server = !acquire_server(&server->credential, protocols, 0, &server_certificate, 1);
    if (has_server && !acquire_client(&client->credential, protocols, client_flags, certificate))
    {
        side_shake(client, server);
        judge(client);
        judge(server);
        if (!client->status && !server->status && !side_seal(client, "hello", server))
        {
            reached = side_reads(server, "hello");
            if (!sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &peer))
                CertFreeCertificateContext(peer);
            sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_STREAM_SIZES, &sizes);
        }
        if (client->has_context) ok_status(sspi->DeleteSecurityContext(&client->context), SEC_E_OK);
        if (server->has_context) ok_status(sspi->DeleteSecurityContext(&server->context), SEC_E_OK);
        ok_status(sspi->FreeCredentialsHandle(&client->credential), SEC_E_OK);
    }
    if (has_server) ok_status(sspi->FreeCredentialsHandle(&server->credential), SEC_E_OK);
    free(client);
    free(server);
}

static PCCERT_CONTEXT client_certificate;

static void validated_1_3(void)
{
    connect_with(TLS13, SCH_CRED_NO_DEFAULT_CREDS, NULL, 0);
}
static void validated_1_2(void)
{
    connect_with(TLS12, SCH_CRED_NO_DEFAULT_CREDS, NULL, ASC_REQ_SESSION_TICKET);
}
static void with_a_client_certificate(void)
{
    connect_with(TLS12, SCH_CRED_NO_DEFAULT_CREDS, &client_certificate, ASC_REQ_MUTUAL_AUTH);
    connect_with(TLS13, SCH_CRED_NO_DEFAULT_CREDS, &client_certificate, ASC_REQ_MUTUAL_AUTH);
}
static void with_the_users_certificates(void)
{
    connect_with(TLS12, 0, NULL, ASC_REQ_MUTUAL_AUTH);
}
static void with_revocation(void)
{
    connect_with(TLS12,
                 SCH_CRED_NO_DEFAULT_CREDS | SCH_CRED_REVOCATION_CHECK_CHAIN |
                     SCH_CRED_IGNORE_NO_REVOCATION_CHECK | SCH_CRED_IGNORE_REVOCATION_OFFLINE |
                     SCH_CRED_REVOCATION_CHECK_CACHE_ONLY,
                 NULL, 0);
}
/* The settings are read again when something has changed. */
static void with_a_change_of_the_registry(void)
{
    schannel_set(L"Protocols\\TLS 1.1\\Client", L"Enabled", 1);
    schannel_set_list(L"Functions", L"TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    Sleep(20);
    connect_with(TLS12, SCH_CRED_NO_DEFAULT_CREDS, NULL, 0);
    schannel_set_list(L"Functions", NULL);
    schannel_clear(NULL);
}
static void attributes(void)
{
    static const ULONG certificates[] = { SECPKG_ATTR_REMOTE_CERT_CONTEXT, SECPKG_ATTR_LOCAL_CERT_CONTEXT };
    struct side *client = side_client(TLS12, NULL, 0), *server = side_server(TLS12, 0);
    SecPkgContext_CertInfo info;
    SecPkgContext_Bindings bindings;
    struct certificate_validation_result result;
    PCCERT_CONTEXT certificate;
    CERT_BLOB blob;
    unsigned i;

    if (client->credential.dwLower && server->credential.dwLower)
    {
        side_shake(client, server);
        for (i = 0; i < 2 && client->has_context && server->has_context; i++)
            if (!sspi->QueryContextAttributesW(i ? &server->context : &client->context, certificates[i],
                                               &certificate))
                CertFreeCertificateContext(certificate);
        if (server->has_context &&
            !sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_LOCAL_CERT_INFO, &info))
        {
            reached = TRUE;
            sspi->FreeContextBuffer(info.pwszSubjectName);
            sspi->FreeContextBuffer(info.pwszIssuerName);
        }
        if (client->has_context)
        {
            sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_CERT_CHECK_RESULT, &result);
            if (!sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_ENDPOINT_BINDINGS, &bindings))
                sspi->FreeContextBuffer(bindings.Bindings);
            if (!sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT,
                                               &blob))
                sspi->FreeContextBuffer(blob.pbData);
        }
    }
    if (client->has_context) sspi->DeleteSecurityContext(&client->context);
    if (server->has_context) sspi->DeleteSecurityContext(&server->context);
    if (client->credential.dwLower) sspi->FreeCredentialsHandle(&client->credential);
    if (server->credential.dwLower) sspi->FreeCredentialsHandle(&server->credential);
    free(client);
    free(server);
}

static const struct
{
    const char *name;
    void (*run)(void);
} scenarios[] = {
    { "TLS 1.3, validated", validated_1_3 },
    { "TLS 1.2, validated, with a ticket", validated_1_2 },
    { "a client certificate", with_a_client_certificate },
    { "the user's certificates", with_the_users_certificates },
    { "revocation", with_revocation },
    { "attributes", attributes },
    { "a change of the registry", with_a_change_of_the_registry },
};

/* --- turns ---------------------------------------------------------------------------------------------- */

static unsigned blocks_in_use(void)
{
    unsigned blocks;

    heap_in_use(&blocks);
    return blocks;
}

static unsigned make_turn(void (*run)(void), unsigned nth, int lasting)
{
    unsigned count;

    fault_arm(nth, lasting);
    run();
    count = fault_disarm();
    empty_cache(NULL, 0);
    return count;
}

/* What Windows' own code keeps for later is no leak: a leak is what grows every time. */
static void make_turns(unsigned scenario, unsigned nth, int lasting)
{
    unsigned before = blocks_in_use(), after, again;

    make_turn(scenarios[scenario].run, nth, lasting);
    after = blocks_in_use();
    for (again = 0; again < 3 && after > before; again++)
    {
        before = after;
        make_turn(scenarios[scenario].run, nth, lasting);
        after = blocks_in_use();
    }
    ok(after <= before, "%s, call %u (%s%s): %u blocks are left each time\n", scenarios[scenario].name, nth,
       fault_name(), lasting ? " and all after it" : "", after - before);
}

static unsigned stride = 1;

static void test_everything_that_can_fail_does(void)
{
    unsigned i, n, calls;
    int lasting;

    for (i = 0; i < ARRAY_SIZE(scenarios); i++)
    {
        LONG failures = winetest_failures;

        make_turn(scenarios[i].run, 0, 0);
        reached = FALSE;
        calls = make_turn(scenarios[i].run, 0, 0);
        ok(reached, "%s does not work where nothing fails\n", scenarios[i].name);
        for (lasting = 0; lasting < 2; lasting++)
            for (n = 1 + i % stride; n <= calls + stride; n += stride) make_turns(i, n, lasting);
        printf("FAULTS %s: %u calls, %s\n", scenarios[i].name, calls,
               winetest_failures == failures ? "good" : "bad");
    }
}

START_TEST(door_faults)
{
    HMODULE module;
    char **arguments;
    int count = winetest_get_mainargs(&arguments);

    if (count >= 3) stride = max((unsigned)atoi(arguments[2]), 1);
    if (!sspi_open()) return;
    module = GetModuleHandleA("schannel.dll");
    fault_arm = (void *)GetProcAddress(module, "fault_arm");
    fault_disarm = (void *)GetProcAddress(module, "fault_disarm");
    fault_name = (void *)GetProcAddress(module, "fault_name");
    empty_cache = (void *)GetProcAddress(module, "SslEmptyCacheW");
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    client_certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    ok(fault_arm && server_certificate && client_certificate, "something is missing\n");
    if (fault_arm) RUN(test_everything_that_can_fail_does);
}
