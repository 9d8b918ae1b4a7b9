/*
 * One dictionary between three languages: GnuTLS's errors, TLS alerts and SECURITY_STATUS. Tables, no
 * behaviour.
 */
#include "status.h"
#include "log.h"
#include <gnutls/gnutls.h>

/* Rows not listed are SEC_E_ILLEGAL_MESSAGE, as in Microsoft's table. */
static const struct
{
    unsigned alert;
    SECURITY_STATUS status;
} alert_statuses[] = {
    /* clang-format off */
    { GNUTLS_A_CLOSE_NOTIFY,            SEC_I_CONTEXT_EXPIRED },
    { GNUTLS_A_BAD_RECORD_MAC,          SEC_E_MESSAGE_ALTERED },
    { GNUTLS_A_DECRYPTION_FAILED,       SEC_E_DECRYPT_FAILURE },
    { GNUTLS_A_DECOMPRESSION_FAILURE,   SEC_E_MESSAGE_ALTERED },
    { GNUTLS_A_BAD_CERTIFICATE,         SEC_E_CERT_UNKNOWN },
    { GNUTLS_A_UNSUPPORTED_CERTIFICATE, SEC_E_CERT_UNKNOWN },
    { GNUTLS_A_CERTIFICATE_REVOKED,     CRYPT_E_REVOKED },
    { GNUTLS_A_CERTIFICATE_EXPIRED,     SEC_E_CERT_EXPIRED },
    { GNUTLS_A_CERTIFICATE_UNKNOWN,     SEC_E_CERT_UNKNOWN },
    { GNUTLS_A_UNKNOWN_CA,              SEC_E_UNTRUSTED_ROOT },
    { GNUTLS_A_ACCESS_DENIED,           SEC_E_LOGON_DENIED },
    { GNUTLS_A_DECRYPT_ERROR,           SEC_E_DECRYPT_FAILURE },
    { GNUTLS_A_PROTOCOL_VERSION,        SEC_E_UNSUPPORTED_FUNCTION },
    { GNUTLS_A_INSUFFICIENT_SECURITY,   SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_A_INTERNAL_ERROR,          SEC_E_INTERNAL_ERROR },
    { GNUTLS_A_USER_CANCELED,           SEC_E_UNFINISHED_CONTEXT_DELETED },
    { GNUTLS_A_NO_APPLICATION_PROTOCOL, SEC_E_APPLICATION_PROTOCOL_MISMATCH },
    /* clang-format on */
};

/* What GnuTLS itself finds wrong. The peer's fault unless the row says otherwise. */
static const struct
{
    int error;
    SECURITY_STATUS status;
} gnutls_statuses[] = {
    /* clang-format off */
    /* nothing in common with the peer */
    { GNUTLS_E_UNSUPPORTED_VERSION_PACKET,        SEC_E_UNSUPPORTED_FUNCTION },
    { GNUTLS_E_NO_CIPHER_SUITES,                  SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_UNKNOWN_CIPHER_SUITE,              SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_INSUFFICIENT_SECURITY,             SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_NO_COMMON_KEY_SHARE,               SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_UNWANTED_ALGORITHM,                SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM,   SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_DH_PRIME_UNACCEPTABLE,             SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_NO_APPLICATION_PROTOCOL,           SEC_E_APPLICATION_PROTOCOL_MISMATCH },
    { GNUTLS_E_INAPPROPRIATE_FALLBACK,            SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_INSUFFICIENT_CREDENTIALS,          SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_CONSTRAINT_ERROR,                  SEC_E_ALGORITHM_MISMATCH }, /* a key too small for the hash */
    { GNUTLS_E_UNSAFE_RENEGOTIATION_DENIED,       SEC_E_ALGORITHM_MISMATCH },
    { GNUTLS_E_SAFE_RENEGOTIATION_FAILED,         SEC_E_ALGORITHM_MISMATCH },
    /* messages that are not what they should be */
    { GNUTLS_E_UNEXPECTED_PACKET,                 SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_UNEXPECTED_PACKET_LENGTH,          SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET,       SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_UNEXPECTED_EXTENSIONS_LENGTH,      SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_ILLEGAL_PARAMETER,                 SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER,        SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION,        SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_RECEIVED_DISALLOWED_NAME,          SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_MISSING_EXTENSION,                 SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_RECORD_OVERFLOW,                   SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_HANDSHAKE_TOO_LARGE,               SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS,        SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_TOO_MANY_EMPTY_PACKETS,            SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_MPI_SCAN_FAILED,                   SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_PARSING_ERROR,                     SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_UNKNOWN_COMPRESSION_ALGORITHM,     SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_ECC_UNSUPPORTED_CURVE,             SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_INCOMPATIBLE_SIG_WITH_KEY,         SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_SESSION_USER_ID_CHANGED,           SEC_E_ILLEGAL_MESSAGE },
    { GNUTLS_E_DECOMPRESSION_FAILED,              SEC_E_MESSAGE_ALTERED },
    { GNUTLS_E_PREMATURE_TERMINATION,             SEC_E_ILLEGAL_MESSAGE },
    /* protection and proofs that do not hold */
    { GNUTLS_E_DECRYPTION_FAILED,                 SEC_E_MESSAGE_ALTERED },
    { GNUTLS_E_ERROR_IN_FINISHED_PACKET,          SEC_E_MESSAGE_ALTERED },
    { GNUTLS_E_PK_SIG_VERIFY_FAILED,              SEC_E_DECRYPT_FAILURE },
    { GNUTLS_E_PK_DECRYPTION_FAILED,              SEC_E_DECRYPT_FAILURE },
    { GNUTLS_E_PK_INVALID_PUBKEY_PARAMS,          SEC_E_ILLEGAL_MESSAGE },
    /* certificates that cannot be read, or are of no use for the suite */
    { GNUTLS_E_ASN1_ELEMENT_NOT_FOUND,            SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_IDENTIFIER_NOT_FOUND,         SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_DER_ERROR,                    SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_VALUE_NOT_FOUND,              SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_GENERIC_ERROR,                SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_VALUE_NOT_VALID,              SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_TAG_ERROR,                    SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_TAG_IMPLICIT,                 SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_TYPE_ANY_ERROR,               SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_SYNTAX_ERROR,                 SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_ASN1_DER_OVERFLOW,                 SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_CERTIFICATE_ERROR,                 SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_CERTIFICATE_KEY_MISMATCH,          SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_KEY_USAGE_VIOLATION,               SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_NO_CERTIFICATE_FOUND,              SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_UNKNOWN_PK_ALGORITHM,              SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_UNSUPPORTED_CERTIFICATE_TYPE,      SEC_E_CERT_UNKNOWN },
    { GNUTLS_E_CERTIFICATE_REQUIRED,              SEC_E_NO_CREDENTIALS },
    /* ours */
    { GNUTLS_E_MEMORY_ERROR,                      SEC_E_INSUFFICIENT_MEMORY },
    { GNUTLS_E_PK_SIGN_FAILED,                    SEC_E_INTERNAL_ERROR },
    /* clang-format on */
};

