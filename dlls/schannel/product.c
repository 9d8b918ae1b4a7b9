/*
 * The Makefile writes version.h: its own PRODUCT_VERSION, and the version of the GnuTLS that is linked in.
 */
#include "product.h"
#include "version.h"

static const char marked[] = "@(#)schannel-gnutls " PRODUCT_VERSION ", GnuTLS " GNUTLS_VERSION;

const char *const product_line = marked + 4;
