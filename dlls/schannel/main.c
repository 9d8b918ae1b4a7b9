/*
 * Where the DLL and threads start and end: under the loader's lock, so nothing here may fail, load, or wait
 * for somebody who waits.
 */
#include "windows_sspi.h"
#include "heap.h"
#include "log.h"
#include "profile.h"
#include "protection.h"
#include <delayimp.h>

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved);

/* What is loaded when it is first needed (Makefile: DELAYED) comes from the system's folder alone: NULL would
 * mean that the program's own is searched, so what is not there is answered with a library that has nothing
 * of it. */
static FARPROC WINAPI load_library(unsigned notification, DelayLoadInfo *info)
{
    HMODULE library;

    if (notification != dliNotePreLoadLibrary) return NULL;
    library = LoadLibraryExA(info->szDll, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (!library) library = GetModuleHandleW(L"ntdll.dll");
    return (FARPROC)(void *)library;
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
    (void)instance;
    if (reason == DLL_PROCESS_ATTACH)
    {
        __pfnDliNotifyHook2 = load_library;
        log_open();
    }
    if (reason == DLL_THREAD_DETACH) profile_library_end_thread();
    /* Not when the process ends: other threads were stopped wherever they were. */
    if (reason == DLL_PROCESS_DETACH && !reserved)
    {
        protection_library_close();
        heap_close();
    }
    return TRUE;
}
