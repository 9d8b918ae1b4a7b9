/*
 * Answers BoringSSL's protocol tests (ssl/test/runner, PORTING.md) by SSPI: connects to the runner, does what
 * its flags order, says back what comes with every bit turned, and exits with 0, with 89 for what SSPI cannot
 * express, or with 1 and a line about it.
 *
 * It goes to Schannel as a program has to: secur32, SCH_CREDENTIALS, the buffers and statuses that Microsoft
 * documents, and it validates certificates itself.
 */
#include "shim.h"

#define ALERT_CERTIFICATE_UNKNOWN  46
#define ALERT_HANDSHAKE_FAILURE    40
#define ALERT_NO_RENEGOTIATION     100
#define ALERT_CERTIFICATE_REQUIRED 116
#define ALERT_DECOMPRESSION        30 /* what -send-alert sends */

#define EXTENSION_MASTER_SECRET    23
#define EXTENSION_RENEGOTIATION    0xff01
#define EXTENSION_ALPN             16

#define PATIENCE                   1000 /* milliseconds before a flight is said again; doubled each time */
#define PATIENCE_MAX               60000
#define TRIES                      12
#define MTU                        20000 /* a datagram may be as large as a record */

/* Over datagrams a server is told where its client is. */
static const BYTE client_address[16] = { AF_INET, 0, 0x12, 0x34, 127, 0, 0, 1 };

static const SecurityFunctionTableW *sspi;

struct credential
{
    CredHandle handle;
    BOOL acquired;
    struct orders orders; /* what it was made for */
};

struct connection
{
    const struct orders *orders;
    struct credential *credential;
    struct wire wire;
    CtxtHandle context;
    BOOL has_context, resumed, agreed;
    BOOL asked_again; /* a HelloRetryRequest was sent or came */
    SecPkgContext_StreamSizes sizes;
    DWORD version; /* on the wire, as CIPHER_INFO says it */
    int renegotiations;
    BYTE *hello; /* a server's: the client's first bytes */
    DWORD hello_size;
    DWORD patience;   /* milliseconds */
    ULONG64 deadline; /* by wire.clock; 0: nothing to say again */
    unsigned tries;
    const char *failed; /* what, for main to say; NULL: by `status` */
    SECURITY_STATUS status;
};

/* --- statuses ------------------------------------------------------------------------------------------- */

#define STATUS(name)                                                                                         \
    {                                                                                                        \
        name, #name                                                                                          \
    }

static const char *status_name(SECURITY_STATUS status)
{
    static const struct
    {
        SECURITY_STATUS status;
        const char *name;
    } names[] = {
        STATUS(SEC_E_ALGORITHM_MISMATCH),  STATUS(SEC_E_APPLICATION_PROTOCOL_MISMATCH),
        STATUS(SEC_E_BUFFER_TOO_SMALL),    STATUS(SEC_E_CERT_EXPIRED),
        STATUS(SEC_E_CERT_UNKNOWN),        STATUS(SEC_E_CONTEXT_EXPIRED),
        STATUS(SEC_E_DECRYPT_FAILURE),     STATUS(SEC_E_ILLEGAL_MESSAGE),
        STATUS(SEC_E_INCOMPLETE_MESSAGE),  STATUS(SEC_E_INTERNAL_ERROR),
        STATUS(SEC_E_INVALID_HANDLE),      STATUS(SEC_E_INVALID_PARAMETER),
        STATUS(SEC_E_INVALID_TOKEN),       STATUS(SEC_E_MESSAGE_ALTERED),
        STATUS(SEC_E_MUTUAL_AUTH_FAILED),  STATUS(SEC_E_NO_CREDENTIALS),
        STATUS(SEC_E_OUT_OF_SEQUENCE),     STATUS(SEC_E_UNFINISHED_CONTEXT_DELETED),
        STATUS(SEC_E_UNKNOWN_CREDENTIALS), STATUS(SEC_E_UNSUPPORTED_FUNCTION),
        STATUS(SEC_E_UNTRUSTED_ROOT),      STATUS(SEC_I_CONTEXT_EXPIRED),
        STATUS(SEC_I_NO_RENEGOTIATION),
    };
    static char number[32];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].status == status) return names[i].name;
    snprintf(number, sizeof(number), "0x%08lx", (unsigned long)status);
    return number;
}

/* The first failure is the one that is told. */
static BOOL fail(struct connection *connection, const char *what, SECURITY_STATUS status)
{
    if (connection->failed) return FALSE;
    connection->failed = what;
    connection->status = status;
    return FALSE;
}

/* --- the credential ------------------------------------------------------------------------------------- */

/* BoringSSL's own limits: all it has, unless said otherwise. */
static DWORD protocols(const struct orders *orders)
{
    static const struct
    {
        int version, datagrams;
        DWORD protocol;
    } versions[] = {
        { 0x0301, 0xfeff, SP_PROT_TLS1_0 },
        { 0x0302, 0xfeff, SP_PROT_TLS1_1 },
        { 0x0303, 0xfefd, SP_PROT_TLS1_2 },
        { 0x0304, 0, SP_PROT_TLS1_3 },
    };
    const BOOL without[] = { orders->no_tls1, orders->no_tls11, orders->no_tls12, orders->no_tls13 };
    DWORD bits = 0;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        int version = orders->datagrams ? -versions[i].datagrams : versions[i].version;
        int minimum = orders->datagrams ? -orders->min_version : orders->min_version;
        int maximum = orders->datagrams ? -orders->max_version : orders->max_version;

        if (without[i] || (minimum && version < minimum) || (maximum && version > maximum)) continue;
        if (orders->fips && i < 2) continue;
        if (!orders->datagrams)
            bits |= versions[i].protocol;
        else if (i == 0)
            bits |= SP_PROT_DTLS1_0;
        else if (i == 2)
            bits |= SP_PROT_DTLS1_2;
    }
    return bits;
}

