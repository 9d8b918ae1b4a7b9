/*
 * The shim's connection to the runner: TCP, in which datagrams are framed (packet_adapter.go): 'P', four
 * bytes of size, and a datagram; or 'T' and eight bytes of nanoseconds that are to be taken as past, answered
 * by 't'.
 */
#include "shim.h"

static SOCKET try_address(int family, int port)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((USHORT)port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((USHORT)port) };
    SOCKET sock = socket(family, SOCK_STREAM, 0);
    int failed, on = 1;

    if (sock == INVALID_SOCKET) return sock;
    six.sin6_addr.s6_addr[15] = 1;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET6)
        failed = connect(sock, (struct sockaddr *)&six, sizeof(six));
    else
        failed = connect(sock, (struct sockaddr *)&four, sizeof(four));
    if (!failed)
    {
        setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (char *)&on, sizeof(on));
        return sock;
    }
    closesocket(sock);
    return INVALID_SOCKET;
}

BOOL wire_open(struct wire *wire, const struct orders *orders)
{
    memset(wire, 0, sizeof(*wire));
    wire->datagrams = orders->datagrams;
    wire->stream.chunk = orders->async && !orders->datagrams ? 1 : 0;
    wire->stream.socket = try_address(AF_INET6, orders->port);
    if (wire->stream.socket == INVALID_SOCKET) wire->stream.socket = try_address(AF_INET, orders->port);
    if (wire->stream.socket == INVALID_SOCKET) return FALSE;
    if (orders->shim_id)
    {
        ULONG64 id = strtoull(orders->shim_id, NULL, 10); /* little-endian, as we are */

        return sample_send(&wire->stream, &id, sizeof(id));
    }
    return TRUE;
}

static BOOL receive_all(SOCKET sock, void *data, DWORD size)
{
    char *next = data;

    while (size)
    {
        int came = recv(sock, next, (int)size, 0);

        if (came <= 0) return FALSE;
        next += came;
        size -= (DWORD)came;
    }
    return TRUE;
}

static enum came receive_datagram(struct wire *wire)
{
    struct sample_stream *stream = &wire->stream;
    ULONG64 time;
    ULONG size;
    char kind;

    if (!stream->room)
    {
        stream->received = malloc(65536);
        if (!stream->received) return CAME_END;
        stream->room = 65536;
    }
    stream->size = 0;
    if (!receive_all(stream->socket, &kind, 1)) return CAME_END;
    if (kind == 'T')
    {
        if (!receive_all(stream->socket, &time, sizeof(time))) return CAME_END;
        wire->clock += _byteswap_uint64(time);
        return sample_send(stream, "t", 1) ? CAME_TIMEOUT : CAME_END;
    }
    if (kind != 'P' || !receive_all(stream->socket, &size, sizeof(size))) return CAME_END;
    size = _byteswap_ulong(size);
    if (size > stream->room || !receive_all(stream->socket, stream->received, size)) return CAME_END;
    stream->size = size;
    return CAME_BYTES;
}

enum came wire_receive(struct wire *wire)
{
    if (wire->datagrams) return receive_datagram(wire);
    return sample_receive(&wire->stream) ? CAME_BYTES : CAME_END;
}

BOOL wire_send(struct wire *wire, const void *data, DWORD size)
{
    BYTE head[5] = { 'P', (BYTE)(size >> 24), (BYTE)(size >> 16), (BYTE)(size >> 8), (BYTE)size };

    if (wire->datagrams && !sample_send(&wire->stream, head, sizeof(head))) return FALSE;
    return sample_send(&wire->stream, data, size);
}

void wire_close(struct wire *wire)
{
    sample_close(&wire->stream);
}
