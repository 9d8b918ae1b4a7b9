/*
 * GnuTLS with memory for a wire.
 */
#include "wire.h"
#include <errno.h>
#include <string.h>

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct wire *wire = pointer;

    if (wire->room - wire->out.size < size) return -1;
    memcpy(wire->out.data + wire->out.size, data, size);
    wire->out.size += size;
    return (ssize_t)size;
}

/* What one read gets; a record of DTLS has its size in its header. */
static size_t available(const struct wire *wire)
{
    const uint8_t *at = wire->in.data;
    size_t record;

    if (!wire->datagrams || wire->in.size < 13) return wire->in.size;
    record = 13 + (size_t)(at[11] << 8 | at[12]);
    return record < wire->in.size ? record : wire->in.size;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct wire *wire = pointer;
    size_t there = available(wire), taken;

    if (!there)
    {
        gnutls_transport_set_errno(wire->tls, EAGAIN);
        return -1;
    }
    if (size > there) size = there;
    memcpy(data, wire->in.data, size);
    taken = wire->datagrams ? there : size;
    wire->in.data += taken;
    wire->in.size -= taken;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    const struct wire *wire = pointer;

    (void)milliseconds;
    return wire->in.size ? 1 : 0;
}

void wire_attach(struct wire *wire, gnutls_session_t tls)
{
    wire->tls = tls;
    gnutls_transport_set_ptr(tls, wire);
    gnutls_transport_set_push_function(tls, push);
    gnutls_transport_set_pull_function(tls, pull);
    gnutls_transport_set_pull_timeout_function(tls, pull_timeout);
}
