/*
 * The Windows that the native build runs on: locks, heap, registry and as much of crypt32 as the rooms ask
 * for, over libc and GnuTLS. What a hostile world decides is set here.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include "windows_sspi.h"
#include "span.h"

/* What the registry's values are made of: each RegGetValueW takes its type, size and bytes off the front;
 * empty: there are none. */
extern struct span world_registry;

/* What crypt32 thinks of the next peer's chain: 0, or the error of its SSL policy. */
extern DWORD world_verdict;

/* What is in the user's MY store; NULL: nothing. */
extern PCCERT_CONTEXT world_my;

#endif
