/*
 * Bytes to decide by, and what a status may be: what the targets share, in Wine too.
 */
#include "common.h"

uint32_t take(struct span *input, size_t bytes)
{
    uint32_t number = 0;

    if (!span_take_number(input, bytes, &number)) input->size = 0;
    return number;
}

uint8_t *take_copy(struct span *input, size_t size, size_t *taken)
{
    struct span bytes;
    uint8_t *copy;

    *taken = size < input->size ? size : input->size;
    span_take(input, *taken, &bytes);
    copy = malloc(*taken ? *taken : 1);
    if (*taken) memcpy(copy, bytes.data, *taken);
    return copy;
}

BOOL status_is_documented(SECURITY_STATUS status)
{
    static const SECURITY_STATUS statuses[] = {
        /* clang-format off */
        SEC_E_OK, SEC_I_CONTINUE_NEEDED, SEC_I_CONTEXT_EXPIRED, SEC_I_INCOMPLETE_CREDENTIALS, SEC_I_RENEGOTIATE,
        SEC_I_NO_RENEGOTIATION, SEC_I_MESSAGE_FRAGMENT,
        SEC_E_INSUFFICIENT_MEMORY, SEC_E_INVALID_HANDLE, SEC_E_UNSUPPORTED_FUNCTION, SEC_E_INTERNAL_ERROR,
        SEC_E_SECPKG_NOT_FOUND, SEC_E_INVALID_TOKEN, SEC_E_QOP_NOT_SUPPORTED, SEC_E_LOGON_DENIED,
        SEC_E_UNKNOWN_CREDENTIALS, SEC_E_NO_CREDENTIALS, SEC_E_MESSAGE_ALTERED, SEC_E_OUT_OF_SEQUENCE,
        SEC_E_CONTEXT_EXPIRED, SEC_E_INCOMPLETE_MESSAGE, SEC_E_BUFFER_TOO_SMALL, SEC_E_WRONG_PRINCIPAL,
        SEC_E_UNTRUSTED_ROOT, SEC_E_ILLEGAL_MESSAGE, SEC_E_CERT_UNKNOWN, SEC_E_CERT_EXPIRED, SEC_E_ENCRYPT_FAILURE,
        SEC_E_DECRYPT_FAILURE, SEC_E_ALGORITHM_MISMATCH, SEC_E_UNFINISHED_CONTEXT_DELETED, SEC_E_CERT_WRONG_USAGE,
        SEC_E_APPLICATION_PROTOCOL_MISMATCH, SEC_E_INVALID_PARAMETER, CRYPT_E_REVOKED, CRYPT_E_NO_REVOCATION_CHECK,
        CRYPT_E_REVOCATION_OFFLINE,
        /* clang-format on */
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i] == status) return TRUE;
    return FALSE;
}
