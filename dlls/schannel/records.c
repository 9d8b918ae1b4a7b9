/*
 * EncryptMessage and DecryptMessage: application data, record by record, in the caller's buffers.
 */
#include "context.h"
#include "log.h"

/* Why data cannot be sent, or SEC_E_OK. Needs send_lock. */
static SECURITY_STATUS may_send(const struct context *context)
{
    switch (context->state)
    {
    case CONTEXT_ESTABLISHED:
        /* What the peer asked for has to be said before more data is (Microsoft: DecryptMessage (Schannel)).
         */
        return session_pending(context->session) == SESSION_PENDING_NOTHING ? SEC_E_OK
                                                                            : SEC_E_CONTEXT_EXPIRED;
    case CONTEXT_HANDSHAKING:
        return SEC_E_INVALID_HANDLE;
    case CONTEXT_RENEGOTIATING:
    case CONTEXT_SHUT_DOWN:
        return SEC_E_CONTEXT_EXPIRED;
    default:
        return context->failure;
    }
}

static SECURITY_STATUS wrap_data(struct context *context, struct record_layout *layout)
{
    SECURITY_STATUS status;

    lock_acquire(&context->send_lock);
    if (!(status = may_send(context)))
    {
        /* Windows does not split a message either. */
        if (layout->data_size > session_facts(context->session)->maximum_message)
            status = SEC_E_ENCRYPT_FAILURE;
        else
            status = session_seal(context->session, layout);
    }
    lock_release(&context->send_lock);
    return status;
}

/* An alert instead of data: its level and description (Microsoft: EncryptMessage (Schannel),
 * SECQOP_WRAP_OOB_DATA). */
static SECURITY_STATUS wrap_alert(struct context *context, struct record_layout *layout)
{
    uint8_t level, alert;
    SECURITY_STATUS status;

    if (layout->data_size != 2) return SEC_E_INVALID_TOKEN;
    level = layout->data[0];
    alert = layout->data[1];
    if (level != TLS1_ALERT_WARNING && level != TLS1_ALERT_FATAL) return SEC_E_INVALID_TOKEN;
    context_lock(context);
    if (!(status = may_send(context)) && !(status = session_seal_alert(context->session, layout)))
    {
        if (level == TLS1_ALERT_FATAL)
            context_fail(context, SEC_E_CONTEXT_EXPIRED);
        else if (alert == TLS1_ALERT_CLOSE_NOTIFY)
            context->state = CONTEXT_SHUT_DOWN;
    }
    context_unlock(context);
    return status;
}

SECURITY_STATUS context_encrypt(struct context *context, ULONG qop, SecBufferDesc *desc)
{
    struct stream_message message;
    struct record_layout layout;
    SECURITY_STATUS status;

    if (qop && qop != SECQOP_WRAP_OOB_DATA) return SEC_E_QOP_NOT_SUPPORTED;
    if ((status = stream_message_parse(desc, &message))) return status;
    layout.header = message.header->pvBuffer;
    layout.header_size = message.header->cbBuffer;
    layout.data = message.data->pvBuffer;
    layout.data_size = message.data->cbBuffer;
    layout.trailer = message.trailer->pvBuffer;
    layout.trailer_size = message.trailer->cbBuffer;

    if (qop)
        status = wrap_alert(context, &layout);
    else
        status = wrap_data(context, &layout);
    if (status) return status;

    message.header->cbBuffer = (ULONG)layout.header_size;
    message.trailer->cbBuffer = (ULONG)layout.trailer_size;
    return SEC_E_OK;
}

/* The shortfall stands in two buffers; the pointer of the first stays, callers use it again
 * (Wine's tests/schannel.c, test_communication). */
static SECURITY_STATUS report_missing(struct stream_message *message, size_t missing)
{
    message->header->BufferType = SECBUFFER_MISSING;
    message->header->cbBuffer = (ULONG)missing;
    secbuf_set(message->data, SECBUFFER_MISSING, NULL, missing);
    return SEC_E_INCOMPLETE_MESSAGE;
}

/* Where header, data, trailer and what follows the record lie in the caller's bytes. */
static void report_layout(struct context *context, struct stream_message *message, size_t size,
                          const struct opened_record *opened)
{
    BYTE *record = message->header->pvBuffer;
    size_t given = message->header->cbBuffer;
    size_t header = min(session_record_sizes(context->session).header, size);
    BYTE *data = opened->data ? opened->data : record + header;

    secbuf_set(message->header, SECBUFFER_STREAM_HEADER, record, header);
    secbuf_set(message->data, SECBUFFER_DATA, data, opened->size);
    secbuf_set(message->trailer, SECBUFFER_STREAM_TRAILER, data + opened->size,
               (size_t)(record + size - (data + opened->size)));
    if (given > size) secbuf_set(message->extra, SECBUFFER_EXTRA, record + size, given - size);
}

/* Without memory the record is forgotten: few programs bring it again. */
static void keep_message(struct context *context, struct span record)
{
    context->message_waiting = TRUE;
    free(context->message);
    context->message_size = 0;
    if (!(context->message = malloc(record.size))) return;
    memcpy(context->message, record.data, record.size);
    context->message_size = record.size;
}

/* A record that is no application data: the session needs both directions for it. Needs receive_lock. */
static SECURITY_STATUS process(struct context *context, struct span record)
{
    SECURITY_STATUS status;

    lock_acquire(&context->send_lock);
    status = session_process(context->session, record);
    if (status == SEC_I_CONTEXT_EXPIRED) context->closed_by_peer = TRUE;
    if (status == SEC_I_RENEGOTIATE) keep_message(context, record);
    if (status == SEC_I_NO_RENEGOTIATION) context->requested = FALSE;
    if (FAILED(status)) context_fail(context, status);
    lock_release(&context->send_lock);
    return status;
}

