/*
 * What is left of secrets in the whole process: all memory that can be read, stacks, heaps and the DLL's own
 * data, is looked through for a connection's secrets, keys and data when its contexts are deleted, and for a
 * certificate's private key when its credential is freed.
 *
 * What the test itself knows it keeps in disguise, so that it does not find itself. Each test first finds the
 * same secrets while they are in use: else it would be looking for the wrong ones.
 */
#include "test.h"
#include "sides.h"
#include <stdio.h>

#define DISGUISE     0x5a
#define SECRETS_MAX  64
#define SECRET_BYTES 64

static struct
{
    char name[64];
    BYTE bytes[SECRET_BYTES]; /* in disguise */
    unsigned size;
} secrets[SECRETS_MAX];
static unsigned secret_count;

/* The bytes that are given stay the caller's to wipe. */
static void remember(const char *name, const BYTE *bytes, unsigned size, BOOL reversed)
{
    unsigned i;

    if (secret_count == SECRETS_MAX) return;
    size = min(size, SECRET_BYTES);
    for (i = 0; i < size; i++) secrets[secret_count].bytes[i] = bytes[reversed ? size - 1 - i : i] ^ DISGUISE;
    snprintf(secrets[secret_count].name, sizeof(secrets->name), "%s%s", name, reversed ? ", reversed" : "");
    secrets[secret_count++].size = size;
}

/* --- looking -------------------------------------------------------------------------------------------- */

static unsigned found_of[SECRETS_MAX];

#define PLACES_MAX 64

static struct
{
    const BYTE *at[PLACES_MAX];
    unsigned count;
} known; /* places that do not count: what is there was there before */
static BOOL learning;

/* TRUE: it counts. */
static BOOL is_new(const BYTE *at)
{
    unsigned i;

    for (i = 0; i < known.count; i++)
        if (known.at[i] == at) return FALSE;
    if (learning && known.count < PLACES_MAX) known.at[known.count++] = at;
    return !learning;
}

static BOOL stands_at(const BYTE *at, unsigned secret)
{
    unsigned i;

    for (i = 0; i < secrets[secret].size; i++)
        if ((at[i] ^ DISGUISE) != secrets[secret].bytes[i]) return FALSE;
    return TRUE;
}

static void tell_where(const BYTE *at, const MEMORY_BASIC_INFORMATION *info, unsigned secret)
{
    MEMORY_BASIC_INFORMATION stack;
    char module[MAX_PATH] = "";
    const char *kind = info->Type == MEM_IMAGE ? "data of " : "other memory";

    VirtualQuery(module, &stack, sizeof(stack));
    if (info->AllocationBase == stack.AllocationBase) kind = "this thread's stack";
    if (info->Type == MEM_IMAGE) GetModuleFileNameA(info->AllocationBase, module, sizeof(module));
    printf("          %s: at %p, %s%s (%p, %lu bytes, protection %#lx)\n", secrets[secret].name, (void *)at,
           kind, module, info->AllocationBase, (unsigned long)info->RegionSize, info->Protect);
}

static ULONG64 begins[256]; /* by a byte's value: a bit for each secret that begins with it */

static void look_at_region(const MEMORY_BASIC_INFORMATION *info, BOOL loudly)
{
    const BYTE *at = info->BaseAddress, *end = at + info->RegionSize;
    ULONG64 candidates;
    unsigned i;

    for (; at < end; at++)
        for (candidates = begins[*at], i = 0; candidates; candidates >>= 1, i++)
        {
            if (!(candidates & 1) || at + secrets[i].size > end || !stands_at(at, i) || !is_new(at)) continue;
            if (found_of[i]++ < 3 && loudly) tell_where(at, info, i);
        }
}

/* How often any of them is there. */
static unsigned look(BOOL loudly)
{
    MEMORY_BASIC_INFORMATION info;
    unsigned i, found = 0;
    BYTE *at = NULL;

    memset(found_of, 0, sizeof(found_of));
    memset(begins, 0, sizeof(begins));
    for (i = 0; i < secret_count; i++) begins[secrets[i].bytes[0] ^ DISGUISE] |= (ULONG64)1 << i;
    for (; VirtualQuery(at, &info, sizeof(info)) == sizeof(info);
         at = (BYTE *)info.BaseAddress + info.RegionSize)
    {
        static const DWORD readable = PAGE_READONLY | PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READ |
                                      PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;

        if (info.State == MEM_COMMIT && info.Protect & readable && !(info.Protect & PAGE_GUARD))
            look_at_region(&info, loudly);
        if ((BYTE *)info.BaseAddress + info.RegionSize < at) break;
    }
    for (i = 0; i < secret_count; i++) found += found_of[i];
    return found;
}

