/*
 * Where the DLL starts: under the loader's lock, so nothing here may fail, wait or load.
 */
#include "windows_sspi.h"
#include "log.h"

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH)
    {
        DisableThreadLibraryCalls(instance);
        log_open();
    }
    return TRUE;
}
