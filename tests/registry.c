/*
 * The registry: each protocol's three states.
 */
#include "test.h"
#include "registry.h"

#define KEY L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\"

static void clear(void)
{
    RegDeleteTreeW(HKEY_LOCAL_MACHINE,
                   L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols");
}

static void set(const WCHAR *protocol, const WCHAR *name, DWORD value)
{
    WCHAR path[200];
    HKEY key;

    wcscpy(path, KEY);
    wcscat(path, protocol);
    ok(!RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL), "no key\n");
    RegSetValueExW(key, name, 0, REG_DWORD, (BYTE *)&value, sizeof(value));
    RegCloseKey(key);
}

static void test_without_values_the_defaults_hold(void)
{
    const DWORD expected = SP_PROT_TLS1_3 | SP_PROT_TLS1_2 | SP_PROT_DTLS1_2;
    struct protocol_policy policy;

    clear();
    policy = registry_protocols();
    ok(policy.by_default == expected, "by default %#lx\n", policy.by_default);
    ok(policy.enabled == (expected | SP_PROT_TLS1_1 | SP_PROT_TLS1_0 | SP_PROT_DTLS1_0), "enabled %#lx\n",
       policy.enabled);
}

static void test_each_protocol_has_three_states(void)
{
    static const struct
    {
        const char *name;
        int enabled, disabled; /* the values, -1: none */
        BOOL may, unasked;
    } rows[] = {
        { "Enabled 0", 0, -1, FALSE, FALSE },
        { "Enabled 0, DisabledByDefault 0", 0, 0, FALSE, FALSE },
        { "Enabled 1", 1, -1, TRUE, TRUE },
        { "Enabled 1, DisabledByDefault 0", 1, 0, TRUE, TRUE },
        { "Enabled 1, DisabledByDefault 1", 1, 1, TRUE, FALSE },
        { "Enabled 0xffffffff", -2, -1, TRUE, TRUE },
    };
    static const WCHAR *const keys[] = { L"TLS 1.0\\Client", L"TLS 1.2\\Client", L"SSL 3.0\\Client",
                                         L"TLS 1.3\\Client" };
    static const DWORD bits[] = { SP_PROT_TLS1_0_CLIENT, SP_PROT_TLS1_2_CLIENT, SP_PROT_SSL3_CLIENT,
                                  SP_PROT_TLS1_3_CLIENT };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (j = 0; j < ARRAY_SIZE(keys); j++)
        {
            struct protocol_policy policy;

            clear();
            if (rows[i].enabled != -1)
                set(keys[j], L"Enabled", rows[i].enabled == -2 ? 0xffffffff : (DWORD)rows[i].enabled);
            if (rows[i].disabled != -1) set(keys[j], L"DisabledByDefault", (DWORD)rows[i].disabled);
            policy = registry_protocols();
            ok(!!(policy.enabled & bits[j]) == rows[i].may, "%s, %ls: enabled\n", rows[i].name, keys[j]);
            ok(!!(policy.by_default & bits[j]) == rows[i].unasked, "%s, %ls: by default\n", rows[i].name,
               keys[j]);
        }
    clear();
}

static void test_the_server_has_keys_of_its_own(void)
{
    struct protocol_policy policy;

    clear();
    set(L"TLS 1.2\\Server", L"Enabled", 0);
    policy = registry_protocols();
    ok(policy.enabled & SP_PROT_TLS1_2_CLIENT, "the client's is gone\n");
    ok(!(policy.enabled & SP_PROT_TLS1_2_SERVER), "the server's is there\n");
    clear();
}

static void test_a_value_that_is_no_number_counts_for_nothing(void)
{
    struct protocol_policy policy;
    HKEY key;

    clear();
    RegCreateKeyExW(HKEY_LOCAL_MACHINE, KEY L"TLS 1.2\\Client", 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);
    RegSetValueExW(key, L"Enabled", 0, REG_SZ, (const BYTE *)L"0", 4);
    RegCloseKey(key);
    policy = registry_protocols();
    ok(policy.enabled & SP_PROT_TLS1_2_CLIENT, "a string was taken for a number\n");
    clear();
}

static const WCHAR schannel_key[] = L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL";

static void set_value(const WCHAR *name, DWORD value)
{
    RegSetKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, name, REG_DWORD, &value, sizeof(value));
}

static void test_values_beside_the_protocols(void)
{
    static const WCHAR *const names[] = { L"SendTrustedIssuerList", L"MaximumCacheSize",
                                          L"AllowInsecureRenegoClients", L"AllowInsecureRenegoServers" };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names); i++) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, names[i]);
    ok(!registry_sends_issuers() && registry_cache_size() == 20000, "not the defaults\n");
    ok(!registry_insecure_renegotiation(TRUE) && !registry_insecure_renegotiation(FALSE),
       "not the defaults\n");
    set_value(L"SendTrustedIssuerList", 1);
    set_value(L"MaximumCacheSize", 7);
    set_value(L"AllowInsecureRenegoClients", 1);
    set_value(L"AllowInsecureRenegoServers", 0);
    ok(registry_sends_issuers() && registry_cache_size() == 7, "not what was set\n");
    ok(registry_insecure_renegotiation(TRUE) == 1 && registry_insecure_renegotiation(FALSE) == -1,
       "not what was set\n");
    for (i = 0; i < ARRAY_SIZE(names); i++) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, names[i]);
}

START_TEST(registry)
{
    RUN(test_without_values_the_defaults_hold);
    RUN(test_each_protocol_has_three_states);
    RUN(test_the_server_has_keys_of_its_own);
    RUN(test_a_value_that_is_no_number_counts_for_nothing);
    RUN(test_values_beside_the_protocols);
}
