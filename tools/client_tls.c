/*
 * sspi-client's connections: all that a program has to do with SSPI as a client, over TCP and over UDP.
 */
#include "client.h"

#define PATIENCE 1000 /* milliseconds before a flight over UDP is said again; doubled each time */
#define TRIES    6

#define ISC_FLAGS                                                                                            \
    (ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY | ISC_REQ_ALLOCATE_MEMORY |   \
     ISC_REQ_EXTENDED_ERROR)

double seconds_since(LARGE_INTEGER start)
{
    LARGE_INTEGER now, frequency;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (double)(now.QuadPart - start.QuadPart) / (double)frequency.QuadPart;
}

static SOCKET connect_to(const WCHAR *host, const WCHAR *port)
{
    ADDRINFOW hints = { .ai_socktype = options.datagrams ? SOCK_DGRAM : SOCK_STREAM }, *list, *address;
    SOCKET socket_ = INVALID_SOCKET;
    int on = 1;

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
    if (socket_ != INVALID_SOCKET && !options.datagrams)
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, (char *)&on, sizeof(on));
    return socket_;
}

/* --- the credential ------------------------------------------------------------------------------------- */

/* What suites are made of. A word is in the names of the suites that have it; `other`, for the exchanges, in
 * those of TLS 1.3, which name none. */
static const struct
{
    const WCHAR *word, *other;
    eTlsAlgorithmUsage usage;
    const WCHAR *algorithm, *mode;
    DWORD bits;
} parts[] = {
    /* clang-format off */
    { L"AES_256_GCM", NULL,      TlsParametersCngAlgUsageCipher,      L"AES",    L"ChainingModeGCM", 256 },
    { L"AES_128_GCM", NULL,      TlsParametersCngAlgUsageCipher,      L"AES",    L"ChainingModeGCM", 128 },
    { L"AES_256_CBC", NULL,      TlsParametersCngAlgUsageCipher,      L"AES",    L"ChainingModeCBC", 256 },
    { L"AES_128_CBC", NULL,      TlsParametersCngAlgUsageCipher,      L"AES",    L"ChainingModeCBC", 128 },
    { L"CHACHA20",    NULL,      TlsParametersCngAlgUsageCipher,      L"CHACHA20_POLY1305", NULL,   0 },
    { L"3DES",        NULL,      TlsParametersCngAlgUsageCipher,      L"3DES",   NULL,               0 },
    { L"_ECDHE_",     L"TLS_AES", TlsParametersCngAlgUsageKeyExchange, L"ECDH",  NULL,               0 },
    { L"TLS_RSA_",    NULL,      TlsParametersCngAlgUsageKeyExchange, L"RSA",    NULL,               0 },
    { L"_DHE_",       NULL,      TlsParametersCngAlgUsageKeyExchange, L"DH",     NULL,               0 },
    { L"_SHA384",     NULL,      TlsParametersCngAlgUsageDigest,      L"SHA384", NULL,               0 },
    { L"_SHA256",     NULL,      TlsParametersCngAlgUsageDigest,      L"SHA256", NULL,               0 },
    { L"_SHA,",       NULL,      TlsParametersCngAlgUsageDigest,      L"SHA1",   NULL,               0 },
    /* clang-format on */
};

static UNICODE_STRING unicode(const WCHAR *text)
{
    USHORT size = (USHORT)(wcslen(text) * sizeof(WCHAR));

    return (UNICODE_STRING){ size, size, (WCHAR *)text };
}

BOOL suite_named(const WCHAR *name, size_t length)
{
    size_t i, size;

    if (length < 4 || wcsncmp(name, L"TLS_", 4)) return FALSE;
    for (i = 0; i < ARRAY_SIZE(parts); i++)
    {
        size = wcscspn(parts[i].word, L",");
        if (parts[i].usage == TlsParametersCngAlgUsageDigest && length > size &&
            !wcsncmp(name + length - size, parts[i].word, size))
            return TRUE;
    }
    return FALSE;
}

