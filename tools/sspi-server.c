/*
 * sspi-server: an HTTPS server on SSPI, for files or for a page that says what was negotiated.
 *
 * A Windows program like any other, as sspi-client is: it shows what a server has to do with
 * AcceptSecurityContext, and how it judges a client's certificate, which Schannel leaves to the program.
 */
#include "sample.h"
#include <process.h>

#define SERVER_PROTOCOLS 0x55555555u /* of the SP_PROT_* bits */
#define REQUEST_MAX      16384       /* bytes of a request's head */
#define CERTIFICATES_MAX 8

static struct
{
    unsigned short port;     /* --port; 0: any */
    const WCHAR *root;       /* --root: folder of the files */
    const WCHAR *password;   /* --password of the PFX files */
    struct sample_alpn alpn; /* --alpn */
    DWORD protocols;         /* --protocols: SP_PROT_*_SERVER; 0: what is enabled */
    DWORD chunk;             /* --chunk: bytes a receive asks for at most */
    BOOL ask;                /* --ask: for a client certificate */
    BOOL require;            /* --require: and refuse who has none that is good */
    BOOL later;              /* --later: ask for the certificate after the first request */
    BOOL tickets;            /* --tickets: give session tickets */
    BOOL no_resumption;      /* --no-resumption */
    BOOL legacy;             /* --legacy: SCHANNEL_CRED, as older programs */
    BOOL direct;             /* --direct: schannel.dll itself, without secur32 */
    struct sample_psk psk;   /* --psk */
    BOOL with_psk;
    BOOL weak;  /* --weak: weak suites as well */
    BOOL quiet; /* --quiet: no line for each connection */
    PCCERT_CONTEXT certificates[CERTIFICATES_MAX];
    DWORD certificate_count;
} options = { .port = 4433 };

static const SecurityFunctionTableW *sspi;
static CredHandle credential;

struct connection
{
    struct sample_stream stream;
    CtxtHandle context;
    BOOL has_context;
    BOOL asks;        /* for a certificate: from the beginning, or now */
    BOOL waits;       /* for the answer to that */
    ULONG attributes; /* ASC_RET_* of the last step */
    SecPkgContext_StreamSizes sizes;
    char request[REQUEST_MAX]; /* decrypted, and not answered yet */
    size_t request_size;
    char summary[1024]; /* what was negotiated, in one line */
    BOOL trusted;       /* the client has shown a certificate that is good */
};

static int usage(void)
{
    fputs("usage: sspi-server [options] CERTIFICATE.pfx...\n"
          "       sspi-server [options] --psk NAME:HEX\n"
          "       sspi-server [options] --self-signed NAME\n"
          "\n"
          "  --self-signed NAME make a certificate for that name, with a new key, instead of reading one\n"
          "  --password TEXT    of the PFX files\n"
          "  --port PORT        where to listen on 127.0.0.1 (default 4433; 0: any)\n"
          "  --root FOLDER      serve its files (default: a page that says what was negotiated)\n"
          "  --protocols LIST   ssl3,tls1.0,tls1.1,tls1.2,tls1.3 (default: what the system enables)\n"
          "  --alpn LIST        application protocols to choose from, the best first\n"
          "  --ask              ask clients for a certificate\n"
          "  --require          and answer 403 without one that this system trusts\n"
          "  --later            ask only when the first request has come, as for a part of a site\n"
          "  --tickets          give session tickets\n"
          "  --no-resumption    resume no session\n"
          "  --chunk BYTES      receive no more than that at once\n"
          "  --legacy           acquire with SCHANNEL_CRED, as programs before Windows 10 do (no TLS 1.3)\n"
          "  --direct           load schannel.dll itself instead of going through secur32\n"
          "  --psk NAME:HEX     use this pre-shared key, and no certificates\n"
          "  --weak             use weak suites, too, where the registry names them, and no encryption\n"
          "  --quiet            no line for each connection\n",
          stderr);
    return 2;
}

