/*
 * Two sides in one process, whose wire is memory: what passes between them can be cut, changed and looked at.
 */
#ifndef TESTS_SIDES_H
#define TESTS_SIDES_H

#include "door.h"

#define TLS12 (SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_2_SERVER)
#define TLS13 (SP_PROT_TLS1_3_CLIENT | SP_PROT_TLS1_3_SERVER)

/* What every server of these tests asks for, and what comes back. */
#define SERVER_FLAGS                                                                                         \
    (ASC_REQ_SEQUENCE_DETECT | ASC_REQ_REPLAY_DETECT | ASC_REQ_CONFIDENTIALITY | ASC_REQ_STREAM |            \
     ASC_REQ_ALLOCATE_MEMORY)

#define SIDE_GIVEN_MAX 4

struct side
{
    BOOL server;
    CredHandle credential;
    CtxtHandle context;
    BOOL has_context;
    ULONG requirements, attributes;
    SecBuffer given[SIDE_GIVEN_MAX]; /* with every call */
    ULONG given_count;
    BYTE in[65536]; /* what the other side sent */
    size_t size;
    size_t feed;   /* bytes given to a call at most; 0: all */
    size_t said;   /* bytes of tokens */
    BYTE last[16]; /* the beginning of the last token */
    SECURITY_STATUS status;
};

/* What every server of the tests shows. */
extern PCCERT_CONTEXT server_certificate;

/* A credential of SCH_CREDENTIALS with those protocols; 0: the default ones. */
SECURITY_STATUS acquire_server(CredHandle *credential, DWORD protocols, DWORD flags,
                               PCCERT_CONTEXT *certificates, DWORD count);

/* A side with a credential like that, and server_certificate. Without a credential its first step fails. */
struct side *side_server(DWORD protocols, DWORD flags);

/* A client's, which validates nothing. */
struct side *side_client(DWORD protocols, PCCERT_CONTEXT *certificates, DWORD count);

void side_end(struct side *side);

/* One more input buffer for every call of that side; the memory stays the caller's. */
void side_give(struct side *side, ULONG type, const void *data, ULONG size);

/* SEC_APPLICATION_PROTOCOLS of ALPN names, each after its length in one byte; its size. */
ULONG alpn_list(BYTE *memory, const char *names);

/* One call, with at most `feed` bytes of what came; its token goes to the other side. */
SECURITY_STATUS side_step(struct side *side, struct side *other);

/* TRUE: its last status asks for another step. */
BOOL side_wants_more(const struct side *side);

/* Steps of a side until it can do no more with what it has. */
void side_run(struct side *side, struct side *other);

/* A whole handshake. The sides' statuses say how it ended. */
void side_shake(struct side *client, struct side *server);

/* Encrypts a text for the other side. */
SECURITY_STATUS side_seal(struct side *side, const char *text, struct side *other);

/* Whether the next data that a side reads is this text. */
BOOL side_reads(struct side *side, const char *text);

#endif
