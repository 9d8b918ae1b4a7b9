/*
 * The session: handshakes, records in place, and the going back and forth with GnuTLS's record layer.
 */
#include "test.h"
#include "session.h"
#include "pair.h"
#include "prf.h"
#include "session_tls.h"

#define ALL_TLS                                                                                              \
    (SP_PROT_TLS1_0_CLIENT | SP_PROT_TLS1_1_CLIENT | SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_3_CLIENT)

static SECURITY_STATUS verdict;
static unsigned verified;

static SECURITY_STATUS verify(void *owner)
{
    (void)owner;
    verified++;
    return verdict;
}

struct pair
{
    struct profile *profile;
    struct session *session;
    struct peer *peer;
};

static void pair_open(struct pair *pair, DWORD protocols, const char *priority)
{
    struct session_config config = { .server_name = "localhost", .verify = verify };

    verdict = SEC_E_OK;
    ok_status(profile_for(protocols, &pair->profile), SEC_E_OK);
    config.profile = pair->profile;
    ok_status(session_create(&config, &pair->session), SEC_E_OK);
    pair->peer = peer_create(priority);
    ok(pair->peer != NULL, "the peer does not take %s\n", priority);
}

static void pair_close(struct pair *pair)
{
    session_destroy(pair->session);
    profile_destroy(pair->profile);
    peer_destroy(pair->peer);
}

/* One record's worth of data from the session to the peer, and what arrived. */
static ssize_t send_data(struct pair *pair, const void *data, size_t size, void *arrived, size_t room)
{
    struct record_sizes sizes = session_record_sizes(pair->session);
    uint8_t *memory = malloc(sizes.header + size + sizes.trailer);
    struct record_layout layout = {
        memory, sizes.header, memory + sizes.header, size, memory + sizes.header + size, sizes.trailer
    };
    struct span record = { memory, 0 };
    SECURITY_STATUS status;

    memcpy(layout.data, data, size);
    status = session_seal(pair->session, &layout);
    ok(!status, "sealing %u bytes: %#lx\n", (unsigned)size, (unsigned long)status);
    record.size = layout.header_size + size + layout.trailer_size;
    peer_feed(pair->peer, record);
    free(memory);
    return gnutls_record_recv(pair->peer->tls, arrived, room);
}

/* What the peer wrote, as the caller's bytes to be opened in place; freed by the caller. */
static uint8_t *take_wire(struct pair *pair, size_t *size)
{
    struct span output = peer_output(pair->peer);
    uint8_t *copy = malloc(output.size + 1);

    memcpy(copy, output.data, output.size);
    *size = output.size;
    peer_output_taken(pair->peer);
    return copy;
}

static const struct
{
    const char *name, *priority;
    DWORD protocol;
    USHORT suite;
} suites[] = {
    { "TLS 1.3 AES-256-GCM", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM", SP_PROT_TLS1_3_CLIENT,
      0x1302 },
    { "TLS 1.3 AES-128-GCM", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM", SP_PROT_TLS1_3_CLIENT,
      0x1301 },
    { "TLS 1.2 ECDSA AES-256-GCM",
      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:+AES-256-GCM", SP_PROT_TLS1_2_CLIENT,
      0xc02c },
    { "TLS 1.2 RSA AES-128-GCM", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-GCM",
      SP_PROT_TLS1_2_CLIENT, 0x009c },
    { "TLS 1.2 AES-256-CBC SHA-384",
      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:-CIPHER-ALL:+AES-256-CBC:-MAC-ALL:+SHA384",
      SP_PROT_TLS1_2_CLIENT, 0xc028 },
    { "TLS 1.2 AES-128-CBC SHA-256",
      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256",
      SP_PROT_TLS1_2_CLIENT, 0xc027 },
    { "TLS 1.2 without encrypt-then-MAC",
      "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA1:%NO_ETM",
      SP_PROT_TLS1_2_CLIENT, 0x002f },
    { "TLS 1.1 AES-128-CBC SHA-1", "NORMAL:-VERS-ALL:+VERS-TLS1.1:-KX-ALL:+RSA:-CIPHER-ALL:+AES-128-CBC",
      SP_PROT_TLS1_1_CLIENT, 0x002f },
    { "TLS 1.0 AES-256-CBC SHA-1",
      "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:+AES-256-CBC", SP_PROT_TLS1_0_CLIENT,
      0xc00a },
};

