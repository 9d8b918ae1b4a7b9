/*
 * What is known of chains: a good verdict is given again for the very same question, and for no other, nor
 * when it may have become another one.
 *
 * Who gives a verdict again is seen by planting one for a chain that is none: asked anew, it is
 * SEC_E_CERT_UNKNOWN.
 */
#include "test.h"
#include "pair.h"
#include "cache.h"
#include "verdicts.h"

BOOL WINAPI ssl_empty_cache_w(const WCHAR *name, DWORD flags);

#define SECOND 10000000ull
#define MARK   0x5a5a /* no bits of crypt32's */

static const uint8_t garbage[] = "no certificate, nor any other of these";

static struct target target_of(enum target_kind kind, const char *name)
{
    struct target target = { .kind = kind };

    strcpy(target.name, name);
    return target;
}

static BOOL is_known_at(const struct verdict_question *question, ULONG64 now)
{
    struct verdict_key key;
    DWORD trust;

    return verdicts_key(question, &key) && verdicts_find(&key, now, &trust);
}

static BOOL is_known(const struct verdict_question *question)
{
    return is_known_at(question, cache_now());
}

static void plant_until(const struct verdict_question *question, ULONG64 now, ULONG64 until)
{
    struct certificates_finding finding = { MARK, until };
    struct verdict_key key;

    if (!verdicts_key(question, &key))
        ok(0, "no key\n");
    else
        verdicts_keep(&key, now, &finding);
}

static void plant(const struct verdict_question *question)
{
    plant_until(question, cache_now(), cache_now() + 3600 * SECOND);
}

/* Whether it is given again; otherwise it was asked anew. */
static BOOL is_given(const struct verdict_question *question)
{
    DWORD trust = 0;
    SECURITY_STATUS status = verdicts_judge(question, &trust);

    if (!status && trust == MARK) return TRUE;
    ok_status(status, SEC_E_CERT_UNKNOWN);
    ok(!trust, "trust %#lx\n", trust);
    return FALSE;
}

/* --- real chains ---------------------------------------------------------------------------------------- */

static void test_a_good_verdict_is_kept(void)
{
    static const char *const names[] = { "rsa", "ecdsa", "with-root", "disordered", "crossed" };
    struct target localhost = target_of(TARGET_HOST, "localhost");
    unsigned i, turn;

    for (i = 0; i < ARRAY_SIZE(names); i++)
    {
        struct span chain[PEER_CHAIN_MAX];
        struct verdict_question question = { chain, pki_chain(names[i], chain), &localhost, 0, { NULL, 0 } };

        /* crypt32 itself may write to the registry when it is asked for the first time. */
        for (turn = 0; turn < 4; turn++)
        {
            DWORD trust = MARK;

            if (!turn) ok(!is_known(&question), "%s is known at once\n", names[i]);
            ok_status(verdicts_judge(&question, &trust), SEC_E_OK);
            ok(!trust, "%s: trust %#lx\n", names[i], trust);
        }
        ok(is_known(&question), "%s is not known\n", names[i]);
        verdicts_empty();
        ok(!is_known(&question), "%s is still known\n", names[i]);
    }
}

static void test_a_refusal_is_not(void)
{
    static const struct
    {
        const char *chain, *name;
        DWORD flags;
        SECURITY_STATUS status;
    } rows[] = {
        { "rsa", "example.test", 0, SEC_E_WRONG_PRINCIPAL },
        { "expired", "localhost", 0, SEC_E_CERT_EXPIRED },
        { "untrusted", "localhost", 0, SEC_E_UNTRUSTED_ROOT },
        { "md5", "localhost", 0, SEC_E_CERT_UNKNOWN },
        { "clientuse", "localhost", 0, SEC_E_CERT_WRONG_USAGE },
    };
    unsigned i, turn;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (turn = 0; turn < 2; turn++)
        {
            struct target target = target_of(TARGET_HOST, rows[i].name);
            struct span chain[PEER_CHAIN_MAX];
            struct verdict_question question = {
                chain, pki_chain(rows[i].chain, chain), &target, rows[i].flags, { NULL, 0 }
            };
            DWORD trust;

            ok_status(verdicts_judge(&question, &trust), rows[i].status);
            ok(!is_known(&question), "%s for %s is known\n", rows[i].chain, rows[i].name);
        }
}

