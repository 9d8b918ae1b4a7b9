/*
 * Chains and what is thought of them: each thing that can be wrong, and its twin that is right.
 *
 * tests/pki.py makes the chains; the prefix trusts its root.
 */
#include "test.h"
#include "certificates.h"
#include "pair.h"

static struct certificates_finding finding; /* of the last chain that was judged */

static SECURITY_STATUS judge(const char *name, const WCHAR *target, DWORD flags)
{
    struct span chain[PEER_CHAIN_MAX];
    unsigned count = pki_chain(name, chain);
    struct span nothing = { NULL, 0 };
    struct target parsed;
    PCCERT_CONTEXT leaf;
    SECURITY_STATUS status;

    target_parse(target, &parsed);
    ok(count > 0, "%s: no chain\n", name);
    if ((status = certificates_open(chain, count, &leaf))) return status;
    status = certificates_verify(leaf, &parsed, flags, nothing, &finding);
    CertFreeCertificateContext(leaf);
    return status;
}

#define LOCAL L"localhost"

static const struct
{
    const char *chain;
    const WCHAR *target;
    SECURITY_STATUS status;
} verdicts[] = {
    /* clang-format off */
    { "rsa",                  LOCAL,                    SEC_E_OK },
    { "ecdsa",                LOCAL,                    SEC_E_OK },
    { "with-root",            LOCAL,                    SEC_E_OK },
    { "disordered",           LOCAL,                    SEC_E_OK },
    { "any-use",              LOCAL,                    SEC_E_OK },
    { "own-root",             LOCAL,                    SEC_E_OK },
    { "from-short-path",      LOCAL,                    SEC_E_OK },
    { "rsa1024",              LOCAL,                    SEC_E_OK },

    /* names */
    { "rsa",                  NULL,                     SEC_E_OK },
    { "rsa",                  L"LocalHost",             SEC_E_OK },
    { "rsa",                  L"localhost.",            SEC_E_OK },
    { "rsa",                  L"127.0.0.1",             SEC_E_OK },
    { "rsa",                  L"127.0.0.2",             SEC_E_WRONG_PRINCIPAL },
    { "rsa",                  L"::1",                   SEC_E_WRONG_PRINCIPAL },
    { "rsa",                  L"example.test",          SEC_E_WRONG_PRINCIPAL },
    { "rsa",                  L"localhost.example.test", SEC_E_WRONG_PRINCIPAL },
    { "rsa",                  L"local",                 SEC_E_WRONG_PRINCIPAL },
    { "name-only-in-cn",      LOCAL,                    SEC_E_OK },
    { "name-only-in-cn",      L"other.test",            SEC_E_WRONG_PRINCIPAL },
    { "cn-beside-san",        L"other.test",            SEC_E_OK },
    { "cn-beside-san",        LOCAL,                    SEC_E_WRONG_PRINCIPAL },
    { "wildcard",             L"www.example.test",      SEC_E_OK },
    { "wildcard",             L"WWW.EXAMPLE.TEST",      SEC_E_OK },
    { "wildcard",             L"example.test",          SEC_E_WRONG_PRINCIPAL },
    { "wildcard",             L"a.b.example.test",      SEC_E_WRONG_PRINCIPAL },
    { "wildcard",             L".example.test",         SEC_E_WRONG_PRINCIPAL },
    { "wildcard",             L"wwwexample.test",       SEC_E_WRONG_PRINCIPAL },
    { "wildcard",             L"*.example.test",        SEC_E_WRONG_PRINCIPAL },

    /* times */
    { "expired",              LOCAL,                    SEC_E_CERT_EXPIRED },
    { "not-yet",              LOCAL,                    SEC_E_CERT_EXPIRED },
    { "from-expired",         LOCAL,                    SEC_E_CERT_EXPIRED },

    /* roots */
    { "untrusted",            LOCAL,                    SEC_E_UNTRUSTED_ROOT },
    { "untrusted-with-root",  LOCAL,                    SEC_E_UNTRUSTED_ROOT },
    { "selfsigned",           LOCAL,                    SEC_E_UNTRUSTED_ROOT },
    { "incomplete",           LOCAL,                    SEC_E_UNTRUSTED_ROOT },
    { "crossed",              LOCAL,                    SEC_E_OK },

    /* uses and rights */
    { "clientuse",            LOCAL,                    SEC_E_CERT_WRONG_USAGE },
    { "from-no-ca",           LOCAL,                    SEC_E_CERT_UNKNOWN },
    { "too-long",             LOCAL,                    SEC_E_CERT_UNKNOWN },
    { "constrained-good",     L"www.example.test",      SEC_E_OK },
    { "constrained-bad",      L"www.other.test",        SEC_E_CERT_UNKNOWN },
    { "from-excluding-good",  L"www.other.test",        SEC_E_OK },
    { "from-excluding-bad",   L"www.example.test",      SEC_E_CERT_UNKNOWN },
    { "critical",             LOCAL,                    SEC_E_CERT_UNKNOWN },

    /* signatures */
    { "tampered",             LOCAL,                    SEC_E_CERT_UNKNOWN },
    { "sha1",                 LOCAL,                    SEC_E_CERT_UNKNOWN },
    { "md5",                  LOCAL,                    SEC_E_CERT_UNKNOWN },
    { "rsa512",               LOCAL,                    SEC_E_CERT_UNKNOWN },
    /* clang-format on */
};

