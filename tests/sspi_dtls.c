/*
 * DTLS through the door: two sides in one process with a network in between that loses, repeats, reorders and
 * changes datagrams as it is told; and other people's servers over UDP.
 */
#include "test.h"
#include "sides.h"
#include "stranger.h"
#include <stdio.h>

#define CLIENT_DTLS12   SP_PROT_DTLS1_2_CLIENT
#define SERVER_DTLS12   SP_PROT_DTLS1_2_SERVER
#define DATAGRAM_FLAGS  (CLIENT_FLAGS | ISC_REQ_DATAGRAM)
#define DATAGRAM_SERVER (SERVER_FLAGS | ASC_REQ_DATAGRAM)

/* --- the network ---------------------------------------------------------------------------------------- */

struct datagram
{
    ULONG size;
    BYTE bytes[2048];
};

#define QUEUE 256

struct queue
{
    struct datagram *datagrams;
    unsigned first, count;
    BOOL held; /* one waits for the next to overtake it */
    struct datagram late;
};

static unsigned random_state;
static unsigned faults; /* of 100 datagrams */

static unsigned chance(unsigned of)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % of;
}

static void put(struct queue *queue, const BYTE *bytes, ULONG size)
{
    struct datagram *datagram;

    if (!queue->datagrams) queue->datagrams = malloc(QUEUE * sizeof(*queue->datagrams));
    if (queue->count == QUEUE || size > sizeof(datagram->bytes)) return; /* lost */
    datagram = &queue->datagrams[(queue->first + queue->count++) % QUEUE];
    memcpy(datagram->bytes, bytes, size);
    datagram->size = size;
}

static BOOL get(struct queue *queue, struct datagram *datagram)
{
    if (!queue->count)
    {
        if (!queue->held) return FALSE;
        *datagram = queue->late;
        queue->held = FALSE;
        return TRUE;
    }
    *datagram = queue->datagrams[queue->first];
    queue->first = (queue->first + 1) % QUEUE;
    queue->count--;
    return TRUE;
}

/* A datagram on its way. */
static void transmit(struct queue *queue, const BYTE *bytes, ULONG size)
{
    BYTE changed[2048];

    if (size > sizeof(changed)) return;
    if (chance(100) < faults) switch (chance(4))
        {
        case 0: /* lost */
            return;
        case 1:
            put(queue, bytes, size);
            break;
        case 2:
            if (queue->held) break;
            queue->held = TRUE;
            queue->late.size = size;
            memcpy(queue->late.bytes, bytes, size);
            return;
        default:
            /* Of what is not protected the header alone: a change in the middle of a plain message is a
             * message. */
            memcpy(changed, bytes, size);
            changed[chance(bytes[3] || bytes[4] ? size : 13)] ^= (BYTE)(1 + chance(255));
            bytes = changed;
            break;
        }
    put(queue, bytes, size);
    if (!queue->held) return;
    put(queue, queue->late.bytes, queue->late.size);
    queue->held = FALSE;
}

/* --- sides ---------------------------------------------------------------------------------------------- */

struct party
{
    BOOL server;
    CredHandle credential;
    CtxtHandle context;
    BOOL has_context;
    ULONG requirements, attributes;
    TimeStamp expiry;
    SECURITY_STATUS status;
    WORD mtu;
    const char *address; /* of its client, for a server; NULL: it says none */
    SecBuffer given[3];
    ULONG given_count;
    struct queue in;
    unsigned datagrams, fragments; /* sent; of those that said SEC_I_MESSAGE_FRAGMENT */
    ULONG longest;
    BYTE last[2048]; /* the last one sent */
    ULONG last_size;
};

static void party_open(struct party *party, BOOL server, DWORD protocols, DWORD flags,
                       PCCERT_CONTEXT *certificate)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                           .cCreds = certificate ? 1 : 0,
                           .paCred = certificate,
                           .grbitEnabledProtocols = protocols,
                           .dwFlags = flags | SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS };

    memset(party, 0, sizeof(*party));
    party->server = server;
    party->requirements = server ? DATAGRAM_SERVER : DATAGRAM_FLAGS;
    party->address = "\x02\x00\x12\x34\x7f\x00\x00\x01";
    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                              server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND, NULL,
                                              &cred, NULL, NULL, &party->credential, NULL),
              SEC_E_OK);
}

static void party_hang_up(struct party *party)
{
    if (party->has_context) sspi->DeleteSecurityContext(&party->context);
    party->has_context = FALSE;
    memset(&party->context, 0, sizeof(party->context));
    free(party->in.datagrams);
    memset(&party->in, 0, sizeof(party->in));
    party->status = SEC_I_CONTINUE_NEEDED;
}

static void party_close(struct party *party)
{
    party_hang_up(party);
    sspi->FreeCredentialsHandle(&party->credential);
}

