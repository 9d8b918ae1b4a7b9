/*
 * What is said before TLS begins, in eight protocols.
 *
 * Whatever a server says behind its last answer in the clear could have been put there by somebody else, and
 * would be taken for something said under TLS: then there is no TLS.
 */
#include "client.h"

#define ANSWER_MAX 65536 /* bytes a server may say before TLS */

/* Reads until `done` says so; FALSE at the end of the connection, or when it says too much. */
static BOOL read_until(struct sample_stream *stream,
                       BOOL (*done)(const char *text, DWORD size, const char *wanted), const char *wanted)
{
    while (!done((char *)stream->received, stream->size, wanted))
        if (stream->size > ANSWER_MAX || !sample_receive(stream)) return FALSE;
    return TRUE;
}

static BOOL say(struct sample_stream *stream, const void *data, size_t size)
{
    stream->size = 0;
    return sample_send(stream, data, size);
}

/* --- protocols of lines --------------------------------------------------------------------------------- */

/* Where the line that begins there ends, behind its end of line; NULL: not yet. */
static const char *line_end(const char *line, const char *end)
{
    const char *at = memchr(line, '\n', (size_t)(end - line));

    return at ? at + 1 : NULL;
}

/* An answer of numbers: "250-" goes on, "250 " is the last line (RFC 5321, 4.2.1; RFC 959, 4.2). */
static BOOL numbered(const char *text, DWORD size, const char *wanted)
{
    const char *line = text, *end = text + size, *next;

    (void)wanted;
    for (; size && (next = line_end(line, end)); line = next)
        if (next - line > 4 && line[0] >= '1' && line[0] <= '5' && line[3] != '-') return TRUE;
    return FALSE;
}

/* One line that begins with the word, or with the word that means no. */
static BOOL tagged(const char *text, DWORD size, const char *wanted)
{
    const char *line = text, *end = text + size, *next;

    for (; size && (next = line_end(line, end)); line = next)
        if (*wanted == '*' || *wanted == '+' || !strncmp(line, "a ", 2)) return TRUE;
    return FALSE;
}

/* XMPP's elements come without lines (RFC 6120, 5.4). */
static BOOL element(const char *text, DWORD size, const char *wanted)
{
    size_t length = strlen(wanted);
    DWORD i;

    for (i = 0; i + length <= size; i++)
        if (!memcmp(text + i, wanted, length)) return memchr(text + i, '>', size - i) != NULL;
    return size > 16 && !memcmp(text + size - 16, "</stream:stream>", 16);
}

/* The word stands at the beginning of a line; for XMPP, anywhere. */
static BOOL holds(const struct sample_stream *stream, const char *wanted, BOOL anywhere)
{
    const char *text = (char *)stream->received;
    size_t length = strlen(wanted);
    DWORD i;

    for (i = 0; i + length <= stream->size; i++)
        if ((anywhere || !i || text[i - 1] == '\n') && !memcmp(text + i, wanted, length)) return TRUE;
    return FALSE;
}

struct turn
{
    const char *say;    /* NULL: the server begins; %s is the host */
    const char *answer; /* what it has to say */
};

static const struct dialogue
{
    const WCHAR *name;
    BOOL (*complete)(const char *text, DWORD size, const char *wanted);
    BOOL anywhere;
    struct turn turns[3];
} dialogues[] = {
    { L"smtp",
      numbered,
      FALSE,
      { { NULL, "220" }, { "EHLO sspi-client\r\n", "250" }, { "STARTTLS\r\n", "220 " } } },
    { L"imap", tagged, FALSE, { { NULL, "* OK" }, { "a STARTTLS\r\n", "a OK" } } },
    { L"pop3", tagged, FALSE, { { NULL, "+OK" }, { "STLS\r\n", "+OK" } } },
    { L"ftp", numbered, FALSE, { { NULL, "220" }, { "AUTH TLS\r\n", "234" } } },
    { L"xmpp",
      element,
      TRUE,
      { { "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' "
          "version='1.0'>",
          "</stream:features" },
        { "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed" } } },
};

/* The last answer has to be all that has come. */
static BOOL nothing_behind(const struct sample_stream *stream, const struct dialogue *dialogue)
{
    const char *line = (char *)stream->received, *end = line + stream->size, *next;

    if (dialogue->anywhere) return memchr(line, '>', stream->size) == end - 1;
    while ((next = line_end(line, end)))
    {
        BOOL goes_on = dialogue->complete == numbered ? next - line > 4 && line[3] == '-' : *line == '*';

        if (!goes_on) return next == end;
        line = next;
    }
    return FALSE;
}

static BOOL talk(struct sample_stream *stream, const struct dialogue *dialogue, const WCHAR *host)
{
    char text[1024];
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(dialogue->turns) && dialogue->turns[i].answer; i++)
    {
        const struct turn *turn = &dialogue->turns[i];

        if (turn->say)
        {
            char name[512];
            int size = WideCharToMultiByte(CP_UTF8, 0, host, -1, name, sizeof(name), NULL, NULL);

            if (!size || snprintf(text, sizeof(text), turn->say, name) >= (int)sizeof(text)) return FALSE;
            if (!say(stream, text, strlen(text))) return FALSE;
        }
        if (!read_until(stream, dialogue->complete, turn->answer) ||
            !holds(stream, turn->answer, dialogue->anywhere))
            return FALSE;
    }
    return nothing_behind(stream, dialogue);
}

