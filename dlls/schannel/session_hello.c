/*
 * What a session hears in its handshake messages, its own and the peer's: which extensions the server agreed
 * to, and which ticket of TLS 1.3 a session was resumed with. What is found here counts only once GnuTLS has
 * finished the handshake. And what GnuTLS does not ask of extensions: that a list of them is whole, that none
 * is there twice, and that a server answers only what was offered (RFC 8446, 4.2; RFC 5246, 7.4.1.4).
 */
#include "session_tls.h"
#include <gnutls/dtls.h>

#define EXTENSION_USE_SRTP           14 /* RFC 5764 */
#define EXTENSION_ALPN               16 /* RFC 7301 */
#define EXTENSION_MASTER_SECRET      23 /* RFC 7627, 5.1 */
#define EXTENSION_PRE_SHARED_KEY     41 /* RFC 8446, 4.2 */
#define EXTENSION_SUPPORTED_VERSIONS 43
#define EXTENSION_KEY_SHARE          51
#define EXTENSION_RENEGOTIATION_INFO 0xff01

static BOOL take_extension(struct span *list, uint32_t *type, struct span *body)
{
    return span_take_number(list, 2, type) && span_take_vector(list, 2, body);
}

static BOOL find_extension(struct span list, uint32_t wanted, struct span *body)
{
    uint32_t type;

    while (take_extension(&list, &type, body))
        if (type == wanted) return TRUE;
    return FALSE;
}

/* Whether a list can be read to its end, and has nothing twice. */
static BOOL is_proper(struct span list)
{
    uint8_t seen[65536 / 8] = { 0 };
    struct span body;
    uint32_t type;

    while (list.size)
    {
        if (!take_extension(&list, &type, &body) || seen[type / 8] >> type % 8 & 1) return FALSE;
        seen[type / 8] |= (uint8_t)(1 << type % 8);
    }
    return TRUE;
}

/* --- hellos --------------------------------------------------------------------------------------------- */

struct hello
{
    uint32_t version, suite; /* a server's; the version in front, which is not TLS 1.3's */
    struct span compression; /* a client's methods */
    struct span extensions;
};

/* A hello may end where extensions would begin. */
static BOOL take_extensions(struct span *message, struct span *extensions)
{
    memset(extensions, 0, sizeof(*extensions));
    return !message->size || (span_take_vector(message, 2, extensions) && !message->size);
}

static BOOL read_client_hello(const struct session *session, struct span message, struct hello *hello)
{
    struct span skipped;

    return span_take(&message, 2 + 32, &skipped) && span_take_vector(&message, 1, &skipped) &&
           (!session->mtu || span_take_vector(&message, 1, &skipped)) && /* over datagrams: the cookie */
           span_take_vector(&message, 2, &skipped) && span_take_vector(&message, 1, &hello->compression) &&
           take_extensions(&message, &hello->extensions);
}

static BOOL read_server_hello(struct span message, struct hello *hello)
{
    struct span skipped;

    return span_take_number(&message, 2, &hello->version) && span_take(&message, 32, &skipped) &&
           span_take_vector(&message, 1, &skipped) && span_take_number(&message, 2, &hello->suite) &&
           span_take(&message, 1, &skipped) && take_extensions(&message, &hello->extensions);
}

static BOOL was_offered(const struct session *session, uint32_t type)
{
    return type == EXTENSION_RENEGOTIATION_INFO || (type < 64 && session->offered >> type & 1);
}

/* The groups a client has sent keys of (RFC 8446, 4.2.8). */
static void note_shares(struct session *session, struct span extensions)
{
    struct span offer, shares, key;
    uint32_t group;
    unsigned count = 0;

    memset(session->shares, 0, sizeof(session->shares));
    if (!find_extension(extensions, EXTENSION_KEY_SHARE, &offer) || !span_take_vector(&offer, 2, &shares))
        return;
    while (count < SHARES_MAX && span_take_number(&shares, 2, &group) && span_take_vector(&shares, 2, &key))
        session->shares[count++] = (uint16_t)group;
}

/* RFC 8446, 4.2.8: a server must not ask for what it has. */
static int hear_retry_request(const struct session *session, struct span message)
{
    struct hello hello;
    struct span choice;
    uint32_t group;
    unsigned i;

    if (!read_server_hello(message, &hello)) return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    if (!is_proper(hello.extensions)) return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    if (!find_extension(hello.extensions, EXTENSION_KEY_SHARE, &choice) ||
        !span_take_number(&choice, 2, &group))
        return 0;
    for (i = 0; i < SHARES_MAX; i++)
        if (session->shares[i] == group) return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    return 0;
}

