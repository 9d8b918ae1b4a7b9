/*
 * One step of Initialize- or AcceptSecurityContext: what comes in, what goes out, and what the caller is told
 * about the bytes it gave.
 *
 * What a step does depends on the context's state, and the table at the end says it for each. Rules for all
 * of them (Wine's tests/schannel.c, test_communication; Microsoft: "Extra Buffers Returned by Schannel"):
 * - whole records are eaten, a part of one never: it comes back as EXTRA, or, if it is all there is, the call
 * is SEC_E_INCOMPLETE_MESSAGE and changes nothing but MISSING;
 * - a token that does not fit is kept, with the answer that belongs to it, until the caller comes with more
 * room;
 * - a failed step gives the alert for the peer, if the caller asked for ISC_REQ_EXTENDED_ERROR.
 */
#include "context.h"
#include "groups.h"
#include "log.h"
#include "status.h"

/* The two sides have different numbers for some of the same things. */
static const struct flags
{
    ULONG always;         /* what holds for every stream, asked for or not */
    ULONG echoed;         /* what Windows gives back as it was asked for */
    ULONG extended_error; /* the requirement to give the alert after a failure */
} client_flags = { ISC_RET_REPLAY_DETECT | ISC_RET_SEQUENCE_DETECT | ISC_RET_CONFIDENTIALITY | ISC_RET_STREAM,
                   ISC_REQ_MUTUAL_AUTH | ISC_REQ_USE_SUPPLIED_CREDS | ISC_REQ_ALLOCATE_MEMORY |
                       ISC_REQ_CONNECTION | ISC_REQ_DATAGRAM | ISC_REQ_EXTENDED_ERROR | ISC_REQ_INTEGRITY |
                       ISC_REQ_MANUAL_CRED_VALIDATION,
                   ISC_REQ_EXTENDED_ERROR },
  server_flags = { ASC_RET_REPLAY_DETECT | ASC_RET_SEQUENCE_DETECT | ASC_RET_CONFIDENTIALITY | ASC_RET_STREAM,
                   ASC_REQ_ALLOCATE_MEMORY | ASC_REQ_CONNECTION | ASC_REQ_DATAGRAM | ASC_REQ_EXTENDED_ERROR |
                       ASC_REQ_INTEGRITY | ASC_REQ_SESSION_TICKET,
                   ASC_REQ_EXTENDED_ERROR };

struct step
{
    ULONG requirements;
    struct handshake_input *input;
    struct handshake_output *output;
    const struct flags *flags;
    struct span rest; /* of the input: what is not eaten yet */
};

