/*
 * The Ssl* exports: what was in the DLL before there was SSPI, and some of what came long after.
 *
 * mingw-w64 declares them without the calling convention the real DLL's 32-bit names show (@8, @16), so the
 * functions have names of their own here and get Windows' in schannel.spec.
 */
#include "windows_sspi.h"
#include "hello.h"
#include "log.h"
#include "secbuf.h"
#include "session.h"
#include "status.h"
#include "target.h"
#include "verdicts.h"
#include "x509.h"

BOOL WINAPI ssl_empty_cache_a(const char *target, DWORD flags);
BOOL WINAPI ssl_empty_cache_w(const WCHAR *target, DWORD flags);
BOOL WINAPI ssl_crack_certificate(BYTE *certificate, DWORD size, DWORD flags, X509Certificate **cracked);
void WINAPI ssl_free_certificate(X509Certificate *cracked);
BOOL WINAPI ssl_free_custom_buffer(void *buffer);
BOOL WINAPI ssl_generate_key_pair(SSL_CREDENTIAL_CERTIFICATE *certificates, char *name, char *password,
                                  DWORD bits);
void WINAPI ssl_generate_random_bits(BYTE *bytes, LONG size);
DWORD WINAPI ssl_get_maximum_key_size(DWORD reserved);
DWORD WINAPI ssl_load_certificate(void *a, void *b, void *c);
SECURITY_STATUS WINAPI ssl_get_server_identity(BYTE *hello, DWORD size, BYTE **identity, DWORD *identity_size,
                                               DWORD flags);
SECURITY_STATUS WINAPI ssl_get_extensions(const BYTE *hello, DWORD size, struct client_extension *extensions,
                                          BYTE count, DWORD *to_read, DWORD flags);
DWORD WINAPI open_performance_data(WCHAR *name);
DWORD WINAPI collect_performance_data(WCHAR *query, void **data, DWORD *size, DWORD *types);
DWORD CDECL close_performance_data(void);

/* SslEmptyCacheW (SCHANNEL.@): sessions with that server, or with NULL all, are not resumed any more. Whose
 * certificates were found to be good is forgotten, of all servers. */
BOOL WINAPI ssl_empty_cache_w(const WCHAR *name, DWORD flags)
{
    char text[LOG_WIDE_SIZE];
    struct target target;
    struct span span;

    TRACE("%s %#lx\n", log_wide(text, name), (unsigned long)flags);
    target_parse(name, &target);
    span.data = (const uint8_t *)target.name;
    span.size = strlen(target.name);
    if (span.size || !name) session_empty_cache(span);
    verdicts_empty();
    return TRUE;
}

/* SslEmptyCacheA (SCHANNEL.@) */
BOOL WINAPI ssl_empty_cache_a(const char *name, DWORD flags)
{
    WCHAR wide[TARGET_NAME_SIZE];

    if (!name) return ssl_empty_cache_w(NULL, flags);
    if (!MultiByteToWideChar(CP_ACP, 0, name, -1, wide, ARRAY_SIZE(wide)))
        return TRUE; /* no host has that name */
    return ssl_empty_cache_w(wide, flags);
}

/*
 * SslGetServerIdentity (SCHANNEL.@): the name in a ClientHello's server_name, in the caller's bytes and
 * without an end. A hello without one is SEC_E_OK, NULL and 0; that is ours, for Microsoft's page does not
 * say.
 */
SECURITY_STATUS WINAPI ssl_get_server_identity(BYTE *hello, DWORD size, BYTE **identity, DWORD *identity_size,
                                               DWORD flags)
{
    struct span input = { hello, size }, name;
    SECURITY_STATUS status = SEC_E_INVALID_PARAMETER;
    struct hello parsed;
    size_t missing;

    if (!hello || !identity || !identity_size || flags) goto done;
    *identity = NULL;
    *identity_size = 0;
    if ((status = hello_open(input, TRUE, &parsed, &missing))) goto done;
    if (hello_server_name(&parsed, &name))
    {
        *identity = (BYTE *)name.data;
        *identity_size = (DWORD)name.size;
    }
    hello_close(&parsed);

done:
    TRACE("%p %lu %p %p %#lx: %s\n", hello, (unsigned long)size, identity, identity_size,
          (unsigned long)flags, status_name(status));
    return status;
}

/*
 * SslGetExtensions (SCHANNEL.@): fills in data and size of each extension whose type the caller wrote down;
 * NULL and 0 for one the client did not send. `to_read`: how many bytes more are needed, with
 * SEC_E_INCOMPLETE_MESSAGE. The one flag says that the hello comes without record headers, as in QUIC.
 */
SECURITY_STATUS WINAPI ssl_get_extensions(const BYTE *hello, DWORD size, struct client_extension *extensions,
                                          BYTE count, DWORD *to_read, DWORD flags)
{
    struct span input = { hello, size }, data;
    SECURITY_STATUS status = SEC_E_INVALID_PARAMETER;
    struct hello parsed;
    size_t missing;
    unsigned i;

    if (!hello || (count && !extensions) || !to_read || flags & ~(DWORD)CLIENT_HELLO_WITHOUT_RECORDS)
        goto done;
    status = hello_open(input, !(flags & CLIENT_HELLO_WITHOUT_RECORDS), &parsed, &missing);
    *to_read = (DWORD)missing;
    if (status) goto done;
    for (i = 0; i < count; i++)
    {
        BOOL found = hello_extension(&parsed, extensions[i].type, &data);

        extensions[i].data = found ? data.data : NULL;
        extensions[i].size = found ? (DWORD)data.size : 0;
    }
    hello_close(&parsed);

done:
    TRACE("%p %lu %p %u %#lx: %s\n", hello, (unsigned long)size, extensions, count, (unsigned long)flags,
          status_name(status));
    return status;
}

