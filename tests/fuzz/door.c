/*
 * Calls in any order with anything in them: four sides, handles that are right, stale, another side's or of
 * the other kind, buffers of all shapes, attributes of all numbers, what passes between two sides changed on
 * the way.
 *
 * The input: calls, a byte for which it is, and what it wants.
 */
#include "sides.h"

#define SIDES_MAX   4
#define BUFFERS_MAX 6
#define CALLS_MAX   48

static struct side sides[SIDES_MAX];
static BOOL is_open[SIDES_MAX];
static SecHandle old_handles[8]; /* of what is gone */
static unsigned old_count;

/* --- handles -------------------------------------------------------------------------------------------- */

/* Mostly the side's own. */
static SecHandle *choose_handle(struct span *input, struct side *side, BOOL credential)
{
    static SecHandle made;
    uint32_t how = take(input, 1);

    switch (how & 15)
    {
    case 13:
        made.dwLower = take(input, 4);
        return &made;
    case 14:
        return old_count ? &old_handles[(how >> 4) % old_count] : NULL;
    case 15:
        return how & 16 ? NULL : credential ? &side->context : &side->credential;
    default:
        return credential ? &side->credential : &side->context;
    }
}

static void forget(const SecHandle *handle)
{
    old_handles[old_count % ARRAY_SIZE(old_handles)] = *handle;
    if (old_count < ARRAY_SIZE(old_handles)) old_count++;
}

/* --- buffers -------------------------------------------------------------------------------------------- */

struct shape
{
    SecBufferDesc desc;
    SecBuffer buffers[BUFFERS_MAX], before[BUFFERS_MAX];
    uint8_t *memory[BUFFERS_MAX];
    size_t sizes[BUFFERS_MAX];
};

/* Each buffer in memory of its own, which is as large as it says. `wire`: what may be in the first. */
static SecBufferDesc *shape_make(struct shape *shape, struct span *input, const struct side *wire)
{
    uint32_t count = take(input, 1), i;

    memset(shape, 0, sizeof(*shape));
    shape->desc = (SecBufferDesc){ SECBUFFER_VERSION, count % (BUFFERS_MAX + 1), shape->buffers };
    for (i = 0; i < shape->desc.cBuffers; i++)
    {
        SecBuffer *buffer = &shape->buffers[i];
        uint32_t type = take(input, 1), how = take(input, 1);

        if (how & 1 && wire)
        {
            size_t size = wire->datagram ? wire->datagram_count ? wire->datagrams[0] : 0 : wire->in_size;

            shape->memory[i] = malloc(size ? size : 1);
            memcpy(shape->memory[i], wire->in, size);
            shape->sizes[i] = size;
        }
        else if (how & 2)
        {
            shape->sizes[i] = take(input, 2);
            shape->memory[i] = calloc(1, shape->sizes[i] ? shape->sizes[i] : 1);
        }
        else
            shape->memory[i] = take_copy(input, how >> 3, &shape->sizes[i]);
        buffer->BufferType = (type & 0x1f) | (type & 0x20 ? SECBUFFER_READONLY : 0);
        buffer->pvBuffer = how & 4 ? NULL : shape->memory[i];
        buffer->cbBuffer = (ULONG)shape->sizes[i];
    }
    memcpy(shape->before, shape->buffers, sizeof(shape->before));
    return count == 0xff ? NULL : &shape->desc;
}

static BOOL is_ours(const struct shape *shape, const void *memory)
{
    unsigned i;

    for (i = 0; i < BUFFERS_MAX; i++)
        if (shape->memory[i] && (uint8_t *)memory >= shape->memory[i] &&
            (uint8_t *)memory <= shape->memory[i] + shape->sizes[i])
            return TRUE;
    return FALSE;
}

/* `allocated`: what has a new pointer is to be freed. */
static void shape_end(struct shape *shape, BOOL allocated)
{
    unsigned i;

    for (i = 0; i < BUFFERS_MAX; i++)
    {
        if (allocated && shape->buffers[i].pvBuffer != shape->before[i].pvBuffer &&
            shape->buffers[i].pvBuffer && !is_ours(shape, shape->buffers[i].pvBuffer))
            sspi->FreeContextBuffer(shape->buffers[i].pvBuffer);
        free(shape->memory[i]);
    }
}

/* --- calls ---------------------------------------------------------------------------------------------- */

