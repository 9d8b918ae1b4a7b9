/*
 * What the administrator says: HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL, and the
 * lists of suites and curves (Microsoft: "TLS registry settings", "Manage TLS Cipher Suite Order").
 */
#ifndef SCHANNEL_REGISTRY_H
#define SCHANNEL_REGISTRY_H

#include "choice.h"

/* SP_PROT_* bits of both sides, TLS and DTLS. */
struct protocol_policy
{
    DWORD enabled;    /* may be used when a program names them */
    DWORD by_default; /* used when it names none; always part of enabled */
};

struct registry_settings
{
    /* Protocols\NAME\Client|Server: Enabled, DisabledByDefault. A protocol without values has the default of
     * its row. */
    struct protocol_policy protocols;

    /* Functions: the suites and their order; the policy's list goes before the machine's. */
    BOOL orders_suites;
    const struct suite *suites[SUITES_MAX];
    unsigned suite_count;

    /* EccCurves. */
    BOOL orders_groups;
    const struct group *groups[GROUPS_MAX];
    unsigned group_count;

    /* Ciphers, Hashes and KeyExchangeAlgorithms with Enabled 0. */
    ALG_ID forbidden[FORBIDDEN_MAX];
    unsigned forbidden_count;

    BOOL sha1_signatures;     /* Hashes\SHA with Enabled 1: in TLS 1.2, too */
    BOOL fips;                /* Lsa\FIPSAlgorithmPolicy: Enabled */
    struct key_limits limits; /* KeyExchangeAlgorithms: ...MinKeyBitLength, ...MaxKeyBitLength */

    BOOL sends_issuers; /* SendTrustedIssuerList, off since Windows 8 */
    /* AllowInsecureRenegoServers and -Clients, of servers and of clients: 0 without such a value, -1 for
     * never and 1 for always (Microsoft: MS10-049). */
    int insecure_servers, insecure_clients;
    DWORD cache_size;                       /* MaximumCacheSize: sessions all servers of a process keep */
    DWORD client_lifespan, server_lifespan; /* ClientCacheTime, ServerCacheTime, in seconds here */
    DWORD events;                           /* EventLogging: LOG_EVENT_* */
};

/* Reads all of it as it is now. A value of another type than Windows' counts as absent. */
void registry_read(struct registry_settings *settings);

/*
 * The same, from memory as long as nothing has changed: Windows, too, applies a change to the next
 * credential. Any thread may call it.
 */
void registry_current(struct registry_settings *settings);

/* --- what has not changed ------------------------------------------------------------------------------- */

#define REGISTRY_PLACES 6 /* of one watch */

/* A key that is watched with all that is below it. One that does not exist is awaited. */
struct registry_place
{
    HKEY root;
    const WCHAR *path; /* below 200 characters */
    REGSAM view;       /* KEY_WOW64_*, or 0 */
    HKEY key;          /* 0 to begin with, as what follows */
};

/* Places that are asked about at once, which costs one call. The caller's lock guards it, and it has no end.
 */
struct registry_watch
{
    struct registry_place places[REGISTRY_PLACES];
    unsigned count;
    HANDLE event;
    BOOL set;
};

enum registry_change
{
    REGISTRY_SAME,
    REGISTRY_CHANGED,   /* perhaps, since it was last asked, or never was; what is read now is watched */
    REGISTRY_UNWATCHED, /* cannot be known, and what is read now will not be watched either */
};

/* Wine does not tell of a watched key that is deleted while nothing is below it, and so not of another in its
 * place either: who must not miss that has an end for what it knows. */
enum registry_change registry_watch_ask(struct registry_watch *watch);

#endif
