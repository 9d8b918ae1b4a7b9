/*
 * What is left of secrets: every block that is freed while a connection lives and dies is kept aside with who
 * freed it, and afterwards looked through for the connection's secrets, which SSLKEYLOGFILE tells, for its
 * record keys, and for those of its certificate.
 *
 *     native-secrets FILE    a file for SSLKEYLOGFILE, which is removed
 */
#define side engine_side /* profile.h's, which is another one */
#include "context.h"
#include "session_tls.h"
#undef side
#include "sides.h"
#include <execinfo.h>
#include <sanitizer/allocator_interface.h>
#include <unistd.h>

/* --- what was freed ------------------------------------------------------------------------------------- */

#define FREED_MAX 200000
#define FRAMES    10

struct freed
{
    uint8_t *bytes;
    size_t size;
    void *frames[FRAMES];
    int depth;
};
static struct freed freed[FREED_MAX];
static unsigned freed_count;
static BOOL watching, inside;

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
}

/* GnuTLS tells the sanitizer that what it wipes is not to be read. */
__attribute__((no_sanitize("address"))) static void copy_all(uint8_t *to, const volatile uint8_t *from,
                                                             size_t size)
{
    while (size--) *to++ = *from++;
}

static void on_free(const volatile void *memory)
{
    struct freed *block = &freed[freed_count];
    size_t size;

    if (!watching || inside || !memory || freed_count == FREED_MAX) return;
    inside = TRUE;
    size = __sanitizer_get_allocated_size((const void *)memory);
    if (size >= 16 && (block->bytes = malloc(size)))
    {
        copy_all(block->bytes, memory, size);
        block->size = size;
        block->depth = backtrace(block->frames, FRAMES);
        freed_count++;
    }
    inside = FALSE;
}

/* --- what must not be in there -------------------------------------------------------------------------- */

#define SECRETS_MAX 64

static struct
{
    char name[80];
    uint8_t bytes[64];
    size_t size;
} secrets[SECRETS_MAX];
static unsigned secret_count;

static void remember(const char *name, const void *bytes, size_t size)
{
    if (secret_count == SECRETS_MAX || !size || size > 64) return;
    snprintf(secrets[secret_count].name, sizeof(secrets->name), "%s", name);
    memcpy(secrets[secret_count].bytes, bytes, size);
    secrets[secret_count++].size = size;
}

/* GMP has numbers from the small end. */
static void remember_number(const char *name, const uint8_t *bytes, size_t size)
{
    uint8_t turned[64];
    size_t i;

    remember(name, bytes, size);
    for (i = 0; i < size; i++) turned[i] = bytes[size - 1 - i];
    remember(name, turned, size);
}

/* Lines of a label, the client's random and the secret. */
static void read_key_log(const char *path)
{
    char label[64], random[80], hex[200];
    FILE *file = fopen(path, "r");
    uint8_t bytes[64];
    unsigned i;

    while (file && fscanf(file, "%63s %79s %199s", label, random, hex) == 3)
    {
        size_t size = strlen(hex) / 2;

        for (i = 0; i < size && i < sizeof(bytes); i++) sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
        remember(label, bytes, size);
    }
    if (file) fclose(file);
}

static void remember_record_keys(const char *name, const struct side *side)
{
    struct context *context = context_acquire(&side->context);
    gnutls_datum_t key;
    unsigned read;
    char text[80];

    if (!context) return;
    for (read = 0; read < 2; read++)
    {
        if (gnutls_record_get_state(context->session->tls, read, NULL, NULL, &key, NULL) < 0) continue;
        snprintf(text, sizeof(text), "%s's key to %s", name, read ? "read" : "write");
        remember(text, key.data, key.size);
    }
    context_release(context);
}

/* Numbers lie in memory as they are written, and as GMP has them. */
static void remember_private_keys(void)
{
    /* The private number of P-256 stands at a fixed place of its PKCS #8, and of the RSA key a part of its
     * primes. */
    remember_number("the ECDSA key", materials[0].key_der.data + 36, 32);
    remember_number("the RSA key", materials[1].key_der.data + 330, 32);
}

static unsigned look(const char *what)
{
    unsigned i, j, found = 0;

    for (i = 0; i < freed_count; i++)
        for (j = 0; j < secret_count; j++)
        {
            if (!memmem(freed[i].bytes, freed[i].size, secrets[j].bytes, secrets[j].size)) continue;
            printf("FAIL %s: %s is in %zu bytes that were freed by\n", what, secrets[j].name, freed[i].size);
            fflush(stdout);
            backtrace_symbols_fd(freed[i].frames, freed[i].depth, 1);
            found++;
        }
    for (i = 0; i < freed_count; i++) free(freed[i].bytes);
    freed_count = 0;
    return found;
}

/* --- connections ---------------------------------------------------------------------------------------- */

static struct side client, server;

static unsigned connect_and_look(const char *what, const char *log, DWORD protocols, ULONG requirements,
                                 unsigned materials_of, unsigned materials_of_client)
{
    struct manner of_client = { protocols, SCH_CRED_NO_DEFAULT_CREDS, requirements & ISC_REQ_DATAGRAM,
                                materials_of_client };
    struct manner of_server = { protocols, 0, requirements, materials_of };
    unsigned found;

    secret_count = 0;
    remember_private_keys();
    watching = TRUE;
    MUST(side_open(&client, FALSE, &of_client) && side_open(&server, TRUE, &of_server));
    side_shake(&client, &server);
    side_read(&client);
    side_write(&client, 100);
    side_carry(&client, &server);
    side_read(&server);
    side_write(&server, 100);
    side_carry(&server, &client);
    side_read(&client);
    MUST(client.read == 100 && server.read == 100);
    watching = FALSE;
    remember_record_keys("client", &client);
    remember_record_keys("server", &server);
    watching = TRUE;
    side_close(&client);
    side_close(&server);
    watching = FALSE;
    read_key_log(log);
    if (truncate(log, 0)) printf("FAIL %s: no key log\n", what);
    MUST(secret_count > 2);
    found = look(what);
    printf("%s nothing secret is left of %s (%u secrets)\n", found ? "FAIL" : "PASS", what, secret_count);
    return found;
}

int main(int argc, char **argv)
{
    unsigned found = 0;

    if (argc < 2) return 2;
    setenv("SSLKEYLOGFILE", argv[1], 1);
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    common_open();
    found += connect_and_look("TLS 1.3", argv[1], SP_PROT_TLS1_3, ASC_REQ_MUTUAL_AUTH, 1, 2);
    found += connect_and_look("TLS 1.3 with tickets", argv[1], SP_PROT_TLS1_3, ASC_REQ_SESSION_TICKET, 2, 0);
    found += connect_and_look("TLS 1.2", argv[1], SP_PROT_TLS1_2, ASC_REQ_MUTUAL_AUTH, 1, 2);
    found += connect_and_look("TLS 1.2 with tickets", argv[1], SP_PROT_TLS1_2, ASC_REQ_SESSION_TICKET, 2, 0);
    found += connect_and_look("TLS 1.0", argv[1], SP_PROT_TLS1_0, 0, 2, 0);
    found += connect_and_look("DTLS 1.2", argv[1], SP_PROT_DTLS1_2, ISC_REQ_DATAGRAM, 1, 0);
    unlink(argv[1]);
    return found != 0;
}
