/*
 * A session: one GnuTLS session whose wire is memory.
 *
 * Bytes of the peer are arguments, bytes for the peer gather in the session until they are taken. Whole
 * records go in, never parts of one. A session is not thread-safe; what may run at the same time is said
 * below, and the context's two locks see to it.
 */
#ifndef SCHANNEL_SESSION_H
#define SCHANNEL_SESSION_H

#include "windows_sspi.h"
#include "cookie.h"
#include "identity.h"
#include "profile.h"
#include "span.h"
#include "suites.h"

/* Sizes in bytes. */
#define RECORD_HEADER_SIZE   5       /* of every TLS record */
#define RECORD_DATA_MAX      16384   /* of application data in one record, Windows' cbMaximumMessage */
#define RECORD_FRAGMENT_MAX  18432   /* after the header: 2^14 + 2,048 (RFC 5246, 6.2.3) */
#define MESSAGE_MAX          0x20000 /* of the records a handshake message, or warnings in between, may take */

#define DATAGRAM_HEADER_SIZE 13     /* of every DTLS record */
#define DATAGRAM_VERSION_MIN 0xfe00 /* DTLS counts downwards from 0xfeff, far above TLS */
#define MESSAGE_HEADER_SIZE  12     /* of a handshake message in DTLS (RFC 6347, 4.2.2) */
#define DATAGRAM_MTU_MIN     200
#define DATAGRAM_MTU_MAX     65535
#define DATAGRAM_MTU_DEFAULT 1096 /* Windows' (Microsoft: SecBuffer, SECBUFFER_DTLS_MTU) */

#define KEY_RECORDS_MAX      0x400000 /* records, not bytes: far below AES-GCM's 2^24.5 (RFC 8446, 5.5) */
#define INTERLEAVED_MAX                                                                                      \
    0x100000 /* of application data that may come between the flights of a renegotiation */

#define PEER_CHAIN_MAX 32 /* certificates of a peer that are looked at */

/*
 * Cuts a whole record off the front of `input`. SEC_E_INCOMPLETE_MESSAGE: there is only a part of one;
 * SEC_E_INVALID_TOKEN: these bytes start no record of TLS; SEC_E_ILLEGAL_MESSAGE: it is longer than any may
 * be.
 */
SECURITY_STATUS record_take(struct span *input, struct span *record);

/* The same for the first record a server gets, which may be an SSL 2.0 ClientHello that asks for version 3
 * (RFC 5246, E.2), if the profile reads that. */
SECURITY_STATUS record_take_first(const struct profile *profile, struct span *input, struct span *record);

/* Cuts a whole record of DTLS off the front of a datagram. FALSE: what is left is none, and the rest of the
 * datagram is lost with it. */
BOOL datagram_take(struct span *datagram, struct span *record);

/* How many bytes a part of a record wants: those of its header first, then the rest. */
size_t record_missing(struct span part);

struct session;

struct session_config
{
    const struct profile *profile; /* has to outlive the session */
    enum transport transport;
    struct span application_protocols; /* ALPN names, each after its length in one byte; may be empty */

    /* Of a client. */
    const char *server_name;  /* ASCII, for the server_name extension; NULL: send none */
    BOOL status_request;      /* ask for a stapled OCSP response */
    struct span resume_as;    /* the name sessions are kept under; empty: resume none and keep none */
    BOOL validated_by_caller; /* and so no substitute for one that was not */

    BOOL split; /* the first byte of data has a record of its own, where that hides the IV (TLS 1.0, CBC) */

    /* A pre-shared key and its name, for a profile that wants them; copied. */
    struct span psk, psk_identity;

    /* Of DTLS. */
    unsigned mtu;                /* of datagrams: DATAGRAM_MTU_MIN to _MAX */
    const struct cookie *cookie; /* of a server: what its client has brought */
    struct span srtp_profiles;   /* SRTPProtectionProfiles, two bytes each (RFC 5764, 4.1.1); unknown ones are
                                    left out */
    struct span srtp_identifier; /* the master key's */

