/*
 * InitializeSecurityContext: every convention of its buffers, and what the ClientHello says.
 *
 * Windows' answers are known from Wine's dlls/secur32/tests/schannel.c (test_communication,
 * test_context_output_buffer_size, test_connection_shutdown), unless a test names another source.
 */
#include "test.h"
#include "door.h"

static BYTE memory[65536];

static SECURITY_STATUS initialize(struct client *client, SecBufferDesc *in, SecBufferDesc *out,
                                  ULONG requirements, CtxtHandle *new_handle)
{
    return sspi->InitializeSecurityContextW(
        &client->credential, client->has_context ? &client->context : NULL, (WCHAR *)client->target,
        requirements, 0, 0, in, 0, new_handle, out, &client->attributes, NULL);
}

/* --- the first call ------------------------------------------------------------------------------------- */

static void test_the_first_call_takes_no_input_or_any_of_these(void)
{
    static const struct
    {
        const char *name;
        ULONG count;
        SecBuffer buffers[2];
    } rows[] = {
        { "an empty description", 0, { { 0, 0, NULL } } },
        { "EMPTY", 1, { { 0, SECBUFFER_EMPTY, NULL } } },
        { "an EMPTY of 24 bytes", 1, { { 24, SECBUFFER_EMPTY, memory } } },
        { "an empty TOKEN and EMPTY, as .NET gives",
          2,
          { { 0, SECBUFFER_TOKEN, NULL }, { 0, SECBUFFER_EMPTY, NULL } } },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecBuffer buffers[2], token = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc in = { SECBUFFER_VERSION, rows[i].count, buffers },
                      out = { SECBUFFER_VERSION, 1, &token };
        struct client client;
        struct hello hello;
        SECURITY_STATUS status;

        memcpy(buffers, rows[i].buffers, sizeof(buffers));
        client_acquire(&client, 0, TRUE);
        status = initialize(&client, &in, &out, CLIENT_FLAGS, &client.context);
        ok(status == SEC_I_CONTINUE_NEEDED, "%s: %#lx\n", rows[i].name, status);
        hello_parse(token.pvBuffer, token.cbBuffer, &hello);
        ok(hello.sound, "%s: no ClientHello\n", rows[i].name);
        sspi->FreeContextBuffer(token.pvBuffer);
        client.has_context = TRUE;
        client_close(&client);
    }
}

static void test_output_buffers(void)
{
    static const struct
    {
        const char *name;
        SecBuffer buffer;
        ULONG requirements;
        SECURITY_STATUS status;
        BOOL ours; /* the memory */
    } rows[] = {
        { "no room", { 0, SECBUFFER_TOKEN, memory }, 0, SEC_E_INSUFFICIENT_MEMORY, FALSE },
        { "too little room", { 20, SECBUFFER_TOKEN, memory }, 0, SEC_E_BUFFER_TOO_SMALL, FALSE },
        { "another type", { sizeof(memory), SECBUFFER_DATA, memory }, 0, SEC_E_INVALID_TOKEN, FALSE },
        { "room", { sizeof(memory), SECBUFFER_TOKEN, memory }, 0, SEC_I_CONTINUE_NEEDED, FALSE },
        { "room at NULL", { 1000, SECBUFFER_TOKEN, NULL }, 0, SEC_I_CONTINUE_NEEDED, TRUE },
        { "EMPTY, as curl gives",
          { 0, SECBUFFER_EMPTY, NULL },
          ISC_REQ_ALLOCATE_MEMORY,
          SEC_I_CONTINUE_NEEDED,
          TRUE },
        { "our memory", { 0, SECBUFFER_TOKEN, NULL }, ISC_REQ_ALLOCATE_MEMORY, SEC_I_CONTINUE_NEEDED, TRUE },
        { "our memory over theirs",
          { 5, SECBUFFER_TOKEN, memory },
          ISC_REQ_ALLOCATE_MEMORY,
          SEC_I_CONTINUE_NEEDED,
          TRUE },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecBuffer buffer = rows[i].buffer;
        SecBufferDesc out = { SECBUFFER_VERSION, 1, &buffer };
        struct client client;
        SECURITY_STATUS status;

        client_acquire(&client, 0, TRUE);
        client.context.dwLower = client.context.dwUpper = 0xdeadbeef;
        status = initialize(&client, NULL, &out, rows[i].requirements, &client.context);
        ok(status == rows[i].status, "%s: %#lx\n", rows[i].name, status);
        client.has_context = status == SEC_I_CONTINUE_NEEDED;
        if (!client.has_context)
        {
            ok(client.context.dwLower == 0xdeadbeef, "%s: a handle was written\n", rows[i].name);
            ok(buffer.cbBuffer == rows[i].buffer.cbBuffer, "%s: the size was written\n", rows[i].name);
        }
        else
        {
            ok(buffer.BufferType == SECBUFFER_TOKEN && buffer.cbBuffer > 100, "%s: no token\n", rows[i].name);
            ok((buffer.pvBuffer != rows[i].buffer.pvBuffer) == rows[i].ours, "%s: memory\n", rows[i].name);
            if (rows[i].ours) sspi->FreeContextBuffer(buffer.pvBuffer);
        }
        client_close(&client);
    }
}

