/*
 * The Ssl* exports that are older than SSPI, and perflib's three.
 *
 * tests/pki.py makes the certificates and has OpenSSL say what is in them (NAME.facts, NAME.spki).
 */
#include "test.h"
#include "door.h"
#include <stdio.h>

static BOOL(WINAPI *crack)(BYTE *certificate, DWORD size, DWORD flags, X509Certificate **cracked);
static void(WINAPI *release)(X509Certificate *cracked);

static HMODULE module;

/* A file of the PKI in memory of its own. */
static BYTE *load(const char *name, const char *ending, DWORD *size)
{
    char file[64];
    BYTE *data, *copy;

    snprintf(file, sizeof(file), "%s.%s", name, ending);
    data = pki_file(file, size);
    ok(data && *size, "%s is missing\n", file);
    copy = malloc(*size + 1);
    if (*size) memcpy(copy, data, *size);
    copy[*size] = 0;
    return copy;
}

/* --- bytes at the end of a page, with nothing behind them ----------------------------------------------- */

#define GUARDED_ROOM 0x4000

static BYTE *guard; /* the page behind */

static void guard_open(void)
{
    DWORD old;
    BYTE *room = VirtualAlloc(NULL, GUARDED_ROOM + 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);

    guard = room + GUARDED_ROOM;
    VirtualProtect(guard, 0x1000, PAGE_NOACCESS, &old);
}

static BYTE *guarded(const BYTE *data, DWORD size)
{
    return memcpy(guard - size, data, size);
}

/* --- what is in a certificate --------------------------------------------------------------------------- */

/* The value of "key=value" in a text of lines. */
static const char *fact(const char *facts, const char *key, char value[256])
{
    const char *line = facts;
    size_t size = strlen(key), i = 0;

    while (line && (strncmp(line, key, size) || line[size] != '='))
        if ((line = strchr(line, '\n'))) line++;
    for (line = line ? line + size + 1 : ""; i < 255 && *line && *line != '\n' && *line != '\r';)
        value[i++] = *line++;
    value[i] = 0;
    return value;
}

/* "2024-02-29 12:34:56Z" */
static ULONGLONG time_of(const char *text)
{
    SYSTEMTIME parts = { 0 };
    ULARGE_INTEGER value = { .QuadPart = 0 };
    FILETIME time = { 0 };

    sscanf(text, "%hu-%hu-%hu %hu:%hu:%hu", &parts.wYear, &parts.wMonth, &parts.wDay, &parts.wHour,
           &parts.wMinute, &parts.wSecond);
    ok(SystemTimeToFileTime(&parts, &time), "no time: %s\n", text);
    value.LowPart = time.dwLowDateTime;
    value.HighPart = time.dwHighDateTime;
    return value.QuadPart;
}