/* Certificates refused: the alerts of RFC 5246, 7.2.2, and RFC 8446, 6.2. */
static const struct
{
    SECURITY_STATUS status;
    unsigned alert;
} refusal_alerts[] = {
    /* clang-format off */
    { SEC_E_UNTRUSTED_ROOT,           GNUTLS_A_UNKNOWN_CA },
    { SEC_E_CERT_EXPIRED,             GNUTLS_A_CERTIFICATE_EXPIRED },
    { CRYPT_E_REVOKED,                GNUTLS_A_CERTIFICATE_REVOKED },
    { SEC_E_CERT_WRONG_USAGE,         GNUTLS_A_UNSUPPORTED_CERTIFICATE },
    { SEC_E_INSUFFICIENT_MEMORY,      GNUTLS_A_INTERNAL_ERROR },
    { SEC_E_INTERNAL_ERROR,           GNUTLS_A_INTERNAL_ERROR },
    /* clang-format on */
};

/* clang-format off */
#define NAME(status) { status, #status }
static const struct
{
    SECURITY_STATUS status;
    const char *name;
} status_names[] = {
    NAME(SEC_E_OK),                 NAME(SEC_I_CONTINUE_NEEDED),          NAME(SEC_I_INCOMPLETE_CREDENTIALS),
    NAME(SEC_I_RENEGOTIATE),        NAME(SEC_I_CONTEXT_EXPIRED),          NAME(SEC_I_NO_RENEGOTIATION),
    NAME(SEC_I_MESSAGE_FRAGMENT),   NAME(SEC_E_OUT_OF_SEQUENCE),
    NAME(SEC_E_INCOMPLETE_MESSAGE), NAME(SEC_E_INVALID_TOKEN),            NAME(SEC_E_INVALID_HANDLE),
    NAME(SEC_E_INVALID_PARAMETER),  NAME(SEC_E_UNSUPPORTED_FUNCTION),     NAME(SEC_E_INSUFFICIENT_MEMORY),
    NAME(SEC_E_BUFFER_TOO_SMALL),   NAME(SEC_E_INTERNAL_ERROR),           NAME(SEC_E_SECPKG_NOT_FOUND),
    NAME(SEC_E_NO_CREDENTIALS),     NAME(SEC_E_UNKNOWN_CREDENTIALS),      NAME(SEC_E_ALGORITHM_MISMATCH),
    NAME(SEC_E_ILLEGAL_MESSAGE),    NAME(SEC_E_MESSAGE_ALTERED),          NAME(SEC_E_DECRYPT_FAILURE),
    NAME(SEC_E_ENCRYPT_FAILURE),    NAME(SEC_E_CONTEXT_EXPIRED),          NAME(SEC_E_QOP_NOT_SUPPORTED),
    NAME(SEC_E_UNTRUSTED_ROOT),     NAME(SEC_E_WRONG_PRINCIPAL),          NAME(SEC_E_CERT_EXPIRED),
    NAME(SEC_E_CERT_UNKNOWN),       NAME(SEC_E_CERT_WRONG_USAGE),         NAME(SEC_E_LOGON_DENIED),
    NAME(SEC_E_UNFINISHED_CONTEXT_DELETED), NAME(SEC_E_APPLICATION_PROTOCOL_MISMATCH),
    NAME(CRYPT_E_REVOKED), NAME(CRYPT_E_NO_REVOCATION_CHECK), NAME(CRYPT_E_REVOCATION_OFFLINE),
};
/* clang-format on */

const char *status_name(SECURITY_STATUS status)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(status_names); i++)
        if (status_names[i].status == status) return status_names[i].name;
    return "status";
}

SECURITY_STATUS status_of_alert(unsigned alert)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(alert_statuses); i++)
        if (alert_statuses[i].alert == alert) return alert_statuses[i].status;
    return SEC_E_ILLEGAL_MESSAGE;
}

SECURITY_STATUS status_of_gnutls(int error)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(gnutls_statuses); i++)
        if (gnutls_statuses[i].error == error) return gnutls_statuses[i].status;
    ERR("GnuTLS error %d (%s) has no status of its own\n", error, gnutls_strerror(error));
    return SEC_E_INTERNAL_ERROR;
}

unsigned alert_of_status(SECURITY_STATUS status)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(refusal_alerts); i++)
        if (refusal_alerts[i].status == status) return refusal_alerts[i].alert;
    return GNUTLS_A_CERTIFICATE_UNKNOWN;
}