/* --- options -------------------------------------------------------------------------------------------- */

static const struct
{
    const WCHAR *name;
    BOOL *flag;
} switches[] = {
    { L"--ask", &options.ask },
    { L"--require", &options.require },
    { L"--later", &options.later },
    { L"--tickets", &options.tickets },
    { L"--no-resumption", &options.no_resumption },
    { L"--legacy", &options.legacy },
    { L"--direct", &options.direct },
    { L"--weak", &options.weak },
    { L"--quiet", &options.quiet },
};

static BOOL parse_switch(const WCHAR *argument)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(switches); i++)
        if (!wcscmp(argument, switches[i].name)) return *switches[i].flag = TRUE;
    return FALSE;
}

static BOOL parse_value(const WCHAR *name, const WCHAR *value)
{
    if (!wcscmp(name, L"--password"))
        options.password = value;
    else if (!wcscmp(name, L"--port"))
        options.port = (unsigned short)wcstoul(value, NULL, 10);
    else if (!wcscmp(name, L"--psk"))
        return options.with_psk = sample_psk(value, &options.psk);
    else if (!wcscmp(name, L"--root"))
        options.root = value;
    else if (!wcscmp(name, L"--chunk"))
        options.chunk = wcstoul(value, NULL, 10);
    else if (!wcscmp(name, L"--protocols"))
        return (options.protocols = sample_protocols(value) & SERVER_PROTOCOLS) != 0;
    else if (!wcscmp(name, L"--alpn"))
        return sample_alpn(value, &options.alpn);
    else if (!wcscmp(name, L"--self-signed"))
        return (options.certificates[options.certificate_count++] = sample_self_signed(value)) != NULL;
    else
        return FALSE;
    return TRUE;
}

static BOOL parse_options(int argc, WCHAR **argv)
{
    int i;

    for (i = 1; i < argc && argv[i][0] == '-'; i++)
    {
        if (parse_switch(argv[i])) continue;
        if (i + 1 == argc || !parse_value(argv[i], argv[i + 1])) return FALSE;
        i++;
    }
    for (; i < argc && options.certificate_count < CERTIFICATES_MAX; i++)
    {
        PCCERT_CONTEXT certificate = sample_certificate(argv[i], options.password ? options.password : L"");

        if (!certificate)
        {
            fprintf(stderr, "%ls cannot be read\n", argv[i]);
            return FALSE;
        }
        options.certificates[options.certificate_count++] = certificate;
    }
    options.ask |= options.require || options.later;
    return i == argc && (options.certificate_count || options.with_psk);
}

/* One credential for all connections. */
static SECURITY_STATUS acquire(void)
{
    DWORD flags = (options.weak ? SCH_ALLOW_NULL_ENCRYPTION : SCH_USE_STRONG_CRYPTO) |
                  (options.with_psk ? SCH_USE_PRESHAREDKEY_ONLY : 0) |
                  (options.no_resumption ? SCH_CRED_DISABLE_RECONNECTS : 0);
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION,
                          .grbitEnabledProtocols = options.protocols,
                          .cCreds = options.certificate_count,
                          .paCred = options.certificates,
                          .dwFlags = flags };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~options.protocols };
    SCH_CREDENTIALS new = { .dwVersion = SCH_CREDENTIALS_VERSION,
                            .cCreds = options.certificate_count,
                            .paCred = options.certificates,
                            .dwFlags = flags };
    WCHAR package[] = UNISP_NAME_W;

    if (options.protocols)
    {
        new.cTlsParameters = 1;
        new.pTlsParameters = &parameters;
    }
    return sspi->AcquireCredentialsHandleW(NULL, package, SECPKG_CRED_INBOUND, NULL,
                                           options.legacy ? (void *)&old : (void *)&new, NULL, NULL,
                                           &credential, NULL);
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/*
 * One step: gives the bytes that came, sends what is to be sent, an alert too. The caller goes on while the
 * status is SEC_I_CONTINUE_NEEDED or SEC_E_INCOMPLETE_MESSAGE; before the first whole record has come, there
 * is no context.
 */
