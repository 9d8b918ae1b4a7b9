/*
 * Record protection, done directly: one direction of an AEAD suite, in the memory the record lies in.
 *
 * Two framings exist. TLS 1.2 (RFC 5246, 6.2.3.3; RFC 5288; RFC 7905): the content type stands in the header,
 * the additional data are sequence number and header with the plaintext's length, and GCM's nonce is a salt
 * and eight bytes in the record. TLS 1.3 (RFC 8446, 5.2): the type follows the data, encrypted, the
 * additional data are the header, and the nonce is the IV masked with the sequence number.
 *
 * Eight explicit bytes: the sequence number, as GnuTLS does. So a nonce is never used twice, whichever of the
 * two writes a record.
 */
#include "protection.h"
#include "log.h"

#define NONCE_SIZE 12u

struct aad
{
    uint8_t bytes[13];
    size_t size;
};

static void write_number(uint8_t *out, uint64_t number, size_t bytes)
{
    while (bytes--)
    {
        out[bytes] = (uint8_t)number;
        number >>= 8;
    }
}

void protection_clear(struct protection *protection)
{
    if (protection->aead) gnutls_aead_cipher_deinit(protection->aead);
    SecureZeroMemory(protection, sizeof(*protection));
}

BOOL protection_take_over(struct protection *protection, gnutls_session_t tls, BOOL reading,
                          const struct suite *suite, uint16_t version)
{
    gnutls_datum_t iv, key;
    uint8_t sequence[8];
    unsigned i;

    protection_clear(protection);
    if (!suite || suite->cipher->mode != SUITE_AEAD) return FALSE;
    if (gnutls_record_get_state(tls, reading, NULL, &iv, &key, sequence) < 0) return FALSE;

    protection->tls13 = version >= 0x0304;
    protection->version = protection->tls13 ? 0x0303 : version;
    protection->explicit_nonce = protection->tls13 ? 0 : suite->cipher->explicit_nonce;
    protection->tag = suite->cipher->tag;
    if (iv.size != NONCE_SIZE - protection->explicit_nonce) return FALSE;
    memcpy(protection->iv, iv.data, iv.size);
    for (i = 0; i < sizeof(sequence); i++) protection->sequence = protection->sequence << 8 | sequence[i];
    if (gnutls_aead_cipher_init(&protection->aead, suite->cipher->gnutls, &key) < 0)
    {
        protection_clear(protection);
        return FALSE;
    }
    return TRUE;
}

void protection_hand_back(const struct protection *protection, gnutls_session_t tls, BOOL reading)
{
    uint8_t sequence[8];

    if (!protection->aead) return;
    write_number(sequence, protection->sequence, sizeof(sequence));
    if (gnutls_record_set_state(tls, reading, sequence) < 0) ERR("GnuTLS did not take the sequence number\n");
}

static void make_nonce(const struct protection *protection, const uint8_t *explicit_nonce, uint8_t *nonce)
{
    unsigned i;

    memcpy(nonce, protection->iv, NONCE_SIZE);
    if (protection->explicit_nonce)
    {
        memcpy(nonce + NONCE_SIZE - protection->explicit_nonce, explicit_nonce, protection->explicit_nonce);
        return;
    }
    for (i = 0; i < 8; i++) nonce[NONCE_SIZE - 1 - i] ^= (uint8_t)(protection->sequence >> 8 * i);
}

/* `header` is the record's; `size` of the data, for TLS 1.2. */
static void make_aad(const struct protection *protection, const uint8_t *header, size_t size, struct aad *aad)
{
    if (protection->tls13)
    {
        memcpy(aad->bytes, header, RECORD_HEADER_SIZE);
        aad->size = RECORD_HEADER_SIZE;
        return;
    }
    write_number(aad->bytes, protection->sequence, 8);
    memcpy(aad->bytes + 8, header, 3);
    write_number(aad->bytes + 11, size, 2);
    aad->size = 13;
}

/* One pass where all lies in a row, as callers lay it out; the two passes otherwise cost 11 to 15 % more. */
static int encrypt(struct protection *protection, const uint8_t *nonce, const struct aad *aad,
                   struct record_layout *layout, size_t type_size)
{
    uint8_t *data = layout->data_size ? layout->data : layout->trailer;
    uint8_t *tag = layout->trailer + type_size;
    size_t room = layout->data_size + type_size + protection->tag;
    giovec_t associated = { (void *)aad->bytes, aad->size };
    giovec_t parts[2] = { { layout->data, layout->data_size }, { layout->trailer, type_size } };
    size_t tag_size = protection->tag;

