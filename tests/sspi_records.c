/*
 * EncryptMessage and DecryptMessage through the door: shapes, sizes, statuses, and no byte lost.
 */
#include "test.h"
#include "door.h"

/* The echo servers send back byte for byte; gnutls-serv only text, and when a line is whole. */
static void test_what_is_sent_comes_back(void)
{
    static const struct
    {
        const char *peer;
        DWORD protocols;
        BOOL modern;
    } rows[] = {
        { "PEER_ECHO", 0, TRUE },
        { "PEER_ECHO", 0, FALSE },
        { "PEER_ECHO_CBC", 0, FALSE },
        { "PEER_ECHO_OLD", SP_PROT_TLS1_1_CLIENT, FALSE },
        { "PEER_ECHO_OLD", SP_PROT_TLS1_0_CLIENT, FALSE },
        { "PEER_GNUTLS", 0, TRUE },
        { "PEER_GNUTLS", 0, FALSE },
        { "PEER_GNUTLS_CBC", 0, FALSE },
    };
    static const size_t feeds[] = { 0, 1, 7, 1000 }, sizes[] = { 1, 2, 100, 2000, 16384 };
    static BYTE data[16384], back[65536];
    unsigned i, j, k;

    for (i = 0; i < sizeof(data); i++) data[i] = (BYTE)('0' + i % 70);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (j = 0; j < ARRAY_SIZE(feeds); j++)
        {
            struct client client;
            SECURITY_STATUS status = client_open(&client, rows[i].peer, rows[i].protocols, rows[i].modern);

            ok(!status, "%s: %#lx\n", rows[i].peer, status);
            client.feed = feeds[j];
            for (k = 0; !status && k < ARRAY_SIZE(sizes); k++)
            {
                size_t have = 0, size;

                if (feeds[j] == 1 && sizes[k] > 2000) continue; /* 16,384 calls say no more than 2,000 */
                data[sizes[k] - 1] = '\n';
                status = client_send(&client, data, sizes[k]);
                while (!status && have < sizes[k])
                {
                    status = client_receive(&client, back + have, sizeof(back) - have, &size);
                    have += size;
                }
                ok(!status && have == sizes[k] && !memcmp(back, data, have),
                   "%s, feeding %u: %u bytes, %#lx with %u back\n", rows[i].peer, (unsigned)feeds[j],
                   (unsigned)sizes[k], status, (unsigned)have);
            }
            client_close(&client);
        }
}

static void test_stream_sizes_are_exact(void)
{
    static const struct
    {
        const char *peer;
        BOOL modern;
        DWORD protocols;
        ULONG header, trailer;
    } rows[] = {
        { "PEER_OPENSSL", TRUE, 0, 5, 44 }, /* a tag, a type, and room for a KeyUpdate */
        { "PEER_OPENSSL", FALSE, 0, 13, 16 },
        { "PEER_OPENSSL_CBC384", FALSE, 0, 21, 64 },
        { "PEER_OPENSSL_TLS11", FALSE, SP_PROT_TLS1_1_CLIENT, 21, 36 },
        { "PEER_OPENSSL_TLS10", FALSE, SP_PROT_TLS1_0_CLIENT, 5, 36 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_StreamSizes sizes = { 0 };
        struct client client;

        ok_status(client_open(&client, rows[i].peer, rows[i].protocols, rows[i].modern), SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_STREAM_SIZES, &sizes), SEC_E_OK);
        ok(sizes.cbHeader == rows[i].header && sizes.cbTrailer == rows[i].trailer,
           "%s: header %lu, trailer %lu\n", rows[i].peer, sizes.cbHeader, sizes.cbTrailer);
        ok(sizes.cbMaximumMessage == 16384 && sizes.cBuffers == 4 && sizes.cbBlockSize == 16,
           "%s: %lu, %lu, %lu\n", rows[i].peer, sizes.cbMaximumMessage, sizes.cBuffers, sizes.cbBlockSize);
        client_close(&client);
    }
}

struct message
{
    BYTE memory[32768];
    SecBuffer buffers[4];
    SecBufferDesc desc;
};

static void message_init(struct message *message, struct client *client, ULONG data_size)
{
    SecPkgContext_StreamSizes sizes = { 0 };

    sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_STREAM_SIZES, &sizes);
    memset(message->memory, 'a', sizeof(message->memory));
    message->buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, message->memory };
    message->buffers[1] = (SecBuffer){ data_size, SECBUFFER_DATA, message->memory + sizes.cbHeader };
    message->buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER,
                                       message->memory + sizes.cbHeader + data_size };
    message->buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    message->desc = (SecBufferDesc){ SECBUFFER_VERSION, 4, message->buffers };
}

