/*
 * What sspi-client tells: which DLL it was, what was agreed on, whose certificates came. As text, or all of
 * it as JSON.
 */
#include "client.h"
#include "version.h"

#define PEM_MAX 32768 /* characters of one certificate */

/* --- the DLL -------------------------------------------------------------------------------------------- */

struct module
{
    WCHAR path[MAX_PATH], product[64], version[64], gnutls[64]; /* empty: not known */
};

static void read_string(const BYTE *block, const WCHAR *name, WCHAR out[64])
{
    WCHAR where[100] = L"\\StringFileInfo\\040904b0\\", *text;
    UINT size;

    wcscat(where, name);
    if (VerQueryValueW(block, where, (void **)&text, &size) && size < 64) wcscpy(out, text);
}

/* The schannel.dll of this process. FALSE: none; secur32 uses its own. */
static BOOL find_module(struct module *module)
{
    HMODULE handle = GetModuleHandleW(L"schannel.dll");
    DWORD size;
    BYTE *block;

    memset(module, 0, sizeof(*module));
    if (!handle || !GetModuleFileNameW(handle, module->path, ARRAY_SIZE(module->path))) return FALSE;
    size = GetFileVersionInfoSizeW(module->path, NULL);
    if (!size || !(block = malloc(size))) return TRUE;
    if (GetFileVersionInfoW(module->path, 0, size, block))
    {
        read_string(block, L"ProductName", module->product);
        read_string(block, L"ProductVersion", module->version);
        read_string(block, L"GnuTLSVersion", module->gnutls);
    }
    free(block);
    return TRUE;
}

static void print_module(void)
{
    struct module module;

    if (!find_module(&module))
    {
        printf("schannel.dll    not loaded: secur32 uses its own\n");
        return;
    }
    printf("schannel.dll    %ls\n", module.path);
    if (*module.product) printf("                %ls %ls", module.product, module.version);
    if (*module.gnutls) printf(", GnuTLS %ls", module.gnutls);
    if (*module.product) putchar('\n');
}

/* --- what was agreed on --------------------------------------------------------------------------------- */

struct agreement
{
    SecPkgContext_ConnectionInfo info;
    SecPkgContext_CipherInfo cipher;
    SecPkgContext_ApplicationProtocol alpn;
    SecPkgContext_SessionInfo session;
    PCCERT_CONTEXT leaf, own; /* NULL: none */
};

static void read_agreement(struct connection *connection, struct agreement *agreement)
{
    const SecurityFunctionTableW *sspi = connection->sspi;
    CtxtHandle *context = &connection->context;

    memset(agreement, 0, sizeof(*agreement));
    agreement->cipher.dwVersion = SECPKGCONTEXT_CIPHERINFO_V1;
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_SESSION_INFO, &agreement->session);
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_CONNECTION_INFO, &agreement->info);
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_CIPHER_INFO, &agreement->cipher);
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_APPLICATION_PROTOCOL, &agreement->alpn);
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &agreement->leaf);
    sspi->QueryContextAttributesW(context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &agreement->own);
}

static void free_agreement(struct agreement *agreement)
{
    if (agreement->leaf) CertFreeCertificateContext(agreement->leaf);
    if (agreement->own) CertFreeCertificateContext(agreement->own);
}

static BOOL has_alpn(const struct agreement *agreement)
{
    return agreement->alpn.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_Success;
}

static BOOL is_resumed(const struct agreement *agreement)
{
    return (agreement->session.dwFlags & SSL_SESSION_RECONNECT) != 0;
}

/* The leaf, then whatever else its store holds: what the server sent, in no order. */
static void each_certificate(PCCERT_CONTEXT leaf, void (*tell)(unsigned number, PCCERT_CONTEXT certificate))
{
    PCCERT_CONTEXT other = NULL;
    unsigned number = 0;

    if (!leaf) return;
    tell(number++, leaf);
    while ((other = CertEnumCertificatesInStore(leaf->hCertStore, other)))
        if (!CertCompareCertificate(X509_ASN_ENCODING, other->pCertInfo, leaf->pCertInfo))
            tell(number++, other);
}

