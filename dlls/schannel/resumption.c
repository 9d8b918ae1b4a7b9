/*
 * Resumption: what is kept of finished handshakes, so that later ones are shorter.
 *
 * Whose session it is, is part of the key: of a server the profile, whether the client was asked for a
 * certificate, and the transport; of a client the name, the profile, who validated the server, the transport,
 * and the place. A ticket of TLS 1.3 is used once (RFC 8446, C.4), so a client has several places for a name
 * and takes out what it uses.
 */
#include "resumption.h"
#include "cache.h"
#include "log.h"
#include "profile_tls.h"
#include <gnutls/crypto.h>

#define CLIENT_SESSIONS 1000 /* of all clients of a process; some kilobytes each */
#define CLIENT_PLACES   4    /* for one name: as many tickets as servers give */

#define DATA_ENTRIES    1000 /* of all sessions of a process; up to 64 KiB each */

static struct cache server_sessions = { .limit = 20000 }, client_sessions = { .limit = CLIENT_SESSIONS },
                    application_data = { .limit = DATA_ENTRIES };

static BOOL is_tls13(gnutls_session_t tls)
{
    return gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3;
}

static unsigned lifespan_of(const struct resumption *resumption)
{
    return resumption->profile->lifespan[resumption->server ? SIDE_SERVER : SIDE_CLIENT];
}

static ULONG64 end_of(const struct resumption *resumption)
{
    return cache_now() + (ULONG64)lifespan_of(resumption) * 10000000;
}

/* --- servers -------------------------------------------------------------------------------------------- */

struct server_key
{
    uint8_t bytes[sizeof(ULONG64) + 1 + GNUTLS_MAX_SESSION_ID_SIZE];
};

static struct span server_key(const struct resumption *resumption, gnutls_datum_t id, struct server_key *key)
{
    size_t size = min(id.size, GNUTLS_MAX_SESSION_ID_SIZE);
    struct span span = { key->bytes, sizeof(ULONG64) + 1 + size };

    memcpy(key->bytes, &resumption->profile->id, sizeof(ULONG64));
    key->bytes[sizeof(ULONG64)] = (uint8_t)((resumption->asks != 0) | (resumption->datagram != 0) << 1);
    memcpy(key->bytes + sizeof(ULONG64) + 1, id.data, size);
    return span;
}

static int store(void *owner, gnutls_datum_t id, gnutls_datum_t data)
{
    struct resumption *resumption = owner;
    struct span span = { data.data, data.size };
    struct server_key key;

    if (!resumption->forget)
        cache_put(&server_sessions, server_key(resumption, id, &key), span, end_of(resumption));
    return 0;
}

static gnutls_datum_t retrieve(void *owner, gnutls_datum_t id)
{
    gnutls_datum_t data = { NULL, 0 };
    struct server_key key;
    uint8_t *copy;
    size_t size;

    if (!(copy = cache_get(&server_sessions, server_key(owner, id, &key), &size))) return data;
    if ((data.data = gnutls_malloc(size))) memcpy(data.data, copy, data.size = (unsigned)size);
    cache_free(copy, size);
    return data;
}

static int forget(void *owner, gnutls_datum_t id)
{
    struct server_key key;

    cache_remove(&server_sessions, server_key(owner, id, &key));
    return 0;
}

/*
 * Tickets in TLS 1.3 do not carry the client's certificate, and those of TLS 1.2 would have to be kept apart:
 * whose client is asked for one is resumed by session id alone.
 */
BOOL resumption_serve(struct resumption *resumption, gnutls_session_t tls, BOOL tickets)
{
    struct profile *profile = (struct profile *)resumption->profile; /* its lock is no part of what it says */
    int error;

    resumption->server = TRUE;
    if (!lifespan_of(resumption)) return TRUE;
    gnutls_db_set_ptr(tls, resumption);
    gnutls_db_set_store_function(tls, store);
    gnutls_db_set_retrieve_function(tls, retrieve);
    gnutls_db_set_remove_function(tls, forget);
    resumption_greeted(resumption, tls);
    if (!tickets || resumption->asks) return TRUE;
    AcquireSRWLockShared(&profile->ticket_lock);
    error = gnutls_session_ticket_enable_server(tls, &profile->ticket_key);
    ReleaseSRWLockShared(&profile->ticket_lock);
    return error >= 0;
}

void resumption_greeted(const struct resumption *resumption, gnutls_session_t tls)
{
    gnutls_db_set_cache_expiration(tls, (int)min(lifespan_of(resumption), INT_MAX));
}

