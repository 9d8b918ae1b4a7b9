/*
 * Many threads at once: one context that is written and read, many that share credentials, handles that go
 * away under a call, and the DLL that goes away itself. And for long: handshakes and data without end (make
 * soak).
 *
 *     sspi_threads.exe                                            what make check runs
 *     sspi_threads.exe sspi_threads soak HANDSHAKES MIB SECONDS   so many handshakes, so much data, and 64
 *                                                                 threads that long, with figures
 */
#include "test.h"
#include "sides.h"
#include <psapi.h>
#include <stddef.h>
#include <stdio.h>

#define THREADS 64

static volatile LONG stop, wrong, done;

static void open_certificate(void)
{
    if (!server_certificate)
        server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
}

static void note(BOOL good, const char *what, SECURITY_STATUS status)
{
    if (good) return;
    if (InterlockedIncrement(&wrong) <= 5) printf("          %s: %#lx\n", what, status);
}

static void run_threads(HANDLE *threads, unsigned count, LPTHREAD_START_ROUTINE function,
                        void *const *arguments)
{
    unsigned i;

    wrong = done = 0;
    for (i = 0; i < count; i++)
        threads[i] = CreateThread(NULL, 0, function, arguments ? arguments[i] : NULL, 0, NULL);
}

static void join(HANDLE *threads, unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++)
    {
        ok(!WaitForSingleObject(threads[i], 120000), "thread %u hangs\n", i);
        CloseHandle(threads[i]);
    }
}

/* --- one context, both ways ----------------------------------------------------------------------------- */

#define WIRE_SIZE    (1 << 17)
#define RECORD_SIZE  4000
#define RECORD_COUNT 3000

/* A pipe of records from one thread to another, of one direction. */
struct wire
{
    SRWLOCK lock;
    BYTE bytes[WIRE_SIZE];
    size_t size;
    unsigned written; /* records, when there will be no more: before that all there can be */
};

struct end
{
    struct side *side;
    struct wire *wire;
};

static unsigned records_max;    /* of each wire, unless `stop` comes first */
static volatile LONG delivered; /* of all wires */

static unsigned empties; /* records without data before each that has some */

