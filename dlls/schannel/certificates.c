/*
 * Certificates of the peer: from DER to what crypt32 works with, and what Windows thinks of them.
 *
 * Trust is crypt32's: its roots, its chains, its policy for SSL. This file asks, and puts the answer in
 * Schannel's words.
 */
#include "certificates.h"
#include "log.h"

SECURITY_STATUS certificates_open(const struct span *chain, unsigned count, PCCERT_CONTEXT *leaf)
{
    SECURITY_STATUS status = SEC_E_INSUFFICIENT_MEMORY;
    PCCERT_CONTEXT first = NULL;
    HCERTSTORE store;
    unsigned i;

    if (!count) return SEC_E_NO_CREDENTIALS;
    store = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, NULL);
    if (!store) return SEC_E_INSUFFICIENT_MEMORY;
    for (i = 0; i < count; i++)
    {
        if (CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, chain[i].data, (DWORD)chain[i].size,
                                             CERT_STORE_ADD_ALWAYS, i ? NULL : &first))
            continue;
        WARN("certificate %u of %u cannot be read: %#lx\n", i, count, GetLastError());
        status = SEC_E_CERT_UNKNOWN;
        goto done;
    }
    *leaf = first;
    first = NULL; /* it is the caller's now */
    status = SEC_E_OK;

done:
    if (first) CertFreeCertificateContext(first);
    CertCloseStore(store, 0); /* the certificates keep it */
    return status;
}

/* The policy's verdicts (Microsoft: CERT_CHAIN_POLICY_STATUS). */
static const struct
{
    DWORD error;
    SECURITY_STATUS status;
} verdicts[] = {
    /* clang-format off */
    { CERT_E_CN_NO_MATCH,              SEC_E_WRONG_PRINCIPAL },
    { CERT_E_UNTRUSTEDROOT,            SEC_E_UNTRUSTED_ROOT },
    { CERT_E_UNTRUSTEDTESTROOT,        SEC_E_UNTRUSTED_ROOT },
    { CERT_E_CHAINING,                 SEC_E_UNTRUSTED_ROOT },
    { CERT_E_EXPIRED,                  SEC_E_CERT_EXPIRED },
    { CERT_E_VALIDITYPERIODNESTING,    SEC_E_CERT_EXPIRED },
    { CERT_E_REVOKED,                  CRYPT_E_REVOKED },
    { CRYPT_E_REVOKED,                 CRYPT_E_REVOKED },
    { CERT_E_REVOCATION_FAILURE,       CRYPT_E_REVOCATION_OFFLINE },
    { CRYPT_E_REVOCATION_OFFLINE,      CRYPT_E_REVOCATION_OFFLINE },
    { CRYPT_E_NO_REVOCATION_CHECK,     CRYPT_E_NO_REVOCATION_CHECK },
    { CERT_E_WRONG_USAGE,              SEC_E_CERT_WRONG_USAGE },
    /* clang-format on */
};

static SECURITY_STATUS status_of_verdict(DWORD error)
{
    unsigned i;

    if (!error) return SEC_E_OK;
    for (i = 0; i < ARRAY_SIZE(verdicts); i++)
        if ((DWORD)verdicts[i].error == error) return verdicts[i].status;
    return SEC_E_CERT_UNKNOWN;
}

/*
 * What the chain itself is reproached with. Wine's policy looks at some of it only: a chain whose issuer is
 * nowhere to be found passes it (tests/validation.c). The first row that applies is the reason.
 */
static const struct
{
    DWORD trust;
    SECURITY_STATUS status;
} reproaches[] = {
    /* clang-format off */
    { CERT_TRUST_IS_NOT_SIGNATURE_VALID,   SEC_E_CERT_UNKNOWN },
    { CERT_TRUST_IS_PARTIAL_CHAIN,         SEC_E_UNTRUSTED_ROOT },
    { CERT_TRUST_IS_UNTRUSTED_ROOT,        SEC_E_UNTRUSTED_ROOT },
    { CERT_TRUST_IS_CYCLIC,                SEC_E_UNTRUSTED_ROOT },
    { CERT_TRUST_IS_EXPLICIT_DISTRUST,     SEC_E_UNTRUSTED_ROOT },
    { CERT_TRUST_IS_NOT_TIME_VALID,        SEC_E_CERT_EXPIRED },
    { CERT_TRUST_IS_NOT_VALID_FOR_USAGE,   SEC_E_CERT_WRONG_USAGE },
    /* clang-format on */
};

