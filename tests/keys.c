/*
 * Private keys of certificates: each way there is to hold one, and what it can be used for then.
 *
 * Every signature is checked by GnuTLS with the public key of the certificate. The tables say what Wine 8.0
 * and 10.0 do; the certificates are those of tests/pki.py.
 */
#include "test.h"
#include "keys.h"
#include "session.h"
#include <bcrypt.h>
#include <ncrypt.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <time.h>

#define CONTAINER L"schannel-tests-keys" /* ours: it is deleted before and after each row */
#define PASSWORD  L"secret"

/* --- what a key can do ---------------------------------------------------------------------------------- */

#define MD5_SHA1 0x01 /* TLS 1.0 and 1.1 */
#define SHA1     0x02
#define SHA2     0x04 /* PKCS #1 with SHA-256, SHA-384, SHA-512 */
#define PSS      0x08 /* of an rsaEncryption key */
#define PSS_PSS  0x10 /* of an id-RSASSA-PSS key */
#define ECDSA    0x20

#define OLD      (MD5_SHA1 | SHA1)
#define PKCS1    (OLD | SHA2)
#define ALL      (PKCS1 | PSS)
#define CNG      (SHA1 | SHA2 | PSS) /* CNG has no signature over MD5 and SHA-1 together */

static const struct
{
    enum signature_scheme scheme;
    unsigned can;
    gnutls_sign_algorithm_t gnutls;
    unsigned size; /* of the hash */
} schemes[] = {
    /* clang-format off */
    { SCHEME_RSA_MD5_SHA1,        MD5_SHA1, GNUTLS_SIGN_UNKNOWN,             36 },
    { SCHEME_RSA_SHA1,            SHA1,     GNUTLS_SIGN_RSA_SHA1,            20 },
    { SCHEME_RSA_SHA256,          SHA2,     GNUTLS_SIGN_RSA_SHA256,          32 },
    { SCHEME_RSA_SHA384,          SHA2,     GNUTLS_SIGN_RSA_SHA384,          48 },
    { SCHEME_RSA_SHA512,          SHA2,     GNUTLS_SIGN_RSA_SHA512,          64 },
    { SCHEME_RSA_PSS_RSAE_SHA256, PSS,      GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, 32 },
    { SCHEME_RSA_PSS_RSAE_SHA384, PSS,      GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, 48 },
    { SCHEME_RSA_PSS_RSAE_SHA512, PSS,      GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, 64 },
    { SCHEME_RSA_PSS_PSS_SHA256,  PSS_PSS,  GNUTLS_SIGN_RSA_PSS_SHA256,      32 },
    { SCHEME_RSA_PSS_PSS_SHA384,  PSS_PSS,  GNUTLS_SIGN_RSA_PSS_SHA384,      48 },
    { SCHEME_RSA_PSS_PSS_SHA512,  PSS_PSS,  GNUTLS_SIGN_RSA_PSS_SHA512,      64 },
    { SCHEME_ECDSA_SHA1,          ECDSA,    GNUTLS_SIGN_ECDSA_SHA1,          20 },
    { SCHEME_ECDSA_SHA256,        ECDSA,    GNUTLS_SIGN_ECDSA_SHA256,        32 },
    { SCHEME_ECDSA_SHA384,        ECDSA,    GNUTLS_SIGN_ECDSA_SHA384,        48 },
    { SCHEME_ECDSA_SHA512,        ECDSA,    GNUTLS_SIGN_ECDSA_SHA512,        64 },
    /* clang-format on */
};

static gnutls_pubkey_t public_key(PCCERT_CONTEXT certificate)
{
    gnutls_datum_t der = { certificate->pbCertEncoded, certificate->cbCertEncoded };
    gnutls_pubkey_t public;
    gnutls_x509_crt_t crt;

    gnutls_pubkey_init(&public);
    gnutls_x509_crt_init(&crt);
    ok(!gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), "no certificate\n");
    ok(!gnutls_pubkey_import_x509(public, crt, 0), "no public key\n");
    gnutls_x509_crt_deinit(crt);
    return public;
}

/* ECDSA comes as r and s, one after the other; GnuTLS wants them in DER. */
static BOOL verifies(gnutls_pubkey_t public, unsigned row, const uint8_t *hash, uint8_t *signature,
                     size_t size)
{
    /* SHA-1; and RFC 8446, 4.2.3, wants a salt as long as the hash. */
    unsigned flags = GNUTLS_VERIFY_ALLOW_BROKEN | GNUTLS_VERIFY_RSA_PSS_FIXED_SALT_LENGTH;
    gnutls_datum_t digest = { (unsigned char *)hash, schemes[row].size };
    gnutls_datum_t value = { signature, (unsigned)size }, der = { NULL, 0 };
    int error;

    if (schemes[row].scheme == SCHEME_RSA_MD5_SHA1) flags |= GNUTLS_VERIFY_USE_TLS1_RSA;
    if (schemes[row].can == ECDSA)
    {
        gnutls_datum_t r = { signature, (unsigned)size / 2 },
                       s = { signature + size / 2, (unsigned)size / 2 };

        if (gnutls_encode_rs_value(&der, &r, &s) < 0) return FALSE;
        value = der;
    }
    error = gnutls_pubkey_verify_hash2(public, schemes[row].gnutls, flags, &digest, &value);
    gnutls_free(der.data);
    return error >= 0;
}

static void check_signature(const char *name, gnutls_pubkey_t public, const struct identity_key *key,
                            unsigned row, BOOL can)
{
    uint8_t hash[65], signature[SIGNATURE_MAX];
    struct span span = { hash, schemes[row].size };
    size_t size = 0;
    BOOL good;

    gnutls_rnd(GNUTLS_RND_NONCE, hash, sizeof(hash));
    good = key->can_sign(key->key, schemes[row].scheme);
    ok(good == can, "%s: scheme %#x: can %d\n", name, schemes[row].scheme, good);
    good = key->sign(key->key, schemes[row].scheme, span, signature, &size);
    ok(good == can, "%s: scheme %#x: signs %d\n", name, schemes[row].scheme, good);
    if (!good) return;
    ok(verifies(public, row, hash, signature, size), "%s: scheme %#x: no good signature\n", name,
       schemes[row].scheme);
    hash[0] ^= 1;
    ok(!verifies(public, row, hash, signature, size), "%s: scheme %#x: signs anything\n", name,
       schemes[row].scheme);
    span.size++;
    ok(!key->sign(key->key, schemes[row].scheme, span, signature, &size),
       "%s: scheme %#x: signs a hash that is too long\n", name, schemes[row].scheme);
}

