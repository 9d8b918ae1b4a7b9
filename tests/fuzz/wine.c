/*
 * The target door.c in Wine: calls in any order with anything in them, made of random numbers, to the DLL as
 * it is.
 *
 *     fuzz_door.exe SEED INPUTS    with SSPI_WAY=direct; each input has a seed of its own, which is told when
 * it fails
 */
#include "common.h"
#include "../door.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct material materials[MATERIALS];

static unsigned input_seed;

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* The certificates; the package is main's. */
void common_open(void)
{
    static const char *const names[MATERIALS] = { "rsa", "client" };
    unsigned i;

    for (i = 0; i < MATERIALS; i++)
        MUST(materials[i].certificate = pfx_certificate(names[i], PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE));
}

static LONG WINAPI tell(EXCEPTION_POINTERS *pointers)
{
    printf("FAIL input %u: exception %#lx at %p\n", input_seed, pointers->ExceptionRecord->ExceptionCode,
           pointers->ExceptionRecord->ExceptionAddress);
    fflush(stdout);
    ExitProcess(3);
}

/* Two sides that know each other, as a rule; then anything. */
static size_t make_input(uint8_t *bytes, size_t room)
{
    uint32_t state = input_seed * 2654435761u + 1;
    size_t i, size = 20 + next(&state) % (room - 20), begin = 0;
    uint8_t kind = (uint8_t)(next(&state) % 5), bits = (uint8_t)next(&state);

    if (next(&state) % 4)
    {
        const uint8_t beginning[] = { 0x00, kind, bits, 0x10, kind, bits, 0x02 };

        memcpy(bytes, beginning, begin = sizeof(beginning));
    }
    for (i = begin; i < size; i++) bytes[i] = (uint8_t)(next(&state) >> 8);
    return size;
}

int main(int count, char **arguments)
{
    unsigned first = count > 1 ? (unsigned)atoi(arguments[1]) : 1,
             inputs = count > 2 ? (unsigned)atoi(arguments[2]) : 1000;
    static uint8_t bytes[300];

    setvbuf(stdout, NULL, _IONBF, 0);
    setvbuf(stderr, NULL, _IONBF, 0);
    if (!sspi_open()) return 2;
    common_open();
    SetUnhandledExceptionFilter(tell);
    for (input_seed = first; input_seed < first + inputs; input_seed++)
        LLVMFuzzerTestOneInput(bytes, make_input(bytes, sizeof(bytes)));
    printf("PASS %u inputs from %u on\n", inputs, first);
    return 0;
}
