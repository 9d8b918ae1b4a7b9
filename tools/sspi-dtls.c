/*
 * sspi-dtls: DTLS on SSPI, either side. A server says back every datagram; a client sends a line and shows
 * what comes back.
 *
 * It shows what a program over datagrams has to do: keep the clock, send a flight datagram by datagram
 * (SEC_I_MESSAGE_FRAGMENT), give a server its client's address for the cookie, and pass over what is wrong.
 */
#include "sample.h"

#define DATAGRAM_MAX     16384
#define PEERS_MAX        64
#define PATIENCE         1000 /* milliseconds before a flight is said again; doubled each time */
#define TRIES            6
#define LINES_MAX        4
#define SRTP_KEYS_SIZE   60 /* bytes: two keys of 16 and two salts of 14 (RFC 5764, 4.2) */
#define CLIENT_PROTOCOLS 0xaaaaaaaau

static struct
{
    BOOL listen;     /* --listen: a server */
    BOOL direct;     /* --direct: schannel.dll itself, without secur32 */
    BOOL insecure;   /* --insecure: do not validate the server */
    BOOL ask;        /* --ask: for a client's certificate */
    BOOL keys;       /* --srtp-keys: print them */
    BOOL reconnect;  /* --reconnect: and once more */
    DWORD protocols; /* --protocols */
    WORD mtu;        /* --mtu */
    DWORD loss;      /* --loss: of 100 datagrams, as many are not sent */
    const WCHAR *host;
    unsigned short port;
    const WCHAR *password;
    const WCHAR *lines[LINES_MAX]; /* --send */
    unsigned line_count;
    struct sample_alpn alpn; /* --alpn */
    BYTE srtp[2 + 2 * 8];    /* SEC_SRTP_PROTECTION_PROFILES */
    PCCERT_CONTEXT certificate;
} options = { .port = 4433 };

static const SecurityFunctionTableW *sspi;
static CredHandle credential;
static SOCKET sock;

/* The other end. */
struct peer
{
    BOOL used, has_context, done;
    unsigned agreements; /* handshakes that came to their end */
    struct sockaddr_in address;
    CtxtHandle context;
    DWORD patience, deadline; /* by GetTickCount */
    unsigned tries;
};

static int usage(void)
{
    fputs("usage: sspi-dtls [options] --listen PORT CERTIFICATE.pfx\n"
          "       sspi-dtls [options] HOST PORT [CERTIFICATE.pfx]\n"
          "\n"
          "  --password TEXT    of the PFX file\n"
          "  --protocols LIST   dtls1.0,dtls1.2\n"
          "  --mtu BYTES        of a datagram (200 to 65535)\n"
          "  --alpn LIST        application protocols, the best first\n"
          "  --srtp LIST        SRTP protection profiles by number: 1,2,5,6\n"
          "  --srtp-keys        print the keys that are exported for SRTP\n"
          "  --ask              ask the client for a certificate\n"
          "  --insecure         do not validate the server's certificate\n"
          "  --send TEXT        what the client sends (default: hello); up to four, one by one\n"
          "  --reconnect        all of it a second time, over a new connection that may resume the first\n"
          "  --loss PERCENT     throw so many of one's own datagrams away\n"
          "  --direct           load schannel.dll itself instead of going through secur32\n",
          stderr);
    return 2;
}

/* --- datagrams ------------------------------------------------------------------------------------------ */

static void send_to(const struct peer *peer, const void *data, size_t size)
{
    if (options.loss && (DWORD)(rand() % 100) < options.loss) return;
    sendto(sock, data, (int)size, 0, (const struct sockaddr *)&peer->address, sizeof(peer->address));
}

static void print_keys(struct peer *peer, USHORT profile)
{
    static char label[] = "EXTRACTOR-dtls_srtp";
    SecPkgContext_KeyingMaterialInfo info = { sizeof(label), label, 0, NULL, SRTP_KEYS_SIZE };
    SecPkgContext_KeyingMaterial material;
    DWORD i;

    printf("SRTP profile %u", (unsigned)(USHORT)(profile << 8 | profile >> 8));
    if (options.keys &&
        !sspi->SetContextAttributesW(&peer->context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &info, sizeof(info)) &&
        !sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_KEYING_MATERIAL, &material))
    {
        printf(", keys ");
        for (i = 0; i < material.cbKeyingMaterial; i++) printf("%02X", material.pbKeyingMaterial[i]);
        sspi->FreeContextBuffer(material.pbKeyingMaterial);
    }
    printf("\n");
}

