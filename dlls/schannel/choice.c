/*
 * A choice: the protocols, suites, groups and signatures a credential allows.
 */
#include "choice.h"

void choice_init(struct choice *choice, DWORD protocols)
{
    static const struct key_limits limits = { 1024, 0, 1024, 0, 2048 };
    const struct suite *suites;
    const struct group *groups;
    unsigned i, count;

    memset(choice, 0, sizeof(*choice));
    choice->protocols = protocols;
    suites = suite_rows(&count);
    for (i = 0; i < count; i++)
        if (suites[i].offer == SUITE_OFFERED) choice->suites[choice->suite_count++] = &suites[i];
    groups = group_rows(&count);
    for (i = 0; i < count; i++)
        if (groups[i].offered) choice->groups[choice->group_count++] = &groups[i];
    choice->signatures = SIGNATURES_RSA_PSS | SIGNATURES_RSA_PKCS1 | SIGNATURES_ECDSA;
    choice->limits = limits; /* Windows' (Microsoft: "TLS registry settings") */
}

/* --- suites --------------------------------------------------------------------------------------------- */

static BOOL uses(const struct suite *suite, ALG_ID algorithm)
{
    if (algorithm == CALG_NULLCIPHER) return !suite->cipher->bits;
    if (algorithm == CALG_AES) return !wcscmp(suite->cipher->name, L"AES");
    return algorithm && (suite->cipher->algorithm == algorithm || suite->hash->algorithm == algorithm ||
                         suite->exchange->algorithm == algorithm || suite->signature->algorithm == algorithm);
}

static BOOL is_forbidden(const struct choice *choice, const struct suite *suite)
{
    unsigned i;

    for (i = 0; i < choice->forbidden_count; i++)
        if (uses(suite, choice->forbidden[i])) return TRUE;
    return FALSE;
}

/* Keeps the suites that pass, in their order. */
static void keep_suites(struct choice *choice,
                        BOOL (*passes)(const struct suite *suite, const void *argument), const void *argument)
{
    unsigned i, kept = 0;

    for (i = 0; i < choice->suite_count; i++)
        if (passes(choice->suites[i], argument)) choice->suites[kept++] = choice->suites[i];
    choice->suite_count = kept;
}

/* At the end, unless it is there already or must not be. */
static void add_suite(struct choice *choice, const struct suite *suite)
{
    unsigned i;

    if (choice->fixed || is_forbidden(choice, suite)) return;
    for (i = 0; i < choice->suite_count; i++)
        if (choice->suites[i] == suite) return;
    choice->suites[choice->suite_count++] = suite;
}

static BOOL encrypts(const struct suite *suite, const void *unused)
{
    (void)unused;
    return suite->cipher->bits != 0;
}

static BOOL does_not_encrypt(const struct suite *suite, const void *unused)
{
    return !encrypts(suite, unused);
}

static BOOL is_strong(const struct suite *suite, const void *unused)
{
    (void)unused;
    return !suite_is_weak(suite);
}

/* --- the administrator ---------------------------------------------------------------------------------- */

void choice_order_suites(struct choice *choice, const struct suite *const *suites, unsigned count)
{
    unsigned i;

    choice->suite_count = 0;
    for (i = 0; i < count; i++) add_suite(choice, suites[i]);
    choice->fixed = TRUE;
}

void choice_order_groups(struct choice *choice, const struct group *const *groups, unsigned count)
{
    unsigned i, j;

    choice->group_count = 0;
    for (i = 0; i < count; i++)
    {
        for (j = 0; j < choice->group_count && choice->groups[j] != groups[i]; j++) continue;
        if (j == choice->group_count) choice->groups[choice->group_count++] = groups[i];
    }
}

static BOOL does_not_use(const struct suite *suite, const void *algorithm)
{
    return !uses(suite, *(const ALG_ID *)algorithm);
}

void choice_forbid(struct choice *choice, ALG_ID algorithm)
{
    if (choice->forbidden_count == FORBIDDEN_MAX) return;
    choice->forbidden[choice->forbidden_count++] = algorithm;
    keep_suites(choice, does_not_use, &algorithm);
    if (algorithm == CALG_SHA1) choice->signatures &= ~SIGNATURES_SHA1;
}

static BOOL is_approved(const struct suite *suite, const void *unused)
{
    (void)unused;
    return !suite_is_weak(suite) && suite->cipher->algorithm;
}

void choice_limit_to_fips(struct choice *choice)
{
    unsigned i, kept = 0;

    choice_strong(choice);
    keep_suites(choice, is_approved, NULL);
    for (i = 0; i < choice->group_count; i++)
        if (choice->groups[i]->id != 0x001d) choice->groups[kept++] = choice->groups[i];
    choice->group_count = kept;
}

/* --- palgSupportedAlgs and strengths -------------------------------------------------------------------- */

