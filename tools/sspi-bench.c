/*
 * sspi-bench: how many handshakes a second this prefix's Schannel makes, client and server in one process.
 *
 * Both sides count: a full handshake has the server's signature and all of the key exchange twice, a resumed
 * one of TLS 1.2 none of it, one of TLS 1.3 the exchange alone.
 */
#include "sample.h"

#define CLIENT_FLAGS                                                                                         \
    (ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY | ISC_REQ_STREAM |            \
     ISC_REQ_ALLOCATE_MEMORY)
#define SERVER_FLAGS                                                                                         \
    (ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY | ASC_REQ_STREAM |            \
     ASC_REQ_ALLOCATE_MEMORY | ASC_REQ_SESSION_TICKET)

static const SecurityFunctionTableW *sspi;

struct side
{
    BOOL server, has_context;
    CredHandle *credential;
    CtxtHandle context;
    SecBuffer token; /* what it has to say */
    SECURITY_STATUS status;
};

/* One call with the other side's token, which is freed but for what is left over. */
static void step(struct side *side, SecBuffer *received)
{
    SecBuffer in[2] = { { received->cbBuffer, SECBUFFER_TOKEN, received->pvBuffer },
                        { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &side->token };
    CtxtHandle *context = side->has_context ? &side->context : NULL;
    ULONG attributes;

    side->token = (SecBuffer){ 0, SECBUFFER_TOKEN, NULL };
    if (side->server)
        side->status = sspi->AcceptSecurityContext(side->credential, context, &in_desc, SERVER_FLAGS, 0,
                                                   &side->context, &out_desc, &attributes, NULL);
    else
        side->status = sspi->InitializeSecurityContextW(side->credential, context, (WCHAR *)L"localhost",
                                                        CLIENT_FLAGS, 0, 0, context ? &in_desc : NULL, 0,
                                                        &side->context, &out_desc, &attributes, NULL);
    if (!FAILED(side->status)) side->has_context = TRUE;
    if (in[1].BufferType == SECBUFFER_EXTRA)
    {
        memmove(received->pvBuffer, (BYTE *)received->pvBuffer + received->cbBuffer - in[1].cbBuffer,
                in[1].cbBuffer);
        received->cbBuffer = in[1].cbBuffer;
        return;
    }
    if (received->pvBuffer) sspi->FreeContextBuffer(received->pvBuffer);
    received->pvBuffer = NULL;
    received->cbBuffer = 0;
}

/* The client reads what came behind its handshake: tickets, which it keeps. */
static void read_tickets(struct side *client, SecBuffer *received)
{
    while (received->cbBuffer)
    {
        SecBuffer buffers[4] = { { received->cbBuffer, SECBUFFER_DATA, received->pvBuffer } },
                  nothing = { 0, 0, NULL };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        DWORD left = 0;
        unsigned i;

        if (sspi->DecryptMessage(&client->context, &desc, 0, NULL) != SEC_I_RENEGOTIATE) break;
        for (i = 0; i < 4; i++)
            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
        memmove(received->pvBuffer, (BYTE *)received->pvBuffer + received->cbBuffer - left, left);
        received->cbBuffer = left;
        step(client, &nothing);
    }
}

/* One handshake; FALSE when it failed. `resumed`: whether it was. */
static BOOL shake(CredHandle *client_credential, CredHandle *server_credential, BOOL *resumed)
{
    struct side client = { .credential = client_credential },
                server = { .server = TRUE, .credential = server_credential };
    SecBuffer tickets = { 0, 0, NULL };
    SecPkgContext_SessionInfo info = { 0 };
    SecBuffer nothing = { 0, 0, NULL };
    unsigned turns;

    step(&client, &nothing);
    for (turns = 0; turns < 4 && !FAILED(client.status) && !FAILED(server.status); turns++)
    {
        if (!client.status && server.token.cbBuffer)
        {
            tickets = server.token; /* the server speaks again before they are read */
            server.token = nothing;
        }
        if (client.token.cbBuffer) step(&server, &client.token);
        if (server.token.cbBuffer && client.status == SEC_I_CONTINUE_NEEDED) step(&client, &server.token);
        if (!client.status && !server.status && !client.token.cbBuffer) break;
    }
    if (!client.status && !server.status)
    {
        read_tickets(&client, &tickets);
        read_tickets(&client, &server.token);
        sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_SESSION_INFO, &info);
    }
    *resumed = (info.dwFlags & SSL_SESSION_RECONNECT) != 0;
    if (tickets.pvBuffer) sspi->FreeContextBuffer(tickets.pvBuffer);
    if (client.token.pvBuffer) sspi->FreeContextBuffer(client.token.pvBuffer);
    if (server.token.pvBuffer) sspi->FreeContextBuffer(server.token.pvBuffer);
    if (client.has_context) sspi->DeleteSecurityContext(&client.context);
    if (server.has_context) sspi->DeleteSecurityContext(&server.context);
    return !client.status && !server.status;
}