#define SETTINGS_MAX 16

static UNICODE_STRING unicode(const WCHAR *text)
{
    USHORT size = (USHORT)(wcslen(text) * sizeof(WCHAR));

    return (UNICODE_STRING){ size, size, (WCHAR *)text };
}

static void forbid(TLS_PARAMETERS *parameters, eTlsAlgorithmUsage usage, const WCHAR *name, DWORD minimum,
                   DWORD maximum)
{
    CRYPTO_SETTINGS *settings = &parameters->pDisabledCrypto[parameters->cDisabledCrypto++];

    settings->eAlgorithmUsage = usage;
    settings->strCngAlgId = unicode(name);
    settings->dwMinBitLength = minimum;
    settings->dwMaxBitLength = maximum;
}

/* Of Schannel's curves only those: a span of sizes is all that CRYPTO_SETTINGS can say. */
static void limit_curves(TLS_PARAMETERS *parameters, const struct numbers *curves)
{
    static const struct
    {
        int id;
        DWORD bits;
    } known[] = { { 29, 255 }, { 23, 256 }, { 24, 384 } };
    DWORD minimum = 0, maximum = 0;
    unsigned i, j, hits = 0;
    BOOL gap = FALSE;

    for (i = 0; i < ARRAY_SIZE(known); i++)
    {
        BOOL wanted = FALSE;

        for (j = 0; j < curves->count; j++) wanted |= curves->values[j] == known[i].id;
        if (!wanted)
        {
            gap |= hits != 0;
            continue;
        }
        if (gap) unimplemented("curves that are not next to each other");
        if (!hits++) minimum = known[i].bits;
        maximum = known[i].bits;
    }
    /* Which one comes first is the administrator's to say, and Schannel's order is BoringSSL's. */
    if (hits != curves->count) unimplemented("a curve that is not offered");
    for (i = 0; i + 1 < curves->count; i++)
        if ((curves->values[i] == 29 ? 0 : curves->values[i]) >
            (curves->values[i + 1] == 29 ? 0 : curves->values[i + 1]))
            unimplemented("curves in another order");
    forbid(parameters, TlsParametersCngAlgUsageKeyExchange, L"ECDH", minimum, maximum);
}

/* BoringSSL's policy of that name: AES-GCM with ECDHE on P-256 and P-384. */
static void limit_to_fips(TLS_PARAMETERS *parameters)
{
    forbid(parameters, TlsParametersCngAlgUsageKeyExchange, L"ECDH", 256, 384);
    forbid(parameters, TlsParametersCngAlgUsageKeyExchange, L"RSA", 0, 0);
    forbid(parameters, TlsParametersCngAlgUsageKeyExchange, L"DH", 0, 0);
    forbid(parameters, TlsParametersCngAlgUsageCipher, L"CHACHA20_POLY1305", 0, 0);
    forbid(parameters, TlsParametersCngAlgUsageDigest, L"SHA1", 0, 0);
}

/* The runner's folder has a .pfx beside each key, made by run.py. */
static PCCERT_CONTEXT load_certificate(const struct orders *orders)
{
    PCCERT_CONTEXT certificate;
    WCHAR path[MAX_PATH];
    size_t length;

    if (!MultiByteToWideChar(CP_UTF8, 0, orders->key, -1, path, ARRAY_SIZE(path) - 4))
        unimplemented("a path that long");
    length = wcslen(path);
    if (length > 4 && !wcscmp(path + length - 4, L".pem")) path[length - 4] = 0;
    certificate = sample_certificate(wcscat(path, L".pfx"), L"secret");
    if (!certificate) unimplemented("a certificate with such a key");
    if (orders->ocsp_response.data)
    {
        CRYPT_DATA_BLOB answer = { orders->ocsp_response.size, orders->ocsp_response.data };

        CertSetCertificateContextProperty(certificate, CERT_OCSP_RESPONSE_PROP_ID, 0, &answer);
    }
    return certificate;
}

static BOOL same_text(const char *one, const char *other)
{
    return one == other || (one && other && !strcmp(one, other));
}

static BOOL same_credential(const struct orders *one, const struct orders *other)
{
    return protocols(one) == protocols(other) && same_text(one->key, other->key) &&
           one->fips == other->fips && same_text(one->certificate, other->certificate) &&
           one->stapling == other->stapling && !memcmp(&one->curves, &other->curves, sizeof(one->curves));
}

