/*
 * Credentials: what a program and the administrator allow, and who the program is.
 */
#ifndef SCHANNEL_CREDENTIALS_H
#define SCHANNEL_CREDENTIALS_H

#include "object.h"
#include "own.h"
#include "session.h"

/* What holds for connections in which one of these application protocols is agreed on (TLS_PARAMETERS);
 * without names, for any other. */
struct parameter_set
{
    uint8_t *names; /* ALPN names, each after its length in one byte; may be NULL */
    size_t names_size;
    struct profile *profile;
};

/* What changes after creation is said to be. */
struct credentials
{
    struct object object;
    ULONG use;                  /* SECPKG_CRED_INBOUND, _OUTBOUND or both */
    DWORD protocols;            /* SP_PROT_* bits, of the sides of `use` */
    DWORD flags;                /* SCH_CRED_* */
    struct choice choice;       /* of the first set */
    struct parameter_set *sets; /* at least one; only servers have several */
    DWORD set_count;
    struct own_certificate *own; /* what the program gave, in its order */
    DWORD own_count;
    HCERTSTORE root_store; /* ours to close; may be NULL */
    TimeStamp expiry;

    SRWLOCK lock;    /* guards what follows, and naming issuers */
    BOOL serving;    /* a context was made: issuers are named no more */
    BOOL has_policy; /* CLIENT_CERT_POLICY was set */
    GUID policy;     /* its name */
};

/*
 * Reads what AcquireCredentialsHandle was given: `auth_data` is a SCHANNEL_CRED or SCH_CREDENTIALS, or NULL
 * for what a client gets by default. Certificates and stores are duplicated; the caller keeps its own.
 *
 * SEC_E_NO_CREDENTIALS: NULL for anything but a client, or a certificate without a key.
 * SEC_E_UNKNOWN_CREDENTIALS: a version, certificate, key or TLS_PARAMETERS that cannot be.
 * SEC_E_INSUFFICIENT_MEMORY: none left; also version 3, as Windows 10 says. SEC_E_ALGORITHM_MISMATCH: no
 * protocol or no suite left, or TLS and DTLS named together (Wine's tests/schannel.c,
 * testAcquireSecurityContext).
 */
SECURITY_STATUS credentials_create(ULONG use, const void *auth_data, struct credentials **credentials);

/* A new reference, or NULL when the handle names no living credential. */
struct credentials *credentials_acquire(const SecHandle *handle);
void credentials_release(struct credentials *credentials); /* NULL is fine */

/*
 * The profile for a connection of which the application protocol is known, or empty. Clients, and servers
 * with one set without names, have one for all. NULL: the program has nothing for that protocol. Borrowed.
 */
const struct profile *credentials_profile(const struct credentials *credentials, struct span protocol);

/* TRUE: a server has to know the application protocol before there is a profile. */
BOOL credentials_depend_on_protocol(const struct credentials *credentials);

/* The first of the program's certificates that suits the peer, or NULL. Borrowed from the credential. */
const struct own_certificate *credentials_choose(const struct credentials *credentials,
                                                 const struct identity_request *request);

/* QueryCredentialsAttributes(Ex), as context_query: SEC_E_UNSUPPORTED_FUNCTION for what Schannel does not
 * answer, SEC_E_INTERNAL_ERROR for no buffer, SEC_E_NO_CREDENTIALS for the name, which Schannel's credentials
 * have not. */
SECURITY_STATUS credentials_query(const struct credentials *credentials, ULONG attribute, void *buffer,
                                  ULONG room);

/*
 * SetCredentialsAttributes, of servers: SESSION_TICKET_KEYS, of which the first key is used, and
 * CLIENT_CERT_POLICY. SEC_E_UNSUPPORTED_FUNCTION: another attribute, or issuers named after the first
 * connection. SEC_E_INVALID_PARAMETER: no or too little data, keys of a size or number that cannot be.
 * SEC_E_INVALID_HANDLE: no server's credential.
 */
SECURITY_STATUS credentials_set(struct credentials *credentials, ULONG attribute, const void *buffer,
                                ULONG size);

#endif
