/*
 * A session after its handshake: records of data, which are protected where they lie, and messages, which
 * GnuTLS reads.
 */
#include "session_tls.h"
#include "log.h"

/* Moves a record that GnuTLS has just written, after `spoken` bytes of the output, to where the caller wants
 * it. */
static SECURITY_STATUS lay_out(struct session *session, size_t spoken, struct record_layout *layout)
{
    struct record_sizes sizes = session_record_sizes(session);
    size_t size = session->output.size - spoken, framed = sizes.header + layout->data_size;
    SECURITY_STATUS status = SEC_E_ENCRYPT_FAILURE;
    uint8_t *record = session->output.data + spoken;

    if (session->output.size > spoken && size >= framed && size - framed <= sizes.trailer)
    {
        memcpy(layout->header, record, sizes.header);
        if (layout->data_size) memcpy(layout->data, record + sizes.header, layout->data_size);
        memcpy(layout->trailer, record + framed, size - framed);
        layout->header_size = sizes.header;
        layout->trailer_size = size - framed;
        status = SEC_E_OK;
    }
    session->output.size = spoken;
    return status;
}

/* The suites that GnuTLS protects itself: CBC, and what is older. */
static SECURITY_STATUS seal_through_gnutls(struct session *session, struct record_layout *layout)
{
    size_t spoken = session->output.size, size = layout->data_size;
    size_t first = session_splits(session) && size > 1 ? 1 : 0;
    uint8_t *data = layout->data;

    if ((!first || gnutls_record_send(session->tls, data, first) == (ssize_t)first) &&
        gnutls_record_send(session->tls, data + first, size - first) == (ssize_t)(size - first))
        return lay_out(session, spoken, layout);
    session->output.size = spoken;
    return SEC_E_ENCRYPT_FAILURE;
}

/* The key has done enough: a KeyUpdate goes behind the data, and the next record has a new key. Nothing of
 * the receiving side is touched. `room`: of the trailer. */
static SECURITY_STATUS append_key_update(struct session *session, struct record_layout *layout, size_t room)
{
    size_t spoken = session->output.size, size;
    SECURITY_STATUS status = SEC_E_ENCRYPT_FAILURE;

    protection_hand_back(&session->sending, session->tls, FALSE);
    if (gnutls_session_key_update(session->tls, 0) >= 0)
    {
        size = session->output.size - spoken;
        if (size <= room - layout->trailer_size)
        {
            memcpy(layout->trailer + layout->trailer_size, session->output.data + spoken, size);
            layout->trailer_size += size;
            status = SEC_E_OK;
        }
    }
    session->output.size = spoken;
    protection_take_over(&session->sending, session->tls, FALSE, session->facts.suite,
                         session->facts.version);
    return status;
}

static BOOL has_room(const struct session *session, const struct record_layout *layout)
{
    struct record_sizes sizes = session_record_sizes(session);

    return layout->header_size >= sizes.header && layout->trailer_size >= sizes.trailer;
}

SECURITY_STATUS session_seal(struct session *session, struct record_layout *layout)
{
    size_t room = layout->trailer_size;
    SECURITY_STATUS status;

    if (!has_room(session, layout)) return SEC_E_BUFFER_TOO_SMALL;
    if (!protection_is_ours(&session->sending)) return seal_through_gnutls(session, layout);
    status = protection_seal(&session->sending, layout);
    if (!status && session->facts.tls13 && session->sending.sequence >= KEY_RECORDS_MAX)
        status = append_key_update(session, layout, room);
    return status;
}

SECURITY_STATUS session_seal_alert(struct session *session, struct record_layout *layout)
{
    size_t spoken = session->output.size;

    if (!has_room(session, layout)) return SEC_E_BUFFER_TOO_SMALL;
    if (session_alert(session, layout->data[0], layout->data[1])) return lay_out(session, spoken, layout);
    session->output.size = spoken;
    return SEC_E_ENCRYPT_FAILURE;
}

static SECURITY_STATUS open_through_gnutls(struct session *session, uint8_t *record, size_t size,
                                           struct opened_record *opened)
{
    struct record_sizes sizes = session_record_sizes(session);
    ssize_t received;

    session->input.data = record;
    session->input.size = size;
    opened->data = record + min(sizes.header, size);
    received = gnutls_record_recv(session->tls, opened->data, size - min(sizes.header, size));
    session->input.size = 0;
    opened->size = received > 0 ? (size_t)received : 0;
    /* GnuTLS passes over records without data, and says so with "again". */
    if (received >= 0 || session_wants_more((int)received)) return SEC_E_OK;
    return session_fail(session, (int)received);
}

SECURITY_STATUS session_open(struct session *session, uint8_t *record, size_t size,
                             struct opened_record *opened)
{
    struct opened_content content;
    SECURITY_STATUS status;

    if (record[0] != CONTENT_APPLICATION_DATA) return SEC_I_CONTINUE_NEEDED;
    if (!protection_is_ours(&session->receiving)) return open_through_gnutls(session, record, size, opened);

