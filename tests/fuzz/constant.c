/*
 * The direct record path takes no decision by what is secret. Run by valgrind's memcheck: the key, the data,
 * what is encrypted and the tag are marked as undefined, so that every branch and every address that depends
 * on them is reported. One place tells what the comparison of tags has said (__wrap_gcry_cipher_checktag):
 * whoever comes after that may know it. Without valgrind nothing is looked at.
 *
 *     valgrind -q --error-exitcode=0 native-constant    compiled as the DLL is: gcc, -O2
 */
#include "protection.h"
#include "log.h"
#include "suites.h"
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND                       0
#define VALGRIND_COUNT_ERRORS                     0
#define VALGRIND_MAKE_MEM_DEFINED(memory, size)   (void)(memory)
#define VALGRIND_MAKE_MEM_UNDEFINED(memory, size) (void)(memory)
#define VALGRIND_GET_VBITS(memory, bits, size)    0
#endif

/* --- what stands around protection.c -------------------------------------------------------------------- */

static uint8_t key[32];
static uint8_t iv[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
static gnutls_datum_t given_key = { key, 0 }, given_iv = { iv, 0 };
static unsigned failures;

int gnutls_record_get_state(gnutls_session_t tls, unsigned read, gnutls_datum_t *mac, gnutls_datum_t *iv_out,
                            gnutls_datum_t *key_out, unsigned char sequence[8])
{
    (void)tls;
    (void)read;
    (void)mac;
    *iv_out = given_iv;
    *key_out = given_key;
    memset(sequence, 0, 8);
    sequence[1] = 1; /* an epoch */
    return 0;
}

int gnutls_record_rest(gnutls_session_t tls, unsigned read)
{
    (void)tls;
    (void)read;
    return 0;
}

int gnutls_record_set_state(gnutls_session_t tls, unsigned read, const unsigned char sequence[8])
{
    (void)tls;
    (void)read;
    (void)sequence;
    return 0;
}

BOOL WINAPI InitOnceExecuteOnce(INIT_ONCE *once, PINIT_ONCE_FN function, void *parameter, void **result)
{
    if (!once->Ptr) once->Ptr = function(once, parameter, result) ? (void *)once : NULL;
    return once->Ptr != NULL;
}

bool log_enabled(enum log_class cls)
{
    (void)cls;
    return false;
}

void log_line(enum log_class cls, const char *function, const char *format, ...)
{
    (void)cls;
    (void)function;
    (void)format;
}

/* --- the verdict ---------------------------------------------------------------------------------------- */

static uint8_t *authentic;      /* what may be known of a record that is authentic: its type in TLS 1.3 */
static unsigned verdict_errors; /* in the comparison: one at most, by the verdict itself */

gcry_error_t __real_gcry_cipher_checktag(gcry_cipher_hd_t cipher, const void *tag, size_t size);
gcry_error_t __wrap_gcry_cipher_checktag(gcry_cipher_hd_t cipher, const void *tag, size_t size);

gcry_error_t __wrap_gcry_cipher_checktag(gcry_cipher_hd_t cipher, const void *tag, size_t size)
{
    unsigned before = VALGRIND_COUNT_ERRORS;
    gcry_error_t verdict = __real_gcry_cipher_checktag(cipher, tag, size);

    verdict_errors = VALGRIND_COUNT_ERRORS - before;
    VALGRIND_MAKE_MEM_DEFINED(&verdict, sizeof(verdict));
    if (!verdict && authentic) VALGRIND_MAKE_MEM_DEFINED(authentic, 1);
    return verdict;
}

/* --- records -------------------------------------------------------------------------------------------- */

static void expect(BOOL good, const char *what, const char *suite, size_t size)
{
    if (good) return;
    printf("FAIL %s: %s, %u bytes\n", what, suite, (unsigned)size);
    failures++;
}

static uint8_t record[RECORD_DATA_MAX + 64];

/* What came over the wire, but for the header and the nonce in it. */
static void hide(const struct protection *protection, size_t size)
{
    size_t plain = protection->header + protection->explicit_nonce;

    VALGRIND_MAKE_MEM_DEFINED(record, size);
    VALGRIND_MAKE_MEM_UNDEFINED(record + plain, size - plain);
}

/* The data stay secret, whatever was found to be true of them. */
static BOOL is_hidden(const uint8_t *data)
{
    uint8_t bits = 0;

    return !RUNNING_ON_VALGRIND || (VALGRIND_GET_VBITS(data, &bits, 1) == 1 && bits);
}

static void try(const char *name, uint16_t version, size_t size)
{
    const struct suite *suite = suite_of_name(name);
    struct protection sending = { NULL }, receiving = { NULL };
    struct opened_content content;
    struct record_layout layout;
    unsigned before, flip;
    uint8_t sealed[sizeof(record)];
    size_t whole;
    BOOL good;

    given_key.size = suite->cipher->bits / 8;
    given_iv.size = sizeof(iv) - (version == 0x0304 ? 0 : suite->cipher->explicit_nonce);
    memset(key, 7, sizeof(key));
    VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof(key));
    before = VALGRIND_COUNT_ERRORS;
    good = protection_take_over(&sending, NULL, FALSE, suite, version) &&
           protection_take_over(&receiving, NULL, TRUE, suite, version);
    expect(good && VALGRIND_COUNT_ERRORS == before, "taking over a key", name, size);

    memset(record, 'x', sizeof(record));
    layout.header = record;
    layout.data = record + sending.header + sending.explicit_nonce;
    layout.data_size = size;
    layout.trailer = layout.data + size;
    layout.header_size = layout.trailer_size = 64;
    VALGRIND_MAKE_MEM_UNDEFINED(layout.data, size);
    before = VALGRIND_COUNT_ERRORS;
    good = !protection_seal(&sending, &layout);
    expect(good && VALGRIND_COUNT_ERRORS == before, "sealing", name, size);
    whole = (size_t)(layout.trailer + layout.trailer_size - record);
    VALGRIND_MAKE_MEM_DEFINED(record, whole);
    memcpy(sealed, record, whole);

    /* As it is, then with a bit turned over at the front of what is encrypted, and at both ends of the tag.
     */
    for (flip = 0; flip < 4; flip++)
    {
        size_t places[] = { 0, (size_t)(layout.data - record), whole - suite->cipher->tag, whole - 1 };

        memcpy(record, sealed, whole);
        if (flip) record[places[flip]] ^= 1;
        hide(&receiving, whole);
        authentic = receiving.tls13 ? layout.data + size : NULL;
        before = VALGRIND_COUNT_ERRORS;
        verdict_errors = 0;
        good = !protection_open(&receiving, record, whole, &content) == !flip;
        expect(good && VALGRIND_COUNT_ERRORS - before == verdict_errors, flip ? "refusing" : "opening", name,
               size);
        expect(verdict_errors <= 1, "comparing tags", name, size);
        expect(flip || !size || is_hidden(content.data), "hiding the data", name, size);
    }
    protection_clear(&sending);
    protection_clear(&receiving);
}

