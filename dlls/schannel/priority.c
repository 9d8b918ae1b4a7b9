/*
 * What a credential allows, in GnuTLS's words.
 *
 * The string starts from NONE, so nothing is on that is not named here; GnuTLS's own defaults, a
 * distribution's policy and the environment have no say (deps/patches). Order is preference.
 */
#include "priority.h"
#include <stdarg.h>
#include <stdio.h>

static const struct
{
    DWORD protocol;
    const char *version;
} versions[] = {
    /* clang-format off */
    { SP_PROT_TLS1_3,  "VERS-TLS1.3" },
    { SP_PROT_TLS1_2,  "VERS-TLS1.2" },
    { SP_PROT_TLS1_1,  "VERS-TLS1.1" },
    { SP_PROT_TLS1_0,  "VERS-TLS1.0" },
    { SP_PROT_SSL3,    "VERS-SSL3.0" },
    { SP_PROT_DTLS1_2, "VERS-DTLS1.2" },
    { SP_PROT_DTLS1_0, "VERS-DTLS1.0" },
    /* clang-format on */
};

/* Those with SHA-1 are TLS 1.2's on demand; before that signatures are made with SHA-1 and nothing else, and
 * whoever turns those versions on, wants it. */
static const struct
{
    unsigned kind; /* SIGNATURES_* */
    const char *word;
    BOOL sha1;
} signatures[] = {
    /* clang-format off */
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-RSAE-SHA256",    FALSE },
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-RSAE-SHA384",    FALSE },
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-RSAE-SHA512",    FALSE },
    { SIGNATURES_RSA_PKCS1, "SIGN-RSA-SHA256",             FALSE },
    { SIGNATURES_RSA_PKCS1, "SIGN-RSA-SHA384",             FALSE },
    { SIGNATURES_RSA_PKCS1, "SIGN-RSA-SHA512",             FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SECP256R1-SHA256", FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SECP384R1-SHA384", FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SECP521R1-SHA512", FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SHA256",           FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SHA384",           FALSE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SHA512",           FALSE },
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-SHA256",         FALSE },
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-SHA384",         FALSE },
    { SIGNATURES_RSA_PSS,   "SIGN-RSA-PSS-SHA512",         FALSE },
    { SIGNATURES_RSA_PKCS1, "SIGN-RSA-SHA1",               TRUE },
    { SIGNATURES_ECDSA,     "SIGN-ECDSA-SHA1",             TRUE },
    /* clang-format on */
};

/* NO_SHUFFLE_EXTENSIONS: servers have seen Windows' fixed order for twenty years, and GnuTLS 3.8.9 sends a
 * second hello in another order than the first without it. SERVER_PRECEDENCE: of a server, our order counts.
 */
static const char options[] = ":+CTYPE-X509:+COMP-NULL:%NO_SHUFFLE_EXTENSIONS:%SERVER_PRECEDENCE";

static const char *const renegotiations[] = {
    [RENEGOTIATION_SECURE] = ":%PARTIAL_RENEGOTIATION",
    [RENEGOTIATION_STRICT] = ":%SAFE_RENEGOTIATION",
    [RENEGOTIATION_INSECURE] = ":%UNSAFE_RENEGOTIATION",
};

struct writer
{
    char *text;
    size_t size;
};

/* Everything that can be written fits: PRIORITY_SIZE is three times the longest string. */
static void __attribute__((format(gnu_printf, 2, 3)))
write_text(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(writer->text + writer->size, PRIORITY_SIZE - writer->size, format, arguments);
    va_end(arguments);
    if (size > 0) writer->size = min(writer->size + (size_t)size, PRIORITY_SIZE - 1);
}

/* A word, unless an earlier suite had it. */
static void write_once(struct writer *writer, const char *first, const char *second)
{
    char word[40];
    const char *at;
    size_t size = (size_t)snprintf(word, sizeof(word), ":+%s%s", first, second);

    for (at = writer->text; (at = strstr(at, word)); at++)
        if (!at[size] || at[size] == ':') return;
    write_text(writer, "%s", word);
}

/* A suite is TLS 1.3's or everybody else's. */
static BOOL is_of(const struct suite *suite, DWORD protocols)
{
    return (protocols & (suite_is_tls13(suite) ? SP_PROT_TLS1_3 : ~(DWORD)SP_PROT_TLS1_3)) != 0;
}

static void write_suites(struct writer *writer, const struct choice *choice, DWORD protocols)
{
    BOOL curves = FALSE, fields = FALSE;
    const struct group *groups;
    unsigned i, count;

    for (i = 0; i < choice->suite_count; i++)
    {
        const struct suite *suite = choice->suites[i];

        if (!is_of(suite, protocols)) continue;
        write_once(writer, suite->cipher->word, "");
        write_once(writer, suite->cipher->mode == SUITE_AEAD ? "AEAD" : suite->hash->word, "");
        if (!suite_is_tls13(suite)) write_once(writer, suite->exchange->word, suite->signature->word);
        curves |= suite_is_tls13(suite) || suite->exchange->algorithm == CALG_ECDH_EPHEM;
        fields |= suite->exchange->algorithm == CALG_DH_EPHEM;
    }
    for (i = 0; curves && i < choice->group_count; i++) write_text(writer, ":+%s", choice->groups[i]->word);
    groups = group_rows(&count);
    for (i = 0; fields && i < count; i++)
        if (!groups[i].curve && groups[i].bits >= choice->limits.dh_server_min &&
            (!choice->limits.dh_max || groups[i].bits <= choice->limits.dh_max))
            write_text(writer, ":+%s", groups[i].word);
}

static void write_signatures(struct writer *writer, const struct choice *choice, DWORD protocols)
{
    BOOL sha1 = choice->signatures & SIGNATURES_SHA1 || protocols & OLD_PROTOCOLS;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(signatures); i++)
        if (choice->signatures & signatures[i].kind && (sha1 || !signatures[i].sha1))
            write_text(writer, ":+%s", signatures[i].word);
}

BOOL priority_string(const struct choice *choice, DWORD mask, enum renegotiation renegotiation,
                     char text[PRIORITY_SIZE])
{
    struct writer writer = { text, 0 };
    DWORD protocols = choice->protocols & mask;
    BOOL any = FALSE;
    unsigned i;

    write_text(&writer, "NONE");
    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        if (!(protocols & versions[i].protocol)) continue;
        write_text(&writer, ":+%s", versions[i].version);
        any = TRUE;
    }
    write_suites(&writer, choice, protocols);
    write_signatures(&writer, choice, protocols);
    write_text(&writer, "%s%s", options, renegotiations[renegotiation]);
    return any && choice->suite_count;
}

unsigned priority_suites(const struct choice *choice, BYTE ids[SUITES_MAX][2])
{
    unsigned i;

    for (i = 0; i < choice->suite_count; i++)
    {
        ids[i][0] = (BYTE)(choice->suites[i]->id >> 8);
        ids[i][1] = (BYTE)choice->suites[i]->id;
    }
    return choice->suite_count;
}
