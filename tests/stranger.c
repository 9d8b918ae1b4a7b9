/*
 * Somebody else's TLS in the same process.
 */
#include "stranger.h"
#include <errno.h>
#include <gnutls/x509.h>
#include <time.h>

/* Of GnuTLS's own (lib/record.h, gnutls_int.h, buffers.h). */
ssize_t _gnutls_send_tlen_int(gnutls_session_t session, unsigned type, int message, unsigned epoch,
                              const void *data, size_t size, size_t padding, unsigned flags);
#define CONTENT_HANDSHAKE   22
#define NO_MESSAGE          (-1)
#define EPOCH_WRITE_CURRENT 70001
#define FLUSH               1

#define COPIES_MAX          100

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct stranger *stranger = pointer;

    if (size > sizeof(stranger->out) - stranger->out_size) return -1;
    memcpy(stranger->out + stranger->out_size, data, size);
    stranger->out_size += size;
    if (stranger->datagram_count < 32) stranger->datagrams[stranger->datagram_count++] = size;
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct stranger *stranger = pointer;

    if (!stranger->in_size)
    {
        gnutls_transport_set_errno(stranger->tls, EAGAIN);
        return -1;
    }
    if (size > stranger->in_size) size = stranger->in_size;
    memcpy(data, stranger->in, size);
    memmove(stranger->in, stranger->in + size, stranger->in_size - size);
    stranger->in_size -= size;
    return (ssize_t)size;
}

static int has_input(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)ms;
    return ((struct stranger *)pointer)->in_size != 0;
}

void stranger_change_certificate(struct stranger *stranger, unsigned copies)
{
    static unsigned char serial = 1;
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt, list[COPIES_MAX];
    unsigned i;

    serial++;
    gnutls_certificate_allocate_credentials(&credentials);
    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    for (i = 0; i < copies && i < COPIES_MAX; i++) list[i] = crt;
    gnutls_certificate_set_x509_key(credentials, list, (int)i, key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    gnutls_credentials_set(stranger->tls, GNUTLS_CRD_CERTIFICATE, credentials);
    if (stranger->credentials) gnutls_certificate_free_credentials(stranger->credentials);
    stranger->credentials = credentials;
}

struct stranger *stranger_open(unsigned flags, const char *priority)
{
    struct stranger *stranger = calloc(1, sizeof(*stranger));

    gnutls_global_init();
    gnutls_init(&stranger->tls, flags | GNUTLS_NONBLOCK);
    gnutls_priority_set_direct(stranger->tls, priority, NULL);
    gnutls_transport_set_ptr(stranger->tls, stranger);
    gnutls_transport_set_push_function(stranger->tls, push);
    gnutls_transport_set_pull_function(stranger->tls, pull);
    gnutls_transport_set_pull_timeout_function(stranger->tls, has_input);
    stranger_change_certificate(stranger, 1);
    return stranger;
}

void stranger_close(struct stranger *stranger)
{
    gnutls_deinit(stranger->tls);
    gnutls_certificate_free_credentials(stranger->credentials);
    free(stranger);
}

void stranger_feed(struct stranger *stranger, const void *bytes, size_t size)
{
    if (size > sizeof(stranger->in) - stranger->in_size) return;
    memcpy(stranger->in + stranger->in_size, bytes, size);
    stranger->in_size += size;
}

int stranger_handshake(struct stranger *stranger)
{
    int error;

    do
    {
        error = gnutls_handshake(stranger->tls);
    } while (error < 0 && error != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(error));
    return error;
}

BOOL stranger_says(struct stranger *stranger, const void *message, size_t size)
{
    return _gnutls_send_tlen_int(stranger->tls, CONTENT_HANDSHAKE, NO_MESSAGE, EPOCH_WRITE_CURRENT, message,
                                 size, 0, FLUSH) >= 0;
}
