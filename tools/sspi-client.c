/*
 * sspi-client: fetches one https URL through SSPI and says what was negotiated.
 *
 * A Windows program like any other: it asks secur32 for the Schannel package and uses its function table, so
 * it shows what every program of the same prefix gets. Also a sample of a client that does all an SSPI client
 * has to.
 */
#include "sample.h"

#define CLIENT_PROTOCOLS 0xaaaaaaaau /* of the SP_PROT_* bits */
#define NO_LENGTH        (~0ull)     /* the answer did not say how long it is */
#define LINES_MAX        4
#define TEXT_MAX         4096

struct options
{
    const WCHAR *host, *port, *path; /* of the URL */
    const WCHAR *name;               /* --name: what the certificate has to be for */
    const WCHAR *output;             /* --output: file for the body */
    const WCHAR *certificate;        /* --cert: a PFX file, for servers that ask for a certificate */
    const WCHAR *password;           /* --password: of that file */
    struct sample_alpn alpn;         /* --alpn */
    DWORD protocols;                 /* --protocols: SP_PROT_*_CLIENT; 0: what is enabled */
    DWORD chunk;                     /* --chunk: bytes a receive asks for at most */
    BOOL legacy;                     /* --legacy: SCHANNEL_CRED, as older programs */
    BOOL direct;                     /* --direct: schannel.dll itself, without secur32 */
    BOOL insecure;                   /* --insecure: no validation */
    BOOL quiet;                      /* --quiet: one line */
    BOOL reconnect;                  /* --reconnect: and once more */
    struct sample_psk psk;           /* --psk */
    BOOL with_psk;
    BOOL weak;                     /* --weak: weak suites as well */
    const WCHAR *lines[LINES_MAX]; /* --send: instead of a request */
    unsigned line_count;
};

struct connection
{
    const SecurityFunctionTableW *sspi;
    struct sample_stream stream;
    CredHandle credential;
    CtxtHandle context;
    BOOL has_credential, has_context;
    PCCERT_CONTEXT certificate; /* of --cert */
    BOOL asked;                 /* the server wants one that we do not have */
    SecPkgContext_StreamSizes sizes;
    ULONG64 body;       /* bytes of the answer's body */
    ULONG64 expected;   /* what Content-Length promised, or NO_LENGTH */
    BOOL closed_proper; /* the peer said close_notify */
};

static struct options options;

static int usage(void)
{
    fputs("usage: sspi-client [options] https://HOST[:PORT][/PATH]\n"
          "\n"
          "  --protocols LIST   ssl3,tls1.0,tls1.1,tls1.2,tls1.3 (default: what the system enables)\n"
          "  --alpn LIST        application protocols to offer, such as h2,http/1.1\n"
          "  --name NAME        the name the certificate has to be for (default: HOST)\n"
          "  --output FILE      write the answer's body there\n"
          "  --cert FILE        a PFX file, for servers that ask for a certificate\n"
          "  --password TEXT    of that file\n"
          "  --chunk BYTES      receive no more than that at once\n"
          "  --reconnect        fetch it a second time, over a new connection that may resume the first\n"
          "  --send TEXT        send a line, not a request, and show the answer; up to four, one by one\n"
          "  --psk NAME:HEX     use this pre-shared key, and no certificates\n"
          "  --weak             use weak suites, too, where the registry names them, and no encryption\n"
          "  --legacy           ask with SCHANNEL_CRED, as programs before Windows 10 do (no TLS 1.3)\n"
          "  --direct           load schannel.dll itself instead of going through secur32\n"
          "  --insecure         accept any certificate\n"
          "  --quiet            say it in one line\n",
          stderr);
    return 2;
}

/* --- options -------------------------------------------------------------------------------------------- */

/* Cuts the URL where it lies. */
static BOOL parse_url(WCHAR *url)
{
    WCHAR *colon, *slash;

    if (wcsncmp(url, L"https://", 8)) return FALSE;
    options.host = url += 8;
    options.path = L"/";
    options.port = L"443";
    if ((slash = wcschr(url, '/')))
    {
        options.path = wcsdup(slash);
        *slash = 0;
    }
    if (*url == '[' && (colon = wcschr(url, ']')))
    {
        options.host = url + 1;
        *colon++ = 0;
    }
    else
        colon = wcschr(url, ':');
    if (colon && *colon == ':')
    {
        *colon = 0;
        options.port = colon + 1;
    }
    return *options.host != 0;
}