static SECURITY_STATUS incomplete(const struct step *step)
{
    if (step->input->token) handshake_input_missing(step->input, record_missing(step->input->received));
    return SEC_E_INCOMPLETE_MESSAGE;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static SECURITY_STATUS hold(struct context *context, const struct step *step, SECURITY_STATUS status)
{
    struct held_answer *held = &context->held;
    size_t size = step->input->received.size;

    if (size && !(held->input = malloc(size))) return context_fail(context, SEC_E_INSUFFICIENT_MEMORY);
    if (size) memcpy(held->input, step->input->received.data, size);
    held->input_size = size;
    held->status = status;
    held->extra = step->rest.size;
    held->waiting = TRUE;
    return SEC_E_BUFFER_TOO_SMALL;
}

/* Gives the caller what the session has to say, and the answer that belongs to it. */
static SECURITY_STATUS answer(struct context *context, struct step *step, SECURITY_STATUS status)
{
    SECURITY_STATUS written = handshake_output_write(step->output, session_output(context->session));

    if (written == SEC_E_BUFFER_TOO_SMALL) return hold(context, step, status);
    if (written) return context_fail(context, written);
    if (session_output(context->session).size) context->answered = TRUE;
    session_output_taken(context->session);
    handshake_input_extra(step->input, step->rest.size);
    if (!context->datagram || !session_output(context->session).size) return status;
    context->flight.waiting = TRUE;
    context->flight.status = status;
    return SEC_I_MESSAGE_FRAGMENT;
}

/* The next datagram of a flight. Input is not looked at meanwhile: what was in it will be said again. */
static SECURITY_STATUS answer_flight(struct context *context, struct step *step)
{
    context->flight.waiting = FALSE;
    step->rest.size = 0;
    return answer(context, step, context->flight.status);
}

/* Makes the program call DecryptMessage when data waits for it. */
static void lure(struct context *context, struct step *step)
{
    struct interleaved *interleaved = &context->interleaved;
    struct span given = step->input->received;

    if (context->datagram || !session_interleaved(context->session).size || step->rest.size) return;
    interleaved->lure_size = min(given.size, sizeof(interleaved->lure));
    memcpy(interleaved->lure, given.data + given.size - interleaved->lure_size, interleaved->lure_size);
    step->rest.data = given.data + given.size - interleaved->lure_size;
    step->rest.size = interleaved->lure_size;
}

/* The call that could not be answered comes again, with the same input or with none. */
static SECURITY_STATUS answer_held(struct context *context, struct step *step)
{
    struct held_answer *held = &context->held;
    struct span given = step->input->received;
    SECURITY_STATUS status = held->status;
    BOOL repeated =
        given.size == held->input_size && (!given.size || !memcmp(given.data, held->input, given.size));

    if (!handshake_output_fits(step->output, session_output(context->session).size))
        return SEC_E_BUFFER_TOO_SMALL;
    /* Other input than before has not been looked at: all of it is left over. */
    step->rest.size = repeated ? held->extra : given.size;
    free(held->input);
    memset(held, 0, sizeof(*held));
    return answer(context, step, status);
}

static SECURITY_STATUS answer_failure(struct context *context, struct step *step, SECURITY_STATUS status)
{
    struct span alert = session_output(context->session);
    struct span nothing = { NULL, 0 };

    WARN("a handshake as %s%s failed with %s (%#lx)\n", context->server ? "a server" : "a client of ",
         context->target.name, status_name(status), (unsigned long)status);
    EVENT(LOG_EVENT_ERROR, "a handshake as %s%s failed with %s (%#lx)\n",
          context->server ? "a server" : "a client of ", context->target.name, status_name(status),
          (unsigned long)status);
    if (!(step->requirements & step->flags->extended_error) ||
        !handshake_output_fits(step->output, alert.size))
        alert = nothing;
    if (handshake_output_write(step->output, alert)) handshake_output_write(step->output, nothing);
    session_output_taken(context->session);
    return context_fail(context, status);
}

/* --- a certificate the server wants --------------------------------------------------------------------- */

/* The caller may come back with a certificate or without one, with the same input (curl) or with the next
 * (Qt). What is to be said meanwhile waits for that call: not everyone sends a token that comes with this
 * status. */
static SECURITY_STATUS ask_for_certificate(struct context *context, struct step *step)
{
    struct client_certificate *client = &context->client;
    size_t size = step->input->received.size - step->rest.size;
    struct span nothing = { NULL, 0 };

    if (size && !(client->input = malloc(size))) return context_fail(context, SEC_E_INSUFFICIENT_MEMORY);
    if (size) memcpy(client->input, step->input->received.data, size);
    client->input_size = size;
    client->waiting = TRUE;
    handshake_output_write(step->output, nothing);
    handshake_input_extra(step->input, step->rest.size);
    return SEC_I_INCOMPLETE_CREDENTIALS;
}

/* Passes over what the call before this one has used already. */
static void resume(struct context *context, struct step *step)
{
    struct client_certificate *client = &context->client;
    struct span used = { client->input, client->input_size };

    span_skip(&step->rest, used);
    free(client->input);
    client->input = NULL;
    client->input_size = 0;
    client->waiting = FALSE;
}

/* The application protocol came over the wire. */
static const char *printable(struct span text, char out[32])
{
    size_t i;

    for (i = 0; i < text.size && i < 31; i++)
        out[i] = text.data[i] > ' ' && text.data[i] < 0x7f ? (char)text.data[i] : '?';
    out[i] = 0;
    return text.size ? out : "none";
}

/* One line about a connection, for users. */
static void summarize(const struct context *context)
{
    const struct session_facts *facts = session_facts(context->session);
    const struct group *group = group_of_id(facts->group);
    struct span chain[PEER_CHAIN_MAX];
    char protocol[32];

    INFO("%s%s: %s, %s, %s, ALPN %s, %s%s\n", context->server ? "a client" : "connected to ",
         context->target.name, facts->version_name, facts->suite->name,
         group ? group->word + strlen("GROUP-") : "no group",
         printable(session_application_protocol(context->session), protocol),
         facts->resumed ? "resumed" : "new",
         context->server && session_peer_chain(context->session, chain) ? ", with a certificate"
         : context->server || !context->validated_by_caller             ? ""
                                                                        : ", validation left to the program");
}

/* For the log and the event log. */
static void report_handshake(const struct context *context)
{
    const struct session_facts *facts = session_facts(context->session);

    EVENT(LOG_EVENT_SUCCESS, "a handshake as %s%s: version %#x, %s%s\n",
          context->server ? "a server" : "a client of ", context->target.name, facts->version,
          facts->suite->name, facts->resumed ? ", resumed" : "");
    if (log_enabled(LOG_INFO)) summarize(context);
    if (suite_is_weak(facts->suite) || facts->protocol & OLD_PROTOCOLS)
    {
        WARN("weak: protocol %#x with %s (%s%s)\n", facts->version, facts->suite->name,
             context->server ? "a client" : "connected to ", context->target.name);
        EVENT(LOG_EVENT_WARNING, "weak, with %s%s: version %#x, %s\n", context->server ? "a client" : "",
              context->target.name, facts->version, facts->suite->name);
    }
}

/* --- steps ---------------------------------------------------------------------------------------------- */

static SECURITY_STATUS proceed(struct context *context, struct step *step)
{
    return context->datagram ? session_handshake_datagram(context->session, &step->rest)
                             : session_handshake(context->session, &step->rest);
}

static SECURITY_STATUS step_handshake(struct context *context, struct step *step)
{
    SECURITY_STATUS status = proceed(context, step);

    switch (status)
    {
    case SEC_E_INCOMPLETE_MESSAGE:
        return context->datagram ? answer(context, step, status) : incomplete(step);
    case SEC_I_INCOMPLETE_CREDENTIALS:
        return ask_for_certificate(context, step);
    case SEC_I_CONTINUE_NEEDED:
        return answer(context, step, status);
    case SEC_I_NO_RENEGOTIATION:
    case SEC_E_OK:
        if (!status) report_handshake(context);
        context->state = CONTEXT_ESTABLISHED;
        context->message_waiting = FALSE;
        context->client.told = FALSE;
        lure(context, step);
        return answer(context, step, status);
    default:
        return answer_failure(context, step, status);
    }
}

/*
 * Reads the whole records in front that hold handshake messages. The rest is left: data, a part of a record,
 * and alerts too, for a close_notify eaten here would never be heard of again.
 */
static SECURITY_STATUS read_messages(struct context *context, struct step *step)
{
    struct span rest = step->rest, record;
    SECURITY_STATUS status;

    while (session_pending(context->session) == SESSION_PENDING_NOTHING && !record_take(&rest, &record) &&
           session_holds_message(context->session, record))
    {
        status = session_process(context->session, record);
        if (FAILED(status)) return status;
        step->rest = rest;
    }
    return SEC_E_OK;
}

/* What a server wants of its client: a new handshake, or in TLS 1.3 a certificate. Data flows on until that
 * comes. */
static SECURITY_STATUS request(struct context *context, struct step *step)
{
    BOOL modern = session_facts(context->session)->tls13;
    SECURITY_STATUS status;

    if (modern && !(step->requirements & ASC_REQ_MUTUAL_AUTH)) return answer(context, step, SEC_E_OK);
    status = modern ? session_request_certificate(context->session)
                    : session_request_renegotiation(context->session,
                                                    (step->requirements & ASC_REQ_MUTUAL_AUTH) != 0);
    if (status == SEC_E_UNSUPPORTED_FUNCTION) return status; /* and nothing is lost */
    if (status) return answer_failure(context, step, status);
    context->requested = TRUE;
    return answer(context, step, SEC_I_CONTINUE_NEEDED);
}

/* A server that has asked, and is given what came. Data in front is left over: DecryptMessage reads it. */
static SECURITY_STATUS await(struct context *context, struct step *step)
{
    BOOL awaits = !session_facts(context->session)->tls13 || session_awaits_certificate(context->session);
    struct span rest = step->rest, record;

    if (!awaits) context->requested = FALSE;
    if (!awaits || !record_take(&rest, &record)) return answer(context, step, SEC_E_OK);
    if (step->rest.size == step->input->received.size) return incomplete(step);
    return answer(context, step, SEC_I_CONTINUE_NEEDED);
}

static SECURITY_STATUS renegotiate(struct context *context, struct step *step)
{
    context->requested = FALSE;
    context->state = CONTEXT_RENEGOTIATING;
    return step_handshake(context, step);
}

/* The record that DecryptMessage has read already, if the program brings it. */
static void skip_message(struct context *context, struct step *step)
{
    struct span read = { context->message, context->message_size };

    span_skip(&step->rest, read);
    free(context->message);
    context->message = NULL;
    context->message_size = 0;
}

/* Over datagrams: the peer has not heard the end of the handshake (DecryptMessage said
 * SEC_E_UNFINISHED_CONTEXT_DELETED). */
static SECURITY_STATUS repeat(struct context *context, struct step *step)
{
    struct span datagram = step->rest;
    SECURITY_STATUS status;

    context->message_waiting = FALSE;
    step->rest.size = 0;
    if ((status = session_repeat(context->session, datagram))) return answer_failure(context, step, status);
    return answer(context, step, SEC_E_OK);
}

/* Or a server wants another one. */
static SECURITY_STATUS step_established_datagram(struct context *context, struct step *step)
{
    if (session_pending(context->session) != SESSION_PENDING_RENEGOTIATION) return repeat(context, step);
    context->message_waiting = FALSE;
    step->rest.size = 0;
    return renegotiate(context, step);
}

/*
 * After the handshake. A program comes here because DecryptMessage said SEC_I_RENEGOTIATE, with the record
 * that said so, or with what it found after it: nothing, an empty token, or records, data among them.
 * Or it comes unasked and without input, which is how it asks for a renegotiation.
 */
static SECURITY_STATUS step_established(struct context *context, struct step *step)
{
    BOOL asked = context->message_waiting;
    SECURITY_STATUS status;

    if (context->datagram) return step_established_datagram(context, step);

    if (asked) skip_message(context, step);
    if ((status = read_messages(context, step))) return answer_failure(context, step, status);
    context->message_waiting = FALSE;

    switch (session_pending(context->session))
    {
    case SESSION_PENDING_RENEGOTIATION:
        return renegotiate(context, step);
    case SESSION_PENDING_ANSWER:
    case SESSION_PENDING_CERTIFICATE:
        status = session_answer(context->session);
        if (status == SEC_I_INCOMPLETE_CREDENTIALS) return ask_for_certificate(context, step);
        if (status) return answer_failure(context, step, status);
        context->client.told = FALSE;
        break;
    case SESSION_PENDING_NOTHING:
        if (context->requested) return await(context, step);
        if (asked) break;
        if (context->server)
        {
            if (!step->input->received.size) return request(context, step);
        }
        else if (!step->input->token && !session_facts(context->session)->tls13)
            return renegotiate(context, step);
        break;
    }
    return answer(context, step, SEC_E_OK);
}

/* Nothing is said any more, but what the peer still sends may be read. */
static SECURITY_STATUS step_shut_down(struct context *context, struct step *step)
{
    SECURITY_STATUS status;

    if (context->datagram) return repeat(context, step);
    if (!context->message_waiting) return incomplete(step);
    if ((status = read_messages(context, step))) return answer_failure(context, step, status);
    context->message_waiting = FALSE;
    return answer(context, step, SEC_E_OK);
}

static SECURITY_STATUS step_failed(struct context *context, struct step *step)
{
    struct span nothing = { NULL, 0 };

    handshake_output_write(step->output, nothing);
    return context->failure;
}

/* What ApplyControlToken ordered: input is not looked at (test_connection_shutdown). */
static SECURITY_STATUS step_order(struct context *context, struct step *step)
{
    struct control_order order = context->order;

    context->order.waiting = FALSE;
    step->rest.size = 0;
    if (!session_alert(context->session, order.level, order.alert)) return SEC_E_INTERNAL_ERROR;
    if (context->state == CONTEXT_ESTABLISHED && order.alert == TLS1_ALERT_CLOSE_NOTIFY)
        context->state = CONTEXT_SHUT_DOWN;
    else if (context->state == CONTEXT_ESTABLISHED && order.level == TLS1_ALERT_FATAL)
        context_fail(context, SEC_E_CONTEXT_EXPIRED);
    return answer(context, step, SEC_E_OK);
}

static SECURITY_STATUS (*const steps[CONTEXT_STATES])(struct context *context, struct step *step) = {
    [CONTEXT_HANDSHAKING] = step_handshake,   [CONTEXT_ESTABLISHED] = step_established,
    [CONTEXT_RENEGOTIATING] = step_handshake, [CONTEXT_SHUT_DOWN] = step_shut_down,
    [CONTEXT_FAILED] = step_failed,
};

static SECURITY_STATUS make_step(struct context *context, struct step *step)
{
    SECURITY_STATUS status;

    if (context->held.waiting) return answer_held(context, step);
    if (context->flight.waiting) return answer_flight(context, step);
    if (context->client.waiting) resume(context, step);
    if (context->order.waiting) return step_order(context, step);
    if ((status = context_offer_protocols(context, step->input))) return status;
    return steps[context->state](context, step);
}

ULONG context_attributes(BOOL server, ULONG requirements)
{
    const struct flags *flags = server ? &server_flags : &client_flags;

    return flags->always | (requirements & flags->echoed);
}

SECURITY_STATUS context_step(struct context *context, ULONG requirements, struct handshake_input *input,
                             struct handshake_output *output, ULONG *attributes)
{
    const struct flags *flags = context->server ? &server_flags : &client_flags;
    struct step step = { requirements, input, output, flags, input->received };
    struct span chain[PEER_CHAIN_MAX];
    SECURITY_STATUS status;

    context->requirements = requirements;
    *attributes = context_attributes(context->server, requirements);
    status = make_step(context, &step);
    /* A server that asked is told whether the client has shown who it is. */
    if (context->server && !status && requirements & ASC_REQ_MUTUAL_AUTH &&
        session_peer_chain(context->session, chain))
        *attributes |= ASC_RET_MUTUAL_AUTH;
    context->attributes = *attributes;
    return status;
}
