/*
 * What everything behind a handle has in common: a kind, and the moment it ends. An object embeds this struct
 * as its first member; handles.c counts who uses it.
 */
#ifndef SCHANNEL_OBJECT_H
#define SCHANNEL_OBJECT_H

#include "windows_sspi.h"

enum object_kind
{
    OBJECT_CREDENTIALS = 1,
    OBJECT_CONTEXT,
};

struct object
{
    enum object_kind kind;
    ULONG slot; /* its number in the handle table, 0 as long as no handle names it (handles.c) */

    /* Releases all the object owns and the object itself; accepts one that is half built. */
    void (*destroy)(struct object *object);
};

#endif
