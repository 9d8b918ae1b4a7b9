/*
 * Revocation: what is known, and what is not, about the certificates of a chain.
 *
 * crypt32 has asked already when the chain was built, and what it says of each certificate counts. Two things
 * are added. Wine's crypt32 calls every doubt by both its names, so whether a certificate says where to ask
 * is looked up here. And Wine 8.0 forgets a revocation when it is asked a second time, so the list is looked
 * at once more: that can refuse a certificate, never save one.
 */
#include "revocation.h"
#include "log.h"

#define RETRIEVE_TIMEOUT 15000 /* ms, as crypt32's */
#define DOUBT            (CERT_TRUST_REVOCATION_STATUS_UNKNOWN | CERT_TRUST_IS_OFFLINE_REVOCATION)

/* cryptnet.dll, which stays loaded, is loaded when a list is wanted for the first time: few programs ever do.
 */
static BOOL(WINAPI *get_url)(LPCSTR, void *, DWORD, PCRYPT_URL_ARRAY, DWORD *, void *, DWORD *, void *);
static BOOL(WINAPI *retrieve)(LPCWSTR, LPCSTR, DWORD, DWORD, void **, HANDLE, void *, void *, void *);

static HMODULE cryptnet;

static BOOL CALLBACK load_cryptnet(INIT_ONCE *once, void *parameter, void **result)
{
    (void)once;
    (void)parameter;
    (void)result;
    if (!(cryptnet = LoadLibraryExW(L"cryptnet.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32))) return FALSE;
    get_url = (void *)GetProcAddress(cryptnet, "CryptGetObjectUrl");
    retrieve = (void *)GetProcAddress(cryptnet, "CryptRetrieveObjectByUrlW");
    return get_url && retrieve;
}

/* The three that ask for revocation exclude each other (Microsoft: SCHANNEL_CRED); the widest wins. */
DWORD revocation_chain_flags(DWORD flags)
{
    DWORD chain = 0;

    if (flags & SCH_CRED_REVOCATION_CHECK_END_CERT) chain = CERT_CHAIN_REVOCATION_CHECK_END_CERT;
    if (flags & SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT)
        chain = CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT;
    if (flags & SCH_CRED_REVOCATION_CHECK_CHAIN) chain = CERT_CHAIN_REVOCATION_CHECK_CHAIN;
    if (chain && flags & SCH_CRED_REVOCATION_CHECK_CACHE_ONLY)
        chain |= CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY;
    return chain;
}

static BOOL has_extension(PCCERT_CONTEXT certificate, const char *oid)
{
    return CertFindExtension(oid, certificate->pCertInfo->cExtension, certificate->pCertInfo->rgExtension) !=
           NULL;
}

/* Whether a list speaks for this issuer now and lists the certificate. */
static BOOL list_revokes(PCCRL_CONTEXT list, PCCERT_CONTEXT certificate, PCCERT_CONTEXT issuer)
{
    CRL_ENTRY *entry = NULL;

    if (!CertCompareCertificateName(X509_ASN_ENCODING, &list->pCrlInfo->Issuer, &issuer->pCertInfo->Subject))
        return FALSE;
    if (!CryptVerifyCertificateSignatureEx(0, X509_ASN_ENCODING, CRYPT_VERIFY_CERT_SIGN_SUBJECT_CRL,
                                           (void *)list, CRYPT_VERIFY_CERT_SIGN_ISSUER_CERT, (void *)issuer,
                                           0, NULL))
        return FALSE;
    return CertFindCertificateInCRL(certificate, list, 0, NULL, &entry) && entry;
}

/* Looks at the lists the certificate names. TRUE: it is on one of them. What cannot be had says nothing. */
static BOOL is_listed(PCCERT_CONTEXT certificate, PCCERT_CONTEXT issuer, DWORD flags)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    DWORD how = flags & SCH_CRED_REVOCATION_CHECK_CACHE_ONLY ? CRYPT_CACHE_ONLY_RETRIEVAL : 0, size = 0, i;
    CRYPT_URL_ARRAY *urls;
    BOOL listed = FALSE;

    if (!InitOnceExecuteOnce(&once, load_cryptnet, NULL, NULL)) return FALSE;
    if (!get_url(URL_OID_CERTIFICATE_CRL_DIST_POINT, (void *)certificate, 0, NULL, &size, NULL, NULL, NULL))
        return FALSE;
    if (!(urls = malloc(size))) return FALSE;
    if (!get_url(URL_OID_CERTIFICATE_CRL_DIST_POINT, (void *)certificate, 0, urls, &size, NULL, NULL, NULL))
        urls->cUrl = 0;
    for (i = 0; i < urls->cUrl && !listed; i++)
    {
        PCCRL_CONTEXT list = NULL;

        if (!retrieve(urls->rgwszUrl[i], CONTEXT_OID_CRL, how, RETRIEVE_TIMEOUT, (void **)&list, NULL, NULL,
                      NULL, NULL))
            continue;
        listed = list_revokes(list, certificate, issuer);
        CertFreeCRLContext(list);
    }
    free(urls);
    return listed;
}

/* One certificate; `root` is one that has no issuer but itself. */
static SECURITY_STATUS judge_one(const CERT_CHAIN_ELEMENT *element, PCCERT_CONTEXT issuer, BOOL root,
                                 DWORD flags)
{
    PCCERT_CONTEXT certificate = element->pCertContext;
    BOOL has_list = has_extension(certificate, szOID_CRL_DIST_POINTS);

    if (element->TrustStatus.dwErrorStatus & CERT_TRUST_IS_REVOKED) return CRYPT_E_REVOKED;
    if (has_list && is_listed(certificate, issuer, flags)) return CRYPT_E_REVOKED;
    if (!(element->TrustStatus.dwErrorStatus & DOUBT)) return SEC_E_OK;
    if (has_list || has_extension(certificate, szOID_AUTHORITY_INFO_ACCESS))
        return flags & SCH_CRED_IGNORE_REVOCATION_OFFLINE ? SEC_E_OK : CRYPT_E_REVOCATION_OFFLINE;
    /* Nobody revokes a root but by no longer trusting it. */
    return root || flags & SCH_CRED_IGNORE_NO_REVOCATION_CHECK ? SEC_E_OK : CRYPT_E_NO_REVOCATION_CHECK;
}

SECURITY_STATUS revocation_judge(PCCERT_CHAIN_CONTEXT chain, DWORD flags, enum stapled_status stapled)
{
    const CERT_SIMPLE_CHAIN *simple = chain->rgpChain[0];
    SECURITY_STATUS doubt = SEC_E_OK, status;
    DWORD i, count = simple->cElement;

    if (!revocation_chain_flags(flags)) return SEC_E_OK;
    if (stapled == STAPLED_REVOKED) return CRYPT_E_REVOKED;
    if (!(flags & SCH_CRED_REVOCATION_CHECK_CHAIN))
        count = flags & SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT && count > 1 ? count - 1 : 1;
    for (i = 0; i < count; i++)
    {
        BOOL last = i + 1 == simple->cElement;

        status =
            judge_one(simple->rgpElement[i], simple->rgpElement[last ? i : i + 1]->pCertContext, last, flags);
        if (status == CRYPT_E_REVOKED) return status;
        if (!doubt && (i || stapled != STAPLED_GOOD)) doubt = status;
    }
    return doubt;
}
