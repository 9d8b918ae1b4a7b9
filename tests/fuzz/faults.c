/*
 * Everything that can fail fails, natively: each scenario runs again and again, and the first, second, third
 * ... call of it that can fail does, once and from then on. What is told has to be a status; nothing may be
 * broken, left locked or forgotten: AddressSanitizer watches, and after each turn as much memory is in use as
 * before.
 *
 *     native-faults [STRIDE [deep]]    1: every call (the default), 7: every seventh; deep: GnuTLS's own
 * memory as well
 */
#include "sides.h"
#include "../faults/due.h"
#include <sanitizer/allocator_interface.h>
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <unistd.h>

BOOL WINAPI ssl_empty_cache_w(const WCHAR *name, DWORD flags);
SECURITY_STATUS WINAPI ssl_get_extensions(const BYTE *hello, DWORD size, struct client_extension *extensions,
                                          BYTE count, DWORD *to_read, DWORD flags);
BOOL WINAPI ssl_crack_certificate(BYTE *certificate, DWORD size, DWORD flags, X509Certificate **cracked);
void WINAPI ssl_free_certificate(X509Certificate *cracked);

/* --- scenarios ------------------------------------------------------------------------------------------ */

static struct side client, server;
static BOOL deep;    /* GnuTLS's own memory fails, too */
static BOOL reached; /* its end was what it should be, where nothing failed */

struct kind
{
    DWORD protocols, flags;
    ULONG requirements;
    unsigned server_materials, client_materials;
    void (*then)(void); /* once they have shaken hands, or tried to */
};

static void run(const struct kind *kind)
{
    struct manner of_client = { kind->protocols, SCH_CRED_NO_DEFAULT_CREDS | kind->flags,
                                kind->requirements & ~(ULONG)ASC_REQ_SESSION_TICKET &
                                    ~(ULONG)ASC_REQ_MUTUAL_AUTH,
                                kind->client_materials };
    struct manner of_server = { kind->protocols, 0, kind->requirements, kind->server_materials };
    BOOL has_client = side_open(&client, FALSE, &of_client),
         has_server = side_open(&server, TRUE, &of_server);

    if (has_client && has_server)
    {
        side_shake(&client, &server);
        if (kind->then) kind->then();
    }
    if (has_client) side_close(&client);
    if (has_server) side_close(&server);
}

static void exchange(void)
{
    side_read(&client); /* tickets */
    side_write(&client, 100);
    side_carry(&client, &server);
    side_read(&server);
    side_write(&server, 2000);
    side_carry(&server, &client);
    side_read(&client);
    reached = server.read >= 100 && client.read >= 2000;
}

static void order_shutdown(struct side *side)
{
    DWORD order = SCHANNEL_SHUTDOWN;
    SecBuffer buffer = { sizeof(order), SECBUFFER_TOKEN, &order };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &buffer };

    if (!side->has_context) return;
    MUST(status_is_documented(sspi->ApplyControlToken(&side->context, &desc)));
    side_step(side, NULL);
}

static void exchange_and_close(void)
{
    exchange();
    order_shutdown(&client);
    side_carry(&client, &server);
    side_read(&server);
}

static void ask_everything(void)
{
    char label[] = "EXPORTER-fault";
    SecPkgContext_KeyingMaterialInfo material = { sizeof(label), label, 4, (BYTE *)label, 100 };
    SecPkgContext_SessionAppData data = { 0, sizeof(label), (BYTE *)label };

    if (client.has_context)
    {
        sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_KEYING_MATERIAL_INFO, &material,
                                    sizeof(material));
        sspi->SetContextAttributesW(&client.context, SECPKG_ATTR_APP_DATA, &data, sizeof(data));
    }
    side_query(&client);
    side_query(&server);
    reached = !client.status && !server.status;
}

/* The server asks for a new handshake, or for a certificate in TLS 1.3, with data in between. */
static void ask_again(void)
{
    unsigned turns;

    if (!server.has_context || !client.has_context) return;
    side_read(&client);
    side_step(&server, NULL);
    side_write(&client, 50);
    for (turns = 0; turns < 6; turns++)
    {
        side_carry(&server, &client);
        side_read(&client);
        side_carry(&client, &server);
        side_read(&server);
    }
    exchange();
}

