/*
 * AcceptSecurityContext by its conventions, against our own client in the same process: what passes between
 * them is in memory, so that it can be cut, changed and looked at. Other people's clients are in
 * tests/run.py.
 */
#include "test.h"
#include "sides.h"
#include <stdio.h>

static const DWORD versions[] = { TLS12, TLS13 };

/* --- handshakes ----------------------------------------------------------------------------------------- */

static void test_a_handshake_in_every_version(void)
{
    static const DWORD all[] = { SP_PROT_TLS1_0_CLIENT | SP_PROT_TLS1_0_SERVER,
                                 SP_PROT_TLS1_1_CLIENT | SP_PROT_TLS1_1_SERVER, TLS12, TLS13 };
    static const size_t feeds[] = { 0, 1, 7, 100 };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(all); i++)
        for (j = 0; j < ARRAY_SIZE(feeds); j++)
        {
            SecPkgContext_ConnectionInfo info[2] = { { 0 } };
            struct side *client = side_client(all[i], NULL, 0), *server = side_server(all[i], 0);

            client->feed = server->feed = feeds[j];
            side_shake(client, server);
            ok(!client->status && !server->status, "protocols %#lx, by %u: %#lx, %#lx\n", all[i],
               (unsigned)feeds[j], client->status, server->status);
            ok(server->attributes == SERVER_FLAGS, "attributes %#lx\n", server->attributes);
            sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_CONNECTION_INFO, &info[0]);
            sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_CONNECTION_INFO, &info[1]);
            ok(info[0].dwProtocol == (all[i] & 0xaaaaaaaa) && info[1].dwProtocol == (all[i] & 0x55555555),
               "protocols %#lx and %#lx\n", info[0].dwProtocol, info[1].dwProtocol);
            ok(info[0].aiCipher == info[1].aiCipher && info[0].aiExch == info[1].aiExch,
               "not the same suite\n");
            ok_status(side_seal(client, "to the server", server), SEC_E_OK);
            ok_status(side_seal(server, "to the client", client), SEC_E_OK);
            ok(side_reads(server, "to the server"), "the server did not read it\n");
            ok(side_reads(client, "to the client"), "the client did not read it\n");
            side_end(client);
            side_end(server);
        }
}

/* The caller has no context until a whole record is there, and may come with more each time. */
static void test_the_first_call_waits_for_a_record(void)
{
    struct side *client = side_client(TLS13, NULL, 0), *server = side_server(TLS13, 0);
    size_t size;

    side_step(client, server);
    for (size = 0; size < server->size; size++)
    {
        SecBuffer in[2] = { { (ULONG)size, SECBUFFER_TOKEN, server->in }, { 0, SECBUFFER_EMPTY, NULL } };
        SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
        CtxtHandle context = { 0, 0 };
        ULONG attributes;
        SECURITY_STATUS status = sspi->AcceptSecurityContext(
            &server->credential, NULL, &in_desc, SERVER_FLAGS, 0, &context, &out_desc, &attributes, NULL);

        ok(status == SEC_E_INCOMPLETE_MESSAGE, "%u bytes: %#lx\n", (unsigned)size, status);
        ok(!context.dwLower, "%u bytes: a context\n", (unsigned)size);
        ok(in[1].BufferType == SECBUFFER_MISSING &&
               in[1].cbBuffer == (size < 5 ? 5 - size : server->size - size),
           "%u bytes: type %lu, %lu bytes\n", (unsigned)size, in[1].BufferType, in[1].cbBuffer);
    }
    ok_status(side_step(server, client), SEC_I_CONTINUE_NEEDED);
    side_end(client);
    side_end(server);
}

static void test_no_certificate_no_server(void)
{
    struct side *client = side_client(0, NULL, 0), *server = calloc(1, sizeof(*server));

    server->server = TRUE;
    server->requirements = SERVER_FLAGS;
    ok_status(acquire_server(&server->credential, 0, 0, NULL, 0), SEC_E_OK);
    side_step(client, server);
    ok_status(side_step(server, NULL), SEC_E_NO_CREDENTIALS);
    /* A client's credential serves nobody. */
    sspi->FreeCredentialsHandle(&server->credential);
    server->credential = client->credential;
    ok_status(side_step(server, NULL), SEC_E_NO_CREDENTIALS);
    sspi->DeleteSecurityContext(&client->context);
    sspi->FreeCredentialsHandle(&client->credential);
    free(client);
    free(server);
}

static void test_what_is_no_hello(void)
{
    static const struct
    {
        const char *bytes;
        ULONG size;
        SECURITY_STATUS status;
    } rows[] = {
        { "GET / HTTP/1.1\r\n\r\n", 18, SEC_E_INVALID_TOKEN },
        { "\x16\x03\x01\xff\xff", 5, SEC_E_ILLEGAL_MESSAGE },                 /* a record larger than any */
        { "\x16\x03\x01\x00\x04\x0e\x00\x00\x00", 9, SEC_E_ILLEGAL_MESSAGE }, /* ServerHelloDone */
        { "\x17\x03\x03\x00\x01x", 6, SEC_E_ILLEGAL_MESSAGE },                /* data before all */
        { "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10, SEC_E_ILLEGAL_MESSAGE }, /* a hello of one byte */
        { "\x80\x03\x01\x03\x00", 5, SEC_E_INVALID_TOKEN }, /* SSL 2.0's, which is off */
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct side *server = side_server(0, 0), *client = calloc(1, sizeof(*client));

        server->requirements |= ASC_REQ_EXTENDED_ERROR;
        memcpy(server->in, rows[i].bytes, rows[i].size);
        server->size = rows[i].size;
        side_step(server, client);
        ok(server->status == rows[i].status, "row %u: %#lx\n", i, server->status);
        ok(!server->has_context, "row %u: a context\n", i);
        if (rows[i].status != SEC_E_INVALID_TOKEN && rows[i].size > 5)
            ok(client->size == 7 && client->in[0] == 21 && client->in[5] == 2, "row %u: no alert, %u bytes\n",
               i, (unsigned)client->size);
        side_end(server);
        free(client);
    }
}

/* A ClientHello in SSL 2.0's format that asks for TLS 1.2 (RFC 5246, E.2). */
static void test_a_hello_of_ssl2_format(void)
{
    static const BYTE hello[] = {
        0x80, 0x2b, 1, 3,    3,    0, 0x12, 0,    0,  0,  0x10, 0,  0xc0, 0x2f, 0,
        0,    0x9c, 0, 0xc0, 0x30, 0, 0,    0x9d, 0,  0,  0x2f, 0,  0,    0xff, 1,
        2,    3,    4, 5,    6,    7, 8,    9,    10, 11, 12,   13, 14,   15,   16
    };
    struct side *server = side_server(0, 0), *client = calloc(1, sizeof(*client));

    memcpy(server->in, hello, sizeof(hello));
    server->size = sizeof(hello);
    ok_status(side_step(server, client), SEC_E_INVALID_TOKEN);
    side_end(server);

    schannel_set(L"Protocols\\SSL 2.0\\Server", L"Enabled", 1);
    server = side_server(0, 0);
    memcpy(server->in, hello, sizeof(hello));
    server->size = sizeof(hello);
    ok_status(side_step(server, client), SEC_I_CONTINUE_NEEDED);
    side_end(server);
    server = side_server(0, 0);
    memcpy(server->in, "\x80\x03\x01\x03\x00", 5);
    server->size = 5;
    ok_status(side_step(server, NULL), SEC_E_ILLEGAL_MESSAGE);
    schannel_clear(NULL);
    ok(client->size > 100 && client->in[0] == 22 && client->in[5] == 2 && client->in[9] == 3 &&
           client->in[10] == 3,
       "no ServerHello of TLS 1.2\n");
    side_end(server);
    free(client);
}

static void test_a_token_that_does_not_fit(void)
{
    struct side *client = side_client(TLS12, NULL, 0), *server = side_server(TLS12, 0);
    BYTE small[64], large[8192];
    SecBuffer in[2], out;
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle context = { 0, 0 };
    ULONG attributes, flags = SERVER_FLAGS & ~ASC_REQ_ALLOCATE_MEMORY;
    SECURITY_STATUS status;

    side_step(client, server);
    in[0] = (SecBuffer){ (ULONG)server->size, SECBUFFER_TOKEN, server->in };
    in[1] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    out = (SecBuffer){ sizeof(small), SECBUFFER_TOKEN, small };
    status = sspi->AcceptSecurityContext(&server->credential, NULL, &in_desc, flags, 0, &context, &out_desc,
                                         &attributes, NULL);
    ok_status(status, SEC_E_BUFFER_TOO_SMALL);
    in[1] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    out = (SecBuffer){ sizeof(large), SECBUFFER_TOKEN, large };
    status = sspi->AcceptSecurityContext(&server->credential, NULL, &in_desc, flags, 0, &context, &out_desc,
                                         &attributes, NULL);
    ok_status(status, SEC_I_CONTINUE_NEEDED);
    ok(out.cbBuffer > 1000 && large[0] == 22, "%lu bytes\n", out.cbBuffer);
    sspi->DeleteSecurityContext(&context);
    side_end(client);
    side_end(server);
}

/* --- ALPN ----------------------------------------------------------------------------------------------- */

static void test_alpn(void)
{
    static const struct
    {
        const char *client, *server;
        const char *chosen; /* NULL: none in common */
    } rows[] = {
        { "\x02h2\x08http/1.1", "\x08http/1.1\x02h2", "http/1.1" }, /* the server's order */
        { "\x08http/1.1\x02h2", "\x02h2\x08http/1.1", "h2" },
        { "\x03one", "\x02h2", NULL },
    };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (j = 0; j < ARRAY_SIZE(versions); j++)
        {
            struct side *client = side_client(versions[j], NULL, 0), *server = side_server(versions[j], 0);
            SecPkgContext_ApplicationProtocol alpn[2];
            BYTE lists[2][64];

            side_give(client, SECBUFFER_APPLICATION_PROTOCOLS, lists[0], alpn_list(lists[0], rows[i].client));
            side_give(server, SECBUFFER_APPLICATION_PROTOCOLS, lists[1], alpn_list(lists[1], rows[i].server));
            server->requirements |= ASC_REQ_EXTENDED_ERROR;
            side_shake(client, server);
            if (!rows[i].chosen)
            {
                ok(server->status == SEC_E_APPLICATION_PROTOCOL_MISMATCH, "row %u: %#lx, %#lx\n", i,
                   client->status, server->status);
                ok_status(client->status, SEC_E_APPLICATION_PROTOCOL_MISMATCH);
                ok(server->last[0] == 21 && server->last[5] == 2 && server->last[6] == 120, "no alert\n");
                client->has_context = TRUE;
            }
            else
            {
                memset(alpn, 0, sizeof(alpn));
                ok(!client->status && !server->status, "row %u: %#lx, %#lx\n", i, client->status,
                   server->status);
                sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &alpn[0]);
                sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &alpn[1]);
                ok(alpn[0].ProtocolIdSize == strlen(rows[i].chosen) &&
                       !memcmp(alpn[0].ProtocolId, rows[i].chosen, alpn[0].ProtocolIdSize),
                   "row %u: %.*s\n", i, alpn[0].ProtocolIdSize, alpn[0].ProtocolId);
                ok(!memcmp(&alpn[0], &alpn[1], sizeof(alpn[0])), "row %u: the two sides differ\n", i);
            }
            side_end(client);
            side_end(server);
        }
}

