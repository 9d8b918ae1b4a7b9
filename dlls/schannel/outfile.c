/*
 * Wine hands the environment over as it is, so a Unix path arrives as one. Windows' functions would look for
 * it on the current drive; \\?\unix is Wine's name for the Unix root, which needs no drive Z:.
 */
#include "outfile.h"

#define FULL_SIZE 2064 /* characters: the Unix root, folder, leaf */

BOOL outfile_variable(const WCHAR *variable, WCHAR path[OUTFILE_PATH_SIZE])
{
    DWORD size = GetEnvironmentVariableW(variable, path, OUTFILE_PATH_SIZE);

    return size > 0 && size < OUTFILE_PATH_SIZE;
}

static BOOL under_wine(void)
{
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
}

HANDLE outfile_open(const WCHAR *path, const WCHAR *leaf)
{
    static const WCHAR unix_root[] = L"\\\\?\\unix";
    WCHAR full[FULL_SIZE], *at;
    C_ASSERT(ARRAY_SIZE(full) >= OUTFILE_PATH_SIZE + OUTFILE_PATH_SIZE + ARRAY_SIZE(unix_root));
    BOOL is_unix = path[0] == '/' && under_wine();

    if (wcslen(path) >= OUTFILE_PATH_SIZE || (leaf && wcslen(leaf) >= OUTFILE_PATH_SIZE))
    {
        SetLastError(ERROR_FILENAME_EXCED_RANGE);
        return INVALID_HANDLE_VALUE;
    }
    wcscpy(full, is_unix ? unix_root : L"");
    wcscat(full, path);
    if (leaf) wcscat(wcscat(full, L"\\"), leaf);
    for (at = full; is_unix && *at; at++)
        if (*at == '/') *at = '\\';
    /* FILE_APPEND_DATA alone: each write goes to the end. */
    return CreateFileW(full, FILE_APPEND_DATA | SYNCHRONIZE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL, NULL);
}

/* Wine looks for the end of the file first and writes there afterwards; the lock, on a byte far behind, keeps
 * others from doing so in between. */
BOOL outfile_append(HANDLE file, const char *text, size_t size)
{
    OVERLAPPED far_away = { .Offset = 0xffffffff, .OffsetHigh = 0x7ffffffe };
    BOOL locked = LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &far_away), good;
    DWORD written;

    good = WriteFile(file, text, (DWORD)size, &written, NULL) && written == size;
    if (locked) UnlockFileEx(file, 0, 1, 0, &far_away);
    return good;
}
