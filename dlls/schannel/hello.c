/*
 * A ClientHello as it came over the wire, before there is any session (RFC 8446, 4.1.2).
 *
 * The message is read from a copy without record headers; what is found is looked up again in the caller's
 * bytes, because pointers into those are what a caller gets.
 */
#include "hello.h"

#define RECORD_HANDSHAKE 22
#define CLIENT_HELLO     1
#define HELLO_MAX        0x20000 /* bytes; no client says more */

/* One record's part of the message off the front. */
static SECURITY_STATUS take_part(struct span *input, struct span *part, size_t *missing)
{
    uint32_t type = 0, version = 0, size = 0;

    *missing = input->size < 5 ? 5 - input->size : 0;
    if (*missing) return SEC_E_INCOMPLETE_MESSAGE;
    span_take_number(input, 1, &type);
    span_take_number(input, 2, &version);
    span_take_number(input, 2, &size);
    if (type != RECORD_HANDSHAKE || version >> 8 != 3 || !size) return SEC_E_INVALID_TOKEN;
    if (span_take(input, size, part)) return SEC_E_OK;
    *missing = size - input->size;
    return SEC_E_INCOMPLETE_MESSAGE;
}

/* The whole message's size once its header is there; 0: not yet, or it is none. */
static size_t message_size(const uint8_t *message, size_t size)
{
    return size < 4 ? 0 : 4 + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
}

/* Puts the message together in `message`, which has room for all input. */
static SECURITY_STATUS gather(struct span input, uint8_t *message, size_t *size, size_t *missing)
{
    SECURITY_STATUS status;
    struct span part;

    *size = 0;
    for (;;)
    {
        size_t whole = message_size(message, *size);

        if (*size && message[0] != CLIENT_HELLO) return SEC_E_INVALID_TOKEN;
        if (whole > HELLO_MAX) return SEC_E_INVALID_TOKEN;
        if (whole && *size >= whole)
        {
            *size = whole;
            return SEC_E_OK;
        }
        if ((status = take_part(&input, &part, missing))) return status;
        memcpy(message + *size, part.data, part.size);
        *size += part.size;
    }
}

static SECURITY_STATUS copy(struct span input, uint8_t *message, size_t *size, size_t *missing)
{
    size_t whole = message_size(input.data, input.size);

    if (input.size && input.data[0] != CLIENT_HELLO) return SEC_E_INVALID_TOKEN;
    if (whole > HELLO_MAX) return SEC_E_INVALID_TOKEN;
    if (!whole || input.size < whole)
    {
        *missing = whole ? whole - input.size : 4 - input.size;
        return SEC_E_INCOMPLETE_MESSAGE;
    }
    memcpy(message, input.data, whole);
    *size = whole;
    return SEC_E_OK;
}

/* The extensions of a whole message; without any, an empty span. */
static BOOL find_extensions(struct span message, struct span *extensions)
{
    struct span field;

    memset(extensions, 0, sizeof(*extensions));
    if (!span_take(&message, 4 + 2 + 32, &field)) return FALSE; /* header, version, random */
    if (!span_take_vector(&message, 1, &field)) return FALSE;   /* session id */
    if (!span_take_vector(&message, 2, &field)) return FALSE;   /* suites */
    if (!span_take_vector(&message, 1, &field)) return FALSE;   /* compression */
    return !message.size || span_take_vector(&message, 2, extensions);
}

SECURITY_STATUS hello_open(struct span input, BOOL records, struct hello *hello, size_t *missing)
{
    struct span message, extensions;
    SECURITY_STATUS status;
    uint8_t *bytes;
    size_t size = 0;

    memset(hello, 0, sizeof(*hello));
    *missing = 0;
    if (!(bytes = malloc(input.size ? input.size : 1))) return SEC_E_INSUFFICIENT_MEMORY;
    status = records ? gather(input, bytes, &size, missing) : copy(input, bytes, &size, missing);
    message.data = bytes;
    message.size = size;
    if (!status && !find_extensions(message, &extensions)) status = SEC_E_INVALID_TOKEN;
    if (status)
    {
        free(bytes);
        return status;
    }
    hello->input = input;
    hello->records = records;
    hello->offset = extensions.size ? (size_t)(extensions.data - bytes) : 0;
    hello->size = extensions.size;
    memmove(bytes, bytes + hello->offset, hello->size);
    hello->extensions = bytes;
    return SEC_E_OK;
}

void hello_close(struct hello *hello)
{
    free(hello->extensions);
}

/* Where bytes of the message lie in the caller's; FALSE: in more than one place. */
static BOOL locate(const struct hello *hello, size_t offset, size_t size, struct span *place)
{
    struct span input = hello->input, part;
    size_t missing;

    if (!hello->records)
    {
        place->data = input.data + offset;
        place->size = size;
        return TRUE;
    }
    while (!take_part(&input, &part, &missing))
    {
        if (offset + (size != 0) <= part.size) /* nothing may lie behind the last byte */
        {
            place->data = part.data + offset;
            place->size = size;
            return size <= part.size - offset;
        }
        offset -= part.size;
    }
    return FALSE;
}

/* The extension in our copy; the lists in it are read there. */
static BOOL find(const struct hello *hello, uint32_t type, struct span *data)
{
    struct span rest = { hello->extensions, hello->size };
    uint32_t found;

    while (span_take_number(&rest, 2, &found) && span_take_vector(&rest, 2, data))
        if (found == type) return TRUE;
    return FALSE;
}

static size_t offset_of(const struct hello *hello, struct span data)
{
    return hello->offset + (size_t)(data.data - hello->extensions);
}

BOOL hello_extension(const struct hello *hello, uint32_t type, struct span *data)
{
    struct span found;

    return find(hello, type, &found) && locate(hello, offset_of(hello, found), found.size, data);
}

BOOL hello_server_name(const struct hello *hello, struct span *name)
{
    struct span extension, list, found;
    uint32_t type;

    if (!find(hello, EXTENSION_SERVER_NAME, &extension) || !span_take_vector(&extension, 2, &list))
        return FALSE;
    while (span_take_number(&list, 1, &type) && span_take_vector(&list, 2, &found))
        if (!type && found.size) return locate(hello, offset_of(hello, found), found.size, name);
    return FALSE;
}