static void check_decryption(const char *name, gnutls_pubkey_t public, const struct identity_key *key,
                             BOOL can)
{
    static const uint8_t secret[48] = "the premaster secret of an RSA key exchange";
    gnutls_datum_t plain = { (unsigned char *)secret, sizeof(secret) }, cipher = { NULL, 0 };
    uint8_t result[SIGNATURE_MAX];
    struct span span;
    size_t size = 0;
    BOOL good;

    if (gnutls_pubkey_encrypt_data(public, 0, &plain, &cipher) < 0) return; /* none of RSA */
    span.data = cipher.data;
    span.size = cipher.size;
    good = key->decrypt(key->key, span, result, &size);
    ok(good == can, "%s: decrypts %d\n", name, good);
    if (good)
    {
        ok(size == sizeof(secret) && !memcmp(result, secret, size), "%s: decrypts to %u other bytes\n", name,
           (unsigned)size);
        cipher.data[cipher.size - 1] ^= 1;
        good = key->decrypt(key->key, span, result, &size);
        ok(!good || size != sizeof(secret) || memcmp(result, secret, size), "%s: decrypts anything\n", name);
    }
    gnutls_free(cipher.data);
}

static enum identity_type type_of(gnutls_pubkey_t public)
{
    int algorithm = gnutls_pubkey_get_pk_algorithm(public, NULL);

    return algorithm == GNUTLS_PK_RSA       ? IDENTITY_RSA
           : algorithm == GNUTLS_PK_RSA_PSS ? IDENTITY_RSA_PSS
                                            : IDENTITY_ECDSA;
}

/* What a key that was opened can do, one after the other, and what it still can on the way back. */
static void check_schemes(const char *name, gnutls_pubkey_t public, struct key *key, unsigned can,
                          unsigned still)
{
    struct identity_key description;
    unsigned i, bits;

    key_describe(key, &description);
    gnutls_pubkey_get_pk_algorithm(public, &bits);
    ok(description.type == type_of(public), "%s: type %d\n", name, description.type);
    ok(description.bits == bits, "%s: %u bits, not %u\n", name, description.bits, bits);
    for (i = 0; i < ARRAY_SIZE(schemes); i++)
        check_signature(name, public, &description, i, (schemes[i].can & can) != 0);
    while (i--) check_signature(name, public, &description, i, (schemes[i].can & still) != 0);
    ok(key_signs_for_tls13(key) == ((can & (PSS | PSS_PSS | ECDSA)) != 0), "%s: TLS 1.3 %d\n", name,
       key_signs_for_tls13(key));
}

static void check_key_that_forgets(const char *name, PCCERT_CONTEXT certificate, unsigned can, unsigned still,
                                   BOOL decrypts)
{
    gnutls_pubkey_t public = public_key(certificate);
    struct identity_key description;
    struct key *key = NULL;
    SECURITY_STATUS status = key_open(certificate, &key);

    ok(!status, "%s: %#lx\n", name, (unsigned long)status);
    if (!status)
    {
        check_schemes(name, public, key, can, still);
        key_describe(key, &description);
        check_decryption(name, public, &description, decrypts);
        key_close(key);
    }
    gnutls_pubkey_deinit(public);
}

/* Opens the certificate's key, which has to be there and can do just that. */
static void check_key(const char *name, PCCERT_CONTEXT certificate, unsigned can, BOOL decrypts)
{
    check_key_that_forgets(name, certificate, can, can, decrypts);
}

static void check_status(const char *name, PCCERT_CONTEXT certificate, SECURITY_STATUS expected)
{
    struct key *key = NULL;
    SECURITY_STATUS status = key_open(certificate, &key);

    ok(status == expected, "%s: %#lx, not %#lx\n", name, (unsigned long)status, (unsigned long)expected);
    key_close(key);
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* A file of tests/pki.py; freed by the caller. */
static gnutls_datum_t read_file(const char *name, const char *ending)
{
    gnutls_datum_t file = { NULL, 0 };
    char path[MAX_PATH];
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s.%s", getenv("PKI") ? getenv("PKI") : ".", name, ending);
    file.data = gnutls_calloc(1, 65536);
    if ((stream = fopen(path, "rb")))
    {
        file.size = (unsigned)fread(file.data, 1, 65535, stream);
        fclose(stream);
    }
    ok(file.size > 0, "%s is not there\n", path);
    return file;
}

static gnutls_x509_privkey_t read_key(const char *name)
{
    gnutls_datum_t file = read_file(name, "key");
    gnutls_x509_privkey_t key;

    gnutls_x509_privkey_init(&key);
    ok(!gnutls_x509_privkey_import(key, &file, GNUTLS_X509_FMT_PEM), "%s has no key\n", name);
    gnutls_free(file.data);
    return key;
}

/* A context of its own, without any property. */
static PCCERT_CONTEXT read_certificate(const char *name)
{
    gnutls_datum_t file = read_file(name, "pem");
    DWORD size = file.size;
    PCCERT_CONTEXT certificate;

    /* DER is shorter than its PEM */
    CryptStringToBinaryA((char *)file.data, 0, CRYPT_STRING_BASE64HEADER, file.data, &size, NULL, NULL);
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING, file.data, size);
    ok(certificate != NULL, "%s is no certificate\n", name);
    gnutls_free(file.data);
    return certificate;
}

/* A certificate of a key, made here: signed by itself. */
static PCCERT_CONTEXT make_certificate(gnutls_x509_privkey_t key, gnutls_digest_algorithm_t hash)
{
    static const unsigned char serial[] = { 1 };
    gnutls_datum_t der = { NULL, 0 };
    PCCERT_CONTEXT certificate;
    gnutls_x509_crt_t crt;
    int error;

    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=made here", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, key);
    error = gnutls_x509_crt_sign2(crt, crt, key, hash, 0);
    ok(!error, "GnuTLS does not sign: %s\n", gnutls_strerror(error));
    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING, der.data, der.size);
    ok(certificate != NULL, "crypt32 does not take the certificate\n");
    gnutls_free(der.data);
    gnutls_x509_crt_deinit(crt);
    return certificate;
}

/* --- keys as CryptoAPI and CNG import them -------------------------------------------------------------- */

/* An RSA key's numbers in the order of both blobs, after the exponent: n, p, q, d mod p-1, d mod q-1, 1/q, d.
 */
struct rsa
{
    gnutls_datum_t exponent, numbers[7];
    unsigned bits, sizes[7];
};

