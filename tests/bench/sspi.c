/*
 * The engine that is Schannel: whichever secur32 finds in this prefix.
 */
#include "sides.h"
#include "bench.h"
#include <stdio.h>

struct credential
{
    CredHandle handle;
    PCCERT_CONTEXT certificate;
    bool server;
    ULONG flags;
};

struct end
{
    const struct credential *credential;
    CtxtHandle context;
    bool has_context;
    SecPkgContext_StreamSizes sizes;
};

static SECURITY_STATUS last;

const char *engine_init(void)
{
    if (!sspi_load()) return NULL;
    return sspi_is_ours() ? "Schannel ours" : "Schannel built-in";
}

long engine_status(void)
{
    return last;
}

/* --- credentials ---------------------------------------------------------------------------------------- */

/* The older structure for TLS 1.2, as all Schannels know it; TLS 1.3 is asked for with the newer one. A
 * server's key is exportable, for TLS 1.3, and persisted, because Wine's own Schannel looks for it in the
 * registry. */
struct credential *engine_credential(const struct suite *suite, unsigned use, char why[128])
{
    static const DWORD protocols[][2] = { { SP_PROT_TLS1_2_CLIENT, SP_PROT_TLS1_2_SERVER },
                                          { SP_PROT_TLS1_3_CLIENT, SP_PROT_TLS1_3_SERVER },
                                          { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER } };
    struct credential *credential = calloc(1, sizeof(*credential));
    DWORD flags = use & USE_VALIDATE ? SCH_CRED_AUTO_CRED_VALIDATION : SCH_CRED_MANUAL_CRED_VALIDATION;

    credential->server = use & USE_SERVER;
    credential->flags = credential->server ? SERVER_FLAGS : CLIENT_FLAGS;
    if (suite->protocol == PROTOCOL_DTLS12)
        credential->flags |= ISC_REQ_DATAGRAM; /* a server's is the same bit */
    if (!credential->server)
        last = client_credential(protocols[suite->protocol][0], suite->protocol == PROTOCOL_TLS13,
                                 flags | SCH_CRED_NO_DEFAULT_CREDS, NULL, 0, &credential->handle);
    else
    {
        if (use & USE_RESUME) credential->flags |= ASC_REQ_SESSION_TICKET;
        credential->certificate = pfx_certificate(suite->certificate, CRYPT_EXPORTABLE);
        last = credential->certificate ? acquire_server(&credential->handle, protocols[suite->protocol][1], 0,
                                                        &credential->certificate, 1)
                                       : SEC_E_NO_CREDENTIALS;
    }
    if (!last) return credential;
    snprintf(why, 128,
             credential->server && !credential->certificate ? "Wine imports no such key"
                                                            : "AcquireCredentialsHandle %#lx",
             (unsigned long)last);
    CertFreeCertificateContext(credential->certificate);
    free(credential);
    return NULL;
}

void engine_forget(struct credential *credential)
{
    sspi->FreeCredentialsHandle(&credential->handle);
    CertFreeCertificateContext(credential->certificate);
    free(credential);
}

void engine_empty(void)
{
    BOOL(WINAPI * empty)
    (const WCHAR *, DWORD) = (void *)GetProcAddress(GetModuleHandleA("schannel.dll"), "SslEmptyCacheW");

    if (empty) empty(NULL, 0);
}

/* --- connections ---------------------------------------------------------------------------------------- */

/* With SSPI the first step makes the context. */
struct end *engine_open(struct credential *credential)
{
    struct end *end = calloc(1, sizeof(*end));

    end->credential = credential;
    return end;
}

void engine_close(struct end *end)
{
    if (end->has_context) CLOCKED(sspi->DeleteSecurityContext(&end->context));
    free(end);
}

