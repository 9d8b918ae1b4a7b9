/*
 * Credentials: what a program and the administrator allow, and who the program is.
 *
 * A program says it in one of two structs. SCHANNEL_CRED names the protocols it wants; SCH_CREDENTIALS names
 * those it does not want, and only through it TLS 1.3 is to be had (Microsoft: "Obtaining Schannel
 * Credentials"). That is more than a formality: programs written for the older struct do not expect what
 * TLS 1.3 sends after a handshake.
 */
#include "credentials.h"
#include "handles.h"
#include "log.h"
#include "registry.h"
#include "secbuf.h"

#define DTLS_PROTOCOLS (SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2)
#define TLS_PROTOCOLS                                                                                        \
    (SP_PROT_SSL2 | SP_PROT_SSL3 | SP_PROT_TLS1_0 | SP_PROT_TLS1_1 | SP_PROT_TLS1_2 | SP_PROT_TLS1_3)
#define CERTIFICATES_MAX 100 /* SCH_CRED_MAX_SUPPORTED_CERTS */

/* The two structs, read into one. */
struct request
{
    DWORD wanted; /* protocols by name; 0: the default ones */
    DWORD denied; /* protocols the program must not be given */
    BOOL older;   /* the struct, or none, is not the one that TLS 1.3 comes with */
    DWORD flags;
    DWORD certificate_count;
    PCCERT_CONTEXT *certificates;
    HCERTSTORE root_store;
    DWORD lifespan; /* of sessions, in milliseconds; 0: the default one */
};

static SECURITY_STATUS read_schannel_cred(const SCHANNEL_CRED *cred, struct request *request)
{
    request->wanted = cred->grbitEnabledProtocols;
    request->older = TRUE;
    request->flags = cred->dwFlags;
    request->certificate_count = cred->cCreds;
    request->certificates = cred->paCred;
    request->root_store = cred->hRootStore;
    request->lifespan = cred->dwSessionLifespan;
    return SEC_E_OK;
}

static SECURITY_STATUS read_sch_credentials(const SCH_CREDENTIALS *cred, struct request *request)
{
    if (cred->cTlsParameters > SCH_CRED_MAX_SUPPORTED_PARAMETERS ||
        (cred->cTlsParameters && !cred->pTlsParameters))
        return SEC_E_UNKNOWN_CREDENTIALS;
    if (cred->cTlsParameters) request->denied = cred->pTlsParameters[0].grbitDisabledProtocols;
    request->flags = cred->dwFlags;
    request->certificate_count = cred->cCreds;
    request->certificates = cred->paCred;
    request->root_store = cred->hRootStore;
    request->lifespan = cred->dwSessionLifespan;
    return SEC_E_OK;
}

/* Both structs, and all older ones, start with their version. */
static SECURITY_STATUS read_request(ULONG use, const void *auth_data, struct request *request)
{
    memset(request, 0, sizeof(*request));
    if (!auth_data)
    {
        request->older = TRUE;
        return use == SECPKG_CRED_OUTBOUND ? SEC_E_OK : SEC_E_NO_CREDENTIALS;
    }
    switch (*(const DWORD *)auth_data)
    {
    case SCHANNEL_CRED_VERSION:
        return read_schannel_cred(auth_data, request);
    case SCH_CREDENTIALS_VERSION:
        return read_sch_credentials(auth_data, request);
    case SCH_CRED_V3:
        return SEC_E_INSUFFICIENT_MEMORY; /* what Windows 10 says to a struct it no longer reads */
    default:
        WARN("version %lu of the credentials is unknown\n", (unsigned long)*(const DWORD *)auth_data);
        return SEC_E_UNKNOWN_CREDENTIALS;
    }
}

/*
 * The protocols of a credential. Naming may reach beyond the default ones, not beyond the enabled. A list
 * that denies all the default ones names what it leaves: SCH_CREDENTIALS has no other way to name.
 */
static SECURITY_STATUS choose_protocols(ULONG use, const struct request *request, DWORD *protocols)
{
    struct protocol_policy policy = registry_protocols();
    DWORD sides = (use & SECPKG_CRED_OUTBOUND ? PROTOCOLS_CLIENT : 0) |
                  (use & SECPKG_CRED_INBOUND ? PROTOCOLS_SERVER : 0);
    DWORD beyond = request->denied | (request->older ? SP_PROT_TLS1_3 : 0);
    DWORD allowed = policy.enabled & sides & ~beyond;
    DWORD unasked = policy.by_default & allowed;

    if (request->wanted & TLS_PROTOCOLS && request->wanted & DTLS_PROTOCOLS) return SEC_E_ALGORITHM_MISMATCH;
    if (!(unasked & TLS_PROTOCOLS) && policy.by_default & sides & TLS_PROTOCOLS & request->denied)
        unasked |= allowed & TLS_PROTOCOLS;
    *protocols = request->wanted ? request->wanted & allowed : unasked;
    return *protocols ? SEC_E_OK : SEC_E_ALGORITHM_MISMATCH;
}