static void test_every_kind_of_suite_carries_data_both_ways(void)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 16383, 16384 };
    static uint8_t data[16384], arrived[16384 + 1];
    unsigned i, j;

    for (i = 0; i < sizeof(data); i++) data[i] = (uint8_t)(i * 7 + i / 256);
    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        const struct session_facts *facts;
        struct pair pair;
        SECURITY_STATUS status;

        pair_open(&pair, ALL_TLS, suites[i].priority);
        status = pair_handshake(pair.session, pair.peer);
        ok(!status, "%s: %#lx\n", suites[i].name, (unsigned long)status);
        facts = session_facts(pair.session);
        if (!status)
        {
            ok(facts->protocol == suites[i].protocol, "%s: protocol %#lx\n", suites[i].name, facts->protocol);
            ok(facts->suite->id == suites[i].suite, "%s: suite %#x\n", suites[i].name, facts->suite->id);
        }
        for (j = 0; !status && j < ARRAY_SIZE(sizes); j++)
        {
            struct opened_record opened = { NULL, 0 };
            uint8_t *wire;
            ssize_t size;
            size_t wire_size;

            size = send_data(&pair, data, sizes[j], arrived, sizeof(arrived));
            if (!sizes[j])
                ok(size <= 0, "%s: %d bytes of nothing arrived\n", suites[i].name, (int)size);
            else
                ok(size == (ssize_t)sizes[j] && !memcmp(arrived, data, sizes[j]),
                   "%s: %u bytes out, %d arrived\n", suites[i].name, (unsigned)sizes[j], (int)size);
            if (!sizes[j]) continue;

            gnutls_record_send(pair.peer->tls, data, sizes[j]);
            wire = take_wire(&pair, &wire_size);
            status = session_open(pair.session, wire, wire_size, &opened);
            ok(!status && opened.size == sizes[j] && !memcmp(opened.data, data, sizes[j]),
               "%s: %u bytes in, %#lx with %u\n", suites[i].name, (unsigned)sizes[j], (unsigned long)status,
               (unsigned)opened.size);
            free(wire);
        }
        pair_close(&pair);
    }
}

static void test_sealed_parts_may_lie_apart(void)
{
    static const char text[] = "header, data and trailer in three places";
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        uint8_t header[64], data[sizeof(text)], trailer[128];
        struct record_layout layout = { header, 0, data, sizeof(text), trailer, 0 };
        struct record_sizes sizes;
        struct span span;
        struct pair pair;
        char arrived[100];

        pair_open(&pair, ALL_TLS, suites[i].priority);
        ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
        sizes = session_record_sizes(pair.session);
        layout.header_size = sizes.header;
        layout.trailer_size = sizes.trailer;
        memcpy(data, text, sizeof(text));
        ok_status(session_seal(pair.session, &layout), SEC_E_OK);
        span = (struct span){ header, layout.header_size };
        peer_feed(pair.peer, span);
        span = (struct span){ data, sizeof(data) };
        peer_feed(pair.peer, span);
        span = (struct span){ trailer, layout.trailer_size };
        peer_feed(pair.peer, span);
        ok(gnutls_record_recv(pair.peer->tls, arrived, sizeof(arrived)) == sizeof(text), "%s\n",
           suites[i].name);
        ok(!memcmp(arrived, text, sizeof(text)), "%s\n", suites[i].name);

        layout.header_size = sizes.header - 1;
        ok_status(session_seal(pair.session, &layout), SEC_E_BUFFER_TOO_SMALL);
        layout.header_size = sizes.header;
        layout.trailer_size = sizes.trailer - 1;
        ok_status(session_seal(pair.session, &layout), SEC_E_BUFFER_TOO_SMALL);
        pair_close(&pair);
    }
}

