/*
 * Many threads, natively, where ThreadSanitizer sees every access of ours and of GnuTLS's that is not
 * ordered: credentials, the session cache, ticket keys, the log and the key log are shared by all; one
 * context is written, read and asked at once; contexts are deleted under calls; and the handle table and the
 * lock by themselves.
 *
 *     native-threads [ROUNDS]    of each thread; 30 is the default
 *     native-threads racy        two threads and a number that nothing guards: it has to be found
 */
#include "sides.h"
#include "lock.h"
#include "log.h"
#include "object.h"
#include "handles.h"
#include <pthread.h>

#define THREADS 8
#define PAIRS   2

BOOL WINAPI ssl_empty_cache_w(const WCHAR *name, DWORD flags);

static unsigned rounds = 30;

static uint32_t dice(uint32_t *state, uint32_t sides)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (*state >> 3) % sides;
}

static void run(unsigned count, void *(*function)(void *), void *arguments, size_t step)
{
    pthread_t threads[THREADS];
    unsigned i;

    for (i = 0; i < count; i++)
        MUST(!pthread_create(&threads[i], NULL, function, (char *)arguments + i * step));
    for (i = 0; i < count; i++) MUST(!pthread_join(threads[i], NULL));
}

/* --- the lock and the handle table by themselves -------------------------------------------------------- */

#define TURNS 20000

static struct lock lock;
static unsigned guarded;

static void *count_under_the_lock(void *argument)
{
    unsigned i;

    (void)argument;
    for (i = 0; i < TURNS; i++)
    {
        lock_acquire(&lock);
        guarded++;
        lock_release(&lock);
    }
    return NULL;
}

static void *count_without(void *argument)
{
    (void)argument;
    guarded++;
    return NULL;
}

struct thing
{
    struct object object;
    unsigned magic;
};
static SecHandle things[16]; /* handles that all threads open, use and close */
static unsigned alive;

static void destroy_thing(struct object *object)
{
    struct thing *thing = CONTAINING_RECORD(object, struct thing, object);

    MUST(thing->magic == 0x5eed);
    thing->magic = 0;
    free(thing);
    __atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
}

/* A handle is two words, which Windows' programs would guard, too. */
static SecHandle thing_at(unsigned i)
{
    SecHandle handle = { __atomic_load_n(&things[i].dwLower, __ATOMIC_RELAXED), 0 };

    return handle;
}

static void *use_handles(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument | 1;
    unsigned i;

    for (i = 0; i < TURNS / 4; i++)
    {
        unsigned at = dice(&state, ARRAY_SIZE(things));
        SecHandle handle = thing_at(at);
        struct object *object;

        switch (dice(&state, 4))
        {
        case 0:
        {
            struct thing *thing = calloc(1, sizeof(*thing));

            thing->object.kind = OBJECT_CONTEXT;
            thing->object.destroy = destroy_thing;
            thing->magic = 0x5eed;
            __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
            MUST(!handle_open(&thing->object, &handle));
            handle.dwLower = __atomic_exchange_n(&things[at].dwLower, handle.dwLower, __ATOMIC_RELAXED);
        }
        /* fall through: the one that was there goes */
        case 1:
            object_release(handle_close(&handle, OBJECT_CONTEXT));
            break;
        default:
            if (!(object = handle_acquire(&handle, OBJECT_CONTEXT))) break;
            MUST(CONTAINING_RECORD(object, struct thing, object)->magic == 0x5eed);
            object_release(object);
        }
    }
    return NULL;
}

static void test_the_lock_and_the_handles(void)
{
    SecHandle handle;
    unsigned i;

    run(4, count_under_the_lock, NULL, 0);
    MUST(guarded == 4 * TURNS);
    run(4, use_handles, things, sizeof(*things));
    for (i = 0; i < ARRAY_SIZE(things); i++)
    {
        handle = thing_at(i);
        object_release(handle_close(&handle, OBJECT_CONTEXT));
    }
    MUST(!alive);
    printf("PASS the lock, and handles\n");
}

/* --- credentials that all threads use ------------------------------------------------------------------- */

static const struct
{
    DWORD protocols;
    ULONG server_requirements, client_requirements;
    unsigned server_materials, client_materials;
} kinds[] = {
    { SP_PROT_TLS1_3, ASC_REQ_SESSION_TICKET, 0, 1, 0 },
    { SP_PROT_TLS1_3, ASC_REQ_MUTUAL_AUTH, 0, 2, 2 },
    { SP_PROT_TLS1_2, 0, 0, 3, 0 },
    { SP_PROT_TLS1_2, ASC_REQ_SESSION_TICKET, 0, 1, 0 },
    { SP_PROT_TLS1_0, 0, 0, 2, 0 },
    { SP_PROT_DTLS1_2, ASC_REQ_DATAGRAM, ISC_REQ_DATAGRAM, 1, 0 },
};
static struct side owners[ARRAY_SIZE(kinds)][2];