static SECURITY_STATUS open_certificates(struct credentials *credentials, const struct request *request)
{
    SECURITY_STATUS status;
    DWORD i;

    if (!request->certificate_count) return SEC_E_OK;
    if (request->certificate_count > CERTIFICATES_MAX || !request->certificates)
        return SEC_E_UNKNOWN_CREDENTIALS;
    credentials->own = calloc(request->certificate_count, sizeof(*credentials->own));
    if (!credentials->own) return SEC_E_INSUFFICIENT_MEMORY;
    for (i = 0; i < request->certificate_count; i++)
    {
        if ((status = own_open(request->certificates[i], request->flags, &credentials->own[i])))
            return status;
        credentials->own_count++;
    }
    return SEC_E_OK;
}

/* Without a key for its signatures TLS 1.3 is not offered, as long as there is something else to offer. */
static DWORD without_unsignable(const struct credentials *credentials, DWORD protocols)
{
    DWORD i, without = protocols & ~(DWORD)SP_PROT_TLS1_3;

    for (i = 0; i < credentials->own_count && without & TLS_PROTOCOLS; i++)
        if (own_signs_for_tls13(&credentials->own[i])) return protocols;
    return credentials->own_count && without & TLS_PROTOCOLS ? without : protocols;
}

/* --- what servers do ------------------------------------------------------------------------------------ */

#define ISSUERS_SIZE_MAX 16384 /* bytes of names in a CertificateRequest, as Windows limits them */

/* Names the authorities of a store; FALSE when it has none, or is none. */
static BOOL name_authorities(struct profile *profile, HCERTSTORE store)
{
    PCCERT_CONTEXT certificate = NULL;
    size_t size = 0;

    while (store && (certificate = CertEnumCertificatesInStore(store, certificate)))
    {
        struct span der = { certificate->pbCertEncoded, certificate->cbCertEncoded };
        size_t with = size + 2 + certificate->pCertInfo->Subject.cbData;

        if (with <= ISSUERS_SIZE_MAX && profile_name_authority(profile, der)) size = with;
    }
    return size != 0;
}

/* The program's roots, else what the administrator collected for this purpose, else all roots. */
static void name_issuers(struct profile *profile, HCERTSTORE roots)
{
    static const WCHAR *const names[] = { L"ClientAuthIssuer", L"ROOT" };
    BOOL named = name_authorities(profile, roots);
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names) && !named; i++)
    {
        HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0,
                                         CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_READONLY_FLAG |
                                             CERT_STORE_OPEN_EXISTING_FLAG,
                                         names[i]);

        if (!store) continue;
        named = name_authorities(profile, store);
        CertCloseStore(store, 0);
    }
}

static SECURITY_STATUS prepare_server(struct credentials *credentials)
{
    SECURITY_STATUS status;
    DWORD i;

    for (i = 0; i < credentials->own_count; i++)
    {
        const struct own_certificate *own = &credentials->own[i];
        struct span ocsp = { own->ocsp, own->ocsp ? own->ocsp_size : 0 };

        if ((status = profile_add_identity(credentials->profile, own->identity, ocsp))) return status;
    }
    if (registry_sends_issuers()) name_issuers(credentials->profile, credentials->root_store);
    session_limit_cache(registry_cache_size());
    return SEC_E_OK;
}

/* Programs switch resumption off with a flag, or with a life span of -1 (dotnet/runtime). */
static void set_lifespan(struct credentials *credentials, DWORD lifespan)
{
    if (credentials->flags & SCH_CRED_DISABLE_RECONNECTS || lifespan == ~0u)
        profile_set_lifespan(credentials->profile, 0);
    else if (lifespan)
        profile_set_lifespan(credentials->profile, max(lifespan / 1000, 1));
}

/* Windows' default is the last: it was made when hardly a server knew better. */
static enum renegotiation renegotiation_with(BOOL clients)
{
    int allowed = registry_insecure_renegotiation(clients);

    return allowed > 0 ? RENEGOTIATION_INSECURE : allowed < 0 ? RENEGOTIATION_STRICT : RENEGOTIATION_SECURE;
}

/* When the certificate that ends first ends; without one, never. */
static TimeStamp expiry_of(const struct credentials *credentials)
{
    TimeStamp expiry;
    DWORD i;

    expiry.QuadPart = MAXLONGLONG;
    for (i = 0; i < credentials->own_count; i++)
    {
        FILETIME end = credentials->own[i].certificate->pCertInfo->NotAfter;
        LONGLONG time = (LONGLONG)((ULONG64)end.dwHighDateTime << 32 | end.dwLowDateTime);

        if (time < expiry.QuadPart) expiry.QuadPart = time;
    }
    return expiry;
}

