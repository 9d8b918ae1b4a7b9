/*
 * SecBufferDesc: what a caller gave, read once into plain structs; and the memory a caller frees.
 */
#include "secbuf.h"

void *caller_alloc(size_t size)
{
    return HeapAlloc(GetProcessHeap(), 0, size ? size : 1);
}

void caller_free(void *memory)
{
    if (memory) HeapFree(GetProcessHeap(), 0, memory);
}

static BOOL desc_is_sound(const SecBufferDesc *desc)
{
    return desc->pBuffers || !desc->cBuffers;
}

/* A number of bytes in this machine's order, itself of `width` bytes, then as many bytes: SEC_PRESHAREDKEY
 * and its like. */
static BOOL take_sized(const SecBuffer *buffer, size_t width, struct span *bytes)
{
    struct span all = { buffer->pvBuffer, buffer->cbBuffer };
    struct span number;
    USHORT size = 0;

    if (!buffer->pvBuffer || !span_take(&all, width, &number)) return FALSE;
    memcpy(&size, number.data, width); /* this machine begins with the low byte */
    return span_take(&all, size, bytes);
}

SECURITY_STATUS handshake_input_parse(SecBufferDesc *desc, BOOL continuing, struct handshake_input *input)
{
    ULONG i;

    memset(input, 0, sizeof(*input));
    if (!desc) return SEC_E_OK;
    if (!desc_is_sound(desc)) return SEC_E_INVALID_TOKEN;
    for (i = 0; i < desc->cBuffers; i++)
    {
        SecBuffer *buffer = &desc->pBuffers[i];

        switch (secbuf_type(buffer))
        {
        case SECBUFFER_EMPTY:
            if (continuing && buffer->cbBuffer) return SEC_E_INVALID_TOKEN;
            if (!input->spare) input->spare = buffer;
            break;
        case SECBUFFER_TOKEN:
            if (buffer->cbBuffer && !buffer->pvBuffer) return SEC_E_INVALID_TOKEN;
            if (!input->token) input->token = buffer;
            break;
        case SECBUFFER_APPLICATION_PROTOCOLS:
            if (!buffer->pvBuffer) return SEC_E_INVALID_TOKEN;
            if (!input->application_protocols) input->application_protocols = buffer;
            break;
        case SECBUFFER_PRESHARED_KEY:
            if (!take_sized(buffer, sizeof(USHORT), &input->psk)) return SEC_E_INVALID_TOKEN;
            break;
        case SECBUFFER_PRESHARED_KEY_IDENTITY:
            if (!take_sized(buffer, sizeof(USHORT), &input->psk_identity)) return SEC_E_INVALID_TOKEN;
            break;
        case SECBUFFER_SRTP_PROTECTION_PROFILES:
            if (!take_sized(buffer, sizeof(USHORT), &input->srtp_profiles)) return SEC_E_INVALID_TOKEN;
            break;
        case SECBUFFER_SRTP_MASTER_KEY_IDENTIFIER:
            if (!take_sized(buffer, sizeof(UCHAR), &input->srtp_identifier)) return SEC_E_INVALID_TOKEN;
            break;
        case SECBUFFER_DTLS_MTU:
            if (!buffer->pvBuffer || buffer->cbBuffer < sizeof(input->mtu)) return SEC_E_INVALID_TOKEN;
            memcpy(&input->mtu, buffer->pvBuffer, sizeof(input->mtu));
            break;
        case SECBUFFER_EXTRA:
            if (buffer->cbBuffer && !buffer->pvBuffer) return SEC_E_INVALID_TOKEN;
            if (!input->address) input->address = buffer;
            break;
        default:
            break;
        }
    }
    if (input->token)
    {
        input->received.data = input->token->pvBuffer;
        input->received.size = input->token->cbBuffer;
    }
    return SEC_E_OK;
}

void handshake_input_extra(struct handshake_input *input, size_t size)
{
    if (!size || !input->spare) return;
    secbuf_set(input->spare, SECBUFFER_EXTRA, (BYTE *)input->token->pvBuffer + input->token->cbBuffer - size,
               size);
}

void handshake_input_missing(struct handshake_input *input, size_t size)
{
    if (input->spare) secbuf_set(input->spare, SECBUFFER_MISSING, NULL, size);
}