static void write_record(struct end *end, const SecPkgContext_StreamSizes *sizes, BYTE *memory, ULONG size)
{
    SecBuffer buffers[4] = { { sizes->cbHeader, SECBUFFER_STREAM_HEADER, memory },
                             { size, SECBUFFER_DATA, memory + sizes->cbHeader },
                             { sizes->cbTrailer, SECBUFFER_STREAM_TRAILER,
                               memory + sizes->cbHeader + size } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status = sspi->EncryptMessage(&end->side->context, 0, &desc, 0);
    BOOL fits = FALSE;

    note(!status, "EncryptMessage", status);
    size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    while (!fits && !wrong)
    {
        AcquireSRWLockExclusive(&end->wire->lock);
        if ((fits = end->wire->size + size <= WIRE_SIZE))
        {
            memcpy(end->wire->bytes + end->wire->size, memory, size);
            end->wire->size += size;
        }
        ReleaseSRWLockExclusive(&end->wire->lock);
        if (!fits) Sleep(1);
    }
}

static DWORD WINAPI write_records(void *argument)
{
    struct end *end = argument;
    SecPkgContext_StreamSizes sizes;
    BYTE *memory = malloc(RECORD_SIZE + 400);
    unsigned i, j;

    sspi->QueryContextAttributesW(&end->side->context, SECPKG_ATTR_STREAM_SIZES, &sizes);
    for (i = 0; i < records_max && !wrong && !stop; i++)
    {
        for (j = 0; j < empties; j++) write_record(end, &sizes, memory, 0);
        memset(memory + sizes.cbHeader, (int)i, RECORD_SIZE);
        write_record(end, &sizes, memory, RECORD_SIZE);
    }
    AcquireSRWLockExclusive(&end->wire->lock);
    end->wire->written = i;
    ReleaseSRWLockExclusive(&end->wire->lock);
    free(memory);
    return 0;
}

static DWORD WINAPI read_records(void *argument)
{
    struct end *end = argument;
    BYTE *memory = malloc(WIRE_SIZE * 2);
    size_t size = 0;
    unsigned read = 0, written = ~0u;

    while (read < written && !wrong)
    {
        SecBuffer buffers[4] = { { 0, SECBUFFER_DATA, memory } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status;
        ULONG left = 0;
        unsigned i;

        AcquireSRWLockExclusive(&end->wire->lock);
        if (size + end->wire->size <= 2 * WIRE_SIZE)
        {
            memcpy(memory + size, end->wire->bytes, end->wire->size);
            size += end->wire->size;
            end->wire->size = 0;
        }
        written = end->wire->written;
        ReleaseSRWLockExclusive(&end->wire->lock);
        buffers[0].cbBuffer = (ULONG)size;
        status = sspi->DecryptMessage(&end->side->context, &desc, 0, NULL);
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (read < written) Sleep(1);
            continue;
        }
        /* A new key of TLS 1.3, every four million records: nothing is left to be read for the step. */
        if (status == SEC_I_RENEGOTIATE) status = side_step(end->side, NULL);
        note(!status, "DecryptMessage", status);
        if (status) break;
        for (i = 0; i < 4; i++)
        {
            const BYTE *data = buffers[i].pvBuffer;

            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
            if (buffers[i].BufferType != SECBUFFER_DATA || !buffers[i].cbBuffer) continue;
            note(buffers[i].cbBuffer == RECORD_SIZE && data[0] == (BYTE)read &&
                     data[RECORD_SIZE - 1] == (BYTE)read,
                 "a record out of order", (SECURITY_STATUS)read);
            read++;
            InterlockedIncrement(&delivered);
        }
        memmove(memory, memory + size - left, left);
        size = left;
    }
    free(memory);
    return 0;
}

/* Both sides of a connection, written and read by four threads. Tickets are read before: a handshake step
 * holds both directions. */
struct both_ways
{
    struct side *client, *server;
    struct wire *wires;
    struct end ends[4];
    HANDLE threads[4];
};

static void both_ways_begin(struct both_ways *both, DWORD protocols)
{
    unsigned i;

    both->client = side_client(protocols, NULL, 0);
    both->server = side_server(protocols, 0);
    both->wires = calloc(2, sizeof(*both->wires));
    both->wires[0].written = both->wires[1].written = ~0u;
    side_shake(both->client, both->server);
    ok_status(both->client->status, SEC_E_OK);
    for (i = 0; i < 4; i++)
        both->ends[i] = (struct end){ i == 0 || i == 3 ? both->client : both->server, &both->wires[i >= 2] };
    for (i = 0; i < 4; i++)
        both->threads[i] =
            CreateThread(NULL, 0, i % 2 ? read_records : write_records, &both->ends[i], 0, NULL);
}

static void both_ways_end(struct both_ways *both)
{
    join(both->threads, 4);
    free(both->wires);
    side_end(both->client);
    side_end(both->server);
}

static void test_both_directions_of_one_context_at_once(void)
{
    static const struct
    {
        DWORD protocols;
        const WCHAR *suite;
        unsigned empties;
    } rows[] = {
        { TLS13, NULL, 0 },
        { TLS12, NULL, 1 },
        /* GnuTLS's own records: one that is empty ends a read in its middle. */
        { TLS12, L"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 20 },
    };
    struct both_ways both;
    unsigned i;

    open_certificate();
    records_max = RECORD_COUNT;
    stop = FALSE;
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        schannel_set_list(L"Functions", rows[i].suite);
        empties = rows[i].empties;
        wrong = delivered = 0;
        both_ways_begin(&both, rows[i].protocols);
        both_ways_end(&both);
        ok(!wrong, "row %u: %ld things went wrong\n", i, wrong);
        ok(delivered == 2 * RECORD_COUNT, "row %u: %ld records\n", i, delivered);
    }
    empties = 0;
    schannel_set_list(L"Functions", NULL);
}

/* --- 64 threads on two credentials ---------------------------------------------------------------------- */

static CredHandle client_credentials, server_credentials;
static unsigned rounds;

/* A connection with credentials that are not its own. */
static void connect_once(struct side *client, struct side *server, unsigned turn)
{
    SecPkgContext_ConnectionInfo info;
    SECURITY_STATUS status;

    memset(client, 0, sizeof(*client));
    memset(server, 0, sizeof(*server));
    client->credential = client_credentials;
    server->credential = server_credentials;
    server->server = TRUE;
    client->requirements = CLIENT_FLAGS;
    server->requirements = SERVER_FLAGS;
    side_shake(client, server);
    note(client->status == SEC_E_OK && server->status == SEC_E_OK, "a handshake",
         FAILED(client->status) ? client->status : server->status);
    status = sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_CONNECTION_INFO, &info);
    note(!status && info.dwProtocol, "a query", status);
    status = side_seal(client, "hello", server);
    note(!status && side_reads(server, "hello"), "data", status);
    status = side_seal(server, "and back", client);
    note(!status && side_reads(client, "and back"), "data back", status);
    if (turn % 3)
    {
        status = sspi->DeleteSecurityContext(&client->context);
        note(!status, "a delete", status);
        status = sspi->DeleteSecurityContext(&client->context);
        note(status == SEC_E_INVALID_HANDLE, "a second delete", status);
    }
    else
        sspi->DeleteSecurityContext(&client->context);
    status = sspi->DeleteSecurityContext(&server->context);
    note(!status, "the server's delete", status);
}

