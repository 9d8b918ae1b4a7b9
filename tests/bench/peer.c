/*
 * The other side: GnuTLS, whose wire is memory.
 */
#include "wire.h"
#include <gnutls/dtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_MAX  (1 << 18)
#define OUT_MAX (1 << 21)

struct peer
{
    gnutls_session_t tls;
    struct wire wire;
    uint8_t *in; /* the wire's memory */
    bool server;
};

static gnutls_certificate_credentials_t nothing, shown; /* a client's and a server's */
static char shown_name[32];
static gnutls_datum_t ticket_key, kept;

void peer_init(void)
{
    gnutls_global_init();
    gnutls_certificate_allocate_credentials(&nothing);
    gnutls_session_ticket_key_generate(&ticket_key);
}

/* The server's certificate, which is read anew only when it is another. */
static int show(const char *name)
{
    char chain[512], key[512];

    if (shown && !strcmp(shown_name, name)) return 0;
    if (shown) gnutls_certificate_free_credentials(shown);
    gnutls_certificate_allocate_credentials(&shown);
    snprintf(shown_name, sizeof(shown_name), "%s", name);
    snprintf(chain, sizeof(chain), "%s/%s-chain.pem", pki_folder, name);
    snprintf(key, sizeof(key), "%s/%s.key", pki_folder, name);
    return gnutls_certificate_set_x509_key_file(shown, chain, key, GNUTLS_X509_FMT_PEM);
}

void suite_priority(const struct suite *suite, char priority[PRIORITY_MAX])
{
    static const char *const versions[] = { "VERS-TLS1.2:+ECDHE-RSA:+ECDHE-ECDSA", "VERS-TLS1.3",
                                            "VERS-DTLS1.2:+ECDHE-RSA:+ECDHE-ECDSA" };

    snprintf(priority, PRIORITY_MAX, "NONE:+%s:%s:+%s:+SIGN-ALL:+COMP-NULL:+CTYPE-X509",
             versions[suite->protocol], suite->cipher, suite->group);
}

struct peer *peer_open(const struct suite *suite, unsigned use, char why[128])
{
    struct peer *peer = calloc(1, sizeof(*peer));
    unsigned flags = GNUTLS_NONBLOCK;
    char priority[PRIORITY_MAX];
    int error;

    peer->server = !(use & USE_SERVER);
    peer->in = malloc(IN_MAX);
    peer->wire.in.data = peer->in;
    peer->wire.out.data = malloc(OUT_MAX);
    peer->wire.room = OUT_MAX;
    peer->wire.datagrams = suite->protocol == PROTOCOL_DTLS12;
    flags |= peer->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    if (peer->wire.datagrams) flags |= GNUTLS_DATAGRAM;
    if (!(use & USE_RESUME)) flags |= GNUTLS_NO_TICKETS;
    gnutls_init(&peer->tls, flags);
    wire_attach(&peer->wire, peer->tls);
    if (peer->wire.datagrams)
    {
        gnutls_dtls_set_timeouts(peer->tls, 60000, 600000);
        gnutls_dtls_set_mtu(peer->tls, 1500);
    }
    suite_priority(suite, priority);
    error = gnutls_priority_set_direct(peer->tls, priority, NULL);
    if (error >= 0 && peer->server) error = show(suite->certificate);
    if (error < 0)
    {
        snprintf(why, 128, "the peer: %s", gnutls_strerror(error));
        peer_close(peer);
        return NULL;
    }
    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, peer->server ? shown : nothing);
    if (peer->server)
    {
        if (use & USE_RESUME) gnutls_session_ticket_enable_server(peer->tls, &ticket_key);
        return peer;
    }
    gnutls_server_name_set(peer->tls, GNUTLS_NAME_DNS, "localhost", 9);
    if (use & USE_RESUME && kept.size) gnutls_session_set_data(peer->tls, kept.data, kept.size);
    return peer;
}

void peer_close(struct peer *peer)
{
    if (!peer) return;
    gnutls_deinit(peer->tls);
    free(peer->in);
    free(peer->wire.out.data);
    free(peer);
}

void peer_forget(void)
{
    gnutls_free(kept.data);
    kept.data = NULL;
    kept.size = 0;
}

void peer_keep(struct peer *peer)
{
    uint8_t byte;

    peer_forget();
    gnutls_record_recv(peer->tls, &byte, 1); /* tickets of TLS 1.3 */
    gnutls_session_get_data2(peer->tls, &kept);
}

struct bytes *peer_output(struct peer *peer)
{
    return &peer->wire.out;
}

void peer_feed(struct peer *peer, struct bytes bytes)
{
    struct bytes *in = &peer->wire.in;

    if (IN_MAX - in->size < bytes.size) return;
    memmove(peer->in, in->data, in->size);
    memcpy(peer->in + in->size, bytes.data, bytes.size);
    in->data = peer->in;
    in->size += bytes.size;
}

int peer_handshake(struct peer *peer)
{
    int error;

    do error = gnutls_handshake(peer->tls);
    while (error == GNUTLS_E_WARNING_ALERT_RECEIVED || error == GNUTLS_E_INTERRUPTED);
    return error;
}

bool peer_resumed(struct peer *peer)
{
    return gnutls_session_is_resumed(peer->tls);
}

bool peer_seal(struct peer *peer, const uint8_t *plain, size_t size)
{
    return gnutls_record_send(peer->tls, plain, size) == (ssize_t)size;
}

bool peer_read(struct peer *peer, uint8_t *plain, size_t size)
{
    while (size)
    {
        ssize_t got = gnutls_record_recv(peer->tls, plain, size);

        if (got <= 0) return false;
        plain += got;
        size -= (size_t)got;
    }
    return true;
}