/* .NET gives the list with every call, Qt without an EMPTY buffer. */
static void test_alpn_without_an_empty_buffer(void)
{
    struct side *client = side_client(TLS13, NULL, 0), *server = side_server(TLS13, 0);
    BYTE list[64];
    SecBuffer in[2], out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle context = { 0, 0 };
    ULONG attributes;

    side_give(client, SECBUFFER_APPLICATION_PROTOCOLS, list, alpn_list(list, "\x02h2"));
    side_step(client, server);
    in[0] = (SecBuffer){ (ULONG)server->size, SECBUFFER_TOKEN, server->in };
    in[1] = (SecBuffer)client->given[0];
    ok_status(sspi->AcceptSecurityContext(&server->credential, NULL, &in_desc, SERVER_FLAGS, 0, &context,
                                          &out_desc, &attributes, NULL),
              SEC_I_CONTINUE_NEEDED);
    sspi->FreeContextBuffer(out.pvBuffer);
    sspi->DeleteSecurityContext(&context);
    side_end(client);
    side_end(server);
}

/* --- client certificates -------------------------------------------------------------------------------- */

static void test_a_client_that_is_asked_who_it_is(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    unsigned i, with, asks;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
        for (asks = 0; asks < 2; asks++)
            for (with = 0; with < 2; with++)
            {
                struct side *client = side_client(versions[i], &certificate, with),
                            *server = side_server(versions[i], 0);
                PCCERT_CONTEXT remote = NULL, other = NULL;
                SECURITY_STATUS status;
                unsigned count = 0;

                if (asks) server->requirements |= ASC_REQ_MUTUAL_AUTH;
                side_shake(client, server);
                ok(!client->status && !server->status, "%#lx, %#lx\n", client->status, server->status);
                ok(server->attributes == (SERVER_FLAGS | (asks && with ? ASC_RET_MUTUAL_AUTH : 0)),
                   "attributes %#lx\n", server->attributes);
                status =
                    sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &remote);
                ok(status == (asks && with ? SEC_E_OK : SEC_E_NO_CREDENTIALS), "%#lx\n", status);
                if (!status)
                {
                    ok(CertCompareCertificate(X509_ASN_ENCODING, remote->pCertInfo, certificate->pCertInfo),
                       "another certificate\n");
                    while ((other = CertEnumCertificatesInStore(remote->hCertStore, other))) count++;
                    ok(count == 2, "%u certificates\n", count);
                    CertFreeCertificateContext(remote);
                }
                ok_status(side_seal(client, "still there", server), SEC_E_OK);
                ok(side_reads(server, "still there"), "the server did not read it\n");
                side_end(client);
                side_end(server);
            }
    CertFreeCertificateContext(certificate);
}

static const WCHAR schannel_key[] = L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL";

static void set_issuer_list(BOOL send)
{
    DWORD value = 1;

    if (send)
        RegSetKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, L"SendTrustedIssuerList", REG_DWORD, &value,
                        sizeof(value));
    else
        RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, L"SendTrustedIssuerList");
}

static void test_issuers_are_named_if_the_registry_says_so(void)
{
    unsigned send;

    for (send = 0; send < 2; send++)
    {
        PCCERT_CONTEXT client_certificate =
            pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
        SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                                 .cCreds = 1,
                                 .paCred = &server_certificate,
                                 .hRootStore = client_certificate->hCertStore };
        struct side *client = side_client(TLS12, NULL, 0), *server = calloc(1, sizeof(*server));
        SecPkgContext_IssuerListInfoEx issuers = { NULL, 0 };

        server->server = TRUE;
        server->requirements = SERVER_FLAGS | ASC_REQ_MUTUAL_AUTH;
        set_issuer_list(send);
        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_INBOUND, NULL,
                                                  &cred, NULL, NULL, &server->credential, NULL),
                  SEC_E_OK);
        set_issuer_list(FALSE);
        side_step(client, server);
        side_step(server, client);
        ok_status(side_step(client, server), SEC_I_INCOMPLETE_CREDENTIALS);
        ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_ISSUER_LIST_EX, &issuers),
                  SEC_E_OK);
        ok(issuers.cIssuers == (send ? 2 : 0), "%lu issuers\n", issuers.cIssuers);
        sspi->FreeContextBuffer(issuers.aIssuers);
        side_end(client);
        if (server->has_context) sspi->DeleteSecurityContext(&server->context);
        sspi->FreeCredentialsHandle(&server->credential);
        free(server);
        CertFreeCertificateContext(client_certificate);
    }
}

/* --- certificates later --------------------------------------------------------------------------------- */

static PCCERT_CONTEXT later;

/* What a program does when DecryptMessage tells of a message: the rest of what came goes to the next step. */
static SECURITY_STATUS read_message(struct side *side, struct side *other)
{
    SecBuffer buffers[4] = { { (ULONG)side->size, SECBUFFER_DATA, side->in } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status = sspi->DecryptMessage(&side->context, &desc, 0, NULL);
    size_t left = 0;
    unsigned i;

    for (i = 0; i < 4; i++)
        if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
    if (FAILED(status)) return status;
    memmove(side->in, side->in + side->size - left, left);
    side->size = left;
    if (status != SEC_I_RENEGOTIATE) return status;
    side_step(side, other);
    if (side->status == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        if (later)
        {
            sspi->FreeCredentialsHandle(&side->credential);
            ok_status(client_credential(0, TRUE, SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS,
                                        &later, 1, &side->credential),
                      SEC_E_OK);
        }
        side_step(side, other);
    }
    return SEC_I_RENEGOTIATE;
}

static void check_client(struct side *server, BOOL known)
{
    PCCERT_CONTEXT remote = NULL;
    SECURITY_STATUS status =
        sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &remote);

    ok(status == (known ? SEC_E_OK : SEC_E_NO_CREDENTIALS), "%#lx\n", status);
    ok(((server->attributes & ASC_RET_MUTUAL_AUTH) != 0) == known, "attributes %#lx\n", server->attributes);
    if (!status) CertFreeCertificateContext(remote);
}

/* In TLS 1.3 the server asks in an established connection; data on its way is not lost. */
static void test_a_certificate_after_the_handshake(void)
{
    unsigned given, supplied;

    for (given = 0; given < 2; given++)
        for (supplied = 0; supplied < 2; supplied++)
        {
            PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
            struct side *client = side_client(TLS13, &certificate, given), *server = side_server(TLS13, 0);

            later = supplied ? certificate : NULL;
            side_shake(client, server);
            check_client(server, FALSE);
            ok_status(side_seal(client, "on its way", server), SEC_E_OK);

            /* The server asks, without input. */
            {
                BYTE kept[1024];
                size_t size = server->size;

                memcpy(kept, server->in, size);
                server->size = 0;
                server->requirements |= ASC_REQ_MUTUAL_AUTH;
                ok_status(side_step(server, client), SEC_I_CONTINUE_NEEDED);
                memcpy(server->in, kept, server->size = size);
            }
            ok_status(side_seal(server, "after the question", client), SEC_E_OK);
            ok_status(read_message(client, server), SEC_I_RENEGOTIATE);
            ok_status(client->status, SEC_E_OK);
            ok(side_reads(client, "after the question"), "lost\n");
            ok_status(side_seal(client, "after the answer", server), SEC_E_OK);

            /* Data in front is left over; then the answer is read, by the step itself. */
            ok_status(side_step(server, client), SEC_E_OK);
            ok(side_reads(server, "on its way"), "lost\n");
            ok_status(side_step(server, client), SEC_E_OK);
            check_client(server, given || supplied);
            ok(side_reads(server, "after the answer"), "lost\n");
            side_end(client);
            side_end(server);
            CertFreeCertificateContext(certificate);
        }
}