static void test_nothing_is_kept_where_revocation_is_asked_for(void)
{
    static const DWORD flags[] = { SCH_CRED_REVOCATION_CHECK_END_CERT, SCH_CRED_REVOCATION_CHECK_CHAIN,
                                   SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT };
    struct target localhost = target_of(TARGET_HOST, "localhost");
    struct span chain[PEER_CHAIN_MAX];
    struct verdict_question question = { chain, pki_chain("crl-revoked", chain), &localhost, 0, { NULL, 0 } };
    struct verdict_key key;
    unsigned i;
    DWORD trust;

    ok_status(verdicts_judge(&question, &trust), SEC_E_OK);
    ok(is_known(&question), "not known\n");
    for (i = 0; i < ARRAY_SIZE(flags); i++)
    {
        question.flags = flags[i];
        ok(!verdicts_key(&question, &key), "flags %#lx: there is a key\n", flags[i]);
    }
    question.flags = SCH_CRED_REVOCATION_CHECK_END_CERT;
    ok_status(verdicts_judge(&question, &trust), CRYPT_E_REVOKED);
}

static void test_a_changed_byte_of_any_certificate(void)
{
    struct target localhost = target_of(TARGET_HOST, "localhost");
    struct span chain[PEER_CHAIN_MAX];
    struct verdict_question question = { chain, pki_chain("with-root", chain), &localhost, 0, { NULL, 0 } };
    unsigned i, changed = 0, known = 0;
    size_t at;

    plant(&question);
    ok(is_known(&question), "not known\n");
    for (i = 0; i < question.count; i++)
        for (at = 0; at < chain[i].size; at += 7, changed++)
        {
            uint8_t *byte = (uint8_t *)chain[i].data + at;

            *byte ^= 1 << at % 8;
            known += is_known(&question);
            *byte ^= 1 << at % 8;
        }
    ok(changed > 200 && !known, "%u of %u are known\n", known, changed);
    ok(is_known(&question), "not known any more\n");
    verdicts_empty();
}

/* --- questions ------------------------------------------------------------------------------------------ */

/* A question of three parts of garbage, its name, and a stapled response. */
struct asked
{
    struct span chain[4];
    struct target target;
    struct verdict_question question;
};

static void ask_base(struct asked *asked)
{
    unsigned i;

    memset(asked, 0, sizeof(*asked));
    for (i = 0; i < 3; i++) asked->chain[i] = (struct span){ garbage + 10 * i, 10 };
    asked->target = target_of(TARGET_HOST, "localhost");
    asked->question = (struct verdict_question){ asked->chain, 3, &asked->target, 0, { garbage, 5 } };
}

static void name_another(struct asked *asked)
{
    asked->target = target_of(TARGET_HOST, "localhosu");
}
static void name_longer(struct asked *asked)
{
    asked->target = target_of(TARGET_HOST, "localhost2");
}
static void name_none(struct asked *asked)
{
    asked->target = target_of(TARGET_NONE, "");
}
static void name_address(struct asked *asked)
{
    asked->target.kind = TARGET_ADDRESS;
}
static void name_impossible(struct asked *asked)
{
    asked->target.kind = TARGET_INVALID;
}
static void be_client(struct asked *asked)
{
    asked->question.target = NULL;
}
static void staple_none(struct asked *asked)
{
    asked->question.stapled = (struct span){ NULL, 0 };
}
static void staple_another(struct asked *asked)
{
    asked->question.stapled.data++;
}
static void staple_longer(struct asked *asked)
{
    asked->question.stapled.size++;
}
static void one_fewer(struct asked *asked)
{
    asked->question.count--;
}
static void one_more(struct asked *asked)
{
    asked->chain[asked->question.count++] = (struct span){ garbage, 10 };
}
static void one_empty_more(struct asked *asked)
{
    asked->question.count++;
}
static void in_another_order(struct asked *asked)
{
    asked->chain[1].data += 10;
    asked->chain[2].data -= 10;
}
static void cut_elsewhere(struct asked *asked)
{
    asked->chain[0].size++;
    asked->chain[1].data++;
    asked->chain[1].size--;
}
static void stapled_as_a_certificate(struct asked *asked)
{
    one_more(asked);
    asked->chain[3] = asked->question.stapled;
    staple_none(asked);
}
static void the_first_stapled(struct asked *asked)
{
    asked->question.stapled = asked->chain[0];
}

