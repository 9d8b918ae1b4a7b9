/*
 * Resumption: what is kept of finished handshakes, so that later ones are shorter.
 *
 * A server's sessions are kept under their ids, or with the client as tickets. A client's are kept under the
 * name it asked for and the credential it asked with, as on Windows (Microsoft: "Session resumption" in
 * SCHANNEL_CRED).
 */
#ifndef SCHANNEL_RESUMPTION_H
#define SCHANNEL_RESUMPTION_H

#include "windows_sspi.h"
#include "profile.h"
#include "span.h"
#include <gnutls/gnutls.h>

#define RESUMPTION_NAME_SIZE 32 /* bytes of a name's hash */
#define RESUMPTION_KEY_SIZE  32 /* bytes of what a session's data is known by: a hash */
#define RESUMPTION_TICKETS                                                                                   \
    8 /* tickets of a session that are remembered, of those offered and those given                          \
       */

/* Hashes of tickets. */
struct ticket_hashes
{
    uint8_t hash[RESUMPTION_TICKETS][RESUMPTION_KEY_SIZE];
    unsigned count;
};

/* One session's part in it. */
struct resumption
{
    const struct profile *profile;
    BOOL server;
    BOOL datagram;                      /* DTLS: its sessions are none of TLS */
    BOOL asks;                          /* a server: the client was asked for a certificate */
    BOOL forget;                        /* nothing is kept of this session */
    BOOL named;                         /* a client: there is a name to keep it under */
    BOOL by_caller;                     /* a client: the program validates the server */
    uint8_t name[RESUMPTION_NAME_SIZE]; /* the name's hash */

    /* Data of the program's that belongs to the session; and, in TLS 1.3, where to find it. */
    uint8_t *data;
    size_t data_size;
    struct ticket_hashes offered, given;
    unsigned chosen; /* of those offered; at least their count: none */
};

/* A server's session: takes known ids, and gives tickets if `tickets`. FALSE: no memory. */
BOOL resumption_serve(struct resumption *resumption, gnutls_session_t tls, BOOL tickets);

/* A server that has read a ClientHello: nothing is resumed in this handshake. */
void resumption_refuse(gnutls_session_t tls);

/* From now on the client is asked for a certificate: nothing may be resumed in which it was not. Until the
 * ServerHello is out, every ticket counts as over; resumption_greeted is to be called then. */
void resumption_ask(struct resumption *resumption, gnutls_session_t tls);
void resumption_greeted(const struct resumption *resumption, gnutls_session_t tls);

/* A client's session: takes up what is known under that name. `name` empty: nothing is, or ever will be. */
void resumption_offer(struct resumption *resumption, gnutls_session_t tls, struct span name, BOOL by_caller);

/* Keeps a client's session: after its handshake, and after each ticket of TLS 1.3; not one without the
 * extended master secret (RFC 7627). */
void resumption_keep(struct resumption *resumption, gnutls_session_t tls);

/* Forgets what is known of a session, from now on or for the time being. */
void resumption_set(struct resumption *resumption, gnutls_session_t tls, BOOL resumable, BOOL server);

/*
 * Data of the program's is kept beside the sessions, and found again by what a session and those resumed from
 * it have in common: up to TLS 1.2 the master secret, in TLS 1.3 the ticket. Of both only a hash is kept.
 *
 * A ClientHello of TLS 1.3: first none, then each ticket it offers. A ServerHello: which of them, counted
 * from 0, or RESUMPTION_TICKETS for none. Then each ticket that is given.
 */
void resumption_offered_none(struct resumption *resumption);
void resumption_offered(struct resumption *resumption, struct span ticket);
void resumption_chosen(struct resumption *resumption, unsigned index);
void resumption_ticket(struct resumption *resumption, struct span ticket);

/* After a handshake: finds the data, if this session was resumed from one that has some. */
void resumption_established(struct resumption *resumption, gnutls_session_t tls);

/* Sets the data for this session and for those resumed from it; empty: none. FALSE: no memory. */
BOOL resumption_set_data(struct resumption *resumption, gnutls_session_t tls, struct span data);

/* Frees what a session held. */
void resumption_end(struct resumption *resumption);

/* Empties the caches: of clients' sessions under a name, or with an empty name of all sessions. */
void resumption_empty(struct span name);

/* How many sessions all servers of the process keep. */
void resumption_limit(unsigned limit);

#endif