/*
 * SslCrackCertificate (SCHANNEL.@): x509.h says what becomes of what. That failures leave a last error, and a
 * NULL, is ours.
 */
BOOL WINAPI ssl_crack_certificate(BYTE *certificate, DWORD size, DWORD flags, X509Certificate **cracked)
{
    struct span input = { certificate, size };
    DWORD error = ERROR_INVALID_PARAMETER;

    if (cracked)
    {
        *cracked = NULL;
        if (certificate && size) error = x509_crack(input, flags, cracked);
    }
    TRACE("%p %lu %#lx %p: error %#lx\n", certificate, (unsigned long)size, (unsigned long)flags, cracked,
          (unsigned long)error);
    if (error) SetLastError(error);
    return !error;
}

/* SslFreeCertificate (SCHANNEL.@): what SslCrackCertificate gave; NULL is fine. */
void WINAPI ssl_free_certificate(X509Certificate *cracked)
{
    TRACE("%p\n", cracked);
    caller_free(cracked);
}

/*
 * SslFreeCustomBuffer (SCHANNEL.@): no header has it, and nothing here gives out such a buffer, so whatever a
 * caller brings is not ours to free. Its 32-bit name, which would tell how many bytes of arguments it takes,
 * is not in mingw-w64's list, and a wrong number would spoil the caller's stack: it is exported to 64-bit
 * programs only (schannel.spec).
 */
BOOL WINAPI ssl_free_custom_buffer(void *buffer)
{
    TRACE("%p\n", buffer);
    return FALSE;
}

/*
 * SslGenerateKeyPair (SCHANNEL.@) wants a key and a certificate written into SSL_CREDENTIAL_CERTIFICATE,
 * whose fields schannel.h names; no document says what the bytes in them are. No program can use them either:
 * the credentials that took such a key, SCH_CRED of versions 1 and 2, are refused since long
 * (SEC_E_UNKNOWN_CREDENTIALS; Wine's dlls/secur32/tests/schannel.c). The refusal is ours.
 */
BOOL WINAPI ssl_generate_key_pair(SSL_CREDENTIAL_CERTIFICATE *certificates, char *name, char *password,
                                  DWORD bits)
{
    (void)name;
    (void)password;
    TRACE("%p %lu bits: not available\n", certificates, (unsigned long)bits);
    SetLastError(ERROR_CALL_NOT_IMPLEMENTED);
    return FALSE;
}

/* SslGenerateRandomBits (SCHANNEL.@) */
void WINAPI ssl_generate_random_bits(BYTE *bytes, LONG size)
{
    HCRYPTPROV provider;

    TRACE("%p %ld\n", bytes, (long)size);
    if (!bytes || size <= 0) return;
    /* The caller cannot be told of a failure, so it must not take a constant for chance. */
    if (!CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT) ||
        !CryptGenRandom(provider, (DWORD)size, bytes))
        RaiseException(STATUS_NO_MEMORY, EXCEPTION_NONCONTINUABLE, 0, NULL);
    CryptReleaseContext(provider, 0);
}

/*
 * SslGetMaximumKeySize (SCHANNEL.@): nothing says of which key, so this is ours: the bits of the largest RSA
 * key for key exchange that the default CryptoAPI provider makes. 0: it does not say.
 */
DWORD WINAPI ssl_get_maximum_key_size(DWORD reserved)
{
    PROV_ENUMALGS_EX algorithm;
    HCRYPTPROV provider;
    DWORD bits = 0, size = sizeof(algorithm), first = CRYPT_FIRST;

    if (CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT))
    {
        while (CryptGetProvParam(provider, PP_ENUMALGS_EX, (BYTE *)&algorithm, &size, first))
        {
            if (algorithm.aiAlgid == CALG_RSA_KEYX) bits = algorithm.dwMaxLen;
            size = sizeof(algorithm);
            first = 0;
        }
        CryptReleaseContext(provider, 0);
    }
    TRACE("%#lx: %lu bits\n", (unsigned long)reserved, (unsigned long)bits);
    return bits;
}

/*
 * SslLoadCertificate (SCHANNEL.@): only its name and its 12 bytes of arguments are known (mingw-w64's
 * schannel.def), and no credential takes what it would load: see SslGenerateKeyPair. The refusal is ours.
 */
DWORD WINAPI ssl_load_certificate(void *a, void *b, void *c)
{
    TRACE("%p %p %p: not available\n", a, b, c);
    SetLastError(ERROR_CALL_NOT_IMPLEMENTED);
    return 0;
}

/*
 * OpenSslPerformanceData, CollectSslPerformanceData, CloseSslPerformanceData (SCHANNEL.@): perflib's three,
 * with nothing to count. A library without data leaves `data` where it is and says 0 bytes of 0 types
 * (Microsoft: PM_COLLECT_PROC).
 */
DWORD WINAPI open_performance_data(WCHAR *name)
{
    (void)name;
    return ERROR_SUCCESS;
}

DWORD WINAPI collect_performance_data(WCHAR *query, void **data, DWORD *size, DWORD *types)
{
    (void)query;
    (void)data;
    if (size) *size = 0;
    if (types) *types = 0;
    return ERROR_SUCCESS;
}

DWORD CDECL close_performance_data(void)
{
    return ERROR_SUCCESS;
}
