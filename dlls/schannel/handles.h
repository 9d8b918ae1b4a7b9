/*
 * Handles: the numbers callers keep, and the way back from a number to its object.
 */
#ifndef SCHANNEL_HANDLES_H
#define SCHANNEL_HANDLES_H

#include "object.h"

/*
 * Gives the object a handle; its dwLower is written, dwUpper (secur32's) is not. The caller's reference
 * becomes the handle's. SEC_E_INSUFFICIENT_MEMORY: the table is full, nothing is written and the caller still
 * owns the object. tests/handles.c.
 */
SECURITY_STATUS handle_open(struct object *object, SecHandle *handle);

/*
 * Returns a new reference, or NULL when the handle is NULL, stale, closed or names another kind. Takes no
 * lock.
 */
struct object *handle_acquire(const SecHandle *handle, enum object_kind kind);

/*
 * Ends the handle and gives its reference to the caller, who releases it: the object goes away when its last
 * user does. NULL when the handle names nothing of that kind (any more).
 */
struct object *handle_close(const SecHandle *handle, enum object_kind kind);

/* One more reference to an object the caller already holds one of. */
void object_acquire(struct object *object);

/*
 * One reference less; the last one destroys the object. An object that never got a handle has one reference.
 * NULL is fine.
 */
void object_release(struct object *object);

#endif
