/*
 * An RSA key that its owner let be exported: GnuTLS signs with it, in this process.
 */
#ifndef SCHANNEL_EXPORTED_H
#define SCHANNEL_EXPORTED_H

#include "identity.h"

struct exported_key;

/* Its numbers, each from the large end, in the order of RSAPrivateKey (RFC 8017, A.1.2). */
enum exported_number
{
    EXPORTED_MODULUS,
    EXPORTED_PUBLIC_EXPONENT,
    EXPORTED_PRIVATE_EXPONENT,
    EXPORTED_PRIME1,
    EXPORTED_PRIME2,
    EXPORTED_EXPONENT1,
    EXPORTED_EXPONENT2,
    EXPORTED_COEFFICIENT,
    EXPORTED_NUMBERS
};

/* Copies them. NULL: they are no key, or there is no memory. */
struct exported_key *exported_open(const struct span numbers[EXPORTED_NUMBERS]);

/* Overwrites it. NULL is fine. */
void exported_close(struct exported_key *key);

/* As an identity's key (identity.h): PKCS #1 and RSA-PSS, with a salt of the hash's size. Several threads may
 * sign at once. */
BOOL exported_sign(const struct exported_key *key, enum signature_scheme scheme, struct span hash,
                   uint8_t *signature, size_t *size);

#endif