static ULONGLONG as_number(FILETIME time)
{
    return (ULONGLONG)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

/* The last 16 bytes of a number in hexadecimal digits, the last one first. */
static void serial_of(const char *digits, BYTE serial[16])
{
    size_t size = strlen(digits) / 2, i;
    unsigned byte;

    memset(serial, 0, 16);
    for (i = 0; i < size && i < 16; i++)
    {
        sscanf(digits + 2 * (size - 1 - i), "%2x", &byte);
        serial[i] = (BYTE)byte;
    }
}

static const struct
{
    const char *name;
    DWORD version;
    ALG_ID signature;
    DWORD key;
} certificates[] = {
    { "parts", CERT_V3, CALG_SHA_256, CALG_RSA_KEYX },
    { "v1", CERT_V1, CALG_SHA_256, CALG_RSA_KEYX },
    { "rsa", CERT_V3, CALG_SHA_256, CALG_RSA_KEYX },
    { "md5", CERT_V3, CALG_MD5, CALG_RSA_KEYX },
    { "ecdsa", CERT_V3, CALG_SHA_256, CALG_ECDSA },
    { "own-ecdsa", CERT_V3, CALG_OID_INFO_CNG_ONLY, CALG_ECDSA },
};

static void test_each_field_is_what_openssl_says(void)
{
    X509Certificate *cracked;
    char value[256];
    BYTE serial[16];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(certificates); i++)
    {
        const char *name = certificates[i].name;
        DWORD size, facts_size, spki_size;
        BYTE *der = load(name, "der", &size), *spki = load(name, "spki", &spki_size);
        char *facts = (char *)load(name, "facts", &facts_size);

        cracked = NULL;
        ok(crack(der, size, 0, &cracked), "%s: %#lx\n", name, GetLastError());
        if (cracked)
        {
            memset(der, 0xaa, size); /* what was given out stands for itself */
            ok(cracked->Version == certificates[i].version, "%s: version %lu\n", name, cracked->Version);
            serial_of(fact(facts, "serial", value), serial);
            ok(*value && !memcmp(serial, cracked->SerialNumber, sizeof(serial)), "%s: serial number %s\n",
               name, value);
            ok(cracked->SignatureAlgorithm == certificates[i].signature, "%s: signature %#x\n", name,
               cracked->SignatureAlgorithm);
            ok(as_number(cracked->ValidFrom) == time_of(fact(facts, "notBefore", value)), "%s: from %s\n",
               name, value);
            ok(as_number(cracked->ValidUntil) == time_of(fact(facts, "notAfter", value)), "%s: until %s\n",
               name, value);
            ok(!strcmp(cracked->pszIssuer, fact(facts, "issuer", value)) && *value, "%s: issuer %s, not %s\n",
               name, cracked->pszIssuer, value);
            ok(!strcmp(cracked->pszSubject, fact(facts, "subject", value)) && *value,
               "%s: subject %s, not %s\n", name, cracked->pszSubject, value);
            ok(cracked->pPublicKey->Type == certificates[i].key, "%s: key of type %#lx\n", name,
               cracked->pPublicKey->Type);
            /* SubjectPublicKeyInfo ends with a BIT STRING, whose contents begin with the number of unused
             * bits. */
            ok(cracked->pPublicKey->cbKey > 64 && cracked->pPublicKey->cbKey < spki_size &&
                   !spki[spki_size - cracked->pPublicKey->cbKey - 1] &&
                   !memcmp(cracked->pPublicKey->pKey, spki + spki_size - cracked->pPublicKey->cbKey,
                           cracked->pPublicKey->cbKey),
               "%s: key of %lu bytes\n", name, cracked->pPublicKey->cbKey);
            release(cracked);
        }
        free(der);
        free(spki);
        free(facts);
    }
    release(NULL);
}

/* --- files ---------------------------------------------------------------------------------------------- */

/* Netscape's wrapper around a certificate with a length of two bytes. */
static BYTE *wrap(const BYTE *der, DWORD size, const char *word, DWORD *wrapped_size)
{
    DWORD word_size = (DWORD)strlen(word), body = 2 + word_size + size;
    BYTE *wrapped = malloc(4 + body);
    const BYTE head[] = { 0x30, 0x82, (BYTE)(body >> 8), (BYTE)body, 0x04, (BYTE)word_size };

    memcpy(wrapped, head, sizeof(head));
    memcpy(wrapped + sizeof(head), word, word_size);
    memcpy(wrapped + sizeof(head) + word_size, der, size);
    *wrapped_size = 4 + body;
    return wrapped;
}

static BOOL cracks(const void *data, DWORD size, DWORD flags)
{
    X509Certificate *cracked = (X509Certificate *)1;
    BOOL good = crack(guarded(data, size), size, flags, &cracked);

    if (good)
        good = !strcmp(cracked->pszSubject, "CN=localhost");
    else
        ok(!cracked, "a certificate that is none\n");
    release(cracked);
    return good;
}

