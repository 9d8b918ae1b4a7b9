/*
 * What can be asked about a context: one row and one small function an attribute.
 */
#include "context.h"
#include "certificates.h"
#include "chain.h"
#include "log.h"
#include "package.h"

/* A name of a table, in memory the caller frees. */
static WCHAR *caller_wide(const WCHAR *text)
{
    size_t size = (wcslen(text) + 1) * sizeof(*text);
    WCHAR *copy = caller_alloc(size);

    if (copy) memcpy(copy, text, size);
    return copy;
}

static char *caller_narrow(const WCHAR *text)
{
    size_t i, size = wcslen(text) + 1;
    char *copy = caller_alloc(size);

    for (i = 0; copy && i < size; i++) copy[i] = (char)text[i]; /* the tables' names are ASCII */
    return copy;
}

static SECURITY_STATUS query_stream_sizes(struct context *context, void *buffer)
{
    struct record_sizes record = session_record_sizes(context->session);
    SecPkgContext_StreamSizes *sizes = buffer;

    sizes->cbHeader = record.header;
    sizes->cbTrailer = record.trailer;
    sizes->cbMaximumMessage = session_facts(context->session)->maximum_message;
    sizes->cBuffers = 4;
    sizes->cbBlockSize = session_facts(context->session)->suite->cipher->block;
    return SEC_E_OK;
}

static SECURITY_STATUS open_peer(struct context *context, PCCERT_CONTEXT *leaf)
{
    struct span chain[PEER_CHAIN_MAX];
    unsigned count = session_peer_chain(context->session, chain);

    return count ? certificates_open(chain, count, leaf) : SEC_E_NO_CREDENTIALS;
}

static SECURITY_STATUS query_remote_cert_context(struct context *context, void *buffer)
{
    return open_peer(context, buffer);
}

/* A blob of what the peer sent: the size of a certificate in the machine's order, its DER, and so on (msquic
 * reads it so). */
static SECURITY_STATUS query_remote_certificates(struct context *context, void *buffer)
{
    struct span chain[PEER_CHAIN_MAX];
    unsigned i, count = session_peer_chain(context->session, chain);
    SecPkgContext_Certificates *certificates = buffer;
    size_t size = count * sizeof(DWORD);
    BYTE *at;

    if (!count) return SEC_E_NO_CREDENTIALS;
    for (i = 0; i < count; i++) size += chain[i].size;
    if (!(at = caller_alloc(size))) return SEC_E_INSUFFICIENT_MEMORY;
    certificates->cCertificates = count;
    certificates->cbCertificateChain = (DWORD)size;
    certificates->pbCertificateChain = at;
    for (i = 0; i < count; i++)
    {
        DWORD length = (DWORD)chain[i].size;

        memcpy(at, &length, sizeof(length));
        memcpy(at + sizeof(length), chain[i].data, length);
        at += sizeof(length) + length;
    }
    return SEC_E_OK;
}

/* A store of what the peer sent, the leaf in front, serialized (schannel.h of the Windows 11 SDK:
 * SslDeserializeCertificateStore takes it). */
static SECURITY_STATUS query_serialized_store(struct context *context, void *buffer)
{
    SECURITY_STATUS status = SEC_E_INTERNAL_ERROR;
    CERT_BLOB *out = buffer, blob = { 0, NULL };
    PCCERT_CONTEXT leaf;

    if ((status = open_peer(context, &leaf))) return status;
    if (!CertSaveStore(leaf->hCertStore, X509_ASN_ENCODING, CERT_STORE_SAVE_AS_STORE,
                       CERT_STORE_SAVE_TO_MEMORY, &blob, 0))
        status = SEC_E_INTERNAL_ERROR;
    else if (!(blob.pbData = caller_alloc(blob.cbData)))
        status = SEC_E_INSUFFICIENT_MEMORY;
    else if (!CertSaveStore(leaf->hCertStore, X509_ASN_ENCODING, CERT_STORE_SAVE_AS_STORE,
                            CERT_STORE_SAVE_TO_MEMORY, &blob, 0))
    {
        caller_free(blob.pbData);
        status = SEC_E_INTERNAL_ERROR;
    }
    else
        *out = blob;
    CertFreeCertificateContext(leaf);
    return status;
}

static SECURITY_STATUS query_cert_check_result(struct context *context, void *buffer)
{
    struct certificate_validation_result *result = buffer;

    return context_check_peer(context, &result->chain_error_status, &result->verify_chain_status);
}

/* How a server's policy for clients judges this one. */
static SECURITY_STATUS query_policy_result(struct context *context, void *buffer)
{
    struct credentials *credentials = context->credentials;
    SecPkgContext_ClientCertPolicyResult *result = buffer;
    BOOL has_policy;
    DWORD trust;

    AcquireSRWLockShared(&credentials->lock);
    has_policy = credentials->has_policy;
    if (context->server && has_policy) result->guidPolicyId = credentials->policy;
    ReleaseSRWLockShared(&credentials->lock);
    if (!context->server || !has_policy) return SEC_E_UNSUPPORTED_FUNCTION;
    return context_check_peer(context, &trust, &result->dwPolicyResult);
}