/* The same by a server that reads the answer with DecryptMessage. */
static void test_the_answer_comes_through_decryptmessage(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    struct side *client = side_client(TLS13, &certificate, 1), *server = side_server(TLS13, 0);
    unsigned turns;

    side_shake(client, server);
    server->requirements |= ASC_REQ_MUTUAL_AUTH;
    ok_status(side_step(server, client), SEC_I_CONTINUE_NEEDED);
    ok_status(read_message(client, server), SEC_I_RENEGOTIATE);
    for (turns = 0; turns < 10 && server->size; turns++) read_message(server, client);
    check_client(server, TRUE);
    side_end(client);
    side_end(server);
    CertFreeCertificateContext(certificate);
}

/* In TLS 1.2 a new handshake is what a server asks for; and it may ask for a certificate in it. */
/* How many extensions a side says were agreed to. */
static DWORD extension_count(struct side *side)
{
    SecPkgContext_NegotiatedTlsExtensions extensions = { 0, NULL };

    ok_status(
        sspi->QueryContextAttributesW(&side->context, SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS, &extensions),
        SEC_E_OK);
    sspi->FreeContextBuffer(extensions.Extensions);
    return extensions.ExtensionsCount;
}

static void test_a_renegotiation_the_server_asks_for(void)
{
    unsigned ask, turns;

    for (ask = 0; ask < 2; ask++)
    {
        PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
        struct side *client = side_client(TLS12, &certificate, 1), *server = side_server(TLS12, 0);
        DWORD extensions;

        later = NULL;
        side_shake(client, server);
        extensions = extension_count(client);
        if (ask) server->requirements |= ASC_REQ_MUTUAL_AUTH;
        ok_status(side_step(server, client), SEC_I_CONTINUE_NEEDED);
        /* Until the client answers, the server goes on. */
        ok_status(side_seal(server, "meanwhile", client), SEC_E_OK);
        ok_status(side_seal(client, "unknowing", server), SEC_E_OK);
        ok(side_reads(server, "unknowing"), "lost\n");
        ok_status(read_message(client, server), SEC_I_RENEGOTIATE);
        ok_status(client->status, SEC_I_CONTINUE_NEEDED);
        ok_status(side_seal(server, "and more", client),
                  SEC_E_OK); /* before the server has read the answer */
        server->status = SEC_I_CONTINUE_NEEDED;
        for (turns = 0; turns < 6 && (side_wants_more(client) || side_wants_more(server)); turns++)
        {
            side_run(server, client);
            side_run(client, server);
        }
        ok(!client->status && !server->status, "%#lx, %#lx\n", client->status, server->status);
        check_client(server, ask);
        ok(extension_count(client) == extensions && extension_count(server) == extensions,
           "extensions of two handshakes\n");
        ok(side_reads(client, "meanwhileand more"), "data between the flights is lost\n");
        ok(!client->size, "%u bytes are left\n", (unsigned)client->size);
        ok_status(side_seal(client, "with new keys", server), SEC_E_OK);
        ok(side_reads(server, "with new keys"), "lost\n");
        ok_status(side_seal(server, "both of them", client), SEC_E_OK);
        ok(side_reads(client, "both of them"), "lost\n");
        side_end(client);
        side_end(server);
        CertFreeCertificateContext(certificate);
    }
}

/* --- attributes ----------------------------------------------------------------------------------------- */

static void test_both_sides_see_the_same_bindings(void)
{
    static const ULONG kinds[] = { SECPKG_ATTR_ENDPOINT_BINDINGS, SECPKG_ATTR_UNIQUE_BINDINGS };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(kinds) * ARRAY_SIZE(versions); i++)
    {
        struct side *client = side_client(versions[i / ARRAY_SIZE(kinds)], NULL, 0),
                    *server = side_server(versions[i / ARRAY_SIZE(kinds)], 0);
        ULONG kind = kinds[i % ARRAY_SIZE(kinds)];
        SecPkgContext_Bindings bindings[2] = { { 0, NULL }, { 0, NULL } };

        side_shake(client, server);

        ok_status(sspi->QueryContextAttributesW(&client->context, kind, &bindings[0]), SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&server->context, kind, &bindings[1]), SEC_E_OK);
        ok(bindings[0].BindingsLength == bindings[1].BindingsLength &&
               !memcmp(bindings[0].Bindings, bindings[1].Bindings, bindings[0].BindingsLength),
           "attribute %#lx differs\n", kind);
        sspi->FreeContextBuffer(bindings[0].Bindings);
        sspi->FreeContextBuffer(bindings[1].Bindings);
        side_end(client);
        side_end(server);
    }
}

/* Both sides have the same EAP keys; those of EAP-TLS in TLS 1.3 are an export with the method's number as
 * its context (RFC 9190, 2.3). What they are below TLS 1.3 is in sspi_attributes and session. */
static void test_both_sides_have_the_same_eap_keys(void)
{
    static const BYTE methods[] = { 13, 21 };
    SecPkgContext_EapKeyBlock blocks[4][2];
    DWORD function;
    unsigned i, k;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        struct side *client = side_client(versions[i], NULL, 0), *server = side_server(versions[i], 0);

        side_shake(client, server);
        for (function = 0; function < 4; function++)
        {
            SecPkgContext_EapPrfInfo info = { 0, sizeof(function), (BYTE *)&function };
            BOOL none = function == 3 && versions[i] == TLS13;

            for (k = 0; k < 2; k++)
            {
                CtxtHandle *context = k ? &server->context : &client->context;

                ok_status(sspi->SetContextAttributesW(context, SECPKG_ATTR_EAP_PRF_INFO, &info, sizeof(info)),
                          SEC_E_OK);
                ok_status(
                    sspi->QueryContextAttributesW(context, SECPKG_ATTR_EAP_KEY_BLOCK, &blocks[function][k]),
                    none ? SEC_E_UNSUPPORTED_FUNCTION : SEC_E_OK);
            }
            ok(!memcmp(&blocks[function][0], &blocks[function][1], sizeof(blocks[function][0])),
               "function %lu: the two sides differ\n", function);
            ok(!function || memcmp(&blocks[0][0], &blocks[function][0], 128), "function %lu is the first\n",
               function);
            if (versions[i] != TLS13 || function > 1) continue;
            {
                SecPkgContext_KeyingMaterial_Inproc inproc = { 30,  (char *)"EXPORTER_EAP_TLS_Key_Material",
                                                               1,   (BYTE *)&methods[function],
                                                               128, NULL };

                ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_KEYING_MATERIAL_INPROC,
                                                        &inproc),
                          SEC_E_OK);
                ok(inproc.pbKeyingMaterial &&
                       !memcmp(inproc.pbKeyingMaterial, blocks[function][0].rgbKeys, 128),
                   "function %lu: not that export\n", function);
                sspi->FreeContextBuffer(inproc.pbKeyingMaterial);
            }
        }
        side_end(client);
        side_end(server);
    }
}

/* RFC 5705: both sides export the same, another label or context another. */
static void test_both_sides_export_the_same_keys(void)
{
    static const struct
    {
        const char *label, *context;
    } rows[] = { { "EXTRACTOR-test", NULL },
                 { "EXTRACTOR-test", "context" },
                 { "EXTRACTOR-other", NULL },
                 { "EXTRACTOR-test", "" }, /* a context of no bytes; in TLS 1.3 the same as none */
                 { "", NULL } };
    SecPkgContext_KeyingMaterial first = { 0, NULL }, pair[2];
    unsigned i, j, k;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        struct side *client = side_client(versions[i], NULL, 0), *server = side_server(versions[i], 0);

        side_shake(client, server);
        ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_KEYING_MATERIAL, &pair[0]),
                  SEC_E_INVALID_HANDLE); /* nobody has said what */
        for (j = 0; j < ARRAY_SIZE(rows); j++)
        {
            SecPkgContext_KeyingMaterialInfo info = { (WORD)(strlen(rows[j].label) + 1),
                                                      (char *)rows[j].label,
                                                      (WORD)(rows[j].context ? strlen(rows[j].context) : 0),
                                                      (BYTE *)rows[j].context, 40 };
            SecPkgContext_KeyingMaterial_Inproc inproc = {
                info.cbLabel, info.pszLabel, info.cbContextValue, info.pbContextValue, 40, NULL
            };

            for (k = 0; k < 2; k++)
            {
                CtxtHandle *context = k ? &server->context : &client->context;

                ok_status(sspi->SetContextAttributesW(context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info,
                                                      sizeof(info)),
                          SEC_E_OK);
                ok_status(sspi->QueryContextAttributesW(context, SECPKG_ATTR_KEYING_MATERIAL, &pair[k]),
                          SEC_E_OK);
            }
            ok(pair[0].cbKeyingMaterial == 40 &&
                   !memcmp(pair[0].pbKeyingMaterial, pair[1].pbKeyingMaterial, 40),
               "row %u: the two sides differ\n", j);
            ok_status(
                sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_KEYING_MATERIAL_INPROC, &inproc),
                SEC_E_OK);
            ok(!memcmp(pair[0].pbKeyingMaterial, inproc.pbKeyingMaterial, 40), "row %u: in one call\n", j);
            if (!j)
                first = pair[0];
            else
                ok(!memcmp(first.pbKeyingMaterial, pair[0].pbKeyingMaterial, 40) ==
                       (j == 3 && versions[i] == TLS13),
                   "row %u: %s the first's\n", j, j == 3 ? "is or is not" : "is");
            if (j) sspi->FreeContextBuffer(pair[0].pbKeyingMaterial);
            sspi->FreeContextBuffer(pair[1].pbKeyingMaterial);
            sspi->FreeContextBuffer(inproc.pbKeyingMaterial);
            info.cbKeyingMaterial = 0;
            ok_status(sspi->SetContextAttributesW(&client->context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info,
                                                  sizeof(info)),
                      SEC_E_INVALID_PARAMETER);
            ok_status(
                sspi->SetContextAttributesW(&client->context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info, 4),
                SEC_E_INVALID_PARAMETER);
        }
        ok_status(
            sspi->SetContextAttributesW(&client->context, SECPKG_ATTR_SESSION_INFO, &pair, sizeof(pair)),
            SEC_E_UNSUPPORTED_FUNCTION);
        sspi->FreeContextBuffer(first.pbKeyingMaterial);
        side_end(client);
        side_end(server);
    }
}