/* SCH_CREDENTIALS forbids; so what is in none of the suites is forbidden. How many settings that makes. */
static DWORD forbid_others(CRYPTO_SETTINGS settings[ARRAY_SIZE(parts)],
                           UNICODE_STRING modes[ARRAY_SIZE(parts)])
{
    size_t size = wcslen(options.ciphers) + 2;
    WCHAR *list = malloc(size * sizeof(*list)), *at;
    DWORD count = 0, i;

    if (!list) return 0;
    wcscat(wcscpy(list, options.ciphers), L","); /* the end of a name, for _SHA */
    for (at = list; *at; at++)
        if (*at == ':') *at = ',';
    for (i = 0; i < ARRAY_SIZE(parts); i++)
    {
        if (wcsstr(list, parts[i].word) || (parts[i].other && wcsstr(list, parts[i].other))) continue;
        settings[count].eAlgorithmUsage = parts[i].usage;
        settings[count].strCngAlgId = unicode(parts[i].algorithm);
        settings[count].dwMinBitLength = settings[count].dwMaxBitLength = 0;
        /* Below the minimum and above the maximum is forbidden. */
        if (parts[i].bits == 128) settings[count].dwMinBitLength = 256;
        if (parts[i].bits == 256) settings[count].dwMaxBitLength = 128;
        if (parts[i].mode)
        {
            modes[count] = unicode(parts[i].mode);
            settings[count].cChainingModes = 1;
            settings[count].rgstrChainingModes = &modes[count];
        }
        count++;
    }
    free(list);
    return count;
}

static DWORD credential_flags(void)
{
    DWORD flags = SCH_CRED_NO_DEFAULT_CREDS;

    flags |= options.weak ? SCH_ALLOW_NULL_ENCRYPTION : SCH_USE_STRONG_CRYPTO;
    if (options.with_psk) flags |= SCH_USE_PRESHAREDKEY_ONLY;
    flags |= options.insecure ? SCH_CRED_MANUAL_CRED_VALIDATION : SCH_CRED_AUTO_CRED_VALIDATION;
    if (options.revocation) flags |= SCH_CRED_REVOCATION_CHECK_END_CERT;
    if (options.no_resumption) flags |= SCH_CRED_DISABLE_RECONNECTS;
    return flags;
}

static SECURITY_STATUS acquire(struct connection *connection)
{
    CRYPTO_SETTINGS settings[ARRAY_SIZE(parts)] = { 0 };
    UNICODE_STRING modes[ARRAY_SIZE(parts)];
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION,
                          .grbitEnabledProtocols = options.protocols,
                          .dwFlags = credential_flags() };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = options.protocols ? ~options.protocols : 0 };
    SCH_CREDENTIALS new = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = credential_flags() };
    WCHAR package[] = UNISP_NAME_W;
    SECURITY_STATUS status;

    if (options.certificate && !connection->certificate)
    {
        connection->certificate =
            sample_certificate(options.certificate, options.password ? options.password : L"");
        if (!connection->certificate)
        {
            fprintf(stderr, "%ls: no certificate, or another password\n", options.certificate);
            return SEC_E_UNKNOWN_CREDENTIALS;
        }
    }
    old.cCreds = new.cCreds = connection->certificate ? 1 : 0;
    old.paCred = new.paCred = &connection->certificate;
    if (options.ciphers)
    {
        parameters.cDisabledCrypto = forbid_others(settings, modes);
        parameters.pDisabledCrypto = settings;
    }
    if (options.protocols || options.ciphers)
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

void connection_free_credential(struct connection *connection)
{
    if (connection->has_credential) connection->sspi->FreeCredentialsHandle(&connection->credential);
    connection->has_credential = FALSE;
}

/* --- the handshake -------------------------------------------------------------------------------------- */

/* The buffers of a call: ALPN and a pre-shared key in the first, what came in those after it. NULL: nothing
 * to give. */
static SecBufferDesc *input(struct connection *connection, SecBuffer in[3], SecBufferDesc *desc)
{
    *desc = (SecBufferDesc){ SECBUFFER_VERSION, 2, in };
    if (connection->has_context)
    {
        in[0] = (SecBuffer){ connection->stream.size, SECBUFFER_TOKEN, connection->stream.received };
        in[1] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        return options.datagrams && !connection->stream.size ? NULL : desc;
    }
    desc->cBuffers = 0;
    if (options.alpn.size)
        in[desc->cBuffers++] =
            (SecBuffer){ options.alpn.size, SECBUFFER_APPLICATION_PROTOCOLS, options.alpn.bytes };
    if (options.with_psk)
    {
        sample_psk_buffers(&options.psk, in + desc->cBuffers);
        desc->cBuffers += 2;
    }
    return desc->cBuffers ? desc : NULL;
}

static BOOL send_token(struct connection *connection, const SecBuffer *out)
{
    BOOL sent = options.datagrams ? send(connection->stream.socket, out->pvBuffer, (int)out->cbBuffer, 0) ==
                                        (int)out->cbBuffer
                                  : sample_send(&connection->stream, out->pvBuffer, out->cbBuffer);

    connection->sspi->FreeContextBuffer(out->pvBuffer);
    return sent;
}