/* --- our own certificate -------------------------------------------------------------------------------- */

static SECURITY_STATUS query_local_cert_context(struct context *context, void *buffer)
{
    const struct own_certificate *own = context_own_certificate(context);

    if (!own) return SEC_E_NO_CREDENTIALS;
    *(PCCERT_CONTEXT *)buffer = CertDuplicateCertificateContext(own->certificate);
    return SEC_E_OK;
}

/* A name as X.500 writes it, in memory the caller frees. `size`: in bytes, with its end. */
static WCHAR *caller_name(CERT_NAME_BLOB *name, DWORD *size)
{
    DWORD length = CertNameToStrW(X509_ASN_ENCODING, name, CERT_X500_NAME_STR, NULL, 0);
    WCHAR *text = caller_alloc(length * sizeof(*text));

    if (text) CertNameToStrW(X509_ASN_ENCODING, name, CERT_X500_NAME_STR, text, length);
    *size = length * sizeof(*text);
    return text;
}

static SECURITY_STATUS query_local_cert_info(struct context *context, void *buffer)
{
    const struct own_certificate *own = context_own_certificate(context);
    SecPkgContext_CertInfo *info = buffer;
    CERT_INFO *names;

    if (!own) return SEC_E_NO_CREDENTIALS;
    names = own->certificate->pCertInfo;
    info->dwVersion = KERN_CONTEXT_CERT_INFO_V1;
    info->pwszSubjectName = caller_name(&names->Subject, &info->cbSubjectName);
    info->pwszIssuerName = caller_name(&names->Issuer, &info->cbIssuerName);
    info->dwKeySize = CertGetPublicKeyLength(X509_ASN_ENCODING, &names->SubjectPublicKeyInfo);
    if (info->pwszSubjectName && info->pwszIssuerName) return SEC_E_OK;
    caller_free(info->pwszSubjectName);
    caller_free(info->pwszIssuerName);
    return SEC_E_INSUFFICIENT_MEMORY;
}

/* One block: the array, then the names. */
static SECURITY_STATUS query_issuer_list(struct context *context, void *buffer)
{
    SecPkgContext_IssuerListInfoEx *list = buffer;
    const struct span *issuers;
    unsigned i, count = session_issuers(context->session, &issuers);
    size_t size = count * sizeof(*list->aIssuers);
    BYTE *at;

    list->aIssuers = NULL;
    list->cIssuers = 0;
    if (!count) return SEC_E_OK;
    for (i = 0; i < count; i++) size += issuers[i].size;
    if (!(list->aIssuers = caller_alloc(size))) return SEC_E_INSUFFICIENT_MEMORY;
    list->cIssuers = count;
    at = (BYTE *)(list->aIssuers + count);
    for (i = 0; i < count; i++)
    {
        list->aIssuers[i].cbData = (DWORD)issuers[i].size;
        list->aIssuers[i].pbData = at;
        memcpy(at, issuers[i].data, issuers[i].size);
        at += issuers[i].size;
    }
    return SEC_E_OK;
}

/* --- what was negotiated -------------------------------------------------------------------------------- */

/* The certificate of whoever is the server; the caller frees it. */
static SECURITY_STATUS open_server(struct context *context, PCCERT_CONTEXT *leaf)
{
    return context->server ? query_local_cert_context(context, leaf) : open_peer(context, leaf);
}

/* Bits of the server's key. */
static DWORD server_key_bits(struct context *context)
{
    PCCERT_CONTEXT leaf;
    DWORD bits;

    if (open_server(context, &leaf)) return 0;
    bits = CertGetPublicKeyLength(X509_ASN_ENCODING, &leaf->pCertInfo->SubjectPublicKeyInfo);
    CertFreeCertificateContext(leaf);
    return bits;
}

static SECURITY_STATUS query_connection_info(struct context *context, void *buffer)
{
    const struct session_facts *facts = session_facts(context->session);
    const struct suite *suite = facts->suite;
    SecPkgContext_ConnectionInfo *info = buffer;

    info->dwProtocol = facts->protocol;
    info->aiCipher = suite->cipher->algorithm;
    info->dwCipherStrength = suite->cipher->bits;
    info->aiHash = suite->hash->algorithm;
    info->dwHashStrength = suite->cipher->mode == SUITE_AEAD ? 0 : suite->hash->bits;
    info->aiExch = suite->exchange->algorithm;
    info->dwExchStrength = info->aiExch == CALG_RSA_KEYX ? server_key_bits(context)
                           : info->aiExch                ? facts->exchange_bits
                                                         : 0;
    return SEC_E_OK;
}

/* A cipher with authentication has no hash of its own, and what Windows says of the exchange is the range a
 * curve can have (Wine's tests/schannel.c, test_communication). */
