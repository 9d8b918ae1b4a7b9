/*
 * The engine that is OpenSSL, as a program without Wine has it, with memory BIOs: the other ceiling.
 */
#include "bench.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct credential
{
    SSL_CTX *context;
    SSL_SESSION *kept;
    unsigned use;
};

struct end
{
    struct credential *credential;
    SSL *tls;
    BIO *in, *out;
};

/* What came of a record, and what was in one; not a connection's, whose memory is measured. */
static uint8_t sealed_memory[OUTPUT_MAX], text[16384];

const char *engine_init(void)
{
    static char name[64];

    snprintf(name, sizeof(name), "OpenSSL %s", OpenSSL_version(OPENSSL_VERSION_STRING));
    return name;
}

long engine_status(void)
{
    return (long)ERR_peek_last_error();
}

static int keep(SSL *tls, SSL_SESSION *session)
{
    struct credential *credential = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

    SSL_SESSION_free(credential->kept);
    credential->kept = session;
    return 1; /* it is ours */
}

static bool configure(SSL_CTX *context, const struct suite *suite, unsigned use)
{
    int version = suite->protocol == PROTOCOL_TLS13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    char chain[512], key[512];

    if (!SSL_CTX_set_min_proto_version(context, version) ||
        !SSL_CTX_set_max_proto_version(context, version) ||
        !SSL_CTX_set1_groups_list(context, suite->openssl_group))
        return false;
    if (suite->protocol == PROTOCOL_TLS13 ? !SSL_CTX_set_ciphersuites(context, suite->openssl)
                                          : !SSL_CTX_set_cipher_list(context, suite->openssl))
        return false;
    if (!(use & USE_RESUME))
    {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    else if (!(use & USE_SERVER))
    {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep);
    }
    if (!(use & USE_SERVER)) return true;
    snprintf(chain, sizeof(chain), "%s/%s-chain.pem", pki_folder, suite->certificate);
    snprintf(key, sizeof(key), "%s/%s.key", pki_folder, suite->certificate);
    return SSL_CTX_use_certificate_chain_file(context, chain) == 1 &&
           SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;
}

struct credential *engine_credential(const struct suite *suite, unsigned use, char why[128])
{
    struct credential *credential = calloc(1, sizeof(*credential));

    credential->use = use;
    credential->context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_app_data(credential->context, credential);
    if (suite->protocol != PROTOCOL_DTLS12 && !(use & USE_VALIDATE) &&
        configure(credential->context, suite, use))
        return credential;
    snprintf(why, 128, "not measured, or %s", ERR_reason_error_string(ERR_peek_last_error()));
    engine_forget(credential);
    return NULL;
}

void engine_forget(struct credential *credential)
{
    SSL_SESSION_free(credential->kept);
    SSL_CTX_free(credential->context);
    free(credential);
}

/* Nothing is kept but by the program. */
void engine_empty(void)
{
}

static void prepare(struct end *end)
{
    struct credential *credential = end->credential;

    end->tls = SSL_new(credential->context);
    end->in = BIO_new(BIO_s_mem());
    end->out = BIO_new(BIO_s_mem());
    SSL_set_bio(end->tls, end->in, end->out);
    if (credential->use & USE_SERVER)
        SSL_set_accept_state(end->tls);
    else
    {
        SSL_set_connect_state(end->tls);
        SSL_set_tlsext_host_name(end->tls, "localhost");
        if (credential->kept) SSL_set_session(end->tls, credential->kept);
    }
}

struct end *engine_open(struct credential *credential)
{
    struct end *end = calloc(1, sizeof(*end));

    end->credential = credential;
    CLOCKED(prepare(end));
    return end;
}

/* Without a word of good-bye the session would be of no use to the next connection. */
void engine_close(struct end *end)
{
    CLOCKED(SSL_set_shutdown(end->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); SSL_free(end->tls));
    free(end);
}

static void take(struct end *end, struct bytes *out)
{
    int got = BIO_read(end->out, out->data + out->size, (int)(OUTPUT_MAX - out->size));

    if (got > 0) out->size += (size_t)got;
}

enum step engine_handshake(struct end *end, struct bytes *in, struct bytes *out)
{
    int result, error;

    ERR_clear_error();
    CLOCKED(if (in->size) BIO_write(end->in, in->data, (int)in->size); result = SSL_do_handshake(end->tls);
            error = SSL_get_error(end->tls, result); take(end, out));
    in->size = 0;
    if (result == 1) return STEP_DONE;
    return error == SSL_ERROR_WANT_READ ? STEP_MORE : STEP_FAILED;
}

/* What came with the handshake's last bytes is in the BIO already. */
bool engine_settle(struct end *end, struct bytes *in)
{
    if (in->size) BIO_write(end->in, in->data, (int)in->size);
    in->size = 0;
    return SSL_read(end->tls, text, 1) <= 0;
}

bool engine_resumed(struct end *end)
{
    return SSL_session_reused(end->tls) == 1;
}

bool engine_encrypt(struct end *end, uint8_t *room, size_t size, struct bytes *sealed)
{
    bool good = SSL_write(end->tls, room + HEADER_MAX, (int)size) == (int)size;

    *sealed = (struct bytes){ sealed_memory, 0 };
    take(end, sealed);
    return good;
}

bool engine_decrypt(struct end *end, struct bytes record, struct bytes *plain)
{
    int got;

    BIO_write(end->in, record.data, (int)record.size);
    got = SSL_read(end->tls, text, 16384);
    *plain = (struct bytes){ text, got > 0 ? (size_t)got : 0 };
    return got > 0;
}
