/*
 * What a credential allows, in GnuTLS's words.
 *
 * The string starts from NONE, so nothing is on that is not named here; GnuTLS's own defaults, a
 * distribution's policy and the environment have no say (deps/patches). Order is preference. The products of
 * the names below are exactly the suites Windows 11 enables (tests/priority.c compares the two lists).
 */
#include "priority.h"
#include <stdio.h>

static const struct
{
    DWORD protocol;
    const char *version;
} versions[] = {
    /* clang-format off */
    { SP_PROT_TLS1_3, "VERS-TLS1.3" },
    { SP_PROT_TLS1_2, "VERS-TLS1.2" },
    { SP_PROT_TLS1_1, "VERS-TLS1.1" },
    { SP_PROT_TLS1_0, "VERS-TLS1.0" },
    { SP_PROT_SSL3,   "VERS-SSL3.0" },
    /* clang-format on */
};

static const char algorithms[] = ":+AES-256-GCM:+AES-128-GCM:+AES-256-CBC:+AES-128-CBC"
                                 ":+AEAD:+SHA384:+SHA256:+SHA1"
                                 ":+ECDHE-ECDSA:+ECDHE-RSA:+RSA"
                                 ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
                                 ":+CTYPE-X509:+COMP-NULL";

static const char signatures[] =
    ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"
    ":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"
    ":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384"
    ":+SIGN-ECDSA-SECP521R1-SHA512"
    ":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512"
    ":+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512";

/* Up to TLS 1.1 signatures are made with SHA-1 and nothing else: whoever turns those versions on, wants it.
 */
static const char old_signatures[] = ":+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1";

/* NO_SHUFFLE_EXTENSIONS: servers have seen Windows' fixed order for twenty years, and GnuTLS 3.8.9 sends a
 * second hello in another order than the first without it. SERVER_PRECEDENCE: of a server, our order counts.
 */
static const char options[] = ":%NO_SHUFFLE_EXTENSIONS:%SERVER_PRECEDENCE";

static const char *const renegotiations[] = {
    [RENEGOTIATION_SECURE] = ":%PARTIAL_RENEGOTIATION",
    [RENEGOTIATION_STRICT] = ":%SAFE_RENEGOTIATION",
    [RENEGOTIATION_INSECURE] = ":%UNSAFE_RENEGOTIATION",
};

BOOL priority_string(DWORD protocols, enum renegotiation renegotiation, char text[PRIORITY_SIZE])
{
    size_t size = (size_t)snprintf(text, PRIORITY_SIZE, "NONE");
    BOOL any = FALSE;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        if (!(protocols & versions[i].protocol)) continue;
        size += (size_t)snprintf(text + size, PRIORITY_SIZE - size, ":+%s", versions[i].version);
        any = TRUE;
    }
    snprintf(text + size, PRIORITY_SIZE - size, "%s%s%s%s%s", algorithms, signatures,
             protocols & (SP_PROT_SSL3 | SP_PROT_TLS1_0 | SP_PROT_TLS1_1) ? old_signatures : "", options,
             renegotiations[renegotiation]);
    return any;
}