static void format_date(FILETIME time, char text[16])
{
    SYSTEMTIME parts;

    FileTimeToSystemTime(&time, &parts);
    snprintf(text, 16, "%04u-%02u-%02u", parts.wYear, parts.wMonth, parts.wDay);
}

/* A certificate between its lines, in a buffer that stays the same; with the ends of lines that files here
 * have. */
static const char *pem_of(PCCERT_CONTEXT certificate)
{
    static char text[PEM_MAX];
    DWORD size = sizeof(text);

    if (!CryptBinaryToStringA(certificate->pbCertEncoded, certificate->cbCertEncoded,
                              CRYPT_STRING_BASE64HEADER | CRYPT_STRING_NOCR, text, &size))
        text[0] = 0;
    return text;
}

/* --- as text -------------------------------------------------------------------------------------------- */

static void print_name(const char *label, const CERT_NAME_BLOB *name)
{
    WCHAR text[SAMPLE_NAME_SIZE];

    printf("%s%ls\n", label, sample_name(name, text));
}

static void print_certificate(unsigned number, PCCERT_CONTEXT certificate)
{
    char end[16];

    printf("certificate %u   ", number);
    print_name("", &certificate->pCertInfo->Subject);
    print_name("      issuer    ", &certificate->pCertInfo->Issuer);
    format_date(certificate->pCertInfo->NotAfter, end);
    printf("      until     %s\n", end);
    if (options.show_certificates) fputs(pem_of(certificate), stdout);
}

static void print_pem(unsigned number, PCCERT_CONTEXT certificate)
{
    (void)number;
    fputs(pem_of(certificate), stdout);
}

static const char *validation(void)
{
    if (options.insecure) return "none (-insecure)";
    return options.revocation ? "by Schannel, and it is not revoked" : "by Schannel";
}

static void print_line(const struct connection *connection, const struct agreement *agreement)
{
    printf("%ls %ls %s alpn %.*s header %lu trailer %lu %s", sample_protocol_name(agreement->info.dwProtocol),
           agreement->cipher.szCipherSuite, sample_group_name(agreement->cipher.dwKeyType),
           agreement->alpn.ProtocolIdSize, (char *)agreement->alpn.ProtocolId, connection->sizes.cbHeader,
           connection->sizes.cbTrailer, is_resumed(agreement) ? "resumed " : "");
}

static void print_briefly(const struct agreement *agreement)
{
    printf("connected       %ls, %ls, %s%s\n", sample_protocol_name(agreement->info.dwProtocol),
           agreement->cipher.szCipherSuite, sample_group_name(agreement->cipher.dwKeyType),
           is_resumed(agreement) ? ", resumed" : "");
    if (agreement->leaf) print_name("certificate     ", &agreement->leaf->pCertInfo->Subject);
    printf("validation      %s\n", validation());
    if (options.show_certificates) each_certificate(agreement->leaf, print_pem);
}

static void print_all(const struct connection *connection, const struct agreement *agreement)
{
    print_module();
    printf("protocol        %ls\n", sample_protocol_name(agreement->info.dwProtocol));
    printf("suite           %ls (0x%04lx)\n", agreement->cipher.szCipherSuite,
           agreement->cipher.dwCipherSuite);
    printf("group           %s\n", sample_group_name(agreement->cipher.dwKeyType));
    if (is_resumed(agreement)) printf("session         resumed\n");
    printf("alpn            %.*s\n", has_alpn(agreement) ? agreement->alpn.ProtocolIdSize : 4,
           has_alpn(agreement) ? (char *)agreement->alpn.ProtocolId : "none");
    printf("validation      %s\n", validation());
    each_certificate(agreement->leaf, print_certificate);
    if (connection->asked) printf("client          the server asked for a certificate and got none\n");
    if (agreement->own) print_name("client          ", &agreement->own->pCertInfo->Subject);
}

void report_connection(struct connection *connection)
{
    struct agreement agreement;

    if (options.json) return;
    read_agreement(connection, &agreement);
    if (options.quiet)
        print_line(connection, &agreement);
    else if (options.brief)
        print_briefly(&agreement);
    else
        print_all(connection, &agreement);
    free_agreement(&agreement);
    if (!options.quiet) fflush(stdout); /* half a line stays back: others write there, too */
}

