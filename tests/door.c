/*
 * What the tests that come through the door share.
 */
#include "door.h"
#include "heap.h"
#include <stdio.h>
#include <stdlib.h>

const SecurityFunctionTableW *sspi;
const SecurityFunctionTableA *sspi_a;

BOOL sspi_is_direct(void)
{
    const char *way = getenv("SSPI_WAY");

    return way && !strcmp(way, "direct");
}

/* Wine's own schannel.dll has the same exports; the name in the version resource is ours. */
static BOOL is_ours(HMODULE module)
{
    static const WCHAR name[] = L"schannel-gnutls";
    HRSRC resource =
        module ? FindResourceW(module, MAKEINTRESOURCEW(VS_VERSION_INFO), (const WCHAR *)RT_VERSION) : NULL;
    const BYTE *data = resource ? LockResource(LoadResource(module, resource)) : NULL;
    DWORD i, size = resource ? SizeofResource(module, resource) : 0;

    for (i = 0; data && i + sizeof(name) <= size; i += sizeof(WCHAR))
        if (!memcmp(data + i, name, sizeof(name))) return TRUE;
    return FALSE;
}

BOOL sspi_is_ours(void)
{
    return is_ours(GetModuleHandleA("schannel.dll"));
}

BOOL sspi_load(void)
{
    const char *file = getenv("SSPI_DLL");
    PSecurityFunctionTableW(WINAPI * init_w)(void);
    PSecurityFunctionTableA(WINAPI * init_a)(void);
    SecPkgInfoW *info = NULL;
    WSADATA data;
    HMODULE module;

    WSAStartup(MAKEWORD(2, 2), &data);
    module = LoadLibraryA(sspi_is_direct() ? (file ? file : "schannel.dll") : "secur32.dll");
    init_w = (void *)GetProcAddress(module, "InitSecurityInterfaceW");
    init_a = (void *)GetProcAddress(module, "InitSecurityInterfaceA");
    if (!init_w || !init_a)
    {
        printf("FAIL no door: %s\n",
               sspi_is_direct() ? "schannel.dll does not load" : "secur32.dll does not load");
        return FALSE;
    }
    sspi = init_w();
    sspi_a = init_a();
    /* secur32 loads the package when it is first asked for one. */
    if (!sspi->QuerySecurityPackageInfoW((WCHAR *)UNISP_NAME_W, &info)) sspi->FreeContextBuffer(info);
    return TRUE;
}

BOOL sspi_open(void)
{
    if (!sspi_load()) return FALSE;
    if (sspi_is_ours()) return TRUE;
    printf("FAIL the schannel.dll that was loaded is not ours\n");
    return FALSE;
}

unsigned short peer_port(const char *name)
{
    const char *port = getenv(name);

    return port ? (unsigned short)atoi(port) : 0;
}

SECURITY_STATUS client_credential(DWORD protocols, BOOL modern, DWORD flags, PCCERT_CONTEXT *certificates,
                                  DWORD count, CredHandle *credential)
{
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION,
                          .grbitEnabledProtocols = protocols,
                          .cCreds = count,
                          .paCred = certificates,
                          .dwFlags = flags };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = ~protocols };
    SCH_CREDENTIALS new = {
        .dwVersion = SCH_CREDENTIALS_VERSION, .cCreds = count, .paCred = certificates, .dwFlags = flags
    };

    if (protocols)
    {
        new.cTlsParameters = 1;
        new.pTlsParameters = &parameters;
    }
    return sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                           modern ? (void *)&new : (void *)&old, NULL, NULL, credential,
                                           NULL);
}

SECURITY_STATUS client_acquire_flags(struct client *client, DWORD protocols, BOOL modern, DWORD flags)
{
    SECURITY_STATUS status;

    memset(client, 0, sizeof(*client));
    client->socket = INVALID_SOCKET;
    client->target = L"localhost";
    client->requirements = CLIENT_FLAGS;
    status = client_credential(protocols, modern, flags, NULL, 0, &client->credential);
    client->has_credential = !status;
    return status;
}

SECURITY_STATUS client_acquire(struct client *client, DWORD protocols, BOOL modern)
{
    return client_acquire_flags(client, protocols, modern,
                                SCH_CRED_NO_DEFAULT_CREDS | SCH_CRED_MANUAL_CRED_VALIDATION);
}

BOOL client_connect(struct client *client, unsigned short port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    DWORD timeout = 20000;

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof(timeout));
    return port && !connect(client->socket, (struct sockaddr *)&address, sizeof(address));
}

BOOL client_fill(struct client *client)
{
    int size;

    if (client->room - client->size < 65536)
    {
        client->room += 65536;
        client->received = realloc(client->received, client->room);
    }
    size = recv(client->socket, (char *)client->received + client->size, 65536, 0);
    if (size <= 0) return FALSE;
    client->size += (size_t)size;
    return TRUE;
}

