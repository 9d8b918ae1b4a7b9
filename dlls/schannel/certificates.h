/*
 * Certificates of the peer: from DER to what crypt32 works with, and what Windows thinks of them.
 */
#ifndef SCHANNEL_CERTIFICATES_H
#define SCHANNEL_CERTIFICATES_H

#include "windows_sspi.h"
#include "span.h"
#include "target.h"

/*
 * Makes a context of the first certificate; its hCertStore holds the whole chain (Wine's tests/schannel.c,
 * test_remote_cert). The caller frees it with CertFreeCertificateContext. SEC_E_CERT_UNKNOWN: one of them is
 * no certificate; SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS certificates_open(const struct span *chain, unsigned count, PCCERT_CONTEXT *leaf);

/* What a chain looked like, whatever the verdict. */
struct certificates_finding
{
    DWORD trust;   /* crypt32's CERT_TRUST_* bits of the chain */
    ULONG64 until; /* the first of its certificates ends then: 100 ns since 1601; 0: there is no chain */
};

/*
 * Judges a server's chain for its name as Windows does unless the program took that over: the chain up to a
 * trusted root, its times, its use, the name. `target` NULL: a client's chain. `flags`: SCH_CRED_* of the
 * credential; `stapled`: the OCSP response the server brought, DER, or empty.
 *
 * SEC_E_OK; SEC_E_UNTRUSTED_ROOT, SEC_E_WRONG_PRINCIPAL, SEC_E_CERT_EXPIRED, CRYPT_E_REVOKED,
 * CRYPT_E_NO_REVOCATION_CHECK, CRYPT_E_REVOCATION_OFFLINE, SEC_E_CERT_WRONG_USAGE; SEC_E_CERT_UNKNOWN for the
 * rest. `finding` is always written.
 */
SECURITY_STATUS certificates_verify(PCCERT_CONTEXT leaf, const struct target *target, DWORD flags,
                                    struct span stapled, struct certificates_finding *finding);

/* The reason crypt32's policy would have given for a status of certificates_verify: S_OK, CERT_E_*,
 * CRYPT_E_*. */
HRESULT certificates_reason(SECURITY_STATUS status);

#endif