void resumption_refuse(gnutls_session_t tls)
{
    gnutls_db_set_cache_expiration(tls, -1);
}

void resumption_ask(struct resumption *resumption, gnutls_session_t tls)
{
    resumption_refuse(tls);
    resumption->asks = TRUE;
}

void resumption_limit(unsigned limit)
{
    cache_set_limit(&server_sessions, limit);
}

/* --- clients -------------------------------------------------------------------------------------------- */

struct client_key
{
    uint8_t bytes[RESUMPTION_NAME_SIZE + sizeof(ULONG64) + 2];
};

/* The name comes first, so that all sessions under it can be found. */
static struct span client_key(const struct resumption *resumption, unsigned place, struct client_key *key)
{
    struct span span = { key->bytes, sizeof(key->bytes) };

    memcpy(key->bytes, resumption->name, RESUMPTION_NAME_SIZE);
    memcpy(key->bytes + RESUMPTION_NAME_SIZE, &resumption->profile->id, sizeof(ULONG64));
    key->bytes[RESUMPTION_NAME_SIZE + sizeof(ULONG64)] =
        (uint8_t)((resumption->by_caller != 0) | (resumption->datagram != 0) << 1);
    key->bytes[RESUMPTION_NAME_SIZE + sizeof(ULONG64) + 1] = (uint8_t)place;
    return span;
}

/* Names of hosts are the same in capitals. */
static BOOL hash_name(struct span name, uint8_t hash[RESUMPTION_NAME_SIZE])
{
    uint8_t small[256];
    size_t i;

    if (name.size > sizeof(small)) return FALSE;
    for (i = 0; i < name.size; i++)
        small[i] = name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 'a' - 'A' : name.data[i];
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, small, name.size, hash) >= 0;
}

/* One entry is taken out and put back by whoever may use it again: no two sessions use one ticket. */
void resumption_offer(struct resumption *resumption, gnutls_session_t tls, struct span name, BOOL by_caller)
{
    struct client_key key;
    uint8_t *data = NULL;
    unsigned place;
    size_t size;

    if (!name.size || !lifespan_of(resumption) || !hash_name(name, resumption->name)) return;
    resumption->named = TRUE;
    resumption->by_caller = by_caller;
    for (place = 0; place < CLIENT_PLACES && !data; place++)
        data = cache_take(&client_sessions, client_key(resumption, place, &key), &size);
    if (!data) return;
    if (gnutls_session_set_data(tls, data, size) < 0) WARN("what was kept of a session is of no use\n");
    cache_free(data, size);
}

/* Its master secret is this handshake's alone (RFC 7627); so is TLS 1.3's. What is not can be another
 * connection's as well, and is resumed with nobody. */
static BOOL is_bound(gnutls_session_t tls)
{
    return is_tls13(tls) || gnutls_session_get_flags(tls) & GNUTLS_SFLAGS_EXT_MASTER_SECRET;
}

void resumption_keep(struct resumption *resumption, gnutls_session_t tls)
{
    gnutls_datum_t data = { NULL, 0 };
    struct client_key key;
    struct span span;
    unsigned place;

    if (!resumption->named || resumption->forget || !is_bound(tls)) return;
    if (gnutls_session_get_data2(tls, &data) < 0) return;
    span.data = data.data;
    span.size = data.size;
    for (place = 0; place < CLIENT_PLACES - 1; place++)
        if (!cache_has(&client_sessions, client_key(resumption, place, &key))) break;
    cache_put(&client_sessions, client_key(resumption, place, &key), span, end_of(resumption));
    gnutls_memset(data.data, 0, data.size);
    gnutls_free(data.data);
}

/* --- data of the program's ------------------------------------------------------------------------------ */

struct data_key
{
    uint8_t bytes[sizeof(ULONG64) + 1 + RESUMPTION_KEY_SIZE];
};

static struct span data_key(const struct resumption *resumption, const uint8_t hash[RESUMPTION_KEY_SIZE],
                            struct data_key *key)
{
    struct span span = { key->bytes, sizeof(key->bytes) };

    memcpy(key->bytes, &resumption->profile->id, sizeof(ULONG64));
    key->bytes[sizeof(ULONG64)] = resumption->server != 0;
    memcpy(key->bytes + sizeof(ULONG64) + 1, hash, RESUMPTION_KEY_SIZE);
    return span;
}

static BOOL hash_master_secret(gnutls_session_t tls, uint8_t hash[RESUMPTION_KEY_SIZE])
{
    gnutls_datum_t secret = { NULL, 0 };

    gnutls_session_get_master_secret(tls, &secret);
    return secret.size && gnutls_hash_fast(GNUTLS_DIG_SHA256, secret.data, secret.size, hash) >= 0;
}