/* Forgets what was used: all of what was given but `left` bytes at its end. */
static void use(struct client *client, size_t given, size_t left)
{
    size_t used = given - left;

    memmove(client->received, client->received + used, client->size - used);
    client->size -= used;
}

SECURITY_STATUS client_step(struct client *client)
{
    size_t given = client->feed && client->feed < client->size ? client->feed : client->size;
    SecBuffer in[2] = { { (ULONG)given, SECBUFFER_TOKEN, client->received }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 2, in }, out_desc = { SECBUFFER_VERSION, 1, &out };
    SECURITY_STATUS status;

    status = sspi->InitializeSecurityContextW(
        &client->credential, client->has_context ? &client->context : NULL, (WCHAR *)client->target,
        client->requirements, 0, 0, client->has_context ? &in_desc : NULL, 0, &client->context, &out_desc,
        &client->attributes, NULL);
    client->token_size = 0;
    if (status != SEC_E_INCOMPLETE_MESSAGE && out.cbBuffer && out.pvBuffer)
    {
        client->token_size = out.cbBuffer < sizeof(client->token) ? out.cbBuffer : sizeof(client->token);
        memcpy(client->token, out.pvBuffer, client->token_size);
        client->sent += out.cbBuffer;
        if (client->socket != INVALID_SOCKET) send(client->socket, out.pvBuffer, (int)out.cbBuffer, 0);
        sspi->FreeContextBuffer(out.pvBuffer);
    }
    if (status == SEC_I_INCOMPLETE_CREDENTIALS) client->requests++;
    if (client->has_context && !FAILED(status) && !(status == SEC_I_INCOMPLETE_CREDENTIALS && client->repeat))
        use(client, given, in[1].BufferType == SECBUFFER_EXTRA ? in[1].cbBuffer : 0);
    if (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_OK) client->has_context = TRUE;
    return status;
}

SECURITY_STATUS client_handshake(struct client *client)
{
    size_t feed = client->feed;
    SECURITY_STATUS status = client_step(client);

    while (status == SEC_I_CONTINUE_NEEDED || status == SEC_E_INCOMPLETE_MESSAGE ||
           status == SEC_I_INCOMPLETE_CREDENTIALS)
    {
        if (status == SEC_I_INCOMPLETE_CREDENTIALS)
        {
            if (client->requested) client->requested(client);
        }
        else if (status == SEC_E_INCOMPLETE_MESSAGE && client->feed && client->feed < client->size)
            client->feed += feed;
        else if ((status == SEC_E_INCOMPLETE_MESSAGE || !client->size) && !client_fill(client))
            break;
        else if (status == SEC_I_CONTINUE_NEEDED)
            client->feed = feed;
        status = client_step(client);
    }
    client->feed = feed;
    return status;
}

SECURITY_STATUS client_open(struct client *client, const char *peer, DWORD protocols, BOOL modern)
{
    SECURITY_STATUS status = client_acquire(client, protocols, modern);

    if (status) return status;
    return client_connect(client, peer_port(peer)) ? client_handshake(client)
                                                   : SEC_E_NO_AUTHENTICATING_AUTHORITY;
}

SECURITY_STATUS client_send(struct client *client, const void *data, size_t size)
{
    SecPkgContext_StreamSizes sizes;
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    BYTE *memory;

    status = sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_STREAM_SIZES, &sizes);
    if (status) return status;
    memory = malloc(sizes.cbHeader + size + sizes.cbTrailer);
    if (size) memcpy(memory + sizes.cbHeader, data, size);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, memory };
    buffers[1] = (SecBuffer){ (ULONG)size, SECBUFFER_DATA, memory + sizes.cbHeader };
    buffers[2] = (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, memory + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    status = sspi->EncryptMessage(&client->context, 0, &desc, 0);
    if (!status)
        send(client->socket, (char *)memory,
             (int)(buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer), 0);
    free(memory);
    return status;
}

