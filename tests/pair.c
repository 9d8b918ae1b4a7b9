/*
 * The other side, in the same process.
 */
#include "pair.h"
#include <gnutls/x509.h>
#include <errno.h>

static gnutls_certificate_credentials_t credentials;

static void add_certificate(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    static const unsigned char serial[] = { 1 };
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, algorithm, bits, 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    gnutls_certificate_set_x509_key(credentials, &crt, 1, key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static ssize_t peer_push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct peer *peer = pointer;

    if (sizeof(peer->out) - peer->out_size < size) return -1;
    memcpy(peer->out + peer->out_size, data, size);
    peer->out_size += size;
    return (ssize_t)size;
}

static ssize_t peer_pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct peer *peer = pointer;

    size = min(size, peer->in_size - peer->in_used);
    if (!size)
    {
        gnutls_transport_set_errno(peer->tls, EAGAIN);
        return -1;
    }
    memcpy(data, peer->in + peer->in_used, size);
    if ((peer->in_used += size) == peer->in_size) peer->in_used = peer->in_size = 0;
    return (ssize_t)size;
}

struct peer *peer_create(const char *priority)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!credentials)
    {
        gnutls_certificate_allocate_credentials(&credentials);
        add_certificate(GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
        add_certificate(GNUTLS_PK_RSA, 2048);
    }
    gnutls_init(&peer->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_AUTO_SEND_TICKET);
    if (gnutls_priority_set_direct(peer->tls, priority, NULL) < 0)
    {
        peer_destroy(peer);
        return NULL;
    }
    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_ptr(peer->tls, peer);
    gnutls_transport_set_push_function(peer->tls, peer_push);
    gnutls_transport_set_pull_function(peer->tls, peer_pull);
    return peer;
}

void peer_destroy(struct peer *peer)
{
    if (!peer) return;
    gnutls_deinit(peer->tls);
    free(peer);
}

void peer_feed(struct peer *peer, struct span bytes)
{
    if (sizeof(peer->in) - peer->in_size < bytes.size) return;
    memcpy(peer->in + peer->in_size, bytes.data, bytes.size);
    peer->in_size += bytes.size;
}

struct span peer_output(struct peer *peer)
{
    struct span output = { peer->out, peer->out_size };
    return output;
}

void peer_output_taken(struct peer *peer)
{
    peer->out_size = 0;
}

int peer_handshake(struct peer *peer)
{
    int error;

    do
    {
        error = gnutls_handshake(peer->tls);
    } while (error == GNUTLS_E_WARNING_ALERT_RECEIVED || error == GNUTLS_E_INTERRUPTED);
    peer->done = !error;
    return error;
}

SECURITY_STATUS pair_handshake(struct session *session, struct peer *peer)
{
    struct span input = { NULL, 0 };
    SECURITY_STATUS status;
    unsigned turns;

    for (turns = 0; turns < 20; turns++)
    {
        input = peer_output(peer);
        status = session_handshake(session, &input);
        peer_output_taken(peer);
        if (FAILED(status) && status != SEC_E_INCOMPLETE_MESSAGE) return status;
        if (status == SEC_I_INCOMPLETE_CREDENTIALS) return status;
        peer_feed(peer, session_output(session));
        session_output_taken(session);
        if (!peer->done) peer_handshake(peer);
        if (!status && peer->done) return status;
        if (!status) break;
    }
    return SEC_E_INTERNAL_ERROR;
}
