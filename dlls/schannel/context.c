/*
 * A context: one connection as the program sees it. Birth, death, and the orders in between; what it does all
 * day is in handshake.c, records.c and attributes.c.
 */
#include "context.h"
#include "cache.h"
#include "certificates.h"
#include "handles.h"
#include "hello.h"
#include "log.h"
#include "revocation.h"
#include "verdicts.h"

void context_lock(struct context *context)
{
    lock_acquire(&context->receive_lock);
    lock_acquire(&context->send_lock);
}

void context_unlock(struct context *context)
{
    lock_release(&context->send_lock);
    lock_release(&context->receive_lock);
}

struct context *context_acquire(const SecHandle *handle)
{
    struct object *object = handle_acquire(handle, OBJECT_CONTEXT);

    return object ? CONTAINING_RECORD(object, struct context, object) : NULL;
}

void context_release(struct context *context)
{
    if (context) object_release(&context->object);
}

SECURITY_STATUS context_fail(struct context *context, SECURITY_STATUS status)
{
    if (context->state == CONTEXT_FAILED) return context->failure;
    context->state = CONTEXT_FAILED;
    return context->failure = status;
}

static void context_destroy(struct object *object)
{
    struct context *context = CONTAINING_RECORD(object, struct context, object);

    session_destroy(context->session); /* it uses the certificates */
    own_close(&context->client.found);
    credentials_release(context->client.supplied);
    credentials_release(context->credentials);
    free(context->client.input);
    free(context->interleaved.delivered);
    free(context->message);
    free(context->keying.bytes);
    free(context->held.input);
    free(context);
}

/* --- application protocols ------------------------------------------------------------------------------ */

/* A number in this machine's order off the front. */
static BOOL take_value(struct span *span, void *value, size_t size)
{
    struct span bytes;

    if (!span_take(span, size, &bytes)) return FALSE;
    memcpy(value, bytes.data, size);
    return TRUE;
}

/* The ALPN list of a SEC_APPLICATION_PROTOCOLS, as it goes over the wire; empty when there is none. */
static SECURITY_STATUS find_alpn(const SecBuffer *buffer, struct span *list)
{
    struct span all, lists, names;
    ULONG size, extension;
    USHORT list_size;

    memset(list, 0, sizeof(*list));
    if (!buffer) return SEC_E_OK;
    all.data = buffer->pvBuffer;
    all.size = buffer->cbBuffer;
    if (!take_value(&all, &size, sizeof(size)) || !span_take(&all, size, &lists)) return SEC_E_INVALID_TOKEN;
    while (lists.size)
    {
        if (!take_value(&lists, &extension, sizeof(extension)) ||
            !take_value(&lists, &list_size, sizeof(list_size)) || !span_take(&lists, list_size, &names))
            return SEC_E_INVALID_TOKEN;
        if (extension == SecApplicationProtocolNegotiationExt_ALPN) *list = names;
    }
    return SEC_E_OK;
}

/* --- validation ----------------------------------------------------------------------------------------- */

static SECURITY_STATUS judge_peer(struct context *context, DWORD *trust)
{
    struct span chain[PEER_CHAIN_MAX];
    struct verdict_question question = { .chain = chain,
                                         .count = session_peer_chain(context->session, chain),
                                         .target = context->server ? NULL : &context->target,
                                         .flags = context->credentials->flags,
                                         .stapled = session_stapled(context->session) };

    return verdicts_judge(&question, trust);
}

/* Called by the session, in the middle of a handshake step. */
static SECURITY_STATUS verify_peer(void *owner)
{
    struct context *context = owner;
    DWORD trust;

    return context->validated_by_caller ? SEC_E_OK : judge_peer(context, &trust);
}

SECURITY_STATUS context_check_peer(struct context *context, DWORD *trust, HRESULT *verdict)
{
    struct span chain[PEER_CHAIN_MAX];

    if (!session_peer_chain(context->session, chain)) return SEC_E_NO_CREDENTIALS;
    *trust = 0;
    *verdict = certificates_reason(judge_peer(context, trust));
    return SEC_E_OK;
}

/* --- our certificate ------------------------------------------------------------------------------------ */