SECURITY_STATUS client_decrypt(struct client *client, void *data, size_t room, size_t *size)
{
    size_t given = client->feed && client->feed < client->size ? client->feed : client->size, left = 0;
    SecBuffer buffers[4] = { { (ULONG)given, SECBUFFER_DATA, client->received } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    SECURITY_STATUS status;
    unsigned i;

    *size = 0;
    for (i = 1; i < 4; i++) buffers[i] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    status = sspi->DecryptMessage(&client->context, &desc, 0, NULL);
    if (FAILED(status)) return status;
    for (i = 0; i < 4; i++)
    {
        if (buffers[i].BufferType == SECBUFFER_EXTRA) left = buffers[i].cbBuffer;
        if (buffers[i].BufferType != SECBUFFER_DATA) continue;
        *size = buffers[i].cbBuffer < room ? buffers[i].cbBuffer : room;
        memcpy(data, buffers[i].pvBuffer, *size);
    }
    use(client, given, left);
    return status;
}

SECURITY_STATUS client_receive(struct client *client, void *data, size_t room, size_t *size)
{
    size_t feed = client->feed;
    SECURITY_STATUS status;

    for (;;)
    {
        status = client->size ? client_decrypt(client, data, room, size) : SEC_E_INCOMPLETE_MESSAGE;
        if (status == SEC_E_INCOMPLETE_MESSAGE)
        {
            if (client->feed && client->feed < client->size)
                client->feed += feed;
            else if (!client_fill(client))
                break;
            continue;
        }
        client->feed = feed;
        if (status == SEC_I_RENEGOTIATE)
        {
            client->renegotiations++;
            if ((status = client_handshake(client))) break;
            continue;
        }
        if (status || *size) break;
    }
    client->feed = feed;
    return status;
}

void client_close(struct client *client)
{
    if (client->has_context) sspi->DeleteSecurityContext(&client->context);
    if (client->has_credential) sspi->FreeCredentialsHandle(&client->credential);
    if (client->socket != INVALID_SOCKET) closesocket(client->socket);
    free(client->received);
    memset(client, 0, sizeof(*client));
    client->socket = INVALID_SOCKET;
}

/* --- certificates --------------------------------------------------------------------------------------- */

BYTE *pki_file(const char *name, DWORD *size)
{
    static BYTE data[16384];
    char path[MAX_PATH];
    FILE *file;

    *size = 0;
    snprintf(path, sizeof(path), "%s/%s", getenv("PKI") ? getenv("PKI") : ".", name);
    if (!(file = fopen(path, "rb"))) return NULL;
    *size = (DWORD)fread(data, 1, sizeof(data), file);
    fclose(file);
    return data;
}

HCERTSTORE pfx_store(const char *name, DWORD flags)
{
    CRYPT_DATA_BLOB blob;
    char file[64];

    snprintf(file, sizeof(file), "%s.pfx", name);
    blob.pbData = pki_file(file, &blob.cbData);
    return PFXImportCertStore(&blob, L"secret", flags);
}

static BOOL is_authority(PCCERT_CONTEXT certificate)
{
    CERT_BASIC_CONSTRAINTS2_INFO constraints = { 0 };
    DWORD size = sizeof(constraints);
    CERT_EXTENSION *extension = CertFindExtension(
        szOID_BASIC_CONSTRAINTS2, certificate->pCertInfo->cExtension, certificate->pCertInfo->rgExtension);

    return extension &&
           CryptDecodeObject(X509_ASN_ENCODING, X509_BASIC_CONSTRAINTS2, extension->Value.pbData,
                             extension->Value.cbData, 0, &constraints, &size) &&
           constraints.fCA;
}

PCCERT_CONTEXT pfx_certificate(const char *name, DWORD flags)
{
    HCERTSTORE store = pfx_store(name, flags);
    PCCERT_CONTEXT certificate = NULL;

    if (!store) return NULL;
    while ((certificate = CertEnumCertificatesInStore(store, certificate)))
        if (!is_authority(certificate)) break;
    CertCloseStore(store, 0); /* the certificate keeps it */
    return certificate;
}

/* --- ClientHello ---------------------------------------------------------------------------------------- */

static unsigned number(const BYTE *data, unsigned size)
{
    unsigned value = 0;

    while (size--) value = value << 8 | *data++;
    return value;
}

static void parse_extension(unsigned type, const BYTE *data, unsigned size, struct hello *hello)
{
    unsigned i;

    switch (type)
    {
    case 0: /* server_name: list length, type, length, name */
        if (size >= 5)
            memcpy(hello->server_name, data + 5, min(number(data + 3, 2), sizeof(hello->server_name) - 1));
        break;
    case 10: /* supported_groups */
        for (i = 2; i + 2 <= size && hello->group_count < 16; i += 2)
            hello->groups[hello->group_count++] = (unsigned short)number(data + i, 2);
        break;
    case 16: /* application_layer_protocol_negotiation */
        hello->alpn_size = min(size - 2, sizeof(hello->alpn));
        memcpy(hello->alpn, data + 2, hello->alpn_size);
        break;
    case 43: /* supported_versions */
        for (i = 1; i + 2 <= size && hello->version_count < 16; i += 2)
            hello->versions[hello->version_count++] = (unsigned short)number(data + i, 2);
        break;
    case 51: /* key_share */
        for (i = 2; i + 4 <= size; i += 4 + number(data + i + 2, 2)) hello->key_shares++;
        break;
    default:
        break;
    }
}

void hello_parse(const BYTE *token, size_t size, struct hello *hello)
{
    const BYTE *end, *at, *extensions_end;
    unsigned i, length;

    memset(hello, 0, sizeof(*hello));
    if (size < 9 + 35 || token[0] != 22 || size != 5 + number(token + 3, 2) || token[5] != 1 ||
        size != 9 + number(token + 6, 3))
        return;
    end = token + size;
    hello->record_version = (unsigned short)number(token + 1, 2);
    hello->version = (unsigned short)number(token + 9, 2);
    at = token + 9 + 2 + 32;
    at += 1 + at[0]; /* session id */
    length = number(at, 2);
    for (i = 0; i + 2 <= length && hello->suite_count < 64; i += 2)
        hello->suites[hello->suite_count++] = (unsigned short)number(at + 2 + i, 2);
    at += 2 + length;
    at += 1 + at[0]; /* compression */
    hello->sound = at == end;
    if (at + 2 > end) return;
    extensions_end = at + 2 + number(at, 2);
    hello->sound = extensions_end == end;
    for (at += 2; at + 4 <= extensions_end; at += 4 + number(at + 2, 2))
    {
        if (hello->extension_count < 32)
            hello->extensions[hello->extension_count++] = (unsigned short)number(at, 2);
        parse_extension(number(at, 2), at + 4, number(at + 2, 2), hello);
    }
}

/* Where our DLL, if it is that, says what its own heap has in use. */
static const struct heap_notice *find_notice(void)
{
    HMODULE dll = GetModuleHandleW(L"schannel.dll");
    const IMAGE_NT_HEADERS *header;
    const IMAGE_SECTION_HEADER *section;
    unsigned i;

    if (!dll) return NULL;
    header = (void *)((char *)dll + ((IMAGE_DOS_HEADER *)dll)->e_lfanew);
    section = IMAGE_FIRST_SECTION(header);
    for (i = 0; i < header->FileHeader.NumberOfSections; i++, section++)
    {
        const char *at = (char *)dll + section->VirtualAddress, *end = at + section->Misc.VirtualSize;

        if (memcmp(section->Name, ".rdata", 6)) continue;
        for (; at + sizeof(struct heap_notice) <= end; at += sizeof(void *))
            if (!memcmp(at, HEAP_NOTICE, sizeof(HEAP_NOTICE))) return (const struct heap_notice *)at;
    }
    return NULL;
}

SIZE_T heap_in_use(unsigned *blocks)
{
    const struct heap_notice *notice = find_notice();
    struct heap_sizes ours = { 0 };

    HANDLE heaps[64];
    DWORD i, count = GetProcessHeaps(ARRAY_SIZE(heaps), heaps);
    unsigned busy = 0;
    SIZE_T used = 0;

    for (i = 0; i < count && i < ARRAY_SIZE(heaps); i++)
    {
        PROCESS_HEAP_ENTRY entry = { NULL };

        HeapLock(heaps[i]);
        while (HeapWalk(heaps[i], &entry))
            if (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY)
            {
                used += entry.cbData;
                busy++;
            }
        HeapUnlock(heaps[i]);
    }
    if (notice) notice->measure(&ours);
    if (blocks) *blocks = busy + (unsigned)ours.blocks;
    return used + ours.used;
}

/* A new handle takes the first free place. */
DWORD handles_in_use(void)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    CloseHandle(event);
    return (DWORD)(ULONG_PTR)event / 4;
}