struct algorithms
{
    const ALG_ID *list;
    unsigned count;
    BOOL ciphers, hashes, exchanges, signatures; /* it names one of them */
};

static BOOL names(const struct algorithms *named, ALG_ID algorithm)
{
    unsigned i;

    for (i = 0; i < named->count; i++)
        if (named->list[i] == algorithm) return TRUE;
    return FALSE;
}

/* An ALG_ID says in its upper bits what it is. CALG_ECDH and CALG_ECDH_EPHEM are the same to a suite, and
 * CALG_DH_SF and CALG_DH_EPHEM too. */
static BOOL names_exchange(const struct algorithms *named, ALG_ID algorithm)
{
    return names(named, algorithm) || (algorithm == CALG_ECDH_EPHEM && names(named, CALG_ECDH)) ||
           (algorithm == CALG_DH_EPHEM && names(named, CALG_DH_SF));
}

static BOOL names_cipher(const struct algorithms *named, const struct suite_cipher *cipher)
{
    return names(named, cipher->algorithm ? cipher->algorithm
                        : cipher->bits    ? 0
                                          : CALG_NULLCIPHER) ||
           (!wcscmp(cipher->name, L"AES") && names(named, CALG_AES));
}

static BOOL is_allowed(const struct suite *suite, const void *argument)
{
    const struct algorithms *named = argument;

    return (!named->ciphers || names_cipher(named, suite->cipher)) &&
           (!named->hashes || names(named, suite->hash->algorithm)) &&
           (!named->exchanges || names_exchange(named, suite->exchange->algorithm)) &&
           (!named->signatures || names(named, suite->signature->algorithm));
}

static BOOL forbids(const struct choice *choice, ALG_ID algorithm)
{
    unsigned i;

    for (i = 0; i < choice->forbidden_count; i++)
        if (choice->forbidden[i] == algorithm) return TRUE;
    return FALSE;
}

void choice_limit_algorithms(struct choice *choice, const ALG_ID *algorithms, unsigned count)
{
    struct algorithms named = { .list = algorithms, .count = count };
    const struct suite *suites;
    unsigned i;

    for (i = 0; i < count; i++) switch (GET_ALG_CLASS(algorithms[i]))
        {
        case ALG_CLASS_DATA_ENCRYPT:
            named.ciphers = TRUE;
            break;
        case ALG_CLASS_HASH:
            /* Parts of the protocols, not of a suite, among them. */
            if (algorithms[i] == CALG_MD5 || algorithms[i] == CALG_SHA1 || algorithms[i] == CALG_SHA_256 ||
                algorithms[i] == CALG_SHA_384)
                named.hashes = TRUE;
            break;
        case ALG_CLASS_KEY_EXCHANGE:
            named.exchanges = TRUE;
            break;
        case ALG_CLASS_SIGNATURE:
            named.signatures = TRUE;
            break;
        default:
            break;
        }
    keep_suites(choice, is_allowed, &named);
    suites = suite_rows(&count);
    for (i = 0; i < count; i++)
        if (suites[i].offer == SUITE_ON_NAME && suites[i].cipher->bits && is_allowed(&suites[i], &named) &&
            (!suites[i].cipher->weak || named.ciphers) && (!suites[i].hash->weak || named.hashes) &&
            (suites[i].exchange->algorithm != CALG_DH_EPHEM || named.exchanges) &&
            !suite_is_tls13(&suites[i]))
            add_suite(choice, &suites[i]);
    if (named.hashes && names(&named, CALG_SHA1) && !forbids(choice, CALG_SHA1))
        choice->signatures |= SIGNATURES_SHA1;
}

struct strengths
{
    DWORD minimum, maximum;
};

static BOOL is_between(const struct suite *suite, const void *argument)
{
    const struct strengths *strengths = argument;

    return suite->cipher->bits >= strengths->minimum &&
           (!strengths->maximum || suite->cipher->bits <= strengths->maximum);
}

void choice_limit_strengths(struct choice *choice, DWORD minimum, DWORD maximum)
{
    struct strengths strengths = { minimum == ~0u ? 0 : minimum, maximum == ~0u ? 0 : maximum };

    if (minimum == ~0u) choice_allow_null(choice);
    if (minimum == ~0u && maximum == ~0u)
        keep_suites(choice, does_not_encrypt, NULL);
    else
        keep_suites(choice, is_between, &strengths);
}

void choice_allow_null(struct choice *choice)
{
    unsigned i, count;
    const struct suite *suites = suite_rows(&count);

    for (i = 0; i < count; i++)
        if (!suites[i].cipher->bits && !suites[i].hash->weak &&
            suites[i].offer == (choice->psk ? SUITE_WITH_PSK : SUITE_ON_NAME))
            add_suite(choice, &suites[i]);
}

