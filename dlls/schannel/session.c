/*
 * A session: one GnuTLS session whose wire is memory.
 *
 * GnuTLS pulls from `input`, which points into the caller's bytes for the length of one call and is then
 * empty, and pushes into `output`. Once keys are agreed on, application data of AEAD suites never passes
 * through GnuTLS's record layer: `sending` and `receiving` protect it in place. Whenever GnuTLS itself is to
 * read or write a record, the sequence numbers are handed back to it before and taken over after
 * (session_give_back, session_take_over).
 */
#include "session_tls.h"
#include "identity_tls.h"
#include "keylog.h"
#include "log.h"
#include "status.h"
#include <errno.h>

#define SSL2_HELLO_MIN 28 /* bytes: the fixed part, one suite, a challenge of 16 */

/* --- the wire ------------------------------------------------------------------------------------------- */

static BOOL bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->room - bytes->size < size)
    {
        size_t room = bytes->size + size + bytes->room;
        uint8_t *more = realloc(bytes->data, room);

        if (!more) return FALSE;
        bytes->data = more;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return TRUE;
}

static void bytes_wipe(struct bytes *bytes)
{
    if (bytes->data) SecureZeroMemory(bytes->data, bytes->size);
    free(bytes->data);
    memset(bytes, 0, sizeof(*bytes));
}

/* GnuTLS has one errno for both directions of a session (gnutls_transport_set_errno), which a thread that
 * sends and one that receives would spoil for each other: each wire has its own. */
static int wire_errno(gnutls_transport_ptr_t pointer)
{
    return ((struct session_wire *)pointer)->reason;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct session_wire *wire = pointer;

    return bytes_append(&wire->session->output, data, size) ? (ssize_t)size : -1;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct session *session = ((struct session_wire *)pointer)->session;
    struct span taken;

    if (size > session->input.size) size = session->input.size;
    if (!span_take(&session->input, size, &taken) || !taken.size) return -1;
    memcpy(data, taken.data, taken.size);
    return (ssize_t)taken.size;
}

/* The records in front that make a datagram; one that is larger than the MTU goes alone. */
static size_t datagram_size(const struct session *session)
{
    struct span rest = { session->output.data, session->output.size }, record;
    size_t size = 0;

    while (datagram_take(&rest, &record) && (!size || size + record.size <= session->mtu))
        size += record.size;
    return size;
}

struct span session_output(const struct session *session)
{
    struct span output = { session->output.data, session->output.size };

    if (session->transport == TRANSPORT_DATAGRAM) output.size = datagram_size(session);
    return output;
}

struct span session_interleaved(const struct session *session)
{
    struct span data = { session->interleaved.data, session->interleaved.size };
    return data;
}

void session_interleaved_taken(struct session *session, size_t size)
{
    struct bytes *bytes = &session->interleaved;

    if (size >= bytes->size)
    {
        bytes_wipe(bytes);
        return;
    }
    memmove(bytes->data, bytes->data + size, bytes->size - size);
    bytes->size -= size;
}

void session_output_taken(struct session *session)
{
    struct bytes *output = &session->output;
    size_t size = session_output(session).size;

    if (size < output->size)
    {
        memmove(output->data, output->data + size, output->size - size);
        output->size -= size;
        return;
    }
    free(output->data);
    memset(output, 0, sizeof(*output));
}

SECURITY_STATUS record_take(struct span *input, struct span *record)
{
    size_t length;

    if (input->size < RECORD_HEADER_SIZE) return SEC_E_INCOMPLETE_MESSAGE;
    if (input->data[0] < CONTENT_CHANGE_CIPHER_SPEC || input->data[0] > CONTENT_APPLICATION_DATA ||
        input->data[1] != 3)
        return SEC_E_INVALID_TOKEN;
    length = (size_t)input->data[3] << 8 | input->data[4];
    if (length > RECORD_FRAGMENT_MAX) return SEC_E_ILLEGAL_MESSAGE;
    return span_take(input, RECORD_HEADER_SIZE + length, record) ? SEC_E_OK : SEC_E_INCOMPLETE_MESSAGE;
}

/* Two bytes of length with the first bit set, then a ClientHello of version 3. */
SECURITY_STATUS record_take_first(const struct profile *profile, struct span *input, struct span *record)
{
    size_t length;

    if (!profile->ssl2_hello || input->size < 4 || !(input->data[0] & 0x80) || input->data[2] != 1 ||
        input->data[3] != 3)
        return record_take(input, record);
    length = (size_t)(input->data[0] & 0x7f) << 8 | input->data[1];
    if (length < SSL2_HELLO_MIN) return SEC_E_ILLEGAL_MESSAGE;
    return span_take(input, 2 + length, record) ? SEC_E_OK : SEC_E_INCOMPLETE_MESSAGE;
}

