/*
 * What a session has negotiated, in words that are not GnuTLS's.
 */
#include "session_tls.h"
#include "identity_tls.h"
#include "log.h"
#include "prf.h"

static const struct
{
    gnutls_protocol_t gnutls;
    DWORD protocol; /* both sides' bits */
    USHORT version;
    const char *name;
} versions[] = {
    /* clang-format off */
    { GNUTLS_TLS1_3,  SP_PROT_TLS1_3,  0x0304, "TLS 1.3" },
    { GNUTLS_TLS1_2,  SP_PROT_TLS1_2,  0x0303, "TLS 1.2" },
    { GNUTLS_TLS1_1,  SP_PROT_TLS1_1,  0x0302, "TLS 1.1" },
    { GNUTLS_TLS1_0,  SP_PROT_TLS1_0,  0x0301, "TLS 1.0" },
    { GNUTLS_SSL3,    SP_PROT_SSL3,    0x0300, "SSL 3.0" },
    { GNUTLS_DTLS1_2, SP_PROT_DTLS1_2, 0xfefd, "DTLS 1.2" },
    { GNUTLS_DTLS1_0, SP_PROT_DTLS1_0, 0xfeff, "DTLS 1.0" },
    /* clang-format on */
};

static void learn_sizes(struct session *session)
{
    const struct suite *suite = session->facts.suite;

    if (!suite) return;
    session->sizes = suite_record_sizes(suite, session->facts.protocol);
    /* The second record's header, and the first one with its byte, MAC and padding. */
    if (session_splits(session))
        session->sizes.trailer += 2 * RECORD_HEADER_SIZE + suite->hash->bits / 8u + 2u * suite->cipher->block;
}

void session_learn_facts(struct session *session)
{
    struct session_facts *facts = &session->facts;
    gnutls_protocol_t version = gnutls_protocol_get_version(session->tls);
    const struct group *group = group_of_gnutls((int)gnutls_group_get(session->tls));
    const char *name = gnutls_ciphersuite_get(session->tls);
    unsigned i;

    memset(facts, 0, sizeof(*facts));
    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        if (versions[i].gnutls != version) continue;
        facts->protocol = versions[i].protocol & (session->server ? PROTOCOLS_SERVER : PROTOCOLS_CLIENT);
        facts->version = versions[i].version;
        facts->version_name = versions[i].name;
        facts->tls13 = version == GNUTLS_TLS1_3;
    }
    if (group)
    {
        facts->group = group->id;
        facts->exchange_bits = group->bits;
    }
    else
        facts->exchange_bits =
            (USHORT)max(gnutls_dh_get_prime_bits(session->tls), 0); /* a group of its own */
    facts->suite = name ? suite_of_name(name) : NULL;
    facts->resumed = gnutls_session_is_resumed(session->tls) != 0;
    facts->maximum_message = (ULONG)min(gnutls_record_get_max_size(session->tls), RECORD_DATA_MAX);
    if (!facts->suite) ERR("suite %s has no row\n", name ? name : "(none)");
    learn_sizes(session);
}

const struct session_facts *session_facts(const struct session *session)
{
    return &session->facts;
}

struct record_sizes session_record_sizes(const struct session *session)
{
    return session->sizes;
}

BOOL session_splits(const struct session *session)
{
    return session->split && session->facts.suite->cipher->mode == SUITE_CBC &&
           session->facts.version <= 0x0301;
}

unsigned session_peer_chain(const struct session *session, struct span chain[PEER_CHAIN_MAX])
{
    unsigned i, count = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session->tls, &count);

    if (!peers) return 0;
    for (i = 0; i < count && i < PEER_CHAIN_MAX; i++)
    {
        chain[i].data = peers[i].data;
        chain[i].size = peers[i].size;
    }
    return i;
}

struct span session_own_certificate(const struct session *session)
{
    const gnutls_datum_t *ours = gnutls_certificate_get_ours(session->tls);
    struct span own = { NULL, 0 };

    if (!ours) return own;
    own.data = ours->data;
    own.size = ours->size;
    return own;
}

unsigned session_issuers(const struct session *session, const struct span **issuers)
{
    *issuers = session->issuers;
    return session->issuer_count;
}

struct span session_stapled(const struct session *session)
{
    gnutls_datum_t response = { NULL, 0 };
    struct span stapled = { NULL, 0 };

    if (gnutls_ocsp_status_request_get2(session->tls, 0, &response) < 0) return stapled;
    stapled.data = response.data;
    stapled.size = response.size;
    return stapled;
}

struct span session_application_protocol(const struct session *session)
{
    gnutls_datum_t name = { NULL, 0 };
    struct span protocol = { NULL, 0 };

    if (gnutls_alpn_get_selected_protocol(session->tls, &name) < 0) return protocol;
    protocol.data = name.data;
    protocol.size = name.size;
    return protocol;
}

BOOL session_export(const struct session *session, struct span label, struct span context, uint8_t *out,
                    size_t size)
{
    return gnutls_prf_rfc5705(session->tls, label.size, (const char *)label.data, context.size,
                              (const char *)context.data, size, (char *)out) >= 0;
}

BOOL session_prf(const struct session *session, struct span label, BOOL server_first, uint8_t *out,
                 size_t size)
{
    if (session->facts.tls13) return FALSE;
    return gnutls_prf(session->tls, label.size, (const char *)label.data, server_first, 0, NULL, size,
                      (char *)out) >= 0;
}

BOOL session_prf_without_secret(const struct session *session, struct span label, uint8_t *out, size_t size)
{
    const struct span nothing = { NULL, 0 };
    gnutls_datum_t client, server;
    uint8_t randoms[64];
    struct span seed = { randoms, sizeof(randoms) };

    if (session->facts.tls13) return FALSE;
    gnutls_session_get_random(session->tls, &client, &server);
    if (client.size != 32 || server.size != 32) return FALSE;
    memcpy(randoms, client.data, 32);
    memcpy(randoms + 32, server.data, 32);
    return prf_compute(gnutls_prf_hash_get(session->tls), nothing, label, seed, out, size);
}

unsigned session_peer_schemes(const struct session *session, enum signature_scheme *schemes, unsigned room)
{
    gnutls_sign_algorithm_t algorithm;
    unsigned i, count = 0;

    for (i = 0; count < room && !gnutls_sign_algorithm_get_requested(session->tls, i, &algorithm); i++)
        if (identity_scheme(algorithm, &schemes[count])) count++;
    return count;
}

size_t session_unique_binding(const struct session *session, uint8_t *binding, size_t size)
{
    gnutls_channel_binding_t kind = session->facts.tls13 ? GNUTLS_CB_TLS_EXPORTER : GNUTLS_CB_TLS_UNIQUE;
    gnutls_datum_t data = { NULL, 0 };

    /* Who resumes without the extended master secret may share its secret with another connection's Finished
     * (the triple handshake; RFC 7627, 5.4). */
    if (!session->facts.tls13 && session->facts.resumed &&
        !gnutls_session_ext_master_secret_status(session->tls))
        return 0;
    if (gnutls_session_channel_binding(session->tls, kind, &data) < 0) return 0;
    size = min(size, data.size);
    memcpy(binding, data.data, size);
    gnutls_free(data.data);
    return size;
}

size_t session_id(const struct session *session, uint8_t id[32])
{
    size_t size = 32;

    return gnutls_session_get_id(session->tls, id, &size) < 0 ? 0 : size;
}
