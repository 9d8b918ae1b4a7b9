/*
 * sspi-client: fetches an https URL, or connects input and output with a server, through SSPI, and says what
 * was negotiated.
 *
 * A Windows program like any other: it asks secur32 for the Schannel package and uses its function table, so
 * it shows what every program of the same prefix gets. Also a sample of a client that does all an SSPI client
 * has to: client_tls.c.
 */
#include "client.h"
#include <process.h>
#include <fcntl.h>
#include <io.h>

/* --- HTTP ----------------------------------------------------------------------------------------------- */

/* An answer on its way: its head, however it is cut; what is behind it is body. */
struct answer
{
    char head[8192];
    DWORD size;
    BOOL complete;
    FILE *file;      /* for the body; NULL: it is counted only */
    DWORD last_told; /* when progress was shown, by GetTickCount */
    LARGE_INTEGER start;
};

static DWORD take_head(struct connection *connection, struct answer *answer, const char *data, DWORD size)
{
    DWORD i;

    for (i = 0; i < size && !answer->complete && answer->size < sizeof(answer->head) - 1; i++)
    {
        answer->head[answer->size++] = data[i];
        answer->complete = answer->size >= 4 && !memcmp(answer->head + answer->size - 4, "\r\n\r\n", 4);
    }
    if (answer->complete && i)
    {
        const char *length = strstr(answer->head, "Content-Length: ");

        connection->expected = length ? strtoull(length + 16, NULL, 10) : NO_LENGTH;
        snprintf(connection->answer, sizeof(connection->answer), "%.*s", (int)strcspn(answer->head, "\r\n"),
                 answer->head);
    }
    return i;
}

static void show_progress(const struct connection *connection, struct answer *answer, BOOL last)
{
    double seconds = seconds_since(answer->start), done = (double)connection->body;
    DWORD now = GetTickCount();

    if (!options.progress || (!last && now - answer->last_told < 500)) return;
    answer->last_told = now;
    if (connection->expected != NO_LENGTH && connection->expected)
        fprintf(stderr, "\r%5.1f %% of %llu bytes", 100 * done / (double)connection->expected,
                connection->expected);
    else
        fprintf(stderr, "\r%llu bytes", connection->body);
    fprintf(stderr, ", %.1f MB/s  %s", done / 1e6 / (seconds > 0 ? seconds : 1), last ? "\n" : "");
}

static BOOL take_answer(struct connection *connection, const char *data, DWORD size, void *argument)
{
    struct answer *answer = argument;
    DWORD used = answer->complete ? 0 : take_head(connection, answer, data, size);

    connection->body += size - used;
    if (answer->file) fwrite(data + used, 1, size - used, answer->file);
    show_progress(connection, answer, FALSE);
    return TRUE;
}

static SECURITY_STATUS send_request(struct connection *connection)
{
    char request[4096];
    int size =
        snprintf(request, sizeof(request),
                 "GET %ls HTTP/1.1\r\nHost: %ls:%ls\r\nUser-Agent: sspi-client\r\nConnection: close\r\n\r\n",
                 options.path, options.host, options.port);

    if (size < 0 || size >= (int)sizeof(request)) return SEC_E_INVALID_PARAMETER;
    return connection_send(connection, request, (size_t)size);
}

static enum end break_off(struct connection *connection, const char *what, SECURITY_STATUS status)
{
    connection->failed = what;
    connection->status = status;
    sample_fail(what, status);
    return END_CUT_OFF;
}

static enum end fetch(struct connection *connection, FILE *file)
{
    static struct answer answer;
    SECURITY_STATUS status;

    memset(&answer, 0, sizeof(answer));
    answer.file = file;
    QueryPerformanceCounter(&answer.start);
    if ((status = send_request(connection))) return break_off(connection, "EncryptMessage", status);
    if ((status = connection_receive(connection, take_answer, &answer)))
        return break_off(connection, "DecryptMessage", status);
    connection->seconds = seconds_since(answer.start);
    show_progress(connection, &answer, TRUE);
    connection_shut_down(connection);
    if (!answer.complete)
    {
        fputs("no HTTP answer\n", stderr);
        return END_CUT_OFF;
    }
    if (connection->expected == NO_LENGTH || connection->expected == connection->body) return END_GOOD;
    fprintf(stderr, "the body should have had %llu bytes\n", connection->expected);
    return END_CUT_OFF;
}

/* --- input and output ----------------------------------------------------------------------------------- */

/* Runs beside the reading: what comes from the input goes out; at its end, close_notify. */
static unsigned __stdcall send_input(void *argument)
{
    struct connection *connection = argument;
    char data[8192];
    int size;

    while ((size = _read(_fileno(stdin), data, sizeof(data))) > 0)
        if (connection_send(connection, data, (size_t)size)) return 1;
    connection_shut_down(connection);
    return 0;
}

static BOOL take_output(struct connection *connection, const char *data, DWORD size, void *argument)
{
    FILE *file = argument;

    connection->body += size;
    if (!file) return TRUE;
    fwrite(data, 1, size, file);
    fflush(file);
    return TRUE;
}

static enum end relay(struct connection *connection, FILE *file)
{
    LARGE_INTEGER start;
    SECURITY_STATUS status;
    HANDLE thread;

