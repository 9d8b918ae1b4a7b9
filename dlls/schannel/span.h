/*
 * A run of bytes that somebody else owns, and the one way to cut it.
 */
#ifndef SCHANNEL_SPAN_H
#define SCHANNEL_SPAN_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>

struct span
{
    const uint8_t *data;
    size_t size; /* in bytes; data may be NULL when it is 0 */
};

/* Cuts `size` bytes off the front into `taken`; FALSE, and nothing changed, when there are fewer. */
static inline bool span_take(struct span *span, size_t size, struct span *taken)
{
    if (span->size < size) return false;
    taken->data = span->data;
    taken->size = size;
    if (size) span->data += size;
    span->size -= size;
    return true;
}

/* Cuts `prefix` off the front if the span begins with it; otherwise, and for an empty one, nothing changes.
 */
static inline void span_skip(struct span *span, struct span prefix)
{
    struct span skipped;

    if (prefix.size && span->size >= prefix.size && !memcmp(span->data, prefix.data, prefix.size))
        span_take(span, prefix.size, &skipped);
}

/* A big-endian number of 1 to 8 bytes. */
static inline uint64_t number_read(const uint8_t *in, size_t bytes)
{
    uint64_t number = 0;

    while (bytes--) number = number << 8 | *in++;
    return number;
}

/* Cuts a big-endian number of 1 to 4 bytes off the front. */
static inline bool span_take_number(struct span *span, size_t bytes, uint32_t *number)
{
    struct span field;

    if (!span_take(span, bytes, &field)) return false;
    *number = (uint32_t)number_read(field.data, bytes);
    return true;
}

/* Cuts a vector off the front: its length in `bytes` bytes, then that many bytes (RFC 8446, 3.4). */
static inline bool span_take_vector(struct span *span, size_t bytes, struct span *vector)
{
    struct span rest = *span;
    uint32_t size;

    if (!span_take_number(&rest, bytes, &size) || !span_take(&rest, size, vector)) return false;
    *span = rest;
    return true;
}

/* Cuts an element of DER with that tag off the front (X.690, 8.1): all of it, unless `element` is NULL, and
 * its contents. Lengths of up to four bytes. */
static inline bool span_take_der(struct span *span, uint8_t tag, struct span *element, struct span *contents)
{
    struct span rest = *span, whole;
    uint32_t found, size;

    if (!span_take_number(&rest, 1, &found) || found != tag || !span_take_number(&rest, 1, &size))
        return false;
    if (size & 0x80)
    {
        size_t bytes = size & 0x7f;

        if (!bytes || bytes > 4 || !span_take_number(&rest, bytes, &size)) return false;
    }
    if (!span_take(&rest, size, contents)) return false;
    return span_take(span, span->size - rest.size, element ? element : &whole);
}

#endif
