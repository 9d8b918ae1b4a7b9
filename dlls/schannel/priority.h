/*
 * What a credential allows, in GnuTLS's words: the one place where a priority string is written.
 */
#ifndef SCHANNEL_PRIORITY_H
#define SCHANNEL_PRIORITY_H

#include "choice.h"

#define PRIORITY_SIZE 2048

/* How the other side's missing renegotiation_info is taken (RFC 5746): the handshake is made but never a
 * second one; it is not made at all; or anything goes. */
enum renegotiation
{
    RENEGOTIATION_SECURE,
    RENEGOTIATION_STRICT,
    RENEGOTIATION_INSECURE,
};

/*
 * Writes the priority string for a part of a choice into `text`: its versions, newest first, and nothing from
 * a system policy. `mask`: SP_PROT_* bits, of one side's TLS or of its DTLS. A string says products of
 * exchanges, ciphers and MACs, so it may allow more suites than the choice has, in another order:
 * priority_suites says which. FALSE when no protocol is left.
 */
BOOL priority_string(const struct choice *choice, DWORD mask, enum renegotiation renegotiation,
                     char text[PRIORITY_SIZE]);

/* The numbers of the choice's suites, in its order; how many. */
unsigned priority_suites(const struct choice *choice, BYTE ids[SUITES_MAX][2]);

#endif