/* The program's own choice, or the user's MY store, unless the program wants none of that. */
static const struct own_certificate *find_certificate(struct context *context,
                                                      const struct identity_request *request)
{
    struct client_certificate *client = &context->client;
    const struct credentials *credentials = client->supplied ? client->supplied : context->credentials;

    if (credentials->own_count) return credentials_choose(credentials, request);
    if (credentials->flags & SCH_CRED_NO_DEFAULT_CREDS || context->requirements & ISC_REQ_USE_SUPPLIED_CREDS)
        return NULL;
    if (client->found.identity && identity_suits(client->found.identity, request)) return &client->found;
    own_close(&client->found);
    return own_find(request, credentials->flags, &client->found) ? &client->found : NULL;
}

/* Called by the session, in the middle of a handshake step. */
static SECURITY_STATUS choose_certificate(void *owner, const struct identity_request *request,
                                          const struct identity **identity)
{
    struct context *context = owner;
    struct client_certificate *client = &context->client;

    client->using = find_certificate(context, request);
    /* A session with another certificate than the credential's, or with none where one was wanted, is nobody
     * else's. */
    if (!client->using || client->supplied || client->using == &client->found)
        session_set_resumable(context->session, FALSE);
    if (client->using) *identity = client->using->identity;
    /*
     * Wine's WinHTTP and WinINet, who ask for USE_SESSION_KEY, take the status for a failure. So does who
     * asks for USE_SUPPLIED_CREDS: Microsoft's page on authentication says that it brings about the status,
     * but curl and schannel-rs ask with it to be spared the status, and say that on Windows they are.
     */
    if (client->using || client->told ||
        context->requirements & (ISC_REQ_USE_SESSION_KEY | ISC_REQ_USE_SUPPLIED_CREDS))
        return SEC_E_OK;
    client->told = TRUE;
    return SEC_I_INCOMPLETE_CREDENTIALS;
}

void context_supply(struct context *context, struct credentials *credentials)
{
    struct client_certificate *client = &context->client;

    if (context->state == CONTEXT_HANDSHAKING && !client->waiting) return;
    if (credentials == (client->supplied ? client->supplied : context->credentials)) return;
    credentials_release(client->supplied);
    object_acquire(&credentials->object);
    client->supplied = credentials;
}

/* --- birth ---------------------------------------------------------------------------------------------- */

/* What both sides have; the session is still to come. */
static struct context *create(struct credentials *credentials, ULONG requirements)
{
    struct context *context = calloc(1, sizeof(*context));

    if (!context) return NULL;
    context->object.kind = OBJECT_CONTEXT;
    context->object.destroy = context_destroy;
    context->requirements = requirements;
    context->created.QuadPart = (LONGLONG)cache_now();
    object_acquire(&credentials->object);
    context->credentials = credentials;
    return context;
}

BOOL context_wants_datagrams(const struct credentials *credentials, ULONG requirements)
{
    /* The same bit for servers. */
    return requirements & ISC_REQ_DATAGRAM || !(credentials->protocols & TLS_PROTOCOLS);
}

static SECURITY_STATUS prepare_datagrams(const struct handshake_input *input, struct session_config *config)
{
    if (input->mtu && input->mtu < DATAGRAM_MTU_MIN) return SEC_E_INVALID_TOKEN;
    config->transport = TRANSPORT_DATAGRAM;
    config->mtu = input->mtu ? input->mtu : DATAGRAM_MTU_DEFAULT;
    config->srtp_profiles = input->srtp_profiles;
    config->srtp_identifier = input->srtp_identifier;
    return SEC_E_OK;
}

static SECURITY_STATUS open_session(struct context *context, const struct handshake_input *input,
                                    struct session_config *config, struct context **out)
{
    SECURITY_STATUS status;

    context->datagram = config->transport == TRANSPORT_DATAGRAM;
    config->owner = context;
    config->split = (context->credentials->flags & SCH_SEND_AUX_RECORD) != 0;
    config->psk = input->psk;
    config->psk_identity = input->psk_identity;
    if ((status = session_create(config, &context->session)))
        context_release(context);
    else
        *out = context;
    return status;
}

