/*
 * A lock that somebody else has.
 */
#include "lock.h"

/* Who waits says so each time, for the one before may have taken the word away. */
void lock_wait(struct lock *lock)
{
    LONG wanted = LOCK_WANTED;

    while (InterlockedExchange(&lock->state, LOCK_WANTED) != LOCK_FREE)
        WaitOnAddress(&lock->state, &wanted, sizeof(wanted), INFINITE);
}

void lock_wake(struct lock *lock)
{
    WakeByAddressSingle((void *)&lock->state);
}