/* --- every attribute, at every time --------------------------------------------------------------------- */

#define EARLY    SEC_E_INVALID_HANDLE
#define NOBODY   SEC_E_NO_CREDENTIALS
#define REFUSED  SEC_E_UNSUPPORTED_FUNCTION
#define PARAM    SEC_E_INVALID_PARAMETER
#define INTERNAL SEC_E_INTERNAL_ERROR

/* What each gives before the handshake is done, and after it to the client and to the server, neither of whom
 * has asked for anything or set anything. */
static const struct
{
    ULONG id;
    SECURITY_STATUS before, client, server;
} queries[] = {
    /* clang-format off */
    { SECPKG_ATTR_LIFESPAN,                              EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_STREAM_SIZES,                          EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_KEY_INFO,                              EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_PACKAGE_INFO,                          SEC_E_OK, SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_FLAGS,                                 EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_UNIQUE_BINDINGS,                       EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_ENDPOINT_BINDINGS,                     EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_APPLICATION_PROTOCOL,                  EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS,             EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_REMOTE_CERT_CONTEXT,                   NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_LOCAL_CERT_CONTEXT,                    EARLY,   NOBODY,   SEC_E_OK },
    { SECPKG_ATTR_ISSUER_LIST_EX,                        SEC_E_OK, SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_CONNECTION_INFO,                       EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_EAP_KEY_BLOCK,                         EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_SESSION_INFO,                          EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_APP_DATA,                              EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_REMOTE_CERTIFICATES,                   NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_CC_POLICY_RESULT,                      EARLY,   REFUSED,  REFUSED },
    { SECPKG_ATTR_LOCAL_CERT_INFO,                       EARLY,   NOBODY,   SEC_E_OK },
    { SECPKG_ATTR_CIPHER_INFO,                           EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_SUPPORTED_SIGNATURES,                  SEC_E_OK, SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_REMOTE_CERT_CHAIN,                     NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_KEYING_MATERIAL,                       EARLY,   EARLY,   EARLY }, /* nobody has said what */
    { SECPKG_ATTR_KEYING_MATERIAL_INPROC,                EARLY,   PARAM,    PARAM },
    { SECPKG_ATTR_CONNECTION_INFO_EX,                    EARLY,   SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_CERT_CHECK_RESULT,                     NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_CERT_CHECK_RESULT_INPROC,              NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT,        NOBODY,   SEC_E_OK, NOBODY },
    { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT_INPROC, EARLY,   SEC_E_OK, NOBODY },
    /* clang-format on */
};

/* What the headers know and TLS here does not. */
static const ULONG refused[] = {
    SECPKG_ATTR_SIZES,
    SECPKG_ATTR_NAMES,
    SECPKG_ATTR_DCE_INFO,
    SECPKG_ATTR_AUTHORITY,
    SECPKG_ATTR_PROTO_INFO,
    SECPKG_ATTR_PASSWORD_EXPIRY,
    SECPKG_ATTR_SESSION_KEY,
    SECPKG_ATTR_USER_FLAGS,
    SECPKG_ATTR_NEGOTIATION_INFO,
    SECPKG_ATTR_NATIVE_NAMES,
    SECPKG_ATTR_ACCESS_TOKEN,
    SECPKG_ATTR_TARGET_INFORMATION,
    SECPKG_ATTR_IS_LOOPBACK,
    SECPKG_ATTR_ISSUER_LIST,
    SECPKG_ATTR_REMOTE_CRED,
    SECPKG_ATTR_LOCAL_CRED,
    SECPKG_ATTR_ROOT_STORE,
    SECPKG_ATTR_MAPPED_CRED_ATTR,
    SECPKG_ATTR_TOKEN_BINDING,
    SECPKG_ATTR_EAP_PRF_INFO,
    SECPKG_ATTR_SUBJECT_SECURITY_ATTRIBUTES,
    SECPKG_ATTR_EARLY_START,
    SECPKG_ATTR_UI_INFO,
    SECPKG_ATTR_KEYING_MATERIAL_INFO,
    SECPKG_ATTR_SUPPORTED_ALGS,
    SECPKG_ATTR_CIPHER_STRENGTHS,
    SECPKG_ATTR_SUPPORTED_PROTOCOLS,
    0x7777,
};

/* Both character sets; what is allocated stays. */
static void query_as(CtxtHandle *context, ULONG id, BOOL nowhere, SECURITY_STATUS expected, const char *when)
{
    DWORD64 buffer[256] = { 0 }, untouched[256] = { 0 };
    SECURITY_STATUS wide = sspi->QueryContextAttributesW(context, id, nowhere ? NULL : buffer), narrow;

    if (expected == REFUSED || expected == EARLY)
        ok(!memcmp(buffer, untouched, sizeof(buffer)), "%s, attribute %#lx: something was written\n", when,
           id);
    memset(buffer, 0, sizeof(buffer));
    narrow = sspi_a->QueryContextAttributesA(context, id, nowhere ? NULL : buffer);
    ok(wide == expected && narrow == expected, "%s, attribute %#lx: %#lx and %#lx, not %#lx\n", when, id,
       wide, narrow, expected);
}

enum stage
{
    STAGE_BEFORE, /* one step was made */
    STAGE_CLIENT,
    STAGE_SERVER,
    STAGE_GONE
};

static void query_all(CtxtHandle *context, enum stage stage, const char *when)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(queries); i++)
    {
        SECURITY_STATUS expected = stage == STAGE_BEFORE   ? queries[i].before
                                   : stage == STAGE_CLIENT ? queries[i].client
                                   : stage == STAGE_SERVER ? queries[i].server
                                                           : EARLY;

        query_as(context, queries[i].id, FALSE, expected, when);
        query_as(context, queries[i].id, TRUE, stage == STAGE_GONE ? EARLY : INTERNAL, when);
    }
    for (i = 0; i < ARRAY_SIZE(refused); i++)
    {
        query_as(context, refused[i], FALSE, stage == STAGE_GONE ? EARLY : REFUSED, when);
        query_as(context, refused[i], TRUE, stage == STAGE_GONE ? EARLY : REFUSED, when);
    }
}

static void test_every_attribute_at_every_time(void)
{
    static const BYTE alert[] = { 21, 3, 3, 0, 2, 2, 40 };
    unsigned i, k;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        struct side *sides[2] = { side_client(versions[i], NULL, 0), side_server(versions[i], 0) };
        CtxtHandle gone[2];

        side_step(sides[0], sides[1]);
        query_all(&sides[0]->context, STAGE_BEFORE, "client, before");
        side_step(sides[1], sides[0]);
        query_all(&sides[1]->context, STAGE_BEFORE, "server, before");
        side_run(sides[0], sides[1]);
        side_run(sides[1], sides[0]);
        side_run(sides[0], sides[1]);
        ok(!sides[0]->status && !sides[1]->status, "%#lx, %#lx\n", sides[0]->status, sides[1]->status);
        query_all(&sides[0]->context, STAGE_CLIENT, "client, after");
        query_all(&sides[1]->context, STAGE_SERVER, "server, after");
        /* A record that opens to nothing ends both; what was negotiated can still be asked for. */
        for (k = 0; k < 2; k++)
        {
            BYTE record[64] = { 23, 3, 3, 0, sizeof(record) - 5 };
            SecBuffer buffers[4] = { { sizeof(record), SECBUFFER_DATA, record } };
            SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

            ok(FAILED(sspi->DecryptMessage(&sides[k]->context, &desc, 0, NULL)), "side %u took it\n", k);
            query_all(&sides[k]->context, k ? STAGE_SERVER : STAGE_CLIENT,
                      k ? "server, failed" : "client, failed");
            gone[k] = sides[k]->context;
            side_end(sides[k]);
            query_all(&gone[k], STAGE_GONE, "deleted");
        }
        /* And one that never had a handshake. */
        sides[0] = side_client(versions[i], NULL, 0);
        side_step(sides[0], NULL);
        memcpy(sides[0]->in, alert, sides[0]->size = sizeof(alert));
        ok(FAILED(side_step(sides[0], NULL)), "an alert is no end\n");
        query_all(&sides[0]->context, STAGE_BEFORE, "client, failed before");
        side_end(sides[0]);
    }
}