/* Data that came between the flights of a renegotiation, a record's worth at a time, in memory of the
 * context. The input is left over, the lure with it until nothing is kept any more. Needs receive_lock. */
static SECURITY_STATUS deliver(struct context *context, struct stream_message *message)
{
    struct interleaved *interleaved = &context->interleaved;
    struct span data = session_interleaved(context->session);
    struct span lure = { interleaved->lure, interleaved->lure_size };
    struct span given = { message->header->pvBuffer, message->header->cbBuffer }, rest = given;
    size_t size = min(data.size, RECORD_DATA_MAX);
    uint8_t *copy = malloc(size);

    if (!copy) return SEC_E_INSUFFICIENT_MEMORY;
    memcpy(copy, data.data, size);
    free(interleaved->delivered);
    interleaved->delivered = copy;
    session_interleaved_taken(context->session, size);
    if (!session_interleaved(context->session).size) span_skip(&rest, lure); /* handshake.c: lure */
    secbuf_set(message->header, SECBUFFER_STREAM_HEADER, (void *)given.data, 0);
    secbuf_set(message->data, SECBUFFER_DATA, copy, size);
    secbuf_set(message->trailer, SECBUFFER_STREAM_TRAILER, copy + size, 0);
    if (rest.size) secbuf_set(message->extra, SECBUFFER_EXTRA, (void *)rest.data, rest.size);
    return SEC_E_OK;
}

/* What is wrong with one datagram, and ends nothing. */
static BOOL is_of_datagram(SECURITY_STATUS status)
{
    return status == SEC_E_MESSAGE_ALTERED || status == SEC_E_OUT_OF_SEQUENCE ||
           status == SEC_E_UNFINISHED_CONTEXT_DELETED;
}

/* What is no data, or ends the context. Needs receive_lock. */
static SECURITY_STATUS process_datagram(struct context *context, struct span record, SECURITY_STATUS status)
{
    lock_acquire(&context->send_lock);
    if (status == SEC_I_CONTINUE_NEEDED) status = session_process_datagram(context->session, record);
    if (status == SEC_I_CONTEXT_EXPIRED) context->closed_by_peer = TRUE;
    if (status == SEC_I_RENEGOTIATE) context->message_waiting = TRUE;
    if (FAILED(status) && !is_of_datagram(status)) context_fail(context, status);
    lock_release(&context->send_lock);
    return status;
}

/* A record of data goes without the send_lock where nothing of the sending side is touched. Needs
 * receive_lock. */
static SECURITY_STATUS open_datagram(struct context *context, struct span record,
                                     struct opened_record *opened)
{
    BOOL alone = session_receives_alone(context->session);
    SECURITY_STATUS status;

    if (!alone) lock_acquire(&context->send_lock);
    status = session_open_datagram(context->session, (uint8_t *)record.data, record.size, opened);
    if (!alone) lock_release(&context->send_lock);
    return status;
}

/* A datagram may hold several records. What is wrong with one of them is no end: the datagram is to be thrown
 * away. Needs receive_lock. */
static SECURITY_STATUS decrypt_datagram(struct context *context, struct stream_message *message)
{
    struct span given = { message->header->pvBuffer, message->header->cbBuffer }, record;
    struct opened_record opened = { NULL, 0 };
    SECURITY_STATUS status;

    if (!datagram_take(&given, &record)) return SEC_E_INVALID_TOKEN;
    status = open_datagram(context, record, &opened);
    if (status && !is_of_datagram(status) && status != SEC_E_INSUFFICIENT_MEMORY)
        status = process_datagram(context, record, status);
    if (!FAILED(status)) report_layout(context, message, record.size, &opened);
    return status;
}

/* Needs receive_lock. */
static SECURITY_STATUS decrypt(struct context *context, struct stream_message *message)
{
    struct span given = { message->header->pvBuffer, message->header->cbBuffer }, record;
    struct opened_record opened = { NULL, 0 };
    SECURITY_STATUS status;

    if (context->state == CONTEXT_HANDSHAKING) return SEC_E_INVALID_HANDLE;
    if (context->state == CONTEXT_FAILED) return context->failure;
    if (context->closed_by_peer) return SEC_I_CONTEXT_EXPIRED;
    if (context->state == CONTEXT_RENEGOTIATING ||
        session_pending(context->session) != SESSION_PENDING_NOTHING)
        return SEC_E_CONTEXT_EXPIRED;
    if (context->datagram) return decrypt_datagram(context, message);
    if (session_interleaved(context->session).size) return deliver(context, message);

    status = record_take(&given, &record);
    if (status == SEC_E_INCOMPLETE_MESSAGE) return report_missing(message, record_missing(given));
    if (status) return SEC_E_INVALID_TOKEN;

    status = session_open(context->session, message->header->pvBuffer, record.size, &opened);
    if (status == SEC_I_CONTINUE_NEEDED)
        status = process(context, record);
    else if (FAILED(status) && status != SEC_E_INSUFFICIENT_MEMORY) /* then nothing has happened */
    {
        lock_acquire(&context->send_lock);
        context_fail(context, status);
        lock_release(&context->send_lock);
    }
    if (!FAILED(status)) report_layout(context, message, record.size, &opened);
    return status;
}

SECURITY_STATUS context_decrypt(struct context *context, SecBufferDesc *desc)
{
    struct stream_message message;
    SECURITY_STATUS status;

    if ((status = sealed_message_parse(desc, &message))) return status;
    lock_acquire(&context->receive_lock);
    status = decrypt(context, &message);
    lock_release(&context->receive_lock);
    return status;
}
