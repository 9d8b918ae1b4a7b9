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

/* --- a key ---------------------------------------------------------------------------------------------- */

struct test_key
{
    gnutls_privkey_t key;
    enum identity_type type;
    unsigned bits;
    enum signature_scheme only; /* the one scheme it can do; 0: all of its kind */
    BOOL broken;                /* signing fails */
    BOOL short_r;               /* ECDSA: signs until the first byte of r is zero */
    unsigned signatures;
    enum signature_scheme last;
};

static const struct
{
    enum signature_scheme scheme;
    enum identity_type type;
    gnutls_sign_algorithm_t algorithm;
} algorithms[] = {
    { SCHEME_RSA_SHA256, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA256 },
    { SCHEME_RSA_SHA384, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA384 },
    { SCHEME_RSA_SHA512, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA512 },
    { SCHEME_RSA_PSS_RSAE_SHA256, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256 },
    { SCHEME_RSA_PSS_RSAE_SHA384, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384 },
    { SCHEME_RSA_PSS_RSAE_SHA512, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512 },
    { SCHEME_RSA_PSS_PSS_SHA256, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA256 },
    { SCHEME_RSA_PSS_PSS_SHA384, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA384 },
    { SCHEME_RSA_PSS_PSS_SHA512, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA512 },
    { SCHEME_ECDSA_SHA256, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
    { SCHEME_ECDSA_SHA384, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA384 },
    { SCHEME_ECDSA_SHA512, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA512 },
};

static BOOL can_sign(void *context, enum signature_scheme scheme)
{
    struct test_key *key = context;
    unsigned i;

    if (scheme == SCHEME_RSA_MD5_SHA1) return key->type == IDENTITY_RSA && !key->only;
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme && algorithms[i].type == key->type)
            return !key->only || key->only == scheme;
    return FALSE;
}

/* r and s of a DER signature, each as long as the curve's numbers. */
static void split(const gnutls_datum_t *der, unsigned bits, uint8_t *out, size_t *size)
{
    size_t length = (bits + 7) / 8;
    gnutls_datum_t numbers[2];
    unsigned i;

    gnutls_decode_rs_value(der, &numbers[0], &numbers[1]);
    memset(out, 0, 2 * length);
    for (i = 0; i < 2; i++)
    {
        size_t zeros = numbers[i].size > length ? numbers[i].size - length : 0;

        memcpy(out + (i + 1) * length - (numbers[i].size - zeros), numbers[i].data + zeros,
               numbers[i].size - zeros);
        gnutls_free(numbers[i].data);
    }
    *size = 2 * length;
}

static BOOL sign(void *context, enum signature_scheme scheme, struct span hash, uint8_t *signature,
                 size_t *size)
{
    gnutls_datum_t data = { (unsigned char *)hash.data, (unsigned)hash.size }, made;
    gnutls_sign_algorithm_t algorithm = GNUTLS_SIGN_UNKNOWN;
    struct test_key *key = context;
    unsigned i, flags = scheme == SCHEME_RSA_MD5_SHA1 ? GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA : 0;

    key->signatures++;
    key->last = scheme;
    if (key->broken) return FALSE;
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme) algorithm = algorithms[i].algorithm;
    for (;;)
    {
        if (gnutls_privkey_sign_hash2(key->key, algorithm, flags, &data, &made) < 0) return FALSE;
        if (key->type == IDENTITY_ECDSA)
            split(&made, key->bits, signature, size);
        else
            memcpy(signature, made.data, *size = made.size);
        gnutls_free(made.data);
        if (!key->short_r || !signature[0]) return TRUE;
    }
}

static BOOL decrypt(void *context, struct span cipher, uint8_t *plain, size_t *size)
{
    (void)context;
    (void)cipher;
    (void)plain;
    (void)size;
    return FALSE; /* clients do not */
}

/* --- an identity with it -------------------------------------------------------------------------------- */

static gnutls_pk_algorithm_t pk_of(enum identity_type type)
{
    return type == IDENTITY_RSA       ? GNUTLS_PK_RSA
           : type == IDENTITY_RSA_PSS ? GNUTLS_PK_RSA_PSS
                                      : GNUTLS_PK_ECDSA;
}

static unsigned generation_bits(enum identity_type type, unsigned bits)
{
    if (type != IDENTITY_ECDSA) return bits;
    return GNUTLS_CURVE_TO_BITS(bits == 256   ? GNUTLS_ECC_CURVE_SECP256R1
                                : bits == 384 ? GNUTLS_ECC_CURVE_SECP384R1
                                              : GNUTLS_ECC_CURVE_SECP521R1);
}

static struct identity *make(enum identity_type type, unsigned bits, struct test_key *key)
{
    static const unsigned char serial[] = { 2 };
    struct identity_key described = { key, type, bits, can_sign, sign, decrypt };
    struct identity *identity = NULL;
    gnutls_x509_privkey_t private;
    gnutls_datum_t der = { NULL, 0 };
    gnutls_x509_crt_t crt;
    struct span chain;