static void rsa_export(gnutls_x509_privkey_t key, struct rsa *rsa)
{
    gnutls_datum_t *n = rsa->numbers;
    unsigned i;

    ok(!gnutls_x509_privkey_export_rsa_raw2(key, &n[0], &rsa->exponent, &n[6], &n[1], &n[2], &n[5], &n[3],
                                            &n[4]),
       "no RSA key\n");
    gnutls_x509_privkey_get_pk_algorithm2(key, &rsa->bits);
    for (i = 0; i < ARRAY_SIZE(rsa->sizes); i++) rsa->sizes[i] = rsa->bits / (i == 0 || i == 6 ? 8 : 16);
}

static void rsa_free(struct rsa *rsa)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rsa->numbers); i++) gnutls_free(rsa->numbers[i].data);
    gnutls_free(rsa->exponent.data);
}

/* The numbers, each as long as its place; from the small end for CryptoAPI, from the big end for CNG. */
static BYTE *put_numbers(BYTE *at, const struct rsa *rsa, BOOL small_end)
{
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rsa->numbers); i++)
    {
        const gnutls_datum_t *number = &rsa->numbers[i];

        for (j = 0; j < rsa->sizes[i]; j++)
            at[small_end ? j : rsa->sizes[i] - 1 - j] =
                j < number->size ? number->data[number->size - 1 - j] : 0;
        at += rsa->sizes[i];
    }
    return at;
}

static void import_to_capi(HCRYPTPROV provider, gnutls_x509_privkey_t key, DWORD spec, DWORD flags)
{
    DECLSPEC_ALIGN(8) BYTE blob[4096];
    BLOBHEADER *header = (BLOBHEADER *)blob;
    RSAPUBKEY *public = (RSAPUBKEY *)(header + 1);
    HCRYPTKEY handle;
    struct rsa rsa;
    BYTE *end;

    rsa_export(key, &rsa);
    header->bType = PRIVATEKEYBLOB;
    header->bVersion = CUR_BLOB_VERSION;
    header->reserved = 0;
    header->aiKeyAlg = spec == AT_SIGNATURE ? CALG_RSA_SIGN : CALG_RSA_KEYX;
    public->magic = 0x32415352; /* "RSA2" */
    public->bitlen = rsa.bits;
    public->pubexp = 65537; /* certtool's */
    end = put_numbers((BYTE *)(public + 1), &rsa, TRUE);
    rsa_free(&rsa);
    ok(CryptImportKey(provider, blob, (DWORD)(end - blob), 0, flags, &handle), "not imported: %#lx\n",
       GetLastError());
    CryptDestroyKey(handle);
}

static NCRYPT_KEY_HANDLE import_to_ncrypt(const WCHAR *type, BYTE *blob, size_t size)
{
    NCRYPT_PROV_HANDLE provider;
    NCRYPT_KEY_HANDLE handle = 0;

    ok_status(NCryptOpenStorageProvider(&provider, MS_KEY_STORAGE_PROVIDER, 0), ERROR_SUCCESS);
    NCryptImportKey(provider, 0, type, NULL, &handle, blob, (DWORD)size, 0);
    NCryptFreeObject(provider);
    return handle;
}

static NCRYPT_KEY_HANDLE import_rsa_to_cng(gnutls_x509_privkey_t key, BOOL full)
{
    DECLSPEC_ALIGN(8) BYTE blob[4096];
    BCRYPT_RSAKEY_BLOB *header = (BCRYPT_RSAKEY_BLOB *)blob;
    BYTE *at = (BYTE *)(header + 1);
    struct rsa rsa;

    rsa_export(key, &rsa);
    header->Magic = full ? BCRYPT_RSAFULLPRIVATE_MAGIC : BCRYPT_RSAPRIVATE_MAGIC;
    header->BitLength = rsa.bits;
    header->cbPublicExp = rsa.exponent.size;
    header->cbModulus = rsa.sizes[0];
    header->cbPrime1 = header->cbPrime2 = rsa.sizes[1];
    memcpy(at, rsa.exponent.data, rsa.exponent.size);
    at += rsa.exponent.size;
    put_numbers(at, &rsa, FALSE);
    at += rsa.sizes[0] + rsa.sizes[1] + rsa.sizes[2]; /* the short blob ends with the primes */
    if (full) at += rsa.sizes[3] + rsa.sizes[4] + rsa.sizes[5] + rsa.sizes[6];
    rsa_free(&rsa);
    return import_to_ncrypt(full ? BCRYPT_RSAFULLPRIVATE_BLOB : BCRYPT_RSAPRIVATE_BLOB, blob, at - blob);
}

/* --- containers and properties -------------------------------------------------------------------------- */

/* NULL is the default container, which PFXImportCertStore of Wine takes. */
static void delete_container(const WCHAR *name, DWORD set)
{
    HCRYPTPROV provider;

    CryptAcquireContextW(&provider, name, NULL, PROV_RSA_FULL, CRYPT_DELETEKEYSET | set);
}

static HCRYPTPROV make_container(DWORD type, DWORD set)
{
    HCRYPTPROV provider = 0;

    delete_container(CONTAINER, set);
    ok(CryptAcquireContextW(&provider, CONTAINER, NULL, type, CRYPT_NEWKEYSET | set),
       "no container of type %lu, %#lx: %#lx\n", type, set, GetLastError());
    return provider;
}

/* A container with client.key, or another's. */
static HCRYPTPROV make_container_of(const char *name, DWORD type, DWORD set, DWORD spec, DWORD flags)
{
    HCRYPTPROV provider = make_container(type, set);
    gnutls_x509_privkey_t key = read_key(name);

    import_to_capi(provider, key, spec, flags);
    gnutls_x509_privkey_deinit(key);
    return provider;
}

static void name_key(PCCERT_CONTEXT certificate, const WCHAR *container, const WCHAR *provider, DWORD type,
                     DWORD set, DWORD spec)
{
    CRYPT_KEY_PROV_INFO info = { (WCHAR *)container, (WCHAR *)provider, type, set, 0, NULL, spec };

    ok(CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &info),
       "no name: %#lx\n", GetLastError());
}

static void hold_key(PCCERT_CONTEXT certificate, ULONG_PTR handle, DWORD spec)
{
    CERT_KEY_CONTEXT context = { sizeof(context), { handle }, spec };

    ok(CertSetCertificateContextProperty(certificate, CERT_KEY_CONTEXT_PROP_ID, 0, &context),
       "no context: %#lx\n", GetLastError());
}