static void print_end(const struct connection *connection)
{
    const char *closed = connection->closed_proper ? "closed properly" : "cut off";

    if (options.line_count) return; /* its end is not waited for */
    if (options.quiet)
        printf("body %llu %s\n", connection->body, closed);
    else if (!options.brief)
    {
        if (*connection->answer) printf("answer          %s\n", connection->answer);
        printf("body            %llu bytes, %s, %.1f MB/s\n", connection->body, closed,
               (double)connection->body / 1e6 / (connection->seconds > 0 ? connection->seconds : 1));
    }
}

/* --- as JSON -------------------------------------------------------------------------------------------- */

/* UTF-8 in quotes. */
static void json_bytes(const char *text, size_t size)
{
    size_t i;

    putchar('"');
    for (i = 0; i < size; i++)
    {
        if (text[i] == '"' || text[i] == '\\') putchar('\\');
        if ((unsigned char)text[i] < ' ')
            printf("\\u%04x", (unsigned char)text[i]);
        else
            putchar(text[i]);
    }
    putchar('"');
}

static void json_text(const WCHAR *text)
{
    char bytes[4 * SAMPLE_NAME_SIZE];
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof(bytes), NULL, NULL);

    json_bytes(bytes, size ? (size_t)size - 1 : 0);
}

static void json_member(const char *name, const WCHAR *text)
{
    printf(", \"%s\": ", name);
    json_text(text);
}

static void json_name(const char *name, const CERT_NAME_BLOB *subject)
{
    WCHAR text[SAMPLE_NAME_SIZE];

    json_member(name, sample_name(subject, text));
}

static void json_module(void)
{
    struct module module;
    BOOL found = find_module(&module);

    printf(", \"module\": ");
    if (!found)
    {
        printf("null");
        return;
    }
    printf("{\"path\": ");
    json_text(module.path);
    if (*module.product) json_member("product", module.product);
    if (*module.version) json_member("version", module.version);
    if (*module.gnutls) json_member("gnutls", module.gnutls);
    putchar('}');
}

static void json_certificate(unsigned number, PCCERT_CONTEXT certificate)
{
    BYTE hash[32];
    DWORD size = sizeof(hash), i;
    char date[16];

    printf("%s{\"sha256\": \"", number ? ", " : "");
    if (CryptHashCertificate(0, CALG_SHA_256, 0, certificate->pbCertEncoded, certificate->cbCertEncoded, hash,
                             &size))
        for (i = 0; i < size; i++) printf("%02x", hash[i]);
    putchar('"');
    json_name("subject", &certificate->pCertInfo->Subject);
    json_name("issuer", &certificate->pCertInfo->Issuer);
    format_date(certificate->pCertInfo->NotBefore, date);
    printf(", \"from\": \"%s\"", date);
    format_date(certificate->pCertInfo->NotAfter, date);
    printf(", \"until\": \"%s\"", date);
    if (options.show_certificates)
    {
        const char *pem = pem_of(certificate);

        printf(", \"pem\": ");
        json_bytes(pem, strlen(pem));
    }
    putchar('}');
}

static void json_agreement(struct connection *connection)
{
    struct agreement agreement;

    read_agreement(connection, &agreement);
    json_member("protocol", sample_protocol_name(agreement.info.dwProtocol));
    json_member("suite", agreement.cipher.szCipherSuite);
    printf(", \"suite_id\": %lu, \"group\": \"%s\", \"alpn\": ", agreement.cipher.dwCipherSuite,
           sample_group_name(agreement.cipher.dwKeyType));
    if (has_alpn(&agreement))
        json_bytes((char *)agreement.alpn.ProtocolId, agreement.alpn.ProtocolIdSize);
    else
        printf("null");
    printf(", \"resumed\": %s, \"validated\": %s, \"revocation_checked\": %s, \"asked_for_certificate\": %s",
           is_resumed(&agreement) ? "true" : "false", options.insecure ? "false" : "true",
           options.revocation && !options.insecure ? "true" : "false",
           connection->asked || agreement.own ? "true" : "false");
    if (agreement.own) json_name("client", &agreement.own->pCertInfo->Subject);
    printf(", \"certificates\": [");
    each_certificate(agreement.leaf, json_certificate);
    printf("], \"handshake_ms\": %.1f", connection->handshake_seconds * 1000);
    free_agreement(&agreement);
}

