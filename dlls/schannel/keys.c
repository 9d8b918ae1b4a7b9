/*
 * Private keys of certificates, where they are.
 *
 * What Wine 8.0 and 10.0 give to work with, as tests/keys.c finds it:
 * - PFXImportCertStore makes RSA keys only, of the provider "Microsoft Enhanced Cryptographic Provider v1.0",
 * which knows SHA-1 at most. The same container opened as PROV_RSA_AES signs SHA-2 as well.
 * - The key specification it writes down is 3, which is none: the key is under AT_KEYEXCHANGE. It does not
 * write down that a key lies in the machine's set. Both are tried out, and the public key decides.
 * - A key that is not persisted is in the memory of that first provider; it can be exported or not, as the
 * program wanted. If not, SHA-1 is all it will sign.
 * - CryptoAPI has no RSA-PSS anywhere, CNG has.
 * - An RSA key of bcrypt, or of ncrypt above it, that has signed with PSS refuses PKCS #1 ever after; and two
 * threads that sign with PSS and different hashes spoil each other's signatures.
 */
#include "keys.h"
#include "exported.h"
#include "log.h"
#include <bcrypt.h>
#include <ncrypt.h>

struct key
{
    enum identity_type type;
    unsigned bits;

    /* CryptoAPI: up to two providers for one key, tried in this order */
    struct
    {
        HCRYPTPROV handle;
        BOOL release;
    } providers[2];
    DWORD spec;

    NCRYPT_KEY_HANDLE cng; /* or CNG */
    BOOL free_cng;
    BOOL pss_only; /* it has signed with PSS */

    struct exported_key *exported; /* a copy of CryptoAPI's, if its owner allowed exporting it */
};

/* A scheme in the words of both interfaces. */
static const struct scheme
{
    enum signature_scheme scheme;
    enum identity_type type;
    const WCHAR *hash; /* CNG's name */
    ALG_ID algorithm;  /* CryptoAPI's, which knows PKCS #1 only */
    ULONG size;        /* of the hash */
} schemes[] = {
    /* clang-format off */
    { SCHEME_RSA_MD5_SHA1,        IDENTITY_RSA,     NULL,                    CALG_SSL3_SHAMD5, 36 },
    { SCHEME_RSA_SHA1,            IDENTITY_RSA,     BCRYPT_SHA1_ALGORITHM,   CALG_SHA1,        20 },
    { SCHEME_RSA_SHA256,          IDENTITY_RSA,     BCRYPT_SHA256_ALGORITHM, CALG_SHA_256,     32 },
    { SCHEME_RSA_SHA384,          IDENTITY_RSA,     BCRYPT_SHA384_ALGORITHM, CALG_SHA_384,     48 },
    { SCHEME_RSA_SHA512,          IDENTITY_RSA,     BCRYPT_SHA512_ALGORITHM, CALG_SHA_512,     64 },
    { SCHEME_RSA_PSS_RSAE_SHA256, IDENTITY_RSA,     BCRYPT_SHA256_ALGORITHM, 0,                32 },
    { SCHEME_RSA_PSS_RSAE_SHA384, IDENTITY_RSA,     BCRYPT_SHA384_ALGORITHM, 0,                48 },
    { SCHEME_RSA_PSS_RSAE_SHA512, IDENTITY_RSA,     BCRYPT_SHA512_ALGORITHM, 0,                64 },
    { SCHEME_RSA_PSS_PSS_SHA256,  IDENTITY_RSA_PSS, BCRYPT_SHA256_ALGORITHM, 0,                32 },
    { SCHEME_RSA_PSS_PSS_SHA384,  IDENTITY_RSA_PSS, BCRYPT_SHA384_ALGORITHM, 0,                48 },
    { SCHEME_RSA_PSS_PSS_SHA512,  IDENTITY_RSA_PSS, BCRYPT_SHA512_ALGORITHM, 0,                64 },
    { SCHEME_ECDSA_SHA1,          IDENTITY_ECDSA,   BCRYPT_SHA1_ALGORITHM,   0,                20 },
    { SCHEME_ECDSA_SHA256,        IDENTITY_ECDSA,   BCRYPT_SHA256_ALGORITHM, 0,                32 },
    { SCHEME_ECDSA_SHA384,        IDENTITY_ECDSA,   BCRYPT_SHA384_ALGORITHM, 0,                48 },
    { SCHEME_ECDSA_SHA512,        IDENTITY_ECDSA,   BCRYPT_SHA512_ALGORITHM, 0,                64 },
    /* clang-format on */
};

