/*
 * What the administrator says. Everything here is untrusted in form only: a value of another type than the
 * one Windows uses counts as absent.
 */
#include "registry.h"
#include "log.h"

#define SCHANNEL_PATH L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL"
#define POLICY_PATH   L"SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002"
#define LOCAL_PATH    L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Configuration\\Local\\SSL\\00010002"
#define NAME_MAX_SIZE 32 /* of a subkey we know, in characters */
#define FIPS_PATH     L"SYSTEM\\CurrentControlSet\\Control\\Lsa\\FIPSAlgorithmPolicy"

/*
 * A row says what holds when the registry says nothing: may a program ask for the protocol, and does it get
 * it unasked. What is broken or being retired is never given unasked (RFC 8996, RFC 7568). SSL 2.0 is its
 * ClientHello alone, with which SSL 3.0 and TLS can begin.
 */
static const struct
{
    const WCHAR *name;
    DWORD protocols[2]; /* the client's, the server's */
    BOOL enabled, by_default;
} protocols[] = {
    /* clang-format off */
    { L"TLS 1.3",   { SP_PROT_TLS1_3_CLIENT,  SP_PROT_TLS1_3_SERVER },  TRUE,  TRUE },
    { L"TLS 1.2",   { SP_PROT_TLS1_2_CLIENT,  SP_PROT_TLS1_2_SERVER },  TRUE,  TRUE },
    { L"TLS 1.1",   { SP_PROT_TLS1_1_CLIENT,  SP_PROT_TLS1_1_SERVER },  TRUE,  FALSE },
    { L"TLS 1.0",   { SP_PROT_TLS1_0_CLIENT,  SP_PROT_TLS1_0_SERVER },  TRUE,  FALSE },
    { L"SSL 3.0",   { SP_PROT_SSL3_CLIENT,    SP_PROT_SSL3_SERVER },    FALSE, FALSE },
    { L"SSL 2.0",   { 0,                      SP_PROT_SSL2_SERVER },    FALSE, FALSE },
    { L"DTLS 1.2",  { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER }, TRUE,  TRUE },
    { L"DTLS 1.0",  { SP_PROT_DTLS1_0_CLIENT, SP_PROT_DTLS1_0_SERVER }, TRUE,  FALSE },
    /* clang-format on */
};

/* Enabled 0 forbids, as on Windows 11; another value changes nothing, for what is offered is decided by the
 * list of suites. */
static const WCHAR ciphers[] = L"Ciphers", hashes[] = L"Hashes", exchanges[] = L"KeyExchangeAlgorithms";

static const struct
{
    const WCHAR *folder; /* as a rule it is not there */
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
static BOOL read_names(HKEY key, const WCHAR *value,
                       void (*take)(struct registry_settings *settings, const WCHAR *name, size_t length),
                       struct registry_settings *settings)
{
    WCHAR text[8192];
    DWORD size = sizeof(text) - sizeof(WCHAR), i, start = 0;

    if (RegGetValueW(key, NULL, value, RRF_RT_REG_SZ | RRF_RT_REG_MULTI_SZ, NULL, text, &size)) return FALSE;
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

/* What the policy does not say, the machine's own list says. */
static void read_lists(struct registry_settings *settings)
{
    static const WCHAR *const paths[] = { POLICY_PATH, LOCAL_PATH };
    unsigned i;
    HKEY key;

    for (i = 0; i < ARRAY_SIZE(paths); i++)
    {
        /* Both bitnesses have one list, as on Windows. */
        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, paths[i], 0, KEY_READ | KEY_WOW64_64KEY, &key)) continue;
        settings->orders_suites =
            settings->orders_suites || read_names(key, L"Functions", take_suite, settings);
        settings->orders_groups =
            settings->orders_groups || read_names(key, L"EccCurves", take_group, settings);
        RegCloseKey(key);
    }
}

/* --- the SCHANNEL key ----------------------------------------------------------------------------------- */

/* The next of a key's subkeys. Asking for those there are takes few questions where hardly any is, which is
 * nearly always. */
static BOOL next_below(HKEY key, DWORD *index, WCHAR name[NAME_MAX_SIZE])
{
    LSTATUS error;
    DWORD size;

    do
    {
        size = NAME_MAX_SIZE;
        error = RegEnumKeyExW(key, (*index)++, name, &size, NULL, NULL, NULL, NULL);
    } while (error == ERROR_MORE_DATA); /* none of ours */
    return !error;
}