SECURITY_STATUS handshake_output_parse(SecBufferDesc *desc, BOOL allocate, struct handshake_output *output)
{
    SecBuffer *empty = NULL;
    ULONG i;

    memset(output, 0, sizeof(*output));
    output->allocate = allocate;
    if (!desc || !desc->cBuffers || !desc->pBuffers) return SEC_E_INVALID_TOKEN;
    for (i = 0; i < desc->cBuffers; i++)
    {
        SecBuffer *buffer = &desc->pBuffers[i];
        ULONG type = secbuf_type(buffer);

        if (type == SECBUFFER_EMPTY && !empty) empty = buffer;
        if (type != SECBUFFER_TOKEN && type != SECBUFFER_ALERT) continue;
        if (!buffer->cbBuffer && !allocate) return SEC_E_INSUFFICIENT_MEMORY;
        if (type == SECBUFFER_TOKEN && !output->token) output->token = buffer;
        if (type == SECBUFFER_ALERT && !output->alert) output->alert = buffer;
    }
    if (output->token) return SEC_E_OK;
    /* curl gives one EMPTY buffer for the first token (curl: lib/vtls/schannel.c, schannel_connect_step1). */
    if (!(output->token = empty)) return SEC_E_INVALID_TOKEN;
    return SEC_E_OK;
}

BOOL handshake_output_fits(const struct handshake_output *output, size_t size)
{
    return output->allocate || !output->token->pvBuffer || output->token->cbBuffer >= size;
}

SECURITY_STATUS handshake_output_write(struct handshake_output *output, struct span token)
{
    void *memory = NULL;

    if (!handshake_output_fits(output, token.size)) return SEC_E_BUFFER_TOO_SMALL;
    if (output->allocate || !output->token->pvBuffer)
    {
        if (token.size && !(memory = caller_alloc(token.size))) return SEC_E_INSUFFICIENT_MEMORY;
        output->token->pvBuffer = memory;
    }
    if (token.size) memcpy(output->token->pvBuffer, token.data, token.size);
    output->token->BufferType = SECBUFFER_TOKEN;
    output->token->cbBuffer = (ULONG)token.size;
    if (output->alert)
    {
        output->alert->cbBuffer = 0;
        if (output->allocate) output->alert->pvBuffer = NULL;
    }
    return SEC_E_OK;
}

SECURITY_STATUS stream_message_parse(SecBufferDesc *desc, struct stream_message *message)
{
    ULONG i;

    memset(message, 0, sizeof(*message));
    if (!desc || !desc_is_sound(desc)) return SEC_E_INVALID_TOKEN;
    for (i = 0; i < desc->cBuffers; i++)
    {
        SecBuffer *buffer = &desc->pBuffers[i];

        if (buffer->BufferType & SECBUFFER_READONLY) continue;
        switch (secbuf_type(buffer))
        {
        case SECBUFFER_STREAM_HEADER:
            if (!message->header) message->header = buffer;
            break;
        case SECBUFFER_DATA:
            if (message->data) return SEC_E_INVALID_TOKEN;
            message->data = buffer;
            break;
        case SECBUFFER_STREAM_TRAILER:
            if (!message->trailer) message->trailer = buffer;
            break;
        case SECBUFFER_TOKEN:
            if (!message->header)
                message->header = buffer;
            else if (!message->trailer)
                message->trailer = buffer;
            break;
        default:
            break;
        }
    }
    if (!message->header || !message->data || !message->trailer) return SEC_E_INVALID_TOKEN;
    if (!message->header->pvBuffer || !message->trailer->pvBuffer) return SEC_E_INVALID_TOKEN;
    if (!message->data->pvBuffer && message->data->cbBuffer) return SEC_E_INVALID_TOKEN;
    return SEC_E_OK;
}

SECURITY_STATUS sealed_message_parse(SecBufferDesc *desc, struct stream_message *message)
{
    SecBuffer *empty[3];
    ULONG i, empties = 0;

    memset(message, 0, sizeof(*message));
    if (!desc || !desc->pBuffers || desc->cBuffers < 4) return SEC_E_INVALID_TOKEN;
    for (i = 0; i < desc->cBuffers; i++)
    {
        SecBuffer *buffer = &desc->pBuffers[i];

        switch (secbuf_type(buffer))
        {
        case SECBUFFER_DATA:
            if (message->header) return SEC_E_INVALID_TOKEN;
            message->header = buffer;
            break;
        case SECBUFFER_EMPTY:
            if (empties < ARRAY_SIZE(empty)) empty[empties++] = buffer;
            break;
        default:
            break;
        }
    }
    if (!message->header || empties < ARRAY_SIZE(empty)) return SEC_E_INVALID_TOKEN;
    if (!message->header->pvBuffer && message->header->cbBuffer) return SEC_E_INVALID_TOKEN;
    message->data = empty[0];
    message->trailer = empty[1];
    message->extra = empty[2];
    return SEC_E_OK;
}