static void credentials_destroy(struct object *object)
{
    struct credentials *credentials = CONTAINING_RECORD(object, struct credentials, object);
    DWORD i;

    profile_destroy(credentials->profile);
    for (i = 0; i < credentials->own_count; i++) own_close(&credentials->own[i]);
    free(credentials->own);
    if (credentials->root_store) CertCloseStore(credentials->root_store, 0);
    free(credentials);
}

SECURITY_STATUS credentials_create(ULONG use, const void *auth_data, struct credentials **out)
{
    struct credentials *credentials = NULL;
    struct request request;
    enum renegotiation renegotiation[SIDES];
    SECURITY_STATUS status;

    use &= SECPKG_CRED_BOTH;
    if (!use) return SEC_E_NO_CREDENTIALS;
    if ((status = read_request(use, auth_data, &request))) return status;
    if (!profile_library_open()) return SEC_E_INTERNAL_ERROR;

    if (!(credentials = calloc(1, sizeof(*credentials)))) return SEC_E_INSUFFICIENT_MEMORY;
    credentials->object.kind = OBJECT_CREDENTIALS;
    credentials->object.destroy = credentials_destroy;
    credentials->use = use;
    credentials->flags = request.flags;
    if ((status = choose_protocols(use, &request, &credentials->protocols))) goto done;
    if ((status = open_certificates(credentials, &request))) goto done;
    credentials->protocols = without_unsignable(credentials, credentials->protocols);
    if (request.root_store && !(credentials->root_store = CertDuplicateStore(request.root_store)))
    {
        status = SEC_E_INSUFFICIENT_MEMORY;
        goto done;
    }
    credentials->expiry = expiry_of(credentials);
    if (credentials->protocols & TLS_PROTOCOLS)
    {
        renegotiation[SIDE_CLIENT] = renegotiation_with(FALSE);
        renegotiation[SIDE_SERVER] = renegotiation_with(TRUE);
        if ((status = profile_create(credentials->protocols, renegotiation, &credentials->profile)))
            goto done;
        set_lifespan(credentials, request.lifespan);
        if (use & SECPKG_CRED_INBOUND && (status = prepare_server(credentials))) goto done;
        /* Without a name for either, a credential serves TLS and DTLS; what it reports is TLS. */
        if (!request.wanted) credentials->protocols &= TLS_PROTOCOLS;
    }
    *out = credentials;
    credentials = NULL;
    status = SEC_E_OK;

done:
    if (credentials) credentials_release(credentials);
    return status;
}

struct credentials *credentials_acquire(const SecHandle *handle)
{
    struct object *object = handle_acquire(handle, OBJECT_CREDENTIALS);

    return object ? CONTAINING_RECORD(object, struct credentials, object) : NULL;
}

void credentials_release(struct credentials *credentials)
{
    if (credentials) object_release(&credentials->object);
}

/* --- certificates --------------------------------------------------------------------------------------- */

const struct own_certificate *credentials_choose(const struct credentials *credentials,
                                                 const struct identity_request *request)
{
    DWORD i;

    for (i = 0; i < credentials->own_count; i++)
        if (identity_suits(credentials->own[i].identity, request)) return &credentials->own[i];
    return NULL;
}

/* --- attributes ----------------------------------------------------------------------------------------- */

static SECURITY_STATUS query_names(const struct credentials *credentials, void *buffer)
{
    (void)credentials;
    (void)buffer;
    return SEC_E_NO_CREDENTIALS;
}

/* The algorithms of the suites priority.c offers. */
static SECURITY_STATUS query_supported_algs(const struct credentials *credentials, void *buffer)
{
    static const ALG_ID algorithms[] = { CALG_AES_256, CALG_AES_128,  CALG_SHA_384,
                                         CALG_SHA_256, CALG_SHA1,     CALG_ECDH_EPHEM,
                                         CALG_ECDSA,   CALG_RSA_SIGN, CALG_RSA_KEYX };
    SecPkgCred_SupportedAlgs *algs = buffer;
    ALG_ID *list;

    (void)credentials;
    if (!(list = caller_alloc(sizeof(algorithms)))) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(list, algorithms, sizeof(algorithms));
    algs->cSupportedAlgs = ARRAY_SIZE(algorithms);
    algs->palgSupportedAlgs = list;
    return SEC_E_OK;
}

static SECURITY_STATUS query_cipher_strengths(const struct credentials *credentials, void *buffer)
{
    SecPkgCred_CipherStrengths *strengths = buffer;

    (void)credentials;
    strengths->dwMinimumCipherStrength = 128;
    strengths->dwMaximumCipherStrength = 256;
    return SEC_E_OK;
}

