/*
 * What the administrator says. Everything here is untrusted in form only: a value of another type than the
 * one Windows uses counts as absent.
 */
#include "registry.h"
#include "log.h"

#define SCHANNEL_PATH L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL"
#define POLICY_PATH   L"SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002"
#define LOCAL_PATH    L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Configuration\\Local\\SSL\\00010002"
#define FIPS_PATH     L"SYSTEM\\CurrentControlSet\\Control\\Lsa\\FIPSAlgorithmPolicy"

/*
 * A row says what holds when the registry says nothing: may a program ask for the protocol, and does it get
 * it unasked. What is broken or being retired is never given unasked (RFC 8996, RFC 7568). SSL 2.0 is its
 * ClientHello alone, with which SSL 3.0 and TLS can begin.
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
    { { L"SSL 2.0\\Client",  L"SSL 2.0\\Server" },  { 0,                      SP_PROT_SSL2_SERVER },    FALSE, FALSE },
    { { L"DTLS 1.2\\Client", L"DTLS 1.2\\Server" }, { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER }, TRUE,  TRUE },
    { { L"DTLS 1.0\\Client", L"DTLS 1.0\\Server" }, { SP_PROT_DTLS1_0_CLIENT, SP_PROT_DTLS1_0_SERVER }, TRUE,  FALSE },
    /* clang-format on */
};

/* Enabled 0 forbids, as on Windows 11; another value changes nothing, for what is offered is decided by the
 * list of suites. */
static const WCHAR ciphers[] = L"Ciphers", hashes[] = L"Hashes", exchanges[] = L"KeyExchangeAlgorithms";

static const struct
{
    const WCHAR *folder; /* those of one stand together: it is opened once, and as a rule is not there */
    const WCHAR *key;
    ALG_ID algorithm;
} algorithms[] = {
    { ciphers, L"AES 128/128", CALG_AES_128 },
    { ciphers, L"AES 256/256", CALG_AES_256 },
    { ciphers, L"Triple DES 168", CALG_3DES },
    { ciphers, L"Triple DES 168/168", CALG_3DES },
    { ciphers, L"RC4 128/128", CALG_RC4 },
    { ciphers, L"NULL", CALG_NULLCIPHER },
    { hashes, L"MD5", CALG_MD5 },
    { hashes, L"SHA", CALG_SHA1 },
    { hashes, L"SHA256", CALG_SHA_256 },
    { hashes, L"SHA384", CALG_SHA_384 },
    { exchanges, L"Diffie-Hellman", CALG_DH_EPHEM },
    { exchanges, L"ECDH", CALG_ECDH_EPHEM },
    { exchanges, L"PKCS", CALG_RSA_KEYX },
};

C_ASSERT(ARRAY_SIZE(algorithms) <= FORBIDDEN_MAX);

/* --- values --------------------------------------------------------------------------------------------- */

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

/* Each question is one to the wineserver, so a key is opened once for all its values. NULL: there is none. */
static HKEY open_below(HKEY key, const WCHAR *name)
{
    HKEY below;

    return key && !RegOpenKeyExW(key, name, 0, KEY_READ, &below) ? below : NULL;
}

static void close_key(HKEY key)
{
    if (key) RegCloseKey(key);
}

/* Names with commas in between (REG_SZ, as Group Policy writes them), or one after the other (REG_MULTI_SZ).
 * Calls `take` for each. FALSE when there is no such value. */
static BOOL read_names(const WCHAR *path, const WCHAR *value,
                       void (*take)(struct registry_settings *settings, const WCHAR *name, size_t length),
                       struct registry_settings *settings)
{
    WCHAR text[8192];
    DWORD size = sizeof(text) - sizeof(WCHAR), i, start = 0;
    LSTATUS error;
    HKEY key;

    /* Both bitnesses have one list, as on Windows. */
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WOW64_64KEY, &key)) return FALSE;
    error = RegGetValueW(key, NULL, value, RRF_RT_REG_SZ | RRF_RT_REG_MULTI_SZ, NULL, text, &size);
    RegCloseKey(key);
    if (error) return FALSE;
    size /= sizeof(WCHAR);
    for (i = 0; i <= size; i++)
    {
        if (i < size && text[i] && text[i] != ',' && text[i] != ' ') continue;
        if (i > start) take(settings, text + start, i - start);
        start = i + 1;
    }
    return TRUE;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* Windows before 10 wrote a curve behind each name. */