static SECURITY_STATUS step(struct connection *connection)
{
    const ULONG flags = ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY |
                        ASC_REQ_STREAM | ASC_REQ_ALLOCATE_MEMORY | ASC_REQ_EXTENDED_ERROR |
                        (connection->asks ? ASC_REQ_MUTUAL_AUTH : 0) |
                        (options.tickets ? ASC_REQ_SESSION_TICKET : 0);
    SecBuffer in[5] = { { connection->stream.size, SECBUFFER_TOKEN, connection->stream.received },
                        { 0, SECBUFFER_EMPTY, NULL },
                        { options.alpn.size, SECBUFFER_APPLICATION_PROTOCOLS, options.alpn.bytes } };
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, options.alpn.size ? 3 : 2, in };
    SecBufferDesc out_desc = { SECBUFFER_VERSION, 1, &out };
    SECURITY_STATUS status;

    if (options.with_psk && !connection->has_context)
    {
        sample_psk_buffers(&options.psk, in + in_desc.cBuffers);
        in_desc.cBuffers += 2;
    }
    status = sspi->AcceptSecurityContext(&credential, connection->has_context ? &connection->context : NULL,
                                         &in_desc, flags, 0, &connection->context, &out_desc,
                                         &connection->attributes, NULL);
    if (status == SEC_E_OK || status == SEC_I_CONTINUE_NEEDED)
    {
        connection->has_context = TRUE;
        sample_keep(&connection->stream, in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0);
    }
    if (out.cbBuffer && out.pvBuffer && status != SEC_E_INCOMPLETE_MESSAGE)
    {
        BOOL sent = sample_send(&connection->stream, out.pvBuffer, out.cbBuffer);

        sspi->FreeContextBuffer(out.pvBuffer);
        if (!sent && !FAILED(status)) return SEC_E_INTERNAL_ERROR;
    }
    return status;
}

static SECURITY_STATUS handshake(struct connection *connection)
{
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;

    while (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE)
    {
        if ((status == SEC_E_INCOMPLETE_MESSAGE || !connection->stream.size) &&
            !sample_receive(&connection->stream))
            return SEC_E_INCOMPLETE_MESSAGE;
        status = step(connection);
    }
    return status;
}

/* --- who the client is ---------------------------------------------------------------------------------- */

/* Schannel hands a client's certificate on as it came. Whether to believe it is this program's business: a
 * chain up to a root of this system, for clients, and all of it in its time. */
static BOOL judge(PCCERT_CONTEXT client)
{
    static char client_auth[] = szOID_PKIX_KP_CLIENT_AUTH;
    char *usages[] = { client_auth };
    CERT_CHAIN_PARA para = { .cbSize = sizeof(para),
                             .RequestedUsage = { USAGE_MATCH_TYPE_AND, { 1, usages } } };
    SSL_EXTRA_CERT_CHAIN_POLICY_PARA extra = { .cbSize = sizeof(extra), .dwAuthType = AUTHTYPE_CLIENT };
    CERT_CHAIN_POLICY_PARA policy = { .cbSize = sizeof(policy), .pvExtraPolicyPara = &extra };
    CERT_CHAIN_POLICY_STATUS verdict = { .cbSize = sizeof(verdict) };
    PCCERT_CHAIN_CONTEXT chain;
    BOOL good;

    if (!CertGetCertificateChain(NULL, client, NULL, client->hCertStore, &para, 0, NULL, &chain))
        return FALSE;
    good = !chain->TrustStatus.dwErrorStatus &&
           CertVerifyCertificateChainPolicy(CERT_CHAIN_POLICY_SSL, chain, &policy, &verdict) &&
           !verdict.dwError;
    CertFreeCertificateChain(chain);
    return good;
}

