/*
 * Our own certificates: each with the chain that is sent and the key that signs.
 */
#ifndef SCHANNEL_OWN_H
#define SCHANNEL_OWN_H

#include "windows_sspi.h"
#include "identity.h"

struct own_certificate
{
    PCCERT_CONTEXT certificate; /* ours to free */
    struct key *key;            /* keys.h */
    struct identity *identity;
    BYTE *ocsp; /* CERT_OCSP_RESPONSE of the certificate, DER; ours to free; may be NULL */
    DWORD ocsp_size;
};

/*
 * Takes a certificate of the program's with its key. The chain is what crypt32 builds from the certificate's
 * own store and the system's, without its root unless `flags` has SCH_SEND_ROOT_CERT. The certificate is
 * duplicated.
 *
 * SEC_E_UNKNOWN_CREDENTIALS: it is no certificate, or the key that is named is not there.
 * SEC_E_NO_CREDENTIALS: no key is named (keys.h). SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS own_open(PCCERT_CONTEXT certificate, DWORD flags, struct own_certificate *own);
void own_close(struct own_certificate *own); /* zeroed is fine */

/* True when the key can sign handshakes of TLS 1.3. */
BOOL own_signs_for_tls13(const struct own_certificate *own);

/*
 * Looks for a certificate that suits the server in the user's MY store: a key, a time that includes now, a
 * use that includes TLS clients (Microsoft: "Performing Authentication Using Schannel"). FALSE: there is
 * none.
 */
BOOL own_find(const struct identity_request *request, DWORD flags, struct own_certificate *own);

#endif
