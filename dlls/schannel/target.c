/*
 * The name a client asks for.
 */
#include "target.h"

#define ADDRESS_SIZE 46 /* of the longest IPv6 */

/* Microsoft: ip2string.h, which mingw-w64 has not. InetPton stands on them, and ws2_32 takes half a
 * millisecond to be loaded. */
LONG NTAPI RtlIpv4StringToAddressW(const WCHAR *text, BOOLEAN strict, const WCHAR **end, void *address);
LONG NTAPI RtlIpv6StringToAddressW(const WCHAR *text, const WCHAR **end, void *address);

static BOOL is_address(const WCHAR *text)
{
    const WCHAR *end;
    BYTE bytes[16];

    return (!RtlIpv4StringToAddressW(text, TRUE, &end, bytes) && !*end) ||
           (!RtlIpv6StringToAddressW(text, &end, bytes) && !*end);
}

/* IPv4 in four decimal parts, or IPv6, that perhaps in brackets or with a zone behind it. */
static BOOL parse_address(const WCHAR *text, char *name)
{
    WCHAR address[ADDRESS_SIZE];
    size_t i, size;

    if (*text == '[') text++;
    size = wcscspn(text, L"]%");
    if (size >= ARRAY_SIZE(address)) return FALSE;
    memcpy(address, text, size * sizeof(*text));
    address[size] = 0;
    if (!is_address(address)) return FALSE;
    for (i = 0; i <= size; i++) name[i] = (char)address[i];
    return TRUE;
}

/* A-labels for what is not ASCII (RFC 5890); the root is no part of a name in TLS (RFC 6066, 3). */
static BOOL parse_host(const WCHAR *text, char *name)
{
    WCHAR labels[TARGET_NAME_SIZE];
    const WCHAR *c = text;
    int i, size;

    while (*c && *c < 0x80) c++;
    if (!*c && (size_t)(c - text) < ARRAY_SIZE(labels))
        wcscpy(labels, text);
    else if (IdnToAscii(0, text, -1, labels, ARRAY_SIZE(labels)) <= 1)
        return FALSE;
    size = (int)wcslen(labels);
    if (size > 1 && labels[size - 1] == '.') labels[--size] = 0;
    for (i = 0; i <= size; i++) name[i] = (char)labels[i];
    /* An empty first label, or one that is a pattern, is a certificate's way to write, not a host's. */
    return *name != '.' && *name != '*';
}

void target_parse(const WCHAR *text, struct target *target)
{
    memset(target, 0, sizeof(*target));
    if (!text || !*text)
        target->kind = TARGET_NONE;
    else if (parse_address(text, target->name))
        target->kind = TARGET_ADDRESS;
    else if (parse_host(text, target->name))
        target->kind = TARGET_HOST;
    else
    {
        target->kind = TARGET_INVALID;
        *target->name = 0;
    }
}
