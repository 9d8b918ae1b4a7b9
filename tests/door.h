/*
 * What the tests that come through the door share: the package, a client that keeps its conventions, and
 * sockets.
 *
 * The door is chosen by the environment: SSPI_WAY=secur32 (the DLL lies in the prefix, secur32 finds it) or
 * SSPI_WAY=direct (LoadLibrary of SSPI_DLL and InitSecurityInterfaceW). Peers are named by PEER_* variables,
 * each a port of 127.0.0.1 (tests/run.py starts them).
 */
#ifndef TESTS_DOOR_H
#define TESTS_DOOR_H

#include "windows_sspi.h"
#include <winsock2.h>

extern const SecurityFunctionTableW *sspi;
extern const SecurityFunctionTableA *sspi_a;

/* Loads the package; FALSE, and a message, when it is not the DLL under test. */
BOOL sspi_open(void);

/* The same for any Schannel: whether it is the DLL under test is for the caller to ask. */
BOOL sspi_load(void);
BOOL sspi_is_ours(void);
BOOL sspi_is_direct(void);

/* The port in a PEER_* variable, 0 when the runner started no such peer. */
unsigned short peer_port(const char *name);

/* Requirements most tests use: curl's. */
#define CLIENT_FLAGS                                                                                         \
    (ISC_REQ_SEQUENCE_DETECT | ISC_REQ_REPLAY_DETECT | ISC_REQ_CONFIDENTIALITY | ISC_REQ_STREAM |            \
     ISC_REQ_ALLOCATE_MEMORY)

struct client
{
    CredHandle credential;
    CtxtHandle context;
    BOOL has_credential, has_context;
    SOCKET socket;
    const WCHAR *target;
    ULONG requirements; /* of each step; CLIENT_FLAGS to begin with */
    ULONG attributes;   /* of the last step */
    size_t feed;        /* bytes given to a call at most; 0: all there is */
    BYTE *received;
    size_t size, room;
    BYTE token[4096]; /* the last token, cut to that */
    size_t token_size;
    size_t sent;             /* bytes of handshake tokens */
    unsigned renegotiations; /* how often SEC_I_RENEGOTIATE came */
    unsigned requests;       /* how often SEC_I_INCOMPLETE_CREDENTIALS came */
    BOOL repeat;             /* after which the same input comes again (curl), else the next (Qt) */
    void (*requested)(struct client *client); /* called then; NULL: go on without a certificate */
};

/* A credential: SCHANNEL_CRED with these protocols (`modern` FALSE), or SCH_CREDENTIALS without the others
 * (TRUE); 0: the default ones. Validation is off. */
SECURITY_STATUS client_acquire(struct client *client, DWORD protocols, BOOL modern);

/* The same with SCH_CRED_* flags of one's own. */
SECURITY_STATUS client_acquire_flags(struct client *client, DWORD protocols, BOOL modern, DWORD flags);

/* A credential like it with certificates, for a client that may have one already: the older stays with its
 * context. */
SECURITY_STATUS client_credential(DWORD protocols, BOOL modern, DWORD flags, PCCERT_CONTEXT *certificates,
                                  DWORD count, CredHandle *credential);

/* Connects; FALSE when there is nobody. */
BOOL client_connect(struct client *client, unsigned short port);

/* One call of InitializeSecurityContextW with what was received; sends its token if there is a socket. */
SECURITY_STATUS client_step(struct client *client);

/* Steps and receives until the handshake is over. */
SECURITY_STATUS client_handshake(struct client *client);

/* All of the above: acquire, connect, handshake. */
SECURITY_STATUS client_open(struct client *client, const char *peer, DWORD protocols, BOOL modern);

/* Encrypts and sends one message. */
SECURITY_STATUS client_send(struct client *client, const void *data, size_t size);

/* Receives and decrypts until there is data, at most `room` bytes of it; a handshake step is made when asked
 * for. SEC_I_CONTEXT_EXPIRED: the peer closed. SEC_E_INCOMPLETE_MESSAGE: the wire ended. */
SECURITY_STATUS client_receive(struct client *client, void *data, size_t room, size_t *size);

/* The same for just one DecryptMessage on what is there, without receiving. */
SECURITY_STATUS client_decrypt(struct client *client, void *data, size_t room, size_t *size);

BOOL client_fill(struct client *client); /* one recv more */
void client_close(struct client *client);

/* --- what is in use ------------------------------------------------------------------------------------- */

/* Bytes in all heaps of the process, msvcrt's own included, and in how many blocks (or NULL). */
SIZE_T heap_in_use(unsigned *blocks);

/* Open handles. (Wine's GetProcessHandleCount says 0, always.) */
DWORD handles_in_use(void);

/* --- the registry --------------------------------------------------------------------------------------- */

/* A value of the SCHANNEL key, or of one below it (NULL: of it itself). */
void schannel_set(const WCHAR *subkey, const WCHAR *name, DWORD value);
/* Takes away what the tests set there: Protocols, Ciphers, Hashes, KeyExchangeAlgorithms and the value
 * `name`, if there is one. */
void schannel_clear(const WCHAR *name);

/* The administrator's list of suites (Functions) or curves (EccCurves), as Group Policy writes it; NULL:
 * none. */
void schannel_set_list(const WCHAR *name, const WCHAR *list);

/* --- certificates of tests/pki.py ----------------------------------------------------------------------- */

/* A file of the PKI's folder, in memory that the next call uses again; NULL when it is not there. */
BYTE *pki_file(const char *name, DWORD *size);

/* NAME.pfx imported, and the certificate of it that is no authority's. The caller closes and frees. NULL:
 * none.
 */
HCERTSTORE pfx_store(const char *name, DWORD flags);
PCCERT_CONTEXT pfx_certificate(const char *name, DWORD flags);

#ifndef PKCS12_NO_PERSIST_KEY
#define PKCS12_NO_PERSIST_KEY 0x8000
#endif

/* --- what the first token says -------------------------------------------------------------------------- */

struct hello
{
    BOOL sound; /* a whole ClientHello in one record */
    unsigned short record_version, version;
    unsigned short suites[64];
    unsigned suite_count;
    char server_name[256];
    unsigned short versions[16];
    unsigned version_count; /* of supported_versions */
    unsigned short groups[16];
    unsigned group_count;
    unsigned key_shares;
    BYTE alpn[256];
    unsigned alpn_size;
    unsigned short extensions[32];
    unsigned extension_count;
};

void hello_parse(const BYTE *token, size_t size, struct hello *hello);

#endif