/* What `key`, which may be NULL, says of one side of a protocol. */
static void read_side(HKEY key, BOOL *enabled, BOOL *by_default)
{
    BOOL disabled;

    if (!key) return;
    if (read_flag(key, NULL, L"Enabled", enabled)) *by_default = *enabled;
    if (read_flag(key, NULL, L"DisabledByDefault", &disabled)) *by_default = !disabled;
}

/* `key` may be NULL: then defaults hold. */
static void read_protocol(HKEY key, unsigned which, struct protocol_policy *policy)
{
    static const WCHAR *const sides[] = { L"Client", L"Server" };
    unsigned side;

    for (side = 0; side < 2; side++)
    {
        BOOL enabled = protocols[which].enabled, by_default = protocols[which].by_default;
        DWORD bit = protocols[which].protocols[side];
        HKEY below = open_below(key, sides[side]);

        read_side(below, &enabled, &by_default);
        close_key(below);
        policy->enabled = enabled ? policy->enabled | bit : policy->enabled & ~bit;
        policy->by_default = enabled && by_default ? policy->by_default | bit : policy->by_default & ~bit;
    }
}

static void read_protocols(HKEY folder, struct protocol_policy *policy)
{
    WCHAR name[NAME_MAX_SIZE];
    DWORD index = 0;
    unsigned i;

    while (next_below(folder, &index, name))
        for (i = 0; i < ARRAY_SIZE(protocols); i++)
            if (!_wcsicmp(name, protocols[i].name))
            {
                HKEY key = open_below(folder, name);

                read_protocol(key, i, policy);
                close_key(key);
            }
}

/* Once each: while subkeys are counted, one may come before others, which are then seen a second time. */
static void forbid(struct registry_settings *settings, ALG_ID algorithm)
{
    unsigned i;

    for (i = 0; i < settings->forbidden_count; i++)
        if (settings->forbidden[i] == algorithm) return;
    settings->forbidden[settings->forbidden_count++] = algorithm;
}

static void read_algorithms(HKEY folder, const WCHAR *name, struct registry_settings *settings)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
    {
        BOOL enabled;

        if (_wcsicmp(algorithms[i].folder, name) ||
            !read_flag(folder, algorithms[i].key, L"Enabled", &enabled))
            continue;
        if (!enabled)
            forbid(settings, algorithms[i].algorithm);
        else if (algorithms[i].algorithm == CALG_SHA1)
            settings->sha1_signatures = TRUE;
    }
}

static void read_limits(HKEY folder, struct key_limits *limits)
{
    HKEY key;

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
}

/* What lies below SCHANNEL. */
static void read_folder(HKEY folder, const WCHAR *name, struct registry_settings *settings)
{
    if (!_wcsicmp(name, L"Protocols")) read_protocols(folder, &settings->protocols);
    if (!_wcsicmp(name, exchanges)) read_limits(folder, &settings->limits);
    read_algorithms(folder, name, settings);
}

static void read_folders(HKEY schannel, struct registry_settings *settings)
{
    WCHAR name[NAME_MAX_SIZE];
    DWORD index = 0;

    while (next_below(schannel, &index, name))
    {
        HKEY folder = open_below(schannel, name);

        if (folder) read_folder(folder, name, settings);
        close_key(folder);
    }
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

static BOOL has_values(HKEY key)
{
    DWORD count;

    return RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, &count, NULL, NULL, NULL, NULL) || count;
}

static void read_values(HKEY schannel, struct registry_settings *settings)
{
    read_flag(schannel, NULL, L"SendTrustedIssuerList", &settings->sends_issuers);
    settings->insecure_clients = read_permission(schannel, L"AllowInsecureRenegoClients");
    settings->insecure_servers = read_permission(schannel, L"AllowInsecureRenegoServers");
    read_number(schannel, NULL, L"MaximumCacheSize", &settings->cache_size);
    read_lifespan(schannel, L"ClientCacheTime", &settings->client_lifespan);
    read_lifespan(schannel, L"ServerCacheTime", &settings->server_lifespan);
    read_number(schannel, NULL, L"EventLogging", &settings->events);
}

