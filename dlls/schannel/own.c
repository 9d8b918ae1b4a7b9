/*
 * Our own certificates: each with the chain that is sent and the key that signs.
 */
#include "own.h"
#include "keys.h"
#include "log.h"

/* A certificate that could have a key. One that is none at all, or has no public key, is not known to
 * Windows. */
static BOOL is_certificate(PCCERT_CONTEXT certificate)
{
    const CERT_PUBLIC_KEY_INFO *key;

    if (!certificate || !certificate->pbCertEncoded || !certificate->pCertInfo) return FALSE;
    key = &certificate->pCertInfo->SubjectPublicKeyInfo;
    return key->Algorithm.pszObjId && *key->Algorithm.pszObjId && key->PublicKey.cbData;
}

static struct span der_of(PCCERT_CONTEXT certificate)
{
    struct span der = { certificate->pbCertEncoded, certificate->cbCertEncoded };

    return der;
}

static BOOL is_root(PCCERT_CONTEXT certificate)
{
    return CertCompareCertificateName(X509_ASN_ENCODING, &certificate->pCertInfo->Subject,
                                      &certificate->pCertInfo->Issuer);
}

/* The certificates to send; those of `built`, which stays the caller's, or the certificate alone. */
static unsigned list_chain(PCCERT_CONTEXT certificate, PCCERT_CHAIN_CONTEXT built, DWORD flags,
                           struct span *chain)
{
    const CERT_SIMPLE_CHAIN *simple = built && built->cChain ? built->rgpChain[0] : NULL;
    unsigned i, count = 1;

    chain[0] = der_of(certificate);
    for (i = 1; simple && i < simple->cElement && i < IDENTITY_CHAIN_MAX; i++)
    {
        PCCERT_CONTEXT next = simple->rgpElement[i]->pCertContext;

        if (is_root(next) && !(flags & SCH_SEND_ROOT_CERT)) break;
        chain[count++] = der_of(next);
    }
    return count;
}

/* Where intermediates are looked for: the certificate's own store, and the system's as they are now. crypt32
 * looks there itself, but Wine's goes on with what it found there when the process first asked it for a
 * chain. */
static HCERTSTORE open_issuers(PCCERT_CONTEXT certificate)
{
    static const DWORD places[] = { CERT_SYSTEM_STORE_CURRENT_USER, CERT_SYSTEM_STORE_LOCAL_MACHINE };
    HCERTSTORE all = CertOpenStore(CERT_STORE_PROV_COLLECTION, 0, 0, 0, NULL), store;
    unsigned i;

    if (!all) return NULL;
    if (certificate->hCertStore) CertAddStoreToCollection(all, certificate->hCertStore, 0, 0);
    for (i = 0; i < ARRAY_SIZE(places); i++)
    {
        store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0,
                              places[i] | CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG, L"CA");
        if (!store) continue;
        CertAddStoreToCollection(all, store, 0, 0);
        CertCloseStore(store, 0);
    }
    return all;
}

static SECURITY_STATUS create_identity(struct own_certificate *own, DWORD flags)
{
    CERT_CHAIN_PARA para = { .cbSize = sizeof(para) };
    HCERTSTORE issuers = open_issuers(own->certificate);
    struct span chain[IDENTITY_CHAIN_MAX];
    PCCERT_CHAIN_CONTEXT built = NULL;
    struct identity_key key;
    SECURITY_STATUS status;
    unsigned count;

    if (!CertGetCertificateChain(NULL, own->certificate, NULL, issuers, &para,
                                 CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL, NULL, &built))
        WARN("no chain could be built for our own certificate: %#lx\n", GetLastError());
    count = list_chain(own->certificate, built, flags, chain);
    key_describe(own->key, &key);
    status = identity_create(chain, count, &key, &own->identity);
    if (built) CertFreeCertificateChain(built);
    if (issuers) CertCloseStore(issuers, 0);
    return status;
}

/* --- whose key it is ------------------------------------------------------------------------------------ */

/* Whether `authority` is above the certificate, as far as the names in the store tell. */
static BOOL descends(PCCERT_CONTEXT certificate, PCCERT_CONTEXT authority)
{
    PCCERT_CONTEXT at = CertDuplicateCertificateContext(certificate), next;
    BOOL does = FALSE;
    unsigned i;

    for (i = 0; at && !does && i < IDENTITY_CHAIN_MAX && !is_root(at); i++)
    {
        does = CertCompareCertificateName(X509_ASN_ENCODING, &at->pCertInfo->Issuer,
                                          &authority->pCertInfo->Subject);
        next = CertFindCertificateInStore(certificate->hCertStore, X509_ASN_ENCODING, 0,
                                          CERT_FIND_SUBJECT_NAME, &at->pCertInfo->Issuer, NULL);
        CertFreeCertificateContext(at);
        at = next;
    }
    if (at) CertFreeCertificateContext(at);
    return does;
}

