/*
 * Groups for the key exchange: everything known about each, one row a group.
 */
#ifndef SCHANNEL_GROUPS_H
#define SCHANNEL_GROUPS_H

#include "windows_sspi.h"

struct group
{
    USHORT id;             /* IANA, TLS Supported Groups */
    USHORT bits;           /* as CONNECTION_INFO counts them */
    const WCHAR *names[2]; /* Windows', for the administrator's order of curves; NULL: none */
    const char *word;      /* in a priority string */
    int gnutls;            /* gnutls_group_t */
    BOOL curve;            /* elliptic, else a finite field (RFC 7919) */
    BOOL offered;          /* by Windows 11, unasked */
};

/* All of them: first those that are offered, in Windows 11's order of preference. */
#define GROUPS_MAX 8
const struct group *group_rows(unsigned *count);

/* The row of a gnutls_group_t, or NULL. */
const struct group *group_of_gnutls(int gnutls);

/* The row of a number of IANA's, or NULL. */
const struct group *group_of_id(USHORT id);

/* The curve Windows calls `length` characters of `name`, in any case, or NULL. */
const struct group *group_of_name(const WCHAR *name, size_t length);

#endif
