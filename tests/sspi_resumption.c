/*
 * A client's sessions: resumed by the same credential for the same name, and by nobody else.
 */
#include "test.h"
#include "door.h"

#define TLS12 SP_PROT_TLS1_2_CLIENT
#define TLS13 SP_PROT_TLS1_3_CLIENT
#define FLAGS (SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS)

static const struct
{
    const char *peer;
    DWORD protocols;
} peers[] = {
    { "PEER_OPENSSL_TLS12", TLS12 }, /* tickets */
    { "PEER_OPENSSL_IDS", TLS12 },   /* session ids */
    { "PEER_OPENSSL_TLS13", TLS13 }, /* tickets after the handshake */
    { "PEER_NGINX", TLS12 },         { "PEER_NGINX", TLS13 },
};

/* One connection with a credential that stays: whether it was resumed. A GET is made, so that what comes
 * after the handshake is read. */
struct outcome
{
    SECURITY_STATUS status;
    BOOL resumed;
    BOOL has_certificate; /* of the server */
    BOOL answered;
};

static struct outcome visit(CredHandle *credential, const char *peer, const WCHAR *target, ULONG requirements)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    struct client client = { .socket = INVALID_SOCKET,
                             .target = target,
                             .requirements = CLIENT_FLAGS | requirements };
    SecPkgContext_SessionInfo info = { 0 };
    struct outcome outcome = { .status = SEC_E_NO_AUTHENTICATING_AUTHORITY };
    PCCERT_CONTEXT leaf = NULL;
    char data[4096];
    size_t size;

    client.credential = *credential;
    if (client_connect(&client, peer_port(peer))) outcome.status = client_handshake(&client);
    if (!outcome.status)
    {
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_SESSION_INFO, &info), SEC_E_OK);
        outcome.resumed = (info.dwFlags & SSL_SESSION_RECONNECT) != 0;
        outcome.has_certificate =
            !sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf);
        if (leaf) CertFreeCertificateContext(leaf);
        client_send(&client, request, sizeof(request) - 1);
        while (!client_receive(&client, data, sizeof(data), &size) && size) outcome.answered = TRUE;
    }
    client.has_credential = FALSE; /* it is the caller's */
    client_close(&client);
    return outcome;
}

static CredHandle acquire(DWORD protocols, DWORD flags)
{
    CredHandle credential = { 0, 0 };

    ok_status(client_credential(protocols, TRUE, flags, NULL, 0, &credential), SEC_E_OK);
    return credential;
}

static void test_the_second_visit_is_shorter(void)
{
    unsigned i, visits;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        CredHandle credential = acquire(peers[i].protocols, FLAGS),
                   other = acquire(peers[i].protocols, FLAGS);
        struct outcome outcome;

        for (visits = 0; visits < 5; visits++)
        {
            outcome = visit(&credential, peers[i].peer, L"localhost", 0);
            ok(!outcome.status && outcome.answered, "%s, visit %u: %#lx\n", peers[i].peer, visits,
               outcome.status);
            ok(outcome.resumed == (visits > 0), "%s, visit %u: resumed %d\n", peers[i].peer, visits,
               outcome.resumed);
            ok(outcome.has_certificate, "%s, visit %u: no certificate\n", peers[i].peer, visits);
        }
        outcome = visit(&other, peers[i].peer, L"localhost", 0);
        ok(!outcome.status && !outcome.resumed, "%s: another credential resumes it\n", peers[i].peer);
        outcome = visit(&credential, peers[i].peer, L"LOCALHOST.", 0);
        ok(!outcome.status && outcome.resumed, "%s: the same name, written otherwise\n", peers[i].peer);
        outcome = visit(&credential, peers[i].peer, L"example.org", 0);
        ok(!outcome.status && !outcome.resumed, "%s: resumed for another name\n", peers[i].peer);
        outcome = visit(&credential, peers[i].peer, NULL, 0);
        ok(!outcome.status && !outcome.resumed, "%s: resumed for no name\n", peers[i].peer);
        sspi->FreeCredentialsHandle(&credential);
        sspi->FreeCredentialsHandle(&other);
    }
}

