/*
 * QueryContextAttributes through the door: what was negotiated, in Windows' words.
 */
#include "test.h"
#include "door.h"
#include <stdio.h>

static void test_connection_and_cipher_info(void)
{
    static const struct
    {
        const char *peer;
        BOOL modern;
        DWORD protocols, protocol, version;
        ALG_ID cipher, hash, exchange;
        DWORD strength, hash_strength, suite, group;
        const WCHAR *name, *hash_name, *exchange_name, *certificate;
    } rows[] = {
        { "PEER_OPENSSL", TRUE, 0, SP_PROT_TLS1_3_CLIENT, 0x304, CALG_AES_256, CALG_SHA_384, 0, 256, 0,
          0x1302, 0x1d, L"TLS_AES_256_GCM_SHA384", L"", L"", L"" },
        { "PEER_OPENSSL_ECDSA", FALSE, 0, SP_PROT_TLS1_2_CLIENT, 0x303, CALG_AES_256, CALG_SHA_384,
          CALG_ECDH_EPHEM, 256, 0, 0xc02c, 0x1d, L"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", L"", L"ECDH",
          L"ECDSA" },
        { "PEER_OPENSSL_CBC384", FALSE, 0, SP_PROT_TLS1_2_CLIENT, 0x303, CALG_AES_256, CALG_SHA_384,
          CALG_ECDH_EPHEM, 256, 384, 0xc028, 0x1d, L"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", L"SHA384",
          L"ECDH", L"RSA" },
        { "PEER_OPENSSL_RSA", FALSE, 0, SP_PROT_TLS1_2_CLIENT, 0x303, CALG_AES_128, CALG_SHA_256,
          CALG_RSA_KEYX, 128, 0, 0x009c, 0, L"TLS_RSA_WITH_AES_128_GCM_SHA256", L"", L"RSA", L"RSA" },
        { "PEER_OPENSSL_TLS10", FALSE, SP_PROT_TLS1_0_CLIENT, SP_PROT_TLS1_0_CLIENT, 0x301, CALG_AES_256,
          CALG_SHA1, CALG_ECDH_EPHEM, 256, 160, 0xc014, 0x1d, L"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", L"SHA1",
          L"ECDH", L"RSA" },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
        SecPkgContext_ConnectionInfo info = { 0 };
        struct client client;

        ok_status(client_open(&client, rows[i].peer, rows[i].protocols, rows[i].modern), SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info),
                  SEC_E_OK);
        ok(info.dwProtocol == rows[i].protocol, "%s: protocol %#lx\n", rows[i].peer, info.dwProtocol);
        ok(info.aiCipher == rows[i].cipher && info.dwCipherStrength == rows[i].strength,
           "%s: cipher %#x, %lu\n", rows[i].peer, info.aiCipher, info.dwCipherStrength);
        ok(info.aiHash == rows[i].hash && info.dwHashStrength == rows[i].hash_strength, "%s: hash %#x, %lu\n",
           rows[i].peer, info.aiHash, info.dwHashStrength);
        ok(info.aiExch == rows[i].exchange, "%s: exchange %#x\n", rows[i].peer, info.aiExch);
        if (rows[i].exchange == CALG_RSA_KEYX)
            ok(info.dwExchStrength == 2048, "%s: exchange strength %lu\n", rows[i].peer, info.dwExchStrength);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CIPHER_INFO, &cipher), SEC_E_OK);
        ok(cipher.dwProtocol == rows[i].version, "%s: version %#lx\n", rows[i].peer, cipher.dwProtocol);
        ok(cipher.dwCipherSuite == rows[i].suite && cipher.dwBaseCipherSuite == rows[i].suite,
           "%s: suite %#lx\n", rows[i].peer, cipher.dwCipherSuite);
        ok(!wcscmp(cipher.szCipherSuite, rows[i].name), "%s: %ls\n", rows[i].peer, cipher.szCipherSuite);
        ok(!wcscmp(cipher.szCipher, L"AES") && cipher.dwCipherLen == rows[i].strength &&
               cipher.dwCipherBlockLen == 16,
           "%s: %ls %lu\n", rows[i].peer, cipher.szCipher, cipher.dwCipherLen);
        ok(!wcscmp(cipher.szHash, rows[i].hash_name) && cipher.dwHashLen == rows[i].hash_strength,
           "%s: %ls %lu\n", rows[i].peer, cipher.szHash, cipher.dwHashLen);
        ok(!wcscmp(cipher.szExchange, rows[i].exchange_name), "%s: %ls\n", rows[i].peer, cipher.szExchange);
        ok(!wcscmp(cipher.szCertificate, rows[i].certificate), "%s: %ls\n", rows[i].peer,
           cipher.szCertificate);
        ok(cipher.dwKeyType == rows[i].group, "%s: group %#lx\n", rows[i].peer, cipher.dwKeyType);
        client_close(&client);
    }
}

