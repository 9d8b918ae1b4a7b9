/*
 * A second opinion on a chain that crypt32 has accepted: it can only refuse. And the match of addresses,
 * which Wine's crypt32 cannot do, the hash of a certificate's signature, and that of a whole chain.
 */
#ifndef SCHANNEL_CHAIN_H
#define SCHANNEL_CHAIN_H

#include "windows_sspi.h"
#include "span.h"

/*
 * Judges the chain of a server, or of a client: leaf first, last the root that crypt32 trusts, and is
 * believed. Looks at signatures and their algorithms (none with SHA-1 or MD5, no RSA key below 1,024 bits),
 * times, uses, path lengths, name constraints. SEC_E_OK; SEC_E_CERT_EXPIRED, SEC_E_CERT_WRONG_USAGE,
 * SEC_E_UNTRUSTED_ROOT, SEC_E_CERT_UNKNOWN, SEC_E_INSUFFICIENT_MEMORY.
 */
SECURITY_STATUS chain_judge(const struct span *chain, unsigned count, BOOL client);

/* True when the certificate is for that host, or that address (`address` TRUE): ASCII, as target.h makes it.
 */
BOOL chain_is_for(struct span leaf, const char *name, BOOL address);

#define CHAIN_HASH_MAX 64 /* bytes of the largest hash */

/*
 * The hash tls-server-end-point takes of a certificate, DER: the one its signature uses, with SHA-256 in the
 * place of MD5 and SHA-1 (RFC 5929, 4.1). Its size in bytes; 0: the signature uses none or several, as those
 * of Ed25519 and Ed448 do and for which the binding is undefined, or it is no certificate.
 */
size_t chain_endpoint_hash(struct span leaf, uint8_t hash[CHAIN_HASH_MAX]);

#define CHAIN_PRINT_SIZE 32 /* bytes */

/* The SHA-256 of parts, each behind its length and all behind their number: other parts, or the same bytes
 * cut elsewhere, have another. FALSE: no memory. */
BOOL chain_print(const struct span *parts, unsigned count, uint8_t print[CHAIN_PRINT_SIZE]);

/* What a stapled OCSP response says of a certificate. */
enum stapled_status
{
    STAPLED_NOTHING, /* there is none, or one that does not count: unsigned, outdated, about another
                        certificate */
    STAPLED_GOOD,
    STAPLED_REVOKED,
};

/* `response` is DER, possibly empty; `issuer` has signed the certificate, and the response or its
 * responder's. */
enum stapled_status chain_stapled(struct span response, struct span leaf, struct span issuer);

#endif
