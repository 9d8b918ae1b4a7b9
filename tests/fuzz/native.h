/*
 * Compiled in front of every file of the native build (make fuzz): the DLL's own sources with mingw-w64's
 * headers, on Linux. Those headers know such a place, it is called Cygwin, and there `long` has 64 bits and
 * LONG has 32; wchar_t is made 16 bits wide by the compiler's -fshort-wchar. What libc's wide functions do
 * with 32 bits has other names here.
 */
#ifndef FUZZ_NATIVE_H
#define FUZZ_NATIVE_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

#define wcslen    wide_length
#define wcscpy    wide_copy
#define wcscat    wide_append
#define wcscmp    wide_compare
#define wcscspn   wide_span
#define wcsrchr   wide_last
#define wcsicmp   wide_compare_folded
#define _wcsicmp  wide_compare_folded
#define _wcsnicmp wide_compare_some

size_t wide_length(const wchar_t *text);
wchar_t *wide_copy(wchar_t *to, const wchar_t *from);
wchar_t *wide_append(wchar_t *to, const wchar_t *from);
int wide_compare(const wchar_t *a, const wchar_t *b);
size_t wide_span(const wchar_t *text, const wchar_t *reject);
wchar_t *wide_last(const wchar_t *text, wchar_t c);
int wide_compare_folded(const wchar_t *a, const wchar_t *b);
int wide_compare_some(const wchar_t *a, const wchar_t *b, size_t count);

#endif