static void test_a_changed_record_is_refused_wherever_it_was_changed(void)
{
    unsigned i, at;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        SECURITY_STATUS expected =
            suites[i].protocol == SP_PROT_TLS1_3_CLIENT ? SEC_E_DECRYPT_FAILURE : SEC_E_MESSAGE_ALTERED;

        for (at = 0; at < 3; at++)
        {
            struct opened_record opened;
            SECURITY_STATUS status;
            struct pair pair;
            size_t size;
            uint8_t *wire;

            pair_open(&pair, ALL_TLS, suites[i].priority);
            ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
            gnutls_record_send(pair.peer->tls, "0123456789abcdef0123456789abcdef", 32);
            wire = take_wire(&pair, &size);
            wire[at == 0 ? RECORD_HEADER_SIZE : at == 1 ? size / 2 : size - 1] ^= 1;
            status = session_open(pair.session, wire, size, &opened);
            ok(status == expected, "%s, byte %u of 3: %#lx\n", suites[i].name, at, (unsigned long)status);
            free(wire);
            pair_close(&pair);
        }
    }
}

static void test_a_record_sent_twice_is_refused(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        struct opened_record opened;
        SECURITY_STATUS status;
        uint8_t *wire, *copy;
        struct pair pair;
        size_t size;

        pair_open(&pair, ALL_TLS, suites[i].priority);
        ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
        gnutls_record_send(pair.peer->tls, "once", 4);
        wire = take_wire(&pair, &size);
        copy = malloc(size);
        memcpy(copy, wire, size);
        ok_status(session_open(pair.session, wire, size, &opened), SEC_E_OK);
        status = session_open(pair.session, copy, size, &opened);
        ok(FAILED(status), "%s: %#lx\n", suites[i].name, (unsigned long)status);
        free(wire);
        free(copy);
        pair_close(&pair);
    }
}

/* Opens or processes all records the peer wrote; counts the application data. */
static SECURITY_STATUS read_all(struct pair *pair, size_t *data)
{
    SECURITY_STATUS status = SEC_E_OK, special = SEC_E_OK;
    struct opened_record opened;
    struct span rest, record;
    size_t size;
    uint8_t *wire = take_wire(pair, &size);

    rest = (struct span){ wire, size };
    while (!record_take(&rest, &record))
    {
        opened.size = 0;
        status = session_open(pair->session, (uint8_t *)record.data, record.size, &opened);
        if (status == SEC_I_CONTINUE_NEEDED)
        {
            status = session_process(pair->session, record);
            if (status) special = status;
        }
        if (FAILED(status)) break;
        *data += opened.size;
    }
    ok(!rest.size, "%u bytes are no record\n", (unsigned)rest.size);
    free(wire);
    return FAILED(status) ? status : special;
}