static unsigned found_named(const char *name)
{
    unsigned i, found = 0;

    for (i = 0; i < secret_count; i++)
        if (strstr(secrets[i].name, name)) found += found_of[i];
    return found;
}

/* --- SHA-256, which leaves nothing behind --------------------------------------------------------------- */

static const unsigned round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static unsigned rotate(unsigned value, unsigned bits)
{
    return value >> bits | value << (32 - bits);
}

static struct
{
    BYTE text[512];
    unsigned w[64], state[8], v[8];
    BYTE pad[64], inner[32], hash[32];
} work; /* all that is secret on the way; wiped by those who are called from outside */

static void sha256(const BYTE *text, unsigned size, BYTE hash[32])
{
    static const unsigned begin[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    unsigned blocks = (size + 9 + 63) / 64, block, i, j;

    memcpy(work.state, begin, sizeof(begin));
    for (block = 0; block < blocks; block++)
    {
        unsigned *v = work.v, *w = work.w;

        memset(w, 0, sizeof(work.w));
        for (i = 0; i < 64; i++)
        {
            unsigned at = block * 64 + i, byte = at < size ? text[at] : at == size ? 0x80 : 0;

            if (at >= blocks * 64 - 4) byte = size * 8 >> 8 * (blocks * 64 - 1 - at) & 0xff;
            w[i / 4] |= byte << (24 - 8 * (i % 4));
        }
        for (i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(v, work.state, sizeof(work.v));
        for (i = 0; i < 64; i++)
        {
            unsigned one = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                           ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i],
                     two = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                           ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

            memmove(v + 1, v, 7 * sizeof(*v));
            v[4] += one;
            v[0] = one + two;
        }
        for (j = 0; j < 8; j++) work.state[j] += v[j];
    }
    for (i = 0; i < 32; i++) hash[i] = (BYTE)(work.state[i / 4] >> (24 - 8 * (i % 4)));
}

/* The key is a secret of 48 bytes at most, in disguise; the text stands in work.text behind 64 bytes. */
static void hmac_of_secret(const BYTE *key, unsigned key_size, unsigned text_size)
{
    unsigned i;

    for (i = 0; i < 64; i++) work.text[i] = (BYTE)((i < key_size ? key[i] ^ DISGUISE : 0) ^ 0x36);
    sha256(work.text, 64 + text_size, work.inner);
    for (i = 0; i < 64; i++) work.pad[i] = work.text[i] ^ 0x36 ^ 0x5c;
    memcpy(work.text, work.pad, 64);
    memcpy(work.text + 64, work.inner, 32);
    sha256(work.text, 96, work.hash);
}

/* --- what a connection's secrets are -------------------------------------------------------------------- */

static char log_path[MAX_PATH];
static BYTE randoms[2][32]; /* the server's, the client's: nothing secret */

/* TLS 1.3: the key of a traffic secret (RFC 8446, 7.3). */
static void remember_key_of_secret(unsigned secret)
{
    static const BYTE label[] = { 0, 16, 9, 't', 'l', 's', '1', '3', ' ', 'k', 'e', 'y', 0, 1 };

    memcpy(work.text + 64, label, sizeof(label));
    hmac_of_secret(secrets[secret].bytes, secrets[secret].size, sizeof(label));
    remember("key of that", work.hash, 16, FALSE);
    SecureZeroMemory(&work, sizeof(work));
}

/* TLS 1.2: the first 32 bytes of the key block are both sides' keys (RFC 5246, 6.3). */
static void remember_keys_of_master(unsigned master)
{
    static const char label[] = "key expansion";
    unsigned seed = sizeof(label) - 1 + 64;

    memcpy(work.text + 64, label, sizeof(label) - 1);
    memcpy(work.text + 64 + sizeof(label) - 1, randoms, 64);
    hmac_of_secret(secrets[master].bytes, secrets[master].size, seed);
    memcpy(work.text + 64, work.hash, 32);
    memcpy(work.text + 96, label, sizeof(label) - 1);
    memcpy(work.text + 96 + sizeof(label) - 1, randoms, 64);
    hmac_of_secret(secrets[master].bytes, secrets[master].size, 32 + seed);
    remember("key of the client", work.hash, 16, FALSE);
    remember("key of the server", work.hash + 16, 16, FALSE);
    SecureZeroMemory(&work, sizeof(work));
}

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)c - '0' : (unsigned)c - 'a' + 10;
}

