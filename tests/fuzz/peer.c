/*
 * A hostile peer: a GnuTLS of the other side, whose messages are changed before they are hashed and
 * protected, so that everything about them but their contents is right; whose bytes are changed on the wire
 * as well; and which does what it likes after the handshake. On our side is the door.
 *
 * The input: three bytes for the manner, then edits of six bytes each; after the handshake each is an action,
 * too.
 */
#include "sides.h"
#include <gnutls/abstract.h>
#include <gnutls/dtls.h>

BOOL WINAPI ssl_empty_cache_w(const WCHAR *name, DWORD flags);

#define EDITS_MAX 24

struct edit
{
    uint8_t kind, index, operation;
    uint16_t offset;
    uint8_t value;
};

static struct
{
    gnutls_session_t tls;
    BOOL server, done, datagram;
    struct edit edits[EDITS_MAX];
    unsigned edit_count, messages, chunks;
    uint8_t in[WIRE_MAX], out[WIRE_MAX];
    size_t in_size, in_used, out_size, datagrams[64];
    unsigned datagram_count, datagram_used;
} peer;
static struct side ours;

enum kind
{
    KIND_MESSAGE, /* the index-th handshake message, before it is protected */
    KIND_WIRE,    /* the index-th thing it writes */
    KIND_ACTION,  /* after the handshake */
    KINDS
};

/* --- edits ---------------------------------------------------------------------------------------------- */

/* A change that keeps the size. */
static void change(uint8_t *data, size_t size, const struct edit *edit)
{
    size_t at, count;

    if (!size) return;
    at = edit->offset % size;
    switch (edit->operation % 6)
    {
    case 0:
        data[at] = edit->value;
        break;
    case 1:
        data[at] ^= (uint8_t)(1 << edit->value % 8);
        break;
    case 2: /* a number of two bytes grows or shrinks */
        data[at] = (uint8_t)(data[at] + (int8_t)edit->value);
        break;
    case 3:
        count = edit->value % 32 < size - at ? edit->value % 32 : size - at;
        memset(data + at, edit->value & 0x80 ? 0xff : 0, count);
        break;
    case 4: /* a part of it once more */
        count = edit->value < size - at ? edit->value : size - at;
        memmove(data + at, data, count < at ? count : at);
        break;
    default:
        if (at + 1 < size)
        {
            data[at] = edit->value;
            data[at + 1] = (uint8_t)(edit->value >> 1);
        }
    }
}

static int on_message(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message)
{
    unsigned i;

    (void)tls;
    (void)type;
    (void)when;
    if (incoming) return 0;
    for (i = 0; i < peer.edit_count; i++)
        if (peer.edits[i].kind == KIND_MESSAGE && peer.edits[i].index % 8 == peer.messages)
            change(message->data, message->size, &peer.edits[i]);
    peer.messages++;
    return 0;
}

/* The wire: it may change, cut, repeat, drop or add. */
static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    uint8_t *at = peer.out + peer.out_size;
    size_t sent = size;
    unsigned i;

    (void)pointer;
    if (peer.out_size + 2 * size + 300 > sizeof(peer.out)) return (ssize_t)size;
    memcpy(at, data, size);
    for (i = 0; i < peer.edit_count; i++)
    {
        const struct edit *edit = &peer.edits[i];

        if (edit->kind != KIND_WIRE || edit->index % 16 != peer.chunks) continue;
        switch (edit->operation % 10)
        {
        case 6:
            sent = edit->offset % (size + 1);
            break;
        case 7:
            if (sent == size)
            {
                memcpy(at + size, data, size);
                sent = 2 * size;
            }
            break;
        case 8:
            sent = 0;
            break;
        case 9:
            memset(at + sent, edit->value, edit->offset % 64);
            sent += edit->offset % 64;
            break;
        default:
            change(at, sent, edit);
        }
    }
    peer.chunks++;
    peer.out_size += sent;
    if (peer.datagram && sent && peer.datagram_count < ARRAY_SIZE(peer.datagrams))
        peer.datagrams[peer.datagram_count++] = sent;
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    size_t left = peer.in_size - peer.in_used;

    (void)pointer;
    if (peer.datagram && left > 13)
    {
        size_t record = 13 + ((size_t)peer.in[peer.in_used + 11] << 8 | peer.in[peer.in_used + 12]);

        if (record < left) left = record;
    }
    if (size > left) size = left;
    if (!size)
    {
        gnutls_transport_set_errno(peer.tls, EAGAIN);
        return -1;
    }
    memcpy(data, peer.in + peer.in_used, size);
    peer.in_used += size;
    if (peer.in_used == peer.in_size) peer.in_used = peer.in_size = 0;
    return (ssize_t)size;
}

