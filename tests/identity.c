/*
 * Identities: keys that somebody else holds, in handshakes with a server that asks for a certificate. Here
 * the test holds them, of every kind, also those that Wine's CryptoAPI and CNG have no way to hold.
 */
#include "test.h"
#include "session.h"
#include "identity.h"
#include "pair.h"
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

/* --- handshakes ----------------------------------------------------------------------------------------- */

struct chooser
{
    const struct identity *identity; /* offered if it suits */
    unsigned later;                  /* how often the answer is "later" */
    unsigned asked;
    BOOL suits;
};

static SECURITY_STATUS choose(void *owner, const struct identity_request *request,
                              const struct identity **identity)
{
    struct chooser *chooser = owner;

    chooser->asked++;
    if (chooser->later)
    {
        chooser->later--;
        return SEC_I_INCOMPLETE_CREDENTIALS;
    }
    chooser->suits = chooser->identity && identity_suits(chooser->identity, request);
    if (chooser->suits) *identity = chooser->identity;
    return SEC_E_OK;
}

#define EVERYTHING "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0:+SIGN-ALL"

/* A handshake with a server that asks: what became of it, how many certificates the server got, and the
 * alert. */
static SECURITY_STATUS once(struct chooser *chooser, DWORD protocols, unsigned *certificates, unsigned *alert)
{
    struct session_config config = { .choose = choose, .owner = chooser };
    SECURITY_STATUS status = SEC_E_INTERNAL_ERROR;
    struct peer *peer = peer_create(EVERYTHING);
    struct profile *profile;
    struct session *session;
    unsigned turns;

    ok_status(profile_for(protocols, &profile), SEC_E_OK);
    config.profile = profile;
    ok_status(session_create(&config, &session), SEC_E_OK);
    gnutls_certificate_server_set_request(peer->tls, GNUTLS_CERT_REQUEST);
    for (turns = 0; turns < 4; turns++)
        if ((status = pair_handshake(session, peer)) != SEC_I_INCOMPLETE_CREDENTIALS) break;
    *certificates = 0;
    gnutls_certificate_get_peers(peer->tls, certificates);
    if (status)
    {
        peer_feed(peer, session_output(session));
        peer_handshake(peer);
        *alert = gnutls_alert_get(peer->tls);
    }
    session_destroy(session);
    profile_destroy(profile);
    peer_destroy(peer);
    return status;
}

static const struct
{
    enum identity_type type;
    unsigned bits;
    DWORD protocols;
    enum signature_scheme scheme;
} rows[] = {
    { IDENTITY_RSA, 2048, SP_PROT_TLS1_3_CLIENT, SCHEME_RSA_PSS_RSAE_SHA256 },
    { IDENTITY_RSA, 2048, SP_PROT_TLS1_2_CLIENT, SCHEME_RSA_SHA256 },
    { IDENTITY_RSA, 2048, SP_PROT_TLS1_1_CLIENT, SCHEME_RSA_MD5_SHA1 },
    { IDENTITY_RSA, 2048, SP_PROT_TLS1_0_CLIENT, SCHEME_RSA_MD5_SHA1 },
    { IDENTITY_RSA_PSS, 2048, SP_PROT_TLS1_3_CLIENT, SCHEME_RSA_PSS_PSS_SHA256 },
    { IDENTITY_RSA_PSS, 2048, SP_PROT_TLS1_2_CLIENT, SCHEME_RSA_PSS_PSS_SHA256 },
    { IDENTITY_ECDSA, 256, SP_PROT_TLS1_3_CLIENT, SCHEME_ECDSA_SHA256 },
    { IDENTITY_ECDSA, 256, SP_PROT_TLS1_2_CLIENT, SCHEME_ECDSA_SHA256 },
    { IDENTITY_ECDSA, 384, SP_PROT_TLS1_3_CLIENT, SCHEME_ECDSA_SHA384 },
    { IDENTITY_ECDSA, 384, SP_PROT_TLS1_2_CLIENT, SCHEME_ECDSA_SHA256 },
    { IDENTITY_ECDSA, 521, SP_PROT_TLS1_3_CLIENT, SCHEME_ECDSA_SHA512 },
    { IDENTITY_ECDSA, 521, SP_PROT_TLS1_2_CLIENT, SCHEME_ECDSA_SHA256 },
};

static void test_keys_of_every_kind_sign_handshakes(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct held_key key;
        struct chooser chooser = { .identity = held_identity(rows[i].type, rows[i].bits, &key) };
        SECURITY_STATUS status = once(&chooser, rows[i].protocols, &certificates, &alert);

        ok(!status, "row %u: %#lx\n", i, status);
        ok(chooser.asked == 1 && chooser.suits, "row %u: asked %u times\n", i, chooser.asked);
        ok(certificates == 1, "row %u: the server got %u certificates\n", i, certificates);
        ok(key.signatures == 1, "row %u: %u signatures\n", i, key.signatures);
        ok(key.last == rows[i].scheme || rows[i].protocols == SP_PROT_TLS1_2_CLIENT, "row %u: scheme %#x\n",
           i, key.last);
        held_close((struct identity *)chooser.identity, &key);
    }
}