/* One call; NULL: without input. Its datagram goes to `to`, unless that is NULL. */
static SECURITY_STATUS call(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SecBuffer in[7], out[2] = { { 0, SECBUFFER_TOKEN, NULL }, { 0, SECBUFFER_ALERT, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 0, in }, out_desc = { SECBUFFER_VERSION, 2, out };
    BYTE copy[2048];
    WORD mtu = party->mtu;
    BOOL first = !party->has_context;

    if (datagram)
    {
        memcpy(copy, datagram->bytes, datagram->size);
        in[in_desc.cBuffers++] = (SecBuffer){ datagram->size, SECBUFFER_TOKEN, copy };
        in[in_desc.cBuffers++] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    }
    if (party->server && datagram && party->address)
        in[in_desc.cBuffers++] = (SecBuffer){ 8, SECBUFFER_EXTRA, (void *)party->address };
    if (first && mtu) in[in_desc.cBuffers++] = (SecBuffer){ sizeof(mtu), SECBUFFER_DTLS_MTU, &mtu };
    if (first || party->server)
    {
        memcpy(in + in_desc.cBuffers, party->given, party->given_count * sizeof(*in));
        in_desc.cBuffers += party->given_count;
    }
    if (party->server)
        party->status = sspi->AcceptSecurityContext(&party->credential, first ? NULL : &party->context,
                                                    &in_desc, party->requirements, 0, &party->context,
                                                    &out_desc, &party->attributes, &party->expiry);
    else
        party->status = sspi->InitializeSecurityContextW(
            &party->credential, first ? NULL : &party->context, (WCHAR *)L"localhost", party->requirements, 0,
            0, in_desc.cBuffers ? &in_desc : NULL, 0, &party->context, &out_desc, &party->attributes,
            &party->expiry);
    if (!FAILED(party->status) && party->context.dwLower) party->has_context = TRUE;
    if (out[0].pvBuffer && out[0].cbBuffer &&
        (!FAILED(party->status) || party->requirements & ISC_REQ_EXTENDED_ERROR))
    {
        party->datagrams++;
        party->fragments += party->status == SEC_I_MESSAGE_FRAGMENT;
        party->longest = max(party->longest, out[0].cbBuffer);
        party->last_size = min(out[0].cbBuffer, sizeof(party->last));
        memcpy(party->last, out[0].pvBuffer, party->last_size);
        if (to) transmit(to, out[0].pvBuffer, out[0].cbBuffer);
    }
    if (out[0].pvBuffer) sspi->FreeContextBuffer(out[0].pvBuffer);
    return party->status;
}

/* A call and the rest of its flight. */
static SECURITY_STATUS speak(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SECURITY_STATUS status = call(party, datagram, to);

    while (status == SEC_I_MESSAGE_FRAGMENT) status = call(party, NULL, to);
    return status;
}

/* DecryptMessage of a datagram; TRUE: it was that text. */
static BOOL read_data(struct party *party, const struct datagram *datagram, const char *text,
                      SECURITY_STATUS *status)
{
    SecBuffer buffers[4] = { { 0 } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    struct datagram copy = *datagram;

    buffers[0] = (SecBuffer){ copy.size, SECBUFFER_DATA, copy.bytes };
    *status = sspi->DecryptMessage(&party->context, &desc, 0, NULL);
    return !*status && buffers[1].BufferType == SECBUFFER_DATA && buffers[1].cbBuffer == strlen(text) &&
           !memcmp(buffers[1].pvBuffer, text, strlen(text));
}

static BOOL wrap(struct party *party, ULONG qop, const char *text, struct datagram *datagram)
{
    SecPkgContext_StreamSizes sizes;
    ULONG size = (ULONG)strlen(text);
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    if (sspi->QueryContextAttributesW(&party->context, SECPKG_ATTR_DATAGRAM_SIZES, &sizes)) return FALSE;
    memcpy(datagram->bytes + sizes.cbHeader, text, size);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, datagram->bytes };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, datagram->bytes + sizes.cbHeader };
    buffers[2] =
        (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, datagram->bytes + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    if (sspi->EncryptMessage(&party->context, qop, &desc, 0)) return FALSE;
    datagram->size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    return TRUE;
}

static BOOL seal(struct party *party, const char *text, struct datagram *datagram)
{
    return wrap(party, 0, text, datagram);
}

/* A datagram arrives: at a handshake, or behind it. What the status of DecryptMessage asks for is done. */
static void arrive(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SECURITY_STATUS status;

    if (party->status != SEC_E_OK)
    {
        status = speak(party, datagram, to);
        if (status == SEC_E_INCOMPLETE_MESSAGE || status == SEC_I_INCOMPLETE_CREDENTIALS ||
            (!party->has_context && status == SEC_E_ILLEGAL_MESSAGE))
        {
            if (status == SEC_I_INCOMPLETE_CREDENTIALS)
                speak(party, NULL, to);
            else
                party->status = SEC_I_CONTINUE_NEEDED;
        }
        return;
    }
    read_data(party, datagram, "", &status);
    if (status == SEC_E_UNFINISHED_CONTEXT_DELETED) speak(party, datagram, to);
}

/* Nothing came. */
static void again(struct party *party, struct queue *to)
{
    if (speak(party, NULL, to) == SEC_E_INCOMPLETE_MESSAGE) party->status = SEC_I_CONTINUE_NEEDED;
}

/* A whole handshake over the network; how often somebody lost patience. FALSE: it came to no end. */
static BOOL shake(struct party *client, struct party *server, unsigned *timeouts)
{
    struct datagram datagram;
    unsigned turns;

    client->status = server->status = SEC_I_CONTINUE_NEEDED;
    *timeouts = 0;
    speak(client, NULL, &server->in);
    for (turns = 0; turns < 1000 && (client->status || server->status); turns++)
    {
        if (get(&server->in, &datagram))
            arrive(server, &datagram, &client->in);
        else if (get(&client->in, &datagram))
            arrive(client, &datagram, &server->in);
        else
        {
            ++*timeouts;
            if (client->status)
                again(client, &server->in);
            else
                again(server, &client->in);
        }
        if ((FAILED(client->status) || FAILED(server->status))) return FALSE;
    }
    return !client->status && !server->status;
}

static void must_shake(struct party *client, struct party *server)
{
    unsigned timeouts;
    BOOL good;

    good = shake(client, server, &timeouts);
    ok(good, "client %#lx, server %#lx after %u timeouts\n", client->status, server->status, timeouts);
    ok(faults || !timeouts, "%u timeouts and no faults\n", timeouts);
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void test_a_handshake_in_both_versions(void)
{
    static const DWORD versions[][2] = { { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER },
                                         { SP_PROT_DTLS1_0_CLIENT, SP_PROT_DTLS1_0_SERVER },
                                         { 0, 0 } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
        SecPkgContext_ConnectionInfo info = { 0 };
        struct party client, server;
        struct datagram datagram;
        SECURITY_STATUS status;

        party_open(&client, FALSE, versions[i][0], 0, NULL);
        party_open(&server, TRUE, versions[i][1], 0, &server_certificate);
        must_shake(&client, &server);
        ok(client.attributes == DATAGRAM_FLAGS, "row %u: attributes %#lx\n", i, client.attributes);
        ok(server.attributes == DATAGRAM_SERVER, "row %u: attributes %#lx\n", i, server.attributes);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info),
                  SEC_E_OK);
        ok(info.dwProtocol == (versions[i][0] ? versions[i][0] : SP_PROT_DTLS1_2_CLIENT),
           "row %u: protocol %#lx\n", i, info.dwProtocol);
        ok_status(sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_CIPHER_INFO, &cipher), SEC_E_OK);
        ok(cipher.dwProtocol == (i == 1 ? 0xfeff : 0xfefd), "row %u: version %#lx\n", i, cipher.dwProtocol);
        ok(seal(&client, "to the server", &datagram) &&
               read_data(&server, &datagram, "to the server", &status),
           "row %u: not read\n", i);
        ok(seal(&server, "to the client", &datagram) &&
               read_data(&client, &datagram, "to the client", &status),
           "row %u: not read\n", i);
        party_close(&client);
        party_close(&server);
    }
}

