/*
 * The other side: GnuTLS, whose wire is memory.
 */
#include "bench.h"
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_MAX  (1 << 18)
#define OUT_MAX (1 << 21)

struct peer
{
    gnutls_session_t tls;
    bool server, datagrams;
    uint8_t *in;
    size_t in_size, in_used;
    struct bytes out;
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

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct peer *peer = pointer;

    if (OUT_MAX - peer->out.size < size) return -1;
    memcpy(peer->out.data + peer->out.size, data, size);
    peer->out.size += size;
    return (ssize_t)size;
}

/* How much of what came a pull takes: a datagram's size is in its record's header, and each has one record or
 * a flight of them that GnuTLS may as well get one by one. */
static size_t available(const struct peer *peer)
{
    const uint8_t *at = peer->in + peer->in_used;
    size_t size = peer->in_size - peer->in_used, record;

    if (!peer->datagrams || size < 13) return size;
    record = 13 + (size_t)(at[11] << 8 | at[12]);
    return record < size ? record : size;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct peer *peer = pointer;
    size_t there = available(peer);

    if (!there)
    {
        gnutls_transport_set_errno(peer->tls, EAGAIN);
        return -1;
    }
    if (size > there) size = there;
    memcpy(data, peer->in + peer->in_used, size);
    peer->in_used += peer->datagrams ? there : size;
    if (peer->in_used == peer->in_size) peer->in_used = peer->in_size = 0;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    (void)milliseconds;
    return available(pointer) ? 1 : 0;
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
    peer->datagrams = suite->protocol == PROTOCOL_DTLS12;
    peer->in = malloc(IN_MAX);
    peer->out.data = malloc(OUT_MAX);
    flags |= peer->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    if (peer->datagrams) flags |= GNUTLS_DATAGRAM;
    if (!(use & USE_RESUME)) flags |= GNUTLS_NO_TICKETS;
    gnutls_init(&peer->tls, flags);
    gnutls_transport_set_ptr(peer->tls, peer);
    gnutls_transport_set_push_function(peer->tls, push);
    gnutls_transport_set_pull_function(peer->tls, pull);
    gnutls_transport_set_pull_timeout_function(peer->tls, pull_timeout);
    if (peer->datagrams)
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
    free(peer->out.data);
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
    return &peer->out;
}

void peer_feed(struct peer *peer, struct bytes bytes)
{
    if (IN_MAX - peer->in_size < bytes.size) return;
    memcpy(peer->in + peer->in_size, bytes.data, bytes.size);
    peer->in_size += bytes.size;
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
