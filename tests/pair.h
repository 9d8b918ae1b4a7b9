/*
 * The other side, in the same process: a GnuTLS server whose wire is memory too. It is an independent peer as
 * far as the record layer goes, which GnuTLS does for it and we do for ourselves.
 */
#ifndef TESTS_PAIR_H
#define TESTS_PAIR_H

#include "session.h"
#include <gnutls/abstract.h>

/* A profile for what Windows offers with these protocols. */
SECURITY_STATUS profile_for(DWORD protocols, struct profile **profile);

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

/* A client that believes everything. `resume`: what peer_session gave, or empty. */
struct peer *peer_create_client(const char *priority, gnutls_datum_t resume);

/* What a later client needs to resume; the caller frees it with gnutls_free. */
gnutls_datum_t peer_session(struct peer *peer);

void peer_destroy(struct peer *peer); /* of either kind */

/* Gives the peer bytes, and takes those it wrote. */
void peer_feed(struct peer *peer, struct span bytes);
struct span peer_output(struct peer *peer);
void peer_output_taken(struct peer *peer);

/* One step of its handshake; 0, GNUTLS_E_AGAIN or what went wrong. */
int peer_handshake(struct peer *peer);

/* A whole handshake between a session and a peer. The session's last status. */
SECURITY_STATUS pair_handshake(struct session *session, struct peer *peer);

/* --- keys that the test holds --------------------------------------------------------------------------- */

struct held_key
{
    gnutls_privkey_t key;
    enum identity_type type;
    unsigned bits;
    enum signature_scheme only; /* the one scheme it can do; 0: all of its kind */
    BOOL broken;                /* signing fails */
    BOOL short_r;               /* ECDSA: signs until the first byte of r is zero */
    unsigned signatures;
    enum signature_scheme last;
};

/* An identity for "localhost" with a key of that kind, which is made; NULL when that failed. */
struct identity *held_identity(enum identity_type type, unsigned bits, struct held_key *key);
void held_close(struct identity *identity, struct held_key *key);

/* --- certificates of tests/pki.py ----------------------------------------------------------------------- */

/* Those of NAME-chain.pem, in memory that the next call uses again; how many. */
unsigned pki_chain(const char *name, struct span chain[PEER_CHAIN_MAX]);

#endif