static void test_only_what_a_key_can_do_is_used(void)
{
    static const struct
    {
        enum signature_scheme only;
        DWORD protocols;
        BOOL suits;
    } limits[] = {
        { SCHEME_RSA_SHA512, SP_PROT_TLS1_2_CLIENT, TRUE },
        { SCHEME_RSA_SHA512, SP_PROT_TLS1_3_CLIENT, FALSE }, /* PKCS #1 signs nothing there */
        { SCHEME_RSA_PSS_RSAE_SHA384, SP_PROT_TLS1_2_CLIENT, TRUE },
        { SCHEME_RSA_PSS_RSAE_SHA384, SP_PROT_TLS1_3_CLIENT, TRUE },
        { SCHEME_RSA_SHA384, SP_PROT_TLS1_1_CLIENT, FALSE }, /* which hashes with MD5 and SHA-1 alone */
        { SCHEME_RSA_SHA1, SP_PROT_TLS1_2_CLIENT, FALSE },   /* off */
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(limits); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct held_key key;
        struct chooser chooser = { .identity = held_identity(IDENTITY_RSA, 2048, &key) };

        key.only = limits[i].only;
        ok_status(once(&chooser, limits[i].protocols, &certificates, &alert), SEC_E_OK);
        ok(chooser.suits == limits[i].suits, "row %u: suits %d\n", i, chooser.suits);
        ok(certificates == (unsigned)limits[i].suits, "row %u: the server got %u certificates\n", i,
           certificates);
        if (limits[i].suits) ok(key.last == key.only, "row %u: scheme %#x\n", i, key.last);
        held_close((struct identity *)chooser.identity, &key);
    }
}

static void test_numbers_with_zeros_in_front(void)
{
    static const DWORD protocols[] = { SP_PROT_TLS1_2_CLIENT, SP_PROT_TLS1_3_CLIENT };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct held_key key;
        struct chooser chooser = { .identity = held_identity(IDENTITY_ECDSA, 256, &key) };

        key.short_r = TRUE;
        ok_status(once(&chooser, protocols[i], &certificates, &alert), SEC_E_OK);
        ok(certificates == 1, "%u certificates\n", certificates);
        held_close((struct identity *)chooser.identity, &key);
    }
}

static void test_a_key_that_fails_is_an_internal_error(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct held_key key;
        struct chooser chooser = { .identity = held_identity(rows[i].type, rows[i].bits, &key) };
        SECURITY_STATUS status;

        key.broken = TRUE;
        status = once(&chooser, rows[i].protocols, &certificates, &alert);
        ok(status == SEC_E_INTERNAL_ERROR, "row %u: %#lx\n", i, status);
        ok(key.signatures == 1, "row %u: %u signatures\n", i, key.signatures);
        ok(alert == GNUTLS_A_INTERNAL_ERROR, "row %u: alert %u\n", i, alert);
        held_close((struct identity *)chooser.identity, &key);
    }
}

static void test_the_choice_can_wait(void)
{
    static const DWORD protocols[] = { SP_PROT_TLS1_2_CLIENT, SP_PROT_TLS1_3_CLIENT };
    unsigned i, with;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
        for (with = 0; with < 2; with++)
        {
            unsigned certificates = 0, alert = 0;
            struct held_key key;
            struct identity *identity = held_identity(IDENTITY_RSA, 2048, &key);
            struct chooser chooser = { .identity = with ? identity : NULL, .later = 2 };

            ok_status(once(&chooser, protocols[i], &certificates, &alert), SEC_E_OK);
            ok(chooser.asked == 3, "asked %u times\n", chooser.asked);
            ok(certificates == with, "%u certificates\n", certificates);
            held_close(identity, &key);
        }
}

static void test_issuers(void)
{
    static const uint8_t other[] = { 0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06,
                                     0x03, 0x55, 0x04, 0x03, 0x0c, 0x00 };
    static const uint8_t same[] = { 0x30, 0x14, 0x31, 0x12, 0x30, 0x10, 0x06, 0x03, 0x55, 0x04, 0x03,
                                    0x13, 0x09, 'l',  'o',  'c',  'a',  'l',  'h',  'o',  's',  't' };
    enum signature_scheme schemes[] = { SCHEME_RSA_SHA256 };
    struct span names[] = { { other, sizeof(other) }, { same, sizeof(same) } };
    struct identity_request request = { names, 0, schemes, 1, TRUE, TRUE, FALSE };
    struct held_key key;
    struct identity *identity = held_identity(IDENTITY_RSA, 2048, &key);

    ok(identity_suits(identity, &request), "none named: any will do\n");
    request.issuer_count = 1;
    ok(!identity_suits(identity, &request), "another issuer\n");
    request.issuer_count = 2;
    ok(identity_suits(identity, &request), "the second\n");
    request.rsa = FALSE;
    ok(!identity_suits(identity, &request), "RSA is not wanted\n");
    held_close(identity, &key);
}

static void test_what_is_no_certificate(void)
{
    static const uint8_t junk[] = { 0x30, 0x82, 0xff, 0xff, 1, 2, 3 };
    struct span chain = { junk, sizeof(junk) };
    struct identity_key key = { NULL, IDENTITY_RSA, 2048, NULL, NULL, NULL };
    struct identity *identity;

    ok_status(identity_create(&chain, 1, &key, &identity), SEC_E_UNKNOWN_CREDENTIALS);
    ok_status(identity_create(&chain, 0, &key, &identity), SEC_E_UNKNOWN_CREDENTIALS);
    identity_destroy(NULL);
}

START_TEST(identity)
{
    if (!profile_library_open()) return;
    RUN(test_keys_of_every_kind_sign_handshakes);
    RUN(test_only_what_a_key_can_do_is_used);
    RUN(test_numbers_with_zeros_in_front);
    RUN(test_a_key_that_fails_is_an_internal_error);
    RUN(test_the_choice_can_wait);
    RUN(test_issuers);
    RUN(test_what_is_no_certificate);
}
