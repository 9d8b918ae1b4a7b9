/*
 * sspi-client's options: one table, from which they are read and from which the help is printed.
 */
#include "client.h"

#define CLIENT_PROTOCOLS 0xaaaaaaaau /* of the SP_PROT_* bits */

struct options options;

static BOOL parse_protocols(const WCHAR *list)
{
    return (options.protocols = sample_protocols(list) & CLIENT_PROTOCOLS) != 0;
}

static BOOL parse_alpn(const WCHAR *list)
{
    return sample_alpn(list, &options.alpn);
}

static BOOL parse_ciphers(const WCHAR *list)
{
    size_t length;

    for (options.ciphers = list; *list; list += length + !!list[length])
        if (!suite_named(list, length = wcscspn(list, L",:"))) return FALSE;
    return *options.ciphers;
}

static BOOL parse_psk(const WCHAR *text)
{
    return options.with_psk = sample_psk(text, &options.psk);
}

static BOOL parse_line(const WCHAR *text)
{
    if (options.line_count == LINES_MAX) return FALSE;
    options.lines[options.line_count++] = text;
    return TRUE;
}

struct option
{
    const char *name, *argument, *help; /* without help: another spelling of the row above */
    BOOL *flag;
    const WCHAR **text;
    DWORD *number;
    DWORD protocol;                    /* is added to -protocols */
    BOOL (*parse)(const WCHAR *value); /* FALSE: it makes no sense */
};

#define SECTION(title)                                                                                       \
    {                                                                                                        \
        NULL, NULL, title, NULL, NULL, NULL, 0, NULL                                                         \
    }
#define FLAG(name, member, help)                                                                             \
    {                                                                                                        \
        name, NULL, help, &options.member, NULL, NULL, 0, NULL                                               \
    }
#define TEXT_(name, argument, member, help)                                                                  \
    {                                                                                                        \
        name, argument, help, NULL, &options.member, NULL, 0, NULL                                           \
    }
#define NUMBER(name, argument, member, help)                                                                 \
    {                                                                                                        \
        name, argument, help, NULL, NULL, &options.member, 0, NULL                                           \
    }
#define PROTOCOL(name, bits, help)                                                                           \
    {                                                                                                        \
        name, NULL, help, NULL, NULL, NULL, bits, NULL                                                       \
    }
#define PARSED(name, argument, function, help)                                                               \
    {                                                                                                        \
        name, argument, help, NULL, NULL, NULL, 0, function                                                  \
    }

/* clang-format off */
static const struct option table[] = {
    SECTION("Where to"),
    TEXT_("connect", "HOST:PORT", connect, "no HTTP: what is typed goes there, what comes back is shown"),
    TEXT_("starttls", "PROTOCOL", starttls, "with -connect: begin in the clear, with smtp, imap, pop3, ftp,\nxmpp, ldap, postgres or mysql"),
    FLAG("dtls", datagrams, "with -connect: over UDP; each line is a datagram"),
    TEXT_("servername", "NAME", name, "what is asked for, and what the certificate has to be for\n(default: HOST)"),
    TEXT_("name", "NAME", name, NULL),
    PARSED("send", "TEXT", parse_line, "send this line, and no request, and show the answer; up to four,\none by one"),
    SECTION("What to speak"),
    PROTOCOL("tls1", SP_PROT_TLS1_0_CLIENT, "only TLS 1.0; several of these may be given"),
    PROTOCOL("tls1_1", SP_PROT_TLS1_1_CLIENT, "only TLS 1.1"),
    PROTOCOL("tls1_2", SP_PROT_TLS1_2_CLIENT, "only TLS 1.2"),
    PROTOCOL("tls1_3", SP_PROT_TLS1_3_CLIENT, "only TLS 1.3"),
    PARSED("protocols", "LIST", parse_protocols, "the same as a list: ssl3,tls1.0,tls1.1,tls1.2,tls1.3,dtls1.0,\ndtls1.2 (default: what the system enables)"),
    PARSED("ciphers", "LIST", parse_ciphers, "offer only what these suites are made of, by the names of IANA,\nsuch as TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"),
    PARSED("alpn", "LIST", parse_alpn, "application protocols to offer, such as h2,http/1.1"),
    FLAG("weak", weak, "use weak suites, too, where the registry names them, and no\nencryption"),
    FLAG("legacy", legacy, "ask with SCHANNEL_CRED, as programs before Windows 10 do\n(no TLS 1.3)"),
    FLAG("direct", direct, "load schannel.dll itself instead of going through secur32"),
    SECTION("Certificates"),
    TEXT_("cert", "FILE.pfx", certificate, "ours, for servers that ask for one"),
    TEXT_("password", "TEXT", password, "of that file"),
    PARSED("psk", "NAME:HEX", parse_psk, "use this pre-shared key, and no certificates"),
    FLAG("insecure", insecure, "accept any certificate of the server"),
    FLAG("status", revocation, "ask whether it was revoked: by the server's stapled answer, or\nthe authority's list; without an answer it is refused"),
    FLAG("showcerts", show_certificates, "print the server's certificates as PEM"),
    SECTION("What to show"),
    TEXT_("output", "FILE", output, "write the answer's body there (-: the screen)"),
    FLAG("progress", progress, "how far it is, while it comes"),
    FLAG("brief", brief, "three lines about the connection"),
    FLAG("quiet", quiet, "one line, for scripts"),
    FLAG("json", json, "everything, for programs"),
    TEXT_("keylog", "FILE", keylog, "write the connection's keys there, for Wireshark"),
    SECTION("More than one connection"),
    FLAG("reconnect", reconnect, "do it a second time, over a connection that may resume the first"),
    NUMBER("bench", "SECONDS", bench, "count new and resumed connections for so long each"),
    NUMBER("chunk", "BYTES", chunk, "receive no more than that at once"),
    SECTION("Without a connection"),
    FLAG("probe", probe, "which schannel.dll is loaded, and what is enabled"),
    FLAG("version", version, "this program's version"),
    FLAG("help", help, "this text"),
};
/* clang-format on */