static SECURITY_STATUS acquire(struct credential *credential, const struct orders *orders)
{
    CRYPTO_SETTINGS settings[SETTINGS_MAX] = { 0 };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~protocols(orders), .pDisabledCrypto = settings };
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION,
                             .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS,
                             .cTlsParameters = 1,
                             .pTlsParameters = &parameters };
    PCCERT_CONTEXT certificate = NULL;
    SECURITY_STATUS status;

    if (orders->verify_prefs.count || orders->signing_prefs.count)
        unimplemented("signature algorithms in an order of one's own");
    if (orders->stapling && !orders->server) cred.dwFlags |= SCH_CRED_REVOCATION_CHECK_END_CERT;
    if (orders->curves.count) limit_curves(&parameters, &orders->curves);
    if (orders->fips) limit_to_fips(&parameters);
    if (orders->key)
    {
        certificate = load_certificate(orders);
        cred.cCreds = 1;
        cred.paCred = &certificate;
    }
    credential->orders = *orders;
    status = sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                             orders->server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND,
                                             NULL, &cred, NULL, NULL, &credential->handle, NULL);
    if (certificate) CertFreeCertificateContext(certificate);
    credential->acquired = !status;
    return status;
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/* SEC_APPLICATION_PROTOCOLS around the list as the extension has it; a server's is the one it would select.
 */
static DWORD application_protocols(const struct orders *orders, BYTE memory[1024])
{
    DWORD all, extension = SecApplicationProtocolNegotiationExt_ALPN, size;
    const struct blob *list = orders->server ? &orders->select_alpn : &orders->advertise_alpn;
    BYTE *names = memory + 10;
    USHORT names_size;

    if (orders->reject_alpn) /* a server that has none of the client's */
        memcpy(names, "\x04none", size = 5);
    else if (!list->data || !list->size || orders->decline_alpn)
        return 0;
    else if (list->size > 1000)
        unimplemented("so many application protocols");
    else if (orders->server)
    {
        names[0] = (BYTE)list->size;
        memcpy(names + 1, list->data, list->size);
        size = 1 + list->size;
    }
    else
        memcpy(names, list->data, size = list->size);
    all = 6 + size;
    names_size = (USHORT)size;
    memcpy(memory, &all, 4);
    memcpy(memory + 4, &extension, 4);
    memcpy(memory + 8, &names_size, 2);
    return 4 + all;
}

/* SEC_SRTP_PROTECTION_PROFILES of names with colons between. */
static DWORD srtp_profiles(const char *list, BYTE memory[64])
{
    USHORT size = 0;

    while (*list && size < 16)
    {
        size_t length = strcspn(list, ":");

        memory[2 + size++] = 0;
        if (length == 22 && !memcmp(list, "SRTP_AES128_CM_SHA1_80", length))
            memory[2 + size++] = 1;
        else if (length == 22 && !memcmp(list, "SRTP_AES128_CM_SHA1_32", length))
            memory[2 + size++] = 2;
        else
            unimplemented("that SRTP profile");
        list += length + (list[length] == ':');
    }
    memcpy(memory, &size, sizeof(size));
    return sizeof(size) + size;
}

/* RFC 8446, 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static BOOL has_retry_request(const BYTE *data, DWORD size)
{
    static const BYTE random[] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11 };
    DWORD i;

    for (i = 0; i + sizeof(random) <= size; i++)
        if (!memcmp(data + i, random, sizeof(random))) return TRUE;
    return FALSE;
}

static void expect_answer(struct connection *connection, BOOL again)
{
    const struct orders *orders = connection->orders;
    DWORD first = orders->initial_timeout ? (DWORD)orders->initial_timeout : PATIENCE;

    if (again)
        connection->patience = min(connection->patience * 2, PATIENCE_MAX);
    else
    {
        connection->patience = first;
        connection->tries = 0;
    }
    connection->deadline = connection->wire.clock + connection->patience * 1000000ull;
}

/* One call with what came, or without; what it gives is sent. What it left is kept. */
static SECURITY_STATUS step(struct connection *connection, BOOL with_input)
{
    const struct orders *orders = connection->orders;
    struct sample_stream *stream = &connection->wire.stream;
    CtxtHandle *context = connection->has_context ? &connection->context : NULL;
    SecBuffer in[6], out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 0, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    USHORT mtu = orders->mtu ? (USHORT)orders->mtu : MTU;
    BYTE alpn[1024], srtp[64];
    SecBuffer *extra = NULL;
    ULONG attributes;
    SECURITY_STATUS status;

    if (with_input)
    {
        in[in_desc.cBuffers++] = (SecBuffer){ stream->size, SECBUFFER_TOKEN, stream->received };
        extra = &in[in_desc.cBuffers];
        in[in_desc.cBuffers++] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        if (orders->server && orders->datagrams)
            in[in_desc.cBuffers++] =
                (SecBuffer){ sizeof(client_address), SECBUFFER_EXTRA, (void *)client_address };
    }
    if (!context)
    {
        DWORD size = application_protocols(orders, alpn);

        if (size) in[in_desc.cBuffers++] = (SecBuffer){ size, SECBUFFER_APPLICATION_PROTOCOLS, alpn };
        if (orders->datagrams) in[in_desc.cBuffers++] = (SecBuffer){ sizeof(mtu), SECBUFFER_DTLS_MTU, &mtu };
        if (orders->srtp)
        {
            size = srtp_profiles(orders->srtp, srtp);
            in[in_desc.cBuffers++] = (SecBuffer){ size, SECBUFFER_SRTP_PROTECTION_PROFILES, srtp };
        }
    }
    if (orders->server)
    {
        ULONG flags = ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY |
                      ASC_REQ_ALLOCATE_MEMORY | ASC_REQ_EXTENDED_ERROR |
                      (orders->datagrams ? ASC_REQ_DATAGRAM : ASC_REQ_STREAM);

        if (orders->verify_peer || orders->require_certificate) flags |= ASC_REQ_MUTUAL_AUTH;
        if (!orders->no_ticket) flags |= ASC_REQ_SESSION_TICKET;
        status = sspi->AcceptSecurityContext(&connection->credential->handle, context,
                                             in_desc.cBuffers ? &in_desc : NULL, flags, 0,
                                             &connection->context, &out_desc, &attributes, NULL);
    }
    else
    {
        WCHAR name[256];
        ULONG flags = ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY |
                      ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_EXTENDED_ERROR |
                      (orders->datagrams ? ISC_REQ_DATAGRAM : ISC_REQ_STREAM);

        /* An address is a name for the session cache, and none for SNI. */
        MultiByteToWideChar(CP_UTF8, 0, orders->host_name ? orders->host_name : "127.0.0.1", -1, name,
                            ARRAY_SIZE(name));
        status = sspi->InitializeSecurityContextW(&connection->credential->handle, context, name, flags, 0, 0,
                                                  in_desc.cBuffers ? &in_desc : NULL, 0, &connection->context,
                                                  &out_desc, &attributes, NULL);
    }
    if (status >= 0 && connection->context.dwLower) connection->has_context = TRUE;
    if (out.pvBuffer)
    {
        if (out.cbBuffer && status != SEC_E_INCOMPLETE_MESSAGE)
        {
            connection->asked_again |= has_retry_request(out.pvBuffer, out.cbBuffer);
            wire_send(&connection->wire, out.pvBuffer, out.cbBuffer);
        }
        sspi->FreeContextBuffer(out.pvBuffer);
    }
    if (with_input && orders->datagrams && status != SEC_E_OK)
        stream->size = 0; /* what counts is said again */
    else if (with_input && status != SEC_E_INCOMPLETE_MESSAGE && status != SEC_I_INCOMPLETE_CREDENTIALS)
        sample_keep(stream, extra->BufferType == SECBUFFER_EXTRA ? extra->cbBuffer : 0);
    return status;
}

