/*
 * Buffer descriptions: each shape a caller may give, and those it may not.
 */
#include "test.h"
#include "secbuf.h"

static BYTE memory[64];

static SecBufferDesc describe(SecBuffer *buffers, ULONG count)
{
    SecBufferDesc desc = { SECBUFFER_VERSION, count, buffers };
    return desc;
}

static void test_input_shapes(void)
{
    static const struct
    {
        const char *name;
        SecBuffer buffers[3];
        ULONG count;
        BOOL continuing;
        SECURITY_STATUS status;
        int token, spare; /* index, -1: none */
    } rows[] = {
        { "an EMPTY that is not empty",
          { { 1, SECBUFFER_TOKEN, memory }, { 7, SECBUFFER_EMPTY, NULL } },
          2,
          TRUE,
          SEC_E_INVALID_TOKEN,
          0,
          0 },
        { "the same at first", { { 24, SECBUFFER_EMPTY, memory } }, 1, FALSE, SEC_E_OK, -1, 0 },
        { "bytes at NULL", { { 1, SECBUFFER_TOKEN, NULL } }, 1, TRUE, SEC_E_INVALID_TOKEN, 0, 0 },
        { "nothing", { { 0, 0, NULL } }, 0, TRUE, SEC_E_OK, -1, -1 },
        { "a token of nothing", { { 0, SECBUFFER_TOKEN, NULL } }, 1, TRUE, SEC_E_OK, 0, -1 },
        { "a token alone", { { 5, SECBUFFER_TOKEN, memory } }, 1, TRUE, SEC_E_OK, 0, -1 },
        { "the usual two",
          { { 5, SECBUFFER_TOKEN, memory }, { 0, SECBUFFER_EMPTY, NULL } },
          2,
          TRUE,
          SEC_E_OK,
          0,
          1 },
        { "the other way round",
          { { 0, SECBUFFER_EMPTY, NULL }, { 5, SECBUFFER_TOKEN, memory } },
          2,
          TRUE,
          SEC_E_OK,
          1,
          0 },
        { "a token with attributes",
          { { 5, SECBUFFER_TOKEN | SECBUFFER_READONLY, memory } },
          1,
          TRUE,
          SEC_E_OK,
          0,
          -1 },
        { "protocols at NULL",
          { { 5, SECBUFFER_APPLICATION_PROTOCOLS, NULL } },
          1,
          FALSE,
          SEC_E_INVALID_TOKEN,
          -1,
          -1 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct handshake_input input;
        SecBuffer buffers[3];
        SecBufferDesc desc = describe(buffers, rows[i].count);

        memcpy(buffers, rows[i].buffers, sizeof(buffers));
        ok(handshake_input_parse(&desc, rows[i].continuing, &input) == rows[i].status, "%s: status\n",
           rows[i].name);
        if (rows[i].status) continue;
        ok(input.token == (rows[i].token < 0 ? NULL : &buffers[rows[i].token]), "%s: token\n", rows[i].name);
        ok(input.spare == (rows[i].spare < 0 ? NULL : &buffers[rows[i].spare]), "%s: spare\n", rows[i].name);
    }
}

static void test_a_description_that_points_nowhere(void)
{
    SecBufferDesc desc = { SECBUFFER_VERSION, 2, NULL };
    struct handshake_output output;
    struct stream_message message;
    struct handshake_input input;

    ok_status(handshake_input_parse(&desc, TRUE, &input), SEC_E_INVALID_TOKEN);
    ok_status(handshake_input_parse(NULL, TRUE, &input), SEC_E_OK);
    ok_status(handshake_output_parse(&desc, TRUE, &output), SEC_E_INVALID_TOKEN);
    ok_status(handshake_output_parse(NULL, TRUE, &output), SEC_E_INVALID_TOKEN);
    ok_status(stream_message_parse(&desc, &message), SEC_E_INVALID_TOKEN);
    ok_status(stream_message_parse(NULL, &message), SEC_E_INVALID_TOKEN);
    ok_status(sealed_message_parse(&desc, &message), SEC_E_INVALID_TOKEN);
    ok_status(sealed_message_parse(NULL, &message), SEC_E_INVALID_TOKEN);
}

static void test_extra_is_the_end_of_the_input(void)
{
    SecBuffer buffers[2] = { { 20, SECBUFFER_TOKEN, memory }, { 0, SECBUFFER_EMPTY, NULL } };
    SecBufferDesc desc = describe(buffers, 2);
    struct handshake_input input;

    handshake_input_parse(&desc, TRUE, &input);
    handshake_input_extra(&input, 0);
    ok(buffers[1].BufferType == SECBUFFER_EMPTY && !buffers[1].cbBuffer, "EXTRA of nothing\n");
    handshake_input_extra(&input, 3);
    ok(buffers[1].BufferType == SECBUFFER_EXTRA && buffers[1].cbBuffer == 3, "no EXTRA\n");
    ok(buffers[1].pvBuffer == memory + 17, "EXTRA at %p\n", buffers[1].pvBuffer);
}

static void test_output_without_room(void)
{
    SecBuffer buffers[2] = { { 0, SECBUFFER_TOKEN, memory }, { 0, SECBUFFER_ALERT, NULL } };
    SecBufferDesc desc = describe(buffers, 1);
    struct handshake_output output;

    ok_status(handshake_output_parse(&desc, FALSE, &output), SEC_E_INSUFFICIENT_MEMORY);
    ok_status(handshake_output_parse(&desc, TRUE, &output), SEC_E_OK);
    buffers[0].cbBuffer = 10;
    desc.cBuffers = 2;
    ok_status(handshake_output_parse(&desc, FALSE, &output), SEC_E_INSUFFICIENT_MEMORY);
    buffers[0].BufferType = SECBUFFER_DATA;
    desc.cBuffers = 1;
    ok_status(handshake_output_parse(&desc, TRUE, &output), SEC_E_INVALID_TOKEN);
}

static void test_a_token_that_does_not_fit_is_not_written(void)
{
    static const uint8_t token[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct span span = { token, sizeof(token) };
    SecBuffer buffer = { 7, SECBUFFER_TOKEN, memory };
    SecBufferDesc desc = describe(&buffer, 1);
    struct handshake_output output;

    memset(memory, 0xcc, sizeof(memory));
    handshake_output_parse(&desc, FALSE, &output);
    ok_status(handshake_output_write(&output, span), SEC_E_BUFFER_TOO_SMALL);
    ok(memory[0] == 0xcc && buffer.cbBuffer == 7, "something was written\n");
    buffer.cbBuffer = 8;
    ok_status(handshake_output_write(&output, span), SEC_E_OK);
    ok(!memcmp(memory, token, 8) && memory[8] == 0xcc && buffer.cbBuffer == 8,
       "not what was to be written\n");
}

static void test_a_token_in_our_memory_is_in_the_process_heap(void)
{
    static const uint8_t token[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct span span = { token, sizeof(token) };
    SecBuffer buffer = { 1000, SECBUFFER_TOKEN, NULL };
    SecBufferDesc desc = describe(&buffer, 1);
    struct handshake_output output;

    /* NULL asks for memory even without the flag: Wine's test_connection_shutdown. */
    handshake_output_parse(&desc, FALSE, &output);
    ok_status(handshake_output_write(&output, span), SEC_E_OK);
    ok(buffer.cbBuffer == 8 && !memcmp(buffer.pvBuffer, token, 8), "not the token\n");
    ok(HeapValidate(GetProcessHeap(), 0, buffer.pvBuffer), "not of the process heap\n");
    caller_free(buffer.pvBuffer);
}

static void test_messages_to_seal(void)
{
    static const struct
    {
        const char *name;
        ULONG types[4], count;
        SECURITY_STATUS status;
    } rows[] = {
        { "no data",
          { SECBUFFER_STREAM_HEADER, SECBUFFER_STREAM_TRAILER, SECBUFFER_EMPTY },
          3,
          SEC_E_INVALID_TOKEN },
        { "no header", { SECBUFFER_DATA, SECBUFFER_STREAM_TRAILER }, 2, SEC_E_INVALID_TOKEN },
        { "no trailer", { SECBUFFER_STREAM_HEADER, SECBUFFER_DATA }, 2, SEC_E_INVALID_TOKEN },
        { "two data",
          { SECBUFFER_STREAM_HEADER, SECBUFFER_DATA, SECBUFFER_DATA, SECBUFFER_STREAM_TRAILER },
          4,
          SEC_E_INVALID_TOKEN },
        { "data that may not be written",
          { SECBUFFER_STREAM_HEADER, SECBUFFER_DATA | SECBUFFER_READONLY, SECBUFFER_STREAM_TRAILER },
          3,
          SEC_E_INVALID_TOKEN },
        { "nothing", { 0 }, 0, SEC_E_INVALID_TOKEN },
        { "the usual four",
          { SECBUFFER_STREAM_HEADER, SECBUFFER_DATA, SECBUFFER_STREAM_TRAILER, SECBUFFER_EMPTY },
          4,
          SEC_E_OK },
        { "without EMPTY",
          { SECBUFFER_STREAM_HEADER, SECBUFFER_DATA, SECBUFFER_STREAM_TRAILER },
          3,
          SEC_E_OK },
        { "the old way", { SECBUFFER_TOKEN, SECBUFFER_DATA, SECBUFFER_TOKEN, SECBUFFER_EMPTY }, 4, SEC_E_OK },
        { "in another order",
          { SECBUFFER_DATA, SECBUFFER_STREAM_TRAILER, SECBUFFER_STREAM_HEADER },
          3,
          SEC_E_OK },
    };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct stream_message message;
        SecBuffer buffers[4];
        SecBufferDesc desc = describe(buffers, rows[i].count);

        for (j = 0; j < 4; j++) buffers[j] = (SecBuffer){ 8, rows[i].types[j], memory + 8 * j };
        ok(stream_message_parse(&desc, &message) == rows[i].status, "%s\n", rows[i].name);
    }
}

static void test_messages_to_open(void)
{
    static const struct
    {
        const char *name;
        ULONG types[5], count;
        SECURITY_STATUS status;
    } rows[] = {
        { "three", { SECBUFFER_DATA, SECBUFFER_EMPTY, SECBUFFER_EMPTY }, 3, SEC_E_INVALID_TOKEN },
        { "no data",
          { SECBUFFER_EMPTY, SECBUFFER_EMPTY, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          4,
          SEC_E_INVALID_TOKEN },
        { "two data",
          { SECBUFFER_DATA, SECBUFFER_DATA, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          4,
          SEC_E_INVALID_TOKEN },
        { "two empty",
          { SECBUFFER_DATA, SECBUFFER_EXTRA, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          4,
          SEC_E_INVALID_TOKEN },
        { "the usual four",
          { SECBUFFER_DATA, SECBUFFER_EMPTY, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          4,
          SEC_E_OK },
        { "data in the middle",
          { SECBUFFER_EMPTY, SECBUFFER_DATA, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          4,
          SEC_E_OK },
        { "five",
          { SECBUFFER_DATA, SECBUFFER_EMPTY, SECBUFFER_EMPTY, SECBUFFER_EMPTY, SECBUFFER_EMPTY },
          5,
          SEC_E_OK },
    };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct stream_message message;
        SecBuffer buffers[5];
        SecBufferDesc desc = describe(buffers, rows[i].count);

        for (j = 0; j < 5; j++) buffers[j] = (SecBuffer){ 8, rows[i].types[j], memory };
        ok(sealed_message_parse(&desc, &message) == rows[i].status, "%s\n", rows[i].name);
        if (rows[i].status) continue;
        ok(message.data && message.trailer && message.extra, "%s: a buffer is missing\n", rows[i].name);
        ok(message.data != message.trailer && message.trailer != message.extra, "%s: one for two\n",
           rows[i].name);
    }
}

START_TEST(secbuf)
{
    RUN(test_input_shapes);
    RUN(test_a_description_that_points_nowhere);
    RUN(test_extra_is_the_end_of_the_input);
    RUN(test_output_without_room);
    RUN(test_a_token_that_does_not_fit_is_not_written);
    RUN(test_a_token_in_our_memory_is_in_the_process_heap);
    RUN(test_messages_to_seal);
    RUN(test_messages_to_open);
}
