/*
 * What a session overhears in its own handshake messages: which extensions the server agreed to, and which
 * ticket of TLS 1.3 a session was resumed with. What cannot be read is passed over: whether a message is as
 * it should be is for GnuTLS to say, and what is found here counts only once it has finished the handshake.
 */
#include "session_tls.h"

#define EXTENSION_PRE_SHARED_KEY 41 /* RFC 8446, 4.2 */

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

static void add_extensions(struct session *session, struct span list)
{
    struct span body;
    uint32_t type;

    while (session->extension_count < EXTENSIONS_MAX && take_extension(&list, &type, &body))
        session->extensions[session->extension_count++] = (uint16_t)type;
}

/* The tickets a client offers, in its order (RFC 8446, 4.2.11). */
static void hear_client_hello(struct session *session, struct span message)
{
    struct span skipped, extensions, offer, identities, identity;
    uint32_t age;

    resumption_offered_none(&session->resumption);
    if (!span_take(&message, 2 + 32, &skipped) || !span_take_vector(&message, 1, &skipped) ||
        !span_take_vector(&message, 2, &skipped) || !span_take_vector(&message, 1, &skipped) ||
        !span_take_vector(&message, 2, &extensions) ||
        !find_extension(extensions, EXTENSION_PRE_SHARED_KEY, &offer) ||
        !span_take_vector(&offer, 2, &identities))
        return;
    while (span_take_vector(&identities, 2, &identity) && span_take_number(&identities, 4, &age))
        resumption_offered(&session->resumption, identity);
}

static void hear_server_hello(struct session *session, struct span message)
{
    struct span skipped, extensions, choice;
    uint32_t index;

    session->extension_count = 0;
    resumption_chosen(&session->resumption, RESUMPTION_TICKETS); /* none */
    if (!span_take(&message, 2 + 32, &skipped) || !span_take_vector(&message, 1, &skipped) ||
        !span_take(&message, 2 + 1, &skipped) || !span_take_vector(&message, 2, &extensions))
        return;
    add_extensions(session, extensions);
    if (find_extension(extensions, EXTENSION_PRE_SHARED_KEY, &choice) && span_take_number(&choice, 2, &index))
        resumption_chosen(&session->resumption, index);
}

static void hear_encrypted_extensions(struct session *session, struct span message)
{
    struct span extensions;

    if (span_take_vector(&message, 2, &extensions)) add_extensions(session, extensions);
}

/* RFC 8446, 4.6.1. Older ones are of no use here: their sessions are known by the master secret. */
static void hear_ticket(struct session *session, struct span message)
{
    struct span skipped, ticket;

    if (gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3) return;
    if (span_take(&message, 4 + 4, &skipped) && span_take_vector(&message, 1, &skipped) &&
        span_take_vector(&message, 2, &ticket))
        resumption_ticket(&session->resumption, ticket);
}

void session_overhear(struct session *session, unsigned type, struct span message)
{
    switch (type)
    {
    case GNUTLS_HANDSHAKE_CLIENT_HELLO:
        hear_client_hello(session, message);
        break;
    case GNUTLS_HANDSHAKE_SERVER_HELLO:
        hear_server_hello(session, message);
        break;
    case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
        hear_encrypted_extensions(session, message);
        break;
    case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET:
        hear_ticket(session, message);
        break;
    default:
        break;
    }
}

unsigned session_extensions(const struct session *session, const uint16_t **types)
{
    *types = session->extensions;
    return session->extension_count;
}
