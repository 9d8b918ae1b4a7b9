/*
 * Cipher suites: everything known about each, one row a suite. Nothing is computed from a name.
 *
 * The order is Windows 11's order of preference (Microsoft: "TLS Cipher Suites in Windows 11"), then what
 * Windows knows but does not offer unasked. Not here, because GnuTLS does not know them: DES and export
 * suites. DSS suites are left out: nobody has such certificates.
 */
#include "suites.h"
#include <gcrypt.h>

/* clang-format off */
/*                                               name                  aiCipher       bits block mode         nonce tag gcrypt                mode                       word                 weak */
static const struct suite_cipher aes_256_gcm = { L"AES",               CALG_AES_256,  256, 16,  SUITE_AEAD,   8, 16, GCRY_CIPHER_AES256,   GCRY_CIPHER_MODE_GCM,      "AES-256-GCM",       FALSE };
static const struct suite_cipher aes_128_gcm = { L"AES",               CALG_AES_128,  128, 16,  SUITE_AEAD,   8, 16, GCRY_CIPHER_AES128,   GCRY_CIPHER_MODE_GCM,      "AES-128-GCM",       FALSE };
static const struct suite_cipher aes_256_cbc = { L"AES",               CALG_AES_256,  256, 16,  SUITE_CBC,   16,  0, 0,                    0,                         "AES-256-CBC",       FALSE };
static const struct suite_cipher aes_128_cbc = { L"AES",               CALG_AES_128,  128, 16,  SUITE_CBC,   16,  0, 0,                    0,                         "AES-128-CBC",       FALSE };
static const struct suite_cipher chacha20    = { L"CHACHA20_POLY1305", 0,             256,  1,  SUITE_AEAD,   0, 16, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, "CHACHA20-POLY1305", FALSE };
static const struct suite_cipher des3_cbc    = { L"3DES",              CALG_3DES,     168,  8,  SUITE_CBC,    8,  0, 0,                    0,                         "3DES-CBC",          TRUE };
static const struct suite_cipher rc4_128     = { L"RC4",               CALG_RC4,      128,  1,  SUITE_STREAM, 0,  0, 0,                    0,                         "ARCFOUR-128",       TRUE };
static const struct suite_cipher no_cipher   = { L"",                  0,               0,  1,  SUITE_STREAM, 0,  0, 0,                    0,                         "NULL",              TRUE };

static const struct suite_hash md5    = { L"MD5",    CALG_MD5,     128, "MD5",    TRUE };
static const struct suite_hash sha1   = { L"SHA1",   CALG_SHA1,    160, "SHA1",   FALSE };
static const struct suite_hash sha256 = { L"SHA256", CALG_SHA_256, 256, "SHA256", FALSE };
static const struct suite_hash sha384 = { L"SHA384", CALG_SHA_384, 384, "SHA384", FALSE };

/* In TLS 1.3 a suite names neither exchange nor signature; Windows then reports none (msquic.h). */
static const struct suite_exchange any_exchange = { L"",     0,               NULL };
static const struct suite_exchange ecdhe        = { L"ECDH", CALG_ECDH_EPHEM, "ECDHE-" };
static const struct suite_exchange dhe          = { L"DH",   CALG_DH_EPHEM,   "DHE-" };
static const struct suite_exchange rsa_exchange = { L"RSA",  CALG_RSA_KEYX,   "" };
static const struct suite_exchange psk          = { L"PSK",  0,               "PSK" };

static const struct suite_signature any_signature = { L"",      0,             "" };
static const struct suite_signature ecdsa         = { L"ECDSA", CALG_ECDSA,    "ECDSA" };
static const struct suite_signature rsa           = { L"RSA",   CALG_RSA_SIGN, "RSA" };