static void test_key_updates_and_data_a_thousand_times(void)
{
    struct pair pair;
    char arrived[100];
    unsigned i;

    pair_open(&pair, ALL_TLS, suites[0].priority);
    ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
    for (i = 0; i < 1000; i++)
    {
        size_t data = 0;
        ssize_t size;

        /* GnuTLS itself refuses more than so many a second; every eighth time asks for one back. */
        if (i % 125 == 0) Sleep(1001);
        if (i % 50 == 0) gnutls_session_key_update(pair.peer->tls, i % 100 ? 0 : GNUTLS_KU_PEER);
        gnutls_record_send(pair.peer->tls, "from the peer", 13);
        if (read_all(&pair, &data) == SEC_I_RENEGOTIATE)
        {
            ok(i % 50 == 0, "a message nobody sent\n");
            ok((session_pending(pair.session) == SESSION_PENDING_ANSWER) == (i % 100 == 0),
               "turn %u: pending %d\n", i, session_pending(pair.session));
            ok_status(session_answer(pair.session), SEC_E_OK);
            peer_feed(pair.peer, session_output(pair.session));
            ok(!!session_output(pair.session).size == (i % 100 == 0), "turn %u: the answer has %u bytes\n", i,
               (unsigned)session_output(pair.session).size);
            session_output_taken(pair.session);
        }
        else
            ok(i % 50 != 0, "turn %u: the key update went unseen\n", i);
        ok(data == 13, "turn %u: %u bytes\n", i, (unsigned)data);
        do
        {
            size = send_data(&pair, "from the session", 16, arrived, sizeof(arrived));
        } while (size == GNUTLS_E_AGAIN);
        ok(size == 16, "turn %u: %d arrived\n", i, (int)size);
        if (size != 16) break;
    }
    pair_close(&pair);
}

static void test_alerts_between_data_a_thousand_times(void)
{
    /* Not in TLS 1.3: there every alert but close_notify ends the connection (RFC 8446, 6). */
    static const unsigned rows[] = { 2, 3, 4, 8 };
    unsigned i, j;

    for (j = 0; j < ARRAY_SIZE(rows); j++)
    {
        struct pair pair;
        char arrived[100];

        pair_open(&pair, ALL_TLS, suites[rows[j]].priority);
        ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
        for (i = 0; i < 1000; i++)
        {
            size_t data = 0;
            ssize_t size;

            /* A warning each way: GnuTLS writes and reads it, so the sequence numbers change hands. */
            ok(session_alert(pair.session, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED), "no alert\n");
            peer_feed(pair.peer, session_output(pair.session));
            session_output_taken(pair.session);
            gnutls_alert_send(pair.peer->tls, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
            gnutls_record_send(pair.peer->tls, "data", 4);
            ok(!FAILED(read_all(&pair, &data)) && data == 4, "%s, turn %u: %u bytes\n", suites[rows[j]].name,
               i, (unsigned)data);
            size = gnutls_record_recv(pair.peer->tls, arrived, sizeof(arrived));
            ok(size == GNUTLS_E_WARNING_ALERT_RECEIVED, "%s, turn %u: %d\n", suites[rows[j]].name, i,
               (int)size);
            size = send_data(&pair, "more", 4, arrived, sizeof(arrived));
            ok(size == 4, "%s, turn %u: %d arrived\n", suites[rows[j]].name, i, (int)size);
            if (size != 4) break;
        }
        pair_close(&pair);
    }
}

static void test_a_ticket_is_a_message_and_leaves_its_record_alone(void)
{
    gnutls_datum_t key = { NULL, 0 };
    struct opened_record opened;
    struct pair pair;
    uint8_t *wire, *copy;
    struct span span;
    size_t size, data = 0;

    pair_open(&pair, ALL_TLS, suites[0].priority);
    gnutls_session_ticket_key_generate(&key);
    gnutls_session_ticket_enable_server(pair.peer->tls, &key);
    ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
    peer_output_taken(pair.peer);
    gnutls_session_ticket_send(pair.peer->tls, 1, 0);
    wire = take_wire(&pair, &size);
    ok(size > 0, "no ticket\n");
    copy = malloc(size);
    memcpy(copy, wire, size);
    ok_status(session_open(pair.session, wire, size, &opened), SEC_I_CONTINUE_NEEDED);
    ok(!memcmp(wire, copy, size), "the record was changed\n");
    span = (struct span){ wire, size };
    ok(session_holds_message(pair.session, span), "a ticket is a message\n");
    ok_status(session_process(pair.session, span), SEC_I_RENEGOTIATE);
    ok(session_pending(pair.session) == SESSION_PENDING_NOTHING, "a ticket asks for nothing\n");
    gnutls_record_send(pair.peer->tls, "after", 5);
    ok_status(read_all(&pair, &data), SEC_E_OK);
    ok(data == 5, "%u bytes after the ticket\n", (unsigned)data);
    gnutls_free(key.data);
    free(wire);
    free(copy);
    pair_close(&pair);
}

static void test_close_notify_is_not_the_end_of_the_wire(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        struct pair pair;
        size_t data = 0;

        pair_open(&pair, ALL_TLS, suites[i].priority);
        ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
        gnutls_bye(pair.peer->tls, GNUTLS_SHUT_WR);
        ok(read_all(&pair, &data) == SEC_I_CONTEXT_EXPIRED, "%s\n", suites[i].name);
        pair_close(&pair);
    }
}

