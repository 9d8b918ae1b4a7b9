/*
 * An identity: a certificate chain and a private key that somebody else holds, as GnuTLS wants them.
 */
#ifndef SCHANNEL_IDENTITY_H
#define SCHANNEL_IDENTITY_H

#include "windows_sspi.h"
#include "span.h"

#define IDENTITY_CHAIN_MAX 16 /* certificates in a chain that is sent */
#define SIGNATURE_MAX                                                                                        \
    2048 /* bytes of a signature: RSA with 16,384 bits, which is the most CryptoAPI makes                    \
          */

/* SignatureScheme of RFC 8446, 4.2.3; and what TLS 1.0 and 1.1 do with RSA: MD5 and SHA-1, one after the
 * other. */
enum signature_scheme
{
    SCHEME_RSA_MD5_SHA1 = 0,
    SCHEME_RSA_SHA1 = 0x0201,
    SCHEME_ECDSA_SHA1 = 0x0203,
    SCHEME_RSA_SHA256 = 0x0401,
    SCHEME_RSA_SHA384 = 0x0501,
    SCHEME_RSA_SHA512 = 0x0601,
    SCHEME_ECDSA_SHA256 = 0x0403,
    SCHEME_ECDSA_SHA384 = 0x0503,
    SCHEME_ECDSA_SHA512 = 0x0603,
    SCHEME_RSA_PSS_RSAE_SHA256 = 0x0804,
    SCHEME_RSA_PSS_RSAE_SHA384 = 0x0805,
    SCHEME_RSA_PSS_RSAE_SHA512 = 0x0806,
    SCHEME_RSA_PSS_PSS_SHA256 = 0x0809,
    SCHEME_RSA_PSS_PSS_SHA384 = 0x080a,
    SCHEME_RSA_PSS_PSS_SHA512 = 0x080b,
};

/* What a certificate says its key is for. */
enum identity_type
{
    IDENTITY_RSA,     /* rsaEncryption */
    IDENTITY_RSA_PSS, /* id-RSASSA-PSS */
    IDENTITY_ECDSA,   /* id-ecPublicKey */
};

/* A key as its room describes it. The functions may be called by several threads at once. */
struct identity_key
{
    void *key;
    enum identity_type type;
    unsigned bits;
    BOOL (*can_sign)(void *key, enum signature_scheme scheme);

    /* Signs a hash of the scheme's size. `signature` has room for SIGNATURE_MAX; ECDSA gives r and s, one
     * after the other. FALSE ends the handshake with SEC_E_INTERNAL_ERROR. */
    BOOL (*sign)(void *key, enum signature_scheme scheme, struct span hash, uint8_t *signature, size_t *size);

    /* Takes PKCS #1 encryption off; `plain` has room for SIGNATURE_MAX. */
    BOOL (*decrypt)(void *key, struct span cipher, uint8_t *plain, size_t *size);
};

struct identity;

/*
 * `chain`: DER, leaf first; copied. The key has to outlive the identity. SEC_E_UNKNOWN_CREDENTIALS: GnuTLS
 * cannot read the certificates; SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS identity_create(const struct span *chain, unsigned count, const struct identity_key *key,
                                struct identity **identity);
void identity_destroy(struct identity *identity); /* NULL is fine */

/* What a peer that wants a certificate will take. */
struct identity_request
{
    const struct span *issuers; /* DER names */
    unsigned issuer_count;      /* 0: any */
    const enum signature_scheme *schemes;
    unsigned scheme_count;
    BOOL rsa, ecdsa; /* of the certificate's key */
    BOOL tls13;      /* where a curve has its hash, and PKCS #1 signs no handshake (RFC 8446, 4.2.3) */
};

/* True when the identity's key can make one of the signatures, and an issuer of its chain is one of the
 * issuers. */
BOOL identity_suits(const struct identity *identity, const struct identity_request *request);

#endif