/* The provider that has a row's key, opened without the room's help; 0: none. */
static HCRYPTPROV provider_of(PCCERT_CONTEXT certificate, DWORD set, BOOL *release)
{
    BYTE bytes[1024];
    CRYPT_KEY_PROV_INFO *info = (CRYPT_KEY_PROV_INFO *)bytes;
    DWORD size = sizeof(bytes), context_size = sizeof(CERT_KEY_CONTEXT);
    CERT_KEY_CONTEXT context;
    HCRYPTPROV provider = 0;

    *release = FALSE;
    if (CertGetCertificateContextProperty(certificate, CERT_KEY_CONTEXT_PROP_ID, &context, &context_size))
        return context.hCryptProv;
    if (!CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, bytes, &size)) return 0;
    *release =
        CryptAcquireContextW(&provider, info->pwszContainerName, info->pwszProvName, info->dwProvType, set);
    return provider;
}

/* The witness that a key which must not leave its provider does not: nobody is given it, so nor are we. */
static void check_export(const char *name, PCCERT_CONTEXT certificate, DWORD set, DWORD spec, BOOL can)
{
    HCRYPTPROV provider;
    HCRYPTKEY key;
    DWORD size = 0;
    BOOL release, good;

    provider = provider_of(certificate, set, &release);
    ok(provider != 0, "%s: no provider\n", name);
    if (!provider) return;
    good = CryptGetUserKey(provider, spec, &key);
    ok(good, "%s: no key: %#lx\n", name, GetLastError());
    if (good)
    {
        SetLastError(0xdeadbeef);
        good = CryptExportKey(key, 0, PRIVATEKEYBLOB, 0, NULL, &size);
        ok(good == can, "%s: can be exported: %d\n", name, good);
        ok(good || GetLastError() == (DWORD)NTE_BAD_KEY_STATE, "%s: %#lx\n", name, GetLastError());
        CryptDestroyKey(key);
    }
    if (release) CryptReleaseContext(provider, 0);
}

/* --- PFXImportCertStore --------------------------------------------------------------------------------- */

static HCERTSTORE import_pfx(const char *name, DWORD flags)
{
    gnutls_datum_t file = read_file(name, "pfx");
    CRYPT_DATA_BLOB blob = { file.size, file.data };
    HCERTSTORE store;

    delete_container(NULL, flags & CRYPT_MACHINE_KEYSET);
    store = PFXImportCertStore(&blob, PASSWORD, flags);
    gnutls_free(file.data);
    return store;
}

/* The store's own copy of a certificate, with the properties it was given there. */
static PCCERT_CONTEXT find_certificate(HCERTSTORE store, const char *name)
{
    PCCERT_CONTEXT wanted = read_certificate(name);
    PCCERT_CONTEXT found =
        CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, wanted, NULL);

    ok(found != NULL, "%s is not in the store\n", name);
    CertFreeCertificateContext(wanted);
    return found;
}

static const struct
{
    const char *name;
    DWORD flags;
    unsigned can;
} pfx_imports[] = {
    /* clang-format off */
    /* A key that was persisted is opened a second time, by the provider that knows SHA-2. */
    { "no flags",                 0,                                        PKCS1 },
    { "exportable",               CRYPT_EXPORTABLE,                         ALL },
    { "user",                     CRYPT_USER_KEYSET,                        PKCS1 },
    { "user, exportable",         CRYPT_USER_KEYSET | CRYPT_EXPORTABLE,     ALL },
    { "machine",                  CRYPT_MACHINE_KEYSET,                     PKCS1 },
    { "machine, exportable",      CRYPT_MACHINE_KEYSET | CRYPT_EXPORTABLE,  ALL },
    /* One that was not is a handle of the provider that does not. */
    { "not persisted",            PKCS12_NO_PERSIST_KEY,                    OLD },
    { "not persisted, exportable", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE, ALL },
    /* clang-format on */
};

static void test_keys_of_a_pfx_by_the_flags_of_its_import(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(pfx_imports); i++)
    {
        DWORD flags = pfx_imports[i].flags, set = flags & CRYPT_MACHINE_KEYSET;
        HCERTSTORE store = import_pfx("client", flags);
        PCCERT_CONTEXT certificate;

        ok(store != NULL, "%s: %#lx\n", pfx_imports[i].name, GetLastError());
        if (!store) continue;
        certificate = find_certificate(store, "client");
        check_export(pfx_imports[i].name, certificate, set, AT_KEYEXCHANGE, (flags & CRYPT_EXPORTABLE) != 0);
        check_key(pfx_imports[i].name, certificate, pfx_imports[i].can, TRUE);
        CertFreeCertificateContext(certificate);
        CertCloseStore(store, 0);
        delete_container(NULL, set);
    }
}

/* Wine knows the flags of CryptoAPI only, and RSA only. A Wine that learns more wants a row above. */
static void test_what_the_import_of_a_pfx_refuses(void)
{
    static const struct
    {
        const char *file;
        DWORD flags;
    } rows[] = {
        { "client", PKCS12_ALLOW_OVERWRITE_KEY },
        { "client", PKCS12_PREFER_CNG_KSP },
        { "client", PKCS12_ALWAYS_CNG_KSP },
        { "client", PKCS12_ALWAYS_CNG_KSP | PKCS12_NO_PERSIST_KEY },
        { "client-ecdsa", 0 },
        { "client-ecdsa", PKCS12_NO_PERSIST_KEY },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        HCERTSTORE store = import_pfx(rows[i].file, rows[i].flags);

        ok(!store, "%s is imported with %#lx\n", rows[i].file, rows[i].flags);
        CertCloseStore(store, 0);
        delete_container(NULL, 0);
    }
}

/* Wine says of every certificate in the file that the key is its own. */
static void test_the_issuer_in_a_pfx_has_no_key(void)
{
    HCERTSTORE store = import_pfx("client", 0);
    PCCERT_CONTEXT issuer = find_certificate(store, "clients-intermediate");

    check_status("the issuer", issuer, SEC_E_UNKNOWN_CREDENTIALS);
    CertFreeCertificateContext(issuer);
    CertCloseStore(store, 0);
    delete_container(NULL, 0);
}

/* Each file's key goes into the default container, over the one before it. */
static void test_the_next_pfx_takes_the_place_of_the_last(void)
{
    HCERTSTORE first = import_pfx("client", 0), second = import_pfx("member", 0);
    PCCERT_CONTEXT client = find_certificate(first, "client"), member = find_certificate(second, "member");

    check_status("the first", client, SEC_E_UNKNOWN_CREDENTIALS);
    check_key("the second", member, PKCS1, TRUE);
    CertFreeCertificateContext(client);
    CertFreeCertificateContext(member);
    CertCloseStore(first, 0);
    CertCloseStore(second, 0);
    delete_container(NULL, 0);
}

/* --- containers made by hand ---------------------------------------------------------------------------- */

#define MACHINE CRYPT_MACHINE_KEYSET
#define EXPORT  CRYPT_EXPORTABLE

