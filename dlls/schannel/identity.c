/*
 * An identity: a certificate chain and a private key that somebody else holds, as GnuTLS wants them.
 *
 * GnuTLS calls it an external key. It asks which signatures the key can make, picks one that the peer takes,
 * and has it made: of a hash, which for PKCS #1 comes wrapped in a DigestInfo.
 */
#include "identity_tls.h"
#include "log.h"
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

static const struct
{
    gnutls_sign_algorithm_t gnutls;
    gnutls_digest_algorithm_t pkcs1; /* the hash of a DigestInfo, for PKCS #1 */
    enum signature_scheme scheme;
    enum identity_type type;
    unsigned curve; /* bits of the curve TLS 1.3 ties it to; 0: TLS 1.3 has no such scheme, or it is not of a
                       curve */
    BOOL tls13;
} schemes[] = {
    /* clang-format off */
    { GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,    GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_RSAE_SHA256, IDENTITY_RSA,     0,   TRUE },
    { GNUTLS_SIGN_RSA_PSS_RSAE_SHA384,    GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_RSAE_SHA384, IDENTITY_RSA,     0,   TRUE },
    { GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,    GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_RSAE_SHA512, IDENTITY_RSA,     0,   TRUE },
    { GNUTLS_SIGN_RSA_PSS_SHA256,         GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_PSS_SHA256,  IDENTITY_RSA_PSS, 0,   TRUE },
    { GNUTLS_SIGN_RSA_PSS_SHA384,         GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_PSS_SHA384,  IDENTITY_RSA_PSS, 0,   TRUE },
    { GNUTLS_SIGN_RSA_PSS_SHA512,         GNUTLS_DIG_UNKNOWN, SCHEME_RSA_PSS_PSS_SHA512,  IDENTITY_RSA_PSS, 0,   TRUE },
    { GNUTLS_SIGN_RSA_SHA256,             GNUTLS_DIG_SHA256,  SCHEME_RSA_SHA256,          IDENTITY_RSA,     0,   FALSE },
    { GNUTLS_SIGN_RSA_SHA384,             GNUTLS_DIG_SHA384,  SCHEME_RSA_SHA384,          IDENTITY_RSA,     0,   FALSE },
    { GNUTLS_SIGN_RSA_SHA512,             GNUTLS_DIG_SHA512,  SCHEME_RSA_SHA512,          IDENTITY_RSA,     0,   FALSE },
    { GNUTLS_SIGN_RSA_SHA1,               GNUTLS_DIG_SHA1,    SCHEME_RSA_SHA1,            IDENTITY_RSA,     0,   FALSE },
    { GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA256,        IDENTITY_ECDSA,   256, TRUE },
    { GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA384,        IDENTITY_ECDSA,   384, TRUE },
    { GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA512,        IDENTITY_ECDSA,   521, TRUE },
    { GNUTLS_SIGN_ECDSA_SHA256,           GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA256,        IDENTITY_ECDSA,   256, TRUE },
    { GNUTLS_SIGN_ECDSA_SHA384,           GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA384,        IDENTITY_ECDSA,   384, TRUE },
    { GNUTLS_SIGN_ECDSA_SHA512,           GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA512,        IDENTITY_ECDSA,   521, TRUE },
    { GNUTLS_SIGN_ECDSA_SHA1,             GNUTLS_DIG_UNKNOWN, SCHEME_ECDSA_SHA1,          IDENTITY_ECDSA,   0,   FALSE },
    /* clang-format on */
};

#define MD5_SHA1_SIZE 36 /* what TLS 1.0 and 1.1 sign with RSA, without a DigestInfo (RFC 4346, 4.7) */

BOOL identity_scheme(gnutls_sign_algorithm_t algorithm, enum signature_scheme *scheme)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(schemes); i++)
    {
        if (schemes[i].gnutls != algorithm) continue;
        *scheme = schemes[i].scheme;
        return TRUE;
    }
    return FALSE;
}

/* --- an external key ------------------------------------------------------------------------------------ */

/* What GnuTLS asks about the key; -1: that we do not know. */
static int tell(gnutls_privkey_t private_key, unsigned flags, void *owner)
{
    static const gnutls_pk_algorithm_t algorithms[] = {
        [IDENTITY_RSA] = GNUTLS_PK_RSA,
        [IDENTITY_RSA_PSS] = GNUTLS_PK_RSA_PSS,
        [IDENTITY_ECDSA] = GNUTLS_PK_ECDSA,
    };
    const struct identity *identity = owner;
    enum signature_scheme scheme;

    (void)private_key;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) return (int)algorithms[identity->key.type];
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) return (int)identity->key.bits;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return identity_scheme(GNUTLS_FLAGS_TO_SIGN_ALGO(flags), &scheme) &&
               identity->key.can_sign(identity->key.key, scheme);
    return -1;
}

