/*
 * SecBufferDesc: what a caller gave, read once into plain structs; and the memory a caller frees.
 */
#ifndef SCHANNEL_SECBUF_H
#define SCHANNEL_SECBUF_H

#include "windows_sspi.h"
#include "span.h"

/* A buffer's type without its attribute bits (SECBUFFER_READONLY and the like). */
static inline ULONG secbuf_type(const SecBuffer *buffer)
{
    return buffer->BufferType & ~SECBUFFER_ATTRMASK;
}

/* Input of Initialize- and AcceptSecurityContext. */
struct handshake_input
{
    SecBuffer *token;                       /* the bytes of the peer, or NULL: the caller gave none */
    SecBuffer *spare;                       /* the first EMPTY buffer: becomes EXTRA or MISSING; or NULL */
    struct span received;                   /* what token holds */
    const SecBuffer *application_protocols; /* or NULL */
    struct span psk, psk_identity;          /* PRESHARED_KEY and _IDENTITY, without their sizes; or empty */

    /* Of DTLS. */
    const SecBuffer *address;    /* EXTRA: the client's, for the cookie; or NULL */
    USHORT mtu;                  /* DTLS_MTU; 0: not given */
    struct span srtp_profiles;   /* SRTP_PROTECTION_PROFILES, without its size */
    struct span srtp_identifier; /* SRTP_MASTER_KEY_IDENTIFIER, without its size */
};

/*
 * Reads the input of one call; desc may be NULL. `continuing`: the context exists already, and then Windows
 * wants EMPTY buffers to be empty. SEC_E_INVALID_TOKEN for a description or buffer that cannot be (Wine's
 * tests/schannel.c, test_communication). Spans point into the caller's memory.
 */
SECURITY_STATUS handshake_input_parse(SecBufferDesc *desc, BOOL continuing, struct handshake_input *input);

/* Tells the caller of `size` bytes at the end of the input that were not used, or nothing when it is 0. */
void handshake_input_extra(struct handshake_input *input, size_t size);

/* Tells the caller how many bytes are missing. */
void handshake_input_missing(struct handshake_input *input, size_t size);

/* Output of Initialize- and AcceptSecurityContext. */
struct handshake_output
{
    SecBuffer *token;
    SecBuffer *alert; /* or NULL */
    BOOL allocate;    /* the caller wants our memory (ISC_REQ_ALLOCATE_MEMORY) */
};

/*
 * Reads the output description of one call. SEC_E_INVALID_TOKEN: there is none, or no buffer for a token;
 * SEC_E_INSUFFICIENT_MEMORY: a TOKEN or ALERT buffer of 0 bytes without `allocate` (Wine's tests/schannel.c,
 * test_context_output_buffer_size).
 */
SECURITY_STATUS handshake_output_parse(SecBufferDesc *desc, BOOL allocate, struct handshake_output *output);

/*
 * Writes a token: into the caller's buffer, or into memory the caller frees with FreeContextBuffer when it
 * asked for that or gave no memory. Sets the size in any case but SEC_E_BUFFER_TOO_SMALL, which writes
 * nothing.
 */
SECURITY_STATUS handshake_output_write(struct handshake_output *output, struct span token);

/* True when handshake_output_write would not fail for want of room. */
BOOL handshake_output_fits(const struct handshake_output *output, size_t size);

/* An application message: what EncryptMessage and DecryptMessage work on. */
struct stream_message
{
    SecBuffer *header, *data, *trailer;
    SecBuffer *extra; /* DecryptMessage only */
};

/*
 * EncryptMessage's buffers: STREAM_HEADER, DATA, STREAM_TRAILER, or TOKEN, DATA, TOKEN as old programs give.
 * Buffers marked READONLY are passed over. SEC_E_INVALID_TOKEN when one is missing.
 */
SECURITY_STATUS stream_message_parse(SecBufferDesc *desc, struct stream_message *message);

/*
 * DecryptMessage's buffers: at least four, one DATA, at least three EMPTY; anything else is
 * SEC_E_INVALID_TOKEN (Wine's tests/schannel.c, test_communication). `header` is the DATA buffer that holds
 * the record.
 */
SECURITY_STATUS sealed_message_parse(SecBufferDesc *desc, struct stream_message *message);

/* Gives a buffer a new meaning. */
static inline void secbuf_set(SecBuffer *buffer, ULONG type, void *data, size_t size)
{
    buffer->BufferType = type;
    buffer->pvBuffer = data;
    buffer->cbBuffer = (ULONG)size;
}

/*
 * Memory the caller gets and frees with FreeContextBuffer: the process heap, because callers free through
 * secur32, which frees there. NULL when there is none left.
 */
void *caller_alloc(size_t size);

/* What FreeContextBuffer does. NULL is fine. */
void caller_free(void *memory);

#endif