static DWORD WINAPI connect_again_and_again(void *argument)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
    unsigned i;

    (void)argument;
    for (i = 0; i < rounds && wrong < 5; i++)
    {
        connect_once(client, server, i);
        InterlockedIncrement(&done);
    }
    free(client);
    free(server);
    return 0;
}

static BOOL share_credentials(DWORD protocols)
{
    struct side *client = side_client(protocols, NULL, 0), *server = side_server(protocols, 0);
    BOOL good = client->credential.dwLower && server->credential.dwLower;

    client_credentials = client->credential;
    server_credentials = server->credential;
    free(client);
    free(server);
    return good;
}

static void test_64_threads_share_credentials(void)
{
    HANDLE threads[THREADS];

    open_certificate();
    ok(share_credentials(0), "no credentials\n");
    rounds = 8;
    run_threads(threads, THREADS, connect_again_and_again, NULL);
    join(threads, THREADS);
    ok(!wrong, "%ld things went wrong\n", wrong);
    ok(done == THREADS * 8, "%ld connections\n", done);
    sspi->FreeCredentialsHandle(&client_credentials);
    sspi->FreeCredentialsHandle(&server_credentials);
}

static DWORD WINAPI connect_and_end(void *argument)
{
    rounds = 1;
    return connect_again_and_again(argument);
}

/* GnuTLS has random numbers of its own for each thread. */
static void test_a_thread_that_ends_leaves_nothing(void)
{
    unsigned i, before = 0, after;
    HANDLE thread;

    open_certificate();
    ok(share_credentials(TLS13), "no credentials\n");
    for (i = 0; i < 120; i++)
    {
        if (i == 20) heap_in_use(&before); /* the first ones settle the heap */
        run_threads(&thread, 1, connect_and_end, NULL);
        join(&thread, 1);
    }
    heap_in_use(&after);
    ok(!wrong, "%ld things went wrong\n", wrong);
    ok(after < before + 50, "%u blocks became %u\n", before, after);
    sspi->FreeCredentialsHandle(&client_credentials);
    sspi->FreeCredentialsHandle(&server_credentials);
}

/* --- handles that go away ------------------------------------------------------------------------------- */

static struct side *victims[2];

/* Whatever a call is told, it is one of these. */
static BOOL is_orderly(SECURITY_STATUS status)
{
    return status == SEC_E_OK || status == SEC_E_INVALID_HANDLE || status == SEC_E_INCOMPLETE_MESSAGE;
}

static DWORD WINAPI use_the_victim(void *argument)
{
    BYTE memory[1000];
    unsigned turn = 0;

    (void)argument;
    while (!stop)
    {
        SecBuffer buffers[4] = { { 200, SECBUFFER_STREAM_HEADER, memory },
                                 { 100, SECBUFFER_DATA, memory + 200 },
                                 { 200, SECBUFFER_STREAM_TRAILER, memory + 300 } };
        SecBuffer sealed[4] = { { 3, SECBUFFER_DATA, memory } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, turn % 3 ? buffers : sealed };
        CtxtHandle context = victims[0]->context;
        SecPkgContext_StreamSizes sizes;
        SECURITY_STATUS status;

        memset(memory, 0x17, 3);
        memory[1] = 3;
        switch (turn++ % 3)
        {
        case 0:
            status = sspi->DecryptMessage(&context, &desc, 0, NULL);
            break;
        case 1:
            status = sspi->EncryptMessage(&context, 0, &desc, 0);
            break;
        default:
            status = sspi->QueryContextAttributesW(&context, SECPKG_ATTR_STREAM_SIZES, &sizes);
        }
        note(is_orderly(status), "a call on what goes away", status);
        InterlockedIncrement(&done);
    }
    return 0;
}