static void print_agreement(struct peer *peer)
{
    SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
    SecPkgContext_ApplicationProtocol protocol = { 0 };
    SecPkgContext_SrtpParameters srtp = { 0 };
    SecPkgContext_SessionInfo session = { 0 };
    PCCERT_CONTEXT certificate;
    WCHAR name[SAMPLE_NAME_SIZE];

    sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_CIPHER_INFO, &cipher);
    sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_SESSION_INFO, &session);
    sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_APPLICATION_PROTOCOL, &protocol);
    printf("%s %ls%s", cipher.dwProtocol == 0xfeff ? "DTLS 1.0" : "DTLS 1.2", cipher.szCipherSuite,
           session.dwFlags & SSL_SESSION_RECONNECT ? ", resumed" : "");
    if (protocol.ProtocolIdSize) printf(", alpn %.*s", protocol.ProtocolIdSize, protocol.ProtocolId);
    if (!sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &certificate))
    {
        printf(", peer %ls", sample_name(&certificate->pCertInfo->Subject, name));
        CertFreeCertificateContext(certificate);
    }
    printf("\n");
    if (!sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_SRTP_PARAMETERS, &srtp))
    {
        print_keys(peer, srtp.ProtectionProfile);
        sspi->FreeContextBuffer(srtp.MasterKeyIdentifier);
    }
    fflush(stdout);
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/* One call; its datagram is sent. */
static SECURITY_STATUS step(struct peer *peer, const BYTE *datagram, DWORD size)
{
    SecBuffer in[6], out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 0, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle *context = peer->has_context ? &peer->context : NULL;
    ULONG attributes;
    SECURITY_STATUS status;

    if (datagram)
    {
        in[in_desc.cBuffers++] = (SecBuffer){ size, SECBUFFER_TOKEN, (void *)datagram };
        in[in_desc.cBuffers++] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
        if (options.listen)
            in[in_desc.cBuffers++] = (SecBuffer){ sizeof(peer->address), SECBUFFER_EXTRA, &peer->address };
    }
    if (!context)
    {
        if (options.mtu)
            in[in_desc.cBuffers++] = (SecBuffer){ sizeof(options.mtu), SECBUFFER_DTLS_MTU, &options.mtu };
        if (options.srtp[0])
            in[in_desc.cBuffers++] =
                (SecBuffer){ sizeof(options.srtp), SECBUFFER_SRTP_PROTECTION_PROFILES, options.srtp };
        if (options.alpn.size)
            in[in_desc.cBuffers++] =
                (SecBuffer){ options.alpn.size, SECBUFFER_APPLICATION_PROTOCOLS, options.alpn.bytes };
    }
    if (options.listen)
        status = sspi->AcceptSecurityContext(
            &credential, context, &in_desc,
            ASC_REQ_DATAGRAM | ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY |
                ASC_REQ_ALLOCATE_MEMORY | ASC_REQ_EXTENDED_ERROR | (options.ask ? ASC_REQ_MUTUAL_AUTH : 0),
            0, &peer->context, &out_desc, &attributes, NULL);
    else
        status = sspi->InitializeSecurityContextW(
            &credential, context, (WCHAR *)options.host,
            ISC_REQ_DATAGRAM | ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY |
                ISC_REQ_ALLOCATE_MEMORY | ISC_REQ_EXTENDED_ERROR,
            0, 0, in_desc.cBuffers ? &in_desc : NULL, 0, &peer->context, &out_desc, &attributes, NULL);
    if (status >= 0 && peer->context.dwLower) peer->has_context = TRUE;
    if (out.pvBuffer && out.cbBuffer) send_to(peer, out.pvBuffer, out.cbBuffer);
    if (out.pvBuffer) sspi->FreeContextBuffer(out.pvBuffer);
    return status;
}

static void forget(struct peer *peer)
{
    if (peer->has_context) sspi->DeleteSecurityContext(&peer->context);
    memset(peer, 0, sizeof(*peer));
}