static void test_a_hello_request_asks_for_a_handshake(void)
{
    struct pair pair;
    size_t data = 0;
    char arrived[100];

    pair_open(&pair, SP_PROT_TLS1_2_CLIENT, suites[2].priority);
    ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
    gnutls_rehandshake(pair.peer->tls);
    ok_status(read_all(&pair, &data), SEC_I_RENEGOTIATE);
    ok(session_pending(pair.session) == SESSION_PENDING_RENEGOTIATION, "nothing pending\n");
    pair.peer->done = FALSE;
    ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
    ok(send_data(&pair, "new keys", 8, arrived, sizeof(arrived)) == 8, "no data after it\n");
    gnutls_record_send(pair.peer->tls, "old friend", 10);
    ok_status(read_all(&pair, &data), SEC_E_OK);
    ok(data == 10, "%u bytes\n", (unsigned)data);
    pair_close(&pair);
}

static void test_a_refused_chain_ends_it_with_its_own_status_and_alert(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        struct pair pair;

        pair_open(&pair, ALL_TLS, suites[i].priority);
        verdict = SEC_E_UNTRUSTED_ROOT;
        verified = 0;
        ok(pair_handshake(pair.session, pair.peer) == SEC_E_UNTRUSTED_ROOT, "%s\n", suites[i].name);
        ok(verified == 1, "%s: asked %u times\n", suites[i].name, verified);
        peer_feed(pair.peer, session_output(pair.session));
        ok(peer_handshake(pair.peer) == GNUTLS_E_FATAL_ALERT_RECEIVED, "%s: no alert\n", suites[i].name);
        ok(gnutls_alert_get(pair.peer->tls) == GNUTLS_A_UNKNOWN_CA, "%s: alert %d\n", suites[i].name,
           gnutls_alert_get(pair.peer->tls));
        pair_close(&pair);
    }
}

static void test_what_is_no_record_is_told_apart(void)
{
    static const struct
    {
        const char *name;
        uint8_t bytes[8];
        size_t size;
        SECURITY_STATUS status;
    } rows[] = {
        { "nothing", { 0 }, 0, SEC_E_INCOMPLETE_MESSAGE },
        { "header cut short", { 0x17, 3, 3, 0 }, 4, SEC_E_INCOMPLETE_MESSAGE },
        { "body cut short", { 0x17, 3, 3, 0, 2, 9 }, 6, SEC_E_INCOMPLETE_MESSAGE },
        { "exactly one", { 0x17, 3, 3, 0, 2, 9, 9 }, 7, SEC_E_OK },
        { "another type", { 0x19, 3, 3, 0, 0 }, 5, SEC_E_INVALID_TOKEN },
        { "0xfa", { 0xfa, 0xfa, 0xfa, 0xfa, 0xfa }, 5, SEC_E_INVALID_TOKEN },
        { "zeros", { 0 }, 5, SEC_E_INVALID_TOKEN },
        { "HTTP", { 'H', 'T', 'T', 'P', '/' }, 5, SEC_E_INVALID_TOKEN },
        { "another major version", { 0x16, 2, 0, 0, 0 }, 5, SEC_E_INVALID_TOKEN },
        { "as long as may be", { 0x16, 3, 1, 0x48, 0 }, 5, SEC_E_INCOMPLETE_MESSAGE },
        { "a byte longer", { 0x16, 3, 1, 0x48, 1 }, 5, SEC_E_ILLEGAL_MESSAGE },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct span input = { rows[i].bytes, rows[i].size }, record;
        SECURITY_STATUS status = record_take(&input, &record);

        ok(status == rows[i].status, "%s: %#lx\n", rows[i].name, (unsigned long)status);
        ok(status ? input.size == rows[i].size : input.size == 0, "%s: %u left\n", rows[i].name,
           (unsigned)input.size);
    }
}