static void open_side(struct span *input, unsigned which)
{
    static const DWORD protocols[] = { SP_PROT_TLS1_3, SP_PROT_TLS1_2, SP_PROT_DTLS1_2,
                                       SP_PROT_TLS1_0 | SP_PROT_TLS1_1, SP_PROT_TLS1_2 | SP_PROT_TLS1_3 };
    uint32_t how = take(input, 1), bits = take(input, 1);
    BOOL datagram = how % 5 == 2;
    struct manner manner = {
        .protocols = protocols[how % 5],
        .flags = SCH_CRED_NO_DEFAULT_CREDS | (bits & 1 ? SCH_CRED_MANUAL_CRED_VALIDATION : 0) |
                 (bits & 2 ? SCH_SEND_AUX_RECORD : 0),
        .requirements = (datagram ? ISC_REQ_DATAGRAM : 0) | (bits & 4 ? ISC_REQ_EXTENDED_ERROR : 0) |
                        (bits & 8 ? ASC_REQ_MUTUAL_AUTH : 0) |
                        (which & 1 && bits & 16 ? ASC_REQ_SESSION_TICKET : 0),
        .materials = which & 1   ? 1 + (bits >> 5) % 3
                     : bits & 32 ? 1
                                 : 0,
    };

    if (!is_open[which]) is_open[which] = side_open(&sides[which], which & 1, &manner);
}

static void carry(struct span *input, struct side *from, struct side *to)
{
    uint32_t changes = take(input, 1);
    size_t at;

    if (to->in_size + from->out_size <= sizeof(to->in) && to->datagram_count < ARRAY_SIZE(to->datagrams))
    {
        memcpy(to->in + to->in_size, from->out, from->out_size);
        for (; changes && from->out_size; changes >>= 1)
            if (changes & 1)
            {
                at = take(input, 2) % from->out_size;
                to->in[to->in_size + at] ^= (uint8_t)(1 + take(input, 1));
            }
        to->in_size += from->out_size;
        if (from->out_size) to->datagrams[to->datagram_count++] = from->out_size;
    }
    from->out_size = 0;
}

static void step(struct span *input, struct side *side)
{
    SecHandle *credential = choose_handle(input, side, TRUE), *context = choose_handle(input, side, FALSE);
    uint32_t how = take(input, 1);
    ULONG requirements = take(input, 3), attributes;
    struct shape in, out;
    SecBufferDesc *in_desc = shape_make(&in, input, side), *out_desc = shape_make(&out, input, NULL);
    SecHandle made = { 0, 0 };
    SECURITY_STATUS status;

    if (!side->has_context && context == &side->context) context = NULL;
    if (how & 1)
        status = sspi->AcceptSecurityContext(credential, context, in_desc, requirements, 0, &made, out_desc,
                                             &attributes, NULL);
    else
        status = sspi->InitializeSecurityContextW(credential, context, how & 2 ? NULL : (WCHAR *)L"localhost",
                                                  requirements, 0, 0, in_desc, 0, &made, out_desc,
                                                  &attributes, NULL);
    MUST(status_is_documented(status));
    /* What is new is nobody's but ours. */
    if (!context && made.dwLower && !FAILED(status) &&
        (status == SEC_I_CONTINUE_NEEDED || status == SEC_I_MESSAGE_FRAGMENT))
    {
        MUST(!sspi->DeleteSecurityContext(&made));
        forget(&made);
    }
    shape_end(&out, TRUE);
    shape_end(&in, FALSE);
}

static void message(struct span *input, struct side *side, BOOL encrypt)
{
    SecHandle *handle = choose_handle(input, side, FALSE);
    ULONG qop = take(input, 1) & 1 ? SECQOP_WRAP_OOB_DATA : 0;
    struct shape shape;
    SecBufferDesc *desc = shape_make(&shape, input, encrypt ? NULL : side);

    MUST(status_is_documented(encrypt ? sspi->EncryptMessage(handle, qop, desc, 0)
                                      : sspi->DecryptMessage(handle, desc, 0, &qop)));
    shape_end(&shape, FALSE);
}

/* With all the room that is asked for and not a byte more; what would have to be freed is not looked at: only
 * those attributes are asked for whose answers hold no memory. */
static void query(struct span *input, struct side *side)
{
    static const ULONG attributes[] = {
        SECPKG_ATTR_STREAM_SIZES,         SECPKG_ATTR_CONNECTION_INFO, SECPKG_ATTR_CIPHER_INFO,
        SECPKG_ATTR_SESSION_INFO,         SECPKG_ATTR_DTLS_MTU,        SECPKG_ATTR_FLAGS,
        SECPKG_ATTR_APPLICATION_PROTOCOL, SECPKG_ATTR_LIFESPAN,        SECPKG_ATTR_EAP_KEY_BLOCK
    };
    SecHandle *handle = choose_handle(input, side, FALSE);
    uint32_t which = take(input, 1), room = take(input, 2);
    uint8_t *buffer = calloc(1, room ? room : 1);

    MUST(status_is_documented(
        sspi->QueryContextAttributesExW(handle, attributes[which % ARRAY_SIZE(attributes)], buffer, room)));
    free(buffer);
}