#define SCHANNEL_KEY L"SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL"
#define POLICY_KEY   L"SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002"

static void schannel_path(const WCHAR *subkey, WCHAR path[200])
{
    wcscpy(path, SCHANNEL_KEY);
    if (!subkey) return;
    wcscat(path, L"\\");
    wcscat(path, subkey);
}

void schannel_set(const WCHAR *subkey, const WCHAR *name, DWORD value)
{
    WCHAR path[200];

    schannel_path(subkey, path);
    RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, name, REG_DWORD, &value, sizeof(value));
}

void schannel_clear(const WCHAR *name)
{
    static const WCHAR *const keys[] = { L"Protocols", L"Ciphers", L"Hashes", L"KeyExchangeAlgorithms" };
    WCHAR path[200];
    unsigned i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
    {
        schannel_path(keys[i], path);
        RegDeleteTreeW(HKEY_LOCAL_MACHINE, path);
    }
    if (name) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, SCHANNEL_KEY, name);
}

void schannel_set_list(const WCHAR *name, const WCHAR *list)
{
    HKEY key;

    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, POLICY_KEY, 0, NULL, 0, KEY_WRITE | KEY_WOW64_64KEY, NULL, &key,
                        NULL))
        return;
    if (list)
        RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)list, (DWORD)((wcslen(list) + 1) * sizeof(WCHAR)));
    else
        RegDeleteValueW(key, name);
    RegCloseKey(key);
}