static void test_a_session_does_not_wait_for_bytes_in_parts(void)
{
    struct span input, output;
    struct pair pair;
    size_t i;

    pair_open(&pair, ALL_TLS, suites[2].priority);
    input = (struct span){ NULL, 0 };
    ok_status(session_handshake(pair.session, &input), SEC_I_CONTINUE_NEEDED);
    peer_feed(pair.peer, session_output(pair.session));
    session_output_taken(pair.session);
    peer_handshake(pair.peer);
    output = peer_output(pair.peer);
    for (i = 0; i < RECORD_HEADER_SIZE + 20; i++)
    {
        input = (struct span){ output.data, i };
        ok_status(session_handshake(pair.session, &input), SEC_E_INCOMPLETE_MESSAGE);
        ok(input.size == i, "of %u bytes %u are left\n", (unsigned)i, (unsigned)input.size);
    }
    pair_close(&pair);
}

/* Four million records, of which the peer only hears the last: then the key is renewed, behind the data. */
static void test_a_key_that_has_done_enough(void)
{
    struct record_sizes sizes;
    struct pair pair;
    uint8_t memory[256], sequence[8] = { 0 };
    char arrived[16];
    ssize_t size;
    ULONG i;

    pair_open(&pair, SP_PROT_TLS1_3_CLIENT, suites[1].priority);
    ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
    sizes = session_record_sizes(pair.session);
    for (i = 1; i < KEY_RECORDS_MAX; i++)
    {
        struct record_layout layout = {
            memory, sizes.header, memory + sizes.header, 1, memory + sizes.header + 1, sizes.trailer
        };

        if (session_seal(pair.session, &layout) || layout.trailer_size != 17) break;
    }
    ok(i == KEY_RECORDS_MAX, "only %lu records\n", i);
    for (i = 0; i < 8; i++) sequence[i] = (uint8_t)((ULONG64)(KEY_RECORDS_MAX - 1) >> 8 * (7 - i));
    gnutls_record_set_state(pair.peer->tls, 1, sequence);
    size = send_data(&pair, "the last one", 12, arrived, sizeof(arrived));
    ok(size == 12 && !memcmp(arrived, "the last one", 12), "%d\n", (int)size);
    do
    {
        size = send_data(&pair, "with a new key", 14, arrived, sizeof(arrived));
    } while (size == GNUTLS_E_AGAIN);
    ok(size == 14 && !memcmp(arrived, "with a new key", 14), "%d\n", (int)size);
    pair_close(&pair);
}