static void test_each_chain_gets_its_verdict(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(verdicts); i++)
    {
        SECURITY_STATUS status = judge(verdicts[i].chain, verdicts[i].target, 0);

        ok(status == verdicts[i].status, "%s for %ls: %#lx, not %#lx\n", verdicts[i].chain,
           verdicts[i].target ? verdicts[i].target : L"any name", status, verdicts[i].status);
    }
}

static void test_the_name_may_go_unchecked_and_nothing_else(void)
{
    ok_status(judge("rsa", L"example.test", SCH_CRED_NO_SERVERNAME_CHECK), SEC_E_OK);
    ok_status(judge("expired", L"example.test", SCH_CRED_NO_SERVERNAME_CHECK), SEC_E_CERT_EXPIRED);
    ok_status(judge("untrusted", L"example.test", SCH_CRED_NO_SERVERNAME_CHECK), SEC_E_UNTRUSTED_ROOT);
    ok_status(judge("md5", L"example.test", SCH_CRED_NO_SERVERNAME_CHECK), SEC_E_CERT_UNKNOWN);
}

#define END    SCH_CRED_REVOCATION_CHECK_END_CERT
#define ALL    SCH_CRED_REVOCATION_CHECK_CHAIN
#define BELOW  SCH_CRED_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT
#define ABSENT SCH_CRED_IGNORE_NO_REVOCATION_CHECK
#define AWAY   SCH_CRED_IGNORE_REVOCATION_OFFLINE

static void test_revocation_is_looked_at_when_asked_for(void)
{
    static const struct
    {
        const char *chain;
        DWORD flags;
        SECURITY_STATUS status;
    } rows[] = {
        /* clang-format off */
        { "crl-revoked",  0,              SEC_E_OK },
        { "crl-offline",  0,              SEC_E_OK },
        { "crl-none",     ABSENT | AWAY,  SEC_E_OK },
        { "crl-good",     END,            SEC_E_OK },
        { "crl-revoked",  END,            CRYPT_E_REVOKED },
        { "crl-revoked",  END | ABSENT | AWAY, CRYPT_E_REVOKED },
        { "crl-offline",  END,            CRYPT_E_REVOCATION_OFFLINE },
        { "crl-offline",  END | AWAY,     SEC_E_OK },
        { "crl-offline",  END | ABSENT,   CRYPT_E_REVOCATION_OFFLINE },
        { "crl-none",     END,            CRYPT_E_NO_REVOCATION_CHECK },
        { "crl-none",     END | ABSENT,   SEC_E_OK },
        { "crl-none",     END | AWAY,     CRYPT_E_NO_REVOCATION_CHECK },
        { "crl-good",     BELOW,          SEC_E_OK },
        { "crl-revoked",  BELOW,          CRYPT_E_REVOKED },
        { "from-revoked", END,            SEC_E_OK },
        { "from-revoked", BELOW,          CRYPT_E_REVOKED },
        { "from-revoked", ALL,            CRYPT_E_REVOKED },
        /* clang-format on */
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SECURITY_STATUS status = judge(rows[i].chain, LOCAL, rows[i].flags);

        ok(status == rows[i].status, "%s, flags %#lx: %#lx, not %#lx\n", rows[i].chain, rows[i].flags, status,
           rows[i].status);
    }
}

/* In days from now, of what tests/pki.py made; a leaf lives for 60, and so do authorities. */
static void test_the_first_end_of_a_chain(void)
{
    static const struct
    {
        const char *chain;
        int least, most;
    } rows[] = { { "rsa", 50, 60 }, { "expired", -10, -2 }, { "from-expired", -10, -2 } };
    FILETIME time;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        LONG64 now, days;

        judge(rows[i].chain, LOCAL, 0);
        GetSystemTimeAsFileTime(&time);
        now = (LONG64)((ULONG64)time.dwHighDateTime << 32 | time.dwLowDateTime);
        days = ((LONG64)finding.until - now) / (86400 * 10000000ll);
        ok(days >= rows[i].least && days <= rows[i].most, "%s: %d days\n", rows[i].chain, (int)days);
    }
}

static void test_what_is_no_certificate(void)
{
    static const uint8_t garbage[] = { 0x30, 0x82, 0xff, 0xff, 0x01 };
    struct span chain[2] = { { garbage, sizeof(garbage) }, { NULL, 0 } };
    PCCERT_CONTEXT leaf;

    ok_status(certificates_open(chain, 1, &leaf), SEC_E_CERT_UNKNOWN);
    ok_status(certificates_open(chain + 1, 1, &leaf), SEC_E_CERT_UNKNOWN);
    ok_status(certificates_open(chain, 0, &leaf), SEC_E_NO_CREDENTIALS);
}

START_TEST(certificates)
{
    profile_library_open();
    RUN(test_each_chain_gets_its_verdict);
    RUN(test_the_name_may_go_unchecked_and_nothing_else);
    RUN(test_revocation_is_looked_at_when_asked_for);
    RUN(test_the_first_end_of_a_chain);
    RUN(test_what_is_no_certificate);
}