static void test_a_file_may_hold_der_base64_or_netscapes_wrapper(void)
{
    DWORD size, pem_size, wrapped_size, other_size;
    BYTE *der = load("rsa", "der", &size), *pem = load("rsa", "pem", &pem_size);
    BYTE *wrapped = wrap(der, size, "certificate", &wrapped_size);
    BYTE *other = wrap(der, size, "certificata", &other_size);
    char *base64 = strchr((char *)pem, '\n') + 1;
    DWORD base64_size = (DWORD)(strstr(base64, "-----END") - base64);
    static const char empty[] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    DWORD key_size, both_size;
    BYTE behind[4096] = { 0 }, *key = load("rsa", "key", &key_size), *both;

    ok(cracks(der, size, CF_CERT_FROM_FILE), "DER: %#lx\n", GetLastError());
    ok(cracks(pem, pem_size, CF_CERT_FROM_FILE), "PEM: %#lx\n", GetLastError());
    ok(cracks(base64, base64_size, CF_CERT_FROM_FILE), "base64: %#lx\n", GetLastError());
    ok(!cracks(empty, sizeof(empty) - 1, CF_CERT_FROM_FILE), "PEM of nothing\n");
    ok(!cracks(key, key_size, CF_CERT_FROM_FILE), "a key in PEM\n");
    both_size = key_size + pem_size;
    both = malloc(both_size);
    memcpy(both, key, key_size);
    memcpy(both + key_size, pem, pem_size);
    ok(cracks(both, both_size, CF_CERT_FROM_FILE), "a key and a certificate in PEM: %#lx\n", GetLastError());
    ok(cracks(wrapped, wrapped_size, CF_CERT_FROM_FILE), "a wrapper: %#lx\n", GetLastError());
    ok(!cracks(other, other_size, CF_CERT_FROM_FILE), "a strange wrapper was opened\n");
    ok(cracks(der, size, 0), "DER: %#lx\n", GetLastError());
    ok(!cracks(pem, pem_size, 0), "PEM without being a file\n");
    ok(!cracks(base64, base64_size, 0), "base64 without being a file\n");
    ok(!cracks(wrapped, wrapped_size, 0), "a wrapper without being a file\n");

    memcpy(behind, der, size);
    ok(cracks(behind, sizeof(behind), 0), "bytes behind a certificate: %#lx\n", GetLastError());
    free(der);
    free(pem);
    free(wrapped);
    free(other);
    free(key);
    free(both);
}

static void test_a_signature_is_verified_when_that_is_asked(void)
{
    static const struct
    {
        const char *name;
        BOOL own; /* signed by its own key */
    } rows[] = { { "parts", TRUE }, { "v1", TRUE },   { "own-ecdsa", TRUE },
                 { "rsa", FALSE },  { "md5", FALSE }, { "tampered", FALSE } };
    X509Certificate *cracked;
    unsigned i;
    DWORD size;
    BYTE *der;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        der = load(rows[i].name, "der", &size);
        cracked = NULL;
        ok(crack(der, size, 0, &cracked) && cracked, "%s: %#lx\n", rows[i].name, GetLastError());
        release(cracked);
        SetLastError(0);
        cracked = NULL;
        ok(crack(der, size, CF_VERIFY_SIG, &cracked) == rows[i].own, "%s: %#lx\n", rows[i].name,
           GetLastError());
        ok(!cracked == !rows[i].own, "%s: %p\n", rows[i].name, cracked);
        ok(rows[i].own || GetLastError(), "%s: no error\n", rows[i].name);
        release(cracked);
        free(der);
    }
}

static void test_what_is_no_certificate(void)
{
    DWORD size, i, flags;
    BYTE *der = load("rsa", "der", &size), *ocsp, random[512];
    X509Certificate *cracked = (X509Certificate *)1;

    SetLastError(0);
    ok(!crack(NULL, size, 0, &cracked) && !cracked && GetLastError() == ERROR_INVALID_PARAMETER,
       "no bytes: %#lx\n", GetLastError());
    SetLastError(0);
    ok(!crack(der, size, 0, NULL) && GetLastError() == ERROR_INVALID_PARAMETER, "no result: %#lx\n",
       GetLastError());
    SetLastError(0);
    ok(!crack(der, 0, CF_CERT_FROM_FILE, &cracked) && GetLastError() == ERROR_INVALID_PARAMETER,
       "no size: %#lx\n", GetLastError());
    cracked = (X509Certificate *)1;
    SetLastError(0);
    ok(!crack(der, size, 4, &cracked) && !cracked && GetLastError() == ERROR_INVALID_FLAGS, "a flag: %#lx\n",
       GetLastError());
    free(der);

    ocsp = load("stapled-good", "ocsp", &size);
    SetLastError(0);
    ok(!crack(ocsp, size, CF_CERT_FROM_FILE, &cracked) && GetLastError(), "an OCSP response\n");
    free(ocsp);

    srand(1);
    for (i = 0; i < 2000; i++)
    {
        for (size = 0; size < sizeof(random); size++) random[size] = (BYTE)rand();
        if (i & 1) memcpy(random, "\x30\x82\x01\xfc\x30\x82\x01\x00", 8);
        flags = i / 2 & (CF_CERT_FROM_FILE | CF_VERIFY_SIG);
        SetLastError(0);
        ok(!cracks(random, sizeof(random), flags) && GetLastError(), "chance made a certificate: %lu\n", i);
    }
}

