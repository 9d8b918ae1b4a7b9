/*
 * Private keys of certificates, where they are: CryptoAPI or CNG signs, we ask.
 *
 * An RSA key whose owner allowed exporting it is exported when it is opened: GnuTLS makes signatures that
 * CryptoAPI cannot, and those that it makes slowly (exported.h). No byte of any other key is ever read.
 */
#ifndef SCHANNEL_KEYS_H
#define SCHANNEL_KEYS_H

#include "windows_sspi.h"
#include "identity.h"

struct key;

/*
 * Opens the private key of a certificate, by CERT_NCRYPT_KEY_HANDLE, CERT_KEY_CONTEXT or CERT_KEY_PROV_INFO.
 * Handles that lie in the context are borrowed: the certificate has to outlive the key.
 *
 * SEC_E_NO_CREDENTIALS: nothing names a key. SEC_E_UNKNOWN_CREDENTIALS: the key that is named is not there,
 * or is another one's (Wine's tests/schannel.c, testAcquireSecurityContext). SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS key_open(PCCERT_CONTEXT certificate, struct key **key);
void key_close(struct key *key); /* NULL is fine */

/* A property of a certificate, `size` bytes that the caller frees; NULL, and size 0: it has none, or no
 * memory. */
void *certificate_property(PCCERT_CONTEXT certificate, DWORD id, DWORD *size);

/* How an identity (identity.h) uses a key. */
void key_describe(struct key *key, struct identity_key *description);

/* True when the key can sign what TLS 1.3 wants signed. */
BOOL key_signs_for_tls13(struct key *key);

#endif