static SECURITY_STATUS query_cipher_info(struct context *context, void *buffer)
{
    const struct session_facts *facts = session_facts(context->session);
    const struct suite *suite = facts->suite;
    SecPkgContext_CipherInfo *info = buffer;
    BOOL aead = suite->cipher->mode == SUITE_AEAD;
    unsigned i;

    if (info->dwVersion > SECPKGCONTEXT_CIPHERINFO_V1) return SEC_E_UNSUPPORTED_FUNCTION;
    memset(info, 0, sizeof(*info));
    info->dwVersion = SECPKGCONTEXT_CIPHERINFO_V1;
    info->dwProtocol = facts->version;
    info->dwCipherSuite = info->dwBaseCipherSuite = suite->id;
    for (i = 0; suite->name[i]; i++) info->szCipherSuite[i] = (WCHAR)suite->name[i];
    wcscpy(info->szCipher, suite->cipher->name);
    info->dwCipherLen = suite->cipher->bits;
    info->dwCipherBlockLen = suite->cipher->block;
    if (!aead)
    {
        wcscpy(info->szHash, suite->hash->name);
        info->dwHashLen = suite->hash->bits;
    }
    wcscpy(info->szExchange, suite->exchange->name);
    info->dwMaxExchangeLen = 65536;
    wcscpy(info->szCertificate, suite->signature->name);
    info->dwKeyType = facts->group;
    return SEC_E_OK;
}

static SECURITY_STATUS query_application_protocol(struct context *context, void *buffer)
{
    struct span name = session_application_protocol(context->session);
    SecPkgContext_ApplicationProtocol *protocol = buffer;

    memset(protocol, 0, sizeof(*protocol));
    /* A server of DTLS is told nothing, although it is agreed on (svens/pal: its tests on Windows). */
    if (context->datagram && context->server) return SEC_E_OK;
    if (!name.size || name.size > sizeof(protocol->ProtocolId)) return SEC_E_OK;
    protocol->ProtoNegoStatus = SecApplicationProtocolNegotiationStatus_Success;
    protocol->ProtoNegoExt = SecApplicationProtocolNegotiationExt_ALPN;
    protocol->ProtocolIdSize = (BYTE)name.size;
    memcpy(protocol->ProtocolId, name.data, name.size);
    return SEC_E_OK;
}

static SECURITY_STATUS query_key_info(struct context *context, void *buffer)
{
    const struct suite *suite = session_facts(context->session)->suite;
    SecPkgContext_KeyInfoW *info = buffer;

    info->KeySize = suite->cipher->bits;
    info->SignatureAlgorithm = suite->signature->algorithm;
    info->EncryptAlgorithm = suite->cipher->algorithm;
    info->sSignatureAlgorithmName = caller_wide(suite->signature->name);
    info->sEncryptAlgorithmName = caller_wide(suite->cipher->name);
    if (info->sSignatureAlgorithmName && info->sEncryptAlgorithmName) return SEC_E_OK;
    caller_free(info->sSignatureAlgorithmName);
    caller_free(info->sEncryptAlgorithmName);
    return SEC_E_INSUFFICIENT_MEMORY;
}

static SECURITY_STATUS query_session_info(struct context *context, void *buffer)
{
    SecPkgContext_SessionInfo *info = buffer;

    memset(info, 0, sizeof(*info));
    info->dwFlags = session_facts(context->session)->resumed ? SSL_SESSION_RECONNECT : 0;
    info->cbSessionId = (DWORD)session_id(context->session, info->rgbSessionId);
    return SEC_E_OK;
}

/* Names where CONNECTION_INFO has numbers (schannel.h of the Windows SDK). */
static SECURITY_STATUS query_connection_info_ex(struct context *context, void *buffer)
{
    const struct session_facts *facts = session_facts(context->session);
    const struct suite *suite = facts->suite;
    SecPkgContext_ConnectionInfoEx *info = buffer;

    memset(info, 0, sizeof(*info));
    info->dwVersion = 1;
    info->dwProtocol = facts->protocol;
    wcscpy(info->szCipher, suite->cipher->name);
    info->dwCipherStrength = suite->cipher->bits;
    if (suite->cipher->mode != SUITE_AEAD)
    {
        wcscpy(info->szHash, suite->hash->name);
        info->dwHashStrength = suite->hash->bits;
    }
    wcscpy(info->szExchange, suite->exchange->name);
    info->dwExchStrength =
        suite->exchange->algorithm == CALG_RSA_KEYX ? server_key_bits(context) : facts->exchange_bits;
    return SEC_E_OK;
}

/* The hash in the low byte, the key's kind in the high one, as TLS 1.2 has them (RFC 5246, 7.4.1.4.1):
 * schemes of TLS 1.3 alone have no such form. */
