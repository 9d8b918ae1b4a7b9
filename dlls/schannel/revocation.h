/*
 * Revocation: what is known, and what is not, about the certificates of a chain.
 */
#ifndef SCHANNEL_REVOCATION_H
#define SCHANNEL_REVOCATION_H

#include "windows_sspi.h"
#include "chain.h"

/* The CERT_CHAIN_* flags that the SCH_CRED_* flags of a credential mean for CertGetCertificateChain; 0:
 * revocation is not asked for. */
DWORD revocation_chain_flags(DWORD flags);

/*
 * Judges a chain that was built with these flags. SEC_E_OK; CRYPT_E_REVOKED; CRYPT_E_REVOCATION_OFFLINE: a
 * certificate says where its status is to be had, but it cannot be had; CRYPT_E_NO_REVOCATION_CHECK: it does
 * not say where. The IGNORE flags silence the last two (Microsoft: SCHANNEL_CRED). `stapled` is what the
 * server itself brought about its certificate.
 */
SECURITY_STATUS revocation_judge(PCCERT_CHAIN_CONTEXT chain, DWORD flags, enum stapled_status stapled);

#endif