BOOL datagram_take(struct span *datagram, struct span *record)
{
    if (datagram->size < DATAGRAM_HEADER_SIZE) return FALSE;
    return span_take(datagram, DATAGRAM_HEADER_SIZE + ((size_t)datagram->data[11] << 8 | datagram->data[12]),
                     record);
}

size_t record_missing(struct span part)
{
    size_t size;

    if (part.size < RECORD_HEADER_SIZE) return RECORD_HEADER_SIZE - part.size;
    size = RECORD_HEADER_SIZE + ((size_t)part.data[3] << 8 | part.data[4]);
    return size > part.size ? size - part.size : 1;
}

/* --- what GnuTLS asks ----------------------------------------------------------------------------------- */

/* The limits hold whoever judges the rest of the certificate, and for the exchange by RSA, as their key in
 * the registry is named: Windows takes a server's 512 bits where they only sign (Wine's secur32 test). */
static BOOL peer_key_is_within(const struct session *session)
{
    const struct key_limits *limits = &session->profile->limits;
    unsigned count = 0, bits = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session->tls, &count);
    gnutls_pcert_st leaf;

    if (gnutls_kx_get(session->tls) != GNUTLS_KX_RSA) return TRUE;
    if (!peers || gnutls_pcert_import_x509_raw(&leaf, peers, GNUTLS_X509_FMT_DER, 0) < 0) return FALSE;
    gnutls_pubkey_get_pk_algorithm(leaf.pubkey, &bits);
    gnutls_pcert_deinit(&leaf);
    if (bits >= limits->rsa_min && (!limits->rsa_max || bits <= limits->rsa_max)) return TRUE;
    WARN("the server's RSA key has %u bits, allowed are %lu to %lu\n", bits, (unsigned long)limits->rsa_min,
         (unsigned long)limits->rsa_max);
    return FALSE;
}

/* Called by GnuTLS with the peer's certificates known, before it uses what they signed. */
static int verify_peer(gnutls_session_t tls)
{
    struct session *session = gnutls_session_get_ptr(tls);

    session->refusal =
        peer_key_is_within(session) ? session->verify(session->owner) : SEC_E_ALGORITHM_MISMATCH;
    return session->refusal == SEC_E_OK ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* Keeps the names of the issuers for the caller. Without memory there are none, which means any. */
static void keep_issuers(struct session *session, const gnutls_datum_t *names, unsigned count)
{
    size_t size = count * sizeof(*session->issuers);
    unsigned i;
    uint8_t *at;

    free(session->issuers);
    session->issuer_count = 0;
    for (i = 0; i < count; i++) size += names[i].size;
    if (!(session->issuers = malloc(size ? size : 1))) return;
    at = (uint8_t *)(session->issuers + count);
    for (i = 0; i < count; i++)
    {
        memcpy(at, names[i].data, names[i].size);
        session->issuers[i].data = at;
        session->issuers[i].size = names[i].size;
        at += names[i].size;
    }
    session->issuer_count = count;
}

/* The schemes the peer takes and this session may use. */
static unsigned common_schemes(const struct session *session, enum signature_scheme *schemes, unsigned room)
{
    gnutls_sign_algorithm_t algorithm;
    const unsigned *ours = NULL;
    unsigned i, j, count = 0;
    int our_count =
        gnutls_priority_sign_list(session->profile->priorities[SIDE_CLIENT][session->transport], &ours);

    for (i = 0; count < room && !gnutls_sign_algorithm_get_requested(session->tls, i, &algorithm); i++)
        for (j = 0; our_count > 0 && j < (unsigned)our_count; j++)
            if (ours[j] == (unsigned)algorithm && identity_scheme(algorithm, &schemes[count]))
            {
                count++;
                break;
            }
    return count;
}

/* Whether a peer says which schemes it takes: since TLS 1.2 and DTLS 1.2. GnuTLS counts DTLS behind TLS. */
static BOOL schemes_are_named(gnutls_session_t tls)
{
    gnutls_protocol_t version = gnutls_protocol_get_version(tls);

    return version >= GNUTLS_TLS1_2 && version != GNUTLS_DTLS1_0;
}

/* Called by GnuTLS when our certificate is due (deps/patches/gnutls28-wait-for-a-client-certificate.patch).
 */
int session_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                     gnutls_pcert_st **certificates, unsigned *count, gnutls_ocsp_data_st **ocsp,
                     unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
    struct session *session = gnutls_session_get_ptr(tls);
    const struct identity *identity = NULL;
    enum signature_scheme schemes[32];
    struct identity_request request = { .schemes = schemes };
    unsigned i;

    (void)ocsp;
    (void)flags;
    *count = *ocsp_count = 0;
    keep_issuers(session, info->req_ca_rdn, (unsigned)max(info->nreqs, 0));
    if (!session->choose) return 0;
    request.issuers = session->issuers;
    request.issuer_count = session->issuer_count;
    request.scheme_count = common_schemes(session, schemes, ARRAY_SIZE(schemes));
    request.tls13 = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
    request.rsa = request.ecdsa = request.tls13; /* where the schemes say all of it */
    for (i = 0; i < info->pk_algos_length; i++)
    {
        if (info->pk_algos[i] == GNUTLS_PK_RSA || info->pk_algos[i] == GNUTLS_PK_RSA_PSS) request.rsa = TRUE;
        if (info->pk_algos[i] == GNUTLS_PK_ECDSA) request.ecdsa = TRUE;
    }
    /* A peer that takes no scheme of ours: an empty list would mean any. */
    if (!request.scheme_count && schemes_are_named(tls)) request.rsa = request.ecdsa = FALSE;

    if (session->choose(session->owner, &request, &identity) == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        session->choosing = TRUE;
        return GNUTLS_E_AGAIN;
    }
    if (!identity) return 0;
    *certificates = (gnutls_pcert_st *)identity->chain;
    *count = identity->count;
    *key = identity->private_key;
    return 0;
}