static int has_input(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer;
    (void)ms;
    return peer.in_size > peer.in_used;
}

/* --- the peer ------------------------------------------------------------------------------------------- */

static const struct
{
    const char *priority;
    DWORD protocols;
} versions[] = {
    { "NORMAL:-VERS-ALL:+VERS-TLS1.3:%DISABLE_TLS13_COMPAT_MODE", SP_PROT_TLS1_3 },
    { "NORMAL:-VERS-ALL:+VERS-TLS1.2:+RSA", SP_PROT_TLS1_2 },
    { "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%COMPAT", SP_PROT_TLS1_3 | SP_PROT_TLS1_2 },
    { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC:+RSA:+SHA1", SP_PROT_TLS1_2 },
    { "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:+RSA:+SHA1:+AES-128-CBC:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1",
      SP_PROT_TLS1_0 | SP_PROT_TLS1_1 },
    { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", SP_PROT_TLS1_2 },
    { "NORMAL:-VERS-ALL:+VERS-DTLS1.2:+RSA", SP_PROT_DTLS1_2 },
    { "NORMAL:-VERS-ALL:+VERS-DTLS1.0:+RSA:+SHA1:+AES-128-CBC:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1",
      SP_PROT_DTLS1_0 },
};

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities[ARRAY_SIZE(versions)];
static gnutls_datum_t ticket_key;

static void peer_open(BOOL server, unsigned version, unsigned bits)
{
    static const gnutls_datum_t protocols[] = { { (unsigned char *)"h2", 2 },
                                                { (unsigned char *)"http/1.1", 8 } };
    unsigned flags = GNUTLS_NONBLOCK | GNUTLS_POST_HANDSHAKE_AUTH | (server ? GNUTLS_SERVER : GNUTLS_CLIENT);

    memset(&peer, 0, offsetof(typeof(peer), in));
    peer.in_size = peer.in_used = peer.out_size = peer.datagram_count = peer.datagram_used = 0;
    peer.server = server;
    peer.datagram = (versions[version].protocols & (SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2)) != 0;
    gnutls_init(&peer.tls, flags | (peer.datagram ? GNUTLS_DATAGRAM : 0));
    gnutls_priority_set(peer.tls, priorities[version]);
    gnutls_credentials_set(peer.tls, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_handshake_set_hook_function(peer.tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
    gnutls_transport_set_push_function(peer.tls, push);
    gnutls_transport_set_pull_function(peer.tls, pull);
    gnutls_transport_set_pull_timeout_function(peer.tls, has_input);
    if (bits & 1) gnutls_alpn_set_protocols(peer.tls, protocols, 2, 0);
    if (server && bits & 2) gnutls_certificate_server_set_request(peer.tls, GNUTLS_CERT_REQUEST);
    if (server && bits & 4) gnutls_session_ticket_enable_server(peer.tls, &ticket_key);
    if (!server) gnutls_server_name_set(peer.tls, GNUTLS_NAME_DNS, "localhost", 9);
    if (peer.datagram) gnutls_dtls_set_timeouts(peer.tls, 59999, 0x7fffffff);
    if (bits & 8) gnutls_record_set_max_size(peer.tls, 512);
}

/* What each side has said goes to the other. */
static void carry(void)
{
    unsigned i;

    if (peer.in_size + ours.out_size <= sizeof(peer.in))
    {
        memcpy(peer.in + peer.in_size, ours.out, ours.out_size);
        peer.in_size += ours.out_size;
    }
    ours.out_size = 0;
    if (ours.in_size + peer.out_size > sizeof(ours.in)) peer.out_size = peer.datagram_count = 0;
    memcpy(ours.in + ours.in_size, peer.out, peer.out_size);
    ours.in_size += peer.out_size;
    for (i = 0; i < peer.datagram_count && ours.datagram_count < ARRAY_SIZE(ours.datagrams); i++)
        ours.datagrams[ours.datagram_count++] = peer.datagrams[i];
    peer.out_size = peer.datagram_count = 0;
}

/* What it makes of what has come. */
static void peer_turn(void)
{
    uint8_t data[4096];
    int error;

    if (!peer.done)
    {
        error = gnutls_handshake(peer.tls);
        if (error == GNUTLS_E_WARNING_ALERT_RECEIVED) error = gnutls_handshake(peer.tls);
        peer.done = !error;
        return;
    }
    error = (int)gnutls_record_recv(peer.tls, data, sizeof(data));
    if (error == GNUTLS_E_REHANDSHAKE) gnutls_handshake(peer.tls);
    if (error == GNUTLS_E_REAUTH_REQUEST) gnutls_reauth(peer.tls, 0);
}

static BOOL goes_on(void)
{
    return ours.status == SEC_I_CONTINUE_NEEDED || ours.status == SEC_E_INCOMPLETE_MESSAGE ||
           ours.status == SEC_I_INCOMPLETE_CREDENTIALS || ours.status == SEC_I_MESSAGE_FRAGMENT;
}

static void shake(unsigned bits)
{
    static const uint8_t alpn[] = { 10, 0, 0, 0, 2, 0, 0, 0, 3, 0, 2, 'h', '2', 0 };
    SecBuffer protocols = { 13, SECBUFFER_APPLICATION_PROTOCOLS, (void *)alpn };
    unsigned turns, steps;

    if (!ours.server) side_step(&ours, bits & 1 ? &protocols : NULL);
    for (turns = 0; turns < 10 && goes_on(); turns++)
    {
        carry();
        peer_turn();
        carry();
        for (steps = 0; steps < 24 && goes_on(); steps++)
        {
            size_t before = ours.in_size;

            if (!before && ours.status != SEC_I_MESSAGE_FRAGMENT &&
                ours.status != SEC_I_INCOMPLETE_CREDENTIALS)
                break;
            side_step(&ours, ours.server && bits & 1 && !ours.has_context ? &protocols : NULL);
            if (ours.in_size == before && ours.status == SEC_E_INCOMPLETE_MESSAGE) break;
        }
    }
    carry();
    peer_turn();
    carry();
}

/* --- afterwards ----------------------------------------------------------------------------------------- */

static void act(const struct edit *edit)
{
    static uint8_t data[20000];
    size_t size = edit->offset % sizeof(data);
    SecBuffer order;
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &order };
    DWORD shutdown = SCHANNEL_SHUTDOWN;
    uint8_t *raw;

    /* GnuTLS is not made for these before the end of its handshake. */
    if (!peer.done && edit->operation % 14 != 1 && edit->operation % 14 != 4 && edit->operation % 14 != 7 &&
        edit->operation % 14 != 9 && edit->operation % 14 != 10 && edit->operation % 14 != 12)
        return;
    switch (edit->operation % 14)
    {
    case 0:
        gnutls_record_send(peer.tls, data, size % 16384);
        break;
    case 1:
        side_write(&ours, size);
        break;
    case 2:
        gnutls_session_key_update(peer.tls, edit->value & 1 ? GNUTLS_KU_PEER : 0);
        break;
    case 3:
        if (peer.server) gnutls_rehandshake(peer.tls);
        peer.done = peer.server && peer.done;
        if (!peer.server) gnutls_handshake(peer.tls);
        break;
    case 4:
        side_step(&ours, NULL); /* asks for a renegotiation, or a certificate */
        break;
    case 5:
        gnutls_alert_send(peer.tls, edit->value & 1 ? GNUTLS_AL_FATAL : GNUTLS_AL_WARNING,
                          edit->offset & 0xff);
        break;
    case 6:
        gnutls_bye(peer.tls, GNUTLS_SHUT_WR);
        break;
    case 7:
        order = (SecBuffer){ sizeof(shutdown), SECBUFFER_TOKEN, &shutdown };
        if (ours.has_context) sspi->ApplyControlToken(&ours.context, &desc);
        side_step(&ours, NULL);
        break;
    case 8:
        if (peer.server) gnutls_reauth(peer.tls, 0);
        break;
    case 9: /* a record in the clear */
        raw = malloc(5 + edit->value);
        memset(raw, edit->value, 5 + edit->value);
        raw[0] = 20 + edit->index % 4;
        raw[1] = 3;
        raw[2] = 3;
        raw[3] = 0;
        raw[4] = edit->value;
        push(NULL, raw, 5 + edit->value);
        free(raw);
        break;
    case 10:
        side_query(&ours);
        break;
    case 11:
        if (peer.server) gnutls_session_ticket_send(peer.tls, 1 + edit->value % 3, 0);
        break;
    case 12:
        if (ours.datagram) side_step(&ours, NULL);
        peer_turn();
        break;
    default:
        gnutls_heartbeat_enable(peer.tls, 0);
        gnutls_record_send(peer.tls, data, 0);
    }
    carry();
    side_read(&ours);
    carry();
    peer_turn();
    carry();
    side_read(&ours);
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    unsigned i;

    (void)count;
    (void)arguments;
    common_open();
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_session_ticket_key_generate(&ticket_key);
    for (i = 0; i < MATERIALS; i++)
        MUST(gnutls_certificate_set_x509_key_mem2(credentials, &materials[i].certificate_der,
                                                  &materials[i].key_der, GNUTLS_X509_FMT_DER, NULL, 0) >= 0);
    for (i = 0; i < ARRAY_SIZE(versions); i++)
        MUST(gnutls_priority_init(&priorities[i], versions[i].priority, NULL) >= 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span input = { bytes, size };
    unsigned how = take(&input, 1), bits = take(&input, 1), world = take(&input, 1), i;
    unsigned version = how >> 1 & 7;
    BOOL server = how & 1;
    struct manner manner = {
        .protocols = versions[version].protocols,
        .flags = (how & 0x10 ? SCH_CRED_MANUAL_CRED_VALIDATION : 0) | (how & 0x20 ? SCH_SEND_AUX_RECORD : 0) |
                 (how & 0x40 ? SCH_CRED_REVOCATION_CHECK_CHAIN : 0) |
                 (server ? 0 : SCH_CRED_NO_DEFAULT_CREDS & (how & 0x80 ? ~0u : 0)),
        .requirements = (bits & 0x10 ? ISC_REQ_EXTENDED_ERROR : 0) |
                        (server && bits & 0x20 ? ASC_REQ_MUTUAL_AUTH : 0) |
                        (server && bits & 0x40 ? ASC_REQ_SESSION_TICKET : 0),
        .materials = server        ? 1 + world % 3
                     : bits & 0x80 ? 1 + world % 3
                                   : 0,
    };

    world_verdict = world & 0x10 ? (DWORD)CERT_E_UNTRUSTEDROOT : 0;
    ssl_empty_cache_w(NULL, 0); /* as it was thought of before */
    peer_open(!server, version, bits);
    if (peer.datagram) manner.requirements |= ISC_REQ_DATAGRAM;
    for (peer.edit_count = 0; input.size >= 6 && peer.edit_count < EDITS_MAX; peer.edit_count++)
    {
        struct edit *edit = &peer.edits[peer.edit_count];

        edit->kind = (uint8_t)(take(&input, 1) % KINDS);
        edit->index = (uint8_t)take(&input, 1);
        edit->operation = (uint8_t)take(&input, 1);
        edit->offset = (uint16_t)take(&input, 2);
        edit->value = (uint8_t)take(&input, 1);
    }
    if (side_open(&ours, server, &manner))
    {
        shake(bits);
        side_read(&ours);
        for (i = 0; i < peer.edit_count; i++)
            if (peer.edits[i].kind == KIND_ACTION) act(&peer.edits[i]);
        side_query(&ours);
        side_close(&ours);
    }
    gnutls_deinit(peer.tls);
    return 0;
}
