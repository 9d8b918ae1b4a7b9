/*
 * Groups for the key exchange (Microsoft: "TLS Elliptic Curves in Windows 10 version 1607 and later"). Of the
 * curves Windows knows and does not offer, GnuTLS has P-521 alone.
 */
#include "groups.h"
#include <gnutls/gnutls.h>

static const struct group groups[] = {
    /* clang-format off */
    { 0x001d, 255,  { L"curve25519", NULL },       "GROUP-X25519",    GNUTLS_GROUP_X25519,    TRUE,  TRUE },
    { 0x0017, 256,  { L"NistP256", L"secP256r1" }, "GROUP-SECP256R1", GNUTLS_GROUP_SECP256R1, TRUE,  TRUE },
    { 0x0018, 384,  { L"NistP384", L"secP384r1" }, "GROUP-SECP384R1", GNUTLS_GROUP_SECP384R1, TRUE,  TRUE },
    { 0x0019, 521,  { L"NistP521", L"secP521r1" }, "GROUP-SECP521R1", GNUTLS_GROUP_SECP521R1, TRUE,  FALSE },
    { 0x0100, 2048, { NULL, NULL },                "GROUP-FFDHE2048", GNUTLS_GROUP_FFDHE2048, FALSE, FALSE },
    { 0x0101, 3072, { NULL, NULL },                "GROUP-FFDHE3072", GNUTLS_GROUP_FFDHE3072, FALSE, FALSE },
    { 0x0102, 4096, { NULL, NULL },                "GROUP-FFDHE4096", GNUTLS_GROUP_FFDHE4096, FALSE, FALSE },
    /* clang-format on */
};

C_ASSERT(ARRAY_SIZE(groups) <= GROUPS_MAX);

const struct group *group_rows(unsigned *count)
{
    *count = ARRAY_SIZE(groups);
    return groups;
}

const struct group *group_of_gnutls(int gnutls)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(groups); i++)
        if (groups[i].gnutls == gnutls) return &groups[i];
    return NULL;
}

const struct group *group_of_id(USHORT id)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(groups); i++)
        if (groups[i].id == id) return &groups[i];
    return NULL;
}

const struct group *group_of_name(const WCHAR *name, size_t length)
{
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(groups); i++)
        for (j = 0; j < ARRAY_SIZE(groups[i].names); j++)
            if (groups[i].names[j] && wcslen(groups[i].names[j]) == length &&
                !_wcsnicmp(groups[i].names[j], name, length))
                return &groups[i];
    return NULL;
}