static void test_a_context_deleted_under_calls(void)
{
    HANDLE threads[4];
    unsigned i;

    open_certificate();
    for (i = 0; i < 40; i++)
    {
        SECURITY_STATUS status;

        victims[0] = side_client(TLS12, NULL, 0);
        victims[1] = side_server(TLS12, 0);
        side_shake(victims[0], victims[1]);
        stop = FALSE;
        run_threads(threads, 4, use_the_victim, NULL);
        while (done < 50) Sleep(0);
        status = sspi->DeleteSecurityContext(&victims[0]->context);
        ok_status(status, SEC_E_OK);
        ok_status(sspi->DeleteSecurityContext(&victims[0]->context), SEC_E_INVALID_HANDLE);
        Sleep(1);
        stop = TRUE;
        join(threads, 4);
        ok(!wrong, "%ld things went wrong\n", wrong);
        victims[0]->has_context = FALSE;
        side_end(victims[0]);
        side_end(victims[1]);
        if (wrong) break;
    }
}

static void test_a_credential_freed_under_its_contexts(void)
{
    struct side *client, *server;

    open_certificate();
    client = side_client(TLS13, NULL, 0);
    server = side_server(TLS13, 0);
    side_step(client, server);
    ok_status(sspi->FreeCredentialsHandle(&client->credential), SEC_E_OK);
    server->status = SEC_I_CONTINUE_NEEDED;
    side_run(server, client);
    ok_status(sspi->FreeCredentialsHandle(&server->credential), SEC_E_OK);
    /* The context has its own reference of the credential it began with. */
    side_run(client, server);
    side_run(server, client);
    ok_status(client->status, SEC_E_OK);
    ok_status(server->status, SEC_E_OK);
    ok_status(side_seal(client, "still here", server), SEC_E_OK);
    ok(side_reads(server, "still here"), "nothing arrived\n");
    ok_status(sspi->FreeCredentialsHandle(&client->credential), SEC_E_INVALID_HANDLE);
    side_end(client);
    side_end(server);
}

/* --- the end of the process, and of the DLL ------------------------------------------------------------- */

static DWORD WINAPI connect_until_the_end(void *argument)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));

    (void)argument;
    while (!stop)
    {
        connect_once(client, server, 0);
        InterlockedIncrement(&done);
    }
    return 0;
}

/* Run as a process of its own: ends while eight threads are in the middle of something. */
static void end_while_busy(void)
{
    HANDLE threads[8];

    open_certificate();
    share_credentials(0);
    run_threads(threads, 8, connect_until_the_end, NULL);
    while (done < 8) Sleep(1);
    ExitProcess(wrong ? 1 : 42);
}

static DWORD run_self(const char *argument)
{
    PROCESS_INFORMATION process;
    STARTUPINFOA startup = { .cb = sizeof(startup) };
    char command[MAX_PATH + 50], path[MAX_PATH];
    DWORD code = ~0u;

    GetModuleFileNameA(NULL, path, sizeof(path));
    snprintf(command, sizeof(command), "\"%s\" sspi_threads %s", path, argument);
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) return code;
    if (WaitForSingleObject(process.hProcess, 60000))
        TerminateProcess(process.hProcess, 99);
    else
        GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    return code;
}

static void test_a_process_ends_while_threads_are_inside(void)
{
    unsigned i;

    for (i = 0; i < 5; i++)
    {
        DWORD code = run_self("end-while-busy");

        ok(code == 42, "turn %u: %lu\n", i, code);
    }
}