static size_t without_curve(const WCHAR *name, size_t length)
{
    static const WCHAR *const curves[] = { L"_P256", L"_P384", L"_P521" };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(curves); i++)
        if (length > 5 && !_wcsnicmp(name + length - 5, curves[i], 5)) return length - 5;
    return length;
}

static void take_suite(struct registry_settings *settings, const WCHAR *name, size_t length)
{
    char narrow[SZ_ALG_MAX_SIZE];
    const struct suite *suite;
    unsigned i;

    length = without_curve(name, length);
    if (length >= sizeof(narrow)) return;
    for (i = 0; i < length; i++)
        narrow[i] = name[i] < 0x80 ? (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]) : '?';
    narrow[length] = 0;
    if (!(suite = suite_of_name(narrow)) || suite->offer == SUITE_WITH_PSK) return;
    for (i = 0; i < settings->suite_count; i++)
        if (settings->suites[i] == suite) return;
    settings->suites[settings->suite_count++] = suite;
}

static void take_group(struct registry_settings *settings, const WCHAR *name, size_t length)
{
    const struct group *group = group_of_name(name, length);
    unsigned i;

    if (!group) return;
    for (i = 0; i < settings->group_count; i++)
        if (settings->groups[i] == group) return;
    settings->groups[settings->group_count++] = group;
}

static void read_lists(struct registry_settings *settings)
{
    settings->orders_suites = read_names(POLICY_PATH, L"Functions", take_suite, settings) ||
                              read_names(LOCAL_PATH, L"Functions", take_suite, settings);
    settings->orders_groups = read_names(POLICY_PATH, L"EccCurves", take_group, settings) ||
                              read_names(LOCAL_PATH, L"EccCurves", take_group, settings);
}

/* --- the SCHANNEL key ----------------------------------------------------------------------------------- */

/* `schannel` may be NULL: then defaults hold. */
static void read_protocols(HKEY schannel, struct protocol_policy *policy)
{
    HKEY folder = open_below(schannel, L"Protocols"), key;
    unsigned i, side;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
        for (side = 0; side < 2; side++)
        {
            BOOL enabled = protocols[i].enabled, by_default = protocols[i].by_default, disabled;

            if ((key = open_below(folder, protocols[i].keys[side])))
            {
                if (read_flag(key, NULL, L"Enabled", &enabled)) by_default = enabled;
                if (read_flag(key, NULL, L"DisabledByDefault", &disabled)) by_default = !disabled;
            }
            close_key(key);
            if (enabled) policy->enabled |= protocols[i].protocols[side];
            if (enabled && by_default) policy->by_default |= protocols[i].protocols[side];
        }
    close_key(folder);
}

static void read_algorithms(HKEY schannel, struct registry_settings *settings)
{
    const WCHAR *opened = NULL;
    HKEY folder = NULL;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
    {
        BOOL enabled;

        if (algorithms[i].folder != opened)
        {
            close_key(folder);
            folder = open_below(schannel, opened = algorithms[i].folder);
        }
        if (!folder || !read_flag(folder, algorithms[i].key, L"Enabled", &enabled)) continue;
        if (!enabled)
            settings->forbidden[settings->forbidden_count++] = algorithms[i].algorithm;
        else if (algorithms[i].algorithm == CALG_SHA1)
            settings->sha1_signatures = TRUE;
    }
    close_key(folder);
}

static void read_limits(HKEY schannel, struct key_limits *limits)
{
    HKEY folder = open_below(schannel, exchanges), key;

    if ((key = open_below(folder, L"PKCS")))
    {
        read_number(key, NULL, L"ClientMinKeyBitLength", &limits->rsa_min);
        read_number(key, NULL, L"ClientMaxKeyBitLength", &limits->rsa_max);
    }
    close_key(key);
    if ((key = open_below(folder, L"Diffie-Hellman")))
    {
        read_number(key, NULL, L"ClientMinKeyBitLength", &limits->dh_min);
        read_number(key, NULL, L"ClientMaxKeyBitLength", &limits->dh_max);
        read_number(key, NULL, L"ServerMinKeyBitLength", &limits->dh_server_min);
    }
    close_key(key);
    close_key(folder);
}

