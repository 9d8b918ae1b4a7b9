/*
 * Validation by Schannel itself: each refusal with its twin that has to pass.
 *
 * Wine's built-in package, 8.0 and 10.0, accepts every one of these: it never looks.
 */
#include "test.h"
#include "door.h"

static const struct
{
    const char *name, *peer;
    const WCHAR *target;
    DWORD flags; /* SCH_CRED_* */
    ULONG requirements;
    SECURITY_STATUS status;
} rows[] = {
    { "a good certificate", "PEER_OPENSSL", L"localhost", 0, 0, SEC_E_OK },
    { "asked for by name", "PEER_OPENSSL", L"localhost", SCH_CRED_AUTO_CRED_VALIDATION, 0, SEC_E_OK },
    { "another server", "PEER_GNUTLS", L"localhost", 0, 0, SEC_E_OK },
    { "another name", "PEER_OPENSSL", L"example.org", 0, 0, SEC_E_WRONG_PRINCIPAL },
    { "another name, not looked at", "PEER_OPENSSL", L"example.org", SCH_CRED_NO_SERVERNAME_CHECK, 0,
      SEC_E_OK },
    { "no name", "PEER_OPENSSL", NULL, 0, 0, SEC_E_OK },
    { "a root nobody trusts", "PEER_UNTRUSTED", L"localhost", 0, 0, SEC_E_UNTRUSTED_ROOT },
    { "signed by itself", "PEER_SELFSIGNED", L"localhost", 0, 0, SEC_E_UNTRUSTED_ROOT },
    { "expired", "PEER_EXPIRED", L"localhost", 0, 0, SEC_E_CERT_EXPIRED },
    { "without its intermediate", "PEER_INCOMPLETE", L"localhost", 0, 0, SEC_E_UNTRUSTED_ROOT },
    { "for clients only", "PEER_CLIENTUSE", L"localhost", 0, 0, SEC_E_CERT_WRONG_USAGE },
    { "signed with MD5", "PEER_MD5", L"localhost", 0, 0, SEC_E_CERT_UNKNOWN },
    { "an address", "PEER_OPENSSL", L"127.0.0.1", 0, 0, SEC_E_OK },
    { "another address", "PEER_OPENSSL", L"127.0.0.2", 0, 0, SEC_E_WRONG_PRINCIPAL },
    { "revoked, nobody asks", "PEER_CRL_REVOKED", L"localhost", 0, 0, SEC_E_OK },
    { "revoked", "PEER_CRL_REVOKED", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT, 0, CRYPT_E_REVOKED },
    { "not revoked", "PEER_CRL_GOOD", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT, 0, SEC_E_OK },
    { "a stapled answer: good", "PEER_STAPLED_GOOD", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT, 0,
      SEC_E_OK },
    { "the same without it", "PEER_NOT_STAPLED", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT, 0,
      CRYPT_E_REVOCATION_OFFLINE },
    { "a stapled answer: revoked", "PEER_STAPLED_REVOKED", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT,
      0, CRYPT_E_REVOKED },
    { "revoked, nobody asks for the answer", "PEER_STAPLED_REVOKED", L"localhost", 0, 0, SEC_E_OK },
    { "another certificate's answer", "PEER_STAPLED_OTHER", L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT,
      0, CRYPT_E_REVOCATION_OFFLINE },
    { "untrusted, validated by the program", "PEER_UNTRUSTED", L"localhost", SCH_CRED_MANUAL_CRED_VALIDATION,
      0, SEC_E_OK },
    { "untrusted, so for this context", "PEER_UNTRUSTED", L"localhost", 0, ISC_REQ_MANUAL_CRED_VALIDATION,
      SEC_E_OK },
    { "expired, validated by the program", "PEER_EXPIRED", L"localhost", SCH_CRED_MANUAL_CRED_VALIDATION, 0,
      SEC_E_OK },
};

static void test_each_chain_gets_its_verdict(void)
{
    unsigned i, modern;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (modern = 0; modern < 2; modern++)
        {
            struct client client;
            SECURITY_STATUS status;

            client_acquire_flags(&client, 0, modern, SCH_CRED_NO_DEFAULT_CREDS | rows[i].flags);
            client.target = rows[i].target;
            client.requirements |= rows[i].requirements | ISC_REQ_EXTENDED_ERROR;
            if (!client_connect(&client, peer_port(rows[i].peer)))
            {
                ok(0, "%s: nobody at %s\n", rows[i].name, rows[i].peer);
                continue;
            }
            status = client_handshake(&client);
            ok(status == rows[i].status, "%s, %s: %#lx\n", rows[i].name, modern ? "TLS 1.3" : "TLS 1.2",
               status);
            if (FAILED(status)) ok(client.token_size >= 7, "%s: no alert\n", rows[i].name);
            client_close(&client);
        }
}

static void test_a_credential_of_nothing_validates_too(void)
{
    static const struct
    {
        const char *peer;
        SECURITY_STATUS status;
    } peers[] = { { "PEER_OPENSSL", SEC_E_OK }, { "PEER_UNTRUSTED", SEC_E_UNTRUSTED_ROOT } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        struct client client = { .socket = INVALID_SOCKET,
                                 .target = L"localhost",
                                 .requirements = CLIENT_FLAGS };

        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                                  NULL, NULL, NULL, &client.credential, NULL),
                  SEC_E_OK);
        client.has_credential = TRUE;
        client_connect(&client, peer_port(peers[i].peer));
        ok_status(client_handshake(&client), peers[i].status);
        client_close(&client);
    }
}

