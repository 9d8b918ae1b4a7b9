/*
 * What the sample programs share: finding the package, and putting options and answers into words.
 */
#ifndef TOOLS_SAMPLE_H
#define TOOLS_SAMPLE_H

#define __USE_MINGW_ANSI_STDIO 1
#include "windows_sspi.h"
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>

/* The package's functions: secur32's, or with `direct` those of schannel.dll itself. NULL, and a message,
 * when there are none. */
const SecurityFunctionTableW *sample_open(BOOL direct);

/* Says what went wrong and what it means; 1, for main to return. */
int sample_fail(const char *what, SECURITY_STATUS status);
const char *sample_status_name(SECURITY_STATUS status); /* "status" for one that is rare */

/* SP_PROT_* bits of both sides for "tls1.2,tls1.3"; 0 when the list is none. */
DWORD sample_protocols(const WCHAR *list);
const WCHAR *sample_protocol_name(DWORD protocol);
const char *sample_group_name(DWORD group);

/* A SEC_APPLICATION_PROTOCOLS of "h2,http/1.1". */
struct sample_alpn
{
    BYTE bytes[266];
    DWORD size; /* 0: none */
};
BOOL sample_alpn(const WCHAR *list, struct sample_alpn *alpn);

/* SEC_PRESHAREDKEY and SEC_PRESHAREDKEY_IDENTITY of "IDENTITY:KEY", with the key in hexadecimal: each is its
 * size, a USHORT, and as many bytes. */
struct sample_psk
{
    BYTE key[2 + 64], identity[2 + 128];
};
BOOL sample_psk(const WCHAR *text, struct sample_psk *psk);

/* The buffers of a first call that hands it over. */
void sample_psk_buffers(struct sample_psk *psk, SecBuffer buffers[2]);

/* The first certificate of a PFX file, with its key; the caller frees it. NULL when there is none. */
PCCERT_CONTEXT sample_certificate(const WCHAR *path, const WCHAR *password);

/* A new certificate for that name, signed by itself, with a new RSA key that nothing of stays behind; the
 * caller frees it. NULL when this system cannot make one. */
PCCERT_CONTEXT sample_self_signed(const WCHAR *name);

/* A connection's bytes: what came, and is not used yet. */
struct sample_stream
{
    SOCKET socket;
    BYTE *received;
    DWORD size, room;
    DWORD chunk; /* bytes a receive asks for at most; 0: as many as there are */
};
BOOL sample_send(struct sample_stream *stream, const void *data, size_t size);
BOOL sample_receive(struct sample_stream *stream);          /* FALSE at the end of the connection */
void sample_keep(struct sample_stream *stream, DWORD size); /* the last `size` bytes of what came */
void sample_close(struct sample_stream *stream);

/* A name as X.500 writes it. */
#define SAMPLE_NAME_SIZE 512
const WCHAR *sample_name(const CERT_NAME_BLOB *name, WCHAR text[SAMPLE_NAME_SIZE]);

#endif