/* What the server heard first is needed for what it is asked about it. */
static void keep_hello(struct connection *connection)
{
    const struct sample_stream *stream = &connection->wire.stream;

    if (connection->has_context || !connection->orders->server) return;
    free(connection->hello);
    connection->hello_size = 0;
    if ((connection->hello = malloc(stream->size)))
        memcpy(connection->hello, stream->received, connection->hello_size = stream->size);
}

static SECURITY_STATUS handshake_stream(struct connection *connection)
{
    struct sample_stream *stream = &connection->wire.stream;
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;

    if (!connection->has_context && !connection->orders->server) status = step(connection, FALSE);
    for (;;)
    {
        if (status == SEC_I_INCOMPLETE_CREDENTIALS)
        {
            status = step(connection, TRUE); /* there is no certificate to be had */
            continue;
        }
        if (status != SEC_I_CONTINUE_NEEDED && status != SEC_E_INCOMPLETE_MESSAGE) return status;
        if ((status == SEC_E_INCOMPLETE_MESSAGE || !stream->size) &&
            wire_receive(&connection->wire) != CAME_BYTES)
            return SEC_E_INCOMPLETE_MESSAGE;
        if (!connection->agreed) connection->asked_again |= has_retry_request(stream->received, stream->size);
        keep_hello(connection);
        status = step(connection, TRUE);
    }
}

/* A flight's datagrams, one call each. */
static SECURITY_STATUS whole_flight(struct connection *connection, SECURITY_STATUS status)
{
    while (status == SEC_I_MESSAGE_FRAGMENT || status == SEC_I_INCOMPLETE_CREDENTIALS)
        status = step(connection, FALSE);
    return status;
}

static SECURITY_STATUS handshake_datagrams(struct connection *connection)
{
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;

    if (!connection->orders->server)
    {
        status = whole_flight(connection, step(connection, FALSE));
        expect_answer(connection, FALSE);
    }
    while (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE)
    {
        switch (wire_receive(&connection->wire))
        {
        case CAME_END:
            return SEC_E_INCOMPLETE_MESSAGE;
        case CAME_TIMEOUT:
            if (!connection->deadline || connection->wire.clock < connection->deadline) break;
            if (++connection->tries > TRIES) return SEC_E_INTERNAL_ERROR;
            if (connection->has_context) status = whole_flight(connection, step(connection, FALSE));
            expect_answer(connection, TRUE);
            break;
        case CAME_BYTES:
            keep_hello(connection);
            status = whole_flight(connection, step(connection, TRUE));
            if (status == SEC_I_CONTINUE_NEEDED) expect_answer(connection, FALSE);
            break;
        }
    }
    return status;
}

/* --- data ----------------------------------------------------------------------------------------------- */

