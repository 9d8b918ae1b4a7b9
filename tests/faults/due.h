/*
 * Failing on order: the nth call that can fail does, once or from then on.
 */
#ifndef FAULTS_DUE_H
#define FAULTS_DUE_H

/* From now on calls are counted, and the nth, counted from 1, fails; with `lasting` all that follow, too. 0:
 * none does. */
void fault_arm(unsigned nth, int lasting);

/* Ends that: how many calls there were. */
unsigned fault_disarm(void);

/* The function that failed first; NULL: none did. */
const char *fault_name(void);

#endif
