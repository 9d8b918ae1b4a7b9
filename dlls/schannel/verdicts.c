/*
 * Verdicts on chains: good ones are kept for a little while, since asking crypt32 costs a millisecond.
 *
 * The key has in it how often the stores have changed so far. So a verdict that was asked for before a change
 * and comes after it lies where nobody looks.
 */
#include "verdicts.h"
#include "cache.h"
#include "chain.h"
#include "registry.h"
#include "revocation.h"
#include "session.h"

#define LIFETIME ((ULONG64)VERDICT_LIFETIME * 10000000)

/* Where crypt32 has its stores (Microsoft: "System Store Locations"), as this process sees the registry. */
#define STORES     L"Software\\Microsoft\\SystemCertificates"
#define POLICIES   L"Software\\Policies\\Microsoft\\SystemCertificates"
#define ENTERPRISE L"Software\\Microsoft\\EnterpriseCertificates"

static struct
{
    SRWLOCK lock; /* of what follows; it is held while the registry is asked */
    ULONG64 generation;
    struct registry_watch watch;
} stores = {
    .lock = SRWLOCK_INIT,
    .watch = { .places = { { HKEY_LOCAL_MACHINE, STORES, 0 },
                           { HKEY_CURRENT_USER, STORES, 0 },
                           { HKEY_LOCAL_MACHINE, POLICIES, 0 },
                           { HKEY_CURRENT_USER, POLICIES, 0 },
                           { HKEY_LOCAL_MACHINE, ENTERPRISE, 0 } },
               .count = 5 },
};

static struct cache cache = { .limit = VERDICTS_MAX };

struct verdict
{
    ULONG64 made, until; /* good from then until before then */
    DWORD trust;
};

C_ASSERT(sizeof(struct verdict_key) <= CACHE_KEY_MAX);
C_ASSERT(CHAIN_PRINT_SIZE == sizeof(((struct verdict_key *)0)->print));

static void forget_all(void)
{
    struct span all = { NULL, 0 };

    stores.generation++;
    cache_remove_all(&cache, all);
}

void verdicts_empty(void)
{
    AcquireSRWLockExclusive(&stores.lock);
    forget_all();
    ReleaseSRWLockExclusive(&stores.lock);
}

/* FALSE: nobody would tell of the next change. */
static BOOL current_generation(ULONG64 *generation)
{
    enum registry_change change;

    AcquireSRWLockExclusive(&stores.lock);
    change = registry_watch_ask(&stores.watch);
    if (change != REGISTRY_SAME) forget_all();
    *generation = stores.generation;
    ReleaseSRWLockExclusive(&stores.lock);
    return change != REGISTRY_UNWATCHED;
}

static BOOL print_question(const struct verdict_question *question, uint8_t print[CHAIN_PRINT_SIZE])
{
    static const struct target none;
    const struct target *target = question->target ? question->target : &none;
    DWORD facts[] = { question->target != NULL, target->kind, question->flags };
    struct span parts[3 + PEER_CHAIN_MAX] = { { (const uint8_t *)facts, sizeof(facts) },
                                              { (const uint8_t *)target->name, strlen(target->name) },
                                              question->stapled };

    if (question->count > PEER_CHAIN_MAX) return FALSE;
    memcpy(parts + 3, question->chain, question->count * sizeof(*parts));
    return chain_print(parts, 3 + question->count, print);
}

/* A revocation is news from elsewhere, which comes whenever it comes. */
BOOL verdicts_key(const struct verdict_question *question, struct verdict_key *key)
{
    return !revocation_chain_flags(question->flags) && current_generation(&key->generation) &&
           print_question(question, key->print);
}

static struct span span_of_key(const struct verdict_key *key)
{
    struct span span = { (const uint8_t *)key, sizeof(*key) };

    return span;
}

/* A clock that was set back makes a verdict of the future, which counts for nothing. */
BOOL verdicts_find(const struct verdict_key *key, ULONG64 now, DWORD *trust)
{
    struct verdict verdict;
    uint8_t *kept;
    size_t size;

    if (!(kept = cache_get(&cache, span_of_key(key), &size))) return FALSE;
    memcpy(&verdict, kept, sizeof(verdict));
    cache_free(kept, size);
    if (now < verdict.made || now >= verdict.until) return FALSE;
    *trust = verdict.trust;
    return TRUE;
}

void verdicts_keep(const struct verdict_key *key, ULONG64 now, const struct certificates_finding *finding)
{
    struct verdict verdict = { now, min(now + LIFETIME, finding->until), finding->trust };
    struct span data = { (const uint8_t *)&verdict, sizeof(verdict) };

    cache_put(&cache, span_of_key(key), data, verdict.until);
}

/* Asks crypt32 and GnuTLS. */
static SECURITY_STATUS ask(const struct verdict_question *question, struct certificates_finding *finding)
{
    PCCERT_CONTEXT leaf;
    SECURITY_STATUS status;

    if (certificates_open(question->chain, question->count, &leaf)) return SEC_E_CERT_UNKNOWN;
    status = certificates_verify(leaf, question->target, question->flags, question->stapled, finding);
    CertFreeCertificateContext(leaf);
    return status;
}

SECURITY_STATUS verdicts_judge(const struct verdict_question *question, DWORD *trust)
{
    struct certificates_finding finding = { 0, 0 };
    struct verdict_key key;
    BOOL has_key = verdicts_key(question, &key);
    ULONG64 now = cache_now();
    SECURITY_STATUS status;

    if (has_key && verdicts_find(&key, now, trust)) return SEC_E_OK;
    status = ask(question, &finding);
    *trust = finding.trust;
    if (!status && has_key) verdicts_keep(&key, now, &finding);
    return status;
}
