/*
 * An RSA key that its owner let be exported: GnuTLS signs with it, in this process, without a lock and as
 * fast as the processor can (GMP chooses by what that is). bcrypt's way leads through the host's GnuTLS, and
 * through a lock of ours, for Wine's spoil two RSA-PSS signatures at once.
 */
#include "exported.h"
#include "log.h"
#include <gnutls/abstract.h>

struct exported_key
{
    gnutls_privkey_t key;
};

static const struct
{
    enum signature_scheme scheme;
    gnutls_sign_algorithm_t gnutls;
    unsigned flags;
} algorithms[] = {
    { SCHEME_RSA_MD5_SHA1, GNUTLS_SIGN_UNKNOWN, GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA },
    { SCHEME_RSA_SHA1, GNUTLS_SIGN_RSA_SHA1, 0 },
    { SCHEME_RSA_SHA256, GNUTLS_SIGN_RSA_SHA256, 0 },
    { SCHEME_RSA_SHA384, GNUTLS_SIGN_RSA_SHA384, 0 },
    { SCHEME_RSA_SHA512, GNUTLS_SIGN_RSA_SHA512, 0 },
    { SCHEME_RSA_PSS_RSAE_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
    { SCHEME_RSA_PSS_RSAE_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
    { SCHEME_RSA_PSS_RSAE_SHA512, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
    /* The same mathematics; it is the certificate that says the key is for PSS alone. */
    { SCHEME_RSA_PSS_PSS_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
    { SCHEME_RSA_PSS_PSS_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
    { SCHEME_RSA_PSS_PSS_SHA512, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512,
      GNUTLS_PRIVKEY_FLAG_RSA_PSS_FIXED_SALT_LENGTH },
};

static gnutls_datum_t datum_of(struct span span)
{
    gnutls_datum_t datum = { (unsigned char *)span.data, (unsigned)span.size };

    return datum;
}

/* --- DER ------------------------------------------------------------------------------------------------ */

/* GnuTLS takes the numbers one by one as well, but then leaves a copy of each in memory that it frees. */

static size_t header_size(size_t size)
{
    return size < 0x80 ? 2 : size < 0x100 ? 3 : size < 0x10000 ? 4 : 5;
}

static uint8_t *put_header(uint8_t *at, uint8_t tag, size_t size)
{
    unsigned bytes = (unsigned)header_size(size) - 2, i;

    *at++ = tag;
    *at++ = (uint8_t)(bytes ? 0x80 | bytes : size);
    for (i = bytes; i--;) *at++ = (uint8_t)(size >> 8 * i);
    return at;
}

/* Without the zeros in front; one that begins with a set bit needs a zero before it, or would be negative. */
static struct span shorten(struct span number)
{
    while (number.size && !*number.data)
    {
        number.data++;
        number.size--;
    }
    return number;
}

static size_t integer_size(struct span number)
{
    number = shorten(number);
    return number.size + (!number.size || *number.data & 0x80);
}

static uint8_t *put_integer(uint8_t *at, struct span number)
{
    size_t size = integer_size(number);

    number = shorten(number);
    at = put_header(at, 0x02, size);
    if (size > number.size) *at++ = 0;
    if (number.size) memcpy(at, number.data, number.size);
    return at + number.size;
}

/* RSAPrivateKey of two primes. */
static uint8_t *write_key(const struct span numbers[EXPORTED_NUMBERS], size_t *size)
{
    static const struct span version = { NULL, 0 };
    size_t inside = header_size(1) + 1;
    uint8_t *der, *at;
    unsigned i;

    for (i = 0; i < EXPORTED_NUMBERS; i++)
        inside += header_size(integer_size(numbers[i])) + integer_size(numbers[i]);
    if (!(der = malloc(*size = header_size(inside) + inside))) return NULL;
    at = put_integer(put_header(der, 0x30, inside), version);
    for (i = 0; i < EXPORTED_NUMBERS; i++) at = put_integer(at, numbers[i]);
    return der;
}

/* --- the key -------------------------------------------------------------------------------------------- */

struct exported_key *exported_open(const struct span numbers[EXPORTED_NUMBERS])
{
    struct exported_key *key = calloc(1, sizeof(*key));
    gnutls_datum_t datum;
    BOOL good = FALSE;
    uint8_t *der;
    size_t size;

    if (!key) return NULL;
    if ((der = write_key(numbers, &size)))
    {
        datum.data = der;
        datum.size = (unsigned)size;
        good = gnutls_privkey_init(&key->key) >= 0 &&
               gnutls_privkey_import_x509_raw(key->key, &datum, GNUTLS_X509_FMT_DER, NULL, 0) >= 0;
        SecureZeroMemory(der, size);
        free(der);
    }
    if (good) return key;
    exported_close(key);
    return NULL;
}

void exported_close(struct exported_key *key)
{
    if (!key) return;
    if (key->key) gnutls_privkey_deinit(key->key);
    free(key);
}

BOOL exported_sign(const struct exported_key *key, enum signature_scheme scheme, struct span hash,
                   uint8_t *signature, size_t *size)
{
    gnutls_datum_t data = datum_of(hash), made = { NULL, 0 };
    unsigned i;
    int error;

    for (i = 0; i < ARRAY_SIZE(algorithms) && algorithms[i].scheme != scheme;) i++;
    if (i == ARRAY_SIZE(algorithms)) return FALSE;
    error = gnutls_privkey_sign_hash2(key->key, algorithms[i].gnutls, algorithms[i].flags, &data, &made);
    if (error >= 0 && made.size > SIGNATURE_MAX) error = GNUTLS_E_SHORT_MEMORY_BUFFER;
    if (error >= 0) memcpy(signature, made.data, *size = made.size);
    if (error < 0) WARN("GnuTLS does not sign: %s\n", gnutls_strerror(error));
    gnutls_free(made.data);
    return error >= 0;
}
