/*
 * A second handshake that the client wants: with servers that take it, and with such that do not; and alerts
 * as messages.
 */
#include "test.h"
#include "door.h"

#define TLS12 SP_PROT_TLS1_2_CLIENT

/* InitializeSecurityContext without input, which asks for a new handshake; its token is sent. */
static SECURITY_STATUS renegotiate(struct client *client)
{
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc out_desc = { SECBUFFER_VERSION, 1, &out };
    SECURITY_STATUS status = sspi->InitializeSecurityContextW(
        &client->credential, &client->context, (WCHAR *)client->target, client->requirements, 0, 0, NULL, 0,
        &client->context, &out_desc, &client->attributes, NULL);

    if (out.pvBuffer)
    {
        send(client->socket, out.pvBuffer, (int)out.cbBuffer, 0);
        sspi->FreeContextBuffer(out.pvBuffer);
    }
    return status;
}

static BOOL answers(struct client *client, const char *question, const char *answer)
{
    char data[8192];
    size_t size = 0, used = 0;

    if (client_send(client, question, strlen(question))) return FALSE;
    while (used < sizeof(data) - 1 && !client_receive(client, data + used, sizeof(data) - 1 - used, &size) &&
           size)
    {
        used += size;
        data[used] = 0;
        if (strstr(data, answer)) return TRUE;
    }
    return FALSE;
}

static void test_a_server_that_takes_it(void)
{
    static const char *const peers[] = { "PEER_GNUTLS", "PEER_GNUTLS_CBC" };
    unsigned i, times;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        struct client client;

        ok_status(client_open(&client, peers[i], TLS12, FALSE), SEC_E_OK);
        for (times = 0; times < 3; times++)
        {
            ok_status(renegotiate(&client), SEC_I_CONTINUE_NEEDED);
            ok(client_fill(&client), "%s: no answer\n", peers[i]);
            ok_status(client_handshake(&client), SEC_E_OK);
            ok(answers(&client, "still there?\n", "still there?"), "%s: not after %u\n", peers[i], times);
        }
        client_close(&client);
    }
}

/* OpenSSL answers with a warning, no_renegotiation: nothing has changed. */
static void test_a_server_that_refuses(void)
{
    struct client client;

    ok_status(client_open(&client, "PEER_OPENSSL_TLS12", TLS12, FALSE), SEC_E_OK);
    ok_status(renegotiate(&client), SEC_I_CONTINUE_NEEDED);
    /* Until the answer is there, no data is sent. */
    ok_status(client_send(&client, "x", 1), SEC_E_CONTEXT_EXPIRED);
    ok(client_fill(&client), "no answer\n");
    ok_status(client_step(&client), SEC_I_NO_RENEGOTIATION);
    ok(answers(&client, "GET / HTTP/1.0\r\n\r\n", "200 ok"), "the connection is of no use any more\n");
    client_close(&client);
}

/* Apache asks for a certificate when it hears what the request is for: the classic, and what TLS 1.3 has for
 * it. */
static void test_apache_wants_a_certificate_for_a_part_of_the_site(void)
{
    static const DWORD protocols[] = { TLS12, SP_PROT_TLS1_3_CLIENT };
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    unsigned i, with;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
        for (with = 0; with < 2; with++)
        {
            struct client client;

            client_acquire(&client, protocols[i], TRUE);
            if (with)
            {
                sspi->FreeCredentialsHandle(&client.credential);
                ok_status(client_credential(protocols[i], TRUE,
                                            SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS,
                                            &certificate, 1, &client.credential),
                          SEC_E_OK);
            }
            ok(client_connect(&client, peer_port("PEER_APACHE")), "nobody there\n");
            ok_status(client_handshake(&client), SEC_E_OK);
            ok(answers(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "It works, through TLS."),
               "not even the rest\n");
            ok(!client.requests, "asked for the rest\n");
            ok(answers(&client, "GET /private/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                       "For those we know.") == (BOOL)with,
               "version %u, certificate %u\n", i, with);
            ok(client.renegotiations > 0, "nobody asked\n");
            client_close(&client);
        }
    CertFreeCertificateContext(certificate);
}

/* --- the ways back from SEC_I_RENEGOTIATE --------------------------------------------------------------- */

enum way
{
    NO_INPUT,    /* Qt */
    EMPTY_TOKEN, /* curl, when there is nothing else */
    WHAT_IS_LEFT,
    THE_RECORD, /* and what is left */
    WAYS
};

/* One DecryptMessage on all there is. `data` receives what it found. */
static SECURITY_STATUS decrypt(struct client *client, enum way way, char *data, size_t room)
{
    SecBuffer buffers[4] = { { (ULONG)client->size, SECBUFFER_DATA, client->received } }, in[2],
              out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers }, in_desc = { SECBUFFER_VERSION, 2, in },
                  out_desc = { SECBUFFER_VERSION, 1, &out };
    SECURITY_STATUS status = sspi->DecryptMessage(&client->context, &desc, 0, NULL), step;
    size_t left = 0, given;
    unsigned i;

    if (FAILED(status)) return status;
    for (i = 0; i < 4; i++)
    {
        if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
        if (buffers[i].BufferType == SECBUFFER_DATA && strlen(data) + buffers[i].cbBuffer < room)
            strncat(data, buffers[i].pvBuffer, buffers[i].cbBuffer);
    }
    given = way == THE_RECORD ? client->size : way == WHAT_IS_LEFT ? left : 0;
    if (status == SEC_I_RENEGOTIATE)
    {
        in[0] = (SecBuffer){ (ULONG)given, SECBUFFER_TOKEN, client->received + client->size - given };
        in[1] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        step = sspi->InitializeSecurityContextW(&client->credential, &client->context, NULL,
                                                client->requirements, 0, 0, way == NO_INPUT ? NULL : &in_desc,
                                                0, &client->context, &out_desc, &client->attributes, NULL);
        ok(step == SEC_E_OK, "way %d: %#lx\n", way, step);
        ok(!out.cbBuffer, "way %d: a ticket wants no answer\n", way);
        if (given) left = in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0;
        client->renegotiations++;
    }
    memmove(client->received, client->received + client->size - left, left);
    client->size = left;
    return status;
}