static BOOL parse_options(int argc, WCHAR **argv)
{
    int i;

    for (i = 1; i < argc; i++)
    {
        const WCHAR *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (!wcscmp(argv[i], L"--legacy"))
            options.legacy = TRUE;
        else if (!wcscmp(argv[i], L"--direct"))
            options.direct = TRUE;
        else if (!wcscmp(argv[i], L"--insecure"))
            options.insecure = TRUE;
        else if (!wcscmp(argv[i], L"--quiet"))
            options.quiet = TRUE;
        else if (!wcscmp(argv[i], L"--reconnect"))
            options.reconnect = TRUE;
        else if (!wcscmp(argv[i], L"--weak"))
            options.weak = TRUE;
        else if (argv[i][0] != '-')
            return i + 1 == argc && parse_url(argv[i]);
        else if (!value)
            return FALSE;
        else if (!wcscmp(argv[i], L"--name"))
            options.name = argv[++i];
        else if (!wcscmp(argv[i], L"--output"))
            options.output = argv[++i];
        else if (!wcscmp(argv[i], L"--cert"))
            options.certificate = argv[++i];
        else if (!wcscmp(argv[i], L"--password"))
            options.password = argv[++i];
        else if (!wcscmp(argv[i], L"--chunk"))
            options.chunk = wcstoul(argv[++i], NULL, 10);
        else if (!wcscmp(argv[i], L"--psk"))
        {
            if (!(options.with_psk = sample_psk(argv[++i], &options.psk))) return FALSE;
        }
        else if (!wcscmp(argv[i], L"--send") && options.line_count < LINES_MAX)
            options.lines[options.line_count++] = argv[++i];
        else if (!wcscmp(argv[i], L"--protocols"))
        {
            if (!(options.protocols = sample_protocols(argv[++i]) & CLIENT_PROTOCOLS)) return FALSE;
        }
        else if (!wcscmp(argv[i], L"--alpn"))
        {
            if (!sample_alpn(argv[++i], &options.alpn)) return FALSE;
        }
        else
            return FALSE;
    }
    return FALSE;
}

/* --- the connection ------------------------------------------------------------------------------------- */

static SOCKET connect_to(const WCHAR *host, const WCHAR *port)
{
    ADDRINFOW hints = { .ai_socktype = SOCK_STREAM }, *list, *address;
    SOCKET socket_ = INVALID_SOCKET;

    if (GetAddrInfoW(host, port, &hints, &list)) return INVALID_SOCKET;
    for (address = list; address; address = address->ai_next)
    {
        socket_ = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (socket_ == INVALID_SOCKET) continue;
        if (!connect(socket_, address->ai_addr, (int)address->ai_addrlen)) break;
        closesocket(socket_);
        socket_ = INVALID_SOCKET;
    }
    FreeAddrInfoW(list);
    return socket_;
}

static SECURITY_STATUS acquire(struct connection *connection)
{
    DWORD flags = SCH_CRED_NO_DEFAULT_CREDS |
                  (options.weak ? SCH_ALLOW_NULL_ENCRYPTION : SCH_USE_STRONG_CRYPTO) |
                  (options.with_psk ? SCH_USE_PRESHAREDKEY_ONLY : 0) |
                  (options.insecure ? SCH_CRED_MANUAL_CRED_VALIDATION : SCH_CRED_AUTO_CRED_VALIDATION);
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION,
                          .grbitEnabledProtocols = options.protocols,
                          .dwFlags = flags };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~options.protocols };
    SCH_CREDENTIALS new = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = flags };
    WCHAR package[] = UNISP_NAME_W;
    SECURITY_STATUS status;

    if (options.certificate)
    {
        connection->certificate =
            sample_certificate(options.certificate, options.password ? options.password : L"");
        if (!connection->certificate) return SEC_E_UNKNOWN_CREDENTIALS;
        old.cCreds = new.cCreds = 1;
        old.paCred = new.paCred = &connection->certificate;
    }
    if (options.protocols)
    {
        new.cTlsParameters = 1;
        new.pTlsParameters = &parameters;
    }
    status = connection->sspi->AcquireCredentialsHandleW(NULL, package, SECPKG_CRED_OUTBOUND, NULL,
                                                         options.legacy ? (void *)&old : (void *)&new, NULL,
                                                         NULL, &connection->credential, NULL);
    connection->has_credential = !status;
    return status;
}