static const struct scheme *scheme_find(const struct key *key, enum signature_scheme id)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(schemes); i++)
        if (schemes[i].scheme == id && schemes[i].type == key->type) return &schemes[i];
    return NULL;
}

/* The kinds of keys there are, by what certificates say of them. */
static const struct
{
    const char *oid;
    enum identity_type type;
} types[] = {
    { szOID_RSA_RSA, IDENTITY_RSA },
    { "1.2.840.113549.1.1.10", IDENTITY_RSA_PSS }, /* id-RSASSA-PSS */
    { "1.2.840.10045.2.1", IDENTITY_ECDSA },       /* id-ecPublicKey */
};

static void reverse(uint8_t *bytes, size_t size)
{
    size_t i;

    for (i = 0; i < size / 2; i++)
    {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = byte;
    }
}

/* --- CryptoAPI ------------------------------------------------------------------------------------------ */

/* Whether the provider's key under `spec` belongs to the certificate. */
static BOOL is_key_of(HCRYPTPROV provider, DWORD spec, PCCERT_CONTEXT certificate)
{
    CERT_PUBLIC_KEY_INFO *info;
    DWORD size = 0;
    BOOL is = FALSE;

    if (!CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, NULL, &size) || !(info = malloc(size)))
        return FALSE;
    if (CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, info, &size))
        is = CertComparePublicKeyInfo(X509_ASN_ENCODING, info, &certificate->pCertInfo->SubjectPublicKeyInfo);
    free(info);
    return is;
}

/* The specification under which the provider has the certificate's key: the one that was named first. */
static DWORD find_spec(HCRYPTPROV provider, DWORD named, PCCERT_CONTEXT certificate)
{
    const DWORD tries[] = { named, AT_KEYEXCHANGE, AT_SIGNATURE };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(tries); i++)
        if ((tries[i] == AT_KEYEXCHANGE || tries[i] == AT_SIGNATURE) &&
            is_key_of(provider, tries[i], certificate))
            return tries[i];
    return 0;
}

/* Opens a container by one name of a provider, in the user's or the machine's set. */
static BOOL open_container(struct key *key, unsigned slot, const CRYPT_KEY_PROV_INFO *info, const WCHAR *name,
                           DWORD type, PCCERT_CONTEXT certificate)
{
    const DWORD sets[] = { info->dwFlags & CRYPT_MACHINE_KEYSET, CRYPT_MACHINE_KEYSET };
    HCRYPTPROV provider;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(sets); i++)
    {
        if (!CryptAcquireContextW(&provider, info->pwszContainerName, name, type, sets[i] | CRYPT_SILENT))
            continue;
        key->spec = find_spec(provider, key->spec ? key->spec : info->dwKeySpec, certificate);
        if (key->spec)
        {
            key->providers[slot].handle = provider;
            key->providers[slot].release = TRUE;
            return TRUE;
        }
        CryptReleaseContext(provider, 0);
    }
    return FALSE;
}

static DWORD provider_type(HCRYPTPROV provider)
{
    DWORD type = 0, size = sizeof(type);

    return CryptGetProvParam(provider, PP_PROVTYPE, (BYTE *)&type, &size, 0) ? type : 0;
}