static SECURITY_STATUS query_supported_signatures(struct context *context, void *buffer)
{
    SecPkgContext_SupportedSignatures *signatures = buffer;
    enum signature_scheme schemes[64];
    unsigned i, count = session_peer_schemes(context->session, schemes, ARRAY_SIZE(schemes)), used = 0;
    WORD *list;

    if (!(list = caller_alloc((count ? count : 1) * sizeof(*list)))) return SEC_E_INSUFFICIENT_MEMORY;
    for (i = 0; i < count; i++)
        if (schemes[i] >> 8 && schemes[i] >> 8 < 7)
            list[used++] = (WORD)((schemes[i] & 0xff) << 8 | (WORD)schemes[i] >> 8);
    signatures->cSignatureAndHashAlgorithms = (WORD)used;
    signatures->pSignatureAndHashAlgorithms = list;
    return SEC_E_OK;
}

/* What the server agreed to (sspi.h of the Windows SDK: "negotiated TLS extensions"); which messages count is
 * ours. */
static SECURITY_STATUS query_negotiated_extensions(struct context *context, void *buffer)
{
    SecPkgContext_NegotiatedTlsExtensions *extensions = buffer;
    const uint16_t *types;
    unsigned count = session_extensions(context->session, &types);

    extensions->ExtensionsCount = 0;
    extensions->Extensions = NULL;
    if (!count) return SEC_E_OK;
    if (!(extensions->Extensions = caller_alloc(count * sizeof(*types)))) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(extensions->Extensions, types, count * sizeof(*types));
    extensions->ExtensionsCount = count;
    return SEC_E_OK;
}

/* --- the program's own data ----------------------------------------------------------------------------- */

#define APPLICATION_DATA_MAX 65536 /* bytes; the limit is ours */

/* A session without data gives none and SEC_E_OK, which is ours. The flags are "reserved" (Microsoft:
 * SecPkgContext_SessionAppData). */
static SECURITY_STATUS query_application_data(struct context *context, void *buffer)
{
    struct span data = session_application_data(context->session);
    SecPkgContext_SessionAppData *application = buffer;

    memset(application, 0, sizeof(*application));
    if (!data.size) return SEC_E_OK;
    if (!(application->pbAppData = caller_alloc(data.size))) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(application->pbAppData, data.data, data.size);
    application->cbAppData = (DWORD)data.size;
    return SEC_E_OK;
}

