/*
 * Text files that users name by an environment variable, and that several processes may write at once: logs,
 * and keys for Wireshark.
 */
#ifndef SCHANNEL_OUTFILE_H
#define SCHANNEL_OUTFILE_H

#include "windows_sspi.h"
#include <stddef.h>

#define OUTFILE_PATH_SIZE 1024 /* characters of a path, its end included */

/* The value of an environment variable that names a file or a folder; FALSE when it is unset, empty or too
 * long. */
BOOL outfile_variable(const WCHAR *variable, WCHAR path[OUTFILE_PATH_SIZE]);

/* Opens `path` for appending, and creates it if need be: a Windows path, or under Wine a Unix one. With
 * `leaf` the path is a folder, which has to be there. INVALID_HANDLE_VALUE, with the last error set; else the
 * caller closes it. */
HANDLE outfile_open(const WCHAR *path, const WCHAR *leaf);

/* Appends the bytes as a whole, between those of other threads and processes. */
BOOL outfile_append(HANDLE file, const char *text, size_t size);

#endif