/* The cookie: the first answer is a HelloVerifyRequest, and nothing is kept. */
static void test_a_cookie_before_there_is_a_context(void)
{
    struct party client, server;
    struct datagram hello = { 0 }, second;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    ok_status(call(&client, NULL, &server.in), SEC_I_CONTINUE_NEEDED);
    get(&server.in, &hello);
    server.context.dwLower = 0x1234;
    ok_status(call(&server, &hello, &client.in), SEC_I_CONTINUE_NEEDED);
    ok(!server.context.dwLower && !server.has_context, "there is a context\n");
    ok(server.attributes == DATAGRAM_SERVER, "attributes %#lx\n", server.attributes);
    ok(server.last_size == 44 && server.last[0] == 22 && server.last[13] == 3, "no HelloVerifyRequest\n");
    get(&client.in, &second);
    ok_status(call(&client, &second, &server.in), SEC_I_CONTINUE_NEEDED);
    get(&server.in, &hello);

    /* From another address it is nobody's; from none it cannot be told. */
    server.address = "\x02\x00\x12\x34\x7f\x00\x00\x02";
    ok_status(call(&server, &hello, NULL), SEC_I_CONTINUE_NEEDED);
    ok(!server.has_context && server.last[13] == 3, "the cookie of another\n");
    server.address = NULL;
    ok_status(call(&server, &hello, NULL), SEC_E_INVALID_PARAMETER);
    server.address = "\x02\x00\x12\x34\x7f\x00\x00\x01";
    hello.bytes[13 + 12 + 2 + 32 + 1 + 1 + 5] ^= 1; /* in the cookie */
    ok_status(call(&server, &hello, NULL), SEC_I_CONTINUE_NEEDED);
    ok(!server.has_context, "a changed cookie\n");
    hello.bytes[13 + 12 + 2 + 32 + 1 + 1 + 5] ^= 1;

    /* A handle of 0 is none, as it comes back from secur32: with dwUpper set. */
    {
        SecBuffer in[3] = { { hello.size, SECBUFFER_TOKEN, hello.bytes },
                            { 0, SECBUFFER_EMPTY, NULL },
                            { 8, SECBUFFER_EXTRA, (void *)server.address } };
        SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 3, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
        CtxtHandle context = { 0, server.credential.dwUpper };
        SECURITY_STATUS status =
            sspi->AcceptSecurityContext(&server.credential, &context, &in_desc, server.requirements, 0,
                                        &context, &out_desc, &server.attributes, NULL);

        ok(status == SEC_I_CONTINUE_NEEDED || status == SEC_I_MESSAGE_FRAGMENT, "status %#lx\n", status);
        ok(context.dwLower != 0, "no context\n");
        sspi->FreeContextBuffer(out.pvBuffer);
        sspi->DeleteSecurityContext(&context);
    }
    party_close(&client);
    party_close(&server);
}

