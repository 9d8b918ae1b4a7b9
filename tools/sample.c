/*
 * What the sample programs share: finding the package, and putting options and answers into words.
 */
#include "sample.h"

const SecurityFunctionTableW *sample_open(BOOL direct)
{
    static HMODULE module; /* stays loaded */
    PSecurityFunctionTableW(WINAPI * init)(void) = NULL;
    const SecurityFunctionTableW *sspi;

    module = LoadLibraryW(direct ? L"schannel.dll" : L"secur32.dll");
    if (module) init = (void *)GetProcAddress(module, "InitSecurityInterfaceW");
    sspi = init ? init() : NULL;
    if (!sspi) fputs("no SSPI here\n", stderr);
    return sspi;
}

/* --- statuses ------------------------------------------------------------------------------------------- */

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
    { CRYPT_E_REVOKED,            "CRYPT_E_REVOKED",            "the certificate was revoked" },
    { CRYPT_E_NO_REVOCATION_CHECK, "CRYPT_E_NO_REVOCATION_CHECK", "nobody says whether the certificate was revoked" },
    { CRYPT_E_REVOCATION_OFFLINE, "CRYPT_E_REVOCATION_OFFLINE", "who knows whether the certificate was revoked cannot be asked" },
    { SEC_E_UNKNOWN_CREDENTIALS,  "SEC_E_UNKNOWN_CREDENTIALS",  "our own certificate or its key cannot be used" },
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

static unsigned find_status(SECURITY_STATUS status)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(status_names); i++)
        if (status_names[i].status == status) break;
    return i;
}

const char *sample_status_name(SECURITY_STATUS status)
{
    unsigned i = find_status(status);

    return i < ARRAY_SIZE(status_names) ? status_names[i].name : "status";
}

int sample_fail(const char *what, SECURITY_STATUS status)
{
    unsigned i = find_status(status);

    if (i < ARRAY_SIZE(status_names))
        fprintf(stderr, "%s: %s (0x%08lx), %s\n", what, status_names[i].name, status,
                status_names[i].meaning);
    else
        fprintf(stderr, "%s: 0x%08lx\n", what, status);
    return 1;
}

/* --- words ---------------------------------------------------------------------------------------------- */

static const struct
{
    const WCHAR *option, *name;
    DWORD protocol; /* both sides' bits */
} protocols[] = {
    { L"ssl3", L"SSL 3.0", SP_PROT_SSL3 },        { L"tls1.0", L"TLS 1.0", SP_PROT_TLS1_0 },
    { L"tls1.1", L"TLS 1.1", SP_PROT_TLS1_1 },    { L"tls1.2", L"TLS 1.2", SP_PROT_TLS1_2 },
    { L"tls1.3", L"TLS 1.3", SP_PROT_TLS1_3 },    { L"dtls1.0", L"DTLS 1.0", SP_PROT_DTLS1_0 },
    { L"dtls1.2", L"DTLS 1.2", SP_PROT_DTLS1_2 },
};

DWORD sample_protocols(const WCHAR *list)
{
    DWORD bits = 0;
    unsigned i;

    while (*list)
    {
        size_t size = wcscspn(list, L",");

        for (i = 0; i < ARRAY_SIZE(protocols); i++)
            if (wcslen(protocols[i].option) == size && !wcsncmp(list, protocols[i].option, size)) break;
        if (i == ARRAY_SIZE(protocols)) return 0;
        bits |= protocols[i].protocol;
        list += size + (list[size] == ',');
    }
    return bits;
}

const WCHAR *sample_protocol_name(DWORD protocol)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(protocols); i++)
        if (protocols[i].protocol & protocol) return protocols[i].name;
    return L"unknown protocol";
}

const char *sample_group_name(DWORD group)
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

BOOL sample_alpn(const WCHAR *list, struct sample_alpn *alpn)
{
    DWORD all, extension = SecApplicationProtocolNegotiationExt_ALPN, used = 10;
    USHORT names;

    while (*list)
    {
        size_t size = wcscspn(list, L","), i;

        if (!size || size > 255 || used + size + 1 > sizeof(alpn->bytes)) return FALSE;
        alpn->bytes[used++] = (BYTE)size;
        for (i = 0; i < size; i++) alpn->bytes[used++] = (BYTE)list[i];
        list += size + (list[size] == ',');
    }
    if (used == 10) return FALSE;
    all = used - 4;
    names = (USHORT)(used - 10);
    memcpy(alpn->bytes, &all, 4);
    memcpy(alpn->bytes + 4, &extension, 4);
    memcpy(alpn->bytes + 8, &names, 2);
    alpn->size = used;
    return TRUE;
}

BOOL sample_psk(const WCHAR *text, struct sample_psk *psk)
{
    const WCHAR *colon = wcschr(text, ':'), *digit;
    USHORT size;
    unsigned byte;
    int length;

    if (!colon || colon == text) return FALSE;
    length = WideCharToMultiByte(CP_UTF8, 0, text, (int)(colon - text), (char *)psk->identity + sizeof(size),
                                 sizeof(psk->identity) - sizeof(size), NULL, NULL);
    if (!length) return FALSE;
    size = (USHORT)length;
    memcpy(psk->identity, &size, sizeof(size));
    for (digit = colon + 1, size = 0; *digit; digit += 2, size++)
    {
        if (sizeof(size) + size == sizeof(psk->key) || !digit[1] || swscanf(digit, L"%2x", &byte) != 1)
            return FALSE;
        psk->key[sizeof(size) + size] = (BYTE)byte;
    }
    memcpy(psk->key, &size, sizeof(size));
    return size != 0;
}

