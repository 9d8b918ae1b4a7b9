/*
 * The loops: what is done how often, what is timed, and what is printed of it.
 *
 *     bench list
 *     bench records|handshakes|validation|memory [SUITE]      PKI: the folder of tests/pki.py
 *
 * Each figure is a line "row,WHAT,SUITE,SIZE,UNIT,VALUE", the median of what this process saw, or
 * "none,WHAT,SUITE,SIZE,,WHY". bench.py runs it, in turns with the others.
 *
 * Slices are short (0.4 ms) and a value is the median of many: what another program takes from the processor
 * is then a few bad slices and not a bad value.
 */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#include <psapi.h>
#else
#include <time.h>
#endif

#define RSA    "rsa"
#define ECDSA  "ecdsa"
#define P256   "GROUP-SECP256R1", "P-256"
#define X25519 "GROUP-X25519", "X25519"

static const struct suite record_suites[] = {
    { "tls12-aes128gcm", PROTOCOL_TLS12, RSA, "+AES-128-GCM:+AEAD", "ECDHE-RSA-AES128-GCM-SHA256", P256 },
    { "tls12-aes256gcm", PROTOCOL_TLS12, RSA, "+AES-256-GCM:+AEAD", "ECDHE-RSA-AES256-GCM-SHA384", P256 },
    { "tls12-chacha20", PROTOCOL_TLS12, RSA, "+CHACHA20-POLY1305:+AEAD", "ECDHE-RSA-CHACHA20-POLY1305",
      P256 },
    { "tls12-aes128cbc-sha1", PROTOCOL_TLS12, RSA, "+AES-128-CBC:+SHA1", "ECDHE-RSA-AES128-SHA", P256 },
    { "tls12-aes128cbc-sha256", PROTOCOL_TLS12, RSA, "+AES-128-CBC:+SHA256", "ECDHE-RSA-AES128-SHA256",
      P256 },
    { "tls13-aes128gcm", PROTOCOL_TLS13, RSA, "+AES-128-GCM:+AEAD", "TLS_AES_128_GCM_SHA256", P256 },
    { "tls13-aes256gcm", PROTOCOL_TLS13, RSA, "+AES-256-GCM:+AEAD", "TLS_AES_256_GCM_SHA384", P256 },
    { "tls13-chacha20", PROTOCOL_TLS13, RSA, "+CHACHA20-POLY1305:+AEAD", "TLS_CHACHA20_POLY1305_SHA256",
      P256 },
    { "dtls12-aes128gcm", PROTOCOL_DTLS12, RSA, "+AES-128-GCM:+AEAD", "ECDHE-RSA-AES128-GCM-SHA256", P256 },
};

static const struct suite handshake_suites[] = {
    { "tls12-rsa2048-p256", PROTOCOL_TLS12, RSA, "+AES-128-GCM:+AEAD", "ECDHE-RSA-AES128-GCM-SHA256", P256 },
    { "tls12-rsa2048-x25519", PROTOCOL_TLS12, RSA, "+AES-128-GCM:+AEAD", "ECDHE-RSA-AES128-GCM-SHA256",
      X25519 },
    { "tls12-ecdsa-p256", PROTOCOL_TLS12, ECDSA, "+AES-128-GCM:+AEAD", "ECDHE-ECDSA-AES128-GCM-SHA256",
      P256 },
    { "tls13-rsa2048-p256", PROTOCOL_TLS13, RSA, "+AES-128-GCM:+AEAD", "TLS_AES_128_GCM_SHA256", P256 },
    { "tls13-rsa2048-x25519", PROTOCOL_TLS13, RSA, "+AES-128-GCM:+AEAD", "TLS_AES_128_GCM_SHA256", X25519 },
    { "tls13-ecdsa-p256", PROTOCOL_TLS13, ECDSA, "+AES-128-GCM:+AEAD", "TLS_AES_128_GCM_SHA256", P256 },
};

/* A certificate that costs the peer little: here it makes thousands of handshakes that nobody times. */
static const struct suite memory_suites[] = {
    { "tls12", PROTOCOL_TLS12, ECDSA, "+AES-128-GCM:+AEAD", "ECDHE-ECDSA-AES128-GCM-SHA256", P256 },
    { "tls13", PROTOCOL_TLS13, ECDSA, "+AES-128-GCM:+AEAD", "TLS_AES_128_GCM_SHA256", P256 },
    { "dtls12", PROTOCOL_DTLS12, ECDSA, "+AES-128-GCM:+AEAD", "ECDHE-ECDSA-AES128-GCM-SHA256", P256 },
};