static void test_the_library_is_freed_and_loaded_again(void)
{
    const char *file = getenv("SSPI_DLL");
    unsigned i;

    if (!sspi_is_direct()) SKIP_TEST("secur32 keeps what it has loaded");
    for (i = 0; i < 20; i++)
    {
        PSecurityFunctionTableW(WINAPI * init)(void);
        HMODULE module = LoadLibraryA(file ? file : "schannel.dll");
        const SecurityFunctionTableW *table;
        SecPkgInfoW *info;

        ok(module != NULL, "it does not load\n");
        init = (void *)GetProcAddress(module, "InitSecurityInterfaceW");
        table = init();
        ok_status(table->QuerySecurityPackageInfoW((WCHAR *)UNISP_NAME_W, &info), SEC_E_OK);
        table->FreeContextBuffer(info);
        ok(FreeLibrary(module), "it cannot be freed\n");
    }
}

/* Loaded, used and freed for good: in a process in which nobody else holds it. */
static void load_use_and_free(void)
{
    const char *file = getenv("SSPI_DLL");
    unsigned i;

    for (i = 0; i < 5; i++)
    {
        PSecurityFunctionTableW(WINAPI * init)(void);
        SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = SCH_CRED_NO_DEFAULT_CREDS };
        HMODULE module = LoadLibraryA(file ? file : "schannel.dll");
        CredHandle credential;
        CtxtHandle context;
        SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
        SecBufferDesc desc = { SECBUFFER_VERSION, 1, &token };
        ULONG attributes;

        if (!module) ExitProcess(1);
        init = (void *)GetProcAddress(module, "InitSecurityInterfaceW");
        sspi = init();
        if (sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, &cred,
                                            NULL, NULL, &credential, NULL))
            ExitProcess(2);
        if (sspi->InitializeSecurityContextW(&credential, NULL, (WCHAR *)L"localhost", CLIENT_FLAGS, 0, 0,
                                             NULL, 0, &context, &desc, &attributes,
                                             NULL) != SEC_I_CONTINUE_NEEDED)
            ExitProcess(3);
        sspi->FreeContextBuffer(token.pvBuffer);
        if (i % 2)
        {
            sspi->DeleteSecurityContext(&context);
            sspi->FreeCredentialsHandle(&credential);
        }
        if (!FreeLibrary(module)) ExitProcess(4);
        if (GetModuleHandleA("schannel.dll")) ExitProcess(5);
    }
    ExitProcess(42);
}

static void test_the_library_goes_away_after_use(void)
{
    if (!sspi_is_direct()) SKIP_TEST("secur32 keeps what it has loaded");
    ok(run_self("load-use-and-free") == 42, "it did not\n");
}

/* --- soak ----------------------------------------------------------------------------------------------- */

struct use
{
    SIZE_T memory, heap;
    unsigned blocks; /* of the heap */
    DWORD handles;
};

static struct use current_use(void)
{
    PROCESS_MEMORY_COUNTERS counters = { .cb = sizeof(counters) };
    struct use use;

    GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters));
    use.memory = counters.PagefileUsage;
    use.handles = handles_in_use();
    use.heap = heap_in_use(&use.blocks);
    return use;
}

static void print_use(const char *what, unsigned long long count, const char *unit, struct use use,
                      DWORD since)
{
    double seconds = (GetTickCount() - since) / 1000.0;

    printf("SOAK %s: %llu %s in %.0f s, %lu KiB, %lu KiB of them in %u blocks, %lu handles\n", what, count,
           unit, seconds, (unsigned long)(use.memory / 1024), (unsigned long)(use.heap / 1024), use.blocks,
           use.handles);
    fflush(stdout);
}

/* Windows and their drawing are nothing the DLL has: it imports no DLL for them (tests/run.py,
 * check_imports). Flat: what there was after the first tenth, and a little for a heap that settles. */
static void judge_use(struct use before, struct use after, unsigned mebibytes)
{
    ok(after.memory <= before.memory + mebibytes * 1024 * 1024, "%lu KiB became %lu\n",
       (unsigned long)(before.memory / 1024), (unsigned long)(after.memory / 1024));
    ok(after.handles <= before.handles, "%lu handles became %lu\n", before.handles, after.handles);
}

static unsigned long long soak_handshakes, soak_mebibytes;

