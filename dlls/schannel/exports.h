/*
 * Exports that Windows' headers do not declare.
 */
#ifndef SCHANNEL_EXPORTS_H
#define SCHANNEL_EXPORTS_H

#include "windows_sspi.h"

/* EncryptMessage and DecryptMessage under the names they had in Windows NT 4. */
SECURITY_STATUS SEC_ENTRY SealMessage(PCtxtHandle handle, ULONG qop, PSecBufferDesc message, ULONG sequence);
SECURITY_STATUS SEC_ENTRY UnsealMessage(PCtxtHandle handle, PSecBufferDesc message, ULONG sequence,
                                        ULONG *qop);

#endif