static BOOL send_record(struct connection *connection, const BYTE *data, DWORD size)
{
    const SecPkgContext_StreamSizes *sizes = &connection->sizes;
    BYTE *memory = malloc((size_t)sizes->cbHeader + size + sizes->cbTrailer);
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    BOOL sent;

    if (!memory) return fail(connection, "memory", SEC_E_INSUFFICIENT_MEMORY);
    buffers[0] = (SecBuffer){ sizes->cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, memory + sizes->cbHeader };
    buffers[2] = (SecBuffer){ sizes->cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes->cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    if (size) memcpy(memory + sizes->cbHeader, data, size);
    status = sspi->EncryptMessage(&connection->context, 0, &desc, 0);
    sent = !status && wire_send(&connection->wire, memory,
                                buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer);
    free(memory);
    return sent ? TRUE : fail(connection, "EncryptMessage", status);
}

static BOOL send_data(struct connection *connection, const void *data, DWORD size)
{
    const BYTE *next = data;

    do
    {
        DWORD part = min(size, connection->sizes.cbMaximumMessage);

        if (!send_record(connection, next, part)) return FALSE;
        next += part;
        size -= part;
    } while (size);
    return TRUE;
}

/* Has an order carried out: what it gives goes to the runner. */
static SECURITY_STATUS control(struct connection *connection, void *token, DWORD size)
{
    SecBuffer buffer = { size, SECBUFFER_TOKEN, token };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };
    SECURITY_STATUS status = sspi->ApplyControlToken(&connection->context, &desc);

    return status ? status : step(connection, FALSE);
}

static void send_alert(struct connection *connection, DWORD number)
{
    SCHANNEL_ALERT_TOKEN token = { SCHANNEL_ALERT, TLS1_ALERT_FATAL, number };

    control(connection, &token, sizeof(token));
}

static void say_goodbye(struct connection *connection)
{
    DWORD token = SCHANNEL_SHUTDOWN;

    control(connection, &token, sizeof(token));
}

static BOOL is_tls13(const struct connection *connection)
{
    return connection->version == 0x0304;
}

/* A handshake message came among the data. */
static BOOL handshake_again(struct connection *connection)
{
    const struct orders *orders = connection->orders;
    SECURITY_STATUS status;

    if (!is_tls13(connection))
    {
        if (orders->server || orders->forbid_renegotiation ||
            !(orders->renegotiate_freely || (orders->renegotiate_once && !connection->renegotiations)))
        {
            send_alert(connection, ALERT_NO_RENEGOTIATION);
            return fail(connection, "renegotiation refused", SEC_I_RENEGOTIATE);
        }
        connection->renegotiations++;
    }
    /* With what is there, or, when there is no more, a call that says so. */
    status = step(connection, connection->wire.stream.size != 0);
    if (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE ||
        status == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        if (status == SEC_I_INCOMPLETE_CREDENTIALS)
            status = step(connection, connection->wire.stream.size != 0);
        if (status != SEC_E_OK) status = handshake_stream(connection);
    }
    if (!status) /* another suite, perhaps */
        status =
            sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES, &connection->sizes);
    return status ? fail(connection, "handshake in between", status) : TRUE;
}

enum data
{
    DATA_CAME,
    DATA_CLOSED, /* the runner has said so */
    DATA_ENDED,  /* the connection is closed */
    DATA_FAILED,
};

/* One record's data, or the rest of a handshake. */
static enum data receive_record(struct connection *connection, SecBuffer *data)
{
    struct sample_stream *stream = &connection->wire.stream;

    for (;;)
    {
        SecBuffer buffers[4] = { { stream->size, SECBUFFER_DATA, stream->received } };
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status = SEC_E_INCOMPLETE_MESSAGE;
        DWORD extra = 0;
        unsigned i;

        *data = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        if (stream->size) status = sspi->DecryptMessage(&connection->context, &desc, 0, NULL);
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (wire_receive(&connection->wire) != CAME_BYTES) return DATA_ENDED;
            continue;
        }
        if (FAILED(status))
        {
            if (status == SEC_E_CONTEXT_EXPIRED) step(connection, FALSE); /* an alert of our own */
            fail(connection, "DecryptMessage", status);
            step(connection, FALSE);
            return DATA_FAILED;
        }
        for (i = 0; i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) extra = buffers[i].cbBuffer;
            if (buffers[i].BufferType == SECBUFFER_DATA) *data = buffers[i];
        }
        if (data->cbBuffer)
        {
            BYTE *copy = malloc(data->cbBuffer); /* the caller's, until the next call */

            if (!copy) return DATA_FAILED;
            data->pvBuffer = memcpy(copy, data->pvBuffer, data->cbBuffer);
        }
        sample_keep(stream, extra);
        if (status == SEC_I_CONTEXT_EXPIRED) return DATA_CLOSED;
        if (status == SEC_I_RENEGOTIATE && !handshake_again(connection)) return DATA_FAILED;
        if (data->cbBuffer) return DATA_CAME;
    }
}

/* The data of a datagram's next record. What is wrong with one is no reason to end. */
static enum data receive_datagram(struct connection *connection, SecBuffer *data)
{
    struct sample_stream *stream = &connection->wire.stream;