static void test_what_is_no_hello(void)
{
    static const struct
    {
        const char *bytes;
        ULONG size;
    } rows[] = {
        { "", 0 },
        { "\x16", 1 },
        { "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0", 12 },
        { "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\0", 13 },
        { "\x17\xfe\xfd\0\0\0\0\0\0\0\0\0\1\1", 14 },
        { "GET / HTTP/1.0\r\n\r\nand so on and on and on and on and on", 52 },
    };
    struct party server;
    unsigned i;

    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct datagram datagram = { rows[i].size, { 0 } };

        memcpy(datagram.bytes, rows[i].bytes, rows[i].size);
        ok(call(&server, &datagram, NULL) == SEC_E_ILLEGAL_MESSAGE, "row %u: %#lx\n", i, server.status);
        ok(!server.has_context, "row %u: a context\n", i);
    }
    party_close(&server);
}

/* It is thrown away, and what is true comes through. */
static void test_a_message_that_claims_too_much(void)
{
    struct party client, server;
    struct datagram datagram, liar;
    unsigned i, turns;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    client.status = server.status = SEC_I_CONTINUE_NEEDED;
    speak(&client, NULL, &server.in);
    for (turns = 0; turns < 100 && (client.status || server.status); turns++)
    {
        if (get(&server.in, &datagram))
        {
            for (i = 0; server.has_context && i < 6 && server.status; i++)
            {
                liar = datagram;
                memset(liar.bytes + 14, 0xff, 3); /* the length of the message */
                liar.bytes[18] = (BYTE)(liar.bytes[18] + i);
                if (liar.bytes[0] == 22 && !liar.bytes[4]) arrive(&server, &liar, &client.in);
            }
            arrive(&server, &datagram, &client.in);
        }
        else if (get(&client.in, &datagram))
            arrive(&client, &datagram, &server.in);
        else
            break;
    }
    ok(!client.status && !server.status, "client %#lx, server %#lx\n", client.status, server.status);
    party_close(&client);
    party_close(&server);
}

/* What Wine's tests/schannel.c, test_dtls, sees of a client that hears nothing. */
static void test_a_client_says_it_again(void)
{
    struct party client;
    BYTE first[2048];
    ULONG size;
    unsigned i;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    ok_status(call(&client, NULL, NULL), SEC_I_CONTINUE_NEEDED);
    ok(!client.expiry.QuadPart, "it expires\n");
    memcpy(first, client.last, size = client.last_size);
    ok(first[0] == 22 && !first[10], "not the first record\n");
    for (i = 1; i < 20; i++)
    {
        ok_status(call(&client, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        ok(client.expiry.QuadPart != 0, "it does not expire\n");
        ok(client.last_size == size && client.last[10] == i, "%lu bytes, record %u\n", client.last_size,
           client.last[10]);
        ok(!memcmp(client.last, first, 10) && !memcmp(client.last + 11, first + 11, size - 11),
           "not the same\n");
    }
    party_close(&client);
}

static void test_flights_in_small_datagrams(void)
{
    static const WORD mtus[] = { 200, 300, 1096, 0, 1400, 16000, 65535 };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(mtus); i++)
    {
        struct party client, server;
        unsigned timeouts;
        WORD mtu = 0;

        party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
        party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
        client.mtu = server.mtu = mtus[i];
        if (mtus[i] > 2048)
            shake(&client, &server, &timeouts);
        else
            must_shake(&client, &server);
        if (mtus[i] <= 2048)
        {
            ULONG limit = mtus[i] ? mtus[i] : 1096;

            ok(server.longest <= limit && client.longest <= limit, "MTU %u: %lu and %lu bytes\n", mtus[i],
               server.longest, client.longest);
            ok(limit > 1400 || server.fragments > 0, "MTU %u: no fragments\n", mtus[i]);
            ok_status(sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_DTLS_MTU, &mtu), SEC_E_OK);
            ok(mtu == limit, "MTU %u, not %lu\n", mtu, limit);
        }
        party_close(&client);
        party_close(&server);
    }
}

static void test_an_mtu_that_cannot_be(void)
{
    struct party client;
    WORD mtu = 199;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    client.mtu = 199;
    ok_status(call(&client, NULL, NULL), SEC_E_INVALID_TOKEN);
    client.mtu = 200;
    ok_status(call(&client, NULL, NULL), SEC_I_CONTINUE_NEEDED);
    ok(client.last_size <= 200, "%lu bytes\n", client.last_size);
    ok_status(sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_DTLS_MTU, &mtu, sizeof(mtu)),
              SEC_E_INVALID_PARAMETER);
    mtu = 1200;
    ok_status(sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_DTLS_MTU, &mtu, 1),
              SEC_E_INVALID_PARAMETER);
    ok_status(sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_DTLS_MTU, &mtu, sizeof(mtu)),
              SEC_E_OK);
    mtu = 0;
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_DTLS_MTU, &mtu), SEC_E_OK);
    ok(mtu == 1200, "MTU %u\n", mtu);
    party_close(&client);
}