/* A program that wants to know what is wrong before it decides (msquic). */
static void test_deferred_validation_tells_its_reason(void)
{
    static const struct
    {
        const char *peer;
        const WCHAR *target;
        HRESULT reason;
        DWORD trust; /* one bit of what crypt32 says of the chain */
    } reasons[] = {
        { "PEER_OPENSSL", L"localhost", S_OK, 0 },
        { "PEER_OPENSSL", L"example.org", CERT_E_CN_NO_MATCH, 0 },
        { "PEER_UNTRUSTED", L"localhost", CERT_E_UNTRUSTEDROOT, CERT_TRUST_IS_PARTIAL_CHAIN },
        { "PEER_SELFSIGNED", L"localhost", CERT_E_UNTRUSTEDROOT, CERT_TRUST_IS_UNTRUSTED_ROOT },
        { "PEER_EXPIRED", L"localhost", CERT_E_EXPIRED, CERT_TRUST_IS_NOT_TIME_VALID },
    };
    static const ULONG attributes[] = { SECPKG_ATTR_CERT_CHECK_RESULT, SECPKG_ATTR_CERT_CHECK_RESULT_INPROC };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(reasons); i++)
        for (j = 0; j < ARRAY_SIZE(attributes); j++)
        {
            struct certificate_validation_result result = { 1, 1 }, again = { 1, 1 };
            struct client client;

            client_acquire_flags(&client, 0, TRUE,
                                 SCH_CRED_DEFERRED_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS);
            client.target = reasons[i].target;
            client_connect(&client, peer_port(reasons[i].peer));
            ok_status(client_handshake(&client), SEC_E_OK);
            ok_status(sspi->QueryContextAttributesW(&client.context, attributes[j], &result), SEC_E_OK);
            ok_status(sspi->QueryContextAttributesW(&client.context, attributes[j], &again), SEC_E_OK);
            ok(!memcmp(&again, &result, sizeof(again)), "%s: not the same again\n", reasons[i].peer);
            ok(result.verify_chain_status == reasons[i].reason, "%s: %#lx\n", reasons[i].peer,
               result.verify_chain_status);
            ok((result.chain_error_status & reasons[i].trust) == reasons[i].trust, "%s: trust %#lx\n",
               reasons[i].peer, result.chain_error_status);
            if (!reasons[i].trust)
                ok(!result.chain_error_status, "%s: trust %#lx\n", reasons[i].peer,
                   result.chain_error_status);
            client_close(&client);
        }
}

/* What was accepted once is no pass for another name, and what was refused is refused again. */
static void test_the_same_chain_again_and_again(void)
{
    static const struct
    {
        const WCHAR *target;
        DWORD flags;
        SECURITY_STATUS status;
    } turns[] = {
        { L"example.org", 0, SEC_E_WRONG_PRINCIPAL },
        { L"localhost", 0, SEC_E_OK },
        { L"localhost", 0, SEC_E_OK },
        { L"example.org", 0, SEC_E_WRONG_PRINCIPAL },
        { L"example.org", SCH_CRED_NO_SERVERNAME_CHECK, SEC_E_OK },
        { L"example.org", SCH_CRED_NO_SERVERNAME_CHECK, SEC_E_OK },
        { L"example.org", 0, SEC_E_WRONG_PRINCIPAL },
        { L"127.0.0.1", 0, SEC_E_OK },
        { L"127.0.0.2", 0, SEC_E_WRONG_PRINCIPAL },
        { NULL, 0, SEC_E_OK },
        { L"127.0.0.2", 0, SEC_E_WRONG_PRINCIPAL },
        { L"localhost", SCH_CRED_REVOCATION_CHECK_END_CERT, CRYPT_E_NO_REVOCATION_CHECK },
        { L"localhost", 0, SEC_E_OK },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(turns); i++)
    {
        struct client client;
        SECURITY_STATUS status;

        client_acquire_flags(&client, 0, TRUE, SCH_CRED_NO_DEFAULT_CREDS | turns[i].flags);
        client.target = turns[i].target;
        client_connect(&client, peer_port("PEER_OPENSSL"));
        status = client_handshake(&client);
        ok(status == turns[i].status, "turn %u: %#lx\n", i, status);
        client_close(&client);
    }
}

static BOOL asks_for_status(DWORD flags)
{
    struct client client;
    struct hello hello;
    unsigned i;

    client_acquire_flags(&client, 0, TRUE, flags);
    client_step(&client);
    hello_parse(client.token, client.token_size, &hello);
    client_close(&client);
    for (i = 0; i < hello.extension_count; i++)
        if (hello.extensions[i] == 5) return TRUE; /* status_request */
    return FALSE;
}

/* dotnet/runtime: SslStreamPal.Windows.cs */
static void test_a_stapled_answer_is_asked_for_with_revocation_only(void)
{
    ok(!asks_for_status(0), "asked for without need\n");
    ok(asks_for_status(SCH_CRED_REVOCATION_CHECK_END_CERT), "not asked for\n");
    ok(asks_for_status(SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT), "not asked for\n");
}

START_TEST(sspi_validation)
{
    if (!sspi_open()) return;
    RUN(test_each_chain_gets_its_verdict);
    RUN(test_the_same_chain_again_and_again);
    RUN(test_deferred_validation_tells_its_reason);
    RUN(test_a_stapled_answer_is_asked_for_with_revocation_only);
    RUN(test_a_credential_of_nothing_validates_too);
}
