/*
 * What the administrator says: HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL.
 */
#ifndef SCHANNEL_REGISTRY_H
#define SCHANNEL_REGISTRY_H

#include "windows_sspi.h"

/* SP_PROT_* bits of both sides, TLS and DTLS. */
struct protocol_policy
{
    DWORD enabled;    /* may be used when a program names them */
    DWORD by_default; /* used when it names none; always part of enabled */
};

/*
 * Reads the Protocols key as it is now: Windows, too, applies changes to the next credential (Microsoft: "TLS
 * registry settings"). A protocol without values has the default of its row.
 */
struct protocol_policy registry_protocols(void);

/* Whether servers name the authorities whose clients they want: SendTrustedIssuerList, off since Windows 8.
 */
BOOL registry_sends_issuers(void);

/* What AllowInsecureRenegoServers and AllowInsecureRenegoClients say of servers, and of clients: 0 when there
 * is no such value, -1 for never and 1 for always (Microsoft: MS10-049). */
int registry_insecure_renegotiation(BOOL of_clients);

/* How many sessions all servers of a process keep: MaximumCacheSize, 20,000. */
DWORD registry_cache_size(void);

#endif
