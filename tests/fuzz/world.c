/*
 * The Windows that the native build runs on.
 */
#include "world.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <arpa/inet.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_mutex_pre_lock(lock, flags)         (void)(lock)
#define __tsan_mutex_post_lock(lock, flags, depth) (void)(lock)
#define __tsan_mutex_pre_unlock(lock, flags)       (void)(lock)
#define __tsan_mutex_post_unlock(lock, flags)      (void)(lock)
#endif

struct span world_registry;
DWORD world_verdict;
PCCERT_CONTEXT world_my;

static __thread DWORD last_error;

DWORD WINAPI GetLastError(void)
{
    return last_error;
}

void WINAPI SetLastError(DWORD error)
{
    last_error = error;
}

/* --- wide strings --------------------------------------------------------------------------------------- */

size_t wide_length(const wchar_t *text)
{
    size_t size = 0;

    while (text[size]) size++;
    return size;
}

wchar_t *wide_copy(wchar_t *to, const wchar_t *from)
{
    return memcpy(to, from, (wide_length(from) + 1) * sizeof(*to));
}

wchar_t *wide_append(wchar_t *to, const wchar_t *from)
{
    wide_copy(to + wide_length(to), from);
    return to;
}

static wchar_t fold(wchar_t c)
{
    return c >= 'A' && c <= 'Z' ? (wchar_t)(c + 32) : c;
}

int wide_compare(const wchar_t *a, const wchar_t *b)
{
    while (*a && *a == *b) a++, b++;
    return *a - *b;
}

int wide_compare_some(const wchar_t *a, const wchar_t *b, size_t count)
{
    for (; count; a++, b++, count--)
    {
        if (fold(*a) != fold(*b)) return fold(*a) - fold(*b);
        if (!*a) break;
    }
    return 0;
}

int wide_compare_folded(const wchar_t *a, const wchar_t *b)
{
    return wide_compare_some(a, b, ~(size_t)0);
}

wchar_t *wide_last(const wchar_t *text, wchar_t c)
{
    const wchar_t *found = NULL;

    for (; *text; text++)
        if (*text == c) found = text;
    return (wchar_t *)found;
}

size_t wide_span(const wchar_t *text, const wchar_t *reject)
{
    size_t size;

    for (size = 0; text[size]; size++)
    {
        const wchar_t *c = reject;

        while (*c && *c != text[size]) c++;
        if (*c) break;
    }
    return size;
}

int WINAPI MultiByteToWideChar(UINT page, DWORD flags, const char *text, int size, WCHAR *wide, int room)
{
    int i, count = size < 0 ? (int)strlen(text) + 1 : size;

    (void)page;
    (void)flags;
    if (!room) return count;
    if (room < count) return 0;
    for (i = 0; i < count; i++) wide[i] = (unsigned char)text[i];
    return count;
}

int WINAPI WideCharToMultiByte(UINT page, DWORD flags, const WCHAR *wide, int size, char *text, int room,
                               const char *unknown, BOOL *used)
{
    int i, count = size < 0 ? (int)wide_length(wide) + 1 : size;

    (void)page;
    (void)flags;
    (void)unknown;
    (void)used;
    if (!room) return count;
    if (room < count) return 0;
    for (i = 0; i < count; i++) text[i] = (char)wide[i];
    return count;
}

static LONG parse_address(int family, const wchar_t *text, const wchar_t **end, void *address)
{
    char narrow[INET6_ADDRSTRLEN];
    size_t i, size = wide_length(text);

    if (size >= sizeof(narrow)) return (LONG)0xC000000D;
    for (i = 0; i <= size; i++)
    {
        if (text[i] > 0x7f) return (LONG)0xC000000D;
        narrow[i] = (char)text[i];
    }
    *end = text + size;
    return inet_pton(family, narrow, address) == 1 ? 0 : (LONG)0xC000000D;
}

/* inet_pton takes decimals alone, as the strict one. */
LONG WINAPI RtlIpv4StringToAddressW(const wchar_t *text, BOOLEAN strict, const wchar_t **end, void *address)
{
    (void)strict;
    return parse_address(AF_INET, text, end, address);
}

LONG WINAPI RtlIpv6StringToAddressW(const wchar_t *text, const wchar_t **end, void *address)
{
    return parse_address(AF_INET6, text, end, address);
}

