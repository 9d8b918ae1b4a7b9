/*
 * A profile: what a credential prepares once for all its sessions.
 */
#ifndef SCHANNEL_PROFILE_H
#define SCHANNEL_PROFILE_H

#include "windows_sspi.h"
#include "identity.h"
#include "priority.h"

#define TICKET_SECRET_MAX 96 /* bytes of SESSION_TICKET_KEYS: an id of 16, up to 64 of key */

/* Sets GnuTLS up, once in the process; to be called before anything else of the engine, not from DllMain.
 * FALSE when that failed. */
BOOL profile_library_open(void);

/* Frees what GnuTLS keeps for this thread, which ends. For DllMain: the lock that it takes is held for a few
 * instructions, never by somebody who waits. */
void profile_library_end_thread(void);

enum side
{
    SIDE_CLIENT,
    SIDE_SERVER,
    SIDES
};

enum transport
{
    TRANSPORT_STREAM,   /* TLS and SSL */
    TRANSPORT_DATAGRAM, /* DTLS */
    TRANSPORTS
};

struct profile;

/*
 * For what the choice allows, which is finished (choice_finish); it is not kept. `renegotiation`: of both
 * sides, or NULL for what is secure. SEC_E_ALGORITHM_MISMATCH when there is no protocol in it,
 * SEC_E_INSUFFICIENT_MEMORY. The caller destroys it, after the last session made from it.
 */
SECURITY_STATUS profile_create(const struct choice *choice, const enum renegotiation renegotiation[SIDES],
                               struct profile **profile);
void profile_destroy(struct profile *profile); /* NULL is fine */

/* How a profile's servers behave. All but the last are to be called before the first session is made from it.
 */

/* A certificate of the server; of several the client's name and algorithms choose. The identity has to
 * outlive the profile. `ocsp`: a response about it, DER, that is sent to clients who ask as long as it is
 * fresh; or empty. SEC_E_INSUFFICIENT_MEMORY. */
SECURITY_STATUS profile_add_identity(struct profile *profile, const struct identity *identity,
                                     struct span ocsp);

/* Names an authority, by its certificate, whose clients are wanted. FALSE: it is no certificate, or no
 * memory. */
BOOL profile_name_authority(struct profile *profile, struct span certificate);

/* How long sessions of that side can be resumed, in seconds; 0: not at all. */
void profile_set_lifespan(struct profile *profile, enum side side, unsigned seconds);

/* The secret tickets are protected with; without it, it is random. Two profiles with one secret resume each
 * other's sessions. FALSE: no memory, or not up to TICKET_SECRET_MAX bytes. */
BOOL profile_set_ticket_secret(struct profile *profile, struct span secret);

#endif
