/*
 * What the file itself exports, and what the package says of itself.
 */
#include "test.h"
#include "door.h"
#include <stddef.h>
#include <ntsecapi.h>
#include <ntsecpkg.h>

static HMODULE module;

static void test_every_export_of_windows_dll_is_there(void)
{
    /* schannel.dll of Windows, by mingw-w64's schannel.def */
    static const char *const names[] = {
        "AcceptSecurityContext",
        "AcquireCredentialsHandleA",
        "AcquireCredentialsHandleW",
        "ApplyControlToken",
        "CloseSslPerformanceData",
        "CollectSslPerformanceData",
        "CompleteAuthToken",
        "DeleteSecurityContext",
        "EnumerateSecurityPackagesA",
        "EnumerateSecurityPackagesW",
        "FreeContextBuffer",
        "FreeCredentialsHandle",
        "ImpersonateSecurityContext",
        "InitSecurityInterfaceA",
        "InitSecurityInterfaceW",
        "InitializeSecurityContextA",
        "InitializeSecurityContextW",
        "MakeSignature",
        "OpenSslPerformanceData",
        "QueryContextAttributesA",
        "QueryContextAttributesW",
        "QuerySecurityPackageInfoA",
        "QuerySecurityPackageInfoW",
        "RevertSecurityContext",
        "SealMessage",
        "SpLsaModeInitialize",
        "SpUserModeInitialize",
        "SslCrackCertificate",
        "SslEmptyCacheA",
        "SslEmptyCacheW",
        "SslFreeCertificate",
        "SslGenerateKeyPair",
        "SslGenerateRandomBits",
        "SslGetExtensions",
        "SslGetMaximumKeySize",
        "SslGetServerIdentity",
        "SslLoadCertificate",
        "UnsealMessage",
        "VerifySignature",
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names); i++)
        ok(GetProcAddress(module, names[i]) != NULL, "%s is missing\n", names[i]);
}

static void test_the_tables_are_new_enough_for_secur32(void)
{
    /* Below 2 secur32 leaves garbage in SetContextAttributes' slot. */
    ok(sspi->dwVersion >= 2 || !sspi_is_direct(), "version %lu\n", sspi->dwVersion);
    ok(sspi->InitializeSecurityContextW && sspi->SetContextAttributesW && sspi->EncryptMessage,
       "an empty slot\n");
    ok(sspi_a->InitializeSecurityContextA && sspi_a->SetContextAttributesA && sspi_a->DecryptMessage,
       "an empty slot\n");
}

static void test_packages(void)
{
    static const WCHAR *const names[] = { UNISP_NAME_W, SCHANNEL_NAME_W };
    SecPkgInfoW *info, *list = NULL;
    SecPkgInfoA *info_a;
    ULONG count = 0;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(names); i++)
    {
        ok_status(sspi->QuerySecurityPackageInfoW((WCHAR *)names[i], &info), SEC_E_OK);
        ok(!wcscmp(info->Name, names[i]) && info->wRPCID == UNISP_RPC_ID && info->wVersion == 1, "%ls\n",
           info->Name);
        ok(info->fCapabilities & SECPKG_FLAG_STREAM && info->fCapabilities & SECPKG_FLAG_CONNECTION, "%#lx\n",
           info->fCapabilities);
        ok(info->cbMaxToken >= 0x4000, "%#lx\n", info->cbMaxToken);
        sspi->FreeContextBuffer(info);
    }
    ok_status(sspi_a->QuerySecurityPackageInfoA((char *)UNISP_NAME_A, &info_a), SEC_E_OK);
    ok(!strcmp(info_a->Name, UNISP_NAME_A), "%s\n", info_a->Name);
    sspi->FreeContextBuffer(info_a);
    ok_status(sspi->QuerySecurityPackageInfoW((WCHAR *)L"Rot13", &info), SEC_E_SECPKG_NOT_FOUND);
    ok_status(sspi->EnumerateSecurityPackagesW(&count, &list), SEC_E_OK);
    ok(count >= 2, "%lu packages\n", count);
    sspi->FreeContextBuffer(list);
}

/*
 * How many bytes a function takes off the stack, called with zeros; a caller of 32 bits goes on with another
 * stack than its own when that is not what its header says.
 */