    if ((status = protection_open(&session->receiving, record, size, &content))) return status;
    /* No reason to end yet, whatever its level: a close_notify follows, or data (RFC 8446, 6.1). */
    if (session->facts.tls13 && content.type == CONTENT_ALERT && content.size == 2 &&
        content.data[1] == GNUTLS_A_USER_CANCELED)
        content.size = 0;
    else if (content.type != CONTENT_APPLICATION_DATA)
    {
        status = protection_close(&session->receiving, record, &content);
        return status ? status : SEC_I_CONTINUE_NEEDED;
    }
    protection_opened(&session->receiving);
    opened->data = content.data;
    opened->size = content.size;
    return SEC_E_OK;
}

BOOL session_holds_message(struct session *session, struct span record)
{
    struct opened_content content;
    BOOL holds = FALSE;
    uint8_t *copy;

    if (!session->facts.tls13) return record.data[0] == CONTENT_HANDSHAKE;
    if (!protection_is_ours(&session->receiving) || !(copy = malloc(record.size))) return FALSE;
    memcpy(copy, record.data, record.size);
    /* What cannot be opened is left to DecryptMessage, which says so. */
    if (!protection_open(&session->receiving, copy, record.size, &content))
        holds = content.type == CONTENT_HANDSHAKE;
    SecureZeroMemory(copy, record.size);
    free(copy);
    return holds;
}

/* What GnuTLS says to a record that is no application data. */
static SECURITY_STATUS learn(struct session *session, int result)
{
    switch (result)
    {
    case GNUTLS_E_REHANDSHAKE:
        session->pending = SESSION_PENDING_RENEGOTIATION;
        return SEC_I_RENEGOTIATE;
    case GNUTLS_E_REAUTH_REQUEST:
        session->pending = SESSION_PENDING_CERTIFICATE;
        return SEC_I_RENEGOTIATE;
    case GNUTLS_E_WARNING_ALERT_RECEIVED:
        TRACE("warning alert %u\n", gnutls_alert_get(session->tls));
        return gnutls_alert_get(session->tls) == GNUTLS_A_NO_RENEGOTIATION ? SEC_I_NO_RENEGOTIATION
                                                                           : SEC_E_OK;
    default:
        if (!session_wants_more(result)) return session_fail(session, result);
        return session->handshake_message ? SEC_I_RENEGOTIATE : SEC_E_OK;
    }
}

/* A record of the client's answer to session_request_certificate. */
static SECURITY_STATUS read_certificate(struct session *session)
{
    int error = gnutls_reauth(session->tls, 0);

    if (session_wants_more(error)) return SEC_E_OK;
    session->awaiting = FALSE;
    return error < 0 ? session_fail(session, error) : SEC_I_RENEGOTIATE;
}

SECURITY_STATUS session_process(struct session *session, struct span record)
{
    SECURITY_STATUS status;
    uint8_t data[1];
    ssize_t received;

    session_give_back(session);
    session->handshake_message = FALSE;
    if (!session_give_record(session, record)) return session_fail(session, GNUTLS_E_HANDSHAKE_TOO_LARGE);
    if (session->awaiting)
        status = read_certificate(session);
    else
    {
        received = gnutls_record_recv(session->tls, data, sizeof(data));
        if (received > 0)
            status = SEC_E_ILLEGAL_MESSAGE; /* it was none when session_open looked */
        else
            status = received ? learn(session, (int)received) : SEC_I_CONTEXT_EXPIRED;
    }
    session->input.size = 0;
    if (session->ticket_came && !FAILED(status)) resumption_keep(&session->resumption, session->tls);
    session->ticket_came = FALSE;
    session_take_over(session);
    return status;
}

enum session_pending session_pending(const struct session *session)
{
    return session->pending;
}

SECURITY_STATUS session_answer(struct session *session)
{
    BOOL certificate = session->pending == SESSION_PENDING_CERTIFICATE;
    int error;

    if (!certificate && session->pending != SESSION_PENDING_ANSWER) return SEC_E_OK;
    session_give_back(session);
    error = certificate ? gnutls_reauth(session->tls, 0) : gnutls_session_key_update(session->tls, 0);
    if (session->choosing)
    {
        session->choosing = FALSE;
        session_take_over(session);
        return SEC_I_INCOMPLETE_CREDENTIALS;
    }
    session->pending = SESSION_PENDING_NOTHING;
    if (error < 0) return session_fail(session, error);
    session_take_over(session);
    return SEC_E_OK;
}

SECURITY_STATUS session_request_certificate(struct session *session)
{
    int error;

    if (!(gnutls_session_get_flags(session->tls) & GNUTLS_SFLAGS_POST_HANDSHAKE_AUTH))
        return SEC_E_UNSUPPORTED_FUNCTION;
    gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUEST);
    session_give_back(session);
    error = gnutls_reauth(session->tls, 0);
    if (!session_wants_more(error)) return session_fail(session, error);
    session->awaiting = TRUE;
    session_take_over(session);
    return SEC_E_OK;
}

void session_limit_cache(unsigned limit)
{
    resumption_limit(limit);
}

void session_empty_cache(struct span name)
{
    resumption_empty(name);
}

void session_set_resumable(struct session *session, BOOL resumable)
{
    resumption_set(&session->resumption, session->tls, resumable, session->server && session->facts.suite);
}

BOOL session_set_application_data(struct session *session, struct span data)
{
    return resumption_set_data(&session->resumption, session->tls, data);
}

struct span session_application_data(const struct session *session)
{
    struct span data = { session->resumption.data, session->resumption.data_size };
    return data;
}

BOOL session_awaits_certificate(const struct session *session)
{
    return session->awaiting;
}