static void test_handshakes_without_end(void)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
    unsigned long long i, tenth = max(soak_handshakes / 10, 1);
    struct use before = { 0 };
    DWORD since = GetTickCount();

    open_certificate();
    ok(share_credentials(0), "no credentials\n");
    for (i = 0; i < soak_handshakes && !wrong; i++)
    {
        connect_once(client, server, (unsigned)i);
        if ((i + 1) % tenth) continue;
        if (!before.memory) before = current_use();
        print_use("handshakes", i + 1, "handshakes", current_use(), since);
    }
    ok(!wrong, "%ld things went wrong\n", wrong);
    judge_use(before, current_use(), 4);
    sspi->FreeCredentialsHandle(&client_credentials);
    sspi->FreeCredentialsHandle(&server_credentials);
    free(client);
    free(server);
}

static void test_data_without_end(void)
{
    static BYTE memory[16384 + 400];
    struct side *client, *server;
    unsigned long long i, records = soak_mebibytes * 64, tenth = max(records / 10, 1);
    SecPkgContext_StreamSizes sizes;
    struct use before = { 0 };
    DWORD since = GetTickCount();
    SECURITY_STATUS status = SEC_E_OK;

    open_certificate();
    client = side_client(TLS13, NULL, 0);
    server = side_server(TLS13, 0);
    side_shake(client, server);
    ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_STREAM_SIZES, &sizes), SEC_E_OK);
    for (i = 0; i < records && !status; i++)
    {
        SecBuffer out[4] = { { sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory },
                             { 16384, SECBUFFER_DATA, memory + sizes.cbHeader },
                             { sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + 16384 } };
        SecBuffer in[4] = { { 0, SECBUFFER_DATA, memory } };
        SecBufferDesc out_desc = { SECBUFFER_VERSION, 4, out }, in_desc = { SECBUFFER_VERSION, 4, in };
        BYTE sign = (BYTE)i;
        unsigned j;

        memory[sizes.cbHeader + 5000] = sign;
        if ((status = sspi->EncryptMessage(&client->context, 0, &out_desc, 0))) break;
        in[0].cbBuffer = out[0].cbBuffer + out[1].cbBuffer + out[2].cbBuffer;
        for (;;)
        {
            ULONG left = 0;
            BYTE *rest = NULL;

            status = sspi->DecryptMessage(&server->context, &in_desc, 0, NULL);
            for (j = 0; j < 4; j++)
                if (in[j].BufferType == SECBUFFER_EXTRA)
                {
                    left = in[j].cbBuffer;
                    rest = in[j].pvBuffer;
                }
            if (status == SEC_I_RENEGOTIATE) /* a new key: it follows the data every four million records */
            {
                server->size = 0;
                status = side_step(server, NULL);
            }
            else if (!status && in[1].cbBuffer && ((BYTE *)in[1].pvBuffer)[5000] != sign)
                status = SEC_E_MESSAGE_ALTERED;
            if (status || !left) break;
            memset(in, 0, sizeof(in));
            in[0] = (SecBuffer){ left, SECBUFFER_DATA, rest };
        }
        if ((i + 1) % tenth) continue;
        if (!before.memory) before = current_use();
        print_use("data", (i + 1) / 64, "MiB", current_use(), since);
    }
    ok_status(status, SEC_E_OK);
    judge_use(before, current_use(), 4);
    side_end(client);
    side_end(server);
}

/* --- 64 threads for long -------------------------------------------------------------------------------- */

#define PAIRS 4 /* connections of which each side is written and read at the same time: four threads each */

static struct
{
    CredHandle client, server;
} shared[3]; /* TLS 1.2, TLS 1.3, both */
static struct both_ways pairs[PAIRS];
static volatile LONG connections, given_up, queries, messages;
static BOOL(WINAPI *empty_cache)(const char *name, DWORD flags);

static unsigned dice(ULONG *state, unsigned sides)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (*state >> 3) % sides;
}