uint64_t clock_spent;
const char *pki_folder;

static double ticks_per_ns;
static char why[128];

/* --- time ----------------------------------------------------------------------------------------------- */

static double wall_ns(void)
{
#ifdef _WIN32
    LARGE_INTEGER now, frequency;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (double)now.QuadPart * 1e9 / (double)frequency.QuadPart;
#else
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
#endif
}

static void calibrate(void)
{
    double began = wall_ns(), ended;
    uint64_t ticks = clock_now();

    while ((ended = wall_ns()) - began < 50e6)
        ;
    ticks_per_ns = (double)(clock_now() - ticks) / (ended - began);
}

/* How fast the machine is at the moment: ns for work that uses what a core can do in parallel. */
static double machine_now(void)
{
    unsigned a = 1, b = 2, c = 3, d = 5, i;
    uint64_t began = clock_now();

    for (i = 0; i < 5000; i++)
    {
        a += c ^ i;
        b = b * 3 + i;
        c += d ^ i;
        d = d << 1 ^ i;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d)); /* all of it has to be done */
    }
    return (double)(clock_now() - began) / ticks_per_ns;
}

struct sample
{
    double machine, ns;
};

static struct sample sample_begin(void)
{
    return (struct sample){ machine_now(), 0 };
}

static int by_machine(const void *left, const void *right)
{
    double a = ((const struct sample *)left)->machine, b = ((const struct sample *)right)->machine;

    return (a > b) - (a < b);
}

static int by_ns(const void *left, const void *right)
{
    double a = ((const struct sample *)left)->ns, b = ((const struct sample *)right)->ns;

    return (a > b) - (a < b);
}

/* The median of those taken while the machine was within a tenth of its best, or of the better quarter. */
static struct sample median(struct sample *samples, unsigned count)
{
    struct sample result;
    unsigned good = 0;

    qsort(samples, count, sizeof(*samples), by_machine);
    while (good < count && (good < (count + 3) / 4 || samples[good].machine < 1.1 * samples[0].machine))
        good++;
    result.machine = samples[good / 2].machine;
    qsort(samples, good, sizeof(*samples), by_ns);
    result.ns = samples[good / 2].ns;
    return result;
}

/* --- rows ----------------------------------------------------------------------------------------------- */

static void row(const char *what, const struct suite *suite, size_t size, const char *unit, double value,
                double machine)
{
    printf("row,%s,%s,%zu,%s,%.6g,%.0f\n", what, suite->name, size, unit, value, machine);
    fflush(stdout);
}

static void no_row(const char *what, const struct suite *suite)
{
    printf("none,%s,%s,0,,%s\n", what, suite->name, why);
    fflush(stdout);
}

/* --- a connection --------------------------------------------------------------------------------------- */

struct pair
{
    struct end *end;
    struct peer *peer;
    struct bytes out; /* what the engine said */
};

static void pair_close(struct pair *pair)
{
    if (pair->end) engine_close(pair->end);
    peer_close(pair->peer);
    free(pair->out.data);
    memset(pair, 0, sizeof(*pair));
}

/* What the engine has not used of what the peer said comes again with the next. */
static void take(struct pair *pair, struct bytes left)
{
    struct bytes *said = peer_output(pair->peer);

    memmove(said->data, left.data, left.size);
    said->size = left.size;
}

static bool engine_turn(struct pair *pair, bool *done)
{
    struct bytes in = *peer_output(pair->peer);
    enum step step;

    pair->out.size = 0;
    step = engine_handshake(pair->end, &in, &pair->out);
    take(pair, in);
    peer_feed(pair->peer, pair->out);
    *done = step == STEP_DONE;
    if (step == STEP_FAILED) snprintf(why, sizeof(why), "handshake: %#lx", (unsigned long)engine_status());
    return step != STEP_FAILED;
}

static bool peer_turn(struct pair *pair, bool *done)
{
    int error = peer_handshake(pair->peer);

    *done = !error;
    if (!error || error == -28 /* GNUTLS_E_AGAIN */) return true;
    snprintf(why, sizeof(why), "handshake: the peer says %d; engine %#lx", error,
             (unsigned long)engine_status());
    return false;
}

