/*
 * Client certificates: every kind of key the prefix can hold, against servers that ask for one.
 *
 * nginx (PEER_NGINX_ASKS) takes a client without one too, and says which it was given; `openssl s_server
 * -Verify` refuses it. Both know the root of the clients' authority alone, so that they believe a certificate
 * only if its intermediate is sent along.
 */
#include "test.h"
#include "door.h"
#include <bcrypt.h>
#include <ncrypt.h>
#include <stdio.h>

#define TLS12      SP_PROT_TLS1_2_CLIENT
#define TLS13      SP_PROT_TLS1_3_CLIENT
#define NO_DEFAULT (SCH_CRED_NO_DEFAULT_CREDS | SCH_CRED_MANUAL_CRED_VALIDATION)

#ifndef PKCS12_NO_PERSIST_KEY
#define PKCS12_NO_PERSIST_KEY 0x8000
#endif

/* --- stores --------------------------------------------------------------------------------------------- */

/* Wine leaves a root out of what it imports. */
static void add_to_store(HCERTSTORE store, const char *name)
{
    DWORD size, der_size = 4096;
    const char *pem = (const char *)pki_file(name, &size);
    BYTE der[4096];

    ok(CryptStringToBinaryA(pem, size, CRYPT_STRING_BASE64HEADER, der, &der_size, NULL, NULL) &&
           CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, der_size, CERT_STORE_ADD_ALWAYS,
                                            NULL),
       "%s: %#lx\n", name, GetLastError());
}

/* Wine gives every import of a user the same container; without it no later import finds an earlier one's
 * key. */
static void forget_keys(void)
{
    static const DWORD sets[] = { 0, CRYPT_MACHINE_KEYSET };
    HCRYPTPROV provider;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(sets); i++)
        CryptAcquireContextW(&provider, NULL, MS_ENHANCED_PROV_W, PROV_RSA_FULL,
                             CRYPT_DELETEKEYSET | sets[i]);
}

/* --- asking --------------------------------------------------------------------------------------------- */

/* Whether the server's answer to a GET holds the text. */
static BOOL says(struct client *client, const char *text)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    static char answer[32768];
    size_t used = 0, size;

    if (client_send(client, request, sizeof(request) - 1)) return FALSE;
    while (used < sizeof(answer) - 1 &&
           !client_receive(client, answer + used, sizeof(answer) - 1 - used, &size) && size)
        used += size;
    answer[used] = 0;
    if (strstr(answer, text)) return TRUE;
    trace("no \"%s\" in: %s\n", text, used > 600 ? answer + used - 600 : answer);
    return FALSE;
}

/* A client with certificates, from acquiring to the end of the handshake. */
static SECURITY_STATUS open_with(struct client *client, const char *peer, DWORD protocols, DWORD flags,
                                 PCCERT_CONTEXT *certificates, DWORD count)
{
    SECURITY_STATUS status;

    memset(client, 0, sizeof(*client));
    client->socket = INVALID_SOCKET;
    client->target = L"localhost";
    client->requirements = CLIENT_FLAGS;
    status = client_credential(protocols, TRUE, flags, certificates, count, &client->credential);
    if (status) return status;
    client->has_credential = TRUE;
    return client_connect(client, peer_port(peer)) ? client_handshake(client)
                                                   : SEC_E_NO_AUTHENTICATING_AUTHORITY;
}

/* --- keys of every kind --------------------------------------------------------------------------------- */

static const struct
{
    const char *name;
    DWORD flags;        /* of PFXImportCertStore */
    const char *tls[2]; /* what nginx says of it in TLS 1.2 and 1.3 */
} imports[] = {
    { "persisted", 0, { "TLSv1.2 SUCCESS CN=client", NULL } },
    { "persisted, exportable",
      CRYPT_EXPORTABLE,
      { "TLSv1.2 SUCCESS CN=client", "TLSv1.3 SUCCESS CN=client" } },
    { "of the machine", CRYPT_MACHINE_KEYSET, { "TLSv1.2 SUCCESS CN=client", NULL } },
    { "of the machine, exportable",
      CRYPT_MACHINE_KEYSET | CRYPT_EXPORTABLE,
      { "TLSv1.2 SUCCESS CN=client", "TLSv1.3 SUCCESS CN=client" } },
    { "in memory, exportable",
      PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE,
      { "TLSv1.2 SUCCESS CN=client", "TLSv1.3 SUCCESS CN=client" } },
    /* SHA-1 is all that Wine's provider signs with it, and nobody asks for that any more. */
    { "in memory", PKCS12_NO_PERSIST_KEY, { "TLSv1.2 NONE", NULL } },
};

