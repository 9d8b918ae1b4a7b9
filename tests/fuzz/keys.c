/*
 * The keys room of the native build: keys of material.h in the place of CryptoAPI's and CNG's. That of RSA is
 * one that was exported.
 */
#include "keys.h"
#include "exported.h"
#include "common.h"
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

struct key
{
    gnutls_privkey_t key;
    struct exported_key *exported;
    BOOL rsa;
};

static const struct
{
    enum signature_scheme scheme;
    BOOL rsa;
    gnutls_sign_algorithm_t algorithm;
} algorithms[] = {
    { SCHEME_RSA_SHA256, TRUE, GNUTLS_SIGN_RSA_SHA256 },
    { SCHEME_RSA_SHA384, TRUE, GNUTLS_SIGN_RSA_SHA384 },
    { SCHEME_RSA_PSS_RSAE_SHA256, TRUE, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256 },
    { SCHEME_RSA_PSS_RSAE_SHA384, TRUE, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384 },
    { SCHEME_ECDSA_SHA256, FALSE, GNUTLS_SIGN_ECDSA_SHA256 },
};

static BOOL can_sign(void *context, enum signature_scheme scheme)
{
    struct key *key = context;
    unsigned i;

    if (scheme == SCHEME_RSA_MD5_SHA1) return key->rsa;
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme) return algorithms[i].rsa == key->rsa;
    return FALSE;
}

/* r and s of P-256, 32 bytes each, out of DER. */
static size_t split(const gnutls_datum_t *der, uint8_t *out)
{
    gnutls_datum_t numbers[2];
    unsigned i;

    if (gnutls_decode_rs_value(der, &numbers[0], &numbers[1]) < 0) return 0;
    memset(out, 0, 64);
    for (i = 0; i < 2; i++)
    {
        size_t zeros = numbers[i].size > 32 ? numbers[i].size - 32 : 0;

        memcpy(out + (i + 1) * 32 - (numbers[i].size - zeros), numbers[i].data + zeros,
               numbers[i].size - zeros);
        gnutls_free(numbers[i].data);
    }
    return 64;
}

static BOOL sign(void *context, enum signature_scheme scheme, struct span hash, uint8_t *signature,
                 size_t *size)
{
    unsigned i;
    gnutls_datum_t data = { (unsigned char *)hash.data, (unsigned)hash.size }, made;
    gnutls_sign_algorithm_t algorithm = GNUTLS_SIGN_UNKNOWN;
    struct key *key = context;

    if (key->rsa) return exported_sign(key->exported, scheme, hash, signature, size);
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme) algorithm = algorithms[i].algorithm;
    if (gnutls_privkey_sign_hash2(key->key, algorithm, 0, &data, &made) < 0) return FALSE;
    *size = split(&made, signature);
    gnutls_free(made.data);
    return *size != 0;
}

static BOOL decrypt(void *context, struct span cipher, uint8_t *plain, size_t *size)
{
    gnutls_datum_t data = { (unsigned char *)cipher.data, (unsigned)cipher.size }, made;
    struct key *key = context;

    if (gnutls_privkey_decrypt_data(key->key, 0, &data, &made) < 0) return FALSE;
    memcpy(plain, made.data, *size = made.size);
    gnutls_free(made.data);
    return TRUE;
}

/* As keys.c has them from CryptoAPI; wiped as there. */
static struct exported_key *export_key(gnutls_privkey_t key)
{
    struct span numbers[EXPORTED_NUMBERS];
    gnutls_datum_t parts[EXPORTED_NUMBERS] = { 0 };
    struct exported_key *exported;
    unsigned i;

    if (gnutls_privkey_export_rsa_raw(key, &parts[EXPORTED_MODULUS], &parts[EXPORTED_PUBLIC_EXPONENT],
                                      &parts[EXPORTED_PRIVATE_EXPONENT], &parts[EXPORTED_PRIME1],
                                      &parts[EXPORTED_PRIME2], &parts[EXPORTED_COEFFICIENT],
                                      &parts[EXPORTED_EXPONENT1], &parts[EXPORTED_EXPONENT2]) < 0)
        return NULL;
    for (i = 0; i < EXPORTED_NUMBERS; i++) numbers[i] = (struct span){ parts[i].data, parts[i].size };
    exported = exported_open(numbers);
    for (i = 0; i < EXPORTED_NUMBERS; i++)
    {
        gnutls_memset(parts[i].data, 0, parts[i].size);
        gnutls_free(parts[i].data);
    }
    return exported;
}

SECURITY_STATUS key_open(PCCERT_CONTEXT certificate, struct key **out)
{
    struct key *key;
    unsigned i;

    for (i = 0; i < MATERIALS; i++)
    {
        if (certificate->cbCertEncoded != materials[i].certificate_der.size ||
            memcmp(certificate->pbCertEncoded, materials[i].certificate_der.data,
                   materials[i].certificate_der.size))
            continue;
        if (!(key = calloc(1, sizeof(*key)))) return SEC_E_INSUFFICIENT_MEMORY;
        key->rsa = i == 1;
        if (gnutls_privkey_init(&key->key) < 0 ||
            gnutls_privkey_import_x509_raw(key->key, &materials[i].key_der, GNUTLS_X509_FMT_DER, NULL, 0) <
                0 ||
            (key->rsa && !(key->exported = export_key(key->key))))
        {
            key_close(key);
            return SEC_E_INSUFFICIENT_MEMORY;
        }
        *out = key;
        return SEC_E_OK;
    }
    return SEC_E_NO_CREDENTIALS;
}

void key_close(struct key *key)
{
    if (!key) return;
    exported_close(key->exported);
    if (key->key) gnutls_privkey_deinit(key->key);
    free(key);
}

void *certificate_property(PCCERT_CONTEXT certificate, DWORD id, DWORD *size)
{
    (void)certificate;
    (void)id;
    *size = 0;
    return NULL;
}

void key_describe(struct key *key, struct identity_key *description)
{
    description->key = key;
    description->type = key->rsa ? IDENTITY_RSA : IDENTITY_ECDSA;
    description->bits = key->rsa ? 1024 : 256;
    description->can_sign = can_sign;
    description->sign = sign;
    description->decrypt = decrypt;
}

BOOL key_signs_for_tls13(struct key *key)
{
    (void)key;
    return TRUE;
}