static void test_the_servers_certificate_brings_its_chain(void)
{
    struct client client;
    PCCERT_CONTEXT leaf = NULL, other = NULL;
    unsigned count = 0;
    WCHAR name[100];

    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf),
              SEC_E_OK);
    client_close(&client); /* the certificate outlives the context */
    ok(leaf && leaf->hCertStore, "no certificate or no store\n");
    if (!leaf) return;
    CertGetNameStringW(leaf, CERT_NAME_SIMPLE_DISPLAY_TYPE, 0, NULL, name, ARRAY_SIZE(name));
    ok(!wcscmp(name, L"localhost"), "%ls\n", name);
    while ((other = CertEnumCertificatesInStore(leaf->hCertStore, other))) count++;
    ok(count == 2, "%u certificates in the store, not leaf and intermediate\n", count);
    CertFreeCertificateContext(leaf);
}

static void test_the_servers_chain_as_a_blob(void)
{
    SecPkgContext_Certificates blob = { 0 };
    PCCERT_CONTEXT leaf = NULL, chain = NULL;
    struct client client;
    DWORD i, size, at = 0;

    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf),
              SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CHAIN, &chain),
              SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERTIFICATES, &blob),
              SEC_E_OK);
    client_close(&client);
    ok(CertCompareCertificate(X509_ASN_ENCODING, leaf->pCertInfo, chain->pCertInfo), "another leaf\n");
    ok(blob.cCertificates == 2, "%lu certificates\n", blob.cCertificates);
    for (i = 0; i < blob.cCertificates && at + sizeof(size) <= blob.cbCertificateChain; i++)
    {
        memcpy(&size, blob.pbCertificateChain + at, sizeof(size));
        at += sizeof(size) + size;
        if (!i)
            ok(size == leaf->cbCertEncoded &&
                   !memcmp(blob.pbCertificateChain + sizeof(size), leaf->pbCertEncoded, size),
               "the leaf is not in front\n");
    }
    ok(at == blob.cbCertificateChain, "%lu of %lu bytes\n", at, blob.cbCertificateChain);
    ok_status(sspi->FreeContextBuffer(blob.pbCertificateChain), SEC_E_OK);
    CertFreeCertificateContext(leaf);
    CertFreeCertificateContext(chain);
}

static void test_names_instead_of_numbers(void)
{
    SecPkgContext_SupportedSignatures signatures = { 0, NULL };
    SecPkgContext_ConnectionInfoEx info = { 0 };
    struct client client;

    ok_status(client_open(&client, "PEER_OPENSSL_CBC384", 0, FALSE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO_EX, &info),
              SEC_E_OK);
    ok(info.dwVersion == 1 && info.dwProtocol == SP_PROT_TLS1_2_CLIENT, "%lu, %#lx\n", info.dwVersion,
       info.dwProtocol);
    ok(!wcscmp(info.szCipher, L"AES") && info.dwCipherStrength == 256, "%ls %lu\n", info.szCipher,
       info.dwCipherStrength);
    ok(!wcscmp(info.szHash, L"SHA384") && info.dwHashStrength == 384, "%ls %lu\n", info.szHash,
       info.dwHashStrength);
    ok(!wcscmp(info.szExchange, L"ECDH") && info.dwExchStrength == 255, "%ls %lu\n", info.szExchange,
       info.dwExchStrength);
    client_close(&client);

    /* What a server that asks for certificates takes: at nginx's, RSA with SHA-256 is among it. */
    ok_status(client_open(&client, "PEER_NGINX_ASKS", SP_PROT_TLS1_2_CLIENT, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_SUPPORTED_SIGNATURES, &signatures),
              SEC_E_OK);
    ok(signatures.cSignatureAndHashAlgorithms > 2, "%u\n", signatures.cSignatureAndHashAlgorithms);
    while (signatures.cSignatureAndHashAlgorithms &&
           signatures.pSignatureAndHashAlgorithms[signatures.cSignatureAndHashAlgorithms - 1] != 0x0104)
        signatures.cSignatureAndHashAlgorithms--;
    ok(signatures.cSignatureAndHashAlgorithms, "not RSA with SHA-256\n");
    ok_status(sspi->FreeContextBuffer(signatures.pSignatureAndHashAlgorithms), SEC_E_OK);
    client_close(&client);
}