static void test_no_output_at_all(void)
{
    struct client client;

    client_acquire(&client, 0, TRUE);
    ok_status(initialize(&client, NULL, NULL, 0, &client.context), SEC_E_INVALID_TOKEN);
    client_close(&client);
}

static void test_an_alert_buffer_stays_empty_when_all_is_well(void)
{
    SecBuffer buffers[2] = { { 0, SECBUFFER_TOKEN, NULL }, { 0, SECBUFFER_ALERT, (void *)0xdead } };
    SecBufferDesc out = { SECBUFFER_VERSION, 2, buffers };
    struct client client;

    client_acquire(&client, 0, TRUE);
    ok_status(initialize(&client, NULL, &out, CLIENT_FLAGS, &client.context), SEC_I_CONTINUE_NEEDED);
    ok(!buffers[1].cbBuffer && !buffers[1].pvBuffer, "an alert of %lu bytes\n", buffers[1].cbBuffer);
    sspi->FreeContextBuffer(buffers[0].pvBuffer);
    client.has_context = TRUE;
    client_close(&client);
}

static void test_flags_that_schannel_refuses(void)
{
    static const ULONG flags[] = { ISC_REQ_DELEGATE, ISC_REQ_PROMPT_FOR_CREDS };
    SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };
    struct client client;
    unsigned i;

    client_acquire(&client, 0, TRUE);
    for (i = 0; i < ARRAY_SIZE(flags); i++)
        ok_status(initialize(&client, NULL, &out, CLIENT_FLAGS | flags[i], &client.context),
                  SEC_E_UNSUPPORTED_FUNCTION);
    client_close(&client);
}

/* curl refuses a set that differs from what it asked for, Qt one where a bit differs (curl:
 * lib/vtls/schannel.c; qtbase: qtls_schannel.cpp). */
static void test_the_attributes_are_what_was_asked_for(void)
{
    static const ULONG always =
        ISC_RET_REPLAY_DETECT | ISC_RET_SEQUENCE_DETECT | ISC_RET_CONFIDENTIALITY | ISC_RET_STREAM;
    static const ULONG sets[] = {
        CLIENT_FLAGS,
        CLIENT_FLAGS | ISC_REQ_USE_SUPPLIED_CREDS,
        CLIENT_FLAGS | ISC_REQ_MANUAL_CRED_VALIDATION | ISC_REQ_EXTENDED_ERROR,
        CLIENT_FLAGS | ISC_REQ_CONNECTION | ISC_REQ_MUTUAL_AUTH | ISC_REQ_INTEGRITY,
        ISC_REQ_ALLOCATE_MEMORY,
        ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_USE_SUPPLIED_CREDS,
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(sets); i++)
    {
        struct client client;

        client_acquire(&client, 0, TRUE);
        client.requirements = sets[i];
        ok_status(client_step(&client), SEC_I_CONTINUE_NEEDED);
        ok(client.attributes == (sets[i] | always), "asked %#lx, got %#lx\n", sets[i], client.attributes);
        client_close(&client);
    }
}

static void test_a_server_credential_cannot_connect(void)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION };
    SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };
    struct client client = { .target = L"localhost", .socket = INVALID_SOCKET };

    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_INBOUND, NULL, &cred,
                                              NULL, NULL, &client.credential, NULL),
              SEC_E_OK);
    client.has_credential = TRUE;
    ok_status(initialize(&client, NULL, &out, CLIENT_FLAGS, &client.context), SEC_E_NO_CREDENTIALS);
    client_close(&client);
}

/* --- the ClientHello ------------------------------------------------------------------------------------ */

static void open_hello(struct client *client, DWORD protocols, BOOL modern, const WCHAR *target,
                       struct hello *hello)
{
    ok_status(client_acquire(client, protocols, modern), SEC_E_OK);
    client->target = target;
    ok_status(client_step(client), SEC_I_CONTINUE_NEEDED);
    hello_parse(client->token, client->token_size, hello);
    ok(hello->sound, "no ClientHello\n");
}

static BOOL offers(const struct hello *hello, unsigned short version)
{
    unsigned i;

    for (i = 0; i < hello->version_count; i++)
        if (hello->versions[i] == version) return TRUE;
    return FALSE;
}