static void test_pfx_imports_of_every_kind(void)
{
    unsigned i, modern;

    for (i = 0; i < ARRAY_SIZE(imports); i++)
    {
        PCCERT_CONTEXT certificate;

        forget_keys();
        certificate = pfx_certificate("client", imports[i].flags);
        ok(certificate != NULL, "%s: no certificate with a key\n", imports[i].name);
        if (!certificate) continue;
        for (modern = 0; modern < 2; modern++)
        {
            const char *expected = imports[i].tls[modern];
            struct client client;
            SECURITY_STATUS status;

            /* Without RSA-PSS the credential offers TLS 1.2, whatever it is asked for. */
            status = open_with(&client, "PEER_NGINX_ASKS", modern ? TLS12 | TLS13 : TLS12, NO_DEFAULT,
                               &certificate, 1);
            ok(!status, "%s, %s: %#lx\n", imports[i].name, modern ? "TLS 1.3" : "TLS 1.2", status);
            if (!expected) expected = imports[i].tls[0];
            if (!status)
                ok(says(&client, expected), "%s, %s\n", imports[i].name, modern ? "TLS 1.3" : "TLS 1.2");
            client_close(&client);
        }
        CertFreeCertificateContext(certificate);
    }
}

/* A number of a PRIVATEKEYBLOB, which has them from the small end. */
static BYTE *turned(BYTE *out, const BYTE **in, DWORD size)
{
    DWORD i;

    for (i = 0; i < size; i++) out[i] = (*in)[size - 1 - i];
    *in += size;
    return out + size;
}

/* The certificate with its key in CNG: exported by CryptoAPI, imported by ncrypt. */
static PCCERT_CONTEXT hold_by_cng(PCCERT_CONTEXT certificate, NCRYPT_KEY_HANDLE *key)
{
    CERT_KEY_CONTEXT capi = { .cbSize = sizeof(capi) }, cng = { .cbSize = sizeof(cng) };
    BYTE blob[4096], rsa[4096], *at = rsa + sizeof(BCRYPT_RSAKEY_BLOB);
    const BYTE *in = blob + sizeof(BLOBHEADER) + sizeof(RSAPUBKEY);
    BCRYPT_RSAKEY_BLOB *header = (BCRYPT_RSAKEY_BLOB *)rsa;
    DWORD size = sizeof(capi), modulus;
    NCRYPT_PROV_HANDLE provider;
    PCCERT_CONTEXT copy;
    HCRYPTKEY exported;
    RSAPUBKEY public;

    CertGetCertificateContextProperty(certificate, CERT_KEY_CONTEXT_PROP_ID, &capi, &size);
    ok(CryptGetUserKey(capi.hCryptProv, AT_KEYEXCHANGE, &exported), "%#lx\n", GetLastError());
    size = sizeof(blob);
    ok(CryptExportKey(exported, 0, PRIVATEKEYBLOB, 0, blob, &size), "%#lx\n", GetLastError());
    CryptDestroyKey(exported);
    memcpy(&public, blob + sizeof(BLOBHEADER), sizeof(public));
    modulus = public.bitlen / 8;
    *header =
        (BCRYPT_RSAKEY_BLOB){ BCRYPT_RSAPRIVATE_MAGIC, public.bitlen, 3, modulus, modulus / 2, modulus / 2 };
    *at++ = (BYTE)(public.pubexp >> 16);
    *at++ = (BYTE)(public.pubexp >> 8);
    *at++ = (BYTE) public.pubexp;
    at = turned(at, &in, modulus);
    at = turned(at, &in, modulus / 2);
    at = turned(at, &in, modulus / 2);
    ok(!NCryptOpenStorageProvider(&provider, NULL, 0), "no provider\n");
    ok(!NCryptImportKey(provider, 0, BCRYPT_RSAPRIVATE_BLOB, NULL, key, rsa, (DWORD)(at - rsa), 0),
       "no key\n");
    NCryptFreeObject(provider);

    copy = CertCreateCertificateContext(X509_ASN_ENCODING, certificate->pbCertEncoded,
                                        certificate->cbCertEncoded);
    cng.hNCryptKey = *key;
    cng.dwKeySpec = CERT_NCRYPT_KEY_SPEC;
    ok(CertSetCertificateContextProperty(copy, CERT_KEY_CONTEXT_PROP_ID, CERT_STORE_NO_CRYPT_RELEASE_FLAG,
                                         &cng),
       "%#lx\n", GetLastError());
    return copy;
}