/* --- protocols of bytes --------------------------------------------------------------------------------- */

static BOOL read_bytes(struct sample_stream *stream, DWORD size)
{
    while (stream->size < size)
        if (!sample_receive(stream)) return FALSE;
    return TRUE;
}

/* The length of a BER value: how many bytes say it, and it. FALSE: not in one to four bytes. */
static BOOL ber_length(const BYTE *at, DWORD *bytes, DWORD *length)
{
    DWORD i;

    *bytes = 1;
    *length = at[0];
    if (at[0] < 0x80) return TRUE;
    *bytes += at[0] & 0x7f;
    for (*length = 0, i = 1; i < *bytes && i < 5; i++) *length = *length << 8 | at[i];
    return *bytes > 1 && *bytes <= 5;
}

/* An ExtendedRequest of StartTLS, message 1 (RFC 4511, 4.14); in the answer resultCode follows protocolOp and
 * is ENUMERATED 0. */
static BOOL talk_ldap(struct sample_stream *stream)
{
    static const BYTE request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                  "1.3.6.1.4.1.1466.20037";
    static const BYTE message[] = { 0x02, 1, 1, 0x78 }, good[] = { 0x0a, 1, 0 };
    DWORD bytes, size;
    const BYTE *at;

    if (!say(stream, request, sizeof(request) - 1) || !read_bytes(stream, 6)) return FALSE;
    if (stream->received[0] != 0x30 || !ber_length(stream->received + 1, &bytes, &size)) return FALSE;
    if (size < 14 - 2 || size > ANSWER_MAX || !read_bytes(stream, 1 + bytes + size)) return FALSE;
    if (stream->size != 1 + bytes + size) return FALSE;
    at = stream->received + 1 + bytes;
    if (memcmp(at, message, sizeof(message)) || !ber_length(at + sizeof(message), &bytes, &size))
        return FALSE;
    at += sizeof(message) + bytes;
    return at + sizeof(good) <= stream->received + stream->size && !memcmp(at, good, sizeof(good));
}

/* SSLRequest; the answer is S or N (PostgreSQL: "Message Flow", SSL Session Encryption). */
static BOOL talk_postgres(struct sample_stream *stream)
{
    static const BYTE request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };

    return say(stream, request, sizeof(request)) && read_bytes(stream, 1) && stream->received[0] == 'S' &&
           stream->size == 1;
}

/* The server's greeting says in its capabilities, behind its version and the first part of a challenge,
 * whether it has TLS; SSLRequest is the beginning of an answer (MySQL: "Protocol::HandshakeV10",
 * "Protocol::SSLRequest"). */
static BOOL talk_mysql(struct sample_stream *stream)
{
    static const BYTE request[36] = { 32, 0, 0, 1, 0x05, 0xae, 0x03, 0x00, 0, 0, 0, 1, 33 };
    const BYTE *end, *version;
    DWORD size;

    if (!read_bytes(stream, 4)) return FALSE;
    size = stream->received[0] | stream->received[1] << 8 | stream->received[2] << 16;
    if (size < 20 || size > ANSWER_MAX || !read_bytes(stream, 4 + size) || stream->size != 4 + size)
        return FALSE;
    end = stream->received + 4 + size;
    if (stream->received[4] != 10 || !(version = memchr(stream->received + 5, 0, size - 1))) return FALSE;
    if (end - version < 1 + 4 + 8 + 1 + 2 || !(version[1 + 4 + 8 + 1 + 1] & 0x08))
        return FALSE; /* CLIENT_SSL */
    return say(stream, request, sizeof(request));
}

static const struct
{
    const WCHAR *name;
    BOOL (*talk)(struct sample_stream *stream);
} others[] = { { L"ldap", talk_ldap }, { L"postgres", talk_postgres }, { L"mysql", talk_mysql } };

/* --- all of them ---------------------------------------------------------------------------------------- */

BOOL starttls_known(const WCHAR *protocol)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(dialogues); i++)
        if (!wcscmp(protocol, dialogues[i].name)) return TRUE;
    for (i = 0; i < ARRAY_SIZE(others); i++)
        if (!wcscmp(protocol, others[i].name)) return TRUE;
    fprintf(stderr, "-starttls %ls: smtp, imap, pop3, ftp, xmpp, ldap, postgres or mysql\n", protocol);
    return FALSE;
}

BOOL starttls(struct sample_stream *stream, const WCHAR *protocol, const WCHAR *host)
{
    BOOL good = FALSE;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(dialogues); i++)
        if (!wcscmp(protocol, dialogues[i].name)) good = talk(stream, &dialogues[i], host);
    for (i = 0; i < ARRAY_SIZE(others); i++)
        if (!wcscmp(protocol, others[i].name)) good = others[i].talk(stream);
    stream->size = 0;
    if (!good) fprintf(stderr, "the server does not begin TLS by %ls\n", protocol);
    return good;
}