static SECURITY_STATUS open_capi(struct key *key, const CRYPT_KEY_PROV_INFO *info, PCCERT_CONTEXT certificate)
{
    if (!open_container(key, 0, info, info->pwszProvName, info->dwProvType, certificate))
    {
        WARN("the certificate names a key that is not there: %#lx\n", GetLastError());
        return SEC_E_UNKNOWN_CREDENTIALS;
    }
    /* The same container through the provider that knows SHA-2; without it, what the first one knows is all.
     */
    if (info->dwProvType != PROV_RSA_AES && key->type != IDENTITY_ECDSA)
    {
        DWORD spec = key->spec;

        if (!open_container(key, 1, info, NULL, PROV_RSA_AES, certificate)) key->spec = spec;
    }
    return SEC_E_OK;
}

static BOOL make_hash(HCRYPTPROV provider, ALG_ID algorithm, struct span value, HCRYPTHASH *hash)
{
    if (!algorithm || !CryptCreateHash(provider, algorithm, 0, 0, hash)) return FALSE;
    if (!value.size || CryptSetHashParam(*hash, HP_HASHVAL, value.data, 0)) return TRUE;
    CryptDestroyHash(*hash);
    return FALSE;
}

static BOOL sign_capi(struct key *key, const struct scheme *scheme, struct span value, uint8_t *signature,
                      size_t *size)
{
    BOOL good = FALSE;
    HCRYPTHASH hash;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(key->providers) && !good; i++)
    {
        DWORD room = SIGNATURE_MAX;

        if (!key->providers[i].handle ||
            !make_hash(key->providers[i].handle, scheme->algorithm, value, &hash))
            continue;
        good = CryptSignHashW(hash, key->spec, NULL, 0, signature, &room);
        if (!good) WARN("the provider does not sign: %#lx\n", GetLastError());
        reverse(signature, good ? room : 0); /* CryptoAPI writes numbers from the small end */
        *size = room;
        CryptDestroyHash(hash);
    }
    return good;
}

static BOOL capi_knows(const struct key *key, const struct scheme *scheme)
{
    struct span nothing = { NULL, 0 };
    HCRYPTHASH hash;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(key->providers); i++)
    {
        if (!key->providers[i].handle ||
            !make_hash(key->providers[i].handle, scheme->algorithm, nothing, &hash))
            continue;
        CryptDestroyHash(hash);
        return TRUE;
    }
    return FALSE;
}

static BOOL decrypt_capi(struct key *key, struct span cipher, uint8_t *plain, size_t *size)
{
    DWORD used = (DWORD)cipher.size;
    HCRYPTKEY handle;
    BOOL good;

    if (cipher.size > SIGNATURE_MAX || !CryptGetUserKey(key->providers[0].handle, key->spec, &handle))
        return FALSE;
    memcpy(plain, cipher.data, cipher.size);
    reverse(plain, cipher.size);
    good = CryptDecrypt(handle, 0, TRUE, 0, plain, &used);
    CryptDestroyKey(handle);
    *size = used;
    return good;
}

/* --- an exportable key of CryptoAPI ----------------------------------------------------------------------
 */

/* The next number of a PRIVATEKEYBLOB, which begins with its small end; it is turned round where it lies. */
static struct span turn(uint8_t **at, size_t size)
{
    struct span number = { *at, size };

    reverse(*at, size);
    *at += size;
    return number;
}

