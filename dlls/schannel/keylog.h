/*
 * The keys of connections in a file, for Wireshark (draft-ietf-tls-keylogfile: what browsers and curl write):
 * only when the environment variable SSLKEYLOGFILE says where.
 */
#ifndef SCHANNEL_KEYLOG_H
#define SCHANNEL_KEYLOG_H

#include "span.h"
#include "windows_sspi.h"

/* Whether keys are to be written. The variable is read at the first call, and a warning says that they are.
 */
BOOL keylog_enabled(void);

/* One line: the label, the client's random, the secret. Only when keylog_enabled. */
void keylog_write(const char *label, struct span random, struct span secret);

#endif