/* Lines of a label, the client's random and the secret; the file is emptied. */
static void remember_logged(void)
{
    static char text[16384];
    HANDLE file = CreateFileA(log_path, GENERIC_READ | GENERIC_WRITE, 7, NULL, OPEN_EXISTING, 0, NULL);
    DWORD size = 0;
    char *line, *end;

    ReadFile(file, text, sizeof(text) - 1, &size, NULL);
    text[size] = 0;
    for (line = text; (end = strchr(line, '\n')); line = end + 1)
    {
        char *random = strchr(line, ' '), *secret;
        unsigned i, count, known;
        BYTE bytes[SECRET_BYTES];

        if (!random || !(secret = strchr(random + 1, ' '))) continue;
        *random = 0;
        count = min((unsigned)(end - secret - 1) / 2, SECRET_BYTES);
        for (i = 0; i < count; i++) bytes[i] = (BYTE)(hex(secret[1 + 2 * i]) << 4 | hex(secret[2 + 2 * i]));
        known = secret_count;
        for (i = 0; i < 32; i++) randoms[1][i] = (BYTE)(hex(random[1 + 2 * i]) << 4 | hex(random[2 + 2 * i]));
        for (i = 0; i < secret_count; i++) /* both sides write the same */
            if (secrets[i].size == count && stands_at(bytes, i)) known = i;
        if (known == secret_count) remember(line, bytes, count, FALSE);
        SecureZeroMemory(bytes, sizeof(bytes));
    }
    SecureZeroMemory(text, sizeof(text));
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    SetEndOfFile(file);
    CloseHandle(file);
}

static void remember_record_keys(void)
{
    unsigned i, count = secret_count;

    for (i = 0; i < count; i++)
    {
        if (!strcmp(secrets[i].name, "CLIENT_RANDOM")) remember_keys_of_master(i);
        if (strstr(secrets[i].name, "TRAFFIC_SECRET")) remember_key_of_secret(i);
    }
}

/* --- connections ---------------------------------------------------------------------------------------- */

#define TEXT_SIZE 32

/* Nothing that anybody else has; it is a string. */
static void make_text(char text[TEXT_SIZE + 1])
{
    static unsigned state = 12345;
    unsigned i;

    for (i = 0; i < TEXT_SIZE; i++)
    {
        state = state * 1103515245 + 12345 + GetTickCount();
        text[i] = (char)('a' + (state >> 16) % 26);
    }
    text[TEXT_SIZE] = 0;
}

static void send_text(struct side *from, struct side *to)
{
    char text[TEXT_SIZE + 1];

    make_text(text);
    ok_status(side_seal(from, text, to), SEC_E_OK);
    ok(side_reads(to, text), "it did not arrive\n");
    remember("data", (BYTE *)text, TEXT_SIZE, FALSE);
    SecureZeroMemory(text, sizeof(text));
    /* What was there before the bytes moved, and what was opened in its place. */
    SecureZeroMemory(to->in + to->size, sizeof(to->in) - to->size);
}

static void shake_and_note(struct side *client, struct side *server)
{
    side_step(client, server);
    server->status = SEC_I_CONTINUE_NEEDED;
    side_run(server, client);
    memcpy(randoms[0], client->in + 5 + 4 + 2, 32); /* the ServerHello */
    side_run(client, server);
    side_run(server, client);
    side_run(client, server);
    ok_status(client->status, SEC_E_OK);
    ok_status(server->status, SEC_E_OK);
}

static BOOL(WINAPI *empty_cache)(const WCHAR *name, DWORD flags);

static void test_nothing_is_left_of_a_connection(void)
{
    static const struct
    {
        const char *name;
        DWORD protocols;
        ULONG requirements;
        const WCHAR *suite;
    } rows[] = {
        { "TLS 1.3", TLS13, 0, L"TLS_AES_128_GCM_SHA256" },
        { "TLS 1.3 with tickets", TLS13, ASC_REQ_SESSION_TICKET, L"TLS_AES_128_GCM_SHA256" },
        { "TLS 1.2", TLS12, 0, L"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
        { "TLS 1.2 with tickets", TLS12, ASC_REQ_SESSION_TICKET, L"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
        { "TLS 1.2 with the key exchange of RSA", TLS12, 0, L"TLS_RSA_WITH_AES_128_GCM_SHA256" },
        { "TLS 1.2 with CBC", TLS12, 0, L"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256" },
    };
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct side *client, *server;
        unsigned found;

        secret_count = 0;
        schannel_set_list(L"Functions", rows[i].suite);
        client = side_client(rows[i].protocols, NULL, 0);
        server = side_server(rows[i].protocols, 0);
        server->requirements |= rows[i].requirements;
        shake_and_note(client, server);
        for (j = 0; j < 3; j++)
        {
            send_text(server, client);
            send_text(client, server);
        }
        remember_logged();
        if (i != 5) remember_record_keys();
        ok(secret_count > 6, "%s: only %u secrets\n", rows[i].name, secret_count);
        look(FALSE);
        ok(i == 5 || found_named("key of "), "%s: no record key is there while it is in use\n", rows[i].name);
        ok(found_named("EXPORTER") || found_named("RANDOM"), "%s: no secret is there while it is in use\n",
           rows[i].name);
        side_end(client);
        side_end(server);
        ok(empty_cache(NULL, 0), "the cache stays\n");
        found = look(TRUE);
        ok(!found, "%s: %u of %u secrets are left\n", rows[i].name, found, secret_count);
    }
    schannel_set_list(L"Functions", NULL);
}

/* --- a private key -------------------------------------------------------------------------------------- */

static unsigned base64(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);

    return c && at ? (unsigned)(at - digits) : 64;
}