static void test_tls13_is_offered_by_the_newer_struct_only(void)
{
    struct client client;
    struct hello hello;

    open_hello(&client, 0, TRUE, L"localhost", &hello);
    ok(offers(&hello, 0x0304) && offers(&hello, 0x0303), "SCH_CREDENTIALS: no TLS 1.3 or 1.2\n");
    ok(!offers(&hello, 0x0302) && !offers(&hello, 0x0301), "TLS 1.1 or 1.0 unasked\n");
    ok(hello.key_shares == 1, "%u key shares\n", hello.key_shares);
    client_close(&client);
    open_hello(&client, 0, FALSE, L"localhost", &hello);
    ok(!offers(&hello, 0x0304) && hello.version == 0x0303, "SCHANNEL_CRED: TLS 1.3\n");
    client_close(&client);
}

static void test_the_suites_offered_are_windows_11s(void)
{
    /* Microsoft, "TLS Cipher Suites in Windows 11" */
    static const unsigned short suites[] = { 0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023,
                                             0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
                                             0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f };
    struct client client;
    struct hello hello;
    unsigned i, j;

    open_hello(&client, 0, FALSE, L"localhost", &hello);
    for (i = 0; i < ARRAY_SIZE(suites); i++)
    {
        for (j = 0; j < hello.suite_count && hello.suites[j] != suites[i]; j++)
        {
        }
        ok(j < hello.suite_count, "suite %#x is missing\n", suites[i]);
    }
    for (j = 0; j < hello.suite_count; j++)
    {
        if (hello.suites[j] == 0x00ff) continue; /* TLS_EMPTY_RENEGOTIATION_INFO_SCSV */
        for (i = 0; i < ARRAY_SIZE(suites) && hello.suites[j] != suites[i]; i++)
        {
        }
        ok(i < ARRAY_SIZE(suites), "suite %#x is offered\n", hello.suites[j]);
    }
    client_close(&client);
}

static void test_server_names(void)
{
    static const struct
    {
        const WCHAR *target;
        const char *name;
    } rows[] = {
        { L"127.0.0.1", "" },
        { L"::1", "" },
        { L"[::1]", "" },
        { L"fe80::1%eth0", "" },
        { L"2001:db8::1", "" },
        { NULL, "" },
        { L"", "" },
        { L"localhost", "localhost" },
        { L"www.Example.org", "www.Example.org" },
        { L"example.org.", "example.org" },
        { L"b\x00fc"
          L"cher.example",
          "xn--bcher-kva.example" },
        { L"1.2.3.4.example", "1.2.3.4.example" },
        { L"dead.beef", "dead.beef" },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct client client;
        struct hello hello;

        open_hello(&client, 0, TRUE, rows[i].target, &hello);
        ok(!strcmp(hello.server_name, rows[i].name), "%ls: %s\n", rows[i].target ? rows[i].target : L"NULL",
           hello.server_name);
        client_close(&client);
    }
}

static void test_extensions_come_in_the_same_order_each_time(void)
{
    struct hello first, next;
    struct client client;
    unsigned i;

    open_hello(&client, 0, TRUE, L"localhost", &first);
    client_close(&client);
    for (i = 0; i < 20; i++)
    {
        open_hello(&client, 0, TRUE, L"localhost", &next);
        ok(next.extension_count == first.extension_count &&
               !memcmp(next.extensions, first.extensions, sizeof(first.extensions)),
           "hello %u differs\n", i);
        client_close(&client);
    }
}

static DWORD make_alpn(BYTE *out, const char *list, DWORD size)
{
    DWORD all = 6 + size, ext = 2;
    USHORT names = (USHORT)size;

    memcpy(out, &all, 4);
    memcpy(out + 4, &ext, 4);
    memcpy(out + 8, &names, 2);
    memcpy(out + 10, list, size);
    return 10 + size;
}

static SECURITY_STATUS offer_alpn(struct client *client, BYTE *alpn, DWORD size)
{
    SecBuffer buffer = { size, SECBUFFER_APPLICATION_PROTOCOLS, alpn },
              token = { sizeof(memory), SECBUFFER_TOKEN, memory };
    SecBufferDesc in = { SECBUFFER_VERSION, 1, &buffer }, out = { SECBUFFER_VERSION, 1, &token };
    SECURITY_STATUS status = initialize(client, &in, &out, 0, &client->context);

    client->has_context = status == SEC_I_CONTINUE_NEEDED;
    client->token_size = min(token.cbBuffer, sizeof(client->token));
    memcpy(client->token, memory, client->token_size);
    return status;
}

