/*
 * What the targets share: bytes to decide by, two certificates, and the package's function table.
 */
#ifndef FUZZ_COMMON_H
#define FUZZ_COMMON_H

#include "world.h"
#include <gnutls/gnutls.h>

extern const SecurityFunctionTableW *sspi;

#define MATERIALS 2 /* ECDSA, RSA */
struct material
{
    PCCERT_CONTEXT certificate;              /* what credentials of ours take; its key is keys.c's */
    gnutls_datum_t certificate_der, key_der; /* PKCS #8 */
};
extern struct material materials[MATERIALS];

/* Once, before the first input. */
void common_open(void);

/* Numbers off the front; 0 when there are no more. */
uint32_t take(struct span *input, size_t bytes);

/* A copy of the next `size` bytes, or of what is left, in memory of exactly that size: reading past its end
 * is seen. The caller frees it. */
uint8_t *take_copy(struct span *input, size_t size, size_t *taken);

/* Ends the process, for the fuzzer to see: an invariant does not hold. */
#define MUST(condition)                                                                                      \
    do                                                                                                       \
    {                                                                                                        \
        if (!(condition))                                                                                    \
        {                                                                                                    \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* Whether a status is one that Schannel's documents know (tests of the door ask it of every answer). */
BOOL status_is_documented(SECURITY_STATUS status);

#endif