/*
 * Wine's PFXImportCertStore says of each certificate in the file that the key is its own, and an authority's
 * is what a program finds first. What it means is the certificate below it that the key really belongs to.
 */
static SECURITY_STATUS open_below(PCCERT_CONTEXT authority, struct own_certificate *own)
{
    PCCERT_CONTEXT certificate = NULL;

    while ((certificate = CertEnumCertificatesInStore(authority->hCertStore, certificate)))
    {
        if (!is_certificate(certificate) || !descends(certificate, authority) ||
            key_open(certificate, &own->key))
            continue;
        own->certificate = certificate;
        return SEC_E_OK;
    }
    return SEC_E_UNKNOWN_CREDENTIALS;
}

static SECURITY_STATUS open_key(PCCERT_CONTEXT certificate, struct own_certificate *own)
{
    SECURITY_STATUS status = key_open(certificate, &own->key);

    if (status == SEC_E_UNKNOWN_CREDENTIALS && certificate->hCertStore) return open_below(certificate, own);
    if (status) return status;
    own->certificate = CertDuplicateCertificateContext(certificate);
    return SEC_E_OK;
}

SECURITY_STATUS own_open(PCCERT_CONTEXT certificate, DWORD flags, struct own_certificate *own)
{
    SECURITY_STATUS status;

    memset(own, 0, sizeof(*own));
    if (!is_certificate(certificate)) return SEC_E_UNKNOWN_CREDENTIALS;
    status = open_key(certificate, own);
    if (!status) status = create_identity(own, flags);
    if (status)
        own_close(own);
    else
        own->ocsp = certificate_property(certificate, CERT_OCSP_RESPONSE_PROP_ID, &own->ocsp_size);
    return status;
}

void own_close(struct own_certificate *own)
{
    identity_destroy(own->identity);
    key_close(own->key);
    if (own->certificate) CertFreeCertificateContext(own->certificate);
    free(own->ocsp);
    memset(own, 0, sizeof(*own));
}

BOOL own_signs_for_tls13(const struct own_certificate *own)
{
    return key_signs_for_tls13(own->key);
}

/* --- the default one ------------------------------------------------------------------------------------ */

/* Whether a certificate is meant for clients; one that does not say is for everything. */
static BOOL is_for_clients(PCCERT_CONTEXT certificate)
{
    CERT_ENHKEY_USAGE *usage;
    DWORD i, size = 0;
    BOOL is = FALSE;

    if (!CertGetEnhancedKeyUsage(certificate, 0, NULL, &size) || !(usage = malloc(size))) return FALSE;
    if (CertGetEnhancedKeyUsage(certificate, 0, usage, &size))
    {
        is = !usage->cUsageIdentifier && GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
        for (i = 0; i < usage->cUsageIdentifier; i++)
            if (!strcmp(usage->rgpszUsageIdentifier[i], szOID_PKIX_KP_CLIENT_AUTH)) is = TRUE;
    }
    free(usage);
    return is;
}

static BOOL is_candidate(PCCERT_CONTEXT certificate)
{
    return !CertVerifyTimeValidity(NULL, certificate->pCertInfo) && is_for_clients(certificate);
}

BOOL own_find(const struct identity_request *request, DWORD flags, struct own_certificate *own)
{
    PCCERT_CONTEXT certificate = NULL;
    BOOL found = FALSE;
    HCERTSTORE store;

    store = CertOpenStore(
        CERT_STORE_PROV_SYSTEM_W, 0, 0,
        CERT_SYSTEM_STORE_CURRENT_USER | CERT_STORE_READONLY_FLAG | CERT_STORE_OPEN_EXISTING_FLAG, L"MY");
    if (!store) return FALSE;
    while (!found && (certificate = CertEnumCertificatesInStore(store, certificate)))
    {
        if (!is_candidate(certificate) || own_open(certificate, flags, own)) continue;
        found = identity_suits(own->identity, request);
        if (!found) own_close(own);
    }
    if (certificate) CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
    TRACE("%s\n", found ? "a certificate of the MY store suits" : "no certificate of the MY store suits");
    return found;
}
