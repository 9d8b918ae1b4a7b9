/*
 * The other side, in the same process.
 */
#include "pair.h"
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <errno.h>
#include <stdio.h>

SECURITY_STATUS profile_for(DWORD protocols, struct profile **profile)
{
    struct choice choice;

    choice_init(&choice, protocols);
    return choice_finish(&choice) ? profile_create(&choice, NULL, profile) : SEC_E_ALGORITHM_MISMATCH;
}

static gnutls_certificate_credentials_t credentials;

static void add_certificate(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    static const unsigned char serial[] = { 1 };
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, algorithm, bits, 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
    gnutls_certificate_set_x509_key(credentials, &crt, 1, key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static ssize_t peer_push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct peer *peer = pointer;

    if (sizeof(peer->out) - peer->out_size < size) return -1;
    memcpy(peer->out + peer->out_size, data, size);
    peer->out_size += size;
    return (ssize_t)size;
}

static ssize_t peer_pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct peer *peer = pointer;

    size = min(size, peer->in_size - peer->in_used);
    if (!size)
    {
        gnutls_transport_set_errno(peer->tls, EAGAIN);
        return -1;
    }
    memcpy(data, peer->in + peer->in_used, size);
    if ((peer->in_used += size) == peer->in_size) peer->in_used = peer->in_size = 0;
    return (ssize_t)size;
}

struct peer *peer_create(const char *priority)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!credentials)
    {
        gnutls_certificate_allocate_credentials(&credentials);
        add_certificate(GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
        add_certificate(GNUTLS_PK_RSA, 2048);
    }
    gnutls_init(&peer->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_AUTO_SEND_TICKET);
    if (gnutls_priority_set_direct(peer->tls, priority, NULL) < 0)
    {
        peer_destroy(peer);
        return NULL;
    }
    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_ptr(peer->tls, peer);
    gnutls_transport_set_push_function(peer->tls, peer_push);
    gnutls_transport_set_pull_function(peer->tls, peer_pull);
    return peer;
}

struct peer *peer_create_client(const char *priority, gnutls_datum_t resume)
{
    static gnutls_certificate_credentials_t nothing;
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!nothing) gnutls_certificate_allocate_credentials(&nothing);
    gnutls_init(&peer->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    if (gnutls_priority_set_direct(peer->tls, priority, NULL) < 0)
    {
        peer_destroy(peer);
        return NULL;
    }
    gnutls_credentials_set(peer->tls, GNUTLS_CRD_CERTIFICATE, nothing);
    gnutls_server_name_set(peer->tls, GNUTLS_NAME_DNS, "localhost", 9);
    if (resume.size) gnutls_session_set_data(peer->tls, resume.data, resume.size);
    gnutls_transport_set_ptr(peer->tls, peer);
    gnutls_transport_set_push_function(peer->tls, peer_push);
    gnutls_transport_set_pull_function(peer->tls, peer_pull);
    return peer;
}

gnutls_datum_t peer_session(struct peer *peer)
{
    gnutls_datum_t data = { NULL, 0 };
    uint8_t byte;

    gnutls_record_recv(peer->tls, &byte, 1); /* tickets of TLS 1.3 */
    gnutls_session_get_data2(peer->tls, &data);
    return data;
}

void peer_destroy(struct peer *peer)
{
    if (!peer) return;
    gnutls_deinit(peer->tls);
    free(peer);
}

void peer_feed(struct peer *peer, struct span bytes)
{
    if (sizeof(peer->in) - peer->in_size < bytes.size) return;
    memcpy(peer->in + peer->in_size, bytes.data, bytes.size);
    peer->in_size += bytes.size;
}

struct span peer_output(struct peer *peer)
{
    struct span output = { peer->out, peer->out_size };
    return output;
}

void peer_output_taken(struct peer *peer)
{
    peer->out_size = 0;
}

int peer_handshake(struct peer *peer)
{
    int error;

    do
    {
        error = gnutls_handshake(peer->tls);
    } while (error == GNUTLS_E_WARNING_ALERT_RECEIVED || error == GNUTLS_E_INTERRUPTED);
    peer->done = !error;
    return error;
}