static const struct suite suites[] = {
    { 0x1302, "TLS_AES_256_GCM_SHA384",                  &aes_256_gcm, &sha384, &any_exchange, &any_signature, SUITE_OFFERED },
    { 0x1301, "TLS_AES_128_GCM_SHA256",                  &aes_128_gcm, &sha256, &any_exchange, &any_signature, SUITE_OFFERED },
    { 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", &aes_256_gcm, &sha384, &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", &aes_128_gcm, &sha256, &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",   &aes_256_gcm, &sha384, &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",   &aes_128_gcm, &sha256, &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", &aes_256_cbc, &sha384, &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", &aes_128_cbc, &sha256, &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",   &aes_256_cbc, &sha384, &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",   &aes_128_cbc, &sha256, &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",    &aes_256_cbc, &sha1,   &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",    &aes_128_cbc, &sha1,   &ecdhe,        &ecdsa,         SUITE_OFFERED },
    { 0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",      &aes_256_cbc, &sha1,   &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",      &aes_128_cbc, &sha1,   &ecdhe,        &rsa,           SUITE_OFFERED },
    { 0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384",         &aes_256_gcm, &sha384, &rsa_exchange, &rsa,           SUITE_OFFERED },
    { 0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256",         &aes_128_gcm, &sha256, &rsa_exchange, &rsa,           SUITE_OFFERED },
    { 0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256",         &aes_256_cbc, &sha256, &rsa_exchange, &rsa,           SUITE_OFFERED },
    { 0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256",         &aes_128_cbc, &sha256, &rsa_exchange, &rsa,           SUITE_OFFERED },
    { 0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA",            &aes_256_cbc, &sha1,   &rsa_exchange, &rsa,           SUITE_OFFERED },
    { 0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA",            &aes_128_cbc, &sha1,   &rsa_exchange, &rsa,           SUITE_OFFERED },

    { 0x1303, "TLS_CHACHA20_POLY1305_SHA256",            &chacha20,    &sha256, &any_exchange, &any_signature, SUITE_ON_NAME },
    { 0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",     &aes_256_gcm, &sha384, &dhe,          &rsa,           SUITE_ON_NAME },
    { 0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",     &aes_128_gcm, &sha256, &dhe,          &rsa,           SUITE_ON_NAME },
    { 0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",        &aes_256_cbc, &sha1,   &dhe,          &rsa,           SUITE_ON_NAME },
    { 0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",        &aes_128_cbc, &sha1,   &dhe,          &rsa,           SUITE_ON_NAME },
    { 0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA",           &des3_cbc,    &sha1,   &rsa_exchange, &rsa,           SUITE_ON_NAME },
    { 0x0005, "TLS_RSA_WITH_RC4_128_SHA",                &rc4_128,     &sha1,   &rsa_exchange, &rsa,           SUITE_ON_NAME },
    { 0x0004, "TLS_RSA_WITH_RC4_128_MD5",                &rc4_128,     &md5,    &rsa_exchange, &rsa,           SUITE_ON_NAME },
    { 0x003b, "TLS_RSA_WITH_NULL_SHA256",                &no_cipher,   &sha256, &rsa_exchange, &rsa,           SUITE_ON_NAME },
    { 0x0002, "TLS_RSA_WITH_NULL_SHA",                   &no_cipher,   &sha1,   &rsa_exchange, &rsa,           SUITE_ON_NAME },
    { 0x0001, "TLS_RSA_WITH_NULL_MD5",                   &no_cipher,   &md5,    &rsa_exchange, &rsa,           SUITE_ON_NAME },

    { 0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384",         &aes_256_gcm, &sha384, &psk,          &any_signature, SUITE_WITH_PSK },
    { 0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256",         &aes_128_gcm, &sha256, &psk,          &any_signature, SUITE_WITH_PSK },
    { 0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384",         &aes_256_cbc, &sha384, &psk,          &any_signature, SUITE_WITH_PSK },
    { 0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256",         &aes_128_cbc, &sha256, &psk,          &any_signature, SUITE_WITH_PSK },
    { 0x00b1, "TLS_PSK_WITH_NULL_SHA384",                &no_cipher,   &sha384, &psk,          &any_signature, SUITE_WITH_PSK },
    { 0x00b0, "TLS_PSK_WITH_NULL_SHA256",                &no_cipher,   &sha256, &psk,          &any_signature, SUITE_WITH_PSK },
};
/* clang-format on */

C_ASSERT(ARRAY_SIZE(suites) <= SUITES_MAX);

const struct suite *suite_rows(unsigned *count)
{
    *count = ARRAY_SIZE(suites);
    return suites;
}

BOOL suite_is_tls13(const struct suite *suite)
{
    return !suite->exchange->word;
}

BOOL suite_is_weak(const struct suite *suite)
{
    return suite->cipher->weak || suite->hash->weak;
}

const struct suite *suite_of_name(const char *name)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
        if (!strcmp(suites[i].name, name)) return &suites[i];
    return NULL;
}

const struct suite *suite_of_id(USHORT id)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(suites); i++)
        if (suites[i].id == id) return &suites[i];
    return NULL;
}

struct record_sizes suite_record_sizes(const struct suite *suite, DWORD protocol)
{
    const struct suite_cipher *cipher = suite->cipher;
    struct record_sizes sizes = { protocol & (SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2) ? 13 : 5, cipher->tag };

    if (protocol & SP_PROT_TLS1_3)
    {
        /* The content type, which is protected too (RFC 8446, 5.2); and a KeyUpdate's record of one byte,
         * which follows the data when the key has done enough: header, handshake header, byte, type, tag. */
        sizes.trailer += 1 + 5 + 4 + 1 + 1 + cipher->tag;
        return sizes;
    }
    /* Up to TLS 1.0 the last block of a record is the next one's IV (RFC 2246, 6.2.3.2). */
    if (cipher->mode != SUITE_CBC || !(protocol & (SP_PROT_SSL3 | SP_PROT_TLS1_0)))
        sizes.header += cipher->explicit_nonce;
    if (cipher->mode != SUITE_AEAD) sizes.trailer += suite->hash->bits / 8;
    if (cipher->mode == SUITE_CBC) sizes.trailer += cipher->block;
    return sizes;
}
