/*
 * Cookies of DTLS (RFC 6347, 4.2.1): a server keeps nothing of a client before it has shown that it hears
 * what is sent to its address.
 */
#ifndef SCHANNEL_COOKIE_H
#define SCHANNEL_COOKIE_H

#include "windows_sspi.h"
#include "span.h"

#define COOKIE_REQUEST_SIZE 64 /* room for a HelloVerifyRequest, bytes */

/* Where a client that has brought its cookie stands: what its session begins with. */
struct cookie
{
    unsigned record_sequence, message_received, message_sent;
};

/*
 * Looks at a server's first datagram. SEC_E_OK: it is a ClientHello with the cookie for that address.
 * SEC_I_CONTINUE_NEEDED: it is one without; `request` receives the HelloVerifyRequest for it.
 * SEC_E_ILLEGAL_MESSAGE: it is no ClientHello. SEC_E_INTERNAL_ERROR: there is no randomness. Cookies are good
 * as long as the process lives. `address` may be empty: then they are for anybody.
 */
SECURITY_STATUS cookie_check(struct span address, struct span datagram, struct cookie *cookie,
                             uint8_t request[COOKIE_REQUEST_SIZE], size_t *request_size);

#endif