SECURITY_STATUS context_create(struct credentials *credentials, const WCHAR *target, ULONG requirements,
                               const struct handshake_input *input, struct context **out)
{
    struct session_config config = { .verify = verify_peer, .choose = choose_certificate };
    struct span nothing = { NULL, 0 };
    struct context *context;
    SECURITY_STATUS status;

    config.profile = credentials_profile(credentials, nothing);
    if (context_wants_datagrams(credentials, requirements) && (status = prepare_datagrams(input, &config)))
        return status;
    if ((status = find_alpn(input->application_protocols, &config.application_protocols))) return status;
    if (!(context = create(credentials, requirements))) return SEC_E_INSUFFICIENT_MEMORY;
    context->validated_by_caller =
        credentials->flags & (SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_DEFERRED_CRED_VALIDATION) ||
        requirements & ISC_REQ_MANUAL_CRED_VALIDATION;
    target_parse(target, &context->target);
    if (context->target.kind == TARGET_HOST) config.server_name = context->target.name;
    /* Wine's WinHTTP and WinINet have no use for the token with which a resumed handshake ends. */
    if (!(requirements & ISC_REQ_USE_SESSION_KEY))
    {
        config.resume_as.data = (const uint8_t *)context->target.name;
        config.resume_as.size = strlen(context->target.name);
    }
    config.validated_by_caller = context->validated_by_caller;
    /* Windows asks for a stapled response when the program asks for revocation (dotnet/runtime:
     * SslStreamPal.Windows.cs). */
    config.status_request = revocation_chain_flags(credentials->flags) != 0;
    return open_session(context, input, &config, out);
}

/* The first name of ours that the client has, too. `hello`: of the ALPN extension (RFC 7301, 3.1). */
static struct span common_protocol(struct span ours, struct span hello)
{
    struct span nothing = { NULL, 0 }, theirs, list, mine, name;

    if (!span_take_vector(&hello, 2, &theirs)) return nothing;
    while (span_take_vector(&ours, 1, &mine))
        for (list = theirs; span_take_vector(&list, 1, &name);)
            if (name.size == mine.size && !memcmp(name.data, mine.data, name.size)) return mine;
    return nothing;
}

/* Which of the program's sets of parameters holds for this client. Not SEC_E_OK: its hello is not all there,
 * or none. */
static SECURITY_STATUS find_profile(const struct credentials *credentials, struct handshake_input *input,
                                    struct session_config *config)
{
    struct span protocol = { NULL, 0 }, data;
    struct hello hello;
    SECURITY_STATUS status;
    size_t missing;

    if (credentials_depend_on_protocol(credentials))
    {
        status = hello_open(input->received, TRUE, &hello, &missing);
        if (status == SEC_E_INCOMPLETE_MESSAGE) handshake_input_missing(input, missing);
        if (status) return status;
        if (hello_extension(&hello, EXTENSION_ALPN, &data))
            protocol = common_protocol(config->application_protocols, data);
        hello_close(&hello);
    }
    config->profile = credentials_profile(credentials, protocol);
    return config->profile ? SEC_E_OK : SEC_E_APPLICATION_PROTOCOL_MISMATCH;
}

/* What a client brings as its certificate is the program's to judge (Microsoft: "Performing Authentication
 * Using Schannel"): there is no verify. */
static SECURITY_STATUS accept_client(struct credentials *credentials, ULONG requirements,
                                     const struct handshake_input *input, struct session_config *config,
                                     struct context **out)
{
    struct context *context = create(credentials, requirements);

    if (!context) return SEC_E_INSUFFICIENT_MEMORY;
    context->server = TRUE;
    AcquireSRWLockExclusive(&credentials->lock);
    credentials->serving = TRUE;
    ReleaseSRWLockExclusive(&credentials->lock);
    config->server = TRUE;
    config->ask_for_certificate = (requirements & ASC_REQ_MUTUAL_AUTH) != 0;
    config->tickets = (requirements & ASC_REQ_SESSION_TICKET) != 0;
    return open_session(context, input, config, out);
}

SECURITY_STATUS context_accept(struct credentials *credentials, ULONG requirements,
                               struct handshake_input *input, struct context **out)
{
    struct session_config config = { .profile = NULL };
    SECURITY_STATUS status;

    if (!credentials->own_count && !credentials->choice.psk) return SEC_E_NO_CREDENTIALS;
    if ((status = find_alpn(input->application_protocols, &config.application_protocols))) return status;
    if ((status = find_profile(credentials, input, &config))) return status;
    return accept_client(credentials, requirements, input, &config, out);
}

/* Sets of parameters are chosen by ALPN from a hello in records of TLS; over datagrams the first one holds.
 */
SECURITY_STATUS context_accept_datagram(struct credentials *credentials, ULONG requirements,
                                        struct handshake_input *input, struct handshake_output *output,
                                        struct context **out)
{
    struct session_config config = { .profile = credentials->sets[0].profile };
    uint8_t request[COOKIE_REQUEST_SIZE];
    struct span address, answer = { request, 0 };
    struct cookie cookie;
    SECURITY_STATUS status, written;

