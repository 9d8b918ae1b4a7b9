/*
 * A ClientHello as it came over the wire, before there is any session.
 */
#ifndef SCHANNEL_HELLO_H
#define SCHANNEL_HELLO_H

#include "windows_sspi.h"
#include "span.h"

#define EXTENSION_SERVER_NAME 0  /* RFC 6066, 3 */
#define EXTENSION_ALPN        16 /* RFC 7301, 3.1 */

/*
 * A ClientHello found in bytes that stay the caller's. It may be spread over records; what is asked for has
 * to lie in one.
 */
struct hello
{
    struct span input; /* records, or the message alone */
    BOOL records;
    uint8_t *extensions; /* without the records between; ours */
    size_t size;
    size_t offset; /* of the first extension in the message */
};

/*
 * Reads a ClientHello; hello_close afterwards, if it was SEC_E_OK. SEC_E_INCOMPLETE_MESSAGE: `missing` bytes
 * more are needed, at least. SEC_E_INVALID_TOKEN: these bytes are no ClientHello. SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS hello_open(struct span input, BOOL records, struct hello *hello, size_t *missing);
void hello_close(struct hello *hello);

/* An extension's data, in the caller's bytes; FALSE: the client sent none, or its data is split by a record's
 * end. */
BOOL hello_extension(const struct hello *hello, uint32_t type, struct span *data);

/* The host name of server_name, in the caller's bytes; FALSE: there is none. */
BOOL hello_server_name(const struct hello *hello, struct span *name);

#endif