/*
 * One step: gives the bytes that came, sends what is to be sent. The caller goes on while the status is
 * SEC_I_CONTINUE_NEEDED or SEC_E_INCOMPLETE_MESSAGE; or, at once and so without a certificate,
 * SEC_I_INCOMPLETE_CREDENTIALS; or, over UDP, SEC_I_MESSAGE_FRAGMENT.
 */
static SECURITY_STATUS step_alone(struct connection *connection)
{
    const ULONG flags = ISC_FLAGS | (options.datagrams ? ISC_REQ_DATAGRAM : ISC_REQ_STREAM);
    SecBuffer in[3], out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc, *given = input(connection, in, &in_desc);
    SecBufferDesc out_desc = { SECBUFFER_VERSION, 1, &out };
    BOOL first = !connection->has_context;
    SECURITY_STATUS status;
    ULONG attributes = 0;

    status = connection->sspi->InitializeSecurityContextW(
        &connection->credential, first ? NULL : &connection->context, (WCHAR *)options.name, flags, 0, 0,
        given, 0, &connection->context, &out_desc, &attributes, NULL);
    if (first)
        connection->has_context = status == SEC_I_CONTINUE_NEEDED || status == SEC_I_MESSAGE_FRAGMENT;
    else if (!FAILED(status))
        sample_keep(&connection->stream,
                    !options.datagrams && in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0);
    if (out.cbBuffer && out.pvBuffer && status != SEC_E_INCOMPLETE_MESSAGE && !send_token(connection, &out) &&
        !FAILED(status))
        return SEC_E_INTERNAL_ERROR;
    return status;
}

/* In the order of the records, of which another thread makes some. */
static SECURITY_STATUS step(struct connection *connection)
{
    SECURITY_STATUS status;

    EnterCriticalSection(&connection->sending);
    status = step_alone(connection);
    LeaveCriticalSection(&connection->sending);
    return status;
}

static SECURITY_STATUS handshake_stream(struct connection *connection)
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

/* Whether something comes in that time. */
static BOOL wait_for_bytes(struct connection *connection, DWORD milliseconds)
{
    struct timeval time = { (long)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000 };
    fd_set set;

    FD_ZERO(&set);
    FD_SET(connection->stream.socket, &set);
    return select(0, &set, NULL, NULL, &time) > 0;
}

static BOOL receive_datagram(struct connection *connection, DWORD milliseconds)
{
    connection->stream.size = 0;
    return wait_for_bytes(connection, milliseconds) && sample_receive(&connection->stream);
}

static SECURITY_STATUS handshake_datagrams(struct connection *connection)
{
    SECURITY_STATUS status = step(connection);
    DWORD patience = PATIENCE;
    unsigned tries = 0;

    for (;;)
    {
        while (status == SEC_I_MESSAGE_FRAGMENT || status == SEC_I_INCOMPLETE_CREDENTIALS)
        {
            connection->asked |= status == SEC_I_INCOMPLETE_CREDENTIALS;
            connection->stream.size = 0;
            status = step(connection);
        }
        if (status != SEC_I_CONTINUE_NEEDED && status != SEC_E_INCOMPLETE_MESSAGE) return status;
        if (receive_datagram(connection, patience))
            tries = 0;
        else if (++tries > TRIES)
        {
            fputs("the server does not answer\n", stderr);
            return SEC_E_INTERNAL_ERROR;
        }
        else
            patience *= 2;
        status = step(connection);
    }
}

static SECURITY_STATUS handshake(struct connection *connection)
{
    return options.datagrams ? handshake_datagrams(connection) : handshake_stream(connection);
}

/* --- opening and closing -------------------------------------------------------------------------------- */

/* Of the handshake's statuses, those about the server's certificate. */
static enum end end_of(SECURITY_STATUS status)
{
    static const SECURITY_STATUS refusals[] = {
        SEC_E_UNTRUSTED_ROOT,   SEC_E_WRONG_PRINCIPAL,       SEC_E_CERT_EXPIRED,
        SEC_E_CERT_UNKNOWN,     SEC_E_CERT_WRONG_USAGE,      SEC_E_ISSUING_CA_UNTRUSTED,
        CRYPT_E_REVOKED,        CRYPT_E_NO_REVOCATION_CHECK, CRYPT_E_REVOCATION_OFFLINE,
        TRUST_E_CERT_SIGNATURE,
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(refusals); i++)
        if (refusals[i] == status) return END_REFUSED;
    return END_HANDSHAKE;
}

