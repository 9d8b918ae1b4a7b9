/*
 * Attacks that have a name, against both sides in one process with somebody in the middle. Those that other
 * tests hold already are listed in README's Security.
 */
#include "test.h"
#include "sides.h"
#include "stranger.h"
#include <stdio.h>

/* --- in the middle -------------------------------------------------------------------------------------- */

/* Where a ClientHello has its parts: in `in` of a server, one record. */
struct places
{
    BYTE *suites, *compression, *extensions, *end;
    unsigned suites_size;
};

static unsigned two(const BYTE *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static BOOL find_places(struct side *server, struct places *places)
{
    BYTE *at = server->in + 5 + 4 + 2 + 32;

    if (server->size < 60 || server->in[0] != 22 || server->in[5] != 1) return FALSE;
    at += 1 + at[0];
    places->suites_size = two(at);
    places->suites = at + 2;
    places->compression = places->suites + places->suites_size;
    places->extensions = places->compression + 1 + places->compression[0];
    places->end = server->in + server->size;
    return places->extensions + 2 <= places->end;
}

static BYTE *find_extension(const struct places *places, unsigned type)
{
    BYTE *at = places->extensions + 2;

    for (; at + 4 <= places->end; at += 4 + two(at + 2))
        if (two(at) == type) return at;
    return NULL;
}

static BOOL offers_suite(const struct places *places, unsigned id)
{
    unsigned i;

    for (i = 0; i < places->suites_size; i += 2)
        if (two(places->suites + i) == id) return TRUE;
    return FALSE;
}

static struct side *client, *server;

static void begin(DWORD client_protocols, DWORD server_protocols, struct places *places)
{
    client = side_client(client_protocols, NULL, 0);
    server = side_server(server_protocols, 0);
    client->requirements |= ISC_REQ_EXTENDED_ERROR;
    server->requirements |= ASC_REQ_EXTENDED_ERROR;
    side_step(client, server);
    server->status = SEC_I_CONTINUE_NEEDED;
    if (places) ok(find_places(server, places), "no ClientHello\n");
}

static void end(void)
{
    side_end(client);
    side_end(server);
}

static void shake(DWORD client_protocols, DWORD server_protocols)
{
    client = side_client(client_protocols, NULL, 0);
    server = side_server(server_protocols, 0);
    client->requirements |= ISC_REQ_EXTENDED_ERROR;
    server->requirements |= ASC_REQ_EXTENDED_ERROR;
    side_shake(client, server);
    ok_status(client->status, SEC_E_OK);
    ok_status(server->status, SEC_E_OK);
}

/* --- downgrades ----------------------------------------------------------------------------------------- */

/* Somebody hides that the client knows TLS 1.3; the server's random says that it does, too (RFC 8446, 4.1.3).
 */
static void test_downgrade_to_tls12_is_seen_by_the_sentinel(void)
{
    struct places places;
    BYTE *versions;

    begin(TLS12 | TLS13, TLS12 | TLS13, &places);
    versions = find_extension(&places, 43);
    ok(versions != NULL, "no supported_versions\n");
    if (versions) versions[0] = versions[1] = 0x6a; /* nothing anybody knows */
    side_step(server, client);
    ok_status(server->status, SEC_I_CONTINUE_NEEDED);
    ok(client->size > 40 && !memcmp(client->in + 5 + 4 + 2 + 24, "DOWNGRD\1", 8), "no sentinel\n");
    side_step(client, server);
    ok_status(client->status, SEC_E_ILLEGAL_MESSAGE);
    ok(client->last[0] == 21 && client->last[5] == 2 && client->last[6] == 47, "not illegal_parameter: %u\n",
       client->last[6]);
    end();
    /* A server that knows no better is no attack. */
    shake(TLS12 | TLS13, TLS12);
    end();
}

/* A client that was made to try again with less says so (RFC 7507). */
static void test_downgrade_is_refused_with_fallback_scsv(void)
{
    static const struct
    {
        DWORD protocols;
        SECURITY_STATUS status;
        BYTE alert;
    } rows[] = {
        { TLS12 | TLS13, SEC_E_ILLEGAL_MESSAGE, 86 },
        { TLS12, SEC_I_CONTINUE_NEEDED, 0 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct places places;

        begin(TLS12, rows[i].protocols, &places);
        places.suites[places.suites_size - 2] = 0x56;
        places.suites[places.suites_size - 1] = 0x00;
        side_step(server, client);
        ok(server->status == rows[i].status || (rows[i].alert && FAILED(server->status)), "row %u: %#lx\n", i,
           server->status);
        if (rows[i].alert)
            ok(server->last[0] == 21 && server->last[6] == rows[i].alert, "row %u: alert %u\n", i,
               server->last[6]);
        else
            ok(server->last[0] == 22, "row %u: no ServerHello\n", i);
        end();
    }
}

/* --- what is offered ------------------------------------------------------------------------------------ */

static void test_weak_suites_of_freak_logjam_and_sweet32_are_not_offered(void)
{
    static const unsigned export[] = { 0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011,
                                       0x0014, 0x0017, 0x0019, 0x0062, 0x0064 },
                          dhe[] = { 0x0033, 0x0039, 0x0067, 0x006b, 0x009e, 0x009f },
                          small_blocks[] = { 0x000a, 0x0013, 0x0016, 0xc003, 0xc008, 0xc00d, 0xc012 };
    struct places places;
    unsigned i;

    begin(TLS12 | TLS13, TLS12, &places);
    for (i = 0; i < ARRAY_SIZE(export); i++)
        ok(!offers_suite(&places, export[i]), "export suite %#x\n", export[i]);
    for (i = 0; i < ARRAY_SIZE(dhe); i++) ok(!offers_suite(&places, dhe[i]), "DHE suite %#x\n", dhe[i]);
    for (i = 0; i < ARRAY_SIZE(small_blocks); i++)
        ok(!offers_suite(&places, small_blocks[i]), "3DES suite %#x\n", small_blocks[i]);
    ok(offers_suite(&places, 0xc030) && offers_suite(&places, 0x1301), "where are the good ones?\n");
    end();
    /* Nor can an administrator have export suites by naming them. */
    schannel_set_list(L"Functions", L"TLS_RSA_EXPORT_WITH_RC4_40_MD5,TLS_RSA_WITH_AES_128_GCM_SHA256");
    begin(TLS12, TLS12, &places);
    ok(offers_suite(&places, 0x009c) && !offers_suite(&places, 0x0003), "the list is not what was wanted\n");
    end();
    schannel_set_list(L"Functions", NULL);
}

static void test_crime_nothing_is_compressed(void)
{
    struct places places;

    begin(TLS12 | TLS13, TLS12, &places);
    ok(places.compression[0] == 1 && places.compression[1] == 0, "%u methods, %u\n", places.compression[0],
       places.compression[1]);
    end();
}

/* With the extended master secret a session belongs to its handshake (RFC 7627), and renegotiation to its
 * session (RFC 5746). */
static void test_triple_handshake_and_renegotiation_prefix_are_shut_out(void)
{
    SecPkgContext_NegotiatedTlsExtensions extensions;
    BOOL master = FALSE, renegotiation = FALSE;
    struct places places;
    unsigned i;

    begin(TLS12, TLS12, &places);
    ok(find_extension(&places, 23) != NULL, "no extended_master_secret\n");
    ok(find_extension(&places, 0xff01) != NULL || offers_suite(&places, 0x00ff), "no renegotiation_info\n");
    end();
    shake(TLS12, TLS12);
    ok_status(
        sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS, &extensions),
        SEC_E_OK);
    for (i = 0; i < extensions.ExtensionsCount; i++)
    {
        if (extensions.Extensions[i] == 23) master = TRUE;
        if (extensions.Extensions[i] == 0xff01) renegotiation = TRUE;
    }
    ok(master && renegotiation, "master secret %d, renegotiation %d\n", master, renegotiation);
    sspi->FreeContextBuffer(extensions.Extensions);
    end();
}

/* What a side says to what has come. */
static SECURITY_STATUS decrypt(struct side *side)
{
    SecBuffer buffers[4] = { { (ULONG)side->size, SECBUFFER_DATA, side->in } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    return sspi->DecryptMessage(&side->context, &desc, 0, NULL);
}

/* --- a stranger in the middle --------------------------------------------------------------------------- */

static struct side sink; /* what one of ours says to a stranger */

static void hand_over(struct stranger *from, struct side *to)
{
    if (to->size + from->out_size <= sizeof(to->in))
    {
        memcpy(to->in + to->size, from->out, from->out_size);
        to->size += from->out_size;
    }
    from->out_size = from->datagram_count = 0;
}

/* All that a side can do with what a stranger has said, and the other way round. */
static void talk(struct side *side, struct stranger *stranger)
{
    unsigned turns;
    int error = GNUTLS_E_AGAIN;

    for (turns = 0; turns < 6; turns++)
    {
        sink.size = 0;
        hand_over(stranger, side);
        if (!side->server && !side->has_context) side_step(side, &sink);
        side_run(side, &sink);
        stranger_feed(stranger, sink.in, sink.size);
        if (error == GNUTLS_E_AGAIN) error = stranger_handshake(stranger);
    }
}

static struct stranger *meet(BOOL as_client, const char *priority)
{
    struct stranger *stranger = stranger_open(as_client ? GNUTLS_CLIENT : GNUTLS_SERVER, priority);

    server = as_client ? side_server(TLS12, 0) : NULL;
    client = as_client ? NULL : side_client(TLS12, NULL, 0);
    if (server) server->status = SEC_I_CONTINUE_NEEDED;
    (as_client ? server : client)->requirements |= ASC_REQ_EXTENDED_ERROR;
    talk(as_client ? server : client, stranger);
    ok_status((as_client ? server : client)->status, SEC_E_OK);
    return stranger;
}

#define MODERN        "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define NO_INDICATION MODERN ":%DISABLE_SAFE_RENEGOTIATION"
#define NO_EMS        MODERN ":%NO_SESSION_HASH"

/* What the stranger hears: an alert, or nothing. */
static unsigned alert_heard(struct stranger *stranger)
{
    BYTE byte;

    stranger_feed(stranger, sink.in, sink.size);
    return gnutls_record_recv(stranger->tls, &byte, 1) == GNUTLS_E_FATAL_ALERT_RECEIVED
               ? (unsigned)gnutls_alert_get(stranger->tls)
               : 0;
}

/*
 * CVE-2009-3555. The attacker connects, says the beginning of a request, and lets the victim's handshake
 * follow under the keys of that connection, as if it were its own renegotiation. The victim's ClientHello
 * knows of no handshake before it, and so it is refused (RFC 5746, 3.7), whether the attacker's own knew the
 * extension or not.
 */
static void test_renegotiation_prefix_ends_at_the_server(void)
{
    static const char *const attackers[] = { MODERN, NO_INDICATION };
    unsigned i, own;

    for (i = 0; i < ARRAY_SIZE(attackers); i++)
        for (own = 0; own < 2 - i; own++) /* the twin renegotiates for itself */
        {
            struct stranger *attacker = meet(TRUE, attackers[i]);
            struct side *victim = side_client(TLS12, NULL, 0), *wire = side_server(TLS12, 0);

            ok(gnutls_record_send(attacker->tls, "GET /secret\r\nX: ", 16) == 16, "nothing was sent\n");
            hand_over(attacker, server);
            ok(side_reads(server, "GET /secret\r\nX: "), "the prefix was not read\n");
            side_step(victim, wire);
            if (own)
                stranger_handshake(attacker);
            else
                ok(stranger_says(attacker, wire->in + 5, wire->size - 5), "it cannot be said\n");
            hand_over(attacker, server);
            ok_status(decrypt(server), SEC_I_RENEGOTIATE);
            sink.size = 0;
            side_step(server, &sink);
            if (own)
                ok_status(server->status, SEC_I_CONTINUE_NEEDED);
            else
            {
                unsigned alert;

                ok(FAILED(server->status), "attacker %u: %#lx\n", i, server->status);
                alert = alert_heard(attacker);
                ok(alert == GNUTLS_A_HANDSHAKE_FAILURE || alert == GNUTLS_A_NO_RENEGOTIATION,
                   "attacker %u: alert %u\n", i, alert);
            }
            stranger_close(attacker);
            side_end(victim);
            side_end(wire);
            side_end(server);
        }
}

/* The same seen by the victim: the server's answer names a handshake that the victim has not made. */
static void test_renegotiation_prefix_ends_at_the_client(void)
{
    static const BYTE indication[] = { 0xff, 0x01, 0x00, 0x01, 0x00 };
    unsigned spliced;

    for (spliced = 0; spliced < 2; spliced++)
    {
        BYTE *record, *at;

        begin(TLS12, TLS12, NULL);
        side_step(server, client);
        record = client->in;
        for (at = record; at + 5 <= record + client->size && memcmp(at, indication, 5); at++) continue;
        ok(at < record + 200, "no renegotiation_info\n");
        if (spliced)
        {
            BYTE *extensions = record + 5 + 4 + 2 + 32;

            extensions += 1 + extensions[0] + 2 + 1;
            memmove(at + 5 + 24, at + 5, (size_t)(record + client->size - at - 5));
            memset(at + 5, 0x77, 24); /* verify_data of both sides */
            at[3] += 24;
            at[4] += 24;
            extensions[1] += 24;
            record[5 + 3] += 24; /* the message */
            record[4] += 24;     /* the record */
            ok(extensions[1] >= 24 && record[8] >= 24 && record[4] >= 24,
               "a size does not fit into its byte\n");
            client->size += 24;
        }
        side_step(client, server);
        if (spliced)
        {
            ok(FAILED(client->status), "%#lx\n", client->status);
            ok(client->last[0] == 21 && client->last[6] == GNUTLS_A_HANDSHAKE_FAILURE, "alert %u\n",
               client->last[6]);
        }
        else
            ok_status(client->status, SEC_I_CONTINUE_NEEDED);
        end();
    }
}

/*
 * Triple handshake (RFC 7627, 1). First, somebody in the middle makes two connections with one master secret,
 * which he can where that does not depend on the handshake; second, he has both resumed, and now they have
 * the same Finished as well; third, he lets them renegotiate, and is out of it. Nothing is resumed whose
 * master secret is not its handshake's, so that there is no second.
 */
static BOOL is_resumed(const struct side *side)
{
    SecPkgContext_SessionInfo info = { 0 };

    ok_status(sspi->QueryContextAttributesW((CtxtHandle *)&side->context, SECPKG_ATTR_SESSION_INFO, &info),
              SEC_E_OK);
    return (info.dwFlags & SSL_SESSION_RECONNECT) != 0;
}

/* The server's ticket key, so that a second server can take what a first one gave. */
static void test_triple_handshake_ends_at_the_second_of_a_client(void)
{
    static const char *const servers[] = { MODERN, NO_EMS };
    unsigned i, visit_number;

    for (i = 0; i < ARRAY_SIZE(servers); i++)
    {
        gnutls_datum_t key = { NULL, 0 };
        CredHandle credential = { 0 };

        gnutls_global_init();
        gnutls_session_ticket_key_generate(&key);
        for (visit_number = 0; visit_number < 2; visit_number++)
        {
            struct stranger *peer = stranger_open(GNUTLS_SERVER, servers[i]);

            gnutls_session_ticket_enable_server(peer->tls, &key);
            client = side_client(TLS12, NULL, 0);
            if (visit_number)
            {
                sspi->FreeCredentialsHandle(&client->credential);
                client->credential = credential;
            }
            credential = client->credential;
            talk(client, peer);
            ok_status(client->status, SEC_E_OK);
            ok(is_resumed(client) == (visit_number && !i), "server %u, visit %u: resumed %d\n", i,
               visit_number, is_resumed(client));
            stranger_close(peer);
            sspi->DeleteSecurityContext(&client->context);
            free(client);
        }
        sspi->FreeCredentialsHandle(&credential);
        gnutls_free(key.data);
    }
}

static void test_triple_handshake_ends_at_the_second_of_a_server(void)
{
    static const char *const clients[] = { MODERN, NO_EMS };
    unsigned i, tickets, visit_number;

    for (i = 0; i < ARRAY_SIZE(clients); i++)
        for (tickets = 0; tickets < 2; tickets++)
        {
            gnutls_datum_t kept = { NULL, 0 };
            struct side *owner = side_server(TLS12, 0);

            for (visit_number = 0; visit_number < 2; visit_number++)
            {
                struct stranger *peer = stranger_open(GNUTLS_CLIENT, clients[i]);

                if (kept.data) gnutls_session_set_data(peer->tls, kept.data, kept.size);
                gnutls_free(kept.data);
                kept.data = NULL;
                server = calloc(1, sizeof(*server));
                server->server = TRUE;
                server->credential = owner->credential;
                server->requirements = SERVER_FLAGS | (tickets ? ASC_REQ_SESSION_TICKET : 0);
                server->status = SEC_I_CONTINUE_NEEDED;
                talk(server, peer);
                ok_status(server->status, SEC_E_OK);
                ok(is_resumed(server) == (visit_number && !i),
                   "client %u, tickets %u, visit %u: resumed %d\n", i, tickets, visit_number,
                   is_resumed(server));
                ok(gnutls_session_is_resumed(peer->tls) == (visit_number && !i),
                   "the client sees it otherwise\n");
                gnutls_session_get_data2(peer->tls, &kept);
                stranger_close(peer);
                sspi->DeleteSecurityContext(&server->context);
                free(server);
            }
            gnutls_free(kept.data);
            side_end(owner);
        }
}

/* A client that renegotiates with another than it knows ends there, even so. */
static void test_triple_handshake_ends_at_the_third(void)
{
    unsigned another, turns;

    for (another = 0; another < 2; another++)
    {
        struct stranger *peer = meet(FALSE, MODERN);
        int error = 0;

        if (another) stranger_change_certificate(peer, 1);
        ok(!gnutls_rehandshake(peer->tls), "it cannot ask\n");
        hand_over(peer, client);
        ok_status(decrypt(client), SEC_I_RENEGOTIATE);
        client->size = 0;
        client->status = SEC_I_CONTINUE_NEEDED;
        sink.size = 0;
        side_step(client, &sink);
        for (turns = 0; turns < 4 && side_wants_more(client); turns++)
        {
            stranger_feed(peer, sink.in, sink.size);
            error = stranger_handshake(peer);
            sink.size = 0;
            hand_over(peer, client);
            side_run(client, &sink);
        }
        if (another)
            ok(FAILED(client->status), "%#lx\n", client->status);
        else
            ok(client->status == SEC_E_OK, "%#lx, %d\n", client->status, error);
        stranger_close(peer);
        side_end(client);
    }
}

/* --- oracles -------------------------------------------------------------------------------------------- */

/* Whatever is wrong with a CBC record, padding or hash, near its end or not: one answer, and the same alert
 * (none). */
static void test_poodle_and_lucky13_get_one_answer(void)
{
    static const struct
    {
        DWORD protocols;
        const WCHAR *suite;
    } versions[] = {
        { TLS12, L"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256" },
        { SP_PROT_TLS1_0_CLIENT | SP_PROT_TLS1_0_SERVER, L"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" },
    };
    unsigned i, at;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        SECURITY_STATUS first = SEC_E_OK;

        schannel_set_list(L"Functions", versions[i].suite);
        for (at = 0; at < 96; at += at < 40 ? 1 : 8)
        {
            SECURITY_STATUS status;

            shake(versions[i].protocols, versions[i].protocols);
            if (FAILED(client->status)) break;
            ok_status(side_seal(client,
                                "a text that is long enough for some blocks, and then a few bytes more",
                                server),
                      SEC_E_OK);
            ok(server->size >= 96 + 5, "a record of %u bytes\n", (unsigned)server->size);
            server->in[server->size - 1 - at] ^= 0x41;
            status = decrypt(server);
            if (!at) first = status;
            ok(FAILED(status) && status == first, "byte %u from the end: %#lx, not %#lx\n", at, status,
               first);
            ok_status(decrypt(server), status);
            end();
        }
        schannel_set_list(L"Functions", NULL);
    }
}

/* The server's answer to what it is told in ClientKeyExchange: after how many steps, with what status and
 * alert. */
struct reaction
{
    SECURITY_STATUS status;
    BYTE alert[7];
};

static void react(unsigned how, struct reaction *reaction)
{
    unsigned i, size;
    BYTE *key;

    begin(TLS12, TLS12, NULL);
    side_step(server, client);
    side_step(client, server);
    /* The flight begins with ClientKeyExchange: record, message, size, then what is encrypted. */
    key = server->in + 5 + 4 + 2;
    size = two(key - 2);
    ok(server->in[0] == 22 && server->in[5] == 16 && size == 256, "no ClientKeyExchange of RSA: %u\n", size);
    switch (how)
    {
    case 0: /* another premaster secret, rightly wrapped as far as can be: none at all */
        key[size - 1] ^= 1;
        break;
    case 1:
        memset(key, 0, size);
        key[size - 1] = 2;
        break;
    case 2:
        for (i = 1; i < size; i++) key[i] = (BYTE)(i * 7);
        key[0] = 0;
        break;
    case 3:
        key[100] ^= 0x80;
        break;
    default: /* nothing in its place, and that is no oracle: the size is seen by everybody */
        break;
    }
    side_step(server, client);
    reaction->status = server->status;
    memcpy(reaction->alert, server->last, sizeof(reaction->alert));
    end();
}

static void test_robot_gets_one_answer(void)
{
    struct reaction first, other;
    unsigned how;

    schannel_set_list(L"Functions", L"TLS_RSA_WITH_AES_128_GCM_SHA256");
    react(4, &first);
    ok_status(first.status, SEC_E_OK); /* the twin that is left alone */
    react(0, &first);
    ok(FAILED(first.status), "%#lx\n", first.status);
    for (how = 1; how < 4; how++)
    {
        react(how, &other);
        ok(other.status == first.status && !memcmp(other.alert, first.alert, sizeof(first.alert)),
           "way %u: %#lx, alert %u; not %#lx, alert %u\n", how, other.status, other.alert[6], first.status,
           first.alert[6]);
    }
    schannel_set_list(L"Functions", NULL);
}

/* --- truncation ----------------------------------------------------------------------------------------- */

static void test_truncation_is_no_close(void)
{
    static const DWORD protocols[] = { TLS12, TLS13 };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
    {
        static const BYTE forged[] = { 21, 3, 3, 0, 2, 1, 0 };
        DWORD shutdown = SCHANNEL_SHUTDOWN;
        SecBuffer order = { sizeof(shutdown), SECBUFFER_TOKEN, &shutdown };
        SecBufferDesc desc = { SECBUFFER_VERSION, 1, &order };
        SECURITY_STATUS status;

        /* An end of the wire: nobody said that this was all. */
        shake(protocols[i], protocols[i]);
        side_seal(client, "the beginning of something", server);
        server->size -= 3;
        ok_status(decrypt(server), SEC_E_INCOMPLETE_MESSAGE);
        server->size = 0;
        ok_status(decrypt(server), SEC_E_INCOMPLETE_MESSAGE);
        end();
        /* Somebody else says it. */
        shake(protocols[i], protocols[i]);
        memcpy(server->in, forged, sizeof(forged));
        server->size = sizeof(forged);
        status = decrypt(server);
        ok(FAILED(status), "a forged close: %#lx\n", status);
        end();
        /* The peer does. */
        shake(protocols[i], protocols[i]);
        ok_status(sspi->ApplyControlToken(&client->context, &desc), SEC_E_OK);
        side_step(client, server);
        ok_status(decrypt(server), SEC_I_CONTEXT_EXPIRED);
        end();
    }
}

/* --- whose session -------------------------------------------------------------------------------------- */

/* One visit with these credentials; whether it was resumed. */
static BOOL visit(const CredHandle *client_credential, const CredHandle *server_credential)
{
    struct side *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    SecPkgContext_SessionInfo info = { 0 };

    a->credential = *client_credential;
    b->credential = *server_credential;
    b->server = TRUE;
    a->requirements = CLIENT_FLAGS;
    b->requirements = SERVER_FLAGS | ASC_REQ_SESSION_TICKET;
    side_shake(a, b);
    ok_status(a->status, SEC_E_OK);
    ok_status(b->status, SEC_E_OK);
    side_seal(b, "tickets come before this", a);
    ok(side_reads(a, "tickets come before this"), "nothing came\n");
    ok_status(sspi->QueryContextAttributesW(&a->context, SECPKG_ATTR_SESSION_INFO, &info), SEC_E_OK);
    sspi->DeleteSecurityContext(&a->context);
    sspi->DeleteSecurityContext(&b->context);
    free(a);
    free(b);
    return info.dwFlags & SSL_SESSION_RECONNECT;
}

static void test_sessions_are_not_mixed_up_between_credentials(void)
{
    static const DWORD protocols[] = { TLS12, TLS13 };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
    {
        struct side *clients[2] = { side_client(protocols[i], NULL, 0), side_client(protocols[i], NULL, 0) };
        struct side *servers[2] = { side_server(protocols[i], 0), side_server(protocols[i], 0) };

        ok(!visit(&clients[0]->credential, &servers[0]->credential), "a first visit was resumed\n");
        ok(visit(&clients[0]->credential, &servers[0]->credential), "a second visit was not\n");
        ok(!visit(&clients[1]->credential, &servers[0]->credential), "another client credential's session\n");
        ok(!visit(&clients[0]->credential, &servers[1]->credential), "another server credential's session\n");
        side_end(clients[0]);
        side_end(clients[1]);
        side_end(servers[0]);
        side_end(servers[1]);
    }
}

/* --- lists without end --------------------------------------------------------------------------------- */

/* Of a hundred certificates those that are looked at are few. */
static void test_a_list_of_certificates_is_bounded(void)
{
    SecPkgContext_Certificates certificates = { 0 };
    struct stranger *peer = stranger_open(GNUTLS_SERVER, MODERN);
    SECURITY_STATUS status;

    stranger_change_certificate(peer, 100);
    client = side_client(TLS12, NULL, 0);
    talk(client, peer);
    ok_status(client->status, SEC_E_OK);
    status = sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_REMOTE_CERTIFICATES, &certificates);
    ok_status(status, SEC_E_OK);
    ok(certificates.cCertificates == 32, "%lu certificates\n", certificates.cCertificates);
    if (!status) sspi->FreeContextBuffer(certificates.pbCertificateChain);
    stranger_close(peer);
    side_end(client);
}