static void test_a_thousand_handshakes_over_a_bad_network(void)
{
    /* Through secur32 a part of it will do: the DLL is the same. */
    unsigned i, total = 0, most = 0, count = sspi_is_direct() ? 1000 : 100;
    struct party client, server;

    party_open(&client, FALSE, CLIENT_DTLS12, SCH_CRED_DISABLE_RECONNECTS, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, SCH_CRED_DISABLE_RECONNECTS, &server_certificate);
    for (i = 0; i < count; i++)
    {
        struct datagram datagram;
        SECURITY_STATUS status;
        unsigned timeouts;
        BOOL good;

        random_state = i;
        faults = 20;
        client.mtu = server.mtu = i % 3 ? 400 : 0;
        good = shake(&client, &server, &timeouts);
        faults = 0;
        ok(good, "seed %u: %#lx, %#lx after %u timeouts\n", i, client.status, server.status, timeouts);
        total += timeouts;
        most = max(most, timeouts);
        if (good)
            ok(seal(&client, "to the server", &datagram) &&
                   read_data(&server, &datagram, "to the server", &status) &&
                   seal(&server, "to the client", &datagram) &&
                   read_data(&client, &datagram, "to the client", &status),
               "seed %u: not read\n", i);
        party_hang_up(&client);
        party_hang_up(&server);
    }
    trace("%u handshakes, %u timeouts, at most %u in one\n", count, total, most);
    party_close(&client);
    party_close(&server);
}

