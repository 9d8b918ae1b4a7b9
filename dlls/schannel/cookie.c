/*
 * Cookies of DTLS: GnuTLS makes and knows them, from one secret of the process.
 */
#include "cookie.h"
#include "protection.h"
#include "session.h"
#include <gnutls/crypto.h>
#include <gnutls/dtls.h>

#define CLIENT_HELLO 1

static BOOL CALLBACK make_secret(INIT_ONCE *once, void *parameter, void **result)
{
    static gnutls_datum_t secret;

    (void)once;
    (void)parameter;
    if (gnutls_key_generate(&secret, GNUTLS_COOKIE_KEY_SIZE) < 0) return FALSE;
    *result = &secret;
    return TRUE;
}

struct writer
{
    uint8_t *bytes;
    size_t size;
};

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct writer *writer = pointer;

    if (size > COOKIE_REQUEST_SIZE) return -1;
    memcpy(writer->bytes, data, size);
    writer->size = size;
    return (ssize_t)size;
}

/* The first fragment of a ClientHello, unprotected. GnuTLS reads it at fixed places. */
static BOOL is_hello(struct span datagram)
{
    struct span record, rest = datagram;

    return datagram_take(&rest, &record) && datagram_is_plain_handshake(record) &&
           record.data[DATAGRAM_HEADER_SIZE] == CLIENT_HELLO && !record.data[DATAGRAM_HEADER_SIZE + 6] &&
           !record.data[DATAGRAM_HEADER_SIZE + 7] && !record.data[DATAGRAM_HEADER_SIZE + 8];
}

SECURITY_STATUS cookie_check(struct span address, struct span datagram, struct cookie *cookie,
                             uint8_t request[COOKIE_REQUEST_SIZE], size_t *request_size)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    struct writer writer = { request, 0 };
    gnutls_dtls_prestate_st state = { 0, 0, 0 };
    gnutls_datum_t *secret;
    void *client = (void *)(address.size ? address.data : (const uint8_t *)"");

    if (!is_hello(datagram)) return SEC_E_ILLEGAL_MESSAGE;
    if (!InitOnceExecuteOnce(&once, make_secret, NULL, (void **)&secret)) return SEC_E_INTERNAL_ERROR;
    if (gnutls_dtls_cookie_verify(secret, client, address.size, (void *)datagram.data, datagram.size,
                                  &state) >= 0)
    {
        cookie->record_sequence = state.record_seq;
        cookie->message_received = state.hsk_read_seq;
        cookie->message_sent = state.hsk_write_seq;
        return SEC_E_OK;
    }
    state.record_seq = datagram.data[10]; /* its own, back (RFC 6347, 4.2.1) */
    state.hsk_write_seq = 0;
    if (gnutls_dtls_cookie_send(secret, client, address.size, &state, &writer, push) < 0)
        return SEC_E_INTERNAL_ERROR;
    *request_size = writer.size;
    return SEC_I_CONTINUE_NEEDED;
}