    /* Of a server. */
    BOOL server;
    BOOL ask_for_certificate; /* of the client; it may have none */
    BOOL tickets;             /* give session tickets (RFC 5077; RFC 8446, 4.6.1) */

    /* Judges the peer's chain (session_peer_chain) before the handshake goes on; NULL: every chain will do.
     * What is not SEC_E_OK ends the handshake with that status and the alert of alert_of_status. */
    SECURITY_STATUS (*verify)(void *owner);

    /* Chooses a certificate for a peer that wants one; NULL: there is never one. Leaves `identity` NULL to
     * send none; the one it sets has to outlive the session. SEC_I_INCOMPLETE_CREDENTIALS: ask again later.
     */
    SECURITY_STATUS(*choose)
    (void *owner, const struct identity_request *request, const struct identity **identity);
    void *owner;
};

/*
 * SEC_E_INVALID_TOKEN: the ALPN list is none. SEC_E_INSUFFICIENT_MEMORY. Nothing of the configuration but
 * profile and owner is kept.
 */
SECURITY_STATUS session_create(const struct session_config *config, struct session **session);
void session_destroy(struct session *session); /* NULL is fine */

/*
 * Takes the handshake further: eats whole records from the front of `input` until the handshake is done,
 * fails, or no whole record is left. The next call after success starts a renegotiation (TLS 1.2 and before).
 *
 * SEC_E_OK: done. SEC_I_CONTINUE_NEEDED: the peer has to say more. SEC_E_INCOMPLETE_MESSAGE: nothing was
 * eaten and there was nothing to say. SEC_I_NO_RENEGOTIATION: the peer refuses one, and the session is as it
 * was before. SEC_I_INCOMPLETE_CREDENTIALS: `choose` said so, and the next call asks again. Anything else is
 * the end of the session, and its output is the alert for the peer.
 */
SECURITY_STATUS session_handshake(struct session *session, struct span *input);

/* The same for DTLS: a datagram, or nothing, and then what was said last is said again; so it is when the
 * datagram is one the peer has said before. SEC_E_INCOMPLETE_MESSAGE: that was a part of what the peer has to
 * say, or nothing of use. A datagram counts as read, but for the records behind the end of the handshake,
 * which are left. */
SECURITY_STATUS session_handshake_datagram(struct session *session, struct span *datagram);

/* What the session has to say to the peer, in DTLS the next datagram of it: valid until the session is used
 * again; taken: forget that. */
struct span session_output(const struct session *session);
void session_output_taken(struct session *session);

/*
 * Another ALPN list for a server that has not seen the client's yet: SEC_E_INVALID_TOKEN when it is none.
 */
SECURITY_STATUS session_offer_protocols(struct session *session, struct span list);

/* Asks the client for a new handshake (HelloRequest) in the output, and in that for a certificate if
 * `certificate`; TLS 1.2 and before. */
SECURITY_STATUS session_request_renegotiation(struct session *session, BOOL certificate);

/*
 * Asks the client for its certificate, in the output; TLS 1.3. Its answer comes through session_process, and
 * session_awaits_certificate is TRUE until it is whole. SEC_E_UNSUPPORTED_FUNCTION: the client has not
 * offered that.
 */
SECURITY_STATUS session_request_certificate(struct session *session);
BOOL session_awaits_certificate(const struct session *session);

/* How many sessions are kept for servers of this process; and forgets the clients' under a name, or all
 * (resumption.h). */
void session_limit_cache(unsigned limit);
void session_empty_cache(struct span name);

/* Lets nobody resume this session, or lets them again. */
void session_set_resumable(struct session *session, BOOL resumable);

/*
 * Data of the program's that belongs to the session: a session that is resumed from it, on this side and in
 * this process, has it too (resumption.h). Setting copies it, in the place of what there was; empty: none.
 * FALSE: no memory. What is got is borrowed until the next call. Both need a finished handshake.
 */
