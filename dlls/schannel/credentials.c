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

/* The two structs, read into one. */
struct request
{
    DWORD wanted; /* protocols by name; 0: the default ones */
    BOOL older;   /* the struct, or none, is not the one that TLS 1.3 comes with */
    DWORD flags;
    const ALG_ID *algorithms;
    DWORD algorithm_count;
    DWORD minimum_strength, maximum_strength;
    const TLS_PARAMETERS *parameters;
    DWORD parameter_count;
    DWORD certificate_count;
    PCCERT_CONTEXT *certificates;
    HCERTSTORE root_store;
    DWORD lifespan; /* of sessions, in milliseconds; 0: the default one */
};

static SECURITY_STATUS read_schannel_cred(const SCHANNEL_CRED *cred, struct request *request)
{
    request->wanted = cred->grbitEnabledProtocols;
    request->older = TRUE;
    if (cred->cSupportedAlgs > SCH_CRED_MAX_SUPPORTED_ALGS) return SEC_E_UNKNOWN_CREDENTIALS;
    request->algorithms = cred->palgSupportedAlgs;
    request->algorithm_count = cred->palgSupportedAlgs ? cred->cSupportedAlgs : 0;
    request->minimum_strength = cred->dwMinimumCipherStrength;
    request->maximum_strength = cred->dwMaximumCipherStrength;
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
    request->parameters = cred->pTlsParameters;
    request->parameter_count = cred->cTlsParameters;
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

/* --- what it may use ------------------------------------------------------------------------------------ */

/* A list that denies all of a family's default protocols names what it leaves: SCH_CREDENTIALS has no other
 * way to name. */
static DWORD unasked(DWORD family, DWORD by_default, DWORD denied, DWORD allowed)
{
    by_default &= family;
    return by_default & allowed || !(by_default & denied) ? by_default & allowed : allowed & family;
}

/* Naming may reach beyond the default protocols, not beyond the enabled. */
static SECURITY_STATUS choose_protocols(ULONG use, const struct request *request, DWORD denied,
                                        const struct protocol_policy *policy, DWORD *protocols)
{
    DWORD sides = (use & SECPKG_CRED_OUTBOUND ? PROTOCOLS_CLIENT : 0) |
                  (use & SECPKG_CRED_INBOUND ? PROTOCOLS_SERVER : 0);
    DWORD allowed = policy->enabled & sides & ~(denied | (request->older ? SP_PROT_TLS1_3 : 0));

    if (request->wanted & TLS_PROTOCOLS && request->wanted & DTLS_PROTOCOLS) return SEC_E_ALGORITHM_MISMATCH;
    if (request->flags & SCH_USE_DTLS_ONLY) allowed &= DTLS_PROTOCOLS;
    if (request->wanted)
        *protocols = request->wanted & allowed;
    else
        *protocols = unasked(TLS_PROTOCOLS, policy->by_default & sides, denied, allowed) |
                     unasked(DTLS_PROTOCOLS, policy->by_default & sides, denied, allowed);
    return *protocols ? SEC_E_OK : SEC_E_ALGORITHM_MISMATCH;
}

/* What the administrator left, as the program wants it. `parameters`: one of the request's, or NULL. */
static SECURITY_STATUS choose(ULONG use, const struct request *request, const TLS_PARAMETERS *parameters,
                              const struct registry_settings *settings, struct choice *choice)
{
    DWORD protocols, i, denied = parameters ? parameters->grbitDisabledProtocols : 0;
    SECURITY_STATUS status = choose_protocols(use, request, denied, &settings->protocols, &protocols);

    if (status) return status;
    choice_init(choice, protocols);
    if (settings->orders_suites) choice_order_suites(choice, settings->suites, settings->suite_count);
    if (settings->orders_groups) choice_order_groups(choice, settings->groups, settings->group_count);
    if (settings->sha1_signatures) choice->signatures |= SIGNATURES_SHA1;
    choice->limits = settings->limits;
    for (i = 0; i < settings->forbidden_count; i++) choice_forbid(choice, settings->forbidden[i]);

    if (request->flags & SCH_USE_PRESHAREDKEY_ONLY) choice_use_psk(choice);
    if (request->algorithm_count)
        choice_limit_algorithms(choice, request->algorithms, request->algorithm_count);
    choice_limit_strengths(choice, request->minimum_strength, request->maximum_strength);
    if (request->flags & SCH_ALLOW_NULL_ENCRYPTION) choice_allow_null(choice);
    if (request->flags & SCH_USE_STRONG_CRYPTO) choice_strong(choice);
    if (parameters && (parameters->cDisabledCrypto > SCH_CRED_MAX_SUPPORTED_CRYPTO_SETTINGS ||
                       (parameters->cDisabledCrypto && !parameters->pDisabledCrypto)))
        return SEC_E_UNKNOWN_CREDENTIALS;
    for (i = 0; parameters && i < parameters->cDisabledCrypto; i++)
        if (!choice_disable(choice, &parameters->pDisabledCrypto[i])) return SEC_E_UNKNOWN_CREDENTIALS;
    if (settings->fips) choice_limit_to_fips(choice);
    return choice_finish(choice) ? SEC_E_OK : SEC_E_ALGORITHM_MISMATCH;
}

static SECURITY_STATUS open_certificates(struct credentials *credentials, const struct request *request)
{
    SECURITY_STATUS status;
    DWORD i;

    if (!request->certificate_count) return SEC_E_OK;
    if (request->certificate_count > SCH_CRED_MAX_SUPPORTED_CERTS || !request->certificates)
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

static SECURITY_STATUS prepare_server(const struct credentials *credentials, struct profile *profile,
                                      const struct registry_settings *settings)
{
    SECURITY_STATUS status;
    DWORD i;

    for (i = 0; i < credentials->own_count; i++)
    {
        const struct own_certificate *own = &credentials->own[i];
        struct span ocsp = { own->ocsp, own->ocsp ? own->ocsp_size : 0 };

        if ((status = profile_add_identity(profile, own->identity, ocsp))) return status;
    }
    if (settings->sends_issuers) name_issuers(profile, credentials->root_store);
    session_limit_cache(settings->cache_size);
    return SEC_E_OK;
}

/* Programs switch resumption off with a flag, or with a life span of -1 (dotnet/runtime); the administrator
 * with a time of 0. */
static void set_lifespan(struct profile *profile, const struct request *request,
                         const struct registry_settings *settings)
{
    DWORD lifespan[SIDES] = { settings->client_lifespan, settings->server_lifespan };
    unsigned side;

    for (side = 0; side < SIDES; side++)
    {
        if (request->flags & SCH_CRED_DISABLE_RECONNECTS || request->lifespan == ~0u)
            lifespan[side] = 0;
        else if (request->lifespan && lifespan[side])
            lifespan[side] = max(request->lifespan / 1000, 1);
        profile_set_lifespan(profile, side, lifespan[side]);
    }
}

/* Windows' default is the last: it was made when hardly a server knew better. */
static enum renegotiation renegotiation_with(int allowed)
{
    return allowed > 0 ? RENEGOTIATION_INSECURE : allowed < 0 ? RENEGOTIATION_STRICT : RENEGOTIATION_SECURE;
}

/* --- sets of parameters --------------------------------------------------------------------------------- */

/* The names as ALPN has them. They come with or without an end, and are ASCII. */
static SECURITY_STATUS copy_names(const TLS_PARAMETERS *parameters, struct parameter_set *set)
{
    size_t size = 0;
    DWORD i, j;

    if (parameters->cAlpnIds > SCH_CRED_MAX_SUPPORTED_ALPN_IDS || !parameters->rgstrAlpnIds)
        return SEC_E_UNKNOWN_CREDENTIALS;
    for (i = 0; i < parameters->cAlpnIds; i++)
    {
        if (!parameters->rgstrAlpnIds[i].Buffer) return SEC_E_UNKNOWN_CREDENTIALS;
        size += 1 + parameters->rgstrAlpnIds[i].Length / sizeof(WCHAR);
    }
    if (!(set->names = malloc(size))) return SEC_E_INSUFFICIENT_MEMORY;
    for (i = 0; i < parameters->cAlpnIds; i++)
    {
        const UNICODE_STRING *id = &parameters->rgstrAlpnIds[i];
        DWORD length = id->Length / sizeof(WCHAR);

        if (length && !id->Buffer[length - 1]) length--;
        if (!length || length > 255) return SEC_E_UNKNOWN_CREDENTIALS;
        set->names[set->names_size++] = (uint8_t)length;
        for (j = 0; j < length; j++) set->names[set->names_size++] = (uint8_t)id->Buffer[j];
    }
    return SEC_E_OK;
}

static SECURITY_STATUS open_set(struct credentials *credentials, const struct request *request,
                                const TLS_PARAMETERS *parameters, const struct registry_settings *settings)
{
    struct parameter_set *set = &credentials->sets[credentials->set_count];
    const enum renegotiation renegotiation[SIDES] = {
        [SIDE_CLIENT] = renegotiation_with(settings->insecure_servers),
        [SIDE_SERVER] = renegotiation_with(settings->insecure_clients),
    };
    struct choice choice;
    SECURITY_STATUS status = choose(credentials->use, request, parameters, settings, &choice);

    if (status) return status;
    choice.protocols = without_unsignable(credentials, choice.protocols);
    credentials->protocols |= choice.protocols;
    if (!credentials->set_count) credentials->choice = choice;
    credentials->set_count++;
    if (parameters && parameters->cAlpnIds && credentials->use & SECPKG_CRED_INBOUND &&
        (status = copy_names(parameters, set)))
        return status;
    if ((status = profile_create(&choice, renegotiation, &set->profile))) return status;
    set_lifespan(set->profile, request, settings);
    if (!(credentials->use & SECPKG_CRED_INBOUND)) return SEC_E_OK;
    return prepare_server(credentials, set->profile, settings);
}

/* A client has one set. Of several each needs names (Microsoft: TLS_PARAMETERS); when all are optional, there
 * is one more, without names, for who agrees on nothing of theirs. */
static SECURITY_STATUS open_sets(struct credentials *credentials, const struct request *request,
                                 const struct registry_settings *settings)
{
    BOOL server = (credentials->use & SECPKG_CRED_INBOUND) != 0, optional = TRUE;
    DWORD i, count = server ? request->parameter_count : min(request->parameter_count, 1);
    SECURITY_STATUS status;

    for (i = 0; i < count; i++)
    {
        if (count > 1 && !request->parameters[i].cAlpnIds) return SEC_E_UNKNOWN_CREDENTIALS;
        optional &= request->parameters[i].cAlpnIds && request->parameters[i].dwFlags & TLS_PARAMS_OPTIONAL;
    }
    if (!(credentials->sets = calloc(count + 1, sizeof(*credentials->sets))))
        return SEC_E_INSUFFICIENT_MEMORY;
    for (i = 0; i < count; i++)
        if ((status = open_set(credentials, request, &request->parameters[i], settings))) return status;
    if (!count || (server && optional)) return open_set(credentials, request, NULL, settings);
    return SEC_E_OK;
}

BOOL credentials_depend_on_protocol(const struct credentials *credentials)
{
    return credentials->sets[0].names != NULL;
}

const struct profile *credentials_profile(const struct credentials *credentials, struct span protocol)
{
    DWORD i;

    for (i = 0; i < credentials->set_count; i++)
    {
        const struct parameter_set *set = &credentials->sets[i];
        struct span names = { set->names, set->names_size }, name;

        if (!set->names) return set->profile;
        while (protocol.size && span_take_vector(&names, 1, &name))
            if (name.size == protocol.size && !memcmp(name.data, protocol.data, name.size))
                return set->profile;
    }
    return NULL;
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

    for (i = 0; i < credentials->set_count; i++)
    {
        profile_destroy(credentials->sets[i].profile);
        free(credentials->sets[i].names);
    }
    free(credentials->sets);
    for (i = 0; i < credentials->own_count; i++) own_close(&credentials->own[i]);
    free(credentials->own);
    if (credentials->root_store) CertCloseStore(credentials->root_store, 0);
    free(credentials);
}

SECURITY_STATUS credentials_create(ULONG use, const void *auth_data, struct credentials **out)
{
    struct registry_settings settings;
    struct credentials *credentials;
    struct request request;
    SECURITY_STATUS status;

    use &= SECPKG_CRED_BOTH;
    if (!use) return SEC_E_NO_CREDENTIALS;
    if ((status = read_request(use, auth_data, &request))) return status;
    if (!profile_library_open()) return SEC_E_INTERNAL_ERROR;
    registry_current(&settings);

    if (!(credentials = calloc(1, sizeof(*credentials)))) return SEC_E_INSUFFICIENT_MEMORY;
    credentials->object.kind = OBJECT_CREDENTIALS;
    credentials->object.destroy = credentials_destroy;
    credentials->use = use;
    credentials->flags = request.flags;
    if ((status = open_certificates(credentials, &request))) goto done;
    if (request.root_store && !(credentials->root_store = CertDuplicateStore(request.root_store)))
    {
        status = SEC_E_INSUFFICIENT_MEMORY;
        goto done;
    }
    if ((status = open_sets(credentials, &request, &settings))) goto done;
    credentials->expiry = expiry_of(credentials);
    /* Without a name for either, a credential serves TLS and DTLS; what it reports is TLS. */
    if (!request.wanted && credentials->protocols & TLS_PROTOCOLS) credentials->protocols &= TLS_PROTOCOLS;
    *out = credentials;
    credentials = NULL;

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

/* Adds to the end of a list what is not in it yet. */
static DWORD add_algorithm(ALG_ID *list, DWORD count, ALG_ID algorithm)
{
    DWORD i;

    for (i = 0; i < count; i++)
        if (list[i] == algorithm) return count;
    if (algorithm) list[count++] = algorithm;
    return count;
}

/* Ciphers, hashes, exchanges and signatures of the suites. */
static SECURITY_STATUS query_supported_algs(const struct credentials *credentials, void *buffer)
{
    const struct choice *choice = &credentials->choice;
    SecPkgCred_SupportedAlgs *algs = buffer;
    ALG_ID list[4 * SUITES_MAX];
    DWORD count = 0;
    unsigned i;

    for (i = 0; i < choice->suite_count; i++)
        count = add_algorithm(list, count, choice->suites[i]->cipher->algorithm);
    for (i = 0; i < choice->suite_count; i++)
        count = add_algorithm(list, count, choice->suites[i]->hash->algorithm);
    for (i = 0; i < choice->suite_count; i++)
        count = add_algorithm(list, count, choice->suites[i]->exchange->algorithm);
    for (i = 0; i < choice->suite_count; i++)
        count = add_algorithm(list, count, choice->suites[i]->signature->algorithm);
    if (!(algs->palgSupportedAlgs = caller_alloc(max(count, 1) * sizeof(*list))))
        return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(algs->palgSupportedAlgs, list, count * sizeof(*list));
    algs->cSupportedAlgs = count;
    return SEC_E_OK;
}

static SECURITY_STATUS query_cipher_strengths(const struct credentials *credentials, void *buffer)
{
    const struct choice *choice = &credentials->choice;
    SecPkgCred_CipherStrengths *strengths = buffer;
    DWORD bits, minimum = ~0u, maximum = 0;
    unsigned i;

    for (i = 0; i < choice->suite_count; i++)
    {
        bits = choice->suites[i]->cipher->bits;
        minimum = min(minimum, bits);
        maximum = max(maximum, bits);
    }
    strengths->dwMinimumCipherStrength = minimum;
    strengths->dwMaximumCipherStrength = maximum;
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
    ULONG size; /* of what is written */
    SECURITY_STATUS (*query)(const struct credentials *credentials, void *buffer);
} attributes[] = {
    { SECPKG_CRED_ATTR_NAMES, 0, query_names },
    { SECPKG_ATTR_SUPPORTED_ALGS, sizeof(SecPkgCred_SupportedAlgs), query_supported_algs },
    { SECPKG_ATTR_CIPHER_STRENGTHS, sizeof(SecPkgCred_CipherStrengths), query_cipher_strengths },
    { SECPKG_ATTR_SUPPORTED_PROTOCOLS, sizeof(SecPkgCred_SupportedProtocols), query_supported_protocols },
};

SECURITY_STATUS credentials_query(const struct credentials *credentials, ULONG attribute, void *buffer,
                                  ULONG room)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(attributes); i++)
    {
        if (attributes[i].id != attribute) continue;
        if (!buffer) return SEC_E_INTERNAL_ERROR;
        return room < attributes[i].size ? SEC_E_BUFFER_TOO_SMALL : attributes[i].query(credentials, buffer);
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
    BOOL good = TRUE;
    DWORD i;

    if (!list->count || list->count > 16 || !list->keys) return SEC_E_INVALID_PARAMETER;
    for (i = 0; i < list->count; i++)
        if (list->keys[i].version || list->keys[i].material_size < 32 || list->keys[i].material_size > 64)
            return SEC_E_INVALID_PARAMETER;
    key = list->keys;
    memcpy(bytes, key->id, sizeof(key->id));
    memcpy(bytes + sizeof(key->id), key->material, key->material_size);
    secret.size = sizeof(key->id) + key->material_size;
    for (i = 0; i < credentials->set_count && good; i++)
    {
        /* A ticket of one set is none of another. */
        if (i) bytes[secret.size] = (uint8_t)i;
        good = profile_set_ticket_secret(credentials->sets[i].profile,
                                         (struct span){ bytes, secret.size + (i ? 1 : 0) });
    }
    SecureZeroMemory(bytes, sizeof(bytes));
    return good ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

/* The store whose certificates are named to clients (dotnet/runtime: SslStreamPal.Windows.cs). */
static SECURITY_STATUS set_client_policy(struct credentials *credentials, const void *buffer)
{
    const SecPkgCred_ClientCertPolicy *policy = buffer;
    SECURITY_STATUS status = SEC_E_OK;
    HCERTSTORE store;
    DWORD i;

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
            for (i = 0; i < credentials->set_count; i++)
                name_authorities(credentials->sets[i].profile, store);
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
        if (!(credentials->use & SECPKG_CRED_INBOUND)) return SEC_E_INVALID_HANDLE;
        return settings[i].set(credentials, buffer);
    }
    FIXME("attribute %#lx cannot be set\n", (unsigned long)attribute);
    return SEC_E_UNSUPPORTED_FUNCTION;
}