/* --- the twin: a comparison that stops at the first difference ------------------------------------------ */

static BOOL __attribute__((noinline)) leaky(const uint8_t *a, const uint8_t *b, size_t size)
{
    while (size--)
        if (*a++ != *b++) return FALSE;
    return TRUE;
}

static unsigned leaks(void)
{
    uint8_t tag[16] = { 0 }, other[16] = { 0 };
    unsigned before = VALGRIND_COUNT_ERRORS;
    volatile BOOL same;

    VALGRIND_MAKE_MEM_UNDEFINED(tag, sizeof(tag));
    same = leaky(tag, other, sizeof(tag));
    (void)same;
    return VALGRIND_COUNT_ERRORS - before;
}

int main(void)
{
    static const struct
    {
        const char *suite;
        uint16_t version;
    } rows[] = {
        { "TLS_AES_128_GCM_SHA256", 0x0304 },          { "TLS_AES_256_GCM_SHA384", 0x0304 },
        { "TLS_CHACHA20_POLY1305_SHA256", 0x0304 },    { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0x0303 },
        { "TLS_RSA_WITH_AES_256_GCM_SHA384", 0x0303 }, { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xfefd },
    };
    static const size_t sizes[] = { 0, 1, 100, 1000, RECORD_DATA_MAX };
    unsigned i, j, found;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!RUNNING_ON_VALGRIND) printf("SKIP nobody looks: this runs in valgrind\n");
    for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
    {
        unsigned bad = failures;

        for (j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) try(rows[i].suite, rows[i].version, sizes[j]);
        printf("%s no secret decides in %s, %04x\n", failures == bad ? "PASS" : "FAIL", rows[i].suite,
               rows[i].version);
    }
    if (RUNNING_ON_VALGRIND)
    {
        found = leaks();
        printf("%s a comparison that stops early is reported (%u times)\n", found ? "PASS" : "FAIL", found);
        failures += !found;
    }
    return failures != 0;
}