static void test_a_key_of_cng(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("member", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE), copy;
    NCRYPT_KEY_HANDLE key = 0;
    unsigned modern;

    copy = hold_by_cng(certificate, &key);
    for (modern = 0; modern < 2; modern++) /* after a PSS signature Wine's key makes no other */
    {
        struct client client;

        ok_status(open_with(&client, "PEER_NGINX_ASKS", modern ? TLS13 : TLS12, NO_DEFAULT, &copy, 1),
                  SEC_E_OK);
        ok(says(&client, modern ? "TLSv1.3 SUCCESS CN=member" : "TLSv1.2 SUCCESS CN=member"),
           "not believed\n");
        client_close(&client);
    }
    CertFreeCertificateContext(copy);
    NCryptFreeObject(key);
    CertFreeCertificateContext(certificate);
}

/* curl takes the first certificate of the store. Wine's is not the leaf, but the key is said to be its own.
 */
static void test_the_first_certificate_of_a_pfx(void)
{
    HCERTSTORE store = pfx_store("client", CRYPT_EXPORTABLE);
    PCCERT_CONTEXT first = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_ANY, NULL, NULL);
    struct client client;

    ok_status(open_with(&client, "PEER_NGINX_ASKS", TLS13, NO_DEFAULT, &first, 1), SEC_E_OK);
    ok(says(&client, "TLSv1.3 SUCCESS CN=client"), "another certificate\n");
    client_close(&client);
    CertFreeCertificateContext(first);
    CertCloseStore(store, 0);
}

static void test_openssl_takes_it_and_nothing_less(void)
{
    static const struct
    {
        const char *peer;
        DWORD protocols;
        const char *answer;
    } rows[] = {
        { "PEER_ASKS_TLS13", TLS13, "Subject: CN=client" },
        { "PEER_ASKS_TLS12", TLS12, "Subject: CN=client" },
        { "PEER_ASKS_SHA512", TLS12, "Subject: CN=client" },
        { "PEER_ASKS_TLS11", SP_PROT_TLS1_1_CLIENT, "Subject: CN=client" },
    };
    PCCERT_CONTEXT certificate = pfx_certificate("client", CRYPT_EXPORTABLE);
    struct client client;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SECURITY_STATUS status =
            open_with(&client, rows[i].peer, rows[i].protocols, NO_DEFAULT, &certificate, 1);

        ok(!status, "%s: %#lx\n", rows[i].peer, status);
        ok(!client.requests, "%s: asked for what it was given\n", rows[i].peer);
        if (!status) ok(says(&client, rows[i].answer), "%s\n", rows[i].peer);
        client_close(&client);

        /* The twin: without a certificate the server refuses, in TLS 1.3 after our side of the handshake is
         * over. */
        status = open_with(&client, rows[i].peer, rows[i].protocols, NO_DEFAULT, NULL, 0);
        ok(client.requests == 1, "%s: asked %u times\n", rows[i].peer, client.requests);
        if (!status) ok(!says(&client, rows[i].answer), "%s: answers to anybody\n", rows[i].peer);
        client_close(&client);
    }
    CertFreeCertificateContext(certificate);
}

/* --- choosing ------------------------------------------------------------------------------------------- */