/* A key for signatures decrypts nothing. */
static const struct
{
    const char *name;
    DWORD type, spec, set, flags;
    unsigned named, held; /* by CERT_KEY_PROV_INFO, by CERT_KEY_CONTEXT */
} containers[] = {
    /* clang-format off */
    { "full, exchange",                      PROV_RSA_FULL, AT_KEYEXCHANGE, 0,       0,      PKCS1, OLD },
    { "full, signature",                     PROV_RSA_FULL, AT_SIGNATURE,   0,       0,      PKCS1, OLD },
    { "full, machine, exchange",             PROV_RSA_FULL, AT_KEYEXCHANGE, MACHINE, 0,      PKCS1, OLD },
    { "full, machine, signature",            PROV_RSA_FULL, AT_SIGNATURE,   MACHINE, 0,      PKCS1, OLD },
    { "full, exchange, exportable",          PROV_RSA_FULL, AT_KEYEXCHANGE, 0,       EXPORT, ALL,   ALL },
    { "full, signature, exportable",         PROV_RSA_FULL, AT_SIGNATURE,   0,       EXPORT, ALL,   ALL },
    { "full, machine, exchange, exportable", PROV_RSA_FULL, AT_KEYEXCHANGE, MACHINE, EXPORT, ALL,   ALL },
    { "AES, exchange",                       PROV_RSA_AES,  AT_KEYEXCHANGE, 0,       0,      PKCS1, PKCS1 },
    { "AES, signature",                      PROV_RSA_AES,  AT_SIGNATURE,   0,       0,      PKCS1, PKCS1 },
    { "AES, machine, exchange",              PROV_RSA_AES,  AT_KEYEXCHANGE, MACHINE, 0,      PKCS1, PKCS1 },
    { "AES, machine, signature",             PROV_RSA_AES,  AT_SIGNATURE,   MACHINE, 0,      PKCS1, PKCS1 },
    { "AES, exchange, exportable",           PROV_RSA_AES,  AT_KEYEXCHANGE, 0,       EXPORT, ALL,   ALL },
    { "AES, signature, exportable",          PROV_RSA_AES,  AT_SIGNATURE,   0,       EXPORT, ALL,   ALL },
    { "AES, machine, exchange, exportable",  PROV_RSA_AES,  AT_KEYEXCHANGE, MACHINE, EXPORT, ALL,   ALL },
    /* clang-format on */
};

static void test_keys_in_a_container_that_the_certificate_names(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(containers); i++)
    {
        DWORD type = containers[i].type, spec = containers[i].spec, set = containers[i].set;
        PCCERT_CONTEXT certificate = read_certificate("client");

        CryptReleaseContext(make_container_of("client", type, set, spec, containers[i].flags), 0);
        name_key(certificate, CONTAINER, NULL, type, set, spec);
        check_export(containers[i].name, certificate, set, spec, containers[i].flags == EXPORT);
        check_key(containers[i].name, certificate, containers[i].named, spec == AT_KEYEXCHANGE);
        CertFreeCertificateContext(certificate);
        delete_container(CONTAINER, set);
    }
}

static void test_keys_of_a_provider_that_lies_in_the_certificate(void)
{
    DWORD type, size;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(containers); i++)
    {
        DWORD spec = containers[i].spec, set = containers[i].set;
        HCRYPTPROV provider = make_container_of("client", containers[i].type, set, spec, containers[i].flags);
        PCCERT_CONTEXT certificate = read_certificate("client");

        hold_key(certificate, provider, spec);
        check_export(containers[i].name, certificate, set, spec, containers[i].flags == EXPORT);
        check_key(containers[i].name, certificate, containers[i].held, spec == AT_KEYEXCHANGE);
        size = sizeof(type);
        ok(CryptGetProvParam(provider, PP_PROVTYPE, (BYTE *)&type, &size, 0),
           "%s: a borrowed handle is closed\n", containers[i].name);
        CertFreeCertificateContext(certificate);
        CryptReleaseContext(provider, 0);
        delete_container(CONTAINER, set);
    }
}

/* As Wine's PFXImportCertStore names them: with a specification there is not, and without the machine's set.
 */
static void test_a_name_that_is_not_quite_right(void)
{
    static const struct
    {
        const char *name;
        DWORD spec, named_spec, set, named_set;
    } rows[] = {
        { "specification 3 for exchange", AT_KEYEXCHANGE, 3, 0, 0 },
        { "specification 3 for signature", AT_SIGNATURE, 3, 0, 0 },
        { "no specification", AT_SIGNATURE, 0, 0, 0 },
        { "the other specification", AT_SIGNATURE, AT_KEYEXCHANGE, 0, 0 },
        { "the machine's key without saying so", AT_KEYEXCHANGE, AT_KEYEXCHANGE, MACHINE, 0 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        PCCERT_CONTEXT certificate = read_certificate("client");

        CryptReleaseContext(make_container_of("client", PROV_RSA_FULL, rows[i].set, rows[i].spec, 0), 0);
        name_key(certificate, CONTAINER, NULL, PROV_RSA_FULL, rows[i].named_set, rows[i].named_spec);
        check_key(rows[i].name, certificate, PKCS1, rows[i].spec == AT_KEYEXCHANGE);
        CertFreeCertificateContext(certificate);
        delete_container(CONTAINER, rows[i].set);
    }
}

/* What is named is looked for also where a handle is of no use. */
static void test_a_certificate_with_a_useless_handle_and_a_good_name(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client");
    HCRYPTPROV other = 0;

    CryptReleaseContext(make_container_of("client", PROV_RSA_FULL, 0, AT_KEYEXCHANGE, 0), 0);
    CryptAcquireContextW(&other, NULL, NULL, PROV_RSA_FULL, CRYPT_VERIFYCONTEXT);
    name_key(certificate, CONTAINER, NULL, PROV_RSA_FULL, 0, AT_KEYEXCHANGE);
    hold_key(certificate, other, AT_KEYEXCHANGE);
    check_key("a handle without a key", certificate, PKCS1, TRUE);
    CertFreeCertificateContext(certificate);
    CryptReleaseContext(other, 0);
    delete_container(CONTAINER, 0);
}

/* --- a system store ------------------------------------------------------------------------------------- */

static HCERTSTORE open_my(void)
{
    return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"My");
}

/* The store keeps the name of the key; a copy of the certificate from elsewhere has none, and is not looked
 * up there: what it is to be used with is for the program to say. */
