/*
 * The one way to include Windows' security headers: in their order, with the defines they want, and with what
 * some versions of them lack. Newer headers win: every addition here is guarded.
 */
#ifndef WINDOWS_SSPI_H
#define WINDOWS_SSPI_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00 /* Windows 10 */
#endif
#define WIN32_LEAN_AND_MEAN
#define SECURITY_WIN32
#define SCHANNEL_USE_BLACKLISTS /* SCH_CREDENTIALS and TLS_PARAMETERS */
#define _NO_KSECDD_IMPORT_      /* else sspi.h declares the functions we define as imported */

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>
#include <winternl.h> /* UNICODE_STRING, for schannel.h */
#include <wincrypt.h>
#include <sspi.h>
#include <schannel.h>

/* Context requirements that came after mingw-w64 10 (values: sspi.h of the Windows 11 SDK). */
#ifndef ISC_REQ_MESSAGES
#define ISC_REQ_MESSAGES 0x0000000100000000
#endif
#ifndef SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_5
#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_5 5
#endif

/* EncryptMessage's fQOP bit for an alert instead of data (sspi.h). */
#ifndef SECQOP_WRAP_OOB_DATA
#define SECQOP_WRAP_OOB_DATA 0x40000000
#endif

/* ALG_IDs that wincrypt.h of some mingw versions lacks. */
#ifndef CALG_ECDH_EPHEM
#define CALG_ECDH_EPHEM 0x0000ae06
#endif
#ifndef CALG_ECDSA
#define CALG_ECDSA 0x00002203
#endif

/* What a deferred validation found (schannel.h of the Windows 11 SDK:
 * SecPkgContext_CertificateValidationResult). */
struct certificate_validation_result
{
    DWORD chain_error_status;    /* CERT_TRUST_* */
    HRESULT verify_chain_status; /* CERT_E_* and the like, or S_OK */
};
#ifndef SECPKG_ATTR_CERT_CHECK_RESULT
#define SECPKG_ATTR_CERT_CHECK_RESULT 0x71
#endif
#ifndef SECPKG_ATTR_CERT_CHECK_RESULT_INPROC
#define SECPKG_ATTR_CERT_CHECK_RESULT_INPROC 0x72
#endif
#ifndef SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT_INPROC
#define SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT_INPROC 0x74
#endif
#ifndef SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT
#define SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT 0x75
#endif
#ifndef SCH_CRED_DEFERRED_CRED_VALIDATION
#define SCH_CRED_DEFERRED_CRED_VALIDATION 0x04000000
#endif

/* Keys that servers protect session tickets with (schannel.h of the Windows 11 SDK:
 * SecPkgCred_SessionTicketKeys). */
struct session_ticket_key
{
    DWORD version;
    BYTE id[16];
    BYTE material[64];
    BYTE material_size; /* 32 to 64 */
};
struct session_ticket_keys
{
    DWORD count; /* up to 16 */
    struct session_ticket_key *keys;
};
#ifndef SECPKG_ATTR_SESSION_TICKET_KEYS
#define SECPKG_ATTR_SESSION_TICKET_KEYS 0x73
#endif

/* What SslGetExtensions fills in (schannel.h of the Windows 11 SDK: SCH_EXTENSION_DATA,
 * SCH_NO_RECORD_HEADER). */
struct client_extension
{
    WORD type;
    const BYTE *data;
    DWORD size;
};
#define CLIENT_HELLO_WITHOUT_RECORDS 1

/* SslCrackCertificate's flags. The second is Vanara.PInvoke's, after the Windows SDK; for the first there is
 * mingw-w64's SSL_CRACK_CERTIFICATE_FN, which has a BOOL VerifySignature in this place. */
#ifndef CF_VERIFY_SIG
#define CF_VERIFY_SIG 1
#endif
#ifndef CF_CERT_FROM_FILE
#define CF_CERT_FROM_FILE 2
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

#endif
