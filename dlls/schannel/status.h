/*
 * One dictionary between three languages: GnuTLS's errors, TLS alerts and SECURITY_STATUS.
 */
#ifndef SCHANNEL_STATUS_H
#define SCHANNEL_STATUS_H

#include "windows_sspi.h"

/* What an alert from the peer means to the caller (Microsoft: "Schannel Error Codes for TLS and SSL Alerts").
 * close_notify is SEC_I_CONTEXT_EXPIRED; an alert without a row is SEC_E_ILLEGAL_MESSAGE. */
SECURITY_STATUS status_of_alert(unsigned alert);

/* What a GnuTLS error (a negative GNUTLS_E_*) means when GnuTLS itself found it; SEC_E_INTERNAL_ERROR for one
 * that should not happen. Alerts received do not come here: see status_of_alert. */
SECURITY_STATUS status_of_gnutls(int error);

/* A status as a word, for the log; "status" for one without a row here. Static. */
const char *status_name(SECURITY_STATUS status);

/* The alert that tells the peer why its certificate was refused with `status`. */
unsigned alert_of_status(SECURITY_STATUS status);

#endif
