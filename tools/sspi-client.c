/*
 * sspi-client: fetches one https URL through SSPI and says what was negotiated.
 *
 * A Windows program like any other: it asks secur32 for the Schannel package and uses its function table, so
 * it shows what every program of the same prefix gets. Also a sample of a client that does all an SSPI client
 * has to.
 */
#define __USE_MINGW_ANSI_STDIO 1
#include "windows_sspi.h"
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>

#define NO_LENGTH (~0ull) /* the answer did not say how long it is */

struct options
{
    const WCHAR *host, *port, *path; /* of the URL */
    const WCHAR *name;               /* --name: what the certificate has to be for */
    const WCHAR *output;             /* --output: file for the body */
    const WCHAR *certificate;        /* --cert: a PFX file, for servers that ask for a certificate */
    const WCHAR *password;           /* --password: of that file */
    char alpn[256];                  /* --alpn: names, each after its length */
    unsigned alpn_size;
    DWORD protocols; /* --protocols: SP_PROT_*_CLIENT; 0: what is enabled */
    DWORD chunk;     /* --chunk: bytes a receive asks for at most */
    BOOL legacy;     /* --legacy: SCHANNEL_CRED, as older programs */
    BOOL direct;     /* --direct: schannel.dll itself, without secur32 */
    BOOL insecure;   /* --insecure: no validation */
    BOOL quiet;      /* --quiet: one line */
};

struct connection
{
    const SecurityFunctionTableW *sspi;
    SOCKET socket;
    CredHandle credential;
    CtxtHandle context;
    BOOL has_credential, has_context;
    PCCERT_CONTEXT certificate; /* of --cert */
    BOOL asked;                 /* the server wants one that we do not have */
    SecPkgContext_StreamSizes sizes;
    BYTE *received; /* what came and is not used yet */
    DWORD received_size, received_room;
    ULONG64 body;       /* bytes of the answer's body */
    ULONG64 expected;   /* what Content-Length promised, or NO_LENGTH */
    BOOL closed_proper; /* the peer said close_notify */
};

static struct options options;

static const struct
{
    const WCHAR *name;
    DWORD protocol;
} protocol_names[] = {
    { L"SSL 3.0", SP_PROT_SSL3_CLIENT },   { L"TLS 1.0", SP_PROT_TLS1_0_CLIENT },
    { L"TLS 1.1", SP_PROT_TLS1_1_CLIENT }, { L"TLS 1.2", SP_PROT_TLS1_2_CLIENT },
    { L"TLS 1.3", SP_PROT_TLS1_3_CLIENT },
};

static const struct
{
    SECURITY_STATUS status;
    const char *name, *meaning;
} status_names[] = {
    /* clang-format off */
    { SEC_E_UNTRUSTED_ROOT,       "SEC_E_UNTRUSTED_ROOT",       "the certificate's root is not trusted in this prefix" },
    { SEC_E_WRONG_PRINCIPAL,      "SEC_E_WRONG_PRINCIPAL",      "the certificate is for another name" },
    { SEC_E_CERT_EXPIRED,         "SEC_E_CERT_EXPIRED",         "the certificate has expired, or is not valid yet" },
    { SEC_E_CERT_UNKNOWN,         "SEC_E_CERT_UNKNOWN",         "the certificate cannot be accepted" },
    { SEC_E_CERT_WRONG_USAGE,     "SEC_E_CERT_WRONG_USAGE",     "the certificate is not for servers" },
    { SEC_E_ALGORITHM_MISMATCH,   "SEC_E_ALGORITHM_MISMATCH",   "no protocol or suite in common" },
    { SEC_E_UNSUPPORTED_FUNCTION, "SEC_E_UNSUPPORTED_FUNCTION", "the protocol version is not supported" },
    { SEC_E_ILLEGAL_MESSAGE,      "SEC_E_ILLEGAL_MESSAGE",      "the other side's message, or its alert, is unexpected" },
    { SEC_E_INVALID_TOKEN,        "SEC_E_INVALID_TOKEN",        "the other side does not speak TLS" },
    { SEC_E_MESSAGE_ALTERED,      "SEC_E_MESSAGE_ALTERED",      "a record was changed on its way" },
    { SEC_E_DECRYPT_FAILURE,      "SEC_E_DECRYPT_FAILURE",      "a record was changed on its way" },
    { SEC_E_APPLICATION_PROTOCOL_MISMATCH, "SEC_E_APPLICATION_PROTOCOL_MISMATCH", "no application protocol in common" },
    { SEC_E_SECPKG_NOT_FOUND,     "SEC_E_SECPKG_NOT_FOUND",     "there is no Schannel in this prefix" },
    { SEC_E_INTERNAL_ERROR,       "SEC_E_INTERNAL_ERROR",       "something went wrong inside" },
    /* clang-format on */
};

