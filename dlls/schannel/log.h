/*
 * Lines for WINEDEBUG, on Wine's own terms: channel `schannel` for us, `schannel_tls` for what GnuTLS says.
 * On Windows, which has no such channels, everything here is silent. Keys, plaintext and session data are
 * never logged; sizes are.
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
};

/* Finds ntdll's channel functions; called once, from DllMain. */
void log_open(void);

bool log_enabled(enum log_class cls);

/* One line, cut to what ntdll takes (a line of 1,020 characters ends the process). */
void log_line(enum log_class cls, const char *function, const char *format, ...)
    __attribute__((format(gnu_printf, 3, 4)));

/* The same for channel schannel_tls: GnuTLS brings whole lines of its own. */
bool log_tls_enabled(void);
void log_tls_line(const char *line);

/* A wide string in quotes for one log line, in the caller's buffer; NULL is (null). */
#define LOG_WIDE_SIZE 260
const char *log_wide(char text[LOG_WIDE_SIZE], const void *wide);

#define LOG_(cls, ...)                                                                                       \
    do                                                                                                       \
    {                                                                                                        \
        if (log_enabled(cls)) log_line(cls, __func__, __VA_ARGS__);                                          \
    } while (0)
#define TRACE(...) LOG_(LOG_TRACE, __VA_ARGS__)
#define WARN(...)  LOG_(LOG_WARN, __VA_ARGS__)
#define ERR(...)   LOG_(LOG_ERR, __VA_ARGS__)
#define FIXME(...) LOG_(LOG_FIXME, __VA_ARGS__)

#endif