static void test_of_the_context_itself(void)
{
    SecPkgContext_Flags flags = { 0 };
    SecPkgContext_Lifespan lifespan;
    SecPkgContext_PackageInfoW wide = { NULL };
    SecPkgContext_PackageInfoA narrow = { NULL };
    struct client client;
    FILETIME now;

    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
    ok(flags.Flags == client.attributes && flags.Flags, "%#lx, not %#lx\n", flags.Flags, client.attributes);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_LIFESPAN, &lifespan), SEC_E_OK);
    GetSystemTimeAsFileTime(&now);
    ok(lifespan.tsStart.QuadPart && CompareFileTime((FILETIME *)&lifespan.tsStart, &now) <= 0 &&
           lifespan.tsExpiry.QuadPart > lifespan.tsStart.QuadPart,
       "from %#I64x to %#I64x\n", lifespan.tsStart.QuadPart, lifespan.tsExpiry.QuadPart);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_PACKAGE_INFO, &wide), SEC_E_OK);
    ok_status(sspi_a->QueryContextAttributesA(&client.context, SECPKG_ATTR_PACKAGE_INFO, &narrow), SEC_E_OK);
    ok(wide.PackageInfo && !wcscmp(wide.PackageInfo->Name, UNISP_NAME_W), "another package\n");
    ok(narrow.PackageInfo && !strcmp(narrow.PackageInfo->Name, UNISP_NAME_A), "another package\n");
    ok_status(sspi->FreeContextBuffer(wide.PackageInfo), SEC_E_OK);
    ok_status(sspi->FreeContextBuffer(narrow.PackageInfo), SEC_E_OK);
    client_close(&client);
}

static void test_before_the_handshake_is_done(void)
{
    PCCERT_CONTEXT certificate;
    SecPkgContext_StreamSizes sizes;
    struct client client;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_STREAM_SIZES, &sizes),
              SEC_E_INVALID_HANDLE);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &certificate),
              SEC_E_NO_CREDENTIALS);
    client_close(&client);
}

static void test_attributes_that_are_not_schannels(void)
{
    SecPkgContext_NegotiationInfoW info;
    struct client client;

    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_NEGOTIATION_INFO, &info),
              SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi_a->QueryContextAttributesA(&client.context, SECPKG_ATTR_NEGOTIATION_INFO, &info),
              SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi->QueryContextAttributesW(&client.context, 0x7777, &info), SEC_E_UNSUPPORTED_FUNCTION);
    ok(FAILED(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_STREAM_SIZES, NULL)),
       "an answer into nowhere\n");
    client_close(&client);
}