/* Tickets of TLS 1.3, several in a row, and the answer behind them. */
static void test_every_way_back(void)
{
    static const char *const peers[] = { "PEER_NGINX", "PEER_OPENSSL_TLS13", "PEER_GNUTLS" };
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    enum way way;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
        for (way = NO_INPUT; way < WAYS; way++)
        {
            SECURITY_STATUS status = SEC_E_OK;
            struct client client;
            char data[16384] = "";
            unsigned turns;

            ok_status(client_open(&client, peers[i], SP_PROT_TLS1_3_CLIENT, TRUE), SEC_E_OK);
            ok_status(client_send(&client, request, sizeof(request) - 1), SEC_E_OK);
            for (turns = 0; turns < 40 && !strstr(data, "HTTP") && !FAILED(status); turns++)
            {
                if (!client.size && !client_fill(&client)) break;
                status = decrypt(&client, way, data, sizeof(data));
                if (status == SEC_E_INCOMPLETE_MESSAGE && client_fill(&client)) status = SEC_E_OK;
            }
            ok(strstr(data, "HTTP") != NULL, "%s, way %d: %#lx, %s\n", peers[i], way, status, data);
            ok(client.renegotiations > 0, "%s, way %d: no ticket\n", peers[i], way);
            client_close(&client);
        }
}

/* --- EncryptMessage with SECQOP_WRAP_OOB_DATA ----------------------------------------------------------- */

static SECURITY_STATUS wrap(struct client *client, BYTE level, BYTE alert, ULONG size)
{
    SecPkgContext_StreamSizes sizes;
    BYTE memory[256];
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status =
        sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_STREAM_SIZES, &sizes);

    if (status) return status;
    memory[sizes.cbHeader] = level;
    memory[sizes.cbHeader + 1] = alert;
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, memory + sizes.cbHeader };
    buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    status = sspi->EncryptMessage(&client->context, SECQOP_WRAP_OOB_DATA, &desc, 0);
    if (!status)
        send(client->socket, (char *)memory,
             (int)(buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer), 0);
    return status;
}

static void test_alerts_as_messages(void)
{
    static const struct
    {
        const char *peer;
        DWORD protocols;
    } peers[] = { { "PEER_ECHO", TLS12 },
                  { "PEER_ECHO", SP_PROT_TLS1_3_CLIENT },
                  { "PEER_ECHO_CBC", TLS12 } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        struct client client;
        char data[16];
        size_t size;

        ok_status(client_open(&client, peers[i].peer, peers[i].protocols, TRUE), SEC_E_OK);
        ok_status(wrap(&client, 1, 0, 3), SEC_E_INVALID_TOKEN);
        ok_status(wrap(&client, 3, 0, 2), SEC_E_INVALID_TOKEN);
        ok(answers(&client, "before", "before"), "%s: nothing was sent yet\n", peers[i].peer);
        /* close_notify: the server answers in kind. */
        ok_status(wrap(&client, 1, 0, 2), SEC_E_OK);
        ok_status(client_send(&client, "x", 1), SEC_E_CONTEXT_EXPIRED);
        ok_status(client_receive(&client, data, sizeof(data), &size), SEC_I_CONTEXT_EXPIRED);
        client_close(&client);

        ok_status(client_open(&client, peers[i].peer, peers[i].protocols, TRUE), SEC_E_OK);
        ok_status(wrap(&client, 2, 40, 2), SEC_E_OK); /* handshake_failure, as good as any */
        ok_status(client_send(&client, "x", 1), SEC_E_CONTEXT_EXPIRED);
        client_close(&client);
    }
}

START_TEST(sspi_renegotiation)
{
    if (!sspi_open()) return;
    RUN(test_a_server_that_takes_it);
    RUN(test_a_server_that_refuses);
    RUN(test_apache_wants_a_certificate_for_a_part_of_the_site);
    RUN(test_every_way_back);
    RUN(test_alerts_as_messages);
}