void registry_read(struct registry_settings *settings)
{
    static const struct registry_settings defaults = {
        .limits = { .rsa_min = 1024, .dh_min = 1024, .dh_server_min = 2048 },
        .cache_size = 20000,
        .client_lifespan = 36000,
        .server_lifespan = 36000,
    };
    unsigned i;
    HKEY key;

    *settings = defaults;
    for (i = 0; i < ARRAY_SIZE(protocols); i++) read_protocol(NULL, i, &settings->protocols);
    if (!RegOpenKeyExW(HKEY_LOCAL_MACHINE, SCHANNEL_PATH, 0, KEY_READ, &key))
    {
        read_folders(key, settings);
        if (has_values(key)) read_values(key, settings);
        close_key(key);
    }
    read_flag(HKEY_LOCAL_MACHINE, FIPS_PATH, L"Enabled", &settings->fips);
    read_lists(settings);
}

/* --- what has not changed ------------------------------------------------------------------------------- */

#define PATH_MAX_LENGTH 200

/* The key at the first `length` characters of a place's path; NULL: there is none. */
static HKEY open_part(const struct registry_place *place, size_t length)
{
    WCHAR path[PATH_MAX_LENGTH];
    HKEY key;

    memcpy(path, place->path, length * sizeof(*path));
    path[length] = 0;
    return RegOpenKeyExW(place->root, path, 0, KEY_NOTIFY | place->view, &key) ? NULL : key;
}

/* Opens the deepest key there is on the way to a place, and waits for changes of it. `awaited`: the length of
 * the path that ends with the key to come, 0 when all of it is there. */
static BOOL arm_place(struct registry_place *place, HANDLE event, size_t *awaited)
{
    const DWORD below = REG_NOTIFY_CHANGE_NAME | REG_NOTIFY_CHANGE_LAST_SET;
    size_t length = wcslen(place->path);

    *awaited = 0;
    close_key(place->key);
    while (!(place->key = open_part(place, length)))
    {
        *awaited = length;
        while (length && place->path[--length] != '\\')
            ;
        if (!length) return FALSE;
    }
    return !RegNotifyChangeKeyValue(place->key, !*awaited, *awaited ? REG_NOTIFY_CHANGE_NAME : below, event,
                                    TRUE);
}

/* FALSE: it cannot be watched. */
static BOOL watch_place(struct registry_place *place, HANDLE event)
{
    size_t awaited;
    HKEY came;

    for (;;)
    {
        if (!arm_place(place, event, &awaited)) return FALSE;
        if (!awaited || !(came = open_part(place, awaited))) return TRUE;
        RegCloseKey(came); /* before anybody waited for it */
    }
}

enum registry_change registry_watch_ask(struct registry_watch *watch)
{
    unsigned i;

    if (watch->set && WaitForSingleObject(watch->event, 0) == WAIT_TIMEOUT) return REGISTRY_SAME;
    watch->set = FALSE;
    if (!watch->event && !(watch->event = CreateEventW(NULL, FALSE, FALSE, NULL))) return REGISTRY_UNWATCHED;
    for (i = 0; i < watch->count; i++)
    {
        close_key(watch->places[i].key);
        watch->places[i].key = NULL;
    }
    WaitForSingleObject(watch->event, 0); /* a key that is closed sets it (Microsoft) */
    for (i = 0; i < watch->count; i++)
        if (!watch_place(&watch->places[i], watch->event)) return REGISTRY_UNWATCHED;
    watch->set = TRUE;
    return REGISTRY_CHANGED;
}

static struct
{
    SRWLOCK lock;
    struct registry_settings settings;
    struct registry_watch watch;
} memory = {
    .lock = SRWLOCK_INIT,
    /* Both bitnesses have one list of suites. SYSTEM\CurrentControlSet\Control has three of the paths; what
     * is there of POLICY_PATH, as a rule, is SOFTWARE\Policies. */
    .watch = { .places = { { HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control", KEY_WOW64_64KEY },
                           { HKEY_LOCAL_MACHINE, L"SOFTWARE\\Policies", KEY_WOW64_64KEY } },
               .count = 2 },
};

void registry_current(struct registry_settings *settings)
{
    AcquireSRWLockExclusive(&memory.lock);
    if (registry_watch_ask(&memory.watch) != REGISTRY_SAME)
    {
        registry_read(&memory.settings);
        log_set_events(memory.settings.events);
    }
    *settings = memory.settings;
    ReleaseSRWLockExclusive(&memory.lock);
}
