/*
 * Somebody else's TLS in the same process: GnuTLS, linked into the test and unknown to the DLL, which says
 * what a sound peer does not say.
 */
#ifndef TESTS_STRANGER_H
#define TESTS_STRANGER_H

#include "windows_sspi.h"
#include <gnutls/gnutls.h>

struct stranger
{
    gnutls_session_t tls;
    gnutls_certificate_credentials_t credentials;
    BYTE in[65536], out[65536];
    size_t in_size, out_size;
    size_t datagrams[32]; /* sizes of what is in `out`: each is a push */
    unsigned datagram_count;
};

/* `flags` of gnutls_init: GNUTLS_SERVER or GNUTLS_CLIENT, GNUTLS_DATAGRAM. A server has a certificate for
 * "localhost" with a key of its own. */
struct stranger *stranger_open(unsigned flags, const char *priority);
void stranger_close(struct stranger *stranger);

/* Another certificate for a server, from now on, that often in its list. */
void stranger_change_certificate(struct stranger *stranger, unsigned copies);

void stranger_feed(struct stranger *stranger, const void *bytes, size_t size);

/* A step; GNUTLS_E_AGAIN: it waits. */
int stranger_handshake(struct stranger *stranger);

/* A handshake message of anybody's, header included, under this connection's keys. */
BOOL stranger_says(struct stranger *stranger, const void *message, size_t size);

#endif
