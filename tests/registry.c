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

static struct protocol_policy read_protocols(void)
{
    struct registry_settings settings;

    registry_read(&settings);
    return settings.protocols;
}

static void test_without_values_the_defaults_hold(void)
{
    const DWORD expected = SP_PROT_TLS1_3 | SP_PROT_TLS1_2 | SP_PROT_DTLS1_2;
    struct protocol_policy policy;

    clear();
    policy = read_protocols();
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
            policy = read_protocols();
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
    policy = read_protocols();
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
    policy = read_protocols();
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
    static const WCHAR *const names[] = {
        L"SendTrustedIssuerList",
        L"MaximumCacheSize",
        L"AllowInsecureRenegoClients",
        L"AllowInsecureRenegoServers",
        L"ClientCacheTime",
        L"ServerCacheTime",
        L"EventLogging",
    };
    struct registry_settings settings;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names); i++) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, names[i]);
    registry_read(&settings);
    ok(!settings.sends_issuers && settings.cache_size == 20000 && !settings.events, "not the defaults\n");
    ok(!settings.insecure_clients && !settings.insecure_servers, "not the defaults\n");
    ok(settings.client_lifespan == 36000 && settings.server_lifespan == 36000, "not ten hours\n");
    set_value(L"SendTrustedIssuerList", 1);
    set_value(L"MaximumCacheSize", 7);
    set_value(L"AllowInsecureRenegoClients", 1);
    set_value(L"AllowInsecureRenegoServers", 0);
    set_value(L"ClientCacheTime", 0);
    set_value(L"ServerCacheTime", 1);
    set_value(L"EventLogging", 5);
    registry_read(&settings);
    ok(settings.sends_issuers && settings.cache_size == 7 && settings.events == 5, "not what was set\n");
    ok(settings.insecure_clients == 1 && settings.insecure_servers == -1, "not what was set\n");
    ok(settings.client_lifespan == 0 && settings.server_lifespan == 1, "%lu and %lu seconds\n",
       settings.client_lifespan, settings.server_lifespan);
    for (i = 0; i < ARRAY_SIZE(names); i++) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, schannel_key, names[i]);
}

static void set_in(const WCHAR *subkey, const WCHAR *name, DWORD value)
{
    WCHAR path[200];

    wcscpy(path, schannel_key);
    wcscat(path, L"\\");
    wcscat(path, subkey);
    ok(!RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, name, REG_DWORD, &value, sizeof(value)), "not set\n");
}

static void clear_algorithms(void)
{
    static const WCHAR *const keys[] = { L"Ciphers", L"Hashes", L"KeyExchangeAlgorithms" };
    WCHAR path[200];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(keys); i++)
    {
        wcscpy(path, schannel_key);
        wcscat(path, L"\\");
        wcscat(path, keys[i]);
        RegDeleteTreeW(HKEY_LOCAL_MACHINE, path);
    }
}

static BOOL forbids(const struct registry_settings *settings, ALG_ID algorithm)
{
    unsigned i;

    for (i = 0; i < settings->forbidden_count; i++)
        if (settings->forbidden[i] == algorithm) return TRUE;
    return FALSE;
}

static void test_algorithms_are_forbidden_by_name(void)
{
    static const struct
    {
        const WCHAR *key;
        ALG_ID algorithm;
    } rows[] = {
        { L"Ciphers\\AES 128/128", CALG_AES_128 },
        { L"Ciphers\\AES 256/256", CALG_AES_256 },
        { L"Ciphers\\Triple DES 168", CALG_3DES },
        { L"Ciphers\\RC4 128/128", CALG_RC4 },
        { L"Ciphers\\NULL", CALG_NULLCIPHER },
        { L"Hashes\\MD5", CALG_MD5 },
        { L"Hashes\\SHA", CALG_SHA1 },
        { L"Hashes\\SHA256", CALG_SHA_256 },
        { L"Hashes\\SHA384", CALG_SHA_384 },
        { L"KeyExchangeAlgorithms\\Diffie-Hellman", CALG_DH_EPHEM },
        { L"KeyExchangeAlgorithms\\ECDH", CALG_ECDH_EPHEM },
        { L"KeyExchangeAlgorithms\\PKCS", CALG_RSA_KEYX },
    };
    struct registry_settings settings;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        clear_algorithms();
        set_in(rows[i].key, L"Enabled", 0);
        registry_read(&settings);
        ok(settings.forbidden_count == 1 && forbids(&settings, rows[i].algorithm), "%ls: %u forbidden\n",
           rows[i].key, settings.forbidden_count);
        set_in(rows[i].key, L"Enabled", 0xffffffff);
        registry_read(&settings);
        ok(!settings.forbidden_count, "%ls is forbidden\n", rows[i].key);
        ok(settings.sha1_signatures == (rows[i].algorithm == CALG_SHA1), "%ls: SHA-1 signatures\n",
           rows[i].key);
    }
    clear_algorithms();
}