static void test_application_protocols(void)
{
    static const struct
    {
        const char *peer, *offered;
        DWORD size;
        const char *chosen;
    } rows[] = {
        { "PEER_OPENSSL_ALPN", "\x02h2\x08http/1.1", 12, "h2" },
        { "PEER_OPENSSL_ALPN", "\x08http/1.1", 9, "http/1.1" },
        { "PEER_OPENSSL", "\x02h2", 3, NULL },
    };
    unsigned i, modern;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (modern = 0; modern < 2; modern++)
        {
            DWORD all = 6 + rows[i].size, ext = 2;
            USHORT list = (USHORT)rows[i].size;
            BYTE alpn[100];
            SecBuffer in = { 10 + rows[i].size, SECBUFFER_APPLICATION_PROTOCOLS, alpn },
                      token = { 0, SECBUFFER_TOKEN, NULL };
            SecBufferDesc in_desc = { SECBUFFER_VERSION, 1, &in }, out = { SECBUFFER_VERSION, 1, &token };
            SecPkgContext_ApplicationProtocol protocol = { 0 };
            struct client client;

            memcpy(alpn, &all, 4);
            memcpy(alpn + 4, &ext, 4);
            memcpy(alpn + 8, &list, 2);
            memcpy(alpn + 10, rows[i].offered, rows[i].size);
            client_acquire(&client, 0, modern);
            client_connect(&client, peer_port(rows[i].peer));
            ok_status(sspi->InitializeSecurityContextW(&client.credential, NULL, (WCHAR *)L"localhost",
                                                       CLIENT_FLAGS, 0, 0, &in_desc, 0, &client.context, &out,
                                                       &client.attributes, NULL),
                      SEC_I_CONTINUE_NEEDED);
            client.has_context = TRUE;
            send(client.socket, token.pvBuffer, (int)token.cbBuffer, 0);
            sspi->FreeContextBuffer(token.pvBuffer);
            ok(client_fill(&client), "no answer\n");
            ok_status(client_handshake(&client), SEC_E_OK);
            ok_status(
                sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_APPLICATION_PROTOCOL, &protocol),
                SEC_E_OK);
            if (rows[i].chosen)
            {
                ok(protocol.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_Success &&
                       protocol.ProtoNegoExt == SecApplicationProtocolNegotiationExt_ALPN,
                   "%d %d\n", protocol.ProtoNegoStatus, protocol.ProtoNegoExt);
                ok(protocol.ProtocolIdSize == strlen(rows[i].chosen) &&
                       !memcmp(protocol.ProtocolId, rows[i].chosen, protocol.ProtocolIdSize),
                   "%.*s\n", protocol.ProtocolIdSize, (char *)protocol.ProtocolId);
            }
            else
                ok(protocol.ProtoNegoStatus == SecApplicationProtocolNegotiationStatus_None, "%d\n",
                   protocol.ProtoNegoStatus);
            client_close(&client);
        }
}

static void test_key_info_in_both_character_sets(void)
{
    SecPkgContext_KeyInfoW wide;
    SecPkgContext_KeyInfoA narrow;
    struct client client;

    ok_status(client_open(&client, "PEER_OPENSSL_ECDSA", 0, FALSE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_KEY_INFO, &wide), SEC_E_OK);
    ok(wide.SignatureAlgorithm == CALG_ECDSA && !wcscmp(wide.sSignatureAlgorithmName, L"ECDSA") &&
           wide.KeySize == 256,
       "%#lx %ls %lu\n", wide.SignatureAlgorithm, wide.sSignatureAlgorithmName, wide.KeySize);
    sspi->FreeContextBuffer(wide.sSignatureAlgorithmName);
    sspi->FreeContextBuffer(wide.sEncryptAlgorithmName);
    ok_status(sspi_a->QueryContextAttributesA(&client.context, SECPKG_ATTR_KEY_INFO, &narrow), SEC_E_OK);
    ok(!strcmp(narrow.sSignatureAlgorithmName, "ECDSA") && !strcmp(narrow.sEncryptAlgorithmName, "AES"),
       "%s %s\n", narrow.sSignatureAlgorithmName, narrow.sEncryptAlgorithmName);
    sspi->FreeContextBuffer(narrow.sSignatureAlgorithmName);
    sspi->FreeContextBuffer(narrow.sEncryptAlgorithmName);
    client_close(&client);
}

static void test_channel_bindings(void)
{
    static const char endpoint[] = "tls-server-end-point:", unique[] = "tls-unique:";
    SecPkgContext_Bindings bindings = { 0, NULL };
    PCCERT_CONTEXT leaf = NULL;
    struct client client;
    BYTE hash[64], *data;
    DWORD size = sizeof(hash);

    ok_status(client_open(&client, "PEER_OPENSSL", 0, FALSE), SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_ENDPOINT_BINDINGS, &bindings),
              SEC_E_OK);
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf),
              SEC_E_OK);
    CryptHashCertificate(0, CALG_SHA_256, 0, leaf->pbCertEncoded, leaf->cbCertEncoded, hash, &size);
    data = (BYTE *)(bindings.Bindings + 1);
    ok(bindings.BindingsLength == sizeof(*bindings.Bindings) + sizeof(endpoint) - 1 + 32, "%lu bytes\n",
       bindings.BindingsLength);
    ok(bindings.Bindings->dwApplicationDataOffset == sizeof(*bindings.Bindings), "offset %lu\n",
       bindings.Bindings->dwApplicationDataOffset);
    ok(!memcmp(data, endpoint, sizeof(endpoint) - 1) && !memcmp(data + sizeof(endpoint) - 1, hash, 32),
       "not the certificate's hash\n");
    CertFreeCertificateContext(leaf);
    sspi->FreeContextBuffer(bindings.Bindings);

    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_UNIQUE_BINDINGS, &bindings),
              SEC_E_OK);
    ok(bindings.BindingsLength == sizeof(*bindings.Bindings) + sizeof(unique) - 1 + 12, "%lu bytes\n",
       bindings.BindingsLength);
    ok(!memcmp(bindings.Bindings + 1, unique, sizeof(unique) - 1), "no prefix\n");
    sspi->FreeContextBuffer(bindings.Bindings);
    client_close(&client);
}