void sample_psk_buffers(struct sample_psk *psk, SecBuffer buffers[2])
{
    USHORT size;

    memcpy(&size, psk->key, sizeof(size));
    buffers[0] = (SecBuffer){ sizeof(size) + size, SECBUFFER_PRESHARED_KEY, psk->key };
    memcpy(&size, psk->identity, sizeof(size));
    buffers[1] = (SecBuffer){ sizeof(size) + size, SECBUFFER_PRESHARED_KEY_IDENTITY, psk->identity };
}

const WCHAR *sample_name(const CERT_NAME_BLOB *name, WCHAR text[SAMPLE_NAME_SIZE])
{
    CertNameToStrW(X509_ASN_ENCODING, (CERT_NAME_BLOB *)name, CERT_X500_NAME_STR, text, SAMPLE_NAME_SIZE);
    return text;
}

/* --- certificates --------------------------------------------------------------------------------------- */

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

/* The key may be exported: what Wine's provider cannot sign, others then can. */
PCCERT_CONTEXT sample_certificate(const WCHAR *path, const WCHAR *password)
{
    CRYPT_DATA_BLOB blob = { 0, NULL };
    PCCERT_CONTEXT certificate;
    HCERTSTORE store;

    if (!(blob.pbData = read_file(path, &blob.cbData))) return NULL;
    store = PFXImportCertStore(&blob, password, PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    free(blob.pbData);
    if (!store) return NULL;
    certificate = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_ANY, NULL, NULL);
    CertCloseStore(store, 0); /* the certificate keeps it */
    return certificate;
}

/* A provider without a container: its key is in memory only. The certificate holds it. AT_SIGNATURE is what
 * CertCreateSelfSignCertificate takes when it is not told otherwise. */
PCCERT_CONTEXT sample_self_signed(const WCHAR *name)
{
    CRYPT_ALGORITHM_IDENTIFIER sha256 = { .pszObjId = (char *)szOID_RSA_SHA256RSA };
    CERT_KEY_CONTEXT key = { .cbSize = sizeof(key), .dwKeySpec = AT_SIGNATURE };
    CERT_ALT_NAME_ENTRY entry = { .dwAltNameChoice = CERT_ALT_NAME_DNS_NAME, .pwszDNSName = (WCHAR *)name };
    CERT_ALT_NAME_INFO names = { 1, &entry };
    CERT_EXTENSION extension = { .pszObjId = (char *)szOID_SUBJECT_ALT_NAME2 };
    CERT_EXTENSIONS extensions = { 1, &extension };
    BYTE alternative[512], subject[512];
    CERT_NAME_BLOB subject_blob = { sizeof(subject), subject };
    PCCERT_CONTEXT certificate;
    WCHAR x500[260] = L"CN=";
    HCRYPTKEY pair;

    extension.Value.pbData = alternative;
    extension.Value.cbData = sizeof(alternative);
    if (wcslen(name) > 250 ||
        !CertStrToNameW(X509_ASN_ENCODING, wcscat(x500, name), CERT_X500_NAME_STR, NULL, subject,
                        &subject_blob.cbData, NULL) ||
        !CryptEncodeObject(X509_ASN_ENCODING, X509_ALTERNATE_NAME, &names, alternative,
                           &extension.Value.cbData) ||
        !CryptAcquireContextW(&key.hCryptProv, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT))
        return NULL;
    if (!CryptGenKey(key.hCryptProv, AT_SIGNATURE, 2048 << 16 | CRYPT_EXPORTABLE, &pair))
    {
        CryptReleaseContext(key.hCryptProv, 0);
        return NULL;
    }
    CryptDestroyKey(pair);
    certificate = CertCreateSelfSignCertificate(key.hCryptProv, &subject_blob, 0, NULL, &sha256, NULL, NULL,
                                                &extensions);
    if (certificate && CertSetCertificateContextProperty(certificate, CERT_KEY_CONTEXT_PROP_ID, 0, &key))
        return certificate;
    if (certificate) CertFreeCertificateContext(certificate);
    CryptReleaseContext(key.hCryptProv, 0);
    return NULL;
}

/* --- the wire ------------------------------------------------------------------------------------------- */

BOOL sample_send(struct sample_stream *stream, const void *data, size_t size)
{
    const char *next = data;

    while (size)
    {
        int sent = send(stream->socket, next, (int)size, 0);

        if (sent <= 0) return FALSE;
        next += sent;
        size -= (size_t)sent;
    }
    return TRUE;
}

BOOL sample_receive(struct sample_stream *stream)
{
    DWORD room;
    int size;

    if (stream->room - stream->size < 32768)
    {
        BYTE *more = realloc(stream->received, stream->room + 65536);

        if (!more) return FALSE;
        stream->received = more;
        stream->room += 65536;
    }
    room = stream->room - stream->size;
    if (stream->chunk && room > stream->chunk) room = stream->chunk;
    size = recv(stream->socket, (char *)stream->received + stream->size, (int)room, 0);
    if (size <= 0) return FALSE;
    stream->size += (DWORD)size;
    return TRUE;
}

void sample_keep(struct sample_stream *stream, DWORD size)
{
    memmove(stream->received, stream->received + stream->size - size, size);
    stream->size = size;
}

void sample_close(struct sample_stream *stream)
{
    if (stream->socket != INVALID_SOCKET) closesocket(stream->socket);
    free(stream->received);
}