    QueryPerformanceCounter(&start);
    _setmode(_fileno(stdin), _O_BINARY);
    if (!(thread = (HANDLE)_beginthreadex(NULL, 0, send_input, connection, 0, NULL))) return END_OTHER;
    status = connection_receive(connection, take_output, file);
    connection->seconds = seconds_since(start);
    /* The thread may stand in a read for ever; it is not waited for longer than it needs to say goodbye. */
    WaitForSingleObject(thread, 100);
    CloseHandle(thread);
    if (status) return break_off(connection, "DecryptMessage", status);
    return connection->closed_proper || connection->said_goodbye ? END_GOOD : END_CUT_OFF;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* -send: a line, what comes back, the next line. */
static enum end converse(struct connection *connection, FILE *file)
{
    SECURITY_STATUS status;
    char text[4096];
    unsigned i;

    if (options.quiet) putchar('\n');
    for (i = 0; i < options.line_count; i++)
    {
        int size = snprintf(text, sizeof(text), "%ls\n", options.lines[i]);

        if (size < 0 || size >= (int)sizeof(text))
            return break_off(connection, "-send", SEC_E_INVALID_PARAMETER);
        if ((status = connection_send(connection, text, (size_t)size)))
            return break_off(connection, "EncryptMessage", status);
        if ((status = connection_receive_answer(connection, take_output, file)))
            return break_off(connection, "the answer", status);
    }
    connection_shut_down(connection);
    return END_GOOD;
}

/* --- one connection, and more --------------------------------------------------------------------------- */

static enum end use(struct connection *connection, FILE *file)
{
    if (options.line_count) return converse(connection, file);
    return options.path ? fetch(connection, file) : relay(connection, file);
}

static enum end visit(struct connection *connection, FILE *file)
{
    enum end end;

    connection->failed = NULL;
    if (!(end = connection_open(connection)))
    {
        report_connection(connection);
        end = use(connection, file);
    }
    report_end(connection, end);
    connection_close(connection);
    return end;
}

static BOOL ignore(struct connection *connection, const char *data, DWORD size, void *argument)
{
    (void)data;
    (void)argument;
    connection->body += size;
    return TRUE;
}

/* Opens and closes connections for so many seconds. What comes behind the handshake is read: a ticket,
 * perhaps. */
static enum end count_connections(struct connection *connection, const char *what)
{
    ULONG64 count = 0, bytes = 0;
    double handshakes = 0;
    LARGE_INTEGER start;
    enum end end = END_GOOD;

    QueryPerformanceCounter(&start);
    while (!end && seconds_since(start) < options.bench)
    {
        if (!(end = connection_open(connection)))
        {
            handshakes += connection->handshake_seconds;
            if (options.path)
                end = fetch(connection, NULL);
            else
            {
                connection_shut_down(connection);
                connection_receive(connection, ignore, NULL);
            }
            bytes += connection->body;
            count++;
        }
        connection_close(connection);
    }
    if (end) return end;
    printf("%-8s        %llu connections in %.1f s, %.1f a second, %.2f ms a handshake, %.1f MB/s\n", what,
           count, seconds_since(start), (double)count / seconds_since(start),
           handshakes * 1000 / (double)count, (double)bytes / 1e6 / seconds_since(start));
    fflush(stdout);
    return END_GOOD;
}

static enum end bench(struct connection *connection)
{
    enum end end;

    options.no_resumption = TRUE;
    end = count_connections(connection, "new");
    connection_free_credential(connection);
    options.no_resumption = FALSE;
    return end ? end : count_connections(connection, "again");
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static FILE *open_output(void)
{
    FILE *file;

    if (!options.output) return (options.path && !options.line_count) || options.json ? NULL : stdout;
    if (!wcscmp(options.output, L"-")) return stdout;
    if (!(file = _wfopen(options.output, L"wb"))) fprintf(stderr, "%ls cannot be written\n", options.output);
    return file;
}

static enum end run(struct connection *connection)
{
    FILE *file = open_output();
    enum end end;

    if (options.output && !file) return END_OTHER;
    if (file == stdout) _setmode(_fileno(stdout), _O_BINARY);
    end = options.bench ? bench(connection) : visit(connection, file);
    if (!end && options.reconnect) end = visit(connection, NULL);
    if (file && file != stdout && fclose(file)) end = END_OTHER;
    connection_free_credential(connection);
    if (connection->certificate) CertFreeCertificateContext(connection->certificate);
    return end;
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    static struct connection connection = { .stream = { .socket = INVALID_SOCKET } };
    WSADATA data;
    enum end end;

    if (!options_parse(argc, argv)) return END_USAGE;
    if (options.help)
    {
        options_help(stdout);
        return END_GOOD;
    }
    setvbuf(stdout, NULL, _IOFBF, 4096);
    InitializeCriticalSection(&connection.sending);
    WSAStartup(MAKEWORD(2, 2), &data);
    if (options.version)
        end = report_version();
    else
    {
        /* The DLL looks when its first credential is made. */
        if (options.keylog) SetEnvironmentVariableW(L"SSLKEYLOGFILE", options.keylog);
        if (!(connection.sspi = sample_open(options.direct)))
            end = END_OTHER;
        else
            end = options.probe ? report_probe(connection.sspi) : run(&connection);
    }
    fflush(stdout);
    return (int)end;
}
