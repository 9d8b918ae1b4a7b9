/*
 * What the administrator says. Everything here is untrusted in form only: a value of another type than
 * REG_DWORD counts as absent.
 */
#include "registry.h"
#include "log.h"

#define SCHANNEL_KEY L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL"

/*
 * A row says what holds when the registry says nothing: may a program ask for the protocol, and does it get
 * it unasked. What is broken or being retired is never given unasked (RFC 8996, RFC 7568).
 */
static const struct
{
    const WCHAR *keys[2]; /* the client's, the server's */
    DWORD protocols[2];
    BOOL enabled, by_default;
} protocols[] = {
    /* clang-format off */
    { { L"TLS 1.3\\Client",  L"TLS 1.3\\Server" },  { SP_PROT_TLS1_3_CLIENT,  SP_PROT_TLS1_3_SERVER },  TRUE,  TRUE },
    { { L"TLS 1.2\\Client",  L"TLS 1.2\\Server" },  { SP_PROT_TLS1_2_CLIENT,  SP_PROT_TLS1_2_SERVER },  TRUE,  TRUE },
    { { L"TLS 1.1\\Client",  L"TLS 1.1\\Server" },  { SP_PROT_TLS1_1_CLIENT,  SP_PROT_TLS1_1_SERVER },  TRUE,  FALSE },
    { { L"TLS 1.0\\Client",  L"TLS 1.0\\Server" },  { SP_PROT_TLS1_0_CLIENT,  SP_PROT_TLS1_0_SERVER },  TRUE,  FALSE },
    { { L"SSL 3.0\\Client",  L"SSL 3.0\\Server" },  { SP_PROT_SSL3_CLIENT,    SP_PROT_SSL3_SERVER },    FALSE, FALSE },
    { { L"DTLS 1.2\\Client", L"DTLS 1.2\\Server" }, { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER }, TRUE,  TRUE },
    { { L"DTLS 1.0\\Client", L"DTLS 1.0\\Server" }, { SP_PROT_DTLS1_0_CLIENT, SP_PROT_DTLS1_0_SERVER }, TRUE,  FALSE },
    /* clang-format on */
};

/* FALSE, and nothing written, when there is no such value. */
static BOOL read_number(HKEY key, const WCHAR *subkey, const WCHAR *name, DWORD *number)
{
    DWORD value, size = sizeof(value);

    if (RegGetValueW(key, subkey, name, RRF_RT_REG_DWORD, NULL, &value, &size)) return FALSE;
    *number = value;
    return TRUE;
}

static BOOL read_flag(HKEY key, const WCHAR *subkey, const WCHAR *name, BOOL *flag)
{
    DWORD value;

    if (!read_number(key, subkey, name, &value)) return FALSE;
    *flag = value != 0;
    return TRUE;
}

BOOL registry_sends_issuers(void)
{
    BOOL sends = FALSE;

    read_flag(HKEY_LOCAL_MACHINE, SCHANNEL_KEY, L"SendTrustedIssuerList", &sends);
    return sends;
}

int registry_insecure_renegotiation(BOOL of_clients)
{
    BOOL allowed;

    if (!read_flag(HKEY_LOCAL_MACHINE, SCHANNEL_KEY,
                   of_clients ? L"AllowInsecureRenegoClients" : L"AllowInsecureRenegoServers", &allowed))
        return 0;
    return allowed ? 1 : -1;
}

DWORD registry_cache_size(void)
{
    DWORD size = 20000;

    read_number(HKEY_LOCAL_MACHINE, SCHANNEL_KEY, L"MaximumCacheSize", &size);
    return size;
}

struct protocol_policy registry_protocols(void)
{
    struct protocol_policy policy = { 0, 0 };
    unsigned i, side;
    HKEY key;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, SCHANNEL_KEY L"\\Protocols", 0, KEY_READ, &key)) key = NULL;
    for (i = 0; i < ARRAY_SIZE(protocols); i++)
        for (side = 0; side < 2; side++)
        {
            BOOL enabled = protocols[i].enabled, by_default = protocols[i].by_default, disabled;

            if (key)
            {
                if (read_flag(key, protocols[i].keys[side], L"Enabled", &enabled)) by_default = enabled;
                if (read_flag(key, protocols[i].keys[side], L"DisabledByDefault", &disabled))
                    by_default = !disabled;
            }
            if (enabled) policy.enabled |= protocols[i].protocols[side];
            if (enabled && by_default) policy.by_default |= protocols[i].protocols[side];
        }
    if (key) RegCloseKey(key);
    return policy;
}