static bool pair_open(struct pair *pair, struct credential *credential, const struct suite *suite,
                      unsigned use)
{
    bool engine_done = false, peer_done = false;
    unsigned turns;

    memset(pair, 0, sizeof(*pair));
    if (!(pair->peer = peer_open(suite, use, why))) return false;
    pair->out.data = malloc(OUTPUT_MAX);
    pair->end = engine_open(credential);
    if (use & USE_SERVER && !peer_turn(pair, &peer_done)) return false;
    for (turns = 0; turns < 30; turns++)
    {
        if (!engine_done && !engine_turn(pair, &engine_done)) return false;
        if (!peer_done && !peer_turn(pair, &peer_done)) return false;
        if (engine_done && peer_done) return true;
    }
    snprintf(why, sizeof(why), "handshake: no end of it");
    return false;
}

/* The most a record of it carries: GnuTLS, the peer, takes no more than a datagram's 1,500 bytes. */
static size_t suite_most(const struct suite *suite)
{
    return suite->protocol == PROTOCOL_DTLS12 ? 1200 : 16384;
}

/* Both directions carry what they are given: the reason to believe the figures. */
static bool pair_works(struct pair *pair, size_t most)
{
    uint8_t *room = malloc(HEADER_MAX + most + TRAILER_MAX), *text = malloc(most);
    struct bytes sealed, plain, *said = peer_output(pair->peer);
    size_t size = most < 1000 ? most : 1000, i;
    bool good;

    for (i = 0; i < most; i++) text[i] = (uint8_t)(i * 7 + i / 256);
    memcpy(room + HEADER_MAX, text, size);
    good = engine_encrypt(pair->end, room, size, &sealed);
    if (good) peer_feed(pair->peer, sealed);
    memset(room, 0, HEADER_MAX + most);
    good = good && peer_read(pair->peer, room, size) && !memcmp(room, text, size);
    if (!good) snprintf(why, sizeof(why), "data to the peer: %#lx", (unsigned long)engine_status());
    if (good)
    {
        said->size = 0;
        good = peer_seal(pair->peer, text, most) && engine_decrypt(pair->end, *said, &plain) &&
               plain.size == most && !memcmp(plain.data, text, most);
        if (!good) snprintf(why, sizeof(why), "data from the peer: %#lx", (unsigned long)engine_status());
        said->size = 0;
    }
    free(room);
    free(text);
    return good;
}

/* --- records -------------------------------------------------------------------------------------------- */

#define SLICES   101
#define SLICE_NS 0.4e6

static const struct
{
    size_t size;
    unsigned batch; /* records that the peer makes ready, 1 MiB at most */
} record_sizes[] = { { 64, 2048 }, { 1024, 512 }, { 4096, 192 }, { 16384, 64 } };

#define BATCH_MAX 2048

/* How many go into a slice, when one takes that long. */
static unsigned slice_of(double ns, unsigned most)
{
    double count = SLICE_NS / ns;

    return count < 1 ? 1 : count < most ? (unsigned)count : most;
}

static bool encrypt_many(struct end *end, uint8_t *room, size_t size, unsigned count, struct sample *sample)
{
    struct bytes sealed;
    uint64_t began;
    unsigned i;

    *sample = sample_begin();
    began = clock_now();
    for (i = 0; i < count; i++)
        if (!engine_encrypt(end, room, size, &sealed)) return false;
    sample->ns = (double)(clock_now() - began) / ticks_per_ns / count;
    return true;
}

static bool decrypt_many(struct end *end, const struct bytes *records, unsigned count, struct sample *sample)
{
    struct bytes plain;
    uint64_t began;
    unsigned i;

    *sample = sample_begin();
    began = clock_now();
    for (i = 0; i < count; i++)
        if (!engine_decrypt(end, records[i], &plain)) return false;
    sample->ns = (double)(clock_now() - began) / ticks_per_ns / count;
    return true;
}

static void record_row(const char *what, const struct suite *suite, size_t size, struct sample *samples)
{
    struct sample middle = median(samples, SLICES);

    row(what, suite, size, "MB/s", (double)size * 1000 / middle.ns, middle.machine);
}

/* Always the same memory, as a program's own buffer is. */
static bool measure_encrypt(struct end *end, const struct suite *suite, size_t size)
{
    uint8_t *room = calloc(1, HEADER_MAX + size + TRAILER_MAX);
    struct sample samples[SLICES];
    unsigned count = 4, i;
    bool good = true;

    /* The first two only say how many go into a slice. */
    for (i = 0; good && i < SLICES + 2; i++)
    {
        struct sample *sample = &samples[i < 2 ? 0 : i - 2];

        good = encrypt_many(end, room, size, count, sample);
        if (good && i == 1) count = slice_of(sample->ns, 10000);
    }
    free(room);
    if (good)
        record_row("encrypt", suite, size, samples);
    else
        snprintf(why, sizeof(why), "encrypt: %#lx", (unsigned long)engine_status());
    return good;
}