/* All kinds of signatures are in tests/chain.c; here is how they come through the door. */
static void test_bindings_to_certificates_of_every_kind(void)
{
    static const char prefix[] = "tls-server-end-point:";
    static const struct
    {
        const char *peer, *hash; /* a file of the PKI */
        DWORD size;
    } rows[] = {
        { "PEER_SIGNED_PSS", "signed-pss-sha384.hash", 48 },
        { "PEER_SIGNED_ECDSA", "signed-ecdsa-sha512.hash", 64 },
        { "PEER_SIGNED_ED25519", NULL, 0 },
    };
    unsigned i, modern;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (modern = 0; modern < 2; modern++)
        {
            SecPkgContext_Bindings bindings = { 0, NULL };
            struct client client;
            BYTE *hash;
            DWORD size;

            ok_status(client_open(&client, rows[i].peer, 0, modern), SEC_E_OK);
            ok_status(
                sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_ENDPOINT_BINDINGS, &bindings),
                rows[i].hash ? SEC_E_OK : SEC_E_UNSUPPORTED_FUNCTION);
            client_close(&client);
            if (!rows[i].hash) continue;
            hash = pki_file(rows[i].hash, &size);
            ok(size == rows[i].size &&
                   bindings.BindingsLength == sizeof(*bindings.Bindings) + sizeof(prefix) - 1 + size,
               "%s: %lu bytes\n", rows[i].peer, bindings.BindingsLength);
            ok(!memcmp(bindings.Bindings + 1, prefix, sizeof(prefix) - 1) &&
                   !memcmp((BYTE *)(bindings.Bindings + 1) + sizeof(prefix) - 1, hash, size),
               "%s: another hash\n", rows[i].peer);
            sspi->FreeContextBuffer(bindings.Bindings);
        }
}

/* As schannel.h of the Windows SDK says how to read it: a serialized store, the leaf in it. */
static void test_the_servers_chain_as_a_serialized_store(void)
{
    static const ULONG ids[] = { SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT,
                                 SECPKG_ATTR_SERIALIZED_REMOTE_CERT_CONTEXT_INPROC };
    struct client client;
    unsigned i;

    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    for (i = 0; i < ARRAY_SIZE(ids); i++)
    {
        PCCERT_CONTEXT leaf = NULL, other = NULL;
        CERT_BLOB blob = { 0, NULL };
        unsigned count = 0;
        HCERTSTORE store;

        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_REMOTE_CERT_CONTEXT, &leaf),
                  SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&client.context, ids[i], &blob), SEC_E_OK);
        store = CertOpenStore(CERT_STORE_PROV_SERIALIZED, X509_ASN_ENCODING, 0, 0, &blob);
        ok(store != NULL, "%u: no store: %#lx\n", i, GetLastError());
        while (store && (other = CertEnumCertificatesInStore(store, other)))
            if (!count++)
                ok(CertCompareCertificate(X509_ASN_ENCODING, leaf->pCertInfo, other->pCertInfo) &&
                       leaf->cbCertEncoded == other->cbCertEncoded &&
                       !memcmp(leaf->pbCertEncoded, other->pbCertEncoded, leaf->cbCertEncoded),
                   "%u: the leaf is not in front\n", i);
        ok(count == 2, "%u: %u certificates\n", i, count);
        if (store) CertCloseStore(store, 0);
        ok_status(sspi->FreeContextBuffer(blob.pbData), SEC_E_OK);
        CertFreeCertificateContext(leaf);
    }
    client_close(&client);
}