static void test_application_protocols_are_offered(void)
{
    struct client client;
    struct hello hello;
    BYTE alpn[100];

    client_acquire(&client, 0, TRUE);
    ok_status(offer_alpn(&client, alpn, make_alpn(alpn, "\x02h2\x08http/1.1", 12)), SEC_I_CONTINUE_NEEDED);
    hello_parse(client.token, client.token_size, &hello);
    ok(hello.alpn_size == 12 && !memcmp(hello.alpn, "\x02h2\x08http/1.1", 12), "%u bytes of ALPN\n",
       hello.alpn_size);
    client_close(&client);
}

static void test_application_protocols_that_cannot_be_read(void)
{
    static const struct
    {
        const char *name;
        BYTE bytes[16];
        DWORD size;
    } rows[] = {
        { "nothing", { 0 }, 0 },
        { "half a length", { 1, 0 }, 2 },
        { "more than there is", { 0xff, 0, 0, 0, 2, 0, 0, 0, 1, 0, 'x' }, 11 },
        { "a list longer than the lists", { 7, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 'x' }, 11 },
        { "a name longer than the list", { 8, 0, 0, 0, 2, 0, 0, 0, 2, 0, 9, 'x' }, 12 },
        { "a name of nothing", { 7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0 }, 11 },
        { "an extension and no list", { 4, 0, 0, 0, 2, 0, 0, 0 }, 8 },
    };
    struct client client;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        BYTE bytes[16];
        SECURITY_STATUS status;

        memcpy(bytes, rows[i].bytes, sizeof(bytes));
        client_acquire(&client, 0, TRUE);
        status = offer_alpn(&client, bytes, rows[i].size);
        ok(status == SEC_E_INVALID_TOKEN, "%s: %#lx\n", rows[i].name, status);
        client_close(&client);
    }
}

/* --- going on ------------------------------------------------------------------------------------------- */

/* A client that has said hello to a server and holds what came back. */
static BOOL open_answered(struct client *client, const char *peer, BOOL modern)
{
    ok_status(client_acquire(client, 0, modern), SEC_E_OK);
    if (!client_connect(client, peer_port(peer))) return FALSE;
    ok_status(client_step(client), SEC_I_CONTINUE_NEEDED);
    return client_fill(client);
}

static void test_without_enough_bytes_nothing_happens(void)
{
    static const struct
    {
        ULONG given;
        ULONG missing; /* 0: more than 5 */
    } rows[] = { { 0, 5 }, { 1, 4 }, { 4, 1 }, { 5, 0 }, { 50, 0 } };
    struct client client;
    unsigned i;

    if (!open_answered(&client, "PEER_OPENSSL", FALSE)) SKIP_TEST("no OpenSSL server");
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecBuffer in[2] = { { rows[i].given, SECBUFFER_TOKEN, client.received },
                            { 0, SECBUFFER_EMPTY, NULL } };
        SecBuffer token = { 8192, SECBUFFER_TOKEN, memory };
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out = { SECBUFFER_VERSION, 1, &token };
        CtxtHandle other = { 0xdeadbeef, 0xdeadbeef };
        SECURITY_STATUS status = initialize(&client, &in_desc, &out, 0, &other);

        ok(status == SEC_E_INCOMPLETE_MESSAGE, "%lu bytes: %#lx\n", rows[i].given, status);
        ok(token.cbBuffer == 8192 && token.BufferType == SECBUFFER_TOKEN, "%lu bytes: the output changed\n",
           rows[i].given);
        ok(in[1].BufferType == SECBUFFER_MISSING, "%lu bytes: type %lu\n", rows[i].given, in[1].BufferType);
        ok(rows[i].missing ? in[1].cbBuffer == rows[i].missing : in[1].cbBuffer > 5,
           "%lu bytes: %lu missing\n", rows[i].given, in[1].cbBuffer);
        ok(other.dwLower == 0xdeadbeef && other.dwUpper == 0xdeadbeef, "%lu bytes: a handle was written\n",
           rows[i].given);
    }
    {
        SecBuffer token = { 8192, SECBUFFER_TOKEN, memory };
        SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };

        ok_status(initialize(&client, NULL, &out, 0, NULL), SEC_E_INCOMPLETE_MESSAGE);
        ok(token.cbBuffer == 8192, "the output changed\n");
    }
    ok_status(client_handshake(&client), SEC_E_OK);
    client_close(&client);
}

static void test_an_empty_buffer_that_is_not_empty(void)
{
    SecBuffer in[2] = { { 0, SECBUFFER_TOKEN, NULL }, { 0xdeadbeef, SECBUFFER_EMPTY, NULL } },
              token = { 8192, SECBUFFER_TOKEN, memory };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out = { SECBUFFER_VERSION, 1, &token };
    struct client client;

    if (!open_answered(&client, "PEER_OPENSSL", FALSE)) SKIP_TEST("no OpenSSL server");
    in[0].cbBuffer = (ULONG)client.size;
    in[0].pvBuffer = client.received;
    ok_status(initialize(&client, &in_desc, &out, 0, NULL), SEC_E_INVALID_TOKEN);
    ok_status(client_handshake(&client), SEC_E_OK);
    client_close(&client);
}