static int fail(const char *what, SECURITY_STATUS status)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(status_names); i++)
    {
        if (status_names[i].status != status) continue;
        fprintf(stderr, "%s: %s (0x%08lx), %s\n", what, status_names[i].name, status,
                status_names[i].meaning);
        return 1;
    }
    fprintf(stderr, "%s: 0x%08lx\n", what, status);
    return 1;
}

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
          "  --legacy           ask with SCHANNEL_CRED, as programs before Windows 10 do (no TLS 1.3)\n"
          "  --direct           load schannel.dll itself instead of going through secur32\n"
          "  --insecure         accept any certificate\n"
          "  --quiet            say it in one line\n",
          stderr);
    return 2;
}

/* --- options -----------------------------------------------------------------------------------------------
 */

static BOOL parse_protocols(const WCHAR *list)
{
    static const WCHAR *const names[] = { L"ssl3", L"tls1.0", L"tls1.1", L"tls1.2", L"tls1.3" };
    unsigned i;

    while (*list)
    {
        size_t size = wcscspn(list, L",");

        for (i = 0; i < ARRAY_SIZE(names); i++)
            if (wcslen(names[i]) == size && !wcsncmp(list, names[i], size)) break;
        if (i == ARRAY_SIZE(names)) return FALSE;
        options.protocols |= protocol_names[i].protocol;
        list += size + (list[size] == ',');
    }
    return options.protocols != 0;
}

static BOOL parse_alpn(const WCHAR *list)
{
    while (*list)
    {
        size_t size = wcscspn(list, L","), i;

        if (!size || size > 255 || options.alpn_size + size + 1 > sizeof(options.alpn)) return FALSE;
        options.alpn[options.alpn_size++] = (char)size;
        for (i = 0; i < size; i++) options.alpn[options.alpn_size++] = (char)list[i];
        list += size + (list[size] == ',');
    }
    return options.alpn_size != 0;
}

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
        else if (!wcscmp(argv[i], L"--protocols"))
        {
            if (!parse_protocols(argv[++i])) return FALSE;
        }
        else if (!wcscmp(argv[i], L"--alpn"))
        {
            if (!parse_alpn(argv[++i])) return FALSE;
        }
        else
            return FALSE;
    }
    return FALSE;
}

/* --- the connection ----------------------------------------------------------------------------------------
 */

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

static BOOL send_all(struct connection *connection, const void *data, size_t size)
{
    const char *next = data;

    while (size)
    {
        int sent = send(connection->socket, next, (int)size, 0);

        if (sent <= 0) return FALSE;
        next += sent;
        size -= (size_t)sent;
    }
    return TRUE;
}

/* Adds to what came. FALSE at the end of the connection. */
static BOOL receive(struct connection *connection)
{
    DWORD room;
    int size;

    if (connection->received_room - connection->received_size < 32768)
    {
        BYTE *more = realloc(connection->received, connection->received_room + 65536);

        if (!more) return FALSE;
        connection->received = more;
        connection->received_room += 65536;
    }
    room = connection->received_room - connection->received_size;
    if (options.chunk && room > options.chunk) room = options.chunk;
    size = recv(connection->socket, (char *)connection->received + connection->received_size, (int)room, 0);
    if (size <= 0) return FALSE;
    connection->received_size += (DWORD)size;
    return TRUE;
}