static void test_extensions_the_server_agreed_to(void)
{
    static const struct
    {
        const char *peer;
        DWORD protocols;
        unsigned count;
        WORD types[8];
    } rows[] = {
        { "PEER_OPENSSL_TLS13", SP_PROT_TLS1_3_CLIENT, 2, { 43, 51 } }, /* supported_versions, key_share */
        { "PEER_OPENSSL_P384", SP_PROT_TLS1_3_CLIENT, 2, { 43, 51 } },  /* after a HelloRetryRequest */
        { "PEER_OPENSSL_TLS12",
          SP_PROT_TLS1_2_CLIENT,
          4,
          { 0xff01, 11, 35, 23 } }, /* points, ticket, secret */
        { "PEER_OPENSSL_IDS", SP_PROT_TLS1_2_CLIENT, 3, { 0xff01, 11, 23 } },
        { "PEER_OPENSSL_RSA", SP_PROT_TLS1_2_CLIENT, 3, { 0xff01, 35, 23 } },
        { "PEER_OPENSSL_TLS10", SP_PROT_TLS1_0_CLIENT, 5, { 0xff01, 11, 22, 35, 23 } },
    };
    unsigned i, j, k;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_NegotiatedTlsExtensions extensions = { 0, NULL };
        struct client client;

        ok_status(client_open(&client, rows[i].peer, rows[i].protocols,
                              (rows[i].protocols & SP_PROT_TLS1_3_CLIENT) != 0),
                  SEC_E_OK);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS,
                                                &extensions),
                  SEC_E_OK);
        ok(extensions.ExtensionsCount == rows[i].count, "%s: %lu of them\n", rows[i].peer,
           extensions.ExtensionsCount);
        for (j = 0; j < extensions.ExtensionsCount; j++)
        {
            for (k = 0; k < rows[i].count && rows[i].types[k] != extensions.Extensions[j]; k++) continue;
            ok(k < rows[i].count, "%s: %#x\n", rows[i].peer, extensions.Extensions[j]);
        }
        ok_status(sspi->FreeContextBuffer(extensions.Extensions), SEC_E_OK);
        client_close(&client);
    }
}

/* --- what OpenSSL exports, too -------------------------------------------------------------------------- */

/* A peer of tests/run.py that says what it exports (PEER_EXPORTS_*): `size` bytes of it. */
static BOOL hear_exported(struct client *client, BYTE *exported, size_t size)
{
    char text[1024];
    unsigned value;
    size_t got = 0, i;

    if (client_receive(client, text, sizeof(text) - 1, &got) || got < 2 + 2 * size || text[0] != '>')
        return FALSE;
    text[got] = 0;
    for (i = 0; i < size; i++)
    {
        if (sscanf(text + 2 + 2 * i, "%2x", &value) != 1) return FALSE;
        exported[i] = (BYTE)value;
    }
    return TRUE;
}

static void test_the_binding_of_tls13_is_exported(void)
{
    static const char prefix[] = "tls-exporter:";
    SecPkgContext_Bindings bindings = { 0, NULL };
    struct client client;
    BYTE exported[32];

    ok_status(client_open(&client, "PEER_EXPORTS_BINDING", 0, TRUE), SEC_E_OK);
    ok(hear_exported(&client, exported, sizeof(exported)), "the peer says nothing\n");
    ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_UNIQUE_BINDINGS, &bindings),
              SEC_E_OK);
    ok(bindings.BindingsLength == sizeof(*bindings.Bindings) + sizeof(prefix) - 1 + sizeof(exported) &&
           bindings.Bindings->cbApplicationDataLength == sizeof(prefix) - 1 + sizeof(exported),
       "%lu bytes\n", bindings.BindingsLength);
    ok(!memcmp(bindings.Bindings + 1, prefix, sizeof(prefix) - 1), "no prefix\n");
    ok(!memcmp((BYTE *)(bindings.Bindings + 1) + sizeof(prefix) - 1, exported, sizeof(exported)),
       "not what OpenSSL exports\n");
    sspi->FreeContextBuffer(bindings.Bindings);
    client_close(&client);
}

static SECURITY_STATUS set_eap(struct client *client, DWORD function)
{
    SecPkgContext_EapPrfInfo info = { 0, sizeof(function), (BYTE *)&function };

    return sspi->SetContextAttributesW(&client->context, SECPKG_ATTR_EAP_PRF_INFO, &info, sizeof(info));
}

