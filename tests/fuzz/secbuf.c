/*
 * Descriptions of buffers: every shape a caller can give, each buffer in memory of exactly its size.
 *
 * The input: which description, how many buffers, then for each its type, what its pointer is, its size and
 * contents.
 */
#include "common.h"
#include "secbuf.h"

#define BUFFERS_MAX 8

static struct
{
    SecBuffer buffers[BUFFERS_MAX];
    uint8_t *memory[BUFFERS_MAX];
    SecBufferDesc desc;
} given;

static void read_desc(struct span *input)
{
    uint32_t count = take(input, 1), i;

    memset(&given, 0, sizeof(given));
    given.desc = (SecBufferDesc){ take(input, 1) & 1, count % (BUFFERS_MAX + 1), given.buffers };
    if (count & 0x80) given.desc.pBuffers = NULL;
    for (i = 0; i < given.desc.cBuffers; i++)
    {
        SecBuffer *buffer = &given.buffers[i];
        uint32_t type = take(input, 1), how = take(input, 1);
        size_t size;

        buffer->BufferType =
            (type & 0x1f) | (type & 0x20 ? SECBUFFER_READONLY : 0) | (type & 0x40 ? 0x10000000 : 0);
        given.memory[i] = take_copy(input, take(input, 1), &size);
        buffer->cbBuffer = (ULONG)size;
        buffer->pvBuffer = how & 1 ? NULL : how & 2 && i ? given.buffers[i - 1].pvBuffer : given.memory[i];
        /* A size of another buffer's memory would be a lie that nobody can see through. */
        if (how & 2 && i && !(how & 1)) buffer->cbBuffer = given.buffers[i - 1].cbBuffer;
    }
}

static void read_span(struct span span)
{
    volatile uint8_t sum = 0;
    size_t i;

    for (i = 0; i < span.size; i++) sum += span.data[i];
}

static void parse_input(BOOL continuing)
{
    struct handshake_input parsed;

    if (handshake_input_parse(&given.desc, continuing, &parsed)) return;
    read_span(parsed.received);
    read_span(parsed.psk);
    read_span(parsed.psk_identity);
    read_span(parsed.srtp_profiles);
    read_span(parsed.srtp_identifier);
    if (parsed.token && parsed.token->cbBuffer) handshake_input_extra(&parsed, 1);
    handshake_input_missing(&parsed, 5);
}

static void parse_output(BOOL allocate, struct span token)
{
    struct handshake_output parsed;

    if (handshake_output_parse(&given.desc, allocate, &parsed)) return;
    if (!handshake_output_write(&parsed, token) && allocate) sspi->FreeContextBuffer(parsed.token->pvBuffer);
}

static void parse_message(BOOL sealed)
{
    struct stream_message parsed;

    if (sealed ? sealed_message_parse(&given.desc, &parsed) : stream_message_parse(&given.desc, &parsed))
        return;
    read_span((struct span){ parsed.header->pvBuffer, parsed.header->cbBuffer });
    if (!sealed) read_span((struct span){ parsed.data->pvBuffer, parsed.data->cbBuffer });
    if (!sealed) read_span((struct span){ parsed.trailer->pvBuffer, parsed.trailer->cbBuffer });
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    common_open();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t token[300];
    struct span input = { data, size };
    uint32_t what = take(&input, 1), i;

    read_desc(&input);
    switch (what % 4)
    {
    case 0:
        parse_input(what & 4);
        break;
    case 1:
        /* What has no memory of its own gets some, which is the caller's to free: by then it is known. */
        for (i = 0; i < given.desc.cBuffers; i++)
            if (!given.buffers[i].pvBuffer) given.buffers[i].cbBuffer = 0;
        for (i = 0; !(what & 4) && i < given.desc.cBuffers; i++)
            if (!given.buffers[i].pvBuffer) given.buffers[i].pvBuffer = given.memory[i];
        parse_output(what & 4, (struct span){ token, what >> 3 & 0x1f });
        break;
    default:
        parse_message(what & 1);
    }
    for (i = 0; i < BUFFERS_MAX; i++) free(given.memory[i]);
    return 0;
}
