/*
 * Lines for WINEDEBUG, on Wine's own terms: channel `schannel` for us, `schannel_tls` for what GnuTLS says.
 * And lines for users, whatever WINEDEBUG says: SCHANNEL_LOG_LEVEL is none, error, warn (the default), info
 * or debug; SCHANNEL_LOG_PATH a folder where PROGRAM_schannel.log gets them, too. On Windows, which has no
 * such channels, there is that file only. Keys, plaintext and session data are never logged; sizes are.
 */
#ifndef SCHANNEL_LOG_H
#define SCHANNEL_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_class /* the order of Wine's debug classes */
{
    LOG_FIXME,
    LOG_ERR,
    LOG_WARN,
    LOG_TRACE,
    LOG_INFO, /* ours: what users ask first; a trace to Wine */
};

/* Finds ntdll's channel functions and reads the level; called once, from DllMain. */
void log_open(void);

bool log_enabled(enum log_class cls);

/* One line, cut to what ntdll takes (a line of 1,020 characters ends the process). */
void log_line(enum log_class cls, const char *function, const char *format, ...)
    __attribute__((format(gnu_printf, 3, 4)));

/* The same for channel schannel_tls: GnuTLS brings whole lines of its own. */
bool log_tls_enabled(void);
void log_tls_line(const char *line);

/* What Windows writes to the event log, as the registry's EventLogging wants it (Microsoft: "TLS registry
 * settings" before Windows 10): on channel schannel_event, which is on unless WINEDEBUG says otherwise. */
#define LOG_EVENT_ERROR   1 /* a handshake failed */
#define LOG_EVENT_WARNING 2 /* something weak was agreed on */
#define LOG_EVENT_SUCCESS 4 /* a handshake was made */
void log_set_events(unsigned events);
bool log_event_enabled(unsigned event);
void log_event_line(const char *format, ...) __attribute__((format(gnu_printf, 1, 2)));

#define EVENT(event, ...)                                                                                    \
    do                                                                                                       \
    {                                                                                                        \
        if (log_event_enabled(event)) log_event_line(__VA_ARGS__);                                           \
    } while (0)

/* A wide string in quotes for one log line, in the caller's buffer; NULL is (null). */
#define LOG_WIDE_SIZE 260
const char *log_wide(char text[LOG_WIDE_SIZE], const void *wide);

#define LOG_(cls, ...)                                                                                       \
    do                                                                                                       \
    {                                                                                                        \
        if (log_enabled(cls)) log_line(cls, __func__, __VA_ARGS__);                                          \
    } while (0)
#define INFO(...)  LOG_(LOG_INFO, __VA_ARGS__)
#define TRACE(...) LOG_(LOG_TRACE, __VA_ARGS__)
#define WARN(...)  LOG_(LOG_WARN, __VA_ARGS__)
#define ERR(...)   LOG_(LOG_ERR, __VA_ARGS__)
#define FIXME(...) LOG_(LOG_FIXME, __VA_ARGS__)

#endif
