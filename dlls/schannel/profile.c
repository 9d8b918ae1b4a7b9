/*
 * A profile: what a credential prepares once for all its sessions.
 */
#include "profile_tls.h"
#include "identity_tls.h"
#include "log.h"
#include "product.h"
#include <gnutls/crypto.h>

#define LIFESPAN_DEFAULT (10u * 3600) /* seconds: Windows' ten hours (Microsoft: SCHANNEL_CRED) */

/* --- the library ---------------------------------------------------------------------------------------- */

static void log_gnutls(int level, const char *line)
{
    (void)level;
    log_tls_line(line);
}

/* GnuTLS asks for the time with each nonce and random number; msvcrt's time() takes 1.2 us under Wine. */
static time_t cheap_time(time_t *out)
{
    FILETIME now;
    time_t seconds;

    GetSystemTimePreciseAsFileTime(&now);
    seconds =
        (time_t)((((ULONG64)now.dwHighDateTime << 32 | now.dwLowDateTime) - 116444736000000000) / 10000000);
    if (out) *out = seconds;
    return seconds;
}

/* Which DLL this is: the first thing to know when something does not work. */
static void introduce(void)
{
    const char *(CDECL * wine_version)(void);
    char text[LOG_WIDE_SIZE];
    WCHAR path[MAX_PATH];
    HMODULE self;

    if (!log_enabled(LOG_INFO)) return;
    wine_version = (void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version");
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (const WCHAR *)(ULONG_PTR)&introduce, &self) ||
        !GetModuleFileNameW(self, path, ARRAY_SIZE(path)))
        path[0] = 0;
    INFO("%s, %u bit, %s, in %s%s\n", product_line, (unsigned)sizeof(void *) * 8, log_wide(text, path),
         wine_version ? "Wine " : "Windows", wine_version ? wine_version() : "");
}

static LONG library_is_open;

static BOOL CALLBACK open_library(INIT_ONCE *once, void *parameter, void **result)
{
    (void)once;
    (void)parameter;
    (void)result;
    gnutls_global_set_log_function(log_gnutls);
    if (gnutls_global_init() < 0)
    {
        ERR("GnuTLS cannot be initialized\n");
        return FALSE;
    }
    gnutls_global_set_time_function(cheap_time);
    introduce();
    /* From level 9 on GnuTLS prints keys, and the environment can set the level: ours is the last word. */
    gnutls_global_set_log_level(log_tls_enabled() ? 5 : 0);
    InterlockedExchange(&library_is_open, TRUE);
    return TRUE;
}

BOOL profile_library_open(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    return InitOnceExecuteOnce(&once, open_library, NULL, NULL);
}

/* gnulib's, inside GnuTLS: it cannot know when a thread ends that it did not make. */
void glwthread_tls_process_destructors(void);

void profile_library_end_thread(void)
{
    if (__atomic_load_n(&library_is_open, __ATOMIC_ACQUIRE)) glwthread_tls_process_destructors();
}

/* --- birth and death ------------------------------------------------------------------------------------ */

/* The suites of a string in the order of the choice, and just those. */
static BOOL make_priority(const struct choice *choice, const char *text, gnutls_priority_t *priority)
{
    BYTE ids[SUITES_MAX][2];
    unsigned count = priority_suites(choice, ids);

    return gnutls_priority_init2(priority, text, NULL, 0) >= 0 &&
           gnutls_priority_order_suites(*priority, (const unsigned char(*)[2])ids, count) > 0;
}

static SECURITY_STATUS prepare_side(struct profile *profile, enum side side, const struct choice *choice,
                                    enum renegotiation renegotiation)
{
    static const DWORD sides[SIDES] = { PROTOCOLS_CLIENT, PROTOCOLS_SERVER };
    static const DWORD families[TRANSPORTS] = { TLS_PROTOCOLS, DTLS_PROTOCOLS };
    char text[PRIORITY_SIZE];
    BOOL any = FALSE;
    unsigned i;

    for (i = 0; i < TRANSPORTS; i++)
    {
        if (!priority_string(choice, sides[side] & families[i], renegotiation, text)) continue;
        TRACE("%s\n", text);
        if (!make_priority(choice, text, &profile->priorities[side][i])) return SEC_E_INSUFFICIENT_MEMORY;
        any = TRUE;
    }
    if (!any) return SEC_E_OK;
    if (gnutls_certificate_allocate_credentials(&profile->certificates[side]) < 0)
        return SEC_E_INSUFFICIENT_MEMORY;
    /* Functions give indexes; and that key and certificate belong together has been seen to, without a
     * signature. */
    gnutls_certificate_set_flags(profile->certificates[side],
                                 GNUTLS_CERTIFICATE_API_V2 | GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
    if (side == SIDE_CLIENT)
        gnutls_certificate_set_retrieve_function3(profile->certificates[side], session_retrieve);
    else if (gnutls_certificate_set_known_dh_params(
                 profile->certificates[side],
                 gnutls_pk_bits_to_sec_param(GNUTLS_PK_DH, choice->limits.dh_server_min)) < 0)
        return SEC_E_INSUFFICIENT_MEMORY;
    return SEC_E_OK;
}

SECURITY_STATUS profile_create(const struct choice *choice, const enum renegotiation renegotiation[SIDES],
                               struct profile **out)
{
    static const enum renegotiation secure[SIDES] = { RENEGOTIATION_SECURE, RENEGOTIATION_SECURE };
    static volatile LONG64 last;
    SECURITY_STATUS status = SEC_E_INSUFFICIENT_MEMORY;
    struct profile *profile;
    unsigned side;

