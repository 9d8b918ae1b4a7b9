/*
 * What must not crash, hang, leak or be believed: garbage for a server's first flight, stale handles,
 * pointers to nowhere, and ten thousand handshakes that fail.
 */
#include "test.h"
#include "door.h"
#include <psapi.h>

static BYTE memory[65536];

static SECURITY_STATUS feed(struct client *client, const void *bytes, ULONG size, ULONG *answer)
{
    SecBuffer in[2] = { { size, SECBUFFER_TOKEN, (void *)bytes }, { 0, SECBUFFER_EMPTY, NULL } },
              token = { sizeof(memory), SECBUFFER_TOKEN, memory };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out = { SECBUFFER_VERSION, 1, &token };
    SECURITY_STATUS status =
        sspi->InitializeSecurityContextW(&client->credential, &client->context, (WCHAR *)L"localhost",
                                         client->requirements & ~ISC_REQ_ALLOCATE_MEMORY, 0, 0, &in_desc, 0,
                                         NULL, &out, &client->attributes, NULL);
    *answer = token.cbBuffer;
    return status;
}

static void test_eight_kilobytes_of_one_byte(void)
{
    static const BYTE fillings[] = { 0xfa, 0x00, 0xff, 0x80, 'H' };
    static BYTE garbage[8192];
    unsigned i, modern;

    for (i = 0; i < ARRAY_SIZE(fillings); i++)
        for (modern = 0; modern < 2; modern++)
        {
            struct client client;
            ULONG answer;

            memset(garbage, fillings[i], sizeof(garbage));
            client_acquire(&client, 0, modern);
            client_step(&client);
            ok_status(feed(&client, garbage, sizeof(garbage), &answer), SEC_E_INVALID_TOKEN);
            ok(!answer, "0x%02x: an answer of %lu bytes\n", fillings[i], answer);
            client_close(&client);
        }
}

