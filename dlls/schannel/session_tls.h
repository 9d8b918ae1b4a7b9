/*
 * The inside of a session, for the files it is spread over: session.c (the wire and the handshake),
 * session_records.c (what comes after it), session_facts.c (what was negotiated) and session_hello.c (what is
 * read out of messages).
 */
#ifndef SCHANNEL_SESSION_TLS_H
#define SCHANNEL_SESSION_TLS_H

#include "session.h"
#include "profile_tls.h"
#include "protection.h"
#include "resumption.h"
#include <gnutls/gnutls.h>

#define SHARES_MAX     4  /* of a client's keys for an exchange; ours are fewer */
#define EXTENSIONS_MAX 32 /* of a server that are remembered; we offer fewer */

#define WARNINGS_MAX                                                                                         \
    8 /* alerts in handshakes; GnuTLS takes 16 a session and then calls it an error of its own */

struct bytes
{
    uint8_t *data;
    size_t size, room;
};

/* What GnuTLS reads from, or writes to. */
struct session_wire
{
    struct session *session;
    int reason; /* an errno: why it cannot be read from or written to, when it cannot */
};

struct session
{
    gnutls_session_t tls;
    struct session_wire incoming, outgoing;
    const struct profile *profile;
    BOOL server;
    enum transport transport;
    struct resumption resumption;
    BOOL greeted; /* the first record has come */
    BOOL split;   /* as configured */
    gnutls_psk_client_credentials_t psk_client;
    gnutls_psk_server_credentials_t psk_server;
    struct bytes psk, psk_identity; /* of a server */
    struct span input;
    struct bytes output;
    struct bytes interleaved; /* plaintext */
    struct protection sending, receiving;
    struct record_sizes sizes;

    SECURITY_STATUS (*verify)(void *owner);
    SECURITY_STATUS(*choose)
    (void *owner, const struct identity_request *request, const struct identity **identity);
    void *owner;
    SECURITY_STATUS refusal; /* what verify said, if it refused */
    BOOL choosing;           /* choose said "later" */
    BOOL awaiting;           /* the client's certificate, after the handshake */
    struct span *issuers;    /* of the last CertificateRequest; the names follow in the same memory */
    unsigned issuer_count;

    unsigned mtu;      /* DTLS: of what we send */
    unsigned messages; /* DTLS: of the peer's handshake messages, one more than the last that was read */
    uint64_t newest,
        seen; /* DTLS: the newest record read, with its epoch, and a bit for each of the 64 up to it */

    enum session_pending pending;
    BOOL handshake_message; /* GnuTLS has read a whole one since this was last set to FALSE */
    BOOL ticket_came;
    size_t unfinished;                   /* bytes it was given since the last whole one */
    uint16_t extensions[EXTENSIONS_MAX]; /* types, as the server sent them */
    unsigned extension_count;
    uint16_t shares[SHARES_MAX]; /* groups of the client's key shares; 0: none */
    uint64_t offered;            /* a bit for each extension of the ClientHello whose type is below 64 */
    unsigned warnings;           /* alerts received during handshakes */
    struct session_facts facts;
};

/* Nothing is wrong: GnuTLS has no more bytes. */
static inline BOOL session_wants_more(int error)
{
    return error == GNUTLS_E_AGAIN || error == GNUTLS_E_INTERRUPTED;
}

/*
 * Reads what is of interest out of a handshake message of either side, which comes without its header; of the
 * peer's before GnuTLS does. 0, or GnuTLS's error for a message of the peer's that is not as it should be.
 * The other two are for what can be told only when GnuTLS has read a ClientHello, or all of a server's
 * flight.
 */
int session_hear(struct session *session, unsigned type, struct span message);
int session_judge_hello(const struct session *session, struct span message);
int session_judge_choices(const struct session *session);

/* Reads facts from GnuTLS, after a handshake. */
void session_learn_facts(struct session *session);

/* The first byte of data goes in a record of its own. */
BOOL session_splits(const struct session *session);

/* Application data is protected by us, the rest by GnuTLS: before it reads or writes a record it gets the
 * sequence numbers back, and after that they are taken over. */
void session_give_back(struct session *session);
void session_take_over(struct session *session);

/* Gives back for good: new keys are coming. */
void session_let_go(struct session *session);

/* Lets GnuTLS read a record. FALSE: a message has become too large. */
BOOL session_give_record(struct session *session, struct span record);

/* A finished handshake, on both transports: what was agreed on is learned and judged. */
SECURITY_STATUS session_finish_handshake(struct session *session);

/* What a new session of DTLS needs besides. */
SECURITY_STATUS session_prepare_datagrams(struct session *session, const struct session_config *config);

/* The end: the reason for the caller, and the alert for the peer in the output. */
SECURITY_STATUS session_fail(struct session *session, int error);

#endif
