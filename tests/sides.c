/*
 * Two sides in one process, whose wire is memory.
 */
#include "sides.h"

PCCERT_CONTEXT server_certificate;

SECURITY_STATUS acquire_server(CredHandle *credential, DWORD protocols, DWORD flags,
                               PCCERT_CONTEXT *certificates, DWORD count)
{
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~protocols };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .cCreds = count,
                             .paCred = certificates,
                             .dwFlags = flags,
                             .cTlsParameters = protocols ? 1 : 0,
                             .pTlsParameters = &parameters };

    return sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_INBOUND, NULL, &cred,
                                           NULL, NULL, credential, NULL);
}

struct side *side_server(DWORD protocols, DWORD flags)
{
    struct side *side = calloc(1, sizeof(*side));

    side->server = TRUE;
    side->requirements = SERVER_FLAGS;
    acquire_server(&side->credential, protocols, flags, &server_certificate, 1);
    return side;
}

struct side *side_client(DWORD protocols, PCCERT_CONTEXT *certificates, DWORD count)
{
    struct side *side = calloc(1, sizeof(*side));

    side->requirements = CLIENT_FLAGS;
    client_credential(protocols, TRUE, SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS,
                      certificates, count, &side->credential);
    return side;
}

void side_end(struct side *side)
{
    if (side->has_context) sspi->DeleteSecurityContext(&side->context);
    sspi->FreeCredentialsHandle(&side->credential);
    free(side);
}

SECURITY_STATUS side_step(struct side *side, struct side *other)
{
    size_t given = side->feed && side->feed < side->size ? side->feed : side->size;
    SecBuffer in[2 + SIDE_GIVEN_MAX] = { { (ULONG)given, SECBUFFER_TOKEN, side->in },
                                         { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2 + side->given_count, in },
                  out_desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle *context = side->has_context ? &side->context : NULL;
    size_t left;

    memcpy(in + 2, side->given, side->given_count * sizeof(*in));
    if (side->server)
        side->status = sspi->AcceptSecurityContext(&side->credential, context, &in_desc, side->requirements,
                                                   0, &side->context, &out_desc, &side->attributes, NULL);
    else
    {
        SecBufferDesc first = { SECBUFFER_VERSION, side->given_count, &in[2] };

        side->status = sspi->InitializeSecurityContextW(
            &side->credential, context, (WCHAR *)L"localhost", side->requirements, 0, 0,
            context ? &in_desc : &first, 0, &side->context, &out_desc, &side->attributes, NULL);
    }
    if (side->status != SEC_E_INCOMPLETE_MESSAGE && out.pvBuffer)
    {
        side->said += out.cbBuffer;
        memcpy(side->last, out.pvBuffer, min(out.cbBuffer, sizeof(side->last)));
        if (other && other->size + out.cbBuffer <= sizeof(other->in))
        {
            memcpy(other->in + other->size, out.pvBuffer, out.cbBuffer);
            other->size += out.cbBuffer;
        }
        sspi->FreeContextBuffer(out.pvBuffer);
    }
    if (side->status == SEC_E_OK || side->status == SEC_I_CONTINUE_NEEDED ||
        side->status == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        left = in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0;
        if (side->has_context || side->server)
        {
            memmove(side->in, side->in + given - left, side->size - given + left);
            side->size -= given - left;
        }
        side->has_context = TRUE;
    }
    return side->status;
}

BOOL side_wants_more(const struct side *side)
{
    return side->status == SEC_I_CONTINUE_NEEDED || side->status == SEC_E_INCOMPLETE_MESSAGE ||
           side->status == SEC_I_INCOMPLETE_CREDENTIALS;
}

void side_run(struct side *side, struct side *other)
{
    size_t feed = side->feed;

    while (side_wants_more(side) && side->size)
    {
        side_step(side, other);
        if (side->status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (!feed || side->feed >= side->size) break;
            side->feed += feed;
        }
        else
            side->feed = feed;
        /* Asked for a certificate that it has not: it goes on without, with no input. */
        if (side->status == SEC_I_INCOMPLETE_CREDENTIALS) side_step(side, other);
    }
    side->feed = feed;
}

void side_shake(struct side *client, struct side *server)
{
    unsigned turns;

    side_step(client, server);
    server->status = SEC_I_CONTINUE_NEEDED;
    for (turns = 0; turns < 6 && (side_wants_more(client) || side_wants_more(server)); turns++)
    {
        side_run(server, client);
        side_run(client, server);
    }
}

SECURITY_STATUS side_seal(struct side *side, const char *text, struct side *other)
{
    SecPkgContext_StreamSizes sizes;
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    BYTE memory[1024];
    SECURITY_STATUS status = sspi->QueryContextAttributesW(&side->context, SECPKG_ATTR_STREAM_SIZES, &sizes);
    ULONG size = (ULONG)strlen(text);

    if (status) return status;
    memcpy(memory + sizes.cbHeader, text, size);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, memory + sizes.cbHeader };
    buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    if ((status = sspi->EncryptMessage(&side->context, 0, &desc, 0))) return status;
    size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    memcpy(other->in + other->size, memory, size);
    other->size += size;
    return SEC_E_OK;
}

BOOL side_reads(struct side *side, const char *text)
{
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    BOOL good = FALSE;
    unsigned i;

    do
    {
        size_t left = 0;

        memset(buffers, 0, sizeof(buffers));
        buffers[0] = (SecBuffer){ (ULONG)side->size, SECBUFFER_DATA, side->in };
        status = sspi->DecryptMessage(&side->context, &desc, 0, NULL);
        if (FAILED(status)) return FALSE;
        for (i = 0; i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
            if (buffers[i].BufferType == SECBUFFER_DATA)
                good =
                    buffers[i].cbBuffer == strlen(text) && !memcmp(buffers[i].pvBuffer, text, strlen(text));
        }
        memmove(side->in, side->in + side->size - left, left);
        side->size = left;
        if (status == SEC_I_RENEGOTIATE) side_step(side, NULL); /* tickets */
    } while (status == SEC_I_RENEGOTIATE && side->size);
    return good;
}

ULONG alpn_list(BYTE *memory, const char *names)
{
    ULONG size = (ULONG)strlen(names), all = size + 6, extension = SecApplicationProtocolNegotiationExt_ALPN;
    USHORT list = (USHORT)size;

    memcpy(memory, &all, 4);
    memcpy(memory + 4, &extension, 4);
    memcpy(memory + 8, &list, 2);
    memcpy(memory + 10, names, size);
    return 10 + size;
}

void side_give(struct side *side, ULONG type, const void *data, ULONG size)
{
    side->given[side->given_count++] = (SecBuffer){ size, type, (void *)data };
}
