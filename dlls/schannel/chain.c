/*
 * A second opinion on a chain: GnuTLS's. What crypt32 of Wine 8.0 and 10.0 overlooks, as tests/certificates.c
 * found, is weak signatures and keys, and it knows no addresses.
 */
#include "chain.h"
#include "log.h"
#include <gnutls/crypto.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>
#include <time.h>

#define CHAIN_MAX 32

static const struct
{
    unsigned flag; /* gnutls_certificate_status_t */
    SECURITY_STATUS status;
} verdicts[] = {
    /* clang-format off */
    { GNUTLS_CERT_EXPIRED,            SEC_E_CERT_EXPIRED },
    { GNUTLS_CERT_NOT_ACTIVATED,      SEC_E_CERT_EXPIRED },
    { GNUTLS_CERT_PURPOSE_MISMATCH,   SEC_E_CERT_WRONG_USAGE },
    { GNUTLS_CERT_SIGNER_NOT_FOUND,   SEC_E_UNTRUSTED_ROOT },
    { GNUTLS_CERT_INVALID,            SEC_E_CERT_UNKNOWN }, /* is set with all of them, and with what has no row */
    /* clang-format on */
};

static BOOL import(struct span der, gnutls_x509_crt_t *crt)
{
    gnutls_datum_t datum = { (unsigned char *)der.data, (unsigned)der.size };

    if (gnutls_x509_crt_init(crt) < 0)
    {
        *crt = NULL;
        return FALSE;
    }
    return gnutls_x509_crt_import(*crt, &datum, GNUTLS_X509_FMT_DER) >= 0;
}

SECURITY_STATUS chain_judge(const struct span *chain, unsigned count, BOOL client)
{
    /* LOW: keys from 1,024 bits, which is where Windows' default minimum is; SHA-1 and MD5 are out in any
     * profile. */
    const unsigned flags = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_LOW) | GNUTLS_VERIFY_DISABLE_CRL_CHECKS;
    gnutls_typed_vdata_st purpose = {
        GNUTLS_DT_KEY_PURPOSE_OID,
        (unsigned char *)(client ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER), 0
    };
    gnutls_x509_crt_t certificates[CHAIN_MAX] = { NULL };
    gnutls_x509_trust_list_t trusted = NULL;
    SECURITY_STATUS status = SEC_E_CERT_UNKNOWN;
    unsigned i, verdict = GNUTLS_CERT_INVALID;

    if (!count || count > CHAIN_MAX) return SEC_E_CERT_UNKNOWN;
    for (i = 0; i < count; i++)
        if (!import(chain[i], &certificates[i])) goto done;
    if (gnutls_x509_trust_list_init(&trusted, 0) < 0 ||
        gnutls_x509_trust_list_add_cas(trusted, &certificates[count - 1], 1, 0) != 1)
    {
        status = SEC_E_INSUFFICIENT_MEMORY;
        goto done;
    }
    /* Without the root, which is believed whatever it is signed with; alone it is leaf and root in one. */
    if (gnutls_x509_trust_list_verify_crt2(trusted, certificates, count > 1 ? count - 1 : 1, &purpose, 1,
                                           flags, &verdict, NULL) < 0)
        goto done;
    for (status = SEC_E_OK, i = 0; i < ARRAY_SIZE(verdicts) && !status; i++)
        if (verdict & verdicts[i].flag) status = verdicts[i].status;
    if (status) WARN("GnuTLS refuses the chain: %#x\n", verdict);

done:
    if (trusted) gnutls_x509_trust_list_deinit(trusted, 0);
    for (i = 0; i < count; i++)
        if (certificates[i]) gnutls_x509_crt_deinit(certificates[i]);
    return status;
}

BOOL chain_is_for(struct span leaf, const char *name, BOOL address)
{
    unsigned flags = address ? 0 : GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES;
    gnutls_x509_crt_t crt;
    BOOL is = FALSE;

    if (import(leaf, &crt)) is = gnutls_x509_crt_check_hostname2(crt, name, flags) != 0;
    if (crt) gnutls_x509_crt_deinit(crt);
    return is;
}

static BOOL is_der(struct span value, const uint8_t *bytes, size_t size)
{
    return value.size == size && !memcmp(value.data, bytes, size);
}

/*
 * The hash of an RSA-PSS signature that GnuTLS has no name for: SHA-1, which is the default and so is not
 * written down in DER, and SHA-224 (RFC 4055, 3.1).
 */
static gnutls_digest_algorithm_t pss_hash(struct span der)
{
    static const uint8_t pss[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a };
    static const uint8_t sha224[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04 };
    struct span certificate, body, algorithm, oid, parameters, tagged, hash;

    if (!span_take_der(&der, 0x30, NULL, &certificate) || !span_take_der(&certificate, 0x30, NULL, &body) ||
        !span_take_der(&certificate, 0x30, NULL, &algorithm) ||
        !span_take_der(&algorithm, 0x06, NULL, &oid) || !is_der(oid, pss, sizeof(pss)) ||
        !span_take_der(&algorithm, 0x30, NULL, &parameters))
        return GNUTLS_DIG_UNKNOWN;
    if (!span_take_der(&parameters, 0xa0, NULL, &tagged)) return GNUTLS_DIG_SHA1;
    if (!span_take_der(&tagged, 0x30, NULL, &hash) || !span_take_der(&hash, 0x06, NULL, &oid))
        return GNUTLS_DIG_UNKNOWN;
    return is_der(oid, sha224, sizeof(sha224)) ? GNUTLS_DIG_SHA224 : GNUTLS_DIG_UNKNOWN;
}