static void test_flights_that_are_wrong(void)
{
    static const struct
    {
        const char *name;
        BYTE bytes[32];
        ULONG size;
        SECURITY_STATUS status;
    } rows[] = {
        { "a record longer than any", { 22, 3, 3, 0xff, 0xff, 2 }, 6, SEC_E_ILLEGAL_MESSAGE },
        { "a record of nothing", { 22, 3, 3, 0, 0 }, 5, SEC_E_ILLEGAL_MESSAGE },
        { "an alert cut short", { 21, 3, 3, 0, 1, 2 }, 6, SEC_E_ILLEGAL_MESSAGE },
        { "application data", { 23, 3, 3, 0, 1, 'x' }, 6, SEC_E_ILLEGAL_MESSAGE },
        { "a ServerHello cut short", { 22, 3, 3, 0, 4, 2, 0, 0, 0 }, 9, SEC_E_ILLEGAL_MESSAGE },
        { "a Finished too early",
          { 22, 3, 3, 0, 16, 20, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
          21,
          SEC_E_ILLEGAL_MESSAGE },
        { "a ClientHello", { 22, 3, 3, 0, 4, 1, 0, 0, 0 }, 9, SEC_E_ILLEGAL_MESSAGE },
        { "ChangeCipherSpec first", { 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 1 }, 12, SEC_E_ILLEGAL_MESSAGE },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct client client;
        SECURITY_STATUS status;
        ULONG answer;

        client_acquire(&client, 0, FALSE);
        client_step(&client);
        client.requirements |= ISC_REQ_EXTENDED_ERROR;
        status = feed(&client, rows[i].bytes, rows[i].size, &answer);
        if (status == SEC_I_CONTINUE_NEEDED && rows[i].bytes[0] != 22) continue; /* a warning more or less */
        ok(status == rows[i].status, "%s: %#lx\n", rows[i].name, status);
        ok(answer == 7 || status == SEC_I_CONTINUE_NEEDED, "%s: an alert of %lu bytes\n", rows[i].name,
           answer);
        client_close(&client);
    }
}

/* A message says that it is 16 MiB long: it must not be waited for. */
static void test_a_message_that_never_ends_is_cut_short(void)
{
    static BYTE record[5 + 16384] = { 22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff };
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;
    struct client client;
    ULONG answer;
    unsigned i;

    client_acquire(&client, 0, FALSE);
    client_step(&client);
    for (i = 0; i < 100 && status == SEC_I_CONTINUE_NEEDED; i++)
        status = feed(&client, record, sizeof(record), &answer);
    ok_status(status, SEC_E_ILLEGAL_MESSAGE);
    ok(i < 10, "it took %u records\n", i);
    client_close(&client);
}

static void test_a_flood_of_warnings_ends(void)
{
    static const BYTE warning[] = { 21, 3, 3, 0, 2, 1, 112 };
    static BYTE flood[7 * 1000];
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;
    struct client client;
    ULONG answer;
    unsigned i;

    for (i = 0; i < 1000; i++) memcpy(flood + 7 * i, warning, 7);
    client_acquire(&client, 0, FALSE);
    client_step(&client);
    for (i = 0; i < 100 && status == SEC_I_CONTINUE_NEEDED; i++)
        status = feed(&client, flood, sizeof(flood), &answer);
    ok_status(status, SEC_E_ILLEGAL_MESSAGE);
    client_close(&client);
}

/* Every byte of a real server's first flight changed in turn: an error or a wish for more, never a crash, and
 * never an end of the handshake. */
static void test_a_real_flight_with_each_byte_changed(void)
{
    unsigned modern;

    for (modern = 0; modern < 2; modern++)
    {
        static BYTE flight[65536], copy[65536];
        struct client client;
        size_t size, at;
        ULONG answer;

        client_acquire(&client, 0, modern);
        if (!client_connect(&client, peer_port("PEER_OPENSSL"))) SKIP_TEST("no OpenSSL server");
        client_step(&client);
        Sleep(200);
        client_fill(&client);
        size = client.size;
        memcpy(flight, client.received, size);
        client_close(&client);
        ok(size > 100, "%u bytes\n", (unsigned)size);
        for (at = 0; at < size; at += 1 + size / 400)
        {
            SECURITY_STATUS status;

            memcpy(copy, flight, size);
            copy[at] ^= 0x11;
            client_acquire(&client, 0, modern);
            client_step(&client);
            status = feed(&client, copy, (ULONG)size, &answer);
            ok(status != SEC_E_OK, "byte %u changed, and all is well\n", (unsigned)at);
            client_close(&client);
        }
    }
}

static void test_handles_of_another_kind_and_of_nothing(void)
{
    static const ULONG_PTR numbers[] = { 1, 2, 77, 0xffffffff, (ULONG_PTR)-1 };
    SecBuffer buffer = { sizeof(memory), SECBUFFER_TOKEN, memory };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    SecPkgContext_StreamSizes sizes;
    struct client client;
    ULONG attributes;
    unsigned i;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    ok_status(sspi->DeleteSecurityContext(&client.credential), SEC_E_INVALID_HANDLE);
    ok_status(sspi->FreeCredentialsHandle(&client.context), SEC_E_INVALID_HANDLE);
    ok_status(sspi->QueryContextAttributesW(&client.credential, SECPKG_ATTR_STREAM_SIZES, &sizes),
              SEC_E_INVALID_HANDLE);
    ok_status(sspi->EncryptMessage(&client.credential, 0, &desc, 0), SEC_E_INVALID_HANDLE);
    ok_status(sspi->DecryptMessage(&client.credential, &desc, 0, NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->ApplyControlToken(&client.credential, &desc), SEC_E_INVALID_HANDLE);
    for (i = 0; i < ARRAY_SIZE(numbers); i++)
    {
        CtxtHandle handle = { numbers[i] ^ client.context.dwLower << 8, client.context.dwUpper };

        if (handle.dwLower == client.context.dwLower || handle.dwLower == client.credential.dwLower) continue;
        ok_status(sspi->DecryptMessage(&handle, &desc, 0, NULL), SEC_E_INVALID_HANDLE);
        ok_status(sspi->InitializeSecurityContextW(&client.credential, &handle, NULL, 0, 0, 0, &desc, 0, NULL,
                                                   &desc, &attributes, NULL),
                  SEC_E_INVALID_HANDLE);
        ok_status(sspi->DeleteSecurityContext(&handle), SEC_E_INVALID_HANDLE);
    }
    client_close(&client);
}

static void test_null_wherever_a_pointer_may_be(void)
{
    SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };
    struct client client;

    if (!sspi_is_direct()) SKIP_TEST("secur32 looks at handles itself");
    client_acquire(&client, 0, TRUE);
    ok_status(sspi->InitializeSecurityContextW(NULL, NULL, NULL, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL),
              SEC_E_INVALID_TOKEN);
    ok_status(sspi->InitializeSecurityContextW(NULL, NULL, NULL, CLIENT_FLAGS, 0, 0, NULL, 0, NULL, &out,
                                               NULL, NULL),
              SEC_E_INVALID_HANDLE);
    ok(FAILED(sspi->InitializeSecurityContextW(&client.credential, NULL, NULL, CLIENT_FLAGS, 0, 0, NULL, 0,
                                               NULL, &out, NULL, NULL)),
       "a context without a handle\n");
    ok_status(sspi->DeleteSecurityContext(NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->ApplyControlToken(NULL, NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->EncryptMessage(NULL, 0, NULL, 0), SEC_E_INVALID_HANDLE);
    ok_status(sspi->DecryptMessage(NULL, NULL, 0, NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->QueryContextAttributesW(NULL, 0, NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->FreeContextBuffer(NULL), SEC_E_OK);
    ok(FAILED(sspi->EnumerateSecurityPackagesW(NULL, NULL)), "packages into nowhere\n");
    ok(FAILED(sspi->QuerySecurityPackageInfoW(NULL, NULL)), "a package into nowhere\n");
    client_close(&client);
}

/* One handshake that ends badly, each time in another way. */
static void fail_once(struct client *shared, unsigned turn)
{
    static const BYTE handshake_failure[] = { 21, 3, 3, 0, 2, 2, 40 },
                      garbage[] = { 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa },
                      short_hello[] = { 22, 3, 3, 0, 4, 2, 0, 0, 0 };
    SecBuffer token = { turn % 5 == 3 ? 10 : sizeof(memory), SECBUFFER_TOKEN, memory };
    SecBufferDesc out = { SECBUFFER_VERSION, 1, &token };
    struct client client = *shared;
    SECURITY_STATUS status;
    ULONG answer;

    client.requirements = turn % 2 ? ISC_REQ_EXTENDED_ERROR : 0;
    status =
        sspi->InitializeSecurityContextW(&client.credential, NULL, (WCHAR *)L"localhost", client.requirements,
                                         0, 0, NULL, 0, &client.context, &out, &client.attributes, NULL);
    if (status != SEC_I_CONTINUE_NEEDED)
    {
        ok(turn % 5 == 3, "the hello: %#lx\n", status);
        return;
    }
    switch (turn % 5)
    {
    case 0:
        status = feed(&client, handshake_failure, sizeof(handshake_failure), &answer);
        break;
    case 1:
        status = feed(&client, garbage, sizeof(garbage), &answer);
        break;
    case 2:
        status = feed(&client, short_hello, sizeof(short_hello), &answer);
        break;
    default:
        status = SEC_E_INTERNAL_ERROR;
        break; /* it just goes away */
    }
    ok(FAILED(status), "turn %u: %#lx\n", turn, status);
    sspi->DeleteSecurityContext(&client.context);
}

/* What is in use grows by at most that much while something is done so many times, once in three such
 * stretches: a heap keeps some of what was freed (Wine 10's more than others), but not more each time. */
static LONG_PTR growth(void (*step)(void *context, unsigned i), void *context, unsigned count)
{
    LONG_PTR least = 0, grown;
    unsigned stretch, i;

    for (stretch = 0; stretch < 3; stretch++)
    {
        ULONG_PTR before = heap_in_use(NULL);

        ok(before > 0, "the heap cannot be walked\n");
        for (i = 0; i < count; i++) step(context, i);
        grown = (LONG_PTR)(heap_in_use(NULL) - before);
        least = stretch ? min(least, grown) : grown;
    }
    return least;
}

static void fail_step(void *context, unsigned i)
{
    fail_once(context, i);
}

static void test_ten_thousand_failed_handshakes_leave_nothing_behind(void)
{
    DWORD handles_before, handles_after;
    struct client client;
    LONG_PTR grown;
    unsigned i;

    client_acquire(&client, 0, TRUE);
    for (i = 0; i < 500; i++) fail_once(&client, i);
    handles_before = handles_in_use();
    grown = growth(fail_step, &client, 4000);
    handles_after = handles_in_use();
    ok(handles_after <= handles_before, "%lu handles became %lu\n", handles_before, handles_after);
    ok(grown < 16384, "4000 handshakes leave %ld bytes\n", (long)grown);
    client_close(&client);
}

static void credential_step(void *context, unsigned i)
{
    client_acquire(context, 0, i % 2);
    client_close(context);
}

/* Sixteen bytes of every second one would be 32,000. */
static void test_thousands_of_credentials_leave_nothing_behind(void)
{
    struct client client;
    LONG_PTR grown = growth(credential_step, &client, 4000);

    ok(grown < 16384, "4000 credentials leave %ld bytes\n", (long)grown);
}

START_TEST(sspi_hostile)
{
    if (!sspi_open()) return;
    RUN(test_eight_kilobytes_of_one_byte);
    RUN(test_flights_that_are_wrong);
    RUN(test_a_message_that_never_ends_is_cut_short);
    RUN(test_a_flood_of_warnings_ends);
    RUN(test_a_real_flight_with_each_byte_changed);
    RUN(test_handles_of_another_kind_and_of_nothing);
    RUN(test_null_wherever_a_pointer_may_be);
    RUN(test_ten_thousand_failed_handshakes_leave_nothing_behind);
    RUN(test_thousands_of_credentials_leave_nothing_behind);
}
