/*
 * Failing on order: what the stubs ask (tests/faults/faults.py). One thread at a time.
 */
#include "due.h"
#include <stddef.h>

int fault_due(int index);
long long fault_result;

/* Windows' calls tell why in the last error: ERROR_NOT_ENOUGH_MEMORY. */
#ifdef _WIN32
__declspec(dllimport) void __stdcall SetLastError(unsigned long error);
#else
void SetLastError(unsigned error);
#endif

static const struct
{
    const char *name;
    long long result;
} functions[] = {
#include FAULTS_LIST
};

static int armed, lasts;
static unsigned count, due;
static const char *failed;

void fault_arm(unsigned nth, int lasting)
{
    count = 0;
    due = nth;
    lasts = lasting;
    failed = NULL;
    armed = 1;
}

unsigned fault_disarm(void)
{
    armed = 0;
    return count;
}

const char *fault_name(void)
{
    return failed;
}

int fault_due(int index)
{
    if (!armed) return 0;
    count++;
    if (!due || (lasts ? count < due : count != due)) return 0;
    if (!failed) failed = functions[index].name;
    fault_result = functions[index].result;
    SetLastError(8);
    return 1;
}