static void test_a_message_to_encrypt_and_its_mistakes(void)
{
    struct message *message = malloc(sizeof(*message));
    struct client client;
    unsigned i;

    for (i = 0; i < 2; i++)
    {
        ok_status(client_open(&client, "PEER_OPENSSL", 0, i), SEC_E_OK);

        message_init(message, &client, 16385);
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_ENCRYPT_FAILURE);
        message_init(message, &client, 100);
        message->buffers[0].cbBuffer--;
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_BUFFER_TOO_SMALL);
        message_init(message, &client, 100);
        message->buffers[2].cbBuffer--;
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_BUFFER_TOO_SMALL);
        message_init(message, &client, 100);
        message->buffers[1].BufferType = SECBUFFER_EMPTY;
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_INVALID_TOKEN);
        message_init(message, &client, 100);
        message->buffers[0].pvBuffer = NULL;
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_INVALID_TOKEN);
        message_init(message, &client, 100);
        ok_status(sspi->EncryptMessage(&client.context, 1, &message->desc, 0), SEC_E_QOP_NOT_SUPPORTED);
        message->desc.pBuffers = NULL;
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_INVALID_TOKEN);
        ok_status(sspi->EncryptMessage(&client.context, 0, NULL, 0), SEC_E_INVALID_TOKEN);

        /* None of that used a sequence number or harmed the context. */
        message_init(message, &client, 16384);
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_OK);
        ok(message->buffers[1].cbBuffer == 16384, "the data became %lu\n", message->buffers[1].cbBuffer);
        client_close(&client);
    }
    free(message);
}

static void test_the_trailer_shrinks_to_what_is_used(void)
{
    struct message *message = malloc(sizeof(*message));
    struct client client;
    unsigned size;

    ok_status(client_open(&client, "PEER_OPENSSL_CBC384", 0, FALSE), SEC_E_OK);
    for (size = 0; size <= 32; size++)
    {
        message_init(message, &client, size);
        ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_OK);
        ok(message->buffers[2].cbBuffer > 48 && message->buffers[2].cbBuffer <= 64, "%u bytes: trailer %lu\n",
           size, message->buffers[2].cbBuffer);
        ok((size + message->buffers[2].cbBuffer) % 16 == 0 ||
               (size + message->buffers[2].cbBuffer - 48) % 16 == 0,
           "%u bytes: trailer %lu\n", size, message->buffers[2].cbBuffer);
        ok((message->memory[3] << 8 | message->memory[4]) ==
               (int)(21 - 5 + size + message->buffers[2].cbBuffer),
           "%u bytes: the length in the header\n", size);
    }
    client_close(&client);

    ok_status(client_open(&client, "PEER_OPENSSL", 0, FALSE), SEC_E_OK);
    message_init(message, &client, 10);
    message->buffers[2].cbBuffer = 1000;
    ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_OK);
    ok(message->buffers[2].cbBuffer == 16, "trailer %lu\n", message->buffers[2].cbBuffer);
    client_close(&client);
    free(message);
}

static void test_the_old_way_with_tokens(void)
{
    static const char text[] = "TOKEN, DATA, TOKEN";
    struct message *message = malloc(sizeof(*message));
    struct client client;
    char back[100];
    size_t size;

    ok_status(client_open(&client, "PEER_ECHO", 0, FALSE), SEC_E_OK);
    message_init(message, &client, sizeof(text));
    memcpy(message->buffers[1].pvBuffer, text, sizeof(text));
    message->buffers[0].BufferType = message->buffers[2].BufferType = SECBUFFER_TOKEN;
    ok_status(sspi->EncryptMessage(&client.context, 0, &message->desc, 0), SEC_E_OK);
    send(client.socket, (char *)message->memory,
         (int)(message->buffers[0].cbBuffer + message->buffers[1].cbBuffer + message->buffers[2].cbBuffer),
         0);
    ok_status(client_receive(&client, back, sizeof(back), &size), SEC_E_OK);
    ok(size == sizeof(text) && !memcmp(back, text, size), "%u bytes\n", (unsigned)size);
    client_close(&client);
    free(message);
}

/* A client that has one record of an answer, whole, in its buffer: the ones before it are read. */
static BOOL open_with_record(struct client *client, const char *peer, BOOL modern)
{
    char data[100];
    size_t size;

    if (client_open(client, peer, 0, modern)) return FALSE;
    if (client_send(client, "first", 5) || client_receive(client, data, sizeof(data), &size)) return FALSE;
    if (client->size || client_send(client, "0123456789", 10)) return FALSE;
    while (client->size < 5 || client->size < 5 + (size_t)(client->received[3] << 8 | client->received[4]))
        if (!client_fill(client)) return FALSE;
    return TRUE;
}