static const struct
{
    ULONG id, size;
    SECURITY_STATUS before, client, server; /* of zeros */
} orders[] = {
    { SECPKG_ATTR_APP_DATA, sizeof(SecPkgContext_SessionAppData), EARLY, SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_EAP_PRF_INFO, sizeof(SecPkgContext_EapPrfInfo), PARAM, PARAM, PARAM },
    { SECPKG_ATTR_UI_INFO, sizeof(SecPkgContext_UiInfo), SEC_E_OK, SEC_E_OK, SEC_E_OK },
    { SECPKG_ATTR_EARLY_START, sizeof(SecPkgContext_EarlyStart), SEC_E_OK, SEC_E_OK, REFUSED },
    { SECPKG_ATTR_KEYING_MATERIAL_INFO, sizeof(SecPkgContext_KeyingMaterialInfo), PARAM, PARAM, PARAM },
    { SECPKG_ATTR_SESSION_INFO, 64, REFUSED, REFUSED, REFUSED },
    { 0x7777, 64, REFUSED, REFUSED, REFUSED },
};

/* Too little of it, or nothing, is refused first. */
static void set_all(CtxtHandle *context, enum stage stage, const char *when)
{
    BYTE zeros[64] = { 0 };
    unsigned i, ansi;

    for (i = 0; i < ARRAY_SIZE(orders); i++)
        for (ansi = 0; ansi < 2; ansi++)
        {
            SECURITY_STATUS(SEC_ENTRY * set)
            (CtxtHandle *, ULONG, void *, ULONG) =
                ansi ? sspi_a->SetContextAttributesA : sspi->SetContextAttributesW;
            SECURITY_STATUS expected = stage == STAGE_BEFORE   ? orders[i].before
                                       : stage == STAGE_CLIENT ? orders[i].client
                                       : stage == STAGE_SERVER ? orders[i].server
                                                               : EARLY,
                            little = stage == STAGE_GONE           ? EARLY
                                     : orders[i].client == REFUSED ? REFUSED
                                                                   : PARAM;
            SECURITY_STATUS got[] = { set(context, orders[i].id, zeros, orders[i].size),
                                      set(context, orders[i].id, zeros, orders[i].size - 1),
                                      set(context, orders[i].id, NULL, orders[i].size) };

            ok(got[0] == expected && got[1] == little && got[2] == little,
               "%s, attribute %#lx: %#lx, short %#lx, nothing %#lx\n", when, orders[i].id, got[0], got[1],
               got[2]);
        }
}

static void test_every_attribute_that_can_be_set(void)
{
    DWORD early[] = { ENABLE_TLS_CLIENT_EARLY_START, 2, 0x80000001 };
    unsigned i, k;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        struct side *client = side_client(versions[i], NULL, 0), *server = side_server(versions[i], 0);
        CtxtHandle gone;

        side_step(client, server);
        set_all(&client->context, STAGE_BEFORE, "client, before");
        for (k = 0; k < ARRAY_SIZE(early); k++)
            ok_status(sspi->SetContextAttributesW(&client->context, SECPKG_ATTR_EARLY_START, &early[k],
                                                  sizeof(early[k])),
                      k ? PARAM : SEC_E_OK);
        server->status = SEC_I_CONTINUE_NEEDED;
        for (k = 0; k < 3; k++)
        {
            side_run(server, client);
            side_run(client, server);
        }
        ok(!client->status && !server->status, "%#lx, %#lx\n", client->status, server->status);
        set_all(&client->context, STAGE_CLIENT, "client, after");
        set_all(&server->context, STAGE_SERVER, "server, after");
        gone = client->context;
        side_end(client);
        side_end(server);
        set_all(&gone, STAGE_GONE, "deleted");
    }
}

static void test_both_sides_see_the_same_extensions(void)
{
    static const BYTE alpn[] = { 9, 0, 0, 0, 2, 0, 0, 0, 3, 0, 2, 'h', '2' };
    unsigned i, j, k;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        struct side *client = side_client(versions[i], NULL, 0), *server = side_server(versions[i], 0);
        SecPkgContext_NegotiatedTlsExtensions extensions[2];
        const WORD wanted[] = { 16, versions[i] == TLS13
                                        ? 51
                                        : 23 }; /* ALPN; key_share or extended_master_secret */

        side_give(client, SECBUFFER_APPLICATION_PROTOCOLS, alpn, sizeof(alpn));
        side_give(server, SECBUFFER_APPLICATION_PROTOCOLS, alpn, sizeof(alpn));
        side_shake(client, server);
        for (k = 0; k < 2; k++)
            ok_status(sspi->QueryContextAttributesW(k ? &server->context : &client->context,
                                                    SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS, &extensions[k]),
                      SEC_E_OK);
        ok(extensions[0].ExtensionsCount == extensions[1].ExtensionsCount &&
               !memcmp(extensions[0].Extensions, extensions[1].Extensions,
                       extensions[0].ExtensionsCount * sizeof(WORD)),
           "%lu and %lu\n", extensions[0].ExtensionsCount, extensions[1].ExtensionsCount);
        for (j = 0; j < ARRAY_SIZE(wanted); j++)
        {
            for (k = 0; k < extensions[0].ExtensionsCount && extensions[0].Extensions[k] != wanted[j]; k++)
                continue;
            ok(k < extensions[0].ExtensionsCount, "%u is not among them\n", wanted[j]);
        }
        for (k = 0; k < 2; k++) sspi->FreeContextBuffer(extensions[k].Extensions);
        side_end(client);
        side_end(server);
    }
}

static void test_the_servers_own_certificate(void)
{
    struct side *client = side_client(TLS13, NULL, 0), *server = side_server(TLS13, 0);
    PCCERT_CONTEXT local = NULL, remote = NULL;

    side_shake(client, server);
    ok_status(sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &local),
              SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &remote),
              SEC_E_OK);
    ok(local && remote && CertCompareCertificate(X509_ASN_ENCODING, local->pCertInfo, remote->pCertInfo),
       "not the same certificate\n");
    CertFreeCertificateContext(local);
    CertFreeCertificateContext(remote);
    side_end(client);
    side_end(server);
}

/* The server's handle is no client's, and the other way round. */
static void test_a_context_keeps_its_side(void)
{
    struct side *client = side_client(TLS12, NULL, 0), *server = side_server(TLS12, 0);

    side_step(client, server);
    side_step(server, client);
    client->server = TRUE;
    server->server = FALSE;
    ok_status(side_step(client, NULL), SEC_E_INVALID_HANDLE);
    ok_status(side_step(server, NULL), SEC_E_INVALID_HANDLE);
    side_end(client);
    side_end(server);
}

/* --- certificates by name ------------------------------------------------------------------------------- */

static void test_the_name_chooses_the_certificate(void)
{
    static const struct
    {
        const WCHAR *asked, *got;
    } rows[] = { { L"localhost", L"localhost" },
                 { L"www.example.test", L"wildcard" },
                 { L"nobody.test", NULL } };
    PCCERT_CONTEXT certificates[2] = {
        server_certificate, pfx_certificate("wildcard", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE)
    };
    CredHandle credential;
    unsigned i;

    ok_status(acquire_server(&credential, 0, 0, certificates, 2), SEC_E_OK);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct side *client = side_client(TLS13, NULL, 0), *server = calloc(1, sizeof(*server));
        SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc out_desc = { SECBUFFER_VERSION, 1, &out };
        PCCERT_CONTEXT leaf = NULL;
        WCHAR name[100] = L"";

        server->server = TRUE;
        server->requirements = SERVER_FLAGS;
        server->credential = credential;
        server->status = SEC_I_CONTINUE_NEEDED;
        ok_status(sspi->InitializeSecurityContextW(&client->credential, NULL, (WCHAR *)rows[i].asked,
                                                   client->requirements, 0, 0, NULL, 0, &client->context,
                                                   &out_desc, &client->attributes, NULL),
                  SEC_I_CONTINUE_NEEDED);
        client->has_context = TRUE;
        client->status = SEC_I_CONTINUE_NEEDED;
        memcpy(server->in, out.pvBuffer, server->size = out.cbBuffer);
        sspi->FreeContextBuffer(out.pvBuffer);
        side_run(server, client);
        side_run(client, server);
        ok_status(client->status, SEC_E_OK);
        sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf);
        if (leaf) CertGetNameStringW(leaf, CERT_NAME_SIMPLE_DISPLAY_TYPE, 0, NULL, name, ARRAY_SIZE(name));
        ok(!rows[i].got || !wcscmp(name, rows[i].got), "%ls got %ls\n", rows[i].asked, name);
        CertFreeCertificateContext(leaf);
        sspi->DeleteSecurityContext(&server->context);
        free(server);
        side_end(client);
    }
    sspi->FreeCredentialsHandle(&credential);
    CertFreeCertificateContext(certificates[1]);
}

/* --- what SetCredentialsAttributes sets ----------------------------------------------------------------- */

