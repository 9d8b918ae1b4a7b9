/*
 * A choice: the protocols, suites, groups and signatures a credential allows.
 *
 * It begins with what Windows 11 offers. The administrator replaces or thins out, the program thins out, or
 * adds by naming what is known and not offered, unless the administrator forbade it. Nothing here knows
 * GnuTLS or the registry; priority.c writes a choice down for GnuTLS.
 */
#ifndef SCHANNEL_CHOICE_H
#define SCHANNEL_CHOICE_H

#include "groups.h"
#include "suites.h"

/* Every protocol has two SP_PROT_* bits; the server's is the lower one. */
#define PROTOCOLS_CLIENT 0xaaaaaaaau
#define PROTOCOLS_SERVER 0x55555555u

#define DTLS_PROTOCOLS   (SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2)
#define TLS_PROTOCOLS                                                                                        \
    (SP_PROT_SSL2 | SP_PROT_SSL3 | SP_PROT_TLS1_0 | SP_PROT_TLS1_1 | SP_PROT_TLS1_2 | SP_PROT_TLS1_3)

/* Those whose signatures are made with SHA-1 and nothing else. */
#define OLD_PROTOCOLS (SP_PROT_SSL3 | SP_PROT_TLS1_0 | SP_PROT_TLS1_1 | SP_PROT_DTLS1_0)

/* Kinds of signatures, of handshakes and certificates. */
#define SIGNATURES_RSA_PSS   0x1
#define SIGNATURES_RSA_PKCS1 0x2
#define SIGNATURES_ECDSA     0x4
#define SIGNATURES_SHA1      0x8 /* in TLS 1.2, too */

/* In bits; a maximum of 0 is none. Minima of clients are of the server's key, of servers of their own. */
struct key_limits
{
    DWORD rsa_min, rsa_max, dh_min, dh_max, dh_server_min;
};

#define FORBIDDEN_MAX 24

struct choice
{
    DWORD protocols;                        /* SP_PROT_*, of one side or both */
    const struct suite *suites[SUITES_MAX]; /* in order of preference */
    unsigned suite_count;
    const struct group *groups[GROUPS_MAX]; /* curves, in order of preference */
    unsigned group_count;
    unsigned signatures; /* SIGNATURES_* */
    struct key_limits limits;
    BOOL psk;                        /* suites with a pre-shared key, and no others */
    BOOL fixed;                      /* the suites are the administrator's list: nobody adds to them */
    ALG_ID forbidden[FORBIDDEN_MAX]; /* by the administrator */
    unsigned forbidden_count;
};

/* What Windows 11 offers for these protocols (SP_PROT_* bits). */
void choice_init(struct choice *choice, DWORD protocols);

/* --- the administrator ---------------------------------------------------------------------------------- */

/* These suites, in this order, and no others, ever. */
void choice_order_suites(struct choice *choice, const struct suite *const *suites, unsigned count);
void choice_order_groups(struct choice *choice, const struct group *const *groups, unsigned count);

/* No suite with that algorithm. CALG_NULLCIPHER: none without encryption. */
void choice_forbid(struct choice *choice, ALG_ID algorithm);

/* What FIPS 140 approves: nothing weak, no SSL, no ChaCha20 and no X25519. */
void choice_limit_to_fips(struct choice *choice);

/* --- the program ---------------------------------------------------------------------------------------- */

/*
 * palgSupportedAlgs (Microsoft: SCHANNEL_CRED): of ciphers, hashes, exchanges and signatures each, only those
 * in the list, if it has any of that kind (programs name a cipher and leave the rest open). Suites that are
 * used on name only are added when what keeps them back is named: a weak part, or DHE.
 */
void choice_limit_algorithms(struct choice *choice, const ALG_ID *algorithms, unsigned count);

/* dwMinimum- and dwMaximumCipherStrength, in bits: 0 is no limit; a minimum of -1 lets suites without
 * encryption in, and a maximum of -1 as well leaves nothing else (Microsoft: "Specifying Schannel Ciphers and
 * Cipher Strengths"). */
void choice_limit_strengths(struct choice *choice, DWORD minimum, DWORD maximum);

/* SCH_ALLOW_NULL_ENCRYPTION: suites without encryption, after the others. */
void choice_allow_null(struct choice *choice);

/* SCH_USE_STRONG_CRYPTO: nothing that is weak, and no SSL. */
void choice_strong(struct choice *choice);

/* SCH_USE_PRESHAREDKEY_ONLY. TLS 1.3 is left out: Windows' suites for it are TLS 1.2's. */
void choice_use_psk(struct choice *choice);

/* One entry of TLS_PARAMETERS.pDisabledCrypto (Microsoft: CRYPTO_SETTINGS). FALSE: it is no such entry. What
 * it names and is not used counts for nothing. */
BOOL choice_disable(struct choice *choice, const CRYPTO_SETTINGS *settings);

/* --- the end -------------------------------------------------------------------------------------------- */

/* Leaves out protocols for which no suite, group or signature is left. FALSE: all of them. */
BOOL choice_finish(struct choice *choice);

#endif