static SECURITY_STATUS decrypt(struct client *client, SecBuffer *buffers, ULONG size)
{
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    unsigned i;

    buffers[0] = (SecBuffer){ size, SECBUFFER_DATA, client->received };
    for (i = 1; i < 4; i++) buffers[i] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    return sspi->DecryptMessage(&client->context, &desc, 0, NULL);
}

static void test_where_things_lie_after_decrypting(void)
{
    static const struct
    {
        const char *peer;
        BOOL modern;
        ULONG header, trailer;
    } rows[] = { { "PEER_ECHO", TRUE, 5, 17 }, { "PEER_ECHO", FALSE, 13, 16 } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecBuffer buffers[4];
        struct client client;
        BYTE *memory;

        if (!open_with_record(&client, rows[i].peer, rows[i].modern))
        {
            ok(0, "no record\n");
            continue;
        }
        memory = client.received;
        memcpy(memory + client.size, "extra", 5);
        ok_status(decrypt(&client, buffers, (ULONG)client.size + 5), SEC_E_OK);
        ok(buffers[0].BufferType == SECBUFFER_STREAM_HEADER && buffers[0].cbBuffer == rows[i].header &&
               buffers[0].pvBuffer == memory,
           "header\n");
        ok(buffers[1].BufferType == SECBUFFER_DATA && buffers[1].cbBuffer == 10 &&
               buffers[1].pvBuffer == memory + rows[i].header,
           "data\n");
        ok(!memcmp(buffers[1].pvBuffer, "0123456789", 10), "other data\n");
        ok(buffers[2].BufferType == SECBUFFER_STREAM_TRAILER && buffers[2].cbBuffer == rows[i].trailer,
           "trailer of %lu\n", buffers[2].cbBuffer);
        ok(buffers[3].BufferType == SECBUFFER_EXTRA && buffers[3].cbBuffer == 5 &&
               buffers[3].pvBuffer == memory + client.size,
           "extra\n");
        client_close(&client);
    }
}

static void test_a_record_in_parts_is_waited_for(void)
{
    struct client client;
    SecBuffer buffers[4];
    ULONG given;

    if (!open_with_record(&client, "PEER_ECHO", TRUE)) SKIP_TEST("no record");
    for (given = 0; given < client.size; given++)
    {
        ULONG missing = given < 5 ? 5 - given : (ULONG)client.size - given;

        ok_status(decrypt(&client, buffers, given), SEC_E_INCOMPLETE_MESSAGE);
        ok(buffers[0].BufferType == SECBUFFER_MISSING && buffers[0].cbBuffer == missing,
           "%lu given: %lu missing\n", given, buffers[0].cbBuffer);
        ok(buffers[0].pvBuffer == client.received, "the pointer is gone\n");
        ok(buffers[1].BufferType == SECBUFFER_MISSING && buffers[1].cbBuffer == missing,
           "%lu given: %lu in the second\n", given, buffers[1].cbBuffer);
    }
    ok_status(decrypt(&client, buffers, given), SEC_E_OK);
    client_close(&client);
}

static void test_a_changed_record_ends_the_context(void)
{
    unsigned i;

    for (i = 0; i < 2; i++)
    {
        SECURITY_STATUS expected = i ? SEC_E_DECRYPT_FAILURE : SEC_E_MESSAGE_ALTERED;
        struct client client;
        SecBuffer buffers[4];

        if (!open_with_record(&client, "PEER_ECHO", i)) SKIP_TEST("no record");
        client.received[client.size - 1] ^= 0x80;
        ok_status(decrypt(&client, buffers, (ULONG)client.size), expected);
        client.received[client.size - 1] ^= 0x80;
        ok_status(decrypt(&client, buffers, (ULONG)client.size), expected);
        ok(FAILED(client_send(&client, "x", 1)), "it still sends\n");
        client_close(&client);
    }
}