static int read_permission(HKEY schannel, const WCHAR *name)
{
    BOOL allowed;

    if (!read_flag(schannel, NULL, name, &allowed)) return 0;
    return allowed ? 1 : -1;
}

/* Milliseconds there, seconds here; what is not 0 stays so. */
static void read_lifespan(HKEY schannel, const WCHAR *name, DWORD *lifespan)
{
    DWORD time;

    if (read_number(schannel, NULL, name, &time)) *lifespan = time ? max(time / 1000, 1) : 0;
}

void registry_read(struct registry_settings *settings)
{
    static const struct registry_settings defaults = {
        .limits = { .rsa_min = 1024, .dh_min = 1024, .dh_server_min = 2048 },
        .cache_size = 20000,
        .client_lifespan = 36000,
        .server_lifespan = 36000,
    };
    HKEY key;

    *settings = defaults;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, SCHANNEL_PATH, 0, KEY_READ, &key)) key = NULL;
    read_protocols(key, &settings->protocols);
    if (key)
    {
        read_algorithms(key, settings);
        read_limits(key, &settings->limits);
        read_flag(key, NULL, L"SendTrustedIssuerList", &settings->sends_issuers);
        settings->insecure_clients = read_permission(key, L"AllowInsecureRenegoClients");
        settings->insecure_servers = read_permission(key, L"AllowInsecureRenegoServers");
        read_number(key, NULL, L"MaximumCacheSize", &settings->cache_size);
        read_lifespan(key, L"ClientCacheTime", &settings->client_lifespan);
        read_lifespan(key, L"ServerCacheTime", &settings->server_lifespan);
        read_number(key, NULL, L"EventLogging", &settings->events);
        close_key(key);
    }
    read_flag(HKEY_LOCAL_MACHINE, FIPS_PATH, L"Enabled", &settings->fips);
    read_lists(settings);
}

/* --- what has not changed ------------------------------------------------------------------------------- */

/* Keys that may not exist yet are watched by the nearest that does. */
struct watch
{
    const WCHAR *path;
    HKEY key;
    HANDLE event;
};

static struct
{
    SRWLOCK lock;
    BOOL known;
    struct registry_settings settings;
    struct watch watches[2]; /* SYSTEM\CurrentControlSet\Control has three of the paths */
} memory = {
    .lock = SRWLOCK_INIT,
    .watches = { { .path = L"SYSTEM\\CurrentControlSet\\Control" }, { .path = POLICY_PATH } },
};

/* A watch ends with the first change, so it is set before the values are read. FALSE: it cannot be. */
static BOOL set_watch(struct watch *watch)
{
    WCHAR path[200];
    WCHAR *end;

    if (!watch->event && !(watch->event = CreateEventW(NULL, FALSE, FALSE, NULL))) return FALSE;
    if (watch->key) RegCloseKey(watch->key);
    watch->key = NULL;
    wcscpy(path, watch->path);
    while (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_NOTIFY | KEY_WOW64_64KEY, &watch->key))
    {
        watch->key = NULL;
        if (!(end = wcsrchr(path, '\\'))) return FALSE;
        *end = 0;
    }
    return !RegNotifyChangeKeyValue(watch->key, TRUE, REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET,
                                    watch->event, TRUE);
}

static BOOL has_changed(struct watch *watch)
{
    return !watch->event || WaitForSingleObject(watch->event, 0) != WAIT_TIMEOUT;
}

void registry_current(struct registry_settings *settings)
{
    BOOL changed = FALSE, watched = TRUE;
    unsigned i;

    AcquireSRWLockExclusive(&memory.lock);
    for (i = 0; i < ARRAY_SIZE(memory.watches); i++)
        if (has_changed(&memory.watches[i]))
        {
            changed = TRUE;
            watched &= set_watch(&memory.watches[i]);
        }
    if (changed || !memory.known)
    {
        registry_read(&memory.settings);
        log_set_events(memory.settings.events);
        memory.known = watched;
    }
    *settings = memory.settings;
    ReleaseSRWLockExclusive(&memory.lock);
}
