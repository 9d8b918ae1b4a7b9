/*
 * Certificates of a peer: what GnuTLS thinks of a chain, of names, and of a stapled response; and
 * SslCrackCertificate, as far as it reads for itself.
 *
 * The input: what to do, then parts, each after its size in two bytes.
 */
#include "chain.h"
#include "common.h"
#include "identity.h"
#include "x509.h"

static BOOL never_signs(void *key, enum signature_scheme scheme)
{
    (void)key;
    (void)scheme;
    return FALSE;
}

static BOOL cannot_sign(void *key, enum signature_scheme scheme, struct span hash, uint8_t *signature,
                        size_t *size)
{
    (void)key;
    (void)scheme;
    (void)hash;
    (void)signature;
    (void)size;
    return FALSE;
}

static BOOL cannot_decrypt(void *key, struct span cipher, uint8_t *plain, size_t *size)
{
    (void)key;
    (void)cipher;
    (void)plain;
    (void)size;
    return FALSE;
}

static void make_identity(const struct span *chain, unsigned count)
{
    struct identity_key key = { NULL, IDENTITY_RSA, 2048, never_signs, cannot_sign, cannot_decrypt };
    struct identity *identity = NULL;

    MUST(status_is_documented(identity_create(chain, count, &key, &identity)));
    identity_destroy(identity);
}

static void crack(struct span der)
{
    X509Certificate *cracked = NULL;
    DWORD flags;

    for (flags = 0; flags < 4; flags++)
    {
        MUST(!x509_crack(der, flags, &cracked) == !!cracked);
        sspi->FreeContextBuffer(cracked);
        cracked = NULL;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = { data, size }, chain[PARTS_MAX];
    uint8_t *memory[PARTS_MAX], hash[CHAIN_HASH_MAX];
    unsigned i, count = 0, what = take(&input, 1);

    while (input.size && count < PARTS_MAX)
    {
        size_t wanted = take(&input, 2);

        memory[count] = take_copy(&input, wanted, &chain[count].size);
        chain[count].data = memory[count];
        count++;
    }
    if (count)
    {
        MUST(status_is_documented(chain_judge(chain, count, what & 1)));
        chain_is_for(chain[0], "localhost", FALSE);
        chain_is_for(chain[0], "127.0.0.1", TRUE);
        MUST(chain_endpoint_hash(chain[0], hash) <= sizeof(hash));
        if (count >= 3) chain_stapled(chain[2], chain[0], chain[1]);
        if (what & 2) make_identity(chain, count);
        crack(chain[0]);
    }
    for (i = 0; i < count; i++) free(memory[i]);
    return 0;
}