BOOL session_set_application_data(struct session *session, struct span data);
struct span session_application_data(const struct session *session);

/*
 * Puts an alert into the output. FALSE when GnuTLS cannot (any more).
 */
BOOL session_alert(struct session *session, unsigned level, unsigned alert);

/* Application data that came between the flights of a renegotiation: valid until some of it is taken off the
 * front. */
struct span session_interleaved(const struct session *session);
void session_interleaved_taken(struct session *session, size_t size);

/* How the bytes of one protected record lie in the caller's memory. */
struct record_layout
{
    uint8_t *header;
    size_t header_size; /* room, then what was written */
    uint8_t *data;
    size_t data_size;
    uint8_t *trailer;
    size_t trailer_size; /* room, then what was written */
};

/*
 * Protects data where it lies, between a header and a trailer. At the same time another thread may be in
 * session_open. The data must not be more than RECORD_DATA_MAX. When a key of TLS 1.3 has protected
 * KEY_RECORDS_MAX records, a KeyUpdate follows in the trailer. SEC_E_BUFFER_TOO_SMALL: header or trailer have
 * less than session_record_sizes; nothing is written.
 */
SECURITY_STATUS session_seal(struct session *session, struct record_layout *layout);

/* The same for an alert: the data is its two bytes, level and description. The sending side needs the session
 * alone. */
SECURITY_STATUS session_seal_alert(struct session *session, struct record_layout *layout);

/* What a record turned out to hold. */
struct opened_record
{
    uint8_t *data; /* application data, inside the record */
    size_t size;
};

/*
 * Opens one whole record of application data in place, header included in `size`.
 * SEC_I_CONTINUE_NEEDED: it is no application data; the record is as it was, and session_process will read
 * it. SEC_E_MESSAGE_ALTERED or SEC_E_DECRYPT_FAILURE: it is not what the peer sent.
 */
SECURITY_STATUS session_open(struct session *session, uint8_t *record, size_t size,
                             struct opened_record *opened);

/*
 * Reads a record that is no application data; no other call may run meanwhile.
 * SEC_E_OK: nothing the caller needs to know (a part of a message, a warning). SEC_I_RENEGOTIATE: a whole
 * handshake message; session_pending tells what it asks for. SEC_I_CONTEXT_EXPIRED: close_notify.
 * SEC_I_NO_RENEGOTIATION: the peer refuses one. Anything else: the peer's fatal alert, or what is wrong with
 * the record.
 */
SECURITY_STATUS session_process(struct session *session, struct span record);

/*
 * The same two for a record of DTLS. Nothing but a close or an alert ends anything: SEC_E_MESSAGE_ALTERED:
 * the record was changed; SEC_E_OUT_OF_SEQUENCE: it came a second time, or far too late;
 * SEC_E_UNFINISHED_CONTEXT_DELETED: the peer has not heard our last flight, and session_repeat says it again.
 */
SECURITY_STATUS session_open_datagram(struct session *session, uint8_t *record, size_t size,
                                      struct opened_record *opened);
SECURITY_STATUS session_process_datagram(struct session *session, struct span record);

/* Whether session_open_datagram touches nothing of the sending side. */
BOOL session_receives_alone(const struct session *session);

/* Says the last flight again, in the output, if the datagram asks for it. */
SECURITY_STATUS session_repeat(struct session *session, struct span datagram);

/* The MTU from now on. */
void session_set_mtu(struct session *session, unsigned mtu);
unsigned session_mtu(const struct session *session);

/* The SRTP profile agreed on, 0: none; and the identifier of the master key, which is borrowed. */
USHORT session_srtp_profile(const struct session *session, struct span *identifier);

/* TRUE when the record, which is left as it is, holds handshake messages: session_process will read them. */
BOOL session_holds_message(struct session *session, struct span record);