    if (data + layout->data_size == layout->trailer)
        return gnutls_aead_cipher_encrypt(protection->aead, nonce, NONCE_SIZE, aad->bytes, aad->size,
                                          protection->tag, data, layout->data_size + type_size, data, &room);
    return gnutls_aead_cipher_encryptv2(protection->aead, nonce, NONCE_SIZE, &associated, 1, parts,
                                        type_size ? 2 : 1, tag, &tag_size);
}

SECURITY_STATUS protection_seal(struct protection *protection, struct record_layout *layout)
{
    size_t type_size = protection->tls13 ? 1 : 0;
    size_t length = protection->explicit_nonce + layout->data_size + type_size + protection->tag;
    uint8_t nonce[NONCE_SIZE];
    struct aad aad;

    layout->header[0] = CONTENT_APPLICATION_DATA;
    write_number(layout->header + 1, protection->version, 2);
    write_number(layout->header + 3, length, 2);
    write_number(layout->header + RECORD_HEADER_SIZE, protection->sequence, protection->explicit_nonce);
    layout->header_size = RECORD_HEADER_SIZE + protection->explicit_nonce;
    if (type_size) layout->trailer[0] = CONTENT_APPLICATION_DATA;
    layout->trailer_size = type_size + protection->tag;

    make_nonce(protection, layout->header + RECORD_HEADER_SIZE, nonce);
    make_aad(protection, layout->header, layout->data_size, &aad);
    if (encrypt(protection, nonce, &aad, layout, type_size) < 0) return SEC_E_ENCRYPT_FAILURE;
    protection->sequence++;
    return SEC_E_OK;
}

/* TLS 1.3: the type is the last byte that is not padding. */
static SECURITY_STATUS find_type(struct opened_content *content)
{
    while (content->size && !content->data[content->size - 1]) content->size--;
    if (!content->size) return SEC_E_ILLEGAL_MESSAGE;
    content->type = content->data[--content->size];
    return SEC_E_OK;
}

SECURITY_STATUS protection_open(struct protection *protection, uint8_t *record, size_t size,
                                struct opened_content *content)
{
    size_t overhead = RECORD_HEADER_SIZE + protection->explicit_nonce + protection->tag;
    SECURITY_STATUS altered = protection->tls13 ? SEC_E_DECRYPT_FAILURE : SEC_E_MESSAGE_ALTERED;
    uint8_t nonce[NONCE_SIZE];
    struct aad aad;
    size_t room;

    if (size < overhead) return altered;
    content->type = record[0];
    content->data = record + RECORD_HEADER_SIZE + protection->explicit_nonce;
    content->size = content->inner_size = room = size - overhead;

    make_nonce(protection, record + RECORD_HEADER_SIZE, nonce);
    make_aad(protection, record, content->size, &aad);
    if (gnutls_aead_cipher_decrypt(protection->aead, nonce, NONCE_SIZE, aad.bytes, aad.size, protection->tag,
                                   content->data, content->size + protection->tag, content->data, &room) < 0)
        return altered;
    if (protection->tls13 && find_type(content)) return SEC_E_ILLEGAL_MESSAGE;
    return content->size <= RECORD_DATA_MAX ? SEC_E_OK : SEC_E_ILLEGAL_MESSAGE;
}

void protection_opened(struct protection *protection)
{
    protection->sequence++;
}

SECURITY_STATUS protection_close(struct protection *protection, uint8_t *record,
                                 const struct opened_content *content)
{
    size_t room = content->inner_size + protection->tag;
    uint8_t nonce[NONCE_SIZE];
    struct aad aad;

    make_nonce(protection, record + RECORD_HEADER_SIZE, nonce);
    make_aad(protection, record, content->inner_size, &aad);
    if (gnutls_aead_cipher_encrypt(protection->aead, nonce, NONCE_SIZE, aad.bytes, aad.size, protection->tag,
                                   content->data, content->inner_size, content->data, &room) < 0)
        return SEC_E_INTERNAL_ERROR;
    return SEC_E_OK;
}
