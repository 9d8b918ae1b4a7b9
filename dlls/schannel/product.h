/*
 * What this DLL is, in one line: the version of the project and of the GnuTLS inside.
 */
#ifndef SCHANNEL_PRODUCT_H
#define SCHANNEL_PRODUCT_H

/* "schannel-gnutls 0.1.0, GnuTLS 3.8.9". In the file the text follows "@(#)", so that
 * tools/setup_schannel.sh, or what(1), finds it without running anything. */
extern const char *const product_line;

#endif