void choice_strong(struct choice *choice)
{
    keep_suites(choice, is_strong, NULL);
    choice->signatures &= ~SIGNATURES_SHA1;
    choice->protocols &= ~(DWORD)(SP_PROT_SSL2 | SP_PROT_SSL3);
}

void choice_use_psk(struct choice *choice)
{
    unsigned i, count;
    const struct suite *suites = suite_rows(&count);

    choice->psk = TRUE;
    choice->fixed = FALSE;
    choice->suite_count = 0;
    for (i = 0; i < count; i++)
        if (suites[i].offer == SUITE_WITH_PSK && suites[i].cipher->bits) add_suite(choice, &suites[i]);
    choice->protocols &= ~(DWORD)SP_PROT_TLS1_3;
}

/* --- CRYPTO_SETTINGS ------------------------------------------------------------------------------------ */

/* With or without an end of its own: programs do both (msquic, Qt). */
static BOOL is_named(const UNICODE_STRING *string, const WCHAR *name)
{
    size_t length = string->Length / sizeof(WCHAR);

    if (length && !string->Buffer[length - 1]) length--;
    return length == wcslen(name) && !_wcsnicmp(string->Buffer, name, length);
}

static BOOL is_string(const UNICODE_STRING *string)
{
    return string->Buffer && string->Length && !(string->Length % sizeof(WCHAR));
}

/* Sizes below the minimum and above the maximum go; without both, all do. */
static BOOL is_out(const CRYPTO_SETTINGS *settings, DWORD bits)
{
    if (!settings->dwMinBitLength && !settings->dwMaxBitLength) return TRUE;
    return bits < settings->dwMinBitLength || (settings->dwMaxBitLength && bits > settings->dwMaxBitLength);
}

static BOOL mode_is_out(const CRYPTO_SETTINGS *settings, enum suite_mode mode)
{
    const WCHAR *name = mode == SUITE_AEAD  ? L"ChainingModeGCM"
                        : mode == SUITE_CBC ? L"ChainingModeCBC"
                                            : L"";
    DWORD i;

    for (i = 0; i < settings->cChainingModes; i++)
        if (is_named(&settings->rgstrChainingModes[i], name)) return TRUE;
    return !settings->cChainingModes;
}

static BOOL cipher_stays(const struct suite *suite, const void *argument)
{
    const CRYPTO_SETTINGS *settings = argument;

    return !is_named(&settings->strCngAlgId, suite->cipher->bits ? suite->cipher->name : L"NULL") ||
           !mode_is_out(settings, suite->cipher->mode) || !is_out(settings, suite->cipher->bits);
}

static BOOL digest_stays(const struct suite *suite, const void *argument)
{
    return !is_named(&((const CRYPTO_SETTINGS *)argument)->strCngAlgId, suite->hash->name);
}

static BOOL signature_stays(const struct suite *suite, const void *argument)
{
    return !is_named(&((const CRYPTO_SETTINGS *)argument)->strCngAlgId, suite->signature->name);
}

static BOOL exchange_stays(const struct suite *suite, const void *argument)
{
    return !is_named(&((const CRYPTO_SETTINGS *)argument)->strCngAlgId, suite->exchange->name);
}

static void tighten(DWORD *minimum, DWORD *maximum, const CRYPTO_SETTINGS *settings)
{
    if (settings->dwMinBitLength > *minimum) *minimum = settings->dwMinBitLength;
    if (settings->dwMaxBitLength && (!*maximum || settings->dwMaxBitLength < *maximum))
        *maximum = settings->dwMaxBitLength;
}

/* ECDH's sizes are those of curves, the others' those of the server's keys. */
static void disable_exchange(struct choice *choice, const CRYPTO_SETTINGS *settings)
{
    unsigned i, kept = 0;

    if (is_named(&settings->strCngAlgId, L"ECDH"))
    {
        for (i = 0; i < choice->group_count; i++)
            if (!is_out(settings, choice->groups[i]->bits)) choice->groups[kept++] = choice->groups[i];
        choice->group_count = kept;
    }
    else if (!settings->dwMinBitLength && !settings->dwMaxBitLength)
        keep_suites(choice, exchange_stays, settings);
    else if (is_named(&settings->strCngAlgId, L"RSA"))
        tighten(&choice->limits.rsa_min, &choice->limits.rsa_max, settings);
    else if (is_named(&settings->strCngAlgId, L"DH"))
    {
        tighten(&choice->limits.dh_min, &choice->limits.dh_max, settings);
        choice->limits.dh_server_min = max(choice->limits.dh_server_min, settings->dwMinBitLength);
    }
}

