/*
 * What targets do once that need no more than the certificates and the package.
 */
#include "common.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    common_open();
    return 0;
}