static void test_a_certificate_of_the_users_own_store(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client"), kept;
    HCERTSTORE my = open_my();

    CryptReleaseContext(make_container_of("client", PROV_RSA_AES, 0, AT_KEYEXCHANGE, 0), 0);
    name_key(certificate, CONTAINER, NULL, PROV_RSA_AES, 0, AT_KEYEXCHANGE);
    ok(CertAddCertificateContextToStore(my, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL),
       "not stored: %#lx\n", GetLastError());
    CertFreeCertificateContext(certificate);
    CertCloseStore(my, 0);

    my = open_my();
    kept = find_certificate(my, "client");
    check_key("from the store", kept, PKCS1, TRUE);
    certificate = read_certificate("client");
    check_status("a copy", certificate, SEC_E_NO_CREDENTIALS);
    CertFreeCertificateContext(certificate);
    ok(CertDeleteCertificateFromStore(kept), "still stored: %#lx\n", GetLastError());
    CertCloseStore(my, 0);
    delete_container(CONTAINER, 0);
}

/* --- CNG ------------------------------------------------------------------------------------------------ */

/* NCryptDecrypt of Wine is a stub. bcrypt, which is below it, refuses PKCS #1 to a key that has once signed
 * with PSS. */
static void check_key_of_cng(const char *name, PCCERT_CONTEXT certificate)
{
    check_key_that_forgets(name, certificate, CNG, PSS, FALSE);
}

static void test_rsa_keys_of_cng(void)
{
    gnutls_x509_privkey_t key = read_key("client");
    BOOL full;

    for (full = FALSE; full <= TRUE; full++)
    {
        PCCERT_CONTEXT certificate = read_certificate("client");
        NCRYPT_KEY_HANDLE handle = import_rsa_to_cng(key, full);

        ok(handle != 0, "ncrypt does not import, %d\n", full);
        hold_key(certificate, handle, CERT_NCRYPT_KEY_SPEC);
        check_key_of_cng(full ? "a full blob" : "a short blob", certificate);
        CertFreeCertificateContext(certificate);
        ok_status(NCryptFreeObject(handle), ERROR_SUCCESS); /* it was borrowed */
    }
    gnutls_x509_privkey_deinit(key);
}

static void test_a_key_of_cng_in_its_own_property(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client");
    gnutls_x509_privkey_t key = read_key("client");
    NCRYPT_KEY_HANDLE handle = import_rsa_to_cng(key, TRUE);
    struct key *opened;
    BOOL set;

    /* crypt32 of Wine 8.0 and 10.0 does not keep the property: then nothing names a key. */
    set = CertSetCertificateContextProperty(certificate, CERT_NCRYPT_KEY_HANDLE_PROP_ID, 0, &handle);
    if (set)
        check_key_of_cng("a handle", certificate);
    else
        ok_status(key_open(certificate, &opened), SEC_E_NO_CREDENTIALS);
    CertFreeCertificateContext(certificate);
    NCryptFreeObject(handle);
    gnutls_x509_privkey_deinit(key);
}

static NCRYPT_KEY_HANDLE import_ecdsa_to_cng(gnutls_x509_privkey_t key)
{
    DECLSPEC_ALIGN(8) BYTE blob[sizeof(BCRYPT_ECCKEY_BLOB) + 3 * 32] = { 0 };
    BCRYPT_ECCKEY_BLOB *header = (BCRYPT_ECCKEY_BLOB *)blob;
    BYTE *end = (BYTE *)(header + 1);
    gnutls_datum_t numbers[3]; /* x, y, k */
    gnutls_ecc_curve_t curve;
    unsigned i;

    ok(!gnutls_x509_privkey_export_ecc_raw(key, &curve, &numbers[0], &numbers[1], &numbers[2]), "no key\n");
    header->dwMagic = BCRYPT_ECDSA_PRIVATE_P256_MAGIC;
    header->cbKey = 32;
    for (i = 0; i < ARRAY_SIZE(numbers); i++)
    {
        size_t size = min(numbers[i].size, 32);

        end += 32;
        memcpy(end - size, numbers[i].data + numbers[i].size - size, size);
        gnutls_free(numbers[i].data);
    }
    return import_to_ncrypt(BCRYPT_ECCPRIVATE_BLOB, blob, sizeof(blob));
}

/* ncrypt of Wine 8.0 and 10.0 has no elliptic curves, and then there is no handle to hold. */
static void test_ecdsa_keys_of_cng(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client-ecdsa");
    gnutls_x509_privkey_t key = read_key("client-ecdsa");
    NCRYPT_KEY_HANDLE handle = import_ecdsa_to_cng(key);

    if (handle)
    {
        hold_key(certificate, handle, CERT_NCRYPT_KEY_SPEC);
        check_key("ECDSA", certificate, ECDSA, FALSE);
        NCryptFreeObject(handle);
    }
    else
    {
        struct key *opened;

        ok_status(key_open(certificate, &opened), SEC_E_NO_CREDENTIALS);
    }
    CertFreeCertificateContext(certificate);
    gnutls_x509_privkey_deinit(key);
}

/* --- a certificate that wants RSA-PSS ------------------------------------------------------------------- */

/* A key that is for RSA-PSS and nothing else. To both interfaces it is an RSA key like others. */
static gnutls_x509_privkey_t make_pss_key(void)
{
    gnutls_x509_privkey_t key;

    gnutls_x509_privkey_init(&key);
    ok(!gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA_PSS, 2048, 0), "GnuTLS makes no such key\n");
    return key;
}

static void test_a_pss_certificate_wants_an_exportable_key_or_cng(void)
{
    gnutls_x509_privkey_t key = make_pss_key();
    PCCERT_CONTEXT certificate = make_certificate(key, GNUTLS_DIG_SHA256);
    NCRYPT_KEY_HANDLE handle;
    BOOL exportable;

    for (exportable = FALSE; exportable <= TRUE; exportable++)
    {
        HCRYPTPROV provider = make_container(PROV_RSA_FULL, 0);

        import_to_capi(provider, key, AT_KEYEXCHANGE, exportable ? CRYPT_EXPORTABLE : 0);
        hold_key(certificate, provider, AT_KEYEXCHANGE);
        check_key(exportable ? "exportable" : "not exportable", certificate, exportable ? PSS_PSS : 0, TRUE);
        CryptReleaseContext(provider, 0);
        delete_container(CONTAINER, 0);
    }
    handle = import_rsa_to_cng(key, TRUE);
    hold_key(certificate, handle, CERT_NCRYPT_KEY_SPEC);
    check_key("CNG", certificate, PSS_PSS, FALSE);
    CertFreeCertificateContext(certificate);
    NCryptFreeObject(handle);
    gnutls_x509_privkey_deinit(key);
}

/* --- keys that are not there ---------------------------------------------------------------------------- */

static void test_a_certificate_that_names_no_key(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client");

    check_status("nothing", certificate, SEC_E_NO_CREDENTIALS);
    CertFreeCertificateContext(certificate);
}