static void test_credentials_attributes_that_can_be_set(void)
{
    struct session_ticket_key key = { .material_size = 32 };
    struct session_ticket_keys keys = { 1, &key };
    SecPkgCred_ClientCertPolicy policy = { .guidPolicyId = { 1, 2, 3, { 4 } } };
    SecPkgContext_ClientCertPolicyResult result = { 0 };
    PCCERT_CONTEXT certificates[2] = { pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE),
                                       pfx_certificate("member", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE) };
    static const HRESULT reasons[] = {
        S_OK, CERT_E_UNTRUSTEDROOT
    }; /* the prefix trusts the first one's authority */
    SET_CREDENTIALS_ATTRIBUTES_FN_W set = sspi->SetCredentialsAttributesW;
    struct side *client, *server;
    unsigned i;

    if (!sspi_is_direct()) SKIP_TEST("secur32 of Wine does not hand it on");
    for (i = 0; i < ARRAY_SIZE(certificates); i++)
    {
        client = side_client(TLS13, &certificates[i], 1);
        server = side_server(TLS13, 0);
        ok_status(set(&client->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, &keys, sizeof(keys)),
                  SEC_E_INVALID_HANDLE);
        ok_status(set(&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, &keys, sizeof(keys)), SEC_E_OK);
        ok_status(set(&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, &keys, 3),
                  SEC_E_INVALID_PARAMETER);
        ok_status(set(&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, NULL, sizeof(keys)),
                  SEC_E_INVALID_PARAMETER);
        key.material_size = 31;
        ok_status(set(&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, &keys, sizeof(keys)),
                  SEC_E_INVALID_PARAMETER);
        key.material_size = 64;
        keys.count = 17;
        ok_status(set(&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS, &keys, sizeof(keys)),
                  SEC_E_INVALID_PARAMETER);
        keys.count = 1;
        ok_status(set(&server->credential, SECPKG_ATTR_APP_DATA, &keys, sizeof(keys)),
                  SEC_E_UNSUPPORTED_FUNCTION);

        server->requirements |= ASC_REQ_MUTUAL_AUTH;
        policy.pwszSslCtlStoreName = (WCHAR *)L"there is no such store";
        ok_status(set(&server->credential, SECPKG_ATTR_CLIENT_CERT_POLICY, &policy, sizeof(policy)),
                  SEC_E_INVALID_PARAMETER);
        policy.pwszSslCtlStoreName = NULL;
        ok_status(set(&server->credential, SECPKG_ATTR_CLIENT_CERT_POLICY, &policy, sizeof(policy)),
                  SEC_E_OK);
        side_shake(client, server);
        ok_status(sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_CC_POLICY_RESULT, &result),
                  SEC_E_OK);
        ok(result.dwPolicyResult == reasons[i], "row %u: %#lx\n", i, result.dwPolicyResult);
        ok(!memcmp(&result.guidPolicyId, &policy.guidPolicyId, sizeof(GUID)), "another policy\n");
        ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_CC_POLICY_RESULT, &result),
                  SEC_E_UNSUPPORTED_FUNCTION);
        /* Who has begun to serve names no other authorities. */
        policy.pwszSslCtlStoreName = (WCHAR *)L"ROOT";
        ok_status(set(&server->credential, SECPKG_ATTR_CLIENT_CERT_POLICY, &policy, sizeof(policy)),
                  SEC_E_UNSUPPORTED_FUNCTION);
        side_end(client);
        side_end(server);
        CertFreeCertificateContext(certificates[i]);
    }
}

/* --- stapling ------------------------------------------------------------------------------------------- */

/* A client that checks revocation, of a server whose responder nobody reaches: only a stapled answer helps.
 */
static void test_an_answer_in_the_certificates_property_is_stapled(void)
{
    static const struct
    {
        const char *certificate, *answer;
        SECURITY_STATUS status;
    } rows[] = {
        { "stapled-good", "stapled-good.ocsp", SEC_E_OK },
        { "stapled-revoked", "stapled-revoked.ocsp",
          CRYPT_E_REVOCATION_OFFLINE }, /* no server says that of itself */
        { "stapled-good", NULL, CRYPT_E_REVOCATION_OFFLINE },
        { "stapled-good", "stapled-revoked.ocsp",
          CRYPT_E_REVOCATION_OFFLINE }, /* another certificate's: left out */
    };
    PCCERT_CONTEXT usual = server_certificate;
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (j = 0; j < ARRAY_SIZE(versions); j++)
        {
            struct side *client = side_client(versions[j], NULL, 0), *server;
            CRYPT_DATA_BLOB answer = { 0, NULL };

            server_certificate =
                pfx_certificate(rows[i].certificate, PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
            if (rows[i].answer)
            {
                answer.pbData = pki_file(rows[i].answer, &answer.cbData);
                ok(CertSetCertificateContextProperty(server_certificate, CERT_OCSP_RESPONSE_PROP_ID, 0,
                                                     &answer),
                   "%#lx\n", GetLastError());
            }
            server = side_server(versions[j], 0);
            sspi->FreeCredentialsHandle(&client->credential);
            ok_status(client_credential(versions[j], TRUE,
                                        SCH_CRED_AUTO_CRED_VALIDATION | SCH_CRED_REVOCATION_CHECK_END_CERT |
                                            SCH_CRED_NO_DEFAULT_CREDS,
                                        NULL, 0, &client->credential),
                      SEC_E_OK);
            side_shake(client, server);
            ok(client->status == rows[i].status, "row %u: %#lx\n", i, client->status);
            side_end(client);
            side_end(server);
            CertFreeCertificateContext(server_certificate);
        }
    server_certificate = usual;
}

/* --- resumption ----------------------------------------------------------------------------------------- */

/* Our client and our server, twice with the same credentials; whether the second time was shorter, for both
 * sides. */
static void visit_twice(DWORD protocols, ULONG requirements, BOOL disable, BOOL resumed)
{
    struct side *client = side_client(protocols, NULL, 0), *server = side_server(protocols, 0);
    SCHANNEL_SESSION_TOKEN order = { SCHANNEL_SESSION, SSL_SESSION_DISABLE_RECONNECTS };
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    SecPkgContext_SessionInfo info[2];
    unsigned visit, i;

    server->requirements |= requirements;
    for (visit = 0; visit < 2; visit++)
    {
        side_shake(client, server);
        ok(!client->status && !server->status, "visit %u: %#lx, %#lx\n", visit, client->status,
           server->status);
        ok_status(side_seal(server, "hello", client), SEC_E_OK);
        ok(side_reads(client, "hello"), "visit %u: tickets are in the way\n", visit);
        memset(info, 0, sizeof(info));
        sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_SESSION_INFO, &info[0]);
        sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_SESSION_INFO, &info[1]);
        for (i = 0; i < 2; i++)
            ok((info[i].dwFlags == SSL_SESSION_RECONNECT) == (visit && resumed),
               "visit %u, side %u: flags %#lx\n", visit, i, info[i].dwFlags);
        if (disable) ok_status(sspi->ApplyControlToken(&server->context, &desc), SEC_E_OK);
        sspi->DeleteSecurityContext(&client->context);
        sspi->DeleteSecurityContext(&server->context);
        client->has_context = server->has_context = FALSE;
        client->size = server->size = 0;
    }
    side_end(client);
    side_end(server);
}

static void test_a_second_visit(void)
{
    visit_twice(TLS12, 0, FALSE, TRUE);
    visit_twice(TLS12, ASC_REQ_SESSION_TICKET, FALSE, TRUE);
    visit_twice(TLS13, ASC_REQ_SESSION_TICKET, FALSE, TRUE);
    visit_twice(TLS13, 0, FALSE, FALSE); /* who gives no tickets in TLS 1.3 has nothing to know a client by */
    visit_twice(TLS12, 0, TRUE, FALSE);  /* ApplyControlToken: nobody resumes this one */
}

/* --- data of the program's with a session --------------------------------------------------------------- */

static SECURITY_STATUS set_data(struct side *side, const char *text)
{
    SecPkgContext_SessionAppData data = { 0, (DWORD)strlen(text), (BYTE *)text };

    return sspi->SetContextAttributesW(&side->context, SECPKG_ATTR_APP_DATA, &data, sizeof(data));
}

static BOOL has_data(struct side *side, const char *text)
{
    SecPkgContext_SessionAppData data = { 1, 1, NULL };
    BOOL has;

    ok_status(sspi->QueryContextAttributesW(&side->context, SECPKG_ATTR_APP_DATA, &data), SEC_E_OK);
    has = data.cbAppData == strlen(text) && !data.dwFlags &&
          (*text ? !memcmp(data.pbAppData, text, data.cbAppData) : !data.pbAppData);
    if (data.pbAppData) sspi->FreeContextBuffer(data.pbAppData);
    return has;
}

/* One more connection of the two, the old ones are deleted. */
static BOOL visit_again(struct side *client, struct side *server)
{
    SecPkgContext_SessionInfo info = { 0 };

    if (client->has_context) sspi->DeleteSecurityContext(&client->context);
    if (server->has_context) sspi->DeleteSecurityContext(&server->context);
    client->has_context = server->has_context = FALSE;
    client->size = server->size = 0;
    side_shake(client, server);
    ok(!client->status && !server->status, "%#lx, %#lx\n", client->status, server->status);
    ok_status(side_seal(server, "hello", client), SEC_E_OK);
    ok(side_reads(client, "hello"), "tickets are in the way\n");
    sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_SESSION_INFO, &info);
    return info.dwFlags == SSL_SESSION_RECONNECT;
}

