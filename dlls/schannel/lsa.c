/*
 * The doors of the Local Security Authority: what secur32 asks when it lists packages.
 *
 * Under Wine the LSA runs in the process and uses the function tables of exports.c for everything else, so
 * the two packages only say what they are. What is returned follows Wine's dlls/schannel/tests/main.c, which
 * also runs on Windows: SpLsaModeInitialize takes any LSA version, SpUserModeInitialize one. It also says
 * that Windows crashes on NULL; the refusal is ours.
 */
#include "windows_sspi.h"
#include <ntsecapi.h>
#include <ntsecpkg.h>
#include "log.h"
#include "package.h"

static NTSTATUS NTAPI get_info_unified(SecPkgInfoW *info)
{
    TRACE("%p\n", info);
    *info = package_info(PACKAGE_UNIFIED);
    return 0;
}

static NTSTATUS NTAPI get_info_schannel(SecPkgInfoW *info)
{
    TRACE("%p\n", info);
    *info = package_info(PACKAGE_SCHANNEL);
    return 0;
}

/* Readers step from one table to the next by the size that belongs to the version; this one ends with
 * version 3. */
static SECPKG_FUNCTION_TABLE lsa_tables[PACKAGES] = {
    [PACKAGE_UNIFIED] = { .GetInfo = (SpGetInfoFn *)get_info_unified },
    [PACKAGE_SCHANNEL] = { .GetInfo = (SpGetInfoFn *)get_info_schannel },
};

static SECPKG_USER_FUNCTION_TABLE user_tables[PACKAGES];

NTSTATUS WINAPI lsa_mode_initialize(ULONG lsa_version, ULONG *version, PSECPKG_FUNCTION_TABLE *tables,
                                    ULONG *count);
NTSTATUS WINAPI user_mode_initialize(ULONG lsa_version, ULONG *version, PSECPKG_USER_FUNCTION_TABLE *tables,
                                     ULONG *count);

/* SpLsaModeInitialize (SCHANNEL.@) */
NTSTATUS WINAPI lsa_mode_initialize(ULONG lsa_version, ULONG *version, PSECPKG_FUNCTION_TABLE *tables,
                                    ULONG *count)
{
    TRACE("%#lx %p %p %p\n", (unsigned long)lsa_version, version, tables, count);
    if (!version || !tables || !count) return STATUS_INVALID_PARAMETER;
    *version = SECPKG_INTERFACE_VERSION_3;
    *tables = lsa_tables;
    *count = ARRAY_SIZE(lsa_tables);
    return 0;
}

/* SpUserModeInitialize (SCHANNEL.@) */
NTSTATUS WINAPI user_mode_initialize(ULONG lsa_version, ULONG *version, PSECPKG_USER_FUNCTION_TABLE *tables,
                                     ULONG *count)
{
    TRACE("%#lx %p %p %p\n", (unsigned long)lsa_version, version, tables, count);
    if (lsa_version != SECPKG_INTERFACE_VERSION || !version || !tables || !count)
        return STATUS_INVALID_PARAMETER;
    *version = SECPKG_INTERFACE_VERSION_2; /* Windows 11; version 1 before */
    *tables = user_tables;
    *count = ARRAY_SIZE(user_tables);
    return 0;
}