static void begin(struct side *side, const struct side *owner)
{
    memset(side, 0, offsetof(struct side, in));
    side->in_size = side->out_size = side->datagram_count = 0;
    side->read = 0;
    side->server = owner->server;
    side->datagram = owner->datagram;
    side->requirements = owner->requirements;
    side->credential = owner->credential;
    side->status = SEC_I_CONTINUE_NEEDED;
}

static void finish(struct side *side)
{
    if (side->has_context) MUST(!sspi->DeleteSecurityContext(&side->context));
    if (side->has_context) MUST(sspi->DeleteSecurityContext(&side->context) == SEC_E_INVALID_HANDLE);
}

static void exchange(struct side *client, struct side *server)
{
    side_read(client); /* tickets */
    side_write(client, 100);
    side_carry(client, server);
    side_read(server);
    side_write(server, 2000);
    side_carry(server, client);
    side_read(client);
    MUST(client->read == 2000 && server->read == 100);
}

static void open_owner(struct side *side, unsigned kind, BOOL of_server)
{
    struct manner manner = { kinds[kind].protocols, of_server ? 0 : SCH_CRED_NO_DEFAULT_CREDS,
                             of_server ? kinds[kind].server_requirements : kinds[kind].client_requirements,
                             of_server ? kinds[kind].server_materials : kinds[kind].client_materials };

    MUST(side_open(side, of_server, &manner));
}

/* New keys for tickets, while others give and take some. */
static void change_ticket_keys(const struct side *server, uint32_t *state)
{
    struct session_ticket_key key = { .id = { (BYTE)dice(state, 4) }, .material_size = 32 };
    struct session_ticket_keys keys = { 1, &key };

    MUST(!sspi->SetCredentialsAttributesW((CredHandle *)&server->credential, SECPKG_ATTR_SESSION_TICKET_KEYS,
                                          &keys, sizeof(keys)));
}

static void *connect_again_and_again(void *argument)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
    uint32_t state = *(uint32_t *)argument;
    unsigned i;

    for (i = 0; i < rounds; i++)
    {
        unsigned kind = dice(&state, ARRAY_SIZE(kinds));
        BOOL own = !dice(&state, 6); /* a credential that comes and goes */

        if (own)
            open_owner(client, kind, FALSE);
        else
            begin(client, &owners[kind][0]);
        begin(server, &owners[kind][1]);
        if (!dice(&state, 6)) change_ticket_keys(server, &state);
        side_shake(client, server);
        MUST(!client->status && !server->status);
        exchange(client, server);
        if (!dice(&state, 3)) side_query(client);
        if (!dice(&state, 3)) side_query(server);
        if (!dice(&state, 10)) ssl_empty_cache_w(NULL, 0);
        finish(server);
        finish(client);
        if (own) MUST(!sspi->FreeCredentialsHandle(&client->credential));
    }
    free(client);
    free(server);
    return NULL;
}

static void test_credentials_that_all_use(void)
{
    uint32_t seeds[THREADS];
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(kinds); i++)
        for (j = 0; j < 2; j++) open_owner(&owners[i][j], i, (BOOL)j);
    for (i = 0; i < THREADS; i++) seeds[i] = 4711 + i * 2654435761u;
    run(THREADS, connect_again_and_again, seeds, sizeof(*seeds));
    printf("PASS %u threads, %u connections each, six credentials of both sides\n", THREADS, rounds);
}

/* --- one context, both ways, and asked ------------------------------------------------------------------ */

struct pipe
{
    pthread_mutex_t mutex;
    uint8_t bytes[WIRE_MAX / 2];
    size_t size;
};

struct end
{
    struct side *side; /* of its own: the context is shared */
    struct pipe *pipe;
    enum
    {
        WRITES,
        READS,
        ASKS
    } does;
};

#define RECORD  1500
#define RECORDS (20 * rounds)

static void write_all(struct end *end)
{
    unsigned i;

    for (i = 0; i < RECORDS; i++)
    {
        BOOL fits = FALSE;

        MUST(!side_write(end->side, 0) && !side_write(end->side, RECORD));
        while (!fits)
        {
            pthread_mutex_lock(&end->pipe->mutex);
            if ((fits = end->pipe->size + end->side->out_size <= sizeof(end->pipe->bytes)))
            {
                memcpy(end->pipe->bytes + end->pipe->size, end->side->out, end->side->out_size);
                end->pipe->size += end->side->out_size;
            }
            pthread_mutex_unlock(&end->pipe->mutex);
            if (!fits) sched_yield();
        }
        end->side->out_size = 0;
    }
}

