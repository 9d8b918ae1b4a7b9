/*
 * A context: one connection as the program sees it.
 */
#ifndef SCHANNEL_CONTEXT_H
#define SCHANNEL_CONTEXT_H

#include "credentials.h"
#include "lock.h"
#include "object.h"
#include "secbuf.h"
#include "session.h"
#include "target.h"

enum context_state
{
    CONTEXT_HANDSHAKING,   /* flights go back and forth */
    CONTEXT_ESTABLISHED,   /* data may flow; tickets and the like are read */
    CONTEXT_RENEGOTIATING, /* flights again, on an established connection */
    CONTEXT_SHUT_DOWN,     /* close_notify is out: nothing more is sent */
    CONTEXT_FAILED,        /* the alert is out, nothing is left */
    CONTEXT_STATES
};

/* A token that did not fit the caller's buffer: the call had its effect, its answer waits to be fetched. */
struct held_answer
{
    BOOL waiting;
    SECURITY_STATUS status;
    uint8_t *input; /* what that call was given, to know it when it comes again */
    size_t input_size;
    size_t extra; /* bytes at its end that were not used */
};

/* A flight of DTLS that goes out in several calls, a datagram each: what the last of them says. */
struct flight
{
    BOOL waiting;
    SECURITY_STATUS status;
};

/* Our certificate, once the server has asked for one. */
struct client_certificate
{
    BOOL told;      /* SEC_I_INCOMPLETE_CREDENTIALS was given: not a second time in this handshake */
    BOOL waiting;   /* and nobody has come back yet */
    uint8_t *input; /* what the call that gave it has used, to know it when it comes again */
    size_t input_size;
    struct credentials *supplied; /* a reference of the credential the program came back with, or NULL */
    struct own_certificate found; /* in the MY store; zeroed: none */
    const struct own_certificate *using; /* what was chosen at last; NULL: none */
};

/*
 * Data that came between the flights of a renegotiation is kept, and DecryptMessage delivers it. So that the
 * program calls it although nothing may be left of the input, the last step claims that its last bytes are;
 * here is what they look like.
 */
struct interleaved
{
    uint8_t lure[16];
    size_t lure_size;
    uint8_t *delivered; /* what the last DecryptMessage points the caller at */
};

/* What SetContextAttributes wants exported (KEYING_MATERIAL_INFO). */
struct keying_material
{
    uint8_t *bytes; /* the label without its end, then the context */
    size_t label_size, context_size;
    BOOL has_context; /* one of no bytes is not the same as none (RFC 5705, 4) */
    DWORD size;       /* of what is to be exported; 0: nothing was asked for */
};

/* What is computed for EAP_KEY_BLOCK (Microsoft: SecPkgContext_EapPrfInfo, pbPrfData). */
enum eap_function
{
    EAP_TLS,
    EAP_TTLS_KEYS,
    EAP_TTLS_CHALLENGE,
    EAP_FAST,
    EAP_FUNCTIONS
};

/* What ApplyControlToken ordered for the next Initialize- or AcceptSecurityContext. */
struct control_order
{
    BOOL waiting;
    unsigned level, alert; /* TLS AlertLevel and AlertDescription */
};

struct context
{
    struct object object;

    /*
     * receive_lock guards reading records, send_lock writing them. A call that changes anything else holds
     * both, taken in this order.
     */
    struct lock receive_lock, send_lock;

    struct credentials *credentials; /* a reference */
    struct session *session;
    BOOL server;
    BOOL datagram; /* DTLS */
    BOOL answered; /* something has gone out */
    enum context_state state;
    SECURITY_STATUS failure; /* the first exact error, once state is CONTEXT_FAILED */
    ULONG requirements;      /* ISC_REQ_* or ASC_REQ_* of the last call */
    ULONG attributes;        /* ISC_RET_* or ASC_RET_* of the last call */
    TimeStamp created;
    struct target target; /* who the program wants to speak to */
    BOOL validated_by_caller;
    BOOL requested;       /* a server has asked for a renegotiation, or for a certificate of TLS 1.3 */
    BOOL message_waiting; /* DecryptMessage gave SEC_I_RENEGOTIATE, nobody has come for it yet */
    uint8_t *message;     /* the record it gave it for: some programs bring that along */
    size_t message_size;
    BOOL closed_by_peer; /* close_notify has come */
    struct held_answer held;
    struct flight flight;
    struct client_certificate client;
    struct interleaved interleaved;
    struct keying_material keying;
    enum eap_function eap;
    struct control_order order;
};

/*
 * Makes the context of a client. `target` may be NULL; `input` is where ALPN names are. The context takes its
 * own reference of the credentials. SEC_E_INVALID_TOKEN: the ALPN buffer is none; SEC_E_ALGORITHM_MISMATCH:
 * the credential allows no TLS; SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS context_create(struct credentials *credentials, const WCHAR *target, ULONG requirements,
                               const struct handshake_input *input, struct context **context);

/*
 * Makes the context of a server. SEC_E_NO_CREDENTIALS: the credential has no certificate, or the call no
 * pre-shared key; SEC_E_APPLICATION_PROTOCOL_MISMATCH: none of the credential's sets of parameters is for
 * this client; SEC_E_INCOMPLETE_MESSAGE: that cannot be told yet; the rest as above.
 */
SECURITY_STATUS context_accept(struct credentials *credentials, ULONG requirements,
                               struct handshake_input *input, struct context **context);