/* FALSE: it is none (Microsoft: "RSA/Schannel Key BLOBs"). */
static BOOL read_blob(uint8_t *blob, DWORD size, uint8_t exponent[4], struct span numbers[EXPORTED_NUMBERS])
{
    static const enum exported_number halves[] = { EXPORTED_PRIME1, EXPORTED_PRIME2, EXPORTED_EXPONENT1,
                                                   EXPORTED_EXPONENT2, EXPORTED_COEFFICIENT };
    const RSAPUBKEY *public = (const RSAPUBKEY *)(blob + sizeof(BLOBHEADER));
    uint8_t *at = blob + sizeof(BLOBHEADER) + sizeof(RSAPUBKEY);
    size_t modulus, prime, i;

    if (size < sizeof(BLOBHEADER) + sizeof(RSAPUBKEY)) return FALSE;
    modulus = public->bitlen / 8;
    prime = public->bitlen / 16;
    if (!prime || public->bitlen % 16 ||
        size < sizeof(BLOBHEADER) + sizeof(RSAPUBKEY) + 2 * modulus + 5 * prime)
        return FALSE;
    for (i = 0; i < 4; i++) exponent[i] = (uint8_t)(public->pubexp >> 8 * (3 - i));
    numbers[EXPORTED_PUBLIC_EXPONENT].data = exponent;
    numbers[EXPORTED_PUBLIC_EXPONENT].size = 4;
    numbers[EXPORTED_MODULUS] = turn(&at, modulus);
    for (i = 0; i < ARRAY_SIZE(halves); i++) numbers[halves[i]] = turn(&at, prime);
    numbers[EXPORTED_PRIVATE_EXPONENT] = turn(&at, modulus);
    return TRUE;
}

/* Does nothing for a key whose owner did not want it exported: the provider says so. */
static void export_key(struct key *key)
{
    struct span numbers[EXPORTED_NUMBERS];
    uint8_t exponent[4], *blob;
    HCRYPTKEY handle;
    DWORD size = 0;

    if (!CryptGetUserKey(key->providers[0].handle, key->spec, &handle)) return;
    if (CryptExportKey(handle, 0, PRIVATEKEYBLOB, 0, NULL, &size) && (blob = malloc(size)))
    {
        DWORD room = size;

        if (CryptExportKey(handle, 0, PRIVATEKEYBLOB, 0, blob, &room) &&
            read_blob(blob, room, exponent, numbers))
            key->exported = exported_open(numbers);
        SecureZeroMemory(blob, size);
        free(blob);
    }
    CryptDestroyKey(handle);
}

/* --- CNG ------------------------------------------------------------------------------------------------ */

/* CNG's padding argument for a scheme. */
struct padding
{
    BCRYPT_PKCS1_PADDING_INFO pkcs1;
    BCRYPT_PSS_PADDING_INFO pss;
    void *info;
    ULONG flags;
};

static void padding_of(const struct scheme *scheme, struct padding *padding)
{
    memset(padding, 0, sizeof(*padding));
    if (scheme->type == IDENTITY_ECDSA) return;
    padding->pkcs1.pszAlgId = scheme->hash;
    padding->pss.pszAlgId = scheme->hash;
    padding->pss.cbSalt = scheme->size; /* RFC 8446, 4.2.3 */
    padding->info = scheme->algorithm ? (void *)&padding->pkcs1 : (void *)&padding->pss;
    padding->flags = scheme->algorithm ? BCRYPT_PAD_PKCS1 : BCRYPT_PAD_PSS;
}

static BOOL sign_cng(struct key *key, const struct scheme *scheme, struct span hash, uint8_t *signature,
                     size_t *size)
{
    /* For all keys: one handle may lie in several certificates. */
    static SRWLOCK lock = SRWLOCK_INIT;
    struct padding padding;
    SECURITY_STATUS status;
    ULONG used = 0;

    padding_of(scheme, &padding);
    AcquireSRWLockExclusive(&lock);
    status = NCryptSignHash(key->cng, padding.info, (BYTE *)hash.data, (DWORD)hash.size, signature,
                            SIGNATURE_MAX, &used, padding.flags);
    if (padding.flags == BCRYPT_PAD_PSS) key->pss_only = TRUE;
    ReleaseSRWLockExclusive(&lock);
    if (status) WARN("CNG does not sign: %#lx\n", (unsigned long)status);
    *size = used;
    return !status;
}

