/*
 * TLS's pseudorandom function for secrets that are not a session's: GnuTLS computes it for master secrets
 * only.
 */
#ifndef SCHANNEL_PRF_H
#define SCHANNEL_PRF_H

#include "windows_sspi.h"
#include "span.h"
#include <gnutls/gnutls.h>

#define PRF_SEED_MAX 128 /* bytes of label and seed together */

/*
 * PRF(secret, label, seed) into `out`: with GNUTLS_DIG_MD5_SHA1 that of TLS 1.0 and 1.1 (RFC 4346, 5), with
 * another hash that of TLS 1.2 (RFC 5246, 5). The secret may be empty. FALSE, and `out` zeroed: label and
 * seed are too long, or GnuTLS has not that hash.
 */
BOOL prf_compute(gnutls_digest_algorithm_t hash, struct span secret, struct span label, struct span seed,
                 uint8_t *out, size_t size);

#endif