/* Both orders of the randoms, and no secret at all, computed once more from the peer's master secret. */
static void test_the_prf_of_each_version(void)
{
    static const struct
    {
        const char *priority;
        gnutls_digest_algorithm_t hash;
    } rows[] = {
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM", GNUTLS_DIG_SHA384 },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM", GNUTLS_DIG_SHA256 },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.1:-KX-ALL:+RSA", GNUTLS_DIG_MD5_SHA1 },
    };
    struct span label = { (const uint8_t *)"key expansion", 13 };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        gnutls_datum_t client, server, secret;
        uint8_t randoms[2][64], got[128], expected[128];
        struct pair pair;

        pair_open(&pair, ALL_TLS, rows[i].priority);
        ok_status(pair_handshake(pair.session, pair.peer), SEC_E_OK);
        gnutls_session_get_random(pair.peer->tls, &client, &server);
        gnutls_session_get_master_secret(pair.peer->tls, &secret);
        for (j = 0; j < 2; j++)
        {
            memcpy(randoms[j], j ? server.data : client.data, 32);
            memcpy(randoms[j] + 32, j ? client.data : server.data, 32);
        }
        for (j = 0; j < 3; j++)
        {
            struct span seed = { randoms[j == 1], 64 }, master = { secret.data, j == 2 ? 0 : secret.size };

            ok(prf_compute(rows[i].hash, master, label, seed, expected, sizeof(expected)), "row %u\n", i);
            ok(j == 2 ? session_prf_without_secret(pair.session, label, got, sizeof(got))
                      : session_prf(pair.session, label, j, got, sizeof(got)),
               "row %u, %u: none\n", i, j);
            ok(!memcmp(got, expected, sizeof(got)), "row %u, %u: another\n", i, j);
        }
        pair_close(&pair);
    }
}

/* Messages that are cut anywhere, or have a byte changed, up against a page nobody may read: of the cut ones
 * nothing is believed. */
static void test_messages_cut_short_are_passed_over(void)
{
#define START                                                                                                \
    "\x03\x03"                                                                                               \
    "01234567890123456789012345678901"                                                                       \
    "\x02id" /* version, random, session id */
    static const struct
    {
        unsigned type;
        const char *bytes;
        size_t size;
        unsigned extensions, tickets; /* of the whole message */
    } rows[] = {
        { GNUTLS_HANDSHAKE_SERVER_HELLO,
          START "\x13\x01\x00"
                "\x00\x0c"
                "\x00\x2b\x00\x02\x03\x04"
                "\x00\x29\x00\x02\x00\x00",
          37 + 3 + 2 + 12, 2, 0 },
        { GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS,
          "\x00\x09"
          "\x00\x10\x00\x05\x00\x03\x02h2",
          11, 1, 0 },
        { GNUTLS_HANDSHAKE_CLIENT_HELLO,
          START "\x00\x02\x13\x01"
                "\x01\x00"
                "\x00\x18"
                "\x00\x29\x00\x14"
                "\x00\x10"
                "\x00\x02\x61\x62\x00\x00\x00\x01"
                "\x00\x02\x63\x64\x00\x00\x00\x02"
                "\x00\x00",
          37 + 4 + 2 + 2 + 24, 0, 2 },
    };
    uint8_t *pages = VirtualAlloc(NULL, 8192, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    struct pair pair;
    unsigned i;
    DWORD old;

    VirtualProtect(pages + 4096, 4096, PAGE_NOACCESS, &old);
    pair_open(&pair, ALL_TLS, "NORMAL");
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        size_t cut;

        for (cut = 0; cut <= rows[i].size; cut++)
        {
            struct span message = { pages + 4096 - cut, cut };
            const uint16_t *types;

            int error;

            pair.session->extension_count = 0;
            pair.session->offered = ~(uint64_t)0;
            resumption_offered_none(&pair.session->resumption);
            memcpy(pages + 4096 - cut, rows[i].bytes, cut);
            error = session_hear(pair.session, rows[i].type, message);
            ok(cut != rows[i].size || !error, "row %u: %d\n", i, error);
            ok(session_extensions(pair.session, &types) == (cut == rows[i].size ? rows[i].extensions : 0),
               "row %u, %u bytes: %u extensions\n", i, (unsigned)cut, pair.session->extension_count);
            ok(pair.session->resumption.offered.count == (cut == rows[i].size ? rows[i].tickets : 0),
               "row %u, %u bytes: %u tickets\n", i, (unsigned)cut, pair.session->resumption.offered.count);
        }
        ok(i || !pair.session->resumption.chosen, "not the first ticket\n");
        for (cut = 0; cut < rows[i].size; cut++)
        {
            struct span message = { pages + 4096 - rows[i].size, rows[i].size };

            memcpy(pages + 4096 - rows[i].size, rows[i].bytes, rows[i].size);
            pages[4096 - rows[i].size + cut] = 0xff;
            session_hear(pair.session, rows[i].type, message);
            ok(pair.session->extension_count <= EXTENSIONS_MAX, "row %u, byte %u\n", i, (unsigned)cut);
        }
    }
    pair_close(&pair);
    VirtualFree(pages, 0, MEM_RELEASE);
}