/* Said by their own rules (revocation_doubts), or about what no TLS server needs. */
#define TRUST_PASSED_OVER                                                                                    \
    (CERT_TRUST_IS_REVOKED | CERT_TRUST_REVOCATION_STATUS_UNKNOWN | CERT_TRUST_IS_OFFLINE_REVOCATION |       \
     CERT_TRUST_NO_ISSUANCE_CHAIN_POLICY)

static SECURITY_STATUS status_of_trust(DWORD trust)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(reproaches); i++)
        if (trust & reproaches[i].trust) return reproaches[i].status;
    return trust & ~TRUST_PASSED_OVER ? SEC_E_CERT_UNKNOWN : SEC_E_OK;
}

/* The three that ask for revocation exclude each other (Microsoft: SCHANNEL_CRED); the widest wins. */
static DWORD chain_flags(DWORD flags)
{
    DWORD chain = 0;

    if (flags & SCH_CRED_REVOCATION_CHECK_END_CERT) chain = CERT_CHAIN_REVOCATION_CHECK_END_CERT;
    if (flags & SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT)
        chain = CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT;
    if (flags & SCH_CRED_REVOCATION_CHECK_CHAIN) chain = CERT_CHAIN_REVOCATION_CHECK_CHAIN;
    if (flags & SCH_CRED_REVOCATION_CHECK_CACHE_ONLY) chain |= CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY;
    if (flags & (SCH_CRED_CACHE_ONLY_URL_RETRIEVAL | SCH_CRED_CACHE_ONLY_URL_RETRIEVAL_ON_CREATE))
        chain |= CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL;
    return chain;
}

/* What could not be found out about revocation, unless the program said not to mind. */
static SECURITY_STATUS revocation_doubts(DWORD trust, DWORD flags)
{
    if (trust & CERT_TRUST_IS_REVOKED) return CRYPT_E_REVOKED;
    if (trust & CERT_TRUST_IS_OFFLINE_REVOCATION && !(flags & SCH_CRED_IGNORE_REVOCATION_OFFLINE))
        return CRYPT_E_REVOCATION_OFFLINE;
    if (trust & CERT_TRUST_REVOCATION_STATUS_UNKNOWN && !(trust & CERT_TRUST_IS_OFFLINE_REVOCATION) &&
        !(flags & SCH_CRED_IGNORE_NO_REVOCATION_CHECK))
        return CRYPT_E_NO_REVOCATION_CHECK;
    return SEC_E_OK;
}

SECURITY_STATUS certificates_verify(PCCERT_CONTEXT leaf, const WCHAR *name, DWORD flags)
{
    static char server_auth[] = szOID_PKIX_KP_SERVER_AUTH;
    char *usages[] = { server_auth };
    CERT_CHAIN_PARA para = { .cbSize = sizeof(para),
                             .RequestedUsage = { USAGE_MATCH_TYPE_AND, { 1, usages } } };
    SSL_EXTRA_CERT_CHAIN_POLICY_PARA extra = { .cbSize = sizeof(extra), .dwAuthType = AUTHTYPE_SERVER };
    CERT_CHAIN_POLICY_PARA policy = { .cbSize = sizeof(policy) };
    CERT_CHAIN_POLICY_STATUS verdict = { .cbSize = sizeof(verdict) };
    SECURITY_STATUS status = SEC_E_CERT_UNKNOWN;
    PCCERT_CHAIN_CONTEXT chain = NULL;
    DWORD revocation = chain_flags(flags), trust;

    if (!CertGetCertificateChain(NULL, leaf, NULL, leaf->hCertStore, &para, revocation, NULL, &chain))
    {
        WARN("no chain could be built: %#lx\n", GetLastError());
        return SEC_E_CERT_UNKNOWN;
    }
    trust = chain->TrustStatus.dwErrorStatus;
    if (!(flags & SCH_CRED_NO_SERVERNAME_CHECK)) extra.pwszServerName = (WCHAR *)name;
    /* The policy would call doubts about revocation by one name; Schannel has three (revocation_doubts). */
    policy.dwFlags = CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS;
    policy.pvExtraPolicyPara = &extra;
    if (!CertVerifyCertificateChainPolicy(CERT_CHAIN_POLICY_SSL, chain, &policy, &verdict)) goto done;

    status = status_of_verdict(verdict.dwError);
    if (!status) status = status_of_trust(trust);
    if (!status && revocation) status = revocation_doubts(trust, flags);
    if (status)
        WARN("refused: trust %#lx, verdict %#lx\n", (unsigned long)trust, (unsigned long)verdict.dwError);

done:
    CertFreeCertificateChain(chain);
    return status;
}
