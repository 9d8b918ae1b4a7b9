/*
 * Certificates of the peer: from DER to what crypt32 works with, and what Windows thinks of them.
 *
 * Trust is crypt32's: its roots, its chains, its policy for SSL. This file asks, and puts the answer in
 * Schannel's words. What crypt32 accepts, GnuTLS looks at once more (chain.h), because Wine's crypt32 does
 * not know weak signatures; and addresses are matched by GnuTLS alone, because Wine's crypt32 knows host
 * names only.
 */
#include "certificates.h"
#include "chain.h"
#include "log.h"
#include "revocation.h"

#ifndef SECURITY_FLAG_IGNORE_REVOCATION
#define SECURITY_FLAG_IGNORE_REVOCATION 0x00000080 /* wininet.h, whose flags fdwChecks takes */
#endif

#define CERTIFICATES_MAX 32 /* of a chain that is judged */

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

/* The first row with a status is the reason there is for it. */
HRESULT certificates_reason(SECURITY_STATUS status)
{
    unsigned i;

    if (!status) return S_OK;
    for (i = 0; i < ARRAY_SIZE(verdicts); i++)
        if (verdicts[i].status == status) return (HRESULT)verdicts[i].error;
    return status;
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

/* Said by their own rules (revocation.h), or about what no TLS server needs. */
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

/* For the user's log. */
static const char *words_of(SECURITY_STATUS status)
{
    switch (status)
    {
    case SEC_E_UNTRUSTED_ROOT:
        return "it leads to no root that is trusted here";
    case SEC_E_WRONG_PRINCIPAL:
        return "it is for another name";
    case SEC_E_CERT_EXPIRED:
        return "it or one above it has expired, or is not valid yet";
    case SEC_E_CERT_WRONG_USAGE:
        return "it is not for this use";
    case CRYPT_E_REVOKED:
        return "it or one above it is revoked";
    case CRYPT_E_REVOCATION_OFFLINE:
        return "who knows whether it is revoked cannot be asked";
    case CRYPT_E_NO_REVOCATION_CHECK:
        return "it does not say who knows whether it is revoked";
    }
    return "it or one above it is not sound";
}

/* GnuTLS's opinion of the chain that crypt32 built. */
static SECURITY_STATUS second_opinion(PCCERT_CHAIN_CONTEXT chain, BOOL client)
{
    const CERT_SIMPLE_CHAIN *simple = chain->cChain ? chain->rgpChain[0] : NULL;
    struct span certificates[CERTIFICATES_MAX];
    DWORD i;

    if (!simple || !simple->cElement || simple->cElement > CERTIFICATES_MAX) return SEC_E_CERT_UNKNOWN;
    for (i = 0; i < simple->cElement; i++)
    {
        certificates[i].data = simple->rgpElement[i]->pCertContext->pbCertEncoded;
        certificates[i].size = simple->rgpElement[i]->pCertContext->cbCertEncoded;
    }
    return chain_judge(certificates, simple->cElement, client);
}

/* Whether the name is one of the certificate's, by who can tell: crypt32 and GnuTLS for a host, GnuTLS for an
 * address. */
static SECURITY_STATUS check_name(PCCERT_CONTEXT leaf, const struct target *target)
{
    struct span der = { leaf->pbCertEncoded, leaf->cbCertEncoded };

    if (target->kind == TARGET_NONE) return SEC_E_OK;
    if (target->kind == TARGET_INVALID) return SEC_E_WRONG_PRINCIPAL;
    return chain_is_for(der, target->name, target->kind == TARGET_ADDRESS) ? SEC_E_OK : SEC_E_WRONG_PRINCIPAL;
}

/* The first end of a certificate in the chain that crypt32 built, its root among them. */
static ULONG64 first_end(PCCERT_CHAIN_CONTEXT chain)
{
    const CERT_SIMPLE_CHAIN *simple = chain->cChain ? chain->rgpChain[0] : NULL;
    ULONG64 first = simple && simple->cElement ? ~0ull : 0;
    DWORD i;

    for (i = 0; simple && i < simple->cElement; i++)
    {
        FILETIME end = simple->rgpElement[i]->pCertContext->pCertInfo->NotAfter;

        first = min(first, (ULONG64)end.dwHighDateTime << 32 | end.dwLowDateTime);
    }
    return first;
}

/* What a stapled response says of the leaf, if the chain has an issuer to have signed it. */
static enum stapled_status stapled_status(PCCERT_CHAIN_CONTEXT chain, struct span response)
{
    CERT_CHAIN_ELEMENT **elements = chain->rgpChain[0]->rgpElement;
    struct span leaf, issuer;

    if (chain->rgpChain[0]->cElement < 2) return STAPLED_NOTHING;
    leaf.data = elements[0]->pCertContext->pbCertEncoded;
    leaf.size = elements[0]->pCertContext->cbCertEncoded;
    issuer.data = elements[1]->pCertContext->pbCertEncoded;
    issuer.size = elements[1]->pCertContext->cbCertEncoded;
    return chain_stapled(response, leaf, issuer);
}

/* crypt32's verdict, by its policy for SSL and its own reproaches. */
static SECURITY_STATUS first_opinion(PCCERT_CHAIN_CONTEXT chain, WCHAR *host, BOOL client)
{
    SSL_EXTRA_CERT_CHAIN_POLICY_PARA extra = { .cbSize = sizeof(extra),
                                               .dwAuthType = client ? AUTHTYPE_CLIENT : AUTHTYPE_SERVER };
    CERT_CHAIN_POLICY_PARA policy = { .cbSize = sizeof(policy) };
    CERT_CHAIN_POLICY_STATUS verdict = { .cbSize = sizeof(verdict) };
    SECURITY_STATUS status;

    extra.pwszServerName = host;
    /* Revocation has three names in Schannel, and rules of its own (revocation.h). */
    extra.fdwChecks = SECURITY_FLAG_IGNORE_REVOCATION;
    policy.dwFlags = CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS;
    policy.pvExtraPolicyPara = &extra;
    if (!CertVerifyCertificateChainPolicy(CERT_CHAIN_POLICY_SSL, chain, &policy, &verdict))
        return SEC_E_CERT_UNKNOWN;
    status = status_of_verdict(verdict.dwError);
    return status ? status : status_of_trust(chain->TrustStatus.dwErrorStatus);
}

SECURITY_STATUS certificates_verify(PCCERT_CONTEXT leaf, const struct target *target, DWORD flags,
                                    struct span stapled, struct certificates_finding *finding)
{
    static char server_auth[] = szOID_PKIX_KP_SERVER_AUTH, client_auth[] = szOID_PKIX_KP_CLIENT_AUTH;
    char *usages[] = { target ? server_auth : client_auth };
    CERT_CHAIN_PARA para = { .cbSize = sizeof(para),
                             .RequestedUsage = { USAGE_MATCH_TYPE_AND, { 1, usages } } };
    BOOL named = target && !(flags & SCH_CRED_NO_SERVERNAME_CHECK);
    PCCERT_CHAIN_CONTEXT chain = NULL;
    WCHAR host[TARGET_NAME_SIZE];
    DWORD build = revocation_chain_flags(flags);
    SECURITY_STATUS status;
    unsigned i;

    if (flags & (SCH_CRED_CACHE_ONLY_URL_RETRIEVAL | SCH_CRED_CACHE_ONLY_URL_RETRIEVAL_ON_CREATE))
        build |= CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL;
    if (!CertGetCertificateChain(NULL, leaf, NULL, leaf->hCertStore, &para, build, NULL, &chain))
    {
        WARN("no chain could be built: %#lx\n", GetLastError());
        finding->trust = CERT_TRUST_IS_PARTIAL_CHAIN;
        finding->until = 0;
        return SEC_E_CERT_UNKNOWN;
    }
    finding->trust = chain->TrustStatus.dwErrorStatus;
    finding->until = first_end(chain);
    for (i = 0; named && i < TARGET_NAME_SIZE; i++) host[i] = (unsigned char)target->name[i];
    status = first_opinion(chain, named && target->kind == TARGET_HOST ? host : NULL, !target);
    if (!status && named) status = check_name(leaf, target);
    if (!status) status = second_opinion(chain, !target);
    if (!status) status = revocation_judge(chain, flags, stapled_status(chain, stapled));
    if (status)
        WARN("the certificate of %s is refused: %s (trust %#lx)\n",
             !target         ? "the client"
             : *target->name ? target->name
                             : "the server",
             words_of(status), (unsigned long)finding->trust);
    CertFreeCertificateChain(chain);
    return status;
}