static SECURITY_STATUS set_application_data(struct context *context, const void *buffer)
{
    const SecPkgContext_SessionAppData *application = buffer;
    struct span data = { application->pbAppData, application->cbAppData };

    if (data.size > APPLICATION_DATA_MAX || (data.size && !data.data)) return SEC_E_INVALID_PARAMETER;
    return session_set_application_data(context->session, data) ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

/* --- the context itself --------------------------------------------------------------------------------- */

static SECURITY_STATUS query_package_info(struct context *context, void *buffer)
{
    SecPkgContext_PackageInfoW *info = buffer;

    (void)context;
    return (info->PackageInfo = package_list(PACKAGE_UNIFIED, 1)) ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

static SECURITY_STATUS query_flags(struct context *context, void *buffer)
{
    SecPkgContext_Flags *flags = buffer;

    flags->Flags = context->attributes;
    return SEC_E_OK;
}

/* A context has no end of its own: its credential has. */
static SECURITY_STATUS query_lifespan(struct context *context, void *buffer)
{
    SecPkgContext_Lifespan *lifespan = buffer;

    lifespan->tsStart = context->created;
    lifespan->tsExpiry = context->credentials->expiry;
    return SEC_E_OK;
}

/* --- keying material ------------------------------------------------------------------------------------ */

#define KEYING_MATERIAL_MAX 65536 /* bytes of one export */

static SECURITY_STATUS export_material(struct context *context, struct span label, struct span value,
                                       DWORD size, BYTE **material)
{
    if (!label.data || !size || size > KEYING_MATERIAL_MAX) return SEC_E_INVALID_PARAMETER;
    if (!(*material = caller_alloc(size))) return SEC_E_INSUFFICIENT_MEMORY;
    if (session_export(context->session, label, value, *material, size)) return SEC_E_OK;
    caller_free(*material);
    *material = NULL;
    return SEC_E_INTERNAL_ERROR;
}

/* A label comes with its end, which is not part of it. */
static struct span label_of(const char *label, size_t size)
{
    struct span span = { size ? (const uint8_t *)label : NULL, label ? size : 0 };

    if (span.size && !span.data[span.size - 1]) span.size--;
    return span;
}

static SECURITY_STATUS query_keying_material(struct context *context, void *buffer)
{
    const struct keying_material *keying = &context->keying;
    SecPkgContext_KeyingMaterial *material = buffer;
    struct span label, rest = { keying->bytes, keying->label_size + keying->context_size };

    if (!keying->size || !span_take(&rest, keying->label_size, &label)) return SEC_E_INVALID_HANDLE;
    material->cbKeyingMaterial = keying->size;
    if (!keying->has_context) rest.data = NULL;
    return export_material(context, label, rest, keying->size, &material->pbKeyingMaterial);
}

static SECURITY_STATUS query_keying_material_inproc(struct context *context, void *buffer)
{
    SecPkgContext_KeyingMaterial_Inproc *material = buffer;
    struct span value = { material->pbContextValue, material->pbContextValue ? material->cbContextValue : 0 };

    return export_material(context, label_of(material->pszLabel, material->cbLabel), value,
                           material->cbKeyingMaterial, &material->pbKeyingMaterial);
}

static SECURITY_STATUS set_keying_material_info(struct context *context, const void *buffer)
{
    const SecPkgContext_KeyingMaterialInfo *info = buffer;
    struct span label = label_of(info->pszLabel, info->cbLabel);
    struct keying_material keying = { NULL, label.size, info->pbContextValue ? info->cbContextValue : 0,
                                      info->pbContextValue != NULL, info->cbKeyingMaterial };

    if (!label.data || !keying.size || keying.size > KEYING_MATERIAL_MAX) return SEC_E_INVALID_PARAMETER;
    if (!(keying.bytes = malloc(keying.label_size + keying.context_size + 1)))
        return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(keying.bytes, label.data, label.size);
    if (keying.context_size) memcpy(keying.bytes + label.size, info->pbContextValue, keying.context_size);
    free(context->keying.bytes);
    context->keying = keying;
    return SEC_E_OK;
}

/* --- keys for EAP --------------------------------------------------------------------------------------- */

/*
 * The labels and the order of the randoms are those of RFC 5216, RFC 5281 and RFC 4851. Microsoft's page
 * (SecPkgContext_EapPrfInfo) has the server's random first for EAP-TTLS, too. Not followed, which is ours: a
 * server that does as RFC 5281 says would not agree, and GEANTLink (lib/TTLS/src/Method.cpp), an EAP-TTLS for
 * Windows, takes numbers 1 and 2 of Schannel where it otherwise computes with the client's random first.
 *
 * TLS 1.3 has exporters in their place: RFC 9190 for EAP-TLS, RFC 9427 for EAP-TTLS, with the number of the
 * method as context. That Windows does the same is ours; EAP-FAST takes another length there and has none.
 */
static const struct
{
    const char *label;
    BOOL server_first;
    const char *exporter; /* label in TLS 1.3; NULL: none */
    BYTE method;          /* EAP's number of it, the exporter's context; 0: without one */
} eap_functions[EAP_FUNCTIONS] = {
    /* clang-format off */
    [EAP_TLS]            = { "client EAP encryption", FALSE, "EXPORTER_EAP_TLS_Key_Material", 13 },
    [EAP_TTLS_KEYS]      = { "ttls keying material",  FALSE, "EXPORTER_EAP_TLS_Key_Material", 21 },
    [EAP_TTLS_CHALLENGE] = { "ttls challenge",        FALSE, "ttls challenge",                0 },
    [EAP_FAST]           = { "key expansion",         TRUE,  NULL,                            0 },
    /* clang-format on */
};

/* The initialization vectors are public, and exist for EAP-TLS below TLS 1.3 only (RFC 5216, 2.3; RFC 9190,
 * 2.3); otherwise they are zero, which is ours. */
static SECURITY_STATUS query_eap_key_block(struct context *context, void *buffer)
{
    const char *exporter = eap_functions[context->eap].exporter, *name = eap_functions[context->eap].label;
    struct span label = { (const uint8_t *)name, strlen(name) },
                method = { &eap_functions[context->eap].method, eap_functions[context->eap].method != 0 };
    SecPkgContext_EapKeyBlock *block = buffer;
    BOOL good;

    memset(block, 0, sizeof(*block));
    if (session_facts(context->session)->tls13)
    {
        if (!exporter) return SEC_E_UNSUPPORTED_FUNCTION;
        label.data = (const uint8_t *)exporter;
        label.size = strlen(exporter);
        good = session_export(context->session, label, method, block->rgbKeys, sizeof(block->rgbKeys));
    }
    else
        good = session_prf(context->session, label, eap_functions[context->eap].server_first, block->rgbKeys,
                           sizeof(block->rgbKeys)) &&
               (context->eap != EAP_TLS ||
                session_prf_without_secret(context->session, label, block->rgbIVs, sizeof(block->rgbIVs)));
    return good ? SEC_E_OK : SEC_E_INTERNAL_ERROR;
}

/* The version "must be set to zero", the data is a DWORD (Microsoft: SecPkgContext_EapPrfInfo); the status
 * for anything else is ours. */
static SECURITY_STATUS set_eap_prf_info(struct context *context, const void *buffer)
{
    const SecPkgContext_EapPrfInfo *info = buffer;
    DWORD function;

    if (info->dwVersion || info->cbPrfData != sizeof(function) || !info->pbPrfData)
        return SEC_E_INVALID_PARAMETER;
    memcpy(&function, info->pbPrfData, sizeof(function));
    if (function >= EAP_FUNCTIONS) return SEC_E_INVALID_PARAMETER;
    context->eap = (enum eap_function)function;
    return SEC_E_OK;
}

/* --- what is taken and has no effect -------------------------------------------------------------------- */

/* False Start saves a round trip; the handshake is made in full, which every server takes. Statuses: ours. */
static SECURITY_STATUS set_early_start(struct context *context, const void *buffer)
{
    const SecPkgContext_EarlyStart *early = buffer;

    if (context->server) return SEC_E_UNSUPPORTED_FUNCTION;
    return early->dwEarlyStartFlags & ~(DWORD)ENABLE_TLS_CLIENT_EARLY_START ? SEC_E_INVALID_PARAMETER
                                                                            : SEC_E_OK;
}

/* The window a key's provider may ask in front of: we have none that asks. */
static SECURITY_STATUS set_ui_info(struct context *context, const void *buffer)
{
    (void)context;
    (void)buffer;
    return SEC_E_OK;
}

/* --- channel bindings ----------------------------------------------------------------------------------- */

/* SEC_CHANNEL_BINDINGS with nothing but application data: prefix and value. */
static SECURITY_STATUS make_bindings(const char *prefix, const BYTE *value, size_t size,
                                     SecPkgContext_Bindings *bindings)
{
    size_t prefix_size = strlen(prefix), all = sizeof(*bindings->Bindings) + prefix_size + size;
    BYTE *memory = caller_alloc(all);

    if (!memory) return SEC_E_INSUFFICIENT_MEMORY;
    memset(memory, 0, sizeof(*bindings->Bindings));
    memcpy(memory + sizeof(*bindings->Bindings), prefix, prefix_size);
    memcpy(memory + sizeof(*bindings->Bindings) + prefix_size, value, size);
    bindings->BindingsLength = (unsigned long)all;
    bindings->Bindings = (SEC_CHANNEL_BINDINGS *)memory;
    bindings->Bindings->cbApplicationDataLength = (unsigned long)(prefix_size + size);
    bindings->Bindings->dwApplicationDataOffset = sizeof(*bindings->Bindings);
    return SEC_E_OK;
}

static SECURITY_STATUS query_unique_bindings(struct context *context, void *buffer)
{
    BYTE value[64];
    size_t size = session_unique_binding(context->session, value, sizeof(value));

    /* RFC 9266 says that TLS 1.3 has tls-exporter where older versions have tls-unique; that Windows gives it
     * for this attribute is ours. */
    const char *prefix = session_facts(context->session)->tls13 ? "tls-exporter:" : "tls-unique:";

    return size ? make_bindings(prefix, value, size, buffer) : SEC_E_UNSUPPORTED_FUNCTION;
}

static SECURITY_STATUS query_endpoint_bindings(struct context *context, void *buffer)
{
    BYTE hash[CHAIN_HASH_MAX];
    PCCERT_CONTEXT leaf;
    struct span der;
    size_t size;

    if (open_server(context, &leaf)) return SEC_E_NO_CREDENTIALS;
    der.data = leaf->pbCertEncoded;
    der.size = leaf->cbCertEncoded;
    size = chain_endpoint_hash(der, hash);
    CertFreeCertificateContext(leaf);
    /* Where the binding is undefined there is nothing to give: the status is ours. */
    return size ? make_bindings("tls-server-end-point:", hash, size, buffer) : SEC_E_UNSUPPORTED_FUNCTION;
}

/* --- DTLS ----------------------------------------------------------------------------------------------- */

static SECURITY_STATUS query_dtls_mtu(struct context *context, void *buffer)
{
    if (!context->datagram) return SEC_E_UNSUPPORTED_FUNCTION;
    *(WORD *)buffer = (WORD)session_mtu(context->session);
    return SEC_E_OK;
}

static SECURITY_STATUS set_dtls_mtu(struct context *context, const void *buffer)
{
    WORD mtu;

    memcpy(&mtu, buffer, sizeof(mtu));
    if (!context->datagram) return SEC_E_UNSUPPORTED_FUNCTION;
    if (mtu < DATAGRAM_MTU_MIN) return SEC_E_INVALID_PARAMETER;
    session_set_mtu(context->session, mtu);
    return SEC_E_OK;
}

/* The profile stands in network order (schannel.h). Without one: ours. */
static SECURITY_STATUS query_srtp_parameters(struct context *context, void *buffer)
{
    SecPkgContext_SrtpParameters *parameters = buffer;
    struct span identifier = { NULL, 0 };
    USHORT profile = session_srtp_profile(context->session, &identifier);

    if (!profile) return SEC_E_UNSUPPORTED_FUNCTION;
    parameters->ProtectionProfile = (USHORT)(profile << 8 | profile >> 8);
    parameters->MasterKeyIdentifierSize = (UCHAR)identifier.size;
    parameters->MasterKeyIdentifier = NULL;
    if (!identifier.size) return SEC_E_OK;
    if (!(parameters->MasterKeyIdentifier = caller_alloc(identifier.size))) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(parameters->MasterKeyIdentifier, identifier.data, identifier.size);
    return SEC_E_OK;
}

/* --- the table ------------------------------------------------------------------------------------------ */

static const struct attribute
{
    ULONG id;
    const char *name;
    BOOL early; /* answered before the handshake is done, too */
    ULONG size; /* of what is written */
    SECURITY_STATUS (*query)(struct context *context, void *buffer);
} attributes[] = {
    /* clang-format off */
    { SECPKG_ATTR_STREAM_SIZES,                          "STREAM_SIZES",                          FALSE, sizeof(SecPkgContext_StreamSizes),             query_stream_sizes },
    { SECPKG_ATTR_KEY_INFO,                              "KEY_INFO",                              FALSE, sizeof(SecPkgContext_KeyInfoW),                query_key_info },
    { SECPKG_ATTR_UNIQUE_BINDINGS,                       "UNIQUE_BINDINGS",                       FALSE, sizeof(SecPkgContext_Bindings),                query_unique_bindings },
    { SECPKG_ATTR_ENDPOINT_BINDINGS,                     "ENDPOINT_BINDINGS",                     FALSE, sizeof(SecPkgContext_Bindings),                query_endpoint_bindings },
    { SECPKG_ATTR_APPLICATION_PROTOCOL,                  "APPLICATION_PROTOCOL",                  FALSE, sizeof(SecPkgContext_ApplicationProtocol),     query_application_protocol },
    { SECPKG_ATTR_REMOTE_CERT_CONTEXT,                   "REMOTE_CERT_CONTEXT",                   TRUE,  sizeof(PCCERT_CONTEXT),                        query_remote_cert_context },
    { SECPKG_ATTR_LOCAL_CERT_CONTEXT,                    "LOCAL_CERT_CONTEXT",                    FALSE, sizeof(PCCERT_CONTEXT),                        query_local_cert_context },
    { SECPKG_ATTR_ISSUER_LIST_EX,                        "ISSUER_LIST_EX",                        TRUE,  sizeof(SecPkgContext_IssuerListInfoEx),        query_issuer_list },
    { SECPKG_ATTR_REMOTE_CERTIFICATES,                   "REMOTE_CERTIFICATES",                   TRUE,  sizeof(SecPkgContext_Certificates),            query_remote_certificates },
    { SECPKG_ATTR_LOCAL_CERT_INFO,                       "LOCAL_CERT_INFO",                       FALSE, sizeof(SecPkgContext_CertInfo),                query_local_cert_info },
    { SECPKG_ATTR_REMOTE_CERT_CHAIN,                     "REMOTE_CERT_CHAIN",                     TRUE,  sizeof(PCCERT_CONTEXT),                        query_remote_cert_context },
    { SECPKG_ATTR_CC_POLICY_RESULT,                      "CC_POLICY_RESULT",                      FALSE, sizeof(SecPkgContext_ClientCertPolicyResult),  query_policy_result },
    { SECPKG_ATTR_CERT_CHECK_RESULT,                     "CERT_CHECK_RESULT",                     TRUE,  sizeof(struct certificate_validation_result),  query_cert_check_result },
    { SECPKG_ATTR_CERT_CHECK_RESULT_INPROC,              "CERT_CHECK_RESULT_INPROC",              TRUE,  sizeof(struct certificate_validation_result),  query_cert_check_result },
    { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT,        "SERIALIZED_REMOTE_CERT_CONTEXT",        TRUE,  sizeof(CERT_BLOB),                             query_serialized_store },
    { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT_INPROC, "SERIALIZED_REMOTE_CERT_CONTEXT_INPROC", FALSE, sizeof(CERT_BLOB),                             query_serialized_store },
    { SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS,             "NEGOTIATED_TLS_EXTENSIONS",             FALSE, sizeof(SecPkgContext_NegotiatedTlsExtensions), query_negotiated_extensions },
    { SECPKG_ATTR_APP_DATA,                              "APP_DATA",                              FALSE, sizeof(SecPkgContext_SessionAppData),          query_application_data },
    { SECPKG_ATTR_CONNECTION_INFO,                       "CONNECTION_INFO",                       FALSE, sizeof(SecPkgContext_ConnectionInfo),          query_connection_info },
    { SECPKG_ATTR_CONNECTION_INFO_EX,                    "CONNECTION_INFO_EX",                    FALSE, sizeof(SecPkgContext_ConnectionInfoEx),        query_connection_info_ex },
    { SECPKG_ATTR_SUPPORTED_SIGNATURES,                  "SUPPORTED_SIGNATURES",                  TRUE,  sizeof(SecPkgContext_SupportedSignatures),     query_supported_signatures },
    { SECPKG_ATTR_KEYING_MATERIAL,                       "KEYING_MATERIAL",                       FALSE, sizeof(SecPkgContext_KeyingMaterial),          query_keying_material },
    { SECPKG_ATTR_KEYING_MATERIAL_INPROC,                "KEYING_MATERIAL_INPROC",                FALSE, sizeof(SecPkgContext_KeyingMaterial_Inproc),   query_keying_material_inproc },
    { SECPKG_ATTR_EAP_KEY_BLOCK,                         "EAP_KEY_BLOCK",                         FALSE, sizeof(SecPkgContext_EapKeyBlock),             query_eap_key_block },
    { SECPKG_ATTR_DTLS_MTU,                              "DTLS_MTU",                              TRUE,  sizeof(WORD),                                  query_dtls_mtu },
    { SECPKG_ATTR_SRTP_PARAMETERS,                       "SRTP_PARAMETERS",                       FALSE, sizeof(SecPkgContext_SrtpParameters),          query_srtp_parameters },
    { SECPKG_ATTR_LIFESPAN,                              "LIFESPAN",                              FALSE, sizeof(SecPkgContext_Lifespan),                query_lifespan },
    { SECPKG_ATTR_PACKAGE_INFO,                          "PACKAGE_INFO",                          TRUE,  sizeof(SecPkgContext_PackageInfoW),            query_package_info },
    { SECPKG_ATTR_FLAGS,                                 "FLAGS",                                 FALSE, sizeof(SecPkgContext_Flags),                   query_flags },
    { SECPKG_ATTR_SESSION_INFO,                          "SESSION_INFO",                          FALSE, sizeof(SecPkgContext_SessionInfo),             query_session_info },
    { SECPKG_ATTR_CIPHER_INFO,                           "CIPHER_INFO",                           FALSE, sizeof(SecPkgContext_CipherInfo),              query_cipher_info },
    /* clang-format on */
};

SECURITY_STATUS context_query(struct context *context, ULONG id, void *buffer, ULONG room)
{
    const struct attribute *attribute;

    for (attribute = attributes; attribute < attributes + ARRAY_SIZE(attributes); attribute++)
    {
        if (attribute->id != id) continue;
        if (!buffer) return SEC_E_INTERNAL_ERROR;
        if (room < attribute->size) return SEC_E_BUFFER_TOO_SMALL;
        if (!attribute->early && !session_facts(context->session)->suite) return SEC_E_INVALID_HANDLE;
        return attribute->query(context, buffer);
    }
    FIXME("attribute %#lx is not answered\n", (unsigned long)id);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

static const struct
{
    ULONG id;
    BOOL early; /* can be set before the handshake is done, too */
    ULONG size;
    SECURITY_STATUS (*set)(struct context *context, const void *buffer);
} settings[] = {
    /* clang-format off */
    { SECPKG_ATTR_APP_DATA,            FALSE, sizeof(SecPkgContext_SessionAppData),     set_application_data },
    { SECPKG_ATTR_EAP_PRF_INFO,        TRUE,  sizeof(SecPkgContext_EapPrfInfo),         set_eap_prf_info },
    { SECPKG_ATTR_DTLS_MTU,            TRUE,  sizeof(WORD),                             set_dtls_mtu },
    { SECPKG_ATTR_UI_INFO,             TRUE,  sizeof(SecPkgContext_UiInfo),             set_ui_info },
    { SECPKG_ATTR_EARLY_START,         TRUE,  sizeof(SecPkgContext_EarlyStart),         set_early_start },
    { SECPKG_ATTR_KEYING_MATERIAL_INFO, TRUE, sizeof(SecPkgContext_KeyingMaterialInfo), set_keying_material_info },
    /* clang-format on */
};

SECURITY_STATUS context_set(struct context *context, ULONG id, const void *buffer, ULONG size)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(settings); i++)
    {
        if (settings[i].id != id) continue;
        if (!buffer || size < settings[i].size) return SEC_E_INVALID_PARAMETER;
        if (!settings[i].early && !session_facts(context->session)->suite) return SEC_E_INVALID_HANDLE;
        return settings[i].set(context, buffer);
    }
    FIXME("attribute %#lx cannot be set\n", (unsigned long)id);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

static SECURITY_STATUS narrow_package_info(SecPkgContext_PackageInfoW *wide)
{
    SecPkgContext_PackageInfoA *narrow = (SecPkgContext_PackageInfoA *)wide;

    caller_free(wide->PackageInfo);
    return (narrow->PackageInfo = package_list_ansi(PACKAGE_UNIFIED, 1)) ? SEC_E_OK
                                                                         : SEC_E_INSUFFICIENT_MEMORY;
}

static SECURITY_STATUS narrow_key_info(SecPkgContext_KeyInfoW *wide)
{
    SecPkgContext_KeyInfoA *narrow = (SecPkgContext_KeyInfoA *)wide;
    char *signature = caller_narrow(wide->sSignatureAlgorithmName),
         *cipher = caller_narrow(wide->sEncryptAlgorithmName);

    caller_free(wide->sSignatureAlgorithmName);
    caller_free(wide->sEncryptAlgorithmName);
    narrow->sSignatureAlgorithmName = signature;
    narrow->sEncryptAlgorithmName = cipher;
    if (signature && cipher) return SEC_E_OK;
    caller_free(signature);
    caller_free(cipher);
    return SEC_E_INSUFFICIENT_MEMORY;
}

SECURITY_STATUS context_query_ansi(struct context *context, ULONG id, void *buffer, ULONG room)
{
    SECURITY_STATUS status = context_query(context, id, buffer, room);

    if (!status && id == SECPKG_ATTR_KEY_INFO) return narrow_key_info(buffer);
    if (!status && id == SECPKG_ATTR_PACKAGE_INFO) return narrow_package_info(buffer);
    return status;
}