/* RFC 8446, 4.2: nothing twice, and from a server nothing that was not offered. */
static void test_extensions_that_must_not_be(void)
{
    static const struct
    {
        unsigned type;
        uint64_t offered;
        const char *bytes;
        size_t size;
        int error;
    } rows[] = {
        { GNUTLS_HANDSHAKE_SERVER_HELLO, 1ull << 43, START "\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04", 48,
          0 },
        { GNUTLS_HANDSHAKE_SERVER_HELLO, 1ull << 16, START "\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04", 48,
          GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION },
        { GNUTLS_HANDSHAKE_SERVER_HELLO, ~0ull, START "\x00\x2f\x00\x00\x06\x12\x34\x00\x02\x03\x04", 48,
          GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION },
        { GNUTLS_HANDSHAKE_SERVER_HELLO, 0, START "\x00\x2f\x00\x00\x05\xff\x01\x00\x01\x00", 47, 0 },
        { GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS, ~0ull, "\x00\x08\x00\x0a\x00\x00\x00\x0a\x00\x00", 10,
          GNUTLS_E_UNEXPECTED_PACKET_LENGTH },
        { GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS, ~0ull, "", 0, GNUTLS_E_UNEXPECTED_PACKET_LENGTH },
        { GNUTLS_HANDSHAKE_CLIENT_HELLO, 0,
          START "\x00\x02\x13\x01\x01\x00\x00\x08\x12\x34\x00\x00\x12\x34\x00\x00", 53,
          GNUTLS_E_UNEXPECTED_PACKET_LENGTH },
        { GNUTLS_HANDSHAKE_CLIENT_HELLO, 0, START "\x00\x02\x13\x01\x01\x00", 43, 0 },
    };
    struct pair pair;
    unsigned i;

    pair_open(&pair, ALL_TLS, "NORMAL");
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct span message = { (const uint8_t *)rows[i].bytes, rows[i].size };
        int error;

        pair.session->offered = rows[i].offered;
        error = session_hear(pair.session, rows[i].type, message);
        ok(error == rows[i].error, "row %u: %d\n", i, error);
    }
    pair_close(&pair);
#undef START
}

START_TEST(session)
{
    profile_library_open();
    RUN(test_what_is_no_record_is_told_apart);
    RUN(test_every_kind_of_suite_carries_data_both_ways);
    RUN(test_sealed_parts_may_lie_apart);
    RUN(test_a_changed_record_is_refused_wherever_it_was_changed);
    RUN(test_a_record_sent_twice_is_refused);
    RUN(test_a_ticket_is_a_message_and_leaves_its_record_alone);
    RUN(test_close_notify_is_not_the_end_of_the_wire);
    RUN(test_a_hello_request_asks_for_a_handshake);
    RUN(test_a_refused_chain_ends_it_with_its_own_status_and_alert);
    RUN(test_a_session_does_not_wait_for_bytes_in_parts);
    RUN(test_alerts_between_data_a_thousand_times);
    RUN(test_key_updates_and_data_a_thousand_times);
    RUN(test_a_key_that_has_done_enough);
    RUN(test_the_prf_of_each_version);
    RUN(test_messages_cut_short_are_passed_over);
    RUN(test_extensions_that_must_not_be);
}