/* A step and the rest of its flight. FALSE: that was the end. */
static BOOL shake(struct peer *peer, const BYTE *datagram, DWORD size)
{
    SECURITY_STATUS status = step(peer, datagram, size);
    BOOL was_done = peer->done;

    while (status == SEC_I_MESSAGE_FRAGMENT) status = step(peer, NULL, 0);
    if (status == SEC_I_INCOMPLETE_CREDENTIALS) status = step(peer, NULL, 0);
    while (status == SEC_I_MESSAGE_FRAGMENT) status = step(peer, NULL, 0);
    if (datagram)
    {
        peer->patience = PATIENCE;
        peer->tries = 0;
    }
    peer->deadline = GetTickCount() + peer->patience;
    if (status == SEC_E_OK)
    {
        peer->done = TRUE;
        if (!was_done)
        {
            peer->agreements++;
            print_agreement(peer);
        }
        return TRUE;
    }
    if (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE) return TRUE;
    if (options.listen && !peer->has_context) return FALSE; /* noise */
    sample_fail("the handshake", status);
    return FALSE;
}

/* --- data ----------------------------------------------------------------------------------------------- */

static BOOL seal(struct peer *peer, const void *data, DWORD size)
{
    static BYTE memory[DATAGRAM_MAX + 512];
    SecPkgContext_StreamSizes sizes;
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    if (sspi->QueryContextAttributesW(&peer->context, SECPKG_ATTR_STREAM_SIZES, &sizes)) return FALSE;
    memcpy(memory + sizes.cbHeader, data, size);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, memory + sizes.cbHeader };
    buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    if (sspi->EncryptMessage(&peer->context, 0, &desc, 0)) return FALSE;
    send_to(peer, memory, buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer);
    return TRUE;
}