static void test_names_of_keys_that_are_not_there(void)
{
    static const struct
    {
        const char *name, *certificate, *key; /* whose key is in the container; NULL: there is none */
        const WCHAR *provider;
        DWORD type;
    } rows[] = {
        { "no container", "client", NULL, NULL, PROV_RSA_FULL },
        { "no container, AES", "client", NULL, NULL, PROV_RSA_AES },
        { "no provider", "client", "client", L"nobody's provider", PROV_RSA_FULL },
        { "no such type", "client", "client", NULL, 999 },
        { "another's key", "client", "member", NULL, PROV_RSA_FULL },
        { "another's key, AES", "client", "member", NULL, PROV_RSA_AES },
        { "a key of another kind", "client-ecdsa", "client", NULL, PROV_RSA_FULL },
        { "CNG", "client", NULL, MS_KEY_STORAGE_PROVIDER, 0 }, /* Wine's NCryptOpenKey opens none */
        { "CNG, no provider", "client", NULL, L"nobody's provider", 0 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        PCCERT_CONTEXT certificate = read_certificate(rows[i].certificate);

        delete_container(CONTAINER, 0);
        if (rows[i].key)
            CryptReleaseContext(make_container_of(rows[i].key, PROV_RSA_FULL, 0, AT_KEYEXCHANGE, 0), 0);
        name_key(certificate, CONTAINER, rows[i].provider, rows[i].type, 0, AT_KEYEXCHANGE);
        check_status(rows[i].name, certificate, SEC_E_UNKNOWN_CREDENTIALS);
        CertFreeCertificateContext(certificate);
        delete_container(CONTAINER, 0);
    }
}

static void test_a_container_without_a_key(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client");

    CryptReleaseContext(make_container(PROV_RSA_FULL, 0), 0);
    name_key(certificate, CONTAINER, NULL, PROV_RSA_FULL, 0, AT_KEYEXCHANGE);
    check_status("empty", certificate, SEC_E_UNKNOWN_CREDENTIALS);
    CertFreeCertificateContext(certificate);
    delete_container(CONTAINER, 0);
}

static void test_handles_of_another_certificates_key(void)
{
    PCCERT_CONTEXT client = read_certificate("client"), ecdsa = read_certificate("client-ecdsa");
    HCRYPTPROV provider = make_container_of("member", PROV_RSA_FULL, 0, AT_KEYEXCHANGE, 0);
    gnutls_x509_privkey_t key = read_key("member");
    NCRYPT_KEY_HANDLE handle = import_rsa_to_cng(key, TRUE);

    hold_key(client, provider, AT_KEYEXCHANGE);
    check_status("CryptoAPI", client, SEC_E_UNKNOWN_CREDENTIALS);
    hold_key(client, handle, CERT_NCRYPT_KEY_SPEC);
    check_status("CNG", client, SEC_E_UNKNOWN_CREDENTIALS);
    hold_key(ecdsa, handle, CERT_NCRYPT_KEY_SPEC);
    check_status("CNG, another kind", ecdsa, SEC_E_UNKNOWN_CREDENTIALS);
    ok_status(NCryptFreeObject(handle), ERROR_SUCCESS);
    CryptReleaseContext(provider, 0);
    CertFreeCertificateContext(client);
    CertFreeCertificateContext(ecdsa);
    gnutls_x509_privkey_deinit(key);
    delete_container(CONTAINER, 0);
}

static void test_a_certificate_of_a_kind_nobody_knows(void)
{
    gnutls_x509_privkey_t key;
    PCCERT_CONTEXT certificate;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    certificate = make_certificate(key, GNUTLS_DIG_SHA512);
    check_status("Ed25519", certificate, SEC_E_UNKNOWN_CREDENTIALS);
    CertFreeCertificateContext(certificate);
    gnutls_x509_privkey_deinit(key);
}

/* --- more than one at a time ---------------------------------------------------------------------------- */

/* The three ways a key is used. */
enum way
{
    CAPI,     /* CryptoAPI alone */
    EXPORTED, /* CryptoAPI, and a copy in bcrypt for all it does not know */
    NCRYPT,
    WAYS
};

static const unsigned way_can[WAYS] = { PKCS1, ALL, CNG };

struct held
{
    PCCERT_CONTEXT certificate;
    HCRYPTPROV provider;
    NCRYPT_KEY_HANDLE cng;
};

/* A key of its own, as short as PSS with SHA-512 can be, so that much signing does not take long. */
static struct held hold(enum way way)
{
    struct held held = { NULL, 0, 0 };
    gnutls_x509_privkey_t key;

    gnutls_x509_privkey_init(&key);
    ok(!gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 1088, 0), "GnuTLS makes no such key\n");
    held.certificate = make_certificate(key, GNUTLS_DIG_SHA256);
    if (way == NCRYPT)
        hold_key(held.certificate, held.cng = import_rsa_to_cng(key, TRUE), CERT_NCRYPT_KEY_SPEC);
    else
    {
        held.provider = make_container(way == CAPI ? PROV_RSA_AES : PROV_RSA_FULL, 0);
        import_to_capi(held.provider, key, AT_KEYEXCHANGE, way == CAPI ? 0 : CRYPT_EXPORTABLE);
        hold_key(held.certificate, held.provider, AT_KEYEXCHANGE);
    }
    gnutls_x509_privkey_deinit(key);
    return held;
}

static void let_go(const struct held *held)
{
    CertFreeCertificateContext(held->certificate);
    if (held->provider) CryptReleaseContext(held->provider, 0);
    if (held->cng) NCryptFreeObject(held->cng);
    delete_container(CONTAINER, 0);
}

static BOOL signs(struct key *key, PCCERT_CONTEXT certificate, unsigned row)
{
    uint8_t hash[64], signature[SIGNATURE_MAX];
    struct span span = { hash, schemes[row].size };
    gnutls_pubkey_t public = public_key(certificate);
    struct identity_key description;
    size_t size;
    BOOL good;

    gnutls_rnd(GNUTLS_RND_NONCE, hash, sizeof(hash));
    key_describe(key, &description);
    good = description.sign(key, schemes[row].scheme, span, signature, &size) &&
           verifies(public, row, hash, signature, size);
    gnutls_pubkey_deinit(public);
    return good;
}

static void test_a_key_opened_twice_is_closed_once(void)
{
    enum way way;
    unsigned i;

    for (way = CAPI; way < WAYS; way++)
    {
        struct key *first = NULL, *second = NULL;
        struct held held = hold(way);

        ok_status(key_open(held.certificate, &first), SEC_E_OK);
        ok_status(key_open(held.certificate, &second), SEC_E_OK);
        ok(first != second, "way %u: one key\n", way);
        key_close(first);
        for (i = 0; i < ARRAY_SIZE(schemes); i++)
            ok(signs(second, held.certificate, i) == ((schemes[i].can & way_can[way]) != 0),
               "way %u: scheme %#x\n", way, schemes[i].scheme);
        key_close(second);
        let_go(&held);
    }
    key_close(NULL);
}