/* --- memory of strangers -------------------------------------------------------------------------------- */

#define STRANGERS 50

/* What a server keeps of somebody who said hello, and of somebody who goes on with a message without end. */
static void test_the_memory_of_a_stranger_is_bounded(void)
{
    static BYTE endless[5 + 16384] = {
        22, 3, 3, 0x40, 0, 11, 1, 0xff, 0xf0
    }; /* a Certificate of nearly 128 KiB */
    static CtxtHandle contexts[2 * STRANGERS];
    static BYTE memory[65536];
    CredHandle credential;
    SIZE_T before = 0, greeted, most, now;
    ULONG attributes;
    unsigned i, j;

    begin(TLS12, TLS12, NULL);
    ok_status(acquire_server(&credential, TLS12, 0, &server_certificate, 1), SEC_E_OK);
    for (i = 0; i < 2 * STRANGERS; i++)
    {
        SecBuffer in[2] = { { (ULONG)server->size, SECBUFFER_TOKEN, memory } },
                  out = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };

        if (i == STRANGERS) before = heap_in_use(NULL); /* the first ones settle the heap */
        memcpy(memory, server->in, server->size);
        ok_status(sspi->AcceptSecurityContext(&credential, NULL, &in_desc, SERVER_FLAGS | ASC_REQ_MUTUAL_AUTH,
                                              0, &contexts[i], &out_desc, &attributes, NULL),
                  SEC_I_CONTINUE_NEEDED);
        sspi->FreeContextBuffer(out.pvBuffer);
    }
    most = greeted = heap_in_use(NULL);
    for (j = 0; j < 12; j++)
    {
        for (i = STRANGERS; i < 2 * STRANGERS; i++)
        {
            SecBuffer in[2] = { { sizeof(endless), SECBUFFER_TOKEN, endless } },
                      out = { 0, SECBUFFER_TOKEN, NULL };
            SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };

            sspi->AcceptSecurityContext(&credential, &contexts[i], &in_desc,
                                        SERVER_FLAGS | ASC_REQ_MUTUAL_AUTH, 0, NULL, &out_desc, &attributes,
                                        NULL);
            sspi->FreeContextBuffer(out.pvBuffer);
        }
        if ((now = heap_in_use(NULL)) > most) most = now;
    }
    greeted = (greeted - before) / STRANGERS;
    most = (most - before) / STRANGERS;
    printf("          a stranger who said hello: %lu bytes; who never ends: %lu\n", (unsigned long)greeted,
           (unsigned long)most);
    ok(greeted < 32 * 1024, "%lu bytes for a hello\n", (unsigned long)greeted);
    ok(most < 192 * 1024, "%lu bytes for a message without end\n", (unsigned long)most);
    for (i = 0; i < 2 * STRANGERS; i++) sspi->DeleteSecurityContext(&contexts[i]);
    sspi->FreeCredentialsHandle(&credential);
    end();
}

START_TEST(sspi_attacks)
{
    if (!sspi_open()) return;
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    schannel_set_list(L"Functions", NULL);
    RUN(test_downgrade_to_tls12_is_seen_by_the_sentinel);
    RUN(test_downgrade_is_refused_with_fallback_scsv);
    RUN(test_weak_suites_of_freak_logjam_and_sweet32_are_not_offered);
    RUN(test_crime_nothing_is_compressed);
    RUN(test_triple_handshake_and_renegotiation_prefix_are_shut_out);
    RUN(test_renegotiation_prefix_ends_at_the_server);
    RUN(test_renegotiation_prefix_ends_at_the_client);
    RUN(test_triple_handshake_ends_at_the_second_of_a_client);
    RUN(test_triple_handshake_ends_at_the_second_of_a_server);
    RUN(test_triple_handshake_ends_at_the_third);
    RUN(test_poodle_and_lucky13_get_one_answer);
    RUN(test_robot_gets_one_answer);
    RUN(test_truncation_is_no_close);
    RUN(test_sessions_are_not_mixed_up_between_credentials);
    RUN(test_a_list_of_certificates_is_bounded);
    RUN(test_the_memory_of_a_stranger_is_bounded);
}