/*
 * One step: gives the bytes that came, sends what is to be sent. The caller goes on while the status is
 * SEC_I_CONTINUE_NEEDED or SEC_E_INCOMPLETE_MESSAGE; or, at once and so without a certificate,
 * SEC_I_INCOMPLETE_CREDENTIALS.
 */
static SECURITY_STATUS step(struct connection *connection)
{
    const ULONG flags = ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY |
                        ISC_REQ_STREAM | ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_EXTENDED_ERROR;
    SecBuffer in[3] = { { connection->stream.size, SECBUFFER_TOKEN, connection->stream.received },
                        { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer out[1] = { { 0, SECBUFFER_TOKEN, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, out };
    const WCHAR *name = options.name ? options.name : options.host;
    SECURITY_STATUS status;
    ULONG attributes = 0;

    if (!connection->has_context)
    {
        in_desc.cBuffers = 0;
        if (options.alpn.size)
            in[in_desc.cBuffers++] =
                (SecBuffer){ options.alpn.size, SECBUFFER_APPLICATION_PROTOCOLS, options.alpn.bytes };
        if (options.with_psk)
        {
            sample_psk_buffers(&options.psk, in + in_desc.cBuffers);
            in_desc.cBuffers += 2;
        }
    }
    status = connection->sspi->InitializeSecurityContextW(
        &connection->credential, connection->has_context ? &connection->context : NULL, (WCHAR *)name, flags,
        0, 0, in_desc.cBuffers ? &in_desc : NULL, 0, &connection->context, &out_desc, &attributes, NULL);
    if (!connection->has_context)
        connection->has_context = status == SEC_I_CONTINUE_NEEDED;
    else if (!FAILED(status))
        sample_keep(&connection->stream, in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0);

    if (out[0].cbBuffer && out[0].pvBuffer && status != SEC_E_INCOMPLETE_MESSAGE)
    {
        BOOL sent = sample_send(&connection->stream, out[0].pvBuffer, out[0].cbBuffer);

        connection->sspi->FreeContextBuffer(out[0].pvBuffer);
        if (!sent && !FAILED(status)) return SEC_E_INTERNAL_ERROR;
    }
    return status;
}

static SECURITY_STATUS handshake(struct connection *connection)
{
    SECURITY_STATUS status = step(connection);

    while (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE ||
           status == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        if (status == SEC_I_INCOMPLETE_CREDENTIALS)
            connection->asked = TRUE;
        else if ((status == SEC_E_INCOMPLETE_MESSAGE || !connection->stream.size) &&
                 !sample_receive(&connection->stream))
        {
            fputs("the server closed the connection during the handshake\n", stderr);
            return SEC_E_INTERNAL_ERROR;
        }
        status = step(connection);
    }
    return status;
}

/* --- what was negotiated -------------------------------------------------------------------------------- */

static void print_module(void)
{
    HMODULE module = GetModuleHandleW(L"schannel.dll");
    WCHAR path[MAX_PATH], *product = NULL, *version = NULL, *gnutls = NULL;
    UINT size;
    BYTE *block;

    if (!module || !GetModuleFileNameW(module, path, ARRAY_SIZE(path)))
    {
        printf("schannel.dll    not loaded: secur32 uses its own\n");
        return;
    }
    printf("schannel.dll    %ls\n", path);
    size = GetFileVersionInfoSizeW(path, NULL);
    if (!size || !(block = malloc(size))) return;
    if (GetFileVersionInfoW(path, 0, size, block) &&
        VerQueryValueW(block, L"\\StringFileInfo\\040904b0\\ProductName", (void **)&product, &size) &&
        VerQueryValueW(block, L"\\StringFileInfo\\040904b0\\ProductVersion", (void **)&version, &size))
    {
        printf("                %ls %ls", product, version);
        if (VerQueryValueW(block, L"\\StringFileInfo\\040904b0\\GnuTLSVersion", (void **)&gnutls, &size))
            printf(", GnuTLS %ls", gnutls);
        putchar('\n');
    }
    free(block);
}

static void print_name(const char *label, const CERT_NAME_BLOB *name)
{
    WCHAR text[SAMPLE_NAME_SIZE];

    printf("%s%ls\n", label, sample_name(name, text));
}

static void print_certificate(unsigned number, PCCERT_CONTEXT certificate)
{
    SYSTEMTIME end;

    printf("certificate %u   ", number);
    print_name("", &certificate->pCertInfo->Subject);
    print_name("      issuer    ", &certificate->pCertInfo->Issuer);
    FileTimeToSystemTime(&certificate->pCertInfo->NotAfter, &end);
    printf("      until     %04u-%02u-%02u\n", end.wYear, end.wMonth, end.wDay);
}

/* The leaf, then whatever else its store holds: what the server sent, in no order. */
static void print_chain(struct connection *connection)
{
    PCCERT_CONTEXT leaf, other = NULL;
    unsigned number = 0;

    if (connection->sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT,
                                                  &leaf))
        return;
    print_certificate(number++, leaf);
    while ((other = CertEnumCertificatesInStore(leaf->hCertStore, other)))
        if (!CertCompareCertificate(X509_ASN_ENCODING, other->pCertInfo, leaf->pCertInfo))
            print_certificate(number++, other);
    CertFreeCertificateContext(leaf);
}

/* Ours, if the server asked for one. */
static void print_own_certificate(struct connection *connection)
{
    PCCERT_CONTEXT own;

    if (connection->asked) printf("client          the server asked for a certificate and got none\n");
    if (connection->sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &own))
        return;
    print_name("client          ", &own->pCertInfo->Subject);
    CertFreeCertificateContext(own);
}

static void print_negotiated(struct connection *connection)
{
    SecPkgContext_ConnectionInfo info = { 0 };
    SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    SecPkgContext_ApplicationProtocol alpn = { 0 };
    SecPkgContext_SessionInfo session = { 0 };
    const SecurityFunctionTableW *sspi = connection->sspi;

    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_SESSION_INFO, &session);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CONNECTION_INFO, &info);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &alpn);
    if (options.quiet)
    {
        printf("%ls %ls %s alpn %.*s header %lu trailer %lu %s", sample_protocol_name(info.dwProtocol),
               cipher.szCipherSuite, sample_group_name(cipher.dwKeyType), alpn.ProtocolIdSize,
               (char *)alpn.ProtocolId, connection->sizes.cbHeader, connection->sizes.cbTrailer,
               session.dwFlags & SSL_SESSION_RECONNECT ? "resumed " : "");
        return;
    }
    print_module();
    printf("protocol        %ls\n", sample_protocol_name(info.dwProtocol));
    printf("suite           %ls (0x%04lx)\n", cipher.szCipherSuite, cipher.dwCipherSuite);
    printf("group           %s\n", sample_group_name(cipher.dwKeyType));
    if (session.dwFlags & SSL_SESSION_RECONNECT) printf("session         resumed\n");
    if (alpn.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_Success)
        printf("alpn            %.*s\n", alpn.ProtocolIdSize, (char *)alpn.ProtocolId);
    else
        printf("alpn            none\n");
    printf("validation      %s\n", options.insecure ? "none (--insecure)" : "by Schannel");
    print_chain(connection);
    print_own_certificate(connection);
}

