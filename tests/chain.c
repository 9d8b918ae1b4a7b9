/*
 * The room chain: the hash of tls-server-end-point for every algorithm a certificate may be signed with. What
 * it should be lies beside each certificate (tests/pki.py); the rest of the room is in certificates.c.
 */
#include "test.h"
#include "chain.h"
#include "profile.h"
#include <gnutls/x509.h>
#include <stdio.h>
#include <time.h>

static size_t read_file(const char *name, const char *end, uint8_t *data, size_t room)
{
    char path[MAX_PATH];
    size_t size = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.%s", getenv("PKI") ? getenv("PKI") : ".", name, end);
    if (!(file = fopen(path, "rb"))) return 0;
    size = fread(data, 1, room, file);
    fclose(file);
    return size;
}

static const struct
{
    const char *name;
    size_t size; /* of the hash */
} signatures[] = {
    /* clang-format off */
    { "signed-rsa-md5", 32 },   { "signed-rsa-sha1", 32 },   { "signed-rsa-sha224", 28 },
    { "signed-rsa-sha256", 32 }, { "signed-rsa-sha384", 48 }, { "signed-rsa-sha512", 64 },
    { "signed-pss-sha1", 32 },  { "signed-pss-sha224", 28 }, { "signed-pss-sha256", 32 },
    { "signed-pss-sha384", 48 }, { "signed-pss-sha512", 64 },
    { "signed-ecdsa-sha1", 32 }, { "signed-ecdsa-sha224", 28 }, { "signed-ecdsa-sha256", 32 },
    { "signed-ecdsa-sha384", 48 }, { "signed-ecdsa-sha512", 64 },
    { "signed-dsa-sha1", 32 },  { "signed-dsa-sha256", 32 },
    { "signed-ed25519", 0 },    { "signed-ed448", 0 },
    /* clang-format on */
};

static void test_the_hash_of_every_signature(void)
{
    uint8_t der[4096], expected[CHAIN_HASH_MAX + 1], hash[CHAIN_HASH_MAX];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(signatures); i++)
    {
        size_t expected_size = read_file(signatures[i].name, "hash", expected, sizeof(expected)), size;
        struct span leaf = { der, read_file(signatures[i].name, "der", der, sizeof(der)) };

        ok(leaf.size && expected_size == signatures[i].size, "%s: no certificate\n", signatures[i].name);
        size = chain_endpoint_hash(leaf, hash);
        ok(size == signatures[i].size && !memcmp(hash, expected, size), "%s: %u bytes, not those\n",
           signatures[i].name, (unsigned)size);
    }
}

/* Every beginning of a certificate, and one with any byte changed, up against a page nobody may read. */
static void test_no_certificate_has_no_hash(void)
{
    uint8_t der[4096], hash[CHAIN_HASH_MAX];
    size_t size = read_file("signed-pss-sha1", "der", der, sizeof(der)), cut;
    uint8_t *pages = VirtualAlloc(NULL, 8192, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    DWORD old;

    VirtualProtect(pages + 4096, 4096, PAGE_NOACCESS, &old);
    for (cut = 0; cut < size; cut++)
    {
        struct span leaf = { pages + 4096 - cut, cut };

        memcpy(pages + 4096 - cut, der, cut);
        ok(!chain_endpoint_hash(leaf, hash), "a hash of %u bytes of %u\n", (unsigned)cut, (unsigned)size);
    }
    for (cut = 0; cut < size; cut++)
    {
        struct span leaf = { pages + 4096 - size, size };

        memcpy(pages + 4096 - size, der, size);
        pages[4096 - size + cut] ^= 0x5f;
        ok(chain_endpoint_hash(leaf, hash) <= sizeof(hash), "byte %u\n", (unsigned)cut);
    }
    VirtualFree(pages, 0, MEM_RELEASE);
}

/* A certificate for one name, or with one that holds a NUL: what an authority that reads C's strings would
 * sign for whom it should not. */
static struct span certificate_for(const char *name, size_t size, BOOL in_subject)
{
    static const unsigned char serial[] = { 1 };
    gnutls_datum_t der = { NULL, 0 };
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    if (in_subject)
        gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)size);
    else
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)size, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return (struct span){ der.data, der.size };
}

static void test_a_nul_in_a_name_ends_nothing(void)
{
    static const struct
    {
        const char *name;
        size_t size;
        BOOL in_subject, matches;
    } rows[] = {
        { "good.example", 12, FALSE, TRUE },    { "good.example\0.bad.example", 25, FALSE, FALSE },
        { "good.example\0", 13, FALSE, FALSE }, { "good.example\0.bad.example", 25, TRUE, FALSE },
        { "bad.example", 11, FALSE, FALSE },
    };
    void *memory;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct span leaf = certificate_for(rows[i].name, rows[i].size, rows[i].in_subject);

        ok(leaf.size != 0, "row %u: no certificate\n", i);
        ok(chain_is_for(leaf, "good.example", FALSE) == rows[i].matches, "row %u\n", i);
        memory = (void *)leaf.data;
        gnutls_free(memory);
    }
}

static void test_the_print_of_parts(void)
{
    /* SHA-256 of the number 2, and of "abc" and nothing behind their lengths. */
    static const uint8_t expected[CHAIN_PRINT_SIZE] = { 0x38, 0xe9, 0xc1, 0xa7, 0x11, 0x65, 0x28, 0x04,
                                                        0x8b, 0xe0, 0xeb, 0x98, 0x51, 0x8c, 0x70, 0xb5,
                                                        0x9e, 0xe3, 0xad, 0xd5, 0xb3, 0x78, 0x7d, 0xa8,
                                                        0xf5, 0x8f, 0x9e, 0xd0, 0x71, 0x6c, 0xdb, 0x16 };
    const struct span parts[] = { { (const uint8_t *)"abc", 3 }, { NULL, 0 }, { (const uint8_t *)"c", 1 } };
    const struct span cut[] = { { (const uint8_t *)"ab", 2 }, { (const uint8_t *)"c", 1 } };
    uint8_t print[CHAIN_PRINT_SIZE], other[CHAIN_PRINT_SIZE];

    ok(chain_print(parts, 2, print) && !memcmp(print, expected, sizeof(print)), "not what it should be\n");
    ok(chain_print(parts, 1, other) && memcmp(print, other, sizeof(print)), "an empty part is none\n");
    ok(chain_print(cut, 2, other) && memcmp(print, other, sizeof(print)), "the cut does not count\n");
    ok(chain_print(parts, 0, other), "nothing has none\n");
}

START_TEST(chain)
{
    if (!profile_library_open()) return;
    RUN(test_the_hash_of_every_signature);
    RUN(test_no_certificate_has_no_hash);
    RUN(test_a_nul_in_a_name_ends_nothing);
    RUN(test_the_print_of_parts);
}