static void set(struct span *input, struct side *side)
{
    static const ULONG attributes[] = { SECPKG_ATTR_DTLS_MTU, SECPKG_ATTR_EARLY_START, SECPKG_ATTR_UI_INFO };
    SecHandle *handle = choose_handle(input, side, FALSE);
    uint32_t which = take(input, 1);
    size_t size;
    uint8_t *value = take_copy(input, take(input, 1), &size);
    SecPkgContext_KeyingMaterialInfo material = { 0 };
    SecPkgContext_SessionAppData data = { 0 };
    SecPkgContext_EapPrfInfo eap = { 0 };
    DWORD number = take(input, 1);

    switch (which % 4)
    {
    case 0:
        material.cbLabel = (WORD)size;
        material.pszLabel = (char *)value;
        material.cbContextValue = (WORD)size;
        material.pbContextValue = which & 4 ? NULL : value;
        material.cbKeyingMaterial = number * 300;
        MUST(status_is_documented(sspi->SetContextAttributesW(handle, SECPKG_ATTR_KEYING_MATERIAL_INFO,
                                                              &material, sizeof(material))));
        break;
    case 1:
        data.cbAppData = (DWORD)size;
        data.pbAppData = value;
        MUST(status_is_documented(
            sspi->SetContextAttributesW(handle, SECPKG_ATTR_APP_DATA, &data, sizeof(data))));
        break;
    case 2:
        eap.cbPrfData = sizeof(number);
        eap.pbPrfData = (BYTE *)&number;
        MUST(status_is_documented(
            sspi->SetContextAttributesW(handle, SECPKG_ATTR_EAP_PRF_INFO, &eap, sizeof(eap))));
        break;
    default:
        MUST(status_is_documented(sspi->SetContextAttributesW(
            handle, attributes[which / 4 % ARRAY_SIZE(attributes)], value, (ULONG)size)));
    }
    free(value);
}

static void order(struct span *input, struct side *side)
{
    SecHandle *handle = choose_handle(input, side, FALSE);
    struct shape shape;
    SecBufferDesc *desc = shape_make(&shape, input, NULL);
    DWORD *words = desc && shape.sizes[0] >= 4 ? (DWORD *)shape.memory[0] : NULL;

    if (words) words[0] %= 5; /* SCHANNEL_SHUTDOWN and its like are small numbers */
    if (words && shape.sizes[0] >= 12) words[1] %= 3, words[2] &= 0x1ff;
    MUST(status_is_documented(sspi->ApplyControlToken(handle, desc)));
    shape_end(&shape, FALSE);
}

static void close_one(unsigned which)
{
    if (!is_open[which]) return;
    if (sides[which].has_context) forget(&sides[which].context);
    forget(&sides[which].credential);
    side_close(&sides[which]);
    is_open[which] = FALSE;
}

/* Gone are the objects, not the handles. */
static void close_half(struct span *input, struct side *side)
{
    SecHandle *handle = choose_handle(input, side, FALSE);

    if (!handle || !side->has_context || handle->dwLower != side->context.dwLower)
    {
        /* A number that was made up may by chance name another side's. */
        if (handle == &side->credential) MUST(sspi->DeleteSecurityContext(handle) == SEC_E_INVALID_HANDLE);
    }
    else
    {
        MUST(!sspi->DeleteSecurityContext(handle));
        MUST(sspi->DeleteSecurityContext(handle) == SEC_E_INVALID_HANDLE);
        forget(handle);
        side->has_context = FALSE;
        side->status = SEC_I_CONTINUE_NEEDED;
        side->in_size = side->out_size = side->datagram_count = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void call(struct span *input)
{
    uint32_t what = take(input, 1);
    unsigned which = what >> 4 & (SIDES_MAX - 1);
    struct side *side = &sides[which], *other = &sides[which ^ 1];

    what &= 15;
    if (!is_open[which]) what = 0;
    switch (what)
    {
    case 0:
        open_side(input, which);
        break;
    case 1:
        close_one(which);
        break;
    case 2:
    case 3:
        if (is_open[which ^ 1]) side_shake(which & 1 ? other : side, which & 1 ? side : other);
        break;
    case 4:
        side_write(side, take(input, 2));
        break;
    case 5:
        if (is_open[which ^ 1]) carry(input, side, other);
        break;
    case 6:
        side_read(side);
        break;
    case 7:
        side_step(side, NULL);
        break;
    case 8:
        step(input, side);
        break;
    case 9:
        message(input, side, TRUE);
        break;
    case 10:
        message(input, side, FALSE);
        break;
    case 11:
        query(input, side);
        break;
    case 12:
        set(input, side);
        break;
    case 13:
        order(input, side);
        break;
    case 14:
        close_half(input, side);
        break;
    default:
        side_query(side);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span input = { bytes, size };
    unsigned calls, i;

    old_count = 0;
    for (calls = 0; input.size && calls < CALLS_MAX; calls++) call(&input);
    for (i = 0; i < SIDES_MAX; i++) close_one(i);
    return 0;
}