/* None of what can be wrong with a datagram of data ends anything. */
static void test_bad_datagrams_of_data(void)
{
    struct party client, server;
    struct datagram datagrams[70], bad;
    SECURITY_STATUS status;
    unsigned i;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    must_shake(&client, &server);
    for (i = 0; i < ARRAY_SIZE(datagrams); i++)
        ok(seal(&client, "one of many", &datagrams[i]), "not sealed\n");

    ok(read_data(&server, &datagrams[3], "one of many", &status), "status %#lx\n", status);
    ok(read_data(&server, &datagrams[1], "one of many", &status), "an older one: %#lx\n", status);
    read_data(&server, &datagrams[3], "", &status);
    ok_status(status, SEC_E_OUT_OF_SEQUENCE);
    read_data(&server, &datagrams[1], "", &status);
    ok_status(status, SEC_E_OUT_OF_SEQUENCE);
    ok(read_data(&server, &datagrams[69], "one of many", &status), "status %#lx\n", status);
    read_data(&server, &datagrams[2], "", &status);
    ok_status(status, SEC_E_OUT_OF_SEQUENCE); /* more than 64 too late */
    for (i = 0; i < datagrams[60].size; i++)
    {
        bad = datagrams[60];
        bad.bytes[i] ^= 0x40;
        read_data(&server, &bad, "", &status);
        ok(status == SEC_E_MESSAGE_ALTERED || status == SEC_E_OUT_OF_SEQUENCE ||
               status == SEC_E_INVALID_TOKEN || status == SEC_E_UNFINISHED_CONTEXT_DELETED,
           "byte %u: %#lx\n", i, status);
    }
    for (i = 0; i < datagrams[60].size; i++)
    {
        bad = datagrams[60];
        bad.size = i;
        read_data(&server, &bad, "", &status);
        ok_status(status, SEC_E_INVALID_TOKEN);
    }
    ok(read_data(&server, &datagrams[60], "one of many", &status), "after all that: %#lx\n", status);

    /* Two records in one datagram: the second is EXTRA. */
    bad = datagrams[61];
    memcpy(bad.bytes + bad.size, datagrams[62].bytes, datagrams[62].size);
    {
        SecBuffer buffers[4] = { { bad.size + datagrams[62].size, SECBUFFER_DATA, bad.bytes } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

        ok_status(sspi->DecryptMessage(&server.context, &desc, 0, NULL), SEC_E_OK);
        ok(buffers[3].BufferType == SECBUFFER_EXTRA && buffers[3].cbBuffer == datagrams[62].size,
           "type %lu, %lu\n", buffers[3].BufferType, buffers[3].cbBuffer);
    }
    ok(read_data(&server, &datagrams[62], "one of many", &status), "status %#lx\n", status);
    party_close(&client);
    party_close(&server);
}

/* Alerts are GnuTLS's records and data ours: they count with the same numbers. */
static void test_data_between_alerts(void)
{
    struct party parties[2];
    struct datagram data, alert, first;
    SECURITY_STATUS status = SEC_E_OK;
    unsigned i, turn, good = 0;

    party_open(&parties[0], FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&parties[1], TRUE, SERVER_DTLS12, 0, &server_certificate);
    must_shake(&parties[0], &parties[1]);
    ok(seal(&parties[0], "the first", &first), "not sealed\n");
    ok(read_data(&parties[1], &first, "the first", &status), "status %#lx\n", status);
    for (turn = 0; turn < 1000; turn++)
        for (i = 0; i < 2; i++)
        {
            struct party *from = &parties[i], *to = &parties[!i];

            /* user_canceled, a warning that ends nothing (RFC 5246, 7.2.2) */
            if (!wrap(from, SECQOP_WRAP_OOB_DATA, "\1\132", &alert) || !seal(from, "data", &data)) continue;
            read_data(to, &alert, "", &status);
            if (!status && read_data(to, &data, "data", &status)) good++;
        }
    ok(good == 2000, "%u of 2000 turns, the last status %#lx\n", good, status);
    read_data(&parties[1], &first, "", &status);
    ok_status(status, SEC_E_OUT_OF_SEQUENCE);
    read_data(&parties[1], &alert, "", &status); /* the server's own */
    ok_status(status, SEC_E_OUT_OF_SEQUENCE);
    party_close(&parties[0]);
    party_close(&parties[1]);
}

static void test_the_end_of_a_handshake_said_again(void)
{
    struct party client, server;
    struct datagram datagram, last = { 0 };
    SECURITY_STATUS status;
    unsigned sent;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    client.mtu = server.mtu = 1400;
    client.status = server.status = SEC_I_CONTINUE_NEEDED;
    speak(&client, NULL, &server.in);
    while (server.status)
    {
        if (get(&server.in, &datagram))
        {
            last = datagram;
            arrive(&server, &datagram, &client.in);
        }
        else if (get(&client.in, &datagram))
            arrive(&client, &datagram, &server.in);
        else
            break;
    }
    ok_status(server.status, SEC_E_OK);
    while (get(&client.in, &datagram)) continue; /* the server's last flight is lost */
    sent = server.datagrams;
    read_data(&server, &last, "", &status);
    ok(status == SEC_E_OUT_OF_SEQUENCE || status == SEC_E_UNFINISHED_CONTEXT_DELETED,
       "the same again: %#lx\n", status);
    ok(server.datagrams == sent, "it was answered\n");
    speak(&client, NULL, &server.in); /* the client loses patience */
    ok(get(&server.in, &datagram), "nothing was said\n");
    read_data(&server, &datagram, "", &status);
    ok_status(status, SEC_E_UNFINISHED_CONTEXT_DELETED);
    ok_status(speak(&server, &datagram, &client.in), SEC_E_OK);
    while (get(&server.in, &datagram)) arrive(&server, &datagram, &client.in);
    ok(server.datagrams > sent, "the flight was not said again\n");
    while (client.status && get(&client.in, &datagram)) arrive(&client, &datagram, &server.in);
    ok_status(client.status, SEC_E_OK);
    /* What comes once more when both are done harms nobody. */
    while (get(&client.in, &datagram)) arrive(&client, &datagram, &server.in);
    ok(seal(&client, "at last", &datagram) && read_data(&server, &datagram, "at last", &status), "%#lx\n",
       status);
    ok(seal(&server, "at last", &datagram) && read_data(&client, &datagram, "at last", &status), "%#lx\n",
       status);
    party_close(&client);
    party_close(&server);
}

static void test_a_second_visit(void)
{
    struct party client, server;
    unsigned visit;

    for (faults = 0; faults <= 20; faults += 20)
    {
        party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
        party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
        for (visit = 0; visit < 10; visit++)
        {
            SecPkgContext_SessionInfo info[2] = { { 0 } };
            struct datagram datagram;
            SECURITY_STATUS status;
            unsigned now = faults;

            random_state = visit;
            must_shake(&client, &server);
            sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_SESSION_INFO, &info[0]);
            sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_SESSION_INFO, &info[1]);
            ok(info[0].dwFlags == (visit ? SSL_SESSION_RECONNECT : 0) && info[0].dwFlags == info[1].dwFlags,
               "visit %u: %#lx, %#lx\n", visit, info[0].dwFlags, info[1].dwFlags);
            faults = 0;
            ok(seal(&client, "to the server", &datagram) &&
                   read_data(&server, &datagram, "to the server", &status) &&
                   seal(&server, "to the client", &datagram) &&
                   read_data(&client, &datagram, "to the client", &status),
               "visit %u: not read\n", visit);
            faults = now;
            party_hang_up(&client);
            party_hang_up(&server);
        }
        party_close(&client);
        party_close(&server);
    }
    faults = 0;
}

static void test_a_clients_certificate(void)
{
    PCCERT_CONTEXT mine = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE), seen = NULL;
    struct party client, server;
    unsigned way;

    for (way = 0; way < 4; way++)
    {
        BOOL with = way & 1, old = way & 2;

        party_open(&client, FALSE, old ? SP_PROT_DTLS1_0_CLIENT : CLIENT_DTLS12, 0, with ? &mine : NULL);
        party_open(&server, TRUE, old ? SP_PROT_DTLS1_0_SERVER : SERVER_DTLS12, 0, &server_certificate);
        server.requirements |= ASC_REQ_MUTUAL_AUTH;
        must_shake(&client, &server);
        ok_status(sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &seen),
                  with ? SEC_E_OK : SEC_E_NO_CREDENTIALS);
        if (seen)
        {
            ok(CertCompareCertificate(X509_ASN_ENCODING, seen->pCertInfo, mine->pCertInfo), "another\n");
            CertFreeCertificateContext(seen);
            seen = NULL;
        }
        party_close(&client);
        party_close(&server);
    }
    CertFreeCertificateContext(mine);
}