/* Keeps the last `size` bytes of what came. */
static void keep(struct connection *connection, DWORD size)
{
    memmove(connection->received, connection->received + connection->received_size - size, size);
    connection->received_size = size;
}

/* The contents of a file, which the caller frees. */
static BYTE *read_file(const WCHAR *path, DWORD *size)
{
    FILE *file = _wfopen(path, L"rb");
    BYTE *data = NULL;
    long length;

    if (!file) return NULL;
    if (!fseek(file, 0, SEEK_END) && (length = ftell(file)) > 0 && !fseek(file, 0, SEEK_SET) &&
        (data = malloc((size_t)length)))
        *size = (DWORD)fread(data, 1, (size_t)length, file);
    fclose(file);
    return data;
}

/* The certificate of --cert. Its key may be exported: what Wine's provider cannot sign, others then can. */
static BOOL load_certificate(struct connection *connection)
{
    CRYPT_DATA_BLOB blob = { 0, NULL };
    HCERTSTORE store;

    if (!(blob.pbData = read_file(options.certificate, &blob.cbData))) return FALSE;
    store = PFXImportCertStore(&blob, options.password ? options.password : L"",
                               PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    free(blob.pbData);
    if (!store) return FALSE;
    connection->certificate =
        CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_ANY, NULL, NULL);
    CertCloseStore(store, 0);
    return connection->certificate != NULL;
}

