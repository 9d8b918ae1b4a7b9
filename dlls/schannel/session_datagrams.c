/*
 * A session over datagrams: DTLS 1.0 and 1.2 (RFC 4347, RFC 6347).
 *
 * The program keeps the clock. GnuTLS's own is set so that it never runs out by itself, and a call without
 * input, or with a flight that the peer says again, makes it (gnutls_dtls_retransmit, deps/patches). Records
 * are given to GnuTLS one by one: it drops all that follows, in the same datagram, a record it cannot use.
 *
 * What GnuTLS writes gathers in the output, record by record; session_output packs them into datagrams.
 *
 * Whether a record came before is counted here and nowhere else: GnuTLS's own window is off. It passes over
 * such records, and bad ones, without a word, and programs are told which it was; and it counts during the
 * handshake, too, where nothing vouches for a record's number and one changed on the way would make it deaf.
 * Handshake messages have numbers of their own.
 */
#include "session_tls.h"
#include "log.h"
#include <gnutls/dtls.h>

#define NEVER_BY_ITSELF 59999      /* milliseconds to a retransmission; GnuTLS doubles it modulo a minute */
#define NO_END          0x7fffffff /* milliseconds for a whole handshake */
#define DATA_MTU        16384      /* for data, which nobody cuts: as much as GnuTLS takes */

static int has_input(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)ms;
    return ((struct session_wire *)pointer)->session->input.size != 0;
}

/* The profiles GnuTLS knows (RFC 5764, 4.1.2); programs offer others too. */
static SECURITY_STATUS offer_srtp(struct session *session, struct span profiles, struct span identifier)
{
    BOOL any = FALSE;
    uint32_t profile;

    while (span_take_number(&profiles, 2, &profile))
    {
        if (gnutls_srtp_set_profile(session->tls, (gnutls_srtp_profile_t)profile) < 0)
            WARN("SRTP profile %#x is left out\n", profile);
        else
            any = TRUE;
    }
    if (profiles.size) return SEC_E_INVALID_TOKEN;
    if (any && identifier.size)
    {
        gnutls_datum_t mki = { (unsigned char *)identifier.data, (unsigned)identifier.size };

        if (gnutls_srtp_set_mki(session->tls, &mki) < 0) return SEC_E_INVALID_TOKEN;
    }
    return SEC_E_OK;
}

SECURITY_STATUS session_prepare_datagrams(struct session *session, const struct session_config *config)
{
    gnutls_transport_set_pull_timeout_function(session->tls, has_input);
    gnutls_dtls_set_timeouts(session->tls, NEVER_BY_ITSELF, NO_END);
    session_set_mtu(session, config->mtu);
    if (config->cookie)
    {
        gnutls_dtls_prestate_st state = { config->cookie->record_sequence, config->cookie->message_received,
                                          config->cookie->message_sent };

        gnutls_dtls_prestate_set(session->tls, &state);
    }
    return offer_srtp(session, config->srtp_profiles, config->srtp_identifier);
}

void session_set_mtu(struct session *session, unsigned mtu)
{
    session->mtu = mtu;
    gnutls_dtls_set_mtu(session->tls, session->facts.suite ? DATA_MTU : mtu);
}

unsigned session_mtu(const struct session *session)
{
    return session->mtu;
}