/* Blocks of memory in use, in all heaps: each provider and each key that is left open is at least one. */
static unsigned count_blocks(void)
{
    DWORD heaps_count, i;
    unsigned blocks = 0;
    HANDLE heaps[64];

    heaps_count = min(GetProcessHeaps(ARRAY_SIZE(heaps), heaps), ARRAY_SIZE(heaps));
    for (i = 0; i < heaps_count; i++)
    {
        PROCESS_HEAP_ENTRY entry = { NULL };

        HeapLock(heaps[i]);
        while (HeapWalk(heaps[i], &entry)) blocks += (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) != 0;
        HeapUnlock(heaps[i]);
    }
    return blocks;
}

static unsigned open_many_times(PCCERT_CONTEXT certificate, unsigned times)
{
    struct identity_key description;
    struct key *key = NULL;
    unsigned i;

    for (i = 0; i < times; i++)
    {
        SECURITY_STATUS status = key_open(certificate, &key);

        ok(!status, "%#lx the %uth time\n", (unsigned long)status, i);
        if (status) break;
        key_describe(key, &description);
        description.can_sign(key, SCHEME_RSA_SHA1);
        key_close(key);
    }
    return count_blocks();
}

static void test_opening_it_two_hundred_times_leaves_nothing(void)
{
    enum way way;

    for (way = CAPI; way < WAYS; way++)
    {
        struct held held = hold(way);
        unsigned before = open_many_times(held.certificate, 20),
                 after = open_many_times(held.certificate, 200);

        ok(before > 0 && after < before + 100, "way %u: %u blocks became %u\n", way, before, after);
        let_go(&held);
    }
}

/* Here the room opens the providers itself, two of them. */
static void test_opening_a_container_two_hundred_times_leaves_nothing(void)
{
    PCCERT_CONTEXT certificate = read_certificate("client");
    unsigned before, after;

    CryptReleaseContext(make_container_of("client", PROV_RSA_FULL, 0, AT_KEYEXCHANGE, CRYPT_EXPORTABLE), 0);
    name_key(certificate, CONTAINER, NULL, PROV_RSA_FULL, 0, AT_KEYEXCHANGE);
    before = open_many_times(certificate, 20);
    after = open_many_times(certificate, 200);
    ok(before > 0 && after < before + 100, "%u blocks became %u\n", before, after);
    CertFreeCertificateContext(certificate);
    delete_container(CONTAINER, 0);
}

struct worker
{
    struct key *key;
    unsigned row, times;
    LONG failures;
};

/* Nothing but signing: what goes wrong when two do it at once goes wrong seldom. */
static DWORD WINAPI work(void *parameter)
{
    struct worker *worker = parameter;
    struct identity_key description;
    uint8_t hash[64] = { 1, 2, 3 }, signature[SIGNATURE_MAX];
    struct span span = { hash, schemes[worker->row].size };
    size_t size;
    unsigned i;

    key_describe(worker->key, &description);
    for (i = 0; i < worker->times; i++)
        if (!description.sign(worker->key, schemes[worker->row].scheme, span, signature, &size))
            worker->failures++;
    return 0;
}

/* identity.h says that the functions may be called by several threads. What Wine does not do at once, and
 * what refuses the other padding afterwards, has to work all the same. */
static void test_several_threads_sign_with_one_key(void)
{
    static const unsigned rows[WAYS][6] = { { 0, 1, 2, 3, 4, 2 },
                                            { 2, 3, 4, 5, 6, 7 },
                                            { 5, 6, 7, 5, 6, 7 } };
    static const unsigned times[WAYS] = { 20, 400, 400 }; /* rsaenh of Wine is slow */
    struct worker workers[ARRAY_SIZE(rows[0])];
    HANDLE threads[ARRAY_SIZE(rows[0])];
    enum way way;
    unsigned i;

    for (way = CAPI; way < WAYS; way++)
    {
        struct held held = hold(way);
        struct key *key = NULL;

        ok_status(key_open(held.certificate, &key), SEC_E_OK);
        for (i = 0; i < ARRAY_SIZE(threads); i++)
        {
            workers[i] = (struct worker){ key, rows[way][i], times[way], 0 };
            threads[i] = CreateThread(NULL, 0, work, &workers[i], 0, NULL);
        }
        WaitForMultipleObjects(ARRAY_SIZE(threads), threads, TRUE, INFINITE);
        for (i = 0; i < ARRAY_SIZE(threads); i++)
        {
            ok(!workers[i].failures, "way %u: %ld signatures with %#x are no good\n", way,
               workers[i].failures, schemes[rows[way][i]].scheme);
            ok(signs(key, held.certificate, rows[way][i]), "way %u: %#x no more\n", way,
               schemes[rows[way][i]].scheme);
            CloseHandle(threads[i]);
        }
        key_close(key);
        let_go(&held);
    }
}

START_TEST(keys)
{
    profile_library_open();
    RUN(test_keys_of_a_pfx_by_the_flags_of_its_import);
    RUN(test_what_the_import_of_a_pfx_refuses);
    RUN(test_the_issuer_in_a_pfx_has_no_key);
    RUN(test_the_next_pfx_takes_the_place_of_the_last);
    RUN(test_keys_in_a_container_that_the_certificate_names);
    RUN(test_keys_of_a_provider_that_lies_in_the_certificate);
    RUN(test_a_name_that_is_not_quite_right);
    RUN(test_a_certificate_with_a_useless_handle_and_a_good_name);
    RUN(test_a_certificate_of_the_users_own_store);
    RUN(test_rsa_keys_of_cng);
    RUN(test_a_key_of_cng_in_its_own_property);
    RUN(test_ecdsa_keys_of_cng);
    RUN(test_a_pss_certificate_wants_an_exportable_key_or_cng);
    RUN(test_a_certificate_that_names_no_key);
    RUN(test_names_of_keys_that_are_not_there);
    RUN(test_a_container_without_a_key);
    RUN(test_handles_of_another_certificates_key);
    RUN(test_a_certificate_of_a_kind_nobody_knows);
    RUN(test_a_key_opened_twice_is_closed_once);
    RUN(test_opening_it_two_hundred_times_leaves_nothing);
    RUN(test_opening_a_container_two_hundred_times_leaves_nothing);
    RUN(test_several_threads_sign_with_one_key);
}