/* What was negotiated, and with whom, in one line. */
static void summarize(struct connection *connection)
{
    SecPkgContext_ConnectionInfo info = { 0 };
    SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    SecPkgContext_ApplicationProtocol alpn = { 0 };
    SecPkgContext_SessionInfo session = { 0 };
    WCHAR name[SAMPLE_NAME_SIZE] = L"none";
    PCCERT_CONTEXT client = NULL;

    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CONNECTION_INFO, &info);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &alpn);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_SESSION_INFO, &session);
    if (!sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &client))
    {
        sample_name(&client->pCertInfo->Subject, name);
        connection->trusted = judge(client);
        CertFreeCertificateContext(client);
    }
    snprintf(connection->summary, sizeof(connection->summary), "%ls %ls %s alpn %.*s %s client %ls%s\n",
             sample_protocol_name(info.dwProtocol), cipher.szCipherSuite, sample_group_name(cipher.dwKeyType),
             alpn.ProtocolIdSize ? alpn.ProtocolIdSize : 4,
             alpn.ProtocolIdSize ? (char *)alpn.ProtocolId : "none",
             session.dwFlags & SSL_SESSION_RECONNECT ? "resumed" : "new", name,
             client ? connection->trusted ? " trusted" : " not trusted" : "");
}

/* --- data ----------------------------------------------------------------------------------------------- */

/* Encrypts and sends data that lies `cbHeader` bytes into `memory`, with room behind it for the trailer. */
static BOOL send_record(struct connection *connection, BYTE *memory, DWORD size)
{
    SecBuffer buffers[4] = { { connection->sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory },
                             { size, SECBUFFER_DATA, memory + connection->sizes.cbHeader },
                             { connection->sizes.cbTrailer, SECBUFFER_STREAM_TRAILER,
                               memory + connection->sizes.cbHeader + size },
                             { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    return !sspi->EncryptMessage(&connection->context, 0, &desc, 0) &&
           sample_send(&connection->stream, memory,
                       (size_t)buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer);
}

static BYTE *record_memory(const struct connection *connection)
{
    return malloc((size_t)connection->sizes.cbHeader + connection->sizes.cbMaximumMessage +
                  connection->sizes.cbTrailer);
}

static BOOL send_text(struct connection *connection, const char *text, size_t size)
{
    BYTE *memory = record_memory(connection);
    BOOL sent = memory != NULL;

    while (sent && size)
    {
        DWORD part = (DWORD)min(size, connection->sizes.cbMaximumMessage);

        memcpy(memory + connection->sizes.cbHeader, text, part);
        sent = send_record(connection, memory, part);
        text += part;
        size -= part;
    }
    free(memory);
    return sent;
}

static BOOL send_file(struct connection *connection, FILE *file)
{
    BYTE *memory = record_memory(connection);
    BOOL sent = memory != NULL;

    while (sent)
    {
        DWORD part =
            (DWORD)fread(memory + connection->sizes.cbHeader, 1, connection->sizes.cbMaximumMessage, file);

        if (!part) break;
        sent = send_record(connection, memory, part);
    }
    free(memory);
    return sent;
}

/*
 * Adds decrypted data to the request. SEC_I_CONTEXT_EXPIRED: the client has said that it is done;
 * SEC_E_INCOMPLETE_MESSAGE: the connection ended without that.
 */
static SECURITY_STATUS receive_data(struct connection *connection)
{
    for (;;)
    {
        SecBuffer buffers[4] = { { connection->stream.size, SECBUFFER_DATA, connection->stream.received } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status = SEC_E_INCOMPLETE_MESSAGE;
        DWORD left = 0;
        unsigned i;

        if (connection->stream.size) status = sspi->DecryptMessage(&connection->context, &desc, 0, NULL);
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (!sample_receive(&connection->stream)) return status;
            continue;
        }
        if (FAILED(status)) return status;
        for (i = 0; i < 4; i++)
        {
            size_t room = sizeof(connection->request) - connection->request_size;

            if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
            if (buffers[i].BufferType != SECBUFFER_DATA) continue;
            if (buffers[i].cbBuffer >= room) return SEC_E_BUFFER_TOO_SMALL;
            memcpy(connection->request + connection->request_size, buffers[i].pvBuffer, buffers[i].cbBuffer);
            connection->request_size += buffers[i].cbBuffer;
        }
        sample_keep(&connection->stream, left);
        /* A handshake message: the client renegotiates, or changes keys. */
        if (status == SEC_I_RENEGOTIATE)
        {
            if ((status = step(connection)) == SEC_I_CONTINUE_NEEDED) status = handshake(connection);
            if (status) return status;
            if (connection->waits)
            {
                connection->waits = FALSE;
                return SEC_E_OK;
            }
        }
        if (status || connection->request_size) return status; /* there is something to look at */
    }
}

/*
 * Asks for a certificate in the established connection: AcceptSecurityContext without input. TLS 1.2 does the
 * whole handshake again, TLS 1.3 wants an answer only; either way DecryptMessage tells when it has come, and
 * what came before is data. A client that cannot be asked any more goes on as it is.
 */
static SECURITY_STATUS ask_later(struct connection *connection)
{
    DWORD unread = connection->stream.size;
    SECURITY_STATUS status;

    connection->asks = TRUE;
    connection->stream.size = 0;
    status = step(connection);
    connection->stream.size = unread;
    if (status == SEC_E_UNSUPPORTED_FUNCTION) return SEC_E_OK;
    if (status != SEC_I_CONTINUE_NEEDED) return status;
    connection->waits = TRUE;
    while (connection->waits)
        if ((status = receive_data(connection))) return status;
    summarize(connection);
    return SEC_E_OK;
}

/* --- HTTP ----------------------------------------------------------------------------------------------- */

static BOOL send_head(struct connection *connection, const char *result, const char *type, ULONG64 size,
                      BOOL keep)
{
    char head[256];
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\nConnection: %s\r\n\r\n",
                          result, type, size, keep ? "keep-alive" : "close");

    return send_text(connection, head, (size_t)length);
}

static BOOL send_page(struct connection *connection, const char *result, const char *text, BOOL keep,
                      BOOL body)
{
    return send_head(connection, result, "text/plain", strlen(text), keep) &&
           (!body || send_text(connection, text, strlen(text)));
}

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && !strcmp(dot, ".html")  ? "text/html"
           : dot && !strcmp(dot, ".txt") ? "text/plain"
                                         : "application/octet-stream";
}