USHORT session_srtp_profile(const struct session *session, struct span *identifier)
{
    gnutls_srtp_profile_t profile;
    gnutls_datum_t mki = { NULL, 0 };

    if (gnutls_srtp_get_selected_profile(session->tls, &profile) < 0) return 0;
    if (gnutls_srtp_get_mki(session->tls, &mki) < 0) mki.size = 0;
    identifier->data = mki.data;
    identifier->size = mki.size;
    return (USHORT)profile;
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/* The handshake is over: the epoch of what comes from now on. */
static void begin_epoch(struct session *session)
{
    uint8_t sequence[8];

    session->newest = session->seen = 0;
    if (gnutls_record_get_state(session->tls, TRUE, NULL, NULL, NULL, sequence) >= 0)
        session->newest = number_read(sequence, 2) << 48;
}

/* The number of an unprotected handshake message (RFC 6347, 4.2.2); FALSE: the record holds none. */
static BOOL message_number(struct span record, unsigned *number)
{
    if (!datagram_is_plain_handshake(record)) return FALSE;
    *number = (unsigned)record.data[DATAGRAM_HEADER_SIZE + 4] << 8 | record.data[DATAGRAM_HEADER_SIZE + 5];
    return TRUE;
}

/* GnuTLS makes room for a message as soon as its first fragment claims a size, and that may be 16 MiB. */
static BOOL claims_too_much(struct span record)
{
    struct span rest = record, header, fragment;
    uint32_t length;

    if (!datagram_is_plain_handshake(record)) return FALSE;
    span_take(&rest, DATAGRAM_HEADER_SIZE, &header);
    while (span_take(&rest, MESSAGE_HEADER_SIZE - 3, &header) && span_take_number(&rest, 3, &length))
    {
        if (((size_t)header.data[1] << 16 | header.data[2] << 8 | header.data[3]) > MESSAGE_MAX) return TRUE;
        if (!span_take(&rest, length, &fragment)) break;
    }
    return FALSE;
}

/* One record, or none, and what GnuTLS makes of it. */
static int proceed(struct session *session, struct span record, BOOL *may_repeat)
{
    unsigned number = 0;
    BOOL numbered = message_number(record, &number);
    int error;

    /* The peer says again what has been read: it has not heard what was said since. */
    if (*may_repeat && (!record.size || (numbered && number < session->messages)))
    {
        gnutls_dtls_retransmit(session->tls);
        *may_repeat = FALSE; /* once is enough */
    }
    if (claims_too_much(record)) return GNUTLS_E_AGAIN;
    session->input = record;
    session->handshake_message = FALSE;
    do error = gnutls_handshake(session->tls);
    while (error == GNUTLS_E_WARNING_ALERT_RECEIVED && session->warnings++ < WARNINGS_MAX);
    session->input.size = 0;
    if (session->handshake_message && numbered) session->messages = max(session->messages, number + 1);
    return error;
}

SECURITY_STATUS session_handshake_datagram(struct session *session, struct span *datagram)
{
    size_t spoken = session->output.size;
    BOOL may_repeat = TRUE;
    struct span record = { NULL, 0 }, rest = *datagram;
    SECURITY_STATUS status;
    int error;

    datagram->size = 0;
    session_let_go(session);
    session->pending = SESSION_PENDING_NOTHING;
    gnutls_dtls_set_mtu(session->tls, session->mtu);
    do
    {
        if (rest.size && !datagram_take(&rest, &record)) break;
        error = proceed(session, record, &may_repeat);
        if (!error)
        {
            if ((status = session_finish_handshake(session))) return status;
            gnutls_dtls_set_mtu(session->tls, DATA_MTU);
            session->facts.maximum_message = min(gnutls_dtls_get_data_mtu(session->tls), RECORD_DATA_MAX);
            begin_epoch(session);
            *datagram = rest;
            return SEC_E_OK;
        }
        if (!session_wants_more(error)) return session_fail(session, error);
        if (session->choosing)
        {
            session->choosing = FALSE;
            return SEC_I_INCOMPLETE_CREDENTIALS;
        }
    } while (rest.size);
    /* Nothing came, and it was not because nothing of the answer has: the peer may wait for us to ask again.
     */
    if (!record.size && session->output.size == spoken) gnutls_dtls_retransmit_answered(session->tls);
    return session->output.size == spoken ? SEC_E_INCOMPLETE_MESSAGE : SEC_I_CONTINUE_NEEDED;
}

/* --- records -------------------------------------------------------------------------------------------- */

static uint64_t number_of(struct span record)
{
    return number_read(record.data + 3, 8);
}

/* Epoch and sequence number are those of a record that has not been read yet (RFC 6347, 4.1.2.6). */
static BOOL is_new(const struct session *session, uint64_t number)
{
    if (number >> 48 != session->newest >> 48) return FALSE;
    if (number > session->newest) return TRUE;
    return session->newest - number < 64 && !(session->seen >> (session->newest - number) & 1);
}

static void remember(struct session *session, uint64_t number)
{
    if (number > session->newest)
    {
        session->seen = number - session->newest < 64 ? session->seen << (number - session->newest) : 0;
        session->newest = number;
    }
    session->seen |= (uint64_t)1 << (session->newest - number);
}

/* Who has said the last flight says it again when the peer has not heard it. */
static BOOL spoke_last(const struct session *session)
{
    return session->server ? !session->facts.resumed : session->facts.resumed;
}

/* GnuTLS reads a record: what gnutls_record_recv says. It may have something left of the handshake, and
 * throws that away first. */
static ssize_t receive(struct session *session, struct span record, uint8_t *data, size_t room)
{
    ssize_t received;

    session->input = record;
    do received = gnutls_record_recv(session->tls, data, room);
    while (received == GNUTLS_E_AGAIN && session->input.size);
    session->input.size = 0;
    return received;
}

static SECURITY_STATUS open_through_gnutls(struct session *session, uint8_t *record, size_t size,
                                           struct opened_record *opened)
{
    struct span span = { record, size };
    size_t header = min(session_record_sizes(session).header, size);
    unsigned dropped = gnutls_record_get_discarded(session->tls);
    ssize_t received;

    opened->data = record + header;
    received = receive(session, span, opened->data, size - header);
    opened->size = received > 0 ? (size_t)received : 0;
    if (received < 0 && !session_wants_more((int)received)) return session_fail(session, (int)received);
    return gnutls_record_get_discarded(session->tls) == dropped ? SEC_E_OK : SEC_E_MESSAGE_ALTERED;
}

static SECURITY_STATUS open_directly(struct session *session, uint8_t *record, size_t size,
                                     struct opened_record *opened)
{
    struct opened_content content;
    SECURITY_STATUS status = protection_open(&session->receiving, record, size, &content);

    /* What is wrong with one datagram ends nothing (RFC 6347, 4.1.2.7). */
    if (status) return status == SEC_E_INSUFFICIENT_MEMORY ? status : SEC_E_MESSAGE_ALTERED;
    opened->data = content.data;
    opened->size = content.size;
    return SEC_E_OK;
}

SECURITY_STATUS session_open_datagram(struct session *session, uint8_t *record, size_t size,
                                      struct opened_record *opened)
{
    struct span span = { record, size };
    uint64_t number = number_of(span);
    SECURITY_STATUS status;

    if (record[0] != CONTENT_APPLICATION_DATA) return SEC_I_CONTINUE_NEEDED;
    if (!is_new(session, number)) return SEC_E_OUT_OF_SEQUENCE;
    if (protection_is_ours(&session->receiving))
        status = open_directly(session, record, size, opened);
    else
        status = open_through_gnutls(session, record, size, opened);
    if (!status) remember(session, number);
    return status;
}

BOOL session_receives_alone(const struct session *session)
{
    return protection_is_ours(&session->receiving);
}

/* What GnuTLS makes of a record that is no data. */
static SECURITY_STATUS process(struct session *session, struct span record)
{
    unsigned dropped = gnutls_record_get_discarded(session->tls);
    uint8_t data[1];
    ssize_t received = receive(session, record, data, sizeof(data));

    if (gnutls_record_get_discarded(session->tls) != dropped) return SEC_E_MESSAGE_ALTERED;
    remember(session, number_of(record));
    if (!received) return SEC_I_CONTEXT_EXPIRED;
    if (received == GNUTLS_E_REHANDSHAKE)
    {
        session->pending = SESSION_PENDING_RENEGOTIATION;
        return SEC_I_RENEGOTIATE;
    }
    if (received == GNUTLS_E_WARNING_ALERT_RECEIVED) return SEC_E_OK;
    return received > 0 || session_wants_more((int)received) ? SEC_E_OUT_OF_SEQUENCE
                                                             : session_fail(session, (int)received);
}

/* Alerts, and a client's HelloRequest. Only what was protected counts. */
SECURITY_STATUS session_process_datagram(struct session *session, struct span record)
{
    BOOL message = record.data[0] == CONTENT_HANDSHAKE || record.data[0] == CONTENT_CHANGE_CIPHER_SPEC;
    SECURITY_STATUS status;

    if (message && spoke_last(session)) return SEC_E_UNFINISHED_CONTEXT_DELETED;
    if (record.data[0] == CONTENT_CHANGE_CIPHER_SPEC || !is_new(session, number_of(record)))
        return SEC_E_OUT_OF_SEQUENCE;
    session_give_back(session);
    status = process(session, record);
    session_take_over(session);
    return status;
}

static SECURITY_STATUS repeat(struct session *session, struct span datagram)
{
    unsigned dropped = gnutls_record_get_discarded(session->tls);
    struct span record;
    uint8_t data[1];
    ssize_t received;

    gnutls_dtls_retransmit(session->tls);
    while (datagram_take(&datagram, &record))
    {
        if (record.data[0] != CONTENT_HANDSHAKE || !is_new(session, number_of(record))) continue;
        received = receive(session, record, data, sizeof(data));
        if (gnutls_record_get_discarded(session->tls) == dropped) remember(session, number_of(record));
        /* A client that wants a new handshake is not given one. */
        if (received == GNUTLS_E_REHANDSHAKE)
            gnutls_alert_send(session->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        else if (received < 0 && !session_wants_more((int)received))
            return session_fail(session, (int)received);
    }
    return SEC_E_OK;
}

SECURITY_STATUS session_repeat(struct session *session, struct span datagram)
{
    SECURITY_STATUS status;

    gnutls_dtls_set_mtu(session->tls, session->mtu);
    session_give_back(session);
    status = repeat(session, datagram);
    session_take_over(session);
    gnutls_dtls_set_mtu(session->tls, DATA_MTU);
    return status;
}