static void test_srtp(void)
{
    static const BYTE clients[] = { 6, 0, 0, 7, 0, 1, 0, 2 }, servers[] = { 4, 0, 0, 2, 0, 1 };
    static const BYTE identifier[] = { 3, 'k', 'e', 'y' };
    static char label[] = "EXTRACTOR-dtls_srtp";
    SecPkgContext_KeyingMaterialInfo info = { sizeof(label), label, 0, NULL, 60 };
    SecPkgContext_SrtpParameters parameters[2] = { { 0 } };
    SecPkgContext_KeyingMaterial material[2] = { { 0 } };
    struct party parties[2];
    unsigned i;

    for (i = 0; i < 2; i++)
    {
        party_open(&parties[i], i, i ? SERVER_DTLS12 : CLIENT_DTLS12, 0, i ? &server_certificate : NULL);
        parties[i].given[0] =
            (SecBuffer){ i ? sizeof(servers) : sizeof(clients), SECBUFFER_SRTP_PROTECTION_PROFILES,
                         (void *)(i ? servers : clients) };
        parties[i].given[1] =
            (SecBuffer){ sizeof(identifier), SECBUFFER_SRTP_MASTER_KEY_IDENTIFIER, (void *)identifier };
        parties[i].given_count = i ? 1 : 2;
    }
    must_shake(&parties[0], &parties[1]);
    for (i = 0; i < 2; i++)
    {
        ok_status(
            sspi->QueryContextAttributesW(&parties[i].context, SECPKG_ATTR_SRTP_PARAMETERS, &parameters[i]),
            SEC_E_OK);
        ok(parameters[i].ProtectionProfile == 0x0100 || parameters[i].ProtectionProfile == 0x0200,
           "profile %#x\n", parameters[i].ProtectionProfile);
        ok_status(sspi->SetContextAttributesW(&parties[i].context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info,
                                              sizeof(info)),
                  SEC_E_OK);
        ok_status(
            sspi->QueryContextAttributesW(&parties[i].context, SECPKG_ATTR_KEYING_MATERIAL, &material[i]),
            SEC_E_OK);
    }
    ok(parameters[0].ProtectionProfile == parameters[1].ProtectionProfile, "two profiles\n");
    ok(parameters[1].MasterKeyIdentifierSize == 3 && !memcmp(parameters[1].MasterKeyIdentifier, "key", 3),
       "the server's identifier has %u bytes\n", parameters[1].MasterKeyIdentifierSize);
    ok(material[0].cbKeyingMaterial == 60 &&
           !memcmp(material[0].pbKeyingMaterial, material[1].pbKeyingMaterial, 60),
       "two keys\n");
    for (i = 0; i < 2; i++)
    {
        sspi->FreeContextBuffer(parameters[i].MasterKeyIdentifier);
        sspi->FreeContextBuffer(material[i].pbKeyingMaterial);
        party_close(&parties[i]);
    }
}

static void test_srtp_that_cannot_be(void)
{
    static const BYTE odd[] = { 3, 0, 0, 1, 0 }, cut[] = { 4, 0, 0, 1 };
    SecPkgContext_SrtpParameters parameters;
    struct party client, server;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    client.given_count = 1;
    client.given[0] = (SecBuffer){ sizeof(odd), SECBUFFER_SRTP_PROTECTION_PROFILES, (void *)odd };
    ok_status(call(&client, NULL, NULL), SEC_E_INVALID_TOKEN);
    client.given[0] = (SecBuffer){ sizeof(cut), SECBUFFER_SRTP_PROTECTION_PROFILES, (void *)cut };
    ok_status(call(&client, NULL, NULL), SEC_E_INVALID_TOKEN);
    client.given[0] = (SecBuffer){ 1, SECBUFFER_SRTP_PROTECTION_PROFILES, (void *)cut };
    ok_status(call(&client, NULL, NULL), SEC_E_INVALID_TOKEN);
    client.given_count = 0;
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    must_shake(&client, &server);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_SRTP_PARAMETERS, &parameters),
              SEC_E_UNSUPPORTED_FUNCTION);
    party_close(&client);
    party_close(&server);
}

static void test_alpn(void)
{
    SecPkgContext_ApplicationProtocol protocol;
    struct party client, server;
    BYTE list[50];
    ULONG size = alpn_list(list, "\x06"
                                 "webrtc");

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    client.given[0] = server.given[0] = (SecBuffer){ size, SECBUFFER_APPLICATION_PROTOCOLS, list };
    client.given_count = server.given_count = 1;
    must_shake(&client, &server);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_APPLICATION_PROTOCOL, &protocol),
              SEC_E_OK);
    ok(protocol.ProtocolIdSize == 6 && !memcmp(protocol.ProtocolId, "webrtc", 6), "%u bytes\n",
       protocol.ProtocolIdSize);
    ok_status(sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_APPLICATION_PROTOCOL, &protocol),
              SEC_E_OK);
    ok(protocol.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_None, "the server is told\n");
    party_close(&client);
    party_close(&server);
}

static void test_the_close(void)
{
    DWORD order = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    struct party client, server;
    struct datagram datagram;
    SECURITY_STATUS status;

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    must_shake(&client, &server);
    ok_status(sspi->ApplyControlToken(&client.context, &desc), SEC_E_OK);
    ok_status(call(&client, NULL, &server.in), SEC_E_OK);
    ok(get(&server.in, &datagram), "nothing was said\n");
    read_data(&server, &datagram, "", &status);
    ok_status(status, SEC_I_CONTEXT_EXPIRED);
    party_close(&client);
    party_close(&server);
}

