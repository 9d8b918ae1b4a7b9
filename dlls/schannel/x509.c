/*
 * Certificates as SSL 2.0's programs read them: taken apart into a struct. crypt32 does the reading; here is
 * what it is given, and the struct that is made of its answer.
 */
#include "x509.h"
#include "secbuf.h"

/* What a Certificate message has room for (RFC 8446, 4.4.2); no sum of lengths below overflows. */
#define CERTIFICATE_SIZE_MAX 0xffffff

#define DER_OCTET_STRING     0x04
#define DER_SEQUENCE         0x30

/*
 * The certificate in Netscape's wrapper, which is a sequence of the word "certificate" in an octet string and
 * the certificate itself (`openssl x509 -inform NET` read it, up to OpenSSL 1.0). Anything else comes back
 * as it is.
 */
static struct span unwrap(struct span file)
{
    static const char word[] = "certificate";
    struct span rest = file, element, body, name, inside;

    if (span_take_der(&rest, DER_SEQUENCE, &element, &body) &&
        span_take_der(&body, DER_OCTET_STRING, &element, &name) && name.size == sizeof(word) - 1 &&
        !memcmp(name.data, word, name.size) && span_take_der(&body, DER_SEQUENCE, &element, &inside))
        return element;
    return file;
}

/* An error of crypt32, which does not always leave one. */
static DWORD crypt_error(void)
{
    DWORD error = GetLastError();

    return error ? error : (DWORD)CRYPT_E_BAD_ENCODE;
}

/* Cuts everything before `text` off, or returns false and changes nothing. */
static bool seek(struct span *span, const char *text)
{
    size_t size = strlen(text), at;
    struct span before;

    for (at = 0; at + size <= span->size; at++)
        if (!memcmp(span->data + at, text, size)) return span_take(span, at, &before);
    return false;
}

/*
 * The base64 between the lines of the first certificate (RFC 7468, 5), or all of it when there are no such
 * lines. CryptStringToBinary of Wine finds them too, but looks for them behind the end it was told, and takes
 * nothing between them for 4 GB.
 */
static bool pem_take(struct span *file)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    struct span body = *file, line, rest;

    if (!seek(&body, begin)) return true;
    span_take(&body, sizeof(begin) - 1, &line);
    rest = body;
    return seek(&rest, end) && span_take(&body, body.size - rest.size, file);
}

/* What is in a file that does not begin as DER does. `decoded` has to be freed. */
static DWORD decode_base64(struct span *file, BYTE **decoded)
{
    const char *text;
    DWORD size = 0;

    /* No size would let CryptStringToBinary look for an end itself. */
    if (!pem_take(file) || !file->size) return (DWORD)CRYPT_E_BAD_ENCODE;
    text = (const char *)file->data;
    SetLastError(0);
    if (!CryptStringToBinaryA(text, (DWORD)file->size, CRYPT_STRING_BASE64, NULL, &size, NULL, NULL))
        return crypt_error();
    if (!(*decoded = malloc(size ? size : 1))) return ERROR_NOT_ENOUGH_MEMORY;
    if (!CryptStringToBinaryA(text, (DWORD)file->size, CRYPT_STRING_BASE64, *decoded, &size, NULL, NULL))
        return crypt_error();
    file->data = *decoded;
    file->size = size;
    return 0;
}

/* CertNameToStrA makes an empty string of a name that is none. */
static bool name_is_sound(const CERT_NAME_BLOB *name)
{
    DWORD size;

    return CryptDecodeObject(X509_ASN_ENCODING, X509_UNICODE_NAME, name->pbData, name->cbData, 0, NULL,
                             &size);
}

/* Writes a name with its end, at most `room` bytes, into `text`, or NULL; returns how many it takes. */
static DWORD name_write(const CERT_NAME_BLOB *name, char *text, DWORD room)
{
    return CertNameToStrA(X509_ASN_ENCODING, (CERT_NAME_BLOB *)name, CERT_X500_NAME_STR, text, room);
}

/* The ALG_ID of a key; crypt32 has none for keys of elliptic curves. */
static ALG_ID key_algorithm(const char *oid)
{
    return strcmp(oid, szOID_ECC_PUBLIC_KEY) ? CertOIDToAlgId(oid) : CALG_ECDSA;
}

static DWORD fill(const CERT_INFO *info, X509Certificate **cracked)
{
    const CERT_PUBLIC_KEY_INFO *key = &info->SubjectPublicKeyInfo;
    DWORD key_size = FIELD_OFFSET(PctPublicKey, pKey) + key->PublicKey.cbData, issuer_size, subject_size;
    X509Certificate *certificate;
    char *text;

    SetLastError(0);
    if (!name_is_sound(&info->Issuer) || !name_is_sound(&info->Subject)) return crypt_error();
    issuer_size = name_write(&info->Issuer, NULL, 0);
    subject_size = name_write(&info->Subject, NULL, 0);
    if (!(certificate = caller_alloc(sizeof(*certificate) + key_size + issuer_size + subject_size)))
        return ERROR_NOT_ENOUGH_MEMORY;

    memset(certificate, 0, sizeof(*certificate));
    certificate->Version = info->dwVersion;
    memcpy(certificate->SerialNumber, info->SerialNumber.pbData,
           min(info->SerialNumber.cbData, sizeof(certificate->SerialNumber)));
    certificate->SignatureAlgorithm = CertOIDToAlgId(info->SignatureAlgorithm.pszObjId);
    certificate->ValidFrom = info->NotBefore;
    certificate->ValidUntil = info->NotAfter;

    certificate->pPublicKey = (PctPublicKey *)(certificate + 1);
    certificate->pPublicKey->Type = key_algorithm(key->Algorithm.pszObjId);
    certificate->pPublicKey->cbKey = key->PublicKey.cbData;
    memcpy(certificate->pPublicKey->pKey, key->PublicKey.pbData, key->PublicKey.cbData);

    text = (char *)certificate->pPublicKey + key_size;
    certificate->pszIssuer = text;
    name_write(&info->Issuer, text, issuer_size);
    certificate->pszSubject = text + issuer_size;
    name_write(&info->Subject, text + issuer_size, subject_size);
    *cracked = certificate;
    return 0;
}

DWORD x509_crack(struct span input, DWORD flags, X509Certificate **cracked)
{
    PCCERT_CONTEXT certificate = NULL;
    struct span element, contents;
    BYTE *decoded = NULL;
    DWORD error;

    if (flags & ~(DWORD)(CF_VERIFY_SIG | CF_CERT_FROM_FILE)) return ERROR_INVALID_FLAGS;
    if (flags & CF_CERT_FROM_FILE)
    {
        if (input.size && input.data[0] != DER_SEQUENCE && (error = decode_base64(&input, &decoded)))
            goto done;
        input = unwrap(input);
    }
    error = (DWORD)CRYPT_E_BAD_ENCODE;
    if (!span_take_der(&input, DER_SEQUENCE, &element, &contents) || element.size > CERTIFICATE_SIZE_MAX)
        goto done;
    SetLastError(0);
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING, element.data, (DWORD)element.size);
    if (!certificate || (flags & CF_VERIFY_SIG && !CryptVerifyCertificateSignature(
                                                      0, X509_ASN_ENCODING, element.data, (DWORD)element.size,
                                                      &certificate->pCertInfo->SubjectPublicKeyInfo)))
        error = crypt_error();
    else
        error = fill(certificate->pCertInfo, cracked);

done:
    if (certificate) CertFreeCertificateContext(certificate);
    free(decoded);
    return error;
}
