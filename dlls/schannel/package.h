/*
 * The two names Schannel goes by, and what it says of itself under each.
 */
#ifndef SCHANNEL_PACKAGE_H
#define SCHANNEL_PACKAGE_H

#include "windows_sspi.h"

enum package
{
    PACKAGE_UNIFIED,  /* UNISP_NAME, which programs use */
    PACKAGE_SCHANNEL, /* SCHANNEL_NAME */
    PACKAGES
};

/* The package of a name, in any case, or PACKAGES when it is none of ours. NULL is none. */
enum package package_find(const WCHAR *name);

/* What it says of itself; the strings are static. */
SecPkgInfoW package_info(enum package package);

/*
 * Packages `first` to `first + count - 1` with their strings, in one block the caller frees with
 * FreeContextBuffer. NULL: no memory.
 */
SecPkgInfoW *package_list(enum package first, unsigned count);
SecPkgInfoA *package_list_ansi(enum package first, unsigned count);

#endif