static void test_sizes_of_keys(void)
{
    struct registry_settings settings;
    struct key_limits *limits = &settings.limits;

    clear_algorithms();
    registry_read(&settings);
    ok(limits->rsa_min == 1024 && !limits->rsa_max && limits->dh_min == 1024 && !limits->dh_max &&
           limits->dh_server_min == 2048,
       "not the defaults\n");
    set_in(L"KeyExchangeAlgorithms\\PKCS", L"ClientMinKeyBitLength", 2048);
    set_in(L"KeyExchangeAlgorithms\\PKCS", L"ClientMaxKeyBitLength", 4096);
    set_in(L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ClientMinKeyBitLength", 1536);
    set_in(L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ClientMaxKeyBitLength", 3072);
    set_in(L"KeyExchangeAlgorithms\\Diffie-Hellman", L"ServerMinKeyBitLength", 4096);
    registry_read(&settings);
    ok(limits->rsa_min == 2048 && limits->rsa_max == 4096 && limits->dh_min == 1536 &&
           limits->dh_max == 3072 && limits->dh_server_min == 4096,
       "not what was set\n");
    clear_algorithms();
}

#define POLICY L"SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002"
#define LOCAL  L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Configuration\\Local\\SSL\\00010002"

static void set_list(const WCHAR *path, const WCHAR *name, DWORD type, const WCHAR *list, size_t length)
{
    HKEY key;

    ok(!RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE | KEY_WOW64_64KEY, NULL, &key, NULL),
       "no key\n");
    RegSetValueExW(key, name, 0, type, (const BYTE *)list, (DWORD)(length * sizeof(WCHAR)));
    RegCloseKey(key);
}

static void clear_lists(void)
{
    static const WCHAR *const paths[] = { POLICY, LOCAL };
    unsigned i;
    HKEY key;

    for (i = 0; i < ARRAY_SIZE(paths); i++)
    {
        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, paths[i], 0, KEY_WRITE | KEY_WOW64_64KEY, &key)) continue;
        RegDeleteValueW(key, L"Functions");
        RegDeleteValueW(key, L"EccCurves");
        RegCloseKey(key);
    }
}

static void test_lists_of_suites_and_curves(void)
{
    static const WCHAR policy[] = L"TLS_RSA_WITH_3DES_EDE_CBC_SHA,TLS_ROT13,tls_aes_128_gcm_sha256,"
                                  L"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384_P384,TLS_AES_128_GCM_SHA256";
    static const WCHAR local[] = L"TLS_AES_256_GCM_SHA384\0TLS_RSA_WITH_AES_128_CBC_SHA\0";
    static const WCHAR curves[] = L"NistP384\0brainpoolP256r1\0curve25519\0NISTP521\0";
    struct registry_settings settings;

    clear_lists();
    registry_read(&settings);
    ok(!settings.orders_suites && !settings.orders_groups, "lists out of nothing\n");
    set_list(LOCAL, L"Functions", REG_MULTI_SZ, local, ARRAY_SIZE(local));
    set_list(LOCAL, L"EccCurves", REG_MULTI_SZ, curves, ARRAY_SIZE(curves));
    registry_read(&settings);
    ok(settings.orders_suites && settings.suite_count == 2 && settings.suites[0]->id == 0x1302 &&
           settings.suites[1]->id == 0x002f,
       "%u suites\n", settings.suite_count);
    ok(settings.orders_groups && settings.group_count == 3 && settings.groups[0]->id == 0x18 &&
           settings.groups[1]->id == 0x1d && settings.groups[2]->id == 0x19,
       "%u groups\n", settings.group_count);
    set_list(POLICY, L"Functions", REG_SZ, policy, ARRAY_SIZE(policy));
    registry_read(&settings);
    ok(settings.suite_count == 3 && settings.suites[0]->id == 0x000a && settings.suites[1]->id == 0x1301 &&
           settings.suites[2]->id == 0xc030,
       "%u suites\n", settings.suite_count);
    set_list(POLICY, L"Functions", REG_DWORD, L"xx", 2);
    registry_read(&settings);
    ok(settings.suite_count == 2, "a number was taken for a list: %u suites\n", settings.suite_count);
    clear_lists();
}