/* Called by GnuTLS for each whole handshake message, before and after it reads or sends it; when it has read
 * one, it does not always hand out all of it again. */
static int note_message(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                        const gnutls_datum_t *message)
{
    struct session *session = gnutls_session_get_ptr(tls);
    struct span body = { message->data, message->size };

    int error;

    if ((when == GNUTLS_HOOK_PRE) == (incoming != 0) && (error = session_hear(session, type, body)) &&
        incoming)
        return error;
    if (when == GNUTLS_HOOK_PRE) return 0;
    if (!incoming && type == GNUTLS_HANDSHAKE_SERVER_HELLO) resumption_greeted(&session->resumption, tls);
    if (!incoming) return 0;
    session->handshake_message = TRUE;
    session->unfinished = 0;
    if (type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET) session->ticket_came = TRUE;
    /* KeyUpdate, update_requested (RFC 8446, 4.6.3); the message comes without its own header. */
    if (type == GNUTLS_HANDSHAKE_KEY_UPDATE && message->size == 1 && message->data[0] == 1)
        session->pending = SESSION_PENDING_ANSWER;
    return type == GNUTLS_HANDSHAKE_CLIENT_HELLO ? session_judge_hello(session, body) : 0;
}

/* --- creation ------------------------------------------------------------------------------------------- */

SECURITY_STATUS session_offer_protocols(struct session *session, struct span list)
{
    unsigned flags = session->server ? GNUTLS_ALPN_SERVER_PRECEDENCE | GNUTLS_ALPN_MANDATORY : 0;
    gnutls_datum_t names[64];
    unsigned count = 0;
    struct span name;

    while (list.size)
    {
        if (count == ARRAY_SIZE(names)) return SEC_E_INVALID_TOKEN;
        if (!span_take_vector(&list, 1, &name) || !name.size) return SEC_E_INVALID_TOKEN;
        names[count].data = (unsigned char *)name.data;
        names[count++].size = (unsigned)name.size;
    }
    if (!count) return SEC_E_OK;
    return gnutls_alpn_set_protocols(session->tls, names, count, flags) < 0 ? SEC_E_INVALID_TOKEN : SEC_E_OK;
}

/* Called by GnuTLS when the client has named the key it uses. */
static int find_psk(gnutls_session_t tls, const gnutls_datum_t *identity, gnutls_datum_t *key)
{
    const struct session *session = gnutls_session_get_ptr(tls);

    if (identity->size != session->psk_identity.size ||
        memcmp(identity->data, session->psk_identity.data, identity->size))
        return -1;
    if (!(key->data = gnutls_malloc(session->psk.size))) return -1;
    memcpy(key->data, session->psk.data, key->size = (unsigned)session->psk.size);
    return 0;
}

