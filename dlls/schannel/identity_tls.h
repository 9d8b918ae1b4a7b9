/*
 * The inside of an identity, for the session.
 */
#ifndef SCHANNEL_IDENTITY_TLS_H
#define SCHANNEL_IDENTITY_TLS_H

#include "identity.h"
#include <gnutls/abstract.h>

struct identity
{
    struct identity_key key;
    gnutls_privkey_t private_key; /* asks `key` */
    gnutls_pcert_st chain[IDENTITY_CHAIN_MAX];
    unsigned count;
};

/* The same chain and key for somebody who will own them; the identity has to outlive the key. `chain` has
 * room for IDENTITY_CHAIN_MAX. FALSE: no memory, and nothing to free. */
BOOL identity_copy(const struct identity *identity, gnutls_pcert_st *chain, unsigned *count,
                   gnutls_privkey_t *key);

/* The scheme of a GnuTLS algorithm; FALSE: it is none of ours. */
BOOL identity_scheme(gnutls_sign_algorithm_t algorithm, enum signature_scheme *scheme);

#endif