/*
 * A server's first datagram. SEC_I_CONTINUE_NEEDED without a context: `output` has the HelloVerifyRequest,
 * and nothing is kept of the client. SEC_E_INVALID_PARAMETER: the call does not say who the client is;
 * SEC_E_ILLEGAL_MESSAGE: it is no ClientHello; the rest as above.
 */
SECURITY_STATUS context_accept_datagram(struct credentials *credentials, ULONG requirements,
                                        struct handshake_input *input, struct handshake_output *output,
                                        struct context **context);

/* Whether these requirements and this credential mean DTLS. */
BOOL context_wants_datagrams(const struct credentials *credentials, ULONG requirements);

/* The ALPN names of a later call: a server that has not answered yet takes them. */
SECURITY_STATUS context_offer_protocols(struct context *context, const struct handshake_input *input);

/* Our certificate in this connection, or NULL: none was sent. Borrowed from the context. */
const struct own_certificate *context_own_certificate(const struct context *context);

/* A new reference, or NULL when the handle names no living context. */
struct context *context_acquire(const SecHandle *handle);
void context_release(struct context *context); /* NULL is fine */

/* Both locks, and neither. */
void context_lock(struct context *context);
void context_unlock(struct context *context);

/*
 * ApplyControlToken (Microsoft: SCHANNEL_SHUTDOWN, SCHANNEL_ALERT_TOKEN, SCHANNEL_SESSION_TOKEN): takes an
 * order; what it produces comes with the next handshake step. SEC_E_INVALID_TOKEN: not exactly one TOKEN
 * buffer; SEC_E_UNSUPPORTED_FUNCTION: an order Schannel has not, or one cut short; SEC_E_INTERNAL_ERROR: no
 * description (Wine's tests/schannel.c, test_connection_shutdown). Needs both locks.
 */
SECURITY_STATUS context_control(struct context *context, SecBufferDesc *desc);

/*
 * The program comes back with a credential: when the context waits for one, or its first handshake is over,
 * and this is another than the last, it chooses from it from now on (Wine's tests/schannel.c, where it
 * renegotiates with a certificate). Needs both locks.
 */
void context_supply(struct context *context, struct credentials *credentials);

/*
 * One step of Initialize- or AcceptSecurityContext (handshake.c). Needs both locks. `attributes` receives
 * ISC_RET_* flags, also on failure. The statuses are those of Microsoft's InitializeSecurityContext
 * (Schannel).
 */
SECURITY_STATUS context_step(struct context *context, ULONG requirements, struct handshake_input *input,
                             struct handshake_output *output, ULONG *attributes);

/* The attributes such a step reports. */
ULONG context_attributes(BOOL server, ULONG requirements);

/*
 * Judges the peer's chain as automatic validation would: CERT_TRUST_* bits of the chain, and S_OK or the
 * policy's reason, a CERT_E_* or CRYPT_E_*. SEC_E_NO_CREDENTIALS: it has sent none. Needs both locks.
 */
SECURITY_STATUS context_check_peer(struct context *context, DWORD *trust, HRESULT *verdict);

/*
 * EncryptMessage and DecryptMessage (records.c). They take the locks they need.
 *
 * Encrypt: SEC_E_OK; SEC_E_INVALID_TOKEN: wrong buffers; SEC_E_BUFFER_TOO_SMALL: header or trailer below
 * STREAM_SIZES; SEC_E_ENCRYPT_FAILURE: more data than cbMaximumMessage; SEC_E_CONTEXT_EXPIRED: shut down, or
 * a renegotiation is pending; SEC_E_INVALID_HANDLE: no handshake yet; SEC_E_QOP_NOT_SUPPORTED.
 *
 * Decrypt: SEC_E_OK; SEC_E_INCOMPLETE_MESSAGE: nothing was used; SEC_I_RENEGOTIATE: call a handshake step;
 * SEC_I_CONTEXT_EXPIRED: the peer has closed; SEC_E_INVALID_TOKEN, SEC_E_MESSAGE_ALTERED,
 * SEC_E_DECRYPT_FAILURE, SEC_E_ILLEGAL_MESSAGE, or a received alert's status: the end.
 */
SECURITY_STATUS context_encrypt(struct context *context, ULONG qop, SecBufferDesc *desc);
SECURITY_STATUS context_decrypt(struct context *context, SecBufferDesc *desc);

/* QueryContextAttributes(Ex)W (attributes.c); `room`: of the buffer, or ANY_ROOM. SEC_E_UNSUPPORTED_FUNCTION:
 * an attribute that is not answered; SEC_E_INTERNAL_ERROR: no buffer; SEC_E_BUFFER_TOO_SMALL: that is ours;
 * SEC_E_INVALID_HANDLE: not before the handshake is done. Needs both locks. */
#define ANY_ROOM ~0ul
SECURITY_STATUS context_query(struct context *context, ULONG attribute, void *buffer, ULONG room);

/* SetContextAttributes (attributes.c): SEC_E_UNSUPPORTED_FUNCTION: an attribute that cannot be set;
 * SEC_E_INVALID_PARAMETER: no or too little data, or what is in it cannot be; SEC_E_INVALID_HANDLE: the
 * handshake is not done. Needs both locks. */
SECURITY_STATUS context_set(struct context *context, ULONG attribute, const void *buffer, ULONG size);

/* QueryContextAttributes(Ex)A: the same but for strings. */
SECURITY_STATUS context_query_ansi(struct context *context, ULONG attribute, void *buffer, ULONG room);

/* The end of a context; the first reason stays. */
SECURITY_STATUS context_fail(struct context *context, SECURITY_STATUS status);

#endif