static enum end fail(struct connection *connection, const char *what, SECURITY_STATUS status, enum end end)
{
    connection->failed = what;
    connection->status = status;
    sample_fail(what, status);
    return end;
}

static enum end agree(struct connection *connection)
{
    LARGE_INTEGER start;
    SECURITY_STATUS status;

    QueryPerformanceCounter(&start);
    if ((status = handshake(connection))) return fail(connection, "handshake", status, end_of(status));
    connection->handshake_seconds = seconds_since(start);
    status = connection->sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES,
                                                       &connection->sizes);
    return status ? fail(connection, "STREAM_SIZES", status, END_OTHER) : END_GOOD;
}

enum end connection_open(struct connection *connection)
{
    SECURITY_STATUS status;

    connection->stream.chunk = options.chunk;
    connection->stream.socket = connect_to(options.host, options.port);
    connection->body = 0;
    connection->expected = NO_LENGTH;
    connection->closed_proper = connection->said_goodbye = FALSE;
    if (connection->stream.socket == INVALID_SOCKET)
    {
        connection->failed = "connect";
        fprintf(stderr, "%ls:%ls cannot be reached\n", options.host, options.port);
        return END_UNREACHABLE;
    }
    if (options.starttls && !starttls(&connection->stream, options.starttls, options.host))
    {
        connection->failed = "starttls";
        return END_UNREACHABLE;
    }
    if (!connection->has_credential && (status = acquire(connection)))
        return fail(connection, "AcquireCredentialsHandle", status, END_HANDSHAKE);
    return agree(connection);
}

void connection_shut_down(struct connection *connection)
{
    DWORD token = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(token), SECBUFFER_TOKEN, &token };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc out_desc = { SECBUFFER_VERSION, 1, &out };
    ULONG attributes;

    /* Not by step: what has been received and not been looked at stays. */
    EnterCriticalSection(&connection->sending);
    if (!connection->sspi->ApplyControlToken(&connection->context, &desc))
    {
        connection->sspi->InitializeSecurityContextW(
            &connection->credential, &connection->context, (WCHAR *)options.name,
            ISC_FLAGS | (options.datagrams ? ISC_REQ_DATAGRAM : ISC_REQ_STREAM), 0, 0, NULL, 0,
            &connection->context, &out_desc, &attributes, NULL);
        if (out.cbBuffer && out.pvBuffer) send_token(connection, &out);
    }
    LeaveCriticalSection(&connection->sending);
    connection->said_goodbye = TRUE;
}

void connection_close(struct connection *connection)
{
    if (connection->has_context) connection->sspi->DeleteSecurityContext(&connection->context);
    connection->has_context = FALSE;
    sample_close(&connection->stream);
    memset(&connection->stream, 0, sizeof(connection->stream));
    connection->stream.socket = INVALID_SOCKET;
}

/* --- data ----------------------------------------------------------------------------------------------- */