static void read_all(struct end *end)
{
    struct side *side = end->side;

    while (side->read < (size_t)RECORDS * RECORD)
    {
        pthread_mutex_lock(&end->pipe->mutex);
        if (side->in_size + end->pipe->size <= sizeof(side->in))
        {
            memcpy(side->in + side->in_size, end->pipe->bytes, end->pipe->size);
            side->in_size += end->pipe->size;
            end->pipe->size = 0;
        }
        pthread_mutex_unlock(&end->pipe->mutex);
        if (!side->in_size) sched_yield();
        side_read(side);
    }
}

static void *use_one_context(void *argument)
{
    struct end *end = argument;
    unsigned i;

    if (end->does == WRITES) write_all(end);
    if (end->does == READS) read_all(end);
    for (i = 0; end->does == ASKS && i < rounds; i++) side_query(end->side);
    return NULL;
}

static struct side *view(const struct side *side)
{
    struct side *made = malloc(sizeof(*made));

    begin(made, side);
    made->context = side->context;
    made->has_context = TRUE;
    made->status = SEC_E_OK;
    return made;
}

static void test_one_context_both_ways(void)
{
    static const unsigned chosen[] = { 0, 2, 4 }; /* TLS 1.3, 1.2; CBC, which is GnuTLS's */
    static struct pipe pipes[2];
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(chosen); i++)
    {
        struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
        struct end ends[6];

        begin(client, &owners[chosen[i]][0]);
        begin(server, &owners[chosen[i]][1]);
        side_shake(client, server);
        MUST(!client->status && !server->status);
        exchange(client, server);
        for (j = 0; j < 2; j++) pipes[j] = (struct pipe){ PTHREAD_MUTEX_INITIALIZER };
        for (j = 0; j < 6; j++)
            ends[j] = (struct end){ view(j % 2 ? server : client), &pipes[j == 0 || j == 3 ? 0 : 1], j / 2 };
        run(6, use_one_context, ends, sizeof(*ends));
        for (j = 0; j < 6; j++) free(ends[j].side);
        finish(client);
        finish(server);
        free(client);
        free(server);
    }
    printf("PASS one context written, read and asked at once, in three protocols\n");
}

/* --- contexts that go away under calls ------------------------------------------------------------------ */

static void *use_what_goes_away(void *argument)
{
    struct side *side = view(argument);
    unsigned i;

    for (i = 0; i < 50; i++)
    {
        SecPkgContext_ConnectionInfo info;
        SECURITY_STATUS status;

        if (i % 2)
            status = sspi->QueryContextAttributesW(&side->context, SECPKG_ATTR_CONNECTION_INFO, &info);
        else
            status = side_write(side, 100);
        MUST(!status || status == SEC_E_INVALID_HANDLE);
        side->out_size = 0;
    }
    free(side);
    return NULL;
}

static void test_contexts_that_go_away(void)
{
    struct side *client = malloc(sizeof(*client)), *server = malloc(sizeof(*server));
    unsigned turn, i;

    for (turn = 0; turn < rounds; turn++)
    {
        pthread_t threads[4];

        begin(client, &owners[turn % 2 ? 0 : 2][0]);
        begin(server, &owners[turn % 2 ? 0 : 2][1]);
        side_shake(client, server);
        MUST(!client->status && !server->status);
        for (i = 0; i < 4; i++) MUST(!pthread_create(&threads[i], NULL, use_what_goes_away, client));
        finish(server);
        for (i = 0; i < turn % 7; i++) sched_yield();
        MUST(!sspi->DeleteSecurityContext(&client->context));
        for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    }
    free(client);
    free(server);
    printf("PASS %u contexts deleted under calls\n", rounds);
}

int main(int argc, char **argv)
{
    unsigned i, j;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "racy"))
    {
        run(2, count_without, NULL, 0);
        return 0;
    }
    if (argc > 1) rounds = (unsigned)atoi(argv[1]);
    log_open();
    common_open();
    test_the_lock_and_the_handles();
    test_credentials_that_all_use();
    test_one_context_both_ways();
    test_contexts_that_go_away();
    for (i = 0; i < ARRAY_SIZE(kinds); i++)
        for (j = 0; j < 2; j++) MUST(!sspi->FreeCredentialsHandle(&owners[i][j].credential));
    ssl_empty_cache_w(NULL, 0);
    return 0;
}