static void test_the_issuers_and_the_key_decide(void)
{
    PCCERT_CONTEXT member = pfx_certificate("member", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE),
                   client_certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    PCCERT_CONTEXT both[2] = { member, client_certificate };
    unsigned modern;

    for (modern = 0; modern < 2; modern++)
    {
        DWORD protocols = modern ? TLS13 : TLS12;
        struct client client;

        /* s_server asks for the clients' authority: the second is taken. */
        ok_status(open_with(&client, modern ? "PEER_ASKS_TLS13" : "PEER_ASKS_TLS12", protocols, NO_DEFAULT,
                            both, 2),
                  SEC_E_OK);
        ok(says(&client, "Subject: CN=client"), "the wrong one\n");
        client_close(&client);
        /* nginx asks for both: the first is taken. */
        ok_status(open_with(&client, "PEER_NGINX_ASKS", protocols, NO_DEFAULT, both, 2), SEC_E_OK);
        ok(says(&client, "SUCCESS CN=member"), "the wrong one\n");
        client_close(&client);
        /* One alone that the server does not want: the program is asked for another. */
        open_with(&client, modern ? "PEER_ASKS_TLS13" : "PEER_ASKS_TLS12", protocols, NO_DEFAULT, both, 1);
        ok(client.requests == 1, "asked %u times\n", client.requests);
        client_close(&client);
    }
    {
        struct client client;

        /* RSA to a server that takes ECDSA alone */
        open_with(&client, "PEER_ASKS_ECDSA", TLS12, NO_DEFAULT, &client_certificate, 1);
        ok(client.requests == 1, "asked %u times\n", client.requests);
        client_close(&client);
    }
    CertFreeCertificateContext(member);
    CertFreeCertificateContext(client_certificate);
}

/* --- coming back ---------------------------------------------------------------------------------------- */

static SecPkgContext_IssuerListInfoEx issuers;
static PCCERT_CONTEXT late;
static CredHandle former;

/* What a browser does while the handshake waits: looks at the issuers, and gets a credential with a
 * certificate. */
static void supply(struct client *client)
{
    ok_status(sspi->QueryContextAttributesW(&client->context, SECPKG_ATTR_ISSUER_LIST_EX, &issuers),
              SEC_E_OK);
    former = client->credential;
    ok_status(client_credential(0, TRUE, NO_DEFAULT, &late, 1, &client->credential), SEC_E_OK);
}

static BOOL names(const SecPkgContext_IssuerListInfoEx *list, const WCHAR *name)
{
    WCHAR text[200];
    DWORD i;

    for (i = 0; i < list->cIssuers; i++)
        if (CertNameToStrW(X509_ASN_ENCODING, &list->aIssuers[i], CERT_X500_NAME_STR, text,
                           ARRAY_SIZE(text)) > 1 &&
            wcsstr(text, name))
            return TRUE;
    return FALSE;
}

static void test_a_program_that_is_asked_comes_back(void)
{
    unsigned repeat, modern, feed;

    late = pfx_certificate("client", CRYPT_EXPORTABLE);
    for (feed = 0; feed < 2; feed++)
        for (repeat = 0; repeat < 2; repeat++)
            for (modern = 0; modern < 2; modern++)
            {
                struct client client;

                ok_status(client_acquire(&client, modern ? TLS13 : TLS12, TRUE), SEC_E_OK);
                client.repeat = repeat;
                client.feed = feed ? 100 : 0;
                client.requested = supply;
                ok(client_connect(&client, peer_port("PEER_NGINX_ASKS")), "nobody there\n");
                ok_status(client_handshake(&client), SEC_E_OK);
                ok(client.requests == 1, "asked %u times\n", client.requests);
                ok(issuers.cIssuers == 2 && names(&issuers, L"Clients' Root") &&
                       names(&issuers, L"Members' Root"),
                   "%lu issuers\n", issuers.cIssuers);
                ok_status(sspi->FreeContextBuffer(issuers.aIssuers), SEC_E_OK);
                /* The context keeps what it needs of both. */
                sspi->FreeCredentialsHandle(&former);
                sspi->FreeCredentialsHandle(&client.credential);
                client.has_credential = FALSE;
                ok(says(&client, modern ? "TLSv1.3 SUCCESS CN=client" : "TLSv1.2 SUCCESS CN=client"),
                   "repeat %u\n", repeat);
                client_close(&client);
            }
    CertFreeCertificateContext(late);
}

static void supply_later(struct client *client)
{
    if (!late) return;
    sspi->FreeCredentialsHandle(&client->credential);
    ok_status(client_credential(0, TRUE, NO_DEFAULT, &late, 1, &client->credential), SEC_E_OK);
}