static SECURITY_STATUS prepare_psk(struct session *session, const struct session_config *config)
{
    gnutls_datum_t identity = { (unsigned char *)config->psk_identity.data,
                                (unsigned)config->psk_identity.size };
    gnutls_datum_t key = { (unsigned char *)config->psk.data, (unsigned)config->psk.size };

    if (!key.size || !identity.size) return SEC_E_NO_CREDENTIALS;
    if (config->server)
    {
        if (!bytes_append(&session->psk, key.data, key.size) ||
            !bytes_append(&session->psk_identity, identity.data, identity.size) ||
            gnutls_psk_allocate_server_credentials(&session->psk_server) < 0)
            return SEC_E_INSUFFICIENT_MEMORY;
        gnutls_psk_set_server_credentials_function2(session->psk_server, find_psk);
    }
    else if (gnutls_psk_allocate_client_credentials(&session->psk_client) < 0 ||
             gnutls_psk_set_client_credentials2(session->psk_client, &identity, &key, GNUTLS_PSK_KEY_RAW) < 0)
        return SEC_E_INSUFFICIENT_MEMORY;
    return gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK,
                                  config->server ? (void *)session->psk_server : session->psk_client) < 0
               ? SEC_E_INSUFFICIENT_MEMORY
               : SEC_E_OK;
}

static SECURITY_STATUS prepare_client(struct session *session, const struct session_config *config)
{
    const char *name = config->server_name;

    if (name && gnutls_server_name_set(session->tls, GNUTLS_NAME_DNS, name, strlen(name)) < 0)
        return SEC_E_INSUFFICIENT_MEMORY;
    gnutls_dh_set_prime_bits(session->tls, session->profile->limits.dh_min);
    if (config->verify) gnutls_session_set_verify_function(session->tls, verify_peer);
    resumption_offer(&session->resumption, session->tls, config->resume_as, config->validated_by_caller);
    return SEC_E_OK;
}

static SECURITY_STATUS prepare_server(struct session *session, const struct session_config *config)
{
    session->resumption.asks = config->ask_for_certificate;
    if (config->ask_for_certificate) gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUEST);
    return resumption_serve(&session->resumption, session->tls, config->tickets) ? SEC_E_OK
                                                                                 : SEC_E_INSUFFICIENT_MEMORY;
}

static int write_key(gnutls_session_t tls, const char *label, const gnutls_datum_t *secret)
{
    gnutls_datum_t client, server;
    struct span random, bytes = { secret->data, secret->size };

    gnutls_session_get_random(tls, &client, &server);
    random.data = client.data;
    random.size = client.size;
    keylog_write(label, random, bytes);
    return 0;
}

SECURITY_STATUS session_create(const struct session_config *config, struct session **out)
{
    /* KEY_SHARE_TOP: one share, for the group we prefer; a second costs every handshake a tenth more. */
    unsigned flags =
        GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_POST_HANDSHAKE_AUTH | GNUTLS_KEY_SHARE_TOP |
        GNUTLS_NO_AUTO_REKEY | (config->status_request || config->server ? 0 : GNUTLS_NO_STATUS_REQUEST) |
        (config->transport == TRANSPORT_DATAGRAM ? GNUTLS_DATAGRAM | GNUTLS_NO_REPLAY_PROTECTION : 0) |
        (config->server ? GNUTLS_SERVER : GNUTLS_CLIENT);
    enum side side = config->server ? SIDE_SERVER : SIDE_CLIENT;
    const struct profile *profile = config->profile;
    gnutls_priority_t priority = profile->priorities[side][config->transport];
    SECURITY_STATUS status = SEC_E_INSUFFICIENT_MEMORY;
    struct session *session;

    if (!priority) return SEC_E_ALGORITHM_MISMATCH;
    if (!(session = calloc(1, sizeof(*session)))) return SEC_E_INSUFFICIENT_MEMORY;
    session->profile = profile;
    session->server = config->server;
    session->transport = config->transport;
    session->split = config->split;
    session->resumption.profile = profile;
    session->resumption.datagram = config->transport == TRANSPORT_DATAGRAM;
    session->verify = config->verify;
    session->choose = config->choose;
    session->owner = config->owner;
    if (gnutls_init(&session->tls, flags) < 0) goto done;
    gnutls_session_set_ptr(session->tls, session);
    session->incoming = (struct session_wire){ session, EAGAIN };
    session->outgoing = (struct session_wire){ session, ENOMEM };
    gnutls_transport_set_ptr2(session->tls, &session->incoming, &session->outgoing);
    gnutls_transport_set_errno_function(session->tls, wire_errno);
    gnutls_transport_set_push_function(session->tls, push);
    gnutls_transport_set_pull_function(session->tls, pull);
    gnutls_handshake_set_hook_function(session->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, note_message);
    gnutls_session_set_keylog_function(session->tls, keylog_enabled() ? write_key : NULL);
    if (gnutls_priority_set(session->tls, priority) < 0) goto done;
    if (gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, profile->certificates[side]) < 0)
        goto done;
    if ((status = config->server ? prepare_server(session, config) : prepare_client(session, config)))
        goto done;
    if (profile->psk && (status = prepare_psk(session, config))) goto done;
    if (config->transport == TRANSPORT_DATAGRAM && (status = session_prepare_datagrams(session, config)))
        goto done;
    if ((status = session_offer_protocols(session, config->application_protocols))) goto done;

    *out = session;
    session = NULL;
    status = SEC_E_OK;

