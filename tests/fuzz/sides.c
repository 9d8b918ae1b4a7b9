/*
 * One side of a connection, through the door.
 */
#include "sides.h"

BOOL side_open(struct side *side, BOOL server, const struct manner *manner)
{
    PCCERT_CONTEXT certificates[MATERIALS];
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~manner->protocols };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .dwFlags = manner->flags,
                             .cTlsParameters = 1,
                             .pTlsParameters = &parameters };
    unsigned i;

    memset(side, 0, offsetof(struct side, in));
    side->in_size = side->out_size = side->datagram_count = 0;
    side->read = 0;
    for (i = 0; i < MATERIALS; i++)
        if (manner->materials >> i & 1) certificates[cred.cCreds++] = materials[i].certificate;
    cred.paCred = certificates;
    side->server = server;
    side->requirements = manner->requirements | ISC_REQ_ALLOCATE_MEMORY;
    side->datagram = (manner->requirements & ISC_REQ_DATAGRAM) != 0;
    side->status = SEC_I_CONTINUE_NEEDED;
    return !sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                            server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND, NULL, &cred,
                                            NULL, NULL, &side->credential, NULL);
}

void side_close(struct side *side)
{
    if (side->has_context) MUST(!sspi->DeleteSecurityContext(&side->context));
    MUST(!sspi->FreeCredentialsHandle(&side->credential));
}

/* The front of what came: all of it, or a datagram. */
static size_t front(const struct side *side)
{
    return side->datagram ? side->datagram_count ? side->datagrams[0] : 0 : side->in_size;
}

static void used(struct side *side, size_t size)
{
    MUST(size <= side->in_size);
    memmove(side->in, side->in + size, side->in_size - size);
    side->in_size -= size;
    if (!side->datagram || !side->datagram_count) return;
    memmove(side->datagrams, side->datagrams + 1, --side->datagram_count * sizeof(*side->datagrams));
}

static void say(struct side *side, const SecBuffer *token)
{
    if (!token->pvBuffer) return;
    if (side->out_size + token->cbBuffer <= sizeof(side->out))
    {
        memcpy(side->out + side->out_size, token->pvBuffer, token->cbBuffer);
        side->out_size += token->cbBuffer;
    }
    sspi->FreeContextBuffer(token->pvBuffer);
}