/* A server of TLS 1.3 asks in the established connection; DecryptMessage says SEC_I_RENEGOTIATE. */
static void test_a_question_after_the_handshake(void)
{
    static const struct
    {
        BOOL given, supplied, repeat;
        const char *answer;
    } rows[] = {
        { TRUE, FALSE, FALSE, "client" },  { FALSE, TRUE, FALSE, "client" }, { FALSE, TRUE, TRUE, "client" },
        { FALSE, FALSE, FALSE, "nobody" }, { FALSE, FALSE, TRUE, "nobody" },
    };
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct client client;
        char data[100] = "";
        size_t size;

        late = rows[i].supplied ? certificate : NULL;
        ok_status(open_with(&client, "PEER_ASKS_LATER", TLS13, NO_DEFAULT, &certificate, rows[i].given),
                  SEC_E_OK);
        client.requested = supply_later;
        client.repeat = rows[i].repeat;
        ok_status(client_send(&client, "hello", 5), SEC_E_OK);
        ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
        ok(size == 4 && !memcmp(data, "who?", 4), "row %u: %u bytes\n", i, (unsigned)size);
        ok(client.requests == !rows[i].given, "row %u: asked %u times\n", i, client.requests);
        ok_status(client_send(&client, "me", 2), SEC_E_OK);
        ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
        ok(size == 6 && !memcmp(data, rows[i].answer, 6), "row %u: %.*s\n", i, (int)size, data);
        client_close(&client);
    }
    CertFreeCertificateContext(certificate);
}

/* A server of TLS 1.2 begins a new handshake, as Apache does for a part of a site, and asks in that. */
static void test_a_question_in_a_renegotiation(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    unsigned given, supplied;

    for (given = 0; given < 2; given++)
        for (supplied = 0; supplied < 2; supplied++)
        {
            PCCERT_CONTEXT local = NULL;
            struct client client;
            SECURITY_STATUS status;
            char data[100] = "";
            size_t size;

            late = supplied ? certificate : NULL;
            status = open_with(&client, "PEER_RENEGOTIATES", TLS12, NO_DEFAULT, &certificate, given);
            ok_status(status, SEC_E_OK);
            client.requests = 0;
            client.requested = supply_later;
            ok_status(client_send(&client, "again\n", 6), SEC_E_OK);
            ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
            ok(size >= 12 && !memcmp(data, "here you are", 12), "%.*s\n", (int)size, data);
            ok(client.renegotiations == 1, "%u renegotiations\n", client.renegotiations);
            ok(client.requests == !given, "asked %u times\n", client.requests);
            status = sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &local);
            ok(status == (given || supplied ? SEC_E_OK : SEC_E_NO_CREDENTIALS), "%#lx\n", status);
            if (!status) CertFreeCertificateContext(local);
            client_close(&client);
        }
    CertFreeCertificateContext(certificate);
}

/* The credential a program comes with counts from the next question on. In Wine's secur32 test it brings one
 * with a certificate into the renegotiation, and a Windows that is old enough hears from the server what that
 * one lacks. */
static void test_another_credential_before_the_question(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("client", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    PCCERT_CONTEXT local = NULL;
    struct client client;
    char data[100] = "";
    size_t size;

    late = certificate;
    ok_status(open_with(&client, "PEER_RENEGOTIATES", TLS12, NO_DEFAULT, NULL, 0), SEC_E_OK);
    supply_later(&client);
    ok_status(client_send(&client, "again\n", 6), SEC_E_OK);
    ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
    ok(client.renegotiations == 1, "%u renegotiations\n", client.renegotiations);
    ok(!client.requests, "asked %u times\n", client.requests);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &local),
              SEC_E_OK);
    if (local) CertFreeCertificateContext(local);
    client_close(&client);

    ok_status(open_with(&client, "PEER_ASKS_LATER", TLS13, NO_DEFAULT, NULL, 0), SEC_E_OK);
    supply_later(&client);
    ok_status(client_send(&client, "hello", 5), SEC_E_OK);
    ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
    ok(!client.requests, "asked %u times\n", client.requests);
    ok_status(client_send(&client, "me", 2), SEC_E_OK);
    ok_status(client_receive(&client, data, sizeof(data), &size), SEC_E_OK);
    ok(size == 6 && !memcmp(data, "client", 6), "%.*s\n", (int)size, data);
    client_close(&client);
    CertFreeCertificateContext(certificate);
}