    for (;;)
    {
        SecBuffer buffers[4];
        SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
        SECURITY_STATUS status;
        BYTE copy[65536];
        enum came came = stream->size ? CAME_BYTES : wire_receive(&connection->wire);
        DWORD size, extra = 0;
        unsigned i;

        if (came == CAME_END) return DATA_ENDED;
        if (came == CAME_TIMEOUT) continue;
        size = stream->size;
        memcpy(copy, stream->received, stream->size);
        memset(buffers, 0, sizeof(buffers));
        buffers[0] = (SecBuffer){ stream->size, SECBUFFER_DATA, stream->received };
        status = sspi->DecryptMessage(&connection->context, &desc, 0, NULL);
        stream->size = 0;
        if (status == SEC_I_CONTEXT_EXPIRED) return DATA_CLOSED;
        if (status == SEC_E_UNFINISHED_CONTEXT_DELETED) /* the runner has not heard our last flight */
        {
            memcpy(stream->received, copy, stream->size = size);
            whole_flight(connection, step(connection, TRUE));
            continue;
        }
        if (status == SEC_I_RENEGOTIATE)
        {
            send_alert(connection, ALERT_NO_RENEGOTIATION);
            fail(connection, "renegotiation refused", status);
            return DATA_FAILED;
        }
        if (status == SEC_E_CONTEXT_EXPIRED || status == SEC_E_ILLEGAL_MESSAGE)
        {
            fail(connection, "DecryptMessage", status);
            return DATA_FAILED;
        }
        *data = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        for (i = 0; !status && i < 4; i++)
        {
            if (buffers[i].BufferType == SECBUFFER_EXTRA) extra = buffers[i].cbBuffer;
            if (buffers[i].BufferType == SECBUFFER_DATA) *data = buffers[i];
        }
        if (data->cbBuffer)
        {
            void *kept = malloc(data->cbBuffer);

            if (!kept) return DATA_FAILED;
            data->pvBuffer = memcpy(kept, data->pvBuffer, data->cbBuffer);
        }
        memmove(stream->received, stream->received + size - extra, stream->size = extra);
        if (data->cbBuffer) return DATA_CAME;
    }
}

static enum data receive(struct connection *connection, SecBuffer *data)
{
    return connection->orders->datagrams ? receive_datagram(connection, data)
                                         : receive_record(connection, data);
}

/* --- what was negotiated -------------------------------------------------------------------------------- */

static BOOL has_extension(struct connection *connection, WORD id)
{
    SecPkgContext_NegotiatedTlsExtensions list;
    BOOL found = FALSE;
    DWORD i;

    if (is_tls13(connection)) return TRUE; /* what both are for is a part of it */
    if (sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS, &list))
        unimplemented("asking for a negotiated extension");
    for (i = 0; i < list.ExtensionsCount; i++) found |= list.Extensions[i] == id;
    sspi->FreeContextBuffer(list.Extensions);
    return found;
}

static BOOL alpn_is(struct connection *connection)
{
    const struct orders *orders = connection->orders;
    const struct blob *wanted = orders->server ? &orders->select_alpn : &orders->expect_alpn;
    SecPkgContext_ApplicationProtocol protocol = { 0 };

    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &protocol);
    /* Windows tells a server over datagrams nothing. */
    return (orders->server && orders->datagrams) ||
           (protocol.ProtocolIdSize == wanted->size &&
            (!wanted->size || !memcmp(protocol.ProtocolId, wanted->data, wanted->size)));
}

/* Something the client's hello says, by what schannel.dll exports for servers. */
static BOOL hello_is(struct connection *connection)
{
    SECURITY_STATUS(WINAPI * get_identity)(BYTE *, DWORD, BYTE **, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI * get_extensions)
    (BYTE *, DWORD, struct client_extension *, BYTE, DWORD *, DWORD);
    const struct orders *orders = connection->orders;
    const struct blob *alpn = &orders->expect_advertised_alpn;
    struct client_extension extension = { .type = EXTENSION_ALPN };
    HMODULE module = GetModuleHandleW(L"schannel.dll");
    BYTE *name;
    DWORD size;

    get_identity = (void *)GetProcAddress(module, "SslGetServerIdentity");
    get_extensions = (void *)GetProcAddress(module, "SslGetExtensions");
    if (orders->datagrams || !get_identity || !get_extensions) unimplemented("asking what a hello says");
    if (orders->expect_server_name &&
        (get_identity(connection->hello, connection->hello_size, &name, &size, 0) ||
         size != strlen(orders->expect_server_name) || memcmp(name, orders->expect_server_name, size)))
        return fail(connection, "another server name", SEC_E_OK);
    if (alpn->data &&
        (get_extensions(connection->hello, connection->hello_size, &extension, 1, &size, 0) ||
         extension.size != alpn->size + 2 || memcmp(extension.data + 2, alpn->data, alpn->size)))
        return fail(connection, "other application protocols", SEC_E_OK);
    return TRUE;
}

/* The file's first certificate, against the one that came. */
static BOOL certificate_is(PCCERT_CONTEXT certificate, const char *path)
{
    char text[16384];
    BYTE der[8192];
    DWORD size = sizeof(der);
    FILE *file = fopen(path, "rb");
    size_t length;
    char *end;

    if (!file) return FALSE;
    length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = 0;
    if (!(end = strstr(text, "-----END CERTIFICATE-----"))) return FALSE;
    end[strlen("-----END CERTIFICATE-----")] = 0;
    return CryptStringToBinaryA(text, 0, CRYPT_STRING_BASE64HEADER, der, &size, NULL, NULL) && certificate &&
           certificate->cbCertEncoded == size && !memcmp(certificate->pbCertEncoded, der, size);
}

static BOOL stapled_is(PCCERT_CONTEXT certificate, const struct blob *wanted)
{
    BYTE answer[4096];
    DWORD size = sizeof(answer);

    return certificate &&
           CertGetCertificateContextProperty(certificate, CERT_OCSP_RESPONSE_PROP_ID, answer, &size) &&
           size == wanted->size && !memcmp(answer, wanted->data, size);
}

