/*
 * Lines for WINEDEBUG, and for SCHANNEL_LOG_LEVEL and SCHANNEL_LOG_PATH.
 *
 * Wine's ntdll exports its debug channels to every PE file; they are looked up by name, so the same file
 * stays silent on Windows, its log file excepted. A line is built whole in one buffer, because lines of
 * several threads meet in one file.
 */
#include "windows_sspi.h"
#include "log.h"
#include "outfile.h"
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
static LONG events;

static unsigned char(CDECL *get_flags)(struct channel *);
static int(CDECL *print_header)(enum log_class, struct channel *, const char *);
static int(CDECL *print)(const char *);

/* --- the user's log ------------------------------------------------------------------------------------- */

enum level
{
    LEVEL_NONE,
    LEVEL_ERROR,
    LEVEL_WARN,
    LEVEL_INFO,
    LEVEL_DEBUG,
};

static const char *const level_names[] = { "none", "error", "warn", "info", "debug" };

/* What Wine calls a FIXME is about a program that asks for something rare; it is no warning to its user. */
static const enum level levels[] = {
    [LOG_FIXME] = LEVEL_INFO,  [LOG_ERR] = LEVEL_ERROR, [LOG_WARN] = LEVEL_WARN,
    [LOG_TRACE] = LEVEL_DEBUG, [LOG_INFO] = LEVEL_INFO,
};

static enum level shown = LEVEL_WARN;
static HANDLE file = INVALID_HANDLE_VALUE;

static void read_level(void)
{
    WCHAR value[OUTFILE_PATH_SIZE];
    unsigned i, c;

    if (!outfile_variable(L"SCHANNEL_LOG_LEVEL", value)) return;
    for (i = 0; i < ARRAY_SIZE(level_names); i++)
    {
        for (c = 0; value[c] && value[c] == (WCHAR)level_names[i][c]; c++)
        {
        }
        if (!value[c] && !level_names[i][c]) shown = i;
    }
}

/* PROGRAM_schannel.log, PROGRAM without its folder and ".exe". */
static BOOL CALLBACK open_file(INIT_ONCE *once, void *parameter, void **result)
{
    WCHAR folder[OUTFILE_PATH_SIZE], program[OUTFILE_PATH_SIZE], leaf[OUTFILE_PATH_SIZE + 16], *name, *dot;
    char text[LOG_WIDE_SIZE];
    DWORD size;

    (void)once;
    (void)parameter;
    (void)result;
    if (!outfile_variable(L"SCHANNEL_LOG_PATH", folder) || !wcscmp(folder, L"none")) return TRUE;
    size = GetModuleFileNameW(NULL, program, ARRAY_SIZE(program));
    if (!size || size >= ARRAY_SIZE(program)) return TRUE;
    name = (name = wcsrchr(program, '\\')) ? name + 1 : program;
    if ((dot = wcsrchr(name, '.'))) *dot = 0;
    wcscat(wcscpy(leaf, name), L"_schannel.log");
    file = outfile_open(folder, leaf);
    if (file == INVALID_HANDLE_VALUE && print)
    {
        char line[LINE_SIZE];

        __mingw_snprintf(line, sizeof(line), "warn:  schannel: no log can be written in %s (%lu)\n",
                         log_wide(text, folder), GetLastError());
        print(line);
    }
    return TRUE;
}

/* To the file, with the time; and to where Wine's own lines go, unless Wine has printed it already. A call is
 * named where single calls are shown. */
static void print_for_user(enum level level, const char *function, const char *text, BOOL printed)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    const char *call = level == LEVEL_DEBUG ? function : "", *gap = level == LEVEL_DEBUG ? " " : "";
    char line[LINE_SIZE + 100];
    SYSTEMTIME now;
    int size;

    InitOnceExecuteOnce(&once, open_file, NULL, NULL);
    if (file != INVALID_HANDLE_VALUE)
    {
        GetLocalTime(&now);
        size = __mingw_snprintf(line, sizeof(line), "%02u:%02u:%02u.%03u %04lx %-5s %.60s%s%s", now.wHour,
                                now.wMinute, now.wSecond, now.wMilliseconds, GetCurrentThreadId(),
                                level_names[level], call, gap, text);
        if (size > 0) outfile_append(file, line, min((size_t)size, sizeof(line) - 1));
    }
    if (printed || !print) return;
    size = __mingw_snprintf(line, sizeof(line), "%s:%*sschannel: %.60s%s%s", level_names[level],
                            6 - (int)strlen(level_names[level]), "", call, gap, text);
    if (size > 0) print(line);
}

/* --- Wine's channels ------------------------------------------------------------------------------------ */

static void find_channels(void)
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

void log_open(void)
{
    read_level();
    find_channels();
}

static bool channel_enabled(struct channel *channel, enum log_class cls)
{
    if (!get_flags || !(channel->flags & 1 << cls)) return false;
    return get_flags(channel) & 1 << cls;
}

/* Wine has no class for information: it is a trace there. */
static enum log_class wine_class(enum log_class cls)
{
    return cls == LOG_INFO ? LOG_TRACE : cls;
}

bool log_enabled(enum log_class cls)
{
    return levels[cls] <= shown || channel_enabled(&ours, wine_class(cls));
}

static bool format_line(char line[LINE_SIZE], const char *format, va_list args)
{
    int size = __mingw_vsnprintf(line, LINE_SIZE, format, args);

    if (size >= LINE_SIZE) line[LINE_SIZE - 2] = '\n';
    return size >= 0;
}

void log_line(enum log_class cls, const char *function, const char *format, ...)
{
    bool wine = channel_enabled(&ours, wine_class(cls));
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    if (format_line(line, format, args))
    {
        if (wine && print_header(wine_class(cls), &ours, function) != -1) print(line);
        if (levels[cls] <= shown) print_for_user(levels[cls], function, line, wine);
    }
    va_end(args);
}

void log_set_events(unsigned wanted)
{
    InterlockedExchange(&events, (LONG)wanted);
}

bool log_event_enabled(unsigned event)
{
    return (unsigned)__atomic_load_n(&events, __ATOMIC_RELAXED) & event &&
           channel_enabled(&event_channel, LOG_ERR);
}

void log_event_line(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    if (format_line(line, format, args) && print_header(LOG_ERR, &event_channel, "event") != -1) print(line);
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