static void test_or_goes_on_without(void)
{
    unsigned repeat, modern;

    for (repeat = 0; repeat < 2; repeat++)
        for (modern = 0; modern < 2; modern++)
        {
            PCCERT_CONTEXT certificate;
            struct client client;

            ok_status(client_acquire(&client, modern ? TLS13 : TLS12, TRUE), SEC_E_OK);
            client.repeat = repeat;
            ok(client_connect(&client, peer_port("PEER_NGINX_ASKS")), "nobody there\n");
            ok_status(client_handshake(&client), SEC_E_OK);
            ok(client.requests == 1, "asked %u times\n", client.requests);
            ok_status(
                sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &certificate),
                SEC_E_NO_CREDENTIALS);
            ok(says(&client, modern ? "TLSv1.3 NONE" : "TLSv1.2 NONE"), "repeat %u\n", repeat);
            client_close(&client);
        }
}

static void test_wines_own_programs_are_not_asked(void)
{
    struct client client;

    ok_status(client_acquire(&client, TLS12, TRUE), SEC_E_OK);
    client.requirements |= ISC_REQ_USE_SESSION_KEY; /* as WinHTTP and WinINet do, who know no such status */
    ok(client_connect(&client, peer_port("PEER_NGINX_ASKS")), "nobody there\n");
    ok_status(client_handshake(&client), SEC_E_OK);
    ok(!client.requests, "asked\n");
    ok(says(&client, "TLSv1.2 NONE"), "a certificate from nowhere\n");
    client_close(&client);
}

/* --- the default one ------------------------------------------------------------------------------------ */

/* Puts a certificate into a store of the user, or takes it out. What is there already goes first, by hand:
 * Wine neither deletes nor replaces what it has written down. */
static void keep_in_store(const WCHAR *name, PCCERT_CONTEXT certificate, BOOL keep)
{
    BYTE hash[20];
    DWORD size = sizeof(hash);
    HCERTSTORE store;
    WCHAR key[150];
    unsigned i, at;

    CertGetCertificateContextProperty(certificate, CERT_HASH_PROP_ID, hash, &size);
    at = (unsigned)swprintf(key, ARRAY_SIZE(key),
                            L"Software\\Microsoft\\SystemCertificates\\%ls\\Certificates\\", name);
    for (i = 0; i < size; i++) at += (unsigned)swprintf(key + at, ARRAY_SIZE(key) - at, L"%02X", hash[i]);
    RegDeleteKeyW(HKEY_CURRENT_USER, key);
    if (!keep) return;
    store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, name);
    ok(CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL), "%#lx\n",
       GetLastError());
    CertCloseStore(store, 0); /* and now Wine writes it down */
}

/* Installs the client's PFX for the user as a wizard would, or takes it away: the leaf into MY, the
 * intermediate into CA. */
static void install(BOOL keep)
{
    HCERTSTORE store = pfx_store("client", CRYPT_EXPORTABLE);
    PCCERT_CONTEXT certificate = NULL;
    char subject[64];

    while ((certificate = CertEnumCertificatesInStore(store, certificate)))
    {
        CertGetNameStringA(certificate, CERT_NAME_SIMPLE_DISPLAY_TYPE, 0, NULL, subject, sizeof(subject));
        keep_in_store(strcmp(subject, "client") ? L"CA" : L"MY", certificate, keep);
    }
    CertCloseStore(store, 0);
}

static void test_the_default_certificate_is_in_the_users_store(void)
{
    static const struct
    {
        DWORD flags;
        ULONG requirements;
        const char *answer;
        unsigned requests;
    } rows[] = {
        { SCH_CRED_MANUAL_CRED_VALIDATION, 0, "SUCCESS CN=client", 0 },
        { SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_USE_DEFAULT_CREDS, 0, "SUCCESS CN=client", 0 },
        { SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS, 0, "NONE", 1 },
        /* As schannel-rs and curl do; servers that only would like a certificate let them in. */
        { SCH_CRED_MANUAL_CRED_VALIDATION, ISC_REQ_USE_SUPPLIED_CREDS, "NONE", 0 },
        { SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS, ISC_REQ_USE_SUPPLIED_CREDS, "NONE",
          0 },
    };
    unsigned i, modern;

    install(TRUE);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (modern = 0; modern < 2; modern++)
        {
            struct client client;

            ok_status(client_acquire_flags(&client, modern ? TLS13 : TLS12, TRUE, rows[i].flags), SEC_E_OK);
            client.requirements |= rows[i].requirements;
            ok(client_connect(&client, peer_port("PEER_NGINX_ASKS")), "nobody there\n");
            ok_status(client_handshake(&client), SEC_E_OK);
            ok(client.requests == rows[i].requests, "row %u: asked %u times\n", i, client.requests);
            ok(says(&client, rows[i].answer), "row %u\n", i);
            client_close(&client);
        }
    install(FALSE);
}