/* The copy in memory notices a change wherever it is made, and keys that come and go. */
static void test_a_change_is_noticed(void)
{
    struct registry_settings settings;
    unsigned i;

    clear();
    clear_lists();
    for (i = 0; i < 3; i++)
    {
        registry_current(&settings);
        ok(settings.protocols.enabled & SP_PROT_TLS1_2_CLIENT, "round %u: off\n", i);
        set(L"TLS 1.2\\Client", L"Enabled", 0);
        registry_current(&settings);
        ok(!(settings.protocols.enabled & SP_PROT_TLS1_2_CLIENT), "round %u: on\n", i);
        registry_current(&settings);
        ok(!(settings.protocols.enabled & SP_PROT_TLS1_2_CLIENT), "round %u: forgotten\n", i);
        set(L"TLS 1.2\\Client", L"Enabled", 1);
        set_list(POLICY, L"Functions", REG_SZ, L"TLS_AES_128_GCM_SHA256", 23);
        registry_current(&settings);
        ok(settings.protocols.enabled & SP_PROT_TLS1_2_CLIENT && settings.suite_count == 1,
           "round %u: %u suites\n", i, settings.suite_count);
        clear();
        clear_lists();
        registry_current(&settings);
        ok(!settings.orders_suites, "round %u: the list is still there\n", i);
    }
}

#define PLACE L"Software\\schannel-gnutls test"

static void write_below(const WCHAR *path, DWORD value)
{
    ok(!RegSetKeyValueW(HKEY_CURRENT_USER, path, L"value", REG_DWORD, &value, sizeof(value)), "not set\n");
}

/* Two places, one of which is not there at first; and what is beside them does not count. */
static void test_places_are_watched_together(void)
{
    static struct registry_watch watch = {
        .places = { { HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control", KEY_WOW64_64KEY },
                    { HKEY_CURRENT_USER, PLACE L"\\a\\b\\c", 0 } },
        .count = 2
    };
    unsigned i;

    RegDeleteTreeW(HKEY_CURRENT_USER, PLACE);
    ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "known unseen\n");
    for (i = 0; i < 3; i++)
    {
        ok(registry_watch_ask(&watch) == REGISTRY_SAME, "round %u: changed by asking\n", i);
        write_below(L"Software\\schannel-gnutls beside", i);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: one beside may be it\n", i);
        write_below(L"Software\\schannel-gnutls beside\\c", i);
        write_below(L"Software\\schannel-gnutls beside", i + 1);
        ok(registry_watch_ask(&watch) == REGISTRY_SAME, "round %u: what is beside counts\n", i);
        write_below(PLACE L"\\a", 1);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: half of it came unseen\n", i);
        write_below(PLACE L"\\a", 2);
        ok(registry_watch_ask(&watch) == REGISTRY_SAME, "round %u: what is above counts\n", i);
        write_below(PLACE L"\\a\\b\\c\\d", 1);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: it came unseen\n", i);
        write_below(PLACE L"\\a\\b\\c\\d", 2);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: a value below it\n", i);
        ok(registry_watch_ask(&watch) == REGISTRY_SAME, "round %u: changed by asking\n", i);
        set(L"TLS 1.2\\Client", L"Enabled", i);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: the other place\n", i);
        RegDeleteTreeW(HKEY_CURRENT_USER, PLACE);
        ok(registry_watch_ask(&watch) == REGISTRY_CHANGED, "round %u: it went unseen\n", i);
        RegDeleteTreeW(HKEY_CURRENT_USER, L"Software\\schannel-gnutls beside");
        registry_watch_ask(&watch);
    }
    clear();
}

static void test_a_place_that_cannot_be_watched(void)
{
    static struct registry_watch watch = { .places = { { NULL, L"nowhere", 0 } }, .count = 1 };

    ok(registry_watch_ask(&watch) == REGISTRY_UNWATCHED, "watched\n");
    ok(registry_watch_ask(&watch) == REGISTRY_UNWATCHED, "watched when asked again\n");
}

START_TEST(registry)
{
    RUN(test_without_values_the_defaults_hold);
    RUN(test_each_protocol_has_three_states);
    RUN(test_the_server_has_keys_of_its_own);
    RUN(test_a_value_that_is_no_number_counts_for_nothing);
    RUN(test_values_beside_the_protocols);
    RUN(test_algorithms_are_forbidden_by_name);
    RUN(test_sizes_of_keys);
    RUN(test_lists_of_suites_and_curves);
    RUN(test_a_change_is_noticed);
    RUN(test_places_are_watched_together);
    RUN(test_a_place_that_cannot_be_watched);
}