/* A file of the folder: names of letters, digits and the like only, and no way up. */
static FILE *open_file(const char *path)
{
    WCHAR name[MAX_PATH];
    size_t i, root = wcslen(options.root);

    if (*path != '/' || strstr(path, "..") || root + strlen(path) >= MAX_PATH) return NULL;
    wcscpy(name, options.root);
    for (i = 0; path[i]; i++)
    {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/", path[i]))
            return NULL;
        name[root + i] = (WCHAR)path[i];
    }
    name[root + i] = 0;
    return _wfopen(name, L"rb");
}

static BOOL answer_file(struct connection *connection, const char *path, BOOL keep, BOOL body)
{
    const char *name = strcmp(path, "/") ? path : "/index.html";
    FILE *file = open_file(name);
    BOOL sent;

    if (!file) return send_page(connection, "404 Not Found", "There is no such file.\n", keep, body);
    _fseeki64(file, 0, SEEK_END);
    sent = send_head(connection, "200 OK", type_of(name), (ULONG64)_ftelli64(file), keep);
    _fseeki64(file, 0, SEEK_SET);
    if (sent && body) sent = send_file(connection, file);
    fclose(file);
    return sent;
}

/* Answers one request, whose head ends at `end`. FALSE: the connection is to be closed. */
static BOOL answer_request(struct connection *connection, char *end)
{
    char method[8], path[1024];
    int minor = 0;
    BOOL keep, get;

    *end = 0;
    if (sscanf(connection->request, "%7s %1023s HTTP/1.%d", method, path, &minor) != 3)
    {
        send_page(connection, "400 Bad Request", "This is no request.\n", FALSE, TRUE);
        return FALSE;
    }
    path[strcspn(path, "?")] = 0;
    keep = minor && !strstr(connection->request, "Connection: close");
    get = !strcmp(method, "GET");
    if (!get && strcmp(method, "HEAD"))
        return send_page(connection, "405 Method Not Allowed", "GET or HEAD.\n", FALSE, TRUE) && FALSE;
    if (options.require && !connection->trusted)
        return send_page(connection, "403 Forbidden", connection->summary, FALSE, get) && FALSE;
    if (options.root) return answer_file(connection, path, keep, get) && keep;
    return send_page(connection, "200 OK", connection->summary, keep, get) && keep;
}

