/*
 * DTLS through the door: two sides in one process with a network in between that loses, repeats, reorders and
 * changes datagrams as it is told; and other people's servers over UDP.
 */
#include "test.h"
#include "sides.h"
#include <stdio.h>

#define CLIENT_DTLS12   SP_PROT_DTLS1_2_CLIENT
#define SERVER_DTLS12   SP_PROT_DTLS1_2_SERVER
#define DATAGRAM_FLAGS  (CLIENT_FLAGS | ISC_REQ_DATAGRAM)
#define DATAGRAM_SERVER (SERVER_FLAGS | ASC_REQ_DATAGRAM)

/* --- the network ---------------------------------------------------------------------------------------- */

struct datagram
{
    ULONG size;
    BYTE bytes[2048];
};

#define QUEUE 256

struct queue
{
    struct datagram *datagrams;
    unsigned first, count;
    BOOL held; /* one waits for the next to overtake it */
    struct datagram late;
};

static unsigned random_state;
static unsigned faults; /* of 100 datagrams */

static unsigned chance(unsigned of)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % of;
}

static void put(struct queue *queue, const BYTE *bytes, ULONG size)
{
    struct datagram *datagram;

    if (!queue->datagrams) queue->datagrams = malloc(QUEUE * sizeof(*queue->datagrams));
    if (queue->count == QUEUE || size > sizeof(datagram->bytes)) return; /* lost */
    datagram = &queue->datagrams[(queue->first + queue->count++) % QUEUE];
    memcpy(datagram->bytes, bytes, size);
    datagram->size = size;
}

static BOOL get(struct queue *queue, struct datagram *datagram)
{
    if (!queue->count)
    {
        if (!queue->held) return FALSE;
        *datagram = queue->late;
        queue->held = FALSE;
        return TRUE;
    }
    *datagram = queue->datagrams[queue->first];
    queue->first = (queue->first + 1) % QUEUE;
    queue->count--;
    return TRUE;
}

/* A datagram on its way. */
static void transmit(struct queue *queue, const BYTE *bytes, ULONG size)
{
    BYTE changed[2048];

    if (size > sizeof(changed)) return;
    if (chance(100) < faults) switch (chance(4))
        {
        case 0: /* lost */
            return;
        case 1:
            put(queue, bytes, size);
            break;
        case 2:
            if (queue->held) break;
            queue->held = TRUE;
            queue->late.size = size;
            memcpy(queue->late.bytes, bytes, size);
            return;
        default:
            memcpy(changed, bytes, size);
            changed[chance(size)] ^= (BYTE)(1 + chance(255));
            bytes = changed;
            break;
        }
    put(queue, bytes, size);
    if (!queue->held) return;
    put(queue, queue->late.bytes, queue->late.size);
    queue->held = FALSE;
}

/* --- sides ---------------------------------------------------------------------------------------------- */

struct party
{
    BOOL server;
    CredHandle credential;
    CtxtHandle context;
    BOOL has_context;
    ULONG requirements, attributes;
    TimeStamp expiry;
    SECURITY_STATUS status;
    WORD mtu;
    const char *address; /* of its client, for a server; NULL: it says none */
    SecBuffer given[3];
    ULONG given_count;
    struct queue in;
    unsigned datagrams, fragments; /* sent; of those that said SEC_I_MESSAGE_FRAGMENT */
    ULONG longest;
    BYTE last[2048]; /* the last one sent */
    ULONG last_size;
};

static void party_open(struct party *party, BOOL server, DWORD protocols, DWORD flags,
                       PCCERT_CONTEXT *certificate)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION,
                           .cCreds = certificate ? 1 : 0,
                           .paCred = certificate,
                           .grbitEnabledProtocols = protocols,
                           .dwFlags = flags | SCH_CRED_MANUAL_CRED_VALIDATION | SCH_CRED_NO_DEFAULT_CREDS };

    memset(party, 0, sizeof(*party));
    party->server = server;
    party->requirements = server ? DATAGRAM_SERVER : DATAGRAM_FLAGS;
    party->address = "\x02\x00\x12\x34\x7f\x00\x00\x01";
    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W,
                                              server ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND, NULL,
                                              &cred, NULL, NULL, &party->credential, NULL),
              SEC_E_OK);
}

static void party_hang_up(struct party *party)
{
    if (party->has_context) sspi->DeleteSecurityContext(&party->context);
    party->has_context = FALSE;
    memset(&party->context, 0, sizeof(party->context));
    free(party->in.datagrams);
    memset(&party->in, 0, sizeof(party->in));
    party->status = SEC_I_CONTINUE_NEEDED;
}