static void disable_signature(struct choice *choice, const CRYPTO_SETTINGS *settings)
{
    BOOL rsa = is_named(&settings->strCngAlgId, L"RSA");

    if (settings->dwMinBitLength || settings->dwMaxBitLength)
    {
        if (rsa) tighten(&choice->limits.rsa_min, &choice->limits.rsa_max, settings);
        return;
    }
    keep_suites(choice, signature_stays, settings);
    if (rsa) choice->signatures &= ~(SIGNATURES_RSA_PSS | SIGNATURES_RSA_PKCS1);
    if (is_named(&settings->strCngAlgId, L"ECDSA")) choice->signatures &= ~SIGNATURES_ECDSA;
}

/* The names are dotnet/runtime's. */
static void disable_padding(struct choice *choice, const CRYPTO_SETTINGS *settings)
{
    if (is_named(&settings->strCngAlgId, L"SCH_RSA_PKCS_PAD")) choice->signatures &= ~SIGNATURES_RSA_PKCS1;
    if (is_named(&settings->strCngAlgId, L"SCH_RSA_PSS_PAD")) choice->signatures &= ~SIGNATURES_RSA_PSS;
}

BOOL choice_disable(struct choice *choice, const CRYPTO_SETTINGS *settings)
{
    DWORD i;

    if (!is_string(&settings->strCngAlgId) ||
        settings->cChainingModes > SCH_CRED_MAX_SUPPORTED_CHAINING_MODES ||
        (settings->cChainingModes && !settings->rgstrChainingModes))
        return FALSE;
    for (i = 0; i < settings->cChainingModes; i++)
        if (!is_string(&settings->rgstrChainingModes[i])) return FALSE;

    switch (settings->eAlgorithmUsage)
    {
    case TlsParametersCngAlgUsageKeyExchange:
        disable_exchange(choice, settings);
        return TRUE;
    case TlsParametersCngAlgUsageSignature:
        disable_signature(choice, settings);
        return TRUE;
    case TlsParametersCngAlgUsageCipher:
        keep_suites(choice, cipher_stays, settings);
        return TRUE;
    case TlsParametersCngAlgUsageDigest:
        keep_suites(choice, digest_stays, settings);
        if (is_named(&settings->strCngAlgId, L"SHA1")) choice->signatures &= ~SIGNATURES_SHA1;
        return TRUE;
    case TlsParametersCngAlgUsageCertSig:
        disable_padding(choice, settings);
        return TRUE;
    default:
        return FALSE;
    }
}

/* --- the end -------------------------------------------------------------------------------------------- */

static BOOL needs_no_curve(const struct suite *suite, const void *unused)
{
    (void)unused;
    return !suite_is_tls13(suite) && suite->exchange->algorithm != CALG_ECDH_EPHEM;
}

/* A MAC with SHA-2, and an AEAD, came with TLS 1.2 (RFC 5246, 1.2). */
static BOOL is_old(const struct suite *suite)
{
    return suite->cipher->mode != SUITE_AEAD && suite->hash->bits <= 160;
}

/* Who offers TLS 1.3 and TLS 1.1 would be given TLS 1.2 by a server that has no TLS 1.3: GnuTLS does not go
 * into that. */
static void leave_no_gap(struct choice *choice, DWORD side)
{
    if (choice->protocols & side & SP_PROT_TLS1_3 && !(choice->protocols & side & SP_PROT_TLS1_2))
        choice->protocols &= ~(side & (SP_PROT_SSL3 | SP_PROT_TLS1_0 | SP_PROT_TLS1_1));
}

BOOL choice_finish(struct choice *choice)
{
    BOOL tls13 = FALSE, tls12 = FALSE, old = FALSE;
    unsigned i;

    if (!choice->group_count) keep_suites(choice, needs_no_curve, NULL);
    for (i = 0; i < choice->suite_count; i++)
    {
        tls13 |= suite_is_tls13(choice->suites[i]);
        tls12 |= !suite_is_tls13(choice->suites[i]);
        old |= !suite_is_tls13(choice->suites[i]) && is_old(choice->suites[i]);
    }
    /* GnuTLS offers no TLS 1.3 beside suites without encryption. */
    for (i = 0; i < choice->suite_count; i++)
        if (!choice->suites[i]->cipher->bits) tls13 = FALSE;
    if (!(choice->signatures & (SIGNATURES_RSA_PSS | SIGNATURES_ECDSA))) tls13 = FALSE;
    if (!tls13) choice->protocols &= ~(DWORD)SP_PROT_TLS1_3;
    if (!tls12) choice->protocols &= ~(DWORD)(SP_PROT_TLS1_2 | SP_PROT_DTLS1_2);
    if (!old) choice->protocols &= ~(DWORD)OLD_PROTOCOLS;
    leave_no_gap(choice, PROTOCOLS_CLIENT);
    leave_no_gap(choice, PROTOCOLS_SERVER);
    return (choice->protocols & ~(DWORD)SP_PROT_SSL2) != 0;
}