/* The certificate is this program's to judge; its judgement is what it was ordered to be. */
static BOOL judge(struct connection *connection)
{
    const struct orders *orders = connection->orders;
    PCCERT_CONTEXT certificate = NULL;
    BOOL good = TRUE;

    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &certificate);
    if (!certificate && orders->require_certificate)
    {
        send_alert(connection, is_tls13(connection) ? ALERT_CERTIFICATE_REQUIRED : ALERT_HANDSHAKE_FAILURE);
        return fail(connection, "no certificate came", SEC_E_OK);
    }
    if (!certificate && !orders->server) return fail(connection, "a server without certificate", SEC_E_OK);
    /* BoringSSL's clients go on without -verify-peer, and say another alert by their older callback. */
    if (certificate && orders->verify_fail && (orders->verify_peer || orders->require_certificate) &&
        (!connection->resumed || orders->reverify))
    {
        send_alert(connection, orders->custom_verify ? ALERT_CERTIFICATE_UNKNOWN : ALERT_HANDSHAKE_FAILURE);
        good = fail(connection, "the certificate is refused", SEC_E_OK);
    }
    if (good && orders->expect_peer_certificate &&
        !certificate_is(certificate, orders->expect_peer_certificate))
        good = fail(connection, "another certificate", SEC_E_OK);
    if (good && orders->expect_ocsp_response.data && !stapled_is(certificate, &orders->expect_ocsp_response))
        good = fail(connection, "another stapled answer", SEC_E_OK);
    if (certificate) CertFreeCertificateContext(certificate);
    return good;
}

static BOOL check_agreement(struct connection *connection, BOOL may_resume)
{
    const struct orders *orders = connection->orders;
    SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    SecPkgContext_SessionInfo session = { 0 };
    SECURITY_STATUS status;

    status =
        sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_STREAM_SIZES, &connection->sizes);
    if (!status)
        status = sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
    /* Who does not answer has not resumed. */
    sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_SESSION_INFO, &session);
    if (status) return fail(connection, "QueryContextAttributes", status);
    connection->version = cipher.dwProtocol;
    connection->resumed = (session.dwFlags & SSL_SESSION_RECONNECT) != 0;
    if (!judge(connection)) return FALSE;
    if (connection->resumed != (may_resume && !orders->expect_session_miss))
        return fail(connection, connection->resumed ? "resumed" : "not resumed", SEC_E_OK);
    if (orders->expect_version && (DWORD)orders->expect_version != cipher.dwProtocol)
        return fail(connection, "another version", SEC_E_OK);
    if (orders->expect_cipher && (DWORD)orders->expect_cipher != cipher.dwCipherSuite)
        return fail(connection, "another suite", SEC_E_OK);
    if (orders->expect_curve && (DWORD)orders->expect_curve != cipher.dwKeyType)
        return fail(connection, "another curve", SEC_E_OK);
    if ((orders->expect_hrr && !connection->asked_again) ||
        (orders->expect_no_hrr && connection->asked_again))
        return fail(connection, "HelloRetryRequest", SEC_E_OK);
    if (!alpn_is(connection)) return fail(connection, "another application protocol", SEC_E_OK);
    if ((orders->expect_server_name || orders->expect_advertised_alpn.data) && !hello_is(connection))
        return FALSE;
    if (orders->expect_master_secret && !has_extension(connection, EXTENSION_MASTER_SECRET))
        return fail(connection, "no extended master secret", SEC_E_OK);
    if (orders->expect_secure_renegotiation && !has_extension(connection, EXTENSION_RENEGOTIATION))
        return fail(connection, "no renegotiation_info", SEC_E_OK);
    if (orders->expect_no_secure_renegotiation && has_extension(connection, EXTENSION_RENEGOTIATION))
        return fail(connection, "renegotiation_info", SEC_E_OK);
    return TRUE;
}

/* --- what the runner wants to see ----------------------------------------------------------------------- */

static BOOL export_material(struct connection *connection, BOOL send)
{
    const struct orders *orders = connection->orders;
    SecPkgContext_KeyingMaterialInfo info = { .cbKeyingMaterial = (DWORD)orders->export_size };
    SecPkgContext_KeyingMaterial material;
    SECURITY_STATUS status;
    BOOL sent = TRUE;

    info.pszLabel = (char *)(orders->export_label ? orders->export_label : "");
    info.cbLabel = (WORD)(strlen(info.pszLabel) + 1);
    if (orders->use_export_context)
    {
        info.pbContextValue = orders->export_context.data;
        info.cbContextValue = (WORD)orders->export_context.size;
    }
    status = sspi->SetContextAttributesW(&connection->context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info,
                                         sizeof(info));
    if (!status)
        status = sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_KEYING_MATERIAL, &material);
    if (status) return fail(connection, "KEYING_MATERIAL", status);
    if (send) sent = send_data(connection, material.pbKeyingMaterial, material.cbKeyingMaterial);
    sspi->FreeContextBuffer(material.pbKeyingMaterial);
    return sent;
}