static void test_data_that_comes_back_with_its_session(void)
{
    static const struct
    {
        DWORD protocols;
        ULONG requirements;
    } rows[] = { { TLS12, 0 }, { TLS12, ASC_REQ_SESSION_TICKET }, { TLS13, ASC_REQ_SESSION_TICKET } };
    unsigned i, visit;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct side *client = side_client(rows[i].protocols, NULL, 0),
                    *stranger = side_client(rows[i].protocols, NULL, 0),
                    *server = side_server(rows[i].protocols, 0);

        server->requirements |= rows[i].requirements;
        ok(!visit_again(client, server), "row %u: resumed\n", i);
        ok(has_data(client, "") && has_data(server, ""), "row %u: data of nobody's\n", i);
        ok_status(set_data(client, "the client's"), SEC_E_OK);
        ok_status(set_data(server, "first"), SEC_E_OK);
        ok_status(set_data(server, "the server's"), SEC_E_OK);
        ok(has_data(client, "the client's") && has_data(server, "the server's"), "row %u: not set\n", i);
        for (visit = 0; visit < 3; visit++)
        {
            ok(visit_again(client, server), "row %u, %u: not resumed\n", i, visit);
            ok(has_data(client, "the client's"), "row %u, %u: the client's is lost\n", i, visit);
            ok(has_data(server, "the server's"), "row %u, %u: the server's is lost\n", i, visit);
        }
        /* Nobody else's. */
        ok(!visit_again(stranger, server), "row %u: a stranger resumes\n", i);
        ok(has_data(stranger, "") && has_data(server, ""), "row %u: a stranger has it\n", i);
        /* Another, and none. */
        ok(visit_again(client, server), "row %u: not resumed\n", i);
        ok_status(set_data(server, "another"), SEC_E_OK);
        ok_status(set_data(client, ""), SEC_E_OK);
        ok(visit_again(client, server), "row %u: not resumed\n", i);
        ok(has_data(server, "another") && has_data(client, ""), "row %u: the old ones are back\n", i);
        side_end(client);
        side_end(stranger);
        side_end(server);
    }
}

static void test_data_that_is_forgotten(void)
{
    SCHANNEL_SESSION_TOKEN disable = { SCHANNEL_SESSION, SSL_SESSION_DISABLE_RECONNECTS };
    SecBuffer buffer = { sizeof(disable), SECBUFFER_TOKEN, &disable };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    struct side *client = side_client(TLS13, NULL, 0), *server = side_server(TLS13, 0);

    /* A ticket outlives the order, the data does not. */
    server->requirements |= ASC_REQ_SESSION_TICKET;
    visit_again(client, server);
    ok_status(set_data(server, "the server's"), SEC_E_OK);
    ok_status(sspi->ApplyControlToken(&server->context, &desc), SEC_E_OK);
    ok(has_data(server, "the server's"), "its own context has it no more\n");
    visit_again(client, server);
    ok(has_data(server, ""), "it is back\n");
    side_end(client);
    side_end(server);
}

/* A client and a server of one credential are not each other's. */
static void test_data_of_one_side_only(void)
{
    struct side *client = calloc(1, sizeof(*client)), *server = side_server(TLS12, 0);
    SCH_CREDENTIALS both = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .cCreds = 1,
                             .paCred = &server_certificate,
                             .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~(DWORD)TLS12 };

    both.cTlsParameters = 1;
    both.pTlsParameters = &parameters;
    client->requirements = CLIENT_FLAGS;
    sspi->FreeCredentialsHandle(&server->credential);
    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_BOTH, NULL, &both,
                                              NULL, NULL, &server->credential, NULL),
              SEC_E_OK);
    client->credential = server->credential;
    visit_again(client, server);
    ok_status(set_data(server, "the server's"), SEC_E_OK);
    ok(visit_again(client, server), "not resumed\n");
    ok(has_data(server, "the server's") && has_data(client, ""), "the other side has it\n");
    sspi->DeleteSecurityContext(&client->context);
    free(client);
    side_end(server);
}

static void test_data_that_is_too_much(void)
{
    struct side *client = side_client(TLS13, NULL, 0), *server = side_server(TLS13, 0);
    BYTE *memory = malloc(65537);
    SecPkgContext_SessionAppData data = { 0, 65536, memory };

    memset(memory, 'x', 65537);
    visit_again(client, server);
    ok_status(sspi->SetContextAttributesW(&server->context, SECPKG_ATTR_APP_DATA, &data, sizeof(data)),
              SEC_E_OK);
    data.cbAppData++;
    ok_status(sspi->SetContextAttributesW(&server->context, SECPKG_ATTR_APP_DATA, &data, sizeof(data)),
              PARAM);
    data.cbAppData = 0xffffffff;
    ok_status(sspi->SetContextAttributesW(&server->context, SECPKG_ATTR_APP_DATA, &data, sizeof(data)),
              PARAM);
    data.cbAppData = 1;
    data.pbAppData = NULL;
    ok_status(sspi->SetContextAttributesW(&server->context, SECPKG_ATTR_APP_DATA, &data, sizeof(data)),
              PARAM);
    ok_status(sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_APP_DATA, &data), SEC_E_OK);
    ok(data.cbAppData == 65536 && !memcmp(data.pbAppData, memory, 65536), "%lu bytes\n", data.cbAppData);
    sspi->FreeContextBuffer(data.pbAppData);
    free(memory);
    side_end(client);
    side_end(server);
}

/* --- floods --------------------------------------------------------------------------------------------- */

/* Records of one kind without end; the server has to have enough of them before a megabyte. */
static void flood(const BYTE *record, size_t size, SECURITY_STATUS expected)
{
    struct side *server = side_server(0, 0), *client = calloc(1, sizeof(*client));
    size_t sent = 0;

    do
    {
        size_t at;

        for (at = 0; server->size + size <= 32768; at += size, sent += size)
        {
            memcpy(server->in + server->size, record, size);
            server->size += size;
        }
        side_step(server, client);
    } while (side_wants_more(server) && sent < 1 << 20);
    ok(server->status == expected, "record type %u: %#lx after %u bytes\n", record[0], server->status,
       (unsigned)sent);
    side_end(server);
    free(client);
}

static void test_floods(void)
{
    static BYTE endless[5 + 1024] = {
        22, 3, 1, 4, 0, 1, 0xff, 0xff, 0xff
    };                                                        /* a hello of 16 MiB, and it never ends */
    static const BYTE warning[] = { 21, 3, 1, 0, 2, 1, 112 }; /* unrecognized_name */

    flood(endless, sizeof(endless), SEC_E_ILLEGAL_MESSAGE);
    flood(warning, sizeof(warning), SEC_E_ILLEGAL_MESSAGE);
}

/* --- connections that end ------------------------------------------------------------------------------- */

/* A client that stops after so many bytes of what it would say. */
static void stop_after(CredHandle *credential, CredHandle *client_credential_, size_t bytes)
{
    struct side *client = calloc(1, sizeof(*client)), *server = calloc(1, sizeof(*server));
    size_t sent = 0;

    client->credential = *client_credential_;
    client->requirements = CLIENT_FLAGS;
    server->server = TRUE;
    server->requirements = SERVER_FLAGS;
    server->credential = *credential;
    server->status = SEC_I_CONTINUE_NEEDED;
    side_step(client, server);
    while (side_wants_more(server) && sent < bytes)
    {
        size_t size = min(server->size, bytes - sent);

        sent += server->size;
        server->size = size;
        side_run(server, client);
        side_run(client, server);
        if (!server->size) break;
    }
    if (server->has_context) sspi->DeleteSecurityContext(&server->context);
    if (client->has_context) sspi->DeleteSecurityContext(&client->context);
    free(client);
    free(server);
}

static void test_a_thousand_connections_that_stop_anywhere(void)
{
    unsigned i, version;

    for (version = 0; version < ARRAY_SIZE(versions); version++)
    {
        struct side *client = side_client(versions[version], NULL, 0),
                    *server = side_server(versions[version], 0);
        SIZE_T before, after;

        for (i = 0; i < 50; i++) stop_after(&server->credential, &client->credential, i * 20);
        before = heap_in_use(NULL);
        for (i = 0; i < 500; i++) stop_after(&server->credential, &client->credential, i);
        after = heap_in_use(NULL);
        ok(after <= before + 16384, "%u bytes became %u\n", (unsigned)before, (unsigned)after);
        side_end(client);
        side_end(server);
    }
}

/* --- sets of parameters --------------------------------------------------------------------------------- */

#define SSL3 (SP_PROT_SSL3_CLIENT | SP_PROT_SSL3_SERVER)

