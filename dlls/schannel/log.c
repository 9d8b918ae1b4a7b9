/*
 * Lines for WINEDEBUG.
 *
 * Wine's ntdll exports its debug channels to every PE file; they are looked up by name, so the same file
 * stays silent on Windows. A line is built whole in one buffer, because lines of several threads meet in one
 * file.
 */
#include "windows_sspi.h"
#include "log.h"
#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 900 /* ntdll's limit is 1,020, its own prefix included */

struct channel
{
    unsigned char flags; /* one bit a class; bit 7: ask ntdll */
    char name[15];
};

static struct channel ours = { 0xff, "schannel" };
static struct channel gnutls = { 0xff, "schannel_tls" };
static struct channel event_channel = { 0xff, "schannel_event" };
static volatile LONG events;

static unsigned char(CDECL *get_flags)(struct channel *);
static int(CDECL *print_header)(enum log_class, struct channel *, const char *);
static int(CDECL *print)(const char *);

void log_open(void)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    void *flags = (void *)GetProcAddress(ntdll, "__wine_dbg_get_channel_flags");
    void *header = (void *)GetProcAddress(ntdll, "__wine_dbg_header");
    void *output = (void *)GetProcAddress(ntdll, "__wine_dbg_output");

    if (!flags || !header || !output) return;
    print_header = header;
    print = output;
    get_flags = flags;
}

static bool channel_enabled(struct channel *channel, enum log_class cls)
{
    if (!get_flags || !(channel->flags & 1 << cls)) return false;
    return get_flags(channel) & 1 << cls;
}

bool log_enabled(enum log_class cls)
{
    return channel_enabled(&ours, cls);
}

static void print_line(struct channel *channel, enum log_class cls, const char *function, const char *format,
                       va_list args)
{
    char line[LINE_SIZE];
    int size = __mingw_vsnprintf(line, sizeof(line), format, args);

    if (size < 0) return;
    if ((size_t)size >= sizeof(line)) line[sizeof(line) - 2] = '\n';
    if (print_header(cls, channel, function) != -1) print(line);
}

void log_line(enum log_class cls, const char *function, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(&ours, cls, function, format, args);
    va_end(args);
}

void log_set_events(unsigned wanted)
{
    InterlockedExchange(&events, (LONG)wanted);
}

bool log_event_enabled(unsigned event)
{
    return (unsigned)events & event && channel_enabled(&event_channel, LOG_ERR);
}

void log_event_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(&event_channel, LOG_ERR, "event", format, args);
    va_end(args);
}

bool log_tls_enabled(void)
{
    return channel_enabled(&gnutls, LOG_TRACE);
}

void log_tls_line(const char *text)
{
    char line[LINE_SIZE];
    int size = __mingw_snprintf(line, sizeof(line), "%s", text);

    if (size < 0 || !log_tls_enabled()) return;
    if ((size_t)size >= sizeof(line)) line[sizeof(line) - 2] = '\n';
    if (print_header(LOG_TRACE, &gnutls, "gnutls") != -1) print(line);
}

const char *log_wide(char text[LOG_WIDE_SIZE], const void *wide)
{
    const WCHAR *source = wide;
    char *end = text, *last = text + LOG_WIDE_SIZE - sizeof("\\xffff...\"");

    if (!source) return "(null)";
    *end++ = '"';
    while (*source && end < last)
    {
        WCHAR c = *source++;
        if (c >= ' ' && c < 0x7f && c != '"')
            *end++ = (char)c;
        else
            end += __mingw_sprintf(end, "\\x%04x", c);
    }
    __mingw_sprintf(end, *source ? "...\"" : "\"");
    return text;
}
