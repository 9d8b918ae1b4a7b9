/*
 * trust-ca: makes this prefix trust a certificate authority, or forget it.
 *
 * Programs started afterwards see the change. Wine's crypt32 does not delete the registry key of a root that
 * is removed from its store, so --forget does.
 */
#define __USE_MINGW_ANSI_STDIO 1
#include "windows_sspi.h"
#include <stdio.h>

#define ROOTS L"Software\\Microsoft\\SystemCertificates\\Root\\Certificates\\"

static int usage(void)
{
    fputs("usage: trust-ca [--forget] CERTIFICATE   (a file, DER or PEM)\n", stderr);
    return 2;
}

static PCCERT_CONTEXT read_certificate(const WCHAR *path)
{
    PCCERT_CONTEXT certificate = NULL;

    CryptQueryObject(CERT_QUERY_OBJECT_FILE, path, CERT_QUERY_CONTENT_FLAG_CERT, CERT_QUERY_FORMAT_FLAG_ALL,
                     0, NULL, NULL, NULL, NULL, NULL, (const void **)&certificate);
    return certificate;
}

static int trust(PCCERT_CONTEXT certificate)
{
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"Root");
    int failed = !store ||
                 !CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL);

    if (store) CertCloseStore(store, 0);
    return failed;
}

static int forget(PCCERT_CONTEXT certificate)
{
    WCHAR path[200] = ROOTS;
    BYTE hash[20];
    DWORD size = sizeof(hash), i;

    if (!CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size)) return 1;
    for (i = 0; i < size; i++) snwprintf(path + wcslen(path), 3, L"%02X", hash[i]);
    return RegDeleteTreeW(HKEY_CURRENT_USER, path) != ERROR_SUCCESS;
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    BOOL forgetting = argc == 3 && !wcscmp(argv[1], L"--forget");
    PCCERT_CONTEXT certificate;
    int result;

    if (argc != 2 && !forgetting) return usage();
    if (!(certificate = read_certificate(argv[argc - 1])))
    {
        fprintf(stderr, "%ls is no certificate\n", argv[argc - 1]);
        return 1;
    }
    result = forgetting ? forget(certificate) : trust(certificate);
    if (result) fprintf(stderr, "the prefix's store of roots could not be changed\n");
    CertFreeCertificateContext(certificate);
    return result;
}
