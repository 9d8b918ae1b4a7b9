/*
 * sspi-client's parts: the options, a connection by SSPI over TCP or UDP, and what is told of it.
 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include "sample.h"

#define NO_LENGTH (~0ull) /* the answer did not say how long it is */
#define LINES_MAX 4       /* of -send */

/* What the program ends with. */
enum end
{
    END_GOOD,
    END_OTHER,       /* something of its own: a file that cannot be written */
    END_USAGE,       /* the options */
    END_UNREACHABLE, /* nobody there, or not the protocol of -starttls */
    END_HANDSHAKE,   /* no TLS in common, or a broken handshake */
    END_REFUSED,     /* the certificate, by us */
    END_CUT_OFF,     /* the connection ended before its time, or a record was changed */
};

struct options
{
    const WCHAR *url;     /* the last argument, cut into host, port and path */
    const WCHAR *connect; /* -connect, cut likewise */
    const WCHAR *host, *port;
    const WCHAR *path;             /* of the URL; NULL with -connect: no HTTP */
    const WCHAR *name;             /* what the certificate has to be for; NULL: host */
    const WCHAR *output;           /* file for the body; "-": stdout */
    const WCHAR *certificate;      /* a PFX file, for servers that ask for a certificate */
    const WCHAR *password;         /* of that file */
    const WCHAR *starttls;         /* the protocol that is spoken first */
    const WCHAR *ciphers;          /* suites; NULL: what is enabled */
    const WCHAR *keylog;           /* file for SSLKEYLOGFILE */
    const WCHAR *lines[LINES_MAX]; /* -send: instead of a request */
    unsigned line_count;
    struct sample_alpn alpn;
    struct sample_psk psk;
    BOOL with_psk;
    DWORD protocols; /* SP_PROT_*_CLIENT; 0: what is enabled */
    DWORD chunk;     /* bytes a receive asks for at most; 0: any */
    DWORD bench;     /* seconds */
    BOOL legacy, direct, insecure, datagrams;
    BOOL weak;              /* weak suites, and no encryption, as well */
    BOOL revocation;        /* -status */
    BOOL reconnect;         /* and once more */
    BOOL show_certificates; /* as PEM */
    BOOL quiet, brief, json, progress;
    BOOL probe, version, help;
    BOOL no_resumption; /* none by option: -bench */
};
extern struct options options;

/* Reads the options; FALSE, and a line about it, when they make no sense. */
BOOL options_parse(int argc, WCHAR **argv);
void options_help(FILE *file);

struct connection
{
    const SecurityFunctionTableW *sspi;
    struct sample_stream stream; /* over UDP: the last datagram */
    CredHandle credential;
    CtxtHandle context;
    BOOL has_credential, has_context;
    PCCERT_CONTEXT certificate; /* of -cert */
    BOOL asked;                 /* the server wants one that we do not have */
    SecPkgContext_StreamSizes sizes;
    CRITICAL_SECTION sending;   /* what is protected first goes out first */
    ULONG64 body;               /* bytes of the answer's body, or of all data */
    ULONG64 expected;           /* what Content-Length promised, or NO_LENGTH */
    BOOL closed_proper;         /* the peer said close_notify */
    volatile BOOL said_goodbye; /* and so have we: its answer is waited for, but not for ever */
    SECURITY_STATUS status;     /* of what failed */
    const char *failed;         /* what that was; NULL: nothing */
    char answer[256];           /* HTTP's first line */
    double handshake_seconds, seconds;
};

/* --- client_tls.c --------------------------------------------------------------------------------------- */

/* Opens the connection, speaks the protocol of -starttls, and makes the handshake. */
enum end connection_open(struct connection *connection);

/* Says close_notify; the peer may still send. */
void connection_shut_down(struct connection *connection);

/* Frees what belongs to one connection; the credential stays for the next. */
void connection_close(struct connection *connection);
void connection_free_credential(struct connection *connection);

/* Sends the data in records, or as one datagram. */
SECURITY_STATUS connection_send(struct connection *connection, const void *data, size_t size);

/* Called with what a record held. FALSE: enough. */
typedef BOOL (*data_function)(struct connection *connection, const char *data, DWORD size, void *argument);

/* Receives until the peer closes, which is SEC_E_OK, a failure, or the function has enough. */
SECURITY_STATUS connection_receive(struct connection *connection, data_function take, void *argument);

/* Receives until the function has counted some bytes in `body` and no whole record is left, which is
 * SEC_E_OK. SEC_E_ILLEGAL_MESSAGE: the peer has closed and has not said anything. Over TCP only. */
SECURITY_STATUS connection_receive_answer(struct connection *connection, data_function take, void *argument);

double seconds_since(LARGE_INTEGER start);

/* Whether a name looks like one of IANA's of a suite: TLS_..., up to a hash. */
BOOL suite_named(const WCHAR *name, size_t length);

/* Speaks a protocol up to where TLS begins; FALSE, and a line about it, when the server does not want to. */
BOOL starttls(struct sample_stream *stream, const WCHAR *protocol, const WCHAR *host);
BOOL starttls_known(const WCHAR *protocol); /* FALSE, and a line about those that are */

/* --- client_report.c ------------------------------------------------------------------------------------ */

/* After the handshake, in words; not with -json. */
void report_connection(struct connection *connection);

/* At the end: what came, or all of it in JSON. */
void report_end(struct connection *connection, enum end end);

/* What status and doctor of setup_schannel.sh ask: which DLL, which protocols, how many roots; a line each.
 */
enum end report_probe(const SecurityFunctionTableW *sspi);
enum end report_version(void);

#endif