static SECURITY_STATUS acquire(ULONG use, DWORD protocols, DWORD flags, PCCERT_CONTEXT *certificate,
                               CredHandle *credential)
{
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~protocols };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .cCreds = certificate ? 1 : 0,
                             .paCred = certificate,
                             .dwFlags = flags,
                             .cTlsParameters = 1,
                             .pTlsParameters = &parameters };
    WCHAR package[] = UNISP_NAME_W;

    return sspi->AcquireCredentialsHandleW(NULL, package, use, NULL, &cred, NULL, NULL, credential, NULL);
}

static int measure(const WCHAR *name, DWORD protocols, BOOL resume, PCCERT_CONTEXT certificate,
                   double seconds)
{
    DWORD flags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS |
                  (resume ? 0 : SCH_CRED_DISABLE_RECONNECTS);
    LARGE_INTEGER frequency, start, now;
    unsigned count = 0, resumptions = 0;
    CredHandle client, server;
    SECURITY_STATUS status;
    double elapsed;
    BOOL resumed;

    if ((status = acquire(SECPKG_CRED_OUTBOUND, protocols, flags, NULL, &client)) ||
        (status = acquire(SECPKG_CRED_INBOUND, protocols, 0, &certificate, &server)))
        return sample_fail("AcquireCredentialsHandle", status);
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&start);
    do
    {
        if (!shake(&client, &server, &resumed))
        {
            fputs("a handshake failed\n", stderr);
            return 1;
        }
        count++;
        resumptions += resumed;
        QueryPerformanceCounter(&now);
        elapsed = (double)(now.QuadPart - start.QuadPart) / (double)frequency.QuadPart;
    } while (elapsed < seconds);
    printf("%ls  %-8s %8.0f handshakes/s  (%u of %u resumed)\n", name, resume ? "resumed" : "full",
           count / elapsed, resumptions, count);
    sspi->FreeCredentialsHandle(&client);
    sspi->FreeCredentialsHandle(&server);
    return resume == (resumptions > count / 2) ? 0 : 1;
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    PCCERT_CONTEXT certificate;
    unsigned resume;
    int result = 0;

    if (argc < 3 || argc > 4)
    {
        fputs("usage: sspi-bench CERTIFICATE.pfx PASSWORD [SECONDS]\n", stderr);
        return 2;
    }
    if (!(sspi = sample_open(FALSE))) return 1;
    if (!(certificate = sample_certificate(argv[1], argv[2])))
    {
        fprintf(stderr, "%ls cannot be read\n", argv[1]);
        return 1;
    }
    for (resume = 0; resume < 2; resume++)
    {
        result |=
            measure(L"TLS 1.2", SP_PROT_TLS1_2, resume, certificate, argc == 4 ? wcstod(argv[3], NULL) : 2);
        result |=
            measure(L"TLS 1.3", SP_PROT_TLS1_3, resume, certificate, argc == 4 ? wcstod(argv[3], NULL) : 2);
    }
    CertFreeCertificateContext(certificate);
    return result;
}