/* A program that validates for itself, and one that leaves it to Schannel, are no substitute for each other.
 */
static void test_validation_is_not_passed_by(void)
{
    CredHandle credential = acquire(TLS12, SCH_CRED_NO_DEFAULT_CREDS);
    struct outcome outcome;

    outcome = visit(&credential, "PEER_UNTRUSTED", L"localhost", ISC_REQ_MANUAL_CRED_VALIDATION);
    ok(!outcome.status && !outcome.resumed, "%#lx\n", outcome.status);
    outcome = visit(&credential, "PEER_UNTRUSTED", L"localhost", 0);
    ok(outcome.status == SEC_E_UNTRUSTED_ROOT, "%#lx\n", outcome.status);
    outcome = visit(&credential, "PEER_UNTRUSTED", L"localhost", ISC_REQ_MANUAL_CRED_VALIDATION);
    ok(!outcome.status && outcome.resumed, "%#lx, resumed %d\n", outcome.status, outcome.resumed);
    sspi->FreeCredentialsHandle(&credential);
}

static void test_resumption_can_be_switched_off(void)
{
    unsigned i, visits;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        CredHandle credential = acquire(peers[i].protocols, FLAGS | SCH_CRED_DISABLE_RECONNECTS);

        for (visits = 0; visits < 3; visits++)
        {
            struct outcome outcome = visit(&credential, peers[i].peer, L"localhost", 0);

            ok(!outcome.status && !outcome.resumed, "%s, visit %u: %#lx\n", peers[i].peer, visits,
               outcome.status);
        }
        sspi->FreeCredentialsHandle(&credential);
    }
}

/* dotnet/runtime passes -1 where it wants no resumption. */
static void test_a_life_span_of_nothing(void)
{
    static const struct
    {
        DWORD lifespan;
        BOOL resumed;
    } rows[] = { { 0, TRUE }, { ~0u, FALSE }, { 60000, TRUE } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                               .dwFlags = FLAGS,
                               .dwSessionLifespan = rows[i].lifespan };
        struct outcome outcome;
        CredHandle credential;

        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                                  &cred, NULL, NULL, &credential, NULL),
                  SEC_E_OK);
        visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0);
        outcome = visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0);
        ok(outcome.resumed == rows[i].resumed, "life span %lu: resumed %d\n", rows[i].lifespan,
           outcome.resumed);
        sspi->FreeCredentialsHandle(&credential);
    }
}

/* ClientCacheTime: 0 is off, and a program's own life span does not turn it on. */
static void test_the_administrators_life_span(void)
{
    static const struct
    {
        DWORD time, lifespan;
        BOOL resumed;
    } rows[] = { { 0, 0, FALSE }, { 0, 60000, FALSE }, { 600000, 0, TRUE } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                               .dwFlags = FLAGS,
                               .dwSessionLifespan = rows[i].lifespan };
        CredHandle credential;

        schannel_set(NULL, L"ClientCacheTime", rows[i].time);
        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                                  &cred, NULL, NULL, &credential, NULL),
                  SEC_E_OK);
        schannel_clear(L"ClientCacheTime");
        visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0);
        ok(visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0).resumed == rows[i].resumed, "row %u\n",
           i);
        sspi->FreeCredentialsHandle(&credential);
    }
}

static void test_wines_own_programs_never_resume(void)
{
    CredHandle credential = acquire(TLS12, FLAGS);
    unsigned visits;

    for (visits = 0; visits < 3; visits++)
        ok(!visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", ISC_REQ_USE_SESSION_KEY).resumed,
           "resumed\n");
    sspi->FreeCredentialsHandle(&credential);
}