static gnutls_digest_algorithm_t signature_hash(struct span der)
{
    gnutls_digest_algorithm_t hash = GNUTLS_DIG_UNKNOWN;
    gnutls_sign_algorithm_t algorithm;
    gnutls_pk_algorithm_t kind;
    gnutls_x509_crt_t crt;

    if (import(der, &crt))
    {
        algorithm = gnutls_x509_crt_get_signature_algorithm(crt);
        kind = gnutls_sign_get_pk_algorithm(algorithm);
        if (kind == GNUTLS_PK_UNKNOWN)
            hash = pss_hash(der);
        else if (kind != GNUTLS_PK_EDDSA_ED25519 && kind != GNUTLS_PK_EDDSA_ED448)
            hash = gnutls_sign_get_hash_algorithm(algorithm);
    }
    if (crt) gnutls_x509_crt_deinit(crt);
    return hash == GNUTLS_DIG_MD5 || hash == GNUTLS_DIG_SHA1 ? GNUTLS_DIG_SHA256 : hash;
}

size_t chain_endpoint_hash(struct span leaf, uint8_t hash[CHAIN_HASH_MAX])
{
    gnutls_digest_algorithm_t algorithm = signature_hash(leaf);
    size_t size = gnutls_hash_get_len(algorithm);

    if (!size || size > CHAIN_HASH_MAX || gnutls_hash_fast(algorithm, leaf.data, leaf.size, hash) < 0)
        return 0;
    return size;
}

static BOOL hash_number(gnutls_hash_hd_t hash, ULONG64 number)
{
    return gnutls_hash(hash, &number, sizeof(number)) >= 0;
}

BOOL chain_print(const struct span *parts, unsigned count, uint8_t print[CHAIN_PRINT_SIZE])
{
    gnutls_hash_hd_t hash;
    BOOL good;
    unsigned i;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0) return FALSE;
    good = hash_number(hash, count);
    for (i = 0; good && i < count; i++)
    {
        good = hash_number(hash, parts[i].size);
        if (good && parts[i].size) good = gnutls_hash(hash, parts[i].data, parts[i].size) >= 0;
    }
    gnutls_hash_deinit(hash, print);
    return good;
}

/* A response without nextUpdate is believed for this long, in seconds. */
#define STAPLED_LIFETIME 259200 /* three days */

static enum stapled_status read_response(gnutls_ocsp_resp_t response, gnutls_x509_crt_t leaf)
{
    time_t this_update = 0, next_update = -1, now = time(NULL);
    unsigned status = GNUTLS_OCSP_CERT_UNKNOWN;

    if (gnutls_ocsp_resp_check_crt(response, 0, leaf) < 0) return STAPLED_NOTHING;
    if (gnutls_ocsp_resp_get_single(response, 0, NULL, NULL, NULL, NULL, &status, &this_update, &next_update,
                                    NULL, NULL) < 0)
        return STAPLED_NOTHING;
    if (status == GNUTLS_OCSP_CERT_REVOKED) return STAPLED_REVOKED;
    if (next_update == -1) next_update = this_update + STAPLED_LIFETIME;
    if (status != GNUTLS_OCSP_CERT_GOOD || this_update > now || next_update < now) return STAPLED_NOTHING;
    return STAPLED_GOOD;
}

enum stapled_status chain_stapled(struct span der, struct span leaf_der, struct span issuer_der)
{
    gnutls_datum_t datum = { (unsigned char *)der.data, (unsigned)der.size };
    gnutls_x509_crt_t leaf = NULL, issuer = NULL;
    enum stapled_status status = STAPLED_NOTHING;
    gnutls_x509_trust_list_t signers = NULL;
    gnutls_ocsp_resp_t response = NULL;
    unsigned verdict = 1;

    if (!der.size || !import(leaf_der, &leaf) || !import(issuer_der, &issuer)) goto done;
    if (gnutls_ocsp_resp_init(&response) < 0 || gnutls_ocsp_resp_import(response, &datum) < 0) goto done;
    if (gnutls_x509_trust_list_init(&signers, 0) < 0 ||
        gnutls_x509_trust_list_add_cas(signers, &issuer, 1, 0) != 1)
        goto done;
    if (gnutls_ocsp_resp_verify(response, signers, &verdict, 0) < 0 || verdict) goto done;
    status = read_response(response, leaf);

done:
    if (signers) gnutls_x509_trust_list_deinit(signers, 0);
    if (response) gnutls_ocsp_resp_deinit(response);
    if (issuer) gnutls_x509_crt_deinit(issuer);
    if (leaf) gnutls_x509_crt_deinit(leaf);
    return status;
}