static BOOL decrypt_cng(struct key *key, struct span cipher, uint8_t *plain, size_t *size)
{
    SECURITY_STATUS status;
    DWORD used = 0;

    status = NCryptDecrypt(key->cng, (BYTE *)cipher.data, (DWORD)cipher.size, NULL, plain, SIGNATURE_MAX,
                           &used, NCRYPT_PAD_PKCS1_FLAG);
    *size = used;
    return !status;
}

/* Whether a CNG key is the certificate's: the numbers of its public half stand in the certificate. One that
 * does not show its public half is believed. */
static BOOL is_cng_key_of(NCRYPT_KEY_HANDLE key, PCCERT_CONTEXT certificate)
{
    /* Wine's bcrypt does not know the first, which is whatever the key is. */
    static const WCHAR *const kinds[] = { BCRYPT_PUBLIC_KEY_BLOB, BCRYPT_RSAPUBLIC_BLOB,
                                          BCRYPT_ECCPUBLIC_BLOB };
    const CRYPT_BIT_BLOB *public = &certificate->pCertInfo->SubjectPublicKeyInfo.PublicKey;
    union
    {
        BCRYPT_KEY_BLOB any;
        BCRYPT_RSAKEY_BLOB rsa;
        BYTE bytes[sizeof(BCRYPT_RSAKEY_BLOB) + SIGNATURE_MAX];
    } blob;
    size_t at, numbers;
    DWORD size = 0;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!NCryptExportKey(key, 0, kinds[i], NULL, blob.bytes, sizeof(blob), &size, 0)) break;
    if (i == ARRAY_SIZE(kinds) || size < sizeof(BCRYPT_ECCKEY_BLOB)) return TRUE;
    /* At its end: an RSA modulus, or both coordinates of a point. */
    numbers =
        blob.any.Magic == BCRYPT_RSAPUBLIC_MAGIC ? blob.rsa.cbModulus : size - sizeof(BCRYPT_ECCKEY_BLOB);
    if (numbers > size) return FALSE;
    for (at = 0; at + numbers <= public->cbData; at++)
        if (!memcmp(public->pbData + at, blob.bytes + size - numbers, numbers)) return TRUE;
    return FALSE;
}

static SECURITY_STATUS take_cng(struct key *key, NCRYPT_KEY_HANDLE handle, BOOL free,
                                PCCERT_CONTEXT certificate)
{
    key->cng = handle;
    key->free_cng = free;
    return is_cng_key_of(handle, certificate) ? SEC_E_OK : SEC_E_UNKNOWN_CREDENTIALS;
}

static SECURITY_STATUS open_cng(struct key *key, const CRYPT_KEY_PROV_INFO *info, PCCERT_CONTEXT certificate)
{
    NCRYPT_PROV_HANDLE provider;
    NCRYPT_KEY_HANDLE handle;
    SECURITY_STATUS status;

    if (NCryptOpenStorageProvider(&provider, info->pwszProvName, 0)) return SEC_E_UNKNOWN_CREDENTIALS;
    status = NCryptOpenKey(provider, &handle, info->pwszContainerName, 0,
                           (info->dwFlags & CRYPT_MACHINE_KEYSET) | NCRYPT_SILENT_FLAG);
    NCryptFreeObject(provider);
    if (status)
    {
        WARN("the certificate names a CNG key that is not there: %#lx\n", (unsigned long)status);
        return SEC_E_UNKNOWN_CREDENTIALS;
    }
    return take_cng(key, handle, TRUE, certificate);
}

/* --- what an identity asks ------------------------------------------------------------------------------ */

static BOOL can_sign(void *context, enum signature_scheme id)
{
    struct key *key = context;
    const struct scheme *scheme = scheme_find(key, id);

    if (!scheme) return FALSE;
    if (key->cng) return scheme->hash && !(key->pss_only && scheme->algorithm);
    return key->exported || capi_knows(key, scheme);
}

/* In 64 bit a signature of 2048 bits takes Wine's rsaenh 3 ms and GnuTLS 1; in 32 bit rsaenh is the faster.
 */