/* FALSE: the peer has closed, or worse. `data` is set when there is some. */
static BOOL open_datagram(struct peer *peer, BYTE *datagram, DWORD size, SecBuffer *data)
{
    SecBuffer buffers[4] = { { size, SECBUFFER_DATA, datagram } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    BYTE *copy = malloc(size);
    SECURITY_STATUS status;

    memset(data, 0, sizeof(*data));
    if (!copy) return FALSE;
    memcpy(copy, datagram, size); /* it is needed once more when it is no data */
    status = sspi->DecryptMessage(&peer->context, &desc, 0, NULL);
    if (status == SEC_E_UNFINISHED_CONTEXT_DELETED)
    {
        shake(peer, copy, size); /* the peer has not heard our last flight */
        status = SEC_E_OK;
    }
    else if (status == SEC_I_RENEGOTIATE) /* the server wants another handshake */
    {
        peer->done = FALSE;
        status = shake(peer, NULL, 0) ? SEC_E_OK : SEC_E_INTERNAL_ERROR;
    }
    else if (status == SEC_E_OK && buffers[1].BufferType == SECBUFFER_DATA)
        *data = buffers[1];
    free(copy);
    return status == SEC_E_OK || status == SEC_E_OUT_OF_SEQUENCE || status == SEC_E_MESSAGE_ALTERED ||
           status == SEC_E_DECRYPT_FAILURE || status == SEC_E_INVALID_TOKEN;
}

static void say_goodbye(struct peer *peer)
{
    DWORD order = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

    if (!sspi->ApplyControlToken(&peer->context, &desc)) step(peer, NULL, 0);
}

/* --- both sides ----------------------------------------------------------------------------------------- */

/* Waits for a datagram until a peer loses patience; its size, or 0. */
static DWORD wait_for_datagram(BYTE *datagram, struct sockaddr_in *from, DWORD milliseconds)
{
    struct timeval time = { (long)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000 };
    int length = sizeof(*from), size;
    fd_set set;

    FD_ZERO(&set);
    FD_SET(sock, &set);
    if (select(0, &set, NULL, NULL, &time) <= 0) return 0;
    size = recvfrom(sock, (char *)datagram, DATAGRAM_MAX, 0, (struct sockaddr *)from, &length);
    return size > 0 ? (DWORD)size : 0;
}

/* A flight that was not answered is said again. FALSE: often enough. */
static BOOL lose_patience(struct peer *peer)
{
    if (++peer->tries > TRIES) return FALSE;
    peer->patience *= 2;
    return shake(peer, NULL, 0);
}

static struct peer *find_peer(struct peer *peers, const struct sockaddr_in *from)
{
    struct peer *unused = NULL;
    unsigned i;

    for (i = 0; i < PEERS_MAX; i++)
    {
        if (!peers[i].used)
            unused = &peers[i];
        else if (peers[i].address.sin_addr.s_addr == from->sin_addr.s_addr &&
                 peers[i].address.sin_port == from->sin_port)
            return &peers[i];
    }
    if (!unused) return NULL;
    memset(unused, 0, sizeof(*unused));
    unused->address = *from;
    return unused;
}

/* Never comes to an end. */
static __attribute__((noreturn)) void serve(void)
{
    static BYTE datagram[DATAGRAM_MAX];
    static struct peer peers[PEERS_MAX];

    for (;;)
    {
        struct sockaddr_in from;
        DWORD size = wait_for_datagram(datagram, &from, 100);
        struct peer *peer;
        SecBuffer data;
        unsigned i;

        for (i = 0; i < PEERS_MAX; i++)
            if (peers[i].used && !peers[i].done && (LONG)(GetTickCount() - peers[i].deadline) >= 0 &&
                !lose_patience(&peers[i]))
                forget(&peers[i]);
        if (!size || !(peer = find_peer(peers, &from))) continue;
        if (!peer->done)
        {
            if (!shake(peer, datagram, size)) forget(peer);
            peer->used = peer->has_context;
        }
        else if (!open_datagram(peer, datagram, size, &data))
        {
            say_goodbye(peer); /* the same back, if it was the client's */
            forget(peer);
        }
        else if (data.cbBuffer)
            seal(peer, data.pvBuffer, data.cbBuffer);
    }
}

/* The handshake, or another one. */
static BOOL agree(struct peer *peer)
{
    static BYTE datagram[DATAGRAM_MAX];

    while (!peer->done)
    {
        LONG left = (LONG)(peer->deadline - GetTickCount());
        struct sockaddr_in from;
        DWORD size = wait_for_datagram(datagram, &from, left > 0 ? (DWORD)left : 0);

        if (!(size ? shake(peer, datagram, size) : lose_patience(peer))) return FALSE;
    }
    return TRUE;
}

/* Sends a line until an answer comes, and shows that. Another handshake is an answer, too, unless it was the
 * last line: servers that have no more to say would be told again. */
static BOOL exchange(struct peer *peer, const WCHAR *text, BOOL last)
{
    unsigned tries, agreements = peer->agreements;
    static BYTE datagram[DATAGRAM_MAX];
    char line[1024];

    if (!WideCharToMultiByte(CP_UTF8, 0, text, -1, line, sizeof(line) - 1, NULL, NULL)) return FALSE;
    strcat(line, "\n");
    for (tries = 0; tries < 5; tries++)
    {
        struct sockaddr_in from;
        SecBuffer data = { 0 };
        DWORD size;

        if (!seal(peer, line, (DWORD)strlen(line))) return FALSE;
        while (!data.cbBuffer && (size = wait_for_datagram(datagram, &from, PATIENCE)))
        {
            if (!open_datagram(peer, datagram, size, &data) || !agree(peer)) return FALSE;
            if (!last && peer->agreements != agreements) return TRUE;
        }
        if (!data.cbBuffer) continue;
        printf("%.*s", (int)data.cbBuffer, (char *)data.pvBuffer);
        return TRUE;
    }
    fputs("nobody answered\n", stderr);
    return FALSE;
}

static int converse(void)
{
    struct peer peer = { .used = TRUE, .patience = PATIENCE };
    unsigned i;
    BOOL good;

    peer.address.sin_family = AF_INET;
    peer.address.sin_port = htons(options.port);
    peer.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    good = shake(&peer, NULL, 0) && agree(&peer);
    for (i = 0; good && i < options.line_count; i++)
        good = exchange(&peer, options.lines[i], i + 1 == options.line_count);
    if (good) say_goodbye(&peer);
    forget(&peer);
    return good ? 0 : 1;
}

static BOOL open_socket(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int length = sizeof(address);
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = options.listen ? htons(options.port) : 0;
    if ((sock = socket(AF_INET, SOCK_DGRAM, 0)) == INVALID_SOCKET ||
        bind(sock, (struct sockaddr *)&address, length))
        return FALSE;
    getsockname(sock, (struct sockaddr *)&address, &length);
    if (options.listen)
    {
        printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
        fflush(stdout);
    }
    return TRUE;
}

static BOOL acquire(void)
{
    SCHANNEL_CRED cred = {
        .dwVersion = SCHANNEL_CRED_VERSION,
        .cCreds = options.certificate ? 1 : 0,
        .paCred = &options.certificate,
        .grbitEnabledProtocols = options.protocols & (options.listen ? ~CLIENT_PROTOCOLS : CLIENT_PROTOCOLS),
        .dwFlags = SCH_CRED_NO_DEFAULT_CREDS | (options.insecure ? SCH_CRED_MANUAL_CRED_VALIDATION : 0)
    };
    SECURITY_STATUS status = sspi->AcquireCredentialsHandleW(
        NULL, (WCHAR *)UNISP_NAME_W, options.listen ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND, NULL, &cred,
        NULL, NULL, &credential, NULL);

    if (status) sample_fail("the credential", status);
    return !status;
}

/* --- options -------------------------------------------------------------------------------------------- */

static BOOL parse_protocols(const WCHAR *list)
{
    if (wcsstr(list, L"dtls1.0")) options.protocols |= SP_PROT_DTLS1_0;
    if (wcsstr(list, L"dtls1.2")) options.protocols |= SP_PROT_DTLS1_2;
    return options.protocols != 0;
}

/* Numbers in network order behind their size; unused places repeat the first. */
static BOOL parse_srtp(const WCHAR *list)
{
    USHORT size = sizeof(options.srtp) - 2;
    unsigned i;

    memcpy(options.srtp, &size, sizeof(size));
    for (i = 0; i < 8; i++)
    {
        const WCHAR *comma = wcschr(list, ',');

        options.srtp[2 + 2 * i + 1] = (BYTE)_wtoi(list);
        if (comma) list = comma + 1;
    }
    return options.srtp[3] != 0;
}

static BOOL parse_options(int argc, WCHAR **argv)
{
    const WCHAR *rest[3];
    int i, count = 0;

    for (i = 1; i < argc; i++)
    {
        const WCHAR *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (!wcscmp(argv[i], L"--listen"))
            options.listen = TRUE;
        else if (!wcscmp(argv[i], L"--direct"))
            options.direct = TRUE;
        else if (!wcscmp(argv[i], L"--insecure"))
            options.insecure = TRUE;
        else if (!wcscmp(argv[i], L"--ask"))
            options.ask = TRUE;
        else if (!wcscmp(argv[i], L"--srtp-keys"))
            options.keys = TRUE;
        else if (!wcscmp(argv[i], L"--reconnect"))
            options.reconnect = TRUE;
        else if (argv[i][0] != '-')
        {
            if (count == 3) return FALSE;
            rest[count++] = argv[i];
        }
        else if (!value)
            return FALSE;
        else
        {
            i++;
            if (!wcscmp(argv[i - 1], L"--password"))
                options.password = value;
            else if (!wcscmp(argv[i - 1], L"--send") && options.line_count < LINES_MAX)
                options.lines[options.line_count++] = value;
            else if (!wcscmp(argv[i - 1], L"--mtu"))
                options.mtu = (WORD)_wtoi(value);
            else if (!wcscmp(argv[i - 1], L"--loss"))
                options.loss = (DWORD)_wtoi(value);
            else if (!wcscmp(argv[i - 1], L"--protocols") ? !parse_protocols(value)
                     : !wcscmp(argv[i - 1], L"--srtp")    ? !parse_srtp(value)
                     : !wcscmp(argv[i - 1], L"--alpn")    ? !sample_alpn(value, &options.alpn)
                                                          : TRUE)
                return FALSE;
        }
    }
    if (count < 2) return FALSE;
    if (!options.line_count) options.lines[options.line_count++] = L"hello";
    if (!options.listen) options.host = rest[0];
    options.port = (unsigned short)_wtoi(rest[options.listen ? 0 : 1]);
    if (options.listen ? count == 2 : count == 3)
        return (options.certificate = sample_certificate(rest[count - 1], options.password)) != NULL;
    return !options.listen && count == 2;
}

int wmain(int argc, WCHAR **argv);
int wmain(int argc, WCHAR **argv)
{
    int result;

    if (!parse_options(argc, argv)) return usage();
    if (!(sspi = sample_open(options.direct)) || !acquire() || !open_socket()) return 1;
    srand(GetTickCount());
    if (options.listen) serve();
    result = converse();
    if (result || !options.reconnect) return result;
    closesocket(sock);
    return open_socket() ? converse() : 1;
}