SECURITY_STATUS side_step(struct side *side, const SecBuffer *more)
{
    static uint8_t address[] = "somewhere";
    size_t size = front(side), left;
    uint8_t *copy = malloc(size ? size : 1);
    SecBuffer in[4] = { { (ULONG)size, SECBUFFER_TOKEN, copy }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle *context = side->has_context ? &side->context : NULL;
    ULONG attributes;

    memcpy(copy, side->in, size);
    if (side->datagram && side->server)
        in[in_desc.cBuffers++] = (SecBuffer){ sizeof(address), SECBUFFER_EXTRA, address };
    if (more) in[in_desc.cBuffers++] = *more;
    if (side->server)
        side->status = sspi->AcceptSecurityContext(&side->credential, context, &in_desc, side->requirements,
                                                   0, &side->context, &out_desc, &attributes, NULL);
    else
        side->status = sspi->InitializeSecurityContextW(
            &side->credential, context, (WCHAR *)L"localhost", side->requirements, 0, 0,
            context || more ? &in_desc : NULL, 0, &side->context, &out_desc, &attributes, NULL);
    MUST(status_is_documented(side->status));
    if (side->status != SEC_E_INCOMPLETE_MESSAGE) say(side, &out);
    if (side->status == SEC_E_OK || side->status == SEC_I_CONTINUE_NEEDED ||
        side->status == SEC_I_MESSAGE_FRAGMENT)
        side->has_context = side->context.dwLower != 0;
    if (side->datagram && side->status != SEC_I_MESSAGE_FRAGMENT)
        used(side, size);
    else if (!side->datagram && !FAILED(side->status) && (context || side->server))
    {
        left = in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0;
        MUST(left <= size);
        used(side, size - left);
    }
    free(copy);
    return side->status;
}

/* One DecryptMessage; TRUE: there may be more. */
static BOOL read_once(struct side *side)
{
    size_t size = front(side), left = 0;
    uint8_t *copy = malloc(size ? size : 1);
    SecBuffer buffers[4] = { { (ULONG)size, SECBUFFER_DATA, copy } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    unsigned i;

    memcpy(copy, side->in, size);
    status = sspi->DecryptMessage(&side->context, &desc, 0, NULL);
    MUST(status_is_documented(status));
    if (!FAILED(status))
        for (i = 0; i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
            if (buffers[i].BufferType != SECBUFFER_DATA) continue;
            volatile uint8_t sum = 0;
            size_t at;

            for (at = 0; at < buffers[i].cbBuffer; at++) sum += ((uint8_t *)buffers[i].pvBuffer)[at];
            side->read += buffers[i].cbBuffer;
        }
    MUST(left <= size);
    if (!FAILED(status) || side->datagram) used(side, size - (side->datagram ? 0 : left));
    free(copy);
    if (status == SEC_I_RENEGOTIATE || status == SEC_E_UNFINISHED_CONTEXT_DELETED) side_step(side, NULL);
    return !FAILED(status) && status != SEC_I_CONTEXT_EXPIRED && front(side) &&
           side->status != SEC_E_INCOMPLETE_MESSAGE;
}

void side_read(struct side *side)
{
    unsigned turns;

    if (!side->has_context) return;
    for (turns = 0; turns < 64; turns++)
    {
        /* A new handshake takes what comes. */
        if (side->status == SEC_I_CONTINUE_NEEDED || side->status == SEC_I_INCOMPLETE_CREDENTIALS)
        {
            if (!front(side) || FAILED(side_step(side, NULL))) break;
        }
        else if (!read_once(side))
            break;
    }
}

SECURITY_STATUS side_write(struct side *side, size_t size)
{
    SecPkgContext_StreamSizes sizes;
    SecBuffer buffers[4] = { { 0 } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    uint8_t *header, *data, *trailer;
    SECURITY_STATUS status;

    if (!side->has_context || sspi->QueryContextAttributesW(&side->context, SECPKG_ATTR_STREAM_SIZES, &sizes))
        return SEC_E_INVALID_HANDLE;
    /* Each in memory of its own, so that its end is watched. */
    header = malloc(sizes.cbHeader);
    data = calloc(1, size ? size : 1);
    trailer = malloc(sizes.cbTrailer);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, header };
    buffers[1] = (SecBuffer){ (ULONG)size, SECBUFFER_DATA, data };
    buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, trailer };
    status = sspi->EncryptMessage(&side->context, 0, &desc, 0);
    MUST(status_is_documented(status));
    if (!status && side->out_size + sizes.cbHeader + size + sizes.cbTrailer <= sizeof(side->out))
    {
        uint8_t *at = side->out + side->out_size;

        memcpy(at, header, buffers[0].cbBuffer);
        memcpy(at + buffers[0].cbBuffer, data, buffers[1].cbBuffer);
        memcpy(at + buffers[0].cbBuffer + buffers[1].cbBuffer, trailer, buffers[2].cbBuffer);
        side->out_size += buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    }
    free(header);
    free(data);
    free(trailer);
    return status;
}

void side_carry(struct side *from, struct side *to)
{
    if (to->in_size + from->out_size <= sizeof(to->in) && to->datagram_count < ARRAY_SIZE(to->datagrams))
    {
        memcpy(to->in + to->in_size, from->out, from->out_size);
        to->in_size += from->out_size;
        if (from->out_size) to->datagrams[to->datagram_count++] = from->out_size;
    }
    from->out_size = 0;
}

static BOOL goes_on(const struct side *side)
{
    return side->status == SEC_I_CONTINUE_NEEDED || side->status == SEC_I_MESSAGE_FRAGMENT ||
           side->status == SEC_I_INCOMPLETE_CREDENTIALS || side->status == SEC_E_INCOMPLETE_MESSAGE;
}

/* It has something to read, or to say. */
static BOOL has_cause(const struct side *side)
{
    return goes_on(side) && (side->in_size || side->status == SEC_I_MESSAGE_FRAGMENT ||
                             side->status == SEC_I_INCOMPLETE_CREDENTIALS);
}

void side_shake(struct side *client, struct side *server)
{
    unsigned turns;

    if (!client->has_context) side_step(client, NULL);
    for (turns = 0; turns < 16 && (goes_on(client) || goes_on(server)); turns++)
    {
        side_carry(client, server);
        if (has_cause(server)) side_step(server, NULL);
        side_carry(server, client);
        if (has_cause(client)) side_step(client, NULL);
    }
    side_carry(client, server);
    side_carry(server, client);
}

/* Attributes whose answer is one block to be freed, and where its pointer stands. */
static const struct
{
    ULONG id;
    size_t size;        /* of the buffer */
    size_t pointers[2]; /* offsets + 1 of memory to be freed; 0: none */
    BOOL certificate;   /* it is a certificate's context instead */
} attributes[] = {
    /* clang-format off */
    { SECPKG_ATTR_LIFESPAN, sizeof(SecPkgContext_Lifespan), { 0 }, FALSE },
    { SECPKG_ATTR_STREAM_SIZES, sizeof(SecPkgContext_StreamSizes), { 0 }, FALSE },
    { SECPKG_ATTR_KEY_INFO, sizeof(SecPkgContext_KeyInfoW),
      { offsetof(SecPkgContext_KeyInfoW, sSignatureAlgorithmName) + 1, offsetof(SecPkgContext_KeyInfoW, sEncryptAlgorithmName) + 1 }, FALSE },
    { SECPKG_ATTR_PACKAGE_INFO, sizeof(SecPkgContext_PackageInfoW), { offsetof(SecPkgContext_PackageInfoW, PackageInfo) + 1 }, FALSE },
    { SECPKG_ATTR_FLAGS, sizeof(SecPkgContext_Flags), { 0 }, FALSE },
    { SECPKG_ATTR_UNIQUE_BINDINGS, sizeof(SecPkgContext_Bindings), { offsetof(SecPkgContext_Bindings, Bindings) + 1 }, FALSE },
    { SECPKG_ATTR_ENDPOINT_BINDINGS, sizeof(SecPkgContext_Bindings), { offsetof(SecPkgContext_Bindings, Bindings) + 1 }, FALSE },
    { SECPKG_ATTR_APPLICATION_PROTOCOL, sizeof(SecPkgContext_ApplicationProtocol), { 0 }, FALSE },
    { SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS, sizeof(SecPkgContext_NegotiatedTlsExtensions), { offsetof(SecPkgContext_NegotiatedTlsExtensions, Extensions) + 1 }, FALSE },
    { SECPKG_ATTR_REMOTE_CERT_CONTEXT, sizeof(PCCERT_CONTEXT), { 0 }, TRUE },
    { SECPKG_ATTR_REMOTE_CERT_CHAIN, sizeof(PCCERT_CONTEXT), { 0 }, TRUE },
    { SECPKG_ATTR_REMOTE_CERTIFICATES, sizeof(SecPkgContext_Certificates), { offsetof(SecPkgContext_Certificates, pbCertificateChain) + 1 }, FALSE },
    { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT, sizeof(CERT_BLOB), { offsetof(CERT_BLOB, pbData) + 1 }, FALSE },
    { SECPKG_ATTR_LOCAL_CERT_CONTEXT, sizeof(PCCERT_CONTEXT), { 0 }, TRUE },
    { SECPKG_ATTR_LOCAL_CERT_INFO, sizeof(SecPkgContext_CertInfo),
      { offsetof(SecPkgContext_CertInfo, pwszSubjectName) + 1, offsetof(SecPkgContext_CertInfo, pwszIssuerName) + 1 }, FALSE },
    { SECPKG_ATTR_ISSUER_LIST_EX, sizeof(SecPkgContext_IssuerListInfoEx), { offsetof(SecPkgContext_IssuerListInfoEx, aIssuers) + 1 }, FALSE },
    { SECPKG_ATTR_CONNECTION_INFO, sizeof(SecPkgContext_ConnectionInfo), { 0 }, FALSE },
    { SECPKG_ATTR_CONNECTION_INFO_EX, sizeof(SecPkgContext_ConnectionInfoEx), { 0 }, FALSE },
    { SECPKG_ATTR_CIPHER_INFO, sizeof(SecPkgContext_CipherInfo), { 0 }, FALSE },
    { SECPKG_ATTR_SESSION_INFO, sizeof(SecPkgContext_SessionInfo), { 0 }, FALSE },
    { SECPKG_ATTR_SUPPORTED_SIGNATURES, sizeof(SecPkgContext_SupportedSignatures), { offsetof(SecPkgContext_SupportedSignatures, pSignatureAndHashAlgorithms) + 1 }, FALSE },
    { SECPKG_ATTR_CERT_CHECK_RESULT, sizeof(struct certificate_validation_result), { 0 }, FALSE },
    { SECPKG_ATTR_CC_POLICY_RESULT, sizeof(SecPkgContext_ClientCertPolicyResult), { 0 }, FALSE },
    { SECPKG_ATTR_DTLS_MTU, sizeof(WORD), { 0 }, FALSE },
    { SECPKG_ATTR_SRTP_PARAMETERS, sizeof(SecPkgContext_SrtpParameters), { offsetof(SecPkgContext_SrtpParameters, MasterKeyIdentifier) + 1 }, FALSE },
    { SECPKG_ATTR_KEYING_MATERIAL, sizeof(SecPkgContext_KeyingMaterial), { offsetof(SecPkgContext_KeyingMaterial, pbKeyingMaterial) + 1 }, FALSE },
    { SECPKG_ATTR_EAP_KEY_BLOCK, sizeof(SecPkgContext_EapKeyBlock), { 0 }, FALSE },
    { SECPKG_ATTR_APP_DATA, sizeof(SecPkgContext_SessionAppData), { offsetof(SecPkgContext_SessionAppData, pbAppData) + 1 }, FALSE },
    { 0x77, 64, { 0 }, FALSE },
    /* clang-format on */
};

void side_query(struct side *side)
{
    unsigned i, j;

    if (!side->has_context) return;
    for (i = 0; i < ARRAY_SIZE(attributes); i++)
    {
        uint8_t *buffer = calloc(1, attributes[i].size);
        SECURITY_STATUS status = sspi->QueryContextAttributesW(&side->context, attributes[i].id, buffer);

        MUST(status_is_documented(status));
        for (j = 0; !status && j < 2; j++)
        {
            void *memory;

            if (!attributes[i].pointers[j]) continue;
            memcpy(&memory, buffer + attributes[i].pointers[j] - 1, sizeof(memory));
            sspi->FreeContextBuffer(memory);
        }
        if (!status && attributes[i].certificate) CertFreeCertificateContext(*(PCCERT_CONTEXT *)buffer);
        free(buffer);
    }
}
