/*
 * A certificate taken apart, for SslCrackCertificate.
 */
#ifndef SCHANNEL_X509_H
#define SCHANNEL_X509_H

#include "windows_sspi.h"
#include "span.h"

/*
 * Takes one certificate in DER apart. `flags`: CF_CERT_FROM_FILE lets it be in base64, with or without PEM's
 * lines, or in Netscape's wrapper as well (Microsoft's page: "from a file"; which files is ours);
 * CF_VERIFY_SIG wants it signed by its own key, the only one there is to verify with (ours). Bytes behind the
 * certificate are not looked at.
 *
 * Returns 0, and in `cracked` one block that the caller frees with caller_free; or a code for SetLastError,
 * with `cracked` untouched: crypt32's own, or ERROR_INVALID_FLAGS, ERROR_NOT_ENOUGH_MEMORY,
 * CRYPT_E_BAD_ENCODE.
 *
 * Microsoft's page on X509Certificate says only what each field is about. How it is written is ours, and
 * follows CERT_INFO, whose maker (CertCreateCertificateContext) the page on SslCrackCertificate names as the
 * successor:
 *   Version             CERT_V1 (0) to CERT_V3 (2)
 *   SerialNumber        least significant byte first, 16 bytes: zeros above a shorter one, the upper bytes of
 *                       a longer one are left out
 *   SignatureAlgorithm  CertOIDToAlgId's answer: for RSA the hash (CALG_SHA_256), 0 for what it does not know
 *   pszIssuer, ...      CertNameToStrA's, in the order of the certificate: "C=XX, O=Some, CN=localhost"
 *   pPublicKey          Type: CertOIDToAlgId's answer (CALG_RSA_KEYX), CALG_ECDSA for elliptic curves; pKey:
 *                       the contents of subjectPublicKey, cbKey bytes
 */
DWORD x509_crack(struct span input, DWORD flags, X509Certificate **cracked);

#endif