/* --- data ----------------------------------------------------------------------------------------------- */

static SECURITY_STATUS send_text(struct connection *connection, const char *text, size_t size)
{
    const SecPkgContext_StreamSizes *sizes = &connection->sizes;
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    char *memory;

    if (!(memory = malloc(sizes->cbHeader + size + sizes->cbTrailer))) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(memory + sizes->cbHeader, text, size);
    buffers[0] = (SecBuffer){ sizes->cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ (ULONG)size, SECBUFFER_DATA, memory + sizes->cbHeader };
    buffers[2] = (SecBuffer){ sizes->cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes->cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    status = connection->sspi->EncryptMessage(&connection->context, 0, &desc, 0);
    if (!status && !sample_send(&connection->stream, memory,
                                (size_t)buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer))
        status = SEC_E_INTERNAL_ERROR;
    free(memory);
    return status;
}

static SECURITY_STATUS send_request(struct connection *connection)
{
    char text[TEXT_MAX];
    int size =
        snprintf(text, sizeof(text),
                 "GET %ls HTTP/1.1\r\nHost: %ls:%ls\r\nUser-Agent: sspi-client\r\nConnection: close\r\n\r\n",
                 options.path, options.host, options.port);

    if (size < 0 || size >= TEXT_MAX) return SEC_E_INVALID_PARAMETER;
    return send_text(connection, text, (size_t)size);
}

/* The head of the answer, however it is cut; what is behind it is body. */
struct head
{
    char text[8192];
    DWORD size;
    BOOL complete;
};

static DWORD take_head(struct connection *connection, struct head *head, const char *data, DWORD size)
{
    DWORD i;

    for (i = 0; i < size && !head->complete && head->size < sizeof(head->text) - 1; i++)
    {
        head->text[head->size++] = data[i];
        head->complete = head->size >= 4 && !memcmp(head->text + head->size - 4, "\r\n\r\n", 4);
    }
    if (head->complete && i)
    {
        const char *length = strstr(head->text, "Content-Length: ");

        connection->expected = length ? strtoull(length + 16, NULL, 10) : NO_LENGTH;
    }
    return i;
}

/* Opens the records that are there. SEC_E_INCOMPLETE_MESSAGE: receive more. */
static SECURITY_STATUS open_records(struct connection *connection, struct head *head, FILE *file)
{
    while (connection->stream.size)
    {
        SecBuffer buffers[4] = { { connection->stream.size, SECBUFFER_DATA, connection->stream.received } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status;
        DWORD extra = 0, i, used;

        for (i = 1; i < 4; i++) buffers[i] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        status = connection->sspi->DecryptMessage(&connection->context, &desc, 0, NULL);
        if (status == SEC_E_INCOMPLETE_MESSAGE || FAILED(status)) return status;
        for (i = 0; i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) extra = buffers[i].cbBuffer;
            if (buffers[i].BufferType != SECBUFFER_DATA || !buffers[i].cbBuffer) continue;
            used = head->complete ? 0 : take_head(connection, head, buffers[i].pvBuffer, buffers[i].cbBuffer);
            connection->body += buffers[i].cbBuffer - used;
            if (file) fwrite((char *)buffers[i].pvBuffer + used, 1, buffers[i].cbBuffer - used, file);
        }
        sample_keep(&connection->stream, extra);
        if (status == SEC_I_RENEGOTIATE && (status = handshake(connection))) return status;
        if (status == SEC_I_CONTEXT_EXPIRED) return status;
    }
    return SEC_E_INCOMPLETE_MESSAGE;
}

static SECURITY_STATUS receive_answer(struct connection *connection, FILE *file)
{
    static struct head head;
    SECURITY_STATUS status;

    memset(&head, 0, sizeof(head));
    do
    {
        status = open_records(connection, &head, file);
    } while (status == SEC_E_INCOMPLETE_MESSAGE && sample_receive(&connection->stream));
    connection->closed_proper = status == SEC_I_CONTEXT_EXPIRED;
    if (!head.complete)
    {
        fputs("no HTTP answer\n", stderr);
        return SEC_E_ILLEGAL_MESSAGE;
    }
    if (!options.quiet) printf("answer          %.*s\n", (int)strcspn(head.text, "\r\n"), head.text);
    return status == SEC_I_CONTEXT_EXPIRED || status == SEC_E_INCOMPLETE_MESSAGE ? SEC_E_OK : status;
}

/* --send: a line, what comes back, the next line. */
static SECURITY_STATUS converse(struct connection *connection)
{
    static struct head none = { .complete = TRUE };
    char text[TEXT_MAX];
    unsigned i;

    for (i = 0; i < options.line_count; i++)
    {
        int size = snprintf(text, sizeof(text), "%ls\n", options.lines[i]);
        ULONG64 before = connection->body;
        SECURITY_STATUS status;

        if (size < 0 || size >= TEXT_MAX) return SEC_E_INVALID_PARAMETER;
        if ((status = send_text(connection, text, (size_t)size))) return status;
        do
        {
            status = open_records(connection, &none, stdout);
        } while (status == SEC_E_INCOMPLETE_MESSAGE && connection->body == before &&
                 sample_receive(&connection->stream));
        if (status != SEC_E_INCOMPLETE_MESSAGE) return status;
        if (connection->body == before)
        {
            fputs("no answer\n", stderr);
            return SEC_E_ILLEGAL_MESSAGE;
        }
    }
    return SEC_E_OK;
}

static void shut_down(struct connection *connection)
{
    DWORD token = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(token), SECBUFFER_TOKEN, &token };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

    if (connection->sspi->ApplyControlToken(&connection->context, &desc)) return;
    connection->stream.size = 0;
    step(connection);
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static int fetch(struct connection *connection, FILE *file)
{
    LARGE_INTEGER start, end, frequency;
    SECURITY_STATUS status;
    double seconds;

    if (!connection->has_credential && (status = acquire(connection)))
        return sample_fail("AcquireCredentialsHandle", status);
    if ((status = handshake(connection))) return sample_fail("handshake", status);
    status = connection->sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES,
                                                       &connection->sizes);
    if (status) return sample_fail("STREAM_SIZES", status);
    print_negotiated(connection);
    if (options.line_count)
    {
        putchar('\n');
        if ((status = converse(connection))) return sample_fail("the conversation", status);
        shut_down(connection);
        return 0;
    }

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&start);
    if ((status = send_request(connection))) return sample_fail("EncryptMessage", status);
    if ((status = receive_answer(connection, file))) return sample_fail("DecryptMessage", status);
    QueryPerformanceCounter(&end);
    seconds = (double)(end.QuadPart - start.QuadPart) / (double)frequency.QuadPart;
    shut_down(connection);

    printf(options.quiet ? "body %llu %s\n" : "body            %llu bytes, %s", connection->body,
           connection->closed_proper ? "closed properly" : "cut off");
    if (!options.quiet) printf(", %.1f MB/s\n", (double)connection->body / 1e6 / (seconds > 0 ? seconds : 1));
    if (connection->expected != NO_LENGTH && connection->expected != connection->body)
    {
        fprintf(stderr, "the body should have had %llu bytes\n", connection->expected);
        return 1;
    }
    return 0;
}