SECURITY_STATUS pair_handshake(struct session *session, struct peer *peer)
{
    struct span input = { NULL, 0 };
    SECURITY_STATUS status;
    unsigned turns;

    for (turns = 0; turns < 20; turns++)
    {
        input = peer_output(peer);
        status = session_handshake(session, &input);
        peer_output_taken(peer);
        if (FAILED(status) && status != SEC_E_INCOMPLETE_MESSAGE) return status;
        if (status == SEC_I_INCOMPLETE_CREDENTIALS) return status;
        peer_feed(peer, session_output(session));
        session_output_taken(session);
        if (!peer->done) peer_handshake(peer);
        if (!status && peer->done) return status;
        if (!status) break;
    }
    return SEC_E_INTERNAL_ERROR;
}

/* --- a key ---------------------------------------------------------------------------------------------- */

static const struct
{
    enum signature_scheme scheme;
    enum identity_type type;
    gnutls_sign_algorithm_t algorithm;
} algorithms[] = {
    { SCHEME_RSA_SHA256, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA256 },
    { SCHEME_RSA_SHA384, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA384 },
    { SCHEME_RSA_SHA512, IDENTITY_RSA, GNUTLS_SIGN_RSA_SHA512 },
    { SCHEME_RSA_PSS_RSAE_SHA256, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256 },
    { SCHEME_RSA_PSS_RSAE_SHA384, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384 },
    { SCHEME_RSA_PSS_RSAE_SHA512, IDENTITY_RSA, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512 },
    { SCHEME_RSA_PSS_PSS_SHA256, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA256 },
    { SCHEME_RSA_PSS_PSS_SHA384, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA384 },
    { SCHEME_RSA_PSS_PSS_SHA512, IDENTITY_RSA_PSS, GNUTLS_SIGN_RSA_PSS_SHA512 },
    { SCHEME_ECDSA_SHA256, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA256 },
    { SCHEME_ECDSA_SHA384, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA384 },
    { SCHEME_ECDSA_SHA512, IDENTITY_ECDSA, GNUTLS_SIGN_ECDSA_SHA512 },
};

static BOOL can_sign(void *context, enum signature_scheme scheme)
{
    struct held_key *key = context;
    unsigned i;

    if (scheme == SCHEME_RSA_MD5_SHA1) return key->type == IDENTITY_RSA && !key->only;
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme && algorithms[i].type == key->type)
            return !key->only || key->only == scheme;
    return FALSE;
}

/* r and s of a DER signature, each as long as the curve's numbers. */
static void split(const gnutls_datum_t *der, unsigned bits, uint8_t *out, size_t *size)
{
    size_t length = (bits + 7) / 8;
    gnutls_datum_t numbers[2];
    unsigned i;

    gnutls_decode_rs_value(der, &numbers[0], &numbers[1]);
    memset(out, 0, 2 * length);
    for (i = 0; i < 2; i++)
    {
        size_t zeros = numbers[i].size > length ? numbers[i].size - length : 0;

        memcpy(out + (i + 1) * length - (numbers[i].size - zeros), numbers[i].data + zeros,
               numbers[i].size - zeros);
        gnutls_free(numbers[i].data);
    }
    *size = 2 * length;
}

