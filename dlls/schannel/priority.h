/*
 * What a credential allows, in GnuTLS's words: the one place where a priority string is written.
 */
#ifndef SCHANNEL_PRIORITY_H
#define SCHANNEL_PRIORITY_H

#include "windows_sspi.h"

#define PRIORITY_SIZE 1024

/* How the other side's missing renegotiation_info is taken (RFC 5746): the handshake is made but never a
 * second one; it is not made at all; or anything goes. */
enum renegotiation
{
    RENEGOTIATION_SECURE,
    RENEGOTIATION_STRICT,
    RENEGOTIATION_INSECURE,
};

/*
 * Writes the priority string for a set of protocols (SP_PROT_* bits, either side; TLS and SSL, not DTLS) into
 * `text`: those versions, newest first, with the suites, groups and signatures Windows 11 enables for them,
 * and nothing from a system policy. FALSE when no protocol of the set is known.
 */
BOOL priority_string(DWORD protocols, enum renegotiation renegotiation, char text[PRIORITY_SIZE]);

#endif