static void test_what_is_no_record(void)
{
    static const struct
    {
        const char *name;
        BYTE bytes[8];
        ULONG size;
    } rows[] = {
        { "zeros", { 0 }, 8 },
        { "0xfa", { 0xfa, 0xfa, 0xfa, 0xfa, 0xfa }, 8 },
        { "HTTP", { 'H', 'T', 'T', 'P', '/', '1' }, 8 },
        { "too long", { 23, 3, 3, 0xff, 0xff }, 5 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct client client;
        SecBuffer buffers[4];
        SECURITY_STATUS status;

        if (!open_with_record(&client, "PEER_ECHO", TRUE)) SKIP_TEST("no record");
        memcpy(client.received, rows[i].bytes, rows[i].size);
        status = decrypt(&client, buffers, rows[i].size);
        ok(status == SEC_E_INVALID_TOKEN, "%s: %#lx\n", rows[i].name, status);
        client_close(&client);
    }
}

static void test_before_the_handshake_there_are_no_messages(void)
{
    BYTE record[100] = { 23, 3, 3, 0, 50 }, memory[200];
    SecBuffer buffers[4] = { { 13, SECBUFFER_STREAM_HEADER, memory },
                             { 10, SECBUFFER_DATA, memory + 13 },
                             { 16, SECBUFFER_STREAM_TRAILER, memory + 23 } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    struct client client;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    ok_status(sspi->EncryptMessage(&client.context, 0, &desc, 0), SEC_E_INVALID_HANDLE);
    client.received = record;
    ok_status(decrypt(&client, buffers, sizeof(record)), SEC_E_INVALID_HANDLE);
    client.received = NULL;
    client_close(&client);
}

static void test_the_servers_close_is_told(void)
{
    unsigned i;

    for (i = 0; i < 2; i++)
    {
        struct client client;
        char data[20000];
        size_t size;
        SECURITY_STATUS status;

        ok_status(client_open(&client, "PEER_OPENSSL", 0, i), SEC_E_OK);
        ok_status(client_send(&client, "GET / HTTP/1.0\r\n\r\n", 18), SEC_E_OK);
        do
        {
            status = client_receive(&client, data, sizeof(data), &size);
        } while (!status);
        ok_status(status, SEC_I_CONTEXT_EXPIRED);
        client_close(&client);
    }
}

/* --- both directions at once ---------------------------------------------------------------------------- */

static struct client shared;
static LONG received_bytes;
static SECURITY_STATUS receive_status;

static DWORD WINAPI receive_much(void *argument)
{
    LONG expected = (LONG)(INT_PTR)argument;
    static BYTE data[65536];
    size_t size, i;

    while (received_bytes < expected &&
           !(receive_status = client_receive(&shared, data, sizeof(data), &size)))
    {
        for (i = 0; i < size; i++)
            if (data[i] != (BYTE)((received_bytes + i) % 251)) receive_status = SEC_E_MESSAGE_ALTERED;
        if (receive_status) break;
        received_bytes += (LONG)size;
    }
    return 0;
}

static void test_one_thread_sends_while_another_receives(void)
{
    static const char *const peers[] = { "PEER_ECHO", "PEER_ECHO", "PEER_ECHO_CBC" };
    enum
    {
        MESSAGES = 2000,
        SIZE = 1000
    };
    static BYTE data[SIZE];
    unsigned i, j, k;

    for (k = 0; k < ARRAY_SIZE(peers); k++)
    {
        HANDLE thread;

        received_bytes = 0;
        receive_status = SEC_E_OK;
        ok_status(client_open(&shared, peers[k], 0, k == 0), SEC_E_OK);
        thread = CreateThread(NULL, 0, receive_much, (void *)(INT_PTR)(MESSAGES * SIZE), 0, NULL);
        for (i = 0; i < MESSAGES && !receive_status; i++)
        {
            for (j = 0; j < SIZE; j++) data[j] = (BYTE)((i * SIZE + j) % 251);
            if (client_send(&shared, data, SIZE)) break;
        }
        ok(i == MESSAGES, "%u messages were sent\n", i);
        WaitForSingleObject(thread, 30000);
        CloseHandle(thread);
        ok_status(receive_status, SEC_E_OK);
        ok(received_bytes == MESSAGES * SIZE, "%ld bytes came back\n", received_bytes);
        client_close(&shared);
    }
}

START_TEST(sspi_records)
{
    if (!sspi_open()) return;
    RUN(test_what_is_sent_comes_back);
    RUN(test_stream_sizes_are_exact);
    RUN(test_a_message_to_encrypt_and_its_mistakes);
    RUN(test_the_trailer_shrinks_to_what_is_used);
    RUN(test_the_old_way_with_tokens);
    RUN(test_where_things_lie_after_decrypting);
    RUN(test_a_record_in_parts_is_waited_for);
    RUN(test_a_changed_record_ends_the_context);
    RUN(test_what_is_no_record);
    RUN(test_before_the_handshake_there_are_no_messages);
    RUN(test_the_servers_close_is_told);
    RUN(test_one_thread_sends_while_another_receives);
}