/* A connection to fetch it over, with the credential there is. */
static int visit(struct connection *connection, FILE *file)
{
    int result = 1;

    connection->stream.chunk = options.chunk;
    connection->stream.socket = connect_to(options.host, options.port);
    connection->body = 0;
    connection->expected = NO_LENGTH;
    connection->closed_proper = FALSE;
    if (connection->stream.socket == INVALID_SOCKET)
        fprintf(stderr, "%ls:%ls cannot be reached\n", options.host, options.port);
    else
        result = fetch(connection, file);
    if (connection->has_context) connection->sspi->DeleteSecurityContext(&connection->context);
    connection->has_context = FALSE;
    sample_close(&connection->stream);
    memset(&connection->stream, 0, sizeof(connection->stream));
    return result;
}

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    struct connection connection = { .stream = { .socket = INVALID_SOCKET }, .expected = NO_LENGTH };
    FILE *file = NULL;
    WSADATA data;
    int result = 1;

    if (!parse_options(argc, argv)) return usage();
    setvbuf(stdout, NULL, _IOFBF, 4096);
    WSAStartup(MAKEWORD(2, 2), &data);
    if (!(connection.sspi = sample_open(options.direct))) return 1;
    if (options.output && !(file = _wfopen(options.output, L"wb")))
    {
        fprintf(stderr, "%ls cannot be written\n", options.output);
        return 1;
    }
    result = visit(&connection, file);
    if (!result && options.reconnect) result = visit(&connection, NULL);

    if (connection.has_credential) connection.sspi->FreeCredentialsHandle(&connection.credential);
    if (connection.certificate) CertFreeCertificateContext(connection.certificate);
    if (file && fclose(file)) result = 1;
    fflush(stdout);
    return result;
}