static void test_keys_for_eap(void)
{
    static const BYTE zero[64];
    static const struct
    {
        const char *peer;
        DWORD protocols, function;
        BOOL set, vectors;
    } rows[] = {
        { "PEER_EXPORTS_EAP_TLS1", SP_PROT_TLS1_0_CLIENT, 0, FALSE, TRUE },
        { "PEER_EXPORTS_EAP_TLS1_1", SP_PROT_TLS1_1_CLIENT, 0, FALSE, TRUE },
        { "PEER_EXPORTS_EAP_TLS1_2", SP_PROT_TLS1_2_CLIENT, 0, FALSE, TRUE },
        { "PEER_EXPORTS_EAP_TLS1_2", SP_PROT_TLS1_2_CLIENT, 0, TRUE, TRUE },
        { "PEER_EXPORTS_TTLS", SP_PROT_TLS1_2_CLIENT, 1, TRUE, FALSE },
        { "PEER_EXPORTS_TTLS_CHALLENGE", SP_PROT_TLS1_2_CLIENT, 2, TRUE, FALSE },
        { "PEER_EXPORTS_TTLS_CHALLENGE_TLS13", SP_PROT_TLS1_3_CLIENT, 2, TRUE, FALSE },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SecPkgContext_EapKeyBlock block;
        struct client client;
        BYTE exported[128];

        ok_status(client_open(&client, rows[i].peer, rows[i].protocols,
                              (rows[i].protocols & SP_PROT_TLS1_3_CLIENT) != 0),
                  SEC_E_OK);
        if (rows[i].set) ok_status(set_eap(&client, rows[i].function), SEC_E_OK);
        ok(hear_exported(&client, exported, sizeof(exported)), "%s says nothing\n", rows[i].peer);
        memset(&block, 0xcc, sizeof(block));
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_EAP_KEY_BLOCK, &block),
                  SEC_E_OK);
        ok(!memcmp(block.rgbKeys, exported, sizeof(exported)), "%s exports something else\n", rows[i].peer);
        ok((memcmp(block.rgbIVs, zero, sizeof(zero)) != 0) == rows[i].vectors, "%s: vectors\n", rows[i].peer);
        client_close(&client);
    }
}

static void test_eap_functions_that_are_none(void)
{
    DWORD function = 0, too_large = 4;
    const struct
    {
        SecPkgContext_EapPrfInfo info;
        SECURITY_STATUS status;
    } rows[] = {
        { { 0, sizeof(function), (BYTE *)&function }, SEC_E_OK },
        { { 1, sizeof(function), (BYTE *)&function }, SEC_E_INVALID_PARAMETER },
        { { 0, sizeof(function) - 1, (BYTE *)&function }, SEC_E_INVALID_PARAMETER },
        { { 0, sizeof(function) + 1, (BYTE *)&function }, SEC_E_INVALID_PARAMETER },
        { { 0, sizeof(function), NULL }, SEC_E_INVALID_PARAMETER },
        { { 0, sizeof(function), (BYTE *)&too_large }, SEC_E_INVALID_PARAMETER },
    };
    struct client client;
    unsigned i;

    client_acquire(&client, 0, TRUE);
    client_step(&client);
    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SECURITY_STATUS status = sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_EAP_PRF_INFO,
                                                             (void *)&rows[i].info, sizeof(rows[i].info));

        ok(status == rows[i].status, "row %u: %#lx\n", i, status);
    }
    client_close(&client);
}

START_TEST(sspi_attributes)
{
    if (!sspi_open()) return;
    RUN(test_connection_and_cipher_info);
    RUN(test_the_servers_certificate_brings_its_chain);
    RUN(test_the_servers_chain_as_a_blob);
    RUN(test_names_instead_of_numbers);
    RUN(test_of_the_context_itself);
    RUN(test_before_the_handshake_is_done);
    RUN(test_attributes_that_are_not_schannels);
    RUN(test_application_protocols);
    RUN(test_key_info_in_both_character_sets);
    RUN(test_channel_bindings);
    RUN(test_bindings_to_certificates_of_every_kind);
    RUN(test_the_servers_chain_as_a_serialized_store);
    RUN(test_extensions_the_server_agreed_to);
    RUN(test_the_binding_of_tls13_is_exported);
    RUN(test_keys_for_eap);
    RUN(test_eap_functions_that_are_none);
}
