/*
 * ClientHellos as they come over the wire: whole, in pieces, and as nobody should send them.
 */
#include "test.h"
#include "hello.h"
#include "log.h"

/* A hello of TLS 1.3's time with server_name "localhost", ALPN "h2" and an empty extension 23. */
static const uint8_t message[] = {
    1,    0,    0,    0x4c, /* header */
    3,    3,    0,    1,    2,    3,   4,   5,   6,
    7,    8,    9,    10,   11,   12,  13,  14, /* version, random */
    15,   16,   17,   18,   19,   20,  21,  22,  23,
    24,   25,   26,   27,   28,   29,  30,  31, /* random */
    0,                                          /* session id */
    0,    4,    0x13, 2,    0x13, 1,            /* suites */
    1,    0,                                    /* compression */
    0,    0x1f,                                 /* extensions */
    0,    0,    0,    14,   0,    12,  0,   0,   9,
    'l',  'o',  'c',  'a',  'l',  'h', 'o', 's', 't', /* server_name */
    0,    16,   0,    5,    0,    3,   2,   'h', '2', /* ALPN */
    0,    23,   0,    0,                              /* extended_master_secret */
    0xaa, 0xaa, 0xaa,                                 /* more than the message */
};
#define MESSAGE_SIZE (4 + 0x4c)

/* The message in records of at most `part` bytes; their size. */
static size_t wrap(uint8_t *out, size_t part)
{
    size_t at = 0, used = 0;

    while (at < MESSAGE_SIZE)
    {
        size_t size = min(part, MESSAGE_SIZE - at);
        const uint8_t header[] = { 22, 3, 1, (uint8_t)(size >> 8), (uint8_t)size };

        memcpy(out + used, header, sizeof(header));
        memcpy(out + used + sizeof(header), message + at, size);
        used += sizeof(header) + size;
        at += size;
    }
    return used;
}

static void test_what_is_in_it(void)
{
    uint8_t records[512];
    struct span input = { records, wrap(records, 1000) }, found;
    struct hello hello;
    size_t missing;

    ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_OK);
    ok(hello_server_name(&hello, &found) && found.size == 9 && !memcmp(found.data, "localhost", 9),
       "no name\n");
    ok(found.data > records && found.data < records + sizeof(records), "not in the caller's bytes\n");
    ok(hello_extension(&hello, 16, &found) && found.size == 5 && found.data[4] == '2', "no ALPN\n");
    ok(hello_extension(&hello, 23, &found) && !found.size, "no empty extension\n");
    ok(!hello_extension(&hello, 43, &found), "an extension nobody sent\n");
    hello_close(&hello);

    input.data = message;
    input.size = MESSAGE_SIZE;
    ok_status(hello_open(input, FALSE, &hello, &missing), SEC_E_OK);
    ok(hello_server_name(&hello, &found) && !memcmp(found.data, "localhost", 9), "no name without records\n");
    hello_close(&hello);
}

static void test_every_length_and_every_fragmenting(void)
{
    uint8_t records[1024];
    struct hello hello;
    struct span found;
    size_t part, size, missing;

    for (part = 1; part <= MESSAGE_SIZE; part++)
    {
        size_t whole = wrap(records, part);

        for (size = 0; size < whole; size++)
        {
            uint8_t *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
            struct span input = { exact, size };

            memcpy(exact, records, size);
            ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_INCOMPLETE_MESSAGE);
            ok(missing > 0 && missing <= whole - size, "%u of %u bytes in parts of %u: %u missing\n",
               (unsigned)size, (unsigned)whole, (unsigned)part, (unsigned)missing);
            free(exact);
        }
        {
            struct span input = { records, whole };

            ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_OK);
            /* What a record's end cuts in two is in no one place. */
            if (hello_server_name(&hello, &found))
                ok(!memcmp(found.data, "localhost", 9), "parts of %u\n", (unsigned)part);
            if (part < 9)
                ok(!hello_server_name(&hello, &found), "parts of %u: a name in one piece\n", (unsigned)part);
            hello_close(&hello);
        }
    }
}

static void test_garbage(void)
{
    uint8_t bytes[MESSAGE_SIZE];
    struct hello hello;
    struct span input = { bytes, sizeof(bytes) }, found;
    size_t missing;
    unsigned i, value, good = 0;

    /* Each byte of the message, changed in each way: no crash, and nothing found outside of it. */
    for (i = 0; i < MESSAGE_SIZE; i++)
        for (value = 0; value < 256; value++)
        {
            memcpy(bytes, message, sizeof(bytes));
            bytes[i] = (uint8_t)value;
            if (hello_open(input, FALSE, &hello, &missing)) continue;
            good++;
            if (hello_server_name(&hello, &found))
                ok(found.data >= bytes && found.data + found.size <= bytes + sizeof(bytes), "byte %u as %u\n",
                   i, value);
            hello_close(&hello);
        }
    ok(good > 10000, "only %u of them are hellos\n", good);

    memcpy(bytes, "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9); /* a ServerHello */
    ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_INVALID_TOKEN);
    memcpy(bytes, "GET / HTTP/1.1", 14);
    ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_INVALID_TOKEN);
    memcpy(bytes, "\x16\x03\x01\x00\x00", 5); /* an empty record */
    ok_status(hello_open(input, TRUE, &hello, &missing), SEC_E_INVALID_TOKEN);
}

START_TEST(hello)
{
    RUN(test_what_is_in_it);
    RUN(test_every_length_and_every_fragmenting);
    RUN(test_garbage);
}
