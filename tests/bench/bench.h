/*
 * What is measured, by whom, and against what.
 *
 * An engine is one TLS implementation as a program uses it: Schannel through secur32 (sspi.c), GnuTLS
 * (gnutls.c) or OpenSSL (openssl.c). It is linked in, one to a program; the loops (bench.c) and the peer
 * (peer.c) are the same for all. The peer is GnuTLS whose wire is memory, and its time never counts: engines
 * take the time of their own library's calls alone.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- the clock ------------------------------------------------------------------------------------------ */

/* The processor's own counter. A pair of readings costs some 20 ns, so that short calls are counted by the
 * slice and only long ones one by one. */
static inline uint64_t clock_now(void)
{
    unsigned processor;

    return __builtin_ia32_rdtscp(&processor);
}

extern uint64_t clock_spent; /* in the engine's library, since it was last set to 0 */

#define CLOCKED(call)                                                                                        \
    do                                                                                                       \
    {                                                                                                        \
        uint64_t began_ = clock_now();                                                                       \
                                                                                                             \
        call;                                                                                                \
        clock_spent += clock_now() - began_;                                                                 \
    } while (0)

/* --- suites --------------------------------------------------------------------------------------------- */

enum protocol
{
    PROTOCOL_TLS12,
    PROTOCOL_TLS13,
    PROTOCOL_DTLS12
};

struct suite
{
    const char *name;
    enum protocol protocol;
    const char *certificate; /* NAME.pem, NAME-chain.pem, NAME.key, NAME.pfx of the PKI's folder; "rsa" ... */
    const char *cipher;      /* in a priority string of GnuTLS, */
    const char *openssl;     /* and as OpenSSL calls it, with the exchange and the signature */
    const char *group, *openssl_group;
};

extern const char *pki_folder;

/* What a credential is for. */
#define USE_SERVER   1 /* the engine is the server */
#define USE_RESUME   2 /* sessions are kept and given out */
#define USE_VALIDATE 4 /* the engine looks at the server's certificate; else nobody does */
#define USE_ANEW     8 /* and does not remember what it thought of it */

struct bytes
{
    uint8_t *data;
    size_t size;
};

/* --- the engine ----------------------------------------------------------------------------------------- */

struct credential;
struct end; /* one connection's end */

#define HEADER_MAX  64  /* bytes an engine may want before the plaintext, */
#define TRAILER_MAX 320 /* and behind it */
#define OUTPUT_MAX  65536

/* Once, before all else; what it is and its version. NULL, and a message, when there is nothing to measure.
 */
const char *engine_init(void);

/* What a program has once for all its connections. NULL: not this suite; `why` says so. */
struct credential *engine_credential(const struct suite *suite, unsigned use, char why[128]);
void engine_forget(struct credential *credential);

/* What the engine keeps of connections that are over is gone. It does not count. */
void engine_empty(void);

/* A connection begins and ends. Both count. */
struct end *engine_open(struct credential *credential);
void engine_close(struct end *end);

enum step
{
    STEP_MORE,
    STEP_DONE,
    STEP_FAILED /* engine_status says why */
};

/* A step of the handshake with what came; `in` keeps what was not used. What it has to say is appended to
 * `out`, whose memory has OUTPUT_MAX bytes. */
enum step engine_handshake(struct end *end, struct bytes *in, struct bytes *out);
long engine_status(void);

/* Reads what comes behind a handshake, such as tickets, for the credential's next connection. */
bool engine_settle(struct end *end, struct bytes *in);

bool engine_resumed(struct end *end);

/* Protects `size` bytes that lie at `room` + HEADER_MAX; what comes of it is at `sealed`, in `room` or in
 * memory of the engine. These two do not use the clock. */
bool engine_encrypt(struct end *end, uint8_t *room, size_t size, struct bytes *sealed);

/* One record; where the plaintext is, in the record or elsewhere. */
bool engine_decrypt(struct end *end, struct bytes record, struct bytes *plain);

/* A priority string of GnuTLS for just this suite. */
#define PRIORITY_MAX 256
void suite_priority(const struct suite *suite, char priority[PRIORITY_MAX]);

/* --- the peer ------------------------------------------------------------------------------------------- */

struct peer;

void peer_init(void);

/* The other side of an engine with this suite and use. NULL: GnuTLS does not take the suite or the
 * certificate; `why` says so. */
struct peer *peer_open(const struct suite *suite, unsigned use, char why[128]);
void peer_close(struct peer *peer);

/* A client keeps the session for the next of its kind. */
void peer_keep(struct peer *peer);
void peer_forget(void);

/* What it has written. The caller sets `size` to 0 when it has taken it. */
struct bytes *peer_output(struct peer *peer);

/* Gives it bytes. */
void peer_feed(struct peer *peer, struct bytes bytes);

/* 0: done; GNUTLS_E_AGAIN: more is needed; else what went wrong. */
int peer_handshake(struct peer *peer);
bool peer_resumed(struct peer *peer);

/* Protects one message; its record is appended to the output. */
bool peer_seal(struct peer *peer, const uint8_t *plain, size_t size);

/* Reads until there are `size` bytes; false when they do not come. */
bool peer_read(struct peer *peer, uint8_t *plain, size_t size);

#endif