/* A client's: what it offers, and its tickets, in its order (RFC 8446, 4.2.11). */
static int hear_client_hello(struct session *session, struct span message)
{
    struct span offer, identities, identity, list, body;
    struct hello hello;
    uint32_t age, type;

    resumption_offered_none(&session->resumption);
    session->offered = 0;
    if (!read_client_hello(session, message, &hello) || !is_proper(hello.extensions))
        return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    list = hello.extensions;
    while (take_extension(&list, &type, &body))
        if (type < 64) session->offered |= (uint64_t)1 << type;
    note_shares(session, hello.extensions);
    if (session->server && !was_offered(session, EXTENSION_PRE_SHARED_KEY) &&
        !was_offered(session, EXTENSION_MASTER_SECRET))
        resumption_refuse(session->tls);
    if (!find_extension(hello.extensions, EXTENSION_PRE_SHARED_KEY, &offer) ||
        !span_take_vector(&offer, 2, &identities))
        return 0;
    while (span_take_vector(&identities, 2, &identity) && span_take_number(&identities, 4, &age))
        resumption_offered(&session->resumption, identity);
    return 0;
}

/* What a server answers. */
static int add_extensions(struct session *session, struct span list)
{
    struct span body;
    uint32_t type;

    if (!is_proper(list)) return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    while (take_extension(&list, &type, &body))
    {
        if (!session->server && !was_offered(session, type)) return GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION;
        if (session->extension_count < EXTENSIONS_MAX)
            session->extensions[session->extension_count++] = (uint16_t)type;
    }
    return 0;
}

/* A suite of TLS 1.3 is of no use before, and the others are of none then; AEAD, and SHA-2, began with
 * TLS 1.2 (RFC 8446, 4.1.3; RFC 5246, A.5). */
static BOOL suite_fits(const struct hello *hello)
{
    const struct suite *suite = suite_of_id((USHORT)hello->suite);
    BOOL datagrams = hello->version >> 8 == 0xfe, tls13 = FALSE;
    struct span choice;
    uint32_t version;

    if (!suite) return TRUE; /* and GnuTLS says so */
    if (find_extension(hello->extensions, EXTENSION_SUPPORTED_VERSIONS, &choice) &&
        span_take_number(&choice, 2, &version))
        tls13 = version == 0x0304;
    if (suite_is_tls13(suite) != tls13) return FALSE;
    if (datagrams ? hello->version <= 0xfefd : hello->version >= 0x0303) return TRUE;
    return suite->cipher->mode != SUITE_AEAD && suite->hash->bits <= 160;
}

static int hear_server_hello(struct session *session, struct span message)
{
    struct hello hello;
    struct span choice;
    uint32_t index;

    session->extension_count = 0;
    resumption_chosen(&session->resumption, RESUMPTION_TICKETS); /* none */
    if (!read_server_hello(message, &hello)) return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    if (find_extension(hello.extensions, EXTENSION_PRE_SHARED_KEY, &choice) &&
        span_take_number(&choice, 2, &index))
        resumption_chosen(&session->resumption, index);
    if (!session->server && !suite_fits(&hello)) return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    return add_extensions(session, hello.extensions);
}

static int hear_encrypted_extensions(struct session *session, struct span message)
{
    struct span extensions;

    if (!span_take_vector(&message, 2, &extensions) || message.size) return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
    return add_extensions(session, extensions);
}

/* --- what GnuTLS made of them --------------------------------------------------------------------------- */

/* RFC 8446, 4.1.2: in TLS 1.3 a client names no compression. */
int session_judge_hello(const struct session *session, struct span message)
{
    struct hello hello;

    if (gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3) return 0;
    return read_client_hello(session, message, &hello) && hello.compression.size == 1 &&
                   !hello.compression.data[0]
               ? 0
               : GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

static BOOL was_answered(const struct session *session, unsigned type)
{
    unsigned i;

    for (i = 0; i < session->extension_count; i++)
        if (session->extensions[i] == type) return TRUE;
    return FALSE;
}

/* A server chooses one of the names and profiles that were offered (RFC 7301, 3.1; RFC 5764, 4.1.1). */
int session_judge_choices(const struct session *session)
{
    gnutls_srtp_profile_t profile;
    gnutls_datum_t name;

    if (was_answered(session, EXTENSION_ALPN) && gnutls_alpn_get_selected_protocol(session->tls, &name) < 0)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    if (was_answered(session, EXTENSION_USE_SRTP) &&
        gnutls_srtp_get_selected_profile(session->tls, &profile) < 0)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    return 0;
}

/* --- tickets -------------------------------------------------------------------------------------------- */

/* RFC 8446, 4.6.1. Older ones are of no use here: their sessions are known by the master secret. */
static void hear_ticket(struct session *session, struct span message)
{
    struct span skipped, ticket;

    if (gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3) return;
    if (span_take(&message, 4 + 4, &skipped) && span_take_vector(&message, 1, &skipped) &&
        span_take_vector(&message, 2, &ticket))
        resumption_ticket(&session->resumption, ticket);
}

int session_hear(struct session *session, unsigned type, struct span message)
{
    switch (type)
    {
    case GNUTLS_HANDSHAKE_CLIENT_HELLO:
        return hear_client_hello(session, message);
    case GNUTLS_HANDSHAKE_SERVER_HELLO:
        return hear_server_hello(session, message);
    case GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST:
        return session->server ? 0 : hear_retry_request(session, message);
    case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
        return hear_encrypted_extensions(session, message);
    case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET:
        hear_ticket(session, message);
        return 0;
    default:
        return 0;
    }
}

unsigned session_extensions(const struct session *session, const uint16_t **types)
{
    *types = session->extensions;
    return session->extension_count;
}