/* What the peer said, one record behind the other, and where each begins: known before the clock runs. */
static bool make_batch(struct peer *peer, const uint8_t *text, size_t size, unsigned batch,
                       struct bytes *records)
{
    struct bytes *said = peer_output(peer);
    unsigned i;

    said->size = 0;
    for (i = 0; i < batch; i++)
    {
        size_t before = said->size;

        if (!peer_seal(peer, text, size)) return false;
        records[i] = (struct bytes){ said->data + before, said->size - before };
    }
    said->size = 0;
    return true;
}

/* Every record of a batch is read, whether it counts or not: the next one's number follows its. */
static bool measure_decrypt(struct pair *pair, const struct suite *suite, size_t size, unsigned batch)
{
    static struct bytes records[BATCH_MAX];
    uint8_t *text = calloc(1, size);
    struct sample samples[SLICES], sample;
    unsigned used = batch, count = 4, tried = 0, taken = 0;
    bool good = true;

    while (good && (taken < SLICES || used < batch))
    {
        unsigned now;

        if (used == batch)
        {
            good = make_batch(pair->peer, text, size, batch, records);
            used = 0;
        }
        now = count < batch - used ? count : batch - used;
        if (!good || !(good = decrypt_many(pair->end, records + used, now, &sample))) break;
        used += now;
        /* As above. */
        if (tried++ < 2)
            count = slice_of(sample.ns, batch);
        else if (now == count && taken < SLICES)
            samples[taken++] = sample;
    }
    free(text);
    if (good)
        record_row("decrypt", suite, size, samples);
    else
        snprintf(why, sizeof(why), "decrypt: %#lx", (unsigned long)engine_status());
    return good;
}

static void measure_records(const struct suite *suite)
{
    struct credential *credential;
    struct pair pair = { 0 };
    bool good;
    unsigned i;

    if (!(credential = engine_credential(suite, 0, why)))
    {
        no_row("encrypt", suite);
        return;
    }
    good = pair_open(&pair, credential, suite, 0) && pair_works(&pair, suite_most(suite));
    for (i = 0; good && i < COUNT(record_sizes); i++)
    {
        if (record_sizes[i].size > suite_most(suite)) break;
        good = measure_encrypt(pair.end, suite, record_sizes[i].size) &&
               measure_decrypt(&pair, suite, record_sizes[i].size, record_sizes[i].batch);
    }
    if (!good) no_row("encrypt", suite);
    pair_close(&pair);
    engine_forget(credential);
}

/* --- handshakes ----------------------------------------------------------------------------------------- */

#define HANDSHAKES_MAX 1000
#define HANDSHAKES_MIN 20
#define HANDSHAKES_NS  0.3e9 /* of both sides' time, and then it is enough */

/* One, and what the engine spent on it. `resumed` says what it has to be. */
static bool handshake(const struct suite *suite, struct credential *credential, unsigned use, bool resumed,
                      struct sample *sample)
{
    struct pair pair;
    struct bytes left;
    bool good;

    if (use & USE_ANEW) engine_empty();
    *sample = sample_begin();
    clock_spent = 0;
    good = pair_open(&pair, credential, suite, use);
    if (good)
    {
        uint64_t spent = clock_spent;

        left = *peer_output(pair.peer);
        if (use & USE_RESUME && use & USE_SERVER) peer_keep(pair.peer);
        if (use & USE_RESUME && !(use & USE_SERVER)) good = engine_settle(pair.end, &left);
        if (!good) snprintf(why, sizeof(why), "tickets: %#lx", (unsigned long)engine_status());
        if (good && peer_resumed(pair.peer) != resumed)
        {
            snprintf(why, sizeof(why), resumed ? "not resumed" : "resumed unasked");
            good = false;
        }
        clock_spent = spent;
    }
    pair_close(&pair);
    sample->ns = (double)clock_spent / ticks_per_ns;
    return good;
}

static void measure_handshakes(const char *what, const struct suite *suite, unsigned use)
{
    static struct sample samples[HANDSHAKES_MAX];
    double began = wall_ns();
    bool resume = use & USE_RESUME, good = true;
    struct credential *credential = engine_credential(suite, use, why);
    unsigned count = 0;

    if (!credential)
    {
        no_row(what, suite);
        return;
    }
    peer_forget();
    /* The first gives what the second resumes; the second is not counted either. */
    good = handshake(suite, credential, use, false, &samples[0]) &&
           handshake(suite, credential, use, resume, &samples[0]);
    while (good && count < HANDSHAKES_MAX && (count < HANDSHAKES_MIN || wall_ns() - began < HANDSHAKES_NS))
    {
        good = handshake(suite, credential, use, resume, &samples[count]);
        count++;
    }
    if (good)
    {
        struct sample middle = median(samples, count);

        row(what, suite, 0, "/s", 1e9 / middle.ns, middle.machine);
    }
    else
        no_row(what, suite);
    engine_forget(credential);
}