enum step engine_handshake(struct end *end, struct bytes *in, struct bytes *out)
{
    SecBuffer given[2] = { { (ULONG)in->size, SECBUFFER_TOKEN, in->data }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc given_desc = { SECBUFFER_VERSION, 2, given }, token_desc = { SECBUFFER_VERSION, 1, &token };
    CtxtHandle *context = end->has_context ? &end->context : NULL;
    CredHandle *handle = (CredHandle *)&end->credential->handle;
    ULONG attributes;
    size_t left;

    if (end->credential->server)
        CLOCKED(last = sspi->AcceptSecurityContext(handle, context, &given_desc, end->credential->flags, 0,
                                                   &end->context, &token_desc, &attributes, NULL));
    else
        CLOCKED(last = sspi->InitializeSecurityContextW(
                    handle, context, (WCHAR *)L"localhost", end->credential->flags, 0, 0,
                    context ? &given_desc : NULL, 0, &end->context, &token_desc, &attributes, NULL));
    if (last == SEC_E_INCOMPLETE_MESSAGE) return STEP_MORE;
    if (token.pvBuffer)
    {
        memcpy(out->data + out->size, token.pvBuffer, token.cbBuffer);
        out->size += token.cbBuffer;
        CLOCKED(sspi->FreeContextBuffer(token.pvBuffer));
    }
    if (FAILED(last)) return STEP_FAILED;
    end->has_context = true;
    left = given[1].BufferType == SECBUFFER_EXTRA ? given[1].cbBuffer : 0;
    in->data += in->size - left;
    in->size = left;
    if (last == SEC_I_CONTINUE_NEEDED || last == SEC_I_MESSAGE_FRAGMENT) return STEP_MORE;
    if (last) return STEP_FAILED;
    last = sspi->QueryContextAttributesW(&end->context, SECPKG_ATTR_STREAM_SIZES, &end->sizes);
    return last ? STEP_FAILED : STEP_DONE;
}

bool engine_resumed(struct end *end)
{
    SecPkgContext_SessionInfo info = { 0 };

    if (sspi->QueryContextAttributesW(&end->context, SECPKG_ATTR_SESSION_INFO, &info)) return false;
    return info.dwFlags & SSL_SESSION_RECONNECT;
}

/* --- records -------------------------------------------------------------------------------------------- */

bool engine_encrypt(struct end *end, uint8_t *room, size_t size, struct bytes *sealed)
{
    uint8_t *begin = room + HEADER_MAX - end->sizes.cbHeader;
    SecBuffer buffers[4] = { { end->sizes.cbHeader, SECBUFFER_STREAM_HEADER, begin },
                             { (ULONG)size, SECBUFFER_DATA, room + HEADER_MAX },
                             { end->sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, room + HEADER_MAX + size },
                             { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    last = sspi->EncryptMessage(&end->context, 0, &desc, 0);
    sealed->data = begin;
    sealed->size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    return !last;
}

bool engine_decrypt(struct end *end, struct bytes record, struct bytes *plain)
{
    SecBuffer buffers[4] = { { (ULONG)record.size, SECBUFFER_DATA, record.data },
                             { 0, SECBUFFER_EMPTY, NULL },
                             { 0, SECBUFFER_EMPTY, NULL },
                             { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    last = sspi->DecryptMessage(&end->context, &desc, 0, NULL);
    plain->data = buffers[1].pvBuffer;
    plain->size = buffers[1].cbBuffer;
    return !last && buffers[1].BufferType == SECBUFFER_DATA;
}

bool engine_settle(struct end *end, struct bytes *in)
{
    struct bytes out = { malloc(OUTPUT_MAX), 0 }, nothing;
    bool good = true;

    while (good && in->size)
    {
        SecBuffer buffers[4] = { { (ULONG)in->size, SECBUFFER_DATA, in->data },
                                 { 0, SECBUFFER_EMPTY, NULL },
                                 { 0, SECBUFFER_EMPTY, NULL },
                                 { 0, SECBUFFER_EMPTY, NULL } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        size_t left = 0;
        unsigned i;

        last = sspi->DecryptMessage(&end->context, &desc, 0, NULL);
        for (i = 0; i < 4; i++)
            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
        in->data += in->size - left;
        in->size = left;
        good = last == SEC_I_RENEGOTIATE || !last;
        nothing = (struct bytes){ NULL, 0 };
        if (last == SEC_I_RENEGOTIATE) good = engine_handshake(end, &nothing, &out) == STEP_DONE;
    }
    free(out.data);
    return good;
}