/* Requests until one of the two has enough. */
static SECURITY_STATUS answer_requests(struct connection *connection)
{
    SECURITY_STATUS status = SEC_E_OK;
    BOOL more = TRUE;

    while (more)
    {
        char *end;
        size_t used;

        connection->request[connection->request_size] = 0;
        if (!(end = strstr(connection->request, "\r\n\r\n")))
        {
            if ((status = receive_data(connection))) return status;
            continue;
        }
        used = (size_t)(end - connection->request) + 4;
        if (options.later && !connection->asks && (status = ask_later(connection))) return status;
        more = answer_request(connection, end);
        memmove(connection->request, connection->request + used, connection->request_size - used);
        connection->request_size -= used;
    }
    return status;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static void shut_down(struct connection *connection)
{
    DWORD order = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

    connection->stream.size = 0;
    if (!sspi->ApplyControlToken(&connection->context, &desc)) step(connection);
}

static unsigned __stdcall serve(void *argument)
{
    struct connection *connection = argument;
    SECURITY_STATUS status;

    connection->asks = options.ask && !options.later;
    status = handshake(connection);

    if (status)
        sample_fail("handshake", status);
    else if (!sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES,
                                            &connection->sizes))
    {
        summarize(connection);
        if (!options.quiet) fputs(connection->summary, stdout);
        fflush(stdout);
        answer_requests(connection);
        shut_down(connection);
    }
    if (connection->has_context) sspi->DeleteSecurityContext(&connection->context);
    sample_close(&connection->stream);
    free(connection);
    return 0;
}

static SOCKET start_listening(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(options.port) };
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    int size = sizeof(address), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, (char *)&on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, SOMAXCONN) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
    {
        closesocket(listener);
        return INVALID_SOCKET;
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void accept_connections(SOCKET listener)
{
    SOCKET client;

    while ((client = accept(listener, NULL, NULL)) != INVALID_SOCKET)
    {
        struct connection *connection = calloc(1, sizeof(*connection));
        uintptr_t thread;
        int on = 1;

        if (!connection)
        {
            closesocket(client);
            continue;
        }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, (char *)&on, sizeof(on));
        connection->stream.socket = client;
        connection->stream.chunk = options.chunk;
        if ((thread = _beginthreadex(NULL, 0, serve, connection, 0, NULL)))
            CloseHandle((HANDLE)thread);
        else
        {
            closesocket(client);
            free(connection);
        }
    }
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    SECURITY_STATUS status;
    WSADATA data;
    SOCKET listener;

    if (!parse_options(argc, argv)) return usage();
    WSAStartup(MAKEWORD(2, 2), &data);
    if (!(sspi = sample_open(options.direct))) return 1;
    if ((status = acquire())) return sample_fail("AcquireCredentialsHandle", status);
    if ((listener = start_listening()) == INVALID_SOCKET)
    {
        fprintf(stderr, "port %u cannot be had\n", options.port);
        return 1;
    }
    accept_connections(listener);
    return 0;
}
