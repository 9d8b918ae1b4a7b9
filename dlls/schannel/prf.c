/*
 * TLS's pseudorandom function.
 */
#include "prf.h"
#include <gnutls/crypto.h>

#define HASH_MAX 64 /* bytes */

/* A(i), and right behind it what never changes. */
struct text
{
    uint8_t bytes[HASH_MAX + PRF_SEED_MAX];
    size_t size; /* of label and seed */
};

/* Adds P_hash (RFC 5246, 5) to what is in `out`. */
static BOOL add_expansion(gnutls_mac_algorithm_t hash, struct span secret, struct text *text, uint8_t *out,
                          size_t size)
{
    size_t length = gnutls_hmac_get_len(hash), done, i;
    uint8_t *tail = text->bytes + HASH_MAX, *a = tail - length, block[HASH_MAX];
    BOOL good = length && length <= HASH_MAX &&
                gnutls_hmac_fast(hash, secret.data, secret.size, tail, text->size, a) >= 0;

    for (done = 0; good && done < size; done += length)
    {
        good = gnutls_hmac_fast(hash, secret.data, secret.size, a, length + text->size, block) >= 0 &&
               gnutls_hmac_fast(hash, secret.data, secret.size, a, length, a) >= 0;
        for (i = 0; good && i < length && done + i < size; i++) out[done + i] ^= block[i];
    }
    SecureZeroMemory(block, sizeof(block));
    return good;
}

BOOL prf_compute(gnutls_digest_algorithm_t hash, struct span secret, struct span label, struct span seed,
                 uint8_t *out, size_t size)
{
    struct span half = { secret.data, (secret.size + 1) / 2 }, other = half;
    struct text text;
    BOOL good;

    memset(out, 0, size);
    if (label.size > PRF_SEED_MAX || seed.size > PRF_SEED_MAX - label.size) return FALSE;
    text.size = label.size + seed.size;
    if (label.size) memcpy(text.bytes + HASH_MAX, label.data, label.size);
    if (seed.size) memcpy(text.bytes + HASH_MAX + label.size, seed.data, seed.size);
    if (hash == GNUTLS_DIG_MD5_SHA1)
    {
        if (secret.size) other.data += secret.size - half.size; /* an odd one has its middle in both */
        good = add_expansion(GNUTLS_MAC_MD5, half, &text, out, size) &&
               add_expansion(GNUTLS_MAC_SHA1, other, &text, out, size);
    }
    else
        good =
            add_expansion((gnutls_mac_algorithm_t)hash, secret, &text, out, size); /* HMAC has its number */
    if (!good) memset(out, 0, size);
    SecureZeroMemory(&text, sizeof(text));
    return good;
}