done:
    session_destroy(session);
    return status;
}

void session_destroy(struct session *session)
{
    if (!session) return;
    protection_clear(&session->sending);
    protection_clear(&session->receiving);
    if (session->tls) gnutls_deinit(session->tls);
    if (session->psk_client) gnutls_psk_free_client_credentials(session->psk_client);
    if (session->psk_server) gnutls_psk_free_server_credentials(session->psk_server);
    bytes_wipe(&session->psk);
    bytes_wipe(&session->psk_identity);
    free(session->output.data);
    bytes_wipe(&session->interleaved);
    free(session->issuers);
    resumption_end(&session->resumption);
    free(session);
}

/* --- whose record layer --------------------------------------------------------------------------------- */

void session_give_back(struct session *session)
{
    protection_hand_back(&session->sending, session->tls, FALSE);
    protection_hand_back(&session->receiving, session->tls, TRUE);
}

void session_take_over(struct session *session)
{
    const struct session_facts *facts = &session->facts;

    protection_take_over(&session->sending, session->tls, FALSE, facts->suite, facts->version);
    protection_take_over(&session->receiving, session->tls, TRUE, facts->suite, facts->version);
}

void session_let_go(struct session *session)
{
    session_give_back(session);
    protection_clear(&session->sending);
    protection_clear(&session->receiving);
}

/* --- handshake ------------------------------------------------------------------------------------------ */

BOOL session_alert(struct session *session, unsigned level, unsigned alert)
{
    BOOL sent;

    session_give_back(session);
    sent = gnutls_alert_send(session->tls, level, alert) == GNUTLS_E_SUCCESS;
    if (protection_is_ours(&session->sending)) session_take_over(session);
    return sent;
}

/* The end: the reason for the caller, and the alert for the peer. */
SECURITY_STATUS session_fail(struct session *session, int error)
{
    SECURITY_STATUS status;

    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED || error == GNUTLS_E_WARNING_ALERT_RECEIVED)
    {
        unsigned alert = gnutls_alert_get(session->tls);

        WARN("the peer sent alert %u (%s)\n", alert, gnutls_alert_get_name(alert));
        return status_of_alert(alert);
    }
    if ((status = session->refusal))
        gnutls_alert_send(session->tls, GNUTLS_AL_FATAL, alert_of_status(status));
    else
    {
        status = status_of_gnutls(error);
        gnutls_alert_send_appropriate(session->tls, error);
    }
    WARN("%s (%d): status %#lx\n", gnutls_strerror(error), error, (unsigned long)status);
    return status;
}

/* What is wrong with the peer's bytes before GnuTLS sees them. */
static SECURITY_STATUS fail_framing(struct session *session, SECURITY_STATUS status)
{
    gnutls_alert_send(session->tls, GNUTLS_AL_FATAL,
                      status == SEC_E_ILLEGAL_MESSAGE ? GNUTLS_A_RECORD_OVERFLOW
                                                      : GNUTLS_A_UNEXPECTED_MESSAGE);
    WARN("no TLS record: status %#lx\n", (unsigned long)status);
    return status;
}

/* GnuTLS looks at a message's size when it is whole, and it may say it has 16 MiB. FALSE: enough of that. */
BOOL session_give_record(struct session *session, struct span record)
{
    session->unfinished += record.size;
    if (session->unfinished > MESSAGE_MAX) return FALSE;
    session->input = record;
    return TRUE;
}