static void measure_all_handshakes(const struct suite *suite)
{
    measure_handshakes("client", suite, 0);
    measure_handshakes("client-resumed", suite, USE_RESUME);
    measure_handshakes("server", suite, USE_SERVER);
    measure_handshakes("server-resumed", suite, USE_SERVER | USE_RESUME);
}

static void measure_validation(const struct suite *suite)
{
    measure_handshakes("client-validated", suite, USE_VALIDATE | USE_ANEW);
    measure_handshakes("client-validated-again", suite, USE_VALIDATE);
}

/* --- memory --------------------------------------------------------------------------------------------- */

#define CONTEXTS 1000
#define WARM_UP  100

/* What the process has for itself alone. Wine says it in PagefileUsage; PrivateUsage is 0 there. */
static double private_bytes(void)
{
#ifdef _WIN32
    PROCESS_MEMORY_COUNTERS counters = { 0 };

    K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters));
    return (double)counters.PagefileUsage;
#else
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    double kib = 0;

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "RssAnon: %lf", &kib) == 1) break;
    if (file) fclose(file);
    return kib * 1024;
#endif
}

/* Connections whose peer is gone: 1,000 that did nothing yet, and 1,000 that carried 16 KiB each way. */
static void measure_memory(const struct suite *suite)
{
    struct credential *credential = engine_credential(suite, 0, why);
    struct end **ends = calloc(WARM_UP + 2 * CONTEXTS, sizeof(*ends));
    double before = 0, idle = 0, used;
    unsigned i, made = 0;
    bool good = credential != NULL;

    for (i = 0; good && i < WARM_UP + 2 * CONTEXTS; i++)
    {
        struct pair pair;

        if (i == WARM_UP) before = private_bytes();
        if (i == WARM_UP + CONTEXTS) idle = private_bytes();
        good = pair_open(&pair, credential, suite, 0);
        if (good && (i < WARM_UP || i >= WARM_UP + CONTEXTS)) good = pair_works(&pair, suite_most(suite));
        ends[made++] = pair.end;
        pair.end = NULL;
        pair_close(&pair);
    }
    used = private_bytes();
    if (good)
    {
        row("memory-idle", suite, 0, "KiB", (idle - before) / CONTEXTS / 1024, 0);
        row("memory-used", suite, 0, "KiB", (used - idle) / CONTEXTS / 1024, 0);
    }
    else
        no_row("memory-idle", suite);
    while (made--)
        if (ends[made]) engine_close(ends[made]);
    free(ends);
    if (credential) engine_forget(credential);
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static const struct
{
    const char *name;
    void (*measure)(const struct suite *suite);
    const struct suite *suites;
    unsigned count;
} jobs[] = {
    { "records", measure_records, record_suites, COUNT(record_suites) },
    { "handshakes", measure_all_handshakes, handshake_suites, COUNT(handshake_suites) },
    { "validation", measure_validation, handshake_suites, COUNT(handshake_suites) },
    { "memory", measure_memory, memory_suites, COUNT(memory_suites) },
};

static int list(void)
{
    unsigned i, k;

    for (i = 0; i < COUNT(jobs); i++)
        for (k = 0; k < jobs[i].count; k++) printf("suite,%s,%s\n", jobs[i].name, jobs[i].suites[k].name);
    return 0;
}

int main(int argc, char **argv)
{
    const char *engine, *job = argc > 1 ? argv[1] : "", *suite = argc > 2 ? argv[2] : NULL;
    unsigned i, k;

    pki_folder = getenv("PKI");
    if (!strcmp(job, "list")) return list();
    if (argc < 2 || argc > 3 || !pki_folder)
    {
        fputs("usage: bench list | records|handshakes|validation|memory [SUITE], with PKI=FOLDER\n", stderr);
        return 2;
    }
    calibrate();
    peer_init();
    if (!(engine = engine_init())) return 1;
    printf("engine,%s\n", engine);
    for (i = 0; i < COUNT(jobs); i++)
        for (k = 0; !strcmp(job, jobs[i].name) && k < jobs[i].count; k++)
            if (!suite || !strcmp(suite, jobs[i].suites[k].name)) jobs[i].measure(&jobs[i].suites[k]);
    return 0;
}