static void test_another_question_is_asked_anew(void)
{
    static const struct
    {
        const char *name;
        void (*change)(struct asked *asked);
    } changes[] = {
        { "another name", name_another },
        { "a longer name", name_longer },
        { "no name", name_none },
        { "an address", name_address },
        { "an impossible name", name_impossible },
        { "a client", be_client },
        { "no stapled response", staple_none },
        { "another stapled response", staple_another },
        { "a longer stapled response", staple_longer },
        { "one certificate fewer", one_fewer },
        { "one certificate more", one_more },
        { "an empty certificate more", one_empty_more },
        { "another order", in_another_order },
        { "cut elsewhere", cut_elsewhere },
        { "the response as a certificate", stapled_as_a_certificate },
        { "a certificate as the response", the_first_stapled },
    };
    struct asked asked;
    unsigned i;

    verdicts_empty();
    ask_base(&asked);
    ok(!is_given(&asked.question), "given before it was there\n");
    plant(&asked.question);
    ok(is_given(&asked.question), "not given\n");
    for (i = 0; i < ARRAY_SIZE(changes); i++)
    {
        ask_base(&asked);
        changes[i].change(&asked);
        ok(!is_given(&asked.question), "%s: given\n", changes[i].name);
        /* And the other way round. */
        plant(&asked.question);
        ok(is_given(&asked.question), "%s: not given\n", changes[i].name);
    }
    ask_base(&asked);
    ok(is_given(&asked.question), "not given any more\n");
}

static void test_each_flag_counts(void)
{
    struct asked asked;
    unsigned i;

    verdicts_empty();
    ask_base(&asked);
    plant(&asked.question);
    for (i = 0; i < 32; i++)
    {
        asked.question.flags = 1u << i;
        ok(!is_given(&asked.question), "flags %#lx: given\n", asked.question.flags);
    }
    asked.question.flags = 0;
    ok(is_given(&asked.question), "not given any more\n");
    verdicts_empty();
    asked.question.flags = SCH_CRED_NO_SERVERNAME_CHECK;
    plant(&asked.question);
    ok(is_given(&asked.question), "not given\n");
    asked.question.flags = 0;
    ok(!is_given(&asked.question), "given with the name to be checked\n");
}

static void test_too_many_certificates(void)
{
    struct span chain[PEER_CHAIN_MAX + 1] = { { garbage, 1 } };
    struct verdict_question question = { chain, PEER_CHAIN_MAX, NULL, 0, { NULL, 0 } };
    struct verdict_key key;

    ok(verdicts_key(&question, &key), "no key\n");
    question.count++;
    ok(!verdicts_key(&question, &key), "there is a key\n");
}

/* --- times ---------------------------------------------------------------------------------------------- */

static void test_a_verdict_ends(void)
{
    const ULONG64 now = cache_now(), later = now + 7200 * SECOND;
    const ULONG64 lifetime = VERDICT_LIFETIME * SECOND;
    struct asked asked;

    ask_base(&asked);
    verdicts_empty();
    plant_until(&asked.question, now, later);
    ok(is_known_at(&asked.question, now), "not known when it is made\n");
    ok(is_known_at(&asked.question, now + lifetime - 1), "it ends too early\n");
    ok(!is_known_at(&asked.question, now + lifetime), "it does not end\n");
    ok(!is_known_at(&asked.question, now + 3600 * SECOND), "it does not end\n");

    plant_until(&asked.question, now, now + 10 * SECOND); /* that of a certificate */
    ok(is_known_at(&asked.question, now + 10 * SECOND - 1), "it ends too early\n");
    ok(!is_known_at(&asked.question, now + 10 * SECOND), "it outlives a certificate\n");

    verdicts_empty();
    plant_until(&asked.question, now, now - 1);
    ok(!is_known_at(&asked.question, now), "kept with a certificate that is over\n");
    plant_until(&asked.question, now, 0);
    ok(!is_known_at(&asked.question, now), "kept without a certificate\n");
}

static void test_a_clock_that_is_set_back(void)
{
    const ULONG64 now = cache_now(), until = now + 7200 * SECOND;
    struct asked asked;

    ask_base(&asked);
    verdicts_empty();
    plant_until(&asked.question, now, until);
    ok(!is_known_at(&asked.question, now - 1), "known before it was made\n");
    ok(!is_known_at(&asked.question, now - 86400 * SECOND), "known before it was made\n");
    ok(is_known_at(&asked.question, now), "not known when it is made\n");
    plant_until(&asked.question, now - 30 * SECOND, until); /* asked anew then */
    ok(is_known_at(&asked.question, now - 20 * SECOND), "not known\n");
}

