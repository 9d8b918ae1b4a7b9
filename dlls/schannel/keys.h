/*
 * Private keys of certificates, reached through CryptoAPI and CNG.
 */
#ifndef SCHANNEL_KEYS_H
#define SCHANNEL_KEYS_H

#include "windows_sspi.h"

/*
 * Says whether a certificate's private key can be reached, as AcquireCredentialsHandle asks: SEC_E_OK;
 * SEC_E_NO_CREDENTIALS when nothing names a key; SEC_E_UNKNOWN_CREDENTIALS when the key that is named is not
 * there (Wine's tests/schannel.c, testAcquireSecurityContext).
 */
SECURITY_STATUS key_check(PCCERT_CONTEXT certificate);

#endif
