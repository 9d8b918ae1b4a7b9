/*
 * SSPI's doors: each finds the object, calls one function of a room, gives the reference back, and traces
 * what was asked and answered in one line. ANSI ends here. At the bottom are the two function tables, through
 * which secur32, and so nearly every program, comes in.
 *
 * A handle's dwUpper is secur32's and never read. It is copied, because secur32 itself fills it in only for
 * SEC_E_OK and SEC_I_CONTINUE_NEEDED, and a caller without secur32 compares handles.
 */
#include "context.h"
#include "credentials.h"
#include "exports.h"
#include "handles.h"
#include "log.h"
#include "package.h"
#include "secbuf.h"
#include "status.h"

/* A status in a line of the log: its word and its number. */
#define STATUS              "%s (%#lx)"
#define STATUS_ARGS(status) status_name(status), (unsigned long)(status)

/* --- the package ---------------------------------------------------------------------------------------- */

SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesW(ULONG *count, PSecPkgInfoW *list)
{
    TRACE("count %p list %p\n", count, list);
    if (!count || !list) return SEC_E_INVALID_PARAMETER;
    if (!(*list = package_list(0, PACKAGES))) return SEC_E_INSUFFICIENT_MEMORY;
    *count = PACKAGES;
    return SEC_E_OK;
}

SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesA(ULONG *count, PSecPkgInfoA *list)
{
    TRACE("%p %p\n", count, list);
    if (!count || !list) return SEC_E_INVALID_PARAMETER;
    if (!(*list = package_list_ansi(0, PACKAGES))) return SEC_E_INSUFFICIENT_MEMORY;
    *count = PACKAGES;
    return SEC_E_OK;
}

SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoW(SEC_WCHAR *name, PSecPkgInfoW *info)
{
    enum package package = package_find(name);
    char text[LOG_WIDE_SIZE];

    TRACE("%s %p\n", log_wide(text, name), info);
    if (!info) return SEC_E_INVALID_PARAMETER;
    if (package == PACKAGES) return SEC_E_SECPKG_NOT_FOUND;
    return (*info = package_list(package, 1)) ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

/* A wide copy of an ANSI argument, for the length of a call. SEC_E_OK with NULL for NULL. */
static SECURITY_STATUS widen(const char *text, WCHAR **wide)
{
    int size;

    *wide = NULL;
    if (!text) return SEC_E_OK;
    if (!(size = MultiByteToWideChar(CP_ACP, 0, text, -1, NULL, 0))) return SEC_E_INVALID_PARAMETER;
    if (!(*wide = malloc((size_t)size * sizeof(**wide)))) return SEC_E_INSUFFICIENT_MEMORY;
    MultiByteToWideChar(CP_ACP, 0, text, -1, *wide, size);
    return SEC_E_OK;
}

SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoA(SEC_CHAR *name, PSecPkgInfoA *info)
{
    SECURITY_STATUS status;
    WCHAR *wide;
    enum package package;

    TRACE("%s %p\n", name ? name : "(null)", info);
    if (!info) return SEC_E_INVALID_PARAMETER;
    if ((status = widen(name, &wide))) return status;
    package = package_find(wide);
    free(wide);
    if (package == PACKAGES) return SEC_E_SECPKG_NOT_FOUND;
    return (*info = package_list_ansi(package, 1)) ? SEC_E_OK : SEC_E_INSUFFICIENT_MEMORY;
}

SECURITY_STATUS SEC_ENTRY FreeContextBuffer(void *memory)
{
    TRACE("%p\n", memory);
    caller_free(memory);
    return SEC_E_OK;
}

/* --- credentials ---------------------------------------------------------------------------------------- */

SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleW(SEC_WCHAR *principal, SEC_WCHAR *package, ULONG use,
                                                    void *logon_id, void *auth_data, SEC_GET_KEY_FN get_key,
                                                    void *get_key_argument, PCredHandle handle,
                                                    PTimeStamp expiry)
{
    struct credentials *credentials;
    char text[LOG_WIDE_SIZE];
    SECURITY_STATUS status;
    TimeStamp end;

    (void)principal;
    (void)logon_id;
    (void)get_key;
    (void)get_key_argument;
    if (package_find(package) == PACKAGES)
        status = SEC_E_SECPKG_NOT_FOUND;
    else
        status = credentials_create(use, auth_data, &credentials);
    if (!status)
    {
        end = credentials->expiry;
        status = handle ? handle_open(&credentials->object, handle) : SEC_E_INVALID_PARAMETER;
        if (status)
            credentials_release(credentials);
        else if (expiry)
            *expiry = end;
    }
    TRACE("package %s use %#lx auth data %p handle %p: " STATUS "\n", log_wide(text, package),
          (unsigned long)use, auth_data, handle, STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleA(SEC_CHAR *principal, SEC_CHAR *package, ULONG use,
                                                    void *logon_id, void *auth_data, SEC_GET_KEY_FN get_key,
                                                    void *get_key_argument, PCredHandle handle,
                                                    PTimeStamp expiry)
{
    SECURITY_STATUS status;
    WCHAR *wide;

    (void)principal; /* Schannel has no use for it */
    if ((status = widen(package, &wide))) return status;
    status = AcquireCredentialsHandleW(NULL, wide, use, logon_id, auth_data, get_key, get_key_argument,
                                       handle, expiry);
    free(wide);
    return status;
}

/* The object goes away when the last call that uses it returns. */
static SECURITY_STATUS close_object(SecHandle *handle, enum object_kind kind, const char *door)
{
    struct object *object = handle_close(handle, kind);
    SECURITY_STATUS status = object ? SEC_E_OK : SEC_E_INVALID_HANDLE;

    object_release(object);
    if (log_enabled(LOG_TRACE)) log_line(LOG_TRACE, door, "%p: " STATUS "\n", handle, STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY FreeCredentialsHandle(PCredHandle handle)
{
    return close_object(handle, OBJECT_CREDENTIALS, __func__);
}

/* Both character sets: no attribute of a credential that Schannel answers has a string in it. */
static SECURITY_STATUS SEC_ENTRY query_credentials_attributes_ex(PCredHandle handle, ULONG attribute,
                                                                 void *buffer, ULONG room)
{
    struct credentials *credentials;
    SECURITY_STATUS status;

    if (!(credentials = credentials_acquire(handle)))
        status = SEC_E_INVALID_HANDLE;
    else
        status = credentials_query(credentials, attribute, buffer, room);
    credentials_release(credentials);
    TRACE("credential %p attribute %#lx buffer %p: " STATUS "\n", handle, (unsigned long)attribute, buffer,
          STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesW(PCredHandle handle, ULONG attribute, void *buffer)
{
    return query_credentials_attributes_ex(handle, attribute, buffer, ANY_ROOM);
}

SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesA(PCredHandle handle, ULONG attribute, void *buffer)
{
    return QueryCredentialsAttributesW(handle, attribute, buffer);
}

/* Secur32 of Wine 8.0 and 10.0 does not hand this on; who loads the DLL itself gets it. */
static SECURITY_STATUS SEC_ENTRY set_credentials_attributes(PCredHandle handle, ULONG attribute, void *buffer,
                                                            ULONG size)
{
    struct credentials *credentials = credentials_acquire(handle);
    SECURITY_STATUS status =
        credentials ? credentials_set(credentials, attribute, buffer, size) : SEC_E_INVALID_HANDLE;

    credentials_release(credentials);
    TRACE("credential %p attribute %#lx buffer %p size %lu: " STATUS "\n", handle, (unsigned long)attribute,
          buffer, (unsigned long)size, STATUS_ARGS(status));
    return status;
}

/* --- handshake ------------------------------------------------------------------------------------------ */

/* What Schannel does not do for a program (Microsoft: InitializeSecurityContext (Schannel)). */
#define REFUSED_REQUIREMENTS (ISC_REQ_DELEGATE | ISC_REQ_PROMPT_FOR_CREDS)
#define REFUSED_OF_SERVERS   ASC_REQ_DELEGATE

/* One Initialize- or AcceptSecurityContext. */
struct call
{
    BOOL server;
    PCredHandle credential;
    PCtxtHandle handle, new_handle;
    const WCHAR *target;
    ULONG requirements;
    struct handshake_input input;
    struct handshake_output output;
    ULONG attributes;
    TimeStamp expiry;
};

static BOOL handle_given(const SecHandle *handle)
{
    return handle && handle->dwLower;
}

/* A server has nothing to begin with before a whole record is there. */
static SECURITY_STATUS wait_for_record(struct call *call, const struct credentials *credentials)
{
    struct span rest = call->input.received, record;
    SECURITY_STATUS status = record_take_first(credentials->sets[0].profile, &rest, &record);

    if (status == SEC_E_INCOMPLETE_MESSAGE && call->input.token)
        handshake_input_missing(&call->input, record_missing(call->input.received));
    return status;
}

static SECURITY_STATUS create_context(struct call *call, struct credentials *credentials,
                                      struct context **context)
{
    SECURITY_STATUS status;

    if (!(credentials->use & (call->server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND)))
        return SEC_E_NO_CREDENTIALS;
    if (!call->server)
        return context_create(credentials, call->target, call->requirements, &call->input, context);
    if (context_wants_datagrams(credentials, call->requirements))
        return context_accept_datagram(credentials, call->requirements, &call->input, &call->output, context);
    if ((status = wait_for_record(call, credentials))) return status;
    return context_accept(credentials, call->requirements, &call->input, context);
}

static BOOL goes_on(SECURITY_STATUS status)
{
    return status == SEC_I_CONTINUE_NEEDED || status == SEC_I_MESSAGE_FRAGMENT;
}

/* The first step: the context gets its handle only when it has something to continue with. */
static SECURITY_STATUS begin(struct call *call)
{
    struct handshake_input nothing = { .token = NULL };
    struct credentials *credentials;
    struct context *context = NULL;
    SECURITY_STATUS status;

    if (!(credentials = credentials_acquire(call->credential))) return SEC_E_INVALID_HANDLE;
    if (!(status = create_context(call, credentials, &context)))
    {
        context_lock(context);
        status = context_step(context, call->requirements, call->server ? &call->input : &nothing,
                              &call->output, &call->attributes);
        context_unlock(context);
        /* A client that has shown its cookie, and whose hello is in parts: what came is not forgotten. */
        if (context->datagram && status == SEC_E_INCOMPLETE_MESSAGE) status = SEC_I_CONTINUE_NEEDED;
    }
    if (status == SEC_I_CONTINUE_NEEDED && !context)
    {
        /* A cookie: there is no context yet, and a handle of 0 says so when it comes back. */
        call->attributes = context_attributes(TRUE, call->requirements);
        if (call->new_handle) call->new_handle->dwLower = call->new_handle->dwUpper = 0;
    }
    else if (goes_on(status))
    {
        ULONG_PTR upper = call->credential->dwUpper;
        SECURITY_STATUS opened =
            call->new_handle ? handle_open(&context->object, call->new_handle) : SEC_E_INVALID_HANDLE;

        if (opened)
            status = opened;
        else
            call->new_handle->dwUpper = upper;
    }
    if (!goes_on(status)) context_release(context);
    credentials_release(credentials);
    return status;
}

static SECURITY_STATUS proceed(struct call *call)
{
    struct context *context = context_acquire(call->handle);
    struct credentials *credentials;
    SECURITY_STATUS status;

    if (!context || context->server != call->server)
    {
        context_release(context);
        return SEC_E_INVALID_HANDLE;
    }
    context_lock(context);
    if ((credentials = credentials_acquire(call->credential)) && credentials->use & SECPKG_CRED_OUTBOUND)
        context_supply(context, credentials);
    credentials_release(credentials);
    status = context_step(context, call->requirements, &call->input, &call->output, &call->attributes);
    if (context->datagram)
        call->expiry = context->credentials->expiry; /* Wine's tests/schannel.c, test_dtls */
    context_unlock(context);
    context_release(context);
    if (!FAILED(status) && call->new_handle && call->new_handle != call->handle)
        *call->new_handle = *call->handle;
    return status;
}

static SECURITY_STATUS handshake(struct call *call, PSecBufferDesc input, PSecBufferDesc output)
{
    BOOL continuing = handle_given(call->handle);
    SECURITY_STATUS status;

    if (call->requirements & (call->server ? REFUSED_OF_SERVERS : REFUSED_REQUIREMENTS))
        return SEC_E_UNSUPPORTED_FUNCTION;
    /* ASC_REQ_ALLOCATE_MEMORY is the same bit. */
    status = handshake_output_parse(output, call->requirements & ISC_REQ_ALLOCATE_MEMORY, &call->output);
    /* Wine's tests/schannel.c, test_dtls. */
    if (status == SEC_E_INSUFFICIENT_MEMORY)
        call->attributes = ISC_RET_CONFIDENTIALITY | ISC_RET_SEQUENCE_DETECT | ISC_RET_REPLAY_DETECT;
    if (!status) status = handshake_input_parse(input, continuing, &call->input);
    if (!status) status = continuing ? proceed(call) : begin(call);
    return status;
}

SECURITY_STATUS SEC_ENTRY InitializeSecurityContextW(PCredHandle credential, PCtxtHandle handle,
                                                     SEC_WCHAR *target, ULONG requirements, ULONG reserved1,
                                                     ULONG data_rep, PSecBufferDesc input, ULONG reserved2,
                                                     PCtxtHandle new_handle, PSecBufferDesc output,
                                                     ULONG *attributes, PTimeStamp expiry)
{
    struct call call = { .credential = credential,
                         .handle = handle,
                         .new_handle = new_handle,
                         .target = target,
                         .requirements = requirements };
    char text[LOG_WIDE_SIZE];
    SECURITY_STATUS status;

    (void)reserved1;
    (void)data_rep;
    (void)reserved2;
    status = handshake(&call, input, output);
    if (attributes) *attributes = call.attributes;
    if (expiry) *expiry = call.expiry;
    TRACE("credential %p context %p target %s requirements %#lx input %p: " STATUS
          " attributes %#lx token %lu\n",
          credential, handle, log_wide(text, target), (unsigned long)requirements, input, STATUS_ARGS(status),
          (unsigned long)call.attributes, FAILED(status) ? 0ul : (unsigned long)call.output.token->cbBuffer);
    return status;
}

SECURITY_STATUS SEC_ENTRY InitializeSecurityContextA(PCredHandle credential, PCtxtHandle handle,
                                                     SEC_CHAR *target, ULONG requirements, ULONG reserved1,
                                                     ULONG data_rep, PSecBufferDesc input, ULONG reserved2,
                                                     PCtxtHandle new_handle, PSecBufferDesc output,
                                                     ULONG *attributes, PTimeStamp expiry)
{
    SECURITY_STATUS status;
    WCHAR *wide;

    if ((status = widen(target, &wide))) return status;
    status = InitializeSecurityContextW(credential, handle, wide, requirements, reserved1, data_rep, input,
                                        reserved2, new_handle, output, attributes, expiry);
    free(wide);
    return status;
}

SECURITY_STATUS SEC_ENTRY AcceptSecurityContext(PCredHandle credential, PCtxtHandle handle,
                                                PSecBufferDesc input, ULONG requirements, ULONG data_rep,
                                                PCtxtHandle new_handle, PSecBufferDesc output,
                                                ULONG *attributes, PTimeStamp expiry)
{
    struct call call = { .server = TRUE,
                         .credential = credential,
                         .handle = handle,
                         .new_handle = new_handle,
                         .requirements = requirements };
    SECURITY_STATUS status;

    (void)data_rep;
    status = handshake(&call, input, output);
    if (attributes) *attributes = call.attributes;
    if (expiry) *expiry = call.expiry;
    TRACE("credential %p context %p requirements %#lx input %p: " STATUS " attributes %#lx token %lu\n",
          credential, handle, (unsigned long)requirements, input, STATUS_ARGS(status),
          (unsigned long)call.attributes, FAILED(status) ? 0ul : (unsigned long)call.output.token->cbBuffer);
    return status;
}

SECURITY_STATUS SEC_ENTRY ApplyControlToken(PCtxtHandle handle, PSecBufferDesc input)
{
    struct context *context;
    SECURITY_STATUS status;

    if (!(context = context_acquire(handle)))
        status = SEC_E_INVALID_HANDLE;
    else
    {
        context_lock(context);
        status = context_control(context, input);
        context_unlock(context);
        context_release(context);
    }
    TRACE("context %p input %p: " STATUS "\n", handle, input, STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY DeleteSecurityContext(PCtxtHandle handle)
{
    return close_object(handle, OBJECT_CONTEXT, __func__);
}

/* --- attributes ----------------------------------------------------------------------------------------- */

typedef SECURITY_STATUS query_function(struct context *context, ULONG attribute, void *buffer, ULONG room);

static SECURITY_STATUS query(PCtxtHandle handle, ULONG attribute, void *buffer, ULONG room,
                             query_function *function, const char *door)
{
    struct context *context = context_acquire(handle);
    SECURITY_STATUS status = SEC_E_INVALID_HANDLE;

    if (context)
    {
        context_lock(context);
        status = function(context, attribute, buffer, room);
        context_unlock(context);
        context_release(context);
    }
    if (log_enabled(LOG_TRACE))
        log_line(LOG_TRACE, door, "context %p attribute %#lx buffer %p: " STATUS "\n", handle,
                 (unsigned long)attribute, buffer, STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY QueryContextAttributesW(PCtxtHandle handle, ULONG attribute, void *buffer)
{
    return query(handle, attribute, buffer, ANY_ROOM, context_query, __func__);
}

SECURITY_STATUS SEC_ENTRY QueryContextAttributesA(PCtxtHandle handle, ULONG attribute, void *buffer)
{
    return query(handle, attribute, buffer, ANY_ROOM, context_query_ansi, __func__);
}

/* Secur32 of Wine 8.0 and 10.0 does not hand these on either. */
static SECURITY_STATUS SEC_ENTRY query_context_attributes_ex_w(PCtxtHandle handle, ULONG attribute,
                                                               void *buffer, ULONG room)
{
    return query(handle, attribute, buffer, room, context_query, __func__);
}

static SECURITY_STATUS SEC_ENTRY query_context_attributes_ex_a(PCtxtHandle handle, ULONG attribute,
                                                               void *buffer, ULONG room)
{
    return query(handle, attribute, buffer, room, context_query_ansi, __func__);
}

static SECURITY_STATUS SEC_ENTRY set_context_attributes(PCtxtHandle handle, ULONG attribute, void *buffer,
                                                        ULONG size)
{
    struct context *context = context_acquire(handle);
    SECURITY_STATUS status = SEC_E_INVALID_HANDLE;

    if (context)
    {
        context_lock(context);
        status = context_set(context, attribute, buffer, size);
        context_unlock(context);
        context_release(context);
    }
    TRACE("context %p attribute %#lx buffer %p size %lu: " STATUS "\n", handle, (unsigned long)attribute,
          buffer, (unsigned long)size, STATUS_ARGS(status));
    return status;
}

/* --- messages ------------------------------------------------------------------------------------------- */

SECURITY_STATUS SEC_ENTRY EncryptMessage(PCtxtHandle handle, ULONG qop, PSecBufferDesc message,
                                         ULONG sequence)
{
    struct context *context;
    SECURITY_STATUS status;

    (void)sequence; /* a stream counts for itself */
    if (!(context = context_acquire(handle)))
        status = SEC_E_INVALID_HANDLE;
    else
        status = context_encrypt(context, qop, message);
    context_release(context);
    TRACE("context %p qop %#lx message %p: " STATUS "\n", handle, (unsigned long)qop, message,
          STATUS_ARGS(status));
    return status;
}

SECURITY_STATUS SEC_ENTRY DecryptMessage(PCtxtHandle handle, PSecBufferDesc message, ULONG sequence,
                                         ULONG *qop)
{
    struct context *context;
    SECURITY_STATUS status;

    (void)sequence;
    if (!(context = context_acquire(handle)))
        status = SEC_E_INVALID_HANDLE;
    else
        status = context_decrypt(context, message);
    context_release(context);
    if (qop && !FAILED(status)) *qop = 0;
    TRACE("context %p message %p: " STATUS "\n", handle, message, STATUS_ARGS(status));
    return status;
}

/* The names these two had first, and still have in the DLL. */
SECURITY_STATUS SEC_ENTRY SealMessage(PCtxtHandle handle, ULONG qop, PSecBufferDesc message, ULONG sequence)
{
    return EncryptMessage(handle, qop, message, sequence);
}

SECURITY_STATUS SEC_ENTRY UnsealMessage(PCtxtHandle handle, PSecBufferDesc message, ULONG sequence,
                                        ULONG *qop)
{
    return DecryptMessage(handle, message, sequence, qop);
}

/* --- what TLS has no use for ---------------------------------------------------------------------------- */

SECURITY_STATUS SEC_ENTRY CompleteAuthToken(PCtxtHandle handle, PSecBufferDesc token)
{
    TRACE("%p %p\n", handle, token);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

SECURITY_STATUS SEC_ENTRY MakeSignature(PCtxtHandle handle, ULONG qop, PSecBufferDesc message, ULONG sequence)
{
    (void)qop;
    (void)sequence;
    TRACE("%p %p\n", handle, message);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

SECURITY_STATUS SEC_ENTRY VerifySignature(PCtxtHandle handle, PSecBufferDesc message, ULONG sequence,
                                          ULONG *qop)
{
    (void)qop;
    (void)sequence;
    TRACE("%p %p\n", handle, message);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

/* Certificates are not mapped to accounts: Wine has none to map to. */
SECURITY_STATUS SEC_ENTRY ImpersonateSecurityContext(PCtxtHandle handle)
{
    TRACE("%p\n", handle);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

SECURITY_STATUS SEC_ENTRY RevertSecurityContext(PCtxtHandle handle)
{
    TRACE("%p\n", handle);
    return SEC_E_UNSUPPORTED_FUNCTION;
}

/* secur32 answers an empty slot with the same; here is what a program gets that loads the DLL itself. */
#define UNSUPPORTED(name, ...)                                                                               \
    static SECURITY_STATUS SEC_ENTRY name(__VA_ARGS__)                                                       \
    {                                                                                                        \
        TRACE("\n");                                                                                         \
        return SEC_E_UNSUPPORTED_FUNCTION;                                                                   \
    }
#define UNUSED __attribute__((unused))
UNSUPPORTED(add_credentials_w, UNUSED PCredHandle handle, UNUSED SEC_WCHAR *principal,
            UNUSED SEC_WCHAR *package, UNUSED ULONG use, UNUSED void *auth_data,
            UNUSED SEC_GET_KEY_FN get_key, UNUSED void *argument, UNUSED PTimeStamp expiry)
UNSUPPORTED(add_credentials_a, UNUSED PCredHandle handle, UNUSED SEC_CHAR *principal,
            UNUSED SEC_CHAR *package, UNUSED ULONG use, UNUSED void *auth_data, UNUSED SEC_GET_KEY_FN get_key,
            UNUSED void *argument, UNUSED PTimeStamp expiry)
UNSUPPORTED(export_security_context, UNUSED PCtxtHandle handle, UNUSED ULONG flags, UNUSED PSecBuffer packed,
            UNUSED void **token)
UNSUPPORTED(import_security_context_w, UNUSED SEC_WCHAR *package, UNUSED PSecBuffer packed,
            UNUSED void *token, UNUSED PCtxtHandle handle)
UNSUPPORTED(import_security_context_a, UNUSED SEC_CHAR *package, UNUSED PSecBuffer packed, UNUSED void *token,
            UNUSED PCtxtHandle handle)
UNSUPPORTED(query_security_context_token, UNUSED PCtxtHandle handle, UNUSED void **token)
UNSUPPORTED(change_account_password_w, UNUSED SEC_WCHAR *package, UNUSED SEC_WCHAR *domain,
            UNUSED SEC_WCHAR *account, UNUSED SEC_WCHAR *old_password, UNUSED SEC_WCHAR *new_password,
            UNUSED BOOLEAN impersonating, UNUSED ULONG reserved, UNUSED PSecBufferDesc output)
UNSUPPORTED(change_account_password_a, UNUSED SEC_CHAR *package, UNUSED SEC_CHAR *domain,
            UNUSED SEC_CHAR *account, UNUSED SEC_CHAR *old_password, UNUSED SEC_CHAR *new_password,
            UNUSED BOOLEAN impersonating, UNUSED ULONG reserved, UNUSED PSecBufferDesc output)

/* --- the tables ----------------------------------------------------------------------------------------- */

/*
 * Version 2 and above makes secur32 take SetContextAttributes; with 1 it leaves garbage in that slot. An
 * empty slot is answered by secur32 itself with SEC_E_UNSUPPORTED_FUNCTION.
 */
static SecurityFunctionTableW table_w = {
    .dwVersion = SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_5,
    .EnumerateSecurityPackagesW = EnumerateSecurityPackagesW,
    .QueryCredentialsAttributesW = QueryCredentialsAttributesW,
    .AcquireCredentialsHandleW = AcquireCredentialsHandleW,
    .FreeCredentialsHandle = FreeCredentialsHandle,
    .InitializeSecurityContextW = InitializeSecurityContextW,
    .AcceptSecurityContext = AcceptSecurityContext,
    .CompleteAuthToken = CompleteAuthToken,
    .DeleteSecurityContext = DeleteSecurityContext,
    .ApplyControlToken = ApplyControlToken,
    .QueryContextAttributesW = QueryContextAttributesW,
    .ImpersonateSecurityContext = ImpersonateSecurityContext,
    .RevertSecurityContext = RevertSecurityContext,
    .MakeSignature = MakeSignature,
    .VerifySignature = VerifySignature,
    .FreeContextBuffer = FreeContextBuffer,
    .QuerySecurityPackageInfoW = QuerySecurityPackageInfoW,
    .EncryptMessage = EncryptMessage,
    .DecryptMessage = DecryptMessage,
    .SetContextAttributesW = set_context_attributes,
    .SetCredentialsAttributesW = set_credentials_attributes,
    .AddCredentialsW = add_credentials_w,
    .ExportSecurityContext = export_security_context,
    .ImportSecurityContextW = import_security_context_w,
    .QuerySecurityContextToken = query_security_context_token,
    .ChangeAccountPasswordW = change_account_password_w,
    .QueryContextAttributesExW = query_context_attributes_ex_w,
    .QueryCredentialsAttributesExW = query_credentials_attributes_ex,
};

static SecurityFunctionTableA table_a = {
    .dwVersion = SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_5,
    .EnumerateSecurityPackagesA = EnumerateSecurityPackagesA,
    .QueryCredentialsAttributesA = QueryCredentialsAttributesA,
    .AcquireCredentialsHandleA = AcquireCredentialsHandleA,
    .FreeCredentialHandle = FreeCredentialsHandle,
    .InitializeSecurityContextA = InitializeSecurityContextA,
    .AcceptSecurityContext = AcceptSecurityContext,
    .CompleteAuthToken = CompleteAuthToken,
    .DeleteSecurityContext = DeleteSecurityContext,
    .ApplyControlToken = ApplyControlToken,
    .QueryContextAttributesA = QueryContextAttributesA,
    .ImpersonateSecurityContext = ImpersonateSecurityContext,
    .RevertSecurityContext = RevertSecurityContext,
    .MakeSignature = MakeSignature,
    .VerifySignature = VerifySignature,
    .FreeContextBuffer = FreeContextBuffer,
    .QuerySecurityPackageInfoA = QuerySecurityPackageInfoA,
    .EncryptMessage = EncryptMessage,
    .DecryptMessage = DecryptMessage,
    .SetContextAttributesA = set_context_attributes,
    .SetCredentialsAttributesA = set_credentials_attributes,
    .AddCredentialsA = add_credentials_a,
    .ExportSecurityContext = export_security_context,
    .ImportSecurityContextA = import_security_context_a,
    .QuerySecurityContextToken = query_security_context_token,
    .ChangeAccountPasswordA = change_account_password_a,
    .QueryContextAttributesExA = query_context_attributes_ex_a,
    .QueryCredentialsAttributesExA = query_credentials_attributes_ex,
};

PSecurityFunctionTableW SEC_ENTRY InitSecurityInterfaceW(void)
{
    TRACE("\n");
    return &table_w;
}

PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceA(void)
{
    TRACE("\n");
    return &table_a;
}