/* What received handshake messages ask of us. */
enum session_pending
{
    SESSION_PENDING_NOTHING,
    SESSION_PENDING_ANSWER,        /* session_answer has something to say (KeyUpdate) */
    SESSION_PENDING_CERTIFICATE,   /* session_answer has a certificate to send (CertificateRequest of TLS 1.3)
                                    */
    SESSION_PENDING_RENEGOTIATION, /* session_handshake has to be called (HelloRequest) */
};
enum session_pending session_pending(const struct session *session);

/* Puts the answer to what is pending into the output. SEC_I_INCOMPLETE_CREDENTIALS: `choose` said so, and the
 * next call asks again. */
SECURITY_STATUS session_answer(struct session *session);

/* What was negotiated; valid once session_handshake gave SEC_E_OK. */
struct session_facts
{
    DWORD protocol;           /* one SP_PROT_* bit of this side */
    const char *version_name; /* of the protocol, as people write it */
    USHORT version;           /* on the wire: 0x0303 is TLS 1.2, 0xfefd DTLS 1.2 */
    BOOL tls13;
    const struct suite *suite; /* NULL: one without a row */
    USHORT group;              /* IANA, 0: none */
    USHORT exchange_bits;      /* size of the exchange key, 0 where a certificate's key is it */
    ULONG maximum_message; /* bytes of data in one record: RECORD_DATA_MAX, or less if the peer takes less */
    BOOL resumed;
};
const struct session_facts *session_facts(const struct session *session);

/* Room the records of this session need around their data. */
struct record_sizes session_record_sizes(const struct session *session);

/* The peer's certificates, leaf first, DER; how many. Borrowed until the next handshake. */
unsigned session_peer_chain(const struct session *session, struct span chain[PEER_CHAIN_MAX]);

/* The certificate we have sent, DER, or an empty span. Borrowed. */
struct span session_own_certificate(const struct session *session);

/* The issuers a server that wants a certificate named, DER names; how many of them there are. Borrowed until
 * the next handshake. */
unsigned session_issuers(const struct session *session, const struct span **issuers);

/* The OCSP response the server brought about its certificate, DER, or an empty span. Borrowed. */
struct span session_stapled(const struct session *session);

/* The types of the extensions in the ServerHello and, in TLS 1.3, in the EncryptedExtensions, in their order;
 * how many. Borrowed until the next handshake. */
unsigned session_extensions(const struct session *session, const uint16_t **types);

/* The ALPN name in use, or an empty span. Borrowed. */
struct span session_application_protocol(const struct session *session);

/* Exported keying material (RFC 5705; RFC 8446, 7.5) into `out`; `context` without data: without one, which
 * is not the same as one of no bytes up to TLS 1.2. FALSE: GnuTLS has none. */
BOOL session_export(const struct session *session, struct span label, struct span context, uint8_t *out,
                    size_t size);

/* The SignatureSchemes the peer takes, up to `room` of them; how many. */
unsigned session_peer_schemes(const struct session *session, enum signature_scheme *schemes, unsigned room);

/* PRF(master secret, label, both randoms) into `out`, the client's random first or the server's (RFC 5246,
 * 5). FALSE: TLS 1.3, which has no such thing, or GnuTLS refuses. */
BOOL session_prf(const struct session *session, struct span label, BOOL server_first, uint8_t *out,
                 size_t size);

/* The same with an empty secret, client's random first: what everybody may know (RFC 5216, 2.3). */
BOOL session_prf_without_secret(const struct session *session, struct span label, uint8_t *out, size_t size);

/* The channel binding that is a connection's own, into `binding`: tls-unique (RFC 5929, 3), in TLS 1.3
 * tls-exporter (RFC 9266). Its size, or 0 when there is none. */
size_t session_unique_binding(const struct session *session, uint8_t *binding, size_t size);

/* The session id the server gave: its size, up to 32 bytes. */
size_t session_id(const struct session *session, uint8_t id[32]);

#endif
