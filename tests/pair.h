/*
 * The other side, in the same process: a GnuTLS server whose wire is memory too. It is an independent peer as
 * far as the record layer goes, which GnuTLS does for it and we do for ourselves.
 */
#ifndef TESTS_PAIR_H
#define TESTS_PAIR_H

#include "session.h"
#include <gnutls/gnutls.h>

struct peer
{
    gnutls_session_t tls;
    uint8_t in[1 << 18], out[1 << 18]; /* to read, and written */
    size_t in_size, in_used, out_size;
    BOOL done; /* the handshake */
};

/* A server with one ECDSA and one RSA certificate for "localhost", made at the first call. NULL when GnuTLS
 * does not take the priority string. */
struct peer *peer_create(const char *priority);
void peer_destroy(struct peer *peer);

/* Gives the peer bytes, and takes those it wrote. */
void peer_feed(struct peer *peer, struct span bytes);
struct span peer_output(struct peer *peer);
void peer_output_taken(struct peer *peer);

/* One step of its handshake; 0, GNUTLS_E_AGAIN or what went wrong. */
int peer_handshake(struct peer *peer);

/* A whole handshake between a session and a peer. The session's last status. */
SECURITY_STATUS pair_handshake(struct session *session, struct peer *peer);

#endif
