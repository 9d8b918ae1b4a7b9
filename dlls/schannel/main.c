/*
 * Where the DLL starts and ends: under the loader's lock, so nothing here may fail, wait or load.
 */
#include "windows_sspi.h"
#include "log.h"
#include "protection.h"

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
    if (reason == DLL_PROCESS_ATTACH)
    {
        DisableThreadLibraryCalls(instance);
        log_open();
    }
    /* Not when the process ends: other threads were stopped wherever they were. */
    if (reason == DLL_PROCESS_DETACH && !reserved) protection_library_close();
    return TRUE;
}