static BOOL sign(void *context, enum signature_scheme scheme, struct span hash, uint8_t *signature,
                 size_t *size)
{
    gnutls_datum_t data = { (unsigned char *)hash.data, (unsigned)hash.size }, made;
    gnutls_sign_algorithm_t algorithm = GNUTLS_SIGN_UNKNOWN;
    struct held_key *key = context;
    unsigned i, flags = scheme == SCHEME_RSA_MD5_SHA1 ? GNUTLS_PRIVKEY_SIGN_FLAG_TLS1_RSA : 0;

    key->signatures++;
    key->last = scheme;
    if (key->broken) return FALSE;
    for (i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (algorithms[i].scheme == scheme) algorithm = algorithms[i].algorithm;
    for (;;)
    {
        if (gnutls_privkey_sign_hash2(key->key, algorithm, flags, &data, &made) < 0) return FALSE;
        if (key->type == IDENTITY_ECDSA)
            split(&made, key->bits, signature, size);
        else
            memcpy(signature, made.data, *size = made.size);
        gnutls_free(made.data);
        if (!key->short_r || !signature[0]) return TRUE;
    }
}

static BOOL decrypt(void *context, struct span cipher, uint8_t *plain, size_t *size)
{
    gnutls_datum_t data = { (unsigned char *)cipher.data, (unsigned)cipher.size }, made;
    struct held_key *key = context;

    if (gnutls_privkey_decrypt_data(key->key, 0, &data, &made) < 0) return FALSE;
    memcpy(plain, made.data, *size = made.size);
    gnutls_free(made.data);
    return TRUE;
}

/* --- an identity with it -------------------------------------------------------------------------------- */

static gnutls_pk_algorithm_t pk_of(enum identity_type type)
{
    return type == IDENTITY_RSA       ? GNUTLS_PK_RSA
           : type == IDENTITY_RSA_PSS ? GNUTLS_PK_RSA_PSS
                                      : GNUTLS_PK_ECDSA;
}

static unsigned generation_bits(enum identity_type type, unsigned bits)
{
    if (type != IDENTITY_ECDSA) return bits;
    return GNUTLS_CURVE_TO_BITS(bits == 256   ? GNUTLS_ECC_CURVE_SECP256R1
                                : bits == 384 ? GNUTLS_ECC_CURVE_SECP384R1
                                              : GNUTLS_ECC_CURVE_SECP521R1);
}

struct identity *held_identity(enum identity_type type, unsigned bits, struct held_key *key)
{
    static const unsigned char serial[] = { 2 };
    struct identity_key described = { key, type, bits, can_sign, sign, decrypt };
    struct identity *identity = NULL;
    gnutls_x509_privkey_t private;
    gnutls_datum_t der = { NULL, 0 };
    gnutls_x509_crt_t crt;
    struct span chain;

    memset(key, 0, sizeof(*key));
    key->type = type;
    key->bits = bits;
    gnutls_x509_privkey_init(&private);
    gnutls_x509_privkey_generate(private, pk_of(type), generation_bits(type, bits), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_issuer_dn(crt, "CN=localhost", NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_key(crt, private);
    gnutls_x509_crt_sign2(crt, crt, private, GNUTLS_DIG_SHA256, 0);
    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    gnutls_x509_crt_deinit(crt);
    gnutls_privkey_init(&key->key);
    gnutls_privkey_import_x509(key->key, private, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
    chain.data = der.data;
    chain.size = der.size;
    identity_create(&chain, 1, &described, &identity);
    gnutls_free(der.data);
    return identity;
}

void held_close(struct identity *identity, struct held_key *key)
{
    identity_destroy(identity);
    gnutls_privkey_deinit(key->key);
}

/* --- certificates of tests/pki.py ----------------------------------------------------------------------- */

unsigned pki_chain(const char *name, struct span chain[PEER_CHAIN_MAX])
{
    static BYTE der[65536];
    static char pem[65536];
    char path[MAX_PATH];
    size_t size, used = 0;
    unsigned count = 0;
    const char *at;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s-chain.pem", getenv("PKI") ? getenv("PKI") : ".", name);
    if (!(file = fopen(path, "rb"))) return 0;
    size = fread(pem, 1, sizeof(pem) - 1, file);
    fclose(file);
    pem[size] = 0;
    for (at = pem; (at = strstr(at, "-----BEGIN")) && count < PEER_CHAIN_MAX; at++)
    {
        DWORD room = (DWORD)(sizeof(der) - used);

        if (!CryptStringToBinaryA(at, 0, CRYPT_STRING_BASE64HEADER, der + used, &room, NULL, NULL)) return 0;
        chain[count].data = der + used;
        chain[count++].size = room;
        used += room;
    }
    return count;
}