/* --- stores --------------------------------------------------------------------------------------------- */

#define NEW_KEY L"\\schannel-gnutls test"

static const struct
{
    HKEY root;
    const WCHAR *path;
} places[] = {
    { HKEY_LOCAL_MACHINE, L"Software\\Microsoft\\SystemCertificates" },
    { HKEY_CURRENT_USER, L"Software\\Microsoft\\SystemCertificates" },
    { HKEY_LOCAL_MACHINE, L"Software\\Policies\\Microsoft\\SystemCertificates" },
    { HKEY_CURRENT_USER, L"Software\\Policies\\Microsoft\\SystemCertificates" },
    { HKEY_LOCAL_MACHINE, L"Software\\Microsoft\\EnterpriseCertificates" },
};

static BOOL is_there(HKEY root, const WCHAR *path)
{
    HKEY key;

    if (RegOpenKeyExW(root, path, 0, KEY_READ, &key)) return FALSE;
    RegCloseKey(key);
    return TRUE;
}

static void test_a_store_that_changes(void)
{
    struct asked asked;
    DWORD value;
    unsigned i;

    ask_base(&asked);
    for (i = 0; i < ARRAY_SIZE(places); i++)
    {
        BOOL was_there = is_there(places[i].root, places[i].path);
        WCHAR path[200];

        wcscpy(path, places[i].path);
        wcscat(path, NEW_KEY);
        plant(&asked.question);
        ok(is_given(&asked.question), "place %u: not given\n", i);
        for (value = 0; value < 3; value++)
        {
            ok(!RegSetKeyValueW(places[i].root, path, L"x", REG_DWORD, &value, sizeof(value)), "not set\n");
            ok(!is_given(&asked.question), "place %u: given after change %lu\n", i, value);
            plant(&asked.question);
            ok(is_given(&asked.question), "place %u: not given\n", i);
        }
        RegDeleteTreeW(places[i].root, was_there ? path : places[i].path);
        ok(!is_given(&asked.question), "place %u: given after a deletion\n", i);
    }
    plant(&asked.question);
    RegSetKeyValueW(HKEY_CURRENT_USER, L"Software\\Wine" NEW_KEY, L"x", REG_DWORD, &value, sizeof(value));
    ok(is_given(&asked.question), "not given after a change elsewhere\n");
    RegDeleteTreeW(HKEY_CURRENT_USER, L"Software\\Wine" NEW_KEY);
}

/* By crypt32's own hand, as an installer does it: here among the user's authorities, whom nobody trusts. */
static void test_a_certificate_that_comes_and_goes(void)
{
    WCHAR path[200] = L"Software\\Microsoft\\SystemCertificates\\CA\\Certificates\\";
    struct span chain[PEER_CHAIN_MAX];
    PCCERT_CONTEXT certificate = NULL;
    BYTE hash[20];
    DWORD size = sizeof(hash), i;
    struct asked asked;
    HCERTSTORE store;

    ask_base(&asked);
    plant(&asked.question);
    ok(pki_chain("untrusted", chain) > 0, "no chain\n");
    store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"CA");
    ok(CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, chain[0].data, (DWORD)chain[0].size,
                                        CERT_STORE_ADD_REPLACE_EXISTING, &certificate),
       "not added\n");
    CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, hash, &size);
    for (i = 0; i < size; i++) wsprintfW(path + wcslen(path), L"%02X", hash[i]);
    CertFreeCertificateContext(certificate); /* which holds the store, */
    CertCloseStore(store, 0);                /* and Wine writes it when it is closed */
    ok(!is_given(&asked.question), "given although a certificate came\n");
    plant(&asked.question);
    ok(!RegDeleteTreeW(HKEY_CURRENT_USER, path), "it is not where it should be\n");
    ok(!is_given(&asked.question), "given although a certificate went\n");
}

