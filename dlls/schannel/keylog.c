/*
 * GnuTLS has a writer of its own, with fopen: it knows no Unix path here, and stays silent when the file
 * cannot be opened.
 */
#include "keylog.h"
#include "log.h"
#include "outfile.h"
#include <stdio.h>

#define LINE_SIZE 512 /* bytes: two secrets of 64 bytes at most, in hex, and the longest label */

static HANDLE file = INVALID_HANDLE_VALUE;

static BOOL CALLBACK open_file(INIT_ONCE *once, void *parameter, void **result)
{
    WCHAR path[OUTFILE_PATH_SIZE];
    char text[LOG_WIDE_SIZE];

    (void)once;
    (void)parameter;
    (void)result;
    if (!outfile_variable(L"SSLKEYLOGFILE", path)) return TRUE;
    file = outfile_open(path, NULL);
    if (file == INVALID_HANDLE_VALUE)
        WARN("SSLKEYLOGFILE: %s cannot be written (%lu)\n", log_wide(text, path), GetLastError());
    else
        WARN("SSLKEYLOGFILE is set: whoever can read %s can read all connections\n", log_wide(text, path));
    return TRUE;
}

BOOL keylog_enabled(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    InitOnceExecuteOnce(&once, open_file, NULL, NULL);
    return file != INVALID_HANDLE_VALUE;
}

static char *put_hex(char *to, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    *to++ = ' ';
    for (i = 0; i < bytes.size; i++)
    {
        *to++ = digits[bytes.data[i] >> 4];
        *to++ = digits[bytes.data[i] & 15];
    }
    return to;
}

void keylog_write(const char *label, struct span random, struct span secret)
{
    size_t size = strlen(label);
    char line[LINE_SIZE], *end = line + size;

    if (size + 2 * (random.size + secret.size) + 3 > sizeof(line)) return;
    memcpy(line, label, size);
    end = put_hex(put_hex(end, random), secret);
    *end++ = '\n';
    outfile_append(file, line, (size_t)(end - line));
    SecureZeroMemory(line, sizeof(line));
}
