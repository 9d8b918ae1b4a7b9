/*
 * Private keys of certificates, reached through CryptoAPI and CNG.
 */
#include "keys.h"
#include "log.h"
#include <ncrypt.h>

static BOOL has_property(PCCERT_CONTEXT certificate, DWORD property)
{
    DWORD size = 0;

    return CertGetCertificateContextProperty(certificate, property, NULL, &size);
}

SECURITY_STATUS key_check(PCCERT_CONTEXT certificate)
{
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE key = 0;
    BOOL release = FALSE;
    DWORD spec = 0;

    if (!has_property(certificate, CERT_KEY_PROV_INFO_PROP_ID) &&
        !has_property(certificate, CERT_KEY_CONTEXT_PROP_ID) &&
        !has_property(certificate, CERT_NCRYPT_KEY_HANDLE_PROP_ID))
        return SEC_E_NO_CREDENTIALS;
    if (has_property(certificate, CERT_NCRYPT_KEY_HANDLE_PROP_ID)) return SEC_E_OK;
    if (!CryptAcquireCertificatePrivateKey(certificate,
                                           CRYPT_ACQUIRE_SILENT_FLAG | CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG,
                                           NULL, &key, &spec, &release))
    {
        WARN("the certificate names a key that cannot be had: %#lx\n", GetLastError());
        return SEC_E_UNKNOWN_CREDENTIALS;
    }
    if (release && spec == CERT_NCRYPT_KEY_SPEC)
        NCryptFreeObject(key);
    else if (release)
        CryptReleaseContext(key, 0);
    return SEC_E_OK;
}
