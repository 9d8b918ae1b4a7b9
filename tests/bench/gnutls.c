/*
 * The engine that is GnuTLS, as a program without Wine has it: what the machine can do.
 */
#include "wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct credential
{
    gnutls_certificate_credentials_t certificates;
    gnutls_priority_t priority;
    gnutls_datum_t ticket_key, kept; /* a server's, a client's session */
    unsigned use;
};

struct end
{
    struct credential *credential;
    gnutls_session_t tls;
    struct wire wire;
};

/* What came of a record, and what was in one; not a connection's, whose memory is measured. */
static uint8_t sealed_memory[OUTPUT_MAX], text[16384];

static int last;

const char *engine_init(void)
{
    static char name[64];

    gnutls_global_init();
    snprintf(name, sizeof(name), "GnuTLS %s", gnutls_check_version(NULL));
    return name;
}

long engine_status(void)
{
    return last;
}

struct credential *engine_credential(const struct suite *suite, unsigned use, char why[128])
{
    struct credential *credential = calloc(1, sizeof(*credential));
    char chain[512], key[512], priority[PRIORITY_MAX];

    credential->use = use;
    suite_priority(suite, priority);
    gnutls_certificate_allocate_credentials(&credential->certificates);
    snprintf(chain, sizeof(chain), "%s/%s-chain.pem", pki_folder, suite->certificate);
    snprintf(key, sizeof(key), "%s/%s.key", pki_folder, suite->certificate);
    last = gnutls_priority_init(&credential->priority, priority, NULL);
    if (suite->protocol == PROTOCOL_DTLS12 || use & USE_VALIDATE)
        last = GNUTLS_E_UNIMPLEMENTED_FEATURE; /* here */
    if (last >= 0 && use & USE_SERVER)
        last =
            gnutls_certificate_set_x509_key_file(credential->certificates, chain, key, GNUTLS_X509_FMT_PEM);
    if (last >= 0 && use & USE_SERVER) gnutls_session_ticket_key_generate(&credential->ticket_key);
    if (last >= 0) return credential;
    snprintf(why, 128, "%s", gnutls_strerror(last));
    engine_forget(credential);
    return NULL;
}

void engine_forget(struct credential *credential)
{
    gnutls_certificate_free_credentials(credential->certificates);
    if (credential->priority) gnutls_priority_deinit(credential->priority);
    gnutls_free(credential->ticket_key.data);
    gnutls_free(credential->kept.data);
    free(credential);
}

/* Nothing is kept but by the program. */
void engine_empty(void)
{
}

static void prepare(struct end *end)
{
    struct credential *credential = end->credential;
    unsigned flags = credential->use & USE_SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT;

    if (!(credential->use & USE_RESUME)) flags |= GNUTLS_NO_TICKETS;
    gnutls_init(&end->tls, flags | GNUTLS_NONBLOCK);
    gnutls_priority_set(end->tls, credential->priority);
    gnutls_credentials_set(end->tls, GNUTLS_CRD_CERTIFICATE, credential->certificates);
    wire_attach(&end->wire, end->tls);
    if (!(credential->use & USE_SERVER)) gnutls_server_name_set(end->tls, GNUTLS_NAME_DNS, "localhost", 9);
    if (!(credential->use & USE_RESUME)) return;
    if (credential->use & USE_SERVER) gnutls_session_ticket_enable_server(end->tls, &credential->ticket_key);
    if (credential->kept.size)
        gnutls_session_set_data(end->tls, credential->kept.data, credential->kept.size);
}

struct end *engine_open(struct credential *credential)
{
    struct end *end = calloc(1, sizeof(*end));

    end->credential = credential;
    end->wire.room = OUTPUT_MAX;
    CLOCKED(prepare(end));
    return end;
}

void engine_close(struct end *end)
{
    CLOCKED(gnutls_deinit(end->tls));
    free(end);
}

enum step engine_handshake(struct end *end, struct bytes *in, struct bytes *out)
{
    end->wire.in = *in;
    end->wire.out = *out;
    CLOCKED(last = gnutls_handshake(end->tls));
    *in = end->wire.in;
    *out = end->wire.out;
    if (last == GNUTLS_E_AGAIN) return STEP_MORE;
    return last < 0 ? STEP_FAILED : STEP_DONE;
}

bool engine_settle(struct end *end, struct bytes *in)
{
    struct credential *credential = end->credential;

    end->wire.in = *in;
    gnutls_record_recv(end->tls, text, 1);
    *in = end->wire.in;
    gnutls_free(credential->kept.data);
    credential->kept.data = NULL;
    return (last = gnutls_session_get_data2(end->tls, &credential->kept)) >= 0;
}

bool engine_resumed(struct end *end)
{
    return gnutls_session_is_resumed(end->tls);
}

bool engine_encrypt(struct end *end, uint8_t *room, size_t size, struct bytes *sealed)
{
    end->wire.out = (struct bytes){ sealed_memory, 0 };
    last = (int)gnutls_record_send(end->tls, room + HEADER_MAX, size);
    *sealed = end->wire.out;
    return last == (int)size;
}

bool engine_decrypt(struct end *end, struct bytes record, struct bytes *plain)
{
    end->wire.in = record;
    last = (int)gnutls_record_recv(end->tls, text, 16384);
    *plain = (struct bytes){ text, (size_t)last };
    return last > 0;
}