static void test_a_token_alone_is_enough(void)
{
    struct client client;
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;
    CtxtHandle other;

    if (!open_answered(&client, "PEER_OPENSSL", FALSE)) SKIP_TEST("no OpenSSL server");
    while (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE)
    {
        SecBuffer in = { (ULONG)client.size, SECBUFFER_TOKEN, client.received },
                  token = { 8192, SECBUFFER_TOKEN, memory };
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 1, &in }, out = { SECBUFFER_VERSION, 1, &token };

        status = initialize(&client, &in_desc, &out, 0, &other);
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (!client_fill(&client)) break;
            continue;
        }
        ok(other.dwLower == client.context.dwLower && other.dwUpper == client.context.dwUpper,
           "another handle\n");
        send(client.socket, (char *)memory, (int)token.cbBuffer, 0);
        client.size = 0;
        if (status == SEC_I_CONTINUE_NEEDED && !client_fill(&client)) break;
    }
    ok_status(status, SEC_E_OK);
    client_close(&client);
}

static void test_byte_by_byte(void)
{
    static const char *const peers[] = { "PEER_OPENSSL", "PEER_OPENSSL_TLS12", "PEER_GNUTLS" };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(peers); i++)
    {
        struct client client;
        SECURITY_STATUS status;

        client_acquire(&client, 0, TRUE);
        client.feed = 1;
        if (!client_connect(&client, peer_port(peers[i])))
        {
            ok(0, "nobody at %s\n", peers[i]);
            continue;
        }
        status = client_handshake(&client);
        ok(!status, "%s: %#lx\n", peers[i], status);
        client_close(&client);
    }
}

static void test_a_token_too_big_for_its_buffer_is_not_lost(void)
{
    static const BOOL repeats[] = { TRUE, FALSE };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(repeats); i++)
    {
        SecBuffer in[2], token;
        SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out = { SECBUFFER_VERSION, 1, &token };
        struct client client;
        SECURITY_STATUS status;
        unsigned tries = 0;

        if (!open_answered(&client, "PEER_OPENSSL_TLS12", FALSE)) SKIP_TEST("no OpenSSL server");
        token.cbBuffer = 10;
        do
        {
            in[0] = (SecBuffer){ (ULONG)client.size, SECBUFFER_TOKEN, client.received };
            in[1] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
            if (tries && !repeats[i]) in[0].cbBuffer = 0;
            token = (SecBuffer){ tries ? token.cbBuffer * 2 : 10, SECBUFFER_TOKEN, memory };
            status = initialize(&client, &in_desc, &out, 0, NULL);
            if (status == SEC_E_INCOMPLETE_MESSAGE && !tries)
            {
                client_fill(&client);
                continue;
            }
            tries++;
        } while (status == SEC_E_BUFFER_TOO_SMALL || status == SEC_E_INCOMPLETE_MESSAGE);
        ok(tries > 2, "it fitted after %u tries\n", tries);
        ok_status(status, SEC_I_CONTINUE_NEEDED);
        send(client.socket, (char *)memory, (int)token.cbBuffer, 0);
        client.size = 0;
        ok(client_fill(&client), "the server hung up\n");
        ok_status(client_handshake(&client), SEC_E_OK);
        client_close(&client);
    }
}

static void test_what_follows_the_handshake_comes_back_as_extra(void)
{
    struct client client;
    char data[100];
    size_t size;

    /* A TLS 1.3 server sends its tickets right behind the handshake; ask until they are there. */
    if (!open_answered(&client, "PEER_OPENSSL", TRUE)) SKIP_TEST("no OpenSSL server");
    ok_status(client_handshake(&client), SEC_E_OK);
    ok_status(client_send(&client, "GET /\r\n", 7), SEC_E_OK);
    Sleep(300);
    client_fill(&client);
    ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
    ok(size > 10, "%u bytes of an answer\n", (unsigned)size);
    ok(client.renegotiations > 0, "no ticket\n");
    client_close(&client);
}

static void test_a_context_can_be_continued_without_its_credential(void)
{
    struct client client;

    if (!open_answered(&client, "PEER_OPENSSL", TRUE)) SKIP_TEST("no OpenSSL server");
    ok_status(sspi->FreeCredentialsHandle(&client.credential), SEC_E_OK);
    client.has_credential = FALSE;
    if (sspi_is_direct()) ok_status(client_handshake(&client), SEC_E_OK);
    client_close(&client);
}