/* What both sides answer, and where in the answer there is memory to be freed. */
static void query_something(const CtxtHandle *context, ULONG *state)
{
    static const struct
    {
        ULONG id;
        size_t memory[2]; /* offset + 1 */
    } attributes[] = {
        { SECPKG_ATTR_STREAM_SIZES, { 0 } },
        { SECPKG_ATTR_CONNECTION_INFO, { 0 } },
        { SECPKG_ATTR_CIPHER_INFO, { 0 } },
        { SECPKG_ATTR_SESSION_INFO, { 0 } },
        { SECPKG_ATTR_LIFESPAN, { 0 } },
        { SECPKG_ATTR_UNIQUE_BINDINGS, { offsetof(SecPkgContext_Bindings, Bindings) + 1 } },
        { SECPKG_ATTR_KEY_INFO,
          { offsetof(SecPkgContext_KeyInfoW, sSignatureAlgorithmName) + 1,
            offsetof(SecPkgContext_KeyInfoW, sEncryptAlgorithmName) + 1 } },
        { SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS,
          { offsetof(SecPkgContext_NegotiatedTlsExtensions, Extensions) + 1 } },
    };
    unsigned which = dice(state, ARRAY_SIZE(attributes)), i;
    BYTE answer[sizeof(SecPkgContext_CipherInfo)] = { 0 }; /* none is larger */
    SECURITY_STATUS status =
        sspi->QueryContextAttributesW((CtxtHandle *)context, attributes[which].id, answer);

    note(!status, "a query", status);
    for (i = 0; !status && i < 2 && attributes[which].memory[i]; i++)
    {
        void *memory;

        memcpy(&memory, answer + attributes[which].memory[i] - 1, sizeof(memory));
        sspi->FreeContextBuffer(memory);
    }
    InterlockedIncrement(&queries);
}

static void send_and_read(struct side *from, struct side *to, ULONG *state)
{
    SECURITY_STATUS status;
    char text[600];
    unsigned size = 1 + dice(state, sizeof(text) - 1);

    memset(text, 'a' + dice(state, 26), size);
    text[size - 1] = 0;
    status = side_seal(from, text, to);
    note(!status, "EncryptMessage", status);
    note(side_reads(to, text), "what was sent", status);
    InterlockedIncrement(&messages);
}

static void delete_side(struct side *side, ULONG *state)
{
    SECURITY_STATUS status;

    if (!side->has_context) return;
    if (!dice(state, 3))
    {
        DWORD order = SCHANNEL_SHUTDOWN;
        SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
        SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

        sspi->ApplyControlToken(&side->context, &desc);
        if (dice(state, 2)) side_step(side, NULL);
    }
    status = sspi->DeleteSecurityContext(&side->context);
    note(!status, "a delete", status);
    status = sspi->DeleteSecurityContext(&side->context);
    note(status == SEC_E_INVALID_HANDLE, "a second delete", status);
}

/* A connection with credentials that all threads use, what is done with it, and its end. */
static void live_once(struct side *client, struct side *server, ULONG *state)
{
    unsigned kind = dice(state, ARRAY_SIZE(shared)), turns, actions,
             patience = dice(state, 8) ? 6 : dice(state, 2);

    memset(client, 0, sizeof(*client));
    memset(server, 0, sizeof(*server));
    client->credential = shared[kind].client;
    server->credential = shared[dice(state, 2) ? kind : 2].server;
    server->server = TRUE;
    client->requirements = CLIENT_FLAGS;
    server->requirements = SERVER_FLAGS | (dice(state, 2) ? ASC_REQ_SESSION_TICKET : 0);
    side_step(client, server);
    server->status = SEC_I_CONTINUE_NEEDED;
    for (turns = 0; turns < patience && (side_wants_more(client) || side_wants_more(server)); turns++)
    {
        side_run(server, client);
        side_run(client, server);
    }
    if (patience < 6)
        InterlockedIncrement(&given_up);
    else
    {
        note(client->status == SEC_E_OK && server->status == SEC_E_OK, "a handshake",
             FAILED(client->status) ? client->status : server->status);
        for (actions = dice(state, 20); actions && !wrong; actions--) switch (dice(state, 6))
            {
            case 0:
                query_something(&client->context, state);
                break;
            case 1:
                query_something(&server->context, state);
                break;
            case 2:
                query_something(dice(state, 2) ? &pairs[dice(state, PAIRS)].client->context
                                               : &pairs[dice(state, PAIRS)].server->context,
                                state);
                break;
            case 3:
                if (empty_cache && !dice(state, 50)) empty_cache(NULL, 0);
                break;
            case 4:
                send_and_read(client, server, state);
                break;
            default:
                send_and_read(server, client, state);
            }
        InterlockedIncrement(&connections);
    }
    if (dice(state, 2)) delete_side(client, state), client->has_context = FALSE;
    delete_side(server, state);
    delete_side(client, state);
}

