/*
 * The dictionary of statuses: Microsoft's "Schannel Error Codes for TLS and SSL Alerts", row by row.
 */
#include "test.h"
#include "status.h"
#include <gnutls/gnutls.h>

static const struct
{
    unsigned alert;
    SECURITY_STATUS status;
} alerts[] = {
    { 0, SEC_I_CONTEXT_EXPIRED },       { 10, SEC_E_ILLEGAL_MESSAGE },
    { 20, SEC_E_MESSAGE_ALTERED },      { 21, SEC_E_DECRYPT_FAILURE },
    { 22, SEC_E_ILLEGAL_MESSAGE },      { 30, SEC_E_MESSAGE_ALTERED },
    { 40, SEC_E_ILLEGAL_MESSAGE },      { 42, SEC_E_CERT_UNKNOWN },
    { 43, SEC_E_CERT_UNKNOWN },         { 44, CRYPT_E_REVOKED },
    { 45, SEC_E_CERT_EXPIRED },         { 46, SEC_E_CERT_UNKNOWN },
    { 47, SEC_E_ILLEGAL_MESSAGE },      { 48, SEC_E_UNTRUSTED_ROOT },
    { 49, SEC_E_LOGON_DENIED },         { 50, SEC_E_ILLEGAL_MESSAGE },
    { 51, SEC_E_DECRYPT_FAILURE },      { 60, SEC_E_ILLEGAL_MESSAGE },
    { 70, SEC_E_UNSUPPORTED_FUNCTION }, { 71, SEC_E_ALGORITHM_MISMATCH },
    { 80, SEC_E_INTERNAL_ERROR },       { 90, SEC_E_UNFINISHED_CONTEXT_DELETED },
    { 100, SEC_E_ILLEGAL_MESSAGE },     { 110, SEC_E_ILLEGAL_MESSAGE },
    { 115, SEC_E_ILLEGAL_MESSAGE },     { 120, SEC_E_APPLICATION_PROTOCOL_MISMATCH },
    { 255, SEC_E_ILLEGAL_MESSAGE },
};

static void test_each_alert_has_its_own_status(void)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(alerts); i++)
        ok(status_of_alert(alerts[i].alert) == alerts[i].status, "alert %u is %#lx\n", alerts[i].alert,
           (unsigned long)status_of_alert(alerts[i].alert));
}

static void test_an_error_without_a_row_is_internal(void)
{
    ok_status(status_of_gnutls(GNUTLS_E_INTERNAL_ERROR), SEC_E_INTERNAL_ERROR);
    ok_status(status_of_gnutls(-9999), SEC_E_INTERNAL_ERROR);
    ok_status(status_of_gnutls(GNUTLS_E_MEMORY_ERROR), SEC_E_INSUFFICIENT_MEMORY);
}

static void test_a_refused_certificate_has_its_alert(void)
{
    ok(alert_of_status(SEC_E_UNTRUSTED_ROOT) == 48, "unknown_ca\n");
    ok(alert_of_status(SEC_E_CERT_EXPIRED) == 45, "certificate_expired\n");
    ok(alert_of_status(CRYPT_E_REVOKED) == 44, "certificate_revoked\n");
    ok(alert_of_status(SEC_E_WRONG_PRINCIPAL) == 46, "certificate_unknown\n");
    ok(alert_of_status(SEC_E_CERT_UNKNOWN) == 46, "certificate_unknown\n");
}

START_TEST(status)
{
    RUN(test_each_alert_has_its_own_status);
    RUN(test_an_error_without_a_row_is_internal);
    RUN(test_a_refused_certificate_has_its_alert);
}
