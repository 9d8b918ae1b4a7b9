/*
 * The inside of a profile, for the session.
 */
#ifndef SCHANNEL_PROFILE_TLS_H
#define SCHANNEL_PROFILE_TLS_H

#include "profile.h"
#include <gnutls/abstract.h>

struct profile
{
    gnutls_priority_t priorities[SIDES][TRANSPORTS]; /* NULL: no protocol for that */
    gnutls_certificate_credentials_t certificates[SIDES];
    ULONG64 id;               /* of this profile alone, among all there ever are */
    unsigned lifespan[SIDES]; /* seconds, 0: no resumption */
    struct key_limits limits;
    BOOL psk;                  /* pre-shared keys, and no certificates */
    BOOL ssl2_hello;           /* servers read one */
    SRWLOCK ticket_lock;       /* guards the next */
    gnutls_datum_t ticket_key; /* GnuTLS's */
};

/* Chooses a client's certificate when it is due (session.c): one function for all sessions of a profile. */
int session_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                     gnutls_pcert_st **certificates, unsigned *count, gnutls_ocsp_data_st **ocsp,
                     unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags);

#endif