/* --- attributes ----------------------------------------------------------------------------------------- */

static void test_what_is_told_of_our_certificate(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("client", CRYPT_EXPORTABLE), local = NULL;
    SecPkgContext_CertInfo info = { 0 };
    struct client client;

    ok_status(open_with(&client, "PEER_NGINX_ASKS", TLS13, NO_DEFAULT, &certificate, 1), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LOCAL_CERT_CONTEXT, &local),
              SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LOCAL_CERT_INFO, &info), SEC_E_OK);
    client_close(&client);
    ok(local && local->cbCertEncoded == certificate->cbCertEncoded &&
           !memcmp(local->pbCertEncoded, certificate->pbCertEncoded, local->cbCertEncoded),
       "another certificate\n");
    ok(local && local->hCertStore, "without its store\n");
    ok(info.pwszSubjectName && !wcscmp(info.pwszSubjectName, L"CN=client"), "subject %ls\n",
       info.pwszSubjectName);
    ok(info.pwszIssuerName && wcsstr(info.pwszIssuerName, L"Clients' Intermediate"), "issuer %ls\n",
       info.pwszIssuerName);
    ok(info.pwszSubjectName && info.cbSubjectName == (wcslen(info.pwszSubjectName) + 1) * sizeof(WCHAR),
       "%lu bytes\n", info.cbSubjectName);
    ok(info.dwKeySize == 2048, "%lu bits\n", info.dwKeySize);
    ok_status(sspi->FreeContextBuffer(info.pwszSubjectName), SEC_E_OK);
    ok_status(sspi->FreeContextBuffer(info.pwszIssuerName), SEC_E_OK);
    CertFreeCertificateContext(local);
    CertFreeCertificateContext(certificate);
}

static void test_no_issuers_when_nobody_asks(void)
{
    SecPkgContext_IssuerListInfoEx list = { (void *)1, 1 };
    struct client client;

    ok_status(client_open(&client, "PEER_NGINX", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_ISSUER_LIST_EX, &list), SEC_E_OK);
    ok(!list.cIssuers && !list.aIssuers, "%lu issuers\n", list.cIssuers);
    client_close(&client);
}

static void test_the_root_is_sent_if_asked_for(void)
{
    PCCERT_CONTEXT certificate = pfx_certificate("member", CRYPT_EXPORTABLE);
    static const DWORD flags[] = { NO_DEFAULT, NO_DEFAULT | SCH_SEND_ROOT_CERT };
    size_t sizes[2] = { 0, 0 };
    unsigned i;

    add_to_store(certificate->hCertStore, "members.pem");
    for (i = 0; i < ARRAY_SIZE(flags); i++)
    {
        struct client client;

        /* The last flight of TLS 1.2 has the Certificate message in the clear. */
        ok_status(open_with(&client, "PEER_NGINX_ASKS", TLS12, flags[i], &certificate, 1), SEC_E_OK);
        ok(says(&client, "SUCCESS CN=member"), "flags %#lx\n", flags[i]);
        sizes[i] = client.sent;
        client_close(&client);
    }
    ok(sizes[1] > sizes[0] + 500, "%u bytes without it, %u with it\n", (unsigned)sizes[0],
       (unsigned)sizes[1]);
    CertFreeCertificateContext(certificate);
}

START_TEST(sspi_clientcert)
{
    if (!sspi_open()) return;
    RUN(test_pfx_imports_of_every_kind);
    RUN(test_a_key_of_cng);
    RUN(test_the_first_certificate_of_a_pfx);
    RUN(test_openssl_takes_it_and_nothing_less);
    RUN(test_the_issuers_and_the_key_decide);
    RUN(test_a_program_that_is_asked_comes_back);
    RUN(test_another_credential_before_the_question);
    RUN(test_or_goes_on_without);
    RUN(test_a_question_after_the_handshake);
    RUN(test_a_question_in_a_renegotiation);
    RUN(test_wines_own_programs_are_not_asked);
    RUN(test_the_default_certificate_is_in_the_users_store);
    RUN(test_what_is_told_of_our_certificate);
    RUN(test_no_issuers_when_nobody_asks);
    RUN(test_the_root_is_sent_if_asked_for);
}