int WINAPI IdnToAscii(DWORD flags, const WCHAR *text, int size, WCHAR *ascii, int room)
{
    int count = size < 0 ? (int)wide_length(text) + 1 : size, i;

    (void)flags;
    if (count > room) return 0;
    for (i = 0; i < count; i++) ascii[i] = text[i] < 0x80 ? text[i] : 'x';
    return count;
}

int __mingw_vsnprintf(char *out, size_t room, const char *format, va_list args)
{
    return vsnprintf(out, room, format, args);
}

int __mingw_snprintf(char *out, size_t room, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(out, room, format, args);
    va_end(args);
    return size;
}

int __mingw_sprintf(char *out, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsprintf(out, format, args);
    va_end(args);
    return size;
}

/* --- locks, heap, time ---------------------------------------------------------------------------------- */

/* -1: one holds it alone; more than 0: so many share it. ThreadSanitizer is told, and so sees in which order
 * locks are taken. */
void WINAPI AcquireSRWLockExclusive(SRWLOCK *lock)
{
    LONG_PTR *word = (LONG_PTR *)&lock->Ptr, free_word = 0;

    __tsan_mutex_pre_lock(lock, 0);
    while (!__atomic_compare_exchange_n(word, &free_word, -1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    {
        free_word = 0;
        sched_yield();
    }
    __tsan_mutex_post_lock(lock, 0, 0);
}

void WINAPI ReleaseSRWLockExclusive(SRWLOCK *lock)
{
    LONG_PTR *word = (LONG_PTR *)&lock->Ptr;

    __tsan_mutex_pre_unlock(lock, 0);
    if (__atomic_load_n(word, __ATOMIC_RELAXED) != -1) abort(); /* nobody holds it */
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    __tsan_mutex_post_unlock(lock, 0);
}

void WINAPI AcquireSRWLockShared(SRWLOCK *lock)
{
    LONG_PTR *word = (LONG_PTR *)&lock->Ptr, seen;

    __tsan_mutex_pre_lock(lock, __tsan_mutex_read_lock);
    for (;;)
    {
        seen = __atomic_load_n(word, __ATOMIC_RELAXED);
        if (seen >= 0 &&
            __atomic_compare_exchange_n(word, &seen, seen + 1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            break;
        sched_yield();
    }
    __tsan_mutex_post_lock(lock, __tsan_mutex_read_lock, 0);
}

void WINAPI ReleaseSRWLockShared(SRWLOCK *lock)
{
    __tsan_mutex_pre_unlock(lock, __tsan_mutex_read_lock);
    if (__atomic_fetch_sub((LONG_PTR *)&lock->Ptr, 1, __ATOMIC_RELEASE) <= 0) abort();
    __tsan_mutex_post_unlock(lock, __tsan_mutex_read_lock);
}

/* The kernel's: who is not woken sleeps for ever, and is found. */
BOOL WINAPI WaitOnAddress(volatile void *address, void *value, SIZE_T size, DWORD timeout)
{
    if (size != sizeof(int) || timeout != INFINITE) abort(); /* nobody asks for more */
    syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, *(int *)value, NULL, NULL, 0);
    return TRUE;
}

void WINAPI WakeByAddressSingle(void *address)
{
    syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* As on Windows: what the function leaves in `result` is kept, with a bit below that says it is done. */
BOOL WINAPI InitOnceExecuteOnce(INIT_ONCE *once, PINIT_ONCE_FN function, void *parameter, void **result)
{
    ULONG_PTR *state = (ULONG_PTR *)&once->Ptr, seen; /* 1: somebody is at it */
    void *made = NULL;

    /* No lock for all of them: a function may need what another one makes. */
    while (!((seen = __atomic_load_n(state, __ATOMIC_ACQUIRE)) & 2))
    {
        if (seen || !__atomic_compare_exchange_n(state, &seen, 1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        {
            sched_yield();
            continue;
        }
        if (!function(once, parameter, &made))
        {
            __atomic_store_n(state, 0, __ATOMIC_RELEASE);
            return FALSE;
        }
        __atomic_store_n(state, (ULONG_PTR)made | 2, __ATOMIC_RELEASE);
    }
    if (result) *result = (void *)(seen & ~(ULONG_PTR)3);
    return TRUE;
}

HANDLE WINAPI GetProcessHeap(void)
{
    return (HANDLE)1;
}

void *WINAPI HeapAlloc(HANDLE heap, DWORD flags, SIZE_T size)
{
    (void)heap;
    return flags & HEAP_ZERO_MEMORY ? calloc(1, size ? size : 1) : malloc(size ? size : 1);
}

BOOL WINAPI HeapFree(HANDLE heap, DWORD flags, void *memory)
{
    (void)heap;
    (void)flags;
    free(memory);
    return TRUE;
}

void WINAPI GetSystemTimeAsFileTime(FILETIME *time)
{
    struct timespec now;
    ULONG64 ticks;

    clock_gettime(CLOCK_REALTIME, &now);
    ticks = (ULONG64)now.tv_sec * 10000000 + (ULONG64)now.tv_nsec / 100 + 116444736000000000ull;
    time->dwLowDateTime = (DWORD)ticks;
    time->dwHighDateTime = (DWORD)(ticks >> 32);
}

void WINAPI GetSystemTimePreciseAsFileTime(FILETIME *time)
{
    GetSystemTimeAsFileTime(time);
}

HMODULE WINAPI GetModuleHandleW(const WCHAR *name)
{
    (void)name;
    return NULL;
}

HMODULE WINAPI LoadLibraryW(const WCHAR *name)
{
    (void)name;
    return NULL;
}

HMODULE WINAPI LoadLibraryExW(const WCHAR *name, HANDLE file, DWORD flags)
{
    (void)name;
    (void)file;
    (void)flags;
    return NULL;
}

FARPROC WINAPI GetProcAddress(HMODULE module, const char *name)
{
    (void)module;
    (void)name;
    return NULL;
}

/* Here a thread that ends cleans up by itself. */
void glwthread_tls_process_destructors(void)
{
}

/* --- files: what the user's variables name ----------------------------------------------------------------
 */

DWORD WINAPI GetEnvironmentVariableW(const WCHAR *name, WCHAR *value, DWORD size)
{
    static const struct
    {
        const wchar_t *wide;
        const char *name;
    } known[] = {
        { L"SSLKEYLOGFILE", "SSLKEYLOGFILE" },
        { L"SCHANNEL_LOG_LEVEL", "SCHANNEL_LOG_LEVEL" },
        { L"SCHANNEL_LOG_PATH", "SCHANNEL_LOG_PATH" },
    };
    const char *text = NULL;
    DWORD length, i;

    for (i = 0; i < ARRAY_SIZE(known); i++)
        if (!wide_compare(name, known[i].wide)) text = getenv(known[i].name);
    length = text ? (DWORD)strlen(text) : 0;

    if (!text)
        SetLastError(ERROR_ENVVAR_NOT_FOUND);
    else if (length >= size)
        return length + 1;
    else
        for (i = 0; i <= length; i++) value[i] = (unsigned char)text[i];
    return length;
}

BOOL WINAPI GetModuleHandleExW(DWORD flags, const WCHAR *name, HMODULE *module)
{
    (void)flags;
    (void)name;
    *module = NULL;
    return FALSE;
}

DWORD WINAPI GetModuleFileNameW(HMODULE module, WCHAR *path, DWORD size)
{
    static const wchar_t name[] = L"native.exe";

    if (module || size < ARRAY_SIZE(name)) return 0;
    memcpy(path, name, sizeof(name));
    return ARRAY_SIZE(name) - 1;
}

HANDLE WINAPI CreateFileW(const WCHAR *name, DWORD access, DWORD share, SECURITY_ATTRIBUTES *security,
                          DWORD disposition, DWORD attributes, HANDLE like)
{
    char path[1024];
    size_t i, length = wide_length(name);
    FILE *file;

    (void)access;
    (void)share;
    (void)security;
    (void)disposition;
    (void)attributes;
    (void)like;
    SetLastError(ERROR_FILE_NOT_FOUND);
    if (length >= sizeof(path)) return INVALID_HANDLE_VALUE;
    for (i = 0; i <= length; i++) path[i] = name[i] == '\\' ? '/' : (char)name[i];
    if (!(file = fopen(path, "ab"))) return INVALID_HANDLE_VALUE;
    setvbuf(file, NULL, _IONBF, 0);
    return file;
}

BOOL WINAPI WriteFile(HANDLE file, const void *bytes, DWORD size, DWORD *written, OVERLAPPED *overlapped)
{
    (void)overlapped;
    *written = (DWORD)fwrite(bytes, 1, size, (FILE *)file);
    return *written == size;
}

BOOL WINAPI LockFileEx(HANDLE file, DWORD flags, DWORD reserved, DWORD size, DWORD size_high,
                       OVERLAPPED *overlapped)
{
    (void)file;
    (void)flags;
    (void)reserved;
    (void)size;
    (void)size_high;
    (void)overlapped;
    return FALSE;
}

BOOL WINAPI UnlockFileEx(HANDLE file, DWORD reserved, DWORD size, DWORD size_high, OVERLAPPED *overlapped)
{
    (void)file;
    (void)reserved;
    (void)size;
    (void)size_high;
    (void)overlapped;
    return FALSE;
}

DWORD WINAPI GetCurrentThreadId(void)
{
    return 1;
}

void WINAPI GetLocalTime(SYSTEMTIME *time)
{
    memset(time, 0, sizeof(*time));
}

void WINAPI RaiseException(DWORD code, DWORD flags, DWORD count, const ULONG_PTR *arguments)
{
    (void)code;
    (void)flags;
    (void)count;
    (void)arguments;
}

/* --- the registry --------------------------------------------------------------------------------------- */

/* The stores of certificates are always there, and never change. */
static BOOL is_store(const WCHAR *name)
{
    static const wchar_t end[] = L"Certificates";
    size_t length = wide_length(name), end_length = ARRAY_SIZE(end) - 1;

    return length >= end_length && !wide_compare(name + length - end_length, end);
}

LSTATUS WINAPI RegOpenKeyExW(HKEY key, const WCHAR *name, DWORD options, REGSAM access, HKEY *opened)
{
    (void)key;
    (void)options;
    (void)access;
    if (!world_registry.size && !is_store(name)) return ERROR_FILE_NOT_FOUND;
    *opened = (HKEY)2;
    return ERROR_SUCCESS;
}

LSTATUS WINAPI RegCloseKey(HKEY key)
{
    (void)key;
    return ERROR_SUCCESS;
}

/* Every key has all of these below it, one of them twice, when there is something to be read. */
LSTATUS WINAPI RegEnumKeyExW(HKEY key, DWORD index, WCHAR *name, DWORD *size, DWORD *reserved, WCHAR *class,
                             DWORD *class_size, FILETIME *written)
{
    static const char *const names[] = {
        "Ciphers", "Hashes",    "a name of nobody's, and longer than any that somebody has",
        "Ciphers", "Protocols", "KeyExchangeAlgorithms",
        "SSL 2.0", "TLS 1.0",   "TLS 1.3",
        "DTLS 1.2"
    };
    DWORD i;

    (void)key;
    (void)reserved;
    (void)class;
    (void)class_size;
    (void)written;
    if (!world_registry.size || index >= ARRAY_SIZE(names)) return ERROR_NO_MORE_ITEMS;
    if (strlen(names[index]) >= *size) return ERROR_MORE_DATA;
    for (i = 0; names[index][i]; i++) name[i] = (WCHAR)names[index][i];
    name[ *size = i] = 0;
    return ERROR_SUCCESS;
}

LSTATUS WINAPI RegQueryInfoKeyW(HKEY key, WCHAR *class, DWORD *class_size, DWORD *reserved, DWORD *keys,
                                DWORD *key_size, DWORD *longest_class, DWORD *values, DWORD *value_name,
                                DWORD *value_size, DWORD *security, FILETIME *written)
{
    (void)key;
    (void)class;
    (void)class_size;
    (void)reserved;
    (void)keys;
    (void)key_size;
    (void)longest_class;
    (void)value_name;
    (void)value_size;
    (void)security;
    (void)written;
    *values = world_registry.size != 0;
    return ERROR_SUCCESS;
}

static DWORD wanted_flag(DWORD type)
{
    return type == REG_DWORD      ? RRF_RT_REG_DWORD
           : type == REG_SZ       ? RRF_RT_REG_SZ
           : type == REG_MULTI_SZ ? RRF_RT_REG_MULTI_SZ
                                  : 0;
}

/* Type, size and bytes come off the front. As Windows does, strings are ended for the caller. */
LSTATUS WINAPI RegGetValueW(HKEY key, const WCHAR *subkey, const WCHAR *name, DWORD flags, DWORD *type,
                            void *data, DWORD *size)
{
    static const DWORD types[] = { REG_DWORD, REG_SZ, REG_MULTI_SZ, REG_BINARY };
    struct span rest = world_registry, bytes;
    uint32_t kind, length;
    DWORD needed, end, i;

    (void)key;
    (void)subkey;
    (void)name;
    if (!span_take_number(&rest, 1, &kind) || kind & 0x80)
    {
        world_registry = rest;
        return ERROR_FILE_NOT_FOUND;
    }
    kind = types[kind % ARRAY_SIZE(types)];
    if (kind == REG_DWORD)
        length = 4;
    else if (!span_take_number(&rest, 2, &length))
        return ERROR_FILE_NOT_FOUND;
    if (!span_take(&rest, length, &bytes)) return ERROR_FILE_NOT_FOUND;
    if (!(flags & wanted_flag(kind)) || (kind == REG_DWORD && length != 4))
    {
        world_registry = rest;
        return ERROR_UNSUPPORTED_TYPE;
    }
    end = kind == REG_DWORD ? 0 : kind == REG_SZ ? 2 : 4;
    needed = (length & (end ? ~1u : ~0u)) + end;
    if (type) *type = kind;
    if (!data)
    {
        *size = needed;
        return ERROR_SUCCESS; /* the value stays for the second call */
    }
    if (*size < needed)
    {
        *size = needed;
        return ERROR_MORE_DATA;
    }
    world_registry = rest;
    memcpy(data, bytes.data, needed - end);
    for (i = 0; i < end; i++) ((BYTE *)data)[needed - end + i] = 0;
    *size = needed;
    return ERROR_SUCCESS;
}

LSTATUS WINAPI RegNotifyChangeKeyValue(HKEY key, BOOL subtree, DWORD filter, HANDLE event, BOOL asynchronous)
{
    (void)key;
    (void)subtree;
    (void)filter;
    (void)event;
    (void)asynchronous;
    return ERROR_SUCCESS;
}

HANDLE WINAPI CreateEventW(SECURITY_ATTRIBUTES *security, BOOL manual, BOOL initial, const WCHAR *name)
{
    (void)security;
    (void)manual;
    (void)initial;
    (void)name;
    return (HANDLE)3;
}

/* Whatever is watched has changed, as long as there is something to be read. */
DWORD WINAPI WaitForSingleObject(HANDLE handle, DWORD timeout)
{
    (void)handle;
    (void)timeout;
    return world_registry.size ? WAIT_OBJECT_0 : WAIT_TIMEOUT;
}

/* --- certificates --------------------------------------------------------------------------------------- */

struct certificate
{
    CERT_CONTEXT context;
    CERT_INFO info;
    volatile LONG references;
    gnutls_datum_t subject, issuer;
};

struct store
{
    PCCERT_CONTEXT certificates[64];
    unsigned count;
    BOOL borrowed; /* one of the world's */
    volatile LONG references;
};

static struct certificate *inside(PCCERT_CONTEXT context)
{
    return CONTAINING_RECORD(context, struct certificate, context);
}

static FILETIME file_time(time_t time)
{
    ULONG64 ticks = (ULONG64)time * 10000000 + 116444736000000000ull;

    return (FILETIME){ (DWORD)ticks, (DWORD)(ticks >> 32) };
}

PCCERT_CONTEXT WINAPI CertCreateCertificateContext(DWORD encoding, const BYTE *der, DWORD size)
{
    static char rsa[] = szOID_RSA_RSA;
    gnutls_datum_t data = { (unsigned char *)der, size };
    struct certificate *certificate = NULL;
    gnutls_x509_crt_t crt;

    (void)encoding;
    if (gnutls_x509_crt_init(&crt) < 0) return NULL;
    if (gnutls_x509_crt_import(crt, &data, GNUTLS_X509_FMT_DER) >= 0 &&
        (certificate = calloc(1, sizeof(*certificate))))
    {
        certificate->references = 1;
        gnutls_x509_crt_get_raw_dn(crt, &certificate->subject);
        gnutls_x509_crt_get_raw_issuer_dn(crt, &certificate->issuer);
        certificate->info.Subject = (CERT_NAME_BLOB){ certificate->subject.size, certificate->subject.data };
        certificate->info.Issuer = (CERT_NAME_BLOB){ certificate->issuer.size, certificate->issuer.data };
        certificate->info.SubjectPublicKeyInfo.Algorithm.pszObjId = rsa;
        certificate->info.SubjectPublicKeyInfo.PublicKey.cbData = size < 16 ? size : 16;
        certificate->info.SignatureAlgorithm.pszObjId = rsa;
        certificate->context.pbCertEncoded = malloc(size);
        memcpy(certificate->context.pbCertEncoded, der, size);
        certificate->info.SubjectPublicKeyInfo.PublicKey.pbData = certificate->context.pbCertEncoded;
        certificate->info.SerialNumber = certificate->info.SubjectPublicKeyInfo.PublicKey.cbData
                                             ? (CRYPT_INTEGER_BLOB){ 8, certificate->context.pbCertEncoded }
                                             : (CRYPT_INTEGER_BLOB){ 0, NULL };
        certificate->info.NotAfter = file_time(gnutls_x509_crt_get_expiration_time(crt));
        certificate->context.cbCertEncoded = size;
        certificate->context.pCertInfo = &certificate->info;
    }
    gnutls_x509_crt_deinit(crt);
    if (!certificate) last_error = (DWORD)CRYPT_E_BAD_ENCODE;
    return certificate ? &certificate->context : NULL;
}

PCCERT_CONTEXT WINAPI CertDuplicateCertificateContext(PCCERT_CONTEXT context)
{
    if (context) __atomic_add_fetch(&inside(context)->references, 1, __ATOMIC_RELAXED);
    return context;
}

BOOL WINAPI CertFreeCertificateContext(PCCERT_CONTEXT context)
{
    struct certificate *certificate;

    if (!context) return TRUE;
    certificate = inside(context);
    if (__atomic_sub_fetch(&certificate->references, 1, __ATOMIC_ACQ_REL)) return TRUE;
    if (context->hCertStore) CertCloseStore(context->hCertStore, 0);
    gnutls_free(certificate->subject.data);
    gnutls_free(certificate->issuer.data);
    free(context->pbCertEncoded);
    free(certificate);
    return TRUE;
}

/* Memory, a collection that stays empty, or MY. */
HCERTSTORE WINAPI CertOpenStore(const char *provider, DWORD encoding, HCRYPTPROV_LEGACY crypt, DWORD flags,
                                const void *para)
{
    struct store *store;
    BOOL system = provider == CERT_STORE_PROV_SYSTEM_W;

    (void)encoding;
    (void)crypt;
    (void)flags;
    if (system && (!world_my || wide_compare(para, L"MY"))) return NULL;
    if (!(store = calloc(1, sizeof(*store)))) return NULL;
    store->references = 1;
    if (!system) return store;
    store->borrowed = TRUE;
    store->certificates[store->count++] = world_my;
    return store;
}

HCERTSTORE WINAPI CertDuplicateStore(HCERTSTORE handle)
{
    struct store *store = handle;

    if (store) __atomic_add_fetch(&store->references, 1, __ATOMIC_RELAXED);
    return handle;
}

BOOL WINAPI CertCloseStore(HCERTSTORE handle, DWORD flags)
{
    struct store *store = handle;

    (void)flags;
    if (store && !__atomic_sub_fetch(&store->references, 1, __ATOMIC_ACQ_REL)) free(store);
    return TRUE;
}

BOOL WINAPI CertAddStoreToCollection(HCERTSTORE collection, HCERTSTORE store, DWORD flags, DWORD priority)
{
    (void)collection;
    (void)store;
    (void)flags;
    (void)priority;
    return TRUE;
}

/* The store knows its certificates as long as they live; each keeps the store. */
BOOL WINAPI CertAddEncodedCertificateToStore(HCERTSTORE handle, DWORD encoding, const BYTE *der, DWORD size,
                                             DWORD disposition, PCCERT_CONTEXT *out)
{
    PCCERT_CONTEXT context = CertCreateCertificateContext(encoding, der, size);

    (void)disposition;
    if (!context) return FALSE;
    if (out)
    {
        inside(context)->context.hCertStore = CertDuplicateStore(handle);
        *out = context;
    }
    else
        CertFreeCertificateContext(context);
    return TRUE;
}

PCCERT_CONTEXT WINAPI CertEnumCertificatesInStore(HCERTSTORE handle, PCCERT_CONTEXT previous)
{
    struct store *store = handle;
    unsigned next = 0;

    while (previous && store->certificates[next++] != previous)
        ;
    CertFreeCertificateContext(previous);
    return next < store->count ? CertDuplicateCertificateContext(store->certificates[next]) : NULL;
}

PCCERT_CONTEXT WINAPI CertFindCertificateInStore(HCERTSTORE store, DWORD encoding, DWORD flags, DWORD type,
                                                 const void *para, PCCERT_CONTEXT previous)
{
    (void)store;
    (void)encoding;
    (void)flags;
    (void)type;
    (void)para;
    CertFreeCertificateContext(previous);
    return NULL;
}

BOOL WINAPI CertSaveStore(HCERTSTORE store, DWORD encoding, DWORD as, DWORD to, void *para, DWORD flags)
{
    CERT_BLOB *blob = para;

    (void)store;
    (void)encoding;
    (void)as;
    (void)to;
    (void)flags;
    blob->cbData = 100;
    if (blob->pbData) memset(blob->pbData, 1, blob->cbData);
    return TRUE;
}

BOOL WINAPI CertCompareCertificateName(DWORD encoding, CERT_NAME_BLOB *a, CERT_NAME_BLOB *b)
{
    (void)encoding;
    return a->cbData == b->cbData && !memcmp(a->pbData, b->pbData, a->cbData);
}

DWORD WINAPI CertGetPublicKeyLength(DWORD encoding, CERT_PUBLIC_KEY_INFO *key)
{
    (void)encoding;
    return key->PublicKey.cbData * 8;
}

DWORD WINAPI CertNameToStrW(DWORD encoding, CERT_NAME_BLOB *name, DWORD type, WCHAR *text, DWORD room)
{
    DWORD i, size = (name->cbData < 20 ? name->cbData : 20) + 1;

    (void)encoding;
    (void)type;
    if (!text || !room) return size;
    for (i = 0; i + 1 < size && i + 1 < room; i++) text[i] = 'n';
    text[i] = 0;
    return i + 1;
}

DWORD WINAPI CertNameToStrA(DWORD encoding, CERT_NAME_BLOB *name, DWORD type, char *text, DWORD room)
{
    DWORD i, size = (name->cbData < 20 ? name->cbData : 20) + 1;

    (void)encoding;
    (void)type;
    if (!text || !room) return size;
    for (i = 0; i + 1 < size && i + 1 < room; i++) text[i] = 'n';
    text[i] = 0;
    return i + 1;
}

DWORD WINAPI CertOIDToAlgId(const char *oid)
{
    return strcmp(oid, szOID_RSA_RSA) ? 0 : CALG_RSA_KEYX;
}

BOOL WINAPI CryptDecodeObject(DWORD encoding, const char *type, const BYTE *data, DWORD size, DWORD flags,
                              void *info, DWORD *info_size)
{
    (void)encoding;
    (void)type;
    (void)data;
    (void)size;
    (void)flags;
    (void)info;
    *info_size = 1;
    return TRUE;
}

BOOL WINAPI CryptStringToBinaryA(const char *text, DWORD size, DWORD flags, BYTE *out, DWORD *out_size,
                                 DWORD *skipped, DWORD *found)
{
    gnutls_datum_t in = { (unsigned char *)text, size }, made = { NULL, 0 };

    (void)flags;
    (void)skipped;
    (void)found;
    if (gnutls_base64_decode2(&in, &made) < 0) return FALSE;
    if (out && *out_size >= made.size) memcpy(out, made.data, made.size);
    *out_size = made.size;
    gnutls_free(made.data);
    return TRUE;
}

BOOL WINAPI CryptVerifyCertificateSignature(HCRYPTPROV_LEGACY provider, DWORD encoding, const BYTE *der,
                                            DWORD size, CERT_PUBLIC_KEY_INFO *key)
{
    (void)provider;
    (void)encoding;
    (void)der;
    (void)key;
    return size & 1;
}

BOOL WINAPI CertGetEnhancedKeyUsage(PCCERT_CONTEXT context, DWORD flags, CERT_ENHKEY_USAGE *usage,
                                    DWORD *size)
{
    (void)context;
    (void)flags;
    *size = sizeof(*usage);
    if (usage) usage->cUsageIdentifier = 0;
    last_error = (DWORD)CRYPT_E_NOT_FOUND;
    return TRUE;
}

LONG WINAPI CertVerifyTimeValidity(FILETIME *time, CERT_INFO *info)
{
    (void)time;
    (void)info;
    return 0;
}

CERT_EXTENSION *WINAPI CertFindExtension(const char *oid, DWORD count, CERT_EXTENSION *extensions)
{
    (void)oid;
    (void)count;
    (void)extensions;
    return NULL;
}

/* --- chains: the leaf alone, and what the world says of it ---------------------------------------------- */

struct chain
{
    CERT_CHAIN_CONTEXT context;
    CERT_SIMPLE_CHAIN simple, *simples[1];
    CERT_CHAIN_ELEMENT element, *elements[1];
};

BOOL WINAPI CertGetCertificateChain(HCERTCHAINENGINE engine, PCCERT_CONTEXT leaf, FILETIME *time,
                                    HCERTSTORE store, CERT_CHAIN_PARA *para, DWORD flags, void *reserved,
                                    PCCERT_CHAIN_CONTEXT *out)
{
    struct chain *chain = calloc(1, sizeof(*chain));

    (void)engine;
    (void)time;
    (void)store;
    (void)para;
    (void)flags;
    (void)reserved;
    if (!chain) return FALSE;
    chain->element.pCertContext = CertDuplicateCertificateContext(leaf);
    chain->elements[0] = &chain->element;
    chain->simple.cElement = 1;
    chain->simple.rgpElement = chain->elements;
    chain->simples[0] = &chain->simple;
    chain->context.cChain = 1;
    chain->context.rgpChain = chain->simples;
    *out = &chain->context;
    return TRUE;
}

void WINAPI CertFreeCertificateChain(PCCERT_CHAIN_CONTEXT context)
{
    struct chain *chain = CONTAINING_RECORD(context, struct chain, context);

    CertFreeCertificateContext(chain->element.pCertContext);
    free(chain);
}

BOOL WINAPI CertVerifyCertificateChainPolicy(const char *policy, PCCERT_CHAIN_CONTEXT chain,
                                             CERT_CHAIN_POLICY_PARA *para, CERT_CHAIN_POLICY_STATUS *status)
{
    (void)policy;
    (void)chain;
    (void)para;
    status->dwError = world_verdict;
    return TRUE;
}

/* --- lists of what was revoked: there are none ---------------------------------------------------------- */

BOOL WINAPI CertFindCertificateInCRL(PCCERT_CONTEXT leaf, PCCRL_CONTEXT list, DWORD flags, void *reserved,
                                     CRL_ENTRY **entry)
{
    (void)leaf;
    (void)list;
    (void)flags;
    (void)reserved;
    *entry = NULL;
    return TRUE;
}

BOOL WINAPI CertFreeCRLContext(PCCRL_CONTEXT list)
{
    (void)list;
    return TRUE;
}

BOOL WINAPI CryptVerifyCertificateSignatureEx(HCRYPTPROV_LEGACY provider, DWORD encoding, DWORD subject_type,
                                              void *subject, DWORD issuer_type, void *issuer, DWORD flags,
                                              void *extra)
{
    (void)provider;
    (void)encoding;
    (void)subject_type;
    (void)subject;
    (void)issuer_type;
    (void)issuer;
    (void)flags;
    (void)extra;
    return FALSE;
}

/* --- CryptoAPI: what ssl.c asks for --------------------------------------------------------------------- */

BOOL WINAPI CryptAcquireContextW(HCRYPTPROV *provider, const WCHAR *container, const WCHAR *name, DWORD type,
                                 DWORD flags)
{
    (void)container;
    (void)name;
    (void)type;
    (void)flags;
    *provider = 4;
    return TRUE;
}

BOOL WINAPI CryptReleaseContext(HCRYPTPROV provider, DWORD flags)
{
    (void)provider;
    (void)flags;
    return TRUE;
}

BOOL WINAPI CryptGenRandom(HCRYPTPROV provider, DWORD size, BYTE *bytes)
{
    (void)provider;
    memset(bytes, 7, size);
    return TRUE;
}

BOOL WINAPI CryptGetProvParam(HCRYPTPROV provider, DWORD parameter, BYTE *data, DWORD *size, DWORD flags)
{
    (void)provider;
    (void)parameter;
    (void)data;
    (void)size;
    (void)flags;
    return FALSE;
}