static void remember_ticket(struct ticket_hashes *tickets, struct span ticket)
{
    if (tickets->count < RESUMPTION_TICKETS &&
        gnutls_hash_fast(GNUTLS_DIG_SHA256, ticket.data, ticket.size, tickets->hash[tickets->count]) >= 0)
        tickets->count++;
}

/* Keeps the session's data under a hash, or forgets what is kept there. */
static void keep_data(const struct resumption *resumption, const uint8_t hash[RESUMPTION_KEY_SIZE])
{
    struct span data = { resumption->data, resumption->data_size };
    struct data_key key;

    if (data.size && !resumption->forget)
        cache_put(&application_data, data_key(resumption, hash, &key), data, end_of(resumption));
    else
        cache_remove(&application_data, data_key(resumption, hash, &key));
}

static void keep_all_data(const struct resumption *resumption, gnutls_session_t tls)
{
    uint8_t hash[RESUMPTION_KEY_SIZE];
    unsigned i;

    if (is_tls13(tls))
        for (i = 0; i < resumption->given.count; i++) keep_data(resumption, resumption->given.hash[i]);
    else if (hash_master_secret(tls, hash))
        keep_data(resumption, hash);
}

static void drop_data(struct resumption *resumption)
{
    cache_free(resumption->data, resumption->data_size);
    resumption->data = NULL;
    resumption->data_size = 0;
}

void resumption_offered_none(struct resumption *resumption)
{
    resumption->offered.count = resumption->given.count = 0;
}

void resumption_offered(struct resumption *resumption, struct span ticket)
{
    remember_ticket(&resumption->offered, ticket);
}

void resumption_chosen(struct resumption *resumption, unsigned index)
{
    resumption->chosen = index;
}

void resumption_ticket(struct resumption *resumption, struct span ticket)
{
    unsigned count = resumption->given.count;

    remember_ticket(&resumption->given, ticket);
    if (resumption->data && resumption->given.count > count)
        keep_data(resumption, resumption->given.hash[count]);
}

/* A ticket may be used more than once, so its data stays where it is. */
void resumption_established(struct resumption *resumption, gnutls_session_t tls)
{
    uint8_t hash[RESUMPTION_KEY_SIZE];
    struct data_key key;
    BOOL known = FALSE;

    drop_data(resumption);
    if (!gnutls_session_is_resumed(tls)) return;
    if (!is_tls13(tls))
        known = hash_master_secret(tls, hash);
    else if (resumption->chosen < resumption->offered.count)
    {
        memcpy(hash, resumption->offered.hash[resumption->chosen], sizeof(hash));
        known = TRUE;
    }
    if (known)
        resumption->data =
            cache_get(&application_data, data_key(resumption, hash, &key), &resumption->data_size);
    if (resumption->data) keep_all_data(resumption, tls);
}

BOOL resumption_set_data(struct resumption *resumption, gnutls_session_t tls, struct span data)
{
    uint8_t *copy = NULL;

    if (data.size && !(copy = malloc(data.size))) return FALSE;
    if (data.size) memcpy(copy, data.data, data.size);
    drop_data(resumption);
    resumption->data = copy;
    resumption->data_size = data.size;
    keep_all_data(resumption, tls);
    return TRUE;
}

void resumption_end(struct resumption *resumption)
{
    drop_data(resumption);
}

/* --- both ----------------------------------------------------------------------------------------------- */

void resumption_set(struct resumption *resumption, gnutls_session_t tls, BOOL resumable, BOOL server)
{
    struct client_key key;
    unsigned place;

    resumption->forget = !resumable;
    keep_all_data(resumption, tls);
    if (resumable) return;
    if (server) gnutls_db_remove_session(tls);
    for (place = 0; place < CLIENT_PLACES && resumption->named; place++)
        cache_remove(&client_sessions, client_key(resumption, place, &key));
}

void resumption_empty(struct span name)
{
    uint8_t hash[RESUMPTION_NAME_SIZE];
    struct span prefix = { hash, 0 };

    /* GnuTLS may not even be set up. */
    if (cache_is_empty(&client_sessions) && cache_is_empty(&server_sessions)) return;
    if (name.size)
    {
        if (!hash_name(name, hash)) return;
        prefix.size = sizeof(hash);
    }
    else
    {
        cache_remove_all(&server_sessions, prefix);
        cache_remove_all(&application_data, prefix);
    }
    cache_remove_all(&client_sessions, prefix);
}