static DWORD WINAPI live(void *argument)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
    ULONG state = (ULONG)(ULONG_PTR)argument * 2654435761u + GetTickCount() % 1000 + 1;

    while (!stop && !wrong) live_once(client, server, &state);
    free(client);
    free(server);
    return 0;
}

static unsigned soak_seconds;

static void run_64_threads(DWORD milliseconds)
{
    HANDLE threads[THREADS - 4 * PAIRS];
    unsigned i;

    stop = FALSE;
    for (i = 0; i < PAIRS; i++) both_ways_begin(&pairs[i], i % 2 ? TLS13 : TLS12);
    for (i = 0; i < ARRAY_SIZE(threads); i++)
        threads[i] = CreateThread(NULL, 0, live, (void *)(ULONG_PTR)(i + 1), 0, NULL);
    Sleep(milliseconds);
    stop = TRUE;
    join(threads, ARRAY_SIZE(threads));
    for (i = 0; i < PAIRS; i++) both_ways_end(&pairs[i]);
}

/* Ten times a tenth of it: between them, when no thread is there and the caches are empty, is what is in
 * use. Wine 10's heap has blocks in store for each of 32 groups of threads and each size, and that takes its
 * time to settle; Wine 8's has not. */
static void test_64_threads_for_long(void)
{
    static const DWORD protocols[ARRAY_SIZE(shared)] = { TLS12, TLS13, 0 };
    struct use before = { 0 };
    DWORD since = GetTickCount();
    unsigned i;

    open_certificate();
    empty_cache = (void *)GetProcAddress(GetModuleHandleA("schannel.dll"), "SslEmptyCacheA");
    records_max = ~0u - 1;
    wrong = delivered = 0;
    for (i = 0; i < ARRAY_SIZE(shared); i++)
    {
        ok(share_credentials(protocols[i]), "no credentials\n");
        shared[i].client = client_credentials;
        shared[i].server = server_credentials;
    }
    for (i = 0; i < 10 && !wrong; i++)
    {
        struct use use;

        run_64_threads(soak_seconds * 100);
        if (empty_cache) empty_cache(NULL, 0);
        use = current_use();
        if (i == 4) before = use;
        print_use("64 threads", connections, "connections", use, since);
    }
    printf(
        "SOAK 64 threads: %ld handshakes, %ld given up, %ld queries, %ld messages; %ld MiB by contexts that "
        "were written and read at once\n",
        connections, given_up, queries, messages, delivered / (1048576 / RECORD_SIZE));
    ok(!wrong, "%ld things went wrong\n", wrong);
    ok(connections && given_up && queries && messages && delivered, "something was never done\n");
    judge_use(before, current_use(), 16);
    for (i = 0; i < ARRAY_SIZE(shared); i++)
    {
        sspi->FreeCredentialsHandle(&shared[i].client);
        sspi->FreeCredentialsHandle(&shared[i].server);
    }
}

START_TEST(sspi_threads)
{
    char **arguments;
    int count = winetest_get_mainargs(&arguments);

    if (count >= 3 && !strcmp(arguments[2], "load-use-and-free")) load_use_and_free();
    if (!sspi_open()) return;
    if (count >= 3 && !strcmp(arguments[2], "end-while-busy")) end_while_busy();
    if (count >= 6 && !strcmp(arguments[2], "soak"))
    {
        soak_handshakes = strtoull(arguments[3], NULL, 10);
        soak_mebibytes = strtoull(arguments[4], NULL, 10);
        soak_seconds = (unsigned)atoi(arguments[5]);
        RUN(test_64_threads_for_long);
        RUN(test_handshakes_without_end);
        RUN(test_data_without_end);
        return;
    }
    RUN(test_both_directions_of_one_context_at_once);
    RUN(test_64_threads_share_credentials);
    RUN(test_a_thread_that_ends_leaves_nothing);
    RUN(test_a_context_deleted_under_calls);
    RUN(test_a_credential_freed_under_its_contexts);
    RUN(test_a_process_ends_while_threads_are_inside);
    RUN(test_the_library_is_freed_and_loaded_again);
    RUN(test_the_library_goes_away_after_use);
}