static void test_every_truncation_is_refused(void)
{
    static const char *const endings[] = { "der", "pem" };
    DWORD size, cut, i;
    BYTE *data;

    for (i = 0; i < ARRAY_SIZE(endings); i++)
    {
        data = load("rsa", endings[i], &size);
        for (cut = i ? 2 : 1; cut < size; cut++) /* text may lose the end of its last line */
        {
            SetLastError(0);
            ok(!cracks(data, size - cut, CF_CERT_FROM_FILE) && GetLastError(), "%s without %lu bytes\n",
               endings[i], cut);
            if (!i) ok(!cracks(data, size - cut, 0), "without %lu bytes\n", cut);
        }
        free(data);
    }
}

/* Whatever is changed, there is an answer; and nothing that is signed can be changed unseen. */
static void test_every_changed_byte(void)
{
    static const BYTE masks[] = { 0x01, 0x80, 0xff };
    DWORD size, at, i, tried = 0, accepted = 0, signed_end;
    BYTE *der = load("parts", "der", &size), *bytes = guarded(der, size);
    X509Certificate *cracked;

    signed_end = 4 + 4 + (der[6] << 8 | der[7]); /* 30 82 size size, 30 82 size size */
    ok(der[1] == 0x82 && der[4] == 0x30 && der[5] == 0x82 && signed_end < size, "an unexpected shape\n");
    for (at = 0; at < size; at++)
        for (i = 0; i < ARRAY_SIZE(masks); i++)
        {
            bytes[at] = der[at] ^ masks[i];
            tried++;
            cracked = NULL;
            if (crack(bytes, size, CF_CERT_FROM_FILE, &cracked))
            {
                accepted++;
                ok(strlen(cracked->pszIssuer) < size && strlen(cracked->pszSubject) < size &&
                       cracked->pPublicKey->cbKey < size,
                   "byte %lu\n", at);
                release(cracked);
            }
            ok(!crack(bytes, size, CF_VERIFY_SIG, &cracked) || at < 4 || at >= signed_end,
               "byte %lu: the signature is wrong\n", at);
            release(cracked);
            bytes[at] = der[at];
        }
    ok(crack(bytes, size, CF_VERIFY_SIG, &cracked), "as it was: %#lx\n", GetLastError());
    release(cracked);
    ok(accepted > tried / 3 && accepted < tried, "%lu of %lu accepted\n", accepted, tried);
    free(der);
}

/* --- the rest ------------------------------------------------------------------------------------------- */

static void test_random_bits_fill_what_they_are_given_and_no_more(void)
{
    void(WINAPI * random)(BYTE *, LONG) = (void *)GetProcAddress(module, "SslGenerateRandomBits");
    BYTE first[66], next[66];
    LONG size;
    unsigned i, same = 0;

    for (size = 0; size <= 64; size++)
    {
        memset(first, 0xaa, sizeof(first));
        memset(next, 0xaa, sizeof(next));
        random(first + 1, size);
        random(next + 1, size);
        ok(first[0] == 0xaa && next[0] == 0xaa, "%ld bytes: one before\n", size);
        for (i = size + 1; i < sizeof(first); i++)
            ok(first[i] == 0xaa && next[i] == 0xaa, "%ld bytes: one behind\n", size);
        ok(size < 8 || memcmp(first + 1, next + 1, size), "%ld bytes: the same twice\n", size);
    }
    for (i = 1; i < 65; i++) same += first[i] == 0xaa;
    ok(same < 16, "%u of 64 bytes were not written\n", same);
    memset(first, 0xaa, sizeof(first));
    random(first, -1);
    random(first, (LONG)0x80000000);
    ok(first[0] == 0xaa && first[65] == 0xaa, "a negative number of bytes\n");
    random(NULL, 5);
}

static void test_the_largest_key_is_the_providers(void)
{
    DWORD(WINAPI * largest)(DWORD) = (void *)GetProcAddress(module, "SslGetMaximumKeySize");

    /* "Microsoft Strong Cryptographic Provider": up to 16,384 bits (Microsoft: its page). */
    ok(largest(0) == 16384, "%lu bits\n", largest(0));
    ok(largest(~0u) == largest(0), "%lu bits\n", largest(~0u));
}

