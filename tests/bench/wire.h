/*
 * GnuTLS with memory for a wire: the peer's, and the engine's that is GnuTLS.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include "bench.h"
#include <gnutls/gnutls.h>

struct wire
{
    gnutls_session_t tls;
    struct bytes in;  /* what the session has not read yet; the memory stays the caller's */
    struct bytes out; /* what it wrote, behind what was there, */
    size_t room;      /* up to so many bytes */
    bool datagrams;   /* one read gets one record, as if each had come by itself */
};

/* Has a session read from, and write to, the wire, which has to live as long. */
void wire_attach(struct wire *wire, gnutls_session_t tls);

#endif