    if (!(profile = calloc(1, sizeof(*profile)))) return SEC_E_INSUFFICIENT_MEMORY;
    profile->id = (ULONG64)InterlockedIncrement64(&last);
    profile->limits = choice->limits;
    profile->psk = choice->psk;
    profile->ssl2_hello = (choice->protocols & SP_PROT_SSL2_SERVER) != 0;
    if (!renegotiation) renegotiation = secure;
    for (side = 0; side < SIDES; side++)
    {
        profile->lifespan[side] = LIFESPAN_DEFAULT;
        if ((status = prepare_side(profile, side, choice, renegotiation[side]))) goto done;
    }
    if (!profile->certificates[SIDE_CLIENT] && !profile->certificates[SIDE_SERVER])
    {
        status = SEC_E_ALGORITHM_MISMATCH;
        goto done;
    }
    if (profile->certificates[SIDE_SERVER] && gnutls_session_ticket_key_generate(&profile->ticket_key) < 0)
    {
        status = SEC_E_INSUFFICIENT_MEMORY;
        goto done;
    }
    *out = profile;
    profile = NULL;

done:
    profile_destroy(profile);
    return status;
}

void profile_destroy(struct profile *profile)
{
    unsigned side, i;

    if (!profile) return;
    for (side = 0; side < SIDES; side++)
    {
        for (i = 0; i < TRANSPORTS; i++)
            if (profile->priorities[side][i]) gnutls_priority_deinit(profile->priorities[side][i]);
        if (profile->certificates[side]) gnutls_certificate_free_credentials(profile->certificates[side]);
    }
    /* GnuTLS sets the size of a key it has no memory for, too. */
    if (profile->ticket_key.data) gnutls_memset(profile->ticket_key.data, 0, profile->ticket_key.size);
    gnutls_free(profile->ticket_key.data);
    free(profile);
}

/* --- servers -------------------------------------------------------------------------------------------- */

SECURITY_STATUS profile_add_identity(struct profile *profile, const struct identity *identity,
                                     struct span ocsp)
{
    gnutls_certificate_credentials_t certificates = profile->certificates[SIDE_SERVER];
    gnutls_datum_t response = { (unsigned char *)ocsp.data, (unsigned)ocsp.size };
    gnutls_pcert_st chain[IDENTITY_CHAIN_MAX];
    gnutls_privkey_t key = NULL;
    unsigned count = 0;
    int index;

    if (!identity_copy(identity, chain, &count, &key)) return SEC_E_INSUFFICIENT_MEMORY;
    /* GnuTLS owns both from here on, and looks the names up in the certificate. */
    if ((index = gnutls_certificate_set_key(certificates, NULL, 0, chain, (int)count, key)) < 0)
    {
        while (count) gnutls_pcert_deinit(&chain[--count]);
        gnutls_privkey_deinit(key);
        return SEC_E_INSUFFICIENT_MEMORY;
    }
    /* It is left out when it is about another certificate or says that this one is revoked, and not sent when
     * it is over. */
    if (response.size && gnutls_certificate_set_ocsp_status_request_mem(
                             certificates, &response, (unsigned)index, GNUTLS_X509_FMT_DER) < 0)
        WARN("the OCSP response is not about this certificate\n");
    return SEC_E_OK;
}

BOOL profile_name_authority(struct profile *profile, struct span certificate)
{
    gnutls_datum_t der = { (unsigned char *)certificate.data, (unsigned)certificate.size };

    return gnutls_certificate_set_x509_trust_mem(profile->certificates[SIDE_SERVER], &der,
                                                 GNUTLS_X509_FMT_DER) > 0;
}

void profile_set_lifespan(struct profile *profile, enum side side, unsigned seconds)
{
    profile->lifespan[side] = seconds;
}

/* GnuTLS wants a key of its own size: it is derived from the secret. */
BOOL profile_set_ticket_secret(struct profile *profile, struct span secret)
{
    static const char label[] = "schannel session tickets";
    gnutls_datum_t input = { (unsigned char *)secret.data, (unsigned)secret.size };
    gnutls_datum_t salt = { (unsigned char *)label, sizeof(label) - 1 };
    BOOL good;

    if (!secret.size || secret.size > TICKET_SECRET_MAX || !profile->ticket_key.size) return FALSE;
    AcquireSRWLockExclusive(&profile->ticket_lock);
    good = gnutls_pbkdf2(GNUTLS_MAC_SHA512, &input, &salt, 1, profile->ticket_key.data,
                         profile->ticket_key.size) >= 0;
    ReleaseSRWLockExclusive(&profile->ticket_lock);
    return good;
}
