/*
 * The two names Schannel goes by, and what it says of itself under each: values of Windows, by Wine's
 * dlls/schannel/tests/main.c.
 */
#include "package.h"
#include "secbuf.h"

#define CAPABILITIES                                                                                         \
    (SECPKG_FLAG_INTEGRITY | SECPKG_FLAG_PRIVACY | SECPKG_FLAG_CONNECTION | SECPKG_FLAG_MULTI_REQUIRED |     \
     SECPKG_FLAG_EXTENDED_ERROR | SECPKG_FLAG_IMPERSONATION | SECPKG_FLAG_ACCEPT_WIN32_NAME |                \
     SECPKG_FLAG_STREAM | SECPKG_FLAG_MUTUAL_AUTH)
#define VERSION    1
#define TOKEN_MAX  0x6000
#define STRING_MAX 64 /* characters of a name or comment, its end included */

static const struct
{
    const WCHAR *name, *comment;
} packages[PACKAGES] = {
    [PACKAGE_UNIFIED] = { UNISP_NAME_W, L"Schannel Security Package" },
    [PACKAGE_SCHANNEL] = { SCHANNEL_NAME_W, L"Schannel Security Package" },
};

enum package package_find(const WCHAR *name)
{
    enum package package;

    for (package = 0; package < PACKAGES; package++)
        if (name && !wcsicmp(name, packages[package].name)) break;
    return package;
}

SecPkgInfoW package_info(enum package package)
{
    SecPkgInfoW info = { CAPABILITIES, VERSION, UNISP_RPC_ID, TOKEN_MAX, NULL, NULL };

    info.Name = (WCHAR *)packages[package].name;
    info.Comment = (WCHAR *)packages[package].comment;
    return info;
}

SecPkgInfoW *package_list(enum package first, unsigned count)
{
    struct strings
    {
        WCHAR name[STRING_MAX], comment[STRING_MAX];
    } * strings;
    SecPkgInfoW *list;
    unsigned i;

    if (!(list = caller_alloc(count * (sizeof(*list) + sizeof(*strings))))) return NULL;
    strings = (struct strings *)(list + count);
    for (i = 0; i < count; i++)
    {
        list[i] = package_info(first + i);
        list[i].Name = wcscpy(strings[i].name, list[i].Name);
        list[i].Comment = wcscpy(strings[i].comment, list[i].Comment);
    }
    return list;
}

SecPkgInfoA *package_list_ansi(enum package first, unsigned count)
{
    struct strings
    {
        char name[STRING_MAX], comment[STRING_MAX];
    } * strings;
    SecPkgInfoA *list;
    unsigned i;

    if (!(list = caller_alloc(count * (sizeof(*list) + sizeof(*strings))))) return NULL;
    strings = (struct strings *)(list + count);
    for (i = 0; i < count; i++)
    {
        SecPkgInfoW info = package_info(first + i);

        list[i].fCapabilities = info.fCapabilities;
        list[i].wVersion = info.wVersion;
        list[i].wRPCID = info.wRPCID;
        list[i].cbMaxToken = info.cbMaxToken;
        list[i].Name = strings[i].name;
        list[i].Comment = strings[i].comment;
        WideCharToMultiByte(CP_ACP, 0, info.Name, -1, strings[i].name, STRING_MAX, NULL, NULL);
        WideCharToMultiByte(CP_ACP, 0, info.Comment, -1, strings[i].comment, STRING_MAX, NULL, NULL);
    }
    return list;
}