/* The peer may send data until it has answered a renegotiation. FALSE: it is not what the peer sent, there is
 * no memory, or it is far too much. */
static BOOL keep_interleaved(struct session *session, struct span record)
{
    uint8_t data[RECORD_DATA_MAX];
    ssize_t size;
    BOOL kept;

    session->input = record;
    size = gnutls_record_recv(session->tls, data, sizeof(data));
    session->input.size = 0;
    if (session_wants_more((int)size)) return TRUE; /* a record without data */
    kept = size > 0 && session->interleaved.size + (size_t)size <= INTERLEAVED_MAX &&
           bytes_append(&session->interleaved, data, (size_t)size);
    SecureZeroMemory(data, sizeof(data));
    return kept;
}

/* What can be told of groups that are too large only now. */
static SECURITY_STATUS judge_agreement(struct session *session)
{
    const struct session_facts *facts = &session->facts;
    DWORD limit = session->profile->limits.dh_max;

    if (facts->suite->exchange->algorithm == CALG_DH_EPHEM && !session->server && limit &&
        facts->exchange_bits > limit)
    {
        WARN("the server's DH group has %u bits, allowed are %lu\n", facts->exchange_bits,
             (unsigned long)limit);
        session_alert(session, GNUTLS_AL_FATAL, GNUTLS_A_INSUFFICIENT_SECURITY);
        return SEC_E_ALGORITHM_MISMATCH;
    }
    return SEC_E_OK;
}

SECURITY_STATUS session_finish_handshake(struct session *session)
{
    SECURITY_STATUS status;
    int error;

    session->pending = SESSION_PENDING_NOTHING;
    if (!session->server && (error = session_judge_choices(session))) return session_fail(session, error);
    session_learn_facts(session);
    resumption_established(&session->resumption, session->tls);
    if (!session->server && !session->facts.tls13) resumption_keep(&session->resumption, session->tls);
    if (!session->facts.suite || !session->facts.protocol) return SEC_E_INTERNAL_ERROR;
    if ((status = judge_agreement(session))) return status;
    session_take_over(session);
    return SEC_E_OK;
}

SECURITY_STATUS session_handshake(struct session *session, struct span *input)
{
    size_t size = input->size, spoken = session->output.size;
    SECURITY_STATUS status;
    struct span record;
    int error;

    session_let_go(session);
    session->pending = SESSION_PENDING_NOTHING;

    for (;;)
    {
        error = gnutls_handshake(session->tls);
        /* A warning before the end of the handshake (unrecognized_name, as a rule) ends nothing; many do. */
        if (error == GNUTLS_E_WARNING_ALERT_RECEIVED)
        {
            if (session->facts.suite && gnutls_alert_get(session->tls) == GNUTLS_A_NO_RENEGOTIATION)
            {
                session_take_over(session);
                return SEC_I_NO_RENEGOTIATION;
            }
            if (session->warnings++ < WARNINGS_MAX) continue;
            return session_fail(session, GNUTLS_E_UNEXPECTED_PACKET);
        }
        if (!error) break;
        if (!session_wants_more(error)) return session_fail(session, error);
        if (session->choosing)
        {
            session->choosing = FALSE;
            return SEC_I_INCOMPLETE_CREDENTIALS;
        }
        status = session->greeted || !session->server ? record_take(input, &record)
                                                      : record_take_first(session->profile, input, &record);
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (input->size == size && session->output.size == spoken) return SEC_E_INCOMPLETE_MESSAGE;
            return SEC_I_CONTINUE_NEEDED;
        }
        if (status) return fail_framing(session, status);
        session->greeted = TRUE;
        /* GnuTLS's handshake begins anew when it meets data, so it never does. */
        if (session->facts.suite && record.data[0] == CONTENT_APPLICATION_DATA)
        {
            if (!keep_interleaved(session, record)) return session_fail(session, GNUTLS_E_UNEXPECTED_PACKET);
            continue;
        }
        if (!session_give_record(session, record)) return session_fail(session, GNUTLS_E_HANDSHAKE_TOO_LARGE);
    }
    return session_finish_handshake(session);
}

SECURITY_STATUS session_request_renegotiation(struct session *session, BOOL certificate)
{
    int error;

    if (certificate)
    {
        gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUEST);
        resumption_ask(&session->resumption, session->tls);
    }
    session_give_back(session);
    error = gnutls_rehandshake(session->tls);
    if (error < 0) return session_fail(session, error);
    session_take_over(session);
    return SEC_E_OK;
}
