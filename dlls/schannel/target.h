/*
 * The name a client asks for: what SNI may say, and what the certificate has to be for.
 */
#ifndef SCHANNEL_TARGET_H
#define SCHANNEL_TARGET_H

#include "windows_sspi.h"

#define TARGET_NAME_SIZE 256 /* a host name and its end (RFC 1035) */

enum target_kind
{
    TARGET_NONE,    /* the program gave no name */
    TARGET_HOST,    /* a host's name, in A-labels and without the dot of the root */
    TARGET_ADDRESS, /* an IPv4 or IPv6 address, without brackets and zone */
    TARGET_INVALID, /* no host can have this name */
};

struct target
{
    enum target_kind kind;
    char name[TARGET_NAME_SIZE]; /* of a host or address, else empty */
};

/* Reads pszTargetName, which may be NULL. */
void target_parse(const WCHAR *text, struct target *target);

#endif