static void test_a_verdict_that_comes_too_late(void)
{
    struct certificates_finding finding = { MARK, cache_now() + 3600 * SECOND };
    struct verdict_key key;
    struct asked asked;
    DWORD value = 1;

    ask_base(&asked);
    verdicts_empty();
    ok(verdicts_key(&asked.question, &key), "no key\n");
    RegSetKeyValueW(HKEY_CURRENT_USER, places[1].path, L"schannel-gnutls test", REG_DWORD, &value,
                    sizeof(value));
    verdicts_keep(&key, cache_now(), &finding); /* asked before the change, or so it may be */
    ok(!is_given(&asked.question), "given\n");
    RegDeleteKeyValueW(HKEY_CURRENT_USER, places[1].path, L"schannel-gnutls test");

    ok(verdicts_key(&asked.question, &key), "no key\n");
    verdicts_empty();
    verdicts_keep(&key, cache_now(), &finding);
    ok(!is_given(&asked.question), "given after it was forgotten\n");
}

/* SslEmptyCache, be it of one server: a verdict does not say whose it is. */
static void test_all_is_forgotten_when_the_program_says_so(void)
{
    struct asked asked;

    ask_base(&asked);
    plant(&asked.question);
    ok(is_given(&asked.question), "not given\n");
    ssl_empty_cache_w(NULL, 0);
    ok(!is_given(&asked.question), "given\n");
    plant(&asked.question);
    ssl_empty_cache_w(L"localhost", 0);
    ok(!is_given(&asked.question), "given\n");
}

/* --- bounds --------------------------------------------------------------------------------------------- */

static void test_so_many_and_no_more(void)
{
    struct asked asked;
    unsigned i, known = 0;

    ask_base(&asked);
    verdicts_empty();
    for (i = 0; i < 3 * VERDICTS_MAX; i++)
    {
        wsprintfA(asked.target.name, "host%u", i);
        plant(&asked.question);
    }
    for (i = 0; i < 3 * VERDICTS_MAX; i++)
    {
        wsprintfA(asked.target.name, "host%u", i);
        known += is_known(&asked.question);
        if (i < 2 * VERDICTS_MAX) ok(!known, "%s is known\n", asked.target.name);
    }
    ok(known == VERDICTS_MAX, "%u are known\n", known);
    verdicts_empty();
}

static DWORD WINAPI use_it(void *argument)
{
    unsigned i, seed = (unsigned)(ULONG_PTR)argument;
    struct asked asked;
    DWORD trust;

    ask_base(&asked);
    for (i = 0; i < 300; i++)
    {
        struct certificates_finding finding = { (i + seed) % 7, cache_now() + 3600 * SECOND };
        struct verdict_key key;

        wsprintfA(asked.target.name, "host%u", (i + seed) % 7);
        if (!verdicts_judge(&asked.question, &trust) && trust != finding.trust) return 1;
        if (verdicts_key(&asked.question, &key)) verdicts_keep(&key, cache_now(), &finding);
        if (!(i % 50)) verdicts_empty();
    }
    return 0;
}

static void test_several_threads(void)
{
    HANDLE threads[4];
    DWORD i, code = 1;

    for (i = 0; i < ARRAY_SIZE(threads); i++)
        threads[i] = CreateThread(NULL, 0, use_it, (void *)(ULONG_PTR)(i * 31), 0, NULL);
    ok(WaitForMultipleObjects(ARRAY_SIZE(threads), threads, TRUE, 60000) == WAIT_OBJECT_0, "they hang\n");
    for (i = 0; i < ARRAY_SIZE(threads); i++)
    {
        GetExitCodeThread(threads[i], &code);
        ok(!code, "thread %lu was given another's verdict\n", i);
        CloseHandle(threads[i]);
    }
    verdicts_empty();
}

START_TEST(verdicts)
{
    profile_library_open();
    RUN(test_a_good_verdict_is_kept);
    RUN(test_a_refusal_is_not);
    RUN(test_nothing_is_kept_where_revocation_is_asked_for);
    RUN(test_a_changed_byte_of_any_certificate);
    RUN(test_another_question_is_asked_anew);
    RUN(test_each_flag_counts);
    RUN(test_too_many_certificates);
    RUN(test_a_verdict_ends);
    RUN(test_a_clock_that_is_set_back);
    RUN(test_a_store_that_changes);
    RUN(test_a_certificate_that_comes_and_goes);
    RUN(test_a_verdict_that_comes_too_late);
    RUN(test_all_is_forgotten_when_the_program_says_so);
    RUN(test_so_many_and_no_more);
    RUN(test_several_threads);
}