static void test_sslemptycache(void)
{
    BOOL(WINAPI * empty_w)
    (const WCHAR *, DWORD) = (void *)GetProcAddress(GetModuleHandleA("schannel.dll"), "SslEmptyCacheW");
    BOOL(WINAPI * empty_a)
    (const char *, DWORD) = (void *)GetProcAddress(GetModuleHandleA("schannel.dll"), "SslEmptyCacheA");
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        CredHandle credential = acquire(peers[i].protocols, FLAGS);

        visit(&credential, peers[i].peer, L"localhost", 0);
        empty_w(L"example.org", 0);
        ok(visit(&credential, peers[i].peer, L"localhost", 0).resumed, "%s: another name's\n", peers[i].peer);
        empty_w(L"localhost", 0);
        ok(!visit(&credential, peers[i].peer, L"localhost", 0).resumed, "%s: by name\n", peers[i].peer);
        empty_a("localhost", 0);
        ok(!visit(&credential, peers[i].peer, L"localhost", 0).resumed, "%s: by name, ANSI\n", peers[i].peer);
        empty_w(NULL, 0);
        ok(!visit(&credential, peers[i].peer, L"localhost", 0).resumed, "%s: all\n", peers[i].peer);
        sspi->FreeCredentialsHandle(&credential);
    }
}

/* ApplyControlToken right after the first call, as .NET does. */
static void test_a_context_that_is_not_to_be_resumed(void)
{
    CredHandle credential = acquire(TLS12, FLAGS);
    SCHANNEL_SESSION_TOKEN order = { SCHANNEL_SESSION, SSL_SESSION_DISABLE_RECONNECTS };
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    struct client client = { .socket = INVALID_SOCKET, .target = L"localhost", .requirements = CLIENT_FLAGS };

    client.credential = credential;
    ok(client_connect(&client, peer_port("PEER_OPENSSL_TLS12")), "nobody there\n");
    ok_status(client_step(&client), SEC_I_CONTINUE_NEEDED);
    ok_status(sspi->ApplyControlToken(&client.context, &desc), SEC_E_OK);
    ok(client_fill(&client), "no answer\n");
    ok_status(client_handshake(&client), SEC_E_OK);
    client_close(&client);
    ok(!visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0).resumed, "resumed\n");
    ok(visit(&credential, "PEER_OPENSSL_TLS12", L"localhost", 0).resumed, "the next one is not\n");
    sspi->FreeCredentialsHandle(&credential);
}

/* A session in which the program was asked for a certificate and had none is not resumed: it may have one
 * next time. */
static void test_a_client_that_was_asked(void)
{
    static const DWORD protocols[] = { TLS12, TLS13 };
    unsigned i, visits;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
    {
        PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
        CredHandle without = acquire(protocols[i], FLAGS), with;

        ok_status(client_credential(protocols[i], TRUE, FLAGS, &certificate, 1, &with), SEC_E_OK);
        for (visits = 0; visits < 3; visits++)
            ok(!visit(&without, "PEER_NGINX_ASKS", L"localhost", 0).resumed, "resumed\n");
        for (visits = 0; visits < 3; visits++)
            ok(visit(&with, "PEER_NGINX_ASKS", L"localhost", 0).resumed == (visits > 0), "visit %u\n",
               visits);
        sspi->FreeCredentialsHandle(&without);
        sspi->FreeCredentialsHandle(&with);
        CertFreeCertificateContext(certificate);
    }
}

START_TEST(sspi_resumption)
{
    if (!sspi_open()) return;
    RUN(test_the_second_visit_is_shorter);
    RUN(test_validation_is_not_passed_by);
    RUN(test_resumption_can_be_switched_off);
    RUN(test_a_life_span_of_nothing);
    RUN(test_the_administrators_life_span);
    RUN(test_wines_own_programs_never_resume);
    RUN(test_sslemptycache);
    RUN(test_a_context_that_is_not_to_be_resumed);
    RUN(test_a_client_that_was_asked);
}