static void test_a_deleted_context_is_gone(void)
{
    SecPkgContext_StreamSizes sizes;
    struct client client;
    CtxtHandle copy;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    copy = client.context;
    ok_status(sspi->DeleteSecurityContext(&client.context), SEC_E_OK);
    client.has_context = FALSE;
    ok_status(sspi->QueryContextAttributesW(&copy, SECPKG_ATTR_STREAM_SIZES, &sizes), SEC_E_INVALID_HANDLE);
    ok_status(sspi->DeleteSecurityContext(&copy), SEC_E_INVALID_HANDLE);
    client_close(&client);
}

/* --- versions and alerts -------------------------------------------------------------------------------- */

static void test_each_version_with_each_server(void)
{
    static const struct
    {
        const char *peer;
        DWORD protocols;
        BOOL modern;
        SECURITY_STATUS status;
        DWORD protocol;
    } rows[] = {
        { "PEER_OPENSSL", 0, TRUE, SEC_E_OK, SP_PROT_TLS1_3_CLIENT },
        { "PEER_OPENSSL", 0, FALSE, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "PEER_OPENSSL", SP_PROT_TLS1_2_CLIENT, TRUE, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "PEER_OPENSSL_TLS10", SP_PROT_TLS1_0_CLIENT | SP_PROT_TLS1_2_CLIENT, FALSE, SEC_E_OK,
          SP_PROT_TLS1_0_CLIENT },
        { "PEER_OPENSSL_TLS11", SP_PROT_TLS1_1_CLIENT, FALSE, SEC_E_OK, SP_PROT_TLS1_1_CLIENT },
        { "PEER_OPENSSL_TLS12", 0, TRUE, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "PEER_GNUTLS", 0, TRUE, SEC_E_OK, SP_PROT_TLS1_3_CLIENT },
        { "PEER_GNUTLS", 0, FALSE, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "PEER_GNUTLS", SP_PROT_TLS1_1_CLIENT, FALSE, SEC_E_OK, SP_PROT_TLS1_1_CLIENT },
        { "PEER_GNUTLS", SP_PROT_TLS1_0_CLIENT, FALSE, SEC_E_OK, SP_PROT_TLS1_0_CLIENT },
        { "PEER_NGINX", 0, TRUE, SEC_E_OK, SP_PROT_TLS1_3_CLIENT },
        { "PEER_NGINX", 0, FALSE, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        /* nothing in common */
        { "PEER_OPENSSL_TLS10", 0, FALSE, SEC_E_UNSUPPORTED_FUNCTION, 0 },
        { "PEER_OPENSSL_TLS12", SP_PROT_TLS1_3_CLIENT, TRUE, SEC_E_UNSUPPORTED_FUNCTION, 0 },
        { "PEER_OPENSSL_TLS13", 0, FALSE, SEC_E_UNSUPPORTED_FUNCTION, 0 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_ConnectionInfo info = { 0 };
        struct client client;
        SECURITY_STATUS status = client_open(&client, rows[i].peer, rows[i].protocols, rows[i].modern);

        ok(status == rows[i].status, "%s with %#lx: %#lx\n", rows[i].peer, rows[i].protocols, status);
        if (!status)
        {
            ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info),
                      SEC_E_OK);
            ok(info.dwProtocol == rows[i].protocol, "%s: protocol %#lx\n", rows[i].peer, info.dwProtocol);
        }
        client_close(&client);
    }
}

static void test_a_second_hello_when_the_group_was_wrong(void)
{
    SecPkgContext_CipherInfo info = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    struct client client;

    ok_status(client_open(&client, "PEER_OPENSSL_P384", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CIPHER_INFO, &info), SEC_E_OK);
    ok(info.dwProtocol == 0x304 && info.dwKeyType == 0x18, "version %#lx, group %#lx\n", info.dwProtocol,
       info.dwKeyType);
    client_close(&client);
}