/* In two columns; a help of several lines stays in the second. */
static void print_option(FILE *file, const struct option *option)
{
    const char *line = option->help;
    char left[32];

    snprintf(left, sizeof(left), "-%s %s", option->name, option->argument ? option->argument : "");
    fprintf(file, "  %-22s ", left);
    while (*line)
    {
        int size = (int)strcspn(line, "\n");

        fprintf(file, "%.*s", size, line);
        line += size;
        if (*line) fprintf(file, "\n%*s", 25, ""), line++;
    }
    fputc('\n', file);
}

void options_help(FILE *file)
{
    unsigned i;

    fputs("sspi-client speaks TLS as any Windows program does, through SSPI, and says what was agreed on.\n"
          "\n"
          "usage: sspi-client [options] https://HOST[:PORT][/PATH]     fetches it\n"
          "       sspi-client [options] -connect HOST[:PORT]           connects input and output with it\n"
          "\n"
          "Options begin with one dash or two.\n",
          file);
    for (i = 0; i < ARRAY_SIZE(table); i++)
    {
        if (!table[i].name)
            fprintf(file, "\n%s:\n", table[i].help);
        else if (table[i].help)
            print_option(file, &table[i]);
    }
    fputs("\n"
          "It ends with 0 when all went well, 2: these options make no sense, 3: nobody there, or no "
          "-starttls,\n"
          "4: the handshake failed, 5: the certificate was refused, 6: the connection was cut off, 1: "
          "anything else.\n"
          "\n"
          "  sspi-client https://example.org/                          what a program of this prefix gets\n"
          "  sspi-client -tls1_3 -brief -connect example.org:443       can it do TLS 1.3?\n"
          "  sspi-client -starttls smtp -connect mail.example.org:25   a mail server's certificate\n",
          file);
}

static BOOL is_option(const WCHAR *argument, const char *name)
{
    argument += argument[0] == '-' && argument[1] == '-' ? 2 : 1;
    while (*name && *argument == (WCHAR)*name) argument++, name++;
    return !*name && !*argument;
}

static const struct option *find_option(const WCHAR *argument)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].name && is_option(argument, table[i].name)) return &table[i];
    return NULL;
}

static BOOL apply(const struct option *option, const WCHAR *value)
{
    WCHAR *end;

    if (option->flag) *option->flag = TRUE;
    if (option->text) *option->text = value;
    options.protocols |= option->protocol;
    if (option->parse) return option->parse(value);
    if (!option->number) return TRUE;
    *option->number = wcstoul(value, &end, 10);
    return !*end && *option->number;
}

/* Cuts HOST[:PORT] where it lies; an IPv6 address stands in brackets. */
static BOOL cut_host(WCHAR *text, const WCHAR *port)
{
    WCHAR *colon = wcschr(text, ':');

    options.host = text;
    options.port = port;
    if (*text == '[' && (colon = wcschr(text, ']')))
    {
        options.host = text + 1;
        *colon++ = 0;
    }
    if (colon && *colon == ':')
    {
        *colon = 0;
        options.port = colon + 1;
    }
    return *options.host && *options.port;
}

static BOOL cut_url(const WCHAR *url)
{
    WCHAR *text, *slash;

    if (wcsncmp(url, L"https://", 8) || !(text = wcsdup(url + 8))) return FALSE;
    options.path = L"/";
    if ((slash = wcschr(text, '/')))
    {
        options.path = wcsdup(slash);
        *slash = 0;
    }
    return options.path && cut_host(text, L"443");
}

static BOOL complain(const char *about, const WCHAR *what)
{
    fprintf(stderr, "sspi-client: %s%ls; -help says more\n", about, what);
    return FALSE;
}

/* What belongs together. */
static BOOL check(void)
{
    if (options.probe || options.version || options.help) return TRUE;
    if (options.url && options.connect) return complain("a URL and -connect exclude each other", L"");
    if (options.url && (options.starttls || options.datagrams))
        return complain("-starttls and -dtls want -connect", L"");
    if (options.url && !cut_url(options.url)) return complain("no https:// URL: ", options.url);
    if (options.connect && !cut_host(wcsdup(options.connect), L"443"))
        return complain("no HOST:PORT: ", options.connect);
    if (!options.host) return complain("where to", L"?");
    if (options.starttls && !starttls_known(options.starttls)) return FALSE;
    if (options.legacy && options.ciphers)
        return complain("-ciphers wants SCH_CREDENTIALS, so not -legacy", L"");
    if (options.insecure && options.revocation)
        return complain("-status looks at a certificate, -insecure at none", L"");
    if (options.starttls && options.datagrams) return complain("-starttls goes with TCP only", L"");
    if (options.line_count && (options.datagrams || options.bench))
        return complain("-send goes neither with -dtls nor with -bench", L"");
    if (!options.name) options.name = options.host;
    return TRUE;
}

BOOL options_parse(int argc, WCHAR **argv)
{
    const struct option *option;
    int i;

    for (i = 1; i < argc; i++)
    {
        if (argv[i][0] != '-')
        {
            if (options.url) return complain("one URL too many: ", argv[i]);
            options.url = argv[i];
            continue;
        }
        if (!(option = find_option(argv[i]))) return complain("no such option: ", argv[i]);
        if (option->argument && i + 1 == argc) return complain("a value is missing: ", argv[i]);
        if (!apply(option, option->argument ? argv[++i] : NULL))
            return complain("a value makes no sense: ", argv[i]);
    }
    return check();
}