static SECURITY_STATUS send_record(struct connection *connection, BYTE *memory, const BYTE *data, size_t size)
{
    const SecPkgContext_StreamSizes *sizes = &connection->sizes;
    SecBuffer buffers[4] = { { sizes->cbHeader, SECBUFFER_STREAM_HEADER, memory },
                             { (ULONG)size, SECBUFFER_DATA, memory + sizes->cbHeader },
                             { sizes->cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes->cbHeader + size },
                             { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    ULONG all;

    memcpy(memory + sizes->cbHeader, data, size);
    EnterCriticalSection(&connection->sending);
    status = connection->sspi->EncryptMessage(&connection->context, 0, &desc, 0);
    all = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    if (!status && options.datagrams)
        send(connection->stream.socket, (char *)memory, (int)all, 0); /* it may get lost in any case */
    else if (!status && !sample_send(&connection->stream, memory, all))
        status = SEC_E_INTERNAL_ERROR;
    LeaveCriticalSection(&connection->sending);
    return status;
}

SECURITY_STATUS connection_send(struct connection *connection, const void *data, size_t size)
{
    const SecPkgContext_StreamSizes *sizes = &connection->sizes;
    BYTE *memory = malloc(sizes->cbHeader + sizes->cbMaximumMessage + sizes->cbTrailer);
    SECURITY_STATUS status = memory ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
    const BYTE *next = data;

    while (!status && size)
    {
        size_t part = min(size, sizes->cbMaximumMessage);

        status = send_record(connection, memory, next, part);
        next += part;
        size -= part;
    }
    free(memory);
    return status;
}

/* Opens the records that are there. SEC_E_INCOMPLETE_MESSAGE: receive more. SEC_I_CONTEXT_EXPIRED: the peer
 * has closed, or the function has enough. */
static SECURITY_STATUS open_records(struct connection *connection, data_function take, void *argument)
{
    while (connection->stream.size)
    {
        SecBuffer buffers[4] = { { connection->stream.size, SECBUFFER_DATA, connection->stream.received } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status;
        BOOL more = TRUE;
        DWORD extra = 0, i;

        for (i = 1; i < 4; i++) buffers[i] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        status = connection->sspi->DecryptMessage(&connection->context, &desc, 0, NULL);
        if (status == SEC_E_INCOMPLETE_MESSAGE || FAILED(status)) return status;
        for (i = 0; i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) extra = buffers[i].cbBuffer;
            if (buffers[i].BufferType == SECBUFFER_DATA && buffers[i].cbBuffer)
                more = take(connection, buffers[i].pvBuffer, buffers[i].cbBuffer, argument);
        }
        sample_keep(&connection->stream, extra);
        if (status == SEC_I_RENEGOTIATE && (status = handshake(connection))) return status;
        if (status == SEC_I_CONTEXT_EXPIRED) connection->closed_proper = TRUE;
        if (status == SEC_I_CONTEXT_EXPIRED || !more) return SEC_I_CONTEXT_EXPIRED;
    }
    return SEC_E_INCOMPLETE_MESSAGE;
}

/* One datagram. What is wrong with it costs no more than that. */
static SECURITY_STATUS open_datagram(struct connection *connection, data_function take, void *argument)
{
    DWORD size = connection->stream.size;
    BYTE *copy = malloc(size);
    SECURITY_STATUS status;

    if (!copy) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(copy, connection->stream.received, size);
    status = open_records(connection, take, argument);
    if (status == SEC_E_UNFINISHED_CONTEXT_DELETED)
    {
        /* The peer has not heard the end of the handshake; it is to be said again. */
        memcpy(connection->stream.received, copy, size);
        connection->stream.size = size;
        step(connection);
    }
    free(copy);
    return status == SEC_I_CONTEXT_EXPIRED || status == SEC_E_CONTEXT_EXPIRED ? status
                                                                              : SEC_E_INCOMPLETE_MESSAGE;
}

/* After our own close_notify the peer has PATIENCE for each answer. */
static BOOL receive_more(struct connection *connection)
{
    BOOL waited = connection->said_goodbye;

    if (options.path) return sample_receive(&connection->stream);
    while (!wait_for_bytes(connection, PATIENCE))
    {
        if (waited) return FALSE;
        waited = connection->said_goodbye;
    }
    return sample_receive(&connection->stream);
}

/* SEC_E_INCOMPLETE_MESSAGE: there is no more to receive, or, with answer, bytes were counted in the body. */
static SECURITY_STATUS receive(struct connection *connection, data_function take, void *argument, BOOL answer)
{
    SECURITY_STATUS status = SEC_E_INCOMPLETE_MESSAGE;
    ULONG64 before = connection->body;

    if (options.datagrams) connection->stream.size = 0;
    do
    {
        if (options.datagrams && connection->stream.size)
            status = open_datagram(connection, take, argument);
        else if (!options.datagrams)
            status = open_records(connection, take, argument);
        if (options.datagrams) connection->stream.size = 0;
    } while (status == SEC_E_INCOMPLETE_MESSAGE && !(answer && connection->body != before) &&
             receive_more(connection));
    return status;
}

SECURITY_STATUS connection_receive(struct connection *connection, data_function take, void *argument)
{
    SECURITY_STATUS status = receive(connection, take, argument, FALSE);

    return status == SEC_I_CONTEXT_EXPIRED || status == SEC_E_INCOMPLETE_MESSAGE ? SEC_E_OK : status;
}

SECURITY_STATUS connection_receive_answer(struct connection *connection, data_function take, void *argument)
{
    ULONG64 before = connection->body;
    SECURITY_STATUS status = receive(connection, take, argument, TRUE);

    if (status != SEC_I_CONTEXT_EXPIRED && status != SEC_E_INCOMPLETE_MESSAGE) return status;
    return connection->body == before ? SEC_E_ILLEGAL_MESSAGE : SEC_E_OK;
}