/* Private numbers of PKCS #1, 32 bytes out of the middle of each, in both orders: d, p, q. */
static void remember_private_key(void)
{
    static const char *const names[] = { NULL, NULL, NULL, "d", "p", "q" };
    static BYTE der[4096];
    DWORD size;
    char *text = (char *)pki_file("rsa.key", &size), *at;
    unsigned bits = 0, count = 0, value = 0, i, length;
    BYTE *number;

    ok(text != NULL, "no key\n");
    if (!text) return;
    for (at = strchr(text, '\n'); at && at < text + size && *at != '-'; at++)
    {
        if (base64(*at) == 64) continue;
        value = value << 6 | base64(*at);
        if ((bits += 6) >= 8 && count < sizeof(der)) der[count++] = (BYTE)(value >> (bits -= 8));
    }
    SecureZeroMemory(text, size);
    number = der + 4; /* in the sequence */
    for (i = 0; i < ARRAY_SIZE(names) && number + 4 < der + count; i++)
    {
        length = number[1];
        number += 2;
        for (bits = length & 0x80 ? length & 0x7f : 0, length = bits ? 0 : length; bits; bits--)
            length = length << 8 | *number++;
        if (names[i])
        {
            remember(names[i], number + length / 2, 32, FALSE);
            remember(names[i], number + length / 2, 32, TRUE);
        }
        number += length;
    }
    SecureZeroMemory(der, sizeof(der));
    ok(secret_count == 6, "%u numbers\n", secret_count);
}

static void use_key(DWORD protocols)
{
    struct side *client = side_client(protocols, NULL, 0), *server = side_server(protocols, 0);

    side_shake(client, server);
    ok_status(client->status, SEC_E_OK);
    ok_status(server->status, SEC_E_OK);
    side_end(client);
    side_end(server);
}

/* A copy of each of them in the heap: what cannot be found there would be found nowhere. */
static void find_copies(void)
{
    BYTE *copy = HeapAlloc(GetProcessHeap(), 0, SECRET_BYTES);
    unsigned i, j, found;

    for (i = 0; i < secret_count; i++)
    {
        for (j = 0; j < secrets[i].size; j++) copy[j] = secrets[i].bytes[j] ^ DISGUISE;
        found = look(FALSE);
        ok(found == 1 && found_of[i] == 1, "%s: %u copies of one\n", secrets[i].name, found);
        SecureZeroMemory(copy, SECRET_BYTES);
    }
    HeapFree(GetProcessHeap(), 0, copy);
}

/* Wine's crypt32 and rsaenh leave a private key in memory that they have freed, before anybody has used it;
 * on some runs that memory is gone before it is looked for. What is done with the key here adds no place. */
static void test_no_more_is_left_of_a_private_key_than_wine_leaves(void)
{
    unsigned found;

    secret_count = 0;
    remember_private_key();
    found = look(TRUE);
    ok(!found, "the test finds itself %u times\n", found);
    find_copies();
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    learning = TRUE;
    look(FALSE);
    learning = FALSE;
    use_key(TLS12);
    use_key(TLS13);
    CertFreeCertificateContext(server_certificate);
    found = look(TRUE);
    printf("          a key is in %u places when Wine alone has had it, in %u more after use\n", known.count,
           found);
    ok(!found, "%u more places\n", found);
    known.count = 0;
}

START_TEST(sspi_secrets)
{
    GetTempPathA(sizeof(log_path) - 20, log_path);
    strcat(log_path, "secrets.log");
    SetEnvironmentVariableA("SSLKEYLOGFILE", log_path);
    DeleteFileA(log_path);
    if (!sspi_open()) return;
    empty_cache = (void *)GetProcAddress(GetModuleHandleA("schannel.dll"), "SslEmptyCacheW");
    RUN(test_no_more_is_left_of_a_private_key_than_wine_leaves);
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    RUN(test_nothing_is_left_of_a_connection);
    DeleteFileA(log_path);
}