static void party_close(struct party *party)
{
    party_hang_up(party);
    sspi->FreeCredentialsHandle(&party->credential);
}

/* One call; NULL: without input. Its datagram goes to `to`, unless that is NULL. */
static SECURITY_STATUS call(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SecBuffer in[7], out[2] = { { 0, SECBUFFER_TOKEN, NULL }, { 0, SECBUFFER_ALERT, NULL } };
    SecBufferDesc in_desc = { SECBUFFER_VERSION, 0, in }, out_desc = { SECBUFFER_VERSION, 2, out };
    BYTE copy[2048];
    WORD mtu = party->mtu;
    BOOL first = !party->has_context;

    if (datagram)
    {
        memcpy(copy, datagram->bytes, datagram->size);
        in[in_desc.cBuffers++] = (SecBuffer){ datagram->size, SECBUFFER_TOKEN, copy };
        in[in_desc.cBuffers++] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    }
    if (party->server && datagram && party->address)
        in[in_desc.cBuffers++] = (SecBuffer){ 8, SECBUFFER_EXTRA, (void *)party->address };
    if (first && mtu) in[in_desc.cBuffers++] = (SecBuffer){ sizeof(mtu), SECBUFFER_DTLS_MTU, &mtu };
    if (first || party->server)
    {
        memcpy(in + in_desc.cBuffers, party->given, party->given_count * sizeof(*in));
        in_desc.cBuffers += party->given_count;
    }
    if (party->server)
        party->status = sspi->AcceptSecurityContext(&party->credential, first ? NULL : &party->context,
                                                    &in_desc, party->requirements, 0, &party->context,
                                                    &out_desc, &party->attributes, &party->expiry);
    else
        party->status = sspi->InitializeSecurityContextW(
            &party->credential, first ? NULL : &party->context, (WCHAR *)L"localhost", party->requirements, 0,
            0, in_desc.cBuffers ? &in_desc : NULL, 0, &party->context, &out_desc, &party->attributes,
            &party->expiry);
    if (!FAILED(party->status) && party->context.dwLower) party->has_context = TRUE;
    if (out[0].pvBuffer && out[0].cbBuffer &&
        (!FAILED(party->status) || party->requirements & ISC_REQ_EXTENDED_ERROR))
    {
        party->datagrams++;
        party->fragments += party->status == SEC_I_MESSAGE_FRAGMENT;
        party->longest = max(party->longest, out[0].cbBuffer);
        party->last_size = min(out[0].cbBuffer, sizeof(party->last));
        memcpy(party->last, out[0].pvBuffer, party->last_size);
        if (to) transmit(to, out[0].pvBuffer, out[0].cbBuffer);
    }
    if (out[0].pvBuffer) sspi->FreeContextBuffer(out[0].pvBuffer);
    return party->status;
}

/* A call and the rest of its flight. */
static SECURITY_STATUS speak(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SECURITY_STATUS status = call(party, datagram, to);

    while (status == SEC_I_MESSAGE_FRAGMENT) status = call(party, NULL, to);
    return status;
}

/* DecryptMessage of a datagram; TRUE: it was that text. */
static BOOL read_data(struct party *party, const struct datagram *datagram, const char *text,
                      SECURITY_STATUS *status)
{
    SecBuffer buffers[4] = { { 0 } };
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };
    struct datagram copy = *datagram;

    buffers[0] = (SecBuffer){ copy.size, SECBUFFER_DATA, copy.bytes };
    *status = sspi->DecryptMessage(&party->context, &desc, 0, NULL);
    return !*status && buffers[1].BufferType == SECBUFFER_DATA && buffers[1].cbBuffer == strlen(text) &&
           !memcmp(buffers[1].pvBuffer, text, strlen(text));
}

static BOOL seal(struct party *party, const char *text, struct datagram *datagram)
{
    SecPkgContext_StreamSizes sizes;
    ULONG size = (ULONG)strlen(text);
    SecBuffer buffers[4];
    SecBufferDesc desc = { SECBUFFER_VERSION, 4, buffers };

    if (sspi->QueryContextAttributesW(&party->context, SECPKG_ATTR_DATAGRAM_SIZES, &sizes)) return FALSE;
    memcpy(datagram->bytes + sizes.cbHeader, text, size);
    buffers[0] = (SecBuffer){ sizes.cbHeader, SECBUFFER_STREAM_HEADER, datagram->bytes };
    buffers[1] = (SecBuffer){ size, SECBUFFER_DATA, datagram->bytes + sizes.cbHeader };
    buffers[2] =
        (SecBuffer){ sizes.cbTrailer, SECBUFFER_STREAM_TRAILER, datagram->bytes + sizes.cbHeader + size };
    buffers[3] = (SecBuffer){ 0, SECBUFFER_EMPTY, NULL };
    if (sspi->EncryptMessage(&party->context, 0, &desc, 0)) return FALSE;
    datagram->size = buffers[0].cbBuffer + buffers[1].cbBuffer + buffers[2].cbBuffer;
    return TRUE;
}