static BOOL is_for_gnutls(const struct key *key, const struct scheme *scheme)
{
    return key->exported && (sizeof(void *) == 8 || !capi_knows(key, scheme));
}

static BOOL sign(void *context, enum signature_scheme id, struct span hash, uint8_t *signature, size_t *size)
{
    struct key *key = context;
    const struct scheme *scheme = scheme_find(key, id);

    if (!scheme || hash.size != scheme->size || !can_sign(key, id)) return FALSE;
    if (key->cng) return sign_cng(key, scheme, hash, signature, size);
    if (is_for_gnutls(key, scheme)) return exported_sign(key->exported, id, hash, signature, size);
    return sign_capi(key, scheme, hash, signature, size);
}

static BOOL decrypt(void *context, struct span cipher, uint8_t *plain, size_t *size)
{
    struct key *key = context;

    return key->cng ? decrypt_cng(key, cipher, plain, size) : decrypt_capi(key, cipher, plain, size);
}

void key_describe(struct key *key, struct identity_key *description)
{
    description->key = key;
    description->type = key->type;
    description->bits = key->bits;
    description->can_sign = can_sign;
    description->sign = sign;
    description->decrypt = decrypt;
}

BOOL key_signs_for_tls13(struct key *key)
{
    return can_sign(key, key->type == IDENTITY_RSA       ? SCHEME_RSA_PSS_RSAE_SHA256
                         : key->type == IDENTITY_RSA_PSS ? SCHEME_RSA_PSS_PSS_SHA256
                                                         : SCHEME_ECDSA_SHA256);
}

/* --- opening -------------------------------------------------------------------------------------------- */

void *certificate_property(PCCERT_CONTEXT certificate, DWORD id, DWORD *size)
{
    void *data = NULL;

    *size = 0;
    if (CertGetCertificateContextProperty(certificate, id, NULL, size) && (data = malloc(*size)) &&
        CertGetCertificateContextProperty(certificate, id, data, size))
        return data;
    free(data);
    *size = 0;
    return NULL;
}

static SECURITY_STATUS take_capi(struct key *key, HCRYPTPROV handle, BOOL release, DWORD spec,
                                 PCCERT_CONTEXT certificate)
{
    key->providers[0].handle = handle;
    key->providers[0].release = release;
    key->spec = find_spec(handle, spec, certificate);
    return key->spec ? SEC_E_OK : SEC_E_UNKNOWN_CREDENTIALS;
}

/* A handle that lies in the certificate context itself. */
static SECURITY_STATUS open_context(struct key *key, PCCERT_CONTEXT certificate)
{
    DWORD size;
    CERT_KEY_CONTEXT *context = certificate_property(certificate, CERT_KEY_CONTEXT_PROP_ID, &size);
    SECURITY_STATUS status;

    if (!context) return SEC_E_NO_CREDENTIALS;
    status = context->dwKeySpec == CERT_NCRYPT_KEY_SPEC
                 ? take_cng(key, context->hNCryptKey, FALSE, certificate)
                 : take_capi(key, context->hCryptProv, FALSE, context->dwKeySpec, certificate);
    free(context);
    return status;
}

static SECURITY_STATUS open_handle(struct key *key, PCCERT_CONTEXT certificate)
{
    NCRYPT_KEY_HANDLE handle = 0;
    DWORD size = sizeof(handle);

    if (!CertGetCertificateContextProperty(certificate, CERT_NCRYPT_KEY_HANDLE_PROP_ID, &handle, &size) ||
        !handle)
        return SEC_E_NO_CREDENTIALS;
    return take_cng(key, handle, FALSE, certificate);
}

static SECURITY_STATUS open_named(struct key *key, PCCERT_CONTEXT certificate)
{
    DWORD size;
    CRYPT_KEY_PROV_INFO *info = certificate_property(certificate, CERT_KEY_PROV_INFO_PROP_ID, &size);
    SECURITY_STATUS status;

    if (!info) return SEC_E_NO_CREDENTIALS;
    /* A provider without a type is CNG's (Microsoft: CRYPT_KEY_PROV_INFO). */
    status = info->dwProvType ? open_capi(key, info, certificate) : open_cng(key, info, certificate);
    free(info);
    return status;
}

