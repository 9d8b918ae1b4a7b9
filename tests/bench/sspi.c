/*
 * The engine that is Schannel: whichever secur32 finds in this prefix.
 */
#include "windows_sspi.h"
#include "bench.h"
#include <stdio.h>

#define CLIENT_FLAGS                                                                                         \
    (ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY | ISC_REQ_ALLOCATE_MEMORY)
#define SERVER_FLAGS                                                                                         \
    (ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY | ASC_REQ_ALLOCATE_MEMORY)

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

static const SecurityFunctionTableW *sspi;
static SECURITY_STATUS last;

/* Wine's own Schannel is in secur32; ours is the schannel.dll that secur32 loads when it is first asked for
 * it. */
const char *engine_init(void)
{
    PSecurityFunctionTableW(WINAPI * init)(void) =
        (void *)GetProcAddress(LoadLibraryA("secur32.dll"), "InitSecurityInterfaceW");
    SecPkgInfoW *info = NULL;

    if (!init || !(sspi = init()) || sspi->QuerySecurityPackageInfoW((WCHAR *)UNISP_NAME_W, &info))
    {
        puts("secur32 has no Schannel");
        return NULL;
    }
    sspi->FreeContextBuffer(info);
    return GetModuleHandleA("schannel.dll") ? "schannel.dll" : "secur32.dll";
}

long engine_status(void)
{
    return last;
}

/* --- credentials ---------------------------------------------------------------------------------------- */

/* The leaf of a PFX file. Exportable, for TLS 1.3; persisted, because Wine's own Schannel looks for the key
 * in the registry. */
static PCCERT_CONTEXT certificate_of(const char *name)
{
    char path[512];
    CRYPT_DATA_BLOB blob = { 0, NULL };
    PCCERT_CONTEXT certificate = NULL;
    HCERTSTORE store = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.pfx", pki_folder, name);
    if (!(file = fopen(path, "rb"))) return NULL;
    blob.pbData = malloc(65536);
    blob.cbData = (DWORD)fread(blob.pbData, 1, 65536, file);
    fclose(file);
    if ((store = PFXImportCertStore(&blob, L"secret", CRYPT_EXPORTABLE)))
        certificate = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_SUBJECT_STR_W,
                                                 L"localhost", NULL);
    free(blob.pbData);
    return certificate;
}

static SECURITY_STATUS acquire_with(struct credential *credential, void *structure)
{
    return sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                           credential->server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND,
                                           NULL, structure, NULL, NULL, &credential->handle, NULL);
}

/* The older structure for TLS 1.2, as all Schannels know it; TLS 1.3 is asked for with the newer one. Wine's
 * own has no TLS 1.3 for servers that ask for it, but has it, if at all, for those that ask for nothing. */
static SECURITY_STATUS acquire(struct credential *credential, DWORD protocols, DWORD flags)
{
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION,
                          .grbitEnabledProtocols = protocols,
                          .cCreds = credential->certificate ? 1 : 0,
                          .paCred = &credential->certificate,
                          .dwFlags = flags };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~protocols };
    SCH_CREDENTIALS new = { .dwVersion = SCH_CREDENTIALS_VERSION,
                            .cCreds = credential->certificate ? 1 : 0,
                            .paCred = &credential->certificate,
                            .dwFlags = flags,
                            .cTlsParameters = 1,
                            .pTlsParameters = &parameters };

    if (!(protocols & (SP_PROT_TLS1_3_CLIENT | SP_PROT_TLS1_3_SERVER))) return acquire_with(credential, &old);
    if (!acquire_with(credential, &new)) return SEC_E_OK;
    old.grbitEnabledProtocols = 0;
    return acquire_with(credential, &old);
}

struct credential *engine_credential(const struct suite *suite, unsigned use, char why[128])
{
    static const DWORD protocols[][2] = { { SP_PROT_TLS1_2_CLIENT, SP_PROT_TLS1_2_SERVER },
                                          { SP_PROT_TLS1_3_CLIENT, SP_PROT_TLS1_3_SERVER },
                                          { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER } };
    struct credential *credential = calloc(1, sizeof(*credential));
    DWORD flags = use & USE_VALIDATE ? SCH_CRED_AUTO_CRED_VALIDATION : SCH_CRED_MANUAL_CRED_VALIDATION;

    credential->server = use & USE_SERVER;
    credential->flags = credential->server ? SERVER_FLAGS : CLIENT_FLAGS;
    if (credential->server && use & USE_RESUME) credential->flags |= ASC_REQ_SESSION_TICKET;
    if (suite->protocol == DTLS12)
        credential->flags |= credential->server ? ASC_REQ_DATAGRAM : ISC_REQ_DATAGRAM;
    else
        credential->flags |= credential->server ? ASC_REQ_STREAM : ISC_REQ_STREAM;
    if (credential->server && !(credential->certificate = certificate_of(suite->certificate)))
    {
        snprintf(why, 128, "%s.pfx cannot be imported: %#lx", suite->certificate, GetLastError());
        free(credential);
        return NULL;
    }
    last = acquire(credential, protocols[suite->protocol][credential->server],
                   credential->server ? 0 : flags | SCH_CRED_NO_DEFAULT_CREDS);
    if (!last) return credential;
    snprintf(why, 128, "AcquireCredentialsHandle %#lx", (unsigned long)last);
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
