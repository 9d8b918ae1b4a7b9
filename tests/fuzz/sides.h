/*
 * One side of a connection, through the door: credential, context, and the bytes on their way to it.
 */
#ifndef FUZZ_SIDES_H
#define FUZZ_SIDES_H

#include "common.h"

#define WIRE_MAX 0x40000

struct side
{
    BOOL server, has_context, datagram;
    CredHandle credential;
    CtxtHandle context;
    ULONG requirements;
    SECURITY_STATUS status; /* of the last step */
    uint8_t in[WIRE_MAX], out[WIRE_MAX];
    size_t in_size, out_size;
    size_t datagrams[64]; /* sizes of what is in `in`, if those are datagrams */
    unsigned datagram_count;
    size_t read; /* bytes of data that DecryptMessage gave */
};

/* What a side is like, from bits. */
struct manner
{
    DWORD protocols; /* SP_PROT_*, of both sides */
    DWORD flags;     /* SCH_* */
    ULONG requirements;
    unsigned materials; /* of a server, 1: ECDSA, 2: RSA, 3: both; of a client 0: none */
};

/* FALSE: there is no such side, and nothing to close. */
BOOL side_open(struct side *side, BOOL server, const struct manner *manner);
void side_close(struct side *side);

/* One step, with what has come and this in addition (or NULL); its token goes to `out`. */
SECURITY_STATUS side_step(struct side *side, const SecBuffer *more);

/* Reads what has come: data, messages, and steps as they are asked for. */
void side_read(struct side *side);

/* Protects `size` bytes into `out`. */
SECURITY_STATUS side_write(struct side *side, size_t size);

/* What one side has said goes to the other. */
void side_carry(struct side *from, struct side *to);

/* A handshake, as far as it goes. */
void side_shake(struct side *client, struct side *server);

/* Every attribute, and all memory freed that comes with them. */
void side_query(struct side *side);

#endif
