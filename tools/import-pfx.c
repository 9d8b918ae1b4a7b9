/*
 * import-pfx: puts the certificate of a PFX file, with its key, into this prefix's store MY of the user.
 *
 * Wine has no program for it. The authorities in the file go to CA, and nothing becomes trusted. What is
 * printed is the SHA-1 by which programs ask for the certificate.
 */
#define __USE_MINGW_ANSI_STDIO 1
#include "windows_sspi.h"
#include <stdio.h>
#include <stdlib.h>

static BOOL read_file(const WCHAR *path, CRYPT_DATA_BLOB *blob)
{
    FILE *file = _wfopen(path, L"rb");
    long size;
    BOOL whole = FALSE;

    if (!file) return FALSE;
    if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) > 0 && !fseek(file, 0, SEEK_SET) &&
        (blob->pbData = malloc((size_t)size)))
    {
        blob->cbData = (DWORD)size;
        whole = fread(blob->pbData, 1, blob->cbData, file) == blob->cbData;
    }
    fclose(file);
    return whole;
}

/* Wine's crypt32 names a specification that is both. */
static BOOL is_key_of(HCRYPTPROV provider, DWORD spec, PCCERT_CONTEXT certificate)
{
    CERT_PUBLIC_KEY_INFO *info = NULL;
    DWORD size = 0;
    BOOL is =
        CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, NULL, &size) && (info = malloc(size)) &&
        CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, info, &size) &&
        CertComparePublicKeyInfo(X509_ASN_ENCODING, &certificate->pCertInfo->SubjectPublicKeyInfo, info);

    free(info);
    return is;
}

/* A container of this name, made if need be. */
static BOOL open_container(HCRYPTPROV *provider, const WCHAR *name)
{
    return CryptAcquireContextW(provider, name, MS_ENH_RSA_AES_PROV_W, PROV_RSA_AES, CRYPT_NEWKEYSET) ||
           CryptAcquireContextW(provider, name, MS_ENH_RSA_AES_PROV_W, PROV_RSA_AES, 0);
}

/* Copies the key into a container of its own, with the certificate's SHA-1 for a name, and tells the
 * certificate. Wine's crypt32 puts the key of every PFX into one container, even when it is told to persist
 * none, and so over the last one. */
static BOOL give_container(PCCERT_CONTEXT certificate, HCRYPTKEY key)
{
    WCHAR name[41] = L"";
    CRYPT_KEY_PROV_INFO info = { name,          (WCHAR *)MS_ENH_RSA_AES_PROV_W, PROV_RSA_AES, 0, 0, NULL,
                                 AT_KEYEXCHANGE };
    HCRYPTPROV provider = 0;
    HCRYPTKEY copy = 0;
    BYTE hash[20], *blob = NULL;
    DWORD size = sizeof(hash), i;
    BOOL done;

    if (!CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size)) return FALSE;
    for (i = 0; i < size; i++) snwprintf(name + 2 * i, 3, L"%02X", hash[i]);
    /* Exportable: else Wine's provider makes no signatures of TLS 1.3 with the key. */
    done = CryptExportKey(key, 0, PRIVATEKEYBLOB, 0, NULL, &size) && (blob = malloc(size)) &&
           CryptExportKey(key, 0, PRIVATEKEYBLOB, 0, blob, &size) && open_container(&provider, name) &&
           CryptImportKey(provider, blob, size, 0, CRYPT_EXPORTABLE, &copy) &&
           CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info);
    if (copy) CryptDestroyKey(copy);
    if (provider) CryptReleaseContext(provider, 0);
    if (blob) SecureZeroMemory(blob, size);
    free(blob);
    return done;
}

/* A PFX holds authorities, too, and Wine's crypt32 says of each certificate that the key is its own. */
static BOOL take_key(PCCERT_CONTEXT certificate)
{
    static const DWORD specs[] = { AT_KEYEXCHANGE, AT_SIGNATURE };
    HCRYPTPROV provider = 0;
    HCRYPTKEY key;
    DWORD spec;
    BOOL release = FALSE, taken = FALSE;
    unsigned i;

    if (!CryptAcquireCertificatePrivateKey(certificate, 0, NULL, &provider, &spec, &release)) return FALSE;
    for (i = 0; i < ARRAYSIZE(specs) && !taken; i++)
    {
        if (!is_key_of(provider, specs[i], certificate) || !CryptGetUserKey(provider, specs[i], &key))
            continue;
        taken = give_container(certificate, key);
        CryptDestroyKey(key);
    }
    if (release) CryptReleaseContext(provider, 0);
    return taken;
}

static BOOL add_to(const WCHAR *name, PCCERT_CONTEXT certificate)
{
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, name);
    BOOL done =
        store && CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL);

    if (store) CertCloseStore(store, 0);
    return done;
}

static void print_sha1(PCCERT_CONTEXT certificate)
{
    BYTE hash[20];
    DWORD size = sizeof(hash), i;

    if (!CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size)) return;
    for (i = 0; i < size; i++) printf("%02X", hash[i]);
    printf("\n");
}

/* What has the key goes to MY, all others to CA, from where they are sent along. The number of the former. */
static unsigned import(HCERTSTORE from)
{
    PCCERT_CONTEXT certificate = NULL;
    unsigned imported = 0;

    while ((certificate = CertEnumCertificatesInStore(from, certificate)))
    {
        BOOL own = take_key(certificate);

        if (!add_to(own ? L"MY" : L"CA", certificate))
            fputs("a store cannot be changed\n", stderr);
        else if (own)
        {
            print_sha1(certificate);
            imported++;
        }
    }
    return imported;
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    CRYPT_DATA_BLOB blob = { 0, NULL };
    HCERTSTORE store = NULL;
    unsigned imported = 0;

    if (argc != 3)
    {
        fputs("usage: import-pfx FILE PASSWORD\n", stderr);
        return 2;
    }
    if (!read_file(argv[1], &blob))
        fprintf(stderr, "%ls cannot be read\n", argv[1]);
    else if (!(store = PFXImportCertStore(&blob, argv[2], CRYPT_EXPORTABLE)))
        fprintf(stderr, "%ls cannot be imported: 0x%08lx\n", argv[1], GetLastError());
    else if (!(imported = import(store)))
        fprintf(stderr, "%ls has no certificate with a key\n", argv[1]);
    if (store) CertCloseStore(store, 0);
    free(blob.pbData);
    return !imported;
}