/* A fatal alert in the clear, as a server sends one before there are keys. */
static SECURITY_STATUS feed(struct client *client, const BYTE *bytes, ULONG size, SecBuffer *token)
{
    SecBuffer in[2] = { { size, SECBUFFER_TOKEN, (void *)bytes }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out = { SECBUFFER_VERSION, 1, token };

    return initialize(client, &in_desc, &out, client->requirements, NULL);
}

static void test_each_alert_gives_its_own_status(void)
{
    /* Microsoft, "Schannel Error Codes for TLS and SSL Alerts" */
    static const struct
    {
        BYTE alert;
        SECURITY_STATUS status;
    } rows[] = {
        { 10, SEC_E_ILLEGAL_MESSAGE },
        { 20, SEC_E_MESSAGE_ALTERED },
        { 40, SEC_E_ILLEGAL_MESSAGE },
        { 42, SEC_E_CERT_UNKNOWN },
        { 44, CRYPT_E_REVOKED },
        { 45, SEC_E_CERT_EXPIRED },
        { 48, SEC_E_UNTRUSTED_ROOT },
        { 49, SEC_E_LOGON_DENIED },
        { 51, SEC_E_DECRYPT_FAILURE },
        { 70, SEC_E_UNSUPPORTED_FUNCTION },
        { 71, SEC_E_ALGORITHM_MISMATCH },
        { 80, SEC_E_INTERNAL_ERROR },
        { 90, SEC_E_UNFINISHED_CONTEXT_DELETED },
        { 120, SEC_E_APPLICATION_PROTOCOL_MISMATCH },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        BYTE record[] = { 21, 3, 3, 0, 2, 2, rows[i].alert };
        SecBuffer token = { sizeof(memory), SECBUFFER_TOKEN, memory };
        struct client client;
        SECURITY_STATUS status;

        client_acquire(&client, 0, TRUE);
        client_step(&client);
        client.requirements = ISC_REQ_EXTENDED_ERROR;
        status = feed(&client, record, sizeof(record), &token);
        ok(status == rows[i].status, "alert %u: %#lx\n", rows[i].alert, status);
        ok(!token.cbBuffer, "alert %u: an answer of %lu bytes\n", rows[i].alert, token.cbBuffer);
        client_close(&client);
    }
}

static void test_our_alert_comes_when_it_was_asked_for(void)
{
    static const BYTE certificate_too_early[] = { 22, 3, 3, 0, 4, 11, 0, 0, 0 };
    SecBuffer token = { sizeof(memory), SECBUFFER_TOKEN, memory };
    struct client client;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    client.requirements = ISC_REQ_EXTENDED_ERROR;
    ok_status(feed(&client, certificate_too_early, sizeof(certificate_too_early), &token),
              SEC_E_ILLEGAL_MESSAGE);
    ok(token.cbBuffer == 7 && memory[0] == 21 && memory[5] == 2 && memory[6] == 10,
       "no alert, or another: %lu bytes, %u\n", token.cbBuffer, memory[6]);
    ok(client.attributes & ISC_RET_EXTENDED_ERROR, "attributes %#lx\n", client.attributes);
    client_close(&client);

    token.cbBuffer = sizeof(memory);
    client_acquire(&client, 0, TRUE);
    client_step(&client);
    client.requirements = 0;
    ok_status(feed(&client, certificate_too_early, sizeof(certificate_too_early), &token),
              SEC_E_ILLEGAL_MESSAGE);
    ok(!token.cbBuffer, "an alert nobody asked for\n");
    client_close(&client);
}

static void test_a_failed_context_stays_failed(void)
{
    static const BYTE handshake_failure[] = { 21, 3, 3, 0, 2, 2, 48 };
    SecBuffer token = { sizeof(memory), SECBUFFER_TOKEN, memory };
    struct client client;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    ok_status(feed(&client, handshake_failure, sizeof(handshake_failure), &token), SEC_E_UNTRUSTED_ROOT);
    token.cbBuffer = sizeof(memory);
    ok_status(feed(&client, handshake_failure, sizeof(handshake_failure), &token), SEC_E_UNTRUSTED_ROOT);
    ok_status(client_send(&client, "x", 1), SEC_E_INVALID_HANDLE);
    client_close(&client);
}

/* --- orders --------------------------------------------------------------------------------------------- */

static SECURITY_STATUS control(struct client *client, void *data, ULONG size, ULONG type, ULONG count)
{
    SecBuffer buffers[2] = { { size, type, data }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = { SECBUFFER_VERSION, count, buffers };

    return sspi->ApplyControlToken(&client->context, &desc);
}

static void test_orders_that_are_none(void)
{
    DWORD shutdown = SCHANNEL_SHUTDOWN, renegotiate = SCHANNEL_RENEGOTIATE, unknown = 77;
    struct client client;

    client_acquire(&client, SP_PROT_TLS1_0_CLIENT, FALSE);
    client_step(&client);
    ok_status(control(&client, &shutdown, 4, SECBUFFER_TOKEN, 2), SEC_E_INVALID_TOKEN);
    ok_status(control(&client, &shutdown, 4, SECBUFFER_ALERT, 1), SEC_E_INVALID_TOKEN);
    ok_status(control(&client, &shutdown, 4, SECBUFFER_DATA, 1), SEC_E_INVALID_TOKEN);
    ok_status(control(&client, &renegotiate, 4, SECBUFFER_TOKEN, 1), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(control(&client, &unknown, 4, SECBUFFER_TOKEN, 1), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(control(&client, &shutdown, 2, SECBUFFER_TOKEN, 1), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi->ApplyControlToken(&client.context, NULL), SEC_E_INTERNAL_ERROR);
    client_close(&client);
}

static void test_shutdown_and_alert_before_the_handshake_is_done(void)
{
    static const BYTE close_notify[] = { 0x15, 3, 1, 0, 2, 1, 0 },
                      bad_certificate[] = { 0x15, 3, 1, 0, 2, 2, 42 };
    SCHANNEL_ALERT_TOKEN alert = { SCHANNEL_ALERT, TLS1_ALERT_FATAL, TLS1_ALERT_BAD_CERTIFICATE };
    DWORD shutdown[2] = { SCHANNEL_SHUTDOWN, 0 };
    SecBuffer token = { 1000, SECBUFFER_TOKEN, memory };
    SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };
    struct client client;

    client_acquire(&client, SP_PROT_TLS1_0_CLIENT, FALSE);
    client_step(&client);
    client.target = NULL;
    ok_status(control(&client, shutdown, 5, SECBUFFER_TOKEN, 1), SEC_E_OK);
    ok_status(control(&client, shutdown, 4, SECBUFFER_TOKEN, 1), SEC_E_OK);
    ok_status(initialize(&client, &out, &out, 0, NULL), SEC_E_OK);
    ok(token.cbBuffer == sizeof(close_notify) && !memcmp(memory, close_notify, sizeof(close_notify)),
       "%lu bytes\n", token.cbBuffer);
    token.cbBuffer = 1000;
    ok_status(initialize(&client, NULL, &out, 0, NULL), SEC_E_INCOMPLETE_MESSAGE);
    ok(token.cbBuffer == 1000, "the output changed\n");
    ok_status(control(&client, &alert, sizeof(alert), SECBUFFER_TOKEN, 1), SEC_E_OK);
    ok_status(initialize(&client, NULL, &out, 0, NULL), SEC_E_OK);
    ok(token.cbBuffer == sizeof(bad_certificate) && !memcmp(memory, bad_certificate, sizeof(bad_certificate)),
       "%lu bytes\n", token.cbBuffer);
    client_close(&client);
}

static void test_after_shutdown_nothing_can_be_sent(void)
{
    DWORD shutdown = SCHANNEL_SHUTDOWN;
    unsigned i;

    for (i = 0; i < 2; i++)
    {
        struct client client;
        char data[100];
        size_t size;

        ok_status(client_open(&client, "PEER_ECHO", 0, i), SEC_E_OK);
        ok_status(control(&client, &shutdown, 4, SECBUFFER_TOKEN, 1), SEC_E_OK);
        ok_status(client_step(&client), SEC_E_OK);
        ok(client.token_size > 7, "the close_notify has %u bytes\n", (unsigned)client.token_size);
        ok_status(client_send(&client, "x", 1), SEC_E_CONTEXT_EXPIRED);
        /* The server saw an orderly end, and ends as orderly. */
        ok_status(client_receive(&client, data, sizeof(data), &size), SEC_I_CONTEXT_EXPIRED);
        client_close(&client);
    }
}

START_TEST(sspi_handshake)
{
    if (!sspi_open()) return;
    RUN(test_the_first_call_takes_no_input_or_any_of_these);
    RUN(test_output_buffers);
    RUN(test_no_output_at_all);
    RUN(test_an_alert_buffer_stays_empty_when_all_is_well);
    RUN(test_flags_that_schannel_refuses);
    RUN(test_the_attributes_are_what_was_asked_for);
    RUN(test_a_server_credential_cannot_connect);
    RUN(test_tls13_is_offered_by_the_newer_struct_only);
    RUN(test_the_suites_offered_are_windows_11s);
    RUN(test_server_names);
    RUN(test_extensions_come_in_the_same_order_each_time);
    RUN(test_application_protocols_are_offered);
    RUN(test_application_protocols_that_cannot_be_read);
    RUN(test_without_enough_bytes_nothing_happens);
    RUN(test_an_empty_buffer_that_is_not_empty);
    RUN(test_a_token_alone_is_enough);
    RUN(test_byte_by_byte);
    RUN(test_a_token_too_big_for_its_buffer_is_not_lost);
    RUN(test_what_follows_the_handshake_comes_back_as_extra);
    RUN(test_a_context_can_be_continued_without_its_credential);
    RUN(test_a_deleted_context_is_gone);
    RUN(test_each_version_with_each_server);
    RUN(test_a_second_hello_when_the_group_was_wrong);
    RUN(test_each_alert_gives_its_own_status);
    RUN(test_our_alert_comes_when_it_was_asked_for);
    RUN(test_a_failed_context_stays_failed);
    RUN(test_orders_that_are_none);
    RUN(test_shutdown_and_alert_before_the_handshake_is_done);
    RUN(test_after_shutdown_nothing_can_be_sent);
}
