/*
 * How long a program takes from its creation to its first ClientHello. Its own program, for what the peer of
 * the others brings along would be loaded with it.
 */
#include "windows_sspi.h"
#include <stdio.h>

static double ms_of(FILETIME time)
{
    return (double)((ULONGLONG)time.dwHighDateTime << 32 | time.dwLowDateTime) / 10000;
}

static double now(void)
{
    FILETIME time;

    GetSystemTimePreciseAsFileTime(&time);
    return ms_of(time);
}

int main(void)
{
    double in_main = now(), loaded, said;
    FILETIME created, ignored[3];
    PSecurityFunctionTableW(WINAPI * init)(void);
    PSecurityFunctionTableW sspi;
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                           .dwFlags = SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS };
    SecBuffer token = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &token };
    CredHandle credential;
    CtxtHandle context;
    ULONG attributes;

    GetProcessTimes(GetCurrentProcess(), &created, &ignored[0], &ignored[1], &ignored[2]);
    init = (void *)GetProcAddress(LoadLibraryA("secur32.dll"), "InitSecurityInterfaceW");
    if (!init || !(sspi = init())) return 1;
    loaded = now();
    if (sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, &cred, NULL,
                                        NULL, &credential, NULL) ||
        sspi->InitializeSecurityContextW(&credential, NULL, (WCHAR *)L"localhost",
                                         ISC_REQ_STREAM | ISC_REQ_CONFIDENTIALITY | ISC_REQ_ALLOCATE_MEMORY,
                                         0, 0, NULL, 0, &context, &desc, &attributes,
                                         NULL) != SEC_I_CONTINUE_NEEDED)
        return 1;
    said = now();
    printf("row,start-main,,0,ms,%.4f,0\n", in_main - ms_of(created));
    printf("row,start-secur32,,0,ms,%.4f,0\n", loaded - in_main);
    printf("row,start-hello,,0,ms,%.4f,0\n", said - loaded);
    printf("row,start,,0,ms,%.4f,0\n", said - ms_of(created));
    return token.cbBuffer ? 0 : 1;
}
