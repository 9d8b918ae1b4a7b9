/*
 * A ClientHello before there is a session: SslGetServerIdentity and SslGetExtensions, and the cookies of
 * DTLS.
 */
#include "common.h"
#include "cookie.h"
#include "hello.h"
#include "session.h"

SECURITY_STATUS WINAPI ssl_get_server_identity(BYTE *hello, DWORD size, BYTE **identity, DWORD *identity_size,
                                               DWORD flags);
SECURITY_STATUS WINAPI ssl_get_extensions(const BYTE *hello, DWORD size, struct client_extension *extensions,
                                          BYTE count, DWORD *to_read, DWORD flags);

static BOOL lies_within(const BYTE *bytes, size_t size, const BYTE *part, size_t part_size)
{
    return !part_size || (part >= bytes && part_size <= size && part <= bytes + size - part_size);
}

static void ask(BYTE *bytes, DWORD size, DWORD flags)
{
    struct client_extension extensions[] = { { 0 }, { 16 }, { 43 }, { 0xffff } };
    DWORD missing = 0, identity_size, i;
    SECURITY_STATUS status;
    BYTE *identity;

    status = ssl_get_server_identity(bytes, size, &identity, &identity_size, 0);
    MUST(status_is_documented(status));
    MUST(lies_within(bytes, size, identity, identity_size));
    status = ssl_get_extensions(bytes, size, extensions, ARRAY_SIZE(extensions), &missing, flags);
    MUST(status_is_documented(status));
    MUST(status != SEC_E_INCOMPLETE_MESSAGE || missing);
    for (i = 0; !status && i < ARRAY_SIZE(extensions); i++)
        MUST(lies_within(bytes, size, extensions[i].data, extensions[i].size));
}

static void take_records(struct span input)
{
    struct span rest = input, record, before;

    while (rest.size)
    {
        before = rest;
        if (record_take(&rest, &record))
        {
            MUST(rest.size == before.size);
            MUST(record_missing(rest));
            break;
        }
        MUST(record.size + rest.size == before.size);
    }
    for (rest = input; datagram_take(&rest, &record);) MUST(record.size >= DATAGRAM_HEADER_SIZE);
}

/* A datagram without a cookie, and again with the one it was given. */
static void ask_for_cookie(struct span datagram)
{
    struct span address = { (const uint8_t *)"somewhere", 9 };
    uint8_t request[COOKIE_REQUEST_SIZE];
    struct cookie cookie;
    size_t size = 0;
    SECURITY_STATUS status = cookie_check(address, datagram, &cookie, request, &size);

    MUST(status_is_documented(status));
    MUST(status != SEC_I_CONTINUE_NEEDED || (size && size <= sizeof(request)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = { data, size };
    DWORD flags = take(&input, 1) & 1;
    uint8_t *bytes = take_copy(&input, input.size, &size);

    ask(bytes, (DWORD)size, flags);
    take_records((struct span){ bytes, size });
    ask_for_cookie((struct span){ bytes, size });
    free(bytes);
    return 0;
}