/* The hash in what PKCS #1 signs, and the scheme that signs it. `room`: for the hash. */
static BOOL unwrap_digest(const gnutls_datum_t *data, enum signature_scheme *scheme, uint8_t room[64],
                          struct span *hash)
{
    gnutls_digest_algorithm_t digest;
    unsigned i, size = 64;

    if (gnutls_decode_ber_digest_info(data, &digest, room, &size) < 0)
    {
        hash->data = data->data;
        hash->size = data->size;
        *scheme = SCHEME_RSA_MD5_SHA1;
        return data->size == MD5_SHA1_SIZE;
    }
    hash->data = room;
    hash->size = size;
    for (i = 0; i < ARRAY_SIZE(schemes); i++)
    {
        if (schemes[i].pkcs1 == GNUTLS_DIG_UNKNOWN || schemes[i].pkcs1 != digest) continue;
        *scheme = schemes[i].scheme;
        return TRUE;
    }
    return FALSE;
}

static gnutls_datum_t without_zeros(const uint8_t *number, size_t size)
{
    gnutls_datum_t datum;

    while (size > 1 && !*number)
    {
        number++;
        size--;
    }
    datum.data = (unsigned char *)number;
    datum.size = (unsigned)size;
    return datum;
}

/* ECDSA's two numbers become a DER sequence (RFC 3279, 2.2.3); the rest is as it is. */
static int give_signature(enum identity_type type, const uint8_t *bytes, size_t size,
                          gnutls_datum_t *signature)
{
    gnutls_datum_t r, s;

    if (type == IDENTITY_ECDSA)
    {
        if (!size || size % 2) return GNUTLS_E_PK_SIGN_FAILED;
        r = without_zeros(bytes, size / 2);
        s = without_zeros(bytes + size / 2, size / 2);
        return gnutls_encode_rs_value(signature, &r, &s);
    }
    if (!(signature->data = gnutls_malloc(size))) return GNUTLS_E_MEMORY_ERROR;
    memcpy(signature->data, bytes, size);
    signature->size = (unsigned)size;
    return 0;
}

static int sign_hash(gnutls_privkey_t private_key, gnutls_sign_algorithm_t algorithm, void *owner,
                     unsigned flags, const gnutls_datum_t *data, gnutls_datum_t *signature)
{
    const struct identity *identity = owner;
    struct span hash = { data->data, data->size };
    uint8_t room[64], bytes[SIGNATURE_MAX];
    enum signature_scheme scheme;
    size_t size;

    (void)private_key;
    (void)flags;
    if (algorithm == GNUTLS_SIGN_RSA_RAW)
    {
        if (!unwrap_digest(data, &scheme, room, &hash)) return GNUTLS_E_PK_SIGN_FAILED;
    }
    else if (!identity_scheme(algorithm, &scheme))
        return GNUTLS_E_PK_SIGN_FAILED;
    if (!identity->key.sign(identity->key.key, scheme, hash, bytes, &size)) return GNUTLS_E_PK_SIGN_FAILED;
    return give_signature(identity->key.type, bytes, size, signature);
}

