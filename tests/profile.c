/*
 * Profiles of servers: which certificate a client gets, and whose sessions are resumed.
 */
#include "test.h"
#include "session.h"
#include "profile.h"
#include "pair.h"

#define TLS12    SP_PROT_TLS1_2_SERVER
#define TLS13    SP_PROT_TLS1_3_SERVER

#define CLIENT12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define CLIENT13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

struct outcome
{
    SECURITY_STATUS status;
    BOOL resumed;
    gnutls_pk_algorithm_t key; /* of the certificate the client got */
    gnutls_datum_t kept;       /* for the next client */
};

/* One connection to a server of the profile. */
static struct outcome connect_to(struct profile *profile, const char *priority, gnutls_datum_t kept, BOOL ask,
                                 BOOL tickets)
{
    struct session_config config = {
        .profile = profile, .server = TRUE, .ask_for_certificate = ask, .tickets = tickets
    };
    struct peer *client = peer_create_client(priority, kept);
    struct outcome outcome = { .status = SEC_E_INTERNAL_ERROR };
    const gnutls_datum_t *certificate;
    struct session *session;
    gnutls_x509_crt_t crt;
    unsigned count = 0;

    ok(client != NULL, "the client does not take %s\n", priority);
    ok_status(session_create(&config, &session), SEC_E_OK);
    outcome.status = pair_handshake(session, client);
    outcome.resumed = !outcome.status && session_facts(session)->resumed;
    if (!outcome.status)
    {
        outcome.kept = peer_session(client);
        if ((certificate = gnutls_certificate_get_peers(client->tls, &count)) && count)
        {
            gnutls_x509_crt_init(&crt);
            gnutls_x509_crt_import(crt, certificate, GNUTLS_X509_FMT_DER);
            outcome.key = gnutls_x509_crt_get_pk_algorithm(crt, NULL);
            gnutls_x509_crt_deinit(crt);
        }
    }
    session_destroy(session);
    peer_destroy(client);
    return outcome;
}

static struct profile *make_profile(DWORD protocols, const struct identity *identity)
{
    struct span nothing = { NULL, 0 };
    struct profile *profile = NULL;

    ok_status(profile_for(protocols, &profile), SEC_E_OK);
    if (identity) ok_status(profile_add_identity(profile, identity, nothing), SEC_E_OK);
    return profile;
}

static const gnutls_datum_t nothing_kept = { NULL, 0 };

static void test_rsa_and_ecdsa_together(void)
{
    static const struct
    {
        const char *priority;
        gnutls_pk_algorithm_t key; /* GNUTLS_PK_UNKNOWN: there is nothing in common */
    } rows[] = {
        { CLIENT12 ":-ECDHE-RSA:-RSA:-DHE-RSA", GNUTLS_PK_ECDSA },
        { CLIENT12 ":-ECDHE-ECDSA", GNUTLS_PK_RSA },
        { CLIENT12 ":-ECDHE-ECDSA:-ECDHE-RSA:-DHE-RSA", GNUTLS_PK_RSA }, /* the key decrypts */
        { CLIENT13 ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256", GNUTLS_PK_ECDSA },
        { CLIENT13 ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256", GNUTLS_PK_RSA },
        { CLIENT13 ":-SIGN-ALL:+SIGN-EDDSA-ED25519", GNUTLS_PK_UNKNOWN },
    };
    struct held_key rsa_key, ecdsa_key;
    struct identity *rsa = held_identity(IDENTITY_RSA, 2048, &rsa_key),
                    *ecdsa = held_identity(IDENTITY_ECDSA, 256, &ecdsa_key);
    struct profile *profile = make_profile(TLS12 | TLS13, rsa);
    struct span nothing = { NULL, 0 };
    unsigned i;

    ok_status(profile_add_identity(profile, ecdsa, nothing), SEC_E_OK);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct outcome outcome = connect_to(profile, rows[i].priority, nothing_kept, FALSE, FALSE);

        if (rows[i].key == GNUTLS_PK_UNKNOWN)
            ok(outcome.status == SEC_E_ALGORITHM_MISMATCH, "row %u: %#lx\n", i, outcome.status);
        else
            ok(!outcome.status && outcome.key == rows[i].key, "row %u: %#lx, key %s\n", i, outcome.status,
               gnutls_pk_get_name(outcome.key));
        gnutls_free(outcome.kept.data);
    }
    profile_destroy(profile);
    held_close(rsa, &rsa_key);
    held_close(ecdsa, &ecdsa_key);
}

static void test_keys_of_every_kind_serve(void)
{
    static const struct
    {
        enum identity_type type;
        unsigned bits;
    } rows[] = { { IDENTITY_RSA, 3072 },
                 { IDENTITY_RSA_PSS, 2048 },
                 { IDENTITY_ECDSA, 256 },
                 { IDENTITY_ECDSA, 384 },
                 { IDENTITY_ECDSA, 521 } };
    static const char *const priorities[] = { CLIENT12, CLIENT13 };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct held_key key;
        struct identity *identity = held_identity(rows[i].type, rows[i].bits, &key);
        struct profile *profile = make_profile(TLS12 | TLS13, identity);

        for (j = 0; j < ARRAY_SIZE(priorities); j++)
        {
            struct outcome outcome = connect_to(profile, priorities[j], nothing_kept, FALSE, FALSE);

            ok(!outcome.status, "row %u, %s: %#lx\n", i, priorities[j], outcome.status);
            gnutls_free(outcome.kept.data);
        }
        ok(key.signatures == 2, "row %u: %u signatures\n", i, key.signatures);
        key.broken = TRUE;
        ok_status(connect_to(profile, CLIENT13, nothing_kept, FALSE, FALSE).status, SEC_E_INTERNAL_ERROR);
        profile_destroy(profile);
        held_close(identity, &key);
    }
}