/* A datagram arrives: at a handshake, or behind it. What the status of DecryptMessage asks for is done. */
static void arrive(struct party *party, const struct datagram *datagram, struct queue *to)
{
    SECURITY_STATUS status;

    if (party->status != SEC_E_OK)
    {
        status = speak(party, datagram, to);
        if (status == SEC_E_INCOMPLETE_MESSAGE || status == SEC_I_INCOMPLETE_CREDENTIALS ||
            (!party->has_context && status == SEC_E_ILLEGAL_MESSAGE))
        {
            if (status == SEC_I_INCOMPLETE_CREDENTIALS)
                speak(party, NULL, to);
            else
                party->status = SEC_I_CONTINUE_NEEDED;
        }
        return;
    }
    read_data(party, datagram, "", &status);
    if (status == SEC_E_UNFINISHED_CONTEXT_DELETED) speak(party, datagram, to);
}

/* A whole handshake over the network; how often somebody lost patience. FALSE: it came to no end. */
static BOOL shake(struct party *client, struct party *server, unsigned *timeouts)
{
    struct datagram datagram;
    unsigned turns;

    client->status = server->status = SEC_I_CONTINUE_NEEDED;
    *timeouts = 0;
    speak(client, NULL, &server->in);
    for (turns = 0; turns < 1000 && (client->status || server->status); turns++)
    {
        if (get(&server->in, &datagram))
            arrive(server, &datagram, &client->in);
        else if (get(&client->in, &datagram))
            arrive(client, &datagram, &server->in);
        else
        {
            ++*timeouts;
            if (client->status)
                speak(client, NULL, &server->in);
            else
                speak(server, NULL, &client->in);
        }
        if ((FAILED(client->status) || FAILED(server->status))) return FALSE;
    }
    return !client->status && !server->status;
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void test_a_handshake_in_both_versions(void)
{
    static const DWORD versions[][2] = { { SP_PROT_DTLS1_2_CLIENT, SP_PROT_DTLS1_2_SERVER },
                                         { SP_PROT_DTLS1_0_CLIENT, SP_PROT_DTLS1_0_SERVER },
                                         { 0, 0 } };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(versions); i++)
    {
        SecPkgContext_CipherInfo cipher = { .dwVersion = SECPKGCONTEXT_CIPHERINFO_V1 };
        SecPkgContext_ConnectionInfo info = { 0 };
        struct party client, server;
        struct datagram datagram;
        SECURITY_STATUS status;
        unsigned timeouts;

        party_open(&client, FALSE, versions[i][0], 0, NULL);
        party_open(&server, TRUE, versions[i][1], 0, &server_certificate);
        ok(shake(&client, &server, &timeouts), "row %u: %#lx, %#lx\n", i, client.status, server.status);
        ok(!timeouts, "row %u: %u timeouts\n", i, timeouts);
        ok(client.attributes == DATAGRAM_FLAGS, "row %u: attributes %#lx\n", i, client.attributes);
        ok(server.attributes == DATAGRAM_SERVER, "row %u: attributes %#lx\n", i, server.attributes);
        ok_status(sspi->QueryContextAttributesW(&client.context, SECPKG_ATTR_CONNECTION_INFO, &info),
                  SEC_E_OK);
        ok(info.dwProtocol == (versions[i][0] ? versions[i][0] : SP_PROT_DTLS1_2_CLIENT),
           "row %u: protocol %#lx\n", i, info.dwProtocol);
        ok_status(sspi->QueryContextAttributesW(&server.context, SECPKG_ATTR_CIPHER_INFO, &cipher), SEC_E_OK);
        ok(cipher.dwProtocol == (i == 1 ? 0xfeff : 0xfefd), "row %u: version %#lx\n", i, cipher.dwProtocol);
        ok(seal(&client, "to the server", &datagram) &&
               read_data(&server, &datagram, "to the server", &status),
           "row %u: not read\n", i);
        ok(seal(&server, "to the client", &datagram) &&
               read_data(&client, &datagram, "to the client", &status),
           "row %u: not read\n", i);
        party_close(&client);
        party_close(&server);
    }
}

START_TEST(sspi_dtls)
{
    if (!sspi_open()) return;
    random_state = 1;
    server_certificate = pfx_certificate("rsa", PKCS12_NO_PERSIST_KEY | CRYPT_EXPORTABLE);
    RUN(test_a_handshake_in_both_versions);
}