static SECURITY_STATUS query_supported_protocols(const struct credentials *credentials, void *buffer)
{
    SecPkgCred_SupportedProtocols *protocols = buffer;

    protocols->grbitProtocol = credentials->protocols;
    return SEC_E_OK;
}

static const struct
{
    ULONG id;
    SECURITY_STATUS (*query)(const struct credentials *credentials, void *buffer);
} attributes[] = {
    { SECPKG_CRED_ATTR_NAMES, query_names },
    { SECPKG_ATTR_SUPPORTED_ALGS, query_supported_algs },
    { SECPKG_ATTR_CIPHER_STRENGTHS, query_cipher_strengths },
    { SECPKG_ATTR_SUPPORTED_PROTOCOLS, query_supported_protocols },
};

SECURITY_STATUS credentials_query(const struct credentials *credentials, ULONG attribute, void *buffer)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(attributes); i++)
    {
        if (attributes[i].id != attribute) continue;
        return buffer ? attributes[i].query(credentials, buffer) : SEC_E_INTERNAL_ERROR;
    }
    FIXME("attribute %#lx is not answered\n", (unsigned long)attribute);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

/* Sharing one key lets several servers resume each other's sessions (msquic). GnuTLS knows one key at a time:
 * the first, which is the one to protect with. */
static SECURITY_STATUS set_ticket_keys(struct credentials *credentials, const void *buffer)
{
    const struct session_ticket_keys *list = buffer;
    uint8_t bytes[TICKET_SECRET_MAX];
    struct span secret = { bytes, 0 };
    const struct session_ticket_key *key;
    BOOL set;
    DWORD i;

    if (!list->count || list->count > 16 || !list->keys) return SEC_E_INVALID_PARAMETER;
    for (i = 0; i < list->count; i++)
        if (list->keys[i].version || list->keys[i].material_size < 32 || list->keys[i].material_size > 64)
            return SEC_E_INVALID_PARAMETER;
    key = list->keys;
    memcpy(bytes, key->id, sizeof(key->id));
    memcpy(bytes + sizeof(key->id), key->material, key->material_size);
    secret.size = sizeof(key->id) + key->material_size;
    set = profile_set_ticket_secret(credentials->profile, secret);
    SecureZeroMemory(bytes, sizeof(bytes));
    return set ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

/* The store whose certificates are named to clients (dotnet/runtime: SslStreamPal.Windows.cs). */
static SECURITY_STATUS set_client_policy(struct credentials *credentials, const void *buffer)
{
    const SecPkgCred_ClientCertPolicy *policy = buffer;
    SECURITY_STATUS status = SEC_E_OK;
    HCERTSTORE store;

    AcquireSRWLockExclusive(&credentials->lock);
    if (policy->pwszSslCtlStoreName)
    {
        store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0,
                              CERT_SYSTEM_STORE_LOCAL_MACHINE | CERT_STORE_READONLY_FLAG |
                                  CERT_STORE_OPEN_EXISTING_FLAG,
                              policy->pwszSslCtlStoreName);
        if (!store)
            status = SEC_E_INVALID_PARAMETER;
        else if (credentials->serving)
            status = SEC_E_UNSUPPORTED_FUNCTION;
        else
            name_authorities(credentials->profile, store);
        if (store) CertCloseStore(store, 0);
    }
    if (!status)
    {
        credentials->has_policy = TRUE;
        credentials->policy = policy->guidPolicyId;
    }
    ReleaseSRWLockExclusive(&credentials->lock);
    return status;
}

static const struct
{
    ULONG id;
    ULONG size;
    SECURITY_STATUS (*set)(struct credentials *credentials, const void *buffer);
} settings[] = {
    { SECPKG_ATTR_SESSION_TICKET_KEYS, sizeof(struct session_ticket_keys), set_ticket_keys },
    { SECPKG_ATTR_CLIENT_CERT_POLICY, sizeof(SecPkgCred_ClientCertPolicy), set_client_policy },
};

SECURITY_STATUS credentials_set(struct credentials *credentials, ULONG attribute, const void *buffer,
                                ULONG size)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(settings); i++)
    {
        if (settings[i].id != attribute) continue;
        if (!buffer || size < settings[i].size) return SEC_E_INVALID_PARAMETER;
        if (!(credentials->use & SECPKG_CRED_INBOUND) || !credentials->profile) return SEC_E_INVALID_HANDLE;
        return settings[i].set(credentials, buffer);
    }
    FIXME("attribute %#lx cannot be set\n", (unsigned long)attribute);
    return SEC_E_UNSUPPORTED_FUNCTION;
}
