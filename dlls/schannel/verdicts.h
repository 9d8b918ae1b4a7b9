/*
 * Verdicts on chains: good ones are kept for a little while, since asking crypt32 costs a millisecond.
 *
 * A verdict belongs to its question: every certificate the peer has sent, in their order, the name, the side,
 * the credential's flags, the stapled response. Refusals are never kept, nor anything where revocation is
 * asked for. What is kept goes with the next change of a certificate store (of the registry's; crypt32 keeps
 * its own copy for longer), and at the latest after VERDICT_LIFETIME or at the end of a certificate.
 */
#ifndef SCHANNEL_VERDICTS_H
#define SCHANNEL_VERDICTS_H

#include "windows_sspi.h"
#include "certificates.h"
#include "span.h"

/* Seconds. Connections come in bursts; and a change that nobody can watch, as of a store that is no
 * registry's, is not waited for longer than a person would. */
#define VERDICT_LIFETIME 60

#define VERDICTS_MAX     256 /* kept by a process, 150 bytes each */

/* All that decides. */
struct verdict_question
{
    const struct span *chain; /* as the peer has sent it, at most PEER_CHAIN_MAX */
    unsigned count;
    const struct target *target; /* whose chain it has to be; NULL: a client's */
    DWORD flags;                 /* SCH_CRED_* of the credential */
    struct span stapled;
};

/* Judges a chain: certificates_verify's statuses, and SEC_E_CERT_UNKNOWN for what is no chain. `trust`
 * receives crypt32's CERT_TRUST_* bits, 0 when it was not asked. Holds no lock while it asks. */
SECURITY_STATUS verdicts_judge(const struct verdict_question *question, DWORD *trust);

/* Nothing is known any more. */
void verdicts_empty(void);

/* --- its parts, for tests ------------------------------------------------------------------------------- */

/* Where a verdict lies: the state of the stores, and the question's hash. */
struct verdict_key
{
    ULONG64 generation;
    uint8_t print[32];
};

/* FALSE: this verdict must not be kept. A key is to be made before crypt32 is asked: what it says then is not
 * found any more if a store has changed meanwhile. */
BOOL verdicts_key(const struct verdict_question *question, struct verdict_key *key);

/* Whether there is a good verdict at that time (100 ns since 1601), and the chain's bits. */
BOOL verdicts_find(const struct verdict_key *key, ULONG64 now, DWORD *trust);

/* Keeps a good one that was asked for at that time. Without memory nothing is kept. */
void verdicts_keep(const struct verdict_key *key, ULONG64 now, const struct certificates_finding *finding);

#endif