static void json_end(struct connection *connection, enum end end)
{
    printf("{\"host\": ");
    json_text(options.host);
    json_member("port", options.port);
    json_module();
    if (connection->failed) printf(", \"failed\": \"%s\"", connection->failed);
    if (connection->failed && connection->status)
        printf(", \"status\": \"0x%08lx\", \"status_name\": \"%s\"", connection->status,
               sample_status_name(connection->status));
    if (connection->has_context && !connection->failed) json_agreement(connection);
    if (*connection->answer)
    {
        printf(", \"answer\": ");
        json_bytes(connection->answer, strlen(connection->answer));
    }
    if (!connection->failed)
        printf(", \"bytes\": %llu, \"seconds\": %.3f, \"closed\": %s", connection->body, connection->seconds,
               connection->closed_proper ? "true" : "false");
    printf(", \"exit\": %d}\n", end);
}

void report_end(struct connection *connection, enum end end)
{
    if (options.json)
        json_end(connection, end);
    else if (!connection->failed)
        print_end(connection);
    fflush(stdout);
}

/* --- without a connection ------------------------------------------------------------------------------- */

/* What a credential of one side may speak, by SUPPORTED_PROTOCOLS. */
static void probe_side(const SecurityFunctionTableW *sspi, const char *label, DWORD use)
{
    SCH_CREDENTIALS data = { .dwVersion = SCH_CREDENTIALS_VERSION, .dwFlags = SCH_CRED_NO_DEFAULT_CREDS };
    SecPkgCred_SupportedProtocols supported = { 0 };
    WCHAR package[] = UNISP_NAME_W;
    CredHandle credential;
    SECURITY_STATUS status;
    DWORD bit;
    BOOL first = TRUE;

    printf("%s: ", label);
    status = sspi->AcquireCredentialsHandleW(NULL, package, use, NULL, &data, NULL, NULL, &credential, NULL);
    if (!status)
    {
        status = sspi->QueryCredentialsAttributesW(&credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &supported);
        sspi->FreeCredentialsHandle(&credential);
    }
    for (bit = 1; !status && bit; bit <<= 1)
    {
        if (!(supported.grbitProtocol & bit)) continue;
        printf("%s%ls", first ? "" : ", ", sample_protocol_name(bit));
        first = FALSE;
    }
    if (status) printf("none, 0x%08lx", status);
    putchar('\n');
}

static unsigned count_roots(void)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, L"Root");
    PCCERT_CONTEXT certificate = NULL;
    unsigned count = 0;

    while (store && (certificate = CertEnumCertificatesInStore(store, certificate))) count++;
    if (store) CertCloseStore(store, 0);
    return count;
}

enum end report_probe(const SecurityFunctionTableW *sspi)
{
    struct module module;
    BOOL found;

    /* secur32 loads the DLL when it is asked for the package for the first time. */
    probe_side(sspi, "client", SECPKG_CRED_OUTBOUND);
    found = find_module(&module);
    printf("bits: %u\n", (unsigned)sizeof(void *) * 8);
    printf("module: %ls\n", found ? module.path : L"none");
    printf("product: %ls\n", module.product);
    printf("version: %ls\n", module.version);
    printf("gnutls: %ls\n", module.gnutls);
    printf("roots: %u\n", count_roots());
    return END_GOOD;
}

enum end report_version(void)
{
    struct module module;
    HMODULE dll;

    printf("sspi-client of schannel-gnutls " PRODUCT_VERSION "\n");
    if (!(dll = LoadLibraryW(L"schannel.dll"))) return END_GOOD;
    if (find_module(&module) && *module.product)
        printf("%ls %ls, GnuTLS %ls, in %ls\n", module.product, module.version, module.gnutls, module.path);
    FreeLibrary(dll);
    return END_GOOD;
}