/* Who resumes whose sessions. */
static void test_resumption(void)
{
    static const struct
    {
        const char *name, *client;
        BOOL tickets;
        BOOL same;         /* the second server is of the same profile */
        BOOL secret;       /* or of another with the same secret */
        BOOL ask[2];       /* the first and the second server ask for a certificate */
        unsigned lifespan; /* of both, in seconds */
        BOOL resumed;
    } rows[] = {
        { "an id", CLIENT12 ":%NO_TICKETS", FALSE, TRUE, FALSE, { FALSE, FALSE }, 60, TRUE },
        { "an id at another server",
          CLIENT12 ":%NO_TICKETS",
          FALSE,
          FALSE,
          FALSE,
          { FALSE, FALSE },
          60,
          FALSE },
        { "an id where it is off", CLIENT12 ":%NO_TICKETS", FALSE, TRUE, FALSE, { FALSE, FALSE }, 0, FALSE },
        { "an id, both ask", CLIENT12 ":%NO_TICKETS", FALSE, TRUE, FALSE, { TRUE, TRUE }, 60, TRUE },
        { "an id, the second asks", CLIENT12 ":%NO_TICKETS", FALSE, TRUE, FALSE, { FALSE, TRUE }, 60, FALSE },
        { "a ticket", CLIENT12, TRUE, TRUE, FALSE, { FALSE, FALSE }, 60, TRUE },
        { "a ticket, the second asks", CLIENT12, TRUE, TRUE, FALSE, { FALSE, TRUE }, 60, FALSE },
        { "a ticket of another", CLIENT12, TRUE, FALSE, FALSE, { FALSE, FALSE }, 60, FALSE },
        { "a ticket of one with the same secret", CLIENT12, TRUE, FALSE, TRUE, { FALSE, FALSE }, 60, TRUE },
        { "a ticket where it is off", CLIENT12, TRUE, TRUE, FALSE, { FALSE, FALSE }, 0, FALSE },
        { "a ticket of TLS 1.3", CLIENT13, TRUE, TRUE, FALSE, { FALSE, FALSE }, 60, TRUE },
        { "and the second asks", CLIENT13, TRUE, TRUE, FALSE, { FALSE, TRUE }, 60, FALSE },
        { "and of another", CLIENT13, TRUE, FALSE, FALSE, { FALSE, FALSE }, 60, FALSE },
        { "and of one with the same secret", CLIENT13, TRUE, FALSE, TRUE, { FALSE, FALSE }, 60, TRUE },
        { "and where no tickets are given", CLIENT13, FALSE, TRUE, FALSE, { FALSE, FALSE }, 60, FALSE },
    };
    static const uint8_t secret[48] = { 1, 2, 3 };
    struct span secret_span = { secret, sizeof(secret) };
    struct held_key key;
    struct identity *identity = held_identity(IDENTITY_ECDSA, 256, &key);
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct profile *first = make_profile(TLS12 | TLS13, identity),
                       *other = make_profile(TLS12 | TLS13, identity);
        struct outcome begun, again;

        profile_set_lifespan(first, SIDE_SERVER, rows[i].lifespan);
        profile_set_lifespan(other, SIDE_SERVER, rows[i].lifespan);
        if (rows[i].secret)
            ok(profile_set_ticket_secret(first, secret_span) && profile_set_ticket_secret(other, secret_span),
               "no secret\n");
        begun = connect_to(first, rows[i].client, nothing_kept, rows[i].ask[0], rows[i].tickets);
        ok(!begun.status && !begun.resumed, "%s: %#lx, resumed %d\n", rows[i].name, begun.status,
           begun.resumed);
        again = connect_to(rows[i].same ? first : other, rows[i].client, begun.kept, rows[i].ask[1],
                           rows[i].tickets);
        ok(!again.status && again.resumed == rows[i].resumed, "%s: %#lx, resumed %d\n", rows[i].name,
           again.status, again.resumed);
        gnutls_free(begun.kept.data);
        gnutls_free(again.kept.data);
        profile_destroy(first);
        profile_destroy(other);
    }
    held_close(identity, &key);
}

static void test_secrets_that_cannot_be(void)
{
    static const uint8_t bytes[TICKET_SECRET_MAX + 1];
    struct span none = { bytes, 0 }, large = { bytes, sizeof(bytes) }, good = { bytes, 32 };
    struct profile *server = make_profile(TLS13, NULL), *client = make_profile(SP_PROT_TLS1_3_CLIENT, NULL);

    ok(!profile_set_ticket_secret(server, none) && !profile_set_ticket_secret(server, large), "taken\n");
    ok(profile_set_ticket_secret(server, good), "not taken\n");
    ok(!profile_set_ticket_secret(client, good), "a client with a ticket secret\n");
    profile_destroy(server);
    profile_destroy(client);
}

START_TEST(profile)
{
    if (!profile_library_open()) return;
    RUN(test_rsa_and_ecdsa_together);
    RUN(test_keys_of_every_kind_serve);
    RUN(test_resumption);
    RUN(test_secrets_that_cannot_be);
}