static SECURITY_STATUS acquire(struct connection *connection)
{
    DWORD flags = SCH_CRED_NO_DEFAULT_CREDS | SCH_USE_STRONG_CRYPTO |
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
        if (!load_certificate(connection)) return SEC_E_UNKNOWN_CREDENTIALS;
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

/* SEC_APPLICATION_PROTOCOLS of --alpn; its size. */
static DWORD make_alpn(BYTE *memory)
{
    DWORD lists_size = sizeof(DWORD) + sizeof(USHORT) + options.alpn_size,
          ext = SecApplicationProtocolNegotiationExt_ALPN;
    USHORT list_size = (USHORT)options.alpn_size;

    memcpy(memory, &lists_size, 4);
    memcpy(memory + 4, &ext, 4);
    memcpy(memory + 8, &list_size, 2);
    memcpy(memory + 10, options.alpn, options.alpn_size);
    return 4 + lists_size;
}

/*
 * One step: gives the bytes that came, sends what is to be sent. The caller goes on while the status is
 * SEC_I_CONTINUE_NEEDED or SEC_E_INCOMPLETE_MESSAGE; or, at once and so without a certificate,
 * SEC_I_INCOMPLETE_CREDENTIALS.
 */
static SECURITY_STATUS step(struct connection *connection)
{
    const ULONG flags = ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY |
                        ISC_REQ_STREAM | ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_EXTENDED_ERROR |
                        ISC_REQ_USE_SUPPLIED_CREDS;
    SecBuffer in[2] = { { connection->received_size, SECBUFFER_TOKEN, connection->received },
                        { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer out[1] = { { 0, SECBUFFER_TOKEN, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, out };
    const WCHAR *name = options.name ? options.name : options.host;
    BYTE alpn[sizeof(options.alpn) + 10];
    SECURITY_STATUS status;
    ULONG attributes = 0;

    if (!connection->has_context)
    {
        in_desc.cBuffers = options.alpn_size ? 1 : 0;
        in[0].BufferType = SECBUFFER_APPLICATION_PROTOCOLS;
        in[0].cbBuffer = make_alpn(alpn);
        in[0].pvBuffer = alpn;
    }
    status = connection->sspi->InitializeSecurityContextW(
        &connection->credential, connection->has_context ? &connection->context : NULL, (WCHAR *)name, flags,
        0, 0, in_desc.cBuffers ? &in_desc : NULL, 0, &connection->context, &out_desc, &attributes, NULL);
    if (!connection->has_context)
        connection->has_context = status == SEC_I_CONTINUE_NEEDED;
    else if (!FAILED(status))
        keep(connection, in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0);

    if (out[0].cbBuffer && out[0].pvBuffer && status != SEC_E_INCOMPLETE_MESSAGE)
    {
        BOOL sent = send_all(connection, out[0].pvBuffer, out[0].cbBuffer);

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
        else if ((status == SEC_E_INCOMPLETE_MESSAGE || !connection->received_size) && !receive(connection))
        {
            fputs("the server closed the connection during the handshake\n", stderr);
            return SEC_E_INTERNAL_ERROR;
        }
        status = step(connection);
    }
    return status;
}

/* --- what was negotiated -----------------------------------------------------------------------------------
 */

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

static const WCHAR *protocol_name(DWORD protocol)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocol_names); i++)
        if (protocol_names[i].protocol == protocol) return protocol_names[i].name;
    return L"unknown protocol";
}

static const char *group_name(DWORD group)
{
    switch (group)
    {
    case 0:
        return "none";
    case 0x17:
        return "secp256r1";
    case 0x18:
        return "secp384r1";
    case 0x19:
        return "secp521r1";
    case 0x1d:
        return "x25519";
    default:
        return "unknown";
    }
}

static void print_name(const char *label, const CERT_NAME_BLOB *name)
{
    WCHAR text[512];

    CertNameToStrW(X509_ASN_ENCODING, (CERT_NAME_BLOB *)name, CERT_X500_NAME_STR, text, ARRAY_SIZE(text));
    printf("%s%ls\n", label, text);
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
    const SecurityFunctionTableW *sspi = connection->sspi;

    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CONNECTION_INFO, &info);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &alpn);
    if (options.quiet)
    {
        printf("%ls %ls %s alpn %.*s header %lu trailer %lu ", protocol_name(info.dwProtocol),
               cipher.szCipherSuite, group_name(cipher.dwKeyType), alpn.ProtocolIdSize,
               (char *)alpn.ProtocolId, connection->sizes.cbHeader, connection->sizes.cbTrailer);
        return;
    }
    print_module();
    printf("protocol        %ls\n", protocol_name(info.dwProtocol));
    printf("suite           %ls (0x%04lx)\n", cipher.szCipherSuite, cipher.dwCipherSuite);
    printf("group           %s\n", group_name(cipher.dwKeyType));
    if (alpn.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_Success)
        printf("alpn            %.*s\n", alpn.ProtocolIdSize, (char *)alpn.ProtocolId);
    else
        printf("alpn            none\n");
    printf("validation      %s\n", options.insecure ? "none (--insecure)" : "by Schannel");
    print_chain(connection);
    print_own_certificate(connection);
}

/* --- data --------------------------------------------------------------------------------------------------
 */