static void shake_1_3(void)
{
    run(&(struct kind){ SP_PROT_TLS1_3, 0, ISC_REQ_EXTENDED_ERROR, 1, 0, exchange_and_close });
}
static void shake_1_2(void)
{
    run(&(struct kind){ SP_PROT_TLS1_2, 0, 0, 3, 0, exchange_and_close });
}
static void shake_1_0(void)
{
    run(&(struct kind){ SP_PROT_TLS1_0, SCH_SEND_AUX_RECORD, 0, 2, 0, exchange_and_close });
}
static void shake_datagrams(void)
{
    run(&(struct kind){ SP_PROT_DTLS1_2, 0, ISC_REQ_DATAGRAM, 1, 0, exchange_and_close });
}
static void shake_with_client_certificate(void)
{
    run(&(struct kind){ SP_PROT_TLS1_2, 0, ASC_REQ_MUTUAL_AUTH, 1, 1, exchange });
    run(&(struct kind){ SP_PROT_TLS1_3, 0, ASC_REQ_MUTUAL_AUTH, 1, 2, exchange });
}
static void shake_without_the_certificate_wanted(void)
{
    run(&(struct kind){ SP_PROT_TLS1_3, 0, ASC_REQ_MUTUAL_AUTH, 1, 0, exchange });
}
static void shake_with_the_users_certificate(void)
{
    world_my = materials[0].certificate;
    run(&(struct kind){ SP_PROT_TLS1_2, 0, ASC_REQ_MUTUAL_AUTH, 1, 0, exchange });
    world_my = NULL;
}
static void ask_about_it(void)
{
    run(&(struct kind){ SP_PROT_TLS1_2, 0, 0, 1, 0, ask_everything });
    run(&(struct kind){ SP_PROT_TLS1_3, 0, ASC_REQ_MUTUAL_AUTH, 1, 1, ask_everything });
}
static void renegotiate(void)
{
    run(&(struct kind){ SP_PROT_TLS1_2, 0, 0, 1, 0, ask_again });
}
static void ask_for_a_certificate_later(void)
{
    static struct kind kind = { SP_PROT_TLS1_3, 0, 0, 1, 1, NULL };

    kind.then = ask_again;
    kind.requirements = ASC_REQ_MUTUAL_AUTH;
    run(&kind);
}
static void resume(void)
{
    const struct manner of_client = { SP_PROT_TLS1_3 | SP_PROT_TLS1_2, SCH_CRED_NO_DEFAULT_CREDS, 0, 0 };
    const struct manner of_server = { SP_PROT_TLS1_3, 0, ASC_REQ_SESSION_TICKET, 1 };
    BOOL has_client, has_server;
    unsigned turns;

    if ((has_client = side_open(&client, FALSE, &of_client)) &&
        (has_server = side_open(&server, TRUE, &of_server)))
    {
        for (turns = 0; turns < 2; turns++)
        {
            side_shake(&client, &server);
            exchange();
            if (client.has_context) MUST(!sspi->DeleteSecurityContext(&client.context));
            if (server.has_context) MUST(!sspi->DeleteSecurityContext(&server.context));
            client.has_context = server.has_context = FALSE;
            client.in_size = server.in_size = 0;
            client.status = server.status = SEC_I_CONTINUE_NEEDED;
        }
        side_close(&server);
    }
    if (has_client) side_close(&client);
}
static void other_exports(void)
{
    struct manner manner = { SP_PROT_TLS1_2, SCH_CRED_NO_DEFAULT_CREDS, 0, 0 };
    struct client_extension extension = { 0 };
    X509Certificate *cracked = NULL;
    PSecPkgInfoW list;
    DWORD missing;
    ULONG count;

    if (!sspi->EnumerateSecurityPackagesW(&count, &list)) sspi->FreeContextBuffer(list);
    if (!sspi->QuerySecurityPackageInfoW((WCHAR *)UNISP_NAME_W, &list)) sspi->FreeContextBuffer(list);
    ssl_crack_certificate(materials[1].certificate_der.data, materials[1].certificate_der.size, 0, &cracked);
    ssl_free_certificate(cracked);
    if (!side_open(&client, FALSE, &manner)) return;
    side_step(&client, NULL);
    MUST(status_is_documented(
        ssl_get_extensions(client.out, (DWORD)client.out_size, &extension, 1, &missing, 0)));
    reached = cracked != NULL;
    side_close(&client);
}

