/*
 * The room prf: values somebody else computed.
 */
#include "test.h"
#include "prf.h"
#include "profile.h"

#define SEED   "\xa0\xba\x9f\x93\x6c\xda\x31\x18\x27\xa6\xf7\x96\xff\xd5\x19\x8c"
#define SECRET "\x9b\xbe\x43\x6b\xa9\x40\xf0\x17\xb1\x76\x52\x84\x9a\x71\xdb\x35"

static struct span of(const char *text, size_t size)
{
    struct span span = { (const uint8_t *)text, size };
    return span;
}

/* The randoms of the rows without a secret: 0, 1, ... 63. */
static struct span counting(void)
{
    static uint8_t bytes[64];
    struct span span = { bytes, sizeof(bytes) };
    unsigned i;

    for (i = 0; i < sizeof(bytes); i++) bytes[i] = (uint8_t)i;
    return span;
}

static void check(const uint8_t *got, size_t size, const char *expected)
{
    char text[256];
    size_t i;

    for (i = 0; i < size; i++) sprintf(text + 2 * i, "%02x", got[i]);
    ok(!strcmp(text, expected), "got %s, expected %s\n", text, expected);
}

/* The vector for TLS 1.2 was published on the TLS working group's list ("P_SHA256 test vectors"), the one
 * with MD5 and SHA-1 is what `openssl kdf TLS1-PRF` gives for an odd secret. */
static void test_secrets_of_others(void)
{
    uint8_t out[100];

    ok(prf_compute(GNUTLS_DIG_SHA256, of(SECRET, 16), of("test label", 10), of(SEED, 16), out, 100), "no\n");
    check(out, 100,
          "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f"
          "a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff7018734"
          "7b66");
    ok(prf_compute(GNUTLS_DIG_MD5_SHA1, of(SECRET, 15), of("test label", 10), of(SEED, 16), out, 64), "no\n");
    check(out, 64,
          "9cdd9053742667b628ac7c1c747825e1fcb0f2b91ed98fc3f52e811e4e0f105413343f357ddf4ab97ac55d24be5e148f12"
          "24d9c8b84131342f5f096f4e18f46a");
}

/* Computed with Python's hmac. */
static void test_without_a_secret(void)
{
    static const struct
    {
        gnutls_digest_algorithm_t hash;
        const char *expected;
    } rows[] = {
        { GNUTLS_DIG_SHA256,
          "0c0ec968133bf4d5f8cc06ccbe36e94f37ef0f502bf0cb50222a7ec2e4829cf29965119282feda35"
          "bb44b0a5481a6113c382873b95626a434ee027e897c9553d" },
        { GNUTLS_DIG_SHA384,
          "cf201e31879f2d87f90c0c77f12f3221a1a9f86826a6023d46c4d0b46025ea3dc1a445ca9c976307"
          "97c520ca5babc74dee8a39c82a10299e69d8c295ba48e5f4" },
        { GNUTLS_DIG_MD5_SHA1,
          "2e26caf8272204e9efb3d86573e28deb75386841cce24ae20c38923ee216cbb500f619e13a8505"
          "00f25aba40be9ceaa0d5deb41c31adbc13862e847013d78c19" },
    };
    uint8_t out[64];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        ok(prf_compute(rows[i].hash, of(NULL, 0), of("client EAP encryption", 21), counting(), out, 64),
           "row %u\n", i);
        check(out, 64, rows[i].expected);
    }
}

static void test_what_is_too_much(void)
{
    static const char bytes[PRF_SEED_MAX + 1];
    uint8_t out[4] = { 1, 2, 3, 4 };

    ok(prf_compute(GNUTLS_DIG_SHA256, of(SECRET, 16), of(bytes, 10), of(bytes, PRF_SEED_MAX - 10), out, 4),
       "just enough is too much\n");
    ok(!prf_compute(GNUTLS_DIG_SHA256, of(SECRET, 16), of(bytes, 11), of(bytes, PRF_SEED_MAX - 10), out, 4),
       "a seed too long\n");
    check(out, 4, "00000000");
    ok(!prf_compute(GNUTLS_DIG_SHA256, of(SECRET, 16), of(bytes, PRF_SEED_MAX + 1), of(NULL, 0), out, 4),
       "a label too long\n");
    ok(!prf_compute(GNUTLS_DIG_UNKNOWN, of(SECRET, 16), of(bytes, 1), of(bytes, 1), out, 4),
       "a hash that is none\n");
}

START_TEST(prf)
{
    if (!profile_library_open()) return;
    RUN(test_secrets_of_others);
    RUN(test_without_a_secret);
    RUN(test_what_is_too_much);
}