static SECURITY_STATUS send_request(struct connection *connection)
{
    const SecPkgContext_StreamSizes *sizes = &connection->sizes;
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status = SEC_E_INSUFFICIENT_MEMORY;
    char *memory;
    int size;

    if (!(memory = malloc(sizes->cbHeader + 4096 + sizes->cbTrailer))) return status;
    size =
        snprintf(memory + sizes->cbHeader, 4096,
                 "GET %ls HTTP/1.1\r\nHost: %ls:%ls\r\nUser-Agent: sspi-client\r\nConnection: close\r\n\r\n",
                 options.path, options.host, options.port);
    if (size < 0 || size >= 4096)
    {
        free(memory);
        return SEC_E_INVALID_PARAMETER;
    }
    buffers[0] = (SecBuffer){ sizes->cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ (ULONG)size, SECBUFFER_DATA, memory + sizes->cbHeader };
    buffers[2] = (SecBuffer){ sizes->cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes->cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    status = connection->sspi->EncryptMessage(&connection->context, 0, &desc, 0);
    if (!status &&
        !send_all(connection, memory, buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer))
        status = SEC_E_INTERNAL_ERROR;
    free(memory);
    return status;
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
    while (connection->received_size)
    {
        SecBuffer buffers[4] = { { connection->received_size, SECBUFFER_DATA, connection->received } };
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
        keep(connection, extra);
        if (status == SEC_I_RENEGOTIATE && (status = handshake(connection))) return status;
        if (status == SEC_I_CONTEXT_EXPIRED) return status;
    }
    return SEC_E_INCOMPLETE_MESSAGE;
}

static SECURITY_STATUS receive_answer(struct connection *connection, FILE *file)
{
    static struct head head;
    SECURITY_STATUS status;

    do
    {
        status = open_records(connection, &head, file);
    } while (status == SEC_E_INCOMPLETE_MESSAGE && receive(connection));
    connection->closed_proper = status == SEC_I_CONTEXT_EXPIRED;
    if (!head.complete)
    {
        fputs("no HTTP answer\n", stderr);
        return SEC_E_ILLEGAL_MESSAGE;
    }
    if (!options.quiet) printf("answer          %.*s\n", (int)strcspn(head.text, "\r\n"), head.text);
    return status == SEC_I_CONTEXT_EXPIRED || status == SEC_E_INCOMPLETE_MESSAGE ? SEC_E_OK : status;
}

static void shut_down(struct connection *connection)
{
    DWORD token = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(token), SECBUFFER_TOKEN, &token };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

    if (connection->sspi->ApplyControlToken(&connection->context, &desc)) return;
    connection->received_size = 0;
    step(connection);
}

/* --- all of it ---------------------------------------------------------------------------------------------
 */

static int fetch(struct connection *connection, FILE *file)
{
    LARGE_INTEGER start, end, frequency;
    SECURITY_STATUS status;
    double seconds;

    if ((status = acquire(connection))) return fail("AcquireCredentialsHandle", status);
    if ((status = handshake(connection))) return fail("handshake", status);
    status = connection->sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES,
                                                       &connection->sizes);
    if (status) return fail("STREAM_SIZES", status);
    print_negotiated(connection);

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&start);
    if ((status = send_request(connection))) return fail("EncryptMessage", status);
    if ((status = receive_answer(connection, file))) return fail("DecryptMessage", status);
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

int wmain(int argc, WCHAR **argv);

int wmain(int argc, WCHAR **argv)
{
    struct connection connection = { .socket = INVALID_SOCKET, .expected = NO_LENGTH };
    PSecurityFunctionTableW(WINAPI * init)(void);
    FILE *file = NULL;
    WSADATA data;
    int result = 1;

    if (!parse_options(argc, argv)) return usage();
    setvbuf(stdout, NULL, _IOFBF, 4096);
    WSAStartup(MAKEWORD(2, 2), &data);
    init = (void *)GetProcAddress(LoadLibraryW(options.direct ? L"schannel.dll" : L"secur32.dll"),
                                  "InitSecurityInterfaceW");
    if (!init || !(connection.sspi = init()))
    {
        fputs("no SSPI here\n", stderr);
        return 1;
    }
    if (options.output && !(file = _wfopen(options.output, L"wb")))
    {
        fprintf(stderr, "%ls cannot be written\n", options.output);
        return 1;
    }
    connection.socket = connect_to(options.host, options.port);
    if (connection.socket == INVALID_SOCKET)
        fprintf(stderr, "%ls:%ls cannot be reached\n", options.host, options.port);
    else
        result = fetch(&connection, file);

    if (connection.has_context) connection.sspi->DeleteSecurityContext(&connection.context);
    if (connection.has_credential) connection.sspi->FreeCredentialsHandle(&connection.credential);
    if (connection.certificate) CertFreeCertificateContext(connection.certificate);
    if (connection.socket != INVALID_SOCKET) closesocket(connection.socket);
    if (file && fclose(file)) result = 1;
    free(connection.received);
    fflush(stdout);
    return result;
}