static void test_keys_as_before_cryptoapi_are_refused(void)
{
    BOOL(WINAPI * generate)
    (SSL_CREDENTIAL_CERTIFICATE *, char *, char *, DWORD) =
        (void *)GetProcAddress(module, "SslGenerateKeyPair");
    void *(WINAPI * load_certificate)(void *, void *, void *) =
        (void *)GetProcAddress(module, "SslLoadCertificate");
    SSL_CREDENTIAL_CERTIFICATE result, untouched;
    char name[] = "CN=localhost", password[] = "secret";

    memset(&result, 0xaa, sizeof(result));
    untouched = result;
    SetLastError(0);
    ok(!generate(&result, name, password, 1024) && GetLastError() == ERROR_CALL_NOT_IMPLEMENTED,
       "SslGenerateKeyPair: %#lx\n", GetLastError());
    ok(!memcmp(&result, &untouched, sizeof(result)), "something was written\n");
    SetLastError(0);
    ok(!generate(NULL, NULL, NULL, 0) && GetLastError() == ERROR_CALL_NOT_IMPLEMENTED,
       "SslGenerateKeyPair: %#lx\n", GetLastError());
    SetLastError(0);
    ok(!load_certificate(NULL, NULL, NULL) && GetLastError() == ERROR_CALL_NOT_IMPLEMENTED,
       "SslLoadCertificate: %#lx\n", GetLastError());
}

static void test_a_custom_buffer_stays_its_owners(void)
{
    BOOL(WINAPI * free_buffer)(void *) = (void *)GetProcAddress(module, "SslFreeCustomBuffer");
    BYTE *memory = HeapAlloc(GetProcessHeap(), 0, 64);

    ok((free_buffer == NULL) == (sizeof(void *) == 4), "SslFreeCustomBuffer: %p\n", free_buffer);
    if (free_buffer)
    {
        ok(!free_buffer(NULL) && !free_buffer(memory), "something was freed\n");
        ok(HeapValidate(GetProcessHeap(), 0, memory) && HeapSize(GetProcessHeap(), 0, memory) == 64,
           "it was freed\n");
    }
    HeapFree(GetProcessHeap(), 0, memory);
}

static void test_perflib_collects_nothing(void)
{
    DWORD(WINAPI * open)(WCHAR *) = (void *)GetProcAddress(module, "OpenSslPerformanceData");
    DWORD(WINAPI * collect)
    (WCHAR *, void **, DWORD *, DWORD *) = (void *)GetProcAddress(module, "CollectSslPerformanceData");
    DWORD(CDECL * close)(void) = (void *)GetProcAddress(module, "CloseSslPerformanceData");
    WCHAR global[] = L"Global", name[] = L"";
    BYTE buffer[16];
    DWORD size = sizeof(buffer), types = 0xdead, i;
    void *data = buffer;

    memset(buffer, 0xaa, sizeof(buffer));
    ok(open(name) == ERROR_SUCCESS && open(NULL) == ERROR_SUCCESS, "Open\n");
    ok(collect(global, &data, &size, &types) == ERROR_SUCCESS, "Collect\n");
    ok(data == buffer && !size && !types, "%lu bytes of %lu types\n", size, types);
    for (i = 0; i < sizeof(buffer); i++) ok(buffer[i] == 0xaa, "byte %lu was written\n", i);
    ok(collect(NULL, NULL, NULL, NULL) == ERROR_SUCCESS, "Collect\n");
    ok(close() == ERROR_SUCCESS, "Close\n");
}

START_TEST(sspi_legacy)
{
    if (!sspi_open()) return;
    module = GetModuleHandleA("schannel.dll");
    crack = (void *)GetProcAddress(module, "SslCrackCertificate");
    release = (void *)GetProcAddress(module, "SslFreeCertificate");
    guard_open();
    RUN(test_each_field_is_what_openssl_says);
    RUN(test_a_file_may_hold_der_base64_or_netscapes_wrapper);
    RUN(test_a_signature_is_verified_when_that_is_asked);
    RUN(test_what_is_no_certificate);
    RUN(test_every_truncation_is_refused);
    RUN(test_every_changed_byte);
    RUN(test_random_bits_fill_what_they_are_given_and_no_more);
    RUN(test_the_largest_key_is_the_providers);
    RUN(test_keys_as_before_cryptoapi_are_refused);
    RUN(test_a_custom_buffer_stays_its_owners);
    RUN(test_perflib_collects_nothing);
}