static const struct
{
    const char *name;
    void (*run)(void);
} scenarios[] = {
    { "TLS 1.3", shake_1_3 },
    { "TLS 1.2", shake_1_2 },
    { "TLS 1.0", shake_1_0 },
    { "DTLS 1.2", shake_datagrams },
    { "a client certificate", shake_with_client_certificate },
    { "a client certificate that is missing", shake_without_the_certificate_wanted },
    { "a client certificate of the user's", shake_with_the_users_certificate },
    { "attributes", ask_about_it },
    { "renegotiation", renegotiate },
    { "a certificate asked for later", ask_for_a_certificate_later },
    { "resumption", resume },
    { "the other exports", other_exports },
};

/* --- the turns ------------------------------------------------------------------------------------------ */

static const char *scenario;
static unsigned turn;
static volatile long alive;

static void count_in(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    alive++;
}

static void count_out(const volatile void *memory)
{
    if (memory) alive--;
}

static void too_long(int signal)
{
    static const char text[] = "FAIL a turn hangs\n";

    (void)signal;
    if (write(1, text, sizeof(text) - 1) < 0) _exit(3);
    printf("FAIL %s, call %u (%s): hangs\n", scenario, turn, fault_name());
    abort();
}

/* --- GnuTLS's own memory -------------------------------------------------------------------------------- */

/* What GnuTLS takes for itself fails, too. It forgets a block here and there when it does, so that is not
 * counted. */
int fault_due(int index);

static void *deep_malloc(size_t size)
{
    return fault_due(0) ? NULL : malloc(size);
}
static void *deep_calloc(size_t count, size_t size)
{
    return fault_due(0) ? NULL : calloc(count, size);
}
static void *deep_realloc(void *memory, size_t size)
{
    return fault_due(0) ? NULL : realloc(memory, size);
}

/* How many calls there were; `*leaked`: blocks that are left. */
static unsigned make_turn(void (*run_it)(void), unsigned nth, int lasting, long *leaked)
{
    long before = alive;
    unsigned count;

    turn = nth;
    alarm(60);
    fault_arm(nth, lasting);
    run_it();
    count = fault_disarm();
    ssl_empty_cache_w(NULL, 0);
    alarm(0);
    *leaked = alive - before;
    return count;
}

int main(int argc, char **argv)
{
    unsigned stride = argc > 1 ? (unsigned)atoi(argv[1]) : 1, i, n, failures = 0;
    long leaked;
    int lasting;

    __sanitizer_install_malloc_and_free_hooks(count_in, count_out);
    signal(SIGALRM, too_long);
    setvbuf(stdout, NULL, _IOLBF, 0);
    common_open();
    if ((deep = argc > 2 && !strcmp(argv[2], "deep")))
    {
        gnutls_malloc = deep_malloc;
        gnutls_calloc = deep_calloc;
        gnutls_realloc = deep_realloc;
    }
    for (i = 0; i < ARRAY_SIZE(scenarios); i++)
    {
        unsigned calls, turns = 0, bad = failures;

        scenario = scenarios[i].name;
        make_turn(scenarios[i].run, 0, 0, &leaked); /* what is made once is made */
        reached = FALSE;
        calls = make_turn(scenarios[i].run, 0, 0, &leaked);
        if (!reached) printf("FAIL %s, without a failure: does not work\n", scenario), failures++;
        if (leaked) printf("FAIL %s, without a failure: %ld blocks are left\n", scenario, leaked), failures++;
        for (lasting = 0; lasting < 2; lasting++)
            for (n = 1 + i % stride; n <= calls + stride; n += stride)
            {
                turns++;
                make_turn(scenarios[i].run, n, lasting, &leaked);
                if (leaked <= 0 || deep) continue;
                printf("FAIL %s, call %u (%s%s): %ld blocks are left\n", scenario, n, fault_name(),
                       lasting ? " and all after it" : "", leaked);
                failures++;
                if (getenv("FAULTS_LEAKS")) __lsan_do_recoverable_leak_check();
            }
        printf("%s every call fails%s: %s (%u calls, %u turns)\n", failures == bad ? "PASS" : "FAIL",
               deep ? ", GnuTLS's memory included" : "", scenario, calls, turns);
    }
    return failures != 0;
}
