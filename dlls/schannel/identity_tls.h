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

/* The scheme of a GnuTLS algorithm; FALSE: it is none of ours. */
BOOL identity_scheme(gnutls_sign_algorithm_t algorithm, enum signature_scheme *scheme);

#endif