/* What crypt32 makes of it: its last word where a certificate's properties are its own business. */
static SECURITY_STATUS open_by_crypt32(struct key *key, PCCERT_CONTEXT certificate)
{
    HCRYPTPROV_OR_NCRYPT_KEY_HANDLE handle = 0;
    BOOL release = FALSE;
    DWORD spec = 0;

    if (!CryptAcquireCertificatePrivateKey(certificate,
                                           CRYPT_ACQUIRE_SILENT_FLAG | CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG,
                                           NULL, &handle, &spec, &release) ||
        !handle)
        return SEC_E_NO_CREDENTIALS;
    return spec == CERT_NCRYPT_KEY_SPEC ? take_cng(key, handle, release, certificate)
                                        : take_capi(key, handle, release, spec, certificate);
}

/* Gives back what an attempt took. */
static void let_go(struct key *key)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(key->providers); i++)
        if (key->providers[i].release) CryptReleaseContext(key->providers[i].handle, 0);
    memset(key->providers, 0, sizeof(key->providers));
    if (key->free_cng) NCryptFreeObject(key->cng);
    key->cng = 0;
    key->free_cng = FALSE;
    key->spec = 0;
}

/* The first way that leads to the key; else what the first way that names one says. */
static SECURITY_STATUS find_key(struct key *key, PCCERT_CONTEXT certificate)
{
    static SECURITY_STATUS (*const ways[])(struct key *, PCCERT_CONTEXT) = { open_handle, open_context,
                                                                             open_named, open_by_crypt32 };
    SECURITY_STATUS status, first = SEC_E_NO_CREDENTIALS;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(ways); i++)
    {
        if (!(status = ways[i](key, certificate))) return SEC_E_OK;
        if (first == SEC_E_NO_CREDENTIALS) first = status;
        let_go(key);
    }
    return first;
}

/* Wine's crypt32 does not know how long a curve's key is; an uncompressed point tells (SEC 1, 2.3.3). */
static unsigned curve_bits(DWORD point_size)
{
    return point_size == 1 + 2 * 66 ? 521 : (point_size - 1) / 2 * 8;
}

SECURITY_STATUS key_open(PCCERT_CONTEXT certificate, struct key **out)
{
    const CERT_PUBLIC_KEY_INFO *public = &certificate->pCertInfo->SubjectPublicKeyInfo;
    SECURITY_STATUS status;
    struct key *key;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(types) && strcmp(public->Algorithm.pszObjId, types[i].oid);) i++;
    if (i == ARRAY_SIZE(types)) return SEC_E_UNKNOWN_CREDENTIALS;
    if (!(key = calloc(1, sizeof(*key)))) return SEC_E_INSUFFICIENT_MEMORY;
    key->type = types[i].type;
    key->bits = CertGetPublicKeyLength(X509_ASN_ENCODING, (CERT_PUBLIC_KEY_INFO *)public);
    if (key->type == IDENTITY_ECDSA) key->bits = curve_bits(public->PublicKey.cbData);
    if ((status = find_key(key, certificate)))
    {
        key_close(key);
        return status;
    }
    if (key->providers[0].handle && key->type != IDENTITY_ECDSA) export_key(key);
    TRACE("a key of %u bits by %s, type %lu%s\n", key->bits, key->cng ? "CNG" : "CryptoAPI",
          key->cng ? 0ul : (unsigned long)provider_type(key->providers[0].handle),
          key->exported ? ", exportable" : "");
    *out = key;
    return SEC_E_OK;
}

void key_close(struct key *key)
{
    if (!key) return;
    let_go(key);
    exported_close(key->exported);
    free(key);
}