static BOOL send_unique(struct connection *connection)
{
    static const char prefix[] = "tls-unique:";
    SecPkgContext_Bindings bindings = { 0 };
    SECURITY_STATUS status;
    BOOL sent;

    status = sspi->QueryContextAttributesW(&connection->context, SECPKG_ATTR_UNIQUE_BINDINGS, &bindings);
    if (status) return fail(connection, "UNIQUE_BINDINGS", status);
    sent = send_data(connection,
                     (BYTE *)bindings.Bindings + bindings.Bindings->dwApplicationDataOffset + strlen(prefix),
                     bindings.Bindings->cbApplicationDataLength - (DWORD)strlen(prefix));
    sspi->FreeContextBuffer(bindings.Bindings);
    return sent;
}

static BOOL send_sizes(struct connection *connection)
{
    static const DWORD sizes[] = { 0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769 };
    static BYTE data[32769];
    unsigned i;

    memset(data, 0x42, sizeof(data));
    for (i = 0; i < ARRAY_SIZE(sizes); i++)
        if (!send_data(connection, data, sizes[i])) return FALSE;
    return TRUE;
}

/* Says back what comes. TRUE: the runner has closed; `proper` tells whether it has said so. */
static BOOL echo(struct connection *connection, BOOL *proper)
{
    const struct orders *orders = connection->orders;

    for (;;)
    {
        SecBuffer data = { 0, SECBUFFER_EMPTY, NULL };
        enum data came = receive(connection, &data);
        BYTE *bytes = data.pvBuffer;
        BOOL good = TRUE;
        DWORD i;

        if (came == DATA_FAILED) return FALSE;
        *proper = came == DATA_CLOSED;
        if (came != DATA_CAME) return TRUE;
        if (orders->exporter_between_reads) good = export_material(connection, FALSE);
        for (i = 0; i < data.cbBuffer; i++) bytes[i] ^= 0xff;
        good = good && send_data(connection, bytes, data.cbBuffer);
        free(bytes);
        if (!good) return FALSE;
    }
}

static BOOL converse(struct connection *connection)
{
    const struct orders *orders = connection->orders;
    SecBuffer data = { 0, SECBUFFER_EMPTY, NULL };
    BOOL proper = FALSE;

    if (orders->export_size && !orders->exporter_between_reads && !export_material(connection, TRUE))
        return FALSE;
    if (orders->unique_binding && !send_unique(connection)) return FALSE;
    if (orders->send_alert)
    {
        send_alert(connection, ALERT_DECOMPRESSION);
        return TRUE;
    }
    if (orders->record_sizes) return send_sizes(connection);
    if (orders->writes_first && !send_data(connection, "hello", 5)) return FALSE;
    if (orders->shuts_down)
    {
        say_goodbye(connection);
        if (!orders->check_close_notify) return TRUE;
        return receive(connection, &data) == DATA_CLOSED ? TRUE
                                                         : fail(connection, "no close_notify", SEC_E_OK);
    }
    if (!echo(connection, &proper)) return FALSE;
    if (proper || orders->check_close_notify) say_goodbye(connection);
    if (orders->check_close_notify && !proper) return fail(connection, "no close_notify", SEC_E_OK);
    return TRUE;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static BOOL connect_and_talk(struct connection *connection, BOOL may_resume)
{
    const struct orders *orders = connection->orders;
    SECURITY_STATUS status;

    if (!wire_open(&connection->wire, orders)) return fail(connection, "connect", SEC_E_OK);
    status = orders->datagrams ? handshake_datagrams(connection) : handshake_stream(connection);
    if (status) return fail(connection, "handshake", status);
    connection->agreed = TRUE;
    connection->deadline = 0;
    if (!check_agreement(connection, may_resume) || !converse(connection)) return FALSE;
    if (connection->renegotiations != orders->expect_renegotiations)
        return fail(connection, "another number of renegotiations", SEC_E_OK);
    return TRUE;
}

static BOOL run_connection(struct credential *credential, const struct orders *orders, BOOL may_resume)
{
    struct connection connection = { .orders = orders, .credential = credential };
    BOOL good = connect_and_talk(&connection, may_resume);

    if (!good)
        fprintf(stderr, "%s: %s\n", connection.failed ? connection.failed : "failed",
                status_name(connection.status));
    if (connection.has_context) sspi->DeleteSecurityContext(&connection.context);
    free(connection.hello);
    wire_close(&connection.wire);
    return good;
}

int main(int argc, char **argv)
{
    struct credential credential = { .acquired = FALSE };
    struct orders first, resumed;
    SECURITY_STATUS status;
    WSADATA data;
    int i;

    if (argc == 2 &&
        !strcmp(argv[1], "-is-handshaker-supported")) /* half of a handshake in another process */
        return puts("No") < 0;
    orders_read(argc, argv, &first, &resumed);
    if (first.srtp && !first.datagrams) unimplemented("SRTP without datagrams");
    if (!(sspi = sample_open(FALSE)) || WSAStartup(MAKEWORD(2, 2), &data)) return 1;
    for (i = 0; i <= first.resume_count; i++)
    {
        const struct orders *orders = i ? &resumed : &first;

        if (i && !same_credential(orders, &credential.orders))
        {
            if (!orders->expect_session_miss) unimplemented("resuming with another credential");
            sspi->FreeCredentialsHandle(&credential.handle);
            credential.acquired = FALSE;
        }
        if (!credential.acquired && (status = acquire(&credential, orders)))
        {
            fprintf(stderr, "AcquireCredentialsHandle: %s\n", status_name(status));
            return 1;
        }
        if (!run_connection(&credential, orders, i != 0)) return 1;
    }
    sspi->FreeCredentialsHandle(&credential.handle);
    return 0;
}