/* "h2" by TLS 1.3 alone, "http/1.1" by TLS 1.2 with AES-128. */
static SECURITY_STATUS acquire_with_sets(CredHandle *credential, DWORD flags)
{
    static WCHAR h2[] = L"h2", http[] = L"http/1.1", aes[] = L"AES";
    UNICODE_STRING names[2] = { { 4, 4, h2 }, { 18, 18, http } }; /* the second with its end */
    CRYPTO_SETTINGS no_aes256 = { .eAlgorithmUsage = TlsParametersCngAlgUsageCipher,
                                  .strCngAlgId = { 6, 6, aes },
                                  .dwMaxBitLength = 128 };
    TLS_PARAMETERS parameters[2] = {
        { .cAlpnIds = 1,
          .rgstrAlpnIds = &names[0],
          .grbitDisabledProtocols = ~SP_PROT_TLS1_3_SERVER,
          .dwFlags = flags },
        { .cAlpnIds = 1,
          .rgstrAlpnIds = &names[1],
          .grbitDisabledProtocols = ~SP_PROT_TLS1_2_SERVER,
          .cDisabledCrypto = 1,
          .pDisabledCrypto = &no_aes256,
          .dwFlags = flags },
    };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .cCreds = 1,
                             .paCred = &server_certificate,
                             .cTlsParameters = 2,
                             .pTlsParameters = parameters };

    return sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_INBOUND, NULL, &cred,
                                           NULL, NULL, credential, NULL);
}

static void test_the_application_protocol_chooses_the_parameters(void)
{
    static const struct
    {
        const char *client;
        DWORD flags;
        size_t feed;
        DWORD suite; /* 0: refused */
    } rows[] = {
        { "\x02h2\x08http/1.1", 0, 0, 0x1302 },
        { "\x08http/1.1", 0, 0, 0xc02f },
        { "\x08http/1.1", 0, 40, 0xc02f },
        { "\x03"
          "ftp",
          0, 0, 0 },
        { "", 0, 0, 0 },
        { "", TLS_PARAMS_OPTIONAL, 0, 0x1302 },
        { "\x08http/1.1", TLS_PARAMS_OPTIONAL, 0, 0xc02f },
    };
    BYTE lists[2][100];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
        struct side *client = side_client(0, NULL, 0), *server = calloc(1, sizeof(*server));

        server->server = TRUE;
        server->requirements = SERVER_FLAGS;
        ok_status(acquire_with_sets(&server->credential, rows[i].flags), SEC_E_OK);
        if (rows[i].client[0])
            side_give(client, SECBUFFER_APPLICATION_PROTOCOLS, lists[0], alpn_list(lists[0], rows[i].client));
        side_give(server, SECBUFFER_APPLICATION_PROTOCOLS, lists[1],
                  alpn_list(lists[1], "\x02h2\x08http/1.1"));
        server->feed = rows[i].feed;
        side_shake(client, server);
        if (rows[i].suite)
        {
            ok(!client->status && !server->status, "row %u: %#lx, %#lx\n", i, client->status, server->status);
            sspi->QueryContextAttributesW(&server->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
            ok(cipher.dwCipherSuite == rows[i].suite, "row %u: suite %#lx\n", i, cipher.dwCipherSuite);
        }
        else
            ok(server->status == SEC_E_APPLICATION_PROTOCOL_MISMATCH, "row %u: %#lx, %#lx\n", i,
               client->status, server->status);
        side_end(client);
        side_end(server);
    }
}

static void test_sets_that_cannot_be(void)
{
    TLS_PARAMETERS parameters[2] = { { 0 } };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .cCreds = 1,
                             .paCred = &server_certificate,
                             .cTlsParameters = 2,
                             .pTlsParameters = parameters };
    UNICODE_STRING nameless = { 0, 0, NULL };
    CredHandle credential;
    unsigned i;

    for (i = 0; i < 4; i++)
    {
        parameters[0].cAlpnIds = parameters[1].cAlpnIds = i == 3 ? 17 : i;
        parameters[0].rgstrAlpnIds = parameters[1].rgstrAlpnIds = i > 1 ? &nameless : NULL;
        if (i == 2) parameters[0].cAlpnIds = parameters[1].cAlpnIds = 1;
        ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_INBOUND, NULL,
                                                  &cred, NULL, NULL, &credential, NULL),
                  SEC_E_UNKNOWN_CREDENTIALS);
    }
}

/* --- what is off ---------------------------------------------------------------------------------------- */

static void test_ssl3_is_off_until_the_registry_turns_it_on(void)
{
    SecPkgContext_ConnectionInfo info = { 0 };
    struct side *client, *server;
    CredHandle credential;

    ok_status(acquire_server(&credential, SSL3, 0, &server_certificate, 1), SEC_E_ALGORITHM_MISMATCH);
    ok_status(client_credential(SSL3, FALSE, 0, NULL, 0, &credential), SEC_E_ALGORITHM_MISMATCH);
    schannel_set(L"Protocols\\SSL 3.0\\Client", L"Enabled", 1);
    schannel_set(L"Protocols\\SSL 3.0\\Server", L"Enabled", 1);
    client = side_client(SSL3, NULL, 0);
    server = side_server(SSL3, 0);
    schannel_clear(NULL);
    side_shake(client, server);
    ok(!client->status && !server->status, "%#lx, %#lx\n", client->status, server->status);
    ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_CONNECTION_INFO, &info), SEC_E_OK);
    ok(info.dwProtocol == SP_PROT_SSL3_CLIENT, "protocol %#lx\n", info.dwProtocol);
    ok_status(side_seal(client, "to the server", server), SEC_E_OK);
    ok_status(side_seal(server, "to the client", client), SEC_E_OK);
    ok(side_reads(server, "to the server") && side_reads(client, "to the client"), "not read\n");
    side_end(client);
    side_end(server);
}

/* Both sides by a key they share, and neither with a certificate. */
static void test_pre_shared_keys(void)
{
    static const BYTE key[] = { 4, 0, 1, 2, 3, 4 }, other_key[] = { 4, 0, 1, 2, 3, 5 };
    static const BYTE name[] = { 2, 0, 'm', 'e' }, other_name[] = { 3, 0, 'y', 'o', 'u' };
    static const struct
    {
        const BYTE *key, *name;
        ULONG key_size, name_size;
        BOOL good;
    } rows[] = {
        { key, name, sizeof(key), sizeof(name), TRUE },
        { other_key, name, sizeof(other_key), sizeof(name), FALSE },
        { key, other_name, sizeof(key), sizeof(other_name), FALSE },
    };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = SCH_USE_PRESHAREDKEY_ONLY };
    unsigned i, side;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct side *sides[2] = { calloc(1, sizeof(struct side)), calloc(1, sizeof(struct side)) };

        for (side = 0; side < 2; side++)
        {
            sides[side]->server = side == 1;
            sides[side]->requirements = side ? SERVER_FLAGS : CLIENT_FLAGS;
            ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                                      side ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND, NULL,
                                                      &cred, NULL, NULL, &sides[side]->credential, NULL),
                      SEC_E_OK);
            side_give(sides[side], SECBUFFER_PRESHARED_KEY, side ? key : rows[i].key,
                      side ? sizeof(key) : rows[i].key_size);
            side_give(sides[side], SECBUFFER_PRESHARED_KEY_IDENTITY, side ? name : rows[i].name,
                      side ? sizeof(name) : rows[i].name_size);
        }
        side_shake(sides[0], sides[1]);
        if (rows[i].good)
        {
            ok(!sides[0]->status && !sides[1]->status, "%#lx, %#lx\n", sides[0]->status, sides[1]->status);
            ok_status(side_seal(sides[0], "between us", sides[1]), SEC_E_OK);
            ok(side_reads(sides[1], "between us"), "not read\n");
        }
        else
            ok(FAILED(sides[1]->status), "row %u: %#lx\n", i, sides[1]->status);
        side_end(sides[0]);
        side_end(sides[1]);
    }
}

START_TEST(sspi_server)
{
    if (!sspi_open()) return;
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    RUN(test_a_handshake_in_every_version);
    RUN(test_the_first_call_waits_for_a_record);
    RUN(test_no_certificate_no_server);
    RUN(test_what_is_no_hello);
    RUN(test_a_hello_of_ssl2_format);
    RUN(test_a_token_that_does_not_fit);
    RUN(test_alpn);
    RUN(test_alpn_without_an_empty_buffer);
    RUN(test_a_client_that_is_asked_who_it_is);
    RUN(test_a_certificate_after_the_handshake);
    RUN(test_the_answer_comes_through_decryptmessage);
    RUN(test_a_renegotiation_the_server_asks_for);
    RUN(test_issuers_are_named_if_the_registry_says_so);
    RUN(test_both_sides_see_the_same_bindings);
    RUN(test_both_sides_have_the_same_eap_keys);
    RUN(test_every_attribute_at_every_time);
    RUN(test_every_attribute_that_can_be_set);
    RUN(test_both_sides_see_the_same_extensions);
    RUN(test_both_sides_export_the_same_keys);
    RUN(test_the_servers_own_certificate);
    RUN(test_a_context_keeps_its_side);
    RUN(test_the_name_chooses_the_certificate);
    RUN(test_credentials_attributes_that_can_be_set);
    RUN(test_an_answer_in_the_certificates_property_is_stapled);
    RUN(test_a_second_visit);
    RUN(test_data_that_comes_back_with_its_session);
    RUN(test_data_that_is_forgotten);
    RUN(test_data_of_one_side_only);
    RUN(test_data_that_is_too_much);
    RUN(test_the_application_protocol_chooses_the_parameters);
    RUN(test_sets_that_cannot_be);
    RUN(test_ssl3_is_off_until_the_registry_turns_it_on);
    RUN(test_pre_shared_keys);
    RUN(test_floods);
    RUN(test_a_thousand_connections_that_stop_anywhere);
}