    memset(key, 0, sizeof(*key));
    key->type = type;
    key->bits = bits;
    gnutls_x509_privkey_init(&private);
    ok(!gnutls_x509_privkey_generate(private, pk_of(type), generation_bits(type, bits), 0), "no key\n");
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=client", NULL);
    gnutls_x509_crt_set_issuer_dn(crt, "CN=client", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, private);
    ok(!gnutls_x509_crt_sign2(crt, crt, private, GNUTLS_DIG_SHA256, 0), "no certificate\n");
    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    gnutls_x509_crt_deinit(crt);
    gnutls_privkey_init(&key->key);
    gnutls_privkey_import_x509(key->key, private, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
    chain.data = der.data;
    chain.size = der.size;
    ok_status(identity_create(&chain, 1, &described, &identity), SEC_E_OK);
    gnutls_free(der.data);
    return identity;
}

static void unmake(struct identity *identity, struct test_key *key)
{
    identity_destroy(identity);
    gnutls_privkey_deinit(key->key);
}

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

    ok_status(profile_create(protocols, &profile), SEC_E_OK);
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
        struct test_key key;
        struct chooser chooser = { .identity = make(rows[i].type, rows[i].bits, &key) };
        SECURITY_STATUS status = once(&chooser, rows[i].protocols, &certificates, &alert);

        ok(!status, "row %u: %#lx\n", i, status);
        ok(chooser.asked == 1 && chooser.suits, "row %u: asked %u times\n", i, chooser.asked);
        ok(certificates == 1, "row %u: the server got %u certificates\n", i, certificates);
        ok(key.signatures == 1, "row %u: %u signatures\n", i, key.signatures);
        ok(key.last == rows[i].scheme || rows[i].protocols == SP_PROT_TLS1_2_CLIENT, "row %u: scheme %#x\n",
           i, key.last);
        unmake((struct identity *)chooser.identity, &key);
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
        struct test_key key;
        struct chooser chooser = { .identity = make(IDENTITY_RSA, 2048, &key) };

        key.only = limits[i].only;
        ok_status(once(&chooser, limits[i].protocols, &certificates, &alert), SEC_E_OK);
        ok(chooser.suits == limits[i].suits, "row %u: suits %d\n", i, chooser.suits);
        ok(certificates == (unsigned)limits[i].suits, "row %u: the server got %u certificates\n", i,
           certificates);
        if (limits[i].suits) ok(key.last == key.only, "row %u: scheme %#x\n", i, key.last);
        unmake((struct identity *)chooser.identity, &key);
    }
}

static void test_numbers_with_zeros_in_front(void)
{
    static const DWORD protocols[] = { SP_PROT_TLS1_2_CLIENT, SP_PROT_TLS1_3_CLIENT };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct test_key key;
        struct chooser chooser = { .identity = make(IDENTITY_ECDSA, 256, &key) };

        key.short_r = TRUE;
        ok_status(once(&chooser, protocols[i], &certificates, &alert), SEC_E_OK);
        ok(certificates == 1, "%u certificates\n", certificates);
        unmake((struct identity *)chooser.identity, &key);
    }
}

static void test_a_key_that_fails_is_an_internal_error(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        unsigned certificates = 0, alert = 0;
        struct test_key key;
        struct chooser chooser = { .identity = make(rows[i].type, rows[i].bits, &key) };
        SECURITY_STATUS status;

        key.broken = TRUE;
        status = once(&chooser, rows[i].protocols, &certificates, &alert);
        ok(status == SEC_E_INTERNAL_ERROR, "row %u: %#lx\n", i, status);
        ok(key.signatures == 1, "row %u: %u signatures\n", i, key.signatures);
        ok(alert == GNUTLS_A_INTERNAL_ERROR, "row %u: alert %u\n", i, alert);
        unmake((struct identity *)chooser.identity, &key);
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
            struct test_key key;
            struct identity *identity = make(IDENTITY_RSA, 2048, &key);
            struct chooser chooser = { .identity = with ? identity : NULL, .later = 2 };

            ok_status(once(&chooser, protocols[i], &certificates, &alert), SEC_E_OK);
            ok(chooser.asked == 3, "asked %u times\n", chooser.asked);
            ok(certificates == with, "%u certificates\n", certificates);
            unmake(identity, &key);
        }
}

static void test_issuers(void)
{
    static const uint8_t other[] = { 0x30, 0x0b, 0x31, 0x09, 0x30, 0x07, 0x06,
                                     0x03, 0x55, 0x04, 0x03, 0x0c, 0x00 };
    static const uint8_t same[] = { 0x30, 0x11, 0x31, 0x0f, 0x30, 0x0d, 0x06, 0x03, 0x55, 0x04,
                                    0x03, 0x13, 0x06, 'c',  'l',  'i',  'e',  'n',  't' };
    enum signature_scheme schemes[] = { SCHEME_RSA_SHA256 };
    struct span names[] = { { other, sizeof(other) }, { same, sizeof(same) } };
    struct identity_request request = { names, 0, schemes, 1, TRUE, TRUE, FALSE };
    struct test_key key;
    struct identity *identity = make(IDENTITY_RSA, 2048, &key);

    ok(identity_suits(identity, &request), "none named: any will do\n");
    request.issuer_count = 1;
    ok(!identity_suits(identity, &request), "another issuer\n");
    request.issuer_count = 2;
    ok(identity_suits(identity, &request), "the second\n");
    request.rsa = FALSE;
    ok(!identity_suits(identity, &request), "RSA is not wanted\n");
    unmake(identity, &key);
}

static void test_what_is_no_certificate(void)
{
    static const uint8_t junk[] = { 0x30, 0x82, 0xff, 0xff, 1, 2, 3 };
    struct span chain = { junk, sizeof(junk) };
    struct identity_key key = { NULL, IDENTITY_RSA, 2048, can_sign, sign, decrypt };
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