    if (!credentials->own_count && !credentials->choice.psk) return SEC_E_NO_CREDENTIALS;
    if (!input->address) return SEC_E_INVALID_PARAMETER;
    address.data = input->address->pvBuffer;
    address.size = input->address->cbBuffer;
    if ((status = prepare_datagrams(input, &config))) return status;
    if ((status = find_alpn(input->application_protocols, &config.application_protocols))) return status;
    status = cookie_check(address, input->received, &cookie, request, &answer.size);
    if (status == SEC_I_CONTINUE_NEEDED && (written = handshake_output_write(output, answer))) return written;
    if (status) return status;
    config.cookie = &cookie;
    return accept_client(credentials, requirements, input, &config, out);
}

SECURITY_STATUS context_offer_protocols(struct context *context, const struct handshake_input *input)
{
    SECURITY_STATUS status;
    struct span list;

    if (!context->server || context->answered || context->state != CONTEXT_HANDSHAKING) return SEC_E_OK;
    if ((status = find_alpn(input->application_protocols, &list))) return status;
    return session_offer_protocols(context->session, list);
}

const struct own_certificate *context_own_certificate(const struct context *context)
{
    const struct credentials *credentials = context->credentials;
    struct span own;
    DWORD i;

    if (!context->server) return context->client.using;
    own = session_own_certificate(context->session);
    for (i = 0; i < credentials->own_count; i++)
    {
        PCCERT_CONTEXT certificate = credentials->own[i].certificate;

        if (certificate->cbCertEncoded == own.size && !memcmp(certificate->pbCertEncoded, own.data, own.size))
            return &credentials->own[i];
    }
    return NULL;
}

/* --- orders --------------------------------------------------------------------------------------------- */

static SECURITY_STATUS order_shutdown(struct context *context, const BYTE *token)
{
    (void)token;
    context->order.waiting = TRUE;
    context->order.level = TLS1_ALERT_WARNING;
    context->order.alert = TLS1_ALERT_CLOSE_NOTIFY;
    return SEC_E_OK;
}

static SECURITY_STATUS order_alert(struct context *context, const BYTE *token)
{
    SCHANNEL_ALERT_TOKEN alert;

    memcpy(&alert, token, sizeof(alert));
    if (alert.dwAlertNumber > 255 ||
        (alert.dwAlertType != TLS1_ALERT_WARNING && alert.dwAlertType != TLS1_ALERT_FATAL))
        return SEC_E_INVALID_TOKEN;
    context->order.waiting = TRUE;
    context->order.level = alert.dwAlertType;
    context->order.alert = alert.dwAlertNumber;
    return SEC_E_OK;
}

static SECURITY_STATUS order_session(struct context *context, const BYTE *token)
{
    SCHANNEL_SESSION_TOKEN session;

    memcpy(&session, token, sizeof(session));
    if (session.dwFlags != SSL_SESSION_ENABLE_RECONNECTS && session.dwFlags != SSL_SESSION_DISABLE_RECONNECTS)
        return SEC_E_INVALID_TOKEN;
    session_set_resumable(context->session, session.dwFlags == SSL_SESSION_ENABLE_RECONNECTS);
    return SEC_E_OK;
}

static const struct
{
    DWORD type;
    ULONG size;
    SECURITY_STATUS (*order)(struct context *context, const BYTE *token);
} orders[] = {
    { SCHANNEL_SHUTDOWN, sizeof(DWORD), order_shutdown },
    { SCHANNEL_ALERT, sizeof(SCHANNEL_ALERT_TOKEN), order_alert },
    { SCHANNEL_SESSION, sizeof(SCHANNEL_SESSION_TOKEN), order_session },
};

SECURITY_STATUS context_control(struct context *context, SecBufferDesc *desc)
{
    const SecBuffer *token;
    DWORD type;
    unsigned i;

    if (!desc) return SEC_E_INTERNAL_ERROR;
    if (desc->cBuffers != 1 || !desc->pBuffers) return SEC_E_INVALID_TOKEN;
    token = desc->pBuffers;
    if (secbuf_type(token) != SECBUFFER_TOKEN) return SEC_E_INVALID_TOKEN;
    if (token->cbBuffer < sizeof(type) || !token->pvBuffer) return SEC_E_UNSUPPORTED_FUNCTION;
    memcpy(&type, token->pvBuffer, sizeof(type));
    for (i = 0; i < ARRAY_SIZE(orders); i++)
        if (orders[i].type == type && token->cbBuffer >= orders[i].size)
            return orders[i].order(context, token->pvBuffer);
    return SEC_E_UNSUPPORTED_FUNCTION;
}