static int decrypt(gnutls_privkey_t private_key, void *owner, const gnutls_datum_t *cipher,
                   gnutls_datum_t *plain)
{
    const struct identity *identity = owner;
    struct span span = { cipher->data, cipher->size };
    uint8_t bytes[SIGNATURE_MAX];
    size_t size;

    (void)private_key;
    plain->data = NULL;
    plain->size = 0;
    if (!identity->key.decrypt(identity->key.key, span, bytes, &size)) return GNUTLS_E_DECRYPTION_FAILED;
    if ((plain->data = gnutls_malloc(size ? size : 1)))
    {
        memcpy(plain->data, bytes, size);
        plain->size = (unsigned)size;
    }
    SecureZeroMemory(bytes, sizeof(bytes));
    return plain->data ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/* --- birth and death ------------------------------------------------------------------------------------ */

static gnutls_privkey_t make_key(const struct identity *identity)
{
    gnutls_privkey_t key;

    if (gnutls_privkey_init(&key) < 0) return NULL;
    if (gnutls_privkey_import_ext4(key, (void *)identity, NULL, sign_hash, decrypt, NULL, tell, 0) >= 0)
        return key;
    gnutls_privkey_deinit(key);
    return NULL;
}

BOOL identity_copy(const struct identity *identity, gnutls_pcert_st *chain, unsigned *count,
                   gnutls_privkey_t *key)
{
    unsigned i;

    for (i = 0; i < identity->count; i++)
        if (gnutls_pcert_import_x509_raw(&chain[i], &identity->chain[i].cert, GNUTLS_X509_FMT_DER, 0) < 0)
            break;
    *count = i;
    if (i == identity->count && (*key = make_key(identity))) return TRUE;
    while (i) gnutls_pcert_deinit(&chain[--i]);
    return FALSE;
}

SECURITY_STATUS identity_create(const struct span *chain, unsigned count, const struct identity_key *key,
                                struct identity **out)
{
    SECURITY_STATUS status = SEC_E_UNKNOWN_CREDENTIALS;
    struct identity *identity;

    if (!count) return SEC_E_UNKNOWN_CREDENTIALS;
    if (!(identity = calloc(1, sizeof(*identity)))) return SEC_E_INSUFFICIENT_MEMORY;
    identity->key = *key;
    for (; identity->count < count && identity->count < IDENTITY_CHAIN_MAX; identity->count++)
    {
        const struct span *der = &chain[identity->count];
        gnutls_datum_t datum = { (unsigned char *)der->data, (unsigned)der->size };

        if (gnutls_pcert_import_x509_raw(&identity->chain[identity->count], &datum, GNUTLS_X509_FMT_DER, 0) <
            0)
            goto done;
    }
    if (!(identity->private_key = make_key(identity)))
    {
        status = SEC_E_INSUFFICIENT_MEMORY;
        goto done;
    }
    *out = identity;
    identity = NULL;
    status = SEC_E_OK;

done:
    identity_destroy(identity);
    return status;
}

void identity_destroy(struct identity *identity)
{
    unsigned i;

    if (!identity) return;
    for (i = 0; i < identity->count; i++) gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->private_key) gnutls_privkey_deinit(identity->private_key);
    free(identity);
}

/* --- choosing ------------------------------------------------------------------------------------------- */

static BOOL issued_by(const gnutls_pcert_st *certificate, const struct identity_request *request)
{
    gnutls_datum_t name = { NULL, 0 };
    gnutls_x509_crt_t crt = NULL;
    BOOL is = FALSE;
    unsigned i;

    if (gnutls_x509_crt_init(&crt) < 0) return FALSE;
    if (gnutls_x509_crt_import(crt, &certificate->cert, GNUTLS_X509_FMT_DER) >= 0 &&
        gnutls_x509_crt_get_raw_issuer_dn(crt, &name) >= 0)
        for (i = 0; i < request->issuer_count && !is; i++)
            is = request->issuers[i].size == name.size &&
                 !memcmp(request->issuers[i].data, name.data, name.size);
    gnutls_free(name.data);
    gnutls_x509_crt_deinit(crt);
    return is;
}

static BOOL can_make(const struct identity *identity, enum signature_scheme wanted, BOOL tls13)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(schemes); i++)
    {
        if (schemes[i].scheme != wanted || schemes[i].type != identity->key.type) continue;
        if (tls13 && (!schemes[i].tls13 || (schemes[i].curve && schemes[i].curve != identity->key.bits)))
            continue;
        return identity->key.can_sign(identity->key.key, wanted);
    }
    return FALSE;
}

/* Without a list of schemes, which came with TLS 1.2, the key's kind decides. */
static BOOL can_make_any(const struct identity *identity, const struct identity_request *request)
{
    unsigned i;

    if (!(identity->key.type == IDENTITY_ECDSA ? request->ecdsa : request->rsa)) return FALSE;
    for (i = 0; i < request->scheme_count; i++)
        if (can_make(identity, request->schemes[i], request->tls13)) return TRUE;
    if (request->scheme_count || identity->key.type == IDENTITY_RSA_PSS) return FALSE;
    return identity->key.can_sign(
        identity->key.key, identity->key.type == IDENTITY_ECDSA ? SCHEME_ECDSA_SHA1 : SCHEME_RSA_MD5_SHA1);
}

BOOL identity_suits(const struct identity *identity, const struct identity_request *request)
{
    unsigned i;

    if (!can_make_any(identity, request)) return FALSE;
    for (i = 0; i < identity->count && request->issuer_count; i++)
        if (issued_by(&identity->chain[i], request)) return TRUE;
    return !request->issuer_count;
}