/* A handshake with a server of somebody else's, and its HelloRequest. */
static struct stranger *be_asked(struct party *client)
{
    struct stranger *server =
        stranger_open(GNUTLS_SERVER | GNUTLS_DATAGRAM, "NORMAL:-VERS-ALL:+VERS-DTLS1.2");
    struct queue wire = { NULL };
    struct datagram datagram;
    SECURITY_STATUS status;
    unsigned turns, i;
    size_t at;

    client->status = SEC_I_CONTINUE_NEEDED;
    speak(client, NULL, &wire);
    for (turns = 0; turns < 10; turns++)
    {
        while (get(&wire, &datagram))
        {
            stranger_feed(server, datagram.bytes, datagram.size);
            stranger_handshake(server);
        }
        if (!client->status) break;
        for (i = 0, at = 0; i < server->datagram_count; at += server->datagrams[i++])
        {
            put(&client->in, server->out + at, (ULONG)server->datagrams[i]);
            get(&client->in, &datagram);
            if (client->status) arrive(client, &datagram, &wire);
        }
        server->out_size = server->datagram_count = 0;
    }
    ok_status(client->status, SEC_E_OK);
    server->out_size = server->datagram_count = 0;
    gnutls_rehandshake(server->tls); /* over datagrams it wants to be called again */
    ok(server->out_size > 0, "it has not asked\n");
    memcpy(datagram.bytes, server->out, datagram.size = (ULONG)server->out_size);
    read_data(client, &datagram, "", &status);
    ok_status(status, SEC_I_RENEGOTIATE);
    free(wire.datagrams);
    return server;
}

/* A server asks for another handshake; who has said that it is the end begins none. */
static void test_no_handshake_begins_after_the_close(void)
{
    DWORD order = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    unsigned closed, sent;

    for (closed = 0; closed < 2; closed++)
    {
        struct party client;
        struct stranger *server;

        party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
        server = be_asked(&client);
        if (closed)
        {
            ok_status(sspi->ApplyControlToken(&client.context, &desc), SEC_E_OK);
            ok_status(call(&client, NULL, NULL), SEC_E_OK);
            ok(client.last[0] == 21, "no alert: %u\n", client.last[0]);
        }
        sent = client.datagrams;
        call(&client, NULL, NULL);
        if (closed)
            ok(!client.status && client.datagrams == sent, "%#lx, and %u datagrams, of type %u\n",
               client.status, client.datagrams - sent, client.last[0]);
        else
            ok(client.status == SEC_I_CONTINUE_NEEDED && client.last[0] == 22, "%#lx, type %u\n",
               client.status, client.last[0]);
        stranger_close(server);
        party_close(&client);
    }
}

/* Whoever pretends to be many costs a server nothing: no handle, and no memory. */
static void test_a_flood_of_hellos(void)
{
    static const char *const address = "\x02\x00\x12\x34\x7f\x00\x00\x01";
    struct party client, server;
    struct datagram hello = { 0 };
    SIZE_T before = 0, after = 0;
    unsigned i, round, count = sspi_is_direct() ? 100000 : 10000;
    char name[8];

    party_open(&client, FALSE, CLIENT_DTLS12, 0, NULL);
    party_open(&server, TRUE, SERVER_DTLS12, 0, &server_certificate);
    call(&client, NULL, &server.in);
    get(&server.in, &hello);
    memcpy(name, address, 8);
    server.address = name;
    for (round = 0; round < 2; round++)
    {
        for (i = 0; i < (round ? count : 100); i++)
        {
            memcpy(name + 4, &i, 4);
            if (call(&server, &hello, NULL) != SEC_I_CONTINUE_NEEDED || server.has_context) break;
        }
        ok(i == (round ? count : 100), "hello %u: %#lx\n", i, server.status);
        if (round)
            after = heap_in_use(NULL);
        else
            before = heap_in_use(NULL);
    }
    ok(after <= before + 4096, "%lu bytes became %lu\n", (ULONG)before, (ULONG)after);
    party_close(&client);
    party_close(&server);
}

START_TEST(sspi_dtls)
{
    if (!sspi_open()) return;
    random_state = 1;
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    RUN(test_a_handshake_in_both_versions);
    RUN(test_a_cookie_before_there_is_a_context);
    RUN(test_what_is_no_hello);
    RUN(test_a_message_that_claims_too_much);
    RUN(test_a_client_says_it_again);
    RUN(test_flights_in_small_datagrams);
    RUN(test_an_mtu_that_cannot_be);
    RUN(test_a_thousand_handshakes_over_a_bad_network);
    RUN(test_bad_datagrams_of_data);
    RUN(test_data_between_alerts);
    RUN(test_the_end_of_a_handshake_said_again);
    RUN(test_a_second_visit);
    RUN(test_a_clients_certificate);
    RUN(test_srtp);
    RUN(test_srtp_that_cannot_be);
    RUN(test_alpn);
    RUN(test_the_close);
    RUN(test_no_handshake_begins_after_the_close);
    RUN(test_a_flood_of_hellos);
}
