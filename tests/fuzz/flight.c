/*
 * Bytes out of nowhere: a client and a server, over streams and datagrams, are given whatever the input
 * holds, in pieces. The corpus begins with real flights.
 *
 * The input: who reads it, then pieces, each after its size in two bytes.
 */
#include "sides.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void feed(struct side *side, struct span *input)
{
    uint8_t *piece;
    size_t size;

    piece = take_copy(input, take(input, 2), &size);
    if (side->in_size + size <= sizeof(side->in) && side->datagram_count < ARRAY_SIZE(side->datagrams))
    {
        memcpy(side->in + side->in_size, piece, size);
        side->in_size += size;
        side->datagrams[side->datagram_count++] = size;
    }
    free(piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct side side;
    struct span input = { bytes, size };
    uint32_t how = take(&input, 1);
    BOOL server = how & 1, datagram = (how & 2) != 0;
    struct manner manner = {
        .protocols = datagram ? SP_PROT_DTLS1_0 | SP_PROT_DTLS1_2
                              : SP_PROT_TLS1_0 | SP_PROT_TLS1_1 | SP_PROT_TLS1_2 | SP_PROT_TLS1_3,
        .flags = SCH_CRED_NO_DEFAULT_CREDS,
        .requirements = (datagram ? ISC_REQ_DATAGRAM : 0) | (how & 4 ? ISC_REQ_EXTENDED_ERROR : 0) |
                        (server && how & 8 ? ASC_REQ_MUTUAL_AUTH : 0) |
                        (server && how & 16 ? ASC_REQ_SESSION_TICKET : 0),
        .materials = server ? 3 : 0,
    };
    unsigned steps = 0;

    if (!side_open(&side, server, &manner)) return 0;
    if (!server) side_step(&side, NULL);
    while (input.size && steps++ < 32)
    {
        feed(&side, &input);
        side_step(&side, NULL);
        side.out_size = 0;
        if (side.status == SEC_E_OK) side_read(&side);
        if (FAILED(side.status) && side.status != SEC_E_INCOMPLETE_MESSAGE) break;
    }
    side_query(&side);
    side_close(&side);
    return 0;
}