#ifdef __i386__
static unsigned bytes_popped(void *function)
{
    unsigned popped;

    /* Arguments for the longest; esi keeps the stack as it was. */
    __asm__ volatile("movl %%esp, %%esi\n\t"
                     "andl $-16, %%esp\n\t"
                     "movl $16, %%ecx\n"
                     "1:\tpushl $0\n\t"
                     "decl %%ecx\n\t"
                     "jnz 1b\n\t"
                     "movl %%esp, %%edi\n\t"
                     "call *%%eax\n\t"
                     "movl %%esp, %%ecx\n\t"
                     "subl %%edi, %%ecx\n\t"
                     "movl %%esi, %%esp"
                     : "=&c"(popped), "+a"(function)
                     :
                     : "edx", "esi", "edi", "memory", "cc");
    return popped;
}
#else
static unsigned bytes_popped(void *function)
{
    (void)function;
    return 0; /* callers of 64 bits clean up for themselves */
}
#endif

static void test_each_export_takes_its_arguments_off_the_stack(void)
{
    /* By the names in mingw-w64's 32-bit libschannel.a (NAME@BYTES), which lacks the last two: theirs is what
     * schannel.h declares. None of them minds zeros. */
    static const struct
    {
        const char *name;
        unsigned bytes;
    } rows[] = {
        { "AcceptSecurityContext", 36 },
        { "AcquireCredentialsHandleA", 36 },
        { "AcquireCredentialsHandleW", 36 },
        { "ApplyControlToken", 8 },
        { "CloseSslPerformanceData", 0 },
        { "CollectSslPerformanceData", 16 },
        { "CompleteAuthToken", 8 },
        { "DeleteSecurityContext", 4 },
        { "EnumerateSecurityPackagesA", 8 },
        { "EnumerateSecurityPackagesW", 8 },
        { "FreeContextBuffer", 4 },
        { "FreeCredentialsHandle", 4 },
        { "ImpersonateSecurityContext", 4 },
        { "InitSecurityInterfaceA", 0 },
        { "InitSecurityInterfaceW", 0 },
        { "InitializeSecurityContextA", 48 },
        { "InitializeSecurityContextW", 48 },
        { "MakeSignature", 16 },
        { "OpenSslPerformanceData", 4 },
        { "QueryContextAttributesA", 12 },
        { "QueryContextAttributesW", 12 },
        { "QuerySecurityPackageInfoA", 8 },
        { "QuerySecurityPackageInfoW", 8 },
        { "RevertSecurityContext", 4 },
        { "SealMessage", 16 },
        { "SpLsaModeInitialize", 16 },
        { "SpUserModeInitialize", 16 },
        { "SslCrackCertificate", 16 },
        { "SslEmptyCacheA", 8 },
        { "SslEmptyCacheW", 8 },
        { "SslFreeCertificate", 4 },
        { "SslGenerateKeyPair", 16 },
        { "SslGenerateRandomBits", 8 },
        { "SslGetMaximumKeySize", 4 },
        { "SslLoadCertificate", 12 },
        { "UnsealMessage", 16 },
        { "VerifySignature", 16 },
        { "SslGetExtensions", 24 },
        { "SslGetServerIdentity", 20 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        unsigned popped = bytes_popped((void *)GetProcAddress(module, rows[i].name));

        ok(popped == rows[i].bytes, "%s takes %u bytes, not %u\n", rows[i].name, popped, rows[i].bytes);
    }
}

/* Wine's dlls/schannel/tests/main.c */
static void test_what_the_lsa_asks(void)
{
    NTSTATUS(NTAPI * lsa)
    (ULONG, ULONG *, PSECPKG_FUNCTION_TABLE *, ULONG *) =
        (void *)GetProcAddress(module, "SpLsaModeInitialize");
    NTSTATUS(NTAPI * user)
    (ULONG, ULONG *, PSECPKG_USER_FUNCTION_TABLE *, ULONG *) =
        (void *)GetProcAddress(module, "SpUserModeInitialize");
    PSECPKG_USER_FUNCTION_TABLE user_tables = NULL;
    PSECPKG_FUNCTION_TABLE tables = NULL, again = NULL;
    ULONG version = 0, count = 0, i;
    SecPkgInfoW info;

    ok(!lsa(0, &version, &tables, &count), "SpLsaModeInitialize\n");
    ok(!lsa(0x23456, &version, &again, &count), "SpLsaModeInitialize\n");
    ok(tables && tables == again && count == 2 && version == SECPKG_INTERFACE_VERSION_3,
       "%lu tables of version %#lx\n", count, version);
    for (i = 0; tables && i < count; i++)
    {
        ok(!tables[i].GetInfo((PSecPkgInfo)&info), "GetInfo\n");
        ok(info.wRPCID == UNISP_RPC_ID && info.wVersion == 1 && info.fCapabilities & SECPKG_FLAG_MUTUAL_AUTH,
           "package %lu\n", i);
    }
    version = count = 0xdead;
    ok(user(0x20000, &version, &user_tables, &count) == (NTSTATUS)STATUS_INVALID_PARAMETER &&
           version == 0xdead && !user_tables,
       "a wrong version\n");
    ok(!user(SECPKG_INTERFACE_VERSION, &version, &user_tables, &count) && count == 2 && user_tables,
       "SpUserModeInitialize\n");

    tables = NULL;
    user_tables = NULL;
    version = count = 0xdead;
    ok_status(lsa(0, NULL, &tables, &count), STATUS_INVALID_PARAMETER);
    ok_status(lsa(0, &version, NULL, &count), STATUS_INVALID_PARAMETER);
    ok_status(lsa(0, &version, &tables, NULL), STATUS_INVALID_PARAMETER);
    ok_status(user(SECPKG_INTERFACE_VERSION, NULL, &user_tables, &count), STATUS_INVALID_PARAMETER);
    ok_status(user(SECPKG_INTERFACE_VERSION, &version, NULL, &count), STATUS_INVALID_PARAMETER);
    ok_status(user(SECPKG_INTERFACE_VERSION, &version, &user_tables, NULL), STATUS_INVALID_PARAMETER);
    ok(version == 0xdead && count == 0xdead && !tables && !user_tables, "something was written\n");
}

static void test_random_bits_and_an_empty_cache(void)
{
    void(WINAPI * random)(BYTE *, LONG) = (void *)GetProcAddress(module, "SslGenerateRandomBits");
    BOOL(WINAPI * empty_a)(const char *, DWORD) = (void *)GetProcAddress(module, "SslEmptyCacheA");
    BOOL(WINAPI * empty_w)(const WCHAR *, DWORD) = (void *)GetProcAddress(module, "SslEmptyCacheW");
    BYTE first[16] = { 0 }, next[16] = { 0 };

    random(first, sizeof(first));
    random(next, sizeof(next));
    ok(memcmp(first, next, sizeof(first)), "the same bits twice\n");
    random(NULL, 5);
    random(first, -1);
    ok(empty_a(NULL, 0) && empty_w(L"localhost", 0), "the cache is not empty\n");
}

static void test_a_hello_is_looked_into(void)
{
    HMODULE module = GetModuleHandleA("schannel.dll");
    SECURITY_STATUS(WINAPI * identity)
    (BYTE *, DWORD, BYTE **, DWORD *, DWORD) = (void *)GetProcAddress(module, "SslGetServerIdentity");
    SECURITY_STATUS(WINAPI * extensions)
    (const BYTE *, DWORD, struct client_extension *, BYTE, DWORD *, DWORD) =
        (void *)GetProcAddress(module, "SslGetExtensions");
    struct client_extension wanted[] = { { 43, NULL, 1 }, { 0x7777, (const BYTE *)1, 1 }, { 0, NULL, 0 } };
    struct client client;
    DWORD size = 1, missing = 0;
    BYTE *name = NULL;

    client_acquire(&client, 0, TRUE);
    client.target = L"www.example.test";
    ok_status(client_step(&client), SEC_I_CONTINUE_NEEDED);
    ok_status(identity(client.token, (DWORD)client.token_size, &name, &size, 0), SEC_E_OK);
    ok(size == 16 && !memcmp(name, "www.example.test", 16), "%.*s\n", (int)size, name);
    ok_status(identity(client.token, (DWORD)client.token_size - 1, &name, &size, 0),
              SEC_E_INCOMPLETE_MESSAGE);
    ok(!name && !size, "something was found\n");
    ok_status(identity(NULL, 100, &name, &size, 0), SEC_E_INVALID_PARAMETER);
    ok_status(identity(client.token, 100, NULL, &size, 0), SEC_E_INVALID_PARAMETER);
    ok_status(identity(client.token, 100, &name, NULL, 0), SEC_E_INVALID_PARAMETER);
    ok_status(identity(client.token, 100, &name, &size, 1), SEC_E_INVALID_PARAMETER);

    ok_status(extensions(client.token, (DWORD)client.token_size, wanted, 3, &missing, 0), SEC_E_OK);
    ok(wanted[0].size > 2 && wanted[0].data > client.token, "no supported_versions\n");
    ok(!wanted[1].size && !wanted[1].data, "an extension nobody sent\n");
    ok(wanted[2].size == 21, "server_name of %lu bytes\n", wanted[2].size);
    ok_status(extensions(client.token, 4, wanted, 3, &missing, 0), SEC_E_INCOMPLETE_MESSAGE);
    ok(missing == 1, "%lu bytes are missing\n", missing);
    ok_status(extensions(client.token + 5, (DWORD)client.token_size - 5, wanted, 3, &missing, 1), SEC_E_OK);
    ok(wanted[2].size == 21, "server_name of %lu bytes, without a record\n", wanted[2].size);
    ok_status(extensions(client.token, (DWORD)client.token_size, wanted, 3, NULL, 0),
              SEC_E_INVALID_PARAMETER);
    client_close(&client);
}

/* Who loads the DLL itself may call any of them. */
static void test_no_slot_of_our_tables_is_empty(void)
{
    static const size_t reserved[] = {
        offsetof(SecurityFunctionTableW, Reserved2),
        offsetof(SecurityFunctionTableW, Reserved3),
        offsetof(SecurityFunctionTableW, Reserved4),
        offsetof(SecurityFunctionTableW, Reserved8),
    };
    size_t at, i;

    if (!sspi_is_direct()) SKIP_TEST("secur32 has a table of its own");
    ok(sspi->dwVersion == 5, "version %lu\n", (ULONG)sspi->dwVersion);
    for (at = offsetof(SecurityFunctionTableW, EnumerateSecurityPackagesW); at < sizeof(*sspi);
         at += sizeof(void *))
    {
        for (i = 0; i < ARRAY_SIZE(reserved) && reserved[i] != at; i++) continue;
        if (i < ARRAY_SIZE(reserved)) continue;
        ok(*(void **)((char *)sspi + at) != NULL, "slot %u of W\n", (unsigned)(at / sizeof(void *)));
        ok(*(void **)((char *)sspi_a + at) != NULL, "slot %u of A\n", (unsigned)(at / sizeof(void *)));
    }
    ok_status(sspi->ExportSecurityContext(NULL, 0, NULL, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi->ImportSecurityContextW(NULL, NULL, NULL, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi->AddCredentialsW(NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    ok_status(sspi->QuerySecurityContextToken(NULL, NULL), SEC_E_UNSUPPORTED_FUNCTION);
}

static void test_queries_that_say_how_much_room_there_is(void)
{
    SecPkgCred_SupportedProtocols protocols = { 0 };
    SecPkgContext_StreamSizes sizes = { 0 };
    struct client client;

    if (!sspi_is_direct()) SKIP_TEST("secur32 of Wine does not hand it on");
    ok_status(client_open(&client, "PEER_OPENSSL", 0, TRUE), SEC_E_OK);
    ok_status(sspi->QueryCredentialsAttributesExW(&client.credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS,
                                                  &protocols, 3),
              SEC_E_BUFFER_TOO_SMALL);
    ok(!protocols.grbitProtocol, "something was written\n");
    ok_status(sspi->QueryCredentialsAttributesExW(&client.credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS,
                                                  &protocols, 4),
              SEC_E_OK);
    ok(protocols.grbitProtocol != 0, "nothing was written\n");
    ok_status(
        sspi->QueryContextAttributesExW(&client.context, SECPKG_ATTR_STREAM_SIZES, &sizes, sizeof(sizes) - 1),
        SEC_E_BUFFER_TOO_SMALL);
    ok(!sizes.cbHeader, "something was written\n");
    ok_status(
        sspi_a->QueryContextAttributesExA(&client.context, SECPKG_ATTR_STREAM_SIZES, &sizes, sizeof(sizes)),
        SEC_E_OK);
    ok(sizes.cbHeader == 5, "header %lu\n", sizes.cbHeader);
    ok_status(sspi->QueryContextAttributesExW(&client.context, SECPKG_ATTR_STREAM_SIZES, NULL, 100),
              SEC_E_INTERNAL_ERROR);
    client_close(&client);
}

START_TEST(sspi_exports)
{
    if (!sspi_open()) return;
    module = GetModuleHandleA("schannel.dll");
    RUN(test_every_export_of_windows_dll_is_there);
    if (sizeof(void *) == 4) RUN(test_each_export_takes_its_arguments_off_the_stack);
    RUN(test_the_tables_are_new_enough_for_secur32);
    RUN(test_packages);
    RUN(test_what_the_lsa_asks);
    RUN(test_random_bits_and_an_empty_cache);
    RUN(test_a_hello_is_looked_into);
    RUN(test_no_slot_of_our_tables_is_empty);
    RUN(test_queries_that_say_how_much_room_there_is);
}
